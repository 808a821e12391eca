"""A desk with both sides of a sale: the seller's people, the buyer's, and records between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.access import AccessDenied, RecordAccessed
from domain.notice import NoticeDelivered, NoticeIssued
from domain.subject import SubjectFound
from domain.values import later
from ledger import custody, deals
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.recorder import Submission
from ledger.signing import Proposal, new_ids, now, sign_all
from tests.ledger.desk import Desk, cheap_keys
from tests.ledger.ledgers import Firm, add_person, buyer

LONG_AGO = "2001-01-31"


class Deal(Desk):
    """The firm merges into another. For it, Qian hands over and Wu looks on; for the buyer, He
    receives, Ma looks on and Lin keeps. Zhou is the firm's clerk.

    All that comes before a list is signed. Every record that is ready is about one customer, who
    was told of the deal.
    """

    def __init__(self, firm: Firm, home: Path) -> None:
        super().__init__(firm, home)
        with firm.open() as ledger:
            admin = ledger.acting(firm.founded.actor)
            proposal = buyer()
            ledger.act(admin, [proposal])
            self.seller, self.buyer = firm.founded.party, proposal.stream

            def person(party: str, *roles: str) -> Acting:
                return add_person(ledger, admin, party, roles)

            qian, he = person(self.seller, "seller_handler"), person(self.buyer, "buyer_handler",
                                                                     "reviewer")  # fmt: skip
            self.qian, self.he = qian.actor, he.actor
            self.wu = person(self.seller, "supervisor").actor
            self.zhou = person(self.seller, "collector").actor
            self.ma = person(self.buyer, "supervisor").actor
            self.lin = person(self.buyer, "custodian", "archivist").actor
            others = [(self.wu, "supervisor"), (self.ma, "supervisor")]
            self.deal, self.notice = merge(ledger, admin, qian, he, others)
        self.customer, self.told = new_ids("subject")[0], False

    def introduce(self, *records: str) -> None:
        """Say that records are about the customer, who is told of the deal the first time."""
        with self.firm.open() as ledger:
            notice = None if self.told else self.notice
            introduce(ledger, ledger.acting(self.qian), self.deal, self.customer, records, notice)
        self.told = True

    def ready(self, name: str = "合同.txt", *, day: str = "2026-01-31") -> str:
        """A record about the customer, classified and with a period from a day."""
        record = self.collect(name, f"{name} 的内容")
        self.classify(record)
        self.did("retention", "assign", record, "--trigger", "contract_ended", "--date", day)
        self.introduce(record)
        return record

    def classify(self, record: str) -> None:
        self.did("classify", record, "--category", "contract", "--level", "general_3",
                 "--sensitivity", "general_pi")  # fmt: skip

    def copies(self, record: str) -> list[dict[str, Any]]:
        return list(self.json("where", record))

    def original(self, record: str) -> str:
        """The copy in which a record was collected."""
        return str(self.copies(record)[0]["holding"])

    # -- handing over

    def planned(self) -> str:
        return str(self.json(
            "handover", "plan", "--engagement", self.deal, "--buyer-handler", self.he,
            "--first-day", "2020-01-01", "--last-day", "2099-12-31", "--inspection-days", "15",
            "--place", "三号仓库", "--as", self.qian,
        )["handover"])  # fmt: skip

    def frozen(self, *records: str) -> str:
        handover = self.planned()
        self.did("handover", "freeze", handover, *records, "--as", self.qian)
        return handover

    def released(self, *records: str) -> str:
        handover = self.frozen(*records)
        self.did("handover", "release", handover, "--as", self.qian)
        return handover

    def received(self, *records: str) -> str:
        handover = self.released(*records)
        self.did("handover", "receive", handover, "--as", self.he)
        return handover

    def inspected(self, *records: str) -> str:
        handover = self.received(*records)
        self.did("handover", "inspect", handover, "--accept-rest", "--as", self.he)
        return handover

    def handed_over(self, *records: str) -> str:
        handover = self.inspected(*records)
        self.confirm(handover)
        return handover

    def confirm(self, handover: str) -> None:
        """Both handlers and both supervisors sign one draft, and it is submitted."""
        signers = ((self.he, "buyer_handler"), (self.wu, "supervisor"), (self.ma, "supervisor"))
        self.jointly("handover", "confirm", handover, author=self.qian, others=signers)

    def jointly(self, *arguments: str, author: str, others: Sequence[tuple[str, str]]) -> None:
        """An act that several persons sign: a draft is written, signed by each, and submitted."""
        draft = self.home / "joint.commit"
        draft.unlink(missing_ok=True)
        beside = [part for actor, role in others for part in ("--with", f"{actor}:{role}")]
        self.did(*arguments, *beside, "--draft", str(draft), "--as", author)
        for actor, _ in others:
            self.did("sign", str(draft), "--yes", "--as", actor)
        self.did("submit", str(draft))


Under = dict[str, Any]


def merge(
    ledger: Ledger, admin: Acting, qian: Acting, he: Acting, others: Sequence[tuple[str, str]]
) -> tuple[str, str]:
    """A merger of the handlers' parties, with everything signed: the deal, and its notice.

    `others`: actors and roles whose keys are agreed on besides those of the handlers.
    """
    seller, buyer_ = qian.state.party, he.state.party
    opening = deals.open_engagement("merger", seller, buyer_, None, title="合并")
    ledger.act(admin, [opening])
    deal = opening.stream
    under: Under = {"engagement": deal, "role": "seller_handler"}
    kinds = ("evidence_agreement", "nda", "pipia")
    papers = [deals.attach_document(k, "0" * 64, 9, "application.pdf") for k in kinds]
    for paper in papers:
        ledger.act(qian, [paper], **under)
    agreement, nda, pipia = (paper.stream for paper in papers)
    signers = [(qian.actor, "seller_handler"), (he.actor, "buyer_handler"), *others]
    agreed = deals.sign_agreement(
        ledger, deal, agreement, signers, time_source="ledger", extraction="evidence_bundle"
    )
    secret = deals.sign_nda(
        deal, nda, seller, buyer_, categories=[], begins_on="2026-01-01", ends_on=None,
        survival_days=730,
    )  # fmt: skip
    for said in (agreed, secret):
        together(ledger, qian, he, said, **under)
    ledger.act(qian, [deals.record_pipia(deal, pipia, [], "acceptable", "2099-12-31")], **under)
    issued = Proposal(NoticeIssued, new_ids("notice")[0], {
        "kind": "art_22", "recipient": buyer_, "channel": "sms", "template_version": 1, "count": 1,
    }, {"content": "0" * 64})  # fmt: skip
    ledger.act(qian, [issued], **under)
    return deal, issued.stream


def introduce(
    ledger: Ledger,
    qian: Acting,
    deal: str,
    customer: str,
    records: Sequence[str],
    notice: str | None = None,
) -> None:
    """Say that records are about a customer, and that a notice reached them."""
    under: Under = {"engagement": deal, "role": "seller_handler"}
    found = Proposal(SubjectFound, customer, {"records": list(records)})
    ledger.act(qian, [found], **under)
    if notice is not None:
        told = {
            "subjects": [customer], "status": "delivered", "channel": "sms", "delivered_at": now(),
        }  # fmt: skip
        ledger.act(qian, [Proposal(NoticeDelivered, notice, told)], **under)


def together(ledger: Ledger, one: Acting, other: Acting, said: Proposal, **options: Any) -> None:
    """What both handlers sign, without the way of a draft."""
    events, ciphertexts = ledger.build(one, [said], **options)
    unsigned = ledger.note_over(
        one, events, ciphertexts, until=later(now(), days=1),
        cosigners=[other.cosigner("buyer_handler")],
    )  # fmt: skip
    signed = sign_all(unsigned.note, [one.key, other.key])
    ledger.record(events, Submission(signed, unsigned.states, unsigned.ciphertexts))


def deal_at(firm: Firm, home: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    """A deal on a ledger of the test's own, in a folder to work in."""
    monkeypatch.chdir(home)
    cheap_keys(monkeypatch)
    return Deal(firm, home)


# -- access, as it is said to the ledger --------------------------------------------------------


def granting(actor: str, record: str, *, ends: str = "2099-12-31T00:00:00.000Z") -> Proposal:
    return custody.grant_access(
        actor, records=[record], categories=[], modes=["view"], purposes=["service_delivery"],
        begins="2026-01-01T00:00:00.000Z", ends=ends,
    )  # fmt: skip


def accessing(copy: str, record: str, grant: str) -> Proposal:
    return Proposal(RecordAccessed, record, {
        "holding": copy, "mode": "view", "purpose": "service_delivery", "grant": grant,
        "outcome": "allowed", "intact": True,
    }, {"ticket": "T-17"})  # fmt: skip


def denied(copy: str, record: str, rule: str) -> Proposal:
    return Proposal(AccessDenied, record, {
        "holding": copy, "mode": "view", "purpose": "service_delivery", "rule": rule,
    })  # fmt: skip

"""A desk with both sides of a sale: the seller's people, the buyer's, and records between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from domain.access import AccessDenied, RecordAccessed
from ledger import custody
from ledger.signing import Proposal
from tests.ledger.desk import Desk, cheap_keys
from tests.ledger.ledgers import Firm, add_person, buyer

LONG_AGO = "2001-01-31"


class Deal(Desk):
    """The firm sells. For it, Qian hands over and Wu looks on; for the buyer, He receives, Ma
    looks on and Lin keeps. Zhou is the firm's clerk."""

    def __init__(self, firm: Firm, home: Path) -> None:
        super().__init__(firm, home)
        with firm.open() as ledger:
            admin = ledger.acting(firm.founded.actor)
            proposal = buyer()
            ledger.act(admin, [proposal])
            self.seller, self.buyer = firm.founded.party, proposal.stream

            def person(party: str, *roles: str) -> str:
                return add_person(ledger, admin, party, roles).actor

            self.qian = person(self.seller, "seller_handler")
            self.wu = person(self.seller, "supervisor")
            self.zhou = person(self.seller, "collector")
            self.he = person(self.buyer, "buyer_handler", "reviewer")
            self.ma = person(self.buyer, "supervisor")
            self.lin = person(self.buyer, "custodian", "archivist")

    def ready(self, name: str = "合同.txt", *, day: str = "2026-01-31") -> str:
        """A record, classified and with a period from a day."""
        record = self.collect(name, f"{name} 的内容")
        self.classify(record)
        self.did("retention", "assign", record, "--trigger", "contract_ended", "--date", day)
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
            "handover", "plan", "--to", self.buyer, "--buyer-handler", self.he, "--mode",
            "asset_or_store_transfer", "--first-day", "2026-11-01", "--last-day", "2026-12-31",
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

    def handed_over(self, *records: str) -> str:
        handover = self.received(*records)
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

"""The firm with everybody that the six acts need, and the buyer with its own people.

>>> estate = Estate.open()
>>> copy = estate.holding_of(estate.ripe())
>>> case = estate.approved(copy)
>>> estate.does(estate.chen, "destruction_operator", execute(case, [copy]))
>>> estate.does(estate.li, "reviewer", verify_destruction(case, [copy]))
>>> estate.does(estate.wang, "archivist", certify(case, [copy]))
>>> estate.judge(estate.wang, "collector", correct(estate.record(estate.inside(copy))))
['holding_is_destroyed', 'record_is_over']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from msgspec import UNSET

from domain.copies import HoldingState
from domain.destruction import CaseState
from domain.handover import HandoverState
from domain.judging import State
from domain.values import Event
from tests.domain.deal_words import agree, assess, attach, open_deal, sign_nda
from tests.domain.people_words import consent, deliver, find, issue
from tests.domain.words import (
    OBJECT,
    appraise,
    approve,
    certify,
    confirm,
    digitize,
    execute,
    freeze,
    grant_access,
    inspect,
    make_backup,
    plan_handover,
    propose,
    receive,
    register_key_copy,
    release,
    verify_destruction,
)
from tests.domain.worlds import (
    Firm,
    Person,
    Said,
    classify,
    collect,
    correct,
    create_holding,
    retain,
)

CUSTOMER = "subject-019390a1-7e30-7c3a-8d5e-00000000c057"
"""Whose data stands in every record that is ready."""

__all__ = ["CUSTOMER", "Estate", "certify", "correct", "execute", "verify_destruction"]


class Estate(Firm):
    """Wang proposes, Li (finance) and Zhao (legal) approve, Chen destroys, Sun watches.

    Qian hands over and Wu looks on; for the buyer, He receives, Ma looks on and Lin keeps. Zhou is
    clerk: she serves customers and has no say. The keystore lies on a medium that was named.
    """

    chen: Person
    sun: Person
    qian: Person
    wu: Person
    zhou: Person
    he: Person
    ma: Person
    lin: Person
    deal: str
    mode: str
    notice: str

    @classmethod
    def open(cls, keystore: str | None = "disk_internal", mode: str = "merger") -> Self:
        firm = super().open()
        firm.mode = mode
        if keystore is not None:
            firm.name_keystore(keystore)
        firm.chen = firm.hire("destruction_operator", function="it")
        firm.sun = firm.hire("destruction_witness", "security_officer", function="security")
        firm.qian = firm.hire("seller_handler", function="sales")
        firm.wu = firm.hire("supervisor", function="management")
        firm.zhou = firm.hire("collector")
        buyer = firm.another_firm()
        firm.he = firm.hire("buyer_handler", party=buyer)
        firm.ma = firm.hire("supervisor", party=buyer, function="management")
        firm.lin = firm.hire(
            "custodian", "archivist", "approver", "administrator", party=buyer, function="archives"
        )
        firm.open_deal()
        return firm

    # -- the deal

    def open_deal(self) -> None:
        """The firms merge (or `mode`), and all that comes before a list is signed."""
        self.deal = self.new("engagement")
        seller, buyer = self.party, self.he.party
        said = open_deal(self.deal, seller, buyer, transfer_mode=self.mode)
        self.does(self.wang, "administrator", said)
        agreement, nda, pipia = (self.new("document") for _ in range(3))
        self.under(self.qian, attach(agreement, "evidence_agreement"))
        self.under(self.qian, attach(nda, "nda"))
        self.under(self.qian, attach(pipia, "pipia"))
        self.agree(agreement, (self.qian, "seller_handler"), *self.both_sides)
        beside = [(self.he, "buyer_handler")]
        self.under(self.qian, sign_nda(self.deal, nda, seller, buyer), beside=beside)
        self.under(self.qian, assess(self.deal, pipia))
        self.notice = self.new("notice")
        kind = "art_22" if self.mode == "merger" else "art_23"
        self.under(self.qian, issue(self.notice, buyer, kind=kind))

    def under(self, who: Person, said: Said, **how: Any) -> None:
        """A handler acts under the deal."""
        role = "seller_handler" if who.party == self.party else "buyer_handler"
        self.does(who, role, said, engagement=self.deal, **how)

    def agree(self, document: str, *signers: tuple[Person, str]) -> None:
        """Both handlers name whose keys sign in which roles."""
        said = agree(self.deal, document, signers)
        self.under(self.qian, said, beside=[(self.he, "buyer_handler")])

    def another(self, role: Any, party: str | None = None) -> Person:
        """Somebody else with a role, whose key is agreed on for it, too."""
        person = self.hire(role, party=party)
        document = self.new("document")
        self.under(self.qian, attach(document, "evidence_agreement"))
        handlers = [(self.qian, "seller_handler"), (self.he, "buyer_handler")]
        self.agree(document, *handlers, (person, role))
        return person

    def ready(self, day: str = "2026-01-31", **fields: Any) -> str:
        """As `Firm.ready`; it is about a customer who was told of the deal."""
        record = super().ready(day, **fields)
        self.introduce(record)
        return record

    def introduce(self, *records: str) -> None:
        """Say that records are about the customer, who is told of the deal the first time."""
        known = CUSTOMER in self.book.states
        self.under(self.qian, find(CUSTOMER, *records))
        if not known:
            self.under(self.qian, deliver(self.notice, self.now, CUSTOMER))
            if self.mode != "merger":
                self.under(self.qian, consent(CUSTOMER, self.he.party, self.now))

    def _events(
        self, who: Person, role: Any, said: Sequence[Said], envelope: dict[str, Any]
    ) -> list[Event]:
        """What is said of a handover is said under the deal."""
        if any(one.stream.startswith("handover-") for one in said):
            envelope = {"engagement": self.deal, **envelope}
        return super()._events(who, role, said, envelope)

    def name_keystore(self, medium: str) -> str:
        """What the keystore lies on."""
        copy = self.new("keycopy")
        said = register_key_copy(copy, self.party, "", kind="live", medium=medium)
        self.does(self.wang, "custodian", said.but(through=UNSET))
        return copy

    # -- what is kept

    def ripe(self, **fields: Any) -> str:
        """A record, reviewed and classified, whose period ended long ago."""
        return self.ready(day="2001-01-31", **fields)

    def table(self, rows: int, day: str = "2001-01-31", **fields: Any) -> tuple[str, list[str]]:
        """A table and the records in it, classified and with a period."""
        copy = self.new("holding")
        said = [
            collect(self.new("record"), copy, row=n + 1, method="table_rows", **fields)
            for n in range(rows)
        ]
        self.does(self.wang, "collector", create_holding(copy, self.party), *said)
        records = [one.stream for one in said]
        self.does(self.wang, "archivist", *(classify(record) for record in records))
        kept = [retain(self.record(record), day=day) for record in records]
        self.does(self.wang, "archivist", *kept)
        self.introduce(*records)
        return copy, records

    def scanned(self) -> tuple[str, str, str]:
        """A paper contract whose period is over, and the scan that Zhou made of it."""
        record = self.ripe(form="paper")
        paper = self.holding_of(record)
        scan = self.holding(record=record, made_from=paper)
        self.does(self.zhou, "collector", digitize(record, paper, scan))
        return record, paper, scan

    def copied(self, *originals: str, **fields: Any) -> tuple[str, list[str]]:
        """A backup of copies, and the copies in it."""
        backup, copies = self.new("backup"), [self.new("holding") for _ in originals]
        made = [
            create_holding(copy, self.party, made_from=original, medium="disk_external", **OBJECT)
            for copy, original in zip(copies, originals, strict=True)
        ]
        self.does(self.wang, "custodian", *made, make_backup(backup, copies, **fields))
        return backup, copies

    def granted(self, who: Person, *records: str, **fields: Any) -> str:
        """A grant by Wang."""
        grant = self.new("grant")
        self.does(self.wang, "custodian", grant_access(grant, who, *records, **fields))
        return grant

    # -- cases

    def proposed(self, *copies: str, **fields: Any) -> str:
        case = self.new("destruction_case")
        self.does(self.wang, "archivist", propose(case, copies, **fields))
        return case

    def appraised(self, *copies: str, **fields: Any) -> str:
        case = self.proposed(*copies, **fields)
        self.does(self.zhao, "dpo", appraise(case, copies))
        return case

    def approved(self, *copies: str, **fields: Any) -> str:
        case = self.appraised(*copies, **fields)
        for who in (self.li, self.zhao):
            self.does(who, "approver", approve(case, copies))
        return case

    def executed(self, *copies: str, **fields: Any) -> str:
        case = self.approved(*copies, **fields)
        self.does(self.chen, "destruction_operator", execute(case, copies))
        return case

    def verified(self, *copies: str, **fields: Any) -> str:
        case = self.executed(*copies, **fields)
        self.does(self.li, "reviewer", verify_destruction(case, copies))
        return case

    # -- handovers

    def planned(self) -> str:
        handover = self.new("handover")
        said = plan_handover(handover, self.qian, self.he, mode=self.mode)
        self.does(self.qian, "seller_handler", said)
        return handover

    def frozen(self, *copies: str) -> str:
        handover = self.planned()
        self.does(self.qian, "seller_handler", freeze(handover, copies))
        return handover

    def released(self, *copies: str) -> str:
        handover = self.frozen(*copies)
        self.does(self.qian, "seller_handler", release(handover, copies))
        return handover

    def received(self, *copies: str) -> str:
        handover = self.released(*copies)
        self.does(self.he, "buyer_handler", receive(handover, copies))
        return handover

    @property
    def both_sides(self) -> list[tuple[Person, str]]:
        """Everybody who signs a confirmation besides the seller's handler."""
        return [(self.he, "buyer_handler"), (self.wu, "supervisor"), (self.ma, "supervisor")]

    def inspected(self, *copies: str) -> str:
        """Everything was found good."""
        handover = self.received(*copies)
        self.does(self.he, "buyer_handler", inspect(handover, *copies))
        return handover

    def handed_over(self, *copies: str) -> str:
        handover = self.inspected(*copies)
        said = confirm(handover, copies, self.he)
        self.does(self.qian, "seller_handler", said, beside=self.both_sides)
        return handover

    # -- looking

    def copy(self, copy: str) -> HoldingState:
        state = self.book.states[copy]
        assert isinstance(state, HoldingState)
        return state

    def case(self, case: str) -> CaseState:
        state = self.book.states[case]
        assert isinstance(state, CaseState)
        return state

    def handover(self, handover: str) -> HandoverState:
        state = self.book.states[handover]
        assert isinstance(state, HandoverState)
        return state

    def state(self, stream: str) -> State:
        return self.book.states[stream]

    def inside(self, copy: str) -> str:
        """The record in a copy."""
        (record,) = self.book.contents(copy).examples
        return record

    def told(self, who: Person, role: Any, said: Said, **how: Any) -> tuple[str, ...]:
        """What blocks it: the ids named by the refusals."""
        return tuple(i for r in self.refusals(who, role, said, **how) for i in r.blocking)

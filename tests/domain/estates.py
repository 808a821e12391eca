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

from typing import Any, Self

from msgspec import UNSET

from domain.copies import HoldingState
from domain.destruction import CaseState
from domain.handover import HandoverState
from domain.judging import State
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

__all__ = ["Estate", "certify", "correct", "execute", "verify_destruction"]


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

    @classmethod
    def open(cls, keystore: str | None = "disk_internal") -> Self:
        firm = super().open()
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
        return firm

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
        self.does(self.qian, "seller_handler", plan_handover(handover, self.qian, self.he))
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

    def handed_over(self, *copies: str) -> str:
        handover = self.received(*copies)
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

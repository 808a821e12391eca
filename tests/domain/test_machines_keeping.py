"""No sequence of acts uses what is restricted, or takes what is held: purposes, holds, anonymity.

As `test_machines_custody`. The records: one whose minimum is over, one whose minimum runs, one to
which nobody assigned a period and that no duty keeps, and a table of two rows.
"""

from __future__ import annotations

import copy
from functools import cache

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from tests.domain.estates import Estate
from tests.domain.test_machines import SETTINGS, House
from tests.domain.words import (
    access,
    anonymize,
    end_purpose,
    execute,
    freeze,
    grant_access,
    lift,
    place_hold,
    propose,
    release_hold,
    restrict,
)
from tests.domain.worlds import classify, collect, create_holding

USES = ("service_delivery", "marketing", "analysis", "audit", "dispute", "legal_duty")
RARELY = st.sampled_from([False, False, False, True])
PERMITTED = ("audit", "dispute", "legal_duty")


@cache
def _opened() -> tuple[Estate, dict[str, str], dict[str, str]]:
    """The firm, the copy of each record, and the grant under which Zhou uses it."""
    estate = Estate.open()
    over, runs = estate.ripe(), estate.ready()
    loose = estate.collect(category="feedback")
    estate.does(estate.wang, "archivist", classify(loose, categories=["feedback"]))
    table, rows = estate.table(2)
    copies = {record: estate.holding_of(record) for record in (over, runs, loose)}
    copies.update(dict.fromkeys(rows, table))
    grants = {}
    for record in copies:
        grants[record] = estate.new("grant")
        said = grant_access(grants[record], estate.zhou, record, purposes=list(USES))
        estate.does(estate.wang, "custodian", said)
    return estate, copies, grants


class KeepingMachine(House):
    """What is kept for whom, held by whom, and used for what."""

    def __init__(self) -> None:
        super().__init__()
        self.firm, self.copies, self.grants = copy.deepcopy(_opened())
        self.firm: Estate
        self.over, self.runs, self.loose, *self.rows = self.copies
        self.limited: set[str] = set()
        self.ended: set[str] = set()
        self.holds: dict[str, set[str]] = {}
        self.twins: dict[str, str] = {}
        self.approved: dict[str, str] = {}
        self.gone: set[str] = set()

    def one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.copies)))

    def inside(self, held: str) -> set[str]:
        return {record for record, lies in self.copies.items() if lies == held}

    def is_held(self, held: str) -> bool:
        """By name, by a record in it, or by the engagement of all."""
        covered = set().union(*self.holds.values()) if self.holds else set()
        return bool(covered & {held, self.firm.routine, *self.inside(held)})

    # -- purposes and restrictions

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        record = self.one(data)
        if self.say(self.firm.zhao, "dpo", end_purpose(record)):
            assert record not in self.ended
            assert self.copies[record] not in self.gone
            self.ended.add(record)

    @rule(data=st.data())
    def restrict(self, data: st.DataObject) -> None:
        record = self.one(data)
        if self.say(self.firm.zhao, "dpo", restrict(record)):
            assert record not in self.limited
            self.limited.add(record)

    @rule(data=st.data(), alone=RARELY, anew=RARELY)
    def lift(self, data: st.DataObject, alone: bool, anew: bool) -> None:
        record, firm = self.one(data), self.firm
        said = lift(firm.record(record))
        if anew:
            said = said.but(basis="pipl_13_1_consent")
        if self.say(firm.zhao, "dpo", said, beside=[] if alone else [(firm.li, "approver")]):
            assert not alone
            if record in self.limited:
                assert not anew
                self.limited.discard(record)
            else:
                self.ended.remove(record)

    @rule(data=st.data(), purpose=st.sampled_from(USES))
    def use(self, data: st.DataObject, purpose: str) -> None:
        record = self.one(data)
        said = access(record, self.copies[record], purpose=purpose, grant=self.grants[record])
        if self.say(self.firm.zhou, "collector", said):
            assert record not in self.limited | self.ended or purpose in PERMITTED
            assert self.copies[record] not in self.gone

    @rule(data=st.data())
    def list_for_the_buyer(self, data: st.DataObject) -> None:
        held, firm = self.copies[self.one(data)], self.firm
        handover = firm.planned()
        statement = firm.judge(firm.qian, "seller_handler", freeze(handover, [held]))
        if not statement:
            assert not self.inside(held) & (self.limited | self.ended)
            assert held not in self.gone

    # -- holds

    @precondition(lambda self: len(self.holds) < 2)
    @rule(data=st.data(), what=st.sampled_from(["record", "copy", "everything"]))
    def hold(self, data: st.DataObject, what: str) -> None:
        record, firm = self.one(data), self.firm
        thing = {"record": record, "copy": self.copies[record], "everything": firm.routine}[what]
        if self.say(firm.zhao, "dpo", place_hold(hold := firm.new("hold"), thing)):
            self.holds[hold] = {thing}

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), alone=RARELY)
    def free(self, data: st.DataObject, alone: bool) -> None:
        hold = data.draw(st.sampled_from(sorted(self.holds)))
        said = release_hold(hold, *self.holds[hold])
        beside = [] if alone else [(self.firm.li, "approver")]
        if self.say(self.firm.zhao, "dpo", said, beside=beside):
            assert not alone
            del self.holds[hold]

    # -- making anonymous, and destroying

    @rule(data=st.data(), alone=RARELY, failed=RARELY)
    def make_anonymous(self, data: st.DataObject, alone: bool, failed: bool) -> None:
        source, firm = self.copies[self.one(data)], self.firm
        held, record = firm.new("holding"), firm.new("record")
        taken = collect(record, held, basis="not_personal", notice="not_applicable")
        known = classify(record, sensitivity="anonymized")
        firm.does(firm.wang, "collector", create_holding(held, firm.party), taken, known)
        said = anonymize(record, source, result="fail" if failed else "pass")
        beside = [] if alone else [(firm.li, "approver")]
        if self.say(firm.wang, "custodian", said, beside=beside):
            assert not failed
            assert not alone
            assert not self.is_held(source), "what is on hold was made anonymous"
            assert source not in self.gone
            assert source not in self.twins, "two anonymous contents of one source"
            self.twins[source] = record

    @precondition(lambda self: len(self.approved) < 2)
    @rule(data=st.data(), method=st.sampled_from(["clear", "anonymize"]))
    def approve(self, data: st.DataObject, method: str) -> None:
        held, firm = self.copies[self.one(data)], self.firm
        said = propose(firm.new("destruction_case"), [held], ground="purpose_achieved",
                       method=method)  # fmt: skip
        if firm.judge(firm.wang, "archivist", said):
            return
        assert not self.is_held(held), "what is on hold was proposed"
        assert held not in self.gone
        assert method != "anonymize" or held in self.twins
        assert self.runs not in self.inside(held), "its minimum runs"
        assert self.inside(held) <= {self.over, *self.rows} | self.ended, "nobody says it may go"
        case = firm.approved(held, ground="purpose_achieved", method=method)
        self.approved[case] = held

    @precondition(lambda self: self.approved)
    @rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        case = data.draw(st.sampled_from(sorted(self.approved)))
        held = self.approved[case]
        if self.say(self.firm.chen, "destruction_operator", execute(case, [held])):
            assert not self.is_held(held), "what is on hold was destroyed"
            assert self.runs not in self.inside(held)
            self.gone.add(held)
            del self.approved[case]

    @invariant()
    def a_record_is_restricted_as_long_as_it_was_said_to_be(self) -> None:
        for record in self.copies:
            state = self.firm.record(record)
            assert (state.restricted is not None) == (record in self.limited | self.ended)
            assert (state.ended_on is not None) == (record in self.ended)

    @invariant()
    def what_is_gone_was_destroyed_by_a_case_and_by_nothing_else(self) -> None:
        for held in set(self.copies.values()):
            assert self.firm.copy(held).there == (held not in self.gone)
            assert self.firm.copy(held).anonymized == self.twins.get(held)


def test_no_sequence_of_acts_uses_what_is_restricted_or_takes_what_is_held() -> None:
    """Hypothesis prints the steps and, under `print_blob`, how to repeat a failure."""
    run_state_machine_as_test(
        KeepingMachine, settings=settings(SETTINGS, max_examples=100, stateful_step_count=40)
    )

"""Nothing is destroyed while held or kept, and nothing certified without a pass for each.

As `test_machines_custody`, for holds and for destruction cases.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from domain.values import later
from tests.domain.test_machines import SETTINGS, House
from tests.domain.test_machines_custody import Rooms
from tests.domain.words import (
    appraise,
    approve,
    certify,
    execute,
    place_hold,
    propose,
    reject,
    release_hold,
    take_off,
    verify_destruction,
)
from tests.domain.worlds import enrol


class HoldMachine(Rooms):
    """Two records, a copy and the engagement; people of two parties who hold and let go."""

    def __init__(self) -> None:
        super().__init__()
        firm = self.firm
        records = [firm.ripe(), firm.ripe()]
        self.things = [*records, firm.holding_of(records[0]), firm.routine]
        self.copies = [firm.holding_of(record) for record in records]
        self.covered: dict[str, set[str]] = {}
        self.party: dict[str, str] = {}
        key = firm.key_for(firm.zhao)
        firm.does(firm.zhao, "dpo", enrol(firm.zhao, key, "continuous"), possession=[key])
        self.people = [(firm.zhao, "dpo"), (firm.wang, "custodian"), (firm.lin, "custodian")]
        self.seconds = [
            (firm.li, "approver"), (firm.zhao, "approver"), (firm.lin, "approver"),
            (firm.zhao.signing_with(key), "approver"), (firm.li, "reviewer"),
        ]  # fmt: skip

    def some(self, data: st.DataObject) -> list[str]:
        return data.draw(st.lists(st.sampled_from(self.things), min_size=1, max_size=3))

    @rule(data=st.data(), again=st.booleans())
    def place(self, data: st.DataObject, again: bool) -> None:
        who, role = data.draw(st.sampled_from(self.people))
        old = again and self.covered
        hold = data.draw(st.sampled_from(sorted(self.covered))) if old else self.firm.new("hold")
        things = self.some(data)
        if self.say(who, role, place_hold(hold, *things)):
            assert len(set(things)) == len(things)
            assert self.covered.get(hold) != set(), "a released hold was placed again"
            assert self.party.setdefault(hold, who.party) == who.party
            self.covered.setdefault(hold, set()).update(things)

    @precondition(lambda self: self.covered)
    @rule(data=st.data(), whole=st.booleans(), alone=st.sampled_from([False, False, True]))
    def release(self, data: st.DataObject, whole: bool, alone: bool) -> None:
        who, role = data.draw(st.sampled_from(self.people))
        second, capacity = data.draw(st.sampled_from(self.seconds))
        hold = data.draw(st.sampled_from(sorted(self.covered)))
        things = sorted(self.covered[hold]) if whole else self.some(data)
        if not things:
            return
        beside = [] if alone else [(second, capacity)]
        if self.say(who, role, release_hold(hold, *things), beside=beside):
            assert not alone
            assert second.actor != who.actor, "one person under two keys"
            assert capacity == "approver"
            assert who.party == self.party[hold]
            assert set(things) <= self.covered[hold]
            self.covered[hold] -= set(things)

    @rule(data=st.data())
    def propose(self, data: st.DataObject) -> None:
        """Never recorded, so that it is asked again and again."""
        copy = data.draw(st.sampled_from(self.copies))
        mine = {copy, self.firm.inside(copy), self.firm.routine}
        said = propose(self.firm.new("destruction_case"), [copy])
        held = {hold for hold, things in self.covered.items() if things & mine}
        assert set(self.firm.told(self.firm.wang, "archivist", said)) == held

    @invariant()
    def everything_knows_its_holds(self) -> None:
        for thing in self.things:
            state: Any = self.firm.state(thing)
            assert state.holds == {hold for hold, over in self.covered.items() if thing in over}


class DestructionMachine(Rooms):
    """Three copies of two records, one case at a time, and people who want them gone."""

    def __init__(self) -> None:
        super().__init__()
        firm = self.firm
        kept, ripe = firm.ready(), firm.ripe()
        first = firm.holding_of(kept)
        second = firm.holding(record=kept, made_from=first)
        self.of = {first: kept, second: kept, firm.holding_of(ripe): ripe}
        self.kept = kept
        self.colleague = firm.hire("approver", "destruction_operator", "reviewer",
                                   function="finance")  # fmt: skip
        self.functions = {
            firm.li.actor: "finance", self.colleague.actor: "finance", firm.zhao.actor: "legal",
        }  # fmt: skip
        key = firm.key_for(firm.li)
        firm.does(firm.li, "approver", enrol(firm.li, key, "continuous"), possession=[key])
        self.approvers = [firm.li, firm.li.signing_with(key), firm.zhao, self.colleague]
        self.holds: dict[str, str] = {}
        self.gone: set[str] = set()
        self.ended: dict[str, set[str]] = {}
        self.forget()

    def forget(self) -> None:
        """No case is open."""
        self.case = ""
        self.items: list[str] = []
        self.approvals: dict[str, str] = {}
        self.operators: set[str] = set()
        self.outcome: dict[str, str] = {}
        self.seen: dict[str, str] = {}
        self.off: set[str] = set()
        self.opinion = ""

    def held(self, copies: set[str]) -> bool:
        covered = set(self.holds.values())
        return bool(covered & (copies | {self.of[c] for c in copies}))

    def some(self, data: st.DataObject, of: list[str]) -> list[str]:
        return data.draw(st.lists(st.sampled_from(of), min_size=1, max_size=3, unique=True))

    @rule(data=st.data(), off=st.sampled_from([True, True, False]))
    def hold(self, data: st.DataObject, off: bool) -> None:
        firm = self.firm
        if off and self.holds:
            hold = data.draw(st.sampled_from(sorted(self.holds)))
            said = release_hold(hold, self.holds.pop(hold))
            assert self.say(firm.zhao, "dpo", said, beside=[(firm.li, "approver")])
        elif not self.holds:
            thing = data.draw(st.sampled_from([*self.of, *self.of.values()]))
            hold = firm.new("hold")
            assert self.say(firm.zhao, "dpo", place_hold(hold, thing))
            self.holds[hold] = thing

    @precondition(lambda self: not self.case)
    @rule(data=st.data(), straight=st.sampled_from([True, True, False]))
    def propose(self, data: st.DataObject, straight: bool) -> None:
        case, firm = self.firm.new("destruction_case"), self.firm
        items = self.some(data, list(self.of))
        if not self.say(firm.wang, "archivist", propose(case, items)):
            return
        assert not self.held(set(items))
        assert not set(items) & self.gone
        self.left_something_of_what_is_kept(set(items))
        self.case, self.items = case, items
        if straight:  # what random acts find too rarely
            assert self.say(firm.zhao, "dpo", appraise(case, items))
            self.opinion = "pass"
            for who in (firm.li, firm.zhao):
                assert self.say(who, "approver", approve(case, items))
                self.approvals[who.actor] = later(firm.now, seconds=-60)

    def left_something_of_what_is_kept(self, doomed: set[str]) -> None:
        lives = {c for c, record in self.of.items() if record == self.kept} - self.gone
        assert not lives & doomed or lives - doomed, "the last copy of what must be kept"

    @precondition(lambda self: self.case)
    @rule(result=st.sampled_from(["pass", "fail"]), own=st.sampled_from([False, False, True]))
    def appraise(self, result: str, own: bool) -> None:
        who = (self.firm.wang, "archivist") if own else (self.firm.zhao, "dpo")
        if self.say(*who, appraise(self.case, self.items, result)):
            assert not own, "the proposer appraised"
            self.opinion = result
            assert not self.operators

    @precondition(lambda self: self.case)
    @rule(data=st.data(), seen=st.booleans())
    def approve(self, data: st.DataObject, seen: bool) -> None:
        who = data.draw(st.sampled_from(self.approvers))
        items = self.items if seen else self.some(data, list(self.of))
        before = self.in_force()
        if self.say(who, "approver", approve(self.case, items)):
            assert items == self.items
            assert who.actor not in before, "one person approved twice"
            assert {self.functions[a] for a in before} != {self.functions[who.actor]}
            assert not self.held(set(items) - self.off)
            self.approvals[who.actor] = later(self.firm.now, seconds=-60)

    def in_force(self) -> set[str]:
        return {a for a, at in self.approvals.items() if self.firm.now <= later(at, days=30)}

    @rule(days=st.sampled_from([1, 5, 20]))
    def time_passes(self, days: int) -> None:
        self.firm.now = later(self.firm.now, days=days)

    @precondition(lambda self: self.case)
    @rule(data=st.data(), outcome=st.sampled_from(["destroyed", "destroyed", "failed", "unknown"]),
          stranger=st.booleans(), days=st.sampled_from([0, 0, 0, 1, 25]))  # fmt: skip
    def execute(self, data: st.DataObject, outcome: str, stranger: bool, days: int) -> None:
        who = self.colleague if stranger else self.firm.chen
        done = self.some(data, list(self.of) if stranger else self.items)
        began = later(self.firm.now, days=-days)
        approvals = {a for a in self.in_force() if self.approvals[a] <= began}
        outcomes = dict.fromkeys(done, outcome)
        said = execute(self.case, self.items, done, outcomes, started_at=began)
        if not self.say(who, "destruction_operator", said):
            return
        assert self.opinion == "pass", "destroyed against the opinion"
        assert len(approvals) >= 2, "it began before two had approved"
        assert len({self.functions[a] for a in approvals}) >= 2
        assert set(done) <= set(self.items) - self.off - self.gone
        assert not self.held(set(done)), "destroyed while held"
        self.left_something_of_what_is_kept(set(done))
        self.operators.add(who.actor)
        self.outcome.update(outcomes)
        for item in done:
            self.seen.pop(item, None)
        self.gone |= set(done) if outcome == "destroyed" else set()

    @precondition(lambda self: len(self.in_force()) == 2)
    @rule(looked_for=st.sampled_from([True, True, False]))
    def execute_everything(self, looked_for: bool) -> None:
        """The straight way on from two approvals."""
        left = [item for item in self.items if item not in self.off | self.gone]
        said = execute(self.case, self.items, left)
        if left and self.say(self.firm.chen, "destruction_operator", said):
            assert not self.held(set(left)), "destroyed while held"
            self.operators.add(self.firm.chen.actor)
            self.outcome.update(dict.fromkeys(left, "destroyed"))
            self.gone |= set(left)
            if looked_for:
                seen = verify_destruction(self.case, self.items, left)
                assert self.say(self.firm.li, "reviewer", seen)
                self.seen.update(dict.fromkeys(left, "pass"))

    @precondition(lambda self: self.case)
    @rule(data=st.data(), result=st.sampled_from(["pass", "pass", "pass", "fail", "unknown"]))
    def verify(self, data: st.DataObject, result: str) -> None:
        who = data.draw(st.sampled_from([self.firm.li, self.firm.zhao, self.colleague]))
        items = self.some(data, self.items)
        found = dict.fromkeys(items, result)
        said = verify_destruction(self.case, self.items, items, found)
        if self.say(who, "reviewer", said):
            assert who.actor not in self.operators
            assert set(items) <= set(self.outcome) - self.off
            assert result != "pass" or set(items) <= self.gone
            self.seen.update(found)
            if result == "fail":
                self.outcome.update(dict.fromkeys(items, "failed"))
                self.gone -= set(items)

    @precondition(lambda self: self.case)
    @rule(data=st.data(), really=st.sampled_from([False, False, True]))
    def take_off(self, data: st.DataObject, really: bool) -> None:
        items = self.some(data, self.items)
        if really and self.say(self.firm.wang, "custodian", take_off(self.case, *items)):
            assert not {i for i in items if self.seen.get(i) == "pass"}
            assert not set(items) & self.off
            self.off |= set(items)
            self.gone -= set(items)
            if self.off == set(self.items):
                self.forget()

    @precondition(lambda self: self.case)
    @rule(data=st.data(), honest=st.sampled_from([True, True, False]))
    def certify(self, data: st.DataObject, honest: bool) -> None:
        kept = [item for item in self.items if item not in self.off]
        records = {self.of[item] for item in kept}
        left = [c for c, r in self.of.items() if r in records and c not in self.gone]
        if not honest:
            left = left[1:] if left else [self.items[0]]
        said = certify(self.case, self.items, len(self.off), left)
        if self.say(self.firm.wang, "archivist", said):
            assert honest
            assert all(self.seen.get(item) == "pass" for item in kept)
            assert set(kept) <= self.gone
            self.ended[self.case] = set(kept)
            self.forget()

    @precondition(lambda self: self.case)
    @rule(really=st.sampled_from([False, False, False, True]))  # else nothing comes to its end
    def reject(self, really: bool) -> None:
        if really and self.say(self.firm.li, "approver", reject(self.case)):
            assert not self.operators
            self.forget()

    @invariant()
    def what_is_there_is_what_the_acts_say(self) -> None:
        for copy in self.of:
            assert self.there(copy) == (copy not in self.gone)
        for certified in self.ended.values():
            assert certified <= self.gone, "certified, and there"


@pytest.mark.parametrize("machine", [HoldMachine, DestructionMachine])
def test_no_sequence_of_acts_reaches_a_forbidden_state(machine: type[House]) -> None:
    """Hypothesis prints the steps and, under `print_blob`, how to repeat a failure."""
    run_state_machine_as_test(machine, settings=SETTINGS)

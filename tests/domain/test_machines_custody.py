"""No sequence of acts destroys what is held, opens what is closed, or moves what nobody signed.

As `test_machines`: acts are drawn at random and judged; each machine keeps its own plain account
of what happened, and says without looking into the rules what must never have.
"""

from __future__ import annotations

import copy
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from domain.copies import HoldingState
from domain.values import later
from tests.domain.estates import Estate
from tests.domain.test_machines import SETTINGS, House
from tests.domain.words import (
    OBJECT,
    access,
    break_glass,
    cancel,
    confirm,
    deny,
    expire_backup,
    freeze,
    grant_access,
    inspect,
    lift,
    make_backup,
    place_hold,
    raise_discrepancy,
    receive,
    release,
    release_hold,
    restrict,
    review_access,
    revoke_grant,
    settle,
    verify_backup,
)
from tests.domain.worlds import START, Person, create_holding, lose, move


@cache
def _opened() -> Estate:
    return Estate.open()


class Rooms(House):
    """A house with everybody that the six acts need."""

    def __init__(self) -> None:
        super().__init__()
        self.firm: Estate = copy.deepcopy(_opened())

    def there(self, holding: str) -> bool:
        state = self.firm.state(holding)
        assert isinstance(state, HoldingState)
        return state.there


class AccessMachine(Rooms):
    """Two records, one person who serves customers, and whoever lets her, or looks on."""

    def __init__(self) -> None:
        super().__init__()
        self.records = [self.firm.ripe(), self.firm.ripe()]
        self.copies = {record: self.firm.holding_of(record) for record in self.records}
        self.grants: dict[str, dict[str, Any]] = {}
        self.revoked: set[str] = set()
        self.restricted: set[str] = set()
        self.gone: set[str] = set()
        self.register: list[tuple[str, str, str]] = []
        self.reviewed = ""

    def person(self, data: st.DataObject) -> tuple[Person, str]:
        firm = self.firm
        people = [(firm.zhou, "collector"), (firm.wang, "custodian"), (firm.zhao, "dpo"),
                  (firm.lin, "custodian")]  # fmt: skip
        return data.draw(st.sampled_from(people))

    @rule(data=st.data(), purpose=st.sampled_from(["service_delivery", "audit"]),
          hours=st.integers(-1, 3))  # fmt: skip
    def grant(self, data: st.DataObject, purpose: str, hours: int) -> None:
        (giver, role), (taker, _) = self.person(data), self.person(data)
        record, grant = data.draw(st.sampled_from(self.records)), self.firm.new("grant")
        begins = later(self.firm.now, hours=hours)
        said = grant_access(grant, taker, record, purposes=[purpose], begins=begins)
        said = said.but(ends=later(begins, hours=2))
        if self.say(giver, role, said):
            assert giver.actor != taker.actor
            assert giver.party == taker.party
            self.grants[grant] = {**said.fields, "records": {record}}

    @precondition(lambda self: self.grants)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        who, role = self.person(data)
        grant = data.draw(st.sampled_from(sorted(self.grants)))
        if self.say(who, role, revoke_grant(grant)):
            assert grant not in self.revoked
            self.revoked.add(grant)

    @rule(data=st.data(), purpose=st.sampled_from(["service_delivery", "audit", "marketing"]),
          emergency=st.booleans(), denied=st.booleans())  # fmt: skip
    def access(self, data: st.DataObject, purpose: str, emergency: bool, denied: bool) -> None:
        (who, role), record = self.person(data), data.draw(st.sampled_from(self.records))
        held = self.copies[data.draw(st.sampled_from(self.records))]
        grant = data.draw(st.sampled_from([*sorted(self.grants), None]))
        form = {} if grant is None else {"grant": grant}
        now = self.firm.now
        if denied:
            rule = data.draw(st.sampled_from(["no_grant", "grant_of_another", "record_is_over"]))
            if self.say(who, role, deny(record, held, rule, purpose=purpose, **form)):
                self.register.append((now, "denied", who.actor))
            return
        said = break_glass(record, held) if emergency else access(
            record, held, purpose=purpose, **form
        )  # fmt: skip
        if not self.say(who, role, said):
            return
        self.register.append((now, said.fields["outcome"], who.actor))
        assert held == self.copies[record], "the content of another record was handed out"
        assert held not in self.gone
        assert who.party == self.firm.party
        if not emergency:
            assert grant is not None
            given = self.grants[grant]
            assert grant not in self.revoked
            assert given["actor"] == who.actor
            assert record in given["records"]
            assert purpose in given["purposes"]
            assert given["begins"] <= now <= given["ends"]
        assert record not in self.restricted or (purpose == "audit" and not emergency)

    @rule(data=st.data(), lifted=st.booleans(), alone=st.booleans())
    def restrict(self, data: st.DataObject, lifted: bool, alone: bool) -> None:
        record, firm = data.draw(st.sampled_from(self.records)), self.firm
        said = lift(firm.record(record)) if lifted else restrict(record)
        beside = [] if alone or not lifted else [(firm.li, "approver")]
        if self.say(firm.zhao, "dpo", said, beside=beside):
            assert lifted == (record in self.restricted)
            assert not lifted or not alone
            self.restricted ^= {record}

    @precondition(lambda self: not self.gone)
    @rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        held = self.copies[data.draw(st.sampled_from(self.records))]
        self.firm.executed(held)
        self.gone.add(held)

    @rule(data=st.data(), hours=st.integers(0, 2), right=st.booleans())
    def review(self, data: st.DataObject, hours: int, right: bool) -> None:
        first = data.draw(st.sampled_from([self.reviewed or START, self.firm.now]))
        self.firm.now = last = later(self.firm.now, hours=hours, seconds=1)
        seen = [(o, a) for at, o, a in self.register if first <= at < last]
        counted = Counter(outcome for outcome, _ in seen)
        counts = [counted["allowed"], counted["denied"], counted["break_glass"] + (not right)]
        who = data.draw(st.sampled_from([(self.firm.zhao, "dpo"), (self.firm.wu, "supervisor")]))
        said = review_access(self.firm.routine, first, last, *counts)
        if self.say(*who, said):
            assert right
            assert who[0].actor not in {actor for _, actor in seen}
            assert not [at for at, _, _ in self.register if self.reviewed <= at < first]
            self.reviewed = last


class BackupMachine(Rooms):
    """Originals with backups of them, which get lost, are put on hold, and expire."""

    def __init__(self) -> None:
        super().__init__()
        self.records = [self.firm.ready(), self.firm.ripe()]
        self.origin = {self.firm.holding_of(r): self.firm.holding_of(r) for r in self.records}
        self.backups: dict[str, list[str]] = {}
        self.gone: set[str] = set()
        self.holds: dict[str, str] = {}

    def one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.origin)))

    @rule(data=st.data(), right=st.booleans())
    def back_up(self, data: st.DataObject, right: bool) -> None:
        source, new, backup = self.one(data), self.firm.new("holding"), self.firm.new("backup")
        medium = "disk_external" if right else "tape"
        made = create_holding(new, self.firm.party, made_from=source, medium=medium, **OBJECT)
        if self.say(self.firm.wang, "custodian", made, make_backup(backup, [new])):
            assert right
            family = {c for c, o in self.origin.items() if o == source}
            assert family - self.gone, "copied from what is not there, nor in a backup"
            assert source == self.origin[source], "a copy of a copy"
            self.origin[new] = source
            self.backups[backup] = [new]

    @rule()
    def back_up_everything(self) -> None:
        sources = sorted(c for c, o in self.origin.items() if c == o and c not in self.gone)
        if sources:
            backup, copies = self.firm.copied(*sources)
            self.backups[backup] = copies
            self.origin.update(zip(copies, sources, strict=True))

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        if self.say(self.firm.wang, "custodian", lose(held := self.one(data))):
            assert held not in self.gone
            self.gone.add(held)

    @rule(data=st.data(), record=st.booleans())
    def hold(self, data: st.DataObject, record: bool) -> None:
        thing = data.draw(st.sampled_from(self.records)) if record else self.one(data)
        if self.say(self.firm.zhao, "dpo", place_hold(hold := self.firm.new("hold"), thing)):
            self.holds[hold] = thing

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), alone=st.booleans())
    def free(self, data: st.DataObject, alone: bool) -> None:
        hold = data.draw(st.sampled_from(sorted(self.holds)))
        beside = [] if alone else [(self.firm.li, "approver")]
        said = release_hold(hold, self.holds[hold])
        if self.say(self.firm.zhao, "dpo", said, beside=beside):
            assert not alone
            del self.holds[hold]

    @precondition(lambda self: self.backups)
    @rule(data=st.data(), extra=st.booleans())
    def expire(self, data: st.DataObject, extra: bool) -> None:
        backup = data.draw(st.sampled_from(sorted(self.backups)))
        members = self.backups[backup]
        doomed = data.draw(st.lists(st.sampled_from(members), min_size=1, max_size=3))
        doomed += [self.one(data)] if extra else []
        if not self.say(self.firm.wang, "custodian", expire_backup(backup, *doomed)):
            return
        assert len(set(doomed)) == len(doomed)
        assert set(doomed) <= set(members) - self.gone
        held = set(self.holds.values())
        for one in doomed:
            assert not {one, self.origin[one], self.firm.inside(self.origin[one])} & held
        self.gone.update(doomed)
        for one in doomed:
            family = {c for c, o in self.origin.items() if o == self.origin[one]}
            assert family - self.gone, "the last copy went with a backup"

    @precondition(lambda self: self.backups)
    @rule(data=st.data(), checked=st.integers(0, 3), matched=st.integers(0, 3))
    def verify(self, data: st.DataObject, checked: int, matched: int) -> None:
        backup = data.draw(st.sampled_from(sorted(self.backups)))
        left = set(self.backups[backup]) - self.gone
        if self.say(self.firm.li, "reviewer", verify_backup(backup, checked, matched)):
            assert 0 < checked <= len(left)
            assert matched <= checked

    @invariant()
    def what_is_there_is_what_the_acts_say(self) -> None:
        for held in self.origin:
            assert self.there(held) == (held not in self.gone)


class HandoverMachine(Rooms):
    """Five files, three handovers, and everybody who might sign something."""

    def __init__(self) -> None:
        super().__init__()
        self.files = [self.firm.holding_of(self.firm.ready()) for _ in range(5)]
        self.keeper = dict.fromkeys(self.files, self.firm.party)
        self.gone: set[str] = set()
        self.lists: dict[str, list[list[str]]] = {}
        self.step: dict[str, str] = {}
        self.doubted: set[str] = set()
        self.good: dict[str, set[str]] = {}
        self.rejected: dict[str, set[str]] = {}
        self.raised: dict[str, list[tuple[str, str]]] = {}

    @precondition(lambda self: len(self.step) < 2)
    @rule()
    def plan(self) -> None:
        handover = self.firm.planned()
        self.begin(handover, "planned", [])

    def begin(self, handover: str, step: str, versions: list[list[str]]) -> None:
        self.step[handover], self.lists[handover] = step, versions
        self.good[handover], self.rejected[handover] = set(), set()
        self.raised[handover] = []

    def one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.step)))

    def arrived(self, data: st.DataObject) -> str:
        """One that was received, mostly; else any."""
        received = sorted(h for h, step in self.step.items() if step == "received")
        anyone = data.draw(st.sampled_from([False, False, False, True]))
        return self.one(data) if anyone else data.draw(st.sampled_from(received))

    def items(self, data: st.DataObject, handover: str) -> list[str]:
        """The list that stands, mostly; else any."""
        versions = self.lists[handover]
        if versions and not data.draw(st.sampled_from([False, False, False, True])):
            return versions[-1]
        return data.draw(st.lists(st.sampled_from(self.files), min_size=1, max_size=3))

    def bound(self, but: str) -> set[str]:
        running = ("list_frozen", "released", "received")
        listed = [h for h, step in self.step.items() if step in running and h != but]
        return {item for handover in listed for item in self.lists[handover][-1]}

    @precondition(lambda self: self.step)
    @rule(data=st.data(), version=st.sampled_from([1, 1, 1, 0, 2]))
    def freeze(self, data: st.DataObject, version: int) -> None:
        handover = self.one(data)
        free = [f for f in self.files if f not in self.bound(handover)]
        drawn = free if free and version == 1 else self.files
        items = data.draw(st.lists(st.sampled_from(drawn), min_size=1, max_size=3))
        number = max(1, len(self.lists[handover]) + version)
        said = freeze(handover, items, list_version=number)
        if self.say(self.firm.qian, "seller_handler", said):
            assert self.step[handover] in ("planned", "list_frozen")
            assert number == len(self.lists[handover]) + 1
            assert len(set(items)) == len(items)
            assert not set(items) & (self.bound(handover) | self.gone)
            assert {self.keeper[item] for item in items} == {self.firm.party}
            self.lists[handover].append(items)
            self.step[handover] = "list_frozen"

    @precondition(lambda self: self.step)
    @rule(data=st.data(), receives=st.sampled_from([False, False, True]),
          swapped=st.sampled_from([False, False, False, True]),
          all_there=st.sampled_from([True, True, False]))  # fmt: skip
    def go_on(self, data: st.DataObject, receives: bool, swapped: bool, all_there: bool) -> None:
        handover, firm = self.one(data), self.firm
        items = self.items(data, handover)
        matched = len(items) - (not all_there)
        said = receive(handover, items, matched=matched) if receives else release(handover, items)
        buys = receives != swapped
        who = (firm.he, "buyer_handler") if buys else (firm.qian, "seller_handler")
        if self.say(*who, said):
            assert self.step[handover] == ("released" if receives else "list_frozen")
            assert not swapped
            assert items == self.lists[handover][-1]
            assert receives or not set(items) & self.gone
            self.step[handover] = "received" if receives else "released"
            self.doubted |= {handover} if receives and not all_there else set()

    @precondition(lambda self: self.step)
    @rule(data=st.data(), buyer=st.booleans(), together=st.booleans(),
          meant=st.sampled_from([False, False, False, True]))  # fmt: skip
    def cancel(self, data: st.DataObject, buyer: bool, together: bool, meant: bool) -> None:
        handover, firm = self.one(data), self.firm
        if not meant:  # else nothing is left to confirm
            return
        sides = [(firm.qian, "seller_handler"), (firm.he, "buyer_handler")]
        who, other = sides[buyer], sides[not buyer]
        if self.say(*who, cancel(handover), beside=[other] if together else []):
            assert self.step[handover] not in ("confirmed", "cancelled")
            assert together or self.step[handover] != "received", "one side undid a receipt"
            self.step[handover] = "cancelled"

    @precondition(lambda self: "received" in self.step.values())
    @rule(data=st.data(), found=st.sampled_from(["match", "match", "mismatch"]), sold=st.booleans())
    def inspect(self, data: st.DataObject, found: str, sold: bool) -> None:
        handover, firm = self.arrived(data), self.firm
        items = self.items(data, handover)
        who = (firm.qian, "seller_handler") if sold else (firm.he, "buyer_handler")
        if self.say(*who, inspect(handover, *items, digest=found)):
            assert not sold, "the seller inspected"
            assert self.step[handover] == "received"
            assert set(items) <= set(self.lists[handover][-1]) - self.rejected[handover]
            kept = self.good[handover] - set(items)
            self.good[handover] = kept | set(items) if found == "match" else kept

    @precondition(lambda self: "received" in self.step.values())
    @rule(data=st.data(), alone=st.sampled_from([False, False, True]),
          how=st.sampled_from(["", "", "explained", "reserved", "item_rejected", "item_rejected",
                               "delivered_later"]))  # fmt: skip
    def quarrel(self, data: st.DataObject, how: str, alone: bool) -> None:
        """A discrepancy is raised, or (`how`) one that is open is settled, by one side or both."""
        handover, firm = self.arrived(data), self.firm
        raised = self.raised[handover]
        open_ = [n for n, (_, settled) in enumerate(raised, 1) if not settled]
        if not how:
            item = data.draw(st.sampled_from(self.items(data, handover)))
            said = raise_discrepancy(handover, len(raised) + 1, item)
            if self.say(firm.he, "buyer_handler", said):
                assert item in self.lists[handover][-1]
                raised.append((item, ""))
        elif open_:
            beside = [] if alone else [(firm.he, "buyer_handler")]
            said = settle(handover, open_[0], how)
            if self.say(firm.qian, "seller_handler", said, beside=beside):
                assert not alone, "one side settled a discrepancy"
                item = raised[open_[0] - 1][0]
                raised[open_[0] - 1] = (item, how)
                if item not in self.rejected[handover]:
                    self.good[handover] -= {item}
                    if how == "item_rejected":
                        self.rejected[handover].add(item)
                    elif how != "delivered_later":
                        self.good[handover].add(item)

    @precondition(lambda self: "received" in self.step.values())
    @rule(data=st.data(), left_out=st.sampled_from([None, None, None, None, None, 0, 1, 2]),
          parts=st.sampled_from(["whole", "whole", "whole", "first", "both",
                                 "and cancel"]))  # fmt: skip
    def confirm(self, data: st.DataObject, left_out: int | None, parts: str) -> None:
        handover = self.arrived(data)
        listed, raised = self.items(data, handover), self.raised[handover]
        rejected = self.rejected[handover]
        items = [item for item in listed if item not in rejected] or listed
        beside = [b for n, b in enumerate(self.firm.both_sides) if n != left_out]
        reserved = [n for n, (_, settled) in enumerate(raised, 1) if settled == "reserved"]
        whole = confirm(handover, items, self.firm.he, listed, rejected=len(rejected),
                        reservations=reserved)  # fmt: skip
        first, rest = whole.but(items=items[:1]), whole.but(items=items[1:] or items)
        said = {
            "whole": [whole], "first": [first], "both": [first, rest],
            "and cancel": [first, cancel(handover)],
        }[parts]  # fmt: skip
        if self.say(self.firm.qian, "seller_handler", *said, beside=beside):
            several = {"whole": True, "first": len(items) == 1, "both": len(items) > 1}
            assert several.get(parts), "part of a list was confirmed, or one part twice"
            assert raised or handover not in self.doubted, "what did not match was confirmed"
            assert all(settled for _, settled in raised), "a discrepancy was open"
            assert set(items) <= self.good[handover], "what nobody found good was confirmed"
            assert not set(items) & rejected
            assert not set(items) & self.gone, "what is not there was confirmed"
            assert left_out is None, "somebody did not sign"
            assert self.step[handover] == "received"
            assert set(items) | rejected == set(self.lists[handover][-1])
            self.step[handover] = "confirmed"
            self.keeper.update(dict.fromkeys(items, self.firm.he.party))

    @precondition(lambda self: not self.gone)  # rarely, else nothing is left to hand over
    @rule(data=st.data(), across=st.sampled_from([True, True, False]))
    def other_ways(self, data: st.DataObject, across: bool) -> None:
        item, firm = data.draw(st.sampled_from(self.files[:2])), self.firm
        if across:
            said, beside = move(item, custodian=firm.lin.party), [(firm.lin, "custodian")]
            if self.say(firm.wang, "custodian", said, beside=beside):
                assert item not in self.bound("")
                assert self.keeper[item] == firm.party
                self.keeper[item] = firm.lin.party
        elif self.say(firm.wang, "custodian", lose(item)):
            self.gone.add(item)

    @precondition(lambda self: len(self.step) < 4)
    @rule(how_many=st.integers(1, 3), step=st.sampled_from(["list_frozen", "released", "received",
                                                           "inspected", "inspected"]))  # fmt: skip
    def straight_way(self, how_many: int, step: str) -> None:
        """What random acts find too rarely."""
        bound = self.bound("") | self.gone
        own = [f for f in self.files if f not in bound and self.keeper[f] == self.firm.party]
        if own:
            firm, free = self.firm, own[:how_many]
            ways = {"list_frozen": firm.frozen, "released": firm.released,
                    "inspected": firm.inspected}  # fmt: skip
            handover = ways.get(step, firm.received)(*free)
            self.begin(handover, step, [free])
            if step == "inspected":
                self.step[handover] = "received"
                self.good[handover] |= set(free)

    @invariant()
    def custody_is_what_was_confirmed(self) -> None:
        for item, party in self.keeper.items():
            assert self.firm.copy(item).custodian == party
        for handover, step in self.step.items():
            assert self.firm.handover(handover).step == step


@pytest.mark.parametrize("machine", [AccessMachine, BackupMachine, HandoverMachine])
def test_no_sequence_of_acts_reaches_a_forbidden_state(machine: type[House]) -> None:
    """Hypothesis prints the steps and, under `print_blob`, how to repeat a failure."""
    run_state_machine_as_test(machine, settings=SETTINGS)

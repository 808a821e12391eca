"""No sequence of acts answers a request without knowing who asks, or says done what is not."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from domain.rights import DELETING, DELIVERING
from domain.values import later
from tests.domain.estates import Estate
from tests.domain.test_machines import SETTINGS, House
from tests.domain.words import (
    close_request,
    decide,
    fulfil,
    identify,
    lift,
    receive_request,
    restrict,
)
from tests.domain.worlds import SEALED, Person, correct


@cache
def _opened() -> Estate:
    return Estate.open()


class Account:
    """What a plain reader of the book knows of one request."""

    def __init__(self, kind: str, records: set[str]) -> None:
        self.kind = kind
        self.records = records
        self.identity: str | None = None
        self.decision: str | None = None
        self.fulfilled = False
        self.closed = False
        self.since: set[str] = set()  # acts on its records since it was received


class RequestMachine(House):
    """Three records, whoever asks about them, and what is done with them meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.firm: Estate = copy.deepcopy(_opened())
        self.records = [self.firm.ripe() for _ in range(3)]
        self.requests: dict[str, Account] = {}
        self.restricted: set[str] = set()
        self.corrected: dict[str, str] = {}
        self.destroyed: set[str] = set()
        self.acts: list[str] = [f"{self.records[0]}/1"]

    def one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.requests)))

    def did(self, record: str, event: str) -> None:
        self.acts.append(event)
        for account in self.requests.values():
            if record in account.records:
                account.since.add(event)

    def person(self, data: st.DataObject) -> tuple[Person, str]:
        firm = self.firm
        people = [(firm.zhao, "dpo"), (firm.wang, "custodian"), (firm.zhou, "collector"),
                  (firm.lin, "custodian")]  # fmt: skip
        return data.draw(st.sampled_from(people))

    @rule(data=st.data(), kind=st.sampled_from(["delete", "access", "restrict", "correct"]),
          due=st.booleans())  # fmt: skip
    def receive(self, data: st.DataObject, kind: str, due: bool) -> None:
        request = self.firm.new("rights")
        records = data.draw(st.sets(st.sampled_from(self.records)))
        fields: dict[str, Any] = {"request": kind, "received_at": self.firm.now}
        said = receive_request(request, *sorted(records), **fields)
        who, role = self.person(data)
        if not due:
            said = said.but(due_at="2027-01-31")
        if self.say(who, role, said):
            assert due
            assert who.party == self.firm.party or not records
            self.requests[request] = Account(kind, records)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def widen(self, data: st.DataObject) -> None:
        request = self.one(data)
        first = self.firm.state(request).first  # type: ignore[attr-defined]
        record = data.draw(st.sampled_from(self.records))
        said = receive_request(
            request, record, request=first.request, received_at=first.received_at
        )
        account = self.requests[request]
        if self.say(self.firm.zhou, "collector", said):
            assert record not in account.records
            assert account.decision is None
            assert not account.closed
            account.records.add(record)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), result=st.sampled_from(["pass", "pass", "fail"]))
    def identify(self, data: st.DataObject, result: str) -> None:
        request, (who, role) = self.one(data), self.person(data)
        account = self.requests[request]
        if self.say(who, role, identify(request, result)):
            assert account.decision is None
            assert not account.closed
            account.identity = result

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), decision=st.sampled_from(["fulfil", "fulfil", "partial", "refuse"]),
          silent=st.booleans())  # fmt: skip
    def decide(self, data: st.DataObject, decision: str, silent: bool) -> None:
        request, (who, role) = self.one(data), self.person(data)
        account = self.requests[request]
        said = decide(request, decision, notified_at=self.firm.now)
        if silent:
            said.fields.pop("sealed", None)
        if self.say(who, role, said):
            assert role != "collector"
            assert account.identity is not None
            assert account.identity == "pass" or decision == "refuse"
            assert decision == "fulfil" or not silent
            assert account.decision is None
            account.decision = decision

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), delivered=st.booleans())
    def fulfil(self, data: st.DataObject, delivered: bool) -> None:
        request, account = self.one(data), self.requests[self.one(data)]
        account = self.requests[request]
        actions = data.draw(st.sets(st.sampled_from(self.acts), max_size=2))
        known = self.firm.state(request).actions  # type: ignore[attr-defined]
        fields = {"sealed": SEALED} if delivered else {}
        if not self.say(self.firm.zhao, "dpo", fulfil(request, *sorted(actions), **fields)):
            return
        assert account.decision in ("fulfil", "partial")
        assert not account.closed
        assert actions <= account.since, "an old act, or one about something else"
        done = actions | known
        if account.kind in DELIVERING:
            assert delivered or account.fulfilled
        for record in account.records:
            gone, held = record in self.destroyed, record in self.restricted
            if account.kind == "restrict":
                assert gone or held
            if account.kind in DELETING:
                assert (
                    gone
                    or self.corrected.get(record) in done
                    or (held and account.decision == "partial")
                )
        account.fulfilled = True

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), ending=st.sampled_from(["completed", "withdrawn"]))
    def close(self, data: st.DataObject, ending: str) -> None:
        request = self.one(data)
        account = self.requests[request]
        if self.say(self.firm.zhao, "dpo", close_request(request, ending)):
            answered = account.fulfilled or account.decision == "refuse"
            assert answered == (ending == "completed")
            assert not account.closed
            account.closed = True

    # -- what happens to the records meanwhile

    @rule(data=st.data(), lifted=st.booleans())
    def restrict(self, data: st.DataObject, lifted: bool) -> None:
        record = data.draw(st.sampled_from(self.records))
        said = lift(self.firm.record(record)) if lifted else restrict(record)
        beside = [(self.firm.li, "approver")] if lifted else []
        if self.say(self.firm.zhao, "dpo", said, beside=beside):
            self.restricted ^= {record}
            self.did(record, f"{record}/{self.firm.record(record).version}")

    @rule(data=st.data())
    def correct(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from(self.records))
        if self.say(self.firm.wang, "collector", correct(self.firm.record(record))):
            event = f"{record}/{self.firm.record(record).version}"
            self.corrected[record] = event
            self.did(record, event)

    @precondition(lambda self: len(self.destroyed) < 2)
    @rule(data=st.data())
    def destroy(self, data: st.DataObject) -> None:
        left = [r for r in self.records if r not in self.destroyed]
        record = data.draw(st.sampled_from(left))
        case = self.firm.executed(self.firm.holding_of(record))
        self.destroyed.add(record)
        self.did(record, f"{case}/{self.firm.case(case).version}")

    @rule(hours=st.integers(1, 3))
    def wait(self, hours: int) -> None:
        self.firm.now = later(self.firm.now, hours=hours)

    @invariant()
    def what_is_closed_was_answered_or_withdrawn(self) -> None:
        for request, account in self.requests.items():
            state = self.firm.state(request)
            assert state.records == account.records  # type: ignore[attr-defined]
            assert state.closed == account.closed  # type: ignore[attr-defined]


@pytest.mark.parametrize("machine", [RequestMachine])
def test_no_sequence_of_acts_reaches_a_forbidden_state(machine: type[House]) -> None:
    """Hypothesis prints the steps and, under `print_blob`, how to repeat a failure."""
    run_state_machine_as_test(machine, settings=SETTINGS)

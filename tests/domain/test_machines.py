"""No sequence of acts reaches a forbidden state, and every refusal names its rule.

One machine an aggregate: acts are drawn at random, permitted or not, and judged. What is forbidden
is said without looking into the rules: each machine keeps its own plain account of what happened.
At the end the same events, judged again from nothing in other commits, lead to the same states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain.actor import ActorState
from domain.commit import judge_commit
from domain.judging import RULE_CODES, State, World
from domain.record import _LEVELS, RecordCorrected, RecordVerified
from domain.values import later
from tests.domain.books import Ledger, fold
from tests.domain.worlds import (
    Firm,
    Person,
    Said,
    archive,
    classify,
    correct,
    create_holding,
    dismiss,
    enrol,
    give_back,
    grant,
    lose,
    move,
    policy,
    reclassify,
    report,
    retain,
    review,
    revoke,
    rotate,
)

SETTINGS = settings(
    max_examples=40, stateful_step_count=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip


class House(RuleBasedStateMachine):
    """A firm in which somebody says something; what is permitted is recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.firm = Firm.open()

    def say(self, who: Person, role: str, *said: Said, **how: Any) -> bool:
        """Whether it was permitted; refusals have names, and are the same when judged twice."""
        firm = self.firm
        statement, events = firm.statement(who, role, said, **how)
        world = World(firm.book)
        refusals = judge_commit(world, policy(), statement, events)
        assert refusals == judge_commit(World(firm.book), policy(), statement, events)
        for refusal in refusals:
            assert RULE_CODES[refusal.rule] == refusal.code
            assert refusal.detail
        if refusals:
            return False
        firm.book.record(world, statement, events)
        firm.now = later(firm.now, seconds=60)
        return True

    @invariant()
    def states_are_the_fold_of_the_events(self) -> None:
        book = self.firm.book
        folded: dict[str, State] = {}
        for entry, accepted, event in book.events:
            old = folded.get(event.stream)
            assert event.version == (old.version + 1 if old else 1), "a gap in the versions"
            fold(folded, event, entry, accepted)
        assert book.states == folded

    def teardown(self) -> None:
        """Replay from nothing: what was permitted is permitted again, and leads to the same."""
        book = Ledger()
        for statement, events in self.firm.book.commits:
            world = World(book)
            assert judge_commit(world, policy(), statement, events) == []
            book.record(world, statement, events)
        assert book.states == self.firm.book.states


class RecordMachine(House):
    """Records between collection and archive."""

    def __init__(self) -> None:
        super().__init__()
        self.clerk = self.firm.hire("collector", "reviewer", "archivist")
        self.records: list[str] = []
        self.people = [self.firm.wang, self.firm.li, self.firm.zhao, self.clerk]

    @precondition(lambda self: len(self.records) < 3)  # few records, many acts on each
    @rule(who=st.sampled_from(["wang", "clerk"]), basis=st.booleans())
    def collect(self, who: str, basis: bool) -> None:
        person = self.firm.wang if who == "wang" else self.clerk
        form = {} if basis else {"basis": "not_personal", "notice": "not_applicable"}
        self.records.append(self.firm.collect(person, **form))

    def one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.records))

    def person(self, data: st.DataObject) -> Person:
        return self.people[data.draw(st.integers(0, len(self.people) - 1))]

    @precondition(lambda self: self.records)
    @rule(data=st.data(), result=st.sampled_from(["pass", "pass", "fail"]))
    def review(self, data: st.DataObject, result: str) -> None:
        record = self.one(data)
        self.say(self.person(data), "reviewer", review(record, result))

    @precondition(lambda self: self.records)
    @rule(data=st.data(), clerk=st.booleans())
    def correct(self, data: st.DataObject, clerk: bool) -> None:
        state = self.firm.record(self.one(data))
        self.say(self.clerk if clerk else self.firm.wang, "collector", correct(state))

    @precondition(lambda self: self.records)
    @rule(
        data=st.data(),
        level=st.sampled_from(_LEVELS),
        sensitivity=st.sampled_from(["general_pi", "sensitive_pi", "business_secret"]),
        category=st.sampled_from(["contract", "accounting"]),
        approver=st.sampled_from(["", "li", "zhao", "clerk"]),
    )
    def classify(
        self, data: st.DataObject, level: str, sensitivity: str, category: str, approver: str
    ) -> None:
        state = self.firm.record(self.one(data))
        kinds = ["biometric"] if sensitivity == "sensitive_pi" else []
        axes = {"level": level, "sensitivity": sensitivity, "sensitive_kinds": kinds,
                "categories": [category]}  # fmt: skip
        known = state.classification
        said = reclassify(state, **axes) if known else classify(state.stream, **axes)
        beside = [(getattr(self.firm, approver, self.clerk), "approver")] if approver else []
        was = _LEVELS.index(str(state.level)) if known else 0
        who = self.person(data)
        permitted = self.say(who, "archivist", said, beside=beside)
        if permitted and known and _LEVELS.index(level) < was:
            assert approver in ("li", "zhao"), "a downgrade without an approver"
            assert beside[0][0].actor != who.actor

    @precondition(lambda self: self.records)
    @rule(data=st.data())
    def retain(self, data: st.DataObject) -> None:
        state = self.firm.record(self.one(data))
        self.say(self.person(data), "archivist", retain(state))

    @precondition(lambda self: self.records)
    @rule(data=st.data())
    def archive(self, data: st.DataObject) -> None:
        self.say(self.person(data), "archivist", archive(self.one(data)))

    @precondition(lambda self: len(self.records) < 3)
    @rule()
    def ready_and_archived(self) -> None:
        """The straight way, which random acts find too rarely."""
        record = self.firm.ready()
        assert self.say(self.firm.wang, "archivist", archive(record))
        self.records.append(record)

    @invariant()
    def what_is_archived_is_reviewed_classified_and_kept(self) -> None:
        for record in self.records:
            state = self.firm.record(record)
            told = [e for _, _, e in self.firm.book.events if e.stream == record]
            if state.archived:
                changed = [n for n, e in enumerate(told) if isinstance(e, RecordCorrected)]
                passed = [n for n, e in enumerate(told)
                          if isinstance(e, RecordVerified) and e.result == "pass"]  # fmt: skip
                assert passed, "archived without any review"
                assert not changed or max(passed) > max(changed), "archived and changed since"
                assert state.classification is not None
                assert state.retained
            assert state.level != "core"

    @invariant()
    def nobody_reviewed_what_they_collected(self) -> None:
        for record in self.records:
            told = [e for _, _, e in self.firm.book.events if e.stream == record]
            authors: set[str] = set()
            for event in told:
                if isinstance(event, RecordVerified):
                    assert event.by not in authors
                elif event.role == "collector":
                    authors.add(event.by)


class HoldingMachine(House):
    """Copies at two parties."""

    def __init__(self) -> None:
        super().__init__()
        self.buyer = self.firm.hire("custodian", "collector", party=self.firm.another_firm())
        self.record = self.firm.ready()
        self.copies = [self.firm.holding_of(self.record)]
        self.keeper = {self.copies[0]: self.firm.party}
        self.gone: set[str] = set()

    def draw(self, data: st.DataObject) -> tuple[str, Person, list[tuple[Person, str]]]:
        copy = data.draw(st.sampled_from(self.copies))
        who, other = data.draw(
            st.sampled_from([(self.firm.wang, self.buyer), (self.buyer, self.firm.wang)])
        )
        beside = [(other, "custodian")] if data.draw(st.booleans()) else []
        return copy, who, beside

    @rule(data=st.data())
    def copy(self, data: st.DataObject) -> None:
        origin, who, beside = self.draw(data)
        copy = self.firm.new("holding")
        said = create_holding(copy, who.party, record=self.record, made_from=origin)
        if self.say(who, "custodian", said, beside=beside):
            assert origin not in self.gone, "copied from what is not there"
            assert beside or self.keeper[origin] == who.party
            self.copies.append(copy)
            self.keeper[copy] = who.party

    @rule(data=st.data(), across=st.booleans())
    def move(self, data: st.DataObject, across: bool) -> None:
        copy, who, beside = self.draw(data)
        other = self.buyer.party if who is self.firm.wang else self.firm.party
        said = move(copy, custodian=other) if across else move(copy)
        if self.say(who, "custodian", said, beside=beside):
            assert copy not in self.gone
            assert self.keeper[copy] == who.party
            if across:
                assert beside, "the new custodian did not sign"
                self.keeper[copy] = other

    @rule(data=st.data(), home=st.booleans())
    def give_back(self, data: st.DataObject, home: bool) -> None:
        copy, who, beside = self.draw(data)
        other = self.buyer.party if who is self.firm.wang else self.firm.party
        to = who.party if home else other
        if self.say(who, "custodian", give_back(copy, to), beside=beside):
            assert copy not in self.gone
            assert self.keeper[copy] == who.party != to
            assert beside
            self.gone.add(copy)

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        copy, who, _ = self.draw(data)
        if self.say(who, "custodian", lose(copy)):
            assert copy not in self.gone
            self.gone.add(copy)

    @invariant()
    def custody_is_what_the_acts_say(self) -> None:
        for copy in self.copies:
            state: Any = self.firm.book.states[copy]
            assert state.custodian == self.keeper[copy]
            assert state.there == (copy not in self.gone)


class PeopleMachine(House):
    """Keys and roles of three people, and an administrator more."""

    def __init__(self) -> None:
        super().__init__()
        self.deputy = self.firm.hire("administrator")
        self.people = [self.firm.wang, self.firm.li, self.firm.zhao, self.deputy]
        self.record = self.firm.collect()

    def state(self, person: Person) -> ActorState:
        state = self.firm.book.states[person.actor]
        assert isinstance(state, ActorState)
        return state

    def signer(self, data: st.DataObject) -> tuple[Person, str]:
        """Somebody, with any key that he or she ever had, in a role of any sort."""
        person = data.draw(st.sampled_from(self.people))
        key = data.draw(st.sampled_from(person.keys))
        role = data.draw(st.sampled_from(["administrator", "administrator", "reviewer"]))
        return person.signing_with(key), role

    def attempt(self, data: st.DataObject, said: Said, possession: Sequence[Any] = ()) -> bool:
        who, role = self.signer(data)
        active = {k.key.id for p in self.people for k in self.state(p).keys.values() if k.active}
        beside = []
        if data.draw(st.booleans()):
            other, capacity = self.signer(data)
            beside = [(other, capacity)]
        permitted = self.say(who, role, said, beside=beside, possession=possession)
        if permitted:
            for signer in [who, *(other for other, _ in beside)]:
                assert signer.key.id in active, "a signature by an ended key was counted"
        return permitted

    @rule(data=st.data(), again=st.booleans(),
          continuity=st.sampled_from(["first", "continuous", "broken"]))  # fmt: skip
    def enrol(self, data: st.DataObject, again: bool, continuity: str) -> None:
        person = data.draw(st.sampled_from(self.people))
        key = self.firm.key_for(person)
        if again:
            used = data.draw(st.sampled_from([k for p in self.people for k in p.keys]))
            key = self.firm.key_for(person, public=used.public)
        if self.attempt(data, enrol(person, key, continuity), [key]):
            assert not again, "one public key was enrolled twice"
            assert continuity != "first", "everybody here has had a key"
            person.keys.append(key)

    @rule(data=st.data(), again=st.booleans())
    def enrol_own(self, data: st.DataObject, again: bool) -> None:
        """Under an own key: what usually is permitted, and with a key that is taken never."""
        person = data.draw(st.sampled_from(self.people))
        used = data.draw(st.sampled_from([k for p in self.people for k in p.keys]))
        key = self.firm.key_for(person, **({"public": used.public} if again else {}))
        role = next(iter(sorted(grant.role for grant in self.state(person).roles)), "reviewer")
        if self.say(person, role, enrol(person, key, "continuous"), possession=[key]):
            assert not again, "one public key was enrolled twice"
            person.keys.append(key)

    @rule(data=st.data())
    def rotate(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from(self.people))
        old, new = data.draw(st.sampled_from(person.keys)), self.firm.key_for(person)
        who = person.signing_with(data.draw(st.sampled_from(person.keys)))
        was_active = self.state(person).keys[old.id].active
        roles = sorted(grant.role for grant in self.state(person).roles) or ["reviewer"]
        if self.say(who, roles[0], rotate(person, old, new), possession=[new]):
            assert was_active
            assert who.key == old, "an act key is replaced under its own signature"
            person.keys.append(new)

    @rule(data=st.data(), reported=st.booleans())
    def end(self, data: st.DataObject, reported: bool) -> None:
        person = data.draw(st.sampled_from(self.people))
        key = data.draw(st.sampled_from(person.keys))
        self.attempt(data, report(person, key) if reported else revoke(person, key))

    @rule(data=st.data(), role=st.sampled_from(["reviewer", "internal_auditor", "administrator"]),
          scoped=st.booleans(), off=st.booleans())  # fmt: skip
    def roles(self, data: st.DataObject, role: str, scoped: bool, off: bool) -> None:
        person = data.draw(st.sampled_from(self.people))
        said = grant(person, role, **({"scope": self.firm.routine} if scoped else {}))
        self.attempt(data, dismiss(person, role) if off else said)

    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        """Everyday work, by whoever may still sign."""
        who, _ = self.signer(data)
        held = {grant.role for grant in self.state(who).roles}
        active = self.state(who).keys[who.key.id].active
        permitted = self.say(who, "reviewer", review(self.record))
        assert permitted == (active and "reviewer" in held and who.actor != self.firm.wang.actor)

    @invariant()
    def no_public_key_has_two_uses(self) -> None:
        keys = [k.key for p in self.people for k in self.state(p).keys.values()]
        keys += [self.firm.checkpoint_key, self.firm.seal_key]
        assert len({key.public for key in keys}) == len(keys)
        assert len({(key.name, key.id) for key in keys}) == len(keys)

    @invariant()
    def there_is_an_administrator_and_no_auditor_of_the_own_work(self) -> None:
        held = [{grant.role for grant in self.state(person).roles} for person in self.people]
        assert any("administrator" in roles for roles in held)
        for roles in held:
            assert not ("internal_auditor" in roles and roles & {"reviewer", "approver"})

    @invariant()
    def nothing_is_granted_twice(self) -> None:
        for person in self.people:
            roles = self.state(person).roles
            assert len({(g.role, g.scope) for g in roles}) == len(roles)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_it_does_not_matter_how_acts_are_gathered_into_commits(data: st.DataObject) -> None:
    """One by one, or many in one commit: the same acts are permitted and lead to the same."""
    single, many = Firm.open(), Firm.open()
    records = [firm.collect() for firm in (single, many) for _ in range(2)][:2]
    acts = ("classify", "reclassify", "retain", "archive", "correct")
    permitted: list[Said] = []
    refused: list[tuple[int, Said, list[str]]] = []
    drawn = st.lists(st.tuples(st.sampled_from(acts), st.integers(0, 1)), max_size=14)
    for act in data.draw(drawn):
        state = single.record(records[act[1]])
        said = {
            "classify": classify(state.stream), "reclassify": reclassify(state, level="important"),
            "retain": retain(state), "archive": archive(state.stream),
            "correct": correct(state).but(role="archivist"),
        }[act[0]].but(version=state.version + 1, at=single.now)  # fmt: skip
        if details := single.judge(single.wang, "archivist", said):
            refused.append((len(permitted), said, details))
        else:
            single.does(single.wang, "archivist", said)
            permitted.append(said)
    for at, said, details in refused:
        assert many.judge(many.wang, "archivist", *permitted[:at], said, at=many.now) == details
    start = 0
    many.now = single.now
    while start < len(permitted):
        size = data.draw(st.integers(1, len(permitted) - start))
        many.does(many.wang, "archivist", *permitted[start : start + size])
        start += size
    assert [many.record(r) for r in records] == [single.record(r) for r in records]


@pytest.mark.parametrize("machine", [RecordMachine, HoldingMachine, PeopleMachine])
def test_no_sequence_of_acts_reaches_a_forbidden_state(machine: type[House]) -> None:
    """Hypothesis prints the steps and, under `print_blob`, how to repeat a failure."""
    run_state_machine_as_test(machine, settings=SETTINGS)

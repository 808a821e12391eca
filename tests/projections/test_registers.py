"""The registers say what the rules see: whatever a plain fold of the events holds, they show."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple

from domain.access import AccessDenied, AccessReviewed, GrantState, RecordAccessed
from domain.backup import BackupState
from domain.copies import HoldingState, over
from domain.copies import holdings as holdings_of
from domain.destruction import CaseState
from domain.handover import HandoverState
from domain.hold import HoldState
from domain.judging import State
from domain.party import PartyState
from domain.record import RecordState
from projections import (
    access,
    arrivals,
    backups,
    certificates,
    custody,
    delivered,
    handovers,
    holds,
    inventory,
    mentions,
)
from projections.mentions import mentioning
from projections.view import id_of, key_of
from tests.domain.words import execute, propose, take_off, verify_destruction
from tests.projections.casework import random_walk
from tests.projections.histories import START, History, Steps, empty_tables, project
from tests.projections.walks import standing

SEEDS = st.integers(0, 2**32)
ALL = 10_000


def states(history: History, kind: type[State]) -> dict[str, State]:
    return {name: s for name, s in history.book.states.items() if isinstance(s, kind)}


@given(SEEDS)
@settings(max_examples=25)
def test_the_inventory_says_what_the_rules_see(seed: int) -> None:
    history = random_walk(seed, 120)
    with project(empty_tables(), history.recorded, 7, 7, 7) as connection:
        rows = {row.record: row for row in inventory.rows(connection, limit=ALL)}
    case = standing(history)
    assert rows.keys() == states(history, RecordState).keys()
    for name, row in rows.items():
        state = history.book.states[name]
        assert isinstance(state, RecordState)
        assert (row.category, row.level) == (state.categories[0], state.level)
        assert (row.sensitivity, row.basis) == (state.sensitivity, state.basis)
        assert (row.reviewed, row.restricted) == (state.reviewed, state.restricted is not None)
        assert (row.min_until, row.permanent) == (state.min_until, state.permanent)
        assert (row.action is not None) == state.retained
        assert ("notice_missing" in row.findings) == state.notice_missing
        assert row.purpose_ended == state.ended_on
        twins = [copy.anonymized for copy in holdings_of(case, state.holdings) if copy.anonymized]
        assert row.anonymous == max(twins, default=None)
        gone = row.state in ("destroyed", "transferred_out", "anonymized")
        assert gone == over(case, state), name
        assert row.state != ("destroyed" if twins else "anonymized")
        if not gone:
            assert (row.state == "archived") == state.archived


@given(SEEDS)
@settings(max_examples=25)
def test_the_copies_are_where_the_rules_see_them(seed: int) -> None:
    history = random_walk(seed, 150)
    with project(empty_tables(), history.recorded, 11, 3) as connection:
        copies = {copy.holding: copy for copy in custody.listed(connection, limit=ALL)}
        backup_of = {name: backups.backup_of(connection, name) for name in copies}
        on_hold: dict[str, set[str]] = {}
        for hold in holds.listed(connection, active=True, limit=ALL):
            for covered in holds.covered(connection, hold.hold, limit=ALL):
                if covered.released_entry is None:
                    on_hold.setdefault(covered.object, set()).add(hold.hold)
    assert copies.keys() == states(history, HoldingState).keys()
    for name, copy in copies.items():
        state = history.book.states[name]
        assert isinstance(state, HoldingState)
        assert (copy.custodian, copy.medium, copy.form) == (
            state.custodian, state.medium, state.form,
        )  # fmt: skip
        under_way = copy.condition in ("in_transit", "received")
        assert state.condition == ("present" if under_way else copy.condition), name
        assert (copy.record, copy.made_from) == (state.record, state.made_from)
        assert backup_of[name] == state.backup
        assert set(on_hold.get(name, ())) == state.holds
        handover = history.book.states.get(state.handover or "")
        if isinstance(handover, HandoverState) and handover.step in ("released", "received"):
            assert not copy.there or under_way or handover.items.get(name) in (None, "confirmed")


@given(SEEDS)
@settings(max_examples=25)
def test_the_cases_stand_where_the_rules_see_them(seed: int) -> None:
    history = random_walk(seed, 200)
    with project(empty_tables(), history.recorded, 20, 1, 1, 9) as connection:
        found = {case.case: case for case in certificates.listed(connection, limit=ALL)}
        assert found.keys() == states(history, CaseState).keys()
        for name, case in found.items():
            state = history.book.states[name]
            assert isinstance(state, CaseState)
            assert (case.count, case.root, case.ground) == (state.count, state.root, state.ground)
            assert (case.running, case.taken_off) == (state.running, len(state.taken_off))
            assert (case.appraisal or "", case.approvals) == (
                state.appraisal, len(state.approvals),
            )  # fmt: skip
            items = {i.holding: i for i in certificates.items(connection, name, limit=ALL)}
            assert items.keys() == state.items.keys()
            for holding, item in items.items():
                assert (item.taken_off_entry is not None) == (holding in state.taken_off)
                assert (item.verified or "") == state.verified.get(holding, "")
                assert (item.outcome or "") == state.items[holding], holding
            kept = {holding: state.items[holding] for holding in state.kept}
            passed = [holding for holding in kept if state.verified.get(holding) == "pass"]
            tally = certificates.tallies(connection, [name])[name][:2]
            assert tally == (list(kept.values()).count("destroyed"), len(passed))


def test_a_copy_that_was_found_again_is_not_destroyed_whatever_follows() -> None:
    """Found and looked for again in vain; found and taken off; taken off unread; gone."""
    history = History().open()
    copies = [history.collect()[1] for _ in range(4)]
    found, off, unread, gone = copies
    case = history.new("destruction_case")
    history.says(propose(case, copies))
    state = history.book.states[case]
    assert isinstance(state, CaseState)
    for said in (
        execute(case, copies), verify_destruction(case, copies, [found, off], {
            found: "fail", off: "fail",
        }), verify_destruction(case, copies, [found], {found: "unknown"}),
        take_off(case, off, unread), verify_destruction(case, copies, [gone]),
    ):  # fmt: skip
        history.says(said)
        with project(empty_tables(), history.recorded, 3, 2) as connection:
            told = certificates.items(connection, case, limit=ALL)
            tally = certificates.tallies(connection, [case])[case][:2]
        assert {item.holding: item.outcome or "" for item in told} == state.items
        assert {i.holding: i.verified for i in told if i.verified} == state.verified
        assert tally[0] == [state.items[item] for item in state.kept].count("destroyed")
    assert [state.items[copy] for copy in copies] == ["failed", "failed", "unknown", "destroyed"]
    with project(empty_tables(), history.recorded) as connection:
        entries = range(history.entry - 5, history.entry + 1)
        tallies = [certificates.tallies(connection, [case], entry=n)[case][:2] for n in entries]
    assert tallies == [(0, 0), (4, 0), (2, 0), (2, 0), (1, 0), (1, 1)]


@given(SEEDS)
@settings(max_examples=25)
def test_the_handovers_stand_where_the_rules_see_them(seed: int) -> None:
    history = random_walk(seed, 200)
    with project(empty_tables(), history.recorded, 13, 1, 1, 9) as connection:
        found = {
            handover.handover: handover for handover in handovers.listed(connection, limit=ALL)
        }
        assert found.keys() == states(history, HandoverState).keys()
        for name, handover in found.items():
            state = history.book.states[name]
            assert isinstance(state, HandoverState)
            assert (handover.step, handover.list_version) == (state.step, state.list_version)
            assert (handover.count, handover.root or "") == (state.count, state.root)
            version = handover.list_version
            items = arrivals.items(connection, name, version, limit=ALL)
            told = [(item.item, item.outcome) for item in items]
            assert told == list(state.items.items()), "in the order of the list"
            assert arrivals.tally(connection, name, version) == Counter(state.items.values())
            assert handover.confirmed == list(state.items.values()).count("confirmed")
            assert (handover.records, handover.lines or "") == (state.records, state.lines)
            raised = arrivals.discrepancies(connection, name)
            assert {r.number: (r.kind, set(r.items), r.resolution or "") for r in raised} == {
                number: (one.kind, set(one.items), one.resolution)
                for number, one in state.discrepancies.items()
            }
            kept = arrivals.declared(connection, name, limit=ALL)
            assert {one.holding for one in kept} == state.declared
            sides = {"seller_handler": handover.seller_handler,
                     "buyer_handler": handover.buyer_handler}  # fmt: skip
            assert (sides, handover.package or "") == (state.handlers, state.package)
            replaced_ = handovers.replacements(connection, name)
            assert {one.replaced for one in replaced_} == state.former
            assert [one.handler for one in replaced_][-1:] == [
                state.handlers[one.post] for one in replaced_
            ][-1:]
            for earlier in range(1, version):
                replaced = arrivals.items(connection, name, earlier, limit=ALL)
                assert replaced, "a list is kept when another one takes its place"
                assert {item.outcome for item in replaced} == {""}


@given(SEEDS)
@settings(max_examples=25)
def test_what_goes_to_others_stands_as_the_rules_are_told(seed: int) -> None:
    """Records on the way: what the tables answer is what reading all events answers."""
    history = random_walk(seed, 200)
    book, party = history.book, history.party
    records, copies = sorted(states(history, RecordState)), sorted(states(history, HoldingState))
    parties = sorted(states(history, PartyState))
    with project(empty_tables(), history.recorded, 13, 1, 1, 9) as connection:
        for since in (0, history.entry // 2, history.entry):
            found = delivered.listed(connection, [*records, history.new("record")], party, since)
            plain = book.listed([*records, found.unknown[-1]], party, since)
            assert found.unknown == plain.unknown
            assert set(found.not_kept) == set(plain.not_kept)
            assert set(found.claimed) == set(plain.claimed)
            assert set(found.corrected) == set(plain.corrected)
            assert set(found.passed) == set(plain.passed)
            assert {record for _, record in found.examples} <= set(records)
        for side, besides in product(parties, (frozenset[str](), frozenset({"merger"}))):
            for items in (records, copies, [*records, *copies]):
                found = delivered.listed(connection, items, side, 0, besides)
                plain = book.listed(items, side, 0, besides)
                assert set(found.not_kept) == set(plain.not_kept)
                assert set(found.claimed) == set(plain.claimed)
                assert set(found.passed) == set(plain.passed)
        for start in range(3):
            some = copies[start::3]
            assert delivered.lying_in(connection, some, records) == book.lying_in(some, records)
        for record in records:
            passed, told = delivered.passed(connection, record), book.passed(record)
            assert (passed and passed[:4]) == (told and astuple(told)[:4])
        for name in states(history, HandoverState):
            assert delivered.residual(connection, name, party) == book.residual(name, party)


def test_one_of_each_kind_stands_for_all_that_are_listed() -> None:
    """Records that differ in anything that a rule asks for are not judged by one example."""
    history = History().open()
    alike, other, raw = (history.collect()[0] for _ in range(3))
    again = history.collect()[0]
    for record in (alike, again):
        history.classify(record)
    history.classify(other, sensitivity="non_personal")
    with project(empty_tables(), history.recorded) as connection:
        found = delivered.listed(connection, [alike, again, other, raw], history.party, 0)
    assert sorted(record for _, record in found.examples) == sorted([alike, other, raw])


@given(SEEDS)
@settings(max_examples=25)
def test_holds_backups_and_grants_are_as_the_rules_see_them(seed: int) -> None:
    history = random_walk(seed, 150)
    with project(empty_tables(), history.recorded, 30, 2) as connection:
        placed = {hold.hold: hold for hold in holds.listed(connection, limit=ALL)}
        assert placed.keys() == states(history, HoldState).keys()
        active = {hold.hold for hold in holds.listed(connection, active=True, limit=ALL)}
        over_ = {hold.hold for hold in holds.listed(connection, active=False, limit=ALL)}
        assert active == {name for name, hold in placed.items() if hold.active}
        assert over_ == placed.keys() - active
        for name, hold in placed.items():
            state = history.book.states[name]
            assert isinstance(state, HoldState)
            told = holds.covered(connection, name, limit=ALL)
            still = {held.object for held in told if held.released_entry is None}
            assert still == state.covered
            assert hold.covered == len(still)
            assert hold.objects == len({held.object for held in told})
        made = {backup.backup: backup for backup in backups.listed(connection, limit=ALL)}
        assert made.keys() == states(history, BackupState).keys()
        for name, backup in made.items():
            kept = history.book.states[name]
            assert isinstance(kept, BackupState)
            copies = backups.copies(connection, name, limit=ALL)
            assert {c.holding: "expired" if c.expired_entry else "" for c in copies} == kept.items
            assert backup.expired == list(kept.items.values()).count("expired")
        grants = {grant.grant: grant for grant in access.granted(connection, limit=ALL)}
        assert grants.keys() == states(history, GrantState).keys()
        for name, grant in grants.items():
            given_ = history.book.states[name]
            assert isinstance(given_, GrantState)
            assert (grant.actor, grant.categories) == (given_.actor, given_.categories)
            assert (grant.revoked_entry is not None) == given_.revoked
            assert set(access.named(connection, name)) == given_.records


@given(SEEDS)
@settings(max_examples=15)
def test_the_register_of_accesses_is_every_access_and_every_refusal(seed: int) -> None:
    history = random_walk(seed, 150)
    said = [r for r in history.recorded if isinstance(r.event, RecordAccessed | AccessDenied)]
    reviews = [r for r in history.recorded if isinstance(r.event, AccessReviewed)]
    with project(empty_tables(), history.recorded, 30, 2) as connection:
        listed = access.listed(connection, limit=ALL)
        assert [row.position for row in listed] == [r.position for r in said]
        newest = access.listed(connection, limit=ALL, newest=True)
        assert newest == listed[::-1]
        for place in range(1, len(listed)):
            after = listed[place - 1].position
            assert access.listed(connection, limit=2, after=after) == listed[place : place + 2]
        for row in listed[:5]:
            for names in (("record",), ("actor",), ("outcome",), ("record", "actor", "outcome"),
                          ("actor", "outcome")):  # fmt: skip
                wanted: dict[str, Any] = {name: getattr(row, name) for name in names}
                same = [r for r in listed if all(getattr(r, n) == v for n, v in wanted.items())]
                assert access.listed(connection, limit=ALL, **wanted) == same
        reviewed = access.reviewed(connection, limit=ALL)
        assert [row.position for row in reviewed] == [r.position for r in reviews]
        first, last = history.recorded[0].accepted, history.recorded[-1].accepted
        assert access.between(connection, history.routine, first, last) == history.book.accesses(
            history.routine, first, last
        )


@given(SEEDS)
@settings(max_examples=10)
def test_every_mention_is_known(seed: int) -> None:
    history = random_walk(seed, 100)
    expected: dict[str, list[str]] = {}
    rows = set()
    for position, entry, _, event in history.recorded:
        for other in event.mentions:
            rows.add((key_of(other), position, entry, event.stream))
        for other in (*event.mentions, *event.names):
            expected.setdefault(other, []).append(event.stream)
    with project(empty_tables(), history.recorded, 9, 2) as connection:
        for other, streams in expected.items():
            assert mentioning(connection, [other]) == list(dict.fromkeys(streams))
        table = mentions.mentions.c
        kept = connection.execute(
            sa.select(table.object, table.position, table.entry, table.aggregate, table.stream)
        )
        assert {(*told, id_of(aggregate, key)) for *told, aggregate, key in kept} == rows


def test_a_page_of_a_long_register_costs_its_rows() -> None:
    """Of 20,000 accesses, one in a hundred denied, half by one person, thirty of each record."""
    history = History().open()
    records, people = ([history.new(kind) for _ in range(700)] for kind in ("record", "actor"))
    copy = key_of(history.new("holding"))
    rows = [
        {
            "position": n, "entry": n, "accepted": START, "record": key_of(records[n % 700]),
            "holding": copy, "actor": key_of(people[n % 700 if n % 2 else 0]), "grant": None,
            "engagement": key_of(history.routine), "mode": "view", "purpose": "audit",
            "outcome": "allowed" if n % 100 else "denied", "rule": None, "intact": 1,
        }
        for n in range(1, 20_001)
    ]  # fmt: skip
    with empty_tables() as connection:
        connection.execute(sa.insert(access.accesses), rows)
        steps = Steps(connection)
        for question in (
            {}, {"newest": True}, {"after": 15_000}, {"newest": True, "entry": 50},
            {"record": records[3]}, {"record": records[3], "newest": True, "entry": 9_000},
            {"record": records[4], "outcome": "allowed"}, {"outcome": "denied", "newest": True},
            {"actor": people[0], "newest": True, "entry": 10_000},
            {"actor": people[0], "outcome": "denied"}, {"record": records[4], "actor": people[0]},
        ):  # fmt: skip
            asked: dict[str, Any] = question
            found: list[access.Accessed] = []
            taken = steps.of(lambda: found.extend(access.listed(connection, limit=20, **asked)))  # noqa: B023
            assert found, asked
            assert taken <= 3, asked

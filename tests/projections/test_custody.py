"""The chain of custody: every copy of a record and every stream that tells of it."""

from __future__ import annotations

import sqlalchemy as sa

from domain.codes import ENUMERATIONS
from domain.copies import HoldingState
from domain.hold import LegalHoldPlaced
from domain.values import topic_of
from projections import certificates, custody, handovers, holds
from projections.custody import THERE, Copy, copies, streams_of
from projections.inventory import counts, one
from projections.tables import corrections, holdings
from tests.domain.words import (
    OBJECT,
    approve,
    confirm,
    execute,
    expire_backup,
    freeze,
    make_backup,
    place_hold,
    plan_handover,
    propose,
    receive,
    release,
    release_hold,
    take_off,
    verify_destruction,
)
from tests.domain.worlds import Person
from tests.projections.histories import History, empty_tables, project


def streams(history: History, record: str) -> list[str]:
    with project(empty_tables(), history.recorded, 4) as connection:
        return streams_of(connection, record)


def copies_of(history: History, record: str) -> list[Copy]:
    with project(empty_tables(), history.recorded, 4) as connection:
        return copies(connection, record)


def test_the_chain_is_the_record_and_the_copies_that_concern_it() -> None:
    history = History().open()
    record, holding = history.collect()
    other, elsewhere = history.collect()
    copy = history.create_holding(history.new("holding"), record=record, made_from=holding)
    history.classify(record)
    history.move(copy)
    history.lose(elsewhere)

    assert streams(history, record) == [record, holding, copy]
    assert streams(history, other) == [other, elsewhere]
    wanted = set(streams(history, record))
    chain = [topic_of(r.event) for r in history.recorded if r.event.stream in wanted]
    assert chain == [
        "holding.created",
        "record.collected",
        "holding.created",
        "record.classified",
        "holding.moved",
    ]


def test_a_row_is_reached_through_its_table_without_a_link_of_its_own() -> None:
    history = History().open()
    records, holding = history.collect_rows(50)
    assert all(streams(history, record) == [record, holding] for record in records[::7])
    with project(empty_tables(), history.recorded) as connection:
        stored = [connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one()
                  for t in (holdings, corrections)]  # fmt: skip
    assert stored == [1, 0]


def test_a_correction_in_another_copy_joins_the_chain() -> None:
    history = History().open()
    record, holding = history.collect()
    revised = history.create_holding(history.new("holding"))
    history.correct(record, revised)
    history.correct(record, revised)
    assert streams(history, record) == [record, holding, revised]


def test_a_copy_shows_where_it_is_and_what_became_of_it() -> None:
    history = History().open()
    record, holding = history.collect()
    buyer = history.register_party(history.new("party"))
    copy = history.create_holding(
        history.new("holding"), record=record, made_from=holding, encrypted=False, size=99
    )
    created = len(history.recorded)
    history.move(copy, custodian=buyer, medium="tape")
    history.move(copy)
    history.give_back(copy)
    history.lose(holding)

    original, second = copies_of(history, record)
    assert second == Copy(
        holding=copy,
        record=record,
        custodian=buyer,
        form="electronic_native",
        medium="tape",
        size=99,
        items=1,
        encrypted=False,
        made_from=holding,
        condition="returned",
        created_position=created,
        changed_position=created + 3,
        changed_entry=history.entry,
    )
    assert (original.record, original.made_from, original.encrypted) == (None, None, True)
    assert (original.condition, original.there, second.there) == ("lost", False, False)


def test_a_record_that_was_never_collected_has_no_copies() -> None:
    history = History().open()
    history.collect()
    unknown = history.new("record")
    assert copies_of(history, unknown) == []
    assert streams(history, unknown) == [unknown]


def test_a_copy_is_there_when_the_rules_say_so() -> None:
    for condition in ENUMERATIONS["HoldingState"].codes:
        state = HoldingState("", 1, "", "", "", None, condition)
        assert (condition in THERE) == state.there, condition


def gone(history: History, record: str, *, sizes: tuple[int, ...] = ()) -> list[tuple[str, int]]:
    """How the inventory has shown a record, entry by entry: state and copies there."""
    with project(empty_tables(), history.recorded, *sizes) as connection:
        rows = [one(connection, record, entry=entry) for entry in range(history.entry + 1)]
    return [(row.state, row.holdings) for row in rows if row is not None]


def test_what_was_lost_on_its_way_does_not_arrive() -> None:
    history = History().open()
    (record, copy), (_, other) = history.collect(), history.collect()
    seller, buyer = (
        Person(history.admin, history.party),
        Person(history.admin, history.new("party")),
    )
    handover, items = history.new("handover"), [copy, other]
    history.says(
        plan_handover(handover, seller, buyer), freeze(handover, items), release(handover, items)
    )
    history.begin()
    history.lose(copy)
    history.says(receive(handover, items), confirm(handover, items, buyer))
    with project(empty_tables(), history.recorded, 9, 1, 1) as connection:
        told = [
            [(c.condition, c.custodian == buyer.party) for c in copies(connection, record, entry=e)]
            for e in range(4, history.entry + 1)
        ]
        arrived = custody.one(connection, other)
    assert told == [
        [("present", False)], [("in_transit", False)], [("lost", False)], [("lost", False)],
        [("lost", True)],
    ]  # fmt: skip
    assert arrived is not None
    assert (arrived.condition, arrived.custodian) == ("present", buyer.party)


def test_a_record_whose_destroyed_copy_is_found_is_again_what_it_was() -> None:
    history = History().open()
    record, copy = history.collect()
    for act in (history.classify, history.review, history.retain, history.archive):
        act(record)
    case, items = history.new("destruction_case"), [copy]
    history.says(
        propose(case, items), execute(case, items),
        verify_destruction(case, items, found={copy: "fail"}), execute(case, items),
        take_off(case, copy),
    )  # fmt: skip
    expected = [
        ("archived", 1), ("archived", 1), ("destroyed", 0), ("archived", 1), ("destroyed", 0),
        ("archived", 1),
    ]  # fmt: skip
    assert gone(history, record) == expected
    assert gone(history, record, sizes=(10, 1, 1, 1)) == expected


def test_a_record_is_gone_with_its_last_copy_and_not_before() -> None:
    history = History().open()
    records, table = history.collect_rows(3)
    backup, spare = history.new("backup"), history.new("holding")
    history.begin()
    history.create_holding(spare, made_from=table, **OBJECT)
    history.says(make_backup(backup, [spare]))
    history.begin()
    history.give_back(table)
    history.says(expire_backup(backup, spare))
    for record in records:
        assert gone(history, record)[2:] == [
            ("registered", 2), ("registered", 1), ("destroyed", 0),
        ]  # fmt: skip
    with project(empty_tables(), history.recorded) as connection:
        (count,) = counts(connection)
    assert (count.state, count.records) == ("destroyed", 3)


def test_what_was_all_returned_is_transferred_out_and_what_is_lost_may_be_found() -> None:
    history = History().open()
    (away, first), (lost, second) = history.collect(), history.collect()
    history.begin()
    history.give_back(first)
    history.lose(second)
    assert gone(history, away)[-1] == ("transferred_out", 0)
    assert gone(history, lost)[-1] == ("registered", 0)


def test_approvals_are_counted_by_person() -> None:
    """An approval that has expired is given anew: that is not a second person."""
    history = History().open()
    _, copy = history.collect()
    case, items = history.new("destruction_case"), [copy]
    history.says(propose(case, items), approve(case, items), approve(case, items))
    with project(empty_tables(), history.recorded) as connection:
        found = certificates.one(connection, case)
        assert found is not None
        assert (found.approvals, found.steps["approved"]) == (1, history.entry)


def test_what_was_freed_and_held_again_is_held() -> None:
    history = History().open()
    record, _ = history.collect()
    hold = history.new("hold")
    for said in (place_hold(hold, record), release_hold(hold, record), place_hold(hold, record)):
        history.add(said.kind, said.stream, **said.fields)
        with project(empty_tables(), history.recorded, 9, 1) as connection:
            (found,) = holds.listed(connection, limit=9)
            assert bool(found.covered) == (said.kind is LegalHoldPlaced)


def test_a_handover_is_confirmed_when_every_item_is() -> None:
    history = History().open()
    (_, first), (_, second) = history.collect(), history.collect()
    seller, buyer = (
        Person(history.admin, history.party),
        Person(history.admin, history.new("party")),
    )
    handover, items = history.new("handover"), [first, second]
    whole = confirm(handover, items, buyer)
    history.says(
        plan_handover(handover, seller, buyer), freeze(handover, items), release(handover, items),
        receive(handover, items), whole.but(items=[second]), whole.but(items=[first]),
    )  # fmt: skip
    with project(empty_tables(), history.recorded, 9, 1) as connection:
        told = [
            handovers.one(connection, handover, entry=entry)
            for entry in range(history.entry - 2, history.entry + 1)
        ]
    assert [(h.step, h.confirmed) for h in told if h] == [
        ("received", 0), ("received", 1), ("confirmed", 2),
    ]  # fmt: skip

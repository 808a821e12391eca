"""The chain of custody: every copy of a record and every stream that tells of it."""

from __future__ import annotations

import sqlalchemy as sa

from domain.codes import ENUMERATIONS
from domain.holding import HoldingState
from domain.values import topic_of
from projections.custody import THERE, Copy, copies, streams_of
from projections.tables import corrections, holdings
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

"""What was true then: every past state can be asked for, and is what it was when it was present."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from projections import (
    METADATA,
    access,
    agreements,
    arrivals,
    backups,
    certificates,
    deals,
    handovers,
    holds,
    keycopies,
    media,
    rights,
)
from projections import inventory as shown
from projections.custody import copies, count_there, listed, one, streams_of
from projections.inventory import Count, counts, rows
from projections.past import standing
from projections.people import listed as registered
from projections.tables import (
    actors,
    holdings,
    holdings_past,
    inventory,
    inventory_counts,
    inventory_counts_past,
    inventory_highest,
    inventory_past,
    keys,
    keys_past,
    parties,
    roles,
)
from projections.view import Recorded
from tests.projections.casework import random_history
from tests.projections.histories import History, Steps, empty_tables, project, rebuilt

SEEDS = st.integers(0, 2**32)


def answers(connection: sa.Connection, about: list[str], entry: int | None) -> dict[str, Any]:
    """The answer to every question that can be asked about a moment.

    `about`: streams to ask about one by one.
    """
    pages: list[Any] = []
    after: str | None = None
    while page := rows(connection, limit=3, after=after, entry=entry):
        pages.append(page)
        after = page[-1].record
    each: dict[str, Any] = {}
    for stream in about:
        ask = _ABOUT.get(stream.partition("-")[0], ())
        each[stream] = [question(connection, stream, entry=entry) for question in ask]
    return {
        "list": pages,
        "archived": rows(connection, state="archived", limit=100, entry=entry),
        "destroyed": rows(connection, state="destroyed", limit=100, entry=entry),
        "orders": rows(connection, category="transaction", limit=100, entry=entry),
        "counts": counts(connection, entry=entry),
        "all copies": listed(connection, limit=1000, entry=entry),
        "copies there": count_there(connection, entry=entry),
        "people": [
            list(registered(connection, table, entry=entry))
            for table in (parties, actors, roles, keys)
        ],
        "registers": [register(connection, limit=1000, entry=entry) for register in _REGISTERS],
        "holds": [
            holds.listed(connection, active=active, limit=1000, entry=entry)
            for active in (True, False)
        ],
        "newest": access.listed(connection, newest=True, limit=3, entry=entry),
        "each": each,
    }


_REGISTERS: tuple[Any, ...] = (
    holds.listed, handovers.listed, certificates.listed, backups.listed, access.granted,
    access.listed, access.reviewed, rights.listed, keycopies.listed, media.listed, deals.listed,
)  # fmt: skip
_ABOUT: dict[str, tuple[Any, ...]] = {
    "record": (
        shown.one, copies, streams_of,
        lambda c, record, entry: access.listed(c, record=record, limit=99, entry=entry),
        lambda c, record, entry: access.granted(c, record=record, limit=99, entry=entry),
        rights.about,
    ),
    "rights": (rights.one, partial(rights.records_of, limit=99)),
    "holding": (one, backups.backup_of),
    "hold": (holds.one, partial(holds.covered, limit=99)),
    "handover": (
        handovers.one,
        lambda c, it, entry: arrivals.items(c, it, 1, limit=99, entry=entry),
        lambda c, it, entry: arrivals.items(c, it, 2, limit=99, entry=entry),
        lambda c, it, entry: arrivals.tally(c, it, 1, entry=entry),
        lambda c, it, entry: handovers.left_out(c, it, 1, entry=entry),
        handovers.replacements,
        arrivals.discrepancies,
        partial(arrivals.declared, limit=99),
    ),
    "destruction_case": (
        certificates.one, partial(certificates.items, limit=99), keycopies.covering,
    ),
    "engagement": (
        deals.one, deals.disposals_of, deals.tracking_of, deals.rekeyed_of,
        agreements.documents_of, agreements.agreed, agreements.ndas_of, agreements.pipias_of,
    ),
    "document": (agreements.document,),
    "keycopy": (keycopies.one, media.medium_of),
    "medium": (media.one,),
    "backup": (backups.one, partial(backups.copies, limit=99), keycopies.covering),
    "actor": (
        agreements.trainings_of,
        lambda c, actor, entry: access.granted(c, actor=actor, limit=99, entry=entry),
        lambda c, actor, entry: access.listed(c, actor=actor, limit=99, entry=entry),
    ),
}  # fmt: skip


@given(SEEDS)
@settings(max_examples=6)
def test_as_of_every_entry_the_answers_are_those_of_the_ledger_as_it_was(seed: int) -> None:
    draw = random.Random(seed)
    events = random_history(seed, 70)
    by_kind: dict[str, list[str]] = {}
    for stream in sorted({r.event.stream for r in events}):
        by_kind.setdefault(stream.partition("-")[0], []).append(stream)
    sizes = [draw.randrange(1, 12) for _ in events]
    with project(empty_tables(), events, *sizes) as whole, empty_tables() as then:
        for entry in range(events[-1].entry + 1):
            project(then, [r for r in events if r.entry == entry])
            about = [draw.choice(streams) for streams in by_kind.values()]
            was = answers(then, about, None)
            is_told = answers(whole, about, entry)
            for question, answer in was.items():
                assert is_told[question] == answer, f"{question} as of entry {entry}"
            if entry % 7 == 0:
                assert answers(then, about, entry) == was, "as of now is now"


def test_before_anything_was_collected_the_inventory_is_empty() -> None:
    history = History().open()
    record, holding = history.collect()
    history.begin()
    history.lose(holding)
    with project(empty_tables(), history.recorded, 3) as connection:
        assert rows(connection, limit=9, entry=0) == []
        assert counts(connection, entry=0) == []
        assert shown.one(connection, record, entry=0) is None
        assert one(connection, holding, entry=0) is None
        assert copies(connection, record, entry=0) == []
        assert [row.holdings for row in rows(connection, limit=9, entry=1)] == [1]
        assert [row.holdings for row in rows(connection, limit=9, entry=2)] == [0]


def test_a_copy_that_was_there_before_its_record_concerns_it_only_from_then_on() -> None:
    history = History().open()
    history.begin()
    holding = history.create_holding(history.new("holding"))
    history.begin()
    record = history.collect_into(holding)
    with project(empty_tables(), history.recorded) as connection:
        found = [streams_of(connection, record, entry=entry) for entry in (1, 2)]
        assert one(connection, holding, entry=1) is not None
    assert found == [[record], [record, holding]]


def test_a_summary_of_last_week_still_adds_up() -> None:
    history = History().open()
    (first, _), (second, _) = history.collect(size=100), history.collect(size=50)
    history.begin()
    history.classify(first)
    history.classify(second)
    place = "transaction.order"
    with project(empty_tables(), history.recorded, 4, 2) as connection:
        assert counts(connection, entry=1) == [Count(place, None, None, "registered", 1, 1, 100)]
        assert counts(connection, entry=2) == [Count(place, None, None, "registered", 2, 2, 150)]
        assert counts(connection, entry=3) == counts(connection)
        assert counts(connection) == [
            Count(place, "general_2", "general_pi", "classified", 2, 2, 150)
        ]


def test_a_key_rotated_and_reported_later_was_only_rotated_in_between() -> None:
    history = History().open()
    history.begin()
    history.rotate(history.admin, 3, 7)
    history.begin()
    history.compromise(history.admin, 3, "2026-11-21T09:00:30.000Z")
    with project(empty_tables(), history.recorded, 2, 2) as connection:

        def condition(entry: int) -> list[tuple[str, int | None, str | None]]:
            return [
                (key["condition"], key["until"], key["suspected_since"])
                for key in registered(connection, keys, entry=entry)
                if key["id"] == "00000003"
            ]

        assert condition(0) == [("active", None, None)]
        assert condition(1) == [("rotated", 1, None)]
        assert condition(2) == [("compromised", 1, "2026-11-21T09:00:30.000Z")]


def test_a_role_that_was_revoked_later_was_held_then() -> None:
    history = History().open()
    history.begin()
    history.revoke_role(history.admin, "administrator")
    with project(empty_tables(), history.recorded) as connection:
        ((then,), (now,)) = (list(registered(connection, roles, entry=e)) for e in (0, 1))
    assert (then["revoked_position"], then["revoked_entry"]) == (None, None)
    assert (now["revoked_position"], now["revoked_entry"]) == (len(history.recorded), 1)


# -- what is kept, and what it costs ----------------------------------------------------------


def kept(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_what_is_only_collected_has_no_past() -> None:
    history = History().open()
    for _ in range(3):
        history.collect_rows(40)
    with project(empty_tables(), history.recorded, 17, 17, 17) as connection:
        assert kept(connection, inventory_past) == kept(connection, holdings_past) == 0
        assert kept(connection, inventory_counts_past) == 2, "one counter, three entries"
        assert kept(connection, inventory_highest) <= 3


@pytest.mark.parametrize("sizes", [[1] * 99, [10, 1, 1, 1], [11, 2], [12], []])
def test_of_several_changes_in_one_entry_only_the_last_is_kept(sizes: list[int]) -> None:
    history = History().open()
    record, holding = history.collect()
    history.begin()
    history.review(record)
    history.classify(record)
    history.archive(record)
    history.move(holding, medium="tape")
    history.lose(holding)
    assert rebuilt(history.recorded, *sizes) == rebuilt(history.recorded)
    with project(empty_tables(), history.recorded, *sizes) as connection:
        assert [kept(connection, t) for t in (inventory_past, holdings_past, keys_past)] == [
            1,
            1,
            0,
        ]


def test_a_record_collected_and_worked_on_in_one_batch_keeps_what_it_was() -> None:
    history = History().open()
    record, _ = history.collect()
    history.begin()
    history.classify(record)
    with project(empty_tables(), history.recorded) as connection:
        states = [row.state for e in (1, 2) for row in rows(connection, limit=1, entry=e)]
    assert states == ["registered", "classified"]


def grown(events: list[Recorded], history: History, tables: int) -> list[Recorded]:
    """The events, and as many tables of 100 records and 100 copies more, worked on later."""
    start = len(history.recorded)
    found = [history.collect_rows(100)[0] for _ in range(tables)]
    for records in found:
        history.begin()
        for record in records:
            history.classify(record)
            history.create_holding(history.new("holding"), record=record)
    return [*events, *history.recorded[start:]]


def ascending(history: History) -> None:
    """Ids as they are made in time: each is higher than those before."""
    numbers = iter(range(1, 2**40))

    def new(aggregate: str) -> str:
        digits = f"{0x0193 << 32 | next(numbers):012x}"
        return f"{aggregate}-{digits[:8]}-{digits[8:]}-7000-8000-000000000000"

    history.new = new  # type: ignore[method-assign]


def test_a_page_of_long_ago_costs_its_rows_and_not_what_came_since() -> None:
    history = History()
    ascending(history)
    history.open()
    early = grown(list(history.recorded), history, 3)
    then = history.entry
    with project(empty_tables(), early, 500) as connection:
        steps = Steps(connection)
        small = steps.of(lambda: rows(connection, limit=500, entry=then))
        few = steps.of(lambda: listed(connection, limit=500, entry=1))
        project(connection, grown([], history, 60), 3000, 3000)
        large = steps.of(lambda: rows(connection, limit=500, entry=then))
        last = steps.of(lambda: rows(connection, limit=500, entry=1))
        copied = steps.of(lambda: listed(connection, limit=500, entry=1))
        totals = steps.of(lambda: counts(connection, entry=then))
        assert len(rows(connection, limit=500, entry=then)) == 300
    assert small > 0
    assert large <= 2 * small, (small, large)
    assert last <= small, "as of an early entry the list ends where that entry's records end"
    assert copied <= few + 1, "so does the list of copies"
    assert totals <= 2


def test_every_table_whose_rows_change_has_a_past_of_its_key_and_what_changes() -> None:
    changing = {name: t.info["past"] for name, t in METADATA.tables.items() if "past" in t.info}
    for name, past in changing.items():
        table = METADATA.tables[name]
        key = [column.name for column in table.primary_key]
        assert [column.name for column in past.primary_key] == [*key, "changed_entry"]
        assert set(past.columns.keys()) <= set(table.columns.keys())
    with_past = {name for name in METADATA.tables if name.endswith("_past")}
    assert with_past == {f"{name}_past" for name in changing}
    since = {name for name, table in METADATA.tables.items() if "changed_entry" in table.columns}
    assert since == {*changing, *with_past}


def test_postgresql_is_asked_about_the_past_in_its_own_words() -> None:
    for table in (inventory, holdings, inventory_counts, keys):
        query = standing(table, then=True).rows
        sql = str(query.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
        assert f"LEFT OUTER JOIN {table.name}_past" in sql
        assert "max(" in sql

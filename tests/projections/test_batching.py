"""However the events are cut into batches, and however often they are replayed: the same tables."""

from __future__ import annotations

import random
from functools import reduce
from operator import or_
from typing import Any, cast

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from domain import TOPICS
from domain.anchor import LedgerIndexPublished, LedgerTimestampAnchored
from domain.digitization import RecordDigitized
from domain.replica import LedgerBundleImported, LedgerReplicaCompared
from domain.search import PeopleIndexed
from domain.values import Event
from projections import METADATA, VIEWS
from projections import project as projected
from projections.comparison import Difference, differences, digest
from projections.inventory import one, rows
from projections.tables import inventory, inventory_counts, voided
from projections.view import Prepared, id_of
from tests.projections.casework import random_history
from tests.projections.histories import (
    History,
    empty_tables,
    project,
    rebuilt,
)

SEEDS = st.integers(0, 2**32)
SIZES = st.lists(st.integers(1, 40), max_size=30)


@given(SEEDS, SIZES)
@settings(max_examples=30)
def test_any_batching_gives_the_same_tables(seed: int, sizes: list[int]) -> None:
    events = random_history(seed, 80)
    assert rebuilt(events, *sizes) == rebuilt(events) == rebuilt(events, *[1] * len(events))


@given(SEEDS)
@settings(max_examples=10)
def test_the_counters_equal_counting_the_rows(seed: int) -> None:
    draw = random.Random(seed)
    events = random_history(seed, 120)
    sizes = [draw.randrange(1, 20) for _ in events]
    with project(empty_tables(), events, *sizes) as connection:
        bucket = (
            inventory.c.category,
            sa.func.coalesce(inventory.c.level, ""),
            sa.func.coalesce(inventory.c.sensitivity, ""),
            inventory.c.state,
        )
        sums = (sa.func.count(), sa.func.sum(inventory.c["items"]), sa.func.sum(inventory.c.size))
        counted = connection.execute(sa.select(*bucket, *sums).group_by(*bucket).order_by(*bucket))
        columns = [c for c in inventory_counts.columns if c.name != "changed_entry"]
        kept = sa.select(*columns).where(inventory_counts.c.records != 0)
        kept = kept.order_by(*inventory_counts.primary_key)
        assert connection.execute(kept).all() == counted.all()


def test_rebuild_equals_live_at_every_entry() -> None:
    events = random_history(20261121, 60)
    with empty_tables() as live:
        for position, recorded in enumerate(events, start=1):
            project(live, [recorded])
            if position % 8 == 0 or position == len(events):
                with project(empty_tables(), events[:position], position // 2) as again:
                    assert digest(live) == digest(again), f"position {position}"
                    assert differences(live, again) == []


@given(SEEDS)
@settings(max_examples=10)
def test_a_view_that_is_passed_over_would_have_changed_nothing(seed: int) -> None:
    events = random_history(seed, 60)
    with empty_tables() as connection:
        for recorded in events:
            projected(connection, [recorded])
            before = connection.connection.driver_connection.total_changes  # type: ignore[union-attr]
            for view in VIEWS:
                if type(recorded.event) not in view.kinds:
                    view.apply(connection, [recorded])
            after = connection.connection.driver_connection.total_changes  # type: ignore[union-attr]
            assert before == after, type(recorded.event)


def test_every_event_is_looked_at_by_some_view_or_is_known_to_change_none() -> None:
    looked_at = frozenset[type[Event]]().union(*(view.kinds for view in VIEWS))
    silent = {RecordDigitized, LedgerBundleImported, LedgerReplicaCompared,
              LedgerIndexPublished, LedgerTimestampAnchored, PeopleIndexed}  # fmt: skip
    assert set(TOPICS.values()) - looked_at == silent, "their copies and states say so"


def test_the_histories_hold_events_of_every_topic_in_their_stored_form() -> None:
    union = msgspec.json.Decoder(reduce(or_, TOPICS.values()))
    seen = set()
    for seed in range(12):
        for _, _, _, event in random_history(seed, 320):
            assert union.decode(msgspec.json.encode(event)) == event
            seen.add(type(event).__name__)
    kinds = {kind.__name__ for kind in TOPICS.values()}
    months_later = {"TrackingChecked", "HandoverDeemedAccepted"}
    elsewhere = {"LedgerKeyRotated", "LedgerBundleImported", "LedgerReplicaCompared",
                 "LedgerIndexPublished", "LedgerTimestampAnchored", "HoldingReturned",
                 "PeopleIndexed"}  # fmt: skip
    assert kinds - seen - months_later == elsewhere, "in stories of their own"


def test_an_event_about_something_unknown_changes_nothing() -> None:
    events = random_history(5, 60)
    orphans = [r for r in events if r.event.version > 1 and r.event.stream.startswith("record-")]
    with project(empty_tables(), orphans, 3) as connection:
        assert rows(connection, limit=10) == []
        assert one(connection, orphans[0].event.stream) is None


def test_a_changed_a_missing_and_an_extra_row_are_named() -> None:
    history = History().open()
    (a, _), (b, _), (c, _) = history.collect(), history.collect(), history.collect()
    a, b, c = sorted((a, b, c))
    keys = {row: bytes.fromhex(row[7:].replace("-", "")) for row in (a, b, c)}
    with project(empty_tables(), history.recorded) as live, empty_tables() as again:
        project(again, history.recorded)
        live.execute(sa.update(inventory).where(inventory.c.record == keys[a]).values(size=7))
        live.execute(sa.delete(inventory).where(inventory.c.record == keys[b]))
        again.execute(sa.delete(inventory).where(inventory.c.record == keys[c]))
        live.execute(sa.insert(voided).values(commit=b"\1" * 16, voider=b"\2" * 16, position=9))

        assert differences(live, again) == [
            Difference("inventory", a, "changed", ("size",)),
            Difference("voided", f"{'01' * 16} {id_of('actor', bytes([2]) * 16)}", "extra"),
        ]
        assert differences(live, again, [inventory], limit=9)[1:] == [
            Difference("inventory", b, "missing"),
            Difference("inventory", c, "extra"),
        ]
        apart = {name for name, value in digest(live).items() if value != digest(again)[name]}
        assert apart == {"inventory", "voided"}


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("category = CAST(x'ff' AS TEXT)", "unreadable"),
        ("category = x'ff'", "changed"),
        ("record = 'no key'", "extra"),
        ("size = '7x'", "changed"),
    ],
)
def test_damaged_values_are_differences_and_not_failures(damage: str, kind: str) -> None:
    history = History().open()
    history.collect()
    with project(empty_tables(), history.recorded) as live, empty_tables() as again:
        project(again, history.recorded)
        live.exec_driver_sql(f"UPDATE inventory SET {damage}")
        found = differences(live, again, limit=5)
        assert {difference.table for difference in found} == {"inventory"}
        assert kind in {difference.kind for difference in found}


def test_every_table_belongs_to_one_view() -> None:
    tables = [table for view in VIEWS for table in view.tables]
    assert sorted(t.name for t in tables) == sorted(METADATA.tables)


class _Psycopg:
    """A connection that only notes what the driver would be given."""

    def __init__(self) -> None:
        self.dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]
        self.given: list[tuple[str, list[dict[str, Any]]]] = []

    rowcount = 1

    @property
    def connection(self) -> _Psycopg:
        return self

    def cursor(self) -> _Psycopg:
        return self

    def in_transaction(self) -> bool:
        return True

    def execute(self, sql: str, parameters: dict[str, Any]) -> None:
        self.given.append((sql, [parameters]))

    def executemany(self, sql: str, parameters: list[dict[str, Any]]) -> None:
        self.given.append((sql, parameters))

    def fetchall(self) -> list[tuple[Any, ...]]:
        return []

    def close(self) -> None: ...


def test_postgresql_gets_named_parameters_and_its_own_upsert() -> None:
    connection = _Psycopg()
    batch = [r for r in random_history(1, 40) if r.event.version == 1]
    for view in VIEWS:
        view.apply(cast("sa.Connection", connection), batch)
    statements = {sql for sql, _ in connection.given}
    assert any(
        "ON CONFLICT (category, level, sensitivity, state) DO UPDATE" in s for s in statements
    )
    assert any("ON CONFLICT DO NOTHING" in s for s in statements)
    assert all("?" not in sql for sql in statements)
    for sql, rows_given in connection.given:
        assert ("%(" in sql) == any(rows_given), sql
        assert all(f"%({name})s" in sql for row in rows_given for name in row), sql


def test_parameters_are_put_where_the_statement_wants_them() -> None:
    update = Prepared(
        ("key", "position"),
        lambda _: (
            sa.update(voided)
            .where(voided.c.commit == sa.bindparam("key"))
            .values(position=sa.bindparam("position"))
        ),
    )
    with empty_tables() as connection:
        connection.execute(
            sa.insert(voided).values(commit=b"\1" * 16, voider=b"\2" * 16, position=1)
        )
        update.run(connection, [(b"\1" * 16, 5)])
        assert connection.execute(sa.select(voided.c.position)).scalar_one() == 5

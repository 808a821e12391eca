"""The inventory: what is held, what it is, how far it has come, how long it must be kept.

One row a record, and running counters beside them, so that a summary never counts rows. How many
copies of a record are still there follows from the holdings when it is asked for: a lost table of
a million rows changes one holding, not a million records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import astuple

from domain.codes import covers
from domain.record import (
    RecordArchived,
    RecordClassified,
    RecordCollected,
    RecordCorrected,
    RecordReclassified,
    RecordVerified,
    RetentionAssigned,
)
from domain.values import Event
from projections.custody import copies_there
from projections.tables import inventory, inventory_counts
from projections.view import (
    Prepared,
    Recorded,
    key_of,
    readable,
    shared_key,
    stored,
)


class _Row(Struct):
    """A row of `inventory`, its columns in order; the last nine are NULL or 0 at first."""

    record: bytes
    category: str
    form: str
    items: int
    size: int
    basis: str
    notice: str
    engagement: bytes
    holding: bytes
    row: int | None
    collected_position: int
    changed_position: int
    changed_entry: int
    state: str = "registered"
    reviewed: int = 0
    level: str | None = None
    sensitivity: str | None = None
    min_until: str | None = None
    max_until: str | None = None
    permanent: int = 0
    action: str | None = None
    conflict: int = 0

    @property
    def bucket(self) -> tuple[str, str, str, str]:
        """The counter that this row is counted in."""
        return self.category, self.level or "", self.sensitivity or "", self.state

    def settle(self) -> None:
        """Let `state` follow from what has been done; only a correction ends the archive."""
        if self.state != "archived" and self.level is not None:
            self.state = "verified" if self.reviewed else "classified"


_COLUMNS = _Row.__struct_fields__
_FRESH = _COLUMNS[: _COLUMNS.index("state")]
_FOR_EVER = {
    "record", "form", "basis", "notice", "engagement", "holding", "row", "collected_position",
}  # fmt: skip
_CHANGING = tuple(name for name in _COLUMNS if name not in _FOR_EVER)
_COUNTERS = tuple(column.name for column in inventory_counts.columns)

_INSERT_FRESH = Prepared(_FRESH, lambda insert: insert(inventory))
_INSERT = Prepared(_COLUMNS, lambda insert: insert(inventory))
_UPDATE = Prepared(
    (*_CHANGING, "key"),
    lambda _: (
        sa.update(inventory)
        .where(inventory.c.record == sa.bindparam("key"))
        .values({name: sa.bindparam(name) for name in _CHANGING})
    ),
)
_changed = attrgetter(*_CHANGING, "record")
_SELECT = Prepared(
    ("key",), lambda _: sa.select(inventory).where(inventory.c.record == sa.bindparam("key"))
)


def _count(insert: Callable[[sa.Table], Any]) -> sa.Executable:
    added = insert(inventory_counts)
    sums = {
        name: inventory_counts.c[name] + added.excluded[name]
        for name in ("records", "items", "size")
    }
    upsert: sa.Executable = added.on_conflict_do_update(
        index_elements=list(inventory_counts.primary_key), set_=sums
    )
    return upsert


_COUNT = Prepared(_COUNTERS, _count)
# A bucket that was passed through is gone, so that batches of any size leave the same rows.
_UNCOUNT = Prepared(
    (), lambda _: sa.delete(inventory_counts).where(inventory_counts.c.records == sa.text("0"))
)


def _corrected(row: _Row, event: RecordCorrected) -> None:
    row.size, row.items, row.reviewed = event.size, event.items, 0
    row.state = "registered"


def _verified(row: _Row, event: RecordVerified) -> None:
    row.reviewed = int(event.result == "pass")


def _classified(row: _Row, event: RecordClassified | RecordReclassified) -> None:
    row.category, row.level, row.sensitivity = event.categories[0], event.level, event.sensitivity


def _retained(row: _Row, event: RetentionAssigned) -> None:
    row.min_until, row.max_until = stored(event.min_until), stored(event.max_until)
    row.permanent, row.conflict = int(event.permanent), int(event.conflict)
    row.action = event.action


def _archived(row: _Row, _: RecordArchived) -> None:
    row.state = "archived"


_CHANGES: dict[type[Event], Callable[[_Row, Any], None]] = {
    RecordCorrected: _corrected,
    RecordVerified: _verified,
    RecordClassified: _classified,
    RecordReclassified: _classified,
    RetentionAssigned: _retained,
    RecordArchived: _archived,
}

_Fresh = dict[bytes, tuple[Any, ...]]


class _Tally:
    """What a batch adds to and takes from the counters."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str, str], list[int]] = {}

    def add(self, bucket: tuple[str, str, str, str], records: int, items: int, size: int) -> None:
        sums = self._sums.get(bucket)
        if sums is None:
            self._sums[bucket] = [records, items, size]
        else:
            sums[0] += records
            sums[1] += items
            sums[2] += size

    def write(self, connection: sa.Connection) -> None:
        changed = {bucket: sums for bucket, sums in self._sums.items() if any(sums)}
        _COUNT.run(connection, [(*bucket, *sums) for bucket, sums in changed.items()])
        if any(records < 0 for records, _, _ in changed.values()):
            _UNCOUNT.run(connection, [()])


class Inventory:
    """The view behind `muniment inventory`."""

    name: str = "inventory"
    tables: tuple[sa.Table, ...] = (inventory, inventory_counts)

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Insert what was collected, change what was worked on, and count both."""
        fresh: _Fresh = {}
        changes: list[tuple[bytes, Recorded]] = []
        for recorded in batch:
            position, entry, _, event = recorded
            if type(event) is RecordCollected:
                key = key_of(event.stream)
                fresh[key] = (
                    key, event.category, event.form, event.items, event.size, event.basis,
                    event.notice, shared_key(event.engagement), shared_key(event.holding),
                    stored(event.row), position, position, entry,
                )  # fmt: skip
            elif type(event) in _CHANGES:
                changes.append((key_of(event.stream), recorded))
        tally = _Tally()
        if changes:
            _change(connection, changes, fresh, tally)
        if fresh:
            _collect(connection, list(fresh.values()), tally)
        tally.write(connection)


def _collect(connection: sa.Connection, fresh: list[tuple[Any, ...]], tally: _Tally) -> None:
    """Insert records that the batch only collects: the bulk path, in plain tuples."""
    for row in fresh:
        tally.add((row[1], "", "", "registered"), 1, row[3], row[4])
    _INSERT_FRESH.run(connection, fresh)


def _change(
    connection: sa.Connection,
    changes: list[tuple[bytes, Recorded]],
    fresh: _Fresh,
    tally: _Tally,
) -> None:
    """Read the records that the batch works on, change them event by event, and write them.

    Records that the batch also collects are taken out of `fresh` and inserted as they end up.
    """
    named = dict.fromkeys(key for key, _ in changes)
    new = {key: _Row(*fresh.pop(key)) for key in named if key in fresh}
    old = _read(connection, [key for key in named if key not in new])
    for row in old.values():
        tally.add(row.bucket, -1, -row.items, -row.size)
    rows = {**new, **old}
    for key, (position, entry, _, event) in changes:
        if (known := rows.get(key)) is not None:
            _CHANGES[type(event)](known, event)
            known.settle()
            known.changed_position, known.changed_entry = position, entry
    for row in rows.values():
        tally.add(row.bucket, 1, row.items, row.size)
    _INSERT.run(connection, [astuple(row) for row in new.values()])
    _UPDATE.run(connection, [_changed(row) for row in old.values()])


def _read(connection: sa.Connection, keys: list[bytes]) -> dict[bytes, _Row]:
    # One by one: the driver does this faster than Core writes out one `IN` for all of them.
    return {key: _Row(*row) for key in keys for row in _SELECT.fetch(connection, (key,))}


class InventoryRow(Struct, frozen=True, kw_only=True):
    """A record as the inventory shows it.

    `category`: the first of its current ones; `state`: registered, classified, verified
    (classified and reviewed) or archived; `holding`: the copy it was collected in, `row` its
    1-based row in that copy's table; `holdings`: how many copies are still there; `min_until`,
    `max_until`: kept through and gone by; `items`, `size`: how many things, how many bytes.
    """

    record: str
    category: str
    form: str
    items: int
    size: int
    basis: str
    notice: str
    engagement: str
    holding: str
    row: int | None
    collected_position: int
    changed_position: int
    changed_entry: int
    state: str
    reviewed: bool
    level: str | None
    sensitivity: str | None
    min_until: str | None
    max_until: str | None
    permanent: bool
    action: str | None
    conflict: bool
    holdings: int

    @property
    def findings(self) -> tuple[str, ...]:
        """What is wrong with the record, as codes: it blocks handover, or needs counsel."""
        found = {"notice_missing": self.notice == "missing", "retention_conflict": self.conflict}
        return tuple(code for code, holds in found.items() if holds)


class Count(Struct, frozen=True):
    """How many records, items and bytes stand in one place; None where not classified yet."""

    category: str
    level: str | None
    sensitivity: str | None
    state: str
    records: int
    items: int
    size: int


def rows(
    connection: sa.Connection,
    *,
    category: str | None = None,
    state: str | None = None,
    limit: int,
    after: str | None = None,
) -> list[InventoryRow]:
    """At most `limit` records in order of their id, from the one after `after` on.

    `category` covers its parts: `communication` lists `communication.sms` too.
    """
    query = _LISTED.order_by(inventory.c.record).limit(limit)
    if category is not None or state is not None:
        # The counters know which categories there are, and whether there is anything at all.
        found = {
            count.category
            for count in counts(connection)
            if category is None or covers(category, count.category)
            if state is None or count.state == state
        }
        if not found:
            return []
        query = query.where(inventory.c.category.in_(sorted(found)))
    if state is not None:
        query = query.where(inventory.c.state == state)
    if after is not None:
        query = query.where(inventory.c.record > key_of(after))
    return list(_shown(connection, query))


def one(connection: sa.Connection, record: str) -> InventoryRow | None:
    """One record, or None if it was never collected."""
    query = _LISTED.where(inventory.c.record == key_of(record))
    return next(_shown(connection, query), None)


def counts(connection: sa.Connection) -> list[Count]:
    """The running counters by category, level, sensitivity and state; their sums are the totals."""
    query = sa.select(inventory_counts).order_by(*inventory_counts.primary_key)
    return [
        Count(row.category, row.level or None, row.sensitivity or None, *row[3:])
        for row in connection.execute(query)
    ]


_LISTED = sa.select(inventory, copies_there(inventory.c.record, inventory.c.holding))


def _shown(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[InventoryRow]:
    for *row, there in connection.execute(query):
        yield InventoryRow(**readable(inventory, row), holdings=there)

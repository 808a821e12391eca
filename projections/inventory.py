"""The inventory: what is held, what it is, how far it has come, how long it must be kept.

One row a record, and running counters beside them, so that a summary never counts rows; what both
were before lies in their past (`projections.past`). How many copies of a record are still there
follows from the holdings when it is asked for: a lost table of a million rows changes one holding,
not a million records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET, Struct, json
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
from domain.restriction import ProcessingRestricted, PurposeEnded, RestrictionLifted
from domain.values import Event
from projections.anonymity import anonymous_twin
from projections.custody import TURNS, copies_there, nothing_left, records_of, turned_copies
from projections.past import AS_OF, Highest, both, standing
from projections.tables import (
    inventory,
    inventory_counts,
    inventory_counts_past,
    inventory_highest,
    inventory_past,
)
from projections.tally import Bucket, Tally
from projections.view import Prepared, Recorded, id_of, key_of, readable, shared_key, stored


class _Row(Struct):
    """A row of `inventory`, its columns in order; from `state` on as they are at first."""

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
    restricted: int = 0
    purpose_ended: str | None = None
    archived: int = 0
    kind: str | None = None
    triggers: str | None = None
    periods: str | None = None
    withdrawn: int = 0

    @property
    def counted(self) -> tuple[Bucket, int, int]:
        """The counter that this row is counted in, and what it adds there: items and bytes."""
        bucket = self.category, self.level or "", self.sensitivity or "", self.state
        return bucket, self.items, self.size

    def settle(self) -> None:
        """Let `state` follow from what has been done, while anything is left."""
        if self.state not in _GONE:
            self.state = self.worked

    @property
    def worked(self) -> str:
        """How far the work on it has come; only a correction ends the archive."""
        if self.archived:
            return "archived"
        if self.level is None:
            return "registered"
        return "verified" if self.reviewed else "classified"


_GONE: Final = ("destroyed", "transferred_out", "anonymized")
_INNER: Final = ("archived", "kind", "triggers", "periods", "withdrawn")
"""Columns that only this view and `projections.contents` read, and that have no past."""
_COLUMNS = _Row.__struct_fields__
_FRESH = _COLUMNS[: _COLUMNS.index("state")]
_PAST = tuple(column.name for column in inventory_past.columns)
_CHANGING = tuple(name for name in _COLUMNS if name in {*_PAST, *_INNER} - {"record"})

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
_SUPERSEDED = Prepared(_PAST, lambda insert: insert(inventory_past))
_superseded = attrgetter(*_PAST)
_HIGHEST = Highest(inventory_highest)


def _corrected(row: _Row, event: RecordCorrected) -> None:
    row.size, row.items, row.reviewed, row.archived = event.size, event.items, 0, 0


def _verified(row: _Row, event: RecordVerified) -> None:
    row.reviewed = int(event.result == "pass")


def _classified(row: _Row, event: RecordClassified | RecordReclassified) -> None:
    row.category, row.level, row.sensitivity = event.categories[0], event.level, event.sensitivity
    axes = (
        event.level, event.sensitivity, stored(event.relationship), stored(event.business_area),
        *sorted(event.sensitive_kinds),
    )  # fmt: skip
    row.kind = f"{_digest(tuple(sorted(event.categories)))} {_digest(axes)}"


@lru_cache(maxsize=1024)  # few sets of codes for many records
def _digest(codes: tuple[str | None, ...]) -> str:
    return sha256(" ".join(map(str, codes)).encode("ascii")).hexdigest()[:16]


def _retained(row: _Row, event: RetentionAssigned) -> None:
    """The longest minimum and the shortest maximum of the latest assignment by each trigger."""
    periods = json.decode(row.periods, type=_Periods) if row.periods else {}
    periods[event.trigger] = (
        stored(event.min_until), stored(event.max_until), int(event.permanent),
        _digest(tuple(sorted(event.rules))),
    )  # fmt: skip
    periods = dict(sorted(periods.items()))
    row.periods = json.encode(periods).decode("ascii")
    row.min_until = max((low for low, *_ in periods.values() if low), default=None)
    row.max_until = min((high for _, high, *_ in periods.values() if high), default=None)
    row.permanent = max(kept for _, _, kept, _ in periods.values())
    row.conflict = int(
        row.max_until is not None and (bool(row.permanent) or (row.min_until or "") > row.max_until)
    )
    row.action = event.action
    categories = row.kind.partition(" ")[0] if row.kind else _digest((row.category,))
    rules = (f"{trigger}:{named}" for trigger, (*_, named) in periods.items())
    row.triggers = " ".join([categories, *rules])


def _restricted(row: _Row, _: ProcessingRestricted) -> None:
    row.restricted = 1


def _ended(row: _Row, event: PurposeEnded) -> None:
    row.purpose_ended = event.ended_on
    row.withdrawn = int(event.reason == "consent_withdrawn")


def _lifted(row: _Row, event: RestrictionLifted) -> None:
    if event.basis is UNSET:
        row.restricted = 0
    else:  # what is lifted is the end of its purpose
        row.purpose_ended, row.withdrawn = None, 0


def _archived(row: _Row, _: RecordArchived) -> None:
    row.archived = 1


_CHANGES: dict[type[Event], Callable[[_Row, Any], None]] = {
    RecordCorrected: _corrected,
    RecordVerified: _verified,
    RecordClassified: _classified,
    RecordReclassified: _classified,
    RetentionAssigned: _retained,
    RecordArchived: _archived,
    ProcessingRestricted: _restricted,
    PurposeEnded: _ended,
    RestrictionLifted: _lifted,
}
_Periods = dict[str, tuple[str | None, str | None, int, str]]

_Fresh = dict[bytes, tuple[Any, ...]]


class Inventory:
    """The view behind `muniment inventory`."""

    name: str = "inventory"
    tables: tuple[sa.Table, ...] = (
        inventory, inventory_past, inventory_highest, inventory_counts, inventory_counts_past,
    )  # fmt: skip
    kinds: frozenset[type[Event]] = frozenset({RecordCollected, *_CHANGES, *TURNS})

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Insert what was collected, change what was worked on, and count both.

        A turn comes last: the copies are then as they are right after it.
        """
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
        tally = Tally()
        _HIGHEST.follow(connection, ((row[_ENTRY], row[0]) for row in fresh.values()))
        if changes:
            _change(connection, changes, fresh, tally)
        if fresh:
            _collect(connection, list(fresh.values()), tally)
        if type(batch[-1].event) in TURNS:
            _turn(connection, batch[-1], tally)
        tally.write(connection)


_ENTRY: Final = _FRESH.index("changed_entry")


def _collect(connection: sa.Connection, fresh: list[tuple[Any, ...]], tally: Tally) -> None:
    """Insert records that the batch only collects: the bulk path, in plain tuples."""
    for row in fresh:
        tally.add(row[_ENTRY], (row[1], "", "", "registered"), 1, row[3], row[4])
    _INSERT_FRESH.run(connection, fresh)


def _change(
    connection: sa.Connection,
    changes: list[tuple[bytes, Recorded]],
    fresh: _Fresh,
    tally: Tally,
) -> None:
    """Read the records that the batch works on, change them event by event, and write them.

    Records that the batch also collects are taken out of `fresh` and inserted as they end up.
    """
    named = dict.fromkeys(key for key, _ in changes)
    new = {key: _Row(*fresh.pop(key)) for key in named if key in fresh}
    old = _read(connection, [key for key in named if key not in new])
    for row in new.values():
        bucket, items, size = row.counted
        tally.add(row.changed_entry, bucket, 1, items, size)
    rows = {**new, **old}
    past: list[tuple[Any, ...]] = []
    for key, (position, entry, _, event) in changes:
        if (known := rows.get(key)) is not None:
            if known.changed_entry < entry:
                past.append(_superseded(known))
            before = known.counted
            _CHANGES[type(event)](known, event)
            known.settle()
            known.changed_position, known.changed_entry = position, entry
            if known.counted != before:
                _recount(tally, entry, before, known.counted)
    _INSERT.run(connection, [astuple(row) for row in new.values()])
    _UPDATE.run(connection, [_changed(row) for row in old.values()])
    _SUPERSEDED.run(connection, past)


def _turn(connection: sa.Connection, recorded: Recorded, tally: Tally) -> None:
    """Close the records of which the last copy went: destroyed, or all returned.

    And open again those of which a copy turned out to be there after all.
    """
    position, entry, _, event = recorded
    copies = turned_copies(event)
    records = dict.fromkeys(record for copy in copies for record in records_of(connection, copy))
    turned: list[_Row] = []
    for record in records:
        for *values, gone, destroyed, twin in _LEFT.fetch(connection, (record,)):
            if bool(gone) != (values[_STATE] in _GONE):
                row = _Row(*values)
                if row.changed_entry < entry:
                    _SUPERSEDED.run(connection, [_superseded(row)])
                before = row.counted
                row.state = _end(destroyed, twin) if gone else row.worked
                row.changed_position, row.changed_entry = position, entry
                _recount(tally, entry, before, row.counted)
                turned.append(row)
        if len(turned) == _AT_ONCE:
            _UPDATE.run(connection, [_changed(row) for row in turned])
            turned.clear()
    _UPDATE.run(connection, [_changed(row) for row in turned])


def _end(destroyed: int, twin: bytes | None) -> str:
    """The state of a record of which no copy is left."""
    if not destroyed:
        return "transferred_out"
    return "destroyed" if twin is None else "anonymized"


_STATE: Final = _COLUMNS.index("state")
_AT_ONCE: Final = 1000
_LEFT = Prepared(
    ("key",),
    lambda _: sa.select(
        inventory, *nothing_left(inventory.c.record, inventory.c.holding), anonymous_twin()
    ).where(inventory.c.record == sa.bindparam("key")),
)  # fmt: skip
"""A record, whether every copy of it is gone, whether any was destroyed, its anonymous twin."""


def _recount(
    tally: Tally, entry: int, before: tuple[Bucket, int, int], after: tuple[Bucket, int, int]
) -> None:
    for sign, (bucket, items, size) in ((-1, before), (1, after)):
        tally.add(entry, bucket, sign, sign * items, sign * size)


def _read(connection: sa.Connection, keys: list[bytes]) -> dict[bytes, _Row]:
    # One by one: the driver does this faster than Core writes out one `IN` for all of them.
    return {key: _Row(*row) for key in keys for row in _SELECT.fetch(connection, (key,))}


class InventoryRow(Struct, frozen=True, kw_only=True):
    """A record as the inventory shows it.

    `category`: the first of its current ones; `state`: registered, classified, verified
    (classified and reviewed), archived, destroyed, transferred_out or, with an anonymous content
    beside it, anonymized (nothing is left here); `anonymous`: the record with that content, the
    identified copies may still be there; `restricted`: only storage, protection and what the law
    asks; `purpose_ended`: the day since which it is so for good, None if its purpose stands;
    `holding`: the copy it was collected in, `row` its 1-based row in that copy's table; `holdings`:
    how many copies are still there; `min_until`, `max_until`: kept through and gone by; `items`,
    `size`: how many things, how many bytes.
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
    restricted: bool
    purpose_ended: str | None
    holdings: int
    anonymous: str | None

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
    entry: int | None = None,
) -> list[InventoryRow]:
    """At most `limit` records in order of their id, from the one after `after` on.

    `category` covers its parts: `communication` lists `communication.sms` too. `entry`: as of
    that entry, instead of now.
    """
    columns = _INVENTORY[entry is not None].columns
    query = _LISTED[entry is not None].order_by(inventory.c.record).limit(limit)
    if category is not None or state is not None:
        # The counters know which categories there are, and whether there is anything at all.
        found = {
            count.category
            for count in counts(connection, entry=entry)
            if category is None or covers(category, count.category)
            if state is None or count.state == state
        }
        if not found:
            return []
        query = query.where(columns["category"].in_(sorted(found)))
    if state is not None:
        query = query.where(columns["state"] == state)
    if after is not None:
        query = query.where(inventory.c.record > key_of(after))
    return list(_shown(connection, query, entry))


def one(connection: sa.Connection, record: str, *, entry: int | None = None) -> InventoryRow | None:
    """One record, or None if it was never collected (`entry`: by that entry)."""
    query = _LISTED[entry is not None].where(inventory.c.record == key_of(record))
    return next(_shown(connection, query, entry), None)


def counts(connection: sa.Connection, *, entry: int | None = None) -> list[Count]:
    """The running counters by category, level, sensitivity and state; their sums are the totals.

    `entry`: as of that entry, instead of now. A counter at zero is left out.
    """
    return [
        Count(category, level or None, sensitivity or None, *sums)
        for category, level, sensitivity, *sums, _ in connection.execute(
            _COUNTS[entry is not None], {"as_of": entry}
        )
    ]


_INVENTORY = {then: standing(inventory, then=then) for then in (False, True)}


def _listed(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    there = copies_there(inventory.c.record, inventory.c.holding, then=then)
    rows = _INVENTORY[then].rows.add_columns(there, anonymous_twin(AS_OF if then else None))
    return rows.where(inventory.c.record <= _HIGHEST.then) if then else rows


def _counts(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    counted = standing(inventory_counts, then=then)
    query = counted.rows.where(counted.columns["records"] != 0)
    return query.order_by(*inventory_counts.primary_key)


_LISTED, _COUNTS = both(_listed), both(_counts)


def _shown(
    connection: sa.Connection, query: sa.Select[Any], entry: int | None
) -> Iterator[InventoryRow]:
    for *row, there, twin in connection.execute(query, {"as_of": entry}):
        shown = readable(inventory, row)
        for name in _INNER:
            del shown[name]
        shown["restricted"] = shown["restricted"] or shown["purpose_ended"] is not None
        anonymous = None if twin is None else id_of("record", twin)
        yield InventoryRow(**shown, holdings=there, anonymous=anonymous)

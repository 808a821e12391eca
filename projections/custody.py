"""The chain of custody: which copies of a record there are, where each came from and went.

What happened to a record stands in its own stream and in the streams of the copies that concern
it: the copy it was collected in (for the rows of a table: the table's), copies made of it, and
copies in which a correction of it lies. `streams_of` names them; their events, read in order of
position, are the chain. Nothing is stored a record for this but what `inventory` holds already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.backup import BackupExpired
from domain.destruction import DestructionExecuted, DestructionFailed, DestructionVerified
from domain.handover import (
    HandoverCancelled,
    HandoverConfirmed,
    HandoverReceived,
    HandoverReleased,
)
from domain.holding import HoldingCreated, HoldingLost, HoldingMoved, HoldingReturned
from domain.record import RecordCorrected
from domain.values import Event
from projections.access import used_for
from projections.anonymity import twins_of
from projections.arrivals import copies_rejected
from projections.handovers import copies_listed
from projections.holds import held
from projections.mentions import mentioning
from projections.past import AS_OF, Change, Highest, both, standing
from projections.tables import corrections, holdings, holdings_highest, holdings_past, inventory
from projections.view import (
    Prepared,
    Recorded,
    id_of,
    key_of,
    readable,
    shared_key,
    stored,
    stored_key,
)

THERE: Final = ("present", "in_transit", "received")
"""The conditions in which a copy is still there, as `domain.holding.HoldingState.there`."""

_CREATED = (
    "holding", "record", "custodian", "form", "medium", "size", "items", "encrypted", "made_from",
    "created_position", "changed_position", "changed_entry",
)  # fmt: skip
_CREATE = Prepared(_CREATED, lambda insert: insert(holdings))
_CORRECT = Prepared(("record", "position", "entry", "holding"), lambda insert: insert(corrections))
_HIGHEST = Highest(holdings_highest)

TURNS: Final[frozenset[type[Event]]] = frozenset({
    HoldingReturned, BackupExpired, DestructionExecuted, DestructionVerified, DestructionFailed,
    HandoverReleased, HandoverReceived, HandoverCancelled,
})  # fmt: skip
"""The events that are the last of their batch: what follows from them is read from tables."""

_MOVES: Final[Mapping[tuple[str, ...], Change]] = {
    names: Change(holdings, "changed_position", *names)
    for names in ((), ("custodian",), ("medium",), ("custodian", "medium"))
}


def _becoming(condition: str, *from_: str) -> Change:
    """A change of condition, of those copies that are in one of these (or whatever they are)."""
    is_one = (holdings.c.condition == sa.literal_column(f"'{code}'") for code in from_)
    where = [sa.or_(*is_one)] if from_ else []
    becomes: sa.ColumnClause[str] = sa.literal_column(f"'{condition}'")
    return Change(holdings, "changed_position", where=where, condition=becomes)


_UNDER_WAY: Final = ("in_transit", "received")
_BECOMING: Final[Mapping[type[Event], Change]] = {
    HoldingReturned: _becoming("returned"),
    HoldingLost: _becoming("lost"),
    BackupExpired: _becoming("destroyed"),
    DestructionExecuted: _becoming("destroyed"),
    DestructionVerified: _becoming("present", "destroyed"),
    DestructionFailed: _becoming("present", "destroyed"),
    HandoverReleased: _becoming("in_transit", *THERE),
    HandoverReceived: _becoming("received", *THERE),
    HandoverConfirmed: _becoming("present", *_UNDER_WAY),
    HandoverCancelled: _becoming("present", *_UNDER_WAY),
}
"""What becomes of copies. What was lost on its way does not arrive, whatever a list says."""


class Custody:
    """The view behind `muniment history` and the lists of copies."""

    name: str = "custody"
    tables: tuple[sa.Table, ...] = (holdings, holdings_past, holdings_highest, corrections)
    kinds: frozenset[type[Event]] = frozenset({
        HoldingCreated, HoldingMoved, RecordCorrected, *_BECOMING
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Insert new copies, then let the batch's other events change them in their order.

        A copy's creation is its stream's first event, so nothing is changed before it is there.
        """
        created: list[tuple[Any, ...]] = []
        changing: list[Recorded] = []
        corrected: list[tuple[Any, ...]] = []
        for recorded in batch:
            position, entry, _, event = recorded
            if type(event) is HoldingCreated:
                created.append(_created(position, entry, event))
            elif type(event) is RecordCorrected:
                key = key_of(event.stream)
                corrected.append((key, position, entry, key_of(event.holding)))
            elif type(event) in self.kinds:
                changing.append(recorded)
        _CREATE.run(connection, created)
        _HIGHEST.follow(connection, ((row[-1], row[0]) for row in created))
        for recorded in changing:
            _change(connection, recorded)
        _CORRECT.run(connection, corrected)


def _change(connection: sa.Connection, recorded: Recorded) -> None:
    position, entry, _, event = recorded
    if isinstance(event, HoldingMoved):
        to = {"custodian": stored_key(event.custodian), "medium": stored(event.medium)}
        new = {name: value for name, value in to.items() if value is not None}
        row = (key_of(event.stream), position, *new.values())
        _MOVES[tuple(new)].run(connection, entry, [row])
        return
    if isinstance(event, HandoverReleased | HandoverReceived | HandoverCancelled):
        keys = copies_listed(connection, event.stream)
    elif isinstance(event, HandoverConfirmed):
        keys = list(map(key_of, event.mentions))
        custodian = key_of(event.to_party)
        rows = [(key, position, custodian) for key in keys]
        _MOVES["custodian",].run(connection, entry, rows)
        if event.rejected:  # they stay whose they were, as after a cancellation
            keys += copies_rejected(connection, event.stream)
    else:
        keys = turned_copies(event)
    _BECOMING[type(event)].run(connection, entry, [(key, position) for key in keys])


def turned_copies(event: Event) -> list[bytes]:
    """The keys of the copies that an event may take away (lost ones too) or bring back."""
    if isinstance(event, HoldingReturned | HoldingLost):
        return [key_of(event.stream)]
    named: Sequence[str] = ()
    if isinstance(event, BackupExpired | DestructionFailed):
        named = event.items
    elif isinstance(event, DestructionExecuted):
        named = [r.holding for r in event.results if r.outcome == "destroyed"]
    elif isinstance(event, DestructionVerified):
        named = [r.holding for r in event.results if r.result == "fail"]
    return list(map(key_of, named))


def _created(position: int, entry: int, event: HoldingCreated) -> tuple[Any, ...]:
    return (
        key_of(event.stream), stored_key(event.record), shared_key(event.custodian), event.form,
        event.medium, event.size, event.items, int(event.encrypted), stored_key(event.made_from),
        position, position, entry,
    )  # fmt: skip


_HOLDINGS = {then: standing(holdings, then=then) for then in (False, True)}


def concerns(
    record: sa.ColumnElement[bytes],
    collected_in: sa.ColumnElement[bytes] | sa.ScalarSelect[bytes],
    *,
    then: bool,
) -> sa.ColumnElement[bool]:
    """Whether a row of `holdings` is a copy of a record that was collected in a given copy."""
    corrected = sa.select(corrections.c.holding).where(corrections.c.record == record)
    if then:
        corrected = corrected.where(corrections.c.entry <= AS_OF)
    # Told what is its own: inside a query over records it must not bring a second `inventory`.
    corrected = corrected.correlate_except(corrections)
    return sa.or_(
        holdings.c.holding == collected_in,
        holdings.c.record == record,
        holdings.c.holding.in_(corrected),
        sa.and_(holdings.c.made_from == collected_in, holdings.c.record.is_(None)),
        sa.and_(holdings.c.made_from.in_(corrected), holdings.c.record.is_(None)),
    )


def nothing_left(
    record: sa.ColumnElement[bytes], collected_in: sa.ColumnElement[bytes]
) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Conditions for queries over records: whether every copy is gone, and any was destroyed.

    As `domain.copies.over`: gone is what was destroyed or returned; what is lost may be found.
    """
    copies = sa.select(holdings.c.holding).where(concerns(record, collected_in, then=False))
    is_gone, is_destroyed = (
        sa.or_(*(holdings.c.condition == sa.literal_column(f"'{code}'") for code in codes))
        for codes in (("destroyed", "returned"), ("destroyed",))
    )
    left, destroyed = (
        copies.where(which).correlate_except(holdings, corrections).exists()
        for which in (~is_gone, is_destroyed)
    )
    return ~left, destroyed


def copies_there(
    record: sa.ColumnElement[bytes], collected_in: sa.ColumnElement[bytes], *, then: bool
) -> sa.Label[int]:
    """A column for queries over records: how many copies of each are there (`then`: were)."""
    kept = _HOLDINGS[then]
    return (
        sa.select(sa.func.count())
        .select_from(kept.source)
        .where(concerns(record, collected_in, then=then), kept.stood)
        .where(kept.columns["condition"].in_(THERE))
        .correlate_except(holdings, holdings_past)
        .scalar_subquery()
        .label("holdings")
    )


class Copy(Struct, frozen=True, kw_only=True):
    """A holding: one copy at a custodian, with what it is on and what became of it."""

    holding: str
    record: str | None
    custodian: str
    form: str
    medium: str
    size: int
    items: int
    encrypted: bool
    made_from: str | None
    condition: str
    created_position: int
    changed_position: int
    changed_entry: int

    @property
    def there(self) -> bool:
        """Whether the copy is still there."""
        return self.condition in THERE


def copies(connection: sa.Connection, record: str, *, entry: int | None = None) -> list[Copy]:
    """Every copy that concerns a record, gone ones included, in order of creation.

    `entry`: as of that entry, instead of now. Empty for a record that was never collected.
    """
    asked = {"key": key_of(record), "as_of": entry}
    return _read(connection, _COPIES[entry is not None], asked)


def streams_of(connection: sa.Connection, record: str, *, entry: int | None = None) -> list[str]:
    """The streams whose events, by position, are the record's chain of custody: its own first.

    Its copies follow, then every case about any of them: backups, holds (those on its whole
    engagement last), handovers, destructions, evidence that was handed out, grants that name it or
    that it was accessed under, and the record that was made anonymous of it. `entry`: as of that
    entry, instead of now.
    """
    own = [record, *(copy.holding for copy in copies(connection, record, entry=entry))]
    cases = mentioning(connection, own, entry)
    named = [case for case in cases if case.partition("-")[0] in _CASES]
    if len(own) == 1:  # not collected yet
        return own
    wide = [
        *used_for(connection, record, entry=entry), *_held_widely(connection, record, entry),
        *twins_of(connection, own[1:], entry),
    ]  # fmt: skip
    return list(dict.fromkeys([*own, *named, *wide]))


def _held_widely(connection: sa.Connection, record: str, entry: int | None) -> list[str]:
    """The holds on all of the engagement that a record was collected under."""
    query = (
        sa.select(held.c.hold)
        .join(inventory, inventory.c.engagement == held.c.object)
        .where(inventory.c.record == key_of(record))
        .order_by(held.c.placed_entry, held.c.hold)
    )
    if entry is not None:
        query = query.where(held.c.placed_entry <= entry)
    return [id_of("hold", hold) for hold in connection.execute(query).scalars()]


_CASES: Final = ("grant", "backup", "hold", "handover", "destruction_case", "bundle")


def records_of(connection: sa.Connection, holding: bytes) -> list[bytes]:
    """The keys of the records of which a copy is one, by its key."""
    return list(connection.execute(RECORDS_IN, {"copy": home_of(connection, holding)}).scalars())


def copies_of_contents(connection: sa.Connection, holding: str) -> frozenset[str]:
    """Every copy of any record in a copy, as `domain.judging.Source.copies_of_contents` says."""
    copy = {"copy": home_of(connection, key_of(holding))}
    return frozenset(
        id_of("holding", found) for found in connection.execute(_ANY_COPY, copy).scalars()
    )


def home_of(connection: sa.Connection, holding: bytes) -> bytes:
    """The copy in which lies what a copy holds: the one it was made from whole, or itself."""
    found = _HOME.fetch(connection, (holding,))
    return found[0][0] if found else holding


_HOME = Prepared(
    ("key",),
    lambda _: sa.select(holdings.c.made_from).where(
        holdings.c.holding == sa.bindparam("key"),
        holdings.c.record.is_(None),
        holdings.c.made_from.is_not(None),
    ),
)


_COPY: Final[sa.BindParameter[bytes]] = sa.bindparam("copy", type_=sa.LargeBinary)
RECORDS_IN: Final = sa.union(
    sa.select(inventory.c.record).where(inventory.c.holding == _COPY),
    sa.select(corrections.c.record).where(corrections.c.holding == _COPY),
    sa.select(holdings.c.record).where(holdings.c.holding == _COPY, holdings.c.record.is_not(None)),
)
"""The records in the copy `:copy`: collected or corrected in it, or named by it."""


def _any_copy() -> sa.CompoundSelect[Any]:
    """Copies of the records in `:copy`, each by index; those that lie in it are collected there."""
    inside = RECORDS_IN.subquery("inside")
    elsewhere = sa.union(*RECORDS_IN.selects[1:]).subquery("elsewhere")
    lying = sa.union(
        sa.select(_COPY),
        sa.select(inventory.c.holding).join(elsewhere, elsewhere.c.record == inventory.c.record),
        sa.select(corrections.c.holding).join(inside, inside.c.record == corrections.c.record),
        sa.select(holdings.c.holding).join(inside, inside.c.record == holdings.c.record),
    ).cte("lying")
    found = lying.c[lying.c.keys()[0]]
    whole = sa.select(holdings.c.holding).join(lying, found == holdings.c.made_from)
    return sa.union(sa.select(found), whole.where(holdings.c.record.is_(None)))


_ANY_COPY: Final = _any_copy()


def one(connection: sa.Connection, holding: str, *, entry: int | None = None) -> Copy | None:
    """One copy, or None if it was never registered (`entry`: by that entry)."""
    query = _LISTED[entry is not None].where(holdings.c.holding == key_of(holding))
    return next(iter(_read(connection, query, {"as_of": entry})), None)


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[Copy]:
    """At most `limit` copies in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _LISTED[entry is not None].order_by(holdings.c.holding).limit(limit)
    if after is not None:
        query = query.where(holdings.c.holding > key_of(after))
    return _read(connection, query, {"as_of": entry})


def count_there(connection: sa.Connection, *, entry: int | None = None) -> int:
    """How many copies are there (`entry`: were, as of that entry)."""
    return int(connection.execute(_THERE[entry is not None], {"as_of": entry}).scalar_one())


def _read(
    connection: sa.Connection, query: sa.Select[Any], asked: Mapping[str, object]
) -> list[Copy]:
    return [Copy(**readable(holdings, row)) for row in connection.execute(query, asked)]


def _listed(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    rows = _HOLDINGS[then].rows
    return rows.where(holdings.c.holding <= _HIGHEST.then) if then else rows


def _copies(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    key: sa.BindParameter[bytes] = sa.bindparam("key", type_=sa.LargeBinary)
    record = standing(inventory, then=then)
    home = (
        sa.select(inventory.c.holding)
        .select_from(record.source)
        .where(inventory.c.record == key, record.stood)
        .scalar_subquery()
    )
    concerning = _HOLDINGS[then].rows.where(concerns(key, home, then=then))
    return concerning.order_by(holdings.c.created_position)


def _there(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    kept = _HOLDINGS[then]
    counted = sa.select(sa.func.count()).select_from(kept.source)
    return counted.where(kept.stood, kept.columns["condition"].in_(THERE))


_LISTED, _COPIES, _THERE = both(_listed), both(_copies), both(_there)

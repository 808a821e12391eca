"""The registers of deals: between whom, what became of copies, what was checked, how they ended.

Rows that later events change (a deal) keep their past; the others are written once, with the entry
that brought them, and stand as of every later one. What the parties signed is in
`projections.agreements`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from msgspec import Struct

from domain.closing import (
    CopiesDisposed,
    CredentialsReregistered,
    EngagementClosed,
    TrackingChecked,
)
from domain.engagement import EngagementOpened
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.handovers import handovers
from projections.past import AS_OF, Change, both, past_of, standing
from projections.view import Prepared, Recorded, id_of, key_of, readable, stored, stored_key

deals = sa.Table(
    "deals",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    text("mode"),
    key("seller", "party"),
    key("buyer", "party"),
    key("broker", "party", nullable=True),
    number("opened_position"),
    number("opened_entry"),
    text("opened_at"),
    text("outcome", nullable=True),
    step("closed_entry"),
    number("changed_entry"),
)
"""One row a deal; the routine engagement is none. `opened_at`: accepted."""

deals_past = past_of(deals, "outcome", "closed_entry")

disposals = sa.Table(
    "disposals",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    number("position", primary_key=True),
    key("party", "party"),
    text("how"),
    number("count"),
    text("disposed_at"),
    number("said_entry"),
    sqlite_with_rowid=False,
)

tracking = sa.Table(
    "tracking",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    text("due", primary_key=True),
    text("done_at"),
    text("topics"),
    number("findings"),
    number("checked_entry"),
    sqlite_with_rowid=False,
)
"""One row a check; `topics`: codes with a space between."""

rekeyed = sa.Table(
    "rekeyed",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    key("actor", "actor", primary_key=True),
    number("reregistered_entry"),
    sqlite_with_rowid=False,
)


def adding(table: sa.Table, *left_out: str) -> Prepared:
    """A statement that inserts rows of a table, once each; columns `left_out` stay as they are."""
    names = [column.name for column in table.columns if column.name not in left_out]
    return Prepared(names, lambda insert: insert(table).on_conflict_do_nothing())


_OPEN = adding(deals, "outcome", "closed_entry")
_CLOSE = Change(deals, "outcome", "closed_entry")
_DISPOSE, _TRACK, _REKEY = (adding(table) for table in (disposals, tracking, rekeyed))


def _opened(c: sa.Connection, at: Recorded, event: EngagementOpened) -> None:
    if event.kind == "deal":
        _OPEN.run(c, [(
            key_of(event.stream), stored(event.transfer_mode) or "", stored_key(event.seller),
            stored_key(event.buyer), stored_key(event.broker), at.position, at.entry, at.accepted,
            at.entry,
        )])  # fmt: skip


def _closed(c: sa.Connection, at: Recorded, event: EngagementClosed) -> None:
    _CLOSE.run(c, at.entry, [(key_of(event.stream), event.outcome, at.entry)])


def _disposed(c: sa.Connection, at: Recorded, event: CopiesDisposed) -> None:
    _DISPOSE.run(c, [(
        key_of(event.stream), at.position, key_of(event.party), event.how, event.count,
        event.disposed_at, at.entry,
    )])  # fmt: skip


def _tracked(c: sa.Connection, at: Recorded, event: TrackingChecked) -> None:
    _TRACK.run(c, [(
        key_of(event.stream), event.due, event.done_at, " ".join(event.topics), event.findings,
        at.entry,
    )])  # fmt: skip


def _rekeyed(c: sa.Connection, at: Recorded, event: CredentialsReregistered) -> None:
    _REKEY.run(c, [(key_of(event.stream), key_of(actor), at.entry) for actor in event.actors])


_WRITES: Final[Mapping[type[Event], Callable[[sa.Connection, Recorded, Any], None]]] = {
    EngagementOpened: _opened,
    EngagementClosed: _closed,
    CopiesDisposed: _disposed,
    TrackingChecked: _tracked,
    CredentialsReregistered: _rekeyed,
}


class Deals:
    """The view behind `engagement list`, `engagement show` and `engagement status`."""

    name: str = "deals"
    tables: tuple[sa.Table, ...] = (deals, deals_past, disposals, tracking, rekeyed)
    kinds: frozenset[type[Event]] = frozenset(_WRITES)

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Write what is said about a deal itself, in order."""
        for recorded in batch:
            if (write := _WRITES.get(type(recorded.event))) is not None:
                write(connection, recorded, recorded.event)


class Deal(Struct, frozen=True, kw_only=True):
    """A deal: between whom, since when, and how it ended (None: it has not)."""

    engagement: str
    mode: str
    seller: str
    buyer: str
    broker: str | None
    opened_position: int
    opened_entry: int
    opened_at: str
    outcome: str | None
    closed_entry: int | None
    changed_entry: int

    @property
    def open(self) -> bool:
        """Whether acts may still name it."""
        return self.outcome is None


class DisposalSaid(Struct, frozen=True, kw_only=True):
    """What a party said became of the copies that it had got."""

    engagement: str
    position: int
    party: str
    how: str
    count: int
    disposed_at: str
    said_entry: int


class Tracked(Struct, frozen=True, kw_only=True):
    """A check that was due on a day after a handover."""

    engagement: str
    due: str
    done_at: str
    topics: tuple[str, ...]
    findings: int
    checked_entry: int


class Rekeyed(Struct, frozen=True, kw_only=True):
    """An actor whose keys are of after the opening of a deal."""

    engagement: str
    actor: str
    reregistered_entry: int


_Row = TypeVar("_Row", bound=Struct)


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[Deal]:
    """At most `limit` deals in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _DEALS[entry is not None].order_by(deals.c.engagement).limit(limit)
    if after is not None:
        query = query.where(deals.c.engagement > key_of(after))
    return read(connection, Deal, deals, query, entry)


def one(connection: sa.Connection, engagement: str, *, entry: int | None = None) -> Deal | None:
    """One deal, or None if there is none of this id (`entry`: as of that entry)."""
    query = _DEALS[entry is not None].where(deals.c.engagement == key_of(engagement))
    return next(iter(read(connection, Deal, deals, query, entry)), None)


def disposals_of(
    connection: sa.Connection, engagement: str, *, entry: int | None = None
) -> list[DisposalSaid]:
    """What parties said became of their copies, in order (`entry`: as of it)."""
    return of(connection, DisposalSaid, disposals, engagement, entry)


def tracking_of(
    connection: sa.Connection, engagement: str, *, entry: int | None = None
) -> list[Tracked]:
    """The checks made after a deal's handovers, by the day they were due (`entry`: as of it)."""
    return of(connection, Tracked, tracking, engagement, entry)


def rekeyed_of(
    connection: sa.Connection, engagement: str, *, entry: int | None = None
) -> list[Rekeyed]:
    """Who has keys of after a deal's opening (`entry`: as of it)."""
    return of(connection, Rekeyed, rekeyed, engagement, entry)


def handed(connection: sa.Connection, engagement: str) -> list[tuple[str, int | None]]:
    """The handovers planned under a deal, by id, with the entry that confirmed each (or None)."""
    query = sa.select(handovers.c.handover, handovers.c.confirmed_entry)
    query = query.where(handovers.c.engagement == key_of(engagement))
    rows = connection.execute(query.order_by(handovers.c.handover))
    return [(id_of("handover", handover), confirmed) for handover, confirmed in rows]


def of(
    connection: sa.Connection,
    kind: type[_Row],
    table: sa.Table,
    engagement: str,
    entry: int | None,
) -> list[_Row]:
    """The rows of one engagement in a table whose rows never change, by primary key."""
    query = sa.select(table).where(table.c.engagement == key_of(engagement))
    if entry is not None:
        (brought,) = (column for column in table.columns if column.name.endswith("_entry"))
        query = query.where(brought <= AS_OF)
    return read(connection, kind, table, query.order_by(*table.primary_key), entry)


_LISTS: Final = ("categories", "topics")


def read(
    connection: sa.Connection,
    kind: type[_Row],
    table: sa.Table,
    query: sa.Select[Any],
    entry: int | None,
) -> list[_Row]:
    """The rows that a query finds, as structures; lists of codes are split."""
    found = []
    for row in connection.execute(query, {"as_of": entry}):
        told = readable(table, row)
        told |= {name: tuple(told[name].split()) for name in _LISTS if name in told}
        found.append(kind(**told))
    return found


_DEALS = both(lambda then: standing(deals, then=then).rows)

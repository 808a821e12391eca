"""The register of handovers: between whom, how far each has come, what is on its list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.handover import (
    HandoverCancelled,
    HandoverConfirmed,
    HandoverListFrozen,
    HandoverPlanned,
    HandoverReceived,
    HandoverReleased,
)
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.past import AS_OF, Change, both, past_of, standing
from projections.view import Prepared, Recorded, id_of, key_of, readable

handovers = sa.Table(
    "handovers",
    METADATA,
    key("handover", "handover", primary_key=True),
    text("mode"),
    key("from_party", "party"),
    key("to_party", "party"),
    key("seller_handler", "actor"),
    key("buyer_handler", "actor"),
    text("first_day"),
    text("last_day"),
    number("list_version", server_default=sa.text("0")),
    number("count", server_default=sa.text("0")),
    text("root", nullable=True),
    number("confirmed", server_default=sa.text("0")),
    number("planned_entry"),
    step("list_frozen_entry"),
    step("released_entry"),
    step("received_entry"),
    step("confirmed_entry"),
    step("cancelled_entry"),
    number("changed_entry"),
)
"""One row a handover; the steps say at which entry each was last taken. `confirmed`: how many items
are; the handover is when all are."""

handovers_past = past_of(
    handovers,
    "list_version", "count", "root", "confirmed", "list_frozen_entry", "released_entry",
    "received_entry", "confirmed_entry", "cancelled_entry",
)  # fmt: skip

handover_items = sa.Table(
    "handover_items",
    METADATA,
    key("handover", "handover", primary_key=True),
    number("list_version", primary_key=True),
    key("holding", "holding", primary_key=True),
    number("place"),
    number("listed_entry"),
    step("confirmed_entry"),
    sqlite_with_rowid=False,
)
"""What each version of a list names; `place`: position of the event that listed it."""

_PLAN = Prepared(
    ("handover", "mode", "from_party", "to_party", "seller_handler", "buyer_handler", "first_day",
     "last_day", "planned_entry", "changed_entry"),
    lambda insert: insert(handovers).on_conflict_do_nothing(),
)  # fmt: skip
_LIST = Change(handovers, "list_version", "count", "root", "list_frozen_entry")
_ITEM = Prepared(
    ("handover", "list_version", "holding", "place", "listed_entry"),
    lambda insert: insert(handover_items).on_conflict_do_nothing(),
)
_TAKE: Final[Mapping[type[Event], Change]] = {
    HandoverReleased: Change(handovers, "released_entry"),
    HandoverReceived: Change(handovers, "received_entry"),
    HandoverCancelled: Change(handovers, "cancelled_entry"),
}
_VERSION = (
    sa.select(handovers.c.list_version)
    .where(handovers.c.handover == handover_items.c.handover)
    .scalar_subquery()
)
_CONFIRM_ITEM = Prepared(
    ("key", "item", "entry"),
    lambda _: (
        sa.update(handover_items)
        .where(
            handover_items.c.handover == sa.bindparam("key"),
            handover_items.c.holding == sa.bindparam("item"),
            handover_items.c.list_version == _VERSION,
        )
        .values(confirmed_entry=sa.bindparam("entry"))
    ),
)
_CONFIRMED = (
    sa.select(sa.func.count())
    .where(
        handover_items.c.handover == handovers.c.handover,
        handover_items.c.list_version == handovers.c.list_version,
        handover_items.c.confirmed_entry.is_not(None),
    )
    .correlate(handovers)
    .scalar_subquery()
)
_CONFIRM = Change(handovers, confirmed=_CONFIRMED)
_WHOLE = Change(handovers, "confirmed_entry", where=[handovers.c.confirmed >= handovers.c["count"]])


class Handovers:
    """The view behind `muniment handover list` and `show`."""

    name: str = "handovers"
    tables: tuple[sa.Table, ...] = (handovers, handovers_past, handover_items)
    kinds: frozenset[type[Event]] = frozenset({
        HandoverPlanned, HandoverListFrozen, HandoverConfirmed, *_TAKE
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Take each step in order."""
        for recorded in batch:
            if type(recorded.event) in self.kinds:
                _step(connection, recorded)


def _step(connection: sa.Connection, recorded: Recorded) -> None:
    position, entry, _, event = recorded
    handover = key_of(event.stream)
    if isinstance(event, HandoverPlanned):
        _PLAN.run(connection, [_planned(event, entry)])
    elif isinstance(event, HandoverListFrozen):
        version = event.list_version
        _LIST.run(connection, entry, [(handover, version, event.count, event.root, entry)])
        items = [(handover, version, key_of(item), position, entry) for item in event.items]
        _ITEM.run(connection, items)
    elif isinstance(event, HandoverConfirmed):
        _CONFIRM_ITEM.run(connection, [(handover, key_of(item), entry) for item in event.items])
        _CONFIRM.run(connection, entry, [(handover,)])
        _WHOLE.run(connection, entry, [(handover, entry)])
    else:
        _TAKE[type(event)].run(connection, entry, [(handover, entry)])


def _planned(event: HandoverPlanned, entry: int) -> tuple[Any, ...]:
    keys = (event.stream, event.from_party, event.to_party, event.seller_handler,
            event.buyer_handler)  # fmt: skip
    handover, *parties = map(key_of, keys)
    return (handover, event.mode, *parties, event.first_day, event.last_day, entry, entry)


_LISTED_NOW = sa.and_(
    handovers.c.handover == handover_items.c.handover,
    handovers.c.list_version == handover_items.c.list_version,
)
_ITEMS_OF = Prepared(
    ("key",),
    lambda _: (
        sa.select(handover_items.c.holding)
        .join(handovers, _LISTED_NOW)
        .where(handover_items.c.handover == sa.bindparam("key"))
        .order_by(handover_items.c.place, handover_items.c.holding)
    ),
)


def items_of(connection: sa.Connection, handover: str) -> list[bytes]:
    """The keys of the copies on a handover's present list."""
    return [row[0] for row in _ITEMS_OF.fetch(connection, (key_of(handover),))]


class Handover(Struct, frozen=True, kw_only=True):
    """A handover: between whom, in which days, what its list is, and how far it has come.

    `list_version` 0: no list yet; `count`: items in the whole list, `confirmed`: of which custody
    has passed; the steps: the entry at which each was last taken, None if it was not.
    """

    handover: str
    mode: str
    from_party: str
    to_party: str
    seller_handler: str
    buyer_handler: str
    first_day: str
    last_day: str
    list_version: int
    count: int
    root: str | None
    confirmed: int
    planned_entry: int
    list_frozen_entry: int | None
    released_entry: int | None
    received_entry: int | None
    confirmed_entry: int | None
    cancelled_entry: int | None
    changed_entry: int

    @property
    def steps(self) -> dict[str, int]:
        """The steps taken, in their order, each with the entry at which it was."""
        taken = {name: getattr(self, f"{name}_entry") for name in _STEPS}
        return {name: entry for name, entry in taken.items() if entry is not None}

    @property
    def step(self) -> str:
        """The last one taken, as `domain.handover.HandoverState.step`."""
        return list(self.steps)[-1]


_STEPS: Final = ("planned", "list_frozen", "released", "received", "confirmed", "cancelled")


class Item(Struct, frozen=True):
    """A copy on a list, and the entry at which its custody passed, None if it has not."""

    holding: str
    listed_entry: int
    confirmed_entry: int | None


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[Handover]:
    """At most `limit` handovers in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _HANDOVERS[entry is not None].order_by(handovers.c.handover).limit(limit)
    if after is not None:
        query = query.where(handovers.c.handover > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, handover: str, *, entry: int | None = None) -> Handover | None:
    """One handover, or None if it was never planned (`entry`: by that entry)."""
    query = _HANDOVERS[entry is not None].where(handovers.c.handover == key_of(handover))
    return next(iter(_read(connection, query, entry)), None)


def items(
    connection: sa.Connection,
    handover: str,
    version: int,
    *,
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[Item]:
    """At most `limit` copies on one version of a list, in order of their id, as `listed`."""
    query = _ITEMS[entry is not None].order_by(handover_items.c.holding).limit(limit)
    if after is not None:
        query = query.where(handover_items.c.holding > key_of(after))
    asked = {"key": key_of(handover), "version": version, "as_of": entry}
    return [Item(id_of("holding", row[0]), *row[1:]) for row in connection.execute(query, asked)]


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Handover]:
    rows = connection.execute(query, {"as_of": entry})
    return [Handover(**readable(handovers, row)) for row in rows]


def _items(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    i = handover_items.c
    confirmed: sa.ColumnElement[int] = i.confirmed_entry
    if then:
        confirmed = sa.case((confirmed <= AS_OF, confirmed), else_=None)
    query = sa.select(i.holding, i.listed_entry, confirmed)
    query = query.where(
        i.handover == sa.bindparam("key"), i.list_version == sa.bindparam("version")
    )
    return query.where(i.listed_entry <= AS_OF) if then else query


_HANDOVERS = both(lambda then: standing(handovers, then=then).rows)
_ITEMS = both(_items)

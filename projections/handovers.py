"""The register of handovers: between whom, how far each has come, what is on its list.

What became of the items after their arrival is in `projections.arrivals`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.handover import (
    MARKETING,
    HandoverCancelled,
    HandoverConfirmed,
    HandoverListFrozen,
    HandoverPlanned,
    HandoverReceived,
    HandoverReleased,
)
from domain.inspection import HandoverDeemedAccepted
from domain.replacement import HandoverHandlerReplaced
from domain.residual import HandoverResidualDeclared
from domain.values import Event
from projections.columns import METADATA, flag, key, number, step, text
from projections.past import Change, both, past_of, standing
from projections.view import Prepared, Recorded, id_of, key_of, readable, stored

handovers = sa.Table(
    "handovers",
    METADATA,
    key("handover", "handover", primary_key=True),
    key("engagement", "engagement", index=True),
    text("mode"),
    key("from_party", "party"),
    key("to_party", "party"),
    key("seller_handler", "actor"),
    key("buyer_handler", "actor"),
    text("first_day"),
    text("last_day"),
    number("inspection_days", nullable=True),
    number("list_version", server_default=sa.text("0")),
    number("count", server_default=sa.text("0")),
    number("records", server_default=sa.text("0")),
    text("root", nullable=True),
    text("lines", nullable=True),
    flag("marketing"),
    text("package", nullable=True),
    text("received_at", nullable=True),
    number("read", nullable=True),
    number("matched", nullable=True),
    text("seal", nullable=True),
    number("confirmed", server_default=sa.text("0")),
    number("rejected", server_default=sa.text("0")),
    number("planned_entry"),
    step("list_frozen_entry"),
    step("released_entry"),
    step("received_entry"),
    step("deemed_accepted_entry"),
    step("confirmed_entry"),
    step("residual_declared_entry"),
    step("cancelled_entry"),
    number("changed_entry"),
)
"""One row a handover; the steps say at which entry each was last taken. `records`: how many items
of the list are records; `confirmed`, `rejected`: how many have passed, and how many a confirmation
left out; it is confirmed when they are all."""

handovers_past = past_of(
    handovers,
    "seller_handler", "buyer_handler",
    "list_version", "count", "records", "root", "lines", "marketing", "package", "received_at",
    "read", "matched", "seal", "confirmed", "rejected", "list_frozen_entry", "released_entry",
    "received_entry", "deemed_accepted_entry", "confirmed_entry", "residual_declared_entry",
    "cancelled_entry",
)  # fmt: skip

handover_items = sa.Table(
    "handover_items",
    METADATA,
    key("handover", "handover", primary_key=True),
    number("list_version", primary_key=True),
    sa.Column("item", sa.LargeBinary(16), primary_key=True),
    flag("record"),
    number("place"),
    number("listed_entry"),
    sqlite_with_rowid=False,
)
"""What each version of a list names; `record`: whether it is a record, else it is a copy; `place`:
its order, by the position of the event that listed it and its place in that."""

sa.Index(
    "handover_items_in_order",
    handover_items.c.handover, handover_items.c.list_version, handover_items.c.place,
)  # fmt: skip
sa.Index("handover_items_listed", handover_items.c.item)

handover_excluded = sa.Table(
    "handover_excluded",
    METADATA,
    key("handover", "handover", primary_key=True),
    number("list_version", primary_key=True),
    text("reason", primary_key=True),
    number("records"),
    number("subjects"),
    number("entry"),
    sqlite_with_rowid=False,
)
"""What each version of a list leaves out, counted by reason."""

handover_replacements = sa.Table(
    "handover_replacements",
    METADATA,
    key("handover", "handover", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("post"),
    key("replaced", "actor"),
    key("handler", "actor"),
    text("reason"),
    sqlite_with_rowid=False,
)
"""Who took whose place as a handler, and at which entry."""

_PLAN = Prepared(
    ("handover", "engagement", "from_party", "to_party", "seller_handler", "buyer_handler", "mode",
     "first_day", "last_day", "inspection_days", "planned_entry", "changed_entry"),
    lambda insert: insert(handovers).on_conflict_do_nothing(),
)  # fmt: skip
_LIST = Change(
    handovers, "list_version", "count", "root", "lines", "marketing", "list_frozen_entry"
)
_ITEM = Prepared(
    ("handover", "list_version", "item", "record", "place", "listed_entry"),
    lambda insert: insert(handover_items).on_conflict_do_nothing(),
)
_EXCLUDED = Prepared(
    ("handover", "list_version", "reason", "records", "subjects", "entry"),
    lambda insert: insert(handover_excluded).on_conflict_do_nothing(),
)
_RELEASE = Change(handovers, "released_entry", "package")
_REPLACED = Prepared(
    ("handover", "position", "entry", "post", "replaced", "handler", "reason"),
    lambda insert: insert(handover_replacements).on_conflict_do_nothing(),
)
_HANDLER: Final = {post: Change(handovers, post) for post in ("seller_handler", "buyer_handler")}
_RECEIVE = Change(
    handovers, "received_entry", "received_at", "read", "matched", "seal"
)  # fmt: skip
_TAKE: Final[Mapping[type[Event], Change]] = {
    HandoverDeemedAccepted: Change(handovers, "deemed_accepted_entry"),
    HandoverResidualDeclared: Change(handovers, "residual_declared_entry"),
    HandoverCancelled: Change(handovers, "cancelled_entry"),
}


def _adding(column: str) -> Prepared:
    """A statement that adds to a counter whose past was kept by the change before it."""
    counter = handovers.columns[column]
    of = handovers.c.handover == sa.bindparam("key")
    more = counter + sa.bindparam("more", type_=sa.BigInteger)
    return Prepared(
        ("more", "key"), lambda _: sa.update(handovers).where(of).values({counter: more})
    )


_MORE_RECORDS = _adding("records")
_MORE_CONFIRMED = _adding("confirmed")
_NO_RECORDS = Change(handovers, "records")
_CONFIRM = Change(handovers, "rejected")
_WHOLE = Change(
    handovers, "confirmed_entry",
    where=[handovers.c.confirmed + handovers.c.rejected >= handovers.c["count"]],
)  # fmt: skip
_ORDER: Final = 256
"""More than one event lists."""


class Handovers:
    """The view behind `muniment handover list` and `show`."""

    name: str = "handovers"
    tables: tuple[sa.Table, ...] = (
        handovers, handovers_past, handover_items, handover_excluded, handover_replacements,
    )  # fmt: skip
    kinds: frozenset[type[Event]] = frozenset({
        HandoverPlanned, HandoverListFrozen, HandoverReleased, HandoverReceived, HandoverConfirmed,
        HandoverHandlerReplaced, *_TAKE,
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Take each step in order."""
        for recorded in batch:
            if type(recorded.event) in self.kinds:
                _step(connection, recorded)


def _step(connection: sa.Connection, recorded: Recorded) -> None:
    _, entry, _, event = recorded
    handover = key_of(event.stream)
    if isinstance(event, HandoverPlanned):
        _PLAN.run(connection, [_planned(event, entry)])
    elif isinstance(event, HandoverListFrozen):
        _list(connection, recorded, event)
    elif isinstance(event, HandoverReleased):
        _RELEASE.run(connection, entry, [(handover, entry, stored(event.package))])
    elif isinstance(event, HandoverReceived):
        told = (event.received_at, event.read, event.matched, stored(event.seal))
        _RECEIVE.run(connection, entry, [(handover, entry, *told)])
    elif isinstance(event, HandoverConfirmed):
        _CONFIRM.run(connection, entry, [(handover, event.rejected)])
        _MORE_CONFIRMED.run(connection, [(len(event.items), handover)])
        _WHOLE.run(connection, entry, [(handover, entry)])
    elif isinstance(event, HandoverHandlerReplaced):
        _replace(connection, recorded, event)
    else:
        _TAKE[type(event)].run(connection, entry, [(handover, entry)])


def _planned(event: HandoverPlanned, entry: int) -> tuple[Any, ...]:
    keys = (event.stream, event.engagement, event.from_party, event.to_party, event.seller_handler,
            event.buyer_handler)  # fmt: skip
    days = (event.first_day, event.last_day, stored(event.inspection_days))
    return (*map(key_of, keys), event.mode, *days, entry, entry)


def _replace(connection: sa.Connection, recorded: Recorded, event: HandoverHandlerReplaced) -> None:
    position, entry, _, _ = recorded
    handover, new = key_of(event.stream), key_of(event.handler)
    row = (handover, position, entry, event.post, key_of(event.replaced), new, event.reason)
    _REPLACED.run(connection, [row])
    _HANDLER[event.post].run(connection, entry, [(handover, new)])


def _list(connection: sa.Connection, recorded: Recorded, event: HandoverListFrozen) -> None:
    """A part of a list; the first part of a version begins to count its records anew."""
    position, entry, _, _ = recorded
    handover, version = key_of(event.stream), event.list_version
    marketing = int(event.purpose == MARKETING)
    row = (handover, version, event.count, event.root, stored(event.lines), marketing, entry)
    _LIST.run(connection, entry, [row])
    places = enumerate(event.items, position * _ORDER)
    _ITEM.run(connection, [
        (handover, version, key_of(item), int(item.startswith("record-")), place, entry)
        for place, item in places
    ])  # fmt: skip
    if (position * _ORDER,) in _FIRST_PLACE.fetch(connection, (handover, version)):
        _NO_RECORDS.run(connection, entry, [(handover, 0)])
    _MORE_RECORDS.run(connection, [(len(event.names), handover)])
    _EXCLUDED.run(connection, [
        (handover, version, one.reason, one.records, one.subjects, entry) for one in event.excluded
    ])  # fmt: skip


_FIRST_PLACE = Prepared(
    ("key", "version"),
    lambda _: sa.select(sa.func.min(handover_items.c.place)).where(
        handover_items.c.handover == sa.bindparam("key"),
        handover_items.c.list_version == sa.bindparam("version"),
    ),
)


IS_RECORD: Final = handover_items.c.record == sa.literal_column("1")
"""Whether an item is a record, whose content is delivered."""
LISTED_NOW: Final = sa.and_(
    handovers.c.handover == handover_items.c.handover,
    handovers.c.list_version == handover_items.c.list_version,
)
"""Joins a handover to the items of the version of its list that stands."""
_COPIES_OF = Prepared(
    ("key",),
    lambda _: (
        sa.select(handover_items.c.item)
        .join(handovers, LISTED_NOW)
        .where(handover_items.c.handover == sa.bindparam("key"), ~IS_RECORD)
        .order_by(handover_items.c.place)
    ),
)


def copies_listed(connection: sa.Connection, handover: str) -> list[bytes]:
    """The keys of the copies on a handover's present list."""
    return [row[0] for row in _COPIES_OF.fetch(connection, (key_of(handover),))]


class Handover(Struct, frozen=True, kw_only=True):
    """A handover: between whom, in which days, what its list is, and how far it has come.

    `list_version` 0: no list yet; `count`: items in the whole list, `records` of them records;
    `confirmed`: how many have passed, `rejected`: how many the confirmation left out; the steps:
    the entry at which each was last taken, None if it was not.
    """

    handover: str
    engagement: str
    mode: str
    from_party: str
    to_party: str
    seller_handler: str
    buyer_handler: str
    first_day: str
    last_day: str
    inspection_days: int | None
    list_version: int
    count: int
    records: int
    root: str | None
    lines: str | None
    marketing: bool
    package: str | None
    received_at: str | None
    read: int | None
    matched: int | None
    seal: str | None
    confirmed: int
    rejected: int
    planned_entry: int
    list_frozen_entry: int | None
    released_entry: int | None
    received_entry: int | None
    deemed_accepted_entry: int | None
    confirmed_entry: int | None
    residual_declared_entry: int | None
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
        return [name for name in self.steps if name != "deemed_accepted"][-1]


_STEPS: Final = (
    "planned", "list_frozen", "released", "received", "deemed_accepted", "confirmed",
    "residual_declared", "cancelled",
)  # fmt: skip


def listed(
    connection: sa.Connection,
    *,
    limit: int,
    after: str | None = None,
    engagement: str | None = None,
    entry: int | None = None,
) -> list[Handover]:
    """At most `limit` handovers in order of their id, from the one after `after` on.

    `engagement`: only those of one deal; `entry`: as of that entry, instead of now.
    """
    query = _HANDOVERS[entry is not None].order_by(handovers.c.handover).limit(limit)
    if after is not None:
        query = query.where(handovers.c.handover > key_of(after))
    if engagement is not None:
        query = query.where(handovers.c.engagement == key_of(engagement))
    return _read(connection, query, entry)


def one(connection: sa.Connection, handover: str, *, entry: int | None = None) -> Handover | None:
    """One handover, or None if it was never planned (`entry`: by that entry)."""
    query = _HANDOVERS[entry is not None].where(handovers.c.handover == key_of(handover))
    return next(iter(_read(connection, query, entry)), None)


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Handover]:
    rows = connection.execute(query, {"as_of": entry})
    return [Handover(**readable(handovers, row)) for row in rows]


class Replacement(Struct, frozen=True):
    """Who took whose place as the handler of a side, why, and at which entry."""

    post: str
    replaced: str
    handler: str
    reason: str
    entry: int


def replacements(
    connection: sa.Connection, handover: str, *, entry: int | None = None
) -> list[Replacement]:
    """The handlers of a handover that were replaced, in order (`entry`: by that entry)."""
    r = handover_replacements.c
    query = sa.select(r.post, r.replaced, r.handler, r.reason, r.entry).order_by(r.position)
    query = query.where(r.handover == key_of(handover))
    if entry is not None:
        query = query.where(r.entry <= entry)
    return [
        Replacement(post, id_of("actor", old), id_of("actor", new), reason, at)
        for post, old, new, reason, at in connection.execute(query)
    ]


class LeftOut(Struct, frozen=True):
    """What a list leaves out for one reason: how many records, about how many persons."""

    reason: str
    records: int
    subjects: int


def left_out(
    connection: sa.Connection, handover: str, version: int, *, entry: int | None = None
) -> list[LeftOut]:
    """What one version of a list leaves out, by reason (`entry`: as it was said by that entry)."""
    e = handover_excluded.c
    query = sa.select(e.reason, e.records, e.subjects).order_by(e.reason)
    query = query.where(e.handover == key_of(handover), e.list_version == version)
    if entry is not None:
        query = query.where(e.entry <= entry)
    return [LeftOut(*row) for row in connection.execute(query)]


_HANDOVERS = both(lambda then: standing(handovers, then=then).rows)

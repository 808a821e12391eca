"""What became of what arrived: every word on an item, discrepancies, and what stayed behind.

Rows are added and never changed, but for the settlement of a discrepancy; what was true as of an
entry is what stood in the rows up to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.handover import HandoverConfirmed
from domain.inspection import (
    HandoverDiscrepancyRaised,
    HandoverDiscrepancyResolved,
    HandoverInspected,
)
from domain.residual import HandoverResidualDeclared
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.handovers import IS_RECORD, handover_items
from projections.past import AS_OF, both
from projections.view import Insert, Prepared, Recorded, id_of, key_of

handover_outcomes = sa.Table(
    "handover_outcomes",
    METADATA,
    key("handover", "handover", primary_key=True),
    sa.Column("item", sa.LargeBinary(16), primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("outcome"),
    text("digest", nullable=True),
    text("readable", nullable=True),
    sqlite_with_rowid=False,
)
"""Each word on an item, as `domain.handover.Outcome`; the last one counts."""

sa.Index("handover_outcomes_of_item", handover_outcomes.c.item)

handover_discrepancies = sa.Table(
    "handover_discrepancies",
    METADATA,
    key("handover", "handover", primary_key=True),
    number("number", primary_key=True),
    text("kind"),
    text("resolution", nullable=True),
    number("raised_entry"),
    step("resolved_entry"),
)
"""One row a discrepancy; `resolution` NULL while it is open."""

handover_disputed = sa.Table(
    "handover_disputed",
    METADATA,
    key("handover", "handover", primary_key=True),
    number("number", primary_key=True),
    sa.Column("item", sa.LargeBinary(16), primary_key=True),
    sqlite_with_rowid=False,
)
"""The items that a discrepancy is about."""

handover_residuals = sa.Table(
    "handover_residuals",
    METADATA,
    key("handover", "handover", primary_key=True),
    key("holding", "holding", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("basis"),
    text("retain_until"),
    sqlite_with_rowid=False,
)
"""The copies that the giving party says it keeps; the last word on a copy counts."""

_WORD = Prepared(
    ("handover", "item", "position", "entry", "outcome", "digest", "readable"),
    lambda insert: insert(handover_outcomes).on_conflict_do_nothing(),
)
_RAISE = Prepared(
    ("handover", "number", "kind", "raised_entry"),
    lambda insert: insert(handover_discrepancies).on_conflict_do_nothing(),
)
_DISPUTE = Prepared(
    ("handover", "number", "item"),
    lambda insert: insert(handover_disputed).on_conflict_do_nothing(),
)
_RESOLVE = Prepared(
    ("key", "which", "settled", "at"),
    lambda _: (
        sa.update(handover_discrepancies)
        .where(
            handover_discrepancies.c.handover == sa.bindparam("key"),
            handover_discrepancies.c.number == sa.bindparam("which"),
        )
        .values(resolution=sa.bindparam("settled"), resolved_entry=sa.bindparam("at"))
    ),
)
_KEEP = Prepared(
    ("handover", "holding", "position", "entry", "basis", "retain_until"),
    lambda insert: insert(handover_residuals).on_conflict_do_nothing(),
)

_AS_REJECTED: Final[sa.ColumnClause[str]] = sa.literal_column("'rejected'")


def _settle(insert: Insert) -> sa.Executable:
    """The word of a settlement on its items; what was rejected stays rejected."""
    d, before = handover_disputed.c, handover_outcomes.alias()
    rejected = sa.exists().where(
        before.c.handover == d.handover, before.c.item == d.item, before.c.outcome == _AS_REJECTED
    )
    rows = sa.select(
        d.handover, d.item,
        sa.bindparam("position", type_=sa.BigInteger), sa.bindparam("entry", type_=sa.BigInteger),
        sa.bindparam("outcome", type_=sa.String),
    )  # fmt: skip
    rows = rows.where(
        d.handover == sa.bindparam("key"), d.number == sa.bindparam("which"), ~rejected
    )
    names = ["handover", "item", "position", "entry", "outcome"]
    put: sa.Executable = insert(handover_outcomes).from_select(names, rows)
    return put


_SETTLE = Prepared(("position", "entry", "outcome", "key", "which"), _settle)
_BECOMES: Final[Mapping[str, str]] = {
    "item_rejected": "rejected",
    "delivered_later": "again",
    "corrected": "again",
}
_FOUND: Final = ("accepted", "faulty", "rejected", "confirmed")
"""The outcomes of an item of which it was said how it was found, and not taken back since."""


class Arrivals:
    """The view behind `muniment handover show` and `discrepancy list`."""

    name: str = "arrivals"
    tables: tuple[sa.Table, ...] = (
        handover_outcomes, handover_discrepancies, handover_disputed, handover_residuals,
    )  # fmt: skip
    kinds: frozenset[type[Event]] = frozenset({
        HandoverInspected, HandoverDiscrepancyRaised, HandoverDiscrepancyResolved,
        HandoverConfirmed, HandoverResidualDeclared,
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Take note of each word in order."""
        for recorded in batch:
            if type(recorded.event) in self.kinds:
                _note(connection, recorded)


def _note(connection: sa.Connection, recorded: Recorded) -> None:
    position, entry, _, event = recorded
    handover, at = key_of(event.stream), (position, entry)
    if isinstance(event, HandoverInspected):
        said = ("faulty" if event.faulty else "accepted", event.digest, event.readable)
        _WORD.run(connection, [(handover, key_of(item), *at, *said) for item in event.items])
    elif isinstance(event, HandoverConfirmed):
        done = ("confirmed", None, None)
        _WORD.run(connection, [(handover, key_of(item), *at, *done) for item in event.items])
    elif isinstance(event, HandoverDiscrepancyRaised):
        _RAISE.run(connection, [(handover, event.number, event.kind, entry)])
        _DISPUTE.run(connection, [(handover, event.number, key_of(i)) for i in event.items])
    elif isinstance(event, HandoverDiscrepancyResolved):
        outcome = _BECOMES.get(event.resolution, "accepted")
        _SETTLE.run(connection, [(*at, outcome, handover, event.number)])
        _RESOLVE.run(connection, [(handover, event.number, event.resolution, entry)])
    elif isinstance(event, HandoverResidualDeclared):
        kept = (event.basis, event.retain_until)
        _KEEP.run(connection, [(handover, key_of(copy), *at, *kept) for copy in event.items])


_REJECTED = Prepared(
    ("key",),
    lambda _: (
        sa.select(handover_outcomes.c.item)
        .join(
            handover_items,
            sa.and_(
                handover_items.c.handover == handover_outcomes.c.handover,
                handover_items.c.item == handover_outcomes.c.item,
            ),
        )
        .where(
            handover_outcomes.c.handover == sa.bindparam("key"),
            handover_outcomes.c.outcome == _AS_REJECTED,
            ~IS_RECORD,
        )
        .distinct()
    ),
)


def copies_rejected(connection: sa.Connection, handover: str) -> list[bytes]:
    """The keys of the copies on a list that do not pass."""
    return [row[0] for row in _REJECTED.fetch(connection, (key_of(handover),))]


class Item(Struct, frozen=True):
    """An item of a list and the last word on it.

    `place`: an order, larger for what comes later on the list; `outcome`: empty while nothing was
    said; `digest`, `readable`: as last inspected, None if it was not, or is to be again;
    `changed_entry`: of the last word.
    """

    item: str
    place: int
    outcome: str
    digest: str | None
    readable: str | None
    listed_entry: int
    changed_entry: int | None


def items(
    connection: sa.Connection,
    handover: str,
    version: int,
    *,
    limit: int,
    after: int = 0,
    entry: int | None = None,
) -> list[Item]:
    """At most `limit` items of one version of a list in its order, those after place `after`.

    `entry`: as of that entry, instead of now.
    """
    query = _ITEMS[entry is not None].order_by(handover_items.c.place).limit(limit)
    query = query.where(handover_items.c.place > after)
    asked = {"key": key_of(handover), "version": version, "as_of": entry}
    return [
        Item(id_of("record" if record else "holding", item), place, outcome or "", *rest)
        for item, record, place, outcome, *rest in connection.execute(query, asked)
    ]


def tally(
    connection: sa.Connection, handover: str, version: int, *, entry: int | None = None
) -> dict[str, int]:
    """How many items of a version of a list have which outcome; empty: nothing was said yet."""
    rows = _ITEMS[entry is not None].subquery()
    outcome = sa.func.coalesce(rows.c.outcome, "")
    query = sa.select(outcome, sa.func.count()).group_by(outcome).order_by(outcome)
    asked = {"key": key_of(handover), "version": version, "as_of": entry}
    return {row[0]: row[1] for row in connection.execute(query, asked)}


def unchecked(connection: sa.Connection, handover: str, version: int) -> int:
    """How many items nobody could check: never inspected, or nobody could tell if they are usable.

    What was rejected does not count: it does not pass.
    """
    rows = _ITEMS[False].subquery()
    outcome, readable = sa.func.coalesce(rows.c.outcome, ""), rows.c.readable
    query = sa.select(sa.func.count()).where(
        outcome != _AS_REJECTED, sa.or_(readable.is_(None), readable == "unchecked")
    )
    asked = {"key": key_of(handover), "version": version, "as_of": None}
    return int(connection.execute(query, asked).scalar_one())


def _items(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    i, o, later = handover_items.c, handover_outcomes.c, handover_outcomes.alias()
    last = sa.select(sa.func.max(later.c.position)).where(
        later.c.handover == i.handover, later.c.item == i.item
    )
    if then:
        last = last.where(later.c.entry <= AS_OF)
    inspected, seen = last.where(later.c.digest.is_not(None)), handover_outcomes.alias()
    how = sa.and_(  # a settlement and a confirmation say nothing of how an item was found
        o.outcome.in_([sa.literal_column(f"'{outcome}'") for outcome in _FOUND]),
        seen.c.handover == i.handover,
        seen.c.item == i.item,
        seen.c.position == inspected.correlate(handover_items).scalar_subquery(),
    )
    newer = handover_items.alias()
    replaced = sa.exists().where(  # words are about the last version only
        newer.c.handover == sa.bindparam("key"), newer.c.list_version > sa.bindparam("version")
    )
    word = sa.and_(
        ~replaced,
        o.handover == i.handover,
        o.item == i.item,
        o.position == last.correlate(handover_items).scalar_subquery(),
    )
    query = sa.select(i.item, i.record, i.place, o.outcome, seen.c.digest, seen.c.readable,
                      i.listed_entry, o.entry)  # fmt: skip
    listed = handover_items.outerjoin(handover_outcomes, word).outerjoin(seen, how)
    query = query.select_from(listed).where(
        i.handover == sa.bindparam("key"), i.list_version == sa.bindparam("version")
    )
    return query.where(i.listed_entry <= AS_OF) if then else query


_ITEMS = both(_items)


class Raised(Struct, frozen=True):
    """A discrepancy; `resolution` and `resolved_entry` are None while it is open."""

    number: int
    kind: str
    items: tuple[str, ...]
    resolution: str | None
    raised_entry: int
    resolved_entry: int | None


def discrepancies(
    connection: sa.Connection, handover: str, *, entry: int | None = None
) -> list[Raised]:
    """The discrepancies of a handover by number (`entry`: as of that entry)."""
    d = handover_discrepancies.c
    query = sa.select(d.number, d.kind, d.resolution, d.raised_entry, d.resolved_entry)
    query = query.where(d.handover == key_of(handover)).order_by(d.number)
    found = []
    for number_, kind, resolution, raised, resolved in connection.execute(query).all():
        if entry is not None and raised > entry:
            continue
        settled = resolved is not None and (entry is None or resolved <= entry)
        named = _disputed(connection, handover, number_)
        end = (resolution, resolved) if settled else (None, None)
        found.append(Raised(number_, kind, named, end[0], raised, end[1]))
    return found


def _disputed(connection: sa.Connection, handover: str, which: int) -> tuple[str, ...]:
    d, i = handover_disputed.c, handover_items.c
    kind = (
        sa.select(sa.func.max(i.record))
        .where(i.handover == d.handover, i.item == d.item)
        .scalar_subquery()
    )
    query = sa.select(d.item, kind).order_by(d.item)
    query = query.where(d.handover == key_of(handover), d.number == which)
    rows = connection.execute(query)
    return tuple(id_of("record" if record else "holding", item) for item, record in rows)


class Kept(Struct, frozen=True):
    """A copy that the giving party says it keeps, on which basis and until when."""

    holding: str
    basis: str
    retain_until: str
    entry: int


def declared(
    connection: sa.Connection,
    handover: str,
    *,
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[Kept]:
    """At most `limit` copies declared as kept, in order of their id, as `items`."""
    r, later = handover_residuals.c, handover_residuals.alias()
    last = sa.select(sa.func.max(later.c.position)).where(
        later.c.handover == r.handover, later.c.holding == r.holding
    )
    if entry is not None:
        last = last.where(later.c.entry <= entry)
    query = sa.select(r.holding, r.basis, r.retain_until, r.entry).where(
        r.handover == key_of(handover),
        r.position == last.correlate(handover_residuals).scalar_subquery(),
    )
    if after is not None:
        query = query.where(r.holding > key_of(after))
    rows = connection.execute(query.order_by(r.holding).limit(limit))
    return [Kept(id_of("holding", row[0]), *row[1:]) for row in rows]

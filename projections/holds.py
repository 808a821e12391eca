"""The register of holds: what is frozen, since when, and whether it still is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from domain.hold import LegalHoldPlaced, LegalHoldReleased
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.past import AS_OF, both
from projections.view import Insert, Prepared, Recorded, id_of, key_of, stored

holds = sa.Table(
    "holds",
    METADATA,
    key("hold", "hold", primary_key=True),
    text("reason"),
    text("scope", nullable=True),
    key("placer", "actor"),
    number("placed_entry"),
)
"""One row a hold; `scope` is that of its first placement. It is active while `held` has a row of
it that is not released."""

held = sa.Table(
    "held",
    METADATA,
    key("hold", "hold", primary_key=True),
    sa.Column("object", sa.LargeBinary(16), primary_key=True),
    number("placed_entry", primary_key=True),
    text("aggregate"),
    step("released_entry"),
    sqlite_with_rowid=False,
)
"""What holds cover: a record, a copy or an engagement."""

sa.Index("held_objects", held.c.object)

_HOLD = Prepared(
    ("hold", "reason", "scope", "placer", "placed_entry"),
    lambda insert: insert(holds).on_conflict_do_nothing(),
)


def _cover(insert: Insert) -> sa.Executable:
    """What was freed and is held again within one entry was held all the time."""
    placed = insert(held)
    put: sa.Executable = placed.on_conflict_do_update(
        index_elements=list(held.primary_key), set_={"released_entry": sa.null()}
    )
    return put


_COVER = Prepared(("hold", "object", "placed_entry", "aggregate"), _cover)
_FREE = Prepared(
    ("key", "covered", "released"),
    lambda _: (
        sa.update(held)
        .where(
            held.c.hold == sa.bindparam("key"),
            held.c.object == sa.bindparam("covered"),
            held.c.released_entry.is_(None),
        )
        .values(released_entry=sa.bindparam("released"))
    ),
)


class Holds:
    """The view behind `muniment hold list`, and behind every destructive guard."""

    name: str = "holds"
    tables: tuple[sa.Table, ...] = (holds, held)
    kinds: frozenset[type[Event]] = frozenset({LegalHoldPlaced, LegalHoldReleased})

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Place and release, in order."""
        for _, entry, _, event in batch:
            if isinstance(event, LegalHoldPlaced):
                hold = key_of(event.stream)
                placed = (hold, event.reason, stored(event.scope), key_of(event.by), entry)
                _HOLD.run(connection, [placed])
                _COVER.run(connection, [
                    (hold, key_of(covered), entry, covered[:-37]) for covered in event.mentions
                ])  # fmt: skip
            elif isinstance(event, LegalHoldReleased):
                hold = key_of(event.stream)
                _FREE.run(connection, [(hold, key_of(freed), entry) for freed in event.objects])


class Hold(Struct, frozen=True, kw_only=True):
    """A hold: why, by whom, and what it covers.

    `scope`: what it was first placed on, a `HoldScope` or None; what came later and would fit it is
    not held by it, unless it is an engagement. `objects`: how many things it ever covered,
    `covered`: how many it still does; `released_entry`: of the last release, None while it covers
    anything.
    """

    hold: str
    reason: str
    scope: str | None
    placer: str
    placed_entry: int
    objects: int
    covered: int
    released_entry: int | None

    @property
    def active(self) -> bool:
        """Whether it covers anything."""
        return self.covered > 0


class Held(Struct, frozen=True):
    """A record, a copy or an engagement under a hold, from when to when (None: still)."""

    object: str
    placed_entry: int
    released_entry: int | None


def listed(
    connection: sa.Connection,
    *,
    active: bool | None = None,
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[Hold]:
    """At most `limit` holds in order of their id, from the one after `after` on.

    `active`: only those that cover something, or (False) nothing any more. `entry`: as of that
    entry, instead of now.
    """
    query = _HOLDS[entry is not None].order_by(holds.c.hold).limit(limit)
    if active is not None:
        query = query.where(_COVERS[entry is not None].exists() == active)
    if after is not None:
        query = query.where(holds.c.hold > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, hold: str, *, entry: int | None = None) -> Hold | None:
    """One hold, or None if it was never placed (`entry`: by that entry)."""
    query = _HOLDS[entry is not None].where(holds.c.hold == key_of(hold))
    return next(iter(_read(connection, query, entry)), None)


def covered(
    connection: sa.Connection,
    hold: str,
    *,
    limit: int,
    after: tuple[str, int] | None = None,
    entry: int | None = None,
) -> list[Held]:
    """At most `limit` things that a hold covers or covered, by id and entry of placement.

    A thing that was freed and held again is told of once a placement; `after`: the object and
    `placed_entry` of the last one told. `entry`: as of that entry, instead of now.
    """
    query = _HELD[entry is not None].where(held.c.hold == key_of(hold))
    query = query.order_by(held.c.object, held.c.placed_entry).limit(limit)
    if after is not None:
        place = sa.tuple_(held.c.object, held.c.placed_entry)
        query = query.where(place > (key_of(after[0]), after[1]))
    rows = connection.execute(query, {"as_of": entry})
    return [Held(id_of(aggregate, thing), *told) for aggregate, thing, *told in rows]


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Hold]:
    return [
        Hold(
            hold=id_of("hold", hold), reason=reason, scope=scope, placer=id_of("actor", placer),
            placed_entry=placed, objects=objects, covered=still,
            released_entry=None if still else released,
        )
        for hold, reason, scope, placer, placed, objects, still, released in connection.execute(
            query, {"as_of": entry}
        )
    ]  # fmt: skip


def _covers(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    """What a hold still covers; to be correlated with `holds`."""
    still: sa.ColumnElement[bool] = held.c.released_entry.is_(None)
    query = sa.select(held.c.object).where(held.c.hold == holds.c.hold).correlate(holds)
    if then:
        still = sa.or_(still, held.c.released_entry > AS_OF)
        query = query.where(held.c.placed_entry <= AS_OF)
    return query.where(still)


def _holds(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    ever = sa.select(held.c.object).where(held.c.hold == holds.c.hold).correlate(holds)
    released = sa.select(sa.func.max(held.c.released_entry)).where(held.c.hold == holds.c.hold)
    if then:
        ever = ever.where(held.c.placed_entry <= AS_OF)
        released = released.where(held.c.released_entry <= AS_OF)
    counted = (
        query.with_only_columns(sa.func.count(held.c.object.distinct())).scalar_subquery()
        for query in (ever, _covers(then))
    )
    query = sa.select(*holds.columns, *counted, released.correlate(holds).scalar_subquery())
    return query.where(holds.c.placed_entry <= AS_OF) if then else query


def _held(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    released: sa.ColumnElement[int] = held.c.released_entry
    if then:
        released = sa.case((released <= AS_OF, released), else_=None)
    query = sa.select(held.c.aggregate, held.c.object, held.c.placed_entry, released)
    return query.where(held.c.placed_entry <= AS_OF) if then else query


_COVERS, _HOLDS, _HELD = both(_covers), both(_holds), both(_held)

"""What a review of accesses looks at: each access beside what was true of its record then.

One query, read as it comes: a report over a hundred thousand accesses holds counts, not rows.
What a record's category and sensitivity are is told as of the entry that the report is of; whether
it was restricted, on hold or handed over, as of the access itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from projections.access import accesses, grant_records
from projections.arrivals import handover_outcomes
from projections.handovers import handovers
from projections.holds import held
from projections.past import AS_OF, standing
from projections.tables import (
    actors,
    corrections,
    holdings,
    inventory,
    inventory_past,
    keys,
    roles,
)
from projections.view import id_of

_PORTION: Final = 2000
_few = lru_cache(maxsize=4096)(id_of)
"""`id_of` for what many accesses name."""


class Seen(NamedTuple):
    """One access, or a refusal of one, as the register has it, and what is known about it.

    `named`: whether its grant names this very record; `held`, `restricted`: whether the record
    was, then (0 or 1); `party`: for which whoever accessed acts. `category`, `sensitivity` are
    None of what was never collected or classified.
    """

    position: int
    entry: int
    accepted: str
    record: str
    actor: str
    grant: str | None
    engagement: str
    mode: str
    purpose: str
    outcome: str
    rule: str | None
    intact: int | None
    category: str | None
    sensitivity: str | None
    held: int
    restricted: int
    named: int
    party: str


_A = accesses.c
_HELD = (
    sa.select(held.c.hold)
    .where(held.c.object.in_([_A.record, _A.holding, inventory.c.engagement]))
    .where(held.c.placed_entry <= _A.entry)
    .where(sa.or_(held.c.released_entry.is_(None), held.c.released_entry > _A.entry))
    .correlate(accesses, inventory)
    .exists()
)


def _then(name: str, entry: sa.ColumnElement[int]) -> sa.ColumnElement[Any]:
    """A column of the record's row in `inventory` as it stood right after an entry.

    Not `projections.past.standing`: joined to it, every record would be looked at for one access.
    """
    earlier = (
        sa.select(inventory_past.c[name])
        .where(inventory_past.c.record == _A.record, inventory_past.c.changed_entry <= entry)
        .order_by(inventory_past.c.changed_entry.desc())
        .limit(1)
        .correlate(accesses)
        .scalar_subquery()
    )
    return sa.case((inventory.c.changed_entry <= entry, inventory.c[name]), else_=earlier)


_NAMED = (
    sa.select(grant_records.c.grant)
    .where(grant_records.c.record == _A.record, grant_records.c.grant == _A.grant)
    .correlate(accesses)
    .exists()
)
_SEEN = (
    sa.select(
        _A.position, _A.entry, _A.accepted, _A.record, _A.actor, _A.grant, _A.engagement,
        _A.mode, _A.purpose, _A.outcome, _A.rule, _A.intact,
        _then("category", AS_OF), _then("sensitivity", AS_OF), _HELD,
        _then("restricted", _A.entry), _NAMED, actors.c.party,
    )
    .select_from(
        accesses.outerjoin(inventory, inventory.c.record == _A.record)
        .outerjoin(actors, actors.c.actor == _A.actor)
    )
    .order_by(_A.entry, _A.position)
)  # fmt: skip


class Span(NamedTuple):
    """A span of accepted time, from `first` up to, and without, `last`, and where it lies.

    `begin`, `end`: the first entries accepted at those times or later; `entry`: the last one that
    is known, as of which everything is told.
    """

    first: str
    last: str
    begin: int
    end: int
    entry: int

    @property
    def accessed(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Conditions on `accesses`."""
        return _A.entry >= self.begin, _A.entry < self.end, _A.entry <= self.entry


def seen(connection: sa.Connection, span: Span) -> Iterator[Seen]:
    """The accesses of a span and refusals of some, in order of position."""
    query = _SEEN.where(*span.accessed).execution_options(yield_per=_PORTION)
    for row in connection.execute(query, {"as_of": span.entry}):
        position, entry, accepted, record, actor, grant, engagement, *codes, party = row
        known = None if grant is None else _few("grant", grant)
        ids = (id_of("record", record), _few("actor", actor), known)
        under = _few("engagement", engagement)
        yield Seen._make((position, entry, accepted, *ids, under, *codes, _few("party", party)))


class Use(NamedTuple):
    """How often a grant was used in a span, when last at all, and in which modes ever."""

    uses: int
    last: str | None
    modes: frozenset[str]


def uses(connection: sa.Connection, span: Span) -> dict[str, Use]:
    """The use of every grant under which anything was ever accessed, as of the span's entry."""
    within = sa.and_(*span.accessed)
    query = (
        sa.select(
            _A.grant, _A.mode, sa.func.sum(sa.case((within, 1), else_=0)), sa.func.max(_A.accepted)
        )
        .where(_A.grant.is_not(None), _A.outcome == "allowed", _A.entry <= span.entry)
        .group_by(_A.grant, _A.mode)
    )
    found: dict[str, Use] = {}
    for key, mode, count, last in connection.execute(query):
        grant = id_of("grant", key)
        before = found.get(grant, Use(0, None, frozenset()))
        latest = max(last, before.last or "")
        found[grant] = Use(before.uses + int(count), latest, before.modes | {mode})
    return found


def named_categories(connection: sa.Connection, entry: int) -> dict[str, list[str]]:
    """The categories of the records that each grant names, as of an entry."""
    kept = standing(inventory, then=True)
    category = kept.columns["category"]
    query = (
        sa.select(grant_records.c.grant, category)
        .select_from(grant_records.join(kept.source, inventory.c.record == grant_records.c.record))
        .where(kept.stood)
        .distinct()
        .order_by(grant_records.c.grant, category)
    )
    found: dict[str, list[str]] = {}
    for key, code in connection.execute(query, {"as_of": entry}):
        found.setdefault(id_of("grant", key), []).append(code)
    return found


class Staff(NamedTuple):
    """An actor as of an entry: the party, the roles in force on a day, whether a key can sign."""

    party: str
    roles: tuple[str, ...]
    signs: bool

    @property
    def active(self) -> bool:
        """Whether the actor can still act in anything."""
        return self.signs and bool(self.roles)


def staff(connection: sa.Connection, day: str, entry: int) -> dict[str, Staff]:
    """Every actor registered by an entry; `day`: on which the roles are asked for."""
    r, k = roles.c, keys.c
    held_roles: dict[bytes, set[str]] = {}
    in_force = (
        r.granted_entry <= AS_OF,
        sa.or_(r.revoked_entry.is_(None), r.revoked_entry > AS_OF),
        sa.or_(r.valid_from.is_(None), r.valid_from <= day),
        sa.or_(r.valid_to.is_(None), r.valid_to >= day),
    )
    for actor, role in connection.execute(sa.select(r.actor, r.role).where(*in_force), _of(entry)):
        held_roles.setdefault(actor, set()).add(role)
    active = sa.select(k.holder).where(
        k.purpose == "act", k.since <= AS_OF, sa.or_(k.until.is_(None), k.until > AS_OF)
    )
    signing = set(connection.execute(active, _of(entry)).scalars())
    everybody = sa.select(actors.c.actor, actors.c.party).where(actors.c.registered_entry <= AS_OF)
    return {
        (actor := id_of("actor", key)): Staff(
            id_of("party", party), tuple(sorted(held_roles.get(key, ()))), actor in signing
        )
        for key, party in connection.execute(everybody.order_by(actors.c.actor), _of(entry))
    }


def _of(entry: int) -> dict[str, Any]:
    return {"as_of": entry}


class Passing(NamedTuple):
    """That a record had passed from an entry on: to which party, under which deal and mode."""

    entry: int
    to_party: str
    engagement: str
    mode: str


def passings(connection: sa.Connection, span: Span) -> dict[str, list[Passing]]:
    """The confirmed handovers, in order, of each record that was accessed in a span."""
    accessed = sa.select(_A.record).where(*span.accessed).distinct().cte("accessed")
    record, o = accessed.c.record, handover_outcomes.c
    whole = holdings.alias("whole")
    lanes = (
        sa.select(record, record.label("item")),
        sa.select(record, inventory.c.holding).join(inventory, inventory.c.record == record),
        sa.select(record, corrections.c.holding).join(corrections, corrections.c.record == record),
        sa.select(record, holdings.c.holding).join(holdings, holdings.c.record == record),
        sa.select(record, whole.c.holding)
        .join(inventory, inventory.c.record == record)
        .join(whole, whole.c.made_from == inventory.c.holding)
        .where(whole.c.record.is_(None)),
    )
    item = sa.union_all(*lanes).subquery("item")
    query = (
        sa.select(
            item.c.record, o.entry, handovers.c.to_party, handovers.c.engagement, handovers.c.mode
        )
        .join(handover_outcomes, o.item == item.c.item)
        .join(handovers, handovers.c.handover == o.handover)
        .where(o.outcome == "confirmed", o.entry <= span.entry)
        .order_by(o.entry)
    )
    found: dict[str, list[Passing]] = {}
    for key, entry, party, engagement, mode in connection.execute(query):
        passing = Passing(entry, id_of("party", party), id_of("engagement", engagement), mode)
        found.setdefault(id_of("record", key), []).append(passing)
    return found


def accessors(connection: sa.Connection, span: Span) -> list[str]:
    """Who accessed something in a span, or tried to, by id."""
    query = sa.select(_A.actor).where(*span.accessed).distinct().order_by(_A.actor)
    return [id_of("actor", key) for key in connection.execute(query).scalars()]

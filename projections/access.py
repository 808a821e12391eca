"""The register of accesses: who may look at what, who did, who was refused, who looked on.

Grants say from when to when by claimed times and by the entries that gave and took them; every
access, denied ones included, is one row in order of position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from domain.access import (
    AccessDenied,
    AccessGranted,
    AccessReviewed,
    AccessRevoked,
    RecordAccessed,
)
from domain.answers import Accesses
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.past import AS_OF, both
from projections.view import Prepared, Recorded, id_of, key_of, readable, stored, stored_key

grants = sa.Table(
    "grants",
    METADATA,
    key("grant", "grant", primary_key=True),
    key("actor", "actor", index=True),
    key("giver", "actor"),
    key("engagement", "engagement"),
    number("records"),
    text("categories"),
    text("modes"),
    text("purposes"),
    text("begins"),
    text("ends"),
    text("basis", nullable=True),
    number("granted_entry"),
    step("revoked_entry"),
)
"""One row a grant. `records`: how many it names (`grant_records` has them); lists of codes are
joined by spaces; `basis`: across a deal, on which the other side looks."""

grant_records = sa.Table(
    "grant_records",
    METADATA,
    key("record", "record", primary_key=True),
    key("grant", "grant", primary_key=True),
    sqlite_with_rowid=False,
)

sa.Index("records_of_grant", grant_records.c.grant)

accesses = sa.Table(
    "accesses",
    METADATA,
    number("position", primary_key=True),
    number("entry"),
    text("accepted"),
    key("record", "record"),
    key("holding", "holding"),
    key("actor", "actor"),
    key("grant", "grant", nullable=True),
    key("engagement", "engagement"),
    text("mode"),
    text("purpose"),
    text("outcome"),
    text("rule", nullable=True),
    number("intact", nullable=True),
    sqlite_with_rowid=False,
)
"""One row an access or a refusal of one. `rule`: the detail of the refusal."""

reviews = sa.Table(
    "reviews",
    METADATA,
    number("position", primary_key=True),
    number("entry"),
    key("engagement", "engagement", index=True),
    key("reviewer", "actor"),
    text("period_from"),
    text("period_to"),
    number("allowed"),
    number("denied"),
    number("break_glass"),
    number("anomalies"),
    text("report", nullable=True),
)
"""One row a review. `report`: SHA-256 of the report that was gone through."""

sa.Index("accesses_of_record", accesses.c.record, accesses.c.position)
sa.Index("accesses_of_actor", accesses.c.actor, accesses.c.position)
sa.Index("accesses_of_actor_by_outcome", accesses.c.actor, accesses.c.outcome,
         accesses.c.position)  # fmt: skip
sa.Index("accesses_by_outcome", accesses.c.outcome, accesses.c.position)
sa.Index("accesses_by_entry", accesses.c.entry, accesses.c.position)
sa.Index("accesses_by_time", accesses.c.engagement, accesses.c.accepted, accesses.c.outcome,
         accesses.c.actor)  # fmt: skip

_GRANT = Prepared(
    ("grant", "actor", "giver", "engagement", "records", "categories", "modes", "purposes",
     "begins", "ends", "basis", "granted_entry"),
    lambda insert: insert(grants).on_conflict_do_nothing(),
)  # fmt: skip
_NAMED = Prepared(
    ("record", "grant"), lambda insert: insert(grant_records).on_conflict_do_nothing()
)
_REVOKE = Prepared(
    ("key", "revoked"),
    lambda _: (
        sa.update(grants)
        .where(grants.c.grant == sa.bindparam("key"), grants.c.revoked_entry.is_(None))
        .values(revoked_entry=sa.bindparam("revoked"))
    ),
)
_ACCESS = Prepared(
    tuple(column.name for column in accesses.columns), lambda insert: insert(accesses)
)
_REVIEW = Prepared(tuple(column.name for column in reviews.columns), lambda insert: insert(reviews))


class Access:
    """The view behind `muniment access log`, `who` and reviews."""

    name: str = "access"
    tables: tuple[sa.Table, ...] = (grants, grant_records, accesses, reviews)
    kinds: frozenset[type[Event]] = frozenset({
        AccessGranted, AccessRevoked, RecordAccessed, AccessDenied, AccessReviewed
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Add grants, end them, and write down accesses and reviews, in order."""
        seen: list[tuple[Any, ...]] = []
        for recorded in batch:
            event = recorded.event
            if isinstance(event, RecordAccessed | AccessDenied):
                seen.append(_accessed(recorded, event))
            elif type(event) is AccessGranted:
                _granted(connection, recorded.entry, event)
            elif type(event) is AccessRevoked:
                _REVOKE.run(connection, [(key_of(event.stream), recorded.entry)])
            elif type(event) is AccessReviewed:
                _REVIEW.run(connection, [_reviewed(recorded, event)])
        _ACCESS.run(connection, seen)


def _granted(connection: sa.Connection, entry: int, event: AccessGranted) -> None:
    grant = key_of(event.stream)
    _GRANT.run(connection, [(
        grant, *map(key_of, (event.actor, event.by, event.engagement)), len(event.records),
        " ".join(event.categories), " ".join(event.modes), " ".join(event.purposes),
        event.begins, event.ends, stored(event.basis), entry,
    )])  # fmt: skip
    _NAMED.run(connection, [(key_of(record), grant) for record in event.records])


def _accessed(recorded: Recorded, event: RecordAccessed | AccessDenied) -> tuple[Any, ...]:
    if isinstance(event, AccessDenied):
        outcome, rule, intact = "denied", event.rule, None
    else:
        outcome, rule, intact = event.outcome, None, stored(event.intact)
    return (
        recorded.position, recorded.entry, recorded.accepted, key_of(event.stream),
        key_of(event.holding), key_of(event.by), stored_key(event.grant), key_of(event.engagement),
        event.mode, stored(event.purpose) or "", outcome, rule,
        None if intact is None else int(intact),
    )  # fmt: skip


def _reviewed(recorded: Recorded, event: AccessReviewed) -> tuple[Any, ...]:
    return (
        recorded.position, recorded.entry, key_of(event.stream), key_of(event.by),
        event.period_from, event.period_to, event.allowed, event.denied, event.break_glass,
        event.anomalies, stored(event.report),
    )  # fmt: skip


def between(connection: sa.Connection, engagement: str, first: str, last: str) -> Accesses:
    """What the register says about a span of accepted time, from `first` up to, without, `last`."""
    span = (
        accesses.c.engagement == key_of(engagement),
        accesses.c.accepted >= first,
        accesses.c.accepted < last,
    )
    who = (accesses.c.outcome, accesses.c.actor)
    counted = sa.select(*who, sa.func.count()).where(*span).group_by(*who)
    counts: Counter[str] = Counter()
    actors = set()
    for outcome, actor, count in connection.execute(counted):
        counts[outcome] += count
        actors.add(id_of("actor", actor))
    return Accesses(counts["allowed"], counts["denied"], counts["break_glass"], frozenset(actors))


def grants_for(
    connection: sa.Connection, actor: str, record: str, categories: Sequence[str]
) -> list[str]:
    """The grants of an actor that were not revoked and may cover a record, oldest first.

    `categories`: the record's own and every parent of them. Whether one is in force now, and for
    which modes and purposes, is for the rules to say.
    """
    named = sa.select(grant_records.c.grant).where(grant_records.c.record == key_of(record))
    query = (
        sa.select(grants.c.grant)
        .where(grants.c.actor == key_of(actor), grants.c.revoked_entry.is_(None))
        .where(sa.or_(grants.c.grant.in_(named), *_covering(categories)))
        .order_by(grants.c.granted_entry, grants.c.grant)
    )
    return [id_of("grant", found) for found in connection.execute(query).scalars()]


def _covering(categories: Sequence[str]) -> list[sa.ColumnElement[bool]]:
    """For each category, whether a grant lists it."""
    listed = sa.literal(" ").concat(grants.c.categories).concat(" ")
    return [listed.contains(f" {category} ", autoescape=True) for category in categories]


class Grant(Struct, frozen=True, kw_only=True):
    """A grant: who may access what, how and for which purposes, from when to when.

    `engagement`: under which it was given; `records`: how many it names (`named`); `begins`,
    `ends`: claimed times; `revoked_entry`: None while it was not revoked.
    """

    grant: str
    actor: str
    giver: str
    engagement: str
    records: int
    categories: tuple[str, ...]
    modes: tuple[str, ...]
    purposes: tuple[str, ...]
    begins: str
    ends: str
    basis: str | None
    granted_entry: int
    revoked_entry: int | None


class Accessed(Struct, frozen=True, kw_only=True):
    """An access, or a refusal of one: who, what, under which grant, how and what for.

    `outcome`: allowed, break_glass or denied, then `rule` says why; `intact`: whether what was
    handed out was as recorded, None where there was nothing to compare.
    """

    position: int
    entry: int
    accepted: str
    record: str
    holding: str
    actor: str
    grant: str | None
    engagement: str
    mode: str
    purpose: str
    outcome: str
    rule: str | None
    intact: bool | None


class Review(Struct, frozen=True, kw_only=True):
    """A review of the register over a span of accepted time, and what it counted.

    `report`: SHA-256 of the report that was gone through, None if there was none.
    """

    position: int
    entry: int
    engagement: str
    reviewer: str
    period_from: str
    period_to: str
    allowed: int
    denied: int
    break_glass: int
    anomalies: int
    report: str | None


def granted(
    connection: sa.Connection,
    *,
    actor: str | None = None,
    record: str | None = None,
    categories: Sequence[str] = (),
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[Grant]:
    """At most `limit` grants, revoked ones included, in order of their id, from after `after` on.

    `record`: only those that name it, or cover one of `categories`. `entry`: as of that entry,
    instead of now.
    """
    query = _GRANTS[entry is not None].order_by(grants.c.grant).limit(limit)
    if actor is not None:
        query = query.where(grants.c.actor == key_of(actor))
    if record is not None:
        named = sa.select(grant_records.c.grant).where(grant_records.c.record == key_of(record))
        query = query.where(sa.or_(grants.c.grant.in_(named), *_covering(categories)))
    if after is not None:
        query = query.where(grants.c.grant > key_of(after))
    found = []
    for row in connection.execute(query, {"as_of": entry}):
        shown = readable(grants, row)
        for name in ("categories", "modes", "purposes"):
            shown[name] = tuple(shown[name].split())
        found.append(Grant(**shown))
    return found


def named(connection: sa.Connection, grant: str) -> list[str]:
    """The records that a grant names, in order of their ids."""
    query = sa.select(grant_records.c.record).where(grant_records.c.grant == key_of(grant))
    found = connection.execute(query.order_by(grant_records.c.record)).scalars()
    return [id_of("record", record) for record in found]


def listed(
    connection: sa.Connection,
    *,
    record: str | None = None,
    actor: str | None = None,
    outcome: str | None = None,
    newest: bool = False,
    limit: int,
    after: int | None = None,
    entry: int | None = None,
) -> list[Accessed]:
    """At most `limit` accesses in order of position, or (`newest`) the other way round.

    `after`: the position of the last one told; `entry`: only those up to that entry.
    """
    a = accesses.c
    query = sa.select(accesses).order_by(a.position.desc() if newest else a.position).limit(limit)
    if record is not None:
        query = query.where(a.record == key_of(record))
    # Of one record there are few: no index on anything else may be walked instead of theirs.
    for column, value in ((a.actor, actor and key_of(actor)), (a.outcome, outcome)):
        if value is not None:
            plain = column if record is None else sa.func.coalesce(column, column)
            query = query.where(plain == value)
    if after is not None:
        query = query.where(a.position < after if newest else a.position > after)
    if entry is not None:  # a place in the order, so that nothing newer is walked through
        last = sa.select(a.position).where(a.entry <= entry)
        last = last.order_by(a.entry.desc(), a.position.desc()).limit(1)
        query = query.where(a.position <= last.scalar_subquery())
    found = []
    for row in connection.execute(query):
        shown = readable(accesses, row)
        shown["intact"] = None if shown["intact"] is None else bool(shown["intact"])
        found.append(Accessed(**shown))
    return found


def reviewed(
    connection: sa.Connection, *, limit: int, after: int | None = None, entry: int | None = None
) -> list[Review]:
    """At most `limit` reviews in order of position; `after` and `entry` as in `listed`."""
    query = sa.select(reviews).order_by(reviews.c.position).limit(limit)
    if after is not None:
        query = query.where(reviews.c.position > after)
    if entry is not None:
        query = query.where(reviews.c.entry <= entry)
    return [Review(**readable(reviews, row)) for row in connection.execute(query)]


def reviewed_until(connection: sa.Connection, engagement: str) -> str | None:
    """The end of what was reviewed of an engagement, None if nothing was."""
    query = sa.select(sa.func.max(reviews.c.period_to))
    return connection.execute(query.where(reviews.c.engagement == key_of(engagement))).scalar()


def _grants(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    if not then:
        return sa.select(grants)
    revoked = sa.case((grants.c.revoked_entry <= AS_OF, grants.c.revoked_entry), else_=None)
    columns = (revoked if column.name == "revoked_entry" else column for column in grants.columns)
    return sa.select(*columns).where(grants.c.granted_entry <= AS_OF)


_GRANTS = both(_grants)


def used_for(connection: sa.Connection, record: str, *, entry: int | None = None) -> list[str]:
    """The grants that a record was accessed under, by the first use (`entry`: up to that entry)."""
    query = (
        sa.select(accesses.c.grant)
        .where(accesses.c.record == key_of(record), accesses.c.grant.is_not(None))
        .group_by(accesses.c.grant)
        .order_by(sa.func.min(accesses.c.position))
    )
    if entry is not None:
        query = query.where(accesses.c.entry <= entry)
    return [id_of("grant", grant) for grant in connection.execute(query).scalars()]

"""Questions about consents: who gave and withdrew which, where none is needed, who is let be."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from projections.past import AS_OF, both
from projections.persons import consents, exemptions, subject_records, suppressions, withdrawals
from projections.view import id_of, key_of, readable


class Consent(Struct, frozen=True, kw_only=True):
    """A consent as it was given. `withdrawn_at`: the first time at which it was withdrawn since."""

    subject: str
    recipient: str
    position: int
    entry: int
    kind: str
    categories: list[str]
    channel: str
    given_at: str
    until: str | None
    withdrawn_at: str | None

    def in_force(self, day: str) -> bool:
        """Whether it counts on a day (`YYYY-MM-DD`)."""
        return self.withdrawn_at is None and (self.until is None or day <= self.until)


class Suppression(Struct, frozen=True, kw_only=True):
    """Why somebody is on no list for marketing, since when."""

    subject: str
    position: int
    entry: int
    reason: str
    since: str
    channel: str


def objectors(connection: sa.Connection, recipient: str) -> list[tuple[str, str]]:
    """Who withdrew from, or objected to, a recipient and has not agreed since: subject, record.

    One pair for each record in which the person was found, in order.
    """
    w, r, c = withdrawals.c, subject_records.c, consents.c
    since = sa.exists().where(
        c.subject == w.subject, c.recipient == w.recipient, c.given_at > w.withdrawn_at
    )
    query = (
        sa.select(w.subject, r.record)
        .distinct()
        .join_from(withdrawals, subject_records, r.subject == w.subject)
    )
    query = query.where(w.recipient == key_of(recipient), ~since).order_by(w.subject, r.record)
    rows = connection.execute(query)
    return [(id_of("subject", subject), id_of("record", record)) for subject, record in rows]


class Exemption(Struct, frozen=True, kw_only=True):
    """Why no consent is needed under a deal, and for which categories (none: all)."""

    engagement: str
    position: int
    entry: int
    basis: str
    statute: str
    opinion: str
    categories: list[str]
    author: str


def listed(
    connection: sa.Connection,
    *,
    subject: str | None = None,
    recipient: str | None = None,
    limit: int,
    after: int | None = None,
    entry: int | None = None,
) -> list[Consent]:
    """At most `limit` consents in order of their position, from the one after position `after` on.

    `subject`, `recipient`: only theirs. `entry`: as of that entry, instead of now.
    """
    query = _CONSENTS[entry is not None].order_by(consents.c.position).limit(limit)
    if subject is not None:
        query = query.where(consents.c.subject == key_of(subject))
    if recipient is not None:
        query = query.where(consents.c.recipient == key_of(recipient))
    if after is not None:
        query = query.where(consents.c.position > after)
    width = len(consents.columns)
    return [
        Consent(**_with_categories(consents, row[:width]), withdrawn_at=row[width])
        for row in connection.execute(query, {"as_of": entry})
    ]


def suppressed(
    connection: sa.Connection,
    *,
    limit: int,
    after: tuple[str, int] | None = None,
    entry: int | None = None,
) -> list[Suppression]:
    """At most `limit` rows of the suppression list, by subject and position."""
    s = suppressions.c
    query = sa.select(*suppressions.columns).order_by(s.subject, s.position).limit(limit)
    if after is not None:
        query = query.where(sa.tuple_(s.subject, s.position) > (key_of(after[0]), after[1]))
    if entry is not None:
        query = query.where(s.entry <= entry)
    return [Suppression(**readable(suppressions, row)) for row in connection.execute(query)]


def exemptions_of(
    connection: sa.Connection, engagement: str, *, entry: int | None = None
) -> list[Exemption]:
    """The exemptions under a deal, in order."""
    e = exemptions.c
    query = sa.select(*exemptions.columns).where(e.engagement == key_of(engagement))
    if entry is not None:
        query = query.where(e.entry <= entry)
    rows = connection.execute(query.order_by(e.position))
    return [Exemption(**_with_categories(exemptions, row)) for row in rows]


def known(connection: sa.Connection, recipient: str, subjects: list[str]) -> set[tuple[str, ...]]:
    """What some people (at most 200) are recorded to have agreed to: (subject, kind, given at)."""
    c = consents.c
    query = sa.select(c.subject, c.kind, c.given_at).where(
        c.recipient == key_of(recipient),
        c.subject.in_([key_of(subject) for subject in subjects]),
    )
    return {(id_of("subject", key), kind, at) for key, kind, at in connection.execute(query)}


def _with_categories(table: sa.Table, row: Any) -> dict[str, Any]:  # noqa: ANN401  a row
    fields = readable(table, row)
    return {**fields, "categories": fields["categories"].split()}


def _consents(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    w = withdrawals.c
    gone = sa.select(sa.func.min(w.withdrawn_at)).where(
        w.subject == consents.c.subject,
        w.recipient == consents.c.recipient,
        w.withdrawn_at >= consents.c.given_at,
    )
    if then:
        gone = gone.where(w.entry <= AS_OF)
    query = sa.select(*consents.columns, gone.correlate(consents).scalar_subquery())
    return query.where(consents.c.entry <= AS_OF) if then else query


_CONSENTS = both(_consents)

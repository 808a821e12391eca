"""Questions about notices: which were issued, whom each reached, who still has to be told."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.clearing import NOT_PERSONAL
from projections.past import AS_OF, both
from projections.persons import deliveries, notices, subject_records
from projections.tables import corrections, holdings, inventory
from projections.view import id_of, key_of, readable

GONE: Final = ("destroyed", "transferred_out", "anonymized")
"""The states of records of which nothing is left to be handed over."""


class Notice(Struct, frozen=True, kw_only=True):
    """A notice as it was issued, and how many people it reached, each by its last word.

    `reached`, `announced`, `bounced`: how many deliveries, one a person and channel, stand so.
    """

    notice: str
    kind: str
    engagement: str
    recipient: str
    channel: str
    template_version: int
    count: int
    issuer: str
    issued_at: str
    issued_position: int
    issued_entry: int
    reached: int
    announced: int
    bounced: int


class Delivery(Struct, frozen=True, kw_only=True):
    """What became of a notice for one person on one channel: the last word on it."""

    subject: str
    notice: str
    channel: str
    position: int
    entry: int
    status: str
    delivered_at: str


def listed(
    connection: sa.Connection,
    *,
    engagement: str | None = None,
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[Notice]:
    """At most `limit` notices in order of their id, from the one after `after` on.

    `engagement`: only those of a deal. `entry`: as of that entry, instead of now.
    """
    query = _NOTICES[entry is not None].order_by(notices.c.notice).limit(limit)
    if engagement is not None:
        query = query.where(notices.c.engagement == key_of(engagement))
    if after is not None:
        query = query.where(notices.c.notice > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, notice: str, *, entry: int | None = None) -> Notice | None:
    """One notice, or None if it was never issued (`entry`: by that entry)."""
    query = _NOTICES[entry is not None].where(notices.c.notice == key_of(notice))
    return next(iter(_read(connection, query, entry)), None)


def reached(
    connection: sa.Connection,
    notice: str,
    *,
    status: str | None = None,
    limit: int,
    after: tuple[str, str] | None = None,
    entry: int | None = None,
) -> list[Delivery]:
    """At most `limit` deliveries of a notice, by subject and channel, the last word on each.

    `status`: only those that stand so; `after`: subject and channel of the last one told.
    """
    d = deliveries.c
    query = _LAST[entry is not None].where(d.notice == key_of(notice))
    if status is not None:
        query = query.where(d.status == status)
    if after is not None:
        query = query.where(sa.tuple_(d.subject, d.channel) > (key_of(after[0]), after[1]))
    rows = connection.execute(query.order_by(d.subject, d.channel).limit(limit), {"as_of": entry})
    return [Delivery(**readable(deliveries, row)) for row in rows]


def last_words(
    connection: sa.Connection, notice: str, subjects: list[str]
) -> dict[tuple[str, str], tuple[str, str]]:
    """What was last said of some people (at most 200): (subject, channel) → (status, time)."""
    d = deliveries.c
    named = d.subject.in_([key_of(subject) for subject in subjects])
    rows = connection.execute(_LAST[False].where(named, d.notice == key_of(notice)))
    found = (Delivery(**readable(deliveries, row)) for row in rows)
    return {(one.subject, one.channel): (one.status, one.delivered_at) for one in found}


def first_told(
    connection: sa.Connection, recipient: str, subjects: list[str]
) -> dict[str, list[str]]:
    """When each of some people (at most 200) was first told of a recipient: once a deal.

    By the last word on each channel; whom no notice reached is left out.
    """
    d, n = deliveries.c, notices.c
    query = (
        _LAST[False]
        .join(notices, n.notice == d.notice)
        .where(
            n.recipient == key_of(recipient), d.status != "bounced",
            d.subject.in_([key_of(subject) for subject in subjects]),
        )
        .with_only_columns(d.subject, sa.func.min(d.delivered_at))
        .group_by(d.subject, n.engagement)
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for subject, at in connection.execute(query):
        found.setdefault(id_of("subject", subject), []).append(at)
    return found


def to_tell(
    connection: sa.Connection,
    *,
    engagement: str,
    recipient: str,
    keeper: str,
    kinds: tuple[str, ...],
    everybody: bool = False,
    limit: int,
    after: str | None = None,
) -> list[str]:
    """At most `limit` people who stand in personal records that `keeper` keeps, by subject id.

    Only those whom no notice of the deal about the recipient, of one of `kinds`, has reached;
    `everybody`: the others too.
    """
    s = subject_records.c
    kept = _IN_USE.where(holdings.c.custodian == key_of(keeper)).exists()
    query = sa.select(s.subject).where(kept).distinct().order_by(s.subject).limit(limit)
    if after is not None:
        query = query.where(s.subject > key_of(after))
    if not everybody:
        counting = sa.select(notices.c.notice).where(
            notices.c.engagement == key_of(engagement),
            notices.c.recipient == key_of(recipient),
            notices.c.kind.in_(kinds),
        )
        told = _LAST[False].where(
            deliveries.c.subject == s.subject,
            deliveries.c.status != "bounced",
            deliveries.c.notice.in_(counting),
        )
        query = query.where(~told.correlate(subject_records).exists())
    return [id_of("subject", key) for key in connection.execute(query).scalars()]


_CONTENT = sa.func.coalesce(
    sa.select(sa.func.max(corrections.c.position))
    .where(corrections.c.record == inventory.c.record)
    .correlate(inventory)
    .scalar_subquery(),
    inventory.c.collected_position,
)
_IN_USE: Final = (
    sa.select(inventory.c.record)
    .join(holdings, holdings.c.holding == inventory.c.holding)
    .where(
        inventory.c.record == subject_records.c.record,
        inventory.c.state.not_in(GONE),
        sa.or_(
            inventory.c.sensitivity.is_(None), inventory.c.sensitivity.not_in(sorted(NOT_PERSONAL))
        ),
        subject_records.c.position > _CONTENT,
    )
    .correlate(subject_records)
)
"""The record in which a person stands, as it is now, if it is personal and still here."""


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Notice]:
    width = len(notices.columns)
    return [
        Notice(
            **readable(notices, row[:width]),
            reached=row[width], announced=row[width + 1], bounced=row[width + 2],
        )
        for row in connection.execute(query, {"as_of": entry})
    ]  # fmt: skip


def _last(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    """The last word on each person and channel of a notice."""
    later = deliveries.alias("later")
    more = sa.select(later.c.position).where(
        later.c.subject == deliveries.c.subject,
        later.c.notice == deliveries.c.notice,
        later.c.channel == deliveries.c.channel,
        later.c.position > deliveries.c.position,
    )
    query = sa.select(*deliveries.columns)
    if then:
        more = more.where(later.c.entry <= AS_OF)
        query = query.where(deliveries.c.entry <= AS_OF)
    return query.where(~more.correlate(deliveries).exists())


def _notices(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    last = _last(then).where(deliveries.c.notice == notices.c.notice)
    counted = (
        last.where(deliveries.c.status == status)
        .with_only_columns(sa.func.count())
        .correlate(notices)
        .scalar_subquery()
        for status in ("delivered", "public_announcement", "bounced")
    )
    query = sa.select(*notices.columns, *counted)
    return query.where(notices.c.issued_entry <= AS_OF) if then else query


_LAST, _NOTICES = both(_last), both(_notices)

"""Which events name something outside their own stream: the other half of every history.

A hold names records, a destruction case copies, a copy its record. `mentions` keeps where, so that
the state of a stream is folded from its own events and from those that mention it, and the history
of a record reaches into every case about it, without anything being searched for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from domain import TOPICS
from domain.values import Event
from projections.columns import METADATA, number, text
from projections.view import Prepared, Recorded, id_of, key_of

mentions = sa.Table(
    "mentions",
    METADATA,
    sa.Column("object", sa.LargeBinary(16), primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("aggregate"),
    sa.Column("stream", sa.LargeBinary(16), nullable=False),
    sqlite_with_rowid=False,
)
"""One row for each thing that an event mentions; `aggregate`, `stream`: the event's own."""

_ADD = Prepared(
    ("object", "position", "entry", "aggregate", "stream"),
    lambda insert: insert(mentions).on_conflict_do_nothing(),
)
_AT_ONCE = 400


class Mentions:
    """The view behind folds across streams, and behind histories."""

    name: str = "mentions"
    tables: tuple[sa.Table, ...] = (mentions,)
    kinds: frozenset[type[Event]] = frozenset(
        kind for kind in TOPICS.values() if kind.mentions is not Event.mentions
    )

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Add what the batch's events mention."""
        rows = [
            (key_of(other), position, entry, event.stream[:-37], key_of(event.stream))
            for position, entry, _, event in batch
            if type(event) in self.kinds
            for other in event.mentions
        ]
        _ADD.run(connection, rows)


def mentioning(
    connection: sa.Connection, streams: Iterable[str], entry: int | None = None
) -> list[str]:
    """The streams whose events mention one of `streams`, in order of the first mention.

    `entry`: only events up to this entry.
    """
    wanted = [key_of(stream) for stream in streams]
    first: dict[str, int] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = (
            sa.select(mentions.c.aggregate, mentions.c.stream, sa.func.min(mentions.c.position))
            .where(mentions.c.object.in_(wanted[start : start + _AT_ONCE]))
            .group_by(mentions.c.aggregate, mentions.c.stream)
        )
        if entry is not None:
            query = query.where(mentions.c.entry <= entry)
        for aggregate, stream, position in connection.execute(query):
            found = id_of(aggregate, stream)
            first[found] = min(position, first.get(found, position))
    return sorted(first, key=lambda stream: first[stream])

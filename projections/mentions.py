"""Which events name something outside their own stream: the other half of every history.

A hold names records, a destruction case copies, a copy its record. `mentions` keeps where, so that
the state of a stream is folded from its own events and from those that mention it, and the history
of a record reaches into every case about it, without anything being searched for. What an event
only names (`Event.names`: the records on a list) changes nothing of it, and stands apart, in
`names`: it belongs to a history, and no fold reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from domain import TOPICS
from domain.values import Event
from projections.columns import METADATA, number, text
from projections.view import Prepared, Recorded, id_of, key_of


def _told_of(name: str) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("object", sa.LargeBinary(16), primary_key=True),
        number("position", primary_key=True),
        number("entry"),
        text("aggregate"),
        sa.Column("stream", sa.LargeBinary(16), nullable=False),
        sqlite_with_rowid=False,
    )


mentions = _told_of("mentions")
"""One row for each thing that an event mentions; `aggregate`, `stream`: the event's own."""

names = _told_of("names")
"""The same of what events only name."""

_COLUMNS = ("object", "position", "entry", "aggregate", "stream")
_ADD = Prepared(_COLUMNS, lambda insert: insert(mentions).on_conflict_do_nothing())
_NAME = Prepared(_COLUMNS, lambda insert: insert(names).on_conflict_do_nothing())
_AT_ONCE = 400


class Mentions:
    """The view behind folds across streams, and behind histories."""

    name: str = "mentions"
    tables: tuple[sa.Table, ...] = (mentions, names)
    kinds: frozenset[type[Event]] = frozenset(
        kind
        for kind in TOPICS.values()
        if kind.mentions is not Event.mentions or kind.names is not Event.names
    )

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Add what the batch's events mention and name."""
        told = [recorded for recorded in batch if type(recorded.event) in self.kinds]
        _ADD.run(connection, [row for one in told for row in _rows(one, one.event.mentions)])
        _NAME.run(connection, [row for one in told for row in _rows(one, one.event.names)])


def _rows(recorded: Recorded, others: Iterable[str]) -> list[tuple[object, ...]]:
    position, entry, _, event = recorded
    own = (position, entry, event.stream[:-37], key_of(event.stream))
    return [(key_of(other), *own) for other in others]


def mentioning(
    connection: sa.Connection, streams: Iterable[str], entry: int | None = None
) -> list[str]:
    """The streams whose events mention or name one of `streams`, in order of the first time.

    `entry`: only events up to this entry.
    """
    wanted = [key_of(stream) for stream in streams]
    first: dict[str, int] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        for table in (mentions, names):
            query = (
                sa.select(table.c.aggregate, table.c.stream, sa.func.min(table.c.position))
                .where(table.c.object.in_(wanted[start : start + _AT_ONCE]))
                .group_by(table.c.aggregate, table.c.stream)
            )
            if entry is not None:
                query = query.where(table.c.entry <= entry)
            for aggregate, stream, position in connection.execute(query):
                found = id_of(aggregate, stream)
                first[found] = min(position, first.get(found, position))
    return sorted(first, key=lambda stream: first[stream])

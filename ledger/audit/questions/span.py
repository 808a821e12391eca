"""A span of accepted time, the times of entries, and the events that say what a row says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ledger.evidence import decode_event
from ledger.facts import LedgerFacts
from ledger.tree import StoredTree
from projections.reviewing import Span
from projections.view import key_of

if TYPE_CHECKING:
    import sqlalchemy as sa

Row = dict[str, Any]
_AT_ONCE: Final = 400


class Times:
    """When entries were accepted; each is read once."""

    def __init__(self, connection: sa.Connection) -> None:
        self._facts = LedgerFacts(connection)
        self._known: dict[int, str] = {}

    def at(self, entry: int) -> str:
        """The accepted time of an entry that there is."""
        if entry not in self._known:
            self._known[entry] = self._facts.accepted_at(entry)
        return self._known[entry]

    def of(self, entry: int | None) -> str | None:
        """The same of an entry that may not be."""
        return None if entry is None else self.at(entry)

    def first_from(self, time: str, last: int) -> int:
        """The first entry accepted at a time or later, `last` + 1 if none was up to `last`."""
        low, high = 0, last + 1
        while low < high:
            middle = (low + high) // 2
            if self.at(middle) < time:
                low = middle + 1
            else:
                high = middle
        return low


def span_of(connection: sa.Connection, first: str, last: str, entry: int | None = None) -> Span:
    """The span from a time up to, and without, another, as known at an entry (None: now)."""
    known = StoredTree(connection).head.entries - 1 if entry is None else entry
    times = Times(connection)
    begin, end = (times.first_from(time, known) for time in (first, last))
    return Span(first, last, begin, end, known)


def overlaps(span: Span, begins: str, until: str | None) -> bool:
    """Whether something that held from a time until another (None: still) held in a span."""
    return begins < span.last and (until is None or until > span.first)


def events_at(connection: sa.Connection, stream: str, entry: int) -> list[str]:
    """The ids of the events by which an entry said something of a stream.

    Those of the stream itself; if there are none, those of others that mention it.
    """
    own = connection.exec_driver_sql(
        "SELECT version FROM events WHERE stream = ? AND entry = ? ORDER BY version",
        (key_of(stream), entry),
    ).scalars().all()  # fmt: skip
    if own:
        return [f"{stream}/{version}" for version in own]
    rows = connection.exec_driver_sql(
        "SELECT position FROM mentions WHERE object = ? AND entry = ? ORDER BY position",
        (key_of(stream), entry),
    )
    return ids_at(connection, rows.scalars().all())


def ids_at(connection: sa.Connection, positions: Iterable[int]) -> list[str]:
    """The ids of the events at these positions, in order."""
    wanted: Sequence[int] = sorted(set(positions))
    found: list[str] = []
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = connection.exec_driver_sql(
            f"SELECT state FROM events WHERE position IN ({marks}) ORDER BY position",  # noqa: S608
            tuple(some),
        )
        found += [decode_event(bytes(state)).id for state in rows.scalars()]
    return found

"""Every index that the ledger published, computed again from the events that it covers.

A rule cannot judge the root of an index, so a wrong one is recorded like any other; here it is
found, whichever of its rows is false, left out or made up. Indexes are computed in one further
reading of the events, in flat memory; each costs the sorting and hashing of all its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain.anchor import LedgerIndexPublished
from ledger.index.computing import Index
from ledger.verification.findings import Findings
from ledger.verification.rows import EventRow, Source


class Said(NamedTuple):
    """An index as an event says it is, with the event's position and entry."""

    position: int
    entry: int
    event: LedgerIndexPublished


def recompute(source: Source, said: Sequence[Said], findings: Findings) -> int:
    """Report each index that is not what the events come to; returns how many were computed."""
    covered = sorted((one for one in said if one.event.size <= one.entry), key=_size)
    for one in said:
        if one.event.size > one.entry:
            _differs(findings, one, one.entry, one.event.size, "it covers entries that follow it")
    if not covered:
        return 0
    rows = source.events(1)
    waiting: list[EventRow] = []
    with Index() as index:
        size, found = 0, index.root()
        for one in covered:
            if one.event.size != size:
                size = one.event.size
                index.add(_below(size, rows, waiting))
                found = index.root()
            if found.root.hex() != one.event.root:
                cause = f"the events in entries 0 to {size - 1} come to another root"
                _differs(findings, one, found.root, one.event.root, cause)
            elif found.rows != one.event.rows:
                _differs(findings, one, found.rows, one.event.rows, "it has another number of rows")
    return len(covered)


def _size(one: Said) -> int:
    return one.event.size


def _below(size: int, rows: Iterator[EventRow], waiting: list[EventRow]) -> Iterator[bytes]:
    """The bytes of events in entries below `size`; the first row beyond is left `waiting`."""
    while True:
        row = waiting.pop() if waiting else next(rows, None)
        if row is None:
            return
        entry, state = row[4], row[5]
        if isinstance(entry, int) and entry >= size:
            waiting.append(row)
            return
        if isinstance(state, bytes):  # another type in the column has been reported
            yield state


def _differs(findings: Findings, one: Said, expected: object, actual: object, cause: str) -> None:
    findings.add(
        "index_differs", "event", position=one.position, stream=one.event.stream,
        expected=expected, actual=actual, cause=cause,
    )  # fmt: skip

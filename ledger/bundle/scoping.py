"""Which streams evidence is about.

Of one object: its own stream, every stream in which some event names it (for a record: its whole
chain of custody, and every stream that names one of its copies; for a handover: the deal's stream
too). What events name as a matter of their
history is looked up in `mentions` and `names`; everything else that names an id the last published
index knows (`ledger.index`). An actor is named by all that they said, which no table lists: of the
time since that index the events are looked through.

The stream of the bundle itself is not among them, though it names the object: it goes along as the
proof of the export, and is younger than whatever witnesses and time-stamp authorities have signed.

What lies in a bundle of a subject is what a search by the controller found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ledger.bundle.gathering import check_files, not_genuine, rows
from ledger.errors import UsageError
from ledger.evidence import decode_event
from projections.custody import streams_of
from projections.mentions import mentioning
from projections.view import fetch, key_of, marked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from domain.values import Event

_UUID: Final = "-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LISTINGS: Final = {
    "record": "muniment inventory",
    "handover": "muniment handover list",
    "subject": "muniment subject list",
    "destruction_case": "muniment destroy list",
    "actor": "muniment actor list",
}


def streams_about(
    connection: Connection, kind: str, object_id: str, indexed: Iterable[str], since: int
) -> list[str]:
    """The streams of a bundle's own events: the object's first, the others as they were found.

    `indexed`: the streams that an index knows to name it or its copies; `since`: the entries for
    which it does so. Raises `UsageError` if there is no such object.
    """
    first = first_event(connection, kind, object_id)
    found = [object_id]
    if kind == "record":
        found += streams_of(connection, object_id)
    elif kind == "handover":
        found.append(first.engagement)
    elif kind == "actor":
        found += _naming_since(connection, object_id, since)
    return list(dict.fromkeys([*found, *mentioning(connection, [object_id]), *indexed]))


def first_event(connection: Connection, kind: str, object_id: str) -> Event:
    """The event that begins what evidence is about; `UsageError` if there is no such thing."""
    sql = marked(connection, "SELECT state FROM events WHERE stream = {} AND version = 1")
    known = kind in _LISTINGS and re.fullmatch(kind + _UUID, object_id) is not None
    found = fetch(connection, sql, (key_of(object_id),)) if known else []
    event = decode_event(bytes(found[0][0])) if found else None
    if event is None:
        raise UsageError(
            "there is no {kind} {object}; nothing was exported",
            _LISTINGS.get(kind, "muniment evidence export --help"),
            kind=kind, object=object_id,
        )  # fmt: skip
    if event.stream != object_id:
        raise not_genuine()
    return event


def _naming_since(connection: Connection, object_id: str, entries: int) -> list[str]:
    """The streams in which an event names an object, of the events after so many entries.

    Every event after them is looked at: as the index does it, whatever field the id stands in.
    """
    sql = marked(connection, "SELECT first FROM commits WHERE entry = {}")
    begin = fetch(connection, sql, (entries,))
    if not begin:
        return []
    sql = marked(
        connection,
        "SELECT min(position) FROM events WHERE position >= {} "
        "AND (instr(state, {}) > 0 OR instr(state, {}) > 0) GROUP BY stream",
    )
    named = [f'"{object_id}{end}'.encode("ascii") for end in ('"', "/")]
    positions = [row[0] for row in fetch(connection, sql, (begin[0][0], *named))]
    check_files(len(positions))
    sql = "SELECT position, state FROM events WHERE position IN ({})"
    return [decode_event(bytes(state)).stream for _, state in rows(connection, sql, positions)]

"""Many streams read at once, with their sealed texts: one query for 400 of them, none a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from domain import TOPICS
from domain.values import Event
from ledger.application import Ledger
from ledger.errors import KeyAccessError
from ledger.evidence import decoder_for
from ledger.sealing import open_sealed
from projections.view import fetch, key_of, marked

AT_ONCE: Final = 400
"""So many streams one query reads."""

_ALL: Final = 2**63 - 1
_EVENTS: Final = (
    "SELECT e.stream, e.position, e.state, s.ciphertext FROM events e "
    "LEFT JOIN sealed s ON s.position = e.position "
    "WHERE e.stream IN (#) AND e.entry < {} ORDER BY e.stream, e.version"
)


Stored = tuple[Any, ...]
"""An event as the database gives it: stream, position, bytes, ciphertext."""


class Kept(NamedTuple):
    """An event as it is stored; `ciphertext`: of its sealed texts, if they were not erased."""

    position: int
    event: Event
    ciphertext: bytes | None


def events_of(
    connection: sa.Connection, streams: Iterable[str], before: int = _ALL
) -> dict[str, list[Kept]]:
    """The events of at most `AT_ONCE` streams, by version; nothing for one that is not there.

    `before`: only those of entries below this one.
    """
    found = stored_of(connection, streams, before)
    return {stream: events_in(stored) for stream, stored in found.items()}


def stored_of(
    connection: sa.Connection, streams: Iterable[str], before: int = _ALL
) -> dict[str, list[Stored]]:
    """As `events_of`, not decoded yet: some thousand events at a time cost the collector dearly."""
    by_key = {key_of(stream): stream for stream in streams}
    if not by_key:
        return {}
    query = marked(connection, _EVENTS.replace("#", ", ".join(["{}"] * len(by_key))))
    found: dict[str, list[Stored]] = {}
    for row in fetch(connection, query, (*by_key, before)):
        found.setdefault(by_key[row[0]], []).append(row)
    return found


def events_in(stored: Iterable[Stored]) -> list[Kept]:
    """The events of a stream.

    What is stored was accepted in its one form when it was recorded, and is not looked at for that
    again.
    """
    decode = decoder_for(TOPICS.keys()).decode
    return [Kept(position, decode(state), data) for _, position, state, data in stored]


class Texts:
    """Opens the sealed texts of events of one ledger; each data key in use is read once a run."""

    def __init__(self, ledger: Ledger) -> None:
        self._origin = ledger.origin
        self._keystore = ledger.keystore
        self._last: tuple[str, bytes | None] = ("", None)

    def of(self, kept: Kept) -> Mapping[str, str] | None:
        """The texts of an event, None if it has none or they were erased.

        Raises `KeyAccessError` for a key that is damaged or not here, `VerificationError` if the
        ciphertext is not the one that the event names.
        """
        ref = kept.event.sealed
        if not ref or not isinstance(ref.digest, str) or kept.ciphertext is None:
            return None
        key = self._key(ref.key)
        if key is None:
            return None
        return open_sealed(self._origin, kept.event.id, ref, kept.ciphertext, key)

    def _key(self, key_id: str) -> bytes | None:
        if self._last[0] != key_id:  # a file's copy and its record lie under one key
            try:
                key = self._keystore.key(key_id)
            except KeyAccessError:
                if self._keystore.state(key_id) != "erased":
                    raise
                key = None
            self._last = key_id, key
        return self._last[1]


def in_parts(streams: Iterable[str]) -> Iterator[list[str]]:
    """Streams in the order given, so many at a time as one query reads."""
    part: list[str] = []
    for stream in streams:
        part.append(stream)
        if len(part) == AT_ONCE:
            yield part
            part = []
    if part:
        yield part

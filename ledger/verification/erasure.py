"""Which sealed payloads are gone because their data keys were shredded, and which only look so.

A payload that an event names may be missing if a recorded `destruction_executed` says that its data
key was shredded; that event comes later, so it is settled at the end what was erased and what was
taken away. Kept until then: 16 bytes a missing payload and 8 a shredded key, nothing for payloads
that are there. Where keys were shredded, the events are gone through once more, for payloads that
should have been deleted with them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import suppress

from ledger.errors import EncodingError
from ledger.evidence import data_key, decode_event
from ledger.verification.findings import LIMIT, Findings
from ledger.verification.rows import Source


class Erasure:
    """What one verification has seen of missing payloads and of shredded keys."""

    def __init__(self) -> None:
        # Python's hash of a text is keyed and new in every process: nobody can aim at another's.
        self._positions = array("q")
        self._keys = array("q")
        self._shredded = array("q")

    def missing(self, position: int, key: str) -> None:
        """The payload of the event at `position`, under the data key `key`, is not stored."""
        self._positions.append(position)
        self._keys.append(hash(key))

    def shredded(self, keys: Iterable[str]) -> None:
        """A recorded event says that these data keys were shredded."""
        self._shredded.extend(map(hash, keys))

    def settle(self, source: Source, first: int, findings: Findings) -> None:
        """Report what is missing and was never erased, and what was and is still there.

        `first`: the position from which on payloads were looked at.
        """
        shredded = array("q", sorted(self._shredded))
        taken = [
            position
            for position, key in zip(self._positions, self._keys, strict=True)
            if not _among(shredded, key)
        ]
        for position in taken[:LIMIT]:
            _report_missing(source, position, findings)
        findings.omit("sealed_missing", len(taken) - LIMIT if len(taken) > LIMIT else 0)
        if shredded:
            _still_there(source, first, shredded, findings)


def _among(ascending: Sequence[int], value: int) -> bool:
    at = bisect_left(ascending, value)
    return at < len(ascending) and ascending[at] == value


def _report_missing(source: Source, position: int, findings: Findings) -> None:
    event = decode_event(next(source.events(position))[5])
    findings.add(
        "sealed_missing", "sealed", position=position, stream=event.stream,
        expected=event.sealed.digest if event.sealed else None,
        cause="the ciphertext is not stored, and no event says that it was erased",
    )  # fmt: skip


def _still_there(source: Source, first: int, shredded: Sequence[int], findings: Findings) -> None:
    for position, _, _, _, _, state in source.events(first):
        key = data_key(state)
        if key is None or not _among(shredded, hash(key)):
            continue
        stored = next(source.sealed(position), None)
        if stored is None or stored[0] != position:
            continue
        with suppress(EncodingError):  # a changed event was named before
            event = decode_event(state)
            findings.add(
                "sealed_not_erased", "sealed", position=position, stream=event.stream,
                actual=event.sealed.digest if event.sealed else None,
                cause="the ciphertext is stored, and an event says that its key was shredded",
            )  # fmt: skip

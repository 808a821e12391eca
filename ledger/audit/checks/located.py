"""Which events show what is missing or late, and where they stand.

A register knows what a duty is about: a copy, a grant, a deal, an entry. A reader wants the event
that it follows from: what was recorded in that entry of that stream, what opened the stream, or
what last said so. Only where nothing was ever recorded (`WITHOUT`) is there none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from msgspec import structs

from ledger.audit.finding import Finding, Gap
from ledger.audit.scope import Scope
from ledger.evidence import decode_event
from projections.view import key_of

WITHOUT: Final[Mapping[str, str]] = {
    "register_empty": "nothing of the kind was ever recorded",
    "keystore_unregistered": "no keystore was ever registered",
}
"""Codes whose findings no event shows, and why."""
_LAST: Final[Mapping[str, str]] = {
    "verification_failed": "backup.verified",
    "drill_failed": "backup.restore_drill_performed",
}
"""What is shown by the last event of a topic rather than by the first of its stream."""
_READ: Final = "SELECT position, entry, state FROM events WHERE "


class _Event(NamedTuple):
    position: int
    entry: int
    id: str


def located(scope: Scope, found: Iterator[Finding | Gap]) -> Iterator[Finding | Gap]:
    """What was found, each with a position and an event among its evidence."""
    for one in found:
        yield one if isinstance(one, Gap) or one.code in WITHOUT else _located(scope, one)


def _located(scope: Scope, one: Finding) -> Finding:
    event = _event(scope, one)
    if event is None:
        return one
    shown = any("/" in said for said in one.evidence)
    return structs.replace(
        one, evidence=one.evidence if shown else (*one.evidence, event.id),
        position=event.position if one.position is None else one.position,
        entry=event.entry if one.entry is None else one.entry,
    )  # fmt: skip


def _event(scope: Scope, one: Finding) -> _Event | None:
    """The event that shows a finding, from the most exact to the least."""
    if one.position is not None:
        return _first(scope, "position = ?", one.position)
    stream = _key(one.subject)
    if one.entry is not None:
        of_stream = _first(scope, "stream = ? AND entry = ? ORDER BY version", stream, one.entry)
        begin = scope.scratch.exec_driver_sql(
            "SELECT first FROM commits WHERE entry = ?", (one.entry,)
        ).scalar()
        return of_stream or _first(scope, "position = ?", begin)
    if (topic := _LAST.get(one.code)) is not None:
        said = _first(scope, "stream = ? AND topic = ? ORDER BY version DESC", stream, topic)
        if said is not None:
            return said
    for key in (stream, *map(_key, one.evidence)):
        if key and (opened := _first(scope, "stream = ? ORDER BY version", key)) is not None:
            return opened
    return None


def _key(text: str) -> bytes:
    """The stream that an id names; of an event its own; empty for what is none."""
    try:
        return key_of(text.partition("/")[0])
    except ValueError:
        return b""


def _first(scope: Scope, which: str, *values: object) -> _Event | None:
    row = scope.scratch.exec_driver_sql(f"{_READ}{which} LIMIT 1", values).first()
    return None if row is None else _Event(row[0], row[1], decode_event(bytes(row[2])).id)

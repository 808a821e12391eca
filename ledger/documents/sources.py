"""What a document closes with: the event up to which its stream is told, and what came before it.

A list of a destruction closes with the approval, a certificate with the certifying event, a report
of a drill with the drill; a handover list with the last part of the list that stands, a
confirmation with the confirming event or with what the seller declared since that it keeps; a
notice with its issue, an access review with the review, a closing report with the closing event.
Everything that a document says is as of the entry of that event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.access import AccessReviewed
from domain.backup import RestoreDrillPerformed
from domain.closing import EngagementClosed
from domain.destruction import DestructionApproved, DestructionCertified
from domain.handover import HandoverConfirmed, HandoverListFrozen
from domain.judging import State, evolve
from domain.notice import NoticeIssued
from domain.residual import HandoverResidualDeclared
from ledger.errors import UsageError
from ledger.evidence import decode_event
from ledger.tlog.commit import Entry, SignedCommit
from projections.view import fetch, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from domain.values import Event
    from ledger.application import Ledger


class Source(NamedTuple):
    """The event that a document closes with, its entry, and when that was accepted."""

    stream: str
    version: int
    entry: int
    accepted: str

    @property
    def event(self) -> str:
        """Its id."""
        return f"{self.stream}/{self.version}"


class Placed(NamedTuple):
    """An event where it stands: its position, its entry, when that was accepted, who signed."""

    position: int
    entry: int
    accepted: str
    event: Event
    commit: SignedCommit


CLOSES: Final[Mapping[str, tuple[type[Event], ...]]] = {
    "destruction_list": (DestructionApproved,),
    "destruction_certificate": (DestructionCertified,),
    "restore_drill_report": (RestoreDrillPerformed,),
    "handover_list": (HandoverListFrozen,),
    "handover_confirmation": (HandoverConfirmed, HandoverResidualDeclared),
    "transfer_notice": (NoticeIssued,),
    "access_review": (AccessReviewed,),
    "closing_report": (EngagementClosed,),
}
"""The events that a document of a kind closes with: the last of them that there is."""
AGGREGATES: Final[Mapping[str, str]] = {
    "destruction_list": "destruction_case",
    "destruction_certificate": "destruction_case",
    "restore_drill_report": "backup",
    "handover_list": "handover",
    "handover_confirmation": "handover",
    "transfer_notice": "notice",
    "access_review": "engagement",
    "closing_report": "engagement",
}
"""What a document of a kind is about."""
_SHOWN: Final[Mapping[str, str]] = {
    "destruction_case": "muniment destroy show CASE",
    "backup": "muniment backup list",
    "handover": "muniment handover show HANDOVER",
    "notice": "muniment notice list",
    "engagement": "muniment engagement status ENGAGEMENT",
}


def find(ledger: Ledger, kind: str, subject: str) -> Source:
    """The event that a document about this closes with.

    `subject`: a stream, or one event of it. Raises `UsageError` if it has not come so far.
    """
    stream, _, named = subject.partition("/")
    if stream.startswith(f"{AGGREGATES[kind]}-"):
        with ledger.engine.connect() as connection:
            events = [
                placed for placed in events_of(connection, stream)
                if isinstance(placed.event, CLOSES[kind])
                and named in ("", str(placed.event.version))
            ]  # fmt: skip
        if events:
            last = events[-1]
            return Source(stream, last.event.version, last.entry, last.accepted)
    msg = "the case has not come so far; there is nothing to issue"
    raise UsageError(msg, _SHOWN[AGGREGATES[kind]])


def source_of(ledger: Ledger, stream: str, version: int) -> Source:
    """Where an event stands. Raises `UsageError` if there is none."""
    with ledger.engine.connect() as connection:
        for placed in events_of(connection, stream, version):
            if placed.event.version == version:
                return Source(stream, version, placed.entry, placed.accepted)
    raise UsageError("there is no such event", "muniment destroy list")


def events_of(connection: Connection, stream: str, version: int | None = None) -> Iterator[Placed]:
    """The events of a stream, up to a version, in order."""
    sql = (
        "SELECT e.position, e.entry, e.state, c.data FROM events e JOIN commits c "
        "ON c.entry = e.entry WHERE e.stream = {} ORDER BY e.version"
    )
    known: dict[int, Entry] = {}
    rows = fetch(connection, marked(connection, sql), (key_of(stream),))
    for position, index, state, data in rows[:version]:
        if index not in known:
            known = {index: Entry.parse(bytes(data))}
        said, event = known[index], decode_event(bytes(state))
        if event.stream == stream:
            yield Placed(position, index, said.accepted, event, said.commit)


def state_at(ledger: Ledger, stream: str, version: int) -> State:
    """A stream's state right after one of its events. Raises `UsageError` if there is none."""
    state: State | None = None
    with ledger.engine.connect() as connection:
        for placed in events_of(connection, stream, version):
            state = evolve(state, placed.event, placed.entry, placed.accepted)
    if state is None:
        raise UsageError("there is no such event", "muniment status")
    return state

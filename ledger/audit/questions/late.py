"""Which events were entered late: what is said to have happened, and when the ledger took it.

An event is late by the rule that asked for a reason then (I-04): the policy in force at its entry
says from how many hours on, and for acts that several sign from how many days. `reason` is the one
given, empty where the law of the ledger asked for none yet; a late event without a reason is not
permitted, and `audit replay` names it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from msgspec import Struct, to_builtins
from msgspec.json import Decoder

from domain.ledger import PolicyAdopted
from domain.policy import Policy, parse_policy
from domain.values import Event, moment, timestamp
from ledger.audit.questions.span import Row
from ledger.evidence import decode_event
from ledger.tlog.commit import Entry
from projections.view import fetch

if TYPE_CHECKING:
    import sqlalchemy as sa

    from projections.reviewing import Span

RULE: Final = "I-04"
_AT_ONCE: Final = 2_000
_INSTANT: Final = timedelta(milliseconds=1)
_AGES: Final = 10_000 * 366 * 86_400  # seconds: longer than there are years


def late(connection: sa.Connection, span: Span, *, least_seconds: int | None = None) -> list[Row]:
    """The late events of a span of accepted time, in order of position.

    `least_seconds`: every event that was accepted so many seconds after its claimed time or later,
    instead of what the policy calls late. Reads every event of the span once.
    """
    last = min(span.end - 1, span.entry)
    if span.begin > last:
        return []
    policies = _Policies(connection)
    bound = _Bound(connection, policies, least_seconds)
    found = []
    for position, entry, accepted, state in _claimed_by(connection, bound, span.begin, last):
        event = decode_event(state)
        if event.at <= bound.exact(entry, accepted):
            found.append(_row(policies, position, entry, accepted, event))
    return found


def _row(policies: _Policies, position: int, entry: int, accepted: str, event: Event) -> Row:
    basis = policies.at(entry).rules.get(RULE)
    return {
        "event": event.id, "position": position, "type": str(event.__struct_config__.tag),
        "claimed": event.at, "accepted": accepted, "late_seconds": _seconds(event.at, accepted),
        "actor": event.by, "role": event.role, "engagement": event.engagement,
        "reason": event.late_reason or None,
        "rule": RULE, "law": to_builtins(basis.basis) if basis else [],
    }  # fmt: skip


def _seconds(claimed: str, accepted: str) -> int:
    return int((moment(accepted) - moment(claimed)).total_seconds())


class _Bound:
    """What an event of an entry must be said to have happened at, or before, to be late."""

    def __init__(
        self, connection: sa.Connection, policies: _Policies, least_seconds: int | None
    ) -> None:
        self._connection = connection
        self._policies = policies
        self._least = (
            None if least_seconds is None else timedelta(seconds=min(least_seconds, _AGES))
        )
        self._last = -1, ""

    def first(self, entry: int, accepted: str) -> str:
        """The latest that it may be, whoever signed the entry."""
        if self._least is not None:
            return _before(accepted, max(self._least, _INSTANT))
        limits = self._policies.at(entry).limits
        return _before(accepted, _over(min(limits.late_after_hours, limits.joint_days * 24)))

    def exact(self, entry: int, accepted: str) -> str:
        """The one that holds, as `domain.commit` asks.

        After so many hours; of an act that several signed, after the days it may take.
        """
        if self._least is not None:
            return self.first(entry, accepted)
        if self._last[0] != entry:  # thousands of events may be of one entry
            self._last = entry, self._asked(entry, accepted)
        return self._last[1]

    def _asked(self, entry: int, accepted: str) -> str:
        limits = self._policies.at(entry).limits
        ((data,),) = fetch(self._connection, "SELECT data FROM commits WHERE entry = ?", (entry,))
        joint = Entry.parse(bytes(data)).commit.note.until is not None
        return _before(
            accepted, _over(limits.joint_days * 24 if joint else limits.late_after_hours)
        )


def _over(hours: int) -> timedelta:
    return timedelta(hours=hours) + _INSTANT


def _before(time: str, span: timedelta) -> str:
    """So long before a time; what is before everything, where there is nothing so long ago."""
    try:
        return timestamp(moment(time) - span)
    except OverflowError:
        return ""


class _Claimed(Struct):
    """Of an event only when it is said to have happened."""

    at: str


_CLAIMED: Final = Decoder(_Claimed)


def _claimed_by(
    connection: sa.Connection, bound: _Bound, begin: int, last: int
) -> Iterator[tuple[int, int, str, bytes]]:
    """Position, entry, accepted time and bytes of events of a range of entries that may be late.

    Nothing else of an event is read but the time that it claims, in flat memory.
    """
    ((first, end),) = fetch(
        connection, "SELECT (SELECT first FROM commits WHERE entry = ?), "
        "(SELECT first + count FROM commits WHERE entry = ?)", (begin, last),
    )  # fmt: skip
    for start in range(first, end, _AT_ONCE):
        rows = fetch(
            connection, "SELECT position, entry, state FROM events WHERE position BETWEEN ? AND ? "
            "ORDER BY position", (start, min(start + _AT_ONCE, end) - 1),
        )  # fmt: skip
        if not rows:
            continue
        accepted = _accepted(connection, rows[0][1], rows[-1][1])
        bounds = {entry: bound.first(entry, time) for entry, time in accepted.items()}
        for position, entry, state in rows:
            if _CLAIMED.decode(state).at <= bounds[entry]:
                yield position, entry, accepted[entry], bytes(state)


def _accepted(connection: sa.Connection, begin: int, last: int) -> dict[int, str]:
    """When the entries of a range were accepted; see `LedgerFacts.accepted_at`."""
    rows = fetch(
        connection, "SELECT entry, substr(data, 10, 24) FROM commits WHERE entry BETWEEN ? AND ?",
        (begin, last),
    )  # fmt: skip
    return {entry: bytes(data).decode("ascii", "replace") for entry, data in rows}


class _Policies:
    """The policy in force at entries: the last one adopted before."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._adopted: list[tuple[int, str]] = []
        rows = connection.exec_driver_sql(
            "SELECT entry, state FROM events WHERE position IN (SELECT position FROM policies) "
            "ORDER BY position"
        )
        for entry, state in rows:
            event = decode_event(bytes(state))
            if isinstance(event, PolicyAdopted):
                self._adopted.append((entry, event.digest))
        self._parsed: dict[str, Policy] = {}

    def at(self, entry: int) -> Policy:
        """What judged an entry: the pack adopted before it; of the first one, its own."""
        before = bisect_left(self._adopted, entry, key=itemgetter(0))
        digest = self._adopted[max(before, 1) - 1][1]
        if digest not in self._parsed:
            data = self._connection.exec_driver_sql(
                "SELECT data FROM packs WHERE digest = ?", (bytes.fromhex(digest),)
            ).scalar_one()
            self._parsed[digest] = parse_policy(bytes(data))
        return self._parsed[digest]

"""Which events were entered late: what is said to have happened, and when the ledger took it.

An event is late by the rule that asked for a reason then (I-04): the policy in force at its entry
says from how many hours on, and for acts that several sign from how many days. `reason` is the one
given, empty where the law of the ledger asked for none yet; a late event without a reason is not
permitted, and `audit replay` names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from msgspec import Struct, to_builtins
from msgspec.json import Decoder

from domain.ledger import PolicyAdopted
from domain.policy import Policy, parse_policy
from domain.values import Event, later, moment
from ledger.audit.questions.span import Row, Times
from ledger.evidence import decode_event
from ledger.tlog.commit import Entry

if TYPE_CHECKING:
    import sqlalchemy as sa

    from projections.reviewing import Span

RULE: Final = "I-04"
_AT_ONCE: Final = 2_000


def late(connection: sa.Connection, span: Span, *, least_seconds: int | None = None) -> list[Row]:
    """The late events of a span of accepted time, in order of position.

    `least_seconds`: every event that was accepted so many seconds after its claimed time or later,
    instead of what the policy calls late. Reads every event of the span once.
    """
    last = min(span.end - 1, span.entry)
    if span.begin > last:
        return []
    policies = _Policies(connection)
    times = Times(connection)
    found = []
    for position, entry, event in _events(connection, times, span.begin, last):
        accepted = times.at(entry)
        by = _seconds(event.at, accepted)
        if least_seconds is None:
            policy = policies.at(entry)
            if not _is_late(connection, policy, event, entry, accepted):
                continue
        elif by < least_seconds:
            continue
        found.append(_row(policies, position, entry, accepted, event, by))
    return found


def _row(
    policies: _Policies, position: int, entry: int, accepted: str, event: Event, by: int
) -> Row:
    basis = policies.at(entry).rules.get(RULE)
    return {
        "event": event.id, "position": position, "type": str(event.__struct_config__.tag),
        "claimed": event.at, "accepted": accepted, "late_seconds": by, "actor": event.by,
        "role": event.role, "engagement": event.engagement, "reason": event.late_reason or None,
        "rule": RULE, "law": to_builtins(basis.basis) if basis else [],
    }  # fmt: skip


def _seconds(claimed: str, accepted: str) -> int:
    return int((moment(accepted) - moment(claimed)).total_seconds())


def _is_late(
    connection: sa.Connection, policy: Policy, event: Event, entry: int, accepted: str
) -> bool:
    """As `domain.commit` asks: after so many hours, of a joint act after the days it may take."""
    alone, together = policy.limits.late_after_hours, policy.limits.joint_days * 24
    if later(event.at, hours=min(alone, together)) >= accepted:
        return False
    data = connection.exec_driver_sql(
        "SELECT data FROM commits WHERE entry = ?", (entry,)
    ).scalar_one()
    joint = Entry.parse(bytes(data)).commit.note.until is not None
    return later(event.at, hours=together if joint else alone) < accepted


class _Claimed(Struct):
    """Of an event only when it is said to have happened."""

    at: str


_CLAIMED: Final = Decoder(_Claimed)


def _events(
    connection: sa.Connection, times: Times, begin: int, last: int
) -> Iterator[tuple[int, int, Event]]:
    """The events of a range of entries that claim an earlier time, in flat memory."""
    first, end = connection.exec_driver_sql(
        "SELECT (SELECT first FROM commits WHERE entry = ?), "
        "(SELECT first + count FROM commits WHERE entry = ?)", (begin, last),
    ).one()  # fmt: skip
    for start in range(first, end, _AT_ONCE):
        rows = connection.exec_driver_sql(
            "SELECT position, entry, state FROM events WHERE position BETWEEN ? AND ? "
            "ORDER BY position", (start, min(start + _AT_ONCE, end) - 1),
        )  # fmt: skip
        for position, entry, state in rows.all():
            if _CLAIMED.decode(state).at < times.at(entry):  # almost all were said at once
                yield position, entry, decode_event(bytes(state))


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
        before = [digest for adopted, digest in self._adopted if adopted < entry]
        digest = before[-1] if before else self._adopted[0][1]
        if digest not in self._parsed:
            data = self._connection.exec_driver_sql(
                "SELECT data FROM packs WHERE digest = ?", (bytes.fromhex(digest),)
            ).scalar_one()
            self._parsed[digest] = parse_policy(bytes(data))
        return self._parsed[digest]

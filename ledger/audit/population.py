"""What a sample is drawn from: a list of ids that the events alone give, the same for everybody.

A population is computed from the events of the entries up to the one that the audit covers, and
from nothing else. An event counts if its author acts for the audited party, its envelope names the
audited deal (where the audit is about one), and it was accepted in the audit's span (half open).
An access counts as well if whoever gave its grant acts for the audited party.

    events              events that count
    acts                those of one actor
    accesses            record.accessed and record.access_denied
    emergency_accesses  record.accessed with outcome break_glass
    consents            subject.consent_granted, subject.consent_withdrawn,
                        engagement.consent_exempted
    late_entries        events with a late_reason
    grants              grants given before the span's end, and neither over nor revoked before it
    records, holdings   those collected, created before the span's end
    handovers, destructions, backups, rights_requests, disclosures
                        handover-, destruction_case-, backup-, rights- and bundle- streams of which
                        an event counts

The first six are lists of event ids, the others of stream ids. A stratum is the event's topic, a
record's category as collected, the medium of a copy; else there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from domain.access import AccessDenied, AccessGranted, AccessRevoked, RecordAccessed
from domain.actor import ActorRegistered
from domain.audit import AuditOpened
from domain.holding import HoldingCreated
from domain.listing import list_root
from domain.notice import ConsentExempted
from domain.record import RecordCollected
from domain.subject import ConsentGranted, ConsentWithdrawn
from domain.values import Event, topic_of
from ledger.rebuild import batches

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from projections.view import Recorded

STREAMS: Final = {
    "handovers": "handover", "destructions": "destruction_case", "backups": "backup",
    "rights_requests": "rights", "disclosures": "bundle",
}  # fmt: skip
"""The populations of streams, with what their ids begin with."""
_BEFORE: Final = frozenset({"records", "holdings", "grants"})
"""The populations that reach back before the span."""


class Population(NamedTuple):
    """The ids of a population, each with its stratum."""

    members: dict[str, str]

    @property
    def ids(self) -> list[str]:
        """The ids, ascending."""
        return sorted(self.members)

    @property
    def digest(self) -> str:
        """The RFC 6962 root over the ids in ascending order, in hex."""
        return list_root(self.ids)

    @property
    def strata(self) -> dict[str, list[str]]:
        """The ids by stratum."""
        found: dict[str, list[str]] = {}
        for one, stratum in self.members.items():
            found.setdefault(stratum, []).append(one)
        return found


def population(
    log: Connection, order: AuditOpened, code: str, acts_of: str | None = None
) -> Population:
    """What an audit may draw from under a code of `AuditPopulation`; `acts_of`: for `acts`.

    One pass over the events, in flat memory but for the ids found. Raises `VerificationError` for
    an event that cannot be read.
    """
    return populations(log, [Wanted(order, code, acts_of)])[0]


class Wanted(NamedTuple):
    """A population that is asked for: of which audit, of what, and whose acts."""

    order: AuditOpened
    code: str
    acts_of: str | None = None


def populations(log: Connection, wanted: Sequence[Wanted]) -> list[Population]:
    """As `population`, of several audits in one pass over the events that the last of them covers.

    Raises as `population`.
    """
    row = log.exec_driver_sql(
        "SELECT max(position) FROM events WHERE entry <= ?",
        (max(one.order.entry for one in wanted),),
    ).scalar()
    counting = [(one.order.entry, _Counting(*one)) for one in wanted]
    for recorded in chain.from_iterable(batches(log, row or 0)):
        for entry, one in counting:
            if recorded.entry <= entry:
                one.see(recorded)
    return [Population(one.members) for _, one in counting]


def counted(
    events: Iterable[Recorded], order: AuditOpened, code: str, acts_of: str | None = None
) -> Population:
    """As `population`, from the events up to the one that the audit covers, in order."""
    counting = _Counting(order, code, acts_of)
    for recorded in events:
        counting.see(recorded)
    return Population(counting.members)


class _Counting:
    """Goes through the events once and keeps what counts."""

    def __init__(self, order: AuditOpened, code: str, acts_of: str | None) -> None:
        self._order = order
        self._code = code
        self._acts_of = acts_of
        self._parties: dict[str, str] = {}
        self._givers: dict[str, str] = {}
        self._early: dict[str, list[Recorded]] = {}
        self.members: dict[str, str] = {}

    def see(self, recorded: Recorded) -> None:
        event = recorded.event
        if isinstance(event, ActorRegistered):
            self._parties[event.stream] = event.party
            for earlier in self._early.pop(event.stream, ()):
                self.see(earlier)
        elif isinstance(event, AccessGranted):
            self._givers[event.stream] = event.by
        if event.by not in self._parties:  # entry 0 registers its own author
            self._early.setdefault(event.by, []).append(recorded)
            return
        if self._ended(recorded):
            self.members.pop(event.stream, None)
        elif self._counts(recorded) and (found := _member(self._code, event)) is not None:
            self.members[found[0]] = found[1]

    def _counts(self, recorded: Recorded) -> bool:
        order, event = self._order, recorded.event
        if recorded.accepted >= order.period_to:
            return False
        if recorded.accepted < order.period_from and self._code not in _BEFORE:
            return False
        if order.scope_engagement and event.engagement != order.scope_engagement:
            return False
        if self._acts_of is not None and event.by != self._acts_of:
            return False
        if self._parties.get(event.by) != order.scope_party and not self._by_grant(event):
            return False
        return not isinstance(event, AccessGranted) or event.ends >= order.period_from

    def _by_grant(self, event: Event) -> bool:
        """Whether an access was under a grant of the audited party's."""
        if not isinstance(event, RecordAccessed | AccessDenied):
            return False
        giver = self._givers.get(event.grant or "", "")
        return self._parties.get(giver) == self._order.scope_party

    def _ended(self, recorded: Recorded) -> bool:
        """Whether a grant was revoked before the span."""
        return (
            self._code == "grants"
            and isinstance(recorded.event, AccessRevoked)
            and recorded.accepted < self._order.period_from
        )


def _member(code: str, event: Event) -> tuple[str, str] | None:
    """What an event that counts adds to a population, with its stratum."""
    if (prefix := STREAMS.get(code)) is not None:
        return (event.stream, prefix) if event.stream.startswith(f"{prefix}-") else None
    if code in _BEFORE:
        return _brought_in(code, event)
    return (event.id, topic_of(event)) if _ASKED[code](event) else None


def _brought_in(code: str, event: Event) -> tuple[str, str] | None:
    if code == "records" and isinstance(event, RecordCollected):
        return event.stream, event.category
    if code == "holdings" and isinstance(event, HoldingCreated):
        return event.stream, event.medium
    if code == "grants" and isinstance(event, AccessGranted):
        return event.stream, "grant"
    return None


_ASKED: Final[dict[str, Callable[[Event], bool]]] = {
    "events": lambda _: True,
    "acts": lambda _: True,
    "accesses": lambda event: isinstance(event, RecordAccessed | AccessDenied),
    "emergency_accesses": lambda event: (
        isinstance(event, RecordAccessed) and event.outcome == "break_glass"
    ),
    "consents": lambda event: isinstance(
        event, ConsentGranted | ConsentWithdrawn | ConsentExempted
    ),
    "late_entries": lambda event: bool(event.late_reason),
}

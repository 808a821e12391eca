"""Was everything done, entered and answered in time: accepted times, claims, clocks, deadlines.

Times of acts are read in one pass over the log, in flat memory: the database gives only the events
that claim another day than the one on which they were accepted, or a later time. What the bytes
themselves contradict (a clock that went back, an accepted time outside what time-stamps prove) is a
finding of chapter `genuine`; what a rule refuses is one of `permitted`, too. Deadlines are asked of
the registers, up to `scope.now`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from domain.actor import ActorKeyCompromised
from domain.handover import HandoverReceived, HandoverReleased, HandoverState
from domain.values import later, topic_of
from ledger.audit.catalogue import raised
from ledger.audit.checks.located import located
from ledger.audit.checks.parts import Part, looked
from ledger.audit.finding import Finding, Gap
from ledger.audit.scope import Scope
from ledger.evidence import decode_event
from projections import access, certificates, handovers, rights
from projections.tables import keys
from projections.view import key_of

_AT_ONCE: Final = 500
_ROWS: Final = 5_000
_NAMED: Final = 8
_HOURS_A_DAY: Final = 24


def check(scope: Scope) -> Iterator[Finding | Gap]:
    """What is late, and what was entered at a time that it cannot have happened at."""
    yield from located(scope, looked("timely", _PARTS, scope))


# -- what signers claim, and what the ledger's clock says ---------------------------------------


class _Claim(Struct):
    """Of an event, no more than when it is said to have happened."""

    stream: str
    version: int
    at: str
    late_reason: str | UnsetType = UNSET


class _Suspect(NamedTuple):
    """An event that claims another day than that of its acceptance, or a later time."""

    position: int
    entry: int
    accepted: str
    joint: bool
    claim: _Claim


# Keys are sorted, and none before `at` holds a struct with one: the first is the event's own.
_CLAIMED: Final = (
    "SELECT e.position, e.entry, substr(c.data, 10, 24), "
    "instr(c.data, CAST(char(10) || 'until ' AS BLOB)) > 0, e.state "
    "FROM commits c JOIN events e ON e.position BETWEEN c.first AND c.first + c.count - 1 "
    "WHERE c.entry BETWEEN ? AND ? AND "
    'substr(e.state, instr(e.state, CAST(\'"at":"\' AS BLOB)) + 6, 24) '
    "NOT BETWEEN substr(c.data, 10, ?) AND substr(c.data, 10, 24) ORDER BY e.position"
)
_DAY: Final = len("2026-11-22T")
_MILLISECOND: Final = len("2026-11-22T08:00:00.000Z")
"""So much of the accepted time is compared: what lies on the same day before it is not late."""


_NEXT_DAY: Final = (
    "SELECT c.entry, c.first, substr(c.data, 10, 24), substr(b.data, 10, 24) "
    "FROM commits c JOIN commits b ON b.entry = c.entry - 1 WHERE c.entry BETWEEN ? AND ? "
    "AND substr(c.data, 10, 10) <> substr(b.data, 10, 10) ORDER BY c.entry"
)


def _suspects(scope: Scope) -> Iterator[_Suspect]:
    decode = msgspec.json.Decoder(_Claim).decode
    a_day = scope.policy.limits.late_after_hours >= _HOURS_A_DAY
    asked = (scope.since, scope.entry, _DAY if a_day else _MILLISECOND)
    for part in scope.log.exec_driver_sql(_CLAIMED, asked).partitions(_ROWS):
        for position, entry, accepted, joint, state in part:
            try:
                claim = decode(bytes(state))
            except msgspec.MsgspecError:
                continue  # what is no event is named in chapter `genuine`
            told = bytes(accepted).decode("ascii", "replace")
            yield _Suspect(position, entry, told, bool(joint), claim)


def claims(scope: Scope) -> Iterator[Finding]:
    """One finding for each entry, reason and kind: a folder collected late is one thing."""
    for _, suspects in groupby(_suspects(scope), key=attrgetter("entry")):
        found: dict[tuple[str, str], list[_Suspect]] = {}
        for one in suspects:
            if (code := _wrong(scope, one)) is not None:
                found.setdefault((code, one.claim.late_reason or ""), []).append(one)
        for (code, reason), those in found.items():
            yield _claimed(scope, code, reason, those)


def _wrong(scope: Scope, one: _Suspect) -> str | None:
    limits, claim = scope.policy.limits, one.claim
    try:
        if claim.at > later(one.accepted, seconds=limits.clock_skew_seconds):
            return "claimed_in_future"
        if later(claim.at, hours=_hours(scope, one)) >= one.accepted:
            return None
    except ValueError:
        return None  # no time at all: a rule refuses it
    return "late_unexplained" if claim.late_reason is UNSET else "late_entry"


def _hours(scope: Scope, one: _Suspect) -> int:
    """How late an act may be entered; gathering signatures is not lateness."""
    limits = scope.policy.limits
    return limits.joint_days * _HOURS_A_DAY if one.joint else limits.late_after_hours


def _claimed(scope: Scope, code: str, reason: str, those: list[_Suspect]) -> Finding:
    first = those[0]
    earliest = min(one.claim.at for one in those)
    due = "" if code == "claimed_in_future" else later(earliest, hours=_hours(scope, first))
    return raised(
        code, position=first.position, entry=first.entry, detail=reason,
        subject=first.claim.stream,
        evidence=tuple(f"{o.claim.stream}/{o.claim.version}" for o in those[:_NAMED]),
        since=earliest, due=due, actual=first.accepted, cause=f"events: {len(those)}",
    )  # fmt: skip


def _clock(scope: Scope) -> Iterator[Finding]:
    """Jumps of the accepted time, and how much no time-stamp covers."""
    days = scope.policy.limits.clock_forward_days
    for entry, first, data, earlier in scope.log.exec_driver_sql(
        _NEXT_DAY, (scope.since, scope.entry)
    ):
        accepted, before = (bytes(one).decode("ascii", "replace") for one in (data, earlier))
        if accepted > (due := _on(before, days)):
            yield raised(
                "clock_jumped", position=first, entry=entry, since=before, due=due, actual=accepted
            )
    yield from _unanchored(scope)


def _on(time: str, days: int) -> str:
    try:
        return later(time, days=days)
    except ValueError:
        return time


def _unanchored(scope: Scope) -> Iterator[Finding]:
    covered = scope.log.exec_driver_sql("SELECT max(size) FROM anchors").scalar() or 0
    first = max(int(covered), scope.since)
    if scope.entry >= first:
        position = scope.log.exec_driver_sql(
            "SELECT first FROM commits WHERE entry = ?", (first,)
        ).scalar()
        yield raised(
            "entries_unanchored", position=position, entry=first,
            actual=str(scope.entry - first + 1), cause="entries after the last time-stamp",
        )  # fmt: skip


# -- keys that were reported ------------------------------------------------------------------


def _compromised(scope: Scope) -> Iterator[Finding]:
    """One finding for each key reported: how many acts it signed in the time in doubt."""
    query = keys.select().where(keys.c.condition == "compromised").order_by(keys.c.name, keys.c.id)
    for key in scope.scratch.execute(query):
        reported = key.changed_entry
        if reported < scope.since or not key.suspected_since:
            continue
        signed = _signed_by(scope, key.name, key.id, key.suspected_since, reported)
        if signed:
            evidence = (*_report_of(scope, key.holder), *(f"entry:{e}" for e, _ in signed[:_NAMED]))
            yield raised(
                "compromise_window", position=signed[0][1], entry=signed[0][0],
                subject=key.holder, evidence=evidence, since=key.suspected_since,
                actual=scope.facts.accepted_at(reported),
                cause=f"acts signed in the window: {len(signed)}",
            )  # fmt: skip


def _signed_by(
    scope: Scope, name: str, key_id: str, since: str, reported: int
) -> list[tuple[int, int]]:
    """Entry and first position of what a key signed, accepted from a time up to its report."""
    line = f"\nsigner {name} {key_id} ".encode()
    query = (
        "SELECT entry, first FROM commits WHERE entry < ? AND substr(data, 10, 24) >= ? "
        "AND instr(data, ?) > 0 AND instr(data, ?) = 0 ORDER BY entry"
    )
    asked = (reported, since.encode("ascii"), line, line + b"possession\n")
    rows = scope.log.exec_driver_sql(query, asked)
    return [(entry, first) for entry, first in rows]


def _report_of(scope: Scope, holder: str) -> Iterator[str]:
    """The events that report a key of a holder."""
    query = "SELECT state FROM events WHERE stream = ? ORDER BY version"
    for (state,) in scope.scratch.exec_driver_sql(query, (key_of(holder),)):
        event = decode_event(bytes(state))
        if isinstance(event, ActorKeyCompromised):
            yield event.id


# -- deadlines --------------------------------------------------------------------------------


def _emergencies(scope: Scope) -> Iterator[Finding]:
    """Emergency accesses that nobody went through within the policy's hours (I-15)."""
    hours = scope.policy.deadlines.break_glass_review_hours
    reviews: list[access.Review] | None = None
    after = None
    while found := access.listed(scope.scratch, outcome="break_glass", limit=_AT_ONCE, after=after):
        after = found[-1].position
        reviews = _reviews(scope) if reviews is None else reviews
        for one in found:
            inside = (
                scope.facts.accepted_at(review.entry)
                for review in reviews
                if review.engagement == one.engagement
                and review.period_from <= one.accepted < review.period_to
            )
            reviewed, due = min(inside, default=""), later(one.accepted, hours=hours)
            if (reviewed or scope.now) > due and _is_new(scope, one.entry, reviewed):
                yield raised(
                    "break_glass_unreviewed", position=one.position, entry=one.entry,
                    subject=one.actor, evidence=(one.record,), since=one.accepted, due=due,
                    actual=reviewed,
                )  # fmt: skip


def _reviews(scope: Scope) -> list[access.Review]:
    found: list[access.Review] = []
    after = None
    while portion := access.reviewed(scope.scratch, limit=_AT_ONCE, after=after):
        found += portion
        after = portion[-1].position
    return found


def _is_new(scope: Scope, entry: int, settled: str) -> bool:
    """Whether something settled late is of this replay; what is still open is told every time."""
    return not settled or entry >= scope.since


def _requests(scope: Scope) -> Iterator[Finding]:
    """Persons' requests that were not answered by their day, or only later (I-38)."""
    after = None
    while found := rights.listed(scope.scratch, limit=_AT_ONCE, after=after):
        after = found[-1].rights
        for one in found:
            answered = "" if one.open else scope.facts.accepted_at(one.answered_entry or 0)
            day = scope.policy.calendar.day_of(answered or scope.now)
            if day > one.due_at and (one.open or (one.answered_entry or 0) >= scope.since):
                yield raised(
                    "rights_overdue" if one.open else "rights_answered_late",
                    entry=one.received_entry, subject=one.rights, detail=one.request,
                    evidence=(f"{one.rights}/1",), since=one.received_at, due=one.due_at,
                    actual=answered,
                )  # fmt: skip


def _inspections(scope: Scope) -> Iterator[Finding]:
    """Lists received, neither faulted nor deemed accepted after the agreed time (I-40)."""
    after = None
    while found := handovers.listed(scope.scratch, limit=_AT_ONCE, after=after):
        after = found[-1].handover
        for one in found:
            if one.step != "received" or one.deemed_accepted_entry is not None:
                continue
            end = later(one.received_at or scope.now, days=one.inspection_days or 0)
            if scope.now > end and (items := _unsaid(scope, one.handover)):
                yield raised(
                    "deemed_acceptance_missing", entry=one.received_entry, subject=one.handover,
                    evidence=tuple(items[:_NAMED]), since=one.received_at or "", due=end,
                    actual=str(len(items)),
                )  # fmt: skip


def _unsaid(scope: Scope, handover: str) -> list[str]:
    """The items of a list that silence has accepted: the buyer never spoke about them."""
    state = scope.facts.load([handover]).get(handover)
    if not isinstance(state, HandoverState) or not state.may_be_deemed:
        return []
    return state.unsaid


def _plans(scope: Scope) -> Iterator[Finding]:
    """Releases and receipts on another day than planned, without a word on why."""
    after = None
    while found := handovers.listed(scope.scratch, limit=_AT_ONCE, after=after):
        after = found[-1].handover
        for one in found:
            for step in ("released", "received"):
                if (entry := one.steps.get(step)) is not None and entry >= scope.since:
                    yield from _off_plan(scope, one, entry)


def _off_plan(scope: Scope, one: handovers.Handover, entry: int) -> Iterator[Finding]:
    query = "SELECT position, state FROM events WHERE stream = ? AND entry = ? ORDER BY version"
    for position, state in scope.scratch.exec_driver_sql(query, (key_of(one.handover), entry)):
        event = decode_event(bytes(state))
        if not isinstance(event, HandoverReleased | HandoverReceived):
            continue
        done = event.released_at if isinstance(event, HandoverReleased) else event.received_at
        day = scope.policy.calendar.day_of(done)
        if not one.first_day <= day <= one.last_day and event.off_plan is UNSET:
            yield raised(
                "handover_off_plan", position=position, entry=entry, subject=one.handover,
                detail=topic_of(type(event)), evidence=(event.id,), since=one.first_day,
                due=one.last_day, actual=done,
            )  # fmt: skip


def _approvals(scope: Scope) -> Iterator[Finding]:
    """Cases that were approved and not executed before the approval ran out (I-27)."""
    days = scope.policy.deadlines.destruction_approval_days
    after = None
    while found := certificates.listed(scope.scratch, limit=_AT_ONCE, after=after):
        after = found[-1].case
        for one in found:
            over = (one.rejected_entry, one.executed_entry, one.certified_entry)
            if one.approved_entry is None or any(step is not None for step in over):
                continue
            approved = scope.facts.accepted_at(one.approved_entry)
            if scope.now > (due := later(approved, days=days)):
                yield raised(
                    "approval_expired", entry=one.approved_entry, subject=one.case,
                    since=approved, due=due,
                )  # fmt: skip


_PARTS: Final[Mapping[str, Part]] = {
    "claims": claims,
    "clock": _clock,
    "compromised_keys": _compromised,
    "emergencies": _emergencies,
    "requests": _requests,
    "inspections": _inspections,
    "plans": _plans,
    "approvals": _approvals,
}

"""The findings of an audit with what became of each: answered, remedied, verified.

A finding is closed by a remediation that was verified as effective; a later one that was not opens
it again, as `domain.audit` folds it. What earlier audits of the same party found, and is still
there, is followed up by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from domain.audit import (
    AuditFindingAnswered,
    AuditFindingRaised,
    AuditOpened,
    AuditRemediationRecorded,
    AuditRemediationVerified,
)
from ledger.audit.report.data import Answer, Previous, Raised, Remedy
from projections import audits

if TYPE_CHECKING:
    import sqlalchemy as sa

    from domain.values import Event
    from ledger.audit.report.data import State


def previous(connection: sa.Connection, order: AuditOpened) -> tuple[Previous, ...]:
    """What earlier audits of the same party found and was not closed when this one was opened.

    As of the last entry that the audit covers; by audit, oldest first, and number.
    """
    entry = order.entry
    return tuple(
        Previous(
            audit=audit.audit, opened=audit.opened_at, number=one.finding,
            event=f"{audit.audit}/{one.version}", chapter=one.chapter, severity=one.severity,
            rule=one.rule or "", code=one.code or "", owner=one.owner, due=one.due,
            state=cast("State", one.state),
        )
        for audit in sorted(
            audits.of_party(connection, order.scope_party, entry=entry),
            key=lambda one: (one.opened_entry, one.audit),
        )
        if audit.audit != order.stream
        for one in audits.findings(connection, audit.audit, entry=entry)
        if one.closed_entry is None
    )  # fmt: skip


def findings(events: Iterable[tuple[str, Event]]) -> tuple[Raised, ...]:
    """The findings that the events of one audit tell of, by number.

    `events`: when each was accepted, and the event, in their order.
    """
    found: dict[int, Raised] = {}
    for accepted, event in events:
        if isinstance(event, AuditFindingRaised):
            found[event.finding] = _raised(event)
        elif isinstance(event, AuditFindingAnswered):
            one = found[event.finding]
            state = "answered" if one.state == "open" else one.state
            said = Answer(event.id, event.by, accepted, event.response, event.by == one.owner)
            found[event.finding] = replace(one, state=state, answers=(*one.answers, said))
        elif isinstance(event, AuditRemediationRecorded):
            one = found[event.finding]
            remedy = Remedy(event.id, event.by, event.done_at, tuple(event.evidence), "", "", "")
            state = one.state if one.state == "closed" else "remedied"
            found[event.finding] = replace(one, state=state, remedies=(*one.remedies, remedy))
        elif isinstance(event, AuditRemediationVerified):
            found[event.finding] = _verified(found[event.finding], event)
    return tuple(found[number] for number in sorted(found))


def _raised(event: AuditFindingRaised) -> Raised:
    return Raised(
        number=event.finding, event=event.id, chapter=event.chapter, severity=event.severity,
        rule=event.rule or "", code=event.code or "", sample=event.sample or None,
        evidence=tuple(event.evidence), owner=event.owner, due=event.due, state="open",
        answers=(), remedies=(),
    )  # fmt: skip


def _verified(one: Raised, event: AuditRemediationVerified) -> Raised:
    """The last remediation is the one that was looked at."""
    *earlier, last = one.remedies
    done = replace(last, verified=event.id, verified_by=event.by, outcome=event.outcome)
    state = "closed" if event.outcome == "effective" else "ineffective"
    return replace(one, state=state, remedies=(*earlier, done))

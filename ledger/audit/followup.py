"""The findings of an audit with what became of each: answered, remedied, verified.

A finding is closed by a remediation that was verified as effective; a later one that was not opens
it again, as `domain.audit` folds it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from domain.audit import (
    AuditFindingAnswered,
    AuditFindingRaised,
    AuditRemediationRecorded,
    AuditRemediationVerified,
)
from ledger.audit.compliance_data import Raised, Remedy

if TYPE_CHECKING:
    from domain.values import Event


def findings(events: Iterable[Event]) -> tuple[Raised, ...]:
    """The findings that the events of one audit tell of, by number."""
    found: dict[int, Raised] = {}
    for event in events:
        if isinstance(event, AuditFindingRaised):
            found[event.finding] = _raised(event)
        elif isinstance(event, AuditFindingAnswered):
            one = found[event.finding]
            state = "answered" if one.state == "open" else one.state
            found[event.finding] = replace(
                one, state=state, response=event.response, answered=event.id
            )
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
        response="", answered="", remedies=(),
    )  # fmt: skip


def _verified(one: Raised, event: AuditRemediationVerified) -> Raised:
    """The last remediation is the one that was looked at."""
    *earlier, last = one.remedies
    done = replace(last, verified=event.id, verified_by=event.by, outcome=event.outcome)
    state = "closed" if event.outcome == "effective" else "answered" if one.answered else "open"
    return replace(one, state=state, remedies=(*earlier, done))

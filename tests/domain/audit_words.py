"""Audits told in the trade's words: opened, sampled, found, answered, set right, reported."""

from __future__ import annotations

from typing import Any

from domain.audit import (
    AuditFindingAnswered,
    AuditFindingRaised,
    AuditOpened,
    AuditRemediationRecorded,
    AuditRemediationVerified,
    AuditReportIssued,
    AuditSampleDrawn,
)
from domain.listing import list_root
from tests.domain.worlds import SEALED, Person, Said

BEGAN = "2026-11-21T09:00:00.000Z"
ENDED = "2026-11-21T09:01:00.000Z"
DUE = "2027-03-31"


def open_audit(audit: str, lead: Person, party: str, **fields: Any) -> Said:
    """An internal audit by `lead` of `party`, over the first minute of the ledger."""
    form = {
        "kind": "internal", "lead": lead.actor, "scope_party": party, "period_from": BEGAN,
        "period_to": ENDED, "entry": 1, "root": "1" * 64, "consecutive": 1, "sealed": SEALED,
    }  # fmt: skip
    return Said(AuditOpened, audit, {**form, **fields})


def draw(audit: str, *drawn: str, **fields: Any) -> Said:
    """A first sample of all events: these of a population of 1,000."""
    form = {
        "number": 1, "population": "events", "count": 1000, "digest": "2" * 64, "seed": "3" * 32,
        "sample_size": len(drawn), "drawn_digest": list_root(sorted(drawn)),
        "drawn": sorted(drawn),
    }  # fmt: skip
    return Said(AuditSampleDrawn, audit, {**form, **fields})


def raise_finding(audit: str, owner: Person, *evidence: str, **fields: Any) -> Said:
    form = {
        "finding": 1, "chapter": "permissions", "severity": "high", "evidence": list(evidence),
        "owner": owner.actor, "due": DUE, "sealed": SEALED,
    }  # fmt: skip
    return Said(AuditFindingRaised, audit, {**form, **fields})


def answer(audit: str, **fields: Any) -> Said:
    form = {"finding": 1, "response": "accepted", "sealed": SEALED}
    return Said(AuditFindingAnswered, audit, {**form, **fields})


def remediate(audit: str, *evidence: str, **fields: Any) -> Said:
    form = {"finding": 1, "done_at": BEGAN, "evidence": list(evidence), "sealed": SEALED}
    return Said(AuditRemediationRecorded, audit, {**form, **fields})


def verify_remediation(audit: str, outcome: Any = "effective", **fields: Any) -> Said:
    return Said(AuditRemediationVerified, audit, {"finding": 1, "outcome": outcome, **fields})


def issue_report(audit: str, **fields: Any) -> Said:
    """An unqualified report over the first two entries, without a finding."""
    form = {
        "report": "4" * 64, "opinion": "unqualified", "open": 0, "closed": 0, "replay": "5" * 64,
        "checkpoint": 2, "root": "6" * 64,
    }  # fmt: skip
    return Said(AuditReportIssued, audit, {**form, **fields})

"""The chapters of a compliance report: which events tell of each, and which rules guard it.

The chapters are those of the compliance audit of personal information (C.4.7), with two of the
ledger's own. A chapter of which the ledger holds nothing is not a good one: it cannot be known. A
rule belongs to the first chapter that names it.

>>> chapter_of("I-28"), chapter_of("I-01"), chapter_of("")
('destruction', 'ledger', 'ledger')
>>> CHAPTERS["automated_decisions"].topics
()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.codes import ENUMERATIONS


class Chapter(NamedTuple):
    """What tells of a chapter.

    `topics`: of events; `rules`: `I-NN`; `sensitivity`: of records that concern it, whether or not
    any event of these topics is there.
    """

    topics: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    sensitivity: str = ""


CHAPTERS: Final[Mapping[str, Chapter]] = {
    "legal_basis": Chapter(("record.collected", "engagement.consent_exempted"), ("I-10",)),
    "notice": Chapter(("notice.issued", "notice.delivered"), ("I-14",)),
    "consent": Chapter(
        ("subject.consent_granted", "subject.consent_withdrawn", "subject.suppressed",
         "engagement.consent_exempted"), ("I-39", "I-42"),
    ),
    "sensitive_pi": Chapter((), (), "sensitive_pi"),
    "minors": Chapter((), (), "minor_pi"),
    "processors": Chapter(
        ("engagement.nda_signed", "engagement.nda_terminated", "document.attached",
         "engagement.copies_disposed", "bundle.exported"), ("I-13", "I-22", "I-32"),
    ),
    "transfer": Chapter(
        ("handover.planned", "handover.list_frozen", "handover.released", "handover.received",
         "handover.inspected", "handover.discrepancy_raised", "handover.discrepancy_resolved",
         "handover.deemed_accepted", "handover.confirmed", "handover.residual_declared",
         "handover.cancelled", "engagement.tracking_checked",
         "engagement.credentials_reregistered", "engagement.closed"),
        ("I-21", "I-23", "I-24", "I-40", "I-41"),
    ),
    "cross_border": Chapter((), ("I-25",)),
    "automated_decisions": Chapter(),
    "rights_requests": Chapter(
        ("rights.request_received", "rights.requester_identity_verified",
         "rights.request_decided", "rights.request_fulfilled", "rights.request_closed"),
        ("I-38",),
    ),
    "deletion": Chapter(
        ("record.purpose_ended", "record.processing_restricted", "record.restriction_lifted",
         "record.anonymized"), ("I-33", "I-34"),
    ),
    "permissions": Chapter(
        ("grant.access_granted", "grant.access_revoked", "record.accessed",
         "record.access_denied", "engagement.access_reviewed", "actor.role_granted",
         "actor.role_revoked"), ("I-03", "I-07", "I-09", "I-15", "I-16"),
    ),
    "training": Chapter(("actor.training_completed",), ("I-08",)),
    "incidents": Chapter(("actor.key_compromised",), ("I-37",)),
    "pipia": Chapter(("engagement.pipia_completed",), ("I-17",)),
    "retention": Chapter(
        ("record.retention_assigned", "record.archived", "hold.legal_hold_placed",
         "hold.legal_hold_released"), ("I-12", "I-26"),
    ),
    "backup": Chapter(
        ("backup.created", "backup.verified", "backup.stored_offsite",
         "backup.restore_drill_performed", "backup.restored", "backup.expired"),
        ("I-19", "I-20"),
    ),
    "destruction": Chapter(
        ("destruction_case.destruction_proposed", "destruction_case.disposal_appraised",
         "destruction_case.destruction_approved", "destruction_case.destruction_rejected",
         "destruction_case.destruction_executed", "destruction_case.destruction_verified",
         "destruction_case.destruction_failed", "destruction_case.destruction_certified"),
        ("I-27", "I-28", "I-29", "I-30", "I-35", "I-36"),
    ),
    "custody": Chapter(
        ("record.verified", "record.classified", "record.reclassified", "record.corrected",
         "record.digitized", "holding.created", "holding.moved", "holding.returned",
         "holding.lost"), ("I-11", "I-18"),
    ),
    "ledger": Chapter(
        ("ledger.initialized", "ledger.key_rotated", "ledger.timestamp_anchored",
         "ledger.replica_compared", "ledger.index_published", "policy.adopted",
         "actor.key_enrolled", "actor.key_rotated", "actor.key_revoked"),
        ("I-01", "I-02", "I-04", "I-05", "I-06", "I-31"),
    ),
}  # fmt: skip
"""By code (`AuditChapter`), in the order of a report."""
assert tuple(CHAPTERS) == ENUMERATIONS["AuditChapter"].codes


def chapter_of(rule: str) -> str:
    """The chapter that a rule belongs to; what has no rule is about the ledger itself."""
    return next((code for code, one in CHAPTERS.items() if rule in one.rules), "ledger")

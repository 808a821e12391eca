"""One guard for every path that destroys: a hold stops each of them, whatever it was placed on."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec import UNSET

from domain import TOPICS
from domain.anonymization import RecordAnonymized
from domain.backup import BackupExpired
from domain.destruction import DestructionApproved, DestructionExecuted, DestructionProposed
from domain.keycopy import SHREDDING, KeyCopyCleared, KeyCopyDestroyed
from domain.values import Event, SealedRef
from tests.domain.estates import Estate
from tests.domain.words import (
    anonymize,
    approve,
    clear_key_copy,
    destroy_key_copy,
    execute,
    expire_backup,
    place_hold,
    propose,
    register_key_copy,
)
from tests.domain.worlds import (
    SEALED,
    Person,
    Said,
    classify,
    collect,
    create_holding,
    retain,
)

Attempt = tuple[Person, str, tuple[Said, ...]]


class Doomed:
    """A record that everything permits to destroy, with a backup and keys of its own."""

    def __init__(self) -> None:
        self.estate = estate = Estate.open()
        self.copy, self.record = estate.new("holding"), estate.new("record")
        self.keys = [estate.new("key"), estate.new("key")]
        where, what = (
            {"sealed": SealedRef(key=key, root="0" * 64, digest="1" * 64)} for key in self.keys
        )
        self.said(estate.wang, "collector", create_holding(self.copy, estate.party, **where),
                  collect(self.record, self.copy, **what))  # fmt: skip
        self.said(estate.wang, "archivist", classify(self.record))
        kept = retain(estate.record(self.record), day="2001-01-31")
        self.said(estate.wang, "archivist", kept)
        self.backup, (self.backed_up,) = estate.copied(self.copy)

    def said(self, who: Person, role: Any, *said: Said) -> None:
        self.estate.does(who, role, *said)

    @property
    def both(self) -> list[str]:
        return [self.copy, self.backed_up]


def proposing(doomed: Doomed) -> Attempt:
    case = doomed.estate.new("destruction_case")
    return doomed.estate.wang, "archivist", (propose(case, doomed.both),)


def approving(doomed: Doomed) -> Attempt:
    case = doomed.estate.appraised(*doomed.both)
    return doomed.estate.li, "approver", (approve(case, doomed.both),)


def executing(doomed: Doomed) -> Attempt:
    case = doomed.estate.approved(*doomed.both)
    return doomed.estate.chen, "destruction_operator", (execute(case, doomed.both),)


def shredding(doomed: Doomed) -> Attempt:
    """The keys with the copies; for them alone there is no other event."""
    case = doomed.estate.approved(*doomed.both)
    said = execute(case, doomed.both, keys=doomed.keys)
    return doomed.estate.chen, "destruction_operator", (said,)


def expiring(doomed: Doomed) -> Attempt:
    return doomed.estate.wang, "custodian", (expire_backup(doomed.backup, doomed.backed_up),)


def clearing(doomed: Doomed) -> Attempt:
    """A copy of the keystore that was out of reach when the case was executed."""
    estate = doomed.estate
    copy = estate.new("keycopy")
    said = register_key_copy(copy, estate.party, doomed.keys[-1])
    doomed.said(estate.wang, "custodian", said)
    case = estate.approved(*doomed.both)
    executed = execute(case, doomed.both, keys=doomed.keys)
    doomed.said(estate.chen, "destruction_operator", executed)
    return estate.chen, "destruction_operator", (clear_key_copy(copy, *doomed.keys),)


def anonymising(doomed: Doomed) -> Attempt:
    estate = doomed.estate
    content, copy = estate.new("record"), estate.new("holding")
    made = collect(content, copy, basis="not_personal", notice="not_applicable")
    doomed.said(estate.wang, "collector", create_holding(copy, estate.party), made)
    doomed.said(estate.wang, "archivist", classify(content, sensitivity="anonymized"))
    return estate.wang, "custodian", (anonymize(content, doomed.copy),)


PATHS: Final[dict[type[Event], tuple[Callable[[Doomed], Attempt], ...]]] = {
    DestructionProposed: (proposing,),
    DestructionApproved: (approving,),
    DestructionExecuted: (executing, shredding),
    BackupExpired: (expiring,),
    KeyCopyCleared: (clearing,),
    RecordAnonymized: (anonymising,),
}
"""Every event that destroys, decides on it, or puts an end to what tells people apart."""
HARMLESS: Final = frozenset({
    "AccessDenied", "AccessGranted", "AccessReviewed", "AccessRevoked", "ActorKeyCompromised",
    "ActorKeyEnrolled", "ActorKeyRevoked", "ActorKeyRotated", "ActorRegistered",
    "AuditFindingAnswered", "AuditFindingRaised", "AuditOpened", "AuditRemediationRecorded",
    "AuditRemediationVerified", "AuditReportIssued", "AuditSampleDrawn", "BackupCreated",
    "BackupRestored", "BackupStoredOffsite", "BackupVerified", "BundleApproved",
    "BundleExported", "BundleRequested", "CertificateIssued",
    "CertificateSuperseded", "ConsentExempted", "ConsentGranted", "ConsentWithdrawn",
    "CopiesDisposed", "CredentialsReregistered", "DestructionCertified", "DestructionFailed",
    "DestructionRejected", "DestructionVerified", "DisposalAppraised", "DocumentAttached",
    "DraftVoided", "EngagementClosed", "EngagementOpened", "EvidenceAgreementSigned",
    "HandoverCancelled", "HandoverConfirmed", "HandoverDeemedAccepted",
    "HandoverDiscrepancyRaised", "HandoverDiscrepancyResolved", "HandoverHandlerReplaced",
    "HandoverInspected",
    "HandoverListFrozen", "HandoverPlanned", "HandoverReceived", "HandoverReleased",
    "HandoverResidualDeclared", "HoldingCreated", "HoldingLost", "HoldingMoved", "HoldingReturned",
    "KeyCopyRegistered", "LedgerBundleImported", "LedgerIndexPublished", "LedgerInitialized",
    "LedgerKeyRotated", "LedgerReplicaCompared", "LedgerTimestampAnchored",
    "LegalHoldPlaced", "LegalHoldReleased", "MediumRegistered",
    "NdaSigned", "NdaTerminated", "NoticeDelivered", "NoticeIssued", "PartyRegistered",
    "PeopleIndexed",
    "PipiaCompleted", "PolicyAdopted", "ProcessingRestricted", "PurposeEnded", "RecordAccessed",
    "RecordArchived", "RecordClassified", "RecordCollected", "RecordCorrected", "RecordDigitized",
    "RecordReclassified", "RecordVerified", "RequesterIdentityVerified", "RestoreDrillPerformed",
    "RestrictionLifted", "RetentionAssigned", "RightsRequestClosed", "RightsRequestDecided",
    "RightsRequestFulfilled", "RightsRequestReceived", "RoleGranted", "RoleRevoked",
    "SubjectFound", "SubjectSuppressed", "TrackingChecked", "TrainingCompleted",
})  # fmt: skip
"""Every other event: what it says neither ends a copy or a key, nor decides that one ends."""
EVERY: Final = [path for paths in PATHS.values() for path in paths]


def held_by(doomed: Doomed, what: str) -> str:
    """A hold that covers it, on a court's order."""
    hold = doomed.estate.new("hold")
    thing = {"record": doomed.record, "copy": doomed.copy, "engagement": doomed.estate.routine}
    counsel = doomed.estate.hire("counsel")
    doomed.said(counsel, "counsel", place_hold(hold, thing[what], sealed=SEALED))
    return hold


@pytest.mark.parametrize("what", ["record", "copy", "engagement"])
@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.__name__)
def test_a_hold_stops_every_path(path: Callable[[Doomed], Attempt], what: str) -> None:
    doomed = Doomed()
    who, role, said = path(doomed)
    beside = {"beside": [(doomed.estate.li, "approver")]} if path is anonymising else {}
    free = doomed.estate.judge(who, role, *said, **beside)
    assert free == [], "without a hold nothing stands in the way"
    hold = held_by(doomed, what)
    refusals = doomed.estate.refusals(who, role, *said, **beside)
    assert ("I-28", "hold_in_force") in {(r.rule, r.detail) for r in refusals}
    assert hold in {blocking for r in refusals for blocking in r.blocking}


def test_no_other_event_ends_a_copy_or_a_key() -> None:
    """Whoever adds a way to destroy must put it on the list above."""
    assert ending("destroyed") == {"DestructionExecuted", "BackupExpired"}
    assert {kind.__name__ for kind in SHREDDING} == ending("destroyed")
    assert ending("destroyed") <= {kind.__name__ for kind in PATHS}


def test_every_event_either_destroys_or_is_known_not_to() -> None:
    """A new event is harmless only once somebody has written here that it is."""
    named = {kind.__name__ for kind in PATHS} | {KeyCopyDestroyed.__name__}
    assert named.isdisjoint(HARMLESS)
    assert {kind.__name__ for kind in TOPICS.values()} == named | HARMLESS


def test_a_copy_of_keys_goes_as_a_whole_and_the_keystore_never_does() -> None:
    """No key is gone by it while the keystore has it: a hold is on what the keystore opens."""
    doomed = Doomed()
    estate, live, copy = doomed.estate, doomed.estate.new("keycopy"), doomed.estate.new("keycopy")
    register = register_key_copy(live, estate.party, "").but(kind="live", through=UNSET)
    doomed.said(estate.wang, "custodian", register)
    backup = register_key_copy(copy, estate.party, doomed.keys[-1])
    doomed.said(estate.wang, "custodian", backup)
    held_by(doomed, "record")
    said = destroy_key_copy(live)
    assert estate.judge(estate.wang, "custodian", said) == ["keystore_is_no_copy"]
    assert estate.judge(estate.wang, "custodian", destroy_key_copy(copy)) == []


def ending(condition: str) -> set[str]:
    """The events whose effect on a copy is written down as setting it to this condition."""
    found: set[str] = set()
    for path in (Path(__file__).parent.parent.parent / "domain").glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef) and any(map(sets_to(condition),
                                                                ast.walk(function))):  # fmt: skip
                found |= {
                    ast.unparse(one.args[0])
                    for one in function.decorator_list
                    if isinstance(one, ast.Call) and ast.unparse(one.func) == "affects"
                }
    return found


def sets_to(condition: str) -> Callable[[ast.AST], bool]:
    def found(node: ast.AST) -> bool:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            return False
        return node.value.value == condition and any(
            isinstance(target, ast.Attribute) and target.attr == "condition"
            for target in node.targets
        )

    return found

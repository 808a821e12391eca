"""What people say about access, backups, handovers, holds and destruction; see `worlds`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from domain.access import (
    AccessDenied,
    AccessGranted,
    AccessReviewed,
    AccessRevoked,
    RecordAccessed,
)
from domain.anonymization import RecordAnonymized
from domain.backup import (
    BackupCreated,
    BackupExpired,
    BackupRestored,
    BackupStoredOffsite,
    BackupVerified,
    RestoreDrillPerformed,
)
from domain.destruction import (
    DestructionApproved,
    DestructionCertified,
    DestructionExecuted,
    DestructionFailed,
    DestructionProposed,
    DestructionRejected,
    DestructionVerified,
    DisposalAppraised,
    Executed,
    Verified,
)
from domain.digitization import RecordDigitized
from domain.handover import (
    HandoverCancelled,
    HandoverConfirmed,
    HandoverListFrozen,
    HandoverPlanned,
    HandoverReceived,
    HandoverReleased,
)
from domain.hold import LegalHoldPlaced, LegalHoldReleased
from domain.inspection import (
    HandoverDeemedAccepted,
    HandoverDiscrepancyRaised,
    HandoverDiscrepancyResolved,
    HandoverInspected,
)
from domain.keycopy import KeyCopyCleared, KeyCopyDestroyed, KeyCopyRegistered
from domain.listing import list_root
from domain.record import RecordState
from domain.replacement import HandoverHandlerReplaced
from domain.residual import HandoverResidualDeclared
from domain.restriction import ProcessingRestricted, PurposeEnded, RestrictionLifted
from domain.rights import (
    RequesterIdentityVerified,
    RightsRequestClosed,
    RightsRequestDecided,
    RightsRequestFulfilled,
    RightsRequestReceived,
)
from domain.search import Indexed, PeopleIndexed
from tests.domain.worlds import SEALED, START, Person, Said, policy

FAR = "2099-12-31T23:59:59.999Z"

# -- access -------------------------------------------------------------------------------------


def grant_access(grant: str, who: Person, *records: str, **fields: Any) -> Said:
    form = {
        "actor": who.actor, "records": list(records), "modes": ["view"],
        "purposes": ["service_delivery"], "begins": START, "ends": FAR,
    }  # fmt: skip
    return Said(AccessGranted, grant, {**form, **fields})


def revoke_grant(grant: str) -> Said:
    return Said(AccessRevoked, grant, {"reason": "role_ended"})


def access(record: str, holding: str, **fields: Any) -> Said:
    form = {"holding": holding, "mode": "view", "purpose": "service_delivery", "outcome": "allowed"}
    return Said(RecordAccessed, record, {**form, **fields})


def break_glass(record: str, holding: str, **fields: Any) -> Said:
    form = {"purpose": "break_glass", "outcome": "break_glass", "sealed": SEALED}
    return access(record, holding, **{**form, **fields})


def deny(record: str, holding: str, rule: str, **fields: Any) -> Said:
    form = {"holding": holding, "mode": "view", "purpose": "service_delivery", "rule": rule}
    return Said(AccessDenied, record, {**form, **fields})


def review_access(engagement: str, first: str, last: str, *counts: int, **fields: Any) -> Said:
    allowed, denied, broken = counts
    form = {
        "period_from": first, "period_to": last, "allowed": allowed, "denied": denied,
        "break_glass": broken, "anomalies": 0,
    }  # fmt: skip
    return Said(AccessReviewed, engagement, {**form, **fields})


def restrict(record: str, **fields: Any) -> Said:
    return Said(ProcessingRestricted, record, {"reason": "objection", **fields})


def lift(state: RecordState, **fields: Any) -> Said:
    """Of a record that is only restricted because its purpose ended: on a new basis."""
    restricted = state.restricted or f"{state.stream}/1"
    anew = {"basis": "pipl_13_2_contract", "sealed": SEALED} if restricted == state.ended else {}
    return Said(RestrictionLifted, state.stream, {"restricted": restricted, **anew, **fields})


def end_purpose(record: str, **fields: Any) -> Said:
    form = {"reason": "service_ended", "ended_on": START[:10]}
    return Said(PurposeEnded, record, {**form, **fields})


# -- lists --------------------------------------------------------------------------------------


def listed(items: Sequence[str], whole: Sequence[str] | None) -> dict[str, Any]:
    """The fields of a part of a list; `whole`: the list, where `items` is not all of it."""
    named = list(whole or items)
    return {"items": list(items), "count": len(named), "root": list_root(named)}


# -- backups and paper --------------------------------------------------------------------------


OBJECT: dict[str, Any] = {"encrypted": True, "object": "2" * 64}
"""What a copy in a backup says: it is encrypted."""


def make_backup(
    backup: str, copies: Sequence[str], whole: Sequence[str] | None = None, **fields: Any
) -> Said:
    form = {
        "kind": "full", "medium": "disk_external", "manifest": "3" * 64, "sealed": SEALED,
    }  # fmt: skip
    return Said(BackupCreated, backup, {**form, **listed(copies, whole), **fields})


def verify_backup(backup: str, checked: int, matched: int | None = None, **fields: Any) -> Said:
    same = matched is None or matched == checked
    form = {
        "checked": checked, "matched": checked if matched is None else matched,
        "result": "pass" if same else "fail", "manifest": "pass",
    }  # fmt: skip
    return Said(BackupVerified, backup, {**form, **fields})


def store_offsite(backup: str, receiver: Person, **fields: Any) -> Said:
    form = {
        "custodian": receiver.party, "received_by": receiver.actor, "received_at": START,
        "sealed": SEALED,
    }  # fmt: skip
    return Said(BackupStoredOffsite, backup, {**form, **fields})


def drill_backup(backup: str, matched: int, mismatched: int = 0, **fields: Any) -> Said:
    """A drill that took no time."""
    failed = fields.get("failed", 0)
    form = {
        "rto_target": 3600, "rto_actual": 0, "rpo_actual": 0, "restored": matched + mismatched,
        "matched": matched, "mismatched": mismatched, "failed": failed, "left_out": 0,
        "result": "fail" if mismatched or failed or not matched else "pass",
    }  # fmt: skip
    return Said(RestoreDrillPerformed, backup, {**form, **fields})


def restore_backup(backup: str, *copies: str, **fields: Any) -> Said:
    form = {"items": list(copies), "failed": 0, "sealed": SEALED}
    return Said(BackupRestored, backup, {**form, **fields})


def expire_backup(backup: str, *copies: str, **fields: Any) -> Said:
    return Said(BackupExpired, backup, {"items": list(copies), **fields})


def digitize(record: str, paper: str, digital: str, **fields: Any) -> Said:
    form = {"paper": paper, "digital": digital, "resolution": 300, "result": "pass"}
    return Said(RecordDigitized, record, {**form, **fields})


# -- handovers ----------------------------------------------------------------------------------

LINES = "4" * 64
"""The root of the lines of every list that is told of here."""
PACKAGE = "5" * 64
"""The digest of every package."""


def plan_handover(handover: str, seller: Person, buyer: Person, **fields: Any) -> Said:
    form = {
        "mode": "merger", "from_party": seller.party, "to_party": buyer.party,
        "seller_handler": seller.actor, "buyer_handler": buyer.actor, "first_day": "2026-12-01",
        "last_day": "2026-12-31", "inspection_days": 15,
    }  # fmt: skip
    return Said(HandoverPlanned, handover, {**form, **fields})


def freeze(
    handover: str, items: Sequence[str], whole: Sequence[str] | None = None, **fields: Any
) -> Said:
    """The first part of a list brings the seed of its lines, sealed."""
    form = {"list_version": 1, "lines": LINES, **listed(items, whole)}
    if list(items) == list(whole or items)[: len(items)]:
        form["sealed"] = SEALED
    return Said(HandoverListFrozen, handover, {**form, **fields})


def packed(items: Sequence[str]) -> dict[str, str]:
    """What goes in a package, if anything does."""
    return {"package": PACKAGE} if any(item.startswith("record-") for item in items) else {}


def release(handover: str, items: Sequence[str], **fields: Any) -> Said:
    form = {"root": list_root(items), "lines": LINES, **packed(items)}
    return Said(HandoverReleased, handover, {**form, **fields})


def receive(handover: str, items: Sequence[str], **fields: Any) -> Said:
    form = {
        "root": list_root(items), "lines": LINES, "read": len(items), "matched": len(items),
        **packed(items),
    }  # fmt: skip
    return Said(HandoverReceived, handover, {**form, **fields})


def inspect(handover: str, *items: str, **fields: Any) -> Said:
    """Looked at, and found as it should be."""
    form = {"items": list(items), "digest": "match", "readable": "yes"}
    return Said(HandoverInspected, handover, {**form, **fields})


def raise_discrepancy(handover: str, number: int, *items: str, **fields: Any) -> Said:
    form = {"number": number, "kind": "hash_mismatch", "items": list(items)}
    return Said(HandoverDiscrepancyRaised, handover, {**form, **fields})


def settle(handover: str, number: int, resolution: str = "explained") -> Said:
    form = {"number": number, "resolution": resolution}
    return Said(HandoverDiscrepancyResolved, handover, form)


def deem(handover: str, deadline: str) -> Said:
    return Said(HandoverDeemedAccepted, handover, {"deadline": deadline})


def confirm(
    handover: str,
    items: Sequence[str],
    buyer: Person,
    whole: Sequence[str] | None = None,
    **fields: Any,
) -> Said:
    """`items` of the list `whole` pass."""
    named = list(whole or items)
    form = {
        "items": list(items), "root": list_root(named), "lines": LINES, "to_party": buyer.party,
        "rejected": 0,
    }  # fmt: skip
    return Said(HandoverConfirmed, handover, {**form, **fields})


def replace_handler(handover: str, post: str, old: Person, new: Person, **fields: Any) -> Said:
    form = {"post": post, "replaced": old.actor, "handler": new.actor, "reason": "left"}
    return Said(HandoverHandlerReplaced, handover, {**form, **fields})


def declare_residual(handover: str, *copies: str, **fields: Any) -> Said:
    form = {"items": list(copies), "basis": "retention_duty", "retain_until": "2036-12-31"}
    return Said(HandoverResidualDeclared, handover, {**form, **fields})


def cancel(handover: str) -> Said:
    return Said(HandoverCancelled, handover, {})


# -- holds --------------------------------------------------------------------------------------


def place_hold(hold: str, *things: str, **fields: Any) -> Said:
    form: dict[str, Any] = {"reason": "litigation", "sealed": SEALED}
    for kind in ("record", "holding", "engagement"):
        form[f"{kind}s"] = [thing for thing in things if thing.startswith(f"{kind}-")]
    return Said(LegalHoldPlaced, hold, {**form, **fields})


def release_hold(hold: str, *things: str) -> Said:
    return Said(LegalHoldReleased, hold, {"objects": list(things)})


# -- anonymisation ------------------------------------------------------------------------------


def anonymize(record: str, source: str, **fields: Any) -> Said:
    """`record` was made of the ten rows of `source`: two groups of four, two rows left out."""
    form = {
        "source": source, "techniques": ["drop_columns", "suppress_rows"], "result": "pass",
        "k": 3, "smallest": 4, "rows": 10, "kept": 8, "suppressed": 2, "sealed": SEALED,
    }  # fmt: skip
    return Said(RecordAnonymized, record, {**form, **fields})


# -- destruction --------------------------------------------------------------------------------


def propose(
    case: str, items: Sequence[str], whole: Sequence[str] | None = None, **fields: Any
) -> Said:
    form = {"ground": "retention_expired", "method": "clear", "technique": "overwrite"}
    return Said(DestructionProposed, case, {**form, **listed(items, whole), **fields})


def appraise(case: str, items: Sequence[str], result: Any = "pass", **fields: Any) -> Said:
    return Said(DisposalAppraised, case, {"root": list_root(items), "result": result, **fields})


def approve(case: str, items: Sequence[str], **fields: Any) -> Said:
    return Said(DestructionApproved, case, {"root": list_root(items), **fields})


def reject(case: str) -> Said:
    return Said(DestructionRejected, case, {})


def execute(
    case: str,
    items: Sequence[str],
    done: Sequence[str] | None = None,
    outcomes: dict[str, str] | None = None,
    **fields: Any,
) -> Said:
    """Destroy the `done` of the `items` listed (all of them); `outcomes`: what went otherwise."""
    outcomes = outcomes or {}
    results = [
        Executed(holding=item, outcome=outcomes.get(item, "destroyed"))  # type: ignore[arg-type]
        for item in (items if done is None else done)
    ]
    form = {"root": list_root(items), "results": results, "technique": "overwrite"}
    return Said(DestructionExecuted, case, {**form, **fields})


def verify_destruction(
    case: str,
    items: Sequence[str],
    looked_at: Sequence[str] | None = None,
    found: dict[str, str] | None = None,
    **fields: Any,
) -> Said:
    """Look whether they are gone; `found`: what was not a pass."""
    found = found or {}
    results = [
        Verified(holding=item, result=found.get(item, "pass"))  # type: ignore[arg-type]
        for item in (items if looked_at is None else looked_at)
    ]
    form = {"root": list_root(items), "method": "read_back", "results": results}
    return Said(DestructionVerified, case, {**form, **fields})


def take_off(case: str, *items: str) -> Said:
    return Said(DestructionFailed, case, {"items": list(items)})


def certify(
    case: str,
    items: Sequence[str],
    failed: int = 0,
    remaining: Sequence[str] = (),
    key_copies: Sequence[str] = (),
    **fields: Any,
) -> Said:
    verdict = "partial" if failed or remaining or key_copies else "destroyed"
    form = {
        "root": list_root(items), "verdict": verdict,
        "destroyed": len(items) - failed, "failed": failed,
        "remaining": sorted(remaining)[:200], "remaining_count": len(remaining),
        "key_copies": sorted(key_copies)[:200], "key_copies_count": len(key_copies),
    }  # fmt: skip
    return Said(DestructionCertified, case, {**form, **fields})


# -- requests -----------------------------------------------------------------------------------

PERSON = "subject-019390a1-7e30-7c3a-8d5e-00000000dada"


def receive_request(stream: str, /, *records: str, **fields: Any) -> Said:
    """A request of the day on which everything starts; due as the policy that ships says."""
    form: dict[str, Any] = {
        "request": "access", "subject": PERSON, "channel": "telephone", "received_at": START,
        "records": list(records),
    }  # fmt: skip
    form |= fields
    days = policy().deadlines.rights_request_working_days
    form.setdefault("due_at", policy().calendar.after(form["received_at"], days))
    return Said(RightsRequestReceived, stream, form)


def identify(request: str, result: Any = "pass", **fields: Any) -> Said:
    form = {"method": "document_seen", "result": result}
    return Said(RequesterIdentityVerified, request, {**form, **fields})


def decide(request: str, decision: Any = "fulfil", **fields: Any) -> Said:
    """With reasons and a rule where something is refused."""
    form: dict[str, Any] = {"decision": decision, "notified_at": START}
    if decision != "fulfil":
        form |= {"sealed": SEALED, "rules": ["retention_blocks_destruction"]}
    return Said(RightsRequestDecided, request, {**form, **fields})


def fulfil(request: str, *actions: str, **fields: Any) -> Said:
    return Said(RightsRequestFulfilled, request, {"actions": list(actions), **fields})


def close_request(request: str, ending: Any = "completed") -> Said:
    return Said(RightsRequestClosed, request, {"ending": ending})


# -- copies of keys -----------------------------------------------------------------------------


def register_key_copy(copy: str, party: str, through: str, **fields: Any) -> Said:
    """A backup of the slot file, up to the key `through`."""
    form = {
        "kind": "backup", "medium": "disk_external", "custodian": party, "made_at": START,
        "through": through, "sealed": SEALED,
    }  # fmt: skip
    return Said(KeyCopyRegistered, copy, {**form, **fields})


def escrow(copy: str, party: str, keys: Sequence[str], **fields: Any) -> Said:
    """A list of keys in a file; a part of it, where `count` says so."""
    listed = {"kind": "escrow", "keys": list(keys), "count": len(keys), "through": UNSET}
    return register_key_copy(copy, party, "").but(**{**listed, **fields})


def clear_key_copy(copy: str, *keys: str) -> Said:
    return Said(KeyCopyCleared, copy, {"keys": list(keys)})


def destroy_key_copy(copy: str, **fields: Any) -> Said:
    return Said(KeyCopyDestroyed, copy, {"technique": "overwrite", **fields})


# -- searches -----------------------------------------------------------------------------------


def index_people(search: str, *records: str, **fields: Any) -> Said:
    said = [Indexed(record=record, rows="6" * 64) for record in records]
    return Said(PeopleIndexed, search, {"records": said, **fields})

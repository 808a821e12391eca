"""The acts of everyday custody, one function each: what is said, about what, sealed or not.

Each returns the proposals of one commit for `Ledger.act` (or a draft, where others must sign
too). Nothing here judges; a proposal that a rule forbids is refused where it is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain.actor import (
    ActorKeyCompromised,
    ActorKeyEnrolled,
    ActorKeyRevoked,
    ActorKeyRotated,
    ActorRegistered,
    ActorState,
    RoleGranted,
    RoleRevoked,
)
from domain.copies import HoldingState
from domain.holding import HoldingLost, HoldingMoved, HoldingReturned
from domain.judging import refuse
from domain.ledger import DraftVoided, LedgerKeyRotated
from domain.party import PartyRegistered
from domain.record import (
    RecordArchived,
    RecordClassified,
    RecordCorrected,
    RecordReclassified,
    RecordState,
    RecordVerified,
    RetentionAssigned,
)
from domain.retention import Assignment
from domain.values import Key
from ledger.application import Ledger
from ledger.errors import RefusedError, UsageError
from ledger.signing import Proposal, new_ids


def texts(**fields: str | None) -> dict[str, str] | None:
    """The texts given, to be sealed; None if there are none."""
    return {path: text for path, text in fields.items() if text} or None


def given(**fields: Any) -> dict[str, Any]:  # noqa: ANN401  values of any field
    """The optional fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def record_state(ledger: Ledger, record: str) -> RecordState:
    """The state of a record. Raises `UsageError` if there is none of this id."""
    state = ledger.state(record)
    if not isinstance(state, RecordState):
        msg = "there is no record {record}"
        raise UsageError(msg, "muniment inventory", record=record)
    return state


def holding_state(ledger: Ledger, holding: str) -> HoldingState:
    """The state of a holding. Raises `UsageError` if there is none of this id."""
    state = ledger.state(holding)
    if not isinstance(state, HoldingState):
        msg = "there is no holding {holding}"
        raise UsageError(msg, "muniment holding list", holding=holding)
    return state


def actor_state(ledger: Ledger, actor: str) -> ActorState:
    """The state of an actor. Raises `UsageError` if there is none of this id."""
    state = ledger.state(actor)
    if not isinstance(state, ActorState):
        msg = "there is no actor {actor}"
        raise UsageError(msg, "muniment actor list", actor=actor)
    return state


# -- parties, actors, keys, roles -------------------------------------------------------------


def register_party(
    name: str, *, kind: str, party_role: str, jurisdiction: str, identifier: str | None = None
) -> Proposal:
    """主体登记; name and identifier are sealed."""
    fields = {"kind": kind, "party_role": party_role, "jurisdiction": jurisdiction}
    sealed = texts(name=name, identifier=identifier)
    return Proposal(PartyRegistered, new_ids("party")[0], fields, sealed)


def register_actor(
    actor: str,
    party: str,
    keys: Iterable[Key],
    roles: Iterable[str],
    *,
    function: str,
    sealed: Mapping[str, str] | None,
) -> list[Proposal]:
    """人员登记 with first keys and roles, in one commit on the actor's stream.

    `actor`: a new id, which the keys already bear in their names.
    """
    return [
        Proposal(ActorRegistered, actor, {"party": party, "function": function}, sealed),
        *(Proposal(ActorKeyEnrolled, actor, {"key": k, "continuity": "first"}) for k in keys),
        *(Proposal(RoleGranted, actor, {"granted": role}) for role in roles),
    ]


def enrol_key(ledger: Ledger, actor: str, key: Key) -> Proposal:
    """密钥登记: `first`, `continuous` or `broken`, as the actor's keys have it."""
    state = actor_state(ledger, actor)
    had = [k for k in state.keys.values() if k.key.purpose == key.purpose]
    acts = state.active_key("act") is not None
    continuity = "first" if not had else "continuous" if acts else "broken"
    return Proposal(ActorKeyEnrolled, actor, {"key": key, "continuity": continuity})


def rotate_key(actor: str, old_key: str, key: Key, reason: str) -> Proposal:
    """密钥更换: `old_key` is a key id in hex."""
    return Proposal(ActorKeyRotated, actor, {"old_key": old_key, "key": key, "reason": reason})


def rotate_ledger_key(ledger: Ledger, key: Key) -> Proposal:
    """账本密钥更换: the old checkpoint key and the new one sign as proofs of possession."""
    fields = {"old_key": ledger.checkpoint_key(), "key": key}
    return Proposal(LedgerKeyRotated, ledger.ledger_id, fields)


def revoke_key(actor: str, key_id: str, reason: str) -> Proposal:
    """密钥吊销."""
    return Proposal(ActorKeyRevoked, actor, {"key": key_id, "reason": reason})


def report_compromise(actor: str, key_id: str, since: str) -> Proposal:
    """密钥失密告知: `since` is a time."""
    return Proposal(ActorKeyCompromised, actor, {"key": key_id, "suspected_since": since})


def grant_role(
    actor: str,
    role: str,
    *,
    scope: str | None = None,
    valid_from: str | None = None,
    valid_to: str | None = None,
) -> Proposal:
    """授予角色."""
    fields = {"granted": role, **given(scope=scope, valid_from=valid_from, valid_to=valid_to)}
    return Proposal(RoleGranted, actor, fields)


def revoke_role(actor: str, role: str, reason: str) -> Proposal:
    """撤销角色."""
    return Proposal(RoleRevoked, actor, {"revoked": role, "reason": reason})


def void_draft(commit: str) -> Proposal:
    """草稿作废: `commit` is the commit id in the draft's note."""
    return Proposal(DraftVoided, new_ids("draft")[0], {"commit": commit})


# -- records ----------------------------------------------------------------------------------


def review(
    record: str,
    checks: list[str],
    result: str,
    *,
    content_matched: bool | None = None,
    remark: str | None = None,
) -> Proposal:
    """资料审核; `content_matched`: whether the file was read again and has its digest."""
    fields = {"checks": checks, "result": result, **given(content_matched=content_matched)}
    return Proposal(RecordVerified, record, fields, texts(remark=remark))


def classify(
    ledger: Ledger, record: str, axes: Mapping[str, Any], rationale: str | None = None
) -> Proposal:
    """分类定级, or 重新定级 when the record has been classified before.

    `axes`: the fields of `domain.record.RecordClassified`.
    """
    state = record_state(ledger, record)
    sealed = texts(rationale=rationale)
    if state.classification is None:
        return Proposal(RecordClassified, record, axes, sealed)
    return Proposal(
        RecordReclassified, record, {**axes, "supersedes": state.classification}, sealed
    )


def assign_retention(
    ledger: Ledger, record: str, trigger: str, day: str, rules: list[str] | None = None
) -> Proposal:
    """确定保管期限 from the adopted pack: by the rules named, or by all that apply.

    Raises `RefusedError` with the pack's reason if they give no dates.
    """
    state = record_state(ledger, record)
    policy = ledger.policy()
    names = rules or [
        rule.id for rule in policy.retention_for(state.traits) if rule.trigger in (None, trigger)
    ]
    computed = policy.retention_until(names, state.categories, trigger, day)
    if not isinstance(computed, Assignment):
        refusal = refuse("I-12", computed, record)
        raise RefusedError(str(refusal), "muniment retention rules", refusals=(refusal,))
    fields = {
        "rules": names,
        "trigger": trigger,
        "trigger_date": day,
        "permanent": computed.permanent,
        "conflict": computed.conflict,
        "action": computed.action,
        **given(min_until=computed.min_until, max_until=computed.max_until),
    }
    return Proposal(RetentionAssigned, record, fields)


def archive(
    record: str,
    *,
    archive_no: str | None = None,
    series: str | None = None,
    location: str | None = None,
) -> Proposal:
    """归档."""
    sealed = texts(archive_no=archive_no, series=series, location=location)
    return Proposal(RecordArchived, record, {}, sealed)


def correct(
    ledger: Ledger,
    record: str,
    *,
    holding: str,
    size: int,
    items: int,
    reason: str,
    sealed: Mapping[str, str],
) -> Proposal:
    """资料更正: `sealed` holds `content`, the digest of the new content."""
    state = record_state(ledger, record)
    fields = {
        "supersedes": state.content_event,
        "holding": holding,
        "size": size,
        "items": items,
        "reason": reason,
    }
    return Proposal(RecordCorrected, record, fields, sealed)


# -- holdings ---------------------------------------------------------------------------------


def move_holding(
    holding: str,
    *,
    departed_at: str,
    arrived_at: str,
    medium: str | None = None,
    custodian: str | None = None,
    sealed: Mapping[str, str] | None = None,
) -> Proposal:
    """移库: with `custodian`, the receiving party signs too."""
    fields = {
        "departed_at": departed_at,
        "arrived_at": arrived_at,
        **given(medium=medium, custodian=custodian),
    }
    return Proposal(HoldingMoved, holding, fields, sealed)


def return_holding(holding: str, to_party: str) -> Proposal:
    """副本返还: the receiving party signs too."""
    return Proposal(HoldingReturned, holding, {"to_party": to_party})


def lose_holding(holding: str, discovered_at: str, sealed: Mapping[str, str] | None) -> Proposal:
    """副本遗失."""
    return Proposal(HoldingLost, holding, {"discovered_at": discovered_at}, sealed)

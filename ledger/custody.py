"""What custody acts propose: grants, holds, restrictions, destruction cases.

As in `ledger.acts`, each function returns the proposals of one commit and judges nothing. Effects
outside the ledger (files copied, handed out, removed) are in `ledger.effects.backup`,
`ledger.effects.handing_out` and `ledger.effects.destroying`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from domain.access import AccessGranted, AccessReviewed, AccessRevoked, GrantState
from domain.backup import BackupState
from domain.destruction import (
    CaseState,
    DestructionApproved,
    DestructionCertified,
    DestructionFailed,
    DestructionProposed,
    DestructionRejected,
    DisposalAppraised,
)
from domain.digitization import RecordDigitized
from domain.disposal import certifiable, keys_left, remaining
from domain.handover import HandoverState
from domain.hold import HoldState, LegalHoldPlaced, LegalHoldReleased
from domain.judging import Case, State, Statement, World
from domain.listing import list_root
from domain.restriction import ProcessingRestricted, PurposeEnded, RestrictionLifted
from domain.rights import RequestState
from domain.values import MAX_LISTED, Event
from ledger.acting import Acting
from ledger.acts import given, record_state, texts
from ledger.application import Ledger
from ledger.errors import UsageError
from ledger.facts import LedgerFacts
from ledger.recorder import Submission
from ledger.signing import Proposal, new_ids, now, sign_all
from ledger.tree import StoredTree

_S = TypeVar("_S", bound=State)

_LISTS: Final[Mapping[type[State], tuple[str, str]]] = {
    GrantState: ("grant", "muniment access grants"),
    BackupState: ("backup", "muniment backup list"),
    HoldState: ("hold", "muniment hold list"),
    HandoverState: ("handover", "muniment handover list"),
    CaseState: ("destruction case", "muniment destroy list"),
    RequestState: ("request", "muniment rights list"),
}


def case_state(ledger: Ledger, kind: type[_S], stream: str) -> _S:
    """The state of a case. Raises `UsageError` if there is none of this kind and id."""
    state = ledger.state(stream)
    if not isinstance(state, kind):
        name, listing = _LISTS[kind]
        raise UsageError("there is no {name} of this id; nothing was changed", listing, name=name)
    return state


def check_permitted(
    ledger: Ledger,
    acting: Acting,
    proposals: Sequence[Proposal],
    **options: Any,  # noqa: ANN401  those of `Ledger.build`
) -> None:
    """Raise `RefusedError` if these proposals would be refused now; nothing is recorded."""
    events, ciphertexts = ledger.build(acting, proposals, **options)
    unsigned = ledger.note_over(acting, events, ciphertexts)
    signed = sign_all(unsigned.note, [acting.key])
    ledger.log.judge(Submission(signed, unsigned.states, unsigned.ciphertexts))


@contextmanager
def as_judged_now(ledger: Ledger) -> Iterator[Case]:
    """What the rules would look at if nobody signed anything now: for questions, not for acts."""
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        entries = StoredTree(connection).head.entries
        statement = Statement("", entries, now(), entries, None, ())
        yield Case(World(facts), facts.policy(), statement)


def parts(items: Sequence[str]) -> list[list[str]]:
    """A list in parts that one event takes each."""
    return [list(items[at : at + MAX_LISTED]) for at in range(0, len(items), MAX_LISTED)]


def listing(
    kind: type[Event],
    stream: str,
    items: Sequence[str],
    fields: Mapping[str, Any],
    sealed: Mapping[str, str] | None,
) -> list[Proposal]:
    """A list as proposals: one event a part, all naming count and root."""
    whole = {**fields, "count": len(items), "root": list_root(items)}
    return [
        Proposal(kind, stream, {**whole, "items": part}, sealed if number == 0 else None)
        for number, part in enumerate(parts(items))
    ]


# -- access -----------------------------------------------------------------------------------


def grant_access(
    actor: str,
    *,
    records: Sequence[str],
    categories: Sequence[str],
    modes: Sequence[str],
    purposes: Sequence[str],
    begins: str,
    ends: str,
    basis: str | None = None,
    remark: str | None = None,
) -> Proposal:
    """访问授权, under a new id; `basis`: across a deal."""
    fields = {
        "actor": actor, "records": list(records), "categories": list(categories),
        "modes": list(modes), "purposes": list(purposes), "begins": begins, "ends": ends,
        **given(basis=basis),
    }  # fmt: skip
    return Proposal(AccessGranted, new_ids("grant")[0], fields, texts(remark=remark))


def revoke_access(ledger: Ledger, grant: str, reason: str) -> Proposal:
    """撤销授权."""
    case_state(ledger, GrantState, grant)
    return Proposal(AccessRevoked, grant, {"reason": reason})


def review_access(
    engagement: str,
    period: tuple[str, str],
    counts: Mapping[str, int],
    anomalies: int,
    found: str | None,
    report: str | None = None,
) -> Proposal:
    """访问审查; `counts`: allowed, denied and break_glass as the register has them.

    `found`: what was found, in words; `report`: SHA-256 of the report that was gone through.
    """
    fields = {
        "period_from": period[0], "period_to": period[1], "anomalies": anomalies, **counts,
        **given(report=report),
    }  # fmt: skip
    return Proposal(AccessReviewed, engagement, fields, texts(report=found))


# -- what may not be used, what may not be destroyed ------------------------------------------


def restrict(record: str, reason: str, review_on: str | None, remark: str | None) -> Proposal:
    """限制处理."""
    fields = {"reason": reason, **given(review_on=review_on)}
    return Proposal(ProcessingRestricted, record, fields, texts(remark=remark))


def lift_restriction(
    ledger: Ledger,
    record: str,
    remark: str | None,
    *,
    basis: str | None = None,
    purpose: str | None = None,
) -> Proposal:
    """解除限制: an approver signs too.

    `basis`, `purpose`: on which the record is used again after the end of its purpose, which is
    then what is lifted. Raises `UsageError` for a record that is not restricted so.
    """
    state = record_state(ledger, record)
    restricted = state.limited if basis is None else state.ended
    if state.restricted is None:
        msg = "the record is not restricted; nothing was changed"
        raise UsageError(msg, "muniment why RECORD")
    if restricted is None and basis is None:
        msg = "the record's purpose has ended; it is used again only on a new basis"
        raise UsageError(msg, "muniment restriction lift RECORD --basis CODE --purpose TEXT")
    if restricted is None:
        msg = "the record's purpose has not ended; what restricts it is lifted without a basis"
        raise UsageError(msg, "muniment restriction lift RECORD")
    fields = {"restricted": restricted, **given(basis=basis)}
    return Proposal(RestrictionLifted, record, fields, texts(remark=remark, purpose=purpose))


def end_purpose(record: str, reason: str, ended_on: str, remark: str | None) -> Proposal:
    """目的终止: from now on the record is restricted, or due where no minimum runs."""
    fields = {"reason": reason, "ended_on": ended_on}
    return Proposal(PurposeEnded, record, fields, texts(remark=remark))


def place_hold(
    reason: str,
    *,
    records: Sequence[str] = (),
    holdings: Sequence[str] = (),
    engagements: Sequence[str] = (),
    hold: str | None = None,
    scope: str | None = None,
    sealed: Mapping[str, str] | None = None,
) -> list[Proposal]:
    """冻结: a new hold, or `hold` widened; `sealed` goes with the first event.

    `scope`: a `HoldScope`, what it is placed on; a new hold seals the `authority` for it.
    """
    stream = hold or new_ids("hold")[0]
    named = [*records, *holdings, *engagements]
    kinds = {"records": "record-", "holdings": "holding-", "engagements": "engagement-"}
    return [
        Proposal(
            LegalHoldPlaced,
            stream,
            {"reason": reason, **given(scope=scope)}
            | {name: [i for i in part if i.startswith(kind)] for name, kind in kinds.items()},
            sealed if number == 0 else None,
        )
        for number, part in enumerate(parts(named))
    ]


def release_hold(
    ledger: Ledger, hold: str, objects: Sequence[str], reason: str | None
) -> list[Proposal]:
    """解除冻结 of `objects`, or of everything that it covers; an approver signs too."""
    state = case_state(ledger, HoldState, hold)
    named = list(objects) or sorted(state.covered)
    return [
        Proposal(LegalHoldReleased, hold, {"objects": part}, texts(reason=reason))
        for part in parts(named)
    ]


def digitize(
    record: str,
    paper: str,
    digital: str,
    *,
    resolution: int,
    result: str,
    sealed: Mapping[str, str] | None,
) -> Proposal:
    """纸质数字化: `resolution` in dots an inch."""
    fields = {"paper": paper, "digital": digital, "resolution": resolution, "result": result}
    return Proposal(RecordDigitized, record, fields, sealed)


# -- destruction ------------------------------------------------------------------------------


def propose_destruction(
    items: Sequence[str], ground: str, method: str, technique: str, reason: str | None
) -> list[Proposal]:
    """销毁申请, under a new id."""
    fields = {"ground": ground, "method": method, "technique": technique}
    stream = new_ids("destruction_case")[0]
    return listing(DestructionProposed, stream, items, fields, texts(reason=reason))


def appraise(ledger: Ledger, case: str, result: str, opinion: str | None) -> Proposal:
    """鉴定 of the list as it stands."""
    state = case_state(ledger, CaseState, case)
    fields = {"root": state.root, "result": result}
    return Proposal(DisposalAppraised, case, fields, texts(opinion=opinion))


def approve(ledger: Ledger, case: str, remark: str | None) -> Proposal:
    """销毁审批 of the list as it stands."""
    state = case_state(ledger, CaseState, case)
    return Proposal(DestructionApproved, case, {"root": state.root}, texts(remark=remark))


def reject(case: str, reason: str | None) -> Proposal:
    """驳回."""
    return Proposal(DestructionRejected, case, {}, texts(reason=reason))


def take_off(case: str, items: Sequence[str], cause: str | None) -> list[Proposal]:
    """销毁失败: these copies are not destroyed, and the certificate will say so."""
    return [
        Proposal(DestructionFailed, case, {"items": part}, texts(cause=cause))
        for part in parts(items)
    ]


def certify(ledger: Ledger, case: str, residual: str | None = None, **more: str | None) -> Proposal:
    """出具销毁证明: counts, remaining copies and copies of keys as the ledger has them now.

    `more`: further texts, `destination` and `environment`.
    """
    state = case_state(ledger, CaseState, case)
    destroyed = [item for item in state.items if item not in state.taken_off]
    with as_judged_now(ledger) as judging:
        left = remaining(judging, destroyed)
        keys = keys_left(judging, state)
    fields = {
        "root": state.root,
        "verdict": certifiable(state, left, keys),
        "destroyed": len(destroyed),
        "failed": len(state.taken_off),
        "remaining": left[:MAX_LISTED],
        "remaining_count": len(left),
        "key_copies": keys.copies[:MAX_LISTED],
        "key_copies_count": keys.places,
    }
    return Proposal(DestructionCertified, case, fields, texts(residual=residual, **more))

"""Destruction cases: a list of copies, from the proposal to the certificate.

proposed → appraised → approved by enough persons of different functions → executed → verified by
somebody else → certified; rejected on the way. Everyone names the root of the one list (I-27). The
guard of every destructive path is asked at the proposal, at every approval and again at execution
(I-26, I-28, I-36). Copies that could not be destroyed are taken off the list by an event that says
so, and are then named on the certificate as not destroyed (I-30). `domain.disposal` has the rules.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from domain.codes import (
    CertificateVerdict,
    CheckResult,
    DestructionGround,
    DestructionMethodClass,
    DestructionTechnique,
    ItemOutcome,
    VerificationMethod,
    VerificationResult,
)
from domain.copies import HoldingState
from domain.judging import State, affects, evolves
from domain.listing import Items, Listing, ListState
from domain.values import (
    MAX_LISTED,
    ActorId,
    Count,
    DataKeyId,
    DestructionCaseId,
    Digest,
    Event,
    HoldingId,
    KeyCopyId,
    Time,
)

_MANY = Meta(max_length=MAX_LISTED)


class DestructionProposed(
    Listing, frozen=True, kw_only=True, tag="destruction_case.destruction_proposed"
):
    """销毁申请: these copies are to go, on this ground, by this method. Sealed: `reason`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "archivist", "dpo"})
    ALONE: ClassVar[bool] = True

    stream: DestructionCaseId
    ground: DestructionGround
    method: DestructionMethodClass
    technique: DestructionTechnique


class DisposalAppraised(
    Event, frozen=True, kw_only=True, tag="destruction_case.disposal_appraised"
):
    """鉴定: whether the list may go, as an opinion. Sealed: `opinion`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"archivist", "dpo", "reviewer", "counsel"})
    ALONE: ClassVar[bool] = True

    stream: DestructionCaseId
    root: Digest
    result: CheckResult


class DestructionApproved(
    Event, frozen=True, kw_only=True, tag="destruction_case.destruction_approved"
):
    """销毁审批: one approver has seen the list with this root. Sealed: `remark`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"approver"})
    ALONE: ClassVar[bool] = True

    stream: DestructionCaseId
    root: Digest


class DestructionRejected(
    Event, frozen=True, kw_only=True, tag="destruction_case.destruction_rejected"
):
    """驳回: the case is over, nothing was destroyed. Sealed: `reason`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"approver"})
    ALONE: ClassVar[bool] = True

    stream: DestructionCaseId


class Executed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of one copy."""

    holding: HoldingId
    outcome: ItemOutcome


class DestructionExecuted(
    Event, frozen=True, kw_only=True, tag="destruction_case.destruction_executed"
):
    """销毁执行: what was done to each copy. Sealed: `place`, `tool`, `remark`.

    `keys`: data keys shredded with the copies and the records that are gone with them; their
    sealed payloads are deleted. Many keys take further events of the commit, without results.
    `witnesses` watched it (监销). `begun_by`: who else began it, as its journal says, and did not
    finish; they are operators, too. A copy whose outcome is not `destroyed` may be tried again.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"destruction_operator"})
    ALONE: ClassVar[bool] = True

    stream: DestructionCaseId
    root: Digest
    results: Annotated[list[Executed], Meta(max_length=100)] = []  # noqa: RUF012
    keys: Annotated[list[DataKeyId], Meta(max_length=150)] = []  # noqa: RUF012
    technique: DestructionTechnique
    witnesses: Annotated[list[ActorId], Meta(max_length=8)] = []  # noqa: RUF012
    begun_by: Annotated[list[ActorId], Meta(min_length=1, max_length=100)] | UnsetType = UNSET
    started_at: Time
    ended_at: Time

    @property
    def operators(self) -> tuple[str, ...]:
        """Everybody who took part in carrying it out."""
        return (self.by, *(self.begun_by or ()))

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies that something was done to."""
        return tuple(result.holding for result in self.results)


class Verified(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What reading one copy back gave."""

    holding: HoldingId
    result: VerificationResult


class DestructionVerified(
    Event, frozen=True, kw_only=True, tag="destruction_case.destruction_verified"
):
    """销毁核验: somebody else than the operator looked whether the copies are gone.

    A copy that was found (`fail`) is there again, and may be destroyed again.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({
        "reviewer", "destruction_witness", "dpo", "security_officer", "internal_auditor",
        "supervisor",
    })  # fmt: skip
    ALONE: ClassVar[bool] = True

    stream: DestructionCaseId
    root: Digest
    method: VerificationMethod
    results: Annotated[list[Verified], Meta(min_length=1, max_length=MAX_LISTED)]

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies that were looked for."""
        return tuple(result.holding for result in self.results)


class DestructionFailed(
    Event, frozen=True, kw_only=True, tag="destruction_case.destruction_failed"
):
    """销毁失败: these copies are taken off the list; they are not destroyed. Sealed: `cause`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"destruction_operator", "custodian", "archivist"})
    ALONE: ClassVar[bool] = True

    stream: DestructionCaseId
    items: Items

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies that count as being there again."""
        return tuple(self.items)


class DestructionCertified(
    Event, frozen=True, kw_only=True, tag="destruction_case.destruction_certified"
):
    """出具销毁证明: what was destroyed and verified, and what is known to remain.

    `destroyed`, `failed`: counts of the list; `remaining`: copies still there that hold what the
    list held, at most 200, and `remaining_count` how many there are; `key_copies` and their count:
    the same for copies of keys in which one of the case's may still be, with one more in the count
    while the medium of the keystore itself was never named (`live`); `verdict`: `destroyed` only
    if nothing failed and nothing remains, else `partial` (部分销毁), and never another one. Sealed:
    `residual` (what is known of copies out of reach), `destination` (where the media went),
    `environment`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "archivist", "dpo"})
    ALONE: ClassVar[bool] = True

    stream: DestructionCaseId
    root: Digest
    verdict: CertificateVerdict
    destroyed: Count
    failed: Count
    remaining: Annotated[list[HoldingId], _MANY] = []  # noqa: RUF012
    remaining_count: Count
    key_copies: Annotated[list[KeyCopyId], _MANY] = []  # noqa: RUF012
    key_copies_count: Count = 0


class CaseState(ListState):
    """A destruction case.

    `items` maps a copy to its outcome; `approvals` an approver to the accepted time; `keys`: the
    data keys shredded with it.
    """

    ground: str = ""
    proposer: str = ""
    appraisal: str = ""
    approvals: dict[str, str] = field(default_factory=dict)
    operators: set[str] = field(default_factory=set)
    verified: dict[str, str] = field(default_factory=dict)
    taken_off: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    ended: str = ""

    @property
    def running(self) -> bool:
        """Whether its copies are bound by it."""
        return not self.ended

    @property
    def begun(self) -> bool:
        """Whether anything was executed."""
        return bool(self.operators)

    @property
    def kept(self) -> list[str]:
        """What was not taken off the list."""
        return [item for item in self.items if item not in self.taken_off]


@evolves(DestructionProposed)
def _proposed(state: CaseState | None, event: DestructionProposed, _: int, __: str) -> CaseState:
    state = state or CaseState(event.stream, event.version)
    state.ground, state.proposer = event.ground, event.by
    state.listed(event)
    return state


@evolves(DisposalAppraised)
def _appraised(state: CaseState, event: DisposalAppraised, _: int, __: str) -> CaseState:
    state.appraisal = event.result
    return state


@evolves(DestructionApproved)
def _approved(state: CaseState, event: DestructionApproved, _: int, accepted: str) -> CaseState:
    state.approvals[event.by] = accepted
    return state


@evolves(DestructionRejected)
def _rejected(state: CaseState, _: DestructionRejected, __: int, ___: str) -> CaseState:
    state.ended = "rejected"
    return state


@evolves(DestructionExecuted)
def _executed(state: CaseState, event: DestructionExecuted, _: int, __: str) -> CaseState:
    state.operators.update(event.operators)
    state.keys.update(event.keys)
    for result in event.results:
        state.items[result.holding] = result.outcome
        state.verified.pop(result.holding, None)
    return state


@evolves(DestructionVerified)
def _verified(state: CaseState, event: DestructionVerified, _: int, __: str) -> CaseState:
    state.verified.update((result.holding, result.result) for result in event.results)
    state.items.update((r.holding, "failed") for r in event.results if r.result == "fail")
    return state


@evolves(DestructionFailed)
def _failed(state: CaseState, event: DestructionFailed, _: int, __: str) -> CaseState:
    state.taken_off.update(event.items)
    for item in event.items:  # whoever takes it off withdraws the word that it is gone
        if state.items.get(item) == "destroyed":
            state.items[item] = "unknown"
    if not state.kept:
        state.ended = "failed"
    return state


@evolves(DestructionCertified)
def _certified(state: CaseState, _: DestructionCertified, __: int, ___: str) -> CaseState:
    state.ended = "certified"
    return state


@affects(DestructionProposed)
def _listed(state: State, event: DestructionProposed) -> None:
    if isinstance(state, HoldingState):
        state.destruction = event.stream


@affects(DestructionExecuted)
def _gone(state: State, event: DestructionExecuted) -> None:
    if isinstance(state, HoldingState):
        for result in event.results:
            if result.holding == state.stream and result.outcome == "destroyed":
                state.condition = "destroyed"


@affects(DestructionVerified)
def _found(state: State, event: DestructionVerified) -> None:
    if any(r.holding == state.stream and r.result == "fail" for r in event.results):
        _there_again(state, event)


@affects(DestructionFailed)
def _there_again(state: State, event: Event) -> None:
    if isinstance(state, HoldingState) and state.destruction == event.stream:
        state.condition = "present" if state.condition == "destroyed" else state.condition

"""The ledger itself: opened once, under a policy, with a key of its own.

Entry 0 holds `ledger.initialized` with everything that later entries lean on: the party that keeps
the ledger, the first actor with key and roles, the adopted policy pack, the routine engagement.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType, field

from domain.actor import ActorState, administrator_of_everything
from domain.codes import Jurisdiction
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.keys import KeyState
from domain.party import PartyState
from domain.privacy import looks_personal
from domain.values import (
    Code,
    CommitId,
    Count,
    Date,
    Digest,
    DraftId,
    Event,
    Key,
    KeyId,
    LedgerId,
    Nonce,
    Ordinal,
    Origin,
    PartyId,
    PolicyId,
    Version,
)


class Former(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ledger that lost entries, and that this one continues (DESIGN 5).

    `zero`: SHA-256 of its entry 0; `size` and `root`: the head that is left of it; `lost_to`: the
    index of the last entry that it is known to have had, so that entries `size` to `lost_to` are
    lost; `lost_root`: the root that was seen over them. Both absent: how many are lost is unknown.
    """

    origin: Origin
    ledger: LedgerId
    zero: Digest
    size: Ordinal
    root: Digest
    lost_to: Count | UnsetType = UNSET
    lost_root: Digest | UnsetType = UNSET


class LedgerInitialized(Event, frozen=True, kw_only=True, tag="ledger.initialized"):
    """账本建立: the ledger is opened, and its own keys are enrolled.

    `nonce`: 32 random bytes, so that no two ledgers share entry 0; `checkpoint_key` signs
    checkpoints; drafts are sealed to `seal_key`; `former`: the ledger that this one continues.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: LedgerId
    origin: Origin
    owner: PartyId
    hash_alg: Literal["sha256"] = "sha256"
    sig_alg: Literal["ed25519"] = "ed25519"
    canonicalization: Literal["muniment-event-v1"] = "muniment-event-v1"
    time_source: Literal["system_clock"] = "system_clock"
    jurisdiction: Jurisdiction
    software: Version
    nonce: Nonce
    checkpoint_key: Key
    seal_key: Key
    former: Former | UnsetType = UNSET

    @property
    def enrolled_keys(self) -> tuple[Key, ...]:
        """The public keys that this event enrols."""
        return (self.checkpoint_key, self.seal_key)


class LedgerKeyRotated(Event, frozen=True, kw_only=True, tag="ledger.key_rotated"):
    """账本密钥更换: a new checkpoint key; the commit is signed by the old and the new one."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: LedgerId
    old_key: KeyId
    key: Key

    @property
    def enrolled_keys(self) -> tuple[Key, ...]:
        """The public keys that this event enrols."""
        return (self.key,)


class PolicyAdopted(Event, frozen=True, kw_only=True, tag="policy.adopted"):
    """制度发布: a policy pack takes effect; its bytes are kept, the event holds their digest."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: PolicyId
    pack: Code
    pack_version: Version
    digest: Digest
    effective_from: Date


class DraftVoided(Event, frozen=True, kw_only=True, tag="draft.voided"):
    """草稿作废: a draft with this commit id is not accepted any more.

    Anybody may say so; it counts where whoever said it is one of the draft's signers.
    """

    stream: DraftId
    commit: CommitId

    @property
    def voided_commit(self) -> str:
        """The commit that this event voids."""
        return self.commit


class LedgerState(State):
    """What the ledger's own stream says: origin, owner, keys by key id.

    `imports`: who said it, by the event that took something over from another ledger; `indexed`:
    the size that the latest index covers; `anchored`: the tokens that time-stamped a state.
    """

    origin: str
    owner: str
    keys: dict[str, KeyState]
    initialized_entry: int = 0
    imports: dict[str, str] = field(default_factory=dict)
    indexed: int = 0
    anchored: set[str] = field(default_factory=set)


class PolicyState(State):
    """The pack that this stream adopted."""

    pack: str
    digest: str


class DraftState(State):
    """A voided draft."""

    commit: str


@evolves(LedgerInitialized, identity=True)
def _initialized(_: None, event: LedgerInitialized, entry: int, accepted: str) -> LedgerState:
    keys = {key.id: KeyState.enrolled(key, entry, accepted) for key in event.enrolled_keys}
    return LedgerState(event.stream, event.version, event.origin, event.owner, keys, entry)


@evolves(LedgerKeyRotated, identity=True)
def _key_rotated(
    state: LedgerState, event: LedgerKeyRotated, entry: int, accepted: str
) -> LedgerState:
    if event.old_key in state.keys:
        state.keys[event.old_key].end("rotated", entry, accepted)
    state.keys[event.key.id] = KeyState.enrolled(event.key, entry, accepted)
    return state


@evolves(PolicyAdopted)
def _adopted(_: PolicyState | None, event: PolicyAdopted, __: int, ___: str) -> PolicyState:
    return PolicyState(event.stream, event.version, event.pack, event.digest)


@evolves(DraftVoided, identity=True)
def _voided(_: None, event: DraftVoided, __: int, ___: str) -> DraftState:
    return DraftState(event.stream, event.version, event.commit)


@rule(LedgerInitialized)
def initialized_once(case: Case, event: LedgerInitialized) -> Iterator[Refusal]:
    """A ledger is opened by entry 0 and never again; its keys bear its origin as their name."""
    if case.statement.entry != 0 or event.version != 1:
        yield refuse("I-06", "ledger_already_initialized", event.stream)
    if {"commit", "a"} & set(event.origin.split("/")):
        yield refuse("I-02", "origin_reserved_segment", event.stream)
    forms = [(key.kind, key.purpose, key.name) for key in event.enrolled_keys]
    if forms != [("ed25519", "checkpoint", event.origin), ("p256", "seal", event.origin)]:
        yield refuse("I-01", "ledger_key_form", event.stream)
    if case.world.before(event.owner, PartyState) is None:
        yield refuse("I-09", "unknown_party", event.owner)


@rule(LedgerInitialized)
def continues_another(_: Case, event: LedgerInitialized) -> Iterator[Refusal]:
    """A ledger that continues one goes by another origin, and says truly what that one lost."""
    former = event.former
    if former is UNSET:
        return
    if former.origin == event.origin or former.ledger == event.stream:
        yield refuse("I-06", "ledger_continues_itself", former.ledger)
    if {"commit", "a"} & set(former.origin.split("/")):
        yield refuse("I-02", "origin_reserved_segment", former.ledger)
    if looks_personal(former.origin):
        yield refuse("I-02", "code_looks_personal", former.ledger)
    if (former.lost_to is UNSET) != (former.lost_root is UNSET) or (
        former.lost_to is not UNSET and former.lost_to < former.size
    ):
        yield refuse("I-06", "lost_range_malformed", former.ledger)


rule(LedgerKeyRotated)(administrator_of_everything)


@rule(LedgerKeyRotated)
def rotated_by_old_and_new(case: Case, event: LedgerKeyRotated) -> Iterator[Refusal]:
    """Old and new key both sign (overlap); the old one must be the active checkpoint key."""
    ledger = case.world.state(event.stream, LedgerState)
    old = ledger.keys.get(event.old_key) if ledger else None
    if ledger is None or old is None or not old.active or old.key.purpose != "checkpoint":
        yield refuse("I-01", "old_key_not_active", event.stream)
        return
    form = (event.key.kind, event.key.purpose, event.key.name)
    if form != (old.key.kind, "checkpoint", ledger.origin):
        yield refuse("I-01", "ledger_key_form", event.stream)
    if event.key.id in ledger.keys:
        yield refuse("I-01", "key_id_used_before", event.stream)
    if case.world.public_key_enrolled(event.key.public):
        yield refuse("I-01", "key_enrolled_before", event.stream)
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party != ledger.owner:
        yield refuse("I-09", "not_the_administrators_party", event.by)
    signed = {(s.name, s.key_id) for s in case.statement.signers if s.possession}
    if (old.key.name, old.key.id) not in signed:
        yield refuse("I-01", "old_key_must_sign", event.stream)


@rule(PolicyAdopted)
def pack_is_known(case: Case, event: PolicyAdopted) -> Iterator[Refusal]:
    """Until packs can be replaced, the ledger runs under the one adopted in entry 0.

    The pack adopted is the one that judges, to the byte, and bears its own name and dates.
    """
    if case.statement.entry != 0:
        yield refuse("I-06", "policy_change_not_supported", event.stream)
        return
    header = case.policy.header
    own = (case.policy.digest, header.id, header.version, header.effective_from.isoformat())
    if own != (event.digest, event.pack, event.pack_version, event.effective_from):
        yield refuse("I-00", "unknown_policy_pack", event.digest)


@rule(DraftVoided)
def voided_once(case: Case, event: DraftVoided) -> Iterator[Refusal]:
    """Voiding twice says nothing new, and a commit that voids itself says nothing at all."""
    if event.version != 1 or case.world.commit_voided(event.commit, event.by):
        yield refuse("I-06", "draft_already_voided", event.stream)
    if event.commit == case.statement.commit:
        yield refuse("I-06", "draft_voids_itself", event.stream)

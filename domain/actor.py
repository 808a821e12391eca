"""Actors: persons and systems that act for a party, their keys and their roles.

A key is enrolled with proof of possession (capacity `possession` in the commit note), has one
purpose and is enrolled once in a ledger. Rotation is signed by the old and the new key. A key
reported as compromised signs nothing more; what it signed before is judged, not removed (I-05).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from domain.codes import ActorFunction, RevocationReason, Role
from domain.engagement import EngagementState
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.keys import KeyState
from domain.party import PartyRegistered, PartyState
from domain.values import (
    ActorId,
    Date,
    EngagementId,
    Event,
    Key,
    KeyId,
    PartyId,
    Time,
    is_day,
)


class ActorRegistered(Event, frozen=True, kw_only=True, tag="actor.registered"):
    """人员登记: a person or system. Sealed: `name`, `position` (职务), `identity_proof`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: ActorId
    party: PartyId
    function: ActorFunction


class ActorKeyEnrolled(Event, frozen=True, kw_only=True, tag="actor.key_enrolled"):
    """密钥登记: a public key of an actor.

    `continuity`: `first` for a purpose; `continuous` when the actor's own active key signs;
    `broken` when it cannot, which needs two persons and stays visible.
    """

    stream: ActorId
    key: Key
    continuity: Literal["first", "continuous", "broken"]

    @property
    def enrolled_keys(self) -> tuple[Key, ...]:
        """The public keys that this event enrols."""
        return (self.key,)


class ActorKeyRotated(Event, frozen=True, kw_only=True, tag="actor.key_rotated"):
    """密钥更换: a new key replaces `old_key`; the commit is signed by both."""

    stream: ActorId
    old_key: KeyId
    key: Key
    reason: RevocationReason

    @property
    def enrolled_keys(self) -> tuple[Key, ...]:
        """The public keys that this event enrols."""
        return (self.key,)


class ActorKeyRevoked(Event, frozen=True, kw_only=True, tag="actor.key_revoked"):
    """密钥吊销: the key signs nothing more; what it signed stays valid."""

    stream: ActorId
    key: KeyId
    reason: RevocationReason


class ActorKeyCompromised(Event, frozen=True, kw_only=True, tag="actor.key_compromised"):
    """密钥失密告知: somebody else may have signed with this key since `suspected_since`."""

    stream: ActorId
    key: KeyId
    suspected_since: Time


class RoleGranted(Event, frozen=True, kw_only=True, tag="actor.role_granted"):
    """授予角色: usable from the next commit on; `scope` limits it to one engagement."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: ActorId
    granted: Role
    scope: EngagementId | UnsetType = UNSET
    valid_from: Date | UnsetType = UNSET
    valid_to: Date | UnsetType = UNSET


class RoleRevoked(Event, frozen=True, kw_only=True, tag="actor.role_revoked"):
    """撤销角色: from the next commit on."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"administrator"})

    stream: ActorId
    revoked: Role
    reason: RevocationReason


class Grant(Struct, frozen=True):
    """A role in force: code, engagement (or every one), first and last day (both inclusive)."""

    role: str
    scope: str | None
    valid_from: str
    valid_to: str


class Trained(Struct, frozen=True):
    """The last training in a topic: when it was, until which day it counts, whether passed."""

    on: str
    valid_to: str
    passed: bool


class ActorState(State):
    """An actor with roles in force, every key ever enrolled by key id, and training by topic.

    `ended`: the roles that were revoked, each with the day of its end as its last one.
    """

    party: str
    function: str
    roles: list[Grant] = field(default_factory=list)
    keys: dict[str, KeyState] = field(default_factory=dict)
    trained: dict[str, Trained] = field(default_factory=dict)
    ended: list[Grant] = field(default_factory=list)

    def is_trained(self, topic: str, day: str) -> bool:
        """Whether the last training in a topic was passed and counts on a day."""
        last = self.trained.get(topic)
        return last is not None and last.passed and last.on <= day <= last.valid_to

    def holds(self, role: str, engagement: str, accepted: str) -> bool:
        """Whether the actor holds a role for an engagement on the day, in UTC, of `accepted`.

        Days of roles are those of UTC for whoever checks them: nobody needs a pack for it.
        """
        day = accepted[:10]
        return any(
            grant.role == role
            and grant.scope in (None, engagement)
            and grant.valid_from <= day <= grant.valid_to
            for grant in self.roles
        )

    def holds_everywhere(self, role: str, accepted: str) -> bool:
        """Whether the actor holds a role that no engagement limits, on the day as for `holds`."""
        day = accepted[:10]
        return any(
            grant.role == role and grant.scope is None and grant.valid_from <= day <= grant.valid_to
            for grant in self.roles
        )

    def active_key(self, purpose: str) -> KeyState | None:
        """The active key for a purpose, the latest if there are several."""
        active = [k for k in self.keys.values() if k.active and k.key.purpose == purpose]
        return active[-1] if active else None


@evolves(ActorRegistered, identity=True)
def _registered(_: None, event: ActorRegistered, __: int, ___: str) -> ActorState:
    return ActorState(event.stream, event.version, event.party, event.function)


@evolves(ActorKeyEnrolled, identity=True)
def _enrolled(state: ActorState, event: ActorKeyEnrolled, entry: int, accepted: str) -> ActorState:
    state.keys[event.key.id] = KeyState.enrolled(event.key, entry, accepted)
    return state


@evolves(ActorKeyRotated, identity=True)
def _rotated(state: ActorState, event: ActorKeyRotated, entry: int, accepted: str) -> ActorState:
    if event.old_key in state.keys:
        state.keys[event.old_key].end("rotated", entry, accepted)
    state.keys[event.key.id] = KeyState.enrolled(event.key, entry, accepted)
    return state


@evolves(ActorKeyRevoked, identity=True)
def _revoked(state: ActorState, event: ActorKeyRevoked, entry: int, accepted: str) -> ActorState:
    if event.key in state.keys:
        state.keys[event.key].end("revoked", entry, accepted)
    return state


@evolves(ActorKeyCompromised, identity=True)
def _compromised(
    state: ActorState, event: ActorKeyCompromised, entry: int, accepted: str
) -> ActorState:
    if event.key in state.keys:
        key = state.keys[event.key]
        key.end("compromised", entry, accepted)
        since = key.suspected_since
        key.suspected_since = min(since or event.suspected_since, event.suspected_since)
    return state


@evolves(RoleGranted, identity=True)
def _role_granted(state: ActorState, event: RoleGranted, _: int, __: str) -> ActorState:
    state.roles.append(_grant(event))
    return state


def _grant(event: RoleGranted) -> Grant:
    scope = None if event.scope is UNSET else event.scope
    first = "0000-01-01" if event.valid_from is UNSET else event.valid_from
    last = "9999-12-31" if event.valid_to is UNSET else event.valid_to
    return Grant(event.granted, scope, first, last)


@evolves(RoleRevoked, identity=True)
def _role_revoked(state: ActorState, event: RoleRevoked, _: int, accepted: str) -> ActorState:
    last = accepted[:10]
    state.ended += [
        replace(grant, valid_to=min(grant.valid_to, last))
        for grant in state.roles
        if grant.role == event.revoked and grant.valid_from <= last
    ]
    state.roles = [grant for grant in state.roles if grant.role != event.revoked]
    return state


AUDITORS = frozenset({"internal_auditor", "external_auditor"})
OPERATIONAL = frozenset(
    {"collector", "reviewer", "custodian", "archivist", "approver", "destruction_operator",
     "destruction_witness", "seller_handler", "buyer_handler"}
)  # fmt: skip


@rule(ActorRegistered)
def registered_for_a_party(case: Case, event: ActorRegistered) -> Iterator[Refusal]:
    """An actor acts for a registered party; the name is sealed."""
    if event.version != 1:
        yield refuse("I-06", "already_registered", event.stream)
    if case.world.state(event.party, PartyState) is None:
        yield refuse("I-09", "unknown_party", event.party)
    if event.sealed is UNSET:
        yield refuse("I-02", "name_must_be_sealed", event.stream)


@rule(
    ActorKeyEnrolled, ActorKeyRotated, ActorKeyRevoked, ActorKeyCompromised, RoleGranted,
    RoleRevoked,
)  # fmt: skip
def actor_exists(case: Case, event: Event) -> Iterator[Refusal]:
    """Keys and roles belong to registered actors."""
    if case.world.state(event.stream, ActorState) is None:
        yield refuse("I-09", "unknown_actor", event.stream)


_KINDS = {"act": {"ed25519"}, "seal": {"p256"}, "cosign": {"ed25519", "mldsa44"}}


@rule(ActorKeyEnrolled, ActorKeyRotated)
def key_form(case: Case, event: ActorKeyEnrolled | ActorKeyRotated) -> Iterator[Refusal]:
    """An actor's key is a pseudonym of the actor, for signing or for sealing, enrolled once."""
    key = event.key
    origins = {s.name.removesuffix(f"/a/{s.holder}") for s in case.statement.actors}
    if key.name not in {f"{origin}/a/{event.stream}" for origin in origins}:
        yield refuse("I-01", "key_name_is_not_the_actors", event.stream)
    if key.purpose not in _KINDS:
        yield refuse("I-01", "key_purpose_not_for_actors", event.stream)
    elif key.kind not in _KINDS[key.purpose]:
        yield refuse("I-01", "key_kind_not_for_purpose", event.stream)
    if (key.kind == "ed25519") != (key.proof is UNSET):
        yield refuse("I-01", "possession_not_proved", event.stream)
    if case.world.public_key_enrolled(key.public):
        yield refuse("I-01", "key_enrolled_before", event.stream)
    state = case.world.state(event.stream, ActorState)
    if state is not None and key.id in state.keys:
        yield refuse("I-01", "key_id_used_before", event.stream)


def _own_side(case: Case, administrator: str, party: str) -> bool:
    """Whether somebody acts for a party, or for the party that registered it."""
    actor = case.world.before(administrator, ActorState)
    registered = case.world.state(party, PartyState)
    if actor is None or registered is None or actor.party == party:
        return actor is not None
    registrar = case.world.before(registered.registered_by, ActorState)
    return registrar is not None and registrar.party == actor.party


def _administrators(case: Case, party: str) -> int:
    """How many administrators of everything, on a party's own side, signed in that capacity."""
    return sum(
        1
        for signer in case.statement.actors
        if signer.capacity == "administrator"
        and (actor := case.world.before(signer.holder, ActorState)) is not None
        and actor.holds_everywhere("administrator", case.statement.accepted)
        and _own_side(case, signer.holder, party)
    )


@rule(
    ActorRegistered, ActorKeyEnrolled, ActorKeyRevoked, ActorKeyCompromised, RoleGranted,
    RoleRevoked,
)  # fmt: skip
def administered_from_its_own_side(case: Case, event: Event) -> Iterator[Refusal]:
    """Administrators act for their own party and for those that it registered (I-09)."""
    if isinstance(event, ActorRegistered):
        party = event.party
    else:
        state = case.world.state(event.stream, ActorState)
        party = state.party if state else ""
    if event.role == "administrator" and not _own_side(case, event.by, party):
        yield refuse("I-09", "not_the_administrators_party", event.by)


@rule(
    PartyRegistered, ActorRegistered, ActorKeyEnrolled, ActorKeyRevoked, ActorKeyCompromised,
    RoleRevoked,
)  # fmt: skip
def administrator_of_everything(case: Case, event: Event) -> Iterator[Refusal]:
    """What holds for the whole ledger is not said by an administrator of one engagement (I-09)."""
    actor = case.world.before(event.by, ActorState)
    accepted = case.statement.accepted
    if event.role != "administrator" or event.by == event.stream or actor is None:
        return
    if actor.holds("administrator", event.engagement, accepted) and not actor.holds_everywhere(
        "administrator", accepted
    ):
        yield refuse("I-09", "administrator_is_scoped", event.by)


@rule(ActorKeyEnrolled)
def enrolment_is_authorised(case: Case, event: ActorKeyEnrolled) -> Iterator[Refusal]:
    """`first` and `broken` are said by administrators (two for `broken`), else by the actor."""
    state = case.world.state(event.stream, ActorState)
    purpose = event.key.purpose
    had = any(k.key.purpose == purpose for k in state.keys.values()) if state else False
    administrators = _administrators(case, state.party if state else "")
    if event.continuity == "first":
        if had:
            yield refuse("I-01", "not_the_first_key", event.stream)
        if administrators < 1:
            yield refuse("I-01", "administrator_must_enrol", event.stream)
    elif event.continuity == "continuous":
        if event.by != event.stream or not had:
            yield refuse("I-01", "old_key_must_sign", event.stream)
    else:
        if not had:
            yield refuse("I-01", "no_key_before", event.stream)
        if administrators < 2:  # noqa: PLR2004
            yield refuse("I-07", "broken_enrolment_needs_two_persons", event.stream)


@rule(ActorKeyRotated)
def rotation_is_signed_by_the_old_key(case: Case, event: ActorKeyRotated) -> Iterator[Refusal]:
    """Only the actor rotates; an act key is rotated under its own signature."""
    before = case.world.before(event.stream, ActorState)
    now = case.world.state(event.stream, ActorState)  # one commit replaces a key once
    old = now.keys.get(event.old_key) if now and before and event.old_key in before.keys else None
    if old is None or not old.active or old.key.purpose != event.key.purpose:
        yield refuse("I-01", "old_key_not_active", event.stream)
        return
    signed = {s.key_id for s in case.statement.actors if s.holder == event.stream}
    by_old = event.old_key in signed if old.key.purpose == "act" else bool(signed)
    if event.by != event.stream or not by_old:
        yield refuse("I-01", "old_key_must_sign", event.stream)


@rule(ActorKeyRevoked, ActorKeyCompromised)
def ended_by_actor_or_administrator(
    case: Case, event: ActorKeyRevoked | ActorKeyCompromised
) -> Iterator[Refusal]:
    """A key's end is said by its holder or by an administrator, and about a key that exists."""
    state = case.world.state(event.stream, ActorState)
    key = state.keys.get(event.key) if state else None
    if key is None:
        yield refuse("I-01", "unknown_key", event.stream)
    elif isinstance(event, ActorKeyRevoked) and not key.active:
        yield refuse("I-06", "key_ended_before", event.stream)
    if event.by != event.stream and event.role != "administrator":
        yield refuse("I-01", "holder_or_administrator_must_say", event.stream)
    if isinstance(event, ActorKeyCompromised) and event.suspected_since > case.statement.accepted:
        yield refuse("I-04", "suspected_since_in_future", event.stream)


@rule(RoleGranted)
def duties_stay_separate(case: Case, event: RoleGranted) -> Iterator[Refusal]:
    """Nobody audits what the same person does (I-07)."""
    state = case.world.state(event.stream, ActorState)
    held = {grant.role for grant in state.roles} if state else set()
    if (event.granted in AUDITORS and held & OPERATIONAL) or (
        event.granted in OPERATIONAL and held & AUDITORS
    ):
        yield refuse("I-07", "auditor_is_operator", event.stream)
    new, day = _grant(event), case.statement.accepted[:10]
    if new.valid_from > new.valid_to:
        yield refuse("I-04", "valid_to_before_valid_from", event.stream)
    if state and any(
        grant.role == new.role
        and grant.scope in (None, new.scope)
        and grant.valid_from <= max(new.valid_from, day)
        and grant.valid_to >= new.valid_to
        for grant in state.roles
    ):
        yield refuse("I-06", "role_already_held", event.stream)


@rule(RoleGranted)
def granted_within_reach(case: Case, event: RoleGranted) -> Iterator[Refusal]:
    """A role is for an open engagement or all, on real days, and not wider than its giver's.

    An administrator of one engagement grants roles in it; one whose own time ends makes no
    administrator for longer.
    """
    if event.scope is not UNSET:
        engagement = case.world.state(event.scope, EngagementState)
        if engagement is None or not engagement.open:
            yield refuse("I-09", "unknown_engagement", event.scope)
    for day in (event.valid_from, event.valid_to):
        if day is not UNSET and not is_day(day):
            yield refuse("I-04", "no_such_day", event.stream)
    giver = case.world.before(event.by, ActorState)
    new, day = _grant(event), case.statement.accepted[:10]
    own = [
        grant
        for grant in (giver.roles if giver else ())
        if grant.role == "administrator"
        and grant.scope in (None, event.engagement)
        and grant.valid_from <= day <= grant.valid_to
    ]
    if own and not any(
        grant.scope in (None, new.scope)
        and (new.role != "administrator" or grant.valid_to >= new.valid_to)
        for grant in own
    ):
        yield refuse("I-09", "administrator_exceeds_own_reach", event.by)


@rule(RoleRevoked)
def role_was_held(case: Case, event: RoleRevoked) -> Iterator[Refusal]:
    """A role is revoked once, and the last administrator stays."""
    state = case.world.state(event.stream, ActorState)
    if state is not None and not any(grant.role == event.revoked for grant in state.roles):
        yield refuse("I-06", "role_not_held", event.stream)
    if event.revoked == "administrator" and event.by == event.stream:
        yield refuse("I-07", "administrator_cannot_resign_alone", event.stream)

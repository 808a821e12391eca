"""Holdings: copies of a record at a custodian, a place and a medium.

Holdings, not records, are moved, lost and destroyed; a record is destroyed when every holding is
(`domain` finding 4). States: present → in_transit → received → returned | destroyed | lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from msgspec import UNSET, UnsetType

from domain.actor import ActorState
from domain.backup import destroyed_elsewhere, to_be_destroyed
from domain.codes import BackupMedium, MediumForm
from domain.copies import (
    HoldingState,
    RecordLike,
    claimed,
    holdings,
    holds_on,
    kept_by,
    original,
    over,
)
from domain.crossing import against_giving
from domain.guards import against_sharing
from domain.judging import Case, Refusal, State, affects, evolves, refuse, rule
from domain.party import PartyState
from domain.values import Count, Digest, Event, HoldingId, PartyId, RecordId, Time

KEEPERS: frozenset[str] = frozenset({"collector", "custodian", "archivist", "destruction_operator"})


class HoldingCreated(Event, frozen=True, kw_only=True, tag="holding.created"):
    """副本建立: a copy exists. Sealed: `location`, `content` (its SHA-256), `seed` for row series.

    The holding in which a record is collected comes first and names no `record`: the record (or
    each row of it) names the holding. A further copy names its `record`, what it was `made_from`,
    or both; without `record` it holds whatever the copy that it was made from holds.

    `object`: the SHA-256 of the ciphertext of a copy that Muniment encrypted. It is under the data
    key `sealed.key` of this event and no other copy's; `size` and the sealed `content` are those
    of the plain bytes, `location` is `vault`, a path or `s3://bucket/key`.
    """

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    stream: HoldingId
    custodian: PartyId
    form: MediumForm
    medium: BackupMedium
    size: Count
    items: Count
    encrypted: bool
    record: RecordId | UnsetType = UNSET
    made_from: HoldingId | UnsetType = UNSET
    object: Digest | UnsetType = UNSET

    @property
    def mentions(self) -> tuple[str, ...]:
        """The record that it names, and the copy that it was made from."""
        if self.record is UNSET and self.made_from is UNSET:  # nearly every one that is collected
            return ()
        return tuple(i for i in (self.record, self.made_from) if i is not UNSET)


class HoldingMoved(Event, frozen=True, kw_only=True, tag="holding.moved"):
    """移库: to another place, or to another `custodian` (then both ends sign).

    Sealed: `from`, `to`, `carrier`, `seal_no`, `condition`.
    """

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    stream: HoldingId
    departed_at: Time
    arrived_at: Time
    medium: BackupMedium | UnsetType = UNSET
    custodian: PartyId | UnsetType = UNSET


class HoldingReturned(Event, frozen=True, kw_only=True, tag="holding.returned"):
    """副本返还: back to the party it belongs to; both sign. It is no longer held here."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    stream: HoldingId
    to_party: PartyId


class HoldingLost(Event, frozen=True, kw_only=True, tag="holding.lost"):
    """副本遗失. Sealed: `last_seen`, `circumstances`."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS

    stream: HoldingId
    discovered_at: Time


@evolves(HoldingCreated)
def _created(_: None, event: HoldingCreated, __: int, ___: str) -> HoldingState:
    return HoldingState(
        event.stream,
        event.version,
        event.custodian,
        event.form,
        event.medium,
        None if event.record is UNSET else event.record,
        made_from=None if event.made_from is UNSET else event.made_from,
        object="" if event.object is UNSET else event.object,
        key="" if event.sealed is UNSET else event.sealed.key,
    )


@affects(HoldingCreated)
def _copied(state: State, event: HoldingCreated) -> None:
    if isinstance(state, HoldingState | RecordLike):
        state.copies.append(event.stream)


@evolves(HoldingMoved)
def _moved(state: HoldingState, event: HoldingMoved, _: int, __: str) -> HoldingState:
    if event.custodian is not UNSET:
        state.goes_to(event.custodian)
    if event.medium is not UNSET:
        state.medium = event.medium
    return state


@evolves(HoldingReturned)
def _returned(state: HoldingState, _: HoldingReturned, __: int, ___: str) -> HoldingState:
    state.condition = "returned"
    return state


@evolves(HoldingLost)
def _lost(state: HoldingState, _: HoldingLost, __: int, ___: str) -> HoldingState:
    state.condition = "lost"
    return state


@rule(HoldingCreated)
def created_by_its_custodian(case: Case, event: HoldingCreated) -> Iterator[Refusal]:
    """A copy is registered once, by somebody who acts for its custodian."""
    if event.version != 1:
        yield refuse("I-06", "already_registered", event.stream)
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party != event.custodian:
        yield refuse("I-09", "not_the_actors_party", event.custodian)
    if event.sealed is UNSET:
        yield refuse("I-02", "location_must_be_sealed", event.stream)


@rule(HoldingCreated)
def objects_are_encrypted(_: Case, event: HoldingCreated) -> Iterator[Refusal]:
    """A copy with a ciphertext is an encrypted one, and no paper."""
    if event.object is UNSET:
        return
    if not event.encrypted:
        yield refuse("I-02", "object_must_be_encrypted", event.stream)
    if event.form == "paper" or event.medium == "paper_copy":
        yield refuse("I-02", "object_is_no_paper", event.stream)


@rule(HoldingCreated)
def copies_have_an_origin(case: Case, event: HoldingCreated) -> Iterator[Refusal]:
    """A further copy is of a record that is not over, and of a copy of it that is still there.

    A whole copy is made of an original, so that what lies in it is found in one step. Of another
    party's copy one is made as that party gives it away (I-11, I-12, I-13).
    """
    record = None
    if event.record is not UNSET:
        record = case.world.state(event.record, RecordLike)
        if record is None:
            yield refuse("I-00", "unknown_record", event.record)
        elif over(case, record):
            yield refuse("I-03", "record_is_over", event.record)
    if event.made_from is UNSET:
        return
    source = case.world.state(event.made_from, HoldingState)
    if source is None:
        yield refuse("I-00", "unknown_holding", event.made_from)
        return
    if not source.there and not _survives(case, source):
        yield refuse("I-03", f"holding_is_{source.condition}", event.made_from)
    if record is not None and not record.lies_in(original(case, source)):
        yield refuse("I-00", "holding_of_another_record", event.made_from)
    if record is None and source.record is not None:
        yield refuse("I-00", "copy_names_no_record", event.made_from)
    if record is None and source.made_from is not None:
        yield refuse("I-00", "copy_of_a_copy", event.made_from)
    if source.custodian not in _parties(case):
        yield refuse("I-01", "source_custodian_must_sign", source.custodian)
    if source.custodian != event.custodian:
        yield from against_sharing(case, source)
        yield from against_giving(case, event, source, event.custodian)


@rule(HoldingCreated)
def taken_over_once_it_has_passed(case: Case, event: HoldingCreated) -> Iterator[Refusal]:
    """Nobody puts another party's record into the vault before it has passed to them (I-23).

    What is encrypted here and made of no copy here was delivered. A copy in clear that somebody
    has all the same is told of: to refuse that would hide it.
    """
    if event.object is UNSET or event.record is UNSET or event.made_from is not UNSET:
        return
    record = case.world.state(event.record, RecordLike)
    if record is None or kept_by(case, record, event.custodian):
        return
    passed = case.world.source.passed(event.record)
    if passed is None or passed.to_party != event.custodian:
        yield refuse("I-23", "record_has_not_passed", event.record)


def _survives(case: Case, source: HoldingState) -> bool:
    """Whether a lost original lives on in a copy that a program made of it (I-20).

    What was destroyed or given back does not come again, neither does what was destroyed in a copy.
    """
    if source.condition != "lost" or destroyed_elsewhere(case, source):
        return False
    read = [copy for copy in holdings(case, source.copies) if copy.there and copy.was_read]
    return any(c.custodian == source.custodian and not to_be_destroyed(case, c) for c in read)


@rule(HoldingMoved, HoldingReturned, HoldingLost)
def acts_on_a_present_copy(case: Case, event: Event) -> Iterator[Refusal]:
    """Nothing moves that is not there (I-03)."""
    state = case.world.state(event.stream, HoldingState)
    if state is None:
        yield refuse("I-00", "unknown_holding", event.stream)
        return
    if not state.there:
        yield refuse("I-03", f"holding_is_{state.condition}", event.stream)
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party != state.custodian:
        yield refuse("I-09", "not_the_actors_party", state.custodian)


HANDLERS: frozenset[str] = KEEPERS | {"seller_handler", "buyer_handler"}


def _parties(case: Case) -> set[str]:
    """The parties for which signers of this commit keep or hand over copies."""
    actors = (
        case.world.before(signer.holder, ActorState)
        for signer in case.statement.actors
        if signer.capacity in HANDLERS
    )
    return {actor.party for actor in actors if actor is not None}


@rule(HoldingMoved, HoldingReturned)
def not_out_of_a_case(case: Case, event: HoldingMoved | HoldingReturned) -> Iterator[Refusal]:
    """What a handover or a destruction lists keeps its custodian until that is over (I-21).

    What is on hold is not returned: it would be out of the reach of whoever asked for the hold.
    """
    state = case.world.state(event.stream, HoldingState)
    stays = isinstance(event, HoldingMoved) and event.custodian is UNSET
    if state is None or stays:
        return
    for case_stream in (state.handover, state.destruction):
        if claimed(case, state, case_stream) is not None:
            yield refuse("I-21", "copy_is_in_a_case", str(case_stream))
    if isinstance(event, HoldingReturned) and (found := holds_on(case, state)):
        yield refuse("I-28", "hold_in_force", *found)


@rule(HoldingMoved)
def both_ends_sign_a_move(case: Case, event: HoldingMoved) -> Iterator[Refusal]:
    """A change of custodian is signed by both, and what goes is ready to be given to others.

    To a party that it did not come from it goes under a deal and its confidentiality (I-13).
    """
    if event.arrived_at < event.departed_at:
        yield refuse("I-04", "arrived_before_departed", event.stream)
    state = case.world.state(event.stream, HoldingState)
    if event.custodian is UNSET or state is None or event.custodian == state.custodian:
        return
    if case.world.state(event.custodian, PartyState) is None:
        yield refuse("I-09", "unknown_party", event.custodian)
    elif event.custodian not in _parties(case):
        yield refuse("I-01", "receiving_custodian_must_sign", event.custodian)
    yield from against_sharing(case, state)
    yield from against_giving(case, event, state, event.custodian)


@rule(HoldingReturned)
def both_ends_sign_a_return(case: Case, event: HoldingReturned) -> Iterator[Refusal]:
    """The party that gets the copy back signs for it, and is another one than its keeper.

    Where it came from it goes back freely; to any other party it would be given (I-13).
    """
    state = case.world.state(event.stream, HoldingState)
    if state is not None and event.to_party == state.custodian:
        yield refuse("I-09", "returned_to_its_keeper", event.to_party)
    elif event.to_party not in _parties(case):
        yield refuse("I-01", "receiving_party_must_sign", event.to_party)
    if state is not None:
        yield from against_giving(case, event, state, event.to_party)


@rule(HoldingMoved, HoldingLost)
def times_are_not_in_the_future(case: Case, event: HoldingMoved | HoldingLost) -> Iterator[Refusal]:
    """What is recorded has happened."""
    time = event.arrived_at if isinstance(event, HoldingMoved) else event.discovered_at
    if time > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)

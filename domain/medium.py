"""Media: the disks, tapes and boxes that copies lie on, by what tells one from another.

Nobody has to register a medium; a certificate of destruction names it where somebody did. Maker,
model, serial number and label are sealed: a label often bears a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType

from domain.actor import ActorState
from domain.codes import BackupMedium, SerialSource
from domain.copies import holdings
from domain.guards import own_copies
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.keycopy import KeyCopyState
from domain.values import MAX_LISTED, Count, Event, HoldingId, KeyCopyId, MediumId, PartyId

_MANY = Meta(max_length=MAX_LISTED)


class MediumRegistered(Event, frozen=True, kw_only=True, tag="medium.registered"):
    """介质登记: a medium of this kind, and copies on it; said again for further ones.

    `serial_source`: how the serial number was read; `capacity` in bytes. Sealed: `manufacturer`,
    `model`, `serial`, `label`, as far as known.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({
        "collector", "custodian", "archivist", "administrator", "security_officer",
        "destruction_operator",
    })  # fmt: skip

    stream: MediumId
    kind: BackupMedium
    owner: PartyId
    serial_source: SerialSource | UnsetType = UNSET
    capacity: Count | UnsetType = UNSET
    holdings: Annotated[list[HoldingId], _MANY] = []  # noqa: RUF012
    key_copies: Annotated[list[KeyCopyId], _MANY] = []  # noqa: RUF012

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies that lie on it."""
        return (*self.holdings, *self.key_copies)


class MediumState(State):
    """A medium: of what kind, and whose."""

    kind: str
    owner: str


@evolves(MediumRegistered)
def _registered(_: MediumState | None, event: MediumRegistered, __: int, ___: str) -> MediumState:
    return MediumState(event.stream, event.version, event.kind, event.owner)


@rule(MediumRegistered)
def registered_by_its_owner(case: Case, event: MediumRegistered) -> Iterator[Refusal]:
    """One's own, described in sealed words, and the same whenever it is named (I-02, I-09)."""
    actor = case.world.before(event.by, ActorState)
    state = case.world.state(event.stream, MediumState)
    if actor is not None and actor.party != event.owner:
        yield refuse("I-09", "not_the_actors_party", event.owner)
    if state is None and event.sealed is UNSET:
        yield refuse("I-02", "medium_must_be_described", event.stream)
    if state is not None and (state.kind, state.owner) != (event.kind, event.owner):
        yield refuse("I-06", "medium_is_another", event.stream)


@rule(MediumRegistered)
def bears_what_is_there(case: Case, event: MediumRegistered) -> Iterator[Refusal]:
    """Copies of one's own that are there, of its kind of medium, each named once (I-35)."""
    yield from own_copies(case, event, event.holdings)
    case.world.preload(event.key_copies)
    of_keys = [case.world.state(stream, KeyCopyState) for stream in event.key_copies]
    if len(set(event.key_copies)) != len(event.key_copies):
        yield refuse("I-06", "item_named_twice", event.stream)
    for stream, copy in zip(event.key_copies, of_keys, strict=True):
        if copy is None:
            yield refuse("I-00", "unknown_key_copy", stream)
        elif not copy.there:
            yield refuse("I-03", "key_copy_is_over", stream)
    lying = {copy.stream: copy.medium for copy in holdings(case, event.holdings)}
    lying |= {copy.stream: copy.medium for copy in of_keys if copy is not None}
    for stream, kind in lying.items():
        if kind != event.kind:
            yield refuse("I-35", "copy_on_another_medium", stream)

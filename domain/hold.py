"""Holds: what may not be destroyed, whatever else permits it (冻结).

A hold covers records, copies or whole engagements by id; what a query found, or what is held about
a person, is placed as the ids it found then: what comes later is not held by it. It stops every
destructive path (I-28) and gives no right to use anything (I-34). A further placement on the same
hold widens it; a release ends all of it and takes two persons.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from domain.actor import ActorState
from domain.codes import HoldReason, HoldScope
from domain.copies import HoldingState, RecordLike, kept_by
from domain.engagement import EngagementState
from domain.judging import Case, Refusal, State, affects, evolves, refuse, rule
from domain.record import approved
from domain.values import MAX_LISTED, EngagementId, Event, HeldId, HoldId, HoldingId, RecordId

HOLDERS: frozenset[str] = frozenset({
    "custodian", "archivist", "dpo", "counsel", "internal_auditor", "external_auditor", "court",
    "regulator",
})  # fmt: skip

OUTSIDE: frozenset[str] = frozenset({"counsel", "external_auditor", "court", "regulator"})
"""Who may hold what others keep."""


class LegalHoldPlaced(Event, frozen=True, kw_only=True, tag="hold.legal_hold_placed"):
    """冻结: nothing of this is destroyed until the hold is released.

    At most 200 ids in all; a longer list takes several events. `scope`: what it was placed on, if
    that is told. Sealed: `authority` (whose order, which number), `remark`, `scope` (the query, or
    whose records).
    """

    ROLES: ClassVar[frozenset[str]] = HOLDERS
    ALONE: ClassVar[bool] = True

    stream: HoldId
    reason: HoldReason
    scope: HoldScope | UnsetType = UNSET
    records: Annotated[list[RecordId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012
    holdings: Annotated[list[HoldingId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012
    engagements: Annotated[list[EngagementId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012

    @property
    def mentions(self) -> tuple[str, ...]:
        """Everything that it covers by id."""
        return (*self.records, *self.holdings, *self.engagements)


class LegalHoldReleased(Event, frozen=True, kw_only=True, tag="hold.legal_hold_released"):
    """解除冻结: signed by an approver, too. Sealed: `reason`.

    `objects`: what the hold covered, at most 200 ids an event; released when all are named.
    """

    ROLES: ClassVar[frozenset[str]] = HOLDERS
    ALONE: ClassVar[bool] = True

    stream: HoldId
    objects: Annotated[list[HeldId], Meta(min_length=1, max_length=MAX_LISTED)]

    @property
    def mentions(self) -> tuple[str, ...]:
        """What is free again."""
        return tuple(self.objects)


class HoldState(State):
    """A hold, who placed it, and what it still covers."""

    reason: str
    placed_by: str
    covered: set[str] = field(default_factory=set)

    @property
    def active(self) -> bool:
        """Whether it covers anything."""
        return bool(self.covered)


@evolves(LegalHoldPlaced)
def _placed(state: HoldState | None, event: LegalHoldPlaced, _: int, __: str) -> HoldState:
    state = state or HoldState(event.stream, event.version, event.reason, event.by)
    state.covered.update(event.mentions)
    return state


@evolves(LegalHoldReleased)
def _released(state: HoldState, event: LegalHoldReleased, _: int, __: str) -> HoldState:
    state.covered.difference_update(event.objects)
    return state


@affects(LegalHoldPlaced)
def _held(state: State, event: LegalHoldPlaced) -> None:
    if isinstance(state, RecordLike | HoldingState | EngagementState):
        state.holds.add(event.stream)


@affects(LegalHoldReleased)
def _freed(state: State, event: LegalHoldReleased) -> None:
    if isinstance(state, RecordLike | HoldingState | EngagementState):
        state.holds.discard(event.stream)


@rule(LegalHoldPlaced)
def covers_what_exists(case: Case, event: LegalHoldPlaced) -> Iterator[Refusal]:
    """A hold covers things that exist, each named once; a released one is not placed again."""
    state = case.world.state(event.stream, HoldState)
    if state is not None and not state.active:
        yield refuse("I-06", "hold_is_released", event.stream)
    if state is not None:
        yield from _of_its_party(case, event, state)
    elif event.sealed is UNSET:
        yield refuse("I-28", "hold_without_authority", event.stream)
    if not event.mentions:
        yield refuse("I-28", "hold_covers_nothing", event.stream)
    if len(set(event.mentions)) != len(event.mentions) or len(event.mentions) > MAX_LISTED:
        yield refuse("I-06", "item_named_twice", event.stream)
    yield from _within_reach(case, event)
    for code, kind, streams in (
        ("unknown_record", RecordLike, event.records),
        ("unknown_holding", HoldingState, event.holdings),
        ("unknown_engagement", EngagementState, event.engagements),
    ):
        for stream in streams:
            if case.world.state(stream, kind) is None:
                yield refuse("I-00", code, stream)


def _within_reach(case: Case, event: LegalHoldPlaced) -> Iterator[Refusal]:
    """A party holds what it keeps; courts, regulators, counsel and auditors from outside hold more.

    Else a buyer could freeze what was never handed over, and the seller could not release it.
    """
    actor = case.world.before(event.by, ActorState)
    if actor is None or event.role in OUTSIDE:
        return
    known = [case.world.state(stream, RecordLike) for stream in event.records]
    case.world.preload(copy for record in known if record is not None for copy in record.holdings)
    for stream, record in zip(event.records, known, strict=True):
        if record is not None and not kept_by(case, record, actor.party):
            yield refuse("I-09", "not_the_actors_party", stream)
    for stream in event.holdings:
        copy = case.world.state(stream, HoldingState)
        if copy is not None and copy.custodian != actor.party:
            yield refuse("I-09", "not_the_actors_party", copy.custodian)


def _of_its_party(case: Case, event: Event, state: HoldState) -> Iterator[Refusal]:
    """Whoever widens or ends a hold acts for the party that placed it (I-09)."""
    actor, first = (case.world.before(a, ActorState) for a in (event.by, state.placed_by))
    if actor is not None and first is not None and actor.party != first.party:
        yield refuse("I-09", "not_the_actors_party", first.party)


@rule(LegalHoldReleased)
def released_by_two(case: Case, event: LegalHoldReleased) -> Iterator[Refusal]:
    """A release names what is covered, and an approver signs besides the author (I-07, I-28)."""
    state = case.world.state(event.stream, HoldState)
    if state is None or not state.active:
        yield refuse("I-00", "unknown_hold", event.stream)
        return
    yield from _of_its_party(case, event, state)
    if not set(event.objects) <= state.covered or len(set(event.objects)) != len(event.objects):
        yield refuse("I-28", "hold_does_not_cover", event.stream)
    if not approved(case, event):
        yield refuse("I-07", "release_needs_second_person", event.stream)

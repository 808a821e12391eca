"""Handovers: copies pass from one party to another, item by item, signed by both sides.

planned → list_frozen → released → received → confirmed; cancelled until it is received. What is
handed over is the frozen list (I-21): release and receipt name its root, and a changed list is a
new version of it. Custody passes with the confirmation, which both handlers and a supervisor of
each side sign in one commit over one root (I-23). The gates of a deal (agreements, notices,
assessment: I-13, I-14, I-17) come with the engagement.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from msgspec import field

from domain.actor import ActorState
from domain.codes import TransferMode
from domain.copies import HoldingState, holdings
from domain.guards import against_transfer, own_copies
from domain.judging import Case, Refusal, State, affects, closes, evolves, refuse, rule
from domain.listing import Items, Listing, ListState, continues, same_list
from domain.party import PartyState
from domain.values import (
    MAX_LISTED,
    ActorId,
    Count,
    Date,
    Digest,
    Event,
    HandoverId,
    Ordinal,
    PartyId,
    Time,
    is_day,
)

Step = Literal["planned", "list_frozen", "released", "received", "confirmed", "cancelled"]


class HandoverPlanned(Event, frozen=True, kw_only=True, tag="handover.planned"):
    """移交计划: who hands over to whom, and in which days. Sealed: `place`, `method`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler"})
    ALONE: ClassVar[bool] = True

    stream: HandoverId
    mode: TransferMode
    from_party: PartyId
    to_party: PartyId
    seller_handler: ActorId
    buyer_handler: ActorId
    first_day: Date
    last_day: Date


class HandoverListFrozen(Listing, frozen=True, kw_only=True, tag="handover.list_frozen"):
    """移交清单锁定: what is handed over, and nothing else.

    `list_version`: 1 for the first list; a higher one replaces the list before it.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler"})
    ALONE: ClassVar[bool] = True

    stream: HandoverId
    list_version: Ordinal


class HandoverReleased(Event, frozen=True, kw_only=True, tag="handover.released"):
    """交付: the seller has given away what the list with this root names.

    Sealed: `package` (SHA-256 of what was sent), `channel`, `seal_no`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler"})
    ALONE: ClassVar[bool] = True

    stream: HandoverId
    root: Digest
    released_at: Time


class HandoverReceived(Event, frozen=True, kw_only=True, tag="handover.received"):
    """接收: the buyer's own receipt for what the list with this root names.

    `read`: how many items were read again; `matched`: how many of those had their digests.
    Sealed: `package`, `seal_state`, `place`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"buyer_handler"})
    ALONE: ClassVar[bool] = True

    stream: HandoverId
    root: Digest
    received_at: Time
    read: Count
    matched: Count


class HandoverConfirmed(Event, frozen=True, kw_only=True, tag="handover.confirmed"):
    """移交确认: custody of `items` passes at `effective_at`; responsibility with it.

    Signed by both handlers and a supervisor of each side. A long list takes several events of the
    one commit.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler", "buyer_handler"})
    ALONE: ClassVar[bool] = True

    stream: HandoverId
    items: Items
    root: Digest
    to_party: PartyId
    effective_at: Time

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies whose custodian changes."""
        return tuple(self.items)


class HandoverCancelled(Event, frozen=True, kw_only=True, tag="handover.cancelled"):
    """移交终止: nothing passes; both handlers sign if it was received. Sealed: `reason`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler", "buyer_handler"})
    ALONE: ClassVar[bool] = True

    stream: HandoverId


class HandoverState(ListState):
    """A handover: between whom, how far it has come; `items` maps a copy to `confirmed`."""

    from_party: str = ""
    to_party: str = ""
    handlers: dict[str, str] = field(default_factory=dict)
    step: Step = "planned"
    list_version: int = 0
    matched: bool = False

    @property
    def running(self) -> bool:
        """Whether copies are bound by it: from the frozen list to confirmation or cancellation."""
        return self.step in ("list_frozen", "released", "received")


@evolves(HandoverPlanned)
def _planned(_: None, event: HandoverPlanned, __: int, ___: str) -> HandoverState:
    return HandoverState(
        event.stream, event.version, from_party=event.from_party, to_party=event.to_party,
        handlers={"seller_handler": event.seller_handler, "buyer_handler": event.buyer_handler},
    )  # fmt: skip


@evolves(HandoverListFrozen)
def _frozen(state: HandoverState, event: HandoverListFrozen, _: int, __: str) -> HandoverState:
    if event.list_version != state.list_version:
        state.items, state.list_version = {}, event.list_version
    state.listed(event)
    state.step = "list_frozen"
    return state


@evolves(HandoverReleased)
def _released(state: HandoverState, _: HandoverReleased, __: int, ___: str) -> HandoverState:
    state.step = "released"
    return state


@evolves(HandoverReceived)
def _received(state: HandoverState, event: HandoverReceived, _: int, __: str) -> HandoverState:
    state.step = "received"
    state.matched = event.matched == event.read
    return state


@evolves(HandoverConfirmed)
def _confirmed(state: HandoverState, event: HandoverConfirmed, _: int, __: str) -> HandoverState:
    state.items.update(dict.fromkeys(event.items, "confirmed"))
    if set(state.items.values()) == {"confirmed"}:
        state.step = "confirmed"
    return state


@evolves(HandoverCancelled)
def _cancelled(state: HandoverState, _: HandoverCancelled, __: int, ___: str) -> HandoverState:
    state.step = "cancelled"
    return state


@affects(HandoverListFrozen)
def _listed(state: State, event: HandoverListFrozen) -> None:
    if isinstance(state, HoldingState):
        state.handover = event.stream


@affects(HandoverConfirmed)
def _passed(state: State, event: HandoverConfirmed) -> None:
    if isinstance(state, HoldingState):
        state.custodian = event.to_party


@rule(HandoverPlanned)
def planned_between_two(case: Case, event: HandoverPlanned) -> Iterator[Refusal]:
    """Two parties, each with a handler of its own, and nobody for both (I-07, I-09)."""
    if event.version != 1:
        yield refuse("I-06", "already_planned", event.stream)
    if event.from_party == event.to_party:
        yield refuse("I-07", "handover_to_oneself", event.to_party)
    if event.seller_handler == event.buyer_handler:
        yield refuse("I-07", "handler_of_both_sides", event.seller_handler)
    if event.by != event.seller_handler:
        yield refuse("I-09", "not_the_handler", event.by)
    for actor, party in (
        (event.seller_handler, event.from_party),
        (event.buyer_handler, event.to_party),
    ):
        if case.world.state(party, PartyState) is None:
            yield refuse("I-09", "unknown_party", party)
        known = case.world.state(actor, ActorState)
        if known is None:
            yield refuse("I-09", "unknown_actor", actor)
        elif known.party != party:
            yield refuse("I-09", "handler_of_another_party", actor)
    if not (is_day(event.first_day) and is_day(event.last_day)):
        yield refuse("I-04", "no_such_day", event.stream)
    elif event.last_day < event.first_day:
        yield refuse("I-04", "ended_before_started", event.stream)


_BEFORE: dict[type[Event], tuple[str, ...]] = {
    HandoverListFrozen: ("planned", "list_frozen"),
    HandoverReleased: ("list_frozen",),
    HandoverReceived: ("released",),
    HandoverConfirmed: ("received",),
    HandoverCancelled: ("planned", "list_frozen", "released", "received"),
}


@rule(
    HandoverListFrozen, HandoverReleased, HandoverReceived, HandoverConfirmed, HandoverCancelled
)  # fmt: skip
def in_its_order_by_its_handler(case: Case, event: Event) -> Iterator[Refusal]:
    """Each step follows the one before it, and is said by the handler of its side (I-21)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        yield refuse("I-00", "unknown_handover", event.stream)
        return
    if state.step not in _BEFORE[type(event)]:
        yield refuse("I-21", f"handover_is_{state.step}", event.stream)
    if state.handlers.get(event.role) != event.by:
        yield refuse("I-09", "not_the_handler", event.by)


@rule(HandoverListFrozen)
def ready_to_be_handed_over(case: Case, event: HandoverListFrozen) -> Iterator[Refusal]:
    """One's own copies that are there and ready; a new version replaces the list whole (I-21)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    more = event.list_version == state.list_version
    if not more and event.list_version != state.list_version + 1:
        yield refuse("I-21", "list_version_gap", event.stream)
    if more and state.whole:
        yield refuse("I-21", "list_is_whole", event.stream)
    if not more and state.items and not state.whole:
        yield refuse("I-21", "list_not_whole", event.stream)
    yield from continues(state if more else None, event)
    yield from own_copies(case, event, event.items)
    refusals = against_transfer(case, event.items)
    # Copies of an earlier version of this very list are bound by nothing but this list.
    yield from (r for r in refusals if r.blocking != (event.stream,))


@rule(HandoverReleased, HandoverReceived)
def of_the_frozen_list(case: Case, event: HandoverReleased | HandoverReceived) -> Iterator[Refusal]:
    """What goes and what arrives is what the frozen list names (I-21)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    yield from same_list(state, event.root)
    happened = event.received_at if isinstance(event, HandoverReceived) else event.released_at
    if happened > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if isinstance(event, HandoverReceived) and not event.matched <= event.read <= state.count:
        yield refuse("I-21", "counts_do_not_fit", event.stream)
    if isinstance(event, HandoverReleased):  # what was frozen may have changed since
        yield from own_copies(case, event, list(state.items))
        refusals = against_transfer(case, state.items)
        yield from (r for r in refusals if r.blocking != (event.stream,))


def _both_handlers(case: Case, state: HandoverState) -> Iterator[Refusal]:
    for role, handler in state.handlers.items():
        if not any(s.holder == handler and s.capacity == role for s in case.statement.actors):
            yield refuse("I-23", "handler_must_sign", handler)


@rule(HandoverCancelled)
def cancelled_by_both_once_received(case: Case, event: HandoverCancelled) -> Iterator[Refusal]:
    """What the buyer has received is not undone by one side alone (I-23)."""
    state = case.world.state(event.stream, HandoverState)
    if state is not None and state.step == "received":
        yield from _both_handlers(case, state)


@closes(HandoverConfirmed)
def confirmed_whole(case: Case, event: HandoverConfirmed) -> Iterator[Refusal]:
    """One commit confirms the whole list: nobody takes a part of it (I-23)."""
    state = case.world.state(event.stream, HandoverState)
    if state is not None and state.step != "confirmed":
        yield refuse("I-23", "list_not_confirmed_whole", event.stream)


@rule(HandoverConfirmed)
def confirmed_by_both_sides(case: Case, event: HandoverConfirmed) -> Iterator[Refusal]:
    """Both handlers and enough supervisors of each side sign over the one root (I-23)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    yield from same_list(state, event.root)
    if event.to_party != state.to_party:
        yield refuse("I-21", "another_recipient", event.to_party)
    if not state.matched:
        yield refuse("I-23", "receipt_did_not_match", event.stream)
    open_items = [item for item, outcome in state.items.items() if not outcome]
    if event.items != open_items[:MAX_LISTED]:
        yield refuse("I-21", "not_the_open_items", event.stream)
    for copy in holdings(case, event.items):
        if not copy.there:
            yield refuse("I-03", f"holding_is_{copy.condition}", copy.stream)
    refusals = against_transfer(case, event.items)  # what was released may have been restricted
    yield from (r for r in refusals if r.blocking != (event.stream,))
    if event.effective_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    yield from _both_handlers(case, state)
    said = case.statement
    for party in (state.from_party, state.to_party):
        supervisors = {
            s.holder
            for s in said.actors
            if s.capacity == "supervisor"
            and (actor := case.world.before(s.holder, ActorState)) is not None
            and actor.party == party
        }
        if len(supervisors) < case.policy.thresholds.supervisors_per_side:
            yield refuse("I-23", "supervisor_must_sign", party)

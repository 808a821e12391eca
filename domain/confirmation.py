"""The end of a handover: the joint confirmation, and the end without one.

One commit confirms everything that was accepted, and nothing passes before it: both handlers and
enough supervisors of each side sign over the one root (I-23; 会计档案管理办法 24).
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.actor import ActorState
from domain.clearing import against_items
from domain.copies import holdings
from domain.guards import against_transfer
from domain.handover import (
    HandoverCancelled,
    HandoverConfirmed,
    HandoverState,
    copies_of,
)
from domain.handover_rules import (
    SHOWN,
    against_passed,
    against_unready,
    in_the_order_of_time,
    same_lines,
    standing_of,
)
from domain.judging import Case, Refusal, closes, refuse, rule


def both_handlers(case: Case, state: HandoverState) -> Iterator[Refusal]:
    """Whether the handlers of both sides sign, each as that (I-23)."""
    for role, handler in state.handlers.items():
        if not any(s.holder == handler and s.capacity == role for s in case.statement.actors):
            yield refuse("I-23", "handler_must_sign", handler)


@rule(HandoverCancelled)
def cancelled_by_both_once_received(case: Case, event: HandoverCancelled) -> Iterator[Refusal]:
    """What the buyer has received is not undone by one side alone, while it speaks (I-23).

    Who leaves the inspection unfinished and falls silent does not hold the other side to the deal,
    whatever it said before: the seller may then cancel alone, or have the silence deemed acceptance
    and be held to that. What was received still has to go back (I-22).
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None or state.step != "received":
        return
    if event.role != "seller_handler" or not state.silent(case.statement.accepted):
        yield from both_handlers(case, state)


@rule(HandoverConfirmed)
def confirmed_as_inspected(case: Case, event: HandoverConfirmed) -> Iterator[Refusal]:
    """What passes was accepted, and whatever did not fit is settled or reserved (I-23)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    yield from same_lines(state, event)
    if event.to_party != state.to_party:
        yield refuse("I-21", "another_recipient", event.to_party)
    if not state.matched and not state.discrepancies:
        yield refuse("I-23", "receipt_did_not_match", event.stream)
    if state.open_discrepancies:
        yield refuse("I-23", "discrepancies_are_open", event.stream)
    if event.rejected != state.rejected or event.reservations != state.reservations:
        yield refuse("I-21", "counts_do_not_fit", event.stream)
    if len(set(event.items)) != len(event.items):
        yield refuse("I-06", "item_named_twice", event.stream)
    waiting = [item for item in event.items if not state.accepted(item)]
    unseen = [item for item in waiting if state.items.get(item) in ("", "again")]
    faulty = [item for item in waiting if state.items.get(item) == "faulty"]
    if unseen:
        yield refuse("I-23", "item_not_inspected", *unseen[:SHOWN])
    if faulty:
        yield refuse("I-23", "fault_is_not_settled", *faulty[:SHOWN])
    if others := set(waiting) - {*unseen, *faulty}:
        yield refuse("I-23", "not_an_open_item", *sorted(others)[:SHOWN])
    yield from in_the_order_of_time(case, event, event.effective_at, state.received_at)


@rule(HandoverConfirmed)
def still_fit_to_pass(case: Case, event: HandoverConfirmed) -> Iterator[Refusal]:
    """What was released may have been lost or restricted since, or a consent withdrawn (I-14)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    copies = copies_of(event.items)
    for copy in holdings(case, copies):
        if not copy.there:
            yield refuse("I-03", f"holding_is_{copy.condition}", copy.stream)
    if copies:
        refusals = against_transfer(case, copies)
        yield from (r for r in refusals if r.blocking != (event.stream,))
    found = standing_of(case, state, event.items, state.since)
    yield from against_passed(found)
    yield from against_unready(case, found)
    yield from against_items(
        case, state.engagement, event.items, marketing=state.marketing, recipient=state.to_party
    )


@rule(HandoverConfirmed)
def confirmed_by_both_sides(case: Case, event: HandoverConfirmed) -> Iterator[Refusal]:
    """Both handlers and enough supervisors of each side sign over the one root (I-23)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    yield from both_handlers(case, state)
    for party in (state.from_party, state.to_party):
        supervisors = {
            s.holder
            for s in case.statement.actors
            if s.capacity == "supervisor"
            and (actor := case.world.before(s.holder, ActorState)) is not None
            and actor.party == party
        }
        if len(supervisors) < case.policy.thresholds.supervisors_per_side:
            yield refuse("I-23", "supervisor_must_sign", party)


@closes(HandoverConfirmed)
def confirmed_whole(case: Case, event: HandoverConfirmed) -> Iterator[Refusal]:
    """One commit confirms all that was accepted: nobody takes a part of it (I-23)."""
    state = case.world.state(event.stream, HandoverState)
    if state is not None and state.step != "confirmed":
        yield refuse("I-23", "list_not_confirmed_whole", event.stream)

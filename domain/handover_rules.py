"""The rules of a handover up to its receipt: who, in which order, what, and past which gates.

A record on a list is judged as the records in a copy are: by one example of each kind, which the
source picks out of the whole list (`domain.answers.Listed`). What was frozen is judged again when
it is released, because what stands about records and people may have changed since (I-14, I-33).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from msgspec import UNSET

from domain.actor import ActorState
from domain.answers import Listed
from domain.clearing import NOT_PERSONAL, against_items
from domain.copies import contents_of, holdings
from domain.engagement import EngagementState
from domain.gates import (
    HANDOVER_TRAINING,
    against_keys,
    against_release,
    against_untrained_signers,
    path_of,
)
from domain.guards import against_transfer, examples_of, not_ready, own_copies
from domain.handover import (
    HANDLERS,
    MARKETING,
    HandoverCancelled,
    HandoverConfirmed,
    HandoverListFrozen,
    HandoverPlanned,
    HandoverReceived,
    HandoverReleased,
    HandoverState,
    HandoverStep,
    copies_of,
    records_of,
)
from domain.judging import Case, Refusal, closes, refuse, rule
from domain.listing import MAX_ITEMS, MAX_RECORDS, continues, same_list
from domain.party import PartyState
from domain.record import RecordState
from domain.values import is_day, later

SHOWN: Final = 8
"""So many ids a refusal names of those that it is about."""


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


@rule(HandoverPlanned)
def planned_under_a_deal(case: Case, event: HandoverPlanned) -> Iterator[Refusal]:
    """A handover belongs to a deal, between its parties, in its kind of transfer (I-09).

    The structure of the deal decides the law (PIPL 21 to 23). What is entrusted may go to the
    broker who processes for the seller.
    """
    deal = case.world.state(event.engagement, EngagementState)
    if deal is None or deal.kind != "deal":
        yield refuse("I-09", "handover_needs_a_deal", event.engagement)
        return
    path = path_of(case, deal)
    entrusted = path is not None and path.path == "entrusted"
    takers = {deal.buyer, deal.broker} - {""} if entrusted else {deal.buyer}
    if event.from_party != deal.seller or event.to_party not in takers:
        yield refuse("I-09", "parties_of_another_deal", event.engagement)
    if event.inspection_days is UNSET:
        yield refuse("I-40", "no_time_for_inspection", event.stream)
    if event.mode != deal.mode:
        yield refuse("I-09", "mode_of_another_deal", event.engagement)
    if path is None or not path.hands_over:
        yield refuse("I-09", "mode_hands_nothing_over", event.engagement)


def in_its_order_by_its_side(case: Case, event: HandoverStep) -> Iterator[Refusal]:
    """Each step follows the one before it, under its deal, said by whose it is (I-21, I-09).

    A handler speaks for the own side alone, anybody else for the party that they act for; and only
    keys that the parties agreed on for that role sign (I-23). Nobody supervises what they handle,
    or have handled until they were replaced (I-07).
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        yield refuse("I-00", "unknown_handover", event.stream)
        return
    if state.step not in event.AFTER:
        yield refuse("I-21", f"handover_is_{state.step}", event.stream)
    if event.engagement != state.engagement:
        yield refuse("I-09", "handover_of_another_deal", state.engagement)
    actor = case.world.before(event.by, ActorState)
    if event.role in HANDLERS:
        if state.handlers.get(event.role) != event.by:
            yield refuse("I-09", "not_the_handler", event.by)
    elif actor is not None and actor.party not in (state.from_party, state.to_party):
        yield refuse("I-09", "not_of_either_side", event.by)
    yield from against_keys(case, event)
    yield from against_untrained_signers(case, HANDOVER_TRAINING)
    handlers = state.former.union(state.handlers.values())
    for signer in case.statement.actors:
        if signer.capacity == "supervisor" and signer.holder in handlers:
            yield refuse("I-07", "supervisor_was_handler", signer.holder)


rule(
    HandoverListFrozen, HandoverReleased, HandoverReceived, HandoverConfirmed, HandoverCancelled
)(in_its_order_by_its_side)  # fmt: skip


# -- the list ---------------------------------------------------------------------------------


@rule(HandoverListFrozen)
def one_list_in_parts(case: Case, event: HandoverListFrozen) -> Iterator[Refusal]:
    """The parts of a list belong together; a new version replaces the list whole (I-21)."""
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
    yield from continues(state if more else None, event, MAX_RECORDS)
    copies = len(state.items) - state.records if more else 0
    if copies + len(event.mentions) > MAX_ITEMS:
        yield refuse("I-21", "list_too_long", event.stream)
    marketing = event.purpose == MARKETING
    if event.lines is UNSET:
        yield refuse("I-21", "lines_are_missing", event.stream)
    if more and (event.lines, marketing) != (state.lines, state.marketing):
        yield refuse("I-21", "part_of_another_list", event.stream)
    if more and event.excluded:
        yield refuse("I-21", "exclusions_come_first", event.stream)
    if not more and event.sealed is UNSET:
        yield refuse("I-21", "lines_without_seed", event.stream)
    if len({one.reason for one in event.excluded}) != len(event.excluded):
        yield refuse("I-06", "item_named_twice", event.stream)


@rule(HandoverListFrozen)
def ready_to_be_handed_over(case: Case, event: HandoverListFrozen) -> Iterator[Refusal]:
    """One's own that is there and ready, and the people in it are cleared for it.

    Where what is given comes back at the end (PIPL 21), no copy passes: contents are delivered.
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    deal = case.world.state(state.engagement, EngagementState)
    path = path_of(case, deal) if deal is not None else None
    if path is not None and path.returns and event.mentions:
        yield refuse("I-09", "custody_does_not_pass", state.engagement)
    yield from against_listed(case, event, state, event.items, case.statement.entry)
    marketing = event.purpose == MARKETING
    yield from against_items(
        case, state.engagement, event.items, marketing=marketing, recipient=state.to_party
    )


@closes(HandoverListFrozen)
def each_content_goes_once(case: Case, event: HandoverListFrozen) -> Iterator[Refusal]:
    """No record is on a list beside a copy that it lies in (I-21).

    The copy would pass, and the content be delivered as if that copy stayed: two items for one
    thing, of which one can be rejected and the other confirmed.
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None or state.records in (0, len(state.items)):
        return
    copies, records = copies_of(state.items), records_of(state.items)
    if found := sorted(case.world.source.lying_in(copies, records)):
        yield refuse("I-21", "record_and_its_copy", *found[:SHOWN])


def against_listed(
    case: Case, event: HandoverStep, state: HandoverState, items: Sequence[str], since: int
) -> Iterator[Refusal]:
    """Why items may not go: copies are not one's own or not ready, records are not kept or ready.

    Nothing goes on two lists at once, a record on one and a copy of it on another included; and
    what has passed to somebody else is not handed over again. `since`: the entry that froze the
    list: what was corrected after it is not what is listed.
    """
    copies, told = copies_of(items), {event.stream}
    if copies:
        yield from own_copies(case, event, copies)
        # Copies of an earlier version of this very list are bound by nothing but this list.
        refusals = [r for r in against_transfer(case, copies) if r.blocking != (event.stream,)]
        told.update(stream for refusal in refusals for stream in refusal.blocking)
        yield from refusals
    found = standing_of(case, state, items, since)
    if found.unknown:
        yield refuse("I-00", "unknown_record", *found.unknown[:SHOWN])
    if found.not_kept:
        yield refuse("I-09", "no_copy_kept", *found.not_kept[:SHOWN])
    if others := {by for _, by in found.claimed} - told:
        yield refuse("I-21", "record_is_in_a_handover", *sorted(others)[:SHOWN])
    if found.corrected:
        yield refuse("I-21", "record_was_corrected", *found.corrected[:SHOWN])
    yield from against_passed(found)
    yield from against_unready(case, found)


def standing_of(case: Case, state: HandoverState, items: Sequence[str], since: int) -> Listed:
    """What stands about items, asked once while a commit is judged."""
    source, giver, bound = case.world.source, state.from_party, case.policy.stays_bound
    name = ("listed", state.stream, *items[:1], len(items), since)
    return case.world.once(name, lambda: source.listed(items, giver, since, bound))


def against_passed(found: Listed) -> Iterator[Refusal]:
    """Why items may not go: they are another party's by now (PIPL 22, 23)."""
    if found.passed:
        yield refuse("I-09", "record_has_passed", *found.passed[:SHOWN])


def against_unready(case: Case, found: Listed) -> Iterator[Refusal]:
    """Why records of these kinds may not go to another party; each kind is judged once."""
    for kind, record in found.examples:
        yield from case.world.once(("ready", kind), partial(_against_one, case, record))


def _against_one(case: Case, record: str) -> tuple[Refusal, ...]:
    state = case.world.state(record, RecordState)
    return tuple(not_ready(state)) if state is not None else ()


# -- release and receipt ----------------------------------------------------------------------


def same_lines(
    state: HandoverState, event: HandoverReleased | HandoverReceived | HandoverConfirmed
) -> Iterator[Refusal]:
    """Whether somebody speaks of the list that stands, with the lines that stand (I-21)."""
    yield from same_list(state, event.root)
    if event.root == state.root and (event.lines or "") != state.lines:
        yield refuse("I-21", "another_list_was_seen", state.stream)


def in_the_order_of_time(
    case: Case, event: HandoverStep, said: str, before: str
) -> Iterator[Refusal]:
    """Whether a step was done by now, and not before the one before it, as far as clocks agree.

    A list is frozen when that is recorded. A release or a receipt may be recorded later than it
    was done, so the next step is compared with when it is said to have been done (I-04).
    """
    if said > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    elif later(said, seconds=case.policy.limits.clock_skew_seconds) < before:
        yield refuse("I-04", "before_the_step_before", event.stream)


@rule(HandoverReleased)
def released_past_the_gates(case: Case, event: HandoverReleased) -> Iterator[Refusal]:
    """What goes is what was frozen, still ready and cleared, and every gate is open (I-13, I-14).

    A package goes with a list of records, and with no other.
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    yield from same_lines(state, event)
    yield from in_the_order_of_time(case, event, event.released_at, state.frozen_at)
    if (event.package is UNSET) != (state.records == 0):
        yield refuse(
            "I-21",
            "records_need_a_package" if state.records else "package_without_records",
            event.stream,
        )
    if state.step == "released" and not state.readdressed:
        yield refuse("I-21", "handover_is_released", event.stream)
    items = list(state.items)
    yield from against_listed(case, event, state, items, state.since)
    yield from against_items(
        case, state.engagement, items, marketing=state.marketing, recipient=state.to_party
    )
    found = list(_examples(case, state, items))
    categories = {category for record in found for category in record.categories}
    personal = {
        category
        for record in found
        if record.sensitivity not in NOT_PERSONAL
        for category in record.categories
    }
    yield from against_release(case, event, state.from_party, state.to_party, categories, personal)


def _examples(case: Case, state: HandoverState, items: Sequence[str]) -> Iterator[RecordState]:
    """One record of each kind on a list, those in its copies included."""
    for copy in holdings(case, copies_of(items)):
        yield from examples_of(case, contents_of(case, copy))
    for _, record in standing_of(case, state, items, state.since).examples:
        found = case.world.state(record, RecordState)
        if found is not None:
            yield found


@rule(HandoverReceived)
def received_as_released(case: Case, event: HandoverReceived) -> Iterator[Refusal]:
    """What arrives is what the frozen list names, in the package that was given away (I-21).

    A receipt is a fact: what was restricted or withdrawn on the way has arrived all the same. What
    stands about records and people is judged again before anything passes (`domain.confirmation`).
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    yield from same_lines(state, event)
    yield from in_the_order_of_time(case, event, event.received_at, state.released_at)
    if not event.matched <= event.read <= state.count:
        yield refuse("I-21", "counts_do_not_fit", event.stream)
    if (event.package or "") != state.package:
        yield refuse("I-21", "another_package_was_seen", event.stream)

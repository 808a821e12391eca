"""The rules of destruction cases: who may say what, when, and what stands in the way then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from msgspec import UNSET

from domain.actor import ActorState
from domain.backup import locked
from domain.copies import (
    HoldingState,
    claimed,
    copies_of_record,
    holdings,
    offspring,
    original,
    record_in,
)
from domain.destruction import (
    CaseState,
    DestructionApproved,
    DestructionCertified,
    DestructionExecuted,
    DestructionFailed,
    DestructionProposed,
    DestructionRejected,
    DestructionVerified,
    DisposalAppraised,
)
from domain.guards import (
    STATUTE_ORDERS,
    against_destruction,
    against_shredding,
    own_copies,
    watched_by_others,
)
from domain.judging import Case, Refusal, refuse, rule
from domain.keycopy import keystore_named
from domain.keycopy import left as key_copies_left
from domain.listing import continues, same_list
from domain.values import MAX_LISTED, Event, later


@rule(DestructionProposed)
def proposed_where_permitted(case: Case, event: DestructionProposed) -> Iterator[Refusal]:
    """One's own copies that nothing keeps, not in another case (I-26, I-28, I-36)."""
    state = case.world.state(event.stream, CaseState)
    if state is not None and state.whole:
        yield refuse("I-21", "list_is_whole", event.stream)
    if state is not None and (event.by, event.ground) != (state.proposer, state.ground):
        yield refuse("I-21", "part_of_another_list", event.stream)
    yield from continues(state, event)
    yield from own_copies(case, event, event.items)
    for copy in holdings(case, event.items):
        other = claimed(case, copy, copy.destruction)
        if other is not None and other.stream != event.stream:
            yield refuse("I-21", "copy_is_in_a_case", other.stream)
    if event.ground == STATUTE_ORDERS and state is None and event.sealed is UNSET:
        yield refuse("I-26", "statute_needs_reason", event.stream)
    doomed = {*(state.items if state is not None else ()), *event.items}
    yield from against_destruction(case, event.items, doomed, event.ground)


@rule(
    DisposalAppraised, DestructionApproved, DestructionRejected, DestructionExecuted,
    DestructionVerified, DestructionFailed, DestructionCertified,
)  # fmt: skip
def case_is_running(case: Case, event: Event) -> Iterator[Refusal]:
    """The case exists, is not over, and concerns the author's own party; one list for all."""
    state = case.world.state(event.stream, CaseState)
    if state is None:
        yield refuse("I-00", "unknown_case", event.stream)
        return
    if not state.running:
        yield refuse("I-06", f"case_is_{state.ended}", event.stream)
    proposer = case.world.before(state.proposer, ActorState)
    actor = case.world.before(event.by, ActorState)
    if proposer is not None and actor is not None and proposer.party != actor.party:
        yield refuse("I-09", "not_the_actors_party", proposer.party)
    if not isinstance(event, DestructionRejected):  # the way out of a list that is never finished
        yield from same_list(state, getattr(event, "root", state.root))


@rule(DisposalAppraised, DestructionRejected)
def before_anything_is_done(case: Case, event: Event) -> Iterator[Refusal]:
    """An opinion comes before the execution, and is not the proposer's own; so does a rejection.

    Approvals may be renewed afterwards, for what is still to be done.
    """
    state = case.world.state(event.stream, CaseState)
    if state is None:
        return
    if state.begun:
        yield refuse("I-06", "already_executed", event.stream)
    if isinstance(event, DisposalAppraised) and event.by == state.proposer:
        yield refuse("I-07", "appraiser_is_proposer", event.by)


@rule(DestructionApproved)
def approved_by_different_persons(case: Case, event: DestructionApproved) -> Iterator[Refusal]:
    """Appraised, by persons that are neither the proposer nor of one function (I-07, I-27)."""
    state = case.world.state(event.stream, CaseState)
    if state is None:
        return
    if state.appraisal != "pass":
        yield refuse("I-27", "not_appraised", event.stream)
    if event.by == state.proposer:
        yield refuse("I-07", "approver_is_proposer", event.by)
    previous = _valid_approvals(case, state)
    if event.by in previous:
        yield refuse("I-07", "approver_approves_twice", event.by)
    function = _function(case, event.by)
    if previous and {_function(case, actor) for actor in previous} == {function}:
        yield refuse("I-27", "approvers_of_one_function", event.by)
    yield from against_destruction(case, state.kept, set(state.kept), state.ground)


def _function(case: Case, actor: str) -> str:
    state = case.world.before(actor, ActorState)
    return state.function if state is not None else ""


def _valid_approvals(case: Case, state: CaseState) -> list[str]:
    """Who has approved and not too long ago."""
    days = case.policy.deadlines.destruction_approval_days
    return [
        actor
        for actor, accepted in state.approvals.items()
        if case.statement.accepted <= later(accepted, days=days)
    ]


@rule(DestructionExecuted)
def executed_as_approved(case: Case, event: DestructionExecuted) -> Iterator[Refusal]:
    """Enough approvals that have not expired, nothing in the way now, only what is on the list."""
    state = case.world.state(event.stream, CaseState)
    if state is None:
        return
    if state.appraisal != "pass":  # an opinion may have changed since the approvals
        yield refuse("I-27", "not_appraised", event.stream)
    yield from _approved_before(case, state, event.started_at)
    named = [result.holding for result in event.results]
    for item in named:
        done = item in state.taken_off or state.items.get(item) == "destroyed"
        if item not in state.items or done or named.count(item) != 1:
            yield refuse("I-21", "not_an_open_item", item)
    yield from watched_by_others(case, event, event.witnesses, event.operators)
    yield from _begun_by_others(case, event)
    if not event.started_at <= event.ended_at <= case.statement.accepted:
        yield refuse("I-04", "ended_before_started", event.stream)
    if not event.results and not event.keys:
        yield refuse("I-21", "nothing_was_done", event.stream)
    yield from own_copies(case, event, named)
    yield from against_destruction(case, named, set(state.kept), state.ground)
    for copy in holdings(case, [r.holding for r in event.results if r.outcome == "destroyed"]):
        if locked(case, copy):
            yield refuse("I-35", "copy_is_locked", copy.stream, str(copy.backup))
    outcomes = {**state.items, **{r.holding: r.outcome for r in event.results}}
    gone = {item for item, outcome in outcomes.items() if outcome == "destroyed"}
    yield from against_shredding(case, event.keys, gone)


def _begun_by_others(case: Case, event: DestructionExecuted) -> Iterator[Refusal]:
    """Whoever is said to have begun it is somebody else, is known, and is named once (I-09)."""
    for actor in event.begun_by or ():
        if event.operators.count(actor) != 1:
            yield refuse("I-06", "item_named_twice", actor)
        if case.world.before(actor, ActorState) is None:
            yield refuse("I-09", "unknown_actor", actor)


def _approved_before(case: Case, state: CaseState, started: str) -> Iterator[Refusal]:
    """Enough approvals, of persons of different functions, in force and older than the start."""
    approvals, needed = _valid_approvals(case, state), case.policy.thresholds.approvers
    before = [actor for actor in approvals if state.approvals[actor] <= started]
    functions, at_the_start = (
        {_function(case, actor) for actor in actors} for actors in (approvals, before)
    )
    if len(approvals) < needed:
        expired = len(state.approvals) > len(approvals)
        yield refuse("I-27", "approval_expired" if expired else "not_approved", state.stream)
    elif len(functions) < 2:  # noqa: PLR2004
        yield refuse("I-27", "approvers_of_one_function", state.stream)
    elif len(before) < needed or len(at_the_start) < 2:  # noqa: PLR2004
        yield refuse("I-27", "started_before_approval", state.stream)


@rule(DestructionVerified)
def verified_by_somebody_else(case: Case, event: DestructionVerified) -> Iterator[Refusal]:
    """No operator verifies, whoever began included, and only what was executed (I-07, I-30)."""
    state = case.world.state(event.stream, CaseState)
    if state is None:
        return
    if event.by in state.operators:
        yield refuse("I-07", "verifier_is_operator", event.by)
    named = [result.holding for result in event.results]
    for item in named:
        if not state.items.get(item) or item in state.taken_off or named.count(item) != 1:
            yield refuse("I-30", "not_executed", item)
    for result in event.results:
        if result.result == "pass" and state.items.get(result.holding) != "destroyed":
            yield refuse("I-30", "pass_of_what_was_not_destroyed", result.holding)


@rule(DestructionFailed)
def failed_items_are_not_destroyed(case: Case, event: DestructionFailed) -> Iterator[Refusal]:
    """What is taken off the list is on it, and did not pass (I-30)."""
    state = case.world.state(event.stream, CaseState)
    if state is None:
        return
    for item in event.items:
        passed = item not in state.items or state.verified.get(item) == "pass"
        if passed or item in state.taken_off or event.items.count(item) != 1:
            yield refuse("I-30", "not_a_failed_item", item)


@rule(DestructionCertified)
def certified_only_with_a_pass(case: Case, event: DestructionCertified) -> Iterator[Refusal]:
    """Every item executed and verified, or taken off; what remains is named (I-29, I-30, I-35)."""
    state = case.world.state(event.stream, CaseState)
    if state is None:
        return
    kept = state.kept
    for item in kept:
        if state.items[item] != "destroyed" or state.verified.get(item) != "pass":
            yield refuse("I-30", "item_did_not_pass", item)
    if not kept:
        yield refuse("I-30", "nothing_was_destroyed", event.stream)
    left, keys = remaining(case, kept), keys_left(case, state)
    if (event.destroyed, event.failed, event.remaining_count) != (
        len(kept), len(state.taken_off), len(left),
    ):  # fmt: skip
        yield refuse("I-35", "counts_do_not_fit", event.stream)
    if event.remaining != left[:MAX_LISTED]:
        yield refuse("I-35", "remaining_copies_left_out", event.stream)
    if (event.key_copies, event.key_copies_count) != (keys.copies[:MAX_LISTED], keys.places):
        yield refuse("I-29", "key_copies_left_out", event.stream)
    if event.verdict != certifiable(state, left, keys):
        yield refuse("I-35", "verdict_does_not_fit", event.stream)


def certifiable(
    state: CaseState, left: Sequence[str], keys: KeysLeft
) -> Literal["destroyed", "partial"]:
    """What a certificate says of a case that passed: `destroyed` only if nothing is left (I-29)."""
    return "partial" if left or keys.places or state.taken_off else "destroyed"


class KeysLeft(NamedTuple):
    """Where one of a case's keys may still be: copies by their ids, and how many places in all.

    The keystore itself is one more of them while nobody of the party has named its medium (`live`).
    """

    copies: list[str]
    places: int


def keys_left(case: Case, state: CaseState) -> KeysLeft:
    """Where the keys that were shredded with a case may still be; nowhere if none was (I-29)."""
    copies = key_copies_left(case, state.keys)
    proposer = case.world.before(state.proposer, ActorState)
    named = proposer is not None and keystore_named(case, proposer.party)
    return KeysLeft(copies, len(copies) + bool(state.keys and not named))


def remaining(case: Case, items: Sequence[str]) -> list[str]:
    """The copies not gone that hold anything the destroyed `items` held, in order of their ids.

    Further copies and corrected contents of every record in them, rows of a table included; and
    what is lost: somebody may find it.
    """
    gone, left = set(items), set[str]()
    for copy in holdings(case, items):
        first = original(case, copy)
        found = offspring(case, first)
        if (record := record_in(case, copy)) is not None:
            found += copies_of_record(case, record)
        else:
            found += _copies_of_rows(case, first.stream)
        left.update(other.stream for other in found if not other.gone)
    return sorted(left - gone)


def _copies_of_rows(case: Case, table: str) -> list[HoldingState]:
    """Where the records in a copy of many lie, each by its own corrections and copies, too."""
    named = ("copies of contents", table)
    return case.world.once(
        named, lambda: holdings(case, sorted(case.world.source.copies_of_contents(table)))
    )

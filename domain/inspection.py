"""Inspection on arrival: item by item, what did not fit, and the time that ran out.

The taking party says of every item whether its digest and its usability are as the list promises
(会计档案管理办法 24). What does not fit is a discrepancy with a number of its own, which both
handlers settle; a confirmation waits for all of them (I-23). Whoever says nothing of an item in
the time agreed has accepted it (Civil Code 620, 621): a fact of its own, and no confirmation
(I-40).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from domain.codes import DigestCheck, DiscrepancyKind, DiscrepancyResolution, UsabilityCheck
from domain.confirmation import both_handlers
from domain.handover import (
    HANDLERS,
    Discrepancy,
    HandoverState,
    HandoverStep,
    ItemIds,
    Step,
)
from domain.handover_rules import SHOWN, in_its_order_by_its_side
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.values import MAX_LISTED, ItemId, Ordinal, Time

MAX_DISCREPANCIES: Final = 1000
"""So many discrepancies a handover has at most: whoever finds more rejects the delivery."""


class HandoverInspected(HandoverStep, frozen=True, kw_only=True, tag="handover.inspected"):
    """验收: how these items arrived; the last word on an item counts, until the confirmation.

    An item is accepted unless its digest differs or it cannot be read. Sealed: `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"buyer_handler"})
    AFTER: ClassVar[frozenset[Step]] = frozenset({"received"})

    items: ItemIds
    digest: DigestCheck
    readable: UsabilityCheck

    @property
    def faulty(self) -> bool:
        """Whether something is wrong with the items."""
        return self.digest == "mismatch" or self.readable == "no"


class HandoverDiscrepancyRaised(
    HandoverStep, frozen=True, kw_only=True, tag="handover.discrepancy_raised"
):
    """移交差异: something does not fit. `number`: 1, 2, …; sealed: `description`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"buyer_handler", "supervisor"})
    AFTER: ClassVar[frozenset[Step]] = frozenset({"received"})

    number: Ordinal
    kind: DiscrepancyKind
    items: Annotated[list[ItemId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012


class HandoverDiscrepancyResolved(
    HandoverStep, frozen=True, kw_only=True, tag="handover.discrepancy_resolved"
):
    """差异处理: both handlers settle one. Sealed: `description`.

    `delivered_later`, `corrected`: its items are inspected again, whatever was deemed accepted
    (`again`); `item_rejected`: they do not
    pass; `reserved`: they pass, and the confirmation names it; otherwise they are accepted.
    """

    ROLES: ClassVar[frozenset[str]] = HANDLERS
    AFTER: ClassVar[frozenset[Step]] = frozenset({"received"})

    number: Ordinal
    resolution: DiscrepancyResolution


class HandoverDeemedAccepted(
    HandoverStep, frozen=True, kw_only=True, tag="handover.deemed_accepted"
):
    """视为验收: of what is left nothing was said by the `deadline`, counted from the receipt.

    What the taking party spoke about keeps its word: a fault or a discrepancy is not undone.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler", "supervisor"})
    AFTER: ClassVar[frozenset[Step]] = frozenset({"received"})

    deadline: Time


@evolves(HandoverInspected)
def _inspected(
    state: HandoverState, event: HandoverInspected, _: int, accepted: str
) -> HandoverState:
    state.heard_at = accepted
    state.mark(event.items, "faulty" if event.faulty else "accepted")
    return state


@evolves(HandoverDiscrepancyRaised)
def _raised(
    state: HandoverState, event: HandoverDiscrepancyRaised, _: int, accepted: str
) -> HandoverState:
    state.heard_at = accepted
    if event.role == "supervisor":
        state.watching.add(event.by)
    state.discrepancies[event.number] = Discrepancy(event.kind, tuple(event.items))
    return state


@evolves(HandoverDiscrepancyResolved)
def _resolved(
    state: HandoverState, event: HandoverDiscrepancyResolved, _: int, accepted: str
) -> HandoverState:
    state.heard_at = accepted
    settled = state.discrepancies.setdefault(event.number, Discrepancy("missing", ()))
    settled.resolution = event.resolution
    if event.resolution == "item_rejected":
        state.mark(settled.items, "rejected")
    elif event.resolution in ("delivered_later", "corrected"):
        state.mark(settled.items, "again")
    else:
        state.mark(settled.items, "accepted")
    return state


@evolves(HandoverDeemedAccepted)
def _deemed(state: HandoverState, event: HandoverDeemedAccepted, _: int, __: str) -> HandoverState:
    state.deemed = True
    if event.role == "supervisor":
        state.watching.add(event.by)
    return state


rule(
    HandoverInspected, HandoverDiscrepancyRaised, HandoverDiscrepancyResolved,
    HandoverDeemedAccepted,
)(in_its_order_by_its_side)  # fmt: skip


@rule(HandoverInspected)
def inspected_as_listed(case: Case, event: HandoverInspected) -> Iterator[Refusal]:
    """Items of the list that have not been rejected, each once (I-21)."""
    state = case.world.state(event.stream, HandoverState)
    if state is not None:
        yield from _of_the_list(state, event.items)


def _of_the_list(state: HandoverState, items: Sequence[str]) -> Iterator[Refusal]:
    if len(set(items)) != len(items):
        yield refuse("I-06", "item_named_twice", state.stream)
    if unknown := [item for item in items if item not in state.items]:
        yield refuse("I-21", "not_on_the_list", *unknown[:SHOWN])
    if over := [item for item in items if state.items.get(item) == "rejected"]:
        yield refuse("I-21", "item_was_rejected", *over[:SHOWN])


@rule(HandoverDiscrepancyRaised)
def raised_under_the_next_number(case: Case, event: HandoverDiscrepancyRaised) -> Iterator[Refusal]:
    """About items of the list; what is missing or too much may be about none (I-21)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    if event.number != len(state.discrepancies) + 1:
        yield refuse("I-04", "number_is_not_the_next", event.stream)
    if event.number > MAX_DISCREPANCIES:
        yield refuse("I-21", "too_many_discrepancies", event.stream)
    if not event.items and event.kind not in _ABOUT_NOTHING_LISTED:
        yield refuse("I-21", "discrepancy_of_no_item", event.stream)
    yield from _of_the_list(state, event.items)


_ABOUT_NOTHING_LISTED = frozenset({"missing", "extra", "excess_data", "incomplete_metadata"})


@rule(HandoverDiscrepancyResolved)
def settled_by_both(case: Case, event: HandoverDiscrepancyResolved) -> Iterator[Refusal]:
    """One that is open, by the handlers of both sides (I-23)."""
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    found = state.discrepancies.get(event.number)
    if found is None:
        yield refuse("I-00", "unknown_discrepancy", event.stream)
    elif found.resolution:
        yield refuse("I-06", "discrepancy_is_settled", event.stream)
    elif event.resolution == "item_rejected" and not found.items:
        yield refuse("I-21", "discrepancy_of_no_item", event.stream)
    elif event.resolution == "reserved" and len(state.reservations) >= MAX_LISTED:
        yield refuse("I-23", "too_many_reservations", event.stream)
    yield from both_handlers(case, state)


@rule(HandoverDeemedAccepted)
def deemed_when_time_is_up(case: Case, event: HandoverDeemedAccepted) -> Iterator[Refusal]:
    """The time agreed is over, and there are items about which nothing was said in it.

    Silence counts for what it is about (Civil Code 621; I-40): who looked at some items, or raised
    something about some, has accepted the others all the same.
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None or state.step != "received":
        return
    if event.deadline != state.inspection_ends:
        yield refuse("I-40", "another_deadline", event.stream)
    elif case.statement.accepted <= event.deadline:
        yield refuse("I-40", "time_for_inspection_runs", event.stream)
    if state.deemed:
        yield refuse("I-06", "already_deemed_accepted", event.stream)
    if not state.unsaid:
        yield refuse("I-40", "nothing_is_left_unsaid", event.stream)
    elif not state.may_be_deemed:
        yield refuse("I-40", "something_was_raised", event.stream)

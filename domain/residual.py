"""What the giving party still keeps of what it has handed over, on which basis, until when (I-24).

A delivered record leaves the giving party's own copies where they are. After the confirmation each
of them is declared, or destroyed (PIPL 47): a commit that declares leaves none unsaid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import Meta

from domain.actor import ActorState
from domain.codes import ResidualBasis
from domain.handover import HandoverState, HandoverStep, Step
from domain.handover_rules import SHOWN, in_its_order_by_its_side
from domain.judging import Case, Refusal, closes, evolves, refuse, rule
from domain.values import MAX_LISTED, Date, HoldingId, is_day


class HandoverResidualDeclared(
    HandoverStep, frozen=True, kw_only=True, tag="handover.residual_declared"
):
    """留存副本声明: these copies stay with the giving party; an empty list says that none does.

    Several events of one commit take a long list. Sealed: `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"seller_handler", "custodian", "dpo"})
    AFTER: ClassVar[frozenset[Step]] = frozenset({"confirmed", "residual_declared"})

    items: Annotated[list[HoldingId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012
    basis: ResidualBasis
    retain_until: Date

    @property
    def names(self) -> tuple[str, ...]:
        """The copies that stay."""
        return tuple(self.items)


@evolves(HandoverResidualDeclared)
def _declared(
    state: HandoverState, event: HandoverResidualDeclared, entry: int, _: str
) -> HandoverState:
    said = dict.fromkeys(event.items, (event.basis, event.retain_until))
    if state.step == "confirmed" or not said.items() <= state.kept.items():
        state.renewed = entry
    state.kept |= said
    state.step = "residual_declared"
    return state


rule(HandoverResidualDeclared)(in_its_order_by_its_side)


@rule(HandoverResidualDeclared)
def declared_by_whoever_keeps(case: Case, event: HandoverResidualDeclared) -> Iterator[Refusal]:
    """Copies that the giving party does keep of what passed, until a day to come (I-24)."""
    state = case.world.state(event.stream, HandoverState)
    actor = case.world.before(event.by, ActorState)
    if state is None:
        return
    if actor is not None and actor.party != state.from_party:
        yield refuse("I-09", "not_the_actors_party", state.from_party)
    if not is_day(event.retain_until):
        yield refuse("I-04", "no_such_day", event.stream)
    elif event.items and event.retain_until < case.day:
        yield refuse("I-24", "kept_until_a_day_gone_by", event.stream)
    if len(set(event.items)) != len(event.items):
        yield refuse("I-06", "item_named_twice", event.stream)
    if others := [copy for copy in event.items if copy not in _left(case, state)]:
        yield refuse("I-24", "not_a_copy_of_it", *others[:SHOWN])


def _left(case: Case, state: HandoverState) -> frozenset[str]:
    """The copies that the giving party still keeps, asked once while a commit is judged."""
    source, giver = case.world.source, state.from_party
    return case.world.once(("residual", state.stream), lambda: source.residual(state.stream, giver))


@closes(HandoverResidualDeclared)
def declared_whole(case: Case, event: HandoverResidualDeclared) -> Iterator[Refusal]:
    """Every copy that is left is declared: what is not kept is destroyed first (I-24).

    A later declaration takes the place of an earlier one only where it says something new: another
    copy, basis or day.
    """
    state = case.world.state(event.stream, HandoverState)
    if state is None:
        return
    if unsaid := _left(case, state) - state.declared:
        yield refuse("I-24", "copy_is_not_declared", *sorted(unsaid)[:SHOWN])
    if state.renewed != case.statement.entry:
        yield refuse("I-24", "residual_said_before", event.stream)

"""Digitisation: a paper copy becomes a digital one, and keeps its worth as the original.

The paper is not destroyed before somebody else has reviewed the digital copy, nor while a rule may
ask for the original (I-36; Electronic Signature Law 5 and 6).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from domain.actor import ActorState
from domain.codes import CheckResult
from domain.copies import HoldingState
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.record import RecordState, acts_on_a_living_record
from domain.values import Count, Event, HoldingId, RecordId


class RecordDigitized(Event, frozen=True, kw_only=True, tag="record.digitized"):
    """纸质数字化: a paper copy was scanned. Sealed: `device`, `remark`.

    `paper`: the original; `digital`: the copy made from it; `result`: what looking at it gave.
    Whoever digitises does not review what came out of it.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"collector", "custodian", "archivist"})

    stream: RecordId
    paper: HoldingId
    digital: HoldingId
    resolution: Count
    result: CheckResult


@evolves(RecordDigitized)
def _digitized(state: RecordState, event: RecordDigitized, _: int, __: str) -> RecordState:
    state.collected_by.add(event.by)
    if event.result == "pass":  # what did not turn out replaces nothing
        state.digitized[event.paper] = event.digital
        state.unreviewed.add(event.digital)
    return state


rule(RecordDigitized)(acts_on_a_living_record)


@rule(RecordDigitized)
def digitised_from_paper(case: Case, event: RecordDigitized) -> Iterator[Refusal]:
    """A paper copy of the record that is there, and a digital copy made from it (I-36)."""
    record = case.world.state(event.stream, RecordState)
    paper = case.world.state(event.paper, HoldingState)
    digital = case.world.state(event.digital, HoldingState)
    if record is None:
        return
    for name, copy in ((event.paper, paper), (event.digital, digital)):
        if copy is None:
            yield refuse("I-00", "unknown_holding", name)
        elif not copy.there:
            yield refuse("I-03", f"holding_is_{copy.condition}", name)
        elif not record.lies_in(copy):
            yield refuse("I-00", "holding_of_another_record", name)
        else:
            actor = case.world.before(event.by, ActorState)
            if actor is not None and actor.party != copy.custodian:
                yield refuse("I-09", "not_the_actors_party", copy.custodian)
    if paper is not None and paper.form != "paper":
        yield refuse("I-36", "original_is_not_paper", event.paper)
    if digital is not None and (digital.form == "paper" or digital.made_from != event.paper):
        yield refuse("I-36", "not_made_from_the_original", event.digital)

"""Anonymisation: a content from which nobody is recognised, beside the one that it was made of.

What was made anonymous is a record of its own: another content, which is not personal data (PIPL 4,
73(4): not identifiable and not restorable). `record.anonymized` says, on that record's stream, of
which copy it was made and what its test gave. It destroys nothing: the identified copies stay what
they are until a destruction case takes them, under the same guards as any other (I-28), and only
then is what they held anonymised. A keyed hash or a ciphertext is no technique of this list: it is
de-identified, and personal data as long as key or salt exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType

from domain.codes import AnonymizationTechnique, CheckResult
from domain.copies import HoldingState, contents_of, holdings, holds_on, original
from domain.destruction import DestructionProposed
from domain.guards import own_copies
from domain.judging import Case, Refusal, State, affects, evolves, refuse, rule
from domain.record import (
    RecordCollected,
    RecordCorrected,
    RecordState,
    acts_on_a_living_record,
    approved,
)
from domain.values import Count, Event, HoldingId, Ordinal, RecordId

SMALLEST = 2
"""A group of one is a person, and a group with one value gives it away for everybody in it."""


class RecordAnonymized(Event, frozen=True, kw_only=True, tag="record.anonymized"):
    """匿名化: this record was made of `source`, and it passed the test; approved by another.

    `source`: the identified copy; `k`: so many rows are alike in every column that could tell
    people apart, at least; `smallest`: so many are, in the smallest group that was kept; `l`: so
    many different values each sensitive column has in every group, at least (absent: there is
    none); `rows`, `kept`, `suppressed`: how many data rows the source has, and what became of
    them. Sealed: `columns` (what was done with each), `report` (what the test found).
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "archivist", "dpo"})

    stream: RecordId
    source: HoldingId
    techniques: Annotated[list[AnonymizationTechnique], Meta(min_length=1, max_length=8)]
    result: CheckResult
    k: Ordinal
    smallest: Count
    l: Ordinal | UnsetType = UNSET  # noqa: E741  as the literature calls it
    rows: Count
    kept: Count
    suppressed: Count

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copy that it was made of."""
        return (self.source,)


@evolves(RecordAnonymized)
def _anonymized(state: RecordState, event: RecordAnonymized, _: int, __: str) -> RecordState:
    state.made_anonymous = event.id
    return state


@affects(RecordAnonymized)
def _has_an_anonymous_twin(state: State, event: RecordAnonymized) -> None:
    if isinstance(state, HoldingState):
        state.anonymized = event.stream


rule(RecordAnonymized)(acts_on_a_living_record)


@rule(RecordAnonymized)
def made_of_ones_own_copy(case: Case, event: RecordAnonymized) -> Iterator[Refusal]:
    """Of a copy of one's own that holds records, once, and not while a hold covers it (I-28).

    Nor of what somebody withdrew their consent to: it is deleted or stored, and not read (I-33).
    Two anonymous contents of one source could be put together again.
    """
    yield from own_copies(case, event, [event.source])
    source = case.world.state(event.source, HoldingState)
    if source is None:
        return
    if source.anonymized is not None:
        yield refuse("I-06", "copy_is_anonymized", source.anonymized)
    if source.record is None and source.made_from is not None:
        yield refuse("I-00", "not_the_collected_copy", source.stream)
    elif not contents_of(case, source).records:
        yield refuse("I-11", "copy_holds_no_record", source.stream)
    if found := holds_on(case, source):
        yield refuse("I-28", "hold_in_force", *found)
    for stream in contents_of(case, source).examples:
        record = case.world.state(stream, RecordState)
        if record is not None and record.withdrawn and record.ended is not None:
            yield refuse("I-33", "record_is_restricted", record.ended)


@rule(RecordCollected, RecordCorrected)
def nothing_is_added_to_a_source(
    case: Case, event: RecordCollected | RecordCorrected
) -> Iterator[Refusal]:
    """What was made anonymous before counts as anonymised; what is added is not in that (I-35)."""
    holding = case.world.state(event.holding, HoldingState)
    if holding is not None and holding.anonymized is not None:
        yield refuse("I-35", "copy_is_anonymized", holding.anonymized)


@rule(RecordAnonymized)
def content_is_another_and_not_personal(case: Case, event: RecordAnonymized) -> Iterator[Refusal]:
    """What came out is a record of its own, classified as anonymised and without a basis (I-10)."""
    state = case.world.state(event.stream, RecordState)
    if state is None:
        return
    if state.made_anonymous is not None:
        yield refuse("I-06", "already_anonymized", state.made_anonymous)
    if state.basis != "not_personal" or state.sensitivity != "anonymized":
        yield refuse("I-10", "content_is_personal", event.stream)
    if event.source in state.holdings:
        yield refuse("I-35", "content_lies_in_its_source", event.source)


@rule(RecordAnonymized)
def test_was_passed(case: Case, event: RecordAnonymized) -> Iterator[Refusal]:
    """No group is smaller than k, the rows add up, and somebody else approves (I-07)."""
    if event.result != "pass":
        yield refuse("I-10", "anonymity_test_failed", event.stream)
    fewest = event.k if event.l is UNSET else min(event.k, event.l)
    if fewest < SMALLEST or event.smallest < event.k:
        yield refuse("I-10", "groups_too_small", event.stream)
    if event.kept + event.suppressed != event.rows or event.smallest > event.kept:
        yield refuse("I-10", "rows_do_not_add_up", event.stream)
    if len(set(event.techniques)) != len(event.techniques):
        yield refuse("I-06", "code_named_twice", event.stream)
    if event.sealed is UNSET:
        yield refuse("I-10", "anonymity_report_is_missing", event.stream)
    if not approved(case, event):
        yield refuse("I-07", "anonymizing_needs_second_person", event.stream)


@rule(DestructionProposed)
def anonymized_before_the_rest_goes(case: Case, event: DestructionProposed) -> Iterator[Refusal]:
    """The method "anonymisation" is for copies of which an anonymous content was made before."""
    if event.method != "anonymize":
        return
    for copy in holdings(case, event.items):
        if original(case, copy).anonymized is None and copy.anonymized is None:
            yield refuse("I-30", "copy_is_not_anonymized", copy.stream)

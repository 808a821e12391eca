"""Restriction of processing: what may not be deleted yet, and may not be used any more.

Between the end of a purpose and the end of a statutory period, or while a person's objection is
open, a record is stored and protected and nothing else (PIPL 47, second sentence; I-33). The end
of its purpose restricts a record by itself until it is destroyed; where no minimum period runs it
is due at once. Only two persons let a record be used again, and after the end of its purpose only
on a new basis.

What is storage and protection is decided here: a backup, a copy encrypted into the vault, what is
restored, and a scan that saves a paper are; any other further copy is not. A correction is a use,
but for one that the person asked for and that was not refused (PIPL 46). Making a content anonymous
serves deletion (PIPL 73(4)) and stays permitted, unless the consent was withdrawn: then nobody may
read it for that either (`domain.anonymization`). Assigning a period, reviewing and classifying by
hand stay permitted: they say how long and how well it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from msgspec import UNSET, UnsetType

from domain.codes import LegalBasis, PurposeEnd, RestrictReason
from domain.copies import HoldingState, contents_of
from domain.holding import HoldingCreated
from domain.judging import Case, Refusal, closes, evolves, refuse, rule
from domain.record import RecordCorrected, RecordState, acts_on_a_living_record, approved
from domain.rights import RequestState
from domain.values import Date, Event, EventId, RecordId, is_day, later

STILL_PERMITTED: Final = frozenset({
    "verification", "backup_restore", "incident",  # storage and protection
    "audit", "dispute", "legal_duty", "rights_request", "disposal",
})  # fmt: skip
"""The purposes for which a restricted record may still be accessed."""

_EARLIEST_ZONE: Final = 14
"""Where the day begins first it is this many hours ahead of the ledger's time."""


class ProcessingRestricted(Event, frozen=True, kw_only=True, tag="record.processing_restricted"):
    """限制处理: from now on only storage, protection and what the law asks (PIPL 47).

    Sealed: `remark`. `review_on`: when somebody looks at it again.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "archivist", "dpo"})

    stream: RecordId
    reason: RestrictReason
    review_on: Date | UnsetType = UNSET


class RestrictionLifted(Event, frozen=True, kw_only=True, tag="record.restriction_lifted"):
    """解除限制: signed by an approver, too. Sealed: `remark`, `purpose`.

    `restricted`: the restriction, or the end of purpose, that is lifted. `basis`: of an end of
    purpose only: the basis on which the record is used from now on, for the sealed `purpose`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "archivist", "dpo"})

    stream: RecordId
    restricted: EventId
    basis: LegalBasis | UnsetType = UNSET


class PurposeEnded(Event, frozen=True, kw_only=True, tag="record.purpose_ended"):
    """目的终止: what a record was kept for is over, as PIPL 47 lists it. Sealed: `remark`.

    `ended_on`: the day on which it ended, as whoever says so knows it.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "archivist", "dpo"})

    stream: RecordId
    reason: PurposeEnd
    ended_on: Date


@evolves(ProcessingRestricted)
def _restricted(state: RecordState, event: ProcessingRestricted, _: int, __: str) -> RecordState:
    state.limited = event.id
    return state


@evolves(PurposeEnded)
def _ended(state: RecordState, event: PurposeEnded, _: int, __: str) -> RecordState:
    state.ended, state.ended_on = event.id, event.ended_on
    state.withdrawn = event.reason == "consent_withdrawn"
    return state


@evolves(RestrictionLifted)
def _lifted(state: RecordState, event: RestrictionLifted, _: int, __: str) -> RecordState:
    if event.restricted == state.ended:
        state.ended = state.ended_on = None
        state.withdrawn = False
    else:
        state.limited = None
    return state


rule(ProcessingRestricted, RestrictionLifted, PurposeEnded)(acts_on_a_living_record)


@rule(ProcessingRestricted)
def restricted_once(case: Case, event: ProcessingRestricted) -> Iterator[Refusal]:
    """A restriction is lifted before another one is recorded."""
    state = case.world.state(event.stream, RecordState)
    if state is not None and state.limited is not None:
        yield refuse("I-06", "already_restricted", state.limited)
    if event.review_on is not UNSET and not is_day(event.review_on):
        yield refuse("I-04", "no_such_day", event.stream)


@rule(PurposeEnded)
def ended_once(case: Case, event: PurposeEnded) -> Iterator[Refusal]:
    """A purpose ends once, and on a day that has begun somewhere."""
    state = case.world.state(event.stream, RecordState)
    if state is not None and state.ended is not None:
        yield refuse("I-06", "purpose_has_ended", state.ended)
    if not is_day(event.ended_on):
        yield refuse("I-04", "no_such_day", event.stream)
    elif event.ended_on > later(case.statement.accepted, hours=_EARLIEST_ZONE)[:10]:
        yield refuse("I-04", "purpose_ends_later", event.stream)


@rule(RestrictionLifted)
def lifted_by_two(case: Case, event: RestrictionLifted) -> Iterator[Refusal]:
    """Lifting names what is lifted and needs an approver besides the author (I-07, I-33).

    Whose purpose has ended is not used again without a new purpose, in words, and its basis.
    """
    state = case.world.state(event.stream, RecordState)
    if state is None:
        return
    if event.restricted not in {state.limited, state.ended}:
        yield refuse("I-06", "supersedes_not_current", event.restricted)
    elif event.restricted == state.ended:
        if event.basis is UNSET or event.sealed is UNSET:
            yield refuse("I-33", "new_basis_is_missing", event.stream)
    elif event.basis is not UNSET:
        yield refuse("I-33", "basis_is_not_asked_for", event.stream)
    if not approved(case, event):
        yield refuse("I-07", "lifting_needs_second_person", event.stream)


@rule(RecordCorrected)
def corrected_only_as_asked(case: Case, event: RecordCorrected) -> Iterator[Refusal]:
    """A restricted record is corrected when the person asks for that, and else not (I-33)."""
    state = case.world.state(event.stream, RecordState)
    if state is None or state.restricted is None:
        return
    case.world.preload(state.requests)
    if not any(_asks_for_it(case.world.state(r, RequestState)) for r in state.requests):
        yield refuse("I-33", "record_is_restricted", state.restricted)


def _asks_for_it(request: RequestState | None) -> bool:
    """Whether a request to correct is under way."""
    return (
        request is not None
        and request.first.request == "correct"
        and not request.closed
        and request.decision != "refuse"
    )


@closes(HoldingCreated)
def copied_only_to_protect(case: Case, event: HoldingCreated) -> Iterator[Refusal]:
    """A restricted record is not copied but to store or protect it (I-33).

    Asked at the end of the commit: what restores, or scans a paper, is said after the copy. Where a
    corrected content lies is said with the correction, which `corrected_only_as_asked` judges.
    """
    if event.record is UNSET and event.made_from is UNSET:
        return
    copy = case.world.state(event.stream, HoldingState)
    if copy is None or copy.object or copy.restored:
        return
    for stream in contents_of(case, copy).examples:
        record = case.world.state(stream, RecordState)
        if record is None or record.restricted is None:
            continue
        if copy.stream not in (*record.digitized.values(), *record.holdings):
            yield refuse("I-33", "record_is_restricted", record.restricted)

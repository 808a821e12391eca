"""Restriction of processing: what may not be deleted yet, and may not be used any more.

Between the end of a purpose and the end of a statutory period, or while a person's objection is
open, a record is stored and protected and nothing else (PIPL 47, second sentence; I-33).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from msgspec import UNSET, UnsetType

from domain.codes import RestrictReason
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.record import RecordState, acts_on_a_living_record, approved
from domain.values import Date, Event, EventId, RecordId, is_day

STILL_PERMITTED: Final = frozenset({
    "verification", "backup_restore", "incident",  # storage and protection
    "audit", "dispute", "legal_duty", "rights_request", "disposal",
})  # fmt: skip
"""The purposes for which a restricted record may still be accessed."""


class ProcessingRestricted(Event, frozen=True, kw_only=True, tag="record.processing_restricted"):
    """限制处理: from now on only storage, protection and what the law asks (PIPL 47).

    Sealed: `remark`. `review_on`: when somebody looks at it again.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "archivist", "dpo"})

    stream: RecordId
    reason: RestrictReason
    review_on: Date | UnsetType = UNSET


class RestrictionLifted(Event, frozen=True, kw_only=True, tag="record.restriction_lifted"):
    """解除限制: signed by an approver, too. Sealed: `remark`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "archivist", "dpo"})

    stream: RecordId
    restricted: EventId


@evolves(ProcessingRestricted)
def _restricted(state: RecordState, event: ProcessingRestricted, _: int, __: str) -> RecordState:
    state.restricted = event.id
    return state


@evolves(RestrictionLifted)
def _lifted(state: RecordState, _: RestrictionLifted, __: int, ___: str) -> RecordState:
    state.restricted = None
    return state


rule(ProcessingRestricted, RestrictionLifted)(acts_on_a_living_record)


@rule(ProcessingRestricted)
def restricted_once(case: Case, event: ProcessingRestricted) -> Iterator[Refusal]:
    """A restriction is lifted before another one is recorded."""
    state = case.world.state(event.stream, RecordState)
    if state is not None and state.restricted is not None:
        yield refuse("I-06", "already_restricted", state.restricted)
    if event.review_on is not UNSET and not is_day(event.review_on):
        yield refuse("I-04", "no_such_day", event.stream)


@rule(RestrictionLifted)
def lifted_by_two(case: Case, event: RestrictionLifted) -> Iterator[Refusal]:
    """Lifting names the restriction and needs an approver besides the author (I-07, I-33)."""
    state = case.world.state(event.stream, RecordState)
    if state is None:
        return
    if state.restricted is None or event.restricted != state.restricted:
        yield refuse("I-06", "supersedes_not_current", event.restricted)
    if not approved(case, event):
        yield refuse("I-07", "lifting_needs_second_person", event.stream)

"""The gates before a handover: keys, secrecy, assessment, agreement, training, backup.

`against_keys` and `against_untrained_signers` are asked for every event of a handover but its plan
(I-23, and I-08 if the pack makes it a gate), `against_release` for a release (I-13, I-17, and I-19
if the pack makes it a gate). What people were told and consented to
is `domain.clearing`. Each gate is a function of its own, so that an overview of a deal shows by the
same functions which are open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from domain.actor import ActorState
from domain.engagement import EngagementState
from domain.judging import Case, Refusal, refuse
from domain.transfer import Transfer
from domain.values import Event, later

HANDOVER_TRAINING: Final = "handover"


def deal(case: Case, engagement: str) -> EngagementState | None:
    """The open deal of this id; None if it is none."""
    state = case.world.state(engagement, EngagementState)
    return state if state is not None and state.kind == "deal" and state.open else None


def path_of(case: Case, state: EngagementState) -> Transfer | None:
    """What the pack asks for in a deal's mode; None if it knows none."""
    return case.policy.transfer.get(state.mode)  # type: ignore[call-overload,no-any-return]


def against_keys(case: Case, event: Event) -> Iterator[Refusal]:
    """Why a commit's signers may not act in a handover: keys not agreed for their roles (I-23).

    Every signer that counts is asked for, co-signers included.
    """
    state = deal(case, event.engagement)
    if state is None:
        return
    for signer in case.statement.actors:
        if (signer.holder, signer.capacity, signer.key_id) not in state.agreed:
            yield refuse("I-23", "key_not_agreed", signer.holder)


def against_release(
    case: Case,
    event: Event,
    from_party: str,
    to_party: str,
    categories: Iterable[str],
    personal: Iterable[str],
) -> Iterator[Refusal]:
    """Why nothing may be given away yet under a deal; `event.engagement` names the deal.

    `categories`: those of every record listed; `personal`: those of the records with personal
    data. `against_keys` and `against_untrained_signers` are asked beside it.
    """
    state = deal(case, event.engagement)
    asked = path_of(case, state) if state is not None else None
    if state is None or asked is None:
        return  # that a handover belongs to a deal is judged with the plan
    about_people = sorted(set(personal))
    yield from against_disclosure(case, state, from_party, to_party, sorted(set(categories)))
    if asked.pipia:
        yield from against_unassessed(state, about_people)
    if asked.agreement and about_people:
        yield from against_no_agreement(case, state, from_party, to_party)
    if case.policy.gates.backup == "block":
        yield from against_no_backup(case, from_party)


def against_disclosure(
    case: Case, state: EngagementState, from_party: str, to_party: str, categories: Iterable[str]
) -> Iterator[Refusal]:
    """Why one party may not give another records of these categories: no agreement (I-13)."""
    standing = state.ndas_between(from_party, to_party, case.day)
    if not standing:
        yield refuse("I-13", "no_nda_in_force", from_party, to_party)
        return
    for category in categories:
        if not any(nda.covers(category) for nda in standing):
            yield refuse("I-13", "nda_does_not_cover", category)


def against_unassessed(state: EngagementState, categories: Iterable[str]) -> Iterator[Refusal]:
    """Categories that nobody assessed, or whose last assessment says no (I-17)."""
    for category in categories:
        latest = state.assessed(category)
        if latest is None:
            yield refuse("I-17", "no_pipia", category)
        elif not latest.acceptable:
            yield refuse("I-17", "pipia_not_acceptable", latest.document)


def against_no_agreement(
    case: Case, state: EngagementState, from_party: str, to_party: str
) -> Iterator[Refusal]:
    """Why one party may not process for or with another: no agreement stands (I-13; PIPL 20, 21).

    An attached document of kind `processing_agreement`, signed by both, on a day on which it
    stands.
    """
    sides, day = {from_party, to_party}, case.day
    if not any(agreement.binds(sides, day) for agreement in state.processing):
        yield refuse("I-13", "no_processing_agreement", from_party, to_party)


def against_untrained(case: Case, actors: Iterable[str], topic: str, day: str) -> Iterator[Refusal]:
    """Actors whose training in a topic was not passed, or no longer counts (I-08)."""
    for actor in actors:
        state = case.world.state(actor, ActorState)
        if state is None or not state.is_trained(topic, day):
            yield refuse("I-08", "not_trained", actor)


def against_untrained_signers(case: Case, topic: str, *capacities: str) -> Iterator[Refusal]:
    """Signers of a commit whom the pack does not let act untrained; in `capacities`, if named."""
    if case.policy.training.mode == "block":
        signers = (
            signer.holder
            for signer in case.statement.actors
            if not capacities or signer.capacity in capacities
        )
        yield from against_untrained(case, signers, topic, case.day)


def against_no_backup(case: Case, party: str) -> Iterator[Refusal]:
    """What of a party's backups is not within the pack's intervals (I-19)."""
    done, cadence = case.world.source.protection(party), case.policy.cadence
    if _overdue(case, done.backup, cadence.backup_days):
        yield refuse("I-19", "backup_overdue", party)
    if _overdue(case, done.offsite, cadence.offsite_days):
        yield refuse("I-19", "offsite_overdue", party)
    if _overdue(case, done.verified, cadence.backup_verification_days):
        yield refuse("I-19", "backup_check_overdue", party)
    if _overdue(case, done.drill, cadence.restore_drill_days):
        yield refuse("I-19", "drill_overdue", party)


def _overdue(case: Case, last: str, days: int) -> bool:
    """Whether the last day on which something was in time is over; as `muniment backup due`."""
    return not last or case.policy.calendar.day_of(later(last, days=days)) < case.day

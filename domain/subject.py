"""People in a deal: in which records they stand, what they agreed to, what they do not want.

A person is a random subject id: whose, only the erasable index of whoever declares knows
(`ledger.subjects`). What the index finds becomes an event here, so that rules can judge it: who
stands in no event is not told, asked or protected. A record that is corrected is declared anew,
because nobody knows from events who stands in what it is now.

A withdrawal ends every consent for its recipient that was given before it, and puts the person on
the suppression list for marketing (PIPL 15; consumer law 29(3); I-42). A consent given after it
counts again; the suppression stays.

A person is of the party that declared it first: of that party is who says more. Another one may
declare the person in records of its own where it shares a signed deal with that party, and speaks
for the person if it is that deal's seller, or if a record with the person has passed to it. Nobody
records a consent to itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final

from msgspec import UNSET, Meta, UnsetType, field

from domain.actor import ActorState
from domain.codes import ConsentKind, RecordCategory, RequestChannel, SuppressionReason
from domain.copies import RecordLike, kept_by
from domain.crossing import stays_bound
from domain.engagement import EngagementState
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.party import PartyState
from domain.values import (
    MAX_LISTED,
    Date,
    Event,
    PartyId,
    RecordId,
    SubjectId,
    Time,
    is_day,
    later,
)

_WHO: Final = frozenset({"dpo", "custodian", "collector", "seller_handler"})
_EARLIEST_ZONE: Final = 14


class SubjectFound(Event, frozen=True, kw_only=True, tag="subject.found"):
    """查明主体: this person's data stands in these records, as they are now.

    `minor`: the person is under 14; once said it stays so.
    """

    ROLES: ClassVar[frozenset[str]] = _WHO

    stream: SubjectId
    records: Annotated[list[RecordId], Meta(min_length=1, max_length=MAX_LISTED)]
    minor: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The records."""
        return tuple(self.records)


class ConsentGranted(Event, frozen=True, kw_only=True, tag="subject.consent_granted"):
    """取得同意: to what, given to whom, over which categories (none named: all), until when.

    `until`: the last day. Sealed: `text` (SHA-256 of what was agreed to), `proof` (SHA-256 of what
    shows it), `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = _WHO

    stream: SubjectId
    kind: ConsentKind
    recipient: PartyId
    categories: Annotated[list[RecordCategory], Meta(max_length=16)] = []  # noqa: RUF012
    channel: RequestChannel
    given_at: Time
    until: Date | UnsetType = UNSET


class ConsentWithdrawn(Event, frozen=True, kw_only=True, tag="subject.consent_withdrawn"):
    """撤回同意, or an objection before any was given: nothing goes to this recipient on consent.

    Sealed: `proof`, `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = _WHO | {"buyer_handler"}

    stream: SubjectId
    recipient: PartyId
    withdrawn_at: Time
    channel: RequestChannel


class SubjectSuppressed(Event, frozen=True, kw_only=True, tag="subject.suppressed"):
    """列入禁止营销名单: on no list for marketing from this day on. Sealed: `remark`."""

    ROLES: ClassVar[frozenset[str]] = _WHO | {"buyer_handler"}

    stream: SubjectId
    reason: SuppressionReason
    since: Date
    channel: RequestChannel


class SubjectState(State):
    """A person as events know one.

    `found_by`: who said in which records the person stands, and under which engagement, in order;
    `records`: those; `recipients`: of consents; `withdrawn`: when consent was last withdrawn, by
    recipient; `suppressed`: the reasons.
    """

    found_by: list[tuple[str, str]] = field(default_factory=list)
    records: set[str] = field(default_factory=set)
    minor: bool = False
    recipients: set[str] = field(default_factory=set)
    withdrawn: dict[str, str] = field(default_factory=dict)
    suppressed: set[str] = field(default_factory=set)


@evolves(SubjectFound)
def _found(state: SubjectState | None, event: SubjectFound, _: int, __: str) -> SubjectState:
    state = state or SubjectState(event.stream, event.version)
    if (event.by, event.engagement) not in state.found_by:
        state.found_by.append((event.by, event.engagement))
    state.records.update(event.records)
    state.minor = state.minor or event.minor
    return state


@evolves(ConsentGranted)
def _granted(state: SubjectState | None, event: ConsentGranted, _: int, __: str) -> SubjectState:
    state = state or SubjectState(event.stream, event.version)
    state.recipients.add(event.recipient)
    return state


@evolves(ConsentWithdrawn)
def _withdrawn(
    state: SubjectState | None, event: ConsentWithdrawn, _: int, __: str
) -> SubjectState:
    state = state or SubjectState(event.stream, event.version)
    before = state.withdrawn.get(event.recipient, "")
    state.withdrawn[event.recipient] = max(before, event.withdrawn_at)
    state.suppressed.add("withdrawn")
    return state


@evolves(SubjectSuppressed)
def _suppressed(
    state: SubjectState | None, event: SubjectSuppressed, _: int, __: str
) -> SubjectState:
    state = state or SubjectState(event.stream, event.version)
    state.suppressed.add(event.reason)
    return state


@rule(SubjectFound)
def found_in_ones_own_records(case: Case, event: SubjectFound) -> Iterator[Refusal]:
    """The records exist, each once, and the author's party keeps or kept each (I-09)."""
    if len(set(event.records)) != len(event.records):
        yield refuse("I-06", "item_named_twice", event.stream)
    actor = case.world.before(event.by, ActorState)
    if actor is None:
        return
    for stream in sorted(case.world.source.elsewhere(event.records, actor.party)):
        record = case.world.state(stream, RecordLike)
        if record is None:
            yield refuse("I-00", "unknown_record", stream)
        elif not kept_by(case, record, actor.party):
            yield refuse("I-09", "not_the_actors_party", stream)


@rule(SubjectFound)
def found_by_whoever_knows_the_person(case: Case, event: SubjectFound) -> Iterator[Refusal]:
    """Nobody takes another party's customers for its own by declaring them once more (I-09).

    A deal signed by both lets the other side declare; so does a record that has passed to it, in
    which the person was found before.
    """
    state = case.world.state(event.stream, SubjectState)
    actor = case.world.before(event.by, ActorState)
    if state is None or actor is None or _speaks_for(case, state, actor.party):
        return
    first = _first_of(case, state)
    known = (record for record in event.records if record in state.records)
    if first and not (
        _shared(case, event.engagement, first, actor.party)
        or any(_passed_to(case, record, actor.party) for record in known)
    ):
        yield refuse("I-09", "subject_of_another_party", event.stream)


def _party_of(case: Case, actor: str) -> str:
    state = case.world.before(actor, ActorState)
    return "" if state is None else state.party


def _first_of(case: Case, state: SubjectState) -> str:
    """The party that declared a person first; empty if none did."""
    return _party_of(case, state.found_by[0][0]) if state.found_by else ""


def _speaks_for(case: Case, state: SubjectState, party: str) -> bool:
    """Whether a party says what a person agreed to: see the module."""
    first = _first_of(case, state)
    if party == first:
        return True
    for actor, engagement in state.found_by:
        if _party_of(case, actor) == party:
            deal = _shared(case, engagement, first, party)
            if deal is None or deal.seller == party:
                return True
    return False


def _shared(case: Case, engagement: str, one: str, other: str) -> EngagementState | None:
    """The deal, if it is one, that two parties have both signed something in."""
    deal = case.world.state(engagement, EngagementState)
    if deal is None or not {one, other} <= deal.parties:
        return None
    both = {one, other}
    agreed = bool(deal.agreed) and both == {deal.seller, deal.buyer}
    silent = (both == {nda.disclosing_party, nda.receiving_party} for nda in deal.ndas.values())
    return deal if agreed or any(silent) else None


def _passed_to(case: Case, record: str, party: str) -> bool:
    passed = case.world.source.passed(record, stays_bound(case.policy))
    return passed is not None and passed.to_party == party


@rule(ConsentGranted, ConsentWithdrawn)
def concerns_a_person_declared(
    case: Case, event: ConsentGranted | ConsentWithdrawn
) -> Iterator[Refusal]:
    """Somebody has said where this person stands, and who speaks for it says more (I-09).

    Whom a consent names as recipient may record that it was withdrawn, also where it shares a deal
    and none was given; but never that it was given, whoever it is to that person (I-39).
    """
    if case.world.state(event.recipient, PartyState) is None:
        yield refuse("I-09", "unknown_party", event.recipient)
    state = case.world.state(event.stream, SubjectState)
    if state is None or not state.found_by:
        yield refuse("I-00", "unknown_subject", event.stream)
        return
    actor = case.world.before(event.by, ActorState)
    if actor is None:
        return
    to_itself = actor.party == event.recipient
    if to_itself and isinstance(event, ConsentGranted):
        yield refuse("I-39", "recipient_records_no_consent", event.recipient)
    elif to_itself and (
        actor.party in state.recipients
        or _shared(case, event.engagement, _first_of(case, state), actor.party)
    ):
        return
    elif not _speaks_for(case, state, actor.party):
        yield refuse("I-09", "not_the_actors_party", event.stream)


@rule(ConsentGranted)
def consent_has_a_scope(case: Case, event: ConsentGranted) -> Iterator[Refusal]:
    """What was agreed to is a consent, was given by now, and covers what it says (I-39)."""
    if event.kind == "exempt_recorded":
        yield refuse("I-39", "exemption_is_no_consent", event.stream)
    if len(set(event.categories)) != len(event.categories):
        yield refuse("I-06", "item_named_twice", event.stream)
    yield from by_now(case, event, event.given_at)
    if event.until is not UNSET:
        if not is_day(event.until):
            yield refuse("I-04", "no_such_day", event.stream)
        elif event.until < case.policy.calendar.day_of(event.given_at):
            yield refuse("I-39", "consent_ends_before_it_begins", event.stream)


@rule(ConsentWithdrawn)
def withdrawn_by_now(case: Case, event: ConsentWithdrawn) -> Iterator[Refusal]:
    """Nobody withdraws tomorrow."""
    yield from by_now(case, event, event.withdrawn_at)


def by_now(case: Case, event: Event, time: str) -> Iterator[Refusal]:
    """Why what is said to have happened at a time is not said yet (I-04)."""
    skew = case.policy.limits.clock_skew_seconds
    if time > later(case.statement.accepted, seconds=skew):
        yield refuse("I-04", "claimed_time_in_future", event.id)


@rule(SubjectSuppressed)
def suppressed_once(case: Case, event: SubjectSuppressed) -> Iterator[Refusal]:
    """Once a reason, from a day that has begun somewhere, by those who hold the person's data.

    Somebody whom nobody has found yet may be put on the list by anybody: they asked for it.
    """
    if not is_day(event.since):
        yield refuse("I-04", "no_such_day", event.stream)
    elif event.since > later(case.statement.accepted, hours=_EARLIEST_ZONE)[:10]:
        yield refuse("I-42", "suppression_begins_later", event.stream)
    state = case.world.state(event.stream, SubjectState)
    if state is None:
        return
    if event.reason in state.suppressed:
        yield refuse("I-06", "already_suppressed", event.stream)
    actor = case.world.before(event.by, ActorState)
    finders = {_party_of(case, finder) for finder, _ in state.found_by}
    if actor is not None and finders and actor.party not in finders:
        yield refuse("I-09", "not_the_actors_party", event.stream)

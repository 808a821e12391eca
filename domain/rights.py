"""What a person asks of their own data, and what became of it (PIPL 44 to 50; I-38).

received → identity verified → decided and told → fulfilled → closed; a person may withdraw a
request. The person is a random subject id: whose, only an erasable table knows. Records concerned
are named by id, at most 200 an event; further ones follow in the same stream until it is decided.
A deletion is fulfilled when nothing of a record is left, or when its content was corrected since
and every copy of what it was before is gone: a correction alone deletes nothing;
where a period must run first, the decision says so and the record is restricted (PIPL 47).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final

from msgspec import UNSET, Meta, field

from domain.actor import ActorState
from domain.codes import (
    CheckResult,
    IdentityMethod,
    RequestChannel,
    RequestDecision,
    RequestEnding,
    RightsRequestType,
)
from domain.copies import RecordLike, copies_of_record, holdings, kept_by, offspring, over
from domain.destruction import CaseState
from domain.judging import RULE_CODES, Case, Refusal, State, affects, evolves, refuse, rule
from domain.record import RecordState
from domain.values import (
    MAX_LISTED,
    Code,
    Date,
    Event,
    EventId,
    RecordId,
    RightsId,
    SubjectId,
    Time,
    later,
)

DELETING: Final = frozenset({"delete", "deregister"})
"""What is fulfilled only when nothing is left."""
DELIVERING: Final = frozenset({"know", "access", "copy", "port"})
"""What is fulfilled by telling or handing over something."""
REFUSING: Final = frozenset({"refuse", "partial"})


class RightsRequestReceived(Event, frozen=True, kw_only=True, tag="rights.request_received"):
    """收到个人请求: what is asked, by whom, over which records, and by when it is answered.

    `due_at`: the last day of the policy's working days from `received_at` on. Sealed: `contact`,
    `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({
        "collector", "custodian", "dpo", "seller_handler", "buyer_handler",
    })  # fmt: skip
    ALONE: ClassVar[bool] = True

    stream: RightsId
    request: RightsRequestType
    subject: SubjectId
    channel: RequestChannel
    received_at: Time
    due_at: Date
    records: Annotated[list[RecordId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012

    @property
    def mentions(self) -> tuple[str, ...]:
        """The records that it concerns."""
        return tuple(self.records)


class RequesterIdentityVerified(
    Event, frozen=True, kw_only=True, tag="rights.requester_identity_verified"
):
    """核验身份 of whoever asks; a failed check may be followed by another one. Sealed: `remark`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"collector", "custodian", "dpo"})
    ALONE: ClassVar[bool] = True

    stream: RightsId
    method: IdentityMethod
    result: CheckResult


class RightsRequestDecided(Event, frozen=True, kw_only=True, tag="rights.request_decided"):
    """请求决定, and when the person was told (PIPL 50). Sealed: `reasons`.

    `rules`: what stands in the way of what is refused: codes of rules (`retention_blocks_
    destruction`) or ids of the pack's retention rules.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "dpo", "counsel"})
    ALONE: ClassVar[bool] = True

    stream: RightsId
    decision: RequestDecision
    rules: Annotated[list[Code], Meta(max_length=16)] = []  # noqa: RUF012
    notified_at: Time


class RightsRequestFulfilled(Event, frozen=True, kw_only=True, tag="rights.request_fulfilled"):
    """请求完成: by which recorded acts. Sealed: `delivered` (SHA-256 of what was handed over).

    `actions`: events of the records concerned since it was received, or of destruction cases that
    list a copy of one.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "dpo"})
    ALONE: ClassVar[bool] = True

    stream: RightsId
    actions: Annotated[list[EventId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012


class RightsRequestClosed(Event, frozen=True, kw_only=True, tag="rights.request_closed"):
    """请求办结: answered to the end, or withdrawn by the person. Sealed: `remark`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "dpo"})
    ALONE: ClassVar[bool] = True

    stream: RightsId
    ending: RequestEnding


class RequestState(State):
    """A request and how far it has come; `first` is the event that it began with."""

    first: RightsRequestReceived
    records: set[str] = field(default_factory=set)
    identity: str | None = None
    decision: str | None = None
    actions: set[str] = field(default_factory=set)
    fulfilled: bool = False
    closed: bool = False


@evolves(RightsRequestReceived)
def _received(
    state: RequestState | None, event: RightsRequestReceived, _: int, __: str
) -> RequestState:
    state = state or RequestState(event.stream, event.version, event)
    state.records.update(event.records)
    return state


@evolves(RequesterIdentityVerified)
def _identified(
    state: RequestState, event: RequesterIdentityVerified, _: int, __: str
) -> RequestState:
    state.identity = event.result
    return state


@evolves(RightsRequestDecided)
def _decided(state: RequestState, event: RightsRequestDecided, _: int, __: str) -> RequestState:
    state.decision = event.decision
    return state


@evolves(RightsRequestFulfilled)
def _fulfilled(state: RequestState, event: RightsRequestFulfilled, _: int, __: str) -> RequestState:
    state.actions.update(event.actions)
    state.fulfilled = True
    return state


@evolves(RightsRequestClosed)
def _closed(state: RequestState, _: RightsRequestClosed, __: int, ___: str) -> RequestState:
    state.closed = True
    return state


@affects(RightsRequestReceived)
def _asked_about(state: State, event: RightsRequestReceived) -> None:
    if isinstance(state, RecordLike):
        state.requests[event.stream] = state.version


_SAME = ("request", "subject", "channel", "received_at", "due_at")


@rule(RightsRequestReceived)
def received_with_a_clock(case: Case, event: RightsRequestReceived) -> Iterator[Refusal]:
    """The deadline is the one that the policy gives; further parts say the same (I-38)."""
    state = case.world.state(event.stream, RequestState)
    if state is not None:
        yield from _still_open(case, event, state)
        if state.decision is not None:
            yield refuse("I-06", "request_is_decided", event.stream)
        if any(getattr(state.first, name) != getattr(event, name) for name in _SAME):
            yield refuse("I-38", "part_of_another_request", event.stream)
    policy = case.policy
    if event.received_at > later(case.statement.accepted, seconds=policy.limits.clock_skew_seconds):
        yield refuse("I-04", "claimed_time_in_future", event.id)
    days = policy.deadlines.rights_request_working_days
    if event.due_at != policy.calendar.after(event.received_at, days):
        yield refuse("I-38", "due_day_does_not_follow_policy", event.stream)


@rule(RightsRequestReceived)
def concerns_ones_own(case: Case, event: RightsRequestReceived) -> Iterator[Refusal]:
    """The records named exist, each once, and the author's party keeps or kept each (I-09)."""
    state = case.world.state(event.stream, RequestState)
    before = state.records if state is not None else set()
    if len(set(event.records)) != len(event.records) or before & set(event.records):
        yield refuse("I-06", "item_named_twice", event.stream)
    actor = case.world.before(event.by, ActorState)
    for stream in event.records:
        record = case.world.state(stream, RecordState)
        if record is None:
            yield refuse("I-00", "unknown_record", stream)
        elif actor is not None and not kept_by(case, record, actor.party):
            yield refuse("I-09", "not_the_actors_party", stream)


def _still_open(case: Case, event: Event, state: RequestState) -> Iterator[Refusal]:
    """A request that is closed stays so; and others' requests are others' business (I-09)."""
    if state.closed:
        yield refuse("I-06", "request_is_closed", event.stream)
    actor, first = (case.world.before(a, ActorState) for a in (event.by, state.first.by))
    if actor is not None and first is not None and actor.party != first.party:
        yield refuse("I-09", "not_the_actors_party", first.party)


@rule(
    RequesterIdentityVerified, RightsRequestDecided, RightsRequestFulfilled, RightsRequestClosed
)  # fmt: skip
def acts_on_an_open_request(case: Case, event: Event) -> Iterator[Refusal]:
    """There is such a request, and it is not closed."""
    state = case.world.state(event.stream, RequestState)
    if state is None:
        yield refuse("I-00", "unknown_request", event.stream)
    else:
        yield from _still_open(case, event, state)


@rule(RequesterIdentityVerified, RightsRequestDecided)
def decided_once(case: Case, event: Event) -> Iterator[Refusal]:
    """After the decision neither it nor what it stands on changes (I-06)."""
    state = case.world.state(event.stream, RequestState)
    if state is not None and state.decision is not None:
        yield refuse("I-06", "request_is_decided", event.stream)


@rule(RightsRequestDecided)
def decided_with_reasons(case: Case, event: RightsRequestDecided) -> Iterator[Refusal]:
    """Nobody gets another person's data; whoever refuses says why, and by which rule (PIPL 50)."""
    state = case.world.state(event.stream, RequestState)
    if state is None:
        return
    if state.identity is None:
        yield refuse("I-38", "identity_not_checked", event.stream)
    elif state.identity != "pass" and event.decision != "refuse":
        yield refuse("I-38", "identity_not_verified", event.stream)
    refusing = event.decision in REFUSING
    if refusing and event.sealed is UNSET:
        yield refuse("I-38", "refusal_needs_reasons", event.stream)
    if refusing != bool(event.rules) and state.identity == "pass":
        yield refuse("I-38", "rules_do_not_fit_decision", event.stream)
    known = {*RULE_CODES.values(), *case.policy.retention}
    for name in event.rules:
        if name not in known or event.rules.count(name) != 1:
            yield refuse("I-38", "no_such_rule", event.stream)
    latest = later(case.statement.accepted, seconds=case.policy.limits.clock_skew_seconds)
    if not state.first.received_at <= event.notified_at <= latest:
        yield refuse("I-04", "told_at_another_time", event.id)


@rule(RightsRequestFulfilled)
def fulfilled_as_decided(case: Case, event: RightsRequestFulfilled) -> Iterator[Refusal]:
    """What was decided is fulfilled, by acts that are on record and about these records (I-38)."""
    state = case.world.state(event.stream, RequestState)
    if state is None:
        return
    if state.decision is None:
        yield refuse("I-38", "request_not_decided", event.stream)
    elif state.decision == "refuse":
        yield refuse("I-38", "request_was_refused", event.stream)
    if len(set(event.actions)) != len(event.actions) or state.actions & set(event.actions):
        yield refuse("I-06", "item_named_twice", event.stream)
    case.world.preload([*state.records, *(action.rpartition("/")[0] for action in event.actions)])
    for action in event.actions:
        if not _about(case, state, action):
            yield refuse("I-38", "action_is_about_something_else", action)
    yield from _done(case, event, state)


def _about(case: Case, state: RequestState, action: str) -> bool:
    """Whether an event exists, and did something about the request since it was received."""
    stream, _, number = action.rpartition("/")
    found = case.world.state(stream, State)
    if found is None or int(number) > found.version:
        return False
    if isinstance(found, RecordState):
        return stream in state.records and int(number) > found.requests[state.stream]
    if not isinstance(found, CaseState):
        return False
    copies = case.world.once(("copies asked about", state.stream), lambda: _copies(case, state))
    return not copies.isdisjoint(found.items)


def _copies(case: Case, state: RequestState) -> set[str]:
    """Every copy of the records that a request concerns."""
    return {
        copy.stream for record in _records(case, state) for copy in copies_of_record(case, record)
    }


def _records(case: Case, state: RequestState) -> list[RecordState]:
    found = (case.world.state(stream, RecordState) for stream in sorted(state.records))
    return [record for record in found if record is not None]


def _done(case: Case, event: RightsRequestFulfilled, state: RequestState) -> Iterator[Refusal]:
    """Whether what was asked has come about: as far as events can tell."""
    actions = state.actions | set(event.actions)
    asked = state.first.request
    if asked in DELIVERING:
        if event.sealed is UNSET and not state.fulfilled:
            yield refuse("I-38", "delivery_not_sealed", event.stream)
    elif state.records and not actions and event.sealed is UNSET:
        yield refuse("I-38", "fulfilled_by_nothing", event.stream)
    for record in _records(case, state):
        restricted = record.restricted is not None
        if asked == "restrict" and not restricted and not over(case, record):
            yield refuse("I-38", "record_not_restricted", record.stream)
        if asked not in DELETING or over(case, record):
            continue
        if state.decision == "partial" and restricted:
            continue
        if record.content_event not in actions:
            yield refuse("I-38", "record_not_deleted", record.stream)
        elif _earlier(case, record):
            yield refuse("I-38", "earlier_content_left", record.stream)


def _earlier(case: Case, record: RecordState) -> bool:
    """Whether a copy of what a record was before its latest correction is left.

    Of which content a copy is that was made of nothing, nobody can tell: it counts.
    """
    present = holdings(case, record.holdings[-1:])
    corrected = {copy.stream for first in present for copy in offspring(case, first)}
    return any(
        copy.stream not in corrected and not copy.gone for copy in copies_of_record(case, record)
    )


@rule(RightsRequestClosed)
def closed_when_answered(case: Case, event: RightsRequestClosed) -> Iterator[Refusal]:
    """Completed is what was refused with reasons, or fulfilled; withdrawn what was neither."""
    state = case.world.state(event.stream, RequestState)
    if state is None:
        return
    answered = state.fulfilled or state.decision == "refuse"
    if answered != (event.ending == "completed"):
        yield refuse("I-38", "ending_does_not_fit", event.stream)

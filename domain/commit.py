"""Judging a commit: who signed what, as whom, when, having seen how much; then each event.

One function for the recording transaction and for verification (DESIGN 3). What cannot be false in
a well-formed note (digests, signatures, the root of `seen`) is checked in `ledger.verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple, cast

from msgspec import UNSET, UnsetType

from domain.actor import ActorState
from domain.engagement import EngagementState
from domain.judging import (
    STUMBLES,
    Case,
    Refusal,
    Rule,
    Signer,
    State,
    Statement,
    World,
    closing_rules_for,
    refuse,
    rules_for,
)
from domain.keys import KeyState
from domain.ledger import LedgerState
from domain.opening import leave_behind, opening_flaws
from domain.policy import Policy
from domain.privacy import looks_personal
from domain.values import Event, all_fit, by_kind, is_day, later, malformed, moment

_TIME_FIELDS = (
    "departed_at", "arrived_at", "discovered_at", "suspected_since", "started_at", "ended_at",
    "begins", "ends", "period_from", "period_to", "released_at", "received_at", "effective_at",
    "made_at",
    "issued_at",
    "notified_at",
    "deadline",
    "given_at", "withdrawn_at", "delivered_at",
    "disposed_at",
    "done_at", "gen_time",
)  # fmt: skip
_DATE_FIELDS = (
    "begins_on", "due", "due_at", "effective_from", "ended_on", "ends_on", "expires_on",
    "first_day", "last_day", "locked_until", "max_until", "min_until", "on", "retain_until",
    "review_on", "since", "terminated_on", "trigger_date", "until", "valid_from", "valid_to",
)  # fmt: skip
_NEVER = "9000-01-01T00:00:00.000Z"
_NO_MOMENT = frozenset({"not_a_time", "no_such_day"})
_STREAM_FIELDS = (
    "party",
    "custodian",
    "record",
    "holding",
    "made_from",
    "from_party",
    "to_party",
    "grant",
    "actor",
)
_CODE_FIELDS = (
    "rules", "rule", "code", "pack", "pack_version", "software", "origin", "media_type", "statute",
)  # fmt: skip


class Judgement(NamedTuple):
    """What is not permitted about one event, or about the commit itself.

    `at`: index of the event in the commit, 0-based; None: the commit, or what it leaves unfinished.
    """

    at: int | None
    refusals: list[Refusal]


def judge_commit(
    world: World, policy: Policy, statement: Statement, events: Sequence[Event]
) -> list[Refusal]:
    """Judge a commit and, as far as it is permitted, advance `world` by it.

    Returns the refusals of the commit itself, or of the first event that is not permitted; an
    empty list means that every rule permits it. After a refusal `world` is spent: discard it.
    """
    for judgement in judgements(world, policy, statement, events):
        return judgement.refusals
    return []


def judgements(
    world: World, policy: Policy, statement: Statement, events: Sequence[Event]
) -> Iterator[Judgement]:
    """All that is not permitted about a commit, in order; `judge_commit` stops at the first.

    Whoever goes on is told of the rest as it stands after what was not permitted, because it
    happened (an auditor's replay). Nothing can be said after a malformed field. A rule that cannot
    answer (`rule_failed`) permits nothing; a fold that cannot leaves its stream as it was.
    """
    case = Case(world, policy, statement)
    world.begin_commit()
    if statement.entry == 0:
        if flaws := opening_flaws(events):
            yield Judgement(None, flaws)
            return
        leave_behind(world, events, statement.accepted)
    world.preload(streams_named(statement, events))
    usual: set[_Usual] = set()
    refusals = [
        *_signers(case, events), *_cosigners(case, events), *_statement(case, events),
        *_alone(events),
    ]  # fmt: skip
    if refusals:
        yield Judgement(None, refusals)
    fit = all_fit(events)
    for index, event in enumerate(events):
        if not fit and (fields := malformed(event)):  # before any rule looks into a field
            yield Judgement(index, [refuse("I-02", "malformed_field", *fields)])
            return
        refusals = _envelope(case, event, usual)
        if not refusals or _NO_MOMENT.isdisjoint(refusal.detail for refusal in refusals):
            _ask(rules_for(type(event)), case, event, refusals)
        if refusals:
            yield Judgement(index, refusals)
        try:
            world.advance(event, statement.entry, statement.accepted)
        except STUMBLES:
            if not refusals:
                yield Judgement(index, [refuse("I-00", "rule_failed", event.id)])
    ended = {(e.stream, type(e)): e for e in events if closing_rules_for(type(e))}
    refusals = []
    for event in ended.values():
        _ask(closing_rules_for(type(event)), case, event, refusals)
    if refusals:
        yield Judgement(None, refusals)


def _ask(rules: Sequence[Rule], case: Case, event: Event, refusals: list[Refusal]) -> None:
    """Add what rules say; one that no answer can be had from permits nothing."""
    for judge in rules:
        try:
            refusals += judge(case, event)
        except STUMBLES:
            refusals.append(refuse("I-00", "rule_failed", event.id))


def streams_named(statement: Statement, events: Sequence[Event]) -> set[str]:
    """The streams that a commit's judging looks at: signers, authors, and what events name."""
    named = {signer.holder for signer in statement.signers if signer.holder}
    for kind, those in by_kind(events).items():
        for read in _streams_of(kind):
            named.update(map(read, those))
        if kind.mentions is not Event.mentions:
            named.update(*(event.mentions for event in those))
    named.discard(cast("str", UNSET))  # what an absent optional field reads as
    return named


@lru_cache(maxsize=256)
def _streams_of(kind: type[Event]) -> tuple[Callable[[Event], str], ...]:
    """Read the streams that an event of this class names."""
    names = ("stream", "by", "engagement", *_fields(kind, _STREAM_FIELDS))
    return tuple(attrgetter(name) for name in names)


def _key_of(case: Case, holder: str, key_id: str) -> KeyState | None:
    actor = case.world.before(holder, ActorState)
    if actor is not None:
        return actor.keys.get(key_id)
    ledger = case.world.before(holder, LedgerState)
    return ledger.keys.get(key_id) if ledger else None


def _signers(case: Case, events: Sequence[Event]) -> Iterator[Refusal]:
    """Every signer is a person with an active key, each person and each key once (I-01, I-05)."""
    enrolled = {(k.name, k.id): k for e in events for k in getattr(e, "enrolled_keys", ())}
    persons: set[str] = set()
    publics: set[str] = set()
    for signer in case.statement.signers:
        state = _key_of(case, signer.holder, signer.key_id)
        if signer.possession and (signer.name, signer.key_id) in enrolled:
            publics.add(enrolled[signer.name, signer.key_id].public)
            continue
        if state is None or state.key.name != signer.name:
            yield refuse("I-01", "unknown_key", signer.holder or signer.key_id)
            continue
        yield from _use(signer, state, events)
        if not signer.possession:
            if signer.holder in persons:
                yield refuse("I-07", "person_signs_twice", signer.holder)
            persons.add(signer.holder)
        if state.key.public in publics:
            yield refuse("I-07", "key_signs_twice", signer.holder)
        publics.add(state.key.public)
    named = {(s.name, s.key_id) for s in case.statement.signers}
    for (name, key_id), key in enrolled.items():
        if key.kind == "ed25519" and (name, key_id) not in named:
            yield refuse("I-01", "possession_not_proved", key_id)
    if not persons:
        yield refuse("I-01", "nobody_signs")


def _use(signer: Signer, state: KeyState, events: Sequence[Event]) -> Iterator[Refusal]:
    """A key signs while it is active: an act key for its holder, another one to be replaced."""
    if not state.active:
        rule = "I-05" if state.condition == "compromised" else "I-01"
        yield refuse(rule, f"key_{state.condition}", signer.holder)
    if signer.possession:
        if (signer.holder, signer.key_id) not in _replaced(events):
            yield refuse("I-01", "possession_not_asked_for", signer.holder)
    elif state.key.purpose != "act":
        yield refuse("I-01", "key_not_for_acts", signer.holder)


def _replaced(events: Sequence[Event]) -> set[tuple[str, str]]:
    """The keys that events of a commit replace, which may sign in capacity `possession`."""
    return {(e.stream, old) for e in events if (old := getattr(e, "old_key", None)) is not None}


def _cosigners(case: Case, events: Sequence[Event]) -> Iterator[Refusal]:
    """Whoever signs besides the authors holds the role that is signed in, for this work (I-09)."""
    said = case.statement
    if len(said.actors) == 1:  # the author's own role is judged with each event
        return
    authors = {(event.by, event.role) for event in events}
    engagements = {event.engagement for event in events}
    for signer in said.actors:
        if (signer.holder, signer.capacity) in authors:
            continue
        actor = case.world.before(signer.holder, ActorState)
        if actor is None or not all(
            actor.holds(signer.capacity, engagement, said.accepted) for engagement in engagements
        ):
            yield refuse("I-09", "capacity_not_held", signer.holder)


def _statement(case: Case, events: Sequence[Event]) -> Iterator[Refusal]:
    """`seen`, `until` and the shape of joint commits (DESIGN 4.2)."""
    said, limits, source = case.statement, case.policy.limits, case.world.source
    if any(source.commit_voided(said.commit, signer.holder) for signer in said.actors):
        yield refuse("I-06", "draft_voided", said.commit)
    if said.accepted >= _NEVER:  # deadlines are counted from it, and there must be days for them
        yield refuse("I-04", "accepted_past_all_deadlines")
    if (said.seen == 0) != (said.entry == 0) or said.seen > said.entry:
        yield refuse("I-04", "seen_out_of_range")
        return
    if said.seen < said.entry:
        oldest_unseen = source.accepted_at(said.seen)
        if said.accepted > later(oldest_unseen, days=limits.seen_days):
            yield refuse("I-04", "seen_too_old")
    actors = said.actors
    if len(actors) == 1 and said.entry:
        previous = source.last_entry_of(actors[0].holder)
        if previous is not None and said.seen <= previous:
            yield refuse("I-04", "own_previous_entry_not_seen", actors[0].holder)
    joint = len(actors) > 1
    if joint != (said.until is not None):
        yield refuse("I-04", "until_is_for_joint_commits")
    elif said.until is not None and said.accepted > said.until:
        yield refuse("I-04", "draft_expired", said.commit)
    elif said.until is not None and said.until > later(
        said.accepted, days=limits.joint_days, seconds=limits.clock_skew_seconds
    ):
        yield refuse("I-04", "until_too_far", said.commit)
    if joint and said.entry and len({event.stream for event in events}) != 1:
        yield refuse("I-09", "joint_commit_writes_one_stream")


def _alone(events: Sequence[Event]) -> Iterator[Refusal]:
    """Cases are judged by what was there before the commit, so nothing else happens in it."""
    if any(event.ALONE for event in events) and len({event.stream for event in events}) != 1:
        yield refuse("I-09", "case_writes_one_stream")


def _envelope(case: Case, event: Event, usual: set[_Usual]) -> list[Refusal]:
    """What holds for every event: author, role, engagement, version, times, no personal data.

    `usual`: what earlier events of the commit have had in common with others and was permitted.
    """
    kind = type(event)
    common = (event.by, event.role, event.engagement, kind, event.at, event.late_reason)
    settled = common in usual
    refusals = [] if settled else list(_author(case, event))
    state = case.world.state(event.stream, State)
    if event.version != (state.version + 1 if state is not None else 1):
        refusals.append(refuse("I-04", "version_gap_or_repeat", event.id))
    if not settled:
        refusals.extend(_times(case, event))
        if not refusals and not _fields(kind, _TIME_FIELDS) and not _fields(kind, _DATE_FIELDS):
            usual.add(common)
    if (
        event.sealed is not UNSET
        and event.sealed.digest is UNSET
        and getattr(event, "row", UNSET) is UNSET
    ):
        refusals.append(refuse("I-02", "sealed_without_payload", event.id))
    for name in _fields(kind, _CODE_FIELDS):
        values = getattr(event, name)
        for value in (values,) if isinstance(values, str) else values or ():
            if looks_personal(value):
                refusals.append(refuse("I-02", "code_looks_personal", event.id))
    return refusals


_Usual = tuple[str, str, str, type[Event], str, str | UnsetType]


def _author(case: Case, event: Event) -> Iterator[Refusal]:
    """Who says it, in which role, for which engagement: all as they were before the commit."""
    said, world = case.statement, case.world
    if not any(s.holder == event.by and s.capacity == event.role for s in said.actors):
        yield refuse("I-01", "author_did_not_sign_in_role", event.by)
    actor = world.before(event.by, ActorState)
    if actor is None or not actor.holds(event.role, event.engagement, said.accepted):
        yield refuse("I-09", "role_not_held", event.by)
    if event.ROLES and event.role not in event.ROLES:
        yield refuse("I-09", "role_does_not_permit", event.role)
    engagement = world.before(event.engagement, EngagementState)
    if engagement is None or not engagement.open:
        yield refuse("I-09", "unknown_engagement", event.engagement)


@lru_cache(maxsize=256)
def _fields(kind: type[Event], names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of these fields a class of events has."""
    return tuple(name for name in names if name in kind.__struct_fields__)


def _times(case: Case, event: Event) -> Iterator[Refusal]:
    """Claimed times name instants, are not ahead of the ledger's, and lateness has a reason."""
    accepted, limits = case.statement.accepted, case.policy.limits
    try:
        moment(event.at)
        for name in _fields(type(event), _TIME_FIELDS):
            if (time := getattr(event, name)) is not UNSET:
                moment(time)
    except ValueError:
        yield refuse("I-04", "not_a_time", event.id)
        return
    for name in _fields(type(event), _DATE_FIELDS):
        if (day := getattr(event, name)) is not UNSET and not is_day(day):
            yield refuse("I-04", "no_such_day", event.stream)
            return
    if event.at > later(accepted, seconds=limits.clock_skew_seconds):
        yield refuse("I-04", "claimed_time_in_future", event.id)
        return
    # A joint act is said when it is prepared; gathering signatures is not lateness.
    hours = limits.joint_days * 24 if case.statement.until else limits.late_after_hours
    if event.late_reason is UNSET and later(event.at, hours=hours) < accepted:
        yield refuse("I-04", "late_without_reason", event.id)

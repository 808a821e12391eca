"""Access: who may look at what, for which purpose and how; who did, who was refused, who looked on.

A grant names a person, what it covers (records, or categories with their parts), modes, purposes
and a span of time. An access without a grant that covers it is refused, and the refusal is
recorded (I-15); an emergency access needs a reason and no grant, and waits for review. Reviews are
done by somebody who accessed nothing in the span reviewed (I-16).

A deal opens access to the other side: the seller lets people of the buyer or the broker look, under
a non-disclosure agreement in force and for what precedes a handover (`domain.crossing`). When a
record has passed, whatever anybody but its new keeper had granted before is over, and what they
grant afterwards holds only for what the law still asks of them (Civil Code 558, PIPL 47).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from domain.actor import ActorState
from domain.answers import Accesses, Passed
from domain.codes import (
    AccessMode,
    AccessPurpose,
    LookBasis,
    RecordCategory,
    RevocationReason,
    covers,
)
from domain.copies import HoldingState, kept_by, over
from domain.crossing import against_crossing, stays_bound
from domain.engagement import EngagementState
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.record import RecordState
from domain.restriction import STILL_PERMITTED
from domain.values import (
    MAX_LISTED,
    ActorId,
    Code,
    Count,
    Digest,
    EngagementId,
    Event,
    GrantId,
    HoldingId,
    RecordId,
    Time,
)

REVIEWERS: frozenset[str] = frozenset({
    "dpo", "security_officer", "supervisor", "internal_auditor", "external_auditor",
})  # fmt: skip
GIVING: Final = ("copy", "download", "export", "print")
"""The modes of access after which a content, or an opening of it, is in somebody's hands."""
AFTER_PASSING: Final = frozenset({"legal_duty", "dispute", "audit", "rights_request", "disposal"})
"""What a party may still access a record for, after it has passed to another one."""
_SHORT = Meta(min_length=1, max_length=16)


class AccessGranted(Event, frozen=True, kw_only=True, tag="grant.access_granted"):
    """访问授权: `actor` may access what `records` and `categories` name.

    `begins` is the first moment, `ends` the last; `basis`: across a deal, on what the other side
    may see who stands in them (`domain.crossing`). Sealed: `remark`.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "dpo", "approver", "administrator"})

    stream: GrantId
    actor: ActorId
    records: Annotated[list[RecordId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012
    categories: Annotated[list[RecordCategory], Meta(max_length=32)] = []  # noqa: RUF012
    modes: Annotated[list[AccessMode], _SHORT]
    purposes: Annotated[list[AccessPurpose], _SHORT]
    begins: Time
    ends: Time
    basis: LookBasis | UnsetType = UNSET

    @property
    def mentions(self) -> tuple[str, ...]:
        """The records that it names."""
        return tuple(self.records)


class AccessRevoked(Event, frozen=True, kw_only=True, tag="grant.access_revoked"):
    """撤销授权: from the next commit on."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "dpo", "approver", "administrator"})

    stream: GrantId
    reason: RevocationReason


class _Access(Event, frozen=True, kw_only=True, tag=False):
    """Whoever says it is who accesses, or tried to; `purpose` stands in the envelope."""

    stream: RecordId
    holding: HoldingId
    mode: AccessMode
    grant: GrantId | UnsetType = UNSET


class RecordAccessed(_Access, frozen=True, kw_only=True, tag="record.accessed"):
    """资料访问: content was handed out to whoever says so.

    `outcome`: `allowed` under `grant`, or `break_glass` with a sealed `reason`; `intact`: whether
    what was handed out has the digest recorded, absent where there was nothing to compare. Sealed:
    `content` (SHA-256 of what was handed out), `ticket`, `reason`.
    """

    outcome: Literal["allowed", "break_glass"]
    intact: bool | UnsetType = UNSET


class AccessDenied(_Access, frozen=True, kw_only=True, tag="record.access_denied"):
    """拒绝访问: nothing was handed out. `rule`: the detail of the refusal, as a rule names it."""

    rule: Code


class AccessReviewed(Event, frozen=True, kw_only=True, tag="engagement.access_reviewed"):
    """访问审查: somebody has gone through the register of accesses.

    The span is of accepted time: from `period_from` up to, and without, `period_to`; the counts
    are the register's. `anomalies`: how many of them need following up; `report`: SHA-256 of the
    report that was gone through (`ledger.accessreview`). Sealed: `report`, what was found.
    """

    ROLES: ClassVar[frozenset[str]] = REVIEWERS

    stream: EngagementId
    period_from: Time
    period_to: Time
    allowed: Count
    denied: Count
    break_glass: Count
    anomalies: Count
    report: Digest | UnsetType = UNSET


class GrantState(State):
    """A grant as given, and whether it was revoked.

    `giver`, `engagement`: who gave it under what; `granted`: the entry and accepted time at which;
    `basis`: empty if none was named.
    """

    actor: str
    giver: str
    engagement: str
    granted: tuple[int, str]
    records: frozenset[str]
    categories: tuple[str, ...]
    modes: frozenset[str]
    purposes: frozenset[str]
    begins: str
    ends: str
    basis: str = ""
    revoked: bool = False

    def covers(self, record: RecordState) -> bool:
        """Whether a record is among those named, or in a category that is."""
        return record.stream in self.records or any(
            covers(wide, category) for wide in self.categories for category in record.categories
        )


@evolves(AccessGranted)
def _granted(_: None, event: AccessGranted, entry: int, accepted: str) -> GrantState:
    return GrantState(
        event.stream, event.version, event.actor, event.by, event.engagement, (entry, accepted),
        frozenset(event.records), tuple(event.categories), frozenset(event.modes),
        frozenset(event.purposes), event.begins, event.ends,
        "" if event.basis is UNSET else event.basis,
    )  # fmt: skip


@evolves(AccessRevoked)
def _revoked(state: GrantState, _: AccessRevoked, __: int, ___: str) -> GrantState:
    state.revoked = True
    return state


@evolves(RecordAccessed)
@evolves(AccessDenied)
def _nothing_changes(state: RecordState, _: _Access, __: int, ___: str) -> RecordState:
    return state


@evolves(AccessReviewed)
def _reviewed(state: EngagementState, event: AccessReviewed, _: int, __: str) -> EngagementState:
    state.reviewed_until = max(state.reviewed_until, event.period_to)
    state.reviews.add(event.version)
    return state


@rule(AccessGranted)
def granted_to_another(case: Case, event: AccessGranted) -> Iterator[Refusal]:
    """Nobody grants to themselves (I-07), nor to another party but across a deal (I-13)."""
    world = case.world
    if event.version != 1:
        yield refuse("I-06", "already_granted", event.stream)
    if event.actor == event.by:
        yield refuse("I-07", "grants_to_self", event.by)
    giver, taker = world.before(event.by, ActorState), world.state(event.actor, ActorState)
    if taker is None:
        yield refuse("I-09", "unknown_actor", event.actor)
    elif giver is not None and giver.party != taker.party:
        sides, basis = (giver.party, taker.party), "" if event.basis is UNSET else event.basis
        named = (case.world.state(record, RecordState) for record in event.records)
        yield from against_crossing(
            case, event.engagement, sides, event.purposes, basis,
            [record for record in named if record is not None], event.categories,
        )  # fmt: skip
    if not event.records and not event.categories:
        yield refuse("I-15", "grant_covers_nothing", event.stream)
    for values in (event.records, event.categories, event.modes, event.purposes):
        if len(set(values)) != len(values):
            yield refuse("I-06", "item_named_twice", event.stream)
    if event.ends < event.begins:
        yield refuse("I-04", "ended_before_started", event.stream)
    if "break_glass" in event.purposes:
        yield refuse("I-15", "break_glass_is_not_granted", event.stream)


@rule(AccessGranted)
def granted_over_ones_own(case: Case, event: AccessGranted) -> Iterator[Refusal]:
    """The records named exist, and the giver's party keeps a copy of each (I-09)."""
    giver = case.world.before(event.by, ActorState)
    for record in event.records:
        known = case.world.state(record, RecordState)
        if known is None:
            yield refuse("I-00", "unknown_record", record)
        elif giver is not None and not kept_by(case, known, giver.party):
            yield refuse("I-09", "not_the_actors_party", record)


@rule(AccessRevoked)
def revoked_once(case: Case, event: AccessRevoked) -> Iterator[Refusal]:
    """A grant is revoked once, by somebody of the party that gave it, or that it was given to."""
    state = case.world.state(event.stream, GrantState)
    if state is None:
        yield refuse("I-00", "unknown_grant", event.stream)
        return
    if state.revoked:
        yield refuse("I-06", "grant_is_revoked", event.stream)
    actor = case.world.before(event.by, ActorState)
    concerned = [_party_of(case, one) for one in (state.giver, state.actor)]
    if actor is not None and actor.party not in concerned:
        yield refuse("I-09", "not_the_actors_party", concerned[0])


def against_access(case: Case, event: _Access) -> Iterator[Refusal]:
    """Why content may not be handed out to whoever asks.

    What is gone is not accessed (I-03), what is not classified only by who collected it (I-11),
    what is restricted only for what the law still asks (I-33), and everything only under a grant
    that covers person, record, mode, purpose and time (I-15). Whoever gave a record away has no
    emergency in it.
    """
    world = case.world
    record = world.state(event.stream, RecordState)
    holding = world.state(event.holding, HoldingState)
    if record is None:
        yield refuse("I-00", "unknown_record", event.stream)
        return
    if over(case, record):
        yield refuse("I-03", "record_is_over", event.stream)
    if holding is None:
        yield refuse("I-00", "unknown_holding", event.holding)
    else:
        yield from _copy_at_hand(case, event, record, holding)
    purpose = event.purpose
    if purpose is UNSET:
        yield refuse("I-15", "no_purpose", event.stream)
    elif record.restricted is not None and purpose not in STILL_PERMITTED:
        yield refuse("I-33", "record_is_restricted", record.restricted)
    if record.classification is None and event.by not in record.collected_by:
        yield refuse("I-11", "not_classified", event.stream)
    if purpose != "break_glass":
        yield from _grant(case, event, record)
        return
    passed = _passed(case, event.stream)
    if passed is not None and _party_of(case, event.by) != passed.to_party:
        yield refuse("I-15", "purpose_ended_with_handover", passed.handover)


def _party_of(case: Case, actor: str) -> str:
    """The party that an actor acts for; empty for nobody known."""
    state = case.world.before(actor, ActorState)
    return "" if state is None else state.party


def _own_grant(case: Case, event: _Access) -> GrantState | None:
    """The grant that an access names, if it was given to whoever accesses."""
    grant = None if event.grant is UNSET else case.world.before(event.grant, GrantState)
    return None if grant is None or grant.actor != event.by else grant


def _copy_at_hand(
    case: Case, event: _Access, record: RecordState, holding: HoldingState
) -> Iterator[Refusal]:
    """A copy of the record that is there, kept by one's own party or by whose grant it is."""
    if not holding.there:
        yield refuse("I-03", f"holding_is_{holding.condition}", holding.stream)
    whole = holding.record is None and holding.made_from in record.holdings
    if not record.lies_in(holding) and not whole:
        yield refuse("I-00", "holding_of_another_record", holding.stream)
    grant = _own_grant(case, event)
    keeper = _party_of(case, event.by if grant is None else grant.giver)
    if keeper != holding.custodian:
        yield refuse("I-09", "not_the_actors_party", holding.custodian)


def _grant(case: Case, event: _Access, record: RecordState) -> Iterator[Refusal]:
    if event.grant is UNSET:
        yield refuse("I-15", "no_grant", event.stream)
        return
    grant = _own_grant(case, event)
    if grant is None:
        yield refuse("I-15", "grant_of_another", event.grant)
        return
    if grant.revoked:
        yield refuse("I-15", "grant_is_revoked", event.grant)
    if not grant.begins <= case.statement.accepted <= grant.ends:
        yield refuse("I-15", "grant_not_in_force", event.grant)
    if not grant.covers(record):
        yield refuse("I-15", "grant_does_not_cover_record", event.grant)
    if event.mode not in grant.modes:
        yield refuse("I-15", "grant_does_not_cover_mode", event.grant)
    if event.purpose not in grant.purposes:
        yield refuse("I-15", "grant_does_not_cover_purpose", event.grant)
    yield from _across(case, event, grant, record)
    yield from _after_it_passed(case, event, grant)


def _across(
    case: Case, event: _Access, grant: GrantState, record: RecordState
) -> Iterator[Refusal]:
    """A grant across a deal opens within that deal, while what it was given on stands (I-13)."""
    sides = (_party_of(case, grant.giver), _party_of(case, grant.actor))
    if sides[0] == sides[1]:
        return
    if event.engagement != grant.engagement:
        yield refuse("I-09", "grant_of_another_engagement", grant.engagement)
    purposes = () if event.purpose is UNSET else (event.purpose,)
    yield from against_crossing(case, grant.engagement, sides, purposes, grant.basis, [record])


def _passed(case: Case, record: str) -> Passed | None:
    """The handover by which a record has changed its keeper for good."""
    bound = stays_bound(case.policy)
    return case.world.once(("passed", record), lambda: case.world.source.passed(record, bound))


def _after_it_passed(case: Case, event: _Access, grant: GrantState) -> Iterator[Refusal]:
    """What was granted before a record passed is over, but for the grants of its new keeper (I-15).

    What anybody else grants since opens it for what the law still asks, and nothing else.
    """
    passed = _passed(case, event.stream)
    if passed is None or _party_of(case, grant.giver) == passed.to_party:
        return
    if grant.granted[1] <= passed.accepted:
        yield refuse("I-15", "grant_ended_with_handover", passed.handover)
    elif event.purpose not in AFTER_PASSING:
        yield refuse("I-15", "purpose_ended_with_handover", passed.handover)


@rule(RecordAccessed)
def accessed_under_a_grant(case: Case, event: RecordAccessed) -> Iterator[Refusal]:
    """As `against_access`; an emergency says why, and is no way around a restriction (I-15)."""
    yield from against_access(case, event)
    emergency = event.outcome == "break_glass"
    if emergency != (event.purpose == "break_glass"):
        yield refuse("I-15", "outcome_does_not_fit_purpose", event.stream)
    if emergency and event.sealed is UNSET:
        yield refuse("I-15", "break_glass_needs_reason", event.stream)
    if emergency and event.grant is not UNSET:
        yield refuse("I-15", "break_glass_is_not_granted", event.stream)


@rule(AccessDenied)
def denied_for_a_reason(case: Case, event: AccessDenied) -> Iterator[Refusal]:
    """A denial names a rule that does deny it: nobody fills the register with what never was."""
    if case.world.state(event.stream, RecordState) is None:
        yield refuse("I-00", "unknown_record", event.stream)
    elif event.rule not in {refusal.detail for refusal in against_access(case, event)}:
        yield refuse("I-15", "nothing_denies_this", event.stream)


@rule(AccessReviewed)
def reviewed_by_somebody_else(case: Case, event: AccessReviewed) -> Iterator[Refusal]:
    """The counts are the register's, and the reviewer is not among those reviewed (I-07, I-16).

    No access stays unreviewed between two reviews: each begins where the one before it ended.
    """
    if event.stream != event.engagement:
        yield refuse("I-09", "review_of_another_engagement", event.stream)
    if not event.period_from < event.period_to <= case.statement.accepted:
        yield refuse("I-04", "period_is_not_over", event.stream)
        return
    found = case.world.source.accesses(event.stream, event.period_from, event.period_to)
    state = case.world.state(event.stream, EngagementState)
    seen = state.reviewed_until if state is not None else ""
    unseen = seen < event.period_from
    if unseen and case.world.source.accesses(event.stream, seen, event.period_from) != Accesses():
        yield refuse("I-16", "period_leaves_a_gap", event.stream)
    if event.by in found.actors:
        yield refuse("I-16", "reviewer_is_reviewed", event.by)
    if (event.allowed, event.denied, event.break_glass) != (
        found.allowed, found.denied, found.break_glass,
    ):  # fmt: skip
        yield refuse("I-16", "counts_are_not_the_registers", event.stream)
    if event.anomalies > found.allowed + found.denied + found.break_glass:
        yield refuse("I-16", "counts_are_not_the_registers", event.stream)

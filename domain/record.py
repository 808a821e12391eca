"""Records: one contract, one recording, or a series such as "orders 2023, 48,120 rows".

collect → review, classify → retention → archive. A correction never edits: it is a new event that
names what it corrects (I-06) and asks for a new review (I-18); an archived record leaves the
archive by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, NamedTuple

from msgspec import UNSET, Meta, UnsetType, field

from domain.actor import ActorState
from domain.codes import (
    BusinessArea,
    CheckResult,
    ClassificationProfile,
    CollectionMethod,
    CorrectionReason,
    CustomerNeed,
    CustomerType,
    DataLevel,
    DisposalAction,
    LegalBasis,
    MediumForm,
    NoticeExemption,
    NoticeStatus,
    RecordCategory,
    Relationship,
    RetentionTrigger,
    ReviewCheck,
    SensitivePiKind,
    Sensitivity,
)
from domain.copies import HoldingState, RecordLike, claimed, kept_by, over
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.retention import Traits
from domain.values import Code, Count, Date, Event, EventId, HoldingId, Ordinal, RecordId

CLASSIFIERS: frozenset[str] = frozenset({"collector", "reviewer", "dpo", "archivist", "custodian"})


class RecordCollected(Event, frozen=True, kw_only=True, tag="record.collected"):
    """资料收集: a record is taken into custody where it lies.

    `holding`: the copy it was collected in; `items`: how many things the record is (rows of a
    series); `row`: 1-based data row, for a record that is one row of a table. Sealed: `title`,
    `source` (whose statement), `content` (SHA-256), `notice` (reference, if any); of a series
    `rows` and `rows_seed`, so that one row of it can be proved. `continues`: the other ledger's
    record that it was handed over as, `imported`: the event that says so (`domain.replica`).
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"collector"})

    stream: RecordId
    holding: HoldingId
    category: RecordCategory
    form: MediumForm
    size: Count
    items: Count
    basis: LegalBasis
    notice: NoticeStatus
    notice_exemption: NoticeExemption | UnsetType = UNSET
    method: CollectionMethod
    row: Ordinal | UnsetType = UNSET
    continues: RecordId | UnsetType = UNSET
    imported: EventId | UnsetType = UNSET


class RecordCorrected(Event, frozen=True, kw_only=True, tag="record.corrected"):
    """资料更正: a new state of the content. Sealed: `content`, `remark`; `rows`, `rows_seed`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"collector", "custodian"})

    stream: RecordId
    supersedes: EventId
    holding: HoldingId
    size: Count
    items: Count
    reason: CorrectionReason


class RecordVerified(Event, frozen=True, kw_only=True, tag="record.verified"):
    """资料审核: another person has checked it. Sealed: `remark`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"reviewer"})

    stream: RecordId
    checks: Annotated[list[ReviewCheck], Meta(min_length=1, max_length=8)]
    result: CheckResult
    content_matched: bool | UnsetType = UNSET


class _Classification(Event, frozen=True, kw_only=True, tag=False):
    """The axes of a classification (categories, level, sensitivity, the four of the field)."""

    categories: Annotated[list[RecordCategory], Meta(min_length=1, max_length=8)]
    level: DataLevel
    sensitivity: Sensitivity
    sensitive_kinds: Annotated[list[SensitivePiKind], Meta(max_length=16)] = []  # noqa: RUF012
    profile: ClassificationProfile
    customer_type: CustomerType | UnsetType = UNSET
    business_area: BusinessArea | UnsetType = UNSET
    need: CustomerNeed | UnsetType = UNSET
    relationship: Relationship | UnsetType = UNSET


class RecordClassified(_Classification, frozen=True, kw_only=True, tag="record.classified"):
    """分类定级, for the first time. Sealed: `rationale`."""

    ROLES: ClassVar[frozenset[str]] = CLASSIFIERS

    stream: RecordId


class RecordReclassified(_Classification, frozen=True, kw_only=True, tag="record.reclassified"):
    """重新定级: a lower level or sensitivity needs a second person as approver."""

    ROLES: ClassVar[frozenset[str]] = CLASSIFIERS

    stream: RecordId
    supersedes: EventId


class RetentionAssigned(Event, frozen=True, kw_only=True, tag="record.retention_assigned"):
    """确定保管期限: by which rules of the adopted pack, from which day, until when.

    `min_until`: must be kept through; `max_until`: must be gone by; either absent where no rule
    sets one; `permanent`: kept for ever. `conflict`: min lies after max, a finding for counsel.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"archivist", "custodian", "dpo"})

    stream: RecordId
    rules: Annotated[list[Code], Meta(min_length=1, max_length=16)]
    trigger: RetentionTrigger
    trigger_date: Date
    min_until: Date | UnsetType = UNSET
    max_until: Date | UnsetType = UNSET
    permanent: bool
    conflict: bool
    action: DisposalAction


class RecordArchived(Event, frozen=True, kw_only=True, tag="record.archived"):
    """归档. Sealed: `archive_no` (档号), `series`, `location`."""

    ROLES: ClassVar[frozenset[str]] = frozenset({"archivist"})

    stream: RecordId


class Period(NamedTuple):
    """What one assignment gave, and by which rules; days as in `RetentionAssigned`."""

    min_until: str | None
    max_until: str | None
    permanent: bool
    rules: tuple[str, ...]


class RecordState(RecordLike, kw_only=True):
    """A record as its events say.

    `periods`: the latest assignment of retention by trigger; `digitized`: digital copies by the
    paper copy that they were made from, `unreviewed` those that nobody else has looked at since;
    `limited`: the event that restricted it, `ended` the one that said that its purpose has ended
    (on the day `ended_on`; `withdrawn`: with the consent to it), `made_anonymous` the one that said
    that it was made of another.
    """

    category: str
    basis: str
    collected_by: set[str] = field(default_factory=set)
    content_event: str = ""
    reviewed: bool = False
    classification: str | None = None
    categories: tuple[RecordCategory, ...] = ()
    level: DataLevel | None = None
    sensitivity: Sensitivity | None = None
    sensitive_kinds: tuple[SensitivePiKind, ...] = ()
    business_area: BusinessArea | None = None
    relationship: Relationship | None = None
    periods: dict[str, Period] = field(default_factory=dict)
    retained_categories: frozenset[str] = frozenset()
    archived: bool = False
    notice_missing: bool = False
    digitized: dict[str, str] = field(default_factory=dict)
    unreviewed: set[str] = field(default_factory=set)
    limited: str | None = None
    ended: str | None = None
    ended_on: str | None = None
    withdrawn: bool = False
    made_anonymous: str | None = None

    @property
    def restricted(self) -> str | None:
        """The event since which it is only stored and protected: the end of its purpose, too."""
        return self.limited or self.ended

    @property
    def retained(self) -> bool:
        """Whether a period has been assigned."""
        return bool(self.periods)

    @property
    def permanent(self) -> bool:
        """Whether an assignment keeps it for ever."""
        return any(period.permanent for period in self.periods.values())

    @property
    def min_until(self) -> str | None:
        """The last day on which it must be kept: the latest of all assignments."""
        return max((p.min_until for p in self.periods.values() if p.min_until), default=None)

    @property
    def traits(self) -> Traits:
        """What retention rules ask of a record."""
        return Traits(
            categories=self.categories,
            relationship=self.relationship,
            business_area=self.business_area,
            data_level=self.level,
            sensitivity=self.sensitivity,
            sensitive_kinds=self.sensitive_kinds,
        )


@evolves(RecordCollected, late=RecordState)
def _collected(_: None, event: RecordCollected, __: int, ___: str) -> RecordState:
    return RecordState(
        event.stream, event.version, category=event.category, basis=event.basis,
        engagement=event.engagement, collected_by={event.by}, content_event=event.id,
        holdings=(event.holding,), categories=(event.category,),
        notice_missing=event.notice == "missing",
    )  # fmt: skip


@evolves(RecordCorrected)
def _corrected(state: RecordState, event: RecordCorrected, _: int, __: str) -> RecordState:
    state.collected_by.add(event.by)
    state.content_event = event.id
    state.holdings = (*state.holdings, event.holding)
    state.reviewed = state.archived = False
    return state


@evolves(RecordVerified)
def _verified(state: RecordState, event: RecordVerified, _: int, __: str) -> RecordState:
    state.reviewed = event.result == "pass"
    if state.reviewed:
        state.unreviewed.clear()
    return state


@evolves(RecordClassified)
@evolves(RecordReclassified)
def _classified(state: RecordState, event: _Classification, _: int, __: str) -> RecordState:
    state.classification = event.id
    state.categories = tuple(event.categories)
    state.level = event.level
    state.sensitivity = event.sensitivity
    state.sensitive_kinds = tuple(event.sensitive_kinds)
    state.business_area = None if event.business_area is UNSET else event.business_area
    state.relationship = None if event.relationship is UNSET else event.relationship
    return state


@evolves(RetentionAssigned)
def _retained(state: RecordState, event: RetentionAssigned, _: int, __: str) -> RecordState:
    state.periods[event.trigger] = _period(event)
    state.retained_categories = frozenset(state.categories)
    return state


def _period(event: RetentionAssigned) -> Period:
    return Period(
        None if event.min_until is UNSET else event.min_until,
        None if event.max_until is UNSET else event.max_until,
        event.permanent,
        tuple(event.rules),
    )


@evolves(RecordArchived)
def _archived(state: RecordState, _: RecordArchived, __: int, ___: str) -> RecordState:
    state.archived = True
    return state


@rule(RecordCollected)
def collected_with_basis(_: Case, event: RecordCollected) -> Iterator[Refusal]:
    """Personal data needs a basis and a notice or exemption (PIPL 13, 17, 18; I-10).

    Without notice and exemption it is recorded as `missing`: a finding that blocks handover.
    """
    if (event.basis == "not_personal") != (event.notice == "not_applicable"):
        yield refuse("I-10", "notice_does_not_fit_basis", event.stream)
    if (event.notice == "exempt") != (event.notice_exemption is not UNSET):
        yield refuse("I-10", "exemption_needs_reason", event.stream)
    if event.version != 1:
        yield refuse("I-06", "already_collected", event.stream)


@rule(RecordCollected, RecordCorrected)
def content_lies_in_a_holding(
    case: Case, event: RecordCollected | RecordCorrected
) -> Iterator[Refusal]:
    """What is collected lies somewhere: in a copy that is still there, and kept by one's party.

    Nothing is added to a copy made of another one, which holds what that one holds, nor to what
    others have seen on a list.
    """
    holding = case.world.state(event.holding, HoldingState)
    if holding is None:
        yield refuse("I-00", "unknown_holding", event.holding)
    else:
        if not holding.there:
            yield refuse("I-03", f"holding_is_{holding.condition}", event.holding)
        copied = holding.record is None and holding.made_from is not None
        if copied or holding.record not in (None, event.stream):
            yield refuse("I-00", "holding_of_another_record", event.holding)
        if holding.copies:  # they would count as copies of what they never held
            yield refuse("I-35", "holding_was_copied", event.holding)
        for listed in (holding.handover, holding.destruction):
            if claimed(case, holding, listed) is not None:
                yield refuse("I-21", "copy_is_in_a_case", str(listed))
        actor = case.world.before(event.by, ActorState)
        if actor is not None and actor.party != holding.custodian:
            yield refuse("I-09", "not_the_actors_party", holding.custodian)
    if event.sealed is UNSET:
        yield refuse("I-02", "content_must_be_sealed", event.stream)


@rule(
    RecordCorrected, RecordVerified, RecordClassified, RecordReclassified, RetentionAssigned,
    RecordArchived,
)  # fmt: skip
def acts_on_a_living_record(case: Case, event: Event) -> Iterator[Refusal]:
    """Nothing is done with a record that does not exist, is over (I-03), or is others' (I-09)."""
    state = case.world.state(event.stream, RecordState)
    if state is None:
        yield refuse("I-00", "unknown_record", event.stream)
        return
    if over(case, state):
        yield refuse("I-03", "record_is_over", event.stream)
    actor = case.world.before(event.by, ActorState)
    if actor is not None and not kept_by(case, state, actor.party):
        yield refuse("I-09", "not_the_actors_party", event.stream)


@rule(RecordCorrected)
def corrects_what_stands(case: Case, event: RecordCorrected) -> Iterator[Refusal]:
    """A correction names the content it replaces (I-06)."""
    state = case.world.state(event.stream, RecordState)
    if state is not None and event.supersedes != state.content_event:
        yield refuse("I-06", "supersedes_not_current", event.supersedes)


@rule(RecordVerified)
def verified_by_another(case: Case, event: RecordVerified) -> Iterator[Refusal]:
    """Whoever collected or ever corrected it does not review it (I-07): persons, not keys."""
    state = case.world.state(event.stream, RecordState)
    if state is not None and event.by in state.collected_by:
        yield refuse("I-07", "verifier_is_collector", event.by)
    if len(set(event.checks)) != len(event.checks):
        yield refuse("I-06", "check_named_twice", event.stream)
    if event.content_matched is False and event.result == "pass":
        yield refuse("I-18", "content_does_not_match", event.stream)


PERSONAL = frozenset({"sensitive_pi", "minor_pi", "private_info", "general_pi", "deidentified"})
_SENSITIVITY = (
    "non_personal", "business_secret", "anonymized", "deidentified", "general_pi",
    "private_info", "sensitive_pi", "minor_pi",
)  # fmt: skip
_LEVELS = ("general_1", "general_2", "general_3", "general_4", "important", "core")


@rule(RecordClassified, RecordReclassified)
def classification_holds_together(case: Case, event: _Classification) -> Iterator[Refusal]:
    """Axes that fit each other; core data is not for this product (DSL 21)."""
    if event.level == "core":
        yield refuse("I-11", "core_data_not_supported", event.stream)
    if bool(event.sensitive_kinds) != (event.sensitivity in ("sensitive_pi", "minor_pi")):
        yield refuse("I-11", "sensitive_kinds_do_not_fit", event.stream)
    for values in (event.categories, event.sensitive_kinds):
        if len(set(values)) != len(values):
            yield refuse("I-11", "code_named_twice", event.stream)
    state = case.world.state(event.stream, RecordState)
    if state is not None and state.basis == "not_personal" and event.sensitivity in PERSONAL:
        yield refuse("I-10", "personal_data_without_basis", event.stream)


@rule(RecordClassified)
def classified_once(case: Case, event: RecordClassified) -> Iterator[Refusal]:
    """A second classification is a reclassification and names the first (I-06)."""
    state = case.world.state(event.stream, RecordState)
    if state is not None and state.classification is not None:
        yield refuse("I-06", "already_classified", state.classification)


def approved(case: Case, event: Event) -> bool:
    """Whether somebody else of the author's party signs as approver: persons, not keys."""
    author = case.world.before(event.by, ActorState)
    return any(
        signer.capacity == "approver"
        and signer.holder != event.by
        and (actor := case.world.before(signer.holder, ActorState)) is not None
        and (author is None or actor.party == author.party)
        for signer in case.statement.actors
    )


def is_lower(state: RecordState, level: str, sensitivity: str) -> bool:
    """Whether a classified record would be classified lower than it is, in either of the two."""
    return _LEVELS.index(level) < _LEVELS.index(str(state.level)) or _SENSITIVITY.index(
        sensitivity
    ) < _SENSITIVITY.index(str(state.sensitivity))


@rule(RecordReclassified)
def downgrade_needs_two(case: Case, event: RecordReclassified) -> Iterator[Refusal]:
    """A lower level or sensitivity needs an approver besides the classifier (I-07)."""
    state = case.world.state(event.stream, RecordState)
    if state is None:
        return
    if state.classification is None or event.supersedes != state.classification:
        yield refuse("I-06", "supersedes_not_current", event.supersedes)
        return
    if is_lower(state, event.level, event.sensitivity) and not approved(case, event):
        yield refuse("I-07", "downgrade_needs_second_person", event.stream)


@rule(RetentionAssigned)
def retention_follows_the_pack(case: Case, event: RetentionAssigned) -> Iterator[Refusal]:
    """The dates are those that the named rules of the adopted pack give (I-12).

    A period that a statute orders is not left out: every duty that starts with the same trigger
    and fits the record's codes is named, or replaced by a rule that is.
    """
    state = case.world.state(event.stream, RecordState)
    if state is None:
        return
    computed = case.policy.retention_until(
        event.rules, state.categories, event.trigger, event.trigger_date
    )
    if isinstance(computed, str):
        yield refuse("I-12", computed, event.stream)
        return
    stated = (
        None if event.min_until is UNSET else event.min_until,
        None if event.max_until is UNSET else event.max_until,
        event.permanent,
        event.conflict,
    )
    if stated != (computed.min_until, computed.max_until, computed.permanent, computed.conflict):
        yield refuse("I-12", "dates_do_not_follow_rules", event.stream)
    if event.action != computed.action:
        yield refuse("I-12", "action_does_not_follow_rules", event.stream)
    named = [case.policy.retention[name] for name in event.rules]
    replaced = {name for rule in named for name in rule.instead_of}
    for duty in case.policy.retention_for(state.traits):
        applies = duty.basis == "duty" and duty.trigger in (None, event.trigger)
        if applies and duty.id not in event.rules and duty.id not in replaced:
            yield refuse("I-12", "duty_rule_left_out", duty.id)


@rule(RetentionAssigned)
def shortening_needs_two(case: Case, event: RetentionAssigned) -> Iterator[Refusal]:
    """Whoever ends a period earlier than it was assigned needs an approver (I-07, I-26)."""
    state = case.world.state(event.stream, RecordState)
    old = state.periods.get(event.trigger) if state is not None else None
    if old is None or approved(case, event):
        return
    new = _period(event)
    if (old.permanent and not new.permanent) or (
        old.min_until and not new.permanent and (new.min_until or "") < old.min_until
    ):
        yield refuse("I-07", "shortening_needs_second_person", event.stream)


@rule(RecordArchived)
def archived_when_ready(case: Case, event: RecordArchived) -> Iterator[Refusal]:
    """Classified (I-11), with a retention period (I-12), reviewed since the last change (I-18)."""
    state = case.world.state(event.stream, RecordState)
    if state is None:
        return
    if state.classification is None:
        yield refuse("I-11", "not_classified", event.stream)
    if not state.retained:
        yield refuse("I-12", "no_retention", event.stream)
    elif state.retained_categories != frozenset(state.categories):
        yield refuse("I-12", "retention_for_other_categories", event.stream)
    if not state.reviewed:
        yield refuse("I-18", "not_reviewed", event.stream)
    if state.archived:
        yield refuse("I-06", "already_archived", event.stream)

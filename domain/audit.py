"""Audits: what was looked at, what was found, what was done about it, how it was reported (I-31).

opened → samples drawn, findings raised, answered → report issued; remediation of a finding may be
recorded and verified at any time, after the report too. What an audit covers is fixed when it is
opened: a party, perhaps one deal of it, a span of accepted time and the ledger up to an entry with
its root. A sample is reproducible: it names its population, a seed and what was drawn
(`ledger.audit.sampling`). `domain.audit_rules` has the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from msgspec import UNSET, Meta, Struct, UnsetType, field

from domain.actor import AUDITORS
from domain.codes import (
    AuditChapter,
    AuditKind,
    AuditOpinion,
    AuditPopulation,
    FindingResponse,
    FindingSeverity,
    RemediationOutcome,
)
from domain.judging import State, affects, evolves
from domain.party import PartyState
from domain.values import (
    MAX_LISTED,
    ActorId,
    AuditId,
    Code,
    Count,
    Date,
    Digest,
    EngagementId,
    Event,
    EventId,
    Ordinal,
    PartyId,
    SampledId,
    Seed,
    Time,
)

MANAGEMENT: Final[frozenset[str]] = frozenset({
    "administrator", "dpo", "security_officer", "custodian", "archivist", "approver", "counsel",
})  # fmt: skip
"""Who answers findings for the audited, and says what was done about them."""
Evidence = Annotated[list[EventId], Meta(max_length=64)]


class AuditOpened(Event, frozen=True, kw_only=True, tag="audit.opened"):
    """审计启动: `scope_party` is audited, over a half-open span of accepted time.

    `auditor_org`: the auditing firm, absent from internal audits; `lead`: who answers for the
    audit; `scope_engagement`: the one deal that it is about, absent where it is about all of the
    party's work; `entry`: the last one that it covers, `root`: of the ledger with that entry;
    `consecutive`: the how-manieth audit in a row of this party by the same firm or lead. Sealed:
    `letter`, `criteria`.
    """

    ROLES: ClassVar[frozenset[str]] = AUDITORS

    stream: AuditId
    kind: AuditKind
    auditor_org: PartyId | UnsetType = UNSET
    lead: ActorId
    scope_party: PartyId
    scope_engagement: EngagementId | UnsetType = UNSET
    period_from: Time
    period_to: Time
    entry: Count
    root: Digest
    consecutive: Ordinal

    @property
    def mentions(self) -> tuple[str, ...]:
        """The audited party."""
        return (self.scope_party,)

    @property
    def names(self) -> tuple[str, ...]:
        """The deal that it is about."""
        return () if self.scope_engagement is UNSET else (self.scope_engagement,)


class AuditSampleDrawn(Event, frozen=True, kw_only=True, tag="audit.sample_drawn"):
    """抽样: `sample_size` of `count` things were drawn, as anybody can draw them again.

    `number`: 1 for the audit's first sample; `acts_of`: whose acts, where these are the
    population; `digest`: the root over the ids of the population in ascending order,
    `drawn_digest`: over those drawn (`domain.listing.list_root`); `drawn`: their ids, ascending,
    where there are no more than 200; `stratified`: whether it was drawn from each kind of event in
    proportion.
    """

    ROLES: ClassVar[frozenset[str]] = AUDITORS

    stream: AuditId
    number: Ordinal
    population: AuditPopulation
    acts_of: ActorId | UnsetType = UNSET
    stratified: bool | UnsetType = UNSET
    count: Ordinal
    digest: Digest
    seed: Seed
    sample_size: Ordinal
    drawn_digest: Digest
    drawn: Annotated[list[SampledId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012


class _About(Event, frozen=True, kw_only=True, tag=False):
    """Something about one finding: `finding` is its number in the audit, from 1 on."""

    stream: AuditId
    finding: Ordinal


class AuditFindingRaised(_About, frozen=True, kw_only=True, tag="audit.finding_raised"):
    """审计发现: what is not as it should be, who is to set it right, and by which day.

    `chapter`: where it belongs; `rule`: the stable code of a rule, `code`: of what a replay found,
    `sample`: the number of the sample, where it comes from one. Sealed: `condition`, `cause`,
    `effect`, `recommendation`.
    """

    ROLES: ClassVar[frozenset[str]] = AUDITORS

    chapter: AuditChapter
    severity: FindingSeverity
    rule: Code | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    sample: Ordinal | UnsetType = UNSET
    evidence: Evidence = []  # noqa: RUF012
    owner: ActorId
    due: Date

    @property
    def names(self) -> tuple[str, ...]:
        """Whatever the evidence is about."""
        return streams_of(self.evidence)


class AuditFindingAnswered(_About, frozen=True, kw_only=True, tag="audit.finding_answered"):
    """管理层答复 to a finding. Sealed: `answer`."""

    ROLES: ClassVar[frozenset[str]] = MANAGEMENT

    response: FindingResponse


class AuditRemediationRecorded(_About, frozen=True, kw_only=True, tag="audit.remediation_recorded"):
    """整改 of what was found: `evidence` are the events that it consists of. Sealed: `action`."""

    ROLES: ClassVar[frozenset[str]] = MANAGEMENT

    done_at: Time
    evidence: Evidence = []  # noqa: RUF012

    @property
    def names(self) -> tuple[str, ...]:
        """Whatever the evidence is about."""
        return streams_of(self.evidence)


class AuditRemediationVerified(_About, frozen=True, kw_only=True, tag="audit.remediation_verified"):
    """整改核验: an effective remediation closes its finding. Sealed: `remark`."""

    ROLES: ClassVar[frozenset[str]] = AUDITORS

    outcome: RemediationOutcome


class AuditReportIssued(Event, frozen=True, kw_only=True, tag="audit.report_issued"):
    """审计报告: the lead signs a report with this opinion. Sealed: `limitations`.

    `report`: SHA-256 of the report in JSON; `replay`: of the replay in JSON that it rests on;
    `checkpoint`, `root`: the size and root of the ledger that was replayed; `open`, `closed`: how
    many findings were then.
    """

    ROLES: ClassVar[frozenset[str]] = AUDITORS

    stream: AuditId
    report: Digest
    opinion: AuditOpinion
    open: Count
    closed: Count
    replay: Digest
    checkpoint: Ordinal
    root: Digest


def streams_of(evidence: Sequence[str]) -> tuple[str, ...]:
    """The streams of some events, each once."""
    return tuple(dict.fromkeys(event.rpartition("/")[0] for event in evidence))


class FindingState(Struct):
    """A finding: `remedied`: who said that something was done; `pending`: not yet verified."""

    severity: str
    owner: str
    due: str
    response: str = ""
    remedied: set[str] = field(default_factory=set)
    pending: bool = False
    closed: bool = False


class AuditState(State):
    """An audit: who audits whom over what, and what it has come to.

    `org`: the auditing firm, empty for an internal audit; `engagement`: empty for all work.
    """

    kind: str
    org: str
    lead: str
    party: str
    engagement: str
    period_from: str
    entry: int
    samples: int = 0
    findings: dict[int, FindingState] = field(default_factory=dict)
    reported: bool = False

    @property
    def internal(self) -> bool:
        """Whether people of the party itself audit it."""
        return self.kind == "internal"

    @property
    def auditors(self) -> str:
        """The party that the auditors act for."""
        return self.org or self.party

    @property
    def closed(self) -> int:
        """How many findings were set right."""
        return sum(finding.closed for finding in self.findings.values())


@evolves(AuditOpened)
def _opened(_: None, event: AuditOpened, __: int, ___: str) -> AuditState:
    return AuditState(
        event.stream, event.version, event.kind, event.auditor_org or "", event.lead,
        event.scope_party, event.scope_engagement or "", event.period_from, event.entry,
    )  # fmt: skip


@affects(AuditOpened)
def _audited(state: State, event: AuditOpened) -> None:
    if isinstance(state, PartyState):
        state.audits.append(event.stream)


@evolves(AuditSampleDrawn)
def _drawn(state: AuditState, _: AuditSampleDrawn, __: int, ___: str) -> AuditState:
    state.samples += 1
    return state


@evolves(AuditFindingRaised)
def _raised(state: AuditState, event: AuditFindingRaised, _: int, __: str) -> AuditState:
    state.findings[event.finding] = FindingState(event.severity, event.owner, event.due)
    return state


@evolves(AuditFindingAnswered)
def _answered(state: AuditState, event: AuditFindingAnswered, _: int, __: str) -> AuditState:
    if (finding := state.findings.get(event.finding)) is not None:
        finding.response = event.response
    return state


@evolves(AuditRemediationRecorded)
def _remedied(state: AuditState, event: AuditRemediationRecorded, _: int, __: str) -> AuditState:
    if (finding := state.findings.get(event.finding)) is not None:
        finding.remedied.add(event.by)
        finding.pending = True
    return state


@evolves(AuditRemediationVerified)
def _verified(state: AuditState, event: AuditRemediationVerified, _: int, __: str) -> AuditState:
    if (finding := state.findings.get(event.finding)) is not None:
        finding.pending = False
        finding.closed = event.outcome == "effective"
    return state


@evolves(AuditReportIssued)
def _reported(state: AuditState, _: AuditReportIssued, __: int, ___: str) -> AuditState:
    state.reported = True
    return state

"""The rules of audits: who may audit whom, what an audit says, and when it has said it (I-31).

Nobody audits the own work: whoever audits held no operational role in the audited span, and acts
for somebody else than the audited, or for its internal audit. No firm and no lead audits the same
party more often in a row than the policy says. An audit that somebody else opened and never
reported breaks no row; internal audits are a row of their own. Whoever is audited answers and sets
right; whether it was set right is for the auditors to say (I-07).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import UNSET

from domain.actor import OPERATIONAL, ActorState
from domain.audit import (
    AuditFindingAnswered,
    AuditFindingRaised,
    AuditOpened,
    AuditRemediationRecorded,
    AuditRemediationVerified,
    AuditReportIssued,
    AuditSampleDrawn,
    AuditState,
    FindingState,
    streams_of,
)
from domain.engagement import EngagementState
from domain.judging import RULE_CODES, Case, Refusal, State, World, refuse, rule
from domain.listing import list_root
from domain.party import PartyState
from domain.values import MAX_LISTED, Event, is_day, later

ENTANGLED: Final = OPERATIONAL | {
    "administrator", "dpo", "security_officer", "supervisor", "seller", "buyer", "broker",
}  # fmt: skip
"""The roles that an auditor must not have held in what is audited."""
GRAVE: Final = frozenset({"critical", "high"})
"""The severities of findings with which, while they are open, no opinion is unqualified."""


@rule(AuditOpened)
def opened_over_a_span(case: Case, event: AuditOpened) -> Iterator[Refusal]:
    """A known party, a span that is over, and every entry of it (I-04)."""
    said = case.statement
    if event.version != 1:
        yield refuse("I-06", "audit_already_opened", event.stream)
    if case.world.state(event.scope_party, PartyState) is None:
        yield refuse("I-09", "unknown_party", event.scope_party)
    if not event.period_from < event.period_to <= said.accepted:
        yield refuse("I-04", "period_is_not_over", event.stream)
    if event.entry >= said.seen:
        yield refuse("I-06", "audited_beyond_what_was_seen", event.stream)
    elif (
        event.entry + 1 < said.seen
        and case.world.source.accepted_at(event.entry + 1) < event.period_to
    ):
        yield refuse("I-04", "entries_of_the_period_left_out", event.stream)


@rule(AuditOpened)
def opened_by_outsiders(case: Case, event: AuditOpened) -> Iterator[Refusal]:
    """An internal audit has no firm, any other has one, which is no side of what is audited."""
    org = event.auditor_org or ""
    if (event.kind == "internal") != (not org):
        yield refuse("I-31", "auditor_org_does_not_fit", event.stream)
        return
    sides = {event.scope_party}
    if event.scope_engagement is not UNSET:
        deal = case.world.state(event.scope_engagement, EngagementState)
        if deal is None:
            yield refuse("I-09", "unknown_engagement", event.scope_engagement)
        else:
            sides |= deal.parties
    if org in sides:
        yield refuse("I-07", "auditor_is_the_audited", org)
    lead = case.world.before(event.lead, ActorState)
    if lead is None:
        yield refuse("I-09", "unknown_actor", event.lead)
    elif lead.party != (org or event.scope_party):
        yield refuse("I-31", "lead_of_another_party", event.lead)
    elif not lead.holds(event.role, event.engagement, case.statement.accepted):
        yield refuse("I-31", "lead_is_no_auditor", event.lead)


@rule(AuditOpened)
def opened_not_too_often(case: Case, event: AuditOpened) -> Iterator[Refusal]:
    """The count of audits in a row is right, and not above the policy's (I-31)."""
    count = in_a_row(case.world, event.scope_party, event.kind, event.auditor_org or "", event.lead)
    if event.consecutive != count:
        yield refuse("I-31", "audits_in_a_row_miscounted", event.stream)
    if count > case.policy.thresholds.auditor_in_a_row:
        yield refuse("I-31", "auditor_in_a_row", event.auditor_org or event.lead)


def in_a_row(world: World, party: str, kind: str, org: str, lead: str) -> int:
    """The how-manieth audit in a row of a party by the same firm or lead another one would be.

    The greater of both counts; `org`: empty for an internal audit. What others opened and have not
    reported does not count: else a sham audit would break a row.
    """
    state = world.state(party, PartyState)
    streams = [] if state is None else state.audits
    world.preload(streams)
    audits = [audit for one in streams if (audit := world.state(one, AuditState)) is not None]
    row = [audit for audit in audits if audit.internal == (kind == "internal")]
    by_firm = _trailing(row, lambda audit: bool(org) and audit.org == org)
    return 1 + max(by_firm, _trailing(row, lambda audit: audit.lead == lead))


def _trailing(row: Sequence[AuditState], same: Callable[[AuditState], bool]) -> int:
    count = 0
    for audit in reversed(row):
        if same(audit):
            count += 1
        elif audit.reported:
            break
    return count


_Auditing = (
    AuditOpened | AuditSampleDrawn | AuditFindingRaised | AuditRemediationVerified
    | AuditReportIssued
)  # fmt: skip


@rule(
    AuditOpened, AuditSampleDrawn, AuditFindingRaised, AuditRemediationVerified, AuditReportIssued
)  # fmt: skip
def said_by_the_auditors(case: Case, event: _Auditing) -> Iterator[Refusal]:
    """Whoever audits acts for the auditors, in the role that the kind of audit asks for (I-31)."""
    if isinstance(event, AuditOpened):
        side, internal = event.auditor_org or event.scope_party, event.kind == "internal"
        engagement, since = event.scope_engagement or "", event.period_from
        people = dict.fromkeys((event.by, event.lead))
    else:
        audit = case.world.state(event.stream, AuditState)
        if audit is None:
            return
        side, internal = audit.auditors, audit.internal
        engagement, since, people = audit.engagement, audit.period_from, {event.by: None}
    if (event.role == "internal_auditor") != internal:
        yield refuse("I-31", "auditor_role_does_not_fit", event.role)
    actor = case.world.before(event.by, ActorState)
    if actor is not None and actor.party != side:
        yield refuse("I-31", "auditor_of_another_party", side)
    for one in people:
        if _entangled(case, one, engagement, since):
            yield refuse("I-31", "auditor_was_operator", one)


def _entangled(case: Case, who: str, engagement: str, since: str) -> bool:
    """Whether somebody had an operational role in the scope of an audit, since its span began."""
    actor = case.world.before(who, ActorState)
    return actor is not None and any(
        grant.role in ENTANGLED
        and (not engagement or grant.scope in (None, engagement))
        and grant.valid_to >= since[:10]
        for grant in (*actor.roles, *actor.ended)
    )


@rule(
    AuditSampleDrawn, AuditFindingRaised, AuditFindingAnswered, AuditRemediationRecorded,
    AuditRemediationVerified, AuditReportIssued,
)  # fmt: skip
def acts_on_an_audit(case: Case, event: Event) -> Iterator[Refusal]:
    """There is such an audit; after its report nothing happens but remediation (I-06)."""
    audit = case.world.state(event.stream, AuditState)
    if audit is None:
        yield refuse("I-00", "unknown_audit", event.stream)
    elif audit.reported and not isinstance(
        event, AuditRemediationRecorded | AuditRemediationVerified
    ):
        yield refuse("I-06", "audit_is_reported", event.stream)


@rule(AuditSampleDrawn)
def drawn_as_said(case: Case, event: AuditSampleDrawn) -> Iterator[Refusal]:
    """Not more than there is, in the order and with the digest of what it lists (I-06)."""
    audit = case.world.state(event.stream, AuditState)
    if audit is not None and event.number != audit.samples + 1:
        yield refuse("I-04", "number_gap_or_repeat", event.stream)
    if (event.population == "acts") != (event.acts_of is not UNSET):
        yield refuse("I-06", "population_does_not_fit", event.stream)
    elif event.acts_of is not UNSET and case.world.state(event.acts_of, ActorState) is None:
        yield refuse("I-09", "unknown_actor", event.acts_of)
    if event.sample_size > event.count:
        yield refuse("I-06", "sample_exceeds_population", event.stream)
    listed = event.sample_size if event.sample_size <= MAX_LISTED else 0
    fits = len(event.drawn) == listed and event.drawn == sorted(set(event.drawn))
    if not fits or (listed and event.drawn_digest != list_root(event.drawn)):
        yield refuse("I-06", "drawn_do_not_fit", event.stream)


@rule(AuditFindingRaised)
def raised_against_the_audited(case: Case, event: AuditFindingRaised) -> Iterator[Refusal]:
    """A finding says what it found, and names somebody of the audited and a day to come (I-07)."""
    audit = case.world.state(event.stream, AuditState)
    if audit is None:
        return
    if event.finding != len(audit.findings) + 1:
        yield refuse("I-04", "number_gap_or_repeat", event.stream)
    if event.sample is not UNSET and event.sample > audit.samples:
        yield refuse("I-00", "unknown_sample", event.stream)
    if event.rule is not UNSET and event.rule not in RULE_CODES.values():
        yield refuse("I-00", "no_such_rule", event.stream)
    owner = case.world.state(event.owner, ActorState)
    if owner is None:
        yield refuse("I-09", "unknown_actor", event.owner)
    elif owner.party != audit.party:
        yield refuse("I-07", "owner_is_not_of_the_audited", event.owner)
    elif event.owner in (event.by, audit.lead):
        yield refuse("I-07", "owner_is_the_auditor", event.owner)
    if not is_day(event.due):
        yield refuse("I-04", "no_such_day", event.stream)
    elif event.due < case.day:
        yield refuse("I-04", "due_day_is_past", event.stream)


@rule(AuditFindingRaised, AuditRemediationRecorded)
def stands_on_events(
    case: Case, event: AuditFindingRaised | AuditRemediationRecorded
) -> Iterator[Refusal]:
    """The events named as evidence are on record, each named once (I-00)."""
    if len(set(event.evidence)) != len(event.evidence):
        yield refuse("I-06", "item_named_twice", event.stream)
    case.world.preload(streams_of(event.evidence))
    for named in event.evidence:
        stream, _, version = named.rpartition("/")
        state = case.world.state(stream, State)
        if state is None or int(version) > state.version:
            yield refuse("I-00", "unknown_evidence", named)


@rule(AuditFindingRaised, AuditFindingAnswered, AuditRemediationRecorded)
def says_something(_: Case, event: Event) -> Iterator[Refusal]:
    """What was found, answered or done stands in the sealed text (I-02)."""
    if event.sealed is UNSET:
        yield refuse("I-02", "text_must_be_sealed", event.stream)


_OfFinding = AuditFindingAnswered | AuditRemediationRecorded | AuditRemediationVerified


def _finding(case: Case, event: _OfFinding) -> FindingState | None:
    audit = case.world.state(event.stream, AuditState)
    return None if audit is None else audit.findings.get(event.finding)


@rule(AuditFindingAnswered, AuditRemediationRecorded, AuditRemediationVerified)
def about_an_open_finding(case: Case, event: _OfFinding) -> Iterator[Refusal]:
    """There is such a finding, and it was not set right yet (I-06)."""
    finding = _finding(case, event)
    if finding is None:
        yield refuse("I-00", "unknown_finding", event.stream)
    elif finding.closed:
        yield refuse("I-06", "finding_is_closed", event.stream)


@rule(AuditFindingAnswered, AuditRemediationRecorded)
def said_by_the_audited(
    case: Case, event: AuditFindingAnswered | AuditRemediationRecorded
) -> Iterator[Refusal]:
    """The audited answer, and set right (I-09)."""
    audit = case.world.state(event.stream, AuditState)
    actor = case.world.before(event.by, ActorState)
    if audit is not None and actor is not None and actor.party != audit.party:
        yield refuse("I-09", "answer_of_another_party", audit.party)


@rule(AuditRemediationRecorded)
def done_by_now(case: Case, event: AuditRemediationRecorded) -> Iterator[Refusal]:
    """What was done about a finding is done (I-04)."""
    latest = later(case.statement.accepted, seconds=case.policy.limits.clock_skew_seconds)
    if event.done_at > latest:
        yield refuse("I-04", "claimed_time_in_future", event.id)


@rule(AuditRemediationVerified)
def verified_by_another(case: Case, event: AuditRemediationVerified) -> Iterator[Refusal]:
    """Something was done since the last look, and not by whoever says that it works (I-07)."""
    finding = _finding(case, event)
    if finding is None:
        return
    if not finding.pending and not finding.closed:
        yield refuse("I-06", "nothing_to_verify", event.stream)
    if event.by in finding.remedied or event.by == finding.owner:
        yield refuse("I-07", "verifier_remediated", event.by)


@rule(AuditReportIssued)
def reported_as_found(case: Case, event: AuditReportIssued) -> Iterator[Refusal]:
    """The lead reports what was replayed and found; the opinion fits what is open (I-31)."""
    audit = case.world.state(event.stream, AuditState)
    if audit is None:
        return
    if event.by != audit.lead:
        yield refuse("I-31", "report_is_the_leads", audit.lead)
    if event.checkpoint > case.statement.seen:
        yield refuse("I-06", "reported_beyond_what_was_seen", event.stream)
    if event.checkpoint <= audit.entry:
        yield refuse("I-06", "replay_covers_less", event.stream)
    findings = audit.findings.values()
    if (event.open, event.closed) != (len(findings) - audit.closed, audit.closed):
        yield refuse("I-06", "counts_are_not_the_findings", event.stream)
    grave = any(finding.severity in GRAVE and not finding.closed for finding in findings)
    if (event.opinion == "unqualified" and grave) or (
        event.opinion in ("qualified", "adverse") and not findings
    ):
        yield refuse("I-31", "opinion_does_not_fit_findings", event.stream)

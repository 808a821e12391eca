"""The register of audits: who audited whom, what was drawn and found, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.audit import (
    AuditFindingAnswered,
    AuditFindingRaised,
    AuditOpened,
    AuditRemediationRecorded,
    AuditRemediationVerified,
    AuditReportIssued,
    AuditSampleDrawn,
)
from domain.values import Event
from projections.columns import METADATA, flag, key, number, step, text
from projections.past import Change, both, past_of, standing
from projections.view import Prepared, Recorded, key_of, readable, stored, stored_key

audits = sa.Table(
    "audits",
    METADATA,
    key("audit", "audit", primary_key=True),
    text("kind"),
    key("org", "party", nullable=True),
    key("lead", "actor"),
    key("party", "party", index=True),
    key("scope", "engagement", nullable=True),
    text("period_from"),
    text("period_to"),
    number("entry"),
    text("root"),
    number("consecutive"),
    text("opened_at"),
    number("opened_entry"),
    step("reported_entry"),
    text("opinion", nullable=True),
    text("report", nullable=True),
    number("changed_entry"),
)
"""One row an audit. `org`: NULL for an internal one; `party`: the audited; `scope`: the deal it is
about, NULL for all work; `entry`, `root`: what it covers; `opened_at`: accepted."""

audits_past = past_of(audits, "reported_entry", "opinion", "report")

audit_samples = sa.Table(
    "audit_samples",
    METADATA,
    key("audit", "audit", primary_key=True),
    number("number", primary_key=True),
    text("population"),
    key("acts_of", "actor", nullable=True),
    flag("stratified"),
    number("count"),
    text("digest"),
    text("seed"),
    number("sample_size"),
    text("drawn_digest"),
    number("version"),
    number("drawn_entry"),
    sqlite_with_rowid=False,
)
"""One row a sample; the ids drawn stand in the event of `version`."""

audit_findings = sa.Table(
    "audit_findings",
    METADATA,
    key("audit", "audit", primary_key=True),
    number("finding", primary_key=True),
    text("chapter"),
    text("severity"),
    text("rule", nullable=True),
    text("code", nullable=True),
    number("sample", nullable=True),
    key("owner", "actor"),
    text("due"),
    text("state", server_default="open"),
    text("response", nullable=True),
    text("done_at", nullable=True),
    number("version"),
    number("raised_entry"),
    step("closed_entry"),
    number("changed_entry"),
)
"""One row a finding. `state`: one of `STATES`; `version`: of the event that raised it."""

audit_findings_past = past_of(audit_findings, "state", "response", "done_at", "closed_entry")

sa.Index(
    "audit_findings_by_due_day", audit_findings.c.closed_entry, audit_findings.c.due,
    audit_findings.c.audit, audit_findings.c.finding,
)  # fmt: skip

STATES: Final = ("open", "answered", "remedied", "ineffective", "closed")
"""How far a finding has come; an answer changes nothing of what was done already."""

_OPEN = Prepared(
    ("audit", "kind", "org", "lead", "party", "scope", "period_from", "period_to", "entry", "root",
     "consecutive", "opened_at", "opened_entry", "changed_entry"),
    lambda insert: insert(audits).on_conflict_do_nothing(),
)  # fmt: skip
_REPORT = Change(audits, "reported_entry", "opinion", "report")
_DRAW = Prepared(
    ("audit", "number", "population", "acts_of", "stratified", "count", "digest", "seed",
     "sample_size", "drawn_digest", "version", "drawn_entry"),
    lambda insert: insert(audit_samples).on_conflict_do_nothing(),
)  # fmt: skip
_RAISE = Prepared(
    ("audit", "finding", "chapter", "severity", "rule", "code", "sample", "owner", "due", "version",
     "raised_entry", "changed_entry"),
    lambda insert: insert(audit_findings).on_conflict_do_nothing(),
)  # fmt: skip
_ANSWER = Change(
    audit_findings, "response",
    state=sa.case(
        (audit_findings.c.state == sa.literal_column("'open'"), sa.literal_column("'answered'")),
        else_=audit_findings.c.state,
    ),
)  # fmt: skip
_REMEDY = Change(audit_findings, "state", "done_at")
_VERIFY = Change(audit_findings, "state", "closed_entry")


class Audits:
    """The view behind `muniment audit list` and `show`."""

    name: str = "audits"
    tables: tuple[sa.Table, ...] = (
        audits, audits_past, audit_samples, audit_findings, audit_findings_past,
    )  # fmt: skip
    kinds: frozenset[type[Event]] = frozenset({
        AuditOpened, AuditSampleDrawn, AuditFindingRaised, AuditFindingAnswered,
        AuditRemediationRecorded, AuditRemediationVerified, AuditReportIssued,
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Open, draw, raise, answer, set right, confirm and report, in order."""
        for recorded in batch:
            if type(recorded.event) in self.kinds:
                _apply(connection, recorded)


def _apply(connection: sa.Connection, recorded: Recorded) -> None:
    _, entry, accepted, event = recorded
    audit = key_of(event.stream)
    if isinstance(event, AuditOpened):
        _OPEN.run(connection, [(
            audit, event.kind, stored_key(event.auditor_org), key_of(event.lead),
            key_of(event.scope_party), stored_key(event.scope_engagement), event.period_from,
            event.period_to, event.entry, event.root, event.consecutive, accepted, entry, entry,
        )])  # fmt: skip
    elif isinstance(event, AuditSampleDrawn):
        _DRAW.run(connection, [(
            audit, event.number, event.population, stored_key(event.acts_of),
            int(event.stratified is True), event.count, event.digest, event.seed,
            event.sample_size, event.drawn_digest, event.version, entry,
        )])  # fmt: skip
    elif isinstance(event, AuditFindingRaised):
        _RAISE.run(connection, [(
            audit, event.finding, event.chapter, event.severity, stored(event.rule),
            stored(event.code), stored(event.sample), key_of(event.owner), event.due,
            event.version, entry, entry,
        )])  # fmt: skip
    elif isinstance(event, AuditFindingAnswered):
        _ANSWER.run(connection, entry, [(audit, event.finding, event.response)])
    elif isinstance(event, AuditRemediationRecorded):
        _REMEDY.run(connection, entry, [(audit, event.finding, "remedied", event.done_at)])
    elif isinstance(event, AuditRemediationVerified):
        done = event.outcome == "effective"
        row = (audit, event.finding, *(("closed", entry) if done else ("ineffective", None)))
        _VERIFY.run(connection, entry, [row])
    elif isinstance(event, AuditReportIssued):
        _REPORT.run(connection, entry, [(audit, entry, event.opinion, event.report)])


class Audit(Struct, frozen=True, kw_only=True):
    """An audit: who (`org`, None for an internal one; `lead`) audits whom (`party`) over what.

    `scope`: the one deal, None for all work; `entry`, `root`: the last entry covered and the root
    with it; `reported_entry`, `opinion`, `report`: None until it is reported.
    """

    audit: str
    kind: str
    org: str | None
    lead: str
    party: str
    scope: str | None
    period_from: str
    period_to: str
    entry: int
    root: str
    consecutive: int
    opened_at: str
    opened_entry: int
    reported_entry: int | None
    opinion: str | None
    report: str | None
    changed_entry: int


class AuditSample(Struct, frozen=True, kw_only=True):
    """A sample of an audit; `version`: of the event that lists what was drawn."""

    audit: str
    number: int
    population: str
    acts_of: str | None
    stratified: bool
    count: int
    digest: str
    seed: str
    sample_size: int
    drawn_digest: str
    version: int
    drawn_entry: int


class AuditFinding(Struct, frozen=True, kw_only=True):
    """A finding of an audit: `state` is one of `STATES`, `done_at` of the last remediation."""

    audit: str
    finding: int
    chapter: str
    severity: str
    rule: str | None
    code: str | None
    sample: int | None
    owner: str
    due: str
    state: str
    response: str | None
    done_at: str | None
    version: int
    raised_entry: int
    closed_entry: int | None
    changed_entry: int

    def overdue(self, day: str) -> bool:
        """Whether it is not closed although its last day is before `day` (`YYYY-MM-DD`)."""
        return self.closed_entry is None and self.due < day


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[Audit]:
    """At most `limit` audits in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _AUDITS[entry is not None].order_by(audits.c.audit).limit(limit)
    if after is not None:
        query = query.where(audits.c.audit > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, audit: str, *, entry: int | None = None) -> Audit | None:
    """One audit, or None if it was never opened (`entry`: by that entry)."""
    query = _AUDITS[entry is not None].where(audits.c.audit == key_of(audit))
    return next(iter(_read(connection, query, entry)), None)


def of_party(connection: sa.Connection, party: str, *, entry: int | None = None) -> list[Audit]:
    """The audits of a party, in order of their id."""
    query = _AUDITS[entry is not None].where(audits.c.party == key_of(party))
    return _read(connection, query.order_by(audits.c.audit), entry)


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Audit]:
    rows = connection.execute(query, {"as_of": entry})
    return [Audit(**readable(audits, row)) for row in rows]


def samples(
    connection: sa.Connection, audit: str, *, entry: int | None = None
) -> list[AuditSample]:
    """The samples of an audit, in order of their number."""
    query = sa.select(audit_samples).where(audit_samples.c.audit == key_of(audit))
    if entry is not None:
        query = query.where(audit_samples.c.drawn_entry <= entry)
    rows = connection.execute(query.order_by(audit_samples.c.number))
    return [AuditSample(**readable(audit_samples, row)) for row in rows]


def findings(
    connection: sa.Connection, audit: str, *, entry: int | None = None
) -> list[AuditFinding]:
    """The findings of an audit, in order of their number."""
    query = _FINDINGS[entry is not None].where(audit_findings.c.audit == key_of(audit))
    return _found(connection, query.order_by(audit_findings.c.finding), entry)


def due(
    connection: sa.Connection, *, until: str, limit: int, after: tuple[str, str, int] | None = None
) -> list[AuditFinding]:
    """At most `limit` findings, not closed, that are due by a day: the earliest first.

    `until`: `YYYY-MM-DD`; `after`: `due`, audit and number of the last one told.
    """
    f = audit_findings.c
    query = _FINDINGS[False].where(f.closed_entry.is_(None), f.due <= until)
    if after is not None:
        last = (after[0], key_of(after[1]), after[2])
        query = query.where(sa.tuple_(f.due, f.audit, f.finding) > last)
    return _found(connection, query.order_by(f.due, f.audit, f.finding).limit(limit), None)


def overdue(connection: sa.Connection, day: str, *, entry: int | None = None) -> int:
    """How many findings are not closed although their last day is before `day`.

    `entry`: as of that entry, instead of now.
    """
    return int(connection.execute(_OVERDUE[entry is not None], {"day": day, "as_of": entry})
               .scalar_one())  # fmt: skip


def _found(
    connection: sa.Connection, query: sa.Select[Any], entry: int | None
) -> list[AuditFinding]:
    rows = connection.execute(query, {"as_of": entry})
    return [AuditFinding(**readable(audit_findings, row)) for row in rows]


_AUDITS = both(lambda then: standing(audits, then=then).rows)
_FINDINGS = both(lambda then: standing(audit_findings, then=then).rows)


def _overdue(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    stood = standing(audit_findings, then=then)
    query = sa.select(sa.func.count()).select_from(stood.source).where(stood.stood)
    return query.where(
        stood.columns["closed_entry"].is_(None), audit_findings.c.due < sa.bindparam("day")
    )


_OVERDUE = both(_overdue)

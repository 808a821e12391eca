"""The compliance audit report, as data (C.4.7): made from an audit's events and a replay.

The JSON is the report: what `audit.report_issued` signs the SHA-256 of. It holds ids, codes,
digests, counts and times, no name and no text; the pages are printed from it alone
(`ledger.audit.report.printed`), with names and sealed texts where the reader's keystore opens them.
The same events, the same replay and the same opinion give the same bytes.

    format       "muniment-compliance-report/1"
    origin       of the ledger
    audit        what was ordered: `Ordered`
    policy       id, version and digest of the pack in force
    criteria     the statutes, standards and practice behind the rules, by version: `Criterion`
    replay       what the replay came to, and the SHA-256 of its JSON: `ReplayUsed`
    samples      what was drawn, by which seed, so that anybody draws it again: `Sample`
    chapters     each chapter's events and findings: `ChapterResult`; `known` is false where the
                 ledger holds nothing about it, and nothing was found there
    findings     what the auditors raised, answered and followed up: `Raised`
    previous     what earlier audits of the same party found and is not set right: `Previous`
    access       counts and the matrix of an access review over the period: `Access`
    acts         columns of a chart: a span, how many accesses, how many other events
    copies       how many copies are where, and on what
    limits       what no ledger can see, by code
    limitations  "sealed" where the auditors say what they could not audit: the text is sealed in
                 the event `audit.report_issued` of the audit, and `muniment audit show AUDIT` reads
                 it; empty where they say nothing
    begins       when the ledger's first entry was accepted: of what was before it knows nothing
    opinion      `AuditOpinion`, or empty while none is given
    today        the day up to which is judged what is overdue

>>> first = Criterion("pipl", "law", "个人信息保护法", "", "2021-08-20", "", ("6",), ("I-02",))
>>> canonical(first)[:44]
b'{"articles":["6"],"en":"","in_force":"","kin'
"""

from __future__ import annotations

import json
from typing import Final, Literal

from msgspec import Struct, to_builtins

FORMAT: Final = "muniment-compliance-report/1"
State = Literal["open", "answered", "remedied", "ineffective", "closed"]


class Ordered(Struct, frozen=True, forbid_unknown_fields=True):
    """Who audits whom over what.

    `opened`: id of the event; `auditor_org`, `scope_engagement`: empty where there is none;
    `most_in_a_row`: how many audits in a row the policy lets one firm or lead make.
    """

    id: str
    opened: str
    accepted: str
    kind: str
    auditor_org: str
    lead: str
    scope_party: str
    scope_engagement: str
    period_from: str
    period_to: str
    entry: int
    root: str
    consecutive: int
    most_in_a_row: int


class PolicyUsed(Struct, frozen=True, forbid_unknown_fields=True):
    """The pack in force."""

    pack: str
    version: str
    digest: str


class Criterion(Struct, frozen=True, forbid_unknown_fields=True):
    """A statute in one version, with the articles and rules that the audit goes by.

    `kind`: law, regulation, standard, …; `practice` is none of them: what the trade does, and how
    this product is made.
    """

    statute: str
    kind: str
    zh: str
    en: str
    version: str
    in_force: str
    articles: tuple[str, ...]
    rules: tuple[str, ...]


class Found(Struct, frozen=True, forbid_unknown_fields=True):
    """One finding of the replay."""

    chapter: str
    code: str
    severity: str
    rule: str
    detail: str
    position: int | None
    entry: int | None
    subject: str
    since: str
    due: str
    evidence: tuple[str, ...]


class Missing(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that the replay could not look at."""

    part: str
    code: str
    count: int


class ReplayUsed(Struct, frozen=True, forbid_unknown_fields=True):
    """What the report rests on.

    `digest`: SHA-256 of the replay's JSON; `equal`: whether the tables made from the events alone
    are the live ones, None where there was nothing to compare with; `findings`: the first
    `MOST_FOUND` in order of severity, of `total`; `severities`: all of them, counted.
    """

    digest: str
    entries: int
    events: int
    since: int
    entry: int
    accepted: str
    now: str
    checkpoint: str
    verdict: str
    equal: bool | None
    projections: str
    tool: str
    tool_digest: str
    chapters: tuple[str, ...]
    only: tuple[str, ...]
    read: str
    severities: dict[str, int]
    total: int
    findings: tuple[Found, ...]
    gaps: tuple[Missing, ...]


class Sample(Struct, frozen=True, forbid_unknown_fields=True):
    """What was drawn; `drawn` is empty where there are more than the event names."""

    event: str
    number: int
    population: str
    actor: str
    stratified: bool
    count: int
    digest: str
    seed: str
    size: int
    drawn_digest: str
    drawn: tuple[str, ...]


class ChapterResult(Struct, frozen=True, forbid_unknown_fields=True):
    """One chapter: events by topic in the period, and before its end; what was found.

    `records`: how many concern it, None where records do not tell; `known`: whether the ledger
    holds anything about it, or something was found there; `found`: of the replay, by severity;
    `findings`: numbers of those raised.
    """

    chapter: str
    known: bool
    events: dict[str, int]
    ever: int
    records: int | None
    rules: tuple[str, ...]
    found: dict[str, int]
    findings: tuple[int, ...]


class Remedy(Struct, frozen=True, forbid_unknown_fields=True):
    """What was done about a finding; `outcome`: how it was verified, empty before."""

    event: str
    by: str
    done_at: str
    evidence: tuple[str, ...]
    verified: str
    verified_by: str
    outcome: str


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """One answer of management; `owner`: whether whoever is to set it right gave it."""

    event: str
    by: str
    accepted: str
    response: str
    owner: bool


class Raised(Struct, frozen=True, forbid_unknown_fields=True):
    """A finding; `state`: how far it has come (`projections.audits`); `answers`: in order."""

    number: int
    event: str
    chapter: str
    severity: str
    rule: str
    code: str
    sample: int | None
    evidence: tuple[str, ...]
    owner: str
    due: str
    state: State
    answers: tuple[Answer, ...]
    remedies: tuple[Remedy, ...]


class Previous(Struct, frozen=True, forbid_unknown_fields=True):
    """A finding of an earlier audit of the same party that is not closed.

    `audit`: its id; `opened`: when that audit was opened (accepted).
    """

    audit: str
    opened: str
    number: int
    event: str
    chapter: str
    severity: str
    rule: str
    code: str
    owner: str
    due: str
    state: State


class Cell(Struct, frozen=True, forbid_unknown_fields=True):
    """How many grants let a role access a category in a mode, each grant counted once.

    `role`: the holder's; `several` where the holder has more than one, empty where none.
    """

    role: str
    category: str
    mode: str
    grants: int


class Access(Struct, frozen=True, forbid_unknown_fields=True):
    """An access review over the period: `report` is the SHA-256 of its JSON."""

    report: str
    allowed: int
    denied: int
    break_glass: int
    anomalous: int
    matrix: tuple[Cell, ...]


class Span(Struct, frozen=True, forbid_unknown_fields=True):
    """Events in one span: `label` a day, a week's first day, a month or a year."""

    label: str
    accesses: int
    others: int


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """Copies that are there, at a custodian and on a medium."""

    custodian: str
    medium: str
    count: int


class Compliance(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole report; see the module."""

    format: Literal["muniment-compliance-report/1"] = FORMAT
    origin: str
    audit: Ordered
    policy: PolicyUsed
    criteria: tuple[Criterion, ...]
    replay: ReplayUsed
    samples: tuple[Sample, ...]
    chapters: tuple[ChapterResult, ...]
    findings: tuple[Raised, ...]
    access: Access
    acts: tuple[Span, ...]
    copies: tuple[Place, ...]
    previous: tuple[Previous, ...]
    limits: tuple[str, ...]
    limitations: Literal["", "sealed"]
    begins: str
    opinion: str
    today: str


def limitations_of(audit: str) -> str:
    """Under which name among the texts a report finds what its audit could not look at."""
    return f"{audit}#limitations"


def canonical(value: Struct) -> bytes:
    r"""Sorted keys, no spaces, ASCII (other characters as \uXXXX), one line without its end."""
    return json.dumps(to_builtins(value), sort_keys=True, separators=(",", ":")).encode("ascii")

"""The compliance audit report of one audit (C.4.7): its data gathered, its pages printed from it.

`report` reads the audit's events, the policy pack, a replay's JSON and the projections as of the
entry that the audit covers; `ledger.audit.report.data` says what the report holds.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Literal

from msgspec import UNSET

from domain.audit import AuditOpened, AuditReportIssued, AuditSampleDrawn
from domain.policy import Policy
from domain.values import moment
from ledger.accessreview import access_report
from ledger.audit.outcome import Replayed, read_replayed
from ledger.audit.report import followup
from ledger.audit.report.chapters import CHAPTERS, chapter_of
from ledger.audit.report.data import (
    Access,
    Cell,
    ChapterResult,
    Compliance,
    Criterion,
    Found,
    Missing,
    Ordered,
    Place,
    PolicyUsed,
    Raised,
    ReplayUsed,
    Sample,
    Span,
    canonical,
    limitations_of,
)
from ledger.audit.report.matrices import granted_once
from ledger.audit.report.names import texts_of
from ledger.audit.report.printed import Report
from ledger.bundle.saying import ID
from ledger.errors import UsageError
from ledger.facts import LedgerFacts
from projections import custody, inventory

if TYPE_CHECKING:
    import sqlalchemy as sa

    from domain.values import Event
    from ledger.application import Ledger

MOST_FOUND: Final = 500
"""So many findings of the replay a report names; all are counted, and the replay has them."""
LIMITS: Final = (
    "outside_muniment", "other_ledgers", "paper_by_statement", "statements_not_truth",
    "key_not_person", "copies_unknown",
)  # fmt: skip
"""What no ledger can see; `ledger.audit.report.page` says it."""
_AT_ONCE: Final = 2_000
_ACCESSES: Final = ("record.accessed", "record.access_denied")
_DAYS, _WEEKS, _MONTHS = 45, 300, 1_826
Recorded = tuple[int, str, "Event", bytes]


def report(
    ledger: Ledger,
    audit_id: str,
    replayed_json: bytes,
    opinion: str = "",
    limitations: str | None = None,
) -> Report:
    """The report of an audit on what a replay found; `opinion`: a code of `AuditOpinion`, or empty.

    Depends on the audit's events before a report was issued, on the replay's bytes (one newline
    may end them), on the events up to the entry that the audit covers and on whether `limitations`
    are stated, on nothing else: what was issued can be made again. Texts and names are opened
    beside it as far as the ledger's keystore does; they are no part of the JSON, nor is what
    `limitations` say. Raises `UsageError` if there is no such audit, or the replay is of another
    ledger or ends before what the audit covers; `EncodingError` if the bytes are no replay.
    """
    rows = list(takewhile(_before_issue, ledger.events_of(audit_id)))
    if not rows or not isinstance(rows[0][2], AuditOpened):
        raise UsageError("there is no such audit; nothing was written", "muniment audit list")
    replayed = read_replayed(replayed_json)
    order = rows[0][2]
    if replayed.origin != ledger.origin or replayed.as_of.entry < order.entry:
        raise UsageError(
            "this replay is of another ledger, or ends before what the audit covers; nothing was "
            "written",
            "muniment audit replay --json > replay.json",
        )  # fmt: skip
    said = _compiled(ledger, rows, replayed, (opinion, "sealed" if limitations else ""))
    texts = texts_of(ledger, said)
    if limitations:
        texts = {**texts, limitations_of(audit_id): limitations}
    return Report(canonical(said), texts, compared=True)


def _before_issue(row: Recorded) -> bool:
    return not isinstance(row[2], AuditReportIssued)


def issued(ledger: Ledger, audit_id: str, digest: str) -> bool | None:
    """Whether the audit issued a report of this SHA-256; None if it has issued none so far.

    Raises `UsageError` for what is no id.
    """
    if not ID.fullmatch(audit_id):
        raise UsageError("there is no such audit; nothing was written", "muniment audit list")
    found = [event.report for _, _, event, _ in ledger.events_of(audit_id)
             if isinstance(event, AuditReportIssued)]  # fmt: skip
    return digest in found if found else None


# -- putting it together --------------------------------------------------------------------------


def _compiled(
    ledger: Ledger,
    rows: Sequence[Recorded],
    replayed: Replayed,
    ends: tuple[str, Literal["", "sealed"]],
) -> Compliance:
    """`ends`: the opinion, and whether limitations are stated."""
    order, policy = rows[0][2], ledger.policy()
    assert isinstance(order, AuditOpened)
    findings = followup.findings((accepted, event) for _, accepted, event, _ in rows)
    used = _replay(replayed)
    with ledger.engine.connect() as connection:
        period = _Period(connection, order, policy)
        return Compliance(
            origin=ledger.origin,
            audit=_ordered(order, rows[0][1], policy),
            policy=PolicyUsed(policy.header.id, policy.header.version, policy.digest),
            criteria=tuple(_criteria(policy)),
            replay=used,
            samples=tuple(_samples(rows)),
            chapters=tuple(_chapters(connection, period, replayed, findings)),
            findings=findings,
            access=_access(ledger, order),
            acts=tuple(period.spans()),
            copies=_copies(connection, order.entry),
            previous=followup.previous(connection, order),
            limits=LIMITS,
            limitations=ends[1],
            begins=LedgerFacts(connection).accepted_at(0),
            opinion=ends[0],
            today=policy.calendar.day_of(replayed.now),
        )


def _ordered(order: AuditOpened, accepted: str, policy: Policy) -> Ordered:
    return Ordered(
        id=order.stream, opened=order.id, accepted=accepted, kind=order.kind,
        auditor_org=order.auditor_org or "", lead=order.lead, scope_party=order.scope_party,
        scope_engagement=order.scope_engagement or "", period_from=order.period_from,
        period_to=order.period_to, entry=order.entry, root=order.root,
        consecutive=order.consecutive, most_in_a_row=policy.thresholds.auditor_in_a_row,
    )  # fmt: skip


def _criteria(policy: Policy) -> Iterator[Criterion]:
    """What the rules stand on, each statute with its version, in the order of the pack."""
    cited: dict[str, tuple[set[str], set[str]]] = {}
    for rule, one in policy.rules.items():
        for citation in one.basis:
            articles, rules = cited.setdefault(citation.statute, (set(), set()))
            articles.add(citation.article)
            rules.add(rule)
    for name, statute in policy.statutes.items():
        if name in cited:
            articles, rules = cited[name]
            in_force = statute.in_force.isoformat() if statute.in_force else ""
            yield Criterion(
                name, statute.kind, statute.zh, statute.en, statute.version, in_force,
                tuple(sorted(articles, key=_article)), tuple(sorted(rules)),
            )  # fmt: skip


def _article(article: str) -> tuple[int, str]:
    """Articles by number; those without one behind them."""
    number = re.match(r"\d+", article)
    return (int(number[0]) if number else sys.maxsize), article


def _replay(replayed: Replayed) -> ReplayUsed:
    """What was replayed; its digest is that of the bare JSON, without a newline at its end."""
    read = replayed.read_data
    return ReplayUsed(
        digest=sha256(replayed.json()).hexdigest(), entries=replayed.entries,
        events=replayed.events, since=replayed.since, entry=replayed.as_of.entry,
        accepted=replayed.as_of.accepted, now=replayed.now,
        checkpoint=replayed.checkpoint, verdict=replayed.verdict,
        equal=replayed.projections.equal, projections=replayed.projections.digest,
        tool=replayed.tool.version, tool_digest=replayed.tool.digest,
        chapters=tuple(replayed.chapters), only=replayed.only,
        read=read.share if read is not None else "",
        severities={str(name): count for name, count in replayed.counts.severity.items()},
        total=len(replayed.findings),
        findings=tuple(
            Found(one.chapter, one.code, one.severity, one.rule, one.detail, one.position,
                  one.entry, one.subject, one.since, one.due, one.evidence)
            for one in replayed.findings[:MOST_FOUND]
        ),
        gaps=tuple(Missing(one.part, one.code, one.count) for one in replayed.gaps),
    )  # fmt: skip


def _samples(rows: Sequence[Recorded]) -> Iterator[Sample]:
    for _, _, event, _ in rows:
        if isinstance(event, AuditSampleDrawn):
            yield Sample(
                event=event.id, number=event.number, population=event.population,
                actor=event.acts_of or "", stratified=event.stratified is True, count=event.count,
                digest=event.digest, seed=event.seed, size=event.sample_size,
                drawn_digest=event.drawn_digest, drawn=tuple(event.drawn),
            )  # fmt: skip


def _chapters(
    connection: sa.Connection,
    period: _Period,
    replayed: Replayed,
    findings: Sequence[Raised],
) -> Iterator[ChapterResult]:
    """What the ledger holds about each chapter, and what was found there."""
    inside, ever = period.topics()
    records: Counter[str] = Counter()
    for count in inventory.counts(connection, entry=period.entry):
        records[count.sensitivity or ""] += count.records
    found: dict[str, Counter[str]] = {}
    for one in replayed.findings:
        found.setdefault(chapter_of(one.rule), Counter())[one.severity] += 1
    for code, chapter in CHAPTERS.items():
        held = sum(ever[topic] for topic in chapter.topics)
        concerned = records[chapter.sensitivity] if chapter.sensitivity else None
        raised = tuple(one.number for one in findings if one.chapter == code)
        yield ChapterResult(
            chapter=code, known=bool(held or concerned or raised or found.get(code)),
            events={topic: inside[topic] for topic in chapter.topics if inside[topic]},
            ever=held, records=concerned, rules=chapter.rules,
            found=dict(sorted(found.get(code, Counter()).items())),
            findings=raised,
        )  # fmt: skip


def _access(ledger: Ledger, order: AuditOpened) -> Access:
    span = (order.period_from, order.period_to)
    engagement = None if order.scope_engagement is UNSET else order.scope_engagement
    seen = access_report(ledger, span, engagement, entry=order.entry)
    return Access(
        seen.digest, seen.allowed, seen.denied, seen.break_glass, seen.anomalous,
        tuple(Cell(**row) for row in granted_once(seen.grants, seen.matrix)),
    )  # fmt: skip


def _copies(connection: sa.Connection, entry: int) -> tuple[Place, ...]:
    """How many copies are where, the most first."""
    counted: Counter[tuple[str, str]] = Counter()
    after = None
    while portion := custody.listed(connection, limit=_AT_ONCE, after=after, entry=entry):
        counted.update((one.custodian, one.medium) for one in portion if one.there)
        after = portion[-1].holding
    order = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Place(custodian, medium, count) for (custodian, medium), count in order)


# -- the period -----------------------------------------------------------------------------------


class _Period:
    """The span that an audit covers, as positions of the log, and parts of it."""

    def __init__(self, connection: sa.Connection, order: AuditOpened, policy: Policy) -> None:
        self.entry = order.entry
        self._connection = connection
        self._facts = LedgerFacts(connection)
        self._offset = timedelta(minutes=policy.calendar.utc_offset_minutes)
        self._span = (order.period_from, order.period_to)

    def _position(self, time: str) -> int:
        """The first position accepted at a time or later, at most one behind the last."""
        entries = range(self.entry + 1)
        return self._first(bisect_left(entries, time, key=self._facts.accepted_at))

    def _first(self, entry: int) -> int:
        sql = 'SELECT first, "count" FROM commits WHERE entry = ?'
        known = min(entry, self.entry)
        first, count = self._connection.exec_driver_sql(sql, (known,)).one()
        return int(first if known == entry else first + count)

    def topics(self) -> tuple[Counter[str], Counter[str]]:
        """Events by topic: in the period, and of all up to the entry that the audit covers."""
        first, end = map(self._position, self._span)
        inside: Counter[str] = Counter()
        ever: Counter[str] = Counter()
        sql = ("SELECT topic, count(*), sum(CASE WHEN position >= ? AND position < ? "
               "THEN 1 ELSE 0 END) FROM events WHERE position < ? GROUP BY topic")  # fmt: skip
        values = (first, end, self._first(self.entry + 1))
        for topic, count, within in self._connection.exec_driver_sql(sql, values):
            ever[topic], inside[topic] = count, within
        return inside, ever

    def spans(self) -> Iterator[Span]:
        """The period in days, weeks, months or years, as far as the ledger goes, oldest first."""
        begin = max(self._span[0], self._facts.accepted_at(0))
        end = min(self._span[1], self._facts.accepted_at(self.entry))
        if begin > end:
            return
        marks = list(self._marks(self._local(begin), self._local(end)))
        for (label, day), (_, after) in zip(marks, [*marks[1:], ("", None)], strict=True):
            first = self._position(max(self._time(day), self._span[0]))
            last = self._position(self._span[1] if after is None else self._time(after))
            accesses = self._accesses(first, last)
            yield Span(label, accesses, max(last - first, 0) - accesses)

    def _local(self, time: str) -> date:
        return (moment(time) + self._offset).date()

    def _time(self, day: date) -> str:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC) - self._offset
        return f"{start:%Y-%m-%dT%H:%M:%S}.000Z"

    @staticmethod
    def _marks(first: date, last: date) -> Iterator[tuple[str, date]]:
        """The name and the first day of each part."""
        days = (last - first).days
        if days <= _WEEKS:
            step = 1 if days <= _DAYS else 7
            day = first if step == 1 else first - timedelta(days=first.weekday())
            while day <= last:
                yield day.isoformat(), day
                day += timedelta(days=step)
            return
        for year in range(first.year, last.year + 1):
            if days > _MONTHS:
                yield f"{year:04}", date(year, 1, 1)
                continue
            for month in range(1, 13):
                if (first.year, first.month) <= (year, month) <= (last.year, last.month):
                    yield f"{year:04}-{month:02}", date(year, month, 1)

    def _accesses(self, first: int, end: int) -> int:
        sql = ("SELECT count(*) FROM events WHERE topic IN (?, ?) "
               "AND position >= ? AND position < ?")  # fmt: skip
        found = self._connection.exec_driver_sql(sql, (*_ACCESSES, first, end))
        return int(found.scalar_one())

"""`muniment audit list`, `show` and `due`: the audits, what they found, what is still open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import asdict

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.audit_acts import AUDIT
from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.command import DAY, command, option, pass_call
from ledger.cli.language import N_, language
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    local,
    print_fields,
    print_json,
    print_rows,
    yes,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger
    from ledger.cli.reading import Placed
    from projections.audits import Audit, AuditFinding

_AT_ONCE: Final = 500
_LAST_DAY: Final = "9999-12-31"


def _state(code: str) -> str:
    """How far a finding has come, in the words of a report."""
    from ledger.audit.report.words import STATES

    chinese, english = STATES[code]
    return chinese if language() == "zh" else english.lower()


def _rule(code: str) -> str:
    """The number of a rule, as findings of a replay name it."""
    from domain.judging import RULE_CODES

    return next((number for number, known in RULE_CODES.items() if known == code), code)


_KEYS: Final = (
    "audit", "kind", "org", "lead", "party", "scope", "period_from", "period_to", "entry", "root",
    "consecutive", "opened_at", "findings", "open", "overdue", "opinion", "report",
    "reported_entry",
)  # fmt: skip
_COLUMNS: Final = (
    Column("audit", N_("audit")),
    Column("kind", N_("kind"), coded("AuditKind")),
    Column("period_from", N_("from"), local),
    Column("period_to", N_("to"), local),
    Column("findings", N_("findings"), right=True),
    Column("open", N_("open findings"), right=True),
    Column("overdue", N_("overdue"), right=True),
    Column("opinion", N_("audit opinion"), coded("AuditOpinion")),
)
_FINDING_KEYS: Final = (
    "audit", "finding", "severity", "chapter", "state", "due", "overdue", "owner", "rule", "code",
    "sample", "response", "done_at", "raised_entry", "closed_entry",
)  # fmt: skip
_FINDINGS: Final = (
    Column("finding", N_("finding"), right=True),
    Column("severity", N_("severity"), coded("FindingSeverity")),
    Column("chapter", N_("chapter"), coded("AuditChapter")),
    Column("state", N_("state"), _state),
    Column("due", N_("due")),
    Column("overdue", N_("overdue"), yes),
    Column("owner", N_("owner")),
    Column("rule", N_("rule"), _rule),
    Column("response", N_("answer"), coded("FindingResponse")),
)
_SAMPLE_KEYS: Final = (
    "number", "population", "acts_of", "stratified", "count", "digest", "seed", "sample_size",
    "drawn_digest", "drawn_entry",
)  # fmt: skip
_SAMPLES: Final = (
    Column("number", N_("sample"), right=True),
    Column("population", N_("drawn from"), coded("AuditPopulation")),
    Column("count", N_("of how many"), right=True),
    Column("sample_size", N_("drawn"), right=True),
    Column("seed", N_("seed")),
)


@command("list", N_("List the audits, with what of them is still open."))
@as_of_option
@format_option
@pass_call
def list_audits(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every audit, in order of its id."""
    with call.reading() as ledger:
        entry = entry_of(call, ledger, as_of)
        print_rows(call, _rows(ledger, entry), _COLUMNS, style, _KEYS)


def _rows(ledger: Ledger, entry: int | None) -> Iterator[dict[str, Any]]:
    from projections.audits import listed

    day, after = _day(ledger, entry), None
    with ledger.engine.connect() as connection:
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            for one in found:
                yield _row(connection, one, entry, day)[0]
            after = found[-1].audit


def _row(
    connection: sa.Connection, audit: Audit, entry: int | None, day: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An audit with its counts, and its findings."""
    from projections.audits import findings

    told = [_finding(one, day) for one in findings(connection, audit.audit, entry=entry)]
    left = [one for one in told if one["closed_entry"] is None]
    counts = {"findings": len(told), "open": len(left), "overdue": sum(o["overdue"] for o in left)}
    return {**asdict(audit), **counts}, told


def _finding(finding: AuditFinding, day: str) -> dict[str, Any]:
    closed = {} if finding.closed_entry is None else {"state": "closed"}
    return {**asdict(finding), **closed, "overdue": finding.overdue(day)}


def _day(ledger: Ledger, entry: int | None) -> str:
    """The day on which it is asked, in the pack's calendar: today, or that of the entry."""
    from ledger import signing
    from ledger.facts import LedgerFacts

    if entry is None:
        at = signing.now()
    else:
        with ledger.engine.connect() as connection:
            at = LedgerFacts(connection).accepted_at(entry)
    return ledger.policy().calendar.day_of(at)


@command(
    "show",
    N_("Show one audit: what it covers, its samples, its findings and what was said of them."),
)
@AUDIT
@as_of_option
@pass_call
def show(call: Call, *, audit: str, as_of: str | None) -> None:
    """One audit as it stands now, or stood then."""
    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from projections.audits import one, samples

    with call.reading() as ledger:
        named = resolve(ledger, "audit", audit)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            found = one(connection, named, entry=entry)
            if found is None:
                raise not_yet("audit")
            row, findings = _row(connection, found, entry, _day(ledger, entry))
            drawn = [asdict(sample) for sample in samples(connection, named, entry=entry)]
        placed = Reader(call, ledger).of_streams([named])
    said = [p for p in placed if entry is None or p.entry <= entry]
    lists = {p.event.version: list(getattr(p.event, "drawn", ())) for p in said}
    if call.as_json:
        _show_json(row, findings, drawn, lists, said)
        return
    shown = [*_COLUMNS[:4], Column("party", N_("audited")), Column("lead", N_("lead auditor")),
             Column("org", N_("auditing firm")), Column("scope", N_("engagement")),
             Column("entry", N_("up to entry")), Column("consecutive", N_("audits in a row")),
             *_COLUMNS[4:], Column("report", N_("SHA-256 of the report"))]  # fmt: skip
    print_fields((c.title, c.show(row[c.key])) for c in shown if row[c.key] is not None)
    _show_parts(call, findings, drawn, lists, said)


def _show_json(
    row: Mapping[str, Any],
    findings: Sequence[Mapping[str, Any]],
    drawn: Sequence[Mapping[str, Any]],
    lists: Mapping[int, list[str]],
    said: Sequence[Placed],
) -> None:
    print_json({
        **{key: row[key] for key in _KEYS if key != "findings"},
        "samples": [{**{key: one[key] for key in _SAMPLE_KEYS},
                     "drawn": lists.get(one["version"], [])} for one in drawn],
        "findings": [{key: one[key] for key in _FINDING_KEYS} for one in findings],
        "sealed": [{"event": p.event.id, **p.sealed} for p in said if p.sealed],
    })  # fmt: skip


def _show_parts(
    call: Call,
    findings: Sequence[Mapping[str, Any]],
    drawn: Sequence[Mapping[str, Any]],
    lists: Mapping[int, list[str]],
    said: Sequence[Placed],
) -> None:
    from ledger.cli.labels import field_label
    from ledger.cli.language import language

    if drawn:
        click.echo()
        print_rows(call, drawn, _SAMPLES, "table", _SAMPLE_KEYS)
        for one in drawn:
            for named in lists.get(one["version"], []):
                click.echo(f"  {one['number']}  {named}")
    if findings:
        click.echo()
        print_rows(call, findings, _FINDINGS, "table", _FINDING_KEYS)
    for placed in said:
        if placed.sealed:
            click.echo(f"\n{placed.event.id}")
            print_fields(
                (f"  {field_label(path, language())}", printable(text))
                for path, text in placed.sealed.items()
            )


@command(
    "due",
    N_(
        "List the findings that are still to be set right, the earliest first.\n\n"
        "Exit code 1 if one is overdue."
    ),
)
@option("--until", type=DAY, help=N_("Only those due by this day."))
@format_option
@pass_call
def due(call: Call, *, until: str | None, style: str | None) -> int:
    """Open findings of all audits; the exit code says whether one is overdue."""
    from projections.audits import due as due_by

    rows: list[dict[str, Any]] = []
    with call.reading() as ledger, ledger.engine.connect() as connection:
        day, after = _day(ledger, None), None
        while found := due_by(connection, until=until or _LAST_DAY, limit=_AT_ONCE, after=after):
            rows += (_finding(one, day) for one in found)
            after = (found[-1].due, found[-1].audit, found[-1].finding)
    print_rows(call, rows, (_COLUMNS[0], *_FINDINGS), style, _FINDING_KEYS)
    return int(any(row["overdue"] for row in rows))


REGISTER: Final = (list_audits, show, due)

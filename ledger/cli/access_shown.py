"""How an access-review report is shown to people: a page of sections, empty ones said to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    local,
    named_list,
    print_fields,
    print_rows,
    several,
    yes,
)
from ledger.cli.refusals import refusal_name

if TYPE_CHECKING:
    from ledger.accessreview import Report
    from ledger.application import Ledger
    from ledger.cli.reading import Reader

Row = Mapping[str, Any]

LIMITS: Final[Mapping[str, str]] = {
    "outside_muniment": N_("what is opened outside Muniment leaves no trace here"),
    "other_ledgers": N_("what other ledgers record is not here"),
    "paper_by_statement": N_("access to paper is known by what people say"),
    "site_not_recorded": N_("from where somebody accessed is not recorded"),
    "no_staff_list": N_("no list of the firm's people was given to compare with"),
}
KINDS: Final[Mapping[str, str]] = {
    "after_handover": N_("after the record had passed to another party"),
    "out_of_hours": N_("out of hours"),
    "bulk_export": N_("much given out in a day"),
    "restricted": N_("restricted records"),
    "held": N_("records on hold"),
    "gone": N_("records that are gone"),
    "purpose_mismatch": N_("for a purpose that is not permitted"),
    "sensitive_unlinked": N_("sensitive data without a customer's business"),
    "changed_content": N_("content that is not what was recorded"),
    "break_glass_unreviewed": N_("emergency not reviewed in time"),
    "leaver": N_("grant of somebody who left"),
    "expired": N_("grant is over and not revoked"),
    "dormant": N_("grant without use"),
    "excessive": N_("grant wider than its use"),
    "untrained": N_("access without training"),
    "not_on_staff_list": N_("grant of somebody not on the firm's list"),
}
_FLAGS: Final[Mapping[str, str]] = {
    **KINDS,
    "new": N_("new"),
    "ended": N_("ended"),
    "replaced": N_("replaced"),
    "across": N_("to another party"),
    "all": N_("all"),
    "in_force": N_("in force"),
    "not_begun": N_("not begun"),
    "over": N_("over"),
    "revoked": N_("revoked"),
}
_PROPOSALS: Final[Mapping[str, str]] = {
    "keep": N_("keep"),
    "reduce": N_("reduce"),
    "revoke": N_("revoke"),
    "investigate": N_("look into it"),
}
_SEVERITIES: Final[Mapping[str, str]] = {
    "high": N_("grave"),
    "medium": N_("serious"),
    "low": N_("minor"),
}
_AXES: Final[Sequence[tuple[str, str, Callable[[str], str]]]] = (
    ("actor", N_("by person"), str),
    ("category", N_("by category"), coded("RecordCategory")),
    ("sensitivity", N_("by sensitivity"), coded("Sensitivity")),
    ("purpose", N_("by purpose"), coded("AccessPurpose")),
    ("mode", N_("by way"), coded("AccessMode")),
    ("hours", N_("by hour of the day"), str),
)


def _said(words: Mapping[str, str]) -> Callable[[str], str]:
    return lambda code: _(words[code]) if code in words else code


def _all_said(words: Mapping[str, str]) -> Callable[[Sequence[str]], str]:
    show = _said(words)
    return lambda codes: several(map(show, codes))


_ACCESS_COLUMNS: Final = (
    Column("position", N_("position"), right=True),
    Column("accepted", N_("recorded at"), local),
    Column("actor", N_("by")),
    Column("record", N_("record")),
    Column("mode", N_("how"), coded("AccessMode")),
    Column("purpose", N_("what for"), coded("AccessPurpose")),
    Column("outcome", N_("outcome"), coded("AccessOutcome")),
)
_GRANTS: Final = (
    Column("grant", N_("grant")),
    Column("actor", N_("actor")),
    Column("condition", N_("state"), _said(_FLAGS)),
    Column("uses", N_("used"), right=True),
    Column("last_used", N_("last used"), local),
    Column("flags", N_("remarks"), _all_said(_FLAGS)),
)
_MATRIX: Final = (
    Column("role", N_("role"), coded("Role")),
    Column("category", N_("category"), coded("RecordCategory")),
    Column("mode", N_("how"), coded("AccessMode")),
    Column("grants", N_("grants"), right=True),
)
_DENIALS: Final = (
    Column("actor", N_("by")),
    Column("rule", N_("refused because"), refusal_name),
    Column("count", N_("count"), right=True),
    Column("first", N_("first"), local),
    Column("last", N_("last"), local),
)
_EMERGENCIES: Final = (
    *_ACCESS_COLUMNS[:4],
    Column("reason", N_("reason")),
    Column("reviewed_at", N_("reviewed at"), local),
    Column("late", N_("late"), yes),
)
_ANOMALIES: Final = (
    Column("kind", N_("what"), _said(KINDS)),
    Column("count", N_("count"), right=True),
)
_SAMPLE: Final = (*_ACCESS_COLUMNS[:6], Column("ticket", N_("ticket")))
_TRAINING: Final = (
    Column("actor", N_("actor")),
    Column("missing", N_("not trained in"), lambda t: several(map(coded("TrainingTopic"), t))),
)
_FINDINGS: Final = (
    Column("number", N_("number"), right=True),
    Column("severity", N_("weight"), _said(_SEVERITIES)),
    Column("kind", N_("what"), _said(KINDS)),
    Column("subject", N_("about")),
    Column("count", N_("count"), right=True),
    Column("proposal", N_("proposal"), _said(_PROPOSALS)),
    Column("owner", N_("given by")),
    Column("due", N_("due")),
)


def print_report(call: Call, ledger: Ledger, report: Report) -> None:
    """Print a report in sections; names and tickets are not shown, only whether there is one."""
    from ledger.cli.reading import Reader

    reader = Reader(call, ledger)
    print_fields(_head(report))
    _section(call, N_("Grants"), report.grants, _GRANTS)
    _section(call, N_("Who may what, by role"), report.matrix, _MATRIX)
    for axis, title, show in _AXES:
        rows = [{"value": value, **counts} for value, counts in report.counts.get(axis, {}).items()]
        _section(call, title, rows, _counted(show))
    _section(call, N_("Refusals"), report.denials, _DENIALS)
    _section(call, N_("Emergencies"), report.emergencies, _EMERGENCIES)
    _section(call, N_("Anomalies"), report.anomalies, _ANOMALIES)
    for anomaly in report.anomalies:
        if anomaly["kind"] != "bulk_export":
            title = _(KINDS[anomaly["kind"]])
            _section(call, title, anomaly["rows"], _ACCESS_COLUMNS, translated=True)
    _section(call, N_("Sample"), list(_with_tickets(reader, report.sample)), _SAMPLE)
    untrained = [row for row in report.training if row["missing"]]
    _section(call, N_("Without training that holds"), untrained, _TRAINING)
    _follow_up(report)
    _section(call, N_("What asks for a decision"), report.findings, _FINDINGS)
    click.echo("")
    print_fields([(N_("SHA-256 of the report"), report.digest)])


def _head(report: Report) -> Iterator[tuple[str, Any]]:
    yield N_("ledger"), report.origin
    yield N_("engagement"), report.engagement
    yield N_("from"), local(report.period_from)
    yield N_("until"), local(report.period_to)
    yield N_("as of entry"), report.entry
    yield N_("policy"), report.policy
    counts = {"allowed": report.allowed, "denied": report.denied, "break_glass": report.break_glass}
    said = _("{allowed} allowed, {denied} denied, {break_glass} emergencies").format(**counts)
    begins = report.coverage.begins
    if begins:
        yield N_("the ledger begins"), local(begins)
    if not report.coverage.none_recorded:
        yield N_("accesses"), said
    elif begins >= report.period_to:
        yield N_("accesses"), _("nothing is known of that time: the ledger was not there yet")
    else:
        yield N_("accesses"), _("no access is recorded")
    yield N_("unusual"), report.anomalous
    for limit in report.coverage.limits:
        yield N_("not covered"), _(LIMITS[limit])


def _section(
    call: Call, title: str, rows: Sequence[Row], columns: Sequence[Column], *,
    translated: bool = False,
) -> None:  # fmt: skip
    click.echo("")
    click.echo(named_list(title if translated else _(title)))
    if rows:
        print_rows(call, rows, columns, "table", ())
    else:
        click.echo(f"  {_('none')}")


def _counted(show: Callable[[str], str]) -> Sequence[Column]:
    return (
        Column("value", N_("which"), lambda value: show(value) if value else "-"),
        Column("allowed", N_("allowed"), right=True),
        Column("denied", N_("denied"), right=True),
        Column("break_glass", N_("emergencies"), right=True),
    )


def _with_tickets(reader: Reader, sample: Sequence[Row]) -> Iterator[Row]:
    """Each access drawn, with whether a ticket is recorded with it, where that can be opened."""
    placed = {one.position: one.sealed for one in reader.placed(row["position"] for row in sample)}
    for row in sample:
        sealed = placed.get(row["position"])
        ticket = _("sealed") if sealed is None else _("yes") if "ticket" in sealed else _("no")
        yield {**row, "ticket": ticket}


def _follow_up(report: Report) -> None:
    last = report.follow_up
    click.echo("")
    if last is None:
        click.echo(_("This is the first review."))
        return
    still = len(last["still_open"])
    text = _("The last review ended {when}: {flagged} grants were remarkable, {still} still are.")
    click.echo(
        text.format(when=local(last["period_to"]), flagged=last["flagged_grants"], still=still)
    )

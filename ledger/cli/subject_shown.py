"""The report about a person as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.language import N_, _
from ledger.cli.output import coded, local, print_fields, several, yes
from ledger.cli.reading import Reader
from ledger.cli.subject import shown_outcome, shown_rows

if TYPE_CHECKING:
    from ledger.application import Ledger

Row = Mapping[str, Any]


def print_report(call: Call, ledger: Ledger, told: Row) -> None:
    """Print it: record by record, then the person's requests, then what it does not cover."""
    reader = Reader(call, ledger)
    print_fields([
        (N_("made at"), local(told["made"])),
        (N_("person"), several(told["subjects"]) or _("nobody was found")),
        (N_("records"), len(told["records"])),
    ])  # fmt: skip
    for record in told["records"]:
        click.echo()
        _print_record(reader, record)
    if told["requests"]:
        click.echo("\n" + _("Requests of this person"))
        _print_requests(told["requests"])
    click.echo()
    _print_limits(told["coverage"])


def _print_record(reader: Reader, row: Row) -> None:
    first = reader.of_streams([row["record"]])[:1]
    sealed = first[0].sealed if first else None
    category = coded("RecordCategory")
    click.echo(row["record"])
    fields = (
        (N_("title"), (sealed or {}).get("title")),
        (N_("categories"), several(map(category, row["categories"]))),
        (N_("row"), row["number"]),
        (N_("found in rows"), shown_rows(row["rows"]) or None),
        (N_("state"), coded("RecordState")(row["state"])),
        (N_("held since"), local(row["collected_at"])),
        (N_("basis"), coded("LegalBasis")(row["basis"])),
        (N_("kept until"), _("for ever") if row["permanent"] else row["min_until"]),
        (N_("gone by"), row["max_until"]),
        (N_("by the rules"), several(_rules(row)) or None),
        (N_("restricted"), yes(row["restricted"]) or None),
    )
    print_fields((f"  {title}", value) for title, value in fields)
    _print_lines(_("copies"), (_copy(copy) for copy in row["copies"]))
    _print_lines(_("who had it"), (_named(reader, party) for party in row["custody"]))
    _print_lines(_("who may access it"), (
        f"{_named(reader, r['actor'])}  {r['grant']}" for r in row["may_access"]
    ))  # fmt: skip
    _print_lines(_("who accessed it, or was refused"), (
        f"{local(r['at'])}  {_named(reader, r['actor'])}  {coded('AccessOutcome')(r['kind'])}  "
        f"{several(map(coded('AccessPurpose'), r['purposes']))}"
        for r in row["accesses"]
    ))  # fmt: skip
    _print_lines(_("who got it"), (
        f"{_named(reader, r['to_party'])}  {r['handover']}  {_last(r['steps'])}"
        for r in row["handovers"]
    ))  # fmt: skip
    _print_lines(_("destructions"), (
        f"{r['case']}  {coded('DestructionGround')(r['ground'])}" for r in row["destructions"]
    ))  # fmt: skip
    _print_lines(_("holds"), (
        f"{r['hold']}  {coded('HoldReason')(r['reason'])}  "
        f"{_('active') if r['active'] else _('released')}"
        for r in row["holds"]
    ))  # fmt: skip
    if row["requests"]:
        click.echo("  " + _("requests about it"))
        _print_requests(row["requests"])


def _rules(row: Row) -> list[str]:
    return sorted({name for period in row["periods"] for name in period["rules"]})


def _copy(copy: Row) -> str:
    medium = coded("BackupMedium")(copy["medium"])
    condition = coded("HoldingState")(copy["condition"])
    return f"{copy['holding']}  {medium}  {condition}"


def _named(reader: Reader, stream: str) -> str:
    name = reader.name_of(stream)
    return f"{name} ({stream})" if name else stream


def _last(steps: Mapping[str, str]) -> str:
    """The last step of a handover and when it was taken."""
    name, time = list(steps.items())[-1]
    return f"{name} {local(time)}"


def _print_lines(title: str, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines):
        if number == 0:
            click.echo("  " + title)
        click.echo("    " + printable(line))


def _print_requests(requests: Iterable[Row]) -> None:
    from ledger.cli.rights import shown_clock, shown_state

    for row in requests:
        kind = coded("RightsRequestType")(row["request"])
        click.echo(f"    {row['rights']}  {kind}  {shown_state(row['state'])}  {shown_clock(row)}")


def _print_limits(coverage: Row) -> None:
    """What the report does not cover, in so many words."""
    click.echo(_("What this report does not cover"))
    lines = [
        _("Of {records} records here, {indexed} were looked through as they are now.").format(
            records=coverage["records"], indexed=coverage["indexed"]
        )
    ]
    if coverage["never"]:
        text = _("{count} were never looked through: muniment subject index --all")
        lines.append(text.format(count=coverage["never"]))
    if coverage["stale"]:
        text = _("{count} were corrected since they were looked through.")
        lines.append(text.format(count=coverage["stale"]))
    for cause, count in coverage["failed"].items():
        text = _("{count} could not be looked through: {cause}")
        lines.append(text.format(count=count, cause=shown_outcome(cause)))
    lines += [
        _("People are found by identifiers only: a name alone, a picture or a voice is not found."),
        _("What others got is known as far as the ledger says it; what they did with it is not."),
    ]
    for line in lines:
        click.echo("  " + line)

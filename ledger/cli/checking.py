"""Is it what it should be: `muniment verify`, `rebuild`, `doctor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from ledger.cli.call import Call
from ledger.cli.causes import in_words
from ledger.cli.columns import printable, table
from ledger.cli.command import PATH, command, option, pass_call
from ledger.cli.labels import part_label
from ledger.cli.language import N_, _, language, plural
from ledger.cli.output import listed, named
from ledger.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ledger.folder import Folder
    from ledger.verification.findings import Report

FAILED = 3
_LIMIT = 1 << 20
_LARGE = 1 << 26  # some 60,000 events

VERDICTS = {
    "valid": N_("valid: every byte is what was signed"),
    "valid-but-since-revoked": N_("valid; a key that signed was revoked later"),
    "unverifiable": N_("unverifiable: something that is needed is missing"),
    "disputed": N_("disputed: signed with a key that was later reported as compromised"),
    "invalid": N_("invalid: this is not what was signed"),
}
SHORT = (
    N_("valid"), N_("valid-but-since-revoked"), N_("unverifiable"), N_("disputed"), N_("invalid"),
)  # fmt: skip
"""The verdicts themselves; named here for the catalogue."""
PASSING = frozenset({"valid", "valid-but-since-revoked"})


@command(
    "verify",
    N_(
        "Check everything that the ledger holds.\n\n"
        "Every stored byte is hashed again, every signature checked, every finding named with its "
        "position, stream, part and cause. Needs no passphrase and changes nothing. Exit code 0: "
        "valid or valid-but-since-revoked; 3: anything else."
    ),
)
@option(
    "--since", type=PATH, metavar="FILE",
    help=N_("A checkpoint that you kept: prove that its state is a prefix, check what is new."),
)  # fmt: skip
@option(
    "--trust", metavar="VKEY",
    help=N_("The ledger's verifier key, or a file that holds it; else the folder's "
            "trust/ledger.vkey."),
)  # fmt: skip
@option(
    "--tsa-root", "roots", type=PATH, multiple=True, metavar="FILE",
    help=N_("A root certificate to trust for time, beside those pinned. May be repeated."),
)  # fmt: skip
@option(
    "--jobs", type=int, metavar="N",
    help=N_("How many processes share the work; without it one, or for a large ledger one a core."),
)  # fmt: skip
@pass_call
def verify(
    call: Call, since: Path | None, trust: str | None, roots: tuple[Path, ...], jobs: int | None
) -> int:
    """Verify; the exit code is the verdict."""
    from ledger.cli.cosigned import cosigned_of, show_cosigned
    from ledger.cli.verifierkeys import ledger_key
    from ledger.inspection import inspect
    from ledger.parallel import jobs as at_once
    from ledger.timestamps import read_roots

    folder = call.folder
    folder.check()
    key = ledger_key(trust, "--trust") if trust else None
    state = _read(since) if since else None
    trusted = [one for path in roots for one in read_roots(_read(path))]
    count = _jobs(folder, partly=since is not None) if jobs is None else jobs
    with at_once(count) as executor:
        report = inspect(
            folder, state, key, tsa_roots=trusted, progress=_progress(call), executor=executor
        )
    cosigned = cosigned_of(folder) if report.verdict in PASSING else None
    if call.as_json:
        told = msgspec.to_builtins(report)
        click.echo(msgspec.json.encode({**told, "cosigned": cosigned}))
    else:
        _show(report, partly=since is not None)
        show_cosigned(cosigned)
    return 0 if report.verdict in PASSING else FAILED


def _jobs(folder: Folder, *, partly: bool) -> int:
    """Processes take a moment to start, which a small ledger does not take to verify."""
    from ledger.parallel import cores

    try:
        large = folder.database.stat().st_size >= _LARGE
    except OSError:
        large = False  # what is wrong is said by whoever reads it
    return cores() if large and not partly else 1


def _progress(call: Call) -> Callable[[int], None] | None:
    """Says how many events have been checked, where somebody is looking."""
    if call.quiet or call.as_json or not sys.stderr.isatty():
        return None
    return lambda events: click.echo(f"\r{events} …", nl=False, err=True)


def _read(path: Path) -> bytes:
    from ledger.folder import read_limited

    try:
        return read_limited(path, _LIMIT)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None


def _show(report: Report, *, partly: bool) -> None:
    checked = plural("{events} event in {commits} commits", "{events} events in {commits} commits",
                     report.events)  # fmt: skip
    click.echo(checked.format(events=report.events, commits=report.commits))
    for finding in report.findings:
        place = [
            _("position {position}").format(position=finding.position)
            if finding.position is not None
            else "",
            finding.stream or "",
            _("part {part}").format(part=part_label(finding.part, language())),
        ]
        click.echo(named(finding.code, listed(text for text in place if text)))
        click.echo("  " + named(_("cause"), printable(in_words(finding.cause))))
        if finding.expected is not None:
            click.echo("  " + named(_("expected"), printable(str(finding.expected))))
        if finding.actual is not None:
            click.echo("  " + named(_("actual"), printable(str(finding.actual))))
    if partly and report.verdict == "valid":
        click.echo(_("valid: everything since that checkpoint is what was signed"))
    else:
        click.echo(_(VERDICTS[report.verdict]))
    if partly:
        click.echo(
            _("What lies before that checkpoint was not read again, except for keys and roles.")
        )
    if report.indexes:
        text = plural("{count} published index was computed again.",
                      "{count} published indexes were computed again.", report.indexes)  # fmt: skip
        click.echo(text.format(count=report.indexes))
    if report.indexes_left:
        text = plural(
            "{count} published index was not computed again: run muniment verify without --since.",
            "{count} published indexes were not computed again: run muniment verify without "
            "--since.", report.indexes_left,
        )  # fmt: skip
        click.echo(text.format(count=report.indexes_left))
    if report.checkpoint and report.verdict in PASSING:
        click.echo(_("The newest signed state, to compare or read aloud:"))
        click.echo(report.checkpoint.split("\n\n")[0])


@command(
    "rebuild",
    N_(
        "Make the tables anew from the events.\n\n"
        "Inventory, chain of custody and registers are readings of the events and can be thrown "
        "away. With --check nothing is changed: the tables are made in memory and compared with "
        "the live ones; exit code 3 if they differ."
    ),
)
@option("--check", is_flag=True, help=N_("Compare only."))
@pass_call
def rebuild(call: Call, *, check: bool) -> int:
    """Rebuild or compare."""
    from ledger import rebuild as rebuilding

    if not check:
        with call.writing(acting=False) as ledger:
            events = rebuilding.rebuild(ledger.log.writer)
        _result(call, {"rebuilt": True, "events": events}, _("rebuilt from {events} events"))
        return 0
    with call.reading() as ledger, ledger.engine.connect() as connection:
        found = rebuilding.check(connection)
    line = {"equal": not found, "differences": [d._asdict() for d in found]}
    if call.as_json:
        click.echo(msgspec.json.encode(line))
    elif not found:
        click.echo(_("the tables are what the events make them"))
    else:
        header = (_("table"), _("key"), _("difference"), _("columns"))
        rows = ((d.table, d.key, d.kind, " ".join(d.columns)) for d in found)
        for text in table(header, rows):
            click.echo(text)
        click.echo(_("the tables are not what the events make them: muniment rebuild"), err=True)
    return FAILED if found else 0


def _result(call: Call, line: dict[str, object], text: str) -> None:
    if call.as_json:
        click.echo(msgspec.json.encode(line))
    else:
        click.echo(text.format(**line))


@command(
    "doctor",
    N_(
        "Check the folder, database, keys and clock.\n\n"
        "Looks at what verification does not: missing files, permissions, triggers, the database's "
        "own integrity, the writer's lock, pins, the clock. Changes nothing. Exit code 1 if "
        "something needs attention."
    ),
)
@pass_call
def doctor(call: Call) -> int:
    """Examine and say what was found."""
    from ledger.doctor import examine

    examined = list(examine(call.folder))
    if call.as_json:
        filled = [
            msgspec.structs.replace(one, remedy=one.remedy.format(**one.values)) for one in examined
        ]
        click.echo(msgspec.json.encode({"checks": filled}))
    else:
        for check in examined:
            sign = {"ok": "✓", "warning": "!", "failed": "✗"}[check.state]
            values = {**check.values}
            if "cause" in values:
                values["cause"] = in_words(str(values["cause"]))
            click.echo(f"{sign} {printable(_(check.text).format(**values))}")
            if check.remedy:
                click.echo(f"    {_(check.remedy).format(**values)}")
    return 1 if any(check.state == "failed" for check in examined) else 0

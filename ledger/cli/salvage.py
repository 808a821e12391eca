"""What can still be proved of a damaged ledger: `muniment salvage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from ledger.cli.call import Call
from ledger.cli.command import PATH, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import listed, named
from ledger.errors import IncompleteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LIMIT = 1 << 20

DEGREES = {
    "checkpoint": N_("proved by a state that the ledger signed"),
    "seen": N_("proved by a state that later signers had seen"),
    "signed": N_("signed, and in no signed state: place and time are not proved"),
    "readable": N_("only readable"),
}


@command(
    "salvage",
    N_(
        "Take out everything that can still be proved of a damaged ledger.\n\n"
        "Reads the database page by page, whatever is left of it, and never writes to it. What is "
        "proved, by what, and what was lost stands in salvage.json. A checkpoint that was kept "
        "elsewhere proves more. Exit code 0: nothing was lost; 4: something was."
    ),
)
@option("--out", type=PATH, required=True, metavar="DIR", help=N_("The new folder to write."))
@option(
    "--trust", metavar="VKEY",
    help=N_("The ledger's verifier key, or a file that holds it; else the folder's "
            "trust/ledger.vkey."),
)  # fmt: skip
@option(
    "--checkpoint", "kept", type=PATH, multiple=True, metavar="FILE",
    help=N_("A checkpoint that you kept. May be repeated."),
)  # fmt: skip
@pass_call
def salvage(call: Call, out: Path, trust: str | None, kept: tuple[Path, ...]) -> int:
    """Save what can be saved; the exit code says whether that was everything."""
    from ledger.cli.verifierkeys import ledger_key
    from ledger.salvage.export import salvage

    key = ledger_key(trust, "--trust") if trust else None
    report = salvage(call.folder, out, key, [_read(path) for path in kept])
    if call.as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _show(report)
    lost = any(report[what][how] for what in ("entries", "events") for how in ("lost", "unproved"))
    lost = lost or not _read_of(report, "events") or any(_claimed(report))
    return IncompleteError.exit_code if lost else 0


def _claimed(report: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The sizes that the database says it had, beyond what is proved."""
    return ((size, many) for size, many in report["claimed"] if size > report["entries"]["size"])


def _read_of(report: dict[str, Any], what: str) -> int:
    """How many entries or events could be read at all."""
    return sum(report[what].get(degree, 0) for degree in DEGREES)


def _read(path: Path) -> bytes:
    from ledger.folder import read_limited

    try:
        return read_limited(path, _LIMIT)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None


def _show(report: dict[str, Any]) -> None:
    for what, name in (("entries", _("entries")), ("events", _("events"))):
        counts = report[what]
        click.echo(named(name, counts["size"]))
        for degree, text in DEGREES.items():
            if counts.get(degree):
                click.echo(f"  {named(_(text), counts[degree])}")
        for how, text in (("unproved", _("not proved")), ("lost", _("lost"))):
            if counts[how]:
                click.echo(f"  {named(text, _ranges(counts[how]))}")
    for what, none in (
        ("entries", _("No page of the commit notes is left.")),
        ("events", _("No page of the events is left.")),
    ):
        if not _read_of(report, what):
            click.echo(none)
    if not report["database"]["header"]:
        click.echo(_("The file does not say that it is a database; its pages were found without."))
    for size, many in _claimed(report):
        text = _("The database says that there were {entries} entries with {events} events.")
        click.echo(text.format(entries=size, events=many))


def _ranges(pairs: list[list[int]]) -> str:
    return listed(f"{a}" if a == b else f"{a}-{b}" for a, b in pairs)

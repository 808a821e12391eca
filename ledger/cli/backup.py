"""`muniment backup`: copies made to survive the originals, read again, and let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import asdict

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.command import CODE, PATH, argument, group, option, pass_call
from ledger.cli.effects import (
    INCOMPLETE,
    Standing,
    effect_options,
    failures,
    progress,
    say_failures,
)
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    local,
    note,
    print_fields,
    print_json,
    print_rows,
    receipt_fields,
    recorded,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ledger.application import Ledger
    from ledger.effects.backup import Outcomes

_BACKUP = argument("backup", metavar="BACKUP")
_MISMATCH: Final = 3
_AT_ONCE: Final = 500


@group("backup", N_("Backups: make, verify, expire, list and show them."))
def backup() -> None:
    """Nothing by itself."""


@backup.command(
    "create",
    help=N_(
        "Copy files into a folder, read every byte back, and record the copies.\n\n"
        "Without a COPY: every original of your party that is there and is a file. What is no "
        "longer as it was recorded is not copied and is named. The folder must be there; it is "
        "best on another disk."
    ),
)
@argument("target", type=PATH, metavar="DIR")
@argument("copies", nargs=-1, metavar="[COPY]...")
@option("--medium", type=CODE("BackupMedium"), required=True, help=N_("What the folder lies on."))
@option(
    "--kind", type=CODE("BackupKind"), default="full", show_default=True,
    help=N_("What kind of backup it is; what is copied is what is named, or everything."),
)  # fmt: skip
@effect_options
@pass_call
def create(
    call: Call,
    *,
    target: Path,
    copies: tuple[str, ...],
    medium: str,
    kind: str,
    standing: Standing,
) -> int:
    """Record `backup.created`; the exit code is 4 when something could not be copied."""
    from ledger.cli.ids import resolve
    from ledger.effects.backup import create as run

    with call.writing() as ledger:
        chosen = [resolve(ledger, "holding", copy) for copy in copies] or None
        outcomes = run(
            ledger, call.acting(ledger), chosen, target, kind, medium, progress(call),
            **standing.options(ledger),
        )  # fmt: skip
    _print_made(call, outcomes)
    return INCOMPLETE if outcomes.failed else 0


def _print_made(call: Call, outcomes: Outcomes) -> None:
    made = [
        {
            "backup": one.backup, "folder": str(one.folder), "copies": one.copies,
            "size": one.size, "entry": one.receipt.entry, "position": one.receipt.first,
        }
        for one in outcomes.made
    ]  # fmt: skip
    if call.as_json:
        print_json({
            "backups": made, "failed": failures(outcomes.failed), "left_out": outcomes.left_out,
            "removed": outcomes.removed,
        })  # fmt: skip
        return
    say_failures(call, outcomes.failed)
    if outcomes.removed:
        text = _("Removed what {count} unfinished backups had left here.")
        note(call, text.format(count=outcomes.removed))
    if outcomes.left_out:
        note(call, _("{count} copies are no files here.").format(count=outcomes.left_out))
    for one in made:
        text = _("{backup}: {copies} copies, {size} bytes, read back from {folder}")
        click.echo(printable(text.format(**one)))


@backup.command(
    "verify",
    help=N_("Read a backup's copies again, and record whether they are what was recorded."),
)
@_BACKUP
@option(
    "--sample", type=click.IntRange(1, 2**31), metavar="NUMBER",
    help=N_("Only so many copies, drawn at random; all if not given."),
)  # fmt: skip
@option(
    "--seed", type=click.IntRange(0, 2**63 - 1), metavar="NUMBER",
    help=N_("Where the drawing begins, to draw the same again."),
)  # fmt: skip
@effect_options
@pass_call
def verify(
    call: Call, *, backup: str, sample: int | None, seed: int | None, standing: Standing
) -> int:
    """Record `backup.verified`; the exit code is 3 when a copy does not match.

    4 when all that could be read match, and one could not be reached.
    """
    from ledger.cli.ids import resolve
    from ledger.effects.expiring import verify as run

    with call.writing() as ledger:
        found = resolve(ledger, "backup", backup)
        done = run(
            ledger, call.acting(ledger), found, sample, seed=seed, progress=progress(call),
            **standing.options(ledger),
        )  # fmt: skip
    say_failures(call, done.failed)
    counts = {"checked": done.checked, "matched": done.matched}
    if call.as_json:
        print_json({**counts, "failed": failures(done.failed), **receipt_fields(done.receipt)})
    else:
        click.echo(_("{matched} of {checked} copies read are as recorded").format(**counts))
        recorded(call, done.receipt)
    if done.matched < done.checked:
        return _MISMATCH
    return INCOMPLETE if done.failed else 0


@backup.command(
    "expire",
    help=N_(
        "Remove a backup's copies from their disk, and record those that are gone.\n\n"
        "The last copies of a record stay; they need a destruction case."
    ),
)
@_BACKUP
@effect_options
@pass_call
def expire(call: Call, *, backup: str, standing: Standing) -> int:
    """Record `backup.expired`; the exit code is 4 when a copy could not be removed."""
    from ledger.cli.ids import resolve
    from ledger.effects.expiring import expire as run

    with call.writing() as ledger:
        found = resolve(ledger, "backup", backup)
        done = run(ledger, call.acting(ledger), found, progress(call), **standing.options(ledger))
    say_failures(call, done.failed)
    if call.as_json:
        receipt = receipt_fields(done.receipt) if done.receipt else {"events": []}
        print_json({"removed": done.gone, "failed": failures(done.failed), **receipt})
    else:
        click.echo(_("{count} copies removed").format(count=len(done.gone)))
        if done.receipt is not None:
            recorded(call, done.receipt)
    return INCOMPLETE if done.failed else 0


KEYS: Final = (
    "backup", "kind", "medium", "started_at", "ended_at", "count", "expired", "created_entry",
    "verified_entry", "result", "expired_entry",
)  # fmt: skip
_COLUMNS: Final = (
    Column("backup", N_("backup")),
    Column("ended_at", N_("made"), local),
    Column("kind", N_("kind"), coded("BackupKind")),
    Column("medium", N_("medium"), coded("BackupMedium")),
    Column("count", N_("copies"), right=True),
    Column("expired", N_("removed"), right=True),
    Column("result", N_("last verified"), coded("CheckResult")),
)


@backup.command("list", help=N_("List the backups, with how many of their copies are left."))
@as_of_option
@format_option
@pass_call
def list_backups(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every backup, in order of its id."""
    with call.reading() as ledger:
        entry = entry_of(call, ledger, as_of)
        print_rows(call, _rows(ledger, entry), _COLUMNS, style, KEYS)


def _rows(ledger: Ledger, entry: int | None) -> Iterator[dict[str, Any]]:
    """The backups, read in portions."""
    from projections.backups import listed

    after = None
    with ledger.engine.connect() as connection:
        while found := listed(connection, limit=_AT_ONCE, after=after, entry=entry):
            yield from map(asdict, found)
            after = found[-1].backup


@backup.command("show", help=N_("Show one backup: where it lies, and its copies."))
@_BACKUP
@as_of_option
@pass_call
def show(call: Call, *, backup: str, as_of: str | None) -> None:
    """One backup as it stands now, or stood then."""
    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from projections.backups import one

    with call.reading() as ledger:
        found = resolve(ledger, "backup", backup)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            told = one(connection, found, entry=entry)
            if told is None:
                raise not_yet("backup")
            row = {**asdict(told), "copies": list(_copies(connection, found, entry))}
        sealed = next((p.sealed for p in Reader(call, ledger).of_streams([found]) if p.sealed), {})
    row["location"] = sealed.get("location") if sealed else None
    if call.as_json:
        print_json({key: row[key] for key in (*KEYS, "location", "copies")})
        return
    fields = [(column.title, _shown(column, row)) for column in _COLUMNS]
    print_fields([*fields, (N_("place"), row["location"])])
    for copy in row["copies"]:
        gone = f"  ({_('removed')})" if copy["expired_entry"] is not None else ""
        click.echo(f"  {copy['holding']}{gone}")


def _shown(column: Column, row: dict[str, Any]) -> str | None:
    return None if row[column.key] is None else column.show(row[column.key])


def _copies(connection: sa.Connection, backup: str, entry: int | None) -> Iterator[dict[str, Any]]:
    """The copies in a backup, removed ones included, read in portions."""
    from projections.backups import copies

    after = None
    while found := copies(connection, backup, limit=_AT_ONCE, after=after, entry=entry):
        for copy in found:
            yield {"holding": copy.holding, "expired_entry": copy.expired_entry}
        after = found[-1].holding

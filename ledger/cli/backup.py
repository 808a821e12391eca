"""`muniment backup`: copies made to survive the originals, read again, and let go.

`backup_use` has the commands that say where a backup lies, and bring back what is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import asdict

from ledger.cli.asof import as_of_option, entry_of, not_yet
from ledger.cli.backup_use import BACKUP, drill, due, offsite, restore
from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.command import CODE, DAY, argument, group, option, pass_call
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
    from ledger.effects.shelf import Target

_MISMATCH: Final = 3
KINDS: Final = ("full", "incremental")
_AT_ONCE: Final = 500


@group("backup", N_("Backups: make, verify, store, drill, restore, expire and list them."))
def backup() -> None:
    """Nothing by itself."""


for _command in (offsite, drill, restore, due):
    backup.add_command(_command)


@backup.command(
    "create",
    help=N_(
        "Copy contents elsewhere, encrypted, read every byte back, and record the copies.\n\n"
        "Without a COPY: every original of your party that is there and can be read here; an "
        "incremental backup leaves out what its base, or what that continues, has a copy of. What "
        "is no longer as it was recorded is not copied and is named. TARGET is a folder that is "
        "there, best on another disk, or s3://BUCKET/PREFIX; credentials for a bucket come from "
        "the environment."
    ),
)
@argument("target", metavar="TARGET")
@argument("copies", nargs=-1, metavar="[COPY]...")
@option(
    "--medium", type=CODE("BackupMedium"),
    help=N_("What the target lies on; a bucket is cloud_object if not given."),
)  # fmt: skip
@option(
    "--kind", type=click.Choice(KINDS), default="full", show_default=True,
    help=N_("Everything, or what the base has no copy of."),
)  # fmt: skip
@option(
    "--base", metavar="BACKUP",
    help=N_("The backup to continue; your party's newest if not given."),
)  # fmt: skip
@option(
    "--endpoint", metavar="URL",
    help=N_("Where the store of the bucket answers; name it in MUNIMENT_S3_ENDPOINTS, too."),
)  # fmt: skip
@option(
    "--lock-until", type=DAY,
    help=N_("Lock the copies in the bucket until that day is over; nobody can shorten it."),
)  # fmt: skip
@effect_options
@pass_call
def create(
    call: Call,
    *,
    target: str,
    copies: tuple[str, ...],
    medium: str | None,
    kind: str,
    base: str | None,
    endpoint: str | None,
    lock_until: str | None,
    standing: Standing,
) -> int:
    """Record `backup.created`; the exit code is 4 when something could not be copied."""
    from ledger.cli.ids import resolve
    from ledger.effects.backup import create as run

    place = _target(target, endpoint, lock_until)
    if medium is None and isinstance(place, Path):
        raise click.UsageError(_("say with --medium what the folder lies on"))
    if base is not None and kind != "incremental":
        raise click.UsageError(_("--base is of --kind incremental"))
    with call.writing() as ledger:
        chosen = [resolve(ledger, "holding", copy) for copy in copies] or None
        found = resolve(ledger, "backup", base) if base else None
        outcomes = run(
            ledger, call.acting(ledger), chosen, place, kind, medium or "cloud_object",
            progress(call), base=found, **standing.options(ledger),
        )  # fmt: skip
    _print_made(call, outcomes)
    return INCOMPLETE if outcomes.failed else 0


def _target(target: str, endpoint: str | None, lock_until: str | None) -> Target | Path:
    if target.startswith("s3://"):
        from ledger.effects.bucket import Bucket

        return Bucket(target, endpoint, lock_until)
    if endpoint is not None or lock_until is not None:
        raise click.UsageError(_("--endpoint and --lock-until are of a bucket"))
    return Path(target)


def _print_made(call: Call, outcomes: Outcomes) -> None:
    made = [
        {
            "backup": one.backup, "place": one.place, "copies": one.copies,
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
    if not made and not outcomes.failed:
        note(call, _("Nothing is new since the base; nothing was copied."))
    for one in made:
        text = _("{backup}: {copies} copies, {size} bytes, read back from {place}")
        click.echo(printable(text.format(**one)))


@backup.command(
    "verify",
    help=N_(
        "Read a backup's list and copies again, and record whether they are what was recorded."
    ),
)
@BACKUP
@option(
    "--sample", type=click.IntRange(1, 2**31), metavar="NUMBER",
    help=N_("Only so many copies, drawn at random; all if not given."),
)  # fmt: skip
@option(
    "--seed", type=click.IntRange(0, 2**63 - 1), metavar="NUMBER",
    help=N_("Where the drawing begins, to draw the same again."),
)  # fmt: skip
@option("--read-data", is_flag=True, help=N_("Decrypt, too, and compare the contents themselves."))
@effect_options
@pass_call
def verify(
    call: Call,
    *,
    backup: str,
    sample: int | None,
    seed: int | None,
    read_data: bool,
    standing: Standing,
) -> int:
    """Record `backup.verified`; the exit code is 3 when a copy or the list does not match.

    4 when all that could be read match, and one could not be reached.
    """
    from ledger.cli.ids import resolve
    from ledger.effects.expiring import verify as run

    with call.writing() as ledger:
        found = resolve(ledger, "backup", backup)
        done = run(
            ledger, call.acting(ledger), found, sample, seed=seed, decrypt=read_data,
            progress=progress(call), **standing.options(ledger),
        )  # fmt: skip
    say_failures(call, done.failed)
    counts = {"checked": done.checked, "matched": done.matched}
    if call.as_json:
        told = {"manifest": done.manifest or "pass", "failed": failures(done.failed)}
        print_json({**counts, **told, **receipt_fields(done.receipt)})
    else:
        if done.manifest:
            text = _("the list beside the copies is not the one recorded ({cause})")
            click.echo(text.format(cause=done.manifest), err=True)
        click.echo(_("{matched} of {checked} copies read are as recorded").format(**counts))
        recorded(call, done.receipt)
    if done.matched < done.checked or done.manifest:
        return _MISMATCH
    return INCOMPLETE if done.failed else 0


@backup.command(
    "expire",
    help=N_(
        "Remove a backup's copies from where they lie, shred their data keys, and record it.\n\n"
        "The last copies of a record stay; they need a destruction case. Of what lies in a bucket "
        "every version goes; while a lock runs, nothing does."
    ),
)
@BACKUP
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
        print_json({
            "removed": done.gone, "keys": list(done.keys), "failed": failures(done.failed),
            "key_copies": list(done.key_copies), **receipt,
        })  # fmt: skip
    else:
        click.echo(_("{count} copies removed").format(count=len(done.gone)))
        if done.receipt is not None:
            recorded(call, done.receipt)
        if done.key_copies:
            text = _("{count} copies of keys may still hold one of theirs: muniment keystore check")
            note(call, text.format(count=len(done.key_copies)))
    return INCOMPLETE if done.failed else 0


KEYS: Final = (
    "backup", "kind", "medium", "started_at", "ended_at", "base", "count", "expired",
    "created_entry", "verified_entry", "verified_at", "result", "offsite_at", "drilled_at",
    "drill_result", "expired_entry",
)  # fmt: skip
_COLUMNS: Final = (
    Column("backup", N_("backup")),
    Column("ended_at", N_("made"), local),
    Column("kind", N_("kind"), coded("BackupKind")),
    Column("medium", N_("medium"), coded("BackupMedium")),
    Column("count", N_("copies"), right=True),
    Column("expired", N_("removed"), right=True),
    Column("base", N_("continues")),
    Column("result", N_("last verified"), coded("CheckResult")),
    Column("offsite_at", N_("off-site since"), local),
    Column("drill_result", N_("last drill"), coded("CheckResult")),
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
@BACKUP
@as_of_option
@pass_call
def show(call: Call, *, backup: str, as_of: str | None) -> None:
    """One backup as it stands now, or stood then."""
    from domain.backup import BackupState
    from ledger.cli.ids import resolve
    from ledger.cli.reading import Reader
    from ledger.custody import case_state
    from projections.backups import one

    with call.reading() as ledger:
        found = resolve(ledger, "backup", backup)
        entry = entry_of(call, ledger, as_of)
        with ledger.engine.connect() as connection:
            told = one(connection, found, entry=entry)
            if told is None:
                raise not_yet("backup")
            row = {**asdict(told), "copies": list(_copies(connection, found, entry))}
            row["locked_until"] = case_state(ledger, BackupState, found).locked_until or None
        sealed = next((p.sealed for p in Reader(call, ledger).of_streams([found]) if p.sealed), {})
    row["location"] = sealed.get("location") if sealed else None
    if call.as_json:
        print_json({key: row[key] for key in (*KEYS, "location", "locked_until", "copies")})
        return
    fields = [(column.title, _shown(column, row)) for column in _COLUMNS]
    locked = (N_("locked until"), row["locked_until"])
    print_fields([*fields, (N_("place"), row["location"]), locked])
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

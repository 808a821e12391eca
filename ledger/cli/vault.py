"""`muniment vault`: encrypted copies in the ledger's own folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import CODE, argument, group, option, pass_call
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
    note,
    print_json,
    print_rows,
    receipt_fields,
    recorded,
    yes,
)
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger

_MISMATCH: Final = 3


@group("vault", N_("Encrypted copies in the ledger's own folder."))
def vault() -> None:
    """Nothing by itself."""


@vault.command(
    "put",
    help=N_(
        "Put an encrypted copy of what was collected before into the vault.\n\n"
        "Each copy has a data key of its own. What is no longer as it was recorded is not stored "
        "and is named. With --all: every copy of your party that is a file here and is not in the "
        "vault yet."
    ),
)
@argument("copies", nargs=-1, metavar="[COPY]...")
@option("--all", "everything", is_flag=True, help=N_("Everything that is not in the vault yet."))
@option(
    "--vault-medium", type=CODE("BackupMedium"), default="disk_internal",
    help=N_("What the vault lies on; disk_internal if not given."),
)  # fmt: skip
@effect_options
@pass_call
def put(
    call: Call,
    *,
    copies: tuple[str, ...],
    everything: bool,
    vault_medium: str,
    standing: Standing,
) -> int:
    """Record `holding.created` for each; the exit code is 4 when one could not be stored."""
    from ledger.cli.ids import resolve
    from ledger.effects.vaulting import put as run

    if everything == bool(copies):
        raise UsageError("name the copies, or say --all; nothing was stored")
    with call.writing() as ledger:
        chosen = None if everything else [resolve(ledger, "holding", copy) for copy in copies]
        done = run(
            ledger, call.acting(ledger), chosen, vault_medium, progress(call),
            **standing.options(ledger),
        )  # fmt: skip
    say_failures(call, done.failed)
    if call.as_json:
        print_json({
            "stored": done.stored, "failed": failures(done.failed), "left_out": done.left_out,
            "commits": [receipt_fields(receipt) for receipt in done.receipts],
        })  # fmt: skip
    else:
        if done.left_out:
            note(call, _("{count} copies are no files here.").format(count=done.left_out))
        click.echo(_("{count} copies put into the vault").format(count=len(done.stored)))
        for receipt in done.receipts:
            recorded(call, receipt)
    return INCOMPLETE if done.failed else 0


@vault.command(
    "check",
    help=N_(
        "Read every object in the vault, and compare it with what was recorded.\n\n"
        "Exit code 3 if one is missing or damaged, or if files lie there that no event names: they "
        "are left by a run that was broken off, or belong to one under way. --remove-strays takes "
        "them out; so does the next run that puts something in or destroys something."
    ),
)
@option("--read-data", is_flag=True, help=N_("Decrypt them too, and compare what is in them."))
@option("--remove-strays", is_flag=True, help=N_("Remove what no event names."))
@pass_call
def check(call: Call, *, read_data: bool, remove_strays: bool) -> int:
    """Say what is not in order; changes nothing but strays."""
    from ledger.effects import vaulting

    removed = 0
    if remove_strays:
        with call.writing(acting=False) as ledger:
            removed = vaulting.remove_strays(ledger, sys.maxsize)  # a person says so
    with call.reading() as ledger:
        done = vaulting.check(ledger, read_data=read_data, progress=progress(call))
    say_failures(call, done.failed)
    counts = {"checked": done.checked, "strays": len(done.strays), "removed": removed}
    if call.as_json:
        print_json({**counts, "failed": failures(done.failed)})
    else:
        if removed:
            click.echo(_("{removed} files that no event names were removed").format(**counts))
        if done.strays:
            note(call, _("{strays} files in the vault are named by no event").format(**counts))
        text = _("{checked} objects read, {failed} not in order")
        click.echo(text.format(checked=done.checked, failed=len(done.failed)))
    return _MISMATCH if done.failed or done.strays else 0


KEYS: Final = ("holding", "object", "size", "medium", "made_from", "condition", "file")
_COLUMNS: Final = (
    Column("holding", N_("copy")),
    Column("condition", N_("state"), coded("HoldingState")),
    Column("size", N_("bytes"), right=True),
    Column("medium", N_("medium"), coded("BackupMedium")),
    Column("made_from", N_("made from")),
    Column("file", N_("in the vault"), yes),
)


@vault.command("list", help=N_("List the copies in the vault, gone ones included."))
@format_option
@pass_call
def list_objects(call: Call, *, style: str | None) -> None:
    """Every copy that was put into the vault, in order of its id."""
    with call.reading() as ledger:
        print_rows(call, _rows(ledger), _COLUMNS, style, KEYS)


def _rows(ledger: Ledger) -> Iterator[dict[str, Any]]:
    from ledger.effects.vaulting import encrypted_copies
    from ledger.vault import Vault

    stored = Vault(ledger.folder.path)
    with ledger.engine.connect() as connection:
        for copy in encrypted_copies(connection):
            if not copy.elsewhere:
                file = stored.path_of(copy.object).is_file()
                yield {**copy._asdict(), "file": file}

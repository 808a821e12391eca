"""`muniment keystore`: the keys' own keys, and every copy of them that there is or was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import asdict

from ledger.cli.asof import as_of_option, entry_of
from ledger.cli.call import Call
from ledger.cli.command import CODE, DAY, PATH, TIME, argument, group, option, pass_call
from ledger.cli.effects import INCOMPLETE, Standing, effect_options
from ledger.cli.init import checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    coded,
    format_option,
    local,
    note,
    print_json,
    print_rows,
    receipt_fields,
    recorded,
)
from ledger.cli.protect import protect
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.application import Ledger
    from ledger.effects.keycopying import Made

_COPY = argument("copy", metavar="COPY")
_MEDIUM = option(
    "--medium", type=CODE("BackupMedium"), required=True, help=N_("What the copy lies on.")
)
_EXPIRES = option(
    "--expires-on", type=DAY, help=N_("The day on which it is to be gone; nothing goes by itself.")
)  # fmt: skip
_LAST_DIGITS: Final = 8
_NOT_CLEARED: Final = 3


@group("keystore", N_("The keystore: copies of keys, what they cover, and their end."))
def keystore() -> None:
    """Nothing by itself."""


# -- making copies ----------------------------------------------------------------------------


@keystore.command(
    "backup",
    help=N_(
        "Copy the keystore into a folder, read it back, and record the copy.\n\n"
        "The folder must be there; it is best on another disk, and never where backups of the "
        "ledger lie. A destruction reaches the copy while its disk is there. Whoever has the copy "
        "still needs the keystore's passphrase or token."
    ),
)
@argument("target", type=PATH, metavar="DIR")
@_MEDIUM
@_EXPIRES
@effect_options
@pass_call
def backup(
    call: Call, *, target: Path, medium: str, expires_on: str | None, standing: Standing
) -> None:
    """Record `key.copy_registered`."""
    from ledger.effects.keycopying import backup as run

    with call.writing() as ledger:
        made = run(
            ledger, call.acting(ledger), target, medium, expires_on=expires_on,
            **standing.options(ledger),
        )  # fmt: skip
    _print_made(call, made)


def _print_made(call: Call, made: Made) -> None:
    if call.as_json:
        print_json({
            "copy": made.copy, "path": str(made.path), "keys": made.keys,
            **receipt_fields(made.receipt),
        })  # fmt: skip
        return
    click.echo(_("{count} keys copied").format(count=made.keys))
    recorded(call, made.receipt, copy=made.copy)


@keystore.command(
    "escrow",
    help=N_(
        "Write data keys into an age file that only its recipients can open, and record it.\n\n"
        "Whoever opens it reads what these keys are for, without the keystore's passphrase and "
        "without a grant; keys of restricted records are in it only with --all. A destruction "
        "cannot reach into it: certificates say partial until it is destroyed."
    ),
)
@argument("file", type=PATH, metavar="FILE")
@option(
    "--to", "recipients", multiple=True, required=True, metavar="age1...",
    help=N_("Who can open it, by the public half of an age key; repeatable."),
)  # fmt: skip
@option("--key", "keys", multiple=True, metavar="KEY", help=N_("A data key; repeatable."))
@option(
    "--holding", "holdings", multiple=True, metavar="COPY",
    help=N_("The keys of a copy and of what lies in it; repeatable."),
)  # fmt: skip
@option("--all", "everything", is_flag=True, help=N_("Every key there is."))
@_MEDIUM
@option(
    "--kind", type=CODE("KeyCopyKind"), default="escrow", show_default=True,
    help=N_("Whether it is an escrow or an export."),
)  # fmt: skip
@option("--custodian", metavar="PARTY", help=N_("The party that will keep it; yours if not given."))
@_EXPIRES
@effect_options
@pass_call
def escrow(
    call: Call,
    /,
    *,
    file: Path,
    recipients: tuple[str, ...],
    keys: tuple[str, ...],
    holdings: tuple[str, ...],
    everything: bool,
    medium: str,
    kind: str,
    custodian: str | None,
    expires_on: str | None,
    standing: Standing,
) -> None:
    """Record `key.copy_registered`."""
    from ledger.cli.ids import resolve
    from ledger.effects.keycopying import escrow as run

    if everything == bool(keys or holdings):
        raise click.UsageError(_("say which keys: --key, --holding, or --all"))
    with call.writing() as ledger:
        made = run(
            ledger, call.acting(ledger), file, recipients,
            None if everything else [*keys, *_keys_of(ledger, holdings)], medium, kind=kind,
            custodian=resolve(ledger, "party", custodian) if custodian else None,
            expires_on=expires_on, **standing.options(ledger),
        )  # fmt: skip
    _print_made(call, made)


def _keys_of(ledger: Ledger, given: Sequence[str]) -> list[str]:
    """The data keys of copies and of what lies in them that are still there."""
    from ledger.cli.ids import resolve
    from ledger.facts import LedgerFacts

    found: set[str] = set()
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        for text in given:
            used = facts.keys(resolve(ledger, "holding", text))
            found |= used.copy | used.records
    return sorted(key for key in found if ledger.keystore.state(key) == "present")


@keystore.command(
    "register",
    help=N_(
        "Record a copy of keys that something else made, or what the keystore lies on.\n\n"
        "A copy of the folder, a stick in a drawer, a snapshot: what nobody knows of makes a "
        "certificate wrong. With --kind live the medium of the keystore itself is named."
    ),
)
@option("--kind", type=CODE("KeyCopyKind"), required=True, help=N_("What kind of copy it is."))
@_MEDIUM
@option("--place", required=True, metavar="TEXT", help=N_("Where it is; sealed."))
@option(
    "--made-at", type=TIME,
    help=N_(
        "When it was made: what was shredded before is not in it. If not given, it is taken to be "
        "as old as the ledger."
    ),
)  # fmt: skip
@option(
    "--through",
    metavar="KEY",
    help=N_("The last key in it; if not given, as its slot file says, or every key there is now."),
)
@option("--key", "keys", multiple=True, metavar="KEY", help=N_("A key that it lists; repeatable."))
@option("--custodian", metavar="PARTY", help=N_("The party that keeps it; yours if not given."))
@_EXPIRES
@effect_options
@pass_call
def register(
    call: Call,
    /,
    *,
    place: str,
    keys: tuple[str, ...],
    custodian: str | None,
    standing: Standing,
    **said: str | None,
) -> None:
    """Record `key.copy_registered`."""
    from ledger.cli.ids import resolve
    from ledger.effects.keycopying import register as run

    checked_text(place, "--place")
    fields: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    with call.writing() as ledger:
        if custodian:
            fields["custodian"] = resolve(ledger, "party", custodian)
        if keys:
            fields["keys"] = list(dict.fromkeys(keys))
        copy, receipt = run(
            ledger, call.acting(ledger), fields, {"location": place}, **standing.options(ledger)
        )
    recorded(call, receipt, copy=copy)


# -- looking ----------------------------------------------------------------------------------


KEYS: Final = (
    "copy", "kind", "medium", "custodian", "made_at", "through", "listed", "expires_on", "cleared",
    "technique", "registered_entry", "destroyed_entry", "state",
)  # fmt: skip
STATES: Final = {
    "there": N_("there"), "overdue": N_("there, overdue"), "destroyed": N_("destroyed"),
}  # fmt: skip


def _state(code: str) -> str:
    return _(STATES[code])


_COLUMNS: Final = (
    Column("copy", N_("copy of keys")),
    Column("kind", N_("kind"), coded("KeyCopyKind")),
    Column("medium", N_("medium"), coded("BackupMedium")),
    Column("made_at", N_("made"), local),
    Column("covers", N_("covers")),
    Column("cleared", N_("cleared of"), right=True),
    Column("expires_on", N_("expires")),
    Column("state", N_("state"), _state),
)


@keystore.command(
    "copies", help=N_("List the copies of keys: what they cover, and what became of them.")
)
@as_of_option
@format_option
@pass_call
def list_copies(call: Call, *, as_of: str | None, style: str | None) -> None:
    """Every copy, in order of its id."""
    from ledger.effects.keycopies import copies
    from ledger.signing import now

    with call.reading() as ledger:
        today = ledger.policy().calendar.day_of(now())
        rows = [
            {
                **asdict(copy), "covers": _covers(copy.kind, copy.through, copy.listed),
                "state": "destroyed" if not copy.there else
                "overdue" if copy.expires_on and copy.expires_on < today else "there",
            }
            for copy in copies(ledger, entry=entry_of(call, ledger, as_of))
        ]  # fmt: skip
        print_rows(call, rows, _COLUMNS, style, KEYS)


def _covers(kind: str, through: str | None, listed: int) -> str:
    if listed:
        return _("{count} keys").format(count=listed)
    if kind == "live":
        return _("every key")
    return _("up to {key}").format(key=f"…{(through or '')[-_LAST_DIGITS:]}")


@keystore.command(
    "check",
    help=N_(
        "Look into the copies that can be reached for keys that should be gone.\n\n"
        "Names every copy that still holds a key which the ledger says was shredded, and those "
        "that cannot be reached. Changes nothing; see muniment keystore clear."
    ),
)
@pass_call
def check(call: Call) -> int:
    """The exit code is 3 when such a key is found, 4 when a copy cannot be reached."""
    from ledger.effects.keycopies import checked

    with call.reading() as ledger:
        rows = [one._asdict() for one in checked(ledger)]
    if call.as_json:
        print_json({"copies": rows})
    for row in () if call.as_json else rows:
        text = _(FOUND[row["state"]]).format(count=row["present"])
        click.echo(f"{row['copy']}  {coded('KeyCopyKind')(row['kind'])}  {text}")
    states = {row["state"] for row in rows}
    return _NOT_CLEARED if "holds" in states else INCOMPLETE if "out_of_reach" in states else 0


FOUND: Final = {
    "clear": N_("holds no key that should be gone"),
    "holds": N_("holds {count} keys that should be gone"),
    "out_of_reach": N_("cannot be looked into from here; {count} keys in it should be gone"),
}
"""What a look into a copy gave."""


# -- their end --------------------------------------------------------------------------------


@keystore.command(
    "clear",
    help=N_(
        "Shred in copies of the keystore what the ledger says was shredded, and record it.\n\n"
        "For copies whose disk was away when something was destroyed. Without a COPY: every one "
        "that can be reached."
    ),
)
@argument("named", nargs=-1, metavar="[COPY]...")
@effect_options
@pass_call
def clear(call: Call, *, named: tuple[str, ...], standing: Standing) -> int:
    """Record `key.copy_cleared`; the exit code is 4 when a copy that was named is not cleared."""
    from ledger.cli.ids import resolve
    from ledger.effects.keycopies import clear as run
    from ledger.effects.keycopies import due

    with call.writing() as ledger:
        chosen = [resolve(ledger, "keycopy", copy) for copy in named]
        gone, receipts = run(
            ledger, call.acting(ledger), chosen or None, **standing.options(ledger)
        )
        left = [copy for copy in chosen if due(ledger, copy)]
    counts = {copy: len(keys) for copy, keys in gone.items()}
    if call.as_json:
        print_json(
            {"cleared": counts, "left": left, "commits": list(map(receipt_fields, receipts))}
        )
    else:
        for copy, count in counts.items():
            click.echo(_("{copy}: {count} keys shredded").format(copy=copy, count=count))
        for receipt in receipts:
            recorded(call, receipt)
        if not receipts:
            note(call, _("There was nothing to be shredded where anything could be reached."))
    return INCOMPLETE if left else 0


@keystore.command(
    "copy-destroyed",
    help=N_(
        "Record that a copy of keys is gone as a whole.\n\n"
        "A copy whose files are here, and are surely its own, is overwritten and removed by this "
        "command (--technique overwrite); of any other, say by what technique it was destroyed, "
        "and who watched. The keystore itself is no copy."
    ),
)
@_COPY
@option(
    "--technique",
    type=CODE("DestructionTechnique"),
    required=True,
    help=N_("How it was destroyed."),
)
@option(
    "--witness", "witnesses", multiple=True, metavar="ACTOR", help=N_("Who watched; repeatable.")
)
@option("--remark", metavar="TEXT", help=N_("A remark; sealed."))
@option("--yes", is_flag=True, help=N_("Do not ask; say why with --reason."))
@option("--reason", metavar="TEXT", help=N_("Why nobody is asked; sealed."))
@effect_options
@pass_call
def copy_destroyed(
    call: Call,
    /,
    *,
    copy: str,
    technique: str,
    witnesses: tuple[str, ...],
    yes: bool,
    standing: Standing,
    **said: str | None,
) -> None:
    """Record `key.copy_destroyed`."""
    from ledger.cli.ids import resolve
    from ledger.effects.keycopies import destroy

    for name, text in said.items():
        checked_text(text, f"--{name}")
    if yes and not said["reason"]:
        raise click.UsageError(_("--yes needs --reason"))
    with call.writing() as ledger:
        found = resolve(ledger, "keycopy", copy)
        if not yes:
            _confirm(found)
        remark = said["remark"] or said["reason"]
        removed, receipt = destroy(
            ledger, call.acting(ledger), found, technique,
            witnesses=[resolve(ledger, "actor", one) for one in witnesses], remark=remark,
            **standing.options(ledger),
        )  # fmt: skip
    if call.as_json:
        print_json({"copy": found, "removed": removed, **receipt_fields(receipt)})
        return
    if removed:
        click.echo(_("its files were overwritten and removed"))
    recorded(call, receipt, copy=found)


def _confirm(copy: str) -> None:
    """Ask for the last digits of the copy's id."""
    click.echo(_("{copy} counts as destroyed then; files of it that are here are overwritten. "
                 "This cannot be undone.").format(copy=copy), err=True)  # fmt: skip
    typed = click.prompt(
        _("To go on, type the last {count} digits of its id").format(count=_LAST_DIGITS), err=True
    )
    if typed.strip().lower() != copy[-_LAST_DIGITS:]:
        raise UsageError("these are not the digits of the copy; nothing was changed")


keystore.add_command(protect)

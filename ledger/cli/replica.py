"""`muniment replica`: another's ledger, made for another party, taken and read by it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, group, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import local, note, print_fields, print_json, several

if TYPE_CHECKING:
    from collections.abc import Callable


@group("replica", N_("Another's ledger, to be read: make a copy for others, take one, show it."))
def replica() -> None:
    """Nothing by itself."""


@replica.command(
    "make",
    help=N_(
        "Copy the ledger for another party, without its sealed texts.\n\n"
        "Whoever gets the copy sees codes, ids, counts, digests and times of every event, and no "
        "name, title or content. It is signed by the ledger's key, read back and verified. The "
        "other party takes it with muniment replica take; tell the fingerprint of the key on "
        "another way than the copy goes."
    ),
)
@argument("target", type=PATH, metavar="OUT")
@pass_call
def make(call: Call, *, target: Path) -> None:
    """Make, and say what it is and by which key it is known."""
    from ledger.effects.replica import fingerprint, make_replica

    with call.writing(acting=False) as ledger:
        made = make_replica(ledger, target, progress_of(call))
        key = ledger.folder.pinned_key()
    head = made.manifest
    told = {
        "folder": str(target), "origin": head.origin, "entries": head.entries,
        "root": head.root.hex(), "made": head.made, "size": made.size, "verdict": made.verdict,
        "vkey": key.format(), "fingerprint": fingerprint(key),
    }  # fmt: skip
    if call.as_json:
        print_json(told)
        return
    click.echo(_("{entries} entries, {size} bytes, copied without texts and verified").format(
        entries=head.entries, size=made.size))  # fmt: skip
    print_fields([
        (N_("folder"), told["folder"]), (N_("root"), told["root"]),
        (N_("verdict"), _(made.verdict)), (N_("verifier key"), told["vkey"]),
        (N_("fingerprint"), told["fingerprint"]),
    ])  # fmt: skip


@replica.command(
    "take",
    help=N_(
        "Take a copy of another's ledger into a folder of your own.\n\n"
        "The first time, name the ledger's key, or its fingerprint, as its keeper told you by "
        "telephone or letter: it is pinned. Later copies must continue what was taken before; an "
        "older one and a fork are refused, and of a fork the first entry that differs is named. "
        "The folder is read, and never written: what you say there becomes a draft (--draft)."
    ),
)
@argument("copied", type=PATH, metavar="COPY")
@argument("into", type=PATH, metavar="DIR")
@option(
    "--key", metavar="KEY",
    help=N_("The ledger's verifier key, a file that holds it, or its fingerprint; needed the first "
            "time."),
)  # fmt: skip
@pass_call
def take(call: Call, *, copied: Path, into: Path, key: str | None) -> None:
    """Take, and say what is new."""
    from ledger.cli.verifierkeys import ledger_key
    from ledger.effects.replica import fingerprint, take_replica

    if key is not None and not re.fullmatch("[0-9a-f]{64}", key.strip()):
        key = ledger_key(key, "--key").format()
    named = key.strip() if key is not None else None
    done = take_replica(copied, into, named, wait=call.wait, progress=progress_of(call))
    head = done.manifest
    told = {
        "folder": str(into), "origin": head.origin, "entries": head.entries,
        "root": head.root.hex(), "made": head.made, "before": done.before,
        "verdict": done.verdict, "vkey": done.vkey.format(), "fingerprint": fingerprint(done.vkey),
    }  # fmt: skip
    if call.as_json:
        print_json(told)
        return
    if done.before is None:
        text = _("{entries} entries taken and verified: {verdict}; the key is pinned")
    else:
        text = _("{entries} entries taken and verified: {verdict}; {new} of them are new")
    click.echo(text.format(entries=head.entries, verdict=_(done.verdict),
                           new=head.entries - (done.before or 0)))  # fmt: skip
    print_fields([
        (N_("folder"), told["folder"]), (N_("origin"), head.origin),
        (N_("copy made"), local(head.made)), (N_("verifier key"), told["vkey"]),
    ])  # fmt: skip


@replica.command(
    "show",
    help=N_(
        "Show what this replica is of, its state, its key, and who acts from here.\n\n"
        "On a ledger of your own: the key and fingerprint to tell the other party."
    ),
)
@pass_call
def show(call: Call) -> None:
    """Show it."""
    from ledger.effects.replica import fingerprint, shown

    with call.reading() as ledger:
        found = shown(ledger)
        told: dict[str, Any] = {
            "replica": ledger.folder.replica, "origin": found.origin, "ledger": found.ledger,
            "entries": found.entries, "root": found.root.hex(), "made": found.made,
            "vkey": found.vkey.format(), "fingerprint": fingerprint(found.vkey),
            "holders": found.holders,
        }  # fmt: skip
    if call.as_json:
        print_json(told)
        return
    kind = _("a replica: read, never written") if told["replica"] else _("a ledger of your own")
    print_fields([
        (N_("kind"), kind), (N_("origin"), found.origin), (N_("ledger"), found.ledger),
        (N_("entries"), found.entries), (N_("root"), told["root"]),
        (N_("copy made"), local(found.made) if found.made else None),
        (N_("verifier key"), told["vkey"]), (N_("fingerprint"), told["fingerprint"]),
        (N_("keys here of"), several(found.holders) if found.holders else None),
    ])  # fmt: skip
    if told["replica"] and not found.holders:
        note(call, _("Nobody has keys here yet: muniment key enrol --actor ACTOR --with "
                     "ADMINISTRATOR:administrator --draft FILE"))  # fmt: skip


def progress_of(call: Call) -> Callable[[int], None] | None:
    """Says how many events have been checked, where somebody is looking."""
    if call.quiet or call.as_json or not sys.stderr.isatty():
        return None
    return lambda events: click.echo(f"\r{events} …", nl=False, err=True)

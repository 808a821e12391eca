"""`muniment ledger`: the ledger by itself: copied, put together again, completed, continued."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.columns import printable
from ledger.cli.command import PATH, argument, group, option, pass_call
from ledger.cli.compare import compare
from ledger.cli.init import KEYSTORE_MEDIUM, KEYSTORE_TITLE, checked_text
from ledger.cli.language import N_, _
from ledger.cli.output import coded, note, print_fields, print_json
from ledger.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.effects.ledgerrestore import Missing, Restored
    from ledger.effects.reapplying import Reapplied
    from ledger.effects.recognising import Recognised

INCOMPLETE = 4
_LIMIT = 1 << 16


@group("ledger", N_("The ledger by itself: copy, restore, complete, continue, compare it."))
def ledger() -> None:
    """Nothing by itself."""


ledger.add_command(compare)


@ledger.command(
    "copy",
    help=N_(
        "Copy the ledger into a folder, new or empty; read it back and verify it.\n\n"
        "The copy holds the log and its tables, with sealed texts as ciphertext: no key, no "
        "original. Without the keystore nobody reads a name in it; keep copies of the keystore "
        "apart, and fewer. It is signed by the ledger's key; verify it with muniment -L COPY "
        "verify."
    ),
)
@argument("target", type=PATH, metavar="DIR")
@pass_call
def copy(call: Call, *, target: Path) -> None:
    """Copy, and say what was copied."""
    from ledger.effects.ledgercopy import copy_ledger

    began = time.monotonic()
    with call.writing(acting=False) as opened:
        made = copy_ledger(opened, target, _progress(call))
    seconds = round(time.monotonic() - began, 1)
    head = made.manifest
    told = {
        "folder": str(target), "origin": head.origin, "entries": head.entries,
        "root": head.root.hex(), "made": head.made, "size": made.size, "seconds": seconds,
        "verdict": made.verdict,
        "files": [{"name": f.name, "size": f.size, "sha256": f.digest} for f in head.files],
    }  # fmt: skip
    if call.as_json:
        print_json(told)
        return
    text = _("{entries} entries, {size} bytes, copied, read back and verified in {seconds} s")
    click.echo(text.format(**told))
    print_fields([(N_("folder"), told["folder"]), (N_("root"), told["root"]),
                  (N_("verdict"), _(made.verdict))])  # fmt: skip


@ledger.command(
    "restore",
    help=N_(
        "Put a ledger's folder together from a copy, and verify all of it.\n\n"
        "Keystore and identity come from where they were kept. What the ledger says was destroyed "
        "is destroyed again. As long as entries may be missing that were recorded after the copy, "
        "the folder is read and not written: muniment ledger refetch. Exit code 4 then."
    ),
)
@argument("copied", type=PATH, metavar="COPY")
@option(
    "--into", type=PATH, required=True, metavar="DIR", help=N_("The new folder, or an empty one.")
)
@option("--keystore", type=PATH, metavar="DIR", help=N_("Where the keystore was kept."))
@option("--identity", type=PATH, metavar="DIR", help=N_("Where the key files were kept."))
@option(
    "--trust", metavar="VKEY",
    help=N_("The ledger's verifier key, or a file that holds it; else the one in the copy, to be "
            "compared."),
)  # fmt: skip
@option(
    "--complete", is_flag=True,
    help=N_("You know that nothing was recorded after the copy that others may have seen."),
)  # fmt: skip
@pass_call
def restore(
    call: Call,
    *,
    copied: Path,
    into: Path,
    keystore: Path | None,
    identity: Path | None,
    trust: str | None,
    complete: bool,
) -> int:
    """Restore; the exit code is 4 while entries may be missing."""
    from ledger.cli.verifierkeys import ledger_key
    from ledger.effects.ledgerrestore import restore_ledger as run

    done = run(
        copied, into, call.passphrases, keystore=keystore, identity=identity,
        trust=ledger_key(trust, "--trust") if trust else None, complete=complete,
        progress=_progress(call),
    )  # fmt: skip
    if call.as_json:
        print_json(_restored(done))
    else:
        _tell_restored(call, done, compared=trust is not None)
    return INCOMPLETE if done.waiting else 0


def _restored(done: Restored) -> dict[str, Any]:
    return {
        "folder": str(done.folder), "origin": done.manifest.origin,
        "entries": done.manifest.entries, "made": done.manifest.made,
        "verdict": done.verdict, "vkey": done.vkey, "known": done.known,
        "missing": _span(done.missing), "waiting": done.waiting,
        "reapplied": done.reapplied._asdict() if done.reapplied else None,
        "recognised": done.recognised._asdict() if done.recognised else None,
    }  # fmt: skip


def _tell_restored(call: Call, done: Restored, *, compared: bool) -> None:
    text = _("{entries} entries restored and verified: {verdict}")
    said = text.format(entries=done.manifest.entries, verdict=_(done.verdict))
    click.echo(said)
    print_fields([
        (N_("folder"), str(done.folder)), (N_("copy made"), done.manifest.made),
        (N_("verifier key"), done.vkey),
    ])  # fmt: skip
    if not compared and not done.known:
        note(call, _("The verifier key comes from the copy itself: compare it with the one that "
                     "init printed, or that another party has."))  # fmt: skip
    _tell_reapplied(done.reapplied)
    _tell_recognised(call, done.recognised)
    _tell_missing(done.missing)
    if done.waiting:
        note(call, _("The folder is read and not written until what may be missing was fetched: "
                     "muniment ledger refetch --from OTHER."))  # fmt: skip


@ledger.command(
    "refetch",
    help=N_(
        "Fetch missing entries from another copy of this ledger.\n\n"
        "The other is verified whole and must continue this ledger; every entry is judged again "
        "and keeps its time. Only what the ledger's key signed, or this machine has pinned, is "
        "believed. Then what the new entries say was destroyed is destroyed here. Exit code 4 if "
        "entries are still missing."
    ),
)
@option(
    "--from", "other", type=PATH, required=True, metavar="OTHER",
    help=N_("A folder of this ledger, a copy of it, or a ledger.db."),
)  # fmt: skip
@pass_call
def refetch(call: Call, *, other: Path) -> int:
    """Refetch; the exit code is 4 while acts are still refused."""
    from ledger.effects.refetching import refetch as run

    folder = call.folder
    folder.check()
    done = run(folder, call.passphrases, other, wait=call.wait, progress=_progress(call))
    if call.as_json:
        print_json({
            "entries": done.entries, "events": done.events, "states": done.states,
            "beyond": done.beyond, "missing": _span(done.missing), "going_on": done.going_on,
            "reapplied": done.reapplied._asdict(),
            "recognised": done.recognised._asdict() if done.recognised else None,
        })  # fmt: skip
        return 0 if done.going_on else INCOMPLETE
    text = _("{entries} entries with {events} events fetched and judged")
    click.echo(text.format(entries=done.entries, events=done.events))
    _tell_reapplied(done.reapplied)
    _tell_recognised(call, done.recognised)
    _tell_missing(done.missing)
    if done.beyond:
        text = _("{count} more entries there are covered by no signed state, and stay there: sign "
                 "one there with muniment checkpoint, and fetch again.")  # fmt: skip
        note(call, text.format(count=done.beyond))
    if done.going_on:
        note(call, _("Nothing is known to be missing; acts may follow."))
    else:
        note(call, _("Acts are still refused: fetch from somebody who holds more."))
    return 0 if done.going_on else INCOMPLETE


@ledger.command(
    "reapply",
    help=N_(
        "Destroy again what the ledger says was destroyed, where it has come back.\n\n"
        "For a keystore, a vault or a database put back by hand. May be run as often as one likes."
    ),
)
@pass_call
def reapply(call: Call) -> None:
    """Reapply, and say what was found."""
    from ledger.effects.ledgerrestore import BehindLedger
    from ledger.effects.reapplying import reapply as run
    from ledger.effects.recognising import recognise

    folder = call.folder
    folder.check()
    with BehindLedger(folder, call.passphrases, wait=call.wait) as opened:
        done = run(opened)
        known = recognise(opened) if done.keystore else None
    if call.as_json:
        print_json({**done._asdict(), "recognised": known._asdict() if known else None})
    else:
        _tell_reapplied(done)
        _tell_recognised(call, known)


@ledger.command(
    "renew",
    help=N_(
        "Go on under a new origin when entries are lost for good.\n\n"
        "A new ledger is founded, whose first event names the old one, the head that is left and "
        "the entries that are lost. The old folder is read from then on, and never written."
    ),
)
@option("--origin", required=True, metavar="NAME", help=N_("The new ledger's own name."))
@option(
    "--into", type=PATH, required=True, metavar="DIR", help=N_("The new folder, or an empty one.")
)
@option(
    "--party", default="", metavar="NAME", help=N_("The firm, if not as in the old ledger; sealed.")
)
@option(
    "--actor", default="", metavar="NAME", help=N_("Who opens it, if not as in the old; sealed.")
)
@option(
    "--seen", type=PATH, metavar="FILE",
    help=N_("A checkpoint of the old ledger, over entries that are lost."),
)  # fmt: skip
@KEYSTORE_MEDIUM
@pass_call
def renew(
    call: Call,
    *,
    origin: str,
    into: Path,
    party: str,
    actor: str,
    seen: Path | None,
    keystore_medium: str,
) -> None:
    """Found the new ledger and print its ids."""
    from ledger.effects.renewing import Names
    from ledger.effects.renewing import renew as run

    for name, text in (("--party", party), ("--actor", actor)):
        checked_text(text, name)
    folder = call.folder
    given = _read(seen) if seen else None
    made = run(
        folder, into, origin, call.passphrases, names=Names(party, actor), seen=given,
        keystore_medium=keystore_medium,
    )  # fmt: skip
    former = made.former
    lost = former.lost_to if isinstance(former.lost_to, int) else None
    told = {
        "folder": str(into), **made.founded._asdict(), "origin": origin,
        "keystore_medium": keystore_medium,
        "former": {"origin": former.origin, "ledger": former.ledger, "entries": former.size,
                   "root": former.root, "lost_to": lost},
    }  # fmt: skip
    if call.as_json:
        print_json(told)
        return
    print_fields([
        (N_("folder"), str(into)), (N_("ledger"), made.founded.ledger),
        (N_("party"), made.founded.party), (N_("actor"), made.founded.actor),
        (N_("verifier key"), made.founded.vkey),
        (KEYSTORE_TITLE, coded("BackupMedium")(keystore_medium)),
    ])  # fmt: skip
    text = (
        _("continues {origin}, of which {entries} entries are left and entries {entries} to {last} "
          "are lost")
        if lost is not None
        else _("continues {origin}, of which {entries} entries are left; how many are lost is not "
               "known")
    )  # fmt: skip
    click.echo(text.format(origin=former.origin, entries=former.size, last=lost))
    note(call, _("Keep the old folder: it is the archive of what was recorded in it."))


# -- what several of them say -----------------------------------------------------------------


def _progress(call: Call) -> Callable[[int], None] | None:
    """Says how many events have been checked, where somebody is looking."""
    if call.quiet or call.as_json or not sys.stderr.isatty():
        return None
    return lambda events: click.echo(f"\r{events} …", nl=False, err=True)


def _span(missing: Missing | None) -> dict[str, Any] | None:
    if missing is None:
        return None
    return {"first": missing.first, "last": missing.last, "root": missing.root.hex()}


def _tell_missing(missing: Missing | None) -> None:
    if missing is not None:
        text = _("missing: entries {first} to {last} (counted from 0), which this machine has seen")
        click.echo(text.format(first=missing.first, last=missing.last))


def _tell_reapplied(done: Reapplied | None) -> None:
    if done is None:
        return
    text = _("destroyed again: {shredded} keys, {payloads} sealed texts, {objects} objects; "
             "{erased} keys were erased already")  # fmt: skip
    click.echo(printable(text.format(**done._asdict())))
    if done.elsewhere:
        text = _("{count} destroyed keys never were in this keystore")
        click.echo(text.format(count=done.elsewhere))
    if not done.keystore:
        click.echo(_("there is no keystore here: no key was looked for"))


def _tell_recognised(call: Call, done: Recognised | None) -> None:
    if done is not None and done.unknown:
        text = _(
            "{count} records are not recognised any more: collected again, they would be recorded "
            "twice. Put their tables back where they lay, then muniment ledger reapply."
        )
        note(call, text.format(count=done.unknown))


def _read(path: Path) -> bytes:
    from ledger.folder import read_limited

    try:
        return read_limited(path, _LIMIT)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None

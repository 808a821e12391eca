"""`muniment timestamp`: signed states, stamped by an authority for time (RFC 3161)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, group, option, pass_call
from ledger.cli.effects import Standing, effect_options
from ledger.cli.language import N_, _
from ledger.cli.output import (
    Column,
    format_option,
    local,
    note,
    print_json,
    print_rows,
    receipt_fields,
    recorded,
    yes,
)
from ledger.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.folder import Folder
    from ledger.offline.token import Token
    from ledger.recorder import Receipt
    from ledger.timestamps import Request, Stamped

_LIMIT: Final = 1 << 20
_ROOTS: Final = option(
    "--tsa-root", "roots", type=PATH, multiple=True, metavar="FILE",
    help=N_("A root certificate to trust for this call, beside those pinned. May be repeated."),
)  # fmt: skip


@group("timestamp", N_("Trusted time: have signed states stamped by an authority."))
def timestamp() -> None:
    """Nothing by itself."""


@timestamp.command(
    "trust",
    help=N_(
        "Pin the root certificates of time-stamping authorities (PEM or DER).\n\n"
        "Get them from the authority itself, and compare their fingerprints: what they vouch for "
        "is believed from now on, also by muniment verify. Nothing is recorded in the ledger."
    ),
)
@argument("file", type=PATH, metavar="FILE")
@pass_call
def trust(call: Call, *, file: Path) -> None:
    """Pin what a file holds."""
    from hashlib import sha256

    from ledger.timestamps import trust as pin

    folder = call.folder
    folder.check()
    data = _read(file)
    new = pin(folder, data)
    if call.as_json:
        print_json({"pinned": [sha256(one).hexdigest() for one in new]})
        _warn(call, new)
        return
    if not new:
        note(call, _("Every certificate of that file is pinned already."))
    for one in new:
        click.echo(_("pinned: SHA-256 {digest}").format(digest=sha256(one).hexdigest()))
    _warn(call, new)


def _warn(call: Call, pinned: Sequence[bytes]) -> None:
    """Say of what was pinned that it is no authority's root: more may have been meant."""
    from ledger.timestamps import is_authority

    for one in pinned:
        if not is_authority(one):
            note(call, _("One of them is no certificate of an authority (CA): only what it signed "
                         "itself is believed, and nothing when it is replaced."))  # fmt: skip


@timestamp.command(
    "request",
    help=N_(
        "Write the question to an authority into a file, to be sent by hand.\n\n"
        "The present state is signed and is what will be stamped; its exact bytes are kept until "
        "the reply is added. The authority learns a hash and nothing else."
    ),
)
@option(
    "--out", type=PATH, required=True, metavar="FILE",
    help=N_("Where the request goes; a new file, as in state.tsq; - for standard output."),
)  # fmt: skip
@option(
    "--stored", is_flag=True,
    help=N_("Have the newest checkpoint stamped that is stored; sign none."),
)  # fmt: skip
@pass_call
def request(call: Call, *, out: Path, stored: bool) -> None:
    """Write a TimeStampReq; the request waits only if it was written."""
    from ledger.timestamps import Request, forget, keep, newest

    piped = str(out) == "-"
    if piped and call.as_json:
        raise UsageError("--json and --out - exclude each other; nothing was changed")
    if not piped:
        _check_free(out)
    with call.writing(acting=False) as ledger:
        asking = Request.over(newest(ledger, sign=not stored))
        keep(ledger.folder, asking)
        try:
            if piped:
                click.echo(asking.query(), nl=False)
            else:
                _write({out: asking.query()})
        except BaseException:
            forget(ledger.folder, asking)
            raise
    told = _asked(asking)
    if call.as_json:
        print_json(told)
        return
    text = _("asked for: {entries} entries, SHA-256 {imprint}").format(**told)
    if piped:
        note(call, text)
    else:
        click.echo(text)
    note(call, _("Send the file to the authority, then: muniment timestamp add REPLY"))


def _check_free(*files: Path) -> None:
    """Refuse files that are there and folders that are not, before anything is done."""
    import os

    if any(os.path.lexists(file) for file in files) or len(set(files)) != len(files):
        raise UsageError(
            "there is a file of this name already, or one is named twice; nothing was changed",
            "name a new file",
        )
    if not all(file.parent.is_dir() for file in files):
        raise UsageError(
            "the folder for the file is not there; nothing was changed", "make the folder first"
        )


def _write(files: Mapping[Path, bytes]) -> None:
    """Write all of them or none. Raises `UsageError`."""
    from ledger.folder import write_atomically

    written: list[Path] = []
    try:
        for file, data in files.items():
            write_atomically(file, data)
            written.append(file)
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        raise UsageError(
            "the file cannot be written ({cause}); nothing was changed", cause=error.strerror
        ) from None


def _asked(asking: Request) -> dict[str, Any]:
    from ledger.tlog.checkpoint import Checkpoint
    from ledger.tlog.note import Note

    size = Checkpoint.parse(Note.parse(asking.note).text).size
    return {"entries": size, "imprint": asking.imprint.hex(), "nonce": f"{asking.nonce:016x}"}


@timestamp.command(
    "add",
    help=N_(
        "Verify an authority's reply to a request of this ledger, record and keep it.\n\n"
        "Checked are the signature, the certificates up to one that you trust, the time of their "
        "validity, the nonce, and that the reply is over the very bytes that were asked about. "
        "Of what is refused nothing is kept."
    ),
)
@argument("reply", type=PATH, metavar="REPLY")
@_ROOTS
@effect_options
@pass_call
def add(call: Call, *, reply: Path, roots: tuple[Path, ...], standing: Standing) -> None:
    """Record `ledger.timestamp_anchored`."""
    from ledger.timestamps import anchor, asked, check, forget
    from ledger.timestamps import recorded as known

    data = _read(reply)
    with call.reading() as ledger, ledger.engine.connect() as connection:
        before = known(connection, ledger.ledger_id, data)
    if before is not None:
        if call.as_json:
            print_json({"timestamp": before, "recorded": False})
        else:
            text = _("That reply is recorded already, as {event}; nothing was recorded.")
            click.echo(text.format(event=before))
        return
    with call.writing() as ledger:
        acting = call.acting(ledger)
        asking = asked(ledger.folder, data)
        found = check(asking, data, _trusted(ledger.folder, roots))
        receipt = anchor(ledger, acting, asking, data, found, **standing.options(ledger))
        forget(ledger.folder, asking)
    _tell(call, receipt, found)


@timestamp.command(
    "get",
    help=N_(
        "Have the present state stamped by an authority over HTTP, and record it.\n\n"
        "As request and add in one go. The authority learns a hash and this machine's address. "
        "Exit code 4 if no time-stamp came."
    ),
)
@option("--url", required=True, metavar="URL", help=N_("The authority's address."))
@_ROOTS
@effect_options
@pass_call
def get(call: Call, *, url: str, roots: tuple[Path, ...], standing: Standing) -> None:
    """Ask, verify, record."""
    from ledger.timestamp_client import ask
    from ledger.timestamps import Request, anchor, check, newest, require

    trusted = require(_trusted(call.folder, roots))
    with call.writing() as ledger:
        asking = Request.over(newest(ledger))
    reply = ask(url, asking.query())  # however slow it is, nobody waits for the ledger
    found = check(asking, reply, trusted)
    with call.writing() as ledger:
        acting = call.acting(ledger)
        receipt = anchor(ledger, acting, asking, reply, found, **standing.options(ledger))
    _tell(call, receipt, found)


def _trusted(folder: Folder, roots: Sequence[Path]) -> tuple[bytes, ...]:
    """The certificates pinned in the folder, and those named in this call."""
    from ledger.timestamps import read_roots

    return (*folder.tsa_roots(), *(one for path in roots for one in read_roots(_read(path))))


def _tell(call: Call, receipt: Receipt, found: Token) -> None:
    told = {
        "gen_time": found.gen_time, "accuracy_ms": found.accuracy_ms, "policy": found.policy,
        "serial": found.serial,
    }  # fmt: skip
    if call.as_json:
        print_json({"timestamp": receipt.events[0].id, **told, **receipt_fields(receipt)})
        return
    recorded(call, receipt)
    click.echo(_("stamped at {gen_time}, policy {policy}, serial {serial}").format(**told))


_KEYS: Final = (
    "timestamp", "position", "entry", "size", "gen_time", "accuracy_ms", "policy", "serial",
    "imprint", "token", "trusted",
)  # fmt: skip
_COLUMNS: Final = (
    Column("timestamp", N_("time-stamp")),
    Column("gen_time", N_("time"), local),
    Column("size", N_("acts before entry"), right=True),
    Column("entry", N_("recorded in entry"), right=True),
    Column("policy", N_("policy of the authority")),
    Column("trusted", N_("trusted"), yes),
)


@timestamp.command(
    "list",
    help=N_(
        "List the time-stamps, and what each proves.\n\n"
        "Every act in an entry below the number shown was accepted before the time; every act "
        "whose signers had seen the entry that records the time-stamp was signed after it. "
        "muniment show EVENT says what follows for one act. Trusted: verified just now, up to a "
        "root that you trust."
    ),
)
@_ROOTS
@format_option
@pass_call
def list_(call: Call, *, roots: tuple[Path, ...], style: str | None) -> None:
    """Print them by position."""
    from ledger.timestamps import Times

    with call.reading() as ledger, ledger.engine.connect() as connection:
        times = Times(connection, ledger.ledger_id, _trusted(ledger.folder, roots))
        print_rows(call, _rows(times.listed()), _COLUMNS, style, _KEYS)


def _rows(stamps: Sequence[Stamped]) -> Iterator[dict[str, Any]]:
    for stamp in stamps:
        event = stamp.event
        yield {
            "timestamp": event.id, "position": stamp.position, "entry": stamp.entry,
            "size": event.size, "gen_time": event.gen_time, "accuracy_ms": stamp.accuracy_ms,
            "policy": event.policy, "serial": stamp.serial, "imprint": event.imprint,
            "token": event.token, "trusted": stamp.trusted,
        }  # fmt: skip


@timestamp.command(
    "export",
    help=N_(
        "Write a time-stamp's two files: what was stamped, and the reply.\n\n"
        "So that others can check it: openssl ts -verify -data NOTE -in REPLY -CAfile ROOT."
    ),
)
@argument("event", metavar="TIMESTAMP")
@option("--note", "note_out", type=PATH, required=True, metavar="FILE",
        help=N_("Where the stamped checkpoint goes; a new file."))  # fmt: skip
@option("--reply", "reply_out", type=PATH, required=True, metavar="FILE",
        help=N_("Where the authority's reply goes; a new file."))  # fmt: skip
@pass_call
def export(call: Call, *, event: str, note_out: Path, reply_out: Path) -> None:
    """Write the note and the TimeStampResp, byte for byte."""
    from ledger.timestamps import Times, reply_of

    _check_free(note_out, reply_out)
    with call.reading() as ledger, ledger.engine.connect() as connection:
        listed = Times(connection, ledger.ledger_id, ()).listed()
        found = next((stamp.event for stamp in listed if stamp.event.id == event), None)
        if found is None:
            raise UsageError("there is no such time-stamp", "muniment timestamp list")
        stamped, reply = reply_of(connection, found)
    _write({note_out: stamped, reply_out: reply})
    if call.as_json:
        print_json({"timestamp": event, "size": found.size})


def _read(path: Path) -> bytes:
    from ledger.folder import read_limited

    try:
        return read_limited(path, _LIMIT)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None

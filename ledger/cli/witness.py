"""`muniment witness`: cosign the checkpoints of ledgers, by file or over HTTP."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, group, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import note, print_fields, print_json, several
from ledger.errors import MunimentError, NoteError, UsageError

if TYPE_CHECKING:
    from ledger.witness_state import WitnessFolder

_LIMIT: Final = 1 << 20
BEHIND: Final = N_(
    "The folder was put back from an older copy; this machine remembers what was cosigned last, "
    "and goes on from there."
)
_FOLDER: Final = argument("folder", type=PATH, metavar="FOLDER")


@group("witness", N_("Cosign the checkpoints of ledgers: each only if it continues the last."))
def witness() -> None:
    """Nothing by itself."""


@witness.command(
    "init",
    help=N_(
        "Make a witness with a key of its own in a new folder.\n\n"
        "A witness is no part of a ledger: a party, a broker, an auditor keeps one on its own "
        "machine. Its verifier key is printed: give it to whoever writes the policy. A name that "
        "ends in /index makes a key that certifies: it signs only after a whole copy of the "
        "ledger was verified."
    ),
)
@_FOLDER
@option("--name", metavar="NAME",
        help=N_("The key's name, as in auditor.example/witness; everybody sees it."))  # fmt: skip
@option("--key", "key_file", type=PATH, metavar="FILE",
        help=N_("Instead of a new key, one that an actor enrolled: muniment key enrol --purpose "
                "cosign. It is copied, and keeps its name and passphrase."))  # fmt: skip
@pass_call
def init(call: Call, *, folder: Path, name: str | None, key_file: Path | None) -> None:
    """Make the folder and the key."""
    from ledger.witness import enrolled_witness, init_witness

    if (name is None) == (key_file is None):
        raise UsageError("either --name or --key says whose witness this is; nothing was made")
    if key_file is not None:
        return _tell(call, enrolled_witness(folder, key_file, call.passphrases("witness")))
    call.passphrases.founding = True
    return _tell(call, init_witness(folder, name or "", call.passphrases("witness")))


@witness.command(
    "trust",
    help=N_(
        "Pin the key of a ledger whose checkpoints are to be cosigned.\n\n"
        "Compare its fingerprint with the ledger's keeper by telephone or letter first (muniment "
        "replica show, there)."
    ),
)
@_FOLDER
@argument("vkey")
@option(
    "--rotated", is_flag=True,
    help=N_("The ledger has changed its key: believe this one beside the pinned one."),
)  # fmt: skip
@pass_call
def trust(call: Call, *, folder: Path, vkey: str, rotated: bool) -> None:
    """Pin it."""
    from ledger.cli.verifierkeys import ledger_key
    from ledger.witness_state import open_folder

    found = open_folder(folder)
    found.trust(ledger_key(vkey, "VKEY"), rotated=rotated)
    _tell(call, found)


@witness.command("show", help=N_("The witness's key, the logs it knows, what it cosigned last."))
@_FOLDER
@pass_call
def show(call: Call, *, folder: Path) -> None:
    """Show it; needs no passphrase."""
    from ledger.witness_state import open_folder

    _tell(call, open_folder(folder))


def _tell(call: Call, folder: WitnessFolder) -> None:
    logs = [_log(folder, origin) for origin in folder.origins()]
    told: dict[str, Any] = {
        "name": folder.key.name, "vkey": folder.key.format(), "certifies": folder.certifies,
        "logs": logs,
    }  # fmt: skip
    if call.as_json:
        print_json(told)
        return
    kind = N_("certifies whole ledgers, by file") if folder.certifies else N_("a witness")
    print_fields([(N_("kind"), _(kind)), (N_("verifier key"), told["vkey"])])
    for log in logs:
        print_fields([
            (N_("log"), log["origin"]),
            ("  " + N_("entries cosigned"), log["size"]),
            ("  " + N_("cosigned at"), moment(log["time"]) if log["time"] is not None else None),
            ("  " + N_("checkpoints refused"), log["refused"] or None),
            ("  " + N_("evidence of forks"), several(log["forks"]) if log["forks"] else None),
        ])  # fmt: skip
        if log["behind"]:
            note(call, _(BEHIND))


def _log(folder: WitnessFolder, origin: str) -> dict[str, Any]:
    last = folder.last(origin)
    return {
        "origin": origin,
        "keys": [key.format() for key in folder.trusted(origin)],
        "size": last.head.size if last else None,
        "root": last.head.root.hex() if last else None,
        "time": last.time if last else None,
        "refused": len(folder.kept(origin, "refused")),
        "forks": [str(path) for path in folder.kept(origin, "forks")],
        "behind": folder.behind(origin),
    }


def moment(seconds: int) -> str:
    """POSIX seconds in local time; the number itself where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return str(seconds)


@witness.command(
    "sign",
    help=N_(
        "Cosign a checkpoint from a file.\n\n"
        "Signs only what continues the checkpoint that was cosigned last: --proof names the file "
        "that shows it (muniment checkpoint publish --files, or checkpoint prove), --ledger the "
        "ledger, a copy or a replica, from which the proof is made. The cosigned checkpoint goes "
        "to standard output. A key that certifies needs --ledger and verifies all of it."
    ),
)
@_FOLDER
@argument("checkpoint", type=PATH, metavar="CHECKPOINT")
@option("--proof", type=PATH, metavar="FILE", help=N_("The consistency proof."))
@pass_call
def sign(call: Call, *, folder: Path, checkpoint: Path, proof: Path | None) -> None:
    """Cosign, and print the note."""
    from ledger.cli.replica import progress_of
    from ledger.tlog.fork import read_head
    from ledger.witness import open_witness, parse_proof
    from ledger.witness_file import sign_file

    copy = call.ledger_folder
    if proof is not None and copy is not None:
        raise UsageError("--proof and --ledger exclude each other; nothing was signed")
    try:
        shown = parse_proof(read_bytes(proof)) if proof else None
    except NoteError:
        raise UsageError(
            "that file is no proof; nothing was signed",
            "where the ledger is: muniment checkpoint prove SIZE",
        ) from None
    asked = read_bytes(checkpoint)
    ready = open_witness(folder, lambda: call.passphrases("witness"))
    signed, answer = sign_file(ready, asked, shown, copy, progress_of(call))
    if call.as_json:
        head = read_head(signed)
        print_json({
            "origin": head.origin, "size": head.size, "root": head.root.hex(),
            "line": answer.lines.decode("utf-8"), "note": signed.decode("utf-8"),
        })  # fmt: skip
    else:
        click.echo(signed, nl=False)


def read_bytes(path: Path) -> bytes:
    """A file's bytes, at most 1 MiB. Raises `UsageError`."""
    from ledger.folder import read_limited

    try:
        data = read_limited(path, _LIMIT + 1)
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or "not a file name"
        raise UsageError("the file cannot be read ({cause})", cause=cause) from None
    if len(data) > _LIMIT:
        raise UsageError("the file is too long")
    return data


@witness.command(
    "serve",
    help=N_(
        "Answer requests for cosignatures over HTTP, until it is stopped.\n\n"
        "Speaks C2SP tlog-witness. The passphrase is asked for once. The first line printed is the "
        "address. It is for this machine: beyond it, put a proxy with TLS before it. With -v the "
        "status of every answer is told."
    ),
)
@_FOLDER
@option("--listen", default="127.0.0.1:7380", show_default=True, metavar="ADDRESS:PORT",
        help=N_("Where to listen; port 0 takes any that is free."))  # fmt: skip
@pass_call
def serve(call: Call, *, folder: Path, listen: str) -> None:
    """Serve until SIGINT or SIGTERM."""
    from ledger.witness import open_witness
    from ledger.witness_http import WitnessServer

    address = parse_address(listen)
    ready = open_witness(folder, lambda: call.passphrases("witness"))
    if ready.folder.certifies:
        raise UsageError(
            "a key whose name ends in /index certifies that everything was verified; it answers "
            "no requests",
            "muniment witness sign FOLDER CHECKPOINT --ledger DIR",
        )
    _warn(call, ready.folder)
    try:
        server = WitnessServer(address, ready, lambda status: call.tell_more(str(status)))
    except OSError as error:
        raise MunimentError(
            "the address cannot be used ({cause})", "--listen ADDRESS:PORT", cause=error.strerror
        ) from None
    run_server(call, server, vkey=ready.folder.key.format())


def _warn(call: Call, folder: WitnessFolder) -> None:
    """Say to whoever starts it what a stranger is told with 500, and what was put back."""
    for origin in folder.origins():
        try:
            if folder.behind(origin):
                note(call, _(BEHIND))
        except MunimentError as error:
            note(call, f"{origin}: {error.message}")


def parse_address(text: str) -> tuple[str, int]:
    """`127.0.0.1:7380`, `[::1]:0`. Raises `UsageError`."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:  # noqa: PLR2004
        raise UsageError("an address is HOST:PORT, as in 127.0.0.1:7380")
    return host.removeprefix("[").removesuffix("]"), int(port)


def run_server(call: Call, server: Any, **told: str) -> None:  # noqa: ANN401
    """Say where a server listens, and serve until a signal says to stop."""
    host, port = server.server_address[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if call.as_json:
        print_json({"url": url, **told})
    else:
        click.echo(url)
    sys.stdout.flush()

    def stop(*_signal: object) -> None:
        server.stopping.set()
        Thread(target=server.shutdown).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with server:
        server.serve_forever(poll_interval=0.2)

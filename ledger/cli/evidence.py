"""`muniment evidence`: bundles that others can check without this ledger, and checking them.

`verify` runs the verifier that every bundle carries (`ledger.offline`) with this installation's
faster Ed25519. It needs no ledger and no passphrase, and loads neither database nor projections.
"""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from typing import TYPE_CHECKING

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, group, option, pass_call
from ledger.cli.language import N_, language
from ledger.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

FAILED = 3


@group("evidence", N_("Evidence that others can verify: export, verify."))
def evidence() -> None:
    """Nothing by itself."""


@evidence.command(
    "export",
    help=N_(
        "Write the evidence of one record to a file.\n\n"
        "The file is a zip with every event about the record and its copies, the proofs that they "
        "were signed and accepted, the keys, and a program that checks all of it. It holds no "
        "names, no titles and no documents. You sign for it with your key; the ledger's present "
        "state is signed first, if it is not yet."
    ),
)
@option("--record", required=True, metavar="RECORD", help=N_("Which record."))
@option(
    "--out", required=True, type=PATH, metavar="FILE",
    help=N_("The zip file to write; there must be none of this name."),
)  # fmt: skip
@pass_call
def export(call: Call, *, record: str, out: Path) -> None:
    """Export; the file is there whole or not at all."""
    _check_free(out)
    from ledger.bundle import export_record
    from ledger.cli.ids import resolve
    from ledger.cli.output import print_fields, print_json
    from ledger.folder import write_atomically
    from ledger.offline.bag import write_zip
    from ledger.signing import new_ids, now

    with call.writing() as ledger:
        acting = call.acting(ledger)
        found = resolve(ledger, "record", record)
        bundle = export_record(
            ledger, acting, found, bundle_id=new_ids("bundle")[0], exported_at=now()
        )
    data = write_zip(bundle.files, top=bundle.id)
    _check_free(out)
    write_atomically(out, data)
    line = {
        "bundle": bundle.id, "record": found, "events": bundle.own, "identity": bundle.identity,
        "checkpoint": bundle.size, "bytes": len(data), "sha256": sha256(data).hexdigest(),
    }  # fmt: skip
    if call.as_json:
        print_json(line)
    else:
        print_fields((title, line[key]) for key, title in _EXPORTED)


_EXPORTED = (
    ("bundle", N_("bundle")),
    ("record", N_("record")),
    ("events", N_("events about it")),
    ("identity", N_("events that prove the keys")),
    ("checkpoint", N_("entries covered")),
    ("bytes", N_("bytes")),
    ("sha256", N_("SHA-256 of the file")),
)


def _check_free(out: Path) -> None:
    """Refuse a file that is there, and a folder that is not."""
    if os.path.lexists(out):
        raise UsageError("there is a file of this name already; nothing was exported",
                         "name another file with --out")  # fmt: skip
    if not out.parent.is_dir():
        raise UsageError("the folder for the file is not there; nothing was exported",
                         "make the folder first")  # fmt: skip


@evidence.command(
    "verify",
    help=N_(
        "Check a bundle, packed or unpacked, against the ledger's key as you have it.\n\n"
        "Needs no ledger and no passphrase. Every claim is answered: holds, fails or cannot be "
        "decided. Exit code 0: valid; 3: anything else."
    ),
)
@argument("bundle", type=PATH, metavar="BUNDLE")
@option(
    "--trust", required=True, type=PATH, metavar="FILE",
    help=N_("The ledger's verifier key, which you got elsewhere than from the bundle."),
)  # fmt: skip
@pass_call
def verify(call: Call, *, bundle: Path, trust: Path) -> int:
    """Verify; the exit code is the verdict."""
    from ledger.offline.check import verify_path
    from ledger.tlog import ed25519

    key = key_in(trust)
    check_readable(bundle)
    try:
        report = verify_path(bundle, key, ed25519.verify)
    except OSError as error:
        raise _unreadable(error) from None
    click.echo(report.as_json() if call.as_json else report.as_text(language()), nl=False)
    return report.exit_code


def key_in(path: Path) -> str:
    """The text of the verifier key in a file."""
    from ledger.offline.notes import MAX_KEY_CHARACTERS, parse_vkey

    check_readable(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_KEY_CHARACTERS + 2).decode("ascii").strip()
        parse_vkey(text)
    except OSError as error:
        raise _unreadable(error) from None
    except ValueError:
        raise UsageError(
            "the file given with --trust holds no verifier key of a ledger",
            "it has one line, name+8 digits+base64, as trust/ledger.vkey of the ledger's folder",
        ) from None
    return text


def check_readable(path: Path) -> None:
    """Refuse pipes and devices, which would be read without end."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(error) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError("the file cannot be read ({cause})", cause="not a file")


def _unreadable(error: OSError) -> UsageError:
    return UsageError("the file cannot be read ({cause})", cause=error.strerror)

"""`muniment evidence`: bundles that others can check without this ledger, and checking them.

`verify` runs the verifier that every bundle carries (`ledger.offline`) with this installation's
faster Ed25519. It needs no ledger and no passphrase, and loads neither database nor projections.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, group, option, pass_call
from ledger.cli.evidence_export import EXPORTING
from ledger.cli.language import N_, language
from ledger.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ledger.offline.trust import Trust

FAILED = 3


@group("evidence", N_("Evidence that others can verify: request, approve, export, verify."))
def evidence() -> None:
    """Nothing by itself."""


for _one in EXPORTING:
    evidence.add_command(_one)


@evidence.command(
    "verify",
    help=N_(
        "Check a bundle, packed or unpacked, against the ledger's key as you have it.\n\n"
        "Needs no ledger and no passphrase. Every claim is answered: holds, fails or cannot be "
        "decided. Exit code 0: valid; 3: not valid; 2: the call is wrong."
    ),
)
@argument("bundle", type=PATH, metavar="BUNDLE")
@option(
    "--trust", required=True, metavar="VKEY",
    help=N_("The ledger's verifier key, or a file that holds it; not from the bundle itself."),
)  # fmt: skip
@option(
    "--cosigner", metavar="VKEY", multiple=True,
    help=N_("A verifier key of a witness whom you trust, or a file with one a line; repeatable."),
)  # fmt: skip
@option(
    "--tsa-root", type=PATH, metavar="FILE", multiple=True,
    help=N_("A certificate of a time-stamp authority that you trust; may be given again."),
)  # fmt: skip
@pass_call
def verify(
    call: Call, *, bundle: Path, trust: str, cosigner: Sequence[str], tsa_root: Sequence[Path]
) -> int:
    """Verify; the exit code is the verdict."""
    from ledger.offline.check import verify_path
    from ledger.tlog import ed25519

    trusted = _trusted(trust, cosigner, tsa_root)
    check_readable(bundle)
    try:
        report = verify_path(bundle, trusted, ed25519.verify)
    except OSError as error:
        raise _unreadable(error) from None
    click.echo(report.as_json() if call.as_json else report.as_text(language()), nl=False)
    return report.exit_code


def _trusted(trust: str, cosigners: Sequence[str], roots: Sequence[Path]) -> Trust:
    """What the keys and files given by the reader say."""
    from ledger.cli.verifierkeys import cosigner_keys, ledger_key, no_cosigner
    from ledger.offline.trust import parse_trust

    key = ledger_key(trust, "--trust").format()
    keys = [one.format() for one in cosigner_keys(cosigners, "--cosigner")]
    try:
        parse_trust(key, keys)
    except ValueError:
        raise no_cosigner("--cosigner") from None
    try:
        return parse_trust(key, keys, [_content(path) for path in roots])
    except ValueError:
        raise UsageError(
            "a file given with --tsa-root holds no certificate in PEM or DER",
            "ask the time-stamp authority for its root certificate",
        ) from None


def _content(path: Path) -> bytes:
    from ledger.offline.trust import MAX_FILE_BYTES

    check_readable(path)
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _unreadable(error) from None


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

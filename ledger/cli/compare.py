"""`muniment ledger compare`: two copies of one ledger agree, or one is ahead, or they fork."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, argument, command, option, pass_call
from ledger.cli.language import N_, _
from ledger.cli.output import coded, print_fields, print_json, receipt_fields
from ledger.cli.recording import How, act_options
from ledger.cli.replica import progress_of
from ledger.errors import UsageError

if TYPE_CHECKING:
    from ledger.effects.comparing import Comparison
    from ledger.tlog.note import VerifierKey

FORKED = 3


@command(
    "compare",
    N_(
        "Compare two copies of one ledger: do they agree, or where do they fork.\n\n"
        "A and B are folders: a ledger, a copy, a replica; B is this call's ledger if not named. "
        "Both are verified whole with the key that is pinned. Says whether A agrees with B, is "
        "ahead, is behind, or forks, and of a fork the first entry that differs. Exit code 3 for a "
        "fork."
    ),
)
@argument("first", type=PATH, metavar="A")
@argument("second", type=PATH, metavar="[B]", required=False)
@option(
    "--key", metavar="VKEY",
    help=N_("The ledger's verifier key, or a file that holds it; else the one that is pinned."),
)  # fmt: skip
@option("--record", is_flag=True, help=N_("Record the result in this call's ledger."))
@act_options
@pass_call
def compare(
    call: Call, *, first: Path, second: Path | None, key: str | None, record: bool, how: How
) -> int:
    """Compare, and record it if asked; the exit code is 3 for a fork."""
    from ledger.effects.comparing import compare as run

    if how.draft is not None and not record:
        raise UsageError("--draft goes with --record; nothing was compared")
    other = call.path if second is None else second
    found = run(first, other, _trust(first, other, key), progress_of(call))
    told: dict[str, Any] = {
        "origin": found.first.origin, "result": found.result, "diverged_at": found.diverged_at,
        "first": {"entries": found.first.size, "root": found.first.root.hex()},
        "second": {"entries": found.second.size, "root": found.second.root.hex()},
    }  # fmt: skip
    if record:
        told |= _record(call, found, how)
    if call.as_json:
        print_json(told)
    else:
        _show(found)
    return FORKED if found.result == "fork" else 0


def _trust(first: Path, second: Path, key: str | None) -> VerifierKey:
    """The key named, or the one that the folder compared with pins.

    What a copy carries is no key to trust: only a ledger's own folder or one that was taken is.
    """
    from ledger.cli.verifierkeys import ledger_key
    from ledger.folder import Folder

    if key is not None:
        return ledger_key(key, "--key")
    folders = [Folder(path) for path in (first, second)]
    for folder in folders:
        folder.check()
    own = [folder for folder in folders if folder.taken.exists() or folder.keystore.is_dir()]
    if not own:
        raise UsageError(
            "neither of the two pins a key that you took on yourself; nothing was compared",
            "name the ledger's key: --key VKEY",
        )
    keys = {folder.pinned_key() for folder in own}
    if len(keys) != 1:
        raise UsageError(
            "the two pin different ledger keys; nothing was compared",
            "name the key that you know: --key VKEY",
        )
    return keys.pop()


def _record(call: Call, found: Comparison, how: How) -> dict[str, Any]:
    """Record `ledger.replica_compared`; what is told of it."""
    from domain.replica import LedgerReplicaCompared
    from ledger.acts import given
    from ledger.signing import Proposal

    with call.writing() as ledger:
        fields = {
            "origin": found.first.origin, "size": found.first.size,
            "root": found.first.root.hex(), "other_size": found.second.size,
            "other_root": found.second.root.hex(), "result": found.result,
            **given(diverged_at=found.diverged_at),
        }  # fmt: skip
        proposal = Proposal(LedgerReplicaCompared, ledger.ledger_id, fields)
        receipt = how.record(ledger, call.acting(ledger), [proposal])
    if receipt is None:
        return {"draft": str(how.draft), "recorded": False}
    return receipt_fields(receipt)


def _show(found: Comparison) -> None:
    text = {
        "agree": _("they agree: {first} entries, the same to the byte"),
        "ahead": _("A is ahead: {first} entries, and B has the first {second} of them"),
        "behind": _("A is behind: it has the first {first} of B's {second} entries"),
        "fork": _("they fork: entry {index} (counted from 0) is another one in each"),
    }[found.result]
    click.echo(text.format(first=found.first.size, second=found.second.size,
                           index=found.diverged_at))  # fmt: skip
    print_fields([
        (N_("result"), coded("ReplicaComparison")(found.result)),
        (N_("origin"), found.first.origin), (N_("root of A"), found.first.root.hex()),
        (N_("root of B"), found.second.root.hex()),
    ])  # fmt: skip

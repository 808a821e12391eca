"""`muniment checkpoint`: signed states, published to witnesses, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger.cli.call import Call
from ledger.cli.command import PATH, Group, argument, option, pass_call
from ledger.cli.cosigned import fields_of, show_cosigned
from ledger.cli.language import N_, _
from ledger.cli.output import print_fields, print_json
from ledger.cli.witness import read_bytes
from ledger.errors import NoteError, ProofError, UsageError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.cosigning import Standing
    from ledger.folder import Folder
    from ledger.publishing import Outcome
    from ledger.tlog.note import VerifierKey
    from ledger.tlog.witness_policy import WitnessPolicy

INCOMPLETE: Final = 4
FORKED: Final = 3


@click.group(
    "checkpoint",
    cls=Group,
    invoke_without_command=True,
    help=N_(
        "Signed states of the ledger: sign, publish to witnesses, compare.\n\n"
        "Without a command: sign and print the present state. The signed note goes to standard "
        "output, so that it can be kept in a file and given to others: whoever holds it notices "
        "every later change of what it covers."
    ),
)
@click.pass_context
def checkpoint(context: click.Context) -> None:
    """Sign, where no command is named."""
    if context.invoked_subcommand is None:
        context.invoke(sign)


@checkpoint.command("sign", help=N_("Sign and print the present state, if it is not signed yet."))
@pass_call
def sign(call: Call) -> None:
    """Print the newest checkpoint over the present state, signing one if there is none."""
    with call.writing(acting=False) as ledger:
        note = ledger.sign_checkpoint()
    _print(call, note)


def _print(call: Call, note: bytes) -> None:
    from ledger.tlog.fork import read_head

    if not call.as_json:
        click.echo(note, nl=False)
        return
    head = read_head(note)
    print_json({
        "origin": head.origin, "size": head.size, "root": head.root.hex(),
        "note": note.decode("utf-8"),
    })  # fmt: skip


@checkpoint.command(
    "show",
    help=N_(
        "Show the newest signed state, and who cosigned it under the policy.\n\n"
        "Needs no passphrase. Exit code 4 if the quorum is not met."
    ),
)
@pass_call
def show(call: Call) -> int:
    """Show it; the exit code says whether the quorum is met."""
    from ledger.cli.cosigned import cosigned_in
    from ledger.tlog.fork import read_head

    with call.reading() as ledger, ledger.engine.connect() as connection:
        note = ledger.last_checkpoint()
        found = cosigned_in(connection, ledger.folder)
    if note is None:
        raise UsageError("no checkpoint is signed yet", "muniment checkpoint")
    head = read_head(bytes(note))
    if call.as_json:
        print_json({
            "origin": head.origin, "size": head.size, "root": head.root.hex(),
            "note": bytes(note).decode("utf-8"), "cosigned": found,
        })  # fmt: skip
    else:
        print_fields([
            (N_("origin"), head.origin), (N_("entries"), head.size),
            (N_("root"), head.root.hex()),
        ])  # fmt: skip
        show_cosigned(found)
    met = found is None or (found["newest"] is not None and found["newest"]["quorum"])
    return 0 if met else INCOMPLETE


# -- witnesses ---------------------------------------------------------------------------------


@checkpoint.command(
    "policy",
    help=N_(
        "Set who must cosign, from a file in the form of C2SP tlog-policy, or print the policy.\n\n"
        "Lines: log VKEY; witness NAME VKEY [URL]; group NAME all|any|NUMBER MEMBER ...; quorum "
        "NAME|none. The log is this ledger; a witness has a key of its own, and one key counts "
        "once. On a replica it is your own policy, whatever the ledger's keeper has."
    ),
)
@argument("file", type=PATH, metavar="[FILE]", required=False)
@pass_call
def policy(call: Call, *, file: Path | None) -> None:
    """Set or print the policy."""
    from ledger.cosigning import set_policy
    from ledger.publishing import enrolled_keys

    folder = call.folder
    folder.check()
    if file is not None:
        data = read_bytes(file)
        with call.reading() as ledger, ledger.engine.connect() as connection:
            found = set_policy(folder, data, enrolled_keys(connection))
    else:
        found = _policy(folder)
    if call.as_json:
        print_json({
            "logs": [key.format() for key in found.logs],
            "witnesses": {name: key.format() for name, key in found.witnesses.items()},
            "quorum": found.quorum, "policy": found.format().decode("utf-8", "replace"),
        })  # fmt: skip
    else:
        click.echo(found.format(), nl=False)


def _policy(folder: Folder) -> WitnessPolicy:
    from ledger.cosigning import policy_of

    found = policy_of(folder)
    if found is None:
        raise UsageError(
            "there is no policy that says who must cosign", "muniment checkpoint policy FILE"
        )
    return found


@checkpoint.command(
    "publish",
    help=N_(
        "Have the present state cosigned by the witnesses of the policy.\n\n"
        "Signs the state, asks every witness that has an address and has not cosigned it yet, "
        "verifies what comes back and keeps it. --files writes what the others need for muniment "
        "witness sign; what they give back is taken with muniment checkpoint take. Exit code 4 "
        "while the quorum is not met; call it again at any time."
    ),
)
@option("--files", "into", type=PATH, metavar="DIR",
        help=N_("Write the files for witnesses that have not cosigned."))  # fmt: skip
@option(
    "--timeout", "seconds", type=click.FloatRange(0.1, 600), default=20.0, show_default=True,
    metavar="SECONDS", help=N_("How long to wait for a witness."),
)  # fmt: skip
@pass_call
def publish(call: Call, *, into: Path | None, seconds: float) -> int:
    """Publish; the exit code says whether the quorum is met."""
    from ledger.publishing import ask_witnesses, merge, write_files
    from ledger.tlog.fork import read_head

    folder = call.folder
    folder.check()
    believed = _policy(folder)
    with call.writing(acting=False) as ledger:
        note = ledger.sign_checkpoint()
    outcomes = ask_witnesses(folder, believed, note, seconds)
    lines = [one.line for one in outcomes if one.line is not None]
    with call.writing(acting=False) as ledger:
        note, found = merge(ledger, read_head(note), lines, believed)
    left = [one.name for one in outcomes if one.state not in ("cosigned", "had")]
    files = write_files(folder, believed, note, into, left) if into is not None else []
    _tell(call, note, found, outcomes, files)
    return 0 if found.quorum.met else INCOMPLETE


@checkpoint.command(
    "take",
    help=N_(
        "Take cosigned checkpoints that witnesses gave back in files.\n\n"
        "Each is verified and put onto the stored one. Exit code 4 while the quorum of the last "
        "one is not met."
    ),
)
@argument("files", type=PATH, metavar="FILE...", nargs=-1, required=True)
@pass_call
def take(call: Call, *, files: tuple[Path, ...]) -> int:
    """Take them; all are verified before any is kept."""
    from ledger.publishing import merge, taken

    believed = _policy(call.folder)
    notes = [read_bytes(file) for file in files]
    with call.writing(acting=False) as ledger:
        states = [taken(ledger, note, believed) for note in notes]
        note, found = [merge(ledger, head, lines, believed) for head, lines in states][-1]
    _tell(call, note, found, [], [])
    return 0 if found.quorum.met else INCOMPLETE


def _tell(
    call: Call, note: bytes, found: Standing, outcomes: Sequence[Outcome], files: Sequence[Path]
) -> None:
    told: dict[str, Any] = {
        **fields_of(found), "note": note.decode("utf-8"),
        "witnesses": [
            {"name": o.name, "state": o.state, "cause": o.cause or None, "last": o.last}
            for o in outcomes
        ],
        "files": [str(path) for path in files],
    }  # fmt: skip
    if call.as_json:
        print_json(told)
        return
    from ledger.cli.columns import printable

    click.echo(_("checkpoint over {size} entries").format(size=found.head.size))
    for one in outcomes:
        text = _(STATES[one.state]).format(cause=one.cause, last=one.last, size=found.head.size)
        click.echo(printable(f"  {one.name}: {text}"))
    if found.quorum.met:
        click.echo(_("The quorum is met."))
    else:
        missing = ", ".join(found.missing)
        text = _("The quorum is NOT met; missing: {missing}").format(missing=missing)
        click.echo(printable(text))
    for path in files:
        click.echo(_("written: {file}").format(file=printable(str(path))))


STATES: Final = {
    "cosigned": N_("cosigned"),
    "had": N_("cosigned before"),
    "by_file": N_("has no address: give it the files (--files DIR)"),
    "unreachable": N_("could not be reached ({cause})"),
    "refused": N_("refused (HTTP {cause})"),
    "ahead": N_("has cosigned {last} entries already, here are {size}: entries are missing here, "
                "or there is another ledger of this name"),
    "disagrees": N_("refused: this state does not continue what it cosigned before"),
    "unacceptable": N_("answered, but not with a cosignature of its key"),
}  # fmt: skip


@checkpoint.command(
    "prove",
    help=N_(
        "Print the proof that the newest checkpoint continues one of SIZE entries.\n\n"
        "For muniment witness sign --proof; SIZE is what the witness cosigned last."
    ),
)
@argument("size", type=click.IntRange(0, 2**63 - 1))
@pass_call
def prove(call: Call, *, size: int) -> None:
    """Print it, as a witness reads it."""
    from ledger.publishing import proof_to
    from ledger.tlog.fork import read_head

    with call.reading() as ledger:
        note = ledger.last_checkpoint()
    if note is None:
        raise UsageError("no checkpoint is signed yet", "muniment checkpoint")
    proof = proof_to(call.folder, size, read_head(bytes(note)))
    if call.as_json:
        print_json({"proof": proof.decode("ascii")})
    else:
        click.echo(proof, nl=False)


# -- forks -------------------------------------------------------------------------------------

_TRUST: Final = option(
    "--trust", "trusted", metavar="VKEY", multiple=True,
    help=N_("The ledger's verifier key as you have it, or a file that holds it."),
)  # fmt: skip


@checkpoint.command(
    "compare",
    help=N_(
        "Compare two checkpoints of one ledger: the same, one ahead, or a fork.\n\n"
        "A and B are files with signed checkpoints; without B, A is compared with the newest one "
        "of the ledger named by -L. Of two sizes, a ledger, copy or replica that has the larger "
        "must be named by -L. Of a fork, --evidence writes a file that anybody can check who "
        "knows the ledger's key. Exit code 3 for a fork."
    ),
)
@argument("first", type=PATH, metavar="A")
@argument("second", type=PATH, metavar="[B]", required=False)
@_TRUST
@option("--evidence", type=PATH, metavar="FILE", help=N_("Where to write evidence of a fork."))
@pass_call
def compare(
    call: Call, *, first: Path, second: Path | None, trusted: tuple[str, ...],
    evidence: Path | None,
) -> int:  # fmt: skip
    """Compare; the exit code is 3 for a fork."""
    from ledger.forks import compare_notes, newest_of, write_evidence
    from ledger.tlog.fork import read_head

    place = call.named_path
    keys = _keys(trusted, place)
    if second is None and place is None:
        raise UsageError("name a second checkpoint, or a ledger with -L; nothing was compared")
    one = read_bytes(first)
    other = read_bytes(second) if second is not None else newest_of(place)  # type: ignore[arg-type]
    relation, fork = compare_notes(one, other, keys, place)
    if fork is not None and evidence is not None:
        write_evidence(evidence, fork)
    heads = {"first": read_head(one), "second": read_head(other)}
    told = {
        "result": relation,
        **{key: {"size": h.size, "root": h.root.hex()} for key, h in heads.items()},
        "evidence": str(evidence) if fork is not None and evidence is not None else None,
    }
    if call.as_json:
        print_json(told)
    else:
        text = {
            "same": _("the same state: {first} entries"),
            "ahead": _("A is ahead: {first} entries, and it continues the {second} of B"),
            "behind": _("A is behind: B has {second} entries, and continues the {first} of A"),
            "fork": _("a FORK: the ledger's key signed two histories, one of {first} entries, one "
                      "of {second}"),
        }[relation]  # fmt: skip
        click.echo(text.format(first=heads["first"].size, second=heads["second"].size))
        if fork is not None and evidence is None:
            click.echo(_("To show it to others: --evidence FILE"))
    return FORKED if relation == "fork" else 0


@checkpoint.command(
    "verify-fork",
    help=N_(
        "Check evidence that a ledger's key signed two histories.\n\n"
        "Needs nothing but the file and the ledger's key. Exit code 0 if it proves the fork, 3 if "
        "it does not, 2 for a file of another kind."
    ),
)
@argument("file", type=PATH, metavar="FILE")
@_TRUST
@pass_call
def verify_fork(call: Call, *, file: Path, trusted: tuple[str, ...]) -> None:
    """Check it. Raises `VerificationError` if it proves nothing."""
    from ledger.folder import read_limited
    from ledger.tlog.fork import MAX_FORK_BYTES, Fork

    keys = _keys(trusted, call.named_path)
    try:
        data = read_limited(file, MAX_FORK_BYTES + 1)
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None
    try:
        fork = Fork.parse(data)
    except NoteError:
        raise UsageError(
            "that file is no evidence of a fork",
            "muniment checkpoint compare A B --evidence FILE writes it",
        ) from None
    try:
        first, second = fork.check(keys)
    except (NoteError, ProofError):
        raise VerificationError(
            "this does not prove that the ledger of that key signed two histories",
            "ask for the file again, and compare the key with what the ledger's keeper tells you",
        ) from None
    if call.as_json:
        print_json({
            "fork": True, "origin": first.origin,
            "first": {"size": first.size, "root": first.root.hex()},
            "second": {"size": second.size, "root": second.root.hex()},
        })  # fmt: skip
        return
    click.echo(_("a FORK: the key of this ledger signed two histories that exclude each other"))
    print_fields([
        (N_("origin"), first.origin),
        (N_("one"), f"{first.size} {first.root.hex()}"),
        (N_("the other"), f"{second.size} {second.root.hex()}"),
    ])  # fmt: skip


def _keys(trusted: Sequence[str], place: Path | None) -> list[VerifierKey]:
    """The keys named; else the one that the ledger's folder pins."""
    from ledger.cli.verifierkeys import ledger_keys
    from ledger.folder import Folder

    found = ledger_keys(trusted, "--trust")
    if not found and place is not None:
        found = [Folder(place).pinned_key()]
    if not found:
        raise UsageError("whose checkpoints these are must be known: --trust VKEY")
    return found

"""A checkpoint is published: witnesses are asked, what they signed is verified, merged and kept.

The writer's lock is held while the state is signed and while a cosigned note is stored, never while
somebody else's server is waited for. Publishing again asks only whoever has not cosigned this state
yet, and stores nothing that is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa

from ledger.application import Ledger
from ledger.cosigning import Enrolled, Standing, lines_of, read_tree, standing
from ledger.errors import NoteError, UsageError, VerificationError
from ledger.evidence import unb64url
from ledger.folder import Folder, write_atomically
from ledger.posting import SECONDS
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint, verify_line
from ledger.tlog.fork import read_head
from ledger.tlog.note import (
    ED25519,
    MAX_SIGNATURES,
    Note,
    SignatureLine,
    VerifierKey,
    known_lines,
)
from ledger.tlog.witness_policy import Witness, WitnessPolicy
from ledger.witness import CONFLICT, INCONSISTENT, OK, format_proof
from ledger.witness_client import Reply, ask, check_url

State = Literal[
    "cosigned", "had", "by_file", "unreachable", "refused", "ahead", "disagrees", "unacceptable"
]
CHECKPOINT: Final = "checkpoint.txt"
_AT_ONCE: Final = 8


class Outcome(NamedTuple):
    """What became of one witness of the policy.

    `cosigned` now, `had` before; `by_file`: the policy names no address; `unreachable`: nothing
    came, `cause` says why; `refused`: with an HTTP status in `cause`; `ahead`: it has cosigned a
    later state than there is here; `disagrees`: this is not what it saw before; `unacceptable`: its
    answer holds no valid cosignature of its key. `last`: what it says it cosigned, for `ahead`.
    """

    name: str
    state: State
    cause: str = ""
    last: int | None = None
    line: SignatureLine | None = None


def enrolled_keys(connection: sa.Connection) -> list[Enrolled]:
    """Every key that the ledger has enrolled, for whatever purpose."""
    rows = connection.exec_driver_sql("SELECT public, purpose, name FROM keys")
    return [Enrolled(unb64url(public), purpose, name) for public, purpose, name in rows]


def ask_witnesses(
    folder: Folder, policy: WitnessPolicy, note: bytes, seconds: float = SECONDS
) -> list[Outcome]:
    """Ask every witness of a policy that has not cosigned this state yet, all at once.

    `note`: a checkpoint of this ledger, as it is stored. Opens the ledger for reading.
    """
    head = read_head(note)
    witnesses = [one for one in policy.definitions if isinstance(one, Witness)]
    for one in witnesses:
        if one.url is not None:
            check_url(one.url)
    notes = _stored(folder)
    had = standing(head, lines_of(notes, head), policy).cosigned
    known = _known_sizes(notes, policy, head)
    prove = _Proofs(folder, head.size)
    tasks = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for one in witnesses:
            if one.name not in had and one.url is not None:
                old = known.get(one.key, 0)
                tasks[one.name] = pool.submit(ask, one.url, note, head.size, old, prove, seconds)
        replies = {name: task.result() for name, task in tasks.items()}
    return [_outcome(one, head, had, replies.get(one.name)) for one in witnesses]


def _stored(folder: Folder) -> list[bytes]:
    """Every checkpoint note stored, by size."""
    with read_tree(folder.path) as (connection, _tree):
        rows = connection.exec_driver_sql("SELECT note FROM checkpoints ORDER BY size, id")
        return [bytes(row[0]) for row in rows]


class _Proofs:
    """Consistency proofs to one size, each read with a connection of its own: threads ask."""

    def __init__(self, folder: Folder, size: int) -> None:
        self._folder = folder
        self._size = size

    def __call__(self, old: int) -> tuple[bytes, ...]:
        with read_tree(self._folder.path) as (_connection, tree):
            return tuple(tree.consistency(old, self._size))


def _known_sizes(
    notes: Iterable[bytes], policy: WitnessPolicy, head: Checkpoint
) -> dict[VerifierKey, int]:
    """What each witness cosigned last, as far as it is stored here: a hint, it knows itself."""
    found: dict[VerifierKey, int] = {}
    for data in notes:
        note = Note.parse(data)
        size = read_head(data).size
        for _line, key in known_lines(note, policy.witnesses.values()):
            if size <= head.size:
                found[key] = max(size, found.get(key, 0))
    return found


def _outcome(
    witness: Witness, head: Checkpoint, had: Iterable[str], reply: Reply | None
) -> Outcome:
    name = witness.name
    if name in had:
        return Outcome(name, "had")
    if reply is None:
        return Outcome(name, "by_file")
    if reply.status == 0:
        return Outcome(name, "unreachable", reply.cause)
    if reply.status == CONFLICT and reply.last is not None and reply.last > head.size:
        return Outcome(name, "ahead", last=reply.last)
    if reply.status == INCONSISTENT:
        return Outcome(name, "disagrees")
    if reply.status != OK:
        return Outcome(name, "refused", str(reply.status))
    try:
        lines = reply.body.decode("utf-8").removesuffix("\n").split("\n")
        note = Note(head.format(), tuple(map(SignatureLine.parse, lines)))
        found = [line for line, _key in known_lines(note, [witness.key])]
        verify_line(head, witness.key, found[0])
    except (UnicodeDecodeError, NoteError, IndexError):
        return Outcome(name, "unacceptable")
    return Outcome(name, "cosigned", line=found[0])


def merge(
    ledger: Ledger, head: Checkpoint, lines: Iterable[SignatureLine], policy: WitnessPolicy
) -> tuple[bytes, Standing]:
    """Put verified cosignatures onto a stored state; the note kept, and what it comes to.

    Of each witness the newest is kept. Stored is a further row, and only if there is anything new.
    Raises `UsageError` for a state that the ledger has not signed.
    """
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT note FROM checkpoints WHERE size = ? ORDER BY id", (head.size,)
        )
        notes = [bytes(row[0]) for row in rows]
    stored = [note for note in notes if Note.parse(note).text == head.format()]
    if not stored:
        raise UsageError("the ledger has not signed this state", "muniment checkpoint")
    before = lines_of(stored, head)
    newest: dict[VerifierKey, tuple[int, SignatureLine]] = {}
    for line in (*before, *lines):
        for _line, key in known_lines(Note(head.format(), (line,)), policy.witnesses.values()):
            try:
                time = verify_line(head, key, line) or 0
            except NoteError:
                continue
            if key not in newest or newest[key][0] < time:
                newest[key] = (time, line)
    names = {(key.name, key.key_id) for key in policy.witnesses.values()}
    others = [line for line in before if (line.name, line.key_id) not in names]
    kept = [newest[key][1] for key in policy.witnesses.values() if key in newest]
    if len(others) + len(kept) > MAX_SIGNATURES:
        raise UsageError("a checkpoint holds at most {most} signatures", most=MAX_SIGNATURES)
    note = Note(head.format(), (*others, *kept)).format()
    if note not in stored:
        ledger.log.add_checkpoint(head.size, note)
    return note, standing(head, [*others, *kept], policy)


def taken(
    ledger: Ledger, note: bytes, policy: WitnessPolicy
) -> tuple[Checkpoint, list[SignatureLine]]:
    """The state and cosignatures of a note that a witness gave back in a file.

    Raises `UsageError` for what is no checkpoint or what no witness of the policy signed,
    `VerificationError` for one that this ledger's key did not sign, whose cosignature does not
    hold, or whose tree this ledger never had: keep that one.
    """
    keys = [*_own_keys(ledger), *policy.witnesses.values()]
    try:
        read_head(note)
    except NoteError:
        raise UsageError(
            "that file is no checkpoint; nothing was kept", "muniment witness sign prints one"
        ) from None
    try:
        opened = open_checkpoint(note, keys, ledger.origin)
    except NoteError:
        raise VerificationError(
            "that checkpoint is not signed by this ledger, or a cosignature on it does not hold; "
            "nothing was kept",
            "muniment witness sign prints one",
        ) from None
    head = opened.checkpoint
    if head.size and not ledger.has_seen(head.size, head.root):
        raise VerificationError(
            "the ledger's key signed a state that this ledger never had; nothing was kept",
            "keep the file, and compare: muniment checkpoint compare FILE",
        )
    if not opened.cosignatures:
        raise UsageError(
            "no witness of the policy has cosigned it; nothing was kept", "muniment checkpoint show"
        )
    signed = {cosignature.verifier for cosignature in opened.cosignatures}
    return head, [line for line, key in known_lines(opened.note, signed)]


def _own_keys(ledger: Ledger) -> Sequence[VerifierKey]:
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT name, public FROM keys WHERE holder = ? AND purpose = 'checkpoint'",
            (ledger.ledger_id,),
        ).all()
    return [VerifierKey.of(name, ED25519, unb64url(public)) for name, public in rows]


def proof_to(folder: Folder, old: int, head: Checkpoint) -> bytes:
    """The first part of a witness's request: the consistency proof from a size to a checkpoint.

    Raises `UsageError` for a size above the checkpoint's.
    """
    if old > head.size:
        raise UsageError(
            "the checkpoint is of {size} entries, and there is no proof from {old} to it",
            "muniment checkpoint signs the present state",
            size=head.size,
            old=old,
        )
    return format_proof(old, _Proofs(folder, head.size)(old))


def write_files(
    folder: Folder, policy: WitnessPolicy, note: bytes, into: Path, only: Iterable[str]
) -> list[Path]:
    """Files for the witnesses named: the checkpoint, and for each the proof that it may need.

    `into`: a folder, made if it is not there. A proof is named by the witness's key id.
    """
    head = read_head(note)
    known = _known_sizes(_stored(folder), policy, head)
    wanted = set(only)
    files = {into / CHECKPOINT: note}
    for name, key in policy.witnesses.items():
        if name in wanted:
            proof = proof_to(folder, known.get(key, 0), head)
            files[into / f"{key.key_id.hex()}.proof"] = proof
    try:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, data in files.items():
            write_atomically(path, data)
    except OSError as error:
        raise UsageError("the files cannot be written ({cause})", cause=error.strerror) from None
    return list(files)

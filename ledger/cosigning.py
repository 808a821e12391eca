"""Who must cosign a ledger's checkpoints, and what the stored ones show (C2SP tlog-policy).

    trust/policy       the policy of whoever reads here (`ledger.tlog.witness_policy`)
    trust/cosigners    every witness that a policy here ever named, a verifier key a line

The policy's logs are keys of this ledger; its witnesses have no key that the ledger has enrolled,
unless for cosigning: a party may be a witness, and never certifies the index (a name that ends in
`/index`). `trust/cosigners` says whose lines on stored checkpoints can be checked; they count only
while the policy names them. Where neither is there, nobody's cosignature is believed or looked at.

A cosigned checkpoint is a further row of table `checkpoints`: the same text, more lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from ledger.errors import NoteError, UsageError, VerificationError
from ledger.folder import Folder, read_limited, write_atomically
from ledger.schema import engine_for
from ledger.tlog.checkpoint import Checkpoint, verify_line
from ledger.tlog.note import Note, SignatureLine, VerifierKey, known_lines
from ledger.tlog.witness_policy import MAX_POLICY_BYTES, QuorumReport, WitnessPolicy
from ledger.tree import StoredTree

LOOKED_BACK: Final = 2000
_COSIGN: Final = "cosign"
_BY_INDEXER: Final = "/index"
_POLICY: Final = "policy"
_COSIGNERS: Final = "cosigners"


class Enrolled(NamedTuple):
    """A public key, 32 bytes or more, that the ledger has enrolled under a name for a purpose."""

    public: bytes
    purpose: str
    name: str


class Standing(NamedTuple):
    """What was cosigned of one state of a ledger, under a policy.

    `cosigned`: by the policy's name of the witness, the time of its cosignature in POSIX seconds;
    `missing`: the names without one; `quorum`: whether it is met, and what was counted.
    """

    head: Checkpoint
    cosigned: Mapping[str, int]
    missing: Sequence[str]
    quorum: QuorumReport


class Shown(NamedTuple):
    """What is cosigned under the policy.

    `newest`: of the newest checkpoint, None without one; `met`: of the newest whose quorum is met.
    """

    newest: Standing | None
    met: Standing | None


# -- the policy --------------------------------------------------------------------------------


def policy_of(folder: Folder) -> WitnessPolicy | None:
    """The policy of whoever reads here, None if there is none.

    Raises `VerificationError` for one that is there but is none.
    """
    try:
        return WitnessPolicy.parse(read_limited(folder.trust / _POLICY, MAX_POLICY_BYTES + 1))
    except FileNotFoundError:
        return None
    except (OSError, NoteError):
        raise VerificationError(
            "trust/policy cannot be read, or is no policy", "muniment checkpoint policy FILE"
        ) from None


def known_cosigners(folder: Folder) -> list[VerifierKey]:
    """Whose lines on stored checkpoints can be checked here.

    Raises `VerificationError` as `policy_of`.
    """
    policy = policy_of(folder)
    keys = list(policy.witnesses.values()) if policy else []
    try:
        lines = read_limited(folder.trust / _COSIGNERS, MAX_POLICY_BYTES + 1).decode("utf-8")
        keys += map(VerifierKey.parse, lines.splitlines())
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError, NoteError):
        raise VerificationError(
            "trust/cosigners cannot be read", "muniment checkpoint policy FILE"
        ) from None
    return list(dict.fromkeys(keys))


def set_policy(folder: Folder, data: bytes, enrolled: Iterable[Enrolled]) -> WitnessPolicy:
    """Believe a policy from now on; its witnesses are remembered beyond it.

    `enrolled`: every key that the ledger has enrolled. Raises `UsageError` for what is no policy in
    canonical form, names another log than this ledger, or a witness with a key or a key name of
    this ledger's that is not enrolled for cosigning.
    """
    try:
        policy = WitnessPolicy.parse(data)
    except NoteError as error:
        raise UsageError(
            "that is no policy: {cause}; nothing was changed", error.remedy, cause=error.message
        ) from None
    own = folder.pinned_key()
    if not policy.logs or any(log.name != own.name for log in policy.logs):
        raise UsageError(
            "a policy names this ledger, and no other, as its log; nothing was changed",
            "a line: log VKEY, with the key that muniment replica show prints",
        )
    held: dict[bytes, set[tuple[str, str]]] = {}
    for one in enrolled:
        held.setdefault(one.public, set()).add((one.purpose, one.name))
    if any(log != own and log.public not in held for log in policy.logs):
        raise UsageError("the policy's log has a key that is none of this ledger's")
    held.setdefault(own.public, set()).add(("checkpoint", own.name))
    shared = [
        name
        for name, key in policy.witnesses.items()
        if not _may_cosign(key, own.name, held.get(key.public, set()))
    ]
    if shared:
        raise UsageError(
            "{count} witnesses of the policy have keys or key names of this ledger or of somebody "
            "who acts in it; nothing was changed",
            "a witness has a key of its own: muniment witness init FOLDER --name NAME",
            count=len(shared),
        )
    keys = dict.fromkeys([*known_cosigners_or_none(folder), *policy.witnesses.values()])
    lines = "".join(f"{key.format()}\n" for key in keys)
    write_atomically(folder.trust / _COSIGNERS, lines.encode("utf-8"))
    write_atomically(folder.trust / _POLICY, data)
    return policy


def _may_cosign(key: VerifierKey, origin: str, enrolled: Iterable[tuple[str, str]]) -> bool:
    """Whether a witness of a ledger may have a key, with what it is enrolled for and as."""
    if any(purpose != _COSIGN for purpose, _ in enrolled):
        return False
    if key.name == origin or key.name.startswith(f"{origin}/a/"):
        return (_COSIGN, key.name) in enrolled
    return not (enrolled and key.name.endswith(_BY_INDEXER))


def known_cosigners_or_none(folder: Folder) -> list[VerifierKey]:
    """As `known_cosigners`, but a damaged policy, which is about to be replaced, names nobody."""
    try:
        return known_cosigners(folder)
    except VerificationError:
        return []


# -- what was cosigned -------------------------------------------------------------------------


def lines_of(notes: Iterable[bytes], head: Checkpoint) -> list[SignatureLine]:
    """Every line on notes of one state, each once, in the order in which they came."""
    text = head.format()
    parsed = (Note.parse(note) for note in notes)
    return list(dict.fromkeys(line for note in parsed if note.text == text
                              for line in note.signatures))  # fmt: skip


def times_of(
    head: Checkpoint, lines: Sequence[SignatureLine], policy: WitnessPolicy
) -> dict[str, int]:
    """The newest verified cosignature of each witness, by the policy's name for it."""
    names = {key: name for name, key in policy.witnesses.items()}
    found: dict[str, int] = {}
    for line, key in known_lines(Note(head.format(), tuple(lines)), names) if lines else ():
        try:
            time = verify_line(head, key, line)
        except NoteError:
            continue
        found[names[key]] = max(time or 0, found.get(names[key], 0))
    return found


def standing(head: Checkpoint, lines: Sequence[SignatureLine], policy: WitnessPolicy) -> Standing:
    """What the lines on a state come to under a policy; public keys count once (the policy's)."""
    cosigned = times_of(head, lines, policy)
    missing = [name for name in policy.witnesses if name not in cosigned]
    return Standing(head, cosigned, missing, policy.satisfied(set(cosigned)))


def shown(connection: sa.Connection, policy: WitnessPolicy, entries: int | None = None) -> Shown:
    """The newest state that was signed, and the newest whose quorum is met.

    `entries`: as it was when the ledger had so many. Looks back over `LOOKED_BACK` notes at most.
    """
    rows = connection.exec_driver_sql(
        "SELECT size, note FROM checkpoints WHERE size <= ? ORDER BY size DESC, id DESC LIMIT ?",
        (2**63 - 1 if entries is None else entries, LOOKED_BACK),
    )
    newest = met = None
    for head, lines in _by_state(bytes(note) for _size, note in rows):
        if newest is not None and not _claimed(lines, policy):
            continue  # what is not even claimed need not be verified
        found = standing(head, lines, policy)
        newest = newest or found
        if found.quorum.met:
            met = found
            break
    return Shown(newest, met)


def _claimed(lines: Sequence[SignatureLine], policy: WitnessPolicy) -> bool:
    """Whether the quorum would be met if every line were what it says."""
    signed = {(line.name, line.key_id) for line in lines}
    names = {n for n, key in policy.witnesses.items() if (key.name, key.key_id) in signed}
    return policy.satisfied(names).met


def _by_state(notes: Iterable[bytes]) -> Iterator[tuple[Checkpoint, list[SignatureLine]]]:
    """States, and all lines on each, from notes that come by size; what is no note is left out."""
    text, lines = b"", dict[SignatureLine, None]()
    for data in notes:
        try:
            note = Note.parse(data)
            Checkpoint.parse(note.text)
        except NoteError:
            continue
        if note.text != text and text:
            yield Checkpoint.parse(text), list(lines)
            lines = {}
        text = note.text
        lines.update(dict.fromkeys(note.signatures))
    if text:
        yield Checkpoint.parse(text), list(lines)


@contextmanager
def read_tree(path: Path) -> Iterator[tuple[sa.Connection, StoredTree]]:
    """The tree that a folder with a ledger, a copy or a replica stores: not verified.

    Raises `NoLedgerError` where there is none, `VerificationError` for one that cannot be read.
    """
    Folder(path).check()
    engine = engine_for(path / "ledger.db", read_only=True)
    try:
        with engine.connect() as connection:
            yield connection, StoredTree(connection)
    except (sa.exc.DBAPIError, TypeError, ValueError):
        raise VerificationError(
            "ledger.db there cannot be read", "muniment -L DIR verify"
        ) from None
    finally:
        engine.dispose()

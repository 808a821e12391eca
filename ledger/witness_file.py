"""A witness asked with files: the checkpoint, and what shows that it continues the last.

The proof comes in a file, or from a folder with the ledger, a copy or a replica. A witness whose
name ends in `/index` certifies: it verifies all of such a folder first, every published index
computed again, and signs only then. Its signature states, of the first entries that the checkpoint
counts, and under every key of the log that is pinned here:

* each byte of entries, events, tiles and stored checkpoints is what was signed, no event is missing
  from its stream, every rule was kept, and the tables are what the events make them
* every index published in them is what the events come to, so that what an index leaves out is
  nowhere in them

It does not state that a key was in the right hands, nor when anything was recorded: a key that was
later reported as compromised, and what time-stamps show or leave open, are disputes and times that
each bundle names itself. Nor that sealed texts are there: a replica has none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.errors import NoteError, UsageError, VerificationError
from ledger.evidence import b64url
from ledger.folder import Folder
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note, SignatureLine
from ledger.witness import (
    CONFLICT,
    INCONSISTENT,
    MAX_REQUEST_BYTES,
    OK,
    UNKNOWN,
    UNSIGNED,
    Answer,
    Request,
    Witness,
)
from ledger.witness_state import WitnessFolder

if TYPE_CHECKING:
    from ledger.tree import StoredTree

PASSING: Final = ("valid", "valid-but-since-revoked")
NOT_STATED: Final = (
    "sealed_missing", "rolled_back", "key_compromised", "accepted_outside_interval",
    "token_missing", "token_issuer_unknown", "cosigner_unknown",
)  # fmt: skip
"""Findings that say nothing against what a certifier states: see the module. The last two hang on
which authorities and cosigners the copy at hand happens to trust."""


def sign_file(
    witness: Witness,
    note: bytes,
    proof: tuple[int, tuple[bytes, ...]] | None = None,
    copy: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[bytes, Answer]:
    """Cosign a checkpoint from a file; the note with our line added, and the answer.

    `proof`: as `parse_proof` reads it; `copy`: a folder with the ledger, a copy or a replica, from
    which the proof is made. A key that certifies needs the copy, and verifies all of it first. A
    first checkpoint, and the one cosigned last, need neither. Raises `UsageError` for what is
    missing or malformed, `VerificationError` for what is not cosigned.
    """
    try:
        head = Checkpoint.parse(Note.parse(note, MAX_REQUEST_BYTES).text)
    except NoteError:
        raise UsageError(
            "that file is no checkpoint; nothing was signed",
            "muniment checkpoint, where the ledger is, prints one",
        ) from None
    if copy is not None:
        _check_same(witness.folder, head, copy)
    if witness.folder.certifies:
        if copy is None:
            raise UsageError(
                "a key whose name ends in /index certifies that everything was verified; nothing "
                "was signed",
                "name the ledger, a copy or a replica: --ledger DIR",
            )
        _certify(witness.folder, head, copy, progress)
    last = witness.folder.last(head.origin)
    old = last.head.size if last else 0
    if head.size < old:
        raise UsageError(
            "this witness has cosigned {last} entries already, and the checkpoint is of {size}; "
            "nothing was signed",
            "ask for a newer checkpoint",
            last=old,
            size=head.size,
        )
    if copy is not None:
        proof = (old, _proof_from(copy, head, old))
    elif proof is None and 0 < old < head.size:
        raise _proof_needed(old)
    answer = witness.answer(Request(*(proof or (old, ())), note).format())
    if answer.status != OK:
        raise _refused(answer)
    line = SignatureLine.parse(answer.lines.decode("utf-8").removesuffix("\n"))
    parsed = Note.parse(note)
    own = (line.name, line.key_id)
    others = [one for one in parsed.signatures if (one.name, one.key_id) != own]
    return Note(parsed.text, (*others, line)).format(), answer


def _check_same(witness: WitnessFolder, head: Checkpoint, copy: Path) -> None:
    """Refuse a folder with another ledger than the checkpoint's, as who mistypes names one.

    What is there is not believed by this; but before it nothing is looked at, and nothing kept.
    """
    from ledger.cosigning import read_tree

    keys = witness.trusted(head.origin)
    if not keys:
        raise _unknown()
    folder = Folder(copy)
    folder.check()
    own = folder.pinned_key()
    same = own.name == head.origin and own in keys
    if own.name == head.origin and not same:  # it may have changed its key since
        with read_tree(copy) as (connection, _tree):
            publics = set(connection.exec_driver_sql("SELECT public FROM keys").scalars())
        same = any(b64url(key.public) in publics for key in keys)
    if not same:
        raise UsageError(
            "that is another ledger than the one of the checkpoint; nothing was signed or kept",
            "name the ledger, a copy or a replica: --ledger DIR",
        )


def _proof_needed(last: int | None) -> UsageError:
    return UsageError(
        "this witness needs the proof from the {last} entries that it cosigned last; nothing was "
        "signed",
        "where the ledger is: muniment checkpoint prove {last}; then --proof FILE here; or name a "
        "copy of the ledger: --ledger DIR",
        last=last,
    )


def _refused(answer: Answer) -> UsageError | VerificationError:
    """The error for an answer that is not 200, in the words of somebody with files."""
    if answer.status == CONFLICT:
        return _proof_needed(answer.last)
    if answer.status == UNKNOWN:
        return _unknown()
    if answer.status == UNSIGNED:
        return VerificationError(
            "no key that is pinned for this log signed the checkpoint; nothing was signed",
            "ask the ledger's keeper whether its key was changed: muniment witness trust --rotated",
        )
    if answer.fork:
        return VerificationError(
            "this log has signed two histories: the checkpoint excludes what was cosigned last. "
            "The evidence was kept, nothing was signed",
            "muniment witness show FOLDER names the file: show it to the other parties",
        )
    if answer.status == INCONSISTENT:
        return VerificationError(
            "nothing shows that the checkpoint continues what was cosigned last; it was kept, and "
            "nothing was signed",
            "name a copy of the ledger: --ledger DIR; or ask the ledger's keeper",
        )
    return UsageError("{cause}; nothing was signed", cause=answer.reason)


def _unknown() -> UsageError:
    return UsageError(
        "no key of this log is pinned here; nothing was signed",
        "muniment witness trust FOLDER VKEY",
    )


def _proof_from(copy: Path, head: Checkpoint, old: int) -> tuple[bytes, ...]:
    """The consistency proof that a folder with the ledger gives; whoever asked checks it."""
    from ledger.cosigning import read_tree

    with read_tree(copy) as (_connection, tree):
        _check_covers(tree, head)
        return tuple(tree.consistency(old, head.size))


def _check_covers(tree: StoredTree, head: Checkpoint) -> None:
    if tree.head.entries < head.size:
        raise UsageError(
            "the ledger there has {entries} entries, the checkpoint {size}; nothing was signed",
            "name a newer copy",
            entries=tree.head.entries,
            size=head.size,
        )


def _certify(
    witness: WitnessFolder, head: Checkpoint, copy: Path, progress: Callable[[int], None] | None
) -> None:
    """Verify a whole copy, every index published in it included, and that it is of this head.

    With each key of the log that is pinned here; `NOT_STATED` is no fault. Refused on whatever is
    not what was signed, and where a key, a policy or an index of the log cannot be verified.
    """
    from ledger.cosigning import read_tree
    from ledger.inspection import inspect

    keys = witness.trusted(head.origin)
    if not keys:
        raise _unknown()
    folder = Folder(copy)
    folder.check()
    for key in keys:
        report = inspect(folder, trust=key, progress=progress)
        for known in NOT_STATED:
            report = report.without(known)
        if report.verdict not in PASSING:
            raise VerificationError(
                "the ledger there does not verify ({code}: {cause}); nothing was signed",
                "muniment -L DIR verify",
                code=report.findings[0].code,
                cause=report.findings[0].cause,
            )
    with read_tree(copy) as (connection, tree):
        _check_covers(tree, head)
        if tree.root_at(head.size) != head.root:
            raise VerificationError(
                "the checkpoint is not of the ledger there; nothing was signed",
                "muniment checkpoint compare shows whether it is a fork",
            )
        own = b64url(witness.key.public)
        if connection.exec_driver_sql("SELECT 1 FROM keys WHERE public = ?", (own,)).first():
            raise UsageError("the ledger has enrolled this key; a witness has one of its own")

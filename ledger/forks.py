"""Two signed checkpoints of one ledger, compared with a ledger, a copy or a replica at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.cosigning import read_tree
from ledger.errors import NoteError, ProofError, UsageError, VerificationError
from ledger.folder import sync_folder, write_atomically
from ledger.tlog.fork import Fork, Relation, read_head, relate
from ledger.tlog.note import VerifierKey


def compare_notes(
    one: bytes, other: bytes, keys: Sequence[VerifierKey], place: Path | None
) -> tuple[Relation, Fork | None]:
    """How the first of two checkpoint notes stands to the second, with evidence of a fork.

    `keys`: of the ledger, as the reader knows them; `place`: a folder that has the larger of two
    sizes. It is not believed: what it shows is checked against the signed root. Raises `UsageError`
    where it is missing or too short, and for what is no checkpoint; `VerificationError` for a note
    that no such key signed, or if the folder holds another history than the larger note's.
    """

    def began(small: int, large: int) -> tuple[bytes, Sequence[bytes]]:
        if place is None:
            raise UsageError(
                "these are of two sizes: a ledger, copy or replica is needed that has the larger; "
                "nothing was compared",
                "name it: -L DIR",
            )
        with read_tree(place) as (_connection, tree):
            if tree.head.entries < large:
                raise UsageError(
                    "the ledger there has {entries} entries, the larger checkpoint {size}; nothing "
                    "was compared",
                    "name one that has them: -L DIR",
                    entries=tree.head.entries,
                    size=large,
                )
            return tree.root_at(small), tree.consistency(small, large)

    for note in (one, other):
        try:
            read_head(note)
        except NoteError:
            raise UsageError(
                "a file that was named is no checkpoint; nothing was compared",
                "muniment checkpoint, where the ledger is, prints one",
            ) from None
    try:
        return relate(one, other, keys, began)
    except ProofError:
        raise VerificationError(
            "the ledger there holds another history than the larger checkpoint",
            "muniment -L DIR checkpoint compare FILE, with that checkpoint alone, shows it",
        ) from None
    except NoteError:
        raise VerificationError(
            "these are not two checkpoints that the key of this ledger signed",
            "compare the key with the one that the ledger's keeper tells you",
        ) from None


def newest_of(place: Path) -> bytes:
    """The newest checkpoint stored in a ledger's folder. Raises `UsageError` if there is none."""
    with read_tree(place) as (connection, _tree):
        note = connection.exec_driver_sql(
            "SELECT note FROM checkpoints ORDER BY size DESC, id DESC LIMIT 1"
        ).scalar()
    if note is None:
        raise UsageError("no checkpoint is signed yet", "muniment checkpoint")
    return bytes(note)


def write_evidence(path: Path, fork: Fork) -> None:
    """Write a fork's evidence to a new file, whole or not at all. Raises `UsageError`."""
    if path.exists():
        raise UsageError("there is a file of this name already; nothing was written")
    try:
        write_atomically(path, fork.format())
        sync_folder(path.absolute().parent)
    except OSError as error:
        raise UsageError("the file cannot be written ({cause})", cause=error.strerror) from None

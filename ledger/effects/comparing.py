"""Two copies of one ledger: do they agree, is one ahead, or where do they fork.

A fork cannot be hidden from whoever holds both sides: the trees over their entries have the same
root up to the first entry that differs, and different ones ever after, so that a binary search over
the roots finds that entry in a few steps. Both copies are verified whole before: then each root is
one that the entries have, and not only one that somebody wrote down.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from ledger.errors import VerificationError
from ledger.folder import Folder
from ledger.schema import engine_for
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import VerifierKey
from ledger.tree import StoredTree
from ledger.verification.stored import verify_folder

Result = Literal["agree", "ahead", "behind", "fork"]
RootAt = Callable[[int], bytes]


class Comparison(NamedTuple):
    """How the first of two copies stands to the second.

    `diverged_at`: of a fork, the index of the first entry that differs, else None.
    """

    first: Checkpoint
    second: Checkpoint
    result: Result
    diverged_at: int | None


def compare(
    first: Path, second: Path, trust: VerifierKey, progress: Callable[[int], None] | None = None
) -> Comparison:
    """Verify two folders of a ledger (its own, copies, replicas) with one key, and compare them.

    `trust`: the ledger's key as the reader knows it. Raises `NoLedgerError` where there is none,
    `VerificationError` for one that is not what was signed, or of another ledger.
    """
    for folder in (first, second):
        _check(Folder(folder), trust, progress)
    ours, theirs = engine_for(first / "ledger.db", read_only=True), None
    try:
        theirs = engine_for(second / "ledger.db", read_only=True)
        with ours.connect() as one, theirs.connect() as other:
            query = "SELECT data FROM commits WHERE entry = 0"
            zero = one.exec_driver_sql(query).scalar()
            if zero is None or zero != other.exec_driver_sql(query).scalar():
                raise VerificationError(
                    "these are two ledgers and not two copies of one: their first entries differ",
                    "name copies of one ledger",
                )
            trees = StoredTree(one), StoredTree(other)
            heads = [Checkpoint(trust.name, t.head.entries, t.head.root) for t in trees]
            at = divergence(trees[0].root_at, trees[1].root_at, min(h.size for h in heads))
    finally:
        ours.dispose()
        if theirs is not None:
            theirs.dispose()
    return Comparison(heads[0], heads[1], _result(heads[0].size, heads[1].size, at), at)


def _result(first: int, second: int, diverged_at: int | None) -> Result:
    if diverged_at is not None:
        return "fork"
    return "agree" if first == second else "ahead" if first > second else "behind"


def _check(folder: Folder, trust: VerifierKey, progress: Callable[[int], None] | None) -> None:
    """Refuse a copy that is not what was signed.

    That this machine has seen another state is no fault of it: it is what comparing is for.
    """
    folder.check()
    report = verify_folder(folder, trust=trust, progress=progress)
    for known in ("sealed_missing", "rolled_back", "forked"):
        report = report.without(known)
    if report.verdict == "invalid":
        first = report.findings[0]
        raise VerificationError(
            "one of the two does not verify ({code}: {cause}); nothing was compared",
            "muniment -L DIR verify, for each of them",
            code=first.code,
            cause=first.cause,
        )


def divergence(first: RootAt, second: RootAt, size: int) -> int | None:
    """The index of the first entry in which two trees differ, of `size` that both have, or None.

    `first`, `second`: the root at a size. Two trees of different leaves have different roots at
    every size from the first difference on (RFC 6962: SHA-256 has no known collision).

    >>> divergence(lambda size: bytes([min(size, 3)]), lambda size: bytes([size]), 9)
    3
    >>> divergence(lambda size: bytes([size]), lambda size: bytes([size]), 9) is None
    True
    """
    if first(size) == second(size):
        return None
    same, different = 0, size
    while different - same > 1:
        middle = (same + different) // 2
        if first(middle) == second(middle):
            same = middle
        else:
            different = middle
    return same

r"""Proof that a leaf is in a tree, as in C2SP tlog-proof (`.tlog-proof`).

    c2sp.org/tlog-proof@v1
    extra <base64>            only if there is extra data; nothing authenticates it
    index <n>                 0-based, decimal without leading zeros, below the tree's size
    <base64 hash>             0 to 63 lines: from the leaf's sibling up to the root's child
    (empty line)
    <checkpoint>              the signed note, verbatim

The checkpoint's text begins with origin, size and base64 root; further lines, not empty, are
permitted here, because the proof of an event in its commit carries the commit note in this place.
At most 1 MiB. Reading a proof proves nothing: open the note, then check hashes against its root.

>>> data = (
...     b"c2sp.org/tlog-proof@v1\n"
...     b"index 1\n"
...     b"hMS82zXyuWG6mrdaEcMFUFfJmSVxSZVP7TEFD0mYVAI=\n"
...     b"\n"
...     b"example.com/log\n"
...     b"2\n"
...     b"4BvbVUGmUrO3B1LL6BbP2sVCqNQ+I+dDTT47IqLQVXg=\n"
...     b"\n"
...     b"\xe2\x80\x94 example.com/log AAAAAAAA\n"
... )
>>> proof = TlogProof.parse(data)
>>> proof.index, len(proof.hashes), proof.head.origin, proof.head.size
(1, 1, 'example.com/log', 2)
>>> proof.format() == data
True
>>> TlogProof.parse(data.replace(b"index 1", b"index 2"))
Traceback (most recent call last):
ledger.errors.ProofError: the proof's index is not below the size of its tree
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ledger.errors import NoteError, ProofError
from ledger.tlog.checkpoint import Checkpoint, parse_decimal, parse_root
from ledger.tlog.note import MAX_NOTE_BYTES, Note, decode_base64, encode_base64

MAX_PROOF_BYTES: Final = MAX_NOTE_BYTES
MAX_HASHES: Final = 63
HASH_BYTES: Final = 32
_HEADER: Final = "c2sp.org/tlog-proof@v1"
_EXTRA: Final = "extra "
_INDEX: Final = "index "
_HEAD_LINES: Final = 3


def _read_head(checkpoint_note: bytes) -> Checkpoint:
    """The first three lines of the note's text, as a tree head; none of the lines is empty."""
    text = Note.parse(checkpoint_note).text
    lines = text.split(b"\n")[:-1]
    if len(lines) < _HEAD_LINES or not all(lines):
        raise NoteError("the proof's checkpoint has an empty line or fewer than three lines")
    return Checkpoint.parse(b"\n".join(lines[:_HEAD_LINES]) + b"\n")


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That a leaf stands at `index` (0-based) of the tree which `checkpoint_note` claims.

    `hashes`: up to 63, 32 bytes each, leaf's sibling first. `extra`: not empty, or None.
    `head`: origin, size and root as the note states them, unverified like the rest.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint_note: bytes
    extra: bytes | None = None
    head: Checkpoint = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse with ProofError everything that `parse` would refuse."""
        try:
            head = _read_head(self.checkpoint_note)
        except NoteError as error:
            raise ProofError(f"the proof's checkpoint: {error.message}") from error
        object.__setattr__(self, "head", head)
        if not 0 <= self.index < head.size:
            raise ProofError("the proof's index is not below the size of its tree")
        if len(self.hashes) > MAX_HASHES or any(len(h) != HASH_BYTES for h in self.hashes):
            raise ProofError(f"a proof has at most {MAX_HASHES} hashes of {HASH_BYTES} bytes")
        if self.extra == b"":
            raise ProofError("a proof without extra data has no 'extra' line")
        if len(self.format()) > MAX_PROOF_BYTES:
            raise ProofError(f"the proof is longer than {MAX_PROOF_BYTES} bytes")

    @classmethod
    def parse(cls, data: bytes) -> TlogProof:
        """Read a proof; exact inverse of `format`. ProofError names the first cause."""
        if len(data) > MAX_PROOF_BYTES:
            raise ProofError(f"the proof is longer than {MAX_PROOF_BYTES} bytes")
        top, separator, checkpoint_note = data.partition(b"\n\n")
        try:
            lines = top.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise ProofError("the lines above the proof's checkpoint are not ASCII") from error
        if not separator or lines.pop(0) != _HEADER:
            raise ProofError(f"the proof does not begin with {_HEADER}, or has no checkpoint")
        try:
            extra = _take_extra(lines)
            if not lines or not lines[0].startswith(_INDEX):
                raise ProofError("the proof has no index line in its place")
            index = parse_decimal(lines.pop(0).removeprefix(_INDEX), "the proof's index")
            if len(lines) > MAX_HASHES:
                raise ProofError(f"a proof has at most {MAX_HASHES} hashes")
            hashes = tuple(parse_root(line, "a hash of the proof") for line in lines)
        except NoteError as error:
            raise ProofError(error.message) from error
        return cls(index, hashes, checkpoint_note, extra)

    def format(self) -> bytes:
        """The bytes of the `.tlog-proof` file."""
        extra = () if self.extra is None else (_EXTRA + encode_base64(self.extra),)
        hashes = (encode_base64(digest) for digest in self.hashes)
        top = "\n".join((_HEADER, *extra, f"{_INDEX}{self.index}", *hashes))
        return top.encode("ascii") + b"\n\n" + self.checkpoint_note


def _take_extra(lines: list[str]) -> bytes | None:
    """Remove the extra line, if it is the first of `lines`, and decode it."""
    if not lines or not lines[0].startswith(_EXTRA):
        return None
    return decode_base64(lines.pop(0).removeprefix(_EXTRA), "the proof's extra data")

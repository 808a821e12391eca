r"""Evidence that a log signed two histories (`muniment-fork/1`), for anybody who knows its key.

    muniment-fork/1
    smaller <bytes>           length of the first note below, in decimal
    larger <bytes>            length of the second
    root <base64>             for two sizes: what the larger tree had at the smaller size
    <base64 hash>             for two sizes, 0 to 63 lines: RFC 6962 consistency proof of that root
    (empty line)
    <smaller note><larger note>

Both notes are checkpoints of one origin, verbatim, each signed by its log. Of the same size, their
roots differ (the lower root comes first) and there is neither `root` nor proof. Of two sizes, the
proof shows that the larger tree began with `root`, which is not what the smaller note says. A log
that keeps one history can make neither: SHA-256 has no known collision. At most 2 MiB and 8 KiB.

>>> from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
>>> from ledger.tlog.merkle import leaf_hash, tree_root
>>> from ledger.tlog.note import ED25519, Note, SignatureLine, VerifierKey
>>> secret = Ed25519PrivateKey.from_private_bytes(bytes(32))
>>> log = VerifierKey.of("example.com/log", ED25519, secret.public_key().public_bytes_raw())
>>> def signed(*entries):
...     head = Checkpoint(log.name, len(entries), tree_root([leaf_hash(e) for e in entries]))
...     line = SignatureLine(log.name, log.key_id, secret.sign(head.format()))
...     return Note(head.format(), (line,)).format()
>>> told_buyer, told_auditor = signed(b"sold"), signed(b"kept")
>>> fork = Fork.between(told_buyer, told_auditor)
>>> [head.size for head in fork.check([log])], Fork.parse(fork.format()) == fork
([1, 1], True)
>>> Fork.between(told_buyer, told_buyer).check([log])
Traceback (most recent call last):
ledger.errors.ProofError: the two checkpoints are of one history, or in the wrong order
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ledger.errors import NoteError, ProofError
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint, parse_decimal, parse_root
from ledger.tlog.merkle import verify_growth
from ledger.tlog.note import MAX_NOTE_BYTES, Note, VerifierKey, encode_base64

HEADER: Final = "muniment-fork/1"
MAX_HASHES: Final = 63
MAX_FORK_BYTES: Final = 2 * MAX_NOTE_BYTES + 8192
_SMALLER: Final = "smaller "
_LARGER: Final = "larger "
_ROOT: Final = "root "

Relation = Literal["same", "ahead", "behind", "fork"]
Began = Callable[[int, int], tuple[bytes, Sequence[bytes]]]
"""The root that a tree of the second size had at the first, and the consistency proof of it."""


def read_head(note: bytes) -> Checkpoint:
    """What a checkpoint note says, whoever signed it."""
    return Checkpoint.parse(Note.parse(note).text)


@dataclass(frozen=True, slots=True)
class Fork:
    """Two checkpoint notes, and for two sizes the root and proof that tell them apart.

    Reading it proves nothing: `check` does.
    """

    smaller: bytes
    larger: bytes
    root: bytes | None = None
    hashes: tuple[bytes, ...] = ()

    @classmethod
    def between(
        cls, one: bytes, other: bytes, root: bytes | None = None, hashes: Sequence[bytes] = ()
    ) -> Fork:
        """Of two notes in any order; of one size they need neither root nor proof."""
        heads = {note: read_head(note) for note in (one, other)}
        smaller, larger = sorted((one, other), key=lambda n: (heads[n].size, heads[n].root))
        if heads[one].size == heads[other].size:
            return cls(smaller, larger)
        return cls(smaller, larger, root, tuple(hashes))

    @classmethod
    def parse(cls, data: bytes) -> Fork:
        """Read a file; exact inverse of `format`. Raises `NoteError`."""
        if len(data) > MAX_FORK_BYTES:
            raise NoteError(f"the evidence is longer than {MAX_FORK_BYTES} bytes")
        head, empty, notes = data.partition(b"\n\n")
        try:
            name, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            name, lines = "", []
        if name != HEADER or not empty or not 2 <= len(lines) <= 3 + MAX_HASHES:  # noqa: PLR2004
            raise NoteError("this is no evidence of a fork: another header, or lines are missing")
        sizes = [_field(lines[0], _SMALLER), _field(lines[1], _LARGER)]
        lengths = [parse_decimal(size, "the length of a note") for size in sizes]
        if sum(lengths) != len(notes):
            raise NoteError("the two notes do not have the lengths named")
        root = parse_root(_field(lines[2], _ROOT), "the root") if lines[2:] else None
        hashes = tuple(parse_root(line, "a hash of the proof") for line in lines[3:])
        return cls(notes[: lengths[0]], notes[lengths[0] :], root, hashes)

    def format(self) -> bytes:
        """The file's bytes."""
        lines = [HEADER, f"{_SMALLER}{len(self.smaller)}", f"{_LARGER}{len(self.larger)}"]
        if self.root is not None:
            lines.append(f"{_ROOT}{encode_base64(self.root)}")
            lines += [encode_base64(one) for one in self.hashes]
        return "\n".join(lines).encode("ascii") + b"\n\n" + self.smaller + self.larger

    def check(self, log: Iterable[VerifierKey]) -> tuple[Checkpoint, Checkpoint]:
        """Return the two heads only if the log signed both and they exclude each other.

        `log`: the keys of the log as the reader knows them. Raises `NoteError` for a note that no
        such key signed, `ProofError` if the two could be of one history.
        """
        keys = list(log)
        first, second = (open_checkpoint(n, keys).checkpoint for n in (self.smaller, self.larger))
        if first.origin != second.origin:
            raise NoteError("the two checkpoints are of two logs")
        if first.size == second.size:
            if not first.root < second.root or self.root is not None:
                raise ProofError("the two checkpoints are of one history, or in the wrong order")
            return first, second
        if self.root is None or not 0 < first.size < second.size:
            raise ProofError("the evidence says nothing of how the two sizes go together")
        verify_growth(first.size, second.size, self.root, second.root, self.hashes)
        if self.root == first.root:
            raise ProofError("the two checkpoints are of one history")
        return first, second


def relate(
    one: bytes, other: bytes, log: Iterable[VerifierKey], began: Began
) -> tuple[Relation, Fork | None]:
    """How the first of two signed checkpoint notes stands to the second, with evidence of a fork.

    `began` is asked only for two sizes that are not 0; what it answers is checked, so that it may
    come from anybody. Raises `NoteError` for a note that the log did not sign, `ProofError` for an
    answer that does not lead to the larger one.
    """
    keys = list(log)
    first, second = (open_checkpoint(note, keys).checkpoint for note in (one, other))
    if first.origin != second.origin:
        raise NoteError("the two checkpoints are of two logs")
    if first.size == second.size:
        return ("same", None) if first.root == second.root else ("fork", Fork.between(one, other))
    relation: Relation = "ahead" if first.size > second.size else "behind"
    small, large = sorted((first, second), key=lambda head: head.size)
    if not small.size:
        return relation, None
    root, hashes = began(small.size, large.size)
    verify_growth(small.size, large.size, root, large.root, hashes)
    return (relation, None) if root == small.root else (
        "fork", Fork.between(one, other, root, hashes)
    )  # fmt: skip


def _field(line: str, name: str) -> str:
    if not line.startswith(name):
        raise NoteError(f"a line of the evidence does not begin with {name.strip()!r}")
    return line.removeprefix(name)

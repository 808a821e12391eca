r"""Checkpoints and their signatures, as in C2SP tlog-checkpoint and tlog-cosignature.

A checkpoint is a signed note whose text has exactly three lines, each ending with newline:

    <origin>            who keeps the tree; not empty
    <size>              number of leaves, decimal without leading zeros, below 2**63
    <base64 root>       32 bytes; SHA-256 of nothing at size 0

Extension lines, which C2SP permits, are refused: type 06 does not cover them. A ledger's own
origin is `[a-z0-9.-]+(/[a-z0-9._-]+)*` without a segment `commit` or `a`; other people's origins
may be anything that C2SP permits. What the signature types cover:

    01  the text
    04  "cosignature/v1\n" "time <seconds>\n" the text; the signature follows 8 bytes of time
    06  "subtree/v1\n\0" u8 length, cosigner name, u64 time, u8 length, origin, u64 start (0),
        u64 end (size), root; ML-DSA-44, the signature follows 8 bytes of time

Times are POSIX seconds below 2**63. Type 06 at time 0 says only that the tree is consistent, not
that it was the largest one seen.

>>> text = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
>>> checkpoint = Checkpoint.parse(text)
>>> checkpoint.origin, checkpoint.size, checkpoint.format() == text
('example.com/behind-the-sofa', 20852163, True)
>>> print(cosignature_message(checkpoint, 1679315147).decode(), end="")
cosignature/v1
time 1679315147
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
>>> Checkpoint.parse(text + b"an extension\n")
Traceback (most recent call last):
ledger.errors.NoteError: a checkpoint has exactly three lines
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ledger.errors import NoteError
from ledger.tlog import ed25519, mldsa44
from ledger.tlog.merkle import EMPTY_ROOT
from ledger.tlog.note import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    MLDSA44,
    Note,
    SignatureLine,
    Signer,
    VerifierKey,
    decode_base64,
    encode_base64,
    encode_text,
    failed,
    known_lines,
)

MAX_SIZE: Final = 2**63 - 1
MAX_TIME: Final = 2**63 - 1
MAX_ORIGIN_BYTES: Final = 255
ROOT_BYTES: Final = 32
TIME_BYTES: Final = 8
_LINES: Final = 3
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_ORIGIN: Final = re.compile(r"[a-z0-9.-]+(/[a-z0-9._-]+)*")
_RESERVED_SEGMENTS: Final = frozenset({"commit", "a"})
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_SUBTREE_LABEL: Final = b"subtree/v1\n\0"


@lru_cache(maxsize=1024)
def check_origin(origin: str) -> None:
    """Refuse what may not be the origin of a Muniment ledger.

    The segments `commit` and `a` are reserved: they set commit notes and the key names of actors
    apart from everything that a ledger itself signs. NoteError otherwise.
    """
    if _ORIGIN.fullmatch(origin) is None or len(origin) > MAX_ORIGIN_BYTES:
        raise NoteError(
            "the origin does not have the form of a ledger's origin",
            "use lower-case letters, digits, dots and hyphens, as in example.com/ledger",
        )
    if not _RESERVED_SEGMENTS.isdisjoint(origin.split("/")):
        raise NoteError("a ledger's origin has no segment 'commit' or 'a'")


def parse_decimal(text: str, what: str) -> int:
    """A number below 2**63 in decimal without sign or leading zeros; NoteError names `what`."""
    if _DECIMAL.fullmatch(text) is None or (number := int(text)) > MAX_SIZE:
        raise NoteError(f"{what} is not a decimal number below 2**63 without leading zeros")
    return number


def parse_root(text: str, what: str) -> bytes:
    """A hash of 32 bytes in canonical base64; NoteError names `what`."""
    root = decode_base64(text, what)
    if len(root) != ROOT_BYTES:
        raise NoteError(f"{what} does not have {ROOT_BYTES} bytes")
    return root


def check_head(size: int, root: bytes) -> None:
    """Refuse a size outside 0 to 2**63 - 1, a root that is not 32 bytes, a false empty root."""
    if not 0 <= size <= MAX_SIZE or len(root) != ROOT_BYTES:
        raise NoteError("a tree head has a size below 2**63 and a root of 32 bytes")
    if size == 0 and root != EMPTY_ROOT:
        raise NoteError("a tree of size 0 does not carry the empty root")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a tree: `size` leaves under `root` (32 bytes), kept by `origin`."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        """Refuse with NoteError what cannot be a checkpoint's text."""
        if not self.origin or _CONTROL.search(self.origin):
            raise NoteError("a checkpoint's origin is empty or holds a control character")
        encode_text(self.origin)
        check_head(self.size, self.root)

    @classmethod
    def parse(cls, text: bytes) -> Checkpoint:
        """Read the three-line text of a note; exact inverse of `format`."""
        if len(text) > MAX_NOTE_BYTES:
            raise NoteError(f"the checkpoint is longer than {MAX_NOTE_BYTES} bytes")
        try:
            lines = text.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise NoteError("the checkpoint is not UTF-8") from error
        if len(lines) != _LINES + 1 or lines[_LINES]:
            raise NoteError("a checkpoint has exactly three lines")
        size = parse_decimal(lines[1], "the checkpoint's size")
        return cls(lines[0], size, parse_root(lines[2], "the checkpoint's root"))

    def format(self) -> bytes:
        """The text that goes into the signed note."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n".encode()


def cosignature_message(checkpoint: Checkpoint, time: int) -> bytes:
    """What a type 04 signature covers (tlog-cosignature, "Ed25519 signed message").

    `time`: POSIX seconds.
    """
    _check_time(time)
    return f"cosignature/v1\ntime {time}\n".encode() + checkpoint.format()


def subtree_message(
    cosigner: str, time: int, origin: str, start: int, end: int, root: bytes
) -> bytes:
    """What a type 06 signature covers (tlog-cosignature, "ML-DSA-44 signed message").

    `start` (inclusive) and `end` (exclusive) are 0-based leaf indexes, `root` is the subtree's
    hash (32 bytes), `time` POSIX seconds. NoteError for names that are empty or above 255 bytes,
    for an empty or negative range, and for a time on a subtree that does not begin at 0.
    """
    _check_time(time)
    if not 0 <= start <= end <= MAX_SIZE or len(root) != ROOT_BYTES:
        raise NoteError("a subtree has 0 <= start <= end < 2**63 and a hash of 32 bytes")
    if start and time:
        raise NoteError("a subtree that does not begin at 0 is signed without a time")
    return b"".join(
        (
            _SUBTREE_LABEL,
            _length_prefixed(cosigner, "cosigner's name"),
            time.to_bytes(8, "big"),
            _length_prefixed(origin, "origin"),
            start.to_bytes(8, "big"),
            end.to_bytes(8, "big"),
            root,
        )
    )


def _length_prefixed(name: str, what: str) -> bytes:
    data = encode_text(name)
    if not 1 <= len(data) <= MAX_ORIGIN_BYTES:
        raise NoteError(f"the {what} does not have between 1 and {MAX_ORIGIN_BYTES} bytes")
    return bytes([len(data)]) + data


def _check_time(time: int) -> None:
    if not 0 <= time <= MAX_TIME:
        raise NoteError("a cosignature's time is not between 0 and 2**63 - 1 seconds")


def _message(checkpoint: Checkpoint, verifier: VerifierKey, time: int) -> bytes:
    if verifier.type == COSIGNATURE:
        return cosignature_message(checkpoint, time)
    return subtree_message(
        verifier.name, time, checkpoint.origin, 0, checkpoint.size, checkpoint.root
    )


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> SignatureLine:
    """The type 01 line of the ledger's own key.

    NoteError if the key has another type, if its name is not the checkpoint's origin, or if that
    is no ledger's origin. The caller answers for consistency with every earlier checkpoint.
    """
    verifier = signer.verifier
    check_origin(checkpoint.origin)
    if verifier.type != ED25519 or verifier.name != checkpoint.origin:
        raise NoteError("a checkpoint is signed by an Ed25519 key named as its origin")
    return SignatureLine(verifier.name, verifier.key_id, signer.sign(checkpoint.format()))


def cosign_checkpoint(checkpoint: Checkpoint, signer: Signer, time: int) -> SignatureLine:
    """The type 04 or 06 line of a cosigner, or of the ledger's own ML-DSA-44 key.

    `time`: POSIX seconds. NoteError if the key has another type. The caller has checked that the
    checkpoint is consistent with what this key cosigned before.
    """
    verifier = signer.verifier
    if verifier.type not in (COSIGNATURE, MLDSA44):
        raise NoteError("a checkpoint is cosigned by a key of type 04 or 06")
    signature = signer.sign(_message(checkpoint, verifier, time))
    return SignatureLine(verifier.name, verifier.key_id, time.to_bytes(8, "big") + signature)


def verify_line(checkpoint: Checkpoint, verifier: VerifierKey, line: SignatureLine) -> int | None:
    """Return the signed time (POSIX seconds; None for type 01) if `line` is by `verifier`.

    NoteError if the line names another key or its signature does not cover the checkpoint.
    """
    if (line.name, line.key_id) != (verifier.name, verifier.key_id):
        raise NoteError("the signature line names another key")
    if verifier.type == ED25519:
        ed25519.verify(verifier.public, line.signature, checkpoint.format())
        return None
    if len(line.signature) <= TIME_BYTES:
        raise NoteError("a cosignature is 8 bytes of time and a signature")
    time = int.from_bytes(line.signature[:TIME_BYTES], "big")
    verify = ed25519.verify if verifier.type == COSIGNATURE else mldsa44.verify
    verify(verifier.public, line.signature[TIME_BYTES:], _message(checkpoint, verifier, time))
    return time


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A verified statement by `verifier`: at `time` (POSIX seconds) it had seen this head."""

    verifier: VerifierKey
    time: int


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint with what was verified on it; each public key counts once.

    `log_signatures`: keys of the log itself, at least one. `cosignatures`: other parties' keys
    with their times. `note`: everything as it was written, unknown lines included.
    """

    checkpoint: Checkpoint
    note: Note
    log_signatures: tuple[VerifierKey, ...]
    cosignatures: tuple[Cosignature, ...]


def open_checkpoint(
    data: bytes, verifiers: Iterable[VerifierKey], origin: str | None = None
) -> OpenedCheckpoint:
    """Verify the checkpoint note `data` against the known keys of logs and cosigners.

    A key is the log's if its name is the checkpoint's origin. Logs that sign under another name
    (`sum.golang.org`) need `origin`: then the checkpoint must carry it, and every known type 01
    key is taken for the log's. Other keys of type 04 and 06 are cosigners'.

    Lines of unknown keys are ignored. NoteError if the note is malformed, if the signature of
    any known key fails, or if no known key of the log signed. A public key that serves two names
    counts once, and never as a cosigner beside its own log signature.
    """
    note = Note.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    if origin is not None and checkpoint.origin != origin:
        raise NoteError("the checkpoint is of another origin")
    logs: dict[bytes, VerifierKey] = {}
    cosigners: dict[bytes, Cosignature] = {}
    for line, verifier in known_lines(note, verifiers):
        try:
            time = verify_line(checkpoint, verifier, line)
        except NoteError as error:
            raise failed(verifier.name, error) from error
        if verifier.name == checkpoint.origin or (time is None and origin is not None):
            logs.setdefault(verifier.public, verifier)
        elif time is not None:
            cosigners.setdefault(verifier.public, Cosignature(verifier, time))
    if not logs:
        raise NoteError("the checkpoint has no signature by a known key of its log")
    others = tuple(cosigner for public, cosigner in cosigners.items() if public not in logs)
    return OpenedCheckpoint(checkpoint, note, tuple(logs.values()), others)

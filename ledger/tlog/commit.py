r"""Commit notes: what people sign, and the ledger entries that hold them.

The text of a commit note, each line ending with newline, in exactly this order:

    <ledger origin>/commit/<32 hex digits>          drawn at random: the commit's id
    <number of events>                              1 to 10000
    <base64 root of the commit tree>
    seen <ledger size> <base64 ledger root>         the state the signers had checked
    until <time>                                    joint commits only: not accepted later
    client muniment/<version>
    signer <key name> <key id hex> <capacity>       one per signer, sorted, none twice

then an empty line and one Ed25519 line (type 01 of `note`) per named signer, in the same order,
and nothing else; at most 16 KiB. Key names are printable ASCII, capacities `[a-z_]{1,32}`,
versions `[0-9A-Za-z.+-]{1,32}`, times `YYYY-MM-DDTHH:MM:SS.mmmZ`. A commit is joint if two or
more signers have a capacity other than `possession` (whose line only proves that a key being
enrolled is held).

A ledger entry is `accepted <time>`, newline, and the bytes of the signed commit note.

The ids of the keys stand in the text, so no line can be relabelled, removed, added or moved.

>>> text = (
...     b"example.com/ledger/commit/00112233445566778899aabbccddeeff\n"
...     b"3\n"
...     b"hMS82zXyuWG6mrdaEcMFUFfJmSVxSZVP7TEFD0mYVAI=\n"
...     b"seen 17 4BvbVUGmUrO3B1LL6BbP2sVCqNQ+I+dDTT47IqLQVXg=\n"
...     b"client muniment/0.1.0\n"
...     b"signer example.com/ledger/a/0192 77c1a2e5 custodian\n"
... )
>>> note = CommitNote.parse(text)
>>> note.origin, note.count, note.seen_size, note.signers[0].capacity
('example.com/ledger', 3, 17, 'custodian')
>>> note.text() == text
True
>>> CommitNote.parse(text.replace(b"\n3\n", b"\n03\n"))
Traceback (most recent call last):
ledger.errors.NoteError: the commit note's count of events is not as the format has it
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from ledger.errors import NoteError
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import check_head, check_origin
from ledger.tlog.note import (
    COSIGNATURE,
    ED25519,
    SignatureLine,
    Signer,
    VerifierKey,
    encode_base64,
    failed,
    key_id,
)

MAX_COMMIT_BYTES: Final = 16_384
MAX_COUNT: Final = 10_000
POSSESSION: Final = "possession"
_OTHER_LINES: Final = 5

# 32 bytes in base64: the last letter before the padding carries two stray bits, which are zero.
_HASH: Final = rb"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="
_TIME: Final = (
    rb"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    rb"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z"
)
_SIGNER: Final = rb"signer [!-*,-~]+ [0-9a-f]{8} [a-z_]{1,32}\n"
_GRAMMAR: Final = (
    ("origin line", rb"([a-z0-9.-]+(?:/[a-z0-9._-]+)*)/commit/([0-9a-f]{32})\n"),
    ("count of events", rb"([1-9][0-9]{0,4})\n"),
    ("root", rb"(" + _HASH + rb")\n"),
    ("seen line", rb"seen (0|[1-9][0-9]{0,18}) (" + _HASH + rb")\n"),
    ("until line", rb"(?:until (" + _TIME + rb")\n)?"),
    ("client line", rb"client (muniment/[0-9A-Za-z.+-]{1,32})\n"),
    ("list of signers", rb"((?:" + _SIGNER + rb")+)"),
)
_TEXT: Final = re.compile(b"".join(pattern for _, pattern in _GRAMMAR))
_ONE_TIME: Final = re.compile(_TIME)
_ENTRY: Final = re.compile(rb"accepted (" + _TIME + rb")\n")


def check_time(time: str) -> None:
    """Refuse what is not a moment written `YYYY-MM-DDTHH:MM:SS.mmmZ`; no leap seconds."""
    try:
        if _ONE_TIME.fullmatch(time.encode("ascii")) is not None:
            datetime.fromisoformat(time[:-1])  # knows which months have 31 days
            return
    except ValueError:
        pass
    raise NoteError("a time is not a moment of the form YYYY-MM-DDTHH:MM:SS.mmmZ")


def _check_length(data: bytes) -> None:
    if len(data) > MAX_COMMIT_BYTES:
        raise NoteError(f"the commit note is longer than {MAX_COMMIT_BYTES} bytes")


def _match(text: bytes) -> re.Match[bytes]:
    """The parts of a commit note's text; NoteError names the first part that is not in form."""
    match = _TEXT.fullmatch(text)
    if match is not None:
        return match
    at = 0
    for what, pattern in _GRAMMAR:
        part = re.compile(pattern).match(text, at)
        if part is None:
            raise NoteError(f"the commit note's {what} is not as the format has it")
        at = part.end()
    raise NoteError("the commit note's list of signers is not as the format has it")


@dataclass(frozen=True, slots=True)
class SignerLine:
    """Who must sign, with which key (`key_id`: 4 bytes), in which capacity."""

    name: str
    key_id: bytes
    capacity: str

    def format(self) -> str:
        """The line, with its newline."""
        return f"signer {self.name} {self.key_id.hex()} {self.capacity}\n"


@dataclass(frozen=True, slots=True)
class CommitNote:
    """The statement that every signer of a commit signs.

    `commit_id`: 32 lower-case hex digits. `count`: number of events, the leaves under `root`.
    `seen_size` and `seen_root`: a state of the ledger. Roots have 32 bytes. `until`: a time, in
    joint commits only. `client`: `muniment/<version>`. `signers`: sorted by name and key id.
    """

    origin: str
    commit_id: str
    count: int
    root: bytes
    seen_size: int
    seen_root: bytes
    until: str | None
    client: str
    signers: tuple[SignerLine, ...]
    _text: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse with NoteError everything that `parse` would refuse."""
        try:
            text = self._written()
        except UnicodeEncodeError as error:
            raise NoteError("a commit note is ASCII") from error
        object.__setattr__(self, "_text", text)  # asked for at every signature and check
        _check_length(text)
        lines = _OTHER_LINES + (self.until is not None) + len(self.signers)
        # A field must not bring lines of its own, nor move the border between origin and id.
        if _match(text)[1].decode() != self.origin or text.count(b"\n") != lines:
            raise NoteError("a commit note's field does not have the form of one field")
        check_origin(self.origin)
        check_head(self.seen_size, self.seen_root)
        if self.count > MAX_COUNT:
            raise NoteError(f"a commit has at most {MAX_COUNT} events")
        keys = [(signer.name, signer.key_id) for signer in self.signers]
        if any(this >= following for this, following in pairwise(keys)):
            raise NoteError("the commit note's signers are not sorted, or one is named twice")
        if self.until is not None:
            check_time(self.until)
            if not self.is_joint:
                raise NoteError("a commit that is not joint carries no 'until'")

    @property
    def is_joint(self) -> bool:
        """Whether two or more signers act, rather than only prove possession of a key."""
        return sum(signer.capacity != POSSESSION for signer in self.signers) > 1

    @classmethod
    def parse(cls, text: bytes) -> CommitNote:
        """Read an unsigned commit note; exact inverse of `text`."""
        _check_length(text)
        part = _match(text).groups()
        signers = (line.split(" ") for line in part[8].decode("ascii").split("\n")[:-1])
        return cls(
            origin=part[0].decode("ascii"),
            commit_id=part[1].decode("ascii"),
            count=int(part[2]),
            root=binascii.a2b_base64(part[3]),
            seen_size=int(part[4]),
            seen_root=binascii.a2b_base64(part[5]),
            until=None if part[6] is None else part[6].decode("ascii"),
            client=part[7].decode("ascii"),
            signers=tuple(SignerLine(name, bytes.fromhex(h), c) for _, name, h, c in signers),
        )

    def text(self) -> bytes:
        """The bytes that every signer signs."""
        return self._text

    def _written(self) -> bytes:
        until = "" if self.until is None else f"until {self.until}\n"
        signers = "".join(signer.format() for signer in self.signers)
        text = (
            f"{self.origin}/commit/{self.commit_id}\n{self.count}\n{encode_base64(self.root)}\n"
            f"seen {self.seen_size} {encode_base64(self.seen_root)}\n{until}"
            f"client {self.client}\n{signers}"
        )
        return text.encode("ascii")


# Gives the public key (32 bytes) that is enrolled under a name and key id; LookupError if none.
PublicKeys = Callable[[str, bytes], bytes]


@dataclass(frozen=True, slots=True)
class SignedCommit:
    """A commit note with one signature line per named signer, in order; not yet verified."""

    note: CommitNote
    signatures: tuple[SignatureLine, ...]
    _bytes: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse with NoteError every line that the text does not name, in that place."""
        named = [(signer.name, signer.key_id) for signer in self.note.signers]
        if [(line.name, line.key_id) for line in self.signatures] != named:
            raise NoteError("the signature lines are not those of the named signers, in order")
        for line in self.signatures:
            if len(line.signature) != ed25519.SIGNATURE_BYTES:
                raise NoteError("a commit note is signed with Ed25519 lines of 64 bytes")
        lines = "".join(line.format() for line in self.signatures)
        data = self.note.text() + b"\n" + lines.encode("utf-8")
        _check_length(data)
        object.__setattr__(self, "_bytes", data)

    @classmethod
    def parse(cls, data: bytes) -> SignedCommit:
        """Read a whole signed commit note; exact inverse of `format`."""
        _check_length(data)
        # The text has no empty line, so the first one is the separator.
        text, separator, lines = data.partition(b"\n\n")
        if not separator or not lines.endswith(b"\n"):
            raise NoteError("the commit note has no signatures after an empty line")
        note = CommitNote.parse(text + b"\n")
        try:
            decoded = lines[:-1].decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise NoteError("the commit note's signature lines are not UTF-8") from error
        return cls(note, tuple(SignatureLine.parse(line) for line in decoded))

    @classmethod
    def assemble(cls, note: CommitNote, lines: Iterable[SignatureLine]) -> SignedCommit:
        """Put the lines that signers gave, in any order, under the note.

        NoteError if one is missing, if one occurs twice, or if the note does not name it.
        """
        given = sorted(lines, key=lambda line: (line.name, line.key_id))
        return cls(note, tuple(given))

    def format(self) -> bytes:
        """The bytes of the signed commit note."""
        return self._bytes

    def verify_signatures(self, keys: PublicKeys) -> None:
        """Return if every named signer signed, each with a key of its own.

        NoteError if `keys` knows no key for a signer, if the key does not belong to the id in
        the text, if two signers have the same public key, or if a signature fails.
        """
        text = self.note.text()
        seen: set[bytes] = set()
        for line in self.signatures:
            try:
                public = keys(line.name, line.key_id)
            except LookupError as error:
                raise NoteError(f"no key of {line.name} with the id in the text") from error
            if key_id(line.name, ED25519, public) != line.key_id:
                raise NoteError(f"the key of {line.name} does not have the id in the text")
            if public in seen:
                raise NoteError(f"{line.name} signs with the public key of another signer")
            seen.add(public)
            try:
                ed25519.verify(public, line.signature, text)
            except NoteError as error:
                raise failed(line.name, error) from error


def sign(note: CommitNote, signer: Signer) -> SignatureLine:
    """The signature line of `signer`, who must be named in `note`.

    Takes commit notes only, never bytes: a signer of any text could be made to sign the message
    of a cosignature. A cosigner's key signs as type 0x01 here: it proves possession when it is
    enrolled. NoteError if the note does not name this key, or if it is no Ed25519 key.
    """
    if not isinstance(note, CommitNote):
        raise NoteError("only a parsed commit note can be signed")
    key = signer.verifier
    if key.type == COSIGNATURE:
        key = VerifierKey.of(key.name, ED25519, key.public)
    named = {(line.name, line.key_id) for line in note.signers}
    if key.type != ED25519 or (key.name, key.key_id) not in named:
        raise NoteError(f"the commit note does not name the key {key.name} as a signer")
    return SignatureLine(key.name, key.key_id, signer.sign(note.text()))


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf of the ledger's tree: a commit and when the ledger accepted it."""

    accepted: str
    commit: SignedCommit

    def __post_init__(self) -> None:
        """Refuse a time that is not written as times are."""
        check_time(self.accepted)

    @classmethod
    def parse(cls, data: bytes) -> Entry:
        """Read an entry; exact inverse of `format`."""
        match = _ENTRY.match(data)
        if match is None:
            raise NoteError("an entry does not begin with the time it was accepted")
        return cls(match[1].decode("ascii"), SignedCommit.parse(data[match.end() :]))

    def format(self) -> bytes:
        """The bytes whose hash is the leaf."""
        return f"accepted {self.accepted}\n".encode("ascii") + self.commit.format()

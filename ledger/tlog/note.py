r"""Signed notes and verifier keys, as in C2SP signed-note.

    text        UTF-8, no control character below U+0020 except newline; ends with newline
    (newline)   the last empty line separates text and signatures
    — <name> <base64(key id ‖ signature)>      one to 100 lines, each ending with newline

A key name is not empty and holds no Unicode space and no plus. A key id is the first four bytes
of SHA-256(name ‖ 0A ‖ type ‖ public key). A verifier key is one line of text,
`name+<key id, 8 hex digits>+<base64(type ‖ public key)>`. Types: 01 Ed25519 over the text, 04
Ed25519 cosignature, 06 ML-DSA-44 (both of checkpoints only). Base64 is RFC 4648, section 4, and
canonical: with padding, without stray bits. At most 1 MiB.

>>> key = VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
>>> note = (
...     "This is an example message.\n"
...     "\n"
...     "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZ"
...     "XsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
... ).encode()
>>> opened = open_note(note, [key])
>>> opened.text, [key.name for key in opened.verified]
(b'This is an example message.\n', ['example.com/foo'])
>>> open_note(note.replace(b"example message", b"example massage"), [key])
Traceback (most recent call last):
ledger.errors.NoteError: the signature of example.com/foo fails: ... the key and the message

Parsing proves nothing: use text only after a signature of a known key was verified.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from ledger.errors import NoteError
from ledger.tlog import ed25519, mldsa44

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
MLDSA44: Final = 0x06

KEY_ID_BYTES: Final = 4
MAX_NOTE_BYTES: Final = 1 << 20
MAX_SIGNATURES: Final = 100
MAX_KEY_BYTES: Final = 4096
MAX_NAME_BYTES: Final = 1024

_PUBLIC_KEY_CHECKS: Final[Mapping[int, Callable[[bytes], None]]] = {
    ED25519: ed25519.check_public_key,
    COSIGNATURE: ed25519.check_public_key,
    MLDSA44: mldsa44.check_public_key,
}
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_TEXT_CONTROL: Final = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_KEY: Final = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_DASH: Final = "— "
# No signature over such a text may count as type 01: it is the message of a type 04 signature.
_COSIGNATURE_HEADER: Final = b"cosignature/v1\n"


def encode_base64(data: bytes) -> str:
    """Base64 with padding, without line breaks."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str, what: str) -> bytes:
    """The bytes whose `encode_base64` is `text`; NoteError, naming `what`, if there are none."""
    try:
        data = binascii.a2b_base64(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        data = b""
    # Compared after re-encoding: decoders skip foreign characters and ignore stray bits.
    if encode_base64(data) != text:
        raise NoteError(f"{what} is not canonical base64")
    return data


@lru_cache(maxsize=4096)
def check_name(name: str) -> None:
    """Refuse what C2SP does not accept as a key name, and names above 1,024 bytes of UTF-8."""
    if not name or "+" in name or _CONTROL.search(name) or any(c.isspace() for c in name):
        raise NoteError("a key name is empty, or holds a space, a plus or a control character")
    if len(encode_text(name)) > MAX_NAME_BYTES:
        raise NoteError(f"a key name is longer than {MAX_NAME_BYTES} bytes")


def encode_text(text: str) -> bytes:
    """`text` as UTF-8; NoteError for half a surrogate pair, which has no UTF-8."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NoteError("a text cannot be written as UTF-8") from error


def key_id(name: str, signature_type: int, public: bytes) -> bytes:
    """The four bytes that, with the name, say which key signed; they identify, never prove."""
    material = name.encode("utf-8") + b"\n" + bytes([signature_type]) + public
    return hashlib.sha256(material).digest()[:KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name: what a verifier must be given beforehand.

    `key_id`: 4 bytes, always the hash of the rest. `type`: 01, 04 or 06. `public`: 32 bytes for
    Ed25519, 1,312 for ML-DSA-44. Keys that no verifier may trust cannot be constructed.
    """

    name: str
    key_id: bytes
    type: int
    public: bytes

    def __post_init__(self) -> None:
        """Refuse a bad name, type, public key or key id with NoteError."""
        check_name(self.name)
        check = _PUBLIC_KEY_CHECKS.get(self.type)
        if check is None:
            raise NoteError(
                f"the verifier key has type {self.type:02x}",
                "Muniment knows 01 (Ed25519), 04 (cosignature) and 06 (ML-DSA-44)",
            )
        check(self.public)
        if key_id(self.name, self.type, self.public) != self.key_id:
            raise NoteError("the verifier key's id is not the hash of its name and key")

    @classmethod
    def of(cls, name: str, signature_type: int, public: bytes) -> VerifierKey:
        """The verifier key for a name, type and public key, with its id computed."""
        check_name(name)
        return cls(name, key_id(name, signature_type & 0xFF, public), signature_type, public)

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read `name+hex+base64` without line end; exact inverse of `format`."""
        if len(text) > MAX_KEY_BYTES:
            raise NoteError(f"a verifier key is longer than {MAX_KEY_BYTES} characters")
        match = _KEY.fullmatch(text)
        if match is None:
            raise NoteError("a verifier key does not have the form name+hex+base64")
        data = decode_base64(match[3], "a verifier key's public part")
        return cls(match[1], bytes.fromhex(match[2]), data[0], data[1:])

    def format(self) -> str:
        """The one-line text form."""
        public = encode_base64(bytes([self.type]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{public}"


class Signer(Protocol):
    """A private key, wherever it is kept. Never handed a message that a person composed."""

    @property
    def verifier(self) -> VerifierKey:
        """The public side."""

    def sign(self, message: bytes) -> bytes:
        """The bare signature over `message`: 64 bytes for Ed25519, 2,420 for ML-DSA-44."""


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature as written: a claim until it is verified.

    `key_id`: 4 bytes. `signature`: what follows it; types 04 and 06 begin with 8 bytes of time.
    """

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        """Refuse what cannot be written as a line."""
        check_name(self.name)
        if len(self.key_id) != KEY_ID_BYTES or not self.signature:
            raise NoteError("a signature line needs a key id of 4 bytes and a signature")

    @classmethod
    def parse(cls, line: str) -> SignatureLine:
        """Read one line without its newline; exact inverse of `format` without newline."""
        name, space, blob = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not space:
            raise NoteError("a signature line does not have the form '— name base64'")
        data = decode_base64(blob, "a signature line's last part")
        return cls(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])

    def format(self) -> str:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines, none of them verified."""

    text: bytes
    signatures: tuple[SignatureLine, ...]

    def __post_init__(self) -> None:
        """Refuse what C2SP does not accept as a note."""
        try:
            self.text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NoteError("the note's text is not UTF-8") from error
        if not self.text.endswith(b"\n") or _TEXT_CONTROL.search(self.text):
            raise NoteError("the note's text holds a control character or ends without newline")
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise NoteError(f"a note has between 1 and {MAX_SIGNATURES} signature lines")
        if len(self.format()) > MAX_NOTE_BYTES:
            raise NoteError(f"the note is longer than {MAX_NOTE_BYTES} bytes")

    @classmethod
    def parse(cls, data: bytes, limit: int = MAX_NOTE_BYTES) -> Note:
        """Read a signed note of at most `limit` bytes; exact inverse of `format`."""
        if len(data) > limit:
            raise NoteError(f"the note is longer than {limit} bytes")
        at = data.rfind(b"\n\n")
        text, lines = data[: at + 1], data[at + 2 :]
        if at < 0 or not lines.endswith(b"\n"):
            raise NoteError("the note has no signatures after an empty line")
        if lines.count(b"\n") > MAX_SIGNATURES:
            raise NoteError(f"a note has between 1 and {MAX_SIGNATURES} signature lines")
        try:
            decoded = lines[:-1].decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise NoteError("the note's signature lines are not UTF-8") from error
        return cls(text, tuple(SignatureLine.parse(line) for line in decoded))

    def format(self) -> bytes:
        """The note's bytes."""
        lines = "".join(line.format() for line in self.signatures)
        return self.text + b"\n" + lines.encode("utf-8")


def known_lines(
    note: Note, verifiers: Iterable[VerifierKey]
) -> list[tuple[SignatureLine, VerifierKey]]:
    """The lines whose name and key id belong to a known key, in the note's order.

    Lines of unknown keys are left out and never count. NoteError if two different known keys
    share name and key id: then nobody could say which of them signed.
    """
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise NoteError(f"two different keys named {verifier.name} share a key id")
    pairs = ((line, known.get((line.name, line.key_id))) for line in note.signatures)
    return [(line, verifier) for line, verifier in pairs if verifier is not None]


def failed(name: str, error: NoteError) -> NoteError:
    """The error for a whole note that the bad signature of a known key `name` spoils."""
    return NoteError(f"the signature of {name} fails: {error.message}", error.remedy)


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note with the keys that verifiably signed its text, each public key once."""

    note: Note
    verified: tuple[VerifierKey, ...]

    @property
    def text(self) -> bytes:
        """The text, now covered by a known key."""
        return self.note.text


def open_note(data: bytes, verifiers: Iterable[VerifierKey]) -> OpenedNote:
    """Verify a note's type 01 signatures over its text (C2SP signed-note, "Signatures").

    Lines of unknown keys are ignored. NoteError if a known key's signature fails, if no known
    key signed, or if a verifier has another type: those sign checkpoints, see `checkpoint`.
    """
    note = Note.parse(data)
    if note.text.startswith(_COSIGNATURE_HEADER):
        raise NoteError("the text is the message of a cosignature, not a note of its own")
    verified: dict[bytes, VerifierKey] = {}
    for line, verifier in known_lines(note, verifiers):
        if verifier.type != ED25519:
            raise NoteError(f"the key {verifier.name} signs checkpoints only")
        try:
            ed25519.verify(verifier.public, line.signature, note.text)
        except NoteError as error:
            raise failed(verifier.name, error) from error
        verified.setdefault(verifier.public, verifier)
    if not verified:
        raise NoteError("the note has no signature by a known key")
    return OpenedNote(note, tuple(verified.values()))

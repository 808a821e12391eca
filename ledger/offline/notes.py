r"""What is signed, read: verifier keys, signed notes, checkpoints, commits, entries, proofs.

The formats are those of `ledger.tlog` (C2SP signed-note, tlog-checkpoint, tlog-proof, and the
commit note of Muniment); parsers are canonical, limits are checked before decoding. All of them
raise `ValueError`. Parsing proves nothing: see `check`.

The exporter's note is a signed note with one Ed25519 line, by the key that it names:

    <origin>/bundle/<the bundle's UUID, 32 hex digits>
    muniment-evidence 2
    manifest-sha256 <64 hex of manifest-sha256.txt>
    tagmanifest-sha256 <64 hex of tagmanifest-sha256.txt>
    checkpoint <size> <base64 root>
    scope <kind> <id>                          or: scope period <from>/<to>
    exported <YYYY-MM-DDTHH:MM:SS.mmmZ>
    exporter <key name> <8 hex key id>

>>> parse_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").name
'example.com/foo'
>>> note = parse_note("A text.\n\n— example.com/foo Uw2QOgAA\n".encode())
>>> note.text, note.lines[0].name, note.lines[0].key_id.hex(), note.lines[0].signature
(b'A text.\n', 'example.com/foo', '530d903a', b'\x00\x00')
"""

from __future__ import annotations

import binascii
import re
from datetime import date
from hashlib import sha256
from typing import List, NamedTuple, Tuple

from . import ed25519
from .events import TIME
from .merkle import EMPTY_ROOT

MAX_NOTE_BYTES = 1 << 20
MAX_SIGNATURES = 100
MAX_KEY_CHARACTERS = 4096
MAX_NAME_BYTES = 1024
MAX_COMMIT_BYTES = 16_384
MAX_COUNT = 10_000
MAX_SIZE = 2**63 - 1
MAX_HASHES = 63
MAX_ORIGIN_BYTES = 255
POSSESSION = "possession"

_DASH = "— "
_CONTROL = re.compile(r"[\x00-\x1f]")
_TEXT_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile("0|[1-9][0-9]{0,18}")
_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_ORIGIN = re.compile(r"[a-z0-9.-]+(/[a-z0-9._-]+)*")
# 32 bytes in base64: the last letter before the padding carries two stray bits, which are zero.
_HASH = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="
_COMMIT = re.compile(
    "([a-z0-9.-]+(?:/[a-z0-9._-]+)*)/commit/([0-9a-f]{32})\n"
    "([1-9][0-9]{0,4})\n"
    "(" + _HASH + ")\n"
    "seen (0|[1-9][0-9]{0,18}) (" + _HASH + ")\n"
    "(?:until (" + TIME + ")\n)?"
    "client muniment/[0-9A-Za-z.+-]{1,32}\n"
    "((?:signer [!-*,-~]+ [0-9a-f]{8} [a-z_]{1,32}\n)+)"
)
_ACCEPTED = re.compile("accepted (" + TIME + ")\n")
_EXPORTER = re.compile(
    "([a-z0-9.-]+(?:/[a-z0-9._-]+)*)/bundle/([0-9a-f]{32})\n"
    "muniment-evidence 2\n"
    "manifest-sha256 ([0-9a-f]{64})\n"
    "tagmanifest-sha256 ([0-9a-f]{64})\n"
    "checkpoint (0|[1-9][0-9]{0,18}) (" + _HASH + ")\n"
    "scope ((?:record|handover|subject|destruction_case|actor) [a-z_]{3,24}-[0-9a-f-]{36}"
    "|period " + TIME + "/" + TIME + ")\n"
    "exported (" + TIME + ")\n"
    "exporter ([!-*,-~]+) ([0-9a-f]{8})\n"
)


class Key(NamedTuple):
    """A verifier key: an Ed25519 key (32 bytes) under a name; `key_id` also tells its type."""

    name: str
    key_id: bytes
    public: bytes


class Line(NamedTuple):
    """One signature as written: a claim until it is verified."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text and its signature lines."""

    text: bytes
    lines: List[Line]


class Head(NamedTuple):
    """The head of a tree: what the three lines of a checkpoint say."""

    origin: str
    size: int
    root: bytes


class Signer(NamedTuple):
    """Who must sign, with which key, in which capacity."""

    name: str
    key_id: bytes
    capacity: str


class Commit(NamedTuple):
    """A commit note: `events` of them under `root`, signed by `signers` who had seen a state."""

    origin: str
    events: int
    root: bytes
    seen_size: int
    seen_root: bytes
    signers: List[Signer]
    text: bytes
    lines: List[Line]


class Entry(NamedTuple):
    """A leaf of the ledger's tree: when it was accepted, and the signed commit note's bytes."""

    accepted: str
    note: bytes
    commit: Commit


class Proof(NamedTuple):
    """That a leaf stands at index `leaf` of the tree which the note at the end claims."""

    leaf: int
    hashes: List[bytes]
    note: bytes


class ExporterNote(NamedTuple):
    """What the exporter says of a bundle, and the one signature line."""

    origin: str
    bundle: str
    manifest: str
    tag_manifest: str
    size: int
    root: bytes
    scope: str
    exported: str
    name: str
    key_id: bytes
    text: bytes
    line: Line


# -- parts ---------------------------------------------------------------------------------------


def _base64(text: str) -> bytes:
    data = binascii.a2b_base64(text.encode("ascii"))
    # Compared after re-encoding: decoders skip foreign characters and ignore stray bits.
    if encode_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def encode_base64(data: bytes) -> str:
    """Base64 with padding, without line breaks."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def parse_hash(text: str) -> bytes:
    """A SHA-256 hash in canonical base64."""
    digest = _base64(text)
    if len(digest) != 32:
        raise ValueError("a hash does not have 32 bytes")
    return digest


def _decimal(text: str) -> int:
    if _DECIMAL.fullmatch(text) is None or int(text) > MAX_SIZE:
        raise ValueError("not a decimal number below 2**63")
    return int(text)


def _check_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(c.isspace() for c in name):
        raise ValueError("a key name is empty, or holds a space, a plus or a control character")
    if len(name.encode("utf-8")) > MAX_NAME_BYTES:
        raise ValueError("a key name is too long")


def _check_head(size: int, root: bytes) -> None:
    if size > MAX_SIZE or (size == 0 and root != EMPTY_ROOT):
        raise ValueError("a size is too large, or 0 without the empty root")


def check_time(time: str) -> None:
    """Raise `ValueError` for a time of the right form that names no moment (30 February)."""
    date.fromisoformat(time[:10])


def check_origin(origin: str) -> None:
    """Raise `ValueError` for what may not be the origin of a ledger."""
    if _ORIGIN.fullmatch(origin) is None or len(origin) > MAX_ORIGIN_BYTES:
        raise ValueError("not the form of a ledger's origin")
    if not {"commit", "a"}.isdisjoint(origin.split("/")):
        raise ValueError("a ledger's origin has no segment 'commit' or 'a'")


def key_id(name: str, public: bytes, prefix: bytes = b"\1") -> bytes:
    """The four bytes that, with the name, say which key signed (C2SP signed-note)."""
    return sha256(name.encode("utf-8") + b"\n" + prefix + public).digest()[:4]


def parse_vkey(text: str) -> Key:
    """A verifier key of type 01, `name+hex+base64`: it signs notes and checkpoints."""
    return _key(text, b"\1")


def parse_cosigner(text: str) -> Key:
    """A verifier key of type 04: it cosigns checkpoints at a time (C2SP tlog-cosignature)."""
    return _key(text, b"\4")


def _key(text: str, kind: bytes) -> Key:
    match = _VKEY.fullmatch(text) if len(text) <= MAX_KEY_CHARACTERS else None
    if match is None:
        raise ValueError("a verifier key does not have the form name+hex+base64")
    data = _base64(match[3])
    name, identity, public = match[1], bytes.fromhex(match[2]), data[1:]
    _check_name(name)
    if data[:1] != kind:
        raise ValueError("the verifier key is not of the type that is needed here")
    ed25519.check_public_key(public)
    if key_id(name, public, kind) != identity:
        raise ValueError("the verifier key's id is not the hash of its name and key")
    return Key(name, identity, public)


# -- notes ---------------------------------------------------------------------------------------


def _line(text: str) -> Line:
    name, space, blob = text[len(_DASH) :].partition(" ")
    if not text.startswith(_DASH) or not space:
        raise ValueError("a signature line does not have the form '— name base64'")
    _check_name(name)
    data = _base64(blob)
    if len(data) <= 4:
        raise ValueError("a signature line needs a key id of 4 bytes and a signature")
    return Line(name, data[:4], data[4:])


def _lines(data: bytes) -> List[Line]:
    if data[-1:] != b"\n" or data.count(b"\n") > MAX_SIGNATURES:
        raise ValueError("a note has between 1 and 100 signature lines")
    return [_line(line) for line in data[:-1].decode("utf-8").split("\n")]


def parse_note(data: bytes) -> Note:
    """A signed note (C2SP signed-note)."""
    if len(data) > MAX_NOTE_BYTES:
        raise ValueError("the note is too long")
    at = data.rfind(b"\n\n")
    text = data[: at + 1]
    if at < 0 or _TEXT_CONTROL.search(text):
        raise ValueError("the note has no signatures, or a control character")
    text.decode("utf-8")
    return Note(text, _lines(data[at + 2 :]))


def parse_head(text: bytes) -> Head:
    """The three lines of a checkpoint; nothing follows them."""
    lines = text.decode("utf-8").split("\n")
    if len(lines) != 4 or lines[3] or not lines[0] or _CONTROL.search(lines[0]):
        raise ValueError("a checkpoint has exactly three lines")
    head = Head(lines[0], _decimal(lines[1]), parse_hash(lines[2]))
    _check_head(head.size, head.root)
    return head


def parse_cosignature(line: Line, text: bytes) -> Tuple[bytes, bytes]:
    """What a cosigner signed (time and checkpoint), and the 64 bytes of its signature."""
    if len(line.signature) != 72:
        raise ValueError("a cosignature has a time of 8 bytes and a signature of 64")
    at = int.from_bytes(line.signature[:8], "big")
    return b"cosignature/v1\ntime %d\n" % at + text, line.signature[8:]


def _in_order(keys: List[Tuple[str, bytes]]) -> bool:
    return all(this < following for this, following in zip(keys, keys[1:]))


def parse_commit(data: bytes) -> Commit:
    """A signed commit note: one Ed25519 line per named signer, in order, and nothing else."""
    if len(data) > MAX_COMMIT_BYTES:
        raise ValueError("the commit note is too long")
    text, _, lines = data.partition(b"\n\n")
    text += b"\n"
    match = _COMMIT.fullmatch(text.decode("ascii"))
    if match is None:
        raise ValueError("the commit note's text is not as the format has it")
    origin, _, count, root, seen_size, seen_root, until, named = match.groups()
    check_origin(origin)
    rows = [line.split(" ") for line in named.split("\n")[:-1]]
    signers = [Signer(name, bytes.fromhex(hexed), capacity) for _, name, hexed, capacity in rows]
    commit = Commit(
        origin, int(count), parse_hash(root), int(seen_size), parse_hash(seen_root), signers, text,
        _lines(lines),
    )  # fmt: skip
    _check_head(commit.seen_size, commit.seen_root)
    if commit.events > MAX_COUNT:
        raise ValueError("a commit has at most 10,000 events")
    if until is not None:
        check_time(until)
        if sum(signer.capacity != POSSESSION for signer in signers) < 2:
            raise ValueError("a commit that is not joint carries no 'until'")
    keys = [(signer.name, signer.key_id) for signer in signers]
    if not _in_order(keys) or [(line.name, line.key_id) for line in commit.lines] != keys:
        raise ValueError("the signature lines are not those of the named signers, in order")
    if any(len(line.signature) != 64 for line in commit.lines):
        raise ValueError("a commit note is signed with Ed25519 lines of 64 bytes")
    return commit


def parse_entry(data: bytes) -> Entry:
    """An entry: `accepted <time>`, newline, a signed commit note."""
    match = _ACCEPTED.match(data[:64].decode("ascii", "replace"))
    if match is None:
        raise ValueError("an entry does not begin with the time it was accepted")
    check_time(match[1])
    note = data[match.end() :]
    return Entry(match[1], note, parse_commit(note))


def parse_proof(data: bytes) -> Proof:
    """A C2SP tlog-proof without extra data; the note at its end is not looked into."""
    if len(data) > MAX_NOTE_BYTES:
        raise ValueError("the proof is too long")
    top, separator, note = data.partition(b"\n\n")
    lines = top.decode("ascii").split("\n")
    if not separator or lines[0] != "c2sp.org/tlog-proof@v1" or len(lines) > MAX_HASHES + 2:
        raise ValueError("the proof does not begin as it must")
    if len(lines) < 2 or not lines[1].startswith("index "):
        raise ValueError("the proof has no index line in its place")
    return Proof(_decimal(lines[1][6:]), [parse_hash(line) for line in lines[2:]], note)


def parse_exporter(data: bytes) -> ExporterNote:
    """The exporter's note (module docstring)."""
    note = parse_note(data)
    match = _EXPORTER.fullmatch(note.text.decode("ascii"))
    if match is None:
        raise ValueError("the exporter's note is not as the format has it")
    origin, bundle, manifest, tags, size, root, scope, exported, name, hexed = match.groups()
    check_origin(origin)
    check_time(exported)
    line = note.lines[0]
    if len(note.lines) != 1 or (line.name, line.key_id.hex()) != (name, hexed):
        raise ValueError("the exporter's note has another signature line than it names")
    return ExporterNote(
        origin, bundle, manifest, tags, _decimal(size), parse_hash(root), scope, exported, name,
        line.key_id, note.text, line,
    )  # fmt: skip

r"""A witness: it cosigns a checkpoint only if that continues the one it cosigned last.

Its rules are those of C2SP tlog-witness, whether a request comes over HTTP (`witness_http`) or in a
file (`witness_file`). A request, each line ending with newline, at most 64 KiB:

    old <size>                 of the checkpoint cosigned last; 0 if there is none
    <base64 hash>              0 to 63 lines: the RFC 6962 consistency proof from there
    (empty line)
    <checkpoint>               the signed note

The answer has one status:

    200   cosigned; the signature lines                404   no key of this origin is pinned
    400   not of this form, or old above the size      403   no pinned key signed, or one's fails
    409   old is not what was cosigned last            422   it does not continue what was
                                                             cosigned last

A checkpoint has exactly three lines; extension lines, and so commit notes, are refused (400). What
is refused with 422 although the log signed it is kept, with evidence of the fork where the request
gives it: of the same size always, of another size if its proof leads to the new root. A cosignature
never has an earlier time than the last one of this log.

>>> request = Request(2, (bytes(32),), b"example.com/log\n...")
>>> print(request.format().decode())
old 2
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
<BLANKLINE>
example.com/log
...
>>> Request.parse(request.format()) == request
True

A witness whose name ends in `/index` certifies (`witness_file`): it answers nothing over HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

from ledger.errors import NoteError, ProofError, UsageError
from ledger.folder import sync_folder, write_atomically
from ledger.keyfile import open_key, write_key
from ledger.privatekey import PrivateKey, generate, is_key_name
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint, cosign_checkpoint, parse_decimal, parse_root
from ledger.tlog.fork import Fork
from ledger.tlog.merkle import EMPTY_ROOT, consistency_roots, verify_growth
from ledger.tlog.note import Note, SignatureLine, VerifierKey, encode_base64, known_lines
from ledger.witness_state import (
    FORMAT,
    KEY,
    MARKER,
    Cosigned,
    WitnessFolder,
    open_folder,
)

MAX_REQUEST_BYTES: Final = 65_536
MAX_HASHES: Final = 63
OK: Final = 200
MALFORMED: Final = 400
UNSIGNED: Final = 403
UNKNOWN: Final = 404
CONFLICT: Final = 409
INCONSISTENT: Final = 422
_OLD: Final = "old "


class Request(NamedTuple):
    """What a witness is asked: `old` size, proof from there, and the checkpoint note."""

    old: int
    hashes: tuple[bytes, ...]
    note: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a request; exact inverse of `format`. Raises `NoteError`."""
        if len(data) > MAX_REQUEST_BYTES:
            raise NoteError(f"the request is longer than {MAX_REQUEST_BYTES} bytes")
        head, empty, note = data.partition(b"\n\n")
        if not empty:
            raise NoteError("the request has no empty line before the checkpoint")
        return cls(*parse_proof(head + b"\n"), note)

    def format(self) -> bytes:
        """The request's bytes."""
        return format_proof(self.old, self.hashes) + b"\n" + self.note


def parse_proof(data: bytes) -> tuple[int, tuple[bytes, ...]]:
    """Old size and hashes of a request's first part. Raises `NoteError`."""
    try:
        old, *lines = data.decode("ascii").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise NoteError("the proof is not ASCII") from None
    if not data.endswith(b"\n") or not old.startswith(_OLD):
        raise NoteError("the proof does not begin with a line 'old <size>'")
    if len(lines) > MAX_HASHES:
        raise NoteError(f"a consistency proof has at most {MAX_HASHES} hashes")
    size = parse_decimal(old.removeprefix(_OLD), "the old size")
    return size, tuple(parse_root(line, "a hash of the proof") for line in lines)


def format_proof(old: int, hashes: tuple[bytes, ...]) -> bytes:
    """The lines that `parse_proof` reads."""
    return "\n".join([f"{_OLD}{old}", *map(encode_base64, hashes), ""]).encode("ascii")


class Answer(NamedTuple):
    """What a witness says: a status of tlog-witness and why, in words.

    `lines`: the cosignature, for 200; `last`: the size cosigned last, for 409; `fork`: the name of
    the evidence kept, if the log has signed two histories.
    """

    status: int
    reason: str
    lines: bytes = b""
    last: int | None = None
    fork: str | None = None


class _Head(NamedTuple):
    """A checkpoint's text before it is known that a tree of size 0 has the empty root."""

    origin: str
    size: int
    root: bytes
    note: Note


class Witness:
    """A witness with its key, ready to be asked, by several threads or processes at once.

    `clock`: POSIX seconds. Every answer 200 is on the disk before it is given.
    """

    def __init__(
        self, folder: WitnessFolder, key: PrivateKey, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder = folder
        self._key = key
        self._clock = clock

    def answer(self, body: bytes) -> Answer:
        """Judge one request. Raises `VerificationError` or `MunimentError` where state is bad."""
        try:
            request = Request.parse(body)
            head = _read_head(request.note)
        except NoteError as error:
            return Answer(MALFORMED, error.message)
        keys = self.folder.trusted(head.origin)
        if not keys:
            return Answer(UNKNOWN, "no key of this origin is pinned here")
        lines = _signed(head.note, keys)
        if not lines:
            return Answer(UNSIGNED, "no key that is pinned for this origin signed the checkpoint")
        if request.old > head.size:
            return Answer(MALFORMED, "the old size is above the checkpoint's")
        with self.folder.locked(head.origin):
            last = self.folder.last(head.origin)
            signed = Note(head.note.text, lines)
            refused = self._refusal(request, head, last, signed)
            return refused or self._cosign(head, last, signed)

    def latest(self, name: str) -> bytes | None:
        """The last checkpoint cosigned of the log whose origin has this SHA-256, in hex.

        None if there is none. Waits for one that is being written down: it may not be on the disk.
        """
        origin = self.folder.origin_of(name)
        if origin is None:
            return None
        with self.folder.locked(origin):
            last = self.folder.last(origin)
        return last.note if last is not None else None

    def _refusal(
        self, request: Request, head: _Head, last: Cosigned | None, signed: Note
    ) -> Answer | None:
        """Why a checkpoint that the log signed is not cosigned; None if it continues the last."""
        size, root = (last.head.size, last.head.root) if last else (0, EMPTY_ROOT)
        if head.size == size and head.root != root:
            return self._kept(head, last, signed, "it is of the size cosigned last, and differs")
        if request.old != size:
            return Answer(CONFLICT, "another size was cosigned last", last=size)
        try:
            verify_growth(size, head.size, root, head.root, request.hashes)
        except ProofError:
            reason = "the proof does not show that it continues what was cosigned last"
            return self._kept(head, last, signed, reason, request.hashes)
        return None

    def _kept(
        self,
        head: _Head,
        last: Cosigned | None,
        signed: Note,
        reason: str,
        hashes: tuple[bytes, ...] = (),
    ) -> Answer:
        """422; what the log signed is kept, and evidence if it excludes what was cosigned."""
        self.folder.keep(head.origin, "refused", signed.format())
        fork = _evidence(head, last, signed, hashes)
        name = self.folder.keep(head.origin, "forks", fork.format()) if fork else None
        return Answer(INCONSISTENT, reason, fork=name)

    def _cosign(self, head: _Head, last: Cosigned | None, signed: Note) -> Answer:
        checkpoint = Checkpoint(head.origin, head.size, head.root)
        moment = max(int(self._clock()), last.time if last else 0)
        line = cosign_checkpoint(checkpoint, self._key, moment)
        note = Note(signed.text, (*signed.signatures, line)).format()
        self.folder.replace(head.origin, last, note)
        return Answer(OK, "cosigned", line.format().encode("utf-8"))


def _read_head(data: bytes) -> _Head:
    """The three lines of a checkpoint; a false empty root is judged later (422, not 400)."""
    note = Note.parse(data, MAX_REQUEST_BYTES)
    lines = note.text.decode("utf-8").split("\n")
    if len(lines) == 4 and lines[1] == "0":  # noqa: PLR2004  three lines and what follows them
        Checkpoint(lines[0], 0, EMPTY_ROOT)
        return _Head(lines[0], 0, parse_root(lines[2], "the checkpoint's root"), note)
    head = Checkpoint.parse(note.text)
    return _Head(head.origin, head.size, head.root, note)


def _signed(note: Note, keys: tuple[VerifierKey, ...]) -> tuple[SignatureLine, ...]:
    """The lines of pinned keys, one each; none if nobody known signed, or a known one's fails."""
    found: dict[VerifierKey, SignatureLine] = {}
    for line, key in known_lines(note, keys):
        try:
            ed25519.verify(key.public, line.signature, note.text)
        except NoteError:
            return ()
        found.setdefault(key, line)
    return tuple(found.values())


def _evidence(
    head: _Head, last: Cosigned | None, signed: Note, hashes: tuple[bytes, ...]
) -> Fork | None:
    """What shows the fork, if what is at hand shows one: both notes are verified already.

    Of the same size the two roots do. Of another size the proof does, if it leads to the new root
    from another one than was cosigned; where that is a power of two, proofs leave it out.
    """
    if last is None or head.size < last.head.size:
        return None
    if head.size == last.head.size:
        return Fork.between(last.note, signed.format())
    with suppress(ProofError):
        old, new = consistency_roots(last.head.size, head.size, last.head.root, hashes)
        if new == head.root:
            return Fork.between(last.note, signed.format(), old, hashes)
    return None


# -- made, opened ------------------------------------------------------------------------------


def init_witness(path: Path, name: str, passphrase: bytes) -> WitnessFolder:
    """Make a witness with a new key of its own in `path`, new or empty.

    Raises `UsageError` for a folder with something in it, or a name that is no key's.
    """
    if not is_key_name(name) or not {"commit", "a"}.isdisjoint(name.split("/")):
        raise UsageError(
            "that cannot be the name of a witness's key; nothing was made",
            "printable ASCII without space and '+', as in auditor.example/witness, and without a "
            "part 'a' or 'commit'",
        )
    return _made(path, generate("ed25519", "cosign", name), passphrase)


def enrolled_witness(path: Path, key_file: Path, passphrase: bytes) -> WitnessFolder:
    """Make a witness with the key that an actor enrolled to cosign; the file is copied.

    Raises `UsageError` for a folder with something in it and for a key of another purpose,
    `KeyAccessError` for a file that does not open.
    """
    key = open_key(f"file:{key_file.name}", passphrase, key_file.parent)
    if key.purpose != "cosign" or key.kind != "ed25519":
        raise UsageError(
            "the key is not one to cosign with; nothing was made",
            "muniment key enrol --purpose cosign",
        )
    return _made(path, key, passphrase)


def _made(path: Path, key: PrivateKey, passphrase: bytes) -> WitnessFolder:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError("the folder is not empty; nothing was made", "name a new folder")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_key(path / KEY, key, passphrase)
    marker = f'format = "{FORMAT}"\nname = "{_toml(key.name)}"\n'
    write_atomically(path / MARKER, marker.encode("utf-8"))
    sync_folder(path.absolute().parent)
    return open_folder(path)


def _toml(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def open_witness(path: Path, passphrase: Callable[[], bytes]) -> Witness:
    """A witness with its key opened. Raises `NoLedgerError`, `KeyAccessError`."""
    folder = open_folder(path)
    return Witness(folder, open_key(f"file:{KEY}", passphrase(), path))

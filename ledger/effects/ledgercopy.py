r"""A copy of a ledger by itself, without keystore, vault and private keys: made, and read again.

The copy is a folder that can be read and verified as it is (`muniment -L COPY verify`):

    copy.note         what is in the copy, signed by the ledger's own key
    checkpoint.txt    the signed state that the copy stands at
    ledger.db         the log and the projections, in one file without a write-ahead log
    muniment.toml, trust/ledger.vkey      as they lie in the ledger's folder
    trust/cosigners, trust/policy, trust/tsa.pem      likewise, those that are there: whose
                      cosignatures and time-stamps the ledger's keeper believes

The text of copy.note, each line ending with newline; files are in the order of their names:

    <ledger origin>/copy
    muniment-ledger-copy 1
    checkpoint <entries> <base64 root>
    made <time>
    file <SHA-256> <bytes> <name>         one for each other file

The database holds events, sealed ciphertexts, policy packs: nothing that can be read without the
keystore, and no key. Left out are the erasable tables (`LEFT_OUT`): tokens by which people and
content are recognised live in one place only (DESIGN 6), and rows go straight from database to
database, so that they are never written into the copy at all.

A copy of the kind `replica` is for another party (`replica`): it lacks the sealed ciphertexts, too,
its first two lines say `<ledger origin>/replica` and `muniment-ledger-replica 1`, its muniment.toml
says `replica = true` and nothing of where the ledger's keys lie, and whom that party believes is
for itself to say: nothing of it goes along.

>>> made = Manifest(
...     "example.com/ledger",
...     3,
...     bytes(32),
...     "2026-11-22T08:00:00.000Z",
...     (CopiedFile("ledger.db", 4096, "ab" * 32),),
... )
>>> print(made.format().decode(), end="")
example.com/ledger/copy
muniment-ledger-copy 1
checkpoint 3 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
made 2026-11-22T08:00:00.000Z
file abababababababababababababababababababababababababababababababab 4096 ledger.db
>>> Manifest.parse(made.format()) == made
True
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self, get_args

import sqlalchemy as sa

from ledger.application import Ledger
from ledger.errors import (
    LockedError,
    MunimentError,
    NoteError,
    UsageError,
    VerificationError,
)
from ledger.folder import MARKER, Folder, read_limited, sync_folder, write_atomically
from ledger.migrations import upgrade
from ledger.rebuild import make_tables
from ledger.schema import METADATA, engine_for
from ledger.signing import now
from ledger.tlog.checkpoint import Checkpoint, check_head, check_origin, parse_decimal, parse_root
from ledger.tlog.note import Note, SignatureLine, VerifierKey, encode_base64, open_note
from ledger.verification.stored import verify_folder
from projections import METADATA as PROJECTIONS

NOTE: Final = "copy.note"
CHECKPOINT: Final = "checkpoint.txt"
DATABASE: Final = "ledger.db"
VKEY: Final = "trust/ledger.vkey"
FILES: Final = (CHECKPOINT, DATABASE, MARKER, VKEY)
"""The files of every copy besides its note, in order."""
BELIEVED: Final = tuple(f"trust/{name}" for name in ("cosigners", "policy", "tsa.pem"))
"""Files that go along where the ledger has them: public, and of whoever keeps it."""

LOG: Final = (
    "events", "commits", "tiles", "checkpoints", "packs", "anchors", "sealed", "signers", "head",
)  # fmt: skip
"""The tables of the log that are copied, to the row; the projections come with them."""

TEXTS: Final = "sealed"
"""The table of sealed ciphertexts, which another party does not get."""

LEFT_OUT: Final = frozenset({
    "tokens", "subject_tokens", "subject_places", "subject_coverage",
})  # fmt: skip
"""The tables that live in one place only, so that erasing there is erasing."""

UNFINISHED: Final = ".{}.unfinished"
_FORMAT: Final = "muniment-ledger-{} 1"
Kind = Literal["copy", "replica"]
_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_LIMIT: Final = 65_536
_MOST_BELIEVED: Final = (1 << 20) + 1
_CHUNK: Final = 1 << 20
_FILE: Final = re.compile(r"file ([0-9a-f]{64}) (0|[1-9][0-9]{0,18}) ([a-z./]+)")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")

Progress = Callable[[int], None]


class CopiedFile(NamedTuple):
    """A file of a copy: its name, size in bytes, and SHA-256 in hex."""

    name: str
    size: int
    digest: str


class Manifest(NamedTuple):
    """What a copy is of: the ledger's origin, its head, when it was made, and the files."""

    origin: str
    entries: int
    root: bytes
    made: str
    files: tuple[CopiedFile, ...]
    kind: Kind = "copy"

    def format(self) -> bytes:
        """The text of copy.note, as the module says."""
        head = (
            f"{self.origin}/{self.kind}\n{_FORMAT.format(self.kind)}\n"
            f"checkpoint {self.entries} {encode_base64(self.root)}\nmade {self.made}\n"
        )
        files = "".join(f"file {one.digest} {one.size} {one.name}\n" for one in self.files)
        return (head + files).encode("ascii")

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read a text; exact inverse of `format`. Raises `NoteError`."""
        try:
            first, form, head, made, *files = text.decode("ascii").removesuffix("\n").split("\n")
        except ValueError:
            raise NoteError("the text is no list of a ledger's copy") from None
        origin, _slash, kind = first.rpartition("/")
        _, size, root, *more = [*head.split(" "), "", ""][:5]
        found = [_FILE.fullmatch(line) for line in files]
        kinds = [known for known in _KINDS if known == kind and form == _FORMAT.format(known)]
        if not kinds or any(more) or not all(found):
            raise NoteError("the text is no list of a ledger's copy")
        check_origin(origin)
        entries, tree = parse_decimal(size, "the copy's size"), parse_root(root, "the copy's root")
        check_head(entries, tree)
        listed = tuple(CopiedFile(f[3], int(f[2]), f[1]) for f in found if f)
        read = cls(origin, entries, tree, made.removeprefix("made "), listed, kinds[0])
        if read.format() != text or not _TIME.fullmatch(read.made):
            raise NoteError("the text is no list of a ledger's copy")
        return read

    @property
    def checkpoint(self) -> Checkpoint:
        """The state that the copy stands at."""
        return Checkpoint(self.origin, self.entries, self.root)


class CopyMade(NamedTuple):
    """A copy that was read back and verified; `verdict`: of `verify` on it."""

    folder: Path
    manifest: Manifest
    verdict: str

    @property
    def size(self) -> int:
        """Its size in bytes, without the note."""
        return sum(one.size for one in self.manifest.files)


def copy_ledger(
    ledger: Ledger, target: Path, progress: Progress | None = None, *, kind: Kind = "copy"
) -> CopyMade:
    """Copy a ledger that is open for writing into the folder `target`, new or empty.

    `kind`: a `replica` is without sealed texts, for another party. Signs a checkpoint over the
    state copied, reads everything back from the disk and verifies it; `target` is there whole, or
    not at all. Raises `UsageError` for a target that cannot be one, `VerificationError` if the copy
    does not verify (then the ledger does not, either), `KeyAccessError` without the ledger's key.
    """
    if target.resolve().is_relative_to(ledger.folder.path.resolve()):
        raise UsageError(
            "the copy would lie inside the ledger's own folder; nothing was copied",
            "name another place, on another disk if you can",
        )
    made = now()
    with made_whole(target) as part:
        checkpoint = ledger.sign_checkpoint()
        (part / "trust").mkdir(mode=0o700)
        _copy_database(ledger.folder.database, part / DATABASE, kind)
        write_atomically(part / VKEY, read_limited(ledger.folder.path / VKEY, _LIMIT))
        if kind == "replica":
            Folder(part).write_settings(ledger.origin, replica=True)
        else:
            write_atomically(part / MARKER, read_limited(ledger.folder.path / MARKER, _LIMIT))
        write_atomically(part / CHECKPOINT, checkpoint)
        believed = _copy_believed(ledger.folder, part) if kind == "copy" else ()
        head = Checkpoint.parse(Note.parse(checkpoint).text)
        names = sorted((*FILES, *believed))
        files = tuple(file_in(part, name) for name in names)
        manifest = Manifest(ledger.origin, head.size, head.root, made, files, kind)
        write_atomically(part / NOTE, _signed(ledger, manifest))
        report = verify_folder(Folder(part), trust=ledger.folder.pinned_key(), progress=progress)
        if kind == "replica":
            report = report.without("sealed_missing")
        if report.verdict == "invalid" or {file_in(part, name) for name in names} != {*files}:
            raise VerificationError(
                "the copy does not verify, so it was not kept", "muniment verify; muniment doctor"
            )
    return CopyMade(target, manifest, report.verdict)


def _copy_believed(folder: Folder, part: Path) -> list[str]:
    """Copy what is there of `BELIEVED`; the names of it."""
    there = []
    for name in BELIEVED:
        with suppress(FileNotFoundError):
            write_atomically(part / name, read_limited(folder.path / name, _MOST_BELIEVED))
            there.append(name)
    return there


def _copy_database(source: Path, target: Path, kind: Kind) -> None:
    """Every row of the tables that are copied, in one snapshot, into a new database."""
    log = [name for name in LOG if kind == "copy" or name != TEXTS]
    engine = engine_for(target)
    place = str(source.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        with engine.connect() as connection:
            # A file of our own that is flushed whole at the end, and thrown away if that fails.
            for pragma in ("journal_mode=OFF", "synchronous=OFF"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
            upgrade(connection)
            make_tables(connection)
            connection.exec_driver_sql("ATTACH ? AS source", (f"file:{place}?mode=ro",))
            connection.exec_driver_sql("BEGIN")
            for table in [*(METADATA.tables[name] for name in log), *PROJECTIONS.sorted_tables]:
                _copy_rows(connection, table)
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("DETACH source")
    except sa.exc.DBAPIError as error:
        raise MunimentError(
            "the ledger cannot be copied ({cause}); nothing was kept",
            "free some space where the copy goes, or look at the disk",
            cause=error.orig,
        ) from None
    finally:
        engine.dispose()
    _flush(target)


def _copy_rows(connection: sa.Connection, table: sa.Table) -> None:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    connection.exec_driver_sql(
        f'INSERT INTO main."{table.name}" ({columns}) '  # noqa: S608  names of our own tables
        f'SELECT {columns} FROM source."{table.name}"'
    )


def _signed(ledger: Ledger, manifest: Manifest) -> bytes:
    key = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
    text = manifest.format()
    line = SignatureLine(key.name, key.verifier.key_id, key.sign(text))
    return Note(text, (line,)).format()


# -- read again -------------------------------------------------------------------------------


def read_manifest(copy: Path, kind: Kind = "copy") -> tuple[bytes, Manifest]:
    """The note of a copy of this kind and what it says, whoever signed it: see `check_signed`.

    Raises `UsageError` where there is no copy, `VerificationError` for a note that is none.
    """
    try:
        note = read_limited(copy / NOTE, _LIMIT)
    except OSError as error:
        raise UsageError(
            "there is no copy of a ledger: copy.note cannot be read ({cause}); nothing was changed",
            "name the folder that muniment ledger copy made",
            cause=error.strerror,
        ) from None
    try:
        manifest = Manifest.parse(Note.parse(note).text)
    except NoteError as error:
        raise VerificationError(
            "copy.note is damaged: {cause}; nothing was changed",
            "take another copy",
            cause=error.message,
        ) from None
    if manifest.kind != kind:
        raise UsageError(
            "that is a {found} of a ledger and not a {wanted}; nothing was changed",
            "a copy with sealed texts is made by muniment ledger copy, one without them, for "
            "another party, by muniment replica make",
            found=manifest.kind,
            wanted=kind,
        )
    names = [one.name for one in manifest.files]
    more = {*names} - {*FILES}
    allowed = BELIEVED if kind == "copy" else ()
    if names != sorted({*FILES, *more}) or not more <= {*allowed}:
        raise VerificationError("copy.note names other files than a copy has; nothing was changed")
    return note, manifest


def check_signed(note: bytes, keys: list[VerifierKey]) -> None:
    """Raise `VerificationError` unless one of the ledger's own keys signed the note of a copy."""
    try:
        open_note(note, keys)
    except NoteError as error:
        raise VerificationError(
            "the ledger's own key did not sign copy.note: {cause}; nothing was changed",
            "take another copy",
            cause=error.message,
        ) from None


def take_file(copy: Path, listed: CopiedFile, target: Path) -> None:
    """Copy one file of a copy, flushed. Raises `VerificationError` if it is not the one listed."""
    digest, size = copy_file(copy / listed.name, target)
    if (size, digest) != (listed.size, listed.digest):
        raise VerificationError(
            "{name} in the copy is not what was copied; nothing was changed",
            "take another copy",
            name=listed.name,
        )


def copy_file(source: Path, target: Path) -> tuple[str, int]:
    """Copy a regular file to a new one, flushed; SHA-256 in hex and size of what was read."""
    digest, size = sha256(), 0
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(reading, "rb") as read, os.fdopen(os.open(target, flags, 0o600), "wb") as out:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            size += out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest(), size


def file_in(folder: Path, name: str) -> CopiedFile:
    """A file as it lies in a folder, read from the device where that can be had."""
    digest, size = sha256(), 0
    with (folder / name).open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return CopiedFile(name, size, digest.hexdigest())


# -- a folder that is there whole or not at all -----------------------------------------------


@contextmanager
def made_whole(final: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when all of it is on the disk, or is taken away again.

    It is made beside `final`, which must be missing or empty. What a run that was killed left
    there is removed first. Raises `UsageError`, `LockedError` while another process fills it.
    """
    final = final.absolute()
    if os.path.lexists(final) and (
        final.is_symlink() or not final.is_dir() or any(final.iterdir())
    ):
        raise UsageError(
            "the folder named is there and not empty, or is no folder; nothing was changed",
            "name one that is not there yet",
        )
    part = final.with_name(UNFINISHED.format(final.name))
    with closing(_Claim(part)):
        try:
            yield part
            _flush_all(part)
            part.rename(final)
            sync_folder(final.parent)
        except (OSError, sa.exc.DBAPIError) as error:
            raise MunimentError(
                "the folder cannot be written ({cause}); nothing was kept",
                "free some space, or look at the disk",
                cause=cause_of(error),
            ) from None
        finally:
            shutil.rmtree(part, ignore_errors=True)


class _Claim:
    """An empty folder that no other process fills at the same time."""

    def __init__(self, part: Path) -> None:
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            part.mkdir(mode=0o700, exist_ok=True)
            self._descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise UsageError(
                "the folder cannot be made there ({cause}); nothing was changed",
                "name another place",
                cause=error.strerror,
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in list(part.iterdir()):
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        except BlockingIOError:
            self.close()
            raise LockedError(
                "another process is making this folder; nothing was changed", "wait until it ended"
            ) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self._descriptor)


def cause_of(error: OSError | sa.exc.DBAPIError) -> str:
    """What the system or the database says was wrong, without what was being written."""
    return str(error.strerror if isinstance(error, OSError) else error.orig)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_all(folder: Path) -> None:
    """Return when all files and names under a folder are on the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        _flush(path)
    _flush(folder)

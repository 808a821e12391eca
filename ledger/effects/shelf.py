"""Where copies are put: a folder that grows under another name, or a bucket (`offsite`).

In a folder, `<target>/backup-<UUID>/holding-<UUID of the copy>`: no name says whose records they
are. What is being made lies in `backup-<UUID>.part`; every file is flushed and read again from its
device; then the folder gets its name. Until the commit that records it stands, a file `.muniment`
lies in the folder:

    muniment unfinished backup/v1
    <origin of the ledger>
    <SHA-256 of its entry 0, hex>

Whatever ends a run early (a full disk, a refusal, a killed process), nothing of it is recorded, and
its folder is removed at once or by the next run into the same target. Only folders with this very
file, which this ledger has not recorded, and in which nothing else lies, are removed: what is
recorded has no such file, so a ledger restored from an older state never takes it for unfinished.
Nothing is put before that file is safe on the disk: a folder without it holds nobody's records.
Restores and drills put their files in the same way, into `restore-<UUID>` and `drill-<UUID>`; what
lies there is in clear, so whatever of it is removed again is overwritten with zeros first. A run
that was killed leaves the one file that it was at (a drill), or those it had brought back so far (a
restore), until the next one into the same target; no other command knows of them.

>>> print(marker("example.com/ledger", b"").decode(), end="")
muniment unfinished backup/v1
example.com/ledger
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Final, Protocol, TypeVar

import sqlalchemy as sa

from ledger.application import Ledger
from ledger.effects.manifest import MARKER, NAME
from ledger.effects.places import check_outside, digest_of, place_fields
from ledger.effects.removing import overwrite
from ledger.errors import MunimentError, UsageError
from ledger.folder import sync_folder, write_atomically
from ledger.schema import COMMITS
from ledger.sources import CHUNK
from ledger.stream import Sink
from ledger.vault import FEW, syncfs

_T = TypeVar("_T")

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FOLDER: Final = re.compile(rf"((?:backup|restore|drill)-{_UUID})(?:\.part)?")
"""What the folder of a backup, a restore or a drill is called, unfinished or not."""
OURS: Final = re.compile(rf"holding-{_UUID}|{re.escape(MARKER)}|{re.escape(NAME)}")
"""What lies in it."""
_HALF: Final = re.compile(rf"\.{re.escape(MARKER)}\.[0-9a-f]{{16}}\.tmp")
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OVER: Final = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SAME: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_WITHIN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Known = Callable[[str, Sequence[str]], bool]
"""`known(name of a folder, names in it)`: whether the ledger has recorded what lies there."""


class Shelf(Protocol):
    """One folder of copies being made, in a file system or a bucket.

    Whatever goes wrong with it raises `MunimentError`; errors of what is put pass through.
    """

    def begin(self) -> None:
        """Mark it as unfinished; from here on things can be put."""

    def put(self, name: str, write: Callable[[Sink], _T]) -> _T:
        """Write something new; nothing is left of it if `write` raises."""

    def digest(self, name: str) -> str:
        """The SHA-256 (hex) of what was put, flushed and read again from where it lies."""

    def remove(self, name: str) -> None:
        """Take back what was put."""

    def place(self, name: str) -> dict[str, str]:
        """What is sealed about where something lies: `location`, and what it takes to get there.

        An empty name: the folder itself.
        """

    def finish(self) -> None:
        """All of it is there: give it its name, and its locks."""

    def recorded(self) -> None:
        """The commit stands. What is left undone here, the next run does."""

    def undo(self) -> None:
        """Remove everything, as far as that is possible."""


class Target(Protocol):
    """Where folders of copies are made.

    `until`: the last day (YYYY-MM-DD, UTC) of the lock that everything gets; None: no lock.
    """

    until: str | None

    def check(self, ledger: Ledger) -> None:
        """Raise `UsageError` if nothing can be put here."""

    def check_apart(self, folders: set[bytes]) -> None:
        """Raise `UsageError` if records lie in one of these folders and would lie with it."""

    def clean(self, marker: bytes, known: Known) -> int:
        """Remove what earlier runs of the ledger with this marker have left; how many."""

    def shelf(self, name: str, marker: bytes) -> Shelf:
        """A folder that is not there yet."""


def marker(origin: str, entry_zero: bytes) -> bytes:
    """What lies in the folder of a backup of this ledger while it is unfinished."""
    digest = sha256(entry_zero).hexdigest()
    return f"muniment unfinished backup/v1\n{origin}\n{digest}\n".encode("ascii")


def marker_of(ledger: Ledger) -> bytes:
    """The marker of a ledger."""
    with ledger.engine.connect() as connection:
        query = sa.select(COMMITS.c.data).where(COMMITS.c.entry == 0)
        return marker(ledger.origin, bytes(connection.execute(query).scalar_one()))


def known_to(ledger: Ledger) -> Known:
    """What this ledger has recorded: a backup by its id, what was restored by the copies in it."""

    def known(folder: str, names: Sequence[str]) -> bool:
        if folder.startswith("backup-"):
            return ledger.state(folder) is not None
        if folder.startswith("drill-"):  # a drill's files are no copies of anybody's
            return False
        copies = [name for name in names if name.startswith("holding-")]
        return bool(copies) and ledger.state(copies[0]) is not None

    return known


@contextmanager
def on_target() -> Iterator[None]:
    """Errors of the disk that is written to, told apart from those of the sources."""
    try:
        yield
    except OSError as error:
        raise MunimentError(
            "the folder for the copies cannot be written ({cause}); nothing of this run was "
            "recorded, and what had been copied is removed",
            "free some space, or look at the disk",
            cause=error.strerror,
        ) from None


# -- a folder -----------------------------------------------------------------------------------


class FolderTarget:
    """A folder on a disk, best on another one than the originals."""

    until: str | None = None

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100  not resolved: the name as given

    def check(self, ledger: Ledger) -> None:
        """It must be there, and outside the ledger's own."""
        if not self.path.is_dir():
            raise UsageError(
                "the folder for the copies is not there; nothing was copied",
                "make the folder, or mount the disk that it is on",
            )
        check_outside(ledger, self.path)

    def check_apart(self, folders: set[bytes]) -> None:
        """Refuse a target in a folder that records lie in: it would be collected with them."""
        target = self.path.resolve()
        above = {os.fsencode(folder) for folder in (target, *target.parents)}
        if any(os.path.realpath(folder) in above for folder in folders):
            raise UsageError(
                "the folder for the copies lies in a folder that the records lie in; "
                "nothing was copied",
                "name a folder elsewhere, on another disk if you can",
            )

    def clean(self, marker: bytes, known: Known) -> int:
        """Remove this ledger's unfinished folders; how many there were."""
        removed = 0
        with on_target():
            names = sorted(os.listdir(self.path))  # noqa: PTH208  names only
        for name in names:
            found, folder = FOLDER.fullmatch(name), self.path / name
            if found is None or _marker_in(folder) != marker:
                if found is not None and name.endswith(".part"):
                    _remove_shell(folder, marker)
                continue
            if known(found[1], sorted(os.listdir(folder))):  # noqa: PTH208  names
                _finish(folder)  # ended between the commit and the last step
            else:
                with on_target():
                    removed += remove_folder(folder)
        return removed

    def shelf(self, name: str, marker: bytes) -> FolderShelf:
        """A folder in it."""
        return FolderShelf(self.path / name, marker)


class FolderShelf:
    """A folder that gets its name when everything is in it."""

    def __init__(self, folder: Path, marker: bytes) -> None:
        self.folder = folder
        self._part = folder.with_name(f"{folder.name}.part")
        self._marker = marker
        self._descriptor = -1
        self._in_clear = _in_clear(folder)
        self._unflushed: list[str] = []

    def begin(self) -> None:
        """Make the folder with its marker."""
        with on_target():
            self._part.mkdir(mode=0o700)
            write_atomically(self._part / MARKER, self._marker)
            sync_folder(self._part.parent)
            self._descriptor = os.open(self._part, _WITHIN)

    def put(self, name: str, write: Callable[[Sink], _T]) -> _T:
        """Write a new file; those that were written since are flushed when one is read again."""
        with on_target():
            out = os.open(name, _NEW, 0o600, dir_fd=self._descriptor)
        try:
            done = write(_File(out))
        except BaseException:
            with suppress(OSError):
                _unlink(name, self._descriptor, in_clear=self._in_clear)
            raise
        finally:
            os.close(out)
        self._unflushed.append(name)
        return done

    def digest(self, name: str) -> str:
        """Read a file again."""
        with on_target():
            self._flush()
            descriptor = os.open(name, _SAME, dir_fd=self._descriptor)
            with BufferedReader(FileIO(descriptor), CHUNK) as file:
                return digest_of(file)

    def _flush(self) -> None:
        """What was written, on its device; of many with one flush (`syncfs`), where that tells."""
        names, self._unflushed = self._unflushed, []
        everything = syncfs()
        if everything is not None and len(names) > FEW:
            everything(self._descriptor)
            return
        for name in names:
            descriptor = os.open(name, _SAME, dir_fd=self._descriptor)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._unflushed = [one for one in self._unflushed if one != name]
        with on_target():
            _unlink(name, self._descriptor, in_clear=self._in_clear)

    def place(self, name: str) -> dict[str, str]:
        """The path under the name that the folder will have."""
        fields = place_fields(os.fsencode(self.folder / name if name else self.folder), "")
        del fields["content"]
        return fields

    def finish(self) -> None:
        """Give the folder its name."""
        with on_target():
            self._flush()
            sync_folder(self._part)
            self._part.rename(self.folder)
            sync_folder(self.folder.parent)

    def recorded(self) -> None:
        """Take the marker away."""
        self._close()
        _finish(self.folder)

    def undo(self) -> None:
        """Remove the folder, whichever name it has."""
        self._close()
        for folder in (self._part, self.folder):
            with suppress(OSError):
                remove_folder(folder)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class _File:
    """An open file as something that takes all that is written to it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes, /) -> None:
        with on_target():
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


def _marker_in(folder: Path) -> bytes | None:
    if folder.is_symlink():
        return None
    with suppress(OSError):
        descriptor = os.open(folder / MARKER, _SAME | os.O_NONBLOCK)
        with FileIO(descriptor) as file:
            return file.read(4096)
    return None


def remove_folder(folder: Path) -> bool:
    """Remove a folder in which nothing lies but copies, their list and the marker, that one last.

    Contents in clear are overwritten first; what cannot be stays, with the marker (`OSError`).
    Whether it was removed: not if anything else lies in it.
    """
    descriptor = os.open(folder, _WITHIN)
    try:
        names = os.listdir(descriptor)  # noqa: PTH208  of what was opened
        if not all(OURS.fullmatch(name) for name in names):
            return False
        for name in sorted(names, key=lambda name: (name == MARKER, name)):
            _unlink(name, descriptor, in_clear=_in_clear(folder) and name.startswith("holding-"))
    finally:
        os.close(descriptor)
    folder.rmdir()
    sync_folder(folder.parent)
    return True


def _in_clear(folder: Path) -> bool:
    """Whether what lies in a folder of this name are contents, and not what encrypts them."""
    return not folder.name.startswith("backup-")


def _unlink(name: str, folder: int, *, in_clear: bool) -> None:
    """Remove a file of an open folder; `in_clear`: overwritten first, on its device.

    A link is removed as one, and what has a second name is not overwritten: it is not ours alone.
    """
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if in_clear and stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        file = os.open(name, _OVER, dir_fd=folder)
        try:
            overwrite(file, os.fstat(file).st_size)
        finally:
            os.close(file)
    os.unlink(name, dir_fd=folder)


def _remove_shell(folder: Path, marker: bytes) -> None:
    """Remove a folder that was made and got no marker: it is empty, or has one half written."""
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208  names
            half = folder / name
            if not _HALF.fullmatch(name) or not marker.startswith(half.read_bytes()):
                return
            half.unlink()
        folder.rmdir()


def _finish(folder: Path) -> None:
    with suppress(OSError):
        (folder / MARKER).unlink(missing_ok=True)
        sync_folder(folder)


def sealed_place(shelf: Shelf, name: str, digest: str) -> Mapping[str, str]:
    """What is sealed about a copy on a shelf: where it lies, and the SHA-256 of its content."""
    return {**shelf.place(name), "content": digest}

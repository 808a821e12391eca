r"""The vault: encrypted contents, each an object in a file that is called by its ciphertext.

    vault/ab/cdef…        one object (`ledger.stream`), named by the SHA-256 of all its bytes: the
                          first two hex digits are its folder, the other 62 its name
    vault/.0123….tmp      an object that is being written; of no use to anybody

Files have mode 0600, folders 0700. Nothing here is ever in clear, and no name says anything about a
content: what lies in an object, and under which data key, says the event that created the copy.

Objects are there before that event: they are written under other names, get their own, and are made
durable together, with one flush for many of them (`syncfs`, where its errors can be relied on). A
run that is killed leaves at most objects that no event names: the next writer takes them out
(`ledger.sweeping`). An object is never overwritten: two writings of one content differ in salt and
key.

>>> import tempfile, io
>>> vault = Vault(Path(tempfile.mkdtemp()))
>>> staged = vault.stage(io.BytesIO("客户资料".encode()), bytes(32))
>>> vault.keep([staged])
>>> [found.object == staged.made.object for found in vault.objects()]
[True]
>>> vault.path_of("ab" * 32).relative_to(vault.path).as_posix()[:8]
'ab/ababa'
"""

from __future__ import annotations

import ctypes
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Final, NamedTuple, Self

from msgspec import Struct

from ledger import sources
from ledger.errors import MunimentError
from ledger.keystore import Keystore
from ledger.sources import Found, Reading
from ledger.stream import CHUNK_BYTES, Encrypted, Source, encrypt

FOLDER: Final = "vault"
LOCATION: Final = "vault"
"""What is sealed as the location of a copy that lies here."""

_OBJECT: Final = re.compile(r"[0-9a-f]{64}")
_SHELF: Final = re.compile(r"[0-9a-f]{2}")
_REST: Final = re.compile(r"[0-9a-f]{62}")
_TEMPORARY: Final = re.compile(r"\.[0-9a-f]{16}\.tmp")
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FEW: Final = 4  # so many are flushed one by one: `syncfs` waits for everybody else's data too
_AHEAD: Final = 4  # chunks that are encrypted before the disk has taken them


class Staged(NamedTuple):
    """An object that is written whole under a temporary name, and is not durable yet."""

    made: Encrypted
    temporary: str


class Stored(NamedTuple):
    """A file of the vault: an object, or what is left of a writing that was broken off.

    `object`: its name, empty for what has none; `size` in bytes; `changed`: seconds since 1970.
    """

    path: Path
    object: str
    size: int
    changed: float


class Vault:
    """The encrypted contents of one ledger; `folder` is the ledger's."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FOLDER
        self._shelves: set[str] = set()
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what writing had opened; closing twice is harmless."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def path_of(self, name: str) -> Path:
        """The file of an object, there or not. Raises `ValueError` for what is no object's name."""
        if not _OBJECT.fullmatch(name):
            msg = "an object is named by 64 hexadecimal digits"
            raise ValueError(msg)
        return self.path / name[:2] / name[2:]

    # -- writing -----------------------------------------------------------------------------

    def stage(self, source: Source, key: bytes) -> Staged:
        """Encrypt a content under its data key (32 bytes), reading `source` to its end.

        Raises `MunimentError` when the disk does not take it; errors of `source` pass through.
        Nothing is left of it then.
        """
        self._open()
        temporary = f".{os.urandom(8).hex()}.tmp"
        with _on_disk():
            descriptor = os.open(temporary, _NEW, 0o600, dir_fd=self._descriptor)
        try:
            with _Writing(descriptor) as sink:
                return Staged(encrypt(source, sink, key), temporary)
        except BaseException:
            self._unlink(temporary)
            raise

    def keep(self, staged: Sequence[Staged]) -> None:
        """Give objects their names; all of them are on the disk when this returns.

        Raises `MunimentError` when the disk does not take them; then none of them is there.
        """
        if not staged:
            return
        self._open()
        try:
            with _on_disk():
                for one in staged:
                    self._name(one)
                self._flush(staged)
        except BaseException:
            self.drop(staged)
            raise

    def drop(self, staged: Sequence[Staged]) -> None:
        """Remove objects that no event names, kept or not; what cannot be removed is a stray."""
        for one in staged:
            self._unlink(one.temporary)
            with suppress(OSError):
                self.path_of(one.made.object).unlink()

    def _open(self) -> None:
        """Open the vault before anything is written: `syncfs` tells of errors from then on."""
        if self._descriptor >= 0:
            return
        with _on_disk():
            if not self.path.is_dir():
                self.path.mkdir(mode=0o700, exist_ok=True)
                _fsync(self.path.parent, _FOLDER)
            self._descriptor = os.open(self.path, _FOLDER)

    def _name(self, one: Staged) -> None:
        shelf, rest = one.made.object[:2], one.made.object[2:]
        if shelf not in self._shelves:
            with suppress(FileExistsError):
                os.mkdir(shelf, 0o700, dir_fd=self._descriptor)
            self._shelves.add(shelf)
        os.rename(
            one.temporary, f"{shelf}/{rest}",
            src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor,
        )  # fmt: skip

    def _flush(self, staged: Sequence[Staged]) -> None:
        """Data and names, on the disk."""
        flush = syncfs()
        if flush is not None and len(staged) > FEW:
            flush(self._descriptor)
            return
        paths = [self.path_of(one.made.object) for one in staged]
        for path in paths:
            _fsync(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        for shelf in {path.parent for path in paths}:
            _fsync(shelf, _FOLDER)
        os.fsync(self._descriptor)

    def _unlink(self, temporary: str) -> None:
        with suppress(OSError):
            (self.path / temporary).unlink()

    # -- what lies here ----------------------------------------------------------------------

    def objects(self) -> Iterator[Stored]:
        """Every object, by folder; whether it is what its name says is not looked at."""
        for shelf in sorted(_names(self.path)):
            if _SHELF.fullmatch(shelf):
                for rest in sorted(_names(self.path / shelf)):
                    if _REST.fullmatch(rest):
                        yield from _stored(self.path / shelf / rest, shelf + rest)

    def strays(self, known: Callable[[str], bool]) -> Iterator[Stored]:
        """What no event names: objects that are not `known`, and writings broken off."""
        for name in sorted(_names(self.path)):
            if _TEMPORARY.fullmatch(name):
                yield from _stored(self.path / name, "")
        for found in self.objects():
            if not known(found.object):
                yield found


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  names
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stored(path: Path, name: str) -> Iterator[Stored]:
    with suppress(FileNotFoundError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode):
            yield Stored(path, name, found.st_size, found.st_mtime)


class _Writing:
    """A new file that takes chunks: beside the encryption of the next ones, once there are more.

    The disk's errors are raised by `write`, or at the end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._first: list[bytes] = []
        self._size = 0
        self._thread: Thread | None = None
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = Semaphore(_AHEAD)
        self._error: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, data: bytes) -> None:
        """Take a piece of an object."""
        if self._thread is None:
            self._first.append(data)
            self._size += len(data)
            if self._size < 2 * CHUNK_BYTES:  # a small object is one write, and no thread
                return
            data = b"".join(self._first)
            self._thread = Thread(target=self._work, daemon=True)
            self._thread.start()
        self._room.acquire()
        self._queue.put(data)
        self._raise()

    def __exit__(self, kind: object, *_: object) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
        elif kind is None:
            self._put(b"".join(self._first))
        try:
            os.close(self._descriptor)
        except OSError as error:
            self._error = self._error or error
        if kind is None:
            self._raise()

    def _work(self) -> None:
        while (data := self._queue.get()) is not None:
            self._put(data)
            self._room.release()

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest and self._error is None:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise _not_taken(self._error)


class _on_disk:  # noqa: N801  used as a statement
    """Errors of the disk that the vault is on, told apart from those of what is read."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise _not_taken(error) from None


def _not_taken(error: OSError) -> MunimentError:
    return MunimentError(
        "the vault cannot be written ({cause}); what was being stored is not in it",
        "make room, or look at the disk, and do it again",
        cause=error.strerror or "",
    )


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def syncfs() -> Callable[[int], None] | None:
    """Flushes a whole file system, None where that is not there or does not tell of errors.

    Linux says of failed writes in `syncfs` since 5.8 (syncfs(2)); before, only `fsync` does.
    """
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if os.uname().sysname != "Linux" or release is None:
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if function is None or (int(release[1]), int(release[2])) < (5, 8):
        return None

    def flush(descriptor: int) -> None:
        if function(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return flush


# -- contents on their way here -----------------------------------------------------------------

HELD_BYTES: Final = 1 << 25
"""When so much waits in memory, it is time to `keep` it."""


class Taken(Struct):
    """A content on its way into the vault: in memory, or already encrypted under a key."""

    data: bytes = b""
    staged: Staged | None = None
    key: tuple[str, bytes] = ("", b"")

    @property
    def content(self) -> str:
        """The SHA-256 (hex) of the plain bytes."""
        return self.staged.made.content if self.staged else sha256(self.data).hexdigest()


class Kept(NamedTuple):
    """An object that is in the vault, and the data key that it is under."""

    object: str
    key: tuple[str, bytes]


class Storing:
    """Contents read once and put into the vault: what is not recorded does not stay there.

    For whoever holds the writer's lock and has swept (`ledger.sweeping`). What one chunk holds
    waits in memory; more is encrypted as it is read.
    """

    def __init__(self, folder: Path, keystore: Keystore) -> None:
        self._keystore = keystore
        self._vault = Vault(folder)
        self._written: dict[str, tuple[Staged, str]] = {}  # with the id of its data key
        self._kept: list[tuple[Staged, str]] = []
        self.held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: bytes) -> tuple[Found, Taken]:
        """Read a file, whose digest is that of the bytes taken. Raises `SourceFault`."""
        taken: list[Taken] = []

        def through(reading: Reading) -> bytes:
            taken.append(self.take(reading))
            return bytes.fromhex(taken[0].content)

        return sources.read(path, through), taken[0]

    def take(self, source: Source) -> Taken:
        """Read a content to its end."""
        start = b""
        while len(start) <= CHUNK_BYTES and (more := source.read(CHUNK_BYTES + 1 - len(start))):
            start += more
        if len(start) <= CHUNK_BYTES:
            self.held += len(start)
            return Taken(start)
        key = self._keystore.new_keys(1)[0]
        return Taken(staged=self._stage(_Chained(start, source), key), key=key)

    def _stage(self, source: Source, key: tuple[str, bytes]) -> Staged:
        try:
            staged = self._vault.stage(source, key[1])
        except BaseException:
            self._shred([key[0]])
            raise
        self._written[staged.temporary] = staged, key[0]
        return staged

    def forget(self, stored: Taken) -> None:
        """This one is not wanted after all."""
        self.held -= len(stored.data)
        if stored.staged is not None:
            self._drop([self._written.pop(stored.staged.temporary)])

    def keep(self, wanted: Sequence[Taken]) -> list[Kept]:
        """Put contents into the vault, durably; whatever else was read does not stay.

        Raises `MunimentError` when the disk does not take them; then none is there.
        """
        waiting = [stored for stored in wanted if stored.staged is None]
        for stored, key in zip(waiting, self._keystore.new_keys(len(waiting)), strict=True):
            stored.key, stored.staged = key, self._stage(BytesIO(stored.data), key)
        staged = {s.staged.temporary: s.staged for s in wanted if s.staged is not None}
        self._vault.keep(list(staged.values()))
        self._kept += [self._written[name] for name in staged]
        self._written = {n: one for n, one in self._written.items() if n not in staged}
        self.leave()
        kept = zip(staged.values(), wanted, strict=True)
        return [Kept(one.made.object, stored.key) for one, stored in kept]

    @contextmanager
    def recording(self, stands: Callable[[], bool]) -> Iterator[None]:
        """Record what was kept in here; what is not recorded does not stay, nor does its key.

        `stands`: whether the commit is recorded. When the disk failed nobody knows yet: it may be
        found in the database's log when that is opened again. Then the next writer sees.
        """
        kept, self._kept = self._kept, []
        try:
            yield
        except BaseException as error:
            if kept and _fell_through(error, stands):
                self._drop(kept)
            raise

    def leave(self) -> None:
        """Nothing of what was read and not kept is wanted."""
        self._drop(list(self._written.values()))
        self._written, self.held = {}, 0

    def close(self) -> None:
        """Take out what was not recorded."""
        self.leave()
        kept, self._kept = self._kept, []
        self._drop(kept)
        self._vault.close()

    def _drop(self, unwanted: Sequence[tuple[Staged, str]]) -> None:
        """Take objects out that no event names, and shred their data keys."""
        self._vault.drop([staged for staged, _key in unwanted])
        self._shred([key for _staged, key in unwanted])

    def _shred(self, keys: Sequence[str]) -> None:
        if keys:
            with suppress(MunimentError):  # a failing disk: they open nothing that is there
                self._keystore.shred(*keys)


def _fell_through(error: BaseException, stands: Callable[[], bool]) -> bool:
    """Whether a commit that ended with an error is surely not recorded."""
    ours = isinstance(error, MunimentError) and type(error) is not MunimentError
    with suppress(Exception):  # of a ledger that cannot answer now: the next writer sees
        return (ours or not isinstance(error, Exception)) and not stands()
    return False


class _Chained:
    """What was read already, and then the rest."""

    def __init__(self, start: bytes, rest: Source) -> None:
        self._start, self._rest = start, rest

    def read(self, size: int, /) -> bytes:
        if self._start:
            start, self._start = self._start[:size], self._start[size:]
            return start
        return self._rest.read(size)


def texts_of(name: str, content: str) -> dict[str, str]:
    """What is sealed about a copy in the vault: its content, and what its file was called."""
    return {"location": LOCATION, "content": content, "name": name}

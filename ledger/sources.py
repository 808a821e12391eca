"""Files and tables as they are found: named, read once, never trusted.

Nothing here writes. A file is opened without following a link and without waiting for a pipe,
hashed in chunks, and compared with what it was before the reading began. A table (csv, tsv) is
decoded as UTF-8, then UTF-16 (with a byte order mark), then GB18030, whichever fits the whole
file; its first row is the header, a row's content is the JSON array of its cells.
"""

from __future__ import annotations

import codecs
import csv
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from io import BufferedReader, FileIO, TextIOWrapper
from typing import BinaryIO, NamedTuple

import msgspec

CHUNK = 1 << 20
TABLES = frozenset({".csv", ".tsv"})
_FORMS = {
    "audio": frozenset({".wav", ".mp3", ".m4a", ".amr", ".flac", ".ogg", ".wma"}),
    "video": frozenset({".mp4", ".mov", ".avi", ".mkv", ".wmv"}),
}
_MAX_CELL = 1 << 20


class SourceFault(Exception):  # noqa: N818  a state of a source, not a program error
    """Why a source could not be taken; `cause` is a stable code without content."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Found(NamedTuple):
    """A regular file as it was read: what it is called, its bytes' digest and size."""

    path: bytes
    digest: bytes
    size: int
    encoding: str | None
    """How a table is encoded; None for what is no table, or one that no known encoding fits."""


def shown(path: bytes) -> str:
    """A path as text that can be printed, sealed and read back by a person.

    Bytes that are not UTF-8, control characters and backslashes are written as escapes, so that no
    two names look alike.
    """
    text = path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    if text.isprintable():  # nearly every one
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def walk(
    paths: Sequence[str | os.PathLike[str]], leave_out: bytes = b""
) -> Iterator[bytes | tuple[bytes, str]]:
    """Every file under the paths, as absolute path bytes, each once, in byte order by folder.

    What cannot be entered, and links and special files inside a folder, come as
    `(path, cause)`. A link named as a path itself is followed: that is what its caller meant.
    The folder `leave_out` (the ledger's own) is not entered.
    """
    seen: set[bytes] = set()
    try:
        own = os.stat(leave_out) if leave_out else None  # noqa: PTH116  bytes
    except OSError:
        own = None
    for path in paths:
        start = os.fsencode(os.path.abspath(path))  # noqa: PTH100  bytes, and without resolving
        if os.path.islink(start):  # noqa: PTH114
            start = os.path.realpath(start)
        for found in _walk(start, own, top=True):
            key = found if isinstance(found, bytes) else found[0]
            if key not in seen:
                if len(paths) > 1:
                    seen.add(key)
                yield found


def _walk(
    path: bytes, leave_out: os.stat_result | None, *, top: bool = False
) -> Iterator[bytes | tuple[bytes, str]]:
    waiting = [path]  # not recursive: folders lie deeper in each other than Python calls may
    while waiting:
        path = waiting.pop()
        try:
            status = os.lstat(path)
            mode = status.st_mode
            if stat.S_ISDIR(mode) and not (leave_out and os.path.samestat(status, leave_out)):
                names = sorted(os.listdir(path), reverse=True)  # noqa: PTH208  bytes
                waiting += [os.path.join(path, name) for name in names]  # noqa: PTH118  bytes
        except OSError as error:
            yield path, cause_of(error)
            continue
        if stat.S_ISREG(mode):
            yield path
        elif not stat.S_ISDIR(mode):
            yield path, "link" if stat.S_ISLNK(mode) and not top else "not_a_regular_file"
        top = False


def cause_of(error: OSError) -> str:
    """A stable code for an operating-system error, without the name of anything."""
    causes: dict[type[OSError], str] = {
        FileNotFoundError: "vanished",
        PermissionError: "not_readable",
        IsADirectoryError: "not_a_regular_file",
    }
    return causes.get(type(error), "input_output_error")


@contextmanager
def opened(path: bytes) -> Iterator[BufferedReader[FileIO]]:
    """A regular file, opened for reading; checked on leaving to be the file it was on entering.

    Raises `SourceFault`: vanished, not readable, a link, not a regular file, or changed
    meanwhile.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        cause = "link" if os.path.islink(path) else cause_of(error)  # noqa: PTH114
        raise SourceFault(cause) from error
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode):
        os.close(descriptor)
        cause = "not_a_regular_file"
        raise SourceFault(cause)
    with BufferedReader(FileIO(descriptor), CHUNK) as file:
        try:
            yield file
            after = os.fstat(descriptor)
        except OSError as error:
            raise SourceFault(cause_of(error)) from error
        if _identity(before) != _identity(after):
            cause = "changed_while_read"
            raise SourceFault(cause)


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """The content of an open file, piece by piece.

    Raises `SourceFault` for one that grows: it could be written to faster than it is read.
    """
    left = os.fstat(file.fileno()).st_size
    while chunk := file.read(CHUNK):
        left -= len(chunk)
        if left < 0:
            raise SourceFault("changed_while_read")
        yield chunk


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read(path: bytes, through: Through | None = None) -> Found:
    """Read a file whole, once, in flat memory. Raises `SourceFault`.

    `through` does the reading, if its bytes are wanted besides: to the end, and says their SHA-256.
    """
    with opened(path) as file:
        reading = Reading(file, table=is_table(path), most=os.fstat(file.fileno()).st_size)
        digest = through(reading) if through is not None else hashed(reading)
    return Found(path, digest, reading.size, reading.encoding)


class Reading:
    """A content that is being read: how much it was so far, and which encodings fit a table.

    `most`: the size beyond which it has grown meanwhile; it could grow faster than it is read.
    """

    def __init__(self, file: BinaryIO, *, table: bool, most: int | None = None) -> None:
        self._file = file
        self._table = table
        self._most = most
        self._decoders: dict[str, codecs.IncrementalDecoder] | None = None
        self.size = 0

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end. Raises `SourceFault` for one that grows."""
        chunk = self._file.read(size)
        self.size += len(chunk)
        if self._most is not None and self.size > self._most:
            raise SourceFault("changed_while_read")
        if self._table and chunk:
            if self._decoders is None:
                self._decoders = _decoders(chunk)
            _try(self._decoders, chunk)
        return chunk

    @property
    def encoding(self) -> str | None:
        """How a table that was read to its end is encoded; None if it is none, or nobody knows."""
        if self._decoders is None:  # an empty table is a table in any encoding
            return "utf-8" if self._table else None
        _try(self._decoders, b"", final=True)
        return next(iter(self._decoders), None)  # one that none fits is a file like others


Through = Callable[[Reading], bytes]


def hashed(reading: Reading) -> bytes:
    """Read to the end; the SHA-256."""
    digest = sha256()
    while chunk := reading.read(CHUNK):
        digest.update(chunk)
    return digest.digest()


def _decoders(start: bytes) -> dict[str, codecs.IncrementalDecoder]:
    names = ["utf-8-sig", "gb18030"]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        names = ["utf-16"]
    return {name: codecs.getincrementaldecoder(name)() for name in names}


def _try(
    decoders: dict[str, codecs.IncrementalDecoder], chunk: bytes, *, final: bool = False
) -> None:
    for name in list(decoders):
        try:
            decoders[name].decode(chunk, final)
        except UnicodeDecodeError:
            del decoders[name]


def suffix(path: bytes) -> str:
    """The lower-case ending of a path, such as `.csv`."""
    return os.path.splitext(path)[1].decode("ascii", "replace").lower()  # noqa: PTH122  bytes


def is_table(path: bytes) -> bool:
    """Whether a file is called a table, whatever it holds."""
    return suffix(path) in TABLES


def form_of(found: Found) -> str:
    """The `MediumForm` of a file, by its ending; a table that can be read is rows."""
    if found.encoding is not None:
        return "database_rows"
    ending = suffix(found.path)
    fitting = (form for form, endings in _FORMS.items() if ending in endings)
    return next(fitting, "electronic_native")


Opener = Callable[[], AbstractContextManager[BinaryIO]]


def rows(found: Found, again: Opener | None = None) -> Iterator[tuple[int, list[str]]]:
    """The data rows of a table, numbered from 1; the header and empty lines are left out.

    `again` opens its content, if it is no file that could be opened by its path. Raises
    `SourceFault` for a table that cannot be taken apart, or is not the one that was read.
    """
    if found.encoding is None:
        cause = "unknown_encoding"
        raise SourceFault(cause)
    delimiter = "\t" if suffix(found.path) == ".tsv" else ","
    csv.field_size_limit(_MAX_CELL)
    digest = sha256()
    with again() if again is not None else opened(found.path) as file:
        hashing = _Hashing(file, digest)
        text = TextIOWrapper(hashing, found.encoding, newline="")  # type: ignore[type-var]
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        number = 0
        try:
            next(reader, None)
            for cells in reader:
                if cells:
                    number += 1
                    yield number, cells
        except (csv.Error, UnicodeDecodeError) as error:
            cause = "malformed_table"
            raise SourceFault(cause) from error
    if digest.digest() != found.digest:
        cause = "changed_while_read"
        raise SourceFault(cause)


def row_content(cells: list[str]) -> bytes:
    """The bytes whose digest a row's commitment covers: the JSON array of its cells."""
    return msgspec.json.encode(cells)


class _Hashing:
    """Hashes what a reader reads; just enough of a raw stream for `TextIOWrapper`."""

    def __init__(self, file: BinaryIO, digest: object) -> None:
        self._file = file
        self._read1 = file.read1  # type: ignore[attr-defined]  # all that is opened is buffered
        self._update = digest.update  # type: ignore[attr-defined]
        self.closed = False

    def read1(self, size: int = -1) -> bytes:
        chunk: bytes = self._read1(size)
        self._update(chunk)
        return chunk

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._update(chunk)
        return chunk

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing is ever written."""

    def close(self) -> None:
        self.closed = True


def name_of(path: bytes) -> str:
    """The last part of a path, as `shown`."""
    return shown(os.path.basename(path))  # noqa: PTH119  bytes

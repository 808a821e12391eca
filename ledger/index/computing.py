r"""An index computed from event bytes, in memory that does not grow with the ledger.

What an event names is found by a scan of its canonical bytes. In them a string begins with a quote
that stands after `:` (a member's value), after `[` or `,` (a list's item), or after `{` or `,` (a
key, and then a `:` follows it). Inside of a string every quote has a backslash before it, and no
letter or digit can be written as an escape (`ledger.tlog.encoding`): so an id that is there stands
there letter for letter between two quotes, and nothing else can look like one.

(object, stream) pairs are gathered, sorted and written to a temporary file some 80,000 at a time,
and merged from it; the last version of each stream lies in a temporary database. Both hold ids and
digests only, have no name in any folder, and go with the process that made them.
"""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

import msgspec

from ledger.errors import MunimentError
from ledger.tlog.merkle import Frontier

_HEX: Final = b"[0-9a-f]"
_ID: Final = b"[a-z_]{3,24}+-H{8}+-H{4}+-7H{3}+-[89ab]H{3}+-H{12}+".replace(b"H", _HEX)
# The (?!:) at the end: not a key. With a letter that must come first, the scan is twice as fast.
_NAME: Final = b'"(' + _ID + b')(?:/[1-9][0-9]{0,15}+)?+"(?!:)'
_members = re.compile(b":" + _NAME).findall
_anywhere = re.compile(rb"[:,\[]" + _NAME).findall

_PAIRS: Final = 80_000
_STREAMS: Final = 20_000
_AT_ONCE: Final = 10_000
_MERGED: Final = 4 << 20
"""Bytes of all runs together that are merged at a time; each run has its part of them."""


def names(state: bytes) -> set[bytes]:
    """The ids of the objects that canonical event bytes name."""
    return set(_named(state))


def _named(state: bytes) -> list[bytes]:
    return _anywhere(state) if b"[" in state else _members(state)


class _Head(msgspec.Struct, frozen=True, gc=False):
    """Which event it is; whatever else it says is passed over."""

    stream: str
    version: int


_head = msgspec.json.Decoder(_Head).decode


class Root(NamedTuple):
    """What an index comes to: the root of its tree, and how many rows it has."""

    root: bytes
    rows: int


def temporary_file() -> IO[bytes]:
    """A file without a name in any folder. Raises `MunimentError` where there is no room for it."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise _no_room(error) from None


def _no_room(error: Exception) -> MunimentError:
    return MunimentError(
        "an index needs room for temporary files, and could not have it ({cause})",
        "let the variable TMPDIR name a folder on a disk with room",
        cause=type(error).__name__,
    )


class Index:
    """The index over the events added so far; more can be added after it was read.

    To be used as a context manager: its temporary files are gone at the end. Raises
    `MunimentError` where there is no room for them.
    """

    def __init__(self) -> None:
        self._pairs: dict[bytes, list[bytes]] = {}
        self._count = 0
        self._last: dict[bytes, bytes] = {}
        self._runs: list[tuple[int, int]] = []
        self._aggregates: set[bytes] = set()
        self._file = temporary_file()
        self._database = sqlite3.connect("", isolation_level=None)  # temporary, without a name
        for pragma in ("page_size=16384", "cache_size=-16384", "journal_mode=OFF"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute(
            "CREATE TABLE streams (stream BLOB PRIMARY KEY, tail BLOB NOT NULL) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._file.close()
        self._database.close()
        if isinstance(error, OSError | sqlite3.Error):
            raise _no_room(error) from error

    def add(self, states: Iterable[bytes]) -> None:
        """Take the canonical bytes of the events that follow, in the order of their positions.

        Bytes that are no JSON object with a `stream` and a `version` are passed over: whoever
        finds them in a ledger has named them before.
        """
        for state in states:
            try:
                head = _head(state)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            stream = head.stream.encode()
            found = _named(state)
            if stream not in found:
                continue
            self._last[stream] = b" %d " % head.version + sha256(b"\0" + state).hexdigest().encode()
            self._name(stream, found)
            if self._count >= _PAIRS or len(self._last) >= _STREAMS:
                self._flush()

    def _name(self, stream: bytes, found: Iterable[bytes]) -> None:
        """Note what an event of a stream names; that it names the stream is understood."""
        for name in found:
            if name == stream:
                continue
            streams = self._pairs.get(name)
            if streams is None:
                self._pairs[name] = [stream]
            elif streams[-1] != stream:
                streams.append(stream)
            else:
                continue
            self._count += 1

    def _flush(self) -> None:
        start = self._file.seek(0, os.SEEK_END)
        for named in (self._pairs, self._last):
            self._aggregates.update({name[:-37] for name in named})
        for name in sorted(self._pairs):
            streams = sorted(set(self._pairs[name]))
            self._file.write(b"".join([b"%b %b\n" % (name, stream) for stream in streams]))
        end = self._file.tell()
        if end > start:
            self._runs.append((start, end))
        self._file.flush()
        self._pairs, self._count = {}, 0
        tails, self._last = sorted(self._last.items()), {}
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR REPLACE INTO streams VALUES (?, ?)", tails)
        self._database.execute("COMMIT")

    def rows(self) -> Iterator[list[bytes]]:
        """The texts of all rows, in order, some thousand at a time."""
        self._flush()
        pairs = _merged([self._own, *map(self._run, self._runs)])
        lines = self._tailed(pairs)
        while some := list(islice(lines, _AT_ONCE)):
            yield some

    def _tailed(self, pairs: Iterable[bytes]) -> Iterator[bytes]:
        """Each pair with version and leaf of its stream.

        Streams often follow each other as they do in the table, so the next one is tried first.
        """
        cursor = self._database.cursor()
        asked = "SELECT stream, tail FROM streams WHERE stream >= ? ORDER BY stream"
        found: tuple[bytes, bytes] = (b"", b"")
        for pair in pairs:
            stream = pair[pair.index(b" ") + 1 : -1]
            if found[0] != stream:
                found = cursor.fetchone() or (b"", b"")
                if found[0] != stream:
                    found = cursor.execute(asked, (stream,)).fetchone()
            yield pair[:-1] + found[1]

    @property
    def aggregates(self) -> list[bytes]:
        """The kinds of ids in the rows, sorted."""
        return sorted(self._aggregates)

    def root(self, progress: Callable[[int], None] | None = None) -> Root:
        """Root and number of rows; `progress` is told how many rows were hashed."""
        edge = Frontier()
        for texts in self.rows():
            edge.extend([sha256(b"\0" + text).digest() for text in texts])
            if progress is not None:
                progress(edge.size)
        return Root(edge.root(), edge.size)

    def _own(self, room: int) -> Iterator[list[bytes]]:
        """Every stream names itself."""
        found = self._database.cursor().execute("SELECT stream FROM streams ORDER BY stream")
        while some := found.fetchmany(max(room // 100, 1)):
            yield [b"%b %b\n" % (stream, stream) for (stream,) in some]

    def _run(self, ends: tuple[int, int]) -> Callable[[int], Iterator[list[bytes]]]:
        def read(room: int) -> Iterator[list[bytes]]:
            at, end = ends
            while at < end:
                part = os.pread(self._file.fileno(), min(max(room, 256), end - at), at)
                part = part[: part.rindex(b"\n") + 1]
                at += len(part)
                yield part.splitlines(keepends=True)

        return read


def _merged(sources: Iterable[Callable[[int], Iterator[list[bytes]]]]) -> Iterator[bytes]:
    """The lines of sorted sources, sorted, each once.

    What is not above the lowest of the last lines read is complete; sorting it is merging, for
    Python's sort takes runs that are sorted already as they are.
    """
    opened = list(sources)
    live = [source(_MERGED // len(opened)) for source in opened]
    waiting: list[list[bytes]] = [[] for _ in live]
    while live:
        for at in reversed(range(len(live))):
            if not waiting[at] and not (more := next(live[at], [])):
                del live[at], waiting[at]
            elif not waiting[at]:
                waiting[at] = more
        if not live:
            return
        bound = min(lines[-1] for lines in waiting)
        ready: list[bytes] = []
        for at, lines in enumerate(waiting):
            split = bisect_right(lines, bound)
            ready += lines[:split]
            waiting[at] = lines[split:]
        ready.sort()
        yield from dict.fromkeys(ready)

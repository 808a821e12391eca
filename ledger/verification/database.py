"""A ledger's database as verification reads it: nothing written, nothing believed.

The file is opened read-only, frames of an existing write-ahead log included, in one snapshot. Where
the folder cannot be written and there is no log, SQLite is told that the file does not change. A
page that cannot be read, a missing table or a truncated file is a finding, never a crash.

It needs neither SQLAlchemy nor a ledger's folder, so that a process that examines a range is
quickly at work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

from ledger.databasefile import disguised, prepare, read_uris, unopened
from ledger.errors import NewerFormatError
from ledger.verification.rows import (
    AnchorRow,
    CheckpointRow,
    CommitRow,
    CoveredRow,
    DamagedError,
    EventRow,
    HeadRow,
    ReshapedError,
    SealedRow,
)

_MOST_DAMAGE: Final = 100

# Of a damaged file even the error message may be none that Python can decode.
UNREADABLE: Final = (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError, OverflowError)
_EVENTS: Final = "SELECT position, stream, version, topic, entry, state FROM events"
# The entry is compared as it is stored: a column by itself would take the text "5" for a 5.
_COVERED: Final = (
    "SELECT stream, version, topic, state FROM events "
    "WHERE position >= ? AND position < ? AND +entry = ? ORDER BY position"
)
_COMMITS: Final = 'SELECT entry, first, "count", id, data, leaves FROM commits'

# Almost every page is read once, in order. Those held should fit into the processor's cache.
_FEW_PAGES: Final = "PRAGMA cache_size=-320"

# Over all events this reads the index on (stream, version) alone, where the version before is next
# door; over new ones only, the table by position.
_VERSION_FAULTS: Final = (
    "SELECT position FROM events AS e WHERE {} version <> 1 AND NOT EXISTS ("
    "SELECT 1 FROM events AS b WHERE b.stream = e.stream AND b.version = e.version - 1 "
    "AND b.position < e.position AND b.version > 0) LIMIT 2000"
)


def connect(database: Path) -> sqlite3.Connection:
    """A connection that cannot write; text comes as bytes.

    Raises `NoLedgerError` if there is no such file, or if it can only be read by writing,
    `ReshapedError` where something else stands in the place of tables.
    """
    last = ""
    for uri in read_uris(database):
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        connection.text_factory = bytes
        try:
            prepare(connection, uri)
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute(_FEW_PAGES)
            names = disguised(connection.execute)  # reads the file
        except UNREADABLE as error:
            connection.close()
            last = getattr(error, "sqlite_errorname", type(error).__name__)
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_READONLY:  # a journal would have to be rolled back
                break
            if code != sqlite3.SQLITE_CANTOPEN:
                raise
        else:
            if not names:
                return connection
            connection.close()
            raise ReshapedError(names)
    raise unopened(database, last)


@contextmanager
def reopened(database: Path) -> Iterator[StoredSource]:
    """A source over a database, in a reading of its own."""
    try:
        connection = connect(database)
    except UNREADABLE as error:
        raise damaged(error) from error
    with closing(connection):
        yield StoredSource(connection)


class StoredSource:
    """The `Source` over a ledger's SQLite database, in one read transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run("BEGIN")

    def _run(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except UNREADABLE as error:
            raise damaged(error) from error

    def _rows(self, kinds: Sequence[type], sql: str, *values: object) -> Iterator[Any]:
        """The rows of a query; columns of other kinds than `kinds` are damage."""
        try:
            rows = self._connection.execute(sql, values)
            first = rows.fetchone()
            if first is None:
                return
            yield from map(_Typed(kinds), chain((first,), rows))
        except UNREADABLE as error:
            raise damaged(error) from error

    def check_format(self) -> None:
        """Refuse a database of another format.

        Raises `NewerFormatError` for one that this version does not know, `DamagedError` for a
        file that does not say.
        """
        from ledger.schema import EARLIER, FORMAT  # brings SQLAlchemy: not into every process

        rows = self._run("SELECT version_num FROM alembic_version")
        found = [row[0] for row in rows if type(row[0]) is bytes]
        if found and found[0] in [known.encode() for known in (FORMAT, *EARLIER)]:
            return
        if len(found) == 1 and found[0].isdigit() and len(found[0]) == len(FORMAT):
            raise NewerFormatError(
                "ledger.db has format {found}, this Muniment knows {known}",
                "install the Muniment version that wrote it",
                found=found[0].decode(),
                known=FORMAT,
            )
        raise DamagedError("ledger.db does not say which format it has")

    def head(self) -> HeadRow | None:
        """See `ledger.verification.rows.Source`, as for everything below."""
        rows = self._run("SELECT entries, events, root, edge, accepted, id FROM head")
        if len(rows) != 1 or rows[0][5] != 1:
            return None
        row = _Typed((int, int, bytes, bytes, bytes))(rows[0][:5])
        entries, events, root, edge, accepted = row
        return HeadRow(entries, events, root, edge, accepted.decode("ascii", "replace"))

    def events(self, first: int) -> Iterator[EventRow]:
        """By position."""
        return self._plain(f"{_EVENTS} WHERE position >= ? ORDER BY position", first)

    def covered(self, commit: CommitRow, many: int) -> Iterator[Sequence[CoveredRow]]:
        """By position."""
        entry, first, count = commit[:3]
        try:
            rows = self._connection.execute(_COVERED, (first, first + count, entry))
            while part := rows.fetchmany(many):
                yield part
        except UNREADABLE as error:
            raise damaged(error) from error

    def _plain(self, sql: str, *values: object) -> Iterator[Any]:
        """Rows whose types are checked where they are used, many at once."""
        try:
            # Through a chain, because `yield from` closes what it reads from when it is left, and
            # a cursor whose connection is closed by then cannot be.
            yield from chain(self._connection.execute(sql, values))
        except UNREADABLE as error:
            raise damaged(error) from error

    def commits(self, first: int) -> Iterator[CommitRow]:
        """By entry."""
        kinds = (int, int, int, bytes, bytes, bytes)
        return self._rows(kinds, f"{_COMMITS} WHERE entry >= ? ORDER BY entry", first)

    def sealed(self, first: int) -> Iterator[SealedRow]:
        """By position."""
        sql = "SELECT position, ciphertext FROM sealed WHERE position >= ? ORDER BY position"
        return self._rows((int, bytes), sql, first)

    def checkpoints(self, size: int) -> Iterator[CheckpointRow]:
        """By size and id."""
        sql = "SELECT id, size, note FROM checkpoints WHERE size >= ? ORDER BY size, id"
        return self._rows((int, int, bytes), sql, size)

    def anchors(self) -> Iterator[AnchorRow]:
        """By size and id."""
        from ledger.schema import EARLIER

        rows = self._run("SELECT version_num FROM alembic_version")
        if [row[0] for row in rows] in [[known.encode()] for known in EARLIER]:
            return iter(())  # there were no such rows before
        sql = "SELECT id, size, note, reply FROM anchors ORDER BY size, id"
        return self._rows((int, int, bytes, bytes), sql)

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Level and number."""
        return self._rows((int, int), "SELECT level, number FROM tiles")

    def counted(self, first: int, entry: int) -> tuple[int, int, int]:
        """All are counted from an index, and what is new is taken off."""
        sql = (
            "SELECT (SELECT count(*) FROM events) - (SELECT count(*) FROM events WHERE "
            "position >= ?), (SELECT count(*) FROM commits) - (SELECT count(*) FROM commits WHERE "
            "entry >= ?), ifnull((SELECT min(position) FROM events), 1)"
        )
        events, entries, lowest = self._run(sql, first, entry)[0]
        return events, entries, lowest

    def packs(self) -> Iterator[tuple[bytes, bytes]]:
        """Digest and bytes."""
        return self._rows((bytes, bytes), "SELECT digest, data FROM packs")

    def signers(self) -> Iterator[tuple[bytes, int]]:
        """Holder and last entry."""
        return self._rows((bytes, int), "SELECT holder, entry FROM signers")

    def stream(self, identity: bytes) -> Iterator[EventRow]:
        """By version."""
        kinds = (int, bytes, int, bytes, int, bytes)
        return self._rows(kinds, f"{_EVENTS} WHERE stream = ? ORDER BY version", identity)

    def tile(self, level: int, number: int) -> bytes | None:
        """One tile."""
        sql = "SELECT data FROM tiles WHERE level = ? AND number = ?"
        row = next(self._rows((bytes,), sql, level, number), None)
        return row[0] if row else None

    def entries(self, first: int, end: int) -> Sequence[bytes]:
        """Entry bytes."""
        sql = "SELECT data FROM commits WHERE entry >= ? AND entry < ? ORDER BY entry"
        return [row[0] for row in self._rows((bytes,), sql, first, end)]

    def position_of(self, entry: int) -> int | None:
        """Where an entry's events begin."""
        if not -(2**63) <= entry < 2**63:
            return None
        row = next(self._rows((int,), "SELECT first FROM commits WHERE entry = ?", entry), None)
        return row[0] if row else None

    def ranges(self, first: int, events: int) -> Sequence[int]:
        """Cut where every so-many-th event says that its entry is."""
        position = self.position_of(first)
        last = self._run("SELECT max(entry) FROM commits")[0][0]
        if position is None or not isinstance(last, int) or last < first:
            return []
        ends: list[int] = []
        end = first
        while (position := position + events) < 2**63:
            row = self._run("SELECT entry FROM events WHERE position = ?", position)
            if not row or not isinstance(row[0][0], int) or row[0][0] > last:
                break
            if row[0][0] > end:
                end = row[0][0]
                ends.append(end)
        return [*ends, last + 1]

    def version_faults(self, first: int) -> Iterator[int]:
        """Read from the index on (stream, version)."""
        some, values = ("position >= ? AND", (first,)) if first > 1 else ("", ())
        return (row[0] for row in self._rows((int,), _VERSION_FAULTS.format(some), *values))

    def damage(self, found: Callable[[str], None]) -> None:
        """Report what SQLite itself finds wrong with the file."""
        for row in self._run(f"PRAGMA integrity_check({_MOST_DAMAGE})"):
            text = row[0].decode("utf-8", "replace")
            if text != "ok":
                for line in text.splitlines():
                    found(line[:200])


def integrity(database: Path) -> Sequence[str]:
    """What SQLite itself finds wrong with a database, in a reading of its own."""
    found: list[str] = []
    try:
        with reopened(database) as source:
            source.damage(found.append)
    except DamagedError as error:
        found.append(error.message)
    return found


class _Typed:
    """Passes rows through whose columns have the kinds that their table declares."""

    def __init__(self, kinds: Sequence[type]) -> None:
        self._kinds = tuple(kinds)

    def __call__(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        if tuple(map(type, row)) != self._kinds:
            raise DamagedError("a column holds another type than its table declares")
        return row


def damaged(error: Exception) -> DamagedError:
    """SQLite's name for the error, without its message, which may quote content."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return DamagedError(f"ledger.db cannot be read: {name}")

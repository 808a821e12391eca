"""A ledger's database as verification reads it: nothing written, nothing believed.

The file is opened read-only, frames of an existing write-ahead log included, in one snapshot. Where
the folder cannot be written and there is no log, SQLite is told that the file does not change. A
page that cannot be read, a missing table or a truncated file is a finding, never a crash.

Beside the rows, SQLite's own `integrity_check` goes over the whole file in a second thread (it
needs no lock of the interpreter). It names what the rows do not show: damaged indexes, freelist
and projections, columns of a wrong type. It also makes the index on (stream, version) one that can
be believed to hold the rows of `events` and no others, which gap-free versions are read from.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from ledger.cosigning import known_cosigners
from ledger.errors import NewerFormatError, NoLedgerError, VerificationError
from ledger.folder import Folder
from ledger.schema import EARLIER, FORMAT
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import VerifierKey
from ledger.verification.findings import Finding, Findings, Report
from ledger.verification.rows import (
    AnchorRow,
    CheckpointRow,
    CommitRow,
    DamagedError,
    EventRow,
    HeadRow,
    SealedRow,
)
from ledger.verify import verify

_MOST_DAMAGE: Final = 100

# Of a damaged file even the error message may be none that Python can decode.
_UNREADABLE: Final = (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError, OverflowError)
_EVENTS: Final = "SELECT position, stream, version, topic, entry, state FROM events"
_COMMITS: Final = 'SELECT entry, first, "count", id, data, leaves FROM commits'

# Over all events this reads the index on (stream, version) alone, where the version before is next
# door; over new ones only, the table by position.
_VERSION_FAULTS: Final = (
    "SELECT position FROM events AS e WHERE {} version <> 1 AND NOT EXISTS ("
    "SELECT 1 FROM events AS b WHERE b.stream = e.stream AND b.version = e.version - 1 "
    "AND b.position < e.position AND b.version > 0) LIMIT 2000"
)


def connect(database: Path) -> sqlite3.Connection:
    """A connection that cannot write; text comes as bytes.

    Raises `NoLedgerError` if there is no such file, or if it can only be read by writing.
    """
    if not database.is_file():
        raise NoLedgerError("there is no ledger.db", "restore it from a backup")
    name = str(database.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    log = database.with_name(database.name + "-wal")
    modes = ["mode=ro"]
    if not log.exists() or not log.stat().st_size:
        modes.append("mode=ro&immutable=1")
    for mode in modes:
        connection = sqlite3.connect(
            f"file:{name}?{mode}", uri=True, check_same_thread=False, isolation_level=None
        )
        connection.text_factory = bytes
        try:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA schema_version").fetchone()  # reads the file
        except _UNREADABLE as error:
            connection.close()
            code = getattr(error, "sqlite_errorcode", 0)
            if code & 0xFF != sqlite3.SQLITE_CANTOPEN:
                raise
        else:
            return connection
    raise NoLedgerError(
        "ledger.db has a write-ahead log that cannot be read here",
        "copy the folder to a place that can be written, and verify the copy",
    )


class StoredSource:
    """The `Source` over a ledger's SQLite database, in one read transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._run("BEGIN")

    def _run(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except _UNREADABLE as error:
            raise _damaged(error) from error

    def _rows(self, kinds: Sequence[type], sql: str, *values: object) -> Iterator[Any]:
        """The rows of a query; columns of other kinds than `kinds` are damage."""
        try:
            rows = self._connection.execute(sql, values)
            first = rows.fetchone()
            if first is None:
                return
            yield from map(_Typed(kinds), chain((first,), rows))
        except _UNREADABLE as error:
            raise _damaged(error) from error

    def check_format(self) -> None:
        """Refuse a database of another format.

        Raises `NewerFormatError` for one that this version does not know, `DamagedError` for a
        file that does not say.
        """
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
        rows = self._run("SELECT entries, events, root, edge, accepted FROM head")
        if len(rows) != 1:
            return None
        row = _Typed((int, int, bytes, bytes, bytes))(rows[0])
        entries, events, root, edge, accepted = row
        return HeadRow(entries, events, root, edge, accepted.decode("ascii", "replace"))

    def events(self, first: int) -> Iterator[EventRow]:
        """By position."""
        return self._plain(f"{_EVENTS} WHERE position >= ? ORDER BY position", first)

    def _plain(self, sql: str, *values: object) -> Iterator[Any]:
        """Rows whose types are checked where they are used, many at once."""
        try:
            yield from self._connection.execute(sql, values)
        except _UNREADABLE as error:
            raise _damaged(error) from error

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


class _Typed:
    """Passes rows through whose columns have the kinds that their table declares."""

    def __init__(self, kinds: Sequence[type]) -> None:
        self._kinds = tuple(kinds)

    def __call__(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        if tuple(map(type, row)) != self._kinds:
            raise DamagedError("a column holds another type than its table declares")
        return row


def _damaged(error: Exception) -> DamagedError:
    """SQLite's name for the error, without its message, which may quote content."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return DamagedError(f"ledger.db cannot be read: {name}")


def verify_folder(
    folder: Folder,
    since: bytes | None = None,
    trust: VerifierKey | None = None,
    *,
    cosigners: Iterable[VerifierKey] = (),
    tsa_roots: Sequence[bytes] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify an embedded ledger, against its own pins and the key that it trusts.

    `trust`: the ledger's key as the reader knows it; otherwise the one pinned in the folder.
    `since`: a checkpoint note to begin after; then SQLite's check of the whole file is left out.
    `tsa_roots`: certificates (DER) of time-stamping authorities, beside those pinned in the folder.
    `cosigners`: beside those that the folder's policies ever named; where it never had one, nobody
    is asked about cosignatures, and lines of cosigners that are not known are no finding. Raises
    `NoLedgerError` if the database or the pinned key is missing, `NewerFormatError` for a format
    that this version does not know, `NoteError` if `since` is not acceptable.
    """
    trust = trust or folder.pinned_key()
    findings = Findings()
    known = [*cosigners, *known_cosigners(folder)]
    roots = (*folder.tsa_roots(), *tsa_roots)
    try:
        with closing(connect(folder.database)) as connection:
            source = StoredSource(connection)
            source.check_format()
            pins, unreadable = _pins(folder, next(iter(source.entries(0, 1)), b""))
            with ThreadPoolExecutor(1) as pool:
                checked = pool.submit(_integrity, folder.database) if since is None else None
                report = verify(
                    source,
                    trust,
                    pins=pins,
                    since=since,
                    cosigners=known,
                    tsa_roots=roots,
                    progress=progress,
                )
                report = report if known else report.without("cosigner_unknown")
                return _joined(report, checked, unreadable)
    except (DamagedError, *_UNREADABLE) as error:
        damage = error if isinstance(error, DamagedError) else _damaged(error)
        findings.add("database_damaged", "file", cause=damage.message)
        return Report(findings.verdict, 0, 0, None, findings.sorted())


def _pins(folder: Folder, entry_zero: bytes) -> tuple[list[Checkpoint], list[Finding]]:
    """The states seen before, and a finding if one of them cannot be read."""
    try:
        return folder.pins(entry_zero), []
    except VerificationError as error:
        cause = error.message
        return [], [Finding("pin_unreadable", None, None, "file", None, None, cause)]


def _integrity(database: Path) -> Sequence[str]:
    found: list[str] = []
    try:
        with closing(connect(database)) as connection:
            StoredSource(connection).damage(found.append)
    except (DamagedError, *_UNREADABLE) as error:
        found.append((error if isinstance(error, DamagedError) else _damaged(error)).message)
    return found


def _joined(
    report: Report, checked: Future[Sequence[str]] | None, others: Sequence[Finding]
) -> Report:
    """The report with what SQLite found, and with what lies beside the database."""
    causes = checked.result() if checked else ()
    if not causes and not others:
        return report
    known = {finding.cause for finding in report.findings}
    damage = (
        Finding("database_damaged", None, None, "file", None, None, cause)
        for cause in dict.fromkeys(causes)
        if cause not in known
    )
    found = (*report.findings, *others, *damage)
    return structs.replace(report, verdict="invalid", findings=found)

"""Damage to the database file, and every byte of stored content changed one at a time."""

from __future__ import annotations

import gc
import random
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import NewerFormatError
from ledger.folder import Folder
from ledger.tlog.checkpoint import Checkpoint
from ledger.verification.database import StoredSource, connect
from ledger.verification.findings import Report
from ledger.verification.stored import verify_folder
from ledger.verify import verify
from tests.ledger.flipping import shard
from tests.ledger.ledgers import Firm
from tests.ledger.tampering import LAST, check, flipped, places, value


def test_an_index_that_lost_an_entry(busy: Firm, database: Path) -> None:
    """The rows are right, the index on (stream, version) is not: only SQLite's check sees it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        page = value(connection, "SELECT rootpage FROM sqlite_master "
                     "WHERE name = 'sqlite_autoindex_events_1'")  # fmt: skip
        size = value(connection, "PRAGMA page_size")
        stream = value(connection, "SELECT stream FROM events WHERE position = 5")
    raw = bytearray(database.read_bytes())
    start = raw.index(stream, (page - 1) * size)
    assert start < page * size
    raw[start] ^= 1
    database.write_bytes(raw)
    report = check(busy)
    assert ("database_damaged", None, None, "file") in places(report)
    assert {code for code, *_ in places(report)} <= {"database_damaged", "version_gap"}
    assert "sqlite_autoindex_events_1" in " ".join(f.cause for f in report.findings)


def test_a_row_without_values_is_named(busy: Firm, database: Path) -> None:
    """A row of nobody's with NULLs, which only an edited schema lets in, ends nothing."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        sql = value(connection, "SELECT sql FROM sqlite_master WHERE name = 'events'")
        loose = sql.replace(" NOT NULL", "         ").replace("STRICT", "      ")
        for text in (loose, sql):
            connection.execute("PRAGMA writable_schema=ON")
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'events'", (text,))
            connection.execute("PRAGMA writable_schema=RESET")
            if text is loose:
                connection.execute("INSERT INTO events (position) VALUES (-5)")
    report = check(busy)
    assert report.verdict == "invalid"
    assert ("event_unknown", -5, None, "event") in places(report)
    assert "database_damaged" in {code for code, *_ in places(report)}


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_connection_may_close_before_all_its_rows_are_read(database: Path) -> None:
    with closing(connect(database)) as connection:
        rows = StoredSource(connection).events(1)
        next(rows)
    del rows
    gc.collect()


def test_a_truncated_file(busy: Firm, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    for keep in (0, 50, 100, 4096, 5000, 40_000):
        copy = database.with_name("whole.db")
        shutil.copy(database, copy)
        with database.open("r+b") as file:
            file.truncate(keep)
        report = check(busy)
        assert report.verdict == "invalid", keep
        assert "database_damaged" in {code for code, *_ in places(report)}, keep
        shutil.copy(copy, database)


def test_a_page_of_garbage(busy: Firm, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        size = value(connection, "PRAGMA page_size")
    whole = database.read_bytes()
    garbage = random.Random(7).randbytes(size)
    for start in range(0, len(whole), size):
        database.write_bytes(whole[:start] + garbage + whole[start + size :])
        report = (check if start // size % 8 == 0 else plainly)(busy)
        assert report.verdict == "invalid", start // size + 1


def test_a_missing_table(busy: Firm, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE tiles")
    assert places(check(busy))[-1][0] == "database_damaged"


# -- Every byte ------------------------------------------------------------------------------------


CONTENT = (
    ("events", "state", "position"),
    ("commits", "data", "entry"),
    ("commits", "leaves", "entry"),
    ("checkpoints", "note", "id"),
    ("sealed", "ciphertext", "position"),
    ("packs", "data", "digest"),
    ("packs", "digest", "digest"),
    ("events", "stream", "position"),
    ("events", "topic", "position"),
    ("commits", "id", "entry"),
    ("head", "root", "id"),
    ("head", "edge", "id"),
    ("head", "accepted", "id"),
)
TEXTS = {"topic", "accepted"}
NUMBERS = (
    ("events", "version", "position"),
    ("events", "entry", "position"),
    ("commits", "first", "entry"),
    ("commits", "count", "entry"),
    ("checkpoints", "size", "id"),
    ("signers", "entry", "holder"),
    ("head", "entries", "id"),
    ("head", "events", "id"),
)


@pytest.fixture
def in_memory(database: Path) -> Iterator[sqlite3.Connection]:
    """The whole database in memory, without triggers: thousands of changes cost no disk."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        with closing(sqlite3.connect(database)) as stored:
            stored.backup(connection)
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection


Spot = tuple[str, str, str, Any, int]


def spots(connection: sqlite3.Connection) -> list[Spot]:
    """Table, column, key, row and offset of every byte of stored content."""
    return [
        (table, column, key, row, at)
        for table, column, key in CONTENT
        for row, length in connection.execute(
            f"SELECT {key}, length(CAST({column} AS BLOB)) FROM {table}"
        )
        for at in range(length)
    ]


def positions_of(
    connection: sqlite3.Connection, table: str, row: Any
) -> range | tuple[int | None, ...]:
    """The positions at which a change in a row may be reported."""
    if table in ("events", "sealed"):
        return range(row, row + 1)
    if table == "commits":
        first, count = connection.execute(
            'SELECT first, "count" FROM commits WHERE entry = ?', (row,)
        ).fetchone()
        return range(first, first + count)
    if table == "checkpoints":
        size = value(connection, "SELECT size FROM checkpoints WHERE id = ?", row)
        firsts = connection.execute(  # of its last entry, or of the one that the number names
            "SELECT first FROM commits WHERE entry IN (?, ?)", (size - 1, size)
        ).fetchall()
        return tuple(first for (first,) in firsts)
    if table == "packs":  # under another digest it is nobody's, and the adopted one is missing
        return (
            value(connection, "SELECT position FROM events WHERE topic = 'policy.adopted'"),
            None,
        )
    if table == "signers":
        last = (
            "SELECT first FROM commits WHERE entry = (SELECT entry FROM signers WHERE holder = ?)"
        )
        return (value(connection, last, row),)
    return (None, LAST + 1)  # of the head, or of the entry that is missing below it


PARTS = {
    ("events", "state"): {"event"},
    ("commits", "data"): {"note", "entry"},
    ("commits", "leaves"): {"column"},
    ("checkpoints", "note"): {"checkpoint"},
    ("sealed", "ciphertext"): {"sealed"},
    ("packs", "data"): {"policy"},
    ("packs", "digest"): {"policy"},
    ("head", "entries"): {"head", "entry"},
    ("checkpoints", "size"): {"checkpoint"},
}
FOLLOWING = {
    "clock_regression",
    "version_gap",
    "policy_missing",
    "policy_unknown",
    "column_changed",
}
"""What a changed value makes look wrong besides."""


def change_each(busy: Firm, connection: sqlite3.Connection, chosen: Iterable[Spot]) -> None:
    bits = random.Random(11)
    connection.text_factory = bytes
    for table, column, key, row, at in chosen:
        data = value(connection, f"SELECT {column} FROM {table} WHERE {key} = ?", row)
        new = flipped(data, at, 1 << bits.randrange(8))
        found_and_located(busy, connection, (table, column, key, row), (data, new), f"byte {at}")


def found_and_located(
    busy: Firm,
    connection: sqlite3.Connection,
    cell: tuple[str, str, str, Any],
    values: tuple[Any, Any],
    what: str,
) -> None:
    """A value is replaced: a finding at its position, of its part; then it is put back."""
    table, column, key, row = cell
    where = f"{table}.{column} {key} {row!r} {what}"
    trust = Folder(busy.path).pinned_key()
    pins = [Checkpoint.parse((busy.path / "trust" / "pin").read_bytes())]
    expected = positions_of(connection, table, row)
    old, new = values
    given = "CAST(? AS TEXT)" if column in TEXTS else "?"
    sql = f'UPDATE {table} SET "{column}" = {given} WHERE {key} = ?'
    connection.execute(sql, (new, row))
    report = verify(StoredSource(connection), trust, pins=pins)
    connection.execute("COMMIT")
    connection.execute(sql, (old, new if key == column else row))
    assert report.verdict == "invalid" or column == "digest", where
    parts = PARTS.get((table, column), {"head" if table == "head" else "column"})
    found = [f for f in report.findings if f.position in expected and f.part in parts]
    assert found, (where, report.findings)
    others = {f.code for f in report.findings} - {f.code for f in found}
    assert others <= FOLLOWING, (where, report.findings)


def test_some_bytes_of_content_one_at_a_time(busy: Firm, in_memory: sqlite3.Connection) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    change_each(busy, in_memory, random.Random(seed).sample(spots(in_memory), 250))


@pytest.mark.slow
def test_every_byte_of_content_one_at_a_time(busy: Firm, in_memory: sqlite3.Connection) -> None:
    """All of them; with MUNIMENT_SHARD=0/8 an eighth."""
    which, many = shard()
    chosen = spots(in_memory)[which::many]
    change_each(busy, in_memory, chosen)
    print(f"shard {which}/{many}: {len(chosen)} bytes, each found and located")


@pytest.mark.parametrize(("table", "column", "key"), NUMBERS)
def test_every_number_beside_the_content(
    busy: Firm, in_memory: sqlite3.Connection, table: str, column: str, key: str
) -> None:
    in_memory.text_factory = bytes
    for row, number in in_memory.execute(f'SELECT {key}, "{column}" FROM {table}').fetchall():
        cell = (table, column, key, row)
        more = 1000 if column == "version" else 1  # a stream has no version twice
        found_and_located(busy, in_memory, cell, (number, number + more), "more")


LOG = (
    "events", "commits", "tiles", "checkpoints", "packs", "anchors", "sealed", "signers", "head",
)  # fmt: skip


def test_some_bytes_of_the_file(busy: Firm, database: Path) -> None:
    """Whatever byte is flipped: named, or nothing that the log says has changed."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    whole = database.read_bytes()
    before = log_of(database)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for at in [*range(100), *(chance.randrange(len(whole)) for _ in range(200))]:
        database.write_bytes(flipped(whole, at, 1 << chance.randrange(8)))
        try:
            verdict = (check if at % 8 == 0 else plainly)(busy).verdict
        except NewerFormatError:  # named as well, before anything is looked at
            continue
        if verdict == "valid":
            assert log_of(database) == before, at


def plainly(firm: Firm) -> Report:
    """Verify once."""
    return verify_folder(Folder(firm.path))


def log_of(database: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(connect(database)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in LOG
        }

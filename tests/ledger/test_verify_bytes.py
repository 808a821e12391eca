"""Damage to the database file, and every byte of stored content changed one at a time."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import NewerFormatError
from ledger.folder import Folder
from ledger.tlog.checkpoint import Checkpoint
from ledger.verification.stored import StoredSource, connect
from ledger.verify import verify
from tests.ledger.ledgers import Firm
from tests.ledger.tampering import check, flipped, places, value


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
        report = check(busy)
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


def spots(connection: sqlite3.Connection) -> list[tuple[str, str, str, int, int]]:
    """Table, column, key, row and offset of every byte of stored content."""
    return [
        (table, column, key, row, at)
        for table, column, key in CONTENT
        for row, length in connection.execute(f"SELECT {key}, length({column}) FROM {table}")
        for at in range(length)
    ]


def positions_of(connection: sqlite3.Connection, table: str, row: int) -> range:
    """The positions at which a change in a row may be reported."""
    if table in ("events", "sealed"):
        return range(row, row + 1)
    if table == "commits":
        first, count = connection.execute(
            'SELECT first, "count" FROM commits WHERE entry = ?', (row,)
        ).fetchone()
        return range(first, first + count)
    first = value(connection, "SELECT first FROM commits WHERE entry = (SELECT size - 1 FROM "
                  "checkpoints WHERE id = ?)", row)  # fmt: skip
    return range(first, first + 1)


PARTS = {
    ("events", "state"): {"event"},
    ("commits", "data"): {"note", "entry"},
    ("commits", "leaves"): {"column"},
    ("checkpoints", "note"): {"checkpoint"},
    ("sealed", "ciphertext"): {"sealed"},
}


def change_each(
    busy: Firm, connection: sqlite3.Connection, chosen: list[tuple[str, str, str, int, int]]
) -> None:
    trust = Folder(busy.path).pinned_key()
    pins = [Checkpoint.parse((busy.path / "trust" / "pin").read_bytes())]
    bits = random.Random(11)
    connection.text_factory = bytes
    for table, column, key, row, at in chosen:
        where = f"{table}.{column} {key} {row} byte {at}"
        data = value(connection, f"SELECT {column} FROM {table} WHERE {key} = ?", row)
        sql = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"
        connection.execute(sql, (flipped(data, at, 1 << bits.randrange(8)), row))
        report = verify(StoredSource(connection), trust, pins=pins)
        connection.execute("COMMIT")
        connection.execute(sql, (data, row))
        assert report.verdict == "invalid", where
        expected = positions_of(connection, table, row)
        found = [
            f for f in report.findings
            if f.position in expected and f.part in PARTS[table, column]
        ]  # fmt: skip
        assert found, (where, report.findings)
        others = {f.code for f in report.findings} - {f.code for f in found}
        assert others <= {"clock_regression"}, (where, report.findings)


def test_some_bytes_of_content_one_at_a_time(busy: Firm, in_memory: sqlite3.Connection) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    change_each(busy, in_memory, random.Random(seed).sample(spots(in_memory), 500))


@pytest.mark.slow
def test_every_byte_of_content_one_at_a_time(busy: Firm, in_memory: sqlite3.Connection) -> None:
    change_each(busy, in_memory, spots(in_memory))


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
            verdict = check(busy).verdict
        except NewerFormatError:  # named as well, before anything is looked at
            continue
        if verdict == "valid":
            assert log_of(database) == before, at


def log_of(database: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(connect(database)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in LOG
        }

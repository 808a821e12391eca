"""Every column of every table of a ledger's database, and what a hand can put into it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

VALUES: dict[str, Callable[[random.Random], object]] = {
    "null": lambda draw: None,
    "zero": lambda draw: 0,
    "negative": lambda draw: -draw.randrange(1, 2**40),
    "huge": lambda draw: 2**63 - 1 - draw.randrange(4),
    "real": lambda draw: draw.random() * 1e300,
    "empty text": lambda draw: "",
    "text": lambda draw: "\u4e2d\x00" + "x" * draw.randrange(40),
    "empty blob": lambda draw: b"",
    "blob": lambda draw: draw.randbytes(draw.randrange(1, 200)),
    "as text": lambda draw: ...,  # the value itself, as text
}


class Hurt(NamedTuple):
    """One value of one row, or of all rows, and what stands there instead."""

    table: str
    column: str
    row: int | None
    kind: str


def hurts(database: Path) -> list[Hurt]:
    """Every column of a table with rows, every value; one row in the middle, or all rows."""
    found: list[Hurt] = []
    with closing(sqlite3.connect(database)) as connection:
        for (table,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall():
            count = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
            columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            for column in columns if count else ():
                for kind in VALUES:
                    rows = (None, count // 2, count - 1)
                    found += [Hurt(table, column[1], row, kind) for row in rows]
    return found


def hurt(database: Path, one: Hurt, draw: random.Random) -> bool:
    """Do it with full rights over the database; whether the table is another than before.

    What the schema forbids is written nevertheless, and schema and triggers are put back.
    """
    value = VALUES[one.kind](draw)
    said = f'CAST("{one.column}" AS TEXT)' if value is ... else "?"
    with closing(sqlite3.connect(database)) as connection, connection:
        rows = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type = ?"
        triggers = connection.execute(rows, ("trigger",)).fetchall()
        tables = connection.execute(rows, ("table",)).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        lax = [(n, s.replace(" NOT NULL", "").replace(" STRICT", "")) for n, s in tables]
        _schema(connection, lax)
        columns = connection.execute(f'PRAGMA table_info("{one.table}")').fetchall()
    row = ", ".join(f'"{column[1]}"' for column in columns if column[5]) or "rowid"
    which = f'({row}) = (SELECT {row} FROM "{one.table}" LIMIT 1 OFFSET {one.row})'
    where = "" if one.row is None else f" WHERE {which}"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints=1")
        connection.text_factory = bytes
        before = _rows(connection, one.table)
        sql = f'UPDATE OR IGNORE "{one.table}" SET "{one.column}" = {said}{where}'
        with suppress(sqlite3.IntegrityError):  # what is no number is no rowid
            connection.execute(sql, () if value is ... else (value,))
        changed = _rows(connection, one.table) != before
    with closing(sqlite3.connect(database)) as connection, connection:
        _schema(connection, tables)
        for _, trigger in triggers:
            connection.execute(trigger)
    return changed


def _rows(connection: sqlite3.Connection, table: str) -> list[str]:
    return sorted(map(repr, connection.execute(f'SELECT * FROM "{table}"')))


def _schema(connection: sqlite3.Connection, tables: list[tuple[str, str]]) -> None:
    connection.execute("PRAGMA writable_schema=1")
    for name, sql in tables:
        connection.execute(
            "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (sql, name)
        )


def put(database: Path, data: bytes) -> None:
    """The file as it was at some time, and nothing beside it."""
    for end in ("-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    database.write_bytes(data)


def cuts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Files that are no database any more, or not to their end."""
    size = len(data)
    yield "first page zeroed", bytes(4096) + data[4096:]
    yield "first byte", b"x" + data[1:]
    yield "all zeros", bytes(size)
    yield "another file", b"# a text, and no database\n"
    yield "empty", b""
    for lost in (1, 5000, 40_000, size // 2, size - 100):
        yield f"last {lost} cut off", data[:-lost]


def blots(data: bytes, draw: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Files in which a stretch was zeroed or overwritten with noise."""
    for number in range(count):
        at, width = draw.randrange(len(data)), draw.randrange(1, 70_000)
        width = min(width, len(data) - at)
        blot = draw.randbytes(width) if number % 2 else bytes(width)
        yield f"{width} bytes at {at}", data[:at] + blot + data[at + width :]

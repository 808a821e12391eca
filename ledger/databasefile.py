"""A ledger's database as a file that somebody else may have prepared.

Whoever opens one asks here first. What SQLite would open has to be ordinary files: it waits for
ever at a named pipe. What is read from has to be tables: a view, a virtual table or a column that
is computed answers with whatever its maker likes, for as long as he likes, and Muniment makes none.
A row longer than any of ours is not read into memory.

>>> connection = sqlite3.connect(":memory:")
>>> prepare(connection)
>>> disguised(connection.execute)
[]
>>> _ = connection.execute("CREATE VIEW head AS SELECT 1 AS entries")
>>> _ = connection.execute("CREATE TABLE packs (n, data AS (hex(zeroblob(400000000))))")
>>> disguised(connection.execute)
['head', 'packs']
>>> connection.close()
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ledger.errors import NoLedgerError

BESIDE: Final = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a database: these names are appended to its own."""
_MOST_BYTES: Final = 64 << 20  # the leaf hashes of a commit of two million events
_UNLOCKED: Final = "vfs=unix-none"
_OURS: Final = "muniment.toml"
_DISGUISED: Final = (
    "SELECT name FROM {0}.sqlite_master AS m WHERE type = 'view' OR type = 'table' AND "
    "(sql LIKE 'create virtual%' OR EXISTS "
    "(SELECT 1 FROM pragma_table_xinfo(m.name, '{0}') WHERE hidden <> 0)) ORDER BY name"
)


def check_ordinary(database: Path) -> None:
    """Refuse a database that is no ordinary file, or has something else beside it.

    Raises `NoLedgerError`, also where there is none.
    """
    real = Path(os.path.realpath(database))
    for name in (real.name, *(f"{real.name}{end}" for end in BESIDE)):
        try:
            mode = real.with_name(name).lstat().st_mode
        except OSError:
            continue
        if not stat.S_ISREG(mode):
            raise NoLedgerError(
                "{file} is no ordinary file", "take it away, or restore it from a backup", file=name
            )
    if not real.is_file():
        raise NoLedgerError("there is no {file}", "restore it from a backup", file=database.name)


def read_uris(database: Path) -> Iterator[str]:
    """URIs by which SQLite opens a database without changing it, to be tried in order.

    A folder's may be written to meanwhile; one on a disk that cannot be written, and a copy that
    lies alone, do not change, and then nothing is made beside them. Raises as `check_ordinary`.
    """
    check_ordinary(database)
    uri = f"{uri_of(database)}?mode=ro"
    uris = [uri]
    alone = not database.with_name(_OURS).exists()
    if not _has_bytes(database, "-wal"):
        uris.insert(0 if alone else 1, f"{uri}&immutable=1")
    elif alone:
        uris.insert(0, f"{uri}&{_UNLOCKED}")
    yield from uris


def uri_of(database: Path) -> str:
    """The `file:` URI of a path, without parameters."""
    name = str(database.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{name}"


def unopened(database: Path, kind: str) -> NoLedgerError:
    """Why a database that is there cannot be opened; `kind`: SQLite's name for the error."""
    if _has_bytes(database, "-journal"):
        return NoLedgerError(
            "a rollback journal lies beside {file}, which Muniment does not make",
            "look at who put it there; copy the folder without it, and verify the copy",
            file=database.name,
        )
    if _has_bytes(database, "-wal"):
        return NoLedgerError(
            "{file} has a write-ahead log that cannot be read here",
            "copy the folder to a place that can be written, and verify the copy",
            file=database.name,
        )
    return NoLedgerError(
        "{file} cannot be opened for reading ({kind})",
        "muniment verify says what is wrong with it; or copy the folder to a place that can be "
        "written",
        file=database.name, kind=kind,
    )  # fmt: skip


def _has_bytes(database: Path, end: str) -> bool:
    try:
        return Path(f"{os.path.realpath(database)}{end}").lstat().st_size > 0
    except OSError:
        return False


def prepare(connection: sqlite3.Connection, uri: str = "") -> None:
    """Let no row or text be longer than Muniment's can be; to be called before anything is read.

    `uri`: one of `read_uris` that is read or attached. The index of a write-ahead log is then kept
    in memory and not beside a copy that lies alone.
    """
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
    if _UNLOCKED in uri:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")


def disguised(execute: Callable[[str], Iterable[Any]], schema: str = "main") -> list[str]:
    """What stands in a database and answers otherwise than with stored rows: names, in order.

    `execute`: what runs a statement, and raises where the file cannot be read. Nothing of what
    stands there is run.
    """
    rows = execute(_DISGUISED.format(schema))
    return [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
            for (one,) in rows]  # fmt: skip

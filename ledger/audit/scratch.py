"""A log that is only read, and beside it a database of one's own for what its events make.

The log is a ledger's database file, wherever it lies: a folder, a copy, a disk that cannot be
written. It is opened read-only and attached to the scratch database under the name `log`; nothing
that its tables of projections say is used. The scratch database has tables of projections of its
own, and views `events`, `commits` and `packs` that show the log as it was after the last entry
replayed and not a row more: a rule that asks what stood before a commit cannot see what came after.

A scratch database without a name is a temporary one of SQLite's own, which spills to disk what
does not fit in memory; nothing in it is content. One in a file is committed batch by batch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ledger.databasefile import disguised, prepare, read_uris, unopened, uri_of
from ledger.errors import NoLedgerError
from ledger.schema import SIGNERS
from projections import METADATA
from projections.view import execute

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

TABLES: Final = (*METADATA.sorted_tables, SIGNERS)
"""What replay makes of the events: every table of projections, and the last entry of signers."""

# A plus keeps the bound from becoming the way in: rows are found by the index that a question
# names (a stream, a position), and a row too new is left out.
_COMMITS: Final = (
    "CREATE TEMP VIEW commits AS SELECT * FROM log.commits "
    "WHERE +entry <= (SELECT entry FROM reached)"
)
_VIEWS: Final = (
    "CREATE TEMP TABLE reached (entry INTEGER, position INTEGER)",
    "INSERT INTO reached VALUES (-1, 0)",
    "CREATE TEMP TABLE hidden (position INTEGER PRIMARY KEY)",
    _COMMITS,
    "CREATE TEMP VIEW packs AS SELECT * FROM log.packs WHERE (SELECT entry FROM reached) >= 0",
)
_EVENTS: Final = (
    "CREATE TEMP VIEW events AS SELECT * FROM log.events "
    "WHERE +position <= (SELECT position FROM reached)"
)
_NOT_HIDDEN: Final = " AND +position NOT IN (SELECT position FROM hidden)"


def _first_that_opens(database: Path, opening: str) -> sqlite3.Connection:
    """A connection that has the log: as its own file, or attached to a scratch file."""
    last: sqlite3.Error | None = None
    schema = "log" if opening else "main"
    for uri in read_uris(database):
        connection = sqlite3.connect(
            opening or uri, uri=True, isolation_level=None, check_same_thread=False,
            cached_statements=1024,
        )  # fmt: skip
        try:
            prepare(connection, uri)
            if opening:
                connection.execute("ATTACH ? AS log", (uri,))
            connection.execute("PRAGMA trusted_schema=OFF")
            names = disguised(connection.execute, schema)
        except sqlite3.Error as error:
            connection.close()
            last = error
        else:
            if not names:
                return connection
            connection.close()
            raise NoLedgerError(
                "in {file} something else stands in the place of tables",
                "muniment verify says what is wrong with it",
                file=database.name,
            )
    raise unopened(database, getattr(last, "sqlite_errorname", type(last).__name__))


def _engine(database: Path, opening: str = "") -> Engine:
    return sa.create_engine(
        "sqlite+pysqlite://", creator=lambda: _first_that_opens(database, opening),
        poolclass=sa.pool.StaticPool, isolation_level="AUTOCOMMIT",
    )  # fmt: skip


@contextmanager
def reading(database: Path) -> Iterator[Connection]:
    """The log as it stands now, in one read transaction.

    Raises `NoLedgerError` if there is no such file, or none that can be opened.
    """
    engine = _engine(database)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
            connection.exec_driver_sql("ROLLBACK")
    finally:
        engine.dispose()


class Scratch:
    """The scratch database over a log; `connection` sees both as this module says."""

    def __init__(self, connection: Connection, *, lasting: bool) -> None:
        self.connection = connection
        self._hiding = False
        pragmas = (
            ("main.journal_mode=WAL", "main.synchronous=NORMAL") if lasting
            else ("main.journal_mode=MEMORY", "main.synchronous=OFF")
        )  # fmt: skip
        sizes = ("main.page_size=16384", "main.cache_size=-49152", "log.cache_size=-16384")
        for pragma in (*sizes, *pragmas):  # the size of pages before anything is written
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        for statement in (*_VIEWS, _EVENTS):
            connection.exec_driver_sql(statement)

    def make_tables(self) -> None:
        """Make the tables of projections, empty."""
        self.drop_tables()
        METADATA.create_all(self.connection)
        SIGNERS.create(self.connection)

    def drop_tables(self) -> None:
        """Take away every table that there is."""
        rows = self.connection.exec_driver_sql("SELECT name FROM main.sqlite_master "
                                               "WHERE type = 'table'").all()  # fmt: skip
        for (name,) in rows:
            quoted = str(name).replace('"', '""')
            self.connection.exec_driver_sql(f'DROP TABLE main."{quoted}"')

    def reach(self, entry: int, position: int) -> None:
        """Let the views show the log up to an entry and a position, both included."""
        execute(
            self.connection, "UPDATE temp.reached SET entry = ?, position = ?", (entry, position)
        )

    def hide(self, positions: Iterable[int]) -> None:
        """Leave these events out: their bytes are not what was signed, or no event."""
        for position in positions:
            execute(self.connection, "INSERT OR IGNORE INTO temp.hidden VALUES (?)", (position,))
            if not self._hiding:
                self._hiding = True
                execute(self.connection, "DROP VIEW temp.events")
                execute(self.connection, _EVENTS + _NOT_HIDDEN)


@contextmanager
def scratch(database: Path, file: Path | None = None) -> Iterator[Scratch]:
    """A scratch database over a log: a temporary one, or one that stays in `file`.

    Raises as `reading` does.
    """
    opening = "file:" if file is None else f"{uri_of(file)}?mode=rwc"
    engine = _engine(database, opening)
    try:
        with engine.connect() as connection:
            yield Scratch(connection, lasting=file is not None)
    finally:
        engine.dispose()

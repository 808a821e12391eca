"""The tables of the log, the writer's lock, and how a database is opened.

`events`, `commits`, `tiles`, `checkpoints`, `packs` and `anchors` (a stamped checkpoint note and
the reply of the time-stamping authority) only ever grow: triggers refuse UPDATE and DELETE, and the
tree over `commits` shows whoever takes the triggers away. `sealed`, `tokens` and the three
`subject_` tables (`ledger.subjects`) can be erased. `head` is one row that advances by
compare-and-swap; everything in it can be derived. `signers` is the last entry of each holder,
derived from `commits`. `commits.leaves` holds the leaf hashes of a commit of several events, so
that a changed event is located and a proof costs no re-hashing; it is checked against the signed
root.

Tables are made and changed by the migrations in `ledger/migrations`; what `projections` keeps
beside them is disposable and made anew by `muniment rebuild`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from ledger.databasefile import check_ordinary, prepare, uri_of
from ledger.errors import LockedError, MunimentError, NewerFormatError, NoLedgerError
from projections import METADATA as PROJECTIONS
from projections.view import execute

FORMAT = "0003"
"""The migration that this version of Muniment reads and writes."""
EARLIER = ("0001", "0002")
"""The migrations that it brings up to date when it opens a ledger for writing."""

METADATA = sa.MetaData()

_id = sa.LargeBinary(16)

EVENTS = sa.Table(
    "events",
    METADATA,
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("stream", _id, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("entry", sa.BigInteger),
    sa.Column("state", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("stream", "version", name="events_stream_version"),
)

COMMITS = sa.Table(
    "commits",
    METADATA,
    sa.Column("entry", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("id", _id, nullable=False, unique=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("leaves", sa.LargeBinary, nullable=False),
)

TILES = sa.Table(
    "tiles",
    METADATA,
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

CHECKPOINTS = sa.Table(
    "checkpoints",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=False),
)

PACKS = sa.Table(
    "packs",
    METADATA,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

ANCHORS = sa.Table(
    "anchors",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=False),
    sa.Column("reply", sa.LargeBinary, nullable=False),
)

SEALED = sa.Table(
    "sealed",
    METADATA,
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False),
)

TOKENS = sa.Table(
    "tokens",
    METADATA,
    sa.Column("token", _id, primary_key=True),
    sa.Column("stream", _id, nullable=False),
)

SUBJECT_TOKENS = sa.Table(
    "subject_tokens",
    METADATA,
    sa.Column("token", _id, primary_key=True),
    sa.Column("subject", _id, nullable=False),
)

SUBJECT_PLACES = sa.Table(
    "subject_places",
    METADATA,
    sa.Column("record", _id, primary_key=True),
    sa.Column("token", _id, primary_key=True),
    sa.Column("sheet", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
)

SUBJECT_COVERAGE = sa.Table(
    "subject_coverage",
    METADATA,
    sa.Column("record", _id, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
)

SIGNERS = sa.Table(
    "signers",
    METADATA,
    sa.Column("holder", _id, primary_key=True),
    sa.Column("entry", sa.BigInteger, nullable=False),
)

HEAD = sa.Table(
    "head",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("entries", sa.BigInteger, nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("edge", sa.LargeBinary, nullable=False),
    sa.Column("accepted", sa.Text, nullable=False),
)

APPEND_ONLY = ("events", "commits", "tiles", "checkpoints", "packs", "anchors")


def trigger_names() -> set[str]:
    """The triggers that keep the append-only tables append-only; `doctor` asserts them."""
    return {f"{table}_no_{verb}" for table in APPEND_ONLY for verb in ("update", "delete")}


OBJECTS: Mapping[str, str] = {
    "anchors": "38b92feedb51451e8aabfb4cd1445af4",
    "anchors_by_size": "1c7cfd5b87b5096161649569729bd549",
    "checkpoints": "419cabbba5409a6024f1cbd0f0d28ba3",
    "commits": "5afd90369c5ed830af84f4feb720c7e1",
    "events": "c8671b393712670f924712ffbcca76df",
    "head": "be29f90a3163ec94ab01bacb848aa982",
    "packs": "548c0772d675034bbb777f9488781c3b",
    "sealed": "f33af0170f1438379ea708b189645faf",
    "signers": "b564d455aa92f56ca40cea7d010d8e6f",
    "subject_coverage": "a82674aff892c60629df3ad5efde71de",
    "subject_places": "2d2eae11fe215be6507f6af2dfeeb6a1",
    "subject_places_by_token": "89912f44fd233054c5c0f476daaefb9b",
    "subject_tokens": "694d1f62ffa3890d70b6a3ab0a7c5ff8",
    "subject_tokens_by_subject": "c180476d5faed8ac926e9e0d125207e5",
    "tiles": "38cfa1b4cf2173fbf2466331c37bdca6",
    "tokens": "ee2c8a49fb89dc520067cff15c76974a",
    "anchors_no_delete": "05b9f9a02f12708321f0548f3a278ac9",
    "anchors_no_update": "a4e8aee7d578aa16f29ddccf8ad4b051",
    "checkpoints_no_delete": "7bd594094c8cbba24a87be9e04400db5",
    "checkpoints_no_update": "9cce5d1f6921cf03537077da4011a8b7",
    "commits_no_delete": "f3a2291028c3ef1e23bc6d193e51ed50",
    "commits_no_update": "1e566cfff298ada31c66c8e1a47b11ef",
    "events_no_delete": "a6970298d6da349f77ae2ad51b57e884",
    "events_no_update": "7b7029f0ec2d49e85387d5dc4ccd7609",
    "packs_no_delete": "6ccb00aa3d17db5edce87fb6c4b7603c",
    "packs_no_update": "0e1cc2cde521934063a9b704937a3f35",
    "tiles_no_delete": "c6f85c8db967b41e0c71190a0a448348",
    "tiles_no_update": "47816ff310e624d04c61ec1f6be1bbb1",
}
"""Tables and triggers of the log as the migrations make them: SHA-256 of their SQL, cut to 32."""


def foreign_objects(connection: Connection) -> list[str]:
    """What stands in the database that Muniment did not put there, or put there otherwise.

    A view in the place of a table, a trigger of somebody else's, a table made anew: the names, in
    order. What `projections` and Alembic keep is theirs to make; a missing trigger is `doctor`'s.
    """
    derived = {*PROJECTIONS.tables, "alembic_version"}
    rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master")
    return sorted(
        str(name)
        for kind, name, table, sql in rows
        if not (kind in ("table", "index") and table in derived)
        and sql is not None
        and OBJECTS.get(name) != sha256(str(sql).encode("utf-8")).hexdigest()[:32]
    )


_VERSION = sa.Table(  # as Alembic makes it
    "alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True)
)


def reshaped_tables(connection: Connection) -> list[str]:
    """Tables of projections (and Alembic's) whose columns or indexes are not as they are made.

    Compared is what SQLite has understood, not its text, which libraries write in their own ways.
    """
    made = _shapes_made()
    return sorted(name for name, shape in made.items() if _shape(connection, name) != shape)


@cache
def _shapes_made() -> Mapping[str, object]:
    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            PROJECTIONS.create_all(connection)
            _VERSION.create(connection)
            names = [*PROJECTIONS.tables, _VERSION.name]
            return {name: _shape(connection, name) for name in names}
    finally:
        engine.dispose()


def _shape(connection: Connection, table: str) -> object:
    """Columns and indexes of a table as SQLite knows them."""

    def told(pragma: str, name: str) -> list[tuple[object, ...]]:
        sql = f"SELECT * FROM pragma_{pragma}(?)"  # noqa: S608  names of our own
        return [tuple(row) for row in connection.exec_driver_sql(sql, (name,))]

    indexes = sorted(row[1:] for row in told("index_list", table))
    keys = {str(index[0]): told("index_xinfo", str(index[0])) for index in indexes}
    return told("table_xinfo", table), indexes, keys


def _configure_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in (
        "page_size=16384",  # of a new file; on 4 KiB an event leaves a sixth of its page empty
        "journal_mode=WAL",
        "synchronous=FULL",
        "recursive_triggers=ON",  # so that INSERT OR REPLACE meets the delete triggers
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "secure_delete=ON",
        "cache_size=-32768",
        "mmap_size=0",
        "busy_timeout=10000",
    ):
        try:
            cursor.execute(f"PRAGMA {pragma}")
        except Exception as error:
            if type(error).__name__ == "DatabaseError":
                raise _damaged() from error
            msg = "ledger.db cannot be opened ({cause}); nothing was recorded"
            raise MunimentError(msg, "free some space, or look at the disk", cause=error) from error
    cursor.close()


def engine_for(database: Path, *, read_only: bool = False) -> Engine:
    """An engine on a ledger's database file; connections commit only when told to.

    `read_only`: the file is opened in a mode in which no statement can change it.
    """
    mode = "ro" if read_only else "rwc"
    engine = sa.create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connect(database, mode),
        poolclass=sa.pool.QueuePool,
        pool_size=4,
        pool_use_lifo=True,  # the one used last has the pages in its cache; the others stay small
        max_overflow=16,
        isolation_level="AUTOCOMMIT",
    )
    if not read_only:
        sa.event.listen(engine, "connect", _configure_sqlite)
    return engine


def _connect(database: Path, mode: str) -> object:
    import sqlite3  # only SQLite's engines get here

    if mode == "ro" or database.exists():
        check_ordinary(database)
    connection = sqlite3.connect(
        f"{uri_of(database)}?mode={mode}", uri=True, check_same_thread=False, isolation_level=None
    )
    if mode == "ro":
        prepare(connection)
    return connection


def _damaged() -> NoLedgerError:
    msg = "ledger.db is damaged or not a ledger's database"
    return NoLedgerError(msg, "muniment doctor; restore from backup")


def has_earlier_format(connection: Connection) -> bool:
    """Whether a database has a format that migrations bring up to date."""
    with suppress(sa.exc.DatabaseError):
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return found in EARLIER
    return False


def check_format(connection: Connection) -> None:
    """Refuse a database of another format.

    Raises `NewerFormatError` for one that this version does not know, `NoLedgerError` for a file
    that is not a ledger's database.
    """
    try:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except sa.exc.DatabaseError as error:
        raise _damaged() from error
    if found in EARLIER:
        msg = "ledger.db has the format of an earlier Muniment ({found!r}, now {known!r})"
        raise NoLedgerError(
            msg, "muniment rebuild; it brings the format up to date", found=found, known=FORMAT
        )
    if found != FORMAT:
        msg = "ledger.db has format {found!r}, this Muniment knows {known!r}"
        raise NewerFormatError(
            msg,
            "install the Muniment version that wrote it",
            found=str(found)[:16],
            known=FORMAT,
        )


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """One writing transaction: committed at the end, rolled back on any exception."""
    immediate = " IMMEDIATE" if connection.dialect.name == "sqlite" else ""
    try:
        execute(connection, f"BEGIN{immediate}")
        yield
        execute(connection, "COMMIT")  # may fail too, and leaves the transaction open then
    except BaseException:
        with suppress(sa.exc.DBAPIError):
            execute(connection, "ROLLBACK")
        raise


class WriterLock:
    """The one writer of an embedded ledger; the system frees it when the process ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ledger.lock"
        self._descriptor: int | None = None

    def acquire(self, wait: float) -> None:
        """Take the lock, waiting at most `wait` seconds.

        Raises `LockedError` when another process keeps it.
        """
        if self._descriptor is not None:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # it waits at no pipe
        descriptor = os.open(self._path, flags, 0o600)
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    msg = "another process is writing to this ledger (waited {wait:g} s)"
                    raise LockedError(msg, "try again when it has finished", wait=wait) from None
                time.sleep(0.05)
            else:
                self._descriptor = descriptor
                return

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

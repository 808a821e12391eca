"""Projections made anew from the events alone, and compared with the live ones (promise 2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ledger.errors import MunimentError, VerificationError
from ledger.evidence import decode_events
from ledger.garbage import few_collections
from ledger.schema import SIGNERS, engine_for, has_earlier_format, transaction
from ledger.tlog.commit import POSSESSION, Entry
from projections import METADATA, project
from projections.comparison import Difference, differences
from projections.view import Recorded, fetch, key_of, marked

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection

BATCH = 2_000

_EVENTS: Final = (
    "SELECT position, entry, state, topic FROM events "
    "WHERE position BETWEEN {} AND {} ORDER BY position"
)
# A batch has no more entries than events, and they follow each other.
_ACCEPTED: Final = (
    "SELECT entry, substr(data, 10, 24) FROM commits WHERE entry >= {} ORDER BY entry LIMIT {}"
)
_recorded: Final = partial(tuple.__new__, Recorded)  # the class itself takes longer than the rest


def batches(log: Connection, last: int, size: int = BATCH) -> Iterator[list[Recorded]]:
    """Every event up to position `last`, in order, in flat memory.

    Raises `VerificationError` for an event that cannot be read.
    """
    events, commits = marked(log, _EVENTS), marked(log, _ACCEPTED)
    for first in range(1, last + 1, size):
        rows = fetch(log, events, (first, min(first + size - 1, last)))
        if not rows:
            continue
        positions, entries, states, topics = zip(*rows, strict=True)
        accepted = {
            entry: bytes(time).decode("ascii", "replace")
            for entry, time in fetch(log, commits, (entries[0], size))
        }
        try:
            times = map(accepted.__getitem__, entries)
            recorded = zip(positions, entries, times, decode_events(states, topics), strict=True)
            batch = [*map(_recorded, recorded)]
        except KeyError as error:
            msg = f"entry {error.args[0]} is missing"
            raise VerificationError(msg, "muniment verify") from None
        except MunimentError as error:
            msg = f"an event near position {first} cannot be read: {error.message}"
            raise VerificationError(msg, "muniment verify") from error
        yield batch


def rebuild_into(log: Connection, target: Connection, size: int = BATCH) -> int:
    """Make the projections of `log`'s events in `target`, whose tables must be empty.

    Returns the number of events read.
    """
    last = log.exec_driver_sql("SELECT events FROM head").scalar() or 0
    with few_collections():
        for batch in batches(log, last, size):
            project(target, batch)
    return int(last)


LAYOUT: Final = 9
"""The number of the projections' tables: raised with every change of them; 0 is before it was."""


def make_tables(connection: Connection) -> None:
    """Make the projections' tables, empty, and note their layout."""
    METADATA.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA user_version = {LAYOUT}")


def is_up_to_date(connection: Connection) -> bool:
    """Whether format and projections are those of this version; nothing is changed."""
    layout = connection.exec_driver_sql("PRAGMA user_version").scalar()
    return bool(layout == LAYOUT) and not has_earlier_format(connection)


def bring_up_to_date(connection: Connection, *, writing: bool) -> None:
    """Make the projections anew if another version of Muniment made them.

    Raises `MunimentError` where that is needed and nothing may be written.
    """
    if connection.exec_driver_sql("PRAGMA user_version").scalar() == LAYOUT:
        return
    if not connection.exec_driver_sql("SELECT count(*) FROM head").scalar():
        return  # no ledger at all, which others say better
    if not writing:
        msg = "the tables were made by another version of Muniment"
        raise MunimentError(msg, "muniment rebuild")
    rebuild(connection)


def rebuild(connection: Connection) -> int:
    """Replace the live projections and the table of signers, in one transaction.

    Returns the number of events read.
    """
    with transaction(connection):
        METADATA.drop_all(connection)
        make_tables(connection)
        connection.execute(sa.delete(SIGNERS))
        if rows := signers(connection):
            connection.execute(sa.insert(SIGNERS), rows)
        return rebuild_into(connection, connection)


def signers(log: Connection) -> list[dict[str, object]]:
    """The last entry of each holder, from the commit notes alone."""
    origin = ""
    last: dict[str, int] = {}
    for entry, data in log.exec_driver_sql("SELECT entry, data FROM commits ORDER BY entry"):
        note = Entry.parse(bytes(data)).commit.note
        origin = origin or note.origin
        for line in note.signers:
            holder = line.name.removeprefix(f"{origin}/a/")
            if line.capacity != POSSESSION and holder != line.name:
                last[holder] = entry
    return [{"holder": key_of(holder), "entry": entry} for holder, entry in sorted(last.items())]


def check_database(database: Path) -> tuple[int, Sequence[Difference]]:
    """The number of events in a ledger's database, and where its tables differ from them.

    A pure function of one ledger, for whoever has many and an executor.
    """
    engine = engine_for(database, read_only=True)
    try:
        with engine.connect() as log:
            events = log.exec_driver_sql("SELECT events FROM head").scalar() or 0
            return int(events), check(log)
    finally:
        engine.dispose()


def check(log: Connection, *, limit: int = 20) -> list[Difference]:
    """Where the live projections differ from what the events say; empty if nowhere."""
    # An empty name is a temporary database of SQLite's own, which spills to disk: flat memory.
    engine = sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect("", isolation_level=None),
        isolation_level="AUTOCOMMIT", poolclass=sa.pool.StaticPool,
    )  # fmt: skip
    try:
        with engine.connect() as scratch:
            scratch.exec_driver_sql("PRAGMA page_size=16384")
            METADATA.create_all(scratch)
            SIGNERS.create(scratch)
            scratch.exec_driver_sql("BEGIN")
            rebuild_into(log, scratch)
            if rows := signers(log):
                scratch.execute(sa.insert(SIGNERS), rows)
            scratch.exec_driver_sql("COMMIT")
            tables = [*METADATA.sorted_tables, SIGNERS]
            return differences(log, scratch, tables, limit=limit)
    finally:
        engine.dispose()

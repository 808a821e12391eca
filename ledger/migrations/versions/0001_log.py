"""The log: events, commits, tiles, checkpoints, packs, sealed, tokens, signers, head.

Spelled out rather than taken from `ledger.schema`, which describes today's tables: a migration
describes those of its day.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_TABLES = (
    """CREATE TABLE events (
        position INTEGER NOT NULL PRIMARY KEY,
        stream BLOB NOT NULL,
        version INTEGER NOT NULL,
        topic TEXT NOT NULL,
        entry INTEGER,
        state BLOB NOT NULL,
        CONSTRAINT events_stream_version UNIQUE (stream, version)
    ) STRICT""",
    """CREATE TABLE commits (
        entry INTEGER NOT NULL PRIMARY KEY,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        id BLOB NOT NULL UNIQUE,
        data BLOB NOT NULL,
        leaves BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE tiles (
        level INTEGER NOT NULL,
        number INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (level, number)
    ) STRICT""",
    """CREATE TABLE checkpoints (
        id INTEGER NOT NULL PRIMARY KEY,
        size INTEGER NOT NULL,
        note BLOB NOT NULL
    ) STRICT""",
    "CREATE TABLE packs (digest BLOB NOT NULL PRIMARY KEY, data BLOB NOT NULL) STRICT",
    "CREATE TABLE sealed (position INTEGER NOT NULL PRIMARY KEY, ciphertext BLOB NOT NULL) STRICT",
    """CREATE TABLE tokens (
        token BLOB NOT NULL PRIMARY KEY,
        stream BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE signers (holder BLOB NOT NULL PRIMARY KEY, entry INTEGER NOT NULL) STRICT",
    """CREATE TABLE head (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        entries INTEGER NOT NULL,
        events INTEGER NOT NULL,
        root BLOB NOT NULL,
        edge BLOB NOT NULL,
        accepted TEXT NOT NULL
    ) STRICT""",
)
_APPEND_ONLY = ("events", "commits", "tiles", "checkpoints", "packs")


def upgrade() -> None:
    """Make the tables and the triggers that refuse UPDATE and DELETE."""
    if op.get_bind().dialect.name != "sqlite":
        msg = "this version keeps ledgers in SQLite only"
        raise NotImplementedError(msg)
    for table in _TABLES:
        op.execute(table)
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )

"""The tables by which people are found again: subject_tokens, subject_places, subject_coverage."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_TABLES = (
    """CREATE TABLE subject_tokens (
        token BLOB NOT NULL PRIMARY KEY,
        subject BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE subject_places (
        record BLOB NOT NULL,
        token BLOB NOT NULL,
        sheet INTEGER NOT NULL,
        row INTEGER NOT NULL,
        PRIMARY KEY (record, token, sheet, row)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE subject_coverage (
        record BLOB NOT NULL PRIMARY KEY,
        position INTEGER NOT NULL,
        outcome TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX subject_tokens_by_subject ON subject_tokens (subject)",
    "CREATE INDEX subject_places_by_token ON subject_places (token)",
)


def upgrade() -> None:
    """Make the tables; all of them can be erased, so nothing keeps rows from being deleted."""
    for table in _TABLES:
        op.execute(table)

"""The table of trusted time-stamps: anchors."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table, and the triggers that refuse UPDATE and DELETE."""
    op.execute(
        """CREATE TABLE anchors (
        id INTEGER NOT NULL PRIMARY KEY,
        size INTEGER NOT NULL,
        note BLOB NOT NULL,
        reply BLOB NOT NULL
    ) STRICT"""
    )
    op.execute("CREATE INDEX anchors_by_size ON anchors (size)")
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER anchors_no_{verb.lower()} BEFORE {verb} ON anchors "
            "BEGIN SELECT RAISE(ABORT, 'anchors is append-only'); END"
        )

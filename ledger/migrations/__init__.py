"""Alembic migrations of the log's tables, and the one way to run them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import Connection

from ledger.schema import has_earlier_format, transaction


def upgrade(connection: Connection) -> None:
    """Bring a database to the current format, inside the caller's transaction.

    Never uses Alembic's batch mode: on SQLite it recreates tables and drops their triggers.
    """
    from alembic import command  # takes 0.7 s to import, needed once a ledger
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def upgrade_earlier(connection: Connection) -> None:
    """Bring a database of an earlier format to the current one; leave every other as it is."""
    if has_earlier_format(connection):
        with transaction(connection):
            upgrade(connection)

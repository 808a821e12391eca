"""What `muniment verify` finds beside the log: no answer may be other than the events say."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.schema import OBJECTS, foreign_objects, trigger_names
from tests.ledger.ledgers import Firm, collect_files


def tampered(firm: Firm, *statements: str) -> Sequence[str]:
    """The codes of what is found after these statements; the verdict is `invalid`."""
    with closing(sqlite3.connect(firm.path / "ledger.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    report = inspect(Folder(firm.path))
    assert report.verdict == "invalid"
    return [finding.code for finding in report.findings]


@pytest.fixture
def collected(firm: Firm) -> Firm:
    with firm.open() as ledger:
        collect_files(ledger, ledger.acting(firm.founded.actor), firm.path.with_name("files"))
    assert inspect(Folder(firm.path)).verdict == "valid"
    return firm


@pytest.mark.parametrize(
    "change",
    ["level = 'general_1'", "reviewed = 1", "state = 'archived'", "size = size + 1",
     "category = 'contract.'", "min_until = '2000-01-01'", "row = 7"],
)  # fmt: skip
def test_an_inventory_that_the_events_do_not_make_is_found(collected: Firm, change: str) -> None:
    assert "projection_differs" in tampered(collected, f"UPDATE inventory SET {change}")


def test_a_removed_row_of_a_register_is_found(collected: Firm) -> None:
    assert "projection_differs" in tampered(collected, "DELETE FROM roles")


def test_a_view_in_the_place_of_a_table_is_found(collected: Firm) -> None:
    found = tampered(
        collected,
        "ALTER TABLE inventory RENAME TO real",
        "CREATE VIEW inventory AS SELECT * FROM real",
    )
    assert "schema_changed" in found


def test_a_trigger_of_somebody_elses_is_found(collected: Firm) -> None:
    found = tampered(
        collected,
        "CREATE TRIGGER more AFTER INSERT ON inventory BEGIN DELETE FROM inventory; END",
    )
    assert found == ["schema_changed"]


def test_a_log_table_made_anew_with_other_types_is_found(collected: Firm) -> None:
    found = tampered(
        collected,
        "CREATE TABLE n AS SELECT position, stream, version, topic, entry, "
        "CAST(state AS TEXT) state FROM events",
        "DROP TABLE events",
        "ALTER TABLE n RENAME TO events",
    )
    assert "schema_changed" in found


def test_one_huge_number_does_not_keep_verification_busy(collected: Firm) -> None:
    found = tampered(
        collected,
        "DROP TRIGGER commits_no_update",
        "UPDATE commits SET entry = 9007199254740997 WHERE entry = 0",
    )
    assert "entry_unknown" in found


def test_settings_of_another_ledger_are_found(collected: Firm) -> None:
    settings = collected.path / "muniment.toml"
    text = settings.read_text(encoding="utf-8").replace("jiejing", "other")
    settings.write_text(text, encoding="utf-8")
    report = inspect(Folder(collected.path))
    assert [finding.code for finding in report.findings] == ["settings_differ"]


def test_what_the_migrations_make_is_what_is_expected(ledger: Ledger, admin: Acting) -> None:
    with ledger.engine.connect() as connection:
        assert foreign_objects(connection) == []
        rows = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")
        assert set(OBJECTS) <= {row[0] for row in rows}
    assert trigger_names() <= set(OBJECTS)

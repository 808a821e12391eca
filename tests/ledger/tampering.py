"""A ledger with something of everything in it, and a hand that changes it behind its back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from ledger import acts
from ledger.folder import Folder
from ledger.verification import ranges
from ledger.verification.database import StoredSource
from ledger.verification.findings import Finding, Report
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import Firm, buyer, collect_files, found_firm, small_act

COLLECTED = 18  # position of the first record.collected: in a commit of six events, 17 to 22
REVIEWED = 23  # by the second person, alone in its commit
LAST = 27


def make_busy(firm: Firm, files: Path) -> None:
    """Three contracts collected in one commit and reviewed by the second person, and so on."""
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        second = ledger.acting(firm.second)
        records = [one.record for one in collect_files(ledger, admin, files, 3)]
        proposals = [acts.review(record, ["accuracy"], "pass") for record in records[:1]]
        ledger.act(second, proposals)
        ledger.act(admin, [buyer(), buyer("第二买方")])
        ledger.sign_checkpoint()
        ledger.act(second, [small_act(1)])
        ledger.act(admin, [small_act(2)])


@contextmanager
def hand_in(database: Path) -> Iterator[sqlite3.Connection]:
    """Full rights over the database; the triggers are put back as if nothing had happened."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")


def value(connection: sqlite3.Connection, sql: str, *arguments: object) -> Any:
    """The one value that a query finds."""
    (row,) = connection.execute(sql, arguments).fetchall()
    return row[0]


def flipped(data: bytes, at: int, bits: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def change(database: Path, table: str, column: str, key: str, number: int, at: int) -> None:
    """Flip one bit of one stored value."""
    with hand_in(database) as connection:
        data = value(connection, f"SELECT {column} FROM {table} WHERE {key} = ?", number)
        new = flipped(data, at % len(data))
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (new, number))


def check(firm: Firm, **options: Any) -> Report:
    """Verify, and once more: however entries are cut into ranges, the same is found."""
    report = verify_folder(Folder(firm.path), **options)
    events = (0, 1, 5)[crc32(repr(report).encode()) % 3]  # seldom the same for two damages
    assert verify_cut(firm, events, **options) == report, events
    return report


def verify_cut(firm: Firm, events: int, **options: Any) -> Report:
    """Verify in ranges of so many events; of 0: in none, so that everything is looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "EVENTS", events)
        if not events:
            patch.setattr(StoredSource, "ranges", lambda *_: [])
        return verify_folder(Folder(firm.path), **options)


def places(report: Report) -> list[tuple[str, int | None, str | None, str]]:
    """Code, position, stream and part of every finding."""
    return [(f.code, f.position, f.stream, f.part) for f in report.findings]


def only(report: Report) -> Finding:
    """The one finding."""
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


def stream_at(database: Path, position: int) -> str:
    """The stream of an event, from its bytes."""
    with closing(sqlite3.connect(database)) as connection:
        state = value(connection, "SELECT state FROM events WHERE position = ?", position)
    return str(state).partition('"stream":"')[2].partition('"')[0]


@pytest.fixture(scope="session")
def busy_template(tmp_path_factory: pytest.TempPathFactory) -> Firm:
    home = tmp_path_factory.mktemp("busy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        firm = found_firm(home / "ledger")
        make_busy(firm, home / "files")
    return firm


@pytest.fixture
def busy(busy_template: Firm, tmp_path: Path, state_home: Path) -> Firm:
    path = tmp_path / "ledger"
    shutil.copytree(busy_template.path, path)
    return busy_template._replace(path=path)


@pytest.fixture
def database(busy: Firm) -> Path:
    return busy.path / "ledger.db"


def act(firm: Firm, count: int = 1, *, second: bool = False) -> None:
    with firm.open() as ledger:
        person = ledger.acting(firm.second if second else firm.founded.actor)
        for _ in range(count):
            ledger.act(person, [small_act(ledger.seen()[0])])


def first_of(firm: Firm, entry: int) -> int:
    return int(value_of(firm, f"SELECT first FROM commits WHERE entry = {entry}"))


def value_of(firm: Firm, sql: str) -> int:
    with closing(sqlite3.connect(firm.path / "ledger.db")) as connection:
        return int(value(connection, sql))


@pytest.fixture(scope="session")
def tiled_template(firm_template: Firm, tmp_path_factory: pytest.TempPathFactory) -> Firm:
    """Two full tiles and some more."""
    home = tmp_path_factory.mktemp("tiled")
    firm = firm_template._replace(path=home / "ledger")
    shutil.copytree(firm_template.path, firm.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        act(firm, 200)
        with firm.open() as ledger:
            (home / "at-202").write_bytes(ledger.sign_checkpoint())
        act(firm, 350, second=True)
    return firm


@pytest.fixture
def tiled(tiled_template: Firm, tmp_path: Path, state_home: Path) -> Firm:
    path = tmp_path / "tiled"
    shutil.copytree(tiled_template.path, path)
    return tiled_template._replace(path=path)

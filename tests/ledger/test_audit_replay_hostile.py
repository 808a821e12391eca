"""Ledgers prepared for the auditor: to keep him waiting, to make him stumble, to blind him.

Whoever keeps a ledger can write anything into its folder, and a client without our rules can have
anything recorded. A replay ends, says what is wrong, and loses nothing that it had found.
"""

from __future__ import annotations

import faulthandler
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from msgspec import structs

from domain.values import LAST_MOMENT
from ledger.audit import genuine
from ledger.audit.finding import Finding
from ledger.audit.kept import Standing
from ledger.audit.outcome import Replayed
from ledger.audit.replay import Asked, replay
from ledger.audit.scratch import reading
from ledger.cli import muniment
from ledger.doctor import examine
from ledger.errors import NoLedgerError
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.verification.findings import Report
from tests.domain.audit_words import issue_report
from tests.domain.estates import Estate
from tests.domain.words import access, receive_request
from tests.domain.worlds import Firm as House
from tests.domain.worlds import Said as House_Said
from tests.domain.worlds import create_holding
from tests.ledger.ledgers import Firm, small_act
from tests.ledger.replayed import NOW, audited, book_judged, modified_client, not_permitted
from tests.ledger.tampering import (
    REVIEWED,
    act,  # noqa: F401  fixtures are found by their names
    busy,  # noqa: F401
    busy_template,  # noqa: F401
    hand_in,
)

_LONG = 60


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """Whoever waits for ever ends the tests, and says where."""
    faulthandler.dump_traceback_later(_LONG, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def copied(busy: Firm, to: Path) -> Replayed:  # noqa: F811
    """A replay of the database alone, copied into an empty folder."""
    to.mkdir(exist_ok=True)
    shutil.copyfile(busy.path / "ledger.db", to / "ledger.db")
    return replay(to / "ledger.db", Folder(busy.path).pinned_key(), Asked(NOW))


# -- acts that no rule can answer ---------------------------------------------------------------


Said = tuple[str, str, tuple[House_Said, ...]]


def judged(house: House, path: Path, *commits: Said) -> tuple[list[Finding], Standing]:
    """What judging finds of commits that were recorded past the rules: who, role, what."""
    made = []
    for number, (who, role, said) in enumerate(commits):
        statement, events = house.statement(getattr(house, who), role, said)
        entry = statement.entry + number
        made.append((structs.replace(
            statement, entry=entry, seen=entry, commit=f"{entry:032x}",
        ), events))  # fmt: skip
    return book_judged(house.book, path, *made)


def details(found: list[Finding]) -> set[tuple[int | None, str]]:
    return {(one.entry, one.detail) for one in found}


def test_a_request_at_the_end_of_time_loses_no_refusal(tmp_path: Path) -> None:
    """The working days after it do not exist; that it lies in the future was found before that."""
    estate = Estate.open()
    said = receive_request(estate.new("rights"), received_at="2026-11-20T02:00:00.000Z")
    said = said.but(received_at=LAST_MOMENT, due_at="9999-12-31")
    entry = len(estate.book.accepted)
    found, standing = judged(estate, tmp_path / "l.db", ("zhou", "collector", (said,)))
    assert details(found) == {(entry, "claimed_time_in_future"), (entry, "rule_failed")}
    assert {one.severity for one in found if one.detail == "rule_failed"} == {"high"}
    assert (standing.unknown, standing.judged) == (0, entry_events(estate) + 1)


def entry_events(house: House) -> int:
    return sum(len(events) for _, events in house.book.commits)


def test_an_act_on_what_nobody_began_hides_neither_its_commit_nor_what_follows(
    tmp_path: Path,
) -> None:
    """A report of an audit that there is not; beside it and after it, accesses without a grant."""
    house = House.open()
    record = house.ready()
    copy = house.holding_of(record)
    looked = access(record, copy)
    entry = len(house.book.accepted)
    found, standing = judged(
        house, tmp_path / "l.db",
        ("wang", "internal_auditor", (issue_report(house.new("audit")), looked)),
        ("wang", "custodian", (looked.but(version=house.record(record).version + 2),)),
    )  # fmt: skip
    heard = details(found)
    assert {(entry, "unknown_audit"), (entry, "no_grant"), (entry + 1, "no_grant")} <= heard
    assert standing.unknown == 0


def test_a_commit_that_fits_no_table_excuses_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House.open()
    record = house.ready()
    copy = house.holding_of(record)
    other = house.new("holding")
    made = create_holding(other, house.party)
    entry = len(house.book.accepted)
    found, standing = judged(
        house, tmp_path / "l.db",
        ("wang", "custodian", (made, made.but(version=2))),
        ("wang", "custodian", (access(record, copy),)),
    )  # fmt: skip
    assert standing.unmade == 1
    assert standing.unshown == {other[-36:]}
    assert (entry + 1, "no_grant") in details(found)
    (one,) = [one for one in found if one.detail == "no_grant"]
    assert "uncertain" not in one.cause, "nothing that it names is in doubt"


def test_a_copy_made_of_itself_does_not_keep_a_replay(tmp_path: Path) -> None:
    house = House.open()
    copy = house.new("holding")
    said = create_holding(copy, house.party, made_from=copy)
    entry = len(house.book.accepted)
    found, _ = judged(house, tmp_path / "l.db", ("wang", "custodian", (said,)))
    assert {one.entry for one in found} == {entry}


def test_a_ledger_at_the_end_of_time_is_judged_to_its_end(tmp_path: Path) -> None:
    house = House.open()
    record = house.ready()
    looked, entry = access(record, house.holding_of(record)), len(house.book.accepted)
    again = looked.but(version=house.record(record).version + 2)
    house.now = LAST_MOMENT
    found, standing = judged(
        house, tmp_path / "l.db",
        ("wang", "custodian", (looked,)), ("wang", "custodian", (again,)),
    )  # fmt: skip
    assert {(entry, "accepted_past_all_deadlines"), (entry + 1, "no_grant")} <= details(found)
    assert standing.unknown == 0


# -- files that keep whoever opens them ---------------------------------------------------------


@pytest.mark.parametrize("name", ["ledger.db-journal", "ledger.db-wal", "ledger.db-shm"])
def test_a_named_pipe_beside_the_database_keeps_nobody_waiting(busy: Firm, name: str) -> None:  # noqa: F811
    (busy.path / name).unlink(missing_ok=True)
    os.mkfifo(busy.path / name)
    folder = Folder(busy.path)
    for ask in (lambda: inspect(folder), lambda: audited(folder)):
        with pytest.raises(NoLedgerError) as caught:
            ask()
        assert caught.value.message == f"{name} is no ordinary file"
    (failed,) = [check for check in examine(folder) if check.code == "database"]
    assert failed.state == "failed"
    with pytest.raises(NoLedgerError):
        busy.open()


def test_a_named_pipe_as_the_lock_keeps_no_salvage(busy: Firm, tmp_path: Path) -> None:  # noqa: F811
    (busy.path / "ledger.lock").unlink(missing_ok=True)
    os.mkfifo(busy.path / "ledger.lock")
    said = ["-L", str(busy.path), "salvage", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(muniment, said)
    assert done.exit_code in (0, 3, 4), done.output


def test_junk_in_a_journal_is_named_as_what_it_is(busy: Firm) -> None:  # noqa: F811
    (busy.path / "ledger.db-journal").write_bytes(
        bytes.fromhex("d9d505f920a163d7") + bytes(504) + b"junk" * 64
    )
    with pytest.raises(NoLedgerError, match="a rollback journal lies beside"):
        inspect(Folder(busy.path))


# -- one thing to verify, another to judge ------------------------------------------------------

SWAPS = {
    "an event": "UPDATE events SET state = CAST(replace(state, '\"accuracy\"', '\"integrity\"') "
    f"AS BLOB) WHERE position = {REVIEWED}",
    "its stream": f"UPDATE events SET stream = randomblob(16) WHERE position = {REVIEWED}",
    "its version": f"UPDATE events SET version = version + 7 WHERE position = {REVIEWED}",
    "its topic": f"UPDATE events SET topic = 'record.archived' WHERE position = {REVIEWED}",
    "an entry": "UPDATE commits SET data = CAST(replace(data, 'muniment/0', 'muniment/9') AS BLOB) "
    "WHERE entry = 2",
    "a whole entry": "DELETE FROM commits WHERE entry = (SELECT max(entry) - 1 FROM commits)",
}


@pytest.mark.parametrize("what", SWAPS)
def test_what_is_swapped_after_verification_is_found(
    busy: Firm,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """The true bytes to verify, others to judge, and the true ones back again."""
    right = (busy.path / "ledger.db").read_bytes()
    verified = genuine.verified

    def swapped(*args: Any) -> Report:
        report = verified(*args)
        with hand_in(busy.path / "ledger.db") as database:
            assert database.execute(SWAPS[what]).rowcount
        return report

    with monkeypatch.context() as patch:
        patch.setattr(genuine, "verified", swapped)
        for only in ((), ("not_permitted",)):
            found = audited(busy.path, only=only)
            for name in ("ledger.db-wal", "ledger.db-shm"):
                (busy.path / name).unlink(missing_ok=True)
            (busy.path / "ledger.db").write_bytes(right)
            assert {(one.code, one.severity) for one in found.findings} == {
                ("read_differently", "critical")
            }
            assert (found.verdict, found.exit_code) == ("invalid", 3)
    found = audited(busy.path)
    assert found.verdict == "valid"
    with reading(busy.path / "ledger.db") as log:
        head = log.exec_driver_sql("SELECT entries, root FROM head").one()
    assert (found.tree.size, found.tree.root) == (head[0], bytes(head[1]).hex())


def test_what_was_judged_is_the_beginning_of_what_was_verified(
    busy: Firm,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of an earlier entry too: what follows it leads to the root that was verified."""
    assert audited(busy.path, as_of=f"position:{REVIEWED}").verdict == "valid"
    verified = genuine.verified

    def swapped(*args: Any) -> Report:
        report = verified(*args)
        with hand_in(busy.path / "ledger.db") as database:
            database.execute(SWAPS["an entry"].replace("entry = 2", "entry = 0"))
        return report

    monkeypatch.setattr(genuine, "verified", swapped)
    codes = {one.code for one in audited(busy.path, as_of=f"position:{REVIEWED}").findings}
    assert "read_differently" in codes


# -- what is kept -------------------------------------------------------------------------------

FORGED = {
    "a finding away": "DELETE FROM replay_found",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON replay_found BEGIN DELETE FROM replay_found; "
    "END",
    "a view": "CREATE VIEW v AS SELECT 1",
    "a column": "ALTER TABLE replay_found ADD COLUMN more",
    "a state": "UPDATE replay_state SET state = CAST(replace(state, 'judged', 'judgde') AS BLOB)",
    "a table of answers": "ALTER TABLE grants ADD COLUMN more",
}


SLOW = {"a view", "a column", "a state"}


@pytest.mark.parametrize(
    "what",
    [pytest.param(one, marks=[pytest.mark.slow] if one in SLOW else []) for one in FORGED],
)
def test_a_kept_replay_that_somebody_changed_is_made_anew(
    busy: Firm,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    with modified_client(monkeypatch), busy.open() as ledger:
        founder = ledger.acting(busy.founded.actor)
        events, ciphertexts = ledger.build(founder, [small_act(1)], at="2031-01-01T00:00:00.000Z")
        ledger.commit(founder, events, ciphertexts)
    whole = audited(busy.path, keep=tmp_path / "keep")
    assert not_permitted(whole)
    with closing(sqlite3.connect(tmp_path / "keep" / "replay.db")) as database, database:
        database.execute(FORGED[what])
    told: list[str] = []
    again = audited(busy.path, keep=tmp_path / "keep", anew=lambda: told.append("anew"))
    assert (again.json(), told) == (whole.json(), ["anew"])
    told.clear()
    assert audited(busy.path, keep=tmp_path / "keep", anew=lambda: told.append("anew")) == whole
    assert told == []


# -- views in the place of tables ---------------------------------------------------------------

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"
VIEWS = {
    "alembic_version": "'0003' AS version_num",
    "head": "1 AS id, i AS entries, i AS events, x'' AS root, x'' AS edge, '' AS accepted",
    "packs": "zeroblob(32) AS digest, x'' AS data",
    "commits": "i AS entry, i AS first, 1 AS count, x'' AS id, x'' AS data, x'' AS leaves",
    "inventory": "i AS record",
}


@pytest.mark.parametrize("table", VIEWS)
def test_a_view_without_end_is_told_and_never_asked(busy: Firm, table: str, tmp_path: Path) -> None:  # noqa: F811
    with closing(sqlite3.connect(busy.path / "ledger.db")) as database, database:
        database.execute(f"ALTER TABLE {table} RENAME TO real_one")
        database.execute(f"CREATE VIEW {table} AS {ENDLESS.format(VIEWS[table])}")
    assert "schema_changed" in {one.code for one in inspect(Folder(busy.path)).findings}
    for found in (audited(busy.path), copied(busy, tmp_path / "copy")):
        assert found.verdict == "invalid"
        assert "schema_changed" in {one.code for one in found.findings}
    assert {check.state for check in examine(Folder(busy.path)) if check.code == "triggers"} == {
        "failed"
    }


def test_a_column_that_is_computed_fills_no_memory(busy: Firm, tmp_path: Path) -> None:  # noqa: F811
    with closing(sqlite3.connect(busy.path / "ledger.db")) as database, database:
        database.execute("ALTER TABLE head ADD COLUMN more TEXT AS (hex(zeroblob(400000000)))")
    for found in (audited(busy.path), copied(busy, tmp_path / "copy")):
        assert "schema_changed" in {one.code for one in found.findings}


# -- nothing is left behind ---------------------------------------------------------------------


def test_a_replay_of_a_bare_copy_leaves_nothing_beside_it(busy: Firm, tmp_path: Path) -> None:  # noqa: F811
    found = copied(busy, tmp_path / "copy")
    assert found.verdict == "valid"
    assert [one.name for one in (tmp_path / "copy").iterdir()] == ["ledger.db"]
    assert (tmp_path / "copy" / "ledger.db").read_bytes() == (busy.path / "ledger.db").read_bytes()


def test_a_copy_with_its_write_ahead_log_stays_as_it_was(busy: Firm, tmp_path: Path) -> None:  # noqa: F811
    """What stands in the log alone is read, and no index of it is made beside the copy."""
    copy = tmp_path / "copy"
    copy.mkdir()
    with busy.open() as ledger:
        ledger.act(ledger.acting(busy.second), [small_act(3)])
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copyfile(busy.path / name, copy / name)
        entries = ledger.log.refresh().entries
    before = {one.name: one.read_bytes() for one in copy.iterdir()}
    assert before["ledger.db-wal"]
    found = replay(copy / "ledger.db", Folder(busy.path).pinned_key(), Asked(NOW))
    assert (found.verdict, found.entries) == ("valid", entries)
    assert {one.name: one.read_bytes() for one in copy.iterdir()} == before

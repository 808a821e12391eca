"""The auditor's replay of ledgers in which everything is in order, and of damaged ones."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from domain import TOPICS
from ledger.application import Ledger
from ledger.audit.judging import ReplayedFacts
from ledger.audit.outcome import read_replayed
from ledger.audit.replay import Asked, replay
from ledger.audit.scratch import TABLES, reading, scratch
from ledger.cli import muniment
from ledger.errors import EncodingError, NoLedgerError, UsageError
from ledger.folder import Folder
from ledger.schema import APPEND_ONLY
from ledger.tlog.note import VerifierKey
from projections.comparison import digest
from tests.ledger.ledgers import Firm
from tests.ledger.replayed import NOW, audited, not_permitted
from tests.ledger.tampering import act, busy, busy_template  # noqa: F401  fixtures

GENUINE = "genuine"
_LATER = (
    "UPDATE commits SET data = CAST(replace(data, 'accepted 2', 'accepted 3') AS BLOB) "
    "WHERE entry = 2"
)


def key_of(firm: Firm) -> VerifierKey:
    return Folder(firm.path).pinned_key()


def sql(firm: Firm, *statements: str) -> None:
    """What a keeper with full rights over the database does to it."""
    with closing(sqlite3.connect(firm.path / "ledger.db")) as database, database:
        for table in APPEND_ONLY:
            for verb in ("update", "delete"):
                database.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
        for statement in statements:
            assert database.execute(statement).rowcount


@pytest.fixture
def checkpoint(busy: Firm) -> bytes:  # noqa: F811
    with busy.open() as ledger:
        return ledger.sign_checkpoint()


# -- in order ---------------------------------------------------------------------------------


def test_nothing_is_found_that_was_permitted_and_the_tables_are_equal(busy: Firm) -> None:  # noqa: F811
    found = audited(busy.path)
    assert (found.verdict, not_permitted(found)) == ("valid", [])
    assert not [one for one in found.findings if one.chapter in ("genuine", "permitted")]
    assert found.projections.equal
    with reading(busy.path / "ledger.db") as log:
        events = log.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
        entries = log.exec_driver_sql("SELECT count(*) FROM commits").scalar_one()
    assert (found.events, found.entries) == (events, entries)


def test_the_same_question_gives_the_same_bytes_and_they_can_be_read_back(busy: Firm) -> None:  # noqa: F811
    first, second = audited(busy.path).json(), audited(busy.path).json()
    assert first == second
    assert read_replayed(first).json() == first
    with pytest.raises(EncodingError):
        read_replayed(first.replace(b'"events":', b'"events" :', 1))
    told = json.loads(first)
    told["counts"]["code"]["late_entry"] = 7
    with pytest.raises(EncodingError):
        read_replayed(json.dumps(told, sort_keys=True, separators=(",", ":")).encode())


def test_a_copy_of_the_database_alone_is_replayed_with_a_key_and_not_without(
    busy: Firm,  # noqa: F811
    tmp_path: Path,
) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(busy.path / "ledger.db", copy)
    with pytest.raises(UsageError, match="whose it is"):
        replay(copy, None, Asked(NOW))
    found = replay(copy, key_of(busy), Asked(NOW))
    assert (found.verdict, found.projections) == ("valid", audited(busy.path).projections)
    with pytest.raises(NoLedgerError):
        replay(tmp_path / "nowhere.db", key_of(busy), Asked(NOW))


def test_at_every_entry_the_tables_are_those_that_were_live_then(
    firm: Firm, tmp_path: Path
) -> None:
    """Promise 2, as of every entry: and no act was judged by what came after it."""
    live: list[str] = []
    for _ in range(3):
        live.append(audited(firm.path).projections.digest)
        act(firm, second=len(live) % 2 == 0)
    last = audited(firm.path).entries
    for back, expected in enumerate(reversed(live), 2):
        position = _last_position(firm, last - back)
        found = audited(firm.path, as_of=f"position:{position}")
        assert (found.projections.equal, found.projections.digest) == (None, expected)
        assert not_permitted(found) == []
        assert found.as_of.entry == last - back
        assert found.now == found.as_of.accepted


def _last_position(firm: Firm, entry: int) -> int:
    with reading(firm.path / "ledger.db") as log:
        sql = "SELECT first + count - 1 FROM commits WHERE entry = ?"
        return int(log.exec_driver_sql(sql, (entry,)).scalar_one())


def test_a_fold_is_found_by_its_stream_and_not_by_reading_the_log(busy: Firm) -> None:  # noqa: F811
    with scratch(busy.path / "ledger.db") as own:
        own.make_tables()
        own.reach(3, 9)
        plans = own.connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT stream, entry, state, position FROM events "
            "WHERE stream IN (x'00', x'01') ORDER BY stream, version"
        ).all()
        assert any("USING INDEX" in plan[3] and "stream=?" in plan[3] for plan in plans), plans
        assert own.connection.exec_driver_sql("SELECT max(position) FROM events").scalar() == 9
        assert own.connection.exec_driver_sql("SELECT max(entry) FROM commits").scalar() == 3
        assert ReplayedFacts(own, b"").origin == key_of(busy).name


def test_the_scratch_is_not_the_ledger(busy: Firm) -> None:  # noqa: F811
    """Whatever is made in the scratch database, the ledger's file is not touched."""
    before = (busy.path / "ledger.db").read_bytes()
    audited(busy.path)
    assert (busy.path / "ledger.db").read_bytes() == before


# -- what is asked for ------------------------------------------------------------------------


def test_only_what_is_asked_for_is_told(busy: Firm) -> None:  # noqa: F811
    whole, some = audited(busy.path), audited(busy.path, only=("complete", "late_entry"))
    assert some.chapters == ("complete", "timely")
    assert set(some.findings) == {
        one for one in whole.findings if one.chapter == "complete" or one.code == "late_entry"
    }
    assert some.verdict == ""
    with pytest.raises(UsageError, match="no chapter"):
        audited(busy.path, only=("nonsense",))


def test_only_what_is_genuine_reads_no_events_twice(busy: Firm) -> None:  # noqa: F811
    found = audited(busy.path, only=(GENUINE,))
    assert (found.verdict, found.events, found.projections.digest) == ("valid", 0, "")


def test_since_a_checkpoint_only_what_is_new_is_judged(
    busy: Firm,  # noqa: F811
    checkpoint: bytes,
) -> None:
    size = audited(busy.path).entries
    act(busy, 3)
    found = audited(busy.path, since=checkpoint)
    assert (found.since, found.entries, found.verdict) == (size, size + 3, "valid")
    assert found.events == 3
    assert found.projections.equal is None
    assert "tables_not_asked" in {gap.code for gap in found.gaps}, "and it is said"
    assert "tables_not_asked" not in {gap.code for gap in audited(busy.path).gaps}
    other = checkpoint.replace(b"\n", b"x\n", 1)
    with pytest.raises(UsageError, match="names no checkpoint"):
        audited(busy.path, since=other)


# -- damaged ----------------------------------------------------------------------------------


def test_a_changed_event_is_located_and_what_rests_on_it_is_not_known(busy: Firm) -> None:  # noqa: F811
    at = 12
    sql(busy, f"UPDATE events SET state = CAST(replace(state, '2026', '2027') AS BLOB) "
              f"WHERE position = {at}")  # fmt: skip
    found = audited(busy.path)
    assert ("event_changed", at) in {(one.code, one.position) for one in found.findings}
    gaps = {(gap.code, gap.subject) for gap in found.gaps}
    assert ("uncertain_from", f"position:{at}") in {(c, s) for c, s in gaps} or any(
        code == "not_judged" for code, _ in gaps
    )
    assert found.projections.equal is None
    assert found.exit_code == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET state = x'ff00ff' WHERE position = 1",
        "DELETE FROM commits WHERE entry = 2",
        "UPDATE events SET stream = zeroblob(16) WHERE position = 7",
        "DELETE FROM packs",
        "DROP TABLE IF EXISTS inventory",
        *(
            pytest.param(statement, marks=pytest.mark.slow)
            for statement in (
                "UPDATE events SET state = x'7b7d' WHERE position = 5",
                "UPDATE events SET state = zeroblob(20000) WHERE position = 9",
                "UPDATE events SET entry = NULL WHERE position = 7",
                "UPDATE events SET version = 99 WHERE position = 7",
                "DELETE FROM events WHERE position = 8",
                "DELETE FROM commits WHERE entry = 0",
                "UPDATE commits SET data = x'00' WHERE entry = 1",
                "UPDATE commits SET count = 9999 WHERE entry = 1",
                "UPDATE commits SET first = 1 WHERE entry = 3",
                _LATER,
                "UPDATE packs SET data = x'00'",
                "DELETE FROM actors",
            )
        ),
    ],
)
def test_no_damage_ends_a_replay(busy: Firm, statement: str) -> None:  # noqa: F811
    with closing(sqlite3.connect(busy.path / "ledger.db")) as database, database:
        for table in APPEND_ONLY:
            for verb in ("update", "delete"):
                database.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
        database.execute(statement)
    found = audited(busy.path)
    assert found.exit_code == 3, "it is found"
    assert read_replayed(found.json()) == found


@pytest.mark.parametrize(
    "step", [pytest.param(1, marks=pytest.mark.slow, id="every"), pytest.param(23, id="some")]
)
def test_every_part_of_the_log_is_damaged_in_turn_and_replay_says_so(
    busy: Firm,  # noqa: F811
    step: int,
) -> None:
    """Whole pages of noise: a finding or a gap, never a traceback."""
    file = busy.path / "ledger.db"
    good = file.read_bytes()
    for page in range(1, len(good) // 16384, step):
        begin = page * 16384
        file.write_bytes(good[:begin] + b"\xa5" * 16384 + good[begin + 16384 :])
        try:
            found = audited(busy.path)
        except NoLedgerError:
            continue  # said as it is: this cannot be opened
        assert found.findings, page
        assert found.exit_code == 3, page
    file.write_bytes(good)


# -- at the command line ----------------------------------------------------------------------


def test_the_command_says_it_in_both_languages_and_by_its_exit_code(
    busy: Firm,  # noqa: F811
    tmp_path: Path,
) -> None:
    run = CliRunner()
    place = ["-L", str(busy.path), "audit", "replay", "--now", NOW]
    spoken = run.invoke(muniment, [*place, "--only", "permitted", "--only", "genuine"])
    assert spoken.exit_code == 0, spoken.output
    assert "0 findings" in spoken.output
    chinese = run.invoke(muniment, [*place, "--lang", "zh", "--only", "complete"])
    assert "账本" in chinese.output
    out = tmp_path / "replay.json"
    told = run.invoke(muniment, [*place, "--json", "--out", str(out)])
    assert told.stdout_bytes == out.read_bytes() == audited(busy.path).json() + b"\n"
    assert told.exit_code == audited(busy.path).exit_code
    both = run.invoke(muniment, [*place, "--as-of", "position:3"])
    assert both.exit_code == 2


def test_every_projection_is_among_the_tables_compared(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        assert set(digest(connection, TABLES)) == {table.name for table in TABLES}
    assert len(TABLES) > 40
    assert TOPICS

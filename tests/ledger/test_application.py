"""Opening, closing and pinning a ledger; its clock; its checkpoints and its tree."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from domain.values import later
from ledger import rebuild
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.clock import SystemClock
from ledger.errors import (
    KeyAccessError,
    LockedError,
    MunimentError,
    NewerFormatError,
    NoLedgerError,
    VerificationError,
)
from ledger.folder import Folder
from ledger.signing import now
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint
from ledger.tlog.note import Note
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import (
    Firm,
    add_person,
    buyer,
    collect_files,
    dump,
    found_firm,
    passphrase,
    signed_by,
    small_act,
)

ROOT = Path(__file__).parent.parent.parent


# -- opening ------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["muniment.toml", "ledger.db", "trust/ledger.vkey"])
def test_a_missing_part_is_named(firm: Firm, part: str) -> None:
    (firm.path / part).unlink()
    for writing in (False, True):
        with pytest.raises(NoLedgerError) as caught:
            firm.open(writing=writing)
        assert part in caught.value.message or part == "muniment.toml"
        assert caught.value.remedy
    assert not (firm.path / part).exists()


@pytest.mark.parametrize("part", ["keystore/kek.json", "keystore/slots"])
def test_without_its_keystore_a_ledger_is_still_read(firm: Firm, part: str) -> None:
    (firm.path / part).unlink()
    with firm.open() as ledger:
        assert ledger.seen()[0] == 2
        assert ledger.events_of(firm.founded.ledger)
        admin = ledger.acting(firm.founded.actor)
        with pytest.raises(KeyAccessError):
            ledger.act(admin, [buyer()])
        ledger.act(admin, [small_act()])


def test_without_the_actors_key_file_nothing_is_signed(firm: Firm) -> None:
    for file in (firm.path / "identity").glob(f"{firm.second}.act.*"):
        file.unlink()
    with firm.open() as ledger, pytest.raises(KeyAccessError):
        ledger.acting(firm.second)


@pytest.mark.parametrize("format_", ["0099", "9999", ""])
def test_a_database_of_another_format_is_refused_untouched(firm: Firm, format_: str) -> None:
    with sqlite3.connect(firm.path / "ledger.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (format_,))
    connection.close()
    before = (firm.path / "ledger.db").read_bytes()
    for writing in (False, True):
        with pytest.raises(NewerFormatError):
            firm.open(writing=writing)
    assert (firm.path / "ledger.db").read_bytes() == before


@pytest.mark.parametrize(
    "text", ['format = "0099"', "format = 1", "[[[", "", "\xff", "x" * 100_000]
)
def test_a_folder_of_another_format_is_refused(firm: Firm, text: str) -> None:
    (firm.path / "muniment.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(NoLedgerError):
        firm.open()


@pytest.mark.parametrize("content", [b"", b"no database" * 100, b"SQLite format 3\0" + bytes(4080)])
def test_a_file_that_is_no_ledgers_database_is_refused(firm: Firm, content: bytes) -> None:
    (firm.path / "ledger.db").write_bytes(content)
    for writing in (False, True):
        with pytest.raises(NoLedgerError):
            firm.open(writing=writing)


def test_an_empty_log_is_no_ledger(firm: Firm) -> None:
    (firm.path / "ledger.db").unlink()
    from ledger.migrations import upgrade
    from ledger.schema import engine_for, transaction

    engine = engine_for(firm.path / "ledger.db")
    with engine.connect() as connection, transaction(connection):
        upgrade(connection)
    engine.dispose()
    for writing in (False, True):
        with pytest.raises(NoLedgerError):
            firm.open(writing=writing)


def test_a_ledger_that_could_not_be_opened_can_be_opened_later(firm: Firm) -> None:
    """A failed opening gives the writer's lock back, whatever it failed at."""
    database = firm.path / "ledger.db"
    good = database.read_bytes()
    database.write_bytes(b"garbage" * 1000)
    with pytest.raises(NoLedgerError):
        firm.open()
    database.write_bytes(good)
    with firm.open() as ledger:
        assert ledger.seen()[0] == 2


def test_closing_twice_is_harmless_and_frees_the_lock(firm: Firm) -> None:
    ledger = firm.open()
    ledger.close()
    ledger.close()
    firm.open().close()


def test_closing_frees_the_lock_even_when_the_database_is_gone(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = firm.open()

    def broken(*_: Any) -> Any:
        raise MunimentError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "pin", broken)
        with pytest.raises(MunimentError):
            ledger.close()
    firm.open().close()


# -- two processes ------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from ledger.schema import WriterLock
lock = WriterLock(Path(sys.argv[1]))
lock.acquire(0)
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def holding(path: Path, seconds: float) -> subprocess.Popen[str]:
    """Another process that keeps the writer's lock for a while."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_second_writer_waits_and_is_then_refused(firm: Firm) -> None:
    process = holding(firm.path, 60)
    try:
        started = time.monotonic()
        with pytest.raises(LockedError, match="another process") as caught:
            firm.open(wait=0.3)
        assert 0.3 <= time.monotonic() - started < 30
        assert caught.value.exit_code == 11
        with firm.open(writing=False) as reader:  # readers are not kept out
            assert reader.seen()[0] == 2
            assert reader.unseal(2, reader.events_of(firm.founded.party)[0][2])
    finally:
        ended(process)
    firm.open().close()  # the system frees the lock of a killed process


def test_a_second_writer_gets_the_lock_when_the_first_has_finished(firm: Firm) -> None:
    process = holding(firm.path, 0.3)
    try:
        with firm.open(wait=30) as ledger:
            ledger.act(ledger.acting(firm.founded.actor), [small_act()])
    finally:
        ended(process)


def test_one_process_has_one_writer_too(firm: Firm) -> None:
    with firm.open(), pytest.raises(LockedError):
        firm.open()


def test_a_reader_sees_whole_commits_while_a_writer_writes(firm: Firm) -> None:
    with firm.open() as writer, firm.open(writing=False) as reader:
        admin = writer.acting(firm.founded.actor)
        for size in range(3, 10):
            writer.act(admin, [small_act(size), small_act(size + 100)])
            assert reader.seen() == writer.seen()
            assert reader.seen()[0] == size


def test_a_reader_changes_nothing(firm: Firm) -> None:
    with firm.open(writing=False) as reader:
        admin = reader.acting(firm.founded.actor)
        before = dump(reader.engine)
        with pytest.raises(MunimentError):
            reader.act(admin, [small_act()])
        assert dump(reader.engine) == before


# -- pins: a rollback is noticed ----------------------------------------------------------------


def older_and_newer(firm: Firm, acts: int = 2) -> Path:
    """A copy of the database before some acts; the ledger itself has moved on."""
    older = firm.path.with_name("older.db")
    shutil.copy(firm.path / "ledger.db", older)
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        for number in range(acts):
            ledger.act(admin, [small_act(number)])
    return older


def refused_to_write(firm: Firm, times: int = 3) -> None:
    """However often it is tried: looking at a rolled-back ledger must not pin it."""
    before = (firm.path / "ledger.db").read_bytes()
    for _ in range(times):
        with pytest.raises(VerificationError, match="last seen with 4 entries"):
            firm.open()
    assert (firm.path / "ledger.db").read_bytes() == before


def test_a_restored_older_database_is_refused_again_and_again(firm: Firm) -> None:
    shutil.copy(older_and_newer(firm), firm.path / "ledger.db")
    refused_to_write(firm)
    with firm.open(writing=False) as reader:
        assert reader.seen()[0] == 2
    report = verify_folder(Folder(firm.path))
    assert report.verdict == "invalid"
    assert [(f.code, f.expected, f.actual) for f in report.findings] == [("rolled_back", "4", "2")]


def test_a_restored_older_folder_is_refused_by_the_pin_outside(firm: Firm) -> None:
    copy = firm.path.with_name("copy")
    shutil.copytree(firm.path, copy)
    older_and_newer(firm)
    shutil.rmtree(firm.path)
    copy.rename(firm.path)
    refused_to_write(firm)


def test_a_lost_outside_pin_leaves_the_one_in_the_folder(firm: Firm, state_home: Path) -> None:
    older = older_and_newer(firm)
    (pin,) = (state_home / "muniment" / "pins").iterdir()
    pin.unlink()
    shutil.copy(older, firm.path / "ledger.db")
    refused_to_write(firm)


def test_a_garbled_pin_is_no_missing_pin(firm: Firm, state_home: Path) -> None:
    older = older_and_newer(firm)
    (pin,) = (state_home / "muniment" / "pins").iterdir()
    pin.write_bytes(b"garbage")
    (firm.path / "trust" / "pin").unlink()
    shutil.copy(older, firm.path / "ledger.db")
    with pytest.raises(VerificationError, match="cannot be read: pins/"):
        firm.open()
    report = verify_folder(Folder(firm.path))
    assert report.verdict == "invalid"
    assert "pin_unreadable" in {finding.code for finding in report.findings}


def test_a_database_of_another_ledger_is_not_extended(
    firm: Firm, firm_template: Firm, tmp_path: Path
) -> None:
    other = found_firm(tmp_path / "other")
    shutil.copy(other.path / "ledger.db", firm.path / "ledger.db")
    with pytest.raises(VerificationError, match="is not the ledger that trust"):
        firm.open()


def test_a_stored_checkpoint_that_nobody_signed_is_signed_anew(
    ledger: Ledger, admin: Acting
) -> None:
    ledger.act(admin, [small_act()])
    size, _ = ledger.seen()
    forged = (
        Checkpoint(ledger.origin, size, b"x" * 32).format()
        + b"\n"
        + (Note.parse(ledger.last_checkpoint() or b"").signatures[0].format().encode())
    )
    ledger.log.add_checkpoint(size, forged)
    opened = open_checkpoint(ledger.sign_checkpoint(), [ledger.folder.pinned_key()])
    assert opened.checkpoint.root == ledger.seen()[1]


def test_a_fork_of_the_same_length_is_refused(
    firm: Firm, state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = older_and_newer(firm)
    twin = firm.path.with_name("twin")
    shutil.copytree(firm.path, twin)
    shutil.copy(older, twin / "ledger.db")
    (twin / "trust" / "pin").unlink()
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home / "of the twin"))
    with firm._replace(path=twin).open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        for number in (8, 9):
            ledger.act(admin, [small_act(number)])
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))
    shutil.copy(twin / "ledger.db", firm.path / "ledger.db")
    refused_to_write(firm)


def test_a_ledger_put_right_again_is_accepted(firm: Firm) -> None:
    older = older_and_newer(firm)
    newer = firm.path.with_name("newer.db")
    shutil.copy(firm.path / "ledger.db", newer)
    shutil.copy(older, firm.path / "ledger.db")
    refused_to_write(firm, times=1)
    shutil.copy(newer, firm.path / "ledger.db")
    with firm.open() as ledger:
        assert ledger.seen()[0] == 4


def test_the_pins_say_where_the_ledger_stood(firm: Firm, state_home: Path) -> None:
    older_and_newer(firm)
    with firm.open(writing=False) as ledger:
        size, root = ledger.seen()
        with ledger.engine.connect() as connection:
            (entry,) = connection.exec_driver_sql("SELECT data FROM commits WHERE entry = 0").one()
    outside = state_home / "muniment" / "pins" / sha256(entry).hexdigest()
    for pin in (firm.path / "trust" / "pin", outside):
        assert Checkpoint.parse(pin.read_bytes()) == Checkpoint(ledger.origin, size, root)
        assert pin.stat().st_mode & 0o077 == 0


# -- the clock ----------------------------------------------------------------------------------


def at(clock: SystemClock, *times: str) -> None:
    """Let a clock show these times, one after the other, and then stop."""
    shown = iter(times)
    last = [times[-1]]
    clock.now = lambda: next(shown, last[0])


def test_acts_wait_for_a_clock_that_is_milliseconds_behind(ledger: Ledger, admin: Acting) -> None:
    first = ledger.act(admin, [small_act(1)])
    behind = [later(first.accepted, seconds=-1), later(first.accepted, seconds=-1)]
    at(ledger.clock, *behind, later(first.accepted, seconds=1))
    assert ledger.act(admin, [small_act(2)]).accepted == later(first.accepted, seconds=1)


@pytest.mark.parametrize("hours", [1, 24 * 365])
def test_a_clock_that_is_far_behind_is_refused_at_once(
    ledger: Ledger, admin: Acting, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(ledger.engine)
    at(ledger.clock, later(now(), hours=-hours))
    waits = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: pytest.fail("it waits"))
    monkeypatch.setattr("ledger.clock.time", waits)
    with pytest.raises(MunimentError, match=r"clock says .* nothing was recorded"):
        ledger.act(admin, [small_act()])
    assert dump(ledger.engine) == before


def test_a_clock_that_stays_slightly_behind_is_refused_in_the_end(
    ledger: Ledger, admin: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.clock._WAIT_FOR_CLOCK", 0.2)
    first = ledger.act(admin, [small_act()])
    at(ledger.clock, first.accepted[:-4] + "000Z")
    if ledger.clock.now() < first.accepted:
        with pytest.raises(MunimentError, match="clock says"):
            ledger.act(admin, [small_act()])


def test_a_clock_that_jumped_ahead_must_be_confirmed(ledger: Ledger, admin: Acting) -> None:
    ahead = later(now(), days=40)
    _, submission = signed_by(ledger, admin, [small_act()])
    at(ledger.clock, ahead)
    with pytest.raises(MunimentError, match="more than 31 days after") as caught:
        ledger.log.record(submission)
    assert "--confirm-clock" in caught.value.remedy
    ledger.clock.confirmed = True
    with pytest.raises(MunimentError, match="late_without_reason"):
        ledger.log.record(submission)
    at(ledger.clock, ahead)
    assert ledger.act(admin, [small_act()], at=ahead).accepted == ahead
    ledger.clock.confirmed = False
    at(ledger.clock, now())
    with pytest.raises(MunimentError, match="clock says"):
        ledger.act(admin, [small_act()])  # and now the real time is behind


def test_accepted_times_never_decrease(ledger: Ledger, admin: Acting) -> None:
    for number in range(50):
        ledger.act(admin, [small_act(number)])
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT substr(data, 1, 33) FROM commits ORDER BY entry")
        accepted = list(rows.scalars())
    assert accepted == sorted(accepted)


# -- reading back -------------------------------------------------------------------------------


def test_what_was_sealed_is_read_back_and_stands_nowhere_in_clear(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    proposal = buyer("绝密买方公司")
    receipt = ledger.act(admin, [proposal])
    assert ledger.unseal(receipt.first, receipt.events[0]) == {"name": "绝密买方公司"}
    collected = collect_files(ledger, admin, tmp_path / "合同", 2)
    ledger.close()
    for path in ledger.folder.path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            # Of three characters at least: four bytes stand by chance in ciphertext.
            for text in ("绝密买方", "合同0", "号保洁", "李审核", "王管理", "洁净保洁"):
                assert text.encode() not in data, path.name
                assert text.encode("utf-16-le") not in data, path.name
    assert collected


def test_a_new_person_is_usable_at_once_and_only_with_the_roles_given(
    ledger: Ledger, admin: Acting, firm: Firm
) -> None:
    third = add_person(ledger, admin, firm.founded.party, ["dpo"])
    ledger.act(third, [small_act()])
    with pytest.raises(MunimentError, match="I-09"):
        ledger.act(third, [buyer()])


def test_a_wrong_passphrase_is_a_key_error(firm: Firm) -> None:
    def wrong(holder: str) -> bytes:
        return passphrase("") + b"!"

    with Ledger(Folder(firm.path), wrong, writing=True) as ledger, pytest.raises(KeyAccessError):
        ledger.acting(firm.founded.actor)


def test_tables_of_another_version_are_made_anew_by_the_next_writer(firm: Firm) -> None:
    with firm.open() as ledger, ledger.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE mentions")
        connection.exec_driver_sql("ALTER TABLE inventory DROP COLUMN restricted")
        connection.exec_driver_sql("PRAGMA user_version = 0")
    with pytest.raises(MunimentError, match="another version"):
        firm.open(writing=False)
    with firm.open() as ledger, ledger.engine.connect() as connection:
        assert rebuild.check(connection) == []
    firm.open(writing=False).close()

"""Is it genuine: what verification says of ledgers whose keys, pins and tiles have a history."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from domain.ledger import LedgerKeyRotated, LedgerState
from ledger import acts
from ledger.application import Ledger
from ledger.errors import NoLedgerError, NoteError
from ledger.folder import Folder
from ledger.founding import enrolment
from ledger.privatekey import generate
from ledger.signing import Proposal, now
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.note import Note
from ledger.verification.database import StoredSource, connect
from ledger.verification.stored import verify_folder
from ledger.verify import verify
from tests.ledger.ledgers import Firm, buyer, keep_key, new_keys, small_act
from tests.ledger.tampering import (
    act,
    change,
    check,
    first_of,
    hand_in,
    only,
    places,
    value_of,
)


def act_key(ledger: Ledger, actor: str) -> str:
    """The id of the key that an actor signs with."""
    return ledger.acting(actor).key_id.hex()


# -- Reading the database --------------------------------------------------------------------------


def test_frames_in_the_write_ahead_log_are_read(firm: Firm) -> None:
    with firm.open() as ledger:
        ledger.act(ledger.acting(firm.founded.actor), [buyer()])
        assert (firm.path / "ledger.db-wal").stat().st_size > 0
        report = check(firm)
        assert (report.verdict, report.commits) == ("valid", 3)


def test_verification_changes_nothing(firm: Firm) -> None:
    act(firm)
    before = (firm.path / "ledger.db").read_bytes()
    check(firm)
    assert (firm.path / "ledger.db").read_bytes() == before


def test_a_folder_that_cannot_be_written(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite wants to make a shared-memory file beside a database in WAL mode, and may not."""
    act(firm)
    real = sqlite3.connect

    class Refusing(sqlite3.Connection):
        def execute(self, *_: object) -> sqlite3.Cursor:
            return real("file:/dev/null/nowhere?mode=ro", uri=True).execute("SELECT 1")

    def opening(name: str, **options: object) -> sqlite3.Connection:
        factory = sqlite3.Connection if "immutable" in name else Refusing
        return real(name, factory=factory, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", opening)
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (firm.path / name).unlink(missing_ok=True)
    assert check(firm).verdict == "valid"
    (firm.path / "ledger.db-wal").write_bytes(b"frames")
    with pytest.raises(NoLedgerError, match="write-ahead log"):
        connect(firm.path / "ledger.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_folder_without_write_permission(firm: Firm) -> None:
    firm.path.chmod(0o500)
    try:
        assert check(firm).verdict == "valid"
    finally:
        firm.path.chmod(0o700)


def test_no_database(firm: Firm) -> None:
    (firm.path / "ledger.db").unlink()
    with pytest.raises(NoLedgerError):
        check(firm)


# -- Keys over time --------------------------------------------------------------------------------


def test_a_revoked_key_leaves_what_it_signed_valid(firm: Firm) -> None:
    act(firm, 3, second=True)
    with firm.open() as ledger:
        key = act_key(ledger, firm.second)
        admin = ledger.acting(firm.founded.actor)
        revoked = ledger.act(admin, [acts.revoke_key(firm.second, key, "left")])
    report = check(firm)
    assert report.verdict == "valid-but-since-revoked"
    assert places(report) == [("key_revoked", revoked.first, firm.second, "key")]
    assert only(report).actual == key


def test_a_key_that_never_signed_may_be_revoked_silently(firm: Firm) -> None:
    with firm.open() as ledger:
        key = act_key(ledger, firm.second)
        admin = ledger.acting(firm.founded.actor)
        ledger.act(admin, [acts.revoke_key(firm.second, key, "lost")])
    assert check(firm).verdict == "valid"


def test_scenario_09_every_earlier_act_of_a_compromised_key_is_disputed(firm: Firm) -> None:
    act(firm, 3, second=True)
    act(firm, 2)
    with firm.open() as ledger:
        key = act_key(ledger, firm.second)
        admin = ledger.acting(firm.founded.actor)
        ledger.act(admin, [acts.report_compromise(firm.second, key, now())])
    report = check(firm)
    assert report.verdict == "disputed"
    assert [finding.code for finding in report.findings] == ["key_compromised"] * 3
    assert {finding.stream for finding in report.findings} == {firm.second}
    first = value_of(firm, "SELECT first FROM commits WHERE entry = 2")
    assert [finding.position for finding in report.findings] == [first, first + 1, first + 2]


def test_a_rotated_key_is_followed_by_the_new_one(firm: Firm) -> None:
    act(firm, 1, second=True)
    with firm.open() as ledger:
        second = ledger.acting(firm.second)
        new = new_keys(ledger, firm.second)[0]
        rotation = acts.rotate_key(
            firm.second, second.key_id.hex(), enrolment(new, ledger.seen()), "rotated"
        )
        ledger.act(second, [rotation], possession=[new])
    act(firm, 1, second=True)
    assert check(firm).verdict == "valid"


@pytest.fixture
def rotated(firm: Firm) -> tuple[bytes, bytes]:
    """The ledger's own key is replaced: a checkpoint from before, and one from after."""
    with firm.open() as ledger:
        before = ledger.sign_checkpoint()
        admin, holder = ledger.acting(firm.founded.actor), firm.founded.ledger
        state = ledger.state(holder)
        assert isinstance(state, LedgerState)
        (old_id,) = (k.key.id for k in state.keys.values() if k.key.purpose == "checkpoint")
        old = ledger.private_key(holder, "checkpoint", old_id)
        new = generate("ed25519", "checkpoint", ledger.origin)
        keep_key(ledger, holder, new)
        fields = {"old_key": old_id, "key": enrolment(new, ledger.seen())}
        ledger.act(admin, [Proposal(LedgerKeyRotated, holder, fields)], possession=[old, new])
        return before, ledger.sign_checkpoint()


def test_a_rotated_ledger_key_is_reached_from_the_trusted_one(
    firm: Firm, rotated: tuple[bytes, bytes]
) -> None:
    assert check(firm).verdict == "valid"
    for note in rotated:
        assert check(firm, since=note).verdict == "valid"


def test_a_checkpoint_under_a_ledger_key_that_was_not_in_force(
    firm: Firm, rotated: tuple[bytes, bytes]
) -> None:
    """The new key signs an old size: it was not the ledger's then."""
    old, new = rotated
    checkpoint = Checkpoint.parse(Note.parse(old).text)
    with firm.open() as ledger:
        key_id = Note.parse(new).signatures[0].key_id.hex()
        key = ledger.private_key(firm.founded.ledger, "checkpoint", key_id)
    note = Note(checkpoint.format(), (sign_checkpoint(checkpoint, key),)).format()
    with hand_in(firm.path / "ledger.db") as connection:
        connection.execute("UPDATE checkpoints SET note = ? WHERE size = ?",
                           (note, checkpoint.size))  # fmt: skip
    position = first_of(firm, checkpoint.size - 1)
    assert places(check(firm)) == [("checkpoint_changed", position, None, "checkpoint")]


def test_a_ledger_key_that_the_old_one_did_not_sign_for(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with firm.open() as ledger:
        admin, holder = ledger.acting(firm.founded.actor), firm.founded.ledger
        new = generate("ed25519", "checkpoint", ledger.origin)
        old_id = Folder(firm.path).pinned_key().key_id.hex()
        fields = {"old_key": old_id, "key": enrolment(new, ledger.seen())}
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        forged = ledger.act(admin, [Proposal(LedgerKeyRotated, holder, fields)], possession=[new])
    assert ("rotation_not_signed", forged.first, holder, "key") in places(check(firm))


def test_an_act_under_a_key_that_had_ended_is_invalid(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder would refuse it: a modified one wrote it."""
    with firm.open() as ledger:
        second = ledger.acting(firm.second)
        admin = ledger.acting(firm.founded.actor)
        ledger.act(admin, [acts.revoke_key(firm.second, second.key_id.hex(), "left")])
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        forged = ledger.act(second, [small_act(999)])
    report = check(firm)
    assert report.verdict == "invalid"
    assert ("key_revoked_before", forged.first, firm.second, "key") in places(report)


def permit_all(world: object, policy: object, statement: object, events: object) -> list[object]:
    return []


def test_an_author_who_did_not_sign(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    with firm.open() as ledger:
        admin, second = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
        events, _ = ledger.build(admin, [small_act(1)])
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        forged = ledger.commit(second, events, {})
    report = check(firm)
    stream = events[0].stream
    assert set(places(report)) == {
        ("author_did_not_sign", forged.first, stream, "event"),
        ("not_permitted", forged.first, stream, "event"),
    }


def test_a_gap_in_the_versions_of_a_stream(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        events, _ = ledger.build(admin, [small_act(1)])
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        forged = ledger.commit(admin, [replace(events[0], version=2)], {})
    stream = events[0].stream
    assert set(places(check(firm))) == {
        ("version_gap", forged.first, None, "event"),
        ("not_permitted", forged.first, stream, "event"),
    }


# -- From a pinned checkpoint on -------------------------------------------------------------------


@pytest.fixture
def pinned(firm: Firm) -> bytes:
    """A checkpoint that somebody kept, with more acts since."""
    act(firm, 3, second=True)
    with firm.open() as ledger:
        note = ledger.sign_checkpoint()
    act(firm, 2, second=True)
    act(firm, 1)
    return note


def test_since_a_checkpoint_only_what_is_new_is_read(firm: Firm, pinned: bytes) -> None:
    report = check(firm, since=pinned)
    assert (report.verdict, report.events, report.commits) == ("valid", 3, 3)
    assert report.checkpoint == Note.parse(pinned).text.decode()


def test_since_the_present_state_nothing_is_new(firm: Firm, pinned: bytes) -> None:
    with firm.open() as ledger:
        note = ledger.sign_checkpoint()
    assert (check(firm, since=note).verdict, check(firm, since=note).events) == ("valid", 0)


@pytest.mark.parametrize("new", [True, False])
def test_since_a_checkpoint_a_new_change_is_found_and_an_old_one_is_not_looked_for(
    firm: Firm, pinned: bytes, new: bool
) -> None:
    last = value_of(firm, "SELECT max(position) FROM events")
    database = firm.path / "ledger.db"
    change(database, "events", "state", "position", last if new else last - 3, 100)
    expected = [("event_changed", last, "event")] if new else []
    report = check(firm, since=pinned)
    assert [(f.code, f.position, f.part) for f in report.findings] == expected
    assert [f.code for f in check(firm).findings] == ["event_changed"]


def test_since_a_checkpoint_a_key_ended_before_it_stays_ended(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with firm.open() as ledger:
        second = ledger.acting(firm.second)
        admin = ledger.acting(firm.founded.actor)
        ledger.act(admin, [acts.revoke_key(firm.second, second.key_id.hex(), "left")])
        note = ledger.sign_checkpoint()
        monkeypatch.setattr("ledger.recorder.judge_commit", permit_all)
        forged = ledger.act(second, [small_act(999)])
    codes = places(check(firm, since=note))
    assert ("key_revoked_before", forged.first, firm.second, "key") in codes


def test_since_a_checkpoint_that_the_ledger_has_not_reached(firm: Firm, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(firm.path, old)
    act(firm, 2)
    with firm.open() as ledger:
        note = ledger.sign_checkpoint()
    report = check(firm._replace(path=old), since=note)
    assert places(report) == [("rolled_back", None, None, "head")]


def test_since_a_checkpoint_of_a_fork(firm: Firm, tmp_path: Path) -> None:
    """Two copies of one ledger went different ways."""
    other = firm._replace(path=tmp_path / "other")
    shutil.copytree(firm.path, other.path)
    act(firm, 1)
    with firm.open() as ledger:
        note = ledger.sign_checkpoint()
    for pins in (tmp_path / "state").rglob("pins/*"):
        pins.unlink()
    act(other, 2, second=True)
    for pins in (tmp_path / "state").rglob("pins/*"):
        pins.unlink()
    report = check(other, since=note)
    assert report.verdict == "invalid"
    assert "forked" in {finding.code for finding in report.findings}


@pytest.mark.parametrize("spoilt", [b"", b"not a note", None])
def test_since_a_note_that_the_ledger_did_not_sign(
    firm: Firm, pinned: bytes, spoilt: bytes | None
) -> None:
    if spoilt is None:
        checkpoint = Checkpoint.parse(Note.parse(pinned).text)
        key = generate("ed25519", "checkpoint", checkpoint.origin)
        spoilt = Note(checkpoint.format(), (sign_checkpoint(checkpoint, key),)).format()
    with pytest.raises(NoteError):
        check(firm, since=spoilt)


def test_progress_is_told(tiled: Firm) -> None:
    told: list[int] = []
    verify_folder(Folder(tiled.path), progress=told.append)
    assert told == sorted(told)
    assert len(told) == 2


def test_pins_given_by_a_caller_count(firm: Firm) -> None:
    pin = Checkpoint("jiejing.example/ledger", 1, bytes(32))
    with closing(connect(firm.path / "ledger.db")) as connection:
        report = verify(StoredSource(connection), Folder(firm.path).pinned_key(), pins=[pin])
    assert places(report) == [("forked", 1, None, "head")]

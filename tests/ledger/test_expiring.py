"""Backups read again, and let go: by rule only, never what is not ours, and taken up if broken."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from domain.judging import refuse
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.doctor import examine
from ledger.effects import backup, keycopying
from ledger.effects.backup import Failed, create
from ledger.effects.expiring import PENDING, expire, verify
from ledger.errors import MunimentError, RefusedError, UsageError
from ledger.rebuild import check
from ledger.signing import new_ids, now
from ledger.slots import Slots
from ledger.verification.stored import verify_folder
from tests.ledger.copying import Copying, contents, gather, items, killed, move, plain, records
from tests.ledger.damaging import damage_key_of
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm, add_person, buyer

# -- verify -------------------------------------------------------------------------------------


@pytest.fixture
def made(ledger: Ledger, admin: Acting, sources: Path, copying: Copying) -> backup.Made:
    """A backup of five contracts."""
    gather(ledger, admin, sources, plain(5))
    return copying().made[0]


def test_a_sound_backup_passes(ledger: Ledger, admin: Acting, made: backup.Made) -> None:
    found = verify(ledger, admin, made.backup)
    assert (found.checked, found.matched, found.failed) == (5, 5, [])
    assert found.receipt.events[0].result == "pass"  # type: ignore[attr-defined]


def test_one_flipped_bit_anywhere_in_a_copy_fails(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    copy = Path(made.place) / items(ledger, made.backup)[2]
    sound = copy.read_bytes()
    for at in range(len(sound)):
        copy.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        found = verify(ledger, admin, made.backup)
        assert (found.checked, found.matched) == (5, 4)
        assert found.failed == [Failed(copy.name, "changed_since_recorded")]
        assert found.receipt.events[0].result == "fail"  # type: ignore[attr-defined]


def test_copies_that_are_gone_or_are_links_fail(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    first, second, *_ = items(ledger, made.backup)
    (Path(made.place) / first).unlink()
    (Path(made.place) / second).rename(Path(made.place) / "aside")
    (Path(made.place) / second).symlink_to("aside")
    found = verify(ledger, admin, made.backup)
    assert found.failed == [Failed(first, "vanished"), Failed(second, "link")]
    assert (found.checked, found.matched) == (5, 3)


def test_a_sample_is_drawn_by_its_seed(ledger: Ledger, admin: Acting, made: backup.Made) -> None:
    for copy in items(ledger, made.backup):
        (Path(made.place) / copy).unlink()
    one, again = (verify(ledger, admin, made.backup, 2, seed=7) for _ in range(2))
    assert one.failed == again.failed
    assert one.checked == 2
    drawn = {f.holding for s in range(8) for f in verify(ledger, admin, made.backup, 2, seed=s)[3]}
    assert len(drawn) > 2, "other seeds draw others"


def test_a_copy_moved_where_nobody_can_read_it_is_not_counted_as_checked(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    away, *_ = items(ledger, made.backup)
    ledger.act(admin, [move(away, "保险柜")])
    found = verify(ledger, admin, made.backup)
    assert (found.checked, found.matched, found.failed) == (4, 4, [Failed(away, "not_a_file_here")])


def test_a_backup_of_another_kind_of_thing_or_none_is_named(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    for wrong in (new_ids("backup")[0], items(ledger, made.backup)[0]):
        for act in (verify, expire):
            with pytest.raises(UsageError):
                act(ledger, admin, wrong)


# -- expire -------------------------------------------------------------------------------------


def test_expired_copies_are_gone_and_recorded_as_destroyed(
    ledger: Ledger, admin: Acting, made: backup.Made, disk: Path, sources: Path
) -> None:
    copies = items(ledger, made.backup)
    done = expire(ledger, admin, made.backup)
    assert done.gone == copies
    assert list(disk.iterdir()) == []
    assert {acts.holding_state(ledger, c).condition for c in copies} == {"destroyed"}
    assert len(list(sources.iterdir())) == 5
    assert not any((ledger.folder.path / PENDING).iterdir())
    with pytest.raises(UsageError, match="no copy of this backup is left"):
        expire(ledger, admin, made.backup)
    assert verify_folder(ledger.folder).verdict == "valid"


def test_a_hold_keeps_every_file(
    ledger: Ledger, admin: Acting, made: backup.Made, disk: Path
) -> None:
    holder = add_person(ledger, admin, admin.state.party, ("dpo", "security_officer"))
    (record, *_) = records(ledger)
    said = {"reason": "应诉", "authority": "法院函"}
    ledger.act(holder, custody.place_hold("litigation", records=[record], sealed=said))
    before, seen = contents(disk), ledger.seen()
    with pytest.raises(RefusedError, match="hold_in_force"):
        expire(ledger, admin, made.backup)
    assert (contents(disk), ledger.seen()) == (before, seen)
    assert not (ledger.folder.path / PENDING).exists()


def test_the_last_copies_stay(ledger: Ledger, admin: Acting, made: backup.Made, disk: Path) -> None:
    (copy, *_) = items(ledger, made.backup)
    original = str(acts.holding_state(ledger, copy).made_from)
    ledger.act(admin, [acts.lose_holding(original, now(), None)])
    before = contents(disk)
    with pytest.raises(RefusedError) as refused:
        expire(ledger, admin, made.backup)
    assert refuse("I-26", "last_copy_needs_a_case", copy) in refused.value.refusals
    assert contents(disk) == before


def test_who_may_not_expire_removes_nothing(
    ledger: Ledger, second_person: Acting, made: backup.Made, disk: Path
) -> None:
    before = contents(disk)
    with pytest.raises(RefusedError, match="role_does_not_permit"):
        expire(ledger, second_person, made.backup)
    assert contents(disk) == before


def test_a_file_that_is_not_ours_stays_and_one_that_others_removed_is_not_counted(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    foreign, vanished, linked, *rest = items(ledger, made.backup)
    (Path(made.place) / foreign).write_bytes(b"something else")
    (Path(made.place) / vanished).unlink()
    (Path(made.place) / linked).unlink()
    (Path(made.place) / linked).symlink_to("/etc/hostname")
    done = expire(ledger, admin, made.backup)
    assert done.gone == rest
    assert done.failed == [
        Failed(foreign, "changed_since_recorded"), Failed(vanished, "vanished"),
        Failed(linked, "link"),
    ]  # fmt: skip
    assert (Path(made.place) / foreign).read_bytes() == b"something else"
    assert (Path(made.place) / linked).is_symlink()
    assert acts.holding_state(ledger, foreign).there
    again = expire(ledger, admin, made.backup)
    assert (again.receipt, again.gone) == (None, [])
    assert again.failed == done.failed, "what others removed stays theirs in the next run too"


def test_killed_at_any_moment_an_expiry_is_taken_up_again_and_nothing_is_lost_track_of(
    firm: Firm, sources: Path, disk: Path
) -> None:
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        gather(ledger, admin, sources, plain(2))
        create(ledger, admin, None, disk, "full", "disk_external")
    home = firm.path.parent
    shutil.copytree(firm.path, home / "before")
    shutil.copytree(disk, home / "disk before")
    taken_up = 0
    for at in range(1, 200):
        (stream,) = (path.name for path in disk.iterdir())
        if not killed(firm, at, lambda ledger, acting, b=stream: expire(ledger, acting, b)):  # type: ignore[misc]
            break
        with firm.open() as ledger:
            taken_up += _finish_expiry(ledger, ledger.acting(firm.founded.actor), stream)
            assert contents(disk) == {}
            assert verify_folder(ledger.folder).verdict == "valid"
        for old, new in (("before", firm.path), ("disk before", disk)):
            shutil.rmtree(new)
            shutil.copytree(home / old, new)
        shutil.rmtree(home / "state")  # the pins know of more
    assert taken_up > 2, "some kills came between a removal and its event"


def _finish_expiry(ledger: Ledger, admin: Acting, stream: str) -> bool:
    copies = items(ledger, stream)
    gone_before = [acts.holding_state(ledger, copy) for copy in copies]
    if all(copy.condition == "destroyed" for copy in gone_before):
        with pytest.raises(UsageError):
            expire(ledger, admin, stream)
    else:
        done = expire(ledger, admin, stream)
        assert done.failed == []
        assert done.gone == copies
    journals = ledger.folder.path / PENDING
    assert not journals.exists() or not any(journals.iterdir())
    return any(copy.condition != "destroyed" for copy in gone_before)


def test_an_expiry_that_is_broken_off_twice_still_knows_what_it_removed(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    left = [3, 1]

    def interrupt(done: int, _total: int) -> None:
        if done == left[-1]:
            left.pop()
            raise KeyboardInterrupt

    while left:
        with pytest.raises(KeyboardInterrupt):
            expire(ledger, admin, made.backup, interrupt)
    done = expire(ledger, admin, made.backup)
    assert (done.gone, done.failed) == (items(ledger, made.backup), [])


def broken_off(ledger: Ledger, admin: Acting, stream: str, after: int) -> None:
    """An expiry that ends after so many copies."""

    def interrupt(done: int, _total: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        expire(ledger, admin, stream, interrupt)


def test_what_others_remove_while_an_expiry_is_broken_off_was_not_removed_by_us(
    ledger: Ledger, admin: Acting, made: backup.Made, tmp_path: Path
) -> None:
    first, *others = items(ledger, made.backup)
    broken_off(ledger, admin, made.backup, 1)
    for copy in others:
        (Path(made.place) / copy).rename(tmp_path / copy)
    done = expire(ledger, admin, made.backup)
    assert done.gone == [first]
    assert done.failed == [Failed(copy, "vanished") for copy in others]
    assert all(acts.holding_state(ledger, copy).there for copy in others)


def test_a_disk_that_is_away_when_an_expiry_is_taken_up_says_nothing_of_its_copies(
    ledger: Ledger, admin: Acting, made: backup.Made, disk: Path
) -> None:
    """A mark comes before its removal: a file may be there still that was marked."""
    copies = items(ledger, made.backup)
    broken_off(ledger, admin, made.backup, 2)
    disk.rename(disk.with_name("抽屉里"))
    done = expire(ledger, admin, made.backup)
    assert (done.receipt, done.gone) == (None, [])
    assert done.failed == [Failed(copy, "vanished") for copy in copies]


def test_a_file_that_could_not_be_removed_and_goes_later_was_removed_by_others(
    ledger: Ledger, admin: Acting, made: backup.Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_rest = items(ledger, made.backup)
    real = os.unlink

    def unlink(path: Any, **more: Any) -> None:
        if os.fsencode(path).endswith(first.encode()):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        broken_off(ledger, admin, made.backup, 2)
    (Path(made.place) / first).unlink()
    done = expire(ledger, admin, made.backup)
    assert done.failed == [Failed(first, "vanished")]
    assert second in done.gone


def test_a_line_of_the_journal_that_is_not_whole_counts_for_nothing(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    first, second, *rest = items(ledger, made.backup)
    broken_off(ledger, admin, made.backup, 1)
    with (ledger.folder.path / PENDING / f"expire-{made.backup}").open("a") as file:
        file.write(second[:-1])
    (Path(made.place) / second).unlink()
    broken_off(ledger, admin, made.backup, 3)
    done = expire(ledger, admin, made.backup)
    assert done.gone == [first, *rest]
    assert done.failed == [Failed(second, "vanished")]


def test_a_system_that_takes_a_line_of_the_journal_in_parts_tears_none(
    ledger: Ledger, admin: Acting, made: backup.Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_rest = items(ledger, made.backup)
    real, write = os.pwrite, os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:7], at))
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
        broken_off(ledger, admin, made.backup, 2)
    journal = ledger.folder.path / PENDING / f"expire-{made.backup}"
    assert journal.read_text("ascii").splitlines() == [first, second]
    assert expire(ledger, admin, made.backup).failed == []


@pytest.mark.parametrize("at", [1, 2, 3, 6])
def test_a_full_disk_under_the_journal_is_one_clear_error_and_nothing_is_lost_track_of(
    ledger: Ledger, admin: Acting, made: backup.Made, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Full at the first, second, third file, and when all of them are gone."""
    copies, seen = items(ledger, made.backup), ledger.seen()
    real, written = os.pwrite, []

    def full(descriptor: int, data: bytes, offset: int) -> int:
        if not bytes(data).startswith((b"holding-", b"+holding-", b"-holding-")):
            return real(descriptor, data, offset)
        written.append(data)
        if len(written) >= at:
            real(descriptor, data[:9], offset)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(MunimentError, match="No space left"):
            expire(ledger, admin, made.backup)
    assert ledger.seen() == seen
    assert len(list(Path(made.place).glob("holding-*"))) == 5 - (at - 1)
    done = expire(ledger, admin, made.backup)
    assert (done.gone, done.failed, len(done.keys)) == (copies, [], 5)


def test_a_keystore_backup_of_another_party_does_not_keep_an_expiry_from_its_end(
    ledger: Ledger, admin: Acting, made: backup.Made, tmp_path: Path
) -> None:
    """It is left alone, and named: whoever keeps it clears it."""
    said = buyer()
    ledger.act(admin, [said])
    other = add_person(ledger, admin, said.stream, ("custodian", "administrator"))
    for name in ("买方盘", "自己的盘"):
        (tmp_path / name).mkdir()
    theirs = keycopying.backup(ledger, other, tmp_path / "买方盘", "disk_external")
    own = keycopying.backup(ledger, admin, tmp_path / "自己的盘", "disk_external")
    done = expire(ledger, admin, made.backup)
    assert (len(done.gone), len(done.keys), done.key_copies) == (5, 5, (theirs.copy,))
    for path, state in ((theirs.path, "present"), (own.path, "erased")):
        with Slots.at(path, reading=True) as slots:
            assert {slots.state(key) for key in done.keys} == {state}
    assert not (ledger.folder.path / PENDING / f"expire-{made.backup}").exists()


def test_doctor_names_an_expiry_that_was_broken_off(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    assert under_way(ledger) == [("ok", "")]
    broken_off(ledger, admin, made.backup, 1)
    assert under_way(ledger) == [("warning", f"muniment backup expire {made.backup}")]
    expire(ledger, admin, made.backup)
    assert under_way(ledger) == [("ok", "")]


def test_status_names_an_expiry_that_was_broken_off(
    firm: Firm, ledger: Ledger, admin: Acting, made: backup.Made, tmp_path: Path
) -> None:
    desk = Desk(firm, tmp_path)
    assert desk.json("status")["under_way"] == []
    broken_off(ledger, admin, made.backup, 1)
    assert desk.json("status")["under_way"] == [made.backup]
    assert desk.did("status", "--lang", "en").endswith(
        f"! {made.backup} was begun, and is not recorded to its end: muniment doctor\n"
    )


def under_way(ledger: Ledger) -> list[tuple[str, str]]:
    """What doctor says of acts that were begun."""
    return [(c.state, c.remedy) for c in examine(ledger.folder) if c.code == "pending"]


def test_a_copy_whose_key_is_damaged_is_reported_and_the_others_go(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    damaged, *others = items(ledger, made.backup)
    damage_key_of(ledger, damaged)
    assert verify(ledger, admin, made.backup).failed == [Failed(damaged, "key_not_here")]
    done = expire(ledger, admin, made.backup)
    assert (done.gone, done.failed) == (others, [Failed(damaged, "key_not_here")])
    assert (Path(made.place) / damaged).exists()


def test_the_journal_holds_ids_and_nothing_else(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    copies = items(ledger, made.backup)
    seen: list[str] = []

    def look(_done: int, _total: int) -> None:
        (journal,) = (ledger.folder.path / PENDING).iterdir()
        seen.append(journal.read_text())
        assert stat.S_IMODE(journal.stat().st_mode) == 0o600

    expire(ledger, admin, made.backup, look)
    assert seen == ["".join(f"{copy}\n" for copy in copies[: at + 1]) for at in range(5)]


def test_a_disk_that_may_not_be_written_keeps_its_copies_on_record(
    ledger: Ledger, admin: Acting, made: backup.Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = items(ledger, made.backup)[1]
    real = os.unlink

    def unlink(path: Any, **more: Any) -> None:
        if os.fsencode(path).endswith(stuck.encode()):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(path, **more)

    monkeypatch.setattr(os, "unlink", unlink)
    done = expire(ledger, admin, made.backup)
    assert done.failed == [Failed(stuck, "not_readable")]
    assert acts.holding_state(ledger, stuck).there
    assert len(done.gone) == 4


def test_the_registers_are_what_the_events_say(
    ledger: Ledger, admin: Acting, made: backup.Made
) -> None:
    verify(ledger, admin, made.backup)
    expire(ledger, admin, made.backup)
    with ledger.engine.connect() as connection:
        assert check(connection) == []

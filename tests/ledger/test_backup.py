"""Backups: every byte copied and read back; what cannot be copied is named."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from domain.backup import BackupCreated
from domain.holding import HoldingCreated
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.cli.files import place_of as fields_of
from ledger.cli.files import read_file
from ledger.effects import backup
from ledger.effects.backup import Failed, create
from ledger.effects.expiring import expire, verify
from ledger.effects.places import place_of
from ledger.errors import RefusedError, UsageError
from ledger.signing import Proposal, new_ids, now
from ledger.verification.stored import verify_folder
from tests.ledger.copying import (
    Copying,
    contents,
    copies_in,
    gather,
    items,
    move,
    plain,
    plain_of,
    records,
)
from tests.ledger.ledgers import Firm, add_person, buyer
from tests.stories.test_scenario_12_identity_number_in_remark import files_with, spellings

ODD: dict[bytes, bytes] = {
    "王小明 合同.txt".encode(): "甲方: 王小明".encode(),
    b"with space and 'quotes'.txt": b"x",
    b"bytes\xff\xfe.txt": b"not UTF-8",
    b"line\nbreak\\back.txt": b"escapes",
    b"empty.txt": b"",
    b"large.bin": bytes(range(256)) * 12_289,
    "表.csv".encode(): "姓名,电话\n李四,1\n".encode(),
}
# -- what a backup is --------------------------------------------------------------------------


def test_every_byte_of_every_original_is_copied_whatever_it_is_called(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying
) -> None:
    originals = gather(ledger, admin, sources, ODD)
    done = copying()
    (made,) = done.made
    assert (done.failed, done.left_out, done.removed) == ([], 0, 0)
    assert made.copies == len(ODD)
    assert made.size == sum(map(len, ODD.values()))
    assert Path(made.place) == disk / made.backup
    copies = {}
    for holding in items(ledger, made.backup):
        state = acts.holding_state(ledger, holding)
        assert state.made_from in originals
        assert state.backup == made.backup
        copies[state.made_from] = plain_of(ledger, holding)
        file = disk / made.backup / holding
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert os.fsencode(file) == place_of(ledger, holding).path
        assert sha256(file.read_bytes()).hexdigest() == state.object
    assert sorted(copies.values()) == sorted(ODD.values())
    for original in originals:
        assert copies[original] == plain_of(ledger, original)


def test_a_backup_is_one_commit_and_the_ledger_verifies(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(3))
    before = ledger.seen()[0]
    (made,) = copying().made
    assert ledger.seen()[0] == before + 1 == made.receipt.entry + 1
    kinds = [type(event) for event in made.receipt.events]
    assert kinds == [HoldingCreated] * 3 + [BackupCreated]
    keys = {event.sealed.key for event in made.receipt.events if event.sealed}
    assert len(keys) == 4, "each copy's texts have a data key of their own"
    assert verify_folder(ledger.folder).verdict == "valid"


def test_no_name_and_no_content_is_in_the_ledger_or_in_the_names_of_the_copies(
    firm: Firm, sources: Path, disk: Path
) -> None:
    with firm.open() as ledger:
        gather(ledger, ledger.acting(firm.founded.actor), sources, ODD)
        create(ledger, ledger.acting(firm.founded.actor), None, disk, "full", "disk_external")
    needles = spellings("王小明") | spellings("外置盘")
    assert files_with(firm.path, needles) == []
    names = [os.path.relpath(p, disk) for p in disk.rglob("*")]
    assert names
    assert not any("王" in name or "合同" in name for name in names)


def test_only_what_is_named_is_copied_and_each_once(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    first, _second = gather(ledger, admin, sources, plain(2))
    (made,) = copying(first, first).made
    assert made.copies == 1


def test_a_copy_of_one_record_names_it_and_its_backup_does_too(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    (original,) = gather(ledger, admin, sources, plain(1))
    (record,) = records(ledger)
    scan = sources / "scan.tif"
    scan.write_bytes(b"scan")
    fields = {
        "record": record, "custodian": admin.state.party, "form": "digitized", "medium": "ssd",
        "size": 4, "items": 1, "encrypted": True,
    }  # fmt: skip
    named = new_ids("holding")[0]
    about = fields_of(read_file(scan))
    ledger.act(admin, [Proposal(HoldingCreated, named, fields, about)])
    (made,) = copying(named).made
    event = made.receipt.events[0]
    assert isinstance(event, HoldingCreated)
    assert (event.record, event.made_from, event.encrypted) == (record, named, True)
    assert original != named


def test_more_copies_than_one_backup_takes_are_several(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather(ledger, admin, sources, plain(7))
    monkeypatch.setattr(backup, "MAX_COPIES", 3)
    made = copying().made
    assert [one.copies for one in made] == [3, 3, 1]
    assert len({one.backup for one in made}) == 3
    gathered = [item for one in made for item in items(ledger, one.backup)]
    assert len(set(gathered)) == 7


def test_a_list_longer_than_an_event_is_recorded_whole(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(201))
    (made,) = copying().made
    parts = [event for event in made.receipt.events if isinstance(event, BackupCreated)]
    assert [len(part.items) for part in parts] == [200, 1]
    assert verify(ledger, admin, made.backup).matched == 201
    assert len(expire(ledger, admin, made.backup).gone) == 201


def test_a_second_backup_copies_originals_and_no_copies(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(2))
    (first,) = copying().made
    (second,) = copying().made
    assert second.copies == 2
    (copy, *_) = items(ledger, first.backup)
    assert copying(copy).failed == [Failed(copy, "not_an_original")]


# -- sources that cannot be copied --------------------------------------------------------------


def test_what_is_no_longer_as_recorded_is_named_and_not_copied(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    changed, gone, linked, folder, fine = gather(ledger, admin, sources, plain(5))
    (sources / "0.txt").write_bytes("第9号合同".encode())
    (sources / "1.txt").unlink()
    (sources / "2.txt").rename(sources / "elsewhere")
    (sources / "2.txt").symlink_to(sources / "elsewhere")
    (sources / "3.txt").unlink()
    (sources / "3.txt").mkdir()
    done = copying()
    assert set(done.failed) == {
        Failed(changed, "changed_since_recorded"), Failed(gone, "vanished"), Failed(linked, "link"),
        Failed(folder, "not_a_regular_file"),
    }  # fmt: skip
    (made,) = done.made
    (copy,) = items(ledger, made.backup)
    assert acts.holding_state(ledger, copy).made_from == fine
    assert [path.name for path in copies_in(made)] == [copy], "nothing of the others is left"


def test_what_may_not_be_read_is_named(
    ledger: Ledger,
    admin: Acting,
    sources: Path,
    copying: Copying,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret, _fine = gather(ledger, admin, sources, plain(2))
    real = os.open

    def guarded(path: Any, *args: Any, **more: Any) -> int:
        if path == os.fsencode(sources / "0.txt"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *args, **more)

    monkeypatch.setattr(os, "open", guarded)
    assert copying().failed == [Failed(secret, "not_readable")]


def test_a_file_that_grows_while_it_is_copied_is_not_copied(
    ledger: Ledger,
    admin: Acting,
    sources: Path,
    disk: Path,
    copying: Copying,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (holding,) = gather(ledger, admin, sources, {b"log.txt": b"one"})
    real = os.write

    def write(descriptor: int, data: Any) -> int:
        with (sources / "log.txt").open("ab") as file:
            file.write(b"more")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    done = copying()
    assert [one.holding for one in done.failed] == [holding]
    assert done.made == []
    assert contents(disk) == {}


def test_if_nothing_can_be_copied_nothing_is_recorded_and_nothing_is_left(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying
) -> None:
    (gone,) = gather(ledger, admin, sources, plain(1))
    (sources / "0.txt").unlink()
    before = ledger.seen()
    assert copying().failed == [Failed(gone, "vanished")]
    assert ledger.seen() == before
    assert list(disk.iterdir()) == []


def test_paper_and_what_was_moved_to_a_shelf_are_left_out_and_named_if_asked_for(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    shelved, fine = gather(ledger, admin, sources, plain(2))
    ledger.act(admin, [move(shelved, "三号柜")])
    done = copying()
    assert (done.left_out, done.failed, done.made[0].copies) == (1, [], 1)
    assert copying(shelved, fine).failed == [Failed(shelved, "not_a_file_here")]


def test_a_file_that_was_moved_is_copied_from_where_it_is(
    ledger: Ledger, admin: Acting, sources: Path, tmp_path: Path, copying: Copying
) -> None:
    (holding,) = gather(ledger, admin, sources, plain(1))
    archive = tmp_path / "档案 室"
    archive.mkdir()
    (sources / "0.txt").rename(archive / "甲.txt")
    ledger.act(admin, [move(holding, str(archive / "甲.txt"))])
    assert copying().made[0].copies == 1


def test_what_is_lost_or_another_partys_is_not_copied(
    ledger: Ledger, admin: Acting, sources: Path, tmp_path: Path, copying: Copying
) -> None:
    lost, own = gather(ledger, admin, sources, plain(2))
    ledger.act(admin, [acts.lose_holding(lost, now(), None)])
    other = buyer()
    ledger.act(admin, [other])
    stranger = add_person(ledger, admin, other.stream, ("collector", "custodian"))
    theirs = tmp_path / "买方"
    theirs.mkdir()
    (foreign,) = gather(ledger, stranger, theirs, {b"b.txt": "买方的".encode()})
    (made,) = copying().made
    (copy,) = items(ledger, made.backup)
    assert acts.holding_state(ledger, copy).made_from == own
    assert copying(lost, foreign).failed == [
        Failed(lost, "holding_not_there"), Failed(foreign, "kept_by_another"),
    ]  # fmt: skip
    with pytest.raises(RefusedError, match="not_the_actors_party"):
        verify(ledger, stranger, made.backup)
    with pytest.raises(RefusedError, match="not_the_actors_party"):
        expire(ledger, stranger, made.backup)


# -- targets ------------------------------------------------------------------------------------


def test_a_target_that_is_not_there_is_no_folder_or_is_the_ledgers_own_is_refused(
    ledger: Ledger, admin: Acting, sources: Path, tmp_path: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(1))
    (tmp_path / "link").symlink_to(ledger.folder.path / "trust")
    targets = [
        tmp_path / "missing", sources / "0.txt", ledger.folder.path, ledger.folder.keystore,
        tmp_path / "link", sources, sources / "inside",
    ]  # fmt: skip
    (sources / "inside").mkdir()
    before = (contents(ledger.folder.path / "trust"), contents(sources), ledger.seen())
    for target in targets:
        with pytest.raises(UsageError) as refused:
            copying(target=target)
        assert str(target) not in str(refused.value)
    assert (contents(ledger.folder.path / "trust"), contents(sources), ledger.seen()) == before


def test_who_may_not_back_up_copies_nothing(
    ledger: Ledger, admin: Acting, second_person: Acting, sources: Path, disk: Path,
    copying: Copying,
) -> None:  # fmt: skip
    gather(ledger, admin, sources, plain(1))
    touched = disk.stat().st_mtime_ns
    with pytest.raises(RefusedError, match="role_does_not_permit"):
        copying(by=second_person)
    assert list(disk.iterdir()) == []
    assert disk.stat().st_mtime_ns == touched, "not even for a moment"

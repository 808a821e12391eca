"""Drills and restores: everything comes back as it was, and nothing that was destroyed since."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects import backup
from ledger.effects.backup import Failed, Made, create
from ledger.effects.destroying import copies_of
from ledger.effects.drilling import Terms, drill, drill_report
from ledger.effects.expiring import expire
from ledger.effects.places import place_of
from ledger.effects.restoring import restore
from ledger.effects.shelf import sealed_place
from ledger.errors import MunimentError, RefusedError, UsageError
from ledger.rebuild import check
from ledger.signing import new_ids, now
from ledger.verification.stored import verify_folder
from tests.ledger.copying import (
    Copying,
    contents,
    copies_in,
    gather,
    items,
    killed,
    plain,
    plain_of,
    records,
)
from tests.ledger.crews import Site, crew_fixture, crew_template_fixture, site_fixture  # noqa: F401
from tests.ledger.damaging import damage_key_of
from tests.ledger.ledgers import Firm, add_person


@pytest.fixture
def originals(ledger: Ledger, admin: Acting, sources: Path) -> list[str]:
    """Three contracts."""
    return gather(ledger, admin, sources, plain(3))


@pytest.fixture
def made(originals: list[str], copying: Copying) -> Made:
    return copying().made[0]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Where things are restored."""
    folder = tmp_path / "演练机"
    folder.mkdir()
    return folder


# -- drills -------------------------------------------------------------------------------------


def test_a_drill_restores_compares_measures_and_leaves_nothing_behind(
    ledger: Ledger, admin: Acting, made: Made, empty: Path
) -> None:
    seen: list[list[str]] = []

    def look(_done: int, _total: int) -> None:
        seen.append([path.name for path in empty.rglob("holding-*")])

    done = drill(ledger, admin, made.backup, empty, Terms(60, "店里进水"), look)
    assert (done.result, done.failed, done.left_out) == ("pass", [], [])
    assert seen == [[], [], []], "removed as soon as it was compared"
    assert list(empty.iterdir()) == []
    report = drill_report(ledger, done.event)
    counts = [report[n] for n in ("copies", "restored", "matched", "mismatched", "failed")]
    assert counts == [3, 3, 3, 0, 0]
    assert (report["rto_target"], report["rto_met"], report["rpo_actual"]) == (60, True, 0)
    assert 1 <= report["rto_actual"] <= 60
    assert (report["result"], report["chain"]) == ("pass", [made.backup])
    assert (report["scenario"], report["origin"]) == ("店里进水", ledger.origin)
    assert report["event"] == f"{made.backup}/2"
    assert verify_folder(ledger.folder).verdict == "valid"


def test_a_drill_goes_by_the_whole_chain(
    ledger: Ledger, admin: Acting, made: Made, sources: Path, disk: Path, empty: Path
) -> None:
    gather(ledger, admin, sources, {b"new.txt": b"new"})
    (second,) = create(ledger, admin, None, disk, "incremental", "disk_external").made
    report = drill_report(ledger, drill(ledger, admin, second.backup, empty, Terms(60)).event)
    assert (report["restored"], report["chain"]) == (4, [second.backup, made.backup])


@pytest.fixture
def unlinked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, int]]:
    """What lay in each content's file just before it was removed, and how many lay beside it."""
    real, seen = os.unlink, []

    def look(path: str, *, dir_fd: int | None = None) -> None:
        if str(path).startswith("holding-") and dir_fd is not None:
            descriptor = os.open(path, os.O_RDONLY, dir_fd=dir_fd)
            with os.fdopen(descriptor, "rb") as file:
                beside = sum(n.startswith("holding-") for n in os.listdir(dir_fd))  # noqa: PTH208
                seen.append((file.read(), beside - 1))
        real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", look)
    return seen


def test_a_drill_overwrites_each_content_before_the_next_one_is_written(
    ledger: Ledger, admin: Acting, made: Made, empty: Path, unlinked: list[tuple[bytes, int]]
) -> None:
    assert drill(ledger, admin, made.backup, empty, Terms(60)).result == "pass"
    assert sorted(unlinked) == sorted((bytes(len(data)), 0) for data in plain(3).values())


def test_a_restore_that_is_not_recorded_overwrites_what_it_brought_back(
    ledger: Ledger, admin: Acting, made: Made, empty: Path, unlinked: list[tuple[bytes, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "act", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            restore(ledger, admin, made.backup, None, empty, "试", "ssd")
    assert sorted(data for data, _ in unlinked) == sorted(bytes(len(d)) for d in plain(3).values())
    assert list(empty.iterdir()) == []


def test_a_drill_goes_into_an_empty_folder_outside_the_ledger(
    ledger: Ledger, admin: Acting, made: Made, empty: Path
) -> None:
    before, seen = contents(ledger.folder.path / "trust"), ledger.seen()
    (ledger.folder.path / "trust" / "inside").mkdir()
    (empty / "家庭照片.jpg").write_bytes(b"photo")
    for wrong in (ledger.folder.path, ledger.folder.path / "trust" / "inside", empty,
                  empty / "missing"):  # fmt: skip
        with pytest.raises(UsageError):
            drill(ledger, admin, made.backup, wrong, Terms(60))
    assert contents(empty) == {"家庭照片.jpg": b"photo"}
    assert (contents(ledger.folder.path / "trust"), ledger.seen()) == (before, seen)


def test_what_does_not_come_back_fails_the_drill_and_is_named(
    ledger: Ledger, admin: Acting, made: Made, empty: Path
) -> None:
    changed, gone, _ = copies_in(made)
    data = changed.read_bytes()
    changed.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    gone.unlink()
    done = drill(ledger, admin, made.backup, empty, Terms(60))
    assert done.result == "fail"
    assert done.failed == [
        Failed(changed.name, "changed_since_recorded"), Failed(gone.name, "vanished"),
    ]  # fmt: skip
    report = drill_report(ledger, done.event)
    counts = [report[n] for n in ("restored", "matched", "mismatched", "failed", "left_out")]
    assert counts == [2, 1, 1, 1, 0]
    assert list(empty.iterdir()) == []


def test_without_the_keys_nothing_comes_back(
    ledger: Ledger, admin: Acting, made: Made, empty: Path
) -> None:
    (damaged, *_) = items(ledger, made.backup)
    damage_key_of(ledger, damaged)
    done = drill(ledger, admin, made.backup, empty, Terms(60))
    assert (done.result, done.failed) == ("fail", [Failed(damaged, "key_not_here")])


def test_the_age_of_the_oldest_content_that_is_in_no_backup_is_measured(
    ledger: Ledger, admin: Acting, made: Made, sources: Path, empty: Path
) -> None:
    (new,) = gather(ledger, admin, sources, {b"new.txt": b"new"})
    accepted = ledger.events_of(new)[0][1]
    done = drill(ledger, admin, made.backup, empty, Terms(60))
    report = drill_report(ledger, done.event)
    assert report["rpo_actual"] >= 1
    assert accepted < report["started_at"]


def test_what_expired_is_left_out_and_a_chain_of_which_nothing_is_left_is_not_drilled(
    ledger: Ledger, admin: Acting, made: Made, sources: Path, disk: Path, empty: Path
) -> None:
    gather(ledger, admin, sources, {b"new.txt": b"new"})
    (second,) = create(ledger, admin, None, disk, "incremental", "disk_external").made
    expired = items(ledger, made.backup)
    expire(ledger, admin, made.backup)
    done = drill(ledger, admin, second.backup, empty, Terms(60))
    assert done.left_out == [Failed(copy, "copy_is_destroyed") for copy in expired]
    assert done.result == "pass"
    with pytest.raises(UsageError, match="nothing of this backup may be restored"):
        drill(ledger, admin, made.backup, empty, Terms(60))


def test_who_may_not_drill_restores_nothing(
    ledger: Ledger, admin: Acting, made: Made, empty: Path
) -> None:
    nobody = add_person(ledger, admin, admin.state.party, ("supervisor",))
    touched = empty.stat().st_mtime_ns
    with pytest.raises(RefusedError, match="role_does_not_permit"):
        drill(ledger, nobody, made.backup, empty, Terms(60))
    assert empty.stat().st_mtime_ns == touched


def test_a_report_of_what_was_no_drill_is_refused(ledger: Ledger, made: Made) -> None:
    for wrong in (f"{made.backup}/1", f"{made.backup}/99", new_ids("backup")[0], "x", ""):
        with pytest.raises(UsageError, match="no restore drill"):
            drill_report(ledger, wrong)


# -- restores -----------------------------------------------------------------------------------


def test_a_lost_original_comes_back_as_a_new_copy_of_it(
    ledger: Ledger, admin: Acting, made: Made, originals: list[str], sources: Path, empty: Path
) -> None:
    shutil.rmtree(sources)
    ledger.act(admin, [acts.lose_holding(original, now(), None) for original in originals])
    done = restore(ledger, admin, made.backup, None, empty, "硬盘损坏", "ssd")
    assert sorted(original for _, original in done.restored) == sorted(originals)
    for new, original in done.restored:
        state = acts.holding_state(ledger, new)
        assert (state.made_from, state.restored, state.medium) == (original, True, "ssd")
    assert sorted(plain_of(ledger, new) for new, _ in done.restored) == sorted(plain(3).values())
    assert not any(empty.rglob(".muniment"))
    assert verify_folder(ledger.folder).verdict == "valid"
    with ledger.engine.connect() as connection:
        assert check(connection) == []


def test_what_was_restored_is_backed_up_again_and_then_the_old_backup_may_go(
    ledger: Ledger, admin: Acting, made: Made, originals: list[str], sources: Path, disk: Path,
    empty: Path,
) -> None:  # fmt: skip
    """The last copies of lost originals are as good as originals: else a disaster would be the
    last thing that was ever backed up.
    """
    shutil.rmtree(sources)
    ledger.act(admin, [acts.lose_holding(original, now(), None) for original in originals])
    with pytest.raises(RefusedError, match="I-26"):
        expire(ledger, admin, made.backup)
    restore(ledger, admin, made.backup, None, empty, "硬盘损坏", "ssd")
    restore(ledger, admin, made.backup, None, empty, "再来一次", "ssd")
    (again,) = create(ledger, admin, None, disk, "full", "disk_external").made
    assert again.copies == 3, "each content once, however often it was restored"
    assert len(expire(ledger, admin, made.backup).gone) == 3
    assert drill(ledger, admin, again.backup, _fresh(empty), Terms(60)).result == "pass"


def _fresh(folder: Path) -> Path:
    other = folder.with_name("另一台")
    other.mkdir()
    return other


def test_only_what_is_asked_for_is_restored(
    ledger: Ledger, admin: Acting, made: Made, originals: list[str], empty: Path
) -> None:
    (copy, *_) = items(ledger, made.backup)
    by_copy = restore(ledger, admin, made.backup, [copy], empty, "试", "ssd")
    assert [o for _, o in by_copy.restored] == [acts.holding_state(ledger, copy).made_from]
    by_original = restore(ledger, admin, made.backup, originals[1:2], empty, "试", "ssd")
    assert [o for _, o in by_original.restored] == originals[1:2]
    with pytest.raises(UsageError, match="nothing of what is asked for"):
        restore(ledger, admin, made.backup, [new_ids("holding")[0]], empty, "试", "ssd")


def test_an_older_copy_serves_where_the_newest_is_damaged(
    ledger: Ledger, admin: Acting, made: Made, originals: list[str], disk: Path, empty: Path
) -> None:
    (second,) = create(
        ledger, admin, originals[:1], disk, "incremental", "disk_external", base=made.backup
    ).made
    (newest,) = copies_in(second)
    newest.write_bytes(b"rot")
    done = restore(ledger, admin, second.backup, originals[:1], empty, "试", "ssd")
    assert (len(done.restored), done.failed) == (1, [])


def test_what_cannot_be_read_is_named_and_the_rest_comes_back(
    ledger: Ledger, admin: Acting, made: Made, empty: Path
) -> None:
    changed, gone, fine = copies_in(made)
    changed.write_bytes(b"rot")
    gone.unlink()
    done = restore(ledger, admin, made.backup, None, empty, "试", "ssd")
    assert done.failed == [
        Failed(changed.name, "changed_since_recorded"), Failed(gone.name, "vanished"),
    ]  # fmt: skip
    assert [o for _, o in done.restored] == [acts.holding_state(ledger, fine.name).made_from]
    assert len(list(empty.rglob("holding-*"))) == 1


def test_what_was_destroyed_since_does_not_come_back(site: Site, tmp_path: Path) -> None:
    """I-20: the disk with the older backup is found again after the destruction."""
    doomed, kept = site.ripe(tmp_path / "合同", 2)
    site.backed_up(disk := tmp_path / "盘")
    (folder,) = disk.iterdir()
    case = site.approved([site.copy(doomed)])
    site.execute(case)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    done = restore(site.ledger, site.wang, folder.name, None, tmp_path / "a", "演练", "ssd")
    assert [o for _, o in done.restored] == [site.copy(kept)]
    (left_out,) = done.left_out
    assert left_out.cause == "original_is_destroyed"
    assert acts.holding_state(site.ledger, left_out.holding).made_from == site.copy(doomed)
    assert len(list((tmp_path / "a").rglob("holding-*"))) == 1
    drilled = drill(site.ledger, site.wang, folder.name, tmp_path / "b", Terms(60))
    assert (drilled.left_out, drilled.result) == ([left_out], "pass")
    assert drill_report(site.ledger, drilled.event)["left_out"] == 1
    events = done.receipts[0].events
    assert events[-1].left_out == [left_out.holding]  # type: ignore[attr-defined]


def test_what_was_restored_of_a_lost_original_and_destroyed_then_does_not_come_back(
    site: Site, tmp_path: Path
) -> None:
    """I-20: the backup's disk was away, was taken off the list, and is back after the end."""
    ledger = site.ledger
    (record,) = site.ripe(tmp_path / "合同")
    site.backed_up(disk := tmp_path / "盘")
    (folder,) = disk.iterdir()
    shutil.rmtree(tmp_path / "合同")
    ledger.act(site.wang, [acts.lose_holding(site.copy(record), now(), None)])
    for name in ("一", "二", "三"):
        (tmp_path / name).mkdir()
    restore(ledger, site.wang, folder.name, None, tmp_path / "一", "硬盘损坏", "ssd")
    disk.rename(tmp_path / "别处")
    done = site.execute(case := site.approved(copies_of(ledger, [record])))
    away = [fate.holding for fate in done.fates if fate.outcome != "destroyed"]
    site.verify(case)
    ledger.act(site.wang, custody.take_off(case, away, "盘在别处"))
    site.certify(case)
    (tmp_path / "别处").rename(disk)
    again = restore(ledger, site.wang, folder.name, None, tmp_path / "二", "硬盘损坏", "ssd")
    assert (again.restored, again.left_out) == ([], [Failed(away[0], "copy_was_to_be_destroyed")])
    assert not any((tmp_path / "二").rglob("holding-*"))
    with pytest.raises(UsageError, match="nothing of this backup may be restored"):
        drill(ledger, site.wang, folder.name, tmp_path / "三", Terms(60))


def test_a_restored_record_stays_restricted(
    ledger: Ledger, admin: Acting, made: Made, originals: list[str], empty: Path
) -> None:
    (record, *_) = records(ledger)
    officer = add_person(ledger, admin, admin.state.party, ("dpo",))
    ledger.act(officer, [custody.restrict(record, "objection", None, None)])
    (original,) = acts.record_state(ledger, record).holdings
    ledger.act(admin, [acts.lose_holding(original, now(), None)])
    restore(ledger, admin, made.backup, [original], empty, "硬盘损坏", "ssd")
    assert acts.record_state(ledger, record).restricted is not None


def test_a_restore_into_the_ledgers_folder_or_by_somebody_who_may_not_does_nothing(
    ledger: Ledger, admin: Acting, made: Made, empty: Path
) -> None:
    nobody = add_person(ledger, admin, admin.state.party, ("supervisor",))
    seen = ledger.seen()
    with pytest.raises(UsageError, match="ledger's own folder"):
        restore(ledger, admin, made.backup, None, ledger.folder.path, "试", "ssd")
    with pytest.raises(RefusedError, match="role_does_not_permit"):
        restore(ledger, nobody, made.backup, None, empty, "试", "ssd")
    assert list(empty.iterdir()) == []
    assert ledger.seen() == seen


def test_a_full_disk_leaves_nothing_restored_and_nothing_recorded(
    ledger: Ledger, admin: Acting, made: Made, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = os.write, ledger.seen()

    def full(descriptor: int, data: bytes) -> int:
        if bytes(data[:3]) == "第".encode():
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(MunimentError, match="No space left"):
        restore(ledger, admin, made.backup, None, empty, "试", "ssd")
    with pytest.raises(MunimentError, match="No space left"):
        drill(ledger, admin, made.backup, empty, Terms(60))
    assert list(empty.iterdir()) == []
    assert ledger.seen() == seen


def test_killed_at_any_moment_no_plaintext_is_left_that_is_not_recorded(
    firm: Firm, sources: Path, disk: Path, empty: Path
) -> None:
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        gather(ledger, admin, sources, plain(2))
        (made,) = create(ledger, admin, None, disk, "full", "disk_external").made
    left = 0
    for at in range(1, 200):
        if not killed(firm, at, lambda ledger, acting: restore(
            ledger, acting, made.backup, None, empty, "试", "ssd"
        )):  # fmt: skip
            break
        left += any(empty.iterdir())
        with firm.open() as ledger:
            admin = ledger.acting(firm.founded.actor)
            done = restore(ledger, admin, made.backup, None, empty, "再试", "ssd")
            assert len(done.restored) == 2
            on_disk = {path.name for path in empty.rglob("holding-*")}
            for name in on_disk:
                state = acts.holding_state(ledger, name)
                assert os.fsdecode(place_of(ledger, name).path).startswith(str(empty))
                assert state.restored
            assert not any(empty.rglob("*.part"))
    assert left > 3, "the kills did leave things to clean up"


def test_a_killed_drill_is_cleaned_up_by_the_next(
    firm: Firm, sources: Path, disk: Path, empty: Path
) -> None:
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        gather(ledger, admin, sources, plain(2))
        (made,) = create(ledger, admin, None, disk, "full", "disk_external").made
    left = 0
    for at in range(1, 200, 3):
        if not killed(firm, at, lambda ledger, acting: drill(
            ledger, acting, made.backup, empty, Terms(60)
        )):  # fmt: skip
            break
        left += any(empty.rglob("holding-*"))
        with firm.open() as ledger:
            admin = ledger.acting(firm.founded.actor)
            assert drill(ledger, admin, made.backup, empty, Terms(60)).result == "pass"
        assert list(empty.iterdir()) == []
    assert left > 0, "some kills left a content in clear"


def test_a_content_that_is_not_the_one_recorded_counts_as_mismatched_and_does_not_come_back(
    ledger: Ledger, admin: Acting, originals: list[str], copying: Copying, empty: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A client encrypted one content and said it was another one: it decrypts, and is wrong."""
    with monkeypatch.context() as patch:
        patch.setattr(backup, "sealed_place", lambda s, n, _: sealed_place(s, n, "0" * 64))
        (made,) = copying(originals[0]).made
    (copy,) = items(ledger, made.backup)
    disk = Path(made.place).parent
    (second,) = create(
        ledger, admin, originals[1:], disk, "incremental", "disk_external", base=made.backup
    ).made
    both = drill(ledger, admin, second.backup, empty, Terms(60))
    assert (both.failed, len(both.left_out)) == ([Failed(copy, "changed_since_recorded")], 0)
    done = drill(ledger, admin, made.backup, empty, Terms(60))
    assert done.failed == [Failed(copy, "changed_since_recorded")]
    report = drill_report(ledger, done.event)
    assert (report["matched"], report["mismatched"], report["failed"]) == (0, 1, 0)
    assert restore(ledger, admin, made.backup, None, empty, "试", "ssd").failed == done.failed
    assert list(empty.iterdir()) == []

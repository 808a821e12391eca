"""Backups that do not come to their end: nothing recorded, nothing left, nobody else's touched."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects import shelf
from ledger.effects.backup import Outcomes, create
from ledger.effects.manifest import MARKER
from ledger.errors import MunimentError, RefusedError, VerificationError
from ledger.signing import now
from ledger.verification.stored import verify_folder
from projections.backups import backups
from projections.view import register
from tests.ledger.copying import Copying, contents, gather, items, killed, plain
from tests.ledger.ledgers import Firm

# -- what goes wrong half-way -------------------------------------------------------------------


def failing(
    monkeypatch: pytest.MonkeyPatch, name: str, at: int, code: int, after: Callable[[], bool]
) -> None:
    """Let a call of the system fail at its `at`-th call once `after` says so."""
    real, calls = getattr(os, name), [0]

    def fail(*args: Any, **more: Any) -> Any:
        if after():
            calls[0] += 1
            if calls[0] == at:
                raise OSError(code, os.strerror(code))
        return real(*args, **more)

    monkeypatch.setattr(os, name, fail)


@pytest.mark.parametrize("name", ["write", "fsync"])
def test_a_full_disk_leaves_nothing_behind_and_nothing_recorded(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying, name: str
) -> None:
    gather(ledger, admin, sources, plain(2))
    before, failures = ledger.seen(), 0
    for at in range(1, 30):
        with pytest.MonkeyPatch.context() as patch:
            # From the moment on at which the folder is there: what is before it is the keystore's.
            failing(patch, name, at, errno.ENOSPC, lambda: any(disk.iterdir()))
            try:
                copying()
            except MunimentError:
                failures += 1
            else:
                break
        assert list(disk.iterdir()) == [], at
        assert ledger.seen() == before
    assert failures >= 2
    assert verify_folder(ledger.folder).verdict == "valid"


@pytest.mark.parametrize(("count", "together"), [(3, False), (6, True), (6, False)])
def test_nothing_is_read_back_before_it_was_flushed(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying,
    monkeypatch: pytest.MonkeyPatch, count: int, together: bool,
) -> None:  # fmt: skip
    """Many files are flushed at once where the system can do that, each of them where not."""
    gather(ledger, admin, sources, plain(count))
    flushed: set[str] = set()
    read: list[str] = []
    real, reading = os.fsync, shelf.FolderShelf.digest

    def names() -> set[str]:
        return {path.name for path in disk.rglob("holding-*")}

    def one(descriptor: int) -> None:
        flushed.add(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    def look(self: shelf.FolderShelf, name: str) -> str:
        found = reading(self, name)
        assert name in flushed
        read.append(name)
        return found

    several = (lambda _: flushed.update(names())) if together else None
    monkeypatch.setattr(os, "fsync", one)
    monkeypatch.setattr(shelf, "syncfs", lambda: several)
    monkeypatch.setattr(shelf.FolderShelf, "digest", look)
    copying()
    assert set(read) == names() | {"manifest.json"}


def test_a_flush_of_many_that_fails_leaves_nothing_behind_and_nothing_recorded(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    gather(ledger, admin, sources, plain(6))
    seen = ledger.seen()

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shelf, "syncfs", lambda: full)
    with pytest.raises(MunimentError, match="No space left"):
        copying()
    assert (list(disk.iterdir()), ledger.seen()) == ([], seen)


def test_a_disk_that_does_not_keep_what_is_written_is_found_at_once(
    ledger: Ledger,
    admin: Acting,
    sources: Path,
    disk: Path,
    copying: Copying,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gather(ledger, admin, sources, plain(1))
    before, real = ledger.seen(), os.write

    def rotten(descriptor: int, data: Any) -> int:
        return real(descriptor, bytes([data[0] ^ 1]) + bytes(data[1:]))

    monkeypatch.setattr(os, "write", rotten)
    with pytest.raises(VerificationError, match="reads back differently"):
        copying()
    assert list(disk.iterdir()) == []
    assert ledger.seen() == before


def test_a_refusal_at_the_end_takes_the_copies_away_again(
    ledger: Ledger,
    admin: Acting,
    sources: Path,
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (holding,) = gather(ledger, admin, sources, plain(1))

    def lose_it(_done: int, _total: int) -> None:
        ledger.act(admin, [acts.lose_holding(holding, now(), None)])

    with pytest.raises(RefusedError, match="holding_is_lost"):
        create(ledger, admin, None, disk, "full", "disk_external", lose_it)
    assert list(disk.iterdir()) == []


def test_interrupted_by_a_key_nothing_is_left(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path
) -> None:
    gather(ledger, admin, sources, plain(2))

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create(ledger, admin, None, disk, "full", "disk_external", interrupt)
    assert list(disk.iterdir()) == []


def test_killed_at_any_moment_the_next_run_cleans_up_and_what_is_recorded_is_there(
    firm: Firm, sources: Path, disk: Path
) -> None:
    with firm.open() as ledger:
        gather(ledger, ledger.acting(firm.founded.actor), sources, plain(2))
    kills = left = 0
    for at in range(1, 200):
        if not killed(firm, at, lambda ledger, acting: create(
            ledger, acting, None, disk, "full", "disk_external"
        )):  # fmt: skip
            break
        kills += 1
        left += any(disk.iterdir())
        with firm.open() as ledger:
            assert verify_folder(ledger.folder).verdict == "valid"
            done = create(
                ledger, ledger.acting(firm.founded.actor), None, disk, "full", "disk_external"
            )
            _only_what_is_recorded(ledger, disk, done)
    assert kills > 10
    assert left > 3, "the kills did leave things to clean up"


def _only_what_is_recorded(ledger: Ledger, disk: Path, done: Outcomes) -> None:
    """Every copy on the disk is recorded, every copy recorded is on the disk, and no marker."""
    assert [one.copies for one in done.made] == [2]
    on_disk = {Path(name).name for name in contents(disk) if "/holding-" in name}
    with ledger.engine.connect() as connection:
        streams = [row["backup"] for row in register(connection, backups)]
    recorded = {item for stream in streams for item in items(ledger, stream)}
    assert on_disk == recorded
    assert not any(MARKER in name for name in contents(disk) if ".part/" not in name)


# -- whose folders are removed ------------------------------------------------------------------


@pytest.fixture
def unfinished(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """What a killed run left: one copy and the marker."""
    gather(ledger, admin, sources, plain(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "remove_folder", lambda folder: False)

        def stop(_done: int, _total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            create(ledger, admin, None, disk, "full", "disk_external", stop)
    (folder,) = disk.iterdir()
    assert (folder / MARKER).is_file()
    assert len(list(folder.iterdir())) == 2
    return folder


def test_what_a_run_left_is_removed_by_the_next(unfinished: Path, copying: Copying) -> None:
    done = copying()
    assert done.removed == 1
    assert not unfinished.exists()


def test_a_folder_with_anything_else_in_it_is_not_touched(
    unfinished: Path, copying: Copying
) -> None:
    (unfinished / "家庭照片.jpg").write_bytes(b"photo")
    before = contents(unfinished)
    assert copying().removed == 0
    assert contents(unfinished) == before


def test_a_marker_of_another_ledger_or_with_one_byte_changed_protects_its_folder(
    unfinished: Path, copying: Copying
) -> None:
    marker = (unfinished / MARKER).read_bytes()
    before = contents(unfinished)
    for at in range(0, len(marker), 7):
        changed = bytearray(marker)
        changed[at] ^= 1
        (unfinished / MARKER).write_bytes(changed)
        assert copying().removed == 0
    (unfinished / MARKER).unlink()
    (unfinished / MARKER).symlink_to(unfinished.parent / "marker")
    (unfinished.parent / "marker").write_bytes(marker)
    assert copying().removed == 0
    assert {name for name in contents(unfinished) if name != MARKER} == set(before) - {MARKER}


def test_a_link_to_a_folder_is_not_followed(
    unfinished: Path, tmp_path: Path, copying: Copying
) -> None:
    elsewhere = tmp_path / "elsewhere"
    unfinished.rename(elsewhere)
    unfinished.symlink_to(elsewhere)
    before = contents(elsewhere)
    assert copying().removed == 0
    assert contents(elsewhere) == before


def test_a_ledger_put_back_from_an_older_copy_does_not_take_newer_backups_away(
    firm: Firm, sources: Path, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with firm.open() as ledger:
        gather(ledger, ledger.acting(firm.founded.actor), sources, plain(1))
    shutil.copytree(firm.path, tmp_path / "older")
    with firm.open() as ledger:
        create(ledger, ledger.acting(firm.founded.actor), None, disk, "full", "disk_external")
    before = contents(disk)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    with firm._replace(path=tmp_path / "older").open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        assert create(ledger, admin, None, disk, "full", "disk_external").removed == 0
    assert before.items() <= contents(disk).items()

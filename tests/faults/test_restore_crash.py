"""Copy, restore and refetch killed at any call that writes: whole, not there, or taken up again.

A record was destroyed between the early copy and the late one, so that every run has something to
destroy again (I-20); whatever is left of a run that was killed, nobody goes on from it who lacks
entries, and run again it ends as if it had never been killed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ledger.application import Ledger
from ledger.effects.ledgerrestore import BehindLedger, without_rollback
from ledger.errors import MunimentError
from ledger.folder import Folder
from ledger.inspection import inspect
from tests.faults.test_crash import (
    ROOT,
    WRITES,
    sampled,
    striking,
)
from tests.ledger.copies import Kept, keep, put_back, rows
from tests.ledger.crews import (
    Crew,
    crew_template_fixture,  # noqa: F401  fixtures are found by their names
)
from tests.ledger.ledgers import buyer, passphrase, small_act

FEW, MANY = 1, 40  # of a kind of call: all flushes and renames are fewer


class Disk(NamedTuple):
    """Where everything lies: the copies of a ledger that is lost, and what it was in the end."""

    home: Path
    early: Kept
    late: Kept
    lost: Path
    keys: frozenset[str]

    @property
    def path(self) -> Path:
        return self.home / "ledger"

    @property
    def behind(self) -> Path:
        """The early copy restored, as it is before anything is fetched."""
        return self.home / "behind"


@pytest.fixture(scope="session")
def disk_template(tmp_path_factory: pytest.TempPathFactory, crew_template: Crew) -> Disk:
    home = tmp_path_factory.mktemp("lost") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        shutil.copytree(crew_template.firm.path, home / "ledger")
        firm = crew_template.firm._replace(path=home / "ledger")
        crew = crew_template._replace(firm=firm)
        with crew.open() as site:
            gone, _ = site.ripe(home / "合同", 2)
            early = keep(site.ledger, home / "早")
            case = site.approved([site.copy(gone)])
            keys = frozenset(site.execute(case).keys)
            for number in range(3):
                site.ledger.act(site.wang, [buyer(), small_act(number)])
            late = keep(site.ledger, home / "晚")
        firm.path.rename(home / "lost")
        disk = Disk(home, early, late, home / "lost", keys)
        put_back(early, disk.behind)
    return disk


@pytest.fixture
def disk(disk_template: Disk, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The same places, without a ledger in its place; nobody changes the copies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(disk_template.home / "state"))
    clear(disk_template)
    return disk_template


def clear(disk: Disk) -> None:
    for path in (disk.path, disk.home / ".ledger.unfinished", disk.home / "copy",
                 disk.home / ".copy.unfinished"):  # fmt: skip
        shutil.rmtree(path, ignore_errors=True)


def run(*arguments: object, strike: list[str] | None = None) -> tuple[int, str]:
    """One run of the child; its exit code and what it said."""
    command = [sys.executable, "-m", "tests.faults.completing", *map(str, arguments)]
    done = subprocess.run(
        [*(strike or []), *command], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=120, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.strip()


def calls(strace: str, log: Path, *arguments: object) -> dict[str, int]:
    """How many calls of each kind an undisturbed run makes."""
    watched = [strace, "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(WRITES)}"]
    assert run(*arguments, strike=watched) == (0, "done")
    names = [
        line.split(maxsplit=1)[1].partition("(")[0]
        for line in log.read_text(errors="replace").splitlines()
    ]
    return {call: names.count(call) for call in WRITES if call in names}


def kill_everywhere(
    strace: str,
    log: Path,
    arguments: tuple[object, ...],
    prepare: Callable[[], None],
    check: Callable[[], None],
    most: int,
) -> None:
    """Kill a run at (some of) its writing calls; `check` after each, then it is run again."""
    prepare()
    counts = calls(strace, log, *arguments)
    assert {"pwrite64", "fsync", "rename"} & set(counts)
    struck = 0
    kinds = random.sample(sorted(counts), 3) if most == FEW else sorted(counts)
    for call in kinds:
        count = counts[call]
        for when in sampled(range(1, count + 1), most):
            print("kill at", call, when, "of", count)
            prepare()
            code, said = run(*arguments, strike=striking(strace, call, "signal=SIGKILL", str(when)))
            struck += code == -signal.SIGKILL or said == ""
            check()
    assert struck


def is_complete(path: Path, disk: Disk) -> None:
    """A folder that is what was lost, in which nobody can read what was destroyed."""
    verdict, findings = without_rollback(inspect(Folder(path)))
    assert (verdict, findings) == ("valid", [])
    assert rows(path) == rows(disk.lost)
    with Ledger(Folder(path), passphrase) as ledger:
        assert {ledger.keystore.state(key) for key in disk.keys} == {"erased"}


def nobody_acts(path: Path) -> None:
    with pytest.raises(MunimentError), Ledger(Folder(path), passphrase, writing=True):
        pass


# -- a copy -----------------------------------------------------------------------------------


def copy_killed(strace: str, disk: Disk, log: Path, most: int) -> None:
    target = disk.home / "copy"

    def check() -> None:
        if target.exists():
            assert inspect(Folder(target)).verdict == "valid"
            assert (target / "copy.note").exists()
            shutil.rmtree(target)
        assert run("copy", disk.lost, target) == (0, "done")

    kill_everywhere(strace, log, ("copy", disk.lost, target), lambda: clear(disk), check, most)


def test_a_copy_that_is_killed_is_there_whole_or_not_at_all(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    copy_killed(strace, disk, tmp_path / "log", FEW)


@pytest.mark.slow
def test_a_copy_that_is_killed_anywhere_is_there_whole_or_not_at_all(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    copy_killed(strace, disk, tmp_path / "log", MANY)


# -- a restore --------------------------------------------------------------------------------


def restore_killed(strace: str, disk: Disk, log: Path, most: int) -> None:
    """The newest copy with the oldest keystore: it holds keys that were destroyed."""
    arguments = ("restore", disk.late.copy, disk.path, disk.early.keystore, disk.late.identity)

    def check() -> None:
        if not disk.path.exists():
            assert run(*arguments) == (0, "done")
        is_complete(disk.path, disk)

    kill_everywhere(strace, log, arguments, lambda: clear(disk), check, most)


def test_a_restore_that_is_killed_has_brought_back_nothing_that_was_destroyed(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    restore_killed(strace, disk, tmp_path / "log", FEW)


@pytest.mark.slow
def test_a_restore_that_is_killed_anywhere_has_brought_back_nothing_that_was_destroyed(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    restore_killed(strace, disk, tmp_path / "log", MANY)


# -- what is missing --------------------------------------------------------------------------


def refetch_killed(strace: str, disk: Disk, log: Path, most: int) -> None:
    arguments = ("refetch", disk.path, disk.late.copy)

    def prepare() -> None:
        clear(disk)
        shutil.copytree(disk.behind, disk.path)

    def check() -> None:
        with BehindLedger(Folder(disk.path), passphrase) as ledger:
            waiting = Folder(disk.path).restored.exists()
            left = ledger.missing
            erased = {ledger.keystore.state(key) for key in disk.keys}
        if waiting or left is not None:
            nobody_acts(disk.path)
            assert run(*arguments) == (0, "done")
        else:
            assert erased == {"erased"}, "acts may follow only after what was destroyed is again"
        is_complete(disk.path, disk)

    kill_everywhere(strace, log, arguments, prepare, check, most)


def test_a_refetch_that_is_killed_is_run_again_and_ends(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    refetch_killed(strace, disk, tmp_path / "log", FEW)


@pytest.mark.slow
def test_a_refetch_that_is_killed_anywhere_is_run_again_and_ends(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    refetch_killed(strace, disk, tmp_path / "log", MANY)


# -- a disk that is full or fails -------------------------------------------------------------

FAILURES = (("write", "ENOSPC"), ("pwrite64", "ENOSPC"), ("fsync", "EIO"), ("rename", "EIO"),
            ("fdatasync", "EIO"))  # fmt: skip


def restore_failing(strace: str, disk: Disk, log: Path, most: int) -> None:
    arguments = ("restore", disk.late.copy, disk.path, disk.early.keystore, disk.late.identity)
    counts = calls(strace, log, *arguments)
    for call, error in random.sample(FAILURES, 2) if most == FEW else FAILURES:
        for when in sampled(range(1, counts.get(call, 0) + 1), most):
            print(call, error, "at", when, "of", counts[call])
            clear(disk)
            _, said = run(*arguments, strike=striking(strace, call, f"error={error}", str(when)))
            assert said.startswith(("refused", "done")) or (call == "write" and not said)
            if disk.path.exists():
                is_complete(disk.path, disk)
            assert not (disk.home / ".ledger.unfinished").exists()


def test_a_restore_onto_a_full_or_failing_disk_leaves_no_half_of_a_ledger(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    restore_failing(strace, disk, tmp_path / "log", FEW)


@pytest.mark.slow
def test_a_restore_onto_a_disk_that_fails_anywhere_leaves_no_half_of_a_ledger(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    restore_failing(strace, disk, tmp_path / "log", 20)


def refetch_failing(strace: str, disk: Disk, log: Path, most: int) -> None:
    arguments = ("refetch", disk.path, disk.late.copy)
    shutil.copytree(disk.behind, disk.path)
    counts = calls(strace, log, *arguments)
    for call, error in random.sample(FAILURES, 2) if most == FEW else FAILURES:
        for when in sampled(range(1, counts.get(call, 0) + 1), most):
            print(call, error, "at", when, "of", counts[call])
            clear(disk)
            shutil.copytree(disk.behind, disk.path)
            _, said = run(*arguments, strike=striking(strace, call, f"error={error}", str(when)))
            assert said.startswith(("refused", "done")) or (call == "write" and not said)
            if said != "done":
                assert run(*arguments) == (0, "done")
            is_complete(disk.path, disk)


def test_a_refetch_onto_a_full_or_failing_disk_is_said_and_run_again(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    refetch_failing(strace, disk, tmp_path / "log", FEW)


@pytest.mark.slow
def test_a_refetch_onto_a_disk_that_fails_anywhere_is_said_and_run_again(
    strace: str, disk: Disk, tmp_path: Path
) -> None:
    refetch_failing(strace, disk, tmp_path / "log", 20)

"""Promise 6 under fire: an execution struck anywhere is finished, or is not called one.

The process that destroys is killed at the n-th call that touches a disk, or told that the disk is
full or failing: while it overwrites, shreds in the keystore, shreds in a copy of the keystore,
records, or tells of the copy. What it leaves never certifies as destroyed while anything of the
case is left; run again, it ends, and then nothing is.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.effects import keycopies
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.errors import MunimentError, RefusedError, UsageError
from ledger.slots import Slots
from tests.faults.test_crash import ROOT, sampled, striking
from tests.ledger.crews import (
    Crew,
    Site,
    crew_template_fixture,  # noqa: F401  fixtures are found by their names
)
from tests.ledger.tampering import check

CALLS = ("pwrite64", "write", "fdatasync", "fsync", "ftruncate", "rename", "renameat", "unlink",
         "unlinkat")  # fmt: skip
FAILURES = (("pwrite64", "ENOSPC"), ("fdatasync", "EIO"), ("fsync", "EIO"), ("unlinkat", "EIO"),
            ("write", "ENOSPC"))  # fmt: skip
CONTENT = "客户王小明".encode()


class Doomed:
    """An approved case of two contracts: files, objects, a backup of one, a copy of the keys."""

    def __init__(self, crew: Crew, home: Path) -> None:
        self.crew, self.home = crew, home
        with crew.open() as site:
            records = site.ripe_in_vault(home / "合同", 2)
            site.backed_up(home / "备份")
            self.copy = site.keys_backed_up(home / "盘")
            self.case = site.approved(copies_of(site.ledger, records))
            self.items = list(site.state(self.case).items)
            self.keys = [
                event.sealed.key for item in self.items
                for _, _, event, _ in site.ledger.events_of(item) if event.sealed
            ]  # fmt: skip

    def start(self, before: Sequence[str]) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*before, sys.executable, "-m", "tests.faults.destroying", str(self.crew.firm.path),
             self.crew.people["chen"], self.case],
            cwd=ROOT, capture_output=True, check=False, text=True, timeout=120,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def left(self) -> set[str]:
        """What there is still: contents in clear, objects and copies, keys here and in the copy."""
        found = set()
        for name in ("合同", "备份", "ledger"):
            for path in (self.home / name).rglob("*"):
                if path.is_file() and CONTENT in path.read_bytes():
                    found.add("content")
        found |= {"file" for path in (self.home / "合同").rglob("*") if path.is_file()}
        vault = (self.home / "ledger" / "vault").rglob("*")
        found |= {"object" for path in vault if path.is_file()}
        found |= {"backup" for path in (self.home / "备份").rglob("holding-*") if path.is_file()}
        for folder, name in ((self.crew.firm.path / "keystore", "key"), (self.copy.path, "copy")):
            with Slots.at(folder, reading=True) as slots:
                found |= {name for key in self.keys if slots.state(key) == "present"}
        return found

    def certify_as_it_is(self, site: Site) -> str | None:
        """The verdict of whoever reads back and certifies at once; None if the rules refuse."""
        try:
            site.verify(self.case)
            site.certify(self.case)
        except (RefusedError, UsageError):
            return None
        said = certificate(site.ledger, self.case)
        assert said is not None
        return str(said["verdict"])

    def check(self, *, acknowledged: bool) -> None:
        """Nothing half destroyed is called destroyed; run again it ends."""
        hasty = random.random() < 0.5
        with self.crew.open() as site:
            if acknowledged:
                assert site.state(self.case).begun
            if hasty and (verdict := self.certify_as_it_is(site)) is not None:
                left = self.left() - {"copy"}
                assert left == set()
                told = not keycopies.left_of(site.ledger, site.state(self.case).keys)
                assert verdict == ("destroyed" if told else "partial")
                assert not (told and "copy" in self.left())
            else:
                self.end(site)
        report = check(self.crew.firm)
        assert (report.verdict, report.findings) == ("valid", ())

    def end(self, site: Site) -> None:
        with suppress(UsageError):  # no copy on the list is left: it had ended
            done = site.execute(self.case)
            # A name that went before its folder could be flushed: the operator saw it go.
            gone = {fate.holding: "destroyed" for fate in done.fates if fate.cause == "vanished"}
            if gone:
                site.execute(self.case, stated=gone)
        assert self.left() == set()
        assert {result.result for result in site.verify(self.case).results} == {"pass"}
        site.certify(self.case)
        said = certificate(site.ledger, self.case)
        assert said is not None
        assert (said["verdict"], said["key_copies_count"]) == ("destroyed", 0)


@pytest.fixture(scope="session")
def doomed_template(tmp_path_factory: pytest.TempPathFactory, crew_template: Crew) -> Doomed:
    """Prepared once, and kept beside itself: a case knows its files by their paths."""
    home = tmp_path_factory.mktemp("doomed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "now" / "state"))
        shutil.copytree(crew_template.firm.path, home / "now" / "ledger")
        firm = crew_template.firm._replace(path=home / "now" / "ledger")
        doomed = Doomed(crew_template._replace(firm=firm), home / "now")
    shutil.copytree(home / "now", home / "kept")
    return doomed


@pytest.fixture
def doomed(doomed_template: Doomed, monkeypatch: pytest.MonkeyPatch) -> Doomed:
    monkeypatch.setenv("XDG_STATE_HOME", str(doomed_template.home / "state"))
    seed = random.randrange(2**32)
    print("seed", seed)
    random.seed(seed)
    anew(doomed_template)
    return doomed_template


def anew(doomed: Doomed) -> None:
    shutil.rmtree(doomed.home)
    shutil.copytree(doomed.home.with_name("kept"), doomed.home)


def calls_made(strace: str, doomed: Doomed, log: Path) -> dict[str, int]:
    """How many calls of each kind an undisturbed run makes."""
    command = [strace, "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
    assert doomed.start(command).stdout == "executed\n"
    lines = log.read_text(errors="replace").splitlines()
    names = [line.split(maxsplit=1)[1].partition("(")[0] for line in lines]
    return {call: names.count(call) for call in CALLS if call in names}


def test_an_undisturbed_run_leaves_nothing(doomed: Doomed) -> None:
    assert doomed.left() == {"content", "file", "object", "backup", "key", "copy"}
    assert doomed.start(()).stdout == "executed\n"
    assert doomed.left() == set()
    doomed.check(acknowledged=True)


def kill_at_calls(strace: str, doomed: Doomed, log: Path, most: int) -> None:
    counts = calls_made(strace, doomed, log)
    assert {"pwrite64", "fdatasync", "fsync", "rename"} <= set(counts)
    struck = 0
    for call, count in counts.items():
        for when in sampled(range(1, count + 1), most):
            print("kill at", call, when, "of", count)
            anew(doomed)
            done = doomed.start(striking(strace, call, "signal=SIGKILL", str(when)))
            struck += done.returncode == -signal.SIGKILL
            doomed.check(acknowledged="executed" in done.stdout)
    assert struck


def test_an_execution_killed_at_single_system_calls(
    strace: str, doomed: Doomed, tmp_path: Path
) -> None:
    kill_at_calls(strace, doomed, tmp_path / "log", 2)


@pytest.mark.slow
def test_an_execution_killed_at_every_system_call(
    strace: str, doomed: Doomed, tmp_path: Path
) -> None:
    kill_at_calls(strace, doomed, tmp_path / "log", 10_000)


def fail_at_calls(strace: str, doomed: Doomed, log: Path, most: int) -> None:
    counts = calls_made(strace, doomed, log)
    for call, error in FAILURES:
        for when in sampled(range(1, counts.get(call, 0) + 1), most):
            print(call, error, "at", when, "of", counts[call])
            anew(doomed)
            done = doomed.start(striking(strace, call, f"error={error}", str(when)))
            doomed.check(acknowledged="executed" in done.stdout)


def test_a_disk_that_fails_under_an_execution(strace: str, doomed: Doomed, tmp_path: Path) -> None:
    fail_at_calls(strace, doomed, tmp_path / "log", 1)


@pytest.mark.slow
def test_a_disk_that_fails_at_every_call_under_an_execution(
    strace: str, doomed: Doomed, tmp_path: Path
) -> None:
    fail_at_calls(strace, doomed, tmp_path / "log", 10_000)


def test_a_copy_whose_disk_is_full_is_not_called_cleared(
    doomed: Doomed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shredding in the copy fails, everything else is done: the verdict is partial."""
    real = Slots.shred

    def fail(slots: Slots, *keys: str) -> None:
        if type(slots) is Slots:
            raise MunimentError("the keystore cannot be written")
        real(slots, *keys)

    with doomed.crew.open() as site:
        with monkeypatch.context() as patch:
            patch.setattr(Slots, "shred", fail)
            done = site.execute(doomed.case)
        assert done.key_copies == ((), (doomed.copy.copy,))
        assert doomed.left() == {"copy"}
        assert doomed.certify_as_it_is(site) == "partial"

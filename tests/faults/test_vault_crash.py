"""Promise 3 in the vault: whatever strikes `collect --vault`, what it said is kept can be read.

The program itself is struck: killed at the n-th call that touches the disk, or told that the disk
is full or failing, or put on a disk that is too small. What it acknowledged must be in the vault,
whole; every object that an event names must open; nothing may lie anywhere in clear; and the same
call, given again, brings in the rest.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from domain.record import RecordState
from ledger.collecting import Collected, Terms, collect
from ledger.effects import vaulting
from ledger.effects.places import place_of, plain
from ledger.folder import Folder
from ledger.stream import CHUNK_BYTES
from ledger.vault import Vault
from ledger.verification.stored import verify_folder
from tests.faults.test_crash import sampled, striking
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm

CALLS = ("pwrite64", "write", "fdatasync", "fsync", "syncfs", "ftruncate", "rename", "renameat",
         "unlink", "mkdir", "mkdirat")  # fmt: skip
FAILURES = (("syncfs", "EIO"), ("write", "ENOSPC"), ("renameat", "EIO"), ("mkdirat", "ENOSPC"),
            ("pwrite64", "ENOSPC"), ("fdatasync", "EIO"))  # fmt: skip
SMALL = 12
WORDS = "门钥匙在三号柜".encode()


class Storing:
    """A ledger, the files that were given to it, and what it said of them."""

    def __init__(self, firm: Firm, home: Path) -> None:
        self.firm, self.home = firm, home
        self.desk = Desk(firm, home)
        self.contents: dict[str, bytes] = {}
        self.acknowledged: dict[str, str] = {}  # record to path
        self.runs = 0
        self.pristine = home / "pristine"
        shutil.copytree(firm.path, self.pristine)

    def begin_again(self) -> None:
        """The ledger as it was at first, unknown to any pin: what is checked grows every time."""
        shutil.rmtree(self.home / "state")
        path = self.home / f"ledger{self.runs}"
        shutil.copytree(self.pristine, path)
        self.firm = self.firm._replace(path=path)
        self.desk = Desk(self.firm, self.home)
        self.acknowledged.clear()

    def more(self, big: int = 3) -> Path:
        """A folder that was not given to it before: small files, a big one, a table."""
        self.runs += 1
        folder = self.home / f"批次{self.runs}"
        folder.mkdir()
        for number in range(SMALL):
            (folder / f"{number}.txt").write_bytes(WORDS * (number + self.runs))
        (folder / "big.bin").write_bytes((WORDS * big * CHUNK_BYTES)[: big * CHUNK_BYTES + 99])
        (folder / "table.csv").write_bytes(b"id,name\n" + b"".join(
            b"%d,%s\n" % (n, WORDS) for n in range(5)
        ))  # fmt: skip
        self.contents |= {str(file): file.read_bytes() for file in folder.iterdir()}
        return folder

    def start(
        self, before: Sequence[str], folder: Path, prepare: Callable[[], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`muniment collect --vault`, struck."""
        done = subprocess.run(
            [*before, sys.executable, "-m", "ledger.cli", "--json", "collect", str(folder),
             "--category", "contract", "--basis", "pipl_13_2_contract", "--source", "店主",
             "--notice", "N-1", "--rows", "--shared-key", "--vault"],
            env={**self.desk.program_environment, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, check=False, text=True, timeout=120, preexec_fn=prepare,
        )  # fmt: skip
        self.hear(done.stdout)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def hear(self, out: str) -> None:
        for line in out.rpartition("\n")[0].splitlines():
            said = json.loads(line)
            if said["message_type"] == "record":
                self.acknowledged[said["record"]] = said["path"]

    def check(self) -> None:
        """Everything that was acknowledged is in the vault, and nothing is half there."""
        with self.firm.open(wait=10) as ledger:
            with ledger.engine.connect() as connection:
                known = {c.made_from: c for c in vaulting.encrypted_copies(connection)}
            originals: dict[str, str] = {}
            for record, path in self.acknowledged.items():
                state = ledger.state(record)
                assert isinstance(state, RecordState)
                originals[state.holdings[0]] = path
            for original, path in originals.items():
                if original in known:
                    copy = place_of(ledger, known[original].holding)
                    assert b"".join(plain(ledger, copy)) == self.contents[path]
                else:
                    assert path.endswith("table.csv")  # its rows are in, its copy was to follow
            found = vaulting.check(ledger, read_data=True)
            assert found.failed == []
        for file in self.firm.path.rglob("*"):
            assert not file.is_file() or WORDS not in file.read_bytes(), file.name
        report = verify_folder(Folder(self.firm.path))
        assert report.verdict == "valid", report.findings

    def ends_well(self, folder: Path) -> None:
        """Given again, the same call takes the rest in; then everything of it is in the vault."""
        done = self.start((), folder)
        assert done.returncode == 0, done.stderr
        assert not list((self.firm.path / "vault").glob(".*.tmp"))
        said = {path for path in self.acknowledged.values() if path.startswith(str(folder))}
        assert said <= {str(file) for file in folder.iterdir()}
        self.check()


@pytest.fixture
def storing(firm: Firm, tmp_path: Path) -> Storing:
    return Storing(firm, tmp_path)


def calls_made(strace: str, storing: Storing, log: Path) -> dict[str, int]:
    """How many calls of each kind an undisturbed run makes."""
    command = [strace, "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
    done = storing.start(command, storing.more())
    assert done.returncode == 0, done.stderr
    lines = log.read_text(errors="replace").splitlines()
    names = [line.split(maxsplit=1)[1].partition("(")[0] for line in lines]
    return {call: names.count(call) for call in CALLS if call in names}


def test_an_object_is_on_the_disk_before_the_event_that_names_it(
    strace: str,
    storing: Storing,
    tmp_path: Path,
) -> None:
    """What a killed process cannot show: a power cut must not take what the ledger names."""
    log = tmp_path / "log"
    command = [strace, "-f", "-qq", "-y", "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
    assert storing.start(command, storing.more()).returncode == 0
    named = flushed = 0
    for line in log.read_text(errors="replace").splitlines():
        call = line.split(maxsplit=1)[1]
        if call.startswith("renameat"):
            named, flushed = named + 1, 0
        elif call.startswith(("syncfs", "fsync")) and "/vault" in call:
            flushed += 1
        elif call.startswith("fdatasync") and "ledger.db-wal" in call and named:
            assert flushed, "the commit came before its objects were flushed"
    assert named == SMALL + 2


def kill_at_calls(strace: str, storing: Storing, log: Path, most: int) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    random.seed(seed)
    counts = calls_made(strace, storing, log)
    assert {"write", "syncfs", "renameat", "pwrite64", "fdatasync"} <= set(counts)
    storing.check()
    struck = 0
    for call in counts if most > 1 else random.sample(sorted(counts), 5):
        count = counts[call]
        for when in sampled(range(1, count + 1), most):
            print("kill at", call, when, "of", count)
            folder = storing.more()
            done = storing.start(striking(strace, call, "signal=SIGKILL", str(when)), folder)
            if done.returncode == -signal.SIGKILL:
                struck += 1
                storing.check()
                storing.ends_well(folder)
            if storing.runs % 12 == 0:
                storing.begin_again()
    assert struck


def test_a_run_killed_at_single_system_calls_loses_nothing(
    strace: str,
    storing: Storing,
    tmp_path: Path,
) -> None:
    kill_at_calls(strace, storing, tmp_path / "log", 1)


@pytest.mark.slow
def test_a_run_killed_at_every_system_call_loses_nothing(
    strace: str,
    storing: Storing,
    tmp_path: Path,
) -> None:
    kill_at_calls(strace, storing, tmp_path / "log", 10_000)


def fail_at_calls(strace: str, storing: Storing, log: Path, most: int) -> None:
    counts = calls_made(strace, storing, log)
    said: list[str] = []
    for call, error in FAILURES if most > 1 else (FAILURES[0], random.choice(FAILURES[1:])):
        for when in sampled(range(1, counts.get(call, 0) + 1), most):
            for ever in ("", "+") if most > 1 else (random.choice(("", "+")),):
                print(call, error, "at", f"{when}{ever}", "of", counts[call])
                folder = storing.more()
                strike = striking(strace, call, f"error={error}", f"{when}{ever}")
                done = storing.start(strike, folder)
                said += [done.stderr] if done.returncode and call != "write" else []
                storing.check()
                storing.ends_well(folder)
                if storing.runs % 12 == 0:
                    storing.begin_again()
    assert all("cannot be written" in text for text in said), said  # of `write`, stdout may fail


def test_a_disk_that_is_full_or_failing_leaves_nothing_half_written_that_counts(
    strace: str,
    storing: Storing,
    tmp_path: Path,
) -> None:
    fail_at_calls(strace, storing, tmp_path / "log", 1)


@pytest.mark.slow
def test_a_disk_that_fails_at_many_calls_leaves_nothing_half_written_that_counts(
    strace: str,
    storing: Storing,
    tmp_path: Path,
) -> None:
    fail_at_calls(strace, storing, tmp_path / "log", 20)


# -- a disk that is too small -------------------------------------------------------------------


@pytest.fixture
def tight(firm: Firm, tmp_path: Path) -> Iterator[Storing]:
    """A ledger on a disk of its own with 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here: a full disk is NOT tested")
    try:
        shutil.copytree(firm.path, disk / "ledger")
        yield Storing(firm._replace(path=disk / "ledger"), tmp_path)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_runs_full_keeps_what_it_had_and_takes_the_rest_when_there_is_room(
    tight: Storing,
) -> None:
    folder = tight.more(big=9)
    for _ in range(3):
        done = tight.start((), folder)
        assert done.returncode == 1
        assert "cannot be written" in done.stderr
        tight.check()
    disk = str(tight.firm.path.parent)
    subprocess.run(["mount", "-o", "remount,size=96m", disk], check=True)
    tight.ends_well(folder)
    assert len({p for p in tight.acknowledged.values() if p.startswith(str(folder))}) == SMALL + 2


def test_a_file_that_may_not_grow_further_is_no_object(storing: Storing) -> None:
    """As under a quota: the system takes the first part of a big object, and no more."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * CHUNK_BYTES, 2 * CHUNK_BYTES))

    folder = storing.more()
    done = storing.start((), folder, limited)
    assert done.returncode == 1
    assert "the vault cannot be written" in done.stderr
    assert not list((storing.firm.path / "vault").glob(".*.tmp"))
    storing.check()
    storing.ends_well(folder)


def test_a_process_killed_at_random_moments_loses_nothing(storing: Storing) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    struck = 0
    for _ in range(4):
        folder = storing.more()
        child = os.fork()
        if child == 0:
            try:
                with storing.firm.open() as ledger:
                    about = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine(),
                                  vault="ssd")  # fmt: skip
                    acting = ledger.acting(storing.firm.founded.actor)
                    for one in collect(ledger, acting, [folder], about):
                        assert isinstance(one, Collected)
            finally:
                os._exit(0)
        signal.sigtimedwait([], dice.random() * 0.08)
        os.kill(child, signal.SIGKILL)
        struck += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        storing.check()
        storing.ends_well(folder)
    assert struck
    assert not [s for s in Vault(storing.firm.path).strays(lambda _: True) if not s.object]

"""Promise 3: a killed process or a full disk, at any system call, loses no acknowledged act.

A child process acts and says what was acknowledged; it is killed, or its system calls fail, and
what it leaves must open, hold every acknowledged act, verify, and take further acts. `strace`
strikes at the n-th call of a kind; each strike hits the ledger that the last one left.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from ledger import rebuild
from ledger.folder import Folder
from ledger.tree import StoredTree
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import Firm, buyer, small_act

ROOT = Path(__file__).parent.parent.parent
WRITES = ("pwrite64", "write", "fdatasync", "fsync", "ftruncate", "rename", "unlink")
FAILURES = (("pwrite64", "ENOSPC"), ("write", "ENOSPC"), ("fdatasync", "EIO"),
            ("ftruncate", "ENOSPC"), ("rename", "EIO"))  # fmt: skip
ACTS = 8  # each kind twice


class Crashing:
    """A ledger, what was acknowledged on it so far, and how to strike the process that writes."""

    def __init__(self, firm: Firm, files: Path) -> None:
        self.firm, self.files = firm, files
        self.acts = 0
        self.acknowledged: list[tuple[int, int, str]] = []  # first position, events, digest
        self.positions: set[int] = set()
        self.checkpoints: set[str] = set()
        self.refusals: list[str] = []

    def command(self, count: int) -> list[str]:
        self.acts += 100
        arguments = (self.firm.path, self.firm.founded.actor, self.acts, count, self.files)
        return [sys.executable, "-m", "tests.faults.acting", *map(str, arguments)]

    def start(self, strike: Sequence[str], count: int) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(
            [*strike, *self.command(count)], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def hear(self, out: str) -> list[str]:
        """Take down what a child said; an unfinished line was not said."""
        lines = out.rpartition("\n")[0].split("\n")
        for word, _, rest in (line.partition(" ") for line in lines):
            if word == "ack":
                _, first, count, digest = rest.split()
                self.acknowledged.append((int(first), int(count), digest))
            elif word == "collected":
                self.positions |= set(map(int, rest.split()))
            elif word == "checkpoint":
                self.checkpoints.add(rest)
            elif word == "refused":
                self.refusals.append(rest)
        return [line.partition(" ")[0] for line in lines]

    def check(self) -> None:
        """Everything acknowledged is there, everything there verifies, and writing goes on."""
        with self.firm.open(wait=10) as ledger:
            with ledger.engine.connect() as connection:
                rows = connection.exec_driver_sql("SELECT position, state FROM events").all()
                notes = connection.exec_driver_sql("SELECT note FROM checkpoints").scalars()
                states: dict[int, bytes] = {position: state for position, state in rows}  # noqa: C416
                assert sorted(states) == list(range(1, StoredTree(connection).head.events + 1))
                assert self.checkpoints <= {sha256(note).hexdigest() for note in notes}
                assert rebuild.check(connection) == []
            for first, count, digest in self.acknowledged:
                events = b"".join(states[at] for at in range(first, first + count))
                assert sha256(events).hexdigest() == digest
            assert self.positions <= set(states)
            admin = ledger.acting(self.firm.founded.actor)
            receipt = ledger.act(admin, [buyer(), small_act(self.acts + 99)])
            assert ledger.unseal(receipt.first, receipt.events[0]) == {"name": "买方公司"}
        report = verify_folder(Folder(self.firm.path))
        assert report.verdict == "valid", report.findings


@pytest.fixture
def crashing(firm: Firm, tmp_path: Path) -> Crashing:
    return Crashing(firm, tmp_path / "files")


# -- killed at random moments -------------------------------------------------------------------


def kill_at_random(crashing: Crashing, rounds: int) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    for _ in range(rounds):
        child = crashing.start((), 100_000)
        assert child.stdout is not None
        said = child.stdout.readline()
        assert said == "open\n", child.communicate()
        first = child.stdout.readline()  # one acknowledgement at least, however slow the machine
        time.sleep(dice.random() * 0.15)
        child.send_signal(signal.SIGKILL)
        out, errors = child.communicate()
        assert errors == ""
        crashing.hear(first + out)
        crashing.check()
    assert crashing.acknowledged


def test_a_process_killed_at_random_moments_loses_nothing(crashing: Crashing) -> None:
    kill_at_random(crashing, 3)


@pytest.mark.slow
def test_a_process_killed_at_many_random_moments_loses_nothing(crashing: Crashing) -> None:
    kill_at_random(crashing, 60)


# -- struck at the n-th system call -------------------------------------------------------------


@pytest.fixture(scope="session")
def strace() -> str:
    """The tracer, if it is there and may trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed: crashes at single system calls are NOT tested")
    tried = subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("strace may not trace here: crashes at single system calls are NOT tested")
    return found


def striking(strace: str, call: str, effect: str, when: str) -> list[str]:
    return [strace, "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}",
            "-e", f"inject={call}:{effect}:when={when}"]  # fmt: skip


def calls_made(strace: str, crashing: Crashing, log: Path) -> dict[str, int]:
    """How many calls of each kind an undisturbed run makes."""
    command = [strace, "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(WRITES)}"]
    out, errors = crashing.start(command, ACTS).communicate()
    assert errors == ""
    assert crashing.hear(out)[-1] == "closed"
    lines = log.read_text(errors="replace").splitlines()
    names = [line.split(maxsplit=1)[1].partition("(")[0] for line in lines]
    return {call: names.count(call) for call in WRITES if call in names}


def test_nothing_is_acknowledged_before_it_is_flushed(
    strace: str, crashing: Crashing, tmp_path: Path
) -> None:
    """What a killed process cannot show: without the flush a power cut would take the act back."""
    calls_made(strace, crashing, tmp_path / "log")
    flushed = False
    for line in (tmp_path / "log").read_text(errors="replace").splitlines():
        call = line.split(maxsplit=1)[1]
        flushed |= call.startswith("fdatasync")
        if call.startswith(('write(1, "ack', 'write(1, "collected', 'write(1, "checkpoint')):
            assert flushed, call
            flushed = False
    assert len(crashing.acknowledged) == ACTS / 2


def sampled(numbers: Sequence[int], most: int) -> Iterator[int]:
    """At most so many of the numbers: one drawn from each of equal parts."""
    parts = min(most, len(numbers))
    for part in range(parts):
        low, high = len(numbers) * part // parts, len(numbers) * (part + 1) // parts
        yield numbers[random.randrange(low, high)]


def kill_at_calls(strace: str, crashing: Crashing, log: Path, most: int) -> None:
    counts = calls_made(strace, crashing, log)
    assert {"pwrite64", "fdatasync", "rename"} <= set(counts)
    crashing.check()
    struck = 0
    for call, count in counts.items():
        for when in sampled(range(1, count + 1), most):
            print("kill at", call, when, "of", count)
            strike = striking(strace, call, "signal=SIGKILL", str(when))
            child = crashing.start(strike, ACTS)
            out, errors = child.communicate()
            assert "Traceback" not in errors
            struck += child.returncode == -signal.SIGKILL
            crashing.hear(out)
            crashing.check()
    assert struck


def test_a_process_killed_at_single_system_calls_loses_nothing(
    strace: str, crashing: Crashing, tmp_path: Path
) -> None:
    kill_at_calls(strace, crashing, tmp_path / "log", 1)


@pytest.mark.slow
def test_a_process_killed_at_every_system_call_loses_nothing(
    strace: str, crashing: Crashing, tmp_path: Path
) -> None:
    kill_at_calls(strace, crashing, tmp_path / "log", 10_000)


def fail_at(strace: str, crashing: Crashing, failure: tuple[str, str], when: str) -> None:
    call, error = failure
    strike = striking(strace, call, f"error={error}", when)
    out, errors = crashing.start(strike, ACTS).communicate()
    said = crashing.hear(out)
    if call != "write":  # else it may be this very saying that fails
        assert errors == ""
        assert said[-1] == "closed"
    crashing.check()


def fail_at_calls(strace: str, crashing: Crashing, log: Path, most: int) -> None:
    counts = calls_made(strace, crashing, log)
    for call, error in FAILURES:
        for when in sampled(range(1, counts.get(call, 0) + 1), most):
            print(call, error, "at", when, "of", counts[call])
            fail_at(strace, crashing, (call, error), str(when))
            if call != "write" and (most > 1 or random.randrange(2)):
                fail_at(strace, crashing, (call, error), f"{when}+")  # and ever after
    assert crashing.refusals
    for refusal in crashing.refusals:
        assert "cannot be" in refusal, refusal


def test_a_disk_that_is_full_or_failing_is_said_clearly_and_loses_nothing(
    strace: str, crashing: Crashing, tmp_path: Path
) -> None:
    fail_at_calls(strace, crashing, tmp_path / "log", 1)


@pytest.mark.slow
def test_a_disk_that_fails_at_many_calls_loses_nothing(
    strace: str, crashing: Crashing, tmp_path: Path
) -> None:
    fail_at_calls(strace, crashing, tmp_path / "log", 40)

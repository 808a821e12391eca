"""A witness that is killed, or whose disk fails, at any system call: it signs one history only.

A child process cosigns one of two histories; it is struck at the n-th call of a kind. Whatever it
said before is on the disk: the witness that is opened next continues that history and no other.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger.tlog.checkpoint import Checkpoint, verify_line
from ledger.tlog.note import SignatureLine
from ledger.witness import Witness
from tests.faults.test_crash import sampled, striking
from tests.ledger.witnesses import Log, make_witness, opened

ROOT = Path(__file__).parent.parent.parent
CALLS = ("write", "fsync", "rename", "openat", "flock", "mkdir", "unlink")
FAILURES = (("write", "ENOSPC"), ("fsync", "EIO"), ("rename", "EIO"), ("openat", "EMFILE"),
            ("mkdir", "ENOSPC"), ("flock", "ENOLCK"))  # fmt: skip
SIZE = 5
ROUNDS = 3


def histories(number: int) -> tuple[Log, Log]:
    """Two histories of a log that share five leaves, each `ROUNDS` leaves longer."""
    log = Log(f"crash.example/{number}", SIZE)
    return log.fork(SIZE, ROUNDS, b"one"), log.fork(SIZE, ROUNDS, b"two")


def child(folder: str, number: str, which: str) -> None:
    """What the struck process does: cosign a history leaf by leaf, and say each cosignature."""
    from ledger.errors import MunimentError

    log = histories(int(number))[int(which)]
    witness = opened(Path(folder))
    print("ready", flush=True)
    for size in range(SIZE, SIZE + ROUNDS + 1):
        try:
            answer = witness.answer(log.request(max(size - 1, SIZE) if size > SIZE else 0, size))
        except MunimentError as error:
            print("refused", error, flush=True)
            continue
        line = answer.lines.decode().removesuffix("\n")
        print("answer", answer.status, size, line, flush=True)
    print("closed", flush=True)


class Struck:
    """A witness, and the process that is struck while it cosigns."""

    def __init__(self, home: Path) -> None:
        self.home = home
        make_witness(home / "witness")
        self.number = 0

    def fresh(self) -> tuple[Log, Log]:
        """A log that the witness has cosigned nothing of."""
        self.number += 1
        pair = histories(self.number)
        opened(self.home / "witness").folder.trust(pair[0].vkey)
        return pair

    def run(self, strike: Sequence[str], which: int = 0) -> tuple[int, str, str]:
        code = "import sys; from tests.faults.test_witness_crash import child; child(*sys.argv[1:])"
        arguments = (str(self.home / "witness"), str(self.number), str(which))
        process = subprocess.Popen(
            [*strike, sys.executable, "-c", code, *arguments], cwd=ROOT, text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, errors = process.communicate(timeout=120)
        return process.returncode, out, errors

    def check(self, said: str, pair: tuple[Log, Log]) -> list[Checkpoint]:
        """What was said is the history that goes on; the other one is refused from there."""
        witness = opened(self.home / "witness")
        heads = heard(said, pair[0], witness)
        last = witness.folder.last(pair[0].origin)
        known = last.head if last else Checkpoint(pair[0].origin, 0, Log().head().root)
        assert all(head.size <= known.size for head in heads), "what was said is not kept"
        assert all(pair[0].head(head.size) == head for head in heads)
        if known.size > SIZE:
            other = pair[1].request(min(known.size, SIZE + ROUNDS))
            assert witness.answer(other).status == 422
        assert witness.answer(pair[0].request(known.size)).status == 200
        assert witness.answer(pair[1].request(SIZE + ROUNDS)).status == 422
        return heads


def heard(said: str, log: Log, witness: Witness) -> list[Checkpoint]:
    """The heads whose cosignature got out, verified; an unfinished line was not said."""
    heads = []
    for line in said.rpartition("\n")[0].split("\n"):
        word, _, rest = line.partition(" ")
        if word == "answer" and rest.startswith("200 "):
            _status, size, text = rest.split(" ", 2)
            head = log.head(int(size))
            verify_line(head, witness.folder.key, SignatureLine.parse(text))
            heads.append(head)
    return heads


@pytest.fixture
def struck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Struck:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Struck(tmp_path)


def calls_made(strace: str, struck: Struck, log: Path) -> dict[str, range]:
    """Which calls of each kind an undisturbed run makes after it is ready, by number."""
    pair = struck.fresh()
    trace = [strace, "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(CALLS)}"]
    status, out, errors = struck.run(trace)
    assert (status, errors) == (0, "")
    assert len(struck.check(out, pair)) == ROUNDS + 1
    before, after = dict.fromkeys(CALLS, 0), dict.fromkeys(CALLS, 0)
    counts = before
    for line in log.read_text(errors="replace").splitlines():
        call = line.split(maxsplit=1)[1]
        name = call.partition("(")[0]
        if name in counts:
            counts[name] += 1
        if call.startswith('write(1, "ready'):
            counts = after
    return {name: range(before[name] + 1, before[name] + after[name] + 1) for name in CALLS}


def test_no_cosignature_leaves_before_both_files_are_flushed(
    strace: str, struck: Struck, tmp_path: Path
) -> None:
    """What a killed process cannot show: a power cut would take back what was said."""
    calls_made(strace, struck, tmp_path / "log")
    flushed = renamed = 0
    answers = 0
    for line in (tmp_path / "log").read_text(errors="replace").splitlines():
        call = line.split(maxsplit=1)[1]
        flushed += call.startswith("fsync(")
        renamed += call.startswith("rename(")
        if call.startswith('write(1, "ready'):
            flushed = renamed = 0
        if call.startswith('write(1, "answer'):
            assert (flushed >= 4, renamed) == (True, 2), call  # two files, and their folders
            flushed = renamed = 0
            answers += 1
    assert answers == ROUNDS + 1


def kill_at_calls(strace: str, struck: Struck, log: Path, most: int) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    random.seed(seed)
    killed = 0
    for call, numbers in calls_made(strace, struck, log).items():
        if most == 1 and call not in ("write", "fsync", "rename"):
            continue
        for when in sampled(numbers, most):
            print("kill at", call, when, "of", numbers)
            pair = struck.fresh()
            status, out, errors = struck.run(striking(strace, call, "signal=SIGKILL", str(when)))
            assert "Traceback" not in errors
            killed += status == -signal.SIGKILL
            struck.check(out, pair)
    assert killed


def test_a_witness_killed_at_single_system_calls_signs_one_history(
    strace: str, struck: Struck, tmp_path: Path
) -> None:
    kill_at_calls(strace, struck, tmp_path / "log", 1)


@pytest.mark.slow
def test_a_witness_killed_at_every_system_call_signs_one_history(
    strace: str, struck: Struck, tmp_path: Path
) -> None:
    kill_at_calls(strace, struck, tmp_path / "log", 10_000)


def fail_at_calls(strace: str, struck: Struck, log: Path, most: int) -> None:
    ranges = calls_made(strace, struck, log)
    refused = 0
    for call, error in FAILURES if most > 1 else FAILURES[:3]:  # some of them, or all
        for when in sampled(ranges[call], most):
            both = ("", "+") if most > 1 else (random.choice(("", "+")),)
            for suffix in both if call not in ("write", "openat") else ("",):
                print(call, error, "at", when, suffix)
                pair = struck.fresh()
                strike = striking(strace, call, f"error={error}", f"{when}{suffix}")
                _status, out, errors = struck.run(strike)
                if call not in ("write", "openat"):
                    assert errors == ""
                refused += out.count("refused")
                struck.check(out, pair)
    assert refused


def test_a_disk_that_fails_lets_no_cosignature_out_that_is_not_kept(
    strace: str, struck: Struck, tmp_path: Path
) -> None:
    fail_at_calls(strace, struck, tmp_path / "log", 1)


@pytest.mark.slow
def test_a_disk_that_fails_at_many_calls_lets_none_out(
    strace: str, struck: Struck, tmp_path: Path
) -> None:
    fail_at_calls(strace, struck, tmp_path / "log", 16)

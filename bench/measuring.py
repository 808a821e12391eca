"""How things are measured: side by side, interleaved, the median of at least three.

A *run* is a function that does its work once and returns a rate (per second) or how long it took.
The runs of one comparison take turns within each round, so that a slow minute of the machine hits
them all.
Flushes are counted, and slowed to 2 ms each, with strace on a program of its own
(`python -m bench.child`), because a disk's own flush time swings thirtyfold between runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
FLUSH_SECONDS = 0.002
_FLUSHES = "trace=fdatasync,fsync"
_CALL = re.compile(r"\b(?:fdatasync|fsync)\(")
_numbers = count()

Run = Callable[[], float]


class Size(NamedTuple):
    """How much each measurement does.

    `young`, `grown`: events of the two ledgers that are compared; `new`: events since a pinned
    checkpoint; `appended`: rows added a round; `questions`: how often each is asked;
    `files`: small ones that go into the vault.
    """

    rounds: int
    acts: int
    slow_acts: int
    rows: int
    peer_rows: int
    commits: int
    young: int
    grown: int
    new: int
    appended: int
    questions: int
    files: int


FULL: Final = Size(
    rounds=3, acts=400, slow_acts=200, rows=40_000, peer_rows=10_000, commits=2_000,
    young=10_000, grown=1_000_000, new=10_000, appended=9_960, questions=500,
    files=100_000,
)  # fmt: skip
QUICK: Final = Size(
    rounds=3, acts=100, slow_acts=60, rows=8_000, peer_rows=3_000, commits=400,
    young=10_000, grown=50_000, new=2_000, appended=4_980, questions=100,
    files=5_000,
)  # fmt: skip


class Result(NamedTuple):
    """A row of the table and of `results.json`.

    `value` is None where the row could not be measured (`measure` says why); `peer_value`: the
    peer's in the same run and unit; `ratio`: value / peer_value; `met`: None without a target.
    """

    id: str
    measure: str
    value: float | None
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


def result(
    promise: str,
    measure: str,
    value: float,
    unit: str,
    *,
    peer: tuple[str, float] | None = None,
    least: float | None = None,
    most: float | None = None,
    ratio: float | None = None,
    most_ratio: float | None = None,
) -> Result:
    """A row and its target.

    `least`, `most` bound the value; `ratio`, `most_ratio` bound value / peer, the first from below.
    """
    bounds: dict[str, bool] = {}
    if least is not None:
        bounds[f">= {least:,g}"] = value >= least
    if most is not None:
        bounds[f"<= {most:,g}"] = value <= most
    if peer is None:
        name, peer_value, actual = "", None, None
    else:
        (name, peer_value), actual = peer, value / peer[1]
        if ratio is not None:
            bounds[f">= {ratio:g} x peer"] = actual >= ratio
        if most_ratio is not None:
            bounds[f"<= {most_ratio:g} x peer"] = actual <= most_ratio
    return Result(
        promise, measure, value, unit, name, peer_value, actual,
        " and ".join(bounds), all(bounds.values()) if bounds else None,
    )  # fmt: skip


def skipped(promise: str, measure: str, why: str, target: str = "") -> Result:
    """A row that says by name what was not measured."""
    return Result(promise, f"{measure}: {why}", None, "", target=target)


def interleaved(runs: Mapping[str, Run], rounds: int) -> dict[str, float]:
    """The median of what each run returns; in every round each takes its turn."""
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            rates[name].append(run())
    return {name: median(found) for name, found in rates.items()}


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A new folder under `bench/work`, gone afterwards."""
    path = WORK / f"{name}-{next(_numbers)}-{os.getpid()}"
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def rate(work: Callable[[], int]) -> float:
    """How many of what `work` counts it does in a second."""
    start = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - start)


def flush_probe(times: int = 200) -> float:
    """Writes of 4 KiB with a flush each, per second: what this disk allows at this moment."""
    with folder("probe") as path:
        descriptor = os.open(path / "probe", os.O_RDWR | os.O_CREAT, 0o600)
        try:

            def work() -> int:
                for at in range(times):
                    os.pwrite(descriptor, bytes(4096), at * 4096)
                    os.fdatasync(descriptor)
                return times

            return rate(work)
        finally:
            os.close(descriptor)


def strace_works() -> bool:
    """Whether flushes can be counted and slowed here."""
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-f", "--seccomp-bpf", "-e", _FLUSHES, "-o", os.devnull, "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def slowed(workload: str, times: int) -> float:
    """The rate of a workload in a program of its own whose every flush takes 2 ms longer."""
    delay = f"inject=fdatasync,fsync:delay_enter={int(FLUSH_SECONDS * 1e6)}"
    strace = ["strace", "-f", "--seccomp-bpf", "-e", _FLUSHES, "-e", delay, "-o", os.devnull]
    return _child(strace, workload, times)


def flushes(workload: str, times: int) -> int:
    """How many flushes a program makes that runs the workload so often and nothing else."""
    with folder("strace") as path:
        log = path / "log"
        _child(["strace", "-f", "--seccomp-bpf", "-e", _FLUSHES, "-o", str(log)], workload, times)
        return len(_CALL.findall(log.read_text(errors="replace")))


def _child(before: list[str], workload: str, times: int) -> float:
    command = [*before, sys.executable, "-m", "bench.child", workload, str(times)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=HERE.parent)
    return float(json.loads(done.stdout)["rate"])

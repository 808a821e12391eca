"""Work in parts: in order, wherever it runs, and nothing left behind however it ends."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from operator import neg
from pathlib import Path

import pytest

from ledger.errors import (
    EncodingError,
    LockedError,
    MunimentError,
    RefusedError,
    UsageError,
    VerificationError,
)
from ledger.parallel import Executor, cores, in_order, jobs, processes, serial


@pytest.fixture(scope="module")
def two() -> Iterator[Executor]:
    with processes(2) as executor:
        yield executor


def slowly(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def refuse(number: int) -> int:
    raise EncodingError("too_large", f"number {number} is refused")


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def who(_: int) -> int:
    return os.getpid()


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 50])
def test_results_come_in_the_order_of_the_tasks(two: Executor, count: int) -> None:
    tasks = range(count)
    assert [*in_order(two, neg, tasks)] == [*in_order(serial(), neg, tasks)] == [*map(neg, tasks)]


def deaf(_: int) -> tuple[int, bool]:
    time.sleep(0.2)
    return os.getpid(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_ctrl_c_is_for_the_program_and_not_for_its_processes(two: Executor) -> None:
    found: list[tuple[int, bool]] = []
    until = time.monotonic() + 60  # the second may still be starting while the first does it all
    while len({process for process, _ in found}) < 2 and time.monotonic() < until:
        found += in_order(two, deaf, range(4))
    assert len({process for process, _ in found}) == 2
    assert {heard for _, heard in found} == {True}


def test_a_slow_part_does_not_let_later_ones_overtake_it(two: Executor) -> None:
    seconds = [0.2, 0.0, 0.05, 0.0]
    assert [*in_order(two, slowly, seconds)] == seconds


def test_no_more_is_handed_in_than_is_soon_taken(two: Executor) -> None:
    tasks = iter(range(1000))
    results = in_order(two, neg, tasks)
    assert next(results) == 0
    assert next(tasks) == 4


def test_serial_work_is_done_when_its_result_is_asked_for() -> None:
    done: list[int] = []
    waiting = serial().submit(done.append, 1)
    assert done == []
    waiting.result()
    assert done == [1]


def test_an_error_arrives_as_it_was_raised(two: Executor) -> None:
    with pytest.raises(EncodingError, match="number 7 is refused") as raised:
        two.submit(refuse, 7).result()
    assert raised.value.code == "too_large"
    assert two.submit(neg, 1).result() == -1  # the pool works on


@pytest.mark.parametrize(
    "error",
    [
        UsageError("there is no actor {actor}", "muniment actor list", actor="actor-7"),
        EncodingError("float", "a number has a fraction"),
        RefusedError("not permitted", "ask {who}", ("I-28",), who="two"),
        LockedError("another process writes"),
    ],
)
def test_an_error_survives_the_way_between_processes(error: MunimentError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_a_killed_process_is_an_error_and_no_wait() -> None:
    before = multiprocessing.active_children()
    with (
        pytest.raises(MunimentError, match="ended without an answer") as raised,
        processes(2) as executor,
    ):
        list(in_order(executor, die, range(5)))
    assert raised.value.exit_code == 1
    assert "--jobs 1" in raised.value.remedy
    assert {*multiprocessing.active_children()} <= {*before}


def interrupted(executor: Executor) -> None:
    executor.submit(who, 0).result()  # it has begun
    for _ in range(3):
        executor.submit(slowly, 60)
    time.sleep(0.3)
    raise KeyboardInterrupt


def test_an_interruption_ends_the_processes_at_once() -> None:
    before, start = multiprocessing.active_children(), time.monotonic()
    with pytest.raises(KeyboardInterrupt), processes(2) as executor:
        interrupted(executor)
    assert time.monotonic() - start < 20
    assert {*multiprocessing.active_children()} <= {*before}


PROGRAM = """
    import os, sys, time
    from ledger.parallel import processes
    from tests.ledger.test_parallel import slowly, who

    if __name__ == "__main__":
        with processes(2) as executor:
            print(executor.submit(who, 0).result(), flush=True)
            executor.submit(slowly, 60)
            executor.submit(slowly, 60).result()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_program_ends_its_processes_end(tmp_path: Path, how: signal.Signals) -> None:
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(PROGRAM))
    root = Path(__file__).parents[2]
    program = subprocess.Popen(
        [sys.executable, str(file)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        preexec_fn=_heeds_ctrl_c,  # noqa: PLW1509  it only asks for a signal's default
    )  # fmt: skip
    assert program.stdout is not None
    worker = int(program.stdout.readline())
    program.send_signal(how)
    program.wait(30)
    program.stdout.close()
    for _ in range(100):
        if not _is_alive(worker):
            return
        time.sleep(0.1)
    pytest.fail("the process works on for nobody")


def _heeds_ctrl_c() -> None:
    """In the program: whoever runs these tests in the background may have it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("count", [0, -1, 257])
def test_a_number_of_jobs_that_is_none(count: int) -> None:
    with pytest.raises(UsageError, match="1 to 256"), jobs(count):
        pass


def test_one_job_is_done_here(two: Executor) -> None:
    with jobs(1) as executor:
        assert executor.submit(who, 0).result() == os.getpid()
    assert two.submit(who, 0).result() != os.getpid()
    assert cores() >= 1
    with pytest.raises(VerificationError):
        serial().submit(_wrong).result()


def _wrong() -> None:
    raise VerificationError("not what was signed")

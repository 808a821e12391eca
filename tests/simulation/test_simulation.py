"""Random acts, permitted and forbidden, crashes, restores, erasures, new keys, clocks that lie.

One number replays a run: `python -m tests.simulation SEED --acts N`. What is simulated, and what is
not, is written in `docs/simulation.md`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.simulation import crash
from tests.simulation.run import Ended, Run

FAST = (1,)
LONG = tuple(range(1, 21))


@pytest.fixture(autouse=True)
def _traced() -> None:
    if not crash.possible():
        pytest.skip("processes may not be traced here: crashes between system calls NOT tested")


def run(seed: int, home: Path, acts: int) -> Ended:
    print(f"python -m tests.simulation {seed} --acts {acts}")
    home.mkdir()
    return Run(seed, home).go(acts)


@pytest.mark.parametrize("seed", FAST)
def test_a_short_run(seed: int, tmp_path: Path) -> None:
    ended = run(seed, tmp_path / "here", 110)
    assert ended.counts["permitted"] > 25
    assert ended.counts["refused"] > 25
    assert ended.counts["killed"] > 3


def test_one_number_replays_a_run_to_the_byte(tmp_path: Path) -> None:
    """In the same place: paths are sealed, and a text of another length is another ciphertext."""
    first = run(3, tmp_path / "here", 30)
    shutil.rmtree(tmp_path / "here")
    assert run(3, tmp_path / "here", 30) == first


@pytest.mark.slow
@pytest.mark.parametrize("seed", LONG)
def test_a_long_run(seed: int, tmp_path: Path) -> None:
    """`SIMULATED_ACTS` acts, 10,000 if it is not set."""
    acts = int(os.environ.get("SIMULATED_ACTS", "10000"))
    ended = run(seed, tmp_path / "here", acts)
    assert ended.counts["permitted"] > acts / 4

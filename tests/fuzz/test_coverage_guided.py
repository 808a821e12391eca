"""A fuzzer that follows coverage runs over every parser for a bounded time."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.parsers import PARSERS

ROOT = Path(__file__).parents[2]
SECONDS = int(os.environ.get("FUZZ_SECONDS", "20"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None,
        reason="NOT FUZZED: atheris is not installed (pip install -e .[dev]; Linux, Python 3.11+)",
    ),
]


@pytest.mark.parametrize("name", PARSERS)
def test_a_fuzzer_that_follows_coverage_finds_nothing(name: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(SECONDS)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False,
        timeout=SECONDS + 120,
    )  # fmt: skip
    said = done.stderr[-4000:]
    assert done.returncode == 0, said
    runs = re.search(r"stat::number_of_executed_units: *([0-9]+)", done.stderr)
    assert runs, said
    assert int(runs[1]) > 100, "the fuzzer did not run"
    print(f"{name}: {runs[1]} inputs")

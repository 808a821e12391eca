"""The names on the page are those of the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_names_on_the_page_are_those_of_the_code() -> None:
    command = [sys.executable, "tools/page_names.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == 0, "run: python tools/page_names.py"

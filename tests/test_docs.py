"""Generated pages are what the code says; every command is in the reference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ledger.cli import COMMANDS

ROOT = Path(__file__).parent.parent


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "docs/build.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False, env=None,
    )  # fmt: skip
    assert done.returncode == 0, f"run `make docs`; stale: {done.stdout}{done.stderr}"


def test_every_command_is_in_the_reference_in_both_languages() -> None:
    for page in ("commands.md", "commands.zh-CN.md"):
        text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
        assert [name for name in COMMANDS if f"## muniment {name}\n" not in text] == []

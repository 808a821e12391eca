"""The tutorial is run, command by command, in an empty folder; in Chinese it says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_readme import BLOCK, ROOT, run

PAGES = ("tutorial.md", "tutorial.zh-CN.md")


def script(page: str) -> str:
    return "\n".join(BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "page", [PAGES[0], pytest.param(PAGES[1], marks=pytest.mark.slow)]
)  # fmt: skip
def test_every_command_of_the_tutorial_works(page: str, tmp_path: Path) -> None:
    done = run(script(page), tmp_path)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    work = tmp_path / "work"
    assert not (work / "again.txt").exists(), "the seller's people read what they gave away"
    assert not list((work / "backups").rglob("holding-*")), "destroyed, or expired"
    quote = (work / "ledger").rglob("*")
    assert not [f for f in quote if f.is_file() and b"quote-2019" in f.read_bytes()]


def test_both_tutorials_have_the_same_commands() -> None:
    english, chinese = map(script, PAGES)
    assert english == chinese.replace("MUNIMENT_LANG=zh ", "")

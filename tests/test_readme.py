"""Every command of both READMEs is run, as a new user would, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli import muniment

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    tools = folder / "tools"
    tools.mkdir()
    (tools / "muniment").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ledger.cli "$@"\n')
    (tools / "muniment").chmod(0o755)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MUNIMENT_")
    }
    environment |= {
        "PATH": f"{tools}{os.pathsep}{environment['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(folder / "state"),
    }
    work = folder / "work"
    work.mkdir()
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_command_of_the_readme_works(name: str, tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
    assert len(blocks) == 3
    done = run("\n".join(blocks), tmp_path)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr
    assert "event_changed" in done.stdout
    assert "Traceback" not in done.stderr


def test_both_readmes_have_the_same_commands() -> None:
    def commands(name: str) -> list[str]:
        text = "\n".join(BLOCK.findall((ROOT / name).read_text(encoding="utf-8")))
        words = re.sub(r"'[^']*'|\"[^\"]*\"|MUNIMENT_LANG=zh ", "", text)
        return [line.split()[0:3] for line in words.splitlines() if line.startswith("muniment")]  # type: ignore[misc]

    assert commands("README.md") == commands("README.zh-CN.md")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_a_readme_is_short(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) < 150


@pytest.mark.parametrize(
    ("language", "found"),
    [("en", "invalid: "), pytest.param("zh", "无效：", marks=pytest.mark.slow)],
)
def test_the_story_of_the_demo_ends_with_the_forgery_found(
    language: str, found: str, tmp_path: Path
) -> None:
    done = run(f"muniment --lang {language} demo", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert found in done.stdout
    assert "event_changed" in done.stdout


def test_the_demo_says_first_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.cli.demo.find_spec", lambda _: None)
    result = CliRunner().invoke(muniment, ["demo", "--keep", str(tmp_path / "story")])
    assert result.exit_code == 2
    assert "pip install 'muniment[ingest]'" in result.stderr
    assert not (tmp_path / "story").exists()

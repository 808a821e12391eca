"""The tamper gallery shows what is said: its attacks are done again, and the pages compared."""

from __future__ import annotations

import random
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.gallery import ATTACKS, masked

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = ("tamper-gallery.md", "tamper-gallery.zh-CN.md")


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((DOCS / "gallery.toml").read_text("utf-8"))["case"]
    return found


def check(*names: str) -> None:
    done = subprocess.run(
        [sys.executable, "docs/gallery.py", "--check", *names],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, f"run `make docs`; stale: {done.stdout}{done.stderr}"


def test_some_of_the_gallery_is_what_is_said() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    names = [case["name"] for case in cases() if case.get("scene", "busy") == "busy"]
    check(*random.Random(seed).sample(names, 4))


@pytest.mark.slow
def test_all_of_the_gallery_is_what_is_said() -> None:
    check()


def test_both_pages_show_every_case_and_nothing_else() -> None:
    for page, language in zip(PAGES, ("en", "zh"), strict=True):
        text = (DOCS / page).read_text(encoding="utf-8")
        titles = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
        assert titles == [case["title"][language] for case in cases()]


def test_every_attack_is_in_the_gallery() -> None:
    done = {step["do"] for case in cases() for step in case["step"] if "do" in step}
    assert {name for name in done if not name.startswith("sql:")} == set(ATTACKS)


def test_nothing_that_differs_from_run_to_run_is_left_in_the_pages() -> None:
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        assert masked(text) == text, page

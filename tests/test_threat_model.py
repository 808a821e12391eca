"""The threat model names a test for every claim, and every one of them is collected and run."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "threat-model.md"
PAGES = sorted(PAGE.parent.glob("threat-model*.md"))
ATTACKERS = 10
_NAMED = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(\w+)`")
_NEVER_RUN = {"skip", "skipif", "xfail"}


def sections(page: Path) -> dict[str, str]:
    """The text of each attacker by the heading."""
    parts = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def claims(text: str) -> list[str]:
    """The rows of a section's table."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


@lru_cache
def found_in(file: str) -> dict[str, list[str]]:
    """The tests that a file has, as pytest finds them, with the names of their marks."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {
        node.name: [
            name.attr for one in node.decorator_list for name in ast.walk(one)
            if isinstance(name, ast.Attribute)
        ]
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_attacker_has_something_first_claims_and_limits(page: Path) -> None:
    found = sections(page)
    assert len(found) == ATTACKERS
    for heading, text in found.items():
        assert claims(text), heading
        before, _, after = text.rpartition("|\n")
        assert "**" in before, f"{heading}: nothing is said of what the attacker has first"
        assert "\n* " in after, f"{heading}: nothing is said of what is not protected"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_claim_names_a_test_that_is_there_and_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for heading, section in sections(page).items():
        for row in claims(section):
            assert len(_NAMED.findall(row)) == 1, (heading, row)
    named = _NAMED.findall(text)
    assert len(named) > len(sections(page)) * 5
    for file, name in named:
        assert (ROOT / file).is_file(), file
        assert name in found_in(file), f"{file} has no {name}"
        assert not _NEVER_RUN & set(found_in(file)[name]), f"{name} may never run"


def test_no_test_stands_for_two_claims_against_one_attacker() -> None:
    for heading, section in sections(PAGE).items():
        rows = [_NAMED.findall(row)[0] for row in claims(section)]
        assert len(rows) == len(set(rows)), heading


def test_the_pages_of_both_languages_name_the_same_tests() -> None:
    named = [[_NAMED.findall(row) for text in sections(page).values() for row in claims(text)]
             for page in PAGES]  # fmt: skip
    assert all(one == named[0] for one in named)

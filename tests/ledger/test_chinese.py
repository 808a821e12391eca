"""Chinese is written one way: one word for one thing, and the typography of its own marks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from tests.ledger.catalogue import PO, ROOT
from tests.ledger.chinese import HAN, NEVER, TERMS, misprinted, strayed

FENCE = re.compile(r"(?s)```.*?```|<!--.*?-->")
PAGES = sorted([
    ROOT / "README.zh-CN.md", *(ROOT / "docs").glob("*.zh-CN.md"),
    *(ROOT / "docs" / "reference").glob("*.zh-CN.md"), ROOT / "ledger" / "bundle" / "readme.zh.md",
    ROOT / "ledger" / "bundle" / "nonclaims.md",
])  # fmt: skip
# Labels of the enumerations and of policy packs are the sources' own: their bytes are frozen.
WORDED = sorted(
    path for path in (ROOT / "ledger").rglob("*") if path.suffix in (".py", ".toml", ".js")
)


def translations() -> Iterator[tuple[str, str]]:
    """Each message, with its Chinese; of two forms the second, which Chinese has only one of."""
    with PO.open("rb") as file:
        for entry in read_po(file):
            english = entry.id if isinstance(entry.id, str) else entry.id[1]
            yield english, "".join(entry.string or "")


def lines(page: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(FENCE.sub("", page.read_text(encoding="utf-8")).splitlines()):
        if re.search(f"[{HAN}]", line):
            yield f"{page.name}, line {number + 1} without code", line


@cache
def texts() -> list[tuple[str, str]]:
    """What the modules say in Chinese: their texts that are Chinese for the most part."""
    return [said for path in WORDED for said in _texts(path)]


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    source = path.read_text(encoding="utf-8")
    if not re.search(f"[{HAN}]", source):
        return
    if path.suffix == ".py":
        tree = ast.parse(source)
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found = [node.value for node in ast.walk(tree)
                 if isinstance(node, ast.Constant) and id(node) not in said]  # fmt: skip
    else:
        found = re.findall(r'"((?:[^"\\\n]|\\.)*)"', source)
    for text in (one for one in found if isinstance(one, str)):
        chinese = len(re.findall(f"[{HAN}]", text)) > 0.4 * len(text)
        if chinese and "(?:" not in text and "data/" not in text:
            yield f"{path.name}: {text[:40]}", text


@pytest.mark.parametrize(("english", "chinese", "never"), TERMS, ids=[term for _, term, _ in TERMS])
def test_one_thing_has_one_name(english: str, chinese: str, never: str) -> None:
    """The term stands in the catalogue where the English names the thing; its rivals nowhere."""
    those = [zh for en, zh in translations() if re.search(english, en, re.IGNORECASE)]
    assert any(chinese in zh for zh in those), "a term that nothing uses"
    assert [zh for zh in those if re.search(never, zh)] == []


def test_no_translation_strays_from_the_terms() -> None:
    assert {en: found for en, zh in translations() if (found := strayed(en, zh))} == {}


def test_no_text_or_page_uses_a_word_that_was_given_up() -> None:
    said = [*translations(), *(one for page in PAGES for one in lines(page)),
            *texts()]  # fmt: skip
    assert {place: word for place, text in said for word in NEVER if word in text} == {}


def test_the_catalogue_keeps_to_chinese_typography() -> None:
    wrong = {zh: found for _en, zh in translations() if (found := list(misprinted(zh)))}
    assert wrong == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_keeps_to_chinese_typography(page: Path) -> None:
    assert {place: found for place, line in lines(page) if (found := list(misprinted(line)))} == {}


def test_texts_in_the_code_keep_to_chinese_typography() -> None:
    assert {place: found for place, text in texts() if (found := list(misprinted(text)))} == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("账本已核验,没有问题", "a half-width mark after Chinese"),
        ("见 FILE; 再试", "a half-width mark before Chinese"),
        ("副本(已核验)", "half-width brackets"),
        ("副本（已核验)", "brackets of two kinds"),
        ("账本 ，已核验", "a space beside a Chinese mark"),
        ("账本 已核验", "a space between Chinese characters"),
        ("账本已核验.", "a full stop that is not Chinese"),
        ("账本已核验，。", "two marks in a row"),
    ],
)
def test_a_misprint_is_found(text: str, fault: str) -> None:
    assert fault in set(misprinted(text))

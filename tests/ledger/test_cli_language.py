"""Both languages are complete: every message, every refusal, every label."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import get_args

import click
import pytest
from babel.messages.pofile import read_po

import domain
from domain.codes import ENUMERATIONS
from domain.handover import Step
from ledger.cli.labels import FINDINGS, TOPICS
from ledger.cli.language import CLICK, speaking
from ledger.cli.refusals import EXPLANATIONS, explain
from tests.ledger.catalogue import PO, messages

ROOT = Path(__file__).parent.parent.parent


def details() -> Iterator[str]:
    """Every detail that a rule of the domain can refuse with."""
    for path in sorted((ROOT / "domain").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if called and node.func.id == "refuse" and len(node.args) > 1:  # type: ignore[attr-defined]
                yield from _spelled(node.args[1])  # type: ignore[attr-defined]
            if isinstance(node, ast.FunctionDef) and node.name == "assignment_for":
                yield from (
                    inner.value.value
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Return)
                    and isinstance(inner.value, ast.Constant)
                    and isinstance(inner.value.value, str)
                )


def _spelled(detail: ast.expr) -> Iterator[str]:
    if isinstance(detail, ast.Constant):
        yield str(detail.value)
    elif isinstance(detail, ast.IfExp):
        yield from _spelled(detail.body)
        yield from _spelled(detail.orelse)
    elif isinstance(detail, ast.JoinedStr):
        start = detail.values[0]
        assert isinstance(start, ast.Constant)
        states = {"holding_is_": ("returned", "destroyed", "lost"),
                  "key_": ("rotated", "revoked", "compromised", "shredded"),
                  "case_is_": ("rejected", "failed", "certified"),
                  "handover_is_": get_args(Step)}  # fmt: skip
        prefix = str(start.value)
        yield from (prefix + state for state in states[prefix])
    else:
        assert isinstance(detail, ast.Name), "a detail that this test does not understand"


def test_every_refusal_of_the_domain_is_explained() -> None:
    assert sorted(set(details()) - set(EXPLANATIONS)) == []


def test_no_explanation_is_left_over() -> None:
    assert sorted(set(EXPLANATIONS) - set(details())) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_explanation_is_a_sentence_and_a_next_step(language: str) -> None:
    with speaking("zh" if language == "zh" else "en"):
        for detail in EXPLANATIONS:
            sentence, remedy = explain(detail)
            assert sentence.endswith("。" if language == "zh" else ".")
            assert remedy


def test_every_topic_and_finding_has_a_label_in_both_languages() -> None:
    assert set(TOPICS) == set(domain.TOPICS)
    for chinese, english in (*TOPICS.values(), *FINDINGS.values()):
        assert re.search("[\u4e00-\u9fff]", chinese)
        assert english.isascii()


def test_the_catalogue_has_every_message_and_nothing_else() -> None:
    with PO.open("rb") as file:
        known = {entry.id[0] if isinstance(entry.id, tuple | list) else entry.id
                 for entry in read_po(file) if entry.id}  # fmt: skip
    spoken = {message if isinstance(message, str) else message[0] for message in messages()}
    assert sorted(spoken - known) == [], "run python -m tests.ledger.catalogue and translate"
    assert sorted(known - spoken) == [], "run python -m tests.ledger.catalogue"


def test_a_translation_has_the_values_of_its_message() -> None:
    """A name in braces that only one side has would fail, or lose what it says."""
    with PO.open("rb") as file:
        entries = [entry for entry in read_po(file) if entry.id]
    for entry in entries:
        if isinstance(entry.id, str):
            assert isinstance(entry.string, str)
            assert _values(entry.string) == _values(entry.id), entry.id


def _values(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return set()


def test_what_click_says_is_still_said_like_this() -> None:
    folder = Path(str(click.__file__)).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    said_by_click = [text for text in CLICK if f'"{text}"' in source]
    assert len(said_by_click) > len(CLICK) * 3 // 4


def test_every_code_has_two_labels() -> None:
    for known in ENUMERATIONS.values():
        assert all(value.zh and value.en for value in known.values), known.name

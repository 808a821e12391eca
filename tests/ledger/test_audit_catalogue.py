"""The catalogue of findings: each code that a chapter gives is in it, whole, in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

import ledger
from domain import TOPICS
from domain.judging import RULE_CODES
from domain.policy import parse_policy
from ledger.audit.catalogue import CODES, entry, gap_said, raised, severity_of_rule
from ledger.audit.catalogue.gaps import GAPS, NOT_ASKED, WHY
from ledger.audit.checks import completeness, completeness_deals
from ledger.audit.finding import CHAPTERS, SEVERITIES
from ledger.cli import muniment
from ledger.effects import cadence
from ledger.offline.findings import CAUSES
from ledger.verification.findings import VERDICTS
from ledger.verification.notecheck import _KEY_CAUSES

HOME = Path(ledger.__file__).parent
PACK = (HOME.parent / "domain/policies/cn-default-2026.toml").read_bytes()
CALLS = frozenset({"add", "_add", "_finding", "_accuse", "raised", "Finding", "_of_file", "omit"})
CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")
COMMAND = re.compile(r"muniment(?!\.)((?: [a-z][a-z-]*)*)((?: --[a-z-]+)*)")
CHINESE = re.compile(r"[一-鿿]")
HALF_WIDTH = re.compile(r"[,;:()] ?$|[一-鿿][,;:!?]")


def sources(*places: str) -> Iterator[Path]:
    for place in places:
        path = HOME / place
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def strings(node: ast.expr) -> Iterator[str]:
    """What an argument may be: a text, or one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)


def given(path: Path) -> Iterator[str]:
    """The codes that a module makes findings of, as its calls say."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in CALLS:
            at = (
                1 if name == "Finding" and len(node.args) > 1 and path.parent.name == "audit" else 0
            )
            yield from (text for text in strings(node.args[at]) if CODE.fullmatch(text))


def test_every_code_of_verification_is_in_the_catalogue() -> None:
    found = {
        code
        for path in sources("verification", "verify.py", "inspection.py")
        for code in given(path)
    }
    found |= {*VERDICTS, *_KEY_CAUSES, "token_malformed", "token_signature"}
    assert len(found) > 50
    assert found <= CODES.keys(), found - CODES.keys()


def test_every_code_of_the_replays_own_checks_is_in_the_catalogue() -> None:
    found = {code for path in sources("audit") for code in given(path)}
    found |= {*completeness_deals._NOW.values(), *completeness_deals._ONCE_LISTED.values()}
    found |= set(re.findall(r"^    ([a-z_]+) {2,}", cadence.__doc__ or "", re.MULTILINE))
    assert {
        "never_backed_up",
        "late_entry",
        "object_changed",
        "unclassified",
    } <= found | CODES.keys()
    found -= {*CHAPTERS}
    assert found <= CODES.keys(), found - CODES.keys()
    assert len(found) > 50


def test_every_code_of_the_offline_verifier_is_in_the_catalogue() -> None:
    assert CAUSES.keys() <= CODES.keys()


def test_no_code_of_the_catalogue_is_one_that_nothing_gives() -> None:
    text = "".join(
        path.read_text("utf-8")
        for path in HOME.rglob("*.py")
        if not path.name.startswith("catalogue")
    )
    unused = {code for code in CODES if f'"{code}"' not in text and not code.endswith("_before")}
    assert not unused


def test_every_entry_is_whole() -> None:
    for code, one in CODES.items():
        assert entry(code) == one
        assert (one.code, one.chapter in CHAPTERS, one.severity in SEVERITIES) == (code, True, True)
        for text in (one.title, one.remedy, one.means):
            assert text.en.isascii(), code
            assert text.zh, code
        assert CHINESE.search(one.title.zh), code
        assert CHINESE.search(one.means.zh), code
        assert not HALF_WIDTH.search(one.title.zh + one.remedy.zh), code
        assert raised(code).severity == one.severity


def test_what_has_no_rule_stands_on_law_that_the_pack_cites() -> None:
    pack = parse_policy(PACK)
    for one in CODES.values():
        assert not one.rule or one.rule in pack.rules or one.rule == "I-00", one.code
        assert one.rule == "" or severity_of_rule(one.rule)
        for statute, article in one.basis:
            assert statute in pack.statutes, one.code
            assert article


def test_every_rule_has_a_severity() -> None:
    for rule in RULE_CODES:
        assert severity_of_rule(rule) in SEVERITIES
    for rule in parse_policy(PACK).rules:
        assert severity_of_rule(rule) in SEVERITIES


def test_every_remedy_names_commands_that_are_there() -> None:
    for code in CODES.keys() - CAUSES.keys():
        said = [[named(*found) for found in COMMAND.findall(text)] for text in entry(code).remedy]
        assert said[0] == said[1], f"{code}: the same in both languages"
        assert said[0], f"{code}: a remedy says which command comes next"


def named(words: str, options: str) -> tuple[str, ...]:
    """The command that a remedy names, with options that it has; what follows is the sentence's."""
    found: click.Command = muniment
    path: list[str] = []
    left = words.split()
    while left and isinstance(found, click.Group):
        inner = found.get_command(click.Context(found), left[0])
        assert inner is not None, words
        found = inner
        path.append(left.pop(0))
    assert not isinstance(found, click.Group), words
    known = {name for param in found.get_params(click.Context(found)) for name in param.opts}
    assert set(options.split()) <= known, (words, options)
    return tuple(path)


def test_a_register_that_is_asked_for_is_begun_by_an_event_that_there_is() -> None:
    assert set(completeness.REGISTERS.values()) <= TOPICS.keys()


def test_every_code_of_a_gap_is_said_in_both_languages() -> None:
    found = {
        text
        for path in sources("audit")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Gap"
        for text in (strings(node.args[1]) if len(node.args) > 1 else ())
    }
    assert {"needs_key", "not_judged", "not_checked", "no_folder"} <= found
    assert found <= GAPS.keys(), found - GAPS.keys()
    assert GAPS.keys() > NOT_ASKED
    for text in map(gap_said, (*GAPS, *WHY)):
        assert text.en.isascii()
        assert CHINESE.search(text.zh)

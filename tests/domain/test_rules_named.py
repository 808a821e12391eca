"""Every reason to say no has a name, and every name has a test that hears it."""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from domain import TOPICS
from domain.agreements import AgreedKey
from domain.codes import HoldingState
from domain.commit import _CODE_FIELDS, _DATE_FIELDS, _TIME_FIELDS
from domain.copies import HoldingState as Holding
from domain.destruction import Executed, Verified
from domain.handover import Excluded, Step
from domain.judging import RULE_CODES, rules_for
from domain.keys import KeyCondition
from domain.ledger import Former
from domain.search import Indexed
from domain.values import Code, Date, Key, Origin, SealedRef, Time, Version

ROOT = Path(__file__).parent.parent.parent
MODULES = (
    "access", "actor", "agreements", "anchor", "anonymization", "attached", "audit",
    "audit_rules", "backup",
    "backup_rules", "bundle",
    "clearing", "closing", "commit", "confirmation", "copies", "crossing", "destruction",
    "digitization", "disposal", "document", "engagement", "gates", "guards", "handover",
    "handover_rules", "hold", "holding", "inspection", "keycopy", "ledger", "listing", "medium",
    "notice", "opening", "party", "record", "replacement", "replica", "residual", "restriction",
    "rights", "search", "subject", "training",
)  # fmt: skip
_CONDITIONS: dict[str, set[str]] = {
    "key_": set(get_args(KeyCondition)) - {"active"},
    "holding_is_": {c for c in get_args(HoldingState)
                    if not Holding("", 1, "", "", "", None, c).there},
    "handover_is_": set(get_args(Step)),
    "case_is_": {"rejected", "certified", "failed"},
}  # fmt: skip
"""What the details end in that are put together from a prefix and a condition."""


def details_of(function: ast.expr) -> Iterator[str]:
    """The details that an expression can be: a text, or a text with a condition in it."""
    if isinstance(function, ast.Constant):
        yield str(function.value)
    elif isinstance(function, ast.JoinedStr):
        prefix = "".join(str(part.value) for part in function.values
                         if isinstance(part, ast.Constant))  # fmt: skip
        yield from (prefix + condition for condition in _CONDITIONS[prefix])
    elif isinstance(function, ast.IfExp):
        yield from (*details_of(function.body), *details_of(function.orelse))


def details() -> set[str]:
    """Every detail that `refuse(rule, detail, …)` is called with, and those of retention."""
    found: set[str] = set()
    for module in MODULES:
        tree = ast.parse((ROOT / "domain" / f"{module}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "refuse":
                found.update(details_of(node.args[1]))
    tree = ast.parse((ROOT / "domain" / "retention.py").read_text("utf-8"))
    (assignment,) = [n for n in ast.walk(tree)
                     if isinstance(n, ast.FunctionDef) and n.name == "assignment_for"]  # fmt: skip
    found.update(
        str(node.value.value)
        for node in ast.walk(assignment)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant)
    )
    return found


def heard() -> set[str]:
    """Every text in the tests of the rules."""
    return {
        str(node.value)
        for path in Path(__file__).parent.glob("test_rules_*.py")
        if path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_detail_is_heard_by_a_test() -> None:
    assert len(details()) > 150
    assert details() - heard() == set()


def test_every_detail_is_explained_to_people() -> None:
    from ledger.cli.refusals import EXPLANATIONS

    assert details() - set(EXPLANATIONS) == set()


def test_every_rule_that_is_named_has_a_stable_code() -> None:
    used = {
        node.args[0].value
        for module in MODULES
        for node in ast.walk(ast.parse((ROOT / "domain" / f"{module}.py").read_text("utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "refuse"
        and isinstance(node.args[0], ast.Constant)
    }
    assert used | {"I-05"} == set(RULE_CODES)  # the rule of a key's end follows from its end


def test_every_event_is_judged_by_a_rule_of_its_own() -> None:
    assert [topic for topic, kind in TOPICS.items() if not rules_for(kind)] == []


def fields_of(*forms: object) -> set[str]:
    """The fields, of any event, whose strings have one of these forms."""
    wanted = {form.__metadata__[0] for form in forms}  # type: ignore[attr-defined]
    found = set()
    for kind in TOPICS.values():
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            if wanted & set(_notes(hint)):
                found.add(name)
    return found


def _notes(hint: object) -> Iterator[object]:
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _notes(part)


def test_every_time_of_an_event_is_checked_to_be_a_moment() -> None:
    assert fields_of(Time) - {"at"} == set(_TIME_FIELDS)


def test_every_date_of_an_event_is_checked_to_be_a_day() -> None:
    assert fields_of(Date) == set(_DATE_FIELDS)


def test_every_code_that_is_free_to_choose_is_read_for_personal_data() -> None:
    assert fields_of(Code, Version, Origin) == set(_CODE_FIELDS)


def test_every_string_of_an_event_has_a_form_or_is_one_of_few() -> None:
    """Nothing in an event is just text: a name would have a place to stand (I-02)."""

    def loose(hint: Any) -> bool:
        if hint is str:
            return True
        if typing.get_origin(hint) is typing.Annotated:
            noted = any(type(note).__name__ == "Form" for note in hint.__metadata__)
            return not noted and loose(hint.__origin__)
        return typing.get_origin(hint) is not typing.Literal and any(map(loose, get_args(hint)))

    kinds: list[type[msgspec.Struct]] = [
        *TOPICS.values(), Key, SealedRef, Former, Executed, Verified, AgreedKey, Excluded, Indexed,
    ]  # fmt: skip
    assert [
        (kind.__name__, name)
        for kind in kinds
        for name, hint in typing.get_type_hints(kind, include_extras=True).items()
        if name in kind.__struct_fields__ and loose(hint)
    ] == []

"""The messages that the code speaks, and the catalogue that translates them.

`python -m tests.ledger.catalogue` adds new messages to `muniment.po` (to be translated), drops
those that are gone, compiles `muniment.mo` and says what is still missing.

A message is the text of `_("...")` and `N_("...")`, both forms of `plural(...)`, text and remedy of
every `Check` of `ledger.doctor`, and the template and remedy of every error of `ledger.errors`
where it is raised, directly or through a name that is assigned in the statement before.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent.parent
PO = ROOT / "ledger" / "locale" / "zh" / "LC_MESSAGES" / "muniment.po"
ROOMS = ("ledger", "domain", "projections")
# Not shown to people: errors of the program's own parts, and codes.
_NOT_OURS = {
    "ValueError", "TypeError", "OSError", "LookupError", "NotImplementedError", "IntegrityError",
    "PolicyError", "RetentionError", "_UnreadableError", "EncodingError", "AssertionError",
}  # fmt: skip
_BEGUN = datetime(2026, 11, 21, tzinfo=UTC)
# Bytes that are not what they claim: said to whoever writes the other program, in English.
_TECHNICAL = {"ProofError", "NoteError"}


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _error_texts(call: ast.Call, before: ast.stmt | None) -> Iterator[str]:
    """The template and the remedy of an error that is made."""
    for argument in call.args[:2]:
        text = _text(argument)
        named = isinstance(argument, ast.Name) and isinstance(before, ast.Assign)
        if named and isinstance(before.targets[0], ast.Name):  # type: ignore[union-attr]
            text = _text(before.value)  # type: ignore[union-attr]
        if text and any(character.isalpha() for character in text):
            yield text.removeprefix("{uri}: ")


def _calls(node: ast.AST) -> Iterator[tuple[ast.Call, ast.stmt | None]]:
    """Every call, with the statement before the one it stands in."""
    for parent in ast.walk(node):
        for field in ("body", "orelse", "finalbody", "handlers"):
            statements = getattr(parent, field, None)
            if not isinstance(statements, list):
                continue
            for before, statement in zip([None, *statements], statements, strict=False):
                if isinstance(statement, ast.Raise | ast.Return | ast.Expr | ast.Assign):
                    for inner in ast.walk(statement):
                        if isinstance(inner, ast.Call):
                            yield inner, before


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def messages_of(tree: ast.Module) -> Iterator[str | tuple[str, str]]:
    """The messages of one module, in the order of their calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            text = _text(node.args[0])
            if node.func.id in ("_", "N_") and text:
                yield text
            elif node.func.id in ("plural", "NP_") and text:
                yield text, _text(node.args[1]) or ""
    for call, before in _calls(tree):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name.endswith("Error") and name not in _NOT_OURS | _TECHNICAL:
            yield from _error_texts(call, before)
        elif name == "Check" and len(call.args) > 2:  # of `ledger.doctor`: code, state, text, …
            yield from filter(None, (_text(one) for one in (call.args[2], *call.args[4:5])))


@cache
def messages() -> dict[str | tuple[str, str], list[str]]:
    """Every message of the code, with the modules in which it stands."""
    found: dict[str | tuple[str, str], list[str]] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if place.startswith(("ledger/tlog/", "ledger/sample/")):
                continue
            for message in messages_of(_tree(path)):
                places = found.setdefault(message, [])
                if place not in places:
                    places.append(place)
    return found


# What is said of bytes and by verification: its causes are known to `ledger.cli.causes` only.
_CAUSING = ("ledger/verification", "ledger/verify.py", "ledger/inspection.py")
_PARSERS = ("NoteError", "ProofError", "EncodingError", "PolicyError", "DamagedError")
_SQL = re.compile(r"\b(?:SELECT|PRAGMA|WHERE|INSERT|DROP|ATTACH|COLLATE)\b")


def spoken_causes() -> set[str]:
    """Every cause that the code spells out, with `x1` in the place of each value."""
    found: set[str] = set()
    for path in sorted((ROOT / "ledger").rglob("*.py")):
        tree = _tree(path)
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(_CAUSING):
            found |= set(_sentences(tree))
        elif not place.startswith(("ledger/cli/", "ledger/sample/")):
            found |= {text for text in _raised(tree) if re.search("[a-z]{2}.* ", text)}
    return found


def written_texts() -> Iterator[str]:
    """Every text, and every part of one, that stands in the code but in the command line."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "ledger/cli/" not in path.as_posix():
                for node in ast.walk(_tree(path)):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        yield node.value


def put_together() -> Iterator[tuple[str, str]]:
    """Errors whose message is put together where they are raised, so that no catalogue has it."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if not place.startswith(("ledger/tlog/", "ledger/sample/")):
                yield from ((place, text) for text in _put_together(_tree(path)))


def _put_together(tree: ast.AST) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name.endswith("Error") and name not in _NOT_OURS | set(_PARSERS):
            texts = (one for one in call.args[:2] if isinstance(one, ast.JoinedStr))
            yield from map(ast.unparse, texts)


def _sentences(tree: ast.AST) -> Iterator[str]:
    """What a module says in prose: every text of several words but docstrings and statements."""
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
              for part in ast.walk(node) if part is not node}  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in said | inside or not isinstance(node, ast.expr):
            continue
        text = _filled(node) or ""
        if re.search("[a-z] [a-z]{2}", text) and not _SQL.search(text):
            yield text


def _raised(tree: ast.AST) -> Iterator[str]:
    """What parsers' errors say, and every `cause=` that is spelled out."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Name) and call.func.id in _PARSERS:
            yield from filter(None, map(_filled, call.args[:2]))
        for keyword in call.keywords:
            if keyword.arg == "cause" and (text := _filled(keyword.value)):
                yield text


def _filled(node: ast.expr) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "x1" for part in node.values
        )
    text = _text(node)
    return re.sub(r"\{\w+\}", "x1", text) if text else None


def update() -> list[str]:
    """Bring the catalogue up to date; the messages that still lack a translation."""
    old: dict[str, str | list[str] | tuple[str, ...]] = {}
    if PO.exists():
        with PO.open("rb") as file:
            for entry in read_po(file):
                key = entry.id if isinstance(entry.id, str) else entry.id[0]
                old[key] = entry.string or ""
    # No clock: the same messages give the same bytes.
    new = Catalog("zh", "muniment", project="muniment", fuzzy=False, creation_date=_BEGUN)
    new.header_comment = "# Chinese messages of Muniment; see tests/ledger/catalogue.py."
    missing = []
    for message, places in sorted(messages().items(), key=lambda item: (item[1][0], str(item[0]))):
        key = message if isinstance(message, str) else message[0]
        string = old.get(key, "")
        if isinstance(message, tuple) and isinstance(string, str):
            string = (string,)
        if not (string if isinstance(string, str) else "".join(string)):
            missing.append(key)
        new.add(message, string, locations=[(place, 0) for place in places])
    with PO.open("wb") as file:
        write_po(file, new, width=100, sort_output=False, omit_header=False, include_lineno=False)
    with PO.with_suffix(".mo").open("wb") as file:
        write_mo(file, new)
    return missing


if __name__ == "__main__":
    for lacking in update():
        sys.stdout.write(f"not translated: {lacking}\n")

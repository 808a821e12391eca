"""The house is tidy: limits, names, links, words and languages, checked on every file we keep."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
VECTORS = Path("tests/vectors")  # made elsewhere, kept as they are
PACKAGES = ("domain", "ledger", "projections")
MAX_LINE, MAX_FUNCTION, MAX_MODULE, MAX_TESTS = 100, 60, 500, 600
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "service", "common", "base", "misc"}
LOCALE = ROOT / "ledger" / "locale"

# Written in parts, so that this file may be read by its own tests.
OPEN_MARKS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
MACHINE_PATHS = re.compile(
    r"(?<![\w.>})\]-])/(?:wor" + "k|tm" + "p|roo" + r"t|hom" + r"e)(?![\w.-])"
)
REGISTRIES = re.compile(
    "|".join(
        (r"pypi\." + "org", "python" + r"hosted\.org", r"npmjs\." + "org", r"debian\." + "org"),
    )
)


@cache
def kept_files() -> tuple[Path, ...]:
    """Every file of the project, without what git ignores and what others made."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        names = {Path(name) for name in listed.decode().split("\0") if name}
    else:
        names = {path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()}
        names = {name for name in names if not name.parts[0].startswith(".")}
    ours = (name for name in names if VECTORS not in name.parents and (ROOT / name).is_file())
    return tuple(sorted(ours))


@cache
def texts() -> dict[Path, str]:
    """The files that are text, with their content."""
    found = {}
    for name in kept_files():
        raw = (ROOT / name).read_bytes()
        if b"\0" not in raw:
            found[name] = raw.decode("utf-8")
    return found


def python_files() -> dict[Path, str]:
    return {name: text for name, text in texts().items() if name.suffix == ".py"}


def scripts() -> dict[Path, str]:
    """The modules in JavaScript."""
    return {name: text for name, text in texts().items() if name.suffix in (".js", ".mjs")}


WORDS = Path("ledger/offline/browser/wording.js")
"""What the page says, a sentence a line, however long it is."""


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


PRAGMA = re.compile(r"  # (?:noqa|type: ignore)\b.*$")
"""A word to a tool behind a line does not make the line longer; ruff counts in the same way."""


def test_no_line_of_code_is_longer_than_100() -> None:
    long = [
        f"{name}:{number}"
        for name, text in (python_files() | scripts()).items()
        for number, line in enumerate(text.splitlines(), 1)
        if len(PRAGMA.sub("", line)) > MAX_LINE and name != WORDS
    ]
    assert long == []


def test_no_function_is_longer_than_60_lines() -> None:
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name, text in python_files().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION
    ]
    assert long == []


def test_no_module_is_longer_than_500_lines_and_no_tests_than_600() -> None:
    long = [
        str(name)
        for name, text in (python_files() | scripts()).items()
        if text.count("\n") > (MAX_TESTS if name.parts[0] == "tests" else MAX_MODULE)
    ]
    assert long == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [
        str(name)
        for name in python_files()
        if VAGUE_NAMES & {part.removesuffix(".py") for part in name.parts}
    ]
    assert vague == []


def test_nothing_is_marked_as_to_be_done() -> None:
    assert lines_with(OPEN_MARKS) == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert lines_with(REGISTRIES) == []


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def mentioned(module: str, text: str) -> Iterator[str]:
    """Dotted names that a module imports, or loads by a name given as text (lazy commands)."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:  # beside it: what is packed under another name knows itself like this
                source = ".".join(filter(None, (module.rpartition(".")[0], source)))
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.partition(":")[0]


def test_no_module_is_dead() -> None:
    """Every module is imported by another one or is an entry point; packages live by their parts.

    Alembic finds migrations by their folder.
    """
    modules = {
        module_name(name): text
        for name, text in python_files().items()
        if name.parts[0] in PACKAGES and "migrations" not in name.parts
    }
    alive = {
        target
        for module, text in modules.items()
        for target in mentioned(module, text)
        if target != module
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    alive |= {entry.partition(":")[0] for entry in project["scripts"].values()}
    dead = {
        module
        for module in modules
        if module not in alive
        and module.rpartition(".")[2] != "__main__"
        and not any(other.startswith(f"{module}.") for other in modules)
    }
    assert dead == UNUSED_YET


UNUSED_YET: set[str] = set()


LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(markdown: str) -> set[str]:
    """The anchors that headings get: lower case, no punctuation, dashes for spaces."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def test_every_relative_link_in_the_documents_leads_somewhere() -> None:
    broken = []
    for name, text in texts().items():
        if name.suffix != ".md":
            continue
        for target in LINK.findall(FENCE.sub("", text)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            aim = (ROOT / name.parent / file).resolve() if file else ROOT / name
            if not aim.exists():
                broken.append(f"{name}: {target}")
            elif anchor and anchor not in anchors(aim.read_text(encoding="utf-8")):
                broken.append(f"{name}: {target} (no such heading)")
    assert broken == []


def test_the_topics_of_events_are_frozen() -> None:
    """A topic that was ever written stays readable: lines are added here, never changed.

    `tests/vectors/topics.txt` holds them in alphabetical order, one a line.
    """
    topics = getattr(importlib.import_module("domain"), "TOPICS", None)
    if topics is None:
        pytest.skip("domain names no TOPICS yet")
    frozen = (ROOT / VECTORS / "topics.txt").read_text(encoding="ascii").split("\n")
    assert [*sorted(topics), ""] == frozen


def catalogues() -> list[Path]:
    if not LOCALE.exists():
        pytest.skip("there is no text in two languages yet")
    found = sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))
    assert any(path.parts[-3].startswith("zh") for path in found)
    return found


def singular(entry: Message) -> str:
    """The text in the code; of a message with a plural, its first form."""
    return entry.id if isinstance(entry.id, str) else entry.id[0]


def test_every_message_in_the_code_is_in_every_catalogue() -> None:
    written = {
        message if isinstance(message, str) else message[0]
        for room in PACKAGES
        for _, _, message, _, _ in extract_from_dir(ROOT / room, [("**.py", "python")])
    }
    for path in catalogues():
        with path.open("rb") as file:
            known = {singular(entry) for entry in read_po(file)}
        assert written - known == set(), path


def wordings(entry: Message) -> list[str]:
    """What an entry says: one wording, or one per plural form."""
    return [entry.string or ""] if isinstance(entry.string, str) else list(entry.string or [""])


def test_every_message_is_translated_and_none_is_fuzzy() -> None:
    for path in catalogues():
        with path.open("rb") as file:
            entries = [entry for entry in read_po(file) if entry.id]
        assert entries
        assert [entry.id for entry in entries if entry.fuzzy or not all(wordings(entry))] == [], (
            path
        )


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    for path in catalogues():
        with path.open("rb") as file:
            source = {singular(entry): wordings(entry) for entry in read_po(file) if entry.id}
        with path.with_suffix(".mo").open("rb") as file:
            shipped = {singular(entry): wordings(entry) for entry in read_mo(file) if entry.id}
        assert shipped == source, path

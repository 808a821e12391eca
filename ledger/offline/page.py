"""`verify.html`: the verifier for a browser, packed into one file, the same bytes every time.

The page is `browser/page.html` with four marks filled in: `{{STYLE}}`, `{{SCRIPT}}`, and the
SHA-256 of each in its Content-Security-Policy, as `{{STYLE_HASH}}` and `{{SCRIPT_HASH}}`. So the
one style and the one script of the file run, and nothing else can, nor can anything be fetched. The
script is the files of `browser/` in the order of `SCRIPTS`, after one line with `TABLES`: codes,
causes, claims and words of the report, which are written in Python only.

>>> page() == page(), page().startswith(b"<!doctype html>")
(True, True)
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Dict

from . import findings, report
from .steps import STEPS

SCRIPTS = (
    "text", "sha256", "sha512", "ed25519", "merkle", "findings", "events", "notes", "bag",
    "history", "contents", "states", "lineage", "genuine", "complete", "disclosed", "der",
    "publickey", "x509", "token", "times", "trust", "report", "beforehand", "check",
    "wording", "custody", "examined", "elements", "retold", "shown", "page",
)  # fmt: skip
"""The scripts in the order of the page: those of the verifier, then those that show its answer."""

_FOLDER = Path(__file__).parent / "browser"
_MARKS = ("{{STYLE_HASH}}", "{{SCRIPT_HASH}}", "{{STYLE}}", "{{SCRIPT}}")


@lru_cache(maxsize=1)
def page() -> bytes:
    """The bytes of `verify.html`.

    Raises `ValueError` if a source would end the element that it stands in, or a mark is missing.
    """
    made, values = _source("page.html"), (_hash(style()), _hash(script()), style(), script())
    for mark, value in zip(_MARKS, values):
        if made.count(mark) != 1:
            raise ValueError(f"page.html does not hold {mark} once")
        made = made.replace(mark, value)
    return made.encode("utf-8")


def script() -> str:
    """The one script of the page."""
    sources = [_source(f"{name}.js") for name in SCRIPTS]
    return _inside("\n".join((f"const TABLES = {_tables()};", *sources)))


def style() -> str:
    """The one style sheet of the page."""
    return _inside(_source("page.css"))


# What two neighbours keep to themselves, and no third needs: the page is their other half.
# ruff: noqa: SLF001
def tables() -> Dict[str, Any]:
    """What the scripts take from the Python modules of the same names, and `names.json`."""
    return {
        "format": report.FORMAT,
        "maxFindings": findings.MAX_FINDINGS,
        "causes": findings.CAUSES,
        "weighed": findings._WEIGHED,
        "plain": {
            "file": findings._FILE.pattern,
            "event": findings._EVENT.pattern,
            "value": findings._PLAIN.pattern,
        },
        "answer": {"HOLDS": report.HOLDS, "FAILS": report.FAILS, "UNDECIDED": report.UNDECIDED},
        "claims": report.CLAIMS,
        "reasons": report.REASONS,
        "steps": report._STEPS,
        "checks": {str(step): words for step, words in STEPS.items()},
        "codes": report._CODES,
        "resting": report._RESTING,
        "words": {
            "answers": report._ANSWERS,
            "verdicts": report._VERDICTS,
            "noBundle": report._NO_BUNDLE,
            "labels": report._LABELS,
            "state": report._STATE,
            "events": report._EVENTS,
            "findings": report._FINDINGS,
            "redacted": report._REDACTED,
            "attached": report._ATTACHED,
            "colon": report._COLON,
            "comma": report._COMMA,
            "why": report._WHY,
            "between": report._BETWEEN,
            "upTo": report._UP_TO,
            "detail": report._DETAIL,
        },
        "names": json.loads(_source("names.json")),
    }


def _tables() -> str:
    return json.dumps(tables(), ensure_ascii=False, separators=(",", ":"))


def _source(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _inside(source: str) -> str:
    """A source that its element holds as it is: browsers hash what they read."""
    if "</" + "script" in source.lower() or "</style" in source.lower() or "<!--" in source:
        raise ValueError("a source of the page would end its element")
    if "\r" in source or "\0" in source:
        raise ValueError(
            "a source of the page holds what a browser would read as another character"
        )
    return source


def _hash(source: str) -> str:
    digest = sha256(source.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")

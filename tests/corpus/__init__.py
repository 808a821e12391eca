"""The corpus of evidence bundles, good and broken: what every verifier is held against.

`tests/vectors/bundles/` holds

    cases.json       [{"name", "attack", "base", "trust", "verdict", "codes", "answers"} …]
    trust.json       {"<name>": {"ledger", "cosigners", "roots"}}: what the reader knows; roots in
                     base64 (DER)
    <base>.zip.xz    a good bundle, as it was exported but for `verify/` and pages for people
    broken.json.xz   {"<name>": {"files": {"<path>": base64 or null}} or {"zip": base64}}: what is
                     other than in the base: files set or left out, then packed again in the one
                     form that a zip has; or the bytes of the whole file

`attack`: what was done, in a sentence. `verdict`, `codes` (of the findings, sorted) and `answers`
(by claim) are what a verifier must say. `python -m tests.corpus` writes the folder, from a ledger
that is the same every time.
"""

from __future__ import annotations

import base64
import json
import lzma
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ledger.offline.bag import read_zip, write_zip

VECTORS = Path(__file__).parent.parent / "vectors" / "bundles"

Files = dict[str, bytes]


class Known(NamedTuple):
    """What a reader trusts: verifier keys as text, certificates in DER."""

    ledger: str
    cosigners: tuple[str, ...] = ()
    roots: tuple[bytes, ...] = ()


class Case(NamedTuple):
    """A bundle as somebody shows it, and what every verifier says of it."""

    name: str
    attack: str
    base: str
    trust: str
    verdict: str
    codes: tuple[str, ...]
    answers: Mapping[str, str]

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return patched(base(self.base), _broken().get(self.name))

    @property
    def known(self) -> Known:
        """What the reader trusts."""
        return trusts()[self.trust]


@cache
def cases() -> tuple[Case, ...]:
    """Every case, in the order in which they were made; good ones first."""
    rows = json.loads((VECTORS / "cases.json").read_bytes())
    return tuple(Case(**{**row, "codes": tuple(row["codes"])}) for row in rows)


def good() -> tuple[Case, ...]:
    """The cases of which nothing is wrong."""
    return tuple(case for case in cases() if case.name == case.base)


@cache
def trusts() -> dict[str, Known]:
    """What readers trust, by name."""
    rows = json.loads((VECTORS / "trust.json").read_bytes())
    return {
        name: Known(
            row["ledger"], tuple(row["cosigners"]), tuple(map(base64.b64decode, row["roots"]))
        )
        for name, row in rows.items()
    }


@cache
def base(name: str) -> bytes:
    """The zip of a good bundle."""
    return lzma.decompress((VECTORS / f"{name}.zip.xz").read_bytes())


@cache
def _broken() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lzma.decompress((VECTORS / "broken.json.xz").read_bytes()))
    return found


def patched(data: bytes, change: Mapping[str, Any] | None) -> bytes:
    """A zip with a change of broken.json made to it."""
    if change is None:
        return data
    if "zip" in change:
        return base64.b64decode(change["zip"])
    bag = read_zip(data)
    files = dict(bag.files)
    for path, content in change["files"].items():
        if content is None:
            del files[path]
        else:
            files[path] = base64.b64decode(content)
    return write_zip(files, bag.name)


def change_of(data: bytes, broken: bytes | Mapping[str, bytes]) -> dict[str, Any]:
    """The change that makes `broken` (a zip, or the files of a bag) of a zip."""
    if isinstance(broken, bytes):
        return {"zip": base64.b64encode(broken).decode("ascii")}
    files = read_zip(data).files
    changed: dict[str, str | None] = dict.fromkeys(sorted(files.keys() - broken.keys()))
    for path, content in sorted(broken.items()):
        if files.get(path) != content:
            changed[path] = base64.b64encode(content).decode("ascii")
    return {"files": changed}

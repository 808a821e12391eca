"""Write the names that `verify.html` shows: `ledger/offline/browser/names.json`.

    python tools/page_names.py [--check]

The verifiers know neither the domain nor its labels, so the page is packed with this file: of every
event its label and which of its fields hold codes, the labels of those codes and of sealed fields.
Run it when a code or label was added; with `--check` (a test does so) it fails when the file is not
what the code says. Chinese first, English second, as in `ledger.labels`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from domain import TOPICS
from domain.codes import ENUMERATIONS
from ledger import labels

TARGET = Path(__file__).parent.parent / "ledger" / "offline" / "browser" / "names.json"
COMPACT = (",", ":")
BESIDE = ("BundleScope", "HoldingState", "ItemOutcome", "RedactionReason", "VerificationResult")
"""Enumerations of codes that are no field of an event, or lie deeper in one."""


def _enumerations(hint: object) -> Iterator[str]:
    """The enumerations whose codes a field may hold."""
    arguments = get_args(hint)
    for name, enumeration in ENUMERATIONS.items():
        if arguments == tuple(enumeration.codes):
            yield name
            return
    for argument in arguments:
        yield from _enumerations(argument)


def coded() -> dict[str, dict[str, str]]:
    """By topic, the fields that hold codes, with the name of their enumeration."""
    found: dict[str, dict[str, str]] = {}
    for topic, kind in TOPICS.items():
        hints = get_type_hints(kind, include_extras=True)
        named = {field: next(_enumerations(hints[field]), "") for field in kind.__struct_fields__}
        found[topic] = {field: name for field, name in named.items() if name}
    return found


def names() -> bytes:
    """The bytes of the file."""
    fields = coded()
    shared = set.intersection(*({*own.items()} for own in fields.values()))
    used = {*BESIDE, *(name for own in fields.values() for name in own.values())}
    tables: dict[str, Any] = {
        "topics": {topic: list(labels.TOPICS.get(topic, (topic, topic))) for topic in TOPICS},
        "sealed": {path: list(label) for path, label in labels.FIELDS.items()},
        "envelope": dict(shared),
        "fields": {
            topic: own
            for topic, all_of_it in fields.items()
            if (own := {f: n for f, n in all_of_it.items() if (f, n) not in shared})
        },
        "codes": {
            name: {code.code: [code.zh, code.en] for code in ENUMERATIONS[name].values}
            for name in sorted(used)
        },
    }
    lines = (
        f'"{name}": {json.dumps(table, ensure_ascii=False, sort_keys=True, separators=COMPACT)}'
        for name, table in sorted(tables.items())
    )
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` only say whether it is current."""
    made = names()
    if "--check" in arguments:
        return int(not TARGET.is_file() or TARGET.read_bytes() != made)
    TARGET.write_bytes(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

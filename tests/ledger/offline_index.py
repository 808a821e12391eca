"""Indexes as whoever keeps a ledger would write them: by the definition, and no faster."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ledger.offline.events import format_file
from ledger.tlog.merkle import inclusion_proof, leaf_hash, leaf_reader
from ledger.tlog.note import encode_base64

_IDS = re.compile(
    rb'(?<!\\)"([a-z_]{3,24}-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})'
    rb'(?:/[1-9][0-9]{0,15})?"(?!:)'
)


def index_rows(events: Iterable[bytes]) -> list[str]:
    """Every row of the index over these events, in order."""
    tails: dict[str, tuple[int, str]] = {}
    named: set[tuple[str, str]] = set()
    for raw in events:
        event = json.loads(raw)
        tails[event["stream"]] = event["version"], leaf_hash(raw).hex()
        named |= {(name.decode(), event["stream"]) for name in _IDS.findall(raw)}
    return sorted(f"{n} {s} {tails[s][0]} {tails[s][1]}" for n, s in named)


def index_file(
    texts: Sequence[str],
    scope: dict[str, Any],
    events: Sequence[bytes],
    around: int,
    without: Collection[str],
) -> bytes:
    """index.json: the rows of a scope in the index with these texts, with neighbours, and heads.

    `events`: all of the ledger; `around`: how many neighbours on each side, where there are so
    many; `without`: objects, and streams of heads, that are left out.
    """
    read = leaf_reader([leaf_hash(text.encode()) for text in texts])

    def row(n: int) -> dict[str, Any]:
        proof = inclusion_proof(n, len(texts), read)
        return {"row": n, "text": texts[n], "hashes": list(map(encode_base64, proof))}

    objects = []
    for about in sorted(_objects(texts, scope, events) - set(without)):
        at = [n for n, text in enumerate(texts) if text.startswith(about + " ")]
        first = at[0] if at else sum(text < about for text in texts)
        end = at[-1] + 1 if at else first
        near = range(max(first - around, 0), min(end + around, len(texts)))
        objects.append({"object": about, "rows": list(map(row, near))})
    heads = [
        row(n) for n, (name, stream, *_) in enumerate(text.split() for text in texts)
        if name == stream and name not in without
        and name.partition("-")[0] in ("actor", "party", "policy", "ledger")
    ]  # fmt: skip
    return format_file({"event": scope["index"], "heads": heads, "objects": objects})


def _objects(texts: Sequence[str], scope: dict[str, Any], events: Sequence[bytes]) -> set[str]:
    """The scope's id; of a record, its copies too: those it names, and what the index has."""
    about = scope["id"]
    if scope["kind"] != "record":
        return {about}
    own = [raw for raw in events if json.loads(raw)["stream"] == about]
    named = {name.decode() for raw in own for name in _IDS.findall(raw)}
    found = set[str]()
    waiting = {about, *(name for name in named if name.startswith("holding-"))}
    while waiting:
        found |= waiting
        rows = (text.split() for text in texts)
        waiting = {s for o, s, *_ in rows if o in waiting and s.startswith("holding-")} - found
    return found

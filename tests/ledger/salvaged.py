"""What a salvage wrote, checked by hand: with the proofs of `ledger.tlog` and nothing of salvage's.

Whoever reads such a folder has the trusted key and what is in it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import leaf_hash, tree_root, verify_inclusion
from ledger.tlog.note import VerifierKey


class Salvaged(NamedTuple):
    """A salvage's folder, read back."""

    report: dict[str, Any]
    events: dict[int, bytes]
    degrees: dict[int, str]
    entries: dict[int, Entry]

    @property
    def proved(self) -> set[bytes]:
        return set(self.events.values())


def read_salvaged(folder: Path, trust: VerifierKey) -> Salvaged:
    """Everything in it, after every claim was checked."""
    roots = {}
    for path in sorted((folder / "checkpoints").glob("*.note")):
        opened = open_checkpoint(path.read_bytes(), [trust], trust.name).checkpoint
        roots[opened.size, opened.root] = path
    lines = _lines(folder / "entries.jsonl")
    entries, seen = {}, {}
    for line in lines:
        entry = Entry.parse(_bytes(line["data"]))
        entries[line["entry"]] = entry
        note = entry.commit.note
        seen[line["entry"]] = (note.seen_size, note.seen_root)
        assert (entry.accepted, note.count) == (line["accepted"], line["count"])
    for line in lines:
        _check_place(line, roots, seen)
    events, degrees = {}, {}
    commits: dict[int, dict[int, bytes]] = {}
    for line, raw in _raw_events(folder / "events.jsonl"):
        events[line["position"]], degrees[line["position"]] = raw, line["proof"]
        commits.setdefault(line["entry"], {})[line["position"]] = raw
    for line in lines:
        _check_events(line, entries[line["entry"]], commits.pop(line["entry"], {}))
    assert not commits, "events of entries that were not saved"
    report = json.loads((folder / "salvage.json").read_text())
    return Salvaged(report, events, degrees, entries)


def _check_place(
    line: dict[str, Any], roots: dict[tuple[int, bytes], Path], seen: dict[int, tuple[int, bytes]]
) -> None:
    if line["proof"] == "signed":
        assert "path" not in line
        return
    state = (line["size"], _bytes(line["root"]))
    if line["proof"] == "checkpoint":
        assert state in roots
    else:
        assert seen[line["by"]] == state
        assert line["entry"] < line["by"]
    verify_inclusion(
        line["entry"], line["size"], leaf_hash(_bytes(line["data"])),
        [_bytes(one) for one in line["path"]], state[1],
    )  # fmt: skip


def _check_events(line: dict[str, Any], entry: Entry, events: dict[int, bytes]) -> None:
    """Each event is under the root that was signed: by itself, or with its neighbours' hashes."""
    note, first = entry.commit.note, line["first"]
    joined = _bytes(line["leaves"])
    leaves = [joined[at : at + 32] for at in range(0, len(joined), 32)]
    if events:
        assert tree_root(leaves) == note.root
        assert len(leaves) == note.count
    for position, raw in events.items():
        assert leaves[position - first] == leaf_hash(raw)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _raw_events(path: Path) -> list[tuple[dict[str, Any], bytes]]:
    """Each line, and the bytes of its event as they stand in it."""
    found = []
    for raw in path.read_bytes().splitlines():
        line = json.loads(raw)
        if "bytes" in line:
            found.append((line, _bytes(line["bytes"])))
            continue
        event = raw.partition(b'"event":')[2].rpartition(b',"placed":')[0]
        assert json.loads(event) == line["event"]
        found.append((line, event))
    return found


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)

"""A bundle packed and signed again by its exporter: then manifests say nothing of a change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from ledger.bundle.order import canonical_json
from ledger.errors import DataError
from ledger.offline.bag import EXPORTER_NOTE, make_bag
from ledger.offline.notes import parse_entry
from ledger.privatekey import PrivateKey
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note, SignatureLine, encode_base64
from tests.corpus import Files

BOOK = "data/10_账本"
SCOPE, EVENTS, PLACES = f"{BOOK}/scope.json", f"{BOOK}/events.jsonl", f"{BOOK}/places.json"
CONSISTENT = f"{BOOK}/consistency.json"
REDACTED = "data/30_附件/redactions.json"
EXPORTED = "2026-03-02T02:00:00.000Z"
_TAGS = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")


def changed(files: Mapping[str, bytes], changes: Mapping[str, bytes | None]) -> Files:
    """Files with some set and others (None) left out."""
    return {name: data for name, data in {**files, **changes}.items() if data is not None}


def left_out(files: Mapping[str, bytes], event: str) -> dict[str, bytes | None]:
    """A change: one event gone, as if it had never been: line, place, proof, and what cites it."""
    places = json.loads(files[PLACES])
    at = next(n for n, place in enumerate(places) if place["event"] == event)
    entry, index = places[at]["entry"], places[at]["index"]
    line = sum("leaf" not in place for place in places[:at])
    lines = files[EVENTS].splitlines(keepends=True)
    gone = [f"{BOOK}/proofs/{entry}-{index}.tlog-proof"]
    cited = json.loads(files[CONSISTENT])
    if sum(place["entry"] == entry for place in places) == 1:
        gone += [f"{BOOK}/entries/{entry}.entry", f"{BOOK}/proofs/{entry}.tlog-proof"]
        seen = parse_entry(files[gone[1]]).commit.seen_size
        cited = [row for row in cited if row["from"] != seen]
    shown = [row for row in json.loads(files[REDACTED]) if row["event"] != event]
    if "leaf" not in places[at]:
        del lines[line]
    return {
        EVENTS: b"".join(lines), PLACES: canonical_json(places[:at] + places[at + 1 :]),
        REDACTED: canonical_json(shown), CONSISTENT: canonical_json(cited), **dict.fromkeys(gone),
    }  # fmt: skip


def sealed(
    files: Mapping[str, bytes],
    key: PrivateKey,
    like: Mapping[str, bytes] | None = None,
    **say: str,
) -> Files:
    """A bag of the payload and the verifiers among these files, with an exporter's note.

    `like`: the bundle whose name it keeps, and whose scope and state the note says if these files
    say none; `say`: parts of the note other than they follow: `scope`, `manifest`, `exported`,
    `bundle` (and so the bag's name).
    """
    like = like or files
    scope = json.loads(like[SCOPE])
    bundle = say.get("bundle") or scope["export"].partition("/")[0]
    with suppress(ValueError, KeyError):
        scope = {**scope, **json.loads(files[SCOPE])}
    payload = {name: data for name, data in files.items() if name.startswith("data/")}
    tags = {name: data for name, data in files.items() if name.startswith("verify/")}
    info = {
        "External-Identifier": bundle, "Bagging-Date": EXPORTED[:10],
        "Bag-Software-Agent": "muniment/0.1.0",
    }  # fmt: skip
    made = make_bag(payload, tags, info)
    digest = {n: sha256(made[f"{n}-sha256.txt"]).hexdigest() for n in ("manifest", "tagmanifest")}
    head = _head(files) or _head(like)
    assert head is not None
    text = (
        f"{key.name.partition('/a/')[0]}/bundle/{bundle[-36:].replace('-', '')}\n"
        "muniment-evidence 2\n"
        f"manifest-sha256 {say.get('manifest', digest['manifest'])}\n"
        f"tagmanifest-sha256 {digest['tagmanifest']}\n"
        f"checkpoint {head.size} {encode_base64(head.root)}\n"
        f"scope {say.get('scope') or _about(scope)}\n"
        f"exported {say.get('exported') or EXPORTED}\n"
        f"exporter {key.name} {key.verifier.key_id.hex()}\n"
    ).encode("ascii")
    line = SignatureLine(key.name, key.verifier.key_id, key.sign(text))
    return {**made, EXPORTER_NOTE: Note(text, (line,)).format()}


def _about(scope: Mapping[str, Any]) -> str:
    return f"{scope['kind']} {scope.get('id') or scope['from'] + '/' + scope['to']}"


def _head(files: Mapping[str, bytes]) -> Checkpoint | None:
    """The largest state of the bundle, if its checkpoints can be read."""
    names = [name for name in files if name.startswith(f"{BOOK}/checkpoints/")]
    try:
        found = [Checkpoint.parse(Note.parse(files[name]).text) for name in names]
    except DataError:
        return None
    return max(found, key=lambda head: head.size, default=None)

"""Every byte of a small bundle changed, and the whole signed for again by its exporter.

The manifests fit then, so each file has to be found out by what it says: the right finding at the
right file or event, in all three verifiers. `told` says which that is, from the bytes alone.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from ledger.bundle.order import canonical_json
from ledger.errors import DataError
from ledger.offline.bag import TAG_FILES
from ledger.offline.findings import Finding, Flaw
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.note import Note
from tests.corpus.sealing import BOOK, CONSISTENT, EVENTS, PLACES, REDACTED, SCOPE
from tests.verifiers.browserscript import BrowserScript
from tests.verifiers.cases import Small
from tests.verifiers.test_every_byte import SHARES, Damage, every_byte, judged, seeded

EACH: Final = 6
READ: Final = ("data/10_", "data/20_", "data/30_")
PACK: Final = f"{BOOK}/policy/"
_CLASSES: Final = [frozenset(part.encode()) for part in (string.digits, string.ascii_letters)]
Told = frozenset[tuple[str, str]]


def altered(data: bytes, at: int, draw: random.Random) -> bytes:
    """Another byte at a place: any, or, half the time, one of its kind, so that forms still fit."""
    kind = next((c for c in _CLASSES if data[at] in c), frozenset[int]())
    others = sorted(kind - {data[at]})
    byte = (
        draw.choice(others) if others and draw.random() < 0.5 else data[at] ^ draw.randrange(1, 256)
    )
    return data[:at] + bytes([byte]) + data[at + 1 :]


# -- what must be told ----------------------------------------------------------------------------


def told(files: Mapping[str, bytes], name: str, data: bytes, at: int) -> Told:
    """Of a file that is now other at one byte: one of these codes, each with its file or event."""
    if name.startswith(f"{BOOK}/entries/"):
        code = "entry_not_in_ledger" if parses(Entry.parse, data) else "entry_malformed"
        return here(name, code)
    if name.startswith(f"{BOOK}/checkpoints/"):
        return of_a_checkpoint(name, data)
    if name.startswith(f"{BOOK}/proofs/"):
        return of_a_proof(files, name, at)
    if name.startswith(PACK):
        return here(name, "policy_differs")
    if name == EVENTS:
        return of_events(files, data, at)
    if name.endswith("openings.json"):
        return here(name, "opening_malformed")
    if name.startswith("data/20_"):
        return here(name, "derived_differs")
    return of_json(files, name, data)


def here(name: str, *codes: str) -> Told:
    return frozenset((code, name) for code in codes)


def parses(parse: Any, data: bytes) -> bool:
    try:
        parse(data)
    except (DataError, ValueError):
        return False
    return True


def of_a_checkpoint(name: str, data: bytes) -> Told:
    """Its signature covers the three lines; a line by nobody who is known signs nothing."""
    if not parses(Note.parse, data) or not parses(Checkpoint.parse, Note.parse(data).text):
        return here(name, "checkpoint_malformed")
    codes = ("checkpoint_signature", "checkpoint_key_unknown", "checkpoint_foreign")
    return here(name, *codes)


def of_a_proof(files: Mapping[str, bytes], name: str, at: int) -> Told:
    """What a proof ends with is the note that it leads to; before it stand index and hashes."""
    ending = at >= files[name].index(b"\n\n") + 2
    place = name.rpartition("/")[2].partition(".")[0]
    if "-" not in place:
        entry = ("entry_not_in_ledger", f"{BOOK}/entries/{place}.entry")
        differs = here(name, "entry_proof_differs")
        return differs if ending else differs | here(name, "entry_proof_malformed") | {entry}
    event = event_at(files, *map(int, place.split("-")))
    codes = ("event_not_in_commit",) if ending else ("event_not_in_commit", "event_proof_malformed")
    return here(event, *codes)


def event_at(files: Mapping[str, bytes], entry: int, index: int) -> str:
    rows = json.loads(files[PLACES])
    event: str = next(r["event"] for r in rows if (r["entry"], r["index"]) == (entry, index))
    return event


def of_events(files: Mapping[str, bytes], data: bytes, at: int) -> Told:
    if data.count(b"\n") != files[EVENTS].count(b"\n"):
        return here(EVENTS, "events_cut")
    number = data[:at].count(b"\n")
    line, event = data.split(b"\n")[number], json.loads(files[PLACES])[number]["event"]
    if not is_canonical(line + b"\n"):
        return here(event, "event_not_canonical")
    return here(event, "event_not_canonical", "event_malformed", "event_not_in_commit")


def is_canonical(data: bytes) -> bool:
    return parses(json.loads, data) and canonical_json(json.loads(data)) == data


def of_json(files: Mapping[str, bytes], name: str, data: bytes) -> Told:
    """The form first; of what still has its form, what it says elsewhere or of itself."""
    malformed = here(name, "file_malformed")
    if not is_canonical(data):
        return malformed
    value, before = json.loads(data), json.loads(files[name])
    if name == SCOPE:
        return malformed | of_the_scope(files, value, before)
    if name == PLACES:
        row = next(new for new, old in zip(value, before, strict=True) if new != old)
        nowhere = ("entry_missing", f"{BOOK}/entries/{row.get('entry')}.entry")
        event = here(row.get("event", ""), "derived_differs", "event_proof_missing")
        return malformed | event | {nowhere}
    if name == CONSISTENT:
        at = next(n for n, (new, old) in enumerate(zip(value, before, strict=True)) if new != old)
        leads_elsewhere = ("state_not_prefix", citing(files, before[at]["from"]))
        return here(name, "consistency_malformed") | {leads_elsewhere}
    assert name == REDACTED or before == []
    return malformed | here(name, "redactions_differ")


def of_the_scope(files: Mapping[str, bytes], value: Any, before: Any) -> Told:
    field = next(key for key in before if value.get(key) != before[key])
    if field not in value:
        return frozenset()
    if field == "checkpoint":
        return frozenset({("part_missing", f"{BOOK}/checkpoints/{value[field]}.txt")})
    if field == "origin":
        return here(f"{BOOK}/checkpoints/{before['checkpoint']}.txt", "checkpoint_differs")
    if field == "export":
        return here(value[field], "selection_differs")
    if field == "streams":
        (gone,) = set(value[field]) - set(before[field])
        return here(gone, "version_gap")
    return here(SCOPE, "derived_differs")


def citing(files: Mapping[str, bytes], size: int) -> str:
    """The entry whose signers had seen a state."""
    entries = (name for name in files if name.startswith(f"{BOOK}/entries/"))
    return next(n for n in entries if Entry.parse(files[n]).commit.note.seen_size == size)


# -- what is said ---------------------------------------------------------------------------------


def signed_again(
    small: Small, places: Sequence[tuple[str, int]], draw: random.Random
) -> Iterator[Damage]:
    """Changed bytes, with manifests and a note of the exporter over what is now there."""
    files = small.case.files
    for name, at in places:
        data = altered(files[name], at, draw)
        try:
            again = small.resealed({**files, name: data})
        except Flaw:
            continue
        change = {name: data, **{n: again[n] for n in TAG_FILES}}
        yield Damage(f"byte {at} of {name}", change, told(files, name, data, at))


def found_out(script: BrowserScript, small: Small, damages: Sequence[Damage]) -> None:
    for damage, report in zip(damages, judged(script, small.case, damages), strict=True):
        assert report.verdict in ("invalid", "unverifiable"), damage.what
        said = {found for one in report.findings for found in places_of(one)}
        assert damage.wanted & said, (damage.what, damage.wanted, report.findings)


def places_of(one: Finding) -> set[tuple[str, str]]:
    return {(one.code, where) for where in (one.file, one.event) if where}


def read_bytes(files: Mapping[str, bytes]) -> list[tuple[str, int]]:
    """Every byte that a verifier reads; of the policy pack, of which the digest counts, a few."""
    inside = [place for place in every_byte(files) if place[0].startswith(READ)]
    return [(name, at) for name, at in inside if not name.startswith(PACK) or at % 40 == 0]


def test_a_changed_byte_that_the_exporter_signs_for_is_found_for_what_it_is(
    script: BrowserScript, small: Small
) -> None:
    """Some bytes of every file that a verifier reads."""
    draw, files = seeded(), small.case.files
    drawn = [
        (name, at)
        for name in sorted({name for name, _ in read_bytes(files)})
        for at in draw.sample(range(len(files[name])), min(EACH, len(files[name])))
    ]
    assert len(drawn) > 150
    found_out(script, small, list(signed_again(small, drawn, draw)))


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_every_changed_byte_that_the_exporter_signs_for_is_found_for_what_it_is(
    script: BrowserScript, small: Small, share: int
) -> None:
    draw = seeded()
    mine = read_bytes(small.case.files)[share::SHARES]
    for at in range(0, len(mine), 500):
        found_out(script, small, list(signed_again(small, mine[at : at + 500], draw)))

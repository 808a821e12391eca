"""A bundle that shows everything, with any of its files replaced, and signed for again."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from ledger.offline.bag import Bag, make_bag
from ledger.offline.check import check_bundle
from ledger.offline.report import Report
from ledger.tlog import ed25519
from tests.ledger.offline_forger import (
    ATTACHMENTS,
    BOOK,
    CONSISTENCY,
    INDEX,
    KEYS,
    OPENINGS,
    PLACES,
    REDACTIONS,
    ROLES,
    SCOPE,
    Files,
    Shown,
    answers,
    check,
    trusting,
)
from tests.ledger.rogues import Estate
from tests.ledger.signers import signer
from tests.ledger.test_offline_times import AUTHORITY, Stamped, accepted

AUDITOR = signer("auditor.example/index", 4)
JSON = (
    SCOPE, PLACES, CONSISTENCY, INDEX, KEYS, ROLES, OPENINGS, ATTACHMENTS, REDACTIONS,
    "data/60_环境/software.json",
)  # fmt: skip
CONTENT = b"redacted"


def everything(estate: Estate) -> tuple[Files, Callable[[Files], Report]]:
    """A bundle with an index, tokens, cosignatures, openings, an attachment, a withheld event."""
    rogue = estate.rogue
    start = accepted(rogue)
    rogue.publish_index()
    other = next(one for one in rogue.all_events() if one["type"] == "record.collected")
    row = {
        "event": estate.collected, "file": "files/1.pdf", "kind": "redacted", "path": "content",
        "reason": "trade_secret", "sha256": sha256(CONTENT).hexdigest(),
    }  # fmt: skip
    shown = Shown(
        withheld={f"{other['stream']}/{other['version']}": "trade_secret"},
        openings=[estate.opened(estate.collected, "title", "source")],
        attachments=[row], files={"files/1.pdf": CONTENT}, indexed=True,
    )  # fmt: skip
    rogue.bundle(shown)  # records the export
    token = Stamped(rogue, start + timedelta(seconds=2)).anchor(rogue, start + timedelta(seconds=9))
    rogue.record_export(shown)
    size = len(rogue.entries)
    rogue.take_back()
    shown = shown._replace(stamped=[token.pair], cosigned={size: (AUDITOR,), 3: ()})
    files = rogue.bundle(shown)
    trust = trusting(rogue.case.vkey, [AUDITOR], [AUTHORITY.root_der])

    def again(changed: Files) -> Report:
        payload = {n: d for n, d in changed.items() if n.startswith("data/")}
        tags = {n: d for n, d in changed.items() if n.startswith("verify/")}
        info = changed["bag-info.txt"].decode().splitlines()
        lines = dict(line.split(": ", 1) for line in info if not line.startswith("Payload-Oxum"))
        made = make_bag(payload, tags, lines)
        bag = Bag(rogue.name, {**made, "exporter.note": changed["exporter.note"]})
        return check_bundle(bag, trust, ed25519.verify)

    report = check(files, rogue.case.vkey, [AUDITOR], [AUTHORITY.root_der])
    assert report.verdict == "valid", report.findings
    assert answers(report) == {
        **dict.fromkeys(answers(report), "holds"), "streams_unbroken": "undecided",
        "disclosed": "undecided", "permitted": "undecided",
    }  # fmt: skip
    return files, again


def only_repacked(report: Report) -> bool:
    """Whether nothing but the exporter's note, which was left as it is, tells of a change."""
    return {found.code for found in report.findings} <= {"note_differs"}


@pytest.mark.parametrize("name", JSON)
def test_no_value_of_a_file_can_be_another(estate: Estate, name: str) -> None:
    """Whatever stands in a JSON file: every value in it replaced, with none of them a crash."""
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw = random.Random(seed)
    files, again = everything(estate)
    value = json.loads(files[name])
    ways = list(paths(value))
    for way in draw.sample(ways, min(len(ways), 25)):
        for new in draw.sample(STRANGE, 3):
            changed = replaced(value, way, new)
            if changed == value and json.dumps(changed) == json.dumps(value):
                continue
            text = json.dumps(changed, sort_keys=True, separators=(",", ":")) + "\n"
            report = again({**files, name: text.encode()})
            free = name.endswith("software.json") or (way[-1:] == ["reason"] and new == "erased")
            assert free or not only_repacked(report), (way, new)
            assert report.as_json()
            assert report.as_text("zh")


STRANGE: list[Any] = [
    None, True, 0, -1, 1, 2**53 - 1, 2**64, 1.5, "", "x", "erased", "0" * 64, "é", "\ud800",
    [], {}, [[]], [{}], [None], {"event": 1}, ["left:" + "0" * 64], "record",
    "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e", "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e/1",
    "files/2.pdf", "A" * 43 + "=",
]  # fmt: skip


def paths(value: Any, way: tuple[Any, ...] = ()) -> Any:
    """The way to every value inside a value."""
    yield list(way)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*way, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from paths(inner, (*way, at))


def replaced(value: Any, way: list[Any], new: Any) -> Any:
    if not way:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[way[0]] = replaced(copied[way[0]], way[1:], new)
    return copied


def test_every_file_emptied_doubled_cut_or_removed_is_missed(estate: Estate) -> None:
    files, again = everything(estate)
    changes: list[Callable[[bytes], bytes | None]] = [
        lambda _: None, lambda _: b"", lambda d: d * 2, lambda d: d[:-1], lambda d: d + b"\n",
        lambda _: b"\xff" * 9, lambda d: d[::-1],
    ]  # fmt: skip
    for name in sorted(n for n in files if n.startswith((BOOK, "data/20", "data/30"))):
        for number, change in enumerate(changes):
            new = change(files[name])
            if new == files[name] or (new is None and name.endswith("/checkpoints/3.txt")):
                continue  # of a further state nothing else speaks
            changed = {n: d for n, d in {**files, name: new}.items() if d is not None}
            report = again(changed)
            assert not only_repacked(report), (name, number)
            assert report.verdict != "valid"


def test_hostile_files_are_findings_and_never_a_crash(estate: Estate) -> None:
    hostile: list[Callable[[bytes], bytes]] = [
        lambda _: b"", lambda _: b"\0" * 100, lambda _: b"\xff" * 100, lambda d: d * 2,
        lambda d: d[: len(d) // 2], lambda d: d[::-1], lambda _: b"[" * 100_000,
        lambda _: b"\n" * 1000, lambda d: d.replace(b"\n", b"\r\n"), lambda d: d.upper(),
        lambda _: b'[{"entry":99999999999999999999,"event":"x","index":0}]\n',
        lambda _: b"9" * 5000 + b"\n",
    ]  # fmt: skip
    honest, _ = everything(estate)
    trust = trusting(estate.rogue.case.vkey, [AUDITOR], [AUTHORITY.root_der])
    kinds = {re.sub("[0-9]+", "0", name): name for name in sorted(honest)}
    for name in kinds.values():
        for number, change in enumerate(hostile):
            files = {**honest, name: change(honest[name])}
            report = check_bundle(Bag(estate.rogue.name, files), trust, ed25519.verify)
            if files[name] != honest[name]:
                assert report.verdict != "valid", (name, number)
            assert report.as_text("zh")
            assert report.as_json()

"""Everything that can happen to a bundle's files, done to all of them: never taken for good.

Twice: to the bundle as it lies there, where manifests tell; and with an exporter who packs and
signs it again, where proofs, signatures and the events themselves must.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.offline.bag import Bag, read_zip, write_zip
from ledger.offline.check import check_bundle
from ledger.offline.findings import Flaw
from ledger.offline.report import Report
from ledger.offline.trust import parse_trust
from ledger.privatekey import PrivateKey
from ledger.tlog import ed25519
from tests import corpus
from tests.corpus import Case, Files
from tests.corpus.frozen import frozen
from tests.corpus.sealing import BOOK, EVENTS, PLACES, changed, left_out, sealed
from tests.corpus.world import START
from tests.fuzz.parsers import mutated
from tests.ledger.ledgers import found_firm

ENVIRONMENT = "data/60_环境/"
"""What nobody but the exporter answers for."""
SHARES = 8
SECONDS = 20.0
NOT_MISSED = {
    "party.registered", "ledger.timestamp_anchored", "destruction_case.destruction_certified",
}  # fmt: skip
"""Events that a bundle of a record may lack: they prove nobody's key, and name the record nowhere.

The index speaks of events that name the record. A destruction case names copies: its last event
can be kept back, and the page says so beside the claim.
"""


@cache
def case_of(name: str) -> Case:
    return next(case for case in corpus.cases() if case.name == name)


@cache
def bag_of(name: str) -> Bag:
    return read_zip(case_of(name).data)


def check(name: str, files: Mapping[str, bytes]) -> Report:
    """What is said of files under the bundle's name, to a reader who trusts all there is."""
    known = case_of(name).known
    trust = parse_trust(known.ledger, known.cosigners, known.roots)
    start = time.process_time()
    report = check_bundle(Bag(bag_of(name).name, dict(files)), trust, ed25519.verify)
    assert time.process_time() - start < SECONDS, "a verifier that can be made to hang"
    json.loads(report.as_json())
    assert report.as_text("zh")
    return report


def seeded() -> random.Random:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    return random.Random(seed)


# -- an exporter who helps ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exporter() -> Iterator[PrivateKey]:
    """The key that the corpus's exporter has: everything random in it comes from the seed."""
    with (
        tempfile.TemporaryDirectory() as home,
        frozen("muniment corpus 1", START),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("XDG_STATE_HOME", home)
        firm = found_firm(Path(home) / "ledger")
        with firm.open() as ledger:
            key = ledger.acting(firm.founded.actor).key
        yield key


def resealed(name: str, files: Mapping[str, bytes], key: PrivateKey) -> Files:
    return sealed(files, key, bag_of(name).files)


def test_the_exporter_of_the_corpus_signs_as_before(exporter: PrivateKey) -> None:
    files = bag_of("record").files
    assert resealed("record", files, exporter) == files


# -- bytes ----------------------------------------------------------------------------------------


def flipped(data: bytes, at: int, draw: random.Random) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]


def test_no_changed_byte_of_a_zip_leaves_it_a_bundle() -> None:
    draw, data = seeded(), case_of("record").data
    for at in draw.sample(range(len(data)), 2000):
        byte_changed(data, at, draw)


@pytest.mark.slow
def test_no_changed_byte_of_a_whole_zip_leaves_it_a_bundle() -> None:
    draw, data = seeded(), case_of("record").data
    for at in range(len(data)):
        byte_changed(data, at, draw)


def byte_changed(data: bytes, at: int, draw: random.Random) -> None:
    try:
        bag = read_zip(flipped(data, at, draw))
    except Flaw:
        return
    assert check("record", bag.files).verdict != "valid", at


def content(name: str) -> list[tuple[str, int]]:
    """Every byte that a verifier holds against something, by file and place."""
    return [
        (path, at)
        for path, data in sorted(bag_of(name).files.items())
        if path.startswith("data/") and not path.startswith(ENVIRONMENT)
        for at in range(len(data))
    ]


def byte_signed_for(name: str, path: str, at: int, draw: random.Random, key: PrivateKey) -> None:
    files = bag_of(name).files
    other = {**files, path: flipped(files[path], at, draw)}
    report = check(name, resealed(name, other, key))
    assert report.verdict != "valid", (path, at, other[path][max(at - 40, 0) : at + 40])


@pytest.mark.parametrize("name", ["record", "period"])
def test_no_changed_byte_is_taken_even_if_the_exporter_signs_for_it(
    name: str, exporter: PrivateKey
) -> None:
    draw = seeded()
    for path, at in draw.sample(content(name), 150):
        byte_signed_for(name, path, at, draw, exporter)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_no_changed_byte_at_all_is_taken_even_if_the_exporter_signs_for_it(
    share: int, exporter: PrivateKey
) -> None:
    draw = seeded()
    for path, at in content("record")[share::SHARES]:
        byte_signed_for("record", path, at, draw, exporter)


# -- files ----------------------------------------------------------------------------------------


def changes(name: str, other: str) -> Iterator[tuple[str, Files]]:
    """Every file left out, renamed, doubled, emptied, cut, grown, or another bundle's instead."""
    files, theirs = bag_of(name).files, bag_of(other).files
    for path, data in files.items():
        stem, dot, end = path.rpartition(".")
        beside = f"{stem}9{dot}{end}"
        yield f"{path} left out", changed(files, {path: None})
        yield f"{path} renamed", changed(files, {path: None, beside: data})
        yield f"{path} doubled", changed(files, {beside: data})
        yield f"{path} emptied", changed(files, {path: b""})
        yield f"{path} cut", changed(files, {path: data[:-1]})
        yield f"{path} grown", changed(files, {path: data + b"\n"})
        yield f"{path} of zeros", changed(files, {path: bytes(len(data))})
        if theirs.get(path, data) != data:
            yield f"{path} of another bundle", changed(files, {path: theirs[path]})
    paths = sorted(path for path in files if path.startswith(f"{BOOK}/"))
    for one, following in pairwise(paths):
        if files[one] != files[following]:
            swapped = {one: files[following], following: files[one]}
            yield f"{one} and its neighbour exchanged", changed(files, swapped)


@pytest.mark.parametrize("other", ["destruction_case", "whole_ledger"])
def test_no_file_can_be_left_out_renamed_doubled_or_exchanged(other: str) -> None:
    """`whole_ledger` is of another ledger of the same name."""
    tried = 0
    for what, files in changes("record", other):
        report = check("record", files)
        assert report.verdict in ("invalid", "unverifiable"), what
        assert report.findings, what
        tried += 1
    assert tried > 500


def test_nor_if_the_exporter_signs_for_it(exporter: PrivateKey) -> None:
    for what, files in changes("record", "whole_ledger"):
        path = what.partition(" ")[0]
        if not path.startswith("data/") or path.startswith(ENVIRONMENT):
            continue  # what is outside is written anew, and what is beside is the exporter's word
        try:
            again = resealed("record", files, exporter)
        except Flaw:
            continue
        assert check("record", again).verdict != "valid", what


# -- events ---------------------------------------------------------------------------------------


def test_no_event_can_be_left_out_even_if_the_exporter_signs_for_it(exporter: PrivateKey) -> None:
    """Line, place, proof and redaction gone, as if it had never been."""
    files = bag_of("destroyed_record").files
    places, lines = json.loads(files[PLACES]), files[EVENTS].splitlines()
    assert len(places) > 30
    types = {f"{e['stream']}/{e['version']}": e["type"] for e in map(json.loads, lines)}
    spared = []
    for place in places:
        other = changed(files, left_out(files, place["event"]))
        report = check("destroyed_record", resealed("destroyed_record", other, exporter))
        if report.verdict == "valid":
            spared.append(types[place["event"]])
    assert set(spared) <= NOT_MISSED, spared


def test_no_two_events_can_change_places(exporter: PrivateKey) -> None:
    files = bag_of("period").files
    lines = files[EVENTS].splitlines(keepends=True)
    for at in range(len(lines) - 1):
        swapped = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]
        other = resealed("period", {**files, EVENTS: b"".join(swapped)}, exporter)
        assert check("period", other).verdict == "invalid", at


# -- chance ---------------------------------------------------------------------------------------


def broken_by_chance(draw: random.Random) -> Files:
    """Some files of a bundle with some changes, in no order that anybody thought of."""
    files = dict(bag_of(draw.choice(("record", "period", "whole_ledger"))).files)
    for _ in range(draw.choice((1, 1, 2, 5))):
        path = draw.choice(sorted(files))
        files[path] = mutated(files[path], draw)
    return files


def test_files_broken_by_chance_never_crash_a_verifier() -> None:
    chance(250)


@pytest.mark.slow
def test_many_files_broken_by_chance_never_crash_a_verifier() -> None:
    chance(20_000)


def chance(count: int) -> None:
    draw = seeded()
    for _ in range(count):
        check("record", broken_by_chance(draw))


def test_more_files_than_a_bundle_holds_are_refused_at_once() -> None:
    one, other = (write_zip({f"{top}/{n}": b"" for n in range(50_000)}) for top in "ab")
    start = time.process_time()
    with pytest.raises(Flaw, match="too_large"):
        read_zip(one[: one.index(b"PK\1\2")] + other)
    assert time.process_time() - start < SECONDS

"""What somebody could make a verifier do for them: nothing that takes minutes, or gigabytes."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest

from ledger.offline.bag import Bag
from ledger.offline.check import check_bundle
from ledger.offline.events import MAX_FILE_BYTES, MAX_NESTED, parse_event, parse_file
from ledger.offline.history import History
from ledger.offline.notes import parse_entry
from ledger.offline.trust import parse_trust
from ledger.privatekey import generate
from ledger.tlog import ed25519
from ledger.tlog.commit import SignedCommit
from ledger.tlog.note import COSIGNATURE, Note, SignatureLine
from tests.ledger.offline_forger import (
    EVENTS,
    OPENINGS,
    PLACES,
    Rogue,
    Shown,
    answers,
    as_enrolled,
    check,
    codes,
    next_of,
    next_review,
)
from tests.ledger.rogues import Estate
from tests.ledger.signers import signer

GRANTS, SECONDS = 50_000, 10.0


# -- the history of roles -------------------------------------------------------------------------


def founded(rogue: Rogue) -> History:
    """The keys and roles as they are."""
    history = History(rogue.origin)
    for index, (data, states) in enumerate(zip(rogue.entries, rogue.events, strict=True)):
        entry = parse_entry(data)
        history.fold(
            index, entry.accepted, entry.commit, [parse_event(json.loads(raw)) for raw in states]
        )
    return history


@pytest.mark.parametrize(("entries", "scope"), [(2, None), (500, None), (2, "engagement-x")])
def test_very_many_grants_to_one_person_cost_seconds(
    estate: Estate, entries: int, scope: str | None
) -> None:
    """Those of another engagement too, which have to be looked at and give nothing."""
    rogue = estate.rogue
    history = founded(rogue)
    last = parse_entry(rogue.entries[-1])
    actor = rogue.last("actor.registered")["stream"]
    model = next_of(rogue, actor, type="actor.role_granted", granted="administrator")
    said: dict[str, Any] = {**model, **({"scope": scope} if scope else {})}
    each, index = GRANTS // entries, len(rogue.entries)
    start = time.process_time()
    for number in range(entries):
        events = [parse_event({**said, "version": number * each + at + 1}) for at in range(each)]
        assert not history.fold(index + number, last.accepted, last.commit, events)
    assert time.process_time() - start < SECONDS
    rows = history.actors([])
    assert "administrator" in next(row["roles"] for row in rows if row["actor"] == actor)


def test_a_role_given_or_taken_holds_from_the_next_entry_on(estate: Estate) -> None:
    rogue = estate.rogue
    history, last = founded(rogue), parse_entry(rogue.entries[-1])
    admin = rogue.case.exporter.name.rpartition("/")[2]
    other = next(row["actor"] for row in history.actors([]) if row["actor"] != admin)

    def event(kind: str, by: str, **fields: str) -> Any:
        model = next_of(rogue, other, type=f"actor.role_{kind}", **fields)
        return parse_event({**model, "by": by, "role": "administrator"})

    give = event("granted", admin, granted="administrator")
    use = event("granted", other, granted="reviewer")
    take = event("revoked", admin, revoked="administrator")
    index = len(rogue.entries)

    def refused(*events: Any) -> list[int]:
        nonlocal index
        index += 1
        return [at for at, _ in history.fold(index, last.accepted, last.commit, list(events))]

    assert refused(give, use) == [1]
    assert refused(use, take, use) == []
    assert refused(use) == [0]
    assert refused(give, take, use) == [2]
    assert refused(use) == [0], "given and taken in one entry"
    assert refused(event("revoked", admin, revoked=["x"]), take, give) == []  # type: ignore[arg-type]
    assert refused(use) == []


# -- signatures -----------------------------------------------------------------------------------


def test_a_stranger_makes_nobody_verify_signatures(estate: Estate) -> None:
    """A ledger of the same name, under a key that the reader does not know."""
    rogue, asked = estate.rogue, []

    def counted(public: bytes, signature: bytes, message: bytes) -> None:
        asked.append(public)
        ed25519.verify(public, signature, message)

    for _ in range(3):
        review = next_review(rogue)
        rogue.accept(rogue.said(review, by=[(estate.reviewer, "reviewer")]), review)
    rogue.record_export()
    files = rogue.bundle()
    stranger = parse_trust(signer(rogue.origin).verifier.format())
    report = check_bundle(Bag(rogue.name, files), stranger, counted)
    assert not asked
    assert codes(report) == {"checkpoint_key_unknown"}
    assert set(answers(report).values()) == {"undecided"}
    assert (report.verdict, report.exit_code) == ("unverifiable", 3)
    assert {row.answer for row in report.events} == {"undecided"}
    assert not any(row.says for row in report.events)
    check_bundle(Bag(rogue.name, files), parse_trust(rogue.case.vkey), counted)
    assert asked


class Counted:
    """A verifier that counts what it is asked, by public key."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, public: bytes, signature: bytes, message: bytes) -> None:
        self.asked.append(public)
        ed25519.verify(public, signature, message)


def lying(rogue: Rogue, *lines: SignatureLine) -> tuple[str, dict[str, bytes]]:
    """The bundle with other lines under its checkpoint: the file, and the files."""
    name = f"data/10_账本/checkpoints/{len(rogue.entries)}.txt"
    files = rogue.bundle(recorded=True)
    note = Note.parse(files[name])
    changed = rogue.bundle(recorded=True, changes={name: Note(note.text, lines).format()})
    return name, changed


def crowded(estate: Estate) -> None:
    rogue = estate.rogue
    for _ in range(3):
        review = next_review(rogue)
        rogue.accept(rogue.said(review, by=[(estate.reviewer, "reviewer")]), review)
    rogue.record_export()


def test_a_line_in_the_trusted_keys_name_costs_one_signature(estate: Estate) -> None:
    """Whoever writes it did not make it: nothing else of the bundle is looked into."""
    rogue, trust = estate.rogue, parse_trust(estate.rogue.case.vkey)
    crowded(estate)
    bogus = SignatureLine(rogue.origin, trust.ledger.key_id, bytes(32) + bytes(32))
    name, files = lying(rogue, *[bogus] * 100)
    counted = Counted()
    report = check_bundle(Bag(rogue.name, files), trust, counted)
    assert counted.asked == [trust.ledger.public]
    assert [(one.code, one.file) for one in report.findings] == [("checkpoint_signature", name)]
    assert report.verdict == "invalid"
    assert answers(report)["checkpoint_trusted"] == "fails"
    assert {row.answer for row in report.events} == {"undecided"}


def test_a_rotation_that_the_trusted_key_did_not_sign_costs_one_signature(estate: Estate) -> None:
    rogue, trust = estate.rogue, parse_trust(estate.rogue.case.vkey)
    usurper = generate("ed25519", "checkpoint", rogue.origin)
    for _ in range(5):
        event = next_of(
            rogue, rogue.ledger_id, type="ledger.key_rotated", old_key=trust.ledger.key_id.hex(),
            key={**as_enrolled(usurper), "purpose": "checkpoint"},
        )  # fmt: skip
        signed = rogue.said(
            event, by=[(rogue.key, "possession"), (rogue.case.exporter, "administrator")]
        )
        lines = [
            SignatureLine(line.name, line.key_id, bytes(64)) if line.name == rogue.origin else line
            for line in signed.signatures
        ]  # fmt: skip
        rogue.accept(SignedCommit(signed.note, tuple(lines)), event)
    rogue.key = usurper
    rogue.record_export()
    counted = Counted()
    report = check_bundle(Bag(rogue.name, rogue.bundle(recorded=True)), trust, counted)
    assert counted.asked == [trust.ledger.public]
    assert codes(report) == {"checkpoint_key_unknown"}
    assert report.verdict == "unverifiable"


def test_a_cosigners_line_is_looked_into_once_however_often_it_stands_there(estate: Estate) -> None:
    rogue, witness = estate.rogue, signer("witness.example/w", COSIGNATURE)
    trust = parse_trust(rogue.case.vkey, [witness.verifier.format()])
    crowded(estate)
    shown = Shown(cosigned={len(rogue.entries): (witness,) * 60})
    files = rogue.bundle(shown, recorded=True)
    lines = files[f"data/10_账本/checkpoints/{len(rogue.entries)}.txt"].splitlines()
    assert sum("witness.example" in line.decode() for line in lines) == 60
    counted = Counted()
    report = check_bundle(Bag(rogue.name, files), trust, counted)
    assert report.verdict == "valid", report.findings
    assert counted.asked.count(witness.verifier.public) == 1
    assert counted.asked.count(trust.ledger.public) <= 3  # before, then, and in entry 0


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"[" + b"[]," * MAX_NESTED + b"[]]\n",
        b"[" + b"{}," * MAX_NESTED + b"{}]\n",
        b"[" + b"1," * (MAX_FILE_BYTES // 2) + b"1]\n",
    ],
    ids=["lists", "objects", "numbers"],
)
def test_a_file_of_very_many_values_is_refused_before_it_is_decoded(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="too long"):
            parse_file(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_files_that_would_fill_the_memory_are_findings(estate: Estate) -> None:
    rogue = estate.rogue
    crowd = b"[" + b"[]," * MAX_NESTED + b"[]]\n"
    for name, code in ((OPENINGS, "opening_malformed"), (PLACES, "file_malformed"),
                       (EVENTS, "file_malformed")):  # fmt: skip
        report = check(rogue.bundle(changes={name: crowd}), rogue.case.vkey)
        assert code in codes(report), name
        assert report.verdict == "invalid"
    lines = check(rogue.bundle(changes={EVENTS: b"\n" * (20 << 20)}), rogue.case.vkey)
    assert "events_cut" in codes(lines)

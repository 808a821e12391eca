"""States of a ledger: who signed, cosigned and saw them, and forks that come to light."""

from __future__ import annotations

import json
from typing import Any

from ledger.offline.bag import Bag
from ledger.offline.check import check_bundle
from ledger.offline.events import format_file
from ledger.offline.report import Report
from ledger.privatekey import generate
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.merkle import leaf_hash, tree_root
from ledger.tlog.note import Note, SignatureLine
from tests.ledger.offline_forger import (
    BOOK,
    CONSISTENCY,
    WHEN,
    Alias,
    Files,
    Rogue,
    Shown,
    answers,
    as_enrolled,
    check,
    codes,
    next_of,
    next_review,
    reasons,
    trusting,
)
from tests.ledger.rogues import Estate
from tests.ledger.signers import signer

WITNESS = signer("witness.example/w1", 4)
AUDITOR = signer("auditor.example/index", 4)


def size_of(rogue: Rogue) -> int:
    return len(rogue.entries)


def proofs(files: Files) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(files[CONSISTENCY])
    return found


def with_proofs(rogue: Rogue, rows: object) -> Report:
    return check(rogue.bundle(changes={CONSISTENCY: format_file(rows)}), rogue.case.vkey)


# -- consistency ----------------------------------------------------------------------------------


def test_every_state_that_was_seen_is_proved_a_prefix(estate: Estate) -> None:
    files = estate.rogue.bundle()
    assert proofs(files)
    assert check(files, estate.rogue.case.vkey).verdict == "valid"


def test_a_signer_who_saw_another_ledger_shows_the_fork(estate: Estate) -> None:
    """The keeper showed the reviewer a ledger without the collection, and took their review."""
    rogue = estate.rogue
    event = next_review(rogue)
    honest = rogue.entries[-1]
    rogue.entries[-1] = rogue.entries[1]
    signed = rogue.said(event, by=[(estate.reviewer, "reviewer")])
    rogue.entries[-1] = honest
    rogue.accept(signed, event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"state_not_prefix"}
    assert report.verdict == "invalid"
    assert answers(report)["events_genuine"] == "fails"


def test_a_checkpoint_of_a_fork_is_found_though_the_ledgers_key_signed_it(estate: Estate) -> None:
    rogue, size = estate.rogue, 3
    head = Checkpoint(rogue.origin, size, tree_root([leaf_hash(b"x")] * size))
    note = Note(head.format(), (sign_checkpoint(head, rogue.key),)).format()
    shown = Shown(cosigned={size: ()})
    files = rogue.bundle(shown, {f"{BOOK}/checkpoints/{size}.txt": note})
    report = check(files, rogue.case.vkey)
    assert codes(report) == {"state_not_prefix"}
    assert report.verdict == "invalid"


def test_a_missing_proof_between_states_makes_the_bundle_unverifiable(estate: Estate) -> None:
    rows = proofs(estate.rogue.bundle())
    report = with_proofs(estate.rogue, rows[1:])
    assert codes(report) == {"consistency_missing"}
    assert [found.expected for found in report.findings] == [str(rows[0]["from"])]
    assert report.verdict == "unverifiable"
    assert answers(report)["events_genuine"] == "undecided"


def test_a_cut_swapped_or_altered_proof_between_states_proves_nothing(estate: Estate) -> None:
    rows = proofs(estate.rogue.bundle())
    long = max(range(len(rows)), key=lambda n: len(rows[n]["hashes"]))
    other = next(n for n, row in enumerate(rows) if row["hashes"] != rows[long]["hashes"])
    hashes = rows[long]["hashes"]
    for changed in (hashes[:-1], hashes[::-1], [*hashes, hashes[0]], rows[other]["hashes"], []):
        assert changed != hashes
        told = [*rows[:long], {**rows[long], "hashes": changed}, *rows[long + 1 :]]
        report = with_proofs(estate.rogue, told)
        assert codes(report) == {"state_not_prefix"}, changed


def test_proofs_between_states_have_one_form(estate: Estate) -> None:
    rows = proofs(estate.rogue.bundle())
    size = size_of(estate.rogue)
    one = rows[0]
    forms: list[object] = [
        {}, [1], rows[::-1], [*rows, rows[-1]], [{**one, "more": 1}, *rows[1:]],
        [{**one, "from": 0}, *rows[1:]], [{**one, "from": True}, *rows[1:]],
        [*rows[:-1], {**rows[-1], "from": size}], [{**one, "hashes": "x"}, *rows[1:]],
        [{**one, "hashes": [1]}, *rows[1:]], [{**one, "hashes": ["AAAA"]}, *rows[1:]],
        [{**one, "hashes": [*one["hashes"], "A" * 43 + "="] * 40}, *rows[1:]],
    ]  # fmt: skip
    for changed in forms:
        report = with_proofs(estate.rogue, changed)
        assert "consistency_malformed" in codes(report), changed
        assert report.verdict == "invalid"
    for data in (b"", b"[", b"[]", b"[" * 100_000 + b"\n", b"\xff\n"):
        report = check(estate.rogue.bundle(changes={CONSISTENCY: data}), estate.rogue.case.vkey)
        assert "file_malformed" in codes(report), data


def test_a_proof_of_a_state_of_which_nothing_speaks_is_out_of_place(estate: Estate) -> None:
    rogue, size = estate.rogue, size_of(estate.rogue)
    event = next_review(rogue)
    signed = rogue.said(event, by=[(estate.reviewer, "reviewer")], seen=size - 1)
    rogue.accept(signed, event)
    report = with_proofs(rogue, proofs(rogue.bundle()))
    assert report.verdict == "valid"
    speaking = proofs(rogue.bundle(Shown(cosigned={size: ()})))
    report = with_proofs(rogue, speaking)
    assert codes(report) == {"consistency_malformed"}
    assert [found.actual for found in report.findings] == [str(size)]


# -- checkpoints ----------------------------------------------------------------------------------


def test_further_checkpoints_are_held_to_the_same_key(estate: Estate) -> None:
    rogue = estate.rogue
    shown = Shown(cosigned={2: (WITNESS,)})
    assert check(rogue.bundle(shown), rogue.case.vkey).verdict == "valid"
    name = f"{BOOK}/checkpoints/2.txt"
    honest = Note.parse(rogue.state(2))
    stranger = signer(rogue.origin)
    unknown = Note(
        honest.text,
        (SignatureLine(stranger.verifier.name, stranger.verifier.key_id, bytes(64)),),
    )
    (line,) = honest.signatures
    broken = Note(honest.text, (SignatureLine(line.name, line.key_id, bytes(64)),))
    for note, code in (
        (unknown.format(), "checkpoint_key_unknown"),
        (broken.format(), "checkpoint_signature"),
        (rogue.state(3), "checkpoint_differs"),
        (b"x", "checkpoint_malformed"),
    ):
        report = check(rogue.bundle(shown, {name: note}), rogue.case.vkey)
        assert code in codes(report), code
        assert answers(report)["checkpoint_trusted"] != "holds"
        assert report.verdict != "valid"


def test_a_later_checkpoint_than_the_bundles_has_no_place(estate: Estate) -> None:
    rogue = estate.rogue
    size = size_of(rogue)
    review = next_review(rogue)
    rogue.accept(rogue.said(review, by=[(estate.reviewer, "reviewer")]), review)
    later = rogue.state(size + 1)
    rogue.take_back()
    files = rogue.bundle(changes={f"{BOOK}/checkpoints/{size + 1}.txt": later})
    assert codes(check(files, rogue.case.vkey)) == {"checkpoint_differs"}


# -- cosigners ------------------------------------------------------------------------------------


def test_a_witness_of_the_readers_trust_bears_the_state_out(estate: Estate) -> None:
    rogue = estate.rogue
    files = rogue.bundle(Shown(cosigned={size_of(rogue): (WITNESS, AUDITOR)}))
    report = check(files, rogue.case.vkey, [WITNESS])
    assert answers(report)["witnessed"] == "holds"
    assert report.cosigners == ["witness.example/w1"]
    report = check(files, rogue.case.vkey)
    assert reasons(report, "witnessed") == ["no_cosigner_trusted"]
    assert report.cosigners == []
    other = check(files, rogue.case.vkey, [signer("other.example/w2", 4)])
    assert reasons(other, "witnessed") == ["not_cosigned"]
    assert other.verdict == "valid"


def test_a_cosignature_below_the_last_event_does_not_cover_it(estate: Estate) -> None:
    rogue = estate.rogue
    places = json.loads(rogue.bundle()[f"{BOOK}/places.json"])
    own = set(rogue.scope["streams"]) - {rogue.scope["export"].partition("/")[0]}
    last = max(p["entry"] for p in places if p["event"].partition("/")[0] in own)
    for size, answer in ((last, "undecided"), (last + 1, "holds")):
        report = check(rogue.bundle(Shown(cosigned={size: (WITNESS,)})), rogue.case.vkey, [WITNESS])
        assert answers(report)["witnessed"] == answer, size
        assert report.cosigners == ["witness.example/w1"]
        assert report.verdict == "valid"


def test_nothing_rests_on_a_state_that_is_not_trusted(estate: Estate) -> None:
    """The cosigner's word stands, but whose ledger it was about is not known."""
    rogue = estate.rogue
    files = rogue.bundle(Shown(cosigned={size_of(rogue): (WITNESS,)}))
    report = check(files, signer(rogue.origin).verifier.format(), [WITNESS])
    assert answers(report)["checkpoint_trusted"] == "undecided"
    for claim in ("disclosed", "witnessed", "time", "complete"):
        assert reasons(report, claim) == ["not_reached"], claim
    assert report.cosigners == []


def test_what_is_recorded_of_the_export_is_younger_than_any_cosignature(estate: Estate) -> None:
    """It names the record, so it is one of its streams; nobody could have cosigned it before."""
    rogue = estate.rogue
    export = rogue.scope["export"].partition("/")[0]
    rogue.scope["streams"] = [*rogue.scope["streams"], export]  # as an index would have it
    files = rogue.bundle(Shown(cosigned={size_of(rogue) - 2: (WITNESS,)}))
    assert answers(check(files, rogue.case.vkey, [WITNESS]))["witnessed"] == "holds"


def test_a_cosignature_that_fails_is_found_if_the_cosigner_is_trusted(estate: Estate) -> None:
    rogue = estate.rogue
    size = size_of(rogue)
    name = f"{BOOK}/checkpoints/{size}.txt"
    note = Note.parse(rogue.state(size, [WITNESS]))
    mine, theirs = note.signatures
    for signature in (
        bytes(72),
        (WHEN + 1).to_bytes(8, "big") + theirs.signature[8:],  # another time than was signed
        theirs.signature[:-1],
        theirs.signature + b"\0",
        theirs.signature[8:],
        b"\0",
    ):
        lines = (mine, SignatureLine(theirs.name, theirs.key_id, signature))
        forged = Note(note.text, lines).format()
        files = rogue.bundle(changes={name: forged, **reproved(rogue, forged)})
        report = check(files, rogue.case.vkey, [WITNESS])
        assert codes(report) == {"cosignature_fails"}, signature
        assert answers(report)["witnessed"] == "fails"
        assert answers(report)["checkpoint_trusted"] == "fails"
        assert report.cosigners == []
        assert check(files, rogue.case.vkey).verdict == "valid", "of others nothing is known"


def test_a_hundred_forged_lines_cost_one_verification(estate: Estate) -> None:
    """Or whoever exports could keep a reader waiting."""
    rogue = estate.rogue
    size = size_of(rogue)
    note = Note.parse(rogue.state(size, [WITNESS]))
    mine, theirs = note.signatures
    for honest in (mine, theirs):
        forged = [
            SignatureLine(honest.name, honest.key_id, bytes([n]) * len(honest.signature))
            for n in range(99 - len(note.signatures))
        ]
        data = Note(note.text, (*forged, mine, theirs)).format()
        name = f"{BOOK}/checkpoints/{size}.txt"
        files = rogue.bundle(changes={name: data, **reproved(rogue, data)})
        asked: list[bytes] = []

        def verify(public: bytes, signature: bytes, message: bytes, asked: Any = asked) -> None:
            asked.append(signature)
            ed25519.verify(public, signature, message)

        report = check_bundle(Bag("", files), trusting(rogue.case.vkey, [WITNESS]), verify)
        assert codes(report) & {"checkpoint_signature", "cosignature_fails"}
        assert len({one for one in asked if len(set(one)) == 1}) <= 1


def reproved(rogue: Rogue, note: bytes) -> Files:
    """The proofs of all entries against the same state under other signatures."""
    honest = rogue.state(size_of(rogue))
    files = rogue.bundle()
    names = (f"{BOOK}/proofs/{entry}.tlog-proof" for entry in range(size_of(rogue)))
    return {name: files[name].replace(honest, note) for name in names}


def test_a_cosignature_of_a_fork_counts_for_nothing(estate: Estate) -> None:
    """The witness saw another ledger of this name; the bundle shows both."""
    rogue, size = estate.rogue, 3
    honest = rogue.entries[0]
    rogue.entries[0] = rogue.entries[1]
    fork = rogue.state(size, [AUDITOR])
    rogue.entries[0] = honest
    shown = Shown(cosigned={size: ()})
    files = rogue.bundle(shown, {f"{BOOK}/checkpoints/{size}.txt": fork})
    report = check(files, rogue.case.vkey, [AUDITOR])
    assert codes(report) == {"state_not_prefix"}
    assert report.cosigners == []
    assert answers(report)["witnessed"] != "holds"


def test_a_key_that_acts_in_the_ledger_is_no_witness_of_it(estate: Estate) -> None:
    """Its owner signs notes as somebody concerned, whatever name they give it elsewhere."""
    rogue = estate.rogue
    actor = rogue.case.exporter.name.rpartition("/")[2]
    fresh = generate("ed25519", "act", f"{rogue.origin}/a/{actor}")
    event = next_of(
        rogue, actor, type="actor.key_enrolled", key=as_enrolled(fresh), continuity="continuous"
    )
    signed = rogue.said(event, by=[(rogue.case.exporter, "administrator"), (fresh, "possession")])
    rogue.accept(signed, event)
    alias = Alias("nice-witness.example", fresh)
    files = rogue.bundle(Shown(cosigned={size_of(rogue): (alias,)}))
    report = check(files, rogue.case.vkey, [alias])
    assert report.verdict == "valid"
    assert reasons(report, "witnessed") == ["not_cosigned"]
    assert report.cosigners == []


def test_the_empty_state_is_seen_by_the_first_entry_only(estate: Estate) -> None:
    rogue = estate.rogue
    event = next_review(rogue)
    rogue.accept(rogue.said(event, by=[(estate.reviewer, "reviewer")], seen=0), event)
    report = check(rogue.bundle(), rogue.case.vkey)
    assert codes(report) == {"seen_out_of_range"}

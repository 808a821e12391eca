"""Whether everything is there: the index of a ledger, a period, and who vouches for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ledger.offline.events import format_file
from ledger.offline.notes import parse_entry
from ledger.offline.report import Report
from ledger.privatekey import generate
from ledger.signing import new_ids
from ledger.tlog.commit import Entry
from tests.ledger.offline_forger import (
    BOOK,
    CONSISTENCY,
    EVENTS,
    INDEX,
    KEYS,
    PLACES,
    REDACTIONS,
    ROLES,
    SCOPE,
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
)
from tests.ledger.rogues import Estate
from tests.ledger.signers import signer
from tests.ledger.test_offline_copies import renamed
from tests.ledger.test_offline_times import AUTHORITY, Stamped, accepted

AUDITOR = signer("auditor.example/index", 4)
WITNESS = signer("witness.example/w1", 4)
SOON = "2098-01-01T00:00:00.000Z"
LATER = "2099-01-01T00:00:00.000Z"


@pytest.fixture
def rogue(estate: Estate) -> Rogue:
    """With an index of everything so far."""
    estate.rogue.publish_index()
    return estate.rogue


def certified(rogue: Rogue, changes: dict[str, bytes | None] | None = None) -> Files:
    """A bundle with the index, under a state that the auditor certified."""
    shown = Shown(cosigned={len(rogue.entries): (AUDITOR, WITNESS)}, indexed=True)
    return rogue.bundle(shown, changes or {})


def read(rogue: Rogue, files: Files) -> Report:
    return check(files, rogue.case.vkey, [AUDITOR])


def rows(rogue: Rogue, around: int = 1) -> list[dict[str, Any]]:
    """Those of the record."""
    (mine,) = (one["rows"] for one in json.loads(rogue.index_file(around))["objects"]
               if one["object"] == rogue.case.record)  # fmt: skip
    found: list[dict[str, Any]] = mine
    return found


def with_rows(rogue: Rogue, changed: object) -> Report:
    """With other rows of the record."""

    def edit(index: dict[str, Any]) -> None:
        about = [one["object"] for one in index["objects"]].index(rogue.case.record)
        index["objects"][about]["rows"] = changed

    return with_index(rogue, edit)


def with_index(rogue: Rogue, edit: Callable[[dict[str, Any]], None]) -> Report:
    index = json.loads(rogue.index_file())
    edit(index)
    return read(rogue, certified(rogue, {INDEX: format_file(index)}))


# -- the index ------------------------------------------------------------------------------------


def test_everything_about_a_record_is_there_as_a_certified_index_shows(rogue: Rogue) -> None:
    report = read(rogue, certified(rogue))
    assert report.verdict == "valid", report.findings
    assert answers(report)["complete"] == "holds"
    assert report.complete_to == len(rogue.entries) - 1
    assert json.loads(report.as_json())["complete_to"] == report.complete_to
    about = [row for row in rows(rogue) if row["text"].startswith(rogue.case.record)]
    assert len(about) > 1
    assert len(rows(rogue)) == len(about) + 2


def test_without_an_index_nobody_can_say(estate: Estate) -> None:
    report = check(estate.rogue.bundle(), estate.rogue.case.vkey, [AUDITOR])
    assert reasons(report, "complete") == ["no_index"]
    assert report.complete_to == -1


def test_only_who_verified_the_whole_ledger_certifies_and_only_if_trusted(rogue: Rogue) -> None:
    size = len(rogue.entries)
    for cosigners, trusted in (
        ((AUDITOR,), ()),
        ((), (AUDITOR,)),
        ((WITNESS,), (WITNESS, AUDITOR)),  # a witness says something else
        ((signer("other.example/index", 4),), (AUDITOR,)),
        ((signer("auditor.example/reindex", 4),), (signer("auditor.example/reindex", 4),)),
    ):
        files = rogue.bundle(Shown(cosigned={size: cosigners}, indexed=True))
        report = check(files, rogue.case.vkey, trusted)
        assert reasons(report, "complete") == ["not_certified"], cosigners
        assert report.verdict == "valid"


def test_a_certificate_of_a_state_without_the_index_says_nothing_of_it(rogue: Rogue) -> None:
    published = len(rogue.entries) - 1
    for size, answer in ((published, "undecided"), (published + 1, "holds")):
        files = rogue.bundle(Shown(cosigned={size: (AUDITOR,)}, indexed=True))
        assert answers(read(rogue, files))["complete"] == answer


@pytest.mark.parametrize("whose", ["an actor's", "the ledger's", "an actor's for cosigning"])
def test_nobody_in_the_ledger_certifies_it(rogue: Rogue, whose: str) -> None:
    """Under whatever name: the public key is the one that is enrolled."""
    private = rogue.key if whose == "the ledger's" else rogue.case.exporter
    if whose.endswith("cosigning"):
        private = generate("ed25519", "act", private.name)  # signs its enrolment as a note
        key = {**as_enrolled(private), "purpose": "cosign"}
        actor = private.name.rpartition("/")[2]
        event = next_of(rogue, actor, type="actor.key_enrolled", key=key, continuity="first")
        by = [(rogue.case.exporter, "administrator"), (private, "possession")]
        rogue.accept(rogue.said(event, by=by), event)
    alias = Alias("auditor.example/index", private)
    files = rogue.bundle(Shown(cosigned={len(rogue.entries): (alias,)}, indexed=True))
    if whose == "the ledger's":
        with pytest.raises(ValueError, match="ledger's"):
            check(files, rogue.case.vkey, [alias])
        return
    report = check(files, rogue.case.vkey, [alias])
    assert report.verdict == "valid", report.findings
    assert reasons(report, "complete") == ["not_certified"]
    assert answers(report)["witnessed"] == ("holds" if "cosigning" in whose else "undecided")


def test_events_of_the_record_that_are_kept_back_are_missed(rogue: Rogue) -> None:
    """The last review is left out, with its entry, from an otherwise flawless bundle."""
    files = certified(rogue)
    lines, places = files[EVENTS].splitlines(keepends=True), json.loads(files[PLACES])
    review = rogue.last("record.verified")
    name = f"{review['stream']}/{review['version']}"
    at = next(n for n, place in enumerate(places) if place["event"] == name)
    entry = places[at]["entry"]
    seen = Entry.parse(rogue.entries[entry]).commit.note.seen_size
    consistency = json.loads(files[CONSISTENCY])
    del lines[at], places[at]
    changes: dict[str, bytes | None] = {
        EVENTS: b"".join(lines), PLACES: format_file(places),
        f"{BOOK}/entries/{entry}.entry": None, f"{BOOK}/proofs/{entry}.tlog-proof": None,
        f"{BOOK}/proofs/{entry}-0.tlog-proof": None,
        CONSISTENCY: format_file([r for r in consistency if r["from"] != seen]),
    }  # fmt: skip
    report = read(rogue, certified(rogue, changes))
    assert codes(report) == {"index_differs"}
    assert answers(report)["complete"] == "fails"
    assert [found.event for found in report.findings] == [name]
    uncertified = check(certified(rogue, changes), rogue.case.vkey)
    assert codes(uncertified) == {"index_differs"}, "the ledger itself published it"


Change = Callable[[list[dict[str, Any]]], Any]


def other_digit(text: str) -> str:
    """Another last digit of a leaf."""
    return text[:-1] + ("1" if text.endswith("0") else "0")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda r: r[:-1], "index_differs"),  # the neighbour after is left out
        (lambda r: r[1:], "index_differs"),  # the neighbour before
        (lambda r: r[:1], "index_differs"),
        (lambda r: r[:2] + r[3:], "index_malformed"),  # a row in the middle
        (lambda r: [*r[:-2], r[-1]], "index_malformed"),
        (lambda r: r[::-1], "index_malformed"),
        (lambda r: [], "index_malformed"),
        (lambda r: {}, "index_malformed"),
        (lambda r: [*r, 1], "index_malformed"),
        (lambda r: [{**r[0], "row": -1}, *r[1:]], "index_malformed"),
        (lambda r: [{**one, "row": one["row"] + 1} for one in r], "index_differs"),
        (lambda r: [{**r[0], "hashes": r[1]["hashes"]}, *r[1:]], "index_differs"),
        (lambda r: [{**r[0], "hashes": r[0]["hashes"][:-1]}, *r[1:]], "index_differs"),
        (lambda r: [{**r[0], "hashes": [1]}, *r[1:]], "index_malformed"),
        (lambda r: [{**r[0], "hashes": ["A" * 43 + "="] * 99}, *r[1:]], "index_malformed"),
        (lambda r: [{**r[0], "text": r[0]["text"] + " "}, *r[1:]], "index_malformed"),
        (lambda r: [{**r[0], "text": "x"}, *r[1:]], "index_malformed"),
        (lambda r: [{**r[0], "more": 1}, *r[1:]], "index_malformed"),
        (lambda r: [r[0], {**r[1], "text": other_digit(r[1]["text"])}, *r[2:]], "index_differs"),
    ],
)
def test_rows_that_are_left_out_or_changed_do_not_pass(
    rogue: Rogue, change: Change, code: str
) -> None:
    found = rows(rogue)
    report = with_rows(rogue, change(found))
    assert code in codes(report), codes(report)
    assert answers(report)["complete"] == "fails"
    assert report.verdict == "invalid"


def test_more_rows_than_those_about_the_record_and_their_neighbours_are_too_many(
    rogue: Rogue,
) -> None:
    """Nothing of other objects is shown that is not needed."""
    wider = rows(rogue, around=2)
    assert len(wider) > len(rows(rogue))
    assert codes(with_rows(rogue, wider)) == {"index_malformed"}


def test_an_index_that_omits_a_stream_is_the_certifiers_matter(estate: Estate) -> None:
    """A false index proves as well as a right one: that is why somebody must have computed it."""
    rogue = estate.rogue
    texts = rogue.index_rows(len(rogue.entries))
    about = [text for text in texts if text.startswith(rogue.case.record)]
    rogue.publish_index([text for text in texts if text != about[-1]])
    report = read(rogue, rogue.bundle(Shown(indexed=True)))
    assert report.verdict == "valid"
    assert reasons(report, "complete") == ["not_certified"]


def test_an_index_that_names_another_event_is_found(estate: Estate) -> None:
    rogue = estate.rogue
    texts = rogue.index_rows(len(rogue.entries))
    at = next(n for n, text in enumerate(texts) if text.startswith(rogue.case.record))
    texts[at] = texts[at][:-64] + "0" * 64
    rogue.publish_index(texts)
    report = read(rogue, certified(rogue))
    assert codes(report) == {"index_differs"}
    assert [found.expected for found in report.findings] == ["0" * 64]


def test_an_index_older_than_the_record_says_nothing_of_it(estate: Estate) -> None:
    rogue = estate.rogue
    texts = rogue.index_rows(2)
    rogue.publish_index(texts)
    report = read(rogue, certified(rogue))
    assert report.verdict == "valid", report.findings
    assert reasons(report, "complete") == ["no_index"]


def test_the_index_is_the_one_that_the_ledger_published(estate: Estate) -> None:
    rogue = estate.rogue
    rogue.publish_index()
    index = rogue.scope["index"]
    for other in (f"{rogue.scope['streams'][0]}/1", f"{rogue.ledger_id}/1", f"{rogue.ledger_id}/9"):
        rogue.scope["index"] = other
        assert "index_differs" in codes(read(rogue, certified(rogue))), other
    rogue.scope["index"] = index
    missing = read(rogue, certified(rogue, {INDEX: None}))
    assert codes(missing) == {"part_missing"}
    assert answers(missing)["complete"] == "undecided"
    del rogue.scope["index"]
    shown = certified_without(rogue)
    assert codes(read(rogue, shown)) == {"file_unlisted"}


def certified_without(rogue: Rogue) -> Files:
    shown = Shown(cosigned={len(rogue.entries): (AUDITOR,)})
    return rogue.bundle(shown, {INDEX: b"{}\n"})


@pytest.mark.parametrize("size", [0, 99, True, "5", -1])
def test_an_index_of_a_size_that_there_was_not_is_none(estate: Estate, size: object) -> None:
    rogue = estate.rogue
    rogue.publish_index()
    rogue.take_back()
    event = rogue.of_ledger(
        "ledger.index_published", size=size, root="0" * 64, rows=len(rogue._published)
    )
    rogue.administered(event)
    assert "index_differs" in codes(read(rogue, certified(rogue)))


def test_a_search_for_a_person_is_never_said_to_be_complete(estate: Estate) -> None:
    """Though the index names everything about this id: who the person is, no index knows."""
    rogue = estate.rogue
    (subject,) = new_ids("subject")
    rogue.administered(next_of(rogue, subject, type="subject.registered"))
    rogue.scope |= {"kind": "subject", "id": subject, "streams": [subject]}
    rogue.publish_index()
    rogue.record_export()
    report = read(rogue, certified(rogue))
    assert report.verdict == "valid", report.findings
    assert reasons(report, "complete") == ["search"]


# -- the period -----------------------------------------------------------------------------------


def in_period(rogue: Rogue, changes: dict[str, bytes | None] | None = None) -> Report:
    """About entries 2 and 3 of a ledger that goes on."""
    files = rogue.period(2, 4, changes or {})
    return check(files, rogue.case.vkey, [AUDITOR])


def test_a_period_shows_every_entry_and_event_in_it(estate: Estate) -> None:
    report = in_period(estate.rogue)
    assert report.verdict == "valid", report.findings
    assert report.kind == "period"
    assert report.scope == f"{estate.rogue.scope['from']}/{estate.rogue.scope['to']}"
    assert reasons(report, "complete") == ["not_certified"]


def test_a_period_is_complete_if_the_whole_ledger_was_verified(estate: Estate) -> None:
    rogue = estate.rogue
    rogue.period(2, 4, {})  # sets the scope, and records the export
    for size, answer in ((4, "undecided"), (5, "holds")):
        files = rogue.bundle(Shown(cosigned={size: (AUDITOR,)}))
        report = check(files, rogue.case.vkey, [AUDITOR])
        assert answers(report)["complete"] == answer, size
        assert report.complete_to == (4 if answer == "holds" else -1)


def test_a_period_up_to_the_present_needs_no_entry_after_it(estate: Estate) -> None:
    rogue = estate.rogue
    size = len(rogue.entries)
    rogue.period(0, size, {})
    rogue.scope["end"] = len(rogue.entries)  # with the export itself
    files = rogue.bundle(Shown(cosigned={len(rogue.entries): (AUDITOR,)}))
    report = check(files, rogue.case.vkey, [AUDITOR])
    assert report.verdict == "valid", report.findings
    assert report.complete_to == len(rogue.entries)


def between(rogue: Rogue, first: int, end: int, begins: str, ends: str) -> None:
    """Make the scope a period, whatever its entries are."""
    rest = {name: rogue.scope[name] for name in rogue.scope if name not in ("id", "index")}
    rogue.scope = {**rest, "kind": "period", "streams": [], "first": first, "end": end,
                   "from": begins, "to": ends}  # fmt: skip


def test_of_a_period_without_entries_nobody_bears_anything_out(estate: Estate) -> None:
    """Any cosignature would cover it, and any token."""
    rogue = estate.rogue
    size = len(rogue.entries)
    token = Stamped(rogue, accepted(rogue)).anchor(rogue)
    review = next_review(rogue)
    signed = rogue.said(review, by=[(estate.reviewer, "reviewer")])
    rogue.accept(signed, review, at=LATER)
    between(rogue, size + 1, size + 1, SOON, LATER)
    rogue.record_export()
    shown = Shown(cosigned={size: (AUDITOR, WITNESS)}, stamped=[token.pair])
    files = rogue.bundle(shown, recorded=True)
    report = check(files, rogue.case.vkey, [AUDITOR, WITNESS], [AUTHORITY.root_der])
    assert report.verdict == "valid", report.findings
    assert reasons(report, "witnessed") == reasons(report, "time") == ["no_events"]


def test_what_is_withheld_from_a_period_may_be_the_end_of_a_key(estate: Estate) -> None:
    """The report of a compromise, under the name of a document; keys are told as they were."""
    rogue = estate.rogue
    before = rogue.bundle()
    told = {name: before[name] for name in (KEYS, ROLES)}
    actor, index = estate.reviewer.name.rpartition("/")[2], len(rogue.entries)
    report_of = next_of(
        rogue, actor, type="actor.key_compromised", key=estate.reviewer.verifier.key_id.hex(),
        suspected_since="2000-01-01T00:00:00.000Z",
    )  # fmt: skip
    rogue.administered(report_of, at=SOON)
    (document, hold) = (new_ids(kind)[0] for kind in ("document", "hold"))
    rogue.administered(next_of(rogue, hold, type="hold.said"), at=LATER)
    between(rogue, index, index + 1, SOON, LATER)
    rogue.record_export()
    honest = check(rogue.bundle(recorded=True), rogue.case.vkey)
    assert "key_compromised" in codes(honest)
    rogue.record_export(Shown(withheld={f"{document}/1": "trade_secret"}))
    files = rogue.bundle(recorded=True)
    changes = renamed(files, f"{actor}/{report_of['version']}", f"{document}/1")
    report = check(rogue.bundle(changes={**changes, **told}, recorded=True), rogue.case.vkey)
    assert report.verdict == "valid", report.findings
    assert reasons(report, "events_genuine") == ["redacted"]
    (row,) = [row for row in report.events if row.event == f"{document}/1"]
    assert row.says["accepted"] == SOON, "a period is whole, whatever it is that stands there"


def test_a_hole_in_a_period_is_found(estate: Estate) -> None:
    rogue = estate.rogue
    files = rogue.period(2, 5, {})
    lines, places = files[EVENTS].splitlines(keepends=True), json.loads(files[PLACES])
    for entry, gone in ((3, [p for p in places if p["entry"] == 3]), (2, [next(
        p for p in places if p["entry"] == 2)])):  # fmt: skip
        kept = [n for n, p in enumerate(places) if p not in gone]
        changes: dict[str, bytes | None] = {
            EVENTS: b"".join(lines[n] for n in kept),
            PLACES: format_file([places[n] for n in kept]),
        }
        for place in gone:
            changes[f"{BOOK}/proofs/{place['entry']}-{place['index']}.tlog-proof"] = None
        if all(p["entry"] != entry for p in (places[n] for n in kept)):
            changes[f"{BOOK}/entries/{entry}.entry"] = None
            changes[f"{BOOK}/proofs/{entry}.tlog-proof"] = None
        report = check(rogue.bundle(changes=changes), rogue.case.vkey, [AUDITOR])
        assert "period_gap" in codes(report), entry
        assert report.verdict == "invalid"
        assert answers(report)["complete"] == "fails"


def test_an_entry_from_outside_the_period_is_not_of_it(estate: Estate) -> None:
    rogue = estate.rogue
    rogue.period(2, 4, {})
    times = [Entry.parse(entry).accepted for entry in rogue.entries]
    for changed in (
        {"from": times[3]},  # the first entry was accepted before
        {"to": times[3]},  # the last one after
        {"from": times[1]},  # the entry before is in it
        {"to": LATER},  # the entry after is in it
        {"first": 3}, {"end": 3}, {"first": 1}, {"end": 5},
    ):  # fmt: skip
        before = dict(rogue.scope)
        rogue.scope |= changed
        report = check(rogue.bundle(), rogue.case.vkey)
        assert codes(report) & {"period_gap", "selection_differs"}, changed
        assert report.verdict == "invalid"
        if "first" in changed or "end" in changed or changed.get("to") == LATER:
            assert "period_gap" in codes(report), changed
        rogue.scope = before


def test_the_neighbours_of_a_period_are_in_the_bundle(estate: Estate) -> None:
    rogue = estate.rogue
    rogue.period(2, 4, {})
    for entry in (1, 4):
        name = f"{BOOK}/entries/{entry}.entry"
        files = rogue.bundle(Shown(cosigned={5: (AUDITOR,)}), {name: None})
        report = check(files, rogue.case.vkey, [AUDITOR])
        assert "entry_missing" in codes(report)
        assert answers(report)["complete"] == "undecided"


@pytest.mark.parametrize(
    "changed",
    [
        {"first": -1}, {"first": 5, "end": 4}, {"end": 10**6}, {"from": "2026-02-30T00:00:00.000Z"},
        {"from": LATER, "to": LATER}, {"from": 1}, {"streams": ["x"]}, {"end": True}, {"id": "x"},
        {"first": 2**60}, {"streams": {}},
    ],
)  # fmt: skip
def test_a_period_has_one_form(estate: Estate, changed: dict[str, Any]) -> None:
    rogue = estate.rogue
    rogue.period(2, 4, {})
    size = len(rogue.entries)
    scope = format_file({**rogue.scope, "checkpoint": size, **changed})
    report = check(rogue.bundle(changes={SCOPE: scope}), rogue.case.vkey)
    assert "file_malformed" in codes(report)
    assert report.verdict == "invalid"


def test_from_a_stream_that_begins_in_the_middle_of_a_period_no_key_follows(
    estate: Estate,
) -> None:
    """Of a period the signers' streams come whole; of others, what fell into it."""
    rogue = estate.rogue
    actor = estate.reviewer.name.rpartition("/")[2]
    revoked = next_of(rogue, actor, type="actor.role_revoked", revoked="approver", reason="left")
    first = rogue.administered(revoked, at=SOON)
    rogue.administered(rogue.of_ledger("ledger.noted"), at=LATER)
    honest = rogue.period(first, first + 1, {})
    assert check(honest, rogue.case.vkey).verdict == "valid"
    kept = [n for n, states in enumerate(rogue.events) if n == first or not any(
        json.loads(raw)["stream"] == actor or json.loads(raw)["by"] == actor for raw in states
    )]  # fmt: skip
    files = only(rogue, kept)
    report = check(files, rogue.case.vkey)
    assert report.verdict == "valid", report.findings
    assert not any(row["holder"] == actor for row in json.loads(files[KEYS]))


def only(rogue: Rogue, kept: list[int]) -> Files:
    """The bundle without any but these entries, with what then follows for people's keys."""
    files = rogue.bundle()
    lines, places = files[EVENTS].splitlines(keepends=True), json.loads(files[PLACES])
    chosen = [n for n, place in enumerate(places) if place["entry"] in kept]
    events = {places[n]["event"] for n in chosen}
    streams = {e.partition("/")[0] for e in events if e.endswith("/1")}
    boundary = {rogue.scope["first"] - 1, rogue.scope["end"]}
    sizes = {parse_entry(rogue.entries[n]).commit.seen_size for n in {*kept, *boundary}}
    changes: dict[str, bytes | None] = {
        EVENTS: b"".join(lines[n] for n in chosen),
        PLACES: format_file([places[n] for n in chosen]),
        KEYS: format_file([r for r in json.loads(files[KEYS]) if r["holder"] in streams]),
        ROLES: format_file([r for r in json.loads(files[ROLES]) if r["actor"] in streams]),
        CONSISTENCY: format_file([r for r in json.loads(files[CONSISTENCY]) if r["from"] in sizes]),
        REDACTIONS: format_file([r for r in json.loads(files[REDACTIONS]) if r["event"] in events]),
    }  # fmt: skip
    for number in range(len(rogue.entries)):
        if number not in kept and number not in boundary:
            changes[f"{BOOK}/entries/{number}.entry"] = None
            changes[f"{BOOK}/proofs/{number}.tlog-proof"] = None
    for n, place in enumerate(places):
        if n not in chosen:
            changes[f"{BOOK}/proofs/{place['entry']}-{place['index']}.tlog-proof"] = None
    return rogue.bundle(changes=changes)

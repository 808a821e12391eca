"""What is shown beyond events and what is withheld: openings, attachments, whole events."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from ledger.offline import disclosed
from ledger.offline.events import format_file
from ledger.offline.merkle import leaf_hash
from ledger.offline.report import Report
from ledger.sealing import commitment
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.note import Note
from tests.ledger.offline_forger import (
    ATTACHMENTS,
    EVENTS,
    OPENINGS,
    PLACES,
    REDACTIONS,
    ROLES,
    SCOPE,
    Rogue,
    Shown,
    answers,
    check,
    codes,
    next_of,
    reasons,
    sealed,
)
from tests.ledger.rogues import Estate

CONTENT = b"the contract as it was collected"
SECRET = "trade_secret"


def read(rogue: Rogue, shown: Shown, changes: dict[str, bytes | None] | None = None) -> Report:
    return check(rogue.bundle(shown, changes or {}), rogue.case.vkey)


# -- opened fields --------------------------------------------------------------------------------


@pytest.fixture
def opened(estate: Estate) -> dict[str, Any]:
    """The title and the source of the record, as openings.json shows them."""
    return estate.opened(estate.collected, "title", "source")


def test_opened_fields_are_what_the_collector_signed_for(
    estate: Estate, opened: dict[str, Any]
) -> None:
    report = read(estate.rogue, Shown(openings=[opened]))
    assert report.verdict == "valid", report.findings
    assert answers(report)["disclosed"] == "holds"
    assert not opened["fields"][1]["value"].isascii(), "a title in Chinese"
    estate.rogue.record_export()
    nothing = read(estate.rogue, Shown())
    assert reasons(nothing, "disclosed") == ["nothing_disclosed"]


def test_the_commitments_are_those_of_the_ledger(estate: Estate) -> None:
    origin, event, field = estate.rogue.origin, estate.collected, estate.sealed[estate.collected][0]
    r = bytes.fromhex(field["r"])
    ours = disclosed.commitment(origin, event, field["path"], r, field["value"])
    assert ours == commitment(origin, event, field["path"], r, field["value"])
    with pytest.raises(ValueError, match="too long"):
        disclosed.commitment(origin, event, "x" * 70_000, r, "")
    with pytest.raises(ValueError, match="surrogates"):
        disclosed.commitment(origin, event, "x", r, "\ud800")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("value", "另一份合同"), ("value", ""), ("path", "titles"), ("r", "0" * 64),
        ("way", []), ("way", ["left:" + "0" * 64]), ("value", "\U0001f600"),
    ],
)  # fmt: skip
def test_a_field_opened_with_something_else_than_was_sealed_is_found(
    estate: Estate, opened: dict[str, Any], field: str, value: object
) -> None:
    opened["fields"][1] = {**opened["fields"][1], field: value}
    report = read(estate.rogue, Shown(openings=[opened]))
    assert codes(report) == {"opening_differs"}
    assert [found.event for found in report.findings] == [estate.collected]
    assert answers(report)["disclosed"] == "fails"
    assert report.verdict == "invalid"


def test_the_way_of_another_field_or_on_the_other_side_does_not_lead_there(
    estate: Estate, opened: dict[str, Any]
) -> None:
    one, two = opened["fields"]
    flipped = [
        ("right" if step.startswith("left") else "left") + step[step.index(":") :]
        for step in two["way"]
    ]
    assert flipped != two["way"]
    for way in (flipped, one["way"], two["way"][::-1]):
        if way != two["way"]:
            row = {**opened, "fields": [one, {**two, "way": way}]}
            assert codes(read(estate.rogue, Shown(openings=[row]))) == {"opening_differs"}


def test_a_field_of_another_event_is_not_this_ones(estate: Estate) -> None:
    others = [e for e in estate.sealed if e.startswith("record-") and e != estate.collected]
    stolen = {**estate.opened(others[0], "title"), "event": estate.collected}
    assert codes(read(estate.rogue, Shown(openings=[stolen]))) == {"opening_differs"}
    for event in ("record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e/1", f"{estate.rogue.ledger_id}/1"):
        moved = {**stolen, "event": event}
        assert codes(read(estate.rogue, Shown(openings=[moved]))) == {"opening_differs"}, event


def test_openings_have_one_form_and_order(estate: Estate, opened: dict[str, Any]) -> None:
    one, two = opened["fields"]
    first = min(estate.sealed)
    other = estate.opened(first, *_paths(estate, first))
    forms: list[object] = [
        {}, [1], [{}], [{**opened, "more": 1}], [{**opened, "fields": []}],
        [{**opened, "fields": {}}], [{**opened, "fields": [two, one]}],
        [{**opened, "fields": [one, one]}], [opened, opened], [opened, other],
        [{**opened, "event": "x"}], [{**opened, "event": 1}],
        [{**opened, "fields": [{**one, "r": one["r"].upper()}]}],
        [{**opened, "fields": [{**one, "r": 1}]}], [{**opened, "fields": [{**one, "value": 1}]}],
        [{**opened, "fields": [{**one, "way": ["up:" + "0" * 64]}]}],
        [{**opened, "fields": [{**one, "way": ["left:" + "0" * 63]}]}],
        [{**opened, "fields": [{**one, "way": ["left" + "0" * 64]}]}],
        [{**opened, "fields": [{**one, "way": ["left:" + "0" * 64] * 13}]}],
        [{**opened, "fields": [{**one, "way": "left"}]}], [{**opened, "fields": [{"path": "x"}]}],
    ]  # fmt: skip
    for rows in forms:
        report = read(estate.rogue, Shown(), {OPENINGS: format_file(rows)})
        assert "opening_malformed" in codes(report), rows
        assert answers(report)["disclosed"] == "fails"
        assert report.verdict == "invalid"


def _paths(estate: Estate, event: str) -> list[str]:
    return [field["path"] for field in estate.sealed[event]]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"[ ]\n", b"\xff\n", b"[" * 100_000 + b"\n", '["é"]\n'.encode(),
        b'["\\u00E9"]\n', b'["\\ud800"]\n', b'["\\udc00\\ud800"]\n', b'["a\\u0062"]\n',
        b"[1.0]\n", b"[null]\n", b'["\\/"]\n', b'["\x7f"]\n', b"9" * 5000 + b"\n",
    ],
)  # fmt: skip
def test_openings_in_other_bytes_than_the_one_encoding_are_refused(
    estate: Estate, data: bytes
) -> None:
    report = read(estate.rogue, Shown(), {OPENINGS: data})
    assert "opening_malformed" in codes(report)


# -- attachments ----------------------------------------------------------------------------------


def attached(estate: Estate, kind: str = "sealed", data: bytes = CONTENT) -> Shown:
    """A file that goes with the record."""
    row = {
        "event": estate.collected, "file": "files/1.pdf", "kind": kind, "path": "content",
        "sha256": sha256(data).hexdigest(), **({} if kind == "clear" else {"reason": SECRET}),
    }  # fmt: skip
    return Shown(attachments=[row], files={"files/1.pdf": data})


def test_a_clear_attachment_is_the_content_that_was_collected(estate: Estate) -> None:
    rogue = estate.rogue
    content = recollected(estate)
    shown = attached(estate, "clear", content)._replace(
        openings=[estate.opened(estate.collected, "content")]
    )
    report = read(rogue, shown)
    assert report.verdict == "valid", report.findings
    assert answers(report)["disclosed"] == "holds"
    unopened = shown._replace(openings=[])
    assert codes(read(rogue, unopened)) == {"attachment_differs"}
    wrong = shown._replace(openings=[estate.opened(estate.collected, "title")])
    assert codes(read(rogue, wrong)) == {"attachment_differs"}


def recollected(estate: Estate) -> bytes:
    """The bytes of the file that was collected, as the test's firm wrote them."""
    digest = estate.value(estate.collected, "content")
    written = (f"第{number}号保洁合同".encode() for number in range(9))
    return next(data for data in written if sha256(data).hexdigest() == digest)


@pytest.mark.parametrize("kind", ["redacted", "sealed"])
def test_another_version_of_the_content_is_itself(estate: Estate, kind: str) -> None:
    shown = attached(estate, kind)
    for openings in ([], [estate.opened(estate.collected, "title")]):
        report = read(estate.rogue, shown._replace(openings=openings))
        assert report.verdict == "valid"
        assert reasons(report, "disclosed") == ["attachment_unproved"]
        (row,) = report.as_dict()["attachments"]
        assert (row["kind"], row["redacted"]) == (kind, SECRET)
        assert f"files/1.pdf  {kind}  {estate.collected}  withheld: {SECRET}" in report.as_text()


def test_why_a_file_does_not_go_in_clear_is_what_was_asked_for(estate: Estate) -> None:
    """The digest that was asked for, agreed to and exported holds the reason too."""
    rogue, shown = estate.rogue, attached(estate, "redacted")
    rogue.record_export(shown)
    (row,) = shown.attachments
    again = shown._replace(attachments=[{**row, "reason": "personal_data"}])
    for other, found in ((shown, set()), (again, {"selection_differs"})):
        report = check(rogue.bundle(other, recorded=True), rogue.case.vkey)
        assert codes(report) == found


def test_a_swapped_attachment_is_found(estate: Estate) -> None:
    shown = attached(estate)._replace(files={"files/1.pdf": b"something else"})
    report = read(estate.rogue, shown)
    assert codes(report) == {"attachment_differs"}
    assert answers(report)["disclosed"] == "fails"


def test_a_clear_attachment_that_is_not_the_content_is_found(estate: Estate) -> None:
    """Its digest stands in attachments.json, but not in the event."""
    shown = attached(estate, "clear", b"forged")._replace(
        openings=[estate.opened(estate.collected, "content")]
    )
    assert codes(read(estate.rogue, shown)) == {"attachment_differs"}


def test_an_attachment_that_is_not_there_is_missed(estate: Estate) -> None:
    shown = attached(estate)._replace(files={})
    report = read(estate.rogue, shown)
    assert codes(report) == {"attachment_missing"}
    assert report.verdict == "invalid"


def test_an_attachment_belongs_to_an_event_that_is_there_and_has_something_sealed(
    estate: Estate,
) -> None:
    (row,) = attached(estate).attachments
    for event in ("record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e/1", f"{estate.rogue.ledger_id}/1"):
        shown = attached(estate)._replace(attachments=[{**row, "event": event}])
        assert codes(read(estate.rogue, shown)) == {"attachment_differs"}, event


def test_no_file_is_attached_to_a_field_of_free_text(estate: Estate) -> None:
    """Somebody may write any digest into a text, and nobody signed for a file by it."""
    for kind in ("redacted", "sealed", "clear"):
        shown = attached(estate, kind)
        (row,) = shown.attachments
        moved = shown._replace(attachments=[{**row, "path": "title"}])
        report = read(estate.rogue, moved)
        assert codes(report) == {"attachment_differs"}, kind
        assert answers(report)["disclosed"] == "fails"


def test_attachments_have_one_form(estate: Estate) -> None:
    shown = attached(estate)
    (row,) = shown.attachments
    forms: list[object] = [
        {}, [1], [{**row, "file": "files/0.pdf"}], [{**row, "file": "../x.pdf"}],
        [{**row, "file": "files/1.PDF"}], [{**row, "kind": "open"}], [{**row, "sha256": "x"}],
        [{**row, "event": "x"}], [{**row, "path": 1}], [{**row, "more": ""}],
        [{**row, "reason": "whim"}], [{**row, "reason": 1}], [{**row, "reason": ["erased"]}],
        [{**row, "kind": "clear"}], [{**row, "kind": ["clear"]}],
        [{name: value for name, value in row.items() if name != "reason"}],
    ]  # fmt: skip
    for rows in forms:
        report = read(estate.rogue, shown, {ATTACHMENTS: format_file(rows)})
        assert {"file_malformed", "file_unlisted"} <= codes(report), rows
    for number in ("2", "7"):
        other = {f"files/{number}.pdf": CONTENT}
        moved = shown._replace(attachments=[{**row, "file": f"files/{number}.pdf"}], files=other)
        assert codes(read(estate.rogue, moved)) == {"file_malformed"}
    twice = shown._replace(attachments=[row, row])
    assert codes(read(estate.rogue, twice)) == {"file_malformed"}


# -- events that are withheld ---------------------------------------------------------------------


def review_of(estate: Estate) -> str:
    event = estate.rogue.last("record.verified")
    return f"{event['stream']}/{event['version']}"


def test_a_withheld_event_is_proved_to_have_been_signed_and_says_nothing(estate: Estate) -> None:
    report = read(estate.rogue, Shown(withheld={review_of(estate): "trade_secret"}))
    assert report.verdict == "valid", report.findings
    (row,) = [row for row in report.events if row.event == review_of(estate)]
    assert row.answer == "undecided"
    assert row.says == {"redacted": "trade_secret"}, "where it stands is the exporter's word"
    assert reasons(report, "streams_unbroken") == ["redacted"]
    assert answers(report)["events_genuine"] == "holds"
    for language, word in (("en", "withheld: trade_secret"), ("zh", "遮盖：trade_secret")):
        assert word in report.as_text(language)


def test_the_leaf_of_a_withheld_event_cannot_be_another(estate: Estate) -> None:
    shown = Shown(withheld={review_of(estate): "not_needed"})
    places = json.loads(estate.rogue.bundle(shown)[PLACES])
    at = next(n for n, place in enumerate(places) if "leaf" in place)
    for leaf in ("0" * 64, leaf_hash(b"x").hex()):
        changed = [*places[:at], {**places[at], "leaf": leaf}, *places[at + 1 :]]
        estate.rogue.take_back()  # the export of the call before
        report = read(estate.rogue, shown, {PLACES: format_file(changed)})
        assert "event_not_in_commit" in codes(report)
        assert {r.answer for r in report.events if r.event == review_of(estate)} == {"fails"}


def test_what_proves_keys_and_the_export_is_never_withheld(estate: Estate) -> None:
    rogue = estate.rogue
    for kind in ("ledger.initialized", "actor.key_enrolled", "party.registered", "policy.adopted"):
        event = rogue.last(kind)
        name = f"{event['stream']}/{event['version']}"
        report = read(rogue, Shown(withheld={name: "not_needed"}))
        assert "redactions_differ" in codes(report), kind
        assert report.verdict == "invalid"
    export = rogue.scope["export"]
    report = read(rogue, Shown(), withholding(rogue, export))
    assert {"redactions_differ", "selection_differs"} <= codes(report)


def withholding(rogue: Rogue, name: str) -> dict[str, bytes | None]:
    """Files in which one more event is withheld, and nothing else is told of it."""
    files = rogue.bundle()
    places, lines = json.loads(files[PLACES]), files[EVENTS].splitlines(keepends=True)
    at = next(n for n, place in enumerate(places) if place["event"] == name)
    leaf = leaf_hash(lines[at][:-1]).hex()
    places[at] = {**places[at], "leaf": leaf, "reason": "not_needed"}
    return {PLACES: format_file(places), EVENTS: b"".join(lines[:at] + lines[at + 1 :])}


def test_what_is_withheld_is_said_to_be(estate: Estate) -> None:
    rogue, review = estate.rogue, review_of(estate)
    shown = Shown(withheld={review: "personal_data"})
    rows = json.loads(rogue.bundle(shown)[REDACTIONS])
    mine = next(n for n, row in enumerate(rows) if row["event"] == review)
    fields = next(n for n, row in enumerate(rows) if row["what"] == "fields")
    for changed, code in (
        ([*rows[:mine], *rows[mine + 1 :]], "redactions_differ"),
        ([*rows[:fields], *rows[fields + 1 :]], "redactions_differ"),
        ([], "redactions_differ"),
        (rows[::-1], "redactions_differ"),
        ([*rows, rows[-1]], "redactions_differ"),
        ([{**r, "reason": "not_needed"} for r in rows], "redactions_differ"),
        ([{**r, "what": "fields"} for r in rows], "redactions_differ"),
        ([{**r, "what": "event"} for r in rows], "redactions_differ"),
        ([{**r, "reason": "because"} for r in rows], "file_malformed"),
        ([{**r, "what": "all"} for r in rows], "file_malformed"),
        ([{**r, "more": ""} for r in rows], "file_malformed"),
        ({}, "file_malformed"),
    ):
        rogue.take_back()
        report = read(rogue, shown, {REDACTIONS: format_file(changed)})
        assert codes(report) == {code}, changed
        assert report.verdict == "invalid"
    reason = [{**r, "reason": "erased"} if r["what"] == "fields" else r for r in rows]
    rogue.take_back()
    assert read(rogue, shown, {REDACTIONS: format_file(reason)}).verdict == "valid"


def test_a_withheld_place_has_one_form(estate: Estate) -> None:
    rogue = estate.rogue
    shown = Shown(withheld={review_of(estate): "personal_data"})
    places = json.loads(rogue.bundle(shown)[PLACES])
    at = next(n for n, place in enumerate(places) if "leaf" in place)
    one = places[at]
    rogue.take_back()
    for changed in (
        {**one, "leaf": "x"}, {**one, "leaf": one["leaf"].upper()}, {**one, "leaf": 1},
        {**one, "reason": "because"}, {**one, "reason": []}, {**one, "more": 1},
        {n: v for n, v in one.items() if n != "reason"},
    ):  # fmt: skip
        told = [*places[:at], changed, *places[at + 1 :]]
        report = read(rogue, shown, {PLACES: format_file(told)})
        rogue.take_back()
        assert [(f.code, f.file) for f in report.findings] == [("file_malformed", PLACES)], changed


def test_an_event_withheld_under_another_name_leaves_a_gap_where_it_was(estate: Estate) -> None:
    """The place is the exporter's word, but streams have no room for two of one version."""
    rogue = estate.rogue
    shown = Shown(withheld={review_of(estate): "not_needed"})
    places = json.loads(rogue.bundle(shown)[PLACES])
    at = next(n for n, place in enumerate(places) if "leaf" in place)
    stream = review_of(estate).partition("/")[0]
    rogue.take_back()
    told = [*places[:at], {**places[at], "event": f"{stream}/3"}, *places[at + 1 :]]
    assert "version_gap" in codes(read(rogue, shown, {PLACES: format_file(told)}))


# -- the recorded selection -----------------------------------------------------------------------


def test_what_is_shown_is_what_the_export_was_recorded_with(
    estate: Estate, opened: dict[str, Any]
) -> None:
    rogue = estate.rogue
    rows = format_file([opened])
    report = read(rogue, Shown(), {OPENINGS: rows})
    assert codes(report) == {"selection_differs"}
    assert [found.event for found in report.findings] == [rogue.scope["export"]]
    assert report.verdict == "invalid"
    less = read(rogue, Shown(openings=[opened]), {OPENINGS: b"[]\n"})
    assert codes(less) == {"selection_differs"}


def test_a_scope_other_than_was_recorded_is_found(estate: Estate) -> None:
    """The evidence of one record, relabelled as that of another whose events lie in it too."""
    rogue = estate.rogue
    streams = sorted({event["stream"] for event in rogue.all_events()})
    record = next(s for s in streams if s.startswith("record-") and s != rogue.case.record)
    for changed in (
        {"id": record, "streams": [record]},
        {"kind": "actor", "id": (actor := next(s for s in streams if s.startswith("actor-"))),
         "streams": [actor]},
    ):  # fmt: skip
        kept = dict(rogue.scope)
        rogue.scope |= changed
        assert codes(read(rogue, Shown())) == {"selection_differs"}
        rogue.scope = kept


def test_an_exporter_who_signed_for_another_scope_is_found(estate: Estate) -> None:
    rogue = estate.rogue
    files = rogue.bundle()
    head = Checkpoint.parse(Note.parse(rogue.state(len(rogue.entries))).text)
    other = {**rogue.scope, "kind": "actor"}
    signed = sealed(files, rogue.case.exporter, head, other, rogue.case.name)
    assert codes(check(signed, rogue.case.vkey)) == {"note_differs"}


def test_the_first_stream_of_a_scope_is_that_of_what_it_is_about(estate: Estate) -> None:
    rogue = estate.rogue
    rogue.scope["streams"] = rogue.scope["streams"][::-1]
    report = read(rogue, Shown())
    assert [(found.code, found.file) for found in report.findings] == [("derived_differs", SCOPE)]


def test_the_export_is_an_event_of_the_bundle(estate: Estate) -> None:
    rogue = estate.rogue
    bundle = rogue.scope["export"].partition("/")[0]
    for export, code in (
        (f"{bundle}/1", "selection_differs"), (f"{bundle}/9", "selection_differs"),
        (rogue.case.record + "/1", "file_malformed"),
    ):  # fmt: skip
        rogue.scope["export"] = export
        report = read(rogue, Shown())
        assert code in codes(report), export


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "policy"}, {"kind": []}, {"id": "x"}, {"id": 1}, {"export": "x"}, {"export": 1},
        {"index": "x"}, {"index": None}, {"from": "x"}, {"checkpoint": 0}, {"checkpoint": True},
        {"streams": []}, {"streams": [1]}, {"format": "muniment-evidence/1"}, {"origin": 1},
        {"ledger": "x"}, {"first": 1}, {"streams": {}},
    ],
)  # fmt: skip
def test_a_scope_has_one_form(estate: Estate, changed: dict[str, Any]) -> None:
    rogue = estate.rogue
    scope = {**rogue.scope, "checkpoint": len(rogue.entries), **changed}
    text = json.dumps(scope, sort_keys=True, separators=(",", ":")) + "\n"
    report = read(rogue, Shown(), {SCOPE: text.encode()})
    assert "file_malformed" in codes(report)
    assert {claim.answer for claim in report.claims if claim.claim == "complete"} != {"holds"}
    assert report.verdict == "invalid"


# -- roles and training ---------------------------------------------------------------------------


def test_roles_and_training_follow_from_the_events(estate: Estate) -> None:
    rogue = estate.rogue
    actor = estate.reviewer.name.rpartition("/")[2]
    rogue.administered(next_of(rogue, actor, type="actor.role_granted", granted="custodian"))
    rogue.administered(next_of(rogue, actor, type="actor.training_completed"))
    rogue.administered(
        next_of(rogue, actor, type="actor.role_revoked", revoked="approver", reason="left")
    )
    engagement = rogue.last("engagement.opened")["stream"]
    identity = estate.reviewer.verifier.key_id.hex()
    agreed = next_of(
        rogue, engagement, type="engagement.evidence_agreement_signed",
        signers=[{"actor": actor, "role": "reviewer", "key": identity}],
    )  # fmt: skip
    rogue.administered(agreed)
    files = rogue.bundle()
    assert check(files, rogue.case.vkey).verdict == "valid"
    rows = json.loads(files[ROLES])
    row = next(row for row in rows if row["actor"] == actor)
    assert row["roles"] == ["custodian", "reviewer"]
    assert row["training"] == [f"{actor}/7"]
    assert row["agreements"] == [f"{engagement}/{agreed['version']}"]
    forms: list[object] = [
        rows[::-1], rows[:1], [{**r, "roles": [*r["roles"], "dpo"]} for r in rows],
        [{**r, "training": []} for r in rows], [{**r, "agreements": []} for r in rows], {},
    ]  # fmt: skip
    for changed in forms:
        report = check(rogue.bundle(changes={ROLES: format_file(changed)}), rogue.case.vkey)
        assert codes(report) == {"derived_differs"}, changed
        assert [found.file for found in report.findings] == [ROLES]

"""An export and the story that the ledger tells of it: asked for, agreed to, done, by whom.

Whoever keeps the ledger, or exports past Muniment, writes what they like on the export's own
stream; but nobody else's agreement.
"""

from __future__ import annotations

from typing import Any

import pytest

from ledger.offline.report import Report
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.note import Note
from tests.ledger import offline_forger
from tests.ledger.offline_forger import (
    SCOPE,
    Rogue,
    Shown,
    answers,
    check,
    codes,
    next_of,
    sealed,
)
from tests.ledger.rogues import Estate


@pytest.fixture
def title(estate: Estate) -> Shown:
    """The title of the record, opened."""
    return Shown(openings=[estate.opened(estate.collected, "title")])


def read(rogue: Rogue, shown: Shown) -> Report:
    """What is said of a bundle whose export was recorded."""
    return check(rogue.bundle(shown, recorded=True), rogue.case.vkey)


def differs(rogue: Rogue, report: Report) -> bool:
    """Whether nothing is wrong but the story of the export."""
    told = [(found.code, found.event) for found in report.findings]
    return told == [("selection_differs", rogue.scope["export"])] and (
        report.verdict == "invalid" and answers(report)["disclosed"] != "holds"
    )


def story(rogue: Rogue, shown: Shown) -> list[dict[str, Any]]:
    """The events of an export as they should be, to be told otherwise; it is not recorded."""
    rogue.record_export(shown)
    told = rogue.told(rogue.name)
    rogue.take_back()
    return [
        {name: value for name, value in event.items() if name not in ("stream", "version")}
        for event in told
    ]


def test_an_export_tells_its_story(estate: Estate, title: Shown) -> None:
    rogue = estate.rogue
    rogue.record_export(title)
    report = read(rogue, title)
    assert (report.verdict, answers(report)["disclosed"]) == ("valid", "holds"), report.findings


# -- the request ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [{"opened": 0}, {"opened": 2}, {"attached": 1}, {"withheld": 1}, {"opened": "1"}]
)
def test_what_is_shown_was_asked_for_in_so_many_pieces(
    estate: Estate, title: Shown, said: dict[str, Any]
) -> None:
    estate.rogue.record_export(title, **said)
    assert differs(estate.rogue, read(estate.rogue, title))


def test_a_request_that_says_nothing_is_opened_needs_no_approval_and_shows_nothing(
    estate: Estate, title: Shown
) -> None:
    """The rules let it be recorded; whoever asks so and opens a title is found by everybody."""
    estate.rogue.record_export(title, approved=False, opened=0)
    assert differs(estate.rogue, read(estate.rogue, title))


@pytest.mark.parametrize(
    "said",
    [
        {"selection": "0" * 64}, {"kind": "actor"}, {"object": "record-x"},
        {"begins": "2026-01-01T00:00:00.000Z"}, {"ends": "2026-01-01T00:00:00.000Z"},
    ],
)  # fmt: skip
def test_what_is_exported_is_what_was_asked_for(
    estate: Estate, title: Shown, said: dict[str, Any]
) -> None:
    estate.rogue.record_export(title, **said)
    assert differs(estate.rogue, read(estate.rogue, title))


def test_nothing_is_exported_that_nobody_asked_for(estate: Estate, title: Shown) -> None:
    rogue = estate.rogue
    for shown in (title, Shown()):
        told = story(rogue, shown)
        rogue.recorded(fresh(rogue), *told[1:])
        assert differs(rogue, read(rogue, shown))


def fresh(rogue: Rogue) -> str:
    """The stream of a bundle of which nothing was recorded yet."""
    rogue.record_export()
    rogue.take_back()
    return rogue.name


# -- the approval ---------------------------------------------------------------------------------


def test_what_is_in_clear_was_agreed_to(estate: Estate, title: Shown) -> None:
    estate.rogue.record_export(title, approved=False)
    assert differs(estate.rogue, read(estate.rogue, title))


def test_a_file_that_goes_along_was_agreed_to(estate: Estate) -> None:
    row = {
        "event": estate.collected, "file": "files/1.pdf", "kind": "sealed", "path": "content",
        "reason": "personal_data",
        "sha256": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
    }  # fmt: skip
    shown = Shown(attachments=[row], files={"files/1.pdf": b"hello world"})
    estate.rogue.record_export(shown, approved=False)
    assert differs(estate.rogue, read(estate.rogue, shown))
    estate.rogue.record_export(shown)
    assert read(estate.rogue, shown).verdict == "valid"


def test_whoever_asks_does_not_agree_with_themselves(estate: Estate, title: Shown) -> None:
    rogue = estate.rogue
    asked, agreed, done = story(rogue, title)
    agreed |= {"by": asked["by"], "role": asked["role"]}
    rogue.recorded(fresh(rogue), asked, agreed, done)
    assert differs(rogue, read(rogue, title))


def test_another_than_the_exporter_may_have_asked(estate: Estate, title: Shown) -> None:
    """Then the exporter may agree: two people saw it."""
    rogue = estate.rogue
    asked, agreed, done = story(rogue, title)
    asked |= {"by": agreed["by"], "role": agreed["role"]}
    rogue.recorded(fresh(rogue), asked, agreed, done)
    assert differs(rogue, read(rogue, title)), "nobody but whoever asked"
    agreed |= {"by": done["by"], "role": done["role"]}
    rogue.recorded(fresh(rogue), asked, agreed, done)
    assert read(rogue, title).verdict == "valid"


def test_an_approval_is_of_this_selection_and_of_this_bundle(estate: Estate, title: Shown) -> None:
    rogue = estate.rogue
    asked, agreed, done = story(rogue, title)
    rogue.recorded(fresh(rogue), asked, {**agreed, "selection": "0" * 64}, done)
    assert differs(rogue, read(rogue, title))
    rogue.recorded(fresh(rogue), asked, agreed)  # of another request, for the same
    rogue.recorded(fresh(rogue), asked, done)
    assert differs(rogue, read(rogue, title))


def test_an_approval_in_anothers_name_is_none(estate: Estate, title: Shown) -> None:
    rogue = estate.rogue
    asked, agreed, done = story(rogue, title)
    stream = fresh(rogue)
    rogue.recorded(stream, asked)
    forged = {**next_of(rogue, stream), **agreed, "version": 2}
    rogue.accept(rogue.said(forged, by=[(rogue.case.exporter, "approver")]), forged)
    rogue.recorded(stream, done)
    report = read(rogue, title)
    assert {"author_did_not_sign", "selection_differs"} <= codes(report)


@pytest.mark.parametrize(
    "order", [(1, 0, 2), (0, 2, 1), (0, 0, 1, 2), (0, 1, 2, 2), (0, 1, 2, 1), (0, 2, 1, 2), (2,)]
)
def test_a_story_has_one_order_and_one_end(
    estate: Estate, title: Shown, order: tuple[int, ...]
) -> None:
    rogue = estate.rogue
    told = story(rogue, title)
    rogue.recorded(fresh(rogue), *(told[at] for at in order))
    assert differs(rogue, read(rogue, title)), "the scope names the last event of the stream"
    last = max(at for at, event in enumerate(order, 1) if event == 2)
    rogue.scope["export"] = f"{rogue.name}/{last}"
    assert differs(rogue, read(rogue, title)), "or the last export"


# -- another bundle's ------------------------------------------------------------------------------


def test_the_recorded_export_of_another_scope_is_not_this_one(estate: Estate, title: Shown) -> None:
    """An older export, rightly asked for and agreed to, in the place of this one's."""
    rogue = estate.rogue
    rogue.record_export(title)
    older = rogue.scope["export"]
    streams = {event["stream"] for event in rogue.all_events()}
    record = min(s for s in streams if s.startswith("record-") and s != rogue.case.record)
    rogue.scope |= {"id": record, "streams": [record, *rogue.scope["streams"]]}
    assert rogue.scope["export"] == older
    report = read(rogue, title)
    assert ("selection_differs", older) in {(f.code, f.event) for f in report.findings}


def test_the_recorded_export_of_another_selection_is_not_this_one(
    estate: Estate, title: Shown
) -> None:
    rogue = estate.rogue
    rogue.record_export(title)
    assert differs(rogue, read(rogue, Shown()))
    more = Shown(openings=[estate.opened(estate.collected, "title", "source")])
    assert differs(rogue, read(rogue, more))


def test_the_recorded_export_of_the_same_is_not_that_of_a_bundle_with_another_name(
    estate: Estate, title: Shown
) -> None:
    """What was agreed to once does not cover what is handed out later under a name of its own."""
    rogue = estate.rogue
    rogue.record_export(title)
    rogue.name = "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
    assert differs(rogue, read(rogue, title))


# -- the note --------------------------------------------------------------------------------------


def test_whoever_signs_for_the_package_is_whoever_exported_it(estate: Estate, title: Shown) -> None:
    """Somebody else's key of the same ledger, in force and for acts, is not the exporter's."""
    rogue = estate.rogue
    rogue.record_export(title)
    files = rogue.bundle(title, recorded=True)
    head = Checkpoint.parse(Note.parse(rogue.state(len(rogue.entries))).text)
    other = sealed(files, estate.reviewer, head, rogue.scope, rogue.name)
    report = check(other, rogue.case.vkey)
    assert [(found.code, found.file) for found in report.findings] == [
        ("exporter_key_unfit", "exporter.note")
    ]
    assert report.verdict == "invalid"


def test_nobody_signs_for_a_package_before_its_export_was_recorded(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    rogue = estate.rogue
    rogue.record_export()
    accepted = Entry.parse(rogue.entries[-1]).accepted
    for exported, code in ((accepted, set()), ("1999-01-01T00:00:00.000Z", {"note_differs"})):
        monkeypatch.setattr(offline_forger, "EXPORTED", exported)
        report = read(rogue, Shown())
        assert {found.code for found in report.findings} == code


def test_an_export_is_recorded_on_a_stream_of_its_own(estate: Estate) -> None:
    """On the record's own, nothing would be left that time or witnesses bear out."""
    rogue = estate.rogue
    rogue.record_export()
    request = rogue.told(rogue.name)[0]
    told = {
        n: request[n] for n in ("kind", "object", "selection", "opened", "attached", "withheld")
    }
    rogue.recorded(
        rogue.case.record, {"type": "bundle.requested", **told}, {"type": "bundle.exported", **told}
    )
    files = rogue.bundle(recorded=True)
    report = check(files, rogue.case.vkey)
    assert ("file_malformed", SCOPE) in [(found.code, found.file) for found in report.findings]
    assert not any(answer == "holds" for answer in answers(report).values())


# -- what is never withheld ------------------------------------------------------------------------


def test_what_the_parties_agreed_on_is_never_withheld(estate: Estate) -> None:
    rogue = estate.rogue
    deal = rogue.last("engagement.opened")["stream"]
    shown = Shown(withheld={f"{deal}/1": "trade_secret"})
    rogue.record_export(shown)
    report = read(rogue, shown)
    assert [(found.code, found.event) for found in report.findings] == [
        ("redactions_differ", f"{deal}/1")
    ]

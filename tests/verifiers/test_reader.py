"""What the page is told beside the report: what it may show, and what the reader gave wrongly."""

from __future__ import annotations

import json

import pytest

from ledger.offline.bag import write_zip
from tests.ledger.signers import signer
from tests.verifiers.browserscript import BrowserScript, Thrown
from tests.verifiers.cases import CONTENT, Case

EVENTS, PLACES = "data/10_账本/events.jsonl", "data/10_账本/places.json"


def test_zip_and_folder_give_the_same_report(script: BrowserScript, cases: dict[str, Case]) -> None:
    case = cases["full"]
    packed = script.verify(
        write_zip(case.files, case.name), case.ledger, case.cosigners, case.roots
    )
    folder = case.script(script)
    assert (packed.json, packed.en, packed.zh) == (folder.json, folder.en, folder.zh)
    assert packed.shown["events"] == folder.shown["events"]
    assert packed.shown["report"] == json.loads(packed.json)
    assert sorted(packed.shown["files"]) == sorted(case.files)


def test_the_timeline_is_made_of_genuine_events_in_the_order_of_the_ledger(
    script: BrowserScript, cases: dict[str, Case]
) -> None:
    case = cases["full"]
    shown, report = case.script(script).shown["events"], case.python()
    raw = iter(case.files[EVENTS].splitlines())
    assert [row["event"] for row in shown] == [row.event for row in report.events]
    for row, place in zip(shown, json.loads(case.files[PLACES]), strict=True):
        assert (row["entry"], row["index"]) == (place["entry"], place["index"])
        assert row["redacted"] == place.get("reason")
        assert row["fields"] == (None if "leaf" in place else json.loads(next(raw)))
        if "leaf" in place:  # where it stands is the exporter's word
            assert row["accepted"] is row["signers"] is None
            continue
        assert row["accepted"]
        assert {"name", "id", "capacity"} == set(row["signers"][0])
    assert sum(row["redacted"] is not None for row in shown) == 1


def test_of_a_forged_event_nothing_is_shown(script: BrowserScript, cases: dict[str, Case]) -> None:
    case = cases["full"]
    lines = case.files[EVENTS].splitlines()
    forged = lines[-1].replace(b'"at":"20', b'"at":"19')
    assert forged != lines[-1]
    files = {**case.files, EVENTS: b"\n".join([*lines[:-1], forged]) + b"\n"}
    shown = case.script(script, files).shown["events"]
    assert (shown[-1]["answer"], shown[-1]["fields"]) == ("fails", None)
    assert shown[-1]["signers"] is shown[-1]["accepted"] is None
    assert shown[0]["fields"]["type"] == "ledger.initialized"


def test_only_fields_that_were_proved_are_shown_as_opened(
    script: BrowserScript, cases: dict[str, Case]
) -> None:
    case, name = cases["full"], "data/30_附件/openings.json"
    opened = {(one["path"], one["value"]) for one in case.script(script).shown["openings"]}
    assert ("circumstances", "走失\n🐱") in opened
    assert len(opened) == 2
    data = case.files[name]
    changed = data.replace(json.dumps("走失").encode()[1:-1], json.dumps("走私").encode()[1:-1])
    assert changed != data
    answer = case.script(script, {**case.files, name: changed})
    assert {one["path"] for one in answer.shown["openings"]} == {"content"}
    assert CONTENT.decode() not in answer.json
    assert "走私" not in answer.json + answer.zh


def test_a_container_that_cannot_be_read_shows_nothing(
    script: BrowserScript, cases: dict[str, Case]
) -> None:
    answer = script.verify(b"PK", cases["full"].ledger)
    assert (answer.shown["events"], answer.shown["openings"], answer.shown["files"]) == ([], [], [])
    assert answer.exit_code == 3


def test_progress_runs_to_the_end_and_never_backwards(
    script: BrowserScript, cases: dict[str, Case]
) -> None:
    steps = cases["full"].script(script).shown["steps"]
    assert steps
    assert steps == sorted(steps)
    assert len({total for _, total in steps}) == 1
    assert all(0 <= done <= total for done, total in steps)


@pytest.mark.parametrize("key", ["", "x", "a+b+c", "example.com/foo+530d903a+AekyeRrm56hApGFk"])
def test_what_is_no_key_is_told_as_that(
    script: BrowserScript, cases: dict[str, Case], key: str
) -> None:
    with pytest.raises(Thrown) as thrown:
        script.verify(b"", key)
    assert (thrown.value.name, thrown.value.field) == ("TrustError", "ledger")
    with pytest.raises(Thrown) as thrown:
        script.verify(b"", cases["plain"].ledger, [key])
    assert (thrown.value.name, thrown.value.field) == ("TrustError", "cosigners")


def test_a_cosigner_is_no_ledger_and_a_ledger_no_cosigner(
    script: BrowserScript, cases: dict[str, Case]
) -> None:
    case = cases["full"]
    for ledger, cosigners, field in (
        (case.cosigners[0], (), "ledger"),
        (case.ledger, (case.ledger,), "cosigners"),
        (case.ledger, (case.cosigners[0],) * 2, "cosigners"),
        (case.ledger, (signer("a.example").verifier.format(),), "cosigners"),
    ):
        with pytest.raises(Thrown) as thrown:
            script.verify(b"", ledger, cosigners)
        assert thrown.value.field == field


def test_what_is_no_certificate_is_told_as_that(
    script: BrowserScript, cases: dict[str, Case]
) -> None:
    for root in (b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n"):
        with pytest.raises(Thrown) as thrown:
            script.verify(b"", cases["plain"].ledger, (), [root])
        assert (thrown.value.name, thrown.value.field) == ("TrustError", "tsaRoots")


def test_space_around_a_key_is_left_out(script: BrowserScript, cases: dict[str, Case]) -> None:
    case = cases["plain"]
    padded = script.verify(case.files, f" \n{case.ledger}\u3000\r\n")
    assert padded.json == case.script(script).json

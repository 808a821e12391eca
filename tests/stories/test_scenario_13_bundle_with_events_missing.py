"""Scenario 13: a bundle with one event removed, reordered, truncated, or from a fork.

A contract was collected, classified and reviewed, and its evidence goes to court. On the way
somebody works on the file, and whoever exported it signs again. The verifiers name what was done.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ledger import acts
from ledger.index.publishing import publish
from ledger.offline.bag import Bag
from tests.corpus.sealing import BOOK, EVENTS, PLACES, left_out
from tests.ledger.desk import Desk, cheap_keys
from tests.ledger.ledgers import Firm
from tests.stories.court import (
    Court,
    answers,
    codes,
    found,
    script_fixture,  # noqa: F401  fixtures are found by their names
)
from tests.verifiers.browserscript import BrowserScript

COURT = ("--purpose", "dispute", "--recipient", "court", "--jurisdiction", "cn")


@pytest.fixture
def court(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: BrowserScript | None
) -> Court:
    monkeypatch.chdir(tmp_path)
    cheap_keys(monkeypatch)
    return Court(Desk(firm, tmp_path), script)


@pytest.fixture
def record(court: Court) -> str:
    """A contract with a history: collected, classified, given a period, reviewed."""
    desk = court.desk
    record = desk.collect()
    desk.did("classify", record, "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    desk.did("retention", "assign", record, "--trigger", "contract_ended", "--date", "2026-01-31")
    desk.did("review", record, "--as", desk.reviewer)
    return record


@pytest.fixture
def bag(court: Court, record: str) -> Bag:
    return court.evidence("--record", record, *COURT)


def places(bag: Bag) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(bag.files[PLACES])
    return found


def test_the_evidence_as_it_was_exported_stands(court: Court, bag: Bag) -> None:
    report = court.judged(bag)
    assert (report["verdict"], report["findings"]) == ("valid", [])
    assert answers(report)["streams_unbroken"] == "holds"
    assert answers(report)["complete"] == "undecided", "nobody certified an index"


def test_an_event_that_was_removed_leaves_a_gap_in_its_stream(
    court: Court, bag: Bag, record: str
) -> None:
    files = court.repacked(bag, left_out(bag.files, f"{record}/2"))
    report = court.judged(bag, files)
    assert report["verdict"] == "invalid"
    (gap,) = found(report, "version_gap")
    assert (gap["event"], gap["expected"], gap["actual"]) == (record, "2", "3")
    assert answers(report)["streams_unbroken"] == "fails"


def test_events_in_another_order_do_not_fit_their_proofs(court: Court, bag: Bag) -> None:
    lines = bag.files[EVENTS].splitlines(keepends=True)
    swapped = [*lines[:-2], lines[-1], lines[-2]]
    report = court.judged(bag, court.repacked(bag, {EVENTS: b"".join(swapped)}))
    named = {one["event"] for one in found(report, "event_not_in_commit")}
    assert named == {str(place["event"]) for place in places(bag)[-2:]}
    assert answers(report)["events_genuine"] == "fails"


def test_events_that_were_cut_off_are_missed_by_number(court: Court, bag: Bag) -> None:
    whole = bag.files[EVENTS]
    for cut in (whole[: whole.rindex(b"\n", 0, -1) + 1], whole[:-40]):
        report = court.judged(bag, court.repacked(bag, {EVENTS: cut}))
        (one,) = found(report, "events_cut")
        assert one["expected"] == str(len(places(bag)))
        assert answers(report)["events_genuine"] == "undecided", "nothing is said of what is left"


def test_the_last_event_can_be_kept_back_unless_an_index_speaks_of_it(
    court: Court, record: str
) -> None:
    """What was never shown leaves no gap. The verifiers say so, and an index ends it."""
    without = court.evidence("--record", record, *COURT)
    report = court.judged(without, court.repacked(without, left_out(without.files, f"{record}/4")))
    assert answers(report)["complete"] == "undecided"
    with court.desk.firm.open() as ledger:
        publish(ledger, ledger.acting(court.desk.founder))
    indexed = court.evidence("--record", record, *COURT)
    assert court.judged(indexed)["verdict"] == "valid"
    report = court.judged(indexed, court.repacked(indexed, left_out(indexed.files, f"{record}/4")))
    assert report["verdict"] == "invalid"
    assert "index_differs" in codes(report)
    assert answers(report)["complete"] == "fails"


def test_an_event_from_a_fork_is_not_in_this_ledger(
    court: Court, record: str, tmp_path: Path
) -> None:
    """Two copies of one ledger went on apart, on machines that do not know of each other.

    A review of the one is shown in the other's file.
    """
    desk = court.desk
    copy = tmp_path / "fork"
    shutil.copytree(desk.firm.path, copy)
    forked = desk.firm._replace(path=copy)
    reviewed(desk.firm, record, "accuracy")
    here = court.evidence("--record", record, *COURT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
        reviewed(forked, record, "completeness")
        other = Court(Desk(forked, tmp_path), None).evidence("--record", record, *COURT)
    event = f"{record}/5"
    place = next(p for p in places(here) if p["event"] == event)
    assert place == next(p for p in places(other) if p["event"] == event), "at the same place"
    at = places(here).index(place)
    entry = f"{place['entry']}"
    lines = here.files[EVENTS].splitlines(keepends=True)
    theirs = other.files[EVENTS].splitlines(keepends=True)
    forged = {
        EVENTS: b"".join([*lines[:at], theirs[at], *lines[at + 1 :]]),
        f"{BOOK}/proofs/{entry}-0.tlog-proof": other.files[f"{BOOK}/proofs/{entry}-0.tlog-proof"],
        f"{BOOK}/entries/{entry}.entry": other.files[f"{BOOK}/entries/{entry}.entry"],
    }
    report = court.judged(here, court.repacked(here, forged))
    assert report["verdict"] == "invalid"
    files = [one["file"] for one in found(report, "entry_not_in_ledger")]
    assert files == [f"{BOOK}/entries/{entry}.entry"]
    forged[f"{BOOK}/proofs/{entry}.tlog-proof"] = other.files[f"{BOOK}/proofs/{entry}.tlog-proof"]
    report = court.judged(here, court.repacked(here, forged))
    assert "entry_proof_differs" in codes(report), "its proof leads to the fork's own state"


def reviewed(firm: Firm, record: str, checked: str) -> None:
    with firm.open() as ledger:
        ledger.act(ledger.acting(firm.second), [acts.review(record, [checked], "pass")])

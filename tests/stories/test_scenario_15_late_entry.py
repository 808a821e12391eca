"""Scenario 15: what is recorded late says why, and the chain of custody shows that it is late.

So does the auditor's replay, with the law behind it and what is to be done.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from domain.values import later
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.audit.catalogue import entry
from ledger.audit.replay import Asked, replay
from ledger.cli import muniment
from ledger.errors import RefusedError
from ledger.signing import now
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import collect_files


def test_a_review_on_paper_is_entered_days_later(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    review = acts.review(collected.record, ["accuracy"], "pass")
    then = later(now(), days=-3)
    with pytest.raises(RefusedError) as refused:
        ledger.act(second_person, [review], at=then)
    assert "I-04 monotonic_versions (late_without_reason)" in refused.value.message
    ledger.act(second_person, [review], at=then, late_reason="paper_first")
    *_, (_, accepted, event, _) = ledger.events_of(collected.record)
    assert (event.at, event.late_reason) == (then, "paper_first")
    assert later(event.at, days=3) <= accepted, "the ledger's own time stands beside the claim"
    assert verify_folder(ledger.folder).verdict == "valid"


def test_what_happened_today_needs_no_reason(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    review = acts.review(collected.record, ["accuracy"], "pass")
    ledger.act(second_person, [review], at=later(now(), hours=-23))


def test_nobody_records_what_has_not_happened(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    review = acts.review(collected.record, ["accuracy"], "pass")
    with pytest.raises(RefusedError, match="claimed_time_in_future"):
        ledger.act(second_person, [review], at=later(now(), hours=1), late_reason="other")


def test_the_auditor_is_shown_what_was_entered_late_with_law_and_remedy(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    review = acts.review(collected.record, ["accuracy"], "pass")
    done = ledger.act(second_person, [review], at=later(now(), days=-3), late_reason="paper_first")
    found = replay(ledger.folder, None, Asked(now()))
    late = [one for one in found.findings if one.code == "late_entry"]
    assert [(one.chapter, one.position) for one in late] == [("timely", done.first)]
    assert found.law[late[0].rule], "the law behind it"
    assert not [one for one in found.findings if one.chapter in ("genuine", "permitted")]
    known = entry("late_entry")
    ledger.close()
    place = ["-L", str(ledger.folder.path)]
    for language, title, remedy in (
        ("zh", known.title.zh, known.remedy.zh),
        ("en", known.title.en, known.remedy.en),
    ):
        command = [*place, "--lang", language, "audit", "replay", "--only", "late_entry"]
        told = CliRunner().invoke(muniment, command)
        assert title in told.stdout
        assert remedy in told.stdout
        assert collected.record in told.stdout
    asked = CliRunner().invoke(muniment, [*place, "audit", "late", "--json"])
    assert collected.record in json.dumps(json.loads(asked.stdout))

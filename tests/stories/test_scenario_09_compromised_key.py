"""Scenario 9: a key is reported as compromised. It acts no more, and what it did is disputed."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.values import later
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import RefusedError
from ledger.folder import Folder
from ledger.founding import enrolment
from ledger.signing import now
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import Firm, collect_files, new_keys


def told(error: pytest.ExceptionInfo[RefusedError]) -> list[str]:
    return [refusal.detail for refusal in error.value.refusals]  # type: ignore[attr-defined]


def report_second(ledger: Ledger, admin: Acting, second: Acting) -> int:
    """The administrator reports the second person's key; the position of the report."""
    since = later(now(), days=-2)
    return ledger.act(
        admin, [acts.report_compromise(second.actor, second.key_id.hex(), since)]
    ).first


def test_after_the_report_the_key_signs_nothing(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    report_second(ledger, admin, second_person)
    review = acts.review(collected.record, ["accuracy"], "pass")
    with pytest.raises(RefusedError) as refused:
        ledger.act(second_person, [review])
    assert told(refused) == ["key_compromised"]
    assert "I-05" in refused.value.message


def test_after_the_report_the_key_does_not_act_under_an_earlier_time(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    """An act's time is what its signer claims; whether a key may sign, its position decides."""
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    report_second(ledger, admin, second_person)
    review = acts.review(collected.record, ["accuracy"], "pass")
    earlier = later(now(), hours=-12)
    with pytest.raises(RefusedError) as refused:
        ledger.act(second_person, [review], at=earlier)
    assert told(refused) == ["key_compromised"]


def test_what_the_key_signed_before_is_disputed_and_stays(firm: Firm, tmp_path: Path) -> None:
    with firm.open() as ledger:
        admin, second = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
        collected = collect_files(ledger, admin, tmp_path / "合同", 3)
        reviewed = [
            ledger.act(second, [acts.review(one.record, ["accuracy"], "pass")]).first
            for one in collected
        ]
    assert verify_folder(Folder(firm.path)).verdict == "valid"
    with firm.open() as ledger:
        admin, second = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
        report_second(ledger, admin, second)
        folder = ledger.folder
        state = ledger.state(collected[0].record)
        assert state is not None
        assert state.reviewed, "flagged, not removed"  # type: ignore[attr-defined]
    report = verify_folder(folder)
    assert report.verdict == "disputed"
    disputed = {f.position for f in report.findings if f.code == "key_compromised"}
    assert disputed == set(reviewed), "the acts of that key, and no others"
    assert {f.stream for f in report.findings} == {firm.second}


def test_whoever_lost_the_key_goes_on_with_another_that_two_persons_enrol(
    ledger: Ledger, admin: Acting, second_person: Acting, firm: Firm
) -> None:
    report_second(ledger, admin, second_person)
    act, _ = new_keys(ledger, second_person.actor)
    again = acts.enrol_key(ledger, second_person.actor, enrolment(act, ledger.seen()))
    assert again.fields["continuity"] == "broken"
    with pytest.raises(RefusedError) as refused:
        ledger.act(admin, [again], possession=[act])
    assert told(refused) == ["broken_enrolment_needs_two_persons"]

"""Scenario 20: nobody lowers a classification alone, whichever way it is tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import acts, drafts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import RefusedError
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import collect_files

AXES = {"categories": ["contract"], "profile": "cn_strict"}
HIGH = {**AXES, "level": "general_4", "sensitivity": "sensitive_pi",
        "sensitive_kinds": ["financial_account"]}  # fmt: skip
LOW = {**AXES, "level": "general_2", "sensitivity": "general_pi"}


@pytest.fixture
def record(ledger: Ledger, admin: Acting, tmp_path: Path) -> str:
    """A record of high level with sensitive data in it."""
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    ledger.act(admin, [acts.classify(ledger, collected.record, HIGH)])
    return collected.record


@pytest.mark.parametrize(
    "axes",
    [LOW, {**HIGH, "level": "general_3"},
     {**AXES, "level": "important", "sensitivity": "deidentified"}],
    ids=["both", "level", "sensitivity"],
)  # fmt: skip
def test_one_person_does_not_downgrade(
    ledger: Ledger, admin: Acting, record: str, axes: dict[str, object]
) -> None:
    before = ledger.seen()
    with pytest.raises(RefusedError) as refused:
        ledger.act(admin, [acts.classify(ledger, record, axes, "为了省事")])
    assert "I-07 separation_of_duties (downgrade_needs_second_person)" in refused.value.message
    assert "省事" not in refused.value.message
    assert ledger.seen() == before


def test_a_draft_that_an_approver_signs_downgrades(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    events, ciphertexts = ledger.build(admin, [acts.classify(ledger, record, LOW, "脱敏完成")])
    others = [(second_person.actor, "approver")]
    draft = drafts.make_draft(ledger, admin, events, ciphertexts, others)
    drafts.submit(ledger, drafts.add_signature(draft, second_person.key))
    state = acts.record_state(ledger, record)
    assert (state.level, state.sensitivity) == ("general_2", "general_pi")
    assert verify_folder(ledger.folder).verdict == "valid"


def test_the_approver_signs_as_approver_or_not_at_all(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    events, ciphertexts = ledger.build(admin, [acts.classify(ledger, record, LOW)])
    others = [(second_person.actor, "reviewer")]
    draft = drafts.make_draft(ledger, admin, events, ciphertexts, others)
    with pytest.raises(RefusedError, match="downgrade_needs_second_person"):
        drafts.submit(ledger, drafts.add_signature(draft, second_person.key))

"""Scenario 16: the same person tries two approvals under two keys; persons count, not keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.values import later
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import RefusedError
from ledger.founding import enrolment
from ledger.recorder import Submission
from ledger.signing import Cosigner, now, sign_all
from tests.ledger.ledgers import Firm, collect_files, new_keys

AXES = {"categories": ["contract"], "sensitivity": "general_pi", "profile": "cn_strict"}


@pytest.fixture
def record(ledger: Ledger, admin: Acting, firm: Firm, tmp_path: Path) -> str:
    """A record of level 3; its classifier holds the approver's role, too."""
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    ledger.act(admin, [acts.grant_role(firm.founded.actor, "approver")])
    ledger.act(admin, [acts.classify(ledger, collected.record, {**AXES, "level": "general_3"})])
    return collected.record


def second_key(ledger: Ledger, admin: Acting) -> Acting:
    """The same person with another act key in the hand."""
    act, _ = new_keys(ledger, admin.actor)
    key = enrolment(act, ledger.seen())
    ledger.act(admin, [acts.enrol_key(ledger, admin.actor, key)], possession=[act])
    state = ledger.state(admin.actor)
    return Acting(admin.actor, act, key.id, state)  # type: ignore[arg-type]


def downgrade(ledger: Ledger, record: str, admin: Acting, other: Acting) -> None:
    """A lower level, classified by one and approved by the other."""
    said = acts.classify(ledger, record, {**AXES, "level": "general_1"}, "降级")
    events, ciphertexts = ledger.build(admin, [said])
    unsigned = ledger.note_over(
        admin, events, ciphertexts, until=later(now(), days=1),
        cosigners=[Cosigner(other.key.name, other.key_id, "approver")],
    )  # fmt: skip
    signed = sign_all(unsigned.note, [admin.key, other.key])
    ledger.record(events, Submission(signed, unsigned.states, unsigned.ciphertexts))


def test_an_approval_under_the_classifiers_other_key_is_none(
    ledger: Ledger, admin: Acting, record: str
) -> None:
    other = second_key(ledger, admin)
    assert other.key_id != admin.key_id
    before = ledger.seen()
    with pytest.raises(RefusedError) as refused:
        downgrade(ledger, record, admin, other)
    assert "I-07 separation_of_duties (person_signs_twice)" in refused.value.message
    assert ledger.seen() == before


def test_an_approval_by_a_second_person_is_one(
    ledger: Ledger, admin: Acting, second_person: Acting, record: str
) -> None:
    downgrade(ledger, record, admin, second_person)
    assert ledger.state(record).level == "general_1"  # type: ignore[union-attr]


def test_an_approval_by_somebody_who_is_no_approver_is_none(
    ledger: Ledger, admin: Acting, second_person: Acting, firm: Firm, record: str
) -> None:
    ledger.act(admin, [acts.revoke_role(firm.second, "approver", "role_ended")])
    with pytest.raises(RefusedError) as refused:
        downgrade(ledger, record, admin, second_person)
    assert "I-09 engagement_scope (capacity_not_held)" in refused.value.message

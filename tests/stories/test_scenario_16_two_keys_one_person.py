"""Scenario 16: the same person tries two approvals under two keys; persons count, not keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.values import later
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects.destroying import copies_of
from ledger.errors import RefusedError
from ledger.founding import enrolment
from ledger.recorder import Submission
from ledger.signing import Cosigner, now, sign_all
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
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


def test_two_keys_of_one_approver_do_not_open_the_vault_to_destruction(
    crew: Crew, tmp_path: Path
) -> None:
    """Li approves under the old key and under a new one; the objects and their keys stay."""
    with crew.open() as site:
        case = site.proposed(copies_of(site.ledger, site.ripe_in_vault(tmp_path / "合同")))
        said = custody.appraise(site.ledger, case, "pass", None)
        site.ledger.act(site.person("zhao"), [said])
        approval = [custody.approve(site.ledger, case, None)]
        li = site.person("li")
        site.ledger.act(li, approval)
        act, _ = new_keys(site.ledger, li.actor)
        key = enrolment(act, site.ledger.seen())
        enrolled = [acts.enrol_key(site.ledger, li.actor, key)]
        site.ledger.act(li, enrolled, possession=[act])
        again = Acting(li.actor, act, key.id, site.ledger.state(li.actor))  # type: ignore[arg-type]
        with pytest.raises(RefusedError, match=r"I-07 .*approver_approves_twice"):
            site.ledger.act(again, approval)
        before = {p for p in crew.firm.path.rglob("vault/*/*") if p.is_file()}
        with pytest.raises(RefusedError, match=r"I-27 .*not_approved"):
            site.execute(case)
        assert {p for p in crew.firm.path.rglob("vault/*/*") if p.is_file()} == before != set()
        site.ledger.act(site.person("zhao"), approval)
        site.execute(case)
        assert not any(p.is_file() for p in crew.firm.path.rglob("vault/*/*"))

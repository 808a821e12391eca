"""Destruction decided: proposed, appraised by another, approved by two."""

from __future__ import annotations

from typing import Any

import pytest

from domain.values import later
from tests.domain.estates import Estate
from tests.domain.words import (
    appraise,
    approve,
    certify,
    execute,
    propose,
    reject,
    take_off,
    verify_destruction,
)
from tests.domain.worlds import START, Person, Said, enrol, grant, lose


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


@pytest.fixture
def copy(estate: Estate) -> str:
    """The only copy of a record whose time has come."""
    return estate.holding_of(estate.ripe())


def proposing(estate: Estate, *copies: str, **fields: Any) -> list[str]:
    said = propose(estate.new("destruction_case"), copies, **fields)
    return estate.judge(estate.wang, "archivist", said)


def approving(estate: Estate, who: Person, case: str, *copies: str) -> list[str]:
    return estate.judge(who, "approver", approve(case, copies))


def executing(estate: Estate, said: Said, who: Person | None = None) -> list[str]:
    return estate.judge(who or estate.chen, "destruction_operator", said)


# -- proposing --------------------------------------------------------------------------------


def test_ones_own_copies_that_are_there_are_proposed_once(estate: Estate, copy: str) -> None:
    assert proposing(estate, copy) == []
    assert proposing(estate, copy, copy)[:1] == ["item_named_twice"]
    assert proposing(estate, estate.new("holding")) == ["unknown_holding"]
    said = propose(estate.new("destruction_case"), [copy])
    assert estate.judge(estate.lin, "archivist", said) == ["not_the_actors_party"]
    case = estate.proposed(copy)
    assert proposing(estate, copy) == ["copy_is_in_a_case"]
    assert estate.told(estate.wang, "archivist", said) == (case,)
    estate.does(estate.wang, "custodian", lose(copy))
    assert "holding_is_lost" in proposing(estate, copy)


def test_a_list_in_parts_is_one_persons_on_one_ground(estate: Estate) -> None:
    copies = [estate.holding_of(estate.ripe()) for _ in range(3)]
    case = estate.new("destruction_case")
    estate.does(estate.wang, "archivist", propose(case, copies[:1], copies))
    rest = propose(case, copies[1:], copies)
    assert estate.judge(estate.zhao, "dpo", rest) == ["part_of_another_list"]
    for fields in ({"ground": "other"}, {"count": 4}, {"root": "0" * 64}):
        assert estate.judge(estate.wang, "archivist", rest.but(**fields)) == [
            "part_of_another_list"
        ]
    estate.does(estate.wang, "archivist", rest)
    more = propose(case, [estate.holding_of(estate.ripe())], copies)
    assert "list_is_whole" in estate.judge(estate.wang, "archivist", more)


def test_nobody_decides_over_half_a_list(estate: Estate) -> None:
    copies = [estate.holding_of(estate.ripe()) for _ in range(2)]
    case = estate.new("destruction_case")
    estate.does(estate.wang, "archivist", propose(case, copies[:1], copies))
    assert estate.judge(estate.zhao, "dpo", appraise(case, copies)) == ["list_not_whole"]
    assert "list_not_whole" in approving(estate, estate.li, case, *copies)
    assert "list_not_whole" in executing(estate, execute(case, copies, copies[:1]))


def test_a_list_that_is_never_finished_does_not_bind_its_copies_for_ever(
    estate: Estate, copy: str
) -> None:
    """A root that no list has could otherwise never be completed, nor given up."""
    case = estate.new("destruction_case")
    said = propose(case, [copy]).but(count=2, root="0" * 64)
    estate.does(estate.wang, "archivist", said)
    assert proposing(estate, copy) == ["copy_is_in_a_case"]
    estate.does(estate.li, "approver", reject(case))
    assert proposing(estate, copy) == []


# -- appraising and approving: I-07, I-27, scenario 16 ----------------------------------------


def test_nothing_is_approved_that_nobody_appraised(estate: Estate, copy: str) -> None:
    case = estate.proposed(copy)
    assert approving(estate, estate.li, case, copy) == ["not_appraised"]
    estate.does(estate.zhao, "dpo", appraise(case, [copy], "fail"))
    assert approving(estate, estate.li, case, copy) == ["not_appraised"]
    estate.does(estate.zhao, "dpo", appraise(case, [copy]))
    assert approving(estate, estate.li, case, copy) == []


def test_whoever_signs_has_seen_the_list(estate: Estate, copy: str) -> None:
    case, other = estate.appraised(copy), estate.new("holding")
    assert approving(estate, estate.li, case, other) == ["another_list_was_seen"]
    assert estate.judge(estate.zhao, "dpo", appraise(case, [other])) == ["another_list_was_seen"]


def test_the_proposer_does_not_appraise(estate: Estate, copy: str) -> None:
    """An opinion on one's own proposal is none: persons, not keys or roles."""
    case, key = estate.proposed(copy), estate.key_for(estate.wang)
    for result in ("pass", "fail"):
        own = appraise(case, [copy], result)
        assert estate.judge(estate.wang, "archivist", own) == ["appraiser_is_proposer"]
    said = enrol(estate.wang, key, "continuous")
    estate.does(estate.wang, "archivist", said, possession=[key])
    estate.does(estate.wang, "administrator", grant(estate.wang, "reviewer"))
    second = estate.wang.signing_with(key)
    said = appraise(case, [copy])
    assert estate.judge(second, "reviewer", said) == ["appraiser_is_proposer"]
    assert estate.judge(estate.li, "reviewer", said) == []


def test_the_proposer_does_not_approve(estate: Estate, copy: str) -> None:
    boss = estate.hire("archivist", "approver", function="management")
    case = estate.new("destruction_case")
    estate.does(boss, "archivist", propose(case, [copy]))
    estate.does(estate.zhao, "dpo", appraise(case, [copy]))
    assert approving(estate, boss, case, copy) == ["approver_is_proposer"]
    key = estate.key_for(boss)
    estate.does(boss, "archivist", enrol(boss, key, "continuous"), possession=[key])
    assert approving(estate, boss.signing_with(key), case, copy) == ["approver_is_proposer"]


def test_scenario_16_one_person_does_not_approve_twice_under_two_keys(
    estate: Estate, copy: str
) -> None:
    case, key = estate.appraised(copy), estate.key_for(estate.li)
    said = enrol(estate.li, key, "continuous")
    estate.does(estate.li, "approver", said, possession=[key])
    estate.does(estate.li, "approver", approve(case, [copy]))
    second = estate.li.signing_with(key)
    assert "approver_approves_twice" in approving(estate, second, case, copy)
    beside = [(second, "approver")]
    details = estate.judge(estate.li, "approver", approve(case, [copy]), beside=beside)
    assert details == ["person_signs_twice"]
    assert executing(estate, execute(case, [copy])) == ["not_approved"]
    assert approving(estate, estate.zhao, case, copy) == []


def test_two_approvers_of_one_function_are_not_enough(estate: Estate, copy: str) -> None:
    colleague = estate.hire("approver", function="finance")
    case = estate.appraised(copy)
    estate.does(estate.li, "approver", approve(case, [copy]))
    assert approving(estate, colleague, case, copy) == ["approvers_of_one_function"]
    assert approving(estate, estate.zhao, case, copy) == []


def test_an_approver_of_another_party_does_not_count(estate: Estate, copy: str) -> None:
    case = estate.appraised(copy)
    assert approving(estate, estate.lin, case, copy) == ["not_the_actors_party"]


def test_approvals_expire_and_are_given_again(estate: Estate, copy: str) -> None:
    case = estate.approved(copy)
    estate.now = later(estate.now, days=29)
    said = execute(case, [copy])
    assert executing(estate, said) == []
    estate.now = later(estate.now, days=2)
    assert executing(estate, said) == ["approval_expired"]
    for who in (estate.li, estate.zhao):
        estate.does(who, "approver", approve(case, [copy]))
    assert executing(estate, said) == []


def test_one_approval_that_expired_leaves_the_other_alone(estate: Estate, copy: str) -> None:
    colleague = estate.hire("approver", function="legal")
    case = estate.appraised(copy)
    estate.does(estate.li, "approver", approve(case, [copy]))
    estate.now = later(estate.now, days=20)
    estate.does(estate.zhao, "approver", approve(case, [copy]))
    estate.now = later(estate.now, days=20)
    assert executing(estate, execute(case, [copy])) == ["approval_expired"]
    assert approving(estate, colleague, case, copy) == ["approvers_of_one_function"]
    assert approving(estate, estate.li, case, copy) == []


def test_a_rejected_case_is_over(estate: Estate, copy: str) -> None:
    case = estate.approved(copy)
    estate.does(estate.li, "approver", reject(case))
    assert executing(estate, execute(case, [copy])) == ["case_is_rejected"]
    assert estate.judge(estate.li, "approver", reject(case)) == ["case_is_rejected"]
    assert proposing(estate, copy) == []


def test_decisions_come_before_the_execution(estate: Estate, copy: str) -> None:
    other = estate.holding_of(estate.ripe())
    case = estate.approved(copy, other)
    done = execute(case, [copy, other], [copy])
    estate.does(estate.chen, "destruction_operator", done)
    assert estate.judge(estate.li, "approver", reject(case)) == ["already_executed"]
    for result in ("pass", "fail"):
        late = appraise(case, [copy, other], result)
        assert estate.judge(estate.zhao, "dpo", late) == ["already_executed"]


def test_approvals_are_given_again_for_what_is_left_to_do(estate: Estate, copy: str) -> None:
    """Else a copy that could not be destroyed within the term never could be."""
    other = estate.holding_of(estate.ripe())
    both = [copy, other]
    case = estate.approved(*both)
    estate.does(estate.chen, "destruction_operator", execute(case, both, [copy]))
    estate.now = later(estate.now, days=31)
    rest, began = execute(case, both, [other]), estate.now
    assert executing(estate, rest) == ["approval_expired"]
    for who in (estate.li, estate.zhao):
        assert executing(estate, rest) == ["approval_expired"]
        estate.does(who, "approver", approve(case, both))
    assert executing(estate, rest.but(started_at=began)) == ["started_before_approval"]
    estate.does(estate.chen, "destruction_operator", rest)


def test_a_case_that_is_not_there_is_not_decided(estate: Estate, copy: str) -> None:
    case = estate.new("destruction_case")
    for who, role, said in (
        (estate.zhao, "dpo", appraise(case, [copy])), (estate.li, "approver", reject(case)),
        (estate.li, "approver", approve(case, [copy])),
        (estate.chen, "destruction_operator", execute(case, [copy])),
        (estate.li, "reviewer", verify_destruction(case, [copy])),
        (estate.wang, "archivist", take_off(case, copy)),
        (estate.wang, "archivist", certify(case, [copy])),
    ):  # fmt: skip
        assert estate.judge(who, role, said) == ["unknown_case"]


# -- what a modified client might send --------------------------------------------------------


def test_everything_in_one_commit_by_one_person_is_nothing(estate: Estate, copy: str) -> None:
    case, wang = estate.new("destruction_case"), estate.wang
    proposed, appraised = propose(case, [copy]), appraise(case, [copy])
    assert estate.judge(wang, "archivist", proposed, appraised) == ["appraiser_is_proposer"]
    for said in (approve(case, [copy]).but(role="approver"),
                 execute(case, [copy]).but(role="destruction_operator")):  # fmt: skip
        details = estate.judge(wang, "archivist", proposed, said)
        assert {"author_did_not_sign_in_role", "role_not_held"} <= set(details)


def test_who_appraises_and_approves_in_one_commit_is_still_one_approver(
    estate: Estate, copy: str
) -> None:
    case = estate.proposed(copy)
    said = (appraise(case, [copy]), approve(case, [copy]).but(role="approver"))
    details = estate.judge(estate.zhao, "dpo", *said)
    assert details == ["author_did_not_sign_in_role"]


def test_both_approvers_in_one_commit_are_still_two_persons(estate: Estate, copy: str) -> None:
    case = estate.appraised(copy)
    by_zhao = approve(case, [copy]).but(by=estate.zhao.actor)
    said = (approve(case, [copy]), by_zhao)
    beside = [(estate.zhao, "approver")]
    assert estate.judge(estate.li, "approver", *said) == ["author_did_not_sign_in_role"]
    assert estate.judge(estate.li, "approver", *said, beside=beside) == []


def test_a_case_writes_nothing_else(estate: Estate, copy: str) -> None:
    case = estate.approved(copy)
    estate.does(estate.wang, "administrator", grant(estate.chen, "custodian"))
    said = (execute(case, [copy]), lose(estate.holding(), START))
    assert estate.judge(estate.chen, "destruction_operator", *said) == ["case_writes_one_stream"]

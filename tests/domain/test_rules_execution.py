"""Destruction carried out: executed, looked for by another, certified."""

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
from tests.domain.worlds import START, Person, Said, collect, enrol, lose, move, reclassify


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


def certifying(estate: Estate, said: Said) -> list[str]:
    return estate.judge(estate.wang, "archivist", said)


# -- executing --------------------------------------------------------------------------------


def test_nothing_is_destroyed_without_two_approvals(estate: Estate, copy: str) -> None:
    case = estate.proposed(copy)
    said = execute(case, [copy])
    assert executing(estate, said) == ["not_appraised", "not_approved"]
    estate.does(estate.zhao, "dpo", appraise(case, [copy]))
    assert executing(estate, said) == ["not_approved"]
    estate.does(estate.li, "approver", approve(case, [copy]))
    assert executing(estate, said) == ["not_approved"]
    estate.does(estate.zhao, "approver", approve(case, [copy]))
    assert executing(estate, said) == []


def test_an_opinion_that_changed_after_the_approvals_stops_the_execution(
    estate: Estate, copy: str
) -> None:
    case = estate.approved(copy)
    estate.does(estate.zhao, "dpo", appraise(case, [copy], "fail"))
    assert executing(estate, execute(case, [copy])) == ["not_appraised"]
    estate.does(estate.zhao, "dpo", appraise(case, [copy]))
    assert executing(estate, execute(case, [copy])) == []


def test_only_open_items_of_the_list_are_destroyed(estate: Estate, copy: str) -> None:
    other = estate.holding_of(estate.ripe())
    case = estate.approved(copy)
    assert "not_an_open_item" in executing(estate, execute(case, [copy], [other]))
    assert "not_an_open_item" in executing(estate, execute(case, [copy], [copy, copy]))
    assert executing(estate, execute(case, [copy], [])) == ["nothing_was_done"]
    estate.does(estate.chen, "destruction_operator", execute(case, [copy]))
    assert executing(estate, execute(case, [copy])) == ["not_an_open_item", "holding_is_destroyed"]


def test_what_could_not_be_destroyed_is_tried_again(estate: Estate, copy: str) -> None:
    case = estate.approved(copy)
    for outcome in ("failed", "unknown"):
        said = execute(case, [copy], outcomes={copy: outcome})
        estate.does(estate.chen, "destruction_operator", said)
        assert estate.copy(copy).there
    estate.does(estate.chen, "destruction_operator", execute(case, [copy]))
    assert estate.copy(copy).condition == "destroyed"


def test_it_began_before_it_ended_and_has_ended(estate: Estate, copy: str) -> None:
    case = estate.approved(copy)
    said, ahead = execute(case, [copy]), later(estate.now, seconds=1)
    assert executing(estate, said.but(started_at=ahead)) == ["ended_before_started"]
    assert executing(estate, said.but(started_at=ahead, ended_at=ahead)) == ["ended_before_started"]
    assert executing(estate, said.but(ended_at=ahead)) == ["ended_before_started"]
    assert executing(estate, said.but(ended_at=later(estate.now, seconds=-1))) == [
        "ended_before_started"
    ]


def test_nothing_is_destroyed_first_and_approved_afterwards(estate: Estate, copy: str) -> None:
    case = estate.appraised(copy)
    before = estate.now
    estate.does(estate.li, "approver", approve(case, [copy]))
    between = estate.now
    estate.does(estate.zhao, "approver", approve(case, [copy]))
    said = execute(case, [copy])
    for began in (START, before, later(between, seconds=-1)):
        assert executing(estate, said.but(started_at=began)) == ["started_before_approval"]
    assert executing(estate, said.but(started_at=between)) == [], "the second was accepted then"


def test_it_began_when_persons_of_two_functions_had_approved(estate: Estate, copy: str) -> None:
    """Two of finance stood when it began; the lawyer's word had expired, a new one came after."""
    colleague = estate.hire("approver", function="finance")
    lawyer = estate.hire("approver", function="legal")
    case = estate.appraised(copy)
    for who in (estate.zhao, estate.li, colleague):
        estate.does(who, "approver", approve(case, [copy]))
        estate.now = later(estate.now, days=5)
    began = estate.now = later(estate.now, days=16)
    assert executing(estate, execute(case, [copy])) == ["approvers_of_one_function"]
    estate.does(lawyer, "approver", approve(case, [copy]))
    said = execute(case, [copy], started_at=later(began, seconds=-1))
    assert executing(estate, said) == ["started_before_approval"]
    assert executing(estate, execute(case, [copy])) == []


def test_a_further_approval_does_not_make_an_execution_too_early(estate: Estate, copy: str) -> None:
    third = estate.hire("approver", function="management")
    case, began = estate.approved(copy), estate.now
    estate.does(third, "approver", approve(case, [copy]))
    assert executing(estate, execute(case, [copy], started_at=began)) == []


def test_scenario_18_the_operator_is_not_the_witness(estate: Estate, copy: str) -> None:
    case = estate.approved(copy)
    said = execute(case, [copy], witnesses=[estate.sun.actor])
    assert executing(estate, said) == []
    own = said.but(witnesses=[estate.chen.actor])
    assert executing(estate, own) == ["operator_is_witness", "role_not_held"]
    twice = said.but(witnesses=[estate.sun.actor] * 2)
    assert executing(estate, twice) == ["person_signs_twice"] * 2
    assert executing(estate, said.but(witnesses=[estate.li.actor])) == ["role_not_held"]
    both = estate.hire("destruction_operator", "destruction_witness", function="it")
    assert executing(estate, said.but(witnesses=[both.actor]), both) == ["operator_is_witness"]
    key = estate.key_for(both)
    estate.does(both, "destruction_witness", enrol(both, key, "continuous"), possession=[key])
    again = said.but(witnesses=[both.actor])
    assert executing(estate, again, both.signing_with(key)) == ["operator_is_witness"]


def test_whoever_began_is_an_operator_as_well(estate: Estate, copy: str) -> None:
    """Sun began and was broken off, Chen finished: neither watched it, neither reads it back."""
    case = estate.approved(copy)
    said = execute(case, [copy], begun_by=[estate.sun.actor])
    assert executing(estate, said) == []
    watched = said.but(witnesses=[estate.sun.actor])
    assert executing(estate, watched) == ["operator_is_witness"]
    assert executing(estate, said.but(begun_by=[estate.chen.actor])) == ["item_named_twice"]
    twice = said.but(begun_by=[estate.sun.actor] * 2)
    assert executing(estate, twice) == ["item_named_twice"] * 2
    nobody = said.but(begun_by=[estate.new("actor")])
    assert executing(estate, nobody) == ["unknown_actor"]
    estate.does(estate.chen, "destruction_operator", said)
    read = verify_destruction(case, [copy])
    assert estate.judge(estate.sun, "destruction_witness", read) == ["verifier_is_operator"]
    assert estate.judge(estate.li, "reviewer", read) == []


def test_a_copy_in_a_case_stays_where_its_keeper_is(estate: Estate, copy: str) -> None:
    estate.proposed(copy)
    said = move(copy, custodian=estate.lin.party)
    beside = [(estate.lin, "custodian")]
    how = {"beside": beside, "engagement": estate.deal}
    assert estate.judge(estate.wang, "custodian", said, **how) == ["copy_is_in_a_case"]
    assert estate.judge(estate.wang, "custodian", move(copy)) == []
    fresh = collect(estate.new("record"), copy)
    assert estate.judge(estate.wang, "collector", fresh) == ["copy_is_in_a_case"]


# -- looking whether they are gone: I-07, I-30 ------------------------------------------------


def test_the_operator_does_not_verify(estate: Estate, copy: str) -> None:
    operator = estate.hire("destruction_operator", "reviewer", function="it")
    case, key = estate.approved(copy), estate.key_for(operator)
    estate.does(operator, "destruction_operator", execute(case, [copy]))
    said = verify_destruction(case, [copy])
    assert estate.judge(operator, "reviewer", said) == ["verifier_is_operator"]
    own = enrol(operator, key, "continuous")
    estate.does(operator, "reviewer", own, possession=[key])
    details = estate.judge(operator.signing_with(key), "reviewer", said)
    assert details == ["verifier_is_operator"]
    assert estate.judge(estate.li, "reviewer", said) == []


def test_only_what_was_executed_is_verified(estate: Estate, copy: str) -> None:
    case = estate.approved(copy)
    said = verify_destruction(case, [copy])
    assert estate.judge(estate.li, "reviewer", said) == [
        "not_executed", "pass_of_what_was_not_destroyed",
    ]  # fmt: skip
    tried = execute(case, [copy], outcomes={copy: "unknown"})
    estate.does(estate.chen, "destruction_operator", tried)
    assert estate.judge(estate.li, "reviewer", said) == ["pass_of_what_was_not_destroyed"]
    unknown = verify_destruction(case, [copy], found={copy: "unknown"})
    assert estate.judge(estate.li, "reviewer", unknown) == []


def test_a_copy_that_is_found_is_there_again_and_destroyed_again(estate: Estate, copy: str) -> None:
    """Otherwise it would count as gone for ever, and nobody could get rid of it."""
    case = estate.executed(copy)
    found = verify_destruction(case, [copy], found={copy: "fail"})
    estate.does(estate.li, "reviewer", found)
    assert estate.copy(copy).there
    assert "item_did_not_pass" in certifying(estate, certify(case, [copy]))
    estate.does(estate.chen, "destruction_operator", execute(case, [copy]))
    estate.does(estate.li, "reviewer", verify_destruction(case, [copy]))
    estate.does(estate.wang, "archivist", certify(case, [copy]))
    assert not estate.copy(copy).there


# -- the certificate: I-30, scenario 10 -------------------------------------------------------


def test_no_certificate_before_everything_passed(estate: Estate, copy: str) -> None:
    other = estate.holding_of(estate.ripe())
    both = [copy, other]
    case = estate.approved(*both)
    said = certify(case, both)
    assert certifying(estate, said) == ["item_did_not_pass"] * 2
    estate.does(estate.chen, "destruction_operator", execute(case, both))
    assert certifying(estate, said) == ["item_did_not_pass"] * 2
    estate.does(estate.li, "reviewer", verify_destruction(case, both, [copy]))
    assert estate.told(estate.wang, "archivist", said) == (other,)
    estate.does(estate.li, "reviewer", verify_destruction(case, both, [other]))
    estate.does(estate.wang, "archivist", said)
    assert certifying(estate, said) == ["case_is_certified"]


@pytest.mark.parametrize("when", ["executed", "verified"])
def test_scenario_10_no_certificate_while_one_of_fifty_is_unknown(
    estate: Estate, when: str
) -> None:
    copies = [estate.holding_of(estate.ripe()) for _ in range(50)]
    lost, case = copies[33], estate.approved(*copies)
    done = execute(case, copies, outcomes={lost: "unknown"} if when == "executed" else {})
    seen = verify_destruction(case, copies, found={lost: "unknown"})
    estate.does(estate.chen, "destruction_operator", done)
    estate.does(estate.li, "reviewer", seen)
    assert "item_did_not_pass" in certifying(estate, certify(case, copies))
    assert estate.told(estate.wang, "archivist", certify(case, copies))[0] == lost
    estate.does(estate.wang, "archivist", take_off(case, lost))
    assert certifying(estate, certify(case, copies)) == [
        "counts_do_not_fit", "verdict_does_not_fit",
    ]  # fmt: skip
    whole = certify(case, copies, failed=1, verdict="destroyed")
    assert certifying(estate, whole) == ["verdict_does_not_fit"]
    estate.does(estate.wang, "archivist", certify(case, copies, failed=1))
    assert estate.copy(lost).there, "what is named as not destroyed is not forgotten"
    assert sum(estate.copy(copy).there for copy in copies) == 1
    assert proposing(estate, lost) == []


def test_what_passed_is_not_taken_off(estate: Estate, copy: str) -> None:
    case = estate.verified(copy)
    said = take_off(case, copy)
    assert estate.judge(estate.wang, "archivist", said) == ["not_a_failed_item"]
    foreign = take_off(case, estate.new("holding"))
    assert estate.judge(estate.wang, "archivist", foreign) == ["not_a_failed_item"]


def test_what_was_taken_off_is_neither_executed_nor_verified(estate: Estate, copy: str) -> None:
    other = estate.holding_of(estate.ripe())
    both = [copy, other]
    case = estate.approved(*both)
    estate.does(estate.wang, "archivist", take_off(case, other))
    assert executing(estate, execute(case, both)) == ["not_an_open_item"]
    estate.does(estate.chen, "destruction_operator", execute(case, both, [copy]))
    seen = verify_destruction(case, both, [other], found={other: "fail"})
    assert estate.judge(estate.li, "reviewer", seen) == ["not_executed"]
    twice = take_off(case, other)
    assert estate.judge(estate.wang, "archivist", twice) == ["not_a_failed_item"]


def test_a_case_of_which_nothing_is_left_has_failed_and_lets_its_copies_go(
    estate: Estate, copy: str
) -> None:
    """It could be neither rejected, for it was begun, nor certified, for nothing was destroyed."""
    case = estate.approved(copy)
    tried = execute(case, [copy], outcomes={copy: "failed"})
    estate.does(estate.chen, "destruction_operator", tried)
    assert "already_executed" in estate.judge(estate.li, "approver", reject(case))
    estate.does(estate.wang, "archivist", take_off(case, copy))
    said = certify(case, [copy], failed=1)
    assert certifying(estate, said)[:2] == ["case_is_failed", "nothing_was_destroyed"]
    assert proposing(estate, copy) == []


def test_what_was_taken_off_before_the_approval_does_not_hinder_the_rest(
    estate: Estate, copy: str
) -> None:
    level = estate.holding_of(estate.ripe())
    both = [copy, level]
    case = estate.appraised(*both)
    record = estate.record(estate.inside(level))
    estate.does(estate.wang, "archivist", reclassify(record, level="important"))
    assert approving(estate, estate.li, case, *both) == ["important_data_needs_a_plan"]
    estate.does(estate.wang, "archivist", take_off(case, level))
    for who in (estate.li, estate.zhao):
        estate.does(who, "approver", approve(case, both))
    estate.does(estate.chen, "destruction_operator", execute(case, both, [copy]))


def test_a_lost_copy_is_taken_off_and_stays_lost(estate: Estate, copy: str) -> None:
    other = estate.holding_of(estate.ripe())
    both = [copy, other]
    case = estate.approved(*both)
    estate.does(estate.wang, "custodian", lose(other))
    assert executing(estate, execute(case, both)) == ["holding_is_lost"]
    estate.does(estate.chen, "destruction_operator", execute(case, both, [copy]))
    estate.does(estate.wang, "archivist", take_off(case, other))
    estate.does(estate.li, "reviewer", verify_destruction(case, both, [copy]))
    estate.does(estate.wang, "archivist", certify(case, both, failed=1))
    assert estate.copy(other).condition == "lost"

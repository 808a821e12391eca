"""Records: collected with a basis, reviewed by another, classified, kept as the law says."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.record import RecordState
from tests.domain.deal_words import Dealing
from tests.domain.worlds import (
    Firm,
    Said,
    archive,
    classify,
    collect,
    correct,
    create_holding,
    enrol,
    give_back,
    lose,
    reclassify,
    retain,
    review,
)


@pytest.fixture
def firm() -> Firm:
    return Firm.open()


def collecting(firm: Firm, **fields: Any) -> list[str]:
    """What the collector hears who takes a file into custody like this."""
    copy = firm.new("holding")
    said = (create_holding(copy, firm.party), collect(firm.new("record"), copy, **fields))
    return firm.judge(firm.wang, "collector", *said)


# -- collecting: I-10 -------------------------------------------------------------------------


def test_personal_data_has_a_notice_or_says_that_it_is_missing(firm: Firm) -> None:
    assert collecting(firm, notice="given") == []
    assert collecting(firm, notice="missing") == []
    assert collecting(firm, notice="not_applicable") == ["notice_does_not_fit_basis"]


def test_a_missing_notice_is_recorded_and_remembered(firm: Firm) -> None:
    """I-10: it is a finding that later blocks handover, not a reason to leave data unrecorded."""
    assert firm.record(firm.collect(notice="missing")).notice_missing
    assert not firm.record(firm.collect(notice="given")).notice_missing


def test_what_is_not_personal_needs_no_notice(firm: Firm) -> None:
    assert collecting(firm, basis="not_personal", notice="not_applicable") == []
    assert collecting(firm, basis="not_personal", notice="given") == ["notice_does_not_fit_basis"]


def test_an_exemption_names_its_ground_and_only_an_exemption_does(firm: Firm) -> None:
    ground = "statutory_secrecy"
    assert collecting(firm, notice="exempt", notice_exemption=ground) == []
    assert collecting(firm, notice="exempt") == ["exemption_needs_reason"]
    assert collecting(firm, notice="given", notice_exemption=ground) == ["exemption_needs_reason"]


def test_a_record_is_collected_once(firm: Firm) -> None:
    record = firm.collect()
    said = collect(record, firm.holding_of(record))
    assert firm.judge(firm.wang, "collector", said) == ["already_collected"]


def test_what_is_collected_lies_somewhere(firm: Firm) -> None:
    said = collect(firm.new("record"), firm.new("holding"))
    assert firm.judge(firm.wang, "collector", said) == ["unknown_holding"]


def test_nothing_is_collected_from_a_copy_that_is_lost(firm: Firm) -> None:
    copy = firm.holding()
    said = collect(firm.new("record"), copy)
    assert firm.judge(firm.wang, "collector", said) == []
    firm.does(firm.wang, "custodian", lose(copy))
    assert firm.judge(firm.wang, "collector", said) == ["holding_is_lost"]


def test_content_is_sealed(firm: Firm) -> None:
    assert collecting(firm, sealed=UNSET) == ["content_must_be_sealed"]
    state = firm.record(firm.collect())
    said = correct(state, sealed=UNSET)
    assert firm.judge(firm.wang, "collector", said) == ["content_must_be_sealed"]


def test_nobody_collects_from_another_partys_copy(firm: Firm) -> None:
    buyer = firm.hire("collector", party=firm.another_firm())
    copy = firm.holding()
    said = collect(firm.new("record"), copy)
    assert firm.judge(buyer, "collector", said) == ["not_the_actors_party"]
    assert firm.judge(firm.wang, "collector", said) == []


def test_a_record_is_not_collected_from_a_copy_of_another_record(firm: Firm) -> None:
    one = firm.collect()
    copy = firm.holding(record=one, made_from=firm.holding_of(one))
    said = collect(firm.new("record"), copy)
    assert firm.judge(firm.wang, "collector", said) == ["holding_of_another_record"]


def test_the_rows_of_a_table_share_their_copy(firm: Firm) -> None:
    copy = firm.new("holding")
    rows = [collect(firm.new("record"), copy, row=n, method="table_rows") for n in (1, 2, 3)]
    firm.does(firm.wang, "collector", create_holding(copy, firm.party), *rows)


# -- correcting: I-06 -------------------------------------------------------------------------


def test_a_correction_names_the_content_that_stands(firm: Firm) -> None:
    record = firm.collect()
    first = firm.record(record)
    firm.does(firm.wang, "collector", correct(first))
    assert firm.judge(firm.wang, "collector", correct(first)) == ["supersedes_not_current"]
    assert firm.judge(firm.wang, "collector", correct(firm.record(record))) == []


def test_a_correction_is_not_taken_from_a_copy_of_another_record(firm: Firm) -> None:
    one, two = firm.collect(), firm.collect()
    copy = firm.holding(record=two, made_from=firm.holding_of(two))
    said = correct(firm.record(one), copy)
    assert firm.judge(firm.wang, "collector", said) == ["holding_of_another_record"]
    own = firm.holding(record=one, made_from=firm.holding_of(one))
    assert firm.judge(firm.wang, "collector", correct(firm.record(one), own)) == []


def test_a_corrected_record_is_reviewed_anew(firm: Firm) -> None:
    record = firm.ready()
    firm.does(firm.wang, "collector", correct(firm.record(record)))
    assert firm.judge(firm.wang, "archivist", archive(record)) == ["not_reviewed"]


def test_a_correction_takes_a_record_out_of_the_archive(firm: Firm) -> None:
    """What lies in the archive has been reviewed since it last changed, always (I-18)."""
    record = firm.ready()
    firm.does(firm.wang, "archivist", archive(record))
    firm.does(firm.wang, "collector", correct(firm.record(record)))
    assert not firm.record(record).archived
    assert firm.judge(firm.wang, "archivist", archive(record)) == ["not_reviewed"]
    firm.does(firm.li, "reviewer", review(record))
    firm.does(firm.wang, "archivist", archive(record))


# -- reviewing: I-07 --------------------------------------------------------------------------


def test_whoever_collected_a_record_does_not_review_it(firm: Firm) -> None:
    clerk = firm.hire("collector", "reviewer")
    record = firm.collect(clerk)
    (refusal,) = firm.refusals(clerk, "reviewer", review(record))
    assert str(refusal) == f"I-07 separation_of_duties (verifier_is_collector): {clerk.actor}"
    firm.does(firm.li, "reviewer", review(record))


def test_the_reviewer_is_another_person_not_another_key(firm: Firm) -> None:
    clerk = firm.hire("collector", "reviewer")
    record = firm.collect(clerk)
    key = firm.key_for(clerk)
    firm.does(clerk, "collector", enrol(clerk, key, "continuous"), possession=[key])
    assert firm.judge(clerk.signing_with(key), "reviewer", review(record)) == [
        "verifier_is_collector"
    ]


def test_a_correction_by_a_colleague_does_not_free_the_collector_to_review(firm: Firm) -> None:
    clerk = firm.hire("collector", "reviewer")
    record = firm.collect(clerk)
    firm.does(firm.wang, "collector", correct(firm.record(record)))
    assert firm.judge(clerk, "reviewer", review(record)) == ["verifier_is_collector"]
    assert firm.judge(firm.li, "reviewer", review(record)) == []


def test_a_check_is_named_once(firm: Firm) -> None:
    said = review(firm.collect(), checks=["accuracy", "safety", "accuracy"])
    assert firm.judge(firm.li, "reviewer", said) == ["check_named_twice"]
    said = said.but(checks=["accuracy", "safety"])
    assert firm.judge(firm.li, "reviewer", said) == []


def test_content_that_does_not_match_does_not_pass(firm: Firm) -> None:
    record = firm.collect()
    said = review(record, content_matched=False)
    assert firm.judge(firm.li, "reviewer", said) == ["content_does_not_match"]
    firm.does(firm.li, "reviewer", said.but(result="fail"))


@pytest.mark.parametrize("who", ["wang", "li"])
def test_nothing_is_done_with_a_record_that_is_not_there(firm: Firm, who: str) -> None:
    record = firm.new("record")
    said, role = (archive(record), "archivist") if who == "wang" else (review(record), "reviewer")
    assert firm.judge(getattr(firm, who), role, said) == ["unknown_record"]


def test_nothing_is_done_with_a_record_that_is_over(firm: Firm) -> None:
    """I-03: the buyer has got back the only copy; what is left here is the history."""
    record = firm.ready_of_nobody()
    state = firm.record(record)
    copies = create_holding(firm.new("holding"), firm.party, record=record)
    acts: list[tuple[Any, str, Said]] = [
        (firm.li, "reviewer", review(record)), (firm.wang, "archivist", archive(record)),
        (firm.wang, "collector", correct(state)), (firm.wang, "archivist", retain(state)),
        (firm.wang, "archivist", reclassify(state)), (firm.wang, "custodian", copies),
    ]  # fmt: skip
    assert [firm.judge(*act) for act in acts] == [[]] * len(acts)
    deal = Dealing.of(firm)
    deal.confidential()
    returned = give_back(firm.holding_of(record), deal.buyer)
    deal.does(firm.wang, "custodian", returned, beside=[(deal.sun, "custodian")])
    for act in acts:
        assert "record_is_over" in firm.judge(*act)


# -- classifying: I-11, scenario 20 -----------------------------------------------------------


def test_core_data_of_the_state_is_not_for_this_program(firm: Firm) -> None:
    record = firm.collect()
    assert firm.judge(firm.wang, "archivist", classify(record, level="core")) == [
        "core_data_not_supported"
    ]
    assert firm.judge(firm.wang, "archivist", classify(record, level="important")) == []


def test_sensitive_data_names_its_kinds_and_nothing_else_does(firm: Firm) -> None:
    record = firm.collect()
    for sensitivity, kinds, fits in (
        ("sensitive_pi", ["biometric"], True), ("sensitive_pi", [], False),
        ("general_pi", ["biometric"], False), ("minor_pi", ["minor_under_14"], True),
    ):  # fmt: skip
        said = classify(record, sensitivity=sensitivity, sensitive_kinds=kinds)
        details = firm.judge(firm.wang, "archivist", said)
        assert details == ([] if fits else ["sensitive_kinds_do_not_fit"])


def test_a_code_is_named_once(firm: Firm) -> None:
    said = classify(firm.collect(), categories=["contract", "contract"])
    assert firm.judge(firm.wang, "archivist", said) == ["code_named_twice"]


def test_what_was_collected_as_not_personal_is_not_classified_as_personal(firm: Firm) -> None:
    """Otherwise "not personal" would be a way around notice and basis (I-10)."""
    record = firm.collect(basis="not_personal", notice="not_applicable")
    assert firm.judge(firm.wang, "archivist", classify(record)) == ["personal_data_without_basis"]
    said = classify(record, sensitivity="business_secret")
    assert firm.judge(firm.wang, "archivist", said) == []


def test_a_record_is_classified_once_then_reclassified(firm: Firm) -> None:
    record = firm.collect()
    firm.does(firm.wang, "archivist", classify(record))
    assert firm.judge(firm.wang, "archivist", classify(record)) == ["already_classified"]
    firm.does(firm.wang, "archivist", reclassify(firm.record(record), level="general_4"))


def test_a_reclassification_names_the_classification_that_stands(firm: Firm) -> None:
    record = firm.collect()
    state = firm.record(record)
    assert firm.judge(firm.wang, "archivist", reclassify(state)) == ["supersedes_not_current"]
    firm.does(firm.wang, "archivist", classify(record))
    stale = reclassify(firm.record(record), level="general_4")
    firm.does(firm.wang, "archivist", stale)
    assert firm.judge(firm.wang, "archivist", stale) == ["supersedes_not_current"]


LOWER = {
    "level": {"level": "general_2"},
    "sensitivity": {"sensitivity": "deidentified"},
    "one lower, one higher": {"level": "general_4", "sensitivity": "anonymized"},
}


@pytest.mark.parametrize("axes", LOWER.values(), ids=LOWER)
def test_scenario_20_nobody_downgrades_alone(firm: Firm, axes: dict[str, str]) -> None:
    record = firm.collect()
    firm.does(firm.wang, "archivist", classify(record))
    said = reclassify(firm.record(record), **axes)
    assert firm.judge(firm.wang, "archivist", said) == ["downgrade_needs_second_person"]
    beside = [(firm.li, "reviewer")]
    assert firm.judge(firm.wang, "archivist", said, beside=beside) == [
        "downgrade_needs_second_person"
    ]
    firm.does(firm.wang, "archivist", said, beside=[(firm.li, "approver")])


def test_an_approver_who_classifies_does_not_approve_it_too(firm: Firm) -> None:
    record = firm.collect()
    firm.does(firm.wang, "archivist", classify(record))
    said = reclassify(firm.record(record), level="general_1")
    key = firm.key_for(firm.zhao)
    firm.does(firm.zhao, "dpo", enrol(firm.zhao, key, "continuous"), possession=[key])
    beside = [(firm.zhao.signing_with(key), "approver")]
    assert firm.judge(firm.zhao, "dpo", said, beside=beside) == ["person_signs_twice"]
    assert firm.judge(firm.zhao, "dpo", said, beside=[(firm.li, "approver")]) == []


def test_an_upgrade_needs_nobody_else(firm: Firm) -> None:
    record = firm.collect()
    firm.does(firm.wang, "archivist", classify(record))
    firm.does(firm.wang, "archivist", reclassify(firm.record(record), level="important"))


# -- retention and archive: I-12, I-18 --------------------------------------------------------


def test_the_dates_are_those_that_the_rules_give(firm: Firm) -> None:
    state = firm.record(firm.collect())
    said = retain(state)
    assert firm.judge(firm.wang, "archivist", said) == []
    for wrong in ({"min_until": "2027-01-31"}, {"min_until": UNSET}, {"permanent": True},
                  {"conflict": True}, {"max_until": "2040-01-01"}):  # fmt: skip
        assert firm.judge(firm.wang, "archivist", said.but(**wrong)) == [
            "dates_do_not_follow_rules"
        ]


def test_what_is_done_at_the_end_is_what_the_rules_say(firm: Firm) -> None:
    said = retain(firm.record(firm.collect()))
    assert said.fields["action"] == "review"
    assert firm.judge(firm.wang, "archivist", said.but(action="destroy")) == [
        "action_does_not_follow_rules"
    ]


def test_a_rule_is_one_of_the_pack_fits_and_is_named_once(firm: Firm) -> None:
    state = firm.record(firm.collect())
    for rules, detail in (
        (["no-such-rule"], "unknown_retention_rule"),
        (["contract-policy", "contract-policy"], "rule_named_twice"),
        (["messages"], "rule_does_not_fit_category"),
    ):
        said = retain(state, rules=rules)
        assert firm.judge(firm.wang, "archivist", said) == [detail]


def test_a_rule_that_another_replaces_is_not_named_beside_it(firm: Firm) -> None:
    record = firm.collect(category="communication.email")
    state = firm.record(record)
    replaced = retain(state, rules=["contract-communication", "messages"])
    assert firm.judge(firm.wang, "archivist", replaced) == ["rule_is_replaced"]
    said = retain(state, rules=["contract-communication"])
    assert firm.judge(firm.wang, "archivist", said) == []


def test_a_period_starts_with_what_its_rule_says(firm: Firm) -> None:
    state = firm.record(firm.collect())
    said = retain(state, trigger="created", rules=["contract-policy"])
    assert firm.judge(firm.wang, "archivist", said) == ["rule_starts_otherwise"]


def test_a_period_starts_on_a_day_that_exists(firm: Firm) -> None:
    state = firm.record(firm.collect())
    said = retain(state, day="2026-02-30")
    assert firm.judge(firm.wang, "archivist", said) == ["no_such_day"]


def test_a_period_that_a_statute_orders_is_not_left_out(firm: Firm) -> None:
    """Otherwise whoever wants a record gone sooner names the shorter of two rules."""
    record = firm.collect(category="transaction")
    own = {"categories": ["transaction"], "business_area": "real_estate"}
    firm.does(firm.wang, "archivist", classify(record, **own))
    state, trigger = firm.record(record), "transaction_completed"
    said = retain(state, trigger)
    assert said.fields["rules"] == ["transaction-records", "brokerage-records"]
    assert firm.judge(firm.wang, "archivist", said) == []
    shorter = retain(state, trigger, rules=["transaction-records"])
    (refusal,) = firm.refusals(firm.wang, "archivist", shorter)
    assert (refusal.detail, refusal.blocking) == ("duty_rule_left_out", ("brokerage-records",))
    alone = retain(state, trigger, rules=["brokerage-records"])
    assert firm.judge(firm.wang, "archivist", alone) == []


def test_a_record_is_archived_when_it_is_ready(firm: Firm) -> None:
    record = firm.ready()
    firm.does(firm.wang, "archivist", archive(record))
    state = firm.record(record)
    assert isinstance(state, RecordState)
    assert state.archived
    assert firm.judge(firm.wang, "archivist", archive(record)) == ["already_archived"]


def test_an_unready_record_is_told_everything_that_it_lacks(firm: Firm) -> None:
    record = firm.collect()
    refusals = firm.refusals(firm.wang, "archivist", archive(record))
    assert [(r.rule, r.detail) for r in refusals] == [
        ("I-11", "not_classified"), ("I-12", "no_retention"), ("I-18", "not_reviewed"),
    ]  # fmt: skip


def test_a_failed_review_is_no_review(firm: Firm) -> None:
    record = firm.ready()
    firm.does(firm.li, "reviewer", review(record, "fail"))
    assert firm.judge(firm.wang, "archivist", archive(record)) == ["not_reviewed"]
    firm.does(firm.zhao, "reviewer", review(record))
    assert firm.judge(firm.wang, "archivist", archive(record)) == []


def test_a_period_for_other_categories_does_not_carry_a_record_into_the_archive(
    firm: Firm,
) -> None:
    record = firm.ready()
    firm.does(firm.wang, "archivist", reclassify(firm.record(record), categories=["accounting"]))
    assert firm.judge(firm.wang, "archivist", archive(record)) == ["retention_for_other_categories"]

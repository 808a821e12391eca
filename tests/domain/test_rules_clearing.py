"""What may go: told, agreed, not withdrawn, person by person; and what an exemption frees of."""

from __future__ import annotations

from typing import Any

import pytest

from domain.values import later
from tests.domain.people_words import Crowd, consent, deliver, suppress
from tests.domain.worlds import SEALED, classify, collect, correct, create_holding, reclassify


@pytest.fixture
def crowd() -> Crowd:
    return Crowd.open()


# -- who ----------------------------------------------------------------------------------------


def test_a_record_in_which_nobody_was_declared_is_not_cleared(crowd: Crowd) -> None:
    assert crowd.blocked(crowd.contract()) == ["subjects_unknown"]


@pytest.mark.parametrize("sensitivity", ["non_personal", "anonymized"])
def test_where_nobody_stands_nobody_is_asked(crowd: Crowd, sensitivity: str) -> None:
    assert crowd.blocked(crowd.contract(sensitivity=sensitivity)) == []


def test_a_label_does_not_take_away_the_people_who_were_found(crowd: Crowd) -> None:
    """The seller calls a list of customers not personal, just before it goes."""
    record = crowd.contract(sensitivity="non_personal")
    crowd.found(crowd.new("subject"), record)
    assert crowd.blocked(record) == ["not_notified", "no_consent"]


@pytest.mark.parametrize(
    "sensitivity", ["general_pi", "private_info", "deidentified", "business_secret"]
)
def test_everything_else_is_personal(crowd: Crowd, sensitivity: str) -> None:
    assert crowd.blocked(crowd.contract(sensitivity=sensitivity)) == ["subjects_unknown"]


def test_what_is_not_classified_is_personal(crowd: Crowd) -> None:
    assert crowd.blocked(crowd.firm.collect()) == ["subjects_unknown"]


def test_one_person_who_did_not_agree_keeps_the_record_back(crowd: Crowd) -> None:
    record = crowd.contract()
    crowd.person(record)
    assert crowd.blocked(record) == []
    other = crowd.new("subject")
    crowd.found(other, record)
    assert crowd.blocked(record) == ["not_notified", "no_consent"]


def test_after_a_correction_people_are_declared_anew(crowd: Crowd) -> None:
    """The seller writes other customers into a record that was cleared."""
    record = crowd.contract()
    person = crowd.person(record)
    crowd.firm.does(crowd.firm.wang, "collector", correct(crowd.firm.record(record)))
    assert crowd.blocked(record) == ["subjects_unknown"]
    crowd.found(person, record)
    assert crowd.blocked(record) == []


def test_what_stood_in_it_before_a_correction_no_longer_counts(crowd: Crowd) -> None:
    record, before = crowd.contract(), crowd.new("subject")
    crowd.found(before, record)
    crowd.firm.does(crowd.firm.wang, "collector", correct(crowd.firm.record(record)))
    crowd.person(record)
    assert crowd.blocked(record) == []


def test_the_old_copy_of_a_corrected_record_goes_with_those_who_stand_in_it(crowd: Crowd) -> None:
    """Who was never told is corrected away; the copy in which he stands is handed over instead."""
    firm, record, never_told = crowd.firm, crowd.contract(), crowd.new("subject")
    old = firm.holding_of(record)
    crowd.found(never_told, record)
    assert crowd.blocked(old) == ["not_notified", "no_consent"]
    typed = create_holding(crowd.new("holding"), firm.party, record=record)
    firm.does(firm.wang, "custodian", typed, correct(firm.record(record), holding=typed.stream))
    crowd.person(record)
    assert crowd.blocked(record) == crowd.blocked(typed.stream) == []
    assert crowd.blocked(old) == ["not_notified", "no_consent"]
    of_old, of_new, of_none = (crowd.new("holding") for _ in range(3))
    for copy, origin in ((of_old, old), (of_new, typed.stream)):
        made = create_holding(copy, firm.party, record=record, made_from=origin)
        firm.does(firm.wang, "custodian", made)
    firm.does(firm.wang, "custodian", create_holding(of_none, firm.party, record=record))
    assert crowd.blocked(of_new) == []
    for copy in (of_old, of_none):  # what was made of nothing may hold anything
        assert crowd.blocked(copy) == ["not_notified", "no_consent"]


# -- told ---------------------------------------------------------------------------------------


def test_a_notice_of_article_22_says_too_little_for_a_provision(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person, kind="art_22")
    crowd.consented(person)
    assert crowd.blocked(record) == ["not_notified"]
    crowd.told(person)
    crowd.consented(person)
    assert crowd.blocked(record) == []


def test_a_bounced_notice_reached_nobody_until_another_channel_did(crowd: Crowd) -> None:
    record, person, notice = crowd.contract(), crowd.new("subject"), crowd.issued()
    crowd.found(person, record)

    def told(status: str, channel: str, **fields: Any) -> list[str]:
        said = deliver(notice, crowd.now, person, status=status, channel=channel, **fields)
        crowd.does(crowd.chen, "dpo", said)
        crowd.consented(person)
        return crowd.blocked(record)

    assert told("bounced", "sms") == ["not_notified"]
    assert told("delivered", "letter") == []
    assert told("bounced", "letter") == ["not_notified"]
    assert told("public_announcement", "announcement", sealed=SEALED) == []


def test_a_notice_about_somebody_else_does_not_count(crowd: Crowd) -> None:
    deal = Crowd.open(broker=True)
    record, person = deal.contract(), deal.new("subject")
    deal.found(person, record)
    deal.consented(person)
    notice = deal.issued(recipient=deal.broker)
    deal.does(deal.chen, "dpo", deliver(notice, deal.now, person))
    assert deal.blocked(record) == ["not_notified"]
    assert deal.blocked(record, recipient=deal.broker) == ["no_consent"]


def test_a_notice_of_another_deal_does_not_count(crowd: Crowd) -> None:
    from tests.domain.deal_words import open_deal

    record = crowd.contract()
    crowd.person(record)
    other = crowd.new("engagement")
    crowd.firm.does(crowd.firm.wang, "administrator", open_deal(other, crowd.seller, crowd.buyer))
    crowd.engagement = other
    assert crowd.blocked(record) == ["not_notified"]


# -- agreed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["general", "separate_publication", "separate_cross_border"])
def test_another_consent_is_not_the_one_to_the_provision(crowd: Crowd, kind: Any) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.consented(person, kind)
    assert crowd.blocked(record) == ["no_consent"]


def test_a_consent_to_another_firm_does_not_count(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.consented(person, recipient=crowd.firm.another_firm())
    assert crowd.blocked(record) == ["no_consent"]


def test_a_consent_covers_the_categories_that_it_names(crowd: Crowd) -> None:
    of_calls = crowd.contract(categories=["communication.call_recording"])
    of_both = crowd.contract(categories=["communication.call_recording", "contract"])
    person = crowd.new("subject")
    crowd.found(person, of_calls, of_both)
    crowd.told(person)
    crowd.consented(person, categories=["communication"])
    assert crowd.blocked(of_calls) == []
    assert crowd.blocked(of_both) == ["no_consent"]
    crowd.consented(person, categories=["communication", "contract"])
    assert crowd.blocked(of_both) == []


def test_a_consent_is_over_after_its_last_day(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.consented(person, until=crowd.now[:10])
    assert crowd.blocked(record) == []
    crowd.firm.now = later(crowd.now, days=1)
    assert crowd.blocked(record) == ["no_consent"]


def test_whoever_withdraws_keeps_the_record_back_until_agreeing_again(crowd: Crowd) -> None:
    record = crowd.contract()
    person = crowd.person(record)
    crowd.withdrew(person)
    assert crowd.blocked(record) == ["consent_withdrawn"]
    crowd.consented(person)
    assert crowd.blocked(record) == []


def test_a_consent_dated_back_before_the_withdrawal_does_not_count(crowd: Crowd) -> None:
    """The seller records, after a withdrawal, that the person had agreed."""
    record = crowd.contract()
    person = crowd.person(record)
    given = crowd.now
    crowd.firm.now = later(crowd.now, seconds=60)
    crowd.withdrew(person)
    crowd.does(crowd.chen, "dpo", consent(person, crowd.buyer, given))
    assert crowd.blocked(record) == ["consent_withdrawn"]


def test_a_withdrawal_from_another_firm_leaves_this_consent(crowd: Crowd) -> None:
    record = crowd.contract()
    person = crowd.person(record)
    crowd.withdrew(person, crowd.firm.another_firm())
    assert crowd.blocked(record) == []


# -- told first, asked then (PIPL 14) -----------------------------------------------------------


def test_a_consent_of_before_the_notice_does_not_count(crowd: Crowd) -> None:
    """The seller asks first, and says afterwards who gets the data and what for."""
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.consented(person)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.told(person)
    assert crowd.blocked(record) == ["consent_before_notice"]
    crowd.consented(person)
    assert crowd.blocked(record) == []


def test_a_consent_that_is_dated_back_before_the_notice_does_not_count(crowd: Crowd) -> None:
    """What counts is when it was given, not when it was recorded."""
    record, person, earlier = crowd.contract(), crowd.new("subject"), crowd.now
    crowd.found(person, record)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.told(person)
    crowd.does(crowd.chen, "dpo", consent(person, crowd.buyer, earlier))
    assert crowd.blocked(record) == ["consent_before_notice"]


def test_a_notice_recorded_late_carries_a_consent_of_after_it_was_delivered(crowd: Crowd) -> None:
    """The post's list comes in after the answers: the days on it count, not that of the entry."""
    record, person, notice = crowd.contract(), crowd.new("subject"), crowd.issued()
    crowd.found(person, record)
    delivered = crowd.now
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.consented(person)
    assert crowd.blocked(record) == ["not_notified"]
    crowd.does(crowd.chen, "dpo", deliver(notice, delivered, person))
    assert crowd.blocked(record) == []


def test_a_notice_that_came_back_informed_nobody(crowd: Crowd) -> None:
    """Returned, agreed, delivered on another channel: the consent lies before the only notice."""
    record, person, notice = crowd.contract(), crowd.new("subject"), crowd.issued()
    crowd.found(person, record)
    crowd.does(crowd.chen, "dpo", deliver(notice, crowd.now, person, status="bounced"))
    crowd.consented(person)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.does(crowd.chen, "dpo", deliver(notice, crowd.now, person, channel="email"))
    assert crowd.blocked(record) == ["consent_before_notice"]


def test_a_second_notice_takes_nothing_away_from_what_the_first_one_carries(crowd: Crowd) -> None:
    record = crowd.contract()
    person = crowd.person(record)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.told(person)
    assert crowd.blocked(record) == []


def test_the_notice_of_an_earlier_deal_carries_no_consent_in_this_one(crowd: Crowd) -> None:
    """Agreed two years ago, when the same buyer wanted something else."""
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    earlier = Crowd.of(crowd.firm)
    earlier.told(person)
    crowd.consented(person)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.told(person, kind="art_22")
    assert crowd.blocked(record) == ["not_notified"], "and one that says too little is none"
    crowd.told(person)
    assert crowd.blocked(record) == ["consent_before_notice"]


@pytest.mark.parametrize(
    ("axes", "who", "kind"),
    [
        ({"sensitivity": "sensitive_pi", "sensitive_kinds": ["financial_account"]}, {},
         "separate_sensitive"),
        ({}, {"minor": True}, "guardian"),
    ],
)  # fmt: skip
def test_sensitive_data_and_children_are_no_way_around_the_notice(
    crowd: Crowd, axes: dict[str, Any], who: dict[str, Any], kind: str
) -> None:
    record, person = crowd.contract(**axes), crowd.new("subject")
    crowd.found(person, record, **who)
    crowd.consented(person, kind)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.told(person)
    crowd.consented(person)
    assert crowd.blocked(record) == ["consent_before_notice"]
    crowd.consented(person, kind)
    assert crowd.blocked(record) == []


def test_a_consent_for_some_categories_lies_after_the_notice_too(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.consented(person, categories=["contract"])
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.told(person)
    assert crowd.blocked(record) == ["consent_before_notice"]
    crowd.consented(person, categories=["contract"])
    assert crowd.blocked(record) == []


def test_whoever_agreed_again_too_early_is_told_so_and_not_that_he_withdrew(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.withdrew(person)
    for _ in range(2):
        crowd.firm.now = later(crowd.now, seconds=1)
        crowd.consented(person)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.told(person)
    assert crowd.blocked(record) == ["consent_before_notice"]


# -- objections (PIPL 15, 22, 44) ---------------------------------------------------------------


@pytest.mark.parametrize("basis", ["pipl_13_1_consent", "gdpr_6_a"])
def test_what_was_taken_on_consent_does_not_pass_in_a_merger_against_an_objection(
    basis: str,
) -> None:
    """Nothing but consent carries it, and the person took it back: article 22 adds none."""
    crowd = Crowd.open("merger")
    record, person = crowd.contract(basis=basis), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person, kind="art_22")
    assert crowd.blocked(record) == []
    crowd.withdrew(person)
    assert crowd.blocked(record) == ["consent_withdrawn"]
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.consented(person)
    assert crowd.blocked(record) == []


@pytest.mark.parametrize(
    "agreed",
    [{"kind": "general"}, {"kind": "guardian"}, {"categories": ["accounting"]}],
    ids=["in general", "for somebody under 14", "to something else"],
)
def test_an_objection_is_lifted_by_the_consent_that_would_do_by_itself(
    agreed: dict[str, Any],
) -> None:
    """Somebody agreed to something, later; to this provision of this record he never did."""
    crowd = Crowd.open("merger")
    record, person = crowd.contract(basis="pipl_13_1_consent"), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person, kind="art_22")
    crowd.withdrew(person)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.consented(person, **agreed)
    assert crowd.blocked(record) == ["consent_withdrawn"]
    crowd.consented(person, categories=["contract"])
    assert crowd.blocked(record) == []


def test_an_objection_is_not_lifted_by_somebody_who_was_not_told_yet() -> None:
    crowd = Crowd.open("merger")
    record, person = crowd.contract(basis="pipl_13_1_consent"), crowd.new("subject")
    crowd.found(person, record)
    crowd.withdrew(person)
    for happens in (crowd.consented, crowd.told):
        crowd.firm.now = later(crowd.now, seconds=1)
        happens(person)
    assert crowd.blocked(record) == ["consent_before_notice"]
    crowd.consented(person)
    assert crowd.blocked(record) == []


def test_for_a_child_a_guardian_lifts_an_objection_in_a_merger() -> None:
    crowd = Crowd.open("merger")
    record, child = crowd.contract(basis="pipl_13_1_consent"), crowd.new("subject")
    crowd.found(child, record, minor=True)
    crowd.told(child)
    crowd.withdrew(child)
    crowd.firm.now = later(crowd.now, seconds=1)
    crowd.consented(child)
    assert crowd.blocked(record) == ["consent_withdrawn"]
    crowd.consented(child, "guardian")
    assert crowd.blocked(record) == []


def test_what_a_contract_carries_passes_in_a_merger_whoever_objects() -> None:
    """Article 22 asks nobody; the objection is a request to the new keeper (article 44)."""
    crowd = Crowd.open("merger")
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person, kind="art_22")
    crowd.withdrew(person)
    assert crowd.blocked(record) == []


def test_an_exemption_does_not_replace_a_consent_that_was_withdrawn(crowd: Crowd) -> None:
    """Counsel frees of asking; whoever was asked, and took it back, is not overruled."""
    record, person = crowd.contract(basis="pipl_13_1_consent"), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.exempted()
    assert crowd.blocked(record) == []
    crowd.withdrew(person)
    assert crowd.blocked(record) == ["consent_withdrawn"]


# -- sensitive data and children ----------------------------------------------------------------


def test_sensitive_data_needs_a_consent_of_its_own(crowd: Crowd) -> None:
    record = crowd.contract(sensitivity="sensitive_pi", sensitive_kinds=["financial_account"])
    person = crowd.person(record)
    assert crowd.blocked(record) == ["no_sensitive_consent"]
    crowd.consented(person, "separate_sensitive")
    assert crowd.blocked(record) == []


def test_for_a_child_a_guardian_agrees_and_nobody_else(crowd: Crowd) -> None:
    record = crowd.contract()
    child = crowd.person(record, minor=True)
    crowd.consented(child, "separate_sensitive")
    assert crowd.blocked(record) == ["no_guardian_consent"]
    crowd.consented(child, "guardian")
    assert crowd.blocked(record) == []


def test_data_of_children_needs_a_guardian_whoever_was_declared(crowd: Crowd) -> None:
    record = crowd.contract(sensitivity="minor_pi", sensitive_kinds=["minor_under_14"])
    person = crowd.person(record)
    assert crowd.blocked(record) == ["no_guardian_consent"]
    crowd.consented(person, "guardian")
    assert crowd.blocked(record) == []


# -- exempted -----------------------------------------------------------------------------------


def test_an_exemption_frees_of_consent_and_not_of_notice(crowd: Crowd) -> None:
    record, person = crowd.contract(), crowd.new("subject")
    crowd.found(person, record)
    crowd.exempted("contract")
    assert crowd.blocked(record) == ["not_notified"]
    crowd.told(person)
    assert crowd.blocked(record) == []


def test_an_exemption_frees_its_categories_only(crowd: Crowd) -> None:
    record = crowd.contract(categories=["contract", "finance"])
    person = crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.exempted("contract")
    assert crowd.blocked(record) == ["no_consent"]
    crowd.exempted("finance")
    assert crowd.blocked(record) == []


def test_an_exemption_without_categories_frees_all_but_children(crowd: Crowd) -> None:
    record, person, child = crowd.contract(), crowd.new("subject"), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.exempted()
    assert crowd.blocked(record) == []
    crowd.found(child, record, minor=True)
    crowd.told(child)
    assert crowd.blocked(record) == ["no_guardian_consent"]


def test_an_exemption_of_everything_is_not_narrowed_by_another_one(crowd: Crowd) -> None:
    record, person = crowd.contract(categories=["finance"]), crowd.new("subject")
    crowd.found(person, record)
    crowd.told(person)
    crowd.exempted()
    crowd.exempted("contract")
    assert crowd.blocked(record) == []


# -- modes --------------------------------------------------------------------------------------


def test_in_a_merger_people_are_told_and_not_asked() -> None:
    crowd = Crowd.open("merger")
    record, person = crowd.contract(), crowd.new("subject")
    assert crowd.blocked(record) == ["subjects_unknown"]
    crowd.found(person, record)
    assert crowd.blocked(record) == ["not_notified"]
    crowd.told(person, kind="art_22")
    assert crowd.blocked(record) == []
    crowd.withdrew(person)
    assert crowd.blocked(record) == []
    assert crowd.blocked(record, marketing=True) == ["suppressed"]


@pytest.mark.parametrize("mode", ["entrusted", "equity_transfer"])
def test_where_the_law_asks_for_no_notice_nobody_is_asked(mode: str) -> None:
    crowd = Crowd.open(mode)
    assert crowd.blocked(crowd.contract()) == []


def test_without_a_deal_nothing_is_cleared(crowd: Crowd) -> None:
    record = crowd.contract()
    crowd.engagement = crowd.firm.routine
    assert crowd.blocked(record) == ["needs_a_deal"]


# -- marketing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("reason", "told"), [("opted_out", "opted_out"),
                                              ("deceased", "suppressed")])  # fmt: skip
def test_on_a_list_for_marketing_stands_nobody_who_is_to_be_let_be(
    crowd: Crowd, reason: Any, told: str
) -> None:
    record = crowd.contract()
    person = crowd.person(record)
    assert crowd.blocked(record, marketing=True) == []
    crowd.does(crowd.chen, "dpo", suppress(person, reason=reason))
    assert crowd.blocked(record, marketing=True) == [told]
    assert crowd.blocked(record) == []


def test_a_customer_classified_as_opted_out_is_on_no_such_list(crowd: Crowd) -> None:
    record = crowd.contract(relationship="opted_out", sensitivity="non_personal")
    assert crowd.blocked(record, marketing=True) == ["opted_out"]
    again = reclassify(crowd.firm.record(record), relationship="closed", sensitivity="general_pi")
    crowd.firm.does(crowd.firm.wang, "archivist", again)
    crowd.person(record)
    assert crowd.blocked(record, marketing=True) == []


def test_whoever_agreed_again_after_a_withdrawal_is_not_marketed_to_all_the_same(
    crowd: Crowd,
) -> None:
    record = crowd.contract()
    person = crowd.person(record)
    crowd.withdrew(person)
    crowd.consented(person)
    assert crowd.blocked(record) == []
    assert crowd.blocked(record, marketing=True) == ["suppressed"]


# -- lists --------------------------------------------------------------------------------------


def test_of_a_copy_everything_in_it_counts(crowd: Crowd) -> None:
    copy, records = crowd.new("holding"), [crowd.new("record") for _ in range(3)]
    firm = crowd.firm
    firm.does(
        firm.wang, "collector", create_holding(copy, crowd.seller),
        *(collect(record, copy, row=n, method="table_rows") for n, record in enumerate(records, 1)),
    )  # fmt: skip
    firm.does(firm.wang, "archivist", *(classify(record) for record in records))
    crowd.person(records[0])
    assert crowd.blocked(copy) == ["subjects_unknown"]
    for record in records[1:]:
        crowd.person(record)
    assert crowd.blocked(copy) == []


def test_a_refusal_names_the_first_few_that_are_blocked(crowd: Crowd) -> None:
    good, bad = crowd.contract(), [crowd.contract() for _ in range(10)]
    crowd.person(good)
    (refusal,) = crowd.refused([good, *bad])
    assert (refusal.rule, refusal.detail) == ("I-14", "subjects_unknown")
    assert len(refusal.blocking) == 8
    assert set(refusal.blocking) < set(bad)

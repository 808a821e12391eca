"""A deal is opened between parties, and they sign what its handovers will stand on."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.agreements import AgreedKey
from tests.domain.deal_words import (
    Dealing,
    assess,
    attach,
    end_nda,
    open_deal,
    sign_nda,
    train,
)
from tests.domain.worlds import Firm, Said, enrol, revoke, rotate


@pytest.fixture
def firm() -> Firm:
    return Firm.open()


@pytest.fixture
def deal() -> Dealing:
    return Dealing.open(broker=True)


# -- opening ------------------------------------------------------------------------------------


def opens(firm: Firm, **fields: Any) -> list[str]:
    """What the administrator hears who opens a deal with another firm."""
    buyer = firm.another_firm()
    said = open_deal(firm.new("engagement"), firm.party, buyer).but(**fields)
    return firm.judge(firm.wang, "administrator", said)


def test_a_deal_is_opened_between_two_parties(firm: Firm) -> None:
    assert opens(firm) == []
    assert opens(firm, broker=firm.another_firm()) == []


@pytest.mark.parametrize(
    "mode", ["equity_transfer", "merger", "entrusted", "joint", "due_diligence", "partner_exchange"]
)
def test_every_structure_that_the_pack_knows_opens_a_deal(firm: Firm, mode: str) -> None:
    assert opens(firm, transfer_mode=mode) == []


@pytest.mark.parametrize("mode", ["internal_share", "authority_or_court", UNSET])
def test_what_is_everyday_custody_or_has_no_structure_is_no_deal(firm: Firm, mode: Any) -> None:
    assert opens(firm, transfer_mode=mode) == ["mode_is_no_deal"]


def test_a_deal_has_a_title_that_is_sealed(firm: Firm) -> None:
    assert opens(firm, sealed=UNSET) == ["title_must_be_sealed"]


@pytest.mark.parametrize("side", ["seller", "buyer"])
def test_a_deal_has_two_sides(firm: Firm, side: str) -> None:
    assert "deal_needs_seller_and_buyer" in opens(firm, **{side: UNSET})


def test_nobody_deals_with_oneself_nor_brokers_an_own_deal(firm: Firm) -> None:
    assert set(opens(firm, buyer=firm.party)) == {"one_party_on_two_sides"}
    assert set(opens(firm, broker=firm.party)) == {"one_party_on_two_sides"}


@pytest.mark.parametrize("side", ["seller", "buyer", "broker"])
def test_a_deal_is_between_parties_that_are_registered(firm: Firm, side: str) -> None:
    assert "unknown_party" in opens(firm, **{side: firm.new("party")})


def test_nobody_opens_a_deal_between_two_others(firm: Firm) -> None:
    """A third firm's administrator would bind two firms that know nothing of it."""
    buyer, third = firm.another_firm(), firm.another_firm()
    meddler = firm.hire("administrator", party=third)
    said = open_deal(firm.new("engagement"), firm.party, buyer)
    assert firm.judge(meddler, "administrator", said) == ["not_a_party_to_the_deal"]
    assert firm.judge(meddler, "administrator", said.but(broker=third)) == []
    assert firm.judge(firm.hire("administrator", party=buyer), "administrator", said) == []


def test_a_deal_is_opened_once(deal: Dealing) -> None:
    said = open_deal(deal.engagement, deal.seller, deal.buyer)
    assert "already_opened" in deal.firm.judge(deal.firm.wang, "administrator", said)


def test_no_deal_is_opened_under_another_deal(deal: Dealing) -> None:
    """Its administrators are scoped: one of them would open a deal that nobody else sees."""
    said = open_deal(deal.firm.new("engagement"), deal.seller, deal.buyer)
    assert deal.judge(deal.firm.wang, "administrator", said) == ["deal_under_another_deal"]


def test_the_routine_engagement_bears_nothing_of_a_deal() -> None:
    founder = Firm()
    for more in ({"transfer_mode": "merger"}, {"buyer": founder.party}):
        said = [
            one.but(**more) if one.fields.get("kind") == "routine" else one
            for one in founder.opening()
        ]
        keys = [founder.checkpoint_key]
        details = founder.judge(founder.wang, "administrator", *said, possession=keys)
        assert details == ["routine_is_no_deal"]


def test_a_ledger_has_one_routine_engagement(firm: Firm) -> None:
    said = open_deal(firm.new("engagement"), firm.party, firm.another_firm(), kind="routine")
    details = firm.judge(firm.wang, "administrator", said)
    assert "routine_comes_with_entry_zero" in details


# -- documents ----------------------------------------------------------------------------------


def attaches(deal: Dealing, *parties: str, **fields: Any) -> list[str]:
    said = attach(deal.firm.new("document"), "nda", *parties, **fields)
    return deal.judge(deal.chen, "seller_handler", said)


def test_a_document_made_elsewhere_is_attached(deal: Dealing) -> None:
    assert attaches(deal, deal.seller, deal.buyer, begins_on="2026-11-01") == []


def test_a_document_is_attached_once(deal: Dealing) -> None:
    again = attach(deal.document("nda"), "nda")
    assert deal.judge(deal.chen, "seller_handler", again) == ["already_attached"]


def test_a_document_without_its_digest_proves_nothing(deal: Dealing) -> None:
    assert attaches(deal, sealed=UNSET) == ["content_must_be_sealed"]


def test_a_document_stands_on_days_that_are_days(deal: Dealing) -> None:
    assert attaches(deal, ends_on="2026-02-30") == ["no_such_day"]
    span = {"begins_on": "2026-12-02", "ends_on": "2026-12-01"}
    assert attaches(deal, **span) == ["ended_before_started"]


def test_who_signed_a_document_is_known_and_named_once(deal: Dealing) -> None:
    assert attaches(deal, deal.firm.new("party")) == ["unknown_party"]
    assert attaches(deal, deal.buyer, deal.buyer) == ["party_named_twice"]


def test_a_deals_documents_come_from_its_parties(deal: Dealing) -> None:
    stranger = deal.firm.hire("dpo", party=deal.firm.another_firm())
    said = attach(deal.firm.new("document"), "pipia")
    assert deal.judge(stranger, "dpo", said) == ["not_a_party_to_the_deal"]


# -- the evidence agreement ---------------------------------------------------------------------


def signs(deal: Dealing, said: Said, *, by: Any = None, beside: Any = None) -> list[str]:
    """What the handlers hear who sign an agreement together."""
    who, role = by or (deal.chen, "seller_handler")
    others = [(deal.sun, "buyer_handler")] if beside is None else beside
    return deal.judge(who, role, said, beside=others)


def test_both_handlers_sign_whose_keys_count(deal: Dealing) -> None:
    said = deal.agreement()
    assert signs(deal, said) == []
    deal.does(deal.chen, "seller_handler", said, beside=[(deal.sun, "buyer_handler")])
    assert (deal.wu.actor, "supervisor", deal.wu.key.id) in deal.state.agreed


def test_the_seller_alone_agrees_to_nothing(deal: Dealing) -> None:
    assert signs(deal, deal.agreement(), beside=[]) == ["handler_must_sign"]


def test_a_supervisor_of_the_buyer_does_not_agree_for_its_handler(deal: Dealing) -> None:
    beside = [(deal.wu, "supervisor")]
    assert signs(deal, deal.agreement(), beside=beside) == ["handler_must_sign"]


def test_a_handler_of_the_sellers_who_signs_as_the_buyers_does_not_agree_for_it(
    deal: Dealing,
) -> None:
    """One person for two roles under two keys: role and firm must fit."""
    mole = deal.firm.hire("buyer_handler")
    said = deal.agreement(signers=[(deal.chen, "seller_handler"), (mole, "buyer_handler")])
    beside = [(mole, "buyer_handler")]
    assert signs(deal, said, beside=beside) == ["handler_must_sign", "signer_of_another_party"]


def test_who_signs_the_agreement_is_named_in_it(deal: Dealing) -> None:
    said = deal.agreement(signers=[(deal.chen, "seller_handler"), (deal.wu, "supervisor")])
    assert signs(deal, said) == ["signer_is_not_named"]


def test_who_is_named_in_another_role_is_not_named(deal: Dealing) -> None:
    said = deal.agreement(signers=[(deal.chen, "seller_handler"), (deal.sun, "supervisor")])
    assert signs(deal, said) == ["signer_is_not_named"]


def test_a_key_that_is_over_is_not_agreed(deal: Dealing) -> None:
    wu = deal.wu
    deal.firm.does(deal.firm.wang, "administrator", revoke(wu, wu.key))
    assert signs(deal, deal.agreement()) == ["agreed_key_is_not_active"]


def test_a_sealing_key_is_not_agreed(deal: Dealing) -> None:
    sealing = deal.firm.key_for(deal.wu, "seal")
    deal.firm.does(deal.firm.wang, "administrator", enrol(deal.wu, sealing))
    named = [AgreedKey(p.actor, r, p.key.id) for p, r in deal.handlers]  # type: ignore[arg-type]
    named.append(AgreedKey(deal.wu.actor, "supervisor", sealing.id))
    assert signs(deal, deal.agreement().but(signers=named)) == ["agreed_key_is_not_active"]


def test_keys_of_strangers_are_not_agreed(deal: Dealing) -> None:
    stranger = deal.firm.hire("supervisor", party=deal.firm.another_firm())
    said = deal.agreement(signers=[*deal.everybody, (stranger, "supervisor")])
    assert signs(deal, said) == ["signer_of_another_party"]


def test_an_actor_who_is_not_registered_is_not_named(deal: Dealing) -> None:
    named = [AgreedKey(p.actor, r, p.key.id) for p, r in deal.handlers]  # type: ignore[arg-type]
    named.append(AgreedKey(deal.firm.new("actor"), "supervisor", "0" * 8))
    assert signs(deal, deal.agreement().but(signers=named)) == ["unknown_actor"]


def test_the_agreement_stands_on_a_document_of_its_kind_and_deal(deal: Dealing) -> None:
    unknown = deal.firm.new("document")
    assert signs(deal, deal.agreement(unknown)) == ["unknown_document"]
    wrong = deal.document("nda")
    assert signs(deal, deal.agreement(wrong)) == ["document_of_another_kind"]
    elsewhere = deal.firm.new("document")
    deal.firm.does(deal.chen, "seller_handler", attach(elsewhere, "evidence_agreement"))
    assert signs(deal, deal.agreement(elsewhere)) == ["document_of_another_deal"]


def test_a_paper_that_others_signed_does_not_bind_these_two(deal: Dealing) -> None:
    paper = deal.document("evidence_agreement", deal.seller, deal.broker)
    assert signs(deal, deal.agreement(paper)) == ["document_of_other_parties"]


def test_a_replaced_key_needs_a_new_agreement_on_a_new_document(deal: Dealing) -> None:
    deal.agreed()
    sun = deal.sun
    old, new = sun.key, deal.firm.key_for(sun)
    deal.firm.does(sun, "buyer_handler", rotate(sun, old, new), possession=[new])
    sun.keys.append(new)
    assert (sun.actor, "buyer_handler", new.id) not in deal.state.agreed
    used = next(iter(deal.state.documents))
    assert signs(deal, deal.agreement(used)) == ["document_used_before"]
    deal.agreed()
    assert (sun.actor, "buyer_handler", new.id) in deal.state.agreed


def test_an_agreement_stands_under_its_own_deal(deal: Dealing) -> None:
    said = deal.agreement()
    beside = [(deal.sun, "buyer_handler")]
    how = {"beside": beside, "engagement": deal.firm.routine}
    assert deal.judge(deal.chen, "seller_handler", said, **how) == ["under_another_engagement"]


def test_nothing_is_agreed_on_the_routine_engagement(deal: Dealing) -> None:
    said = Said(deal.agreement().kind, deal.firm.routine, deal.agreement().fields)
    beside = [(deal.sun, "buyer_handler")]
    how = {"beside": beside, "engagement": deal.firm.routine}
    assert deal.judge(deal.chen, "seller_handler", said, **how) == ["not_a_deal"]


# -- confidentiality ----------------------------------------------------------------------------


def test_two_parties_sign_who_may_disclose_what(deal: Dealing) -> None:
    paper = deal.document("nda", deal.seller, deal.buyer)
    assert signs(deal, deal.nda(paper, categories=["contract"])) == []


def test_a_nda_is_signed_by_both_of_its_parties(deal: Dealing) -> None:
    said = deal.nda(deal.document("nda"))
    assert signs(deal, said, beside=[]) == ["party_must_sign"]
    assert signs(deal, said, beside=[(deal.wu, "supervisor")]) == ["party_must_sign"]


def test_the_broker_signs_for_itself(deal: Dealing) -> None:
    he = deal.firm.hire("broker", party=deal.broker)
    said = sign_nda(deal.engagement, deal.document("nda"), deal.seller, deal.broker)
    assert signs(deal, said) == ["party_must_sign"]
    assert signs(deal, said, beside=[(he, "broker")]) == []


def test_a_nda_is_between_two_parties_to_the_deal(deal: Dealing) -> None:
    other = deal.firm.another_firm()
    said = deal.nda(deal.document("nda"), receiving_party=other)
    assert signs(deal, said) == ["nda_of_another_party"]
    said = deal.nda(deal.document("nda"), receiving_party=deal.seller)
    assert signs(deal, said) == ["nda_with_oneself"]


def test_a_nda_stands_on_days_that_are_days(deal: Dealing) -> None:
    paper = deal.document("nda")
    assert signs(deal, deal.nda(paper, begins_on="2026-11-31")) == ["no_such_day"]
    assert signs(deal, deal.nda(paper, ends_on="2026-11-20")) == ["ended_before_started"]


def test_a_nda_names_a_category_once(deal: Dealing) -> None:
    said = deal.nda(deal.document("nda"), categories=["contract", "contract"])
    assert signs(deal, said) == ["code_named_twice"]


def test_a_nda_is_ended_by_either_party_and_never_prolonged_by_it(deal: Dealing) -> None:
    paper = deal.confidential()
    said = end_nda(deal.engagement, paper, "2026-12-01")
    assert deal.judge(deal.sun, "buyer_handler", said) == []
    deal.does(deal.chen, "seller_handler", said)
    assert deal.judge(deal.sun, "buyer_handler", said) == ["nda_ended_before"]
    later_on = end_nda(deal.engagement, paper, "2026-12-02")
    assert deal.judge(deal.sun, "buyer_handler", later_on) == ["nda_ended_before"]
    assert deal.state.ndas[paper].in_force("2026-11-30")
    assert not deal.state.ndas[paper].in_force("2026-12-01")


def test_the_receiving_party_does_not_keep_a_nda_alive_by_ending_it_on_a_far_day(
    deal: Dealing,
) -> None:
    """Whoever is first to name a day does not bind the other one to it."""
    paper = deal.confidential()
    for day, details in (("9999-12-31", ["nda_ends_too_late"]), ("2027-11-22", [])):
        said = end_nda(deal.engagement, paper, day)
        assert deal.judge(deal.sun, "buyer_handler", said) == details, day
    deal.does(deal.sun, "buyer_handler", end_nda(deal.engagement, paper, "2027-11-22"))
    deal.does(deal.chen, "seller_handler", end_nda(deal.engagement, paper, "2026-11-21"))
    assert not deal.state.ndas[paper].in_force("2026-11-21")


def test_a_nda_is_not_ended_by_the_broker_before_it_began_or_if_there_is_none(
    deal: Dealing,
) -> None:
    paper = deal.confidential()
    he = deal.firm.hire("broker", party=deal.broker)
    said = end_nda(deal.engagement, paper, "2026-12-01")
    assert deal.judge(he, "broker", said) == ["not_a_party_to_the_nda"]
    said = end_nda(deal.engagement, paper, "2026-11-20")
    assert deal.judge(deal.chen, "seller_handler", said) == ["ended_before_started"]
    said = end_nda(deal.engagement, deal.firm.new("document"), "2026-12-01")
    assert deal.judge(deal.chen, "seller_handler", said) == ["unknown_nda"]


# -- the impact assessment ----------------------------------------------------------------------


def assesses(deal: Dealing, who: Any = None, **fields: Any) -> list[str]:
    document = fields.pop("document", None) or deal.document("pipia")
    return deal.judge(who or deal.chen, "dpo", assess(deal.engagement, document, **fields))


def test_the_seller_assesses_what_it_hands_over(deal: Dealing) -> None:
    assert assesses(deal) == []
    assert assesses(deal, deal.sun) == ["seller_assesses"]


def test_the_report_is_kept_for_three_years(deal: Dealing) -> None:
    assert deal.firm.now.startswith("2026-11-21")
    assert assesses(deal, retain_until="2029-11-20") == ["report_not_kept_long_enough"]
    assert assesses(deal, retain_until="2029-11-21") == []
    assert assesses(deal, retain_until="2029-02-30") == ["no_such_day"]


def test_a_leap_day_is_followed_by_the_first_of_march(deal: Dealing) -> None:
    document = deal.document("pipia")
    deal.firm.now = "2028-02-29T09:00:00.000Z"
    assert assesses(deal, document=document, retain_until="2031-02-28") == [
        "report_not_kept_long_enough"
    ]
    assert assesses(deal, document=document, retain_until="2031-03-01") == []


def test_an_assessment_names_a_category_once_and_stands_on_its_report(deal: Dealing) -> None:
    assert assesses(deal, categories=["contract", "contract"]) == ["code_named_twice"]
    assert assesses(deal, document=deal.document("nda")) == ["document_of_another_kind"]


# -- training -----------------------------------------------------------------------------------


def trains(firm: Firm, **fields: Any) -> list[str]:
    return firm.judge(firm.wang, "administrator", train(firm.li, **fields))


def test_somebody_else_says_who_was_trained(firm: Firm) -> None:
    assert trains(firm) == []
    said = train(firm.wang)
    assert firm.judge(firm.wang, "administrator", said) == ["examined_by_oneself"]


def test_training_is_of_people_who_are_registered(firm: Firm) -> None:
    said = Said(train(firm.li).kind, firm.new("actor"), train(firm.li).fields)
    assert firm.judge(firm.wang, "administrator", said) == ["unknown_actor"]


def test_training_was_on_a_day_of_the_past_and_counts_from_then(firm: Firm) -> None:
    assert trains(firm, on="2026-02-30") == ["no_such_day"]
    assert trains(firm, on="2026-11-22") == ["not_yet_happened"]
    assert trains(firm, valid_to="2026-11-20") == ["ended_before_started"]


def test_the_last_training_counts_and_only_if_it_was_passed() -> None:
    deal = Dealing.open()
    firm, chen = deal.firm, deal.chen

    def trained() -> bool:
        state = firm.book.states[chen.actor]
        return bool(state.is_trained("handover", "2026-11-21"))  # type: ignore[attr-defined]

    assert not trained()
    firm.does(firm.wang, "administrator", train(chen, "approval"))
    assert not trained()
    firm.does(firm.wang, "administrator", train(chen, score=60))
    assert trained()
    firm.does(firm.wang, "administrator", train(chen, score=59))
    assert not trained()
    firm.does(firm.wang, "administrator", train(chen, on="2026-01-01", valid_to="2026-11-20"))
    assert not trained(), "it has lapsed"

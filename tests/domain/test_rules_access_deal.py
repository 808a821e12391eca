"""Access across a deal: under an NDA, for what precedes a handover, and over when it has passed."""

from __future__ import annotations

from typing import Any

import pytest

from domain.crossing import stays_bound
from domain.values import later
from tests.domain.deal_words import Dealing, attach, close, end_nda, open_deal, sign_nda
from tests.domain.estates import Estate
from tests.domain.words import access, break_glass, deny, grant_access, revoke_grant
from tests.domain.worlds import (
    START,
    Person,
    classify,
    move,
    policy,
    reclassify,
    register_party,
)
from tests.domain.worlds import grant as give_role

LOOKING: dict[str, Any] = {"purposes": ["due_diligence"], "basis": "nobody_identified"}


@pytest.fixture
def deal() -> Dealing:
    """A deal that was just opened, with a broker; nothing is signed."""
    return Dealing.open(broker=True)


def contract(deal: Dealing, category: str = "contract") -> str:
    """A classified record of the seller's, in which nobody stands (`test_rules_looking`)."""
    firm = deal.firm
    record = firm.collect(category=category)
    said = classify(record, categories=[category], sensitivity="non_personal")
    firm.does(firm.wang, "archivist", said)
    return record


def granting(deal: Dealing, to: Person, *records: str, **fields: Any) -> list[str]:
    """What the seller's clerk hears who lets somebody of the other side look."""
    how = {name: fields.pop(name) for name in ("engagement",) if name in fields}
    said = grant_access(deal.firm.new("grant"), to, *records, **{**LOOKING, **fields})
    return deal.judge(deal.chen, "custodian", said, **how)


def granted(deal: Dealing, to: Person, *records: str, **fields: Any) -> str:
    grant = deal.firm.new("grant")
    said = grant_access(grant, to, *records, **{**LOOKING, **fields})
    deal.does(deal.chen, "custodian", said)
    return grant


def looking(deal: Dealing, who: Person, record: str, grant: str, **fields: Any) -> list[str]:
    """What somebody hears who looks at the seller's copy."""
    how = {name: fields.pop(name) for name in ("engagement",) if name in fields}
    copy = fields.pop("copy", deal.firm.holding_of(record))
    form = {"purpose": "due_diligence", "grant": grant, **fields}
    return deal.judge(who, "supervisor", access(record, copy, **form), **how)


# -- granting across: I-13 ----------------------------------------------------------------------


def test_the_sellers_clerk_does_not_let_the_buyer_look_without_an_nda(deal: Dealing) -> None:
    record = contract(deal)
    assert granting(deal, deal.wu, record) == ["no_nda_in_force"]
    assert granting(deal, deal.wu, categories=["contract"]) == ["no_nda_in_force"]
    deal.confidential()
    assert granting(deal, deal.wu, record) == []
    assert granting(deal, deal.wu, categories=["contract"]) == []


def test_the_buyers_nda_does_not_cover_the_broker(deal: Dealing) -> None:
    deal.confidential()
    broker = deal.firm.hire("broker", party=deal.broker)
    assert granting(deal, broker, contract(deal)) == ["no_nda_in_force"]


def test_an_nda_covers_its_days_and_no_others(deal: Dealing) -> None:
    record, today = contract(deal), deal.firm.now[:10]
    tomorrow = later(deal.firm.now, days=1)[:10]
    deal.confidential(begins_on=tomorrow, ends_on=tomorrow)
    assert granting(deal, deal.wu, record) == ["no_nda_in_force"]
    deal.firm.now = later(deal.firm.now, days=1)
    assert granting(deal, deal.wu, record) == []
    deal.firm.now = later(deal.firm.now, days=1)
    assert granting(deal, deal.wu, record) == ["no_nda_in_force"]
    assert today < tomorrow


def test_an_nda_that_was_terminated_opens_nothing_any_more(deal: Dealing) -> None:
    record, nda = contract(deal), deal.confidential()
    deal.does(deal.sun, "buyer_handler", end_nda(deal.engagement, nda, deal.firm.now[:10]))
    assert granting(deal, deal.wu, record) == ["no_nda_in_force"]


def test_every_category_granted_is_covered(deal: Dealing) -> None:
    """Neither a wider category nor a record of another one slips through."""
    deal.confidential(categories=["contract"])
    paid = contract(deal, "transaction")
    assert granting(deal, deal.wu, paid) == ["nda_does_not_cover"]
    assert granting(deal, deal.wu, contract(deal), paid) == ["nda_does_not_cover"]
    assert granting(deal, deal.wu, categories=["contract", "transaction"]) == ["nda_does_not_cover"]
    assert granting(deal, deal.wu, contract(deal), categories=["contract"]) == []


def test_a_part_of_a_category_under_nda_does_not_open_the_whole(deal: Dealing) -> None:
    deal.confidential(categories=["communication.email"])
    assert granting(deal, deal.wu, categories=["communication"]) == ["nda_does_not_cover"]
    assert granting(deal, deal.wu, categories=["communication.email"]) == []


def test_the_other_side_looks_for_what_precedes_a_handover(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential()
    for purpose in ("due_diligence", "inspection", "handover_prep"):
        assert granting(deal, deal.wu, record, purposes=[purpose]) == []
    for purpose in ("service_delivery", "marketing", "analysis", "audit", "backup_restore"):
        assert granting(deal, deal.wu, record, purposes=["inspection", purpose]) == [
            "purpose_not_for_another_party"
        ]


def test_a_broker_may_do_the_sellers_work_and_no_advertising(deal: Dealing) -> None:
    record, broker = contract(deal), deal.firm.hire("broker", party=deal.broker)
    document = deal.document("nda")
    said = deal.nda(document, receiving_party=deal.broker)
    deal.does(deal.chen, "seller_handler", said, beside=[(broker, "broker")])
    assert granting(deal, broker, record, purposes=["service_delivery"]) == []
    assert granting(deal, broker, record, purposes=["marketing"]) == [
        "purpose_not_for_another_party"
    ]


def test_whoever_is_entrusted_works_with_the_records() -> None:
    deal = Dealing.open("entrusted")
    record = contract(deal)
    deal.confidential()
    assert granting(deal, deal.wu, record, purposes=["service_delivery"]) == []


def test_a_grant_across_stands_under_the_deal_and_goes_from_seller_to_buyer(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential()
    routine = granting(deal, deal.wu, record, engagement=deal.firm.routine)
    assert routine == ["grantee_of_another_party"]
    back = grant_access(deal.firm.new("grant"), deal.li, categories=["contract"], **LOOKING)
    assert deal.judge(deal.sun, "custodian", back) == ["grantee_of_another_party"]
    stranger = deal.firm.hire("custodian", party=deal.firm.another_firm())
    assert granting(deal, stranger, record) == ["grantee_of_another_party"]


def test_a_broker_shows_the_buyer_nothing_of_its_own_accord(deal: Dealing) -> None:
    broker = deal.firm.hire("custodian", party=deal.broker)
    said = sign_nda(deal.engagement, deal.document("nda"), deal.broker, deal.buyer)
    both = [(broker, "broker"), (deal.sun, "buyer_handler")]
    deal.firm.does(deal.firm.wang, "administrator", give_role(broker, "broker"))
    deal.does(both[0][0], "broker", said, beside=both[1:])
    grant = grant_access(deal.firm.new("grant"), deal.wu, categories=["contract"], **LOOKING)
    assert deal.judge(broker, "custodian", grant) == ["grantee_of_another_party"]


def test_another_deal_of_the_buyer_opens_nothing_of_this_seller(deal: Dealing) -> None:
    """The buyer sells something to a third firm: that deal's NDA is not this one's."""
    record, other = contract(deal), deal.firm.new("engagement")
    third = deal.firm.another_firm()
    theirs = deal.firm.hire("administrator", party=deal.buyer)
    deal.firm.does(theirs, "administrator", open_deal(other, deal.buyer, third))
    deal.confidential()
    assert granting(deal, deal.wu, record, engagement=other) == ["grantee_of_another_party"]


def test_after_the_deal_nobody_of_the_other_side_gets_a_grant(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential()
    deal.does(deal.chen, "dpo", close(deal.engagement, "cancelled"))
    assert "deal_is_over" in granting(deal, deal.wu, record)


# -- looking across -----------------------------------------------------------------------------


def test_the_buyer_looks_at_the_sellers_copy_under_the_sellers_grant(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential()
    grant = granted(deal, deal.wu, record)
    assert looking(deal, deal.wu, record, grant) == []
    assert looking(deal, deal.wu, record, grant, mode="export") == ["grant_does_not_cover_mode"]
    other = deal.firm.hire("supervisor", party=deal.buyer)
    heard = looking(deal, other, record, grant)
    assert heard == ["not_the_actors_party", "grant_of_another"]


def test_a_grant_across_is_used_under_its_own_deal_only(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential()
    grant = granted(deal, deal.wu, record)
    routine = looking(deal, deal.wu, record, grant, engagement=deal.firm.routine)
    assert routine == ["grant_of_another_engagement"]


def test_a_grant_across_ends_with_the_nda_that_it_stands_on(deal: Dealing) -> None:
    record, nda = contract(deal), deal.confidential()
    grant = granted(deal, deal.wu, record)
    deal.does(deal.chen, "seller_handler", end_nda(deal.engagement, nda, deal.firm.now[:10]))
    assert looking(deal, deal.wu, record, grant) == ["no_nda_in_force"]


def test_a_broker_with_an_old_grant_finds_the_deal_closed(deal: Dealing) -> None:
    record, broker = contract(deal), deal.firm.hire("broker", party=deal.broker)
    said = deal.nda(deal.document("nda"), receiving_party=deal.broker)
    deal.does(deal.chen, "seller_handler", said, beside=[(broker, "broker")])
    grant = granted(deal, broker, record)
    deal.does(deal.chen, "dpo", close(deal.engagement, "cancelled"))
    said = access(record, deal.firm.holding_of(record), purpose="due_diligence", grant=grant)
    under_the_deal = deal.judge(broker, "broker", said)
    assert "deal_is_over" in under_the_deal
    elsewhere = deal.firm.judge(broker, "broker", said)
    assert elsewhere == ["grant_of_another_engagement", "deal_is_over"]


def test_a_record_that_is_classified_anew_leaves_the_nda(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential(categories=["contract"])
    grant = granted(deal, deal.wu, record)
    said = reclassify(
        deal.firm.record(record), categories=["contract", "transaction"], sensitivity="non_personal"
    )
    deal.firm.does(deal.firm.wang, "archivist", said)
    assert looking(deal, deal.wu, record, grant) == ["nda_does_not_cover"]


def test_the_sellers_grant_does_not_open_the_buyers_own_copy(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential()
    grant = granted(deal, deal.wu, record)
    copy = deal.firm.holding_of(record)
    deal.firm.book.states[copy].custodian = deal.buyer  # type: ignore[attr-defined]
    assert looking(deal, deal.wu, record, grant) == ["not_the_actors_party"]


def test_an_emergency_opens_nothing_of_the_other_side(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential()
    said = break_glass(record, deal.firm.holding_of(record))
    assert deal.judge(deal.wu, "supervisor", said) == ["not_the_actors_party"]


def test_an_access_across_that_was_refused_is_said_truly(deal: Dealing) -> None:
    record, nda = contract(deal), deal.confidential()
    grant, copy = granted(deal, deal.wu, record), deal.firm.holding_of(record)
    form = {"purpose": "due_diligence", "grant": grant}
    said = deny(record, copy, "no_nda_in_force", **form)
    assert deal.judge(deal.wu, "supervisor", said) == ["nothing_denies_this"]
    deal.does(deal.chen, "seller_handler", end_nda(deal.engagement, nda, deal.firm.now[:10]))
    assert deal.judge(deal.wu, "supervisor", said) == []


def test_giver_and_taker_end_a_grant_across_and_nobody_else(deal: Dealing) -> None:
    record, broker = contract(deal), deal.firm.hire("approver", party=deal.broker)
    deal.confidential()
    grant = granted(deal, deal.wu, record)
    said = revoke_grant(grant)
    assert deal.judge(broker, "approver", said) == ["not_the_actors_party"]
    assert deal.judge(deal.sun, "custodian", said) == []
    assert deal.judge(deal.chen, "custodian", said) == []


# -- after it has passed: I-15 ------------------------------------------------------------------


@pytest.fixture
def estate() -> Estate:
    """A merger, up to the list."""
    return Estate.open()


def seeing(estate: Estate, record: str, copy: str, **fields: Any) -> list[str]:
    """What Zhou, the seller's clerk, hears who looks at a copy."""
    return estate.judge(estate.zhou, "collector", access(record, copy, **fields))


def kept_copy(estate: Estate, record: str) -> str:
    """A copy that the seller keeps besides the one that passes."""
    return estate.holding(record=record, made_from=estate.holding_of(record))


def test_what_the_seller_had_granted_is_over_when_the_record_has_passed(estate: Estate) -> None:
    record = estate.ready()
    kept = kept_copy(estate, record)
    purposes = ["service_delivery", "dispute"]
    grant = estate.granted(estate.zhou, record, purposes=purposes)
    wide = estate.granted(estate.zhou, categories=["contract"], purposes=purposes)
    assert seeing(estate, record, kept, grant=grant) == []
    estate.handed_over(estate.holding_of(record))
    for old in (grant, wide):
        for purpose in purposes:
            heard = seeing(estate, record, kept, grant=old, purpose=purpose)
            assert heard == ["grant_ended_with_handover"]


def test_afterwards_the_seller_grants_for_what_the_law_still_asks(estate: Estate) -> None:
    record = estate.ready()
    kept = kept_copy(estate, record)
    estate.handed_over(estate.holding_of(record))
    lawful = ["legal_duty", "dispute", "audit", "rights_request", "disposal"]
    others = ["service_delivery", "analysis", "marketing", "update"]
    grant = estate.granted(estate.zhou, record, purposes=lawful + others)
    for purpose in lawful:
        assert seeing(estate, record, kept, grant=grant, purpose=purpose) == []
    for purpose in others:
        assert seeing(estate, record, kept, grant=grant, purpose=purpose) == [
            "purpose_ended_with_handover"
        ]


def test_a_record_that_did_not_pass_is_used_as_before(estate: Estate) -> None:
    record, other = estate.ready(), estate.ready()
    grant = estate.granted(estate.zhou, record, other)
    estate.handed_over(estate.holding_of(other))
    assert seeing(estate, record, estate.holding_of(record), grant=grant) == []


def test_a_handover_that_is_not_confirmed_ends_nothing(estate: Estate) -> None:
    record = estate.ready()
    grant = estate.granted(estate.zhou, record)
    estate.inspected(estate.holding_of(record))
    assert seeing(estate, record, estate.holding_of(record), grant=grant) == []


def test_the_new_keeper_grants_to_its_own_people_as_it_likes(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    estate.handed_over(copy)
    grant = estate.new("grant")
    estate.does(estate.lin, "custodian", grant_access(grant, estate.ma, record))
    said = access(record, copy, grant=grant)
    assert estate.judge(estate.ma, "supervisor", said) == []


def test_the_buyers_look_before_the_sale_ends_with_it(estate: Estate) -> None:
    """Due diligence in the seller's copy is over once the record is the buyer's."""
    record = estate.ready()
    kept, grant = kept_copy(estate, record), estate.new("grant")
    said = grant_access(
        grant, estate.ma, record, purposes=["due_diligence"], basis="people_cleared"
    )
    estate.does(estate.wang, "custodian", said, engagement=estate.deal)
    look = access(record, kept, grant=grant, purpose="due_diligence")
    assert estate.judge(estate.ma, "supervisor", look, engagement=estate.deal) == []
    estate.handed_over(estate.holding_of(record))
    assert estate.judge(estate.ma, "supervisor", look, engagement=estate.deal) == [
        "grant_ended_with_handover"
    ]


def test_whoever_sold_a_record_has_no_emergency_in_it_any_more(estate: Estate) -> None:
    record = estate.ready()
    kept, sold = kept_copy(estate, record), estate.holding_of(record)
    said = break_glass(record, kept)
    assert estate.judge(estate.zhou, "collector", said) == []
    estate.handed_over(sold)
    assert estate.judge(estate.zhou, "collector", said) == ["purpose_ended_with_handover"]
    asked = {"purpose": "break_glass"}
    refused = deny(record, kept, "purpose_ended_with_handover", **asked)
    assert estate.judge(estate.zhou, "collector", refused) == []
    assert estate.judge(estate.he, "buyer_handler", break_glass(record, sold)) == []


def test_who_processes_together_with_another_still_has_emergencies() -> None:
    lent = Estate.open(mode="joint")
    record = lent.ready()
    kept = kept_copy(lent, record)
    document = lent.new("document")
    lent.under(lent.he, attach(document, "processing_agreement", lent.party, lent.he.party))
    lent.handed_over(lent.holding_of(record))
    assert lent.judge(lent.zhou, "collector", break_glass(record, kept)) == []


def test_a_refusal_after_the_sale_is_said_truly(estate: Estate) -> None:
    record = estate.ready()
    kept, grant = kept_copy(estate, record), estate.granted(estate.zhou, record)
    estate.handed_over(estate.holding_of(record))
    said = deny(record, kept, "grant_ended_with_handover", grant=grant)
    estate.does(estate.zhou, "collector", said)


# -- what lies with the other side: I-22 --------------------------------------------------------


def out(deal: Dealing) -> Any:
    return deal.firm.book.copies_out(deal.engagement, deal.buyer)


def test_only_what_gives_content_out_counts_as_gone(deal: Dealing) -> None:
    record = contract(deal)
    deal.confidential()
    grant = granted(deal, deal.wu, record, modes=["view", "download"])
    form = {"purpose": "due_diligence", "grant": grant}
    copy = deal.firm.holding_of(record)
    deal.does(deal.wu, "supervisor", access(record, copy, **form))
    assert out(deal).last == ""
    when = deal.firm.now
    deal.does(deal.wu, "supervisor", access(record, copy, mode="download", **form))
    assert (out(deal).accessed, out(deal).last) == (when, when)


def test_a_copy_is_lent_to_the_buyer_under_the_deal_only_and_is_out(estate: Estate) -> None:
    lent, plain = estate.holding_of(estate.ready()), estate.holding_of(estate.ready())
    buyer, beside = estate.he.party, [(estate.lin, "custodian")]
    said = move(lent, custodian=buyer, departed_at=START, arrived_at=START)
    estate.does(estate.wang, "custodian", said, beside=beside, engagement=estate.deal)
    said = move(plain, custodian=buyer, departed_at=START, arrived_at=START)
    assert estate.judge(estate.wang, "custodian", said, beside=beside) == ["given_without_a_deal"]
    assert estate.book.copies_out(estate.deal, buyer).holdings == {lent}


def test_what_was_confirmed_is_the_buyers_and_not_out(estate: Estate) -> None:
    copy = estate.holding_of(estate.ready())
    handover = estate.received(copy)
    assert estate.book.copies_out(estate.deal, estate.he.party).delivered != ""
    assert handover
    other = Estate.open()
    other.handed_over(other.holding_of(other.ready()))
    found = other.book.copies_out(other.deal, other.he.party)
    assert (found.last, found.holdings) == ("", frozenset())


def test_a_firm_that_is_no_side_of_a_deal_has_nothing_of_it(estate: Estate) -> None:
    third = estate.new("party")
    estate.does(estate.wang, "administrator", register_party(third))
    found = estate.book.copies_out(estate.deal, third)
    assert (found.last, found.holdings) == ("", frozenset())


# -- who stays bound: PIPL 20, 21 ---------------------------------------------------------------


def test_whoever_entrusts_or_shares_goes_on_and_whoever_sells_does_not() -> None:
    bound = stays_bound(policy())
    assert {"entrusted", "joint", "due_diligence"} <= bound
    assert not {"merger", "division", "asset_or_store_transfer"} & bound


def test_a_handover_to_somebody_entrusted_does_not_hide_the_sale_before_it(estate: Estate) -> None:
    record = estate.ready()
    handover = estate.handed_over(estate.holding_of(record))
    sold = estate.book.passed(record, frozenset({"entrusted"}))
    assert sold is not None
    assert (sold.handover, sold.to_party) == (handover, estate.he.party)
    assert estate.book.passed(record, frozenset({"merger"})) is None

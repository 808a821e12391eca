"""A deal ends when what was to pass has passed, or when all that went out is back or gone."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.values import later
from tests.domain.deal_words import (
    Dealing,
    assess,
    attach,
    close,
    dispose,
    open_deal,
    rekey,
    sign_nda,
    track,
)
from tests.domain.estates import Estate
from tests.domain.words import (
    access,
    cancel,
    confirm,
    declare_residual,
    freeze,
    grant_access,
    inspect,
    plan_handover,
    raise_discrepancy,
    receive,
    release,
    settle,
)
from tests.domain.worlds import Person, create_holding, enrol, grant, lose, rotate


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def closes(estate: Estate, outcome: Any = "completed", who: Person | None = None) -> list[str]:
    """What the seller's handler hears who ends the deal."""
    said = close(estate.deal, outcome)
    return estate.judge(who or estate.qian, "seller_handler", said, engagement=estate.deal)


def disposes(estate: Estate, party: str = "", **fields: Any) -> list[str]:
    """What the buyer's handler hears who says what became of its copies."""
    said = dispose(estate.deal, party or estate.he.party, estate.now, **fields)
    return estate.judge(estate.he, "buyer_handler", said, engagement=estate.deal)


def tracks(estate: Estate, due: str, **fields: Any) -> list[str]:
    said = track(estate.deal, due, estate.now, **fields)
    return estate.judge(estate.qian, "seller_handler", said, engagement=estate.deal)


DUE = ["2026-12-21", "2027-02-19", "2027-05-20"]
"""30, 90 and 180 days after 21 November 2026."""


def tracked(estate: Estate) -> None:
    """All checks are made, half a year later."""
    estate.now = "2027-05-21T09:00:00.000Z"
    for due in days_due(estate):
        estate.under(estate.qian, track(estate.deal, due, estate.now))


def days_due(estate: Estate) -> list[str]:
    when = [one.confirmed for one in estate.book.handovers_of(estate.deal) if one.confirmed]
    return sorted({later(time, days=days)[:10] for time in when for days in (30, 90, 180)})


def delivered(estate: Estate, **planned: Any) -> tuple[str, str, str]:
    """A record was delivered in a package and confirmed; handover, record, the seller's copy."""
    record = planned.pop("record", None) or estate.ready()
    handover = estate.new("handover")
    plan = plan_handover(handover, estate.qian, estate.he, **planned)
    for who, role, said in (
        (estate.qian, "seller_handler", plan),
        (estate.qian, "seller_handler", freeze(handover, [record])),
        (estate.qian, "seller_handler", release(handover, [record])),
        (estate.he, "buyer_handler", receive(handover, [record])),
        (estate.he, "buyer_handler", inspect(handover, record)),
    ):
        estate.does(who, role, said)
    said = confirm(handover, [record], estate.he)
    estate.does(estate.qian, "seller_handler", said, beside=estate.both_sides)
    return handover, record, estate.holding_of(record)


# -- completed ----------------------------------------------------------------------------------


def test_a_deal_is_completed_when_all_has_passed_and_was_checked(estate: Estate) -> None:
    estate.handed_over(estate.holding_of(estate.ready()))
    tracked(estate)
    assert closes(estate) == []


def test_a_deal_by_which_nothing_passed_is_not_completed(estate: Estate) -> None:
    assert closes(estate) == ["nothing_was_confirmed"]
    estate.does(estate.qian, "seller_handler", cancel(estate.planned()))
    assert closes(estate) == ["nothing_was_confirmed"]


@pytest.mark.parametrize("outcome", ["completed", "failed", "cancelled"])
def test_a_deal_does_not_end_while_a_handover_is_under_way(estate: Estate, outcome: str) -> None:
    estate.frozen(estate.holding_of(estate.ready()))
    assert closes(estate, outcome)[0] == "handover_is_open"
    estate.handed_over(estate.holding_of(estate.ready()))
    tracked(estate)
    assert "handover_is_open" in closes(estate, outcome)


def test_every_check_that_fell_due_was_made(estate: Estate) -> None:
    estate.handed_over(estate.holding_of(estate.ready()))
    due = days_due(estate)
    assert due == DUE
    assert closes(estate) == ["tracking_not_done"] * 3
    estate.now = "2027-05-21T09:00:00.000Z"
    for left in (2, 1, 0):
        estate.under(estate.qian, track(estate.deal, due[left], estate.now))
        assert closes(estate) == ["tracking_not_done"] * left


def test_the_seller_declares_what_it_keeps_of_what_was_delivered(estate: Estate) -> None:
    handover, _, copy = delivered(estate)
    tracked(estate)
    assert closes(estate) == ["residual_not_declared"]
    estate.does(estate.qian, "seller_handler", declare_residual(handover, copy))
    assert closes(estate) == []


def test_who_keeps_nothing_says_so(estate: Estate) -> None:
    handover, _, copy = delivered(estate)
    estate.does(estate.wang, "custodian", lose(copy))
    tracked(estate)
    assert closes(estate) == ["residual_not_declared"]
    estate.does(estate.qian, "seller_handler", declare_residual(handover))
    assert closes(estate) == []


def test_a_copy_made_after_the_declaration_is_declared_too(estate: Estate) -> None:
    handover, record, copy = delivered(estate)
    estate.does(estate.qian, "seller_handler", declare_residual(handover, copy))
    tracked(estate)
    estate.holding(record=record, made_from=copy)
    assert closes(estate) == ["residual_not_declared"]


def test_another_copy_of_what_passed_is_declared_too(estate: Estate) -> None:
    """The paper passed; the scan of it that the seller keeps is declared or destroyed."""
    record = estate.ready()
    copy = estate.holding_of(record)
    left = estate.holding(record=record, made_from=copy)
    handover = estate.handed_over(copy)
    tracked(estate)
    assert closes(estate) == ["residual_not_declared"]
    estate.does(estate.qian, "seller_handler", declare_residual(handover, left))
    assert closes(estate) == []


def test_what_was_delivered_and_rejected_is_disposed_of(estate: Estate) -> None:
    """The buyer keeps what passed; the rejected item it sends back or destroys, and says so."""
    copies = [estate.holding_of(estate.ready()) for _ in range(2)]
    handover = estate.received(*copies)
    estate.does(estate.he, "buyer_handler", inspect(handover, copies[0]))
    estate.does(estate.he, "buyer_handler", inspect(handover, copies[1], digest="mismatch"))
    estate.does(estate.he, "buyer_handler", raise_discrepancy(handover, 1, copies[1]))
    settled = settle(handover, 1, "item_rejected")
    estate.does(estate.qian, "seller_handler", settled, beside=[(estate.he, "buyer_handler")])
    said = confirm(handover, copies[:1], estate.he, copies, rejected=1)
    estate.does(estate.qian, "seller_handler", said, beside=estate.both_sides)
    tracked(estate)
    assert closes(estate) == ["copies_not_disposed"]
    said = dispose(estate.deal, estate.he.party, estate.now, how="returned")
    estate.does(estate.he, "buyer_handler", said, engagement=estate.deal)
    assert closes(estate) == []


# -- failed and cancelled -----------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_a_deal_by_which_nobody_got_anything_just_ends(estate: Estate, outcome: str) -> None:
    assert closes(estate, outcome) == []


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_after_a_cancelled_release_the_buyer_says_what_became_of_it(
    estate: Estate, outcome: str
) -> None:
    handover = estate.released(estate.holding_of(estate.ready()))
    estate.does(estate.qian, "seller_handler", cancel(handover))
    assert closes(estate, outcome) == ["copies_not_disposed"]
    estate.under(estate.he, dispose(estate.deal, estate.he.party, estate.now))
    assert closes(estate, outcome) == []


def test_what_was_said_before_the_last_delivery_says_nothing_about_it(estate: Estate) -> None:
    estate.under(estate.he, dispose(estate.deal, estate.he.party, estate.now))
    handover = estate.released(estate.holding_of(estate.ready()))
    estate.does(estate.qian, "seller_handler", cancel(handover))
    assert closes(estate, "failed") == ["copies_not_disposed"]
    backdated = dispose(estate.deal, estate.he.party, later(estate.now, hours=-3))
    estate.under(estate.he, backdated)
    assert closes(estate, "failed") == ["copies_not_disposed"]


def takes(estate: Estate, record: str, who: Person, basis: str = "people_cleared") -> None:
    """Somebody of the other side takes a copy of a record in due diligence."""
    form = {"modes": ["copy"], "purposes": ["due_diligence"], "basis": basis}
    said = grant_access(estate.new("grant"), who, record, **form)
    estate.does(estate.wang, "custodian", said, engagement=estate.deal)
    how = {"mode": "copy", "purpose": "due_diligence", "grant": said.stream}
    took = access(record, estate.holding_of(record), **how)
    estate.does(who, "reviewer", took, engagement=estate.deal)


def test_who_was_given_a_copy_in_due_diligence_says_what_became_of_it(estate: Estate) -> None:
    takes(estate, estate.ready(), estate.hire("reviewer", party=estate.he.party))
    assert closes(estate, "failed") == ["copies_not_disposed"]
    estate.under(estate.he, dispose(estate.deal, estate.he.party, estate.now))
    assert closes(estate, "failed") == []


def test_after_a_completed_deal_the_buyer_keeps_what_it_took_of_what_passed(
    estate: Estate,
) -> None:
    record = estate.ready()
    takes(estate, record, estate.hire("reviewer", party=estate.he.party))
    estate.handed_over(estate.holding_of(record))
    tracked(estate)
    assert closes(estate) == []


def test_after_a_completed_deal_the_buyer_keeps_nothing_it_took_of_what_did_not_pass(
    estate: Estate,
) -> None:
    """Looked at and taken along with the rest, and then left out of the list."""
    passing, staying = estate.ready(), estate.ready()
    who = estate.hire("reviewer", party=estate.he.party)
    for record in (staying, passing):
        takes(estate, record, who)
    estate.handed_over(estate.holding_of(passing))
    tracked(estate)
    assert closes(estate) == ["copies_not_disposed"]
    estate.under(estate.he, dispose(estate.deal, estate.he.party, estate.now))
    assert closes(estate) == []


@pytest.mark.parametrize("outcome", ["completed", "failed"])
def test_what_was_taken_where_nothing_was_to_pass_goes_back(estate: Estate, outcome: str) -> None:
    """A disclosure; the broker took the copy, and says for itself what became of it."""
    record, broker = estate.ready(), estate.another_firm()
    estate.deal = estate.new("engagement")
    said = open_deal(
        estate.deal, estate.party, estate.he.party, broker=broker, transfer_mode="due_diligence"
    )
    estate.does(estate.wang, "administrator", said)
    he = estate.hire("broker", "reviewer", party=broker)
    paper = estate.new("document")
    estate.under(estate.qian, attach(paper, "nda"))
    said = sign_nda(estate.deal, paper, estate.party, broker)
    estate.under(estate.qian, said, beside=[(he, "broker")])
    agreement = attach(estate.new("document"), "processing_agreement", estate.party, broker)
    estate.does(he, "broker", agreement, engagement=estate.deal)
    pipia = estate.new("document")
    estate.under(estate.qian, attach(pipia, "pipia"))
    estate.under(estate.qian, assess(estate.deal, pipia))
    takes(estate, record, he, "on_behalf")
    assert closes(estate, outcome) == ["copies_not_disposed"]
    estate.under(estate.he, dispose(estate.deal, estate.he.party, estate.now))
    assert closes(estate, outcome) == ["copies_not_disposed"]
    said = dispose(estate.deal, broker, estate.now)
    estate.does(he, "broker", said, engagement=estate.deal)
    assert closes(estate, outcome) == []


def test_a_copy_that_the_buyer_keeps_stands_in_the_way_and_cannot_be_talked_away(
    estate: Estate,
) -> None:
    record = estate.ready()
    copy = estate.new("holding")
    lies = create_holding(copy, estate.he.party, record=record, made_from=estate.holding_of(record))
    how = {"engagement": estate.deal, "beside": [(estate.wang, "custodian")]}
    estate.does(estate.lin, "custodian", lies, **how)
    assert closes(estate, "failed") == ["copy_is_still_there"]
    assert disposes(estate) == ["copy_is_still_there"]


def test_a_closed_deal_takes_no_further_act(estate: Estate) -> None:
    estate.under(estate.qian, close(estate.deal, "cancelled"))
    plan = plan_handover(estate.new("handover"), estate.qian, estate.he)
    assert "unknown_engagement" in estate.judge(estate.qian, "seller_handler", plan)
    assert "unknown_engagement" in closes(estate, "completed")
    assert "unknown_engagement" in disposes(estate)
    said = grant(estate.zhou, "reviewer", scope=estate.deal)
    assert estate.judge(estate.wang, "administrator", said) == ["unknown_engagement"]


def test_a_deal_is_ended_by_its_parties(estate: Estate) -> None:
    stranger = estate.hire("seller_handler", party=estate.another_firm())
    assert closes(estate, "failed", stranger) == ["not_a_party_to_the_deal"]


def test_everyday_custody_does_not_end(estate: Estate) -> None:
    said = close(estate.routine, "cancelled")
    assert estate.judge(estate.qian, "seller_handler", said) == ["not_a_deal"]


# -- what is said while it ends -----------------------------------------------------------------


def test_whoever_got_copies_says_what_became_of_them(estate: Estate) -> None:
    assert disposes(estate) == []
    assert disposes(estate, how="none_kept", count=0, sealed=UNSET) == []
    assert disposes(estate, sealed=UNSET) == ["certificate_must_be_sealed"]
    assert disposes(estate, count=0) == ["counts_do_not_fit"]
    assert disposes(estate, how="none_kept") == ["counts_do_not_fit"]
    assert disposes(estate, disposed_at=later(estate.now, seconds=1)) == ["not_yet_happened"]


def test_nobody_says_it_for_another_party(estate: Estate) -> None:
    said = dispose(estate.deal, estate.he.party, estate.now)
    how = {"engagement": estate.deal}
    assert estate.judge(estate.wang, "custodian", said, **how) == ["not_the_actors_party"]
    assert disposes(estate, estate.party) == ["party_got_nothing", "not_the_actors_party"]


def test_a_check_is_one_that_fell_due_and_is_made_then_or_later(estate: Estate) -> None:
    assert tracks(estate, "2026-12-21") == ["no_check_is_due", "checked_before_due"]
    estate.handed_over(estate.holding_of(estate.ready()))
    first = days_due(estate)[0]
    estate.now = f"{first}T09:00:00.000Z"
    assert tracks(estate, first) == []
    assert tracks(estate, "2026-12-31") == ["no_check_is_due", "checked_before_due"]
    assert tracks(estate, "2026-02-30") == ["no_such_day"]
    early = {"done_at": later(estate.now, days=-1), "late_reason": "offline"}
    assert tracks(estate, first, **early) == ["checked_before_due"]
    assert tracks(estate, first, done_at=later(estate.now, seconds=1)) == ["not_yet_happened"]
    assert tracks(estate, first, topics=["rights", "rights"]) == ["code_named_twice"]
    estate.under(estate.qian, track(estate.deal, first, estate.now))
    assert tracks(estate, first) == ["tracked_before"]


# -- entrusted processing -----------------------------------------------------------------------


def entrusted(estate: Estate) -> tuple[str, str]:
    """The buyer processes for the seller: a record was delivered to it; the deal, the record."""
    deal, record = estate.new("engagement"), estate.ready()
    seller, buyer = estate.party, estate.he.party
    broker = estate.another_firm()
    said = open_deal(deal, seller, buyer, broker=broker, transfer_mode="entrusted")
    estate.does(estate.wang, "administrator", said)
    estate.deal = deal
    papers = {kind: estate.new("document") for kind in KINDS}
    for kind, paper in papers.items():
        estate.under(estate.qian, attach(paper, kind, seller, buyer))
    estate.agree(papers["evidence_agreement"], (estate.qian, "seller_handler"), *estate.both_sides)
    beside = [(estate.he, "buyer_handler")]
    estate.under(estate.qian, sign_nda(deal, papers["nda"], seller, buyer), beside=beside)
    estate.under(estate.qian, assess(deal, papers["pipia"]))
    estate.under(estate.he, attach(estate.new("document"), "processing_agreement", seller, buyer))
    delivered(estate, mode="entrusted", record=record)
    return deal, record


KINDS = ("evidence_agreement", "nda", "pipia")


def test_who_processed_for_another_keeps_nothing_at_the_end(estate: Estate) -> None:
    """Return or delete, keep nothing (PIPL 21): what was confirmed is no exception."""
    entrusted(estate)
    tracked(estate)
    assert closes(estate) == ["copies_not_disposed"]
    estate.under(estate.he, dispose(estate.deal, estate.he.party, estate.now))
    assert closes(estate) == [], "the seller goes on processing, and declares nothing"


def test_who_processed_for_another_cannot_talk_a_copy_away(estate: Estate) -> None:
    _, record = entrusted(estate)
    copy = estate.new("holding")
    made = create_holding(copy, estate.he.party, record=record, made_from=estate.holding_of(record))
    how = {"engagement": estate.deal, "beside": [(estate.wang, "custodian")]}
    estate.does(estate.lin, "custodian", made, **how)
    tracked(estate)
    assert "copy_is_still_there" in closes(estate)
    assert disposes(estate) == ["copy_is_still_there"]


# -- the sale of a firm, disclosure -----------------------------------------------


@pytest.fixture
def equity() -> Dealing:
    """The firm itself is sold: the processor stays the same."""
    return Dealing.open("equity_transfer")


def ends(deal: Dealing, outcome: Any = "completed") -> list[str]:
    return deal.judge(deal.chen, "seller_handler", close(deal.engagement, outcome))


def rekeys(deal: Dealing, *people: Person) -> list[str]:
    return deal.judge(deal.firm.wang, "administrator", rekey(deal.engagement, *people))


def new_key(deal: Dealing, person: Person, role: str) -> None:
    old, new = person.key, deal.firm.key_for(person)
    deal.firm.does(person, role, rotate(person, old, new), possession=[new])
    person.keys.append(new)


def test_when_a_firm_is_sold_whoever_keeps_keys_or_copies_gets_a_new_key(equity: Dealing) -> None:
    wang, chen = equity.firm.wang, equity.chen
    assert ends(equity) == ["credentials_not_reregistered"] * 2
    assert rekeys(equity, wang) == ["key_is_older_than_the_deal"]
    new_key(equity, wang, "administrator")
    new_key(equity, chen, "custodian")
    equity.does(wang, "administrator", rekey(equity.engagement, wang))
    assert ends(equity) == ["credentials_not_reregistered"]
    equity.does(wang, "administrator", rekey(equity.engagement, chen))
    assert ends(equity) == [], "nothing is handed over, so nothing is checked after it"


def test_an_old_key_beside_the_new_one_is_none(equity: Dealing) -> None:
    chen, firm = equity.chen, equity.firm
    second = firm.key_for(chen)
    firm.does(chen, "custodian", enrol(chen, second, "continuous"), possession=[second])
    assert rekeys(equity, chen) == ["key_is_older_than_the_deal"]


def test_new_keys_are_of_people_of_the_firm_sold(equity: Dealing) -> None:
    new_key(equity, equity.sun, "buyer_handler")
    assert rekeys(equity, equity.sun) == ["not_of_the_firm_sold"]
    nobody = Person(equity.firm.new("actor"), equity.seller)
    assert rekeys(equity, nobody) == ["unknown_actor"]


def test_where_records_change_hands_no_keys_are_asked_for() -> None:
    deal = Dealing.open()
    new_key(deal, deal.chen, "custodian")
    assert rekeys(deal, deal.chen) == ["deal_asks_for_no_new_keys"]


def test_who_only_disclosed_hands_nothing_over() -> None:
    deal = Dealing.open("due_diligence")
    assert ends(deal) == []


def test_a_deal_in_a_mode_that_the_pack_no_longer_knows_can_still_be_cancelled() -> None:
    firm = Estate.open()
    again = firm.new("engagement")
    said = open_deal(again, firm.party, firm.he.party, transfer_mode="division")
    firm.does(firm.wang, "administrator", said)
    assert (
        firm.judge(firm.qian, "seller_handler", close(again, "cancelled"), engagement=again) == []
    )

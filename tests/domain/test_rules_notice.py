"""Notices of a transfer: about a recipient of the deal, to people who are known, in this order."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from domain.notice import NoticeState
from domain.values import later
from tests.domain.people_words import Crowd, deliver, exempt, issue
from tests.domain.worlds import SEALED


@pytest.fixture
def crowd() -> Crowd:
    return Crowd.open()


# -- issued -------------------------------------------------------------------------------------


def test_a_notice_is_issued_once(crowd: Crowd) -> None:
    notice = crowd.issued()
    assert crowd.says(issue(notice, crowd.buyer)) == ["notice_issued_once"]


def test_a_notice_belongs_to_a_deal(crowd: Crowd) -> None:
    said = issue(crowd.new("notice"), crowd.buyer)
    assert crowd.says(said, engagement=crowd.firm.routine) == ["needs_a_deal"]


def test_the_buyer_does_not_speak_to_the_sellers_customers_for_it(crowd: Crowd) -> None:
    said = issue(crowd.new("notice"), crowd.buyer)
    assert crowd.judge(crowd.sun, "dpo", said) == ["not_the_actors_party"]


def test_a_notice_tells_of_somebody_who_gets_the_records(crowd: Crowd) -> None:
    for other in (crowd.seller, crowd.firm.another_firm()):
        said = issue(crowd.new("notice"), other)
        assert crowd.says(said) == ["recipient_is_not_of_the_deal"]
    with_broker = Crowd.open(broker=True)
    assert with_broker.says(issue(with_broker.new("notice"), with_broker.broker)) == []


def test_a_notice_has_a_text(crowd: Crowd) -> None:
    said = issue(crowd.new("notice"), crowd.buyer).but(sealed=UNSET)
    assert crowd.says(said) == ["notice_without_text"]


# -- delivered ----------------------------------------------------------------------------------


def test_what_was_not_issued_reaches_nobody(crowd: Crowd) -> None:
    person = crowd.person(crowd.contract())
    assert crowd.says(deliver(crowd.new("notice"), crowd.now, person)) == ["unknown_notice"]


def test_a_notice_reaches_people_who_were_declared_each_once(crowd: Crowd) -> None:
    person, notice = crowd.person(crowd.contract()), crowd.issued()
    stranger = crowd.new("subject")
    assert crowd.says(deliver(notice, crowd.now, person)) == []
    assert crowd.says(deliver(notice, crowd.now, person, stranger)) == ["unknown_subject"]
    assert crowd.says(deliver(notice, crowd.now, person, person)) == ["item_named_twice"]


def test_whom_only_the_buyer_knows_the_sellers_notice_does_not_reach(crowd: Crowd) -> None:
    from tests.domain.people_words import find
    from tests.domain.worlds import collect, create_holding, grant

    crowd.firm.does(crowd.firm.wang, "administrator", grant(crowd.sun, "collector"))
    copy, record, person = crowd.new("holding"), crowd.new("record"), crowd.new("subject")
    crowd.does(crowd.sun, "collector", create_holding(copy, crowd.buyer), collect(record, copy))
    crowd.does(crowd.sun, "dpo", find(person, record))
    assert crowd.says(deliver(crowd.issued(), crowd.now, person)) == ["unknown_subject"]


def test_the_buyer_does_not_say_that_the_sellers_notice_arrived(crowd: Crowd) -> None:
    person, notice = crowd.person(crowd.contract()), crowd.issued()
    said = deliver(notice, crowd.now, person)
    assert "not_the_actors_party" in crowd.judge(crowd.sun, "dpo", said)


def test_a_delivery_stands_under_the_deal_of_its_notice(crowd: Crowd) -> None:
    person, notice = crowd.person(crowd.contract()), crowd.issued()
    said = deliver(notice, crowd.now, person)
    assert crowd.says(said, engagement=crowd.firm.routine) == ["notice_of_another_deal"]


def test_nobody_is_reached_before_the_notice_was_issued(crowd: Crowd) -> None:
    person, notice = crowd.person(crowd.contract()), crowd.issued()
    state = crowd.firm.book.states[notice]
    assert isinstance(state, NoticeState)
    before = later(state.first.at, seconds=-1)
    assert crowd.says(deliver(notice, before, person)) == ["delivered_before_issued"]
    tomorrow = later(crowd.now, days=1)
    assert crowd.says(deliver(notice, tomorrow, person)) == ["claimed_time_in_future"]


def test_a_public_announcement_is_told_as_one_and_with_a_reason(crowd: Crowd) -> None:
    person, notice = crowd.person(crowd.contract()), crowd.issued()
    said = deliver(notice, crowd.now, person, status="public_announcement", channel="announcement")
    assert crowd.says(said) == ["announcement_needs_reason"]
    assert crowd.says(said.but(sealed=SEALED)) == []
    as_message = said.but(status="delivered")
    assert crowd.says(as_message) == ["announcement_is_told_as_one"]
    by_message = said.but(channel="sms", sealed=SEALED)
    assert crowd.says(by_message) == ["announcement_is_told_as_one"]


# -- exempted -----------------------------------------------------------------------------------


def test_an_exemption_is_said_by_two_of_the_seller(crowd: Crowd) -> None:
    said = exempt(crowd.engagement, crowd.opinion(), "contract")
    assert crowd.says(said) == ["exemption_needs_approver"]
    zhao = crowd.firm.zhao
    assert crowd.says(said, beside=[(zhao, "approver")]) == []
    assert crowd.says(said, beside=[(zhao, "reviewer")]) == ["exemption_needs_approver"]
    of_the_buyer = crowd.firm.hire("approver", party=crowd.buyer)
    assert crowd.says(said, beside=[(of_the_buyer, "approver")]) == ["exemption_needs_approver"]


def test_the_buyer_exempts_nobody(crowd: Crowd) -> None:
    said = exempt(crowd.engagement, crowd.opinion())
    approver = crowd.firm.hire("approver", party=crowd.buyer)
    told = crowd.judge(crowd.sun, "dpo", said, beside=[(approver, "approver")])
    assert told == ["not_the_actors_party"]


def test_an_exemption_names_a_statute_of_the_pack_and_categories_once(crowd: Crowd) -> None:
    how = {"beside": [(crowd.firm.zhao, "approver")]}
    said = exempt(crowd.engagement, crowd.opinion())
    assert crowd.says(said.but(statute="no-such-law"), **how) == ["no_such_statute"]
    twice = said.but(categories=["contract", "contract"])
    assert crowd.says(twice, **how) == ["item_named_twice"]


@pytest.mark.parametrize("fields", [{"kind": "nda"}, {"ends_on": "2020-12-31"}])
def test_an_exemption_needs_an_opinion_that_stands(crowd: Crowd, fields: dict[str, str]) -> None:
    document = crowd.document(**{"kind": "legal_opinion", **fields})
    said = exempt(crowd.engagement, document)
    how = {"beside": [(crowd.firm.zhao, "approver")]}
    assert crowd.says(said, **how) == ["opinion_is_not_attached"]
    nothing = said.but(opinion=crowd.new("document"))
    assert crowd.says(nothing, **how) == ["opinion_is_not_attached"]


def test_an_opinion_of_another_deal_exempts_nobody_here(crowd: Crowd) -> None:
    from tests.domain.deal_words import attach, open_deal

    other = crowd.new("engagement")
    crowd.firm.does(crowd.firm.wang, "administrator", open_deal(other, crowd.seller, crowd.buyer))
    document = crowd.new("document")
    crowd.firm.does(crowd.chen, "dpo", attach(document, "legal_opinion"), engagement=other)
    how = {"beside": [(crowd.firm.zhao, "approver")]}
    assert crowd.says(exempt(crowd.engagement, document), **how) == ["opinion_is_not_attached"]
    aside = exempt(other, document)
    assert crowd.says(aside, **how) == ["exemption_of_another_deal"]

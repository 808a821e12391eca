"""A deal that came to nothing: whatever way a copy took to the buyer, it goes back (I-22)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.deal_words import agree, assess, attach, close, open_deal, sign_nda
from tests.domain.estates import Estate
from tests.domain.words import cancel, confirm, freeze, inspect, plan_handover, receive, release
from tests.domain.worlds import Person, Said, create_holding


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def out(estate: Estate, engagement: str = "") -> frozenset[str]:
    """The copies that lie with the buyer and have to go back."""
    return estate.book.copies_out(engagement or estate.deal, estate.he.party).holdings


def fails(estate: Estate, engagement: str = "") -> list[str]:
    """What the seller's handler hears who ends the deal as failed."""
    engagement = engagement or estate.deal
    said = close(engagement, "failed")
    return estate.judge(estate.qian, "seller_handler", said, engagement=engagement)


def copied(estate: Estate, record: str, engagement: str, **fields: Any) -> str:
    """A copy of a record that the buyer registers as its own."""
    copy = estate.new("holding")
    said = create_holding(copy, estate.he.party, record=record, **fields)
    beside = [(estate.wang, "custodian")] if fields else []
    estate.does(estate.lin, "custodian", said, engagement=engagement, beside=beside)
    return copy


def test_a_copy_registered_as_made_of_nothing_goes_back(estate: Estate) -> None:
    """The buyer was sent a record, copies it, and says of its copy only whose record it is."""
    record = estate.ready()
    handover = estate.received(record)
    under_the_deal = copied(estate, record, estate.deal)
    in_daily_work = copied(estate, record, estate.routine)
    said = cancel(handover)
    estate.does(estate.qian, "seller_handler", said, beside=[(estate.he, "buyer_handler")])
    assert out(estate) == {under_the_deal, in_daily_work}
    assert "copy_is_still_there" in fails(estate)


def test_what_the_buyer_has_of_its_own_does_not_go_back(estate: Estate) -> None:
    keeper = estate.hire("collector", "custodian", party=estate.he.party)
    record = estate.collect(by=keeper)
    of_nothing = estate.holding(by=keeper, record=record)
    estate.holding(by=keeper, record=record, made_from=of_nothing)
    assert out(estate) == frozenset()
    assert fails(estate) == []


def test_a_copy_that_came_under_the_name_of_another_deal_goes_back(estate: Estate) -> None:
    """A second deal, in which the buyer sells, asks for nothing; a third one asks for its own."""
    record, back, forth = estate.ready(), estate.new("engagement"), estate.new("engagement")
    buyer = estate.he.party
    estate.does(estate.lin, "administrator", open_deal(back, buyer, estate.party))
    estate.does(estate.wang, "administrator", open_deal(forth, estate.party, buyer))
    under_back, under_forth = (copied(estate, record, deal) for deal in (back, forth))
    assert out(estate) == {under_back}
    assert out(estate, forth) == {under_back, under_forth}
    assert fails(estate) == ["copy_is_still_there"]


def entrusted(estate: Estate, record: str) -> str:
    """The same firms: the buyer also works on the seller's behalf, and was given the record."""
    deal, party, buyer = estate.new("engagement"), estate.party, estate.he.party
    said = open_deal(deal, party, buyer, transfer_mode="entrusted")
    estate.does(estate.wang, "administrator", said)

    def under(who: Person, role: str, said: Said, **how: Any) -> None:
        estate.does(who, role, said, engagement=deal, **how)

    agreement, nda, pipia, contract = (estate.new("document") for _ in range(4))
    for document, kind in ((agreement, "evidence_agreement"), (nda, "nda"), (pipia, "pipia")):
        under(estate.qian, "seller_handler", attach(document, kind))
    said = attach(contract, "processing_agreement", party, buyer)
    under(estate.he, "buyer_handler", said)
    everybody = [(estate.qian, "seller_handler"), *estate.both_sides]
    handler = [(estate.he, "buyer_handler")]
    under(estate.qian, "seller_handler", agree(deal, agreement, everybody), beside=handler)
    under(estate.qian, "seller_handler", sign_nda(deal, nda, party, buyer), beside=handler)
    under(estate.qian, "seller_handler", assess(deal, pipia))
    handover = estate.new("handover")
    planned = plan_handover(handover, estate.qian, estate.he, mode="entrusted")
    under(estate.qian, "seller_handler", planned)
    under(estate.qian, "seller_handler", freeze(handover, [record]))
    under(estate.qian, "seller_handler", release(handover, [record]))
    under(estate.he, "buyer_handler", receive(handover, [record]))
    under(estate.he, "buyer_handler", inspect(handover, record))
    said = confirm(handover, [record], estate.he)
    under(estate.qian, "seller_handler", said, beside=estate.both_sides)
    return deal


def test_what_was_only_entrusted_to_the_buyer_has_not_passed_to_it(estate: Estate) -> None:
    """The merger fails; of what the buyer processes for the seller it made a copy for itself."""
    record = estate.ready()
    deal = entrusted(estate, record)
    copy = copied(estate, record, estate.deal)
    assert out(estate) == {copy}
    assert fails(estate) == ["copy_is_still_there"]
    for_the_work = copied(estate, record, deal)
    assert out(estate) == {copy}
    assert out(estate, deal) == {for_the_work}

"""Attacks on whose record it is: nobody hands over what is another's, is sold, or is on its way."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.values import later
from tests.domain.deal_words import attach, open_deal
from tests.domain.estates import Estate
from tests.domain.words import (
    OBJECT,
    cancel,
    confirm,
    deem,
    freeze,
    inspect,
    plan_handover,
    raise_discrepancy,
    release,
    settle,
)
from tests.domain.worlds import Person, Said, create_holding


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def selling(estate: Estate, said: Said) -> list[str]:
    return estate.judge(estate.qian, "seller_handler", said)


class Resale:
    """The buyer sells on to a third firm, under a deal of its own."""

    def __init__(self, estate: Estate) -> None:
        self.estate, self.deal = estate, estate.new("engagement")
        party = estate.he.party
        self.seller = estate.hire("seller_handler", "collector", "custodian", party=party)
        self.buyer = estate.hire("buyer_handler", party=estate.another_firm())
        said = open_deal(self.deal, party, self.buyer.party, transfer_mode="merger")
        estate.does(estate.lin, "administrator", said)
        self.handover = estate.new("handover")
        self.does(plan_handover(self.handover, self.seller, self.buyer))

    def does(self, said: Said) -> None:
        self.estate.does(self.seller, "seller_handler", said, engagement=self.deal)

    def freezing(self, *items: str) -> set[str]:
        """Why the items may not go, but for what the people and the keys are asked."""
        said = freeze(self.handover, items)
        found = self.estate.judge(self.seller, "seller_handler", said, engagement=self.deal)
        return set(found) & {"no_copy_kept", "copy_of_unknown_origin", "record_has_passed"}


def named(estate: Estate, who: Person, record: str, **fields: str) -> str:
    """A copy that names a record, registered by its keeper alone."""
    copy = estate.new("holding")
    estate.does(who, "custodian", create_holding(copy, who.party, record=record, **fields))
    return copy


def test_a_stranger_does_not_hand_over_anothers_record_by_a_copy_made_of_nothing(
    estate: Estate,
) -> None:
    record, resale = estate.ready(), Resale(estate)
    fake = named(estate, estate.lin, record)
    again = named(estate, estate.lin, record, made_from=fake)
    assert resale.freezing(record) == {"no_copy_kept"}
    assert resale.freezing(fake) == {"copy_of_unknown_origin"}
    assert resale.freezing(again) == {"copy_of_unknown_origin"}


def test_a_copy_made_of_what_had_passed_is_its_new_keepers_to_hand_over(estate: Estate) -> None:
    record, resale = estate.ready(), Resale(estate)
    taken = named(estate, estate.lin, record)
    estate.handed_over(record)
    assert resale.freezing(record) == set()
    assert resale.freezing(taken) == set()


def test_whoever_keeps_a_record_hands_over_any_copy_of_it(estate: Estate) -> None:
    """A paper that was registered beside the file, without saying of what it was made."""
    paper = named(estate, estate.wang, estate.ready(), form="paper", medium="paper_copy")
    assert selling(estate, freeze(estate.planned(), [paper])) == []


def test_what_is_only_entrusted_is_not_its_processors_to_hand_over() -> None:
    estate = Estate.open(mode="joint")
    record, resale = estate.ready(), Resale(estate)
    agreement = attach(
        estate.new("document"), "processing_agreement", estate.party, estate.he.party
    )
    estate.under(estate.he, agreement)
    taken = named(estate, estate.lin, record)
    estate.handed_over(record)
    assert resale.freezing(record) == {"no_copy_kept"}
    assert resale.freezing(taken) == {"copy_of_unknown_origin"}
    assert selling(estate, freeze(estate.planned(), [record])) == []


def test_a_record_that_was_sold_is_not_sold_again(estate: Estate) -> None:
    record, kept = estate.ready(), estate.ready()
    left = estate.holding_of(record)
    estate.handed_over(record)
    assert selling(estate, freeze(estate.planned(), [record])) == ["record_has_passed"]
    assert selling(estate, freeze(estate.planned(), [left])) == ["record_has_passed"]
    assert selling(estate, freeze(estate.planned(), [kept])) == []


def test_a_copy_that_was_left_behind_does_not_follow_the_one_that_was_sold(estate: Estate) -> None:
    record, _, scan = estate.scanned()
    estate.handed_over(estate.copy(scan).made_from or "")
    assert "record_has_passed" in selling(estate, freeze(estate.planned(), [record]))
    assert "record_has_passed" in selling(estate, freeze(estate.planned(), [scan]))


def test_a_record_and_its_copy_are_not_on_two_lists(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    first = estate.frozen(copy)
    again = freeze(estate.planned(), [record])
    assert selling(estate, again) == ["record_is_in_a_handover"]
    estate.does(estate.qian, "seller_handler", cancel(first))
    assert selling(estate, again) == []
    estate.frozen(record)
    assert selling(estate, freeze(estate.planned(), [copy])) == ["record_is_in_a_handover"]


def test_two_copies_of_one_record_are_not_on_two_lists(estate: Estate) -> None:
    _, paper, scan = estate.scanned()
    estate.frozen(paper)
    assert selling(estate, freeze(estate.planned(), [scan])) == ["record_is_in_a_handover"]
    assert estate.told(estate.qian, "seller_handler", freeze(estate.planned(), [paper]))


def test_a_list_is_changed_although_its_own_items_are_on_it(estate: Estate) -> None:
    record, copy = estate.ready(), estate.holding_of(estate.ready())
    handover = estate.frozen(record, copy)
    assert selling(estate, freeze(handover, [copy, record], list_version=2)) == []
    assert selling(estate, release(handover, [record, copy])) == []


@pytest.mark.parametrize("resolution", ["corrected", "delivered_later"])
def test_what_was_deemed_accepted_is_inspected_again_after_a_fault(
    estate: Estate, resolution: str
) -> None:
    """The time for inspection ran out for what was there, not for what is brought anew."""
    record = estate.ready()
    handover = estate.received(record)
    end = later(estate.handover(handover).received_at, days=15)
    estate.now = later(estate.now, days=16)
    estate.under(estate.qian, deem(handover, end))
    estate.does(estate.he, "buyer_handler", inspect(handover, record, digest="mismatch"))
    estate.does(estate.he, "buyer_handler", raise_discrepancy(handover, 1, record))
    said = settle(handover, 1, resolution)
    estate.under(estate.qian, said, beside=[(estate.he, "buyer_handler")])
    assert estate.handover(handover).items == {record: "again"}
    whole = confirm(handover, [record], estate.he)
    assert estate.judge(estate.qian, "seller_handler", whole, beside=estate.both_sides) == [
        "item_not_inspected"
    ]
    estate.does(estate.he, "buyer_handler", inspect(handover, record))
    assert estate.judge(estate.qian, "seller_handler", whole, beside=estate.both_sides) == []


def test_nothing_goes_into_the_vault_before_it_has_passed(estate: Estate) -> None:
    """The buyer has received and looked, and not confirmed: the content is still the seller's."""

    def taking(record: str, **fields: Any) -> list[str]:
        copy, party = estate.new("holding"), estate.lin.party
        said = create_holding(copy, party, record=record, **{**OBJECT, **fields})
        return estate.judge(estate.lin, "custodian", said)

    record, other = estate.ready(), estate.ready()
    assert taking(record) == ["record_has_not_passed"]
    estate.inspected(record)
    assert taking(record) == ["record_has_not_passed"]
    assert taking(record, encrypted=False, object=UNSET) == [], "what somebody has is told of"
    estate.handed_over(other)
    assert taking(other) == []

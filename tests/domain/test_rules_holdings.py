"""Copies: made from copies that are there, moved and returned with both ends signing."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from domain.values import later
from tests.domain.deal_words import Dealing
from tests.domain.worlds import Firm, Person, create_holding, give_back, lose, move


@pytest.fixture
def firm() -> Firm:
    return Firm.open()


@pytest.fixture
def deal(firm: Firm) -> Dealing:
    """The deal under which copies go to the buyer, in confidence."""
    deal = Dealing.of(firm)
    deal.confidential()
    return deal


@pytest.fixture
def buyer(firm: Firm, deal: Dealing) -> Person:
    """Somebody who keeps copies for the buyer."""
    return firm.hire("custodian", "examiner", party=deal.buyer)


def creating(firm: Firm, **fields: Any) -> list[str]:
    """What the custodian hears who registers a copy like this."""
    said = create_holding(firm.new("holding"), firm.party, **fields)
    return firm.judge(firm.wang, "custodian", said)


def test_a_copy_is_registered_once_and_its_place_is_sealed(firm: Firm) -> None:
    copy = firm.holding()
    again = create_holding(copy, firm.party)
    assert firm.judge(firm.wang, "custodian", again) == ["already_registered"]
    assert creating(firm, sealed=UNSET) == ["location_must_be_sealed"]


def test_a_copy_is_registered_by_its_custodians_people(firm: Firm, buyer: Person) -> None:
    copy = firm.new("holding")
    theirs, ours = create_holding(copy, buyer.party), create_holding(copy, firm.party)
    assert firm.judge(firm.wang, "custodian", theirs) == ["not_the_actors_party"]
    assert firm.judge(buyer, "custodian", ours) == ["not_the_actors_party"]
    assert firm.judge(buyer, "custodian", theirs) == []


def test_a_further_copy_names_a_record_and_a_copy_of_it(firm: Firm) -> None:
    record = firm.collect()
    origin = firm.holding_of(record)
    whole, own = firm.holding(made_from=origin), firm.holding(record=record, made_from=origin)
    assert creating(firm, made_from=whole) == ["copy_of_a_copy"]
    assert creating(firm, made_from=own) == ["copy_names_no_record", "copy_of_a_copy"]
    assert creating(firm, made_from=origin) == []
    assert creating(firm, record=firm.new("record")) == ["unknown_record"]
    assert creating(firm, record=record, made_from=firm.new("holding")) == ["unknown_holding"]
    assert creating(firm, record=record, made_from=origin) == []
    assert creating(firm, record=record) == []


def test_a_copy_of_one_record_is_not_made_from_another(firm: Firm) -> None:
    one, two = firm.collect(), firm.collect()
    assert creating(firm, record=one, made_from=firm.holding_of(two)) == [
        "holding_of_another_record"
    ]
    copy = firm.holding(record=one, made_from=firm.holding_of(one))
    assert creating(firm, record=two, made_from=copy) == ["holding_of_another_record"]
    assert creating(firm, record=one, made_from=copy) == []


def test_a_copy_is_made_from_a_copy_that_is_there(firm: Firm) -> None:
    record = firm.collect()
    origin = firm.holding_of(record)
    firm.does(firm.wang, "custodian", lose(origin))
    assert creating(firm, record=record, made_from=origin) == ["holding_is_lost"]


def test_nobody_copies_from_another_party_behind_its_back(
    firm: Firm, deal: Dealing, buyer: Person
) -> None:
    record = firm.ready_of_nobody()
    said = create_holding(
        firm.new("holding"), buyer.party, record=record, made_from=firm.holding_of(record)
    )
    assert deal.judge(buyer, "custodian", said) == ["source_custodian_must_sign"]
    deal.does(buyer, "custodian", said, beside=[(firm.wang, "custodian")])


def test_nothing_moves_that_is_not_there(firm: Firm) -> None:
    nowhere = firm.new("holding")
    for said in (move(nowhere), lose(nowhere)):
        assert firm.judge(firm.wang, "custodian", said) == ["unknown_holding"]


def test_nothing_happens_to_a_copy_after_it_was_returned(
    firm: Firm, deal: Dealing, buyer: Person
) -> None:
    """I-03: what is not here any more is not moved, lost, returned or collected from."""
    copy = firm.holding()
    beside = [(buyer, "custodian")]
    deal.does(firm.wang, "custodian", give_back(copy, buyer.party), beside=beside)
    for said in (move(copy), lose(copy)):
        assert firm.judge(firm.wang, "custodian", said) == ["holding_is_returned"]
    again = give_back(copy, buyer.party)
    assert deal.judge(firm.wang, "custodian", again, beside=beside) == ["holding_is_returned"]


def test_a_lost_copy_is_not_lost_twice(firm: Firm) -> None:
    copy = firm.holding()
    firm.does(firm.wang, "custodian", lose(copy))
    assert firm.judge(firm.wang, "custodian", lose(copy)) == ["holding_is_lost"]


def test_only_its_custodian_moves_or_loses_a_copy(firm: Firm, buyer: Person) -> None:
    copy = firm.holding()
    for said in (move(copy), lose(copy)):
        assert firm.judge(buyer, "custodian", said) == ["not_the_actors_party"]
        assert firm.judge(firm.wang, "custodian", said) == []


def test_a_copy_arrives_after_it_departs(firm: Firm) -> None:
    copy = firm.holding()
    earlier = later(firm.now, seconds=-1)
    said = move(copy, departed_at=firm.now, arrived_at=earlier)
    assert firm.judge(firm.wang, "custodian", said) == ["arrived_before_departed"]
    assert firm.judge(firm.wang, "custodian", said.but(arrived_at=firm.now)) == []


def test_what_is_recorded_of_a_copy_has_happened(firm: Firm) -> None:
    copy = firm.holding()
    ahead = later(firm.now, seconds=1)
    for said in (move(copy, arrived_at=ahead), lose(copy, ahead)):
        assert firm.judge(firm.wang, "custodian", said) == ["not_yet_happened"]


def test_a_new_custodian_signs_for_what_it_gets(firm: Firm, deal: Dealing, buyer: Person) -> None:
    copy = firm.holding()
    said = move(copy, custodian=buyer.party)
    assert deal.judge(firm.wang, "custodian", said) == ["receiving_custodian_must_sign"]
    assert deal.judge(firm.wang, "custodian", said, beside=[(firm.li, "reviewer")]) == [
        "receiving_custodian_must_sign"
    ]
    deal.does(firm.wang, "custodian", said, beside=[(buyer, "custodian")])
    assert firm.judge(firm.wang, "custodian", move(copy)) == ["not_the_actors_party"]
    assert firm.judge(buyer, "custodian", move(copy)) == []


def test_not_everybody_of_a_party_signs_for_copies(
    firm: Firm, deal: Dealing, buyer: Person
) -> None:
    """The buyer's forensic examiner looks at copies; custody is taken by those who keep them."""
    copy = firm.holding()
    said = move(copy, custodian=buyer.party)
    assert deal.judge(firm.wang, "custodian", said, beside=[(buyer, "examiner")]) == [
        "receiving_custodian_must_sign"
    ]


def test_a_custodian_is_a_registered_party(firm: Firm) -> None:
    said = move(firm.holding(), custodian=firm.new("party"))
    heard = firm.judge(firm.wang, "custodian", said)
    assert heard == ["unknown_party", "given_without_a_deal"]


def test_whoever_gets_a_copy_back_signs_for_it(firm: Firm, deal: Dealing, buyer: Person) -> None:
    copy = firm.holding()
    said = give_back(copy, buyer.party)
    assert deal.judge(firm.wang, "custodian", said) == ["receiving_party_must_sign"]
    deal.does(firm.wang, "custodian", said, beside=[(buyer, "custodian")])


def test_a_copy_is_not_returned_to_whoever_has_it(firm: Firm) -> None:
    """One signature would otherwise make a copy disappear from the inventory for good."""
    copy = firm.holding()
    assert firm.judge(firm.wang, "custodian", give_back(copy, firm.party)) == [
        "returned_to_its_keeper"
    ]


# -- encrypted by Muniment ----------------------------------------------------------------------

OBJECT = "ab" * 32


def test_an_object_is_encrypted_and_no_paper(firm: Firm) -> None:
    origin = firm.holding_of(firm.collect())
    assert creating(firm, made_from=origin, object=OBJECT, encrypted=True) == []
    assert creating(firm, made_from=origin, object=OBJECT) == ["object_must_be_encrypted"]
    for fields in ({"form": "paper"}, {"medium": "paper_copy"}):
        assert creating(firm, object=OBJECT, encrypted=True, **fields) == ["object_is_no_paper"]

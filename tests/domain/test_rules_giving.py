"""What goes to another party goes under a deal and its confidentiality, on whichever way (I-13)."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from domain.copies import HoldingState
from domain.judging import affect
from tests.domain.deal_words import Dealing, end_nda, open_deal, sign_nda
from tests.domain.estates import Estate
from tests.domain.words import register_key_copy, store_offsite
from tests.domain.worlds import Person, Said, create_holding, give_back, move


@pytest.fixture
def deal() -> Dealing:
    """A deal in which nothing is signed yet."""
    return Dealing.open(broker=True)


class Way(NamedTuple):
    """One of the ways on which a copy goes to another party: who says it, what, and who else."""

    author: Person
    said: Said
    beside: list[tuple[Person, str]]


def ways(deal: Dealing, copy: str, taker: Person) -> list[Way]:
    """A move, a copy of what is in it, a whole copy, and a return to whom it never came from."""
    wang, record = deal.firm.wang, deal.firm.book.contents(copy).examples[0]
    ours, theirs = [(wang, "custodian")], [(taker, "custodian")]
    new = deal.firm.new("holding")
    return [
        Way(wang, move(copy, custodian=taker.party), theirs),
        Way(taker, create_holding(new, taker.party, record=record, made_from=copy), ours),
        Way(taker, create_holding(new, taker.party, made_from=copy), ours),
        Way(wang, give_back(copy, taker.party), theirs),
    ]


def hear(deal: Dealing, copy: str, taker: Person, engagement: str = "") -> list[list[str]]:
    """What each of them hears who tries one of the ways."""
    under = engagement or deal.engagement
    return [
        deal.judge(way.author, "custodian", way.said, beside=way.beside, engagement=under)
        for way in ways(deal, copy, taker)
    ]


def contract(deal: Dealing) -> str:
    """A copy of a contract that is ready for others; nobody stands in it."""
    return deal.firm.holding_of(deal.firm.ready_of_nobody())


def lent(deal: Dealing, copy: str) -> None:
    """The copy goes to the buyer."""
    said = move(copy, custodian=deal.buyer)
    deal.does(deal.firm.wang, "custodian", said, beside=[(deal.sun, "custodian")])


def test_without_an_agreement_nothing_goes_to_the_buyer_on_any_way(deal: Dealing) -> None:
    copy = contract(deal)
    assert hear(deal, copy, deal.sun) == [["no_nda_in_force"]] * 4
    nda = deal.confidential()
    assert hear(deal, copy, deal.sun) == [[]] * 4
    deal.does(deal.chen, "seller_handler", end_nda(deal.engagement, nda, deal.firm.now[:10]))
    assert hear(deal, copy, deal.sun) == [["no_nda_in_force"]] * 4


def test_an_agreement_about_something_else_lets_nothing_go(deal: Dealing) -> None:
    copy = contract(deal)
    deal.confidential(categories=["communication"])
    assert hear(deal, copy, deal.sun) == [["nda_does_not_cover"]] * 4


def test_outside_the_deal_its_agreement_is_nothing(deal: Dealing) -> None:
    copy = contract(deal)
    deal.confidential()
    assert hear(deal, copy, deal.sun, deal.firm.routine) == [["given_without_a_deal"]] * 4


def test_what_the_buyer_sells_to_others_lets_nothing_of_ours_go(deal: Dealing) -> None:
    firm, other = deal.firm, deal.firm.new("engagement")
    said = open_deal(other, deal.buyer, firm.another_firm())
    firm.does(firm.hire("administrator", party=deal.buyer), "administrator", said)
    deal.confidential()
    assert hear(deal, contract(deal), deal.sun, other) == [["given_without_a_deal"]] * 4


def test_a_stranger_to_the_deal_gets_nothing(deal: Dealing) -> None:
    deal.confidential()
    stranger = deal.firm.hire("custodian", party=deal.firm.another_firm())
    assert hear(deal, contract(deal), stranger) == [["given_without_a_deal"]] * 4


def test_what_nobody_has_looked_into_goes_under_an_agreement_too(deal: Dealing) -> None:
    """Whatever is in a copy in which nothing was collected, it is not the buyer's."""
    said, beside = move(deal.firm.holding(), custodian=deal.buyer), [(deal.sun, "custodian")]
    assert deal.judge(deal.firm.wang, "custodian", said, beside=beside) == ["no_nda_in_force"]


def test_what_was_lent_goes_back_when_the_agreement_is_over(deal: Dealing) -> None:
    copy, nda, firm = contract(deal), deal.confidential(), deal.firm
    lent(deal, copy)
    deal.does(deal.chen, "seller_handler", end_nda(deal.engagement, nda, firm.now[:10]))
    home, ours = move(copy, custodian=deal.seller), [(firm.wang, "custodian")]
    for said in (home, give_back(copy, deal.seller)):
        assert firm.judge(deal.sun, "custodian", said, beside=ours) == []
    firm.does(deal.sun, "custodian", home, beside=ours)
    assert hear(deal, copy, deal.sun) == [["no_nda_in_force"]] * 4, "it never came from the buyer"


def test_whoever_was_lent_a_copy_lends_it_to_nobody_else(deal: Dealing) -> None:
    copy, firm = contract(deal), deal.firm
    deal.confidential()
    lent(deal, copy)
    broker = firm.hire("custodian", "broker", party=deal.broker)
    said = sign_nda(deal.engagement, deal.document("nda"), deal.buyer, deal.broker)
    deal.does(deal.sun, "buyer_handler", said, beside=[(broker, "broker")])
    on = [(broker, "custodian")]
    for said in (move(copy, custodian=deal.broker), give_back(copy, deal.broker)):
        assert deal.judge(deal.sun, "custodian", said, beside=on) == ["given_without_a_deal"]


def test_a_copy_made_of_what_was_lent_goes_back_as_well(deal: Dealing) -> None:
    copy, firm = contract(deal), deal.firm
    deal.confidential()
    lent(deal, copy)
    made = firm.new("holding")
    record = firm.book.contents(copy).examples[0]
    said = create_holding(made, deal.buyer, record=record, made_from=copy)
    deal.does(deal.sun, "custodian", said)
    home = give_back(made, deal.seller)
    assert firm.judge(deal.sun, "custodian", home, beside=[(firm.wang, "custodian")]) == []


def test_what_was_handed_over_does_not_go_back_like_a_loan() -> None:
    """It is the buyer's: whoever gives it to the seller gives it to another party."""
    estate = Estate.open()
    copy = estate.holding_of(estate.ready())
    estate.handed_over(copy)
    assert estate.copy(copy).owner == estate.lin.party
    said, beside = give_back(copy, estate.party), [(estate.wang, "custodian")]
    heard = estate.judge(estate.lin, "custodian", said, beside=beside, engagement=estate.deal)
    assert heard == ["given_without_a_deal"]


def test_what_came_back_over_two_hands_came_from_neither(deal: Dealing) -> None:
    """A copy that was lent on and given straight home is nobody's loan any more."""
    copy = contract(deal)
    state = deal.firm.book.load([copy])[copy]
    assert isinstance(state, HoldingState)
    for party in (deal.buyer, deal.broker, deal.seller):
        state.goes_to(party)
        assert state.owner == deal.seller
    assert state.lent_by == []


def test_what_was_borrowed_and_handed_over_is_the_buyers() -> None:
    estate = Estate.open()
    copy, lender = estate.holding_of(estate.ready()), estate.another_firm()
    borrowed = estate.book.load([copy])[copy]
    assert isinstance(borrowed, HoldingState)
    borrowed.lent_by.append(lender)
    estate.handed_over(copy)
    affect(borrowed, estate.book.events[-1][2])
    assert (borrowed.owner, borrowed.lent_by) == (estate.lin.party, [])


# -- backups that another party keeps -------------------------------------------------------------


def stored(estate: Estate, backup: str, engagement: str = "") -> list[str]:
    """What Wang hears who takes a backup to the buyer."""
    said, beside = store_offsite(backup, estate.lin), [(estate.lin, "custodian")]
    under = engagement or estate.routine
    return estate.judge(estate.wang, "custodian", said, beside=beside, engagement=under)


@pytest.mark.parametrize("kind", ["escrow", "export"])
def test_a_backup_does_not_lie_where_its_keys_lie(kind: str) -> None:
    """Encrypted, it tells its keeper nothing; with the keys it is given to whoever keeps both."""
    estate = Estate.open()
    backup, (copy,) = estate.copied(estate.holding_of(estate.ready()))
    assert stored(estate, backup) == []
    keys = register_key_copy(
        estate.new("keycopy"), estate.lin.party, estate.copy(copy).key, kind=kind
    )
    estate.does(estate.wang, "custodian", keys)
    assert stored(estate, backup) == ["given_without_a_deal"]
    assert stored(estate, backup, estate.deal) == []
    deal = estate.state(estate.deal)
    (nda,) = deal.ndas  # type: ignore[attr-defined]
    estate.under(estate.qian, end_nda(estate.deal, nda, estate.now[:10]))
    assert stored(estate, backup, estate.deal) == ["no_nda_in_force"]


def test_keys_of_something_else_open_no_backup() -> None:
    estate = Estate.open()
    backup, _ = estate.copied(estate.holding_of(estate.ready()))
    other = "key-00000000-0000-7000-8000-000000000000"
    keys = register_key_copy(estate.new("keycopy"), estate.lin.party, other, kind="escrow")
    estate.does(estate.wang, "custodian", keys)
    assert stored(estate, backup) == []

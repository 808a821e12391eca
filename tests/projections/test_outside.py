"""What lies with the other side of a deal: the tables answer what reading all events answers."""

from __future__ import annotations

import pytest

from domain.answers import CopiesOut
from projections import delivered, outside
from projections.view import Recorded
from tests.domain.deal_words import open_deal
from tests.domain.estates import Estate
from tests.domain.test_rules_deal_failed import entrusted
from tests.domain.words import access, grant_access
from tests.domain.worlds import create_holding, move
from tests.projections.histories import empty_tables, project

LENT = frozenset({"entrusted", "due_diligence"})
"""The modes in which what was handed over comes back."""


def busy() -> Estate:
    """Copies are lent, copied with and without the deal's name, sent, sold, and looked at."""
    estate = Estate.open()
    buyer, records = estate.he.party, [estate.ready() for _ in range(6)]
    copies = [estate.holding_of(record) for record in records]
    for copy in copies[:2]:
        beside = [(estate.lin, "custodian")]
        said = move(copy, custodian=buyer)
        estate.does(estate.wang, "custodian", said, beside=beside, engagement=estate.deal)
    made = create_holding(estate.new("holding"), buyer, record=records[2], made_from=copies[2])
    estate.does(
        estate.lin, "custodian", made, beside=[(estate.wang, "custodian")], engagement=estate.deal
    )
    grant = estate.new("grant")
    form = {"modes": ["view", "download"], "purposes": ["due_diligence"],
            "basis": "people_cleared"}  # fmt: skip
    said = grant_access(grant, estate.ma, *records[3:5], **form)
    estate.does(estate.wang, "custodian", said, engagement=estate.deal)
    for n, mode in ((3, "download"), (4, "download"), (3, "view")):
        look = access(records[n], copies[n], grant=grant, mode=mode, purpose="due_diligence")
        estate.does(estate.ma, "supervisor", look, engagement=estate.deal)
    estate.handed_over(copies[4])
    own = create_holding(estate.new("holding"), buyer, record=records[4], made_from=copies[4])
    estate.does(estate.lin, "custodian", own)
    estate.received(copies[5])
    of_nothing = create_holding(estate.new("holding"), buyer, record=records[5])
    own_work(estate)
    other = estate.new("engagement")  # the buyer sells something to the seller
    said = open_deal(other, buyer, estate.party)
    estate.does(estate.lin, "administrator", said)
    for engagement in (estate.deal, estate.routine, other):
        said = of_nothing._replace(stream=estate.new("holding"))
        estate.does(estate.lin, "custodian", said, engagement=engagement)
    third = estate.new("engagement")  # and buys something else, which that deal asks for
    estate.does(estate.wang, "administrator", open_deal(third, estate.party, buyer))
    said = of_nothing._replace(stream=estate.new("holding"))
    estate.does(estate.lin, "custodian", said, engagement=third)
    return estate


def own_work(estate: Estate) -> None:
    """The buyer keeps records of its own, and copies of them made of nothing and of something."""
    keeper = estate.hire("collector", "custodian", party=estate.he.party)
    record = estate.collect(by=keeper)
    first = estate.holding(by=keeper, record=record)
    estate.holding(by=keeper, record=record, made_from=first)
    estate.holding(by=keeper, made_from=estate.holding_of(record))


def test_what_was_only_entrusted_has_not_passed() -> None:
    estate = Estate.open()
    record = estate.ready()
    entrusted(estate, record)
    made = create_holding(estate.new("holding"), estate.he.party, record=record)
    estate.does(estate.lin, "custodian", made, engagement=estate.deal)
    recorded = [Recorded(n, *told) for n, told in enumerate(estate.book.events, 1)]
    out = estate.book.copies_out(estate.deal, estate.he.party).holdings
    assert out == {made.stream}
    with project(empty_tables(), recorded, 10_000) as connection:
        asked = (connection, estate.deal, estate.he.party)
        assert {holding for holding, _ in outside.came_to(*asked, LENT)} == out
        assert outside.came_to(*asked) == []  # had it passed for good


@pytest.mark.parametrize("sizes", [(13, 1, 1, 9), (1,), (10_000,)])
def test_what_lies_with_each_party_is_what_its_events_say(sizes: tuple[int, ...]) -> None:
    estate = busy()
    book = estate.book
    recorded = [Recorded(n, *told) for n, told in enumerate(book.events, 1)]
    with project(empty_tables(), recorded, *sizes) as connection:
        for side in (estate.he.party, estate.party, estate.new("party")):
            entry = outside.last_delivery(connection, estate.deal, side)

            def elsewhere(record: str, side: str = side) -> bool:
                passed = delivered.passed(connection, record, LENT)
                its = (passed or ("", "", ""))[2] == side
                assert delivered.passed_to(connection, [record], side, LENT) == (
                    {record} if its else set()
                )
                return not its

            holdings = {
                holding
                for holding, record in outside.came_to(connection, estate.deal, side, LENT)
                if record is None or elsewhere(record)
            }
            taken = outside.taken(connection, estate.deal, side)
            found = CopiesOut(
                outside.last_access(connection, estate.deal, side),
                "" if entry is None else book.accepted[entry],
                frozenset(holdings),
                next((at for record, at in taken if elsewhere(record)), ""),
            )
            assert found == book.copies_out(estate.deal, side, unpassed=True)
            assert (found != CopiesOut()) == (side == estate.he.party)
    out = book.copies_out(estate.deal, estate.he.party, unpassed=True)
    assert len(out.holdings) == 6
    assert out.unpassed < out.accessed < out.delivered

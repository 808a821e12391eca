"""Whose a record is, read off the tables as off the events: strangers, buyers, and what is sold."""

from __future__ import annotations

from itertools import product

from domain.values import Event
from projections import delivered
from projections.view import Recorded
from tests.domain.estates import Estate
from tests.domain.worlds import Person, create_holding
from tests.projections.histories import empty_tables, project

BOUND: frozenset[str] = frozenset({"entrusted", "joint"})


def named(estate: Estate, who: Person, record: str, **fields: str) -> str:
    copy = estate.new("holding")
    estate.does(who, "custodian", create_holding(copy, who.party, record=record, **fields))
    return copy


def recorded(events: list[tuple[int, str, Event]]) -> list[Recorded]:
    return [Recorded(number, *told) for number, told in enumerate(events, 1)]


def test_the_tables_know_whose_a_record_is() -> None:
    estate = Estate.open()
    strange, sold, scanned = estate.ready(), estate.ready(), estate.ready()
    fake = named(estate, estate.lin, strange)
    named(estate, estate.lin, strange, made_from=fake)
    scan = named(estate, estate.wang, scanned, made_from=estate.holding_of(scanned))
    again = named(estate, estate.wang, scanned, made_from=scan)
    taken = named(estate, estate.lin, sold)
    estate.handed_over(sold)
    estate.frozen(again)
    table, rows = estate.table(3)
    estate.handed_over(rows[1])
    copies = [estate.holding_of(sold), estate.holding_of(scanned), table, scan, taken, fake]
    records = [strange, sold, scanned, *rows]
    buyer, seller = estate.he.party, estate.party
    with project(empty_tables(), recorded(estate.book.events), 10_000) as connection:
        lists = (records, copies, [*records, *copies])
        for party, items, bound in product((buyer, seller), lists, (BOUND, {"merger"})):
            found = delivered.listed(connection, items, party, 0, frozenset(bound))
            plain = estate.book.listed(items, party, 0, frozenset(bound))
            assert set(found.not_kept) == set(plain.not_kept)
            assert set(found.claimed) == set(plain.claimed)
            assert set(found.passed) == set(plain.passed)
        assert delivered.listed(connection, records, buyer, 0, BOUND).not_kept == (
            strange, scanned, *rows,
        )  # fmt: skip
        of_copies = delivered.listed(connection, copies, seller, 0, BOUND)
        assert {record for record, _ in of_copies.claimed} == {scanned}
        assert set(of_copies.passed) == {sold, rows[1]}

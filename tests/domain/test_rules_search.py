"""Who was looked for in which records: digests, each for a record that there is."""

from __future__ import annotations

import pytest

from tests.domain.estates import Estate
from tests.domain.words import index_people


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def test_a_search_tells_of_records_that_there_are_each_once(estate: Estate) -> None:
    one, other, search = estate.ready(), estate.ready(), estate.new("search")
    said = index_people(search, one, other)
    assert estate.judge(estate.wang, "custodian", said) == []
    twice = index_people(search, one, one)
    assert estate.judge(estate.wang, "custodian", twice) == ["item_named_twice"]
    never = index_people(search, estate.new("record"), other)
    assert estate.judge(estate.wang, "custodian", never) == ["unknown_record"]


def test_whoever_keeps_the_ledger_looks_through_what_others_brought_into_it(
    estate: Estate,
) -> None:
    record = estate.ready()
    said = index_people(estate.new("search"), record)
    assert estate.judge(estate.zhou, "collector", said, engagement=estate.deal) == []


def test_a_search_goes_on_in_further_events(estate: Estate) -> None:
    records, search = [estate.ready() for _ in range(3)], estate.new("search")
    parts = [index_people(search, one) for one in records]
    estate.does(estate.wang, "custodian", *parts)
    assert estate.book.states[search].records == 3  # type: ignore[attr-defined]

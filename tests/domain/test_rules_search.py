"""Who was looked for in which records: digests, each for a record that there is."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from domain.judging import State
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


def test_nobody_vouches_for_the_records_of_another_party(estate: Estate) -> None:
    """A digest that the buyer's people invent would make the seller's own rows count as altered."""
    one, other = estate.ready(), estate.ready()
    said = index_people(estate.new("search"), one, other)
    for engagement in (None, estate.deal):
        fields = {} if engagement is None else {"engagement": engagement}
        heard = estate.judge(estate.he, "buyer_handler", said, **fields)
        assert heard.count("not_the_actors_party") == 2
    estate.handed_over(estate.holding_of(one))
    mine = index_people(estate.new("search"), one)
    assert estate.judge(estate.he, "buyer_handler", mine, engagement=estate.deal) == []
    heard = estate.judge(estate.he, "buyer_handler", said, engagement=estate.deal)
    assert heard == ["not_the_actors_party"], "the other one was not handed over"


def test_records_of_others_are_asked_for_in_one_go(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, asked = [estate.ready() for _ in range(5)], []
    load = type(estate.book).load

    def counted(book: object, streams: Iterable[str]) -> dict[str, State]:
        asked.append(wanted := list(streams))
        return load(book, wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(type(estate.book), "load", counted)
    said = index_people(estate.new("search"), *records)
    heard = estate.judge(estate.he, "buyer_handler", said, engagement=estate.deal)
    assert heard == ["not_the_actors_party"] * 5
    assert sum(bool(set(records) & set(one)) for one in asked) == 1


def test_a_search_goes_on_in_further_events(estate: Estate) -> None:
    records, search = [estate.ready() for _ in range(3)], estate.new("search")
    parts = [index_people(search, one) for one in records]
    estate.does(estate.wang, "custodian", *parts)
    assert estate.book.states[search].records == 3  # type: ignore[attr-defined]

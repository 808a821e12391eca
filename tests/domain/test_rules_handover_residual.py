"""What the seller keeps of what it has handed over is declared, or gone (I-24)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.estates import Estate
from tests.domain.words import cancel, declare_residual
from tests.domain.worlds import Said


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


@pytest.fixture
def records(estate: Estate) -> list[str]:
    """Two records that are ready; their contents are delivered in a package."""
    return [estate.ready() for _ in range(2)]


def selling(estate: Estate, *said: Said, **how: Any) -> list[str]:
    return estate.judge(estate.qian, "seller_handler", *said, **how)


def test_every_copy_that_stays_is_declared(estate: Estate, records: list[str]) -> None:
    copies = [estate.holding_of(record) for record in records]
    handover = estate.received(*records)
    assert selling(estate, declare_residual(handover, *copies)) == [
        "handover_is_received", "not_a_copy_of_it",
    ]  # fmt: skip
    handover = estate.handed_over(estate.ready())
    (kept,) = estate.book.residual(handover, estate.party)
    assert selling(estate, declare_residual(handover)) == ["copy_is_not_declared"]
    other = estate.holding_of(records[0])
    assert "not_a_copy_of_it" in selling(estate, declare_residual(handover, kept, other))
    said = declare_residual(handover, kept)
    assert selling(estate, said.but(retain_until="2026-02-30")) == ["no_such_day"]
    assert selling(estate, said.but(retain_until="2026-11-20")) == ["kept_until_a_day_gone_by"]
    estate.under(estate.qian, said)
    assert estate.handover(handover).step == "residual_declared"
    assert selling(estate, said) == ["residual_said_before"]
    assert selling(estate, said.but(retain_until="2037-12-31")) == [], "that replaces the first"
    assert selling(estate, said.but(basis="legal_claim")) == []
    assert selling(estate, cancel(handover), beside=[(estate.he, "buyer_handler")]) == [
        "handover_is_residual_declared"
    ]


def test_a_long_declaration_takes_several_events_of_one_commit(estate: Estate) -> None:
    records = [estate.ready() for _ in range(2)]
    first, second = (estate.holding_of(record) for record in records)
    handover = estate.handed_over(*records)
    parts = [declare_residual(handover, first), declare_residual(handover, second)]
    assert selling(estate, parts[0]) == ["copy_is_not_declared"]
    assert selling(estate, *parts) == []
    assert selling(estate, parts[0].but(items=[first, first]), parts[1]) == ["item_named_twice"]


def test_the_same_declaration_is_not_said_twice_whole_or_in_parts(estate: Estate) -> None:
    records = [estate.ready() for _ in range(2)]
    first, second = (estate.holding_of(record) for record in records)
    handover = estate.handed_over(*records)
    both = [declare_residual(handover, first), declare_residual(handover, second)]
    estate.does(estate.qian, "seller_handler", *both)
    assert selling(estate, *both) == ["residual_said_before"]
    assert selling(estate, declare_residual(handover, second, first)) == ["residual_said_before"]
    assert selling(estate, declare_residual(handover)) == ["residual_said_before"]
    longer = declare_residual(handover, second, retain_until="2037-12-31")
    assert selling(estate, both[0], longer) == [], "one copy has a new day"
    estate.does(estate.qian, "seller_handler", both[0], longer)
    assert estate.handover(handover).kept[second] == ("retention_duty", "2037-12-31")
    assert selling(estate, *both) == [], "and may have its old one back"


def test_that_nothing_is_kept_is_said_once(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    handover = estate.handed_over(record)
    estate.executed(copy)
    estate.under(estate.qian, declare_residual(handover))
    assert selling(estate, declare_residual(handover)) == ["residual_said_before"]


def test_what_was_destroyed_need_not_be_declared(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    handover = estate.handed_over(record)
    assert selling(estate, declare_residual(handover)) == ["copy_is_not_declared"]
    estate.executed(copy)
    assert selling(estate, declare_residual(handover)) == []


def test_the_buyer_does_not_declare_for_the_seller(estate: Estate, records: list[str]) -> None:
    handover = estate.handed_over(*records)
    copies = [estate.holding_of(record) for record in records]
    said = declare_residual(handover, *copies)
    details = estate.judge(estate.lin, "custodian", said)
    assert details == ["key_not_agreed", "not_the_actors_party"]

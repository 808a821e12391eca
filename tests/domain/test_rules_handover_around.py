"""Ways around a handover: what is to go to another party goes by its list, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.estates import Estate
from tests.domain.words import confirm, freeze, plan_handover, restrict
from tests.domain.worlds import Said, classify, create_holding, give_back, move, retain


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


@pytest.fixture
def records(estate: Estate) -> list[str]:
    """Two records that are ready to go."""
    return [estate.ready() for _ in range(2)]


@pytest.fixture
def copies(estate: Estate) -> list[str]:
    """Two files that are ready to go."""
    return [estate.holding_of(estate.ready()) for _ in range(2)]


def selling(estate: Estate, said: Said, **how: Any) -> list[str]:
    return estate.judge(estate.qian, "seller_handler", said, **how)


def test_nothing_unready_leaves_by_another_door(estate: Estate) -> None:
    """A move or a copy across parties asks for what a handover asks for (I-11, I-12)."""
    record = estate.collect()
    copy, theirs = estate.holding_of(record), estate.lin.party
    moved = move(copy, custodian=theirs)
    copied = create_holding(estate.new("holding"), theirs, record=record, made_from=copy)
    whole = create_holding(estate.new("holding"), theirs, made_from=copy)
    lin, wang = [(estate.lin, "custodian")], [(estate.wang, "custodian")]
    under = {"engagement": estate.deal}
    unready = ["not_classified", "no_retention", "subjects_unknown"]
    assert estate.judge(estate.wang, "custodian", moved, beside=lin, **under) == unready
    for said in (copied, whole):
        assert estate.judge(estate.lin, "custodian", said, beside=wang, **under) == unready
    estate.does(estate.wang, "archivist", classify(record))
    estate.does(estate.wang, "archivist", retain(estate.record(record)))
    estate.introduce(record)
    assert estate.judge(estate.wang, "custodian", moved, beside=lin, **under) == []
    for said in (copied, whole):
        assert estate.judge(estate.lin, "custodian", said, beside=wang, **under) == []


def test_what_is_listed_leaves_by_its_handover_only(estate: Estate, copies: list[str]) -> None:
    estate.frozen(*copies)
    beside = [(estate.lin, "custodian")]
    for said in (
        give_back(copies[0], estate.lin.party),
        move(copies[0], custodian=estate.he.party),
    ):
        how = {"beside": beside, "engagement": estate.deal}
        assert estate.judge(estate.wang, "custodian", said, **how) == ["copy_is_in_a_case"]


def test_a_handover_writes_nothing_else(estate: Estate, copies: list[str]) -> None:
    handover = estate.planned()
    keeper = estate.hire("seller_handler", "custodian")
    plan = plan_handover(estate.new("handover"), keeper, estate.he)
    said = (plan, freeze(handover, copies))
    assert estate.judge(keeper, "seller_handler", *said) == ["case_writes_one_stream"]


def test_what_is_restricted_after_its_release_does_not_pass(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    handover = estate.inspected(copy)
    estate.does(estate.wang, "custodian", restrict(record))
    said = confirm(handover, [copy], estate.he)
    assert selling(estate, said, beside=estate.both_sides) == ["record_is_restricted"]


def test_a_list_has_an_end(estate: Estate) -> None:
    copy = estate.holding_of(estate.ready())
    handover = estate.planned()
    said = freeze(handover, [copy], count=200_001)
    assert selling(estate, said) == ["list_too_long"]
    assert selling(estate, said.but(count=200_000)) == []


def test_no_record_is_on_a_list_beside_a_copy_that_it_lies_in(
    estate: Estate, records: list[str]
) -> None:
    """The copy would pass while its content is delivered as if the copy stayed."""
    own, other = (estate.holding_of(record) for record in records)
    table, rows = estate.table(3)
    further = estate.holding(record=records[0], made_from=own)
    for copy, record in ((own, records[0]), (further, records[0]), (table, rows[1])):
        for listed in ([copy, record], [record, copy]):
            (refusal,) = estate.refusals(
                estate.qian, "seller_handler", freeze(estate.planned(), listed)
            )
            assert (refusal.detail, refusal.blocking) == ("record_and_its_copy", (record,))
    assert selling(estate, freeze(estate.planned(), [other, records[0]])) == []
    assert selling(estate, freeze(estate.planned(), [own, further])) == []


def test_a_list_in_parts_names_no_record_beside_its_copy_either(
    estate: Estate, records: list[str]
) -> None:
    listed = [records[0], records[1], estate.holding_of(records[1])]
    handover = estate.planned()
    parts = [freeze(handover, [item], listed) for item in listed]
    heard = estate.judge(estate.qian, "seller_handler", *parts)
    assert heard == ["record_and_its_copy"]
    estate.does(estate.qian, "seller_handler", *parts[:2])
    assert selling(estate, parts[2]) == ["record_and_its_copy"]

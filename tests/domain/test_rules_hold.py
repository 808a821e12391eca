"""Holds: they cover what exists, widen, end with two persons, and stop every destruction."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import UNSET

from tests.domain.estates import Estate
from tests.domain.words import (
    access,
    approve,
    execute,
    place_hold,
    propose,
    release_hold,
)
from tests.domain.worlds import SEALED, correct, create_holding, enrol, give_back, lose, move


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def held(estate: Estate, *things: str) -> str:
    """A hold by Zhao over these."""
    hold = estate.new("hold")
    estate.does(estate.zhao, "dpo", place_hold(hold, *things))
    return hold


def freed(estate: Estate, hold: str, *things: str) -> None:
    beside = [(estate.li, "approver")]
    estate.does(estate.zhao, "dpo", release_hold(hold, *things), beside=beside)


# -- placing ----------------------------------------------------------------------------------


def test_a_hold_covers_what_exists_and_names_it_once(estate: Estate) -> None:
    record = estate.ready()
    for thing, detail in (
        ("record", "unknown_record"), ("holding", "unknown_holding"),
        ("engagement", "unknown_engagement"),
    ):  # fmt: skip
        said = place_hold(estate.new("hold"), estate.new(thing))
        assert estate.judge(estate.zhao, "dpo", said) == [detail]
    assert estate.judge(estate.zhao, "dpo", place_hold(estate.new("hold"))) == [
        "hold_covers_nothing"
    ]
    twice = place_hold(estate.new("hold"), record, record)
    assert estate.judge(estate.zhao, "dpo", twice) == ["item_named_twice"]


def test_one_event_lists_two_hundred_things_and_no_more(estate: Estate) -> None:
    _, rows = estate.table(150)
    copies = [estate.holding(record=row) for row in rows[:51]]
    said = place_hold(estate.new("hold"), *rows, *copies)
    assert estate.judge(estate.zhao, "dpo", said) == ["item_named_twice"]
    estate.does(estate.zhao, "dpo", place_hold(estate.new("hold"), *rows, *copies[:50]))


def test_a_hold_says_sealed_on_whose_order_it_is_placed(estate: Estate) -> None:
    record, other = estate.ready(), estate.ready()
    hold = estate.new("hold")
    said = place_hold(hold, record, sealed=UNSET)
    assert estate.judge(estate.zhao, "dpo", said) == ["hold_without_authority"]
    more = place_hold(hold, other, sealed=UNSET)
    assert estate.judge(estate.zhao, "dpo", said, more) == ["hold_without_authority"]
    estate.does(estate.zhao, "dpo", place_hold(hold, record), more)
    assert estate.record(other).holds == {hold}


def test_what_a_query_found_is_held_by_id_and_what_comes_later_is_not(estate: Estate) -> None:
    hold, record = estate.new("hold"), estate.ready()
    estate.does(estate.zhao, "dpo", place_hold(hold, record, scope="query"))
    later_one = estate.ripe()
    said = propose(estate.new("destruction_case"), [estate.holding_of(later_one)])
    assert estate.judge(estate.wang, "archivist", said) == []
    assert estate.record(record).holds == {hold}


def test_a_further_placement_widens_a_hold_and_its_release_ends_all_of_it(estate: Estate) -> None:
    one, two = estate.ready(), estate.ready()
    hold = held(estate, one)
    estate.does(estate.zhao, "dpo", place_hold(hold, two))
    freed(estate, hold, one)
    assert estate.record(two).holds == {hold}
    freed(estate, hold, two)
    assert estate.record(two).holds == set()
    assert estate.judge(estate.zhao, "dpo", place_hold(hold, one)) == ["hold_is_released"]


# -- releasing: I-07, I-28 --------------------------------------------------------------------


def test_a_hold_is_released_by_two_persons(estate: Estate) -> None:
    record, key = estate.ready(), estate.key_for(estate.zhao)
    hold = held(estate, record)
    said = release_hold(hold, record)
    assert estate.judge(estate.zhao, "dpo", said) == ["release_needs_second_person"]
    assert estate.judge(estate.zhao, "dpo", said, beside=[(estate.li, "reviewer")]) == [
        "release_needs_second_person"
    ]
    own = enrol(estate.zhao, key, "continuous")
    estate.does(estate.zhao, "dpo", own, possession=[key])
    beside = [(estate.zhao.signing_with(key), "approver")]
    assert estate.judge(estate.zhao, "dpo", said, beside=beside) == ["person_signs_twice"]
    freed(estate, hold, record)


def test_the_second_person_is_of_ones_own_party(estate: Estate) -> None:
    record = estate.ready()
    said = release_hold(held(estate, record), record)
    assert estate.judge(estate.zhao, "dpo", said, beside=[(estate.lin, "approver")]) == [
        "release_needs_second_person"
    ]


def test_only_what_is_covered_is_released(estate: Estate) -> None:
    record, other = estate.ready(), estate.ready()
    hold, beside = held(estate, record), [(estate.li, "approver")]
    for things in ((other,), (record, other), (record, record)):
        said = release_hold(hold, *things)
        assert estate.judge(estate.zhao, "dpo", said, beside=beside) == ["hold_does_not_cover"]
    said = release_hold(estate.new("hold"), record)
    assert estate.judge(estate.zhao, "dpo", said, beside=beside) == ["unknown_hold"]
    freed(estate, hold, record)
    again = release_hold(hold, record)
    assert estate.judge(estate.zhao, "dpo", again, beside=beside) == ["unknown_hold"]


def test_the_buyer_does_not_release_the_sellers_hold(estate: Estate) -> None:
    """With an approver of its own the buyer would have two persons, too."""
    record = estate.ready()
    hold = held(estate, record)
    approver = estate.hire("approver", party=estate.lin.party)
    said = release_hold(hold, record)
    details = estate.judge(estate.lin, "custodian", said, beside=[(approver, "approver")])
    assert details == ["not_the_actors_party"]
    widened = place_hold(hold, estate.routine)
    assert estate.judge(estate.lin, "custodian", widened) == ["not_the_actors_party"]


def test_a_record_under_two_holds_is_free_after_both(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    one, two = held(estate, record), held(estate, record)
    case = estate.new("destruction_case")
    said = propose(case, [copy])
    assert estate.told(estate.wang, "archivist", said) == tuple(sorted([one, two]))
    freed(estate, one, record)
    assert estate.judge(estate.wang, "archivist", said) == ["hold_in_force"]
    freed(estate, two, record)
    assert estate.judge(estate.wang, "archivist", said) == []


# -- what a hold stops: every destructive path, at every moment -------------------------------


def a_file(estate: Estate) -> tuple[str, str]:
    record = estate.ripe()
    return estate.holding_of(record), record


def a_row(estate: Estate) -> tuple[str, str]:
    copy, rows = estate.table(3)
    return copy, rows[2]


def by_copy(estate: Estate) -> tuple[str, str]:
    copy, _ = a_file(estate)
    return copy, copy


def by_engagement(estate: Estate) -> tuple[str, str]:
    return a_file(estate)[0], estate.routine


def a_row_by_engagement(estate: Estate) -> tuple[str, str]:
    return estate.table(2)[0], estate.routine


def whole_copy_of_a_row(estate: Estate) -> tuple[str, str]:
    table, rows = estate.table(2)
    return estate.holding(made_from=table), rows[0]


def whole_copy_by_its_original(estate: Estate) -> tuple[str, str]:
    table, _ = estate.table(2)
    return estate.holding(made_from=table), table


def own_copy_of_a_row(estate: Estate) -> tuple[str, str]:
    table, rows = estate.table(2)
    return estate.holding(record=rows[1], made_from=table), rows[1]


def own_copy_by_engagement(estate: Estate) -> tuple[str, str]:
    return own_copy_of_a_row(estate)[0], estate.routine


def corrected(estate: Estate) -> tuple[str, str]:
    """The corrected content lies in another file; the hold is on the record."""
    record, copy = estate.ripe(), estate.holding()
    estate.does(estate.wang, "collector", correct(estate.record(record), copy))
    return copy, record


CASES = (
    a_file, a_row, by_copy, by_engagement, a_row_by_engagement, whole_copy_of_a_row,
    whole_copy_by_its_original, own_copy_of_a_row, own_copy_by_engagement, corrected,
)  # fmt: skip
every_case = pytest.mark.parametrize("case_of", CASES, ids=lambda case: case.__name__)
MakesCase = Callable[[Estate], tuple[str, str]]


@every_case
def test_nothing_on_hold_is_proposed(estate: Estate, case_of: MakesCase) -> None:
    copy, thing = case_of(estate)
    said = propose(estate.new("destruction_case"), [copy])
    assert estate.judge(estate.wang, "archivist", said) == []
    hold = held(estate, thing)
    assert estate.judge(estate.wang, "archivist", said) == ["hold_in_force"]
    freed(estate, hold, thing)
    assert estate.judge(estate.wang, "archivist", said) == []


@every_case
def test_nothing_on_hold_is_approved(estate: Estate, case_of: MakesCase) -> None:
    """Placed after the appraisal, and after the first approval."""
    copy, thing = case_of(estate)
    case = estate.appraised(copy)
    said = approve(case, [copy])
    hold = held(estate, thing)
    assert estate.judge(estate.li, "approver", said) == ["hold_in_force"]
    freed(estate, hold, thing)
    estate.does(estate.li, "approver", said)
    held(estate, thing)
    assert estate.judge(estate.zhao, "approver", said) == ["hold_in_force"]


@every_case
def test_nothing_on_hold_is_executed(estate: Estate, case_of: MakesCase) -> None:
    """Scenario 4: placed between the second approval and the execution."""
    copy, thing = case_of(estate)
    case = estate.approved(copy)
    hold = held(estate, thing)
    said = execute(case, [copy])
    for ground in ("destroyed", "unknown"):
        tried = execute(case, [copy], outcomes={copy: ground})
        assert estate.judge(estate.chen, "destruction_operator", tried) == ["hold_in_force"]
    freed(estate, hold, thing)
    estate.does(estate.chen, "destruction_operator", said)


def test_a_statute_that_orders_deletion_breaks_no_hold(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    said = propose(estate.new("destruction_case"), [copy], ground="statute_orders_deletion")
    said = said.but(sealed=SEALED)
    assert estate.judge(estate.wang, "archivist", said) == []
    held(estate, record)
    assert estate.judge(estate.wang, "archivist", said) == ["hold_in_force"]


def test_a_redundant_copy_of_something_on_hold_stays(estate: Estate) -> None:
    record = estate.ready()
    copy = estate.holding(record=record, made_from=estate.holding_of(record))
    held(estate, record)
    said = propose(estate.new("destruction_case"), [copy], ground="redundant_copy")
    assert estate.judge(estate.wang, "archivist", said) == ["hold_in_force"]


def test_what_is_on_hold_does_not_leave_by_being_returned(estate: Estate) -> None:
    record = estate.ready()
    held(estate, record)
    said = give_back(estate.holding_of(record), estate.lin.party)
    how = {"beside": [(estate.lin, "custodian")], "engagement": estate.deal}
    assert estate.judge(estate.wang, "custodian", said, **how) == ["hold_in_force"]


def test_a_hold_follows_a_copy_to_the_buyer(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    held(estate, record)
    estate.handed_over(copy)
    said = propose(estate.new("destruction_case"), [copy])
    assert estate.judge(estate.lin, "archivist", said) == ["hold_in_force"]


def test_a_copy_made_after_the_hold_is_held_too(estate: Estate) -> None:
    record = estate.ripe()
    held(estate, record)
    copy = estate.holding(record=record, made_from=estate.holding_of(record))
    said = propose(estate.new("destruction_case"), [copy])
    assert estate.judge(estate.wang, "archivist", said) == ["hold_in_force"]


# -- what a hold does not do: I-34 ------------------------------------------------------------


def test_a_hold_gives_no_right_to_use_anything(estate: Estate) -> None:
    record = estate.ready()
    held(estate, record)
    said = access(record, estate.holding_of(record), purpose="dispute")
    assert estate.judge(estate.zhao, "dpo", said) == ["no_grant"]


def test_a_hold_hinders_neither_moving_nor_copying_nor_saying_that_it_is_lost(
    estate: Estate,
) -> None:
    record = estate.ready()
    copy = estate.holding_of(record)
    held(estate, record, copy)
    copied = create_holding(estate.new("holding"), estate.party, record=record, made_from=copy)
    for said in (move(copy), lose(copy), copied):
        assert estate.judge(estate.wang, "custodian", said) == []


def test_a_buyer_does_not_freeze_what_the_seller_keeps(estate: Estate) -> None:
    """The seller could not release it; whoever is outside goes to court, and the court holds."""
    record = estate.ready()
    copy = estate.holding_of(record)
    buyer = estate.hire("custodian", party=estate.he.party)
    for thing in (record, copy):
        said = place_hold(estate.new("hold"), thing)
        assert estate.judge(buyer, "custodian", said) == ["not_the_actors_party"]
    court = estate.hire("court", party=estate.he.party)
    estate.does(court, "court", place_hold(estate.new("hold"), record, copy))
    estate.handed_over(copy)
    estate.does(buyer, "custodian", place_hold(estate.new("hold"), record, copy))

"""Anonymisation: another content, approved by another; the identified copies go as any do."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from domain.copies import over
from domain.judging import Case, World
from tests.domain.estates import Estate
from tests.domain.words import (
    anonymize,
    certify,
    end_purpose,
    execute,
    place_hold,
    propose,
    release_hold,
    verify_destruction,
)
from tests.domain.worlds import Said, classify, collect, correct, create_holding, policy

BESIDE = "approver"


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def content(estate: Estate, **fields: object) -> str:
    """What was made of something: a record of its own, of nobody."""
    copy, record = estate.new("holding"), estate.new("record")
    form = {"basis": "not_personal", "notice": "not_applicable", **fields}
    made = create_holding(copy, estate.party, form="database_rows")
    known = classify(record, sensitivity="anonymized")
    estate.does(estate.wang, "collector", made, collect(record, copy, **form), known)
    return record


def judged(estate: Estate, said: Said) -> list[str]:
    return estate.judge(estate.wang, "custodian", said, beside=[(estate.li, BESIDE)])


def made_anonymous(estate: Estate, source: str) -> str:
    record = content(estate)
    said = anonymize(record, source)
    estate.does(estate.wang, "custodian", said, beside=[(estate.li, BESIDE)])
    return record


def is_over(estate: Estate, record: str) -> bool:
    statement, _ = estate.statement(estate.wang, "custodian", [])
    return over(Case(World(estate.book), policy(), statement), estate.record(record))


# -- saying so ---------------------------------------------------------------------------------


def test_an_approver_says_that_it_is_anonymous_beside_who_made_it(estate: Estate) -> None:
    source, _ = estate.table(3)
    said = anonymize(content(estate), source)
    alone = estate.judge(estate.wang, "custodian", said)
    assert alone == ["anonymizing_needs_second_person"]
    reviewer = estate.judge(estate.wang, "custodian", said, beside=[(estate.li, "reviewer")])
    assert reviewer == ["anonymizing_needs_second_person"]
    assert judged(estate, said) == []


@pytest.mark.parametrize(
    ("told", "detail"),
    [
        ({"result": "fail"}, "anonymity_test_failed"),
        ({"k": 1, "smallest": 1}, "groups_too_small"),
        ({"smallest": 2}, "groups_too_small"),
        ({"l": 1}, "groups_too_small"),
        ({"kept": 9}, "rows_do_not_add_up"),
        ({"kept": 0, "suppressed": 10}, "rows_do_not_add_up"),
        ({"techniques": ["sort_rows", "sort_rows"]}, "code_named_twice"),
        ({"sealed": UNSET}, "anonymity_report_is_missing"),
    ],
)
def test_a_test_that_was_not_passed_makes_nothing_anonymous(
    estate: Estate, told: dict[str, object], detail: str
) -> None:
    source, _ = estate.table(3)
    assert judged(estate, anonymize(content(estate), source, **told)) == [detail]


def test_what_came_out_is_nobodys_data_and_lies_elsewhere(estate: Estate) -> None:
    source, (row, *_) = estate.table(3)
    assert judged(estate, anonymize(row, source)) == [
        "content_is_personal", "content_lies_in_its_source",
    ]  # fmt: skip
    personal = content(estate, basis="pipl_13_2_contract", notice="given")
    assert judged(estate, anonymize(personal, source)) == ["content_is_personal"]
    unknown = anonymize(estate.new("record"), source)
    assert judged(estate, unknown) == ["unknown_record"]


def test_two_anonymous_contents_of_one_source_could_be_put_together(estate: Estate) -> None:
    source, _ = estate.table(3)
    twin = made_anonymous(estate, source)
    assert judged(estate, anonymize(content(estate), source)) == ["copy_is_anonymized"]
    other, _ = estate.table(2)
    assert judged(estate, anonymize(twin, other)) == ["already_anonymized"]


def test_nothing_is_added_to_what_was_made_anonymous(estate: Estate) -> None:
    """It would count as anonymised without being in the anonymous content."""
    source, _ = estate.table(3)
    made_anonymous(estate, source)
    said = collect(estate.new("record"), source, row=4, method="table_rows")
    assert estate.judge(estate.wang, "collector", said) == ["copy_is_anonymized"]
    other = estate.record(estate.ready())
    assert estate.judge(estate.wang, "collector", correct(other, source)) == ["copy_is_anonymized"]


def test_it_is_made_of_ones_own_collected_copy(estate: Estate) -> None:
    source, _ = estate.table(3)
    backup = estate.holding(made_from=source)
    assert judged(estate, anonymize(content(estate), backup)) == ["not_the_collected_copy"]
    empty = estate.holding()
    assert judged(estate, anonymize(content(estate), empty)) == ["copy_holds_no_record"]
    estate.handed_over(source)
    assert judged(estate, anonymize(content(estate), source)) == ["not_the_actors_party"]


# -- the guard: I-28 ---------------------------------------------------------------------------


def test_nothing_on_hold_is_made_anonymous(estate: Estate) -> None:
    """Scenario 4: whatever the hold is on; and it is free again when the hold is."""
    source, rows = estate.table(3)
    said = anonymize(content(estate), source)
    for thing in (rows[1], source, estate.routine):
        hold = estate.new("hold")
        estate.does(estate.zhao, "dpo", place_hold(hold, thing))
        assert judged(estate, said) == ["hold_in_force"]
        beside = [(estate.li, "approver")]
        estate.does(estate.zhao, "dpo", release_hold(hold, thing), beside=beside)
    assert judged(estate, said) == []


def test_a_hold_stops_the_identified_copies_from_going_after_that(estate: Estate) -> None:
    source, rows = estate.table(3)
    made_anonymous(estate, source)
    case = estate.approved(source)
    estate.does(estate.zhao, "dpo", place_hold(estate.new("hold"), rows[0]))
    said = execute(case, [source])
    assert estate.judge(estate.chen, "destruction_operator", said) == ["hold_in_force"]
    assert not is_over(estate, rows[0]), "its anonymisation is pending"


def test_a_minimum_that_runs_stops_them_too(estate: Estate) -> None:
    source, rows = estate.table(3, day="2026-01-31")
    made_anonymous(estate, source)
    estate.does(estate.zhao, "dpo", end_purpose(rows[0]))
    said = propose(estate.new("destruction_case"), [source], method="anonymize",
                   ground="purpose_achieved")  # fmt: skip
    assert estate.judge(estate.wang, "archivist", said) == ["minimum_period_runs"]


def test_the_method_is_for_copies_of_which_something_anonymous_was_made(estate: Estate) -> None:
    source, _ = estate.table(3)
    copy = estate.holding(made_from=source)
    said = propose(estate.new("destruction_case"), [source, copy], method="anonymize")
    details = estate.judge(estate.wang, "archivist", said)
    assert details == ["copy_is_not_anonymized", "copy_is_not_anonymized"]
    made_anonymous(estate, source)
    assert estate.judge(estate.wang, "archivist", said) == []


def test_a_record_is_anonymised_when_every_identified_copy_was_destroyed(estate: Estate) -> None:
    source, (row, *_) = estate.table(3)
    twin = made_anonymous(estate, source)
    backup = estate.holding(made_from=source)
    estate.executed(source)
    assert not is_over(estate, row), "an identified copy is still there"
    case = estate.approved(backup)
    estate.does(estate.chen, "destruction_operator", execute(case, [backup]))
    estate.does(estate.li, "reviewer", verify_destruction(case, [backup]))
    estate.does(estate.wang, "archivist", certify(case, [backup]))
    assert is_over(estate, row)
    assert not is_over(estate, twin), "what was made of it is another record"

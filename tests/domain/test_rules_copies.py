"""What must still be kept, in which copies: retention, paper originals, and what remains."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.estates import Estate
from tests.domain.words import (
    digitize,
    execute,
    propose,
    take_off,
    verify_destruction,
)
from tests.domain.worlds import (
    SEALED,
    Person,
    classify,
    collect,
    correct,
    create_holding,
    grant,
    lose,
    reclassify,
    retain,
    review,
)


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


def proposing(estate: Estate, *copies: str, **fields: Any) -> list[str]:
    """What Wang hears who wants to destroy these."""
    said = propose(estate.new("destruction_case"), copies, **fields)
    return estate.judge(estate.wang, "archivist", said)


# -- retention: I-26 --------------------------------------------------------------------------


def test_nothing_is_destroyed_that_must_be_kept(estate: Estate) -> None:
    assert proposing(estate, estate.holding_of(estate.ready())) == ["minimum_period_runs"]
    assert proposing(estate, estate.holding_of(estate.ripe())) == []


def test_the_last_day_counts(estate: Estate) -> None:
    copy = estate.holding_of(estate.ready(day="2016-11-21"))
    estate.now = "2026-11-21T15:59:59.000Z"
    assert proposing(estate, copy) == ["minimum_period_runs"]
    estate.now = "2026-11-21T16:00:00.000Z"  # midnight in China
    assert proposing(estate, copy) == []


def test_what_nobody_classified_or_gave_a_period_is_kept(estate: Estate) -> None:
    record = estate.collect()
    copy = estate.holding_of(record)
    assert proposing(estate, copy) == ["no_period_assigned"]
    estate.does(estate.wang, "archivist", classify(record))
    assert proposing(estate, copy) == ["no_period_assigned"]


def test_a_period_for_other_categories_does_not_let_a_record_go(estate: Estate) -> None:
    record = estate.ripe()
    said = reclassify(estate.record(record), categories=["feedback"])
    estate.does(estate.wang, "archivist", said)
    assert proposing(estate, estate.holding_of(record)) == ["period_of_other_categories"]


def test_a_duty_whose_start_nobody_has_stated_keeps_a_record(estate: Estate) -> None:
    record = estate.collect(category="transaction")
    axes = {"categories": ["transaction"], "business_area": "real_estate"}
    estate.does(estate.wang, "archivist", classify(record, **axes))
    said = retain(estate.record(record), "created", "2001-01-31", rules=["invoice-stubs"])
    estate.does(estate.wang, "archivist", said)
    said = propose(estate.new("destruction_case"), [estate.holding_of(record)])
    (refusal,) = estate.refusals(estate.wang, "archivist", said)
    assert (refusal.detail, refusal.blocking) == (
        "period_has_not_begun",
        (record, "brokerage-records"),
    )


def test_a_duty_that_came_with_a_later_classification_keeps_a_record(estate: Estate) -> None:
    """Same start, shorter rule: brokerage records are kept by law, and nobody had said so."""
    record = estate.collect(category="transaction")
    estate.does(estate.wang, "archivist", classify(record, categories=["transaction"]))
    start = ("transaction_completed", "2022-11-30")
    estate.does(estate.wang, "archivist", retain(estate.record(record), *start))
    copy = estate.holding_of(record)
    assert proposing(estate, copy) == []
    axes = {"categories": ["transaction"], "business_area": "real_estate"}
    estate.does(estate.wang, "archivist", reclassify(estate.record(record), **axes))
    assert proposing(estate, copy) == ["period_has_not_begun"]
    estate.does(estate.wang, "archivist", retain(estate.record(record), *start))
    assert proposing(estate, copy) == ["minimum_period_runs"]


def test_nobody_shortens_a_period_alone(estate: Estate) -> None:
    record = estate.ready()
    said = retain(estate.record(record), day="2001-01-31")
    assert estate.judge(estate.wang, "archivist", said) == ["shortening_needs_second_person"]
    buyers = [(estate.lin, "approver")]
    assert estate.judge(estate.wang, "archivist", said, beside=buyers) == [
        "shortening_needs_second_person"
    ]
    longer = retain(estate.record(record), day="2026-11-20")
    assert estate.judge(estate.wang, "archivist", longer) == []
    estate.does(estate.wang, "archivist", said, beside=[(estate.li, "approver")])
    assert proposing(estate, estate.holding_of(record)) == []


def test_a_shorter_period_with_another_start_ends_nothing(estate: Estate) -> None:
    """The longest of all assignments counts, so another start is no way around two persons."""
    record = estate.collect(category="transaction")
    estate.does(estate.wang, "archivist", classify(record, categories=["transaction"]))
    completed = retain(estate.record(record), "transaction_completed", "2026-01-31")
    created = retain(estate.record(record), "created", "2001-01-31", rules=["invoice-stubs"])
    for said in (completed, created):
        estate.does(estate.wang, "archivist", said)
    assert proposing(estate, estate.holding_of(record)) == ["minimum_period_runs"]


def test_important_data_needs_a_plan(estate: Estate) -> None:
    record = estate.ripe()
    said = reclassify(estate.record(record), level="important")
    estate.does(estate.wang, "archivist", said)
    assert proposing(estate, estate.holding_of(record)) == ["important_data_needs_a_plan"]


def test_a_statute_that_orders_deletion_breaks_retention(estate: Estate) -> None:
    copy = estate.holding_of(estate.ready())
    statute = {"ground": "statute_orders_deletion"}
    assert proposing(estate, copy, **statute) == ["statute_needs_reason"]
    assert proposing(estate, copy, **statute, sealed=SEALED) == []
    assert proposing(estate, copy, sealed=SEALED) == ["minimum_period_runs"]


def test_the_reason_of_a_statute_is_said_once_for_the_whole_list(estate: Estate) -> None:
    copies = [estate.holding_of(estate.ready()) for _ in range(2)]
    case, statute = estate.new("destruction_case"), {"ground": "statute_orders_deletion"}
    first = propose(case, copies[:1], copies, **statute)
    assert estate.judge(estate.wang, "archivist", first) == ["statute_needs_reason"]
    estate.does(estate.wang, "archivist", first.but(sealed=SEALED))
    rest = propose(case, copies[1:], copies, **statute)
    estate.does(estate.wang, "archivist", rest)


def test_one_row_that_must_be_kept_keeps_its_table(estate: Estate) -> None:
    table, rows = estate.table(3)
    assert proposing(estate, table) == []
    estate.does(estate.wang, "archivist", retain(estate.record(rows[1]), day="2026-01-31"))
    assert proposing(estate, table) == ["minimum_period_runs"]


def test_a_redundant_copy_goes_while_another_one_stays(estate: Estate) -> None:
    record = estate.ready()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    assert proposing(estate, second) == []
    assert proposing(estate, first) == []
    assert proposing(estate, first, second) == ["minimum_period_runs"] * 2


def test_a_copy_made_of_nothing_is_no_copy_that_is_left(estate: Estate) -> None:
    """Whoever wants the original gone could register anything as a copy of its record."""
    record = estate.ready()
    first = estate.holding_of(record)
    loose = estate.holding(record=record)
    copied = estate.holding(record=record, made_from=loose)
    assert proposing(estate, first) == ["minimum_period_runs"]
    assert proposing(estate, copied) == [], "the loose one still has what it has"
    assert proposing(estate, loose, copied) == ["minimum_period_runs"] * 2


def test_another_content_is_no_copy_that_is_left(estate: Estate) -> None:
    """What was corrected elsewhere replaces the record's content, not the old evidence."""
    record, new = estate.ready(), estate.holding()
    old = estate.holding_of(record)
    estate.does(estate.wang, "collector", correct(estate.record(record), new))
    assert proposing(estate, old) == ["minimum_period_runs"]
    assert proposing(estate, new) == ["minimum_period_runs"]
    second = estate.holding(record=record, made_from=old)
    assert proposing(estate, old) == []
    assert proposing(estate, second) == []
    assert proposing(estate, new) == ["minimum_period_runs"]


def test_the_copy_of_one_row_is_no_copy_of_the_table(estate: Estate) -> None:
    table, rows = estate.table(2, day="2026-01-31")
    row = estate.holding(record=rows[0], made_from=table)
    whole = estate.holding(made_from=table)
    assert proposing(estate, row) == proposing(estate, whole) == proposing(estate, table) == []
    assert proposing(estate, table, whole) == ["minimum_period_runs"] * 2
    assert proposing(estate, table, whole, row) == ["minimum_period_runs"] * 3


def test_a_copy_that_the_buyer_keeps_is_no_copy_that_is_left(estate: Estate) -> None:
    """What the law asks of the seller is not done by somebody else who may let it go."""
    record = estate.ready()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    assert proposing(estate, first) == []
    estate.handed_over(second)
    assert proposing(estate, first) == ["minimum_period_runs"]
    said = propose(estate.new("destruction_case"), [second])
    assert estate.judge(estate.lin, "archivist", said) == ["minimum_period_runs"]


def test_nothing_is_put_into_a_copy_that_was_copied(estate: Estate) -> None:
    """Its copies would count as copies of what they never held."""
    other = estate.record(estate.ready())
    for make in (
        lambda copy, _: estate.holding(made_from=copy),
        lambda copy, record: estate.holding(record=record, made_from=copy),
        lambda copy, _: estate.copied(copy),
    ):
        record = estate.ready()
        copy = estate.holding_of(record)
        fresh = collect(estate.new("record"), copy)
        for said in (fresh, correct(other, copy), correct(estate.record(record))):
            assert estate.judge(estate.wang, "collector", said) == []
        make(copy, record)
        for said in (fresh, correct(other, copy), correct(estate.record(record))):
            assert estate.judge(estate.wang, "collector", said) == ["holding_was_copied"]


def test_nothing_is_put_into_a_copy_by_the_commit_that_copies_it(estate: Estate) -> None:
    copy = estate.holding_of(estate.ready())
    copied = create_holding(estate.new("holding"), estate.party, made_from=copy)
    said = (copied, collect(estate.new("record"), copy))
    assert estate.judge(estate.wang, "collector", *said) == ["holding_was_copied"]


def test_two_cases_do_not_take_each_other_for_the_copy_that_is_left(estate: Estate) -> None:
    record = estate.ready()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    estate.executed(first)
    assert proposing(estate, second) == ["minimum_period_runs"]


def test_two_approved_cases_over_the_last_two_copies_destroy_one(estate: Estate) -> None:
    record = estate.ready()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    one, two = estate.approved(first), estate.approved(second)
    estate.does(estate.chen, "destruction_operator", execute(one, [first]))
    said = execute(two, [second])
    assert estate.judge(estate.chen, "destruction_operator", said) == ["minimum_period_runs"]


def test_a_lost_copy_is_no_copy_that_is_left(estate: Estate) -> None:
    record = estate.ready()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    case = estate.approved(first)
    estate.does(estate.wang, "custodian", lose(second))
    said = execute(case, [first])
    assert estate.judge(estate.chen, "destruction_operator", said) == ["minimum_period_runs"]


def test_a_period_that_begins_anew_after_the_approval_stops_the_execution(estate: Estate) -> None:
    record = estate.ripe()
    copy = estate.holding_of(record)
    case = estate.approved(copy)
    estate.does(estate.wang, "archivist", retain(estate.record(record), day="2026-01-31"))
    said = execute(case, [copy])
    assert estate.judge(estate.chen, "destruction_operator", said) == ["minimum_period_runs"]


@pytest.mark.parametrize("left_open_by", ["execution", "verification"])
def test_a_copy_that_may_be_gone_is_no_copy_that_is_left(estate: Estate, left_open_by: str) -> None:
    record = estate.ready()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    case, unknown = estate.approved(second), {second: "unknown"}
    done = execute(case, [second], outcomes=unknown if left_open_by == "execution" else {})
    estate.does(estate.chen, "destruction_operator", done)
    estate.does(estate.li, "reviewer", verify_destruction(case, [second], found=unknown))
    assert proposing(estate, first) == ["minimum_period_runs"]
    estate.does(estate.wang, "archivist", take_off(case, second))
    assert estate.copy(second).there
    assert proposing(estate, first) == ["minimum_period_runs"]


# -- paper: I-36, scenario 11 -----------------------------------------------------------------


def reviewed(estate: Estate, record: str, who: Person | None = None, result: str = "pass") -> None:
    estate.does(who or estate.li, "reviewer", review(record, result))


def test_scenario_11_the_paper_stays_until_somebody_else_has_looked_at_the_scan(
    estate: Estate,
) -> None:
    record, paper, scan = estate.scanned()
    (refusal,) = estate.refusals(
        estate.wang, "archivist", propose(estate.new("destruction_case"), [paper])
    )
    assert (refusal.rule, refusal.detail) == ("I-36", "digital_copy_not_reviewed")
    assert refusal.blocking == (scan,)
    estate.does(estate.wang, "administrator", grant(estate.zhou, "reviewer"))
    own = estate.judge(estate.zhou, "reviewer", review(record))
    assert own == ["verifier_is_collector"]
    reviewed(estate, record)
    assert proposing(estate, paper) == []


def test_a_review_before_the_scan_is_no_review_of_the_scan(estate: Estate) -> None:
    record = estate.ripe(form="paper")
    paper = estate.holding_of(record)
    reviewed(estate, record)
    scan = estate.holding(record=record, made_from=paper)
    assert proposing(estate, paper) == ["original_not_digitised"]
    estate.does(estate.zhou, "collector", digitize(record, paper, scan))
    assert proposing(estate, paper) == ["digital_copy_not_reviewed"]


def test_a_scan_that_did_not_turn_out_replaces_nothing(estate: Estate) -> None:
    record = estate.ripe(form="paper")
    paper = estate.holding_of(record)
    scan = estate.holding(record=record, made_from=paper)
    estate.does(estate.zhou, "collector", digitize(record, paper, scan, result="fail"))
    reviewed(estate, record)
    assert proposing(estate, paper) == ["original_not_digitised"]


def test_a_failed_review_after_a_good_one_brings_the_paper_back(estate: Estate) -> None:
    record, paper, _ = estate.scanned()
    reviewed(estate, record)
    reviewed(estate, record, estate.zhao, "fail")
    assert proposing(estate, paper) == ["digital_copy_not_reviewed"]


def test_the_scan_is_still_there_when_the_paper_goes(estate: Estate) -> None:
    record, paper, scan = estate.scanned()
    reviewed(estate, record)
    case = estate.approved(paper)
    other = estate.holding(record=record, made_from=paper)
    estate.does(estate.wang, "custodian", lose(scan))
    said = execute(case, [paper])
    assert estate.copy(other).there
    assert estate.judge(estate.chen, "destruction_operator", said) == ["original_not_digitised"]


def test_the_original_is_kept_while_somebody_may_ask_for_it(estate: Estate) -> None:
    record, paper, _ = estate.scanned()
    reviewed(estate, record)
    estate.does(estate.wang, "archivist", retain(estate.record(record), day="2026-01-31"))
    assert proposing(estate, paper) == ["original_may_be_asked_for"]


def test_a_photocopy_is_no_original(estate: Estate) -> None:
    """A copy on paper, real or only registered, does not set the original free."""
    record = estate.ripe(form="paper")
    paper = estate.holding_of(record)
    photocopy = estate.holding(record=record, made_from=paper, form="paper", medium="paper_copy")
    assert proposing(estate, paper) == ["original_not_digitised"]
    assert proposing(estate, photocopy) == []


def test_a_printout_is_no_original_either(estate: Estate) -> None:
    record = estate.ready()
    file = estate.holding_of(record)
    printout = estate.holding(record=record, made_from=file, form="paper", medium="paper_copy")
    assert proposing(estate, printout) == []


def test_what_is_digitised_is_a_paper_of_the_record_and_a_copy_made_from_it(
    estate: Estate,
) -> None:
    record, file = estate.ripe(form="paper"), estate.ripe()
    paper, other = estate.holding_of(record), estate.holding_of(file)
    scan = estate.holding(record=record, made_from=paper)
    loose = estate.holding(record=record)

    def scanning(record: str, paper: str, digital: str, who: Person = estate.zhou) -> list[str]:
        return estate.judge(who, "collector", digitize(record, paper, digital))

    assert scanning(record, paper, scan) == []
    assert scanning(record, paper, loose) == ["not_made_from_the_original"]
    assert scanning(record, paper, paper) == ["not_made_from_the_original"]
    assert scanning(record, other, scan) == [
        "holding_of_another_record", "original_is_not_paper", "not_made_from_the_original",
    ]  # fmt: skip
    assert scanning(record, paper, estate.new("holding")) == ["unknown_holding"]
    assert scanning(estate.new("record"), paper, scan) == ["unknown_record"]
    buyer = estate.hire("collector", party=estate.lin.party)
    assert scanning(record, paper, scan, buyer) == ["not_the_actors_party"] * 3
    estate.does(estate.wang, "custodian", lose(scan))
    assert scanning(record, paper, scan) == ["holding_is_lost"]

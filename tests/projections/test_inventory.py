"""The inventory: what a firm sees of its records as they are collected, reviewed and archived."""

from __future__ import annotations

from typing import Any

from projections.inventory import Count, InventoryRow, counts, one, rows
from tests.projections.histories import History, empty_tables, project


def shown(history: History, record: str) -> InventoryRow:
    with project(empty_tables(), history.recorded, 3, 3) as connection:
        row = one(connection, record)
        assert row is not None
        return row


def tally(history: History) -> list[Count]:
    with project(empty_tables(), history.recorded, 5, 1, 1) as connection:
        return counts(connection)


def test_a_collected_file_is_registered_where_it_lies() -> None:
    history = History().open()
    record, holding = history.collect(size=2048, category="communication.sms")

    assert shown(history, record) == InventoryRow(
        record=record,
        category="communication.sms",
        form="electronic_native",
        items=1,
        size=2048,
        basis="pipl_13_2_contract",
        notice="given",
        engagement=history.routine,
        holding=holding,
        row=None,
        collected_position=len(history.recorded),
        changed_position=len(history.recorded),
        changed_entry=1,
        state="registered",
        reviewed=False,
        level=None,
        sensitivity=None,
        min_until=None,
        max_until=None,
        permanent=False,
        action=None,
        conflict=False,
        restricted=False,
        purpose_ended=None,
        holdings=1,
        anonymous=None,
    )


def test_a_record_becomes_classified_then_verified_then_archived() -> None:
    history = History().open()
    record, _ = history.collect()
    states = [shown(history, record).state]
    for act in (history.classify, history.review, history.retain, history.archive):
        history.begin()
        act(record)
        states.append(shown(history, record).state)

    assert states == ["registered", "classified", "verified", "verified", "archived"]
    row = shown(history, record)
    assert (row.category, row.level, row.sensitivity) == (
        "transaction.order",
        "general_2",
        "general_pi",
    )
    assert (row.min_until, row.max_until, row.action) == ("2056-11-21", None, "destroy")
    assert (row.changed_position, row.changed_entry) == (len(history.recorded), history.entry)


def test_a_review_alone_leaves_a_record_registered() -> None:
    history = History().open()
    record, _ = history.collect()
    history.review(record)
    assert (shown(history, record).state, shown(history, record).reviewed) == ("registered", True)


def test_a_failed_review_and_a_correction_ask_for_a_new_review() -> None:
    history = History().open()
    record, holding = history.collect()
    history.classify(record)
    history.review(record)
    history.review(record, "fail")
    assert shown(history, record).state == "classified"
    history.review(record)
    history.correct(record, holding, size=77, items=3)
    row = shown(history, record)
    assert (row.state, row.reviewed, row.size, row.items) == ("classified", False, 77, 3)


def test_what_is_archived_leaves_the_archive_when_corrected() -> None:
    history = History().open()
    record, holding = history.collect()
    for act in (history.classify, history.review, history.retain, history.archive):
        act(record)
    history.correct(record, holding)
    assert (shown(history, record).state, shown(history, record).reviewed) == ("classified", False)


def test_a_missing_notice_and_a_retention_conflict_are_findings() -> None:
    history = History().open()
    record, _ = history.collect(notice="missing")
    assert shown(history, record).findings == ("notice_missing",)
    history.retain(record, conflict=True, max_until="2030-01-01")
    assert shown(history, record).findings == ("notice_missing", "retention_conflict")
    history.retain(record, permanent=True, action="retain_permanently")
    row = shown(history, record)
    assert (row.findings, row.permanent, row.max_until) == (("notice_missing",), True, None)


def test_rows_of_a_table_share_its_copy() -> None:
    history = History().open()
    records, holding = history.collect_rows(3)
    seen = [shown(history, record) for record in records]
    assert [row.row for row in seen] == [1, 2, 3]
    assert {row.holding for row in seen} == {holding}
    assert {row.holdings for row in seen} == {1}
    history.lose(holding)
    assert {shown(history, record).holdings for record in records} == {0}


def test_only_copies_of_the_record_itself_that_are_still_there_are_counted() -> None:
    history = History().open()
    record, holding = history.collect()
    other, elsewhere = history.collect()
    copy = history.create_holding(history.new("holding"), record=record, made_from=holding)
    history.correct(record, elsewhere)
    history.correct(record, holding)
    assert (shown(history, record).holdings, shown(history, other).holdings) == (3, 1)
    history.give_back(holding)
    history.move(copy, medium="tape")
    assert (shown(history, record).holdings, shown(history, other).holdings) == (2, 1)


def test_the_counters_follow_a_record_from_place_to_place() -> None:
    history = History().open()
    (a, holding), (b, _) = history.collect(size=100), history.collect(size=50)
    place = "transaction.order"
    assert tally(history) == [Count(place, None, None, "registered", 2, 2, 150)]
    history.classify(a)
    assert tally(history) == [
        Count(place, None, None, "registered", 1, 1, 50),
        Count(place, "general_2", "general_pi", "classified", 1, 1, 100),
    ]
    history.correct(a, holding, size=500, items=4)
    history.classify(b)
    assert tally(history) == [Count(place, "general_2", "general_pi", "classified", 2, 5, 550)]


def test_an_empty_ledger_has_no_rows_and_no_counts() -> None:
    history = History().open()
    assert tally(history) == []
    with project(empty_tables(), history.recorded) as connection:
        assert rows(connection, limit=10) == []
        assert one(connection, history.new("record")) is None


def test_the_list_is_read_page_by_page() -> None:
    history = History().open()
    records = sorted(history.collect()[0] for _ in range(7))
    with project(empty_tables(), history.recorded) as connection:
        pages, after = [], None
        while page := [row.record for row in rows(connection, limit=3, after=after)]:
            pages.append(page)
            after = page[-1]
    assert pages == [records[:3], records[3:6], records[6:]]


def test_a_category_lists_its_parts_and_a_state_only_itself() -> None:
    history = History().open()
    sms, _ = history.collect(category="communication.sms")
    talk, _ = history.collect(category="communication")
    order, _ = history.collect(category="transaction.order")
    history.classify(order)
    with project(empty_tables(), history.recorded) as connection:

        def listed(**wanted: Any) -> set[str]:
            return {row.record for row in rows(connection, limit=9, **wanted)}

        assert listed(category="communication") == {sms, talk}
        assert listed(category="communication.sms") == {sms}
        assert listed(category="comm") == set()
        assert listed(state="classified") == {order}
        assert listed(category="communication", state="classified") == set()
        assert listed(category="transaction", state="classified") == {order}
        assert listed(state="archived") == set()


def test_a_change_of_more_records_than_one_query_asks_for() -> None:
    history = History().open()
    records, _ = history.collect_rows(1203)
    start = len(history.recorded)
    history.begin()
    for record in records:
        history.classify(record)
    with project(empty_tables(), history.recorded, start) as connection:
        (count,) = counts(connection)
        assert (count.state, count.records, count.size) == ("classified", 1203, 12030)

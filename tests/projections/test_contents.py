"""What lies in a copy, summed up: the rules say the same of the examples as of every record."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.answers import Contents
from domain.copies import HoldingState
from domain.guards import against_destruction, against_transfer
from domain.judging import Case
from domain.record import RecordState
from projections.contents import contents
from projections.custody import copies_of_contents
from tests.domain.books import Ledger
from tests.domain.worlds import classify, collect, create_holding, reclassify, retain
from tests.projections.casework import CaseWalk, random_walk
from tests.projections.histories import History, empty_tables, project
from tests.projections.walks import CATEGORIES, Present, standing

SEEDS = st.integers(0, 2**32)


class Summed(Ledger):
    """The ledger of a test, but for what lies in copies: that is what the tables say."""

    def __init__(self, book: Ledger, found: dict[str, Contents]) -> None:
        super().__init__()
        self.states, self.events, self._found = book.states, book.events, found

    def contents(self, holding: str) -> Contents:
        return self._found[holding]


def refusals(case: Case, copy: str) -> frozenset[tuple[str, str, tuple[str, ...]]]:
    """Every reason not to hand a copy over or to destroy it; not which record it was found on."""
    doomed = {copy}
    asked = (
        *against_transfer(case, [copy]),
        *against_destruction(case, [copy], doomed, "retention_expired"),
        *against_destruction(case, [copy], doomed, "statute_orders_deletion"),
    )
    return frozenset(
        (r.rule, r.detail, tuple(name for name in r.blocking if name.partition("-")[0] != "record"))
        for r in asked
    )


def agree(history: History) -> None:
    """Judge every copy by its examples and by all that lies in it, together and one by one."""
    copies = [name for name, s in history.book.states.items() if isinstance(s, HoldingState)]
    with project(empty_tables(), history.recorded, 17, 17) as connection:
        found = {copy: contents(connection, copy) for copy in copies}
        elsewhere = {copy: copies_of_contents(connection, copy) for copy in copies}
    book, case = history.book, standing(history)

    def by(copy: str, *examples: str) -> frozenset[tuple[str, str, tuple[str, ...]]]:
        told = {**found, copy: replace(found[copy], examples=examples)}
        return refusals(replace(case, world=Present(Summed(book, told))), copy)

    for copy in copies:
        assert elsewhere[copy] == book.copies_of_contents(copy)
        every, examples = book.contents(copy), found[copy].examples
        assert replace(found[copy], examples=()) == replace(every, examples=())
        assert set(examples) <= set(every.examples)
        assert by(copy, *examples) == refusals(case, copy), copy
        assert {by(copy, one) for one in examples} == {by(copy, one) for one in every.examples}


@given(SEEDS)
@settings(max_examples=25)
def test_what_lies_in_a_copy_is_what_a_plain_fold_says(seed: int) -> None:
    agree(random_walk(seed, 100))


@given(SEEDS)
@settings(max_examples=30)
def test_of_a_table_whose_rows_differ_the_examples_stand_for_all(seed: int) -> None:
    """Rows collected, classified and kept differently, in every order that the rules permit."""
    draw = random.Random(seed)
    walk = CaseWalk(draw)
    new, wang = walk.history.new, walk.wang
    copy, other = new("holding"), new("holding")
    codes = CATEGORIES[: draw.randrange(1, 4)]
    rows = [
        collect(new("record"), copy, row=row, category=draw.choice(codes),
                notice=draw.choice(["given", "given", "missing"]))
        for row in range(1, 16)
    ]  # fmt: skip
    whole = create_holding(other, walk.history.party, made_from=copy)
    walk.tries(wang, "collector", create_holding(copy, walk.history.party), *rows, whole)
    areas = [{}, {"business_area": "finance"}, {"business_area": "e_commerce"}]
    for _ in range(90):
        record = draw.choice(walk.all(RecordState))
        fields = {
            "categories": [draw.choice(codes)], "level": draw.choice(["general_1", "general_2"]),
            **draw.choice(areas),
        }  # fmt: skip
        trigger = draw.choice(["transaction_completed", "contract_ended"])
        said = draw.choice([
            classify(record.stream, **fields), reclassify(record, **fields),
            retain(record, trigger, "2001-01-31"), retain(record, trigger, "2001-01-31"),
        ])  # fmt: skip
        walk.tries(wang, "archivist", said)
        if draw.random() < 0.05:
            draw.choice([walk.restrict, walk.hold])()
    agree(walk.history)


def table_of(history: History, *categories: str) -> list[str]:
    """A table with a row of each of these categories."""
    history.begin()
    copy = history.create_holding(history.new("holding"))
    return [
        history.collect_into(copy, row=row, category=category)
        for row, category in enumerate(categories, 1)
    ]


def kept(history: History, record: str) -> None:
    """A period by the rules of the pack that fit the record as it is classified now."""
    state = history.book.states[record]
    assert isinstance(state, RecordState)
    history.says(retain(state, "transaction_completed", "2001-01-31"))


def test_a_period_assigned_before_a_rule_applied_is_another_kind_of_row() -> None:
    """Both are of a financial business now; only the second was when its period was assigned."""
    history = History().open()
    first, second = table_of(history, "transaction.order", "transaction.order")
    order: dict[str, Any] = {"categories": ["transaction.order"]}
    history.classify(first, **order)
    kept(history, first)
    history.classify(first, again=True, business_area="finance", **order)
    history.classify(second, business_area="finance", **order)
    kept(history, second)
    agree(history)


def test_a_period_assigned_before_the_row_was_classified_is_one_for_what_it_was_then() -> None:
    """Both are contracts now; the first was collected as an order, and kept as one."""
    history = History().open()
    for record in table_of(history, "transaction.order", "contract"):
        history.retain(record, rules=["contract-policy"])
        history.classify(record, categories=["contract"])
    agree(history)


def test_rows_not_classified_yet_are_of_the_kind_that_they_were_collected_as() -> None:
    history = History().open()
    table_of(history, "accounting", "contract")
    agree(history)


def test_a_large_table_of_like_rows_is_judged_by_few() -> None:
    history = History().open()
    records, copy = history.collect_rows(300)
    for record in records:
        history.classify(record)
    with project(empty_tables(), history.recorded) as connection:
        assert len(contents(connection, copy).examples) == 1
    history.classify(records[7], again=True, business_area="finance")
    with project(empty_tables(), history.recorded) as connection:
        assert len(contents(connection, copy).examples) == 2


def test_of_a_copy_that_was_never_registered_nothing_lies_in_it() -> None:
    history = History().open()
    with project(empty_tables(), history.recorded) as connection:
        assert contents(connection, history.new("holding")) == Contents()

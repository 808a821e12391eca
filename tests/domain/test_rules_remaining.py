"""What is left when copies are destroyed: named, and counted against the verdict."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.estates import Estate
from tests.domain.words import (
    certify,
)
from tests.domain.worlds import (
    correct,
    lose,
    review,
)


@pytest.fixture
def estate() -> Estate:
    return Estate.open()


# -- what remains: I-35 -----------------------------------------------------------------------


def certifying(estate: Estate, case: str, copy: str, *remaining: str, **fields: Any) -> list[str]:
    said = certify(case, [copy], remaining=remaining, **fields)
    return estate.judge(estate.wang, "archivist", said)


def test_a_certificate_names_every_copy_that_remains(estate: Estate) -> None:
    record = estate.ripe()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    _, (backup,) = estate.copied(first)
    case = estate.verified(first)
    assert certifying(estate, case, first) == [
        "counts_do_not_fit", "remaining_copies_left_out", "verdict_does_not_fit",
    ]  # fmt: skip
    assert certifying(estate, case, first, second) == [
        "counts_do_not_fit", "remaining_copies_left_out",
    ]  # fmt: skip
    assert certifying(estate, case, first, second, backup) == []
    assert certifying(estate, case, first, second, backup, verdict="destroyed") == [
        "verdict_does_not_fit"
    ]


def test_a_record_is_over_when_every_copy_is(estate: Estate) -> None:
    record = estate.ripe()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    _, (backup,) = estate.copied(first)
    said = review(record)
    for copy in (first, second, backup):
        assert estate.judge(estate.li, "reviewer", said) == []
        estate.executed(copy)
    assert estate.judge(estate.li, "reviewer", said) == ["record_is_over"]


def test_the_buyers_copy_remains_too(estate: Estate) -> None:
    record = estate.ripe()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    estate.handed_over(second)
    case = estate.verified(first)
    assert certifying(estate, case, first) != []
    assert certifying(estate, case, first, second) == []


def test_a_corrected_content_elsewhere_remains(estate: Estate) -> None:
    record, new = estate.ripe(), estate.holding()
    old = estate.holding_of(record)
    estate.does(estate.wang, "collector", correct(estate.record(record), new))
    case = estate.verified(old)
    assert certifying(estate, case, old) != []
    assert certifying(estate, case, old, new) == []


def test_the_copy_of_another_row_does_not_remain(estate: Estate) -> None:
    """What lies in it is somebody else's; naming it would be as wrong as leaving one out."""
    table, rows = estate.table(2)
    one, other = (estate.holding(record=row, made_from=table) for row in rows)
    whole = estate.holding(made_from=table)
    case = estate.verified(one)
    assert certifying(estate, case, one, table, whole, other) != []
    assert certifying(estate, case, one, table, whole) == []


def test_a_copy_made_of_nothing_remains(estate: Estate) -> None:
    """It stands for no other copy, and is named all the same: it may hold what it says."""
    record = estate.ripe()
    copy, loose = estate.holding_of(record), estate.holding(record=record)
    case = estate.verified(copy)
    assert certifying(estate, case, copy) != []
    assert certifying(estate, case, copy, loose) == []


def test_the_corrected_content_of_a_row_remains_when_its_table_is_gone(estate: Estate) -> None:
    """Else a certificate would say `destroyed` while the corrected row can still be read."""
    table, rows = estate.table(3)
    whole, new = estate.holding(made_from=table), estate.holding()
    estate.does(estate.wang, "collector", correct(estate.record(rows[1]), new))
    _, (backup,) = estate.copied(new)
    case = estate.verified(table, whole)
    said = certify(case, [table, whole])
    assert "verdict_does_not_fit" in estate.judge(estate.wang, "archivist", said)
    said = certify(case, [table, whole], remaining=[new, backup])
    assert estate.judge(estate.wang, "archivist", said) == []


def test_a_copy_of_a_row_made_of_nothing_remains_when_its_table_is_gone(estate: Estate) -> None:
    table, rows = estate.table(3)
    loose = estate.holding(record=rows[2])
    case = estate.verified(table)
    assert "remaining_copies_left_out" in certifying(estate, case, table)
    assert certifying(estate, case, table, loose) == []


def test_the_table_remains_when_only_a_corrected_row_is_gone(estate: Estate) -> None:
    """It holds the row as it was before, and the other rows are nobody's business here."""
    table, rows = estate.table(2)
    new = estate.holding()
    estate.does(estate.wang, "collector", correct(estate.record(rows[0]), new))
    estate.holding(record=rows[1])
    case = estate.verified(new)
    assert certifying(estate, case, new, table) == []


def test_a_lost_original_remains_though_its_copy_is_gone(estate: Estate) -> None:
    """One person's word that it was lost does not make it destroyed: it may be found."""
    record = estate.ripe()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    estate.does(estate.wang, "custodian", lose(first))
    case = estate.verified(second)
    assert "verdict_does_not_fit" in certifying(estate, case, second)
    assert certifying(estate, case, second, first) == []
    assert certifying(estate, case, second, first, verdict="destroyed") == ["verdict_does_not_fit"]


def test_a_scan_of_a_copy_of_a_copy_remains_when_the_original_is_gone(estate: Estate) -> None:
    record = estate.ripe()
    first = estate.holding_of(record)
    second = estate.holding(record=record, made_from=first)
    third = estate.holding(record=record, made_from=second)
    case = estate.verified(first, second)
    said = certify(case, [first, second], remaining=[third])
    assert estate.judge(estate.wang, "archivist", said) == []
    assert certifying(estate, case, first) != []


def test_the_copy_of_one_row_remains_when_its_table_is_gone(estate: Estate) -> None:
    """Else a certificate would say `destroyed` while a customer's row lies in a drawer."""
    table, rows = estate.table(3)
    row = estate.holding(record=rows[1], made_from=table)
    _, (backup,) = estate.copied(table)
    row_of_backup = estate.holding(record=rows[2], made_from=backup)
    case = estate.verified(table)
    assert certifying(estate, case, table) != []
    assert certifying(estate, case, table, row, backup, row_of_backup) == []

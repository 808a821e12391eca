"""The guard of `python -m bench --guard`: ratios against those that were kept."""

from __future__ import annotations

from typing import Any

import pytest

from bench.guard import TOLERANCE, compared
from bench.measuring import Result

KEPT = [
    Result("P3", "full verification", 900, "events/s", "read + SHA-256", 3000, 0.30),
    Result("P6", "evidence", 0.95, "s", "from 10,000", 0.94, 1.01),
    Result("P11", "tree", 32.8, "bytes/event"),
    Result("P9", "rebuild, by itself", 70_000, "events/s"),
]


@pytest.mark.parametrize(
    ("at", "changes", "worse"),
    [
        (0, {"ratio": 0.30 * (1 - TOLERANCE) + 0.001}, False),
        (0, {"ratio": 0.30 * (1 - TOLERANCE) - 0.001}, True),
        (0, {"ratio": 3.0}, False),
        (0, {"value": 90, "peer_value": 300}, False),  # a slow machine
        (1, {"ratio": 1.01 * (1 + TOLERANCE) + 0.01}, True),  # seconds: less is better
        (1, {"ratio": 0.5}, False),
        (2, {"value": 32.8 * (1 + TOLERANCE) + 0.1}, True),
        (2, {"value": 20.0}, False),
        (3, {"value": 1.0}, False),  # a rate without a peer says nothing about the program
    ],
)
def test_what_is_worse(at: int, changes: dict[str, Any], worse: bool) -> None:
    rows = [row._replace(**changes) if at == n else row for n, row in enumerate(KEPT)]
    found = compared(rows, KEPT)
    assert found.rows == 3
    assert [KEPT[at].id in line for line in found.worse] == [True] * worse


def test_rows_that_only_one_side_has_are_not_compared() -> None:
    assert compared([KEPT[0]._replace(measure="another")], KEPT).rows == 0
    assert compared([KEPT[0]._replace(value=None, ratio=None)], KEPT).rows == 0

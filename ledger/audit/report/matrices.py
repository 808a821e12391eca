"""Grants counted by role, category and mode, each grant once, for people who look at a matrix.

The matrix of an access review (`ledger.grantreview.matrix`) has a grant under each role of its
holder: it answers who may. Summed up it would say that there are more grants than there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ledger.documents.words import Words

Row = Mapping[str, Any]

SEVERAL: Final = "several"
"""In place of a role: the holder has more than one."""
SEVERAL_WORDS: Final[Words] = ("多个角色", "Several roles")
NO_ROLE: Final[Words] = ("无角色", "No role")


def granted_once(grants: Sequence[Row], matrix: Sequence[Row]) -> list[dict[str, Any]]:
    """Role, category and mode with the number of grants in force, as rows sorted by them.

    `grants`, `matrix`: of an access review. A role is told where every grant of a category and
    mode is held in that role alone; else it is `SEVERAL` (the review does not say who has which),
    and what the matrix has more than there are grants is not counted again.
    """
    there: Counter[tuple[str, str]] = Counter(
        (category, mode)
        for row in grants
        if row["condition"] == "in_force"
        for category in row["categories"] or ("",)
        for mode in row["modes"]
    )
    return [
        {"role": role, "category": category, "mode": mode, "grants": count}
        for (role, category, mode), count in sorted(_counted(there, matrix))
    ]


def _counted(
    there: Mapping[tuple[str, str], int], matrix: Sequence[Row]
) -> Iterator[tuple[tuple[str, str, str], int]]:
    told: dict[tuple[str, str], dict[str, int]] = {}
    for row in matrix:
        told.setdefault((row["category"], row["mode"]), {})[row["role"]] = row["grants"]
    for (category, mode), roles in told.items():
        count = there.get((category, mode), 0)
        if sum(roles.values()) == count:
            yield from (((role, category, mode), held) for role, held in roles.items())
        elif count:
            yield (SEVERAL, category, mode), count

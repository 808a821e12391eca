"""A guard against getting slower: the ratios of a run against those that were kept.

    python -m bench --guard [--quick] [--only P3]

Rates follow the machine and what else it does; how a rate stands to a peer's in the same run does
not. So ratios are compared with those of `bench/results.json`, row by row; of rows that have none,
only what no machine changes: bytes and flushes. A row may be worse by `TOLERANCE`, which was chosen
and not measured: a smaller one would name runs on a busy machine, and a change that costs less is
not found. Rows that one side does not have (other sizes have other names) are not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from bench.measuring import Result

TOLERANCE: Final = 0.25
_COUNTED: Final = frozenset({"bytes", "bytes/event", "flushes"})


class Compared(NamedTuple):
    """How many rows were compared, and what to say of those that are worse."""

    rows: int
    worse: list[str]


def compared(rows: Iterable[Result], kept: Iterable[Result]) -> Compared:
    """The rows of a run against those that were kept.

    >>> old = Result("P3", "verification", 900, "events/s", "hashing", 3000, 0.30)
    >>> compared([old._replace(value=500, peer_value=2500, ratio=0.20)], [old])
    Compared(rows=1, worse=['P3 verification against hashing: 0.2, kept 0.3'])
    >>> compared([old._replace(value=200, peer_value=800, ratio=0.25)], [old])
    Compared(rows=1, worse=[])
    """
    before = {(row.id, row.measure, row.peer): row for row in kept}
    count, worse = 0, []
    for row in rows:
        old = before.get((row.id, row.measure, row.peer))
        for now, then in _figures(row, old) if old else ():
            count += 1
            if _is_worse(row.unit, now, then):
                peer = f" against {row.peer}" if row.peer else ""
                worse.append(f"{row.id} {row.measure}{peer}: {now:.4g}, kept {then:.4g}")
    return Compared(count, worse)


def _figures(row: Result, old: Result) -> Iterator[tuple[float, float]]:
    if row.ratio is not None and old.ratio is not None:
        yield row.ratio, old.ratio
    elif row.unit in _COUNTED and row.value is not None and old.value is not None:
        yield row.value, old.value


def _is_worse(unit: str, now: float, then: float) -> bool:
    """More of a rate is better, less of anything else."""
    if "/s" in unit:
        return now < then * (1 - TOLERANCE)
    return now > then * (1 + TOLERANCE)

"""Running counters beside the inventory, so that a summary never counts rows.

What entries add to them is summed up and written once a batch, with what they were before each
entry (`projections.past`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from projections.past import putting
from projections.tables import inventory_counts, inventory_counts_past
from projections.view import Prepared

Bucket = tuple[str, str, str, str]
"""Category, level, sensitivity and state: where a record is counted."""

_COLUMNS = tuple(column.name for column in inventory_counts.columns)
_COUNT = putting(inventory_counts)
_COUNTED_BEFORE = Prepared(
    tuple(column.name for column in inventory_counts_past.columns),
    lambda insert: insert(inventory_counts_past),
)
_COUNTED = Prepared(
    tuple(f"of_{column.name}" for column in inventory_counts.primary_key),
    lambda _: sa.select(*(inventory_counts.c[name] for name in _COLUMNS[4:])).where(
        *(column == sa.bindparam(f"of_{column.name}") for column in inventory_counts.primary_key)
    ),
)


class Tally:
    """What the entries of a batch add to and take from the counters."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, Bucket], list[int]] = {}

    def add(self, entry: int, bucket: Bucket, records: int, items: int, size: int) -> None:
        """Add to a counter; what is in it has changed at `entry`, even if the sums end up as 0."""
        sums = self._sums.get((entry, bucket))
        if sums is None:
            self._sums[entry, bucket] = [records, items, size]
        else:
            sums[0] += records
            sums[1] += items
            sums[2] += size

    def write(self, connection: sa.Connection) -> None:
        """Bring the counters from entry to entry, and keep what they were before each."""
        now: dict[Bucket, list[int]] = {}
        before: list[tuple[Any, ...]] = []
        for (entry, bucket), (records, items, size) in sorted(self._sums.items()):
            count = now.get(bucket)
            if count is None:
                found = _COUNTED.fetch(connection, bucket)
                count = now[bucket] = list(found[0]) if found else [0, 0, 0, entry]
            if count[3] < entry:
                before.append((*bucket, count[3], *count[:3]))
            now[bucket] = [count[0] + records, count[1] + items, count[2] + size, entry]
        _COUNTED_BEFORE.run(connection, before)
        _COUNT.run(connection, [(*bucket, *count) for bucket, count in now.items()])

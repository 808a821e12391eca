"""What lies in a copy: the summary that rules ask for before a copy is handed over or destroyed.

A table may hold a million records; the rules look at one of each kind (`domain.answers.Contents`).
Two records are of one kind if `inventory` says the same about everything that a rule asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from domain.access import GIVING
from domain.answers import Contents
from projections.access import accesses
from projections.custody import RECORDS_IN, home_of
from projections.holds import held
from projections.tables import inventory
from projections.view import id_of, key_of

_HERE = RECORDS_IN.subquery("here")
KIND: Final = (
    inventory.c.category, inventory.c.notice, inventory.c.engagement, inventory.c.restricted,
    inventory.c.purpose_ended.is_not(None), inventory.c.withdrawn, inventory.c.kind,
    inventory.c.triggers,
)  # fmt: skip
"""What says of which kind a record is."""
_KINDS = (
    sa.select(
        sa.func.min(inventory.c.record),
        sa.func.count(),
        sa.func.max(inventory.c.min_until),
        sa.func.max(inventory.c.permanent),
        inventory.c.engagement,
    )
    .join(_HERE, _HERE.c.record == inventory.c.record)
    .group_by(*KIND)
)
_HOLDS = (
    sa.select(held.c.hold)
    .join(_HERE, _HERE.c.record == held.c.object)
    .where(held.c.released_entry.is_(None))
    .distinct()
)

_GIVEN = (
    sa.select(accesses.c.position)
    .join(_HERE, _HERE.c.record == accesses.c.record)
    .where(accesses.c.mode.in_(GIVING), accesses.c.outcome != "denied")
)


_RESTRICTED: Final = (inventory.c.restricted != 0) | inventory.c.purpose_ended.is_not(None)
_RESTRICTED_IN = (
    sa.select(inventory.c.record)
    .join(_HERE, _HERE.c.record == inventory.c.record)
    .where(_RESTRICTED)
)
_AT_ONCE: Final = 400


def restricted(
    connection: sa.Connection, records: Sequence[bytes], copies: Sequence[bytes]
) -> set[bytes]:
    """Of these records, and of those that lie in these copies, those that are restricted."""
    found: set[bytes] = set()
    for start in range(0, len(records), _AT_ONCE):
        these = inventory.c.record.in_(records[start : start + _AT_ONCE])
        query = sa.select(inventory.c.record).where(these, _RESTRICTED)
        found.update(connection.execute(query).scalars())
    for home in {home_of(connection, copy) for copy in copies}:
        found.update(connection.execute(_RESTRICTED_IN, {"copy": home}).scalars())
    return found


def contents(connection: sa.Connection, holding: str) -> Contents:
    """What lies in a copy now; in one that was made whole, what the original holds."""
    copy = {"copy": home_of(connection, key_of(holding))}
    kinds = connection.execute(_KINDS, copy).all()
    if not kinds:
        return Contents()
    holds = connection.execute(_HOLDS, copy).scalars()
    return Contents(
        records=sum(row[1] for row in kinds),
        examples=tuple(sorted(id_of("record", row[0]) for row in kinds)),
        min_until=max((row[2] for row in kinds if row[2] is not None), default=None),
        permanent=any(row[3] for row in kinds),
        holds=tuple(sorted(id_of("hold", hold) for hold in holds)),
        engagements=tuple(sorted({id_of("engagement", row[4]) for row in kinds})),
    )


def handed_out(connection: sa.Connection, holding: str, *, entry: int | None = None) -> set[int]:
    """The positions of accesses that gave out records in a copy, from whichever copy of them.

    `entry`: of those up to that entry. Where a content was given out and nobody wrote it down, the
    register says nothing.
    """
    copy = {"copy": home_of(connection, key_of(holding))}
    query = _GIVEN if entry is None else _GIVEN.where(accesses.c.entry <= entry)
    return set(connection.execute(query, copy).scalars())

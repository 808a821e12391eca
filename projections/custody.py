"""The chain of custody: which copies of a record there are, where each came from and went.

What happened to a record stands in its own stream and in the streams of the copies that concern
it: the copy it was collected in (for the rows of a table: the table's), copies made of it, and
copies in which a correction of it lies. `streams_of` names them; their events, read in order of
position, are the chain. Nothing is stored a record for this but what `inventory` holds already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.holding import HoldingCreated, HoldingLost, HoldingMoved, HoldingReturned
from domain.record import RecordCorrected
from projections.tables import corrections, holdings, inventory
from projections.view import (
    Prepared,
    Recorded,
    id_of,
    key_of,
    readable,
    shared_key,
    stored,
    stored_key,
)

THERE: Final = ("present", "in_transit", "received")
"""The conditions in which a copy is still there, as `domain.holding.HoldingState.there`."""

_CREATED = (
    "holding", "record", "custodian", "form", "medium", "size", "items", "encrypted", "made_from",
    "created_position", "changed_position",
)  # fmt: skip
_CREATE = Prepared(_CREATED, lambda insert: insert(holdings))
_CHANGED = ("custodian", "medium", "condition")
_CHANGE = Prepared(
    ("key", *_CHANGED, "changed_position"),
    lambda _: (
        sa.update(holdings)
        .where(holdings.c.holding == sa.bindparam("key"))
        .values(
            changed_position=sa.bindparam("changed_position"),
            **{
                name: sa.func.coalesce(
                    sa.bindparam(name, type_=holdings.c[name].type), holdings.c[name]
                )
                for name in _CHANGED
            },
        )
    ),
)
_CORRECT = Prepared(("record", "position", "holding"), lambda insert: insert(corrections))


class Custody:
    """The view behind `muniment history` and the lists of copies."""

    name: str = "custody"
    tables: tuple[sa.Table, ...] = (holdings, corrections)

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Insert new copies, then let the batch's other events change them in their order.

        A copy's creation is its stream's first event, so nothing is changed before it is there.
        """
        created: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        corrected: list[tuple[Any, ...]] = []
        for position, _, _, event in batch:
            if type(event) is HoldingCreated:
                created.append(_created(position, event))
            elif type(event) is HoldingMoved:
                custodian, medium = stored_key(event.custodian), stored(event.medium)
                changed.append((key_of(event.stream), custodian, medium, None, position))
            elif type(event) is HoldingReturned:
                changed.append((key_of(event.stream), None, None, "returned", position))
            elif type(event) is HoldingLost:
                changed.append((key_of(event.stream), None, None, "lost", position))
            elif type(event) is RecordCorrected:
                corrected.append((key_of(event.stream), position, key_of(event.holding)))
        _CREATE.run(connection, created)
        _CHANGE.run(connection, changed)
        _CORRECT.run(connection, corrected)


def _created(position: int, event: HoldingCreated) -> tuple[Any, ...]:
    return (
        key_of(event.stream), stored_key(event.record), shared_key(event.custodian), event.form,
        event.medium, event.size, event.items, int(event.encrypted), stored_key(event.made_from),
        position, position,
    )  # fmt: skip


def _concerns(
    record: sa.ColumnElement[bytes], collected_in: sa.ColumnElement[bytes] | sa.ScalarSelect[bytes]
) -> sa.ColumnElement[bool]:
    """Whether a row of `holdings` is a copy of a record that was collected in a given copy."""
    corrected = sa.select(corrections.c.holding).where(corrections.c.record == record)
    # Told what is its own: inside a query over records it must not bring a second `inventory`.
    corrected = corrected.correlate_except(corrections)
    return sa.or_(
        holdings.c.holding == collected_in,
        holdings.c.record == record,
        holdings.c.holding.in_(corrected),
    )


def copies_there(
    record: sa.ColumnElement[bytes], collected_in: sa.ColumnElement[bytes]
) -> sa.Label[int]:
    """A column for queries over records: how many copies of each are still there."""
    return (
        sa.select(sa.func.count())
        .select_from(holdings)
        .where(_concerns(record, collected_in), holdings.c.condition.in_(THERE))
        .correlate_except(holdings)
        .scalar_subquery()
        .label("holdings")
    )


class Copy(Struct, frozen=True, kw_only=True):
    """A holding: one copy at a custodian, with what it is on and what became of it."""

    holding: str
    record: str | None
    custodian: str
    form: str
    medium: str
    size: int
    items: int
    encrypted: bool
    made_from: str | None
    condition: str
    created_position: int
    changed_position: int

    @property
    def there(self) -> bool:
        """Whether the copy is still there."""
        return self.condition in THERE


def copies(connection: sa.Connection, record: str) -> list[Copy]:
    """Every copy that concerns a record, gone ones included, in order of creation.

    Empty for a record that was never collected.
    """
    return [
        Copy(**readable(holdings, row))
        for row in connection.execute(_COPIES, {"key": key_of(record)})
    ]


def streams_of(connection: sa.Connection, record: str) -> list[str]:
    """The streams whose events, by position, are the record's chain of custody: its own first."""
    keys = connection.execute(_STREAMS, {"key": key_of(record)}).scalars()
    return [record, *(id_of("holding", key) for key in keys)]


def _copies_of(key: sa.BindParameter[bytes]) -> sa.ColumnElement[bool]:
    home = sa.select(inventory.c.holding).where(inventory.c.record == key).scalar_subquery()
    return _concerns(key, home)


_KEY: sa.BindParameter[bytes] = sa.bindparam("key", type_=sa.LargeBinary)
_COPIES = sa.select(holdings).where(_copies_of(_KEY)).order_by(holdings.c.created_position)
_STREAMS = (
    sa.select(holdings.c.holding).where(_copies_of(_KEY)).order_by(holdings.c.created_position)
)

"""Of which copies an anonymous content was made, and which record that is.

`inventory` reads it: of a record whose source is named here an anonymous content exists. Until
every identified copy is gone that is all; once the last one was destroyed, the record counts as
anonymised.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from domain.anonymization import RecordAnonymized
from domain.values import Event
from projections.columns import METADATA, key, number
from projections.tables import corrections, inventory
from projections.view import Prepared, Recorded, id_of, key_of

anonymized = sa.Table(
    "anonymized",
    METADATA,
    key("source", "holding", primary_key=True),
    key("record", "record"),
    number("position"),
    number("entry"),
    sqlite_with_rowid=False,
)
"""One row an identified copy. `record`: the anonymous content. A row never changes."""

_ADD = Prepared(
    ("source", "record", "position", "entry"),
    lambda insert: insert(anonymized).on_conflict_do_nothing(),
)


class Anonymity:
    """The view behind the state `anonymized` of a record."""

    name: str = "anonymity"
    tables: tuple[sa.Table, ...] = (anonymized,)
    kinds: frozenset[type[Event]] = frozenset({RecordAnonymized})

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Add what the batch made anonymous."""
        _ADD.run(connection, [
            (key_of(event.source), key_of(event.stream), position, entry)
            for position, entry, _, event in batch
            if isinstance(event, RecordAnonymized)
        ])  # fmt: skip


def anonymous_twin(as_of: sa.ColumnElement[int] | None = None) -> sa.ScalarSelect[bytes]:
    """A column for queries over `inventory`: the record made anonymous of this one, or NULL.

    `as_of`: by that entry, instead of now.
    """
    lay_in = sa.select(corrections.c.holding).where(corrections.c.record == inventory.c.record)
    query = sa.select(sa.func.max(anonymized.c.record)).where(
        sa.or_(
            anonymized.c.source == inventory.c.holding,
            anonymized.c.source.in_(lay_in.correlate(inventory)),
        )
    )
    if as_of is not None:
        query = query.where(anonymized.c.entry <= as_of)
    return query.correlate(inventory).scalar_subquery()


def twins_of(
    connection: sa.Connection, copies: Sequence[str], entry: int | None = None
) -> list[str]:
    """The records made anonymous of these copies, in order of that (`entry`: by that entry)."""
    query = sa.select(anonymized.c.record).where(anonymized.c.source.in_(map(key_of, copies)))
    if entry is not None:
        query = query.where(anonymized.c.entry <= entry)
    found = connection.execute(query.order_by(anonymized.c.position)).scalars()
    return [id_of("record", record) for record in found]

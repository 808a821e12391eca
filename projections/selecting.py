"""Which records a closed set of terms describes: what a hold over a query is placed on.

Every term is one column of the inventory, or the keeper of a copy. Records of which nothing is left
are left out unless their state is asked for. Pages are read in order of the record's id.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from msgspec import Struct

from domain.codes import ENUMERATIONS, covers
from projections.custody import RECORDS_IN, THERE, home_of
from projections.tables import holdings, inventory
from projections.view import id_of, key_of

GONE = ("destroyed", "transferred_out", "anonymized")


class Terms(Struct, frozen=True, kw_only=True):
    """What records must be like: one of each list that is not empty.

    `categories` cover their parts; `parties` keep a copy that is there; `first`, `last`: the
    positions, inclusive, between which they were collected (None: no bound).
    """

    categories: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    sensitivities: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    engagements: tuple[str, ...] = ()
    first: int | None = None
    last: int | None = None


def selected(
    connection: sa.Connection, terms: Terms, *, limit: int, after: str | None = None
) -> list[str]:
    """At most `limit` ids of records that the terms describe, from the one after `after` on."""
    query = sa.select(inventory.c.record).where(*_conditions(terms))
    if after is not None:
        query = query.where(inventory.c.record > key_of(after))
    found = connection.execute(query.order_by(inventory.c.record).limit(limit)).scalars()
    return [id_of("record", record) for record in found]


def _conditions(terms: Terms) -> Iterator[sa.ColumnElement[bool]]:
    c = inventory.c
    if terms.categories:
        codes = ENUMERATIONS["RecordCategory"].codes
        wide = [k for k in codes if any(covers(category, k) for category in terms.categories)]
        yield c.category.in_(wide)
    for column, codes in ((c.level, terms.levels), (c.sensitivity, terms.sensitivities)):
        if codes:
            yield column.in_(codes)
    yield c.state.in_(terms.states) if terms.states else c.state.not_in(GONE)
    if terms.engagements:
        yield c.engagement.in_([key_of(engagement) for engagement in terms.engagements])
    if terms.first is not None:
        yield c.collected_position >= terms.first
    if terms.last is not None:
        yield c.collected_position <= terms.last
    if terms.parties:
        yield _kept_by(terms.parties)


def _kept_by(parties: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """Whether one of the parties keeps a copy: the one collected in, or one that names it."""
    keys = [key_of(party) for party in parties]
    theirs = (holdings.c.custodian.in_(keys), holdings.c.condition.in_(THERE))
    return sa.or_(*(
        sa.select(holdings.c.holding).where(link, *theirs).correlate(inventory).exists()
        for link in (
            holdings.c.holding == inventory.c.holding, holdings.c.record == inventory.c.record,
        )
    ))  # fmt: skip


def still_with_purpose(connection: sa.Connection, holding: str) -> list[str]:
    """The records in a copy of which something is left and whose purpose has not ended, by id."""
    here = RECORDS_IN.subquery("here")
    query = (
        sa.select(inventory.c.record)
        .join(here, here.c.record == inventory.c.record)
        .where(inventory.c.purpose_ended.is_(None), inventory.c.state.not_in(GONE))
        .order_by(inventory.c.record)
    )
    copy = {"copy": home_of(connection, key_of(holding))}
    return [id_of("record", record) for record in connection.execute(query, copy).scalars()]

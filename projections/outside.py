"""What lies with the other side of a deal that no confirmation gave it (I-22).

A copy comes to the buyer or the broker of a deal in three ways: by a confirmed handover, which
makes it theirs; by a move to their custody; by their making a copy of what somebody else keeps, or
registering one of a record without saying of what it was made. `placed` has the last two, from the
opening of the deal on, whatever they were said under. Whether such a copy still has to go back is
asked when the deal ends: it does while it is there, unless a confirmation has passed what it was
made of, or the record in it, or another deal answers for it, in which the party gets something,
too. What went only to come back (PIPL 21) has not passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import UNSET

from domain.access import GIVING
from domain.holding import HoldingCreated, HoldingMoved
from domain.values import Event
from projections.access import accesses
from projections.arrivals import handover_outcomes
from projections.columns import METADATA, key, number
from projections.custody import THERE
from projections.deals import deals
from projections.handovers import handovers
from projections.tables import actors, holdings, inventory
from projections.view import Prepared, Recorded, id_of, key_of

placed = sa.Table(
    "placed",
    METADATA,
    key("party", "party", primary_key=True),
    key("engagement", "engagement", primary_key=True),
    key("holding", "holding", primary_key=True),
    number("entry", primary_key=True),
    sqlite_with_rowid=False,
)
"""Copies that came to such a party, or name a record; the engagement is the event's."""

_PLACE = Prepared(
    ("party", "engagement", "holding", "entry"),
    lambda insert: insert(placed).on_conflict_do_nothing(),
)
_SINCE = Prepared(
    ("buys", "brokers"),
    lambda _: sa.select(sa.func.min(deals.c.opened_position)).where(
        sa.or_(deals.c.buyer == sa.bindparam("buys"), deals.c.broker == sa.bindparam("brokers"))
    ),
)


class Outside:
    """The view behind what a failed deal has to bring back; it stands after that of the deals."""

    name: str = "outside"
    tables: tuple[sa.Table, ...] = (placed,)
    kinds: frozenset[type[Event]] = frozenset({HoldingCreated, HoldingMoved})

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Remember which copies come to the other side of a deal that was opened before."""
        since: dict[str, int | None] = {}
        rows = []
        for position, entry, _, event in batch:
            party = _came_to(event)
            if party is None:
                continue
            if party not in since:
                found = _SINCE.fetch(connection, (key_of(party),) * 2)
                since[party] = found[0][0] if found else None
            opened = since[party]
            if opened is not None and opened < position:
                rows.append((*map(key_of, (party, event.engagement, event.stream)), entry))
        _PLACE.run(connection, rows)


def _came_to(event: Event) -> str | None:
    """The party that a copy came to, by a move or as a copy of another one or of a record."""
    if isinstance(event, HoldingCreated):
        of_nothing = event.made_from is UNSET and event.record is UNSET
        return None if of_nothing else event.custodian
    if isinstance(event, HoldingMoved) and event.custodian is not UNSET:
        return event.custodian
    return None


# -- asking -------------------------------------------------------------------------------------


def last_access(connection: sa.Connection, engagement: str, party: str) -> str:
    """When the last access that gave content to a party's people under a deal was accepted."""
    found = connection.execute(_ACCESSED, {"deal": key_of(engagement), "side": key_of(party)})
    return max((accepted for accepted in found.scalars() if accepted), default="")


def taken(connection: sa.Connection, engagement: str, party: str) -> list[tuple[str, str]]:
    """The records whose content accesses gave to a party's people under a deal, the last first.

    Each with the accepted time of the last of them.
    """
    asked = {"deal": key_of(engagement), "side": key_of(party)}
    return [(id_of("record", key), at) for key, at in connection.execute(_TAKEN, asked)]


def last_delivery(connection: sa.Connection, engagement: str, party: str) -> int | None:
    """The entry of the last release to a party, or receipt by it, under a deal.

    Of handovers that were not confirmed whole: cancelled, under way, or with items rejected.
    """
    query = sa.select(
        sa.func.max(handovers.c.received_entry), sa.func.max(handovers.c.released_entry)
    ).where(
        handovers.c.engagement == key_of(engagement),
        handovers.c.to_party == key_of(party),
        sa.or_(handovers.c.confirmed_entry.is_(None), handovers.c.rejected > 0),
    )
    entries = [entry for entry in connection.execute(query).one() if entry is not None]
    return max(entries, default=None)


def came_to(
    connection: sa.Connection, engagement: str, party: str, besides: frozenset[str] = frozenset()
) -> list[tuple[str, str | None]]:
    """The copies, there and still with a party, that a deal has to bring back.

    Each with the record that it names, if it does: whether that has passed is not asked here. What
    was confirmed to the party, or is of what was, is left out. `besides`: modes of transfer in
    which nothing passes for good.
    """
    asked = {"deal": key_of(engagement), "side": key_of(party), "besides": sorted(besides)}
    return [
        (id_of("holding", holding), record and id_of("record", record))
        for holding, record in connection.execute(_CAME, asked)
    ]


_SIDE_KEY: Final[sa.BindParameter[bytes]] = sa.bindparam("side", type_=sa.LargeBinary)
_DEAL_KEY: Final[sa.BindParameter[bytes]] = sa.bindparam("deal", type_=sa.LargeBinary)
_LAST_OF_ACTOR = (
    sa.select(sa.func.max(accesses.c.accepted))
    .where(
        accesses.c.actor == actors.c.actor,
        accesses.c.engagement == _DEAL_KEY,
        accesses.c.mode.in_(GIVING),
        accesses.c.outcome != "denied",
    )
    .correlate(actors)
    .scalar_subquery()
)
_ACCESSED = sa.select(_LAST_OF_ACTOR).where(actors.c.party == _SIDE_KEY)
_TAKEN = (
    sa.select(accesses.c.record, sa.func.max(accesses.c.accepted).label("last"))
    .join(actors, actors.c.actor == accesses.c.actor)
    .where(
        actors.c.party == _SIDE_KEY,
        accesses.c.engagement == _DEAL_KEY,
        accesses.c.mode.in_(GIVING),
        accesses.c.outcome != "denied",
    )
    .group_by(accesses.c.record)
    .order_by(sa.desc("last"), accesses.c.record)
)


def _confirmed(item: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Whether a confirmation made a copy or a record the party's."""
    o = handover_outcomes.c
    return (
        sa.select(o.handover)
        .join(handovers, handovers.c.handover == o.handover)
        .where(o.item == item, o.outcome == "confirmed", handovers.c.to_party == _SIDE_KEY)
        .correlate(holdings)
    )


# Copies pass for good or not at all; contents are also delivered to be given back.
_FOR_GOOD: Final = handovers.c.mode.not_in(sa.bindparam("besides", expanding=True))


def _placed(holding: sa.ColumnElement[bytes]) -> sa.Exists:
    """Whether a copy came to the party."""
    query = sa.select(sa.literal(1)).select_from(placed)
    return (
        query.where(placed.c.party == _SIDE_KEY, placed.c.holding == holding)
        .correlate_except(placed)
        .exists()
    )


def _of_own_record(copy: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a copy, made of nothing, is one of a record that the party collected and keeps."""
    home = holdings.alias()
    query = (
        sa.select(sa.literal(1))
        .select_from(inventory)
        .join(home, home.c.holding == inventory.c.holding)
        .where(inventory.c.record == copy.c.record, home.c.custodian == _SIDE_KEY)
        .where(~_placed(home.c.holding))
        .correlate(copy)
    )
    return sa.and_(copy.c.made_from.is_(None), query.exists())


_OWN = holdings.alias("own")
_WAS_OWN = (
    sa.select(_OWN.c.holding)
    .where(_OWN.c.holding == holdings.c.made_from, _OWN.c.custodian == _SIDE_KEY)
    .where(sa.or_(~_placed(_OWN.c.holding), _of_own_record(_OWN)))
    .correlate(holdings)
    .exists()
)
"""Whether a copy was made of one that the party keeps and that never came to it."""
_OTHER_DEALS = sa.select(deals.c.engagement).where(
    sa.or_(deals.c.buyer == _SIDE_KEY, deals.c.broker == _SIDE_KEY), deals.c.engagement != _DEAL_KEY
)
"""The other deals that ask for what came to the party under them."""
_CAME = (
    sa.select(holdings.c.holding, holdings.c.record)
    .distinct()
    .join(placed, placed.c.holding == holdings.c.holding)
    .where(
        placed.c.party == _SIDE_KEY,
        placed.c.engagement.not_in(_OTHER_DEALS),
        holdings.c.custodian == _SIDE_KEY,
        holdings.c.condition.in_(THERE),
        ~_confirmed(holdings.c.holding).exists(),
        ~_confirmed(holdings.c.made_from).exists(),
        ~_confirmed(holdings.c.record).where(_FOR_GOOD).exists(),
        ~_WAS_OWN,
        ~_of_own_record(holdings),
    )
    .order_by(holdings.c.holding)
)

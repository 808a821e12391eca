"""A deal as its gates look at it: state, path, people, handovers, and what is to be handed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa

from domain.actor import ActorState
from domain.clearing import NOT_PERSONAL
from domain.engagement import EngagementState
from domain.handover import HandoverState, copies_of, records_of
from domain.judging import Case
from domain.record import RecordState
from domain.transfer import Transfer
from domain.values import Event
from ledger.dealfile import Dated, folded, own_events
from ledger.facts import LedgerFacts
from projections import handovers
from projections.custody import THERE
from projections.tables import actors, holdings, inventory, roles
from projections.view import id_of, key_of

OVER: Final = ("confirmed", "residual_declared")


class Scope(NamedTuple):
    """What is to be handed over, and how that is known.

    `listed`: it stands on a frozen list and has not passed; `collected`: nothing is listed, and
    these records were collected under the deal; `kept`: nor was anything, and the seller keeps
    them; `passed`: everything listed has passed, or was rejected.
    """

    basis: Literal["listed", "collected", "kept", "passed"]
    records: list[str]
    copies: list[str]


class Deal:
    """One deal, as it stands now.

    Raises `UsageError` if the engagement is none.
    """

    def __init__(self, connection: sa.Connection, case: Case, engagement: str) -> None:
        facts = case.world.source
        assert isinstance(facts, LedgerFacts)
        self.connection = connection
        self.case = case
        self.facts = facts
        self.id = engagement
        self.events: list[Dated] = own_events(connection, facts, engagement)
        folded(self.events)  # is a deal
        state = case.world.state(engagement, EngagementState)
        assert state is not None
        self.state = state
        self.path: Transfer | None = case.policy.transfer.get(self.state.mode)  # type: ignore[call-overload]
        self.now = case.statement.accepted
        self.today = case.policy.calendar.day_of(self.now)

    def last(self, *kinds: type[Event]) -> str:
        """When the last event of these classes about the deal was accepted; empty if none was."""
        return max((d.accepted for d in self.events if isinstance(d.event, kinds)), default="")

    def begun(self, stream: str) -> str:
        """When the first event of a stream was accepted."""
        query = sa.text("SELECT entry FROM events WHERE stream = :stream AND version = 1")
        entry = self.connection.execute(query, {"stream": key_of(stream)}).scalar_one()
        return self.facts.accepted_at(entry)

    # -- handovers -----------------------------------------------------------------------------

    @cached_property
    def handovers(self) -> list[HandoverState]:
        """The handovers of the deal that are not cancelled."""
        streams = [one.handover for one in self.facts.handovers_of(self.id)]
        self.case.world.preload(streams)
        found = (self.case.world.state(stream, HandoverState) for stream in streams)
        return [one for one in found if one is not None and one.step != "cancelled"]

    @cached_property
    def _steps(self) -> dict[str, dict[str, int]]:
        rows = {one.stream: handovers.one(self.connection, one.stream) for one in self.handovers}
        return {stream: row.steps for stream, row in rows.items() if row is not None}

    def entry_of(self, handover: str, step: str) -> int | None:
        """The entry at which a handover took a step."""
        return self._steps.get(handover, {}).get(step)

    def taken(self, step: str) -> str:
        """When a step was last taken in any of the handovers; empty if it was in none."""
        entries = [e for one in self.handovers if (e := self.entry_of(one.stream, step))]
        return max(map(self.facts.accepted_at, entries), default="")

    @cached_property
    def takers(self) -> list[str]:
        """Who takes over: as planned; else the buyer, or the broker who is to be entrusted."""
        planned = sorted({one.to_party for one in self.handovers})
        if planned:
            return planned
        return [self.state.broker if self.entrusts and self.state.broker else self.state.buyer]

    @property
    def entrusts(self) -> bool:
        """Whether records only go to somebody who processes them for the seller (PIPL 21)."""
        return self.path is not None and self.path.path == "entrusted"

    @property
    def sides(self) -> list[tuple[str, str, str]]:
        """Who acts for whom in its handovers: (side, party, role of the handler)."""
        takers = (("buyer", party, "buyer_handler") for party in self.takers)
        return [("seller", self.state.seller, "seller_handler"), *takers]

    @property
    def hands_over(self) -> bool:
        """Whether anything is to be handed over: the path asks for it, or somebody planned it."""
        return bool(self.handovers) or (self.path is not None and self.path.hands_over)

    @property
    def passed(self) -> bool:
        """Whether everything that was planned has passed."""
        return bool(self.handovers) and all(one.step in OVER for one in self.handovers)

    # -- people --------------------------------------------------------------------------------

    def people(self, party: str, role: str) -> list[ActorState]:
        """Those of a party who hold a role in this deal now and have a key to sign with."""
        query = (
            sa.select(roles.c.actor)
            .join(actors, actors.c.actor == roles.c.actor)
            .where(actors.c.party == key_of(party), roles.c.role == role)
            .where(roles.c.revoked_entry.is_(None))
            .distinct()
        )
        streams = [id_of("actor", key) for key in self.connection.execute(query).scalars()]
        found = (self.case.world.state(stream, ActorState) for stream in streams)
        return [
            actor
            for actor in found
            if actor is not None
            and actor.holds(role, self.id, self.now)
            and actor.active_key("act") is not None
        ]

    # -- what is to be handed over -------------------------------------------------------------

    @cached_property
    def scope(self) -> Scope:
        """What is to be handed over, as far as events say."""
        items = [
            item
            for one in self.handovers
            if one.step not in OVER
            for item, outcome in one.items.items()
            if outcome != "rejected"
        ]
        if items:
            return Scope("listed", records_of(items), copies_of(items))
        if self.passed:
            done = [item for one in self.handovers for item in one.items]
            return Scope("passed", records_of(done), copies_of(done))
        collected = self._inventory(inventory.c.engagement == key_of(self.id))
        if collected:
            return Scope("collected", collected, [])
        return Scope("kept", self._inventory(sa.true()), [])

    def _inventory(self, which: sa.ColumnElement[bool]) -> list[str]:
        """The records of which the seller keeps, there, the copy that they were collected in."""
        query = (
            sa.select(inventory.c.record)
            .join(holdings, holdings.c.holding == inventory.c.holding)
            .where(which, holdings.c.custodian == key_of(self.state.seller))
            .where(holdings.c.condition.in_(THERE))
            .order_by(inventory.c.record)
        )
        return [id_of("record", key) for key in self.connection.execute(query).scalars()]

    @cached_property
    def _examples(self) -> list[RecordState]:
        """One record of each kind in scope: to judge them is to judge all."""
        scope = self.scope
        named = (
            [
                record
                for _, record in self.facts.listed(scope.records, self.state.seller, 0).examples
            ]
            if scope.records
            else []
        )
        for copy in scope.copies:
            named += self.facts.contents(copy).examples
        self.case.world.preload(named)
        found = (self.case.world.state(record, RecordState) for record in dict.fromkeys(named))
        return [record for record in found if record is not None]

    @property
    def categories(self) -> list[str]:
        """The categories of what is to be handed over."""
        return _categories(self._examples)

    @property
    def personal(self) -> list[str]:
        """The categories of those records with personal data; unclassified is taken for such."""
        return _categories(r for r in self._examples if r.sensitivity not in NOT_PERSONAL)


def _categories(records: Iterable[RecordState]) -> list[str]:
    return sorted({c for record in records for c in record.categories or (record.category,)})


def portions(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """A list in parts of at most `size`."""
    return (items[at : at + size] for at in range(0, len(items), size))

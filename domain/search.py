"""Who was looked for in which records: what vouches for the tables by which people are found again.

The tables themselves are erased with those whom they find (`ledger.subjects`), so no event can hold
their rows. It holds a digest for each record that was looked through: nobody learns from it who
stands there, and nobody takes a row away, adds or exchanges one without its being found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from domain.actor import ActorState
from domain.copies import RecordLike
from domain.judging import Case, Refusal, State, evolves, refuse, rule
from domain.values import Digest, Event, RecordId, SearchId

AN_EVENT = 100
"""So many records one event vouches for at most."""


class Indexed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record, and the digest of its rows in the tables, as `ledger.effects.vouching` makes it."""

    record: RecordId
    rows: Digest


class PeopleIndexed(Event, frozen=True, kw_only=True, tag="search.people_indexed"):
    """个人索引: these records were looked through for the people in them, as they are now.

    What is said of a record last counts. A record in which nobody was found is among them.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({
        "dpo", "custodian", "collector", "archivist", "administrator", "seller_handler",
        "buyer_handler",
    })  # fmt: skip

    stream: SearchId
    records: Annotated[list[Indexed], Meta(min_length=1, max_length=AN_EVENT)]


class SearchState(State):
    """A search that was carried out; `records`: how many it told of."""

    records: int = 0


@evolves(PeopleIndexed)
def _indexed(state: SearchState | None, event: PeopleIndexed, _: int, __: str) -> SearchState:
    state = state or SearchState(event.stream, event.version)
    state.records += len(event.records)
    return state


@rule(PeopleIndexed)
def indexed_what_there_is(case: Case, event: PeopleIndexed) -> Iterator[Refusal]:
    """The records exist, each once: no digest stands for something that nobody collected."""
    records = [one.record for one in event.records]
    if len(set(records)) != len(records):
        yield refuse("I-06", "item_named_twice", event.stream)
    actor = case.world.before(event.by, ActorState)
    party = actor.party if actor is not None else ""
    for stream in sorted(case.world.source.elsewhere(records, party)):  # of one's own all exist
        if case.world.state(stream, RecordLike) is None:
            yield refuse("I-00", "unknown_record", stream)

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
from domain.copies import RecordLike, kept_by
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
def indexed_ones_own_records(case: Case, event: PeopleIndexed) -> Iterator[Refusal]:
    """The records exist, each once, and the author's party keeps or kept each (I-09).

    No digest stands for something that nobody collected, and none that others invented for the
    records of whoever looks after them.
    """
    records = [one.record for one in event.records]
    if len(set(records)) != len(records):
        yield refuse("I-06", "item_named_twice", event.stream)
    actor = case.world.before(event.by, ActorState)
    if actor is None:
        return
    others = sorted(case.world.source.elsewhere(records, actor.party))
    case.world.preload(others)
    found = {stream: case.world.state(stream, RecordLike) for stream in others}
    case.world.preload([copy for one in found.values() if one for copy in one.holdings])
    for stream, record in found.items():
        if record is None:
            yield refuse("I-00", "unknown_record", stream)
        elif not kept_by(case, record, actor.party):
            yield refuse("I-09", "not_the_actors_party", stream)

"""Entry 0: the one commit that leans on nothing but itself.

It opens the ledger and everything that later entries lean on, and does nothing else: first
`ledger.initialized`, then parties, actors with first keys and roles, the adopted policy pack and
the routine engagement, each of the last two once. Its keys and roles are those that it leaves
behind, so its shape is checked before anything of it is folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.actor import ActorKeyEnrolled, ActorRegistered, RoleGranted
from domain.engagement import EngagementOpened
from domain.judging import Refusal, World, refuse
from domain.ledger import LedgerInitialized, PolicyAdopted
from domain.party import PartyRegistered
from domain.values import Event, malformed

_ONCE = (LedgerInitialized, PolicyAdopted, EngagementOpened)
_OFTEN = (PartyRegistered, ActorRegistered, ActorKeyEnrolled, RoleGranted)


def opening_flaws(events: Sequence[Event]) -> list[Refusal]:
    """Why these events cannot open a ledger; empty if they can be folded and judged."""
    for event in events:
        if fields := malformed(event):
            return [refuse("I-02", "malformed_field", *fields)]
    return [*_shape(events), *_actors(events)]


def _shape(events: Sequence[Event]) -> Iterator[Refusal]:
    for event in events:
        if not isinstance(event, (*_ONCE, *_OFTEN)):
            yield refuse("I-06", "entry_zero_only_opens", event.id)
    kinds = [type(event) for event in events]
    if kinds[:1] != [LedgerInitialized] or any(kinds.count(kind) != 1 for kind in _ONCE):
        yield refuse("I-06", "entry_zero_opens_one_ledger")


def _actors(events: Sequence[Event]) -> Iterator[Refusal]:
    """Keys and roles go to actors registered before them, keys under names of this ledger."""
    origins = [event.origin for event in events if isinstance(event, LedgerInitialized)]
    registered: set[str] = set()
    for event in events:
        if isinstance(event, ActorRegistered):
            registered.add(event.stream)
        elif isinstance(event, ActorKeyEnrolled | RoleGranted) and event.stream not in registered:
            yield refuse("I-09", "unknown_actor", event.stream)
        if isinstance(event, ActorKeyEnrolled) and event.key.name not in {
            f"{origin}/a/{event.stream}" for origin in origins
        }:
            yield refuse("I-01", "key_name_is_not_the_actors", event.stream)


def leave_behind(world: World, events: Sequence[Event], accepted: str) -> None:
    """Let `world` answer what was before entry 0 with what entry 0 leaves behind."""
    scratch = World(world.source)
    for event in events:
        scratch.advance(event, 0, accepted)
    world.adopt_as_before(scratch)

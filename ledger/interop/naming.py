"""How the files for other tools name events, things and people of a ledger.

A thing keeps the ledger's id (`actor-<UUID>`), an event has `<stream>/<version>` there; where a
name must end in a UUID that is not of version 7, it is derived from the ledger's origin and that
id (UUID version 5).

>>> uuid_of("example.com/ledger", "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e/1")
'94c215ca-6a8a-551e-85b0-9c3599906b51'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from msgspec import UNSET, to_builtins

from domain.actor import ActorRegistered
from domain.values import Event
from ledger.told import Place, Told

SPACE: Final = "urn:muniment:vocabulary:1:"
"""The namespace of our own terms."""
_ID: Final = re.compile(
    r"[a-z_]{3,24}-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def uuid_of(origin: str, name: str) -> str:
    """A UUID for what has a name in a ledger; the same each time."""
    return str(uuid5(NAMESPACE_URL, f"urn:muniment:{origin}:{name}"))


def people(told: Told) -> dict[str, str]:
    """Everybody who signed or is shown registering, by id, each with the party; empty if untold."""
    registered = {
        place.stream: place.event.party
        for place in told.of("actor.registered")
        if isinstance(place.event, ActorRegistered)
    }
    signed = {signer.actor for place in told.places for signer in place.signers if signer.actor}
    return {actor: registered.get(actor, "") for actor in sorted({*registered, *signed})}


def parties(told: Told) -> list[str]:
    """The firms whose registration is shown, or whom somebody shown acts for."""
    named = {place.stream for place in told.of("party.registered")}
    return sorted({*named, *(party for party in people(told).values() if party)})


def opened_names(told: Told) -> dict[str, str]:
    """The names that the bundle opens, by the id of whoever bears them."""
    return {place.stream: place.opened["name"] for place in told.places if "name" in place.opened}


def named_in(place: Place) -> list[str]:
    """The ids of things that an event names besides its own stream; none if it is withheld."""
    if place.event is None:
        return []
    own = [n for n in place.event.__struct_fields__ if n not in Event.__struct_fields__]
    values = (to_builtins(value) for n in own if (value := getattr(place.event, n)) is not UNSET)
    found = dict.fromkeys(one for value in values for one in _found(value))
    return [one for one in found if one != place.stream]


def _found(value: Any) -> Iterator[str]:  # noqa: ANN401  any JSON value
    if isinstance(value, str):
        if _ID.fullmatch(value):
            yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _found(part)

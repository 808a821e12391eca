"""Whose keys signed: `keys.json` and `roles_and_training.json`.

Both are derived from the events shipped, so that a verifier can derive them again:

    keys.json                 every key that they enrol: {"name", "id", "holder", "purpose", "kind",
                              "since", "condition", "events"}, where they apply "until" and
                              "suspected_since"; holders and keys as they first appear
    roles_and_training.json   each actor, as they were registered: {"actor", "party", "roles",
                              "training", "agreements"}: the roles held at the end, sorted; the
                              events of its training; those by which the parties of a deal agreed
                              on one of its keys

Nothing in them is to be believed for being there.
"""

from __future__ import annotations

from typing import Any

from domain.actor import (
    ActorKeyCompromised,
    ActorKeyRevoked,
    ActorKeyRotated,
    ActorRegistered,
    ActorState,
)
from domain.agreements import EvidenceAgreementSigned
from domain.judging import State, evolve
from domain.ledger import LedgerKeyRotated, LedgerState
from domain.training import TrainingCompleted
from domain.values import Event
from ledger.bundle.gathering import Gathered
from ledger.bundle.order import canonical_json


def holders(gathered: Gathered) -> dict[str, State]:
    """The ledger and the actors shipped, as all their events leave them, as they first appear."""
    states: dict[str, State] = {}
    for one in gathered.in_order():
        stream = one.event.stream
        if stream in states or _keys_named(one.event) or isinstance(one.event, ActorRegistered):
            accepted = gathered.commits[one.entry].entry.accepted
            states[stream] = evolve(states.get(stream), one.event, one.entry, accepted)
    return states


def keys_file(gathered: Gathered) -> bytes:
    """`keys.json`."""
    events: dict[tuple[str, str], list[str]] = {}
    for one in gathered.in_order():
        for key in _keys_named(one.event):
            events.setdefault((one.event.stream, key), []).append(one.event.id)
    return canonical_json([
        {
            "name": key.key.name, "id": identity, "holder": stream, "purpose": key.key.purpose,
            "kind": key.key.kind, "since": key.since, "condition": key.condition,
            **({} if key.until is None else {"until": key.until}),
            **({"suspected_since": key.suspected_since} if key.suspected_since else {}),
            "events": events[stream, identity],
        }
        for stream, state in holders(gathered).items()
        if isinstance(state, ActorState | LedgerState)
        for identity, key in state.keys.items()
    ])  # fmt: skip


def _keys_named(event: Event) -> list[str]:
    """The ids of the keys whose history an event is part of."""
    named = [key.id for key in getattr(event, "enrolled_keys", ())]
    if isinstance(event, ActorKeyRotated | LedgerKeyRotated):
        named.append(event.old_key)
    elif isinstance(event, ActorKeyRevoked | ActorKeyCompromised):
        named.append(event.key)
    return named


def roles_file(gathered: Gathered) -> bytes:
    """`roles_and_training.json`."""
    training: dict[str, list[str]] = {}
    agreed: list[EvidenceAgreementSigned] = []
    for one in gathered.in_order():
        if isinstance(one.event, TrainingCompleted):
            training.setdefault(one.event.stream, []).append(one.event.id)
        elif isinstance(one.event, EvidenceAgreementSigned):
            agreed.append(one.event)
    found: list[dict[str, Any]] = [
        {
            "actor": stream, "party": state.party,
            "roles": sorted({grant.role for grant in state.roles}),
            "training": training.get(stream, []),
            "agreements": [event.id for event in agreed if _names_a_key(event, stream, state)],
        }
        for stream, state in holders(gathered).items()
        if isinstance(state, ActorState)
    ]  # fmt: skip
    return canonical_json(found)


def _names_a_key(event: EvidenceAgreementSigned, actor: str, state: ActorState) -> bool:
    return any(named.actor == actor and named.key in state.keys for named in event.signers)

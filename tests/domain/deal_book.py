"""Deals, read off a plain list of events: what `domain.judging.Source` is asked about them.

Written without the tables and the queries of `projections.deals`, so that both can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.actor import ActorState
from domain.answers import Handed, Protection
from domain.backup import (
    BackupCreated,
    BackupStoredOffsite,
    BackupVerified,
    RestoreDrillPerformed,
)
from domain.copies import HoldingState
from domain.handover import HandoverConfirmed, HandoverPlanned
from domain.judging import State
from domain.values import Event

Told = Sequence[tuple[int, str, Event]]


def handovers_of(told: Told, engagement: str) -> tuple[Handed, ...]:
    """The handovers that were planned under a deal, and when each was confirmed."""
    confirmed = {e.stream: when for _, when, e in told if isinstance(e, HandoverConfirmed)}
    planned = sorted(
        event.stream
        for _, _, event in told
        if isinstance(event, HandoverPlanned) and event.engagement == engagement
    )
    return tuple(Handed(handover, confirmed.get(handover, "")) for handover in planned)


def protection(told: Told, states: Mapping[str, State], party: str) -> Protection:
    """When backups of which something is left were made, stored, checked, restored."""
    left = set()
    for _, _, event in told:
        if isinstance(event, BackupCreated):
            for copy in (states[item] for item in event.items):
                assert isinstance(copy, HoldingState)
                left |= {event.stream} if copy.there and copy.custodian == party else set()
    about = [(when, event) for _, when, event in told if event.stream in left]
    passed = {}  # the last result counts
    for when, event in about:
        if isinstance(event, BackupVerified | RestoreDrillPerformed):
            passed[event.stream, type(event)] = when if event.result == "pass" else ""

    def last(kind: type[Event]) -> str:
        return max((when for (_, of), when in passed.items() if of is kind), default="")

    return Protection(
        max((when for when, e in about if isinstance(e, BackupCreated)), default=""),
        max((when for when, e in about if isinstance(e, BackupStoredOffsite)), default=""),
        last(BackupVerified),
        last(RestoreDrillPerformed),
    )


def keyholders(states: Mapping[str, State], party: str) -> frozenset[str]:
    """Who of a party holds a role that keeps keys or copies."""
    return frozenset(
        stream
        for stream, state in states.items()
        if isinstance(state, ActorState)
        and state.party == party
        and {grant.role for grant in state.roles} & {"administrator", "custodian"}
    )

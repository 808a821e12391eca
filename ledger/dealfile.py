"""What the ledger says about one deal, read once for whoever asks: gates, report, lists.

A deal's own stream is short (what was signed, assessed, checked, disposed of), so it is read
whole, with the accepted time of each event; handovers and documents come from their registers.
Nothing sealed is opened: a replica without a keystore answers the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from msgspec import to_builtins

from domain.actor import ActorState
from domain.engagement import EngagementState
from domain.judging import evolve
from domain.values import Event
from ledger.application import Ledger
from ledger.errors import UsageError
from ledger.evidence import decode_event
from ledger.facts import LedgerFacts
from ledger.signing import now
from projections import agreements, deals, handovers
from projections.view import key_of

Row = dict[str, Any]

_AT_ONCE: Final = 500


class Dated(NamedTuple):
    """An event, the entry that brought it, and when that was accepted."""

    event: Event
    entry: int
    accepted: str


def own_events(
    connection: sa.Connection, facts: LedgerFacts, stream: str, entry: int | None = None
) -> list[Dated]:
    """The events of a short stream by version; `entry`: only those up to it."""
    query = sa.text("SELECT entry, state FROM events WHERE stream = :stream ORDER BY version")
    rows = connection.execute(query, {"stream": key_of(stream)}).all()
    found = [(decode_event(bytes(raw)), at) for at, raw in rows if entry is None or at <= entry]
    times = {at: facts.accepted_at(at) for _, at in found}
    return [Dated(event, at, times[at]) for event, at in found if event.stream == stream]


def folded(events: Sequence[Dated]) -> EngagementState:
    """An engagement as its own events make it.

    Raises `UsageError` for a routine engagement, or for one that was not there yet.
    """
    state = None
    for event, entry, accepted in events:
        state = evolve(state, event, entry, accepted)
    if not isinstance(state, EngagementState) or state.kind != "deal":
        msg = "this engagement is no deal, or was not one then"
        raise UsageError(msg, "muniment engagement list")
    return state


# -- lists ------------------------------------------------------------------------------------


def agreed_keys(ledger: Ledger, engagement: str, entry: int | None = None) -> list[Row]:
    """The keys that a deal's evidence agreements name, by actor; `entry`: as of it.

    `state`: what became of the key, now; `since`: when the agreement was accepted.
    """
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        found = agreements.agreed(connection, engagement, entry=entry)
        actors = facts.load({one.actor for one in found})
        rows: list[Row] = []
        for one in found:
            actor = actors.get(one.actor)
            key = actor.keys.get(one.key_id) if isinstance(actor, ActorState) else None
            rows.append({
                "actor": one.actor, "role": one.role, "key": one.key_id,
                "state": key.condition if key else None, "document": one.document,
                "since": facts.accepted_at(one.agreed_entry),
            })  # fmt: skip
    return rows


def ndas(ledger: Ledger, engagement: str, entry: int | None = None) -> list[Row]:
    """The confidentiality agreements of a deal, by document.

    `condition`: on the day that is asked about; `entry`: as of it.
    """
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        day = facts.policy().calendar.day_of(now() if entry is None else facts.accepted_at(entry))
        return [
            {
                **to_builtins(one), "condition": one.condition(day),
                "signed_at": facts.accepted_at(one.signed_entry),
            }
            for one in agreements.ndas_of(connection, engagement, entry=entry)
        ]  # fmt: skip


def trainings(ledger: Ledger, actor: str | None = None, entry: int | None = None) -> Iterator[Row]:
    """Who was trained in what, in order of recording; of one actor, or of all.

    `holds`: passed, and counting on the day that is asked about; `entry`: as of it.
    """
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        day = facts.policy().calendar.day_of(now() if entry is None else facts.accepted_at(entry))
        for one in agreements.trainings_of(connection, actor, entry=entry):
            holds = one.passed and one.on_day <= day <= one.valid_to
            yield {
                "actor": one.actor, "topic": one.topic, "mode": one.mode, "on": one.on_day,
                "score": one.score, "pass_mark": one.pass_mark, "passed": one.passed,
                "valid_to": one.valid_to, "holds": holds,
                "recorded_at": facts.accepted_at(one.recorded_entry),
            }  # fmt: skip


def deal_papers(ledger: Ledger, engagement: str, entry: int | None = None) -> Row:
    """What was attached, signed, assessed, handed over, checked and disposed of under a deal."""
    with ledger.engine.connect() as connection:
        documents = agreements.documents_of(connection, engagement, entry=entry)
        assessed = agreements.pipias_of(connection, engagement, entry=entry)
        return {
            "documents": to_builtins(documents),
            "agreed_keys": agreed_keys(ledger, engagement, entry),
            "ndas": ndas(ledger, engagement, entry),
            "pipias": to_builtins(assessed),
            "handovers": [
                {**to_builtins(one), "step": one.step}
                for one in handovers_of(connection, engagement, entry)
            ],
            "tracking": to_builtins(deals.tracking_of(connection, engagement, entry=entry)),
            "disposals": to_builtins(deals.disposals_of(connection, engagement, entry=entry)),
            "rekeyed": to_builtins(deals.rekeyed_of(connection, engagement, entry=entry)),
        }


def handovers_of(
    connection: sa.Connection, engagement: str, entry: int | None = None
) -> Iterator[handovers.Handover]:
    """The handovers of a deal, cancelled ones included, in order of their id."""
    after = None
    while found := handovers.listed(
        connection, limit=_AT_ONCE, after=after, engagement=engagement, entry=entry
    ):
        yield from found
        after = found[-1].handover

"""A ledger in memory: the `domain.judging.Source` that judging asks, folded plainly from events.

Nothing here asks the domain what follows from an event but `evolve` and `affect`; what lies in a
copy, which keys it is sealed under and who accessed what is read off the list of events.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence

from msgspec import UNSET

from domain.access import AccessDenied, RecordAccessed
from domain.answers import (
    Accesses,
    Contents,
    CopiesOut,
    Handed,
    Keys,
    Listed,
    Needs,
    Passed,
    Protection,
    Shredded,
)
from domain.backup import BackupExpired
from domain.copies import HoldingState
from domain.destruction import DestructionExecuted
from domain.hold import LegalHoldPlaced, LegalHoldReleased
from domain.holding import HoldingCreated
from domain.judging import State, Statement, World, affect, evolve
from domain.keycopy import KeyCopyDestroyed, KeyCopyRegistered
from domain.ledger import DraftVoided
from domain.record import RecordCollected, RecordCorrected, RecordState, RetentionAssigned
from domain.values import Event
from tests.domain import deal_book, handing_book, outside_book, people_book


def fold(states: dict[str, State], event: Event, entry: int, accepted: str) -> None:
    """Take one event into the states of its own stream and of those that it mentions."""
    states[event.stream] = evolve(states.get(event.stream), event, entry, accepted)
    for other in event.mentions:
        if other in states:
            affect(states[other], event)


class Ledger:
    """The `domain.judging.Source` of a ledger in memory; states go out as copies."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.publics: set[str] = set()
        self.voided: set[tuple[str, str]] = set()
        self.signed: dict[str, int] = {}
        self.accepted: list[str] = []
        self.events: list[tuple[int, str, Event]] = []
        self.commits: list[tuple[Statement, Sequence[Event]]] = []

    def load(self, streams: Iterable[str]) -> dict[str, State]:
        return {s: copy.deepcopy(self.states[s]) for s in streams if s in self.states}

    def public_key_enrolled(self, public: str) -> bool:
        return public in self.publics

    def commit_voided(self, commit: str, by: str) -> bool:
        return (commit, by) in self.voided

    def last_entry_of(self, holder: str) -> int | None:
        return self.signed.get(holder)

    def accepted_at(self, entry: int) -> str:
        return self.accepted[entry]

    def contents(self, holding: str) -> Contents:
        inside = self.inside(holding)
        periods: dict[tuple[str, str], RetentionAssigned] = {}
        holds: dict[str, set[str]] = {}
        engagements = set()
        for event in self.told():
            if isinstance(event, RetentionAssigned) and event.stream in inside:
                periods[event.stream, event.trigger] = event
            elif isinstance(event, LegalHoldPlaced):
                holds.setdefault(event.stream, set()).update(event.records)
            elif isinstance(event, LegalHoldReleased):
                holds[event.stream].difference_update(event.objects)
            elif isinstance(event, RecordCollected) and event.stream in inside:
                engagements.add(event.engagement)
        ends = [p.min_until for p in periods.values() if p.min_until is not UNSET]
        return Contents(
            records=len(inside),
            examples=tuple(sorted(inside)),
            min_until=max(ends, default=None),
            permanent=any(period.permanent for period in periods.values()),
            holds=tuple(sorted(hold for hold, covered in holds.items() if covered & inside)),
            engagements=tuple(sorted(engagements)),
        )

    def copies_of_contents(self, holding: str) -> frozenset[str]:
        inside = self.inside(holding)
        made = {e.stream: e for e in self.told() if isinstance(e, HoldingCreated)}
        lying = {
            e.holding
            for e in self.told()
            if isinstance(e, RecordCollected | RecordCorrected) and e.stream in inside
        }
        lying |= {stream for stream, event in made.items() if event.record in inside}
        whole = {stream for stream, event in made.items() if event.record is UNSET}
        if holding in whole and (origin := made[holding].made_from) is not UNSET:
            holding = origin
        copied = {s for s in whole if made[s].made_from in {holding, *lying}}
        return frozenset({holding} | lying | copied)

    def keys(self, holding: str) -> Keys:
        inside = self.inside(holding)
        sealed = [(e.stream, e.sealed.key) for e in self.told() if e.sealed is not UNSET]
        return Keys(
            frozenset(key for stream, key in sealed if stream == holding),
            frozenset(key for stream, key in sealed if stream in inside),
            frozenset([holding, *inside]),
        )

    def keys_elsewhere(self, keys: frozenset[str], streams: frozenset[str]) -> frozenset[str]:
        return frozenset(
            e.sealed.key
            for e in self.told()
            if e.sealed is not UNSET and e.sealed.key in keys and e.stream not in streams
        )

    def restricted_under(self, keys: frozenset[str]) -> frozenset[str]:
        named = {e.stream for e in self.told() if e.sealed is not UNSET and e.sealed.key in keys}
        records = named.union(*map(self.inside, named))
        found = (self.states.get(stream) for stream in records)
        return frozenset(r.stream for r in found if isinstance(r, RecordState) and r.restricted)

    def shredded(self, keys: frozenset[str]) -> dict[str, Shredded]:
        return {
            key: Shredded(event.stream, accepted)
            for _, accepted, event in reversed(self.events)
            if isinstance(event, DestructionExecuted | BackupExpired)
            for key in getattr(event, "keys", ())
            if key in keys
        }

    def key_copies(self) -> frozenset[str]:
        told = list(self.told())
        over = {event.stream for event in told if isinstance(event, KeyCopyDestroyed)}
        return frozenset(e.stream for e in told if isinstance(e, KeyCopyRegistered)) - over

    def accesses(self, engagement: str, first: str, last: str) -> Accesses:
        found = [
            event
            for _, accepted, event in self.events
            if isinstance(event, RecordAccessed | AccessDenied)
            and event.engagement == engagement
            and first <= accepted < last
        ]
        outcomes = [getattr(event, "outcome", "denied") for event in found]
        return Accesses(
            outcomes.count("allowed"),
            outcomes.count("denied"),
            outcomes.count("break_glass"),
            frozenset(event.by for event in found),
        )

    def listed(
        self, items: Sequence[str], party: str, since: int, besides: frozenset[str] = frozenset()
    ) -> Listed:
        return handing_book.listed(self, items, party, since, besides)

    def passed(self, record: str, besides: frozenset[str] = frozenset()) -> Passed | None:
        return handing_book.passed(self, record, besides)

    def lying_in(self, copies: Sequence[str], records: Sequence[str]) -> frozenset[str]:
        return frozenset(records) & {inside for copy in copies for inside in self.inside(copy)}

    def residual(self, handover: str, party: str) -> frozenset[str]:
        return handing_book.residual(self, handover, party)

    def copies_out(self, engagement: str, party: str, *, unpassed: bool = False) -> CopiesOut:
        return outside_book.copies_out(self, engagement, party, unpassed=unpassed)

    def lacking(self, records: Sequence[str], needs: Needs) -> dict[str, frozenset[str]]:
        return people_book.lacking(self.events, records, needs)

    def lacking_in(self, holding: str, needs: Needs) -> dict[str, int]:
        return people_book.lacking_in(self, holding, needs)

    def elsewhere(self, records: Sequence[str], party: str) -> frozenset[str]:
        kept = set()
        for event in self.told():
            if isinstance(event, RecordCollected):
                holding = self.states[event.holding]
                assert isinstance(holding, HoldingState)
                kept |= {event.stream} if holding.custodian == party else set()
        return frozenset(records) - kept

    def undeclared(self, subjects: Sequence[str], party: str) -> frozenset[str]:
        return frozenset(subjects) - people_book.found_by(self.events, self.states, party)

    def told(self) -> Iterator[Event]:
        return (event for _, _, event in self.events)

    def inside(self, holding: str) -> set[str]:
        """The records that were collected in a copy, corrected into it, or named by it.

        In a copy made of another one whole: those in that one.
        """
        inside = set()
        for event in self.told():
            if isinstance(event, RecordCollected | RecordCorrected) and event.holding == holding:
                inside.add(event.stream)
            if isinstance(event, HoldingCreated) and event.stream == holding and event.record:
                inside.add(event.record)
            elif isinstance(event, HoldingCreated) and event.stream == holding and event.made_from:
                inside |= self.inside(event.made_from)
        return inside

    def handovers_of(self, engagement: str) -> tuple[Handed, ...]:
        return deal_book.handovers_of(self.events, engagement)

    def protection(self, party: str) -> Protection:
        return deal_book.protection(self.events, self.states, party)

    def keyholders(self, party: str) -> frozenset[str]:
        return deal_book.keyholders(self.states, party)

    def record(self, world: World, statement: Statement, events: Sequence[Event]) -> None:
        """Write a permitted commit; the fold must be what judging left behind."""
        touched = {stream for event in events for stream in (event.stream, *event.mentions)}
        self.states.update(self.load(touched))  # whoever was shown a state keeps what was shown
        self.accepted.append(statement.accepted)
        self.commits.append((statement, events))
        for event in events:
            fold(self.states, event, statement.entry, statement.accepted)
            self.events.append((statement.entry, statement.accepted, event))
            self.publics.update(key.public for key in getattr(event, "enrolled_keys", ()))
            if isinstance(event, DraftVoided):
                self.voided.add((event.commit, event.by))
        self.signed.update({signer.holder: statement.entry for signer in statement.actors})
        for stream, state in world.states():
            assert self.states[stream] == state, f"judging left {stream} in another state"

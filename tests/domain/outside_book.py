"""What may lie with the other side of a deal, read plainly off the list of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from domain.access import GIVING, RecordAccessed
from domain.actor import ActorRegistered
from domain.answers import CopiesOut
from domain.copies import HoldingState
from domain.engagement import EngagementOpened
from domain.handover import (
    HandoverConfirmed,
    HandoverPlanned,
    HandoverReceived,
    HandoverReleased,
)
from domain.holding import HoldingCreated, HoldingMoved
from domain.policy import Policy
from domain.record import RecordCollected

if TYPE_CHECKING:
    from tests.domain.books import Ledger


def policy() -> Policy:
    """The pack of `tests.domain.worlds`, which stands on this module."""
    from tests.domain import worlds

    return worlds.policy()


def copies_out(book: Ledger, engagement: str, party: str, *, unpassed: bool = False) -> CopiesOut:
    """As `domain.judging.Source.copies_out` says."""
    return CopiesOut(
        _accessed(book, engagement, party),
        _delivered(book, engagement, party),
        frozenset(_came(book, engagement, party)),
        _accessed(book, engagement, party, passed=False) if unpassed else "",
    )


def _accessed(book: Ledger, engagement: str, party: str, *, passed: bool = True) -> str:
    """`passed`: those to records that have passed to the party for good count, too."""
    people = {
        event.stream
        for _, _, event in book.events
        if isinstance(event, ActorRegistered) and event.party == party
    }
    return max(
        (
            accepted
            for _, accepted, event in book.events
            if isinstance(event, RecordAccessed)
            and event.by in people
            and event.engagement == engagement
            and event.mode in GIVING
            and (passed or not _is_of(book, event.stream, party))
        ),
        default="",
    )


def _delivered(book: Ledger, engagement: str, party: str) -> str:
    planned: set[str] = set()
    settled: set[str] = set()
    times: dict[str, str] = {}
    for _, accepted, event in book.events:
        if isinstance(event, HandoverPlanned) and event.to_party == party:
            planned |= {event.stream} if event.engagement == engagement else set()
        elif isinstance(event, HandoverReleased | HandoverReceived):
            times[event.stream] = accepted
        elif isinstance(event, HandoverConfirmed) and not event.rejected:
            settled.add(event.stream)
    open_ = [time for stream, time in times.items() if stream in planned - settled]
    return max(open_, default="")


def _came(book: Ledger, engagement: str, party: str) -> set[str]:
    """Copies that came to the party since it is a side of a deal, and have to go back."""
    side = False
    elsewhere: set[str] = set()
    made: dict[str, HoldingCreated] = {}
    came: set[str] = set()
    moved: set[str] = set()
    for event in book.told():
        if isinstance(event, EngagementOpened) and party in (event.buyer, event.broker):
            side = True
            elsewhere |= {event.stream} - {engagement}
        elif isinstance(event, HoldingCreated):
            made[event.stream] = event
        if isinstance(event, HoldingMoved | HoldingCreated) and side and event.custodian == party:
            if isinstance(event, HoldingCreated) and {event.made_from, event.record} == {UNSET}:
                continue
            moved.add(event.stream)
            if event.engagement not in elsewhere:
                came.add(event.stream)
    return {copy for copy in came if _has_to_go(book, party, made[copy], made, moved)}


def _has_to_go(
    book: Ledger, party: str, copy: HoldingCreated, made: dict[str, HoldingCreated], moved: set[str]
) -> bool:
    asked = policy().transfer
    lent = frozenset(mode for mode, path in asked.items() if path.returns)
    if not _kept(book, copy.stream, party) or copy.stream in _confirmed(book, party, frozenset()):
        return False
    if _of_own_record(book, copy, party, moved) or copy.record in _confirmed(book, party, lent):
        return False
    if copy.made_from is not UNSET:
        if copy.made_from in _confirmed(book, party, frozenset()):
            return False
        source = made[copy.made_from]
        known = source.stream not in moved or _of_own_record(book, source, party, moved)
        if known and _state(book, source.stream).custodian == party:
            return False
    return copy.record is UNSET or not _is_of(book, copy.record, party)


def _is_of(book: Ledger, record: str, party: str) -> bool:
    """Whether a record has passed to a party, and not only to come back."""
    lent = frozenset(mode for mode, path in policy().transfer.items() if path.returns)
    passed = book.passed(record, lent)
    return passed is not None and passed.to_party == party


def _of_own_record(book: Ledger, copy: HoldingCreated, party: str, moved: set[str]) -> bool:
    """Whether the party registered it of nothing, for a record that it collected itself."""
    if copy.made_from is not UNSET or copy.record is UNSET:
        return False
    homes = {
        event.holding
        for event in book.told()
        if isinstance(event, RecordCollected) and event.stream == copy.record
    }
    return any(_state(book, h).custodian == party and h not in moved for h in homes)


def _confirmed(book: Ledger, party: str, besides: frozenset[str]) -> set[str]:
    """What handovers to the party have confirmed, but for those in some modes."""
    to = {
        event.stream
        for event in book.told()
        if isinstance(event, HandoverPlanned)
        and event.to_party == party
        and event.mode not in besides
    }
    confirmed = (e for e in book.told() if isinstance(e, HandoverConfirmed) and e.stream in to)
    return {item for event in confirmed for item in event.items}


def _state(book: Ledger, copy: str) -> HoldingState:
    state = book.states[copy]
    assert isinstance(state, HoldingState)
    return state


def _kept(book: Ledger, copy: str, party: str) -> bool:
    state = _state(book, copy)
    return state.there and state.custodian == party

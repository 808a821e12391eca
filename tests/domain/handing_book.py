"""What `tests.domain.books` answers about records on their way, read off the list of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.answers import Listed, Passed
from domain.copies import HoldingState
from domain.handover import HandoverConfirmed, HandoverState, records_of
from domain.holding import HoldingCreated
from domain.record import RecordCollected, RecordCorrected, RecordState

if TYPE_CHECKING:
    from tests.domain.books import Ledger


def copies(book: Ledger, record: str, *, there: bool = True) -> list[HoldingState]:
    """The copies of a record that are there, or all of them."""
    states = [s for s in book.states.values() if isinstance(s, HoldingState)]
    found = [state for state in states if record in book.inside(state.stream)]
    return [state for state in found if state.there or not there]


def of_content(book: Ledger, record: str) -> set[str]:
    """The copies that its content was taken from, and all that were made of those."""
    taken = (RecordCollected, RecordCorrected)
    found = {e.holding for e in book.told() if isinstance(e, taken) and e.stream == record}
    made = [e for e in book.told() if isinstance(e, HoldingCreated) and not e.record]
    made += [e for e in book.told() if isinstance(e, HoldingCreated) and e.record == record]
    for _ in made:
        found |= {event.stream for event in made if event.made_from in found}
    return found


def kept(book: Ledger, record: str, party: str, besides: frozenset[str]) -> bool:
    """Whether a party keeps a copy of a record's content, or one that it made of what passed."""
    own = {copy.stream for copy in copies(book, record) if copy.custodian == party}
    last = passed(book, record, besides)
    return bool(own & of_content(book, record)) or (
        bool(own) and last is not None and last.to_party == party
    )


def listed(
    book: Ledger, items: Sequence[str], party: str, since: int, besides: frozenset[str]
) -> Listed:
    """Every record is an example of a kind of its own."""
    known = [item for item in items if isinstance(book.states.get(item), RecordState)]
    moving = {*known, *(record for item in items for record in book.inside(item))}
    lying = {r: {r, *(c.stream for c in copies(book, r, there=False))} for r in moving}
    last = {record: passed(book, record, besides) for record in moving}
    running = [
        state
        for state in book.states.values()
        if isinstance(state, HandoverState) and state.running and state.from_party == party
    ]
    corrected = {
        event.stream
        for entry, _, event in book.events
        if isinstance(event, RecordCorrected) and entry > since
    }
    return Listed(
        unknown=tuple(item for item in records_of(items) if item not in known),
        not_kept=tuple(item for item in known if not kept(book, item, party, besides)),
        claimed=tuple(
            (record, state.stream)
            for record in sorted(moving)
            for state in running
            if lying[record] & state.items.keys()
        ),
        corrected=tuple(item for item in known if item in corrected),
        examples=tuple((item, item) for item in known),
        passed=tuple(r for r, one in last.items() if one is not None and one.to_party != party),
    )


def passed(book: Ledger, record: str, besides: frozenset[str]) -> Passed | None:
    """The latest confirmation of a record, or of a copy in which it lies."""
    left_out = {e.stream for e in book.told() if getattr(e, "mode", "") in besides}
    for _, accepted, event in reversed(book.events):
        if isinstance(event, HandoverConfirmed) and event.stream not in left_out:
            state = book.states[event.stream]
            assert isinstance(state, HandoverState)
            if any(record == item or record in book.inside(item) for item in event.items):
                return Passed(event.stream, state.from_party, state.to_party, state.mode, accepted)
    return None


def residual(book: Ledger, handover: str, party: str) -> frozenset[str]:
    """The copies that a party keeps of what was confirmed."""
    done = [
        item
        for _, _, event in book.events
        if isinstance(event, HandoverConfirmed) and event.stream == handover
        for item in event.items
    ]
    records = {item for item in done if item.startswith("record-")}
    records |= {record for item in done for record in book.inside(item)}
    found = (copy for record in records for copy in copies(book, record))
    return frozenset(copy.stream for copy in found if copy.custodian == party)

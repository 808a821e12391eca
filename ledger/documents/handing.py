"""What a handover list and a handover confirmation say, from the events of the handover alone.

Ids, codes, counts, digests and times, as of one event. The list has a line an item, as
`ledger.handoverlist` lays it out. No page holds what is personal of customers (C.4.1): of a line
about people the title, and the place of a file, are withheld, and the hash of the whole line
stands in their stead (`leaf`), so that the root over the lines can still be computed; the whole
line goes with the package, encrypted. What people typed (names, places, seal numbers) stands beside
`said`: it is sealed, and not everybody who compares a document with the ledger can open it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from domain.engagement import EngagementState
from domain.handover import (
    HandoverConfirmed,
    HandoverListFrozen,
    HandoverPlanned,
    HandoverReceived,
    HandoverReleased,
    HandoverState,
)
from domain.inspection import HandoverDeemedAccepted, HandoverInspected
from domain.privacy import looks_personal
from domain.replacement import HandoverHandlerReplaced
from domain.residual import HandoverResidualDeclared
from domain.values import later
from ledger.documents.sources import Placed, Source, events_of, state_at
from ledger.effects.listlines import frozen_list, lines
from ledger.errors import KeyAccessError, UsageError, VerificationError
from ledger.handoverlist import Line
from ledger.tlog.merkle import Frontier, leaf_hash

if TYPE_CHECKING:
    from ledger.application import Ledger

MAX_ITEMS: Final = 20_000
"""So many lines one document has at most; a longer list goes as a file of lines."""
_IMPERSONAL: Final = ("non_personal", "anonymized")
_WITHHELD: Final = ("title", "location")
_TYPED: Final = ("place", "method", "channel", "seal_no")
_COUNTED: Final = ("category", "sensitivity", "form")
_BATCH: Final = 4096


def handover_list(ledger: Ledger, source: Source) -> dict[str, Any]:
    """The list with its lines.

    Raises `UsageError` for one that is not whole, or longer than `MAX_ITEMS`; `KeyAccessError`
    where the lines cannot be made again: on a replica, or since something in them was erased.
    """
    placed, state = _read(ledger, source)
    if not state.whole:
        raise UsageError("the list is not whole", "muniment handover freeze HANDOVER RECORD...")
    if state.count > MAX_ITEMS:
        raise UsageError(
            "the list is too long to be printed (over {most} items)",
            "muniment handover lines HANDOVER --out FILE.csv", most=MAX_ITEMS,
        )  # fmt: skip
    parts = [one for one in placed if isinstance(one.event, HandoverListFrozen)
             and one.event.list_version == state.list_version]  # fmt: skip
    found = list(_lines(ledger, state))
    first = parts[0].event
    assert isinstance(first, HandoverListFrozen)
    return {
        **_between(placed, state), **_agreed(ledger, state, source),
        "frozen_at": parts[-1].accepted, "list_version": state.list_version, "root": state.root,
        "lines": state.lines, "count": state.count, "records": state.records,
        "marketing": state.marketing,
        "excluded": [msgspec.to_builtins(one) for one in first.excluded],
        "totals": _totals(found), "items": found,
    }  # fmt: skip


def handover_confirmation(ledger: Ledger, source: Source) -> dict[str, Any]:
    """How it went from release to confirmation, and what the seller keeps."""
    placed, state = _read(ledger, source)
    confirmed = [one for one in placed if isinstance(one.event, HandoverConfirmed)]
    if not confirmed:
        raise UsageError("it was not confirmed", "muniment handover show HANDOVER")
    event = confirmed[-1].event
    assert isinstance(event, HandoverConfirmed)
    policy = ledger.policy()
    items = [item for item, outcome in state.items.items() if outcome == "rejected"]
    return {
        **_between(placed, state), **_agreed(ledger, state, source),
        "list_version": state.list_version, "root": state.root, "lines": state.lines,
        **_arrival(placed, state), "accepted": state.confirmed, "rejected": state.rejected,
        "effective_at": event.effective_at, "confirmed_at": confirmed[-1].accepted,
        "discrepancies": [
            {"number": number, "kind": one.kind, "count": len(one.items),
             "resolution": one.resolution or None}
            for number, one in sorted(state.discrepancies.items())
        ],
        "reservations": list(event.reservations), "rejected_items": items,
        "signed": _signed(confirmed[-1], ledger.origin, ledger), "residual": residual(placed),
        "tracking": [
            policy.calendar.day_of(later(confirmed[-1].accepted, days=days))
            for days in policy.cadence.tracking_days
        ],
    }  # fmt: skip


def typed(ledger: Ledger, source: Source) -> dict[str, str]:
    """What people typed about place and way of a handover, by step; empty if it cannot be opened.

    Reasons, remarks and descriptions stay sealed: they may be about customers.
    """
    found: dict[str, str] = {}
    placed, _ = _read(ledger, source)
    for one in placed:
        step = _STEPS.get(type(one.event))
        if step is None:
            continue
        for name, text in _opened(ledger, one).items():
            if name in _TYPED and not looks_personal(text):
                found[f"{step}_{name}"] = text
    return found


_STEPS: Final = {
    HandoverPlanned: "planned", HandoverReleased: "released", HandoverReceived: "received",
}  # fmt: skip


# -- parts --------------------------------------------------------------------------------------


def _read(ledger: Ledger, source: Source) -> tuple[list[Placed], HandoverState]:
    with ledger.engine.connect() as connection:
        placed = list(events_of(connection, source.stream, source.version))
    state = state_at(ledger, source.stream, source.version)
    assert isinstance(state, HandoverState)
    return placed, state


def _between(placed: Sequence[Placed], state: HandoverState) -> dict[str, Any]:
    """Who hands over to whom, how, when."""
    planned = placed[0].event
    assert isinstance(planned, HandoverPlanned)
    return {
        "handover": state.stream, "mode": state.mode, "from_party": state.from_party,
        "to_party": state.to_party, "handlers": dict(state.handlers),
        "first_day": planned.first_day, "last_day": planned.last_day,
        "inspection_days": state.inspection_days, **replaced(placed),
    }  # fmt: skip


def replaced(placed: Sequence[Placed]) -> dict[str, Any]:
    """The handlers who were replaced on the way; nothing where nobody was."""
    found = [
        {"post": event.post, "replaced": event.replaced, "handler": event.handler,
         "reason": event.reason, "accepted": one.accepted}
        for one in placed
        if isinstance(event := one.event, HandoverHandlerReplaced)
    ]  # fmt: skip
    return {"replaced": found} if found else {}


def _agreed(ledger: Ledger, state: HandoverState, source: Source) -> dict[str, Any]:
    """Which agreements and assessments the deal had by then, by the ids of their documents."""
    deal = deal_at(ledger, state.engagement, source.entry)
    return {
        "agreements": sorted(deal.documents - {*deal.ndas, *deal.pipias}),
        "ndas": list(deal.ndas), "pipias": list(deal.pipias),
    }  # fmt: skip


def deal_at(ledger: Ledger, engagement: str, entry: int) -> EngagementState:
    """A deal as it stood right after an entry."""
    with ledger.engine.connect() as connection:
        versions = [
            one.event.version for one in events_of(connection, engagement) if one.entry <= entry
        ]
    state = state_at(ledger, engagement, versions[-1])
    assert isinstance(state, EngagementState)
    return state


def _lines(ledger: Ledger, state: HandoverState) -> Iterator[dict[str, Any]]:
    """The lines as the pages may show them; they are those of the event, or nothing is printed."""
    try:
        frozen = frozen_list(ledger, state.stream, state.list_version)
    except VerificationError as error:
        raise _unmade() from error
    edge = Frontier()
    made = lines(ledger, frozen)
    while batch := list(islice(made, _BATCH)):
        raws = [line.format() for line in batch]
        leaves = [leaf_hash(raw) for raw in raws]
        edge.extend(leaves)
        yield from map(_shown, batch, raws, leaves)
    if edge.root().hex() != state.lines:
        raise _unmade()


def _unmade() -> KeyAccessError:
    msg = "the lines cannot be made again: something they say was erased, or is not here"
    return KeyAccessError(msg, "the document as it was issued, or the buyer's package, has them")


def _shown(line: Line, raw: bytes, leaf: bytes) -> dict[str, Any]:
    """A line without what is personal of customers."""
    known: dict[str, Any] = msgspec.json.decode(raw)
    withheld = [name for name in _WITHHELD if name in known and _personal(line, known, name)]
    if withheld:
        known = {name: value for name, value in known.items() if name not in withheld}
        known["leaf"] = leaf.hex()
    return known


def _personal(line: Line, known: Mapping[str, Any], name: str) -> bool:
    """Whether a text of a line may be about somebody. The title of a series names nobody."""
    if looks_personal(known[name]):
        return True
    if line.sensitivity in _IMPERSONAL:
        return False
    series = "record" not in known
    return not (series if name == "title" else known.get("form") == "paper")


def _totals(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How many items, pieces and bytes there are of each category, sensitivity and form."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for item in items:
        for name in _COUNTED:
            counted = sums.setdefault((name, item.get(name, "")), Counter())
            counted.update(items=1, quantity=item.get("quantity", 0), bytes=item.get("bytes", 0))
    order = {name: at for at, name in enumerate(_COUNTED)}
    return [
        {"by": by, "code": code or None, **counted}
        for (by, code), counted in sorted(sums.items(), key=lambda one: (order[one[0][0]], one[0]))
    ]


def _arrival(placed: Sequence[Placed], state: HandoverState) -> dict[str, Any]:
    """Release, receipt and inspection."""
    found: dict[str, Any] = {"count": state.count, "records": state.records}
    checks: dict[str, tuple[str, str]] = {}
    for one in placed:
        event = one.event
        match event:
            case HandoverReleased():
                found |= {"released_at": event.released_at, "package_sent": event.package or None}
                found |= {"released_off_plan": event.off_plan} if event.off_plan else {}
            case HandoverReceived():
                found |= {
                    "received_at": event.received_at, "package_received": event.package or None,
                    "read": event.read, "matched": event.matched, "seal": event.seal or None,
                    "deadline": later(event.received_at, days=state.inspection_days),
                }  # fmt: skip
                found |= {"received_off_plan": event.off_plan} if event.off_plan else {}
            case HandoverInspected():
                checks |= dict.fromkeys(event.items, (event.digest, event.readable))
            case HandoverDeemedAccepted():
                found["deemed_at"] = one.accepted
    counted = Counter(checks.values())
    found["inspected"] = [
        {"digest": digest, "readable": readable, "count": number}
        for (digest, readable), number in sorted(counted.items())
    ]
    found["not_inspected"] = state.count - len(checks)
    return found


def _signed(placed: Placed, origin: str, ledger: Ledger) -> list[dict[str, Any]]:
    """Who signed the confirmation, in which capacity, for which party, with which key."""
    prefix = f"{origin}/a/"
    found = []
    for signer in placed.commit.note.signers:
        actor = signer.name.removeprefix(prefix)
        state = ledger.state(actor)
        found.append({
            "actor": actor, "capacity": signer.capacity, "party": getattr(state, "party", None),
            "key": signer.key_id.hex(), "accepted": placed.accepted,
        })  # fmt: skip
    return found


def residual(placed: Sequence[Placed]) -> list[dict[str, Any]] | None:
    """What the giving party says that it keeps; None if it has not said so yet.

    The last word on a copy counts.
    """
    said = [one.event for one in placed if isinstance(one.event, HandoverResidualDeclared)]
    if not said:
        return None
    sums: Counter[tuple[str, str]] = Counter()
    kept: dict[str, tuple[str, str]] = {}
    for event in said:
        sums[event.basis, event.retain_until] += 0
        kept |= dict.fromkeys(event.items, (event.basis, event.retain_until))
    sums.update(kept.values())
    return [
        {"basis": basis, "retain_until": day, "copies": number}
        for (basis, day), number in sorted(sums.items())
    ]


def _unsealed(ledger: Ledger, placed: Placed) -> Mapping[str, str]:
    return ledger.unseal(placed.position, placed.event) or {}


def _opened(ledger: Ledger, placed: Placed) -> Mapping[str, str]:
    try:
        return _unsealed(ledger, placed)
    except KeyAccessError:
        return {}

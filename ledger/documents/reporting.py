"""What a notice, an access review and a closing report say, as of the event that they close with.

A closing report is computed from the events of the deal alone, so that it is the same whenever it
is printed: which steps were taken when, how much did not fit, what was late, what is kept. How the
gates stand today is another question (`ledger.closingreport`). Who is meant is said by ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins

from domain.access import AccessReviewed
from domain.closing import EngagementClosed, TrackingChecked
from domain.engagement import EngagementState
from domain.handover import HandoverListFrozen, HandoverState
from domain.notice import NoticeState
from domain.values import moment, topic_of
from ledger.accessreview import access_report
from ledger.documents.handing import deal_at, replaced, residual
from ledger.documents.sources import Placed, Source, events_of, state_at
from projections import handovers, notices

if TYPE_CHECKING:
    from ledger.application import Ledger

Row = dict[str, Any]

_AT_ONCE: Final = 200
_MOST_ROWS: Final = 200
"""So many rows of one kind a page shows; all are counted."""
_TEN_THOUSAND: Final = 10_000


def transfer_notice(ledger: Ledger, source: Source) -> Row:
    """How a notice was issued; its text stands beside, where names may."""
    state = state_at(ledger, source.stream, source.version)
    assert isinstance(state, NoticeState)
    first = state.first
    deal = deal_at(ledger, first.engagement, source.entry)
    return {
        "notice": source.stream, "article": first.kind, "mode": deal.mode,
        "from_party": deal.seller, "recipient": first.recipient, "channel": first.channel,
        "count": first.count, "text_version": first.template_version,
    }  # fmt: skip


def access_review(ledger: Ledger, source: Source) -> Row:
    """The report that the reviewer had, and the counts that were recorded of it."""
    with ledger.engine.connect() as connection:
        *_, placed = events_of(connection, source.stream, source.version)
    event = placed.event
    assert isinstance(event, AccessReviewed)
    span = (event.period_from, event.period_to)
    report = access_report(ledger, span, event.stream, entry=source.entry - 1)
    told = to_builtins(report)
    return {
        "reviewer": event.by, "engagement": event.stream, "period_from": span[0],
        "period_to": span[1], "recorded_anomalies": event.anomalies,
        "report_digest": report.digest, "recorded_digest": event.report or None,
        **reviewed(told),
    }  # fmt: skip


def reviewed(told: Row) -> Row:
    """The rows of a report, as the pages have room for them (`ledger.documents.told`).

    `told`: a report of `ledger.accessreview` in built-in types.
    """
    return {
        "allowed": told["allowed"], "denied": told["denied"],
        "break_glass": told["break_glass"], "anomalous": told["anomalous"],
        "coverage": told["coverage"], "method": told["method"],
        "grant_counts": _counted(told["grant_counts"]),
        "grants": [_grant(row) for row in told["grants"] if row["flags"]][:_MOST_ROWS],
        "matrix": told["matrix"][:_MOST_ROWS],
        "access_counts": list(_axes(told["counts"])),
        "anomalies": [
            {"kind": one["kind"], "count": one["count"]} for one in told["anomalies"]
        ],
        "anomalous_accesses": [
            {"kind": one["kind"], **_access(row)}
            for one in told["anomalies"] for row in one["rows"]
        ][:_MOST_ROWS],
        "denials": told["denials"][:_MOST_ROWS],
        "emergencies": told["emergencies"][:_MOST_ROWS],
        "sample": [_access(row) for row in told["sample"]],
        "training": told["training"][:_MOST_ROWS], "findings": told["findings"],
        "follow_up": told["follow_up"],
    }  # fmt: skip


def _counted(counts: Mapping[str, int]) -> list[Row]:
    return [{"flag": name, "count": count} for name, count in sorted(counts.items())]


def _grant(row: Row) -> Row:
    return {name: row[name] for name in ("grant", "actor", "condition", "ends", "flags")}


def _axes(counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Iterator[Row]:
    for axis, values in counts.items():
        for value, outcomes in list(values.items())[:_MOST_ROWS]:
            yield {"axis": axis, "value": value or None, **outcomes}


def _access(row: Row) -> Row:
    names = ("position", "accepted", "actor", "record", "mode", "purpose", "outcome")
    return {name: row[name] for name in names if name in row}


# -- the end of a deal --------------------------------------------------------------------------


def closing_report(ledger: Ledger, source: Source) -> Row:
    """A deal from its opening to its closing."""
    deal = deal_at(ledger, source.stream, source.entry)
    with ledger.engine.connect() as connection:
        own = list(events_of(connection, source.stream, source.version))
        passed = handovers.listed(
            connection, limit=_AT_ONCE, engagement=source.stream, entry=source.entry
        )
        told = notices.listed(
            connection, limit=_AT_ONCE, engagement=source.stream, entry=source.entry
        )
    streams = [one.handover for one in passed]
    events = {stream: _until(ledger, stream, source.entry) for stream in streams}
    events |= {one.notice: _until(ledger, one.notice, source.entry) for one in told}
    closed = own[-1].event
    assert isinstance(closed, EngagementClosed)
    return {
        "mode": deal.mode, "path": _path(ledger, deal), "from_party": deal.seller,
        "to_party": deal.buyer, "broker": deal.broker or None, "opened_at": deal.opened_at,
        "closed_at": source.accepted, "outcome": closed.outcome,
        "days": _days(deal.opened_at, source.accepted),
        "steps": list(_steps(deal, [*own, *(one for some in events.values() for one in some)])),
        "handovers": [_handover(ledger, one, events[one]) for one in streams],
        **_replaced(events, streams),
        "residual": [
            {"handover": one, **row} for one in streams for row in residual(events[one]) or ()
        ],
        "tracking": list(_tracking(ledger, own)),
        "disposals": [
            {"party": party, "how": one.how, "count": one.count, "disposed_at": one.disposed_at}
            for party, one in sorted(deal.disposals.items())
        ],
    }  # fmt: skip


def _replaced(events: Mapping[str, Sequence[Placed]], streams: Sequence[str]) -> Row:
    """The handlers who were replaced, of all handovers; nothing where nobody was."""
    found = [
        {"handover": one, **row}
        for one in streams
        for row in replaced(events[one]).get("replaced", ())
    ]
    return {"replaced": found} if found else {}


def _path(ledger: Ledger, deal: EngagementState) -> str | None:
    law = ledger.policy().transfer.get(deal.mode)  # type: ignore[call-overload]
    return law.path if law is not None else None


def _until(ledger: Ledger, stream: str, entry: int) -> list[Placed]:
    with ledger.engine.connect() as connection:
        return [one for one in events_of(connection, stream) if one.entry <= entry]


def _days(first: str, last: str) -> int:
    """Whole days between two times."""
    return max((moment(last) - moment(first)).days, 0)


def _steps(deal: EngagementState, placed: Sequence[Placed]) -> Iterator[Row]:
    """Each kind of step: how often it was taken, first and last, how long after the opening."""
    found: dict[str, list[Placed]] = {}
    for one in sorted(placed, key=lambda one: one.position):
        found.setdefault(topic_of(one.event), []).append(one)
    for topic, taken in found.items():
        first, last = taken[0].accepted, taken[-1].accepted
        yield {
            "topic": topic, "times": len({one.entry for one in taken}), "first": first,
            "last": last, "days": _days(deal.opened_at, last),
        }  # fmt: skip


def _handover(ledger: Ledger, stream: str, placed: Sequence[Placed]) -> Row:
    state = state_at(ledger, stream, placed[-1].event.version)
    assert isinstance(state, HandoverState)
    raised = state.discrepancies.values()
    frozen = [one.event for one in placed if isinstance(one.event, HandoverListFrozen)
              and one.event.list_version == state.list_version and one.event.excluded]  # fmt: skip
    excluded = sum(one.records for event in frozen for one in event.excluded)
    settled = Counter(one.resolution for one in raised)
    return {
        "handover": stream, "step": state.step, "items": state.count,
        "confirmed": state.confirmed, "rejected": state.rejected, "excluded": excluded,
        "discrepancies": len(raised), "open": settled[""], "reserved": settled["reserved"],
        "rate": -(-len(raised) * _TEN_THOUSAND // state.count) if state.count else None,
    }  # fmt: skip


def _tracking(ledger: Ledger, placed: Sequence[Placed]) -> Iterator[Row]:
    day_of = ledger.policy().calendar.day_of
    for one in placed:
        event = one.event
        if isinstance(event, TrackingChecked):
            yield {
                "due": event.due, "done_at": event.done_at, "topics": list(event.topics),
                "findings": event.findings, "late": day_of(event.done_at) > event.due,
            }  # fmt: skip

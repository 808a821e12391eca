"""The closing report of a deal (结项报告), computed from the ledger alone.

The ladder of gates with dates, how long each step took, how much of what was handed over did not
fit, what is overdue, what the seller still keeps and until when, and the checks after the handover.
It may be asked for at any time; whoever prints it for the file does so when the deal is closed.

    engagement, mode, path, seller, buyer, broker      who, and by which path in law
    opened_at, closed_at, outcome, days                from opening to closing, or to now
    checkpoint {size, root, accepted}                  the state of the ledger that was read
    gates [{number, code, state, since, days, waiting}]    days: from the opening to `since`
    durations [{from, to, days}]                       between the steps that were taken
    handovers [{handover, step, items, confirmed, rejected, excluded, replaced, discrepancies, open,
                reserved, rate, kinds, steps, days}]   rate: discrepancies per 10,000 items
    totals                                             the same, over all handovers
    residual [{handover, holding, basis, retain_until, there}], undeclared [holding]
    tracking [{due, done_at, topics, findings, late}], disposals, documents
    overdue [{detail, ids, count, due, gate}]          what gates wait for beyond its day
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import sqlalchemy as sa
from msgspec import to_builtins

from domain.closing import EngagementClosed
from domain.values import moment
from ledger.application import Ledger
from ledger.custody import as_judged_now
from ledger.dealfile import Row, handovers_of
from ledger.gates import Gate, ladder_of
from ledger.gates.deal import OVER, Deal
from ledger.gates.steps import declared
from ledger.tree import StoredTree
from projections import agreements, arrivals, deals, handovers

_TEN_THOUSAND: Final = 10_000
_STEPS: Final = ("list_frozen", "released", "received", "confirmed", "residual_declared")
_LATE: Final = frozenset({
    "inspection_overdue", "residual_overdue", "residual_period_over", "tracking_overdue",
    "backup_overdue", "offsite_overdue", "backup_check_overdue", "drill_overdue",
})  # fmt: skip


def closing_report(ledger: Ledger, engagement: str) -> Row:
    """The report of a deal as it stands now. Raises `UsageError` if the engagement is none."""
    with ledger.engine.connect() as connection, as_judged_now(ledger) as case:
        deal = Deal(connection, case, engagement)
        gates = ladder_of(deal).gates
        done = [_handover(deal, one) for one in handovers_of(connection, engagement)]
        closed_at = deal.last(EngagementClosed)
        return {
            **_who(deal), "opened_at": deal.state.opened_at, "closed_at": closed_at or None,
            "outcome": deal.state.outcome or None,
            "days": _days(deal.state.opened_at, closed_at or deal.now),
            "checkpoint": _state(connection),
            "gates": [_gate(deal, gate) for gate in gates],
            "durations": list(_durations(deal, closed_at)),
            "handovers": done, "totals": _totals(done),
            **_kept(deal), **_after(deal),
            "documents": to_builtins(agreements.documents_of(connection, engagement)),
            "overdue": list(_overdue(gates)),
        }  # fmt: skip


def _who(deal: Deal) -> Row:
    state = deal.state
    return {
        "engagement": deal.id, "mode": state.mode, "path": deal.path.path if deal.path else None,
        "seller": state.seller, "buyer": state.buyer, "broker": state.broker or None,
    }  # fmt: skip


def _state(connection: sa.Connection) -> Row:
    head = StoredTree(connection).head
    return {"size": head.entries, "root": head.root.hex(), "accepted": head.accepted}


def _days(first: str, last: str) -> int:
    """Whole days between two times."""
    return max((moment(last) - moment(first)).days, 0)


def _gate(deal: Deal, gate: Gate) -> Row:
    days = None if gate.since is None else _days(deal.state.opened_at, gate.since)
    return {**to_builtins(gate), "days": days}


def _durations(deal: Deal, closed_at: str) -> Iterator[Row]:
    """From each step that was taken to the next one; the last time that a step was taken counts."""
    times = [("opened", deal.state.opened_at), *((step, deal.taken(step)) for step in _STEPS)]
    taken = [(name, time) for name, time in [*times, ("closed", closed_at)] if time]
    for (first, begun), (last, ended) in pairwise(taken):
        yield {"from": first, "to": last, "days": _days(begun, ended)}


def _handover(deal: Deal, one: handovers.Handover) -> Row:
    raised = arrivals.discrepancies(deal.connection, one.handover)
    steps = {step: deal.facts.accepted_at(entry) for step, entry in one.steps.items()}
    settled = Counter(each.resolution for each in raised)
    passed = steps.get("confirmed")
    left_out = handovers.left_out(deal.connection, one.handover, one.list_version)
    return {
        "handover": one.handover, "step": one.step, "items": one.count, "records": one.records,
        "confirmed": one.confirmed, "rejected": one.rejected,
        "excluded": to_builtins(left_out),
        "replaced": [
            {"post": new.post, "replaced": new.replaced, "handler": new.handler,
             "reason": new.reason, "at": deal.facts.accepted_at(new.entry)}
            for new in handovers.replacements(deal.connection, one.handover)
        ],
        "discrepancies": len(raised),
        "open": settled[None], "reserved": settled["reserved"],
        "rate": _rate(len(raised), one.count),
        "kinds": dict(sorted(Counter(each.kind for each in raised).items())), "steps": steps,
        "days": _days(steps["list_frozen"], passed) if passed else None,
    }  # fmt: skip


def _rate(raised: int, items: int) -> int | None:
    """Discrepancies per 10,000 items, rounded up: what did not fit is never rounded away.

    >>> _rate(0, 7), _rate(1, 48_120), _rate(1, 0)
    (0, 1, None)
    """
    return -(-raised * _TEN_THOUSAND // items) if items else None


def _totals(done: Sequence[Mapping[str, Any]]) -> Row:
    """Over all handovers that are not cancelled."""
    names = ("items", "confirmed", "rejected", "discrepancies", "open", "reserved")
    counted = [one for one in done if one["step"] != "cancelled"]
    totals: Row = {name: sum(one[name] for one in counted) for name in names}
    return {**totals, "rate": _rate(totals["discrepancies"], totals["items"])}


def _kept(deal: Deal) -> Row:
    """What the seller declared, whether it is still there, and what it keeps undeclared."""
    rows: list[Row] = []
    undeclared: set[str] = set()
    for one in deal.handovers:
        if one.step not in OVER:
            continue
        left = deal.facts.residual(one.stream, one.from_party)
        undeclared |= left - one.declared
        rows += (
            {
                "handover": one.stream, "holding": kept.holding, "basis": kept.basis,
                "retain_until": kept.retain_until, "there": kept.holding in left,
            }
            for kept in declared(deal.connection, one.stream)
        )  # fmt: skip
    return {"residual": rows, "undeclared": sorted(undeclared)}


def _after(deal: Deal) -> Row:
    tracked = deals.tracking_of(deal.connection, deal.id)
    day_of = deal.case.policy.calendar.day_of
    return {
        "tracking": [
            {**to_builtins(one), "late": day_of(one.done_at) > one.due} for one in tracked
        ],
        "disposals": to_builtins(deals.disposals_of(deal.connection, deal.id)),
    }


def _overdue(gates: Sequence[Gate]) -> Iterator[Row]:
    for gate in gates:
        for late in gate.waiting:
            if late.detail in _LATE:
                yield {
                    "gate": gate.number, "detail": late.detail, "ids": list(late.ids),
                    "count": late.count, "due": late.due,
                }  # fmt: skip

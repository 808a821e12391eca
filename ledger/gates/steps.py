"""The gates of the handovers themselves, of what follows them, and of the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from domain.closing import (
    CopiesDisposed,
    EngagementClosed,
    TrackingChecked,
    copies_are_gone,
    tracking_days,
)
from domain.handover import HandoverState
from domain.values import later
from ledger.gates.deal import OVER, Deal
from ledger.gates.verdict import Found, Waiting, as_waiting, waiting
from projections import arrivals, documents
from projections.arrivals import Kept

_NOBODY: Final = f"actor-{UUID(int=0)}"
_AT_ONCE: Final = 500
_NO_SALT: Final = "A" * 22  # a hypothetical event is never recorded
_AFTER: Final = {
    "list_frozen": ("list_frozen", "released", "received", *OVER),
    "released": ("released", "received", *OVER),
    "received": ("received", *OVER),
    "confirmed": OVER,
}
"""The steps at which a handover has taken the one named."""


def _step(
    deal: Deal, step: str, detail: str, command: Callable[[HandoverState], str]
) -> Found | None:
    """A gate that every handover goes through."""
    if not deal.hands_over:
        return None
    if not deal.handovers:
        return Found([_no_handover(deal)])
    late = [one for one in deal.handovers if one.step not in _AFTER[step]]
    if late:
        return Found([waiting(detail, (one.stream for one in late), command(late[0]))])
    return Found([], deal.taken(step))


def _no_handover(deal: Deal) -> Waiting:
    command = (
        "muniment handover plan --buyer-handler ACTOR --first-day DAY --last-day DAY "
        f"--engagement {deal.id}"
    )
    return waiting("no_handover", (), command)


# -- 9, 10, 11 --------------------------------------------------------------------------------


def list_frozen(deal: Deal) -> Found | None:
    """Every list is frozen, whole."""
    return _step(
        deal, "list_frozen", "list_not_frozen",
        lambda one: f"muniment handover freeze {one.stream} --all",
    )  # fmt: skip


def _release(one: HandoverState) -> str:
    release = f"muniment handover release {one.stream}"
    if not one.records:
        return release
    return f"muniment handover pack {one.stream} --out DIR; {release} --package DIR"


def released(deal: Deal) -> Found | None:
    """Every list was given away."""
    return _step(deal, "released", "not_released", _release)


def received(deal: Deal) -> Found | None:
    """The buyer has given a receipt for every list."""
    return _step(deal, "received", "not_received", _receive)


def _receive(one: HandoverState) -> str:
    """A package for a handler who was replaced goes once more to the new one first."""
    receive = f"muniment handover receive {one.stream}" + (" --package DIR" if one.records else "")
    return f"{_release(one)}; {receive}" if one.readdressed else receive


# -- 12, 13, 14 -------------------------------------------------------------------------------


def _inspect(one: HandoverState) -> str:
    return f"muniment handover inspect {one.stream}" + (" --package DIR" if one.records else "")


def inspected(deal: Deal) -> Found | None:
    """The buyer has said of every item how it arrived, or let the agreed time go by."""
    found = _step(deal, "received", "not_received", lambda _: "")
    if found is None or found.waiting:
        return _step(
            deal, "received", "not_inspected",
            _inspect,
        )  # fmt: skip
    open_ = [one for one in deal.handovers if one.step == "received"]
    missing = [w for one in open_ if (w := _not_inspected(deal, one)) is not None]
    to_come = {one.stream for one in open_ if not one.deemed and one.unsaid}
    unchecked = sum(
        arrivals.unchecked(deal.connection, one.stream, one.list_version)
        for one in deal.handovers
        if one.stream not in to_come
    )
    return Found(missing, deal.taken("confirmed") or deal.taken("received"), unchecked)


def _not_inspected(deal: Deal, one: HandoverState) -> Waiting | None:
    left = ("again",) if one.deemed else ("", "again")
    items = [item for item, outcome in one.items.items() if outcome in left]
    if not items:
        return None
    due = deal.case.policy.calendar.day_of(one.inspection_ends)
    unsaid = one.unsaid
    if deal.now > one.inspection_ends and unsaid and one.may_be_deemed and not one.deemed:
        command = f"muniment handover deem {one.stream}"
        return waiting("inspection_overdue", unsaid, command, due=due)
    return waiting("not_inspected", items, _inspect(one), due=due)


def discrepancies(deal: Deal) -> Found | None:
    """Whatever did not fit is settled between the handlers, or reserved."""
    found = _step(
        deal, "received", "not_received",
        lambda one: f"muniment handover receive {one.stream}",
    )  # fmt: skip
    if found is None or found.waiting:
        return found
    open_ = [w for one in deal.handovers if one.step == "received" for w in _open(one)]
    return Found(open_, deal.taken("confirmed") or deal.taken("received"))


def _open(one: HandoverState) -> Iterator[Waiting]:
    settle = f"muniment handover discrepancy resolve {one.stream}"
    if numbers := one.open_discrepancies:
        command = f"{settle} {numbers[0]} --resolution CODE --with ACTOR:buyer_handler --draft FILE"
        yield waiting("discrepancy_open", [one.stream], command, count=len(numbers))
    raised = {item for d in one.discrepancies.values() for item in d.items}
    faulty = [i for i, outcome in one.items.items() if outcome == "faulty" and i not in raised]
    if faulty:
        command = f"muniment handover discrepancy raise {one.stream} {faulty[0]} --kind CODE"
        yield waiting("fault_not_raised", faulty, command)


def confirmed(deal: Deal) -> Found | None:
    """Both handlers and the supervisors of both sides have confirmed every handover."""
    return _step(
        deal, "confirmed", "not_confirmed",
        lambda one: f"muniment handover confirm {one.stream} --with ACTOR:buyer_handler "
        "--with ACTOR:supervisor --with ACTOR:supervisor --draft FILE",
    )  # fmt: skip


# -- 15 ---------------------------------------------------------------------------------------


def residual(deal: Deal) -> Found | None:
    """What the seller still keeps is declared, and what others got and may not keep is gone."""
    found: list[Waiting] = []
    times = [deal.taken("residual_declared"), deal.last(CopiesDisposed)]
    done = [one for one in deal.handovers if one.step in OVER]
    needed = False
    gives_up = deal.path is None or deal.path.gives_up  # who only entrusts keeps what it has
    for one in done if gives_up else ():
        left = deal.facts.residual(one.stream, one.from_party)
        needed = needed or bool(one.records or left)
        if left - one.declared or (one.records and one.step == "confirmed"):
            found.append(_undeclared(deal, one, sorted(left - one.declared)))
        found += _kept_too_long(deal, one)
    if deal.hands_over and len(done) < max(len(deal.handovers), 1):
        running = confirmed(deal)
        return Found([*found, *(running.waiting if running else ())])
    gone = list(_not_gone(deal))
    if not needed and not found and not gone and not deal.state.disposals:
        return None
    return Found([*found, *gone], max(times))


def _undeclared(deal: Deal, one: HandoverState, left: list[str]) -> Waiting:
    days = deal.case.policy.deadlines.residual_declaration_days
    entry = deal.entry_of(one.stream, "confirmed")
    end = later(deal.facts.accepted_at(entry), days=days) if entry is not None else deal.now
    due = deal.case.policy.calendar.day_of(end)
    command = f"muniment handover residual {one.stream} --basis CODE --retain-until DAY"
    detail = "residual_overdue" if deal.today > due else "residual_not_declared"
    return waiting(detail, left or [one.stream], command, due=due)


def _kept_too_long(deal: Deal, one: HandoverState) -> Iterator[Waiting]:
    """Copies that are there although the day until which they were declared is over."""
    if not one.declared:
        return
    left = deal.facts.residual(one.stream, one.from_party)
    over = {
        kept.holding: kept.retain_until
        for kept in declared(deal.connection, one.stream)
        if kept.retain_until < deal.today and kept.holding in left
    }
    if over:
        command = f"muniment destroy propose --copy {min(over)} --ground retention_expired"
        yield waiting("residual_period_over", sorted(over), command, due=min(over.values()))


def declared(connection: sa.Connection, handover: str) -> Iterator[Kept]:
    """The copies that a seller declared as kept, the last word on each, in order of their id."""
    after = None
    while found := arrivals.declared(connection, handover, limit=_AT_ONCE, after=after):
        yield from found
        after = found[-1].holding


def _not_gone(deal: Deal) -> Iterator[Waiting]:
    """What stands in the way of closing because of copies that went to others."""
    if not deal.state.open:
        return
    event = EngagementClosed(
        stream=deal.id, version=deal.state.version + 1, at=deal.now, by=_NOBODY, salt=_NO_SALT,
        role="administrator", engagement=deal.id, outcome="completed",
    )  # fmt: skip
    commands = {
        "copy_is_still_there": f"muniment holding return {{}} --to {deal.state.seller}",
        "copies_not_disposed": f"muniment engagement dispose {deal.id} --party {{}} --how CODE "
        "--count NUMBER",
    }
    yield from as_waiting(
        copies_are_gone(deal.case, event), lambda r: commands[r.detail].format(r.blocking[0])
    )


# -- 16, 17 -----------------------------------------------------------------------------------


def tracking(deal: Deal) -> Found | None:
    """Every check that fell due after a confirmation was made."""
    days = tracking_days(deal.case, deal.state)
    if not days:
        return confirmed(deal) if deal.hands_over else None
    missing = [day for day in days if day not in deal.state.tracked]
    over = [day for day in missing if day < deal.today]
    if not missing:
        return Found([], deal.last(TrackingChecked))
    detail = "tracking_overdue" if over else "tracking_to_come"
    command = (
        f"muniment engagement track {deal.id} --due {missing[0]} --topic CODE --findings NUMBER"
    )
    return Found([waiting(detail, (), command, count=len(over or missing), due=missing[0])])


def closing_report(deal: Deal) -> Found:
    """The deal is closed, and its closing report is issued."""
    if deal.state.open:
        command = f"muniment engagement close {deal.id} --outcome CODE"
        return Found([waiting("not_closed", (), command)])
    issued = [
        one
        for one in documents.about(deal.connection, "closing_report", deal.id)
        if one.superseded_entry is None
    ]
    if not issued:
        command = f"muniment document issue closing_report {deal.id} --out FILE"
        return Found([waiting("no_closing_report", (), command)])
    return Found([], deal.facts.accepted_at(issued[-1].issued_entry))

"""What is missing in deals: gates that a list went past, gates that wait, copies not come back.

The seventeen gates are those of `ledger.gates`, asked of a replay's scratch. Which of them a rule
guards at the release is judged with the release; the others (letters, training, counsel's opinion,
backups where the pack only warns) are asked here as they stood before it: `Then` folds streams up
to an entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from domain.judging import STUMBLES, Case, State, Statement, World, affect, evolved
from ledger.audit.catalogue import raised
from ledger.audit.finding import Finding
from ledger.audit.scope import Scope
from ledger.dealfile import handovers_of
from ledger.errors import MunimentError
from ledger.evidence import decode_event
from ledger.facts import LedgerFacts
from ledger.gates import Waiting, ladder_of
from ledger.gates import papers as paper_gates
from ledger.gates import records as record_gates
from ledger.gates.deal import Deal
from ledger.gates.verdict import Found
from projections import deals
from projections.handovers import Handover
from projections.view import key_of

_AT_ONCE: Final = 500
_NAMED: Final = 8
_NOW: Final[Mapping[str, str]] = {
    "residual_overdue": "residual_overdue",
    "residual_period_over": "residual_period_over",
    "tracking_overdue": "tracking_overdue",
    "discrepancy_open": "discrepancy_open",
    "fault_not_raised": "discrepancy_open",
    "no_closing_report": "closing_report_missing",
}
"""What a gate waits for that is a fault at once, by the detail of the waiting."""
_ONCE_LISTED: Final[Mapping[str, str]] = {"pipia": "pipia_missing", "notices": "people_not_cleared"}
"""Gates that must be green before a list is frozen."""
_ELSEWHERE: Final = frozenset({"inspection_overdue"})
"""Chapter `timely` says it."""
_BEFORE: Final[Mapping[str, str]] = {
    "no_authority_letter": "I-09",
    "not_trained": "I-08",
    "no_legal_opinion": "I-14",
    "no_processing_agreement": "I-13",
    "never_backed_up": "I-19",
    "no_offsite_copy": "I-19",
    "no_drill": "I-19",
}
"""What no rule may have asked for when a list was released, and which rule it is about."""


class Then(LedgerFacts):
    """Facts whose streams are folded up to an entry, itself included."""

    def __init__(self, scope: Scope, entry: int) -> None:
        super().__init__(scope.scratch)
        self._scope = scope
        self._entry = entry

    def fold(self, streams: Sequence[str]) -> dict[str, State]:
        """The folds of those of `streams` that existed then."""
        found = {stream: self._folded(stream) for stream in streams}
        return {stream: state for stream, state in found.items() if state is not None}

    def _folded(self, stream: str) -> State | None:
        try:
            key = key_of(stream)
        except ValueError:
            return None
        query = (
            "SELECT position, entry, state FROM events WHERE stream = ? AND entry <= ? "
            "UNION SELECT e.position, e.entry, e.state FROM mentions m "
            "JOIN events e ON e.position = m.position WHERE m.object = ? AND e.entry <= ? "
            "ORDER BY position"
        )
        asked = (key, self._entry, key, self._entry)
        state: State | None = None
        for _, entry, raw in self._scope.scratch.exec_driver_sql(query, asked):
            event = decode_event(bytes(raw))
            if event.stream == stream:
                state = evolved(state, event, entry, self.accepted_at(entry))
            elif state is not None:
                with suppress(*STUMBLES):  # never permitted: nothing follows from it
                    affect(state, event)
        return state


def check(scope: Scope) -> Iterator[Finding]:
    """What is missing in every deal, the closed ones included."""
    after = None
    while found := deals.listed(scope.scratch, limit=_AT_ONCE, after=after):
        after = found[-1].engagement
        for deal in found:
            try:
                yield from _deal(scope, deal)
            except MunimentError:
                yield raised("gate_unknown", entry=deal.opened_entry, subject=deal.engagement)


def _deal(scope: Scope, deal: deals.Deal) -> Iterator[Finding]:
    lists = [one for one in handovers_of(scope.scratch, deal.engagement) if one.step != "cancelled"]
    for one in lists:
        if one.released_entry is not None:
            yield from _released(scope, deal, one)
    yield from _standing(scope, deal, lists)
    if not deal.open:
        yield from _left_behind(scope, deal)


def _judged(scope: Scope, facts: LedgerFacts, now: str, entry: int) -> Case:
    return Case(World(facts), scope.policy, Statement("", entry, now, entry, None, ()))


# -- as it stood when a list was given away ----------------------------------------------------


def _released(scope: Scope, deal: deals.Deal, one: Handover) -> Iterator[Finding]:
    released = one.released_entry or 0
    accepted = scope.facts.accepted_at(released)
    case = _judged(scope, Then(scope, released - 1), accepted, released)
    then = Deal(scope.scratch, case, deal.engagement)
    gates = {
        "parties": paper_gates.parties(then),
        "legal_path": paper_gates.legal_path(then),
        "backup": record_gates.backed_up(then),
    }
    for gate, found in gates.items():
        for waiting in found.waiting if isinstance(found, Found) else ():
            if (rule := _BEFORE.get(waiting.detail)) is not None:
                yield raised(
                    "gate_bypassed", rule=rule, entry=released, subject=one.handover,
                    detail=f"{gate}: {waiting.detail}", evidence=waiting.ids[:_NAMED],
                    since=accepted, actual=str(waiting.count),
                )  # fmt: skip


# -- as it stands now --------------------------------------------------------------------------


def _standing(scope: Scope, deal: deals.Deal, lists: Sequence[Handover]) -> Iterator[Finding]:
    case = _judged(scope, scope.facts, scope.now, scope.entry + 1)
    frozen = any(one.list_frozen_entry is not None for one in lists)
    for gate in ladder_of(Deal(scope.scratch, case, deal.engagement)).gates:
        waits: list[Waiting] = []
        for waiting in gate.waiting:
            code = _NOW.get(waiting.detail)
            if gate.code in _ONCE_LISTED and frozen:
                code = _ONCE_LISTED[gate.code]
            if code is not None:
                yield raised(
                    code, entry=deal.opened_entry, subject=deal.engagement, detail=waiting.detail,
                    evidence=waiting.ids[:_NAMED], due=waiting.due or "",
                    actual=str(waiting.count),
                )  # fmt: skip
            elif waiting.detail not in _ELSEWHERE:
                waits.append(waiting)
        if waits and deal.open:
            yield raised(
                "gate_red", entry=deal.opened_entry, subject=deal.engagement, detail=gate.code,
                due=min((w.due for w in waits if w.due), default=""),
                cause=" ".join(w.detail for w in waits),
            )  # fmt: skip


def _left_behind(scope: Scope, deal: deals.Deal) -> Iterator[Finding]:
    """What is still with the other side of a deal that is over, and is not its own (I-22)."""
    for party in dict.fromkeys(p for p in (deal.buyer, deal.broker) if p is not None):
        out = scope.facts.copies_out(deal.engagement, party)
        if out.holdings:
            named = sorted(out.holdings)
            yield raised(
                "copies_not_returned", entry=deal.closed_entry, subject=deal.engagement,
                detail=deal.outcome or "", evidence=(party, *named[: _NAMED - 1]),
                actual=str(len(named)),
            )  # fmt: skip

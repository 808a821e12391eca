"""The ladder of a deal: seventeen gates, each green, red or not needed, and what a red one awaits.

Computed from what events say, by the functions that the rules themselves ask where there are such;
nothing is recorded by looking, nothing sealed is opened. A gate that the path in law does not ask
for is `not_needed`, and so is what a deal that came to nothing never reached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ledger.application import Ledger
from ledger.custody import as_judged_now
from ledger.gates import papers, records, steps
from ledger.gates.deal import Deal
from ledger.gates.verdict import Found, Gate, Waiting

_GATES: Final[tuple[tuple[str, Callable[[Deal], Found | None]], ...]] = (
    ("parties", papers.parties),
    ("evidence_agreement", papers.evidence_agreement),
    ("nda", papers.nda),
    ("legal_path", papers.legal_path),
    ("inventory", records.ready),
    ("pipia", papers.pipia),
    ("notices", records.cleared),
    ("backup", records.backed_up),
    ("list_frozen", steps.list_frozen),
    ("released", steps.released),
    ("received", steps.received),
    ("inspected", steps.inspected),
    ("discrepancies", steps.discrepancies),
    ("confirmed", steps.confirmed),
    ("residual", steps.residual),
    ("tracking", steps.tracking),
    ("closing_report", steps.closing_report),
)


class Ladder(Struct, frozen=True):
    """The gates of a deal in their order; `path`: None if the pack knows none for its mode."""

    engagement: str
    mode: str
    path: str | None
    outcome: str | None
    gates: tuple[Gate, ...]


def ladder(ledger: Ledger, engagement: str) -> Ladder:
    """The seventeen gates of a deal, as it stands now.

    Raises `UsageError` if the engagement is no deal.
    """
    with ledger.engine.connect() as connection, as_judged_now(ledger) as case:
        return ladder_of(Deal(connection, case, engagement))


def ladder_of(deal: Deal) -> Ladder:
    """The gates of a deal that has been read."""
    gates = (_gate(deal, number, *gate) for number, gate in enumerate(_GATES, 1))
    path = deal.path.path if deal.path else None
    return Ladder(deal.id, deal.state.mode, path, deal.state.outcome or None, tuple(gates))


def _gate(deal: Deal, number: int, code: str, look: Callable[[Deal], Found | None]) -> Gate:
    found = look(deal)
    given_up = deal.state.outcome in ("failed", "cancelled") and code != "closing_report"
    if found is None or (found.waiting and given_up):
        return Gate(number, code, "not_needed", None, ())
    if found.waiting:
        return Gate(number, code, "red", None, tuple(found.waiting), found.unchecked)
    return Gate(number, code, "green", found.since or None, (), found.unchecked)


__all__ = ["Gate", "Ladder", "Waiting", "ladder", "ladder_of"]

"""What a replay's checks look at: what is stored, and what the events alone make of it.

A check is a generator over a `Scope`. What it finds is a `Finding`; what it cannot look at is a
`Gap`, never a finding and never silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain.policy import Policy
from ledger.facts import LedgerFacts
from ledger.folder import Folder

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class Scope(NamedTuple):
    """What a replay's checks look at.

    `log`: what is stored, read-only: events, commits, anchors, checkpoints and the live
    projections; none of it is trusted but as far as verification went.
    `scratch`: the same tables of projections made from the events alone, as of `entry`; it also
    sees `events`, `commits` and `packs` up to `entry` and nothing later, so that
    `LedgerFacts(scratch)` and every reading of `projections` work on it.
    `facts`: over `scratch`; `policy`: the one in force at `entry`.
    `entry`: the last entry replayed, 0-based; `accepted`: its accepted time.
    `now`: the time up to which is judged what is overdue: that of `--as-of`, else the clock's.
    `since`: entries below it were replayed before: what was late in them is not repeated; what is
    missing or inconsistent is, because it is so now (0: everything is new).
    `folder`: of the ledger; None for a copy of the database and for a bundle.
    """

    log: Connection
    scratch: Connection
    facts: LedgerFacts
    policy: Policy
    entry: int
    accepted: str
    now: str
    since: int
    folder: Folder | None

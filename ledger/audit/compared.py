"""What a replay has read and made, compared with what was verified and with the live tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ledger.audit.catalogue import raised
from ledger.audit.finding import Finding
from ledger.audit.scratch import TABLES
from ledger.rebuild import LAYOUT
from ledger.schema import has_earlier_format
from ledger.tlog.merkle import Frontier, leaf_hash
from ledger.verification.findings import Report
from projections.comparison import differences
from projections.view import fetch

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_DIFFERENCES: Final = 20
_ENTRIES: Final = 4096
_MORE: Final = "SELECT data FROM log.commits WHERE entry BETWEEN ? AND ? ORDER BY entry"


def is_beginning(frontier: Frontier, own: Connection, report: Report) -> bool:
    """Whether the entries that were judged begin the tree that was verified.

    `frontier`: over the entries judged; it is grown by those that follow them, from `own`.
    """
    for first in range(frontier.size, report.size, _ENTRIES):
        rows = fetch(own, _MORE, (first, min(first + _ENTRIES, report.size) - 1))
        frontier.extend(leaf_hash(data) for (data,) in rows if isinstance(data, bytes))
    return (frontier.size, frontier.root().hex()) == (report.size, report.root)


def of_this_layout(log: Connection) -> bool:
    """Whether the live tables are those that this version makes."""
    layout = log.exec_driver_sql("PRAGMA user_version").scalar()
    return bool(layout == LAYOUT) and not has_earlier_format(log)


def differing(log: Connection, own: Connection) -> Iterator[Finding]:
    """The first differing rows of each table."""
    for one in differences(log, own, TABLES, limit=_DIFFERENCES):
        yield raised(
            "projection_differs", detail=str(one.table), subject=one.key, actual=one.kind,
            cause=f"table {one.table}, row {one.kind} {' '.join(one.columns)}".rstrip(),
        )  # fmt: skip

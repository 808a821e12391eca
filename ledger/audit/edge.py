"""The tree over the entries that there are, for a log whose head does not say where it stands.

A keeper who changes the head hides no entry: verification says `head_changed`, and a replay goes on
with what is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ledger.errors import MunimentError
from ledger.tlog.merkle import Frontier, leaf_hash
from ledger.tree import Head, StoredTree

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_MOST_MISSING: Final = 1 << 16
_KINDS: Final = (
    "SELECT typeof(entries), typeof(events), typeof(root), typeof(edge), typeof(accepted) FROM head"
)
_HEAD: Final = ("integer", "integer", "blob", "blob", "text")
_STORED: Final = 'SELECT entry, first + "count" - 1, data FROM commits ORDER BY entry'


class _Recounted(StoredTree):
    """The tree over the stored entries, whatever the head says."""

    def refresh(self) -> bool:
        """Count the entries."""
        frontier, entries, events, accepted = Frontier(), 0, 0, ""
        for entry, last, data in self._connection.exec_driver_sql(_STORED):
            if isinstance(data, bytes):
                frontier.append(leaf_hash(data))
                accepted = data[9:33].decode("ascii", "replace")
            entries = max(entries, entry + 1)
            events = max(events, last) if isinstance(last, int) else events
        self._frontier = frontier
        self.head = Head(entries, events, frontier.root(), accepted)
        self._roots = {entries: self.head.root}
        return True


def tree_of(log: Connection) -> StoredTree:
    """The stored tree; where the head cannot be one, that over the entries that there are.

    A head that goes beyond the last entry is believed: the tail may have been cut off. Raises
    `sqlalchemy.exc.DBAPIError` where the entries cannot be read.
    """
    try:
        if list(map(tuple, log.exec_driver_sql(_KINDS))) != [_HEAD]:
            return _Recounted(log)
        tree = StoredTree(log)
    except (sa.exc.DBAPIError, MunimentError, AttributeError, LookupError, TypeError, ValueError):
        return _Recounted(log)
    last = log.exec_driver_sql("SELECT max(entry) FROM commits").scalar()
    if not isinstance(last, int) or not last < tree.head.entries <= last + _MOST_MISSING:
        return _Recounted(log)
    return tree

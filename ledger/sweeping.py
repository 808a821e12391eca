"""What was left in the vault by runs that were broken off, taken out of it.

An object is there before the event that names it, so a run that is killed leaves objects that no
event names: contents that no destruction would reach. Whoever holds the writer's lock knows that
nobody is putting anything in, and takes them out at once. What is known is asked twice: of the
projections, and of the events themselves before anything is removed. More than a run can leave are
left alone: they may be what a newer state of this ledger names, which was put back older by hand.
"""

from __future__ import annotations

import sqlalchemy as sa
from msgspec import UNSET

from domain.holding import HoldingCreated
from ledger.errors import MunimentError
from ledger.evidence import decode_event
from ledger.vault import Stored, Vault

_LIKELY = sa.text(
    "SELECT e.state FROM holdings h JOIN events e ON e.stream = h.holding AND e.version = 1 "
    "WHERE h.encrypted = 1"
)
_ALL = sa.text("SELECT state FROM events WHERE topic = 'holding.created' ORDER BY position")
_PORTION = 10_000
MOST_LEFT = 1_000
"""More objects than one commit names: no run that was broken off leaves so many."""


def sweep(vault: Vault, connection: sa.Connection, most: int = MOST_LEFT) -> int:
    """Remove what no event names; how many files there were. Under the writer's lock only.

    Raises `MunimentError` for one that cannot be removed, and if there are more than `most`; then
    nothing was removed.
    """
    if not vault.path.is_dir():
        return 0
    found = _unnamed(list(vault.strays(lambda _: False)), connection, _LIKELY)
    found = _unnamed(found, connection, _ALL)
    if len(found) > most:
        raise MunimentError(
            "{count} files in the vault are named by no event: more than a run can leave",
            "muniment ledger refetch, if this ledger was put back older; else muniment vault check "
            "--remove-strays",
            count=len(found),
        )
    for stray in found:
        try:
            stray.path.unlink(missing_ok=True)
        except OSError as error:
            raise MunimentError(
                "a file in the vault that no event names cannot be removed ({cause})",
                "look at the disk and at who owns the vault, and do it again",
                cause=error.strerror or "",
            ) from None
    return len(found)


def _unnamed(strays: list[Stored], connection: sa.Connection, query: sa.TextClause) -> list[Stored]:
    """Those of some files of the vault that no event names, among the events of a query."""
    if not any(stray.object for stray in strays):
        return strays
    left = {stray.object for stray in strays} - {""}
    for rows in connection.execute(query).partitions(_PORTION):
        for (state,) in rows:
            event = decode_event(bytes(state))
            if isinstance(event, HoldingCreated) and event.object is not UNSET:
                left.discard(event.object)
    return [stray for stray in strays if not stray.object or stray.object in left]

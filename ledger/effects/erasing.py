"""What lies under data keys: their state in the keystore, and every text sealed under them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger.application import Ledger
from ledger.errors import KeyAccessError
from ledger.evidence import data_key

_ROWS: Final = 10_000


def key_state(ledger: Ledger, key: str) -> str:
    """The state of a data key; what cannot be found in a damaged keystore is unknown."""
    try:
        return ledger.keystore.state(key)
    except KeyAccessError:
        return "unknown"


def sealed_under(ledger: Ledger, keys: Iterable[str]) -> list[int]:
    """The positions of all sealed payloads under these keys, wherever they are, in order.

    Goes through every event: nothing sealed under a shredded key may be left, whoever sealed it.
    """
    return sorted(position for found in sealed_by_key(ledger, keys).values() for position in found)


def sealed_by_key(ledger: Ledger, keys: Iterable[str]) -> dict[str, list[int]]:
    """The same by key, of those keys that have any; one walk, however many keys are asked for."""
    wanted = set(keys)
    found: dict[str, list[int]] = {}
    if not wanted:
        return found
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT e.position, e.state FROM events e JOIN sealed s ON s.position = e.position "
            "ORDER BY e.position"
        )
        for part in rows.partitions(_ROWS):
            for position, state in part:
                if (key := data_key(bytes(state))) in wanted:
                    found.setdefault(key, []).append(position)
    return found

"""Who somebody is: names and positions, which stand sealed in the first event of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ledger.errors import KeyAccessError

if TYPE_CHECKING:
    from ledger.application import Ledger


def opened(ledger: Ledger, stream: str, version: int = 1) -> Mapping[str, str]:
    """The sealed texts of one event of a stream; empty if they cannot be opened.

    They cannot without the ledger's passphrase, on a replica, and once their key was shredded.
    """
    try:
        for position, _, event, _ in ledger.events_of(stream)[version - 1 : version]:
            return ledger.unseal(position, event) or {}
    except KeyAccessError:
        return {}
    return {}


def called(ledger: Ledger, stream: str) -> str:
    """The name of a party or an actor, or the id where it cannot be opened."""
    return opened(ledger, stream).get("name") or stream


def firm(ledger: Ledger, party: str) -> str:
    """The name of a party with its registration number, as contracts have it."""
    known = opened(ledger, party)
    name, number = known.get("name") or party, known.get("identifier")
    return f"{name}（{number}）" if number else name

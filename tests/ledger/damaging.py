"""One slot of a keystore damaged, as by a bad sector: its key is gone, its neighbours are not."""

from __future__ import annotations

from domain.holding import HoldingCreated
from ledger.application import Ledger


def damage_key_of(ledger: Ledger, holding: str) -> str:
    """Flip a bit of the wrapped data key under which a copy's creation is sealed; the key's id."""
    (created,) = (e for _, _, e, _ in ledger.events_of(holding) if isinstance(e, HoldingCreated))
    assert created.sealed
    key = created.sealed.key
    slots = ledger.folder.keystore / "slots"
    raw = bytearray(slots.read_bytes())
    raw[raw.index(bytes.fromhex(key[4:].replace("-", ""))) + 40] ^= 1
    with slots.open("r+b") as file:
        file.write(raw)
    return key

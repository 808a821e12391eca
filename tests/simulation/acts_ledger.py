"""The ledger's own key, replaced by its administrator."""

from __future__ import annotations

from typing import Any

from ledger import acts
from ledger.founding import enrolment
from ledger.privatekey import generate
from tests.ledger.ledgers import keep_key
from tests.simulation.act import Act, draw, somebody
from tests.simulation.world import World

MOST_KEYS = 12  # a witness pins 16 keys of a ledger at most


def changing_the_ledgers_key(world: World) -> Act | None:
    """Another key signs checkpoints from now on; the old one says so, too."""
    if world.book.counts.get("ledger.key_rotated", 0) >= MOST_KEYS:
        return None
    who, silent = somebody(world, "wang"), draw(world).random() < 0.3
    broken = world.guards.may(world.people[who], "administer")
    broken |= {"I-01"} if silent else set()

    def do() -> Any:
        ledger = world.ledger
        old = ledger.private_key(ledger.ledger_id, "checkpoint", ledger.checkpoint_key())
        key = generate("ed25519", "checkpoint", ledger.origin)
        keep_key(ledger, ledger.ledger_id, key)
        said = acts.rotate_ledger_key(ledger, enrolment(key, ledger.seen()))
        return world.say(who, [said], possession=[key] if silent else [old, key])

    return Act("changes the key of the ledger", who, "", frozenset(broken), do)

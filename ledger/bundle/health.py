"""`data/60_环境/health.json`: on what the ledger runs, and how it has been running.

    software        {"muniment", "code": SHA-256 over the program's files (`code_digest`), "python",
                    "system", "machine", "sqlite", "cryptography"}
    clock           {"source": "system_clock", "synchronised": "not_recorded"}
    ledger          {"began": accepted time of entry 0, "last": of the last entry, "entries",
                    "events", "days": whole days between the two}
    checkpoints     {"count": states signed, "first", "last": sizes, "widest": most entries between
                    two of them}
    anchors         time-stamps that the ledger recorded        comparisons   with other replicas
    indexes         indexes published                           key_changes   of the ledger's key
    backups         {"count", "verified": last time a backup was read back, "drilled": last drill};
                    times are left out where there is none
    restored        copies were restored from a backup          continued     from another ledger
    under_way       acts that were begun and not recorded to their end
    shown           of the events in the bundle: {"late": recorded late, with a reason, "lag":
                    longest time in whole seconds from claimed to accepted, "steps_back": accepted
                    times below the one before}

What is not recorded is said to be `not_recorded`; nothing is guessed.
"""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from msgspec import UNSET

from ledger import VERSION
from ledger.effects import expiring, pending
from ledger.facts import LedgerFacts
from ledger.told import Told
from ledger.tree import StoredTree
from projections.backups import backups, restored_copies
from projections.view import fetch

if TYPE_CHECKING:
    from ledger.application import Ledger

FILE: Final = "data/60_环境/health.json"
_ROOM: Final = Path(__file__).parent.parent.parent
_PARTS: Final = ("domain", "ledger", "projections")
_KINDS: Final = (".css", ".html", ".js", ".py", ".toml", ".typ")
_DAY: Final = 86_400


def health(ledger: Ledger, told: Told) -> dict[str, Any]:
    """How the ledger has been running, as of the bundle's head; see the module."""
    with ledger.engine.connect() as connection:
        head = StoredTree(connection).head
        began = LedgerFacts(connection).accepted_at(0)
        sizes = [row[0] for row in fetch(connection, _SIZES)]
        kept = _backups(connection)
        restored = connection.execute(sa.select(restored_copies.c.holding).limit(1)).first()
    (first,) = told.of("ledger.initialized")
    return {
        "software": _software(),
        "clock": {"source": "system_clock", "synchronised": "not_recorded"},
        "ledger": {
            "began": began, "last": head.accepted, "entries": head.entries, "events": head.events,
            "days": _seconds(began, head.accepted) // _DAY,
        },
        "checkpoints": {
            "count": len(sizes), "first": sizes[0], "last": sizes[-1],
            "widest": max((after - before for before, after in pairwise([0, *sizes]))),
        },
        "anchors": len(told.of("ledger.timestamp_anchored")),
        "comparisons": len(told.of("ledger.replica_compared")),
        "indexes": len(told.of("ledger.index_published")),
        "key_changes": len(told.of("ledger.key_rotated")),
        "backups": kept, "restored": restored is not None,
        "continued": getattr(first.event, "former", UNSET) is not UNSET,
        "under_way": len([*pending.left_open(ledger.folder), *expiring.left_open(ledger.folder)]),
        "shown": _shown(told),
    }  # fmt: skip


_SIZES: Final = "SELECT DISTINCT size FROM checkpoints ORDER BY size"


def _software() -> dict[str, str]:
    import cryptography

    return {
        "muniment": VERSION, "code": code_digest(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}", "machine": platform.machine(),
        "sqlite": sqlite3.sqlite_version, "cryptography": cryptography.__version__,
    }  # fmt: skip


@cache
def code_digest() -> str:
    """SHA-256 over the program's own files: a line of digest and path each, sorted by path."""
    return sha256("".join(_code()).encode("utf-8")).hexdigest()


def _code() -> Iterator[str]:
    for part in _PARTS:
        for path in sorted((_ROOM / part).rglob("*")):
            if path.suffix in _KINDS and path.is_file():
                name = path.relative_to(_ROOM).as_posix()
                yield f"{sha256(path.read_bytes()).hexdigest()}  {name}\n"


def _backups(connection: sa.Connection) -> dict[str, Any]:
    columns = (
        sa.func.count(),
        sa.func.max(backups.c.verified_at),
        sa.func.max(backups.c.drilled_at),
    )
    count, verified, drilled = connection.execute(sa.select(*columns)).one()
    told = {"count": count, "verified": verified, "drilled": drilled}
    return {name: value for name, value in told.items() if value is not None}


def _shown(told: Told) -> dict[str, int]:
    events = [(place.accepted, place.event) for place in told.places if place.event is not None]
    lags = [_seconds(event.at, accepted) for accepted, event in events]
    back = sum(after.accepted < before.accepted for before, after in pairwise(told.places))
    return {
        "late": sum(event.late_reason is not UNSET for _, event in events),
        "lag": max([0, *lags]), "steps_back": back,
    }  # fmt: skip


def _seconds(start: str, end: str) -> int:
    """Whole seconds from one time to another."""
    return int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())

"""What is asked of a ledger every day: of random records, now and as of random past times (P10)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from bench import ours
from bench.measuring import Result, result
from ledger.application import Ledger
from ledger.asof import moment
from ledger.cli.call import Call
from ledger.cli.history import told
from ledger.evidence import decode_event
from ledger.facts import LedgerFacts
from ledger.folder import Folder
from ledger.questions import who
from projections import inventory
from projections.access import accesses
from projections.custody import streams_of
from projections.view import key_of, register

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_FAVOURED: Final = 30

Question = Callable[[Ledger, "Connection", str, int | None], object]


def _page(_: Ledger, connection: Connection, record: str, entry: int | None) -> object:
    return inventory.rows(connection, limit=100, after=record, entry=entry)


def _one(_: Ledger, connection: Connection, record: str, entry: int | None) -> object:
    return inventory.one(connection, record, entry=entry)


def _chain(ledger: Ledger, connection: Connection, record: str, entry: int | None) -> object:
    return list(told(Call(), ledger, streams_of(connection, record, entry=entry), entry=entry))


def _accesses(_: Ledger, connection: Connection, record: str, entry: int | None) -> object:
    where = [accesses.c.record == key_of(record)]
    if entry is not None:
        where.append(accesses.c.entry <= entry)
    return list(register(connection, accesses, *where))


def _who(ledger: Ledger, _: Connection, record: str, entry: int | None) -> object:
    return who(ledger, record, entry)


QUESTIONS: Final[Mapping[str, Question]] = {
    "inventory, a page of 100": _page,
    "inventory, one record": _one,
    "history of a record": _chain,
    "register of accesses to a record": _accesses,
    "who keeps, may see and saw a record": _who,
}


def asked(
    ledger_folder: Folder, often: int, events: int, favourite: str, seed: int
) -> Iterator[Result]:
    """P10: the 99th percentile of each question about random records, now and then.

    `often`: how often each is asked, every 30th time about the record `favourite`.
    """
    print(f"     random moments and records by seed {seed}")
    chosen = random.Random(seed)
    with Ledger(ledger_folder, ours.passphrase) as ledger, ledger.engine.connect() as connection:
        about = [_moment(connection, chosen) for _ in range(often)]
        about[::_FAVOURED] = [(favourite, accepted) for _, accepted in about[::_FAVOURED]]
        for name, question in QUESTIONS.items():
            for when, past in (("now", False), ("as of a past time", True)):
                question(ledger, connection, favourite, None)  # compiled once a program
                took = []
                for record, accepted in about:
                    start = time.perf_counter()
                    entry = moment(ledger, accepted).entry if past else None
                    question(ledger, connection, record, entry)
                    took.append(time.perf_counter() - start)
                slowest = sorted(took)[len(took) * 99 // 100]
                measure = f"{name}, {when}, p99 at {events:,}"
                yield result("P10", measure, 1000 * slowest, "ms", most=20)


def _moment(connection: Connection, chosen: random.Random) -> tuple[str, str]:
    """A record, and the accepted time of a random entry after it was collected."""
    facts = LedgerFacts(connection)
    entries = connection.exec_driver_sql("SELECT entries FROM head").scalar_one()
    while True:  # before the first rows there are hardly any records
        entry = chosen.randrange(entries)
        last = connection.exec_driver_sql(
            "SELECT first + count - 1 FROM commits WHERE entry = ?", (entry,)
        ).scalar_one()
        state = connection.exec_driver_sql(
            "SELECT state FROM events WHERE position = ?", (chosen.randint(1, last),)
        ).scalar_one()
        stream = decode_event(bytes(state)).stream
        if stream.startswith("record-"):
            return stream, facts.accepted_at(entry)

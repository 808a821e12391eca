"""What retention asks for: what is due by a day, and what a lawyer must decide.

Both go through the inventory once, in portions and in flat memory. A million rows of one table are
of few kinds: what rules give for a kind is worked out once, from one record of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from domain.conflicts import Finding, as_assigned, findings
from domain.record import RecordState
from ledger.facts import LedgerFacts
from projections.selecting import GONE
from projections.tables import inventory
from projections.view import id_of, key_of, readable

if TYPE_CHECKING:
    from ledger.application import Ledger

Row = dict[str, Any]

_PORTION: Final = 5000
_MOST_KEPT: Final = 10_000
_PERIODS = dict[str, tuple[str | None, str | None, int, str]]


# -- what is due -------------------------------------------------------------------------------


def due(connection: sa.Connection, until: str, limit: int, after: str | None = None) -> list[Row]:
    """At most `limit` records, by id, that must be gone by a day, or are to be disposed of by then.

    `until`: a day. A record is due if its maximum ends on it or before; if its minimum is over by
    then and its rule says what is to be done with it; or if its purpose has ended and no minimum
    runs any more. `due`: destroy, review, anonymize, transfer or return; `since`: the first day on
    which it was due (a maximum's last day).
    """
    c = inventory.c
    free = sa.and_(c.permanent == 0, sa.or_(c.min_until.is_(None), c.min_until < until))
    ripe = sa.and_(c.permanent == 0, c.min_until < until, c.action != "retain_permanently")
    purposeless = sa.and_(c.purpose_ended <= until, free)
    query = sa.select(inventory).where(
        sa.or_(c.max_until <= until, ripe, purposeless), c.state.not_in(GONE)
    )
    if after is not None:
        query = query.where(c.record > key_of(after))
    found = connection.execute(query.order_by(c.record).limit(limit))
    return [_due(readable(inventory, row), until) for row in found]


def _due(row: Row, until: str) -> Row:
    """What is due about a row of the inventory, and since when."""
    low, high, ended = row["min_until"], row["max_until"], row["purpose_ended"]
    over = ended is not None and not row["permanent"] and (low is None or low < until)
    days = [high] if high is not None and high <= until else []
    if over:
        days.append(max(ended, _after(low) if low else ended))
    elif not days:
        days.append(_after(low))
    action = row["action"]
    if row["conflict"]:
        action = "review"
    elif over and action != "anonymize":  # PIPL 47: nothing is left to appraise
        action = "destroy"
    restricted = bool(row["restricted"]) or ended is not None
    return {**row, "restricted": restricted, "due": action, "since": min(days)}


def _after(day: str) -> str:
    """The day after one."""
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def last_day_of(month: str) -> str:
    """The last day of a month `YYYY-MM`.

    >>> last_day_of("2028-02")
    '2028-02-29'
    """
    from calendar import monthrange

    year, number = int(month[:4]), int(month[5:])
    return date(year, number, monthrange(year, number)[1]).isoformat()


# -- what contradicts itself -------------------------------------------------------------------


class Open(NamedTuple):
    """Findings about records that lie one after the other in one copy and are of one kind.

    `record`: the first of `records`; `holding`: the copy that they were collected in.
    """

    record: str
    holding: str
    records: int
    findings: tuple[Finding, ...]


def conflicts(ledger: Ledger) -> Iterator[Open]:
    """Every record, or series of rows, about whose periods something is open, in order of its id.

    Of records of which something is left. Flat memory, for any number.
    """
    looking = _Looking(ledger)
    found = ((row, looking.at(row)) for row in _rows(ledger))
    told = ((row, open_) for row, open_ in found if open_)
    for (holding, open_), run in groupby(told, key=lambda pair: (pair[0].holding, pair[1])):
        first, count = b"", 0
        for count, (row, _) in enumerate(run, 1):  # noqa: B007  how many is asked afterwards
            first = first or row.record
        yield Open(id_of("record", first), id_of("holding", holding), count, open_)


class _Kind(NamedTuple):
    """A row of the inventory, as far as periods ask for it."""

    record: bytes
    holding: bytes
    category: str
    kind: str | None
    triggers: str | None
    periods: str | None


def _rows(ledger: Ledger) -> Iterator[_Kind]:
    columns = [inventory.c[name] for name in _Kind._fields]
    after = b""
    while True:
        query = sa.select(*columns).where(
            inventory.c.record > after,
            inventory.c.state.not_in(GONE),
            sa.or_(inventory.c.kind.is_not(None), inventory.c.periods.is_not(None)),
        )
        with ledger.engine.connect() as connection:
            portion = connection.execute(query.order_by(inventory.c.record).limit(_PORTION)).all()
        yield from map(_Kind._make, portion)
        if len(portion) < _PORTION:
            return
        after = portion[-1][0]


class _Looking:
    """Works out each kind of record once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rules = ledger.policy().retention
        self._examples: dict[tuple[str, str | None, str | None], RecordState] = {}
        self._found: dict[tuple[str, str | None, str | None, str | None], tuple[Finding, ...]] = {}

    def at(self, row: _Kind) -> tuple[Finding, ...]:
        """The findings about a row."""
        key = row[2:]
        if key not in self._found:
            if len(self._found) == _MOST_KEPT:  # as many kinds as days: they are worked out again
                self._found.clear()
                self._examples.clear()
            self._found[key] = tuple(self._look(row))
        return self._found[key]

    def _look(self, row: _Kind) -> Iterator[Finding]:
        state = self._example(row)
        periods = msgspec.json.decode(row.periods, type=_PERIODS) if row.periods else {}
        assigned = {
            trigger: as_assigned(state.periods[trigger].rules, low, high, permanent=bool(kept))
            for trigger, (low, high, kept, _) in periods.items()
        }
        changed = state.retained_categories != frozenset(state.categories)
        yield from findings(
            self._rules, state.traits, assigned,
            classified=state.classification is not None, categories_changed=changed,
        )  # fmt: skip

    def _example(self, row: _Kind) -> RecordState:
        """The state of a record of this kind; what differs within a kind is not asked of it."""
        key = itemgetter(2, 3, 4)(row)
        if key not in self._examples:
            record = id_of("record", row.record)
            with self._ledger.engine.connect() as connection:
                state = LedgerFacts(connection).load([record])[record]
            assert isinstance(state, RecordState)
            self._examples[key] = state
        return self._examples[key]

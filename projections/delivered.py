"""What stands about records on the way from one party to another: what the rules of handovers ask.

A list may name 200,000 records. They are asked about in portions of one statement each, and judged
by one example of each kind, as the records in a copy are (`projections.contents`). Where a record
lies decides who may hand it over, whether it is on its way already, and whether it has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from msgspec import Struct

from domain.answers import Listed
from projections.arrivals import handover_outcomes
from projections.contents import KIND
from projections.custody import THERE
from projections.handovers import LISTED_NOW, handover_items, handovers
from projections.tables import corrections, holdings, inventory
from projections.view import Prepared, id_of, key_of

_PORTION: Final = 200
_SIZES: Final = (1, 20, _PORTION)
_Among = Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]]
_Row = tuple[Any, ...]


class _Question:
    """A question about many keys, one statement a portion; `more`: what else it is given.

    The first column of each row is the key that the row is about.
    """

    def __init__(self, build: Callable[[_Among], sa.Select[Any]], *more: str) -> None:
        self._build, self._more = build, more

    def ask(
        self, connection: sa.Connection, keys: Iterable[bytes], *more: object
    ) -> dict[bytes, list[_Row]]:
        """The rows about each key, without it; nothing about keys without rows."""
        found: dict[bytes, list[_Row]] = {}
        for part in _portions(keys):
            size = next(size for size in _SIZES if size >= len(part))
            filled = (*part, *part[-1:] * (size - len(part)), *more)
            for row in _sized(self, size).fetch(connection, filled):
                found.setdefault(row[0], []).append(row[1:])
        return found

    def prepared(self, size: int) -> Prepared:
        """The statement for a portion of so many keys."""
        names = [f"k{number}" for number in range(size)]
        keys = [sa.bindparam(name, type_=sa.LargeBinary) for name in names]
        return Prepared((*names, *self._more), lambda _: self._build(lambda c: c.in_(keys)))


@cache
def _sized(question: _Question, size: int) -> Prepared:
    return question.prepared(size)


def _portions(keys: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
    left = iter(keys)
    while part := tuple(islice(left, _PORTION)):
        yield part


class _Remembered:
    """A question about copies whose answers are kept for one more portion.

    The rows of a table lie in the same copies, and come one after the other.
    """

    def __init__(self, question: _Question, *more: object) -> None:
        self._question, self._more = question, more
        self._last: dict[bytes, Sequence[_Row]] = {}

    def ask(self, connection: sa.Connection, keys: set[bytes]) -> Mapping[bytes, Sequence[_Row]]:
        """The rows about each key, as `_Question.ask`; an empty list about keys without rows."""
        last = self._last
        found = self._question.ask(connection, (k for k in keys if k not in last), *self._more)
        self._last = {key: last[key] if key in last else found.get(key, ()) for key in keys}
        return self._last


_IS_THERE: Final = sa.or_(
    *(holdings.c.condition == sa.literal_column(f"'{code}'") for code in THERE)
)
_PARTY: Final = sa.bindparam("party", type_=sa.LargeBinary)
_KEPT: Final = sa.and_(holdings.c.custodian == _PARTY, _IS_THERE)
"""Whether the party keeps a copy, and it is there."""
RUNNING: Final = sa.and_(
    handovers.c.list_frozen_entry.is_not(None),
    handovers.c.confirmed_entry.is_(None),
    handovers.c.cancelled_entry.is_(None),
)
"""Whether a handover binds what is on its list, as `domain.handover.HandoverState.running`."""

_COLLECTED = _Question(
    lambda among: (
        sa.select(inventory.c.record, inventory.c.holding, _KEPT, *KIND)
        .outerjoin(holdings, holdings.c.holding == inventory.c.holding)
        .where(among(inventory.c.record))
    ),
    "party",
)
_CORRECTED = _Question(
    lambda among: (
        sa.select(corrections.c.record, corrections.c.holding, _KEPT, corrections.c.entry)
        .join(holdings, holdings.c.holding == corrections.c.holding)
        .where(among(corrections.c.record))
    ),
    "party",
)
_NAMED = _Question(
    lambda among: sa.select(
        holdings.c.record, holdings.c.holding, _KEPT, holdings.c.made_from
    ).where(among(holdings.c.record)),
    "party",
)
_WHOLE = _Question(
    lambda among: sa.select(holdings.c.made_from, holdings.c.holding, _KEPT).where(
        among(holdings.c.made_from), holdings.c.record.is_(None)
    ),
    "party",
)
_CLAIMED = _Question(
    lambda among: (
        sa.select(handover_items.c.item, handovers.c.handover)
        .join(handovers, LISTED_NOW)
        .where(among(handover_items.c.item), handovers.c.from_party == _PARTY, RUNNING)
    ),
    "party",
)
_CONFIRMED = _Question(
    lambda among: (
        sa.select(
            handover_outcomes.c.item, handover_outcomes.c.position, handovers.c.handover,
            handovers.c.from_party, handovers.c.to_party, handovers.c.mode,
            handover_outcomes.c.entry,
        )
        .join(handovers, handovers.c.handover == handover_outcomes.c.handover)
        .where(
            among(handover_outcomes.c.item),
            handover_outcomes.c.outcome == sa.literal_column("'confirmed'"),
        )
    )
)  # fmt: skip


class _Passing(NamedTuple):
    """A confirmation, as keys; later ones are greater."""

    position: int
    handover: bytes
    from_party: bytes
    to_party: bytes
    mode: str
    entry: int


_NOTHING: Final[Mapping[bytes, bytes | None]] = {}


class _Lies(Struct):
    """Where a record lies, as the party asked about sees it.

    `homes`: the copies that its content was taken from, and whole copies of those; `named`: those
    that name it, with what each was made from; `kept`: those of them that the party keeps and that
    are there; `passing`: how it was last handed over.
    """

    kind: _Row
    corrected: int
    homes: frozenset[bytes]
    kept: frozenset[bytes]
    named: Mapping[bytes, bytes | None] = _NOTHING
    claims: frozenset[bytes] = frozenset()
    passing: _Passing | None = None

    def is_kept(self, party: bytes) -> bool:
        """Whether the party keeps a copy of the content, as `domain.copies.kept_by` says."""
        if any(self._goes_back(copy) for copy in self.kept):
            return True
        return bool(self.kept) and self.passing is not None and self.passing.to_party == party

    def _goes_back(self, copy: bytes | None) -> bool:
        seen = set()
        while copy is not None and copy not in self.homes and copy not in seen:
            seen.add(copy)
            copy = self.named.get(copy)
        return copy is not None


class _Register:
    """Looks records up, portion by portion; `besides`: modes in which nothing passes for good."""

    def __init__(
        self, connection: sa.Connection, party: bytes, besides: frozenset[str], *, claims: bool
    ) -> None:
        self._connection, self._party, self._besides = connection, party, besides
        self._whole = _Remembered(_WHOLE, party)
        self._confirmed = _Remembered(_CONFIRMED)
        self._claimed = _Remembered(_CLAIMED, party) if claims else None

    def look(self, records: Sequence[bytes]) -> dict[bytes, _Lies]:
        """Where each of a portion of records lies, but for those that were never collected."""
        found = self._lying(records)
        self._mark(found)
        return found

    def _lying(self, records: Sequence[bytes]) -> dict[bytes, _Lies]:
        found: dict[bytes, _Lies] = {}
        alone: dict[bytes, frozenset[bytes]] = {}  # the rows of a table lie in the same copy
        for record, (row,) in _COLLECTED.ask(self._connection, records, self._party).items():
            home = alone.setdefault(row[0], frozenset([row[0]]))
            found[record] = _Lies(row[2:], -1, home, home if row[1] else frozenset())
        for record, rows in _CORRECTED.ask(self._connection, records, self._party).items():
            for home, kept, entry in rows:
                lies = found[record]
                lies.corrected = max(lies.corrected, entry)
                lies.homes |= {home}
                lies.kept |= {home} if kept else set()
        for record, rows in _NAMED.ask(self._connection, records, self._party).items():
            for copy, kept, made_from in rows:
                if (lying := found.get(record)) is not None:
                    lying.named = {**lying.named, copy: made_from}
                    lying.kept |= {copy} if kept else set()
        homes = set[bytes]().union(*(lies.homes for lies in found.values()))
        whole = self._whole.ask(self._connection, homes)
        for lies in found.values() if any(whole.values()) else ():
            for copy, kept in [row for home in lies.homes for row in whole[home]]:
                lies.homes |= {copy}
                lies.kept |= {copy} if kept else set()
        return found

    def _mark(self, found: Mapping[bytes, _Lies]) -> None:
        """Say of each record which lists it is on, and how it last passed, itself or in a copy."""
        every = set(found)
        for lies in found.values():
            every |= lies.homes
            every.update(lies.named)
        confirmed = self._confirmed.ask(self._connection, every)
        claimed = {} if self._claimed is None else self._claimed.ask(self._connection, every)
        if not (any(confirmed.values()) or any(claimed.values())):
            return
        for record, lies in found.items():
            asked = {record, *lies.homes, *lies.named}
            rows = [row for item in asked for row in confirmed[item]]
            passings = [one for row in rows if (one := _Passing(*row)).mode not in self._besides]
            lies.passing = max(passings, default=None)
            lies.claims = frozenset(row[0] for item in asked for row in claimed.get(item, ()))


def listed(
    connection: sa.Connection,
    items: Sequence[str],
    party: str,
    since: int,
    besides: frozenset[str] = frozenset(),
) -> Listed:
    """What stands about items of a list, as `domain.judging.Source.listed` says."""
    unknown: list[str] = []
    not_kept: list[str] = []
    corrected: list[str] = []
    examples: dict[_Row, str] = {}
    giver = key_of(party)
    register = _Register(connection, giver, besides, claims=True)
    on_lists, gone = set[tuple[bytes, bytes]](), dict[bytes, None]()
    named = [item for item in items if item.startswith("record-")]
    for part in _portions(map(key_of, named)):
        found = register.look(part)
        _note_way(found, giver, on_lists, gone)
        for key in part:
            if (lies := found.get(key)) is None:
                unknown.append(id_of("record", key))
                continue
            if not lies.is_kept(giver):
                not_kept.append(id_of("record", key))
            if lies.corrected > since:
                corrected.append(id_of("record", key))
            if lies.kind not in examples:
                examples[lies.kind] = id_of("record", key)
    for part in _portions(_inside(connection, items)):
        _note_way(register.look(part), giver, on_lists, gone)
    return Listed(
        tuple(unknown), tuple(not_kept),
        tuple(sorted((id_of("record", record), id_of("handover", by)) for record, by in on_lists)),
        tuple(sorted(corrected)),
        tuple(sorted((_kind(columns), record) for columns, record in examples.items())),
        tuple(id_of("record", record) for record in gone),
    )  # fmt: skip


def _note_way(
    found: Mapping[bytes, _Lies],
    giver: bytes,
    on_lists: set[tuple[bytes, bytes]],
    gone: dict[bytes, None],
) -> None:
    """Note which records are on lists of running handovers, and which have passed to others."""
    for key, lies in found.items():
        if lies.claims:
            on_lists.update((key, by) for by in lies.claims)
        if lies.passing is not None and lies.passing.to_party != giver:
            gone[key] = None


def _inside(connection: sa.Connection, items: Sequence[str]) -> Iterator[bytes]:
    """The keys of the records that lie in those items that are copies; one may come twice."""
    copies = [key_of(item) for item in items if item.startswith("holding-")]
    for part in _portions(copies):
        for rows in connection.execute(_INSIDE, {"copies": part}).partitions(_PORTION):
            yield from (row[0] for row in rows)


def lying_in(
    connection: sa.Connection, copies: Sequence[str], records: Sequence[str]
) -> frozenset[str]:
    """Which of `records` lie in any of `copies`, as `domain.judging.Source.lying_in` says."""
    asked = set(map(key_of, records))
    return frozenset(id_of("record", key) for key in _inside(connection, copies) if key in asked)


def _lies_in() -> sa.CompoundSelect[Any]:
    """The records in `:copies`, each copy read where its contents lie (`custody.home_of`)."""
    home = sa.func.coalesce(
        sa.case((holdings.c.record.is_(None), holdings.c.made_from)), holdings.c.holding
    )
    homes = (
        sa.select(home.label("home"))
        .where(holdings.c.holding.in_(sa.bindparam("copies", expanding=True)))
        .cte("homes")
    )
    return sa.union_all(
        sa.select(inventory.c.record).join(homes, homes.c.home == inventory.c.holding),
        sa.select(corrections.c.record).join(homes, homes.c.home == corrections.c.holding),
        sa.select(holdings.c.record)
        .join(homes, homes.c.home == holdings.c.holding)
        .where(holdings.c.record.is_not(None)),
    )


_INSIDE: Final = _lies_in()


def _kind(columns: Sequence[object]) -> str:
    return " ".join(c.hex() if isinstance(c, bytes) else str(c) for c in columns)


def passed(
    connection: sa.Connection, record: str, besides: frozenset[str] = frozenset()
) -> tuple[str, str, str, str, int] | None:
    """The latest confirmation of a record: handover, from and to party, and its entry.

    `besides`: modes of transfer that do not count.
    """
    register = _Register(connection, b"", besides, claims=False)
    lies = register.look([key_of(record)]).get(key_of(record))
    if lies is None or lies.passing is None:
        return None
    one = lies.passing
    sides = id_of("party", one.from_party), id_of("party", one.to_party)
    return id_of("handover", one.handover), *sides, one.mode, one.entry


def passed_to(
    connection: sa.Connection,
    records: Iterable[str],
    party: str,
    besides: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Which of any number of records the latest confirmation gave to a party; see `passed`."""
    register, taker = _Register(connection, b"", besides, claims=False), key_of(party)
    return frozenset(
        id_of("record", key)
        for part in _portions(map(key_of, records))
        for key, lies in register.look(part).items()
        if lies.passing is not None and lies.passing.to_party == taker
    )


def _residual() -> sa.Select[Any]:
    """Copies of what was confirmed: of each record, and of each record in a copy that passed."""
    o = handover_outcomes.c
    done = (
        sa.select(o.item)
        .where(o.handover == sa.bindparam("key", type_=sa.LargeBinary), o.outcome == "confirmed")
        .cte("done")
    )
    home = sa.func.coalesce(
        sa.case((holdings.c.record.is_(None), holdings.c.made_from)), holdings.c.holding
    )
    homes = sa.select(home.label("home")).join(done, done.c.item == holdings.c.holding)
    homes_ = homes.cte("homes")
    records = sa.union(
        sa.select(done.c.item.label("record")),
        sa.select(inventory.c.record).join(homes_, homes_.c.home == inventory.c.holding),
        sa.select(corrections.c.record).join(homes_, homes_.c.home == corrections.c.holding),
        sa.select(holdings.c.record)
        .join(homes_, homes_.c.home == holdings.c.holding)
        .where(holdings.c.record.is_not(None)),
    ).cte("records")
    lying = sa.union(
        sa.select(inventory.c.holding.label("copy")).join(
            records, records.c.record == inventory.c.record
        ),
        sa.select(corrections.c.holding).join(records, records.c.record == corrections.c.record),
        sa.select(holdings.c.holding).join(records, records.c.record == holdings.c.record),
    ).cte("lying")
    whole = sa.select(holdings.c.holding).join(lying, lying.c.copy == holdings.c.made_from)
    every = sa.union(sa.select(lying.c.copy), whole.where(holdings.c.record.is_(None))).cte("every")
    return (
        sa.select(holdings.c.holding)
        .join(every, every.c.copy == holdings.c.holding)
        .where(holdings.c.custodian == _PARTY, _IS_THERE)
    )


_RESIDUAL: Final = _residual()


def residual(connection: sa.Connection, handover: str, party: str) -> frozenset[str]:
    """The copies that a party still keeps of what was confirmed, as `Source.residual` says."""
    asked = {"key": key_of(handover), "party": key_of(party)}
    return frozenset(
        id_of("holding", copy) for copy in connection.execute(_RESIDUAL, asked).scalars()
    )

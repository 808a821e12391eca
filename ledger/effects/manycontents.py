"""The contents of many records: each read in the first copy that is there, tables row after row.

Where the copies of some hundred records lie is asked at once, and rows of a table are taken in one
reading of it as long as they come in order. Nothing here says that a content is the one recorded:
whoever reads compares its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, Final, NamedTuple

import sqlalchemy as sa
from msgspec import UNSET

from domain.copies import HoldingState, offspring
from domain.record import RecordCollected
from ledger.application import Ledger
from ledger.custody import as_judged_now
from ledger.effects import places
from ledger.effects.streams import Kept, Texts, events_of, in_parts
from ledger.sealing import commitments_root, derived_seed
from ledger.sources import SourceFault, row_content
from projections.custody import THERE
from projections.tables import corrections, holdings, inventory
from projections.view import id_of, key_of

Opened = Callable[[], AbstractContextManager[BinaryIO]]


class _Lying(NamedTuple):
    """Where a record's present content lies: the copies to try, its row if they are tables."""

    copies: tuple[str, ...]
    row: int | None


class Contents:
    """Reads the contents of records of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._texts = Texts(ledger)
        self._tables = Tables(ledger)

    def of(self, records: Sequence[str]) -> Iterator[Opened]:
        """What opens the content of each of these records, in their order.

        Opening raises `SourceFault` if no copy can be read, or none is there.
        """
        for part in in_parts(records):
            with self._ledger.engine.connect() as connection:
                lying = _lying(connection, part)
                wanted = [copy for one in lying.values() if one.row is None for copy in one.copies]
                kept: dict[str, list[Kept]] = {}
                for some in in_parts(dict.fromkeys(wanted)):
                    kept |= events_of(connection, some)
            for record in part:
                found = lying[record]
                if found.row is not None:
                    yield partial(self._row, found.copies[0], found.row)
                    continue
                events = [(copy, kept[copy]) for copy in found.copies]
                yield partial(self._whole, events)

    @contextmanager
    def _row(self, table: str, number: int) -> Iterator[BinaryIO]:
        yield BytesIO(row_content(self._tables.row(table, number)))

    @contextmanager
    def _whole(self, events: Sequence[tuple[str, list[Kept]]]) -> Iterator[BinaryIO]:
        """The first copy that can be opened; what is wrong with it further on is its reader's."""
        cause = "no_copy_here"
        with ExitStack() as stack:
            file = None
            for copy, kept in events:
                try:
                    place = places.place_among(self._ledger, copy, kept, self._texts)
                    file = stack.enter_context(places.content(self._ledger, place))
                    break
                except SourceFault as fault:
                    cause = fault.cause
            if file is None:
                raise SourceFault(cause)
            yield file


def _lying(connection: sa.Connection, records: Sequence[str]) -> dict[str, _Lying]:
    """Where each of some hundred records lies: encrypted copies first, then what was collected."""
    keys = {key_of(record): record for record in records}
    c, corrected = inventory.c, corrections.c
    current: dict[bytes, tuple[bytes, int | None]] = {
        bytes(record): (bytes(holding), row)
        for record, holding, row in connection.execute(
            sa.select(c.record, c.holding, c.row).where(c.record.in_(keys))
        )
    }
    for record, holding in connection.execute(
        sa.select(corrected.record, corrected.holding)
        .where(corrected.record.in_(keys))
        .order_by(corrected.position)
    ):
        current[bytes(record)] = bytes(holding), None
    homes = {holding for holding, row in current.values() if row is None}
    made: dict[bytes, list[tuple[bool, bytes, bytes | None]]] = {}
    h = holdings.c
    for holding, source, record, encrypted in connection.execute(
        sa.select(h.holding, h.made_from, h.record, h.encrypted)
        .where(sa.or_(h.holding.in_(homes), h.made_from.in_(homes)), h.condition.in_(THERE))
        .order_by(h.holding)
    ):
        home = bytes(holding) if bytes(holding) in homes else bytes(source)
        made.setdefault(home, []).append((not encrypted, bytes(holding), record))
    found = {}
    for key, record in keys.items():
        home, row = current.get(key, (b"", None))
        fitting = sorted(
            (plain, copy != home, copy)
            for plain, copy, of in made.get(home, ())
            if of is None or bytes(of) == key
        )
        copies = [home] if row is not None else [copy for _, _, copy in fitting]
        found[record] = _Lying(tuple(id_of("holding", one) for one in copies), row)
    return found


class Tables:
    """Rows of tables by their numbers; going on in the table that was read last is cheap."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._holding = ""
        self._at = 0
        self._lines: Iterator[tuple[int, list[str]]] = iter(())
        self._failed: dict[str, str] = {}

    def row(self, holding: str, number: int) -> list[str]:
        """The cells of a data row, 1-based, of the first copy of a table that can be read.

        Raises `SourceFault`.
        """
        if holding in self._failed:
            raise SourceFault(self._failed[holding])
        if holding != self._holding or number <= self._at:
            self._holding, self._at = holding, 0
            try:
                self._lines = self._open(holding)
            except SourceFault as fault:
                self._failed[holding] = fault.cause
                raise
        for at, cells in self._lines:
            self._at = at
            if at == number:
                return cells
        self._holding = ""
        raise SourceFault("row_not_there")

    def _open(self, holding: str) -> Iterator[tuple[int, list[str]]]:
        cause = "no_copy_here"
        with as_judged_now(self._ledger) as case:
            state = case.world.state(holding, HoldingState)
            found = offspring(case, state) if state is not None else []
            there = [copy for copy in found if copy.there and copy.record is None]
        there.sort(key=lambda copy: (not copy.object, copy.stream))
        for copy in there:
            try:
                return places.table(self._ledger, places.place_of(self._ledger, copy.stream))
            except SourceFault as fault:
                cause = fault.cause
        raise SourceFault(cause)


class RowDigests:
    """Title and digest of rows that share one payload: read in their table, and checked."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tables = Tables(ledger)
        self._sealed: dict[str, tuple[str | None, bytes | None]] = {}

    def of(self, event: RecordCollected) -> tuple[str | None, str | None]:
        """Title and digest of a row's content; None for what cannot be read or is not the one."""
        assert event.row is not UNSET
        table, seed = self._known(event.holding)
        title = None if table is None else f"{table} #{event.row}"
        try:
            cells = self._tables.row(event.holding, event.row)
        except SourceFault:
            return title, None
        digest = sha256(row_content(cells)).hexdigest()
        if seed is None or not event.sealed:
            return title, None
        own = derived_seed(seed, event.id)
        root = commitments_root(self._ledger.origin, event.id, {"content": digest}, own)
        if root.hex() != event.sealed.root:
            return title, None
        return (title and f"{title} {cells[0][:_FIRST]}"), digest

    def _known(self, holding: str) -> tuple[str | None, bytes | None]:
        if holding not in self._sealed:
            sealed = places.created_fields(self._ledger, holding)
            seed = sealed.get("seed")
            self._sealed[holding] = sealed.get("title"), bytes.fromhex(seed) if seed else None
        return self._sealed[holding]


_FIRST: Final = 200
"""So many characters of a row's first cell stand in its title, as where rows are collected."""

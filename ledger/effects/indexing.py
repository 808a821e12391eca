"""Records looked through for the people in them: content in, tokens out, nothing else kept.

Content is read wherever a copy of it lies (`places`), its text and its rows one piece at a time
(`ledger.content`), and what identifies somebody is turned into tokens (`ledger.subjects`). Only
content that has the digest recorded counts. Records that are rows of one table are looked through
in one reading of it. What could not be read is written down with its cause, so that a report can
say what it does not cover. Memory does not grow with the content, nor with the number of records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import BinaryIO, Final, NamedTuple, cast

import sqlalchemy as sa

from domain.copies import HoldingState, copies_of_record, kept_by, offspring
from domain.record import RecordState
from ledger import content
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import as_judged_now
from ledger.effects import places
from ledger.effects.vouching import NOT_HERE, vouch
from ledger.errors import KeyAccessError, VerificationError
from ledger.schema import SUBJECT_COVERAGE, SUBJECT_PLACES, transaction
from ledger.sources import SourceFault
from ledger.subjects import INDEXED, Spot, Tokens, blind, clear, cover, identifiers_in, put, tidy
from projections.tables import corrections, inventory
from projections.view import id_of, key_of

_ROWS: Final = 2_000
_SPOTS: Final = 2_000
_CHUNK: Final = 1 << 20
_PAGE: Final = 500
_NO_PEPPER: Final = "no_pepper"
_OF_OTHERS: Final = "kept_by_another"
_CHANGED: Final = "changed_since_recorded"
_TOGETHER: Final = 100
"""So many records wait, at most, until an event vouches for what was found in them."""


class Looked(NamedTuple):
    """What came of some records of one copy: how many, and `INDEXED` or the cause why not.

    `record`: the one, where there is one only; `found`: how often an identifier stood in them.
    """

    record: str | None
    count: int  # type: ignore[assignment]  # where tuples have a method
    outcome: str
    found: int


def index(
    ledger: Ledger,
    acting: Acting,
    records: Sequence[str] | None = None,
    *,
    again: bool = False,
) -> Iterator[Looked]:
    """Look through these records, or through all that are not yet, as they come.

    `ledger`: open for writing; `acting`: who says by events what was looked through; `again`: those
    too that were looked through in their present state. What is interrupted is complete for the
    records reported so far: a record counts once an event vouches for what was found in it. Raises
    `RefusedError` if that is not permitted.
    """
    run = _Run(ledger, acting, again=again)
    waiting: list[_Seen] = []
    for seen in run.everything() if records is None else run.named(records):
        waiting.append(seen)
        if sum(len(one.records) for one in waiting) >= _TOGETHER:
            yield from run.counted(waiting)
            waiting = []
    yield from run.counted(waiting)


class _Seen(NamedTuple):
    """Records that were looked through, with their contents' positions; they do not count yet.

    Those that could not be are in `looked` alone.
    """

    looked: Looked
    records: Sequence[tuple[str, int]] = ()


class _Row(NamedTuple):
    """A record that is a row of a table; `known`: whether it was looked through before."""

    number: int
    record: str
    engagement: str
    position: int
    known: bool


class _Run:
    def __init__(self, ledger: Ledger, acting: Acting, *, again: bool) -> None:
        self._ledger = ledger
        self._acting = acting
        self._again = again
        self._tokens = Tokens(ledger)
        self._writer = ledger.log.writer

    def counted(self, seen: Sequence[_Seen]) -> Iterator[Looked]:
        """Have an event vouch for what was found; only then does it count."""
        records = [one for each in seen for one in each.records]
        if records:
            vouch(self._ledger, self._acting, records)
            with transaction(self._writer):
                cover(self._writer, [(*one, INDEXED) for one in records])
        yield from (each.looked for each in seen)

    # -- what there is -------------------------------------------------------------------------

    def named(self, records: Sequence[str]) -> Iterator[_Seen]:
        """These records: those that are one by themselves first, then the rows of tables."""
        of_table: dict[bytes, list[bytes]] = {}
        for record in dict.fromkeys(records):
            table = self.table_of(record)
            if table is None:
                yield self.whole(record)
            else:
                of_table.setdefault(table, []).append(key_of(record))
        for table, wanted in of_table.items():
            yield from self.rows(table, frozenset(wanted))

    def everything(self) -> Iterator[_Seen]:
        """Every record of which something is left: tables first, then the others by their ids."""
        with self._ledger.engine.connect() as connection:
            tables = connection.execute(
                sa.select(inventory.c.holding).where(_IS_ROW, *self._waiting()).distinct()
            ).scalars()
            tables_now = list(tables)
        for table in tables_now:
            yield from self.rows(table, None)
        after = b""
        while page := self._page(after):
            for record in page:
                yield self.whole(id_of("record", record))
            after = page[-1]

    def _page(self, after: bytes) -> list[bytes]:
        query = sa.select(inventory.c.record).where(~_IS_ROW, inventory.c.record > after)
        query = query.where(inventory.c.state.not_in(NOT_HERE), *self._waiting())
        with self._ledger.engine.connect() as connection:
            found = connection.execute(query.order_by(inventory.c.record).limit(_PAGE))
            return list(found.scalars())

    def _waiting(self) -> list[sa.ColumnElement[bool]]:
        """Of all records those that were never looked through, or were corrected since."""
        if self._again:
            return []
        c = SUBJECT_COVERAGE.c
        seen = sa.select(c.record).where(
            c.record == inventory.c.record, c.outcome == INDEXED, c.position == CONTENT_POSITION
        )
        return [~seen.exists()]

    def table_of(self, record: str) -> bytes | None:
        """The copy in which a record lies as a row; None if it is one by itself."""
        query = sa.select(inventory.c.holding).where(inventory.c.record == key_of(record), _IS_ROW)
        with self._ledger.engine.connect() as connection:
            found = connection.execute(query).scalar()
        return bytes(found) if found is not None else None

    # -- one record ----------------------------------------------------------------------------

    def whole(self, record: str) -> _Seen:
        """Look through a record whose content is all of a copy, in the first that can be read."""
        state = self._ledger.state(record)
        assert isinstance(state, RecordState)  # its id was looked up
        mine = inventory.c.record == key_of(record)
        waiting = self._writer.execute(
            sa.select(CONTENT_POSITION).where(mine, *self._waiting())
        ).scalar()
        if waiting is None:
            return _Seen(Looked(record, 1, INDEXED, 0))
        before: set[bytes] = set()
        opened: list[str] = []
        cause, found = self._tried(record, state, before, opened)
        if not opened and cause != _NO_PEPPER and self._stand([(record, waiting)]):
            return _Seen(Looked(record, 1, cause, 0))  # what was found in this content is still so
        with transaction(self._writer):
            if cause != INDEXED:  # half of a content is nothing to rely on
                before |= clear(self._writer, record)
                cover(self._writer, [(record, waiting, cause)])
            else:
                blind(self._writer, [record])
            tidy(self._writer, before)
        looked = Looked(record, 1, cause, found)
        return _Seen(looked, [(record, waiting)] if cause == INDEXED else [])

    def _tried(
        self, record: str, state: RecordState, before: set[bytes], opened: list[str]
    ) -> tuple[str, int]:
        """The outcome, and how often something was found, of the first copy that can be read.

        `before` takes the tokens that stood in the record, `opened` the copies that could be.
        """
        cause = "no_copy_here"
        copies = self._copies(state)
        if copies is None:
            return _OF_OTHERS, 0
        for holding in copies:
            try:
                return INDEXED, self._look(record, state, holding, before, opened)
            except SourceFault as fault:
                cause = fault.cause
            except (KeyAccessError, VerificationError):
                _ = self._ledger.keystore.size  # the keystore as a whole, or this engagement's key?
                return _NO_PEPPER, 0
        return cause, 0

    def _copies(self, state: RecordState) -> list[str] | None:
        """The copies to try: the one that holds the present content, then those like it.

        None for a record of another party, for which its own people vouch (`domain.search`).
        """
        current = state.holdings[-1]
        with as_judged_now(self._ledger) as case:
            if not kept_by(case, state, self._acting.state.party):
                return None
            there = [copy.stream for copy in copies_of_record(case, state) if copy.there]
        return sorted(there, key=lambda stream: (stream != current, stream))

    def _look(
        self, record: str, state: RecordState, holding: str, before: set[bytes], opened: list[str]
    ) -> int:
        place = places.place_of(self._ledger, holding)
        wanted = places.created_fields(self._ledger, state.holdings[-1]).get("content")
        if wanted is not None and place.content != wanted:
            raise SourceFault("other_content")
        found = 0
        with places.content(self._ledger, place) as stream:
            opened.append(holding)
            with transaction(self._writer):
                before |= clear(self._writer, record)
            hashed = _Hashed(stream)
            spots = _spots(content.pieces(cast("BinaryIO", hashed), place.name))
            while batch := list(islice(spots, _SPOTS)):
                token = self._tokens.token
                rows = [
                    (record, token(state.engagement, s.identifier), s.sheet, s.row) for s in batch
                ]
                with transaction(self._writer):
                    put(self._writer, rows)
                found += len(batch)
            if hashed.rest() != place.content:
                raise SourceFault(_CHANGED)
        return found

    # -- the rows of a table -------------------------------------------------------------------

    def rows(self, table: bytes, wanted: frozenset[bytes] | None) -> Iterator[_Seen]:
        """Look through the records that are rows of a table; `wanted`: only these."""
        holding = id_of("holding", table)
        lines: Iterator[tuple[int, list[str]]] | None = None
        try:
            lines = self._lines(holding)
            with self._ledger.engine.connect() as connection:
                records = self._records(connection, table, wanted)
                while batch := list(islice(records, _ROWS)):
                    yield self._batch(batch, lines)
        except SourceFault as fault:
            unopened = lines is None and fault.cause != _CHANGED
            yield _Seen(self._failed(table, wanted, fault.cause, unopened=unopened))
        except (KeyAccessError, VerificationError):
            _ = self._ledger.keystore.size  # of the keystore as a whole, or of this engagement?
            yield _Seen(self._failed(table, wanted, _NO_PEPPER))

    def _lines(self, holding: str) -> Iterator[tuple[int, list[str]]]:
        """The data rows of the first copy of a table that is there and what was recorded."""
        cause = "no_copy_here"
        for copy in self._copies_of_table(holding):
            try:
                place = places.place_of(self._ledger, copy)
                if not _matches(self._ledger, place):
                    raise SourceFault(_CHANGED)  # noqa: TRY301  the next copy
                return places.table(self._ledger, place)
            except SourceFault as fault:
                cause = fault.cause
        raise SourceFault(cause)

    def _copies_of_table(self, holding: str) -> list[str]:
        with as_judged_now(self._ledger) as case:
            state = case.world.state(holding, HoldingState)
            found = offspring(case, state) if state is not None else []
            if not any(copy.custodian == self._acting.state.party for copy in found):
                raise SourceFault(_OF_OTHERS)
            return [copy.stream for copy in found if copy.there and copy.record is None]

    def _records(
        self, connection: sa.Connection, table: bytes, wanted: frozenset[bytes] | None
    ) -> Iterator[_Row]:
        """The records in a table by the number of their row."""
        c, seen = inventory.c, SUBJECT_COVERAGE
        begun = sa.select(SUBJECT_PLACES.c.token).where(SUBJECT_PLACES.c.record == c.record)
        known = sa.or_(seen.c.record.is_not(None), begun.exists())
        query = (
            sa.select(c.row, c.record, c.engagement, c.collected_position, known)
            .select_from(inventory.outerjoin(seen, seen.c.record == c.record))
            .where(c.holding == table, _IS_ROW, c.state.not_in(NOT_HERE))
            .order_by(c.row)
        )
        for part in connection.execute(query).partitions(_ROWS):
            for row in part:
                if wanted is None or row[1] in wanted:
                    record, under = id_of("record", row[1]), id_of("engagement", row[2])
                    yield _Row(row[0], record, under, row[3], bool(row[4]))

    def _batch(self, batch: Sequence[_Row], lines: Iterator[tuple[int, list[str]]]) -> _Seen:
        """Look through some records, whose rows come next in the table."""
        by_number = {row.number: row for row in batch}
        spots: list[tuple[str, bytes, int, int]] = []
        missing = set(by_number)
        for number, cells in _up_to(lines, batch[-1].number):
            if (row := by_number.get(number)) is not None:
                missing.discard(number)
                found = set(identifiers_in("\n".join(cells)))
                tokens = (self._tokens.token(row.engagement, one) for one in found)
                spots += ((row.record, token, 0, 0) for token in tokens)
        read = [(r.record, r.position) for r in batch if r.number not in missing]
        with transaction(self._writer):
            before = self._cleared(batch)
            put(self._writer, spots)
            blind(self._writer, [record for record, _ in read])
            lost = [r for r in batch if r.number in missing]
            cover(self._writer, [(r.record, r.position, "row_not_there") for r in lost])
            tidy(self._writer, before)
        outcome = INDEXED if read else "row_not_there"
        only = batch[0].record if len(batch) == 1 else None
        return _Seen(Looked(only, len(batch), outcome, len(spots)), read)

    def _cleared(self, batch: Sequence[_Row]) -> set[bytes]:
        """The tokens that stood in those of the records that were looked through before."""
        before: set[bytes] = set()
        for row in batch:
            if row.known:
                before |= clear(self._writer, row.record)
        return before

    def _failed(
        self, table: bytes, wanted: frozenset[bytes] | None, cause: str, *, unopened: bool = False
    ) -> Looked:
        """Nothing of a table can be relied on: all that was found in it is forgotten again.

        `unopened`: what was found before, when it could be opened, stands.
        """
        count = 0
        with self._ledger.engine.connect() as connection:
            records = self._records(connection, table, wanted)
            while batch := list(islice(records, _ROWS)):
                count += len(batch)
                if unopened:
                    stand = self._stand([(row.record, row.position) for row in batch])
                    batch = [row for row in batch if row.record not in stand]
                with transaction(self._writer):
                    before: set[bytes] = set()
                    for row in batch:
                        before |= clear(self._writer, row.record)
                    cover(self._writer, [(row.record, row.position, cause) for row in batch])
                    tidy(self._writer, before)
        return Looked(None, count, cause, 0)

    def _stand(self, records: Sequence[tuple[str, int]]) -> frozenset[str]:
        """Those that were looked through, in the content of these positions."""
        wanted, c = {key_of(record): position for record, position in records}, SUBJECT_COVERAGE.c
        query = sa.select(c.record, c.position).where(c.record.in_(wanted), c.outcome == INDEXED)
        rows = self._writer.execute(query).all()
        return frozenset(id_of("record", r) for r, position in rows if wanted[bytes(r)] == position)


_CORRECTED = (
    sa.select(corrections.c.record).where(corrections.c.record == inventory.c.record).exists()
)
_IS_ROW = sa.and_(inventory.c.row.is_not(None), ~_CORRECTED)
"""A record that is a row of its table; one that was corrected since lies elsewhere by itself."""

CONTENT_POSITION: Final = sa.func.coalesce(
    sa.select(sa.func.max(corrections.c.position))
    .where(corrections.c.record == inventory.c.record)
    .scalar_subquery(),
    inventory.c.collected_position,
)
"""The position of the event that a record's present content came with."""


def _up_to(lines: Iterator[tuple[int, list[str]]], last: int) -> Iterator[tuple[int, list[str]]]:
    """The rows up to a number, that one included; the next ones are left where they are."""
    for number, cells in lines:
        yield number, cells
        if number >= last:
            return


def _spots(pieces: Iterable[content.Piece]) -> Iterator[Spot]:
    """Every identifier with its place in a document, once a place."""
    for piece in pieces:
        text = "\n".join(piece.cells) if piece.row else piece.text
        sheet = int(piece.sheet) if piece.sheet.isdecimal() else 0
        for one in set(identifiers_in(text)):
            yield Spot(one, sheet if piece.row else 0, piece.row)


def _matches(ledger: Ledger, place: places.Place) -> bool:
    """Whether the content of a copy is the one recorded; the encrypted is, or it does not open."""
    if place.object:
        return True
    digest = sha256()
    for piece in places.plain(ledger, place):
        digest.update(piece)
    return digest.hexdigest() == place.content


class _Hashed:
    """A stream that hashes what is read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = sha256()

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, all if negative."""
        data = self._stream.read(size)
        self._digest.update(data)
        return data

    def rest(self) -> str:
        """The SHA-256 (hex) of everything, what nobody read included."""
        while self.read(_CHUNK):
            pass
        return self._digest.hexdigest()

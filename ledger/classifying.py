"""Classification from content: what a record is said to be, from what is in a copy of it.

Nothing is recorded here. A copy of the record that can be read is read once, its digest compared
with the one recorded, and what is found in it (`ledger.content`) becomes a proposal under a
profile (`ledger.content.profile`); a person confirms it, or does not, and what is then recorded is
the ordinary classification (`ledger.acts.classify`), a downgrade with two persons as ever.

A record that is a row of a table is proposed what its table is: every row has the table's columns.
What cannot be read comes with its cause: those of `ledger.content`, `ledger.effects.places` and
`ledger.sources`, and

    no_copy_here   no copy of it is there
    other_content  the copy that is there holds another state of it
    restricted     it is only stored and protected: nothing reads it (PIPL 47)

No value, heading, title or path leaves this module: columns have numbers, what is in them kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import sqlalchemy as sa
from msgspec import Struct

from domain.copies import copies_of_record
from domain.record import RecordState, is_lower
from ledger.acts import record_state
from ledger.application import Ledger
from ledger.content import Limits, blocks
from ledger.content.counting import Counts, count
from ledger.content.profile import Axes, Profile, profile, propose
from ledger.custody import as_judged_now
from ledger.effects import places
from ledger.signing import now
from ledger.sources import CHUNK, SourceFault
from projections.tables import inventory
from projections.view import id_of, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

_PAGE: Final = 500
_REMEMBERED: Final = 8
_MAX_REASONS: Final = 64


class Proposed(Struct, frozen=True):
    """What a record is proposed to be; `counts`: why; `lower`: less than it is classified now.

    `of_table`: the counts are those of the table that the record is a row of.
    """

    record: str
    axes: Axes
    counts: Counts
    lower: bool
    of_table: bool

    def rationale(self, under: Profile) -> str:
        """Why so, in one line: kinds, counts, sheet and column numbers, no value."""
        reasons = [
            f"{f.kind} {f.count}" + (f" (sheet {f.sheet}, column {f.column})" if f.column else "")
            for f in self.counts.found[:_MAX_REASONS]
        ]
        return f"classify --auto, {under.code} {under.version}: {'; '.join(reasons) or 'nothing'}"


class Unread(Struct, frozen=True):
    """A record that nothing is proposed for; `cause` is a stable code."""

    record: str
    cause: str


def unclassified(ledger: Ledger) -> Iterator[str]:
    """Every record that is there and has not been classified, in order of its id."""
    c, after = inventory.c, b""
    query = sa.select(c.record).where(c.level.is_(None), c.state == "registered")
    while True:
        with ledger.engine.connect() as connection:
            page = query.where(c.record > after).order_by(c.record).limit(_PAGE)
            found = list(connection.execute(page).scalars())
        yield from (id_of("record", record) for record in found)
        if len(found) < _PAGE:
            return
        after = found[-1]


def proposals(
    ledger: Ledger, records: Iterable[str], code: str, limits: Limits | None = None
) -> Iterator[Proposed | Unread]:
    """A proposal for each record under the profile `code`, as soon as its content was read.

    Needs the keystore. Raises `UsageError` for a profile without rules or an unknown record.
    """
    under, reading = profile(code), _Reading(ledger, limits or Limits())
    for record in records:
        state = record_state(ledger, record)
        if state.restricted is not None:
            yield Unread(record, "restricted")
            continue
        try:
            counts = reading.counts(state)
        except SourceFault as fault:
            yield Unread(record, fault.cause)
            continue
        personal = state.basis != "not_personal"
        axes = propose(counts, under, state.categories[0], personal=personal)
        lower = state.level is not None and is_lower(state, axes.level, axes.sensitivity)
        yield Proposed(record, axes, counts, lower, _is_row(ledger, record))


def _is_row(ledger: Ledger, record: str) -> bool:
    query = sa.select(inventory.c.row).where(inventory.c.record == key_of(record))
    with ledger.engine.connect() as connection:
        return connection.execute(query).scalar() is not None


class _Reading:
    """Contents that are read, each once while its records come one after the other."""

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger = ledger
        self._limits = limits
        self._today = ledger.policy().calendar.day_of(now())
        self._known: dict[str, Counts | SourceFault] = {}

    def counts(self, state: RecordState) -> Counts:
        """What is in the record's present content. Raises `SourceFault`."""
        present = state.holdings[-1]
        if present not in self._known:
            while len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[present] = self._tried(state, present)
        known = self._known[present]
        if isinstance(known, SourceFault):
            raise known
        return known

    def _tried(self, state: RecordState, present: str) -> Counts | SourceFault:
        """Read the first copy that can be read: the one of the present content, then the others."""
        with as_judged_now(self._ledger) as case:
            there = [copy.stream for copy in copies_of_record(case, state) if copy.there]
        fault = SourceFault("no_copy_here")
        for holding in sorted(there, key=lambda holding: (holding != present, holding)):
            try:
                return self._read(holding, present)
            except SourceFault as found:
                fault = found
        return fault

    def _read(self, holding: str, present: str) -> Counts:
        place = places.place_of(self._ledger, holding)
        wanted = places.created_fields(self._ledger, present).get("content", place.content)
        if wanted != place.content:
            raise SourceFault("other_content")
        if wanted == sha256(b"").hexdigest():
            raise SourceFault("empty")
        with places.content(self._ledger, place) as stream:
            hashed = _Hashed(stream)
            counts = count(blocks(cast("BinaryIO", hashed), place.name, self._limits), self._today)
            if hashed.rest() != wanted:
                raise SourceFault("changed_since_recorded")
        return counts


class _Hashed:
    """A stream that hashes what is read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._read: Callable[[int], bytes] = stream.read
        self._digest = sha256()

    def read(self, size: int) -> bytes:
        """At most so many bytes."""
        data = self._read(size)
        self._digest.update(data)
        return data

    def rest(self) -> str:
        """The SHA-256 (hex) of all of it, read to its end."""
        while self.read(CHUNK):
            pass
        return self._digest.hexdigest()

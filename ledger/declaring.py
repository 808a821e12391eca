"""Who stands in which record, said as events: from the erasable index, or by somebody who looked.

The index (`ledger.subjects`) knows in which records an identifier was found, and what of the ledger
it has looked through. What it found becomes `subject.found`, one event a person and at most 200
records; what was declared already, of the record as it is now, is left out. What the index cannot
answer for is counted: records that it has not looked through as they are now, or could not read,
and those in which it found nobody. For these somebody looks and declares by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from domain.clearing import NOT_PERSONAL
from domain.subject import SubjectFound
from domain.values import MAX_LISTED
from ledger.application import Ledger
from ledger.effects.indexing import CONTENT_POSITION
from ledger.effects.vouching import NOT_HERE
from ledger.schema import SUBJECT_COVERAGE, SUBJECT_PLACES, SUBJECT_TOKENS
from ledger.signing import Proposal
from ledger.subjects import INDEXED
from projections.persons import subject_records
from projections.tables import holdings, inventory
from projections.view import id_of, key_of

_ROWS: Final = 5_000
_AT_ONCE: Final = 500


class Found(NamedTuple):
    """A person to be declared, and at most 200 records."""

    subject: str
    records: list[str]


class Left(NamedTuple):
    """Records of which the index says nothing: how many there are of each kind.

    `unread`: not looked through as they are now, or not to be read; `nobody`: nobody was found.
    """

    unread: int
    nobody: int


def found(subject: str, records: Sequence[str], *, minor: bool = False) -> list[Proposal]:
    """查明主体: that a person stands in these records."""
    fields = {"minor": True} if minor else {}
    return [
        Proposal(SubjectFound, subject, {"records": list(records[at : at + MAX_LISTED]), **fields})
        for at in range(0, len(records), MAX_LISTED)
    ]


def waiting(ledger: Ledger, party: str, records: Sequence[str] | None = None) -> Iterator[Found]:
    """Whom the index found in records that a party keeps, and that nobody has declared yet.

    `records`: only in these; None: in all. In order of subjects.
    """
    if records is None:
        yield from _grouped(_rows(ledger, _UNDECLARED.where(holdings.c.custodian == key_of(party))))
        return
    # By parts of the records, so that one statement does not grow with them; regrouped here.
    people: dict[str, list[str]] = {}
    for at in range(0, len(records), _AT_ONCE):
        part = [key_of(record) for record in records[at : at + _AT_ONCE]]
        for subject, record in _rows(ledger, _UNDECLARED.where(inventory.c.record.in_(part))):
            people.setdefault(id_of("subject", subject), []).append(id_of("record", record))
    for subject_id in sorted(people):
        inside = people[subject_id]
        for at in range(0, len(inside), MAX_LISTED):
            yield Found(subject_id, inside[at : at + MAX_LISTED])


def left(ledger: Ledger, party: str, records: Sequence[str] | None = None) -> Left:
    """How many personal records in which nobody was declared the index does not answer for.

    `records`: of these; None: of all that a party keeps.
    """
    if records is None:
        return _left(ledger, holdings.c.custodian == key_of(party))
    parts = [records[at : at + _AT_ONCE] for at in range(0, len(records), _AT_ONCE)]
    found = [_left(ledger, inventory.c.record.in_(list(map(key_of, part)))) for part in parts]
    return Left(sum(one.unread for one in found), sum(one.nobody for one in found))


def _left(ledger: Ledger, which: sa.ColumnElement[bool]) -> Left:
    personal = _PERSONAL.where(which, ~_DECLARED)
    with ledger.engine.connect() as connection:
        unread = connection.execute(personal.where(~_COVERED)).scalar_one()
        nobody = connection.execute(personal.where(_COVERED, ~_FOUND)).scalar_one()
    return Left(int(unread), int(nobody))


def _grouped(rows: Iterator[tuple[bytes, bytes]]) -> Iterator[Found]:
    subject, inside = b"", list[str]()
    for key, record in rows:
        if inside and (key != subject or len(inside) == MAX_LISTED):
            yield Found(id_of("subject", subject), inside)
            inside = []
        subject = key
        inside.append(id_of("record", record))
    if inside:
        yield Found(id_of("subject", subject), inside)


def _rows(ledger: Ledger, query: sa.Select[Any]) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of subject and record, in order; what is recorded meanwhile is not seen."""
    with ledger.engine.connect() as connection:
        for row in connection.execute(query).yield_per(_ROWS):
            yield bytes(row[0]), bytes(row[1])


_P, _T, _C = SUBJECT_PLACES.c, SUBJECT_TOKENS.c, SUBJECT_COVERAGE.c
_COVERED = (
    sa.select(_C.record)
    .where(_C.record == inventory.c.record, _C.outcome == INDEXED, _C.position == CONTENT_POSITION)
    .correlate(inventory)
    .exists()
)
_FOUND = (
    sa.select(_P.record)
    .join(SUBJECT_TOKENS, _T.token == _P.token)  # one row of every record is of nobody
    .where(_P.record == inventory.c.record)
    .correlate(inventory)
    .exists()
)
_DECLARED = (
    sa.select(subject_records.c.record)
    .where(
        subject_records.c.record == inventory.c.record,
        subject_records.c.position > CONTENT_POSITION,
    )
    .correlate(inventory)
    .exists()
)
_IS_PERSONAL = sa.and_(
    inventory.c.state.not_in(NOT_HERE),
    sa.or_(inventory.c.sensitivity.is_(None), inventory.c.sensitivity.not_in(sorted(NOT_PERSONAL))),
)
_PERSONAL = (
    sa.select(sa.func.count())
    .select_from(inventory)
    .join(holdings, holdings.c.holding == inventory.c.holding)
    .where(_IS_PERSONAL)
)
_UNDECLARED: Final[sa.Select[Any]] = (
    sa.select(_T.subject, _P.record)
    .select_from(SUBJECT_PLACES)
    .join(SUBJECT_TOKENS, _T.token == _P.token)
    .join(inventory, inventory.c.record == _P.record)
    .join(holdings, holdings.c.holding == inventory.c.holding)
    .where(
        _IS_PERSONAL,
        _COVERED,
        ~sa.select(subject_records.c.record)
        .where(
            subject_records.c.record == _P.record,
            subject_records.c.subject == _T.subject,
            subject_records.c.position > CONTENT_POSITION,
        )
        .correlate(SUBJECT_PLACES, SUBJECT_TOKENS, inventory)
        .exists(),
    )
    .distinct()
    .order_by(_T.subject, _P.record)
)

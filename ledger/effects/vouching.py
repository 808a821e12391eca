"""What vouches for the rows by which people are found again: digests of them, said by events.

After records were looked through, `search.people_indexed` says for each the SHA-256 over

    "muniment/people-index/v1" 0x00
    record       16 bytes of its id
    position     8 bytes: of the event that the content came with which was looked through
    each row     len token ‖ token ‖ sheet ‖ row ‖ len subject ‖ subject, sorted; each number takes
                 8 bytes, big-endian

The subject is empty where a token is nobody's. One row of every record is such a one: its token is
random (`subjects.blind`). It is erased with the others, so that afterwards nobody can try out, not
even who has the pepper, whether somebody had stood in the record.

Rows of another digest, and rows that count as looked through without an event, are named by
`compared`; so are records of which an event speaks and that do not count as looked through here,
unless nothing is left of them: in a ledger that was restored from a copy these are all. Where it is
known why they do not count (`subject_coverage`), that is named instead.

>>> digest_of(bytes(16), 7, [])[:16]
'9b8b02eef18ac147'
>>> digest_of(bytes(16), 7, [(bytes(16), 0, 3, None)])[:16]
'c1a966727a27df1c'
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.search import AN_EVENT, Indexed, PeopleIndexed
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.evidence import decode_event
from ledger.schema import EVENTS, SUBJECT_COVERAGE
from ledger.signing import Proposal, new_ids, now
from ledger.subjects import INDEXED
from projections.tables import inventory
from projections.view import fetch, id_of, key_of, marked

LABEL: Final = b"muniment/people-index/v1\0"
NOT_HERE: Final = ("destroyed", "anonymized", "transferred_out")
"""The states of records of which nothing is left to be looked through."""

_ROWS: Final = (
    "SELECT p.token, p.sheet, p.row, t.subject FROM subject_places p "
    "LEFT JOIN subject_tokens t ON t.token = p.token WHERE p.record = {} "
    "ORDER BY p.token, p.sheet, p.row"
)
_AT_ONCE: Final = 2_000
_ASKED: Final = 400
_NAMED: Final = 20


def digest_of(record: bytes, position: int, rows: Iterable[Sequence[Any]]) -> str:
    """The digest of a record's rows (token, sheet, row, subject or None), as the module says."""
    found = sha256(LABEL + record + _number(position))
    for token, sheet, row, subject in rows:
        whose = bytes(subject) if subject is not None else b""
        found.update(_number(len(token)) + bytes(token) + _number(sheet) + _number(row))
        found.update(_number(len(whose)) + whose)
    return found.hexdigest()


def _number(value: int) -> bytes:
    return value.to_bytes(8, signed=True)  # whatever somebody wrote into a column


def _stored(connection: Connection, record: bytes, position: int) -> str:
    return digest_of(record, position, fetch(connection, marked(connection, _ROWS), (record,)))


def vouch(ledger: Ledger, acting: Acting, records: Sequence[tuple[str, int]]) -> None:
    """Record what stands about these records (and the positions of their contents): one commit.

    Raises `RefusedError`; then nothing was recorded.
    """
    connection, stream = ledger.log.writer, new_ids("search")[0]
    told = [
        Indexed(record=record, rows=_stored(connection, key_of(record), position))
        for record, position in records
    ]
    engagement = _under(acting, ledger.routine())
    role = acting.role_for(PeopleIndexed, None, engagement, now())
    said = [
        Proposal(PeopleIndexed, stream, {"records": told[at : at + AN_EVENT]})
        for at in range(0, len(told), AN_EVENT)
    ]
    ledger.act(acting, said, role=role, engagement=engagement)


def _under(acting: Acting, routine: str) -> str:
    """The engagement to act under: another than `routine` for whoever has a role there only."""
    at, held = now(), acting.state.holds
    if any(held(role, routine, at) for role in PeopleIndexed.ROLES):
        return routine
    fitting = [grant for grant in acting.state.roles if grant.role in PeopleIndexed.ROLES]
    scopes = [one.scope for one in fitting if one.scope and held(one.role, one.scope, at)]
    return scopes[-1] if scopes else routine


class Differing(NamedTuple):
    """A record whose rows are not those that an event vouches for; `event`: its id."""

    record: str
    event: str
    expected: str
    actual: str


class Unvouched(NamedTuple):
    """How many records count as looked through here, and no event says so; some of them."""

    count: int  # type: ignore[assignment]  # where tuples have a method
    records: tuple[str, ...]


class Missing(NamedTuple):
    """How many records were looked through by what events say, and not here; some of them."""

    count: int  # type: ignore[assignment]  # where tuples have a method
    records: tuple[str, ...]


class Unreadable(NamedTuple):
    """How many records were looked through once, and why they cannot be here; some of them."""

    count: int  # type: ignore[assignment]  # where tuples have a method
    records: tuple[str, ...]
    cause: str


Compared = Differing | Unvouched | Missing | Unreadable


def compared(log: Connection, tables: Connection) -> Iterator[Compared]:
    """What events say of the rows against the rows; nothing if all is in order.

    `log`: with the events and the erasable tables, both as of one moment, so the caller reads them
    in one transaction; `tables`: with the projections. Memory does not grow with the records.
    """
    with closing(sqlite3.connect("")) as said:  # a private file that is gone when it is closed
        said.execute("CREATE TABLE said (record BLOB PRIMARY KEY, digest TEXT, event TEXT)")
        said.executemany("INSERT OR REPLACE INTO said VALUES (?, ?, ?)", _told(log))
        said.execute("CREATE TABLE seen (record BLOB PRIMARY KEY)")
        strange: list[str] = []
        count = 0
        for record, position in _covered(log):
            told = said.execute("SELECT digest, event FROM said WHERE record = ?", (record,))
            known = told.fetchone()
            said.execute("INSERT INTO seen VALUES (?)", (record,))
            if known is None:
                count += 1
                strange += [id_of("record", record)] if count <= _NAMED else []
            elif (actual := _stored(log, record, position)) != known[0]:
                yield Differing(id_of("record", record), known[1], known[0], actual)
        if count:
            yield Unvouched(count, tuple(strange))
        yield from _missing(said, log, tables)


def _told(log: Connection) -> Iterator[tuple[bytes, str, str]]:
    """Every record that events speak of, in order."""
    query = sa.select(EVENTS.c.state).where(EVENTS.c.topic == "search.people_indexed")
    for (state,) in log.execute(query.order_by(EVENTS.c.position)):
        event = decode_event(bytes(state))
        if isinstance(event, PeopleIndexed):
            for one in event.records:
                yield key_of(one.record), one.rows, event.id


def _covered(log: Connection) -> Iterator[tuple[bytes, int]]:
    """The records that count as looked through here, and the positions of their contents."""
    c = SUBJECT_COVERAGE.c
    after = b""
    while True:
        query = sa.select(c.record, c.position).where(c.outcome == INDEXED, c.record > after)
        found = log.execute(query.order_by(c.record).limit(_AT_ONCE)).all()
        yield from ((bytes(record), position) for record, position in found)
        if len(found) < _AT_ONCE:
            return
        after = bytes(found[-1][0])


def _missing(
    said: sqlite3.Connection, log: Connection, tables: Connection
) -> Iterator[Missing | Unreadable]:
    """Of the records that events speak of those that are there, and do not count here.

    Those of which it is known why come under their causes.
    """
    query = "SELECT record FROM said WHERE record NOT IN (SELECT record FROM seen) ORDER BY record"
    names: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    rows = said.execute(query)
    while part := [record for (record,) in rows.fetchmany(_ASKED)]:
        c = SUBJECT_COVERAGE.c
        known = sa.select(c.record, c.outcome).where(c.record.in_(part))
        causes = {bytes(record): str(outcome) for record, outcome in log.execute(known)}
        there = sa.select(inventory.c.record).where(
            inventory.c.record.in_(part), inventory.c.state.not_in(NOT_HERE)
        )
        for record in sorted(map(bytes, tables.execute(there).scalars())):
            cause = causes.get(record, "")
            counts[cause] = counts.get(cause, 0) + 1
            if counts[cause] <= _NAMED:
                names.setdefault(cause, []).append(id_of("record", record))
    for cause, count in sorted(counts.items()):
        some = tuple(names[cause])
        yield Unreadable(count, some, cause) if cause else Missing(count, some)

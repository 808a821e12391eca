"""How a person is found again without being named: tokens over identifiers, in erasable tables.

An identifier (a telephone number, an identity number, an e-mail address …, as
`ledger.content.detectors` finds and normalises them) is never stored. What is stored, here and
nowhere else, is

    token    HMAC-SHA-256(pepper, "<kind>" 0x00 "<normalised value>"), its first 16 bytes
    pepper   HMAC-SHA-256(the engagement's data key, "muniment/subject-pepper/v1")

and three tables: `subject_tokens` (token → a random subject id), `subject_places` (in which record,
on which sheet and row a token was found; 0: the record as a whole), `subject_coverage` (which state
of a record was looked through, and what came of it). Events name the subject id at most, and a
digest of what stands about a record, which nobody can try out (`effects.vouching`). The same
number under another engagement has another token and another subject, so that what lies in two
engagements is not joined but by somebody who has the number. When the key of an engagement is
destroyed, or the record in which an identifier was found, nothing leads back to the person.

Every identifier is a subject of its own. Two in one row may be two persons, and the number of a
clerk that stands in every row would make one person of all customers; so nothing is joined here:
who knows that they are one person's asks for both. Names identify nobody by themselves and are
not looked for.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.application import Ledger
from ledger.collecting import pepper
from ledger.content import detectors
from ledger.errors import KeyAccessError, UsageError, VerificationError
from ledger.schema import SUBJECT_COVERAGE, SUBJECT_PLACES, SUBJECT_TOKENS
from ledger.signing import new_ids
from projections.past import putting
from projections.tables import engagements
from projections.view import Prepared, execute, fetch, id_of, key_of, marked

INDEXED: Final = "indexed"
"""The outcome of a record that was looked through; every other one is a cause why not."""
LABEL: Final = b"muniment/subject-pepper/v1"
MAX_IDENTIFIERS: Final = 16

_TOKEN_BYTES: Final = 16
_AT_ONCE: Final = 500
_ADD = Prepared(("token", "subject"), lambda insert: insert(SUBJECT_TOKENS))
_PLACE = Prepared(
    ("record", "token", "sheet", "row"),
    lambda insert: insert(SUBJECT_PLACES).on_conflict_do_nothing(),
)
_COVER = putting(SUBJECT_COVERAGE)


class Identifier(NamedTuple):
    """What identifies a person, in its one spelling."""

    kind: str
    value: str

    def __repr__(self) -> str:
        """Without the value, which is somebody's."""
        return f"<Identifier {self.kind}>"


class Spot(NamedTuple):
    """Where an identifier stands: sheet and row as a spreadsheet counts them; 0: not in a table."""

    identifier: Identifier
    sheet: int = 0
    row: int = 0


class Place(NamedTuple):
    """A record in which a subject was found; `rows`: (sheet, row) pairs, empty if it is whole."""

    record: str
    rows: tuple[tuple[int, int], ...]


class Subject(NamedTuple):
    """A person as an engagement knows one: a random id, and the records it was found in."""

    subject: str
    places: tuple[Place, ...]

    @property
    def records(self) -> list[str]:
        """The records alone."""
        return [place.record for place in self.places]


def identifiers_in(text: str) -> Iterator[Identifier]:
    """Every identifier that stands in a text."""
    return map(_identifier, detectors.find(text))


def _identifier(hit: detectors.Hit) -> Identifier:
    return Identifier(hit.kind, detectors.normalise(hit.kind, hit.value))


def identifiers_of(given: str) -> list[Identifier]:
    """The identifiers that somebody typed, one a line, however they spelled them.

    Raises `UsageError` for a line that is none, without repeating it.
    """
    found: dict[Identifier, None] = {}
    for line in filter(None, map(str.strip, given.splitlines())):
        whole = [hit for hit in detectors.find(line) if hit.end - hit.start == len(line)]
        if not whole:
            raise UsageError(
                "a line is not an identifier by which people are found again, or it has a typing "
                "error; it is not repeated here",
                "a mobile or landline number, an identity or passport number, a bank card, an "
                "e-mail address, a plate, a unified social credit code: one a line",
            )
        found.update((_identifier(hit), None) for hit in whole)
    if not 0 < len(found) <= MAX_IDENTIFIERS:
        raise UsageError("give 1 to {most} identifiers, one a line", most=MAX_IDENTIFIERS)
    return list(found)


class Tokens:
    """Makes tokens; each engagement's pepper is derived once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._peppers: dict[str, bytes] = {}

    def token(self, engagement: str, identifier: Identifier) -> bytes:
        """The token of an identifier under an engagement.

        Raises `VerificationError` or `KeyAccessError` if the engagement has no pepper any more.
        """
        found = self._peppers.get(engagement)
        if found is None:
            found = self._peppers[engagement] = pepper(self._ledger, engagement, LABEL)
        message = f"{identifier.kind}\0{identifier.value}".encode("utf-8", "surrogatepass")
        return hmac.digest(found, message, "sha256")[:_TOKEN_BYTES]


# -- writing ----------------------------------------------------------------------------------


def put(connection: Connection, places: Sequence[tuple[str, bytes, int, int]]) -> None:
    """Write down where tokens were found: (record, token, sheet, row); new ones get a subject.

    Inside the caller's transaction.
    """
    tokens = list(dict.fromkeys(token for _record, token, _sheet, _row in places))
    known: set[bytes] = set()
    for part in _parts(tokens):
        query = f"SELECT token FROM subject_tokens WHERE token IN ({_marks(part)})"  # noqa: S608  marks only
        known |= {bytes(row[0]) for row in fetch(connection, marked(connection, query), part)}
    fresh = sorted(token for token in tokens if token not in known)
    for part in _parts(fresh):
        subjects = map(key_of, new_ids("subject", len(part)))
        _ADD.run(connection, list(zip(part, subjects, strict=True)))
    _PLACE.run(connection, [(key_of(record), *at) for record, *at in places])


def blind(connection: Connection, records: Iterable[str]) -> None:
    """Give each record one row more, whose token is random and nobody's (`effects.vouching`).

    Inside the caller's transaction.
    """
    _PLACE.run(connection, [(key_of(one), os.urandom(_TOKEN_BYTES), 0, 0) for one in records])


def cover(connection: Connection, seen: Iterable[tuple[str, int, str]]) -> None:
    """Say what came of looking through records: (record, position of its content event, outcome).

    The outcome is `INDEXED` or a cause. Inside the caller's transaction.
    """
    _COVER.run(connection, [(key_of(record), *what) for record, *what in seen])


def clear(connection: Connection, record: str) -> set[bytes]:
    """Take a record's places away; the tokens that stood there, which `tidy` is to be given.

    Its subjects stay, so that whoever is found in it again is the same. Inside the caller's
    transaction.
    """
    key = (key_of(record),)
    query = "SELECT DISTINCT token FROM subject_places WHERE record = {}"
    tokens = {bytes(row[0]) for row in fetch(connection, marked(connection, query), key)}
    for table in ("subject_places", "subject_coverage"):
        sql = f"DELETE FROM {table} WHERE record = {{}}"  # noqa: S608  two names of our own
        execute(connection, marked(connection, sql), key)
    return tokens


def tidy(connection: Connection, tokens: Iterable[bytes]) -> None:
    """Forget those of these tokens that stand in no record. Inside the caller's transaction."""
    for part in _parts(sorted(tokens)):
        sql = (
            f"DELETE FROM subject_tokens WHERE token IN ({_marks(part)}) "  # noqa: S608  marks only
            "AND NOT EXISTS (SELECT 1 FROM subject_places p WHERE p.token = subject_tokens.token)"
        )
        execute(connection, marked(connection, sql), part)


def forget(connection: Connection, records: Iterable[str]) -> None:
    """Forget who was found in these records, and everybody who is found in no other one.

    For whoever destroys them, inside the same transaction; the freed pages are overwritten
    (`secure_delete`), and the write-ahead log is the caller's to empty. Forgetting again is
    harmless.
    """
    tokens: set[bytes] = set()
    for number, record in enumerate(records, 1):
        tokens |= clear(connection, record)
        if number % _AT_ONCE == 0:
            tidy(connection, tokens)
            tokens.clear()
    tidy(connection, tokens)


# -- asking -----------------------------------------------------------------------------------


class Search(NamedTuple):
    """Who was found; `unreached`: engagements without a pepper, under which nobody can be."""

    subjects: list[Subject]
    unreached: list[str]


def find(ledger: Ledger, identifiers: Sequence[Identifier]) -> Search:
    """Who these identifiers belong to, under every engagement whose pepper is there.

    Raises `KeyAccessError` if the keystore cannot be opened.
    """
    _ = ledger.keystore.size  # what is wrong from here on is wrong with one engagement's key
    tokens, keys, unreached = Tokens(ledger), list[bytes](), list[str]()
    with ledger.engine.connect() as connection:
        for key in connection.execute(sa.select(engagements.c.engagement)).scalars():
            name = id_of("engagement", key)
            try:
                keys += [tokens.token(name, one) for one in identifiers]
            except (KeyAccessError, VerificationError):
                unreached.append(name)
        found: dict[bytes, None] = {}
        for part in _parts(keys):
            named = SUBJECT_TOKENS.c.token.in_(part)
            query = sa.select(SUBJECT_TOKENS.c.subject).where(named)
            found.update(dict.fromkeys(connection.execute(query).scalars()))
        names = [id_of("subject", key) for key in found]
        return Search([Subject(name, places_of(connection, name)) for name in names], unreached)


def places_of(connection: Connection, subject: str) -> tuple[Place, ...]:
    """The records in which a subject was found, in order of their ids."""
    p, t = SUBJECT_PLACES.c, SUBJECT_TOKENS.c
    query = (
        sa.select(p.record, p.sheet, p.row)
        .join(SUBJECT_TOKENS, t.token == p.token)
        .where(t.subject == key_of(subject))
        .order_by(p.record, p.sheet, p.row)
        .distinct()
    )
    rows: dict[bytes, list[tuple[int, int]]] = {}
    for record, sheet, row in connection.execute(query):
        found = rows.setdefault(record, [])
        if row:
            found.append((sheet, row))
    return tuple(Place(id_of("record", record), tuple(at)) for record, at in rows.items())


def _parts(values: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    for at in range(0, len(values), _AT_ONCE):
        yield tuple(values[at : at + _AT_ONCE])


def _marks(part: Sequence[bytes]) -> str:
    return ", ".join(["{}"] * len(part))

r"""Whether two sets of tables are equal, and if not, where: what `rebuild --check` stands on.

A row is compared as the JSON list of its stored values, bytes as base64, one line a row:

>>> line((b"\x01\x93", "contract", 48120, None))
b'["AZM=","contract",48120,null]\n'

A table's digest is the SHA-256 of its lines in order of the primary key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa

from projections.columns import METADATA
from projections.view import id_of

_ROWS_AT_ONCE = 1000
_ENCODER = msgspec.json.Encoder()

_Stored = tuple[Any, ...]


class Difference(NamedTuple):
    """A place where live tables are not what the events make them.

    `kind`: `missing` (only rebuilt), `extra` (only live), `changed`, or `unreadable` (the live
    database cannot read its own table from `key` on); `key`: the row's primary key, ids and codes
    joined by spaces; `columns`: those that differ.
    """

    table: str
    key: str
    kind: Literal["missing", "extra", "changed", "unreadable"]
    columns: tuple[str, ...] = ()


def line(row: Sequence[Any]) -> bytes:
    """A row's values as they are compared and hashed."""
    return _ENCODER.encode(tuple(row)) + b"\n"


def digest(connection: sa.Connection, tables: Sequence[sa.Table] | None = None) -> dict[str, str]:
    """The digest of each table by its name; flat in memory for tables of any size.

    Raises `sqlalchemy.exc.DBAPIError` if the database cannot read a table.
    """
    digests = {}
    for table in METADATA.sorted_tables if tables is None else tables:
        state = sha256()
        for row in _stored_rows(connection, table):
            state.update(line(row))
        digests[table.name] = state.hexdigest()
    return digests


def differences(
    live: sa.Connection,
    rebuilt: sa.Connection,
    tables: Sequence[sa.Table] | None = None,
    *,
    limit: int = 1,
) -> list[Difference]:
    """The first `limit` differing rows of each table, in order of the primary key.

    Empty if and only if both sides hold equal rows in all `tables` (all projections' by default).
    """
    found: list[Difference] = []
    for table in METADATA.sorted_tables if tables is None else tables:
        apart = _apart(table, _stored_rows(live, table), _stored_rows(rebuilt, table))
        found.extend(difference for _, difference in zip(range(limit), apart, strict=False))
    return found


def _stored_rows(connection: sa.Connection, table: sa.Table) -> Iterator[_Stored]:
    """A table's rows by primary key, as the driver gives them.

    No type conversion: a damaged or forged value must show, not fail in a converter.
    """
    sql = _ordered(table, connection.dialect.name)
    options = {"yield_per": _ROWS_AT_ONCE}
    with connection.exec_driver_sql(sql, execution_options=options) as result:
        for row in result:
            yield tuple(row)


@cache
def _ordered(table: sa.Table, dialect: str) -> str:
    """The statement, compiled once."""
    query = sa.select(table).order_by(*table.primary_key)
    return str(query.compile(dialect=sa.engine.url.URL.create(dialect).get_dialect()()))


class _UnreadableError(Exception):
    """The live side's table cannot be read on."""


def _readable(rows: Iterator[_Stored]) -> Iterator[_Stored]:
    try:
        yield from rows
    except sa.exc.DBAPIError as error:
        raise _UnreadableError from error


def _apart(
    table: sa.Table, live: Iterator[_Stored], rebuilt: Iterator[_Stored]
) -> Iterator[Difference]:
    """Walk both sides in step, as a merge does: they are in the same order."""
    names = table.columns.keys()
    picks = [names.index(column.name) for column in table.primary_key]
    live = _readable(live)
    last = ""
    try:
        ours, theirs = next(live, None), next(rebuilt, None)
        while ours is not None or theirs is not None:
            order = _order(ours, picks) > _order(theirs, picks)
            behind = _order(ours, picks) < _order(theirs, picks)
            last = _shown(table, picks, theirs if order else ours)
            if order:
                yield Difference(table.name, last, "missing")
            elif behind:
                yield Difference(table.name, last, "extra")
            elif columns := _unequal(names, ours, theirs):
                yield Difference(table.name, last, "changed", columns)
            ours = ours if order else next(live, None)
            theirs = theirs if behind else next(rebuilt, None)
    except _UnreadableError:
        yield Difference(table.name, last, "unreadable")


# The order in which SQLite sorts values of different types; a key should be of one type only.
_RANKS: dict[type[Any], int] = {type(None): 0, int: 1, float: 1, str: 2, bytes: 3}


def _order(row: _Stored | None, picks: list[int]) -> tuple[Any, ...]:
    """A row's place in the order of the primary key; the end comes after every row."""
    if row is None:
        return (len(_RANKS),)
    return tuple(part for pick in picks for part in (_RANKS[type(row[pick])], row[pick]))


def _unequal(names: list[str], ours: _Stored | None, theirs: _Stored | None) -> tuple[str, ...]:
    if ours is None or theirs is None or line(ours) == line(theirs):
        return ()
    pairs = zip(names, ours, theirs, strict=True)
    return tuple(name for name, a, b in pairs if line((a,)) != line((b,)))


def _shown(table: sa.Table, picks: list[int], row: _Stored | None) -> str:
    parts = []
    for column, value in ((table.columns[pick], (row or ())[pick]) for pick in picks):
        aggregate = column.info.get("aggregate")
        if isinstance(value, bytes):
            parts.append(id_of(aggregate, value) if aggregate else value.hex())
        else:
            parts.append(str(value))
    return " ".join(parts)

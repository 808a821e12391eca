"""What a view is: events in, rows out; nothing else to look at.

A view is given batches of recorded events in ledger order and a connection, and keeps its own
tables. It has no clock, no disk, no sealed data and no memory between batches, so production, a
rebuild and an auditor's replay from a bundle are the same code with the same input (DESIGN 3).
However the events are cut into batches, the tables end up equal (`projections.project` sees to
what a view may ask of a batch). A view never judges: an event about something that no earlier event
brought in changes nothing.

Ids are stored as the 16 bytes of their UUID and converted here and nowhere else:

>>> key_of("record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e").hex()
'019390a17e307c3a8d5e2f1b6a9c0d4e'
>>> id_of("record", key_of("record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"))
'record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e'
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPICursor

from domain.values import Event

_T = TypeVar("_T")


class Recorded(NamedTuple):
    """One event where it stands in the ledger.

    `position`: 1-based number of the event in the ledger; `entry`: 0-based index of the entry
    (the commit) that brought it; `accepted`: the ledger's time for that entry.
    """

    position: int
    entry: int
    accepted: str
    event: Event


class View(Protocol):
    """One reading of the events: a name, the tables that hold it, and how they follow.

    `kinds`: the classes of events that it looks at; a batch without any of them changes nothing.
    """

    name: str
    tables: tuple[sa.Table, ...]
    kinds: frozenset[type[Event]]

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Bring the tables from before the batch's first event to after its last one.

        The events are those right after the last batch, in order of position; one that takes
        copies away or brings them back (`projections.custody.TURNS`) is the last of its batch.
        """


def key_of(identifier: str) -> bytes:
    """The 16 bytes under which `<aggregate>-<UUID>` is stored; `ValueError` if it has no UUID."""
    return bytes.fromhex(identifier[-36:].replace("-", ""))


shared_key = lru_cache(maxsize=1024)(key_of)
"""`key_of` for the few ids that many events name: engagements, parties, the holding of a table."""


def id_of(aggregate: str, key: bytes) -> str:
    """The id `<aggregate>-<UUID>` of a stored key."""
    digits = key.hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return f"{aggregate}-{'-'.join(parts)}"


def stored(value: _T | UnsetType) -> _T | None:
    """An optional field as a column holds it: absent is NULL."""
    return None if value is UNSET else value


def stored_key(value: str | UnsetType) -> bytes | None:
    """An optional id as a column holds it: absent is NULL."""
    return None if value is UNSET else key_of(value)


def readable(table: sa.Table, row: Sequence[Any]) -> dict[str, Any]:
    """A whole stored row by column name, with ids, digests and yes/no values as people use them."""
    return {
        column.name: _readable(column, value)
        for column, value in zip(table.columns, row, strict=True)
    }


def _readable(column: sa.Column[Any], value: Any) -> Any:  # noqa: ANN401  a value of any column
    if value is None:
        return None
    if (aggregate := column.info.get("aggregate")) is not None:
        return id_of(aggregate, value)
    if column.info.get("flag"):
        return bool(value)
    return value.hex() if isinstance(value, bytes) else value


def register(
    connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]
) -> Iterator[dict[str, Any]]:
    """The rows of a table as `readable` shows them, in order of their primary key."""
    query = sa.select(table).where(*where).order_by(*table.primary_key)
    for row in connection.execute(query):
        yield readable(table, row)


Values = Sequence[Any] | Mapping[str, Any]
"""What a statement is given: by place, or by name where the driver wants names."""


def marked(connection: sa.Connection, sql: str) -> str:
    """A statement with the driver's placeholder wherever it has `{}`."""
    return sql.replace("{}", "?" if connection.dialect.paramstyle == "qmark" else "%s")


def execute(connection: sa.Connection, sql: str, values: Values = ()) -> int:
    """Run one statement by the driver itself; returns the number of rows it changed.

    Inside an act: Core's result objects cost several times what a small statement costs. Errors
    are Core's all the same, and they do not repeat the values.
    """
    try:
        cursor = _cursor(connection)
        cursor.execute(sql, values)
    except Exception as error:
        _raise_as_core(connection, sql, error)
        raise
    return cursor.rowcount


def _execute_many(connection: sa.Connection, sql: str, rows: Sequence[Values]) -> None:
    """Run one statement once a row, as `execute` does."""
    try:
        _cursor(connection).executemany(sql, cast("Any", rows))
    except Exception as error:
        _raise_as_core(connection, sql, error)
        raise


def fetch(connection: sa.Connection, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
    """All rows of one `SELECT`, run as `execute` does."""
    try:
        cursor = _cursor(connection)
        cursor.execute(sql, values)
        return cast("list[tuple[Any, ...]]", cursor.fetchall())
    except Exception as error:
        _raise_as_core(connection, sql, error)
        raise


def _cursor(connection: sa.Connection) -> DBAPICursor:
    if not connection.in_transaction():
        connection.begin()  # as Core does before a first statement
    return connection.connection.cursor()


def _raise_as_core(connection: sa.Connection, sql: str, error: Exception) -> None:
    dialect = connection.dialect
    driver_error = dialect.loaded_dbapi.Error
    if isinstance(error, driver_error):
        raise sa.exc.DBAPIError.instance(sql, None, error, driver_error, dialect=dialect) from error


Insert = Callable[[sa.Table], postgresql.Insert]

# The one place that knows of two dialects: both inserts have the same methods for conflicts.
_INSERTS: dict[str, Insert] = {
    "postgresql": postgresql.insert,
    "sqlite": cast("Insert", sqlite.insert),
}


class Prepared:
    """A Core statement compiled once a dialect and run by the driver, without Core's cost a row.

    `names`: its parameters, in the order in which callers give them; `build` makes the statement
    from the dialect's `insert`, which knows `on_conflict_do_update` and `on_conflict_do_nothing`.
    Values go to the driver as they are: bytes, text, integers and None only.
    """

    def __init__(self, names: Sequence[str], build: Callable[[Insert], sa.Executable]) -> None:
        self._names = tuple(names)
        self._build = build
        self._compiled: dict[str, tuple[str, Callable[[tuple[Any, ...]], Any] | None]] = {}

    def run(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute the statement once a row (executemany), in order; nothing for no rows."""
        if not rows:
            return
        sql, arrange = self._for(connection.dialect)
        if len(rows) == 1:
            execute(connection, sql, arrange(rows[0]) if arrange else rows[0])
        else:
            _execute_many(connection, sql, list(map(arrange, rows)) if arrange else rows)

    def fetch(self, connection: sa.Connection, row: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The rows that a `SELECT` answers with."""
        sql, arrange = self._for(connection.dialect)
        return fetch(connection, sql, arrange(row) if arrange else row)

    def _for(self, dialect: sa.Dialect) -> tuple[str, Callable[[tuple[Any, ...]], Any] | None]:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(dialect)
        return found

    def _compile(self, dialect: sa.Dialect) -> tuple[str, Callable[[tuple[Any, ...]], Any] | None]:
        statement = cast("sa.ClauseElement", self._build(_INSERTS[dialect.name]))
        compiled = statement.compile(dialect=dialect, column_keys=list(self._names))
        positions = getattr(compiled, "positiontup", None)
        if positions is None:
            return str(compiled), self._by_name
        if tuple(positions) == self._names:
            return str(compiled), None
        picks = [self._names.index(name) for name in positions]
        if len(picks) == 1:
            return str(compiled), lambda row: (row[picks[0]],)
        return str(compiled), itemgetter(*picks)

    def _by_name(self, row: tuple[Any, ...]) -> dict[str, Any]:
        return dict(zip(self._names, row, strict=True))

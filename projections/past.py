"""What was true then: the versions that rows had before later entries changed them.

Beside a table whose rows change lies a table of its past (`past_of`). A row says in
`changed_entry` since which entry it has been as it is; a version in the past stood from its
`changed_entry` until that of the next version, the last one until that of the row itself. Of
several changes within one entry only the last is a version: a commit is atomic, nobody ever saw
what lay between. A row that was never changed has no past, so collecting costs nothing here.

"As of entry n" is the state right after entry n (0-based). Queries of that kind walk the present
table by its primary key and look up the version of each row that had changed since: a page costs
its rows, however large the ledger has become and however much of it is newer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from projections.view import Insert, Prepared

AS_OF: Final[sa.BindParameter[int]] = sa.bindparam("as_of", type_=sa.BigInteger)
"""The entry that a query asks about; the parameter `as_of`."""


def past_of(table: sa.Table, *changing: str) -> sa.Table:
    """Make the table of the past of `table`, whose columns `changing` are those that change.

    Its columns: the primary key of `table`, `changed_entry` (together the key), `changing`.
    """
    keys = [column.name for column in table.primary_key] + ["changed_entry"]
    past = sa.Table(
        f"{table.name}_past",
        table.metadata,
        *(
            sa.Column(
                column.name, column.type, primary_key=column.name in keys, autoincrement=False,
                nullable=bool(column.nullable), info=dict(column.info),
            )
            for column in (table.columns[name] for name in (*keys, *changing))
        ),
        sqlite_with_rowid=False,
    )  # fmt: skip
    table.info["past"] = past
    return past


def superseding(table: sa.Table, names: Sequence[str], *where: sa.ColumnElement[bool]) -> Prepared:
    """A statement that keeps, before an update, the versions of the rows that `where` finds.

    `names`: the parameters of `where`; the entry that is about to change the rows comes last.
    A row that this entry has changed already is not kept: it was never seen.
    """
    past: sa.Table = table.info["past"]
    entry: sa.BindParameter[int] = sa.bindparam("superseding", type_=sa.BigInteger)
    kept = past.columns.keys()
    rows = sa.select(*(table.columns[name] for name in kept))
    rows = rows.where(*where, table.c.changed_entry < entry)

    def build(insert: Insert) -> sa.Executable:
        keeping: sa.Executable = insert(past).from_select(kept, rows)
        return keeping

    return Prepared((*names, "superseding"), build)


class Change:
    """An update of rows by their keys that keeps what they were before, where that was seen.

    `names`: the columns that `run` gives values for; `more`: others, set to SQL expressions;
    `where`: what a row must be like besides. `table` has a past.
    """

    def __init__(
        self,
        table: sa.Table,
        *names: str,
        where: Sequence[sa.ColumnElement[bool]] = (),
        **more: sa.ColumnElement[Any],
    ) -> None:
        keys = [f"of_{column.name}" for column in table.primary_key]
        these = [c == sa.bindparam(of) for c, of in zip(table.primary_key, keys, strict=True)]
        these += where
        given = ["changed_entry", *names]
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in given}
        self._keys = len(keys)
        self._keep = superseding(table, keys, *these)
        self._set = Prepared(
            (*keys, *(f"new_{name}" for name in given)),
            lambda _: sa.update(table).where(*these).values({**values, **more}),
        )

    def run(self, connection: sa.Connection, entry: int, rows: Iterable[tuple[Any, ...]]) -> None:
        """Change, at an entry, the rows with these keys: key columns, then values of `names`."""
        width = self._keys
        changed = {row[:width]: row[width:] for row in rows}
        self._keep.run(connection, [(*key, entry) for key in changed])
        self._set.run(connection, [(*key, entry, *new) for key, new in changed.items()])


class Standing(NamedTuple):
    """The rows of a table as they stood: what a query selects from, and with what.

    `columns` in the table's order; `stood`: whether the row was there at all.
    """

    source: sa.FromClause
    columns: Mapping[str, sa.ColumnElement[Any]]
    stood: sa.ColumnElement[bool]

    @property
    def rows(self) -> sa.Select[Any]:
        """A query for whole rows."""
        return sa.select(*self.columns.values()).select_from(self.source).where(self.stood)


def standing(table: sa.Table, *, then: bool) -> Standing:
    """A table that has a past as it stands now, or (`then`) as of entry `AS_OF`."""
    if not then:
        return Standing(table, dict(table.columns), sa.true())
    past: sa.Table = table.info["past"]
    unchanged = table.c.changed_entry <= AS_OF
    earlier = past.alias()
    last = (
        sa.select(sa.func.max(earlier.c.changed_entry))
        .where(*(earlier.columns[column.name] == column for column in table.primary_key))
        .where(earlier.c.changed_entry <= AS_OF)
        .correlate(table)
        .scalar_subquery()
    )
    same = (past.columns[column.name] == column for column in table.primary_key)
    source = table.outerjoin(past, sa.and_(~unchanged, *same, past.c.changed_entry == last))
    columns = {
        column.name: sa.case((unchanged, column), else_=past.columns[column.name]).label(
            column.name
        )
        if column.name in past.columns and not column.primary_key
        else column
        for column in table.columns
    }
    return Standing(source, columns, sa.or_(unchanged, past.c.changed_entry.is_not(None)))


def both(build: Callable[[bool], sa.Select[Any]]) -> dict[bool, sa.Select[Any]]:
    """A query about now (False) and its twin about entry `AS_OF` (True), each built once."""
    return {then: build(then) for then in (False, True)}


class Highest:
    """The highest key that each entry, or one before it, has brought: where a list then ends.

    Ids begin with a time, so what is newer than an entry lies beyond the keys of that entry; a
    list as of an early entry stops there and does not walk through all that came later.
    """

    def __init__(self, table: sa.Table) -> None:
        entry, key = table.columns
        last = sa.select(sa.func.max(entry))
        self._last = Prepared((), lambda _: sa.select(key).where(entry == last.scalar_subquery()))
        self._raise = Prepared((entry.name, key.name), lambda insert: _put(insert, table))
        then = last.where(entry <= AS_OF).scalar_subquery()
        self.then = sa.select(key).where(entry == then).scalar_subquery()

    def follow(self, connection: sa.Connection, brought: Iterable[tuple[int, bytes]]) -> None:
        """Take note of (entry, key) pairs of new rows."""
        tops: dict[int, bytes] = {}
        for entry, key in brought:
            if key > tops.get(entry, b""):
                tops[entry] = key
        if not tops:
            return
        highest = next((row[0] for row in self._last.fetch(connection, ())), b"")
        rising = []
        for entry, key in sorted(tops.items()):
            if key > highest:
                highest = key
                rising.append((entry, key))
        self._raise.run(connection, rising)


def _put(insert: Insert, table: sa.Table) -> sa.Executable:
    """An insert after which the newest values stand: an entry may be cut into batches."""
    added = insert(table)
    keys = list(table.primary_key)
    others = {c.name: added.excluded[c.name] for c in table.columns if not c.primary_key}
    put: sa.Executable = added.on_conflict_do_update(index_elements=keys, set_=others)
    return put


def putting(table: sa.Table) -> Prepared:
    """A statement that inserts whole rows, or replaces those that have the same key."""
    return Prepared([c.name for c in table.columns], lambda insert: _put(insert, table))

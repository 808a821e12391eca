"""The register of copies of keys, and of the keys that were shredded: what may still be where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from domain.keycopy import (
    SHREDDING,
    KeyCopyCleared,
    KeyCopyDestroyed,
    KeyCopyRegistered,
    shredded_by,
)
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.past import AS_OF, Change, both, past_of, standing
from projections.view import Prepared, Recorded, id_of, key_of, readable, stored, stored_key

key_copies = sa.Table(
    "key_copies",
    METADATA,
    key("copy", "keycopy", primary_key=True),
    text("kind"),
    text("medium"),
    key("custodian", "party"),
    text("made_at"),
    key("through", "key", nullable=True),
    number("listed"),
    text("expires_on", nullable=True),
    number("cleared", server_default=sa.text("0")),
    text("technique", nullable=True),
    number("registered_entry"),
    step("cleared_entry"),
    step("destroyed_entry"),
    number("changed_entry"),
)
"""One row a copy. `listed`: how many keys it names, 0 where it covers all up to `through`;
`cleared`: keys shredded in it; `technique`: how it was destroyed."""

sa.Index("key_copies_there", key_copies.c.destroyed_entry)

key_copies_past = past_of(
    key_copies, "cleared", "technique", "cleared_entry", "destroyed_entry"
)  # fmt: skip

copied_keys = sa.Table(
    "copied_keys",
    METADATA,
    key("copy", "keycopy", primary_key=True),
    key("key", "key", primary_key=True),
    number("registered_entry"),
    sqlite_with_rowid=False,
)
"""The keys that copies name one by one."""

cleared_keys = sa.Table(
    "cleared_keys",
    METADATA,
    key("copy", "keycopy", primary_key=True),
    key("key", "key", primary_key=True),
    number("entry"),
    sqlite_with_rowid=False,
)
"""The keys that were shredded in copies."""

shredded_keys = sa.Table(
    "shredded_keys",
    METADATA,
    key("key", "key", primary_key=True),
    sa.Column("stream", sa.LargeBinary(16), nullable=False),
    text("aggregate"),
    number("entry"),
    text("accepted"),
    sqlite_with_rowid=False,
)
"""The keys that were shredded in the keystore, and the stream whose event says so."""

sa.Index("shredded_by", shredded_keys.c.stream)

_REGISTER = Prepared(
    ("copy", "kind", "medium", "custodian", "made_at", "through", "listed", "expires_on",
     "registered_entry", "changed_entry"),
    lambda insert: insert(key_copies).on_conflict_do_nothing(),
)  # fmt: skip
_NAME = Prepared(
    ("copy", "key", "registered_entry"),
    lambda insert: insert(copied_keys).on_conflict_do_nothing(),
)
_KEY_CLEARED = Prepared(
    ("copy", "key", "entry"), lambda insert: insert(cleared_keys).on_conflict_do_nothing()
)
_SHRED = Prepared(
    ("key", "stream", "aggregate", "entry", "accepted"),
    lambda insert: insert(shredded_keys).on_conflict_do_nothing(),
)
_COUNT_CLEARED = (
    sa.select(sa.func.count())
    .where(cleared_keys.c.copy == key_copies.c.copy)
    .correlate(key_copies)
    .scalar_subquery()
)
_CLEAR = Change(key_copies, "cleared_entry", cleared=_COUNT_CLEARED)
_DESTROY = Change(key_copies, "destroyed_entry", "technique")


class KeyCopies:
    """The view behind `muniment keystore copies`, and behind every verdict on shredded keys."""

    name: str = "keycopies"
    tables: tuple[sa.Table, ...] = (
        key_copies, key_copies_past, copied_keys, cleared_keys, shredded_keys,
    )  # fmt: skip
    kinds: frozenset[type[Event]] = frozenset(
        {KeyCopyRegistered, KeyCopyCleared, KeyCopyDestroyed, *SHREDDING}
    )

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Register, clear, destroy and shred, in order."""
        for _, entry, accepted, event in batch:
            if type(event) not in self.kinds:
                continue
            stream = key_of(event.stream)
            if isinstance(event, KeyCopyRegistered):
                _REGISTER.run(connection, [(
                    stream, event.kind, event.medium, key_of(event.custodian), event.made_at,
                    stored_key(event.through), event.count, stored(event.expires_on), entry, entry,
                )])  # fmt: skip
                _NAME.run(connection, [(stream, key_of(named), entry) for named in event.keys])
            elif isinstance(event, KeyCopyCleared):
                gone = [(stream, key_of(cleared), entry) for cleared in event.keys]
                _KEY_CLEARED.run(connection, gone)
                _CLEAR.run(connection, entry, [(stream, entry)])
            elif isinstance(event, KeyCopyDestroyed):
                _DESTROY.run(connection, entry, [(stream, entry, event.technique)])
            else:
                aggregate = event.stream[:-37]
                _SHRED.run(connection, [
                    (key_of(one), stream, aggregate, entry, accepted) for one in shredded_by(event)
                ])  # fmt: skip


class KeyCopy(Struct, frozen=True, kw_only=True):
    """A copy of keys: what it covers, where by medium, and what became of it.

    `through`: the last key that it covers, else `listed` keys are named (a `live` one has all);
    `cleared`: how many keys were shredded in it; `destroyed_entry`: None while it is there.
    """

    copy: str
    kind: str
    medium: str
    custodian: str
    made_at: str
    through: str | None
    listed: int
    expires_on: str | None
    cleared: int
    technique: str | None
    registered_entry: int
    cleared_entry: int | None
    destroyed_entry: int | None
    changed_entry: int

    @property
    def there(self) -> bool:
        """Whether nobody has said that it is gone."""
        return self.destroyed_entry is None


class Fate(Struct, frozen=True):
    """Of the keys that one case shredded: how many a copy covers, how many it was cleared of."""

    covered: int
    cleared: int


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[KeyCopy]:
    """At most `limit` copies in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _COPIES[entry is not None].order_by(key_copies.c.copy).limit(limit)
    if after is not None:
        query = query.where(key_copies.c.copy > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, copy: str, *, entry: int | None = None) -> KeyCopy | None:
    """One copy, or None if nobody registered it (`entry`: by that entry)."""
    query = _COPIES[entry is not None].where(key_copies.c.copy == key_of(copy))
    return next(iter(_read(connection, query, entry)), None)


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[KeyCopy]:
    rows = connection.execute(query, {"as_of": entry})
    return [KeyCopy(**readable(key_copies, row)) for row in rows]


def there(connection: sa.Connection) -> list[str]:
    """The copies that nobody has said are gone, in order of their ids."""
    query = sa.select(key_copies.c.copy).where(key_copies.c.destroyed_entry.is_(None))
    found = connection.execute(query.order_by(key_copies.c.copy)).scalars()
    return [id_of("keycopy", copy) for copy in found]


def shredded(
    connection: sa.Connection, keys: Iterable[str]
) -> Iterator[tuple[str, str, str]]:  # fmt: skip
    """Of these keys those that were shredded: key, stream whose event says so, accepted time."""
    wanted = [key_of(one) for one in keys]
    c = shredded_keys.c
    for start in range(0, len(wanted), _AT_ONCE):
        query = sa.select(c.key, c.stream, c.aggregate, c.accepted)
        query = query.where(c.key.in_(wanted[start : start + _AT_ONCE]))
        for found, stream, aggregate, accepted in connection.execute(query):
            yield id_of("key", found), id_of(aggregate, stream), accepted


_AT_ONCE = 500


def all_shredded(connection: sa.Connection) -> Iterator[str]:
    """Every key that was shredded, in order."""
    query = sa.select(shredded_keys.c.key).order_by(shredded_keys.c.key)
    for found in connection.execute(query).scalars():
        yield id_of("key", found)


def due(
    connection: sa.Connection, copy: str, *, limit: int, after: str | None = None
) -> list[str]:  # fmt: skip
    """At most `limit` shredded keys that a copy covers and was not cleared of, in order."""
    query = sa.select(shredded_keys.c.key).where(
        key_copies.c.copy == key_of(copy), _COVERED, ~_IS_CLEARED
    )
    if after is not None:
        query = query.where(shredded_keys.c.key > key_of(after))
    query = query.order_by(shredded_keys.c.key).limit(limit)
    return [id_of("key", found) for found in connection.execute(query).scalars()]


def cleared_of(connection: sa.Connection, copy: str, keys: Iterable[str]) -> list[str]:
    """Of these keys those that a copy was cleared of, in order."""
    wanted = [key_of(one) for one in keys]
    found: list[str] = []
    for start in range(0, len(wanted), _AT_ONCE):
        query = sa.select(cleared_keys.c.key).where(
            cleared_keys.c.copy == key_of(copy),
            cleared_keys.c.key.in_(wanted[start : start + _AT_ONCE]),
        )
        found += [id_of("key", one) for one in connection.execute(query).scalars()]
    return sorted(found)


def all_cleared(connection: sa.Connection, copy: str) -> list[str]:
    """Every key that a copy was cleared of, in order."""
    query = sa.select(cleared_keys.c.key).where(cleared_keys.c.copy == key_of(copy))
    found = connection.execute(query.order_by(cleared_keys.c.key)).scalars()
    return [id_of("key", one) for one in found]


def covering(
    connection: sa.Connection, stream: str, *, entry: int | None = None
) -> list[tuple[KeyCopy, Fate]]:
    """The copies that cover keys shredded by events of `stream`, and what became of those keys.

    Destroyed copies included, in order of their ids; `entry`: as of that entry, instead of now.
    """
    found = []
    query = _FATES[entry is not None]
    asked = {"as_of": entry, "shredder": key_of(stream)}
    for row in connection.execute(query.order_by(key_copies.c.copy), asked):
        width = len(key_copies.columns)
        known = KeyCopy(**readable(key_copies, row[:width]))
        found.append((known, Fate(*row[width:])))
    return found


def _covers() -> sa.ColumnElement[bool]:
    """As `domain.keycopy.KeyCopyState.covers`."""
    named = (
        sa.select(copied_keys.c.key)
        .where(
            copied_keys.c.copy == key_copies.c.copy,
            copied_keys.c.key == shredded_keys.c.key,
        )
        .correlate(key_copies, shredded_keys)
        .exists()
    )
    before = sa.and_(
        shredded_keys.c.key <= key_copies.c.through,
        key_copies.c.made_at <= shredded_keys.c.accepted,
    )
    return sa.or_(key_copies.c.kind == sa.literal_column("'live'"), before, named)


def _is_cleared(*then: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return (
        sa.select(cleared_keys.c.key)
        .where(
            cleared_keys.c.copy == key_copies.c.copy,
            cleared_keys.c.key == shredded_keys.c.key,
            *then,
        )
        .correlate(key_copies, shredded_keys)
        .exists()
    )


_COVERED = _covers()
_IS_CLEARED = _is_cleared()
_COPIES = both(lambda then: standing(key_copies, then=then).rows)


def _fates(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    kept = standing(key_copies, then=then)
    early = [shredded_keys.c.entry <= AS_OF] if then else []
    of_case = [shredded_keys.c.stream == sa.bindparam("shredder"), _COVERED, *early]
    cleared = _is_cleared(*([cleared_keys.c.entry <= AS_OF] if then else []))
    covered, gone = (
        sa.select(sa.func.count())
        .select_from(shredded_keys)
        .where(*of_case, *more)
        .correlate(key_copies)
        .scalar_subquery()
        for more in ([], [cleared])
    )
    query = sa.select(*kept.columns.values(), covered.label("covered"), gone.label("gone"))
    return query.select_from(kept.source).where(kept.stood, covered > 0)


_FATES = both(_fates)

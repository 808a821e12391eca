"""The register of media: which disk, tape or box a copy lies on. Rows are added, never changed."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from msgspec import Struct

from domain.medium import MediumRegistered
from domain.values import Event
from projections.columns import METADATA, key, number, text
from projections.view import Prepared, Recorded, id_of, key_of, readable, stored

media = sa.Table(
    "media",
    METADATA,
    key("medium", "medium", primary_key=True),
    text("kind"),
    key("owner", "party"),
    text("serial_source", nullable=True),
    number("capacity", nullable=True),
    number("registered_entry"),
)

media_copies = sa.Table(
    "media_copies",
    METADATA,
    sa.Column("copy", sa.LargeBinary(16), primary_key=True),
    key("medium", "medium", primary_key=True),
    number("registered_entry"),
    sqlite_with_rowid=False,
)
"""What lies on media: holdings and copies of keys."""

_REGISTER = Prepared(
    ("medium", "kind", "owner", "serial_source", "capacity", "registered_entry"),
    lambda insert: insert(media).on_conflict_do_nothing(),
)
_BEAR = Prepared(
    ("copy", "medium", "registered_entry"),
    lambda insert: insert(media_copies).on_conflict_do_nothing(),
)


class Media:
    """The view behind `muniment medium list`, and the media that a certificate names."""

    name: str = "media"
    tables: tuple[sa.Table, ...] = (media, media_copies)
    kinds: frozenset[type[Event]] = frozenset({MediumRegistered})

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Register, in order."""
        for _, entry, _, event in batch:
            if isinstance(event, MediumRegistered):
                medium = key_of(event.stream)
                _REGISTER.run(connection, [(
                    medium, event.kind, key_of(event.owner), stored(event.serial_source),
                    stored(event.capacity), entry,
                )])  # fmt: skip
                _BEAR.run(connection, [(key_of(one), medium, entry) for one in event.mentions])


class Medium(Struct, frozen=True):
    """A medium; `capacity` in bytes, `serial_source` how its serial number was read, if known."""

    medium: str
    kind: str
    owner: str
    serial_source: str | None
    capacity: int | None
    registered_entry: int


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[Medium]:
    """At most `limit` media in order of their id, from the one after `after` on.

    `entry`: those registered by that entry.
    """
    query = sa.select(media).order_by(media.c.medium).limit(limit)
    if after is not None:
        query = query.where(media.c.medium > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, medium: str, *, entry: int | None = None) -> Medium | None:
    """One medium, or None if nobody registered it (`entry`: by that entry)."""
    query = sa.select(media).where(media.c.medium == key_of(medium))
    return next(iter(_read(connection, query, entry)), None)


def medium_of(connection: sa.Connection, copy: str, *, entry: int | None = None) -> str | None:
    """The medium that a copy, of records or of keys, was last said to lie on (`entry`: by then)."""
    c = media_copies.c
    query = sa.select(c.medium).where(c.copy == key_of(copy))
    if entry is not None:
        query = query.where(c.registered_entry <= entry)
    query = query.order_by(c.registered_entry.desc(), c.medium.desc()).limit(1)
    found = connection.execute(query).scalar()
    return None if found is None else id_of("medium", found)


def _read(
    connection: sa.Connection, query: sa.Select[tuple[object, ...]], entry: int | None
) -> list[Medium]:
    if entry is not None:
        query = query.where(media.c.registered_entry <= entry)
    return [Medium(**readable(media, row)) for row in connection.execute(query)]

"""The register of backups: what was copied when onto what, and what was done with it since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from domain.backup import (
    BackupCreated,
    BackupExpired,
    BackupRestored,
    BackupStoredOffsite,
    BackupVerified,
    RestoreDrillPerformed,
)
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.custody import THERE
from projections.past import AS_OF, Change, both, past_of, standing
from projections.tables import holdings
from projections.view import Prepared, Recorded, id_of, key_of, readable, stored_key

backups = sa.Table(
    "backups",
    METADATA,
    key("backup", "backup", primary_key=True),
    text("kind"),
    text("medium"),
    text("started_at"),
    text("ended_at"),
    key("base", "backup", nullable=True),
    number("count"),
    number("expired", server_default=sa.text("0")),
    number("created_entry"),
    step("verified_entry"),
    text("verified_at", nullable=True),
    text("result", nullable=True),
    text("offsite_at", nullable=True),
    text("drilled_at", nullable=True),
    text("drill_result", nullable=True),
    step("expired_entry"),
    number("changed_entry"),
)
"""One row a backup. `base`: the one that it continues; `count`: copies made; `expired`: copies
removed since; `result`: of the last verification; `verified_at`, `offsite_at`, `drilled_at`: the
accepted time of the last of these events."""

backups_past = past_of(
    backups,
    "expired", "verified_entry", "verified_at", "result", "offsite_at", "drilled_at",
    "drill_result", "expired_entry",
)  # fmt: skip

backup_copies = sa.Table(
    "backup_copies",
    METADATA,
    key("backup", "backup", primary_key=True),
    key("holding", "holding", primary_key=True),
    number("created_entry"),
    step("expired_entry"),
    sqlite_with_rowid=False,
)

sa.Index("backup_of_copy", backup_copies.c.holding)

restored_copies = sa.Table(
    "restored_copies",
    METADATA,
    key("holding", "holding", primary_key=True),
    key("backup", "backup"),
    number("restored_entry"),
    sqlite_with_rowid=False,
)
"""The copies that were restored from a backup's chain, and from which."""

_CREATE = Prepared(
    ("backup", "kind", "medium", "started_at", "ended_at", "base", "count", "created_entry",
     "changed_entry"),
    lambda insert: insert(backups).on_conflict_do_nothing(),
)  # fmt: skip
_COPY = Prepared(
    ("backup", "holding", "created_entry"),
    lambda insert: insert(backup_copies).on_conflict_do_nothing(),
)
_RESTORED = Prepared(
    ("holding", "backup", "restored_entry"),
    lambda insert: insert(restored_copies).on_conflict_do_nothing(),
)
_VERIFY = Change(backups, "verified_entry", "verified_at", "result")
_STORE = Change(backups, "offsite_at")
_DRILL = Change(backups, "drilled_at", "drill_result")
_GONE = Prepared(
    ("key", "item", "entry"),
    lambda _: (
        sa.update(backup_copies)
        .where(
            backup_copies.c.backup == sa.bindparam("key"),
            backup_copies.c.holding == sa.bindparam("item"),
        )
        .values(expired_entry=sa.bindparam("entry"))
    ),
)
_EXPIRED = (
    sa.select(sa.func.count())
    .where(backup_copies.c.backup == backups.c.backup, backup_copies.c.expired_entry.is_not(None))
    .correlate(backups)
    .scalar_subquery()
)
_EXPIRE = Change(backups, "expired_entry", expired=_EXPIRED)


class Backups:
    """The view behind `muniment backup list`."""

    name: str = "backups"
    tables: tuple[sa.Table, ...] = (backups, backups_past, backup_copies, restored_copies)
    kinds: frozenset[type[Event]] = frozenset({
        BackupCreated, BackupVerified, BackupStoredOffsite, RestoreDrillPerformed, BackupRestored,
        BackupExpired,
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Make, check, store, drill, restore and expire, in order."""
        for recorded in batch:
            if type(recorded.event) in self.kinds:
                _apply(connection, recorded)


def _apply(connection: sa.Connection, recorded: Recorded) -> None:
    _, entry, accepted, event = recorded
    backup = key_of(event.stream)
    if isinstance(event, BackupCreated):
        _CREATE.run(connection, [(
            backup, event.kind, event.medium, event.started_at, event.ended_at,
            stored_key(event.base), event.count, entry, entry,
        )])  # fmt: skip
        _COPY.run(connection, [(backup, key_of(item), entry) for item in event.items])
    elif isinstance(event, BackupVerified):
        _VERIFY.run(connection, entry, [(backup, entry, accepted, event.result)])
    elif isinstance(event, BackupStoredOffsite):
        _STORE.run(connection, entry, [(backup, accepted)])
    elif isinstance(event, RestoreDrillPerformed):
        _DRILL.run(connection, entry, [(backup, accepted, event.result)])
    elif isinstance(event, BackupRestored):
        _RESTORED.run(connection, [(key_of(item), backup, entry) for item in event.items])
    elif isinstance(event, BackupExpired):
        _GONE.run(connection, [(backup, key_of(item), entry) for item in event.items])
        _EXPIRE.run(connection, entry, [(backup, entry)])


class Backup(Struct, frozen=True, kw_only=True):
    """A backup: what kind on what medium, and what became of its copies.

    `base`: the backup that it continues; `count`: copies made, `expired`: those removed since, by
    `expired_entry` the last of them; `result`: of the last verification, at `verified_entry`;
    `drill_result`: of the last drill. Times are accepted times.
    """

    backup: str
    kind: str
    medium: str
    started_at: str
    ended_at: str
    base: str | None
    count: int
    expired: int
    created_entry: int
    verified_entry: int | None
    verified_at: str | None
    result: str | None
    offsite_at: str | None
    drilled_at: str | None
    drill_result: str | None
    expired_entry: int | None
    changed_entry: int


class BackupCopy(Struct, frozen=True):
    """A copy in a backup, and the entry at which it was removed, None while it is there."""

    holding: str
    created_entry: int
    expired_entry: int | None


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[Backup]:
    """At most `limit` backups in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _BACKUPS[entry is not None].order_by(backups.c.backup).limit(limit)
    if after is not None:
        query = query.where(backups.c.backup > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, backup: str, *, entry: int | None = None) -> Backup | None:
    """One backup, or None if it was never made (`entry`: by that entry)."""
    query = _BACKUPS[entry is not None].where(backups.c.backup == key_of(backup))
    return next(iter(_read(connection, query, entry)), None)


def copies(
    connection: sa.Connection,
    backup: str,
    *,
    limit: int,
    after: str | None = None,
    entry: int | None = None,
) -> list[BackupCopy]:
    """At most `limit` copies of a backup, removed ones included, in order of their id."""
    query = _COPIES[entry is not None].where(backup_copies.c.backup == key_of(backup))
    query = query.order_by(backup_copies.c.holding).limit(limit)
    if after is not None:
        query = query.where(backup_copies.c.holding > key_of(after))
    rows = connection.execute(query, {"as_of": entry})
    return [BackupCopy(id_of("holding", holding), *told) for holding, *told in rows]


def backup_of(connection: sa.Connection, holding: str, *, entry: int | None = None) -> str | None:
    """The backup that a copy belongs to, or None (`entry`: as of that entry)."""
    query = sa.select(backup_copies.c.backup).where(backup_copies.c.holding == key_of(holding))
    if entry is not None:
        query = query.where(backup_copies.c.created_entry <= entry)
    found = connection.execute(query).scalar()
    return None if found is None else id_of("backup", found)


def chain(connection: sa.Connection, backup: str) -> list[str]:
    """A backup and what it continues, the newest first; empty if it was never made."""
    found: list[str] = []
    following: bytes | None = key_of(backup)
    while following is not None:
        query = sa.select(backups.c.backup, backups.c.base).where(backups.c.backup == following)
        row = connection.execute(query).one_or_none()
        if row is None or (name := id_of("backup", row.backup)) in found:
            break
        found.append(name)
        following = row.base
    return found


def backed_up(
    connection: sa.Connection, originals: Sequence[str], chain: Sequence[str] | None = None
) -> dict[str, set[str]]:
    """The backups that have a copy, still there, of each of at most 500 originals.

    `chain`: only those of these backups. Originals without one are left out.
    """
    query = (
        sa.select(holdings.c.made_from, backup_copies.c.backup)
        .join(backup_copies, backup_copies.c.holding == holdings.c.holding)
        .where(holdings.c.made_from.in_([key_of(original) for original in originals]))
        .where(holdings.c.condition.in_(THERE))
    )
    wanted = None if chain is None else set(map(key_of, chain))
    found: dict[str, set[str]] = {}
    for original, backup in connection.execute(query):
        if wanted is None or backup in wanted:
            found.setdefault(id_of("holding", original), set()).add(id_of("backup", backup))
    return found


def restored_among(connection: sa.Connection, copies: Sequence[str]) -> set[str]:
    """Those of at most 500 copies that were restored from a backup."""
    wanted = restored_copies.c.holding.in_([key_of(copy) for copy in copies])
    rows = connection.execute(sa.select(restored_copies.c.holding).where(wanted))
    return {id_of("holding", holding) for holding in rows.scalars()}


def newest(connection: sa.Connection, party: str) -> str | None:
    """The newest backup of a party of which something is left, or None."""
    query = sa.select(backups.c.backup).where(_left(party))
    query = query.order_by(backups.c.backup.desc()).limit(1)
    found = connection.execute(query).scalar()
    return None if found is None else id_of("backup", found)


def protected(
    connection: sa.Connection, party: str
) -> tuple[int | None, str | None, str | None, str | None]:
    """How a party's copies are protected by backups of which something is left.

    The entry that made the newest, and the accepted times of the last off-site storage, the last
    verification and the last drill that passed; None where there is none.
    """
    c = backups.c
    query = sa.select(
        sa.func.max(c.created_entry),
        sa.func.max(c.offsite_at),
        sa.func.max(sa.case((c.result == "pass", c.verified_at))),
        sa.func.max(sa.case((c.drill_result == "pass", c.drilled_at))),
    )
    made, offsite, verified, drill = connection.execute(query.where(_left(party))).one()
    return made, offsite, verified, drill


def _left(party: str) -> sa.ColumnElement[bool]:
    """Whether a backup has a copy, still there, that a party keeps."""
    return (
        sa.select(holdings.c.holding)
        .join(backup_copies, backup_copies.c.holding == holdings.c.holding)
        .where(backup_copies.c.backup == backups.c.backup)
        .where(holdings.c.custodian == key_of(party), holdings.c.condition.in_(THERE))
        .correlate(backups)
        .exists()
    )


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Backup]:
    rows = connection.execute(query, {"as_of": entry})
    return [Backup(**readable(backups, row)) for row in rows]


def _copies(then: bool) -> sa.Select[Any]:  # noqa: FBT001  the key of its twins
    c = backup_copies.c
    expired: sa.ColumnElement[int] = c.expired_entry
    if then:
        expired = sa.case((expired <= AS_OF, expired), else_=None)
    query = sa.select(c.holding, c.created_entry, expired)
    return query.where(c.created_entry <= AS_OF) if then else query


_BACKUPS = both(lambda then: standing(backups, then=then).rows)
_COPIES = both(_copies)

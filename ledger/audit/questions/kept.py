"""Who could have had access by position: keepers, their people, and copies of the keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from ledger.audit.questions.asked import Asked, joined
from ledger.audit.questions.span import Row, events_at, ids_at, overlaps
from ledger.evidence import data_key
from projections import backups, keycopies
from projections.custody import THERE
from projections.tables import actors, holdings, roles
from projections.view import id_of, key_of

_KEEPING: Final = ("administrator", "custodian")
"""As `projections.people.keyholders`."""
_AT_ONCE: Final = 500


class Kept(NamedTuple):
    """That a party kept a copy from a time until another."""

    party: str
    holding: str
    begins: str
    until: str | None


def kept(asked: Asked, holding: str) -> Iterator[Kept]:
    """Who kept a copy from when until when, as far as that touches the span."""
    past: sa.Table = holdings.info["past"]
    key = key_of(holding)
    found = []
    for table in (past, holdings):
        c = table.c
        query = sa.select(c.changed_entry, c.custodian, c.condition)
        query = query.where(c.holding == key, c.changed_entry <= asked.span.entry)
        found += [tuple(row) for row in asked.connection.execute(query)]
    versions = sorted(found, key=lambda row: row[0])
    spells: list[Kept] = []
    for at, (entry, custodian, condition) in enumerate(versions):
        ends = versions[at + 1][0] if at + 1 < len(versions) else None
        if condition not in THERE:
            continue
        party, begins, until = id_of("party", custodian), asked.times.at(entry), ends
        last = spells[-1] if spells else None
        if last is not None and (last.party, last.until) == (party, begins):
            begins = spells.pop().begins
        spells.append(Kept(party, holding, begins, asked.times.of(until)))
    return (one for one in spells if overlaps(asked.span, one.begins, one.until))


def keeps(asked: Asked, record: str, one: Kept) -> Row:
    """A keeper as a row."""
    within = backups.backup_of(asked.connection, one.holding, entry=asked.span.entry)
    entry = asked.times.first_from(one.begins, asked.span.entry)
    return asked.row(
        "keeps", record, one.begins, one.until, party=one.party, holding=one.holding,
        via=within, why="backup" if within else "custodian",
        evidence=events_at(asked.connection, one.holding, entry),
    )  # fmt: skip


def keyholders(
    asked: Asked, record: str, kept: Sequence[Kept], keycopies: Sequence[Row]
) -> Iterator[Row]:
    """People whose role keeps copies or keys, while their party has a copy to read or its keys.

    `keycopies`: the rows of `of_keys`. Of the ledger's own party it ends with its last copy and
    the last copy of its keys; of another one with its last copy.
    """
    spells: dict[str, list[tuple[str, str | None]]] = {}
    for one in kept:
        spells.setdefault(one.party, []).append((one.begins, one.until))
    owner = asked.owner()
    for keys in keycopies:
        if keys["party"] == owner:
            spells.setdefault(owner, []).append((keys["from"], keys["until"]))
    engagement = asked.engagement_of(record)
    for party, some in sorted(spells.items()):
        why = "keeps_ledger_keys" if party == owner else "keeps_copy"
        for row in _of_party(asked, party, engagement):
            for begins, until in joined(some):
                told = _role(asked, row, record, max(begins, row["from"]), until, why)
                if told is not None:
                    yield told


def gone(kept: Sequence[Kept]) -> str | None:
    """When the last of these copies was gone; None while there is one, "" if there was none."""
    ends = [one.until or "" for one in kept]
    return None if "" in ends else max(ends, default="")


def scoped(asked: Asked, engagement: str) -> Iterator[Row]:
    """People whose role keeps copies or keys, for one deal only."""
    for row in _roles(asked, roles.c.scope == key_of(engagement)):
        told = _role(asked, row, None, row["from"], None, "role_in_deal")
        if told is not None:
            yield told


def _role(
    asked: Asked, row: Row, record: str | None, begins: str, until: str | None, why: str
) -> Row | None:
    ends = [end for end in (until, row["until"]) if end is not None]
    end = min(ends) if ends else None
    if (end is not None and begins >= end) or not overlaps(asked.span, begins, end):
        return None
    return asked.row(
        "keyholder", record, begins, end, actor=row["actor"], party=row["party"],
        via=row["role"], why=why, evidence=row["evidence"],
    )  # fmt: skip


def _of_party(asked: Asked, party: str, engagement: str | None) -> list[Row]:
    r = roles.c
    wide = r.scope.is_(None)
    scoped = sa.or_(wide, r.scope == key_of(engagement)) if engagement else wide
    return _roles(asked, actors.c.party == key_of(party), scoped)


def _roles(asked: Asked, *where: sa.ColumnElement[bool]) -> list[Row]:
    r = roles.c
    query = (
        sa.select(r.granted_position, r.granted_entry, r.actor, actors.c.party, r.role,
                  r.valid_from, r.valid_to, r.revoked_entry)
        .join(actors, actors.c.actor == r.actor)
        .where(*where, r.role.in_(_KEEPING), r.granted_entry <= asked.span.entry)
        .order_by(r.granted_position)
    )  # fmt: skip
    found = []
    for at, entry, actor, party, role, first, last, revoked in asked.connection.execute(query):
        over = revoked if revoked is not None and revoked <= asked.span.entry else None
        ends = [asked.times.of(over), last and f"{last}T23:59:59.999Z"]
        found.append({
            "actor": id_of("actor", actor), "party": id_of("party", party), "role": role,
            "from": max(asked.times.at(entry), f"{first}T00:00:00.000Z" if first else ""),
            "until": min((end for end in ends if end), default=None),
            "evidence": ids_at(asked.connection, [at]),
        })  # fmt: skip
    return found


def of_keys(asked: Asked, record: str, held: Sequence[str]) -> Iterator[Row]:
    """The copies of the keys of a record and of these copies of it."""
    keys = _data_keys(asked, [record, *held])
    after = None
    while keys and (
        found := keycopies.listed(
            asked.connection, limit=_AT_ONCE, after=after, entry=asked.span.entry
        )
    ):
        for one in found:
            if covered := _covered(asked, one, keys):
                yield from _keycopy(asked, record, one, covered)
        after = found[-1].copy


def _keycopy(
    asked: Asked, record: str, one: keycopies.KeyCopy, covered: Sequence[str]
) -> Iterator[Row]:
    until = asked.times.of(one.destroyed_entry)
    cleared = _cleared(asked, one, covered)
    if cleared is not None and (until is None or cleared < until):
        until = cleared
    made = min(one.made_at, asked.times.at(one.registered_entry))
    begins = max(made, asked.began(record) or "")
    if overlaps(asked.span, begins, until):
        yield asked.row(
            "keycopy", record, begins, until, party=one.custodian, via=one.copy,
            why=f"{one.kind}_copy",
            evidence=events_at(asked.connection, one.copy, one.registered_entry),
        )  # fmt: skip


def _data_keys(asked: Asked, streams: Sequence[str]) -> list[str]:
    """The keys under which content and sealed texts of these streams lie."""
    keys: dict[str, None] = {}
    for stream in streams:
        rows = asked.connection.exec_driver_sql(
            "SELECT state FROM events WHERE stream = ? AND entry <= ? ORDER BY version",
            (key_of(stream), asked.span.entry),
        )
        for state in rows.scalars():
            if (key := data_key(bytes(state))) is not None:
                keys[key] = None
    return list(keys)


def _covered(asked: Asked, one: keycopies.KeyCopy, keys: Sequence[str]) -> list[str]:
    """Of these keys those that a copy has, as `domain.keycopy.KeyCopyState.covers`."""
    if one.kind == "live":
        return list(keys)
    if one.through is not None:
        return [key for key in keys if key <= one.through]
    c = keycopies.copied_keys.c
    query = sa.select(c.key).where(c.copy == key_of(one.copy))
    named = {id_of("key", key) for key in asked.connection.execute(query).scalars()}
    return [key for key in keys if key in named]


def _cleared(asked: Asked, one: keycopies.KeyCopy, keys: Sequence[str]) -> str | None:
    """When the last of these keys was gone from a copy; None while one is there."""
    table = keycopies.shredded_keys if one.kind == "live" else keycopies.cleared_keys
    query = sa.select(table.c.key, table.c.entry).where(table.c.entry <= asked.span.entry)
    if one.kind != "live":
        query = query.where(table.c.copy == key_of(one.copy))
    gone = asked.connection.execute(query.where(table.c.key.in_(list(map(key_of, keys))))).all()
    return asked.times.at(max(row[1] for row in gone)) if len(gone) == len(keys) else None

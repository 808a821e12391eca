"""Who is who: parties, actors, roles, keys, and with them engagements, policies, voided drafts.

Everything that a commit's signers are looked up in, and the answer to "who could sign what when".
Validity goes by entry: keys and roles are those before a commit, so what an entry grants or enrols
counts from the next one on, and what it revokes still counts in it. Entry 0 alone leans on itself.
Changes are few, so each event is written by itself, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.actor import (
    ActorKeyCompromised,
    ActorKeyEnrolled,
    ActorKeyRevoked,
    ActorKeyRotated,
    ActorRegistered,
    RoleGranted,
    RoleRevoked,
)
from domain.engagement import EngagementOpened
from domain.ledger import DraftVoided, LedgerInitialized, LedgerKeyRotated, PolicyAdopted
from domain.party import PartyRegistered
from domain.values import Event, Key
from projections.past import AS_OF, standing, superseding
from projections.tables import (
    actors,
    engagements,
    keys,
    keys_past,
    parties,
    policies,
    roles,
    voided,
)
from projections.view import (
    Prepared,
    Recorded,
    id_of,
    key_of,
    readable,
    register,
    stored,
    stored_key,
)


def _adding(table: sa.Table, *names: str) -> Prepared:
    """An insert that leaves alone what stands: the first registration, enrolment, voiding."""
    return Prepared(names, lambda insert: insert(table).on_conflict_do_nothing())


_PARTY = _adding(parties, *parties.columns.keys())
_ACTOR = _adding(actors, *actors.columns.keys())
_ENGAGEMENT = _adding(engagements, "engagement", "kind", "transfer_mode", "opened_position")
_POLICY = _adding(
    policies, "policy", "position", "pack", "pack_version", "digest", "effective_from"
)
_VOIDED = _adding(voided, "commit", "voider", "position")
_ENROL = _adding(
    keys, "name", "id", "holder", "purpose", "kind", "public", "since", "changed_entry"
)
_GRANT = _adding(
    roles, "granted_position", "granted_entry", "actor", "role", "scope", "valid_from", "valid_to"
)
_REVOKE = Prepared(
    ("key", "revoked", "revoked_position", "revoked_entry"),
    lambda _: (
        sa.update(roles)
        .where(
            roles.c.actor == sa.bindparam("key"),
            roles.c.role == sa.bindparam("revoked"),
            roles.c.revoked_position.is_(None),
        )
        .values(
            revoked_position=sa.bindparam("revoked_position"),
            revoked_entry=sa.bindparam("revoked_entry"),
        )
    ),
)
_HELD = (keys.c.holder == sa.bindparam("of"), keys.c.id == sa.bindparam("key"))
_ACTIVE = keys.c.condition == sa.literal_column("'active'")
_END = Prepared(
    ("of", "key", "condition", "until", "changed_entry"),
    lambda _: (
        sa.update(keys)
        .where(*_HELD, _ACTIVE)
        .values({name: sa.bindparam(name) for name in ("condition", "until", "changed_entry")})
    ),
)
_BEFORE_END = superseding(keys, ("of", "key"), *_HELD, _ACTIVE)
_BEFORE_COMPROMISE = superseding(keys, ("of", "key"), *_HELD)


def _compromised_update(_: object) -> sa.Executable:
    """The first end stands, the earliest suspicion stands, and a compromise overrides."""
    since = sa.bindparam("suspected", type_=sa.String)
    earlier = sa.or_(keys.c.suspected_since.is_(None), keys.c.suspected_since > since)
    return (
        sa.update(keys)
        .where(*_HELD)
        .values(
            condition=sa.literal_column("'compromised'"),
            until=sa.func.coalesce(keys.c.until, sa.bindparam("ended", type_=sa.BigInteger)),
            suspected_since=sa.case((earlier, since), else_=keys.c.suspected_since),
            changed_entry=sa.bindparam("changed_entry"),
        )
    )


_COMPROMISE = Prepared(("of", "key", "suspected", "ended", "changed_entry"), _compromised_update)

_IS_ENROLLED = Prepared(
    ("wanted",), lambda _: sa.select(keys.c.id).where(keys.c.public == sa.bindparam("wanted"))
)
_IS_VOIDED = Prepared(
    ("wanted", "by"),
    lambda _: sa.select(voided.c.position).where(
        voided.c.commit == sa.bindparam("wanted"), voided.c.voider == sa.bindparam("by")
    ),
)

_Write = tuple[Prepared, tuple[Any, ...]]


def _enrol(holder: str, key: Key, entry: int) -> _Write:
    return _ENROL, (key.name, key.id, holder, key.purpose, key.kind, key.public, entry, entry)


def _end(holder: str, key_id: str, condition: str, entry: int) -> list[_Write]:
    ended = holder, key_id, condition, entry, entry
    return [(_BEFORE_END, (holder, key_id, entry)), (_END, ended)]


def _party(event: PartyRegistered, position: int, entry: int) -> list[_Write]:
    kind = event.kind, event.party_role, event.jurisdiction
    return [(_PARTY, (key_of(event.stream), *kind, position, entry))]


def _actor(event: ActorRegistered, position: int, entry: int) -> list[_Write]:
    party = key_of(event.party)
    return [(_ACTOR, (key_of(event.stream), party, event.function, position, entry))]


def _granted(event: RoleGranted, position: int, entry: int) -> list[_Write]:
    days = stored(event.valid_from), stored(event.valid_to)
    scope = stored_key(event.scope)
    return [(_GRANT, (position, entry, key_of(event.stream), event.granted, scope, *days))]


def _revoked(event: RoleRevoked, position: int, entry: int) -> list[_Write]:
    return [(_REVOKE, (key_of(event.stream), event.revoked, position, entry))]


def _keys_enrolled(event: ActorKeyEnrolled | LedgerInitialized, _: int, entry: int) -> list[_Write]:
    return [_enrol(event.stream, key, entry) for key in event.enrolled_keys]


def _key_rotated(event: ActorKeyRotated | LedgerKeyRotated, _: int, entry: int) -> list[_Write]:
    ended = _end(event.stream, event.old_key, "rotated", entry)
    return [*ended, _enrol(event.stream, event.key, entry)]


def _key_revoked(event: ActorKeyRevoked, _: int, entry: int) -> list[_Write]:
    return _end(event.stream, event.key, "revoked", entry)


def _key_compromised(event: ActorKeyCompromised, _: int, entry: int) -> list[_Write]:
    reported = event.stream, event.key, event.suspected_since, entry, entry
    return [(_BEFORE_COMPROMISE, (event.stream, event.key, entry)), (_COMPROMISE, reported)]


def _engagement(event: EngagementOpened, position: int, _: int) -> list[_Write]:
    mode = stored(event.transfer_mode)
    return [(_ENGAGEMENT, (key_of(event.stream), event.kind, mode, position))]


def _policy(event: PolicyAdopted, position: int, _: int) -> list[_Write]:
    pack = event.pack, event.pack_version, event.digest, event.effective_from
    return [(_POLICY, (key_of(event.stream), position, *pack))]


def _draft(event: DraftVoided, position: int, _: int) -> list[_Write]:
    return [(_VOIDED, (bytes.fromhex(event.commit), key_of(event.by), position))]


_WRITES: dict[type[Event], Callable[[Any, int, int], list[_Write]]] = {
    PartyRegistered: _party,
    ActorRegistered: _actor,
    RoleGranted: _granted,
    RoleRevoked: _revoked,
    ActorKeyEnrolled: _keys_enrolled,
    LedgerInitialized: _keys_enrolled,
    ActorKeyRotated: _key_rotated,
    LedgerKeyRotated: _key_rotated,
    ActorKeyRevoked: _key_revoked,
    ActorKeyCompromised: _key_compromised,
    EngagementOpened: _engagement,
    PolicyAdopted: _policy,
    DraftVoided: _draft,
}


class People:
    """The view behind `party`, `actor`, `role`, `key` and the lookups of judging."""

    name: str = "people"
    tables: tuple[sa.Table, ...] = (
        parties, actors, roles, keys, keys_past, voided, engagements, policies,
    )  # fmt: skip
    kinds: frozenset[type[Event]] = frozenset(_WRITES)

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Write each event that is about people, in order."""
        for position, entry, _, event in batch:
            if (writes := _WRITES.get(type(event))) is not None:
                for statement, row in writes(event, position, entry):
                    statement.run(connection, [row])


def public_key_enrolled(connection: sa.Connection, public: str) -> bool:
    """Whether this public key (base64url) has ever been enrolled, by anybody, for any purpose."""
    return bool(_IS_ENROLLED.fetch(connection, (public,)))


def commit_voided(connection: sa.Connection, commit: str, by: str) -> bool:
    """Whether an actor has voided the draft with this commit id (32 hex digits)."""
    return bool(_IS_VOIDED.fetch(connection, (bytes.fromhex(commit), key_of(by))))


def listed(
    connection: sa.Connection,
    table: sa.Table,
    *where: sa.ColumnElement[bool],
    entry: int | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows of `parties`, `actors`, `roles` or `keys` that `where` finds, by primary key.

    `where`: conditions on what never changes. `entry`: as of that entry, instead of now: what it
    registered, granted or enrolled is there, what later ones revoked stands.
    """
    if entry is None:
        yield from register(connection, table, *where)
        return
    query = _THEN[table.name].where(*where).order_by(*table.primary_key)
    for row in connection.execute(query, {"as_of": entry}):
        yield readable(table, row)


def _roles_then() -> sa.Select[Any]:
    revoked = roles.c.revoked_entry <= AS_OF
    columns = (
        sa.case((revoked, column), else_=None) if column.name.startswith("revoked") else column
        for column in roles.columns
    )
    return sa.select(*columns).where(roles.c.granted_entry <= AS_OF)


_THEN: Final[Mapping[str, sa.Select[Any]]] = {
    "parties": sa.select(parties).where(parties.c.registered_entry <= AS_OF),
    "actors": sa.select(actors).where(actors.c.registered_entry <= AS_OF),
    "roles": _roles_then(),
    "keys": standing(keys, then=True).rows,
}


def keyholders(connection: sa.Connection, party: str) -> frozenset[str]:
    """The people of a party who hold, and were not relieved of, a role that keeps keys or copies.

    Administrators and custodians, for all work or for one engagement.
    """
    query = (
        sa.select(roles.c.actor)
        .join(actors, actors.c.actor == roles.c.actor)
        .where(actors.c.party == key_of(party), roles.c.revoked_entry.is_(None))
        .where(roles.c.role.in_(("administrator", "custodian")))
    )
    return frozenset(id_of("actor", actor) for actor in connection.execute(query).scalars())


class RoleHeld(Struct, frozen=True):
    """A role in force: for one engagement or (None) for all; first and last day, None if open."""

    role: str
    scope: str | None
    valid_from: str | None
    valid_to: str | None


class Signatory(Struct, frozen=True):
    """A key that could sign at an entry, who holds it, and in which roles.

    `holder`: the actor's or the ledger's stream; `party`: whom the actor acts for, None for the
    ledger; `suspected_since`: set if the key was reported as compromised, then or later.
    """

    holder: str
    party: str | None
    name: str
    key_id: str
    purpose: str
    kind: str
    suspected_since: str | None
    roles: tuple[RoleHeld, ...]


def could_sign(connection: sa.Connection, entry: int, *, day: str | None = None) -> list[Signatory]:
    """Every key that could sign entry `entry` (0-based), in order of key name and id.

    `day`: the accepted day of the entry (`YYYY-MM-DD`), to leave out roles not valid on it.
    """
    valid = _in_force(keys.c.since, keys.c.until, entry)
    query = sa.select(keys).where(valid).order_by(keys.c.name, keys.c.id)
    party_of = {
        id_of("actor", row.actor): id_of("party", row.party)
        for row in connection.execute(sa.select(actors.c.actor, actors.c.party))
    }
    held = _roles_held(connection, entry, day)
    return [
        Signatory(
            key.holder,
            party_of.get(key.holder),
            key.name,
            key.id,
            key.purpose,
            key.kind,
            key.suspected_since,
            tuple(held.get(key.holder, ())),
        )
        for key in connection.execute(query)
    ]


def _in_force(
    since: sa.ColumnElement[int], until: sa.ColumnElement[int | None], entry: int
) -> sa.ColumnElement[bool]:
    """Whether something that began and ended at entries is among what stood before `entry`."""
    begun = since == 0 if entry == 0 else since < entry
    return sa.and_(begun, sa.or_(until.is_(None), until >= entry))


def _roles_held(
    connection: sa.Connection, entry: int, day: str | None
) -> dict[str, list[RoleHeld]]:
    valid = [_in_force(roles.c.granted_entry, roles.c.revoked_entry, entry)]
    if day is not None:
        valid.append(sa.func.coalesce(roles.c.valid_from, day) <= day)
        valid.append(sa.func.coalesce(roles.c.valid_to, day) >= day)
    held: dict[str, list[RoleHeld]] = {}
    for row in connection.execute(sa.select(roles).where(*valid).order_by(*roles.primary_key)):
        scope = None if row.scope is None else id_of("engagement", row.scope)
        held.setdefault(id_of("actor", row.actor), []).append(
            RoleHeld(row.role, scope, row.valid_from, row.valid_to)
        )
    return held

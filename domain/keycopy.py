"""Copies of data keys: where they are, what they cover, and whether a destruction reached them.

A key that is shredded in the keystore is gone only if it is gone everywhere, so every copy of keys
is an event (I-29, DESIGN 6): a backup of the slot file, an escrow, an export, and the keystore
itself (`live`): while nobody has named its medium, nobody can say that a key is gone from it. A
copy of the slot file covers every key up to its last one, for key ids only ever count up, unless
the key was shredded before the copy was made; an escrow or an export may list its keys instead.

A copy is over when it is destroyed as a whole. Before that single keys may be shredded in it
(`key.copy_cleared`), once the ledger says that they were shredded; that counts only on a medium on
which overwriting reaches what was written (`IN_PLACE`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Annotated, ClassVar, Final

from msgspec import UNSET, Meta, UnsetType, field

from domain.actor import ActorState
from domain.backup import BACKUP_KEEPERS, BackupExpired
from domain.codes import BackupMedium, DestructionTechnique, KeyCopyKind
from domain.copies import holdings, holds_on
from domain.destruction import DestructionExecuted
from domain.guards import watched_by_others
from domain.judging import Case, Refusal, State, closes, evolves, refuse, rule
from domain.listing import ListState
from domain.party import PartyState
from domain.values import (
    MAX_LISTED,
    ActorId,
    Count,
    DataKeyId,
    Date,
    Event,
    KeyCopyId,
    PartyId,
    Time,
    is_day,
)

KEEPERS: Final[frozenset[str]] = frozenset({
    "administrator", "custodian", "archivist", "security_officer",
})  # fmt: skip
IN_PLACE: Final[frozenset[str]] = frozenset({"disk_internal", "disk_external"})
"""Media on which writing over a key reaches it. Flash writes elsewhere, a network store and a
cloud keep versions, the others cannot be written twice: such copies are destroyed as a whole."""
OVERWRITING: Final[frozenset[str]] = frozenset({"overwrite", "db_delete_vacuum"})
MAX_KEYS: Final = 100_000
"""So many keys one copy lists at most."""
_MOST_NAMED: Final = 20
"""So many records a refusal names at most."""
SHREDDING: Final[tuple[type[Event], ...]] = (DestructionExecuted, BackupExpired)
"""The events that say of data keys that they were shredded in the keystore."""


def shredded_by(event: Event) -> Sequence[str]:
    """The data keys that an event says were shredded."""
    return getattr(event, "keys", ()) if isinstance(event, SHREDDING) else ()


class KeyCopyRegistered(Event, frozen=True, kw_only=True, tag="key.copy_registered"):
    """密钥副本登记: from now on there may be such a copy. Sealed: `location`, `recipients`.

    `through`: the last data key that a copy of the slot file covers; else `keys` lists them,
    `count` of them in all, in as many events of one commit as it takes; a `live` one names none.
    `made_at`: what was shredded before that is not in it. `expires_on`: the day on which it is to
    be gone; until somebody says that it is, it is there.
    """

    ROLES: ClassVar[frozenset[str]] = KEEPERS
    ALONE: ClassVar[bool] = True

    stream: KeyCopyId
    kind: KeyCopyKind
    medium: BackupMedium
    custodian: PartyId
    made_at: Time
    through: DataKeyId | UnsetType = UNSET
    keys: Annotated[list[DataKeyId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012
    count: Count = 0
    expires_on: Date | UnsetType = UNSET


class KeyCopyCleared(Event, frozen=True, kw_only=True, tag="key.copy_cleared"):
    """密钥副本清除: these keys were overwritten in the copy, and read back as gone."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS | BACKUP_KEEPERS | {"destruction_operator"}

    stream: KeyCopyId
    keys: Annotated[list[DataKeyId], Meta(min_length=1, max_length=MAX_LISTED)]


class KeyCopyDestroyed(Event, frozen=True, kw_only=True, tag="key.copy_destroyed"):
    """密钥副本销毁: the copy is gone as a whole. Sealed: `remark`. `witnesses` watched it."""

    ROLES: ClassVar[frozenset[str]] = KEEPERS | {"destruction_operator"}
    ALONE: ClassVar[bool] = True

    stream: KeyCopyId
    technique: DestructionTechnique
    witnesses: Annotated[list[ActorId], Meta(max_length=8)] = []  # noqa: RUF012


class KeyCopyState(State):
    """A copy of keys; `destroyed`: the technique by which it went, empty while it is there."""

    kind: str = ""
    medium: str = ""
    custodian: str = ""
    made_at: str = ""
    through: str = ""
    count: int = 0
    expires_on: str = ""
    keys: set[str] = field(default_factory=set)
    cleared: set[str] = field(default_factory=set)
    destroyed: str = ""

    @property
    def there(self) -> bool:
        """Whether nobody has said that it is gone."""
        return not self.destroyed

    def covers(self, key: str, shredded_at: str) -> bool:
        """Whether a key that was shredded in the keystore at that time had been copied into it."""
        if self.kind == "live" or key in self.keys:
            return True
        return key <= self.through and self.made_at <= shredded_at

    def rid_of(self, key: str) -> bool:
        """Whether a key is gone from it, on a medium on which that can be said."""
        return self.medium in IN_PLACE and (self.kind == "live" or key in self.cleared)


@evolves(KeyCopyRegistered)
def _registered(
    state: KeyCopyState | None, event: KeyCopyRegistered, _: int, __: str
) -> KeyCopyState:
    state = state or KeyCopyState(event.stream, event.version)
    state.kind, state.medium, state.custodian = event.kind, event.medium, event.custodian
    state.made_at, state.count = event.made_at, event.count
    state.through = event.through or ""
    state.expires_on = event.expires_on or ""
    state.keys.update(event.keys)
    return state


@evolves(KeyCopyCleared)
def _cleared(state: KeyCopyState, event: KeyCopyCleared, _: int, __: str) -> KeyCopyState:
    state.cleared.update(event.keys)
    return state


@evolves(KeyCopyDestroyed)
def _destroyed(state: KeyCopyState, event: KeyCopyDestroyed, _: int, __: str) -> KeyCopyState:
    state.destroyed = event.technique
    return state


@rule(KeyCopyRegistered)
def registered_by_its_owner(case: Case, event: KeyCopyRegistered) -> Iterator[Refusal]:
    """Its place is sealed; an escrow or an export may be kept by another party (I-02, I-09)."""
    actor = case.world.before(event.by, ActorState)
    keeper = case.world.state(event.custodian, PartyState)
    if keeper is None:
        yield refuse("I-09", "unknown_party", event.custodian)
    elif actor is not None and actor.party != event.custodian and event.kind in ("live", "backup"):
        yield refuse("I-09", "not_the_actors_party", event.custodian)
    if event.version == 1 and event.sealed is UNSET:
        yield refuse("I-02", "location_must_be_sealed", event.stream)
    if event.made_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if event.expires_on is not UNSET:
        if not is_day(event.expires_on):
            yield refuse("I-04", "no_such_day", event.stream)
        elif event.expires_on < case.policy.calendar.day_of(event.made_at):
            yield refuse("I-04", "expires_before_it_was_made", event.stream)


@rule(KeyCopyRegistered)
def says_what_it_covers(case: Case, event: KeyCopyRegistered) -> Iterator[Refusal]:
    """Every key up to one, or those listed, each once; the keystore itself has them all (I-29)."""
    by_list = bool(event.keys)
    covers = (event.through is not UNSET) + by_list
    whole = event.kind in ("live", "backup")
    if covers != (event.kind != "live") or (whole and by_list) or by_list != bool(event.count):
        yield refuse("I-29", "key_copy_covers_nothing_certain", event.stream)
    if event.count > MAX_KEYS:
        yield refuse("I-21", "list_too_long", event.stream)
    state = case.world.state(event.stream, KeyCopyState)
    known = state.keys if state is not None else set()
    if len(set(event.keys)) != len(event.keys) or not known.isdisjoint(event.keys):
        yield refuse("I-06", "item_named_twice", event.stream)
    if state is not None and (len(known) == state.count or _told(event) != _known(state)):
        yield refuse("I-21", "part_of_another_list", event.stream)


def _told(event: KeyCopyRegistered) -> tuple[object, ...]:
    return (
        event.kind, event.medium, event.custodian, event.made_at, event.count,
        event.expires_on or "", event.through or "",
    )  # fmt: skip


def _known(state: KeyCopyState) -> tuple[object, ...]:
    return (
        state.kind, state.medium, state.custodian, state.made_at, state.count, state.expires_on,
        state.through,
    )  # fmt: skip


@closes(KeyCopyRegistered)
def registered_whole(case: Case, event: KeyCopyRegistered) -> Iterator[Refusal]:
    """One commit lists all of its keys: nothing is covered that nobody knows of (I-29)."""
    state = case.world.state(event.stream, KeyCopyState)
    if state is not None and len(state.keys) != state.count:
        yield refuse("I-29", "key_copy_not_listed_whole", event.stream)


@closes(KeyCopyRegistered)
def opens_nothing_restricted(case: Case, event: KeyCopyRegistered) -> Iterator[Refusal]:
    """Keys given away one by one open no record that is only stored and protected (I-33).

    Which records they open is in the events that are sealed under them. A copy of every key is for
    the recovery of the ledger: that is protection, and what is restricted is in it. One of single
    keys that was made elsewhere is told of as one of every key: it is not made by being told of.
    """
    state = case.world.state(event.stream, KeyCopyState)
    if state is None or not state.keys:
        return
    found = sorted(case.world.source.restricted_under(frozenset(state.keys)))
    if found:
        yield refuse("I-33", "record_is_restricted", *found[:_MOST_NAMED])


@rule(KeyCopyCleared, KeyCopyDestroyed)
def of_its_keeper(case: Case, event: KeyCopyCleared | KeyCopyDestroyed) -> Iterator[Refusal]:
    """The copy is there, and whoever speaks acts for the party that keeps it (I-03, I-09)."""
    state = case.world.state(event.stream, KeyCopyState)
    actor = case.world.before(event.by, ActorState)
    if state is None:
        yield refuse("I-00", "unknown_key_copy", event.stream)
        return
    if not state.there:
        yield refuse("I-03", "key_copy_is_over", event.stream)
    if actor is not None and actor.party != state.custodian:
        yield refuse("I-09", "not_the_actors_party", state.custodian)


@rule(KeyCopyCleared)
def cleared_of_what_was_shredded(case: Case, event: KeyCopyCleared) -> Iterator[Refusal]:
    """Only keys that it had, that are shredded in the keystore by the word of the ledger (I-29)."""
    state = case.world.state(event.stream, KeyCopyState)
    if state is None:
        return
    if state.kind != "backup":  # a file that was encrypted as a whole has no key of its own in it
        yield refuse("I-29", "key_copy_cannot_be_cleared", event.stream)
    shredded = case.world.source.shredded(frozenset(event.keys))
    for key in event.keys:
        if key not in shredded:
            yield refuse("I-29", "key_is_not_shredded", key)
        elif not state.covers(key, shredded[key].accepted) or key in state.cleared:
            yield refuse("I-29", "key_is_not_in_the_copy", key)
        if event.keys.count(key) != 1:
            yield refuse("I-06", "item_named_twice", event.stream)
    for stream in sorted({said.stream for said in shredded.values()}):
        if found := case.world.once(("held", stream), partial(_holds, case, stream)):
            yield refuse("I-28", "hold_in_force", *found)


def _holds(case: Case, stream: str) -> list[str]:
    """The holds in force on what a case, or the expiry of a backup, has destroyed."""
    state = case.world.state(stream, ListState)
    copies = holdings(case, state.items if state is not None else ())
    return sorted({hold for copy in copies for hold in holds_on(case, copy)})


@rule(KeyCopyDestroyed)
def destroyed_for_good(case: Case, event: KeyCopyDestroyed) -> Iterator[Refusal]:
    """By a technique that its medium can stand for, and watched by others (I-07, I-29).

    Only overwriting needs nobody who watched: it is done by this program, on files that it knows.
    The keystore itself is no copy: its keys go one by one, with what they are for.
    """
    state = case.world.state(event.stream, KeyCopyState)
    if state is None:
        return
    if state.kind == "live":
        yield refuse("I-29", "keystore_is_no_copy", event.stream)
    if event.technique != "overwrite" and not event.witnesses:
        yield refuse("I-07", "nobody_watched", event.stream)
    elsewhere = event.technique in OVERWRITING and state.medium not in IN_PLACE
    if event.technique == "return_to_owner" or elsewhere:
        yield refuse("I-29", "technique_leaves_the_keys", event.stream)
    yield from watched_by_others(case, event, event.witnesses)


def left(case: Case, keys: Collection[str]) -> list[str]:
    """The copies in which any of these shredded keys may still be, in order of their ids (I-29)."""
    if not keys:
        return []
    shredded = case.world.source.shredded(frozenset(keys))
    return [
        copy.stream
        for copy in _there(case)
        if any(copy.covers(k, s.accepted) and not copy.rid_of(k) for k, s in shredded.items())
    ]


def keystore_named(case: Case, party: str) -> bool:
    """Whether a party has named the medium that the keystore itself lies on (I-29)."""
    return any(copy.kind == "live" and copy.custodian == party for copy in _there(case))


def opens(case: Case, party: str, key: str) -> bool:
    """Whether a party keeps a copy of keys in which this one is, or the keystore itself."""
    now = case.statement.accepted
    kept = (copy for copy in _there(case) if copy.custodian == party)
    return any(copy.covers(key, now) and key not in copy.cleared for copy in kept)


def _there(case: Case) -> Iterator[KeyCopyState]:
    """The copies that nobody has said are gone, in order of their ids."""
    streams = sorted(case.world.source.key_copies())
    case.world.preload(streams)
    states = (case.world.state(stream, KeyCopyState) for stream in streams)
    yield from (copy for copy in states if copy is not None)

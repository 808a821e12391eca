"""Backups: sets of copies made to survive the originals, checked, and let go when their time is up.

Each copy is registered as a holding of its own in the commit of `backup.created`, made whole from
the original. Expiry destroys copies, so it asks the guard of every destructive path (I-28); the
last copies of a record go through a destruction case, not through here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from msgspec import UNSET

from domain.actor import ActorState
from domain.codes import BackupKind, BackupMedium, CheckResult
from domain.copies import HoldingState, claimed, holdings, kept_besides
from domain.guards import against_destruction, own_copies
from domain.judging import Case, Refusal, State, affects, evolves, refuse, rule
from domain.listing import Items, Listing, ListState, continues
from domain.values import BackupId, Count, Event, Time

BACKUP_KEEPERS: frozenset[str] = frozenset({"custodian", "archivist", "collector"})


class BackupCreated(Listing, frozen=True, kw_only=True, tag="backup.created"):
    """备份: these copies were made and read back. Sealed: `location`, `tool`."""

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS

    stream: BackupId
    kind: BackupKind
    medium: BackupMedium
    started_at: Time
    ended_at: Time


class BackupVerified(Event, frozen=True, kw_only=True, tag="backup.verified"):
    """备份校验: copies were read again. `checked` of them, `matched` with their digests."""

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS | {"reviewer", "security_officer"}

    stream: BackupId
    checked: Count
    matched: Count
    result: CheckResult


class BackupExpired(Event, frozen=True, kw_only=True, tag="backup.expired"):
    """备份到期清除: these copies of the backup were removed; counts as their destruction."""

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS | {"destruction_operator"}
    ALONE: ClassVar[bool] = True

    stream: BackupId
    items: Items

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies that are gone."""
        return tuple(self.items)


class BackupState(ListState):
    """A backup; `items` maps each copy to `expired`, empty while it is there."""

    party: str = ""
    verified_at: str = ""

    @property
    def running(self) -> bool:
        """A backup does not keep its copies from anything."""
        return False


@evolves(BackupCreated)
def _created(state: BackupState | None, event: BackupCreated, _: int, __: str) -> BackupState:
    state = state or BackupState(event.stream, event.version)
    state.listed(event)
    return state


@evolves(BackupVerified)
def _verified(state: BackupState, _: BackupVerified, __: int, accepted: str) -> BackupState:
    state.verified_at = accepted
    return state


@evolves(BackupExpired)
def _expired(state: BackupState, event: BackupExpired, _: int, __: str) -> BackupState:
    state.items.update(dict.fromkeys(event.items, "expired"))
    return state


@affects(BackupCreated)
def _belongs(state: State, event: BackupCreated) -> None:
    if isinstance(state, HoldingState):
        state.backup = event.stream


@affects(BackupExpired)
def _gone(state: State, _: BackupExpired) -> None:
    if isinstance(state, HoldingState):
        state.condition = "destroyed"


@rule(BackupCreated)
def made_of_originals(case: Case, event: BackupCreated) -> Iterator[Refusal]:
    """New copies of one's own, each made from another one, on the medium named."""
    state = case.world.state(event.stream, BackupState)
    yield from continues(state, event)
    yield from own_copies(case, event, event.items)
    for copy in holdings(case, event.items):
        if copy.made_from is None or copy.backup is not None or copy.version != 1:
            yield refuse("I-35", "not_a_new_copy", copy.stream)
        if copy.medium != event.medium:
            yield refuse("I-35", "copy_on_another_medium", copy.stream)
    if event.ended_at < event.started_at:
        yield refuse("I-04", "ended_before_started", event.stream)
    if event.ended_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if event.sealed is UNSET:
        yield refuse("I-02", "location_must_be_sealed", event.stream)


@rule(BackupVerified, BackupExpired)
def of_ones_own(case: Case, event: BackupVerified | BackupExpired) -> Iterator[Refusal]:
    """The backup exists and is kept by the author's party."""
    state = case.world.state(event.stream, BackupState)
    if state is None:
        yield refuse("I-00", "unknown_backup", event.stream)
        return
    actor = case.world.before(event.by, ActorState)
    copy = next(iter(holdings(case, list(state.items)[:1])), None)
    if actor is not None and copy is not None and actor.party != copy.custodian:
        yield refuse("I-09", "not_the_actors_party", copy.custodian)


@rule(BackupVerified)
def verified_as_counted(case: Case, event: BackupVerified) -> Iterator[Refusal]:
    """At least one copy and at most all that are there were read; it passes if all match."""
    state = case.world.state(event.stream, BackupState)
    there = sum(1 for c in holdings(case, state.items if state else ()) if c.there)
    if not 0 < event.checked <= there or event.matched > event.checked:
        yield refuse("I-35", "counts_do_not_fit", event.stream)
    if (event.result == "pass") != (event.matched == event.checked):
        yield refuse("I-35", "result_does_not_fit_counts", event.stream)


@rule(BackupExpired)
def expired_where_permitted(case: Case, event: BackupExpired) -> Iterator[Refusal]:
    """Copies of this backup, barred by nothing, and none of them the last one (I-26, I-28)."""
    state = case.world.state(event.stream, BackupState)
    if state is None:
        return
    yield from own_copies(case, event, event.items)
    if not set(event.items) <= set(state.items):
        yield refuse("I-00", "not_a_copy_of_the_backup", event.stream)
    doomed = set(event.items)
    yield from against_destruction(case, event.items, doomed, "redundant_copy")
    for copy in holdings(case, event.items):
        if claimed(case, copy, copy.destruction) is not None:
            yield refuse("I-21", "copy_is_in_a_case", str(copy.destruction))
        left = kept_besides(case, copy, doomed)
        # One person's word that there is another copy is not enough: what was collected, or lies
        # in a backup, was read by a program.
        if not any(other.made_from is None or other.backup is not None for other in left):
            yield refuse("I-26", "last_copy_needs_a_case", copy.stream)

"""Backups: sets of copies made to survive the originals, checked, and let go when their time is up.

Each copy is registered as a holding of its own in the commit of `backup.created`, made whole from
the original and encrypted under its own data key; the backup's manifest names them all. A backup
with a `base` continues it: together they are a chain, which is what a restore goes by. What was
destroyed or given back since is not restored (I-20). Expiry destroys copies, so it asks the guard
of every destructive path (I-28); the last copies of a record go through a destruction case, not
through here. `domain.backup_rules` has the rules.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from msgspec import UNSET, Meta, UnsetType

from domain.codes import BackupKind, BackupMedium, CheckResult
from domain.copies import HoldingState, offspring, record_in
from domain.destruction import CaseState
from domain.judging import Case, State, affects, evolves
from domain.listing import Items, Listing, ListState
from domain.values import (
    MAX_LISTED,
    ActorId,
    BackupId,
    Count,
    DataKeyId,
    Date,
    Digest,
    Event,
    HoldingId,
    PartyId,
    Time,
)

BACKUP_KEEPERS: frozenset[str] = frozenset({"custodian", "archivist", "collector"})

LOCK_YEARS: Final = 10
"""So many years a lock runs at most. One person says until when, nobody can shorten it, and while
it runs nothing in it is destroyed, not even what must be (PIPL 47). No rule of the packs asks for
a backup that nobody can remove; ten years is the longest that papers of trade are commonly kept."""


class BackupCreated(Listing, frozen=True, kw_only=True, tag="backup.created"):
    """备份: these copies were made and read back. Sealed: `location`, `tool`, `endpoint`.

    `base`: the backup that this one continues; `manifest`: SHA-256 of its list of copies, which
    lies beside them; `locked_until`: the last day (UTC) on which their store refuses to remove any
    of them, whoever asks; from the day of `ended_at` on, at most `LOCK_YEARS`.
    """

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS

    stream: BackupId
    kind: BackupKind
    medium: BackupMedium
    started_at: Time
    ended_at: Time
    base: BackupId | UnsetType = UNSET
    manifest: Digest | UnsetType = UNSET
    locked_until: Date | UnsetType = UNSET


class BackupVerified(Event, frozen=True, kw_only=True, tag="backup.verified"):
    """备份校验: copies were read again. `checked` of them, `matched` with their digests.

    `manifest`: whether the list beside them is the one recorded; `decrypted`: whether the contents
    were compared, too, and not only what they are encrypted to.
    """

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS | {"reviewer", "security_officer"}

    stream: BackupId
    checked: Count
    matched: Count
    result: CheckResult
    manifest: CheckResult | UnsetType = UNSET
    decrypted: bool | UnsetType = UNSET


class BackupStoredOffsite(Event, frozen=True, kw_only=True, tag="backup.stored_offsite"):
    """异地存放: the backup lies at another place now. Sealed: `place`, `remark`.

    `custodian`: the party that keeps it there; if that is another one, who received it signs.
    """

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS

    stream: BackupId
    custodian: PartyId
    received_by: ActorId
    received_at: Time


class RestoreDrillPerformed(Event, frozen=True, kw_only=True, tag="backup.restore_drill_performed"):
    """恢复演练: every copy of the backup's chain was restored elsewhere and compared.

    `rto_target`, `rto_actual`: seconds until all was restored, asked and measured; `rpo_actual`:
    seconds since the oldest content was recorded that is in no backup of the chain; `restored`
    copies of which `matched` and `mismatched` their digests, `failed` could not be restored;
    `left_out`: those not to be restored (I-20). Sealed: `scenario`.
    """

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS | {"reviewer", "security_officer"}

    stream: BackupId
    started_at: Time
    ended_at: Time
    rto_target: Count
    rto_actual: Count
    rpo_actual: Count
    restored: Count
    matched: Count
    mismatched: Count
    failed: Count
    left_out: Count
    result: CheckResult
    participants: Annotated[list[ActorId], Meta(max_length=20)] = []  # noqa: RUF012


class BackupRestored(Event, frozen=True, kw_only=True, tag="backup.restored"):
    """实际恢复: `items` are new copies, restored from the backup's chain. Sealed: `reason`.

    `left_out`: copies in the chain that were not restored, because their content was destroyed or
    given back since, or they are gone themselves; `failed`: how many could not be restored.
    """

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS

    stream: BackupId
    items: Annotated[list[HoldingId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012
    left_out: Annotated[list[HoldingId], Meta(max_length=MAX_LISTED)] = []  # noqa: RUF012
    failed: Count

    @property
    def mentions(self) -> tuple[str, ...]:
        """The new copies."""
        return tuple(self.items)


class BackupExpired(Event, frozen=True, kw_only=True, tag="backup.expired"):
    """备份到期清除: these copies of the backup were removed; counts as their destruction.

    `keys`: their data keys, shredded with them; what was sealed under these is deleted.
    """

    ROLES: ClassVar[frozenset[str]] = BACKUP_KEEPERS | {"destruction_operator"}
    ALONE: ClassVar[bool] = True

    stream: BackupId
    items: Items
    keys: Annotated[list[DataKeyId], Meta(max_length=150)] = []  # noqa: RUF012

    @property
    def mentions(self) -> tuple[str, ...]:
        """The copies that are gone."""
        return tuple(self.items)


class BackupState(ListState):
    """A backup; `items` maps each copy to `expired`, empty while it is there."""

    base: str = ""
    manifest: str = ""
    locked_until: str = ""
    verified_at: str = ""

    @property
    def running(self) -> bool:
        """A backup does not keep its copies from anything."""
        return False


@evolves(BackupCreated)
def _created(state: BackupState | None, event: BackupCreated, _: int, __: str) -> BackupState:
    state = state or BackupState(event.stream, event.version)
    state.listed(event)
    state.base = "" if event.base is UNSET else event.base
    state.manifest = "" if event.manifest is UNSET else event.manifest
    state.locked_until = "" if event.locked_until is UNSET else event.locked_until
    return state


@evolves(BackupVerified)
def _verified(state: BackupState, _: BackupVerified, __: int, accepted: str) -> BackupState:
    state.verified_at = accepted
    return state


@evolves(BackupStoredOffsite)
@evolves(RestoreDrillPerformed)
@evolves(BackupRestored)
def _recorded(state: BackupState, _: Event, __: int, ___: str) -> BackupState:
    return state


@evolves(BackupExpired)
def _expired(state: BackupState, event: BackupExpired, _: int, __: str) -> BackupState:
    state.items.update(dict.fromkeys(event.items, "expired"))
    return state


@affects(BackupCreated)
def _belongs(state: State, event: BackupCreated) -> None:
    if isinstance(state, HoldingState):
        state.backup = event.stream


@affects(BackupRestored)
def _restored(state: State, _: BackupRestored) -> None:
    if isinstance(state, HoldingState):
        state.restored = True


@affects(BackupExpired)
def _gone(state: State, _: BackupExpired) -> None:
    if isinstance(state, HoldingState):
        state.condition = "destroyed"


def latest_lock(time: str) -> str:
    """The last day (UTC) until which a backup that was complete at `time` may be locked."""
    return f"{min(int(time[:4]) + LOCK_YEARS, 9999):04d}{time[4:10]}"


def locked(case: Case, copy: HoldingState) -> bool:
    """Whether the store of a copy's backup refuses to remove it: until that day has ended (UTC)."""
    state = case.world.state(copy.backup, BackupState) if copy.backup is not None else None
    return state is not None and state.locked_until >= case.statement.accepted[:10]


def chain(case: Case, backup: str) -> list[BackupState]:
    """A backup and what it continues, the newest first; empty if there is no such backup."""
    found: dict[str, BackupState] = {}
    state = case.world.state(backup, BackupState)
    while state is not None and state.stream not in found:  # a circle is what nobody was permitted
        found[state.stream] = state
        state = case.world.state(state.base, BackupState) if state.base else None
    return list(found.values())


def not_restored(case: Case, copy: HoldingState) -> str | None:
    """Why a copy in a backup is not restored: a stable code, None if it may be (I-20).

    Its original was destroyed or given back, or is another party's by now; the copy itself is gone,
    or was to be destroyed and was out of reach; or the original was lost, and another copy of its
    content was destroyed since. An original that was only lost is what backups are for.
    """
    if not copy.there:
        return f"copy_is_{copy.condition}"
    source = case.world.state(copy.made_from or "", HoldingState)
    if source is None or source.custodian != copy.custodian:
        return "kept_by_another"
    if source.condition in ("destroyed", "returned"):
        return f"original_is_{source.condition}"
    if to_be_destroyed(case, copy):
        return "copy_was_to_be_destroyed"
    return "content_was_destroyed" if destroyed_elsewhere(case, source) else None


def to_be_destroyed(case: Case, copy: HoldingState) -> bool:
    """Whether a certificate says of a copy that it was to go with its content, and was not."""
    found = _case_of(case, copy)
    return found is not None and found.ended == "certified" and copy.stream in found.taken_off


def destroyed_elsewhere(case: Case, source: HoldingState) -> bool:
    """Whether an original is not there, and a copy of the same content was destroyed in a case.

    What was destroyed as one copy too many says nothing of its content.
    """
    if source.there:
        return False
    record = record_in(case, source)
    same = {None, source.record, record.stream if record is not None else None}
    for copy in offspring(case, source):
        found = _case_of(case, copy) if copy.record in same else None
        if found is None or copy.condition != "destroyed":
            continue
        if found.items.get(copy.stream) == "destroyed":
            return True
    return False


def _case_of(case: Case, copy: HoldingState) -> CaseState | None:
    """The latest destruction case of a copy, if its ground is one of the content's."""
    found = case.world.state(copy.destruction, CaseState) if copy.destruction else None
    return found if found is not None and found.ground != "redundant_copy" else None

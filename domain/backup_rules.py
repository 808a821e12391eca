"""The rules of backups: what one is made of, what is said of it, and when its copies may go."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from domain.actor import ActorState
from domain.backup import (
    BackupCreated,
    BackupExpired,
    BackupRestored,
    BackupState,
    BackupStoredOffsite,
    BackupVerified,
    RestoreDrillPerformed,
    chain,
    latest_lock,
    locked,
    not_restored,
    to_be_destroyed,
)
from domain.copies import claimed, holdings, kept_besides
from domain.crossing import against_giving
from domain.guards import against_destruction, own_copies
from domain.judging import Case, Refusal, refuse, rule
from domain.keycopy import opens
from domain.listing import continues
from domain.party import PartyState
from domain.values import Event, moment


@rule(BackupCreated)
def made_of_originals(case: Case, event: BackupCreated) -> Iterator[Refusal]:
    """New copies of one's own, each made from another one, encrypted, on the medium named."""
    state = case.world.state(event.stream, BackupState)
    yield from continues(state, event)
    yield from own_copies(case, event, event.items)
    for copy in holdings(case, event.items):
        if copy.made_from is None or copy.backup is not None or copy.version != 1:
            yield refuse("I-35", "not_a_new_copy", copy.stream)
        if copy.medium != event.medium:
            yield refuse("I-35", "copy_on_another_medium", copy.stream)
        if not copy.object:
            yield refuse("I-02", "copy_not_encrypted", copy.stream)
    if event.ended_at < event.started_at:
        yield refuse("I-04", "ended_before_started", event.stream)
    if event.ended_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if event.sealed is UNSET:
        yield refuse("I-02", "location_must_be_sealed", event.stream)
    if event.manifest is UNSET:
        yield refuse("I-35", "manifest_missing", event.stream)
    yield from _lock_has_bounds(event)


def _lock_has_bounds(event: BackupCreated) -> Iterator[Refusal]:
    """A lock is of a store, has not ended when the backup is made, and does not run for ever."""
    if event.locked_until is UNSET:
        return
    if event.medium != "cloud_object":
        yield refuse("I-35", "lock_is_of_a_store", event.stream)
    if event.locked_until < event.ended_at[:10]:  # stores count in UTC
        yield refuse("I-04", "lock_ended_before_the_backup", event.stream)
    if event.locked_until > latest_lock(event.ended_at):
        yield refuse("I-35", "lock_runs_too_long", event.stream)


@rule(BackupCreated)
def continues_its_base(case: Case, event: BackupCreated) -> Iterator[Refusal]:
    """A backup continues one of the same party of which something is left; all parts the same."""
    state = case.world.state(event.stream, BackupState)
    base = "" if event.base is UNSET else event.base
    if state is not None:
        told = (base, event.manifest or "", event.locked_until or "")
        if told != (state.base, state.manifest, state.locked_until):
            yield refuse("I-21", "part_of_another_list", event.stream)
        return
    if not base:
        if event.kind == "incremental":
            yield refuse("I-35", "incremental_needs_base", event.stream)
        return
    found = case.world.state(base, BackupState)
    if found is None:
        yield refuse("I-00", "unknown_backup", base)
        return
    yield from _own(case, event, found)
    yield from _something_left(case, found)


@rule(BackupVerified, BackupExpired, BackupStoredOffsite, RestoreDrillPerformed, BackupRestored)
def of_ones_own(case: Case, event: Event) -> Iterator[Refusal]:
    """The backup exists and is kept by the author's party."""
    state = case.world.state(event.stream, BackupState)
    if state is None:
        yield refuse("I-00", "unknown_backup", event.stream)
        return
    yield from _own(case, event, state)


def _own(case: Case, event: Event, state: BackupState) -> Iterator[Refusal]:
    actor = case.world.before(event.by, ActorState)
    copy = next(iter(holdings(case, list(state.items)[:1])), None)
    if actor is not None and copy is not None and actor.party != copy.custodian:
        yield refuse("I-09", "not_the_actors_party", copy.custodian)


def _something_left(case: Case, state: BackupState) -> Iterator[Refusal]:
    if not any(copy.there for copy in holdings(case, state.items)):
        yield refuse("I-03", "backup_is_expired", state.stream)


@rule(BackupVerified)
def verified_as_counted(case: Case, event: BackupVerified) -> Iterator[Refusal]:
    """At least one copy and at most all that are there were read; it passes if all match.

    The list beside them must be there and be the one recorded, if the backup has one.
    """
    state = case.world.state(event.stream, BackupState)
    there = sum(1 for c in holdings(case, state.items if state else ()) if c.there)
    if not 0 < event.checked <= there or event.matched > event.checked:
        yield refuse("I-35", "counts_do_not_fit", event.stream)
    if state is not None and bool(state.manifest) != (event.manifest is not UNSET):
        yield refuse("I-35", "manifest_not_checked", event.stream)
    passes = event.matched == event.checked and event.manifest != "fail"
    if (event.result == "pass") != passes:
        yield refuse("I-35", "result_does_not_fit_counts", event.stream)


@rule(BackupStoredOffsite)
def received_off_site(case: Case, event: BackupStoredOffsite) -> Iterator[Refusal]:
    """A place, a party that is registered, and somebody of it who received; both sign (I-01).

    A backup is encrypted, so another party that keeps it learns nothing of it while the keys stay
    with its owner: that is no disclosure, and needs no deal. Whoever keeps a copy of the keys, too,
    is given what lies in it (I-13).
    """
    state = case.world.state(event.stream, BackupState)
    if state is not None:
        yield from _something_left(case, state)
    if event.sealed is UNSET:
        yield refuse("I-02", "location_must_be_sealed", event.stream)
    if event.received_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    if case.world.state(event.custodian, PartyState) is None:
        yield refuse("I-09", "unknown_party", event.custodian)
    receiver = case.world.before(event.received_by, ActorState)
    if receiver is None:
        yield refuse("I-09", "unknown_actor", event.received_by)
    elif receiver.party != event.custodian:
        yield refuse("I-09", "receiver_of_another_party", event.received_by)
    author = case.world.before(event.by, ActorState)
    signers = {signer.holder for signer in case.statement.actors}
    abroad = author is not None and author.party != event.custodian
    if abroad and event.received_by not in signers:
        yield refuse("I-01", "receiver_must_sign", event.received_by)
    if abroad and state is not None:
        yield from _given_with_its_keys(case, event, state)


def _given_with_its_keys(
    case: Case, event: BackupStoredOffsite, state: BackupState
) -> Iterator[Refusal]:
    """Why a party that could open a backup may not keep it; of its copies the first one says so."""
    for copy in holdings(case, state.items):
        if copy.there and (not copy.object or opens(case, event.custodian, copy.key)):
            refusals = list(against_giving(case, event, copy, event.custodian))
            if refusals:
                yield from refusals
                return


@rule(RestoreDrillPerformed)
def drilled_as_counted(case: Case, event: RestoreDrillPerformed) -> Iterator[Refusal]:
    """All of the chain was dealt with, what was destroyed was left out, and the sums are right.

    It passes only if something was restored and every digest matched.
    """
    found = holdings(case, (item for link in chain(case, event.stream) for item in link.items))
    left_out = sum(not_restored(case, copy) is not None for copy in found)
    if event.left_out != left_out:
        yield refuse("I-20", "left_out_does_not_fit", event.stream)
    sums = (
        event.restored == event.matched + event.mismatched,
        event.restored + event.failed + event.left_out == len(found),
    )
    if not all(sums):
        yield refuse("I-35", "counts_do_not_fit", event.stream)
    passes = event.restored > 0 and not event.mismatched and not event.failed
    if (event.result == "pass") != passes:
        yield refuse("I-35", "result_does_not_fit_counts", event.stream)
    if event.ended_at < event.started_at:
        yield refuse("I-04", "ended_before_started", event.stream)
    elif event.rto_actual != seconds_between(event.started_at, event.ended_at):
        yield refuse("I-04", "duration_does_not_fit", event.stream)
    if event.ended_at > case.statement.accepted:
        yield refuse("I-04", "not_yet_happened", event.stream)
    for actor in event.participants:
        if case.world.before(actor, ActorState) is None:
            yield refuse("I-09", "unknown_actor", actor)


def seconds_between(first: str, last: str) -> int:
    """Whole seconds from one `Time` to a later one, a begun one counted."""
    span = moment(last) - moment(first)
    return span.days * 86_400 + span.seconds + (1 if span.microseconds else 0)


@rule(BackupRestored)
def restored_from_the_chain(case: Case, event: BackupRestored) -> Iterator[Refusal]:
    """New copies of what the chain has copies of; only what may not be restored is left out.

    Who may not have them back is heard where the copies are created: none is made of an original
    that was destroyed, given back or handed over, or whose content was (I-03, I-20). Of an original
    that is there, a copy that was itself to be destroyed does not serve.
    """
    in_chain = {item for link in chain(case, event.stream) for item in link.items}
    copies = holdings(case, in_chain)
    originals = {copy.made_from for copy in copies}
    barred = {copy.made_from for copy in copies if to_be_destroyed(case, copy)}
    if barred:
        barred -= {c.made_from for c in copies if c.there and not to_be_destroyed(case, c)}
    yield from own_copies(case, event, event.items)
    for copy in holdings(case, event.items):
        if copy.backup is not None or copy.restored or copy.version != 1:
            yield refuse("I-35", "not_a_new_copy", copy.stream)
        if copy.made_from not in originals:
            yield refuse("I-00", "not_in_the_backup", copy.stream)
        elif copy.made_from in barred:
            yield refuse("I-20", "copy_was_to_be_destroyed", copy.stream)
    found = {copy.stream: copy for copy in holdings(case, event.left_out)}
    for item in event.left_out:
        if item not in in_chain:
            yield refuse("I-00", "not_a_copy_of_the_backup", item)
        elif not_restored(case, found[item]) is None:
            yield refuse("I-20", "left_out_without_reason", item)
    if event.sealed is UNSET:
        yield refuse("I-02", "reason_must_be_sealed", event.stream)


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
        if locked(case, copy):
            yield refuse("I-35", "copy_is_locked", copy.stream, str(copy.backup))
        if claimed(case, copy, copy.destruction) is not None:
            yield refuse("I-21", "copy_is_in_a_case", str(copy.destruction))
        left = kept_besides(case, copy, doomed)
        # One person's word that there is another copy is not enough: what was collected, restored,
        # or lies in a backup, was read by a program.
        if not any(other.made_from is None or other.was_read for other in left):
            yield refuse("I-26", "last_copy_needs_a_case", copy.stream)
    permitted = own_keys(case, state, doomed)
    for key in event.keys:
        if key not in permitted or event.keys.count(key) != 1:
            yield refuse("I-29", "key_of_something_else", key)


def own_keys(case: Case, state: BackupState, gone: set[str]) -> frozenset[str]:
    """The data keys of a backup's copies that go with the copies `gone`, and those gone before.

    A key is among them if nothing but what is gone was ever sealed under it.
    """
    keys = {copy.stream: copy.key for copy in holdings(case, state.items)}
    found = frozenset(keys.values())
    elsewhere = case.world.once(
        ("keys elsewhere", state.stream),
        lambda: case.world.source.keys_elsewhere(found, frozenset(state.items)),
    )
    over = gone | {item for item, outcome in state.items.items() if outcome == "expired"}
    kept = {key for copy, key in keys.items() if copy not in over}
    return frozenset(key for key in found if key not in elsewhere and key not in kept and key)

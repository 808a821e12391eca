"""Backups kept and let go: read again byte for byte, and removed when their time is up.

An expiry keeps a journal in the ledger's folder (`ledger.effects.begun`). A run that is broken off
is run again: what the journal names and is gone was removed by us; what is gone without it, was
not, and is only reported.

Of what lies in a bucket every version goes. While a lock runs on any copy there, nothing goes: the
refusal says until when.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from domain.backup import BackupExpired, BackupState, BackupVerified
from domain.backup_rules import own_keys
from domain.copies import HoldingState, holdings
from ledger import sources
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import as_judged_now, case_state, check_permitted
from ledger.effects import keycopies
from ledger.effects.backup import Failed, Progress
from ledger.effects.begun import Begun
from ledger.effects.erasing import key_state, sealed_under
from ledger.effects.manifest import MARKER, MAX_BYTES, NAME, Manifest
from ledger.effects.places import OFFSITE, Place, content, place_of, read_matches, unlink, unshown
from ledger.effects.removing import check_locks
from ledger.effects.sharing import Others
from ledger.effects.shelf import FOLDER
from ledger.errors import DataError, KeyAccessError, MunimentError, UsageError
from ledger.folder import Folder, sync_folder
from ledger.recorder import Receipt, Submission
from ledger.signing import Proposal, sign_all
from ledger.sources import SourceFault

PENDING: Final = "pending"
COPIES_AN_EVENT: Final = 100
_PREFIX: Final = "expire-"


class Verified(NamedTuple):
    """What `verify` recorded; `failed`: the copies that did not match, or could not be checked.

    `manifest`: what is wrong with the list beside them, empty if nothing is.
    """

    receipt: Receipt
    checked: int
    matched: int
    failed: list[Failed]
    manifest: str = ""


class Expired(NamedTuple):
    """What `expire` recorded (None: nothing was removed); `gone`: the copies that are.

    `keys`: the data keys shredded with them; `key_copies`: copies of keys in which one of these may
    still be, because they are not here, or another party's.
    """

    receipt: Receipt | None
    gone: list[str]
    failed: list[Failed]
    keys: tuple[str, ...] = ()
    key_copies: tuple[str, ...] = ()


# -- verify -----------------------------------------------------------------------------------


def verify(
    ledger: Ledger,
    acting: Acting,
    backup: str,
    sample: int | None = None,
    *,
    seed: int | None = None,
    decrypt: bool = False,
    progress: Progress | None = None,
    role: str | None = None,
    engagement: str | None = None,
) -> Verified:
    """Read a backup's list and copies again, all or `sample` drawn by `seed`; record the result.

    `decrypt`: compare the contents too, not only what they are encrypted to. Copies that lie
    nowhere that can be read from here are not counted as checked. Raises `UsageError` if there is
    no such backup or nothing of it is left.
    """
    left = [copy.stream for copy in _left(ledger, backup)]
    if sample is not None and sample < len(left):
        left = sorted(random.Random(seed).sample(left, sample))  # noqa: S311  a sample, no secret
    options: dict[str, Any] = {"role": role, "engagement": engagement}
    listed = bool(case_state(ledger, BackupState, backup).manifest)
    provisional = {"checked": 1, "matched": 1, "result": "pass"}
    more: dict[str, Any] = {"decrypted": decrypt} | ({"manifest": "pass"} if listed else {})
    check_permitted(
        ledger, acting, [Proposal(BackupVerified, backup, provisional | more)], **options
    )
    wrong = _manifest_wrong(ledger, backup) if listed else ""
    if wrong:
        more["manifest"] = "fail"
    checked = matched = 0
    failed: list[Failed] = []
    for done, holding in enumerate(left, 1):
        cause = _wrong(ledger, holding, decrypt=decrypt)
        checked += cause not in _UNCHECKED
        matched += cause is None
        if cause is not None:
            failed.append(Failed(holding, cause))
        if progress is not None:
            progress(done, len(left))
    if not checked:
        raise MunimentError(
            "none of the backup's copies can be read from here; nothing was recorded"
        )
    result = "pass" if matched == checked and not wrong else "fail"
    fields = {"checked": checked, "matched": matched, "result": result, **more}
    receipt = ledger.act(acting, [Proposal(BackupVerified, backup, fields)], **options)
    return Verified(receipt, checked, matched, failed, wrong)


_UNCHECKED: Final = frozenset({
    "erased", "not_a_file_here", "key_not_here", "endpoint_not_named"
})  # fmt: skip


def _wrong(ledger: Ledger, holding: str, *, decrypt: bool) -> str | None:
    """What is wrong with a copy, or None if it is what was recorded."""
    try:
        place = place_of(ledger, holding)
        matches = read_matches(place)
        if matches and decrypt:
            digest = sha256()
            with content(ledger, place) as plain:
                while data := plain.read(sources.CHUNK):
                    digest.update(data)
            matches = digest.hexdigest() == place.content
    except SourceFault as fault:
        return fault.cause
    return None if matches else "changed_since_recorded"


def _manifest_wrong(ledger: Ledger, backup: str) -> str:
    """What is wrong with the list beside the copies: a stable code, empty if nothing is."""
    state = case_state(ledger, BackupState, backup)
    try:
        data = _manifest_of(ledger, backup)
    except SourceFault as fault:
        return f"manifest_{fault.cause}"
    if sha256(data).hexdigest() == state.manifest:
        return _contradicted(ledger, state, data)
    try:
        told = Manifest.parse(data)
    except DataError:
        return "manifest_changed_since_recorded"
    same = (told.backup, told.origin) == (backup, ledger.origin)
    return "manifest_changed_since_recorded" if same else "manifest_of_another_backup"


def _contradicted(ledger: Ledger, state: BackupState, data: bytes) -> str:
    """Whether the list that was signed says something else than the events of its copies."""
    try:
        told = Manifest.parse(data)
    except DataError:
        return "manifest_malformed"
    with as_judged_now(ledger) as case:
        recorded = {
            (copy.stream, copy.made_from, copy.object) for copy in holdings(case, state.items)
        }
    listed = {(copy.holding, copy.made_from, copy.object) for copy in told.copies}
    named = (told.origin, told.backup, told.base) == (ledger.origin, state.stream, state.base)
    return "" if named and listed == recorded else "manifest_contradicts_ledger"


def _manifest_of(ledger: Ledger, backup: str) -> bytes:
    """The list of a backup, read from where it lies. Raises `SourceFault`."""
    sealed = _where(ledger, backup)
    location = sealed.get("location", "")
    if location.startswith(OFFSITE):
        from ledger.effects.offsite import open_object, sealed_endpoint

        with open_object(f"{location}/{NAME}", sealed_endpoint(sealed) or None) as file:
            return file.read(MAX_BYTES)
    path = _folder_of(sealed)
    if not path.startswith(b"/"):
        raise SourceFault("not_a_file_here")
    with sources.opened(os.path.join(path, NAME.encode("ascii"))) as plain:  # noqa: PTH118  bytes
        return plain.read(MAX_BYTES)


def _folder_of(sealed: Mapping[str, str]) -> bytes:
    """The path of a backup's folder."""
    named = bytes.fromhex(sealed.get("location_bytes", ""))
    return named or unshown(sealed.get("location", ""))


def _where(ledger: Ledger, backup: str) -> Mapping[str, str]:
    """What was sealed about where a backup lies. Raises `SourceFault` if that was erased."""
    position, _accepted, event, _raw = ledger.events_of(backup)[0]
    try:
        return ledger.unseal(position, event) or {}
    except KeyAccessError:
        raise SourceFault("key_not_here") from None


def _left(ledger: Ledger, backup: str) -> list[HoldingState]:
    """The copies of a backup that are there, in the order of its list."""
    state = case_state(ledger, BackupState, backup)
    with as_judged_now(ledger) as case:
        left = [copy for copy in holdings(case, state.items) if copy.there]
    if not left:
        raise UsageError(
            "no copy of this backup is left; nothing was changed", "muniment backup list"
        )
    return left


# -- expire -----------------------------------------------------------------------------------


def expire(
    ledger: Ledger,
    acting: Acting,
    backup: str,
    progress: Progress | None = None,
    *,
    role: str | None = None,
    engagement: str | None = None,
) -> Expired:
    """Remove a backup's copies from their disk, and record those that are gone.

    Nothing is touched that a rule keeps (holds, retention, last copies): `RefusedError`. A file
    that is not what was recorded is not ours, nor one outside the backup's folder, nor one in which
    another copy lies (`Others` says what asking costs): it stays and is reported, as is what
    somebody else removed. A run that was broken off is taken up where it ended. What comes after
    the commit raises nothing: copies of the keystore that could not be cleared come back as
    `key_copies`.
    """
    journal = ledger.folder.path / PENDING / f"{_PREFIX}{backup}"
    try:
        left = _left(ledger, backup)
    except UsageError:
        if journal.exists():  # the last run ended between the commit and its last step
            _end(ledger, backup, journal)
        raise
    options: dict[str, Any] = {"role": role, "engagement": engagement}
    check_permitted(ledger, acting, _expiring(backup, left, _keys(ledger, backup, left)), **options)
    with Begun(journal) as begun:
        gone = [copy.stream for copy in left if copy.stream in begun.gone]
        rest = [copy.stream for copy in left if copy.stream not in begun.gone]
        places, failed = _places(ledger, rest)
        check_locks((place.offsite, place.endpoint) for place in places)
        others = Others(ledger, {copy.stream for copy in left})
        for done, place in enumerate(places, 1):
            try:
                _check_own(backup, place)
                _clear(place, begun, others)
                gone.append(place.holding)
            except SourceFault as fault:
                failed.append(Failed(place.holding, fault.cause))
            if progress is not None:
                progress(done, len(places))
        _sync_folders(places)
        begun.removed(gone)
    receipt, keys, left_in = None, frozenset[str](), tuple[str, ...]()
    if gone:
        removed = [copy for copy in left if copy.stream in set(gone)]
        keys = _keys(ledger, backup, removed)
        ledger.keystore.shred(*keys)
        receipt = _record(ledger, acting, _expiring(backup, removed, keys), keys, options)
        left_in = _clear_copies(ledger, acting, keys, options)
    _end(ledger, backup, journal)
    return Expired(receipt, sorted(gone), failed, tuple(sorted(keys)), left_in)


def _clear_copies(
    ledger: Ledger, acting: Acting, keys: frozenset[str], options: Mapping[str, Any]
) -> tuple[str, ...]:
    """Clear the copies of the keystore that can be reached; those in which a key may be left."""
    with suppress(MunimentError, OSError, sa.exc.DBAPIError):  # what stands stands
        keycopies.clear_reached(ledger, acting, keys, **options)
    return tuple(keycopies.left_of(ledger, keys))


def _end(ledger: Ledger, backup: str, journal: Path) -> None:
    """What is left to do when all is recorded; a journal that stays is taken up again."""
    _remove_rest(ledger, backup)
    with suppress(OSError):
        journal.unlink()


def _expiring(backup: str, copies: Sequence[HoldingState], keys: frozenset[str]) -> list[Proposal]:
    """The copies in parts, each with the data keys of its own."""
    found = [copies[at : at + COPIES_AN_EVENT] for at in range(0, len(copies), COPIES_AN_EVENT)]
    return [
        Proposal(BackupExpired, backup, {
            "items": [copy.stream for copy in part],
            "keys": sorted({copy.key for copy in part} & keys),
        })
        for part in found
    ]  # fmt: skip


def _keys(ledger: Ledger, backup: str, copies: Sequence[HoldingState]) -> frozenset[str]:
    """The data keys that go with these copies, as far as they are in this keystore."""
    with as_judged_now(ledger) as case:
        state = case.world.state(backup, BackupState)
        permitted = own_keys(case, state, {c.stream for c in copies}) if state else frozenset()
    # A key of a copy that went before is not named again: only those of these copies.
    wanted = permitted & {copy.key for copy in copies}
    return frozenset(key for key in wanted if key_state(ledger, key) != "unknown")


def _record(
    ledger: Ledger,
    acting: Acting,
    proposals: Sequence[Proposal],
    keys: Iterable[str],
    options: Mapping[str, Any],
) -> Receipt:
    """Record the expiry; what was sealed under the keys goes with it."""
    events, ciphertexts = ledger.build(acting, proposals, **options)
    unsigned = ledger.note_over(acting, events, ciphertexts)
    signed = sign_all(unsigned.note, [acting.key])
    erased = sealed_under(ledger, keys)
    receipt = ledger.log.record(
        Submission(signed, unsigned.states, unsigned.ciphertexts, erased=erased)
    )
    connection = ledger.log.writer
    if connection.dialect.name == "sqlite":  # what was deleted is not left in the log either
        with suppress(sa.exc.DBAPIError):  # it is recorded, whatever the disk does now
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return receipt


def _places(ledger: Ledger, copies: Iterable[str]) -> tuple[list[Place], list[Failed]]:
    found: list[Place] = []
    failed: list[Failed] = []
    for holding in copies:
        try:
            found.append(place_of(ledger, holding))
        except SourceFault as fault:
            failed.append(Failed(holding, fault.cause))
    return found, failed


def _check_own(backup: str, place: Place) -> None:
    """Only what is named as a backup's own copy is removed, whatever its event says of its place.

    Raises `SourceFault`: `not_in_the_backup`.
    """
    where = place.path
    if place.offsite:
        from ledger.effects.offsite import parse_location

        where = f"/{parse_location(place.offsite).key}".encode()
    if not where.endswith(f"/{backup}/{place.holding}".encode("ascii")):
        raise SourceFault("not_in_the_backup")


def _clear(place: Place, begun: Begun, others: Others) -> None:
    """Remove one file; one that is gone already counts if its removal had been begun.

    Only where its folder is there: else the whole disk may be away. Of a store that says so, it is.
    """
    if place.offsite:
        _clear_offsite(place, begun, others)
        return

    def about_to() -> None:
        if others.in_file(place.path, place.digest):
            raise SourceFault("of_another_copy")
        begun.mark(place.holding)

    try:
        unlink(place, about_to)
    except SourceFault as fault:
        folder = os.path.dirname(place.path)  # noqa: PTH120  bytes
        ours = place.holding in begun.ids and os.path.isdir(folder)  # noqa: PTH112  bytes
        if fault.cause != "vanished" or not ours:
            raise
    except OSError as error:
        begun.take_back(place.holding)
        raise SourceFault(sources.cause_of(error)) from None


def _clear_offsite(place: Place, begun: Begun, others: Others) -> None:
    from ledger.effects.offsite import remove_object

    if others.in_object(place.offsite, place.digest):
        raise SourceFault("of_another_copy")
    where = (place.offsite, place.endpoint or None)
    try:
        remove_object(*where, place.digest, lambda: begun.mark(place.holding))
    except SourceFault as fault:
        if fault.cause != "vanished" or place.holding not in begun.ids:
            raise
    except OSError:
        begun.take_back(place.holding)
        raise SourceFault("not_readable") from None


def left_open(folder: Folder) -> list[str]:
    """The backups whose expiry was begun and is not recorded."""
    return [path.name.removeprefix(_PREFIX) for path in (folder.path / PENDING).glob(f"{_PREFIX}*")]


def _folders(places: Iterable[Place]) -> list[Path]:
    names = {os.path.dirname(p.path) for p in places if p.path}  # noqa: PTH120  bytes
    return [Path(os.fsdecode(name)) for name in sorted(names)]


def _sync_folders(places: Iterable[Place]) -> None:
    for folder in _folders(places):
        if folder.is_dir():
            sync_folder(folder)


def _remove_rest(ledger: Ledger, backup: str) -> None:
    """Remove the list and the folder of a backup of which no copy is left; if not now, then never.

    What may stay is a list of ids.
    """
    with suppress(SourceFault, OSError):
        sealed = _where(ledger, backup)
        location = sealed.get("location", "")
        if location.startswith(OFFSITE):
            from ledger.effects.offsite import remove_rest, sealed_endpoint

            remove_rest(f"{location}/{NAME}", sealed_endpoint(sealed) or None)
            return
        folder = Path(os.fsdecode(_folder_of(sealed)))
        left = set(os.listdir(folder))  # noqa: PTH208  names
        if FOLDER.fullmatch(folder.name) and left <= {NAME, MARKER}:
            for name in left:
                (folder / name).unlink()
            folder.rmdir()

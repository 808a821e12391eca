"""Backups kept and let go: read again byte for byte, and removed when their time is up.

An expiry writes `pending/expire-<backup id>` in the ledger's folder, the ids of the copies a line
each, before it removes the first file. A run that is broken off is run again: what that file names
and is gone was removed by us; what is gone without it, was not, and is only reported.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.backup import BackupExpired, BackupState, BackupVerified
from domain.copies import HoldingState, holdings
from ledger import sources
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import as_judged_now, case_state, check_permitted, parts
from ledger.effects.backup import FOLDER, Failed, Progress
from ledger.effects.places import Place, place_of, read_matches, remove
from ledger.errors import MunimentError, UsageError
from ledger.folder import sync_folder, write_atomically
from ledger.recorder import Receipt
from ledger.signing import Proposal
from ledger.sources import SourceFault

PENDING: Final = "pending"


class Verified(NamedTuple):
    """What `verify` recorded; `failed`: the copies that did not match, or could not be checked."""

    receipt: Receipt
    checked: int
    matched: int
    failed: list[Failed]


class Expired(NamedTuple):
    """What `expire` recorded (None: nothing was removed); `gone`: the copies that are."""

    receipt: Receipt | None
    gone: list[str]
    failed: list[Failed]


# -- verify -----------------------------------------------------------------------------------


def verify(
    ledger: Ledger,
    acting: Acting,
    backup: str,
    sample: int | None = None,
    *,
    seed: int | None = None,
    progress: Progress | None = None,
    role: str | None = None,
    engagement: str | None = None,
) -> Verified:
    """Read a backup's copies again, all or `sample` of them drawn by `seed`, and record the result.

    Copies that lie nowhere that can be read from here are not counted as checked. Raises
    `UsageError` if there is no such backup or nothing of it is left.
    """
    left = [copy.stream for copy in _left(ledger, backup)]
    if sample is not None and sample < len(left):
        left = sorted(random.Random(seed).sample(left, sample))  # noqa: S311  a sample, no secret
    options: dict[str, Any] = {"role": role, "engagement": engagement}
    provisional = {"checked": 1, "matched": 1, "result": "pass"}
    proposal = Proposal(BackupVerified, backup, provisional)
    check_permitted(ledger, acting, [proposal], **options)
    checked = matched = 0
    failed: list[Failed] = []
    for done, holding in enumerate(left, 1):
        cause = _wrong(ledger, holding)
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
    result = "pass" if matched == checked else "fail"
    fields = {"checked": checked, "matched": matched, "result": result}
    receipt = ledger.act(acting, [Proposal(BackupVerified, backup, fields)], **options)
    return Verified(receipt, checked, matched, failed)


_UNCHECKED: Final = frozenset({"erased", "not_a_file_here"})


def _wrong(ledger: Ledger, holding: str) -> str | None:
    """What is wrong with a copy, or None if it is what was recorded."""
    try:
        matches = read_matches(place_of(ledger, holding))
    except SourceFault as fault:
        return fault.cause
    return None if matches else "changed_since_recorded"


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
    that is not what was recorded is not ours: it stays and is reported, as is what somebody else
    removed. A run that was broken off is taken up where it ended.
    """
    journal = ledger.folder.path / PENDING / f"expire-{backup}"
    try:
        left = [copy.stream for copy in _left(ledger, backup)]
    except UsageError:
        _end(journal)  # the last run ended between the commit and its last step
        raise
    options: dict[str, Any] = {"role": role, "engagement": engagement}
    check_permitted(ledger, acting, _expiring(backup, left), **options)
    begun = _begun(journal)
    places, failed = _places(ledger, left)
    there = {place.holding for place in places if os.path.lexists(place.path)}
    _begin(journal, sorted(begun | there))
    gone: list[str] = []
    for done, place in enumerate(places, 1):
        try:
            _clear(place, begun=place.holding in begun)
            gone.append(place.holding)
        except SourceFault as fault:
            failed.append(Failed(place.holding, fault.cause))
        if progress is not None:
            progress(done, len(places))
    _sync_folders(places)
    receipt = ledger.act(acting, _expiring(backup, gone), **options) if gone else None
    _end(journal)
    _remove_empty(places)
    return Expired(receipt, gone, failed)


def _expiring(backup: str, items: Sequence[str]) -> list[Proposal]:
    return [Proposal(BackupExpired, backup, {"items": part}) for part in parts(items)]


def _places(ledger: Ledger, copies: Iterable[str]) -> tuple[list[Place], list[Failed]]:
    found: list[Place] = []
    failed: list[Failed] = []
    for holding in copies:
        try:
            found.append(place_of(ledger, holding))
        except SourceFault as fault:
            failed.append(Failed(holding, fault.cause))
    return found, failed


def _clear(place: Place, *, begun: bool) -> None:
    """Remove one file; one that is gone already counts if its removal had been begun."""
    try:
        remove(place)
    except SourceFault as fault:
        if fault.cause != "vanished" or not begun:
            raise
    except OSError as error:
        raise SourceFault(sources.cause_of(error)) from None


def _begun(journal: Path) -> set[str]:
    try:
        return set(journal.read_text("ascii", "replace").split())
    except FileNotFoundError:
        return set()


def _begin(journal: Path, ids: Sequence[str]) -> None:
    journal.parent.mkdir(mode=0o700, exist_ok=True)
    sync_folder(journal.parent.parent)
    write_atomically(journal, "".join(f"{holding}\n" for holding in ids).encode("ascii"))


def _end(journal: Path) -> None:
    """Remove the journal, and what a killed run left of writing it."""
    for left in (journal, *journal.parent.glob(f".{journal.name}.*.tmp")):
        left.unlink(missing_ok=True)


def _folders(places: Iterable[Place]) -> list[Path]:
    names = {os.path.dirname(place.path) for place in places}  # noqa: PTH120  bytes
    return [Path(os.fsdecode(name)) for name in sorted(names)]


def _sync_folders(places: Iterable[Place]) -> None:
    for folder in _folders(places):
        if folder.is_dir():
            sync_folder(folder)


def _remove_empty(places: Iterable[Place]) -> None:
    """Remove the folders of backups in which nothing is left."""
    for folder in _folders(places):
        if FOLDER.fullmatch(folder.name):
            with suppress(OSError):
                folder.rmdir()

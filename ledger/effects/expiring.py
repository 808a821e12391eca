"""Backups kept and let go: read again byte for byte, and removed when their time is up.

An expiry keeps `pending/expire-<backup id>` in the ledger's folder: the id of each copy, a line,
on the disk just before its file is removed; and once more after a "-" if it could not be. A run
that is broken off is run again: what that file names and is gone was removed by us; what is gone
without it, was not, and is only reported.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from domain.backup import BackupExpired, BackupState, BackupVerified
from domain.copies import HoldingState, holdings
from ledger import sources
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import as_judged_now, case_state, check_permitted, parts
from ledger.effects.backup import FOLDER, Failed, Progress
from ledger.effects.places import Place, place_of, read_matches, unlink
from ledger.errors import MunimentError, UsageError
from ledger.folder import Folder, sync_folder
from ledger.recorder import Receipt
from ledger.signing import Proposal
from ledger.sources import SourceFault

PENDING: Final = "pending"
_PREFIX: Final = "expire-"


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


_UNCHECKED: Final = frozenset({"erased", "not_a_file_here", "key_not_here"})


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
    journal = ledger.folder.path / PENDING / f"{_PREFIX}{backup}"
    try:
        left = [copy.stream for copy in _left(ledger, backup)]
    except UsageError:
        journal.unlink(missing_ok=True)  # the last run ended between the commit and its last step
        raise
    options: dict[str, Any] = {"role": role, "engagement": engagement}
    check_permitted(ledger, acting, _expiring(backup, left), **options)
    places, failed = _places(ledger, left)
    gone: list[str] = []
    with _Begun(journal) as begun:
        for done, place in enumerate(places, 1):
            try:
                _clear(place, begun)
                gone.append(place.holding)
            except SourceFault as fault:
                failed.append(Failed(place.holding, fault.cause))
            if progress is not None:
                progress(done, len(places))
    _sync_folders(places)
    receipt = ledger.act(acting, _expiring(backup, gone), **options) if gone else None
    journal.unlink()
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


def _clear(place: Place, begun: _Begun) -> None:
    """Remove one file; one that is gone already counts if its removal had been begun.

    Only where its folder is there: else the whole disk may be away.
    """
    try:
        unlink(place, lambda: begun.mark(place.holding))
    except SourceFault as fault:
        folder = os.path.dirname(place.path)  # noqa: PTH120  bytes
        ours = place.holding in begun.ids and os.path.isdir(folder)  # noqa: PTH112  bytes
        if fault.cause != "vanished" or not ours:
            raise
    except OSError as error:
        begun.take_back(place.holding)
        raise SourceFault(sources.cause_of(error)) from None


class _Begun:
    """The copies whose removal was begun, by the journal of an expiry; open while it runs."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            whole, newline, _torn = file.read().rpartition(b"\n")
        os.ftruncate(self._descriptor, len(whole + newline))
        os.lseek(self._descriptor, 0, os.SEEK_END)
        self.ids: set[str] = set()
        for line in whole.decode("ascii", "replace").splitlines():
            (self.ids.discard if line.startswith("-") else self.ids.add)(line.removeprefix("-"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def mark(self, holding: str) -> None:
        """Its file is about to be removed. On the disk when this returns."""
        if holding not in self.ids:
            self.ids.add(holding)
            self._append(holding)

    def take_back(self, holding: str) -> None:
        """Its file could not be removed: if it goes later, somebody else removed it."""
        if holding in self.ids:
            self.ids.remove(holding)
            self._append(f"-{holding}")

    def _append(self, line: str) -> None:
        os.write(self._descriptor, f"{line}\n".encode("ascii"))
        os.fsync(self._descriptor)


def left_open(folder: Folder) -> list[str]:
    """The backups whose expiry was begun and is not recorded."""
    return [path.name.removeprefix(_PREFIX) for path in (folder.path / PENDING).glob(f"{_PREFIX}*")]


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

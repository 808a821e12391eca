"""Copies outside the ledger's folder: backups in folders that are named, files where events say.

A backup's folder is checked without any key: its list has the digest that `backup.created` holds,
and each of its files the digest that `holding.created` holds. Where a file lies is sealed, so for
those a keystore has to be opened.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from domain.backup import BackupCreated
from domain.holding import HoldingCreated
from ledger.audit.catalogue import raised
from ledger.audit.finding import Finding, Gap
from ledger.audit.scope import Scope
from ledger.effects.backup import NO_FILES
from ledger.effects.manifest import MAX_BYTES, NAME
from ledger.effects.offsite import locked_until
from ledger.effects.places import Place, digest_of, place_of, read_matches
from ledger.effects.shelf import FOLDER
from ledger.errors import KeyAccessError, MunimentError
from ledger.evidence import decode_event
from ledger.folder import read_limited
from ledger.sources import SourceFault, opened
from ledger.stream import object_size
from projections import backups
from projections.custody import THERE, Copy, listed
from projections.view import key_of

if TYPE_CHECKING:
    from ledger.application import Ledger

_AT_ONCE: Final = 500
_GONE: Final = frozenset({"erased", "not_a_file_here"})

Draw = Callable[[str], bool]


# -- backups, without a key -------------------------------------------------------------------


def backups_in(scope: Scope, place: Path, draw: Draw, reached: set[str]) -> Iterator[Finding | Gap]:
    """Every `backup-<id>` in a folder against the register; adds to `reached` those found."""
    try:
        names = sorted(entry.name for entry in place.iterdir() if entry.is_dir())
    except OSError:
        yield Gap("backups", "place_unreadable")
        return
    for name in names:
        if not name.startswith("backup-") or not FOLDER.fullmatch(name):
            continue
        if name.endswith(".part") or backups.one(scope.scratch, name) is None:
            yield raised("backup_foreign", subject=name.removesuffix(".part"), detail="backup")
            continue
        reached.add(name)
        yield from _backup(scope, place / name, name, draw)


def _backup(scope: Scope, folder: Path, backup: str, draw: Draw) -> Iterator[Finding]:
    left = {entry.name: entry for entry in folder.iterdir()}
    if (digest := _manifest_of(scope, backup)) is not None:
        yield from _manifest(left.pop(NAME, folder / NAME), backup, digest)
    after = None
    while found := backups.copies(scope.scratch, backup, limit=_AT_ONCE, after=after):
        after = found[-1].holding
        for copy in found:
            file = left.pop(copy.holding, None)
            yield from _copied(scope, file, copy.holding, backup, draw,
                               there=copy.expired_entry is None)  # fmt: skip
    for name in sorted(left):
        yield raised("backup_foreign", subject=backup, actual=sha256(os.fsencode(name)).hexdigest())


def _first_event(scope: Scope, stream: str) -> tuple[object, str]:
    query = (
        "SELECT e.state, (SELECT condition FROM holdings WHERE holding = e.stream) "
        "FROM events e WHERE e.stream = ? AND e.version = 1"
    )
    row = scope.scratch.exec_driver_sql(query, (key_of(stream),)).first()
    return (None, "") if row is None else (decode_event(bytes(row[0])), row[1] or "")


def _manifest_of(scope: Scope, backup: str) -> str | None:
    event, _ = _first_event(scope, backup)
    said = isinstance(event, BackupCreated) and event.manifest is not UNSET
    return str(event.manifest) if said and isinstance(event, BackupCreated) else None


def _manifest(file: Path, backup: str, digest: str) -> Iterator[Finding]:
    try:
        actual = sha256(read_limited(file, MAX_BYTES + 1)).hexdigest()
    except FileNotFoundError:
        yield raised("copy_missing", subject=backup, detail="manifest", expected=digest)
        return
    except OSError as error:
        yield raised("copy_unreadable", subject=backup, detail="manifest",
                     cause=type(error).__name__)  # fmt: skip
        return
    if actual != digest:
        yield raised("copy_changed", subject=backup, detail="manifest", expected=digest,
                     actual=actual)  # fmt: skip


def _copied(
    scope: Scope, file: Path | None, holding: str, backup: str, draw: Draw, *, there: bool
) -> Iterator[Finding]:
    event, condition = _first_event(scope, holding)
    if not isinstance(event, HoldingCreated) or event.object is UNSET:
        return
    evidence = (f"{holding}/1", f"{backup}/1")
    if not there or condition not in THERE:
        if file is not None:
            yield raised("copy_still_there", subject=holding, detail="backup", evidence=evidence)
        return
    if file is None:
        yield raised("copy_missing", subject=holding, detail="backup", evidence=evidence,
                     expected=event.object)  # fmt: skip
        return
    place = Place(holding, os.fsencode(file), event.object, event.object)
    yield from _file(place, object_size(event.size), draw, "backup", evidence)


# -- files, with a keystore -------------------------------------------------------------------


def files_of(
    scope: Scope, ledger: Ledger, draw: Draw, reached: set[str]
) -> Iterator[Finding | Gap]:
    """Every copy outside the vault that is there, where its sealed place says that it lies."""
    gaps: Counter[tuple[str, str]] = Counter()
    for copy in _outside(scope, reached):
        try:
            place = place_of(ledger, copy.holding)
        except SourceFault as fault:
            if fault.cause not in _GONE:
                gaps["files", fault.cause] += 1
            elif fault.cause == "not_a_file_here":
                gaps["files", "out_of_reach"] += 1
            continue
        except KeyAccessError:
            gaps["files", "needs_key"] += 1
            continue
        size = object_size(copy.size) if place.object else copy.size
        if place.offsite:
            yield from _offsite(place, draw, gaps)
            yield from _unlocked(scope, place, gaps)
        else:
            kind = "file" if not place.object else "object"
            yield from _file(place, size, draw, kind, (f"{copy.holding}/1",))
    for (part, code), count in sorted(gaps.items()):
        yield Gap(part, code, count)


def _offsite(place: Place, draw: Draw, gaps: Counter[tuple[str, str]]) -> Iterator[Finding]:
    if not draw(place.digest):
        gaps["offsite", "not_read"] += 1
        return
    try:
        same = read_matches(place)
    except (MunimentError, SourceFault):
        gaps["offsite", "not_fetched"] += 1
        return
    if not same:
        yield raised("copy_changed", subject=place.holding, detail="offsite", expected=place.digest)


def _unlocked(scope: Scope, place: Place, gaps: Counter[tuple[str, str]]) -> Iterator[Finding]:
    """Whether the store keeps a lock that the backup says it has; asks for no content."""
    backup = backups.backup_of(scope.scratch, place.holding)
    event, _ = _first_event(scope, backup) if backup is not None else (None, "")
    if not isinstance(event, BackupCreated) or event.locked_until is UNSET:
        return
    said = f"{event.locked_until}T23:59:59Z"
    if said <= datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"):
        return  # of a lock that is over the store says nothing
    try:
        kept = locked_until(place.offsite, place.endpoint or None) or ""
    except (MunimentError, SourceFault):
        gaps["offsite", "not_fetched"] += 1
        return
    if kept < said:
        yield raised("lock_missing", subject=place.holding, evidence=(f"{backup}/1",),
                     expected=said, actual=kept)  # fmt: skip


def _outside(scope: Scope, reached: set[str]) -> Iterator[Copy]:
    """The copies that are there, are files, and do not lie in the vault or a place looked at."""
    after = None
    while found := listed(scope.scratch, limit=_AT_ONCE, after=after):
        after = found[-1].holding
        for copy in found:
            if not copy.there or copy.form == "paper" or copy.medium in NO_FILES:
                continue
            backup = backups.backup_of(scope.scratch, copy.holding)
            if backup in reached or (copy.encrypted and backup is None and _in_vault(scope, copy)):
                continue
            yield copy


def _in_vault(scope: Scope, copy: Copy) -> bool:
    """Whether a copy with an object was neither restored nor moved away."""
    event, _ = _first_event(scope, copy.holding)
    if not isinstance(event, HoldingCreated) or event.object is UNSET:
        return False
    query = "SELECT 1 FROM events WHERE stream = ? AND topic = 'holding.moved'"
    moved = scope.scratch.exec_driver_sql(query, (key_of(copy.holding),)).first()
    return moved is None and copy.holding not in backups.restored_among(
        scope.scratch, [copy.holding]
    )


def unreached(scope: Scope, reached: set[str]) -> Iterator[Gap]:
    """How many copies nobody looked at, because where they lie is sealed."""
    count: Counter[str] = Counter()
    for copy in _outside(scope, reached):
        of_backup = backups.backup_of(scope.scratch, copy.holding) is not None
        count["backups" if of_backup else "files"] += 1
    for part, number in sorted(count.items()):
        yield Gap(part, "needs_key", number)


# -- one file ---------------------------------------------------------------------------------


def _file(
    place: Place, size: int, draw: Draw, kind: str, evidence: tuple[str, ...]
) -> Iterator[Finding]:
    try:
        found = Path(os.fsdecode(place.path)).stat()
    except (FileNotFoundError, NotADirectoryError):
        yield raised("copy_missing", subject=place.holding, detail=kind, evidence=evidence,
                     expected=place.digest)  # fmt: skip
        return
    except OSError as error:
        yield raised("copy_unreadable", subject=place.holding, detail=kind, evidence=evidence,
                     cause=type(error).__name__)  # fmt: skip
        return
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        yield raised("copy_size_differs", subject=place.holding, detail=kind, evidence=evidence,
                     expected=str(size), actual=str(found.st_size))  # fmt: skip
        return
    if not draw(place.digest):
        return
    try:
        with opened(place.path) as file:
            digest = digest_of(file)
    except SourceFault as fault:
        yield raised("copy_unreadable", subject=place.holding, detail=kind, evidence=evidence,
                     cause=fault.cause)  # fmt: skip
        return
    if digest != place.digest:
        yield raised("copy_changed", subject=place.holding, detail=kind, evidence=evidence,
                     expected=place.digest, actual=digest)  # fmt: skip

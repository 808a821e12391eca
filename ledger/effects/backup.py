"""Backups made: files copied to another folder, byte for byte.

`<target>/backup-<UUID>/holding-<UUID of the new copy>`: no name says whose records they are. A
backup grows in `backup-<UUID>.part`; every file is flushed, read again from its device and
compared with the digest recorded for its original; then the folder gets its name and ONE commit
records all copies and the backup. Until that commit stands, a file `.muniment` lies in the folder:

    muniment unfinished backup/v1
    <origin of the ledger>
    <SHA-256 of its entry 0, hex>

Whatever ends a run early (a full disk, a refusal, a killed process), nothing of it is recorded, and
its folder is removed at once or by the next `create` into the same target. Only folders with this
very file, whose backup this ledger does not know, and in which nothing else lies, are removed: a
recorded backup has no such file, so a ledger restored from an older state never takes it for one.
No copy is made before that file is safe on the disk: a folder without it holds nobody's records.

>>> print(marker("example.com/ledger", b"").decode(), end="")
muniment unfinished backup/v1
example.com/ledger
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from domain.backup import BackupCreated
from domain.holding import HoldingCreated
from domain.listing import list_root
from ledger import VERSION
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.custody import check_permitted, parts
from ledger.effects.places import Place, check_outside, digest_of, place_fields, place_of
from ledger.errors import MunimentError, UsageError, VerificationError
from ledger.folder import sync_folder, write_atomically
from ledger.recorder import Receipt
from ledger.schema import COMMITS
from ledger.signing import Proposal, new_ids, now
from ledger.sources import CHUNK, SourceFault, chunks, opened
from projections.custody import Copy, listed, one

MAX_COPIES: Final = 4_000
"""So many copies one backup has at most; more are several backups."""
MARKER: Final = ".muniment"

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FOLDER: Final = re.compile(rf"(backup-{_UUID})(?:\.part)?")
"""What the folder of a backup is called, unfinished or not."""
_OURS: Final = re.compile(rf"holding-{_UUID}|{re.escape(MARKER)}")
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_SAME: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_PORTION: Final = 500

Progress = Callable[[int, int], None]
"""`progress(done, total)` after each file."""


class Failed(NamedTuple):
    """A copy that could not be taken, read or removed; `cause` is a stable code."""

    holding: str
    cause: str


class Made(NamedTuple):
    """A backup that is recorded: its id, its folder, how many copies and bytes."""

    backup: str
    folder: Path
    copies: int
    size: int
    receipt: Receipt


class Outcomes(NamedTuple):
    """What `create` did. `left_out`: copies that are no files here, where all were asked for.

    `removed`: folders of earlier runs that had not finished, now gone.
    """

    made: list[Made]
    failed: list[Failed]
    left_out: int
    removed: int


class Terms(NamedTuple):
    """How a backup is made: codes of `BackupKind` and `BackupMedium`, and who says so as what."""

    kind: str
    medium: str
    role: str
    engagement: str


class _Source(NamedTuple):
    copy: Copy
    place: Place


class _Taken(NamedTuple):
    """An original and the new copy of it."""

    source: Copy
    holding: str
    digest: str
    size: int


# -- create -----------------------------------------------------------------------------------


def create(
    ledger: Ledger,
    acting: Acting,
    chosen: Sequence[str] | None,
    target: Path,
    kind: str,
    medium: str,
    progress: Progress | None = None,
    *,
    role: str | None = None,
    engagement: str | None = None,
) -> Outcomes:
    """Copy originals that are files here into `target`, and record the copies and the backup.

    `chosen`: holdings; None: every original that is there, a file, and kept by the acting party.
    What cannot be copied as it was recorded is not copied and comes back as `Failed`. Raises
    `RefusedError` (a rule), `UsageError` (the target), `MunimentError` (a disk); then nothing of
    the backup being made is recorded or left behind, backups before it in the run stand.
    """
    target = _checked_target(ledger, target)
    outcomes = Outcomes([], [], 0, _remove_unfinished(ledger, target))
    about = engagement or ledger.routine()
    said = role or acting.role_for(BackupCreated, None, about, now())
    terms = Terms(kind, medium, said, about)
    portions = _named(ledger, acting, chosen) if chosen is not None else _all(ledger, acting)
    for found, failed, left_out in portions:
        outcomes.failed.extend(failed)
        outcomes = outcomes._replace(left_out=outcomes.left_out + left_out)
        if not found:
            continue
        run = _Run(ledger, acting, target, terms, outcomes.failed)
        if (made := run.make(found, progress)) is not None:
            outcomes.made.append(made)
    if not outcomes.made and not outcomes.failed:
        raise UsageError(
            "there is no copy here that could be backed up; nothing was copied",
            "muniment holding list",
        )
    return outcomes


def _checked_target(ledger: Ledger, target: Path) -> Path:
    target = Path(os.path.abspath(target))  # noqa: PTH100  not resolved: the name that was given
    if not target.is_dir():
        raise UsageError(
            "the folder for the backup is not there; nothing was copied",
            "make the folder, or mount the disk that it is on",
        )
    check_outside(ledger, target)
    return target


_Portion = tuple[list[_Source], list[Failed], int]


def _named(ledger: Ledger, acting: Acting, chosen: Sequence[str]) -> Iterator[_Portion]:
    """The holdings named, each once; what cannot be copied of them is a failure."""
    wanted = list(dict.fromkeys(chosen))
    for at in range(0, len(wanted), MAX_COPIES):
        found: list[_Source] = []
        failed: list[Failed] = []
        for holding in wanted[at : at + MAX_COPIES]:
            try:
                found.append(_source(ledger, acting, holding))
            except SourceFault as fault:
                failed.append(Failed(holding, fault.cause))
        yield found, failed, 0


def _source(ledger: Ledger, acting: Acting, holding: str) -> _Source:
    with ledger.engine.connect() as connection:
        copy = one(connection, holding)
    if copy is None or not copy.there:
        raise SourceFault("holding_not_there")
    if copy.custodian != acting.state.party:
        raise SourceFault("kept_by_another")
    if copy.made_from is not None:
        raise SourceFault("not_an_original")
    return _Source(copy, place_of(ledger, holding))


def _all(ledger: Ledger, acting: Acting) -> Iterator[_Portion]:
    """Every original that is there and kept by the acting party, in order of its id."""
    found: list[_Source] = []
    failed: list[Failed] = []
    left_out = 0
    for copy in _copies(ledger):
        if not copy.there or copy.made_from or copy.custodian != acting.state.party:
            continue
        try:
            found.append(_Source(copy, place_of(ledger, copy.holding)))
        except SourceFault as fault:
            if fault.cause == "not_a_file_here":
                left_out += 1
            else:
                failed.append(Failed(copy.holding, fault.cause))
        if len(found) == MAX_COPIES:
            yield found, failed, left_out
            found, failed, left_out = [], [], 0
    yield found, failed, left_out


def _copies(ledger: Ledger) -> Iterator[Copy]:
    """Every copy there was before the run began; a portion at a time."""
    after, last = None, new_ids("holding")[0]
    while True:
        with ledger.engine.connect() as connection:
            portion = listed(connection, limit=_PORTION, after=after)
        if not portion:
            return
        after = portion[-1].holding
        yield from (copy for copy in portion if copy.holding < last)


class _Run:
    """One backup being made."""

    def __init__(
        self,
        ledger: Ledger,
        acting: Acting,
        target: Path,
        terms: Terms,
        failed: list[Failed],
    ) -> None:
        self._ledger = ledger
        self._acting = acting
        self._terms = terms
        self._failed = failed
        self._backup = new_ids("backup")[0]
        self._folder = target / self._backup
        self._part = target / f"{self._backup}.part"
        self._started = now()

    def make(self, found: Sequence[_Source], progress: Progress | None) -> Made | None:
        """Copy, read back, name, record; None if nothing could be copied."""
        _check_apart(self._folder.parent, found)
        ids = new_ids("holding", len(found))
        keys = [key for key, _ in self._ledger.keystore.new_keys(len(found) + 1)]
        first = _Taken(found[0].copy, ids[0], found[0].place.digest, found[0].copy.size)
        options: dict[str, Any] = {
            "role": self._terms.role, "engagement": self._terms.engagement,
        }  # fmt: skip
        check_permitted(self._ledger, self._acting, self._proposals([first], keys), **options)
        try:
            taken = self._copy_all(found, ids, progress)
            if not taken:
                self._undo()
                return None
            receipt = self._ledger.act(self._acting, self._proposals(taken, keys), **options)
        except BaseException:
            self._undo()
            raise
        _finish(self._folder)
        size = sum(one.size for one in taken)
        return Made(self._backup, self._folder, len(taken), size, receipt)

    def _copy_all(
        self, found: Sequence[_Source], ids: Sequence[str], progress: Progress | None
    ) -> list[_Taken]:
        taken: list[_Taken] = []
        with _on_target():
            self._part.mkdir(mode=0o700)
            write_atomically(self._part / MARKER, _marker_of(self._ledger))
            sync_folder(self._part.parent)
            descriptor = os.open(self._part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            for done, (source, holding) in enumerate(zip(found, ids, strict=True), 1):
                try:
                    size = _copied(source.place, descriptor, holding)
                    taken.append(_Taken(source.copy, holding, source.place.digest, size))
                except SourceFault as fault:
                    self._failed.append(Failed(source.copy.holding, fault.cause))
                if progress is not None:
                    progress(done, len(found))
        finally:
            os.close(descriptor)
        if taken:
            with _on_target():
                sync_folder(self._part)
                self._part.rename(self._folder)
                sync_folder(self._folder.parent)
        return taken

    def _proposals(self, taken: Sequence[_Taken], keys: Sequence[str]) -> list[Proposal]:
        made = [
            Proposal(
                HoldingCreated,
                one.holding,
                self._of_copy(one),
                place_fields(os.fsencode(self._folder / one.holding), one.digest),
                key,
            )
            for one, key in zip(taken, keys[:-1], strict=False)
        ]
        items = [one.holding for one in taken]
        whole = {
            "kind": self._terms.kind, "medium": self._terms.medium, "started_at": self._started,
            "ended_at": now(), "count": len(items), "root": list_root(items),
        }  # fmt: skip
        location = place_fields(os.fsencode(self._folder), "")
        sealed = {**location, "tool": f"muniment/{VERSION}"}
        del sealed["content"]
        backup = [
            Proposal(BackupCreated, self._backup, {**whole, "items": part}, sealed, keys[-1])
            for part in parts(items)
        ]
        return [*made, *backup]

    def _of_copy(self, one: _Taken) -> dict[str, object]:
        fields = {
            "custodian": self._acting.state.party, "form": one.source.form,
            "medium": self._terms.medium, "size": one.size, "items": one.source.items,
            "encrypted": one.source.encrypted, "made_from": one.source.holding,
        }  # fmt: skip
        return {**fields, "record": one.source.record} if one.source.record else fields

    def _undo(self) -> None:
        """Remove what was copied, unless the ledger has recorded it all the same."""
        try:
            recorded = self._ledger.state(self._backup) is not None
        except Exception:  # noqa: BLE001  a ledger that cannot answer now: the next run decides
            return
        if recorded:
            _finish(self._folder)
            return
        for folder in (self._part, self._folder):
            with suppress(OSError):
                _remove_folder(folder)


def _check_apart(target: Path, found: Iterable[_Source]) -> None:
    """Refuse a target in a folder that records lie in: it would be collected with them."""
    target = target.resolve()
    above = {os.fsencode(folder) for folder in (target, *target.parents)}
    folders = {os.path.dirname(source.place.path) for source in found}  # noqa: PTH120  bytes
    if any(os.path.realpath(folder) in above for folder in folders):
        raise UsageError(
            "the folder for the backup lies in a folder that the records lie in; "
            "nothing was copied",
            "name a folder elsewhere, on another disk if you can",
        )


@contextmanager
def _on_target() -> Iterator[None]:
    """Errors of the disk that is written to, told apart from those of the sources."""
    try:
        yield
    except OSError as error:
        raise MunimentError(
            "the folder for the backup cannot be written ({cause}); nothing of this backup was "
            "recorded, and what had been copied is removed",
            "free some space, or look at the disk",
            cause=error.strerror,
        ) from None


def _copied(place: Place, folder: int, name: str) -> int:
    """Copy one file into an open folder, flush it, read it back; its size in bytes.

    Raises `SourceFault` if the source cannot be read or is not what was recorded; then the new
    file is gone again.
    """
    with _on_target():
        out = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        size = _pour(place, out)
        with _on_target():
            os.fsync(out)
    except SourceFault:
        with _on_target():
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(out)
    with _on_target(), BufferedReader(FileIO(os.open(name, _SAME, dir_fd=folder)), CHUNK) as file:
        same = digest_of(file) == place.digest
    if not same:
        raise VerificationError(
            "a copy reads back differently from what was written; nothing of this backup was "
            "recorded, and what had been copied is removed",
            "check the disk",
        )
    return size


def _pour(place: Place, out: int) -> int:
    digest, size = sha256(), 0
    with opened(place.path) as file:
        for chunk in chunks(file):
            digest.update(chunk)
            size += len(chunk)
            with _on_target():
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(out, rest) :]
    if digest.hexdigest() != place.digest:
        raise SourceFault("changed_since_recorded")
    return size


# -- what an earlier run left ------------------------------------------------------------------


def marker(origin: str, entry_zero: bytes) -> bytes:
    """What lies in the folder of a backup of this ledger while it is unfinished."""
    digest = sha256(entry_zero).hexdigest()
    return f"muniment unfinished backup/v1\n{origin}\n{digest}\n".encode("ascii")


def _marker_of(ledger: Ledger) -> bytes:
    with ledger.engine.connect() as connection:
        query = sa.select(COMMITS.c.data).where(COMMITS.c.entry == 0)
        return marker(ledger.origin, bytes(connection.execute(query).scalar_one()))


def _remove_unfinished(ledger: Ledger, target: Path) -> int:
    """Remove this ledger's unfinished backups from a folder; how many there were."""
    ours, removed = _marker_of(ledger), 0
    with _on_target():
        names = sorted(os.listdir(target))  # noqa: PTH208  names only
    for name in names:
        found = FOLDER.fullmatch(name)
        if found is None or _marker_in(target / name) != ours:
            continue
        if ledger.state(found[1]) is not None:  # ended between the commit and the last step
            _finish(target / name)
        else:
            with _on_target():
                removed += _remove_folder(target / name)
    return removed


def _marker_in(folder: Path) -> bytes | None:
    if folder.is_symlink():
        return None
    with suppress(OSError):
        descriptor = os.open(folder / MARKER, _SAME | os.O_NONBLOCK)
        with FileIO(descriptor) as file:
            return file.read(4096)
    return None


def _remove_folder(folder: Path) -> bool:
    """Remove a folder in which nothing lies but copies and the marker, the marker last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        names = os.listdir(descriptor)  # noqa: PTH208  of what was opened
        if not all(_OURS.fullmatch(name) for name in names):
            return False
        for name in sorted(names, reverse=True):
            os.unlink(name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    folder.rmdir()
    sync_folder(folder.parent)
    return True


def _finish(folder: Path) -> None:
    """Take the marker away: the backup is recorded. What is left undone, the next run does."""
    with suppress(OSError):
        (folder / MARKER).unlink(missing_ok=True)
        sync_folder(folder)

"""Backups made: contents encrypted elsewhere, each under a data key of its own, and read back.

Every copy is an object (`ledger.stream`) on a shelf (`ledger.effects.shelf`): in a folder on
another disk, or in a bucket. Its data key is in the keystore before it is used and never lies with
it. When all objects have been read again and have the digests that they were written with, a list
of them (`ledger.effects.manifest`) is put beside them, and ONE commit records all copies and the
backup, with the digest of the list.

A full backup copies every original; an incremental one, what has no copy yet in the chain of its
base. A backup that is larger than one commit takes is several, each the base of the next.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import sqlalchemy as sa

from domain.backup import BackupCreated
from domain.holding import HoldingCreated
from domain.listing import list_root
from ledger import VERSION, stream
from ledger.acting import Acting
from ledger.acts import given
from ledger.application import Ledger
from ledger.custody import check_permitted, parts
from ledger.effects.manifest import NAME, Listed, Manifest
from ledger.effects.places import Place, content, place_of
from ledger.effects.shelf import FolderTarget, Target, known_to, marker_of, sealed_place
from ledger.errors import UsageError, VerificationError
from ledger.recorder import Receipt
from ledger.signing import Proposal, new_ids, now
from ledger.sources import SourceFault
from projections.backups import backed_up, chain, newest, restored_among
from projections.custody import Copy, listed, one

MAX_COPIES: Final = 4_000
"""So many copies one backup has at most; more are several backups."""
NO_FILES: Final = frozenset({"paper_copy", "microfilm"})
"""Media on which nothing lies that a program could back up."""
_PORTION: Final = 500
_AT_ONCE: Final = 64
"""So many copies are flushed together, before they are read again."""


Progress = Callable[[int, int], None]
"""`progress(done, total)` after each copy."""


class Failed(NamedTuple):
    """A copy that could not be taken, read, restored or removed; `cause` is a stable code."""

    holding: str
    cause: str


class Made(NamedTuple):
    """A backup that is recorded: its id, where it lies, how many copies and bytes of content."""

    backup: str
    place: str
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
    """What is copied, where it lies, and the original that the new copy is made of."""

    copy: Copy
    place: Place
    original: str


class _Taken(NamedTuple):
    """A source, the new copy of it, and what it was encrypted to."""

    source: _Source
    holding: str
    made: stream.Encrypted


def create(
    ledger: Ledger,
    acting: Acting,
    chosen: Sequence[str] | None,
    target: Target | Path,
    kind: str,
    medium: str,
    progress: Progress | None = None,
    *,
    base: str | None = None,
    role: str | None = None,
    engagement: str | None = None,
) -> Outcomes:
    """Copy what can be read here to `target`, encrypted, and record the copies and the backup.

    `chosen`: holdings; None: every original that is there and kept by the acting party, and what
    was restored of lost ones. `base`: the backup to continue; for an incremental one the party's
    newest if None. What cannot be copied as it was recorded is not copied and comes back as
    `Failed`. Raises `RefusedError` (a rule), `UsageError` (the target, no base), `MunimentError` (a
    disk, a store); then nothing of the backup being made is recorded or left behind, backups before
    it in the run stand.
    """
    target = FolderTarget(target) if isinstance(target, Path) else target
    target.check(ledger)
    base = base or (_newest(ledger, acting) if kind == "incremental" else None)
    continued = _chain(ledger, base) if base is not None else None
    outcomes = Outcomes([], [], 0, target.clean(marker_of(ledger), known_to(ledger)))
    about = engagement or ledger.routine()
    said = role or acting.role_for(BackupCreated, None, about, now())
    terms = Terms(kind, medium, said, about)
    portions = (
        _named(ledger, acting, chosen) if chosen is not None else _all(ledger, acting, continued)
    )
    for found, failed, left_out in portions:
        outcomes.failed.extend(failed)
        outcomes = outcomes._replace(left_out=outcomes.left_out + left_out)
        if not found:
            continue
        run = _Run(ledger, acting, target, terms, base or "", outcomes.failed)
        if (made := run.make(found, progress)) is not None:
            outcomes.made.append(made)
            base = made.backup
    if not outcomes.made and not outcomes.failed and kind == "full":
        raise UsageError(
            "there is no copy here that could be backed up; nothing was copied",
            "muniment holding list",
        )
    return outcomes


def _newest(ledger: Ledger, acting: Acting) -> str:
    with ledger.engine.connect() as connection:
        found = newest(connection, acting.state.party)
    if found is None:
        raise UsageError(
            "there is no backup that an incremental one could continue; nothing was copied",
            "muniment backup create TARGET --kind full",
        )
    return found


def _chain(ledger: Ledger, base: str) -> list[str]:
    with ledger.engine.connect() as connection:
        found = chain(connection, base)
    if not found:
        raise UsageError(
            "there is no backup of this id; nothing was copied", "muniment backup list"
        )
    return found


# -- what is copied -----------------------------------------------------------------------------

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
        original = original_of(connection, copy)
    if original is None:
        raise SourceFault("not_an_original")
    return _Source(copy, place_of(ledger, holding), original)


def original_of(connection: sa.Connection, copy: Copy) -> str | None:
    """What a copy of this one is made of: itself, or the lost one that it was restored for."""
    if copy.made_from is None:
        return copy.holding
    if not restored_among(connection, [copy.holding]):
        return None
    original = one(connection, copy.made_from)
    return copy.made_from if original is not None and original.condition == "lost" else None


def _all(ledger: Ledger, acting: Acting, continued: Sequence[str] | None) -> Iterator[_Portion]:
    """Every content that the acting party keeps, by the id of a copy; each content once.

    `continued`: a chain; what it has a copy of is left to it.
    """
    found: list[_Source] = []
    failed: list[Failed] = []
    left_out = 0
    for copy, original in uncovered(ledger, acting.state.party, continued):
        try:
            found.append(_Source(copy, place_of(ledger, copy.holding), original))
        except SourceFault as fault:
            if fault.cause == "not_a_file_here":
                left_out += 1
            else:
                failed.append(Failed(copy.holding, fault.cause))
        if len(found) == MAX_COPIES:
            yield found, failed, left_out
            found, failed, left_out = [], [], 0
    yield found, failed, left_out


def uncovered(
    ledger: Ledger, party: str, continued: Sequence[str] | None
) -> Iterator[tuple[Copy, str]]:
    """The contents that a party keeps: a copy there is of each, and its original; by portions.

    Only what was recorded before now. `continued`: without what this chain has a copy of.
    """
    after, last = None, new_ids("holding")[0]
    again: set[str] = set()
    while True:
        with ledger.engine.connect() as connection:
            portion = listed(connection, limit=_PORTION, after=after)
            if not portion:
                return
            after = portion[-1].holding
            own = [c for c in portion if c.holding < last and c.there and c.custodian == party]
            pairs = [(copy, original_of(connection, copy)) for copy in own]
            known = {original for _, original in pairs if original is not None}
            done = backed_up(connection, sorted(known), continued) if continued else {}
        for copy, original in pairs:
            if original is None or original in done or original in again:
                continue
            if copy.made_from is not None:
                again.add(original)
            yield copy, original


# -- one backup ---------------------------------------------------------------------------------


class _Run:
    """One backup being made."""

    def __init__(
        self,
        ledger: Ledger,
        acting: Acting,
        target: Target,
        terms: Terms,
        base: str,
        failed: list[Failed],
    ) -> None:
        self._ledger = ledger
        self._acting = acting
        self._target = target
        self._terms = terms
        self._base = base
        self._failed = failed
        self._backup = new_ids("backup")[0]
        self._shelf = target.shelf(self._backup, marker_of(ledger))
        self._started = now()

    def make(self, found: Sequence[_Source], progress: Progress | None) -> Made | None:
        """Copy, read back, list, name, record; None if nothing could be copied."""
        paths = (source.place.path for source in found)
        self._target.check_apart({os.path.dirname(path) for path in paths if path})  # noqa: PTH120
        ids = new_ids("holding", len(found))
        keys = self._ledger.keystore.new_keys(len(found) + 1)
        names = [key for key, _ in keys]
        digest = found[0].place.content
        first = _Taken(found[0], ids[0], stream.Encrypted(digest, digest, found[0].copy.size))
        options: dict[str, Any] = {
            "role": self._terms.role, "engagement": self._terms.engagement,
        }  # fmt: skip
        check_permitted(
            self._ledger, self._acting, self._proposals([(first, names[0])], names[-1]), **options
        )
        try:
            taken = self._copy_all(found, ids, keys, progress)
            if not taken:
                self._undo()
                return None
            receipt = self._ledger.act(self._acting, self._proposals(taken, names[-1]), **options)
        except BaseException:
            self._undo()
            raise
        self._shelf.recorded()
        size = sum(one.made.size for one, _ in taken)
        place = self._shelf.place("")["location"]
        return Made(self._backup, place, len(taken), size, receipt)

    def _copy_all(
        self,
        found: Sequence[_Source],
        ids: Sequence[str],
        keys: Sequence[tuple[str, bytes]],
        progress: Progress | None,
    ) -> list[tuple[_Taken, str]]:
        taken: list[tuple[_Taken, str]] = []
        self._shelf.begin()
        wanted = list(zip(found, ids, keys, strict=False))
        for at in range(0, len(wanted), _AT_ONCE):
            part = [
                (self._copied(source, holding, key), name)
                for source, holding, (name, key) in wanted[at : at + _AT_ONCE]
            ]
            for done, (new, name) in enumerate(part, at + 1):
                if new is not None:
                    self._read_back(new.holding, new.made.object)
                    taken.append((new, name))
                if progress is not None:
                    progress(done, len(found))
        if taken:
            self._list([one for one, _ in taken])
            self._shelf.finish()
        return taken

    def _copied(self, source: _Source, holding: str, key: bytes) -> _Taken | None:
        """Encrypt one content onto the shelf.

        None if it cannot be read or is not what was recorded; then nothing is left of it.
        """

        def write(sink: stream.Sink) -> stream.Encrypted:
            with content(self._ledger, source.place) as plain:
                made = stream.encrypt(_Bounded(plain, source.place), sink, key)
            if made.content != source.place.content:
                raise SourceFault("changed_since_recorded")
            return made

        try:
            return _Taken(source, holding, self._shelf.put(holding, write))
        except SourceFault as fault:
            self._failed.append(Failed(source.copy.holding, fault.cause))
            return None

    def _list(self, taken: Sequence[_Taken]) -> None:
        listing = self._manifest(taken)
        data = listing.format()
        self._shelf.put(NAME, lambda sink: sink.write(data))
        self._read_back(NAME, listing.digest)

    def _read_back(self, name: str, digest: str) -> None:
        if self._shelf.digest(name) != digest:
            raise VerificationError(
                "a copy reads back differently from what was written; nothing of this backup was "
                "recorded, and what had been copied is removed",
                "check the disk",
            )

    def _manifest(self, taken: Sequence[_Taken]) -> Manifest:
        copies = tuple(
            Listed(one.holding, one.source.original, one.made.object,
                   stream.object_size(one.made.size))
            for one in taken
        )  # fmt: skip
        return Manifest(self._ledger.origin, self._backup, self._base, copies)

    def _proposals(self, taken: Sequence[tuple[_Taken, str]], key: str) -> list[Proposal]:
        """The copies and the backup as events; `taken` with the ids of their data keys."""
        made = [
            Proposal(
                HoldingCreated,
                one.holding,
                self._of_copy(one),
                sealed_place(self._shelf, one.holding, one.made.content),
                name,
            )
            for one, name in taken
        ]
        items = [one.holding for one, _ in taken]
        whole = {
            "kind": self._terms.kind, "medium": self._terms.medium, "started_at": self._started,
            "ended_at": now(), "count": len(items), "root": list_root(items),
            "manifest": self._manifest([one for one, _ in taken]).digest,
            **given(base=self._base or None, locked_until=self._target.until),
        }  # fmt: skip
        sealed = {**self._shelf.place(""), "tool": f"muniment/{VERSION}"}
        backup = [
            Proposal(BackupCreated, self._backup, {**whole, "items": part}, sealed, key)
            for part in parts(items)
        ]
        return [*made, *backup]

    def _of_copy(self, one: _Taken) -> dict[str, object]:
        source = one.source.copy
        return {
            "custodian": self._acting.state.party, "form": source.form,
            "medium": self._terms.medium, "size": one.made.size, "items": source.items,
            "encrypted": True, "object": one.made.object, "made_from": one.source.original,
            **given(record=source.record),
        }  # fmt: skip

    def _undo(self) -> None:
        """Remove what was copied, unless the ledger has recorded it all the same."""
        try:
            recorded = self._ledger.state(self._backup) is not None
        except Exception:  # noqa: BLE001  a ledger that cannot answer now: the next run decides
            return
        if recorded:
            self._shelf.recorded()
        else:
            self._shelf.undo()


class _Bounded:
    """A plain file read to the length that it had at first: one that grows could go on for ever."""

    def __init__(self, file: BinaryIO, place: Place) -> None:
        self._file = file
        self._left = -1 if place.object else os.fstat(file.fileno()).st_size

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        if self._left >= 0:
            self._left -= len(data)
            if self._left < 0:
                raise SourceFault("changed_while_read")
        return data

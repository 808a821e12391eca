"""Contents brought back from a backup: what was lost, and never what was destroyed since (I-20).

A restore puts plain files into a folder: `<into>/restore-<UUID>/holding-<UUID of the new copy>`,
each read again from its device, and ONE commit registers them as new copies of their originals
together with the restore. It goes by the whole chain of the backup; of an original that has
several copies in it the newest that can be read serves. What was destroyed, given back or handed
over since the backup was made is left out and named in the event. Restrictions are on the records:
they stand as they stood. What was begun and not recorded is removed as `ledger.effects.shelf` says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.backup import BackupRestored, BackupState, chain, not_restored
from domain.copies import HoldingState, holdings
from domain.holding import HoldingCreated
from ledger.acting import Acting
from ledger.acts import given
from ledger.application import Ledger
from ledger.custody import as_judged_now, case_state, check_permitted
from ledger.effects.backup import MAX_COPIES, Failed, Progress
from ledger.effects.places import content, place_of
from ledger.effects.shelf import FolderTarget, Shelf, known_to, marker_of, sealed_place
from ledger.errors import UsageError
from ledger.recorder import Receipt
from ledger.signing import Proposal, new_ids
from ledger.sources import CHUNK, SourceFault
from ledger.stream import Sink
from projections.custody import Copy, one

ITEMS_AN_EVENT: Final = 100


class Brought(NamedTuple):
    """A copy of a backup that was written in plain: its new copy, its content's SHA-256, bytes."""

    copy: HoldingState
    holding: str
    digest: str
    size: int


class Restored(NamedTuple):
    """What `restore` did, one receipt for each commit; `restored`: new copies with their originals.

    `left_out`: copies that are not to be restored, and why; `removed`: folders of earlier runs.
    """

    receipts: list[Receipt]
    restored: list[tuple[str, str]]
    failed: list[Failed]
    left_out: list[Failed]
    removed: int


class Chain(NamedTuple):
    """The copies in a backup's chain, the newest first, and those that are left out, and why."""

    copies: list[HoldingState]
    left_out: list[Failed]


def chain_of(ledger: Ledger, backup: str) -> Chain:
    """What a backup's chain holds. Raises `UsageError` if there is no such backup."""
    case_state(ledger, BackupState, backup)
    found: list[HoldingState] = []
    left_out: list[Failed] = []
    with as_judged_now(ledger) as case:
        for link in chain(case, backup):
            for copy in holdings(case, link.items):
                cause = not_restored(case, copy)
                if cause is None:
                    found.append(copy)
                else:
                    left_out.append(Failed(copy.stream, cause))
    return Chain(found, left_out)


def restore(
    ledger: Ledger,
    acting: Acting,
    backup: str,
    chosen: Sequence[str] | None,
    into: Path,
    reason: str,
    medium: str,
    progress: Progress | None = None,
    *,
    role: str | None = None,
    engagement: str | None = None,
) -> Restored:
    """Bring back what a backup's chain holds, or the `chosen` originals or copies of it.

    `into`: a folder outside the ledger's; `medium`: a `BackupMedium`, what it lies on. Raises
    `UsageError` (the folder, nothing to restore), `RefusedError` (a rule), `MunimentError` (a
    disk); then nothing of the commit being made is recorded or left behind.
    """
    target = FolderTarget(into)
    target.check(ledger)
    wanted, left_out = _wanted(chain_of(ledger, backup), chosen)
    done = Restored([], [], [], left_out, target.clean(marker_of(ledger), known_to(ledger)))
    if not wanted and not left_out:
        raise UsageError(
            "nothing of what is asked for is in this backup; nothing was restored",
            "muniment backup show BACKUP",
        )
    options: dict[str, Any] = {"role": role, "engagement": engagement}
    run = _Run(ledger, acting, backup, target, (reason, medium), options)
    originals = list(wanted)
    for at in range(0, max(len(originals), 1), MAX_COPIES):
        part = {original: wanted[original] for original in originals[at : at + MAX_COPIES]}
        run.make(part, done, [] if at else left_out, progress)
    return done


def _wanted(
    found: Chain, chosen: Sequence[str] | None
) -> tuple[dict[str, list[HoldingState]], list[Failed]]:
    """By original, the copies that may serve, the newest first; and what is left out."""
    wanted: dict[str, list[HoldingState]] = {}
    for copy in found.copies:
        if chosen is None or {copy.stream, copy.made_from} & set(chosen):
            wanted.setdefault(str(copy.made_from), []).append(copy)
    if chosen is None:
        return wanted, found.left_out
    return wanted, [one for one in found.left_out if one.holding in set(chosen)]


def bring_back(ledger: Ledger, shelf: Shelf, copy: HoldingState, holding: str) -> Brought | None:
    """Write what is in a copy onto a shelf under the id `holding`, and read it again.

    None if what came is not what was recorded; then nothing is left of it. Raises `SourceFault` if
    the copy cannot be read.
    """
    place = place_of(ledger, copy.stream)

    def write(sink: Sink) -> tuple[str, int]:
        digest, size = sha256(), 0
        with content(ledger, place) as plain:
            while data := plain.read(CHUNK):
                digest.update(data)
                size += len(data)
                sink.write(data)
        return digest.hexdigest(), size

    try:
        digest, size = shelf.put(holding, write)
    except SourceFault as fault:
        if fault.cause == "changed_since_recorded":
            return None
        raise
    if digest == place.content and shelf.digest(holding) == digest:
        return Brought(copy, holding, digest, size)
    shelf.remove(holding)
    return None


class _Run:
    """One restore, in one or more commits."""

    def __init__(
        self,
        ledger: Ledger,
        acting: Acting,
        backup: str,
        target: FolderTarget,
        terms: tuple[str, str],
        options: Mapping[str, Any],
    ) -> None:
        self._ledger = ledger
        self._acting = acting
        self._backup = backup
        self._target = target
        self._reason, self._medium = terms
        self._options = options

    def make(
        self,
        wanted: Mapping[str, Sequence[HoldingState]],
        done: Restored,
        left_out: Sequence[Failed],
        progress: Progress | None,
    ) -> None:
        """Bring back, name, record."""
        ids = new_ids("holding", len(wanted))
        keys = [key for key, _ in self._ledger.keystore.new_keys(len(wanted))]
        name = new_ids("restore")[0]
        shelf = self._target.shelf(name, marker_of(self._ledger))
        firsts = [
            Brought(copies[0], holding, "0" * 64, 0)
            for holding, copies in zip(ids[:1], wanted.values(), strict=False)
        ]
        said = self._proposals(shelf, firsts, keys, left_out, 0)
        check_permitted(self._ledger, self._acting, said, **self._options)
        try:
            shelf.begin()
            found, failed = self._bring(shelf, wanted, ids, progress)
            if not found and not left_out:
                shelf.undo()
                done.failed.extend(failed)
                return
            shelf.finish()
            said = self._proposals(shelf, found, keys, left_out, len(failed))
            receipt = self._ledger.act(self._acting, said, **self._options)
        except BaseException:
            self._undo(shelf, ids)
            raise
        shelf.recorded()
        if not found:
            shelf.undo()
        done.receipts.append(receipt)
        done.failed.extend(failed)
        done.restored.extend((one.holding, str(one.copy.made_from)) for one in found)

    def _bring(
        self,
        shelf: Shelf,
        wanted: Mapping[str, Sequence[HoldingState]],
        ids: Sequence[str],
        progress: Progress | None,
    ) -> tuple[list[Brought], list[Failed]]:
        found: list[Brought] = []
        failed: list[Failed] = []
        for done, (holding, copies) in enumerate(zip(ids, wanted.values(), strict=True), 1):
            causes = []
            for copy in copies:
                try:
                    brought = bring_back(self._ledger, shelf, copy, holding)
                except SourceFault as fault:
                    causes.append(Failed(copy.stream, fault.cause))
                    continue
                if brought is not None:
                    found.append(brought)
                    break
                causes.append(Failed(copy.stream, "changed_since_recorded"))
            else:
                failed += causes[:1]
            if progress is not None:
                progress(done, len(wanted))
        return found, failed

    def _proposals(
        self,
        shelf: Shelf,
        found: Sequence[Brought],
        keys: Sequence[str],
        left_out: Sequence[Failed],
        failed: int,
    ) -> list[Proposal]:
        with self._ledger.engine.connect() as connection:
            told = {one_.copy.stream: one(connection, one_.copy.stream) for one_ in found}
        made = [
            Proposal(
                HoldingCreated,
                brought.holding,
                self._of_copy(brought, told[brought.copy.stream]),
                sealed_place(shelf, brought.holding, brought.digest),
                key,
            )
            for brought, key in zip(found, keys, strict=False)
        ]
        items = [brought.holding for brought in found]
        out = [one_.holding for one_ in left_out]
        said = [
            Proposal(
                BackupRestored,
                self._backup,
                {"items": part, "left_out": rest, "failed": failed},
                {"reason": self._reason},
            )
            for part, rest in _paired(items, out)
        ]
        return [*made, *said]

    def _of_copy(self, brought: Brought, copy: Copy | None) -> dict[str, object]:
        if copy is None:
            raise UsageError("a copy of the backup is in no register", "muniment rebuild")
        return {
            "custodian": self._acting.state.party, "form": copy.form, "medium": self._medium,
            "size": brought.size, "items": copy.items, "encrypted": False,
            "made_from": copy.made_from, **given(record=copy.record),
        }  # fmt: skip

    def _undo(self, shelf: Shelf, ids: Sequence[str]) -> None:
        """Remove what was restored, unless the ledger has recorded it all the same."""
        try:
            recorded = any(self._ledger.state(holding) is not None for holding in ids)
        except Exception:  # noqa: BLE001  a ledger that cannot answer now: the next run decides
            return
        if recorded:
            shelf.recorded()
        else:
            shelf.undo()


def _paired(items: Sequence[str], left_out: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Two lists cut into parts that one event takes each; at least one part."""
    for at in range(0, max(len(items), len(left_out), 1), ITEMS_AN_EVENT):
        yield list(items[at : at + ITEMS_AN_EVENT]), list(left_out[at : at + ITEMS_AN_EVENT])


def check_empty(into: Path) -> None:
    """Raise `UsageError` for a folder in which anything lies."""
    if os.listdir(into):  # noqa: PTH208  names
        raise UsageError(
            "the folder is not empty; nothing was restored", "name an empty folder elsewhere"
        )

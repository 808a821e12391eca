"""A new folder with what was saved of a damaged ledger, each part with what proves it.

    salvage.json        what was proved by what, and what was lost
    events.jsonl        the proved events, in order: `event` is the bytes that were signed (`bytes`,
                        in base64, if they are none of an event's); `placed`: so is the position
    entries.jsonl       the proved entries: `data` (base64) is the leaf of the ledger's tree; `path`
                        its inclusion proof in the state of `size` entries; `leaves` the leaf hashes
                        of its commit, for the events that are lost
    readable.jsonl      what can be read and is not proved: `bytes` in base64, so that nobody takes
                        it for an event
    checkpoints/<size>-<n>.note   the states that the ledger's own key signed
    sealed/<position>   the ciphertexts that proved events name, but for those whose key was
                        shredded
    packs/<digest>.toml policies; vault.jsonl: the objects that proved events name
    anchors/<digest>.tsr, .note   time-stamps that proved events name

Lines are canonical JSON. The same damaged ledger gives the same bytes. Ranges are of the first and
the last that belong to them. Keys, contents and whatever was erased are not in it.
"""

from __future__ import annotations

import base64
import fcntl
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import file_digest, sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from domain.anchor import LedgerTimestampAnchored
from domain.holding import HoldingCreated
from domain.keycopy import shredded_by
from domain.values import Event
from ledger.effects.ledgercopy import made_whole
from ledger.errors import EncodingError, LockedError, UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.folder import Folder
from ledger.salvage.pages import Read, read_files
from ledger.salvage.proving import Place, Proving
from ledger.salvage.rows import Rows
from ledger.tlog.encoding import check
from ledger.tlog.note import VerifierKey
from ledger.vault import Vault

FORMAT: Final = "muniment-salvage/1"
_encode = msgspec.json.Encoder(order="sorted").encode

Report = dict[str, Any]


def salvage(
    folder: Folder, out: Path, trust: VerifierKey | None = None, kept: Sequence[bytes] = ()
) -> Report:
    """Write everything that can still be proved into the new folder `out`; what salvage.json says.

    `trust`: the ledger's key as the reader knows it, else the one pinned in the folder; `kept`:
    notes of the ledger's checkpoints from elsewhere, which prove more. The damaged folder is only
    read. Raises `UsageError` if `out` is there and not empty, or one of `kept` is no checkpoint
    that a known key of the ledger signed, `LockedError` while somebody writes the ledger,
    `NoLedgerError` without a key, `VerificationError` if nothing of a ledger can be read in the
    database; then nothing is written.
    """
    trust = trust or folder.pinned_key()
    with _opened(folder) as descriptor:
        log = folder.database.with_name(folder.database.name + "-wal")
        read = read_files(descriptor, log)
        rows = Rows(read)
        if not rows.any:
            raise _nothing(read)
        proving = Proving(rows, trust, kept)
        proving.run()
        _check_kept(proving, kept)
        with made_whole(out) as part:
            return _Export(folder, part, rows, proving).write(read)


def _nothing(read: Read) -> VerificationError:
    remedy = "restore a copy: muniment ledger restore"
    if read.header:
        return VerificationError(
            "nothing of ledger.db can be read: it begins as a SQLite database, and no row in it is "
            "one of a ledger's; nothing was written",
            remedy,
        )
    return VerificationError(
        "nothing of ledger.db can be read: it is no SQLite database any more, and no page "
        "of it is one of a ledger's; nothing was written",
        remedy,
    )


def _check_kept(proving: Proving, kept: Sequence[bytes]) -> None:
    """Refuse a checkpoint that would prove nothing: whoever gives it counts on it."""
    good = set(proving.states.values())
    for number, note in enumerate(kept, 1):
        if note not in good:
            raise UsageError(
                "checkpoint {number} of those given is none that a known key of this ledger "
                "signed; nothing was written",
                "leave it out, or name the ledger's key with --trust",
                number=number,
            )


@contextmanager
def _opened(folder: Folder) -> Iterator[int | None]:
    """The database's file, read-only, while nobody writes; None if there is none."""
    with ExitStack() as stack:
        with suppress(OSError):
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # it waits at no pipe
            lock = os.open(folder.path / "ledger.lock", flags)
            stack.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError(
                    "another process is writing to this ledger", "try again when it has finished"
                ) from None
        descriptor = None
        if folder.database.is_file():
            with suppress(OSError):
                descriptor = os.open(folder.database, os.O_RDONLY | os.O_CLOEXEC)
                stack.callback(os.close, descriptor)
        yield descriptor


class _Export:
    def __init__(self, folder: Folder, part: Path, rows: Rows, proving: Proving) -> None:
        self._folder, self._part, self._rows, self._proving = folder, part, rows, proving
        self._entries: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._signatures: Counter[str] = Counter()
        self._proved: tuple[list[int], list[int]] = ([], [])  # entries, positions
        self._read: tuple[list[int], list[int]] = ([], [])
        self._shredded: set[str] = set()
        self._size = self._last = 0

    def write(self, read: Read) -> Report:
        """Write all files; the report."""
        with (
            (self._part / "events.jsonl").open("xb") as events,
            (self._part / "entries.jsonl").open("xb") as entries,
            (self._part / "readable.jsonl").open("xb") as readable,
        ):
            for place, degree, placed in self._proving.places():
                self._place(place, degree, events if degree != "readable" else readable, placed)
                self._entry(place, degree, entries if degree != "readable" else readable)
        states = self._states()
        certain = [one["size"] for one in states if one["fits"] or not self._rows.commits]
        self._size = max([self._size, *certain])
        report: Report = {
            "format": FORMAT,
            "trust": self._proving.trust.format(),
            "database": {
                "header": read.header,
                "page_size": read.images[0].size,
                "pages": read.images[0].pages,
                "frames": list(read.frames),
                "rows": self._rows.read,
                "rows_unreadable": self._rows.unreadable,
            },
            "claimed": sorted({(head.entries, head.events) for head in self._rows.heads}),
            "checkpoints": states,
            "entries": self._counted(self._entries, 0, self._size),
            "events": self._counted(self._events, 1, self._last),
            "signatures": dict(sorted(self._signatures.items())),
            **self._beside(),
        }
        text = msgspec.json.format(_encode(report), indent=1)
        (self._part / "salvage.json").write_bytes(text + b"\n")
        return report

    def _counted(self, counts: Counter[str], which: int, size: int) -> Report:
        """`which`: 0 for entries, numbered from 0 on; 1 for events, from 1 on."""
        proved = set(self._proved[which])
        read = sorted(set(self._read[which]) - proved)
        end = size + which
        known = sorted({*proved, *read, which - 1, end})
        gaps = [[a + 1, b - 1] for a, b in pairwise(known) if a + 1 < b <= end]
        return {
            **dict(sorted(counts.items())), "size": size, "unproved": _ranges(iter(read)),
            "lost": gaps,
        }  # fmt: skip

    # -- entries and events ------------------------------------------------------------------

    def _entry(self, place: Place, degree: str, file: BinaryIO) -> None:
        self._entries[degree] += 1
        (self._read if degree == "readable" else self._proved)[0].append(place.number)
        if degree != "readable":
            self._size = max(self._size, place.number + 1)
        if degree == "readable":
            line: Report = {"bytes": _b64(place.data), "entry": place.number}
        else:
            said = self._proving.signatures.get(place.number, "unknown")
            self._signatures[said] += 1
            line = {
                "accepted": place.entry.accepted, "count": place.entry.commit.note.count,
                "data": _b64(place.data), "entry": place.number, "first": place.first,
                "leaves": _b64(b"".join(place.leaves)), "proof": degree, "signatures": said,
            }  # fmt: skip
            if degree != "signed":
                line["path"] = [_b64(one) for one in self._proving.tree.path(place.number)]
                state = self._proving.tree.proved[place.number][1]
                line |= {"size": state.size, "root": _b64(state.root), "by": state.by}
        file.write(_encode(line) + b"\n")

    def _place(self, place: Place, degree: str, file: BinaryIO, placed: bool) -> None:  # noqa: FBT001
        if degree != "readable":
            self._last = max(self._last, place.first + place.entry.commit.note.count - 1)
        for position, state in enumerate(place.states, place.first):
            if state is None:
                self._unproved(position)
                continue
            self._events[degree] += 1
            (self._read if degree == "readable" else self._proved)[1].append(position)
            line: Report = {"entry": place.number, "position": position}
            if degree == "readable":
                line["bytes"] = _b64(state)
            else:
                line |= {"placed": placed, "proof": degree, **_shown(state)}
                event = _event(state)
                self._shredded.update(shredded_by(event) if event is not None else ())
            file.write(_encode(line) + b"\n")

    def _unproved(self, position: int) -> None:
        """A row at a position whose event is lost: something is there, and it is not the event."""
        if position in self._rows.events:
            self._read[1].append(position)
            self._events["changed"] += 1

    def _states(self) -> list[Report]:
        """The checkpoints, written out, and whether each fits what was read."""
        told = []
        for number, (state, note) in enumerate(sorted(self._proving.states.items())):
            name = f"checkpoints/{state.size}-{number}.note"
            _write(self._part / name, note)
            fits = self._proving.tree.fits(state)
            told.append({"file": name, "fits": fits, "root": _b64(state.root), "size": state.size})
        return told

    # -- what hangs on the events ------------------------------------------------------------

    def _beside(self) -> Report:
        sealed: Counter[str] = Counter()
        objects: Counter[str] = Counter()
        anchors = 0
        by_digest = {sha256(reply).hexdigest(): reply for reply in self._rows.anchors}
        with (self._part / "vault.jsonl").open("xb") as vault:
            for position, event in self._events_again():
                if event.sealed and event.sealed.digest:
                    sealed[self._sealed(position, event.sealed.digest, event.sealed.key)] += 1
                if isinstance(event, HoldingCreated) and event.object:
                    state = self._object(event.object)
                    objects[state] += 1
                    line = {"holding": event.stream, "object": event.object, "state": state}
                    vault.write(_encode(line) + b"\n")
                if isinstance(event, LedgerTimestampAnchored) and event.token in by_digest:
                    reply = by_digest[event.token]
                    _write(self._part / "anchors" / f"{event.token}.tsr", reply)
                    _write(self._part / f"anchors/{event.token}.note", self._rows.anchors[reply])
                    anchors += 1
        for digest, data in sorted(self._rows.packs.items()):
            _write(self._part / "packs" / f"{digest}.toml", data)
        return {
            "anchors": anchors, "packs": sorted(self._rows.packs),
            "sealed": dict(sorted(sealed.items())), "vault": dict(sorted(objects.items())),
        }  # fmt: skip

    def _events_again(self) -> Iterator[tuple[int, Event]]:
        for place, degree, _ in self._proving.places():
            for position, state in enumerate(place.states, place.first):
                event = _event(state) if state is not None and degree != "readable" else None
                if event is not None:
                    yield position, event

    def _sealed(self, position: int, digest: str, key: str) -> str:
        if key in self._shredded:
            return "shredded"
        found = self._rows.sealed.get(position, ())
        for place in found:
            row = self._rows.row(place)
            data = row[1] if len(row) > 1 else None
            if isinstance(data, bytes) and sha256(data).hexdigest() == digest:
                _write(self._part / "sealed" / str(position), data)
                return "whole"
        return "changed" if found else "missing"

    def _object(self, name: str) -> str:
        try:
            with Vault(self._folder.path).path_of(name).open("rb") as file:
                return "whole" if file_digest(file, "sha256").hexdigest() == name else "changed"
        except FileNotFoundError:
            return "missing"
        except OSError:
            return "unreadable"


def _shown(state: bytes) -> dict[str, object]:
    """Signed bytes as the event that they are, or as bytes: what was signed need be no event."""
    try:
        check(state)
    except EncodingError:
        return {"bytes": _b64(state)}
    return {"event": msgspec.Raw(state)}


def _event(state: bytes) -> Event | None:
    try:
        return decode_event(state)
    except EncodingError:  # of a version that is not known here: its bytes are kept as they are
        return None


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(data)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _ranges(numbers: Iterator[int]) -> list[list[int]]:
    """Ascending numbers as pairs of first and last.

    >>> _ranges(iter([1, 2, 5]))
    [[1, 2], [5, 5]]
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found

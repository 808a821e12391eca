"""A replay as a pure function of one place and what is asked, so that many run side by side.

A place is a ledger's folder, a read-only copy of its database, or an evidence bundle. `outcome`
takes and returns plain values that `pickle` takes: it runs here or in a process of
`ledger.parallel`, and says the same. What is wrong with one of several ledgers hides none of the
others: it is that one's outcome.

One place is told as one JSON object (`ledger.audit.outcome`); several as an array, in the order in
which they were named: such an object, or `{"message_type": "error", "code": …, "message": …,
"remedy": …, "refusals": []}`, as errors of commands are told, for one that cannot be replayed.

>>> from ledger.errors import NoLedgerError
>>> gravest([NoLedgerError("there is no ledger here")])
4
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import sqlalchemy as sa

from ledger.audit.outcome import FOUND, GAPS, Replayed
from ledger.audit.replay import Asked, Progress, chapters_of, replay
from ledger.audit.scratch import reading
from ledger.errors import DataError, MunimentError, UsageError
from ledger.folder import MARKER, Folder
from ledger.parallel import in_order, jobs
from ledger.tlog.commit import Entry
from ledger.tlog.note import VerifierKey

if TYPE_CHECKING:
    from ledger.application import Ledger

_ZIP: Final = b"PK"


class Bundle(NamedTuple):
    """An evidence bundle: a zip file, or the folder that it was unpacked into."""

    path: Path


Place = Folder | Path | Bundle


class Task(NamedTuple):
    """One replay; `keys`: of ledgers, as the auditor knows them, or none: the folder's pinned one.

    Of several keys the one whose name is the ledger's origin counts.
    """

    path: Path
    keys: tuple[VerifierKey, ...]
    asked: Asked


def place_at(path: Path) -> Place:
    """What lies at a path. Raises `UsageError` for a file that cannot be read or is empty."""
    if path.is_dir():
        bundle = (path / "bagit.txt").exists() and not (path / MARKER).exists()
        return Bundle(path) if bundle else Folder(path)
    try:
        with path.open("rb") as file:
            begin = file.read(len(_ZIP))
    except OSError as error:
        raise UsageError("the file cannot be read ({cause})", cause=error.strerror) from None
    if not begin:
        raise UsageError("the file is empty: it is neither a bundle nor a copy of a ledger.db")
    return Bundle(path) if begin == _ZIP else path


def check_asked(place: Place, asked: Asked) -> None:
    """Raise `UsageError` for what cannot be asked of a place."""
    chapters_of(asked.only)
    if isinstance(place, Bundle):
        given = {
            "--as-of": asked.as_of is not None, "--since": asked.since is not None,
            "--keep": asked.keep is not None, "--read-data": bool(asked.share),
            "--backups": bool(asked.places),
        }  # fmt: skip
        for option in (name for name, there in given.items() if there):
            raise UsageError(
                "{option} does not go with an evidence bundle: it shows one state, and no more "
                "than it holds",
                "leave it out, or replay the ledger itself", option=option,
            )  # fmt: skip


def replay_at(
    place: Place,
    keys: Sequence[VerifierKey],
    asked: Asked,
    progress: Progress | None = None,
    ledger: Ledger | None = None,
) -> Replayed:
    """Replay what lies at a place. Raises as `ledger.audit.replay.replay` and `check_asked`."""
    check_asked(place, asked)
    if isinstance(place, Bundle):
        from ledger.audit.bundled import replay_bundle

        if len(keys) != 1:
            raise UsageError("a bundle says nothing about whose it is", "give the key: --trust")
        return replay_bundle(
            place.path, keys[0], now=asked.now, only=asked.only, tsa_roots=asked.tsa_roots
        )
    if isinstance(place, Folder):
        place.check()
    return replay(place, _of(place, keys), asked, progress, ledger)


def _of(place: Folder | Path, keys: Sequence[VerifierKey]) -> VerifierKey | None:
    """The key that is the ledger's, by the origin that its first entry names."""
    if len(keys) < 2:  # noqa: PLR2004  nothing to choose from
        return keys[0] if keys else None
    origin, database = "", place.database if isinstance(place, Folder) else place
    with reading(database) as log, suppress(sa.exc.DBAPIError, DataError, TypeError):
        row = log.exec_driver_sql("SELECT data FROM commits WHERE entry = 0").scalar()
        origin = Entry.parse(bytes(row or b"")).commit.note.origin
    found = [key for key in keys if key.name == origin]
    if len(found) != 1:
        raise UsageError("none of the keys, or more than one, is this ledger's",
                         "one key a ledger: --trust FILE")  # fmt: skip
    return found[0]


def outcome(task: Task) -> Replayed | MunimentError:
    """The replay of one ledger, or why there is none."""
    try:
        return replay_at(place_at(task.path), task.keys, task.asked)
    except MunimentError as error:
        return error


def outcomes(tasks: Sequence[Task], count: int) -> Iterator[Replayed | MunimentError]:
    """The outcome of each task, in order, in so many processes.

    Raises as `ledger.parallel.jobs`.
    """
    with jobs(count) as executor:
        yield from in_order(executor, outcome, tasks)


def gravest(found: Sequence[Replayed | MunimentError]) -> int:
    """The exit code over several: a finding, else what could not be looked at or opened, else 0."""
    codes = {GAPS if isinstance(one, MunimentError) else one.exit_code for one in found}
    return next((code for code in (FOUND, GAPS) if code in codes), 0)


__all__ = [
    "Bundle", "Place", "Task", "check_asked", "gravest", "outcome", "outcomes", "place_at",
    "replay_at",
]  # fmt: skip

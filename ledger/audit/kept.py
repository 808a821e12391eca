"""Where a replay stands, kept in a folder of the auditor's so that it can go on from there.

    DIR/replay.db     the scratch database (`ledger.audit.scratch`) with the tables below
    DIR/replay.lock   held by the one replay that writes it

`replay_state` has one row, a JSON object: a `Standing`. `replay_found` has a row for each finding
of chapter `permitted`. Both change in the transaction that changes the tables of projections, so
that whatever ends a replay, what is kept is the state after a whole entry, and going on from it
gives the answer that a replay in one go gives. The state is used only by the program that made it
(the digest over its source), for a log that begins with the very entries that were replayed (the
root over them); anything else is thrown away and made again.

>>> standing = Standing(entries=2, events=9, damaged={"", "b"})
>>> read_standing(standing.json()) == standing
True
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct, field

from ledger.audit.finding import Finding
from ledger.errors import LockedError, ProofError, UsageError
from ledger.tlog.merkle import Frontier
from projections.view import execute, fetch

if TYPE_CHECKING:
    from ledger.audit.scratch import Scratch
    from ledger.tree import StoredTree

NAME: Final = "replay.db"
_MAKE: Final = (
    "CREATE TABLE replay_state (id INTEGER PRIMARY KEY, state BLOB NOT NULL)",
    "CREATE TABLE replay_found (number INTEGER PRIMARY KEY, entry INTEGER, finding BLOB NOT NULL)",
)


class Standing(Struct, omit_defaults=True):
    """After which entry a replay stands, and what later entries depend on.

    `entries`, `events`: how many lie behind, which is also the next entry and the last position;
    `edge`: the right edge of the tree over these entries, hex; `tool`: the digest of the program;
    `judged_from`: entries below it were read but not judged; `judged`: how many events were.
    `newest`: the highest stream, hex; `damaged`: streams (their UUIDs) of which an event is not
    known, an empty one where it is not known which; `hidden`: positions whose events are left out;
    `unknown`: how many events could not be judged, `unknown_from`: the first one's position;
    `unmade`: commits whose events the tables do not show; `no_policy`: entry 0 opens no ledger, or
    the pack that it adopts is missing;
    `refused`: whether anything was not permitted; `number`: of the last finding; `doubts`: a digest
    of what verification had found, on which depends what was judged.
    """

    entries: int = 0
    events: int = 0
    edge: str = ""
    tool: str = ""
    judged_from: int = 0
    judged: int = 0
    newest: str = ""
    damaged: set[str] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)
    unknown: int = 0
    unknown_from: int = 0
    unmade: int = 0
    no_policy: bool = False
    refused: bool = False
    number: int = 0
    doubts: str = ""

    def json(self) -> bytes:
        """Its bytes, members sorted."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def frontier(self) -> Frontier:
        """The right edge of the tree over the entries replayed."""
        return Frontier.from_bytes(self.entries, bytes.fromhex(self.edge))


_STANDING: Final = msgspec.json.Decoder(Standing)
_FINDING: Final = msgspec.json.Decoder(Finding)


def read_standing(data: bytes) -> Standing | None:
    """What `Standing.json` wrote; None for anything else."""
    try:
        return _STANDING.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


@contextmanager
def keeping(folder: Path) -> Iterator[Path]:
    """The scratch database's file in a folder, which is made if it is not there.

    Raises `UsageError` for a folder that cannot be made or used, `LockedError` while another
    replay uses it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(folder / "replay.lock", flags, 0o600)
    except OSError as error:
        raise UsageError(
            "the folder to keep the replay in cannot be used ({kind})", kind=type(error).__name__
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file = folder / NAME
        os.close(os.open(file, flags, 0o600))
        yield file
    except BlockingIOError:
        raise LockedError("another replay uses this folder", "wait for it, or name another") from (
            None
        )
    finally:
        os.close(lock)


def forget(file: Path) -> None:
    """Take away a scratch database that cannot be read."""
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)


class Kept:
    """The state of a replay in a scratch database."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._connection = scratch.connection

    def begin(self, tool: str, judged_from: int) -> Standing:
        """A replay from the first entry on: every table anew."""
        self._scratch.make_tables()
        for statement in _MAKE:
            execute(self._connection, statement)
        return Standing(tool=tool, judged_from=judged_from)

    def found_here(self) -> Standing | None:
        """The state that is kept here, if one is, whosever it is."""
        names = "SELECT count(*) FROM main.sqlite_master WHERE name IN (?, ?)"
        tables = ("replay_state", "replay_found")
        if fetch(self._connection, names, tables)[0][0] != len(tables):
            return None
        rows = fetch(self._connection, "SELECT state FROM main.replay_state")
        return read_standing(bytes(rows[0][0])) if len(rows) == 1 else None

    def store(self, standing: Standing, found: Sequence[Finding]) -> None:
        """Keep where the replay stands and what was found since; part of the open transaction."""
        for finding in found:
            standing.number += 1
            execute(
                self._connection, "INSERT INTO main.replay_found VALUES (?, ?, ?)",
                (standing.number, finding.entry, msgspec.json.encode(finding)),
            )  # fmt: skip
        execute(
            self._connection, "INSERT OR REPLACE INTO main.replay_state VALUES (1, ?)",
            (standing.json(),),
        )  # fmt: skip

    def findings(self, since: int) -> list[Finding]:
        """What was found of entries from `since` on, in order."""
        sql = "SELECT finding FROM main.replay_found WHERE entry >= ? ORDER BY number"
        return [_FINDING.decode(bytes(row[0])) for row in fetch(self._connection, sql, (since,))]


def fits(standing: Standing, tool: str, tree: StoredTree, end: int, since: int | None) -> bool:
    """Whether a replay up to, and without, entry `end` can go on from a kept state.

    It is this program's, over the first entries of this very log, and lacks no judgement that is
    asked for: of entries from `since` on, or of all.
    """
    if standing.tool != tool or standing.entries > min(end, tree.head.entries):
        return False
    if standing.judged_from > (since or 0):
        return False
    try:
        return standing.frontier.root() == tree.root_at(standing.entries)
    except (ProofError, ValueError, sa.exc.DBAPIError):
        return False

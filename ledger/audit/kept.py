"""Where a replay stands, kept in a folder of the auditor's so that it can go on from there.

    DIR/replay.db     the scratch database (`ledger.audit.scratch`) with the tables below
    DIR/replay.lock   held by the one replay that writes it

`replay_state` has one row, a JSON object: a `Standing`. `replay_found` has a row for each finding
of chapter `permitted`. Both change in the transaction that changes the tables of projections, so
that whatever ends a replay, what is kept is the state after a whole entry, and going on from it
gives the answer that a replay in one go gives. The state is used only by the program that made it
(the digest over its source), for a log that begins with the very entries that were replayed (the
root over them); anything else is thrown away and made again. So is what is not as a replay has
left it: `replay_state` holds a digest of its state, which holds one over all that was found, and
nothing but these tables may be there. Whoever can write to the folder and knows this can make
another: it is the auditor's own, and nobody else's.

>>> standing = Standing(entries=2, events=9, hidden={4, 7})
>>> read_standing(standing.json()) == standing
True
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct, field

from ledger.audit.finding import Finding
from ledger.audit.scratch import TABLES
from ledger.databasefile import check_ordinary
from ledger.errors import LockedError, ProofError, UsageError
from ledger.schema import reshaped_tables
from ledger.tlog.merkle import Frontier
from projections.view import execute, fetch

if TYPE_CHECKING:
    from ledger.audit.scratch import Scratch
    from ledger.tree import StoredTree

NAME: Final = "replay.db"
_FOUND: Final = "SELECT number, entry, finding FROM main.replay_found ORDER BY number"
_MAKE: Final = (
    "CREATE TABLE replay_state (id INTEGER PRIMARY KEY, state BLOB NOT NULL, digest BLOB NOT NULL)",
    "CREATE TABLE replay_found (number INTEGER PRIMARY KEY, entry INTEGER, finding BLOB NOT NULL)",
)


class Standing(Struct, omit_defaults=True):
    """After which entry a replay stands, and what later entries depend on.

    `entries`, `events`: how many lie behind, which is also the next entry and the last position;
    `edge`: the right edge of the tree over these entries, hex; `tool`: the digest of the program;
    `judged_from`: entries below it were read but not judged; `judged`: how many events were.
    `newest`: the highest stream, hex; `damaged`: whether any event so far is not known; `hidden`:
    positions whose events are left out;
    `unknown`: how many events could not be judged, `unknown_from`: the first one's position;
    `unmade`: commits of which the tables do not show every event, and `unshown`: what those are
    about (UUIDs of streams); `no_policy`: entry 0 opens no ledger, or
    the pack that it adopts is missing;
    `doubtful`: positions of the first commits whose refusal may rest on what is not known;
    `refused`: whether anything was not permitted; `number`: of the last finding, and `chain`: a
    digest over all of them, each with the one before; `doubts`: a digest
    of what verification had found, on which depends what was judged.
    """

    entries: int = 0
    events: int = 0
    edge: str = ""
    tool: str = ""
    judged_from: int = 0
    judged: int = 0
    newest: str = ""
    damaged: bool = False
    hidden: set[int] = field(default_factory=set)
    unknown: int = 0
    unknown_from: int = 0
    unmade: int = 0
    unshown: set[str] = field(default_factory=set)
    no_policy: bool = False
    doubtful: list[int] = field(default_factory=list)
    refused: bool = False
    number: int = 0
    chain: str = ""
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
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            "--keep names a file: it takes a folder", "name a folder, or one that is not there yet"
        ) from None
    except OSError as error:
        raise UsageError(
            "the folder to keep the replay in cannot be used ({cause})", cause=error.strerror
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file = folder / NAME
        os.close(os.open(file, flags, 0o600))
        check_ordinary(file)
        yield file
    except BlockingIOError:
        raise LockedError("another replay uses this folder", "wait for it, or name another") from (
            None
        )
    finally:
        os.close(lock)


def forget(file: Path) -> None:
    """Take away a scratch database that cannot be read, and leave an empty file."""
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


class ChangedError(Exception):
    """What is kept is not what a replay has left there."""


def _chained(chain: str, entry: object, data: bytes) -> str:
    """A digest over a finding and all before it."""
    return sha256(f"{chain} {entry} ".encode() + data).hexdigest()


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
        """The state that is kept here, if one is, whosever it is.

        Raises `ChangedError` where something else stands here than a replay has left.
        """
        rows = fetch(self._connection, "SELECT type, name, tbl_name, sql FROM main.sqlite_master")
        if not rows:
            return None
        self._check_objects(rows)
        states = fetch(self._connection, "SELECT state, digest FROM main.replay_state")
        if not states:  # killed before there was anything to keep
            return None
        state, digest = states[0]
        standing = read_standing(state) if isinstance(state, bytes) else None
        if standing is None or digest != sha256(state).digest():
            raise ChangedError
        number, chain = 0, ""
        for row in fetch(self._connection, _FOUND):
            if (number := number + 1) != row[0] or not isinstance(row[2], bytes):
                raise ChangedError
            chain = _chained(chain, row[1], row[2])
        if (number, chain) != (standing.number, standing.chain):
            raise ChangedError
        return standing

    def _check_objects(self, rows: Sequence[Any]) -> None:
        """Tables as a replay makes them, and nothing beside them that changes what they say."""
        made = {one.split()[2]: one for one in _MAKE}
        known = {*(table.name for table in TABLES), *made}
        for kind, name, table, sql in rows:
            right = kind in ("table", "index") and table in known
            if not right or made.get(name, sql) != sql:
                raise ChangedError
        if not known <= {name for _, name, _, _ in rows} or any(
            name in known for name in reshaped_tables(self._connection)
        ):
            raise ChangedError

    def store(self, standing: Standing, found: Sequence[Finding]) -> None:
        """Keep where the replay stands and what was found since; part of the open transaction."""
        for finding in found:
            standing.number += 1
            data = msgspec.json.encode(finding)
            standing.chain = _chained(standing.chain, finding.entry, data)
            execute(
                self._connection, "INSERT INTO main.replay_found VALUES (?, ?, ?)",
                (standing.number, finding.entry, data),
            )  # fmt: skip
        state = standing.json()
        execute(
            self._connection, "INSERT OR REPLACE INTO main.replay_state VALUES (1, ?, ?)",
            (state, sha256(state).digest()),
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

r"""From a record of one's own back into the ledger that it came from: the custody passport.

Whoever takes over what another ledger handed over says so in an event: which ledger, and the state
of it that was verified (`domain.replica`). The replica of that ledger is where the earlier events
are; this module remembers where it lies, opens it only if it is the one that was seen then, and
proves each event that is read from it: its bytes are a leaf of the commit that its author signed,
and that commit's entry is in the tree of that state.

In the folder of a ledger that took something over, `trust/replicas/<ledger id>` names the replica.
Three lines, each ending with newline:

    muniment-replica 1
    path <the folder, UTF-8, percent-encoded>
    key <the other ledger's verifier key>

>>> key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
>>> link = Link(Path("/srv/卖方"), key)
>>> print(link.format().decode(), end="")
muniment-replica 1
path /srv/%E5%8D%96%E6%96%B9
key example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
>>> Link.parse(link.format()) == link
True
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import quote, unquote

import sqlalchemy as sa

from domain.record import RecordCollected
from domain.replica import LedgerBundleImported
from domain.values import Event
from ledger.application import Ledger
from ledger.errors import (
    DataError,
    KeyAccessError,
    NoteError,
    ProofError,
    UsageError,
    VerificationError,
)
from ledger.evidence import decode_event
from ledger.folder import Folder, read_limited, write_atomically
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import leaf_hash, tree_root, verify_inclusion
from ledger.tree import StoredTree
from ledger.verification.growth import split
from projections.view import key_of

NAME: Final = "muniment-replica 1"
LINKS: Final = "replicas"
_LIMIT: Final = 65_536
_LEDGER: Final = re.compile(r"ledger-[0-9a-f-]{36}")


class Link(NamedTuple):
    """Where the replica of another ledger lies, and the key that it was taken with."""

    path: Path
    key: str

    def format(self) -> bytes:
        """The bytes of the file, as the module says."""
        path = quote(str(self.path), safe="/")
        return f"{NAME}\npath {path}\nkey {self.key}\n".encode("ascii")

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a file; exact inverse of `format`. Raises `NoteError`."""
        try:
            name, path, key = data.decode("ascii").removesuffix("\n").split("\n")
            there = Path(unquote(path.removeprefix("path "), errors="strict"))
        except ValueError:
            raise NoteError("the file names no replica") from None
        link = cls(there, key.removeprefix("key "))
        if name != NAME or link.format() != data:
            raise NoteError("the file names no replica")
        return link


class Earlier(NamedTuple):
    """What a record continues: a record of another ledger, whose state was verified then."""

    ledger: str
    record: str
    state: Checkpoint


def follow(folder: Folder, replica: Path) -> None:
    """Remember, in one's own ledger's folder, the replica that its records reach back into.

    Raises `NoLedgerError` where there is none, `UsageError` for a folder that is no replica.
    """
    link, ledger = _read(replica)
    place = folder.trust / LINKS / ledger
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(place, link.format())


def link_to(replica: Path) -> Link:
    """The link to a replica that somebody names now. Raises as `follow`."""
    return _read(replica)[0]


def _read(replica: Path) -> tuple[Link, str]:
    there = Folder(replica)
    there.check()
    if not there.replica:
        raise UsageError(
            "that folder is a ledger and no replica of one; nothing was changed",
            "muniment replica take COPY DIR",
        )
    with closing(Ledger(there, _nobody)) as opened_:
        return Link(replica.absolute(), there.pinned_key().format()), opened_.ledger_id


def followed(folder: Folder, ledger: str) -> Link | None:
    """Where the replica of a ledger (its id) lies, as was remembered; None if nothing was."""
    if not _LEDGER.fullmatch(ledger):
        return None
    try:
        return Link.parse(read_limited(folder.trust / LINKS / ledger, _LIMIT))
    except FileNotFoundError:
        return None
    except (OSError, NoteError):
        raise VerificationError(
            "the file trust/replicas/{ledger} is damaged",
            "name the replica: muniment history RECORD --replica DIR",
            ledger=ledger,
        ) from None


def earlier(ledger: Ledger, record: str) -> Earlier | None:
    """What a record continues of another ledger; None for one that was first collected here.

    Raises `VerificationError` if the event that it leans on is not there.
    """
    first = _event(ledger, f"{record}/1")
    if not isinstance(first, RecordCollected) or not first.continues or not first.imported:
        return None
    imported = _event(ledger, first.imported)
    if not isinstance(imported, LedgerBundleImported):
        raise VerificationError("the event that took the record over is missing", "muniment verify")
    state = Checkpoint(imported.origin, imported.size, bytes.fromhex(imported.root))
    return Earlier(imported.source_ledger, first.continues, state)


def _event(ledger: Ledger, event_id: str) -> Event | None:
    stream, _slash, version = event_id.partition("/")
    with ledger.engine.connect() as connection:
        state = connection.exec_driver_sql(
            "SELECT state FROM events WHERE stream = ? AND version = ?",
            (key_of(stream), int(version)),
        ).scalar()
    event = decode_event(bytes(state)) if state is not None else None
    return event if event is not None and event.id == event_id else None


@contextmanager
def opened(link: Link, back: Earlier) -> Iterator[Ledger]:
    """The replica behind a link, if it is of the ledger that was taken over from, as seen then.

    Raises `NoLedgerError` where there is no replica, `VerificationError` for one of another
    ledger, under another key or on a fork.
    """
    folder = Folder(link.path)
    folder.check()
    if folder.pinned_key().format() != link.key:
        raise VerificationError(
            "the replica pins another key than when it was taken over from",
            "muniment replica show; ask the other ledger's keeper",
        )
    with closing(Ledger(folder, _nobody)) as replica:
        fits = (replica.origin, replica.ledger_id) == (back.state.origin, back.ledger)
        if not fits or not replica.has_seen(back.state.size, back.state.root):
            raise VerificationError(
                "the replica is not of the ledger that was taken over from, or never had the "
                "state that was seen then",
                "muniment ledger compare DIR; ask the other ledger's keeper",
            )
        yield replica


class Prover:
    """Proves events of a replica against its states: the one taken over at, and its newest."""

    def __init__(self, replica: Ledger, taken_over: Checkpoint) -> None:
        self._replica = replica
        self._taken_over = taken_over
        size, root = replica.seen()
        self._newest = Checkpoint(replica.origin, size, root)
        self._entries: dict[int, tuple[int, list[bytes]]] = {}

    def prove(self, position: int, entry: int) -> Checkpoint:
        """The state that an event of this position and entry (0-based) is proved to be in.

        Raises `VerificationError` if it is not what its author signed and that state covers.
        """
        state = self._taken_over if entry < self._taken_over.size else self._newest
        try:
            self._prove(position, entry, state)
        except (DataError, LookupError, sa.exc.SQLAlchemyError):
            raise VerificationError(
                "the event at position {position} of the replica is not in the state that was seen",
                "muniment verify there; take the copy again",
                position=position,
            ) from None
        return state

    def _prove(self, position: int, entry: int, state: Checkpoint) -> None:
        first, leaves = self._leaves(entry, state)
        with self._replica.engine.connect() as connection:
            query = "SELECT state FROM events WHERE position = ?"
            raw = connection.exec_driver_sql(query, (position,)).scalar_one()
        if leaves[position - first] != leaf_hash(bytes(raw)):
            raise ProofError("the event is another one")

    def _leaves(self, entry: int, state: Checkpoint) -> tuple[int, list[bytes]]:
        """First position and leaf hashes of an entry's commit, proved to be in a state."""
        if entry not in self._entries:
            with self._replica.engine.connect() as connection:
                row = connection.exec_driver_sql(
                    "SELECT c.first, c.leaves, c.data, e.state FROM commits c "
                    "JOIN events e ON e.position = c.first WHERE c.entry = ?",
                    (entry,),
                ).one()
                tree = StoredTree(connection)
                proof = tree.inclusion(entry, state.size)
            data, leaves = bytes(row[2]), split(bytes(row[1])) or [leaf_hash(bytes(row[3]))]
            verify_inclusion(entry, state.size, leaf_hash(data), proof, state.root)
            if tree_root(leaves) != Entry.parse(data).commit.note.root:
                raise ProofError("the events are not those of the commit")
            self._entries[entry] = int(row[0]), leaves
        return self._entries[entry]


def _nobody(holder: str) -> bytes:
    """Nothing in a replica needs a passphrase to be read."""
    raise KeyAccessError("a replica has no keystore, and nobody acts in it", holder=holder)

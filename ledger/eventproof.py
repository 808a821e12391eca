"""The proof of one event: that it is in its commit, and that commit's entry in the ledger.

Two C2SP tlog-proofs, as a bundle, an opening file and a receipt have them. The cost does not follow
from the ledger's size: a row by index, the hashes of the commit, and a tile for each eight levels
of the tree; tiles are kept, so that proofs of neighbours cost less.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ledger.errors import UsageError
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import inclusion_proof, leaf_reader
from ledger.tlog.note import Note
from ledger.tlog.proof import TlogProof
from ledger.tree import StoredTree
from projections.view import fetch, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_HASH: Final = 32
_EVENT: Final = re.compile(
    "([a-z_]{3,24}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([1-9][0-9]{0,15})"
)
_FIND: Final = (
    "SELECT e.position, e.state, c.entry, c.first, c.data, c.leaves FROM events e "
    "JOIN commits c ON c.entry = e.entry WHERE e.stream = {} AND e.version = {}"
)


class EventProof(NamedTuple):
    """An event's bytes, its entry, and the proofs of both.

    `position`: 1-based, of the event in the ledger; `in_commit`: its checkpoint is the signed
    commit note; `in_ledger`: of the entry, against the checkpoint asked for.
    """

    position: int
    state: bytes
    entry: Entry
    in_commit: TlogProof
    in_ledger: TlogProof


class Prover:
    """Proves events of a ledger against one checkpoint of it."""

    def __init__(self, connection: Connection, checkpoint: bytes) -> None:
        """`checkpoint`: a signed note; it is taken as it is."""
        self._connection, self._checkpoint = connection, checkpoint
        self._size = Checkpoint.parse(Note.parse(checkpoint).text).size
        self._nodes = StoredTree(connection).nodes()
        self._find = marked(connection, _FIND)

    def prove(self, event_id: str) -> EventProof:
        """The proof of the event `<stream>/<version>`.

        Raises `UsageError` if there is none of this id, or the checkpoint does not cover it.
        """
        match = _EVENT.fullmatch(event_id)
        named = (key_of(match[1]), int(match[2])) if match else None
        found = fetch(self._connection, self._find, named) if named else []
        if not found or found[0][2] >= self._size or not _is_of(bytes(found[0][1]), event_id):
            raise UsageError("there is no event of this id under the checkpoint",
                             "muniment history RECORD")  # fmt: skip
        position, state, number, first, data, raw = found[0]
        entry, joined = Entry.parse(bytes(data)), bytes(raw)
        leaves = [joined[at : at + _HASH] for at in range(0, len(joined), _HASH)]
        index = position - first
        way = inclusion_proof(index, len(leaves), leaf_reader(leaves)) if leaves else []
        above = inclusion_proof(number, self._size, self._nodes)
        return EventProof(
            position, bytes(state), entry,
            TlogProof(index, tuple(way), entry.commit.format()),
            TlogProof(number, tuple(above), self._checkpoint),
        )  # fmt: skip


def _is_of(state: bytes, event_id: str) -> bool:
    """Whether an event stands on the stream named, not on another aggregate's with its number."""
    stream = event_id.partition("/")[0]
    return f'"stream":"{stream}"'.encode("ascii") in state

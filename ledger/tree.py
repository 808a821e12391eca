"""The tree over a ledger's entries as it is stored: full tiles, a right edge, one head.

Full 256-wide tiles are rows of `tiles`. What lies to the right of them is derived: level 0 from
the entries themselves, higher levels from the tiles below. `head` keeps the compact range, so
that an append costs a few hashes whatever the size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import ConflictError, NoLedgerError
from ledger.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    NodeReader,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_root,
    tree_root_at,
)
from ledger.tlog.tiles import TILE_WIDTH, completed_tiles, node_reader
from projections.view import execute, fetch, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


class Head(NamedTuple):
    """Where a ledger stands: entries, events, the tree's root, the last accepted time."""

    entries: int
    events: int
    root: bytes
    accepted: str


START = Head(0, 0, EMPTY_ROOT, "0001-01-01T00:00:00.000Z")
_ROOTS_KEPT = 64
_READ_HEAD = "SELECT entries, events, root, accepted, edge FROM head"
_MOVE_HEAD = (
    "UPDATE head SET entries = {}, events = {}, root = {}, edge = {}, accepted = {} "
    "WHERE id = 1 AND entries = {} AND root = {}"
)
_ADD_TILE = "INSERT INTO tiles (level, number, data) VALUES ({}, {}, {})"


class StoredTree:
    """Reads and advances the stored tree through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read_head, self._move_head, self._add_tile = (
            marked(connection, sql) for sql in (_READ_HEAD, _MOVE_HEAD, _ADD_TILE)
        )
        self.head = START
        self._frontier = Frontier()
        self._roots: dict[int, bytes] = {}
        self.refresh()

    def _fetch(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return fetch(self._connection, marked(self._connection, sql), values)

    def refresh(self) -> bool:
        """Read the head again; True if it is not the one known."""
        rows = fetch(self._connection, self._read_head)
        if not rows:
            msg = "ledger.db has no head: it is damaged or was never opened"
            raise NoLedgerError(msg, "muniment doctor")
        row = rows[0]
        head = Head(row[0], row[1], bytes(row[2]), row[3])
        if head == self.head:
            return False
        self.head = head
        self._frontier = Frontier.from_bytes(head.entries, row[4])
        self._roots = {head.entries: head.root}
        return True

    def advance(self, leaf: bytes, events: int, accepted: str) -> None:
        """Add one entry's leaf hash; finished tiles are stored and the head moves on.

        Compare-and-swap: the row must still be the head that was read. Whatever else fails, two
        writers never both extend one head. Raises `ConflictError` otherwise.
        """
        old = self.head
        self._frontier.append(leaf)
        root = self._frontier.root()
        new = Head(old.entries + 1, old.events + events, root, accepted)
        for tile in completed_tiles(old.entries, new.entries):
            data = self._read_tile(tile.level, tile.number, TILE_WIDTH, stored=False)
            execute(self._connection, self._add_tile, (tile.level, tile.number, data))
        edge = self._frontier.to_bytes()
        changed = execute(
            self._connection,
            self._move_head,
            (new.entries, new.events, root, edge, accepted, old.entries, old.root),
        )
        if changed != 1:
            msg = "the ledger moved on while the act was being recorded; nothing was recorded"
            raise ConflictError(msg, "try again")
        self.head = new
        self._roots[new.entries] = root
        if len(self._roots) > _ROOTS_KEPT:
            del self._roots[next(iter(self._roots))]

    @property
    def frontier(self) -> Frontier:
        """The right edge as it stands, to be grown by whoever asks."""
        return Frontier(self._frontier.size, self._frontier.hashes)

    def root_at(self, size: int) -> bytes:
        """The root when the ledger had `size` entries (0 ≤ size ≤ entries)."""
        if size not in self._roots:
            return tree_root_at(size, self.nodes())
        return self._roots[size]

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The inclusion proof of entry `index` in the tree of `size` entries."""
        return inclusion_proof(index, size, self.nodes())

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `old` entries is a prefix of that of `new`."""
        return consistency_proof(old, new, self.nodes())

    def nodes(self) -> NodeReader:
        """The hash of any complete subtree of the current tree."""
        return node_reader(self._read_tile, self.head.entries)

    def _read_tile(self, level: int, number: int, width: int, *, stored: bool = True) -> bytes:
        """The first `width` hashes of a tile: stored if it is full, else derived from below."""
        if width == TILE_WIDTH and stored:
            full = self._fetch(
                "SELECT data FROM tiles WHERE level = {} AND number = {}", level, number
            )
            if full:
                return bytes(full[0][0])
        first = number * TILE_WIDTH
        if level == 0:
            rows = self._fetch(
                "SELECT data FROM commits WHERE entry >= {} AND entry < {} ORDER BY entry",
                first, first + width,
            )  # fmt: skip
            return b"".join(leaf_hash(row[0]) for row in rows)
        return b"".join(
            _tile_root(self._read_tile(level - 1, below, TILE_WIDTH))
            for below in range(first, first + width)
        )


def _tile_root(tile: bytes) -> bytes:
    return tree_root([tile[at : at + 32] for at in range(0, len(tile), 32)])

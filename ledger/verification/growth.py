"""The tree over entries, grown again from the entries, and compared with all that was said of it.

Entries are hashed in order. On the way the tree is compared with the stored tiles and with
*statements* that it had a certain root at a certain size: the `seen` lines that people signed,
checkpoints that the ledger signed, pins, the head. One changed entry makes every later root
differ, so a difference is not reported where it is first met but traced to what explains it:

* a statement that later ones contradict was false: whoever made it is accused;
* if no later statement holds, an entry between the last one that held and the first that did not
  is no longer the one that people saw; where everybody sees the newest state, that is one entry;
* a full tile that differs is set against the entries: both trees are grown until a statement
  tells which of them is the real one, and growth goes on from it, so that one damaged entry or
  tile spoils nothing that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from ledger.errors import ProofError
from ledger.tlog.merkle import (
    HASH_SIZE,
    Frontier,
    NodeReader,
    inclusion_proof,
    leaf_hash,
    tree_root,
    tree_root_at,
)
from ledger.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, node_reader, tile_path
from ledger.verification.findings import Findings

RECENT: Final = 64
"""How many sizes back a root is known without reading tiles."""

Accuse = Callable[[bytes], None]
"""Reports a statement as false; takes the root that the tree really has at that size."""


class TreeSource(Protocol):
    """Where stored tiles and entries are read from, one at a time."""

    def tile(self, level: int, number: int) -> bytes | None:
        """The bytes of a full tile, None if it is not stored."""

    def entries(self, first: int, end: int) -> Sequence[bytes]:
        """The bytes of the entries `first` to `end` (excluded, 0-based) that are stored."""

    def position_of(self, entry: int) -> int | None:
        """The position of the first event of an entry as its row has it; None if missing."""


class Derived:
    """Tiles of a tree of `size` entries: stored where full, derived from below at the edge."""

    def __init__(
        self, source: TreeSource, size: int, known: Mapping[tuple[int, int], bytes] | None = None
    ) -> None:
        """`known`: what tiles should hold whose stored bytes are known to be wrong."""
        self._source = source
        self._known = known or {}
        self._edge: dict[int, bytes] = {}
        self.size = size
        self.nodes: NodeReader = node_reader(self.read, size)

    def read(self, level: int, number: int, width: int) -> bytes:
        """The first `width` hashes of a tile; `ProofError` if a part of it is missing."""
        if width == TILE_WIDTH:
            data = self._known.get((level, number)) or self._source.tile(level, number)
            if data is None:
                raise ProofError(f"{tile_path(level, number)} is missing")
            return data
        if level not in self._edge:  # of one size, a level has one partial tile
            self._edge[level] = self._derive(level, number * TILE_WIDTH, width)
        return self._edge[level]

    def _derive(self, level: int, first: int, width: int) -> bytes:
        if level == 0:
            return b"".join(map(leaf_hash, self._source.entries(first, first + width)))
        return b"".join(
            tree_root(split(self.read(level - 1, below, TILE_WIDTH)))
            for below in range(first, first + width)
        )

    def root(self) -> bytes:
        """The root that the stored tiles and entries give."""
        return tree_root_at(self.size, self.nodes)

    def inclusion(self, index: int) -> list[bytes]:
        """The inclusion proof of an entry."""
        return inclusion_proof(index, self.size, self.nodes)

    def frontier(self) -> Frontier:
        """The right edge."""
        hashes, start = [], 0
        for level in reversed(range(self.size.bit_length())):
            if self.size >> level & 1:
                hashes.append(self.nodes(level, start >> level))
                start += 1 << level
        return Frontier(self.size, hashes)

    def partial(self, level: int) -> list[bytes]:
        """The hashes of the partial tile at the right edge of a level."""
        number, width = divmod(self.size >> TILE_HEIGHT * level, TILE_WIDTH)
        return split(self.read(level, number, width)) if width else []


def split(hashes: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    return [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]


class _Doubt(NamedTuple):
    """A statement that does not hold: the tree differs somewhere in entries `low` to `high`."""

    low: int
    high: int
    stated: bytes
    actual: bytes
    accuse: Accuse


class _Choice(NamedTuple):
    """A full tile and its entries that disagree at `indexes`, and the tree with the entries."""

    number: int
    indexes: Sequence[int]
    of_entries: Sequence[bytes]
    of_tile: Sequence[bytes]
    alternative: Frontier


class Growth:
    """A tree that grows entry by entry and answers to statements about itself."""

    def __init__(
        self, source: TreeSource, findings: Findings, start: Derived | None = None
    ) -> None:
        """Begin with nothing, or with the tree of a pinned checkpoint that has been checked."""
        self._source = source
        self._findings = findings
        self._frontier = start.frontier() if start else Frontier()
        self._levels: list[list[bytes]] = []
        level = 0
        while start and start.size >> TILE_HEIGHT * level:
            self._levels.append(start.partial(level))
            level += 1
        self._recent: dict[int, tuple[bytes, ...]] = {}
        self._confirmed = start.size if start else 0
        self._hinted = 0
        self._reported: set[int] = set()
        self._doubt: _Doubt | None = None
        self._choice: _Choice | None = None
        self._old_nodes: tuple[int, NodeReader] | None = None
        self._known: dict[tuple[int, int], bytes] = {}
        self._remember()

    @property
    def size(self) -> int:
        """How many entries the tree has."""
        return self._frontier.size

    @property
    def explained(self) -> bool:
        """Whether a difference from here on follows from what has been found already."""
        return bool(self._reported or self._doubt or self._choice)

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        return self._frontier.root()

    def edge(self) -> bytes:
        """The right edge as the head stores it."""
        return self._frontier.to_bytes()

    def append(self, leaf: bytes, *, reported: bool = False) -> None:
        """Grow by one entry's leaf hash; `reported`: it is known not to be the real one."""
        if reported:
            self._reported.add(self.size)
        self._frontier.append(leaf)
        if self._choice:
            self._choice.alternative.append(leaf)
        self._add(0, leaf)
        self._remember()

    def state(self, size: int, root: bytes, accuse: Accuse) -> None:
        """Somebody states that the tree had `root` at `size`, which it has reached."""
        try:
            actual = self._root_at(size)
        except ProofError:
            return  # a tile is missing or malformed, which is reported where it is met
        if actual == root:
            self._confirm(size)
            return
        choice = self._choice
        if choice and size == self.size and choice.alternative.root() == root:
            self._take_entries(choice)
            self._confirm(size)
        elif size <= self._confirmed:
            accuse(actual)
        elif any(index < size for index in self._reported):
            return
        elif self._doubt is None:
            self._doubt = _Doubt(max(self._confirmed, self._hinted), size, root, actual, accuse)

    def hint(self, size: int, root: bytes) -> None:
        """A statement whose signature could not be checked helps to locate, and no more."""
        with suppress(ProofError):
            if self._root_at(size) == root:
                self._hinted = max(self._hinted, size)

    def settle(self, root: bytes) -> None:
        """The head, which nobody signed, can tell a changed tile from changed entries at most."""
        choice = self._choice
        if choice and choice.alternative.root() == root:
            self._take_entries(choice)
        elif choice and self.root() == root:
            self._report_entries(choice)
            self._choice = None

    def finish(self) -> None:
        """Report what no statement has settled."""
        if self._choice:
            self._report_entries(self._choice)
        doubt = self._doubt
        if doubt and not self._choice:
            self.entry_changed(doubt.low, doubt.high, doubt.stated, doubt.actual)
        self._choice = self._doubt = None

    def locate(self, root: bytes, edge: bytes) -> bool:
        """Report the entries that differ from a head; False if the head is the one to doubt."""
        if self._confirmed == self.size:
            return False
        try:
            stated = Frontier.from_bytes(self.size, edge)
        except ProofError:
            return False
        if stated.root() != root:
            return False
        start = 0
        for theirs, ours in zip(stated.hashes, self._frontier.hashes, strict=True):
            end = start + (1 << (self.size - start).bit_length() - 1)
            if theirs != ours and end > self._confirmed:
                self.entry_changed(max(self._confirmed, start), end, theirs, ours)
                return True
            start = end
        return False

    def entry_changed(self, low: int, high: int, stated: bytes, actual: bytes) -> None:
        """Report that one of the entries `low` to `high` (excluded) is not what people saw."""
        which = f"entry {low} is" if high == low + 1 else f"one of entries {low} to {high - 1} is"
        self._findings.add(
            "entry_changed", "entry", position=self._source.position_of(low),
            expected=stated, actual=actual, cause=f"{which} not the one that was seen by others",
        )  # fmt: skip

    def _remember(self) -> None:
        self._recent[self.size] = self._frontier.hashes
        self._recent.pop(self.size - RECENT, None)

    def _root_at(self, size: int) -> bytes:
        if size == self.size:
            return self.root()
        if size in self._recent:
            return Frontier(size, self._recent[size]).root()
        if self._old_nodes is None or self._old_nodes[0] < size:
            # Tiles below are full, and were compared with the entries when they were passed.
            self._old_nodes = (self.size, Derived(self._source, self.size, self._known).nodes)
        return tree_root_at(size, self._old_nodes[1])

    def _confirm(self, size: int) -> None:
        self._confirmed = max(self._confirmed, size)
        if self._doubt and size >= self._doubt.high:
            self._doubt.accuse(self._doubt.actual)
            self._doubt = None
        elif self._doubt:
            self._doubt = self._doubt._replace(low=max(self._doubt.low, size))
        if self._choice and size >= (self._choice.number + 1) * TILE_WIDTH:
            self._report_entries(self._choice)
            self._choice = None

    def _add(self, level: int, node: bytes) -> None:
        """One more hash on a level; a full tile is compared with the stored one."""
        if level == len(self._levels):
            self._levels.append([])
        nodes = self._levels[level]
        nodes.append(node)
        if len(nodes) < TILE_WIDTH:
            return
        number = (self.size >> TILE_HEIGHT * (level + 1)) - 1
        self._levels[level] = []
        nodes = self._compare(Tile(level, number), nodes)
        self._add(level + 1, tree_root(nodes))

    def _compare(self, tile: Tile, nodes: list[bytes]) -> list[bytes]:
        """The hashes to go on with."""
        data = self._source.tile(tile.level, tile.number)
        if data == b"".join(nodes):
            return nodes
        position = self._source.position_of(tile.number * TILE_WIDTH ** (tile.level + 1))
        if data is None:
            self._findings.add(
                "tile_missing", "tile", position=position, expected=tile_path(*tile),
                cause="the tile is not stored",
            )  # fmt: skip
            return nodes
        if len(data) != TILE_WIDTH * HASH_SIZE or tile.level > 0:
            self._tile_changed(tile, nodes, split(data))
            return nodes
        return self._choose(tile.number, nodes, split(data))

    def _choose(self, number: int, nodes: list[bytes], stored: list[bytes]) -> list[bytes]:
        """Level 0: go on with the tile, and keep the tree with the entries beside it."""
        if self._choice:  # nobody ever said which of the two was right
            self._report_entries(self._choice)
        first = number * TILE_WIDTH
        differing = [
            index
            for index, (ours, theirs) in enumerate(zip(nodes, stored, strict=True), first)
            if ours != theirs and index not in self._reported
        ]
        before = self._levels_before(first)
        alternative = Frontier(self.size, self._frontier.hashes)
        before.extend(stored)
        self._frontier = before
        self._recent.clear()
        self._reported.clear()
        self._doubt = None
        self._choice = _Choice(number, differing, nodes, stored, alternative) if differing else None
        return stored

    def _levels_before(self, size: int) -> Frontier:
        """The right edge when the tree had `size` entries, a multiple of a tile's width."""
        hashes: list[bytes] = []
        for nodes in self._levels[:0:-1]:  # a level's partial tile holds the next bits of size
            start = 0
            for bit in reversed(range(TILE_HEIGHT)):
                if len(nodes) >> bit & 1:
                    hashes.append(tree_root(nodes[start : start + (1 << bit)]))
                    start += 1 << bit
        return Frontier(size, hashes)

    def _take_entries(self, choice: _Choice) -> None:
        """The tile was the wrong one: go on with the entries."""
        self._frontier = choice.alternative
        if len(self._levels) > 1 and self._levels[1]:
            self._levels[1][-1] = tree_root(choice.of_entries)
        self._recent.clear()
        self._remember()
        self._choice = None
        self._tile_changed(Tile(0, choice.number), choice.of_entries, choice.of_tile)

    def _tile_changed(self, tile: Tile, nodes: Sequence[bytes], stored: Sequence[bytes]) -> None:
        """The first hash of a stored tile that is not the one that what lies below it gives."""
        self._known[tile.level, tile.number] = b"".join(nodes)
        differing = (i for i, ours in enumerate(nodes) if stored[i : i + 1] != [ours])
        index = next(differing, 0)  # none: there is too much of it
        entry = (tile.number * TILE_WIDTH + index) * TILE_WIDTH**tile.level
        self._findings.add(
            "tile_changed", "tile", position=self._source.position_of(entry),
            expected=nodes[index], actual=b"".join(stored[index : index + 1]),
            cause=f"{tile_path(*tile)}, hash {index}",
        )  # fmt: skip

    def _report_entries(self, choice: _Choice) -> None:
        """The tile was right: report each entry that has another hash."""
        for index in choice.indexes:
            at = index - choice.number * TILE_WIDTH
            self.entry_changed(index, index + 1, choice.of_tile[at], choice.of_entries[at])

"""What signed roots prove of a tree of which leaves, tiles and right edges are left.

Nothing that was read is believed. Every node has a few hashes that it may have: what tiles and
edges say, and what the hashes below it come to. From a root that somebody signed the tree is gone
down: a pair of hashes that has the hash of the node above is proved to be the pair below it, down
to the leaves. So one damaged entry takes nothing from its neighbours as long as the tile over them,
or an edge, still says what it had; and a damaged tile takes nothing while the entries are there.

>>> leaves = [bytes([n]) * 32 for n in range(3)]
>>> edge = node_hash(leaves[0], leaves[1])
>>> tree = Tree({0: [leaves[0]], 2: [bytes(32), leaves[2]]}, {}, [(2, [edge])])
>>> tree.prove(State(3, node_hash(edge, leaves[2]), "checkpoint", 0))
1
>>> tree.proved[2][0] == leaves[2], sorted(tree.proved), tree.path(2) == [edge]
(True, [2], True)
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final, Literal, NamedTuple

from ledger.tlog.merkle import node_hash
from ledger.tlog.tiles import TILE_HEIGHT, TILE_WIDTH

_MOST: Final = 4
"""So many hashes of one node are tried."""
_KEPT: Final = 4
"""Nodes below this level are computed again and not kept."""
_HASH: Final = 32


class State(NamedTuple):
    """A root that somebody signed: `size` entries had it.

    `kind`: `checkpoint` (the ledger's own key signed it) or `seen` (signers of entry `by` said that
    they had seen it); `by`: the number of the checkpoint, or the entry.
    """

    size: int
    root: bytes
    kind: Literal["checkpoint", "seen"]
    by: int


class Tree:
    """Candidates for the hashes of a ledger's tree, and what signed states prove of them."""

    def __init__(
        self,
        leaves: Mapping[int, Sequence[bytes]],
        tiles: Mapping[tuple[int, int], Iterable[bytes]],
        edges: Iterable[tuple[int, Sequence[bytes]]],
    ) -> None:
        """`leaves`: hashes by entry; `tiles`: by level and number; `edges`: size, `Frontier`'s."""
        self._leaves = leaves
        self._tiles = {place: list(some) for place, some in tiles.items()}
        self._edges: dict[tuple[int, int], list[bytes]] = {}
        for size, hashes in edges:
            for (level, index), one in zip(_peaks(size), hashes, strict=True):
                self._edges.setdefault((level, index), []).append(one)
        self._points = array("q", sorted(self._starts()))
        self._known: dict[tuple[int, int], tuple[bytes, ...]] = {}
        self._done: set[tuple[int, int]] = set()
        self.proved: dict[int, tuple[bytes, State]] = {}
        """Leaf hashes that a signed state proves, by entry, each with the first that did."""

    def _starts(self) -> set[int]:
        """Where there is a leaf, or a node of which something says what hash it has."""
        return {
            *self._leaves,
            *(index << level for level, index in self._edges),
            *((number * TILE_WIDTH + at) << TILE_HEIGHT * level
              for level, number in self._tiles for at in range(TILE_WIDTH)),
        }  # fmt: skip

    def prove(self, state: State) -> int:
        """Go down from a signed root; how many more entries it proves (0 too if it does not fit).

        States given first are named first, so begin with the largest checkpoint.
        """
        before = len(self.proved)
        if self.fits(state):
            self._descend(0, state.size, state.root, state)
        return len(self.proved) - before

    def fits(self, state: State) -> bool:
        """Whether what was read can have the root of a state."""
        return state.size > 0 and state.root in self._candidates(0, state.size)

    def path(self, index: int) -> list[bytes]:
        """The inclusion proof of a proved leaf, in the tree of the state that proved it."""
        _, state = self.proved[index]
        low, high, value = 0, state.size, state.root
        hashes: list[bytes] = []
        while high - low > 1:
            middle = low + _split(high - low)
            left, right = next(self._pairs(low, middle, high, value))
            if index < middle:
                high, value = middle, left
                hashes.append(right)
            else:
                low, value = middle, right
                hashes.append(left)
        return hashes[::-1]

    def _descend(self, low: int, high: int, value: bytes, state: State) -> bool:
        """Whether every leaf of a range with this hash is proved now."""
        whole = _node(low, high)
        if whole in self._done:
            return True
        if high - low == 1:
            self.proved.setdefault(low, (value, state))
            return True
        middle = low + _split(high - low)
        pair = next(self._pairs(low, middle, high, value), None)
        if pair is None:
            return False
        sides = ((low, middle, pair[0]), (middle, high, pair[1]))
        done = [self._descend(*side, state) for side in sides]
        if all(done) and whole is not None and whole[0] >= _KEPT:
            self._done.add(whole)
        return all(done)

    def _pairs(
        self, low: int, middle: int, high: int, value: bytes
    ) -> Iterator[tuple[bytes, bytes]]:
        sides = self._candidates(low, middle), self._candidates(middle, high)
        return (pair for pair in product(*sides) if node_hash(*pair) == value)

    def _candidates(self, low: int, high: int) -> tuple[bytes, ...]:
        """The hashes that the leaves from `low` to `high` may have together."""
        at = bisect_left(self._points, low)
        if at == len(self._points) or self._points[at] >= high:
            return ()  # nothing is left there, however much there may have been
        node = _node(low, high)
        if node in self._known:
            return self._known[node]
        found = list(self._leaves.get(low, ())) if high - low == 1 else []
        if node is not None:
            found += [*self._edges.get(node, ()), *self._in_tiles(*node)]
        if high - low > 1:
            middle = low + _split(high - low)
            sides = self._candidates(low, middle), self._candidates(middle, high)
            found += [node_hash(*pair) for pair in product(*sides)]
        several = tuple(dict.fromkeys(found))[:_MOST]
        if node is not None and node[0] >= _KEPT:
            self._known[node] = several
        return several

    def _in_tiles(self, level: int, index: int) -> list[bytes]:
        if level % TILE_HEIGHT:
            return []
        number, at = divmod(index, TILE_WIDTH)
        some = self._tiles.get((level // TILE_HEIGHT, number), ())
        return [tile[_HASH * at : _HASH * (at + 1)] for tile in some]


def _split(size: int) -> int:
    """How many leaves lie on the left of a tree (RFC 6962): the largest power of two below."""
    return 1 << (size - 1).bit_length() - 1


def _node(low: int, high: int) -> tuple[int, int] | None:
    """Level and index of the complete subtree over these leaves, None if they are none."""
    size = high - low
    if size & (size - 1) or low % size:
        return None
    return size.bit_length() - 1, low // size


def _peaks(size: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees of a tree of `size` leaves, largest first, as in a `Frontier`."""
    low = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            yield level, low >> level
            low += 1 << level

"""The Merkle tree of RFC 6962: hashes, roots, proofs, and verifiers that accept nothing else.

    empty tree   SHA-256("")
    leaf         SHA-256(0x00 || data)
    node         SHA-256(0x01 || left || right); n leaves split at the largest power of two below n

A hash is 32 bytes. `index` counts leaves from 0, `size` is a number of leaves. A node is named by
`(level, index)`: the root of the complete subtree of 2**level leaves that starts at leaf
`index << level`; complete nodes never change when the tree grows. Proofs list hashes from the
leaf's side upwards (RFC 6962 section 2.1.1 and 2.1.2, RFC 9162 section 2.1.3 and 2.1.4).

>>> leaves = [leaf_hash(data) for data in (b"a", b"b", b"c")]
>>> root = tree_root(leaves)
>>> root == node_hash(node_hash(leaves[0], leaves[1]), leaves[2])
True
>>> proof = inclusion_proof(2, 3, leaf_reader(leaves))
>>> verify_inclusion(2, 3, leaves[2], proof, root)
>>> verify_inclusion(1, 3, leaves[2], proof, root)
Traceback (most recent call last):
ledger.errors.ProofError: inclusion proof has 1 hashes, not 2

A subtree `[start, end)` is valid if start is a multiple of the smallest power of two that is at
least end - start (draft-ietf-plants-merkle-tree-certs, section 4); its root is that of a tree of
its leaves alone. Trees are subtrees with start = 0, and that is how they are verified here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

from ledger.errors import ProofError

HASH_SIZE: Final = 32
_LEAF: Final = sha256(b"\x00")
_NODE: Final = sha256(b"\x01")
EMPTY_ROOT: Final = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""Reads the hash of the node `(level, index)`; only complete nodes are asked for."""


def leaf_hash(data: bytes) -> bytes:
    """Hash the bytes of one leaf."""
    return sha256(b"\x00" + data).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """Hash the bytes of many leaves."""
    hashes: list[bytes] = []
    for data in leaves:  # the prefix is hashed once and its state copied: a sixth faster
        state = _LEAF.copy()
        state.update(data)
        hashes.append(state.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring nodes into their parent."""
    return sha256(b"\x01" + left + right).digest()


def _parents(nodes: Iterable[bytes]) -> list[bytes]:
    """Hash neighbours in pairs; a last node without a neighbour is left out."""
    pairs = iter(nodes)
    parents: list[bytes] = []
    for left, right in zip(pairs, pairs):  # noqa: B905  all bulk hashing runs here: written out
        state = _NODE.copy()
        state.update(left + right)
        parents.append(state.digest())
    return parents


def tree_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes (as `leaf_hash` makes them: their length is not checked)."""
    nodes = leaf_hashes
    if not nodes:
        return EMPTY_ROOT
    while len(nodes) > 1:
        last = nodes[-1:] if len(nodes) & 1 else ()  # rises until it finds a neighbour
        nodes = [*_parents(nodes), *last]
    return nodes[0]


class Frontier:
    """The right edge of a growing tree: one hash for each complete subtree, largest first.

    It holds what is needed to append and to tell the root, and no more: one hash for each bit set
    in `size`. Nothing checks that given hashes belong to a ledger; compare `root()`.
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Take the edge of a tree of `size` leaves; `ProofError` if the hashes cannot be it."""
        self._size = size
        self._hashes = list(hashes)
        if size < 0 or len(self._hashes) != size.bit_count():
            raise ProofError(f"{len(self._hashes)} hashes are no right edge of {size} leaves")
        _check_hashes(self._hashes)

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the complete subtrees, from the largest to the smallest."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        if len(leaf) != HASH_SIZE:
            _check_hashes((leaf,))
        hashes = self._hashes
        size = self._size
        while size & 1:
            leaf = sha256(b"\x01" + hashes.pop() + leaf).digest()
            size >>= 1
        hashes.append(leaf)
        self._size += 1

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaf hashes in order, level by level: about one node hash per leaf."""
        nodes = list(leaf_hashes)
        _check_hashes(nodes)
        hashes, size = self._hashes, self._size
        self._size += len(nodes)
        edge: list[bytes] = []
        while nodes:
            if size & 1:
                nodes.insert(0, hashes.pop())
            if len(nodes) & 1:
                edge.append(nodes.pop())
            nodes = _parents(nodes)
            size >>= 1
        hashes.extend(reversed(edge))

    def root(self) -> bytes:
        """Return the root of the tree."""
        return _fold(self._hashes)

    def to_bytes(self) -> bytes:
        """Return the hashes, largest subtree first, 32 bytes each."""
        return b"".join(self._hashes)

    @classmethod
    def from_bytes(cls, size: int, raw: bytes) -> Frontier:
        """Read what `to_bytes` wrote for a tree of `size` leaves."""
        return cls(size, [raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE)])


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Join neighbouring subtrees, largest first, into one root."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in hashes[-2::-1]:
        root = node_hash(left, root)
    return root


def leaf_reader(leaf_hashes: Sequence[bytes]) -> NodeReader:
    """Hash a whole tree once and read nodes from it: for trees that fit in memory, like commits."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))

    def node(level: int, index: int) -> bytes:
        return levels[level][index]

    return node


def tree_root_at(size: int, node: NodeReader) -> bytes:
    """Return the root that the tree had, or has, at `size` leaves."""
    if size < 0:
        raise ProofError(f"size {size} is below 0")
    return _range_root(0, size, node)


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Prove that leaf `index` lies in the tree of `size` leaves (RFC 6962 section 2.1.1)."""
    _check_index(index, 0, size)
    return subtree_consistency_proof(index, index + 1, size, node)


def consistency_proof(old: int, new: int, node: NodeReader) -> list[bytes]:
    """Prove that the tree of `old` leaves is a prefix of that of `new` (RFC 6962 section 2.1.2).

    Empty when `old` is 0 or equals `new`.
    """
    return subtree_consistency_proof(0, old, new, node)


def subtree_consistency_proof(start: int, end: int, size: int, node: NodeReader) -> list[bytes]:
    """Prove that the valid subtree `[start, end)` belongs to the tree of `size` leaves."""
    _check_subtree(start, end, size)
    if start == end:
        return []
    low, high, rest = 0, size, start  # rest: where the part of the subtree not yet covered begins
    siblings: list[tuple[int, int]] = []
    while (low, high) != (rest, end):
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if end <= middle:
            siblings.append((middle, high))
            high = middle
        else:
            siblings.append((low, middle))
            low = middle
            rest = max(rest, middle)
    if rest != start:  # the subtree's root is no node of the tree: the verifier needs its last part
        siblings.append((rest, end))
    return [_range_root(left, right, node) for left, right in reversed(siblings)]


def _range_root(start: int, end: int, node: NodeReader) -> bytes:
    """Return the root over leaves `[start, end)`, a valid subtree, from complete nodes."""
    hashes = []
    while start < end:
        level = (end - start).bit_length() - 1
        hashes.append(node(level, start >> level))
        start += 1 << level
    return _fold(hashes)


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Return only if leaf hash `leaf` is number `index` in the tree of `size` leaves with `root`.

    Raises `ProofError`: index not below size, a hash that is not 32 bytes, a hash missing or left
    over, another root.
    """
    verify_subtree_inclusion(index, 0, size, leaf, proof, root)


def verify_subtree_inclusion(
    index: int, start: int, end: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Verify inclusion in the valid subtree `[start, end)`; `index` counts in the whole tree."""
    _check_index(index, start, end)
    _check_subtree(start, end, end)
    _check_hashes((leaf, root))
    _check_hashes(proof)
    position, last = index - start, end - start - 1
    # Below the split of the two paths every level has a sibling, above it only left ones count.
    split = (position ^ last).bit_length()
    length = split + (position >> split).bit_count()
    if len(proof) != length:
        raise ProofError(f"inclusion proof has {len(proof)} hashes, not {length}")
    computed = leaf
    for level, sibling in enumerate(proof):
        if level >= split or position >> level & 1:
            computed = node_hash(sibling, computed)
        else:
            computed = node_hash(computed, sibling)
    if computed != root:
        raise ProofError(f"leaf {index} with this proof gives another root")


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return only if the tree `(old, old_root)` is a prefix of the tree `(new, new_root)`.

    `old` = 0 is an error, since an empty tree says nothing about what follows; equal sizes need
    equal roots and an empty proof, and then no hash is computed or looked into (both as in
    transparency-dev/merkle, whose probes compare roots of 12 bytes). For roots that come from
    outside use `verify_growth`. Raises `ProofError`.
    """
    if old == 0:
        raise ProofError("consistency with an empty tree says nothing")
    verify_subtree_consistency(0, old, new, old_root, new_root, proof)


def verify_growth(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Verify consistency as C2SP tlog-witness asks: any tree may follow the empty one.

    Stricter than `verify_consistency` elsewhere: both roots are 32 bytes, and a size of 0 goes
    with the empty root and, as `old`, with an empty proof. Raises `ProofError`.
    """
    _check_hashes((old_root, new_root))
    if new == 0 and new_root != EMPTY_ROOT:
        raise ProofError("a tree of size 0 has the empty root")
    verify_subtree_consistency(0, old, new, old_root, new_root, proof)


def verify_subtree_consistency(
    start: int, end: int, size: int, subtree_root: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """Return only if the valid subtree `[start, end)` belongs to the tree `(size, root)`.

    An empty subtree has the empty root, needs an empty proof, and says nothing about the tree.
    Raises `ProofError`.
    """
    _check_subtree(start, end, size)
    _check_hashes(proof)
    if start == end:
        if proof or subtree_root != EMPTY_ROOT:
            raise ProofError("an empty subtree has the empty root and an empty proof")
        return
    if _subtree_roots(start, end, size, subtree_root, proof) != (subtree_root, root):
        raise ProofError(f"[{start}, {end}) and size {size} with this proof give other roots")


def consistency_roots(
    old: int, new: int, old_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The roots that a consistency proof gives for 0 < `old` <= `new`: of `old`, and of `new`.

    A proof that gives the right root for `new` and another one for `old` shows that the tree of
    `new` leaves does not continue `old_root`, and what it had instead. Where `old` is a power of
    two the proof begins at `old_root` itself, and gives that one again. Raises `ProofError` for
    hashes that are not 32 bytes, and for a proof of another length.
    """
    if not 0 < old <= new:
        raise ProofError("consistency is between two trees that are not empty, smaller first")
    _check_hashes((old_root, *proof))
    return _subtree_roots(0, old, new, old_root, proof)


def _subtree_roots(
    start: int, end: int, size: int, subtree_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The roots of the subtree and of the tree that a proof of the right length gives."""
    # first and last leaf of the subtree and last leaf of the tree, seen from one level at a time
    first, last, end_of_tree = start, end - 1, size - 1
    climb = 0  # levels that the subtree's known part spans: the proof starts above it
    while first >> climb != last >> climb and (end == size or last >> climb & 1):
        climb += 1
    first, last, end_of_tree = first >> climb, last >> climb, end_of_tree >> climb
    rest = iter(proof)
    seed = subtree_root if first == last else next(rest, None)
    if seed is None:
        raise ProofError("consistency proof is too short")
    of_subtree = of_tree = seed
    for sibling in rest:
        if end_of_tree == 0:
            raise ProofError("consistency proof is too long")
        if last & 1 or last == end_of_tree:
            if first < last:
                of_subtree = node_hash(sibling, of_subtree)
            of_tree = node_hash(sibling, of_tree)
            while not last & 1:  # levels on which the last node has no neighbour
                first, last, end_of_tree = first >> 1, last >> 1, end_of_tree >> 1
        else:
            of_tree = node_hash(of_tree, sibling)
        first, last, end_of_tree = first >> 1, last >> 1, end_of_tree >> 1
    if end_of_tree != 0:
        raise ProofError("consistency proof is too short")
    return of_subtree, of_tree


def _check_index(index: int, start: int, end: int) -> None:
    if not start <= index < end:
        raise ProofError(f"index {index} is not in [{start}, {end})")


def _check_subtree(start: int, end: int, size: int) -> None:
    if not 0 <= start <= end <= size:
        raise ProofError(f"[{start}, {end}) is no part of {size} leaves")
    if start < end and start & ((1 << (end - start - 1).bit_length()) - 1):
        raise ProofError(f"[{start}, {end}) is no valid subtree")


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(length != HASH_SIZE for length in set(map(len, hashes))):
        raise ProofError(f"a hash is not {HASH_SIZE} bytes")

r"""Inclusion and consistency in the Merkle tree of RFC 6962, verified: nothing else is accepted.

    leaf   SHA-256(0x00 || data)
    node   SHA-256(0x01 || left || right); n leaves split at the largest power of two below n

>>> left, right = leaf_hash(b"a"), leaf_hash(b"b")
>>> root = sha256(b"\1" + left + right).digest()
>>> verify_inclusion(1, 2, right, [left], root)
>>> verify_inclusion(0, 2, right, [left], root)
Traceback (most recent call last):
ValueError: the leaf with this proof gives another root
>>> verify_consistency(1, 2, left, root, [right])
>>> verify_consistency(1, 2, right, root, [right])
Traceback (most recent call last):
ValueError: the proof gives other roots
"""

from __future__ import annotations

from hashlib import sha256
from typing import Sequence

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash the bytes of one leaf."""
    return sha256(b"\0" + data).digest()


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Return only if leaf hash `leaf` is number `index` in the tree of `size` leaves with `root`.

    `index`: 0-based; hashes have 32 bytes. Raises `ValueError` (RFC 9162, 2.1.3.2).
    """
    if not 0 <= index < size:
        raise ValueError("the index is not below the size")
    if any(len(digest) != 32 for digest in (leaf, root, *proof)):
        raise ValueError("a hash is not 32 bytes")
    # Below the split of the two paths every level has a sibling, above it only left ones count.
    split = (index ^ (size - 1)).bit_length()
    if len(proof) != split + bin(index >> split).count("1"):
        raise ValueError("the proof has not the length for this index and size")
    computed = leaf
    for level, sibling in enumerate(proof):
        if level >= split or index >> level & 1:
            computed = sha256(b"\1" + sibling + computed).digest()
        else:
            computed = sha256(b"\1" + computed + sibling).digest()
    if computed != root:
        raise ValueError("the leaf with this proof gives another root")


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return only if the tree `(old, old_root)` is a prefix of the tree `(new, new_root)`.

    `old`, `new`: sizes, 0 < old < new; hashes have 32 bytes. Raises `ValueError` (RFC 9162,
    2.1.4.2).
    """
    if not 0 < old < new:
        raise ValueError("the sizes are not those of a tree and a larger one")
    if any(len(digest) != 32 for digest in (old_root, new_root, *proof)):
        raise ValueError("a hash is not 32 bytes")
    # A perfect tree is itself the first node from which both roots are computed.
    nodes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    if not nodes:
        raise ValueError("the proof has not the length for these sizes")
    of_old = of_new = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            raise ValueError("the proof has not the length for these sizes")
        if node & 1 or node == last:
            of_old = sha256(b"\1" + sibling + of_old).digest()
            of_new = sha256(b"\1" + sibling + of_new).digest()
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            of_new = sha256(b"\1" + of_new + sibling).digest()
        node, last = node >> 1, last >> 1
    if last or (of_old, of_new) != (old_root, new_root):
        raise ValueError("the proof gives other roots")

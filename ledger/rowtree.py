r"""The rows of a series as a tree: one row can be shown without the others.

    row     the JSON array of its cells (`ledger.sources.row_content`)
    r       HMAC-SHA-256(seed, u64 row number), the number 1-based, big-endian
    data    SHA-256(u8len "muniment/row/v1" ‖ r[32] ‖ SHA-256(row))
    root    RFC 6962 tree over the data as leaves, in the order of the rows, without the header row

The seed (32 bytes, random) is new for every series and lies in a sealed payload. Without it, not
even a guessed row can be told from another by its hash; who is shown one row gets its r, which
says nothing about the seed. When the payload is erased, the root says nothing about any row.

>>> rows, seed = [row.encode() for row in ('["王","1"]', '["李","2"]', '["赵","3"]')], bytes(32)
>>> top, size = root(rows, seed)
>>> size, top.hex()[:16]
(3, '03c201079facaa10')
>>> proof = prove(rows, seed, 2)
>>> verify(top, size, rows[1], proof)
>>> verify(top, size, rows[2], proof)
Traceback (most recent call last):
ledger.errors.ProofError: leaf 1 with this proof gives another root

Both passes read the rows once, in flat memory: a proof keeps one hash a level. Source: RFC 6962
section 2.1; DESIGN section 6.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import islice
from typing import Final, NamedTuple

from msgspec import Struct

from ledger import sources
from ledger.errors import ProofError
from ledger.sources import Found, SourceFault
from ledger.tlog.merkle import Frontier, inclusion_proof, leaf_hash, node_hash, verify_inclusion

LABEL: Final = b"muniment/row/v1"
ROWS: Final = "rows"
SEED: Final = "rows_seed"
"""The sealed fields of the event that a series' content came with."""
SEED_BYTES: Final = 32
_PREFIX: Final = bytes([len(LABEL)]) + LABEL
_BATCH: Final = 4_096


class RowProof(Struct, frozen=True, forbid_unknown_fields=True):
    """That a row is number `number` (1-based): its `r` (32 bytes), the hashes up to the root."""

    number: int
    r: bytes
    hashes: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Without r."""
        return f"<RowProof of row {self.number}>"


class Series(NamedTuple):
    """A file as a series: how many `items` it is, and what is `sealed` so that one can be proved.

    Sealed: `rows` ("<number of rows> <root in hex>") and `rows_seed` (hex); nothing for a file that
    is no table that can be taken apart.
    """

    items: int
    sealed: Mapping[str, str]


def series(found: Found) -> Series:
    """Read a table once more and hash its rows under a new seed. Raises `SourceFault`."""
    if found.encoding is None:
        return Series(1, {})
    seed = os.urandom(SEED_BYTES)
    try:
        top, size = root((sources.row_content(cells) for _, cells in sources.rows(found)), seed)
    except SourceFault as fault:
        if fault.cause == "malformed_table":
            return Series(1, {})
        raise
    return Series(size, {ROWS: f"{size} {top.hex()}", SEED: seed.hex()} if size else {})


def root(rows: Iterable[bytes], seed: bytes) -> tuple[bytes, int]:
    """The root over rows, 32 bytes, and how many there are; `rows` as `sources.row_content`."""
    edge = Frontier()
    leaves = _leaves(rows, seed)
    while batch := list(islice(leaves, _BATCH)):
        edge.extend(batch)
    return edge.root(), edge.size


def prove(rows: Iterable[bytes], seed: bytes, number: int) -> RowProof:
    """The proof of row `number` (1-based). Raises `ProofError` if there is no such row."""
    index, size = number - 1, 0
    siblings: dict[tuple[int, int], bytes] = {}
    edge: dict[int, bytes] = {}
    for at, leaf in enumerate(_leaves(rows, seed)):
        size, level, node = at + 1, 0, leaf
        while True:  # up to the first node that waits for its right neighbour
            if at >> level == index >> level ^ 1:
                siblings[level, at >> level] = node
            if not at >> level & 1:
                edge[level] = node
                break
            node, level = node_hash(edge[level], node), level + 1

    def read(level: int, at: int) -> bytes:
        """A sibling of the path, or a node of the right edge: nothing else is asked for."""
        return siblings[level, at] if (level, at) in siblings else edge[level]

    hashes = inclusion_proof(index, size, read)
    return RowProof(number, _blind(seed, number), tuple(hashes))


def verify(root: bytes, size: int, row: bytes, proof: RowProof) -> None:
    """Return only if `row` is the proof's row of the series of `size` rows with this root.

    Raises `ProofError`.
    """
    if len(proof.r) != SEED_BYTES:
        raise ProofError(f"a blinding value is not {SEED_BYTES} bytes")
    leaf = leaf_hash(_leaf(proof.r, row))
    verify_inclusion(proof.number - 1, size, leaf, proof.hashes, root)


def _leaves(rows: Iterable[bytes], seed: bytes) -> Iterator[bytes]:
    """The leaf hashes of rows."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    # Written out and not calling `_blind`, `_leaf`, `leaf_hash`: a series has millions of rows.
    for number, row in enumerate(rows, 1):
        r = hmac.digest(seed, number.to_bytes(8), "sha256")
        data = sha256(_PREFIX + r + sha256(row).digest()).digest()
        yield sha256(b"\x00" + data).digest()


def _leaf(r: bytes, row: bytes) -> bytes:
    return sha256(_PREFIX + r + sha256(row).digest()).digest()


def _blind(seed: bytes, number: int) -> bytes:
    return hmac.digest(seed, number.to_bytes(8), "sha256")

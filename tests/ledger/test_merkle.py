"""The tree: every small tree by brute force, other people's probes as they are, and forgeries."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ProofError
from ledger.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_reader,
    node_hash,
    subtree_consistency_proof,
    tree_root,
    tree_root_at,
    verify_consistency,
    verify_growth,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "merkle"
PROBES = VECTORS / "transparency-dev-merkle" / "testdata"

LARGEST = 100
LEAVES = [leaf_hash(b"leaf %d" % number) for number in range(LARGEST)]
NODE = leaf_reader(LEAVES)


def rfc6962_root(leaves: Sequence[bytes]) -> bytes:
    """The definition of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = rfc6962_root(leaves[:split]), rfc6962_root(leaves[split:])
    return sha256(b"\x01" + left + right).digest()


def rfc6962_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*rfc6962_path(index, leaves[:split]), rfc6962_root(leaves[split:])]
    return [*rfc6962_path(index - split, leaves[split:]), rfc6962_root(leaves[:split])]


def rfc6962_subproof(old: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2."""
    if old == len(leaves):
        return [] if whole else [rfc6962_root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        path = rfc6962_subproof(old, leaves[:split], whole=whole)
        return [*path, rfc6962_root(leaves[split:])]
    path = rfc6962_subproof(old - split, leaves[split:], whole=False)
    return [*path, rfc6962_root(leaves[:split])]


ROOTS = [rfc6962_root(LEAVES[:size]) for size in range(LARGEST + 1)]


def refused(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except ProofError:
        return True
    return False


# Hashes and roots


def test_the_reference_tree_of_certificate_transparency() -> None:
    vector = json.loads((VECTORS / "rfc6962-reference-tree.json").read_text())
    assert bytes.fromhex(vector["empty_root"]) == EMPTY_ROOT == tree_root([]) == Frontier().root()
    hashes = [leaf_hash(bytes.fromhex(data)) for data in vector["leaves_hex"]]
    frontier = Frontier()
    for size, expected in enumerate(map(bytes.fromhex, vector["root_after_n_leaves"]), 1):
        frontier.append(hashes[size - 1])
        assert frontier.root() == tree_root(hashes[:size]) == expected
        assert tree_root_at(size, leaf_reader(hashes)) == expected


def test_a_leaf_is_never_a_node() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"") != EMPTY_ROOT


def test_every_way_to_a_root_agrees_for_all_trees() -> None:
    frontier = Frontier()
    for size in range(LARGEST + 1):
        assert frontier.size == size
        assert (
            frontier.root() == tree_root(LEAVES[:size]) == tree_root_at(size, NODE) == ROOTS[size]
        )
        if size < LARGEST:
            frontier.append(LEAVES[size])


def test_a_frontier_extends_from_every_size_to_every_size() -> None:
    for old in range(40):
        for new in range(old, LARGEST + 1):
            frontier = Frontier()
            frontier.extend(LEAVES[:old])
            frontier.extend(LEAVES[old:new])
            assert (frontier.size, frontier.root()) == (new, ROOTS[new])
            assert len(frontier.hashes) == new.bit_count()


def test_a_frontier_survives_storage() -> None:
    for size in range(LARGEST):
        frontier = Frontier()
        frontier.extend(LEAVES[:size])
        again = Frontier.from_bytes(size, frontier.to_bytes())
        assert again.hashes == frontier.hashes
        again.append(LEAVES[size])
        assert again.root() == ROOTS[size + 1]
        assert frontier.root() == ROOTS[size]


@pytest.mark.parametrize(
    ("size", "raw"),
    [
        (0, b"x"),
        (1, b""),
        (1, bytes(31)),
        (1, bytes(33)),
        (2, bytes(64)),
        (3, bytes(63)),
        (-1, bytes(32)),
    ],
)
def test_a_damaged_frontier_is_refused(size: int, raw: bytes) -> None:
    with pytest.raises(ProofError):
        Frontier.from_bytes(size, raw)


def test_a_frontier_takes_only_hashes() -> None:
    for size in (0, 31, 33):
        with pytest.raises(ProofError, match="32 bytes"):
            Frontier().append(bytes(size))
        with pytest.raises(ProofError, match="32 bytes"):
            Frontier().extend([LEAVES[0], bytes(size)])


# Proofs, for all trees of 0 to 100 leaves


def test_every_inclusion_proof_is_that_of_rfc_6962_and_verifies() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = inclusion_proof(index, size, NODE)
            if size <= 40:
                assert proof == rfc6962_path(index, LEAVES[:size])
            verify_inclusion(index, size, LEAVES[index], proof, ROOTS[size])


def test_every_consistency_proof_is_that_of_rfc_6962_and_verifies() -> None:
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            proof = consistency_proof(old, new, NODE)
            verify_growth(old, new, ROOTS[old], ROOTS[new], proof)
            if old:
                verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)
            if old and new <= 40:
                assert proof == rfc6962_subproof(old, LEAVES[:new])


def valid_subtrees(size: int) -> Iterator[tuple[int, int]]:
    for start in range(size + 1):
        for end in range(start, size + 1):
            width = 1 << (end - start - 1).bit_length()
            if start == end or start % width == 0:
                yield start, end


def test_every_valid_subtree_is_proved_and_every_other_refused() -> None:
    for size in range(34):
        valid = set(valid_subtrees(size))
        for start in range(size + 1):
            for end in range(start, size + 1):
                root = rfc6962_root(LEAVES[start:end])
                if (start, end) not in valid:
                    with pytest.raises(ProofError, match="no valid subtree"):
                        subtree_consistency_proof(start, end, size, NODE)
                    path = inclusion_proof(0, end - start, leaf_reader(LEAVES[start:end]))
                    with pytest.raises(ProofError, match="no valid subtree"):
                        verify_subtree_inclusion(start, start, end, LEAVES[start], path, root)
                    with pytest.raises(ProofError, match="no valid subtree"):
                        verify_subtree_consistency(start, end, size, root, ROOTS[size], path)
                    continue
                proof = subtree_consistency_proof(start, end, size, NODE)
                verify_subtree_consistency(start, end, size, root, ROOTS[size], proof)
                inside = leaf_reader(LEAVES[start:end])
                for index in range(start, end):
                    path = inclusion_proof(index - start, end - start, inside)
                    verify_subtree_inclusion(index, start, end, LEAVES[index], path, root)


def test_the_worked_examples_of_the_merkle_tree_certificates_draft() -> None:
    def root(start: int, end: int) -> bytes:
        return rfc6962_root(LEAVES[start:end])

    assert subtree_consistency_proof(4, 8, 14, NODE) == [root(0, 4), root(8, 14)]
    assert subtree_consistency_proof(8, 13, 14, NODE) == [
        root(12, 13),
        root(13, 14),
        root(8, 12),
        root(0, 8),
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: inclusion_proof(5, 5, NODE),
        lambda: inclusion_proof(-1, 5, NODE),
        lambda: inclusion_proof(0, 0, NODE),
        lambda: consistency_proof(6, 5, NODE),
        lambda: consistency_proof(-1, 5, NODE),
        lambda: tree_root_at(-1, NODE),
    ],
    ids=["index = size", "index < 0", "empty tree", "old > new", "old < 0", "size < 0"],
)
def test_no_proof_is_made_of_what_is_not_there(make: Callable[[], object]) -> None:
    with pytest.raises(ProofError):
        make()


# Forgeries


def changed_bytes(value: bytes, *, every: bool) -> Iterator[bytes]:
    """Each byte of a hash with one bit changed (each fourth if not every), then other lengths."""
    for at in range(0, len(value), 1 if every else 4):
        yield value[:at] + bytes([value[at] ^ 1 << at % 8]) + value[at + 1 :]
    yield value[:-1]
    yield value + b"\x00"
    yield b""


def changed_proofs(proof: list[bytes], *, every: bool) -> Iterator[list[bytes]]:
    for at, sibling in enumerate(proof):
        for changed in changed_bytes(sibling, every=every):
            yield [*proof[:at], changed, *proof[at + 1 :]]
        yield [*proof[:at], *proof[at + 1 :]]
        yield [*proof[:at], sibling, *proof[at:]]
    for extra in (bytes(32), EMPTY_ROOT, b""):
        yield [*proof, extra]
        yield [extra, *proof]
    if len(proof) > 1 and proof[0] != proof[-1]:
        yield proof[::-1]


def tamper_inclusion(index: int, size: int, *, every: bool = True) -> None:
    leaf, root, proof = LEAVES[index], ROOTS[size], inclusion_proof(index, size, NODE)
    for forged in changed_proofs(proof, every=every):
        assert refused(partial(verify_inclusion, index, size, leaf, forged, root))
    for changed in changed_bytes(root, every=every):
        assert refused(partial(verify_inclusion, index, size, leaf, proof, changed))
    for changed in changed_bytes(leaf, every=every):
        assert refused(partial(verify_inclusion, index, size, changed, proof, root))
    for other in {-1, *range(size + 2)} - {index}:
        assert refused(partial(verify_inclusion, other, size, leaf, proof, root))


def tamper_consistency(old: int, new: int, *, every: bool = True) -> None:
    old_root, new_root, proof = ROOTS[old], ROOTS[new], consistency_proof(old, new, NODE)
    for verify in (verify_consistency, verify_growth):
        for forged in changed_proofs(proof, every=every):
            assert refused(partial(verify, old, new, old_root, new_root, forged))
        for changed in changed_bytes(old_root, every=every):
            assert refused(partial(verify, old, new, changed, new_root, proof))
        for changed in changed_bytes(new_root, every=every):
            assert refused(partial(verify, old, new, old_root, changed, proof))
        for other in {-1, *range(1, new + 2)} - {old}:
            assert refused(partial(verify, other, new, old_root, new_root, proof))


def test_every_changed_byte_index_and_length_of_inclusion_proofs_is_refused() -> None:
    for size in range(1, 21):
        for index in range(size):
            tamper_inclusion(index, size)


def test_every_changed_byte_size_and_length_of_consistency_proofs_is_refused() -> None:
    for new in range(1, 19):
        for old in range(1, new + 1):
            tamper_consistency(old, new)


def test_larger_trees_refuse_changes_too() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    for _ in range(150):
        new = draw.randrange(21, LARGEST + 1)
        tamper_inclusion(draw.randrange(new), new, every=False)
        tamper_consistency(draw.randrange(1, new + 1), new, every=False)


def test_a_wrong_size_is_refused_unless_it_asks_for_the_same_hashes() -> None:
    """RFC 6962 binds the shape, not the number: some sizes share a path, and the root decides."""
    for size in range(1, 33):
        for index in range(size):
            proof = inclusion_proof(index, size, NODE)
            for other in set(range(34)) - {size}:
                claim = partial(verify_inclusion, index, other, LEAVES[index], proof, ROOTS[size])
                if not refused(claim):
                    assert shape(index, other) == shape(index, size)


def test_a_wrong_new_size_is_refused_unless_it_asks_for_the_same_hashes() -> None:
    for new in range(2, 25):
        for old in range(1, new):
            proof = consistency_proof(old, new, NODE)
            for other in set(range(27)) - {new}:
                claim = partial(verify_growth, old, other, ROOTS[old], ROOTS[new], proof)
                if not refused(claim):
                    assert shape(old - 1, other) == shape(old - 1, new)


def shape(index: int, size: int) -> str:
    """Draw the path: at each level whether the sibling stands to the left or to the right."""
    sides, last = "", size - 1
    while last:
        if index & 1:
            sides += "<"
        elif index < last:
            sides += ">"
        index, last = index >> 1, last >> 1
    return sides


def test_a_leaf_of_another_tree_is_not_included() -> None:
    proof = inclusion_proof(3, 8, NODE)
    with pytest.raises(ProofError, match="another root"):
        verify_inclusion(3, 8, leaf_hash(b"forged"), proof, ROOTS[8])


def test_a_rewritten_history_is_not_consistent() -> None:
    forged = [*LEAVES[:4], leaf_hash(b"forged"), *LEAVES[5:12]]
    node = leaf_reader(forged)
    for old in range(5, 12):
        with pytest.raises(ProofError):
            verify_growth(old, 12, ROOTS[old], tree_root(forged), consistency_proof(old, 12, node))
    verify_growth(4, 12, ROOTS[4], tree_root(forged), consistency_proof(4, 12, node))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_what_is_not_32_bytes_is_refused_for_that(length: int) -> None:
    for at in range(3):
        proof = inclusion_proof(3, 8, NODE)
        proof[at] = bytes(length)
        with pytest.raises(ProofError, match="32 bytes"):
            verify_inclusion(3, 8, LEAVES[3], proof, ROOTS[8])
        proof = consistency_proof(6, 8, NODE)
        proof[at] = bytes(length)
        with pytest.raises(ProofError, match="32 bytes"):
            verify_consistency(6, 8, ROOTS[6], ROOTS[8], proof)


def test_a_huge_proof_is_refused_without_hashing_it() -> None:
    proof = [bytes(32)] * 100_000
    with pytest.raises(ProofError, match="100000 hashes"):
        verify_inclusion(0, 1 << 62, LEAVES[0], proof, ROOTS[1])
    with pytest.raises(ProofError, match="too long"):
        verify_growth(1, 1 << 62, ROOTS[1], ROOTS[2], proof)


# Growth as a witness sees it


def test_any_tree_may_follow_the_empty_one_but_is_not_called_consistent() -> None:
    for new in (0, 7):
        verify_growth(0, new, EMPTY_ROOT, ROOTS[new], [])
        with pytest.raises(ProofError, match="empty tree"):
            verify_consistency(0, new, EMPTY_ROOT, ROOTS[new], [])


@pytest.mark.parametrize(
    ("old", "new", "old_root", "new_root", "proof"),
    [
        (0, 7, EMPTY_ROOT, ROOTS[7], [ROOTS[1]]),
        (0, 7, ROOTS[1], ROOTS[7], []),
        (0, 0, EMPTY_ROOT, ROOTS[1], []),
        (0, 7, EMPTY_ROOT, b"short", []),
        (5, 5, b"short", b"short", []),
        (5, 5, ROOTS[5], ROOTS[6], []),
        (5, 5, ROOTS[5], ROOTS[5], [ROOTS[5]]),
        (6, 5, ROOTS[6], ROOTS[5], []),
        (-1, 5, EMPTY_ROOT, ROOTS[5], []),
    ],
)
def test_a_witness_is_not_misled(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]
) -> None:
    with pytest.raises(ProofError):
        verify_growth(old, new, old_root, new_root, proof)


# 518 probes of transparency-dev/merkle, as they are


def run_probe(kind: str, probe: dict[str, Any]) -> None:
    hashes = {
        name: b64decode(probe[name], validate=True)
        for name in ("root", "root1", "root2", "leafHash")
        if name in probe
    }
    proof = [b64decode(value, validate=True) for value in probe["proof"] or ()]
    match kind:
        case "inclusion":
            verify_inclusion(
                probe["leafIdx"], probe["treeSize"], hashes["leafHash"], proof, hashes["root"]
            )
        case "consistency":
            verify_consistency(
                probe["size1"], probe["size2"], hashes["root1"], hashes["root2"], proof
            )
        case "subtreeinclusion":
            verify_subtree_inclusion(
                probe["leafIdx"],
                probe["start"],
                probe["end"],
                hashes["leafHash"],
                proof,
                hashes["root"],
            )
        case "subtreeconsistency":
            verify_subtree_consistency(
                probe["start"],
                probe["end"],
                probe["size"],
                hashes["root1"],
                hashes["root2"],
                proof,
            )


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        ("inclusion", 98),
        ("consistency", 98),
        ("subtreeinclusion", 204),
        ("subtreeconsistency", 118),
    ],
)
def test_the_probes_of_transparency_dev(kind: str, count: int) -> None:
    paths = sorted((PROBES / kind).rglob("*.json"))
    assert len(paths) == count
    for path in paths:
        probe = json.loads(path.read_text())
        verdict = refused(partial(run_probe, kind, probe))
        assert verdict is probe["wantErr"], f"{path.relative_to(PROBES)}: {probe['desc']}"


# Larger trees

MANY_LEAVES = [leaf_hash(b"%d" % number) for number in range(60_001)]


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_extending_equals_starting_again(first: int, second: int) -> None:
    leaves = MANY_LEAVES[: first + second]
    frontier = Frontier()
    frontier.extend(leaves[:first])
    frontier.extend(iter(leaves[first:]))
    assert frontier.root() == tree_root(leaves)


def test_a_tree_of_sixty_thousand_leaves() -> None:
    leaves, node, root = MANY_LEAVES, leaf_reader(MANY_LEAVES), tree_root(MANY_LEAVES)
    for index in (0, 1, 32_767, 32_768, 59_999, 60_000):
        proof = inclusion_proof(index, len(leaves), node)
        verify_inclusion(index, len(leaves), leaves[index], proof, root)
        old_root = tree_root(leaves[: index + 1])
        verify_growth(index + 1, 60_001, old_root, root, consistency_proof(index + 1, 60_001, node))

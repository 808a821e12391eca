"""The stored tree: tiles, roots, proofs and checkpoints are those of the plain tree (promise 4)."""

from __future__ import annotations

import pytest

from ledger import rebuild
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint
from ledger.tlog.merkle import (
    Frontier,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from ledger.tlog.note import Note, VerifierKey
from ledger.tree import StoredTree
from tests.ledger.ledgers import small_act


def test_a_checkpoint_is_stored_once_a_state_and_opens_with_the_pinned_key(
    ledger: Ledger, admin: Acting
) -> None:
    vkey = VerifierKey.parse((ledger.folder.trust / "ledger.vkey").read_text().strip())
    first = ledger.sign_checkpoint()
    assert ledger.sign_checkpoint() == first
    ledger.act(admin, [small_act()])
    second = ledger.sign_checkpoint()
    assert second != first
    for note in (first, second):
        opened = open_checkpoint(note, [vkey])
        assert opened.checkpoint.origin == ledger.origin
    with ledger.engine.connect() as connection:
        sizes = connection.exec_driver_sql("SELECT size FROM checkpoints ORDER BY id").scalars()
        assert list(sizes) == [1, 2, 3]
    size, root = ledger.seen()
    assert Checkpoint.parse(Note.parse(second).text) == Checkpoint(ledger.origin, size, root)


def test_every_checkpoint_is_a_prefix_of_every_later_one(ledger: Ledger, admin: Acting) -> None:
    checkpoints = [Checkpoint.parse(Note.parse(ledger.sign_checkpoint()).text)]
    for number in range(12):
        ledger.act(admin, [small_act(number)])
        checkpoints.append(Checkpoint.parse(Note.parse(ledger.sign_checkpoint()).text))
    tree = ledger.log.tree
    for old in checkpoints:
        for new in checkpoints:
            if old.size <= new.size:
                proof = tree.consistency(old.size, new.size)
                verify_consistency(old.size, new.size, old.root, new.root, proof)


@pytest.fixture
def long_ledger(ledger: Ledger, admin: Acting) -> tuple[Ledger, list[bytes]]:
    """A ledger of more entries than a tile is wide, and the hashes of its entries."""
    for number in range(300 - ledger.seen()[0]):
        ledger.act(admin, [small_act(number)])
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT data FROM commits ORDER BY entry").scalars()
        leaves = [leaf_hash(data) for data in rows]
    assert len(leaves) == 300
    return ledger, leaves


def test_tiles_and_proofs_of_a_long_ledger_are_those_of_the_plain_tree(
    long_ledger: tuple[Ledger, list[bytes]],
) -> None:
    ledger, leaves = long_ledger
    with ledger.engine.connect() as connection:
        tree = StoredTree(connection)  # nothing cached
        assert connection.exec_driver_sql("SELECT level, number, data FROM tiles").all() == [
            (0, 0, b"".join(leaves[:256]))
        ]
        frontier = Frontier()
        assert tree.root_at(0) == frontier.root()
        for size, leaf in enumerate(leaves, 1):
            frontier.append(leaf)
            assert tree.root_at(size) == frontier.root()
        assert frontier.root() == tree_root(leaves) == ledger.seen()[1]
        for index, leaf in enumerate(leaves):
            for size in {index + 1, 256, 257, 300}:
                if index < size:
                    proof = tree.inclusion(index, size)
                    verify_inclusion(index, size, leaf, proof, tree.root_at(size))
        for old in (1, 2, 255, 256, 257, 299, 300):
            proof = tree.consistency(old, 300)
            verify_consistency(old, 300, tree.root_at(old), tree.root_at(300), proof)
        assert rebuild.check(connection) == []

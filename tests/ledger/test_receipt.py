"""The receipt of an act: its entry's tlog-proof against a signed checkpoint."""

from __future__ import annotations

import pytest

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import ProofError, UsageError
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.merkle import leaf_hash, verify_inclusion
from ledger.tlog.proof import TlogProof
from tests.ledger.ledgers import buyer


def entry_bytes(ledger: Ledger, entry: int) -> bytes:
    with ledger.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT data FROM commits WHERE entry = ?", (entry,))
        return bytes(row.scalar_one())


def test_a_receipt_proves_every_entry_with_the_pinned_key_alone(
    ledger: Ledger, admin: Acting
) -> None:
    receipts = [ledger.act(admin, [buyer()]) for _ in range(5)]
    ledger.sign_checkpoint()
    for entry in (0, 1, *(receipt.entry for receipt in receipts)):
        proof = TlogProof.parse(ledger.receipt(entry))
        opened = open_checkpoint(proof.checkpoint_note, [ledger.folder.pinned_key()])
        leaf = leaf_hash(entry_bytes(ledger, entry))
        head = opened.checkpoint
        verify_inclusion(proof.index, head.size, leaf, list(proof.hashes), head.root)
        with pytest.raises(ProofError):
            verify_inclusion(proof.index, head.size, bytes(32), list(proof.hashes), head.root)


def test_there_is_no_receipt_before_a_checkpoint_covers_the_act(
    ledger: Ledger, admin: Acting
) -> None:
    receipt = ledger.act(admin, [buyer()])
    with pytest.raises(UsageError, match="no checkpoint covers"):
        ledger.receipt(receipt.entry)
    ledger.sign_checkpoint()
    assert ledger.receipt(receipt.entry).startswith(b"c2sp.org/tlog-proof@v1\n")

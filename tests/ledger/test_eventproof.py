"""The proof of one event: checked with the tree's own verifiers, and never of what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.errors import UsageError
from ledger.eventproof import EventProof, Prover
from ledger.signing import new_ids
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.merkle import leaf_hash, verify_inclusion
from tests.ledger.ledgers import collect_files, small_act


def check(ledger: Ledger, proof: EventProof) -> None:
    note = proof.entry.commit.note
    in_commit, in_ledger = proof.in_commit, proof.in_ledger
    leaf = leaf_hash(proof.state)
    verify_inclusion(in_commit.index, note.count, leaf, list(in_commit.hashes), note.root)
    key = ledger.folder.pinned_key()
    head = open_checkpoint(in_ledger.checkpoint_note, [key]).checkpoint
    leaf = leaf_hash(proof.entry.format())
    verify_inclusion(in_ledger.index, head.size, leaf, list(in_ledger.hashes), head.root)
    assert in_commit.checkpoint_note == proof.entry.commit.format()


def test_every_event_of_a_ledger_is_proved(ledger: Ledger, admin: Acting, tmp_path: Path) -> None:
    collect_files(ledger, admin, tmp_path / "丁家巷", 3)
    ledger.act(admin, [small_act(1)])
    note = ledger.sign_checkpoint()
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT position, state FROM events").all()
        prover = Prover(connection, note)
        for position, state in rows:
            stream = bytes(state).decode().partition('"stream":"')[2].partition('"')[0]
            version = bytes(state).decode().rpartition('"version":')[2].partition("}")[0]
            proof = prover.prove(f"{stream}/{version}")
            assert (proof.position, proof.state) == (position, bytes(state))
            check(ledger, proof)
    assert len(rows) > 20


def test_an_older_state_proves_what_it_covers_and_nothing_later(
    ledger: Ledger, admin: Acting
) -> None:
    before = ledger.act(admin, [small_act(1)]).events[0].id
    note = ledger.sign_checkpoint()
    after = [ledger.act(admin, [small_act(number)]).events[0].id for number in (2, 3)]
    with ledger.engine.connect() as connection:
        prover = Prover(connection, note)
        check(ledger, prover.prove(before))
        for event in after:
            with pytest.raises(UsageError, match="under the checkpoint"):
                prover.prove(event)


@pytest.mark.parametrize("version", ["0", "9", "", "1/1", "-1", "1.0", "¹"])
def test_what_is_no_event_has_no_proof(ledger: Ledger, admin: Acting, version: str) -> None:
    note = ledger.sign_checkpoint()
    with ledger.engine.connect() as connection:
        prover = Prover(connection, note)
        other = ledger.ledger_id.replace("ledger-", "record-")
        with pytest.raises(UsageError, match="no event"):
            prover.prove(f"{other}/1")
        for stream in (ledger.ledger_id, new_ids("record")[0], "record", ""):
            with pytest.raises(UsageError, match="no event"):
                prover.prove(f"{stream}/{version}")

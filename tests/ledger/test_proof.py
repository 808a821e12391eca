"""`.tlog-proof` files: read exactly as written, and no claim beyond their form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DataError, ProofError
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.tlog.commit import CommitNote, SignedCommit, SignerLine, sign
from ledger.tlog.merkle import leaf_hash, node_hash, verify_inclusion
from ledger.tlog.note import Note, encode_base64
from ledger.tlog.proof import MAX_HASHES, MAX_PROOF_BYTES, TlogProof
from tests.ledger.signers import one_byte_changes, signer

ORIGIN = "example.com/ledger"
LEAVES = [leaf_hash(b"%d" % n) for n in range(3)]
LEFT = node_hash(LEAVES[0], LEAVES[1])
CHECKPOINT = Checkpoint(ORIGIN, 3, node_hash(LEFT, LEAVES[2]))
NOTE = Note(CHECKPOINT.format(), (sign_checkpoint(CHECKPOINT, signer(ORIGIN)),)).format()
PROOF = TlogProof(1, (LEAVES[0], LEAVES[2]), NOTE, extra=b"a hint")
DATA = PROOF.format()


def accept(data: bytes) -> TlogProof:
    """Everything that a receiver checks who knows the leaf, the origin and the log's key."""
    proof = TlogProof.parse(data)
    head = open_checkpoint(proof.checkpoint_note, [signer(ORIGIN).verifier], ORIGIN).checkpoint
    verify_inclusion(proof.index, head.size, LEAVES[1], proof.hashes, head.root)
    return proof


def test_a_proof_is_laid_out_as_published() -> None:
    expected = (
        "c2sp.org/tlog-proof@v1\n"
        f"extra {encode_base64(b'a hint')}\n"
        "index 1\n"
        f"{encode_base64(LEAVES[0])}\n"
        f"{encode_base64(LEAVES[2])}\n"
        "\n"
    )
    assert expected.encode() + NOTE == DATA
    assert accept(DATA) == PROOF
    assert PROOF.head == CHECKPOINT


def test_every_one_byte_change_is_refused_save_in_what_nothing_authenticates() -> None:
    for changed in one_byte_changes(DATA):
        try:
            proof = accept(changed)
        except DataError:
            continue
        assert proof.format() == changed
        assert proof.extra != PROOF.extra
        assert (proof.index, proof.hashes, proof.head) == (1, PROOF.hashes, CHECKPOINT)


def test_a_tree_of_one_leaf_needs_no_hash() -> None:
    head = Checkpoint(ORIGIN, 1, LEAVES[0])
    note = Note(head.format(), (sign_checkpoint(head, signer(ORIGIN)),)).format()
    proof = TlogProof(0, (), note)
    assert proof.format() == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + note
    assert TlogProof.parse(proof.format()) == proof


def test_the_proof_of_an_event_carries_its_commit_note() -> None:
    toy = signer(f"{ORIGIN}/a/0192")
    signers = (SignerLine(toy.verifier.name, toy.verifier.key_id, "custodian"),)
    text = CommitNote(
        ORIGIN, "0" * 32, 3, CHECKPOINT.root, 1, LEAVES[0], None, "muniment/0.1.0", signers
    )
    commit = SignedCommit(text, (sign(text, toy),))
    proof = TlogProof(1, PROOF.hashes, commit.format())
    assert TlogProof.parse(proof.format()) == proof
    assert proof.head == Checkpoint(f"{ORIGIN}/commit/{'0' * 32}", 3, CHECKPOINT.root)
    assert SignedCommit.parse(proof.checkpoint_note) == commit


HASH = encode_base64(LEAVES[0]).encode()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"@v1", b"@v2", "does not begin with"),
        (b"c2sp", b"\nc2sp", "does not begin with"),
        (b"extra ", b"extra  ", "canonical base64"),
        (b"extra YSBoaW50", b"extra ", "no 'extra' line"),
        (b"extra YSBoaW50", b"extra", "no index line"),
        (b"extra YSBoaW50\n", b"extra YSBoaW50\nextra YSBoaW50\n", "no index line"),
        (b"index 1", b"index 01", "leading zeros"),
        (b"index 1", b"index -1", "decimal number"),
        (b"index 1", b"index ", "decimal number"),
        (b"index 1", b"index 3", "not below the size"),
        (b"index 1", b"index 9223372036854775808", "below 2"),
        (b"index 1\n", b"", "no index line"),
        (HASH, HASH[:-1], "canonical base64"),
        (HASH, HASH[:40], "does not have 32 bytes"),
        (HASH, HASH + b"\r", "canonical base64"),
        (HASH, "é".encode(), "not ASCII"),
        (b"\n\nexample", b"\nexample", "canonical base64"),
        (b"\n3\n", b"\n\n3\n", "checkpoint"),
        (b"\n3\n", b"\n03\n", "checkpoint"),
        (b"\n3\n", b"\n", "checkpoint"),
        ("\n\n—".encode(), "\nmore\n\n\n—".encode(), "checkpoint has an empty line"),
    ],
)
def test_what_is_not_a_proof_is_refused(old: bytes, new: bytes, why: str) -> None:
    assert old in DATA
    with pytest.raises(ProofError, match=why):
        TlogProof.parse(DATA.replace(old, new, 1))


def test_a_proof_has_at_most_63_hashes() -> None:
    most = TlogProof(1, (LEAVES[0],) * MAX_HASHES, NOTE)
    assert TlogProof.parse(most.format()) == most
    more = most.format().replace(b"index 1\n", b"index 1\n" + HASH + b"\n")
    with pytest.raises(ProofError, match="at most 63 hashes"):
        TlogProof.parse(more)
    with pytest.raises(ProofError, match="at most 63 hashes"):
        TlogProof(1, (LEAVES[0],) * 64, NOTE)
    with pytest.raises(ProofError, match="of 32 bytes"):
        TlogProof(1, (b"short",), NOTE)


def test_size_is_checked_before_anything_is_decoded() -> None:
    with pytest.raises(ProofError, match="longer than"):
        TlogProof.parse(b"\xff" * (MAX_PROOF_BYTES + 1))
    with pytest.raises(ProofError, match="longer than"):
        TlogProof(1, (), NOTE, extra=bytes(MAX_PROOF_BYTES))


@given(
    st.integers(0, 2),
    st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_HASHES),
    st.none() | st.binary(min_size=1, max_size=50),
)
def test_proofs_are_read_as_written(index: int, hashes: list[bytes], extra: bytes | None) -> None:
    proof = TlogProof(index, tuple(hashes), NOTE, extra)
    assert TlogProof.parse(proof.format()) == proof


@given(st.lists(st.sampled_from([*DATA.splitlines(keepends=True)[:6], b"index 2\n", b"\n"])))
def test_what_the_parser_accepts_it_writes_back(lines: list[bytes]) -> None:
    data = b"".join(lines) + NOTE
    try:
        proof = TlogProof.parse(data)
    except ProofError:
        return
    assert proof.format() == data

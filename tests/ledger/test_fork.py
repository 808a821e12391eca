"""Evidence of a fork: it convicts a log that signed two histories, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import NoteError, ProofError
from ledger.tlog.fork import MAX_FORK_BYTES, Began, Fork, read_head, relate
from ledger.tlog.merkle import EMPTY_ROOT, consistency_roots
from ledger.tlog.note import encode_base64
from tests.ledger.signers import one_byte_changes, signer
from tests.ledger.witnesses import Log, signed_text


def began(log: Log) -> Began:
    """What an honest keeper of this history answers."""
    return lambda old, new: (log.head(old).root, log.proof(old, new))


def test_every_fork_of_small_logs_is_proved_and_no_growth_is() -> None:
    """All sizes, all places where two histories part, from either side."""
    for size in range(1, 12):
        log = Log(size=size)
        for at in range(size):
            for length in range(1, 12 - at):
                other = log.fork(at, length)
                for mine in range(1, size + 1):
                    theirs = at + length
                    left, right = log.note(mine), other.note()
                    larger = log if mine > theirs else other
                    relation, fork = relate(left, right, [log.vkey], began(larger))
                    same_history = mine <= at
                    assert (relation == "fork") == (not same_history)
                    assert (fork is not None) == (not same_history)
                    if fork is not None:
                        fork.check([log.vkey])
                        assert Fork.parse(fork.format()) == fork
                        again, mirrored = relate(right, left, [log.vkey], began(larger))
                        assert (again, mirrored) == ("fork", fork)


def test_growth_is_ahead_or_behind_and_a_state_is_itself() -> None:
    log = Log(size=9)
    keys = [log.vkey]
    assert relate(log.note(4), log.note(9), keys, began(log)) == ("behind", None)
    assert relate(log.note(9), log.note(4), keys, began(log)) == ("ahead", None)
    assert relate(log.note(9), log.note(9), keys, began(log)) == ("same", None)
    assert relate(log.note(0), log.note(9), keys, began(log)) == ("behind", None)


def test_a_helper_that_lies_is_not_believed() -> None:
    log, other = Log(size=9), Log(size=9).fork(2, 7)
    with pytest.raises(ProofError):
        relate(log.note(5), log.note(9), [log.vkey], began(other))
    with pytest.raises(ProofError):
        relate(log.note(5), other.note(9), [log.vkey], began(log))
    with pytest.raises(ProofError):
        relate(
            log.note(5), log.note(9), [log.vkey],
            lambda _old, _new: (EMPTY_ROOT, log.proof(5, 9)),
        )  # fmt: skip


def test_a_log_that_kept_one_history_cannot_be_convicted() -> None:
    log = Log(size=9)
    keys = [log.vkey]
    for root, hashes in (
        (log.head(4).root, log.proof(4, 9)), (None, ()), (EMPTY_ROOT, log.proof(4, 9)),
        (log.head(4).root, ()), (bytes(32), log.proof(5, 9)),
    ):  # fmt: skip
        with pytest.raises(ProofError):
            Fork.between(log.note(4), log.note(9), root, hashes).check(keys)
    with pytest.raises(ProofError):
        Fork.between(log.note(4), log.note(4)).check(keys)
    with pytest.raises(ProofError):
        Fork.between(log.note(0), log.note(4), bytes(32)).check(keys)


def test_what_others_signed_convicts_nobody() -> None:
    log, stranger = Log(size=4), signer("stranger.example/x")
    other = log.fork(1, 3)
    forged = signed_text(stranger, other.head().format())
    with pytest.raises(NoteError, match="no signature by a known key"):
        Fork.between(log.note(), forged).check([log.vkey])
    with pytest.raises(NoteError):
        Fork.between(log.note(), other.note()).check([stranger.verifier])
    two = Log("two.example/log", 4)
    with pytest.raises(NoteError, match="two logs"):
        Fork.between(log.note(), two.note()).check([log.vkey, two.vkey])


def test_every_changed_byte_of_the_evidence_fails() -> None:
    log = Log(size=6)
    for other in (log.fork(3, 3), log.fork(3, 8)):
        relation, fork = relate(log.note(), other.note(), [log.vkey], began(other))
        assert relation == "fork"
        assert fork is not None
        for changed in one_byte_changes(fork.format()):
            with pytest.raises((NoteError, ProofError)):
                Fork.parse(changed).check([log.vkey])


HEADER = b"muniment-fork/1\n"


@pytest.mark.parametrize(
    "data",
    [
        b"", HEADER, HEADER + b"\n", HEADER + b"smaller 0\nlarger 0\n\n",
        HEADER + b"smaller 5\nlarger 9\n\n", HEADER + b"smaller -1\nlarger 1\n\n",
        HEADER + b"larger 1\nsmaller 1\n\n", HEADER + b"smaller 01\nlarger 1\n\n",
        HEADER.replace(b"1", b"2") + b"smaller 1\nlarger 1\n\nxx",
        HEADER + b"smaller 1\nlarger 1\n" + b"root x\n\nab", b"\xff" * 40 + b"\n\n",
        HEADER + b"smaller 1\nlarger 1\nroot " + encode_base64(bytes(32)).encode() + b"\n"
        + (encode_base64(bytes(32)).encode() + b"\n") * 64 + b"\nab",
        b"x" * (MAX_FORK_BYTES + 1),
    ],
)  # fmt: skip
def test_what_is_no_evidence_is_refused(data: bytes) -> None:
    with pytest.raises((NoteError, ProofError)):
        Fork.parse(data).check([signer("example.com/log").verifier])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_refused_or_written_the_same(data: bytes) -> None:
    for raw in (data, HEADER + data, HEADER + b"smaller 3\nlarger 2\n\n" + data):
        try:
            fork = Fork.parse(raw)
        except NoteError:
            continue
        assert fork.format() == raw


def test_the_roots_that_a_proof_gives() -> None:
    log, other = Log(size=9), Log(size=9).fork(2, 7)
    old, new = log.head(5), log.head(9)
    assert consistency_roots(5, 9, bytes(32), log.proof(5)) == (old.root, new.root)
    assert consistency_roots(5, 9, old.root, other.proof(5)) == (
        other.head(5).root, other.head(9).root,
    )  # fmt: skip
    assert consistency_roots(4, 9, log.head(4).root, log.proof(4)) == (log.head(4).root, new.root)
    for old_size, new_size, hashes in ((0, 9, ()), (10, 9, ()), (5, 9, ()), (5, 9, (b"x",))):
        with pytest.raises(ProofError):
            consistency_roots(old_size, new_size, bytes(32), hashes)
    assert read_head(log.note()) == log.head()

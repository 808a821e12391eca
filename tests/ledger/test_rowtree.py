"""One row of a series is shown and proved; nobody learns another row from it."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from ledger.errors import ProofError
from ledger.rowtree import RowProof, prove, root, verify

SEED = bytes(range(32))
ROWS = [f'["客户{number}","1381234{number:04}"]'.encode() for number in range(70)]


def root_as_the_page_says(rows: list[bytes], seed: bytes) -> bytes:
    """RFC 6962 section 2.1, word by word, over leaves made as the module's page says."""

    def leaf(number: int) -> bytes:
        r = hmac.new(seed, number.to_bytes(8, "big"), "sha256").digest()
        label = b"muniment/row/v1"
        inner = hashlib.sha256(rows[number - 1]).digest()
        return hashlib.sha256(bytes([len(label)]) + label + r + inner).digest()

    def tree(low: int, high: int) -> bytes:
        if high - low == 1:
            return hashlib.sha256(b"\x00" + leaf(high)).digest()
        split = 1
        while split * 2 < high - low:
            split *= 2
        left, right = tree(low, low + split), tree(low + split, high)
        return hashlib.sha256(b"\x01" + left + right).digest()

    return tree(0, len(rows)) if rows else hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(70))
def test_every_row_of_every_small_series_is_proved(size: int) -> None:
    rows = ROWS[:size]
    top, count = root(iter(rows), SEED)
    assert (top, count) == (root_as_the_page_says(rows, SEED), size)
    for number in range(1, size + 1):
        verify(top, size, rows[number - 1], prove(iter(rows), SEED, number))


@given(st.integers(1, 60), st.data())
def test_nothing_but_the_very_row_is_proved(size: int, data: st.DataObject) -> None:
    rows = ROWS[:size]
    top, _count = root(rows, SEED)
    number = data.draw(st.integers(1, size))
    proof = prove(rows, SEED, number)
    wrong: list[tuple[bytes, int, bytes, RowProof]] = [
        (top, size, ROWS[number], proof),
        (top, size, rows[number - 1] + b" ", proof),
        (top, size + 64, rows[number - 1], proof),
        (bytes(32), size, rows[number - 1], proof),
        (top, size, rows[number - 1], changed(proof, r=bytes(32))),
        (top, size, rows[number - 1], changed(proof, r=b"")),
        (top, size, rows[number - 1], changed(proof, number=0)),
        (top, size, rows[number - 1], changed(proof, number=size + 1)),
        (top, size, rows[number - 1], changed(proof, hashes=(*proof.hashes, bytes(32)))),
        *((top, size, rows[number - 1], changed(proof, number=other))
          for other in range(1, size + 1) if other != number),
        *((top, size, rows[number - 1], changed(proof, hashes=(
            *proof.hashes[:at], bytes(32), *proof.hashes[at + 1 :])))
          for at in range(len(proof.hashes))),
    ]  # fmt: skip
    for case in wrong:
        with pytest.raises(ProofError):
            verify(*case)


@pytest.mark.parametrize("number", [-1, 0, 4, 10**9])
def test_there_is_no_proof_of_a_row_that_is_not_there(number: int) -> None:
    with pytest.raises(ProofError):
        prove(ROWS[:3], SEED, number)


def test_the_same_rows_in_two_series_have_nothing_in_common() -> None:
    assert root(ROWS, SEED) != root(ROWS, bytes(32))
    mine, other = prove(ROWS, SEED, 3), prove(ROWS, bytes(32), 3)
    assert not {mine.r, *mine.hashes} & {other.r, *other.hashes}


def test_equal_rows_cannot_be_told_from_different_ones() -> None:
    """With one row's proof nobody can try a guess against its neighbour's hash."""
    proof = prove([b'["1"]', b'["1"]'], SEED, 1)
    r = hmac.new(SEED, (2).to_bytes(8, "big"), "sha256").digest()
    assert proof.r != r
    guess = hashlib.sha256(b"\x0fmuniment/row/v1" + proof.r + hashlib.sha256(b'["1"]').digest())
    assert hashlib.sha256(b"\x00" + guess.digest()).digest() not in proof.hashes


def test_a_proof_does_not_show_its_blinding_value_unasked() -> None:
    assert prove(ROWS, SEED, 1).r.hex()[:8] not in repr(prove(ROWS, SEED, 1))


def test_many_rows_take_no_more_memory_than_few() -> None:
    code = (
        "import resource, sys; from ledger.rowtree import root, prove\n"
        "rows = lambda: (b'%d' % n for n in range(int(sys.argv[1])))\n"
        "root(rows(), bytes(32)); prove(rows(), bytes(32), 7)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(rows: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", code, str(rows)], capture_output=True, check=True, timeout=60
        )
        return int(done.stdout)

    assert peak(300_000) < peak(10_000) + 3_000

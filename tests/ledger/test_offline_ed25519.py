"""The verifier in bundles says of every signature what the ledger itself says."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from ledger.errors import NoteError
from ledger.offline import ed25519
from ledger.tlog import ed25519 as reference
from tests.ledger import edwards
from tests.ledger.signers import signer
from tests.ledger.test_ed25519 import wycheproof

Verify = Callable[[bytes, bytes, bytes], None]


def accepts(verify: Verify, public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        verify(public_key, signature, message)
    except (NoteError, ValueError):
        return False
    return True


def agreed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """The answer of both; a test fails where they differ."""
    ours = accepts(ed25519.verify, public_key, signature, message)
    assert ours == accepts(reference.verify, public_key, signature, message), (
        public_key.hex(), signature.hex(), message.hex(),
    )  # fmt: skip
    return ours


def test_every_wycheproof_vector_has_the_published_result() -> None:
    for number, public_key, test in wycheproof():
        answer = agreed(public_key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
        assert answer == (test["result"] == "valid"), (number, test["comment"])


def odd_encodings() -> list[bytes]:
    """Small order, not canonical, off the curve: every encoding that libraries disagree about."""
    numbers = {n for k in range(20) for n in (k, edwards.P - 1 + k, 2**255 - 1 - k)}
    encodings = {n.to_bytes(32, "little") for n in numbers if n < 2**255}
    encodings |= reference.SMALL_ORDER
    return sorted(encodings | {e[:31] + bytes([e[31] ^ 0x80]) for e in encodings})


def test_keys_of_small_order_or_odd_form_are_refused_as_the_ledger_refuses_them() -> None:
    good = signer("offline.example")
    signature = good.sign(b"m")
    for encoding in odd_encodings():
        agreed(encoding, signature, b"m")
        agreed(encoding, encoding + bytes(32), b"m")
        agreed(good.verifier.public, encoding + signature[32:], b"m")
        with_torsion = edwards.decode(encoding)
        assert (with_torsion is not None) or not accepts(ed25519.verify, encoding, signature, b"m")


def test_a_point_that_is_no_key_of_small_order_passes_both_gates() -> None:
    for encoding in odd_encodings():
        refusals = []
        for check in (ed25519.check_public_key, reference.check_public_key):
            try:
                check(encoding)
                refusals.append(False)
            except (NoteError, ValueError):
                refusals.append(True)
        assert refusals[0] == refusals[1], encoding.hex()


def test_keys_with_a_component_of_small_order_are_judged_without_the_cofactor() -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw = random.Random(seed)
    answers = []
    for number in range(40):
        secret, nonce = draw.randrange(1, edwards.L), draw.randrange(1, edwards.L)
        message = draw.randbytes(draw.randrange(40))
        torsion = draw.randrange(8), draw.randrange(8) * (number & 1)
        public, signature = edwards.forge(secret, nonce, message, *torsion)
        answers.append(agreed(public, signature, message))
    assert agreed(reference._COFACTOR_KEY, reference._COFACTOR_SIGNATURE,
                  reference._COFACTOR_MESSAGE) is False  # fmt: skip
    assert any(answers)
    assert not all(answers)


def test_s_is_below_the_group_order() -> None:
    good = signer("offline.example")
    signature = good.sign(b"m")
    s = int.from_bytes(signature[32:], "little")
    for twin in (s + edwards.L, edwards.L, edwards.L - 1, 2**256 - 1):
        damaged = signature[:32] + twin.to_bytes(32, "little")
        assert not agreed(good.verifier.public, damaged, b"m")


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65])
def test_lengths_are_exact(length: int) -> None:
    good = signer("offline.example")
    signature = good.sign(b"m")
    assert not agreed((good.verifier.public * 3)[:length], signature, b"m")
    assert not agreed(good.verifier.public, (signature * 2)[:length], b"m")


def test_random_signatures_hold_and_fail_with_any_changed_bit() -> None:
    seed = random.SystemRandom().getrandbits(64)
    print(f"seed {seed}")
    draw = random.Random(seed)
    for number in range(60):
        good = signer(f"offline{draw.randrange(8)}.example")
        message = draw.randbytes(draw.randrange(2000))
        signature = good.sign(message)
        assert agreed(good.verifier.public, signature, message), number
        parts = [good.verifier.public, signature, message + b"."]
        which = draw.randrange(3)
        damaged = bytearray(parts[which])
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        parts[which] = bytes(damaged)
        assert not agreed(*parts), number

"""One strict gate, one answer, whichever library stands behind it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import NoteError
from ledger.tlog import ed25519
from tests.ledger import edwards
from tests.ledger.signers import signer

VECTORS = Path(__file__).parent.parent / "vectors" / "wycheproof" / "ed25519_test.json"


@pytest.fixture
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setattr(ed25519, "_library_verify", ed25519.BACKENDS[name])
    return name


each_backend = pytest.mark.parametrize("backend", sorted(ed25519.BACKENDS), indirect=True)


def accepted(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        ed25519.verify(public_key, signature, message)
    except NoteError:
        return False
    return True


def wycheproof() -> list[tuple[int, bytes, dict[str, Any]]]:
    groups = json.loads(VECTORS.read_bytes())["testGroups"]
    return [
        (test["tcId"], bytes.fromhex(group["publicKey"]["pk"]), test)
        for group in groups
        for test in group["tests"]
    ]


@each_backend
def test_every_wycheproof_vector_has_the_published_result(backend: str) -> None:
    tests = wycheproof()
    assert len(tests) == 151
    for number, public_key, test in tests:
        message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
        answer = accepted(public_key, signature, message)
        assert answer == (test["result"] == "valid"), (number, test["comment"])


def test_the_small_order_list_is_complete() -> None:
    assert {edwards.encode(point) for point in edwards.TORSION} == ed25519.SMALL_ORDER


@each_backend
def test_a_small_order_key_that_would_sign_any_message_is_refused(backend: str) -> None:
    """With A the identity, the equation S·B = R + h·A holds for every message."""
    _, signature = edwards.forge(secret=0, nonce=7, message=b"")
    for encoding in sorted(ed25519.SMALL_ORDER):
        for message in (b"", b"I never wrote this", b"nor this"):
            with pytest.raises(NoteError, match="public key has small order"):
                ed25519.verify(encoding, signature, message)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (edwards.P, "not in canonical form"),
        (edwards.P + 1, "not in canonical form"),
        (2**255 - 1, "not in canonical form"),
        (edwards.P | 1 << 255, "not in canonical form"),
        (1 | 1 << 255, "not in canonical form"),  # x = 0 with the sign bit
        (edwards.P - 1 | 1 << 255, "not in canonical form"),
        (1, "small order"),
        (edwards.P - 1, "small order"),
        (0, "small order"),
        (2, "not a point on the curve"),
    ],
)
@each_backend
def test_a_strange_encoding_is_refused_by_name(number: int, why: str, backend: str) -> None:
    encoding = number.to_bytes(32, "little")
    public_key, signature = edwards.forge(secret=5, nonce=7, message=b"m")
    with pytest.raises(NoteError, match=f"public key .*{why}"):
        ed25519.verify(encoding, signature, b"m")
    if "curve" not in why:
        with pytest.raises(NoteError, match=f"R .*{why}"):
            ed25519.verify(public_key, encoding + signature[32:], b"m")
    else:  # the library's refusal: no result of the equation is off the curve
        assert not accepted(public_key, encoding + signature[32:], b"m")


@each_backend
def test_a_small_order_r_is_refused_though_the_equation_holds(backend: str) -> None:
    public_key, signature = edwards.forge(secret=5, nonce=0, message=b"m")
    assert edwards.holds_without_cofactor(public_key, signature, b"m")
    with pytest.raises(NoteError, match="R has small order"):
        ed25519.verify(public_key, signature, b"m")


@each_backend
def test_s_plus_the_group_order_is_refused(backend: str) -> None:
    """Otherwise everybody could write a second signature beside each good one."""
    public_key, signature = edwards.forge(secret=5, nonce=7, message=b"m")
    assert accepted(public_key, signature, b"m")
    s = int.from_bytes(signature[32:], "little") + edwards.L
    while s < 2**256:
        with pytest.raises(NoteError, match="not below the group order"):
            ed25519.verify(public_key, signature[:32] + s.to_bytes(32, "little"), b"m")
        s += edwards.L


@each_backend
@pytest.mark.parametrize("key_torsion", range(8))
def test_mixed_order_points_get_the_cofactorless_answer(key_torsion: int, backend: str) -> None:
    """Every mixture of small-order parts in A and R, with and without a residue."""
    answers = set()
    for r_torsion in range(8):
        for number in range(4):
            message = b"mixed %d" % number
            public_key, signature = edwards.forge(12345, 67890, message, key_torsion, r_torsion)
            expected = edwards.holds_without_cofactor(public_key, signature, message)
            assert accepted(public_key, signature, message) == expected
            answers.add(expected)
    assert answers == {True, False}


@pytest.mark.parametrize("seed", [20260729])
def test_all_back_ends_agree_on_random_damage(seed: int) -> None:
    draw = random.Random(seed)
    toy = signer("example.com/damage")
    public_key, message = toy.verifier.public, b"a message to damage"
    good = toy.sign(message)
    for _ in range(200):
        signature = bytearray(good)
        for _ in range(draw.randint(0, 2)):
            signature[draw.randrange(64)] ^= 1 << draw.randrange(8)
        damaged = bytes(signature)
        answers = {b(public_key, damaged, message) for b in ed25519.BACKENDS.values()}
        assert answers == {damaged == good}


def test_a_library_that_multiplies_by_the_cofactor_is_recognised() -> None:
    arguments = ed25519._COFACTOR_KEY, ed25519._COFACTOR_SIGNATURE, ed25519._COFACTOR_MESSAGE
    assert not edwards.holds_without_cofactor(*arguments)
    key, signature, message = arguments
    h = edwards.challenge(signature[:32], key, message)
    point, r = edwards.decode(key), edwards.decode(signature[:32])
    assert point is not None
    assert r is not None
    s = int.from_bytes(signature[32:], "little")
    right = edwards.add(r, edwards.multiply(h, point))
    left = edwards.multiply(s, edwards.BASE)
    assert edwards.encode(edwards.multiply(8, left)) == edwards.encode(edwards.multiply(8, right))
    assert not any(backend(*arguments) for backend in ed25519.BACKENDS.values())


def test_a_libsodium_that_accepts_the_probe_is_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    bindings = pytest.importorskip("nacl.bindings")
    assert list(ed25519._backends()) == ["pynacl", "cryptography"]
    monkeypatch.setattr(bindings, "crypto_sign_open", lambda signed, key: signed[64:])
    assert list(ed25519._backends()) == ["cryptography"]


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_the_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(NoteError, match="32 bytes"):
        ed25519.check_public_key(bytes(length))


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_the_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(NoteError, match="64 bytes"):
        ed25519.check_signature(bytes(length))

"""RSA and ECDSA in plain Python and in the browser's script: the answers of OpenSSL."""

from __future__ import annotations

import hashlib
import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature as parts_of
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature as joined

from ledger.offline import der, publickey
from tests.ledger import tsa
from tests.ledger.tokens import browser_says

ALGORITHMS = {
    ("rsa", "sha256"): "1.2.840.113549.1.1.11", ("rsa", "sha384"): "1.2.840.113549.1.1.12",
    ("rsa", "sha512"): "1.2.840.113549.1.1.13", ("ec", "sha256"): "1.2.840.10045.4.3.2",
    ("ec", "sha384"): "1.2.840.10045.4.3.3", ("ec", "sha512"): "1.2.840.10045.4.3.4",
}  # fmt: skip
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
ORDERS = {
    "p256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "p384": int(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
        "581a0db248b0a77aecec196accc52973", 16,
    ),
}  # fmt: skip
Case = tuple[bytes, bytes, bytes, bytes]


def spki(key: tsa.Private) -> bytes:
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, public)


def algorithm(key: tsa.Private, digest: str) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return tsa.seq(tsa.dotted(ALGORITHMS["rsa", digest]), b"\x05\x00")
    return tsa.seq(tsa.dotted(ALGORITHMS["ec", digest]))


def sign(key: tsa.Private, digest: str, message: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), HASHES[digest])
    return key.sign(message, ec.ECDSA(HASHES[digest]))


def python_says(case: Case) -> bool:
    key, named, signature, message = case
    try:
        publickey.verify(der.read(key), der.read(named), signature, message)
    except ValueError:
        return False
    return True


def openssl_says(key: tsa.Private, digest: str, signature: bytes, message: bytes) -> bool:
    public = key.public_key()
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, message, padding.PKCS1v15(), HASHES[digest])
        else:
            public.verify(signature, message, ec.ECDSA(HASHES[digest]))
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("digest", HASHES)
@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "p256", "p384"])
def test_the_answer_is_openssls_for_good_signatures_and_for_changed_ones(
    kind: str, digest: str
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    key = tsa.key(kind)
    for _ in range(15):
        message = chance.randbytes(chance.randrange(200))
        good = sign(key, digest, message)
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        for signature in (good, bytes(bad), good[:-1], good + b"\x00", b""):
            ours = python_says((spki(key), algorithm(key, digest), signature, message))
            assert ours == openssl_says(key, digest, signature, message), signature.hex()
            assert ours == (signature == good)


@pytest.mark.parametrize("kind", ["p256", "p384"])
def test_r_and_s_out_of_range_and_written_otherwise_are_refused(kind: str) -> None:
    key, message, order = tsa.key(kind), b"a message", ORDERS[kind]
    r, s = parts_of(sign(key, "sha256", message))
    for one, other in ((0, s), (r, 0), (r + order, s), (r, s + order), (-r, s), (r, -s), (0, 0)):
        changed = tsa.seq(tsa.number(one), tsa.number(other))
        assert not python_says((spki(key), algorithm(key, "sha256"), changed, message))
    padded = tsa.seq(tsa.tlv(2, b"\x00\x00" + r.to_bytes(48, "big")), tsa.number(s))
    assert not python_says((spki(key), algorithm(key, "sha256"), padded, message))
    assert python_says((spki(key), algorithm(key, "sha256"), joined(r, order - s), message))


@pytest.mark.parametrize("kind", ["p256", "p384"])
def test_a_point_that_is_not_on_the_curve_or_is_at_infinity_is_refused(kind: str) -> None:
    key, message = tsa.key(kind), b"a message"
    good, signature = spki(key), sign(key, "sha256", message)
    size = 32 if kind == "p256" else 48
    named = algorithm(key, "sha256")
    for point in (
        b"\x00", b"\x04" + bytes(2 * size), b"\x04" + b"\xff" * 2 * size,
        good[-2 * size - 1 : -1] + bytes([good[-1] ^ 1]), b"\x02" + good[-2 * size : -size],
    ):  # fmt: skip
        head = der.read(good).parts[0].raw
        changed = tsa.seq(head, tsa.tlv(3, b"\x00" + point))
        with pytest.raises(ValueError, match="a point is not"):
            publickey.verify(der.read(changed), der.read(named), signature, message)


def test_a_signature_made_for_a_key_where_the_sums_meet_is_answered_as_by_openssl() -> None:
    """Q = G and Q = -G: the additions of the verification meet equal and opposite points."""
    for secret in (1, 2, ORDERS["p256"] - 1, ORDERS["p256"] - 2):
        key = ec.derive_private_key(secret, ec.SECP256R1())
        for message in (b"one", b"two", b"three"):
            signature = sign(key, "sha256", message)
            assert python_says((spki(key), algorithm(key, "sha256"), signature, message))
            assert not python_says((spki(key), algorithm(key, "sha256"), signature, message + b"!"))


def test_forged_paddings_of_rsa_are_refused() -> None:
    """Bleichenbacher 2006 and its kin: the padded digest is compared whole."""
    key = tsa.key("rsa2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    n, d = numbers.public_numbers.n, numbers.d
    message = b"a message"
    info = (
        bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    )
    short = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + info[-32:]
    whole = b"\x00\x01" + b"\xff" * (256 - len(info) - 3) + b"\x00" + info
    for name, block in {
        "garbage at the end": b"\x00\x01"
        + b"\xff" * 8
        + b"\x00"
        + info
        + bytes(256 - 11 - len(info)),
        "block type 2": b"\x00\x02" + whole[2:],
        "no separator": whole.replace(b"\xff\x00\x30", b"\xff\xff\x30"),
        "other padding": whole[:3] + b"\xfe" + whole[4:],
        "no NULL": b"\x00\x01" + b"\xff" * (256 - len(short) - 3) + b"\x00" + short,
    }.items():
        assert len(block) == 256, name
        forged = pow(int.from_bytes(block, "big"), d, n).to_bytes(256, "big")
        named = algorithm(key, "sha256")
        assert not python_says((spki(key), named, forged, message)), name
    real = pow(int.from_bytes(whole, "big"), d, n)
    for signature, holds in (
        (real.to_bytes(256, "big"), True), (real.to_bytes(257, "big"), False),
        ((real + n).to_bytes(257, "big"), False),
    ):  # fmt: skip
        assert python_says((spki(key), algorithm(key, "sha256"), signature, message)) is holds


@pytest.mark.parametrize("kind", ["rsa1024", "p521"])
def test_a_key_that_is_too_small_or_of_another_curve_is_refused(kind: str) -> None:
    key = tsa.key(kind)
    signature = sign(key, "sha256", b"a message")
    assert openssl_says(key, "sha256", signature, b"a message")
    assert not python_says((spki(key), algorithm(key, "sha256"), signature, b"a message"))


def test_the_digest_named_beside_the_signature_is_the_one_it_uses() -> None:
    key = tsa.key("p256")
    signature = sign(key, "sha256", b"a message")
    case = (der.read(spki(key)), der.read(algorithm(key, "sha256")), signature, b"a message")
    publickey.verify(*case, publickey.SHA256)
    with pytest.raises(ValueError, match="two digest algorithms"):
        publickey.verify(*case, publickey.SHA512)


def test_the_browser_has_the_sha1_of_hashlib() -> None:
    pieces = [random.Random(3).randbytes(size) for size in (*range(130), 1000, 4096)]
    said = browser_says([("sha1", piece, b"", []) for piece in pieces])
    assert said == [hashlib.sha1(piece).hexdigest() for piece in pieces]

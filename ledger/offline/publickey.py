"""Signatures of time-stamping authorities: RSA and ECDSA, verified in plain Python.

    RSA     PKCS #1 v1.5 (RFC 8017, 8.2.2) with a modulus of 2,048 to 8,192 bits; the padded digest
            is built anew and compared whole, so nothing in it is parsed
    ECDSA   P-256 and P-384 (FIPS 186-5), uncompressed points on the curve, r and s in range

with SHA-256, SHA-384 or SHA-512. SHA-1, smaller keys, other curves and RSASSA-PSS are refused.
Nothing secret is computed with, so nothing needs to take the same time. About 0.1 ms for RSA-2048,
2 ms for P-256, 4 ms for P-384.

Everything here raises `ValueError` for what does not hold.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, Tuple

from . import der

SHA256 = "2.16.840.1.101.3.4.2.1"
SHA384 = "2.16.840.1.101.3.4.2.2"
SHA512 = "2.16.840.1.101.3.4.2.3"
_RSA = "1.2.840.113549.1.1.1"
_EC = "1.2.840.10045.2.1"
_NULL = b"\x05\x00"
# Signature algorithm: kind of key, digest (None: the one that is named beside it).
_SIGNATURES = {
    _RSA: ("rsa", None),
    "1.2.840.113549.1.1.11": ("rsa", SHA256),
    "1.2.840.113549.1.1.12": ("rsa", SHA384),
    "1.2.840.113549.1.1.13": ("rsa", SHA512),
    "1.2.840.10045.4.3.2": ("ec", SHA256),
    "1.2.840.10045.4.3.3": ("ec", SHA384),
    "1.2.840.10045.4.3.4": ("ec", SHA512),
}
# DigestInfo up to the digest (RFC 8017, 9.2, note 1).
_PREFIXES = {
    SHA256: bytes.fromhex("3031300d060960864801650304020105000420"),
    SHA384: bytes.fromhex("3041300d060960864801650304020205000430"),
    SHA512: bytes.fromhex("3051300d060960864801650304020305000440"),
}
_MIN_RSA_BITS = 2_048
_MAX_RSA_BITS = 8_192


class Curve(NamedTuple):
    """y² = x³ - 3x + b over the integers modulo p, with a base point (x, y) of order n."""

    p: int
    b: int
    n: int
    x: int
    y: int
    size: int


_CURVES = {
    "1.2.840.10045.3.1.7": Curve(
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        32,
    ),
    "1.3.132.0.34": Curve(
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        int(
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a"
            "c656398d8a2ed19d2a85c8edd3ec2aef",
            16,
        ),
        int(
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
            "581a0db248b0a77aecec196accc52973",
            16,
        ),
        int(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38"
            "5502f25dbf55296c3a545e3872760ab7",
            16,
        ),
        int(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c0"
            "0a60b1ce1d7e819d7a431d7c90ea0e5f",
            16,
        ),
        48,
    ),
}

# Jacobian coordinates (X, Y, Z): x = X/Z², y = Y/Z³; Z = 0 is the point at infinity.
_Point = Tuple[int, int, int]
_INFINITY: _Point = (1, 1, 0)


def digest(algorithm: str, data: bytes) -> bytes:
    """SHA-256, SHA-384 or SHA-512 of `data`, by the algorithm's object identifier."""
    if algorithm == SHA256:
        return hashlib.sha256(data).digest()
    if algorithm == SHA384:
        return hashlib.sha384(data).digest()
    if algorithm == SHA512:
        return hashlib.sha512(data).digest()
    raise ValueError("a digest algorithm that is not accepted")


def read_algorithm(value: der.Value) -> Tuple[str, bytes | None]:
    """An AlgorithmIdentifier: its object identifier, and its parameters' bytes if any."""
    fields = der.Fields(value)
    identifier = der.oid(fields.take(der.OID))
    parameters = fields.any()
    fields.end()
    return identifier, None if parameters is None else parameters.raw


def read_digest_algorithm(value: der.Value) -> str:
    """An AlgorithmIdentifier of a digest: no parameters, or NULL."""
    identifier, parameters = read_algorithm(value)
    if parameters not in (None, _NULL):
        raise ValueError("a digest algorithm with parameters")
    return identifier


def verify(
    key: der.Value,
    algorithm: der.Value,
    signature: bytes,
    message: bytes,
    named: str | None = None,
) -> None:
    """Return if `signature` by the key (SubjectPublicKeyInfo) covers `message`.

    `algorithm`: the AlgorithmIdentifier of the signature. `named`: the digest algorithm that a
    CMS SignerInfo names beside it, with which it must agree; without it the signature algorithm
    names its own.
    """
    identifier, parameters = read_algorithm(algorithm)
    kind, own = _SIGNATURES.get(identifier, ("", None))
    if parameters not in ((None, _NULL) if kind == "rsa" else (None,)):
        raise ValueError("a signature algorithm with parameters")
    if own is not None and named is not None and own != named:
        raise ValueError("two digest algorithms for one signature")
    hashed = own or named
    if not kind or hashed is None:
        raise ValueError("a signature algorithm that is not accepted")
    fields = der.Fields(key)
    key_algorithm = fields.take(der.SEQUENCE)
    public = der.bits(fields.take(der.BIT_STRING))
    fields.end()
    identifier, parameters = read_algorithm(key_algorithm)
    if kind == "rsa" and identifier == _RSA and parameters == _NULL:
        _verify_rsa(public, signature, hashed, digest(hashed, message))
    elif kind == "ec" and identifier == _EC and parameters is not None:
        curve = _CURVES.get(der.oid(der.read(parameters)))
        if curve is None:
            raise ValueError("a curve that is not accepted")
        _verify_ecdsa(curve, public, signature, digest(hashed, message))
    else:
        raise ValueError("the key does not fit the signature algorithm")


# -- RSA -----------------------------------------------------------------------------------------


def _verify_rsa(public: bytes, signature: bytes, algorithm: str, hashed: bytes) -> None:
    fields = der.Fields(der.read(public))
    modulus = der.integer(fields.take(der.INTEGER))
    exponent = der.small(fields.take(der.INTEGER))
    fields.end()
    if modulus < 0 or not _MIN_RSA_BITS <= modulus.bit_length() <= _MAX_RSA_BITS:
        raise ValueError("an RSA key of fewer than 2,048 or more than 8,192 bits")
    if exponent < 3 or not exponent & 1 or not modulus & 1:
        raise ValueError("no RSA key")
    size = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= modulus:
        raise ValueError("an RSA signature is as long as its key, and smaller")
    info = _PREFIXES[algorithm] + hashed
    expected = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    if pow(number, exponent, modulus) != int.from_bytes(expected, "big"):
        raise ValueError("the signature does not fit the key and the message")


# -- ECDSA ---------------------------------------------------------------------------------------


def _verify_ecdsa(curve: Curve, public: bytes, signature: bytes, hashed: bytes) -> None:
    fields = der.Fields(der.read(signature))
    r, s = der.integer(fields.take(der.INTEGER)), der.integer(fields.take(der.INTEGER))
    fields.end()
    if not 1 <= r < curve.n or not 1 <= s < curve.n:
        raise ValueError("a signature's number is out of range")
    point = _read_point(curve, public)
    e = int.from_bytes(hashed[: curve.size], "big")
    w = pow(s, curve.n - 2, curve.n)
    x, _, z = _two_products(curve, e * w % curve.n, r * w % curve.n, point)
    if z == 0 or x * pow(z, 2 * (curve.p - 2), curve.p) % curve.p % curve.n != r:
        raise ValueError("the signature does not fit the key and the message")


def _read_point(curve: Curve, public: bytes) -> _Point:
    if len(public) != 1 + 2 * curve.size or public[0] != 4:
        raise ValueError("a point is not uncompressed")
    x = int.from_bytes(public[1 : 1 + curve.size], "big")
    y = int.from_bytes(public[1 + curve.size :], "big")
    if x >= curve.p or y >= curve.p or (y * y - x * x * x + 3 * x - curve.b) % curve.p:
        raise ValueError("a point is not on the curve")
    return x, y, 1


def _two_products(curve: Curve, u: int, v: int, point: _Point) -> _Point:
    """u·G + v·Q in one pass of doublings (Straus)."""
    base: _Point = (curve.x, curve.y, 1)
    table = (_INFINITY, base, point, _add(curve.p, base, point))
    result = _INFINITY
    for at in range(curve.size * 8 - 1, -1, -1):
        result = _double(curve.p, result)
        which = (u >> at & 1) | (v >> at & 1) << 1
        if which:
            result = _add(curve.p, result, table[which])
    return result


def _double(p: int, point: _Point) -> _Point:
    x, y, z = point
    if z == 0 or y == 0:
        return _INFINITY
    delta, gamma = z * z % p, y * y % p
    beta = x * gamma % p
    alpha = 3 * (x - delta) * (x + delta) % p
    x3 = (alpha * alpha - 8 * beta) % p
    z3 = ((y + z) * (y + z) - gamma - delta) % p
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % p, z3


def _add(p: int, one: _Point, other: _Point) -> _Point:
    x1, y1, z1 = one
    x2, y2, z2 = other
    if z1 == 0:
        return other
    if z2 == 0:
        return one
    z1z1, z2z2 = z1 * z1 % p, z2 * z2 % p
    u1, u2 = x1 * z2z2 % p, x2 * z1z1 % p
    s1, s2 = y1 * z2 * z2z2 % p, y2 * z1 * z1z1 % p
    h, r = (u2 - u1) % p, (s2 - s1) % p
    if h == 0:
        return _double(p, one) if r == 0 else _INFINITY
    hh = h * h % p
    hhh, v = h * hh % p, u1 * hh % p
    x3 = (r * r - hhh - 2 * v) % p
    return x3, (r * (v - x3) - s1 * hhh) % p, z1 * z2 * h % p

"""Ed25519 in a few lines of plain arithmetic, for forging what no library would sign."""

from __future__ import annotations

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T
IDENTITY: Point = (0, 1, 1, 0)


def add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar: int, point: Point) -> Point:
    product = IDENTITY
    while scalar:
        if scalar & 1:
            product = add(product, point)
        point = add(point, point)
        scalar >>= 1
    return product


def decode(encoding: bytes) -> Point | None:
    number = int.from_bytes(encoding, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_MINUS_1 % P
    if (x * x - square) % P:
        return None
    if x & 1 != sign:
        x = -x % P
    return (x, y, 1, x * y % P)


def encode(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _must_decode(encoding: bytes) -> Point:
    point = decode(encoding)
    assert point is not None
    return point


BASE = _must_decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
ORDER_8 = _must_decode(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
)
TORSION = [multiply(k, ORDER_8) for k in range(8)]


def challenge(r: bytes, public_key: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + public_key + message).digest(), "little") % L


def forge(
    secret: int, nonce: int, message: bytes, key_torsion: int = 0, r_torsion: int = 0
) -> tuple[bytes, bytes]:
    """A public key and a signature whose points carry the given multiples of a point of order 8.

    The signature always holds after multiplying by 8.
    """
    public_key = encode(add(multiply(secret, BASE), TORSION[key_torsion]))
    r = encode(add(multiply(nonce, BASE), TORSION[r_torsion]))
    s = (nonce + challenge(r, public_key, message) * secret) % L
    return public_key, r + s.to_bytes(32, "little")


def holds_without_cofactor(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """RFC 8032 section 5.1.7, compared as bytes: the answer that every back end must give."""
    point = _must_decode(public_key)
    h = challenge(signature[:32], public_key, message)
    negated = (-point[0] % P, point[1], point[2], -point[3] % P)
    s = int.from_bytes(signature[32:], "little")
    return encode(add(multiply(s, BASE), multiply(h, negated))) == signature[:32]

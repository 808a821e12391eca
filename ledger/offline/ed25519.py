"""Ed25519 verification in plain Python, with the strict gate and the answers of `ledger.tlog`.

    public key A   32 bytes, y < p, x = 0 never with the sign bit, on the curve, order not small
    signature      64 bytes, R as strict as A, S < L
    accepted       if encode(S·B - h·A) == R, h = SHA-512(R ‖ A ‖ message) mod L: no cofactor

Nothing secret is computed with, so nothing needs to take the same time. About 1.5 ms a signature:
extended coordinates, and both products in one pass of doublings (Straus) over signed windows.

>>> public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
>>> signature = bytes.fromhex(
...     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
...     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
... )
>>> verify(public, signature, b"")  # RFC 8032, section 7.1, test 1
>>> verify(public, signature, b"changed")
Traceback (most recent call last):
ValueError: the signature does not fit the key and the message

Source: RFC 8032, section 5.1; Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited".
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha512
from typing import List, Tuple

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, P - 2, P) % P
_ROOT = pow(2, (P - 1) // 4, P)
_Y_MASK = 2**255 - 1
_BASE = bytes([0x58]) + bytes([0x66]) * 31

# Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x·y = T/Z.
_Point = Tuple[int, int, int, int]
# What an addition needs of the second point: Y - X, Y + X, 2·d·T, 2·Z.
_Addend = Tuple[int, int, int, int]
_IDENTITY: _Point = (0, 1, 1, 0)


def verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Return if `signature` (64 bytes) by `public_key` (32 bytes) covers `message`.

    Raises `ValueError` otherwise.
    """
    key = _key_table(public_key)
    if len(signature) != 64:
        raise ValueError("a signature has 64 bytes")
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    _check_encoding(r)
    if s >= L:
        raise ValueError("S is not below the group order")
    digest = sha512(r + public_key + message).digest()
    h = int.from_bytes(digest, "little") % L
    if _encode(_two_products(s, h, key)) != r:
        raise ValueError("the signature does not fit the key and the message")


def check_public_key(public_key: bytes) -> None:
    """Raise `ValueError` for what is no good public key (the gate of the module's docstring)."""
    _key_table(public_key)


def _check_encoding(encoding: bytes) -> int:
    """The y of a point encoding that is canonical and not of small order."""
    y = int.from_bytes(encoding, "little") & _Y_MASK
    # x is 0 at y = 1 and y = -1, where the order is 1 or 2.
    if y >= P or y in _SMALL_ORDER_Y:
        raise ValueError("a point is not in canonical form, or has small order")
    return y


def _decode(encoding: bytes) -> _Point:
    """The point of a canonical encoding (RFC 8032, 5.1.3); `ValueError` off the curve."""
    y = int.from_bytes(encoding, "little") & _Y_MASK
    u, v = (y * y - 1) % P, (_D * y * y + 1) % P
    v3 = v * v * v
    x = u * v3 * pow(u * v3 * v3 * v, (P - 5) // 8, P) % P
    square = v * x * x % P
    if square != u:
        if square != P - u:
            raise ValueError("the point is not on the curve")
        x = x * _ROOT % P
    if x & 1 != encoding[31] >> 7:
        x = P - x
    return x, y, 1, x * y % P


def _encode(point: _Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


def _add(point: _Point, addend: _Addend) -> _Point:
    x, y, z, t = point
    minus, plus, t2, z2 = addend
    a, b, c, d = (y - x) * minus, (y + x) * plus, t * t2, z * z2
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _addend(point: _Point) -> _Addend:
    x, y, z, t = point
    return (y - x) % P, (y + x) % P, 2 * _D * t % P, 2 * z


def _negative(addend: _Addend) -> _Addend:
    minus, plus, t2, z2 = addend
    return plus, minus, P - t2, z2


def _odd_multiples(point: _Point, count: int) -> List[_Addend]:
    """1, 3, 5 … times a point; the last half, by a negative index, is their negatives."""
    double = _addend(_add(point, _addend(point)))
    table = [_addend(point)]
    for _ in range(count - 1):
        point = _add(point, double)
        table.append(_addend(point))
    return table + [_negative(addend) for addend in reversed(table)]


def _windows(scalar: int, width: int) -> List[int]:
    """Signed odd digits, lowest first, most of them 0: the width-w non-adjacent form."""
    digits = []
    full = 1 << width
    while scalar:
        if scalar & 1:
            digit = scalar & (full - 1)
            if digit >= full >> 1:
                digit -= full
            scalar -= digit
        else:
            digit = 0
        digits.append(digit)
        scalar >>= 1
    return digits


_KEY_WIDTH = 5
_BASE_WIDTH = 7


@lru_cache(maxsize=1024)
def _key_table(public_key: bytes) -> List[_Addend]:
    """Odd multiples of -A; `ValueError` for a key that the gate refuses."""
    if len(public_key) != 32:
        raise ValueError("a public key has 32 bytes")
    _check_encoding(public_key)
    x, y, z, t = _decode(public_key)
    return _odd_multiples((P - x, y, z, P - t), 1 << _KEY_WIDTH - 2)


@lru_cache(maxsize=1)
def _base_table() -> List[_Addend]:
    return _odd_multiples(_decode(_BASE), 1 << _BASE_WIDTH - 2)


def _two_products(s: int, h: int, key: List[_Addend]) -> _Point:
    """s·B + h·K, where `key` holds the odd multiples of K."""
    base = _base_table()
    of_base, of_key = _windows(s, _BASE_WIDTH), _windows(h, _KEY_WIDTH)
    length = max(len(of_base), len(of_key))
    of_base += [0] * (length - len(of_base))
    of_key += [0] * (length - len(of_key))
    point = _IDENTITY
    for at in range(length - 1, -1, -1):
        x, y, z, _ = point
        a, b, c = x * x, y * y, 2 * z * z
        e, g = (x + y) * (x + y) - a - b, b - a
        f, h = (g - c) % P, -a - b
        point = e * f % P, g * h % P, f * g % P, e * h % P
        if of_base[at]:
            point = _add(point, base[of_base[at] >> 1])
        if of_key[at]:
            point = _add(point, key[of_key[at] >> 1])
    return point


# The y of the eight points whose order divides 8: 1, -1, 0 and those of order 8.
_SMALL_ORDER_Y = frozenset(
    (
        0,
        1,
        P - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            "little",
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            "little",
        ),
    )
)

"""Ed25519 verification that gives one answer on every input, whatever library is installed.

Libraries disagree on edge cases: OpenSSL accepts *any* message under one signature when the
public key has small order; some libraries reduce encodings or scalars that others refuse. So a
strict gate stands before the library:

    public key A   32 bytes, y < p, x = 0 never with the sign bit, on the curve, order not small
    signature      64 bytes, R as strict as A (not on the curve: the library refuses), S < L

What passes is checked without the cofactor, `encode(S·B - h·A) == R`, by PyNaCl when it can be
imported (about 1.6 times the speed, and it releases the GIL), else by `cryptography`. A libsodium
that multiplies by the cofactor would accept more; it is recognised by one fixed signature and
left aside.

>>> public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
>>> signature = bytes.fromhex(
...     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
...     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
... )
>>> verify(public, signature, b"")  # RFC 8032, section 7.1, test 1
>>> verify(public, signature, b"changed")
Traceback (most recent call last):
ledger.errors.NoteError: the Ed25519 signature does not fit the key and the message
>>> check_public_key(bytes(32))
Traceback (most recent call last):
ledger.errors.NoteError: the Ed25519 public key has small order

Source: RFC 8032; Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import NoteError

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
P: Final = 2**255 - 19
L: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, P) % P
_Y_MASK: Final = 2**255 - 1

# The eight points whose order divides 8, in their canonical encodings.
SMALL_ORDER: Final = frozenset(
    bytes.fromhex(encoding)
    for encoding in (
        "0100000000000000000000000000000000000000000000000000000000000000",  # identity
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # order 2
        "0000000000000000000000000000000000000000000000000000000000000000",  # order 4
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  # order 8
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)

# True for a signature that fits; only ever called with what passed the gate.
Backend = Callable[[bytes, bytes, bytes], bool]


def _verify_cryptography(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# A key with a component of order 8, and a signature that holds only after multiplying by 8.
_COFACTOR_KEY: Final = bytes.fromhex(
    "837b2a7c0f9a96124c0a1288209aabb4d8296b74b0f4d34890cc227bec4df8e6"
)
_COFACTOR_SIGNATURE: Final = bytes.fromhex(
    "7db0dc9222f3c183457ddde4c708de8e5ea6bf3d5c4404cca14b32729a05c32a"
    "90855fd2e10019e0c69fb74dc3e2859ad44007365fd8080a11f19c13e2f2ff02"
)
_COFACTOR_MESSAGE: Final = b"cofactor probe 0"


def _backends() -> dict[str, Backend]:
    """Every usable back end, the preferred one first."""
    fallback: dict[str, Backend] = {"cryptography": _verify_cryptography}
    try:
        from nacl.bindings import crypto_sign_open
        from nacl.exceptions import BadSignatureError
    except ImportError:
        return fallback

    def verify_nacl(public_key: bytes, signature: bytes, message: bytes) -> bool:
        try:
            crypto_sign_open(signature + message, public_key)
        except BadSignatureError:
            return False
        return True

    if verify_nacl(_COFACTOR_KEY, _COFACTOR_SIGNATURE, _COFACTOR_MESSAGE):
        return fallback
    return {"pynacl": verify_nacl, **fallback}


BACKENDS: Final[Mapping[str, Backend]] = MappingProxyType(_backends())
BACKEND: Final = next(iter(BACKENDS))
_library_verify: Final = BACKENDS[BACKEND]


def _check_point(encoding: bytes, what: str) -> None:
    """Refuse a non-canonical or small-order point encoding of 32 bytes."""
    if encoding in SMALL_ORDER:
        raise NoteError(f"the Ed25519 {what} has small order")
    y = int.from_bytes(encoding, "little") & _Y_MASK
    # x is 0 exactly at y = 1 and y = -1; their encodings without sign bit were caught above.
    if y >= P or y in (1, P - 1):
        raise NoteError(f"the Ed25519 {what} is not in canonical form")


@lru_cache(maxsize=4096)
def check_public_key(public_key: bytes) -> None:
    """Refuse what is no good Ed25519 public key; remembered for keys that pass.

    `public_key`: 32 bytes. Raises NoteError for a wrong length, small order, a non-canonical
    encoding, or a y that is not on the curve (RFC 8032, section 5.1.3).
    """
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise NoteError(f"an Ed25519 public key has {PUBLIC_KEY_BYTES} bytes")
    _check_point(public_key, "public key")
    y2 = pow(int.from_bytes(public_key, "little") & _Y_MASK, 2, P)
    # x² = (y² - 1) / (d·y² + 1) has a root exactly if the product is a square.
    if pow((y2 - 1) * (_D * y2 + 1), (P - 1) // 2, P) != 1:
        raise NoteError("the Ed25519 public key is not a point on the curve")


def check_signature(signature: bytes) -> None:
    """Refuse what no honest signer writes, before any library sees it.

    `signature`: 64 bytes, R then S. Raises NoteError for a wrong length, an R of small order or
    in non-canonical form, or S >= L (RFC 8032, section 5.1.7: else each signature has a twin).
    """
    if len(signature) != SIGNATURE_BYTES:
        raise NoteError(f"an Ed25519 signature has {SIGNATURE_BYTES} bytes")
    _check_point(signature[:32], "signature's R")
    if int.from_bytes(signature[32:], "little") >= L:
        raise NoteError("the Ed25519 signature's S is not below the group order")


def verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Return if `signature` (64 bytes) by `public_key` (32 bytes) covers `message`.

    Raises NoteError that names the first cause otherwise.
    """
    check_public_key(public_key)
    check_signature(signature)
    if not _library_verify(public_key, signature, message):
        raise NoteError("the Ed25519 signature does not fit the key and the message")

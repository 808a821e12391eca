"""ML-DSA-44 verification (FIPS 204), for signature type 0x06 on checkpoints.

A public key has 1,312 bytes, a signature 2,420; the context string is empty. Signatures may be
randomised: the same key and message have many good ones.

>>> verify(bytes(1311), bytes(2420), b"")
Traceback (most recent call last):
ledger.errors.NoteError: an ML-DSA-44 public key has 1312 bytes
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from ledger.errors import NoteError

PUBLIC_KEY_BYTES: Final = 1312
SIGNATURE_BYTES: Final = 2420


def check_public_key(public_key: bytes) -> None:
    """Refuse a key of the wrong length; every 1,312 bytes are a key (FIPS 204, section 7.2)."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise NoteError(f"an ML-DSA-44 public key has {PUBLIC_KEY_BYTES} bytes")


def verify(public_key: bytes, signature: bytes, message: bytes, context: bytes = b"") -> None:
    """Return if `signature` (2,420 bytes) by `public_key` (1,312 bytes) covers `message`.

    `context`: at most 255 bytes; C2SP notes use none. Raises NoteError otherwise, also when the
    cryptographic library was built without ML-DSA.
    """
    check_public_key(public_key)
    if len(signature) != SIGNATURE_BYTES:
        raise NoteError(f"an ML-DSA-44 signature has {SIGNATURE_BYTES} bytes")
    try:
        MLDSA44PublicKey.from_public_bytes(public_key).verify(signature, message, context)
    except UnsupportedAlgorithm as error:
        raise NoteError(
            "ML-DSA-44 signatures cannot be checked here",
            "install a build of cryptography that has ML-DSA",
        ) from error
    except (InvalidSignature, ValueError) as error:
        raise NoteError("the ML-DSA-44 signature does not fit the key and the message") from error

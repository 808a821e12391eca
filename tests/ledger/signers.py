"""Keys for tests, the same ones every time, and the one-byte changes that every format meets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ledger.tlog.note import ED25519, MLDSA44, VerifierKey

SUBSTITUTES = b"\n \t\r\x00+=09aAz/\x7f\xe2\xff"


@dataclass(frozen=True)
class ToySigner:
    """A key derived from a word; the public side has the given name and type."""

    verifier: VerifierKey
    secret: Ed25519PrivateKey | MLDSA44PrivateKey

    def sign(self, message: bytes) -> bytes:
        return self.secret.sign(message)


@cache
def signer(name: str, signature_type: int = ED25519, seed: str = "") -> ToySigner:
    """The key of `name`; `seed` gives two names the same secret."""
    secret_bytes = hashlib.sha256(f"{seed or name}".encode()).digest()
    secret: Ed25519PrivateKey | MLDSA44PrivateKey
    if signature_type == MLDSA44:
        secret = MLDSA44PrivateKey.from_seed_bytes(secret_bytes)
    else:
        secret = Ed25519PrivateKey.from_private_bytes(secret_bytes)
    public = secret.public_key().public_bytes_raw()
    return ToySigner(VerifierKey.of(name, signature_type, public), secret)


def one_byte_changes(data: bytes, step: int = 1) -> Iterator[bytes]:
    """`data` with one byte replaced, removed or doubled, at every `step`-th position."""
    for at in range(0, len(data), step):
        before, byte, after = data[:at], data[at : at + 1], data[at + 1 :]
        flipped = bytes([data[at] ^ 1, data[at] ^ 0x20, data[at] ^ 0x80])
        for new in set(flipped + SUBSTITUTES) - set(byte):
            yield before + bytes([new]) + after
        if after[:1] != byte:
            yield before + after
        yield before + byte + byte + after
    yield data + b"\n"
    yield b"\n" + data

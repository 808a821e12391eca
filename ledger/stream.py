r"""Content under a data key: one object, in chunks that are authenticated one by one.

AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-
Encryption and its Nonce-Reuse Misuse-Resistance, CRYPTO 2015), with the nonces of age's payload
(C2SP age, "Payload"):

    object   "muniment-object\n" ‖ salt[32] ‖ chunk …
    key      HKDF-SHA-256(data key, salt, info "muniment/object/v1"), 32 bytes
    chunk    AES-256-GCM(key, nonce, at most 1 MiB, no AAD) ‖ tag[16]
    nonce    chunk number, 0-based, 11 bytes big-endian ‖ 1 for the last chunk, else 0

Every chunk but the last is full; the last one is empty only if the whole content is. So there is
one way to write a content, and a chunk that was changed, moved, left out or added does not open. A
reader sees a chunk only after its tag was checked; that the content is whole is known when the
last chunk was read. The data key also seals texts about the same copy: those use it directly, with
random nonces, and objects use a key derived from it, so that the two never meet.

An object is named by the SHA-256 of all its bytes. Its salt is random: equal contents give
different objects, and a name says nothing about a content.

>>> from io import BytesIO
>>> sink = BytesIO()
>>> made = encrypt(BytesIO("客户资料".encode()), sink, bytes(32), randomness=bytes)
>>> made.size, made.content[:8], made.object[:8], len(sink.getvalue())
(12, '5a9366e3', '0377d880', 76)
>>> b"".join(decrypt(BytesIO(sink.getvalue()), bytes(32))).decode()
'客户资料'
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import VerificationError

MAGIC: Final = b"muniment-object\n"
SALT_BYTES: Final = 32
HEADER_BYTES: Final = len(MAGIC) + SALT_BYTES
CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
_INFO: Final = b"muniment/object/v1"
_SEALED_CHUNK: Final = CHUNK_BYTES + TAG_BYTES


class Source(Protocol):
    """What is read from: `read(n)` gives n bytes at most, and none at the end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""


class Sink(Protocol):
    """What is written to, whole."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


class Encrypted(NamedTuple):
    """`content`: SHA-256 (hex) of the plain bytes; `object`: of the object; `size`: plain bytes."""

    content: str
    object: str
    size: int


class DamagedObjectError(VerificationError):
    """The bytes are no object under this data key, or not all of one.

    `chunk`: 0-based number of the first chunk that is not what was written; -1 for the header.
    """

    def __init__(self, chunk: int) -> None:
        super().__init__(
            "the encrypted content is damaged, or under another data key (chunk {chunk})",
            "muniment vault check; take it from a backup",
            chunk=chunk,
        )
        self.chunk = chunk


def encrypt(
    source: Source,
    sink: Sink,
    key: bytes,
    *,
    randomness: Callable[[int], bytes] = os.urandom,
) -> Encrypted:
    """Write the content of `source` as an object under `key` (a data key, 32 bytes) to `sink`.

    Reads to the end, one chunk ahead: memory stays at a few chunks. Errors of either end pass
    through; what was written by then is no object.
    """
    header = MAGIC + randomness(SALT_BYTES)
    seal = _cipher(key, header).encrypt
    content, whole, size, number = sha256(), sha256(header), 0, 0
    sink.write(header)
    chunk = _full(source, CHUNK_BYTES)
    while True:
        following = _full(source, CHUNK_BYTES) if len(chunk) == CHUNK_BYTES else b""
        sealed = seal(_nonce(number, last=not following), chunk, None)
        content.update(chunk)
        whole.update(sealed)
        sink.write(sealed)
        size, number = size + len(chunk), number + 1
        if not following:
            return Encrypted(content.hexdigest(), whole.hexdigest(), size)
        chunk = following


def decrypt(source: Source, key: bytes) -> Iterator[bytes]:
    """The content of an object, chunk by chunk, each authenticated before it is given out.

    Raises `DamagedObjectError` where the object is not what was written. Whoever stops reading
    before the end does not know that the content is whole.
    """
    header = _full(source, HEADER_BYTES)
    if len(header) != HEADER_BYTES or not header.startswith(MAGIC):
        raise DamagedObjectError(-1)
    unseal = _cipher(key, header).decrypt
    number, sealed = 0, _full(source, _SEALED_CHUNK)
    while True:
        following = _full(source, _SEALED_CHUNK) if len(sealed) == _SEALED_CHUNK else b""
        try:
            chunk = unseal(_nonce(number, last=not following), sealed, None)
        except (InvalidTag, ValueError):
            raise DamagedObjectError(number) from None
        if not chunk and number:  # a second way to write the same content
            raise DamagedObjectError(number)
        yield chunk
        if not following:
            return
        sealed, number = following, number + 1


def object_size(size: int) -> int:
    """How many bytes the object of a content of `size` bytes has."""
    chunks = max(1, -(-size // CHUNK_BYTES))
    return HEADER_BYTES + size + chunks * TAG_BYTES


def _cipher(key: bytes, header: bytes) -> AESGCM:
    derived = HKDF(SHA256(), 32, header[len(MAGIC) :], _INFO).derive(key)
    return AESGCM(derived)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + (b"\1" if last else b"\0")


def _full(source: Source, size: int) -> bytes:
    """Exactly `size` bytes, fewer only at the end: a pipe gives what it has."""
    data = source.read(size)
    if len(data) == size or not data:
        return data
    parts, left = [data], size - len(data)
    while left and (data := source.read(left)):
        parts.append(data)
        left -= len(data)
    return b"".join(parts)

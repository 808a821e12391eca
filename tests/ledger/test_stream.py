"""Objects: what is written is read back, and nothing else is."""

from __future__ import annotations

import os
from hashlib import sha256
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from ledger import stream
from ledger.stream import (
    CHUNK_BYTES,
    HEADER_BYTES,
    MAGIC,
    TAG_BYTES,
    DamagedObjectError,
    Encrypted,
    decrypt,
    encrypt,
    object_size,
)

KEY = bytes(range(32))
SEALED = CHUNK_BYTES + TAG_BYTES


def made(content: bytes, key: bytes = KEY) -> tuple[Encrypted, bytes]:
    sink = BytesIO()
    return encrypt(BytesIO(content), sink, key), sink.getvalue()


def read(sealed: bytes, key: bytes = KEY) -> bytes:
    return b"".join(decrypt(BytesIO(sealed), key))


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3_000_000]
)
def test_what_is_written_is_read(size: int) -> None:
    content = os.urandom(size)
    said, sealed = made(content)
    assert said == (sha256(content).hexdigest(), sha256(sealed).hexdigest(), size)
    assert len(sealed) == object_size(size)
    assert read(sealed) == content
    assert all(len(chunk) <= CHUNK_BYTES for chunk in decrypt(BytesIO(sealed), KEY))


def test_another_program_reads_it_by_the_format_alone() -> None:
    content = os.urandom(CHUNK_BYTES + 5)
    _, sealed = made(content)
    assert sealed[:16] == b"muniment-object\n"
    cipher = AESGCM(HKDF(SHA256(), 32, sealed[16:48], b"muniment/object/v1").derive(KEY))
    first = cipher.decrypt(bytes(12), sealed[48 : 48 + SEALED], None)
    last = cipher.decrypt(bytes(10) + b"\1\1", sealed[48 + SEALED :], None)
    assert first + last == content


def test_a_pipe_that_gives_little_at_a_time_makes_the_same_chunks() -> None:
    class Pipe(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 70_001))

    content = os.urandom(CHUNK_BYTES + 77)
    sink = BytesIO()
    encrypt(Pipe(content), sink, KEY)
    assert len(sink.getvalue()) == object_size(len(content))
    assert b"".join(decrypt(Pipe(sink.getvalue()), KEY)) == content


def test_equal_contents_give_different_objects() -> None:
    assert made(b"same")[0].object != made(b"same")[0].object


@given(content=st.binary(max_size=300), at=st.integers(0), flip=st.integers(1, 255))
def test_no_byte_of_an_object_can_be_changed(content: bytes, at: int, flip: int) -> None:
    _, sealed = made(content)
    broken = bytearray(sealed)
    broken[at % len(broken)] ^= flip
    with pytest.raises(DamagedObjectError):
        read(bytes(broken))


@given(content=st.binary(max_size=300), key=st.binary(min_size=32, max_size=32))
def test_another_key_opens_nothing(content: bytes, key: bytes) -> None:
    if key != KEY:
        with pytest.raises(DamagedObjectError):
            read(made(content)[1], key)


def test_nothing_of_a_changed_chunk_is_given_out_and_all_before_it_is() -> None:
    content = os.urandom(3 * CHUNK_BYTES)
    _, sealed = made(content)
    broken = bytearray(sealed)
    broken[HEADER_BYTES + SEALED + 5] ^= 1
    chunks = decrypt(BytesIO(bytes(broken)), KEY)
    assert next(chunks) == content[:CHUNK_BYTES]
    with pytest.raises(DamagedObjectError) as found:
        next(chunks)
    assert found.value.chunk == 1


CONTENT = os.urandom(3 * CHUNK_BYTES)
WHOLE = made(CONTENT)[1]
HEAD, FIRST, SECOND, LAST = (
    WHOLE[:HEADER_BYTES],
    WHOLE[HEADER_BYTES : HEADER_BYTES + SEALED],
    WHOLE[HEADER_BYTES + SEALED : HEADER_BYTES + 2 * SEALED],
    WHOLE[HEADER_BYTES + 2 * SEALED :],
)
ATTACKS = {
    "the last chunk left out": HEAD + FIRST + SECOND,
    "cut within a chunk": WHOLE[:-1],
    "cut to the header": HEAD,
    "cut within the header": HEAD[:-1],
    "nothing": b"",
    "two chunks swapped": HEAD + SECOND + FIRST + LAST,
    "a chunk twice": HEAD + FIRST + FIRST + LAST,
    "a chunk left out": HEAD + FIRST + LAST,
    "more after the end": WHOLE + b"\0",
    "another object after the end": WHOLE + WHOLE,
    "another header": MAGIC + bytes(32) + FIRST + SECOND + LAST,
    "another magic": b"muniment-objects" + WHOLE[16:],
}


@pytest.mark.parametrize("broken", ATTACKS.values(), ids=ATTACKS)
def test_objects_are_not_cut_or_put_together(broken: bytes) -> None:
    with pytest.raises(DamagedObjectError):
        read(broken)


def test_an_empty_last_chunk_is_no_second_way_to_write_a_content() -> None:
    """Whoever has the key could add one; the object would be another one of the same content."""
    salt = bytes(32)
    cipher = AESGCM(HKDF(SHA256(), 32, salt, b"muniment/object/v1").derive(KEY))
    full = bytes(CHUNK_BYTES)
    first = cipher.encrypt(bytes(12), full, None)
    empty = cipher.encrypt(bytes(10) + b"\1\1", b"", None)
    with pytest.raises(DamagedObjectError):
        read(MAGIC + salt + first + empty)


def test_memory_stays_at_a_few_chunks() -> None:
    import tracemalloc

    class Zeros:
        left = 40 * CHUNK_BYTES

        def read(self, size: int, /) -> bytes:
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

    class Nowhere:
        def write(self, data: bytes, /) -> None:
            del data

    tracemalloc.start()
    try:
        stream.encrypt(Zeros(), Nowhere(), KEY)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * CHUNK_BYTES

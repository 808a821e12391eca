"""Data keys in one erasable file: made in batches, found by id, destroyed one by one.

The folder `keystore/` lies beside the ledger, never inside its database or that one's backups:

    kek.json   the key-encryption key: a key file (`ledger.keyfile`) of kind `kek`
    slots      every data key ever made, wrapped under the kek, or what is left of it

`slots` is a header of 24 bytes and then slots of 80 bytes, in strictly increasing order of key id:

    header   "muniment-slots" ‖ uint16 version, 1 ‖ uint64 flushed: at least so many slots are safe
    slot     key id[16] ‖ nonce[12] ‖ wrapped[48] ‖ reserved[4], zero
    wrapped  = AES-256-GCM(kek, nonce, data key[32], AAD "muniment-slots" ‖ key id)
    erased   = nonce and wrapped are zero; the key id stays and says that there was a key

A key id is a UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, 12 bits of counter, 62 random bits.
Time and counter together only ever count up, from the last slot on when the clock steps back, so
a key is found by binary search in the file itself: flat memory with millions of keys, no index.

`flushed` is written after each flush. Fewer slots than that mean a truncated file: it is refused.
Beyond it, after a crash, the last batch may be there in part. It was not acknowledged: what does
not continue the order, or is no whole slot, is ignored by readers and cut off by the next writer.

What erasing reaches: the bytes of this file, overwritten in place, flushed and read back. A disk
that writes elsewhere (SSD, copy-on-write, snapshots) and every copy of the file may still hold
the wrapped key; whoever certifies a destruction must name the medium and account for the copies.

>>> import tempfile, pathlib
>>> from ledger.keyfile import Argon2Cost
>>> folder = pathlib.Path(tempfile.mkdtemp()) / "keystore"
>>> with Keystore.create(folder, b"correct horse", kdf=Argon2Cost(8, 1, 1)) as store:
...     (key_id, key), (other, _) = store.new_keys(2)
...     store.shred(other)
...     store.key(key_id) == key, store.state(other), (folder / "slots").stat().st_size
(True, 'erased', 184)
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from operator import lt
from pathlib import Path
from typing import Final, Literal, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import KeyAccessError, MunimentError
from ledger.keyfile import (
    STANDARD_COST,
    Argon2Cost,
    open_key,
    write_key,
    write_new_file,
)
from ledger.privatekey import generate

State = Literal["present", "erased", "unknown"]

MAGIC: Final = b"muniment-slots"
VERSION: Final = (1).to_bytes(2)
HEADER_BYTES: Final = 24
SLOT_BYTES: Final = 80
ID_BYTES: Final = 16
NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
WRAPPED_BYTES: Final = KEY_BYTES + 16
KEK_FILE: Final = "kek.json"
SLOT_FILE: Final = "slots"
KEK_NAME: Final = "keystore/kek"

MAX_BATCH: Final = 10_000  # keys written and flushed together: 800 KB, whatever was asked for

_WRITTEN: Final = slice(ID_BYTES, ID_BYTES + NONCE_BYTES + WRAPPED_BYTES)
_ERASED: Final = bytes(NONCE_BYTES + WRAPPED_BYTES)
_RESERVED: Final = bytes(4)
_NEAR: Final = 64  # slots that are read in one go at the end of a search: 5 KiB
_KEY_ID: Final = re.compile(
    r"key-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
_flush: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)  # macOS: fsync only


def _now() -> int:
    return time.time_ns() // 1_000_000


class Keystore:
    """The data keys of one ledger, open under its passphrase.

    Safe to use from several threads and beside other processes: writers take turns by a lock on
    the file, readers see whole batches. Keys are handed out and forgotten, never kept in memory.
    """

    def __init__(
        self,
        descriptor: int,
        kek: bytes,
        clock: Callable[[], int],
        randomness: Callable[[int], bytes],
    ) -> None:
        """Use `create` or `open`."""
        self._descriptor = descriptor
        self._cipher = AESGCM(kek)
        self._clock = clock
        self._randomness = randomness
        self._lock = threading.RLock()
        self._seen_bytes = -1  # the file's length when `_count` and `_last` were established
        self._count = 0
        self._last = bytes(ID_BYTES)

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: bytes,
        kdf: Argon2Cost = STANDARD_COST,
        *,
        clock: Callable[[], int] = _now,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Make an empty keystore under a new key-encryption key, and open it.

        `clock`: Unix milliseconds. Raises KeyAccessError when the folder holds one already, or
        cannot be written; nothing is ever overwritten.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            cause = error.strerror
            raise KeyAccessError(
                "the keystore's folder cannot be made ({cause})",
                cause=cause,
            ) from None
        if os.path.lexists(folder / SLOT_FILE):  # a new kek beside old slots would orphan them all
            raise KeyAccessError("there is a keystore's slot file already; nothing was written")
        kek = generate("kek", "wrap", KEK_NAME, randomness)
        write_key(folder / KEK_FILE, kek, passphrase, kdf)
        write_new_file(folder / SLOT_FILE, _header(0))
        return cls.open(folder, passphrase, clock=clock, randomness=randomness)

    @classmethod
    def open(
        cls,
        folder: Path,
        passphrase: bytes,
        *,
        clock: Callable[[], int] = _now,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Open the keystore in `folder`.

        Raises KeyAccessError: a file is missing, the passphrase is wrong, or one is damaged.
        """
        kek = open_key(f"file:{KEK_FILE}", passphrase, folder)
        if kek.kind != "kek":
            raise KeyAccessError("the keystore's kek.json holds a key of another kind")
        try:
            descriptor = os.open(folder / SLOT_FILE, os.O_RDWR | os.O_NONBLOCK)
        except OSError as error:
            cause = error.strerror
            raise KeyAccessError(
                "the keystore's slot file cannot be opened ({cause})",
                cause=cause,
            ) from None
        store = cls(descriptor, kek.wrapping_key(), clock, randomness)
        try:
            store._refresh()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the file; the object is of no use afterwards. Closing twice is harmless."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Keystore of {self._count} slots>"

    def __reduce__(self) -> str:
        raise TypeError("a keystore is not pickled")

    @property
    def size(self) -> int:
        """How many slots there are, erased ones included."""
        return self._refresh()

    def new_keys(self, count: int) -> list[tuple[str, bytes]]:
        """Make `count` data keys: pairs of key id (`key-<UUIDv7>`) and key (32 bytes).

        They are on the disk when this returns: one write and one flush for each 10,000 of them.
        Raises MunimentError when they cannot be written; then none of them may be used.
        """
        made: list[tuple[str, bytes]] = []
        with self._lock, self._writing():
            while len(made) < count:
                made += self._append(min(count - len(made), MAX_BATCH))
        return made

    def key(self, key_id: str) -> bytes:
        """The data key, 32 bytes. Raises KeyAccessError: unknown, erased, or damaged."""
        raw = _id_bytes(key_id)
        slot = self._slot(self._position(raw), raw)
        if slot[_WRITTEN] == _ERASED:
            raise KeyAccessError(
                "data key {key_id} is erased: its content is gone for good",
                key_id=key_id,
            )
        if slot[-4:] != _RESERVED:
            raise _damaged(key_id)
        nonce, wrapped = slot[ID_BYTES : ID_BYTES + NONCE_BYTES], slot[28:76]
        try:
            return self._cipher.decrypt(nonce, wrapped, MAGIC + raw)
        except InvalidTag:
            raise _damaged(key_id) from None

    def state(self, key_id: str) -> State:
        """Whether there is such a key, or was. Raises KeyAccessError: the file is damaged."""
        position = self._find(_id_bytes(key_id)) if _KEY_ID.fullmatch(key_id) else None
        if position is None:
            return "unknown"
        slot = self._slot(position, _id_bytes(key_id))
        return "erased" if slot[_WRITTEN] == _ERASED else "present"

    def shred(self, *key_ids: str) -> None:
        """Overwrite these keys with zeros, flush once, and read every one of them back.

        A key that is erased already stays so. Raises KeyAccessError when one is unknown (then
        none is touched), or when a slot does not read back as erased.
        """
        with self._lock, self._writing():
            wanted = [(key_id, _id_bytes(key_id)) for key_id in key_ids]
            places = [(key_id, raw, self._position(raw)) for key_id, raw in wanted]
            try:
                for _, _, position in places:
                    _write_all(self._descriptor, _ERASED, _offset(position) + ID_BYTES)
                _flush(self._descriptor)
            except OSError as error:
                cause = error.strerror
                raise MunimentError(
                    "the keystore cannot be written ({cause}): count none of the keys as erased",
                    cause=cause,
                ) from None
            for key_id, raw, position in places:
                self._drop_cache(position)
                if self._slot(position, raw)[_WRITTEN] != _ERASED:
                    raise KeyAccessError(
                        "data key {key_id} does not read back as erased",
                        key_id=key_id,
                    )

    # -- inside ---------------------------------------------------------------------------------

    def _append(self, count: int) -> list[tuple[str, bytes]]:
        """One batch: ids, keys and slots from one block of randomness, one write, one flush."""
        ids = self._next_ids(count)
        random = self._randomness(count * (KEY_BYTES + NONCE_BYTES))
        nonces, keys = random[: count * NONCE_BYTES], random[count * NONCE_BYTES :]
        encrypt = self._cipher.encrypt
        made: list[tuple[str, bytes]] = []
        slots: list[bytes] = []
        for i, raw in enumerate(ids):
            key = keys[i * KEY_BYTES : (i + 1) * KEY_BYTES]
            nonce = nonces[i * NONCE_BYTES : (i + 1) * NONCE_BYTES]
            slots += (raw, nonce, encrypt(nonce, key, MAGIC + raw), _RESERVED)
            made.append((_id_text(raw), key))
        end = _offset(self._count)
        try:
            _write_all(self._descriptor, b"".join(slots), end)
            _flush(self._descriptor)
            os.pwrite(self._descriptor, _header(self._count + count), 0)
        except OSError as error:
            self._seen_bytes = -1  # whatever is there now, look again
            with suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise MunimentError(
                "the keystore cannot be written ({cause}); no key was made", cause=error.strerror
            ) from None
        self._count += count
        self._last = ids[-1]
        self._seen_bytes = _offset(self._count)
        return made

    def _next_ids(self, count: int) -> list[bytes]:
        """UUIDv7 above the last one; `tick` is milliseconds and counter as one 60-bit number."""
        last = int.from_bytes(self._last)
        tick = max(self._clock() << 12, ((last >> 80 << 12) | (last >> 64 & 0xFFF)) + 1)
        if tick + count >> 60:
            raise MunimentError("the clock is beyond what a UUIDv7 can say; no key was made")
        random = self._randomness(count * 8)
        ids = []
        for i in range(count):
            now = tick + i
            high = now >> 12 << 16 | 0x7000 | now & 0xFFF
            low = int.from_bytes(random[i * 8 : i * 8 + 8]) & 0x3FFF_FFFF_FFFF_FFFF
            ids.append((high << 64 | 0x8000_0000_0000_0000 | low).to_bytes(ID_BYTES))
        return ids

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The only writer, among all processes; what an interrupted one left is cut off."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            self._seen_bytes = -1  # another process may have cut and appended to the same length
            end = _offset(self._refresh())
            if self._seen_bytes != end:
                os.ftruncate(self._descriptor, end)
                self._seen_bytes = end
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _refresh(self) -> int:
        """The number of slots that count.

        The end of the file is looked at again when its length has changed, and always while
        something unfinished is there, which another process may replace at any time.
        """
        length = os.fstat(self._descriptor).st_size
        if length == self._seen_bytes == _offset(self._count):
            return self._count
        with self._lock:
            self._inspect()
            return self._count

    def _inspect(self) -> None:
        """Count the flushed slots and those after them that continue the order of ids."""
        # Header first: slots below its number are never cut, so the length read next covers them.
        header = _read(self._descriptor, HEADER_BYTES, 0)
        if len(header) != HEADER_BYTES or header[:16] != MAGIC + VERSION:
            raise KeyAccessError("the keystore's slot file is damaged, or of another format")
        length = os.fstat(self._descriptor).st_size
        flushed, whole = int.from_bytes(header[16:]), (length - HEADER_BYTES) // SLOT_BYTES
        if flushed > whole:
            raise KeyAccessError(
                "the keystore's slot file is truncated: {whole} of {flushed} slots are there",
                "restore the keystore from its backup",
                whole=whole,
                flushed=flushed,
            )
        ids = self._ids(max(0, flushed - 1), whole)
        last = ids.pop(0) if flushed else bytes(ID_BYTES)
        for raw in ids:
            if raw <= last:
                break
            flushed, last = flushed + 1, raw
        self._count, self._last, self._seen_bytes = flushed, last, length

    def _ids(self, start: int, end: int) -> list[bytes]:
        """The key ids of the slots from `start` up to `end`."""
        slots = _read(self._descriptor, (end - start) * SLOT_BYTES, _offset(start))
        return [slots[i : i + ID_BYTES] for i in range(0, len(slots), SLOT_BYTES)]

    def _position(self, raw: bytes) -> int:
        """The slot (0-based) of a key id. Raises KeyAccessError when there is none."""
        position = self._find(raw)
        if position is None:
            raise KeyAccessError(
                "data key {key_id} is unknown in this keystore",
                key_id=_id_text(raw),
            )
        return position

    def _find(self, raw: bytes) -> int | None:
        """Binary search in the file. Raises KeyAccessError when a damaged id misled it."""
        low, high = 0, self._refresh()
        descriptor, count = self._descriptor, high
        while high - low > _NEAR:
            middle = (low + high) // 2
            if _read(descriptor, ID_BYTES, HEADER_BYTES + middle * SLOT_BYTES) <= raw:
                low = middle
            else:
                high = middle
        near = _read(descriptor, (high - low) * SLOT_BYTES, _offset(low))
        at = near.find(raw)
        while at >= 0 and at % SLOT_BYTES:  # the same bytes inside a slot are not its id
            at = near.find(raw, at + 1)
        if at >= 0:
            return low + at // SLOT_BYTES
        # A damaged id that misled the search is an edge of the last stretch.
        ids = self._ids(max(0, low - 1), min(count, high + 2))
        if not all(map(lt, ids, ids[1:])):
            raise _damaged(_id_text(raw))
        return None

    def _slot(self, position: int, raw: bytes) -> bytes:
        slot = _read(self._descriptor, SLOT_BYTES, _offset(position))
        if len(slot) != SLOT_BYTES or slot[:ID_BYTES] != raw:
            raise _damaged(_id_text(raw))
        return slot

    def _drop_cache(self, position: int) -> None:
        """Ask that the read-back comes from the device; where that is not possible, it does not."""
        if hasattr(os, "posix_fadvise"):
            advice = os.POSIX_FADV_DONTNEED
            os.posix_fadvise(self._descriptor, _offset(position), SLOT_BYTES, advice)


def _header(flushed: int) -> bytes:
    return MAGIC + VERSION + flushed.to_bytes(8)


def _offset(position: int) -> int:
    return HEADER_BYTES + position * SLOT_BYTES


def _read(descriptor: int, length: int, offset: int) -> bytes:
    try:
        return os.pread(descriptor, length, offset)
    except OSError as error:
        cause = error.strerror
        raise KeyAccessError(
            "the keystore's slot file cannot be read ({cause})",
            cause=cause,
        ) from None


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    """One write; the system may take it in parts (a full disk, a signal)."""
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


def _id_text(raw: bytes) -> str:
    text = raw.hex()
    return f"key-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _id_bytes(key_id: str) -> bytes:
    if not _KEY_ID.fullmatch(key_id):
        raise KeyAccessError("that is not the id of a data key, so it is unknown")
    return bytes.fromhex(key_id[4:].replace("-", ""))


def _damaged(key_id: str) -> KeyAccessError:
    return KeyAccessError(
        "data key {key_id} cannot be unwrapped: its slot is damaged, or kek.json is another's",
        key_id=key_id,
    )

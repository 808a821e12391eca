r"""The slot file: every data key, wrapped, found by its id, and erased in place without its kek.

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
To erase takes no passphrase: a copy of the file is cleared wherever it can be written.

>>> import tempfile, pathlib
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> raw = id_bytes("key-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e")
>>> _ = (folder / SLOT_FILE).write_bytes(header_of(1) + raw + b"x" * 60 + RESERVED)
>>> with Slots.at(folder) as slots:
...     (key_id,) = slots.present()
...     slots.shred(key_id)
...     key_id == slots.last, slots.state(key_id), list(slots.present())
(True, 'erased', [])
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from operator import lt
from pathlib import Path
from typing import BinaryIO, Final, Literal, Self

from ledger.errors import KeyAccessError, MunimentError

State = Literal["present", "erased", "unknown"]

MAGIC: Final = b"muniment-slots"
VERSION: Final = (1).to_bytes(2)
HEADER_BYTES: Final = 24
SLOT_BYTES: Final = 80
ID_BYTES: Final = 16
NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
WRAPPED_BYTES: Final = KEY_BYTES + 16
SLOT_FILE: Final = "slots"
WRITTEN: Final = slice(ID_BYTES, ID_BYTES + NONCE_BYTES + WRAPPED_BYTES)
ERASED: Final = bytes(NONCE_BYTES + WRAPPED_BYTES)
RESERVED: Final = bytes(4)

_BLOCK: Final = 4096  # slots that are read in one go when all are gone through: 320 KiB
_NEAR: Final = 64  # slots that are read in one go at the end of a search: 5 KiB
_KEY_ID: Final = re.compile(
    r"key-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
_flush: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)  # macOS: fsync only


class Slots:
    """A slot file, open: keys are looked up by id and erased; to read them takes a `Keystore`.

    Safe to use from several threads and beside other processes: writers take turns by a lock on
    the file, readers see whole batches.
    """

    def __init__(self, descriptor: int) -> None:
        """Use `at`."""
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self._seen_bytes = -1  # the file's length when `_count` and `_last` were established
        self._count = 0
        self._last = bytes(ID_BYTES)
        self._found = -1  # the slot that was looked up last

    @classmethod
    def at(cls, folder: Path, *, reading: bool = False) -> Slots:
        """The slot file in `folder`, the keystore's own or a copy of it.

        `reading`: nothing will be erased. Raises KeyAccessError: it is missing, cannot be opened,
        or is damaged.
        """
        slots = Slots(open_slots(folder, reading=reading))
        try:
            slots._refresh()
        except BaseException:
            slots.close()
            raise
        return slots

    def close(self) -> None:
        """Close the file; the object is of no use afterwards. Closing twice is harmless."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> int:
        """How many slots there are, erased ones included."""
        return self._refresh()

    @property
    def last(self) -> str:
        """The id of the last key, erased or not; empty if there is none."""
        return id_text(self._last) if self._refresh() else ""

    def present(self) -> Iterator[str]:
        """The ids of all keys that are there and not erased, in order."""
        count = self._refresh()
        for start in range(0, count, _BLOCK):
            data = _read(self._descriptor, min(_BLOCK, count - start) * SLOT_BYTES, offset(start))
            for at in range(0, len(data), SLOT_BYTES):
                slot = data[at : at + SLOT_BYTES]
                if slot[WRITTEN] != ERASED:
                    yield id_text(slot[:ID_BYTES])

    def copy_to(self, sink: BinaryIO, through: str) -> tuple[int, str]:
        """Write a slot file with all slots up to the key `through`; their number, its SHA-256.

        As they are between two writers: nobody adds or erases meanwhile. Raises KeyAccessError if
        there is no such key.
        """
        digest = sha256()
        with self._lock, self._writing():
            count = self._position(id_bytes(through)) + 1
            pieces = [header_of(count)]
            for start in range(0, count, _BLOCK):
                length = min(_BLOCK, count - start) * SLOT_BYTES
                pieces.append(_read(self._descriptor, length, offset(start)))
                for piece in pieces:
                    digest.update(piece)
                    sink.write(piece)
                pieces.clear()
        return count, digest.hexdigest()

    def state(self, key_id: str) -> State:
        """Whether there is such a key, or was. Raises KeyAccessError: the file is damaged."""
        position = self._find(id_bytes(key_id)) if _KEY_ID.fullmatch(key_id) else None
        if position is None:
            return "unknown"
        slot = self._slot(position, id_bytes(key_id))
        return "erased" if slot[WRITTEN] == ERASED else "present"

    def shred(self, *key_ids: str) -> None:
        """Overwrite these keys with zeros, flush once, and read every one of them back.

        A key that is erased already stays so. Raises KeyAccessError when one is unknown (then
        none is touched), or when a slot does not read back as erased.
        """
        with self._lock, self._writing():
            wanted = [(key_id, id_bytes(key_id)) for key_id in key_ids]
            places = [(key_id, raw, self._position(raw)) for key_id, raw in wanted]
            try:
                for _, _, position in places:
                    write_all(self._descriptor, ERASED, offset(position) + ID_BYTES)
                self._flush()
            except OSError as error:
                cause = error.strerror
                raise MunimentError(
                    "the keystore cannot be written ({cause}): count none of the keys as erased",
                    cause=cause,
                ) from None
            for key_id, raw, position in places:
                self._drop_cache(position)
                if self._slot(position, raw)[WRITTEN] != ERASED:
                    raise KeyAccessError(
                        "data key {key_id} does not read back as erased",
                        key_id=key_id,
                    )

    # -- inside ---------------------------------------------------------------------------------

    def _flush(self) -> None:
        """What was written is on the disk when this returns."""
        _flush(self._descriptor)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The only writer, among all processes; what an interrupted one left is cut off."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            self._seen_bytes = -1  # another process may have cut and appended to the same length
            end = offset(self._refresh())
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
        if length == self._seen_bytes == offset(self._count):
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
        slots = _read(self._descriptor, (end - start) * SLOT_BYTES, offset(start))
        return [slots[i : i + ID_BYTES] for i in range(0, len(slots), SLOT_BYTES)]

    def _position(self, raw: bytes) -> int:
        """The slot (0-based) of a key id. Raises KeyAccessError when there is none."""
        position = self._find(raw)
        if position is None:
            raise KeyAccessError(
                "data key {key_id} is unknown in this keystore",
                key_id=id_text(raw),
            )
        return position

    def _find(self, raw: bytes) -> int | None:
        """Binary search in the file. Raises KeyAccessError when a damaged id misled it."""
        low, high = 0, self._refresh()
        descriptor, count = self._descriptor, high
        following = self._found + 1  # keys are often asked for in the order in which they were made
        if following < count and _read(descriptor, ID_BYTES, offset(following)) == raw:
            self._found = following
            return following
        while high - low > _NEAR:
            middle = (low + high) // 2
            if _read(descriptor, ID_BYTES, HEADER_BYTES + middle * SLOT_BYTES) <= raw:
                low = middle
            else:
                high = middle
        near = _read(descriptor, (high - low) * SLOT_BYTES, offset(low))
        at = near.find(raw)
        while at >= 0 and at % SLOT_BYTES:  # the same bytes inside a slot are not its id
            at = near.find(raw, at + 1)
        if at >= 0:
            self._found = low + at // SLOT_BYTES
            return self._found
        # A damaged id that misled the search is an edge of the last stretch.
        ids = self._ids(max(0, low - 1), min(count, high + 2))
        if not all(map(lt, ids, ids[1:])):
            raise damaged(id_text(raw))
        return None

    def _slot(self, position: int, raw: bytes) -> bytes:
        slot = _read(self._descriptor, SLOT_BYTES, offset(position))
        if len(slot) != SLOT_BYTES or slot[:ID_BYTES] != raw:
            raise damaged(id_text(raw))
        return slot

    def _drop_cache(self, position: int) -> None:
        """Ask that the read-back comes from the device; where that is not possible, it does not."""
        if hasattr(os, "posix_fadvise"):
            advice = os.POSIX_FADV_DONTNEED
            os.posix_fadvise(self._descriptor, offset(position), SLOT_BYTES, advice)


def open_slots(folder: Path, *, reading: bool = False) -> int:
    """A descriptor of the slot file in `folder`; `reading`: it need not be writable.

    Raises KeyAccessError.
    """
    flags = os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(folder / SLOT_FILE, (os.O_RDONLY if reading else os.O_RDWR) | flags)
    except OSError as error:
        raise KeyAccessError(
            "the keystore's slot file cannot be opened ({cause})", cause=error.strerror
        ) from None


def header_of(flushed: int) -> bytes:
    """The header of a slot file."""
    return MAGIC + VERSION + flushed.to_bytes(8)


def offset(position: int) -> int:
    """Where a slot (0-based) begins."""
    return HEADER_BYTES + position * SLOT_BYTES


def _read(descriptor: int, length: int, offset: int) -> bytes:
    """So many bytes, or all there are; the system may give them in parts."""
    try:
        data = os.pread(descriptor, length, offset)
        while len(data) < length and (
            more := os.pread(descriptor, length - len(data), offset + len(data))
        ):
            data += more
    except OSError as error:
        cause = error.strerror
        raise KeyAccessError(
            "the keystore's slot file cannot be read ({cause})",
            cause=cause,
        ) from None
    return data


def write_all(descriptor: int, data: bytes, offset: int) -> None:
    """One write; the system may take it in parts (a full disk, a signal)."""
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


def id_text(raw: bytes) -> str:
    """The id of a key from its 16 bytes."""
    text = raw.hex()
    return f"key-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def id_bytes(key_id: str) -> bytes:
    """The 16 bytes of a key's id. Raises KeyAccessError for what is none."""
    if not _KEY_ID.fullmatch(key_id):
        raise KeyAccessError("that is not the id of a data key, so it is unknown")
    return bytes.fromhex(key_id[4:].replace("-", ""))


def damaged(key_id: str) -> KeyAccessError:
    """What a slot is refused with that is not as it was written."""
    return KeyAccessError(
        "data key {key_id} cannot be unwrapped: its slot is damaged, or kek.json is another's",
        key_id=key_id,
    )

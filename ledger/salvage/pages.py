"""Rows of a damaged SQLite file, page by page, without SQLite: nothing is asked of its structure.

Every page is looked at by itself, whether or not a table still leads to it. A leaf page of a table
is (the database file format of sqlite.org, sections 1.6 and 2.1; numbers are big-endian):

    0x0d, first free block (2), cells (2), start of content (2), fragments (1), offsets (2 each)
    cell:    payload length (varint), rowid (varint), payload, next page of the payload (4)
    payload: header length (varint), a type for each column (varint), the columns

What a row is follows from its columns alone; what is in it is believed by nobody before it has been
proved. Frames of a write-ahead log stand in for the pages that they are of, up to the last commit
whose checksums hold; later frames are read as well, beside them. Of a file whose header is damaged,
the page size is the one with which most rows can be read.

>>> read_record(bytes([4, 1, 0, 17, 9]) + b"ok")
[9, None, 'ok']
>>> read_record(bytes([4, 1, 0, 17, 9]) + b"o")
Traceback (most recent call last):
  ...
ValueError: a record is shorter than its header says
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

MAGIC: Final = b"SQLite format 3\0"
PAGE_SIZES: Final = (16384, 4096, 8192, 32768, 65536, 2048, 1024, 512)
"""What a damaged header may have said; Muniment makes databases with the first."""
MOST_PAYLOAD: Final = 16 << 20
_LEAF: Final = 0x0D
_HEADER: Final = 100
_WAL_MAGIC: Final = (0x377F0682, 0x377F0683)
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_ONES: Final = 0x7F
_NINTH: Final = 8
_TABLE_LIMIT: Final = 0xFFFF

Value = int | bytes | str | None
Row = list[Value]


class Cell(NamedTuple):
    """A row that was read: where it is, its rowid, its columns (None in the rowid's own)."""

    where: int
    rowid: int
    row: Row


class Image:
    """The pages of one database file, some of them replaced by newer ones."""

    def __init__(
        self,
        descriptor: int | None,
        size: int,
        newer: Mapping[int, bytes],
        own: Sequence[int] | None = None,
    ) -> None:
        """`size`: of a page in bytes; `newer`: pages (from 1 on) that stand in for the file's.

        `own`: the pages to look at; None for all of them.
        """
        self._descriptor, self.size, self._newer = descriptor, size, newer
        length = os.fstat(descriptor).st_size if descriptor is not None else 0
        self.pages = max(-(-length // size), max(newer, default=0))
        self.own = range(1, self.pages + 1) if own is None else own
        self._read = lru_cache(64)(self._page)

    def _page(self, number: int) -> bytes:
        if number in self._newer:
            return self._newer[number]
        if self._descriptor is None:
            return b""
        try:
            return os.pread(self._descriptor, self.size, (number - 1) * self.size)
        except OSError:  # a sector that the disk no longer gives back
            return b""

    def cells(self, number: int) -> Iterator[Cell | None]:
        """The rows of a page (from 1 on), None for each that cannot be read."""
        page = self._read(number)
        head = _HEADER if number == 1 else 0
        if len(page) < head + 8 or page[head] != _LEAF:
            return
        count = int.from_bytes(page[head + 3 : head + 5])
        for at in range(head + 8, min(head + 8 + 2 * count, len(page) - 1), 2):
            offset = int.from_bytes(page[at : at + 2])
            yield self._cell(number, offset) if offset else None

    def at(self, where: int) -> Cell | None:
        """The row at a place that `cells` named."""
        return self._cell(where >> 16, where & _TABLE_LIMIT)

    def _cell(self, number: int, offset: int) -> Cell | None:
        page = self._read(number)
        try:
            length, at = _varint(page, offset)
            rowid, at = _varint(page, at)
            if rowid >= 1 << 63:
                rowid -= 1 << 64
            return Cell(number << 16 | offset, rowid, read_record(self._payload(page, at, length)))
        except (IndexError, ValueError):
            return None

    def _payload(self, page: bytes, at: int, length: int) -> bytes:
        if not 0 < length <= MOST_PAYLOAD:
            raise ValueError("no payload is as long")
        if length <= self.size - 35:
            return page[at : at + length]
        least = (self.size - 12) * 32 // 255 - 23
        local = least + (length - least) % (self.size - 4)
        local = local if local <= self.size - 35 else least
        parts, left = [page[at : at + local]], length - local
        following = int.from_bytes(page[at + local : at + local + 4])
        while left > 0:
            page = self._read(following) if 0 < following <= self.pages else b""
            if len(page) < min(self.size, left + 4):
                raise ValueError("a page of the payload is missing")
            parts.append(page[4 : 4 + left])
            left -= len(parts[-1])
            following = int.from_bytes(page[:4])
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and where the next one begins. Raises `IndexError` at the end of the data."""
    value = 0
    for _ in range(_NINTH):
        byte = data[at]
        at += 1
        value = value << 7 | byte & _ONES
        if byte <= _ONES:
            return value, at
    return value << 8 | data[at], at + 1


def read_record(payload: bytes) -> Row:
    """The columns of a row. Raises `ValueError` or `IndexError` for bytes that are none."""
    end, at = _varint(payload, 0)
    body, row = end, list[Value]()
    while at < end:
        kind, at = _varint(payload, at)
        size = _INTEGERS.get(kind, 0) if kind < 12 else (kind - 12) // 2  # noqa: PLR2004
        data = payload[body : body + size]
        body += size
        if len(data) < size:
            raise ValueError("a record is shorter than its header says")
        row.append(_column(kind, data))
    return row


def _column(kind: int, data: bytes) -> Value:
    if kind in _INTEGERS:
        return int.from_bytes(data, signed=True)
    if kind in (8, 9):
        return kind - 8
    if kind >= 12:  # noqa: PLR2004
        return data.decode("latin-1") if kind & 1 else data
    if kind:
        raise ValueError("no column of Muniment's has this type")
    return None


# -- the file and its write-ahead log ------------------------------------------------------------


class Read(NamedTuple):
    """What can be read of a database's files.

    `images`: the database with what its log says, and a second one where the log goes on after
    damage; `header`: whether the file says that it is SQLite's; `frames`: of the log, those that
    SQLite would read and those that it would not.
    """

    images: tuple[Image, ...]
    header: bool
    frames: tuple[int, int]


def read_files(descriptor: int | None, log: Path) -> Read:
    """The pages of an open database file (None: there is none) and of its write-ahead log."""
    start = raw = b""
    with suppress(OSError):
        start = os.pread(descriptor, _HEADER, 0) if descriptor is not None else b""
    header = start.startswith(MAGIC)
    with suppress(OSError):
        raw = log.read_bytes() if log.is_file() else b""
    size, good, later = _frames(raw)
    said = int.from_bytes(start[16:18]) if header else 0
    sizes = [1 << 16 if said == 1 else said, size, *PAGE_SIZES]
    best = max(dict.fromkeys(one for one in sizes if one in PAGE_SIZES),
               key=lambda one: _readable(Image(descriptor, one, {})))  # fmt: skip
    if size and not _readable(Image(descriptor, best, {})):
        best = size
    newer = dict(good) if size == best else {}
    images = [Image(descriptor, best, newer)]
    if later and size == best:
        numbers = sorted({number for number, _ in later})
        images.append(Image(descriptor, best, newer | dict(later), numbers))
    return Read(tuple(images), header, (len(good), len(later)))


def _readable(image: Image) -> int:
    """How many rows the first pages hold, if pages have this size."""
    return sum(cell is not None for n in range(1, min(image.pages, 256) + 1)
               for cell in image.cells(n))  # fmt: skip


def _frames(log: bytes) -> tuple[int, list[tuple[int, bytes]], list[tuple[int, bytes]]]:
    """Page size of a log, its frames up to the last whole commit, and those after it."""
    if len(log) < _WAL_HEADER or int.from_bytes(log[:4]) not in _WAL_MAGIC:
        return 0, [], []
    size = int.from_bytes(log[8:12])
    if size not in PAGE_SIZES:
        return 0, [], []
    order = ">" if int.from_bytes(log[:4]) & 1 else "<"
    total = _checksum(log[:24], (0, 0), order)
    whole = log[24:32] == _joined(total)
    frames: list[tuple[int, bytes]] = []
    committed = 0
    for at in range(_WAL_HEADER, len(log) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        start = at + _FRAME_HEADER
        head, page = log[at:start], log[start : start + size]
        if head[8:16] != log[16:24]:
            break  # left over from before the log was begun anew
        total = _checksum(page, _checksum(head[:8], total, order), order)
        whole = whole and head[16:24] == _joined(total)
        frames.append((int.from_bytes(head[:4]), page))
        if whole and int.from_bytes(head[4:8]):
            committed = len(frames)
    return size, frames[:committed], frames[committed:]


def _checksum(data: bytes, total: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = total
    words = memoryview(data).cast("I") if order == "<" else None
    if words is None:
        words = memoryview(b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4)))
        words = words.cast("I")
    for at in range(0, len(words), 2):
        first = (first + words[at] + second) & 0xFFFFFFFF
        second = (second + words[at + 1] + first) & 0xFFFFFFFF
    return first, second


def _joined(total: tuple[int, int]) -> bytes:
    return total[0].to_bytes(4) + total[1].to_bytes(4)

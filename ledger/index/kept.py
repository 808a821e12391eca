r"""The rows of one index in a file, so that a proof costs milliseconds and not a whole computation.

    header               "muniment-index/1", then big-endian: size, rows, objects, and the length of
                         the last part, 8 bytes each; the root, 32 bytes
    rows × 19 bytes      the stream of each row
    objects × 27 bytes   each object that has rows, and the number (8 bytes) of its first row
    blocks × 32 bytes    the roots over each full 256 rows, which are nodes of the tree
    aggregates           their names, sorted, a space between two

An id is the number of its aggregate (3 bytes) and the 16 bytes of its UUID. Versions and leaves are
read from the ledger. Nothing in the file is believed: what is proved from it is checked against the
root that was published, and if it does not hold, the file is made again.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Final, NamedTuple

from ledger.index.computing import Index, Root, temporary_file
from ledger.tlog.merkle import (
    Frontier,
    NodeReader,
    inclusion_proof,
    leaf_hash,
    leaf_reader,
    tree_root,
)

_LEVEL: Final = 8
_BLOCK: Final = 1 << _LEVEL
_HEADER: Final = struct.Struct(">16sQQQQ32s")
_MAGIC: Final = b"muniment-index/1"
_ID: Final = 19
_OBJECT: Final = struct.Struct(f">{_ID}sQ")
_HASH: Final = 32

Tail = Callable[[str], str]
"""Gives version and leaf of a stream as the rows of the index have them, `<version> <leaf>`."""


class IndexRow(NamedTuple):
    """A row of an index and its inclusion proof: number from 0, text, hashes from the leaf up."""

    row: int
    text: str
    hashes: list[bytes]


def write(file: IO[bytes], index: Index, size: int, progress: Callable[[int], None] | None) -> Root:
    """Write the rows of an index over `size` entries into an empty file; what they come to."""
    edge, blocks, pending = Frontier(), bytearray(), list[bytes]()
    objects, count, before = temporary_file(), 0, b""
    file.write(bytes(_HEADER.size))
    with objects:
        for texts in index.rows():
            hashes = [leaf_hash(text) for text in texts]
            numbers = {name: at for at, name in enumerate(index.aggregates)}
            for row, text in enumerate(texts, edge.size):
                name, stream, _ = text.split(b" ", 2)
                if name != before:
                    objects.write(_OBJECT.pack(_packed(numbers, name), row))
                    count, before = count + 1, name
                file.write(_packed(numbers, stream))
            edge.extend(hashes)
            pending += hashes
            while len(pending) >= _BLOCK:
                blocks += tree_root(pending[:_BLOCK])
                del pending[:_BLOCK]
            if progress is not None:
                progress(edge.size)
        objects.seek(0)
        shutil.copyfileobj(objects, file)
    names = b" ".join(index.aggregates)
    file.write(bytes(blocks) + names)
    file.seek(0)
    file.write(_HEADER.pack(_MAGIC, size, edge.size, count, len(names), edge.root()))
    file.flush()
    return Root(edge.root(), edge.size)


def _packed(numbers: dict[bytes, int], identity: bytes) -> bytes:
    number = numbers[identity[:-37]].to_bytes(3, "big")
    return number + bytes.fromhex(identity[-36:].replace(b"-", b"").decode())


class Kept:
    """The file of one index, open for reading; its numbers are consistent, and no more is checked.

    Raises `ValueError` for a file that has another form.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            raise ValueError("no index") from None
        if len(self._raw) < _HEADER.size:
            raise ValueError("no index")
        self.rows: int
        magic, self.size, self.rows, self._count, names, self.root = _HEADER.unpack_from(self._raw)
        self._objects = _HEADER.size + self.rows * _ID
        self._blocks = self._objects + self._count * _OBJECT.size
        end = self._blocks + self.rows // _BLOCK * _HASH
        if magic != _MAGIC or len(self._raw) != end + names:
            raise ValueError("no index")
        self._aggregates = self._raw[end:].decode("ascii", "replace").split(" ")

    def close(self) -> None:
        """Give the file back."""
        self._raw.close()

    def prove(
        self, name: str, tail: Tail, check: Callable[[int], None] | None = None
    ) -> list[IndexRow]:
        """The rows of an object, with the one before and the one after where there are any.

        `check` is told first how many rows the object has, and may raise. Raises `ValueError` or
        `IndexError` if the file does not hold together.
        """
        at = bisect_left(range(self._count), name, key=self._object)
        first = self._first(at)
        end = self._first(at + 1) if at < self._count and self._object(at) == name else first
        if check is not None:
            check(end - first)
        wanted = range(max(first - 1, 0), min(end + 1, self.rows))
        return self._proofs(wanted, tail)

    def prove_own(self, stream: str, tail: Tail) -> IndexRow:
        """The row of a stream that names itself.

        Raises `ValueError` or `IndexError` if there is none, or the file does not hold together.
        """
        at = bisect_left(range(self._count), stream, key=self._object)
        first, end = self._first(at), self._first(at + 1)
        row = bisect_left(range(end), stream, first, key=self._stream)
        return self._proofs(range(row, row + 1), tail)[0]

    def _proofs(self, wanted: range, tail: Tail) -> list[IndexRow]:
        nodes = self._nodes(tail)
        return [
            IndexRow(row, text, inclusion_proof(row, self.rows, nodes))
            for row, text in zip(wanted, self._texts(wanted, tail), strict=True)
        ]

    def _stream(self, row: int) -> str:
        return self._id(_HEADER.size + row * _ID)

    def _object(self, at: int) -> str:
        return self._id(self._objects + at * _OBJECT.size)

    def _first(self, at: int) -> int:
        """The first row of an object; of the one after the last, how many rows there are."""
        if at >= self._count:
            return int(self.rows)
        first = _OBJECT.unpack_from(self._raw, self._objects + at * _OBJECT.size)[1]
        if not 0 <= first < self.rows:
            raise ValueError("no such row")
        return int(first)

    def _id(self, offset: int) -> str:
        raw = self._raw[offset : offset + _ID]
        digits = raw[3:].hex()
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return f"{self._aggregates[int.from_bytes(raw[:3], 'big')]}-{'-'.join(parts)}"

    def _texts(self, rows: range, tail: Tail) -> Iterator[str]:
        at = bisect_right(range(self._count), rows.start, key=self._first) - 1
        for row in rows:
            while row >= self._first(at + 1):
                at += 1
            stream = self._stream(row)
            yield f"{self._object(at)} {stream} {tail(stream)}"

    def _nodes(self, tail: Tail) -> NodeReader:
        blocks = range(self._blocks, self._blocks + self.rows // _BLOCK * _HASH, _HASH)
        upper = leaf_reader([self._raw[at : at + _HASH] for at in blocks])

        @lru_cache(maxsize=4)  # rows are asked for in order
        def block(number: int) -> NodeReader:
            rows = range(number * _BLOCK, min((number + 1) * _BLOCK, self.rows))
            return leaf_reader([leaf_hash(text.encode()) for text in self._texts(rows, tail)])

        def node(level: int, at: int) -> bytes:
            if level >= _LEVEL:
                return upper(level - _LEVEL, at)
            number, inside = divmod(at << level, _BLOCK)
            return block(number)(level, inside >> level)

        return node


def path_of(folder: Path, size: int) -> Path:
    """Where a ledger's folder keeps the rows of its newest index."""
    return folder / "index" / str(size)


@contextmanager
def fresh(
    index: Index, size: int, progress: Callable[[int], None] | None = None
) -> Iterator[tuple[Root, IO[bytes]]]:
    """What an index comes to, and a file of its rows that has no name in any folder."""
    with temporary_file() as file:
        yield write(file, index, size, progress), file


def keep(folder: Path, size: int, file: IO[bytes]) -> None:
    """Keep the rows of the newest index in the ledger's folder, in the place of older ones.

    They can be made again: where there is no room or no right to write, nothing is kept.
    """
    place = path_of(folder, size)
    part = place.with_name(f".{size}.{os.urandom(8).hex()}.tmp")
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with part.open("xb") as kept:
                file.seek(0)
                shutil.copyfileobj(file, kept, 1 << 20)
                kept.flush()
                os.fsync(kept.fileno())
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
        for other in place.parent.iterdir():
            if other != place:
                other.unlink()

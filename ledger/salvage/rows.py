"""Which rows of a damaged database may be which: sorted by what their columns look like.

A row is what its columns say, not what the table is called that may or may not lead to it:

    events       rowid, stream (16 bytes), version, topic, entry, state
    commits      rowid, first, count, id (16 bytes), entry bytes, leaf hashes
    tiles        level, number, 256 hashes
    checkpoints  rowid, size, note
    packs        digest (32 bytes), bytes
    sealed       rowid, ciphertext
    head         rowid, entries, events, root (32 bytes), edge, accepted time
    anchors      rowid, size, note, reply

Of the large ones only the place is kept, to be read again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from ledger.salvage.pages import Read, Row
from ledger.tlog.merkle import HASH_SIZE
from ledger.tlog.tiles import TILE_WIDTH

_SHAPES: Final[dict[str, str]] = {
    "nbitib": "events",
    "nbitnb": "events",
    "niibbb": "commits",
    "niibbt": "head",
    "iib": "tiles",
    "nib": "checkpoints",
    "bb": "packs",
    "nb": "sealed",
    "nibb": "anchors",
}
_LETTER: Final = {type(None): "n", bytes: "b", int: "i", str: "t"}
_ID: Final = 16
_LEVELS: Final = 2  # 16 million entries; nodes above are computed
_MOST_TILES: Final = 1 << 40


class Head(NamedTuple):
    """What a row of `head` says; nothing vouches for it."""

    entries: int
    events: int
    edge: bytes


class Rows:
    """Everything in a database that looks like a row of the log."""

    def __init__(self, read: Read) -> None:
        self._images = read.images
        self.events: dict[int, list[int]] = {}
        self.commits: dict[int, list[int]] = {}
        self.sealed: dict[int, list[int]] = {}
        self.tiles: dict[tuple[int, int], dict[bytes, None]] = {}
        self.checkpoints: dict[bytes, None] = {}
        self.packs: dict[str, bytes] = {}
        self.anchors: dict[bytes, bytes] = {}
        self.heads: dict[Head, None] = {}
        self.read = self.unreadable = 0
        for at, image in enumerate(self._images):
            for number in image.own:
                for cell in image.cells(number):
                    self.read += cell is not None
                    self.unreadable += cell is None
                    if cell is not None:
                        self._sort(cell.row, cell.rowid, cell.where << 1 | at)

    @property
    def any(self) -> bool:
        """Whether anything was read that may be of a ledger's log."""
        return any((
            self.events, self.commits, self.sealed, self.tiles, self.checkpoints, self.packs,
            self.anchors, self.heads,
        ))  # fmt: skip

    def row(self, place: int) -> Row:
        """The columns of a row by the place that is kept of it."""
        cell = self._images[place & 1].at(place >> 1)
        return cell.row if cell is not None else []

    def _sort(self, row: Row, rowid: int, place: int) -> None:
        shape = _SHAPES.get("".join(_LETTER[type(one)] for one in row))
        match shape, row:
            case "events", [_, bytes(stream), *_] if len(stream) == _ID:
                self.events.setdefault(rowid, []).append(place)
            case "commits", [_, _, _, bytes(name), bytes(), bytes()] if len(name) == _ID:
                self.commits.setdefault(rowid, []).append(place)
            case "sealed", _:
                self.sealed.setdefault(rowid, []).append(place)
            case "tiles", [int(level), int(number), bytes(data)]:
                fits = 0 <= level < _LEVELS and 0 <= number < _MOST_TILES
                if fits and len(data) == TILE_WIDTH * HASH_SIZE:
                    self.tiles.setdefault((level, number), {})[data] = None
            case "checkpoints", [_, _, bytes(note)]:
                self.checkpoints[note] = None
            case "packs", [bytes(digest), bytes(data)]:
                if sha256(data).digest() == digest:
                    self.packs[digest.hex()] = data
            case "anchors", [_, _, bytes(note), bytes(reply)]:
                self.anchors[reply] = note
            case "head", [_, int(entries), int(events), bytes(), bytes(edge), _]:
                self.heads[Head(entries, events, edge)] = None
            case _:
                pass

r"""Hash tiles and entry bundles: the tree cut into files of 256 each (C2SP tlog-tiles).

    tile/<level>/<number>           full: 256 hashes of 32 bytes, never changes
    tile/<level>/<number>.p/<W>     partial: the first W hashes, 1 to 255, of the last tile
    tile/entries/<number>[.p/<W>]   the entries below the level 0 tile of this number and width,
                                    each as its length (2 bytes, big-endian) and its bytes

Level L, entry i, is the root over 256**L leaves, the complete node `(8 * L, i)` of
`ledger.tlog.merkle`; a tile holds entries 256 * number onwards. The number is written in groups of
three digits, all but the last prefixed with `x`. There are levels 0 to 63 and no empty tiles.

>>> tile_path(0, 1234067)
'tile/0/x001/x234/067'
>>> parse_tile_path("tile/1/001.p/17")
Tile(level=1, number=1, width=17)
>>> for tile in partial_tiles(70_000):
...     print(tile)
Tile(level=0, number=273, width=112)
Tile(level=1, number=1, width=17)
Tile(level=2, number=0, width=1)
>>> sum(1 for _ in completed_tiles(0, 70_000))
274
>>> bundle_path(273, 112), parse_bundle_path("tile/entries/273.p/112")
('tile/entries/273.p/112', Bundle(number=273, width=112))
>>> format_bundle([b"one", b""]), parse_bundle(b"\0\3one\0\0")
(b'\x00\x03one\x00\x00', [b'one', b''])
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from ledger.errors import ProofError
from ledger.tlog.merkle import HASH_SIZE, NodeReader, leaf_reader

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256
MAX_LEVEL: Final = 63
MAX_ENTRY: Final = 65_535

ReadTile = Callable[[int, int, int], bytes]
"""`read_tile(level, number, width)` returns the tile's first `width` hashes, 32 * width bytes."""

_PATH = re.compile(r"tile/([0-9]{1,2})/((?:x[0-9]{3}/){0,6})([0-9]{3})(?:\.p/([0-9]{1,3}))?")
# A proof asks a tile for up to 8 nodes, and the tiles above serve all proofs: 64 are 2 MB.
_TILES_KEPT: Final = 64


class Tile(NamedTuple):
    """The name of a tile: level from 0, number from 0, width 1 to 256 hashes."""

    level: int
    number: int
    width: int = TILE_WIDTH


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile; `ProofError` for a tile that cannot be."""
    if not (0 <= level <= MAX_LEVEL and 0 <= number < 1 << 63 and 0 < width <= TILE_WIDTH):
        raise ProofError(f"there is no tile of level {level}, number {number}, width {width}")
    path = f"{number % 1000:03d}"
    while number := number // 1000:
        path = f"x{number % 1000:03d}/{path}"
    return f"tile/{level}/{path}" + ("" if width == TILE_WIDTH else f".p/{width}")


def parse_tile_path(path: str) -> Tile:
    """Read what `tile_path` writes, and nothing else."""
    match = _PATH.fullmatch(path)
    if match:
        level, groups, last, width = match.groups()
        number = int(groups.replace("x", "").replace("/", "") + last)
        tile = Tile(int(level), number, int(width or TILE_WIDTH))
        if tile.level <= MAX_LEVEL and 0 < tile.width <= TILE_WIDTH and tile_path(*tile) == path:
            return tile
    raise ProofError("not the path of a tile")


class Bundle(NamedTuple):
    """The name of an entry bundle: number from 0, width 1 to 256 entries."""

    number: int
    width: int = TILE_WIDTH


_ENTRIES: Final = "tile/entries/"
_LEVEL_0: Final = "tile/0/"


def bundle_path(number: int, width: int = TILE_WIDTH) -> str:
    """Return the path of an entry bundle; `ProofError` for one that cannot be."""
    return _ENTRIES + tile_path(0, number, width).removeprefix(_LEVEL_0)


def parse_bundle_path(path: str) -> Bundle:
    """Read what `bundle_path` writes, and nothing else."""
    if not path.startswith(_ENTRIES):
        raise ProofError("not the path of an entry bundle")
    _, number, width = parse_tile_path(_LEVEL_0 + path.removeprefix(_ENTRIES))
    return Bundle(number, width)


def format_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the bytes of a bundle of entries; `ProofError` for one above 65,535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise ProofError(f"an entry of a bundle has at most {MAX_ENTRY} bytes")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def parse_bundle(raw: bytes) -> list[bytes]:
    """Read what `format_bundle` writes; `ProofError` for bytes that end inside an entry."""
    entries = []
    at = 0
    while at < len(raw):
        start = at + 2
        at = start + int.from_bytes(raw[at:start], "big")
        if start > len(raw) or at > len(raw):
            raise ProofError("an entry bundle ends inside an entry")
        entries.append(raw[start:at])
    return entries


def completed_tiles(old: int, new: int) -> Iterator[Tile]:
    """Yield the full tiles that a tree completes by growing from `old` to `new` leaves.

    Lower levels first, so that a tile's entries can be hashed from tiles yielded before it.
    """
    level = 0
    while (end := new >> TILE_HEIGHT * (level + 1)) > 0:
        for number in range(old >> TILE_HEIGHT * (level + 1), end):
            yield Tile(level, number)
        level += 1


def partial_tiles(size: int) -> list[Tile]:
    """Return the partial tiles of a tree, lowest level first: at most one on each level."""
    tiles = []
    level = 0
    while entries := size >> TILE_HEIGHT * level:
        number, width = divmod(entries, TILE_WIDTH)
        if width:
            tiles.append(Tile(level, number, width))
        level += 1
    return tiles


def node_reader(read_tile: ReadTile, size: int | None = None) -> NodeReader:
    """Read nodes from tiles, for the proofs of `ledger.tlog.merkle`.

    With `size`, tiles are asked for by the widths that a tree of that size publishes, and a node
    beyond it is a `ProofError`. Without, each tile is asked for in the narrowest width that holds
    the node, which suits a store that derives the right edge. A tile of another length than asked
    for is a `ProofError`. The hashes themselves are not checked: verify the proof made from them.
    """

    @lru_cache(maxsize=_TILES_KEPT)
    def tile(level: int, number: int, width: int) -> NodeReader:
        raw = read_tile(level, number, width)
        if len(raw) != width * HASH_SIZE:
            raise ProofError(f"{tile_path(level, number, width)} has {len(raw)} bytes")
        return leaf_reader([raw[at : at + HASH_SIZE] for at in range(0, len(raw), HASH_SIZE)])

    def node(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, TILE_HEIGHT)
        number, first = divmod(index << height, TILE_WIDTH)
        end = first + (1 << height)
        width = end
        if size is not None:
            width = min((size >> TILE_HEIGHT * tile_level) - number * TILE_WIDTH, TILE_WIDTH)
            if width < end:
                raise ProofError(f"node {index} of level {level} is not complete at size {size}")
        return tile(tile_level, number, width)(height, first >> height)

    return node

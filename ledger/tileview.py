"""A ledger as monitors follow it: checkpoint, tiles and entries, and no content (C2SP tlog-tiles).

    checkpoint              the newest signed checkpoint, with all its signatures
    tile/<L>/<N>[.p/<W>]    hashes (`ledger.tlog.tiles`)
    tile/entries/<N>[.p/<W>]

Whoever has these can compute every root, and so notice a ledger that shows different histories to
different people. An entry is what stands in the tree: an accepted time and a commit note. So the
view shows **who signs with whom, in which capacity, when, and how many events at once**, under
pseudonyms; it shows no event, no text and no digest of a content. Give it to the parties and their
monitors, and not to the world.

What lies beyond the checkpoint is not shown. Nothing is shown that does not hang together: each
tile is checked against the one above it, each entry against its tile, all against the checkpoint.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ledger.errors import NoteError, ProofError, UsageError, VerificationError
from ledger.folder import read_limited, sync_folder
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.merkle import leaf_hash, tree_root, tree_root_at
from ledger.tlog.note import MAX_NOTE_BYTES, Note
from ledger.tlog.tiles import (
    MAX_ENTRY,
    TILE_HEIGHT,
    TILE_WIDTH,
    Bundle,
    Tile,
    bundle_path,
    completed_tiles,
    format_bundle,
    parse_bundle_path,
    parse_tile_path,
    partial_tiles,
    tile_path,
)
from ledger.tree import StoredTree
from projections.view import fetch, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

CHECKPOINT: Final = "checkpoint"
MAX_RESOURCE: Final = TILE_WIDTH * (2 + MAX_ENTRY)
_PARTIAL: Final = ".p"


def head_of(note: bytes) -> Checkpoint:
    """What a checkpoint says. Raises `NoteError`; signatures are not checked."""
    return Checkpoint.parse(Note.parse(note).text)


def parse_path(path: str) -> Tile | Bundle:
    """The tile or bundle of a canonical path. Raises `ProofError` for every other text."""
    with suppress(ProofError):
        return parse_bundle_path(path)
    return parse_tile_path(path)


def path_of(resource: Tile | Bundle) -> str:
    """The path of a tile or bundle."""
    return tile_path(*resource) if isinstance(resource, Tile) else bundle_path(*resource)


class View(Protocol):
    """Where the resources of a log are read from."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a resource, None if there is none of this path."""


class StoredTiles:
    """The view of a stored ledger under one of its checkpoints; a `View`."""

    def __init__(self, connection: Connection, note: bytes) -> None:
        """Raises `VerificationError` if the tree does not have the checkpoint's root."""
        self._connection = connection
        self.note = note
        self.head = head_of(note)
        self._tree = StoredTree(connection)
        self._nodes = self._tree.nodes()
        # computed, and not believed of the head
        if (
            self.head.size > self._tree.head.entries
            or tree_root_at(self.head.size, self._nodes) != self.head.root
        ):
            raise _not_genuine()

    def read(self, path: str) -> bytes | None:
        """See `View`. Raises `VerificationError` if what is stored does not hang together."""
        if path == CHECKPOINT:
            return self.note
        try:
            resource = parse_path(path)
        except ProofError:
            return None
        level = resource.level if isinstance(resource, Tile) else 0
        end = resource.number * TILE_WIDTH + resource.width
        if end > self.head.size >> TILE_HEIGHT * level:
            return None
        return self.tile(resource) if isinstance(resource, Tile) else self.bundle(resource)

    def tile(self, tile: Tile) -> bytes:
        """The hashes of a tile below the checkpoint."""
        first = tile.number * TILE_WIDTH
        hashes = [self._nodes(TILE_HEIGHT * tile.level, first + at) for at in range(tile.width)]
        if tile.width == TILE_WIDTH:
            above = self._nodes(TILE_HEIGHT * (tile.level + 1), tile.number)
            if tree_root(hashes) != above:
                raise _not_genuine()
        return b"".join(hashes)

    def bundle(self, bundle: Bundle) -> bytes:
        """The entries of a bundle below the checkpoint."""
        first = bundle.number * TILE_WIDTH
        rows = fetch(
            self._connection,
            marked(
                self._connection,
                "SELECT data FROM commits WHERE entry >= {} AND entry < {} ORDER BY entry",
            ),
            (first, first + bundle.width),
        )
        entries = [bytes(row[0]) for row in rows]
        hashes = [self._nodes(0, first + at) for at in range(bundle.width)]
        if [leaf_hash(entry) for entry in entries] != hashes:
            raise _not_genuine()
        return format_bundle(entries)

    def continues(self, old: Checkpoint) -> bool:
        """Whether the tree had the state that an older checkpoint shows."""
        return (
            old.origin == self.head.origin
            and old.size <= self.head.size
            and tree_root_at(old.size, self._nodes) == old.root
        )


class LiveTiles:
    """The view of a ledger under whichever checkpoint is its newest; a `View`.

    One request at a time: the tiles that serve many of them are kept between two checkpoints.
    """

    def __init__(self, engine: Engine, newest: Callable[[], bytes | None]) -> None:
        self._newest = newest
        self._connection = engine.connect()
        self._view: StoredTiles | None = None
        self._lock = Lock()

    def read(self, path: str) -> bytes | None:
        """See `View`. Raises `VerificationError` as `StoredTiles`."""
        with self._lock:
            note = self._newest()
            if note is None:
                return None
            if self._view is None or self._view.note != note:
                self._view = StoredTiles(self._connection, note)
            return self._view.read(path)

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._connection.close()


class ExportedTiles:
    """The view in a folder that `export` wrote; a `View`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str) -> bytes | None:
        """See `View`; files of other names are not read."""
        try:
            name = path if path == CHECKPOINT else path_of(parse_path(path))
            return read_limited(self._folder / name, MAX_RESOURCE)
        except (OSError, ProofError):
            return None


# -- into a folder ------------------------------------------------------------------------------


class Exported(NamedTuple):
    """What an export did: entries now covered, files written, partial ones removed."""

    size: int
    written: int
    removed: int


def export(view: StoredTiles, folder: Path) -> Exported:
    """Bring a folder up to the view: what is missing is added, the checkpoint replaced last.

    A full tile or bundle that is there is never written again. Partial ones stay for as long as the
    checkpoint before this one needs them, for readers that are on their way. Whenever it is broken
    off, the folder is whole for the checkpoint that lies in it, and the next export goes on.

    Raises `UsageError` for a folder that holds something else, `VerificationError` if it shows
    another ledger, a later state, or a tile that is not this ledger's; then nothing was replaced.
    """
    old = _shown(folder)
    if old is not None and not view.continues(old):
        raise VerificationError(
            "the folder shows a state that is not part of this ledger as its last checkpoint has "
            "it; nothing was replaced",
            "muniment checkpoint, and name the folder of this ledger",
        )
    size = view.head.size
    written = 0
    for resource in _wanted(size):
        written += _put(view, folder, resource, old.size if old else 0)
    _write(folder / CHECKPOINT, view.note)
    removed = _tidy(folder, size, old.size if old else 0)
    return Exported(size, written, removed)


def _shown(folder: Path) -> Checkpoint | None:
    """The checkpoint in a folder, None if there is none; parts of an export may lie there."""
    try:
        names = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        folder.mkdir(parents=True)
        return None
    except OSError as error:
        raise UsageError("the folder cannot be used ({cause})", cause=error.strerror) from None
    if {name for name in names if not name.startswith(".checkpoint.")} - {CHECKPOINT, "tile"}:
        raise UsageError("the folder holds something else; nothing was exported",
                         "name a new or empty folder")  # fmt: skip
    if CHECKPOINT not in names:
        return None
    try:
        return head_of(read_limited(folder / CHECKPOINT, MAX_NOTE_BYTES))
    except (OSError, NoteError):
        raise UsageError(
            "the file checkpoint in the folder is none; nothing was exported",
            "name a new or empty folder",
        ) from None


def _wanted(size: int) -> Iterator[Tile | Bundle]:
    """Every tile and bundle of a log of this size."""
    for tile in (*completed_tiles(0, size), *partial_tiles(size)):
        yield tile
        if tile.level == 0:
            yield Bundle(tile.number, tile.width)


def _put(view: StoredTiles, folder: Path, resource: Tile | Bundle, old: int) -> bool:
    """Write a resource that is not there; one that is there must be the same.

    What the folder's own checkpoint covers, `old` entries, was written before it, and is there.
    """
    place = folder / path_of(resource)
    level = resource.level if isinstance(resource, Tile) else 0
    end = resource.number * TILE_WIDTH + resource.width
    there = place.exists()
    if there and end <= old >> TILE_HEIGHT * level:
        return False
    data = view.read(path_of(resource))
    if data is None:
        raise _not_genuine()
    if not there:
        _write(place, data)
    elif place.read_bytes() != data:
        raise VerificationError(
            "a file in the folder is not this ledger's; the checkpoint was not replaced",
            "name a new or empty folder",
        )
    return not there


def _write(place: Path, data: bytes) -> None:
    """Make or replace a file, whole or not at all; others may read it as the umask says."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.{os.urandom(8).hex()}.tmp")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(place.parent)


def _tidy(folder: Path, size: int, old: int) -> int:
    """Remove partial tiles and bundles that neither checkpoint needs, and what was broken off."""
    needed = {
        folder / path_of(resource)
        for entries in (size, old)
        for resource in _edge(entries)
        if not (folder / path_of(resource._replace(width=TILE_WIDTH))).exists()
    }
    removed = 0
    for place in [*(folder / "tile").glob(f"**/*{_PARTIAL}/*"), *folder.glob("**/.*.tmp")]:
        if place not in needed and place.is_file():
            place.unlink()
            removed += not place.name.startswith(".")
    for place in (folder / "tile").glob(f"**/*{_PARTIAL}"):
        with suppress(OSError):
            place.rmdir()
    return removed


def _edge(size: int) -> Iterator[Tile | Bundle]:
    for tile in partial_tiles(size):
        yield tile
        if tile.level == 0:
            yield Bundle(tile.number, tile.width)


def _not_genuine() -> VerificationError:
    return VerificationError(
        "what is stored does not come to the ledger's checkpoint; it is not shown to others",
        "muniment verify",
    )

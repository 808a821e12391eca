"""Tiles: the names of C2SP tlog-tiles, and proofs that do not care where hashes are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ProofError
from ledger.tlog.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    leaf_reader,
    tree_root,
    tree_root_at,
    verify_growth,
    verify_inclusion,
)
from ledger.tlog.tiles import (
    TILE_WIDTH,
    ReadTile,
    Tile,
    completed_tiles,
    node_reader,
    parse_tile_path,
    partial_tiles,
    tile_path,
)

LEAVES = [leaf_hash(b"entry %d" % number) for number in range(70_000)]
NODE = leaf_reader(LEAVES)


def cut(tile: Tile) -> bytes:
    """Cut a tile out of the whole tree: entry i of level L is the root over 256**L leaves."""
    start = tile.number * TILE_WIDTH
    return b"".join(NODE(8 * tile.level, start + entry) for entry in range(tile.width))


def published(size: int) -> ReadTile:
    """Serve exactly the tiles that a log of this size publishes."""
    tiles = {*completed_tiles(0, size), *partial_tiles(size)}

    def read(level: int, number: int, width: int) -> bytes:
        tile = Tile(level, number, width)
        assert tile in tiles, f"{tile_path(*tile)} does not exist at size {size}"
        return cut(tile)

    return read


def sliced(level: int, number: int, width: int) -> bytes:
    """Serve any width, as a store that derives the right edge does."""
    return cut(Tile(level, number, width))


# Names


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(1, 999), "tile/1/999"),
        (Tile(1, 1000), "tile/1/x001/000"),
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(63, 1234067, 1), "tile/63/x001/x234/067.p/1"),
        (Tile(0, 1_000_000, 255), "tile/0/x001/x000/000.p/255"),
    ],
)
def test_a_tile_has_the_name_that_c2sp_gives_it(tile: Tile, path: str) -> None:
    assert tile_path(*tile) == path
    assert parse_tile_path(path) == tile


@given(st.integers(0, 63), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_names_are_read_back(level: int, number: int, width: int) -> None:
    assert parse_tile_path(tile_path(level, number, width)) == (level, number, width)


@given(st.from_regex(r"tile/[0-9]{1,2}/(x[0-9]{1,3}/){0,8}[0-9]{1,3}(\.p/[0-9]{1,3})?\n?"))
def test_a_name_is_refused_or_the_only_one(path: str) -> None:
    try:
        tile = parse_tile_path(path)
    except ProofError:
        return
    assert tile_path(*tile) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/entries/000",
        "tile/0/x009/x223/x372/x036/x854/x775/808",  # 2**63
        "tile/0/" + "x001/" * 1000 + "000",
    ],
)
def test_a_name_that_no_tile_has_is_refused(path: str) -> None:
    with pytest.raises(ProofError):
        parse_tile_path(path)


@pytest.mark.parametrize("tile", [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_a_tile_that_cannot_be_has_no_name(tile: tuple[int, int, int]) -> None:
    with pytest.raises(ProofError):
        tile_path(*tile)


# Which tiles a tree has


def test_the_tiles_of_a_tree_of_70_000() -> None:
    full = list(completed_tiles(0, 70_000))
    assert full == [*(Tile(0, number) for number in range(273)), Tile(1, 0)]
    assert partial_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


@pytest.mark.parametrize(
    ("size", "full", "partial"),
    [
        (0, [], []),
        (1, [], [Tile(0, 0, 1)]),
        (255, [], [Tile(0, 0, 255)]),
        (256, [Tile(0, 0)], [Tile(1, 0, 1)]),
        (257, [Tile(0, 0)], [Tile(0, 1, 1), Tile(1, 0, 1)]),
    ],
)
def test_there_are_no_empty_tiles(size: int, full: list[Tile], partial: list[Tile]) -> None:
    assert list(completed_tiles(0, size)) == full
    assert partial_tiles(size) == partial


def test_a_tile_of_each_level_completes_at_65_536() -> None:
    assert list(completed_tiles(65_535, 65_536)) == [Tile(0, 255), Tile(1, 0)]
    assert partial_tiles(65_536) == [Tile(2, 0, 1)]


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=5).map(sorted))
def test_each_tile_completes_once_however_the_tree_grows(sizes: list[int]) -> None:
    steps = [
        tile
        for old, new in zip([0, *sizes], sizes, strict=False)
        for tile in completed_tiles(old, new)
    ]
    assert len(steps) == len(set(steps))
    assert set(steps) == set(completed_tiles(0, sizes[-1]))


@given(st.integers(0, 2**40))
def test_full_and_partial_tiles_hold_every_entry_of_every_level(size: int) -> None:
    widths = {tile.level: tile for tile in partial_tiles(size)}
    level = 0
    while entries := size >> 8 * level:
        partial = widths.pop(level, None)
        number = entries // TILE_WIDTH
        assert (partial.number, partial.width) == divmod(entries, TILE_WIDTH) if partial else True
        assert (number * TILE_WIDTH + (partial.width if partial else 0)) == entries
        level += 1
    assert not widths


# Proofs


def test_proofs_from_tiles_equal_proofs_from_leaves() -> None:
    for size in [*range(1, 10), 127, 255, 256, 257, 300, 511, 512, 513, 600]:
        for node in (node_reader(published(size), size), node_reader(sliced)):
            root = tree_root_at(size, node)
            assert root == tree_root(LEAVES[:size])
            for index in {0, size // 3, size // 2, size - 1}:
                proof = inclusion_proof(index, size, node)
                assert proof == inclusion_proof(index, size, NODE)
                verify_inclusion(index, size, LEAVES[index], proof, root)
                growth = consistency_proof(index, size, node)
                assert growth == consistency_proof(index, size, NODE)
                verify_growth(index, size, tree_root_at(index, node), root, growth)


@given(st.integers(1, 70_000), st.data())
def test_proofs_from_tiles_of_any_tree(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    node = node_reader(published(size), size)
    assert inclusion_proof(index, size, node) == inclusion_proof(index, size, NODE)
    assert consistency_proof(index, size, node) == consistency_proof(index, size, NODE)


def test_a_tile_is_read_once_for_many_proofs() -> None:
    asked = []

    def read(level: int, number: int, width: int) -> bytes:
        asked.append(tile_path(level, number, width))
        return sliced(level, number, width)

    node = node_reader(read, 70_000)
    for index in range(256):
        inclusion_proof(index, 70_000, node)
    assert len(asked) == len(set(asked))
    assert "tile/0/000" in asked


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"x", lambda _: b""])
def test_a_cut_tile_is_refused_by_name(change: object) -> None:
    assert callable(change)
    node = node_reader(lambda *tile: change(sliced(*tile)), 300)
    with pytest.raises(ProofError, match=r"tile/0/001\.p/44 has \d+ bytes"):
        node(0, 299)


def test_a_node_beyond_the_tree_is_refused() -> None:
    node = node_reader(published(300), 300)
    with pytest.raises(ProofError, match="not complete"):
        node(0, 300)
    with pytest.raises(ProofError, match="not complete"):
        node(3, 37)
    with pytest.raises(ProofError, match="not complete"):
        node(8, 1)


def test_a_changed_byte_in_a_tile_makes_a_proof_that_fails() -> None:
    def damaged(level: int, number: int, width: int) -> bytes:
        raw = bytearray(sliced(level, number, width))
        raw[7] ^= 1
        return bytes(raw)

    proof = inclusion_proof(1, 300, node_reader(damaged, 300))
    with pytest.raises(ProofError, match="another root"):
        verify_inclusion(1, 300, LEAVES[1], proof, tree_root(LEAVES[:300]))

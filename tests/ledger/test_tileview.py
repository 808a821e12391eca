"""The ledger as monitors follow it: files and HTTP, and a monitor that uses nothing of ours."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ProofError, UsageError, VerificationError
from ledger.schema import METADATA, engine_for
from ledger.tileview import Exported, LiveTiles, StoredTiles, export
from ledger.tlog.checkpoint import Checkpoint, sign_checkpoint
from ledger.tlog.merkle import Frontier, leaf_hash, tree_root
from ledger.tlog.note import ED25519, Note
from ledger.tlog.tiles import (
    Bundle,
    bundle_path,
    completed_tiles,
    format_bundle,
    parse_bundle,
    parse_bundle_path,
    partial_tiles,
)
from ledger.tree import START, StoredTree
from tests.ledger.ledgers import Firm, collect_files
from tests.ledger.monitor import CaughtError, Seen, checkpoint, entries, follow
from tests.ledger.signers import signer
from tests.ledger.tampering import act, flipped, hand_in, value
from tests.ledger.tiling import checkpointed, exported, files, reader

# -- names and bundles --------------------------------------------------------------------------


def test_the_example_of_the_specification_has_these_files() -> None:
    """Size 70,000: 273 full and .p/112 at level 0, 1 full and .p/17 at level 1, .p/1 at level 2."""
    full = list(completed_tiles(0, 70_000))
    assert [sum(tile.level == level for tile in full) for level in range(4)] == [273, 1, 0, 0]
    assert [(t.level, t.number, t.width) for t in partial_tiles(70_000)] == [
        (0, 273, 112), (1, 1, 17), (2, 0, 1),
    ]  # fmt: skip
    assert bundle_path(272) == "tile/entries/272"
    assert bundle_path(273, 112) == "tile/entries/273.p/112"
    assert bundle_path(1234067) == "tile/entries/x001/x234/067"


@pytest.mark.slow
def test_a_log_of_the_size_of_the_example_is_exported_and_followed(
    tmp_path: Path, state_home: Path
) -> None:
    """70,000 entries of no ledger's, in a ledger's tables."""
    engine = engine_for(tmp_path / "ledger.db")
    key = signer("example.com/log", ED25519)
    try:
        with engine.connect() as connection:
            METADATA.create_all(connection)
            root, edge = Frontier().root(), b""
            connection.exec_driver_sql(
                "INSERT INTO head VALUES (1, 0, 0, ?, ?, ?)", (root, edge, START.accepted)
            )
            tree, hashes = StoredTree(connection), []
            connection.exec_driver_sql("BEGIN")
            for number in range(70_000):
                entry = b"entry %d" % number
                row = (number, number, 1, number.to_bytes(16, "big"), entry, b"")
                connection.exec_driver_sql("INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?)", row)
                tree.advance(leaf_hash(entry), 1, START.accepted)
                hashes.append(leaf_hash(entry))
            connection.exec_driver_sql("COMMIT")
            head = Checkpoint("example.com/log", 70_000, tree.head.root)
            note = Note(head.format(), (sign_checkpoint(head, key),)).format()
            done = export(StoredTiles(connection, note), tmp_path / "tiles")
            damaged = "UPDATE tiles SET data = zeroblob(8192) WHERE level = 0 AND number = 5"
            connection.exec_driver_sql(damaged)
            view = StoredTiles(connection, note)  # the root does not depend on that tile any more
            with pytest.raises(VerificationError):
                view.read("tile/0/005")
            with pytest.raises(VerificationError):
                view.read("tile/entries/005")
            assert view.read("tile/0/006") == (tmp_path / "tiles/tile/0/006").read_bytes()
    finally:
        engine.dispose()
    assert done == Exported(70_000, 274 + 3 + 274, 0)
    seen = follow(reader(tmp_path / "tiles"))
    assert seen == Seen("example.com/log", 70_000, tree_root(hashes))
    sizes = {name: len(data) for name, data in files(tmp_path / "tiles").items()}
    assert sizes["tile/0/273.p/112"] == 112 * 32
    assert sizes["tile/1/001.p/17"] == 17 * 32
    assert sizes["tile/2/000.p/1"] == 32
    assert sum(size == 8192 for size in sizes.values()) == 274


@pytest.mark.parametrize(
    "path",
    ["tile/0/000", "tile/entries/00", "tile/entries/000.p/256", "tile/entries/000.p/0",
     "tile/entries/x000/000", "tile/entries/../000", "tile/entries/", "/tile/entries/000",
     "tile/entries/000/", "tile/entries/000\n", "tile/entries/tile/0/000"],
)  # fmt: skip
def test_a_path_that_no_bundle_has_is_refused(path: str) -> None:
    with pytest.raises(ProofError):
        parse_bundle_path(path)


@given(st.integers(0, 2**40), st.integers(1, 256))
def test_bundle_paths_are_read_back(at: int, width: int) -> None:
    assert parse_bundle_path(bundle_path(at, width)) == Bundle(at, width)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_bundles_are_read_back(some: list[bytes]) -> None:
    assert parse_bundle(format_bundle(some)) == some


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.integers(1, 20))
def test_a_bundle_that_ends_inside_an_entry_is_refused_or_shorter(
    some: list[bytes], cut: int
) -> None:
    raw = format_bundle(some)[:-cut]
    try:
        read = parse_bundle(raw)
    except ProofError:
        return
    assert format_bundle(read) == raw
    assert read == some[: len(read)]


def test_an_entry_longer_than_its_length_can_say_is_refused() -> None:
    assert parse_bundle(format_bundle([bytes(65_535)])) == [bytes(65_535)]
    with pytest.raises(ProofError):
        format_bundle([bytes(65_536)])


# -- export -------------------------------------------------------------------------------------


def test_a_monitor_follows_a_ledger_from_export_to_export(tiled: Firm, tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    checkpointed(tiled)
    first = exported(tiled, folder)
    seen = follow(reader(folder))
    assert (seen.size, first.size) == (552, 552)
    for more in (1, 3, 300):
        act(tiled, more)
        checkpointed(tiled)
        exported(tiled, folder)
        seen = follow(reader(folder), seen)
    assert seen.size == 856


def test_an_export_has_exactly_the_files_of_its_size(tiled: Firm, tmp_path: Path) -> None:
    checkpointed(tiled)
    exported(tiled, tmp_path / "tiles")
    assert set(files(tmp_path / "tiles")) == {
        "checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/40", "tile/1/000.p/2",
        "tile/entries/000", "tile/entries/001", "tile/entries/002.p/40",
    }  # fmt: skip


def test_the_same_export_again_changes_nothing(tiled: Firm, tmp_path: Path) -> None:
    checkpointed(tiled)
    exported(tiled, tmp_path / "tiles")
    before = files(tmp_path / "tiles")
    assert exported(tiled, tmp_path / "tiles") == Exported(552, 0, 0)
    assert files(tmp_path / "tiles") == before


def test_a_later_export_changes_only_checkpoint_and_partial_ones(
    tiled: Firm, tmp_path: Path
) -> None:
    """And keeps the partial ones of the checkpoint before, for who is reading it."""
    folder = tmp_path / "tiles"
    checkpointed(tiled)
    exported(tiled, folder)
    before = files(folder)
    act(tiled, 5)
    checkpointed(tiled)
    exported(tiled, folder)
    after = files(folder)
    assert {name for name in before if after.get(name) != before[name]} == {"checkpoint"}
    assert "tile/0/002.p/40" in after
    assert "tile/0/002.p/45" in after
    act(tiled, 1)
    checkpointed(tiled)
    assert exported(tiled, folder).removed == 2  # tile and bundle; level 1 has the same width
    assert "tile/0/002.p/40" not in files(folder)


def test_partial_ones_go_when_the_full_one_is_there(tiled: Firm, tmp_path: Path) -> None:
    folder = tmp_path / "tiles"
    checkpointed(tiled)
    exported(tiled, folder)
    act(tiled, 220)
    checkpointed(tiled)
    exported(tiled, folder)
    names = set(files(folder))
    assert "tile/0/002" in names
    assert not any(name.startswith(("tile/0/002.p", "tile/entries/002.p")) for name in names)
    follow(reader(folder))


def test_an_export_shows_no_event_and_nothing_of_its_content(busy: Firm, tmp_path: Path) -> None:
    note = checkpointed(busy)
    exported(busy, tmp_path / "tiles")
    shown = b"".join(files(tmp_path / "tiles").values())
    with busy.open(writing=False) as ledger, ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT state, stream FROM events").all()
    for state, _ in rows:
        told = json.loads(state)
        assert told["salt"].encode() not in shown
        if told["by"] != told["stream"]:
            assert told["stream"].encode() not in shown or told["type"].startswith("actor.")
    assert b"record-" not in shown
    assert note in shown
    assert shown.count(b"\nsigner ") >= 7


def test_what_no_checkpoint_covers_is_not_shown(tiled: Firm, tmp_path: Path) -> None:
    checkpointed(tiled)
    act(tiled, 10)
    assert exported(tiled, tmp_path / "tiles").size == 552
    with tiled.open(writing=False) as ledger:
        live = LiveTiles(ledger.engine, ledger.last_checkpoint)
        with closing(live):
            assert live.read("tile/0/002.p/40") is not None
            assert live.read("tile/0/002.p/41") is None
            assert live.read("tile/entries/002.p/41") is None


def test_an_export_that_was_broken_off_goes_on(
    tiled: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the disk gives up, the folder is whole for the checkpoint in it."""
    folder = tmp_path / "tiles"
    with tiled.open() as ledger:
        old = ledger.sign_checkpoint()
    exported(tiled, folder)
    seen = follow(reader(folder))
    act(tiled, 300)
    checkpointed(tiled)
    real, done = os.fsync, 0

    for allowed in range(12):
        left = [allowed]

        def failing(descriptor: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(28, "No space left on device")
            real(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", failing)
            try:
                exported(tiled, folder)
                done += 1
            except OSError:
                pass
        seen = follow(reader(folder), seen)
    exported(tiled, folder)
    assert follow(reader(folder), seen).size == 852
    assert not [name for name in files(folder) if ".tmp" in name]
    assert old != (folder / "checkpoint").read_bytes()


def test_a_folder_of_another_ledger_or_of_a_fork_is_not_written_to(
    tiled: Firm, tmp_path: Path
) -> None:
    folder = tmp_path / "tiles"
    fork = tiled._replace(path=tmp_path / "fork")
    shutil.copytree(tiled.path, fork.path)
    act(fork, 1)
    checkpointed(fork)
    exported(fork, folder)
    before = files(folder)
    for pin in (tmp_path / "state").rglob("pins/*"):
        pin.unlink()
    act(tiled, 2, second=True)
    checkpointed(tiled)
    with pytest.raises(VerificationError):
        exported(tiled, folder)
    assert files(folder) == before


def test_a_later_state_is_not_replaced_by_an_earlier_one(tiled: Firm, tmp_path: Path) -> None:
    early = checkpointed(tiled)
    act(tiled, 2)
    checkpointed(tiled)
    exported(tiled, tmp_path / "tiles")
    with pytest.raises(VerificationError):
        exported(tiled, tmp_path / "tiles", early)


def test_a_folder_that_holds_something_else_is_refused(tiled: Firm, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "letter.txt").write_text("x")
    checkpointed(tiled)
    with pytest.raises(UsageError):
        exported(tiled, folder)
    assert set(files(folder)) == {"letter.txt"}


@pytest.mark.parametrize("table", ["tiles", "commits"])
def test_what_does_not_hang_together_is_not_shown(tiled: Firm, tmp_path: Path, table: str) -> None:
    note = checkpointed(tiled)
    with hand_in(tiled.path / "ledger.db") as connection:
        where = "level = 0 AND number = 1" if table == "tiles" else "entry = 300"
        data = value(connection, f"SELECT data FROM {table} WHERE {where}")
        connection.execute(f"UPDATE {table} SET data = ? WHERE {where}", (flipped(data, 40),))
    with pytest.raises(VerificationError):
        exported(tiled, tmp_path / "tiles", note)
    assert "checkpoint" not in files(tmp_path / "tiles")


def test_a_tile_in_the_folder_that_is_not_the_ledgers_stops_the_export(
    tiled: Firm, tmp_path: Path
) -> None:
    folder = tmp_path / "tiles"
    place = folder / "tile/0/001"
    place.parent.mkdir(parents=True)
    place.write_bytes(bytes(8192))
    checkpointed(tiled)
    with pytest.raises(VerificationError):
        exported(tiled, folder)
    assert not (folder / "checkpoint").exists()
    assert place.read_bytes() == bytes(8192)


# -- the monitor notices ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["tile/0/000", "tile/0/002.p/40", "tile/1/000.p/2", "tile/entries/001",
     "tile/entries/002.p/40", "checkpoint"],
)  # fmt: skip
def test_the_monitor_catches_a_changed_byte_in_any_file(shown: Path, name: str) -> None:
    follow(reader(shown))
    raw = (shown / name).read_bytes()
    limit = raw.index(b"\n\n") if name == "checkpoint" else len(raw)
    for at in range(len("jiejing.example/ledger\n") if name == "checkpoint" else 0, limit, 97):
        changed = flipped(raw, at)

        def lying(path: str, changed: bytes = changed) -> bytes | None:
            return changed if path == name else reader(shown)(path)

        with pytest.raises((CaughtError, ValueError)):
            follow(lying)


def test_the_monitor_catches_a_log_that_shows_another_history(shown: Path) -> None:
    seen = follow(reader(shown))
    with pytest.raises(CaughtError, match="another history"):
        follow(reader(shown), Seen(seen.origin, 202, bytes(32)))
    with pytest.raises(CaughtError, match="went back"):
        follow(reader(shown), seen._replace(size=553))


def test_the_monitor_knows_a_checkpoint_that_it_was_given_earlier(
    shown: Path, tiled_template: Firm
) -> None:
    raw = tiled_template.path.with_name("at-202").read_bytes()
    before = checkpoint(lambda _: raw)
    assert before.size == 202
    assert follow(reader(shown), before).size == 552


# -- what files say of their makers -------------------------------------------------------------


def test_entries_show_who_signed_with_whom(busy: Firm, tmp_path: Path) -> None:
    with busy.open() as ledger:
        collect_files(ledger, ledger.acting(busy.founded.actor), tmp_path / "more", 2)
    checkpointed(busy)
    exported(busy, tmp_path / "tiles")
    fetch = reader(tmp_path / "tiles")
    last = entries(fetch, checkpoint(fetch))[-1].decode().split("\n")
    assert last[0].startswith("accepted 2")
    assert any(busy.founded.actor in line and line.startswith("signer ") for line in last)

"""Packages as they are written: whole or not at all, nothing in clear, read by others' tools."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest

from ledger.effects import packing
from ledger.effects.packing import FaultyContentsError, check_new, write_package
from ledger.effects.unpacking import open_package
from ledger.errors import KeyAccessError, MunimentError, UsageError
from ledger.sources import SourceFault
from tests.ledger.parcels import (
    BIG,
    SECRET,
    files_of,
    header_of,
    key_id,
    made_lines,
    packed,
    parcel,
    seal_key,
)


def test_what_was_packed_is_what_is_read(tmp_path: Path) -> None:
    made = parcel(tmp_path / "包")
    found = made.read()
    assert [content for _, content in found] == made.contents
    assert [item.line.seq for item, _ in found] == [1, 2, 3, 4]
    assert (made.written.count, made.written.size) == (4, len(SECRET) + len(BIG))


def test_the_package_is_named_by_its_tag_manifest(tmp_path: Path) -> None:
    made = parcel(tmp_path / "包")
    tags = (made.folder / packing.TAG_MANIFEST).read_bytes()
    assert made.written.package == sha256(tags).hexdigest()
    assert open_package(made.folder, [made.key]).package == made.written.package


def test_others_tools_take_it_for_a_bag(tmp_path: Path) -> None:
    bagit = pytest.importorskip("bagit")
    made = parcel(tmp_path / "包")
    bag = bagit.Bag(str(made.folder))
    bag.validate()
    assert bag.info["External-Identifier"] == made.header.handover
    assert bag.version_info == (1, 0)


def test_sha256sum_takes_its_manifests(tmp_path: Path) -> None:
    made = parcel(tmp_path / "包")
    for name in (packing.MANIFEST, packing.TAG_MANIFEST):
        done = subprocess.run(
            ["sha256sum", "--strict", "--status", "-c", name], cwd=made.folder, check=False
        )
        assert done.returncode == 0


def test_nothing_of_a_content_or_a_title_is_in_clear(tmp_path: Path) -> None:
    made = parcel(tmp_path / "包")
    files = files_of(made.folder)
    everything = b"\n".join([*files.values(), *map(str.encode, files)])
    for secret in (SECRET, "合同".encode(), BIG[:64], SECRET[:12]):
        assert secret not in everything
    assert all(b"record-" not in data for data in files.values())


def test_two_packages_of_one_list_have_nothing_in_common(tmp_path: Path) -> None:
    contents = (SECRET, BIG)
    lines, key = made_lines(contents), seal_key()
    header = header_of(lines)
    for name in ("a", "b"):
        write_package(tmp_path / name, header, {key_id(key): key.public}, packed(lines, contents))
    first, second = files_of(tmp_path / "a"), files_of(tmp_path / "b")
    payloads = [
        {data for name, data in files.items() if name.startswith("data/")}
        for files in (first, second)
    ]
    assert not payloads[0] & payloads[1]


@pytest.mark.parametrize(
    ("size", "files"), [(0, 0), (packing.INLINE_BYTES, 0), (packing.INLINE_BYTES + 1, 1)]
)
def test_only_large_contents_are_files_of_their_own(tmp_path: Path, size: int, files: int) -> None:
    made = parcel(tmp_path / "包", [os.urandom(size)])
    assert sum(name.startswith(packing.OBJECTS) for name in files_of(made.folder)) == files
    assert made.read()[0][1] == made.contents[0]


def test_a_content_of_many_chunks(tmp_path: Path) -> None:
    content = os.urandom((5 << 20) + 3)
    made = parcel(tmp_path / "包", [content])
    assert made.read()[0][1] == content


def test_it_is_opened_by_each_key_it_was_made_for_and_no_other(tmp_path: Path) -> None:
    keys = [seal_key(), seal_key()]
    lines = made_lines([SECRET])
    public = {key_id(key): key.public for key in keys}
    write_package(tmp_path / "包", header_of(lines), public, packed(lines, [SECRET]))
    for key in keys:
        (item,) = open_package(tmp_path / "包", [seal_key(), key]).items()
        assert item.content == SECRET
    with pytest.raises(KeyAccessError, match="encrypted to other keys than yours"):
        open_package(tmp_path / "包", [seal_key()])


def test_all_faulty_contents_are_named_and_nothing_is_kept(tmp_path: Path) -> None:
    contents = [SECRET, BIG, SECRET, b"4"]
    lines, key = made_lines(contents), seal_key()

    @contextmanager
    def vanished() -> Iterator[BinaryIO]:
        for cause in ("vanished",):
            raise SourceFault(cause)
        yield io.BytesIO()

    items = packed(lines, [SECRET, BIG[:-1] + b"!", SECRET, b"4"])
    items[2] = items[2]._replace(opened=vanished)
    with pytest.raises(FaultyContentsError) as caught:
        write_package(tmp_path / "包", header_of(lines), {key_id(key): key.public}, items)
    assert caught.value.faults == [
        (lines[1].item, "changed_since_recorded"), (lines[2].item, "vanished"),
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_package_is_never_written_over_something(tmp_path: Path) -> None:
    (tmp_path / "包").mkdir()
    (tmp_path / "包" / "x").write_text("x")
    with pytest.raises(UsageError):
        parcel(tmp_path / "包")
    assert files_of(tmp_path / "包") == {"x": b"x"}


def test_nothing_is_packed_inside_another_package(tmp_path: Path) -> None:
    """It would make that one a package which was tampered with, however deep it lies."""
    made = parcel(tmp_path / "包")
    before = files_of(made.folder)
    (tmp_path / "by-another-way").symlink_to(made.folder)
    for inside in (made.folder, made.folder / "data" / "objects", tmp_path / "by-another-way"):
        with pytest.raises(UsageError, match="inside another package"):
            check_new(inside / "new")
    check_new(tmp_path / "beside")
    assert files_of(made.folder) == before


def test_no_folder_is_made_to_make_a_package_in(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for nowhere in (tmp_path / "typed" / "wrong", tmp_path / "file" / "new"):
        with pytest.raises(UsageError, match="no folder in which"):
            check_new(nowhere)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = packing._Sink.write

    def full(sink: packing._Sink, data: bytes) -> None:
        if len(data) > 60_000:
            with packing._on_disk():
                raise OSError(28, "No space left on device")
        real(sink, data)

    monkeypatch.setattr(packing._Sink, "write", full)
    with pytest.raises(MunimentError, match="No space left"):
        parcel(tmp_path / "包")
    assert list(tmp_path.iterdir()) == []


_KILLED = """
import os, sys
from pathlib import Path
from tests.ledger import parcels
from ledger.effects import packing
real, count = packing._Writing._entry, [0]
def entry(self, item):
    count[0] += 1
    if count[0] == 3:
        os.kill(os.getpid(), 9)
    return real(self, item)
packing._Writing._entry = entry
parcels.parcel(Path(sys.argv[1]) / "包")
"""


def test_a_killed_run_leaves_no_package_and_the_next_one_succeeds(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert not (tmp_path / "包").exists()
    made = parcel(tmp_path / "包")
    assert [content for _, content in made.read()] == made.contents
    assert [path.name for path in tmp_path.iterdir()] == ["包"]

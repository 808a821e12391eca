"""The container of a bundle: one zip to the byte, a folder of plain files, nothing hidden in it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ledger.offline import bag
from ledger.offline.bag import check_bag, make_bag, read_folder, read_zip, write_zip
from ledger.offline.findings import Flaw

TOP = "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
INFO = {
    "External-Identifier": TOP,
    "Bagging-Date": "2026-11-21",
    "Bag-Software-Agent": "muniment/0.1.0",
}
README = "data/00_说明/README.zh.md"
KEYS = "data/20_身份/keys.json"


@pytest.fixture
def files() -> dict[str, bytes]:
    made = make_bag({README: "说明\n".encode(), KEYS: b"[]\n"}, {"verify/verify.pyz": b"x"}, INFO)
    return {**made, "exporter.note": b"a signed note"}


def flaw_of(act: Callable[[], object]) -> str:
    with pytest.raises(Flaw) as caught:
        act()
    return caught.value.code


def codes(files: Mapping[str, bytes]) -> list[tuple[str, str | None]]:
    return [(found.code, found.file) for found in check_bag(bag.Bag(TOP, dict(files)))]


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """The same files as an ordinary zip program packs them."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(f"{TOP}/{name}", content)
    return data.getvalue()


# -- zip -----------------------------------------------------------------------------------------


def test_other_zip_programs_read_the_canonical_zip(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(write_zip(files, TOP))) as archive:
        assert archive.testzip() is None
        assert {n.removeprefix(TOP + "/"): archive.read(n) for n in archive.namelist()} == files
        modes = {info.external_attr >> 16 for info in archive.infolist()}
        assert modes == {0o100644}


def test_reading_gives_back_what_was_written(files: dict[str, bytes]) -> None:
    assert read_zip(write_zip(files, TOP)) == (TOP, files)


def test_the_order_in_which_files_are_given_makes_no_difference(files: dict[str, bytes]) -> None:
    assert write_zip(dict(reversed(files.items())), TOP) == write_zip(files, TOP)


def test_a_zip_packed_by_another_program_is_refused(files: dict[str, bytes]) -> None:
    assert flaw_of(lambda: read_zip(zipped(files))) == "zip_not_canonical"


def test_a_compressed_zip_is_refused(files: dict[str, bytes]) -> None:
    assert flaw_of(lambda: read_zip(zipped(files, zipfile.ZIP_DEFLATED))) == "zip_not_canonical"


def test_a_zip_with_a_comment_is_refused(files: dict[str, bytes]) -> None:
    data = write_zip(files, TOP)[:-2] + struct.pack("<H", 5) + b"hello"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.comment == b"hello"
    assert flaw_of(lambda: read_zip(data)) == "zip_not_canonical"


@pytest.mark.parametrize(
    "around", [(b"", b"\0"), (b"\0", b""), (b"#!/bin/sh\n", b""), (b"", b"PK")]
)
def test_bytes_before_or_after_the_zip_are_refused(
    files: dict[str, bytes], around: tuple[bytes, bytes]
) -> None:
    data = around[0] + write_zip(files, TOP) + around[1]
    assert flaw_of(lambda: read_zip(data)) in ("zip_not_canonical", "not_a_zip")


def entry(name: str, content: bytes) -> tuple[bytes, bytes]:
    """A local header with its content, and its row of the directory, as `write_zip` makes them."""
    one = write_zip({"x" * len(name.encode()): content}).replace(
        b"x" * len(name.encode()), name.encode()
    )
    at = one.index(b"PK\1\2")
    return one[:at], one[at : one.index(b"PK\5\6")]


def by_hand(*entries: tuple[str, bytes]) -> bytes:
    """A zip of entries that `write_zip` would not write: names twice, climbing, or of folders."""
    body = directory = b""
    for name, content in entries:
        local, row = entry(name, content)
        directory += row[:42] + struct.pack("<I", len(body)) + row[46:]
        body += local
    count = len(entries)
    end = struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0
    )  # fmt: skip
    return body + directory + end


def test_a_zip_made_by_hand_is_the_canonical_one_when_nothing_is_wrong_with_it() -> None:
    assert by_hand(("a/b", b"1"), ("a/c", b"2")) == write_zip({"a/b": b"1", "a/c": b"2"})


def test_a_second_copy_of_a_name_is_refused() -> None:
    data = by_hand((f"{TOP}/a", b"good"), (f"{TOP}/a", b"evil"))
    assert flaw_of(lambda: read_zip(data)) == "name_twice"


def test_a_directory_entry_is_refused() -> None:
    assert flaw_of(lambda: read_zip(by_hand((f"{TOP}/", b""), (f"{TOP}/a", b"")))) == "name_unsafe"


def test_a_file_hidden_from_the_directory_is_refused() -> None:
    body, row = entry(f"{TOP}/a", b"good")
    hidden, _ = entry(f"{TOP}/b", b"evil")
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(row), len(body + hidden), 0)
    assert flaw_of(lambda: read_zip(body + hidden + row + end)) == "zip_not_canonical"


def test_entries_in_another_order_are_refused() -> None:
    data = by_hand((f"{TOP}/b", b""), (f"{TOP}/a", b""))
    assert flaw_of(lambda: read_zip(data)) == "zip_not_canonical"


UNSAFE = [
    "../evil", "a/../../evil", "/evil", "a//b", "./a", "a\\..\\evil", "C:evil", "a\nb", "a\x7fb",
    "cafe\u0301", "a%2f..", "x" * 513, "a/", "..",
]  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE, ids=range(len(UNSAFE)))
def test_a_name_that_climbs_out_or_has_two_readings_is_neither_written_nor_read(name: str) -> None:
    assert flaw_of(lambda: write_zip({name: b""})) == "name_unsafe"
    code = flaw_of(lambda: read_zip(by_hand((name, b""))))
    assert code == "name_unsafe" or len(name) > 512


def test_a_file_that_is_the_folder_of_another_is_refused() -> None:
    assert flaw_of(lambda: write_zip({"a": b"", "a/b": b""})) == "name_unsafe"


def test_files_outside_the_one_folder_are_refused() -> None:
    assert flaw_of(lambda: read_zip(write_zip({"a/x": b"", "b/x": b""}))) == "top_folder"
    assert flaw_of(lambda: read_zip(write_zip({"x": b""}))) == "top_folder"


def test_names_that_are_no_utf8_are_refused() -> None:
    data = write_zip({"a/xx": b""}).replace(b"a/xx", b"a/\xff\xfe")
    assert flaw_of(lambda: read_zip(data)) == "name_unsafe"


@pytest.mark.parametrize("data", [b"", b"PK", b"%PDF-1.7", b"PK\5\6" + bytes(18), b"PK\3\4" * 30])
def test_what_is_no_zip_is_a_flaw_and_not_a_crash(data: bytes) -> None:
    assert flaw_of(lambda: read_zip(data)) in ("not_a_zip", "zip_not_canonical")


def test_limits_hold_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    few, large = write_zip({"a/x": b"", "a/y": b""}), write_zip({"a/x": bytes(100)})
    monkeypatch.setattr(bag, "MAX_FILES", 1)
    assert flaw_of(lambda: read_zip(few)) == "too_large"
    monkeypatch.setattr(bag, "MAX_FILES", 10)
    monkeypatch.setattr(bag, "MAX_BYTES", 99)
    assert flaw_of(lambda: read_zip(large)) == "too_large"
    monkeypatch.setattr(bag, "MAX_ZIP_BYTES", len(large) - 1)
    assert flaw_of(lambda: read_zip(large)) == "too_large"


def test_every_one_byte_change_of_a_zip_is_another_bag_or_none(files: dict[str, bytes]) -> None:
    data = write_zip({"a/b": b"content", "a/c": b""})
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            try:
                found = read_zip(bytes(damaged))
            except Flaw:
                continue
            pytest.fail(f"byte {at} bit {bit} gives {found.name!r}")


# -- folder --------------------------------------------------------------------------------------


def laid_out(files: Mapping[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_folder_of_any_name_holds_the_same_bag(files: dict[str, bytes], tmp_path: Path) -> None:
    found = read_folder(laid_out(files, tmp_path / "证据 副本"))
    assert found.files == files
    assert check_bag(found) == []


def test_a_link_in_a_folder_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    folder = laid_out(files, tmp_path / "bundle")
    (folder / "verify/verify.pyz").unlink()
    (folder / "verify/verify.pyz").symlink_to(folder / "bagit.txt")
    assert flaw_of(lambda: read_folder(folder)) == "not_a_file"


def test_a_linked_folder_in_a_folder_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    folder = laid_out(files, tmp_path / "bundle")
    (folder / "data/30_文件").symlink_to(tmp_path)
    assert flaw_of(lambda: read_folder(folder)) == "not_a_file"


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    folder = laid_out(files, tmp_path / "bundle")
    os.mkfifo(folder / "data/pipe")
    assert flaw_of(lambda: read_folder(folder)) == "not_a_file"


def test_an_unsafe_name_in_a_folder_is_refused(files: dict[str, bytes], tmp_path: Path) -> None:
    folder = laid_out({**files, "data/a\\b": b""}, tmp_path / "bundle")
    assert flaw_of(lambda: read_folder(folder)) == "name_unsafe"


# -- bag -----------------------------------------------------------------------------------------


def test_an_untouched_bag_has_nothing_wrong_with_it(files: dict[str, bytes]) -> None:
    assert codes(files) == []


def test_a_file_more_is_found(files: dict[str, bytes]) -> None:
    assert codes({**files, "data/60_环境/software.json": b""})[-1] == (
        "file_unlisted", "data/60_环境/software.json",
    )  # fmt: skip
    assert codes({**files, "verify/EXPECTED_OUTPUT.txt": b""}) == [
        ("file_unlisted", "verify/EXPECTED_OUTPUT.txt")
    ]


def test_a_file_nobody_knows_is_found_and_its_name_not_repeated(files: dict[str, bytes]) -> None:
    (found,) = codes({**files, "王某.txt": b""})
    assert found[0] == "file_unlisted"
    assert str(found[1]).startswith("sha256:")


def test_a_file_less_is_found(files: dict[str, bytes]) -> None:
    for name in files:
        rest = {n: data for n, data in files.items() if n != name}
        assert ("file_missing", name) in codes(rest), name


def test_a_changed_file_is_found_in_each_place(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        if name != "exporter.note":
            assert codes({**files, name: data + b"\n"}), name


def test_a_manifest_in_another_form_is_found(files: dict[str, bytes]) -> None:
    name = "manifest-sha256.txt"
    for damaged in (
        files[name].upper(),
        files[name].replace(b"  ", b" *"),
        b"\n".join(reversed(files[name].split(b"\n"))),
        files[name] + files[name],
        files[name][:-1],
        b"\xff",
    ):
        assert ("manifest_malformed", name) in codes({**files, name: damaged})


def test_a_renamed_top_folder_is_found(files: dict[str, bytes]) -> None:
    data = write_zip(files, TOP[:-1] + "f")
    assert [found.code for found in check_bag(read_zip(data))] == ["bag_renamed"]


@pytest.mark.parametrize(
    "info",
    [
        {**INFO, "Contact-Name": "王某"},
        {**INFO, "Bagging-Date": "yesterday"},
        {**INFO, "External-Identifier": "a b"},
        {**INFO, "Bag-Software-Agent": "x\ny"},
    ],
)
def test_bag_info_holds_its_four_lines_only(info: Mapping[str, str]) -> None:
    assert flaw_of(lambda: make_bag({}, {}, info)) == "bag_info_malformed"


def test_only_payload_and_verifier_go_into_a_bag() -> None:
    assert flaw_of(lambda: make_bag({"exporter.note": b""}, {}, INFO)) == "file_unlisted"
    assert flaw_of(lambda: make_bag({}, {"bagit.txt": b""}, INFO)) == "file_unlisted"

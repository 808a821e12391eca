"""Files that are no bundle: zips that another program would unpack, and worse."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

from ledger.offline.bag import write_zip
from tests.corpus.attacks import INVALID, Attack, Bench

_LINK, _FOLDER = 0o120777 << 16, 0o040755 << 16
_FILE = 0o100644 << 16


def raw_zip(
    entries: Sequence[tuple[bytes, bytes]],
    *,
    attributes: int = _FILE,
    method: int = 0,
    size: int | None = None,
    flags: int = 0x0800,
    comment: bytes = b"",
) -> bytes:
    """A zip as no honest writer makes it; `size`: what the headers say of every content's."""
    body, directory, offset = b"", b"", 0
    for name, data in entries:
        stored = zlib.compress(data, 9)[2:-4] if method == 8 else data
        told = len(data) if size is None else size
        common = (20, flags, method, 0, 0x21, zlib.crc32(data), len(stored), told, len(name), 0)
        body += struct.pack("<4s5H3I2H", b"PK\3\4", *common) + name + stored
        tail = (0, 0, 0, attributes, offset)
        directory += struct.pack("<4s6H3I5H2I", b"PK\1\2", 3 << 8 | 20, *common, *tail) + name
        offset = len(body)
    count = len(entries)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), len(body),
                      len(comment))  # fmt: skip
    return body + directory + end + comment


_TOP = "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
_INSIDE = f"{_TOP}/".encode()
_SMALL = [(_INSIDE + b"bagit.txt", b"x"), (_INSIDE + b"data/a", b"y" * 10)]
_Made = list[tuple[str, str, bytes, str]]


def containers(bench: Bench) -> Iterator[Attack]:
    """Every container that must not be taken for a bundle, with the finding."""
    for name, says, data, code in [*_whole(write_zip(bench.record, _TOP)), *_names(), *_headers()]:
        yield Attack(f"zip_{name}", says, "record", data, INVALID, (code,))


def _whole(good: bytes) -> _Made:
    """No zip, or not all of it, or more."""
    return [
        ("empty", "The file is empty.", b"", "not_a_zip"),
        ("a_pdf", "The file is a PDF.", b"%PDF-1.7\n" + b"0" * 100, "not_a_zip"),
        ("a_web_page", "The file is a web page.", b"<!doctype html><script>alert(1)</script>",
         "not_a_zip"),
        ("an_empty_zip", "The zip holds nothing.", raw_zip([]), "zip_not_canonical"),
        ("cut_short", "The zip is cut in the middle.", good[: len(good) // 2],
         "zip_not_canonical"),
        ("without_its_directory", "The zip's directory is missing.",
         good[: good.index(b"PK\1\2")], "zip_not_canonical"),
        ("with_bytes_after", "Bytes follow the zip.", good + b"\0", "zip_not_canonical"),
        ("with_bytes_before", "A program stands before the zip.", b"#!/bin/sh\n" + good,
         "not_a_zip"),
        ("with_a_comment", "The zip has a comment.", raw_zip(_SMALL, comment=b"hi"),
         "zip_not_canonical"),
    ]  # fmt: skip


def _names() -> _Made:
    """Names that no file of a bundle has."""
    return [
        ("with_two_dots", "A name leads out of the folder.",
         raw_zip([(_INSIDE + b"../../evil", b"x")]), "name_unsafe"),
        ("with_an_absolute_name", "A name is absolute.", raw_zip([(b"/etc/passwd", b"x")]),
         "name_unsafe"),
        ("with_a_backslash", "A name leads out of the folder on Windows.",
         raw_zip([(_INSIDE + b"..\\evil", b"x")]), "name_unsafe"),
        ("with_a_drive", "A name has a drive letter.", raw_zip([(b"C:evil", b"x")]),
         "name_unsafe"),
        ("with_a_control_character", "A name holds a line feed.",
         raw_zip([(_INSIDE + b"a\nb", b"x")]), "name_unsafe"),
        ("with_a_name_that_is_no_text", "A name is no UTF-8.",
         raw_zip([(_INSIDE + b"\xff\xfe", b"x")]), "name_unsafe"),
        ("with_a_decomposed_name", "A name is not in the one form of its characters.",
         raw_zip([(_INSIDE + "e\u0301".encode(), b"x")]), "name_unsafe"),
        ("with_a_long_name", "A name has a thousand bytes.",
         raw_zip([(_INSIDE + b"a" * 1000, b"x")]), "zip_not_canonical"),
        ("with_a_file_as_folder", "A file is the folder of another.",
         raw_zip([(_INSIDE + b"a", b"x"), (_INSIDE + b"a/b", b"y")]), "name_unsafe"),
    ]  # fmt: skip


def _headers() -> _Made:
    """Headers that say what no writer of bundles says."""
    return [
        ("with_a_link", "A file is a link.", raw_zip([(_INSIDE + b"a", b"/etc/passwd")],
                                                     attributes=_LINK), "zip_not_canonical"),
        ("with_a_folder", "The zip lists a folder.", raw_zip([(_INSIDE, b"")],
                                                            attributes=_FOLDER), "name_unsafe"),
        ("with_a_name_twice", "Two files have one name.", raw_zip([_SMALL[0], _SMALL[0]]),
         "name_twice"),
        ("with_two_folders", "The files lie in two folders.",
         write_zip({"a/x": b"", "b/x": b""}), "top_folder"),
        ("with_a_file_at_the_top", "A file lies beside the folder.",
         write_zip({"a/x": b"", "b": b""}), "top_folder"),
        ("compressed", "The zip is compressed.", raw_zip(_SMALL, method=8), "zip_not_canonical"),
        ("bomb", "A file of 16 MiB in a zip of a few kilobytes.",
         raw_zip([(_INSIDE + b"bomb", bytes(1 << 24))], method=8), "zip_not_canonical"),
        ("claiming_too_much", "A header says four gigabytes.", raw_zip(_SMALL, size=0xFFFFFFFF),
         "zip_not_canonical"),
        ("encrypted", "A file is said to be encrypted.", raw_zip(_SMALL, flags=0x0801),
         "zip_not_canonical"),
        ("with_sizes_behind", "Sizes follow the content.", raw_zip(_SMALL, flags=0x0808),
         "zip_not_canonical"),
    ]  # fmt: skip

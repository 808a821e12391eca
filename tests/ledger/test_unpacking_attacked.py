"""Packages that were changed on the way, by anybody or by the seller: each is refused, by name."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.effects import packing, unpacking
from ledger.effects.packing import HEADER, ITEMS, MANIFEST, TAG_MANIFEST
from ledger.effects.unpacking import DamagedPackageError, Meant, check_container, open_package
from ledger.errors import KeyAccessError, UsageError
from tests.ledger.parcels import (
    BIG,
    SECRET,
    Parcel,
    as_entries,
    b64,
    entries_of,
    files_of,
    key_id,
    parcel,
    seal_key,
    sealed_again,
    with_entries,
)


@pytest.fixture
def made(tmp_path: Path) -> Parcel:
    return parcel(tmp_path / "包")


def large(made: Parcel) -> str:
    """The one object of its own in a package."""
    (name,) = (name for name in files_of(made.folder) if name.startswith(packing.OBJECTS))
    return name


def test_what_was_not_changed_is_taken(made: Parcel) -> None:
    assert [content for _, content in made.read()] == made.contents


# -- anybody on the way ------------------------------------------------------------------------


def test_every_file_removed(made: Parcel) -> None:
    for name, data in files_of(made.folder).items():
        (made.folder / name).unlink()
        finding = made.finding()
        assert finding == ("not_a_package" if name == packing.BAGIT else "file_missing"), name
        (made.folder / name).write_bytes(data)
    made.read()


def test_every_file_renamed(made: Parcel) -> None:
    for name in files_of(made.folder):
        path = made.folder / name
        path.rename(path.with_name("anders.txt"))
        assert made.finding() == "name_unsafe", name
        path.with_name("anders.txt").rename(path)
    made.read()


def test_every_two_files_swapped(made: Parcel) -> None:
    files = files_of(made.folder)
    for first in files:
        for second in files:
            if first < second:
                (made.folder / first).write_bytes(files[second])
                (made.folder / second).write_bytes(files[first])
                made.finding()
                (made.folder / first).write_bytes(files[first])
                (made.folder / second).write_bytes(files[second])
    made.read()


_SAYS = {
    packing.BAGIT: {"bagit_malformed"},
    packing.INFO: {"digest_differs"},
    MANIFEST: {"digest_differs"},
    TAG_MANIFEST: {"digest_differs", "manifest_malformed", "file_missing", "file_unlisted"},
}


def test_one_byte_of_every_file_changed(made: Parcel) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    draw = random.Random(seed)
    for name, data in files_of(made.folder).items():
        places = range(len(data)) if len(data) < 700 else draw.sample(range(len(data)), 60)
        for at in places:
            changed = bytes([data[at] ^ (1 << draw.randrange(8))])
            (made.folder / name).write_bytes(data[:at] + changed + data[at + 1 :])
            found = made.finding()
            assert found in _SAYS.get(name, {"digest_differs"}), (name, at, found)
        (made.folder / name).write_bytes(data)
    made.read()


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_every_file_cut_short_or_grown(made: Parcel, cut: int) -> None:
    for name, data in files_of(made.folder).items():
        (made.folder / name).write_bytes(data[:cut] if cut < len(data) else b"")
        made.finding()
        (made.folder / name).write_bytes(data + b"\n")
        made.finding()
        (made.folder / name).write_bytes(data)
    made.read()


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt", "data/notes.txt", "data/objects/notes", "data/objects/ab/short",
        "data/objects/ab/" + "c" * 62 + "/x", ".hidden", "fetch.txt", "data/Package.json",
        "data/objects/AB/" + "c" * 62, "data/objects/ab/" + "C" * 62, "data/objects/ab/..x",
    ],
)  # fmt: skip
def test_a_file_that_no_package_has(made: Parcel, name: str) -> None:
    (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (made.folder / name).write_bytes(b"x")
    assert made.finding() == "name_unsafe"


def test_an_object_too_many(made: Parcel) -> None:
    extra = made.folder / packing.OBJECTS / "ab" / ("c" * 62)
    extra.parent.mkdir(exist_ok=True)
    extra.write_bytes(b"x")
    assert made.finding() == "file_unlisted"
    sealed_again(made.folder)
    assert made.finding() == "digest_differs"  # it is not called by its digest


@pytest.mark.parametrize("name", [HEADER, ITEMS, "bagit.txt"])
def test_a_link_in_place_of_a_file(made: Parcel, tmp_path: Path, name: str) -> None:
    path = made.folder / name
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert made.finding() == "not_a_file"


def test_a_link_in_place_of_a_folder(made: Parcel, tmp_path: Path) -> None:
    (made.folder / "data").rename(tmp_path / "data")
    (made.folder / "data").symlink_to(tmp_path / "data")
    assert made.finding() == "not_a_file"


def test_a_link_put_there_after_the_listing(
    made: Parcel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = unpacking._listing

    def late(folder: Path) -> dict[str, int]:
        found = real(folder)
        (folder / "data").rename(tmp_path / "data")
        (folder / "data").symlink_to(tmp_path / "data")
        return found

    monkeypatch.setattr(unpacking, "_listing", late)
    with pytest.raises(Exception, match="cannot be read"):
        made.read()


def test_a_pipe_is_not_waited_for(made: Parcel) -> None:
    (made.folder / ITEMS).unlink()
    os.mkfifo(made.folder / ITEMS)
    assert made.finding() == "not_a_file"


def test_no_folder_at_all(made: Parcel, tmp_path: Path) -> None:
    """A slip of the finger is no tampering, and is not called evidence."""
    for named in (tmp_path / "nothing", made.folder / "bagit.txt"):
        with pytest.raises(UsageError, match="there is no such folder"):
            check_container(named)
    with pytest.raises(DamagedPackageError) as caught:
        check_container(tmp_path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("{digest}  ../../etc/passwd\n", "file_missing"),
        ("{digest}  data/../data/items.stream\n", "file_missing"),
        ("{digest}  /etc/passwd\n", "file_missing"),
        ("{digest} *data/zz\n", "manifest_malformed"),
        ("{digest}  data/z%0Az\n", "manifest_malformed"),
        ("{digest}  data/" + "z" * 200 + "\n", "manifest_malformed"),
        ("{digest}  data/zz", "manifest_malformed"),
        ("\n", "manifest_malformed"),
        ("\r\n", "manifest_malformed"),
    ],
)
def test_a_manifest_that_reaches_elsewhere(made: Parcel, line: str, finding: str) -> None:
    manifest = (made.folder / MANIFEST).read_text()
    added = line.format(digest="0" * 64)
    lines = sorted([*manifest.splitlines(keepends=True), added], key=lambda one: one[66:])
    whole = "".join(lines) if added.strip() else manifest + added
    (made.folder / MANIFEST).write_text(whole, newline="")
    tags = {
        name: sha256((made.folder / name).read_bytes()).hexdigest()
        for name in (packing.BAGIT, packing.INFO, MANIFEST)
    }
    (made.folder / TAG_MANIFEST).write_bytes(packing.manifest(tags))
    assert made.finding() in {finding, "manifest_malformed"}


def test_a_manifest_with_a_path_twice_or_out_of_order(made: Parcel) -> None:
    lines = (made.folder / MANIFEST).read_text().splitlines(keepends=True)
    for changed in ([*lines, lines[-1]], [lines[0], *lines], lines[::-1]):
        (made.folder / MANIFEST).write_text("".join(changed))
        tags = {
            name: sha256((made.folder / name).read_bytes()).hexdigest()
            for name in (packing.BAGIT, packing.INFO, MANIFEST)
        }
        (made.folder / TAG_MANIFEST).write_bytes(packing.manifest(tags))
        assert made.finding() == "manifest_malformed"


def test_more_than_there_can_be_is_not_read(made: Parcel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_FILES", 4)
    assert made.finding() == "too_large"


@pytest.mark.parametrize("name", [MANIFEST, TAG_MANIFEST, "bag-info.txt", "bagit.txt", HEADER])
def test_a_tag_file_that_never_ends(made: Parcel, name: str) -> None:
    with (made.folder / name).open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte of nothing, in no space
    assert made.finding() in {"too_large", "oxum_differs"}


def test_a_file_that_grew_to_a_terabyte_is_not_hashed(made: Parcel) -> None:
    with (made.folder / ITEMS).open("r+b") as file:
        file.truncate(1 << 40)
    assert made.finding() == "oxum_differs"


# -- somebody who writes the tag files anew -----------------------------------------------------


def test_whoever_seals_it_again_is_found_by_the_digest_that_was_recorded(made: Parcel) -> None:
    (made.folder / packing.INFO).write_bytes(
        (made.folder / packing.INFO).read_bytes().replace(b"2026", b"2025")
    )
    sealed_again(made.folder)
    assert check_container(made.folder).package != made.written.package


def test_a_changed_byte_of_the_items_under_new_manifests(made: Parcel) -> None:
    data = (made.folder / ITEMS).read_bytes()
    for at in (0, 20, 60, len(data) - 1):
        (made.folder / ITEMS).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        sealed_again(made.folder)
        assert made.finding() == "stream_damaged"
    (made.folder / ITEMS).write_bytes(data[:-17])
    sealed_again(made.folder)
    assert made.finding() == "stream_damaged"


def test_a_changed_object_under_its_new_name(made: Parcel) -> None:
    old = made.folder / large(made)
    data = bytearray(old.read_bytes())
    data[100] ^= 1
    old.unlink()
    digest = sha256(data).hexdigest()
    new = made.folder / packing.OBJECTS / digest[:2] / digest[2:]
    new.parent.mkdir(exist_ok=True)
    new.write_bytes(data)
    sealed_again(made.folder)
    assert made.finding() == "object_missing"


def test_an_object_under_another_objects_name(tmp_path: Path) -> None:
    made = parcel(tmp_path / "包", [BIG, BIG[::-1]])
    first, second = (n for n in files_of(made.folder) if n.startswith(packing.OBJECTS))
    one, other = ((made.folder / name).read_bytes() for name in (first, second))
    (made.folder / first).write_bytes(other)
    (made.folder / second).write_bytes(one)
    assert made.finding() == "digest_differs"
    sealed_again(made.folder)
    assert made.finding() == "digest_differs"


def test_the_items_of_another_package(made: Parcel, tmp_path: Path) -> None:
    other = parcel(tmp_path / "other")
    shutil.copy(other.folder / ITEMS, made.folder / ITEMS)
    sealed_again(made.folder)
    assert made.finding() == "stream_damaged"


def rewritten(made: Parcel, **members: Any) -> None:
    header = json.loads((made.folder / HEADER).read_bytes()) | members
    text = json.dumps(header, sort_keys=True, separators=(",", ":"))
    (made.folder / HEADER).write_text(text + "\n")
    sealed_again(made.folder)


@pytest.mark.parametrize(
    ("member", "value"),
    [("origin", "other.example/ledger"), ("list", "0" * 64), ("lines", "0" * 64), ("count", 3)],
)
def test_a_header_of_another_list_does_not_open(made: Parcel, member: str, value: object) -> None:
    rewritten(made, **{member: value})
    assert made.finding() == "key_does_not_open"


@pytest.mark.parametrize(
    "members",
    [
        {"muniment": "handover-package/2"}, {"count": 0}, {"count": "4"}, {"list": "AB" * 32},
        {"lines": ""}, {"recipients": None}, {"more": 1}, {"handover": 7},
    ],
)  # fmt: skip
def test_a_header_in_another_form(made: Parcel, members: dict[str, object]) -> None:
    rewritten(made, **members)
    assert made.finding() in {"header_malformed", "bagit_malformed"}


def test_a_header_that_is_spelled_otherwise(made: Parcel) -> None:
    header = (made.folder / HEADER).read_bytes()
    for changed in (header.replace(b":", b": ", 1), header + b"\n", b" " + header, header[:-1]):
        (made.folder / HEADER).write_bytes(changed)
        sealed_again(made.folder)
        assert made.finding() == "header_malformed"


def test_a_recipient_twice_or_another_ones_key(made: Parcel) -> None:
    (one,) = json.loads((made.folder / HEADER).read_bytes())["recipients"]
    rewritten(made, recipients=[one, one])
    assert made.finding() == "header_malformed"
    rewritten(made, recipients=[{**one, "sealed": b64(os.urandom(97))}])
    assert made.finding() == "key_does_not_open"
    rewritten(made, recipients=[])
    assert made.finding() == "header_malformed"


def test_a_package_for_another_handover(made: Parcel) -> None:
    head = made.header
    meant = Meant(head.handover, head.origin, head.list, head.lines)
    open_package(made.folder, [made.key], meant)
    for at in range(4):
        other = Meant(*(text if n != at else text + "0" for n, text in enumerate(meant)))
        with pytest.raises(DamagedPackageError, match="another_handover"):
            open_package(made.folder, [made.key], other)


def test_the_keys_of_somebody_else(made: Parcel) -> None:
    """A whole package that is not for the reader is no evidence of anything."""
    with pytest.raises(KeyAccessError, match="whole and encrypted to other keys") as caught:
        open_package(made.folder, [seal_key()])
    assert "--as ACTOR" in caught.value.remedy


def test_recipients_put_in_anew_make_another_package(made: Parcel) -> None:
    """What anybody on the way can write: it is found before it is said whose key is lacking."""
    head = made.header
    meant = Meant(head.handover, head.origin, head.list, head.lines, made.written.package)
    open_package(made.folder, [made.key], meant)
    (one,) = json.loads((made.folder / HEADER).read_bytes())["recipients"]
    rewritten(made, recipients=[{**one, "key": key_id(seal_key())}])
    with pytest.raises(DamagedPackageError, match="another_package"):
        open_package(made.folder, [made.key], meant)


# -- the seller, who has the key -----------------------------------------------------------------

Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def _title(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    entries[0]["line"]["title"] = "别的合同.txt"
    return entries


def _digest(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    entries[0]["line"]["digest"] = sha256(b"forged").hexdigest()
    entries[0]["content"] = b64(b"forged")
    return entries


def _object_twice(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    del entries[0]["content"]
    return [{**entries[0], "object": entries[2]["object"], "key": entries[2]["key"]}, *entries[1:]]


def _inline(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    line = entries[2]["line"]
    return [*entries[:2], {"line": line, "content": b64(b"x")}, entries[3]]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (_title, "lines_differ"),
        (_digest, "lines_differ"),
        (lambda e: e[:-1], "count_differs"),
        (lambda e: [*e, e[-1]], "count_differs"),
        (lambda e: [e[1], e[0], *e[2:]], "list_differs"),
        (lambda e: [e[0], e[0], *e[2:]], "list_differs"),
        (_object_twice, "object_twice"),
        (_inline, "object_unused"),
        (lambda e: [{"line": e[0]["line"]}, *e[1:]], "entry_malformed"),
        (lambda e: [*e[:3], {**e[3], "content": ""}], "entry_malformed"),
        (lambda e: [{**e[0], "more": 1}, *e[1:]], "entry_malformed"),
        (lambda e: [{**e[0], "content": None}, *e[1:]], "entry_malformed"),
        (lambda e: [{**e[0], "object": "ab" * 32}, *e[1:]], "entry_malformed"),
        (lambda e: [*e[:2], {**e[2], "object": "../" * 20}, e[3]], "entry_malformed"),
        (lambda e: [*e[:2], {**e[2], "object": "ab" * 32}, e[3]], "object_missing"),
        (lambda e: [*e[:2], {**e[2], "key": b64(bytes(16))}, e[3]], "entry_malformed"),
        (lambda e: [*e[:2], {**e[2], "key": b64(bytes(32))}, e[3]], "stream_damaged"),
        (lambda e: [{**e[0], "content": b64(bytes(65_537))}, *e[1:]], "entry_malformed"),
        (lambda e: [{**e[0], "line": {**e[0]["line"], "seq": 0}}, *e[1:]], "line_malformed"),
        (lambda e: [{**e[0], "line": {**e[0]["line"], "no": 1}}, *e[1:]], "line_malformed"),
        (lambda e: [{**e[0], "line": {**e[0]["line"], "item": "../x"}}, *e[1:]], "line_malformed"),
        (lambda e: [{**e[0], "line": {**e[0]["line"], "salt": ""}}, *e[1:]], "line_malformed"),
        (lambda e: [{**e[0], "line": "x" * 70_000}, *e[1:]], "line_malformed"),
        (lambda _: [], "count_differs"),
    ],
)  # fmt: skip
def test_items_that_the_seller_changed_after_the_freeze(
    made: Parcel, change: Change, finding: str
) -> None:
    with_entries(made, as_entries(change(entries_of(made))))
    assert made.finding() == finding


@pytest.mark.parametrize(
    "spell",
    [
        lambda raw: raw.replace(b'{"content"', b'{ "content"', 1),
        lambda raw: raw.replace(b'"line":{', b'"line": {', 1),
        lambda raw: raw.replace(b'{"content":', b'{"content":"","content":', 1),
        lambda raw: raw[:-1],
        lambda raw: raw + b"\n",
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n", 1),
        lambda raw: b"[" * 100_000 + raw,
    ],
)
def test_items_that_are_spelled_otherwise(made: Parcel, spell: Callable[[bytes], bytes]) -> None:
    with_entries(made, spell(as_entries(entries_of(made))))
    assert made.finding() in {"entry_malformed", "line_malformed"}


def test_an_entry_without_end_is_given_up_early(made: Parcel) -> None:
    with_entries(made, b'{"content":"' + b"A" * (40 << 20))
    assert made.finding() == "entry_malformed"


def test_content_that_was_swapped_for_another_has_another_digest(made: Parcel) -> None:
    """The lines still fit, so it is the inspection that says which item is not what was listed."""
    from ledger.effects.inspecting import in_package

    entries = entries_of(made)
    with_entries(made, as_entries([{**entries[0], "content": b64(b"forged")}, *entries[1:]]))
    seen = dict(in_package(open_package(made.folder, [made.key])))
    words = [seen[entry["line"]["item"]].digest for entry in entries[:3]]
    assert words == ["mismatch", "match", "match"]


# -- what is said --------------------------------------------------------------------------------


def test_every_finding_of_the_module_is_heard_here(made: Parcel) -> None:
    """No finding is only promised."""
    said = {
        line.split()[0]
        for line in (unpacking.__doc__ or "").splitlines()
        if line.startswith("    ") and "  " in line.strip()
    }
    here = Path(__file__)
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (here, here.with_name("test_taking.py"))
    )
    assert said
    assert {finding for finding in said if f'"{finding}"' not in tests} == set()


def test_nothing_of_a_content_is_in_what_is_said(made: Parcel) -> None:
    with_entries(made, as_entries(_title(entries_of(made))))
    with pytest.raises(DamagedPackageError) as caught:
        made.read()
    assert "合同" not in str(caught.value)
    assert SECRET.decode() not in repr(entries_of(made)[0]["line"])

r"""The container of a bundle: a BagIt 1.0 bag (RFC 8493), as canonical zip or as a folder.

Files of the bag, by path relative to its top folder `bundle-<UUIDv7>`:

    bagit.txt                  "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    bag-info.txt               four lines `<label>: <value>`: External-Identifier (the top folder's
                               name), Bagging-Date, Payload-Oxum (<bytes>.<files> under data/),
                               Bag-Software-Agent
    manifest-sha256.txt        every file under data/: `<64 hex>  <path>\n`, sorted by path
    tagmanifest-sha256.txt     likewise bagit.txt, bag-info.txt, manifest-sha256.txt and verify/*
    exporter.note              a signed note over both manifests; in neither

Paths are sorted by their UTF-8 bytes. A path has at most 512 bytes; its segments are not empty, not
`.` or `..`, and hold no backslash, percent sign, colon or control character; it is in Unicode form
C; no path is the folder of another. At most 50,000 files and 256 MiB.

Canonical zip (APPNOTE.TXT): for each file in order a local header, name and content; then the
central directory and its end. Always: version 20, flags 0x0800 (UTF-8 names), stored, time 0 and
date 0x0021 (1980-01-01), made by Unix (3), attributes 0o100644 << 16; never: extra fields,
comments, directories, data descriptors, zip64. So a bag has one zip, to the byte, and a zip that
`write_zip` would not have written is refused.

>>> info = {
...     "External-Identifier": "bundle-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
...     "Bagging-Date": "2026-11-21",
...     "Bag-Software-Agent": "muniment/0.1.0",
... }
>>> keys = "data/20_身份/keys.json"
>>> files = make_bag({keys: b"[]\n"}, {"verify/b.txt": b""}, info)
>>> files["exporter.note"] = b"a signed note"
>>> print(files["manifest-sha256.txt"].decode(), end="")
37517e5f3dc66819f61f5a7bb8ace1921282415f10551d2defa5c3eb0985b570  data/20_身份/keys.json
>>> files["bag-info.txt"].decode().splitlines()[2]
'Payload-Oxum: 3.1'
>>> data = write_zip(files, top=info["External-Identifier"])
>>> data[:4], len(data), data[-22:-18]
(b'PK\x03\x04', 2016, b'PK\x05\x06')
>>> bag = read_zip(data)
>>> bag.name == info["External-Identifier"], bag.files == files, check_bag(bag)
(True, True, [])
>>> bag.files[keys] = b"{}\n"
>>> [(finding.code, finding.file) for finding in check_bag(bag)]
[('digest_differs', 'data/20_身份/keys.json')]
>>> read_zip(data + b"\0")
Traceback (most recent call last):
ledger.offline.findings.Flaw: zip_not_canonical
"""

from __future__ import annotations

import os
import re
import stat
import struct
import unicodedata
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, NamedTuple, Tuple

from .findings import Finding, Flaw, finding

MAX_BYTES = 256 << 20
MAX_FILES = 50_000
MAX_NAME_BYTES = 512
PAYLOAD = "data/"
BAGIT = "bagit.txt"
INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
EXPORTER_NOTE = "exporter.note"
VERIFIER = "verify/"
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

_LABELS = ("External-Identifier", "Bagging-Date", "Payload-Oxum", "Bag-Software-Agent")
_INFO = re.compile(
    "External-Identifier: ([!-~]{1,128})\n"
    "Bagging-Date: ([0-9]{4}-[0-9]{2}-[0-9]{2})\n"
    r"Payload-Oxum: ([0-9]{1,12}\.[0-9]{1,6})"
    "\nBag-Software-Agent: ([!-~]{1,64})\n"
)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\%:]")
_LISTED = re.compile("([0-9a-f]{64})  (.+)")

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
# Beside its content, a file costs two headers and twice its name.
MAX_ZIP_BYTES = (
    MAX_BYTES + MAX_FILES * (_LOCAL.size + _CENTRAL.size + 2 * MAX_NAME_BYTES) + _END.size
)
_VERSION, _FLAGS, _STORED, _TIME, _DATE = 20, 0x0800, 0, 0, 0x0021
_MADE_BY = 3 << 8 | _VERSION
_ATTRIBUTES = 0o100644 << 16


class Bag(NamedTuple):
    """The files of a bag by path, and its top folder's name (empty: a folder, which may bear any).

    Reading proves nothing: see `check_bag`.
    """

    name: str
    files: Dict[str, bytes]


# -- names and limits ----------------------------------------------------------------------------


def check_name(name: str) -> None:
    """Raise `Flaw` for a path that has not the form of the module's docstring."""
    segments = name.split("/")
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise Flaw("name_unsafe") from None
    if (
        length > MAX_NAME_BYTES
        or not {"", ".", ".."}.isdisjoint(segments)
        or _FORBIDDEN.search(name)
        or unicodedata.normalize("NFC", name) != name
    ):
        raise Flaw("name_unsafe")


def _check_names(names: Iterable[str]) -> None:
    known = set(names)
    for name in known:
        check_name(name)
        folder = name
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder in known:
                raise Flaw("name_unsafe")


def _check_limits(count: int, size: int) -> None:
    if count > MAX_FILES or size > MAX_BYTES:
        raise Flaw("too_large")


def _in_order(names: Iterable[str]) -> List[str]:
    return sorted(names, key=lambda name: name.encode("utf-8"))


# -- zip -----------------------------------------------------------------------------------------


def write_zip(files: Mapping[str, bytes], top: str = "") -> bytes:
    """The canonical zip of files by path; with `top`, all of them in a folder of that name.

    Raises `Flaw` for unsafe names and beyond the limits.
    """
    prefix = top + "/" if top else ""
    entries = {prefix + name: data for name, data in files.items()}
    _check_limits(len(entries), sum(map(len, entries.values())))
    _check_names(entries)
    body: List[bytes] = []
    directory: List[bytes] = []
    offset = 0
    for name in _in_order(entries):
        data, encoded = entries[name], name.encode("utf-8")
        size = len(data)
        common = (_VERSION, _FLAGS, _STORED, _TIME, _DATE, zlib.crc32(data), size, size)
        body += (_LOCAL.pack(b"PK\3\4", *common, len(encoded), 0), encoded, data)
        tail = (len(encoded), 0, 0, 0, 0, _ATTRIBUTES, offset)
        directory += (_CENTRAL.pack(b"PK\1\2", _MADE_BY, *common, *tail), encoded)
        offset += _LOCAL.size + len(encoded) + size
    listed = b"".join(directory)
    count = len(entries)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(listed), offset, 0)
    return b"".join((*body, listed, end))


def read_zip(data: bytes) -> Bag:
    """The bag that a canonical zip holds; exact inverse of `write_zip` with a `top`.

    Raises `Flaw`: beyond the limits, a name that is unsafe or there twice, another zip than
    `write_zip` writes, files that are not all in one folder.
    """
    if len(data) > MAX_ZIP_BYTES:
        raise Flaw("too_large")
    entries = _local_files(data)
    if write_zip(entries) != data:
        raise Flaw("zip_not_canonical")
    tops = {name.partition("/")[0] for name in entries}
    if len(tops) != 1 or not all("/" in name for name in entries):
        raise Flaw("top_folder")
    top = tops.pop()
    return Bag(top, {name[len(top) + 1 :]: content for name, content in entries.items()})


def _local_files(data: bytes) -> Dict[str, bytes]:
    """Every file by its local header; what else is in the zip is left to the comparison."""
    entries: Dict[str, bytes] = {}
    at = total = 0
    while data[at : at + 4] == b"PK\3\4" and at + _LOCAL.size <= len(data):
        header = _LOCAL.unpack_from(data, at)
        method, size, name_length = header[3], header[7], header[9]
        start = at + _LOCAL.size
        at = start + name_length + size
        if method != _STORED or name_length > MAX_NAME_BYTES or at > len(data):
            raise Flaw("zip_not_canonical")
        try:
            name = data[start : start + name_length].decode("utf-8")
        except UnicodeDecodeError:
            raise Flaw("name_unsafe") from None
        if name in entries:
            raise Flaw("name_twice")
        entries[name] = data[start + name_length : at]
        total += size
        _check_limits(len(entries), total)
    if not entries:
        raise Flaw("zip_not_canonical" if data[:2] == b"PK" else "not_a_zip")
    return entries


# -- folder --------------------------------------------------------------------------------------


def read_folder(path: Path) -> Bag:
    """The bag that lies unpacked in a folder, of whatever name.

    Raises `Flaw` for a link, a device, an unsafe name and beyond the limits; `OSError` where the
    system cannot read.
    """
    found: List[Tuple[str, int]] = []
    _list_folder(str(path), "", found)
    _check_limits(len(found), sum(size for _, size in found))
    _check_names(name for name, _ in found)
    return Bag("", {name: _read_file(path.joinpath(*name.split("/"))) for name, _ in found})


def _list_folder(path: str, prefix: str, found: List[Tuple[str, int]]) -> None:
    with os.scandir(path) as items:
        for item in items:
            name = prefix + item.name
            if item.is_dir(follow_symlinks=False):
                check_name(name)
                _list_folder(item.path, name + "/", found)
                continue
            status = item.stat(follow_symlinks=False)  # so that a link is no file, nor a folder
            if not stat.S_ISREG(status.st_mode):
                raise Flaw("not_a_file")
            found.append((name, status.st_size))
            _check_limits(len(found), 0)


def _read_file(path: Path) -> bytes:
    # A link put there after the listing is not followed where the system can say so.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    _check_limits(0, len(data))
    return data


# -- BagIt ---------------------------------------------------------------------------------------


def make_bag(
    payload: Mapping[str, bytes], tags: Mapping[str, bytes], info: Mapping[str, str]
) -> Dict[str, bytes]:
    """The files of a bag but for the exporter's note: payload, tags, tag files and manifests.

    `payload`: paths under `data/`; `tags`: paths under `verify/`; `info`: the lines of
    bag-info.txt but for Payload-Oxum, which is counted. Raises `Flaw` for another path or a line
    that would not be read back.
    """
    _check_names([*payload, *tags])
    if not all(name.startswith(PAYLOAD) for name in payload) or not all(
        name.startswith(VERIFIER) for name in tags
    ):
        raise Flaw("file_unlisted")
    lines = dict(info)
    lines["Payload-Oxum"] = _oxum(payload)
    text = "".join(f"{label}: {lines.pop(label)}\n" for label in _LABELS)
    if lines or _INFO.fullmatch(text) is None:
        raise Flaw("bag_info_malformed")
    listed = {**tags, BAGIT: DECLARATION, INFO: text.encode("ascii"), MANIFEST: manifest(payload)}
    return {**payload, **listed, TAG_MANIFEST: manifest(listed)}


def manifest(files: Mapping[str, bytes]) -> bytes:
    """The manifest of files by path: SHA-256 and path, one a line, sorted by path."""
    lines = (f"{sha256(files[name]).hexdigest()}  {name}\n" for name in _in_order(files))
    return "".join(lines).encode("utf-8")


def identifier(bag: Bag) -> str:
    """The bundle's name, as bag-info.txt says it; empty if that cannot be read."""
    match = _info(bag.files)
    return match[1] if match else ""


def check_bag(bag: Bag) -> List[Finding]:
    """What is wrong with a bag: files missing, unlisted or changed, tag files not as written.

    Every file is in exactly one manifest, but for the tag manifest and the exporter's note; every
    listed file is there, with its digest. Empty if all of this holds.
    """
    files, found = bag.files, []
    found += [finding("file_missing", file=n) for n in TAG_FILES if n not in files]
    if files.get(BAGIT, DECLARATION) != DECLARATION:
        found.append(finding("bagit_malformed", file=BAGIT))
    payload = {name: data for name, data in files.items() if name.startswith(PAYLOAD)}
    if INFO in files:
        found += _check_info(bag, payload)
    unlisted = (TAG_MANIFEST, EXPORTER_NOTE)
    tags = {n: data for n, data in files.items() if n not in payload and n not in unlisted}
    for name, covered in ((MANIFEST, payload), (TAG_MANIFEST, tags)):
        if name in files:
            found += _check_manifest(name, files[name], covered)
    return found


TAG_FILES = (BAGIT, INFO, MANIFEST, TAG_MANIFEST, EXPORTER_NOTE)


def _oxum(payload: Mapping[str, bytes]) -> str:
    return f"{sum(map(len, payload.values()))}.{len(payload)}"


def _info(files: Mapping[str, bytes]) -> re.Match[str] | None:
    return _INFO.fullmatch(files.get(INFO, b"").decode("utf-8", "replace"))


def _check_info(bag: Bag, payload: Mapping[str, bytes]) -> List[Finding]:
    match = _info(bag.files)
    if match is None:
        return [finding("bag_info_malformed", file=INFO)]
    found = []
    if bag.name not in ("", match[1]):
        found.append(finding("bag_renamed", file=INFO))
    if match[3] != _oxum(payload):
        found.append(finding("oxum_differs", file=INFO, expected=match[3], actual=_oxum(payload)))
    return found


def _check_manifest(name: str, data: bytes, covered: Mapping[str, bytes]) -> List[Finding]:
    if data == manifest(covered):
        return []
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        lines = ["no text at all"]
    matches = [_LISTED.fullmatch(line) for line in lines[:-1]]
    listed = {match[2]: match[1] for match in matches if match}
    if len(listed) != len(matches) or lines[-1] or list(listed) != _in_order(listed):
        return [finding("manifest_malformed", file=name)]
    found = []
    for path in _in_order({*listed, *covered}):
        if path not in covered:
            found.append(finding("file_missing", file=path))
        elif path not in listed:
            found.append(finding("file_unlisted", file=path))
        else:
            actual = sha256(covered[path]).hexdigest()
            if actual != listed[path]:
                wrong = finding("digest_differs", file=path, expected=listed[path], actual=actual)
                found.append(wrong)
    return found

"""A handover's package read by whoever gets it: all of it is checked before any of it is used.

`open_package` looks at the folder as at something that anybody may have changed on the way: what
lies in it and what does not, every file's digest, the header, and whether one of the reader's keys
opens it. `Package.items` then gives the items one after the other, each decrypted and
authenticated, and at the end says whether they are the list and the lines of the header. Nothing is
written, and memory stays flat. No such folder is a `UsageError`, a whole package for somebody else
a `KeyAccessError`. What is not as the module `ledger.effects.packing` says raises
`DamagedPackageError` with one of these findings:

    not_a_package        a folder in which bagit.txt is missing
    name_unsafe          a name that no package has: another form, a folder too many
    not_a_file           a link, a device, a pipe
    too_large            more files, a longer manifest or header than there can be
    file_missing         a file that a manifest lists, or that every package has, is not there
    file_unlisted        a file that no manifest lists
    digest_differs       a file is not the one listed
    manifest_malformed   a manifest in another form: not sorted, a path twice, spaces
    bagit_malformed      bagit.txt or bag-info.txt in another form
    oxum_differs         other numbers of bytes and files than bag-info.txt says
    header_malformed     package.json in another form
    another_handover     the header is of another handover, ledger or list than the one meant
    another_package      whole and of this list, but not the one that was released
    key_does_not_open    encrypted to the reader's key, under another header than this one
    stream_damaged       items.stream or an object does not open under its key
    entry_malformed      an item in another form, or longer than one can be
    line_malformed       a line in another form
    object_missing       an item names an object that is not in the package
    object_twice         two items name one object
    object_unused        an object that no item names
    count_differs        more or fewer items than the header says
    list_differs         the items are not those of the list
    lines_differ         the lines are not those of the list
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

import msgspec
from msgspec import UNSET

from ledger import stream
from ledger.effects.packing import (
    BAGIT,
    ENCODER,
    HEADER,
    INFO,
    INLINE_BYTES,
    ITEMS,
    KEY_BYTES,
    MANIFEST,
    MAX_ENTRY_BYTES,
    OBJECTS,
    TAG_MANIFEST,
    Entry,
    Header,
)
from ledger.errors import (
    EncodingError,
    KeyAccessError,
    MunimentError,
    UsageError,
    VerificationError,
)
from ledger.evidence import key_id_of
from ledger.handoverlist import Line, parse_line
from ledger.offline.bag import DECLARATION
from ledger.privatekey import PrivateKey
from ledger.tlog.merkle import Frontier

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_FILES: Final = 200_010
MAX_HEADER_BYTES: Final = 1 << 20
_MAX_MANIFEST_BYTES: Final = MAX_FILES * 160
_MAX_INFO_BYTES: Final = 4_096
_MOST: Final = {
    BAGIT: _MAX_INFO_BYTES, INFO: _MAX_INFO_BYTES, TAG_MANIFEST: _MAX_INFO_BYTES,
    MANIFEST: _MAX_MANIFEST_BYTES, HEADER: MAX_HEADER_BYTES,
}  # fmt: skip
_CHUNK: Final = 1 << 20
_TAGS: Final = (BAGIT, INFO, MANIFEST, TAG_MANIFEST)
_NAME: Final = re.compile(
    rf"{re.escape(BAGIT)}|{re.escape(INFO)}|{re.escape(MANIFEST)}|{re.escape(TAG_MANIFEST)}"
    rf"|{re.escape(HEADER)}|{re.escape(ITEMS)}|{OBJECTS}/[0-9a-f]{{2}}/[0-9a-f]{{62}}"
)
_FOLDER: Final = re.compile(rf"data|{OBJECTS}|{OBJECTS}/[0-9a-f]{{2}}")
_LISTED: Final = re.compile(r"([0-9a-f]{64})  ([a-z0-9./-]{1,128})")
_INFO: Final = re.compile(
    r"External-Identifier: (handover-[0-9a-f-]{36})\n"
    r"Bagging-Date: [0-9]{4}-[0-9]{2}-[0-9]{2}\n"
    r"Payload-Oxum: ((?:0|[1-9][0-9]{0,15})\.[1-9][0-9]{0,6})\n"
    r"Bag-Software-Agent: muniment/[0-9A-Za-z.+-]{1,32}\n"
)
_HEX: Final = re.compile("[0-9a-f]{64}")
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WITHIN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class DamagedPackageError(VerificationError):
    """The package is not what was packed; `finding` is a stable code, `file` where it is."""

    def __init__(self, finding: str, file: str = "") -> None:
        super().__init__(
            "the package is not as it was packed ({finding}{file}); nothing was recorded",
            "have it sent again; what came is evidence: keep it",
            finding=finding,
            file=f": {file}" if file and _NAME.fullmatch(file) else "",
        )
        self.finding = finding


class Checked(NamedTuple):
    """The container of a package without its contents: its digest (hex), its header, its files."""

    folder: Path
    package: str
    header: Header
    files: Mapping[str, str]


class Item(NamedTuple):
    """An item of a package: its line, the line's bytes, and its content.

    `content`: all of it where it is small; else `object` names its file, and `key` opens it. A copy
    that itself passes has neither.
    """

    line: Line
    raw: bytes
    content: bytes | None
    object: str
    key: bytes

    def __repr__(self) -> str:
        """Without what it holds."""
        return f"<Item {self.line.seq}>"

    @property
    def delivered(self) -> bool:
        """Whether its content is in the package."""
        return self.content is not None or bool(self.object)


def check_container(folder: Path) -> Checked:
    """Check a package as far as that is possible without a key: files, digests, header.

    Raises `DamagedPackageError`; `UsageError` without a folder; `MunimentError` of the disk.
    """
    with _reading():
        if not folder.is_dir():
            raise UsageError(
                "there is no such folder; nothing was recorded",
                "name the folder that muniment handover pack made",
            )
        sizes = _listing(folder)
        if BAGIT not in sizes:
            raise DamagedPackageError("not_a_package")
        for name in (*_TAGS, HEADER, ITEMS):
            if name not in sizes:
                raise DamagedPackageError("file_missing", name)
            if sizes[name] > _MOST.get(name, sizes[name]):  # before it is hashed
                raise DamagedPackageError("too_large", name)
        if _small(folder, BAGIT, _MAX_INFO_BYTES) != DECLARATION:
            raise DamagedPackageError("bagit_malformed", BAGIT)
        tags = _small(folder, TAG_MANIFEST, _MAX_INFO_BYTES)
        payload = {name for name in sizes if name.startswith("data/")}
        listed_tags = _manifest(tags, TAG_MANIFEST)
        _check_names(listed_tags, set(_TAGS) - {TAG_MANIFEST})
        _check_digests(folder, listed_tags)
        listed = _manifest(_small(folder, MANIFEST, _MAX_MANIFEST_BYTES), MANIFEST)
        _check_names(listed, payload)
        info = _INFO.fullmatch(_small(folder, INFO, _MAX_INFO_BYTES).decode("ascii", "replace"))
        if info is None:
            raise DamagedPackageError("bagit_malformed", INFO)
        if info[2] != f"{sum(sizes[name] for name in payload)}.{len(payload)}":
            raise DamagedPackageError("oxum_differs", INFO)
        _check_digests(folder, listed)
        header = _header(_small(folder, HEADER, MAX_HEADER_BYTES))
    if header.handover != info[1]:
        raise DamagedPackageError("header_malformed", HEADER)
    return Checked(folder, sha256(tags).hexdigest(), header, listed)


class Meant(NamedTuple):
    """Which package is meant: the handover, the ledger it is in, the roots of items and lines.

    `package`: the digest of the one that was released, empty before that.
    """

    handover: str
    origin: str
    list: str
    lines: str
    package: str = ""

    def check(self, checked: Checked) -> None:
        """Raise `DamagedPackageError` if a package is another one."""
        head = checked.header
        if (head.handover, head.origin, head.list, head.lines) != tuple(self)[:4]:
            raise DamagedPackageError("another_handover", HEADER)
        if self.package and checked.package != self.package:
            raise DamagedPackageError("another_package")


def open_package(folder: Path, keys: Sequence[PrivateKey], meant: Meant | None = None) -> Package:
    """Check a package's container, and open it with one of the reader's seal keys.

    `meant`: which one it must be. Raises as `check_container`, and `KeyAccessError` for one that is
    encrypted to other keys.
    """
    checked = check_container(folder)
    if meant is not None:
        meant.check(checked)
    return Package(checked, _package_key(checked.header, keys))


def _package_key(header: Header, keys: Sequence[PrivateKey]) -> bytes:
    mine = {key_id_of(key.kind, key.name, key.public): key for key in keys}
    for recipient in header.recipients:
        if (key := mine.get(recipient.key)) is not None:
            try:
                opened = key.decrypt(recipient.sealed, header.info())
            except (KeyAccessError, VerificationError):
                raise DamagedPackageError("key_does_not_open", HEADER) from None
            if len(opened) != KEY_BYTES:
                raise DamagedPackageError("key_does_not_open", HEADER)
            return opened
    raise KeyAccessError(
        "the package is whole and encrypted to other keys than yours; nothing was recorded",
        "act as the buyer's handler, on the machine with the keys: --as ACTOR",
    )


class Package:
    """A package whose container is in order and whose key is known."""

    def __init__(self, checked: Checked, key: bytes) -> None:
        self.header = checked.header
        self.package = checked.package
        self._folder = checked.folder
        self._files = checked.files
        self._key = key

    def __repr__(self) -> str:
        """Without the key."""
        return f"<Package {self.package[:16]}>"

    def items(self) -> Iterator[Item]:
        """Every item, in order; only who has read to the end knows that they are the list.

        Raises `DamagedPackageError`.
        """
        ids, lines, used, count = Frontier(), Frontier(), set[str](), 0
        for entry in self._entries():
            item = self._item(entry, used)
            count += 1
            if count > self.header.count:
                raise DamagedPackageError("count_differs", ITEMS)
            ids.append(sha256(b"\0" + item.line.item.encode("ascii")).digest())
            lines.append(sha256(b"\0" + item.raw).digest())
            yield item
        if count != self.header.count:
            raise DamagedPackageError("count_differs", ITEMS)
        if ids.root().hex() != self.header.list:
            raise DamagedPackageError("list_differs", ITEMS)
        if lines.root().hex() != self.header.lines:
            raise DamagedPackageError("lines_differ", ITEMS)
        if len(used) + 2 != len(self._files):
            raise DamagedPackageError("object_unused", ITEMS)

    def _item(self, entry: Entry, used: set[str]) -> Item:
        try:
            line = parse_line(bytes(entry.line))
        except EncodingError:
            raise DamagedPackageError("line_malformed", ITEMS) from None
        raw, delivered = bytes(entry.line), line.item.startswith("record-")
        if delivered == (entry.content is UNSET and entry.object is UNSET):
            raise DamagedPackageError("entry_malformed", ITEMS)
        if entry.object is UNSET or entry.key is UNSET:
            return Item(line, raw, None if entry.content is UNSET else entry.content, "", b"")
        if _path_of(entry.object) not in self._files:
            raise DamagedPackageError("object_missing", ITEMS)
        if entry.object in used:
            raise DamagedPackageError("object_twice", ITEMS)
        used.add(entry.object)
        return Item(line, raw, None, entry.object, entry.key)

    @contextmanager
    def content(self, item: Item) -> Iterator[BinaryIO]:
        """The content of an item, to be read once; every piece is authenticated before it is given.

        Raises `DamagedPackageError`, also while it is read.
        """
        if item.content is not None:
            with BufferedReader(_Pieces(iter([item.content]))) as plain:
                yield plain
            return
        name = _path_of(item.object)
        with (
            _reading(),
            _opened(self._folder, name) as file,
            BufferedReader(_Pieces(_decrypted(file, item.key, name)), _CHUNK) as plain,
        ):
            yield plain

    def _entries(self) -> Iterator[Entry]:
        """The entries of items.stream, each of which is in its one form."""
        with _reading(), _opened(self._folder, ITEMS) as file:
            left = b""
            for chunk in _decrypted(file, self._key, ITEMS):
                *whole, left = (left + chunk).split(b"\n")
                if len(left) > MAX_ENTRY_BYTES:
                    raise DamagedPackageError("entry_malformed", ITEMS)
                for raw in whole:
                    yield _entry(raw + b"\n")
            if left:
                raise DamagedPackageError("entry_malformed", ITEMS)


_entries: Final = msgspec.json.Decoder(Entry)
_headers: Final = msgspec.json.Decoder(Header)


def _entry(raw: bytes) -> Entry:
    if len(raw) > MAX_ENTRY_BYTES:
        raise DamagedPackageError("entry_malformed", ITEMS)
    try:
        entry = _entries.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise DamagedPackageError("entry_malformed", ITEMS) from None
    fits = entry.format() == raw and (entry.object is UNSET) == (entry.key is UNSET)
    if entry.content is not UNSET:
        fits = fits and entry.object is UNSET and len(entry.content) <= INLINE_BYTES
    if entry.object is not UNSET and entry.key is not UNSET:
        fits = fits and len(entry.key) == KEY_BYTES and bool(_HEX.fullmatch(entry.object))
    if not fits:
        raise DamagedPackageError("entry_malformed", ITEMS)
    return entry


def _header(raw: bytes) -> Header:
    try:
        header = _headers.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise DamagedPackageError("header_malformed", HEADER) from None
    names = [recipient.key for recipient in header.recipients]
    if (
        ENCODER.encode(header) + b"\n" != raw
        or not all(map(_HEX.fullmatch, (header.list, header.lines)))
        or header.count < 1
        or not names
        or names != sorted(set(names))
    ):
        raise DamagedPackageError("header_malformed", HEADER)
    return header


# -- the folder ----------------------------------------------------------------------------------


def _path_of(name: str) -> str:
    return f"{OBJECTS}/{name[:2]}/{name[2:]}"


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MunimentError(
            "the package cannot be read ({cause}); nothing was recorded",
            "name the folder that muniment handover pack made, on a disk that can be read",
            cause=error.strerror,
        ) from None


def _listing(folder: Path) -> dict[str, int]:
    """Every file in a package with its size; nothing but a package's files and folders is there."""
    sizes: dict[str, int] = {}
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with os.scandir(folder / prefix) as found:
            for one in found:
                name = prefix + one.name
                if one.is_dir(follow_symlinks=False):
                    if not _FOLDER.fullmatch(name):
                        raise DamagedPackageError("name_unsafe")
                    waiting.append(f"{name}/")
                    continue
                status = one.stat(follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    raise DamagedPackageError("not_a_file", name)
                if not _NAME.fullmatch(name):
                    raise DamagedPackageError("name_unsafe")
                sizes[name] = status.st_size
                if len(sizes) > MAX_FILES:
                    raise DamagedPackageError("too_large")
    return sizes


def _manifest(raw: bytes, name: str) -> dict[str, str]:
    """Digests by path. Raises `DamagedPackageError` unless it is in its one form."""
    lines = raw.decode("ascii", "replace").split("\n")
    found = [_LISTED.fullmatch(line) for line in lines[:-1]]
    listed = {match[2]: match[1] for match in found if match}
    if lines[-1] or len(listed) != len(found) or list(listed) != sorted(listed):
        raise DamagedPackageError("manifest_malformed", name)
    return listed


def _check_names(listed: Mapping[str, str], there: set[str]) -> None:
    for name in sorted({*listed, *there}):
        if name not in there:
            raise DamagedPackageError("file_missing", name)
        if name not in listed:
            raise DamagedPackageError("file_unlisted", name)


def _check_digests(folder: Path, listed: Mapping[str, str]) -> None:
    for name, digest in listed.items():
        if name.startswith(OBJECTS) and _path_of(digest) != name:
            raise DamagedPackageError("digest_differs", name)
        if _digest(folder, name) != digest:
            raise DamagedPackageError("digest_differs", name)


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A file of the package: no link anywhere on the way to it, and no pipe at its end."""
    *above, last = name.split("/")
    within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            inner = os.open(part, _WITHIN, dir_fd=within)
            os.close(within)
            within = inner
        descriptor = os.open(last, _READ, dir_fd=within)
    finally:
        os.close(within)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DamagedPackageError("not_a_file", name)
        yield file


def _small(folder: Path, name: str, most: int) -> bytes:
    with _opened(folder, name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise DamagedPackageError("too_large", name)
    return data


def _digest(folder: Path, name: str) -> str:
    digest = sha256()
    with _opened(folder, name) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _decrypted(file: BinaryIO, key: bytes, name: str) -> Iterator[bytes]:
    try:
        yield from stream.decrypt(file, key)
    except stream.DamagedObjectError:
        raise DamagedPackageError("stream_damaged", name) from None


class _Pieces(RawIOBase):
    """A content that comes piece by piece, as a raw stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer from one piece; 0 at the end."""
        if not self._left:
            with suppress(StopIteration):
                self._left = memoryview(next(self._pieces))
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

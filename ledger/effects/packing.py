r"""A handover's package: the contents of a list's items, encrypted to the buyer, as a BagIt bag.

    bagit.txt                the declaration of BagIt 1.0 (RFC 8493)
    bag-info.txt             four lines: External-Identifier (the handover), Bagging-Date,
                             Payload-Oxum (<bytes>.<files> under data/), Bag-Software-Agent
    manifest-sha256.txt      every file under data/: `<64 hex>  <path>\n`, sorted by path
    tagmanifest-sha256.txt   likewise bagit.txt, bag-info.txt and manifest-sha256.txt
    data/package.json        the header: of which list it is, and for whom
    data/items.stream        the items, an object (`ledger.stream`) under the package's key
    data/objects/ab/cdef…    one large content, an object under a key of its own, named by the
                             SHA-256 of all its bytes as in the vault

The package is named by the SHA-256 of tagmanifest-sha256.txt, which covers everything else; that
digest stands in `handover.released`.

package.json is one canonical JSON object (keys sorted, no spaces) and a newline: `muniment`
"handover-package/1", `handover`, `origin` of the seller's ledger, `list` (root over the items),
`lines` (root over their lines, `ledger.handoverlist`), `count` of items, and
`recipients`: for each seal key, by its key id, the package's key (32 bytes, random) encrypted to it
(HPKE, `ledger.privatekey`, base64) with `info` of the header's text without its recipients: no key
opens under another header.

What items.stream holds: for each item, in the order of the list, one canonical JSON object and a
newline, at most 256 KiB. `line` is the item's line, `content` the whole content as base64 if it has
at most 64 KiB; of a larger one `object` names its file and `key` is its key (base64); a copy that
itself passes (`holding-…`) has its line only. So a hundred thousand rows of a table are one file,
and a recording of a gigabyte is another.

>>> import io
>>> header = Header(
...     handover="handover-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e",
...     origin="jiejing.example/ledger",
...     list="ab" * 32,
...     lines="cd" * 32,
...     count=1,
...     recipients=(),
... )
>>> print(header.info().decode()[:63])
muniment/handover-package/v1 {"count":1,"handover":"handover-01
>>> Entry(line=msgspec.Raw(b'{"seq":1}'), content=b"\xe7\x94\xb2").format()
b'{"content":"55Sy","line":{"seq":1}}\n'

Nothing of a content is ever written in clear, and the package is there whole or not at all.
Sources: RFC 8493 (BagIt), RFC 9180 (HPKE).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple, Self

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from ledger import VERSION
from ledger.effects.ledgercopy import made_whole
from ledger.errors import MunimentError, UsageError
from ledger.offline.bag import DECLARATION
from ledger.privatekey import encrypt_to
from ledger.signing import now
from ledger.sources import SourceFault
from ledger.stream import Encrypted, encrypt, object_size

BAGIT: Final = "bagit.txt"
INFO: Final = "bag-info.txt"
MANIFEST: Final = "manifest-sha256.txt"
TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
HEADER: Final = "data/package.json"
ITEMS: Final = "data/items.stream"
OBJECTS: Final = "data/objects"
LABEL: Final = b"muniment/handover-package/v1"
KEY_BYTES: Final = 32
INLINE_BYTES: Final = 1 << 16
MAX_ENTRY_BYTES: Final = 1 << 18
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Recipient(Struct, frozen=True, forbid_unknown_fields=True):
    """A seal key by its id in hex, and the package's key encrypted to it."""

    key: str
    sealed: bytes


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What package.json says; digests and roots in hex."""

    muniment: Literal["handover-package/1"] = "handover-package/1"
    handover: str
    origin: str
    list: str
    lines: str
    count: int
    recipients: tuple[Recipient, ...]

    def format(self) -> bytes:
        """The bytes of the file."""
        return ENCODER.encode(self) + b"\n"

    def info(self) -> bytes:
        """What the package's key is bound to."""
        said = structs.asdict(self)
        del said["recipients"]
        return LABEL + b" " + ENCODER.encode(said)


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item as items.stream has it; its representation shows nothing."""

    line: msgspec.Raw
    content: bytes | UnsetType = UNSET
    object: str | UnsetType = UNSET
    key: bytes | UnsetType = UNSET

    def format(self) -> bytes:
        """The entry's bytes."""
        return ENCODER.encode(self) + b"\n"

    def __repr__(self) -> str:
        """Without content and key."""
        return "<Entry>"


ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Packed(NamedTuple):
    """An item to be packed: its line's bytes, the digest (hex) its content must have, the content.

    `opened`: gives the content to be read once; raises `SourceFault` if it cannot be had. None for
    a copy that itself passes.
    """

    line: bytes
    item: str
    digest: str
    opened: Callable[[], AbstractContextManager[BinaryIO]] | None


class Written(NamedTuple):
    """A package that was written: its digest (hex), how many items and bytes of content."""

    package: str
    count: int  # type: ignore[assignment]  # where tuples have a method
    size: int


class FaultyContentsError(Exception):
    """Contents that are not there or not what was recorded: (item, stable cause) pairs."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__(f"{len(faults)} contents cannot be packed")
        self.faults = faults


def check_new(out: Path) -> None:
    """Refuse a place for a folder that goes to somebody: in no folder, or inside another package.

    Raises `UsageError` unless the folder above it is there, and none above it is a bag: what is put
    into a package makes it one that was tampered with.
    """
    above = out.absolute().parent
    if not above.is_dir():
        raise UsageError(
            "there is no folder in which it could be made; nothing was written",
            "make that folder first, or name another place",
        )
    real = above.resolve()
    if any(os.path.lexists(folder / BAGIT) for folder in (real, *real.parents)):
        raise UsageError(
            "that place lies inside another package; nothing was written", "name another place"
        )


def write_package(
    out: Path, header: Header, recipients: Mapping[str, bytes], items: Iterable[Packed]
) -> Written:
    """Write a package to the folder `out`, new or empty; `header` without recipients.

    `recipients`: public seal keys (65 bytes) by key id; at least one. Every content is read to its
    end and compared with its digest. Raises `FaultyContentsError` (all of them are looked at, and
    nothing is kept), `UsageError`, `LockedError` and `MunimentError` as `made_whole` does.
    """
    assert recipients
    key = os.urandom(KEY_BYTES)
    wrapped = (
        Recipient(name, encrypt_to(public, key, header.info()))
        for name, public in sorted(recipients.items())
    )
    header = structs.replace(header, recipients=tuple(wrapped))
    with made_whole(out) as part:
        writing = _Writing(part)
        writing.put(HEADER, header.format())
        source = _Joined(writing.entries(items))
        writing.stream(ITEMS, source, key)
        if writing.faults:
            raise FaultyContentsError(writing.faults)
        assert writing.count == header.count, "a package has every item of its list"
        package = writing.finish(header.handover)
    return Written(package, writing.count, writing.size)


class _Writing:
    """A package that grows in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[str, str] = {}
        self._payload = 0
        self.faults: list[tuple[str, str]] = []
        self.count = self.size = 0
        (folder / OBJECTS).mkdir(mode=0o700, parents=True)

    # -- files -------------------------------------------------------------------------------

    def put(self, name: str, data: bytes) -> None:
        """A small file."""
        with os.fdopen(os.open(self._folder / name, _NEW, 0o600), "wb") as file:
            file.write(data)
        self._listed[name] = sha256(data).hexdigest()
        self._payload += len(data) if name.startswith("data/") else 0

    def stream(self, name: str, source: _Joined | BinaryIO, key: bytes) -> Encrypted:
        """An object; `name` ends with a slash for one that is named by its digest."""
        path = self._folder / (name if not name.endswith("/") else f"{OBJECTS}/.new")
        with _Sink(path) as sink:
            made = encrypt(source, sink, key)
        if name.endswith("/"):
            name = f"{name}{made.object[:2]}/{made.object[2:]}"
            with _on_disk():
                (self._folder / name).parent.mkdir(mode=0o700, exist_ok=True)
                path.rename(self._folder / name)
        self._listed[name] = made.object
        self._payload += object_size(made.size)
        return made

    def finish(self, handover: str) -> str:
        """Write the tag files; the digest that names the package."""
        files = len(self._listed)
        self.put(MANIFEST, manifest(self._listed))
        self._listed = {MANIFEST: self._listed[MANIFEST]}
        self.put(BAGIT, DECLARATION)
        self.put(INFO, bag_info(handover, now()[:10], f"{self._payload}.{files}"))
        tags = manifest(self._listed)
        self.put(TAG_MANIFEST, tags)
        return sha256(tags).hexdigest()

    # -- items -------------------------------------------------------------------------------

    def entries(self, items: Iterable[Packed]) -> Iterator[bytes]:
        """The entries of items.stream, one after the other; faults are noted and passed over."""
        for item in items:
            self.count += 1
            try:
                entry = self._entry(item)
            except SourceFault as fault:
                self.faults.append((item.item, fault.cause))
            else:
                yield entry.format()

    def _entry(self, item: Packed) -> Entry:
        if item.opened is None:
            return Entry(line=msgspec.Raw(item.line))
        with item.opened() as file:
            start = _filled(file, INLINE_BYTES + 1)
            if len(start) <= INLINE_BYTES:
                found, size = sha256(start).hexdigest(), len(start)
                entry = Entry(line=msgspec.Raw(item.line), content=start)
            else:
                key = os.urandom(KEY_BYTES)
                made = self.stream(f"{OBJECTS}/", _Joined([start], file), key)
                found, size = made.content, made.size
                entry = Entry(line=msgspec.Raw(item.line), object=made.object, key=key)
        if found != item.digest:
            raise SourceFault("changed_since_recorded")
        self.size += size
        return entry


class _Sink:
    """A new file that takes chunks; nothing is left of it unless all of it was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _on_disk():
            self._file = os.fdopen(os.open(path, _NEW, 0o600), "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            with _on_disk():
                self._file.close()
        else:
            with suppress(OSError):
                self._file.close()
            self._path.unlink(missing_ok=True)

    def write(self, data: bytes, /) -> None:
        """Take a piece."""
        with _on_disk():
            self._file.write(data)


@contextmanager
def _on_disk() -> Iterator[None]:
    """Errors of the disk that is written to, told apart from those of what is read."""
    try:
        yield
    except OSError as error:
        raise MunimentError(
            "the package cannot be written ({cause}); nothing was kept",
            "free some space, or look at the disk",
            cause=error.strerror,
        ) from None


def manifest(listed: Mapping[str, str]) -> bytes:
    """A manifest: digests and paths, one a line, sorted by path."""
    return "".join(f"{listed[name]}  {name}\n" for name in sorted(listed)).encode("ascii")


def bag_info(handover: str, day: str, oxum: str) -> bytes:
    """The text of bag-info.txt."""
    return (
        f"External-Identifier: {handover}\nBagging-Date: {day}\nPayload-Oxum: {oxum}\n"
        f"Bag-Software-Agent: muniment/{VERSION}\n"
    ).encode("ascii")


def _filled(file: BinaryIO, size: int) -> bytes:
    """So many bytes, fewer only at the end."""
    data = b""
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


class _Joined:
    """Pieces one after the other, then the rest of a file, as something to be read."""

    def __init__(self, pieces: Iterable[bytes], rest: BinaryIO | None = None) -> None:
        self._pieces = iter(pieces)
        self._rest = rest
        self._left = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        parts: list[bytes] = []
        wanted = size
        while wanted:
            if not self._left:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._left = memoryview(piece)
            taken = self._left[:wanted]
            parts.append(bytes(taken))
            self._left = self._left[len(taken) :]
            wanted -= len(taken)
        if wanted and self._rest is not None:
            parts.append(self._rest.read(wanted))
        return b"".join(parts)

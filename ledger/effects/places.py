r"""Where a copy lies, what its bytes must be, and what is in it: read from its sealed fields.

A copy is a file here if somebody read it as one: then its creation seals `location` (the path as
`ledger.sources.shown` writes it), `location_bytes` (hex, where the path is not UTF-8) and
`content` (SHA-256). A copy that Muniment encrypted (`holding.created` has an `object`) lies as that
ciphertext in the ledger's vault (`location` is `vault`), in a file, or off-site
(`s3://bucket/key`), under the data key of its creation. After a move it lies where the last move's
sealed `to` says, if that is an absolute path; else it is somewhere that no program reaches.

`content` gives the plain bytes of any of them, and nothing that was not authenticated. Paths never
leave this module in an error: what is wrong has a stable code (`SourceFault.cause`), besides those
of `ledger.sources`:

    erased                  its texts were erased, so nobody knows where it lies
    not_a_file_here         paper, a tape, or moved to a place that is no path
    changed_since_recorded  the file is there, and its content is not the one recorded
    endpoint_not_named      its store is not one that this machine names: `offsite`
    key_not_here            the data key of its texts or its content is not in this keystore

>>> sources.shown("/客户资料/甲\n.txt".encode())
'/客户资料/甲\\n.txt'
>>> unshown("/客户资料/甲\\n.txt").decode()
'/客户资料/甲\n.txt'
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from hashlib import sha256
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from msgspec import UNSET

from domain.holding import HoldingCreated, HoldingMoved
from domain.values import Event
from ledger import sources, stream
from ledger.application import Ledger
from ledger.effects.streams import Kept, Texts
from ledger.errors import KeyAccessError, UsageError
from ledger.sources import CHUNK, SourceFault, chunks, opened
from ledger.vault import LOCATION, Vault

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

OFFSITE: Final = "s3://"

_ESCAPE: Final = re.compile(r"\\(?:(\\)|([nrt])|(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))")
_NAMED: Final = {"n": "\n", "r": "\r", "t": "\t"}


class Place(NamedTuple):
    """Where the bytes of a copy lie, and what they must be.

    `path`: their file, empty for what lies `offsite` (an `s3://` location); `digest`: the SHA-256
    (hex) of the bytes that lie there; `object`, `key`: for what Muniment encrypted that same
    digest, and the id of the data key; `content`: the SHA-256 of the plain bytes; `name`: what the
    file was called that it was read from, as `ledger.sources.shown`.
    """

    holding: str
    path: bytes
    digest: str
    object: str = ""
    key: str = ""
    content: str = ""
    offsite: str = ""
    endpoint: str = ""
    name: str = ""


def place_of(ledger: Ledger, holding: str) -> Place:
    """Where a copy lies; whether anything is there now is found out by reading.

    Needs the keystore: `KeyAccessError` if it cannot be opened, or is damaged as a whole. Raises
    `SourceFault`: `erased`, `not_a_file_here`, `endpoint_not_named`, `key_not_here`.
    """
    _ = ledger.keystore.size  # whatever is wrong from here on is wrong with this copy's keys
    try:
        found = _sealed(ledger, holding)
    except KeyAccessError:
        raise SourceFault("key_not_here") from None
    return _placed(ledger, holding, found)


def place_among(ledger: Ledger, holding: str, kept: Iterable[Kept], texts: Texts) -> Place:
    """As `place_of`, for a copy whose events are at hand."""
    try:
        found = _gathered((one.event, partial(texts.of, one)) for one in kept)
    except KeyAccessError:
        raise SourceFault("key_not_here") from None
    return _placed(ledger, holding, found)


def _placed(ledger: Ledger, holding: str, found: _Sealed) -> Place:
    sealed = found.created
    if sealed is None:
        raise SourceFault("erased")
    location = sealed.get("location", "") if found.moved is None else found.moved.get("to", "")
    if "content" not in sealed:
        raise SourceFault("not_a_file_here")
    place = Place(
        holding, b"", found.object or sealed["content"], found.object, found.key,
        content=sealed["content"], name=sealed.get("name", ""),
    )  # fmt: skip
    if found.object and location.startswith(OFFSITE):
        from ledger.effects.offsite import sealed_endpoint

        return place._replace(offsite=location, endpoint=sealed_endpoint(sealed))
    path = _path(ledger, found, location)
    if path is None:
        raise SourceFault("not_a_file_here")
    return place._replace(path=path, name=place.name or sources.name_of(path))


def _path(ledger: Ledger, found: _Sealed, location: str) -> bytes | None:
    """The path of a copy's file, None for what is nowhere that a program reaches."""
    if found.moved is None:
        if found.object and location == LOCATION:
            return os.fsencode(Vault(ledger.folder.path).path_of(found.object))
        if "location_bytes" in (found.created or {}):
            return bytes.fromhex((found.created or {})["location_bytes"])
    return _typed(location)


def created_fields(ledger: Ledger, holding: str) -> Mapping[str, str]:
    """What was sealed when a copy was registered; nothing if it was erased."""
    return _sealed(ledger, holding).created or {}


class _Sealed(NamedTuple):
    """What a copy's creation sealed (None: erased) and said, its last move (None: none)."""

    created: Mapping[str, str] | None = None
    moved: Mapping[str, str] | None = None
    object: str = ""
    key: str = ""


def _sealed(ledger: Ledger, holding: str) -> _Sealed:
    return _gathered(
        (event, partial(ledger.unseal, position, event))
        for position, _accepted, event, _raw in ledger.events_of(holding)
    )


def _gathered(events: Iterable[tuple[Event, Callable[[], Mapping[str, str] | None]]]) -> _Sealed:
    """What a copy's events say of its place, each with what opens its texts."""
    found = _Sealed()
    for event, unseal in events:
        if isinstance(event, HoldingCreated):
            found = found._replace(created=unseal())
            if event.object is not UNSET and event.sealed:
                found = found._replace(object=event.object, key=event.sealed.key)
        elif isinstance(event, HoldingMoved):
            found = found._replace(moved=unseal() or {})
    return found


# -- what is in a copy ------------------------------------------------------------------------


@contextmanager
def content(ledger: Ledger, place: Place) -> Iterator[BinaryIO]:
    """The plain bytes of a copy, to be read once from beginning to end.

    Of an encrypted copy every piece is authenticated before it is given out; whoever needs to know
    that it is whole reads to the end. Of a plain file the caller compares the digest. Raises
    `SourceFault`, also while it is read: `changed_since_recorded` from the first piece on that is
    not what was encrypted.
    """
    if not place.object:
        with opened(place.path) as plain_file:
            yield plain_file
        return
    try:
        key = ledger.keystore.key(place.key)
    except KeyAccessError:
        raise SourceFault("key_not_here") from None
    with _ciphertext(place) as file, BufferedReader(_Decrypted(file, key), CHUNK) as plain:
        yield plain


def plain(ledger: Ledger, place: Place) -> Iterator[bytes]:
    """The plain bytes of a copy, piece by piece, from its device where that can be had.

    Raises `SourceFault` as `content` does, and for a file that grows while it is read.
    """
    with content(ledger, place) as file:
        if place.object:
            while piece := file.read(CHUNK):
                yield piece
        else:
            drop_cache(file.fileno())
            yield from chunks(file)


def table(ledger: Ledger, place: Place) -> Iterator[tuple[int, list[str]]]:
    """The data rows of a copy that is a table, numbered from 1, as `ledger.sources.rows`."""
    if not place.object:
        return sources.rows(sources.read(place.path))
    with content(ledger, place) as file:
        reading = sources.Reading(file, table=True)
        digest = sources.hashed(reading)
    found = sources.Found(unshown(place.name), digest, reading.size, reading.encoding)
    return sources.rows(found, partial(content, ledger, place))


def _ciphertext(place: Place) -> AbstractContextManager[BinaryIO]:
    if place.offsite:
        from ledger.effects.offsite import open_object

        return open_object(place.offsite, place.endpoint or None)
    return opened(place.path)


class _Decrypted(RawIOBase):
    """The content of an object as a raw stream, chunk by chunk."""

    def __init__(self, source: BinaryIO, key: bytes) -> None:
        self._chunks = stream.decrypt(source, key)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer from one chunk; 0 at the end, when all of it was authenticated."""
        if not self._left:
            try:
                self._left = memoryview(next(self._chunks, b""))
            except stream.DamagedObjectError:
                raise SourceFault("changed_since_recorded") from None
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def _typed(text: str) -> bytes | None:
    """A path from a text, if it is an absolute one."""
    return unshown(text) if text.startswith("/") else None


def unshown(text: str) -> bytes:
    """The path that `sources.shown` wrote as `text`; the text itself if it did not write it."""
    path = _ESCAPE.sub(_character, text).encode("utf-8", "surrogatepass")
    return path if sources.shown(path) == text else os.fsencode(text)


def _character(found: re.Match[str]) -> str:
    backslash, named, number = found.groups()
    return backslash or _NAMED.get(named or "") or chr(min(int(number[1:], 16), 0x10FFFF))


def place_fields(path: bytes, digest: str) -> dict[str, str]:
    """What is sealed about a file as a copy: the other end of `place_of`."""
    fields = {"location": sources.shown(path), "content": digest}
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        fields["location_bytes"] = path.hex()
    return fields


def read_matches(place: Place) -> bool:
    """Whether the bytes of a copy's file, read whole and from its device, are those recorded.

    Raises `SourceFault` if it cannot be read.
    """
    if place.offsite:
        from ledger.effects.offsite import object_digest

        return object_digest(place.offsite, place.endpoint or None) == place.digest
    with opened(place.path) as file:
        return digest_of(file) == place.digest


def digest_of(file: BufferedReader[FileIO]) -> str:
    """The SHA-256 (hex) of an open file, read to its end, from the device where that can be had."""
    drop_cache(file.fileno())
    digest = sha256()
    for chunk in chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


def drop_cache(descriptor: int) -> None:
    """Ask that the next reading comes from the device; where that is not possible, it does not."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def unlink(place: Place, about_to: Callable[[], None]) -> None:
    """Remove a copy's file: the very file whose content was just read and is the one recorded.

    `about_to` is called when nothing stands in the way, before anything is removed. The content is
    not overwritten. The caller makes the folder durable. Raises `SourceFault`,
    `changed_since_recorded` among its causes; then nothing was removed. A system that does not
    remove it raises `OSError`.
    """
    with opened(place.path) as file:
        if digest_of(file) != place.digest:
            raise SourceFault("changed_since_recorded")
        read = os.fstat(file.fileno())
        if not os.path.samestat(read, os.lstat(place.path)):
            raise SourceFault("changed_while_read")
    about_to()
    os.unlink(place.path)  # noqa: PTH108  bytes


def check_outside(ledger: Ledger, path: Path) -> None:
    """Refuse a place inside the ledger's own folder: content in clear does not belong there."""
    if path.resolve().is_relative_to(ledger.folder.path.resolve()):
        raise UsageError(
            "that lies inside the ledger's own folder; nothing was changed", "name another place"
        )

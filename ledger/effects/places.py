r"""Where a copy lies as a file, and what its bytes must be: read from its sealed fields.

A copy is a file here if somebody read it as one: then its creation seals `location` (the path as
`ledger.sources.shown` writes it), `location_bytes` (hex, where the path is not UTF-8) and
`content` (SHA-256). After a move it lies where the last move's sealed `to` says, if that is an
absolute path; else it is somewhere that no program reaches. Paths never leave this module in an
error: what is wrong has a stable code (`SourceFault.cause`), besides those of `ledger.sources`:

    erased                  its texts were erased, so nobody knows where it lies
    not_a_file_here         paper, a tape, or moved to a place that is no path
    changed_since_recorded  the file is there, and its content is not the one recorded
    key_not_here            the data key of its texts cannot be opened with this keystore

>>> sources.shown("/客户资料/甲\n.txt".encode())
'/客户资料/甲\\n.txt'
>>> unshown("/客户资料/甲\\n.txt").decode()
'/客户资料/甲\n.txt'
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Final, NamedTuple

from domain.holding import HoldingCreated, HoldingMoved
from ledger import sources
from ledger.application import Ledger
from ledger.errors import KeyAccessError, UsageError
from ledger.sources import SourceFault, chunks, opened

_ESCAPE: Final = re.compile(r"\\(?:(\\)|([nrt])|(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))")
_NAMED: Final = {"n": "\n", "r": "\r", "t": "\t"}


class Place(NamedTuple):
    """A copy as a file: its path, and the SHA-256 (hex) recorded for its content."""

    holding: str
    path: bytes
    digest: str


def place_of(ledger: Ledger, holding: str) -> Place:
    """Where a copy lies as a file; whether anything is there now is found out by reading.

    Needs the keystore: `KeyAccessError` if it cannot be opened, or is damaged as a whole. Raises
    `SourceFault`: `erased`, `not_a_file_here`, `key_not_here`.
    """
    _ = ledger.keystore.size  # whatever is wrong from here on is wrong with this copy's keys
    try:
        created, moved = _sealed(ledger, holding)
    except KeyAccessError:
        raise SourceFault("key_not_here") from None
    if created is None:
        raise SourceFault("erased")
    if moved is not None:
        path = _typed(moved.get("to", ""))
    elif "location_bytes" in created:
        path = bytes.fromhex(created["location_bytes"])
    else:
        path = _typed(created.get("location", ""))
    if path is None or "content" not in created:
        raise SourceFault("not_a_file_here")
    return Place(holding, path, created["content"])


def created_fields(ledger: Ledger, holding: str) -> Mapping[str, str]:
    """What was sealed when a copy was registered; nothing if it was erased."""
    return _sealed(ledger, holding)[0] or {}


def _sealed(
    ledger: Ledger, holding: str
) -> tuple[Mapping[str, str] | None, Mapping[str, str] | None]:
    """What a copy's creation sealed (None: erased), and its last move (None: it never moved)."""
    created, moved = None, None
    for position, _accepted, event, _raw in ledger.events_of(holding):
        if isinstance(event, HoldingCreated):
            created = ledger.unseal(position, event)
        elif isinstance(event, HoldingMoved):
            moved = ledger.unseal(position, event) or {}
    return created, moved


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
    """Whether the file's content, read whole and from its device, is the one recorded.

    Raises `SourceFault` if it cannot be read.
    """
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

"""A party's monitor, written from C2SP tlog-tiles and RFC 6962 alone: nothing of ours is used.

It reads a log by a function from path to bytes, computes the root from the entries, checks it
against the checkpoint, and every tile on the way; and it checks that the state it knew before is a
prefix of what it sees now.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

Fetch = Callable[[str], bytes | None]


class Seen(NamedTuple):
    """What a monitor keeps."""

    origin: str
    size: int
    root: bytes


class CaughtError(Exception):
    """The log shows something that cannot be."""


def mth(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def number(value: int) -> str:
    text = f"{value % 1000:03d}"
    while value >= 1000:
        value //= 1000
        text = f"x{value % 1000:03d}/{text}"
    return text


def checkpoint(fetch: Fetch) -> Seen:
    raw = fetch("checkpoint")
    if raw is None:
        raise CaughtError("no checkpoint")
    text, empty, signatures = raw.decode().partition("\n\n")
    origin, size, root = text.split("\n")
    if not empty or not signatures.startswith("— "):
        raise CaughtError("not signed")
    return Seen(origin, int(size), base64.b64decode(root))


def tiles_of(size: int, level: int) -> list[tuple[str, int]]:
    """Path below `tile/<level>/` and width of every tile of a level."""
    full, rest = divmod(size >> 8 * level, 256)
    found = [(number(at), 256) for at in range(full)]
    return found + ([(f"{number(full)}.p/{rest}", rest)] if rest else [])


def fetched(fetch: Fetch, path: str) -> bytes:
    data = fetch(path)
    if data is None:
        raise CaughtError(f"{path} is not there")
    return data


def entries(fetch: Fetch, seen: Seen) -> list[bytes]:
    """Every entry."""
    found = []
    for path, width in tiles_of(seen.size, 0):
        raw, count = fetched(fetch, f"tile/entries/{path}"), 0
        while raw:
            length = int.from_bytes(raw[:2], "big")
            found.append(raw[2 : 2 + length])
            raw, count = raw[2 + length :], count + 1
        if count != width:
            raise CaughtError(f"tile/entries/{path} has {count} entries")
    return found


def follow(fetch: Fetch, before: Seen | None = None) -> Seen:
    """What the log shows now, checked whole, and against what was seen before."""
    seen = checkpoint(fetch)
    hashes = [sha256(b"\x00" + entry).digest() for entry in entries(fetch, seen)]
    if mth(hashes) != seen.root:
        raise CaughtError("the entries do not have the root that was signed")
    level, of_level = 0, hashes
    while of_level:
        tiles = b"".join(fetched(fetch, f"tile/{level}/{p}") for p, _ in tiles_of(seen.size, level))
        if tiles != b"".join(of_level):
            raise CaughtError(f"the tiles of level {level} are not those of the entries")
        full = len(of_level) // 256
        of_level = [mth(of_level[256 * at : 256 * (at + 1)]) for at in range(full)]
        level += 1
    if before is not None:
        if before.origin != seen.origin or before.size > seen.size:
            raise CaughtError("the log went back")
        if mth(hashes[: before.size]) != before.root:
            raise CaughtError("the log shows another history")
    return seen

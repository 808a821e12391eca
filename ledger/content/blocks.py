"""What readers hand over, and how much they may: also the frames of `ledger.content.sandbox`.

frame   length[4] ‖ MessagePack of one block ; big-endian, at most 64 MiB
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from msgspec import Struct

from ledger.sources import SourceFault

MAX_FRAME: Final = 64 << 20
TEXT_CHARACTERS: Final = 1 << 20
ROWS: Final = 2_000
MAX_COLUMNS: Final = 16_384
_CELLS: Final = 400_000
_AT_ONCE: Final = 50


class Limits(NamedTuple):
    """How much of a document is taken before it is refused.

    `size`: bytes of a document that is parsed in a process of its own; `text`: characters read
    out of it; `memory` in bytes and `seconds` of that process; `members`, `unpacked`, `ratio`: of
    an archive, how many files, how many bytes, and how many times as many as packed.
    """

    size: int = 256 << 20
    text: int = 1 << 28
    memory: int = 1_500 << 20
    seconds: int = 20
    members: int = 10_000
    unpacked: int = 1 << 30
    ratio: int = 200


class _Silent(Struct, frozen=True, array_like=True, tag=True):
    def __repr__(self) -> str:
        """Without content."""
        return f"<{type(self).__name__}>"


class Text(_Silent, frozen=True, tag="t"):
    """A stretch of text, cut at a line end where there is one."""

    text: str


class Rows(_Silent, frozen=True, tag="r"):
    """Rows of a table; `sheet`: 1-based number as text, `first`: 1-based number of the first."""

    sheet: str
    first: int
    rows: list[list[str]]


class Note(_Silent, frozen=True, tag="n"):
    """What a reader noticed besides, by code: `reading` lists them."""

    code: str


class End(_Silent, frozen=True, tag="e"):
    """The end of a document; `cause`: of a `SourceFault`, empty if it was read to its end."""

    cause: str


Block = Text | Rows | Note


def in_stretches(text: str) -> Iterator[Text]:
    """A text in stretches of a million characters, cut at line ends where there are any."""
    start = 0
    while len(text) - start > TEXT_CHARACTERS:
        end = text.rfind("\n", start, start + TEXT_CHARACTERS) + 1 or start + TEXT_CHARACTERS
        yield Text(text[start:end])
        start = end
    if text[start:].strip():
        yield Text(text[start:])


def in_batches(sheet: str, rows: Iterable[list[str]]) -> Iterator[Rows]:
    """The rows of one table, some at a time. Raises `SourceFault`: `malformed_table`."""
    rows = iter(rows)
    first, width, batch = 1, 0, list[list[str]]()
    while some := list(islice(rows, _AT_ONCE)):
        width = max(width, *map(len, some))
        if width > MAX_COLUMNS:
            raise SourceFault("malformed_table")
        batch += some
        if len(batch) >= ROWS or len(batch) * width >= _CELLS:
            yield Rows(sheet, first, batch)
            first, width, batch = first + len(batch), 0, []
    if batch:
        yield Rows(sheet, first, batch)

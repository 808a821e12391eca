r"""Text in columns: how wide it is on a terminal, wrapped and padded so that Chinese aligns.

>>> width("王管理 a"), pad("收集", 6) + "|"
(8, '收集  |')
>>> wrap("每次变更都会写出事件编号。", 10)
['每次变更都', '会写出事件', '编号。']
>>> print(printable("a\n\x1b[31m王\u202e"))
a\n\x1b[31m王\u202e
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_PIECE = re.compile(r"[ -~\u00a0-\u02ff]+|.", re.DOTALL)
_NOT_FIRST = frozenset("，。、；：？！）」』】》’”…")


def width(text: str) -> int:
    """How many columns a terminal uses for a text: wide characters take two, marks none."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """The text with spaces up to `columns`, behind it or (`right`) before it."""
    spaces = " " * max(columns - width(text), 0)
    return spaces + text if right else text + spaces


def printable(text: str) -> str:
    """Text as it may be sent to a terminal.

    Control characters, direction marks and what is not Unicode text are written as escapes, so
    that a title can neither move the cursor nor reverse a line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most `columns`; Latin words stay whole, Chinese breaks anywhere it may."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        full = width(line.rstrip()) + width(piece.rstrip()) > columns
        if full and line.strip() and piece not in _NOT_FIRST:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    if line.strip():
        lines.append(line.rstrip())
    return lines or [""]


def _pieces(text: str) -> Iterable[str]:
    """What a line is made of: Latin words with the space behind them, single wide characters."""
    for match in _PIECE.finditer(" ".join(text.split())):
        yield from re.findall(r"\S+ ?| ", match[0])


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()
) -> Iterable[str]:
    """The lines of a table; columns are as wide as the header and the first thousand rows need.

    `right`: the indices of columns that are aligned to the right.
    """
    waiting = iter(rows)
    first = [row for row, _ in zip(waiting, range(1000), strict=False)]
    widths = [max(map(width, cells)) for cells in zip(header, *first, strict=True)]
    rule = ["-" * columns for columns in widths]
    for cells in (header, rule, *first):
        yield _line(cells, widths, right)
    for cells in waiting:
        yield _line(cells, widths, right)


def _line(cells: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    padded = (
        pad(cell, columns, right=index in right)
        for index, (cell, columns) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()

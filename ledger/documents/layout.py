"""What the template lays out: fields, tables, and tables too long to be laid out cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ledger.documents.cells import Cell, Line, value_of
from ledger.documents.words import FIELDS, Words


def named(
    twin: Mapping[str, Any], said: Mapping[str, Any], names: Iterable[str], shown: set[str]
) -> list[tuple[str, list[Line]]]:
    """Those of some members that are there, as rows of fields; they are `shown` now."""
    shown.update(names := list(names))
    found = ((name, value_of(twin, name, said.get(name))) for name in names)
    return [(name, lines) for name, lines in found if lines]


def fields(title: Words, rows: Sequence[tuple[str, Cell]]) -> dict[str, Any]:
    """A section of names with what stands beside them."""
    told = [[FIELDS.get(name, (name, name)), lines] for name, lines in rows]
    return {"type": "fields", "title": title, "rows": told}


def column(zh: str, en: str, width: str = "1fr", *, right: bool = False) -> dict[str, Any]:
    """A column of a table; `width` in mm or fr."""
    return {"title": (zh, en), "width": width, "right": right}


def table(
    title: Words, columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Cell]]
) -> dict[str, Any]:
    """A section with a table; of many rows, as a `register`."""
    if len(rows) > _MANY:
        return register(title, columns, rows)
    return {"type": "table", "title": title, "columns": columns, "rows": rows, "narrow": False}


_MANY: Final = 300


class Sheet(NamedTuple):
    """How a page of a register is set: upright or flipped, rows a page, lines a row, font size."""

    flipped: bool = False
    rows: int = 32
    lines: int = 2
    points: float = 6.2


UPRIGHT: Final = Sheet()


def register(
    title: Words,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Sequence[Cell]],
    sheet: Sheet = UPRIGHT,
) -> dict[str, Any]:
    """A table of many rows: a page is one text a column, each row as many lines of it.

    Laid out cell by cell, ten thousand rows would take minutes and gigabytes.
    """
    pages = []
    for start in range(0, len(rows), sheet.rows):
        part = rows[start : start + sheet.rows]
        texts = ("\n".join(_lines(row[at], column, sheet) for row in part)
                 for at, column in enumerate(columns))  # fmt: skip
        pages.append([text if text.strip() else "" for text in texts])
    sans = [any(line[0] == "zh" for line in rows[0][at]) for at in range(len(columns))]
    wide = [{**column, "mono": not is_sans} for column, is_sans in zip(columns, sans, strict=True)]
    return {
        "type": "pages", "title": title, "columns": wide, "rows": pages, "flipped": sheet.flipped,
        "lines": sheet.lines, "points": sheet.points,
    }  # fmt: skip


def _lines(cell: Cell, column: Mapping[str, Any], sheet: Sheet) -> str:
    """A cell as exactly so many lines, each short enough not to wrap."""
    width = column["width"]
    room = (
        _POINTS_A_MM * float(width[:-2]) / sheet.points if width.endswith("mm") else _MAX_CHARACTERS
    )
    texts = [text for line in cell for text in line[1:]][: sheet.lines]
    texts += [""] * (sheet.lines - len(texts))
    return "\n".join(cut(text, room) for text in texts)


_POINTS_A_MM, _MAX_CHARACTERS = 2.7, 60.0
_WIDE, _NARROW = 1.0, 0.53


def cut(text: str, room: float) -> str:
    """A text of at most `room` ems, about; what is longer ends in an ellipsis.

    >>> cut("保洁合同", 4), cut("保洁合同", 3), cut("Contracts and agreements", 12.6)
    ('保洁合同', '保洁…', 'Contracts and agreeme…')
    """
    widths = [_NARROW if character.isascii() else _WIDE for character in text]
    if sum(widths) <= room:
        return text
    taken = 0.0
    for at, width in enumerate(widths):
        taken += width
        if taken > room - _WIDE:
            return text[:at] + "…"
    return text


def ids_table(title: Words, ids: Sequence[str]) -> dict[str, Any]:
    """Ids, in two columns where there are several."""
    cells: list[Cell] = [[("mono", one)] for one in ids]
    columns = [column("编号", "Id", "1fr")] * min(len(cells), 2)
    if len(cells) > 1 and len(cells) % 2:
        cells.append([])
    step = max(len(columns), 1)
    return table(title, columns, [cells[at : at + step] for at in range(0, len(cells), step)])

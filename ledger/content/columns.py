"""What the columns of a table hold: by their headings and a sample of 5,000 rows.

A column is *classified* as one kind, by its cells (at least three in five are values of the kind)
or by its heading (`headings.toml`), and then counted, or it is free text, which is read whole.
What a heading promises and the cells do not keep (numbers masked with asterisks, two kinds in
one column) is counted as what the heading says and read besides.

>>> [c.kind for c in columns_of(["客户手机号", "备注", "x"], [["13812345678", "", "a@b.cn"]])]
['mobile', '', 'email']
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Final, NamedTuple

from ledger.content import detectors

SAMPLE_ROWS: Final = 5_000
_ASKED_CELLS: Final = 200
_ENOUGH: Final = 0.6
_FREE_TEXT: Final = "remark"
_SIGNS: Final = re.compile(r"[\W_]+")
_CHINESE: Final = re.compile("[\u4e00-\u9fff]")


class Column(NamedTuple):
    """`kind`: what it is classified as, empty for free text; `read`: whether its cells are read."""

    kind: str
    read: bool


def has_heading(row: Sequence[str]) -> bool:
    """Whether a table's first row names its columns: it holds no value of any kind."""
    return any(row) and not any(True for cell in row for _hit in detectors.find(cell))


def columns_of(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """What each column is; `heading` is empty for a table without one."""
    cells = [list(filter(str.strip, column)) for column in zip_longest(*rows, fillvalue="")]
    return [
        _column(heading[index] if index < len(heading) else "", column)
        for index, column in enumerate([*cells, *([[]] * (len(heading) - len(cells)))])
    ]


def _column(heading: str, cells: list[str]) -> Column:
    named = kind_of_heading(heading)
    found = _kind_of_cells(cells)
    if found:
        return Column(found, read=False)
    if not named or named == _FREE_TEXT:
        return Column("", read=True)
    return Column(named, read=named in detectors.KINDS and bool(cells))


def _kind_of_cells(cells: list[str]) -> str:
    """The kind that most of some cells, taken evenly from all, are values of; or nothing."""
    asked = cells[:: max(len(cells) // _ASKED_CELLS, 1)]
    counts = dict.fromkeys(detectors.KINDS, 0)
    for cell in asked:
        for kind in {hit.kind for hit in detectors.find(cell) if _is_whole(hit, cell)}:
            counts[kind] += 1
    kind = max(counts, key=counts.__getitem__)
    return kind if counts[kind] and counts[kind] >= len(asked) * _ENOUGH else ""


def _is_whole(hit: detectors.Hit, cell: str) -> bool:
    return hit.end - hit.start == len(cell.strip())


def kind_of_heading(heading: str) -> str:
    """The kind that a heading names, or nothing.

    >>> kind_of_heading("法人身份证号码"), kind_of_heading("E-mail"), kind_of_heading("房号")
    ('id_number', 'email', '')
    """
    plain = _SIGNS.sub("", unicodedata.normalize("NFKC", heading).lower())
    names, parts = _names()
    if plain in names:
        return names[plain]
    inside = (kind for part, kind in parts if part in plain)
    return next(inside, "") if _CHINESE.search(plain) else ""


@lru_cache(maxsize=1)
def _names() -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Kinds by name; and names that count inside a longer heading, the longest first."""
    data = tomllib.loads((Path(__file__).parent / "headings.toml").read_text("utf-8"))
    names = {name: kind for kind, some in data.items() for name in some}
    inside = [(n, kind) for n, kind in names.items() if _CHINESE.search(n) and len(n) > 1]
    return names, sorted(inside, key=lambda item: -len(item[0]))

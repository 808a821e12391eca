"""How much of what is in a document: counted while it is read, nothing of it kept.

In a table the cells of classified columns that are not empty are counted, and the hits in the
columns that are read; in text the hits. Dates of birth, and those in identity numbers, say
whether somebody is under fourteen (PIPL 31): kind `minor`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from ledger.content import detectors
from ledger.content.blocks import Block, Rows, Text
from ledger.content.columns import SAMPLE_ROWS, Column, columns_of, has_heading

_SAMPLE_CELLS: Final = 1_000_000
_BIRTH: Final = slice(6, 14)
_DAY: Final = re.compile(r"\D*([12][0-9]{3})\D{0,2}([01]?[0-9])\D{0,2}([0-3]?[0-9])(?![0-9])")
_TITLE_CHARACTERS: Final = 2_000
_SUBJECTS: Final = (
    ("contract", re.compile("合同|协议|contract|agreement", re.IGNORECASE)),
    ("consent", re.compile("同意书|授权书|告知书|隐私政策|consent|privacy notice", re.IGNORECASE)),
    ("voucher", re.compile("记账凭证|会计凭证|发票|invoice|voucher", re.IGNORECASE)),
    ("feedback", re.compile("满意度|客户反馈|回访|feedback|survey", re.IGNORECASE)),
)


class Found(NamedTuple):
    """One reason: `count` of `kind` in column `column` (1-based; 0: in text) of `sheet`."""

    kind: str
    count: int  # type: ignore[assignment]  # where tuples have a method
    sheet: str = ""
    column: int = 0


class Counts(NamedTuple):
    """What a document holds: `rows` of its tables without headings, `found`, and note codes."""

    rows: int
    found: tuple[Found, ...]
    notes: tuple[str, ...]


def count(blocks: Iterable[Block], today: str) -> Counts:
    """Read a document to its end. `today`: YYYY-MM-DD. Raises `SourceFault`."""
    text = _Text()
    sheets: dict[str, _Sheet] = {}
    notes: list[str] = []
    for block in blocks:
        if isinstance(block, Rows):
            if block.sheet not in sheets:
                for done in sheets.values():
                    done.finish()
                sheets[block.sheet] = _Sheet(_fourteen_before(today))
            sheets[block.sheet].take(block.rows)
        elif isinstance(block, Text):
            text.take(block.text)
        elif block.code not in notes:
            notes.append(block.code)
    found = [*text.found(), *([Found("letter", 1)] if "letter" in notes else [])]
    for number, sheet in sheets.items():
        found += sheet.found(number)
    return Counts(sum(s.rows for s in sheets.values()), tuple(found), tuple(notes))


def _fourteen_before(today: str) -> str:
    """The last day of birth, YYYYMMDD, of somebody who is fourteen."""
    return f"{int(today[:4]) - 14:04}{today[5:7]}{today[8:10]}"


class _Text:
    """The hits in text that is no table."""

    def __init__(self) -> None:
        self._hits: Counter[str] = Counter()
        self._begins = ""

    def take(self, text: str) -> None:
        if len(self._begins) < _TITLE_CHARACTERS:
            self._begins += text[: _TITLE_CHARACTERS - len(self._begins)]
        self._hits.update(hit.kind for hit in detectors.find(text))

    def found(self) -> Iterator[Found]:
        for kind, hits in sorted(self._hits.items()):
            yield Found(kind, hits)
        for kind, pattern in _SUBJECTS:
            if pattern.search(self._begins):
                yield Found(kind, 1)


class _Sheet:
    """One table: its sample until it is big enough, then its columns and their counts."""

    def __init__(self, grown_up: str) -> None:
        self.rows = 0
        self._grown_up = grown_up
        self._sample: list[list[str]] | None = []
        self._columns: list[Column] = []
        self._counts: Counter[tuple[int, str]] = Counter()

    def take(self, rows: list[list[str]]) -> None:
        if self._sample is None:
            self._count(rows)
            return
        self._sample += rows
        cells = len(self._sample) * max(map(len, rows), default=0)
        if len(self._sample) >= SAMPLE_ROWS or cells >= _SAMPLE_CELLS:
            self.finish()

    def finish(self) -> None:
        """Decide on the columns from what there is, and count it."""
        if self._sample is None:
            return
        rows, self._sample = self._sample, None
        headed = bool(rows) and has_heading(rows[0])
        body = rows[1:] if headed else rows
        self._columns = columns_of(rows[0] if headed else [], body[:SAMPLE_ROWS])
        self._count(body)

    def _count(self, rows: list[list[str]]) -> None:
        self.rows += len(rows)
        for index, cells in enumerate(zip_longest(*rows, fillvalue="")):
            column = self._columns[index] if index < len(self._columns) else Column("", read=True)
            if column.kind:
                self._counts[index, column.kind] += _filled(cells)
                if column.kind in {"id_number", "birth_date"}:
                    self._count_minors(index, column.kind, cells)
            if column.read:
                for hit in detectors.find("\n".join(cells)):
                    self._counts[index, hit.kind] += hit.kind != column.kind

    def _count_minors(self, index: int, kind: str, cells: Iterable[str]) -> None:
        if kind == "id_number":
            born = [cell[_BIRTH] for cell in cells if cell[_BIRTH] > self._grown_up]
        else:  # nobody under fourteen was born before 2000, and most days of birth lie there
            born = [_day(cell) for cell in cells if "20" in cell]
        self._counts[index, "minor"] += sum(d > self._grown_up and d.isdigit() for d in born)

    def found(self, number: str) -> Iterator[Found]:
        self.finish()
        for (index, kind), hits in sorted(self._counts.items()):
            if hits:
                yield Found(kind, hits, number, index + 1)


def _filled(cells: Sequence[str]) -> int:
    """How many are neither empty nor blank."""
    return len(cells) - cells.count("") - sum(map(str.isspace, cells))


def _day(cell: str) -> str:
    """A date as eight digits, empty if it is none."""
    found = _DAY.match(cell)
    return "".join((found[1], found[2].zfill(2), found[3].zfill(2))) if found else ""

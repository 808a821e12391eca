r"""Charts, written as SVG text: for people who look where others read, with a table beside each.

A chart is some pictures, each no larger than a page takes, and the same numbers as rows of a table.
Whatever is counted stands as a number in both. A picture is one `<svg>` element: no script, no
link, no style sheet, no reference to anything, texts escaped, and characters that would not be seen
shown as their numbers. It has a title and a description for those who hear it, it is told apart by
lightness and shape, not by hue, and the same numbers give the same bytes.

What there is too much of is not drawn smaller but left out, the least first, and `note` says how
much: of a matrix `MOST_ROWS` rows and `MOST_COLUMNS` columns are shown, of bars `MOST_BARS`, of due
dates `MOST_DUE`.

>>> chart = bars("copies", ("各处副本", "Copies by place"), [(("总部", "head office"), 12)])
>>> chart.panels[0][:61]
'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 68"'
>>> chart.rows
([[('both', '总部', 'head office')], [('mono', '12')]],)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from math import cos, radians, sin
from typing import Any, Final, Literal, NamedTuple

from ledger.audit.report.drawing import (
    BLACK,
    GREY,
    INK,
    LINE,
    PAPER,
    SHADES,
    WIDTH,
    circle,
    diamond,
    fit,
    label,
    picture,
    rect,
    rule,
    short,
    size,
    together,
    wedge,
)  # fmt: skip
from ledger.bundle.page import plain
from ledger.documents.cells import Cell
from ledger.documents.layout import column, table
from ledger.documents.words import Words

Column = Mapping[str, Any]

MOST_ROWS, MOST_COLUMNS = 120, 60
MOST_BARS: Final = 24
MOST_DUE: Final = 60
MOST_BINS: Final = 60

_ROWS_A_PANEL, _COLUMNS_A_PANEL = 40, 20
_DUE_A_PANEL: Final = 30
_TICKS: Final = 5
_WIDEST: Final = 110.0
_TALLEST: Final = 320.0
_TURN: Final = 58


class Chart(NamedTuple):
    """Pictures and the table that says the same; `note` is what was left out, empty if nothing."""

    title: Words
    panels: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Sequence[Cell], ...]
    note: Words = ("", "")

    def section(self) -> dict[str, Any]:
        """The chart as a section of a page (`ledger.bundle.page`)."""
        shown = table(self.title, self.columns, self.rows)
        return {**shown, "type": "chart", "panels": list(self.panels), "note": self.note,
                "narrow": True}  # fmt: skip


Standing = Literal["overdue", "due", "done"]


class Due(NamedTuple):
    """Something that falls due on a `day` (YYYY-MM-DD): overdue, still to come, or done."""

    label: Words
    day: str
    state: Standing


def standing(day: str, today: str, *, done: bool = False) -> Standing:
    """How something stands that is due on a day, which is not over before its end.

    >>> standing("2026-11-21", "2026-11-22"), standing("2026-11-22", "2026-11-22")
    ('overdue', 'due')
    """
    return "done" if done else "overdue" if day < today else "due"


class Bin(NamedTuple):
    """A span of time by its short name, and how much of each series fell into it."""

    label: str
    counts: tuple[int, ...]


def _mono(value: int | str) -> Cell:
    return [("mono", f"{value:,}" if isinstance(value, int) else value)]


def _label(words: Words) -> Cell:
    zh, en = plain(words[0]), plain(words[1])
    return [("zh", zh)] if zh == en or not en else [("both", zh, en)]


def _left_out(count: int, of: Words, more: int | None = None) -> Words:
    """How much is not shown, and what it comes to."""
    if not count:
        return "", ""
    zh, en = f"未显示{of[0]} {count:,} 项", f"{count:,} {of[1]} are not shown"
    if more is not None:
        zh, en = f"{zh}，合计 {more:,}", f"{en}, {more:,} in all"
    return f"{zh}。", f"{en}."


# -- bars ---------------------------------------------------------------------------------------


def bars(name: str, title: Words, items: Iterable[tuple[Words, int]], unit: Words = ("", "")
         ) -> Chart:  # fmt: skip
    """One bar for each label, in the order given; from the `MOST_BARS` on, the least are left out.

    `name`: of the picture in its page, [a-z-]; `unit`: what is counted.
    """
    given = list(items)
    kept = _largest(given, MOST_BARS)
    most = max((value for _, value in kept), default=0) or 1
    side, top, step = 300.0, 22.0, 30.0
    body = [rule(side, 12, side, top + step * max(len(kept), 1) + 2, GREY)]
    for at, (words, value) in enumerate(kept):
        y, long = top + at * step, round(590 * value / most, 1)
        body += [
            label(side - 10, y + 15, fit(words, side - 20, 14), anchor="end"),
            label(side + long + 8, y + 15, f"{value:,}"),
        ]
        if value:
            said = f"{together(words)}: {value:,}"
            body.append(rect(side, y, max(long, 1), 20, SHADES[3], said))
    if not kept:
        body.append(label(side + 12, top + 15, "无 none", fill=GREY))
    height = top + step * max(len(kept), 1) + 16
    told = (f"横条图，{len(kept)} 项，数字见图与下表。", f"Bars, {len(kept)}; numbers as below.")
    rows = tuple([_label(words), _mono(value)] for words, value in kept)
    rest = sum(value for _, value in given) - sum(value for _, value in kept)
    head = column(unit[0] or "数量", unit[1] or "Count", "40mm", right=True)
    return Chart(
        title, (picture(name, 1, height, (title, told), body),),
        (column("项目", "What"), head), rows,
        _left_out(len(given) - len(kept), ("较小", "smaller ones"), rest),
    )  # fmt: skip


def _largest(given: list[tuple[Words, int]], most: int) -> list[tuple[Words, int]]:
    order = sorted(range(len(given)), key=lambda at: (-given[at][1], at))
    return [given[at] for at in sorted(order[:most])]


# -- over time ----------------------------------------------------------------------------------


def over_time(name: str, title: Words, series: Sequence[Words], bins: Sequence[Bin]) -> Chart:
    """Columns over time, the series of each stacked, the first at the foot, darkest.

    At most three series. Of more than `MOST_BINS` bins the oldest are left out.
    """
    kept = list(bins[-MOST_BINS:])
    fills = (INK, SHADES[1], PAPER)[: len(series)]
    most = max((sum(one.counts) for one in kept), default=0) or 1
    left, foot, tall = 70.0, 330.0, 260.0
    wide = (WIDTH - left - 20) / max(len(kept), 1)
    thick = min(wide * 0.78, 60)
    fits = len(str(most)) * 7 <= thick + 6  # the sums stand over all columns or over none
    body = list(_scale(most, left, foot, tall))
    body += list(_legend(series, fills, left))
    every = -(-len(kept) * 62 // int(WIDTH - left - 20)) or 1
    for at, one in enumerate(kept):
        x = left + at * wide
        body += list(_column(one, series, fills, (x, foot, thick, tall / most)))
        if fits and (total := sum(one.counts)):
            y = round(foot - total * tall / most - 5, 1)
            body.append(label(round(x + thick / 2, 1), y, f"{total}", 12, "middle"))
        if at % every == 0:
            body.append(label(round(x + thick / 2, 1), foot + 20, one.label, 12, "middle"))
    body.append(rule(left, foot, WIDTH - 20, foot, GREY))
    said = (
        f"柱形图，{len(kept)} 段，最多 {most:,}，数字见下表。",
        f"Columns, {len(kept)}, at most {most:,}; numbers as below.",
    )
    heads = (column("时段", "Time", "34mm"), *(column(*one, right=True) for one in series))
    rows = tuple([_mono(one.label), *map(_mono, one.counts)] for one in kept)
    older = bins[: len(bins) - len(kept)]
    return Chart(
        title, (picture(name, 1, 364, (title, said), body),), heads, rows,
        _left_out(len(older), ("较早时段", "earlier spans"), sum(sum(o.counts) for o in older)),
    )  # fmt: skip


def _scale(most: int, left: float, foot: float, tall: float) -> Iterator[str]:
    """Hairlines with round numbers beside them."""
    step = 10 ** max(len(str(most)) - 1, 0)
    step = next((s for s in (step // 5, step // 2, step) if s and most // s <= _TICKS), step * 2)
    for value in range(0, most + 1, step):
        y = round(foot - tall * value / most, 1)
        yield rule(left, y, WIDTH - 20, y)
        yield label(left - 8, y + 4, short(value, 56, 12), 12, "end", fill=GREY)


def _legend(series: Sequence[Words], fills: Sequence[str], left: float) -> Iterator[str]:
    for at, (words, fill) in enumerate(zip(series, fills, strict=True)):
        x = left + at * 300
        yield rect(x, 14, 16, 16, fill, edge=GREY)
        yield label(x + 24, 27, fit(words, 260, 14))


def _column(
    one: Bin,
    series: Sequence[Words],
    fills: Sequence[str],
    place: tuple[float, float, float, float],
) -> Iterator[str]:
    x, foot, wide, scale = place
    y = foot
    for words, fill, value in zip(series, fills, one.counts, strict=True):
        high = round(value * scale, 1)
        y = round(y - high, 1)
        if value:
            said = f"{one.label} {together(words)}: {value:,}"
            yield rect(round(x, 1), y, round(wide, 1), max(high, 0.5), fill, said, edge=GREY)


# -- a matrix -----------------------------------------------------------------------------------


class _Grid(NamedTuple):
    name: str
    title: Words
    heads: tuple[Words, Words]
    most: int
    counted: Mapping[tuple[Words, Words], int]


def matrix(
    name: str,
    title: Words,
    counted: Mapping[tuple[Words, Words], int],
    heads: tuple[Words, Words] = (("行", "Row"), ("列", "Column")),
) -> Chart:
    """How many there are of each row and column, darker where there are more.

    `counted`: labels of row and column with their number; those without a number stay empty. The
    rows with the most come first. What has no room on one picture goes onto the next, with the
    labels again.
    """
    found, every_row = _by_weight(counted, 0), _by_weight(counted, 1)
    rows, columns = found[:MOST_ROWS], every_row[:MOST_COLUMNS]
    inside = {(row, one) for row in rows for one in columns} & counted.keys()
    shown = {key: counted[key] for key in inside}
    grid = _Grid(name, title, heads, max(shown.values(), default=0) or 1, shown)
    parts = [
        (rows[at : at + _ROWS_A_PANEL], columns[across : across + _COLUMNS_A_PANEL])
        for at in range(0, max(len(rows), 1), _ROWS_A_PANEL)
        for across in range(0, max(len(columns), 1), _COLUMNS_A_PANEL)
    ]
    panels = tuple(_panel(grid, number, *part) for number, part in enumerate(parts, 1))
    table_rows = tuple(_told(shown, row, columns) for row in rows)
    total = sum(counted.values())
    missing = len(found) - len(rows) + len(every_row) - len(columns)
    return Chart(
        title, panels,
        (column(*heads[0], "52mm"), column(*heads[1]), column("合计", "Sum", "18mm", right=True)),
        table_rows, _left_out(missing, ("较小的行或列", "rows or columns with less"),
                              total - sum(shown.values())),
    )  # fmt: skip


def _by_weight(counted: Mapping[tuple[Words, Words], int], side: int) -> list[Words]:
    """The labels of one side, those with the most first, equal ones by name."""
    sums: dict[Words, int] = {}
    for key, value in counted.items():
        sums[key[side]] = sums.get(key[side], 0) + value
    return sorted(sums, key=lambda words: (-sums[words], words))


def _told(
    shown: Mapping[tuple[Words, Words], int], row: Words, columns: Sequence[Words]
) -> list[Cell]:
    there = [(one, shown[row, one]) for one in columns if (row, one) in shown]
    zh = "、".join(f"{plain(one[0])} {value:,}" for one, value in there)
    en = ", ".join(f"{plain(one[1])} {value:,}" for one, value in there if one[0] != one[1])
    cell: Cell = [("zh", zh), ("en", en)] if en else [("zh", zh)]
    return [_label(row), cell, _mono(sum(value for _, value in there))]


def _panel(grid: _Grid, number: int, rows: Sequence[Words], columns: Sequence[Words]) -> str:
    side, high = 280.0, 24.0
    wide = min((WIDTH - side - 90) / max(len(columns), 1), _WIDEST)
    heads = [_head(words, side + wide * (at + 0.5)) for at, words in enumerate(columns)]
    head = max((size(text, 13) for text, _ in heads), default=0) * sin(radians(_TURN))
    head = round(head + 26, 1) if columns else 4.0
    body = [label(x, head - 8, text, 13, turn=-_TURN) for text, x in heads]
    for at, words in enumerate(rows):
        y = head + at * high
        body.append(label(side - 10, y + 17, fit(words, side - 16, 13), 13, "end"))
        for across, one in enumerate(columns):
            x = round(side + across * wide, 1)
            value = grid.counted.get((words, one), 0)
            body += _square(
                grid, (x, y, round(wide, 1), high), f"{together(words)}, {together(one)}", value
            )
    if not rows:
        body.append(label(side, head + 17, "无 none", fill=GREY))
    zh, en = (f"{grid.heads[0][at]} × {grid.heads[1][at]}" for at in (0, 1))
    shape = f"{len(rows)} × {len(columns)}"
    said = f"矩阵，{zh}，{shape}，颜色越深越多。", f"Matrix, {en}, {shape}; the darker, the more."
    return picture(
        grid.name, number, head + high * max(len(rows), 1) + 12, (grid.title, said), body
    )


def _head(words: Words, middle: float) -> tuple[str, float]:
    """The turned label of a column and where its foot stands; it ends within the picture."""
    x = round(middle + 4, 1)
    room = min((WIDTH - 6 - x) / cos(radians(_TURN)), _TALLEST)
    return fit(words, room, 13), x


def _square(
    grid: _Grid, place: tuple[float, float, float, float], said: str, value: int
) -> Iterator[str]:
    x, y, wide, high = place
    if not value:
        yield rect(x, y, wide, high, PAPER, edge=LINE)
        return
    level = (len(SHADES) * value - 1) // grid.most if grid.most >= len(SHADES) else value - 1
    fill = SHADES[min(level, len(SHADES) - 1)]
    yield rect(x, y, wide, high, fill, f"{said}: {value:,}", edge=LINE)
    over = PAPER if fill in SHADES[3:] else BLACK
    shown = short(value, wide - 4, 13)
    yield label(round(x + wide / 2, 1), y + 17, shown, 13, "middle", fill=over)


# -- due dates ----------------------------------------------------------------------------------

_STATES: Final[Mapping[str, Words]] = {
    "overdue": ("逾期", "overdue"), "due": ("未到期", "to come"), "done": ("已完成", "done"),
}  # fmt: skip
_REACH: Final = timedelta(days=400)


def due_dates(name: str, title: Words, today: str, items: Iterable[Due]) -> Chart:
    """A line of time with what falls due on it, the earliest first, and today.

    What is overdue is a full diamond with a bar up to today, what is to come an open circle, what
    is done a small full one. A day more than 400 days away is beyond the axis, which it would
    stretch: a wedge at its edge points there. Of more than `MOST_DUE`, those that are done are left
    out first, then the latest.
    """
    given = sorted(items, key=lambda one: (one.day, one.label))
    urgent = sorted(given, key=lambda one: (one.state == "done", one.day, one.label))[:MOST_DUE]
    kept = sorted(urgent, key=lambda one: (one.day, one.label))
    now = date.fromisoformat(today)
    days = [min(max(date.fromisoformat(one.day), now - _REACH), now + _REACH) for one in kept]
    first, last = min([now, *days]), max([now, *days])
    edge = timedelta(days=max((last - first).days // 20, 3))
    axis = _Axis(now, first - edge, last + edge)
    parts = [kept[at : at + _DUE_A_PANEL] for at in range(0, max(len(kept), 1), _DUE_A_PANEL)]
    panels = tuple(
        _due_panel(f"{name}", number, (title, axis), part) for number, part in enumerate(parts, 1)
    )
    rows = tuple([_label(one.label), _mono(one.day), [("both", *_STATES[one.state])]]
                 for one in kept)  # fmt: skip
    heads = (
        column("事项", "What"),
        column("到期日", "Due", "30mm"),
        column("状态", "State", "34mm"),
    )
    return Chart(title, panels, heads, rows,
                 _left_out(len(given) - len(kept), ("其余", "more")))  # fmt: skip


class _Axis(NamedTuple):
    now: date
    first: date
    last: date

    def x(self, day: date) -> float:
        """Where a day stands, between 300 and 890; one beyond the axis stands at its end."""
        inside = min(max(day, self.first), self.last)
        return round(300 + 590 * (inside - self.first).days / (self.last - self.first).days, 1)

    def beyond(self, day: date) -> int:
        """-1 or 1 for a day before or after what the axis reaches, else 0."""
        return (day > self.now + _REACH) - (day < self.now - _REACH)

    def ticks(self) -> Iterator[date]:
        """Six days, evenly apart."""
        for part in range(6):
            yield self.first + (self.last - self.first) * part / 5


def _due_panel(name: str, number: int, of: tuple[Words, _Axis], part: Sequence[Due]) -> str:
    title, axis = of
    top, step = 44.0, 26.0
    foot = top + step * max(len(part), 1)
    body = []
    for day in axis.ticks():
        x = axis.x(day)
        body += [rule(x, top - 8, x, foot), label(x, foot + 20, day.isoformat(), 12, "middle",
                                                   fill=GREY)]  # fmt: skip
    for at, one in enumerate(part):
        body += _due_row(one, axis, top + at * step)
    if not part:
        body.append(label(312, top + 16, "无 none", fill=GREY))
    x = axis.x(axis.now)
    said_today = f"今日 today {axis.now.isoformat()}"
    beyond = sum(axis.beyond(date.fromisoformat(one.day)) != 0 for one in part)
    body += [rule(x, top - 8, x, foot, BLACK, 2),
             label(x, top - 16, said_today, 13, "middle", bold=True)]  # fmt: skip
    late = sum(one.state == "overdue" for one in part)
    said = (f"期限图，{len(part)} 项，其中逾期 {late} 项，超出时间轴 {beyond} 项。",
            f"Due dates, {len(part)}: {late} overdue, {beyond} beyond the axis.")  # fmt: skip
    if beyond:
        body.append(label(290, foot + 38, "◀ ▶ 超出时间轴 beyond the axis", 12, "end", fill=GREY))
    return picture(name, number, foot + (48 if beyond else 34), (title, said), body)


def _due_row(one: Due, axis: _Axis, y: float) -> Iterator[str]:
    day = date.fromisoformat(one.day)
    x, middle, beyond = axis.x(day), y + 12, axis.beyond(day)
    said = f"{together(one.label)}: {one.day} {together(_STATES[one.state])}"
    yield label(290, y + 17, fit(one.label, 270, 13), 13, "end")
    if one.state == "overdue":
        until = axis.x(axis.now)
        yield rect(x, middle - 3, max(round(until - x, 1), 0), 6, SHADES[1])
        yield wedge(x, middle, beyond, INK, said) if beyond else diamond(x, middle, said)
    elif beyond:
        yield wedge(x, middle, beyond, PAPER if one.state == "due" else GREY, said)
    else:
        radius, fill = (7, PAPER) if one.state == "due" else (4, GREY)
        yield circle(x, middle, radius, fill, said)
    yield label(990, y + 17, one.day, 13, "end", bold=one.state == "overdue")

r"""The parts of a picture, as SVG text: rectangles, lines, words, and what frames them.

A picture is `WIDTH` units wide; on paper a unit is 0.17 mm, so that words of size 13 are 6 points
high. Every text that somebody typed goes through `ledger.bundle.page.plain` and is escaped.

>>> rect(0, 0, 10, 5, INK, "合同 <1>")
'<rect x="0" y="0" width="10" height="5" fill="#8c1d18"><title>合同 &lt;1&gt;</title></rect>'
>>> label(3, 4, "甲\u202e乙")[-17:]
'">甲\\u202e乙</text>'
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from ledger.bundle.page import plain
from ledger.documents.layout import cut
from ledger.documents.words import Words

WIDTH: Final = 1000
INK: Final = "#8c1d18"
SHADES: Final = ("#f6e9e7", "#e6c3bf", "#cf8d87", "#a94a42", INK)
"""From few to many, told apart by lightness: they are printed in black, too."""
GREY, LINE, BLACK, PAPER = "#5a5a5a", "#b9b9b4", "#1c1c1c", "#ffffff"
_FONT: Final = "Muniment Sans SC, Noto Sans CJK SC, Noto Sans SC, PingFang SC, sans-serif"
_EM: Final = 0.56
_MORE: Final = 6


def label(
    x: float, y: float, words: str, size: float = 14, anchor: str = "start", *, fill: str = BLACK,
    turn: int = 0, bold: bool = False,
) -> str:  # fmt: skip
    """Words at a place: their foot at `y`, their start, middle or end at `x`."""
    turned = f' transform="rotate({turn} {x:g} {y:g})"' if turn else ""
    heavy = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" fill="{fill}"'
        f"{heavy}{turned}>{escape(plain(words))}</text>"
    )


def rect(
    x: float, y: float, width: float, height: float, fill: str, said: str = "", *, edge: str = ""
) -> str:
    """A rectangle; `said`: what it stands for, in words."""
    stroke = f' stroke="{edge}" stroke-width="1"' if edge else ""
    shape = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"{stroke}'
    return f"{shape}><title>{escape(plain(said))}</title></rect>" if said else f"{shape}/>"


def rule(x1: float, y1: float, x2: float, y2: float, stroke: str = LINE, width: float = 1) -> str:
    """A line."""
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{stroke}" '
        f'stroke-width="{width:g}"/>'
    )


def diamond(x: float, y: float, said: str) -> str:
    """A full diamond around a place."""
    points = f"{x:g},{y - 8:g} {x + 8:g},{y:g} {x:g},{y + 8:g} {x - 8:g},{y:g}"
    told = f"<title>{escape(plain(said))}</title>"
    return f'<polygon points="{points}" fill="{INK}">{told}</polygon>'


def wedge(x: float, y: float, side: int, fill: str, said: str) -> str:
    """A triangle that points to the right (`side` 1) or to the left (-1): beyond the picture."""
    tip, foot = x + 8 * side, x - 6 * side
    points = f"{tip:g},{y:g} {foot:g},{y - 7:g} {foot:g},{y + 7:g}"
    told = f"<title>{escape(plain(said))}</title>"
    edge = f'stroke="{BLACK}" stroke-width="2"'
    return f'<polygon points="{points}" fill="{fill}" {edge}>{told}</polygon>'


def circle(x: float, y: float, radius: float, fill: str, said: str) -> str:
    """A circle around a place."""
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}" stroke="{BLACK}" '
        f'stroke-width="2"><title>{escape(plain(said))}</title></circle>'
    )


def picture(
    name: str, number: int, height: float, said: tuple[Words, Words], body: Sequence[str]
) -> str:
    """One picture. `name`, `number`: tell it apart in a page; `said`: title and description."""
    (title, description), key = said, f"{name}-{number}"
    told = (
        f'<title id="{key}-t">{escape(plain(" ".join(title)))}</title>'
        f'<desc id="{key}-d">{escape(plain(" ".join(description)))}</desc>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-labelledby="{key}-t {key}-d" font-family="{_FONT}">{told}{"".join(body)}</svg>'
    )


def together(words: Words) -> str:
    """Chinese and English behind each other; once where they are the same."""
    zh, en = words
    return zh if zh == en or not en else f"{zh} {en}"


def fit(words: Words, room: float, size: float) -> str:
    """As much of a label as there is room for; the Chinese alone before anything of it is cut.

    >>> fit(("保洁合同", "cleaning contracts"), 150, 14), fit(("保洁合同", "contract"), 60, 14)
    ('保洁合同 cleaning …', '保洁合同')
    """
    whole, zh = plain(together(words)), plain(words[0])
    shown = cut(whole, room / size)
    return shown if shown == whole or len(shown) > len(zh) + _MORE else cut(zh, room / size)


def size(words: str, points: float) -> float:
    """How long a text is drawn, about, in units of the picture.

    >>> size("合同", 13), round(size("ab", 13), 2)
    (26.0, 14.56)
    """
    return sum(_EM if character.isascii() else 1.0 for character in words) * points


def short(value: int, room: float, size: float) -> str:
    """A number, in thousands or millions where there is no room for all of it.

    >>> short(912, 40, 12), short(48120, 24, 12), short(48120, 60, 12)
    ('912', '48k', '48,120')
    """
    for text in (f"{value:,}", str(value)):
        if len(text) * _EM * size <= room:
            return text
    for unit, letter in ((10**9, "G"), (10**6, "M"), (1000, "k")):
        if value >= unit:
            return f"{value // unit}{letter}"
    return str(value)

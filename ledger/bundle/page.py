r"""A page of a bundle, laid out once and printed twice: as HTML without a script, and as PDF.

A page has sections as `ledger.documents.layout` makes them: fields, tables, texts; and charts
(`ledger.audit.report.charts`): pictures in SVG with the same numbers as a table. The HTML names
the digest of its own style sheet and forbids everything else (`Content-Security-Policy`): it loads
nothing, runs nothing and sends nothing. Texts that somebody typed are escaped, and characters that
would not be seen, or would turn the line around, are shown as their numbers.

>>> plain("张三\u202e合同\x00")
'张三\\u202e合同\\u0000'
>>> loose("a" * 30) == "a" * 24 + "\u200b" + "a" * 6
True
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

from ledger.documents.cells import Cell
from ledger.documents.layout import Sheet, register

Words = tuple[str, str]
_UNSEEN: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
_RUN: Final = re.compile(r"[!-~]{25,}")
_STEP: Final = 24
MANY: Final = 300
"""Tables with more rows than this are printed with two lines a cell; the HTML has all of it."""
_SHEET: Final = Sheet(flipped=True, rows=23, lines=2, points=5.6)
_ACROSS, _GROWN = 259.0, 1.3


class Page(NamedTuple):
    """What is printed. `boxes`: who signs by hand; `flipped`: broad."""

    title: Words
    sections: Sequence[Mapping[str, Any]]
    boxes: Sequence[Words] = ()
    flipped: bool = False


_FOOTER: Final = (
    "证据包内的阅读文本，以事件原文及核验结果为准。",
    "A reading of the evidence; the events and their verification prevail.",
)


class Imprint(NamedTuple):
    """What stands in the margin of every page: its id, the ledger, its state, when; what prevails.

    `bundle`: the id of the bundle, or the digest of the report, that the page belongs to.
    """

    bundle: str
    origin: str
    size: int
    exported: str
    foot: Words = _FOOTER


def plain(text: str) -> str:
    """A text on one line of which every character can be seen; others as their numbers."""
    text = " / ".join(text.splitlines()) if "\n" in text else text
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _UNSEEN else c for c in text)


def loose(text: str) -> str:
    """A text in which long runs without a space may be broken."""
    return _RUN.sub(lambda run: _broken(run[0]), text)


def _broken(run: str) -> str:
    return "\u200b".join(run[at : at + _STEP] for at in range(0, len(run), _STEP))


def as_pdf(page: Page, imprint: Imprint) -> bytes:
    """The PDF; needs the extra `pdf`. Raises as `ledger.documents.pages.render`."""
    shown = {
        "title": page.title, "number": imprint.bundle, "origin": imprint.origin,
        "size": imprint.size, "flipped": page.flipped,
        "sections": [_printed(section) for section in page.sections],
        "boxes": page.boxes, "zones": ZONES,
        "foot": tuple(one.rstrip("。.") for one in imprint.foot),
    }  # fmt: skip
    from ledger.documents.pages import print_report

    return print_report(shown, imprint.exported)


def _printed(section: Mapping[str, Any]) -> Mapping[str, Any]:
    """A section as paper has room for it: of a table with many rows, each cell on two lines."""
    if section["type"] != "table" or len(section["rows"]) <= MANY:
        return section
    columns = [{**one, "width": width} for one, width in zip(
        section["columns"], _wider(section["columns"]), strict=True
    )]  # fmt: skip
    rows = [[_short(cell) for cell in row] for row in section["rows"]]
    return register(section["title"], columns, rows, _SHEET)


def _wider(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """The widths of columns on a page that lies on its side: those in mm grow, one takes the rest.

    >>> _wider([{"width": "10mm"}, {"width": "1fr"}])
    ['13.0mm', '246.0mm']
    """
    widths = [float(one["width"][:-2]) * _GROWN if one["width"].endswith("mm") else 0.0
              for one in columns]  # fmt: skip
    shares = sum(width == 0.0 for width in widths) or 1
    rest = (_ACROSS - sum(widths)) / shares
    return [f"{width or rest:.1f}mm" for width in widths]


def _short(cell: Cell) -> Cell:
    """Everything of a cell on one line, its English on the next."""
    zh = " ".join(line[1] for line in cell if line[0] != "en")
    en = " ".join(line[-1] for line in cell if line[0] in ("en", "both"))
    return [("zh", zh), ("en", en)]


# -- HTML -----------------------------------------------------------------------------------------


@cache
def _style() -> str:
    return (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def as_html(page: Page, imprint: Imprint) -> bytes:
    """The HTML: one file, UTF-8, nothing outside of it."""
    style = _style()
    digest = base64.b64encode(sha256(style.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    zh, en = map(escape, page.title)
    foot = f"{imprint.origin} · 条目 entries {imprint.size:,} · {imprint.exported}"
    lines = [
        "<!DOCTYPE html>", '<html lang="zh-CN">', "<head>", '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{zh} {en} · {escape(imprint.bundle)}</title>", f"<style>{style}</style>",
        "</head>", "<body>", "<header>", f'<h1>{zh} <span lang="en">{en}</span></h1>',
        f"<p><code>{escape(imprint.bundle)}</code></p>", f"<p>{_words(ZONES)}</p>", "</header>",
        "<main>",
        *(line for section in page.sections for line in _section(section)), "</main>",
        "<footer>", f"<p>{_words(imprint.foot)}</p>", f"<p><code>{escape(foot)}</code></p>",
        "</footer>", "</body>", "</html>", "",
    ]  # fmt: skip
    return "\n".join(lines).encode("utf-8")


ZONES: Final = (
    "时间为北京时间（UTC+8）；以 Z 结尾的为 UTC，数据文件和核验程序用 UTC，指的是同一时刻。",
    "Times are Beijing time (UTC+8); those in Z, as in the data, are UTC: the same moments.",
)
"""What the head of every page says of the two time zones of a bundle."""


def _section(section: Mapping[str, Any]) -> Iterator[str]:
    yield "<section>"
    yield f"<h2>{_words(section['title'])}</h2>"
    if section["type"] == "fields":
        yield '<table class="fields">'
        for title, cell in section["rows"]:
            yield f'<tr><th scope="row">{_words(title)}</th><td>{_cell(cell)}</td></tr>'
        yield "</table>"
    elif section["type"] == "text":
        for zh, en in section["rows"]:
            english = f' <span lang="en">{escape(en)}</span>' if en else ""
            yield f"<p>{escape(zh)}{english}</p>"
    else:
        if section["type"] == "chart":
            yield from _pictures(section)
        yield from _table(section)
    yield "</section>"


def _pictures(section: Mapping[str, Any]) -> Iterator[str]:
    """The pictures of a chart, as `ledger.audit.report.charts` writes SVG, and their note."""
    yield from (f"<figure>{panel}</figure>" for panel in section["panels"])
    if section["note"][0]:
        yield f"<p>{_words(section['note'])}</p>"


def _table(section: Mapping[str, Any]) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{_words(c["title"])}</th>' for c in section["columns"])
    yield f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>"
    for row in section["rows"]:
        yield "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody>\n</table>"


def _words(words: Sequence[str]) -> str:
    zh, en = words
    return escape(zh) if zh == en else f'{escape(zh)} <span lang="en">{escape(en)}</span>'


def _cell(cell: Cell) -> str:
    return "".join(f"<div>{_line(line)}</div>" for line in cell)


def _line(line: Sequence[str]) -> str:
    text = escape(line[1]).replace("\u200b", "<wbr>")
    if line[0] == "mono":
        return f'<code class="k">{text}</code>' if len(line[1]) <= _STEP else f"<code>{text}</code>"
    if line[0] == "en":
        return f'<span lang="en">{text}</span>'
    if line[0] == "both":
        return _words(line[1:])
    return text

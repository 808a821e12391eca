"""A PDF (ISO 32000-1) with Chinese text, without any font inside.

Chinese text refers to STSong-Light, one of the fonts that every PDF viewer replaces by a Chinese
font of its own; character codes are UTF-16 (predefined map UniGB-UCS2-H), and a ToUnicode map says
so once more for readers that do not know it. Latin text refers to Helvetica, which every viewer
has. Nothing is compressed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

PAGE_WIDTH, PAGE_HEIGHT = 595, 842
MARGIN = 64
LEADING = 20
LINES_PER_PAGE = (PAGE_HEIGHT - 2 * MARGIN - 40) // LEADING
PLACES = 88
"""How many Latin letters fit on a line; a Chinese character takes two places."""

_FONT = (
    "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H "
    "/DescendantFonts [4 0 R] /ToUnicode 6 0 R >>"
)
_CID_FONT = (
    "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /FontDescriptor 5 0 R "
    "/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> "
    "/DW 1000 >>"
)
_LATIN_FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
_DESCRIPTOR = (
    "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] "
    "/ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>"
)


def pdf(title: str, lines: Sequence[str], made: str) -> bytes:
    """A document of A4 pages: `title` on top, then `lines`, wrapped where they are too long.

    `made` is the date of making as YYYYMMDD. Characters beyond U+FFFF are refused (ValueError).
    """
    wrapped = [part for line in lines for part in _wrap(line)]
    sheets = [
        wrapped[start : start + LINES_PER_PAGE]
        for start in range(0, max(len(wrapped), 1), LINES_PER_PAGE)
    ]
    first_page = 9
    kids = " ".join(f"{first_page + 2 * number} 0 R" for number in range(len(sheets)))
    used = sorted({ord(char) >> 8 for char in title + "".join(wrapped)})
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(sheets)} >>",
        _FONT,
        _CID_FONT,
        _DESCRIPTOR,
        _stream(_to_unicode(used)),
        _information(title, made),
        _LATIN_FONT,
    ]
    for number, sheet in enumerate(sheets):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] "
            "/Resources << /Font << /F1 3 0 R /F2 8 0 R >> >> "
            f"/Contents {first_page + 2 * number + 1} 0 R >>"
        )
        objects.append(_stream(_page(title if number == 0 else "", sheet)))
    return _file(objects)


def _information(title: str, made: str) -> str:
    return (
        f"<< /Title <FEFF{_hex(title)}> /Subject (Fictional, for demonstration only) "
        f"/CreationDate (D:{made}000000Z) >>"
    )


def _wrap(line: str) -> list[str]:
    parts, room = [""], PLACES
    for char in line:
        width = 1 if char.isascii() else 2
        if room < width:
            parts.append("")
            room = PLACES
        parts[-1] += char
        room -= width
    return parts


def _hex(text: str) -> str:
    if max(map(ord, text), default=0) > 0xFFFF:
        raise ValueError("UniGB-UCS2-H has no characters beyond U+FFFF")
    return text.encode("utf-16-be").hex().upper()


def _shown(line: str, size: float) -> str:
    """The operators that show one line, each run of Latin letters in the Latin font."""
    parts = []
    for run in re.findall(r"[ -~]+|[^ -~]+", line):
        if run.isascii():
            literal = re.sub(r"([()\\])", r"\\\1", run)
            parts.append(f"/F2 {size} Tf ({literal}) Tj")
        else:
            parts.append(f"/F1 {size} Tf <{_hex(run)}> Tj")
    return " ".join(parts)


def _page(title: str, lines: Sequence[str]) -> str:
    top = PAGE_HEIGHT - MARGIN
    heading = f"1 0 0 1 {MARGIN} {top} Tm {_shown(title, 18)}\n"
    body = "".join(f"{_shown(line, 10.5)} T*\n" for line in lines)
    return (
        f"BT\n{heading}{LEADING} TL 1 0 0 1 {MARGIN} {top - 40} Tm\n{body}ET\n"
        f"0.5 w {MARGIN} {top - 14} m {PAGE_WIDTH - MARGIN} {top - 14} l S\n"
    )


def _to_unicode(high_bytes: Sequence[int]) -> str:
    """The map from codes to Unicode: each stands for itself; a range may not cross a high byte."""
    blocks = [high_bytes[start : start + 100] for start in range(0, len(high_bytes), 100)]
    ranges = "".join(
        f"{len(block)} beginbfrange\n"
        + "".join(f"<{high:02X}00> <{high:02X}FF> <{high:02X}00>\n" for high in block)
        + "endbfrange\n"
        for block in blocks
    )
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{ranges}"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    )


def _stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}endstream"


def _file(objects: Sequence[str]) -> bytes:
    """Number the objects from 1 (the catalogue; the seventh is the information), add the index."""
    data = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"
    offsets = []
    for number, text in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode("ascii")
    index = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = (
        f"xref\n0 {size}\n0000000000 65535 f \n{index}"
        f"trailer\n<< /Size {size} /Root 1 0 R /Info 7 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    )
    return data + trailer.encode("ascii")

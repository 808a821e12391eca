"""Word and Excel files (Office Open XML, ECMA-376), as small as they may be.

A zip of XML parts. Stored, not deflated, and dated alike, so that the same content is the same
bytes whatever compressor the machine has.
"""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

Cell = str | int | float | datetime.date

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_FORMATS = "http://schemas.openxmlformats.org/"
_PACKAGE = f"{_FORMATS}package/2006/"
_RELATION = f"{_FORMATS}officeDocument/2006/relationships"
_WORD = f"{_FORMATS}wordprocessingml/2006/main"
_SHEET = f"{_FORMATS}spreadsheetml/2006/main"
_MEDIA = "application/vnd.openxmlformats-officedocument."
_PROPERTIES = "application/vnd.openxmlformats-package.core-properties+xml"
_EPOCH = datetime.date(1899, 12, 30)


def docx(
    title: str, paragraphs: Sequence[str], table: Sequence[Sequence[str]], made: datetime.date
) -> bytes:
    """A Word document: a heading, paragraphs, and a table if it has rows."""
    body = _paragraph(title, "<w:b/><w:sz w:val='32'/>")
    body += "".join(_paragraph(text) for text in paragraphs)
    if table:
        body += _word_table(table)
    document = (
        f'{_HEAD}<w:document xmlns:w="{_WORD}"><w:body>{body}<w:sectPr>'
        '<w:pgSz w:w="11906" w:h="16838"/></w:sectPr></w:body></w:document>'
    )
    styles = (
        f'{_HEAD}<w:styles xmlns:w="{_WORD}"><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts '
        'w:ascii="Times New Roman" w:hAnsi="Times New Roman" w:eastAsia="SimSun"/><w:sz '
        'w:val="22"/></w:rPr></w:rPrDefault></w:docDefaults><w:style w:type="paragraph" '
        'w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style></w:styles>'
    )
    return _package(
        {
            "word/document.xml": (f"{_MEDIA}wordprocessingml.document.main+xml", document),
            "word/styles.xml": (f"{_MEDIA}wordprocessingml.styles+xml", styles),
            "docProps/core.xml": (_PROPERTIES, _core(title, made)),
        },
        {"word/_rels/document.xml.rels": _relations((f"{_RELATION}/styles", "styles.xml"))},
    )


def xlsx(name: str, rows: Sequence[Sequence[Cell]], made: datetime.date) -> bytes:
    """An Excel workbook with one sheet; dates are dates and numbers are numbers."""
    lines = "".join(
        f'<row r="{number}">{_cells(number, row)}</row>' for number, row in enumerate(rows, 1)
    )
    sheet = f'{_HEAD}<worksheet xmlns="{_SHEET}"><sheetData>{lines}</sheetData></worksheet>'
    workbook = (
        f'{_HEAD}<workbook xmlns="{_SHEET}" xmlns:r="{_RELATION}"><sheets>'
        f'<sheet name="{escape(name)}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    styles = (
        f'{_HEAD}<styleSheet xmlns="{_SHEET}"><fonts count="1"><font><sz val="11"/>'
        '<name val="SimSun"/></font></fonts><fills count="2"><fill><patternFill '
        'patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="2"><xf numFmtId="0" xfId="0"/><xf numFmtId="14" xfId="0" '
        'applyNumberFormat="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" '
        'xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )
    spreadsheet = f"{_MEDIA}spreadsheetml."
    return _package(
        {
            "xl/workbook.xml": (f"{spreadsheet}sheet.main+xml", workbook),
            "xl/worksheets/sheet1.xml": (f"{spreadsheet}worksheet+xml", sheet),
            "xl/styles.xml": (f"{spreadsheet}styles+xml", styles),
            "docProps/core.xml": (_PROPERTIES, _core(name, made)),
        },
        {
            "xl/_rels/workbook.xml.rels": _relations(
                (f"{_RELATION}/worksheet", "worksheets/sheet1.xml"),
                (f"{_RELATION}/styles", "styles.xml"),
            )
        },
    )


def _paragraph(text: str, style: str = "") -> str:
    run = f'<w:rPr>{style}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t>'
    return f"<w:p><w:r>{run}</w:r></w:p>"


def _word_table(table: Sequence[Sequence[str]]) -> str:
    sides = ("top", "left", "bottom", "right", "insideH", "insideV")
    borders = "".join(f'<w:{side} w:val="single" w:sz="4"/>' for side in sides)
    width = 9_000 // len(table[0])
    rows = "".join(
        "<w:tr>"
        + "".join(
            f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/></w:tcPr>{_paragraph(cell)}</w:tc>'
            for cell in row
        )
        + "</w:tr>"
        for row in table
    )
    grid = f'<w:gridCol w:w="{width}"/>' * len(table[0])
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="9000" w:type="dxa"/><w:tblBorders>{borders}'
        f"</w:tblBorders></w:tblPr><w:tblGrid>{grid}</w:tblGrid>{rows}</w:tbl><w:p/>"
    )


def _cells(row: int, values: Sequence[Cell]) -> str:
    return "".join(_cell(f"{chr(65 + column)}{row}", value) for column, value in enumerate(values))


def _cell(place: str, value: Cell) -> str:
    if isinstance(value, str):
        text = f'<is><t xml:space="preserve">{escape(value)}</t></is>'
        return f'<c r="{place}" t="inlineStr">{text}</c>'
    if isinstance(value, datetime.date):
        return f'<c r="{place}" s="1"><v>{(value - _EPOCH).days}</v></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def _core(title: str, made: datetime.date) -> str:
    """The document's properties, where every viewer shows that it is fictional."""
    return (
        f'{_HEAD}<cp:coreProperties xmlns:cp="{_PACKAGE}metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{escape(title)}</dc:title><dc:subject>虚构资料 / fictional</dc:subject>"
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{made}T00:00:00Z</dcterms:created>'
        "</cp:coreProperties>"
    )


def _relations(*targets: tuple[str, str]) -> str:
    lines = "".join(
        f'<Relationship Id="rId{number}" Type="{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}relationships">{lines}</Relationships>'


def _package(parts: dict[str, tuple[str, str]], relations: dict[str, str]) -> bytes:
    """Zip `parts` (name to media type and text; the main part first) with their relations."""
    types = "".join(
        f'<Override PartName="/{name}" ContentType="{media}"/>'
        for name, (media, _) in parts.items()
    )
    files = {
        "[Content_Types].xml": (
            f'{_HEAD}<Types xmlns="{_PACKAGE}content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>'
        ),
        "_rels/.rels": _relations(
            (f"{_RELATION}/officeDocument", next(iter(parts))),
            (f"{_PACKAGE}relationships/metadata/core-properties", "docProps/core.xml"),
        ),
        **relations,
        **{name: text for name, (_, text) in parts.items()},
    }
    return zipped({name: text.encode() for name, text in files.items()})


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of `files` with fixed dates and rights, nothing compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()

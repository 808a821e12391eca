"""The readers that run in the process of `ledger.content.child`: pdf, xml, and who reads the rest.

Raises `SourceFault` for what has a name; whatever else a parser raises is a damaged document.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from ledger.content import text
from ledger.content.blocks import Block, Limits, Note, in_stretches
from ledger.sources import SourceFault

_PASSWORD_ERRORS: Final = ("password", "Password")


def parsed(kind: str, data: bytes, limits: Limits, depth: int = 0) -> Iterator[Block]:
    """What is in a document of a kind of `reading.kind_of`; `depth`: letters that it lies in."""
    match kind:
        case "zip":
            from ledger.content.office import from_zip

            yield from from_zip(data, limits)
        case "ole":
            from ledger.content.office import from_ole

            yield from from_ole(data)
        case "pdf":
            yield from _pdf(data)
        case "xml":
            yield from in_stretches(_xml(data))
        case "eml" | "mbox":
            from ledger.content.mail import from_eml, from_mbox

            if depth == 0:
                yield Note("letter")
            yield from (from_eml if kind == "eml" else from_mbox)(data, limits, depth)
        case "table":
            yield from text.table_blocks(io.BytesIO(), data)
        case "text":
            yield from text.text_blocks(io.BytesIO(), data)
        case _:
            raise SourceFault("unknown_type")


def _pdf(data: bytes) -> Iterator[Block]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        encrypted = any(sign in str(error) for sign in _PASSWORD_ERRORS)
        raise SourceFault("encrypted_document" if encrypted else "damaged_document") from None
    without = 0
    for number in range(len(document)):
        page = document[number]
        found = page.get_textpage()
        words = found.get_text_bounded()
        found.close()
        page.close()
        without += not words.strip()
        yield from in_stretches(words.replace("\r\n", "\n"))
    if 0 < without < len(document):
        yield Note("pages_without_text")


def safe_xml(data: bytes) -> Iterator[tuple[str, str, str]]:
    """The elements of XML as they end: local name, text in it, text after it.

    Raises `SourceFault`: `xml_bomb`, `damaged_document`.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        for _event, element in iterparse(io.BytesIO(data), events=("end",), forbid_dtd=True):
            name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
            yield name, element.text or "", element.tail or ""
            element.clear()
    except DefusedXmlException:
        raise SourceFault("xml_bomb") from None
    except (ParseError, ValueError, LookupError):
        raise SourceFault("damaged_document") from None


def _xml(data: bytes) -> str:
    return "\n".join(
        part for _name, inside, after in safe_xml(data) for part in (inside, after) if part.strip()
    )

"""Office documents: docx and xlsx (zip), xls (OLE), and those that are encrypted.

A zip is asked how much it will become before anything of it is unpacked, and is unpacked no
further than that. A workbook is read by calamine; its XML is looked through before, because a
document type in it is a bomb that calamine need not see.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from ledger.content.blocks import Block, Limits, Note, in_batches, in_stretches
from ledger.sources import SourceFault

_WORD_PARTS: Final = ("word/document", "word/header", "word/footer", "word/footnotes",
                      "word/endnotes", "word/comments")  # fmt: skip
_EXACT: Final = 10**15  # a workbook keeps fifteen digits of a number
_ENCRYPTED_FLAG: Final = 0x1
_SMALL: Final = 1 << 16
_MAX_CELLS: Final = 200_000_000


def from_zip(data: bytes, limits: Limits) -> Iterator[Block]:
    """A docx or a workbook; anything else that is a zip is of an `unknown_type`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = _members(archive, limits)
            if "word/document.xml" in names:
                yield from _docx(archive, names, limits)
                return
            if not names & {"xl/workbook.xml", "xl/workbook.bin"} and not _is_ods(archive, names):
                raise SourceFault("unknown_type")
            for name in names:
                _check_xml(_unpacked(archive, name, limits, most=_SMALL), name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error):
        raise SourceFault("damaged_document") from None
    yield from _workbook(data)


def _members(archive: zipfile.ZipFile, limits: Limits) -> set[str]:
    """The names in an archive that is small enough. Raises `zip_bomb`, `encrypted_document`."""
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    packed = max(sum(member.compress_size for member in members), 1)
    if len(members) > limits.members or total > limits.unpacked:
        raise SourceFault("zip_bomb")
    if total > _SMALL * limits.ratio and total > packed * limits.ratio:
        raise SourceFault("zip_bomb")
    if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
        raise SourceFault("encrypted_document")
    spans = sorted((m.header_offset, m.header_offset + m.compress_size) for m in members)
    if any(end > start for (_, end), (start, _) in pairwise(spans)):
        raise SourceFault("zip_bomb")  # members that share their bytes
    return {member.filename for member in members}


def _unpacked(archive: zipfile.ZipFile, name: str, limits: Limits, most: int = 0) -> bytes:
    """A member, not more of it than it said (or its first `most` bytes)."""
    with archive.open(name) as member:
        data = member.read(most or limits.unpacked + 1)
    if len(data) > limits.unpacked:
        raise SourceFault("zip_bomb")
    return data


def _is_ods(archive: zipfile.ZipFile, names: set[str]) -> bool:
    if "mimetype" not in names:
        return False
    with archive.open("mimetype") as member:
        return member.read(64).startswith(b"application/vnd.oasis.opendocument.spreadsheet")


def _check_xml(start: bytes, name: str) -> None:
    if name.endswith((".xml", ".rels")):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            if "<!DOCTYPE".encode(encoding) in start or "<!ENTITY".encode(encoding) in start:
                raise SourceFault("xml_bomb")


def _docx(archive: zipfile.ZipFile, names: set[str], limits: Limits) -> Iterator[Block]:
    for name in sorted(n for n in names if n.startswith(_WORD_PARTS) and n.endswith(".xml")):
        yield from in_stretches(_paragraphs(_unpacked(archive, name, limits)))


def _paragraphs(data: bytes) -> str:
    from ledger.content.parsing import safe_xml

    parts: list[str] = []
    for name, inside, _after in safe_xml(data):
        if name in {"t", "delText", "instrText"}:
            parts.append(inside)
        elif name in {"p", "br", "cr"}:
            parts.append("\n")
        elif name in {"tab", "tc"}:
            parts.append("\t")
    return "".join(parts)


def _workbook(data: bytes) -> Iterator[Block]:
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        notes: set[str] = set()
        for number in range(len(book.sheet_names)):
            sheet = book.get_sheet_by_index(number)
            if sheet.total_height * sheet.total_width > _MAX_CELLS:
                raise SourceFault("too_much_memory")
            cells = ([_as_text(cell, notes) for cell in row] for row in sheet.iter_rows())
            yield from in_batches(str(number + 1), filter(any, cells))
    except python_calamine.PasswordError:
        raise SourceFault("encrypted_document") from None
    except python_calamine.CalamineError:
        raise SourceFault("damaged_document") from None
    yield from map(Note, notes)


def _as_text(cell: object, notes: set[str]) -> str:
    """A cell as it would be typed; whole numbers without a point."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        if abs(cell) >= _EXACT:
            notes.add("numbers_shortened")
        return str(int(cell))
    return "" if cell is None else str(cell)


# -- OLE: what came before zip, and what hides a zip ------------------------------------------

_BOFS: Final = (b"\x09\x08\x10\x00", b"\x09\x08\x08\x00")
_FILEPASS: Final = 0x2F
_RECORDS: Final = 64
_FIB: Final = b"\xec\xa5"
_FIB_FLAGS: Final = 10
_FIB_ENCRYPTED: Final = 0x0100
_PPT_ENCRYPTED: Final = b"\xdf\xc4\xd1\xf3"  # headerToken of CurrentUserAtom, [MS-PPT] 2.3.2
_SECTOR: Final = 512


def from_ole(data: bytes) -> Iterator[Block]:
    """A workbook of before 2007; doc and ppt are of an `unknown_type`, if not encrypted."""
    if _has_entry(data, "EncryptedPackage"):
        raise SourceFault("encrypted_document")
    if _has_entry(data, "Workbook") or _has_entry(data, "Book"):
        if _has_filepass(data):
            raise SourceFault("encrypted_document")
        yield from _workbook(data)
        return
    if _has_entry(data, "WordDocument") and _is_encrypted_word(data):
        raise SourceFault("encrypted_document")
    if _has_entry(data, "PowerPoint Document") and _PPT_ENCRYPTED in data:
        raise SourceFault("encrypted_document")
    raise SourceFault("unknown_type")


def _has_entry(data: bytes, name: str) -> bool:
    """Whether there is a directory entry of this name, 128 bytes and aligned ([MS-CFB] 2.6)."""
    wanted = name.encode("utf-16-le") + b"\0\0"
    at = data.find(wanted)
    while at >= 0:
        length = int.from_bytes(data[at + 64 : at + 66], "little")
        if at % 128 == 0 and length == len(wanted):
            return True
        at = data.find(wanted, at + 1)
    return False


def _has_filepass(data: bytes) -> bool:
    """Whether a workbook's first records say that the others are encrypted ([MS-XLS] 2.4.117)."""
    for bof in _BOFS:
        at = data.find(bof)
        for _ in range(_RECORDS if at >= 0 else 0):
            kind, length = struct.unpack_from("<HH", data.ljust(at + 4, b"\0"), at)
            if kind == _FILEPASS:
                return True
            at += 4 + length
            if at + 4 > len(data):
                break
    return False


def _is_encrypted_word(data: bytes) -> bool:
    """Whether the FIB of a Word document has its fEncrypted bit ([MS-DOC] 2.5.2)."""
    for at in range(0, len(data) - _FIB_FLAGS - 2, _SECTOR):
        if data.startswith(_FIB, at):
            flags = int.from_bytes(data[at + _FIB_FLAGS : at + _FIB_FLAGS + 2], "little")
            return bool(flags & _FIB_ENCRYPTED)
    return False

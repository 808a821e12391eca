"""What kind of document a stream is, by its bytes first and its name second, and its reader.

    kind   by its bytes                                    by its name, if they leave it open
    zip    PK 03 04: xlsx or docx, as its members say
    ole    D0 CF 11 E0 …: xls, or an encrypted document
    pdf    %PDF- in its first 1,024 bytes
    mbox   "From " and an address at its start
    eml    header lines of a letter at its start           .eml
    xml    <?xml at its start                              .xml
    table  text                                            .csv, .tsv, .tab
    text   text                                            anything else

Whatever begins like a picture, a sound, an archive or a program, or has zero bytes that are not
those of UTF-16, is of an `unknown_type`. Notes that come among the blocks:

    name_says_other        the name's ending belongs to another kind than the bytes are
    letter                 it is an e-mail, or several
    attachment_not_read    of a letter: an attachment, or a letter in it, that cannot be read
    pages_without_text     of a PDF: some pages have none, as scans do
    numbers_shortened      of a workbook: a number of more than 15 digits lost the others in it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from ledger.content.blocks import Block, Limits, Note
from ledger.content.text import WINDOW, table_blocks, text_blocks, without_mark
from ledger.sources import SourceFault

_ENDINGS: Final = {
    "csv": "table", "tsv": "table", "tab": "table", "txt": "text", "xlsx": "zip", "docx": "zip",
    "xlsm": "zip", "xls": "ole", "doc": "ole", "ppt": "ole", "pdf": "pdf", "eml": "eml",
    "mbox": "mbox", "xml": "xml", "jpg": "other", "jpeg": "other", "png": "other", "gif": "other",
    "mp3": "other", "wav": "other", "mp4": "other", "zip": "zip", "ods": "zip",
}  # fmt: skip
_TEXTS: Final = frozenset({"table", "text", "eml", "mbox", "xml"})
_STARTS: Final = (
    (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\xff\xd8\xff", "other"), (b"\x89PNG", "other"), (b"GIF8", "other"), (b"BM", "bitmap"),
    (b"RIFF", "other"), (b"ID3", "other"), (b"OggS", "other"), (b"\x1f\x8b", "other"),
    (b"BZh", "other"), (b"\xfd7zXZ", "other"), (b"7z\xbc\xaf", "other"), (b"Rar!", "other"),
    (b"\x7fELF", "other"), (b"MZ", "program"), (b"{\\rtf", "other"), (b"II*\0", "other"),
    (b"MM\0*", "other"), (b"%!PS", "other"), (b"\0\0\0", "other"),
)  # fmt: skip
_LETTER: Final = re.compile(
    rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){0,200}?"
    rb"(?i:received|return-path|message-id|mime-version|delivered-to):"
)
_MBOX: Final = re.compile(rb"From \S+ [^\n]{10,60}\n[!-9;-~]+: ?")
_PDF_WITHIN: Final = 1_024
_HEADERS_WITHIN: Final = 8_192


def kind_of(head: bytes, name: str) -> str:
    """The kind of the document that begins with `head` (up to 256 KiB); `other` is not read."""
    for start, kind in _STARTS:
        if head.startswith(start) and (kind not in {"bitmap", "program"} or b"\0" in head[:64]):
            return kind if kind in {"zip", "ole"} else "other"
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return "pdf"
    named = _ENDINGS.get(_ending(name), "text")
    if b"\0" in head and not _is_wide_text(head):
        return "other"
    if _MBOX.match(head):
        return "mbox"
    if named in {"eml", "mbox"} or (named == "text" and _LETTER.match(head[:_HEADERS_WITHIN])):
        return "eml"
    if head.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<?xml") or named == "xml":
        return "xml"
    return named if named in _TEXTS else "text"


def name_says_other(kind: str, name: str) -> bool:
    """Whether the name's ending belongs to another kind."""
    named = _ENDINGS.get(_ending(name))
    if named is None or (named == "text" and kind in _TEXTS):
        return False
    return named != kind


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _is_wide_text(head: bytes) -> bool:
    """Whether zero bytes are those of UTF-16 or UTF-32."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return True
    return without_mark(head) is not None


def blocks(stream: BinaryIO, name: str, limits: Limits) -> Iterator[Block]:
    """What is in a document. Raises `SourceFault`, its causes those of `ledger.content`."""
    head = _filled(stream, WINDOW)
    if not head:
        raise SourceFault("no_text")
    kind = kind_of(head, name)
    if name_says_other(kind, name):
        yield Note("name_says_other")
    if kind == "other":
        raise SourceFault("unknown_type")
    if kind == "table":
        yield from table_blocks(stream, head)
    elif kind == "text":
        yield from text_blocks(stream, head)
    else:
        from ledger.content.sandbox import read_apart

        yield from read_apart(kind, head, stream, limits)


def _filled(stream: BinaryIO, size: int) -> bytes:
    """The first `size` bytes, or all there are: a stream may give fewer than asked."""
    head = b""
    while len(head) < size and (more := stream.read(size - len(head))):
        head += more
    return head

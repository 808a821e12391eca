r"""The file that is handed out: pages with the twin, then the receipt, then perhaps signatures.

    base        what `ledger.documents.pages` made: PDF/A-3b, the twin attached as `<number>.json`
    receipt     an incremental update (ISO 32000-1, 7.5.6) that attaches `<number>.proof.json`
    signatures  further updates made by PDF signers (PAdES), not by this module

The digest of the base is in the event that issued the document; the receipt holds that event, so it
cannot be part of the base. The update is written here, uncompressed and without a time, so that the
same base and receipt give the same bytes; it replaces the catalog and adds two objects, and makes
an empty form in which signers put their fields. Reading is
no more than finding JSON attachments in bytes, each within limits: a file is not known by its
structure, but by its digests.

>>> base = b"%PDF-1.7\n" + _CATALOG_EXAMPLE
>>> file = attach_receipt(base, "XH-20261121-0001", b'{"format":"muniment-receipt/1"}')
>>> file.startswith(base), attached(file)
(True, [b'{"format":"muniment-receipt/1"}'])
>>> file[len(base) :].count(b" obj"), file.endswith(b"%%EOF")
(3, True)
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from ledger.errors import DataError

MAX_FILE_BYTES: Final = 256 << 20
MAX_ATTACHED_BYTES: Final = 64 << 20
MAX_ATTACHMENTS: Final = 16
MAX_UPDATES: Final = 16
END: Final = b"%%EOF"

_CATALOG_EXAMPLE: Final = (
    b"9 0 obj\n<</Type/Catalog/Pages 1 0 R/Names<</EmbeddedFiles<</Names[(a)3 0 R]>>>>"
    b"/AF[3 0 R]>>\nendobj\nxref\n0 10\ntrailer\n<</Size 10/Root 9 0 R/ID[(a)(b)]>>\n"
    b"startxref\n92\n%%EOF"
)
_CATALOG: Final = re.compile(
    rb"\n([0-9]{1,8}) 0 obj\n(<</Type/Catalog[^\n]*"
    rb"/Names<</EmbeddedFiles<</Names\[[^\]\n]*)(\]>>>>/AF\[[^\]\n]*)(\][^\n]*>>)\nendobj\n"
)
_TRAILER: Final = re.compile(
    rb"trailer\n<</Size ([0-9]{1,8})/Root [0-9]{1,8} 0 R([^\n]*)>>\nstartxref\n([0-9]{1,12})\n%%EOF"
)
_EMBEDDED: Final = re.compile(rb"/EmbeddedFile(?![A-Za-z])")
_LENGTH: Final = re.compile(rb"/Length +([0-9]{1,9})(?! +[0-9]+ +R)|/Length([0-9]{1,9})")
_STREAM: Final = re.compile(rb">>\s*stream\r?\n")


def attach_receipt(base: bytes, number: str, receipt: bytes) -> bytes:
    """The base with its receipt behind it.

    Raises `DataError` for a base that is not laid out as `ledger.documents.pages` does.
    """
    return base + _update(base, f"{number}.proof.json".encode("ascii"), receipt)


def _update(base: bytes, name: bytes, data: bytes) -> bytes:
    catalogs, trailers = list(_CATALOG.finditer(base)), list(_TRAILER.finditer(base))
    if len(catalogs) != 1 or len(trailers) != 1 or not base.endswith(END):
        raise DataError("the pages are not laid out as this program does it")
    catalog, trailer = catalogs[0], trailers[0]
    stream, spec = int(trailer[1]), int(trailer[1]) + 1
    reference = b"%d 0 R" % spec
    objects = {
        int(catalog[1]): catalog[2] + b"(" + name + b")" + reference + catalog[3] + b" "
        + reference + catalog[4][:-2] + b"/AcroForm<</Fields[]/SigFlags 3>>>>",
        stream: b"<</Length %d/Type/EmbeddedFile/Subtype/application#2Fjson/Params<</Size %d>>>>"
        b"\nstream\n%b\nendstream" % (len(data), len(data), data),
        spec: b"<</Type/Filespec/F(%b)/UF(%b)/EF<</F %d 0 R/UF %d 0 R>>/AFRelationship/Supplement"
        b"/Desc(Proofs)>>" % (name, name, stream, stream),
    }  # fmt: skip
    body, offsets = b"\n", {}
    for number, content in objects.items():
        offsets[number] = len(base) + len(body)
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(base) + len(body)
    sections = b"".join(
        b"%d %d\n" % (first, count)
        + b"".join(b"%010d 00000 n \n" % offsets[first + at] for at in range(count))
        for first, count in ((int(catalog[1]), 1), (stream, 2))
    )
    return body + b"xref\n%btrailer\n<</Size %d/Root %b 0 R%b/Prev %b>>\nstartxref\n%d\n%b" % (
        sections, spec + 1, catalog[1], trailer[2], trailer[3], start, END,
    )  # fmt: skip


def check_size(data: bytes) -> None:
    """Raise `DataError` for what is no PDF, or larger than any document."""
    if len(data) > MAX_FILE_BYTES:
        raise DataError("the file is too large for a document")
    if not data.startswith(b"%PDF-"):
        raise DataError("the file is no PDF")
    if END not in data[-64:]:
        raise DataError("the file ends before its end: it was cut off")


def attached(data: bytes) -> list[bytes]:
    """The JSON attachments of a PDF, in the order of the file, those of updates included.

    Raises `DataError` for too many, or for one that grows beyond the limit when unpacked.
    """
    found: list[bytes] = []
    for at, place in enumerate(_EMBEDDED.finditer(data)):
        content = _content(data, place.start())
        if content is not None and content[:1] == b"{":
            found.append(content)
        if at == MAX_ATTACHMENTS or sum(map(len, found)) > MAX_ATTACHED_BYTES:
            raise DataError("the file has too many or too large attachments")
    return found


def _content(data: bytes, place: int) -> bytes | None:
    """What the stream object around `place` holds; None if it is packed in another way."""
    begin = data.rfind(b"obj", max(place - 1024, 0), place)
    stream = _STREAM.search(data, place, place + 1024)
    if begin < 0 or stream is None:
        return None
    header = data[begin : stream.start()]
    if b"/Filter" not in header:
        length = _LENGTH.search(header)
        if length is None:
            return None
        return data[stream.end() : stream.end() + int(length[1] or length[2])]
    if header.count(b"Decode") != 1 or b"/FlateDecode" not in header:
        return None
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(memoryview(data)[stream.end() :], MAX_ATTACHED_BYTES)
    except zlib.error:
        return None
    if unpacking.unconsumed_tail and not unpacking.eof:
        raise DataError("an attachment is too large when unpacked")
    return content


def ends(data: bytes) -> Iterator[int]:
    """Where each state of the file ended: the first `%%EOF`, then one for each update."""
    for at, place in enumerate(re.finditer(END, data)):
        if at == MAX_UPDATES:
            return
        yield place.end()

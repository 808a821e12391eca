r"""Plain text and tables in the encodings that firms really have, decoded as they stream.

An encoding is chosen where the first character comes that is not ASCII, from a window of 256 KiB:

1. a byte order mark: UTF-8, UTF-16 or UTF-32;
2. zero bytes, and text one would expect when read so: UTF-16 without a mark;
3. UTF-8, if the window is;
4. GB18030 (GBK, GB2312), if the window is, and at least half of its Chinese characters are among
   the 3,755 that GB 2312 calls common;
5. what chardet says, if it is sure, or GB18030 does not fit (Big5, Shift JIS, Windows-1252 …);
6. GB18030 after all, if the window is.

If a later window is not in the encoding chosen, the choice is made once more from there on; so a
file is refused (`unknown_encoding`) only where no encoding fits.

>>> "".join(decoded(iter(["姓名,张三\n".encode("gb18030")])))
'姓名,张三\n'
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, Final

from ledger.content.blocks import Rows, Text, in_batches
from ledger.sources import SourceFault

WINDOW: Final = 1 << 18
_MAX_CELL: Final = 1 << 20
_MAX_LINE: Final = 1 << 20
_MAX_SEPARATORS, _FEW_LINES = 1 << 16, 64
_DELIMITERS: Final = ",;\t|"
_SNIFFED_ROWS: Final = 50
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SURE, _LIKELY = 0.6, 0.3  # what chardet says of its own confidence
_EXPECTED: Final = re.compile("[\\t\\n\\r -~\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e]")
_SHARE: Final = 0.9
_COMMON_LEAD: Final = range(0xB0, 0xD8)  # rows 16 to 55 of GB 2312
_COMMON_TRAIL: Final = 0xA1


def windows(stream: BinaryIO, head: bytes = b"") -> Iterator[bytes]:
    """The bytes of a stream, a window at a time, after those that were read before."""
    while head:
        yield head[:WINDOW]
        head = head[WINDOW:]
    while chunk := stream.read(WINDOW):
        yield chunk


def decoded(chunks: Iterator[bytes]) -> Iterator[str]:
    """The text of a stream. Raises `SourceFault`: `unknown_encoding`."""
    decoder: codecs.IncrementalDecoder | None = None
    pending = b""
    for chunk in chunks:
        if decoder is None and b"\0" not in chunk and chunk.isascii():
            yield chunk.decode("ascii")
            continue
        if decoder is not None:
            before = decoder.getstate()[0]
            try:
                yield decoder.decode(chunk)
                continue
            except UnicodeDecodeError:
                pending = before
        decoder = _decoder(pending + chunk)
        yield decoder.decode(pending + chunk)
    if decoder is not None:
        try:
            yield decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise SourceFault("unknown_encoding") from None


def _decoder(window: bytes) -> codecs.IncrementalDecoder:
    name = encoding_of(window)
    if name is None:
        raise SourceFault("unknown_encoding")
    return codecs.getincrementaldecoder(name)()


def encoding_of(window: bytes) -> str | None:
    """The encoding that a window of text is in, which may end in the middle of a character."""
    for mark, name in _MARKS:
        if window.startswith(mark):
            return name if _fits(window, name) else None
    if b"\0" in window:
        wide = without_mark(window)
        return wide if wide and _fits(window, wide) else None
    if _fits(window, "utf-8"):
        return "utf-8"
    chinese = _fits(window, "gb18030")
    if chinese and _is_common_chinese(window):
        return "gb18030"
    said = _said_by_chardet(window, _SURE if chinese else _LIKELY)
    if said and _fits(window, said):
        return said
    return "gb18030" if chinese else None


def _fits(window: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)().decode(window)
    except (UnicodeError, LookupError):
        return False
    return True


def without_mark(window: bytes) -> str | None:
    """UTF-16 without a byte order mark, as nine in ten of its characters say; None if they do not.

    >>> without_mark("客户 1".encode("utf-16-be")), without_mark(bytes(range(256)))
    ('utf-16-be', None)
    """
    some = window[: WINDOW // 8 & ~1]
    shares = [
        (len(_EXPECTED.findall(text)) / len(text), name)
        for name in ("utf-16-le", "utf-16-be")
        if (text := codecs.getincrementaldecoder(name)("replace").decode(some))
    ]
    share, name = max(shares, default=(0.0, ""))
    return name if share >= _SHARE else None


def _is_common_chinese(window: bytes) -> bool:
    """Whether most of its characters of two bytes are common ones, read as GB18030."""
    text = codecs.getincrementaldecoder("gb18030")().decode(window[: WINDOW // 8])
    pairs = [c.encode("gb18030") for c in set(text) if "\u4e00" <= c <= "\u9fff"]
    weights = Counter(text)
    total = common = 0
    for pair in pairs:
        weight = weights[pair.decode("gb18030")]
        total += weight
        common += weight * (pair[0] in _COMMON_LEAD and pair[1] >= _COMMON_TRAIL)
    return total > 0 and common * 2 >= total


def _said_by_chardet(window: bytes, least: float) -> str | None:
    try:
        import chardet
    except ImportError:
        raise SourceFault("needs_ingest_extra") from None
    said = chardet.detect(window[: WINDOW // 8])
    name = said["encoding"]
    return str(name) if name and said["confidence"] >= least else None


def text_blocks(stream: BinaryIO, head: bytes) -> Iterator[Text]:
    """A plain text. Raises `SourceFault`: `unknown_encoding`, `no_text`."""
    rest, some = "", False
    for text in decoded(windows(stream, head)):
        rest += text
        cut = rest.rfind("\n") + 1 or (len(rest) if len(rest) > WINDOW * 4 else 0)
        if rest[:cut].strip():
            some = True
            yield Text(rest[:cut])
        rest = rest[cut:]
    if rest.strip():
        some = True
        yield Text(rest)
    if not some:
        raise SourceFault("no_text")


# -- tables ----------------------------------------------------------------------------------


def table_blocks(stream: BinaryIO, head: bytes) -> Iterator[Rows]:
    """A table, its header row included; empty lines are left out, and not counted.

    Raises `SourceFault`: `unknown_encoding`, `malformed_table`, `no_text`.
    """
    csv.field_size_limit(_MAX_CELL)
    texts = decoded(windows(stream, head))
    first = next(texts, "")
    delimiter = delimiter_of(first)
    lines = chain.from_iterable(_lines(chain([first], texts), delimiter))
    reader = csv.reader(lines, delimiter=delimiter)
    some = False
    try:
        for rows in in_batches("1", filter(None, reader)):
            some = True
            yield rows
    except csv.Error:
        raise SourceFault("malformed_table") from None
    if not some:
        raise SourceFault("no_text")


def _lines(texts: Iterable[str], delimiter: str) -> Iterator[io.StringIO]:
    """Lines with their ends, many at a time, of texts cut anywhere.

    Raises `SourceFault` before lines that are mostly separators become millions of cells.
    """
    rest = ""
    for text in texts:
        rest += text
        cut = max(rest.rfind("\n"), rest.rfind("\r", 0, -1)) + 1
        if len(rest) - cut > _MAX_LINE or (
            rest.count(delimiter) > _MAX_SEPARATORS and rest.count("\n") < _FEW_LINES
        ):
            raise SourceFault("malformed_table")
        if cut:
            yield io.StringIO(rest[:cut], newline="")
            rest = rest[cut:]
    if rest:
        yield io.StringIO(rest, newline="")


def delimiter_of(text: str) -> str:
    r"""What separates the cells of a table: the sign that gives the most rows of one width.

    >>> delimiter_of("姓名;电话\n张三;1,2\n"), delimiter_of("name\n")
    (';', ',')
    """
    lines = text[: WINDOW // 4].splitlines(keepends=True)[:_SNIFFED_ROWS]
    best = (0, 0, "")
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(map(len, filter(None, csv.reader(lines, delimiter=delimiter))))
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        if width > 1 and (count, width) > best[:2]:
            best = (count, width, delimiter)
    return best[2] or _DELIMITERS[0]

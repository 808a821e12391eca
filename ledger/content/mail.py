"""Letters: what their headers and their text say, and what is attached to them.

Attachments are read as documents of their own, one letter deep: of a letter in a letter only the
text is read. What of it cannot be read does not keep the rest from being read (a `Note` says so).
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Final

from ledger.content.blocks import Block, Limits, Note, in_stretches
from ledger.content.text import encoding_of
from ledger.sources import SourceFault

_HEADERS: Final = ("From", "To", "Cc", "Bcc", "Reply-To", "Sender", "Subject", "Date")
_BEGINNING: Final = re.compile(rb"(?:\A|\n\r?\n)From [^\n]*\r?\n")
_MAX_PARTS: Final = 2_000


def from_mbox(data: bytes, limits: Limits, depth: int) -> Iterator[Block]:
    """Letters one after the other, each after a line that begins with "From "."""
    beginnings = list(_BEGINNING.finditer(data))
    ends = [*(found.start() for found in beginnings[1:]), len(data)]
    for found, end in zip(beginnings, ends, strict=True):
        yield from from_eml(data[found.end() : end], limits, depth)


def from_eml(data: bytes, limits: Limits, depth: int) -> Iterator[Block]:
    """One letter with its attachments."""
    letter = email.message_from_bytes(data, policy=email.policy.compat32)
    heads = [f"{name}: {_header(letter.get(name))}" for name in _HEADERS if name in letter]
    yield from in_stretches("\n".join(heads))
    for number, part in enumerate(letter.walk()):
        if number > _MAX_PARTS:
            raise SourceFault("too_large")
        if not part.is_multipart():
            yield from _part(part, limits, depth)


def _header(value: object) -> str:
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(str(value))))
    except (ValueError, LookupError):
        return str(value)


def _part(
    part: EmailMessage | email.message.Message, limits: Limits, depth: int
) -> Iterator[Block]:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    kind = part.get_content_type()
    if part.get_filename() is None and kind in {"text/plain", "text/html"}:
        words = _decoded(data, part.get_content_charset())
        yield from in_stretches(_without_tags(words) if kind == "text/html" else words)
        return
    if not data.strip():
        return
    from ledger.content.parsing import parsed
    from ledger.content.reading import kind_of
    from ledger.content.text import WINDOW

    of = kind_of(data[:WINDOW], _header(part.get_filename() or ""))
    if depth > 0 and of in {"eml", "mbox"}:
        yield Note("attachment_not_read")
        return
    try:
        yield from parsed(of, data, limits, depth + 1)
    except (MemoryError, ImportError):
        raise
    except Exception:  # noqa: BLE001  any parser's any error: this attachment, not the letter
        yield Note("attachment_not_read")


def _decoded(data: bytes, charset: str | None) -> str:
    for name in (charset, encoding_of(data), "utf-8"):
        try:
            if name:
                return data.decode(name)
        except (UnicodeError, LookupError):
            continue
    return data.decode("ascii", "replace")


class _Words(HTMLParser):
    """The text of HTML, without scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self._silent += tag in {"script", "style"}
        self.words.append("\n" if tag in {"p", "br", "div", "tr", "li"} else " ")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(self._silent - (tag in {"script", "style"}), 0)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def _without_tags(words: str) -> str:
    reader = _Words()
    reader.feed(words)
    reader.close()
    return "".join(reader.words)

"""What is in a document: its text and its tables, read without trusting it.

`blocks` reads a stream whatever it is: csv, tsv and txt here, in flat memory, everything else in a
process of its own (`ledger.content.sandbox`), which has no content but what it is handed and whose
memory and time are limited. What cannot be read is a `SourceFault` with one of these causes:

    encrypted_document   it opens with a password only
    xml_bomb             XML that declares entities or a document type, or fetches from elsewhere
    zip_bomb             too many members, or members that grow too much
    damaged_document     its parser does not get through it, or died of it
    malformed_table      a table whose quoting does not close, or with a cell over 1 MiB
    unknown_encoding     text in no encoding that fits
    unknown_type         a kind of document that is not read: pictures, sound, doc, ppt, archives
    no_text              read, and there is no text in it: a scan, an empty document
    too_large            over the limits of `Limits`
    too_long             over its seconds
    too_much_memory      over its memory
    needs_ingest_extra   `pip install 'muniment[ingest]'`

Nothing here says or writes down a word of what it read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ledger.content.blocks import Block, Limits, Note, Rows, Text
from ledger.content.reading import blocks

__all__ = ["Block", "Limits", "Note", "Piece", "Rows", "Text", "blocks", "pieces"]


class Piece(NamedTuple):
    """Text, or one row of a table: its `sheet`, its 1-based number there, its cells."""

    text: str = ""
    sheet: str = ""
    row: int = 0
    cells: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without content."""
        return f"<Piece of {len(self.cells)} cells>" if self.row else "<Piece of text>"


def pieces(stream: BinaryIO, name: str, limits: Limits | None = None) -> Iterator[Piece]:
    r"""The text and the rows of a document, piece by piece, the header row among them.

    `stream`: its bytes, read once from beginning to end; `name`: what it is called, whose ending
    is heard only where the bytes leave it open. Raises `SourceFault`.

    >>> import io
    >>> for piece in pieces(io.BytesIO("姓名,电话\n张三,1\n".encode("gb18030")), "a.csv"):
    ...     print(piece.row, piece.cells)
    1 ('姓名', '电话')
    2 ('张三', '1')
    """
    for block in blocks(stream, name, limits or Limits()):
        if isinstance(block, Text):
            yield Piece(block.text)
        elif isinstance(block, Rows):
            for number, cells in enumerate(block.rows, block.first):
                yield Piece(sheet=block.sheet, row=number, cells=tuple(cells))

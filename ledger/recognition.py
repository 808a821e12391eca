"""How content that was collected is known again: tokens, which say nothing without the pepper.

    pepper    HMAC-SHA-256(the engagement's data key, LABEL)
    a file    HMAC-SHA-256(pepper, "collect/v1" NUL ‖ 8 zero bytes ‖ SHA-256 of the content ‖ path)
    a row     HMAC-SHA-256(pepper, "table/v1" NUL ‖ path)[5] ‖ row number[4] ‖ HMAC-SHA-256(pepper,
              "row/v1" NUL ‖ path ‖ NUL ‖ row number[4] ‖ SHA-256 of the row's content)

Each cut to 16 bytes, paths as the system gives them, numbers big-endian. The tokens of a table's
rows begin alike, so that they are inserted in order: random ones would touch every page of the
index with every thousand rows.

>>> file_token(bytes(32), b"/a.txt", bytes(32)).hex()
'beb53a25171705d724a50a0d975a051f'
>>> RowTokens(bytes(32), b"/a.csv").token(7, bytes(32)).hex()
'820d58ccfc000000077f0ebdbddb21c6'
"""

from __future__ import annotations

import hmac
from typing import Final

LABEL: Final = b"muniment/pepper/v1"
TOKEN_BYTES: Final = 16
_PLACE_BYTES: Final = 5
_NUMBER_BYTES: Final = 4


def file_token(pepper: bytes, path: bytes, digest: bytes) -> bytes:
    """What says "the same content in the same place" without saying which; `digest`: 32 bytes."""
    message = b"collect/v1\0" + bytes(8) + digest + path
    return hmac.digest(pepper, message, "sha256")[:TOKEN_BYTES]


class RowTokens:
    """The same for the rows of one table."""

    def __init__(self, pepper: bytes, path: bytes) -> None:
        """`path`: the table's, as the system gives it."""
        self._place = hmac.digest(pepper, b"table/v1\0" + path, "sha256")[:_PLACE_BYTES]
        self._mac = hmac.new(pepper, b"row/v1\0" + path + b"\0", "sha256")

    def token(self, number: int, digest: bytes) -> bytes:
        """Of the data row `number`, whose content has this SHA-256 (32 bytes)."""
        mac, place = self._mac.copy(), number.to_bytes(_NUMBER_BYTES)
        mac.update(place + digest)
        return (self._place + place + mac.digest())[:TOKEN_BYTES]

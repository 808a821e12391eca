"""Tiles over HTTP: reading only, one request a connection, with limits on all that a stranger does.

    GET, HEAD  /checkpoint      text/plain; charset=utf-8, never kept by a cache
               /tile/...        application/octet-stream, immutable

404 for every other path, 405 for another method, 400 for what is no HTTP, 500 if what is stored
does not hang together, 503 where too many ask at once. A request head has `HEAD_SECONDS` and
`HEAD_BYTES`; an answer must be taken within `ANSWER_SECONDS` (`ledger.serving`).
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from ledger.errors import MunimentError
from ledger.serving import TEXT, Limited, Limits, Server
from ledger.tileview import CHECKPOINT

HEAD_SECONDS: Final = 10.0
HEAD_BYTES: Final = 8192
ANSWER_SECONDS: Final = 60.0
MOST_CONNECTIONS: Final = 32
_BYTES: Final = "application/octet-stream"
_FRESH: Final = {"Cache_Control": "no-store", "X_Content_Type_Options": "nosniff"}
_FOREVER: Final = {**_FRESH, "Cache_Control": "public, max-age=31536000, immutable"}

Read = Callable[[str], bytes | None]
"""The bytes of a resource by its path without the first slash, None if there is none."""


class TileServer(Server):
    """Serves one view on a bound address until `shutdown`.

    `told`: hears the status of every answer. Raises `OSError` if the address cannot be had.
    """

    def __init__(
        self,
        address: tuple[str, int],
        read: Read,
        told: Callable[[int], None] = lambda _status: None,
    ) -> None:
        self.read = read
        limits = Limits(MOST_CONNECTIONS, 1, HEAD_BYTES, HEAD_SECONDS, ANSWER_SECONDS)
        super().__init__(address, _Handler, told, limits)


class _Handler(Limited):
    server: TileServer
    protocol_version = "HTTP/1.0"
    server_version = "muniment-tiles"

    # The names are http.server's.

    def do_GET(self) -> None:  # noqa: N802  as above
        """A resource."""
        name = self.path.removeprefix("/")
        if not self.path.startswith("/"):
            return self.say(HTTPStatus.NOT_FOUND)
        try:
            data = self.server.read(name)
        except (MunimentError, OSError):
            return self.say(HTTPStatus.INTERNAL_SERVER_ERROR)
        if data is None:
            return self.say(HTTPStatus.NOT_FOUND)
        if name == CHECKPOINT:
            return self.say(HTTPStatus.OK, data, TEXT, **_FRESH)
        return self.say(HTTPStatus.OK, data, _BYTES, **_FOREVER)

    do_HEAD = do_GET  # noqa: N815  as above

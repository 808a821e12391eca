"""A witness over HTTP (C2SP tlog-witness), with limits on everything that a stranger sends.

    POST /add-checkpoint            `ledger.witness`; 200, 400, 403, 404, 409, 422
    GET  /<hex>/checkpoint          the last checkpoint cosigned of a log, with the log's signatures
                                    and ours; <hex>: SHA-256 of its origin

409 says the size cosigned last, as text/x.tlog.size. Other answers: 404 another path, 405 another
method, 411 no length, 413 a longer body than `MAX_REQUEST_BYTES`, 500 when what was cosigned last
cannot be read or written (nothing is cosigned then), 503 too many connections at once.

A request must be whole within `REQUEST_SECONDS`, however slowly it drips; a connection is kept for
at most `MOST_REQUESTS` requests (`ledger.serving`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from ledger.errors import MunimentError
from ledger.serving import Limited, Limits, Server
from ledger.witness import CONFLICT, INCONSISTENT, MAX_REQUEST_BYTES, OK, Witness

REQUEST_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 5.0
MOST_REQUESTS: Final = 100
MOST_CONNECTIONS: Final = 64
SIZE: Final = "text/x.tlog.size"
ADD: Final = "/add-checkpoint"
_LATEST: Final = re.compile(r"/([0-9a-f]{64})/checkpoint")
_LENGTH: Final = re.compile(r"[0-9]{1,9}")


class WitnessServer(Server):
    """Serves one witness on a bound address until `shutdown`.

    `told`: hears the status of every answer. Raises `OSError` if the address cannot be had.
    """

    def __init__(
        self,
        address: tuple[str, int],
        witness: Witness,
        told: Callable[[int], None] = lambda _status: None,
    ) -> None:
        self.witness = witness
        seconds, size = REQUEST_SECONDS, 2 * MAX_REQUEST_BYTES  # a body and its headers
        limits = Limits(MOST_CONNECTIONS, MOST_REQUESTS, size, seconds, seconds, idle=IDLE_SECONDS)
        super().__init__(address, _Handler, told, limits)


class _Handler(Limited):
    server: WitnessServer
    protocol_version = "HTTP/1.1"
    server_version = "muniment-witness"

    # The names are http.server's.

    def do_POST(self) -> None:  # noqa: N802  as above
        """Cosign, or say why not."""
        if self.path != ADD:
            return self._end(HTTPStatus.NOT_FOUND, close=True)
        body = self._body()
        if body is None:
            return None
        try:
            answer = self.server.witness.answer(body)
        except MunimentError as error:
            return self.say(HTTPStatus.INTERNAL_SERVER_ERROR, f"{error.message}\n".encode())
        if answer.status == OK:
            return self.say(OK, answer.lines)
        if answer.status == CONFLICT:
            return self.say(CONFLICT, f"{answer.last}\n".encode("ascii"), SIZE)
        reason = f"{answer.reason}\n"
        if answer.status == INCONSISTENT and answer.fork:
            reason = f"{answer.reason}; this log has signed two histories: kept as evidence\n"
        return self.say(answer.status, reason.encode())

    def do_GET(self) -> None:  # noqa: N802  as above
        """The last checkpoint cosigned of a log."""
        if self.path == ADD:
            return self._end(HTTPStatus.METHOD_NOT_ALLOWED)
        found = _LATEST.fullmatch(self.path)
        try:
            note = self.server.witness.latest(found[1]) if found else None
        except MunimentError as error:
            return self.say(HTTPStatus.INTERNAL_SERVER_ERROR, f"{error.message}\n".encode())
        if note is None:
            return self._end(HTTPStatus.NOT_FOUND)
        return self.say(OK, note)

    do_HEAD = do_GET  # noqa: N815  as above

    def _body(self) -> bytes | None:
        """The whole body, or None after the answer that it is not one."""
        length = self.headers.get_all("Content-Length", [])
        wrong = None
        if self.headers.get("Transfer-Encoding") is not None or not length:
            wrong = HTTPStatus.LENGTH_REQUIRED
        elif len(set(length)) != 1 or not _LENGTH.fullmatch(length[0]):
            wrong = HTTPStatus.BAD_REQUEST
        elif int(length[0]) > MAX_REQUEST_BYTES:
            wrong = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if wrong is None:
            body = self.rfile.read(int(length[0]))
            if len(body) == int(length[0]):
                return body
            wrong = HTTPStatus.BAD_REQUEST
        self._end(wrong, close=True)
        return None

    def _end(self, status: HTTPStatus, *, close: bool = False) -> None:
        """An answer that is not the witness's; `close`: what follows was not read."""
        if close:
            self.close_connection = True
        self.say(status, f"{status.phrase}\n".encode("ascii"))

"""An HTTP server with limits on all that a stranger does: connections, bytes, and time.

Connections run in threads, so many at once; one more is told 503 and closed. A request must be
whole in time, however its bytes drip (`Limits`). Nothing is logged but statuses: no address, no
path, no body. It speaks plain HTTP and knows nobody: for others than this machine put a proxy with
TLS before it.
"""

from __future__ import annotations

import io
import socket
import socketserver
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import BoundedSemaphore, Event
from typing import Any, Final, NamedTuple

TEXT: Final = "text/plain; charset=utf-8"
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Limits(NamedTuple):
    """What a stranger may do.

    `connections`: at once; `requests`: on one connection, each of `size` bytes and whole within
    `seconds`; `answer`: seconds to take an answer; `idle`: seconds until a further request begins.
    """

    connections: int
    requests: int
    size: int
    seconds: float
    answer: float
    idle: float = 0.0


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """Serves on a bound address until `shutdown`; `stopping` is for whoever shuts it down.

    `told`: hears the status of every answer. Raises `OSError` if the address cannot be had.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[Limited],
        told: Callable[[int], None],
        limits: Limits,
    ) -> None:
        self.told, self.limits = told, limits
        self.stopping = Event()
        self._places = BoundedSemaphore(limits.connections)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without asking the name service who we are."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """In a thread of its own, or 503 where too many run."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        self.told(HTTPStatus.SERVICE_UNAVAILABLE)
        with suppress(OSError):
            request.settimeout(1)
            request.sendall(_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """One connection, to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """A connection that breaks is no matter of ours; anything else is told as 500."""
        del request, client_address
        if not isinstance(sys.exc_info()[1], OSError):
            self.told(HTTPStatus.INTERNAL_SERVER_ERROR)


class _Timed(io.RawIOBase):
    """Reads a connection until a moment, however the bytes drip, and so many of them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._until = 0.0
        self._bytes = 0

    def allow(self, seconds: float, size: int) -> None:
        """From now on so long, and so many bytes."""
        self._until, self._bytes = time.monotonic() + seconds, size

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        """What is there; `TimeoutError` when the moment has passed or too much came."""
        left = self._until - time.monotonic()
        if left <= 0 or self._bytes <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        read = self._connection.recv_into(memoryview(buffer)[: self._bytes])
        self._bytes -= read
        return read


class Limited(BaseHTTPRequestHandler):
    """Answers requests within the limits of its server, by `say`; a subclass says what."""

    server: Server
    sys_version = ""

    def setup(self) -> None:
        """Read the connection within limits."""
        super().setup()
        self._timed = _Timed(self.connection)
        self.rfile.close()
        self.rfile = self._buffered = io.BufferedReader(self._timed, 16_384)
        self._count = 0

    def handle_one_request(self) -> None:
        """One request: a wait for its first byte, then the time for all of it."""
        limits = self.server.limits
        self._count += 1
        self._timed.allow(limits.seconds if self._count == 1 else limits.idle, limits.size)
        try:
            if not self._buffered.peek(1):
                self.close_connection = True
                return
        except OSError:
            self.close_connection = True
            return
        self._timed.allow(limits.seconds, limits.size)
        super().handle_one_request()
        if self._last():
            self.close_connection = True

    def _last(self) -> bool:
        return self._count >= self.server.limits.requests or self.server.stopping.is_set()

    def say(self, status: int, body: bytes = b"", kind: str = TEXT, **headers: str) -> None:
        """An answer; `headers`: more of them, with `_` for `-`."""
        self.server.told(status)
        self.connection.settimeout(self.server.limits.answer)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if self.close_connection or self._last():
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A request that is not HTTP, or of another method: nothing of it is repeated."""
        del message, explain
        self.close_connection = True
        if not hasattr(self, "command") or self.command is None:
            self.command = ""
        other = code == HTTPStatus.NOT_IMPLEMENTED
        self.say(HTTPStatus.METHOD_NOT_ALLOWED if other else code)

    def log_message(self, *arguments: object) -> None:
        """Nothing: addresses and paths are nobody's business."""

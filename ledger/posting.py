"""One POST to somebody else's server, with limits on all that it says.

The answer is whole within the seconds given, however slowly it drips. No redirect is followed and
no proxy is asked; a name is resolved and a certificate checked as this machine does it. Nothing
that is said is believed here: whoever asked verifies it.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Timer
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

SECONDS = 20.0
"""So long an answer is waited for, if nothing else is said."""


class Answer(NamedTuple):
    """What came: status, media type and body (at most one byte more than was asked for)."""

    status: int
    kind: str
    body: bytes


class NoAnswerError(Exception):
    """Nothing came, or not all of it in time; `cause` in the system's words."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def address(url: str) -> SplitResult | None:
    """An address of HTTP or HTTPS in parts, without user, password or fragment; None for others."""
    with suppress(ValueError):
        parts = urlsplit(url)
        plain = not (parts.fragment or parts.username or parts.password or " " in url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        if known and plain and url.isascii() and url.isprintable():
            return parts
    return None


def post(
    parts: SplitResult,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    most: int,
    seconds: float = SECONDS,
) -> Answer:
    """The answer to a request; at most `most` + 1 bytes of it. Raises `NoAnswerError`."""
    connection = _connection(parts, seconds)
    cut = Event()
    late: Timer | None = None
    try:
        connection.connect()
        # Kept here: http.client forgets its socket where the answer ends with the connection.
        late = Timer(seconds, _cut, (connection.sock, cut))
        late.daemon = True
        late.start()
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        answer = Answer(
            response.status, response.headers.get_content_type(), response.read(most + 1)
        )
    except (OSError, http.client.HTTPException) as error:
        if cut.is_set():
            raise NoAnswerError("it answered too slowly") from None
        raise NoAnswerError(getattr(error, "strerror", None) or type(error).__name__) from None
    finally:
        if late is not None:
            late.cancel()
        connection.close()
    if cut.is_set():  # what came so far looks whole where no length was told
        raise NoAnswerError("it answered too slowly")
    return answer


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    assert parts.hostname is not None
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=seconds, context=context
        )
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=seconds)


def _cut(connected: socket.socket, cut: Event) -> None:
    cut.set()
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)

"""A time-stamping authority asked over HTTP (RFC 3161, 3.4), with limits on all that it says.

One POST of `application/timestamp-query`; an answer counts only with status 200, the type
`application/timestamp-reply` and at most `MAX_REPLY_BYTES`. What the reply says is believed only
after `ledger.timestamps` has verified it, so plain HTTP is enough.
"""

from __future__ import annotations

from typing import Final

from ledger.errors import IncompleteError, UsageError
from ledger.offline.der import MAX_BYTES as MAX_REPLY_BYTES
from ledger.posting import SECONDS, NoAnswerError, address, post

QUERY: Final = "application/timestamp-query"
REPLY: Final = "application/timestamp-reply"
OK: Final = 200


def ask(url: str, request: bytes, seconds: float = SECONDS) -> bytes:
    """The authority's answer to a TimeStampReq, unverified.

    Raises `UsageError` for what is no address, `IncompleteError` if no such answer came.
    """
    parts = address(url)
    if parts is None:
        raise UsageError("that is no authority's address", "http://HOST[:PORT][/PATH]")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": QUERY, "Accept": REPLY}
    try:
        said = post(parts, path, request, headers, most=MAX_REPLY_BYTES, seconds=seconds)
    except NoAnswerError as error:
        raise IncompleteError(
            "the authority did not answer ({cause}); nothing was recorded",
            "try again, or another authority; by file: muniment timestamp request",
            cause=error.cause,
        ) from None
    if said.status != OK:
        raise IncompleteError(
            "the authority answered with status {status}; nothing was recorded",
            "look at the address, or try another authority",
            status=said.status,
        )
    if said.kind != REPLY:
        raise IncompleteError(
            "the authority answered with something else than a time-stamp reply; nothing was "
            "recorded",
            "look at the address, or try another authority",
        )
    if len(said.body) > MAX_REPLY_BYTES:
        raise IncompleteError(
            "the authority answered too much; nothing was recorded", "try another authority"
        )
    return said.body

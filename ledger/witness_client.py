"""A witness asked over HTTP (C2SP tlog-witness): at most three tries, limits on all that it says.

A reply is believed only for the cosignature that it carries, and that is verified by whoever asked
(`ledger.publishing`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import SplitResult

from ledger.errors import UsageError
from ledger.posting import SECONDS, NoAnswerError, address, post
from ledger.witness import CONFLICT, Request

MAX_REPLY_BYTES: Final = 65_536
TRIES: Final = 3
SIZE_TYPE: Final = "text/x.tlog.size"
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class Reply(NamedTuple):
    """What a witness said: a status, 0 if nothing came; `cause` says then why.

    `body`: at most `MAX_REPLY_BYTES`; `last`: for 409, the size that it cosigned last.
    """

    status: int
    body: bytes = b""
    last: int | None = None
    cause: str = ""


def check_url(url: str) -> SplitResult:
    """A witness's submission prefix, in parts. Raises `UsageError` for anything else."""
    parts = address(url)
    if parts is not None and not parts.query:
        return parts
    raise UsageError(
        "the policy names a witness's address that is none", "https://HOST[:PORT][/PATH]"
    )


def ask(
    url: str,
    note: bytes,
    size: int,
    known: int,
    prove: Callable[[int], tuple[bytes, ...]],
    seconds: float = SECONDS,
) -> Reply:
    """Ask for a cosignature on a checkpoint of `size` entries; `known`: what it cosigned last.

    `prove`: the consistency proof from a size to `size`. Where the witness names another size that
    is not above `size`, it is asked again from there.
    """
    parts, old = check_url(url), known
    reply = Reply(0)
    for _ in range(TRIES):
        reply = _post(parts, Request(old, prove(old), note).format(), seconds)
        if reply.status != CONFLICT or reply.last is None or not 0 <= reply.last <= size:
            return reply
        if reply.last == old:
            return reply
        old = reply.last
    return reply


def _post(parts: SplitResult, body: bytes, seconds: float) -> Reply:
    path = f"{parts.path.rstrip('/')}/add-checkpoint"
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    try:
        said = post(parts, path, body, headers, most=MAX_REPLY_BYTES, seconds=seconds)
    except NoAnswerError as error:
        return Reply(0, cause=error.cause)
    if len(said.body) > MAX_REPLY_BYTES:
        return Reply(0, cause="it answered too much")
    last = None
    if said.status == CONFLICT and said.kind == SIZE_TYPE:
        found = _SIZE.fullmatch(said.body)
        last = int(found[1]) if found else None
    return Reply(said.status, said.body, last)

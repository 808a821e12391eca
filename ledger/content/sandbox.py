"""A document of a kind that others' code parses is read in a process of its own.

The process is `python -m ledger.content.child KIND LIMITS`; it gets the document through a pipe
and gives blocks back through another (frames: `ledger.content.blocks`). No file is written, no
name is passed, its environment is empty, and it limits itself before it reads the first byte:

    address space   `Limits.memory`      processor time   `Limits.seconds`
    files written   0 bytes              core dump        none

Its wall time is limited here. However it ends other than by an `End` frame, that has a name:
`too_long` (killed by either clock), `too_much_memory`, or `damaged_document` for a parser that
died, which is what damaged and hostile documents make parsers do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer
from typing import IO, BinaryIO, Final

import msgspec

import ledger
from ledger.content.blocks import MAX_FRAME, Block, End, Limits, Note, Rows, Text
from ledger.sources import SourceFault

_DECODER: Final = msgspec.msgpack.Decoder(Text | Rows | Note | End)
_CHUNK: Final = 1 << 20
_MEMORY_SIGNS: Final = (b"memory allocation of", b"MemoryError", b"bad_alloc", b"out of memory")


def read_apart(kind: str, head: bytes, rest: BinaryIO, limits: Limits) -> Iterator[Block]:
    """The blocks of a document that begins with `head`. Raises `SourceFault`."""
    child = _start(kind, limits)
    killed: list[bool] = []

    def kill() -> None:
        killed.append(True)
        child.kill()

    clock = Timer(limits.seconds, kill)
    clock.daemon = True
    stderr: list[bytes] = []
    listener = Thread(target=lambda: stderr.append(_listen(child.stderr)), daemon=True)
    clock.start()
    listener.start()
    try:
        _hand_over(child.stdin, head, rest, limits.size)
        cause = yield from _blocks(child.stdout)
    finally:
        clock.cancel()
        child.kill()  # has ended, or is not heard any more
        code = child.wait()
        listener.join(1)
        for pipe in (child.stdin, child.stdout, child.stderr):
            with suppress(OSError):  # a pipe whose reader died cannot be flushed
                pipe.close()  # type: ignore[union-attr]
    if cause is None:
        cause = "too_long" if killed else _died_of(code, b"".join(stderr))
    if cause:
        raise SourceFault(cause)


def _start(kind: str, limits: Limits) -> subprocess.Popen[bytes]:
    package = Path(ledger.__file__).resolve().parent.parent
    return subprocess.Popen(  # noqa: S603  our own program; nothing of it comes from a document
        [sys.executable, "-P", "-s", "-m", "ledger.content.child", kind,
         msgspec.json.encode(limits).decode("ascii")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PYTHONPATH": os.fspath(package), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/", close_fds=True, start_new_session=True,
    )  # fmt: skip


def _hand_over(pipe: IO[bytes] | None, head: bytes, rest: BinaryIO, limit: int) -> None:
    """Write a document into the pipe. Raises `SourceFault`: `too_large`, or what reading raises."""
    assert pipe is not None
    size = len(head)
    with suppress(BrokenPipeError):  # it has ended already, and says why, or its end does
        pipe.write(head)
        while chunk := rest.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise SourceFault("too_large")
            pipe.write(chunk)
        pipe.close()


def _blocks(pipe: IO[bytes] | None) -> Generator[Block, None, str | None]:
    """The blocks as they come; returns the cause that the process gave, None if it gave none."""
    assert pipe is not None
    while len(length := pipe.read(4)) == 4:  # noqa: PLR2004
        size = int.from_bytes(length)
        frame = pipe.read(size) if size <= MAX_FRAME else b""
        try:
            block = _DECODER.decode(frame) if len(frame) == size else None
        except msgspec.MsgspecError:
            block = None
        if block is None:
            return None
        if isinstance(block, End):
            return block.cause
        yield block
    return None


def _listen(pipe: IO[bytes] | None) -> bytes:
    """The last 4 KiB of what it said on its standard error: heard, never shown."""
    assert pipe is not None
    heard = b""
    with suppress(OSError, ValueError):
        while chunk := pipe.read(4_096):
            heard = (heard + chunk)[-4_096:]
    return heard


def _died_of(code: int, stderr: bytes) -> str:
    if code == -signal.SIGXCPU:
        return "too_long"
    if any(sign in stderr for sign in _MEMORY_SIGNS):
        return "too_much_memory"
    return "damaged_document"

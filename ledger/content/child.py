"""The process in which one document is parsed: `python -m ledger.content.child KIND LIMITS`.

Limits itself, reads the document from its standard input, writes blocks to its standard output
(`ledger.content.blocks`), ends with an `End`. A parser that prints, prints into nothing.
"""

from __future__ import annotations

import os
import resource
import sys
from typing import BinaryIO, Final

import msgspec

from ledger.content.blocks import Block, End, Limits
from ledger.sources import SourceFault

_ENCODER: Final = msgspec.msgpack.Encoder()


def main() -> None:
    """Read the one document that standard input is."""
    limits = msgspec.json.decode(sys.argv[2], type=Limits)
    _limit(limits)
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    cause = "damaged_document"
    try:
        data = sys.stdin.buffer.read()
        _give(out, sys.argv[1], data, limits)
        cause = ""
    except SourceFault as fault:
        cause = fault.cause
    except (MemoryError, OverflowError):
        cause = "too_much_memory"
    except ImportError:
        cause = "needs_ingest_extra"
    except BrokenPipeError:
        return
    except (Exception, RecursionError):  # noqa: BLE001, S110  any parser's any error: damaged
        pass
    _write(out, End(cause))
    out.flush()
    os._exit(0)  # parsers' own clean-up may take longer than their work


def _limit(limits: Limits) -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _give(out: BinaryIO, kind: str, data: bytes, limits: Limits) -> None:
    from ledger.content.parsing import parsed

    left, some = limits.text, False
    for block in parsed(kind, data, limits):
        frame = _ENCODER.encode(block)
        left -= len(frame)
        if left < 0:
            raise SourceFault("too_large")
        out.write(len(frame).to_bytes(4) + frame)
        some = some or type(block).__name__ != "Note"
    if not some:
        raise SourceFault("no_text")


def _write(out: BinaryIO, block: Block | End) -> None:
    frame = _ENCODER.encode(block)
    out.write(len(frame).to_bytes(4) + frame)


if __name__ == "__main__":
    main()

"""The documents' part of P12: a certificate as PDF, by a compiler that has made one before.

The certificate is of fourteen copies, four pages long; with it a list of 5,000 copies, whose time
has no promise.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from bench.measuring import Result, Size, interleaved, result, skipped

_ID: Final = "019390a1-7e30-7c3a-8d5e-2f1b6a9c{:04x}"
_MEASURE: Final = "certificate PDF, warm"
_MOST: Final = 0.1
_COPIES, _LISTED = 14, 5_000


def printing(size: Size) -> Iterator[Result]:
    """P12: the pages of a twin, warm."""
    try:
        from ledger.documents.pages import render
    except ImportError:
        yield skipped("P12", _MEASURE, "the extra pdf is not installed", f"<= {_MOST} s")
        return

    def timed(twin: bytes) -> float:
        begin = time.perf_counter()
        render(twin)
        return time.perf_counter() - begin

    timed(_twin("destruction_certificate", 1, 0))  # fonts and template are read once
    turn = iter(range(1, 1_000_000))  # never the same twin: a compiler remembers what it laid out
    runs = {
        "certificate": lambda: timed(_twin("destruction_certificate", _COPIES, next(turn))),
        "list": lambda: timed(_twin("destruction_list", _LISTED, next(turn))),
    }
    seconds = interleaved(runs, 3 * size.rounds)
    yield result("P12", _MEASURE, seconds["certificate"], "s", most=_MOST)
    yield result("P12", f"list of {_LISTED:,} copies as PDF, warm", seconds["list"], "s")


def _twin(kind: str, copies: int, turn: int) -> bytes:
    from ledger.documents.twin import canonical

    case = f"destruction_case-{_ID.format(turn % 65536)}"
    return canonical({
        "format": "muniment-document/1", "kind": kind, "number": "XH-20261121-0001",
        "title": {"zh": "销毁证明", "en": "Certificate of Destruction"}, "locale": "zh_en",
        "ledger": {"id": f"ledger-{_ID.format(0)}", "origin": "bench.example/ledger", "key": "k"},
        "engagement": f"engagement-{_ID.format(0)}", "issued_at": "2026-11-21T09:30:00.000Z",
        "issuer": _actor(1), "nonce": f"{turn:064x}", "template": {"id": kind, "version": 1},
        "source": {"stream": case, "event": f"{case}/8"},
        "checkpoint": {"size": 12_345, "root": f"{turn:064x}"},
        "signers": [{"actor": _actor(n), "keys": [f"{n:08x}"], "name": "某人"} for n in range(7)],
        "said": _said(case, copies, turn),
    })  # fmt: skip


def _said(case: str, copies: int, turn: int) -> dict[str, Any]:
    steps = [
        {"by": _actor(n), "role": "approver", "event": f"{case}/{n}",
         "accepted": f"2026-11-21T0{n}:00:00.000Z", "at": f"2026-11-21T0{n}:00:00.000Z"}
        for n in range(1, 9)
    ]  # fmt: skip
    items = [
        {"holding": f"holding-{_ID.format((n + turn) % 65536)}", "outcome": "destroyed",
         "record": f"record-{_ID.format(n)}", "form": "electronic_native", "verified": "pass",
         "medium": "disk_internal", "size": 4_096 * n, "items": 1, "category": "contract"}
        for n in range(copies)
    ]  # fmt: skip
    return {
        "case": case, "verdict": "destroyed", "ground": "retention_expired", "method": "clear",
        "technique": "overwrite", "root": f"{turn:064x}", "count": copies, "appraisal": "pass",
        "proposed": steps[0], "appraised": [steps[1]], "approved": steps[2:4],
        "executed": [{**steps[4], "technique": "overwrite", "witnesses": [_actor(6)]}],
        "verified": [{**steps[5], "method": "read_back"}], "certified": steps[7],
        "counts": {"listed": copies, "destroyed": copies, "verified": copies, "taken_off": 0},
        "remaining_count": 0, "items": items,
        "keys": [f"key-{_ID.format(n)}" for n in range(min(copies, 40))],
        "claim": {"zh": "列为已销毁的副本，按“清除／覆写”方法执行并核验。", "en": "Destroyed."},
    }  # fmt: skip


def _actor(number: int) -> str:
    return f"actor-{_ID.format(number)}"

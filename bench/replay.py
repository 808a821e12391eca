"""The auditor's replay of a grown ledger: events a second of a core, memory, and what is new.

Judged with every rule and projected: `judged` is the processor time of that alone, after the bytes
were verified; the whole command adds verification, the comparison of every table and the checks of
what is missing and late.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench import growth
from bench.alone import alone, can_tell
from bench.measuring import Result, Run, Size, folder, interleaved, result, skipped
from ledger.audit.judging import Judging
from ledger.audit.kept import Kept
from ledger.audit.replay import Asked, replay
from ledger.audit.scratch import reading, scratch
from ledger.folder import Folder
from ledger.signing import now
from ledger.tree import StoredTree

_CORE = "events/s a core"


def replaying(size: Size) -> Iterator[Result]:
    """P9: judged with all rules and projected; the whole replay; and P4: only what is new."""
    young, grown, _ = growth.ledgers(size)
    runs: dict[str, Run] = {
        "young": partial(judged, young.folder),
        "grown": partial(judged, grown.folder),
    }
    rates = interleaved(runs, size.rounds)
    measure = f"replay with all rules after {size.grown:,}"
    yield result(
        "P9", measure, rates["grown"], _CORE, least=60_000, ratio=0.8,
        peer=(f"after {size.young:,}", rates["young"]),
    )  # fmt: skip
    yield result("P9", f"audit replay of {size.grown:,}, all chapters", _whole(grown.folder), _CORE)
    if can_tell():
        _, peak = alone("muniment", "-L", grown.path, "audit", "replay", "--only", "permitted")
        yield growth.held(f"audit replay of {size.grown:,}", peak)
    else:
        yield skipped("P10", "memory of audit replay", "this system does not tell", "<= 200 MB")
    yield from _new(size, grown)


def judged(place: Folder) -> float:
    """Events judged and projected a second of processor time."""
    with reading(place.database) as log, scratch(place.database) as own:
        end = StoredTree(log).head.entries
        kept = Kept(own)
        standing = kept.begin("", 0)
        start = time.process_time()
        for _ in Judging(own, kept, standing, verified_from=0).run(end):
            pass
        took = time.process_time() - start
        if kept.findings(0) or standing.unknown:
            raise SystemExit("the measured ledger is not as it should be")
    return standing.events / took


def _whole(place: Folder) -> float:
    start = time.process_time()
    found = replay(place, None, Asked(now()))
    if found.verdict != "valid" or not found.projections.equal:
        raise SystemExit("the measured ledger does not replay")
    return found.events / (time.process_time() - start)


def _new(size: Size, grown: growth.Grown) -> Iterator[Result]:
    """What a quarter costs: the state of the last replay was kept, `size.new` events came since."""
    with folder("kept") as path:
        keep = path / "keep"
        replay(grown.folder, None, Asked(now(), keep=keep))
        pinned = grown.checkpoint()
        with grown.writing() as (ledger, acting):
            growth.extend(ledger, acting, path, size.new)
        seconds = _since(grown.folder, pinned, keep)  # once: what is new is new once
    measure = f"audit replay --since, {size.new:,} new after {size.grown:,}"
    yield result("P4", measure, 1000 * seconds, "ms")


def _since(place: Folder, pinned: bytes, keep: Path) -> float:
    start = time.perf_counter()
    asked = Asked(now(), since=pinned, keep=keep, only=("genuine", "permitted"))
    found = replay(place, None, asked)
    if found.verdict != "valid" or not found.events:
        raise SystemExit("the measured ledger does not replay")
    return time.perf_counter() - start

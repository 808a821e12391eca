"""What two processes make of the work of one: one large ledger verified, eight ledgers replayed.

The processes are started within the time that is measured. "One" is the program itself. The eight
ledgers are copies of one, each in a folder of its own.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

from bench import ours
from bench.alone import alone
from bench.growth import Grown, ledgers
from bench.measuring import WORK, Result, Run, Size, interleaved, result
from ledger.folder import Folder
from ledger.parallel import cores, in_order, jobs
from ledger.rebuild import check_database
from ledger.signing import now
from ledger.verification.stored import verify_folder

LEDGERS = 8


def verifying(size: Size) -> Iterator[Result]:
    """P3: one large ledger."""
    _, grown, _ = ledgers(size)
    runs: dict[str, Run] = {
        "one": partial(_verified, grown.folder, 1),
        "two": partial(_verified, grown.folder, 2),
    }
    rates = interleaved(runs, size.rounds)
    yield result(
        "P3", f"full verification of {size.grown:,} in two processes", rates["two"], "events/s",
        peer=("in one", rates["one"]), ratio=_least(),
    )  # fmt: skip


def replaying(size: Size) -> Iterator[Result]:
    """P9: many ledgers, rebuilt, and replayed with all rules."""
    paths = _copies(size)
    events = f"{LEDGERS} ledgers of {size.grown // LEDGERS:,}"
    for measure, function in (("rebuilt and compared", rebuilt), ("replayed", replayed)):
        runs: dict[str, Run] = {
            "one": partial(_each, function, paths, 1),
            "two": partial(_each, function, paths, 2),
        }
        rates = interleaved(runs, size.rounds)
        yield result(
            "P9", f"{events} {measure} in two processes", rates["two"], "events/s",
            peer=("in one", rates["one"]), ratio=_least(),
        )  # fmt: skip


def _least() -> float | None:
    """The ratio that is promised; nothing where there is one core only."""
    return 1.7 if cores() > 1 else None


def rebuilt(path: Path) -> int:
    """Make a ledger's tables anew and compare them; returns the number of events."""
    events, found = check_database(Folder(path).database)
    if found:
        raise SystemExit(f"the measured tables differ: {found[:1]}")
    return events


def replayed(path: Path) -> int:
    """Verify a ledger and judge it with all rules; returns the number of events."""
    from ledger.audit.replay import Asked, replay

    outcome = replay(Folder(path), None, Asked(now(), only=("genuine", "permitted")))
    if outcome.verdict != "valid":
        raise SystemExit(f"the measured ledger does not verify: {outcome.findings[:1]}")
    return outcome.events


def _each(function: Callable[[Path], int], paths: list[Path], count: int) -> float:
    """Events a second over all ledgers."""
    start = time.perf_counter()
    with jobs(count) as executor:
        events = sum(in_order(executor, function, paths))
    return events / (time.perf_counter() - start)


def _verified(folder: Folder, count: int) -> float:
    start = time.perf_counter()
    with jobs(count) as executor:
        report = verify_folder(folder, executor=executor)
    seconds = time.perf_counter() - start
    if report.verdict != "valid":
        raise SystemExit(f"the measured ledger does not verify: {report.findings[:1]}")
    return report.events / seconds


@cache
def _copies(size: Size) -> list[Path]:
    ours.keep_pins_here()
    first = WORK / "eight-0"
    first.mkdir(parents=True)
    fields, _ = alone("grow", first, str(size.grown // LEDGERS))
    path = Grown(**fields).folder.path
    copies = [WORK / f"eight-{number}" / "ledger" for number in range(1, LEDGERS)]
    for copy in copies:
        shutil.copytree(path, copy)
    return [path, *copies]

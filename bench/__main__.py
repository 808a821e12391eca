"""Measure, print a table, write `bench/results.json`: `python -m bench [--quick]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench import (
    classification,
    evidence,
    growth,
    guard,
    handover,
    ours,
    page,
    papers,
    peers,
    replay,
    several,
    vault,
)
from bench.measuring import (
    FULL,
    HERE,
    QUICK,
    WORK,
    Result,
    Run,
    Size,
    flush_probe,
    flushes,
    folder,
    interleaved,
    rate,
    result,
    skipped,
    slowed,
    strace_works,
)
from ledger.tlog.ed25519 import BACKEND

AUDITCHAIN, EVENTSOURCING = "auditchain 0.3.0, signed", "eventsourcing 9.5, unsigned"
CHAIN, ROWS = "SQLite chain + signature each", "SQLite rows only"


def one_act(size: Size) -> Iterator[Result]:
    """P1: one act, judged, signed, durable, in the tree, projections updated."""
    runs: dict[str, Run] = {
        "ours": partial(ours.classifying, size.acts),
        "new key": partial(ours.registering, size.acts // 2),
        CHAIN: partial(peers.chain, size.acts, 1),
        AUDITCHAIN: partial(peers.auditchain, size.acts // 2, 1),
        EVENTSOURCING: partial(peers.eventsourcing, size.acts, 1),
        ROWS: partial(peers.chain, size.acts, 1, signed=False),
        "probe": flush_probe,
    }
    rates = interleaved(runs, size.rounds)
    act, disk = rates["ours"], "one act, this disk"
    yield result(
        "P1", disk, act, "acts/s", peer=(AUDITCHAIN, rates[AUDITCHAIN]), least=2_000, ratio=1.5
    )
    for peer in (CHAIN, EVENTSOURCING, ROWS):
        yield result("P1", disk, act, "acts/s", peer=(peer, rates[peer]))
    yield result("P1", disk, act, "acts/s", peer=("4 KiB written and flushed", rates["probe"]))
    yield result("P1", "one act with a new data key, this disk", rates["new key"], "acts/s")


def one_act_slowed(size: Size) -> Iterator[Result]:
    """P1 again: flushes counted, and every flush 2 ms longer."""
    if not strace_works():
        target = "= 1, 2 with a new data key; >= 0.95 x peer"
        yield skipped("P1", "flushes an act, and acts with a 2 ms flush", "strace missing", target)
        return
    for measure, workload, most in (
        ("flushes an act", "classify", 1),
        ("flushes an act with a new data key", "register", 2),
        ("flushes of opening, one act and closing", "reopen", None),
    ):
        few, many = flushes(workload, 5), flushes(workload, 25)
        yield result("P1", measure, (many - few) / 20, "flushes", most=most)
    names = {
        "classify": "ours",
        "chain": CHAIN,
        "auditchain": AUDITCHAIN,
        "eventsourcing": EVENTSOURCING,
        "rows": ROWS,
    }
    runs: dict[str, Run] = {
        name: partial(slowed, workload, size.slow_acts) for workload, name in names.items()
    }
    rates = interleaved(runs, size.rounds)
    act, measure = rates.pop("ours"), "one act, each flush 2 ms longer"
    yield result("P1", measure, act, "acts/s", peer=(CHAIN, rates.pop(CHAIN)), ratio=0.95)
    for peer, value in rates.items():
        yield result("P1", measure, act, "acts/s", peer=(peer, value))


def bulk(size: Size) -> Iterator[Result]:
    """P2: rows of a table, 1,000 events a commit, projections included."""
    runs: dict[str, Run] = {
        "series": partial(ours.collecting, size.rows, shared_key=True),
        "row": partial(ours.collecting, size.rows, shared_key=False),
        EVENTSOURCING: partial(peers.eventsourcing, size.peer_rows, peers.BATCH),
        AUDITCHAIN: partial(peers.auditchain, size.peer_rows, peers.BATCH),
        CHAIN: partial(peers.chain, size.peer_rows, peers.BATCH),
        ROWS: partial(peers.chain, size.peer_rows, peers.BATCH, signed=False),
    }
    rates = interleaved(runs, size.rounds)
    for name, measure, least in (
        ("series", "rows, one data key and title a series", 50_000),
        ("row", "rows, a data key and a sealed title each", 25_000),
    ):
        value = rates[name]
        yield result(
            "P2", measure, value, "events/s",
            peer=(EVENTSOURCING, rates[EVENTSOURCING]), least=least, ratio=1.7,
        )  # fmt: skip
        yield result(
            "P2", measure, value, "events/s", peer=(AUDITCHAIN, rates[AUDITCHAIN]), ratio=2.5
        )
        for peer in (CHAIN, ROWS):
            yield result("P2", measure, value, "events/s", peer=(peer, rates[peer]))


def reading(size: Size) -> Iterator[Result]:
    """P3, P9 and P11 on one ledger of rows; P3 on one of single acts."""
    with folder("filled") as path:
        filled = ours.Filled(path, size.rows)
        yield from _rebuilding(filled, size)
        sealed = [filled.verified()[1] for _ in range(size.rounds)]
        measure = "full verification, 1,000 a commit, a sealed payload each"
        yield result("P3", measure, sorted(sealed)[len(sealed) // 2], "events/s a core")
        yield from _overhead(filled, "a data key a row")
    with folder("series") as path:
        series = ours.Filled(path, size.rows, shared_key=True)
        yield from _verification(series, size)
        yield from _overhead(series, "a data key a series")
    with folder("single") as path:
        single = ours.Filled(path, size.commits, single=True)
        wall, cpu = zip(*(single.verified(commits=True) for _ in range(size.rounds)), strict=True)
        measure = f"verification, one event a commit ({BACKEND})"
        yield result("P3", measure, sorted(cpu)[len(cpu) // 2], "commits/s a core", least=8_000)
        yield result("P3", measure, sorted(wall)[len(wall) // 2], "commits/s")


def _verification(filled: ours.Filled, size: Size) -> Iterator[Result]:
    each, floor = "one Ed25519 signature an event", "read + SHA-256"
    used: list[float] = []

    def verified() -> float:
        by_clock, by_processor = filled.verified()
        used.append(by_processor)
        return by_clock

    select = "SELECT state FROM events ORDER BY position"
    runs: dict[str, Run] = {
        "ours": verified,
        each: partial(peers.signature_each, size.peer_rows),
        AUDITCHAIN: partial(peers.auditchain_verify, size.peer_rows // 2),
        floor: partial(peers.hashed, filled.folder.database, select),
    }
    rates = interleaved(runs, size.rounds)
    measure = "full verification, 1,000 events a commit"
    core = sorted(used)[len(used) // 2]
    yield result("P3", measure, core, "events/s a core", least=250_000)
    yield result("P3", measure, rates["ours"], "events/s", peer=(each, rates[each]), ratio=20)
    yield result("P3", measure, rates["ours"], "events/s", peer=(floor, rates[floor]), ratio=0.25)
    yield result("P3", measure, rates["ours"], "events/s", peer=(AUDITCHAIN, rates[AUDITCHAIN]))


def _rebuilding(filled: ours.Filled, size: Size) -> Iterator[Result]:
    peer = "eventsourcing 9.5, reads only"
    reads = partial(peers.eventsourcing_reads, size.peer_rows)
    rates = interleaved({"ours": filled.rebuilt, peer: reads}, size.rounds)
    yield result(
        "P9", "rebuild of all projections", rates["ours"], "events/s",
        peer=(peer, rates[peer]), least=100_000,
    )  # fmt: skip


def _overhead(filled: ours.Filled, kind: str) -> Iterator[Result]:
    sizes, unit = ours.stored(filled.folder.path), "bytes/event"
    yield result("P11", f"{kind}: tree, beyond the payload", sizes["tree"], unit, most=34)
    yield result("P11", f"{kind}: the rest, beyond the payload", sizes["rest"], unit, most=120)
    for name in ("payload", "sealed", "tokens", "projections"):
        yield result("P11", f"{kind}, beside it: {name}", sizes[name], unit)


def starting(size: Size) -> Iterator[Result]:
    """P12: the start of the program."""
    help_text = "import sys; sys.argv = ['muniment', '--help']; from ledger.cli import main; main()"

    def start(code: str) -> float:
        command = [sys.executable, "-c", code]
        return rate(lambda: _quietly(command))

    runs: dict[str, Run] = {"ours": partial(start, help_text), "pass": partial(start, "pass")}
    rates = interleaved(runs, 3 * size.rounds)
    seconds = {name: 1 / value for name, value in rates.items()}
    peer = ("python -c pass", seconds["pass"])
    yield result("P12", "muniment --help", seconds["ours"], "s", peer=peer, most=0.1)


def _quietly(command: list[str]) -> int:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=HERE.parent)
    return 1


def shown(row: Result) -> str:
    """A row as a line of the table."""
    met = {None: "", True: "met", False: "MISSED"}[row.met]
    value = "skipped" if row.value is None else f"{row.value:,.{_digits(row.value)}f} {row.unit}"
    beside = ""
    if row.peer_value is not None and row.ratio is not None:
        beside = f"{row.ratio:6.2f} x {row.peer} ({row.peer_value:,.{_digits(row.peer_value)}f})"
    return f"{row.id:4} {row.measure:52} {value:>28}  {beside:64} {row.target:34} {met}".rstrip()


def _digits(value: float) -> int:
    return 0 if value >= 100 else 1 if value >= 10 else 3


def document(path: Path, page: Path) -> None:
    """Put the last results, as a table, between the two marks of a page."""
    rows = [Result(**row) for row in json.loads(path.read_text())]
    lines = [
        "| | measure | value | peer in the same run | ratio | target | met |",
        "|---|---|---|---|---|---|---|",
    ]
    met = {None: "", True: "yes", False: "**no**"}
    for row in rows:
        value = "" if row.value is None else f"{row.value:,.{_digits(row.value)}f} {row.unit}"
        beside = ratio = ""
        if row.peer_value is not None and row.ratio is not None:
            beside = f"{row.peer}: {row.peer_value:,.{_digits(row.peer_value)}f}"
            ratio = f"{row.ratio:.2f}"
        target = row.target.replace(">=", "≥").replace("<=", "≤").replace(" x ", " × ")
        cells = (row.id, row.measure, value, beside, ratio, target, met[row.met])
        lines.append(f"| {' | '.join(cells)} |")
    begin, end = "<!-- results -->\n", "<!-- end of results -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    table = "\n".join(lines)
    page.write_text(f"{before}{begin}{table}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def main() -> None:
    """Measure everything once and write what was found."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute and a half, less steady")
    parser.add_argument("--only", help="promises, such as P3 or P4,P10; results.json is left alone")
    parser.add_argument(
        "--guard",
        action="store_true",
        help="fail if a ratio is worse than the one kept; results.json is left alone",
    )
    parser.add_argument("--document", action="store_true", help="write the last results down")
    arguments = parser.parse_args()
    if arguments.document:
        document(HERE / "results.json", HERE.parent / "docs" / "performance.md")
        return
    size = QUICK if arguments.quick else FULL
    wanted = {*arguments.only.split(",")} if arguments.only else set()
    start = time.monotonic()
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"Python {platform.python_version()}, {platform.machine()}, {load}, Ed25519 by {BACKEND}")
    rows: list[Result] = []
    parts = {
        "P1": (one_act, one_act_slowed),
        "P2": (bulk,),
        "P3 P9 P11": (reading,),
        "P3": (several.verifying,),
        "P9": (several.replaying,),
        "P4": (growth.incremental,),
        "P4 P9 P10": (replay.replaying,),
        "P5": (evidence.proving,),
        "P6": (evidence.exporting,),
        "P7": (evidence.offline, page.shown),
        "P10": (growth.growing,),
        "P12": (starting,),
        "P12 VAULT": (vault.contents, vault.many),
        "P13 HANDOVER": (handover.delivery,),
        "P12 PDF": (papers.printing,),
        "P12 CLASSIFICATION": (classification.contents,),
    }
    try:
        for promises, measurements in parts.items():
            if wanted and wanted.isdisjoint(promises.split()):
                continue
            for measurement in measurements:
                for row in measurement(size):
                    rows.append(row)
                    print(shown(row), flush=True)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    if not arguments.only and not arguments.guard:
        write(rows, HERE / "results.json")
    missed = sum(row.met is False for row in rows)
    seconds = time.monotonic() - start
    print(f"{missed} targets missed; {seconds:.0f} s; docs/performance.md says why")
    if arguments.guard:
        kept = [Result(**row) for row in json.loads((HERE / "results.json").read_text())]
        found = guard.compared(rows, kept)
        print(f"{found.rows} figures compared with those kept, {len(found.worse)} are worse")
        if found.worse:
            raise SystemExit("\n".join(found.worse))


def write(rows: list[Result], path: Path) -> None:
    """The results as other programs read them."""
    path.write_text(json.dumps([row._asdict() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()

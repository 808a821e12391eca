"""What may grow with a ledger and what may not: P4 and P10 (what is proved: `bench.evidence`).

Two ledgers are compared, a young and a grown one, made the same way: the rows of a customer table,
996 a commit, and for every 200 events an act in a commit of its own. 28 of these acts make up a
record of 30 events (its copy is moved, it is classified higher), 8 one of 10, spread over the whole
life of the ledger; the others classify rows, deny accesses to them and grant some. The key files
cost what users' key files cost to open. Random choices follow one seed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench import ours
from bench.alone import alone, can_tell
from bench.asking import asked
from bench.measuring import WORK, Result, Run, Size, folder, interleaved, result, skipped
from domain.access import AccessDenied
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.keyfile import STANDARD_COST, Argon2Cost
from ledger.signing import Proposal, new_ids, now
from ledger.verification.database import StoredSource, connect
from ledger.verification.stored import verify_folder
from ledger.verify import verify

SEED: Final = 20261121
LONG, SHORT = 30, 10
_EVENTS_AN_ACT = 200
_MEGABYTES: Final = "MB"
_WIDE_GRANTS = 20
_HIGHER: Final = ("general_1", "general_2", "general_3", "general_4")


# -- ledgers that grow ------------------------------------------------------------------------


class Grown(NamedTuple):
    """A ledger in `path`; `actor` signs; `long`, `short`: its records of 30 and of 10 events."""

    path: str
    actor: str
    long: str
    short: str

    @property
    def folder(self) -> Folder:
        """The ledger's folder."""
        return Folder(Path(self.path))

    @contextmanager
    def writing(self) -> Iterator[tuple[Ledger, Acting]]:
        """The ledger open for writing, and its actor."""
        with Ledger(self.folder, ours.passphrase, writing=True) as ledger:
            yield ledger, ledger.acting(self.actor)

    def checkpoint(self) -> bytes:
        """The present state, signed."""
        with Ledger(self.folder, ours.passphrase, writing=True) as ledger:
            return ledger.sign_checkpoint()


def grow(path: Path, events: int, cost: Argon2Cost = STANDARD_COST) -> Grown:
    """A new ledger of about so many events (at least 8,000 for both records to be whole)."""
    actor = ours.found(path / "ledger", cost)
    with Ledger(Folder(path / "ledger"), ours.passphrase, writing=True) as ledger:
        acting = ledger.acting(actor)
        acting_on = _Acts(ledger, acting, path)
        extend(ledger, acting, path, events, acting_on)
        return Grown(str(path / "ledger"), actor, acting_on.long, acting_on.short)


def extend(
    ledger: Ledger, acting: Acting, path: Path, events: int, plan: _Acts | None = None
) -> None:
    """Let a ledger grow by about so many events; the table's file is made in `path`."""
    singles = events // _EVENTS_AN_ACT
    source = ours.table(path / f"{new_ids('record')[0]}.csv", events - singles)
    plan = plan or _Acts(ledger, acting)
    doing = plan.mixed(singles)
    terms = Terms(ours.CATEGORY, ours.BASIS, "店主", ledger.routine(), rows=True, shared_key=True)
    for row, outcome in enumerate(collect(ledger, acting, [source], terms), 1):
        if not isinstance(outcome, Collected):
            raise SystemExit(f"the measured ledger did not grow: {outcome}")
        if row % (_EVENTS_AN_ACT - 1) == 0 and (kind := next(doing, "")):
            plan.do(kind, outcome.record)


class _Acts:
    """The acts between the rows of a table."""

    def __init__(self, ledger: Ledger, acting: Acting, path: Path | None = None) -> None:
        self._ledger, self._acting = ledger, acting
        self._done: dict[str, int] = {}
        self._wide = 0
        self.long = self.short = ""
        if path is not None:
            self.long, self.short = (self._file(path / name) for name in ("long", "short"))
        self._clerk = new_ids("actor")[0]
        self._act(*acts.register_actor(
            self._clerk, acting.state.party, (), (), function="archives", sealed={"name": "李四"}
        ))  # fmt: skip

    def _act(self, *proposals: Proposal) -> None:
        self._ledger.act(self._acting, proposals)

    def _file(self, path: Path) -> str:
        path.write_text(f"客户名单 {path.name}\n", encoding="utf-8")
        terms = Terms(ours.CATEGORY, ours.BASIS, "店主", self._ledger.routine())
        (outcome,) = collect(self._ledger, self._acting, [path], terms)
        assert isinstance(outcome, Collected)
        return outcome.record

    def mixed(self, times: int) -> Iterator[str]:
        """So many kinds of acts, in an order that is the same in every run."""
        kinds = ["long"] * (LONG - 2) + ["short"] * (SHORT - 2) if self.long else []
        others = ("classify", "deny", "grant")
        kinds += [others[at % len(others)] for at in range(times - len(kinds))]
        random.Random(SEED).shuffle(kinds)
        return iter(kinds)

    def do(self, kind: str, record: str) -> None:
        """One act, in a commit of its own; `record`: of a row."""
        if kind in ("long", "short"):
            self._work_on(getattr(self, kind))
        elif kind == "classify":
            self._act(acts.classify(self._ledger, record, ours.AXES))
        elif kind == "deny":
            state = acts.record_state(self._ledger, record)
            fields = {
                "holding": state.holdings[-1], "mode": "view", "purpose": "audit",
                "rule": "no_grant",
            }  # fmt: skip
            self._act(Proposal(AccessDenied, record, fields))
        else:
            self._wide += 1
            wide = [ours.CATEGORY] if self._wide <= _WIDE_GRANTS else []
            self._act(custody.grant_access(
                self._clerk, records=[] if wide else [record], categories=wide, modes=["view"],
                purposes=["audit"], begins=now(), ends=f"2099{now()[4:]}",
            ))  # fmt: skip

    def _work_on(self, record: str) -> None:
        done = self._done[record] = self._done.get(record, 0) + 1
        if done % 2:
            level = _HIGHER[min(done // 2, len(_HIGHER) - 1)]
            self._act(acts.classify(self._ledger, record, {**ours.AXES, "level": level}))
            return
        holding = acts.record_state(self._ledger, record).holdings[-1]
        media = ("disk_external", "disk_internal")
        self._act(acts.move_holding(
            holding, departed_at=now(), arrived_at=now(), medium=media[done // 2 % 2]
        ))  # fmt: skip


@cache
def ledgers(size: Size) -> tuple[Grown, Grown, float]:
    """The young and the grown ledger of this run, and the memory in MB that growing took."""
    ours.keep_pins_here()
    young, grown = WORK / "young", WORK / "grown"
    grown.mkdir(parents=True)
    young.mkdir()
    fields, peak = alone("grow", grown, str(size.grown))
    return grow(young, size.young), Grown(**fields), peak


# -- P4 ---------------------------------------------------------------------------------------


def incremental(size: Size) -> Iterator[Result]:
    """P4: `verify --since`, against full verification of a ledger of only what is new."""
    grown = ledgers(size)[1]
    pinned = grown.checkpoint()
    with folder("new") as path:
        with grown.writing() as (ledger, acting):
            extend(ledger, acting, path, size.new)
        head = grown.checkpoint()
        only = Folder(path / "only")
        with ours.opened(only.path) as (ledger, acting):
            extend(ledger, acting, path, size.new)
        runs: dict[str, Run] = {
            "since": partial(_since, grown, pinned),
            "only": partial(_whole_log, only),
            "head": partial(_since, grown, head),
        }
        took = interleaved(runs, 2 * size.rounds + 1)
    events = f"{size.new:,} new events after {size.grown:,}"
    yield result(
        "P4", f"{events}, beyond what they cost alone", 1000 * (took["since"] - took["only"]), "ms",
        most=50,
    )  # fmt: skip
    peer = ("a ledger of only these", 1000 * took["only"])
    yield result("P4", f"{events}, verify --since", 1000 * took["since"], "ms", peer=peer)
    yield result("P4", f"nothing new after {size.grown:,}, verify --since",
                 1000 * took["head"], "ms")  # fmt: skip


def _since(grown: Grown, checkpoint: bytes) -> float:
    start = time.perf_counter()
    report = inspect(grown.folder, since=checkpoint)
    seconds = time.perf_counter() - start
    if report.verdict != "valid":
        raise SystemExit(f"the measured ledger does not verify: {report.findings[:1]}")
    return seconds


def _whole_log(ledger: Folder) -> float:
    """Seconds of verifying everything, without SQLite's check of the file."""
    start = time.perf_counter()
    with closing(connect(ledger.database)) as connection:
        report = verify(StoredSource(connection), ledger.pinned_key())
    seconds = time.perf_counter() - start
    if report.verdict != "valid":
        raise SystemExit(f"the measured ledger does not verify: {report.findings[:1]}")
    return seconds


# -- P10 --------------------------------------------------------------------------------------


def growing(size: Size) -> Iterator[Result]:
    """P10: appending, verifying and asking, young and grown; memory of the grown."""
    young, grown, appending = ledgers(size)
    yield from asked(grown.folder, size.questions, size.grown, grown.long, SEED)
    plain = f"from {size.young:,}"
    runs: dict[str, Run] = {
        "grown": partial(_verified, grown, 1),
        "young": partial(_verified, young, 5),
    }
    rates = interleaved(runs, size.rounds)
    yield result("P10", f"full verification of {size.grown:,}", rates["grown"], "events/s",
                 peer=(plain, rates["young"]), ratio=0.8)  # fmt: skip
    rows: dict[str, list[float]] = {"young": [], "grown": []}
    singles: dict[str, list[float]] = {"young": [], "grown": []}
    for _ in range(size.rounds):
        with folder("young") as path:
            for name, ledger in (("young", grow(path, size.young)), ("grown", grown)):
                by_row, by_act = _appended(ledger, size.appended, size.acts, path)
                rows[name].append(by_row)
                singles[name].append(by_act)
    for measure, unit, found in (
        ("rows after {:,}, 996 a commit", "events/s", rows),
        ("one act after {:,}", "acts/s", singles),
    ):
        yield result("P10", measure.format(size.grown), median(found["grown"]), unit,
                     peer=(plain, median(found["young"])), ratio=0.8)  # fmt: skip
    yield from _memory(size, grown, appending)


def _memory(size: Size, grown: Grown, appending: float) -> Iterator[Result]:
    if not can_tell():
        yield skipped("P10", "peak memory", "this system does not tell", "<= 200 MB")
        return
    yield held(f"growing to {size.grown:,}", appending)
    for name in ("verify", "rebuild"):
        yield held(f"muniment {name}", alone("muniment", "-L", grown.path, name)[1])


def held(what: str, megabytes: float) -> Result:
    """P10: the most memory that something held."""
    return result("P10", f"most memory held: {what}", megabytes, _MEGABYTES, most=200)


def _verified(grown: Grown, times: int) -> float:
    """Events a second of full verification, by the clock."""
    events = 0
    start = time.perf_counter()
    for _ in range(times):
        report = verify_folder(grown.folder)
        if report.verdict != "valid":
            raise SystemExit(f"the measured ledger does not verify: {report.findings[:1]}")
        events += report.events
    return events / (time.perf_counter() - start)


def _appended(grown: Grown, rows: int, singles: int, path: Path) -> tuple[float, float]:
    """Rows collected a second, and acts a second on these."""
    source = ours.table(path / f"{new_ids('record')[0]}.csv", rows)
    with grown.writing() as (ledger, acting):
        start = time.perf_counter()
        found = ours.fill(ledger, acting, source, shared_key=True)
        middle = time.perf_counter()
        for record in found[:singles]:
            ledger.act(acting, [acts.classify(ledger, record, ours.AXES)])
        end = time.perf_counter()
    return len(found) / (middle - start), singles / (end - middle)

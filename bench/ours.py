"""Muniment at work, as its own application does it: the workloads of P1, P2, P3, P9 and P11."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measuring import WORK, folder, rate
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.folder import Folder
from ledger.founding import Founding, found_ledger
from ledger.keyfile import Argon2Cost
from ledger.rebuild import rebuild
from ledger.verification.stored import verify_folder
from projections.view import fetch

ORIGIN = "bench.example/ledger"
CATEGORY, BASIS = "transaction.order", "pipl_13_2_contract"
CHEAP = Argon2Cost(8, 1, 1)
AXES = {
    "categories": [CATEGORY],
    "level": "general_2",
    "sensitivity": "general_pi",
    "profile": "cn_strict",
}


def passphrase(holder: str) -> bytes:  # noqa: ARG001  the same for everybody
    return b"a passphrase of no value"


def keep_pins_here() -> None:
    """Let the pins of thrown-away ledgers lie beside them, in this program and those it starts."""
    os.environ["XDG_STATE_HOME"] = str(WORK / "state")


def found(path: Path, cost: Argon2Cost = CHEAP) -> str:
    """A new ledger; returns its first actor. `cost`: of opening its key files."""
    keep_pins_here()
    founding = Founding(ORIGIN, "洁净保洁", "王管理")
    return found_ledger(path, founding, passphrase, kdf=cost).actor


def table(path: Path, rows: int) -> Path:
    """A customer table as small firms keep them; every name and number is made up."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["编号", "客户", "电话", "城市"])
        for number in range(rows):
            writer.writerow([number, f"客户{number}", f"120{number:08d}", "上海"])
    return path


@contextmanager
def opened(path: Path) -> Iterator[tuple[Ledger, Acting]]:
    """A new ledger in `path`, open for writing, and its actor."""
    actor = found(path)
    with Ledger(Folder(path), passphrase, writing=True) as ledger:
        yield ledger, ledger.acting(actor)


def fill(ledger: Ledger, acting: Acting, source: Path, *, shared_key: bool) -> list[str]:
    """Collect the rows of a table in commits of 1,000 events; returns the records."""
    terms = Terms(CATEGORY, BASIS, "店主", ledger.routine(), rows=True, shared_key=shared_key)
    return [o.record for o in collect(ledger, acting, [source], terms) if isinstance(o, Collected)]


def collecting(rows: int, *, shared_key: bool) -> float:
    """Events a second of `collect --rows`."""
    with folder("rows") as path:
        source = table(path / "customers.csv", rows)
        with opened(path / "ledger") as (ledger, acting):
            return rate(lambda: len(fill(ledger, acting, source, shared_key=shared_key)))


def classifying(times: int) -> float:
    """Acts a second that change a record: read, decided, signed, judged, projected, durable."""
    with folder("acts") as path, opened(path / "ledger") as (ledger, acting):
        records = fill(ledger, acting, table(path / "customers.csv", times), shared_key=True)

        def work() -> int:
            for record in records:
                ledger.act(acting, [acts.classify(ledger, record, AXES)])
            return len(records)

        return rate(work)


def registering(times: int) -> float:
    """Acts a second that need a new data key: a party, whose name is sealed."""
    with folder("parties") as path, opened(path / "ledger") as (ledger, acting):

        def work() -> int:
            for _ in range(times):
                party = acts.register_party(
                    "买方公司", kind="company", party_role="buyer", jurisdiction="cn"
                )
                ledger.act(acting, [party])
            return times

        return rate(work)


class Filled:
    """A ledger to read: rows collected some 1,000 a commit, and (`single`) an act on each."""

    def __init__(
        self, path: Path, events: int, *, shared_key: bool = False, single: bool = False
    ) -> None:
        self.folder = Folder(path / "ledger")
        with opened(self.folder.path) as (ledger, acting):
            source = table(path / "customers.csv", events)
            records = fill(ledger, acting, source, shared_key=shared_key or single)
            for record in records if single else ():
                ledger.act(acting, [acts.classify(ledger, record, AXES)])

    def verified(self, *, commits: bool = False) -> tuple[float, float]:
        """Events (or commits) a second of full verification: by the clock, by processor time."""
        start, cpu = time.perf_counter(), time.process_time()
        report = verify_folder(self.folder)
        if report.verdict != "valid":
            raise SystemExit(f"the measured ledger does not verify: {report.findings[:1]}")
        seconds, used = time.perf_counter() - start, time.process_time() - cpu
        count = report.commits if commits else report.events
        return count / seconds, count / used

    def rebuilt(self) -> float:
        """Events a second of making all projections anew."""
        with Ledger(self.folder, passphrase, writing=True) as ledger:
            return rate(lambda: rebuild(ledger.log.writer))


def reopening(times: int) -> float:
    """How often a second a ledger can be opened for writing, act once without a key, and close."""
    with folder("open") as path:
        actor = found(path / "ledger")

        def work() -> int:
            for _ in range(times):
                with Ledger(Folder(path / "ledger"), passphrase, writing=True) as ledger:
                    acting = ledger.acting(actor)
                    ledger.act(acting, [acts.void_draft(os.urandom(16).hex())])
            return times

        return rate(work)


def stored(path: Path) -> dict[str, float]:
    """Bytes an event on the pages of each part of a ledger's database, its payload apart."""
    with Ledger(Folder(path), passphrase) as ledger, ledger.engine.connect() as connection:
        events = fetch(connection, "SELECT count(*), sum(length(state)) FROM events")[0]
        ciphertexts = fetch(connection, "SELECT coalesce(sum(length(ciphertext)), 0) FROM sealed")
        pages = dict(fetch(connection, _PAGES))
        leaves = fetch(connection, "SELECT sum(length(leaves)) FROM commits")[0][0]
    number, payload = events
    tree = leaves + pages.get("tiles", 0)
    log = sum(pages.get(table, 0) for table in ("events", "commits", "head", "signers"))
    beside = {name: size for name, size in pages.items() if name not in _LOG}
    return {
        "payload": payload / number,
        "tree": tree / number,
        "rest": (log - leaves - payload) / number,
        "sealed": (beside.pop("sealed", 0) - ciphertexts[0][0]) / number,
        "tokens": beside.pop("tokens", 0) / number,
        "projections": sum(beside.values()) / number,
    }


_LOG = {
    "events", "commits", "tiles", "head", "signers", "sqlite_schema", "checkpoints", "packs",
    "anchors",
}  # fmt: skip
_PAGES = (
    "SELECT coalesce(m.tbl_name, d.name), sum(d.pgsize) FROM dbstat d "
    "LEFT JOIN sqlite_master m ON m.name = d.name GROUP BY 1"
)

"""Promise 3, call by call: append, submit, rebuild and migrate are struck at every system call.

A child that has everything imported stands still until `strace` is attached to it; then its n-th
call of a kind is struck: the process is killed in it, or the call fails as on a full or failing
disk. The loop goes on with n + 1 until the work comes to its end without having been struck. After
each strike `doctor` is content or names a repair, the ledger opens, every act that was acknowledged
is there to the byte, the tables are what the events make them, everything verifies, and the work
can be done again.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from ledger import acts, drafts, rebuild
from ledger.doctor import examine
from ledger.folder import Folder
from ledger.verification.stored import verify_folder
from tests.faults.working import WORKS
from tests.ledger.ledgers import Firm, collect_files, small_act

ROOT = Path(__file__).parent.parent.parent
CALLS: Final = (
    "openat", "write", "pwrite64", "pwritev", "fsync", "fdatasync", "syncfs", "ftruncate",
    "fallocate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat",
    "link", "fchmod", "chmod", "utimensat", "flock", "close",
)  # fmt: skip
"""What touches a disk, or decides what a process that comes after finds there."""
FAILURES: Final = (
    *(("openat", error) for error in ("ENOSPC", "EIO")),
    *((call, error) for call in ("write", "pwrite64") for error in ("ENOSPC", "EIO")),
    *((call, "EIO") for call in ("fsync", "fdatasync", "rename", "renameat", "unlink", "unlinkat")),
    *(("ftruncate", error) for error in ("ENOSPC", "EIO")),
    *((call, "ENOSPC") for call in ("mkdir", "mkdirat", "fallocate")),
)  # fmt: skip
EFFECTS: Final = {
    **{(call, "kill"): "signal=SIGKILL" for call in CALLS},
    **{(call, error): f"error={error}" for call, error in FAILURES},
}
AXES: Final = {
    "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
    "profile": "cn_strict",
}  # fmt: skip
OLD_LAYOUT: Final = 1
MANY: Final = 300
_ENDLESS: Final = 100_000


class Template(NamedTuple):
    """A ledger to be struck, copied for every strike: its folder, its pins, its events."""

    home: Path
    actor: str
    events: tuple[bytes, ...]


class Ended(NamedTuple):
    """What a child said, how it ended, and the log of its tracer."""

    said: list[list[str]]
    status: int
    log: str

    @property
    def struck(self) -> bool:
        """Whether the call that was to be struck was made."""
        return self.status < 0 or "(INJECTED)" in self.log


class Works:
    """The process that forks the children, and the tracer that is set upon them."""

    def __init__(self, strace: str, home: Path) -> None:
        self._strace, self._home = strace, home
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.working"], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)
        self._server.stdout.close()

    def _heard(self) -> int:
        assert self._server.stdout is not None
        return int(self._server.stdout.readline())

    def run(self, job: dict[str, str], inject: str, calls: str) -> Ended:
        """One child under the tracer; `inject`: what strace strikes, empty for nothing."""
        assert self._server.stdin is not None
        log, said = self._home / "log", self._home / "said"
        said.unlink(missing_ok=True)
        self._server.stdin.write(json.dumps({**job, "said": str(said)}) + "\n")
        self._server.stdin.flush()
        child = self._heard()
        strike = ["-e", f"inject={inject}"] if inject else []
        tracer = subprocess.Popen(
            [self._strace, "-f", "-qq", "-o", str(log), "-e", f"trace={calls}", *strike, "-p",
             str(child)], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while b"TracerPid:\t0\n" in Path(f"/proc/{child}/status").read_bytes():
            assert tracer.poll() is None, "strace cannot attach"
            time.sleep(0.001)
        os.kill(child, 18)  # SIGCONT
        status = self._heard()
        tracer.wait(timeout=30)
        lines = said.read_text(encoding="utf-8") if said.exists() else ""
        told = [line.split() for line in lines.rpartition("\n")[0].split("\n") if line]
        return Ended(told, status, log.read_text(errors="replace"))


@pytest.fixture(scope="module")
def works(strace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A server for the module, warmed up: what a work imports late is imported before it forks."""
    running = Works(strace, tmp_path_factory.mktemp("works"))
    yield running
    running.close()


# -- the four ledgers ---------------------------------------------------------------------------


@pytest.fixture(scope="module", params=sorted(WORKS))
def template(
    request: pytest.FixtureRequest, firm_template: Firm, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Template]:
    """The work, and the ledger that it is done on."""
    home = tmp_path_factory.mktemp(request.param)
    shutil.copytree(firm_template.path, home / "ledger")
    firm = firm_template._replace(path=home / "ledger")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        with firm.open() as ledger:
            admin, second = ledger.acting(firm.founded.actor), ledger.acting(firm.second)
            (found,) = collect_files(ledger, admin, home / "files")
            ledger.act(admin, [acts.classify(ledger, found.record, AXES, "常规合同")])
            lower = acts.classify(ledger, found.record, {**AXES, "level": "general_1"}, "降级")
            events, texts = ledger.build(admin, [lower])
            draft = drafts.make_draft(ledger, admin, events, texts, [(second.actor, "approver")])
            signed = drafts.add_signature(draft, second.key)
            drafts.write_draft(home / "draft.commit", signed)
    if request.param == "migrate":
        make_old(home / "ledger" / "ledger.db")
    return request.param, Template(home, firm.founded.actor, tuple(stored(home / "ledger")))


def make_old(database: Path) -> None:
    """As the first version of Muniment left it: two migrations back, tables of another layout."""
    connection = sqlite3.connect(database, isolation_level=None)
    for table in ("anchors", "subject_tokens", "subject_places", "subject_coverage"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.execute("DROP TABLE backups")
    connection.execute("ALTER TABLE inventory ADD COLUMN of_old TEXT")
    connection.execute(f"PRAGMA user_version = {OLD_LAYOUT}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def stored(folder: Path) -> list[bytes]:
    """The bytes of every event, by position."""
    connection = sqlite3.connect(folder / "ledger.db")
    rows = connection.execute("SELECT state FROM events ORDER BY position").fetchall()
    connection.close()
    return [state for (state,) in rows]


# -- one strike ---------------------------------------------------------------------------------


class Striking:
    """One work on fresh copies of its ledger, struck again and again."""

    def __init__(
        self, works: Works, work: str, template: Template, home: Path, patch: pytest.MonkeyPatch
    ) -> None:
        self.works, self.work, self.template, self.home = works, work, template, home
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        self.path = home / "ledger"
        self.strikes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.job = {
            "work": work, "ledger": str(self.path), "actor": template.actor,
            "draft": str(template.home / "draft.commit"), "state": str(home / "state"),
            "files": str(template.home / "files"),
        }  # fmt: skip

    def fresh(self) -> None:
        """The ledger as it was, and pins that know nothing newer."""
        for name in ("ledger", "state"):
            shutil.rmtree(self.home / name, ignore_errors=True)
            shutil.copytree(self.template.home / name, self.home / name)

    def strike(self, call: str, effect: str, when: int) -> bool:
        """Strike the n-th call; whether there was one. What is left must be as promised."""
        self.fresh()
        inject = f"{call}:{EFFECTS[call, effect]}:when={when}"
        ended = self.works.run(self.job, inject, call)
        if not ended.struck:
            assert ended.status == 0, ended
            assert ended.said[-1] == ["done"]
            return False
        self.strikes[f"{call} {effect}"] += 1
        if effect != "kill":
            self._said_clearly(ended, call)
        else:
            assert ended.status == -9, ended
        self.check(ended)
        return True

    def _said_clearly(self, ended: Ended, call: str) -> None:
        """A failing disk ends an act with an error of Muniment's own, or does not matter to it."""
        if call == "write" and ended.status:  # it was the saying that failed
            return
        if call == "openat" and not self._own(ended.log):  # the program's own files cannot be read
            return
        assert ended.status == 0, (ended.said, "a traceback is on standard error")
        last = ended.said[-1] if ended.said else ["nothing"]
        if last[0] == "refused":
            assert "unexpected" not in last, last
            self.refusals[" ".join(last[1:])[:60]] += 1
        else:
            assert last == ["done"], last

    def _own(self, log: str) -> bool:
        """Whether the call that failed was about the ledger, its pins or what it was given."""
        struck = next(line for line in log.splitlines() if "(INJECTED)" in line)
        return any(str(home) in struck for home in (self.home, self.template.home))

    def check(self, ended: Ended) -> None:
        """The promise, and that the work can still be done."""
        for one in examine(Folder(self.path)):
            assert one.state != "failed" or one.remedy, one
        firm = Firm(self.path, None, "")  # type: ignore[arg-type]
        with firm.open(wait=5) as ledger:
            acknowledged(stored(self.path), self.template.events, ended.said)
            with ledger.engine.connect() as connection:
                notes = connection.exec_driver_sql("SELECT note FROM checkpoints").scalars()
                known = {sha256(note).hexdigest() for note in notes}
                assert {words[1] for words in ended.said if words[0] == "checkpoint"} <= known
                assert rebuild.check(connection) == []
            ledger.act(ledger.acting(self.template.actor), [small_act(99)])
        assert all(one.state != "failed" for one in examine(Folder(self.path)))
        report = verify_folder(Folder(self.path))
        assert report.verdict == "valid", report.findings


def acknowledged(events: list[bytes], before: tuple[bytes, ...], said: list[list[str]]) -> None:
    """What there was is there, and so is what was acknowledged."""
    assert tuple(events[: len(before)]) == before
    for words in said:
        if words[0] == "ack":
            first, count = int(words[1]) - 1, int(words[2])
            there = b"".join(events[first : first + count])
            assert sha256(there).hexdigest() == words[3], words
        elif words[0] == "collected":
            assert max(map(int, words[1:])) <= len(events), words


@pytest.fixture
def striking(
    works: Works, template: tuple[str, Template], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Striking:
    found = Striking(works, *template, tmp_path, monkeypatch)
    found.fresh()
    return found


def counted(striking: Striking) -> Counter[str]:
    """How many calls of each kind the work makes when nothing strikes it."""
    striking.fresh()
    ended = striking.works.run(striking.job, "", ",".join(CALLS))
    assert ended.status == 0, ended.said
    assert ended.said[-1] == ["done"], ended.said
    names = (line.split(maxsplit=1)[1].partition("(")[0] for line in ended.log.splitlines())
    return Counter(name for name in names if name in CALLS)


# -- the loops ----------------------------------------------------------------------------------


def test_a_sample_of_strikes_loses_nothing(striking: Striking) -> None:
    """Two kills at writes and flushes, one failure, one kill at any other call, drawn anew."""
    seed = random.randrange(2**32)
    print("seed", seed)
    dice = random.Random(seed)
    there = counted(striking)
    assert min(there["pwrite64"], there["fdatasync"]), there
    calls = ["pwrite64", "fdatasync", dice.choice(sorted(there))]
    failing = dice.choice([pair for pair in FAILURES if there[pair[0]]])
    for call, effect in (*((call, "kill") for call in calls), failing):
        when = dice.randrange(there[call]) + 1
        print(striking.work, call, effect, "at", when, "of", there[call])
        assert striking.strike(call, effect, when)


@pytest.mark.slow
def test_every_system_call_may_be_the_last_one(striking: Striking) -> None:
    """Killed at every call; failed at every call, of one made more than `MANY` times at each 7th.

    A rebuild writes two thousand pages in one transaction; which of them fails is all the same.
    """
    there = counted(striking)
    for call, effect in EFFECTS:
        step = 7 if effect != "kill" and there[call] > MANY else 1
        if there[call]:
            for when in range(random.randrange(step) + 1, _ENDLESS, step):
                if not striking.strike(call, effect, when):
                    break
    print(striking.work, dict(there), dict(striking.strikes), dict(striking.refusals))
    kills = sum(count for strike, count in striking.strikes.items() if strike.endswith("kill"))
    assert kills >= sum(there.values())

"""The product broken on purpose, in this process: each break is found within so many acts.

A simulation that cannot fail proves nothing. Each test takes one guard or one promise away, lets
the acts that it concerns be tried, and expects the run to end with what was broken.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import projections
from domain.judging import World as Judged
from ledger.application import Ledger
from ledger.clock import SystemClock
from ledger.effects import destroying, refetching, removing
from ledger.recorder import CustodyRecorder, Receipt, Submission
from ledger.witness import Witness
from tests.simulation import crash
from tests.simulation.act import Family
from tests.simulation.acts_answers import asking, deciding, fulfilling, identifying
from tests.simulation.acts_audit import opening
from tests.simulation.acts_bundles import agreeing, exporting_it, requesting
from tests.simulation.acts_copies import moving
from tests.simulation.acts_deal import (
    cancelling,
    confirming,
    freezing,
    inspecting,
    introducing,
    planning,
    receiving,
    releasing,
)
from tests.simulation.acts_destroy import (
    appraising,
    approving,
    certifying,
    executing,
    proposing,
    reading_back,
)
from tests.simulation.acts_drafts import drafting, submitting
from tests.simulation.acts_people import (
    at_a_false_time,
    changing_keys,
    giving_a_role,
    hiring,
    taking_a_role,
    voiding,
    with_an_ended_key,
)
from tests.simulation.acts_records import classifying, collecting, correcting, retaining
from tests.simulation.acts_use import granting, holding, looking, restricting
from tests.simulation.acts_use import releasing as letting_go
from tests.simulation.checks import BrokenPromiseError
from tests.simulation.run import Rates, Run

Break = Callable[[pytest.MonkeyPatch], None]
QUIET = Rates(*[0.0] * 8)
DEAL: dict[Family, int] = {
    collecting: 2, classifying: 2, retaining: 2, introducing: 2, planning: 1, freezing: 3,
    releasing: 3, receiving: 3, inspecting: 3, confirming: 6,
}  # fmt: skip
CALLED_OFF: dict[Family, int] = {
    collecting: 2, classifying: 2, retaining: 2, introducing: 2, planning: 1, freezing: 3,
    releasing: 3, receiving: 3, inspecting: 3, cancelling: 2,
}  # fmt: skip
ENDING: dict[Family, int] = {
    collecting: 2, retaining: 3, proposing: 4, appraising: 4, approving: 6, executing: 4,
    reading_back: 3, certifying: 3,
}  # fmt: skip


def _silent(*_: object, **__: object) -> Iterator[Any]:
    """A guard that says nothing."""
    return iter(())


def guard(name: str, instead: object = _silent) -> Break:
    """A guard that is taken away, or answers something else."""
    return lambda patch: patch.setattr(name, instead)


def nobody_voided(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Judged, "commit_voided", lambda *_: False)


def any_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SystemClock, "__call__", lambda clock, _: clock.now())


def acknowledged_early(patch: pytest.MonkeyPatch) -> None:
    """What is recorded is written with the next act."""
    real, waiting = CustodyRecorder.record, list[Submission]()

    def record(recorder: CustodyRecorder, submission: Submission) -> Any:
        recorder.judge(submission)
        for one in waiting:
            real(recorder, one)
        waiting[:] = [submission]
        return Receipt(recorder.tree.head.entries, recorder.tree.head.events + 1, "", ())

    patch.setattr(CustodyRecorder, "record", record)


def one_entry_lost(patch: pytest.MonkeyPatch) -> None:
    """A restore that leaves the last entry out, and says that the ledger is whole."""
    real = refetching._batches
    patch.setattr(refetching, "_batches", lambda missing: real(iter(list(missing)[:-1])))
    patch.setattr("ledger.effects.ledgerrestore.BehindLedger.missing", None)
    patch.setattr("ledger.application.Ledger._check_pins", lambda *_: None)


def kept_aside(patch: pytest.MonkeyPatch) -> None:
    """A file is kept under another name before it is overwritten."""
    real = removing.remove

    def remove(journal: Any, item: Any, others: Any) -> tuple[str, str]:
        path = Path(bytes.fromhex(item.path).decode())
        if path.suffix == ".txt" and path.is_file():
            shutil.copyfile(path, path.with_suffix(".old"))
        return real(journal, item, others)

    patch.setattr(destroying, "remove", remove)


def written_down(patch: pytest.MonkeyPatch) -> None:
    """A log for finding mistakes, with everything that was said."""
    real = Ledger.build

    def build(ledger: Ledger, acting: Any, proposals: Any, **how: Any) -> Any:
        with (ledger.folder.path / "debug.log").open("a", encoding="utf-8") as log:
            print([proposal.sealed for proposal in proposals], file=log)
        return real(ledger, acting, proposals, **how)

    patch.setattr(Ledger, "build", build)


def two_histories(patch: pytest.MonkeyPatch) -> None:
    """A witness that does not look at the proof."""
    patch.setattr(Witness, "_refusal", lambda *_: None)


def not_projected(patch: pytest.MonkeyPatch) -> None:
    """Now and then a commit does not reach the tables that are read."""
    real, calls = projections.project, [0]

    def project(connection: Any, batch: Any) -> None:
        calls[0] += 1
        if calls[0] % 20:
            real(connection, batch)

    patch.setattr("ledger.recorder.project", project)


class Bite(NamedTuple):
    """A break, the acts among which it is found, how many at most, and what is said."""

    name: str
    broken: Break
    families: dict[Family, int]
    acts: int
    said: str
    rates: Rates = QUIET
    seed: int = 4


HOLDS: dict[Family, int] = {collecting: 3, retaining: 3, holding: 4, proposing: 4}
USES: dict[Family, int] = {collecting: 1, classifying: 2, granting: 3, restricting: 2, looking: 6}
DRAFTS: dict[Family, int] = {collecting: 1, holding: 2, drafting: 4, voiding: 3, submitting: 4}
SMALL: dict[Family, int] = {at_a_false_time: 3, voiding: 3}
AUDITS: dict[Family, int] = {hiring: 2, giving_a_role: 4, taking_a_role: 2, opening: 4}
EVIDENCE: dict[Family, int] = {collecting: 1, requesting: 3, agreeing: 2, exporting_it: 3}
REQUESTS: dict[Family, int] = {
    collecting: 1, restricting: 1, asking: 2, identifying: 3, deciding: 3, fulfilling: 4,
}  # fmt: skip
PASSED = "a guard was passed by"
BITES = (
    Bite("holds", guard("domain.guards.holds_on", lambda *_: []), HOLDS, 10, PASSED, seed=10),
    Bite("retention", guard("domain.guards._still_kept"), HOLDS, 40, PASSED),
    Bite("two persons", guard("domain.hold.approved", lambda *_: True),
         {collecting: 1, holding: 2, letting_go: 4}, 40, PASSED),
    Bite("grants", guard("domain.access._grant"), USES, 20, PASSED, seed=5),
    Bite("restrictions", guard("domain.access.STILL_PERMITTED", {"service_delivery"}), USES, 20,
         PASSED, seed=6),
    Bite("ended keys", guard("domain.commit._use"),
         {changing_keys: 1, with_an_ended_key: 1}, 40, PASSED),
    Bite("roles", guard("domain.commit._author"), {collecting: 1, retaining: 2}, 40, PASSED),
    Bite("voided drafts", nobody_voided, DRAFTS, 60, PASSED),
    Bite("false times", guard("domain.commit._times"), SMALL, 40, PASSED),
    Bite("approvals", guard("domain.disposal._approved_before"), ENDING, 40, PASSED, seed=12),
    Bite("all sides", guard("domain.confirmation.both_handlers"), DEAL, 60, PASSED, seed=7),
    Bite("silence", guard("domain.handover.HandoverState.silent", lambda *_: True), CALLED_OFF, 60,
         PASSED, seed=8),
    Bite("moves", guard("domain.holding.against_giving"),
         {collecting: 2, classifying: 3, retaining: 3, moving: 6}, 40, PASSED, seed=12),
    Bite("corrections", guard("domain.restriction._asks_for_it", lambda *_: True),
         {collecting: 1, restricting: 2, asking: 2, correcting: 4}, 60, PASSED),
    Bite("auditors", guard("domain.audit_rules._entangled", lambda *_: False), AUDITS, 40, PASSED,
         seed=12),
    Bite("evidence", guard("domain.bundle._abroad"), EVIDENCE, 20, PASSED, seed=2),
    Bite("requests", guard("domain.rights._done"), REQUESTS, 30, PASSED, seed=12),
    Bite("the ledger's key", two_histories, SMALL, 20, "cosigned two histories",
         QUIET._replace(signed=0.5), seed=7),
    Bite("the clock", any_clock, SMALL, 40, "clock that is|time went back",
         QUIET._replace(lying=0.5)),
    Bite("acknowledgement", acknowledged_early, SMALL, 40, "acknowledged and not recorded"),
    Bite("restores", one_entry_lost, SMALL, 60, "gone or changed|not whole|behind|does not go on",
         QUIET._replace(copied=0.1, restored=0.2)),
    Bite("erasure", kept_aside, ENDING, 50, "destroyed content is still in", seed=15),
    Bite("names", written_down, HOLDS, 20, "a name in clear"),
    Bite("projections", not_projected, SMALL, 30, "a rebuild gives something else"),
)  # fmt: skip


@contextmanager
def founded_first(patch: pytest.MonkeyPatch, bite: Bite, run: Run) -> Iterator[None]:
    """The break comes after the founding, which is not what is tried."""
    real = run.world.found

    def found() -> None:
        real()
        bite.broken(patch)

    with patch.context() as here:
        here.setattr(run.world, "found", found)
        yield


@pytest.mark.parametrize("bite", BITES, ids=lambda bite: bite.name)
def test_what_is_broken_is_found(
    bite: Bite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(bite.seed, tmp_path, families=bite.families, rates=bite.rates)
    with founded_first(monkeypatch, bite, run), pytest.raises(BrokenPromiseError, match=bite.said):
        run.go(bite.acts)
    print(f"found at act {run.number} of {bite.acts}")


def test_unbroken_the_same_acts_are_right(tmp_path: Path) -> None:
    """What is tried above is not what is wrong."""
    families = {**HOLDS, **USES, **DRAFTS, **SMALL}
    Run(7, tmp_path, families=families, rates=QUIET).go(40)


def test_a_process_killed_at_a_call_is_killed_there(tmp_path: Path) -> None:
    """The tracer strikes before the n-th call that changes the disk, and not after it."""
    if not crash.possible():
        pytest.skip("processes may not be traced here: crashes between system calls NOT tested")

    def act(say: Callable[[str], None]) -> None:
        for number in range(3):
            (tmp_path / str(number)).mkdir()
            say(str(number))

    for at in range(1, 8):
        for number in range(3):
            shutil.rmtree(tmp_path / str(number), ignore_errors=True)
        struck = crash.struck(act, at)
        assert len(list(tmp_path.iterdir())) == min(at // 2, 3)
        assert struck.said == tuple(map(str, range(min((at - 1) // 2, 3))))
        assert struck.call == ("mkdir" if at % 2 else "write" if at < 7 else struck.call) or at == 7

"""A replica taken anew by a process that is killed at any call: the older state or the newer one.

Never something between them: whatever is left can be read, verifies whole, keeps the keys of those
who act from there, and is taken up by the next run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.application import Ledger
from ledger.effects.replica import take_replica
from ledger.folder import Folder
from ledger.inspection import inspect
from tests.ledger.ledgers import Firm, passphrase
from tests.ledger.replicas import acted, key_of, made

CALLS = ("fsync", "unlink", "rename", "replace", "mkdir", "write", "rmdir", "open")
OWN = "actor-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e.act.00000000.key"


def killed(at: int, act: Callable[[], object]) -> bool:
    """Do something in a process that is killed at its `at`-th call that touches a disk.

    Whether it was killed; False: it came to its end before.
    """
    child = os.fork()
    if child == 0:
        left = [at]
        for name in CALLS:
            _die_in(name, left)
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, 9), ended
    return ended == 9


def _die_in(name: str, left: list[int]) -> None:
    real = getattr(os, name)

    def call(*args: object, **more: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
        return real(*args, **more)

    setattr(os, name, call)


def state(path: Path) -> tuple[int, bytes]:
    with Ledger(Folder(path), passphrase) as replica:
        return replica.seen()


@pytest.fixture
def copies(firm: Firm, tmp_path: Path) -> tuple[Path, Path]:
    """An older copy of a ledger and a newer one."""
    older = made(firm, tmp_path / "older").folder
    acted(firm, 3)
    newer = made(firm, tmp_path / "newer").folder
    shutil.rmtree(tmp_path / "state")  # the buyer's machine has seen neither
    return older, newer


EVERYWHERE = [pytest.param(1, marks=pytest.mark.slow, id="everywhere"),
              pytest.param(9, id="here and there")]  # fmt: skip


@pytest.mark.parametrize("step", EVERYWHERE)
def test_taking_a_newer_copy_is_all_or_nothing(
    firm: Firm, copies: tuple[Path, Path], tmp_path: Path, step: int
) -> None:
    older, newer = copies
    path, template = tmp_path / "replica", tmp_path / "template"
    take_replica(older, template, key_of(firm))
    (template / "identity" / OWN).write_bytes(b"the buyer's")
    first = state(template)
    at, seen = 0, set()
    while True:
        at += step
        shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(tmp_path / "state")
        shutil.copytree(template, path)
        if not killed(at, lambda: take_replica(newer, path)):
            break
        left = state(path)
        seen.add(left)
        assert inspect(Folder(path)).verdict == "valid", at
        assert (path / "identity" / OWN).read_bytes() == b"the buyer's"
        taken = take_replica(newer, path)
        assert taken.before == left[0]
        assert state(path) != first
        assert not (path / ".taking").exists()
    print("struck up to call", at - step)
    assert seen <= {first, state(path)}
    assert step > 1 or seen == {first, state(path)}
    assert at > 10


@pytest.mark.parametrize("step", EVERYWHERE)
def test_the_first_copy_is_taken_whole_or_not_at_all(
    firm: Firm, copies: tuple[Path, Path], tmp_path: Path, step: int
) -> None:
    path, at = tmp_path / "replica", 0
    while True:
        at += step
        shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(tmp_path / "state", ignore_errors=True)
        if not killed(at, lambda: take_replica(copies[1], path, key_of(firm))):
            break
        if path.exists():
            assert inspect(Folder(path)).verdict == "valid", at
        else:
            take_replica(copies[1], path, key_of(firm))
        assert take_replica(copies[1], path).before == state(path)[0]
    assert at > 10

"""Folders of records, a disk for their backups, and a process that is killed at any call."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.backup import BackupState
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.collecting import Collected, Terms, collect
from ledger.effects.backup import Made, Outcomes, create
from ledger.effects.places import content, place_of
from ledger.signing import Proposal, now
from projections.tables import inventory
from projections.view import id_of
from tests.ledger.ledgers import Firm

Copying = Callable[..., Outcomes]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The folder that records lie in."""
    folder = tmp_path / "客户资料"
    folder.mkdir()
    return folder


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Where backups go."""
    folder = tmp_path / "外置盘"
    folder.mkdir()
    return folder


def gather(ledger: Ledger, acting: Acting, folder: Path, files: dict[bytes, bytes]) -> list[str]:
    """Write files and collect them; the copies that they are."""
    for name, data in files.items():
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123  bytes
            file.write(data)
    terms = Terms("contract", "pipl_13_2_contract", "店主", ledger.routine())
    taken = [c for c in collect(ledger, acting, [folder], terms) if isinstance(c, Collected)]
    return [acts.record_state(ledger, one.record).holdings[0] for one in taken]


def plain(count: int) -> dict[bytes, bytes]:
    return {f"{n}.txt".encode(): f"第{n}号合同".encode() for n in range(count)}


@pytest.fixture
def copying(ledger: Ledger, admin: Acting, disk: Path) -> Copying:
    def run(*chosen: str, target: Path = disk, by: Acting = admin) -> Outcomes:
        return create(ledger, by, chosen or None, target, "full", "disk_external")

    return run


def items(ledger: Ledger, stream: str) -> list[str]:
    return list(custody.case_state(ledger, BackupState, stream).items)


def copies_in(made: Made) -> list[Path]:
    """The files of a backup's copies, in order of their ids."""
    return sorted(Path(made.place).glob("holding-*"))


def plain_of(ledger: Ledger, holding: str) -> bytes:
    """What is in a copy, however it lies."""
    with content(ledger, place_of(ledger, holding)) as file:
        return file.read()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def killed(firm: Firm, at: int, act: Callable[[Ledger, Acting], object]) -> bool:
    """Do something in a process that is killed at its `at`-th call that touches a disk.

    Whether it was killed; False: it came to its end before.
    """
    child = os.fork()
    if child == 0:
        left = [at]
        for name in ("fsync", "unlink", "rename", "mkdir", "write"):
            _die_in(name, left)
        code = 1
        try:
            with firm.open() as ledger:
                acting = ledger.acting(firm.founded.actor)

                left[0] = at
                act(ledger, acting)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _die_in(name: str, left: list[int]) -> None:
    real = getattr(os, name)

    def call(*args: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
        return real(*args, **more)

    setattr(os, name, call)


def records(ledger: Ledger) -> list[str]:
    with ledger.engine.connect() as connection:
        found = connection.execute(sa.select(inventory.c.record)).scalars()
        return [id_of("record", key) for key in found]


def move(holding: str, to: str) -> Proposal:
    return acts.move_holding(
        holding, departed_at=now(), arrived_at=now(), sealed={"from": "店里", "to": to}
    )

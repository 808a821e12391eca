"""A ledger with a copy of everything that is kept apart, and what became of it since."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.application import Ledger
from ledger.effects.ledgercopy import copy_ledger
from ledger.effects.ledgerrestore import BehindLedger, Restored, restore_ledger
from ledger.effects.refetching import Refetched, refetch
from ledger.folder import Folder
from ledger.founding import found_ledger
from tests.ledger.ledgers import (
    CHEAP,
    FOUNDING,
    Firm,
    buyer,
    collect_files,
    dump,
    passphrase,
    small_act,
)


class Kept(NamedTuple):
    """A copy of the ledger, its keystore and its identity, as of one moment."""

    copy: Path
    keystore: Path
    identity: Path


def keep(ledger: Ledger, place: Path) -> Kept:
    """Copy a ledger that is open for writing, with keystore and key files beside it."""
    copy_ledger(ledger, place / "copy")
    for part in ("keystore", "identity"):
        shutil.copytree(ledger.folder.path / part, place / part)
    return Kept(place / "copy", place / "keystore", place / "identity")


def put_back(kept: Kept, into: Path, **options: Any) -> Restored:
    """Restore with keystore and identity."""
    return restore_ledger(
        kept.copy, into, passphrase, keystore=kept.keystore, identity=kept.identity, **options
    )


def fetch(path: Path, other: Path) -> Refetched:
    return refetch(Folder(path), passphrase, other)


def lose(firm: Firm) -> Path:
    """The ledger's folder is gone from its place; where it still lies, for comparison."""
    aside = firm.path.with_name("lost")
    firm.path.rename(aside)
    return aside


def forget_pins(state_home: Path) -> None:
    """As on another machine: nobody here has seen this ledger."""
    shutil.rmtree(state_home, ignore_errors=True)


def another(tmp_path: Path, origin: str) -> Kept:
    """A copy of a ledger that was founded in the same way, somewhere else."""
    found_ledger(tmp_path / "twin", FOUNDING._replace(origin=origin), passphrase, kdf=CHEAP)
    with Ledger(Folder(tmp_path / "twin"), passphrase, writing=True) as ledger:
        return keep(ledger, tmp_path / "twins")


class Story(NamedTuple):
    """A firm that kept a copy, went on acting, kept another one, and lost its disk."""

    firm: Firm
    early: Kept
    late: Kept
    lost: Path

    @property
    def path(self) -> Path:
        return self.firm.path


@pytest.fixture(name="story")
def story_fixture(firm: Firm, tmp_path: Path) -> Story:
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        collect_files(ledger, admin, tmp_path / "合同", 2)
        early = keep(ledger, tmp_path / "早")
        ledger.act(admin, [buyer()])
        collect_files(ledger, admin, tmp_path / "新合同", 3)
        ledger.act(ledger.acting(firm.second), [small_act(1)])
        late = keep(ledger, tmp_path / "晚")
    return Story(firm, early, late, lose(firm))


def act(firm: Firm) -> None:
    with firm.open() as ledger:
        ledger.act(ledger.acting(firm.founded.actor), [small_act(700 + ledger.seen()[0])])


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the log and of what is read from it, but what lives in one place only."""
    with BehindLedger(Folder(path), passphrase) as ledger:
        found = dump(ledger.engine)
    return {name: rows for name, rows in found.items() if not name.endswith("tokens")}

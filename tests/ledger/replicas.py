"""Two firms with a ledger between them that only one of them keeps: the other has a replica of it.

The seller keeps the ledger and has registered the buyer's firm and its people, without keys. The
buyer takes copies of it into a folder of its own; pins of the two lie apart, as on two machines.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ledger.cli import muniment
from ledger.effects.ledgercopy import CopyMade
from ledger.effects.replica import Taken, fingerprint, make_replica, take_replica
from ledger.folder import Folder
from ledger.tlog.note import VerifierKey
from tests.ledger.desk import Desk, cheap_keys
from tests.ledger.ledgers import Firm, small_act


def made(firm: Firm, target: Path) -> CopyMade:
    """A copy of a firm's ledger for another party."""
    with firm.open() as ledger:
        return make_replica(ledger, target)


def acted(firm: Firm, count: int = 1) -> None:
    """Something is recorded in a firm's ledger."""
    with firm.open() as ledger:
        acting = ledger.acting(firm.founded.actor)
        for _ in range(count):
            ledger.act(acting, [small_act(700 + ledger.seen()[0])])


@contextmanager
def on_machine(home: Path) -> Iterator[None]:
    """As on another machine, which has seen other states of a ledger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home))
        yield


class Fork:
    """The seller's second version of its ledger, kept where the first one is not seen."""

    def __init__(self, firm: Firm, home: Path) -> None:
        self.firm = firm._replace(path=home / "fork")
        self._home = home / "fork-state"
        shutil.copytree(firm.path, self.firm.path)

    def acted(self, count: int = 1) -> None:
        with on_machine(self._home):
            acted(self.firm, count)

    def made(self, target: Path) -> Path:
        with on_machine(self._home):
            return made(self.firm, target).folder


def key_of(firm: Firm) -> str:
    return firm.founded.vkey


def told(firm: Firm) -> str:
    """The fingerprint of a firm's ledger key, as it is read out on the telephone."""
    return fingerprint(VerifierKey.parse(firm.founded.vkey))


class Machine:
    """The buyer's machine: pins of its own, a passphrase of its own, a replica."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.path = home / "replica"
        self._monkeypatch = monkeypatch
        home.mkdir(exist_ok=True)
        self.passphrase = home / "passphrase"
        self.passphrase.write_bytes(b"the buyer's own\n")

    def here(self) -> None:
        """From now on everything happens on this machine."""
        self._monkeypatch.setenv("XDG_STATE_HOME", str(self.home / "state"))

    def takes(self, copy: Path, key: str | None = None) -> Taken:
        with self._monkeypatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", str(self.home / "state"))
            return take_replica(copy, self.path, key)

    def run(self, *arguments: str, ledger: Path | None = None) -> Result:
        environment = {
            "MUNIMENT_LEDGER": str(ledger or self.path),
            "MUNIMENT_PASSPHRASE_FILE": str(self.passphrase),
            "MUNIMENT_NEW_PASSPHRASE_FILE": str(self.passphrase),
            "XDG_STATE_HOME": str(self.home / "state"),
        }
        return CliRunner().invoke(muniment, list(arguments), env=environment)

    def did(self, *arguments: str, **where: Any) -> str:
        result = self.run(*arguments, **where)
        assert result.exit_code == 0, (arguments, result.stdout, result.stderr)
        return result.stdout

    def json(self, *arguments: str, **where: Any) -> Any:
        return json.loads(self.did(*arguments, "--json", **where))

    def error(self, *arguments: str, code: int, **where: Any) -> dict[str, Any]:
        result = self.run(*arguments, "--json", **where)
        assert result.exit_code == code, (arguments, result.stdout, result.stderr)
        said: dict[str, Any] = json.loads(result.stderr.splitlines()[-1])
        return said

    def bytes(self) -> dict[str, bytes]:
        """Every file of the replica."""
        found = (path for path in self.path.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.path)): path.read_bytes()
            for path in found
            if path.name not in ("ledger.lock", "ledger.db-wal", "ledger.db-shm")
        }


class Sides(Desk):
    """The seller's desk, the buyer's machine, and He, who acts for the buyer from there."""

    def __init__(self, firm: Firm, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(firm, home)
        self.machine = Machine(home / "buyer", monkeypatch)
        self.copies = 0
        self.buyer = str(self.json(
            "party", "register", "--name", "买方公司", "--party-role", "buyer",
        )["party"])  # fmt: skip
        self.he = self.registered("buyer_handler")

    def registered(self, *roles: str, party: str | None = None) -> str:
        """Somebody of the buyer, by name and role, without keys."""
        granted = [part for role in roles for part in ("--role", role)]
        return str(self.json(
            "actor", "register", "--name", "何收", "--party", party or self.buyer, *granted,
            "--without-keys",
        )["actor"])  # fmt: skip

    def copy(self) -> Path:
        self.copies += 1
        target = self.home / f"copy-{self.copies}"
        self.did("replica", "make", str(target))
        return target

    def refresh(self) -> None:
        """The seller sends a new copy, the buyer takes it."""
        key = [] if self.machine.path.exists() else ["--key", told(self.firm)]
        self.machine.did("replica", "take", str(self.copy()), str(self.machine.path), *key)

    def enrolled(self, actor: str) -> None:
        """Keys are made on the buyer's machine; the seller's administrator lets them in."""
        self.refresh()
        draft = self.home / f"enrol-{self.copies}.commit"
        self.machine.did(
            "key", "enrol", "--actor", actor, "--purpose", "act", "--purpose", "seal",
            "--with", f"{self.founder}:administrator", "--draft", str(draft),
        )  # fmt: skip
        self.did("sign", str(draft), "--yes")
        self.did("submit", str(draft))
        self.refresh()


@pytest.fixture(name="machine")
def machine_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path / "buyer", monkeypatch)


@pytest.fixture(name="sides")
def sides_fixture(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sides:
    monkeypatch.chdir(tmp_path)
    cheap_keys(monkeypatch)
    return Sides(firm, tmp_path, monkeypatch)


def replica_folder(machine: Machine) -> Folder:
    return Folder(machine.path)

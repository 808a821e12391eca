"""A desk whose states two witnesses cosign: one that serves, one by file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from ledger.tlog.note import VerifierKey
from ledger.witness_state import WitnessFolder
from tests.ledger.desk import Desk
from tests.ledger.witnesses import PASSPHRASE, Served, make_witness, serving_here


class House:
    """A desk, a witness that serves (the buyer's), one by file (the auditor's), and a policy."""

    def __init__(self, desk: Desk, buyer: Served, auditor: WitnessFolder) -> None:
        self.desk, self.buyer, self.auditor = desk, buyer, auditor
        self.vkey = VerifierKey.parse(desk.firm.founded.vkey)
        self.secret = desk.home / "witness-secret"
        self.secret.write_bytes(PASSPHRASE)
        buyer.folder.trust(self.vkey)
        auditor.trust(self.vkey)

    def policy(self, *, quorum: str = "all", url: str | None = None, more: str = "") -> Path:
        file = self.desk.home / "policy.txt"
        file.write_text(
            f"log {self.vkey.format()}\n"
            f"witness buyer {self.buyer.folder.key.format()} {url or self.buyer.url}\n"
            f"witness auditor {self.auditor.key.format()}\n{more}"
            f"group both {quorum} buyer auditor\nquorum both\n"
        )
        return file

    def set(self, **how: str) -> None:
        self.desk.did("checkpoint", "policy", str(self.policy(**how)))

    def published(self, *more: str, code: int) -> dict[str, Any]:
        result = self.desk.run("checkpoint", "publish", *more, "--json")
        assert result.exit_code == code, (result.stdout, result.stderr)
        told: dict[str, Any] = json.loads(result.stdout)
        return told

    def states(self, told: dict[str, Any]) -> dict[str, str]:
        return {one["name"]: one["state"] for one in told["witnesses"]}

    def by_file(self, *arguments: str) -> Result:
        """The auditor signs, with its own passphrase."""
        return self.desk.run(
            "witness", "sign", str(self.auditor.path), *arguments,
            MUNIMENT_PASSPHRASE_FILE=str(self.secret),
        )  # fmt: skip

    def taken(self, note: str, *, code: int = 0) -> dict[str, Any]:
        file = self.desk.home / "cosigned.txt"
        file.write_text(note)
        result = self.desk.run("checkpoint", "take", str(file), "--json")
        assert result.exit_code == code, (result.stdout, result.stderr)
        told: dict[str, Any] = json.loads(result.stdout or "{}")
        return told

    def rows(self) -> list[bytes]:
        with self.desk.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT note FROM checkpoints ORDER BY id")
            return [bytes(row[0]) for row in found]


@pytest.fixture(name="house")
def house_fixture(desk: Desk, tmp_path: Path) -> Iterator[House]:
    buyer = make_witness(tmp_path / "buyer-witness", name="buyer.example/witness")
    auditor = make_witness(tmp_path / "auditor-witness", name="auditor.example/witness")
    with serving_here(buyer) as server:
        yield House(desk, server, auditor)

"""A deal in which contents are delivered: the list, the package, both machines."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.effects.replica import make_replica, take_replica
from ledger.folder import Folder
from ledger.founding import Founding, found_ledger
from tests.ledger.deals import Deal
from tests.ledger.desk import cheap_keys
from tests.ledger.ledgers import CHEAP, Firm, passphrase

TABLE = "编号,姓名,电话\n1,张三,13800000001\n2,李四,13800000002\n3,王五,13800000003\n"


class Delivery(Deal):
    """The deal's desk, with packages beside it."""

    def rows(self, *more: str) -> list[str]:
        """The rows of a table as records that are ready."""
        file = self.home / "客户.csv"
        file.write_text(TABLE, encoding="utf-8")
        self.did(
            "collect", str(file), "--rows", "--category", "contract", "--basis",
            "pipl_13_2_contract", "--source", "店主", "--notice", "N-1", *more,
        )  # fmt: skip
        found = [row["record"] for row in self.json("inventory") if row["row"]]
        for record in found:
            self.classify(record)
            self.did("retention", "assign", record, "--trigger", "contract_ended",
                     "--date", "2026-01-31")  # fmt: skip
        self.introduce(*found)
        return found

    def listed(self, *records: str, more: tuple[str, ...] = ()) -> str:
        handover = self.planned()
        self.did("handover", "freeze", handover, *records, "--packaged", *more, "--as", self.qian)
        return handover

    def packed(self, *records: str) -> tuple[str, Path]:
        handover = self.listed(*records)
        return handover, self.pack(handover)

    def pack(self, handover: str, name: str = "package") -> Path:
        out = self.home.with_name(f"{self.home.name}-{name}")
        self.did("handover", "pack", handover, "--out", str(out))
        return out

    def sent(self, *records: str) -> tuple[str, Path]:
        handover, package = self.packed(*records)
        self.did("handover", "release", handover, "--package", str(package), "--as", self.qian)
        return handover, package

    def arrived(self, *records: str) -> tuple[str, Path]:
        handover, package = self.sent(*records)
        self.did("handover", "receive", handover, "--package", str(package), "--as", self.he)
        return handover, package

    def accepted(self, *records: str) -> tuple[str, Path]:
        handover, package = self.arrived(*records)
        self.did("handover", "inspect", handover, "--package", str(package), "--as", self.he)
        return handover, package

    def delivered(self, *records: str) -> tuple[str, Path]:
        handover, package = self.accepted(*records)
        self.confirm(handover)
        return handover, package

    def shown(self, handover: str) -> dict[str, Any]:
        found: dict[str, Any] = self.json("handover", "show", handover)
        return found

    def events(self) -> int:
        return int(self.json("status")["events"])


class Buyer:
    """The buyer's own machine: a replica of the seller's ledger, and a ledger of its own."""

    def __init__(self, deal: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
        self.deal = deal
        self.home = deal.home.with_name(f"{deal.home.name}-buyer")
        self.home.mkdir()
        self.path = self.home / "own"
        founded = found_ledger(
            self.path, Founding("maifang.example/ledger", "买方公司", "何收"), passphrase, kdf=CHEAP
        )
        self.founder = founded.actor
        self.replica = self.home / "replica"
        self._copies = 0
        self._monkeypatch = monkeypatch

    def refresh(self) -> None:
        """The seller sends a copy; the first time the buyer's handler's keys are put beside it."""
        self._copies += 1
        copy = self.home / f"copy-{self._copies}"
        with self.deal.firm.open() as ledger:
            make_replica(ledger, copy)
            key = ledger.folder.pinned_key().format()
        first = not self.replica.exists()
        with self._monkeypatch.context() as patch:  # the pins lie on another machine
            patch.setenv("XDG_STATE_HOME", str(self.home / "state"))
            take_replica(copy, self.replica, key if first else None)
        if first:
            for file in (self.deal.firm.path / "identity").glob(f"{self.deal.he}.*"):
                shutil.copy(file, self.replica / "identity" / file.name)

    @property
    def where(self) -> dict[str, str | None]:
        return {
            "MUNIMENT_LEDGER": str(self.path), "XDG_STATE_HOME": str(self.home / "state"),
        }  # fmt: skip

    def take(self, handover: str, package: Path) -> Any:
        return self.deal.json(
            "handover", "take", handover, "--package", str(package), "--replica",
            str(self.replica), **self.where,
        )  # fmt: skip

    def open(self) -> Ledger:
        return Ledger(Folder(self.path), passphrase, writing=True)


def delivery_at(firm: Firm, home: Path, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    monkeypatch.chdir(home)
    cheap_keys(monkeypatch)
    return Delivery(firm, home)


@pytest.fixture(name="deal")
def deal_fixture(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    home = tmp_path / "desk"
    home.mkdir()
    return delivery_at(firm, home, monkeypatch)

"""A sale with customers in its records: declared, told, asked, from lists of subject ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.values import timestamp
from tests.ledger.desk import cheap_keys
from tests.ledger.ledgers import Firm
from tests.ledger.sales import Sale

ZHANG, LI, WANG = "13812345678", "13987654321", "13700001111"


def today() -> str:
    """This moment, after whatever was recorded before."""
    return timestamp(datetime.now(UTC))


class Telling(Sale):
    """A sale; contracts with telephone numbers in them."""

    def contract(self, *numbers: str, name: str = "合同.txt") -> str:
        """A contract in which these people stand, looked through."""
        text = " ".join(f"联系电话 {number}" for number in numbers) or "无"
        record = self.collect(name, text)
        self.did("classify", record, "--category", "contract", "--level", "general_3",
                 "--sensitivity", "general_pi")  # fmt: skip
        self.did("subject", "index", record)
        return record

    def person(self, number: str) -> str:
        """The subject id of a number."""
        slip = self.home / "slip"
        slip.write_text(number, encoding="utf-8")
        return str(self.json("subject", "find", "--identifier-file", str(slip))[0]["subject"])

    def listed(self, header: str, *rows: Iterable[str]) -> str:
        """A list in a file."""
        file = self.home / "list.csv"
        lines = [header, *(",".join(row) for row in rows)]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(file)

    def issued(self, *more: str) -> str:
        text = self.home / "notice.txt"
        text.write_text("尊敬的客户", encoding="utf-8")
        return str(self.json(
            "notice", "issue", "--kind", "art_23", "--channel", "sms", "--text", str(text),
            "--engagement", self.engagement, *more,
        )["notice"])  # fmt: skip

    def delivered(self, notice: str, *rows: Iterable[str], header: str = "") -> Any:
        file = self.listed(header or "subject,status,delivered_at", *rows)
        return self.json("notice", "deliver", notice, "--from", file)

    def consented(self, *rows: Iterable[str], header: str = "", more: Iterable[str] = ()) -> Any:
        file = self.listed(header or "subject,kind,given_at", *rows)
        return self.json("consent", "record", "--from", file, "--recipient", self.buyer, *more)

    def recipients(self, *more: str) -> list[str]:
        found = self.did("notice", "recipients", "--engagement", self.engagement, *more)
        header, *people = found.split()
        assert header == "subject"
        return people

    def events(self) -> int:
        with sqlite3.connect(self.firm.path / "ledger.db") as connection:
            return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def telling_at(firm: Firm, home: Path, monkeypatch: pytest.MonkeyPatch) -> Telling:
    """A sale that was opened, in a folder to work in."""
    monkeypatch.chdir(home)
    cheap_keys(monkeypatch)
    telling = Telling(firm, home)
    telling.open()
    return telling

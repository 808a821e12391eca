"""Zhang asks the cleaning firm what it knows of him, and then that it forgets him.

The firm has his contract, which the law makes it keep, an enquiry that nothing keeps, and a table
of customers. It finds him by his number, answers within the fifteen working days, destroys what it
may, restricts what it must keep, tells him why, and afterwards cannot find him in what is gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.desk import Desk, cheap_keys

ZHANG = "13812345678"
LI = "13987654321"


class Counter(Desk):
    """The firm's counter, with the crew behind it and a slip with Zhang's number on it."""

    def __init__(self, crew: Crew, home: Path) -> None:
        super().__init__(crew.firm, home)
        self.people = crew.people
        self.slip = home / "slip"
        self.slip.write_text("138-1234-5678\n", encoding="utf-8")

    def kept(self, name: str, text: str, day: str) -> str:
        """A classified record whose period begins on a day."""
        record = self.collect(name, text)
        self.did("classify", record, "--category", "contract", "--level", "general_3",
                 "--sensitivity", "general_pi")  # fmt: skip
        self.did("retention", "assign", record, "--trigger", "contract_ended", "--date", day)
        return record

    def found(self) -> list[str]:
        rows = self.json("subject", "find", "--identifier-file", str(self.slip))
        return [row["record"] for row in rows]

    def asked(self, kind: str) -> dict[str, Any]:
        said: dict[str, Any] = self.json(
            "rights", "receive", "--type", kind, "--channel", "in_person", "--identifier-file",
            str(self.slip), "--contact", "张三 本人",
        )  # fmt: skip
        self.did("rights", "identify", said["rights"], "--method", "document_seen", "--as",
                 self.people["zhao"])  # fmt: skip
        return said

    def destroyed(self, record: str) -> str:
        """The case in which a record is destroyed because the law orders it, as it was executed."""
        case = str(self.json(
            "destroy", "propose", record, "--ground", "statute_orders_deletion", "--reason",
            "个人信息保护法第四十七条",
        )["case"])  # fmt: skip
        people = self.people
        self.did("destroy", "appraise", case, "--opinion", "同意", "--as", people["zhao"])
        for name in ("li", "zhao"):
            self.did("destroy", "approve", case, "--as", people[name])
        self.did("destroy", "execute", case, "--yes", "--reason", "个人请求", "--witness",
                 people["sun"], "--as", people["chen"])  # fmt: skip
        shown = self.json("destroy", "show", case)
        assert {item["outcome"] for item in shown["items"]} == {"destroyed"}
        return case


@pytest.fixture
def counter(crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.chdir(tmp_path)
    cheap_keys(monkeypatch)
    return Counter(crew, tmp_path)


def test_a_person_asks_to_be_forgotten(counter: Counter) -> None:
    contract = counter.kept("合同.txt", f"甲方 张三 电话 {ZHANG}", "2026-01-31")
    enquiry = counter.kept("咨询.txt", f"想问价格, +86 138 1234 5678, 同事 {LI}", "2026-01-31")
    somebody_else = counter.kept("李四.txt", f"李四 {LI}", "2026-01-31")
    counter.did("subject", "index", "--all")
    assert set(counter.found()) == {contract, enquiry}

    # What is held about him, and what the report does not cover.
    told = counter.json("subject", "report", "--identifier-file", str(counter.slip))
    assert {row["record"] for row in told["records"]} == {contract, enquiry}
    assert told["coverage"]["never"] == 0

    # He asks to be deleted. The contract must be kept; the firm says so, and why.
    request = counter.asked("delete")["rights"]
    why = counter.json("why", contract, "destroy")
    assert {refusal["rule"] for refusal in why} == {"I-26"}
    counter.did(
        "rights", "decide", request, "--decision", "partial", "--reasons",
        "合同须保管至期满, 期间只存储不使用", "--rule", "I-26", "--as", counter.people["zhao"],
    )  # fmt: skip
    counter.did("restriction", "place", contract, "--reason", "statutory_retention", "--as",
                counter.people["zhao"])  # fmt: skip
    restricted = counter.json("history", contract)[-1]["event"]
    said = counter.error("rights", "fulfil", request, "--action", restricted, code=13)
    assert said["refusals"][0]["detail"] == "record_not_deleted", "the enquiry is still there"
    case = counter.destroyed(enquiry)
    executed = [row["event"] for row in counter.json("history", enquiry)
                if row["type"] == "destruction_case.destruction_executed"]  # fmt: skip
    assert executed[0].startswith(case)
    counter.did("rights", "fulfil", request, "--action", executed[0], "--action", restricted)
    counter.did("rights", "close", request)
    assert counter.json("rights", "due") == []

    # In what is gone nobody finds him any more, nor the colleague whose number stood there.
    assert counter.found() == [contract]
    counter.slip.write_text(f"{LI}\n", encoding="utf-8")
    assert counter.found() == [somebody_else]
    counter.did("verify")
    counter.did("rebuild", "--check")


def test_neither_the_ledger_nor_anything_that_was_said_names_him(
    counter: Counter, capfd: pytest.CaptureFixture[str]
) -> None:
    counter.kept("合同.txt", f"张三 {ZHANG}", "2026-01-31")
    counter.did("subject", "index", "--all")
    counter.asked("access")
    files = [path for path in counter.firm.path.rglob("*") if path.is_file()]
    for path in files:
        data = path.read_bytes()
        assert ZHANG.encode() not in data, path.name
        assert "张三".encode() not in data, path.name
    assert len(files) > 5
    said = capfd.readouterr()
    assert ZHANG not in said.out + said.err

"""A deal told from both sides of the table, with customers in the records and everything signed.

The desk is that of a sale (`tests.ledger.sales`): Qian hands over and Wu looks on; for the buyer,
He receives, Ma looks on and Lin keeps; Gao is the broker's. What a story adds is people: each
customer is a row of the firm's list with a telephone number of their own, found by it and known by
a random id only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.values import timestamp
from ledger.rebuild import check
from ledger.verification.stored import verify_folder
from projections.persons import subject_records
from projections.view import id_of
from tests.ledger import sales
from tests.ledger.crews import hire
from tests.ledger.desk import cheap_keys
from tests.ledger.ledgers import Firm
from tests.ledger.sales import Sale

FOR_THE_CHECKS = (31, 91, 181)
"""The days after those on which, as the pack that ships says, somebody is to look again."""


def this_moment() -> str:
    """Now, after whatever was recorded before."""
    return timestamp(datetime.now(UTC))


def details(said: Mapping[str, Any]) -> set[str]:
    """Why something was refused."""
    return {str(refusal["detail"]) for refusal in said["refusals"]}


def number(customer: int) -> str:
    """The telephone number of the nth customer."""
    return f"138{customer:08d}"


class Customer:
    """A customer: a row of the list, and a random id."""

    def __init__(self, record: str, subject: str) -> None:
        self.record, self.subject = record, subject


class Dealing(Sale):
    """A deal with customers; `customers`: in the order of the list."""

    customers: list[Customer]

    def __init__(self, firm: Firm, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(firm, home)
        self._monkeypatch = monkeypatch
        self.lin = self.registered(self.buyer, "custodian", "archivist")

    # -- who else is at the table

    def registered(self, party: str, *roles: str, function: str = "service") -> str:
        """Somebody more, of a party."""
        with self.firm.open() as ledger:
            return hire(ledger, ledger.acting(self.founder), party, function, roles)

    def renew_keys(self, actor: str) -> None:
        """Somebody gets new keys, to sign and to open what is sealed."""
        for purpose in ("act", "seal"):
            self.did("key", "rotate", "--purpose", purpose, "--as", actor)

    def agree_with(self, *people: tuple[str, str]) -> None:
        """The seller and the buyer agree, and with them a third party, whose people these are."""
        paper = self.attached("evidence_agreement")
        both = ((self.qian, "seller_handler"), (self.wu, "supervisor"), (self.he, "buyer_handler"))
        named = [part for who, role in (*both, *people) for part in ("--signer", f"{who}:{role}")]
        signing = [(who, role) for who, role in people if role == "buyer_handler"]
        self.jointly("agreement", "sign", paper, *named, "--engagement", self.engagement,
                     author=self.qian, others=((self.he, "buyer_handler"), *signing))  # fmt: skip

    def keep_secret_from(self, party: str, person: str, role: str) -> str:
        """The seller and another party agree on secrecy."""
        paper = self.attached("nda", "--party", self.seller, "--party", party)
        self.jointly(
            "nda", "sign", paper, "--disclosing", self.seller, "--receiving", party, "--from",
            "2026-01-01", "--survival-days", "730", "--engagement", self.engagement,
            author=self.qian, others=((person, role),),
        )  # fmt: skip
        return paper

    def planned_for(self, party: str, handler: str) -> str:
        """A handover to somebody else than the buyer."""
        return str(self.json(
            "handover", "plan", "--to", party, "--buyer-handler", handler, "--first-day",
            "2020-01-01", "--last-day", "2099-12-31", "--engagement", self.engagement, "--as",
            self.qian,
        )["handover"])  # fmt: skip

    # -- the people in the records

    def customer_list(self, count: int, *, sensitivity: str = "general_pi") -> list[Customer]:
        """A list of customers, a record a row: collected, looked through, classified, declared."""
        rows = "".join(f"{n},客户{n},{number(n)}\n" for n in range(count))
        file = self.home / "客户.csv"
        file.write_text(f"编号,姓名,电话\n{rows}", encoding="utf-8")
        self.did(
            "collect", str(file), "--rows", "--shared-key", "--category", "contract", "--basis",
            "pipl_13_2_contract", "--source", "店主", "--notice", "N-1",
        )  # fmt: skip
        records = [row["record"] for row in self.json("inventory") if row["row"]]
        assert len(records) == count
        self.did("classify", *records, "--category", "contract", "--level", "general_3",
                 "--sensitivity", sensitivity)  # fmt: skip
        self.did("retention", "assign", *records, "--trigger", "contract_ended", "--date",
                 "2026-01-31")  # fmt: skip
        self.did("review", *records, "--as", self.reviewer)
        self.did("subject", "index", *records)
        self.did("subject", "declare", *records)
        self.customers = list(self._found())
        assert len(self.customers) == count
        return self.customers

    def _found(self) -> Iterator[Customer]:
        """Who was declared to stand in which row, in the order of the rows."""
        query = sa.select(subject_records.c.record, subject_records.c.subject)
        with self.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
            found = [
                Customer(id_of("record", r), id_of("subject", s))
                for r, s in connection.execute(query.order_by(subject_records.c.record))
            ]
        yield from found

    def contract(self, *people: Customer, name: str = "合同.txt", sensitive: str = "") -> str:
        """A contract in which these customers stand; `sensitive`: which sensitive data is in it."""
        record = self.collect(name, f"{name} 的内容")
        how = ("sensitive_pi", "--kind", sensitive) if sensitive else ("general_pi",)
        self.did("classify", record, "--category", "contract", "--level", "general_3",
                 "--sensitivity", *how)  # fmt: skip
        self.did("retention", "assign", record, "--trigger", "contract_ended", "--date",
                 "2026-01-31")  # fmt: skip
        self.did("review", record, "--as", self.reviewer)
        for person in people:
            self.did("subject", "declare", record, "--subject", person.subject)
        return record

    def _csv(self, header: str, rows: Iterable[Sequence[str]]) -> str:
        file = self.home / "list.csv"
        file.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", "utf-8")
        return str(file)

    def issue(self) -> str:
        """The notice that the deal's mode asks for goes out."""
        text = self.home / "告知书.txt"
        text.write_text("尊敬的客户, 您的资料将转移给买方公司", encoding="utf-8")
        return str(self.json("notice", "issue", "--channel", "sms", "--text", str(text),
                             "--engagement", self.engagement)["notice"])  # fmt: skip

    def deliver(self, notice: str, people: Iterable[Customer], status: str = "delivered") -> None:
        rows = [(person.subject, status, this_moment()) for person in people]
        reason = ("--reason", "号码已停机") if status == "public_announcement" else ()
        file = self._csv("subject,status,delivered_at", rows)
        self.did("notice", "deliver", notice, "--from", file, *reason, "--engagement",
                 self.engagement)  # fmt: skip

    def tell(self, people: Iterable[Customer]) -> str:
        """A notice that reaches these people."""
        notice = self.issue()
        self.deliver(notice, people)
        return notice

    def consent(self, people: Iterable[Customer], kind: str = "separate_provision") -> None:
        """These people agree, and sent their answers."""
        rows = [(person.subject, kind, this_moment()) for person in people]
        file = self._csv("subject,kind,given_at", rows)
        self.did("consent", "record", "--from", file, "--recipient", self.buyer, "--engagement",
                 self.engagement)  # fmt: skip

    def withdraw(self, *people: Customer) -> None:
        for person in people:
            self.did("consent", "withdraw", person.subject, "--recipient", self.buyer, "--channel",
                     "telephone", "--engagement", self.engagement)  # fmt: skip

    def still_to_tell(self) -> set[str]:
        header, *people = self.did(
            "notice", "recipients", "--engagement", self.engagement, "--format", "csv"
        ).split()
        assert header == "subject"
        return set(people)

    # -- the list

    def freeze(self, *records: str, more: Sequence[str] = ("--packaged",)) -> tuple[str, Any]:
        """A list of what may go; the handover, and what was said of what may not."""
        handover = self.planned()
        return handover, self.freeze_again(handover, *records, more=more)

    def freeze_again(
        self, handover: str, *records: str, more: Sequence[str] = ("--packaged",)
    ) -> Any:
        what = records or ("--all",)
        return self.json("handover", "freeze", handover, *what, "--skip-blocked", *more, "--as",
                         self.qian)  # fmt: skip

    def shown(self, handover: str) -> dict[str, Any]:
        found: dict[str, Any] = self.json("handover", "show", handover)
        return found

    def excluded(self, handover: str) -> dict[str, tuple[int, int]]:
        """What was left out: reason to records and people, as the list itself says it."""
        rows = self.shown(handover)["left_out"]
        return {row["reason"]: (row["records"], row["subjects"]) for row in rows}

    def items(self, handover: str) -> set[str]:
        return {item["item"] for item in self.shown(handover)["items"]}

    def pack(self, handover: str, name: str = "package") -> Path:
        out = self.home.with_name(f"{self.home.name}-{name}")
        self.did("handover", "pack", handover, "--out", str(out), "--as", self.qian)
        return out

    def release(self, handover: str, package: Path) -> None:
        self.did("handover", "release", handover, "--package", str(package), "--as", self.qian)

    def receive(self, handover: str, package: Path) -> None:
        self.did("handover", "receive", handover, "--package", str(package), "--as", self.he)

    def inspect(self, handover: str, package: Path) -> None:
        self.did("handover", "inspect", handover, "--package", str(package), "--as", self.he)

    def pass_on(self, handover: str, name: str = "package") -> Path:
        """From the frozen list to the confirmation."""
        package = self.pack(handover, name)
        self.release(handover, package)
        self.receive(handover, package)
        self.inspect(handover, package)
        self.confirm(handover)
        return package

    def settle(self, handover: str, discrepancy: int, how: str) -> None:
        """Both handlers sign how a discrepancy was settled."""
        self.jointly("handover", "discrepancy", "resolve", handover, str(discrepancy),
                     "--resolution", how, author=self.qian,
                     others=((self.he, "buyer_handler"),))  # fmt: skip

    # -- what follows

    def declare_kept(self, handover: str) -> int:
        """The seller says which copies it keeps; how many."""
        said = self.json("handover", "residual", handover, "--basis", "retention_duty",
                         "--retain-until", "2036-01-31", "--as", self.qian,
                         "--confirm-clock")  # fmt: skip
        return int(said["copies"])

    def dispose(self, party: str, by: str, how: str = "destroyed", count: int = 1) -> None:
        paper = () if how == "none_kept" else ("--certificate", "XH-2026-7")
        self.did("engagement", "dispose", self.engagement, "--party", party, "--how", how,
                 "--count", str(count), *paper, "--as", by)  # fmt: skip

    def wait(self, days: int) -> None:
        """It is so many days after today."""
        sales.later(self._monkeypatch, days)

    def track(self) -> None:
        """The checks after 30, 90 and 180 days, each on the day after it was due."""
        for days in FOR_THE_CHECKS:
            self.wait(days)
            (waiting,) = self.gates()["tracking"]["waiting"]
            assert (waiting["detail"], waiting["count"]) == ("tracking_overdue", 1)
            self.did("engagement", "track", self.engagement, "--due", waiting["due"], "--topic",
                     "processing", "--topic", "rights", "--findings", "0", "--as", self.he,
                     "--confirm-clock")  # fmt: skip

    def close(self, outcome: str = "completed") -> None:
        self.did("engagement", "close", self.engagement, "--outcome", outcome, "--confirm-clock")

    def not_closed(self, outcome: str = "completed") -> set[str]:
        """Why the deal is not closed."""
        return details(self.error("engagement", "close", self.engagement, "--outcome", outcome,
                                  "--confirm-clock", code=13))  # fmt: skip

    def reported(self) -> dict[str, Any]:
        """The closing report is issued; afterwards no gate is red but `red`."""
        self.did("document", "issue", "closing_report", self.engagement, "--out",
                 str(self.home / "结项报告.pdf"), "--confirm-clock")  # fmt: skip
        report: dict[str, Any] = self.json("engagement", "report", self.engagement)
        return report

    def red(self) -> list[str]:
        """The gates that are red."""
        return [code for code, gate in self.gates().items() if gate["state"] == "red"]

    def sound(self) -> None:
        """What is stored verifies, and what is shown follows from it."""
        with self.firm.open(writing=False) as ledger:
            report = verify_folder(ledger.folder)
            assert report.verdict == "valid", report.findings
            with ledger.engine.connect() as connection:
                assert check(connection) == []

    def nobody_is_named(self, package: Path | None = None) -> None:
        """No telephone number and no name stands in clear in the ledger or a package."""
        for folder in (self.firm.path, *([package] if package else [])):
            for file in folder.rglob("*"):
                data = file.read_bytes() if file.is_file() else b""
                for secret in (number(0), "客户0", "三家门店转让"):
                    assert secret.encode() not in data, (file.name, secret)


def with_papers(dealing: Dealing, mode: str, *more: str) -> Dealing:
    """A deal opened, and all that is signed before anything is given away."""
    dealing.open(mode, *more)
    dealing.papers()
    dealing.assess()
    return dealing


@pytest.fixture(name="dealing")
def dealing_fixture(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dealing:
    home = tmp_path / "desk"
    home.mkdir()
    monkeypatch.chdir(home)
    cheap_keys(monkeypatch)
    return Dealing(firm, home, monkeypatch)

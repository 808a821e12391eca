"""A shop with customers is sold between two machines that share nothing but what is carried.

The seller keeps the ledger of the deal; the buyer has a replica of it, and a ledger of its own.
Every command is a process, and what passes between the two is a file: copies of the log without
texts, drafts to sign, a package that only the buyer's key opens. The buyer finds a fault, both
settle it, all four confirm the rest; at the end both hold the same confirmation over the same two
roots, and the buyer's own ledger goes on from the first collection.

Key files cost next to nothing to guess here; else the program is the one that people run.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.desk import ROOT
from tests.stories.dealings import number, this_moment

pytestmark = pytest.mark.slow

PROGRAM = """
from ledger.founding import found_ledger
from ledger.keyfile import Argon2Cost, write_key
found_ledger.__kwdefaults__["kdf"] = Argon2Cost(8, 1, 1)
write_key.__defaults__ = (Argon2Cost(8, 1, 1),)
from ledger.cli import main
main()
"""
SECRETS = ("客户0", number(0), "洁净保洁", "钱交", "何收", "门店转让", "第二页缺失")


class Machine:
    """One firm's machine: what is typed there is a process, with that machine's keys and pins."""

    def __init__(self, home: Path, ledger: str) -> None:
        self.home, self.ledger = home, home / ledger
        home.mkdir()
        self.passphrase = home / "passphrase"
        self.passphrase.write_text(f"{home.name}\n", "utf-8")

    def run(
        self, *arguments: object, ledger: Path | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8",
            "XDG_STATE_HOME": str(self.home / "state"), "PYTHONPATH": str(ROOT),
            "MUNIMENT_LEDGER": str(ledger or self.ledger), "MUNIMENT_LANG": "en",
            "MUNIMENT_PASSPHRASE_FILE": str(self.passphrase),
            "MUNIMENT_NEW_PASSPHRASE_FILE": str(self.passphrase),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, arguments), "--json"],
            cwd=self.home, env=environment, capture_output=True, check=False, timeout=120,
        )  # fmt: skip

    def did(self, *arguments: object, ledger: Path | None = None) -> Any:
        done = self.run(*arguments, ledger=ledger)
        assert done.returncode == 0, (arguments, done.stdout.decode(), done.stderr.decode())
        try:
            return json.loads(done.stdout)
        except ValueError:  # a line an event, and what came of it last
            return json.loads(done.stdout.splitlines()[-1])

    def refused(self, *arguments: object, code: int) -> dict[str, Any]:
        done = self.run(*arguments)
        assert done.returncode == code, (arguments, done.stdout.decode(), done.stderr.decode())
        said: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
        return said


class Table:
    """Both machines, the people of both firms, and what was carried between them."""

    def __init__(self, home: Path) -> None:
        self.seller, self.buyer = (
            Machine(home / "卖方", "ledger"),
            Machine(home / "买方", "replica"),
        )
        self.own = self.buyer.home / "own"
        self.carried = home / "carried"
        self.carried.mkdir()
        self.copies = self.drafts = 0
        founded = self.seller.did("init", "--origin", "jiejing.example/ledger", "--party",
                                  "洁净保洁", "--actor", "王经理")  # fmt: skip
        self.wang, self.firm, self.vkey = (founded[k] for k in ("actor", "party", "vkey"))
        self.other = self.seller.did("party", "register", "--name", "买方公司", "--party-role",
                                     "buyer")["party"]  # fmt: skip
        self.qian = self.hired(self.firm, "钱交", "seller_handler")
        self.wu = self.hired(self.firm, "吴监", "supervisor")
        self.he = self.hired(self.other, "何收", "buyer_handler", "--without-keys")
        self.ma = self.hired(self.other, "马监", "supervisor", "--without-keys")

    def hired(self, party: str, name: str, role: str, *more: str) -> str:
        return str(self.seller.did("actor", "register", "--name", name, "--party", party, "--role",
                                   role, *more)["actor"])  # fmt: skip

    # -- what is carried

    def refresh(self) -> Path:
        """The seller's newest state goes to the buyer, who takes what continues the last one."""
        self.copies += 1
        copy = self.carried / f"copy-{self.copies}"
        self.seller.did("replica", "make", copy)
        key = [] if self.buyer.ledger.exists() else ["--key", self.vkey]
        self.buyer.did("replica", "take", copy, self.buyer.ledger, *key)
        return copy

    def draft(self) -> Path:
        self.drafts += 1
        return self.carried / f"{self.drafts}.commit"

    def enrol(self, *actors: str) -> None:
        """Keys are made at the buyer's; the seller's administrator lets them in."""
        for actor in actors:
            self.refresh()
            draft = self.draft()
            self.buyer.did(
                "key", "enrol", "--actor", actor, "--purpose", "act", "--purpose", "seal",
                "--with", f"{self.wang}:administrator", "--draft", draft,
            )  # fmt: skip
            self.seller.did("sign", draft, "--yes")
            self.seller.did("submit", draft)

    def buyer_says(self, *said: object) -> Path:
        """He says something at the buyer's machine, and the seller submits it."""
        self.refresh()
        draft = self.draft()
        self.buyer.did(*said, "--draft", draft, "--as", self.he)
        self.seller.did("submit", draft)
        return draft

    def both_say(self, *said: object, supervised: bool = False) -> None:
        """Qian drafts, He signs on the other machine; `supervised`: Wu and Ma sign, too."""
        here, there = ([self.wu], [self.ma]) if supervised else ([], [])
        beside = [f"{self.he}:buyer_handler", *(f"{who}:supervisor" for who in (*here, *there))]
        draft = self.draft()
        self.seller.did(*said, *(part for who in beside for part in ("--with", who)), "--draft",
                        draft, "--as", self.qian)  # fmt: skip
        for who in here:
            self.seller.did("sign", draft, "--yes", "--as", who)
        self.refresh()
        for who in (self.he, *there):
            self.buyer.did("sign", draft, "--yes", "--as", who)
        self.seller.did("submit", draft)

    # -- the deal

    def shop(self, customers: int) -> list[str]:
        """The customers' list, a record a row: looked through, classified, with a period."""
        file = self.seller.home / "客户.csv"
        rows = "".join(f"{n},客户{n},{number(n)}\n" for n in range(customers))
        file.write_text(f"编号,姓名,电话\n{rows}", "utf-8")
        self.seller.did("collect", file, "--rows", "--category", "contract", "--basis",
                          "pipl_13_2_contract", "--source", "店主", "--notice", "N-1")  # fmt: skip
        records = [row["record"] for row in self.seller.did("inventory") if row["row"]]
        for about in (
            ("classify", *records, "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi"),
            ("retention", "assign", *records, "--trigger", "contract_ended", "--date",
             "2026-01-31"),
            ("subject", "index", *records),
            ("subject", "declare", *records),
        ):  # fmt: skip
            self.seller.did(*about)
        return records

    def agreed(self) -> str:
        """The deal is opened, and the papers are signed on both machines."""
        deal = str(self.seller.did(
            "engagement", "open", "--mode", "asset_or_store_transfer", "--seller", self.firm,
            "--buyer", self.other, "--title", "门店转让",
        )["engagement"])  # fmt: skip
        self.under = ("--engagement", deal)
        agreement, nda, pipia = (self.attached(k) for k in ("evidence_agreement", "nda", "pipia"))
        signers = ((self.qian, "seller_handler"), (self.he, "buyer_handler"),
                   (self.wu, "supervisor"), (self.ma, "supervisor"))  # fmt: skip
        named = [part for who, role in signers for part in ("--signer", f"{who}:{role}")]
        self.both_say("agreement", "sign", agreement, *named, *self.under)
        self.both_say("nda", "sign", nda, "--disclosing", self.firm, "--receiving", self.other,
                      "--from", "2026-01-01", "--survival-days", "1095", *self.under)  # fmt: skip
        self.seller.did("pipia", "record", pipia, "--conclusion", "acceptable", "--retain-until",
                        "2099-12-31", *self.under, "--as", self.qian)  # fmt: skip
        return deal

    def attached(self, kind: str) -> str:
        paper = self.seller.home / f"{kind}.txt"
        paper.write_text(kind, "utf-8")
        return str(self.seller.did("document", "attach", paper, "--kind", kind, "--party",
                                   self.firm, "--party", self.other, *self.under, "--as",
                                   self.qian)["document"])  # fmt: skip

    def told_and_asked(self) -> None:
        """Everybody is told and agrees; only random ids are on the lists."""
        text = self.seller.home / "告知书.txt"
        text.write_text("尊敬的客户", "utf-8")
        notice = self.seller.did("notice", "issue", "--channel", "sms", "--text", text,
                                 *self.under)["notice"]  # fmt: skip
        found = self.seller.did("notice", "recipients", *self.under)
        people = [row["subject"] for row in found]
        told = self.answers("status,delivered_at", people, ["delivered", this_moment()])
        self.seller.did("notice", "deliver", notice, "--from", told, *self.under)
        agreed = self.answers("kind,given_at", people, ["separate_provision", this_moment()])
        self.seller.did("consent", "record", "--from", agreed, "--recipient", self.other,
                          *self.under)  # fmt: skip

    def answers(self, header: str, people: Iterable[str], said: Sequence[str]) -> Path:
        file = self.seller.home / "answers.csv"
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(["subject", *header.split(",")])
            writer.writerows([who, *said] for who in people)
        return file


class Told:
    """The whole deal, told once; every test looks at what it left on both machines."""

    def __init__(self, home: Path) -> None:
        self.table = table = Table(home)
        table.enrol(table.he, table.ma)
        self.records = table.shop(3)
        self.deal = table.agreed()
        table.told_and_asked()
        seller, self.package = table.seller, table.carried / "package"
        plan = ("handover", "plan", "--buyer-handler", table.he, "--first-day", "2026-01-01",
                "--last-day", "2099-12-31", *table.under, "--as", table.qian)  # fmt: skip
        self.handover = str(seller.did(*plan)["handover"])
        seller.did("handover", "freeze", self.handover, *self.records, "--packaged", "--as",
                   table.qian)  # fmt: skip
        seller.did("handover", "pack", self.handover, "--out", self.package)
        seller.did("handover", "release", self.handover, "--package", self.package, "--as",
                   table.qian)  # fmt: skip
        arrived = (self.handover, "--package", self.package)
        self.receipt = table.buyer_says("handover", "receive", *arrived)
        table.buyer_says("handover", "inspect", *arrived)
        self.rejected, *self.passed = self.records
        self.raised = ("handover", "discrepancy", "raise", self.handover, self.rejected, "--kind",
                       "damaged")  # fmt: skip
        table.buyer_says(*self.raised)
        table.both_say("handover", "discrepancy", "resolve", self.handover, "1", "--resolution",
                       "item_rejected")  # fmt: skip
        table.both_say("handover", "confirm", self.handover, supervised=True)
        seller.did("handover", "residual", self.handover, "--basis", "retention_duty",
                   "--retain-until", "2036-01-31", "--as", table.qian)  # fmt: skip
        self.copy = table.refresh()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(tmp_path_factory.mktemp("deal"))


def test_both_hold_one_confirmation_over_one_list(told: Told) -> None:
    table = told.table
    sides = [machine.did("handover", "show", told.handover)
             for machine in (table.seller, table.buyer)]  # fmt: skip
    for said in ("root", "lines", "package", "count", "rejected", "step"):
        assert sides[0][said] == sides[1][said], said
    assert (sides[0]["count"], sides[0]["rejected"]) == (3, 1)
    confirmed = [next(s for s in side["steps"] if s["type"] == "handover.confirmed")
                 for side in sides]  # fmt: skip
    assert confirmed[0]["event"] == confirmed[1]["event"]
    commits = [machine.did("show", confirmed[0]["event"])["commit"]
               for machine in (table.seller, table.buyer)]  # fmt: skip
    assert commits[0] == commits[1]
    assert {
        (s["name"].rpartition("/")[2], s["capacity"]) for s in commits[0]["signers"]
    } == {
        (table.qian, "seller_handler"), (table.he, "buyer_handler"), (table.wu, "supervisor"),
        (table.ma, "supervisor"),
    }  # fmt: skip


def test_both_are_shown_the_same_ladder(told: Told) -> None:
    table = told.table
    ladders = [machine.did("engagement", "status", told.deal)
               for machine in (table.seller, table.buyer)]  # fmt: skip
    assert ladders[0] == ladders[1]
    states = {gate["code"]: gate["state"] for gate in ladders[0]["gates"]}
    for code in ("evidence_agreement", "nda", "pipia", "notices", "discrepancies", "confirmed"):
        assert states[code] == "green", code
    assert states["residual"] == "red", "the buyer has not said what became of the rejected item"


def test_the_replica_agrees_with_the_ledger_and_both_verify(told: Told) -> None:
    table = told.table
    for machine in (table.seller, table.buyer):
        assert machine.did("verify")["verdict"] == "valid"
    assert table.seller.did("ledger", "compare", told.copy)["result"] == "agree"
    assert table.buyer.did("ledger", "compare", told.copy)["result"] == "agree"


def test_nothing_of_one_lies_in_clear_with_the_other_or_on_the_way(told: Told) -> None:
    table = told.table
    keys = [{path.name for path in (machine.ledger / "identity").iterdir()}
            for machine in (table.seller, table.buyer)]  # fmt: skip
    assert not keys[0] & keys[1]
    assert {name.partition(".")[0] for name in keys[1]} == {table.he, table.ma}
    for path in (*table.buyer.ledger.rglob("*"), *table.carried.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        for text in SECRETS:
            assert text.encode() not in data, (path.name, text)


def test_the_buyers_own_ledger_goes_on_from_the_first_collection(told: Told) -> None:
    """What passed is there with its content and its period, what was rejected is not."""
    table, buyer = told.table, told.table.buyer
    buyer.did("init", "--origin", "maifang.example/ledger", "--party", "买方公司", "--actor",
              "林经理", ledger=table.own)  # fmt: skip
    taken = buyer.did("handover", "take", told.handover, "--package", told.package, "--replica",
                      buyer.ledger, ledger=table.own)  # fmt: skip
    assert taken["taken"] == len(told.passed) == 2
    rows = buyer.did("inventory", ledger=table.own)
    assert [row["min_until"] for row in rows] == ["2036-01-31"] * 2
    for row in rows:
        events = buyer.did("history", row["record"], ledger=table.own)
        theirs = [event for event in events if event["origin"] == "jiejing.example/ledger"]
        assert all(event["proved"] for event in theirs)
        kinds = [event["type"] for event in theirs]
        assert kinds.index("record.collected") < kinds.index("handover.confirmed")
        assert told.rejected not in {event["event"].partition("/")[0] for event in theirs}
        own = [event["type"] for event in events if event not in theirs]
        assert "record.collected" in own
    again = buyer.did("handover", "take", told.handover, "--package", told.package, "--replica",
                      buyer.ledger, ledger=table.own)  # fmt: skip
    assert (again["taken"], again["before"]) == (0, 2)
    assert buyer.did("verify", ledger=table.own)["verdict"] == "valid"


def test_the_buyer_says_what_became_of_the_rejected_item(told: Told, tmp_path: Path) -> None:
    """Destroyed, with the certificate: only the buyer may say it, and only from here."""
    table = told.table
    table.refresh()
    certificate, draft = tmp_path / "certificate.pdf", table.draft()
    certificate.write_bytes(b"XH-1")
    done = table.buyer.run(
        "engagement", "dispose", told.deal, "--party", table.other, "--how", "destroyed", "--count",
        "1", "--certificate-file", certificate, "--draft", draft, "--as", table.he,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert table.seller.did("submit", draft)["repeated"] is False


def test_on_the_replica_nothing_is_said_but_in_drafts(told: Told) -> None:
    said = told.table.buyer.refused(*told.raised, "--as", told.table.he, code=2)
    assert "--draft" in said["remedy"]


def test_the_buyers_receipt_is_the_buyers_and_counts_once(told: Told, tmp_path: Path) -> None:
    """The seller has the file: it cannot change it, strip it, or use it twice."""
    seller = told.table.seller
    assert seller.did("submit", told.receipt)["repeated"] is True
    whole = json.loads(told.receipt.read_bytes())
    assert whole["signatures"]
    changes: list[dict[str, Any]] = [
        {"signatures": []}, {"note": whole["note"].replace("buyer_handler", "dpo")},
    ]  # fmt: skip
    for change in changes:
        forged = tmp_path / "forged.commit"
        text = json.dumps({**whole, **change}, sort_keys=True, separators=(",", ":"))
        forged.write_text(f"{text}\n", "utf-8")
        assert seller.run("submit", forged).returncode != 0

"""A desk at which a business is sold: the people of both sides, and a deal step by step."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import click
import pytest

from ledger.cli import muniment
from ledger.signing import new_ids
from tests.ledger.desk import Desk, cheap_keys
from tests.ledger.ledgers import Firm, add_person, buyer


class Sale(Desk):
    """The firm sells. Qian hands over and Wu looks on; for the buyer, He receives and Ma looks on.

    Gao is the broker's. The founder administers, keeps and collects; the reviewer reviews.
    """

    def __init__(self, firm: Firm, home: Path) -> None:
        super().__init__(firm, home)
        with firm.open() as ledger:
            admin = ledger.acting(firm.founded.actor)
            others = [buyer("买方公司"), buyer("中介公司")]
            for proposal in others:
                ledger.act(admin, [proposal])
            self.seller = firm.founded.party
            self.buyer, self.broker = (proposal.stream for proposal in others)

            def person(party: str, *roles: str) -> str:
                return add_person(ledger, admin, party, roles).actor

            self.qian = person(self.seller, "seller_handler")
            self.wu = person(self.seller, "supervisor")
            self.he = person(self.buyer, "buyer_handler")
            self.ma = person(self.buyer, "supervisor")
            self.gao = person(self.broker, "broker")
            self.engagement = ""

    # -- records

    def ready(
        self, name: str = "合同.txt", *, sensitivity: str = "non_personal", reviewed: bool = True
    ) -> str:
        """A record: collected, classified, with a period, and reviewed."""
        record = self.collect(name, f"{name} 的内容")
        self.did("classify", record, "--category", "contract", "--level", "general_3",
                 "--sensitivity", sensitivity)  # fmt: skip
        self.did("retention", "assign", record, "--trigger", "contract_ended", "--date",
                 "2026-01-31")  # fmt: skip
        if reviewed:
            self.did("review", record, "--as", self.reviewer)
        return record

    # -- the ladder

    def open(self, mode: str = "asset_or_store_transfer", *more: str) -> str:
        self.engagement = str(self.json(
            "engagement", "open", "--mode", mode, "--seller", self.seller, "--buyer", self.buyer,
            "--title", "三家门店转让", *more,
        )["engagement"])  # fmt: skip
        return self.engagement

    def gates(self) -> dict[str, dict[str, Any]]:
        """The seventeen gates by code."""
        told = self.json("engagement", "status", self.engagement)
        assert told["engagement"] == self.engagement
        assert [gate["number"] for gate in told["gates"]] == list(range(1, 18))
        for gate in told["gates"]:
            assert (gate["state"] == "red") == bool(gate["waiting"])
            for waiting in gate["waiting"]:
                check_command(waiting["command"])
        return {gate["code"]: gate for gate in told["gates"]}

    def gate(self, code: str) -> str:
        return str(self.gates()[code]["state"])

    def waits(self, code: str) -> list[str]:
        """What a red gate waits for."""
        return [str(waiting["detail"]) for waiting in self.gates()[code]["waiting"]]

    # -- papers

    def rotate(self, actor: str, purpose: str = "act") -> None:
        """Give somebody a new key."""
        self.did("key", "rotate", "--purpose", purpose, "--as", actor)

    def backed_up(self) -> str:
        """A backup of everything, on a disk of its own."""
        disk = self._elsewhere("disk")
        made = self.json("backup", "create", str(disk), "--medium", "disk_external")
        return str(made["backups"][0]["backup"])

    def drilled(self, backup: str) -> None:
        """The backup restored in a drill, as it was recorded."""
        empty = self._elsewhere("drill")
        self.did("backup", "drill", backup, "--into", str(empty), "--rto", "600")

    def _elsewhere(self, name: str) -> Path:
        """A folder beside the one in which the records lie."""
        folder = self.home.with_name(f"{self.home.name}-{name}")
        folder.mkdir(exist_ok=True)
        return folder

    def attached(self, kind: str, *more: str, by: str | None = None) -> str:
        paper = self.home / f"{kind}-{new_ids('paper')[0]}.pdf"
        paper.write_bytes(kind.encode("ascii"))
        return str(self.json(
            "document", "attach", str(paper), "--kind", kind, "--title", "某文书",
            "--engagement", self.engagement, *more, "--as", by or self.founder,
        )["document"])  # fmt: skip

    def letters(self) -> None:
        for party, by in ((self.seller, self.qian), (self.buyer, self.he)):
            self.attached("authority_letter", "--party", party, by=by)

    def trained(self, *people: str, score: int = 90, valid_to: str = "2099-12-31") -> None:
        for actor in people:
            self.did(
                "training", "record", actor, "--topic", "handover", "--mode", "offline", "--on",
                "2026-01-05", "--score", str(score), "--pass-mark", "60", "--valid-to", valid_to,
            )  # fmt: skip

    def agree(self, *people: tuple[str, str]) -> str:
        """Both handlers sign an agreement that names these people, all four if none is given."""
        named = people or (
            (self.qian, "seller_handler"), (self.he, "buyer_handler"),
            (self.wu, "supervisor"), (self.ma, "supervisor"),
        )  # fmt: skip
        document = self.attached("evidence_agreement")
        signers = [part for who, role in named for part in ("--signer", f"{who}:{role}")]
        self.jointly(
            "agreement", "sign", document, *signers, "--engagement", self.engagement,
            author=self.qian, others=((self.he, "buyer_handler"),),
        )  # fmt: skip
        return document

    def keep_secret(self, *more: str, days: Sequence[str] = ("2026-01-01",)) -> str:
        document = self.attached("nda")
        until = ["--to", days[1]] if len(days) > 1 else []
        self.jointly(
            "nda", "sign", document, "--disclosing", self.seller, "--receiving", self.buyer,
            "--from", days[0], *until, "--survival-days", "730", "--engagement", self.engagement,
            *more, author=self.qian, others=((self.he, "buyer_handler"),),
        )  # fmt: skip
        return document

    def assess(self, conclusion: str = "acceptable", *more: str) -> str:
        document = self.attached("pipia")
        self.did(
            "pipia", "record", document, "--conclusion", conclusion, "--retain-until",
            "2099-12-31", "--engagement", self.engagement, *more, "--as", self.qian,
        )  # fmt: skip
        return document

    def papers(self) -> None:
        """Everything that must be there before a list is frozen and released."""
        self.letters()
        self.trained(self.qian, self.he)
        self.agree()
        self.keep_secret()
        self.attached("legal_opinion")

    # -- handing over

    def planned(self) -> str:
        return str(self.json(
            "handover", "plan", "--buyer-handler", self.he, "--first-day", "2020-01-01",
            "--last-day", "2099-12-31", "--inspection-days", "15", "--engagement",
            self.engagement, "--as", self.qian,
        )["handover"])  # fmt: skip

    def frozen(self, *records: str, more: Sequence[str] = ()) -> str:
        handover = self.planned()
        self.did("handover", "freeze", handover, *records, *more, "--as", self.qian)
        return handover

    def released(self, *records: str, packaged: bool = False) -> str:
        """A list given away; `packaged`: the records' content in a package."""
        handover = self.frozen(*records, more=("--packaged",) if packaged else ())
        if packaged:
            self.did("handover", "pack", handover, "--out", str(self.package), "--as", self.qian)
        self.did("handover", "release", handover, *self._with(packaged), "--as", self.qian)
        return handover

    def received(self, *records: str, packaged: bool = False) -> str:
        handover = self.released(*records, packaged=packaged)
        self.did("handover", "receive", handover, *self._with(packaged), "--as", self.he)
        return handover

    def inspected(self, *records: str, packaged: bool = False) -> str:
        handover = self.received(*records, packaged=packaged)
        self.did("handover", "inspect", handover, *self._with(packaged), "--as", self.he)
        return handover

    def handed_over(self, *records: str, packaged: bool = False) -> str:
        handover = self.inspected(*records, packaged=packaged)
        self.confirm(handover)
        return handover

    @property
    def package(self) -> Path:
        return self.home.with_name(f"{self.home.name}-package")

    def _with(self, packaged: bool) -> Sequence[str]:
        return ("--package", str(self.package)) if packaged else ()

    def confirm(self, handover: str) -> None:
        """Both handlers and both supervisors sign one draft, and it is submitted."""
        signers = ((self.he, "buyer_handler"), (self.wu, "supervisor"), (self.ma, "supervisor"))
        self.jointly("handover", "confirm", handover, author=self.qian, others=signers)

    def jointly(self, *arguments: str, author: str, others: Sequence[tuple[str, str]]) -> None:
        """An act that several persons sign: a draft is written, signed by each, and submitted."""
        draft = self.home / "joint.commit"
        draft.unlink(missing_ok=True)
        beside = [part for actor, role in others for part in ("--with", f"{actor}:{role}")]
        self.did(*arguments, *beside, "--draft", str(draft), "--as", author)
        for actor, _ in others:
            self.did("sign", str(draft), "--yes", "--as", actor)
        self.did("submit", str(draft))


def check_command(command: str) -> None:
    """Every command that a gate names is there, with every option that it gives."""
    for part in command.split("; "):
        program, *words = shlex.split(part)
        assert program == "muniment", command
        found: click.Command = muniment
        while words:
            word = words.pop(0)
            if word.startswith("--"):
                options = {o: p for p in found.get_params(click.Context(found)) for o in p.opts}
                assert word in options, (command, word)
                if not getattr(options[word], "is_flag", False):
                    words.pop(0)
            elif isinstance(found, click.Group):
                inner = found.get_command(click.Context(found), word)
                assert inner is not None, (command, word)
                found = inner
        assert not isinstance(found, click.Group), command


def later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """This machine's clock, so many days on."""

    class Clock:
        @staticmethod
        def now(zone: tzinfo) -> datetime:
            return datetime.now(zone) + timedelta(days=days)

    monkeypatch.setattr("ledger.signing.datetime", Clock)


def stopped(monkeypatch: pytest.MonkeyPatch, time: str) -> None:
    """This machine's clock, standing still at a time."""

    class Clock:
        @staticmethod
        def now(zone: tzinfo) -> datetime:
            return datetime.fromisoformat(time).astimezone(zone)

    monkeypatch.setattr("ledger.signing.datetime", Clock)


@pytest.fixture
def sale(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sale:
    """A firm with a buyer, on a ledger of the test's own."""
    monkeypatch.chdir(tmp_path)
    cheap_keys(monkeypatch)
    return Sale(firm, tmp_path)

"""Two firms, two machines, two ledgers: a deal that is carried by files alone.

Every command is a process of its own, of the program as installed; seller and buyer have a folder,
keys, passphrases and pins each, and nothing passes between them but what is carried: copies of the
seller's ledger without texts, drafts, a package. The seller's keys never lie with the buyer, nor
the buyer's with the seller.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.desk import ROOT

pytestmark = pytest.mark.slow


class Side:
    """One firm's machine: what is typed there is a process of its own."""

    def __init__(self, home: Path, ledger: Path, secret: str) -> None:
        self.home, self.ledger = home, ledger
        home.mkdir(parents=True, exist_ok=True)
        self.passphrase = home / "passphrase"
        self.passphrase.write_text(f"{secret}\n", "utf-8")

    def run(self, *arguments: object, ledger: Path | None = None) -> Any:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8",
            "XDG_STATE_HOME": str(self.home / "state"), "PYTHONPATH": str(ROOT),
            "MUNIMENT_LEDGER": str(ledger or self.ledger), "MUNIMENT_LANG": "en",
            "MUNIMENT_PASSPHRASE_FILE": str(self.passphrase),
            "MUNIMENT_NEW_PASSPHRASE_FILE": str(self.passphrase),
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "ledger.cli", *map(str, arguments), "--json"],
            cwd=self.home, env=environment, capture_output=True, check=False, timeout=120,
        )  # fmt: skip

    def did(self, *arguments: object, ledger: Path | None = None) -> Any:
        done = self.run(*arguments, ledger=ledger)
        assert done.returncode == 0, (arguments, done.stdout.decode(), done.stderr.decode())
        text = done.stdout.decode()
        try:
            return json.loads(text)
        except ValueError:  # one line an event
            return [json.loads(line) for line in text.splitlines()]

    def refused(self, *arguments: object, code: int) -> str:
        done = self.run(*arguments)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return str(json.loads(done.stderr.decode().splitlines()[-1])["message"])


class Deal:
    """A seller with a ledger, a buyer with a replica of it, and what is carried between them."""

    def __init__(self, home: Path) -> None:
        self.seller = Side(home / "卖方", home / "卖方" / "ledger", "the seller's")
        self.buyer = Side(home / "买方", home / "买方" / "replica", "the buyer's")
        self.carried = home / "carried"
        self.carried.mkdir()
        self.copies = 0
        founded = self.seller.did(
            "init", "--origin", "jiejing.example/ledger", "--party", "洁净保洁", "--actor", "王经理"
        )
        self.wang, self.own = founded["actor"], founded["party"]
        self.vkey = founded["vkey"]
        self.qian = self.hired(self.own, "钱交", "seller_handler")
        self.wu = self.hired(self.own, "吴监", "supervisor")
        self.firm = self.seller.did(
            "party", "register", "--name", "买方公司", "--party-role", "buyer"
        )["party"]
        self.he = self.hired(self.firm, "何收", "buyer_handler", keys=False)
        self.ma = self.hired(self.firm, "马监", "supervisor", keys=False)

    def hired(self, party: str, name: str, role: str, *, keys: bool = True) -> str:
        more = [] if keys else ["--without-keys"]
        return str(self.seller.did(
            "actor", "register", "--name", name, "--party", party, "--role", role, *more
        )["actor"])  # fmt: skip

    def carry(self) -> Path:
        """The seller's newest state goes to the buyer."""
        self.copies += 1
        copy = self.carried / f"copy-{self.copies}"
        self.seller.did("replica", "make", copy)
        key = [] if self.buyer.ledger.exists() else ["--key", self.vkey]
        self.buyer.did("replica", "take", copy, self.buyer.ledger, *key)
        return copy

    def file(self, name: str) -> Path:
        return self.carried / f"{name}.commit"

    def enrolled(self, *actors: str) -> None:
        """Keys are made on the buyer's machine; the seller's administrator lets them in."""
        for actor in actors:
            self.carry()
            draft = self.file(f"enrol-{actor}")
            self.buyer.did("key", "enrol", "--actor", actor, "--purpose", "act", "--purpose",
                           "seal", "--with", f"{self.wang}:administrator", "--draft", draft,
            )  # fmt: skip
            self.seller.did("sign", draft, "--yes")
            self.seller.did("submit", draft)
        self.carry()

    def together(self, *arguments: object, name: str, seller: list[str], buyer: list[str]) -> None:
        """The first of the seller's people drafts, the others sign where they are, it is submitted.

        Each is ACTOR:CAPACITY.
        """
        draft = self.file(name)
        others = [part for who in (*seller[1:], *buyer) for part in ("--with", who)]
        author = seller[0].partition(":")[0]
        self.seller.did(*arguments, *others, "--draft", draft, "--as", author)
        for who in seller[1:]:
            self.seller.did("sign", draft, "--yes", "--as", who.partition(":")[0])
        self.carry()  # the buyer signs what it has seen
        for who in buyer:
            self.buyer.did("sign", draft, "--yes", "--as", who.partition(":")[0])
        self.seller.did("submit", draft)

    def said(self, *arguments: object, name: str, by: str) -> None:
        """The buyer alone says something: a draft, which the seller submits."""
        self.carry()
        draft = self.file(name)
        self.buyer.did(*arguments, "--draft", draft, "--as", by)
        self.seller.did("submit", draft)

    def records(self) -> list[str]:
        """Two contracts with firms, nobody's data, collected, classified, with a period."""
        folder = self.seller.home / "合同"
        folder.mkdir()
        for number in range(2):
            (folder / f"合同{number}.txt").write_text(f"第{number}号保洁合同", "utf-8")
        self.seller.did("collect", folder, "--category", "contract", "--basis",
                        "not_personal", "--source", "店主")  # fmt: skip
        records = [row["record"] for row in self.seller.did("inventory")]
        for record in records:
            self.seller.did("classify", record, "--category", "contract", "--level", "general_3",
                            "--sensitivity", "non_personal")  # fmt: skip
            self.seller.did("retention", "assign", record, "--trigger", "contract_ended",
                            "--date", "2026-01-31")  # fmt: skip
        return records

    def agreed(self) -> str:
        """The sale of a shop with its agreements signed by both handlers; its id."""
        deal = self.seller.did(
            "engagement", "open", "--mode", "asset_or_store_transfer", "--seller", self.own,
            "--buyer", self.firm, "--title", "洁净保洁门店转让",
        )["engagement"]  # fmt: skip
        paper = self.seller.home / "约定书.txt"
        paper.write_text("电子数据与电子签名约定书", "utf-8")
        both = {"seller": [f"{self.qian}:seller_handler"], "buyer": [f"{self.he}:buyer_handler"]}
        parties = ["--party", self.own, "--party", self.firm, "--engagement", deal]
        agreement = self.seller.did("document", "attach", paper, "--kind", "evidence_agreement",
                                    *parties, "--as", self.qian)["document"]  # fmt: skip
        signers = [f"{self.qian}:seller_handler", f"{self.he}:buyer_handler",
                   f"{self.wu}:supervisor", f"{self.ma}:supervisor"]  # fmt: skip
        named = [part for signer in signers for part in ("--signer", signer)]
        self.together("agreement", "sign", agreement, *named, "--engagement", deal,
                      name="agreement", **both)  # fmt: skip
        secret = self.seller.did("document", "attach", paper, "--kind", "nda", *parties,
                                 "--as", self.qian)["document"]  # fmt: skip
        self.together("nda", "sign", secret, "--disclosing", self.own, "--receiving", self.firm,
                      "--from", "2026-01-01", "--survival-days", "1095", "--engagement", deal,
                      name="nda", **both)  # fmt: skip
        return str(deal)


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deal, str, str, list[str]]:
    """A whole deal, from the first key to the confirmation; told once, looked at by every test."""
    deal = Deal(tmp_path_factory.mktemp("deal"))
    deal.enrolled(deal.he, deal.ma)
    records = deal.records()
    engagement = deal.agreed()
    in_deal = ["--engagement", engagement]
    seller, package = deal.seller, deal.carried / "package"
    handover = seller.did(
        "handover", "plan", "--buyer-handler", deal.he, "--first-day", "2026-01-01", "--last-day",
        "2099-12-31", *in_deal, "--as", deal.qian,
    )["handover"]  # fmt: skip
    seller.did("handover", "freeze", handover, *records, "--packaged", *in_deal, "--as", deal.qian)
    seller.did("handover", "pack", handover, "--out", package)
    seller.did("handover", "release", handover, "--package", package, *in_deal, "--as", deal.qian)
    deal.said("handover", "receive", handover, "--package", package, *in_deal,
              name="receipt", by=deal.he)  # fmt: skip
    deal.said("handover", "inspect", handover, "--package", package, *in_deal,
              name="inspection", by=deal.he)  # fmt: skip
    deal.together(
        "handover", "confirm", handover, *in_deal, name="confirmation",
        seller=[f"{deal.qian}:seller_handler", f"{deal.wu}:supervisor"],
        buyer=[f"{deal.he}:buyer_handler", f"{deal.ma}:supervisor"],
    )  # fmt: skip
    deal.carry()
    return deal, engagement, handover, records


def test_both_hold_the_same_confirmation(carried: tuple[Deal, str, str, list[str]]) -> None:
    deal, _, handover, _ = carried
    events = [side.did("show", handover)["events"] for side in (deal.seller, deal.buyer)]
    said = [[(row["event"], row["type"], row["details"]) for row in rows] for rows in events]
    assert said[0] == said[1]
    last = events[0][-1]
    assert last["type"] == "handover.confirmed"
    commits = [side.did("show", last["event"])["commit"] for side in (deal.seller, deal.buyer)]
    assert commits[0] == commits[1]
    assert sorted(s["capacity"] for s in commits[0]["signers"]) == [
        "buyer_handler", "seller_handler", "supervisor", "supervisor",
    ]  # fmt: skip
    for side in (deal.seller, deal.buyer):
        assert side.did("verify")["verdict"] == "valid"
    assert deal.seller.did("ledger", "compare", deal.carried / f"copy-{deal.copies}")[
        "result"] == "agree"  # fmt: skip


def test_no_key_and_no_text_of_one_lies_with_the_other(
    carried: tuple[Deal, str, str, list[str]],
) -> None:
    deal, _, _, _ = carried
    keys = [{path.name for path in (side.ledger / "identity").iterdir()}
            for side in (deal.seller, deal.buyer)]  # fmt: skip
    assert not keys[0] & keys[1]
    assert {name.partition(".")[0] for name in keys[1]} == {deal.he, deal.ma}
    for path in (*deal.buyer.ledger.rglob("*"), *deal.carried.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        for text in ("洁净保洁", "王经理", "何收", "保洁合同", "门店转让"):
            assert text.encode() not in data, (path.name, text)


def test_the_buyers_own_ledger_goes_on_from_the_sellers(
    carried: tuple[Deal, str, str, list[str]],
) -> None:
    """Taken over after the confirmation; the history reaches back to the first collection."""
    deal, _, handover, records = carried
    own = deal.buyer.home / "own"
    deal.buyer.did("init", "--origin", "buyer.example/ledger", "--party", "买方公司", "--actor",
                   "林经理", ledger=own)  # fmt: skip
    deal.buyer.did("handover", "take", handover, "--package", deal.carried / "package",
                   "--replica", deal.buyer.ledger, ledger=own)  # fmt: skip
    rows = deal.buyer.did("inventory", ledger=own)
    assert len(rows) == len(records)
    history = deal.buyer.did("history", rows[0]["record"], ledger=own)
    theirs = [row for row in history if row["proved"]]
    assert theirs[1]["type"] == "record.collected"
    assert theirs[1]["origin"] == "jiejing.example/ledger"
    assert "handover.confirmed" in [row["type"] for row in theirs]
    assert deal.buyer.did("verify", ledger=own)["verdict"] == "valid"


def test_the_seller_cannot_say_anything_for_the_buyer(
    carried: tuple[Deal, str, str, list[str]], tmp_path: Path
) -> None:
    """The receipt once more, without the buyer's signature: what the seller would like to have."""
    deal, _, _, _ = carried
    forged = tmp_path / "forged.commit"
    draft = json.loads(deal.file("receipt").read_bytes())
    draft["signatures"] = []
    forged.write_bytes(json.dumps(draft, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    said = deal.seller.refused("submit", forged, code=2)
    assert "still lacks the signature" in said
    shutil.copy(deal.file("receipt"), forged)
    assert deal.seller.did("submit", forged)["repeated"] is True

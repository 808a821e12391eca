"""The papers of a deal as PDF: what both sides read, sign and check, and what a forger would like.

A handover list, a confirmation, a notice, an access review and a closing report, issued about a
sale on a real ledger.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.documents import handing, matching, saying
from ledger.documents.checking import Checked, check_offline, check_with_ledger
from ledger.documents.container import attached
from ledger.documents.handing import MAX_ITEMS
from ledger.documents.issuing import issue
from ledger.documents.sources import Source
from ledger.documents.twin import parse
from ledger.handoverlist import Line
from ledger.tlog.merkle import leaf_hash
from tests.ledger.sales import (
    Sale,
    later,
    sale,  # noqa: F401  fixtures are found by their names
)

PERSON = "王小明"
TITLE = f"{PERSON}的保洁合同.txt"


class Papers:
    """A sale of three records, about one of which a person is known, and its papers."""

    def __init__(self, at: Sale) -> None:
        self.sale = at
        self.records = [at.ready("采购合同.txt"), at.ready("租赁合同.txt")]
        self.personal = at.ready(TITLE, sensitivity="general_pi")
        at.open()
        at.papers()
        at.assess()
        self.handover = at.frozen(*self.records, more=())
        self.key = str(at.firm.path / "trust" / "ledger.vkey")

    def issue(self, kind: str, subject: str = "", name: str = "", **who: str) -> Path:
        """A document of a kind about the handover, as a file."""
        out = self.sale.home / f"{name or kind}.pdf"
        self.sale.did("document", "issue", kind, subject or self.handover, "--out", str(out),
                      "--as", who.get("by", self.sale.qian))  # fmt: skip
        return out

    def freeze_anew(self) -> None:
        """A second version: content goes in a package, and what is not cleared stays out."""
        self.sale.did("handover", "freeze", self.handover, *self.records, self.personal,
                      "--packaged", "--skip-blocked", "--as", self.sale.qian)  # fmt: skip

    def handed_over(self) -> None:
        """Packed, released, received, inspected, confirmed."""
        at, package = self.sale, str(self.sale.home / "package")
        at.did("handover", "pack", self.handover, "--out", package, "--as", at.qian)
        at.did("handover", "release", self.handover, "--package", package, "--as", at.qian)
        at.did("handover", "receive", self.handover, "--package", package, "--as", at.he)
        at.did("handover", "inspect", self.handover, "--accept-rest", "--as", at.he)
        at.confirm(self.handover)

    def declare(self) -> None:
        self.sale.did("handover", "residual", self.handover, "--basis", "retention_duty",
                      "--retain-until", "2036-01-31", "--as", self.sale.qian)  # fmt: skip

    def verdict(self, file: Path, *more: str, **environment: str | None) -> tuple[str, list[str]]:
        answer = json.loads(
            self.sale.run("document", "verify", str(file), *more, "--json", **environment).stdout
        )
        return answer["verdict"], answer["reasons"]

    def checked(self, data: bytes) -> tuple[Checked, Checked]:
        """What the ledger says of a file, and what the proofs in it say."""
        with self.sale.firm.open() as ledger:
            key = ledger.folder.pinned_key()
            return check_with_ledger(data, ledger), check_offline(data, key)


@pytest.fixture
def papers(sale: Sale) -> Papers:  # noqa: F811  the fixture
    return Papers(sale)


def twin(file: Path) -> dict[str, Any]:
    return parse(attached(file.read_bytes())[0])


def text_of(file: Path) -> str:
    """The text of the pages, as another program reads it, without spaces."""
    run = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True)
    return run.stdout.decode("utf-8").replace(" ", "")


# -- the list -----------------------------------------------------------------------------------


def test_a_handover_list_bears_the_lines_that_both_sides_sign(papers: Papers) -> None:
    file = papers.issue("handover_list")
    told = twin(file)
    said = told["said"]
    assert [item["record"] for item in said["items"]] == papers.records
    assert matching.lines_agree(said)
    assert said["items"][0]["title"] == "采购合同.txt", "it is about nobody"
    shown = text_of(file)
    for words in (
        "移交清单", "HandoverList", "洁净保洁", "买方公司", "三家门店转让", "李审核",
        papers.handover, "采购合同.txt", "合同协议", "应保管", "已保管", "个人信息保护法",
        "本清单共2项", "单位（盖章）", "第1页，共",
    ):  # fmt: skip
        assert words in shown, words
    for item in said["items"]:
        assert item["record"] in shown
        assert item["digest"][:22] in shown
    assert papers.verdict(file) == ("genuine", [])
    assert papers.verdict(file, "--key", papers.key) == ("genuine", [])


def test_no_customer_stands_on_any_paper_of_a_deal(sale: Sale) -> None:  # noqa: F811
    """The title of a contract with a person is withheld; its line counts by its hash."""
    record = sale.ready(TITLE, sensitivity="general_pi")
    sale.open("entrusted")
    sale.papers()
    sale.attached("processing_agreement", "--party", sale.seller, "--party", sale.buyer, by=sale.he)
    sale.assess()
    handover = sale.frozen(record, more=["--packaged"])
    out = sale.home / "list.pdf"
    call = ("document", "issue", "handover_list", handover, "--out", str(out), "--as", sale.qian)
    sale.did(*call)
    whole, told = out.read_bytes(), attached(out.read_bytes())[0]
    assert PERSON.encode("utf-8") not in told
    assert PERSON not in text_of(out)
    assert str(sale.home).encode("utf-8") not in whole, "nor the place of the file"
    (item,) = parse(told)["said"]["items"]
    assert not {"title", "location"} & set(item)
    assert matching.lines_agree(parse(told)["said"])
    (line,) = [json.loads(one) for one in lines_of(sale, handover)]
    assert line["title"] == TITLE, "the lines themselves have it, for the buyer"
    raw = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert sha256(b"\0" + raw.encode("utf-8")).hexdigest() == item["leaf"]
    assert "（见加密明细）" in text_of(out)


def lines_of(at: Sale, handover: str) -> list[str]:
    """The lines of a list, as the command gives them."""
    file = at.home / "lines.jsonl"
    at.did("handover", "lines", handover, "--out", str(file), "--as", at.qian)
    return file.read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ({"title": "订单 2023", "sensitivity": "general_pi"}, {"title"}),
        ({"title": TITLE, "sensitivity": "general_pi", "record": "r"}, set()),
        ({"title": "采购合同", "sensitivity": "non_personal", "record": "r"}, {"title"}),
        ({"title": "采购合同", "record": "r"}, set()),
        ({"title": "310101199001011234", "sensitivity": "non_personal"}, set()),
        ({"location": "三号柜", "form": "paper", "record": "r"}, {"location"}),
        ({"location": TITLE, "form": "electronic_native", "record": "r"}, set()),
    ],
)
def test_what_may_be_about_somebody_is_withheld(line: dict[str, str], shown: set[str]) -> None:
    """A series names nobody; a record whose sensitivity is not known may name anybody."""
    made = Line(seq=1, item="i", salt="0" * 32, **line)  # type: ignore[arg-type]
    raw = made.format()
    told = handing._shown(made, raw, leaf_hash(raw))
    assert {"title", "location"} & set(told) == shown
    assert ("leaf" in told) == bool({"title", "location"} & set(line) - shown)


def test_what_is_left_off_a_list_is_counted_and_named_by_reason_only(papers: Papers) -> None:
    papers.freeze_anew()
    file = papers.issue("handover_list")
    said = twin(file)["said"]
    assert said["list_version"] == 2
    assert [(one["reason"], one["records"]) for one in said["excluded"]] == [
        ("subjects_unknown", 1)
    ]
    whole = file.read_bytes() + attached(file.read_bytes())[0]
    assert PERSON.encode("utf-8") not in whole
    assert papers.personal.encode("ascii") not in whole
    assert "未查明个人信息主体" in text_of(file)


def test_a_list_that_was_frozen_anew_is_told_from_the_one_before(papers: Papers) -> None:
    first = papers.issue("handover_list", name="first")
    papers.freeze_anew()
    assert papers.verdict(first) == ("genuine", ["list_frozen_anew"])
    second = papers.issue("handover_list", name="second")
    verdict, reasons = papers.verdict(first)
    assert (verdict, reasons) == ("superseded", ["superseded", "list_frozen_anew"])
    assert papers.verdict(second) == ("genuine", [])
    assert twin(second)["number"] != twin(first)["number"]
    again = papers.sale.home / "again.pdf"
    papers.sale.did("document", "pdf", twin(first)["number"], "--out", str(again))
    assert again.read_bytes() == first.read_bytes(), "the old one is printed again to the byte"


def test_the_same_list_is_printed_again_and_not_issued_twice(papers: Papers) -> None:
    first = papers.issue("handover_list", name="first")
    again = papers.issue("handover_list", name="again")
    assert first.read_bytes() == again.read_bytes()
    assert len(papers.sale.json("document", "list")) == 1


def test_without_its_passphrase_or_on_a_replica_a_list_is_still_checked_by_its_root(
    papers: Papers,
) -> None:
    file = papers.issue("handover_list")
    at = papers.sale
    locked: dict[str, str | None] = {"MUNIMENT_PASSPHRASE_FILE": None}
    assert papers.verdict(file, **locked) == ("genuine", ["not_compared_with_the_ledger"])
    copy, replica = at.home / "copy", at.home / "replica"
    at.did("replica", "make", str(copy))
    vkey = Path(papers.key).read_text("ascii").strip()
    at.did("replica", "take", str(copy), str(replica), "--key", vkey)
    there: dict[str, str | None] = {"MUNIMENT_LEDGER": str(replica)}
    assert papers.verdict(file, **there) == ("genuine", ["not_compared_with_the_ledger"])
    call = ("document", "issue", "handover_list", papers.handover, "--out", str(at.home / "x.pdf"))
    at.error(*call, code=2, **there)


def test_a_list_is_no_longer_than_what_can_be_laid_out(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_ITEMS == 20_000
    monkeypatch.setattr(handing, "MAX_ITEMS", 1)
    call = ("document", "issue", "handover_list", papers.handover, "--out", "x.pdf")
    error = papers.sale.error(*call, "--as", papers.sale.qian, code=2)
    assert "handover lines" in error["remedy"]
    assert papers.sale.json("document", "list") == []


# -- the confirmation ---------------------------------------------------------------------------


def test_a_confirmation_shows_who_signed_over_which_root_and_what_the_seller_keeps(
    papers: Papers,
) -> None:
    at = papers.sale
    call = ("document", "issue", "handover_confirmation", papers.handover, "--out", "x.pdf")
    at.error(*call, "--as", at.qian, code=2)
    papers.freeze_anew()
    papers.handed_over()
    first = papers.issue("handover_confirmation", name="first")
    said = twin(first)["said"]
    assert {one["capacity"] for one in said["signed"]} == {
        "seller_handler", "buyer_handler", "supervisor"
    }  # fmt: skip
    assert {one["party"] for one in said["signed"]} == {at.seller, at.buyer}
    assert len({one["actor"] for one in said["signed"]}) == 4
    assert said["package_sent"] == said["package_received"]
    assert "residual" not in said
    assert "转让方尚未声明留存副本" in text_of(first)
    papers.declare()
    second = papers.issue("handover_confirmation", name="second")
    kept = twin(second)["said"]["residual"]
    assert kept == [{"basis": "retention_duty", "copies": 2, "retain_until": "2036-01-31"}]
    assert papers.verdict(first)[0] == "superseded"
    shown = text_of(second)
    keys = [one["key"] for one in said["signed"]]
    for words in (
        "移交确认书",
        "风险与责任转移时间",
        "法定保管义务",
        "2036-01-31",
        "监交人",
        *keys,
    ):
        assert words in shown.replace("\n", ""), words
    assert papers.verdict(second) == papers.verdict(second, "--key", papers.key) == ("genuine", [])


def test_each_side_prints_the_confirmation_and_replaces_its_own_only(papers: Papers) -> None:
    papers.freeze_anew()
    papers.handed_over()
    mine = papers.issue("handover_confirmation", name="mine")
    same = papers.issue("handover_confirmation", name="same", by=papers.sale.he)
    assert mine.read_bytes() == same.read_bytes(), "both hold the same confirmation"
    papers.declare()
    theirs = papers.issue("handover_confirmation", name="theirs", by=papers.sale.he)
    assert twin(theirs)["issuer"] == papers.sale.he
    assert papers.verdict(mine) == ("genuine", []), "the buyer withdraws nothing of the seller's"


# -- notice, review, closing --------------------------------------------------------------------


def test_a_notice_names_both_firms_and_no_employee(papers: Papers) -> None:
    at, text = papers.sale, papers.sale.home / "notice.txt"
    at.did("document", "template", "art_23", "--engagement", at.engagement, "--text", "--out",
           str(text))  # fmt: skip
    notice = at.json("notice", "issue", "--channel", "letter", "--text", str(text), "--count", "12",
                     "--engagement", at.engagement, "--as", at.qian)["notice"]  # fmt: skip
    file = papers.issue("transfer_notice", notice)
    shown = text_of(file)
    for words in (
        "个人信息转移告知书",
        "洁净保洁",
        "买方公司",
        "第二十三条",
        "单独同意",
        "撤回同意",
        "合同协议",
    ):
        assert words in shown.replace("\n", ""), words
    assert "李审核" not in shown
    assert all("name" not in signer for signer in twin(file)["signers"])
    assert papers.verdict(file) == papers.verdict(file, "--key", papers.key) == ("genuine", [])


def test_an_access_review_says_what_it_could_not_see(papers: Papers) -> None:
    at = papers.sale
    call = ("document", "issue", "access_review", at.engagement, "--out", "x.pdf")
    at.error(*call, "--as", at.wu, code=2)
    at.did("access", "review", "--engagement", at.engagement, "--from", "2026-01-01T00:00:00Z",
           "--as", at.wu)  # fmt: skip
    file = papers.issue("access_review", at.engagement, by=at.wu)
    said, shown = twin(file)["said"], text_of(file)
    assert said["report_digest"] == said["recorded_digest"], "the very report that was reviewed"
    for words in (
        "访问审查报告",
        "此前的访问无从得知",
        "未记录任何访问",
        "在Muniment之外打开的文件不在其内",
        at.wu,
    ):
        assert words in shown, words
    assert "李审核" not in shown
    assert papers.verdict(file) == papers.verdict(file, "--key", papers.key) == ("genuine", [])
    later_one = at.json("access", "review", "--engagement", at.engagement, "--as", at.wu)
    assert later_one
    other = papers.issue("access_review", at.engagement, "other", by=at.wu)
    assert twin(other)["number"] != twin(file)["number"], "each review has its own report"
    assert papers.verdict(file) == ("genuine", [])


def test_a_closing_report_stays_the_same_whatever_comes_later(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = papers.sale
    papers.freeze_anew()
    papers.handed_over()
    papers.declare()
    call = ("document", "issue", "closing_report", at.engagement, "--out", "x.pdf")
    at.error(*call, code=2)
    for days in (30, 90, 180):
        later(monkeypatch, days)
        due = at.gates()["tracking"]["waiting"][0]["due"]
        at.did("engagement", "track", at.engagement, "--due", due, "--topic", "security",
               "--findings", "0", "--as", at.he, "--confirm-clock")  # fmt: skip
    at.did("engagement", "close", at.engagement, "--outcome", "completed")
    file = papers.issue("closing_report", at.engagement, by=at.founder)
    said, shown = twin(file)["said"], text_of(file)
    assert (said["outcome"], said["days"], len(said["tracking"])) == ("completed", 180, 3)
    assert not any(one["late"] for one in said["tracking"])
    (passed,) = said["handovers"]
    assert (passed["items"], passed["confirmed"], passed["excluded"]) == (2, 2, 1)
    for words in ("结项报告", "完成", "移交确认", "移交后跟踪", "经验与改进", "法定保管义务"):
        assert words in shown, words
    later(monkeypatch, 400)
    again = at.home / "again.pdf"
    at.did("document", "pdf", twin(file)["number"], "--out", str(again))
    assert again.read_bytes() == file.read_bytes()
    assert papers.verdict(file) == papers.verdict(file, "--key", papers.key) == ("genuine", [])


# -- forgeries ----------------------------------------------------------------------------------


def forged(
    papers: Papers, monkeypatch: pytest.MonkeyPatch, kind: str, **members: Any
) -> tuple[Checked, Checked]:
    """What is said of a document of which the issuer's own program says something else."""
    told = saying._SAYING[kind]
    lying = {**saying._SAYING, kind: lambda *about: {**told(*about), **members}}
    with monkeypatch.context() as patch:
        patch.setattr(saying, "_SAYING", lying)
        with papers.sale.firm.open() as ledger:
            data = issue(
                ledger, ledger.acting(papers.sale.qian), kind, papers.handover, anew="再出"
            ).data
    return papers.checked(data)


def altered(items: list[dict[str, Any]], **members: Any) -> list[dict[str, Any]]:
    return [{**items[0], **members}, *items[1:]]


@pytest.mark.parametrize(
    "attack", ["a line that says more", "a line less", "a line twice", "another version"]
)
def test_a_list_that_is_not_the_frozen_one_is_forged_with_and_without_the_ledger(
    papers: Papers, monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    """The seller issues and signs it, and its ledger accepts it; nobody else takes it."""
    with papers.sale.firm.open(writing=False) as ledger:
        items = handing.handover_list(ledger, Source(papers.handover, 2, 10**6, ""))["items"]
    lie: Mapping[str, Any] = {
        "a line that says more": {"items": altered(items, quantity=99)},
        "a line less": {"items": items[:1], "count": 1},
        "a line twice": {"items": [items[0], items[0]]},
        "another version": {"list_version": 2},
    }[attack]
    for answer in forged(papers, monkeypatch, "handover_list", **lie):
        assert (answer.verdict, tuple(answer.reasons)) == ("forged", ("says_otherwise",))


def test_a_line_that_hides_behind_its_hash_is_found_by_the_ledger(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline the hash of a withheld line is all there is: what is shown is the issuer's word."""
    with papers.sale.firm.open(writing=False) as ledger:
        items = handing.handover_list(ledger, Source(papers.handover, 2, 10**6, ""))["items"]
    leaf = matching._leaf(items[0]).hex()
    lie = altered(items, quantity=99, leaf=leaf)
    here, offline = forged(papers, monkeypatch, "handover_list", items=lie)
    assert (here.verdict, tuple(here.reasons)) == ("forged", ("says_otherwise",))
    assert offline.verdict == "genuine"


def test_a_confirmation_with_another_root_or_fewer_rejections_is_forged(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers.freeze_anew()
    papers.handed_over()
    for lie in ({"root": "0" * 64}, {"rejected": 1}, {"effective_at": "2020-01-01T00:00:00.000Z"}):
        for answer in forged(papers, monkeypatch, "handover_confirmation", **lie):
            assert (answer.verdict, tuple(answer.reasons)) == ("forged", ("says_otherwise",))

"""身份与授权 in a bundle: the papers by which people act for a party go along, and can be shown."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from ledger import deals
from ledger.application import Ledger
from ledger.bundle import Attachment, Bundle, Selection
from ledger.offline.bag import Bag
from ledger.offline.check import check_bundle
from ledger.offline.report import Report
from ledger.offline.trust import parse_trust
from ledger.tlog import ed25519
from tests.ledger.bundles import loaded, ordered, written
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm, add_person, collect_files
from tests.ledger.reports import Html

PAGE = "data/40_报告/身份与授权.html"
LETTER = "授权委托书：钱经理代表洁净保洁办理移交".encode()


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


@pytest.fixture
def letter(deal: Deal, firm: Firm) -> str:
    """The power of attorney of a handler of the deal; its stream."""
    said = deals.attach_document(
        "authority_letter", sha256(LETTER).hexdigest(), len(LETTER), "application.pdf"
    )
    with firm.open() as ledger:
        handler = ledger.acting(deal.qian)
        ledger.act(handler, [said], engagement=deal.deal, role="seller_handler")
    return said.stream


def shipped(bundle: Bundle) -> set[str]:
    places = loaded(bundle.files, "data/10_账本/places.json")
    return {place["event"].partition("/")[0] for place in places}


def streams(bundle: Bundle) -> list[str]:
    return list(loaded(bundle.files, "data/10_账本/scope.json")["streams"])


def check(bundle: Bundle, ledger: Ledger) -> Report:
    trust = parse_trust(ledger.folder.pinned_key().format())
    return check_bundle(Bag(bundle.id, dict(bundle.files)), trust, ed25519.verify)


def page(bundle: Bundle) -> str:
    return Html(bundle.files[PAGE]).text


def test_the_papers_of_the_deal_whose_keys_signed_go_along(
    deal: Deal, firm: Firm, letter: str
) -> None:
    record = deal.ready("甲.txt")
    deal.frozen(record)
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        bundle = written(ledger, admin, ordered(ledger, admin, "record", record))
        assert check(bundle, ledger).verdict == "valid"
    papers = {stream for stream in shipped(bundle) if stream.startswith("document-")}
    assert letter in papers
    assert not papers & set(streams(bundle)), "the evidence is not about them"
    kinds = {"授权委托书", "电子数据与电子签名约定书", "保密协议"}
    assert all(kind in page(bundle) for kind in kinds)
    assert "个人信息保护影响评估报告" not in page(bundle), "that binds nobody to a key"
    assert "未附，内容密封" in page(bundle)
    assert LETTER not in b"".join(bundle.files.values())


def test_a_paper_is_shown_with_the_proof_that_it_is_the_one(
    deal: Deal, firm: Firm, letter: str
) -> None:
    record = deal.ready("甲.txt")
    deal.frozen(record)
    event = f"{letter}/1"
    selection = Selection(
        openings=((event, "content"),),
        attachments=(Attachment(event, "content", "clear", LETTER, "pdf"),),
    )
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        dpo = ledger.acting(add_person(ledger, admin, deal.seller, ["dpo"]).actor)
        order = ordered(ledger, admin, "record", record, selection=selection, approver=dpo)
        bundle = written(ledger, admin, order)
        report = check(bundle, ledger)
    assert report.verdict == "valid", report.findings
    assert {one.claim: one.answer for one in report.claims}["disclosed"] == "holds"
    (row,) = loaded(bundle.files, "data/30_附件/attachments.json")
    assert (row["event"], row["kind"]) == (event, "clear")
    assert row["file"] in page(bundle)


def test_where_no_deal_agreed_on_a_key_the_page_says_so(firm: Firm, tmp_path: Path) -> None:
    with firm.open() as ledger:
        admin = ledger.acting(firm.founded.actor)
        record = collect_files(ledger, admin, tmp_path / "丁家巷")[0].record
        bundle = written(ledger, admin, ordered(ledger, admin, "record", record))
    assert not [stream for stream in shipped(bundle) if stream.startswith("document-")]
    assert "没有登记授权委托书" in page(bundle)
    assert admin.key.verifier.key_id.hex() in page(bundle)

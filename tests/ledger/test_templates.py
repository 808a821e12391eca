"""The texts that are signed on paper: filled from the ledger, the same every time, whole in both
languages, and with nothing in them that nobody knows."""

from __future__ import annotations

import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.cli.document import _TEMPLATES
from ledger.documents import templates, wording
from ledger.documents.templates import KINDS, Asked, draft, fill
from ledger.errors import UsageError
from tests.ledger.sales import (
    Sale,
    sale,  # noqa: F401  fixtures are found by their names
)

TEXTS = Path(templates.__file__).parent / "texts"
NOTICES = ("art_22", "art_23")


def text_of(data: bytes, folder: Path) -> str:
    file = folder / "read.pdf"
    file.write_bytes(data)
    run = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True)
    return run.stdout.decode("utf-8")


@pytest.fixture
def deal(sale: Sale) -> Sale:  # noqa: F811  the fixture
    """A deal with a broker, and a record with a person in it."""
    sale.ready(sensitivity="general_pi")
    sale.open("asset_or_store_transfer", "--broker", sale.broker)
    return sale


# -- as data ------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(TEXTS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_text_is_whole_in_both_languages(file: Path) -> None:
    raw = file.read_text("utf-8")
    told: dict[str, Any] = tomllib.loads(raw)
    assert "不是法律意见; not legal advice" in raw.splitlines()[0]
    assert set(told) == {"version", "title", "sides", "clause"}
    assert set(told["sides"]) <= {"seller", "buyer", "broker", "party"}
    pairs = [told["title"], *(c["title"] for c in told["clause"])]
    pairs += [pair for clause in told["clause"] for pair in clause["text"]]
    for zh, en in pairs:
        assert any("一" <= character <= "鿿" for character in zh), zh
        assert en.isascii() or not any("一" <= c <= "鿿" for c in en), en
        blanks = [text.count("{blank}") for text in (zh, en)]
        assert (blanks[0] > 0) == (blanks[1] > 0), zh
        assert zh.count("□") == en.count("□"), zh


def test_a_placeholder_that_nobody_fills_is_an_error() -> None:
    with pytest.raises(ValueError, match="no filling has"):
        wording.written("甲方：{seller}；{stranger}", {"seller": "洁净保洁"})


def test_the_command_offers_the_kinds_that_there_are() -> None:
    assert _TEMPLATES == KINDS
    assert {file.stem for file in TEXTS.glob("*.toml")} == {
        *KINDS, "handover_list", "handover_confirmation"
    }  # fmt: skip


# -- filled -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_is_filled_from_the_ledger_and_the_same_every_time(
    deal: Sale, tmp_path: Path, kind: str
) -> None:
    with deal.firm.open(writing=False) as ledger:
        asked = Asked(kind, deal.engagement)
        data = draft(ledger, asked)
        assert data == draft(ledger, asked)
        plain = fill(ledger, asked).plain()
    shown = text_of(data, tmp_path).replace(" ", "")
    assert "{" not in plain
    assert "洁净保洁" in plain
    assert sha256(plain.encode("utf-8")).hexdigest() in shown
    assert ("待签文本" in shown) == (kind not in NOTICES)
    assert "第1页，共" in shown


def test_an_agreement_names_every_signer_with_role_and_key(deal: Sale, tmp_path: Path) -> None:
    with deal.firm.open(writing=False) as ledger:
        plain = fill(ledger, Asked("evidence_agreement", deal.engagement)).plain()
        data = draft(ledger, Asked("evidence_agreement", deal.engagement))
        pinned = ledger.folder.pinned_key().format()
        key = ledger.state(deal.he).active_key("act").key  # type: ignore[union-attr]
    for actor in (deal.qian, deal.wu, deal.he, deal.ma, deal.gao):
        assert actor in plain
    assert deal.reviewer not in plain, "who signs nothing in a deal is not named"
    assert key.public in plain
    assert pinned in plain
    assert "接收经办人" in text_of(data, tmp_path)
    assert "中介公司" in plain


def test_a_key_that_was_replaced_is_in_the_next_text_and_the_old_one_is_not(deal: Sale) -> None:
    def text() -> str:
        with deal.firm.open(writing=False) as ledger:
            return fill(ledger, Asked("authority_letter", deal.engagement, deal.buyer)).plain()

    with deal.firm.open(writing=False) as ledger:
        old = ledger.state(deal.he).active_key("act").key.public  # type: ignore[union-attr]
    assert old in text()
    assert deal.qian not in text(), "a letter is of one party"
    deal.rotate(deal.he)
    assert old not in text()


@pytest.mark.parametrize(
    ("mode", "article", "consent"),
    [
        ("merger", "第二十二条告知", "不要求"),
        ("asset_or_store_transfer", "第二十三条告知", "要求（"),
    ],
)
def test_an_assessment_says_what_the_law_asks_in_this_structure(
    sale: Sale,  # noqa: F811  the fixture
    mode: str,
    article: str,
    consent: str,
) -> None:
    sale.ready(sensitivity="general_pi")
    sale.open(mode)
    with sale.firm.open(writing=False) as ledger:
        plain = fill(ledger, Asked("pipia", sale.engagement)).plain()
    assert f"告知要求：{article}；单独同意要求：{consent}" in plain
    assert "个人信息保护法" in plain
    assert "合同协议" in plain


def test_a_notice_tells_of_personal_categories_only(sale: Sale) -> None:  # noqa: F811
    sale.ready(sensitivity="non_personal")
    sale.open("merger")
    with sale.firm.open(writing=False) as ledger:
        assert (
            "下列类别中与您有关的部分：＿" in fill(ledger, Asked("art_22", sale.engagement)).plain()
        )
    sale.ready("客户.txt", sensitivity="general_pi")
    with sale.firm.open(writing=False) as ledger:
        plain = fill(ledger, Asked("art_22", sale.engagement)).plain()
    assert "下列类别中与您有关的部分：合同协议" in plain
    assert "客户.txt" not in plain


def test_what_is_asked_for_wrongly_is_refused_by_name(deal: Sale) -> None:
    with deal.firm.open(writing=False) as ledger:
        with pytest.raises(UsageError, match="no template"):
            fill(ledger, Asked("../secret", deal.engagement))
        with pytest.raises(UsageError, match="no deal"):
            fill(ledger, Asked("nda", ledger.routine()))
        with pytest.raises(UsageError, match="not of the deal"):
            fill(ledger, Asked("nda", deal.engagement, deal.founder))


def test_the_command_writes_a_draft_and_records_nothing(deal: Sale) -> None:
    before = deal.json("status")["events"]
    out, text = deal.home / "nda.pdf", deal.home / "notice.txt"
    call = ("document", "template", "nda", "--engagement", deal.engagement[-12:])
    said = deal.json(*call, "--out", str(out))
    assert sha256(out.read_bytes()).hexdigest() == said["sha256"]
    deal.error(*call, "--out", str(out), code=2)
    deal.did("document", "template", "art_23", "--engagement", deal.engagement, "--text", "--out",
             str(text))  # fmt: skip
    assert text.read_text("utf-8").startswith("个人信息转移告知书\n")
    assert deal.json("status")["events"] == before
    attached = deal.json("document", "attach", str(out), "--kind", "nda", "--engagement",
                         deal.engagement, "--as", deal.qian)  # fmt: skip
    assert attached["document"].startswith("document-")

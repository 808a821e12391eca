"""`muniment engagement`, `agreement`, `nda`, `pipia`, `training`, `document attach` at the desk."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from tests.ledger.replicas import made, on_machine, told
from tests.ledger.sales import Sale, later

# -- the engagement ---------------------------------------------------------------------------


def test_a_deal_is_opened_with_its_parties_and_shown(sale: Sale) -> None:
    deal = sale.open("asset_or_store_transfer", "--broker", sale.broker, "--dates", "年底前")
    (row,) = sale.json("engagement", "list")
    assert (row["engagement"], row["title"]) == (deal, "三家门店转让")
    assert (row["mode"], row["path"]) == ("asset_or_store_transfer", "provision")
    assert (row["seller"], row["buyer"], row["broker"]) == (sale.seller, sale.buyer, sale.broker)
    assert (row["outcome"], row["closed_at"]) == (None, None)
    shown = sale.json("engagement", "show", deal[-12:])
    assert shown["names"][sale.buyer] == "买方公司"
    assert (shown["dates"], shown["documents"], shown["handovers"]) == ("年底前", [], [])
    said = sale.did("engagement", "show", deal, "--lang", "zh")
    assert "三家门店转让" in said
    assert "向其他处理者提供" in said


def test_a_mode_that_is_no_deal_opens_none(sale: Sale) -> None:
    said = sale.error(
        "engagement", "open", "--mode", "internal_share", "--seller", sale.seller, "--buyer",
        sale.buyer, "--title", "某项目", code=13,
    )  # fmt: skip
    assert {refusal["detail"] for refusal in said["refusals"]} == {"mode_is_no_deal"}
    assert sale.json("engagement", "list") == []


def test_only_an_administrator_opens_a_deal(sale: Sale) -> None:
    said = sale.error(
        "engagement", "open", "--mode", "merger", "--seller", sale.seller, "--buyer", sale.buyer,
        "--title", "某项目", "--as", sale.qian, code=13,
    )  # fmt: skip
    assert "role_does_not_permit" in {refusal["detail"] for refusal in said["refusals"]}


def test_a_deal_has_a_title(sale: Sale) -> None:
    opened = ["engagement", "open", "--mode", "merger", "--seller", sale.seller, "--buyer"]
    assert sale.run(*opened, sale.buyer).exit_code == 2
    assert sale.error(*opened, sale.buyer, "--title", " ", code=2)["message"].startswith("--title")


def test_the_title_is_nowhere_in_clear(sale: Sale) -> None:
    sale.open()
    sale.attached("nda")
    for file in sale.firm.path.rglob("*"):
        if file.is_file():
            raw = file.read_bytes()
            assert "三家门店转让".encode() not in raw, file.name
            assert "某文书".encode() not in raw, file.name


def test_another_deal_beside_the_one_named_is_refused(sale: Sale) -> None:
    other, deal = sale.open(), sale.open()
    close = ["engagement", "close", deal, "--outcome", "cancelled", "--engagement"]
    said = sale.error(*close, other, code=2)
    assert "another deal" in said["message"]
    assert {row["outcome"] for row in sale.json("engagement", "list")} == {None}


def test_the_same_deal_may_be_named_twice(sale: Sale) -> None:
    """Every act takes --engagement; those about a deal take it too, if it says the same."""
    deal = sale.open()
    same = [deal, "--engagement", deal[-12:]]
    sale.did("engagement", "dispose", *same, "--party", sale.buyer, "--how", "none_kept",
             "--count", "0", "--as", sale.he)  # fmt: skip
    sale.did("engagement", "close", *same, "--outcome", "cancelled")
    (row,) = sale.json("engagement", "list")
    assert row["outcome"] == "cancelled"


def test_a_deal_is_listed_and_shown_as_it_stood(sale: Sale) -> None:
    before = sale.json("status")["events"]
    sale.open()
    opened = sale.json("status")["events"]
    document = sale.keep_secret()
    sale.did("nda", "terminate", document, "--on", "2026-06-01", "--engagement", sale.engagement,
             "--as", sale.qian)  # fmt: skip
    sale.did("engagement", "close", sale.engagement, "--outcome", "cancelled")
    for at, count in ((before, 0), (opened, 1)):
        assert len(sale.json("engagement", "list", "--as-of", f"position:{at}")) == count
    then = sale.json("engagement", "show", sale.engagement, "--as-of", f"position:{opened}")
    assert (then["outcome"], then["documents"], then["ndas"]) == (None, [], [])
    now = sale.json("engagement", "show", sale.engagement)
    assert (now["outcome"], len(now["documents"])) == ("cancelled", 1)
    assert now["ndas"][0]["terminated_on"] == "2026-06-01"
    said = sale.error(
        "engagement", "show", sale.engagement, "--as-of", f"position:{before}", code=2
    )
    assert "not in the ledger yet" in said["message"]


def test_a_closed_deal_takes_no_further_act(sale: Sale) -> None:
    sale.open()
    sale.did("engagement", "close", sale.engagement, "--outcome", "cancelled", "--statement",
             "双方协商终止")  # fmt: skip
    paper = sale.home / "意见.pdf"
    paper.write_bytes(b"x")
    said = sale.error("document", "attach", str(paper), "--kind", "legal_opinion", "--engagement",
                      sale.engagement, code=13)  # fmt: skip
    assert "unknown_engagement" in {refusal["detail"] for refusal in said["refusals"]}
    said = sale.error("engagement", "close", sale.engagement, "--outcome", "failed", code=13)
    assert said["refusals"]


def test_a_deal_is_not_completed_before_anything_passed(sale: Sale) -> None:
    sale.open()
    said = sale.error("engagement", "close", sale.engagement, "--outcome", "completed", code=13)
    assert {refusal["detail"] for refusal in said["refusals"]} == {"nothing_was_confirmed"}


def test_a_check_is_recorded_when_it_is_due(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    sale.handed_over(record)
    due = sale.gates()["tracking"]["waiting"][0]["due"]
    track = ["engagement", "track", sale.engagement, "--topic", "residual", "--findings", "2",
             "--note", "两份未还", "--as", sale.he, "--confirm-clock"]  # fmt: skip
    said = sale.error(*track, "--due", due, code=13)
    assert "checked_before_due" in {refusal["detail"] for refusal in said["refusals"]}
    later(monkeypatch, 31)
    said = sale.error(*track, "--due", "2026-01-01", code=13)
    assert "no_check_is_due" in {refusal["detail"] for refusal in said["refusals"]}
    sale.did(*track, "--due", due)
    (done,) = sale.json("engagement", "show", sale.engagement)["tracking"]
    assert (done["due"], done["topics"], done["findings"]) == (due, ["residual"], 2)
    assert sale.run(*track, "--due", due).exit_code == 13


# -- the evidence agreement -------------------------------------------------------------------


def test_an_agreement_names_the_present_keys(sale: Sale) -> None:
    sale.open()
    document = sale.agree()
    rows = sale.json("agreement", "show", "--engagement", sale.engagement)
    assert {(row["actor"], row["role"]) for row in rows} == {
        (sale.qian, "seller_handler"), (sale.he, "buyer_handler"), (sale.wu, "supervisor"),
        (sale.ma, "supervisor"),
    }  # fmt: skip
    assert {(row["document"], row["state"]) for row in rows} == {(document, "active")}
    sale.rotate(sale.wu)
    rows = sale.json("agreement", "show", "--engagement", sale.engagement)
    states = {row["actor"]: row["state"] for row in rows}
    assert (states[sale.wu], states[sale.qian]) == ("rotated", "active")


def test_one_side_alone_agrees_on_nothing(sale: Sale) -> None:
    sale.open()
    document = sale.attached("evidence_agreement")
    said = sale.error(
        "agreement", "sign", document, "--signer", f"{sale.qian}:seller_handler", "--signer",
        f"{sale.he}:buyer_handler", "--engagement", sale.engagement, "--as", sale.qian, code=13,
    )  # fmt: skip
    assert "handler_must_sign" in {refusal["detail"] for refusal in said["refusals"]}
    assert sale.json("agreement", "show", "--engagement", sale.engagement) == []


@pytest.mark.parametrize("signer", ["ACTOR", "ACTOR:", "ACTOR:chief", ":supervisor"])
def test_a_signer_is_an_actor_and_a_role(sale: Sale, signer: str) -> None:
    sale.open()
    document = sale.attached("evidence_agreement")
    given = signer.replace("ACTOR", sale.qian)
    result = sale.run("agreement", "sign", document, "--signer", given, "--engagement",
                      sale.engagement, "--as", sale.qian)  # fmt: skip
    assert result.exit_code == 2


def test_what_belongs_to_a_deal_names_it(sale: Sale) -> None:
    sale.open()
    document = sale.attached("nda")
    for command in (
        ("agreement", "sign", document, "--signer", f"{sale.qian}:seller_handler"),
        ("nda", "sign", document, "--disclosing", sale.seller, "--receiving", sale.buyer,
         "--from", "2026-01-01", "--survival-days", "1"),
        ("nda", "terminate", document, "--on", "2026-01-01"),
        ("pipia", "record", document, "--conclusion", "acceptable", "--retain-until",
         "2099-01-01"),
    ):  # fmt: skip
        result = sale.run(*command, "--as", sale.qian)
        assert (result.exit_code, "--engagement" in result.stderr) == (2, True), command


# -- confidentiality, assessment --------------------------------------------------------------


def test_agreements_are_listed_with_how_they_stand(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale.open()
    over = sale.keep_secret(days=("2026-01-01", "2026-01-31"))
    partly = sale.keep_secret("--category", "contract", "--category", "transaction")
    rows = {
        row["document"]: row for row in sale.json("nda", "list", "--engagement", sale.engagement)
    }
    assert (rows[over]["condition"], rows[over]["categories"]) == ("surviving", [])
    assert (rows[partly]["condition"], rows[partly]["ends_on"]) == ("in_force", None)
    assert sorted(rows[partly]["categories"]) == ["contract", "transaction"]
    later(monkeypatch, 2000)
    rows = {
        row["document"]: row for row in sale.json("nda", "list", "--engagement", sale.engagement)
    }
    assert rows[over]["condition"] == "expired"


def test_a_document_of_another_kind_is_no_agreement(sale: Sale) -> None:
    sale.open()
    document = sale.attached("legal_opinion")
    said = sale.error(
        "pipia", "record", document, "--conclusion", "acceptable", "--retain-until", "2099-12-31",
        "--engagement", sale.engagement, "--as", sale.qian, code=13,
    )  # fmt: skip
    assert {refusal["detail"] for refusal in said["refusals"]} == {"document_of_another_kind"}


def test_an_assessment_is_shown_with_its_conclusion(sale: Sale) -> None:
    sale.open()
    document = sale.assess("acceptable_with_measures", "--category", "contract")
    (row,) = sale.json("engagement", "show", sale.engagement)["pipias"]
    assert (row["document"], row["conclusion"]) == (document, "acceptable_with_measures")
    assert row["categories"] == ["contract"]


# -- documents --------------------------------------------------------------------------------


def test_a_document_is_attached_by_its_digest(sale: Sale) -> None:
    sale.open()
    paper = sale.home / "张三授权书.pdf"
    paper.write_bytes(b"authority")
    document = sale.json(
        "document", "attach", str(paper), "--kind", "authority_letter", "--title", "授权",
        "--party", sale.seller[-12:], "--from", "2026-01-01", "--to", "2026-12-31",
        "--engagement", sale.engagement,
    )["document"]  # fmt: skip
    (row,) = sale.json("engagement", "show", sale.engagement)["documents"]
    assert row["document"] == document
    assert (row["kind"], row["title"], row["size"]) == ("authority_letter", "授权", 9)
    assert (row["media_type"], row["parties"]) == ("application.pdf", [sale.seller])
    assert (row["begins_on"], row["ends_on"]) == ("2026-01-01", "2026-12-31")
    with sale.firm.open(writing=False) as ledger:
        ((position, _, event, _),) = ledger.events_of(document)
        sealed = ledger.unseal(position, event)
    assert sealed == {"content": sha256(b"authority").hexdigest(), "title": "授权"}


def test_a_document_that_cannot_be_read_is_not_attached(sale: Sale) -> None:
    sale.open()
    before = sale.json("status")["events"]
    attach = ["document", "attach", "--kind", "nda", "--engagement", sale.engagement]
    empty = sale.home / "empty.pdf"
    empty.touch()
    said = sale.error(*attach, str(empty), code=2)
    assert "empty" in said["message"]
    said = sale.error(*attach, str(sale.home / "张三.pdf"), code=2)
    assert "张三" not in str(said)
    pipe = sale.home / "pipe.pdf"
    os.mkfifo(pipe)
    assert sale.error(*attach, str(sale.home), code=2)["message"].startswith("the document")
    waited = sale.program(*attach, str(pipe))  # it would, for whoever writes into it
    assert (waited.returncode, b"not_a_regular_file" in waited.stderr) == (2, True)
    assert sale.json("status")["events"] == before


def test_a_document_outside_a_deal_is_everyday_custody(sale: Sale) -> None:
    paper = sale.home / "制度"
    paper.write_bytes(b"policy")
    document = sale.json("document", "attach", str(paper), "--kind", "policy")["document"]
    with sale.firm.open(writing=False) as ledger:
        ((_, _, event, _),) = ledger.events_of(document)
        assert event.engagement == ledger.routine()


# -- training ---------------------------------------------------------------------------------


def test_training_is_listed_with_whether_it_holds(sale: Sale) -> None:
    sale.trained(sale.qian, sale.he)
    sale.trained(sale.he, score=10)
    before = sale.json("status")["events"]
    sale.trained(sale.wu, valid_to="2026-01-31")
    rows = sale.json("training", "list")
    assert {row["actor"] for row in rows} == {sale.qian, sale.he, sale.wu}
    his = sale.json("training", "list", "--actor", sale.he)
    assert [(row["passed"], row["holds"]) for row in his] == [(True, True), (False, False)]
    (lapsed,) = sale.json("training", "list", "--actor", sale.wu)
    assert (lapsed["passed"], lapsed["holds"]) == (True, False)
    then = sale.json("training", "list", "--as-of", f"position:{before}")
    assert {row["actor"] for row in then} == {sale.qian, sale.he}
    assert "移交" in sale.did("training", "list", "--lang", "zh")


def test_nobody_certifies_the_own_training(sale: Sale) -> None:
    said = sale.error(
        "training", "record", sale.founder, "--topic", "security", "--mode", "online", "--on",
        "2026-01-05", "--score", "90", "--pass-mark", "60", "--valid-to", "2099-12-31", code=13,
    )  # fmt: skip
    assert {refusal["detail"] for refusal in said["refusals"]} == {"examined_by_oneself"}


# -- a replica --------------------------------------------------------------------------------


def test_the_buyer_sees_the_same_ladder_on_its_replica(sale: Sale, tmp_path: Path) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    sale.frozen(record)
    copy = made(sale.firm, tmp_path / "copy").folder
    ours = sale.json("engagement", "status", sale.engagement)
    report = sale.json("engagement", "report", sale.engagement)
    with on_machine(tmp_path / "elsewhere"):
        replica = tmp_path / "replica"
        sale.did("replica", "take", str(copy), str(replica), "--key", told(sale.firm))
        there = {"MUNIMENT_LEDGER": str(replica)}
        (replica / "ledger.db").chmod(0o400)
        assert sale.json("engagement", "status", sale.engagement, **there) == ours
        theirs = sale.json("engagement", "report", sale.engagement, **there)
        assert theirs["gates"] == report["gates"]
        (row,) = sale.json("engagement", "list", **there)
        assert (row["engagement"], row["title"]) == (sale.engagement, None)
        shown = sale.json("engagement", "show", sale.engagement, **there)
        assert [document["title"] for document in shown["documents"]] == [None] * 5

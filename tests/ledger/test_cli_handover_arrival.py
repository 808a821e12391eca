"""`muniment handover discrepancy`, `deem`, `residual` at the desk: what comes after the receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.effects.listlines import frozen_list
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def shown(deal: Deal, handover: str, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = deal.json("handover", "show", handover, *more)
    return found


def details(said: dict[str, Any]) -> set[str]:
    return {refusal["detail"] for refusal in said["refusals"]}


def settled(deal: Deal, handover: str, number: int, how: str) -> None:
    deal.jointly(
        "handover", "discrepancy", "resolve", handover, str(number), "--resolution", how,
        author=deal.qian, others=((deal.he, "buyer_handler"),),
    )  # fmt: skip


def test_what_was_damaged_is_rejected_by_both_and_the_rest_passes(deal: Deal) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover = deal.inspected(first, second)
    bad = deal.original(first)
    raised = deal.json(
        "handover", "discrepancy", "raise", handover, bad[-12:], "--kind", "damaged",
        "--description", "第三页破损", "--as", deal.he,
    )  # fmt: skip
    assert raised["number"] == 1
    (row,) = deal.json("handover", "discrepancy", "list", handover)
    assert (row["kind"], row["items"], row["resolution"]) == ("damaged", [bad], None)
    before = deal.json("status")["events"]
    settled(deal, handover, 1, "item_rejected")
    (row,) = deal.json("handover", "discrepancy", "list", handover)
    assert row["resolution"] == "item_rejected"
    (then,) = deal.json(
        "handover", "discrepancy", "list", handover, "--as-of", f"position:{before}"
    )
    assert then["resolution"] is None
    deal.confirm(handover)
    found = shown(deal, handover)
    assert (found["step"], found["rejected"]) == ("confirmed", 1)
    states = {item["item"]: (item["state"], item["custodian"]) for item in found["items"]}
    assert states == {
        bad: ("rejected", deal.seller), deal.original(second): ("confirmed", deal.buyer),
    }  # fmt: skip
    conditions = {copy["condition"] for copy in deal.copies(first)}
    assert conditions == {"present"}, "what was rejected is not on its way any more"
    zh = deal.did("handover", "show", handover, "--lang", "zh")
    assert "第三页破损" in zh
    assert "拒收该项" in zh


def test_how_an_item_was_found_is_shown_after_the_confirmation_too(deal: Deal) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover = deal.inspected(first, second)
    bad = deal.original(first)
    rest = ("--reject", bad, "--as", deal.he)
    deal.did("handover", "inspect", handover, *rest)
    deal.did(
        "handover", "discrepancy", "raise", handover, bad, "--kind", "damaged", "--as", deal.he
    )
    settled(deal, handover, 1, "item_rejected")
    deal.confirm(handover)
    checks = {
        row["item"]: (row["state"], row["digest"], row["readable"])
        for row in shown(deal, handover)["items"]
    }
    assert checks == {
        bad: ("rejected", "match", "no"),
        deal.original(second): ("confirmed", "match", "yes"),
    }  # fmt: skip


def test_what_is_to_be_inspected_again_shows_no_result_of_before(deal: Deal) -> None:
    record = deal.ready()
    handover = deal.inspected(record)
    copy = deal.original(record)
    raising = ("handover", "discrepancy", "raise", handover, copy, "--kind", "damaged")
    deal.did(*raising, "--as", deal.he)
    settled(deal, handover, 1, "corrected")
    (row,) = shown(deal, handover)["items"]
    assert (row["digest"], row["readable"]) == (None, None)


def test_nobody_is_shown_what_the_lines_of_a_list_are_salted_with(deal: Deal) -> None:
    """With the seed, whoever has a line's hash can try out what the line says."""
    record = deal.ready()
    handover = deal.inspected(record)
    steps = shown(deal, handover)["steps"]
    (frozen,) = (step for step in steps if step["type"] == "handover.list_frozen")
    assert frozen["sealed"] is None
    asked = (("handover", "show", handover), ("history", record), ("show", frozen["event"]))
    with deal.firm.open() as ledger:
        seed = frozen_list(ledger, handover).seed.hex()
    for question in asked:
        for style in ((), ("--json",)):
            assert seed not in deal.run(*question, *style).output


def test_a_handler_who_holds_other_roles_acts_as_handler(deal: Deal) -> None:
    """Only the key agreed on for the handler's role counts in a handover."""
    for actor, own in ((deal.qian, "seller_handler"), (deal.he, "buyer_handler")):
        deal.did("role", "revoke", actor, own, "--reason", "role_ended")
        for role in ("custodian", "supervisor", own):  # the one held longest would be taken
            deal.did("role", "grant", actor, role)
    record, other = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover = deal.inspected(record)
    deal.did("handover", "discrepancy", "raise", handover, "--kind", "extra", "--as", deal.he)
    settled(deal, handover, 1, "reserved")
    deal.confirm(handover)
    residual = ["handover", "residual", handover, "--basis", "retention_duty", "--retain-until",
                "2036-12-31", "--as", deal.qian]  # fmt: skip
    said = deal.error(*residual, "--in-role", "custodian", code=13)
    assert details(said) == {"key_not_agreed"}
    deal.did(*residual)
    cancelled = deal.released(other)
    deal.did("handover", "cancel", cancelled, "--as", deal.qian)
    roles = {step["signers"][0]["capacity"] for step in shown(deal, handover)["steps"]
             if step["type"] == "handover.residual_declared"}  # fmt: skip
    assert roles == {"seller_handler"}


def test_a_draft_signed_before_a_discrepancy_was_raised_confirms_nothing(deal: Deal) -> None:
    record = deal.ready()
    handover = deal.inspected(record)
    signers = ((deal.he, "buyer_handler"), (deal.wu, "supervisor"), (deal.ma, "supervisor"))
    others = [part for actor, role in signers for part in ("--with", f"{actor}:{role}")]
    deal.did("handover", "confirm", handover, *others, "--draft", "c.commit", "--as", deal.qian)
    for actor, _ in signers:
        deal.did("sign", "c.commit", "--yes", "--as", actor)
    deal.did("handover", "discrepancy", "raise", handover, "--kind", "missing", "--as", deal.he)
    assert deal.run("submit", "c.commit").exit_code == 13
    assert shown(deal, handover)["step"] == "received"
    said = deal.error("handover", "confirm", handover, "--as", deal.qian, code=13)
    assert "discrepancies_are_open" in details(said)
    settled(deal, handover, 1, "reserved")
    deal.confirm(handover)
    assert shown(deal, handover)["step"] == "confirmed"


def test_nothing_is_deemed_accepted_before_the_time_is_up(deal: Deal) -> None:
    handover = deal.received(deal.ready())
    said = deal.error("handover", "deem", handover, "--as", deal.qian, code=13)
    assert details(said) == {"time_for_inspection_runs"}


def test_the_seller_declares_the_backup_that_it_keeps(deal: Deal) -> None:
    record = deal.ready()
    Path("备份.txt").write_text("合同.txt 的内容", encoding="utf-8")
    kept = deal.json("holding", "add", record, "--file", "备份.txt", "--medium", "usb_flash")
    handover = deal.handed_over(record)
    residual = ["handover", "residual", handover, "--basis", "retention_duty",
                "--retain-until", "2036-12-31", "--as", deal.qian]  # fmt: skip
    before = deal.json("status")["events"]
    assert deal.json(*residual, "--remark", "税务")["copies"] == 1
    found = shown(deal, handover)
    assert found["step"] == "residual_declared"
    assert found["kept"] == [
        {"holding": kept["holding"], "basis": "retention_duty", "retain_until": "2036-12-31"}
    ]
    then = shown(deal, handover, "--as-of", f"position:{before}")
    assert (then["step"], then["kept"]) == ("confirmed", [])
    topics = [event["type"] for event in deal.json("history", record)]
    assert "handover.residual_declared" in topics


def test_a_copy_that_is_gone_is_not_declared(deal: Deal) -> None:
    handover = deal.handed_over(deal.ready())
    residual = ["handover", "residual", handover, "--basis", "retention_duty",
                "--retain-until", "2036-12-31", "--as", deal.qian]  # fmt: skip
    other = deal.original(deal.ready("丙.txt"))
    said = deal.error(*residual, other, code=13)
    assert details(said) == {"not_a_copy_of_it"}
    assert deal.json(*residual)["copies"] == 0, "it is said that nothing is left"

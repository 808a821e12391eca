"""`muniment handover` at the desk: plan, list, release, receipt, confirmation by both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.listing import list_root
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def shown(deal: Deal, handover: str, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = deal.json("handover", "show", handover, *more)
    return found


# -- the plan and the list --------------------------------------------------------------------


def test_a_plan_names_both_sides(deal: Deal) -> None:
    handover = deal.planned()
    found = shown(deal, handover[-12:])
    assert (found["from_party"], found["to_party"]) == (deal.seller, deal.buyer)
    assert (found["step"], found["count"], found["items"]) == ("planned", 0, [])
    assert found["names"][deal.buyer] == "买方公司"
    said = deal.did("handover", "show", handover, "--lang", "zh")
    assert "三号仓库" in said
    assert "买方公司" in said
    assert deal.json("handover", "list")[0]["handover"] == handover


def test_only_a_handler_of_each_side_hands_over(deal: Deal) -> None:
    plan = ["handover", "plan", "--engagement", deal.deal, "--first-day", "2026-11-01",
            "--last-day", "2026-12-31", "--as", deal.qian]  # fmt: skip
    for party, handler, detail in (
        (deal.seller, deal.qian, "handover_to_oneself"),
        (deal.buyer, deal.qian, "handler_of_both_sides"),
        (deal.buyer, deal.wu, "handler_of_another_party"),
    ):
        said = deal.error(*plan, "--to", party, "--buyer-handler", handler, code=13)
        assert detail in {refusal["detail"] for refusal in said["refusals"]}
    said = deal.error(*plan[:-2], "--buyer-handler", deal.he, code=13)
    assert "role_does_not_permit" in {refusal["detail"] for refusal in said["refusals"]}


def test_a_handover_is_planned_under_a_deal(deal: Deal) -> None:
    plan = ["handover", "plan", "--buyer-handler", deal.he, "--first-day", "2026-11-01",
            "--last-day", "2026-12-31", "--as", deal.qian]  # fmt: skip
    with deal.firm.open() as ledger:
        routine = ledger.routine()
    for under in ([], ["--engagement", routine]):
        said = deal.error(*plan, *under, code=2)
        assert "belongs to a deal" in said["message"]
    found = shown(deal, deal.json(*plan, "--engagement", deal.deal)["handover"])
    assert (found["engagement"], found["mode"], found["to_party"], found["inspection_days"]) == (
        deal.deal, "merger", deal.buyer, 15,
    )  # fmt: skip


def test_the_originals_are_frozen_and_no_backups(deal: Deal) -> None:
    record = deal.ready()
    file = Path("备份.txt")
    file.write_text("合同.txt 的内容", encoding="utf-8")
    deal.did("holding", "add", record, "--file", str(file), "--medium", "usb_flash")
    handover = deal.planned()
    made = deal.json("handover", "freeze", handover, record, record, "--as", deal.qian)
    assert (made["copies"], made["records"], made["left_out"]) == (1, 1, [])
    assert made["root"] == list_root([deal.original(record)])
    (item,) = shown(deal, handover)["items"]
    assert (item["item"], item["state"]) == (deal.original(record), "open")


def test_of_a_corrected_record_the_corrected_copy_is_frozen(deal: Deal) -> None:
    record = deal.ready()
    Path("新.txt").write_text("新内容", encoding="utf-8")
    new = deal.json("correct", record, "--file", "新.txt", "--reason", "content_updated")["holding"]
    deal.introduce(record)
    made = deal.json("handover", "freeze", deal.planned(), record, "--as", deal.qian)
    assert made["root"] == list_root([new])


def test_an_exact_copy_can_be_named(deal: Deal) -> None:
    record = deal.ready()
    Path("备份.txt").write_text("合同.txt 的内容", encoding="utf-8")
    copy = deal.json("holding", "add", record, "--file", "备份.txt", "--medium", "usb_flash")[
        "holding"]  # fmt: skip
    made = deal.json("handover", "freeze", deal.planned(), "--copy", copy, "--as", deal.qian)
    assert made["root"] == list_root([copy])


def test_one_blocked_record_refuses_the_list_unless_it_is_left_out(deal: Deal) -> None:
    ready, raw = deal.ready("甲.txt"), deal.collect("乙.txt")
    handover = deal.planned()
    freeze = ["handover", "freeze", handover, ready, raw, "--as", deal.qian]
    said = deal.error(*freeze, code=13)
    assert {refusal["blocking"][0] for refusal in said["refusals"]} <= {raw, deal.original(raw)}
    assert shown(deal, handover)["step"] == "planned"
    made = deal.json(*freeze, "--skip-blocked")
    (left,) = made["left_out"]
    assert left["record"] == raw
    assert {refusal["detail"] for refusal in left["refusals"]} >= {
        "not_classified", "no_retention",
    }  # fmt: skip
    assert made["copies"] == 1


def test_what_was_left_out_is_said_in_both_languages(deal: Deal) -> None:
    ready, raw = deal.ready("甲.txt"), deal.collect("乙.txt")
    freeze = ["handover", "freeze", deal.planned(), ready, raw, "--skip-blocked", "--as", deal.qian]
    for lang in ("en", "zh"):
        said = deal.did(*freeze, "--lang", lang)
        assert raw in said
        assert "I-11 classify_before_use (not_classified)" in said


def test_a_list_of_nothing_but_blocked_records_is_not_frozen(deal: Deal) -> None:
    raw = deal.collect()
    handover = deal.planned()
    said = deal.run("handover", "freeze", handover, raw, "--skip-blocked", "--as", deal.qian)
    assert said.exit_code == 2
    assert "blocked" in said.stderr
    assert shown(deal, handover)["step"] == "planned"


def test_a_list_is_frozen_anew_while_nothing_is_released(deal: Deal) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover = deal.frozen(first)
    at = deal.json("status")["events"]
    before = shown(deal, handover)
    deal.did("handover", "freeze", handover, first, second, "--as", deal.qian)
    after = shown(deal, handover)
    assert (before["list_version"], before["count"]) == (1, 1)
    assert (after["list_version"], after["count"]) == (2, 2)
    assert before["root"] != after["root"]
    then = shown(deal, handover, "--as-of", f"position:{at}")
    for key in ("step", "list_version", "count", "root", "items"):
        assert then[key] == before[key], key


def test_a_copy_in_one_handover_is_not_put_on_the_list_of_another(deal: Deal) -> None:
    record = deal.ready()
    first = deal.frozen(record)
    other = deal.planned()
    said = deal.error("handover", "freeze", other, record, "--as", deal.qian, code=13)
    assert said["refusals"][0]["detail"] == "copy_is_in_a_case"
    assert said["refusals"][0]["blocking"] == [first]
    assert deal.json("why", record, "handover")[0]["blocking"] == [first]
    deal.did("handover", "cancel", first, "--reason", "改期", "--as", deal.qian)
    assert shown(deal, first)["step"] == "cancelled"
    deal.did("handover", "freeze", other, record, "--as", deal.qian)


# -- release and receipt ----------------------------------------------------------------------


def test_what_is_released_was_read_again_and_says_how_it_went(deal: Deal) -> None:
    record = deal.ready()
    handover = deal.frozen(record)
    told = deal.json("handover", "release", handover, "--channel", "移动硬盘", "--seal-no", "S-7",
                     "--as", deal.qian)  # fmt: skip
    assert told["read"] == 1
    released = shown(deal, handover)["steps"][-1]
    assert released["sealed"] == {"channel": "移动硬盘", "seal_no": "S-7"}
    assert released["signers"] == [
        {"actor": deal.qian, "name": "李审核", "capacity": "seller_handler"}
    ]


@pytest.mark.parametrize("damage", ["changed", "missing", "same size"])
def test_a_changed_or_missing_file_is_not_released(deal: Deal, damage: str) -> None:
    record = deal.ready()
    handover = deal.frozen(record)
    file = deal.home / "合同.txt"
    whole = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"forged" if damage == "changed" else bytes([whole[0] ^ 1]) + whole[1:])
    said = deal.error("handover", "release", handover, "--as", deal.qian, code=3)
    assert deal.original(record) in said["message"]
    assert ("vanished" if damage == "missing" else "changed_since_recorded") in said["message"]
    assert "合同" not in said["message"]
    assert shown(deal, handover)["step"] == "list_frozen"
    zh = deal.run("handover", "release", handover, "--as", deal.qian, "--lang", "zh")
    assert zh.exit_code == 3
    file.write_bytes(whole)
    deal.did("handover", "release", handover, "--as", deal.qian)


def test_paper_goes_without_being_read(deal: Deal) -> None:
    record = deal.ready()
    paper = deal.json("holding", "add", record, "--location", "三号柜", "--form", "paper",
                      "--medium", "paper_copy")["holding"]  # fmt: skip
    handover = deal.planned()
    deal.did("handover", "freeze", handover, "--copy", paper, "--as", deal.qian)
    told = deal.json("handover", "release", handover, "--as", deal.qian)
    assert told["read"] == 0


def test_what_became_blocked_after_the_list_was_frozen_is_not_released(deal: Deal) -> None:
    record = deal.ready()
    handover = deal.frozen(record)
    deal.did("restriction", "place", record, "--reason", "objection")
    said = deal.error("handover", "release", handover, "--as", deal.qian, code=13)
    assert said["refusals"][0]["detail"] == "record_is_restricted"


def test_the_buyer_reads_again_and_says_what_matched(deal: Deal) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover = deal.released(first, second)
    (deal.home / "乙.txt").write_text("损坏", encoding="utf-8")
    told = deal.json("handover", "receive", handover, "--seal", "broken", "--as", deal.he)
    assert (told["read"], told["matched"], told["items"]) == (2, 1, 2)


def test_a_receipt_for_another_list_is_refused(deal: Deal) -> None:
    handover = deal.released(deal.ready())
    receive = ["handover", "receive", handover, "--as", deal.he, "--root"]
    said = deal.error(*receive, "0" * 64, code=13)
    assert (said["refusals"][0]["rule"], said["refusals"][0]["detail"]) == (
        "I-21", "another_list_was_seen",
    )  # fmt: skip
    assert deal.run(*receive, "nonsense").exit_code == 2
    deal.did(*receive, str(shown(deal, handover)["root"]))


def test_each_step_is_its_own_handlers_and_in_order(deal: Deal) -> None:
    record = deal.ready()
    handover = deal.frozen(record)
    for act, who, detail in (
        ("receive", deal.he, "handover_is_list_frozen"),
        ("release", deal.he, "role_does_not_permit"),
    ):
        said = deal.error("handover", act, handover, "--as", who, code=13)
        assert detail in {refusal["detail"] for refusal in said["refusals"]}
    deal.did("handover", "release", handover, "--as", deal.qian)
    said = deal.error("handover", "freeze", handover, record, "--as", deal.qian, code=13)
    assert "handover_is_released" in {refusal["detail"] for refusal in said["refusals"]}
    deal.did("handover", "receive", handover, "--as", deal.he)
    said = deal.error("handover", "cancel", handover, "--as", deal.qian, code=13)
    assert said["refusals"][0]["detail"] == "handler_must_sign", "both, once it is received"


# -- confirmation -----------------------------------------------------------------------------


def test_nobody_confirms_alone(deal: Deal) -> None:
    handover = deal.inspected(deal.ready())
    said = deal.error("handover", "confirm", handover, "--as", deal.qian, code=13)
    assert {refusal["detail"] for refusal in said["refusals"]} == {
        "handler_must_sign", "supervisor_must_sign",
    }  # fmt: skip


@pytest.mark.parametrize("missing", ["buyer_handler", "seller", "buyer"])
def test_a_confirmation_lacks_nobody(deal: Deal, missing: str) -> None:
    handover = deal.inspected(deal.ready())
    signers = {
        "buyer_handler": (deal.he, "buyer_handler"),
        "seller": (deal.wu, "supervisor"),
        "buyer": (deal.ma, "supervisor"),
    }
    del signers[missing]
    others = [part for actor, role in signers.values() for part in ("--with", f"{actor}:{role}")]
    said = deal.error("handover", "confirm", handover, *others, "--draft", "c.commit", "--as",
                      deal.qian, code=13)  # fmt: skip
    lacking = {"handler_must_sign", "supervisor_must_sign"}
    assert {refusal["detail"] for refusal in said["refusals"]} <= lacking
    assert not Path("c.commit").exists(), "nobody is asked to sign what cannot be submitted"
    with pytest.MonkeyPatch.context() as careless:  # a program that asks nothing beforehand
        careless.setattr("ledger.drafts.refuse_early", lambda *_: None)
        deal.did("handover", "confirm", handover, *others, "--draft", "c.commit", "--as", deal.qian)
    for actor, _ in signers.values():
        assert deal.run("submit", "c.commit").exit_code == 2
        deal.did("sign", "c.commit", "--yes", "--as", actor)
    said = deal.error("submit", "c.commit", code=13)
    assert {refusal["detail"] for refusal in said["refusals"]} <= lacking
    assert shown(deal, handover)["step"] == "received"


def test_a_draft_that_time_forbids_is_not_made(deal: Deal) -> None:
    """Said of tomorrow, it would be refused today, whoever signed it."""
    handover = deal.inspected(deal.ready())
    others = [part for actor, role in (
        (deal.he, "buyer_handler"), (deal.wu, "supervisor"), (deal.ma, "supervisor"),
    ) for part in ("--with", f"{actor}:{role}")]  # fmt: skip
    confirm = ["handover", "confirm", handover, *others, "--draft", "c.commit", "--as", deal.qian]
    said = deal.error(*confirm, "--at", "2199-01-01T00:00:00.000Z", code=13)
    assert {refusal["detail"] for refusal in said["refusals"]} == {"claimed_time_in_future"}
    assert not Path("c.commit").exists()
    deal.did(*confirm)


def test_a_confirmation_shows_who_signed_and_when(deal: Deal) -> None:
    record = deal.ready()
    handover = deal.handed_over(record)
    found = shown(deal, handover)
    last = found["steps"][-1]
    assert {(s["actor"], s["capacity"]) for s in last["signers"]} == {
        (deal.qian, "seller_handler"), (deal.he, "buyer_handler"),
        (deal.wu, "supervisor"), (deal.ma, "supervisor"),
    }  # fmt: skip
    (item,) = found["items"]
    assert (item["state"], item["custodian"]) == ("confirmed", deal.buyer)
    (row,) = deal.json("handover", "list")
    assert row["step"] == "confirmed"
    assert list(row["steps"]) == ["planned", "list_frozen", "released", "received", "confirmed"]


def test_a_handover_is_shown_as_it_stood(deal: Deal) -> None:
    handover = deal.released(deal.ready())
    at = deal.json("status")["events"]
    deal.did("handover", "receive", handover, "--as", deal.he)
    deal.did("handover", "inspect", handover, "--accept-rest", "--as", deal.he)
    deal.confirm(handover)
    then = shown(deal, handover, "--as-of", f"position:{at}")
    assert then["step"] == "released"
    assert [step["type"] for step in then["steps"]][-1] == "handover.released"
    (item,) = then["items"]
    assert (item["state"], item["custodian"]) == ("open", deal.seller)
    assert deal.json("handover", "list", "--as-of", "position:1") == []
    assert deal.run("handover", "show", handover, "--as-of", "position:1").exit_code == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["plan", "--to", "BUYER", "--buyer-handler", "HE", "--first-day", "2026-11-01",
         "--last-day", "2026-12-31"],
        ["plan", "--to", "张三", "--buyer-handler", "HE", "--engagement", "DEAL", "--first-day",
         "2026-11-01", "--last-day", "2026-12-31"],
        ["plan", "--to", "BUYER", "--buyer-handler", "HE", "--engagement", "DEAL", "--first-day",
         "2026-11-31", "--last-day", "2026-12-31"],
        ["plan", "--buyer-handler", "HE", "--engagement", "DEAL", "--first-day", "2026-11-01",
         "--last-day", "2026-12-31", "--inspection-days", "0"],
        ["discrepancy", "raise", "HANDOVER", "RECORD", "--kind", "missing"],
        ["discrepancy", "raise", "HANDOVER", "--kind", "nonsense"],
        ["discrepancy", "resolve", "HANDOVER", "0", "--resolution", "explained"],
        ["deem", "HANDOVER"],
        ["residual", "HANDOVER", "--basis", "nonsense", "--retain-until", "2036-12-31"],
        ["freeze", "HANDOVER"],
        ["freeze", "HANDOVER", "ffffffff"],
        ["freeze", "HANDOVER", "--copy", "ffffffff"],
        ["freeze", "ffffffff", "RECORD"],
        ["release", "ffffffff"],
        ["release", "HANDOVER", "--channel", "a\tb"],
        ["receive", "HANDOVER", "--root", "xyz"],
        ["confirm", "HANDOVER"],
        ["confirm", "HANDOVER", "--with", "HE:buyer_handler"],
        ["cancel", "RECORD"],
        ["show", "ffffffff"],
        ["list", "--as-of", "position:0"],
    ],
)  # fmt: skip
def test_bad_input_is_a_usage_error_and_records_nothing(deal: Deal, wrong: list[str]) -> None:
    record, handover = deal.ready(), deal.planned()
    names = {"RECORD": record, "HANDOVER": handover, "BUYER": deal.buyer, "HE": deal.he,
             "DEAL": deal.deal}  # fmt: skip
    entries = deal.json("status")["entries"]
    for lang in ("zh", "en"):
        arguments = [names.get(part, part) for part in wrong]
        if wrong[0] not in ("show", "list"):
            arguments += ["--as", deal.qian]
        result = deal.run("handover", *arguments, "--lang", lang)
        assert result.exit_code == 2, (result.stdout, result.stderr)
        assert "张三" not in result.stderr
    assert deal.json("status")["entries"] == entries

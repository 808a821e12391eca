"""A sale: what went to the buyer and what did not, who may look at it before and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def grant(deal: Deal, giver: str, taker: str, record: str) -> None:
    deal.did("access", "grant", "--actor", taker, "--record", record, "--mode", "view",
             "--purpose", "service_delivery", "--from", "2026-01-01T00:00:00Z", "--until",
             "2099-12-31T00:00:00Z", "--as", giver)  # fmt: skip


def look(record: str, out: str) -> list[str]:
    return ["access", "record", record, "--purpose", "service_delivery", "--out", out]


def refused(deal: Deal, who: str, record: str) -> set[str]:
    """With which details somebody is refused access; nothing is handed out."""
    said = deal.error(*look(record, "nothing.txt"), "--as", who, code=13)
    assert not Path("nothing.txt").exists()
    return {refusal["detail"] for refusal in said["refusals"]}


def keeper(deal: Deal, record: str, *more: str) -> str:
    (copy,) = deal.json("where", record, *more)
    return str(copy["custodian"])


def test_custody_passes_with_the_confirmation_and_access_with_it(deal: Deal) -> None:
    record, raw = deal.ready("甲.txt"), deal.collect("乙.txt", "未分类")
    grant(deal, deal.founder, deal.zhou, record)
    deal.did(*look(record, "seller.txt"), "--as", deal.zhou)
    assert "not_the_actors_party" in refused(deal, deal.he, record)

    handover = deal.planned()
    frozen = deal.json("handover", "freeze", handover, record, raw, "--skip-blocked", "--as",
                       deal.qian)  # fmt: skip
    assert [left["record"] for left in frozen["left_out"]] == [raw]
    deal.did("handover", "release", handover, "--as", deal.qian)
    deal.did("handover", "receive", handover, "--as", deal.he)
    deal.did("handover", "inspect", handover, "--accept-rest", "--as", deal.he)
    before = deal.json("status")["events"]
    deal.confirm(handover)

    assert (keeper(deal, record), keeper(deal, raw)) == (deal.buyer, deal.seller)
    assert keeper(deal, record, "--as-of", f"position:{before}") == deal.seller
    assert "not_the_actors_party" in refused(deal, deal.zhou, record)
    why = deal.json("why", record, "access", "--as", deal.zhou)
    assert [row["detail"] for row in why] == [
        "not_the_actors_party", "grant_ended_with_handover",
    ]  # fmt: skip
    grant(deal, deal.lin, deal.he, record)
    deal.did(*look(record, "buyer.txt"), "--as", deal.he)
    assert Path("buyer.txt").read_bytes() == Path("seller.txt").read_bytes()
    assert deal.json("verify")["verdict"] == "valid"


def test_who_tells_the_same_story_afterwards(deal: Deal) -> None:
    record = deal.ready()
    grant(deal, deal.founder, deal.zhou, record)
    deal.did(*look(record, "1.txt"), "--as", deal.zhou)
    deal.handed_over(record)
    grant(deal, deal.lin, deal.he, record)
    refused(deal, deal.zhou, record)
    deal.did(*look(record, "2.txt"), "--as", deal.he)
    rows = deal.json("who", record)
    told = [(row["kind"], row["actor"]) for row in rows if row["position"]]
    assert told == [("allowed", deal.zhou), ("denied", deal.zhou), ("allowed", deal.he)]
    assert [row["party"] for row in rows if row["kind"] == "keeps"] == [deal.buyer]
    assert {(row["actor"], row["used"]) for row in rows if row["kind"] == "may"} == {
        (deal.zhou, 1), (deal.he, 1),
    }  # fmt: skip


def test_what_was_handed_over_is_the_buyers_to_keep_and_not_the_sellers_to_destroy(
    deal: Deal,
) -> None:
    record = deal.ready(day="2001-01-31")
    assert deal.json("why", record, "destroy") == []
    deal.handed_over(record)
    blocked = deal.json("why", record, "destroy")
    assert [row["detail"] for row in blocked] == ["not_the_actors_party"]
    assert deal.json("why", record, "destroy", "--as", deal.lin) == []
    again = deal.planned()
    said = deal.error("handover", "freeze", again, record, "--as", deal.qian, code=13)
    assert said["refusals"][0]["detail"] == "not_the_actors_party"


def test_seller_and_buyer_with_different_versions_of_the_list_do_not_confirm(deal: Deal) -> None:
    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover = deal.frozen(first, second)
    seen = deal.json("handover", "show", handover)["root"]
    deal.did("handover", "freeze", handover, first, "--as", deal.qian)
    deal.did("handover", "release", handover, "--as", deal.qian)
    receive = ["handover", "receive", handover, "--as", deal.he]
    said = deal.error(*receive, "--root", seen, code=13)
    assert said["refusals"][0]["rule"] == "I-21"
    deal.error("handover", "confirm", handover, "--as", deal.qian, code=2)
    deal.did(*receive)
    deal.did("handover", "inspect", handover, "--accept-rest", "--as", deal.he)
    deal.confirm(handover)
    assert (keeper(deal, first), keeper(deal, second)) == (deal.buyer, deal.seller)


def test_a_list_changed_after_it_was_frozen_is_not_released_under_the_old_root(deal: Deal) -> None:
    """Somebody at the seller's desk builds the release by hand, over the list that was agreed."""
    from domain.handover import HandoverState
    from ledger.custody import case_state
    from ledger.errors import RefusedError
    from ledger.handovers import release_handover

    first, second = deal.ready("甲.txt"), deal.ready("乙.txt")
    handover = deal.frozen(first)
    with deal.firm.open() as ledger:
        agreed = release_handover(case_state(ledger, HandoverState, handover), None)
    deal.did("handover", "freeze", handover, first, second, "--as", deal.qian)
    with deal.firm.open() as ledger, pytest.raises(RefusedError, match="another_list_was_seen"):
        ledger.act(ledger.acting(deal.qian), [agreed], engagement=deal.deal)
    assert deal.json("handover", "show", handover)["step"] == "list_frozen"


def test_a_cancelled_handover_is_received_by_nobody_and_frees_its_copies(deal: Deal) -> None:
    record = deal.ready()
    handover = deal.released(record)
    deal.did("handover", "cancel", handover, "--reason", "买方退出", "--as", deal.he)
    said = deal.error("handover", "receive", handover, "--as", deal.he, code=13)
    assert said["refusals"][0]["detail"] == "handover_is_cancelled"
    assert keeper(deal, record) == deal.seller
    assert deal.json("why", record, "handover") == []


def test_a_copy_that_is_not_on_the_list_stays_with_the_seller_and_where_says_so(deal: Deal) -> None:
    record = deal.ready()
    Path("备份.txt").write_text("合同.txt 的内容", encoding="utf-8")
    deal.did("holding", "add", record, "--file", "备份.txt", "--medium", "usb_flash")
    deal.handed_over(record)
    custodians = {copy["original"]: copy["custodian"] for copy in deal.copies(record)}
    assert custodians == {True: deal.buyer, False: deal.seller}
    keepers = {row["party"] for row in deal.json("who", record) if row["kind"] == "keeps"}
    assert keepers == {deal.buyer, deal.seller}

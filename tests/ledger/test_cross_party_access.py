"""The other side of a deal looks at the seller's records: under its NDA, and while it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.answers import CopiesOut
from ledger.facts import LedgerFacts
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm

EARLIER = "2026-01-01T00:00:00Z"
LONG = ("--from", "2020-01-01T00:00:00Z", "--until", "2099-01-01T00:00:00Z")


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def grant(deal: Deal, record: str, *more: str, purpose: str = "due_diligence") -> str:
    """The seller lets Ma, the buyer's supervisor, look."""
    return str(deal.json(
        "access", "grant", "--actor", deal.ma, "--record", record, "--mode", "view", "--purpose",
        purpose, "--basis", "people_cleared", *LONG, "--engagement", deal.deal, *more,
    )["grant"])  # fmt: skip


def looking(deal: Deal, record: str, out: str = "seen.txt", *more: str) -> tuple[str, ...]:
    return (
        "access", "record", record, "--purpose", "due_diligence", "--engagement", deal.deal,
        "--out", out, *more, "--as", deal.ma,
    )  # fmt: skip


def copies_out(deal: Deal) -> CopiesOut:
    with deal.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
        return LedgerFacts(connection).copies_out(deal.deal, deal.buyer, unpassed=True)


def questions(deal: Deal, *, unpassed: bool) -> tuple[int, bool]:
    """How many statements it takes to say what lies with the buyer, and if it looked at more."""
    said: list[str] = []
    with deal.firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
        facts, driver = LedgerFacts(connection), connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(said.append)
        out = facts.copies_out(deal.deal, deal.buyer, unpassed=unpassed)
        driver.set_trace_callback(None)
    return len(said), bool(out.unpassed)


def log(deal: Deal) -> list[dict[str, Any]]:
    return list(deal.json("access", "log"))


def test_the_buyer_looks_before_buying_and_it_stands_in_the_register(deal: Deal) -> None:
    record = deal.ready()
    given = grant(deal, record)
    done = deal.json(*looking(deal, record))
    assert Path("seen.txt").read_text(encoding="utf-8") == "合同.txt 的内容"
    assert (done["grant"], done["intact"]) == (given, True)
    (row,) = log(deal)
    assert (row["actor"], row["engagement"], row["outcome"]) == (deal.ma, deal.deal, "allowed")
    report = deal.json("access", "report", "--engagement", deal.deal)
    assert [g["flags"] for g in report["grants"]] == [["new", "across"]]
    assert report["allowed"] == 1


def test_without_a_grant_the_buyer_is_refused_and_the_refusal_is_on_record(deal: Deal) -> None:
    record = deal.ready()
    said = deal.error(*looking(deal, record), code=13)
    assert {r["detail"] for r in said["refusals"]} == {"not_the_actors_party", "no_grant"}
    assert not Path("seen.txt").exists()
    assert [row["outcome"] for row in log(deal)] == ["denied"]


def test_when_the_nda_ends_the_grant_opens_nothing_and_why_says_so(deal: Deal) -> None:
    record = deal.ready()
    grant(deal, record)
    asked = ("why", record, "access", "--purpose", "due_diligence", "--as", deal.ma)
    assert deal.json(*asked) == []
    (nda,) = deal.json("nda", "list", "--engagement", deal.deal)
    deal.did("nda", "terminate", nda["document"], "--on", nda["begins_on"], "--engagement",
             deal.deal, "--as", deal.he)  # fmt: skip
    assert [row["detail"] for row in deal.json(*asked)] == ["no_nda_in_force"]
    deal.error(*looking(deal, record), code=13)
    assert [row["rule"] for row in log(deal)] == ["no_nda_in_force"]


def test_the_seller_grants_no_advertising_to_the_buyer(deal: Deal) -> None:
    record = deal.ready()
    said = deal.error(
        "access", "grant", "--actor", deal.ma, "--record", record, "--mode", "view", "--purpose",
        "marketing", "--basis", "people_cleared", *LONG, "--engagement", deal.deal, code=13,
    )  # fmt: skip
    assert [r["detail"] for r in said["refusals"]] == ["purpose_not_for_another_party"]


def test_outside_the_deal_the_buyers_grant_is_nothing(deal: Deal) -> None:
    record = deal.ready()
    grant(deal, record)
    said = deal.error("access", "record", record, "--purpose", "due_diligence", "--out", "x",
                      "--as", deal.ma, code=13)  # fmt: skip
    assert [r["detail"] for r in said["refusals"]] == ["grant_of_another_engagement"]


def test_what_was_sold_is_no_longer_looked_at_in_the_sellers_copy(deal: Deal) -> None:
    record = deal.ready()
    grant(deal, record)
    deal.handed_over(record)
    said = deal.error(*looking(deal, record), code=13)
    assert "grant_ended_with_handover" in {r["detail"] for r in said["refusals"]}


# -- what may lie with the buyer of a failed deal: I-22 -----------------------------------------


def test_a_view_is_not_a_copy_and_a_download_is(deal: Deal) -> None:
    record = deal.ready()
    grant(deal, record, "--mode", "download")
    deal.did(*looking(deal, record))
    assert copies_out(deal) == CopiesOut()
    deal.did(*looking(deal, record, "mine.txt", "--mode", "download"))
    when = log(deal)[-1]["accepted"]
    assert copies_out(deal) == CopiesOut(accessed=when, unpassed=when)


def test_what_was_looked_at_is_asked_about_together_and_only_where_it_matters(deal: Deal) -> None:
    """A buyer may look at thousands of records before they pass."""
    records = [deal.ready(f"{number}.txt") for number in range(3)]
    for number, record in enumerate(records):
        grant(deal, record, "--mode", "download")
        deal.did(*looking(deal, record, f"{number}.copy", "--mode", "download"))
    plain, whole = (questions(deal, unpassed=wanted) for wanted in (False, True))
    assert (plain[1], whole[1]) == (False, True)
    assert plain[0] < whole[0]
    deal.handed_over(*records)
    assert questions(deal, unpassed=False) == plain
    assert questions(deal, unpassed=True) == (whole[0], False)


def test_what_was_released_is_out_until_it_is_confirmed(deal: Deal) -> None:
    record, other = deal.ready(), deal.ready("乙.txt")
    handover = deal.released(record)
    released = copies_out(deal).delivered
    assert released
    deal.did("handover", "receive", handover, "--as", deal.he)
    assert copies_out(deal).delivered > released
    deal.did("handover", "inspect", handover, "--accept-rest", "--as", deal.he)
    deal.confirm(handover)
    assert copies_out(deal) == CopiesOut()
    cancelled = deal.released(other)
    deal.did("handover", "cancel", cancelled, "--as", deal.qian)
    assert copies_out(deal).delivered


def move(deal: Deal, copy: str, engagement: str, *, back: bool = False) -> None:
    to, sides = deal.buyer, (deal.founder, deal.lin)
    if back:
        to, sides = deal.seller, (deal.lin, deal.founder)
    deal.jointly(
        "holding", "move", copy, "--custodian", to, "--engagement", engagement, "--departed",
        EARLIER, "--arrived", EARLIER, "--to", str(deal.home / "合同.txt"), author=sides[0],
        others=((sides[1], "custodian"),),
    )  # fmt: skip


def test_a_copy_that_was_lent_is_out_until_it_goes_back(deal: Deal) -> None:
    lent = [deal.original(deal.ready(f"{n}.txt")) for n in range(2)]
    for copy in lent:
        move(deal, copy, deal.deal)
    assert copies_out(deal) == CopiesOut(holdings=frozenset(lent))
    deal.jointly(
        "holding", "return", lent[0], "--to", deal.seller, author=deal.lin,
        others=((deal.founder, "custodian"),),
    )  # fmt: skip
    assert copies_out(deal) == CopiesOut(holdings=frozenset(lent[1:]))


def test_what_the_buyer_copies_of_its_own_is_not_out(deal: Deal) -> None:
    record = deal.ready()
    deal.handed_over(record)
    deal.did("vault", "put", deal.original(record), "--as", deal.lin)
    assert [copy["custodian"] for copy in deal.copies(record)] == [deal.buyer] * 2
    assert copies_out(deal) == CopiesOut()


def test_what_was_lent_and_came_back_and_was_sold_is_the_buyers(deal: Deal) -> None:
    record = deal.ready()
    copy = deal.original(record)
    move(deal, copy, deal.deal)
    move(deal, copy, deal.deal, back=True)
    assert copies_out(deal) == CopiesOut()
    deal.handed_over(record)
    deal.did("vault", "put", copy, "--as", deal.lin)
    assert copies_out(deal) == CopiesOut()

"""Scenario 22: the shop was sold; the seller's people still look things up.

The seller keeps a second copy of a contract that went to the buyer. Whoever looks at it afterwards
under an old grant is refused, in an emergency gets it and is in the register, and under a new grant
for a dispute may; the review of the register names every one of these accesses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.rebuild import check
from ledger.verification.stored import verify_folder
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm

LONG = ("--from", "2020-01-01T00:00:00Z", "--until", "2099-12-31T00:00:00Z")


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def granted(deal: Deal, *what: str, purpose: str = "service_delivery") -> str:
    """The seller lets its clerk Zhou look."""
    return str(deal.json(
        "access", "grant", "--actor", deal.zhou, *what, "--mode", "view", "--purpose", purpose,
        *LONG,
    )["grant"])  # fmt: skip


def look(deal: Deal, record: str, out: str, *more: str, purpose: str = "service_delivery") -> Any:
    asked = ("access", "record", record, "--purpose", purpose, "--out", out, *more, "--json")
    return deal.run(*asked, "--as", deal.zhou)


def after_handover(deal: Deal, *more: str) -> list[dict[str, Any]]:
    """The rows that the report has of accesses after the record had passed."""
    report = deal.json("access", "report", *more)
    kinds = {anomaly["kind"]: anomaly for anomaly in report["anomalies"]}
    if "after_handover" not in kinds:
        return []
    anomaly = kinds["after_handover"]
    assert anomaly["count"] == len(anomaly["rows"])
    return list(anomaly["rows"])


def test_every_look_of_the_sellers_people_after_the_sale_is_refused_or_an_anomaly(
    deal: Deal,
) -> None:
    sold, kept = deal.ready("出售.txt"), deal.ready("自留.txt")
    copy = deal.home / "复印件.txt"
    copy.write_text("出售.txt 的内容", encoding="utf-8")
    deal.did("holding", "add", sold, "--file", str(copy), "--medium", "ssd", "--made-from",
             deal.original(sold))  # fmt: skip
    granted(deal, "--record", sold)
    wide = granted(deal, "--category", "contract")
    assert look(deal, sold, "before.txt").exit_code == 0
    assert after_handover(deal) == []

    handover = deal.frozen(sold)
    deal.did("handover", "release", handover, "--as", deal.qian)
    deal.did("handover", "receive", handover, "--as", deal.he)
    deal.did("handover", "inspect", handover, "--accept-rest", "--as", deal.he)
    assert look(deal, sold, "under-way.txt").exit_code == 0
    deal.confirm(handover)

    # Both grants of before are over, for this record; the one by category opens the other still.
    for more in ((), ("--grant", wide)):
        refused = look(deal, sold, "after.txt", *more)
        assert refused.exit_code == 13
        assert "grant_ended_with_handover" in refused.stderr
    assert not Path("after.txt").exists()
    assert look(deal, kept, "kept.txt").exit_code == 0
    # A new grant opens nothing for the daily business, and something for the dispute.
    granted(deal, "--record", sold, "--purpose", "dispute")
    assert "purpose_ended_with_handover" in look(deal, sold, "again.txt").stderr
    assert look(deal, sold, "dispute.txt", purpose="dispute").exit_code == 0
    emergency = look(deal, sold, "leak.txt", "--reason", "水管爆裂", purpose="break_glass")
    assert emergency.exit_code == 13  # the burst pipe is in what is no longer the seller's
    assert "purpose_ended_with_handover" in emergency.stderr

    # The buyer's own people look at what is theirs.
    deal.did("access", "grant", "--actor", deal.he, "--record", sold, "--mode", "view", "--purpose",
             "service_delivery", *LONG, "--as", deal.lin)  # fmt: skip
    deal.did("access", "record", sold, "--purpose", "service_delivery", "--out", "bought.txt",
             "--as", deal.he)  # fmt: skip

    reviewed(deal, sold)


def reviewed(deal: Deal, sold: str) -> None:
    """All of them are found, whatever came of them; nothing of before, beside, or the buyer's."""
    rows = after_handover(deal)
    assert [row["outcome"] for row in rows] == [
        "denied", "denied", "denied", "allowed", "denied",
    ]  # fmt: skip
    assert {row["record"] for row in rows} == {sold}
    assert [row["outcome"] for row in after_handover(deal, "--engagement", deal.deal)] == [
        row["outcome"] for row in rows
    ]
    report = deal.json("access", "report")
    (finding,) = (f for f in report["findings"] if f["kind"] == "after_handover")
    assert (finding["subject"], finding["count"]) == (deal.zhou, 5)
    assert (finding["severity"], finding["proposal"]) == ("high", "investigate")

    # Somebody who looked at nothing signs for having gone through it.
    done = deal.json("access", "review", "--report", "已约谈", "--as", deal.wu)
    assert done["report"]
    deal.error("access", "review", "--from", "2020-01-01T00:00:00Z", "--as", deal.zhou, code=13)
    with deal.firm.open() as ledger:
        assert verify_folder(ledger.folder).verdict == "valid"
        with ledger.engine.connect() as connection:
            assert check(connection) == []

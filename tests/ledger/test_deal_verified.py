"""A ledger with a deal in it is genuine, and the database says of deals what a plain list says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.deals import close_engagement, complete_training, dispose_copies
from ledger.facts import LedgerFacts
from ledger.signing import now
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm

TRAINED = {
    "topic": "handover", "mode": "online", "on": "2026-01-05", "score": 90, "pass_mark": 60,
    "valid_to": "2099-12-31",
}  # fmt: skip


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def test_a_ledger_with_a_deal_is_genuine_from_its_opening_to_its_end(deal: Deal) -> None:
    """What is said of a deal stands between what is said of keys and roles, and is no gap in it."""
    with deal.firm.open() as ledger:
        admin, he = (ledger.acting(actor) for actor in (deal.firm.founded.actor, deal.he))
        ledger.act(admin, [complete_training(deal.qian, TRAINED)])
        said = dispose_copies(deal.deal, deal.buyer, "none_kept", 0, None, None)
        ledger.act(he, [said], role="buyer_handler", engagement=deal.deal)
        qian = ledger.acting(deal.qian)
        said = close_engagement(deal.deal, "cancelled", None)
        ledger.act(qian, [said], role="seller_handler", engagement=deal.deal)
    found = deal.json("verify")
    assert found["verdict"] == "valid"
    assert found["findings"] == []


def test_the_database_answers_what_rules_ask_about_a_deal(
    deal: Deal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = now()
    handover = deal.handed_over(deal.ready())
    waiting = deal.planned()
    with deal.firm.open() as ledger, ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        found = {one.handover: one.confirmed for one in facts.handovers_of(deal.deal)}
        assert set(found) == {handover, waiting}
        assert found[waiting] == ""
        assert before <= found[handover] <= now()
        assert facts.handovers_of(facts.routine()) == ()
        assert facts.protection(deal.seller).backup == ""
        assert deal.firm.founded.actor in facts.keyholders(deal.seller)
        assert facts.keyholders(deal.buyer) == {deal.lin}
    disk = tmp_path_factory.mktemp("disk")
    deal.collect("另一份.txt")
    deal.did("backup", "create", str(disk), "--medium", "disk_external")
    with deal.firm.open() as ledger, ledger.engine.connect() as connection:
        done = LedgerFacts(connection).protection(deal.seller)
        assert before <= done.backup <= now()
        assert (done.offsite, done.drill) == ("", "")

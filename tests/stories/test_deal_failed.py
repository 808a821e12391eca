"""A deal comes to nothing: what the buyer and the broker got goes back or is destroyed (I-22).

They say so themselves, after the last time that they got something; until then the deal stays open,
and with it everybody's duties. Afterwards nothing is looked at under it any more.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.dealings import (
    Dealing,
    dealing_fixture,  # noqa: F401  fixtures are found by their names
    details,
    with_papers,
)

LONG = ("--from", "2026-01-01T00:00:00Z", "--until", "2099-12-31T00:00:00Z")


@pytest.fixture
def talks(dealing: Dealing) -> Dealing:
    """Three customers who were told and agreed; a broker is between the parties."""
    people = dealing.customer_list(3)
    with_papers(dealing, "asset_or_store_transfer", "--broker", dealing.broker)
    dealing.keep_secret_from(dealing.broker, dealing.gao, "broker")
    dealing.attached("processing_agreement", "--party", dealing.seller, "--party", dealing.broker,
                     by=dealing.gao)  # fmt: skip
    dealing.tell(people)
    dealing.consent(people)
    return dealing


def lets_look(talks: Dealing, who: str, record: str, *modes: str) -> None:
    """The seller lets somebody of the other side look at a record."""
    how = [part for mode in modes for part in ("--mode", mode)]
    basis = "on_behalf" if who == talks.gao else "people_cleared"
    talks.did("access", "grant", "--actor", who, "--record", record, *how, "--basis", basis,
              "--purpose", "due_diligence", *LONG, "--engagement", talks.engagement)  # fmt: skip


def looking(talks: Dealing, who: str, record: str, out: str, *more: str) -> tuple[str, ...]:
    return ("access", "record", record, "--purpose", "due_diligence", "--engagement",
            talks.engagement, "--out", out, *more, "--as", who)  # fmt: skip


def test_a_deal_that_came_to_nothing_ends_when_every_copy_is_gone(talks: Dealing) -> None:
    first, second = (person.record for person in talks.customers[:2])
    lets_look(talks, talks.ma, first, "view", "download")
    lets_look(talks, talks.gao, second, "view")
    talks.did(*looking(talks, talks.ma, first, "buyer.csv", "--mode", "download"))
    talks.did(*looking(talks, talks.gao, second, "broker.csv"))

    # The package lies with the buyer when both walk away.
    handover, _ = talks.freeze()
    package = talks.pack(handover)
    talks.release(handover, package)
    talks.receive(handover, package)
    assert talks.not_closed("failed") == {"handover_is_open", "copies_not_disposed"}
    talks.jointly("handover", "cancel", handover, "--reason", "价格未谈拢", author=talks.qian,
                  others=((talks.he, "buyer_handler"),))  # fmt: skip

    said = talks.error("engagement", "close", talks.engagement, "--outcome", "failed", code=13)
    assert [(r["detail"], r["blocking"]) for r in said["refusals"]] == [
        ("copies_not_disposed", [talks.buyer])
    ], "the broker only looked, and took nothing with it"
    assert talks.json("engagement", "show", talks.engagement)["outcome"] is None

    # A statement of before the last copy counts for nothing.
    talks.dispose(talks.buyer, talks.he, count=2)
    talks.did(*looking(talks, talks.ma, first, "again.csv", "--mode", "download"))
    assert talks.not_closed("failed") == {"copies_not_disposed"}
    talks.dispose(talks.buyer, talks.he, count=3)
    talks.close("failed")

    gates = talks.gates()
    assert gates["confirmed"]["state"] == gates["tracking"]["state"] == "not_needed"
    assert talks.reported()["outcome"] == "failed"
    assert talks.red() == []
    for person in talks.customers:
        assert {copy["custodian"] for copy in talks.json("where", person.record)} == {talks.seller}
    talks.sound()


def test_nobody_says_for_the_buyer_that_its_copies_are_gone(talks: Dealing) -> None:
    record = talks.customers[0].record
    lets_look(talks, talks.ma, record, "download")
    talks.did(*looking(talks, talks.ma, record, "buyer.csv", "--mode", "download"))
    dispose = ("engagement", "dispose", talks.engagement, "--party", talks.buyer, "--how",
               "destroyed", "--count", "1", "--certificate", "XH-1")  # fmt: skip
    said = talks.error(*dispose, "--as", talks.founder, code=13)
    assert "not_the_actors_party" in details(said)
    said = talks.error(*dispose, "--as", talks.gao, code=13)
    assert "not_the_actors_party" in details(said)
    assert talks.not_closed("cancelled") == {"copies_not_disposed"}


def test_a_disposal_that_lies_before_the_last_copy_is_not_the_end(talks: Dealing) -> None:
    """Somebody states today what was done yesterday; since then another copy was given."""
    record = talks.customers[0].record
    lets_look(talks, talks.ma, record, "download")
    talks.did(*looking(talks, talks.ma, record, "buyer.csv", "--mode", "download"))
    talks.did("engagement", "dispose", talks.engagement, "--party", talks.buyer, "--how",
              "destroyed", "--count", "1", "--certificate", "XH-1", "--disposed-at",
              "2026-01-01T00:00:00Z", "--as", talks.he)  # fmt: skip
    assert talks.not_closed("failed") == {"copies_not_disposed"}


def test_after_the_end_nobody_looks_under_the_deal(talks: Dealing) -> None:
    record = talks.customers[0].record
    lets_look(talks, talks.ma, record, "view")
    talks.did(*looking(talks, talks.ma, record, "seen.csv"))
    talks.close("cancelled")
    said = talks.error(*looking(talks, talks.ma, record, "after.csv"), code=13)
    assert details(said) >= {"deal_is_over"}
    assert not Path("after.csv").exists()


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
def test_a_deal_that_failed_owes_what_follows_for_the_part_that_passed(
    talks: Dealing, outcome: str
) -> None:
    """Else nothing would be declared, and nobody look after 30, 90, 180 days (I-16, I-24)."""
    handover, _ = talks.freeze()
    talks.pass_on(handover)
    assert talks.not_closed(outcome) == {"residual_not_declared", "tracking_not_done"}

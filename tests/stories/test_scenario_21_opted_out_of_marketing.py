"""Scenario 21: whoever opted out stands on no list for marketing, however it is made (I-42)."""

from __future__ import annotations

import pytest

from tests.stories.dealings import (
    Dealing,
    dealing_fixture,  # noqa: F401  fixtures are found by their names
    details,
    with_papers,
)

MARKETING = ("--packaged", "--marketing")


@pytest.fixture
def shop(dealing: Dealing) -> Dealing:
    """The sale of a shop; four customers were told, and agreed."""
    people = dealing.customer_list(4)
    with_papers(dealing, "asset_or_store_transfer")
    dealing.tell(people)
    dealing.consent(people)
    return dealing


def opt_out(shop: Dealing, customer: int) -> str:
    person = shop.customers[customer]
    shop.did("consent", "suppress", person.subject, "--reason", "opted_out", "--channel",
             "telephone")  # fmt: skip
    return person.record


def test_opted_out_customers_are_on_no_list_for_marketing(shop: Dealing) -> None:
    out = opt_out(shop, 1)
    rest = {person.record for person in shop.customers} - {out}
    handover, _ = shop.freeze(more=MARKETING)
    assert shop.items(handover) == rest
    assert shop.excluded(handover) == {"opted_out": (1, 1)}
    assert shop.shown(handover)["marketing"] is True
    said = shop.error("handover", "freeze", handover, "--all", *MARKETING, "--as", shop.qian,
                      code=13)  # fmt: skip
    assert details(said) == {"opted_out"}
    assert shop.items(handover) == rest

    # For the contract that goes on with the shop the same customer's record passes.
    shop.freeze_again(handover)
    assert shop.items(handover) == {*rest, out}
    assert shop.shown(handover)["marketing"] is False


def test_who_opts_out_after_the_freeze_stops_the_list(shop: Dealing) -> None:
    handover, _ = shop.freeze(more=MARKETING)
    package = shop.pack(handover)
    out = opt_out(shop, 2)
    said = shop.error("handover", "release", handover, "--package", str(package), "--as",
                      shop.qian, code=13)  # fmt: skip
    assert [(r["detail"], r["blocking"]) for r in said["refusals"]] == [("opted_out", [out])]
    assert shop.shown(handover)["step"] == "list_frozen"


def test_a_customer_who_is_classified_as_opted_out_is_left_out_too(shop: Dealing) -> None:
    out = shop.customers[3].record
    shop.did("classify", out, "--category", "contract", "--level", "general_3", "--sensitivity",
             "general_pi", "--relationship", "opted_out")  # fmt: skip
    handover, _ = shop.freeze(more=MARKETING)
    assert out not in shop.items(handover)
    assert shop.excluded(handover) == {"opted_out": (1, 1)}


def test_a_contract_in_which_one_of_two_opted_out_is_left_out(shop: Dealing) -> None:
    opt_out(shop, 0)
    both = shop.contract(*shop.customers[:2])
    handover, _ = shop.freeze(shop.customers[1].record, both, more=MARKETING)
    assert shop.items(handover) == {shop.customers[1].record}

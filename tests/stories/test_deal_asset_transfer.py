"""A shop is sold (PIPL 23): every customer is told and asked, each for the own consent.

One agrees, one stays silent, one is a child, one agrees and thinks better of it: before the list is
released, or after. Counsel's opinion stands in for the consent to what the law asks to be kept, and
never for the notice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.stories.dealings import (
    Dealing,
    dealing_fixture,  # noqa: F401  fixtures are found by their names
    details,
    with_papers,
)


@pytest.fixture
def shop(dealing: Dealing) -> Dealing:
    """The sale of a shop with six customers, all of them told."""
    people = dealing.customer_list(6)
    with_papers(dealing, "asset_or_store_transfer")
    dealing.tell(people)
    return dealing


def test_only_whoever_agreed_is_on_the_list_and_the_reasons_are_counted(shop: Dealing) -> None:
    eager, silent, child, rueful = shop.customers[:4]
    shop.did("subject", "declare", child.record, "--subject", child.subject, "--minor")
    shop.consent([eager, child, rueful])
    shop.withdraw(rueful)
    handover, _ = shop.freeze()
    assert shop.items(handover) == {eager.record}
    assert shop.excluded(handover) == {
        "no_consent": (3, 3), "no_guardian_consent": (1, 1), "consent_withdrawn": (1, 1),
    }  # fmt: skip
    assert silent.record not in shop.items(handover)

    # The parents agree; so does who withdrew, once more.
    shop.consent([child], "guardian")
    shop.consent([rueful])
    shop.freeze_again(handover)
    assert shop.items(handover) == {eager.record, child.record, rueful.record}


def test_where_health_is_written_down_the_consent_says_so(shop: Dealing) -> None:
    eager = shop.customers[0]
    note = shop.contract(eager, name="过敏.txt", sensitive="medical_health")
    shop.consent([eager])
    handover, _ = shop.freeze(eager.record, note)
    assert shop.items(handover) == {eager.record}
    assert shop.excluded(handover) == {"no_sensitive_consent": (1, 1)}
    shop.consent([eager], "separate_sensitive")
    shop.freeze_again(handover, eager.record, note)
    assert shop.items(handover) == {eager.record, note}


def test_a_record_about_two_goes_when_both_agree(shop: Dealing) -> None:
    one, other = shop.customers[:2]
    both = shop.contract(one, other, name="合租.txt")
    shop.consent([one])
    handover, _ = shop.freeze(one.record, both)
    assert shop.items(handover) == {one.record}
    shop.consent([other])
    shop.freeze_again(handover, one.record, both)
    assert shop.items(handover) == {one.record, both}


def test_the_file_of_all_customers_does_not_go_for_the_one_who_agreed(shop: Dealing) -> None:
    """A copy goes with everything in it: the rows of the others are in the same file."""
    eager = shop.customers[0]
    shop.consent([eager])
    handover = shop.planned()
    said = shop.error("handover", "freeze", handover, eager.record, "--as", shop.qian, code=13)
    assert details(said) == {"no_consent"}
    shop.freeze_again(handover, eager.record)
    assert shop.items(handover) == {eager.record}, "delivered by itself, it does"


def exempted(shop: Dealing) -> None:
    """Counsel says that contracts go on without consent; an approver of the seller signs too."""
    opinion = shop.attached("legal_opinion")
    shop.jointly(
        "consent", "exempt", "--basis", "succession_by_opinion", "--statute", "pipl", "--opinion",
        opinion, "--category", "contract", "--engagement", shop.engagement,
        author=shop.qian, others=((shop.reviewer, "approver"),),
    )  # fmt: skip


def test_an_opinion_stands_in_for_consent_and_not_for_the_notice(dealing: Dealing) -> None:
    people = dealing.customer_list(3)
    with_papers(dealing, "asset_or_store_transfer")
    exempted(dealing)
    handover = dealing.planned()
    asked = ("handover", "freeze", handover, "--all", "--packaged", "--as", dealing.qian)
    assert "not_notified" in details(dealing.error(*asked, code=13))
    dealing.tell(people[:2])
    dealing.freeze_again(handover)
    assert dealing.items(handover) == {people[0].record, people[1].record}
    assert dealing.excluded(handover) == {"not_notified": (1, 1)}


def test_nobody_at_the_desk_exempts_alone(shop: Dealing) -> None:
    opinion = shop.attached("legal_opinion")
    asked = ("consent", "exempt", "--basis", "succession_by_opinion", "--statute", "pipl",
             "--opinion", opinion, "--engagement", shop.engagement)  # fmt: skip
    said = shop.error(*asked, "--as", shop.qian, code=13)
    assert details(said) == {"exemption_needs_approver"}
    handover = shop.planned()
    said = shop.error("handover", "freeze", handover, "--all", "--packaged", "--as", shop.qian,
                      code=13)  # fmt: skip
    assert "no_consent" in details(said)


def test_what_was_sold_is_not_sold_again(shop: Dealing) -> None:
    """The seller's own copies stay, and what was in them belongs to somebody else now."""
    sold, other = shop.customers[:2]
    shop.consent([sold, other])
    handover, _ = shop.freeze(sold.record)
    shop.pass_on(handover)
    again = shop.planned()
    freeze = ("handover", "freeze", again, sold.record, "--as", shop.qian)
    for how in ((), ("--packaged",)):
        assert "record_has_passed" in details(shop.error(*freeze, *how, code=13))
    shop.freeze_again(again)
    assert shop.items(again) == {other.record}


# -- whoever thinks better of it ------------------------------------------------------------------


def on_the_way(shop: Dealing) -> tuple[str, Path]:
    """A list of three who agreed, packed."""
    shop.consent(shop.customers[:3])
    handover, _ = shop.freeze()
    assert len(shop.items(handover)) == 3
    return handover, shop.pack(handover)


def releasing(shop: Dealing, handover: str, package: Path) -> Any:
    return shop.error("handover", "release", handover, "--package", str(package), "--as",
                      shop.qian, code=13)  # fmt: skip


def test_a_consent_withdrawn_after_the_freeze_stops_the_release(shop: Dealing) -> None:
    handover, package = on_the_way(shop)
    rueful = shop.customers[1]
    shop.withdraw(rueful)
    said = releasing(shop, handover, package)
    assert details(said) == {"consent_withdrawn"}
    assert said["refusals"][0]["blocking"] == [rueful.record]
    shop.freeze_again(handover)
    assert rueful.record not in shop.items(handover)
    assert shop.shown(handover)["list_version"] == 2
    wrong = shop.run("handover", "release", handover, "--package", str(package), "--as", shop.qian)
    assert wrong.exit_code != 0, "the package of the first list is not that of the second"
    shop.release(handover, shop.pack(handover, "second"))


def test_a_consent_withdrawn_after_the_release_is_sent_back_and_the_rest_passes(
    shop: Dealing,
) -> None:
    handover, package = on_the_way(shop)
    shop.release(handover, package)
    rueful = shop.customers[1]
    shop.withdraw(rueful)
    shop.receive(handover, package)
    shop.inspect(handover, package)
    said = shop.error("handover", "confirm", handover, "--as", shop.qian, code=13)
    assert "consent_withdrawn" in details(said)
    shop.did("handover", "discrepancy", "raise", handover, rueful.record, "--kind",
             "no_consent_evidence", "--description", "客户撤回同意", "--as", shop.he)  # fmt: skip
    said = shop.error("handover", "confirm", handover, "--as", shop.qian, code=13)
    assert "discrepancies_are_open" in details(said)
    shop.settle(handover, 1, "item_rejected")
    shop.confirm(handover)
    assert (shop.shown(handover)["step"], shop.shown(handover)["rejected"]) == ("confirmed", 1)

    # What did not pass is not taken over; the buyer destroys what lies in the package.
    taken = shop.json("handover", "take", handover, "--package", str(package), "--as", shop.lin)
    assert taken["taken"] == 2
    assert {copy["custodian"] for copy in shop.json("where", rueful.record)} == {shop.seller}
    shop.declare_kept(handover)
    shop.track()
    assert shop.not_closed() == {"copies_not_disposed"}
    shop.dispose(shop.buyer, shop.he)
    shop.close()
    report = shop.reported()
    assert report["outcome"] == "completed"
    (told,) = report["handovers"]
    assert (told["items"], told["confirmed"], told["rejected"], told["open"]) == (3, 2, 1, 0)
    shop.nobody_is_named(package)
    shop.sound()

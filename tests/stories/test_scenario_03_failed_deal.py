"""Scenario 03: the deal fails; while the buyer's copies are not destroyed it is not closed."""

from __future__ import annotations

from tests.stories.dealings import Dealing, dealing_fixture, with_papers  # noqa: F401  a fixture


def test_the_buyers_copies_are_destroyed_or_the_deal_stays_open(dealing: Dealing) -> None:
    people = dealing.customer_list(2)
    with_papers(dealing, "merger")
    dealing.tell(people)
    handover, _ = dealing.freeze()
    package = dealing.pack(handover)
    dealing.release(handover, package)
    for outcome in ("failed", "cancelled", "completed"):
        assert "handover_is_open" in dealing.not_closed(outcome)
    dealing.did("handover", "cancel", handover, "--reason", "买方退出", "--as", dealing.he)

    # Given away is given away, whether the buyer signed a receipt or not.
    assert dealing.not_closed("failed") == {"copies_not_disposed"}
    assert dealing.not_closed("cancelled") == {"copies_not_disposed"}
    assert dealing.json("engagement", "show", dealing.engagement)["outcome"] is None
    dealing.dispose(dealing.buyer, dealing.he, count=2)
    dealing.close("failed")
    said = dealing.error("handover", "plan", "--buyer-handler", dealing.he, "--first-day",
                         "2026-11-01", "--last-day", "2026-12-31", "--engagement",
                         dealing.engagement, "--as", dealing.qian, code=13)  # fmt: skip
    assert said["refusals"], "what is closed stays closed"
    dealing.sound()

"""Scenario 01: a shop with 1,000 customers is sold; 40 did not answer, 5 withdrew, 3 are children.

The list freezes without them, and says how many are missing and why.
"""

from __future__ import annotations

from tests.stories.dealings import Dealing, dealing_fixture, with_papers  # noqa: F401  a fixture


def test_the_list_freezes_without_them_and_counts_why(dealing: Dealing) -> None:
    people = dealing.customer_list(1000)
    silent, rueful, children = people[100:140], people[200:205], people[300:303]
    left_out = {person.record for person in (*silent, *rueful, *children)}
    for child in children:
        dealing.did("subject", "declare", child.record, "--subject", child.subject, "--minor")
    with_papers(dealing, "asset_or_store_transfer")
    dealing.tell(people)
    assert dealing.still_to_tell() == set()
    dealing.consent(person for person in people if person not in silent)
    dealing.withdraw(*rueful)

    handover, said = dealing.freeze()
    assert dealing.excluded(handover) == {
        "no_consent": (40, 40), "consent_withdrawn": (5, 5), "no_guardian_consent": (3, 3),
    }  # fmt: skip
    shown = dealing.shown(handover)
    assert (shown["count"], shown["records"]) == (952, 952)
    assert dealing.items(handover) == {person.record for person in people} - left_out
    assert {row["record"] for row in said["left_out"]} <= left_out

    # Whoever freezes it without leaving anybody out freezes nothing.
    again = dealing.error("handover", "freeze", handover, "--all", "--packaged", "--as",
                          dealing.qian, code=13)  # fmt: skip
    assert "no_consent" in {refusal["detail"] for refusal in again["refusals"]}
    assert dealing.shown(handover)["list_version"] == 1
    package = dealing.pack(handover)
    dealing.release(handover, package)
    dealing.receive(handover, package)
    dealing.inspect(handover, package)
    dealing.confirm(handover)
    passed = [item for item in dealing.shown(handover)["items"] if item["state"] == "confirmed"]
    assert len(passed) == 952
    dealing.sound()

"""Scenario 07: seller and buyer sign different versions of the list: nothing is confirmed."""

from __future__ import annotations

from tests.stories.dealings import Dealing, dealing_fixture, details, with_papers  # noqa: F401


def test_who_looks_at_another_version_signs_nothing(dealing: Dealing) -> None:
    people = dealing.customer_list(3)
    with_papers(dealing, "merger")
    dealing.tell(people)
    records = [person.record for person in people]
    handover, _ = dealing.freeze(*records)
    first = dealing.shown(handover)
    old = dealing.pack(handover, "first")

    # The buyer has the first list; the seller takes one item off it and gives away the second.
    dealing.freeze_again(handover, *records[:2])
    second = dealing.shown(handover)
    assert (first["root"], first["lines"]) != (second["root"], second["lines"])
    new = dealing.pack(handover, "second")
    dealing.release(handover, new)
    receive = ("handover", "receive", handover, "--as", dealing.he)
    said = dealing.error(*receive, "--package", str(new), "--root", first["root"], code=13)
    assert details(said) == {"another_list_was_seen"}
    assert dealing.run(*receive, "--package", str(old)).exit_code != 0
    assert dealing.shown(handover)["step"] == "released"
    confirm = ("handover", "confirm", handover, "--as", dealing.qian)
    assert dealing.run(*confirm).exit_code != 0

    # Over the one list that was given away all four sign.
    dealing.receive(handover, new)
    dealing.inspect(handover, new)
    dealing.confirm(handover)
    assert dealing.items(handover) == set(records[:2])
    assert dealing.shown(handover)["root"] == second["root"]


def test_a_confirmation_drafted_for_the_first_list_is_not_submitted_for_the_second(
    dealing: Dealing,
) -> None:
    """Drafted over what was inspected; before all have signed, an item is rejected by both."""
    people = dealing.customer_list(2)
    with_papers(dealing, "merger")
    dealing.tell(people)
    handover, _ = dealing.freeze()
    package = dealing.pack(handover)
    dealing.release(handover, package)
    dealing.receive(handover, package)
    dealing.inspect(handover, package)
    others = ((dealing.he, "buyer_handler"), (dealing.wu, "supervisor"), (dealing.ma, "supervisor"))
    draft = str(dealing.home / "kept-back.commit")
    beside = [part for who, role in others for part in ("--with", f"{who}:{role}")]
    dealing.did("handover", "confirm", handover, *beside, "--draft", draft, "--as", dealing.qian)
    for who, _role in others:
        dealing.did("sign", draft, "--yes", "--as", who)
    dealing.did("handover", "discrepancy", "raise", handover, people[0].record, "--kind", "damaged",
                "--as", dealing.he)  # fmt: skip
    dealing.settle(handover, 1, "item_rejected")
    assert dealing.run("submit", draft).exit_code == 13
    assert dealing.shown(handover)["step"] == "received"
    dealing.confirm(handover)
    states = {item["item"]: item["state"] for item in dealing.shown(handover)["items"]}
    assert states == {people[0].record: "rejected", people[1].record: "confirmed"}

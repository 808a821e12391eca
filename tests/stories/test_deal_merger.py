"""A merger (PIPL 22): the firm is taken over, and its customers are told by whom.

Nobody is asked for consent. Whoever could not be told stays out of the list until told some other
way; what passes is confirmed by four, what stays with the seller is declared, and the deal ends
after the third check.
"""

from __future__ import annotations

from tests.stories.dealings import Dealing, dealing_fixture, with_papers  # noqa: F401  a fixture


def test_a_merger_from_the_notice_to_the_closing_report(dealing: Dealing) -> None:
    people = dealing.customer_list(6)
    dealing.open("merger")
    dealing.papers()

    # Five are told, one number is dead.
    notice = dealing.issue()
    dealing.deliver(notice, people[:5])
    dealing.deliver(notice, people[5:], "bounced")
    assert dealing.still_to_tell() == {people[5].subject}
    handover, said = dealing.freeze()
    assert dealing.items(handover) == {person.record for person in people[:5]}
    assert dealing.excluded(handover) == {"not_notified": (1, 1)}
    assert [left["record"] for left in said["left_out"]] == [people[5].record]

    # Announced in public, the sixth goes too: the list is frozen anew, and its root is another one.
    dealing.deliver(notice, people[5:], "public_announcement")
    assert dealing.still_to_tell() == set()
    root = dealing.shown(handover)["root"]
    dealing.freeze_again(handover)
    assert dealing.items(handover) == {person.record for person in people}
    assert (dealing.shown(handover)["root"] != root, dealing.excluded(handover)) == (True, {})

    # Without the assessment nothing is given away.
    package = dealing.pack(handover)
    release = ("handover", "release", handover, "--package", str(package), "--as", dealing.qian)
    refused = dealing.error(*release, code=13)
    assert {refusal["detail"] for refusal in refused["refusals"]} == {"no_pipia"}
    dealing.assess()
    dealing.did(*release)

    dealing.receive(handover, package)
    dealing.inspect(handover, package)
    assert dealing.red()[0] == "backup", "shown, and no hindrance in the pack that ships"
    dealing.confirm(handover)
    taken = dealing.json("handover", "take", handover, "--package", str(package), "--as",
                         dealing.lin)  # fmt: skip
    assert taken["taken"] == 6
    keepers = [{copy["custodian"] for copy in dealing.json("where", p.record)} for p in people]
    assert keepers == [{dealing.seller, dealing.buyer}] * 6

    followed_up(dealing, handover)
    dealing.nobody_is_named(package)
    dealing.sound()


def followed_up(dealing: Dealing, handover: str) -> None:
    """What the seller keeps is declared, the three checks are made, and the deal is closed."""
    # One file holds all the rows, so one copy is what the seller keeps.
    assert dealing.waits("residual") == ["residual_not_declared"]
    assert dealing.declare_kept(handover) == 1
    assert dealing.not_closed() == {"tracking_not_done"}
    dealing.track()
    dealing.close()
    report = dealing.reported()
    assert dealing.red() == ["backup"]
    assert report["outcome"] == "completed"

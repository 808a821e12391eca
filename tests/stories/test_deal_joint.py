"""Two firms decide together from now on (PIPL 20): customers are told and asked, the firms agree.

Nobody gives anything up. Whoever lets the other one in goes on as before, declares no rest and
keeps its copies; both answer to the customers for what either of them does.
"""

from __future__ import annotations

from tests.stories.dealings import (
    Dealing,
    dealing_fixture,  # noqa: F401  fixtures are found by their names
    details,
    with_papers,
)


def test_both_process_what_customers_agreed_to_and_nobody_gives_anything_up(
    dealing: Dealing,
) -> None:
    shared, people = dealing, dealing.customer_list(3)
    agreed, rueful, asked_first = people
    with_papers(shared, "joint")
    shared.consent([asked_first])
    shared.tell(people)
    shared.consent([agreed, rueful])
    shared.withdraw(rueful)
    handover, _ = shared.freeze()
    assert shared.excluded(handover) == {
        "consent_before_notice": (1, 1), "consent_withdrawn": (1, 1),
    }  # fmt: skip
    shared.consent([rueful])
    shared.freeze_again(handover)
    assert shared.items(handover) == {agreed.record, rueful.record}
    package = shared.pack(handover)
    release = ("handover", "release", handover, "--package", str(package), "--as", shared.qian)
    assert details(shared.error(*release, code=13)) == {"no_processing_agreement"}
    shared.attached("processing_agreement", "--party", shared.seller, "--party", shared.buyer,
                    by=shared.he)  # fmt: skip
    shared.did(*release)
    shared.receive(handover, package)
    shared.inspect(handover, package)
    shared.confirm(handover)
    taken = shared.json("handover", "take", handover, "--package", str(package), "--as", shared.lin)
    assert taken["taken"] == 2

    shared.did("access", "grant", "--actor", shared.wu, "--record", agreed.record, "--mode", "view",
               "--purpose", "service_delivery", "--from", "2026-01-01T00:00:00Z", "--until",
               "2099-12-31T00:00:00Z")  # fmt: skip
    shared.did("access", "record", agreed.record, "--purpose", "service_delivery", "--out",
               "own.csv", "--as", shared.wu)  # fmt: skip
    shared.track()
    shared.close()
    assert shared.reported()["outcome"] == "completed"
    assert shared.gates()["residual"]["state"] == "not_needed"
    for person in people:
        keepers = {copy["custodian"] for copy in shared.json("where", person.record)}
        assert (shared.buyer in keepers) == (person is not asked_first)
        assert shared.seller in keepers
    shared.sound()

"""Shares are sold: the firm stays the processor, and only who acts for it is new.

Nothing is handed over, nobody is told and nobody is asked. What the law leaves alone the ledger
does not: whoever keeps keys or copies signs with a new key before the deal is done (I-41).
"""

from __future__ import annotations

from tests.stories.dealings import Dealing, dealing_fixture, details  # noqa: F401  a fixture


def test_a_sale_of_shares_needs_new_keys_and_no_notice(dealing: Dealing) -> None:
    people = dealing.customer_list(2)
    dealing.open("equity_transfer")
    dealing.letters()
    for gate in ("evidence_agreement", "nda", "pipia", "notices", "list_frozen", "released",
                 "confirmed", "residual", "tracking"):  # fmt: skip
        assert dealing.gate(gate) == "not_needed", gate
    assert dealing.still_to_tell() == set()

    # A handover is none of it: the records are where they were.
    said = dealing.error(
        "handover", "plan", "--buyer-handler", dealing.he, "--first-day", "2026-11-01",
        "--last-day", "2026-12-31", "--engagement", dealing.engagement, "--as", dealing.qian,
        code=13,
    )  # fmt: skip
    assert details(said) == {"mode_hands_nothing_over"}

    # The old administrator's key would still open the doors.
    assert dealing.waits("parties") == ["credentials_not_reregistered"]
    assert dealing.not_closed() == {"credentials_not_reregistered"}
    rekey = ("engagement", "rekey", dealing.engagement, "--actor", dealing.founder)
    assert details(dealing.error(*rekey, code=13)) == {"key_is_older_than_the_deal"}
    dealing.renew_keys(dealing.founder)
    dealing.did(*rekey)
    dealing.close()
    report = dealing.reported()
    assert (report["outcome"], report["handovers"]) == ("completed", [])
    assert set(dealing.red()) <= {"backup"}
    for person in people:
        assert {c["custodian"] for c in dealing.json("where", person.record)} == {dealing.seller}
    dealing.sound()


def test_a_new_keeper_of_keys_is_asked_for_too(dealing: Dealing) -> None:
    """Somebody is made custodian while the deal runs: the old keys count as anybody's do."""
    dealing.open("equity_transfer")
    dealing.renew_keys(dealing.founder)
    dealing.did("engagement", "rekey", dealing.engagement, "--actor", dealing.founder)
    dealing.did("role", "grant", dealing.wu, "custodian")
    said = dealing.error("engagement", "close", dealing.engagement, "--outcome", "completed",
                         code=13)  # fmt: skip
    assert [r["blocking"] for r in said["refusals"]] == [[dealing.wu]]
    dealing.renew_keys(dealing.wu)
    dealing.did("engagement", "rekey", dealing.engagement, "--actor", dealing.wu)
    dealing.close()


def test_nobody_of_the_buyer_is_registered_anew_in_the_firm_sold(dealing: Dealing) -> None:
    dealing.open("equity_transfer")
    dealing.renew_keys(dealing.lin)
    said = dealing.error("engagement", "rekey", dealing.engagement, "--actor", dealing.lin,
                         code=13)  # fmt: skip
    assert details(said) == {"not_of_the_firm_sold"}


def test_a_merger_asks_for_no_new_keys(dealing: Dealing) -> None:
    dealing.open("merger")
    dealing.renew_keys(dealing.founder)
    said = dealing.error("engagement", "rekey", dealing.engagement, "--actor", dealing.founder,
                         code=13)  # fmt: skip
    assert details(said) == {"deal_asks_for_no_new_keys"}

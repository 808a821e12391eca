"""Scenario 02: shares are sold: no notice is needed, and the credentials are registered anew."""

from __future__ import annotations

from tests.stories.dealings import Dealing, dealing_fixture, details  # noqa: F401  a fixture


def test_no_notice_is_needed_and_new_credentials_are(dealing: Dealing) -> None:
    dealing.customer_list(2)
    dealing.open("equity_transfer")
    assert dealing.still_to_tell() == set()
    assert dealing.gate("notices") == "not_needed"
    dealing.did("role", "grant", dealing.wu, "custodian")
    keepers = {dealing.founder, dealing.wu}

    said = dealing.error("engagement", "close", dealing.engagement, "--outcome", "completed",
                         code=13)  # fmt: skip
    assert details(said) == {"credentials_not_reregistered"}
    assert {refusal["blocking"][0] for refusal in said["refusals"]} == keepers

    # One new key is half of it, and a key of before the deal is none.
    dealing.renew_keys(dealing.founder)
    both = [part for who in sorted(keepers) for part in ("--actor", who)]
    said = dealing.error("engagement", "rekey", dealing.engagement, *both, code=13)
    assert [(r["detail"], r["blocking"]) for r in said["refusals"]] == [
        ("key_is_older_than_the_deal", [dealing.wu])
    ]
    dealing.renew_keys(dealing.wu)
    dealing.did("engagement", "rekey", dealing.engagement, *both)
    dealing.close()
    assert dealing.json("engagement", "show", dealing.engagement)["outcome"] == "completed"

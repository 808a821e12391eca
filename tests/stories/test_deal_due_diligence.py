"""A buyer looks, and does not buy: what it may see before anything passes, and what it gives back.

Secrecy between the firms is no basis towards their customers (PIPL 23). Figures in which nobody can
be recognised are shown; a customer only once told and asked, and as long as the answer stands.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.dealings import (
    Customer,
    Dealing,
    dealing_fixture,  # noqa: F401  fixtures are found by their names
    details,
)

LONG = ("--from", "2026-01-01T00:00:00Z", "--until", "2099-12-31T00:00:00Z")


@pytest.fixture
def talks(dealing: Dealing) -> Dealing:
    """Two customers, and figures about nobody; secrecy is agreed, and nothing else."""
    dealing.customer_list(2)
    dealing.open("due_diligence")
    dealing.papers()
    return dealing


def letting(talks: Dealing, record: str, *more: str) -> tuple[str, ...]:
    """The seller lets Ma, the buyer's, look at a record."""
    return ("access", "grant", "--actor", talks.ma, "--record", record, "--mode", "view", "--mode",
            "download", "--purpose", "due_diligence", *LONG, "--engagement", talks.engagement,
            *more)  # fmt: skip


def looking(talks: Dealing, record: str, out: str, *more: str) -> tuple[str, ...]:
    return ("access", "record", record, "--purpose", "due_diligence", "--engagement",
            talks.engagement, "--out", out, *more, "--as", talks.ma)  # fmt: skip


def test_a_look_that_comes_to_nothing_leaves_nothing_with_the_buyer(talks: Dealing) -> None:
    told, silent = talks.customers
    figures = talks.ready("营业额.txt")
    assert details(talks.error(*letting(talks, figures), code=13)) == {"grant_names_no_basis"}
    talks.did(*letting(talks, figures, "--basis", "nobody_identified"))
    talks.did(*looking(talks, figures, "figures.txt"))
    assert Path("figures.txt").exists()

    # Customers are no figures, whatever the grant says of them.
    assert refused(talks, silent, "nobody_identified") == {"people_identified"}
    assert refused(talks, silent, "on_behalf") == {"not_on_behalf"}
    assert refused(talks, silent, "people_cleared") == {"no_pipia", "not_notified", "no_consent"}
    talks.assess()
    talks.tell([told, silent])
    talks.consent([told])
    assert refused(talks, silent, "people_cleared") == {"no_consent"}
    talks.did(*letting(talks, told.record, "--basis", "people_cleared"))
    talks.did(*looking(talks, told.record, "told.csv", "--mode", "download"))
    talks.withdraw(told)
    said = talks.error(*looking(talks, told.record, "again.csv"), code=13)
    assert details(said) == {"consent_withdrawn"}
    assert not Path("again.csv").exists()
    assert "consent_withdrawn" in {row["rule"] for row in talks.json("access", "log")}

    # Nothing is handed over on this path; what was taken along is given up before it ends.
    plan = ("handover", "plan", "--buyer-handler", talks.he, "--first-day", "2026-11-01",
            "--last-day", "2099-12-31", "--engagement", talks.engagement, "--as",
            talks.qian)  # fmt: skip
    assert "mode_hands_nothing_over" in details(talks.error(*plan, code=13))
    assert talks.not_closed("cancelled") == {"copies_not_disposed"}
    talks.dispose(talks.buyer, talks.he)
    talks.close("cancelled")
    said = talks.error(*looking(talks, figures, "after.txt"), code=13)
    assert details(said) >= {"deal_is_over"}
    assert talks.reported()["outcome"] == "cancelled"
    talks.sound()


def refused(talks: Dealing, customer: Customer, basis: str) -> set[str]:
    """Why nobody is let look at a customer's row on this basis."""
    return details(talks.error(*letting(talks, customer.record, "--basis", basis), code=13))

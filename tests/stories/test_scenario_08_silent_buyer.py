"""Scenario 08: the buyer says nothing until the time is up: accepted is not confirmed (I-40)."""

from __future__ import annotations

import pytest

from tests.stories.dealings import (
    Dealing,
    dealing_fixture,  # noqa: F401  fixtures are found by their names
    details,
    with_papers,
)


@pytest.fixture
def waiting(dealing: Dealing) -> tuple[Dealing, str]:
    """Received, with fifteen days to look; the buyer is silent."""
    people = dealing.customer_list(2)
    with_papers(dealing, "merger")
    dealing.tell(people)
    handover, _ = dealing.freeze()
    package = dealing.pack(handover)
    dealing.release(handover, package)
    dealing.receive(handover, package)
    return dealing, handover


def deem(dealing: Dealing, handover: str, *more: str) -> tuple[str, ...]:
    return ("handover", "deem", handover, "--as", dealing.qian, "--confirm-clock", *more)


def test_silence_accepts_and_confirms_nothing(waiting: tuple[Dealing, str]) -> None:
    dealing, handover = waiting
    for days in (0, 14):
        dealing.wait(days)
        said = dealing.error(*deem(dealing, handover), code=13)
        assert details(said) == {"time_for_inspection_runs"}
    dealing.wait(16)
    said = dealing.error("handover", "deem", handover, "--as", dealing.he, code=13)
    assert "role_does_not_permit" in details(said), "the buyer does not deem itself silent"
    dealing.did(*deem(dealing, handover))
    shown = dealing.shown(handover)
    assert shown["step"] == "received", "a fact of its own; the handover is where it was"
    assert "deemed_accepted" in [step["type"].partition(".")[2] for step in shown["steps"]]
    assert (dealing.gate("inspected"), dealing.gate("confirmed")) == ("green", "red")
    for person in dealing.customers:
        assert {c["custodian"] for c in dealing.json("where", person.record)} == {dealing.seller}
    assert "handover_is_open" in dealing.not_closed()

    # What the seller may not say alone it does not say now either.
    confirm = ("handover", "confirm", handover, "--as", dealing.qian)
    assert details(dealing.error(*confirm, code=13)) == {
        "handler_must_sign", "supervisor_must_sign",
    }  # fmt: skip
    dealing.confirm(handover)
    assert dealing.shown(handover)["step"] == "confirmed"
    dealing.sound()


def test_who_complained_in_time_was_not_silent(waiting: tuple[Dealing, str]) -> None:
    dealing, handover = waiting
    dealing.did("handover", "discrepancy", "raise", handover, "--kind", "missing", "--as",
                dealing.he)  # fmt: skip
    dealing.wait(16)
    said = dealing.error(*deem(dealing, handover), code=13)
    assert details(said) == {"something_was_raised"}

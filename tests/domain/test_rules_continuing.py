"""A ledger that continues another one says so in its first event, and says it truly."""

from __future__ import annotations

from typing import Any

import pytest

from domain.ledger import Former, LedgerInitialized
from tests.domain.worlds import ORIGIN, Firm, Said

OLD = "ledger-01890a5d-ac96-774b-bcce-b302099a8057"
HEAD = {"zero": "1" * 64, "size": 12, "root": "2" * 64}


@pytest.fixture
def founder() -> Firm:
    """A firm whose ledger is not open yet."""
    return Firm()


def opens(firm: Firm, **fields: Any) -> list[str]:
    """What the founder hears who opens a ledger that continues another."""
    former = Former(**{"origin": "old.example/ledger", "ledger": OLD, **HEAD, **fields})
    said = [continuing(one, former) for one in firm.opening()]
    return firm.judge(firm.wang, "administrator", *said, possession=[firm.checkpoint_key])


def continuing(said: Said, former: Former) -> Said:
    return said.but(former=former) if said.kind is LedgerInitialized else said


def test_a_ledger_continues_one_that_lost_entries(founder: Firm) -> None:
    assert opens(founder) == []


def test_how_many_entries_are_lost_is_said_where_it_is_known(founder: Firm) -> None:
    assert opens(founder, lost_to=12, lost_root="3" * 64) == []


def test_a_ledger_does_not_continue_itself(founder: Firm) -> None:
    assert opens(founder, origin=ORIGIN) == ["ledger_continues_itself"]
    assert opens(founder, ledger=founder.ledger) == ["ledger_continues_itself"]


@pytest.mark.parametrize("fields", [
    {"lost_to": 20}, {"lost_root": "3" * 64}, {"lost_to": 11, "lost_root": "3" * 64},
    {"lost_to": 0, "lost_root": "3" * 64},
])  # fmt: skip
def test_what_is_lost_lies_behind_what_is_left_and_was_seen(
    founder: Firm, fields: dict[str, Any]
) -> None:
    assert opens(founder, **fields) == ["lost_range_malformed"]


@pytest.mark.parametrize("origin", ["old.example/commit", "a/old.example"])
def test_the_old_origin_is_one_that_a_ledger_can_have(founder: Firm, origin: str) -> None:
    assert opens(founder, origin=origin) == ["origin_reserved_segment"]


def test_the_old_origin_is_no_place_for_a_number_of_a_person(founder: Firm) -> None:
    assert opens(founder, origin="13812345678") == ["code_looks_personal"]


@pytest.mark.parametrize(("field", "value"), [
    ("zero", "x"), ("root", "1" * 63), ("lost_root", "王"), ("ledger", "party-1"),
    ("origin", "Old.Example"), ("origin", "王"),
])  # fmt: skip
def test_every_string_of_it_has_its_form(founder: Firm, field: str, value: str) -> None:
    assert opens(founder, **{"lost_to": 20, "lost_root": "3" * 64, field: value}) == [
        "malformed_field"
    ]

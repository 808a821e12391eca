"""What one ledger says about another: what was taken over from it, and how two copies compare."""

from __future__ import annotations

from typing import Any

import pytest

from domain.replica import LedgerBundleImported, LedgerReplicaCompared
from tests.domain.worlds import ORIGIN, Firm, Said, collect, create_holding

OTHER = "ledger-01890a5d-ac96-774b-bcce-b302099a8057"
HANDOVER = "handover-01890a5d-ac96-774b-bcce-b302099a8058"
THEIRS = "record-01890a5d-ac96-774b-bcce-b302099a8059"
SELLERS = "seller.example/ledger"


@pytest.fixture
def firm() -> Firm:
    return Firm.open()


def imports(firm: Firm, **fields: Any) -> Said:
    form = {
        "origin": SELLERS, "source_ledger": OTHER, "size": 57, "root": "1" * 64,
        "handover": HANDOVER, "records": 3,
    }  # fmt: skip
    return Said(LedgerBundleImported, firm.ledger, {**form, **fields})


def compares(firm: Firm, **fields: Any) -> Said:
    form = {
        "origin": SELLERS, "size": 57, "root": "1" * 64, "other_size": 57,
        "other_root": "1" * 64, "result": "agree",
    }  # fmt: skip
    return Said(LedgerReplicaCompared, firm.ledger, {**form, **fields})


def imported(firm: Firm) -> str:
    """Something was taken over; the event that says so."""
    firm.does(firm.wang, "custodian", imports(firm))
    return f"{firm.ledger}/{firm.book.states[firm.ledger].version}"


def continues(firm: Firm, event: str, **fields: Any) -> list[Said]:
    """A record of the other ledger goes on in this one."""
    copy = firm.new("holding")
    form = {"method": "handover", "continues": THEIRS, "imported": event, **fields}
    form = {name: value for name, value in form.items() if value is not None}
    return [create_holding(copy, firm.party), collect(firm.new("record"), copy, **form)]


# -- taking over ----------------------------------------------------------------------------------


def test_what_another_ledger_handed_over_is_taken_over(firm: Firm) -> None:
    event = imported(firm)
    firm.does(firm.wang, "collector", *continues(firm, event))
    assert firm.judge(firm.wang, "collector", imports(firm), package="2" * 64) == []


def test_import_and_records_may_stand_in_one_commit(firm: Firm) -> None:
    version = firm.book.states[firm.ledger].version + 1
    said = [imports(firm), *continues(firm, f"{firm.ledger}/{version}")]
    assert firm.judge(firm.wang, "collector", *said) == []


def test_an_import_is_said_on_the_ledgers_own_stream(firm: Firm) -> None:
    said = imports(firm)._replace(stream=firm.new("ledger"))
    assert firm.judge(firm.wang, "custodian", said) == ["unknown_ledger"]


@pytest.mark.parametrize("fields", [{"origin": ORIGIN}, {"origin": SELLERS}])
def test_nobody_takes_over_from_himself(firm: Firm, fields: dict[str, Any]) -> None:
    own = imports(firm, source_ledger=firm.ledger, **fields)
    assert firm.judge(firm.wang, "custodian", own) == ["ledger_imports_itself"]
    assert firm.judge(firm.wang, "custodian", imports(firm, origin=ORIGIN)) == [
        "ledger_imports_itself"
    ]


@pytest.mark.parametrize("origin", ["seller.example/commit", "seller.example/a"])
def test_the_other_origin_is_one_that_a_ledger_can_have(firm: Firm, origin: str) -> None:
    for said in (imports(firm, origin=origin), compares(firm, origin=origin)):
        assert firm.judge(firm.wang, "custodian", said) == ["origin_reserved_segment"]


def test_the_other_origin_is_no_place_for_a_number_of_a_person(firm: Firm) -> None:
    said = imports(firm, origin="13812345678")
    assert firm.judge(firm.wang, "custodian", said) == ["code_looks_personal"]


def test_a_reviewer_takes_nothing_over(firm: Firm) -> None:
    assert firm.judge(firm.li, "reviewer", imports(firm)) == ["role_does_not_permit"]


def test_a_record_continues_another_only_with_its_import(firm: Firm) -> None:
    event = imported(firm)
    alone = continues(firm, event, imported=None)
    assert firm.judge(firm.wang, "collector", *alone) == ["continues_needs_an_import"]
    without = continues(firm, event, continues=None)
    assert firm.judge(firm.wang, "collector", *without) == ["continues_needs_an_import"]


def test_a_record_that_continues_another_came_by_a_handover(firm: Firm) -> None:
    said = continues(firm, imported(firm), method="folder_scan")
    assert firm.judge(firm.wang, "collector", *said) == ["continued_by_a_handover"]


def test_a_record_does_not_continue_itself(firm: Firm) -> None:
    copy, record = continues(firm, imported(firm))
    own = record.but(continues=record.stream)
    assert firm.judge(firm.wang, "collector", copy, own) == ["record_continues_itself"]


@pytest.mark.parametrize("version", [1, 2, 99])
def test_an_import_is_an_import_and_is_there(firm: Firm, version: int) -> None:
    """Neither another event of the ledger, nor one that is not there."""
    firm.does(firm.wang, "administrator", compares(firm))
    said = continues(firm, f"{firm.ledger}/{version}")
    assert firm.judge(firm.wang, "collector", *said) == ["unknown_import"]
    elsewhere = continues(firm, f"{OTHER}/{version}")
    assert firm.judge(firm.wang, "collector", *elsewhere) == ["unknown_import"]


def test_an_import_is_for_the_party_that_said_it(firm: Firm) -> None:
    buyer = firm.another_firm()
    lin = firm.hire("collector", "custodian", party=buyer)
    event = imported(firm)
    copy = firm.new("holding")
    said = [create_holding(copy, buyer),
            collect(firm.new("record"), copy, method="handover", continues=THEIRS,
                    imported=event)]  # fmt: skip
    assert firm.judge(lin, "collector", *said) == ["unknown_import"]


# -- comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [
    {},
    {"result": "ahead", "other_size": 50, "other_root": "2" * 64},
    {"result": "behind", "other_size": 60, "other_root": "2" * 64},
    {"result": "fork", "other_root": "2" * 64, "diverged_at": 56},
    {"result": "fork", "other_size": 3, "other_root": "2" * 64, "diverged_at": 0},
])  # fmt: skip
def test_two_copies_are_compared(firm: Firm, fields: dict[str, Any]) -> None:
    assert firm.judge(firm.wang, "administrator", compares(firm, **fields)) == []


@pytest.mark.parametrize("fields", [
    {"other_root": "2" * 64}, {"other_size": 58}, {"result": "ahead"}, {"result": "behind"},
    {"result": "ahead", "other_size": 58}, {"result": "fork", "diverged_at": 3},
])  # fmt: skip
def test_the_result_is_what_sizes_and_roots_say(firm: Firm, fields: dict[str, Any]) -> None:
    said = firm.judge(firm.wang, "administrator", compares(firm, **fields))
    assert said == ["comparison_does_not_fit"]


@pytest.mark.parametrize("fields", [
    {"diverged_at": 3}, {"result": "fork", "other_root": "2" * 64},
    {"result": "fork", "other_root": "2" * 64, "diverged_at": 57},
    {"result": "fork", "other_root": "2" * 64, "other_size": 9, "diverged_at": 9},
])  # fmt: skip
def test_a_fork_and_only_a_fork_has_a_place(firm: Firm, fields: dict[str, Any]) -> None:
    said = firm.judge(firm.wang, "administrator", compares(firm, **fields))
    assert said == ["divergence_does_not_fit"]


def test_nobody_has_seen_more_of_this_ledger_than_there_is(firm: Firm) -> None:
    entries = len(firm.book.accepted)
    one = {"origin": ORIGIN, "size": entries, "other_size": entries}
    assert firm.judge(firm.wang, "administrator", compares(firm, **one)) == []
    more = {"origin": ORIGIN, "size": entries + 1, "other_size": entries + 1}
    assert firm.judge(firm.wang, "administrator", compares(firm, **more)) == [
        "compared_beyond_the_ledger"
    ]
    fork = {"result": "fork", "other_root": "2" * 64, "diverged_at": 1}
    assert firm.judge(firm.wang, "administrator", compares(firm, **more, **fork)) == []

"""`muniment access` at the desk: grants, handing out, refusals on record, review and register."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.desk import Desk

LONG = ("--from", "2020-01-01T00:00:00Z", "--until", "2099-01-01T00:00:00Z")
USE = ("--mode", "view", "--purpose", "service_delivery")


@pytest.fixture
def contract(desk: Desk) -> str:
    """A classified contract."""
    record = desk.collect(text="甲方: 王小明")
    desk.did("classify", record, "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    return record


def granted(desk: Desk, *more: str) -> str:
    made = desk.json("access", "grant", "--actor", desk.reviewer, *LONG, *USE, *more)
    return str(made["grant"])


def handed(desk: Desk, record: str, *more: str) -> Any:
    return desk.json(
        "access", "record", record, "--purpose", "service_delivery", "--as", desk.reviewer, *more
    )


def test_a_grant_is_given_listed_used_and_revoked(desk: Desk, contract: str) -> None:
    grant = granted(desk, "--category", "contract", "--record", contract, "--remark", "客服")
    (row,) = desk.json("access", "grants", "--actor", desk.reviewer, "--record", contract)
    assert (row["grant"], row["records"], row["categories"]) == (grant, [contract], ["contract"])
    assert (row["modes"], row["revoked_entry"]) == (["view"], None)
    done = handed(desk, contract, "--out", "out.txt", "--ticket", "7")
    assert (done["grant"], done["intact"]) == (grant, True)
    assert Path("out.txt").read_text(encoding="utf-8") == "甲方: 王小明"
    before = desk.json("access", "revoke", grant[-12:])["events"][0]["position"] - 1
    assert desk.json("access", "grants")[0]["revoked_entry"] is not None
    then = desk.json("access", "grants", "--as-of", f"position:{before}")
    assert then[0]["revoked_entry"] is None
    assert grant in desk.did("access", "grants")
    desk.error("access", "record", contract, "--purpose", "service_delivery", "--as",
               desk.reviewer, "--out", "again.txt", code=13)  # fmt: skip
    assert not Path("again.txt").exists()


def test_content_on_standard_output_is_the_content_and_nothing_else(
    desk: Desk, contract: str
) -> None:
    granted(desk, "--record", contract)
    for more in ((), ("--json",)):
        result = desk.run("access", "record", contract, "--purpose", "service_delivery", "--as",
                          desk.reviewer, "--out", "-", *more)  # fmt: skip
        assert result.exit_code == 0
        assert result.stdout_bytes.decode() == "甲方: 王小明"
        assert "record-" in result.stderr


def test_a_refusal_names_the_rule_and_the_event_that_records_it(desk: Desk, contract: str) -> None:
    result = desk.run("access", "record", contract, "--purpose", "audit", "--as", desk.reviewer,
                      "--out", "out.txt")  # fmt: skip
    assert result.exit_code == 13
    assert "I-15 access_needs_grant_and_purpose (no_grant)" in result.stderr
    (row,) = desk.json("access", "log")
    assert (row["outcome"], row["rule"], row["actor"]) == ("denied", "no_grant", desk.reviewer)
    event = desk.json("history", contract)[-1]["event"]
    assert event in result.stderr
    assert not Path("out.txt").exists()


def test_a_changed_file_is_handed_out_with_a_warning(desk: Desk, contract: str) -> None:
    granted(desk, "--record", contract)
    (desk.home / "合同.txt").write_text("changed", encoding="utf-8")
    result = desk.run("access", "record", contract, "--purpose", "service_delivery", "--as",
                      desk.reviewer, "--out", "out.txt")  # fmt: skip
    assert result.exit_code == 0
    assert "not what was recorded" in result.stderr
    assert desk.json("access", "log")[0]["intact"] is False


def test_the_register_is_filtered_and_has_a_past(desk: Desk, contract: str) -> None:
    other = desk.collect("乙.txt", "乙")
    granted(desk, "--record", contract)
    handed(desk, contract, "--out", "1")
    for record in (contract, other):
        desk.run("access", "record", record, "--purpose", "audit", "--out", "2")
    outcomes = [row["outcome"] for row in desk.json("access", "log")]
    assert outcomes == ["allowed", "denied", "denied"]
    assert len(desk.json("access", "log", "--record", contract)) == 2
    assert len(desk.json("access", "log", "--actor", desk.reviewer)) == 1
    assert len(desk.json("access", "log", "--outcome", "denied")) == 2
    first = desk.json("access", "log")[0]["position"]
    assert len(desk.json("access", "log", "--as-of", f"position:{first}")) == 1
    lines = desk.did("access", "log", "--format", "csv").splitlines()
    assert lines[0].startswith("position,entry,accepted,record,")
    assert len(lines) == 4


def test_an_emergency_is_reviewed_by_somebody_who_was_not_in_it(desk: Desk, contract: str) -> None:
    desk.error("access", "record", contract, "--purpose", "break_glass", "--out", "x", code=2)
    desk.did("access", "record", contract, "--purpose", "break_glass", "--reason", "水管爆裂",
             "--out", "x")  # fmt: skip
    desk.did("role", "grant", desk.reviewer, "dpo")
    desk.did("role", "grant", desk.founder, "dpo")
    span = ("--from", "2020-01-01T00:00:00Z", "--anomalies", "1", "--report", "属实")
    said = desk.error("access", "review", *span, code=13)
    assert "reviewer_is_reviewed" in said["message"]
    result = desk.run("access", "review", *span, "--as", desk.reviewer)
    assert result.exit_code == 0, result.stderr
    assert "0 allowed, 0 denied, 1 emergencies" in result.stdout
    done = desk.json("access", "review", *span, "--as", desk.reviewer)
    assert done["events"][0]["type"] == "engagement.access_reviewed"


@pytest.mark.parametrize(
    "wrong",
    [
        ("grant", "--actor", "ffffffff", *LONG, *USE),
        ("grant", "--actor", "FOUNDER", *USE),
        ("grant", "--actor", "FOUNDER", *LONG, "--mode", "x", "--purpose", "audit"),
        ("grant", "--actor", "FOUNDER", *LONG, *USE, "--record", "ffffffff"),
        ("revoke", "ffffffff"),
        ("record", "ffffffff", "--purpose", "audit", "--out", "x"),
        ("record", "CONTRACT", "--purpose", "audit"),
        ("record", "CONTRACT", "--purpose", "fun", "--out", "x"),
        ("record", "CONTRACT", "--purpose", "audit", "--out", ""),
        ("record", "CONTRACT", "--purpose", "audit", "--out", "x", "--grant", "ffffffff"),
        ("record", "CONTRACT", "--purpose", "audit", "--out", "x", "--holding", "ffffffff"),
        ("record", "CONTRACT", "--purpose", "audit", "--out", "x", "--ticket", "a\nb"),
        ("review", "--from", "2099-01-01T00:00:00Z"),
        ("review", "--from", "yesterday"),
        ("review", "--from", "2020-01-01T00:00:00Z", "--anomalies", "-1"),
        ("log", "--actor", "ffffffff"),
        ("log", "--outcome", "maybe"),
        ("grants", "--record", "ffffffff"),
    ],
)
def test_bad_input_is_a_usage_error_and_records_nothing(
    desk: Desk, contract: str, wrong: tuple[str, ...]
) -> None:
    names = {"FOUNDER": desk.founder, "CONTRACT": contract}
    before = desk.json("status")
    result = desk.run("access", *(names.get(word, word) for word in wrong))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert desk.json("status") == before
    assert not Path("x").exists()


def test_an_existing_file_is_not_overwritten(desk: Desk, contract: str) -> None:
    granted(desk, "--record", contract)
    Path("mine").write_text("mine")
    desk.error("access", "record", contract, "--purpose", "service_delivery", "--as",
               desk.reviewer, "--out", "mine", code=2)  # fmt: skip
    assert Path("mine").read_text() == "mine"
    assert desk.json("access", "log") == []


def test_nobody_grants_to_themselves_or_to_another_party(desk: Desk, contract: str) -> None:
    said = desk.error("access", "grant", "--actor", desk.founder, *LONG, *USE, "--record",
                      contract, code=13)  # fmt: skip
    assert {refusal["detail"] for refusal in said["refusals"]} == {"grants_to_self"}


def test_ids_of_grants_and_backups_can_be_shown_by_a_part(desk: Desk, contract: str) -> None:
    grant = granted(desk, "--record", contract)
    for wanted in (grant, grant[-10:]):
        assert json.loads(desk.did("show", wanted, "--json"))["id"] == grant

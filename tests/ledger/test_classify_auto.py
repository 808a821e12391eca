"""What records are, from what is in them: proposed by the program, confirmed by a person."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.cli.columns import width
from tests.ledger.desk import ROOT, Desk

CN = Path("tests/vectors/cn")
DOCUMENTS = Path("tests/vectors/documents")
CUSTOMERS = (
    "姓名,手机号,身份证号,备注\n张三,13812345678,11010519491231002X,\n"
    "李四,13912345678,,电邮 lisi@example.com\n"
)
BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'


def collect(
    desk: Desk, name: str, content: bytes | str, *more: str, basis: str = "pipl_13_2_contract"
) -> str:
    """A record of a file with this content, collected as `other`."""
    file = desk.home / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    before = {row["record"] for row in desk.json("inventory")}
    desk.did(
        "collect", str(file), "--category", "other", "--basis", basis, "--source", "店长",
        *(["--notice", "N-1"] if basis != "not_personal" else []), *more,
    )  # fmt: skip
    (record,) = {row["record"] for row in desk.json("inventory")} - before
    return str(record)


def proposed(desk: Desk, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    result = desk.run("classify", "--auto", *arguments, "--json")
    assert result.exit_code == code, (result.stdout, result.stderr)
    return [json.loads(line) for line in result.stdout.splitlines()]


def state_of(desk: Desk, record: str) -> dict[str, Any]:
    (row,) = (row for row in desk.json("inventory") if row["record"] == record)
    return dict(row)


# -- what is proposed -------------------------------------------------------------------------


def test_a_customer_list_is_proposed_as_what_its_columns_hold(desk: Desk) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS)
    (row,) = proposed(desk, record)
    assert row["sensitivity"] == "sensitive_pi"
    assert row["level"] == "general_4"
    assert row["sensitive_kinds"] == ["id_number_conservative"]
    assert row["categories"] == ["basic_info", "basic_info.contact", "basic_info.identity_document"]
    assert row["rows"] == 2
    assert {(f["kind"], f["count"], f["column"]) for f in row["found"]} == {
        ("name", 2, 1), ("mobile", 2, 2), ("id_number", 1, 3), ("email", 1, 4),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "sensitivity", "kinds"),
    [
        ("cn_strict", "sensitive_pi", ["id_number_conservative"]),
        ("cn_gbt45574", "private_info", []),
        ("gdpr", "general_pi", []),
    ],
)
def test_the_standards_disagree_about_an_identity_number(
    desk: Desk, profile: str, sensitivity: str, kinds: list[str]
) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS)
    (row,) = proposed(desk, record, "--profile", profile)
    assert (row["sensitivity"], row["sensitive_kinds"]) == (sensitivity, kinds)
    assert (row["profile"], row["profile_version"]) == (profile, "2026-11-22")


def test_a_profile_without_rules_is_refused(desk: Desk) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS)
    desk.error("classify", "--auto", record, "--profile", "custom", code=2)


def test_a_child_in_a_list_makes_it_a_childs_data(desk: Desk) -> None:
    """A pupil's identity number says the day of birth (PIPL 31); 110105 is Beijing's Chaoyang."""
    table = "学员,证件号\n甲,110105202001010028\n"
    (row,) = proposed(desk, collect(desk, "班级.csv", table))
    assert row["sensitivity"] == "minor_pi"
    assert "minor_under_14" in row["sensitive_kinds"]


def test_finding_nothing_does_not_make_personal_data_impersonal(desk: Desk) -> None:
    (row,) = proposed(desk, collect(desk, "a.txt", "今天天气很好"))
    assert (row["sensitivity"], row["level"], row["found"]) == ("general_pi", "general_2", [])


def test_what_was_collected_as_impersonal_and_is_not_is_refused_by_the_rule(desk: Desk) -> None:
    record = collect(desk, "a.txt", "电话 13812345678", basis="not_personal")
    (row,) = proposed(desk, record)
    assert row["sensitivity"] == "general_pi"
    error = desk.error("classify", "--auto", record, "--yes", code=13)
    assert "personal_data_without_basis" in json.dumps(error)


def test_the_category_given_by_a_person_stays_the_first(desk: Desk) -> None:
    record = desk.collect("合同.txt", "电话 13812345678")
    (row,) = proposed(desk, record)
    assert row["categories"] == ["contract", "basic_info.contact"]


def test_a_record_in_the_vault_is_read_like_one_outside(desk: Desk) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS, "--vault")
    (desk.home / "客户.csv").unlink()
    (row,) = proposed(desk, record)
    assert row["sensitivity"] == "sensitive_pi"


def test_each_row_of_a_table_is_proposed_what_the_table_is(desk: Desk) -> None:
    file = desk.home / "客户.csv"
    file.write_text(CUSTOMERS)
    desk.did("collect", str(file), "--rows", "--category", "basic_info", "--basis",
             "pipl_13_2_contract", "--source", "店长", "--notice", "N-1")  # fmt: skip
    rows = proposed(desk, "--all")
    assert [row["sensitivity"] for row in rows] == ["sensitive_pi", "sensitive_pi"]
    assert all(row["of_table"] for row in rows)


# -- who decides ------------------------------------------------------------------------------


def test_nothing_is_recorded_without_a_person(desk: Desk) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS)
    desk.did("classify", "--auto", record)
    desk.did("classify", "--auto", "--all")
    assert state_of(desk, record)["level"] is None


def test_a_person_at_a_terminal_is_asked_for_each(desk: Desk) -> None:
    first, second = collect(desk, "甲.csv", CUSTOMERS), collect(desk, "乙.txt", "13812345678")
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "ledger.cli", "classify", "--auto", first, second],
        stdin=slave, stdout=subprocess.PIPE, stderr=slave, env=desk.program_environment, cwd=ROOT,
    ) as program:  # fmt: skip
        os.write(master, b"n\ny\n")
        assert program.communicate(timeout=60)
    os.close(master)
    os.close(slave)
    assert program.returncode == 0
    assert state_of(desk, first)["level"] is None
    assert state_of(desk, second)["level"] == "general_2"


def test_confirmed_proposals_are_recorded_and_no_others(desk: Desk) -> None:
    first, second = collect(desk, "甲.csv", CUSTOMERS), collect(desk, "乙.txt", "13812345678")
    rows = proposed(desk, first, second, "--confirm", first)
    assert [event["type"] for event in rows[-1]["events"]] == ["record.classified"]
    assert state_of(desk, first)["level"] == "general_4"
    assert state_of(desk, second)["level"] is None


def test_what_is_recorded_is_an_ordinary_classification_with_its_reasons(desk: Desk) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS)
    desk.did("classify", "--auto", "--all", "--yes", "--business-area", "cleaning")
    (event,) = (
        e for e in desk.json("history", record, "--format", "json")
        if e["type"] == "record.classified"
    )  # fmt: skip
    said = json.dumps(event, ensure_ascii=False)
    assert "cn_strict 2026-11-22" in said
    assert "id_number 1 (sheet 1, column 3)" in said
    assert proposed(desk, "--all") == []


def test_a_downgrade_still_needs_two(desk: Desk) -> None:
    record = collect(desk, "a.txt", "今天天气很好")
    desk.did("classify", record, "--category", "other", "--level", "general_4", "--sensitivity",
             "private_info")  # fmt: skip
    (row,) = proposed(desk, record)
    assert row["lower"]
    error = desk.error("classify", "--auto", record, "--yes", code=13)
    assert "downgrade_needs_second_person" in json.dumps(error)
    draft = desk.home / "d.commit"
    desk.did("classify", "--auto", record, "--yes", "--with", f"{desk.reviewer}:approver",
             "--draft", str(draft))  # fmt: skip
    assert draft.exists()
    assert state_of(desk, record)["level"] == "general_4"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--auto"],
        ["--auto", "--all", "RECORD"],
        ["--auto", "RECORD", "--yes", "--confirm", "RECORD"],
        ["--auto", "RECORD", "--level", "general_1"],
        ["RECORD", "--yes"],
        ["RECORD", "--level", "general_1"],
    ],
)
def test_options_that_do_not_go_together_are_refused(desk: Desk, arguments: list[str]) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS)
    desk.error("classify", *(record if a == "RECORD" else a for a in arguments), code=2)
    assert state_of(desk, record)["level"] is None


# -- what cannot be read ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("a.xml", BOMB.encode(), "xml_bomb"),
        ("a.docx", b"PK\x03\x04 and then nothing", "damaged_document"),
        ("a.pdf", b"%PDF-1.7 and then nothing", "damaged_document"),
        ("a.jpg", b"\xff\xd8\xff\xe0" + bytes(64), "unknown_type"),
        ("a.txt", b" \n", "no_text"),
        ("a.txt", b"", "empty"),
        ("a.csv", b'"' + b"x" * 1_200_000, "malformed_table"),
        ("a.xlsx", DOCUMENTS / "msoffcrypto/tests/inputs/example_password.xlsx",
         "encrypted_document"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_and_the_rest_goes_on(
    desk: Desk, name: str, content: bytes | Path, cause: str
) -> None:
    data = content if isinstance(content, bytes) else (ROOT / content).read_bytes()
    broken, whole = collect(desk, name, data), collect(desk, "客户.csv", CUSTOMERS)
    rows = {row["record"]: row for row in proposed(desk, broken, whole, code=4)}
    assert rows[broken]["cause"] == cause
    assert rows[broken]["level"] is None
    assert rows[whole]["level"] == "general_4"
    result = desk.run("classify", "--auto", broken)
    assert result.exit_code == 4
    assert f"({cause})" in result.stderr
    assert result.stdout == "", "named once, on standard error"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_proposed_fits_a_screen_with_its_reasons(desk: Desk, language: str) -> None:
    table = (ROOT / CN / "faker-zh_CN-1000.utf8bom.csv").read_bytes()
    first, second = collect(desk, "客户资料.csv", table), collect(desk, "客户.csv", CUSTOMERS)
    broken = collect(desk, "坏.pdf", b"%PDF-1.7 nothing")
    result = desk.run("classify", "--auto", first, second, broken, "--lang", language)
    assert result.exit_code == 4
    lines = result.stdout.splitlines()
    assert max(map(width, lines)) <= 120
    assert [line[:43] for line in lines if line.startswith("record-")] == [first, second]
    reasons = lines[lines.index(next(line for line in lines if line.startswith(first))) + 1]
    assert reasons.startswith("    ")
    assert broken not in result.stdout
    assert result.stderr.count(broken) == 1


def test_a_file_that_changed_since_it_was_collected_is_not_classified(desk: Desk) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS)
    (desk.home / "客户.csv").write_text(CUSTOMERS.replace("张三", "张五"))
    (row,) = proposed(desk, record, code=4)
    assert row["cause"] == "changed_since_recorded"


def test_a_restricted_record_is_not_read_to_be_classified(desk: Desk) -> None:
    """Its purpose has ended: it is stored and protected, and nothing else (PIPL 47)."""
    record = collect(desk, "客户.csv", CUSTOMERS)
    other = collect(desk, "客户二.csv", CUSTOMERS + "王五,13712345678,,\n")
    desk.did("restriction", "end-purpose", record, "--reason", "purpose_achieved")
    rows = {row["record"]: row for row in proposed(desk, record, other, code=4)}
    assert rows[record]["cause"] == "restricted"
    assert not rows[record].get("found")
    assert rows[other]["sensitivity"] == "sensitive_pi"


def test_a_file_that_is_gone_is_named(desk: Desk) -> None:
    record = collect(desk, "客户.csv", CUSTOMERS)
    (desk.home / "客户.csv").unlink()
    (row,) = proposed(desk, record, code=4)
    assert row["cause"] == "vanished"


# -- nothing of what was read is said -----------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf8bom", "gb18030", "gbk"])
@pytest.mark.parametrize("style", ["table", "json", "csv"])
def test_no_value_of_a_cell_appears_in_what_is_said(desk: Desk, encoding: str, style: str) -> None:
    content = (ROOT / CN / f"faker-zh_CN-1000.{encoding}.csv").read_bytes()
    text = content.decode({"utf8bom": "utf-8-sig"}.get(encoding, encoding))
    cells = {cell for row in csv.reader(text.splitlines()) for cell in row if len(cell) > 1}
    record = collect(desk, "客户资料.csv", content)
    result = desk.run("classify", "--auto", record, "--format", style, "--yes", "-v")
    assert result.exit_code == 0
    said = result.stdout + result.stderr + desk.did("history", record, "--json")
    said = said.replace(record, "")
    found = {cell for cell in cells if cell in said}
    assert found <= {"姓名"}  # nothing but what labels of ours say by themselves
    assert "id_number 1000" in said or '"id_number"' in said


def test_a_table_without_headings_says_nothing_of_its_first_row(desk: Desk) -> None:
    record = collect(desk, "名单.csv", "张三丰,13812345678\n李四光,13912345678\n")
    result = desk.run("classify", "--auto", record)
    assert "张三丰" not in result.stdout + result.stderr
    (row,) = proposed(desk, record)
    assert row["rows"] == 2
    assert row["found"] == [{"kind": "mobile", "count": 2, "sheet": "1", "column": 2}]


def test_every_kind_note_and_cause_has_a_name_for_people() -> None:
    from ledger.cli.classify_auto import CAUSES, KINDS
    from ledger.content.profile import profile

    assert set(KINDS) == set(profile("cn_strict").kinds)
    documented = (ROOT / "ledger/content/__init__.py").read_text()
    assert all(f"    {cause} " in documented for cause in list(CAUSES)[-10:])

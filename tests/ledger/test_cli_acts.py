"""Acts at the desk: init, people, keys, roles, records, copies, and what is printed about them."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

from tests.ledger.desk import Desk

ORIGIN = "xinjia.example/ledger"


def found(desk: Desk, folder: str = "new", *more: str, **environment: str | None) -> str:
    return desk.did(
        "-L", folder, "init", "--origin", ORIGIN, "--party", "新家保洁", "--actor", "赵一", *more,
        **environment,
    )  # fmt: skip


# -- init -------------------------------------------------------------------------------------


def test_init_prints_ids_events_and_what_to_back_up(desk: Desk) -> None:
    made = json.loads(found(desk, "new", "--json"))
    assert {"ledger", "party", "actor", "engagement", "origin", "vkey"} <= set(made)
    assert [event["position"] for event in made["events"]] == list(range(1, 12))
    assert all(Path(file).is_file() for file in made["backup"])
    assert len(made["backup"]) == 6
    assert Path("new/trust/ledger.vkey").read_text() == made["vkey"] + "\n"


def test_init_says_how_the_keys_are_recovered_and_names_nobody(desk: Desk) -> None:
    result = desk.run("-L", "new", "init", "--origin", ORIGIN, "--party", "甲", "--actor", "赵一")
    assert result.exit_code == 0
    assert "kek.json" in result.stderr
    assert "赵一" not in result.output


def test_init_refuses_an_existing_ledger(desk: Desk) -> None:
    found(desk)
    before = {path: path.read_bytes() for path in Path("new").rglob("*") if path.is_file()}
    result = desk.run("-L", "new", "init", "--origin", ORIGIN, "--party", "x", "--actor", "y")
    assert result.exit_code == 1
    assert {path: path.read_bytes() for path in Path("new").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"--origin": "Not An Origin"},
        {"--origin": "x.example/a/b"},
        {"--party": "   "},
        {"--party": "洁" * 501},
        {"--actor": "a\nb"},
        {"--actor": "\udcff"},
        {"--jurisdiction": "moon"},
        {"--pack": "missing.toml"},
        {"--pack": "wrong.toml"},
    ],
)
def test_init_with_bad_input_leaves_nothing_behind(desk: Desk, wrong: dict[str, str]) -> None:
    Path("wrong.toml").write_text("[policy]\n")
    given = {"--origin": ORIGIN, "--party": "甲", "--actor": "乙", **wrong}
    result = desk.run("-L", "new", "init", *[word for pair in given.items() for word in pair])
    assert result.exit_code == 2, result.stderr
    assert not Path("new").exists()


def test_init_without_a_passphrase_leaves_nothing_behind(desk: Desk) -> None:
    result = desk.run(
        "-L", "new", "init", "--origin", ORIGIN, "--party", "甲", "--actor", "乙",
        MUNIMENT_PASSPHRASE_FILE=None,
    )  # fmt: skip
    assert result.exit_code == 12
    assert not Path("new").exists()


# -- people, keys, roles ----------------------------------------------------------------------


def register(desk: Desk, *more: str) -> str:
    new = desk.home / "second"
    new.write_text("second\n")
    made = desk.json(
        "actor", "register", "--name", "孙二", "--role", "reviewer", "--new-passphrase-file",
        str(new), *more,
    )  # fmt: skip
    return str(made["actor"])


def test_a_registered_actor_can_act_with_the_new_keys(desk: Desk) -> None:
    record = desk.collect()
    actor = register(desk)
    result = desk.json("review", record, "--as", actor, "--passphrase-file", "second")
    assert result["events"][0]["type"] == "record.verified"
    shown = desk.json("actor", "show", actor)
    assert shown["name"] == "孙二"
    assert shown["roles"] == ["reviewer"]
    assert len(shown["keys"]) == 2


def test_a_refused_registration_leaves_no_key_file(desk: Desk) -> None:
    Path("second").write_text("second\n")
    identity = desk.firm.path / "identity"
    before = sorted(identity.iterdir())
    said = desk.error(
        "actor", "register", "--name", "孙二", "--as", desk.reviewer, "--new-passphrase-file",
        "second", code=13,
    )  # fmt: skip
    assert said["refusals"]
    assert sorted(identity.iterdir()) == before


def test_a_registration_without_a_new_passphrase_is_exit_12(desk: Desk) -> None:
    said = desk.error("actor", "register", "--name", "孙二", code=12)
    assert "MUNIMENT_NEW_PASSPHRASE_FILE" in said["remedy"]


def test_names_are_shown_only_where_the_ledger_can_be_opened(desk: Desk) -> None:
    named = {row["name"] for row in desk.json("actor", "list")}
    assert named == {"王管理", "李审核"}
    unnamed = {row["name"] for row in desk.json("actor", "list", MUNIMENT_PASSPHRASE_FILE=None)}
    assert unnamed == {None}


def test_a_wrong_ledger_passphrase_leaves_names_sealed_and_says_so(desk: Desk) -> None:
    wrong = desk.home / "wrong"
    wrong.write_text("wrong\n")
    result = desk.run("actor", "list", "--ledger-passphrase-file", str(wrong))
    assert result.exit_code == 0
    assert "stay sealed" in result.stderr
    assert "王管理" not in result.stdout


def test_a_party_is_registered_listed_and_shown(desk: Desk) -> None:
    party = desk.json(
        "party", "register", "--name", "买方公司", "--party-role", "buyer", "--identifier", "91X"
    )["party"]
    assert party in desk.did("party", "list")
    assert "买方公司" in desk.did("party", "show", party)
    rows = list(csv.DictReader(io.StringIO(desk.did("party", "list", "--format", "csv"))))
    assert {row["party_role"] for row in rows} == {"custodian", "buyer"}


def test_a_rotated_key_signs_and_the_old_one_does_not(desk: Desk) -> None:
    before = desk.json("key", "list", "--actor", desk.founder)
    new = desk.json("key", "rotate")["key"]
    after = {row["id"]: row["condition"] for row in desk.json("key", "list")}
    old = next(row["id"] for row in before if row["purpose"] == "act")
    assert (after[old], after[new]) == ("rotated", "active")
    assert desk.collect()
    desk.did("key", "rotate", "--purpose", "seal")


def test_the_ledgers_key_is_rotated_and_the_pinned_one_still_verifies(desk: Desk) -> None:
    before = desk.did("checkpoint")
    desk.did("key", "rotate", "--of-ledger")
    after = desk.did("checkpoint")
    assert before.splitlines()[-1].split()[2][:5] != after.splitlines()[-1].split()[2][:5]
    assert json.loads(desk.did("verify", "--json"))["verdict"] == "valid"


def test_a_revoked_key_is_named_by_its_id_alone(desk: Desk) -> None:
    key = next(
        row["id"]
        for row in desk.json("key", "list", "--actor", desk.reviewer)
        if row["purpose"] == "act"
    )
    desk.did("key", "revoke", key, "--reason", "lost")
    record = desk.collect()
    assert desk.run("review", record, "--as", desk.reviewer).exit_code == 12
    assert desk.error("key", "revoke", key, "--reason", "lost", code=13)["refusals"]
    assert desk.run("key", "revoke", "00000000", "--reason", "lost").exit_code == 2


def test_a_compromised_key_is_a_finding(desk: Desk) -> None:
    key = desk.json("key", "list", "--actor", desk.reviewer)[0]["id"]
    desk.did("key", "compromised", key, "--since", "2026-01-01T00:00:00Z")
    assert desk.json("status")["findings"] == {"key_compromised": 1}


def test_who_could_sign_is_answered_for_any_position(desk: Desk) -> None:
    first = desk.json("key", "who", "--at-position", "1")
    now = desk.json("key", "who")
    assert {row["holder"] for row in now} > {row["holder"] for row in first}
    assert desk.run("key", "who", "--at-position", "99999").exit_code == 2


def test_roles_are_granted_and_revoked(desk: Desk) -> None:
    desk.did("role", "grant", desk.reviewer, "dpo", "--from", "2026-01-01", "--to", "2099-12-31")
    held = [row["role"] for row in desk.json("role", "list", desk.reviewer)]
    assert "dpo" in held
    desk.did("role", "revoke", desk.reviewer, "dpo")
    row = next(r for r in desk.json("role", "list", desk.reviewer) if r["role"] == "dpo")
    assert row["revoked_position"] > row["granted_position"]
    desk.error("role", "grant", desk.reviewer, "internal_auditor", code=13)


# -- records ----------------------------------------------------------------------------------


def test_a_record_goes_from_collection_to_the_archive(desk: Desk) -> None:
    record = desk.collect()
    part = record[-12:]
    desk.did("review", part, "--as", desk.reviewer, "--file", "合同.txt", "--remark", "齐全")
    desk.did("classify", part, "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    desk.did("retention", "assign", part, "--trigger", "contract_ended", "--date", "2026-01-31")
    desk.did("archive", part, "--archive-no", "A-1")
    row = desk.json("inventory")[0]
    assert (row["record"], row["title"], row["state"]) == (record, "合同.txt", "archived")
    events = desk.json("history", part)
    assert [event["type"] for event in events] == [
        "holding.created", "record.collected", "record.verified", "record.classified",
        "record.retention_assigned", "record.archived",
    ]  # fmt: skip
    assert events[2]["actor_name"] == "李审核"
    assert events[2]["details"]["content_matched"] is True
    assert events[2]["sealed"] == {"remark": "齐全"}
    assert [event["position"] for event in events] == sorted(e["position"] for e in events)


def test_several_records_are_one_commit(desk: Desk) -> None:
    records = [desk.collect(f"{name}.txt", name) for name in "甲乙丙"]
    receipt = desk.json("review", *records, records[0], "--as", desk.reviewer)
    assert len(receipt["events"]) == 3
    assert len({event["event"] for event in receipt["events"]}) == 3
    assert receipt["entry"] == desk.json("status")["entries"] - 1


def test_a_file_that_changed_cannot_pass_its_review(desk: Desk) -> None:
    record = desk.collect()
    Path("合同.txt").write_text("改过", encoding="utf-8")
    said = desk.error("review", record, "--as", desk.reviewer, "--file", "合同.txt", code=13)
    assert said["refusals"][0]["detail"] == "content_does_not_match"
    desk.did("review", record, "--as", desk.reviewer, "--file", "合同.txt", "--result", "fail")
    assert desk.json("history", record)[-1]["findings"] == [
        "review_failed", "content_does_not_match",
    ]  # fmt: skip


def test_a_correction_makes_a_copy_and_asks_for_a_new_review(desk: Desk) -> None:
    record = desk.collect()
    desk.did("review", record, "--as", desk.reviewer)
    Path("新.txt").write_text("新内容", encoding="utf-8")
    made = desk.json("correct", record, "--file", "新.txt", "--reason", "content_updated")
    assert [event["type"] for event in made["events"]] == ["holding.created", "record.corrected"]
    row = desk.json("inventory")[0]
    assert (row["reviewed"], row["holdings"]) == (False, 2)
    desk.did("review", record, "--as", desk.reviewer, "--file", "新.txt")


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_a_correction_with_an_unreadable_file_records_nothing(desk: Desk, name: str) -> None:
    record = desk.collect()
    before = desk.did("status")
    result = desk.run("correct", record, "--file", name, "--reason", "other")
    assert result.exit_code in (1, 2)
    assert "nothing was recorded" in result.stderr
    assert desk.did("status") == before


def test_a_lower_level_becomes_a_draft_for_a_second_person(desk: Desk) -> None:
    record = desk.collect()
    axes = ["--category", "contract", "--sensitivity", "general_pi"]
    desk.did("classify", record, *axes, "--level", "general_3")
    lower = ["classify", record, *axes, "--level", "general_1"]
    said = desk.error(*lower, code=13)
    assert said["refusals"][0]["detail"] == "downgrade_needs_second_person"
    entries = desk.json("status")["entries"]
    made = desk.json(*lower, "--with", f"{desk.reviewer}:approver", "--draft", "d.commit")
    assert made["recorded"] is False
    assert desk.json("status")["entries"] == entries
    desk.did("sign", "d.commit", "--yes", "--as", desk.reviewer)
    desk.did("submit", "d.commit")
    assert desk.json("inventory")[0]["level"] == "general_1"


@pytest.mark.parametrize(
    "more", [["--with", "x:approver"], ["--draft", "d"], ["--with", "x", "--draft", "d"]]
)
def test_a_draft_needs_cosigners_and_cosigners_a_draft(desk: Desk, more: list[str]) -> None:
    result = desk.run("role", "grant", desk.reviewer, "dpo", *more)
    assert result.exit_code == 2
    assert not Path("d").exists()


def test_a_late_entry_says_why(desk: Desk) -> None:
    record = desk.collect()
    late = ["review", record, "--as", desk.reviewer, "--at", "2026-01-01T08:00"]
    assert desk.error(*late, code=13)["refusals"][0]["detail"] == "late_without_reason"
    desk.did(*late, "--late-reason", "paper_first")
    assert desk.json("history", record)[-1]["findings"] == ["recorded_late"]


def test_a_retention_rule_that_does_not_fit_is_refused_with_its_code(desk: Desk) -> None:
    record = desk.collect()
    said = desk.error(
        "retention", "assign", record, "--trigger", "collected", "--date", "2026-01-01", "--rule",
        "nonsense", code=13,
    )  # fmt: skip
    assert said["refusals"][0]["detail"] == "unknown_retention_rule"
    assert desk.json("retention", "rules", "--category", "contract")


# -- copies -----------------------------------------------------------------------------------


def test_copies_are_added_moved_and_lost(desk: Desk) -> None:
    record = desk.collect()
    copy = desk.json("holding", "add", record, "--location", "三号柜", "--form", "paper",
                     "--medium", "paper_copy", "--items", "3")["holding"]  # fmt: skip
    desk.did("holding", "move", copy, "--departed", "2026-01-01T08:00Z", "--arrived",
             "2026-01-01T09:00Z", "--to", "五号柜")  # fmt: skip
    assert "五号柜" in desk.did("holding", "show", copy)
    desk.did("holding", "lost", copy, "--discovered", "2026-02-01T08:00Z", "--last-seen", "五号柜")
    states = {row["holding"]: row["condition"] for row in desk.json("holding", "list", "--record",
              record)}  # fmt: skip
    assert states[copy] == "lost"
    assert [row["holding"] for row in desk.json("holding", "list", "--state", "lost")] == [copy]
    assert desk.json("history", record)[-1]["findings"] == ["copy_lost"]
    said = desk.error("holding", "lost", copy, "--discovered", "2026-02-01T08:00Z", code=13)
    assert said["refusals"][0]["detail"] == "holding_is_lost"


def test_a_copy_that_is_a_file_is_read(desk: Desk) -> None:
    record = desk.collect()
    copy = desk.json("holding", "add", record, "--file", "合同.txt", "--medium", "usb_flash")
    shown = desk.json("holding", "show", copy["holding"])
    assert (shown["size"], shown["form"]) == (6, "electronic_native")
    assert desk.run("holding", "add", record, "--medium", "usb_flash").exit_code == 2


# -- lists ------------------------------------------------------------------------------------


def test_the_inventory_has_the_same_rows_in_every_format(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        desk.collect(name, name)
    as_json = desk.json("inventory")
    lines = desk.did("inventory", "--format", "ndjson").splitlines()
    as_csv = list(csv.DictReader(io.StringIO(desk.did("inventory", "--format", "csv"))))
    table = desk.did("inventory", "--format", "table")
    assert [json.loads(line) for line in lines] == as_json
    assert [row["record"] for row in as_csv] == [row["record"] for row in as_json]
    assert all(row["record"] in table for row in as_json)
    assert json.loads(desk.did("inventory", "--format", "json", "--state", "archived")) == []


def test_the_inventory_is_filtered_and_counted(desk: Desk) -> None:
    desk.collect()
    assert desk.json("inventory", "--category", "accounting") == []
    counted = desk.json("inventory", "--counts", "--category", "contract")
    assert [(row["records"], row["items"]) for row in counted] == [(1, 1)]


def test_titles_need_the_ledgers_passphrase_and_nobody_is_asked(desk: Desk) -> None:
    desk.collect()
    result = desk.run("inventory", MUNIMENT_PASSPHRASE_FILE=None)
    assert result.exit_code == 0
    assert "合同" not in result.stdout
    assert "--ledger-passphrase-file" in result.stderr
    assert "合同.txt" in desk.did("inventory", MUNIMENT_PASSPHRASE_FILE=None,
                                 MUNIMENT_LEDGER_PASSPHRASE_FILE=str(desk.passphrase))  # fmt: skip


def test_chinese_columns_align(desk: Desk) -> None:
    from ledger.cli.columns import width

    desk.collect()
    header, rule, *rows = desk.did("inventory", "--lang", "zh").splitlines()
    column = rule.rindex("  ") + 2
    assert width(header[: header.index("发现")]) == column
    assert rows


def test_an_event_is_shown_with_its_commit_and_sealed_fields(desk: Desk) -> None:
    record = desk.collect()
    event = desk.json("show", f"{record}/1")
    assert event["sealed"]["title"] == "合同.txt"
    assert event["commit"]["signers"][0]["capacity"] == "collector"
    assert event["type_zh"] == "资料收集"
    assert desk.json("show", record[-12:])["id"] == record
    assert "题名" in desk.did("show", f"{record}/1", "--lang", "zh")
    for wrong in (f"{record}/2", f"{record}/x", "ffffffff/1", "/", "nonsense"):
        assert desk.run("show", wrong).exit_code == 2, wrong


def test_reading_needs_no_right_to_write(desk: Desk) -> None:
    desk.collect()
    for folder, _, files in os.walk(desk.firm.path):
        for name in files:
            Path(folder, name).chmod(0o444)
    assert desk.json("inventory")[0]["title"] == "合同.txt" or os.geteuid()


def test_no_name_or_title_stands_in_clear_in_the_folder(desk: Desk) -> None:
    desk.collect()
    register(desk)
    for path in desk.firm.path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for text in ("合同.txt", "孙二", "张三"):
            assert text.encode() not in content, path
            assert text not in path.name

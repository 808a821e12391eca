"""`muniment backup` at the desk: what is printed, and how calls end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.ledger.desk import Desk
from tests.stories.test_scenario_12_identity_number_in_remark import files_with, spellings


@pytest.fixture
def contracts(desk: Desk) -> Path:
    """Two contracts, collected from a folder."""
    folder = desk.home / "客户资料"
    folder.mkdir()
    for name in ("甲.txt", "乙.txt"):
        (folder / name).write_text(f"{name} 保洁合同", encoding="utf-8")
    desk.did(
        "collect", str(folder), "--category", "contract", "--basis", "pipl_13_2_contract",
        "--source", "店主", "--notice", "N-1",
    )  # fmt: skip
    return folder


@pytest.fixture
def disk(desk: Desk) -> Path:
    folder = desk.home / "disk"
    folder.mkdir()
    return folder


def created(desk: Desk, disk: Path, *more: str) -> dict[str, Any]:
    """The one backup that a call made."""
    done = desk.json("backup", "create", str(disk), *more, "--medium", "disk_external")
    (made,) = done["backups"]
    return dict(made)


def test_create_says_what_was_copied_and_list_and_show_say_it_again(
    desk: Desk, contracts: Path, disk: Path
) -> None:
    said = desk.did("backup", "create", str(disk), "--medium", "disk_external")
    (row,) = desk.json("backup", "list")
    assert row["backup"] in said
    assert "2 copies" in said
    assert (row["kind"], row["medium"], row["count"], row["expired"]) == (
        "full", "disk_external", 2, 0,
    )  # fmt: skip
    shown = desk.json("backup", "show", row["backup"])
    assert shown["location"] == str(disk / row["backup"])
    names = [*(copy["holding"] for copy in shown["copies"]), "manifest.json"]
    assert sorted(names) == sorted(os.listdir(disk / row["backup"]))  # noqa: PTH208  names
    assert row["backup"] in desk.did("backup", "list")
    assert str(disk) in desk.did("backup", "show", row["backup"][-12:])


def test_only_the_copies_named_are_backed_up(desk: Desk, contracts: Path, disk: Path) -> None:
    holding = desk.json("holding", "list")[0]["holding"]
    assert created(desk, disk, holding[-10:])["copies"] == 1


def test_what_could_not_be_copied_is_named_without_its_file_and_the_exit_code_is_4(
    desk: Desk, contracts: Path, disk: Path
) -> None:
    (contracts / "甲.txt").unlink()
    (contracts / "乙.txt").write_text("changed", encoding="utf-8")
    result = desk.run("backup", "create", str(disk), "--medium", "ssd")
    assert result.exit_code == 4
    assert "(vanished)" in result.stderr
    assert "(changed_since_recorded)" in result.stderr
    assert "甲" not in result.output
    result = desk.run("backup", "create", str(disk), "--medium", "ssd", "--json")
    assert result.exit_code == 4
    causes = {failed["cause"] for failed in json.loads(result.stdout)["failed"]}
    assert causes == {"vanished", "changed_since_recorded"}


def test_nothing_to_back_up_is_no_success(desk: Desk, disk: Path) -> None:
    desk.error("backup", "create", str(disk), "--medium", "ssd", code=2)
    assert list(disk.iterdir()) == []


def test_bad_targets_and_ids_are_usage_errors(desk: Desk, contracts: Path, disk: Path) -> None:
    for target in ("missing", str(contracts), str(desk.firm.path), str(contracts / "甲.txt")):
        said = desk.error("backup", "create", target, "--medium", "ssd", code=2)
        assert "甲" not in said["message"]
    desk.error("backup", "create", str(disk), "0123", "--medium", "ssd", code=2)
    assert desk.run("backup", "create", str(disk)).exit_code == 2
    assert desk.run("backup", "create", str(disk), "--medium", "云").exit_code == 2
    for command in ("verify", "expire", "show"):
        desk.error("backup", command, "0123", code=2)
    for wrong in ("0", "-1", "x"):
        assert desk.run("backup", "verify", "0123", "--sample", wrong).exit_code == 2


def test_who_may_not_is_exit_13(desk: Desk, contracts: Path, disk: Path) -> None:
    said = desk.error(
        "backup", "create", str(disk), "--medium", "ssd", "--as", desk.reviewer, code=13
    )
    assert said["refusals"]
    assert list(disk.iterdir()) == []


def test_a_flipped_byte_in_a_copy_is_exit_3_and_the_list_says_fail(
    desk: Desk, contracts: Path, disk: Path
) -> None:
    made = created(desk, disk)
    done = desk.json("backup", "verify", made["backup"])
    assert (done["checked"], done["matched"], done["failed"]) == (2, 2, [])
    copy = next((disk / made["backup"]).glob("holding-*"))
    data = bytearray(copy.read_bytes())
    data[0] ^= 1
    copy.write_bytes(data)
    result = desk.run("backup", "verify", made["backup"])
    assert result.exit_code == 3
    assert "1 of 2" in result.stdout
    assert copy.name in result.stderr
    assert desk.json("backup", "list")[0]["result"] == "fail"
    found = desk.json("backup", "list", "--as-of", f"position:{done['events'][0]['position']}")
    assert found[0]["result"] == "pass", "it passed then"


def test_expired_copies_are_gone_and_the_past_still_shows_them(
    desk: Desk, contracts: Path, disk: Path
) -> None:
    made = created(desk, disk)
    then = f"position:{made['position'] + 2}"
    result = desk.json("backup", "expire", made["backup"])
    assert len(result["removed"]) == 2
    assert list(disk.iterdir()) == []
    assert desk.json("backup", "list")[0]["expired"] == 2
    assert desk.json("backup", "list", "--as-of", then)[0]["expired"] == 0
    shown = desk.json("backup", "show", made["backup"], "--as-of", then)
    assert [copy["expired_entry"] for copy in shown["copies"]] == [None, None]
    assert desk.json("backup", "list", "--as-of", "position:3") == []
    desk.error("backup", "show", made["backup"], "--as-of", "position:3", code=2)
    desk.error("backup", "expire", made["backup"], code=2)


def test_the_past_of_the_backups_is_read_from_their_register_in_portions(
    desk: Desk, contracts: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(*told: Any) -> None:
        asked.append(told[2])

    made, queries, then = [], [], ("--as-of", "")
    sa.event.listen(sa.Engine, "before_cursor_execute", ask)
    try:
        for _ in range(2):
            made.append(created(desk, disk)["backup"])
            desk.did("backup", "verify", made[-1])
            then = ("--as-of", f"position:{desk.json('status')['events']}")
            asked.clear()
            assert [row["result"] for row in desk.json("backup", "list", *then)] == ["pass"] * len(
                made
            )
            queries.append(len(asked))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", ask)
    assert queries[0] == queries[1], "as many for two backups as for one"
    whole = desk.json("backup", "show", made[0], *then)
    assert len(whole["copies"]) == 2
    monkeypatch.setattr("ledger.cli.backup._AT_ONCE", 1)
    assert [row["backup"] for row in desk.json("backup", "list", *then)] == made
    assert desk.json("backup", "show", made[0], *then) == whole


def test_a_copy_that_others_removed_is_named_and_the_exit_code_is_4(
    desk: Desk, contracts: Path, disk: Path
) -> None:
    made = created(desk, disk)
    next((disk / made["backup"]).glob("holding-*")).unlink()
    result = desk.run("backup", "expire", made["backup"])
    assert result.exit_code == 4
    assert "(vanished)" in result.stderr
    assert "1 copies removed" in result.stdout


def test_in_chinese(desk: Desk, contracts: Path, disk: Path) -> None:
    created(desk, disk)
    assert "全量" in desk.did("backup", "list", "--lang", "zh")


# -- chains, off-site, drills, restores ----------------------------------------------------------


def test_an_incremental_backup_continues_and_the_list_says_what(
    desk: Desk, contracts: Path, disk: Path
) -> None:
    base = created(desk, disk)
    said = desk.run("backup", "create", str(disk), "--medium", "ssd", "--kind", "incremental")
    assert (said.exit_code, said.stdout) == (0, "")
    assert "Nothing is new" in said.stderr
    (contracts / "丙.txt").write_text("丙 合同", encoding="utf-8")
    desk.did(
        "collect", str(contracts), "--category", "contract", "--basis", "pipl_13_2_contract",
        "--source", "店主", "--notice", "N-1",
    )  # fmt: skip
    made = created(desk, disk, "--kind", "incremental", "--base", base["backup"][-12:])
    assert made["copies"] == 1
    rows = {row["backup"]: row["base"] for row in desk.json("backup", "list")}
    assert rows == {base["backup"]: None, made["backup"]: base["backup"]}


def test_options_that_do_not_go_together_are_usage_errors(
    desk: Desk, contracts: Path, disk: Path
) -> None:
    for more in (
        ("--base", "0123", "--medium", "ssd"), ("--endpoint", "https://x.example", "--medium",
        "ssd"), ("--lock-until", "2030-01-01", "--medium", "ssd"), (), ("--kind", "offsite"),
    ):  # fmt: skip
        assert desk.run("backup", "create", str(disk), *more).exit_code == 2
    assert list(disk.iterdir()) == []


def test_a_changed_list_is_exit_3_and_named(desk: Desk, contracts: Path, disk: Path) -> None:
    made = created(desk, disk)
    manifest = disk / made["backup"] / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    result = desk.run("backup", "verify", made["backup"], "--read-data")
    assert result.exit_code == 3
    assert "manifest_changed_since_recorded" in result.stderr
    assert "2 of 2" in result.stdout


def test_off_site_is_recorded_with_a_sealed_place(desk: Desk, contracts: Path, disk: Path) -> None:
    made = created(desk, disk)
    desk.did("backup", "offsite", made["backup"], "--place", "建设银行保管箱 17")
    (row,) = desk.json("backup", "list")
    assert row["offsite_at"]
    assert files_with(desk.firm.path, spellings("保管箱")) == []
    desk.error("backup", "offsite", made["backup"], "--place", " ", code=2)
    assert desk.run("backup", "offsite", made["backup"]).exit_code == 2


def test_a_drill_says_what_came_back_and_how_fast(desk: Desk, contracts: Path, disk: Path) -> None:
    made, empty = created(desk, disk), desk.home / "empty"
    empty.mkdir()
    asked = ("backup", "drill", made["backup"], "--into", str(empty), "--rto", "60")
    report = desk.json(*asked, "--scenario", "店里进水")
    assert (report["result"], report["matched"], report["rto_met"]) == ("pass", 2, True)
    assert report["format"] == "muniment/drill-report/v1"
    assert desk.json("backup", "list")[0]["drill_result"] == "pass"
    next((disk / made["backup"]).glob("holding-*")).unlink()
    result = desk.run(*asked)
    assert result.exit_code == 3
    assert "(vanished)" in result.stderr
    assert "1" in result.stdout
    assert list(empty.iterdir()) == []
    (empty / "x").write_text("x")
    desk.error(*asked, code=2)


def test_a_restore_says_what_is_back_and_what_was_left_out(
    desk: Desk, contracts: Path, disk: Path
) -> None:
    made, into = created(desk, disk), desk.home / "back"
    into.mkdir()
    asked = ("backup", "restore", made["backup"], "--into", str(into), "--reason", "硬盘损坏")
    done = desk.json(*asked)
    assert len(done["restored"]) == 2
    texts = {path.read_text("utf-8") for path in into.rglob("holding-*")}
    assert texts == {"甲.txt 保洁合同", "乙.txt 保洁合同"}
    assert "2 contents are back; 0" in desk.did(*asked)
    next((disk / made["backup"]).glob("holding-*")).unlink()
    assert desk.run(*asked).exit_code == 4
    assert files_with(desk.firm.path, spellings("硬盘损坏")) == []
    assert desk.run(*asked[:-2]).exit_code == 2


def test_due_lists_what_is_late_and_ends_with_0(desk: Desk, contracts: Path) -> None:
    assert desk.json("backup", "due") == []
    late = desk.json("backup", "due", "--on", "2099-01-01")
    assert {row["code"] for row in late} == {"never_backed_up", "no_offsite_copy"}
    said = desk.did("backup", "due", "--on", "2099-01-01")
    assert "never backed up" in said
    assert late[0]["subject"] in said

"""`muniment keystore` at the desk: copies of keys made, listed, looked into, cleared and ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyrage
import pytest

from ledger.slots import Slots
from tests.ledger.crews import (
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.test_cli_destroy import Counter, counter_fixture  # noqa: F401  as above


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "盘").mkdir()
    return tmp_path / "盘"


def backed_up(counter: Counter, disk: Path, *more: str) -> str:
    said = counter.json(
        "keystore", "backup", str(disk), "--medium", "disk_external", *more
    )  # fmt: skip
    assert said["keys"] > 0
    assert Path(said["path"]).is_dir()
    return str(said["copy"])


def copies(counter: Counter, *more: str) -> list[Any]:
    """The copies that were made, without the keystore's own medium, which the shop has named."""
    rows = counter.json("keystore", "copies", *more)
    return [row for row in rows if row["kind"] != "live"]


def executed(counter: Counter) -> str:
    case = counter.approved()
    counter.executed(case)
    counter.did("destroy", "verify", case, "--as", counter.people["luo"])
    return case


def test_a_backup_is_listed_with_what_it_covers(counter: Counter, disk: Path) -> None:
    copy = backed_up(counter, disk, "--expires-on", "2099-12-31")
    (row,) = copies(counter)
    assert (row["copy"], row["kind"], row["state"]) == (copy, "backup", "there")
    assert (row["expires_on"], row["listed"], row["cleared"]) == ("2099-12-31", 0, 0)
    page = counter.did("keystore", "copies", "--lang", "zh")
    assert "密钥库备份" in page
    assert counter.json("keystore", "copies", "--as-of", "position:3") == []


@pytest.mark.parametrize(
    ("what", "beside"),
    [("backup-0192f3c4-0000-7000-8000-000000000000/x", False), ("copy.note", False),
     ("copy.note", True), ("店铺/copy.note", False), ("manifest.json", False),
     ("manifest.json", True)],
)  # fmt: skip
def test_keys_do_not_go_where_backups_lie(
    counter: Counter, disk: Path, what: str, beside: bool
) -> None:
    place = disk / what
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"")
    target = disk / "钥匙" if beside else disk
    target.mkdir(exist_ok=True)
    said = counter.error("keystore", "backup", str(target), "--medium", "disk_external", code=2)
    assert "kept apart" in said["message"]
    assert copies(counter) == []
    place.unlink()


def test_a_recipient_that_is_no_text_is_refused_by_name(counter: Counter, disk: Path) -> None:
    said = counter.error(
        "keystore", "escrow", str(disk / "k.age"), "--all", "--to", "\udcff", "--medium", "nas",
        code=2,
    )  # fmt: skip
    assert "begins with age1" in said["message"]
    assert not (disk / "k.age").exists()


def test_a_destruction_says_which_copies_it_cleared(counter: Counter, disk: Path) -> None:
    copy = backed_up(counter, disk)
    case = counter.approved()
    done = counter.json(
        "destroy", "execute", case, "--yes", "--reason", "批处理", "--witness",
        counter.people["sun"], "--as", counter.people["chen"],
    )  # fmt: skip
    assert done["key_copies"] == {"cleared": [copy], "left": []}
    assert counter.json("keystore", "check")["copies"][0]["state"] == "clear"
    counter.did("destroy", "verify", case, "--as", counter.people["luo"])
    counter.did("destroy", "certify", case, "--destination", "回收公司", "--environment", "无废料")
    page = counter.did("certificate", case)
    for words in ("AES-256-GCM, 256 bit", copy, "已清除相关密钥", "介质去向 Destination: 回收公司",
                  "工具 Tool: muniment", "环保处理 Environment: 无废料"):  # fmt: skip
        assert words in page


def test_a_copy_out_of_reach_is_named_until_it_is_back(counter: Counter, disk: Path) -> None:
    copy = backed_up(counter, disk)
    (disk / copy).rename(disk / "别处")
    case = executed(counter)
    (row,) = counter.json("destroy", "list")
    assert (row["state"], row["verdict"]) == ("verified", "partial")
    shown = counter.did("destroy", "show", case, "--lang", "en")
    assert "not cleared" in shown
    assert counter.run("keystore", "check").exit_code == 4
    (disk / "别处").rename(disk / copy)
    looked = counter.run("keystore", "check", "--json")
    assert looked.exit_code == 3
    assert json.loads(looked.stdout)["copies"][0]["state"] == "holds"
    cleared = counter.json("keystore", "clear", copy[-12:])
    assert list(cleared["cleared"]) == [copy]
    assert cleared["left"] == []
    assert counter.run("keystore", "check").exit_code == 0
    assert counter.json("destroy", "list")[0]["verdict"] == "destroyed"
    assert counter.json("keystore", "clear")["cleared"] == {}


def test_a_copy_that_is_here_is_overwritten_and_its_end_recorded(
    counter: Counter, disk: Path
) -> None:
    copy = backed_up(counter, disk)
    wrong = counter.run("keystore", "copy-destroyed", copy, "--technique", "overwrite",
                        MUNIMENT_LANG="en")  # fmt: skip
    assert wrong.exit_code != 0, "nobody typed the digits"
    assert (disk / copy / "slots").is_file()
    said = counter.json(
        "keystore", "copy-destroyed", copy, "--technique", "overwrite", "--witness",
        counter.people["sun"], "--yes", "--reason", "换盘",
    )  # fmt: skip
    assert said["removed"]
    assert list(disk.iterdir()) == []
    assert copies(counter)[0]["state"] == "destroyed"
    error = counter.error(
        "keystore", "copy-destroyed", copy, "--technique", "overwrite", "--yes", "--reason", "再",
        code=13,
    )  # fmt: skip
    assert error["refusals"][0]["detail"] == "key_copy_is_over"


def test_keys_of_a_copy_in_escrow(counter: Counter, disk: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    file = disk / "托管.age"
    said = counter.json(
        "keystore", "escrow", str(file), "--to", str(identity.to_public()), "--holding",
        counter.copies[0], "--medium", "usb_flash",
    )  # fmt: skip
    text = pyrage.decrypt(file.read_bytes(), [identity]).decode("ascii")
    assert len(text.splitlines()) == 2 + said["keys"]
    keys = [line.split()[0] for line in text.splitlines()[2:]]
    with Slots.at(counter.firm.path / "keystore") as slots:
        assert {slots.state(key) for key in keys} == {"present"}
    result = counter.run("keystore", "escrow", str(file), "--to", "age1x", "--medium", "ssd")
    assert result.exit_code == 2, "which keys?"
    assert "AGE-SECRET-KEY" not in text + said["path"]


def test_a_copy_that_something_else_made_is_told_of(counter: Counter) -> None:
    said = counter.json(
        "keystore", "register", "--kind", "backup", "--medium", "tape", "--place", "银行保险柜",
        "--made-at", "2020-01-01T00:00:00.000Z", "--expires-on", "2021-01-01",
    )  # fmt: skip
    (row,) = copies(counter)
    assert (row["copy"], row["medium"], row["state"]) == (said["copy"], "tape", "overdue")
    live = counter.json(
        "keystore", "register", "--kind", "live", "--medium", "ssd", "--place", "店里的电脑"
    )
    executed(counter)
    assert counter.json("destroy", "list")[0]["verdict"] == "partial"
    case = counter.json("destroy", "list")[0]["case"]
    fates = {c["copy"]: c["fate"] for c in counter.json("destroy", "show", case)["key_copies"]}
    assert sorted(fates.values()) == ["cleared", "left", "medium_keeps"], "two are named live"
    assert (fates[said["copy"]], fates[live["copy"]]) == ("left", "medium_keeps")
    dump = (counter.firm.path / "ledger.db").read_bytes()
    assert "银行保险柜".encode() not in dump, "where it is, is sealed"


def test_the_keystore_is_not_a_copy_that_one_person_ends(counter: Counter, disk: Path) -> None:
    keystore = counter.firm.path / "keystore"
    before = (keystore / "slots").read_bytes()
    error = counter.error(
        "keystore", "register", "--kind", "backup", "--medium", "disk_external", "--place",
        str(keystore), code=2,
    )  # fmt: skip
    assert "inside the ledger" in error["message"]
    live = next(
        row["copy"] for row in counter.json("keystore", "copies") if row["kind"] == "live"
    )  # fmt: skip
    error = counter.error(
        "keystore", "copy-destroyed", live, "--technique", "overwrite", "--yes", "--reason", "换盘",
        code=13,
    )  # fmt: skip
    assert error["refusals"][0]["detail"] == "keystore_is_no_copy"
    assert (keystore / "slots").read_bytes()[: len(before)] == before
    copy = backed_up(counter, disk)
    (disk / copy).rename(disk / "拔掉")
    error = counter.error(
        "keystore", "copy-destroyed", copy, "--technique", "overwrite", "--yes", "--reason", "换盘",
        code=2,
    )  # fmt: skip
    assert "nothing was recorded" in error["message"]


def test_what_every_command_of_the_group_needs_is_said(counter: Counter, disk: Path) -> None:
    error = counter.error(
        "keystore", "backup", str(disk), "--medium", "disk_external", "--as",
        counter.people["luo"], code=13,
    )  # fmt: skip
    assert error["refusals"][0]["detail"] == "role_does_not_permit"
    assert list(disk.iterdir()) == []
    missing = counter.error(
        "keystore", "backup", str(disk / "没有"), "--medium", "disk_external", code=2
    )
    assert "not there" in missing["message"]
    assert counter.run("keystore", "copy-destroyed", "ffffffff", "--technique", "overwrite",
                       "--yes", "--reason", "x").exit_code == 2  # fmt: skip


def test_a_certificate_names_the_medium_by_its_serial_number(counter: Counter, disk: Path) -> None:
    copy = backed_up(counter, disk)
    said = counter.json(
        "medium", "register", "--kind", "disk_internal", "--copy", counter.copies[0], "--serial",
        "WD-12345", "--serial-source", "device", "--manufacturer", "西部数据", "--capacity", "512",
    )  # fmt: skip
    stick = counter.json(
        "medium", "register", "--kind", "disk_external", "--key-copy", copy, "--label", "蓝色移动盘"
    )
    assert [row["medium"] for row in counter.json("medium", "list")] == sorted(
        [said["medium"], stick["medium"]]
    )
    counter.did("medium", "register", "--kind", "disk_internal", "--medium", said["medium"],
                "--copy", counter.copies[1])  # fmt: skip
    case = executed(counter)
    counter.did("destroy", "certify", case)
    certificate = counter.json("certificate", case)
    assert {one["medium"] for one in certificate["media"]} == {said["medium"], stick["medium"]}
    assert certificate["items"][0]["medium_id"] == said["medium"]
    on = {one["copy"]: one["medium_id"] for one in certificate["key_copies"]}
    assert on[copy] == stick["medium"]
    page = counter.did("certificate", case)
    for words in ("序列号 Serial no.: WD-12345", "设备自报", "标签 Label: 蓝色移动盘"):
        assert words in page
    assert b"WD-12345" not in (counter.firm.path / "ledger.db").read_bytes()

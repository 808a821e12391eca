"""`muniment vault` and `collect --vault` at the desk: what is printed, and how calls end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.vault import Vault
from tests.ledger.desk import Desk


@pytest.fixture
def contracts(desk: Desk) -> Path:
    """Two contracts in a folder."""
    folder = desk.home / "客户资料"
    folder.mkdir()
    for name in ("甲.txt", "乙.txt"):
        (folder / name).write_text(f"{name} 保洁合同", encoding="utf-8")
    return folder


def collecting(desk: Desk, folder: Path, *more: str) -> str:
    return desk.did(
        "collect", str(folder), "--category", "contract", "--basis", "pipl_13_2_contract",
        "--source", "店主", "--notice", "N-1", *more,
    )  # fmt: skip


def stored(desk: Desk) -> list[dict[str, Any]]:
    return list(desk.json("vault", "list"))


def test_collect_puts_a_copy_of_each_file_into_the_vault(desk: Desk, contracts: Path) -> None:
    said = collecting(desk, contracts, "--vault", "--vault-medium", "ssd")
    assert "recorded 2, unchanged 0, failed 0" in said
    assert [(c["medium"], c["condition"], c["file"]) for c in stored(desk)] == (
        [("ssd", "present", True)] * 2
    )
    assert len(list(Vault(desk.firm.path).objects())) == 2
    assert desk.json("vault", "check", "--read-data") == {
        "checked": 2, "strays": 0, "removed": 0, "failed": [],
    }  # fmt: skip
    desk.did("verify")
    desk.did("doctor")


def test_where_and_show_say_that_a_copy_lies_in_the_vault(desk: Desk, contracts: Path) -> None:
    collecting(desk, contracts, "--vault")
    copy = stored(desk)[0]["holding"]
    shown = desk.json("holding", "show", copy)
    assert (shown["location"], shown["encrypted"]) == ("vault", True)
    record = desk.json("inventory")[0]["record"]
    rows = desk.json("where", record)
    places = {row["holding"]: row["location"] for row in rows}
    assert len(places) == 2
    assert "vault" in places.values()


def test_what_was_collected_before_is_put_in_afterwards_and_only_once(
    desk: Desk, contracts: Path
) -> None:
    collecting(desk, contracts)
    assert stored(desk) == []
    first = desk.json("holding", "list")[0]["holding"]
    done = desk.json("vault", "put", first[-12:])
    assert (len(done["stored"]), done["failed"], done["left_out"]) == (1, [], 0)
    assert "1 copies put into the vault" in desk.did("vault", "put", "--all")
    assert desk.json("vault", "put", "--all")["stored"] == []
    assert {row["made_from"] for row in stored(desk)} == {
        row["holding"] for row in desk.json("holding", "list") if not row["encrypted"]
    }


def test_what_cannot_be_put_in_is_named_without_its_file_and_the_exit_code_is_4(
    desk: Desk, contracts: Path
) -> None:
    collecting(desk, contracts)
    (contracts / "甲.txt").unlink()
    (contracts / "乙.txt").write_text("changed", encoding="utf-8")
    result = desk.run("vault", "put", "--all")
    assert result.exit_code == 4
    assert "(vanished)" in result.stderr
    assert "(changed_since_recorded)" in result.stderr
    assert "甲" not in result.output


def test_copies_are_named_or_all_are_meant(desk: Desk, contracts: Path) -> None:
    collecting(desk, contracts)
    copy = desk.json("holding", "list")[0]["holding"]
    desk.error("vault", "put", code=2)
    desk.error("vault", "put", "--all", copy, code=2)


def test_check_ends_with_3_for_a_damaged_or_missing_object(desk: Desk, contracts: Path) -> None:
    collecting(desk, contracts, "--vault")
    one, two = stored(desk)
    vault = Vault(desk.firm.path)
    data = bytearray(vault.path_of(one["object"]).read_bytes())
    data[-1] ^= 1
    vault.path_of(one["object"]).write_bytes(data)
    vault.path_of(two["object"]).unlink()
    result = desk.run("vault", "check", "--json")
    assert result.exit_code == 3
    assert (one["holding"] in result.stdout, two["holding"] in result.stdout) == (True, True)
    result = desk.run("vault", "check")
    assert result.exit_code == 3
    assert "2 not in order" in result.stdout
    assert f"{two['holding']}: is not there (vanished)" in result.stderr
    assert desk.run("doctor").exit_code == 1
    assert [row["file"] for row in stored(desk)] == [True, False]


def test_what_no_event_names_is_not_in_order_and_is_removed_if_asked_for(
    desk: Desk, contracts: Path
) -> None:
    import io

    collecting(desk, contracts, "--vault")
    vault = Vault(desk.firm.path)
    old, new = (vault.stage(io.BytesIO(b"x"), bytes(32)) for _ in range(2))
    vault.keep([old, new])
    assert desk.run("vault", "check").exit_code == 3
    assert vault.path_of(new.made.object).exists()
    done = desk.json("vault", "check", "--remove-strays")
    assert (done["removed"], done["strays"]) == (2, 0)
    assert desk.run("vault", "check").exit_code == 0


def test_without_a_passphrase_the_vault_is_listed_and_not_read(desk: Desk, contracts: Path) -> None:
    collecting(desk, contracts, "--vault")
    unknown = {"MUNIMENT_PASSPHRASE_FILE": None}
    assert len(desk.json("vault", "list", **unknown)) == 2
    desk.error("vault", "check", code=12, **unknown)
    desk.did("doctor", **unknown)


@pytest.mark.parametrize("option", ["--source", "--notice"])
def test_what_is_no_text_is_refused_by_the_name_of_its_option(
    desk: Desk, contracts: Path, option: str
) -> None:
    more = ["--source", "店主"] if option != "--source" else []
    said = desk.error(
        "collect", str(contracts), "--category", "contract", "--basis", "pipl_13_2_contract",
        *more, option, "\udcff", code=2,
    )  # fmt: skip
    assert option in said["message"]
    assert desk.json("inventory") == []

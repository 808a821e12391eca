"""`muniment ledger` at the desk: what is printed, and how calls end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.desk import Desk
from tests.ledger.tampering import flipped


def kept(desk: Desk, name: str) -> Path:
    """A copy of the ledger, with keystore and identity beside it, as somebody would keep them."""
    place = desk.home / name
    place.mkdir()
    desk.did("ledger", "copy", str(place / "copy"))
    for part in ("keystore", "identity"):
        shutil.copytree(desk.firm.path / part, place / part)
    return place


def restoring(desk: Desk, place: Path, *more: str) -> list[str]:
    return ["ledger", "restore", str(place / "copy"), "--into", str(desk.firm.path),
            "--keystore", str(place / "keystore"), "--identity", str(place / "identity"),
            *more]  # fmt: skip


@pytest.fixture
def places(desk: Desk) -> tuple[Path, Path]:
    """An early and a late copy of a ledger whose disk is lost."""
    desk.collect()
    early = kept(desk, "早")
    desk.collect("新.txt", "乙方")
    late = kept(desk, "晚")
    desk.firm.path.rename(desk.home / "lost")
    return early, late


def restored(desk: Desk, place: Path, *more: str, code: int = 0) -> dict[str, Any]:
    result = desk.run(*restoring(desk, place, *more), "--json")
    assert result.exit_code == code, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_copy_says_how_much_how_long_and_what(desk: Desk) -> None:
    desk.collect()
    said = desk.json("ledger", "copy", str(desk.home / "copy"))
    assert said["verdict"] == "valid"
    assert said["size"] == sum(one["size"] for one in said["files"]) > 0
    assert said["seconds"] >= 0
    assert [one["name"] for one in said["files"]] == [
        "checkpoint.txt", "ledger.db", "muniment.toml", "trust/ledger.vkey",
    ]  # fmt: skip
    text = desk.did("ledger", "copy", str(desk.home / "second"), "--lang", "en")
    assert f"{said['entries']} entries" in text
    assert said["root"] in text


def test_a_copy_is_verified_and_read_with_the_ordinary_commands(desk: Desk) -> None:
    desk.collect()
    copy = str(desk.home / "copy")
    desk.did("ledger", "copy", copy)
    assert desk.json("-L", copy, "verify")["verdict"] == "valid"
    assert len(desk.json("-L", copy, "inventory")) == 1
    assert "甲方" not in desk.did("-L", copy, "inventory")


def test_an_older_copy_is_restored_with_exit_code_4_and_names_what_is_missing(
    desk: Desk, places: tuple[Path, Path]
) -> None:
    said = restored(desk, places[0], code=4)
    entries = said["entries"]
    assert (said["missing"]["first"], said["missing"]["last"]) == (entries, entries)
    assert (said["verdict"], said["known"], said["waiting"]) == ("valid", True, True)
    assert said["recognised"] == {"tokens": 1, "unknown": 0}
    error = desk.error("checkpoint", code=3)
    assert "refetch" in error["remedy"]
    assert desk.json("inventory")


def test_refetch_brings_it_back_and_acts_may_follow(desk: Desk, places: tuple[Path, Path]) -> None:
    restored(desk, places[0], code=4)
    done = desk.json("ledger", "refetch", "--from", str(places[1] / "copy"))
    assert (done["entries"], done["events"], done["missing"]) == (1, 2, None)
    assert done["going_on"]
    desk.collect("三.txt", "丙方")
    assert desk.json("verify")["verdict"] == "valid"


def test_refetch_from_an_older_copy_ends_with_exit_code_4(
    desk: Desk, places: tuple[Path, Path]
) -> None:
    restored(desk, places[0], code=4)
    result = desk.run("ledger", "refetch", "--from", str(places[0] / "copy"), "--lang", "en")
    assert result.exit_code == 4
    assert "still refused" in result.stderr


def test_the_newest_copy_goes_on_at_once_and_people_are_told_where(
    desk: Desk, places: tuple[Path, Path]
) -> None:
    said = desk.did(*restoring(desk, places[1]), "--lang", "en")
    assert str(desk.firm.path) in said
    assert "restored and verified: valid" in said
    desk.collect("三.txt", "丙方")


def test_with_another_key_than_the_one_that_the_reader_knows_nothing_is_restored(
    desk: Desk, places: tuple[Path, Path]
) -> None:
    vkey = desk.home / "other.vkey"
    vkey.write_text(
        "jiejing.example/ledger+2c5f6f5e+AXXQn6gyyjQyqjbEVj6ZUTGiQE/8PFYThWXDIVVUHzqv\n", "ascii"
    )
    result = desk.run(*restoring(desk, places[1], "--trust", str(vkey)))
    assert result.exit_code in (2, 3)
    assert not desk.firm.path.exists()
    vkey.write_text("nothing", "ascii")
    desk.error(*restoring(desk, places[1], "--trust", str(vkey)), code=2)
    good = desk.home / "lost" / "trust" / "ledger.vkey"
    assert restored(desk, places[1], "--trust", str(good))["verdict"] == "valid"


def test_a_damaged_copy_ends_with_exit_code_3_and_leaves_nothing(
    desk: Desk, places: tuple[Path, Path]
) -> None:
    database = places[1] / "copy" / "ledger.db"
    database.write_bytes(flipped(database.read_bytes(), 1000))
    assert "ledger.db" in desk.error(*restoring(desk, places[1]), code=3)["message"]
    assert not desk.firm.path.exists()
    assert not list(desk.home.glob(".*unfinished"))


def test_without_keystore_nothing_is_asked_for_it(desk: Desk, places: tuple[Path, Path]) -> None:
    said = desk.json(
        "ledger", "restore", str(places[1] / "copy"), "--into", str(desk.firm.path),
        MUNIMENT_PASSPHRASE_FILE=None,
    )  # fmt: skip
    assert said["reapplied"] is None
    assert said["recognised"] is None


def test_reapply_says_that_nothing_had_to_be_done(desk: Desk) -> None:
    desk.collect()
    said = desk.json("ledger", "reapply")
    assert said == {
        "shredded": 0, "erased": 0, "elsewhere": 0, "payloads": 0, "objects": 0,
        "keystore": True, "recognised": {"tokens": 1, "unknown": 0},
    }  # fmt: skip
    assert "0" in desk.did("ledger", "reapply")


def test_renew_founds_a_ledger_that_names_the_old_one(
    desk: Desk, places: tuple[Path, Path]
) -> None:
    old = restored(desk, places[0], code=4)
    into = str(desk.home / "neu")
    said = desk.json("ledger", "renew", "--origin", "jiejing.example/second", "--into", into)
    assert said["former"]["origin"] == "jiejing.example/ledger"
    assert (said["former"]["entries"], said["former"]["lost_to"]) == (old["entries"],) * 2
    shown = desk.json("-L", into, "show", f"{said['ledger']}/1")
    assert "former" in json.dumps(shown)
    (named,) = desk.json("-L", into, "keystore", "copies")
    assert (named["kind"], named["medium"]) == ("live", said["keystore_medium"])
    assert desk.json("-L", into, "verify")["verdict"] == "valid"
    assert "trust/continued" in desk.error("checkpoint", code=3)["remedy"]


def test_renew_is_refused_where_nothing_is_missing(desk: Desk) -> None:
    arguments = ("ledger", "renew", "--origin", "x.example/y", "--into", str(desk.home / "neu"))
    assert "goes on as it is" in desk.error(*arguments, code=2)["message"]

"""A ledger that signed two histories: refused, told, and shown to others."""

from __future__ import annotations

import json
from pathlib import Path

from ledger.tlog.fork import Fork
from ledger.tlog.note import VerifierKey
from tests.ledger.desk import Desk
from tests.ledger.published import House, house_fixture  # noqa: F401  found by its name
from tests.ledger.replicas import Fork as Second
from tests.ledger.replicas import acted, on_machine


def test_a_ledger_that_forked_is_refused_and_the_witness_can_show_it(
    house: House, tmp_path: Path
) -> None:
    acted(house.desk.firm)
    second = Second(house.desk.firm, tmp_path)
    acted(house.desk.firm, 2)
    house.set(quorum="any")
    house.published(code=0)
    second.acted(4)
    with on_machine(tmp_path / "fork-state"):
        fork = Desk(second.firm, tmp_path)
        fork.did("checkpoint", "policy", str(house.policy(quorum="any")))
        result = fork.run("checkpoint", "publish", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["witnesses"][0]["state"] == "disagrees"
    shown = house.desk.json("witness", "show", str(house.buyer.folder.path))
    (evidence,) = shown["logs"][0]["forks"]
    told = house.desk.json("checkpoint", "verify-fork", evidence, "--trust", house.vkey.format())
    assert told["fork"]
    assert (told["first"]["size"], told["second"]["size"]) == (5, 7)


def test_a_ledger_behind_what_a_witness_saw_is_told_so(house: House, tmp_path: Path) -> None:
    house.set(quorum="any")
    second = Second(house.desk.firm, tmp_path)
    acted(house.desk.firm, 2)
    house.published(code=0)
    with on_machine(tmp_path / "fork-state"):
        fork = Desk(second.firm, tmp_path)
        fork.did("checkpoint", "policy", str(house.policy(quorum="any")))
        result = fork.run("checkpoint", "publish", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["witnesses"][0] == {
        "name": "buyer", "state": "ahead", "cause": None, "last": 4,
    }  # fmt: skip


def test_checkpoints_are_compared_and_either_side_can_show_a_fork(
    desk: Desk, tmp_path: Path
) -> None:
    trust = ["--trust", desk.firm.founded.vkey]
    Path("two.txt").write_text(desk.did("checkpoint"))
    second = Second(desk.firm, tmp_path)
    acted(desk.firm, 2)
    Path("mine.txt").write_text(desk.did("checkpoint"))
    second.acted(3)
    with on_machine(tmp_path / "fork-state"):
        other = Desk(second.firm, tmp_path)
        Path("theirs.txt").write_text(other.did("checkpoint"))
    nobody = {"MUNIMENT_LEDGER": None}
    compare = ("checkpoint", "compare")
    assert desk.json(*compare, "two.txt", "mine.txt")["result"] == "behind"
    assert desk.json(*compare, "mine.txt", "two.txt")["result"] == "ahead"
    assert desk.json(*compare, "mine.txt", "mine.txt", *trust, **nobody)["result"] == "same"
    said = desk.error(*compare, "two.txt", "mine.txt", *trust, code=2, **nobody)
    assert "-L" in said["remedy"]
    result = desk.run(
        *compare, "mine.txt", "theirs.txt", "-L", str(second.firm.path), "--evidence", "a.fork",
        "--json",
    )  # fmt: skip
    assert result.exit_code == 3, result.stderr
    assert json.loads(result.stdout)["result"] == "fork"
    assert desk.json("checkpoint", "verify-fork", "a.fork", *trust, **nobody)["fork"]
    Path("key").write_text(f"{desk.firm.founded.vkey}\n")
    assert desk.did("checkpoint", "verify-fork", "a.fork", "--trust", "key", **nobody)
    alone = desk.run(*compare, "mine.txt", "-L", str(second.firm.path), "--evidence", "b.fork")
    assert alone.exit_code == 3, alone.stderr
    assert Path("a.fork").read_bytes() == Path("b.fork").read_bytes()
    assert desk.run(*compare, "theirs.txt", *trust).exit_code == 2  # ours has fewer entries
    again = desk.error(
        *compare, "mine.txt", "theirs.txt", "-L", str(second.firm.path), "--evidence", "a.fork",
        code=2,
    )  # fmt: skip
    assert "already" in again["message"]


def test_a_ledger_that_is_of_neither_history_cannot_decide(desk: Desk, tmp_path: Path) -> None:
    Path("two.txt").write_text(desk.did("checkpoint"))
    second = Second(desk.firm, tmp_path)
    acted(desk.firm, 3)
    second.acted(2)
    with on_machine(tmp_path / "fork-state"):
        Path("theirs.txt").write_text(Desk(second.firm, tmp_path).did("checkpoint"))
    said = desk.error("checkpoint", "compare", "two.txt", "theirs.txt", code=3)
    assert "another history" in said["message"]
    acted(desk.firm, 2)
    desk.did("checkpoint")
    found = desk.run("checkpoint", "compare", "theirs.txt", "--evidence", "x.fork")
    assert found.exit_code == 3
    Fork.parse(Path("x.fork").read_bytes()).check([VerifierKey.parse(desk.firm.founded.vkey)])


def test_what_is_no_evidence_ends_with_three(desk: Desk) -> None:
    Path("x.fork").write_bytes(b"muniment-fork/1\nsmaller 1\nlarger 1\n\nab")
    assert "does not prove" in desk.error("checkpoint", "verify-fork", "x.fork", code=3)["message"]
    Path("note.txt").write_text(desk.did("checkpoint"))
    note = Path("note.txt").read_bytes()
    Path("same.fork").write_bytes(Fork.between(note, note).format())
    assert desk.run("checkpoint", "verify-fork", "same.fork").exit_code == 3

"""Cosigned checkpoints in a ledger: verified, copied, taken back from files."""

from __future__ import annotations

from pathlib import Path

from ledger.cosigning import known_cosigners, read_tree
from ledger.folder import Folder
from ledger.inspection import inspect
from ledger.tlog.note import COSIGNATURE, Note, SignatureLine
from ledger.verification.stored import verify_folder
from tests.ledger.desk import Desk
from tests.ledger.published import House, house_fixture  # noqa: F401  found by its name
from tests.ledger.replicas import Fork as Second
from tests.ledger.replicas import acted, made, on_machine
from tests.ledger.signers import one_byte_changes, signer
from tests.ledger.tampering import change, hand_in
from tests.ledger.witnesses import PASSPHRASE


def test_verify_and_status_say_what_is_cosigned(house: House) -> None:
    house.set(quorum="any")
    house.published(code=0)
    assert "buyer" in house.desk.did("verify")
    found = house.desk.json("verify")["cosigned"]
    assert (found["met"]["size"], found["newest"]["missing"]) == (2, ["auditor"])
    acted(house.desk.firm)
    house.desk.did("checkpoint")
    found = house.desk.json("status")["cosigned"]
    assert (found["met"]["size"], found["newest"]["size"], found["newest"]["quorum"]) == (
        2, 3, False,
    )  # fmt: skip
    assert house.desk.run("checkpoint", "show").exit_code == 4


def test_every_changed_byte_of_a_cosigned_checkpoint_is_found(house: House) -> None:
    house.set(quorum="any")
    house.published(code=0)
    database = house.desk.firm.path / "ledger.db"
    with read_tree(house.desk.firm.path) as (connection, _tree):
        number, size = connection.exec_driver_sql(
            "SELECT id, length(note) FROM checkpoints ORDER BY id DESC LIMIT 1"
        ).one()
    for at in range(0, size, 5):
        change(database, "checkpoints", "note", "id", number, at)
        report = verify_folder(Folder(house.desk.firm.path))
        assert report.verdict != "valid", at
        assert {f.part for f in report.findings} == {"checkpoint"}, (at, report.findings)
        change(database, "checkpoints", "note", "id", number, at)
    assert verify_folder(Folder(house.desk.firm.path)).verdict == "valid"


def test_a_cosignature_that_does_not_hold_counts_nowhere(house: House) -> None:
    house.set(quorum="any")
    house.published(code=0)
    row = house.rows()[-1]
    note = Note.parse(row)
    line = note.signatures[-1]
    forged = SignatureLine(line.name, line.key_id, line.signature[:8] + bytes(64))
    changed = Note(note.text, (*note.signatures[:-1], forged)).format()
    with hand_in(house.desk.firm.path / "ledger.db") as connection:
        connection.execute("UPDATE checkpoints SET note = ? WHERE note = ?", (changed, row))
    assert house.desk.json("status")["cosigned"]["met"] is None
    assert house.desk.run("checkpoint", "show").exit_code == 4
    assert house.desk.run("verify").exit_code == 3
    assert house.states(house.published(code=0))["buyer"] == "cosigned"  # asked again


def test_a_witness_that_left_the_policy_is_still_known_and_counts_no_more(house: House) -> None:
    house.set(quorum="any")
    house.published(code=0)
    file = house.desk.home / "later.txt"
    file.write_text(
        f"log {house.vkey.format()}\nwitness auditor {house.auditor.key.format()}\nquorum auditor\n"
    )
    house.desk.did("checkpoint", "policy", str(file))
    assert house.buyer.folder.key in known_cosigners(Folder(house.desk.firm.path))
    assert house.desk.json("verify")["verdict"] == "valid"
    assert house.desk.json("status")["cosigned"]["met"] is None


def test_a_copy_with_cosigned_checkpoints_verifies_and_a_replicas_policy_is_its_own(
    house: House, tmp_path: Path
) -> None:
    house.set(quorum="any")
    house.published(code=0)
    copy = made(house.desk.firm, tmp_path / "copy").folder
    assert inspect(Folder(copy)).verdict == "valid"
    replica = tmp_path / "replica"
    house.desk.did("replica", "take", str(copy), str(replica), "--key", house.vkey.format())
    assert house.desk.json("verify", "-L", str(replica))["cosigned"] is None
    told = house.desk.run(
        "checkpoint", "policy", str(house.policy(quorum="any")), "-L", str(replica)
    )
    assert told.exit_code == 0, told.stderr
    assert house.desk.json("verify", "-L", str(replica))["cosigned"]["met"]["size"] == 2
    assert house.desk.run("checkpoint", "show", "-L", str(replica)).exit_code == 0
    assert house.desk.run("checkpoint", "publish", "-L", str(replica)).exit_code == 2


def test_a_line_of_a_cosigner_that_nobody_knows_cannot_be_verified(house: House) -> None:
    house.set(quorum="any")
    house.published(code=0)
    trust = house.desk.firm.path / "trust"
    other = signer("other.example/witness", COSIGNATURE).verifier
    (trust / "cosigners").write_text(f"{other.format()}\n")
    (trust / "policy").unlink()
    report = verify_folder(Folder(house.desk.firm.path))
    assert (report.verdict, [f.code for f in report.findings]) == (
        "unverifiable", ["cosigner_unknown"],
    )  # fmt: skip


def test_what_is_taken_must_be_of_this_ledger_and_by_a_witness_of_the_policy(
    house: House, tmp_path: Path
) -> None:
    house.set()
    note = house.desk.did("checkpoint")
    house.taken(note, code=2)
    house.taken(note.replace("\n2\n", "\n3\n"), code=3)
    house.taken("", code=2)
    signed = house.by_file(str(_written(tmp_path / "n.txt", note))).stdout
    for changed in one_byte_changes(signed.encode(), step=97):
        (tmp_path / "c.txt").write_bytes(changed)
        assert house.desk.run("checkpoint", "take", str(tmp_path / "c.txt")).exit_code in (2, 3)
    assert house.taken(signed, code=4)["missing"] == ["buyer"]
    before = house.rows()
    house.taken(signed, code=4)
    assert house.rows() == before


def test_a_signed_state_that_the_ledger_never_had_is_not_taken(
    house: House, tmp_path: Path
) -> None:
    house.set()
    second = Second(house.desk.firm, tmp_path)
    acted(house.desk.firm)
    second.acted()
    with on_machine(tmp_path / "fork-state"):
        note = Desk(second.firm, tmp_path).did("checkpoint")
    signed = house.by_file(str(_written(tmp_path / "n.txt", note))).stdout
    (tmp_path / "c.txt").write_text(signed)
    said = house.desk.error("checkpoint", "take", str(tmp_path / "c.txt"), code=3)
    assert "never had" in said["message"]


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_no_secret_is_on_the_command_line_or_in_what_is_printed(house: House) -> None:
    house.set(quorum="any")
    result = house.desk.run("checkpoint", "publish", "-v")
    told = house.desk.run("witness", "show", str(house.auditor.path), "-v")
    for text in (result.stdout, result.stderr, told.stdout, told.stderr):
        assert PASSPHRASE.decode() not in text

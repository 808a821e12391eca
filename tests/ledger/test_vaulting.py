"""What was collected before goes into the vault, and what lies there is looked after."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger import acts, doctor
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects import vaulting
from ledger.effects.places import place_of
from ledger.errors import RefusedError
from ledger.stream import CHUNK_BYTES
from ledger.vault import Vault
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import Firm, add_person, collect_files
from tests.ledger.vaults import (
    SECRET,
    copies,
    folder_fixture,  # noqa: F401  fixtures are found by their names
    objects,
    store,
    taking_in,
)

# -- put in later -------------------------------------------------------------------------------


def test_what_was_collected_before_is_put_into_the_vault_afterwards(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    collect_files(ledger, admin, folder, 3)
    (folder / "大.bin").write_bytes(bytes(3 * CHUNK_BYTES))
    taking_in(ledger, admin, folder / "大.bin", vault=None)
    done = vaulting.put(ledger, admin, None)
    assert (len(done.stored), done.failed, done.left_out) == (4, [], 0)
    assert vaulting.check(ledger, read_data=True) == (4, [], [])
    assert vaulting.put(ledger, admin, None) == ([], [], [], 0)
    assert place_of(ledger, done.stored[0]).name.startswith("合同")
    assert verify_folder(ledger.folder).verdict == "valid"


def test_a_copy_is_put_in_once_and_a_copy_in_the_vault_not_again(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (one,) = collect_files(ledger, admin, folder)
    original = acts.record_state(ledger, one.record).holdings[0]
    (stored,) = vaulting.put(ledger, admin, [original, original]).stored
    done = vaulting.put(ledger, admin, [original, stored])
    assert done.failed == [(original, "in_the_vault"), (stored, "in_the_vault")]
    assert len(objects(ledger)) == 1


def test_what_is_not_as_it_was_recorded_is_not_put_in(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    collected = collect_files(ledger, admin, folder, 3)
    changed, gone, _ = (acts.record_state(ledger, one.record).holdings[0] for one in collected)
    (folder / "合同0.txt").write_bytes(SECRET)
    (folder / "合同1.txt").unlink()
    done = vaulting.put(ledger, admin, None)
    assert sorted(done.failed) == sorted([
        vaulting.Failed(changed, "changed_since_recorded"), vaulting.Failed(gone, "vanished"),
    ])  # fmt: skip
    assert len(done.stored) == len(objects(ledger)) == 1


def test_another_partys_copy_and_a_lost_one_are_not_put_in(
    firm: Firm, ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (one,) = collect_files(ledger, admin, folder)
    original = acts.record_state(ledger, one.record).holdings[0]
    auditor = add_person(ledger, admin, firm.founded.party, ("counsel",))
    with pytest.raises(RefusedError):
        vaulting.put(ledger, auditor, [original])
    assert objects(ledger) == []
    ledger.act(admin, [acts.lose_holding(original, "2026-11-21T00:00:00.000Z", None)])
    assert vaulting.put(ledger, admin, [original]).failed == [(original, "holding_not_there")]
    assert vaulting.put(ledger, admin, None) == ([], [], [], 0)


# -- looked after -------------------------------------------------------------------------------


def test_what_is_missing_is_named_and_so_is_what_no_event_names(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "a.txt").write_bytes(SECRET)
    taking_in(ledger, admin, folder)
    (copy,) = copies(ledger)
    vault = Vault(ledger.folder.path)
    stray, old = store(vault, b"1", b"2")
    (vault.path / f".{'0' * 16}.tmp").write_bytes(b"")
    found = vaulting.check(ledger)
    assert found.failed == []
    assert {one.object for one in found.strays} == {stray, old, ""}
    assert vaulting.remove_strays(ledger) == 3
    assert objects(ledger) == [copy.object]
    assert vaulting.remove_strays(ledger) == 0
    vault.path_of(copy.object).unlink()
    assert vaulting.check(ledger).failed == [(copy.holding, "vanished")]


def test_what_a_killed_run_was_writing_is_gone_with_the_next_run(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (ledger.folder.path / "vault").mkdir()
    (ledger.folder.path / "vault" / f".{'0' * 16}.tmp").write_bytes(b"half")
    (folder / "a.txt").write_bytes(SECRET)
    taking_in(ledger, admin, folder)
    assert vaulting.check(ledger) == (1, [], [])


# -- what the doctor says -----------------------------------------------------------------------


def complaints(ledger: Ledger) -> list[tuple[str, str]]:
    return [
        (check.state, check.text)
        for check in doctor.examine(ledger.folder)
        if check.code == "vault"
    ]


def test_the_doctor_finds_a_vault_in_order_and_needs_no_passphrase(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    assert complaints(ledger) == [("ok", "{count} encrypted copies are known")]
    (folder / "a.txt").write_bytes(SECRET)
    taking_in(ledger, admin, folder)
    assert complaints(ledger) == [("ok", "{count} encrypted copies are known")]


def test_the_doctor_names_what_is_missing_damaged_and_stray(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    for number in range(8):
        (folder / f"{number}.txt").write_bytes(SECRET)
    taking_in(ledger, admin, folder)
    vault = Vault(ledger.folder.path)
    found = copies(ledger)
    for copy in found[:7]:
        vault.path_of(copy.object).unlink()
    vault.path_of(found[7].object).write_bytes(b"short")
    store(vault, b"1")
    (old,) = store(vault, b"2")
    os.utime(vault.path_of(old), (0, 0))
    missing, damaged, stray = [c for c in doctor.examine(ledger.folder) if c.code == "vault"]
    assert (missing.state, missing.values["count"]) == ("failed", 7)
    assert missing.values["copies"] == ", ".join([*(c.holding for c in found[:5]), "…"])
    assert (damaged.state, damaged.values["copies"]) == ("failed", found[7].holding)
    assert (stray.state, stray.values) == ("warning", {"count": 1})


def test_the_doctor_sees_an_object_that_others_may_read(
    ledger: Ledger, admin: Acting, folder: Path
) -> None:
    (folder / "a.txt").write_bytes(SECRET)
    taking_in(ledger, admin, folder)
    (ledger.folder.path / "vault").chmod(0o755)
    (found,) = [c for c in doctor.examine(ledger.folder) if c.code == "permissions"]
    assert (found.state, found.values) == ("failed", {"paths": "vault"})

"""A replica is what its keeper signed, goes on from what was taken before, and is never written."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.application import Ledger
from ledger.effects.ledgercopy import NOTE, copy_ledger
from ledger.effects.ledgerrestore import BehindLedger, restore_ledger
from ledger.effects.replica import make_replica, take_replica
from ledger.errors import (
    LockedError,
    MunimentError,
    UsageError,
    VerificationError,
)
from ledger.folder import MARKER, Folder
from ledger.inspection import inspect
from ledger.offline.bag import DECLARATION
from ledger.schema import WriterLock
from tests.ledger.copies import another
from tests.ledger.ledgers import Firm, collect_files, dump, passphrase, small_act
from tests.ledger.replicas import (
    Fork,
    Machine,
    acted,
    key_of,
    machine_fixture,  # noqa: F401  fixtures are found by their names
    made,
    on_machine,
    told,
)
from tests.ledger.tampering import flipped, hand_in


@pytest.fixture
def busy_firm(firm: Firm, tmp_path: Path) -> Firm:
    """A firm with three contracts, and names in its ledger."""
    with firm.open() as ledger:
        collect_files(ledger, ledger.acting(firm.founded.actor), tmp_path / "合同", 3)
    return firm


def untouched(machine: Machine, copy: Path, match: str, **options: str) -> VerificationError:
    """Taking it fails as said, and not a byte of the replica is another one."""
    before = machine.bytes()
    with pytest.raises(VerificationError, match=match) as refused:
        machine.takes(copy, **options)
    assert machine.bytes() == before
    assert not any(machine.path.glob(".taking*"))
    return refused.value


# -- made, taken, taken again ---------------------------------------------------------------------


def test_a_replica_is_made_in_a_folder_that_is_there_and_in_no_package(
    firm: Firm, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "bagit.txt").write_bytes(DECLARATION)
    with firm.open() as ledger:
        for target, why in (
            (tmp_path / "typed" / "wrong" / "copy", "no folder in which"),
            (package / "copy", "inside another package"),
        ):
            with pytest.raises(UsageError, match=why):
                make_replica(ledger, target)
    assert not (tmp_path / "typed").exists()
    assert [path.name for path in package.iterdir()] == ["bagit.txt"]


def test_a_replica_holds_every_entry_and_no_text(
    busy_firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    copy = made(busy_firm, tmp_path / "copy")
    assert copy.verdict == "valid"
    taken = machine.takes(copy.folder, told(busy_firm))
    assert (taken.verdict, taken.before) == ("valid", None)
    with busy_firm.open(writing=False) as ours, Ledger(Folder(machine.path), passphrase) as theirs:
        assert ours.seen() == theirs.seen()
        mine, replica = dump(ours.engine), dump(theirs.engine)
    for table in ("sealed", "tokens"):
        assert mine.pop(table)
        assert replica.pop(table) == []
    assert mine == replica
    whole = b"".join(machine.bytes().values())
    for text in ("洁净保洁", "王管理", "合同0", "店主", "muniment/draft"):
        assert text.encode() not in whole
    assert not (machine.path / "keystore").exists()


def test_a_replica_is_verified_and_examined_as_what_it_is(
    busy_firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    """That texts are missing is no finding there; it is one in the ledger itself."""
    machine.takes(made(busy_firm, tmp_path / "copy").folder, key_of(busy_firm))
    machine.here()
    assert inspect(Folder(machine.path)).verdict == "valid"
    assert machine.json("verify")["verdict"] == "valid"
    assert machine.json("doctor")["checks"]
    with hand_in(busy_firm.path / "ledger.db") as connection:
        connection.execute("DELETE FROM sealed")
    marker = busy_firm.path / MARKER
    marker.write_text(f"replica = true\n{marker.read_text('utf-8')}", "utf-8")
    assert inspect(Folder(busy_firm.path)).verdict == "unverifiable", "its keystore is there"


def test_the_keepers_settings_do_not_travel(firm: Firm, machine: Machine, tmp_path: Path) -> None:
    """Where the seller's keys lie is nobody's business, and moves nothing in a replica."""
    with (firm.path / MARKER).open("a", encoding="utf-8") as file:
        file.write('"77c1a2e5" = "pkcs11:token=卖方"\n')
    copy = made(firm, tmp_path / "copy").folder
    assert "pkcs11" not in (copy / MARKER).read_text("utf-8")
    machine.takes(copy, key_of(firm))
    assert "replica = true" in (machine.path / MARKER).read_text("utf-8")


def test_the_first_time_the_key_must_be_known_from_elsewhere(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    copy = made(firm, tmp_path / "copy").folder
    with pytest.raises(UsageError, match="known from elsewhere"):
        machine.takes(copy)
    with pytest.raises(UsageError, match="neither a verifier key"):
        machine.takes(copy, "77c1a2e5")
    with pytest.raises(VerificationError, match="another fingerprint"):
        machine.takes(copy, "0" * 64)
    assert not machine.path.exists()
    assert machine.takes(copy, told(firm)).vkey.format() == key_of(firm)


def test_a_newer_copy_replaces_the_older_one_and_keeps_the_keys(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    own = machine.path / "identity" / f"{firm.second}.act.00000000.key"
    own.write_bytes(b"the buyer's")
    acted(firm, 300)  # a full tile more
    taken = machine.takes(made(firm, tmp_path / "two").folder)
    assert taken.before is not None
    assert taken.manifest.entries == taken.before + 300
    assert own.read_bytes() == b"the buyer's"
    again = machine.takes(tmp_path / "two")
    assert again.before == again.manifest.entries


def test_a_replica_can_be_read_while_it_is_taken_anew(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    acted(firm)
    made(firm, tmp_path / "two")
    with Ledger(Folder(machine.path), passphrase) as reading:
        before = reading.seen()
        machine.takes(tmp_path / "two")
        assert reading.state(firm.second) is not None
    with Ledger(Folder(machine.path), passphrase) as reading:
        assert reading.seen()[0] == before[0] + 1


def test_two_do_not_take_at_the_same_time(firm: Firm, machine: Machine, tmp_path: Path) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    lock = WriterLock(machine.path)
    lock.acquire(0)
    with pytest.raises(LockedError):
        take_replica(tmp_path / "one", machine.path, wait=0)
    lock.release()


# -- attacks: what is sent ------------------------------------------------------------------------


def test_a_replica_of_a_forked_ledger_is_refused_and_the_fork_is_located(
    busy_firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    """The seller shows the buyer one ledger and somebody else another; both are signed."""
    fork = Fork(busy_firm, tmp_path)
    with busy_firm.open() as ledger:
        begins = ledger.seen()[0]
    acted(busy_firm, 3)
    fork.acted(3)
    machine.takes(made(busy_firm, tmp_path / "one").folder, key_of(busy_firm))
    untouched(machine, fork.made(tmp_path / "two"), f"fork .* entry {begins} ")
    fork.acted(5)
    untouched(machine, fork.made(tmp_path / "three"), f"fork .* entry {begins} ")
    acted(busy_firm)
    machine.takes(made(busy_firm, tmp_path / "four").folder)


def test_a_shorter_fork_is_a_fork_and_not_just_old(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    fork = Fork(firm, tmp_path)
    acted(firm, 5)
    fork.acted(2)
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    untouched(machine, fork.made(tmp_path / "two"), "fork .* entry 2 ")


def test_a_fork_is_known_by_the_pin_where_the_replica_was_deleted(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    fork = Fork(firm, tmp_path)
    acted(firm, 3)
    fork.acted(3)
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    shutil.rmtree(machine.path)
    with pytest.raises(VerificationError, match=r"fork .* one of the first 5 entries"):
        machine.takes(fork.made(tmp_path / "two"), key_of(firm))
    assert not machine.path.exists()


def test_an_older_copy_over_a_newer_one_is_refused(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    old = made(firm, tmp_path / "old").folder
    acted(firm, 2)
    machine.takes(made(firm, tmp_path / "new").folder, key_of(firm))
    untouched(machine, old, "older than what was taken before: it has 2 entries, and 4 were seen")
    shutil.rmtree(machine.path)  # nor after the folder was removed: this machine has seen more
    with pytest.raises(VerificationError, match="older than what was taken"):
        machine.takes(old, key_of(firm))


def test_another_ledger_of_the_same_origin_is_refused(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    twin = another(tmp_path, "jiejing.example/ledger")
    del twin
    with Ledger(Folder(tmp_path / "twin"), passphrase, writing=True) as ledger:
        copy = make_replica(ledger, tmp_path / "two").folder
    untouched(machine, copy, "fork .* entry 0 |does not verify")
    untouched(machine, copy, "another key", key=ledger.folder.pinned_key().format())


@pytest.mark.parametrize("name", ["ledger.db", "checkpoint.txt", "muniment.toml", "copy.note",
                                  "trust/ledger.vkey"])  # fmt: skip
def test_a_copy_with_a_changed_byte_is_refused(
    firm: Firm, machine: Machine, tmp_path: Path, name: str
) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    acted(firm)
    copy = made(firm, tmp_path / "two").folder
    data = (copy / name).read_bytes()
    for at in range(0, len(data), max(1, len(data) // 7)):
        (copy / name).write_bytes(flipped(data, at))
        before = machine.bytes()
        with pytest.raises(MunimentError):
            machine.takes(copy)
        assert machine.bytes() == before
    (copy / name).write_bytes(data)
    machine.takes(copy)


def relisted(firm: Firm, copy: Path) -> None:
    """The list of a copy written anew over its changed files, and signed by the seller."""
    from ledger.effects.ledgercopy import FILES, _signed, file_in, read_manifest

    _, manifest = read_manifest(copy, "replica")
    files = tuple(file_in(copy, name) for name in FILES)
    with firm.open() as ledger:
        (copy / NOTE).write_bytes(_signed(ledger, manifest._replace(files=files)))


def test_a_copy_that_the_seller_changed_and_signed_anew_does_not_verify(
    busy_firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    """Nothing is believed for its signature on the list alone: the log speaks for itself."""
    copy = made(busy_firm, tmp_path / "one").folder
    with hand_in(copy / "ledger.db") as connection:
        connection.execute("UPDATE inventory SET category = 'order'")
    relisted(busy_firm, copy)
    with pytest.raises(VerificationError, match="projection_differs"):
        machine.takes(copy, key_of(busy_firm))
    with closing(sqlite3.connect(copy / "ledger.db")) as connection:
        connection.execute("CREATE TRIGGER mine AFTER INSERT ON events BEGIN SELECT 1; END")
        connection.commit()
    relisted(busy_firm, copy)
    with pytest.raises(VerificationError, match="triggers, views"):
        machine.takes(copy, key_of(busy_firm))
    assert not machine.path.exists()


def test_a_copy_with_texts_is_refused(busy_firm: Firm, machine: Machine, tmp_path: Path) -> None:
    """Even encrypted they are nothing that another party may have, or be blamed for having."""
    with busy_firm.open() as ledger:
        whole = copy_ledger(ledger, tmp_path / "whole").folder
    with pytest.raises(UsageError, match="a copy of a ledger and not a replica"):
        machine.takes(whole, key_of(busy_firm))
    copy = made(busy_firm, tmp_path / "one").folder
    for table, row in (("sealed", "1, x'00'"), ("tokens", "x'00', x'00'")):
        with hand_in(copy / "ledger.db") as connection:
            connection.execute(f"INSERT INTO {table} VALUES ({row})")
        relisted(busy_firm, copy)
        with pytest.raises(VerificationError, match="carries sealed texts or tokens"):
            machine.takes(copy, key_of(busy_firm))
        with hand_in(copy / "ledger.db") as connection:
            connection.execute(f"DELETE FROM {table}")
    relisted(busy_firm, copy)
    assert machine.takes(copy, key_of(busy_firm)).verdict == "valid"


def test_a_replica_is_no_copy_to_restore_a_ledger_from(firm: Firm, tmp_path: Path) -> None:
    copy = made(firm, tmp_path / "one").folder
    with pytest.raises(UsageError, match="a replica of a ledger and not a copy"):
        restore_ledger(copy, tmp_path / "new", passphrase)


def test_a_list_that_somebody_else_signed_is_refused(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    copy = made(firm, tmp_path / "one").folder
    other = another(tmp_path, "other.example/ledger")
    shutil.copy(other.copy / NOTE, copy / NOTE)
    with pytest.raises((UsageError, VerificationError)):
        machine.takes(copy, key_of(firm))


# -- attacks: who writes --------------------------------------------------------------------------


def test_nothing_writes_a_replica(firm: Firm, machine: Machine, tmp_path: Path) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    before = machine.bytes()
    with pytest.raises(UsageError, match="read, and never written"):
        Ledger(Folder(machine.path), passphrase, writing=True)
    with pytest.raises(UsageError, match="read, and never written"):
        BehindLedger(Folder(machine.path), passphrase)
    for call in (["checkpoint"], ["rebuild"], ["party", "register", "--name", "x", "--party-role",
                 "buyer"], ["ledger", "reapply"], ["ledger", "refetch", "--from",
                 str(tmp_path / "one")], ["index", "publish"], ["timestamp", "request", "--out",
                 str(tmp_path / "x.tsq")]):  # fmt: skip
        said = machine.error(*call, code=2)
        assert "replica" in said["message"]
        # A draft is named only where the command can make one.
        assert ("--draft" in said["remedy"]) == (call[0] == "party")
        assert "whoever keeps the ledger" in said["remedy"], call
    assert machine.bytes() == before


def test_a_replica_whose_settings_were_edited_to_write_is_not_written(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    marker = machine.path / MARKER
    marker.write_text(marker.read_text("utf-8").replace("replica = true", ""), "utf-8")
    with pytest.raises(UsageError, match="read, and never written"):
        Ledger(Folder(machine.path), passphrase, writing=True)
    marker.write_text(f"replica = false\n{marker.read_text('utf-8')}", "utf-8")
    machine.error("checkpoint", code=2)


def test_what_was_written_into_a_replica_all_the_same_is_found_by_the_next_copy(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    """Whoever takes away every mark of a replica has a fork, and the next copy says where."""
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    marker = machine.path / MARKER
    marker.write_text(marker.read_text("utf-8").replace("replica = true", ""), "utf-8")
    (machine.path / "trust" / "replica").unlink()
    for file in (firm.path / "identity").iterdir():
        shutil.copy(file, machine.path / "identity" / file.name)
    with on_machine(machine.home / "state"):
        acted(firm._replace(path=machine.path), 2)
    marker.write_text(f"replica = true\n{marker.read_text('utf-8')}", "utf-8")
    acted(firm, 4)
    untouched(machine, made(firm, tmp_path / "two").folder, "fork .* entry 2 ")


def test_a_write_ahead_log_that_somebody_left_does_not_spoil_the_next_copy(
    firm: Firm, machine: Machine, tmp_path: Path
) -> None:
    machine.takes(made(firm, tmp_path / "one").folder, key_of(firm))
    with closing(sqlite3.connect(machine.path / "ledger.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE mine (x)")
        connection.commit()
        left = (machine.path / "ledger.db-wal").read_bytes()
    (machine.path / "ledger.db-wal").write_bytes(left)
    acted(firm)
    machine.takes(made(firm, tmp_path / "two").folder)
    assert inspect(Folder(machine.path)).verdict == "valid"


def test_a_folder_with_a_ledger_is_not_taken_over(firm: Firm, tmp_path: Path) -> None:
    copy = made(firm, tmp_path / "one").folder
    with pytest.raises(UsageError, match="no replica"):
        take_replica(copy, firm.path)
    with firm.open() as ledger:
        ledger.act(ledger.acting(firm.second), [small_act(3)])

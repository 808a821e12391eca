"""What is stored against what the events say: each attack on vault, backups, files and keys."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import AbstractContextManager, closing
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ledger.audit.checks import stored
from ledger.audit.checks.stored import is_drawn
from ledger.effects.destroying import copies_of
from ledger.effects.vaulting import encrypted_copies
from ledger.evidence import data_key
from ledger.folder import Folder
from ledger.sources import SourceFault, opened
from ledger.vault import Vault
from tests.ledger.audited import Looked, look, replayed
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    site_fixture,  # noqa: F401
)

WHOLE = Fraction(1)


def found(site: Site, part: Fraction = WHOLE, seed: int = 0, **more: Any) -> Looked:
    looked = look(site.crew.firm.path, stored.check, 0, part, seed, **more)
    assert looked.gaps.pop(("consistent", "not_vouched")) == 1, "said of every ledger"
    return looked


@pytest.fixture
def vaulted(site: Site, tmp_path: Path) -> list[Path]:
    """The objects of three contracts in the vault."""
    site.ripe_in_vault(tmp_path / "合同", 3)
    with site.ledger.engine.connect() as connection:
        vault = Vault(site.crew.firm.path)
        paths = [vault.path_of(copy.object) for copy in encrypted_copies(connection)]
    assert len(paths) == 3
    return paths


def flip(path: Path, at: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


# -- the vault ----------------------------------------------------------------------------------


def test_a_vault_in_order_gives_no_finding(site: Site, vaulted: list[Path]) -> None:
    looked = found(site, ledger=site.ledger)
    assert looked.codes == set()
    assert looked.gaps == {}


def test_an_object_swapped_for_another_of_the_same_size(site: Site, vaulted: list[Path]) -> None:
    one, other, _ = vaulted
    assert one.stat().st_size == other.stat().st_size
    one.write_bytes(other.read_bytes())
    assert found(site, Fraction(0)).codes == set(), "sizes alone do not tell"
    finding = found(site).one("object_changed")
    assert finding.severity == "critical"
    assert finding.expected == one.parent.name + one.name
    assert finding.actual == other.parent.name + other.name
    assert finding.evidence[0].endswith("/1")


@pytest.mark.slow
def test_an_object_of_which_one_byte_is_changed(site: Site, vaulted: list[Path]) -> None:
    flip(vaulted[2], 40)
    assert found(site).codes == {"object_changed"}


def test_an_object_that_cannot_be_read(
    site: Site, vaulted: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails under it: at once, or when it is read to its end."""
    one, other, _ = vaulted
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", failing(Path.lstat, one))
        looked = found(site, Fraction(0))
    assert looked.one("object_unreadable").cause == "OSError"
    assert looked.codes == {"object_unreadable"}

    def worn_out(path: bytes) -> AbstractContextManager[BinaryIO]:
        if path == os.fsencode(other):
            raise SourceFault("unreadable")
        return opened(path)

    monkeypatch.setattr(stored, "opened", worn_out)
    finding = found(site).one("object_unreadable")
    assert (finding.severity, finding.cause) == ("high", "unreadable")


def failing(function: Any, path: Path) -> Any:
    """A function of a path that fails for one of them, as a worn disk makes it."""

    def fails(asked: Path, *more: Any, **named: Any) -> Any:
        if asked == path:
            raise OSError(errno.EIO, "input/output error")
        return function(asked, *more, **named)

    return fails


def test_an_object_that_was_cut_off(site: Site, vaulted: list[Path]) -> None:
    vaulted[0].write_bytes(vaulted[0].read_bytes()[:-1])
    assert found(site, Fraction(0)).codes == {"object_size_differs"}


@pytest.mark.slow
def test_an_object_that_is_gone(site: Site, vaulted: list[Path]) -> None:
    vaulted[1].unlink()
    assert found(site, Fraction(0)).one("object_missing").rule == "I-35"


def test_a_file_in_the_vault_that_no_event_names(site: Site, vaulted: list[Path]) -> None:
    foreign = Vault(site.crew.firm.path).path_of("ab" * 32)
    foreign.parent.mkdir(mode=0o700, exist_ok=True)
    foreign.write_bytes(b"smuggled in")
    foreign.chmod(0o600)
    assert found(site, Fraction(0)).one("object_foreign").subject == "ab" * 32


def destroyed(site: Site, folder: Path) -> tuple[dict[Path, bytes], bytes]:
    """A contract destroyed with everything about it; its objects and the keystore as before."""
    (record,) = site.ripe_in_vault(folder)
    items = copies_of(site.ledger, [record])
    vault = Vault(site.crew.firm.path)
    with site.ledger.engine.connect() as connection:
        paths = [vault.path_of(one.object) for one in encrypted_copies(connection)]
    objects = {path: path.read_bytes() for path in paths}
    keystore = (site.crew.firm.path / "keystore" / "slots").read_bytes()
    case = site.approved(items)
    site.execute(case)
    site.verify(case)
    site.certify(case)
    assert not any(path.exists() for path in objects)
    return objects, keystore


def test_an_object_put_back_after_its_destruction(site: Site, tmp_path: Path) -> None:
    objects, _ = destroyed(site, tmp_path / "合同")
    assert found(site).codes == set()
    for path, data in objects.items():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
    finding = found(site, Fraction(0)).one("object_still_there")
    assert (finding.severity, finding.rule, finding.detail) == ("critical", "I-20", "destroyed")


# -- keys ---------------------------------------------------------------------------------------


def test_a_keystore_put_back_with_keys_that_were_shredded(site: Site, tmp_path: Path) -> None:
    _, keystore = destroyed(site, tmp_path / "合同")
    current = (site.crew.firm.path / "keystore" / "slots").read_bytes()
    older = bytearray(current)
    older[: len(keystore)] = keystore[: len(keystore)]
    older[:24] = current[:24]
    (site.crew.firm.path / "keystore" / "slots").write_bytes(older)
    looked = found(site, Fraction(0))
    assert looked.codes == {"key_still_there"}
    assert all(one.subject.startswith("key-") for one in looked.those("key_still_there"))


@pytest.mark.slow
def test_a_key_that_is_needed_and_was_erased_behind_the_ledgers_back(
    site: Site, vaulted: list[Path]
) -> None:
    with site.ledger.engine.connect() as connection:
        raw = connection.exec_driver_sql(
            "SELECT state FROM events WHERE topic = 'holding.created' LIMIT 1"
        ).scalar_one()
    key = data_key(bytes(raw))
    assert key
    site.ledger.keystore.shred(key)
    assert found(site, Fraction(0)).one("key_missing").subject == key


@pytest.mark.slow
def test_a_keystore_that_is_not_there(site: Site, vaulted: list[Path]) -> None:
    (site.crew.firm.path / "keystore" / "slots").unlink()
    assert found(site, Fraction(0)).one("keystore_damaged").detail == "missing"


# -- backups ------------------------------------------------------------------------------------


@pytest.fixture
def backup(site: Site, tmp_path: Path) -> Path:
    """The folder of a backup of three contracts."""
    site.ripe(tmp_path / "合同", 3)
    (tmp_path / "备份").mkdir()
    site.backed_up(tmp_path / "备份")
    (folder,) = (tmp_path / "备份").iterdir()
    return folder


def copies_in(backup: Path) -> list[Path]:
    return sorted(backup.glob("holding-*"))


@pytest.mark.slow
def test_a_backup_is_compared_without_any_key(site: Site, backup: Path) -> None:
    looked = found(site, places=[backup.parent])
    assert looked.codes == set()
    assert looked.gaps == {("files", "needs_key"): 3}


@pytest.mark.slow
def test_without_a_place_or_a_key_a_backup_cannot_be_known(site: Site, backup: Path) -> None:
    assert found(site).gaps == {("files", "needs_key"): 3, ("backups", "needs_key"): 3}


def test_a_backup_of_which_one_byte_is_changed(site: Site, backup: Path) -> None:
    flip(copies_in(backup)[1], 40)
    for more in ({"places": [backup.parent]}, {"ledger": site.ledger}):
        finding = found(site, **more).one("copy_changed")
        assert finding.subject == copies_in(backup)[1].name
    assert found(site, Fraction(0), places=[backup.parent]).codes == set()


def test_a_copy_in_a_backup_that_cannot_be_read(
    site: Site, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copies_in(backup)[0]
    monkeypatch.setattr(Path, "stat", failing(Path.stat, copy))
    looked = found(site, Fraction(0), places=[backup.parent])
    assert (looked.one("copy_unreadable").subject, looked.codes) == (copy.name, {"copy_unreadable"})


def test_a_backup_that_cannot_be_listed_hides_no_other_part(
    site: Site, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "iterdir", failing(Path.iterdir, backup))
    looked = found(site, places=[backup.parent])
    assert looked.gaps == {("consistent", "not_checked"): 1, ("files", "needs_key"): 3}
    assert looked.codes == set()


def test_a_copy_put_back_into_a_backup_after_its_destruction(site: Site, backup: Path) -> None:
    copy = copies_in(backup)[0]
    data = copy.read_bytes()
    site.execute(site.approved([copy.name]))
    assert not copy.exists()
    assert not found(site, places=[backup.parent]).those("copy_still_there")
    copy.write_bytes(data)
    finding = found(site, places=[backup.parent]).one("copy_still_there")
    assert (finding.severity, finding.rule, finding.subject) == ("critical", "I-20", copy.name)
    assert finding.evidence == (f"{copy.name}/1", f"{backup.name}/1")


@pytest.mark.slow
def test_a_copy_taken_out_of_a_backup_and_a_file_put_into_it(site: Site, backup: Path) -> None:
    gone = copies_in(backup)[0]
    gone.rename(backup / "holding-x")
    looked = found(site, Fraction(0), places=[backup.parent])
    assert looked.one("copy_missing").subject == gone.name
    assert looked.one("backup_foreign").subject == backup.name


@pytest.mark.slow
def test_the_list_of_a_backup_that_was_written_anew(site: Site, backup: Path) -> None:
    flip(backup / "manifest.json", 20)
    finding = found(site, Fraction(0), places=[backup.parent]).one("copy_changed")
    assert (finding.subject, finding.detail) == (backup.name, "manifest")


@pytest.mark.slow
def test_a_backup_that_no_event_names(site: Site, backup: Path) -> None:
    foreign = backup.with_name("backup-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e")
    shutil.copytree(backup, foreign)
    assert found(site, Fraction(0), places=[backup.parent]).one("backup_foreign").detail == "backup"


# -- files --------------------------------------------------------------------------------------


@pytest.fixture
def file(site: Site, tmp_path: Path) -> Path:
    """The file that a record was collected from."""
    (record,) = site.ripe(tmp_path / "合同")
    return Path(os.fsdecode(site.place(record).path))


def test_a_file_swapped_for_another_of_the_same_size(site: Site, file: Path) -> None:
    assert found(site, ledger=site.ledger).codes == set()
    flip(file)
    assert found(site, Fraction(0), ledger=site.ledger).codes == set()
    assert found(site, ledger=site.ledger).one("copy_changed").detail == "file"


@pytest.mark.slow
def test_a_file_that_is_gone_or_was_cut_off(site: Site, file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:-1])
    assert found(site, Fraction(0), ledger=site.ledger).codes == {"copy_size_differs"}
    file.unlink()
    finding = found(site, Fraction(0), ledger=site.ledger).one("copy_missing")
    assert file.name not in str(finding), "no path and no name in a finding"


# -- the folder, the draw -----------------------------------------------------------------------


@pytest.mark.slow
def test_what_others_may_read_and_triggers_that_are_gone(site: Site, vaulted: list[Path]) -> None:
    vaulted[0].chmod(0o644)
    assert found(site, Fraction(0)).one("exposed").detail == "vault"
    with closing(sqlite3.connect(Folder(site.crew.firm.path).database)) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.commit()
    assert found(site, Fraction(0)).one("triggers_missing").evidence == ("events_no_update",)


def test_an_execution_that_was_begun_and_not_recorded(site: Site) -> None:
    case = "destruction_case-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e"
    folder = site.crew.firm.path / "pending"
    folder.mkdir(exist_ok=True)
    (folder / case).write_bytes(b"muniment-pending 1 key\nhalf a line of it\n")
    assert found(site, Fraction(0)).one("execution_unfinished").subject == case


def test_a_share_is_drawn_by_seed_and_digest_alone(site: Site, vaulted: list[Path]) -> None:
    half = Fraction(1, 2)
    names = [path.parent.name + path.name for path in vaulted]
    for path in vaulted:
        flip(path, 40)
    for seed in range(8):
        drawn = {name for name in names if is_drawn(name, half, seed)}
        changed = found(site, half, seed).those("object_changed")
        assert {one.expected for one in changed} == drawn
    assert sum(is_drawn(f"{n:064x}", Fraction(1, 10), 3) for n in range(10_000)) in range(900, 1100)


@pytest.mark.slow
def test_of_an_earlier_state_nothing_that_lies_here_now_can_be_said(
    crew: Crew, tmp_path: Path
) -> None:
    with crew.open() as site:
        site.ripe_in_vault(tmp_path / "合同")
    said = replayed(crew.firm.path, as_of="position:3", only=("consistent",))
    assert ("consistent", "stored_is_newer") in {(gap.part, gap.code) for gap in said.gaps}


def test_the_whole_replay_names_a_changed_object(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        site.ripe_in_vault(tmp_path / "合同")
    (path,) = (one.path for one in Vault(crew.firm.path).objects())
    flip(path, 40)
    said = replayed(crew.firm.path, only=("consistent",), share=WHOLE, seed=5)
    assert said.counts.code.get("object_changed") == 1
    assert said.exit_code == 3

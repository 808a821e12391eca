"""Chains of backups, and the list beside the copies: whatever is changed or missing is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from domain.backup import BackupCreated, BackupState
from domain.holding import HoldingCreated
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects import backup
from ledger.effects.backup import Failed, Made, Outcomes, create
from ledger.effects.expiring import expire, verify
from ledger.effects.manifest import Listed, Manifest
from ledger.effects.places import place_of
from ledger.effects.shelf import sealed_place
from ledger.errors import DataError, MunimentError, RefusedError, UsageError
from ledger.signing import new_ids, now
from ledger.sources import SourceFault
from ledger.verification.stored import verify_folder
from projections.backups import chain
from tests.ledger.copying import Copying, copies_in, gather, items, move, plain, plain_of
from tests.stories.test_scenario_12_identity_number_in_remark import files_with, spellings

# -- encrypted ----------------------------------------------------------------------------------


def test_a_backup_holds_no_content_in_clear_and_no_key(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(3))
    (made,) = copying().made
    assert files_with(disk, spellings("号合同")) == []
    keys = [event.sealed.key for event in made.receipt.events if event.sealed]
    secrets = {ledger.keystore.key(key) for key in keys}
    slots = (ledger.folder.keystore / "slots").read_bytes()
    for path in disk.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret in data for secret in secrets)
            wrapped = [slots[at : at + 48] for at in range(24 + 28, len(slots), 80)]
            assert not any(one in data for one in wrapped)


def test_equal_contents_give_different_objects_under_different_keys(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, {b"a": b"the same", b"b": b"the same"})
    (made,) = copying().made
    created = [e for e in made.receipt.events if isinstance(e, HoldingCreated)]
    assert len({e.object for e in created}) == 2
    assert len({e.sealed.key for e in created if e.sealed}) == 2
    assert all(e.encrypted for e in created)


def test_without_its_data_key_a_copy_tells_nothing(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(1))
    (made,) = copying().made
    (copy,) = items(ledger, made.backup)
    state = acts.holding_state(ledger, copy)
    ledger.keystore.shred(state.key)
    with pytest.raises(SourceFault, match="erased"):
        plain_of(ledger, copy)
    with pytest.raises(MunimentError, match="none of the backup's copies"):
        verify(ledger, admin, made.backup)


# -- full and incremental -----------------------------------------------------------------------


def incremental(ledger: Ledger, admin: Acting, disk: Path, base: str | None = None) -> Outcomes:
    return create(ledger, admin, None, disk, "incremental", "disk_external", base=base)


def test_an_incremental_backup_has_what_the_chain_has_not(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(2))
    (full,) = copying().made
    monday = gather(ledger, admin, sources, {b"mon.txt": b"mon"})
    (second,) = incremental(ledger, admin, disk).made
    tuesday = gather(ledger, admin, sources, {b"tue.txt": b"tue"})
    (third,) = incremental(ledger, admin, disk).made
    for made, originals, base in ((second, monday, full), (third, tuesday, second)):
        (copy,) = items(ledger, made.backup)
        assert [acts.holding_state(ledger, copy).made_from] == originals
        state = ledger.state(made.backup)
        assert isinstance(state, BackupState)
        assert state.base == base.backup
    with ledger.engine.connect() as connection:
        assert chain(connection, third.backup) == [third.backup, second.backup, full.backup]
    nothing = incremental(ledger, admin, disk)
    assert (nothing.made, nothing.failed) == ([], [])
    assert verify_folder(ledger.folder).verdict == "valid"


def test_it_continues_the_base_that_is_named(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(1))
    (old,) = copying().made
    gather(ledger, admin, sources, {b"new.txt": b"new"})
    copying()
    (made,) = incremental(ledger, admin, disk, old.backup).made
    assert made.copies == 1
    state = ledger.state(made.backup)
    assert isinstance(state, BackupState)
    assert state.base == old.backup


def test_what_expired_in_the_base_is_copied_again(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(2))
    (full,) = copying().made
    gather(ledger, admin, sources, {b"new.txt": b"new"})
    (second,) = incremental(ledger, admin, disk).made
    expire(ledger, admin, full.backup)
    (third,) = incremental(ledger, admin, disk).made
    assert (third.copies, items_of_base(ledger, third)) == (2, second.backup)


def items_of_base(ledger: Ledger, made: Made) -> str:
    state = ledger.state(made.backup)
    assert isinstance(state, BackupState)
    return state.base


def test_an_expired_or_unknown_base_is_refused_and_nothing_is_copied(
    ledger: Ledger, admin: Acting, sources: Path, disk: Path, copying: Copying
) -> None:
    gather(ledger, admin, sources, plain(1))
    with pytest.raises(UsageError, match="no backup that an incremental one could continue"):
        incremental(ledger, admin, disk)
    (full,) = copying().made
    expire(ledger, admin, full.backup)
    with pytest.raises(UsageError, match="no backup that an incremental one could continue"):
        incremental(ledger, admin, disk)
    with pytest.raises(RefusedError, match="backup_is_expired"):
        incremental(ledger, admin, disk, full.backup)
    with pytest.raises(UsageError, match="no backup of this id"):
        incremental(ledger, admin, disk, new_ids("backup")[0])
    assert list(disk.iterdir()) == []


def test_a_full_backup_in_several_volumes_is_one_chain(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather(ledger, admin, sources, plain(7))
    monkeypatch.setattr(backup, "MAX_COPIES", 3)
    made = copying().made
    assert [items_of_base(ledger, one) for one in made] == ["", made[0].backup, made[1].backup]


# -- the list beside the copies -----------------------------------------------------------------


@pytest.fixture
def made(ledger: Ledger, admin: Acting, sources: Path, copying: Copying) -> Made:
    gather(ledger, admin, sources, plain(3))
    return copying().made[0]


def manifest_of(made: Made) -> Path:
    return Path(made.place) / "manifest.json"


def test_the_list_is_signed_by_its_digest_and_says_what_lies_there(
    ledger: Ledger, admin: Acting, made: Made
) -> None:
    data = manifest_of(made).read_bytes()
    assert data.isascii()
    assert data == json.dumps(
        json.loads(data), sort_keys=True, separators=(",", ":")
    ).encode() + b"\n"  # fmt: skip
    told = Manifest.parse(data)
    (created,) = (e for e in made.receipt.events if isinstance(e, BackupCreated))
    assert (told.digest, told.origin, told.backup) == (
        created.manifest, ledger.origin, made.backup,
    )  # fmt: skip
    for one in told.copies:
        state = acts.holding_state(ledger, one.holding)
        file = Path(made.place) / one.holding
        assert (state.object, state.made_from) == (one.object, one.made_from)
        assert file.stat().st_size == one.size
    found = verify(ledger, admin, made.backup)
    (said,) = found.receipt.events
    assert (said.manifest, said.decrypted, said.result) == ("pass", False, "pass")  # type: ignore[attr-defined]


def test_one_changed_byte_anywhere_in_the_list_is_found(
    ledger: Ledger, admin: Acting, made: Made
) -> None:
    sound = manifest_of(made).read_bytes()
    for at in range(0, len(sound), 41):
        manifest_of(made).write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        found = verify(ledger, admin, made.backup)
        assert found.manifest in ("manifest_changed_since_recorded", "manifest_of_another_backup")
        assert (found.matched, found.failed) == (3, [])
        (said,) = found.receipt.events
        assert (said.manifest, said.result) == ("fail", "fail")  # type: ignore[attr-defined]


def test_the_list_of_another_backup_and_a_missing_one_are_named(
    ledger: Ledger, admin: Acting, made: Made, copying: Copying
) -> None:
    (other,) = copying().made
    shutil.copyfile(manifest_of(other), manifest_of(made))
    assert verify(ledger, admin, made.backup).manifest == "manifest_of_another_backup"
    manifest_of(made).unlink()
    assert verify(ledger, admin, made.backup).manifest == "manifest_vanished"
    manifest_of(made).symlink_to(manifest_of(other))
    assert verify(ledger, admin, made.backup).manifest == "manifest_link"


def test_a_list_that_its_maker_signed_and_that_lies_is_found(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A modified client signs a list that leaves a copy out: the events say something else."""
    gather(ledger, admin, sources, plain(2))
    real = Manifest.format

    def lying(self: Manifest) -> bytes:
        return real(self._replace(copies=self.copies[:1]))

    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "format", lying)
        (made,) = copying().made
    assert verify(ledger, admin, made.backup).manifest == "manifest_contradicts_ledger"


def test_two_objects_that_were_swapped_are_found(ledger: Ledger, admin: Acting, made: Made) -> None:
    one, two, _ = copies_in(made)
    aside = one.with_name("aside")
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    found = verify(ledger, admin, made.backup)
    assert found.failed == [Failed(path.name, "changed_since_recorded") for path in (one, two)]


def test_reading_the_data_finds_what_the_digest_of_the_object_cannot(
    ledger: Ledger, admin: Acting, sources: Path, copying: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that encrypts one content and says that it was another one."""
    gather(ledger, admin, sources, plain(1))
    real = sealed_place
    with monkeypatch.context() as patch:
        patch.setattr(backup, "sealed_place", lambda s, n, _: real(s, n, "0" * 64))
        (made,) = copying().made
    assert verify(ledger, admin, made.backup).matched == 1
    found = verify(ledger, admin, made.backup, decrypt=True)
    assert (found.checked, found.matched) == (1, 0)
    assert found.receipt.events[0].decrypted  # type: ignore[attr-defined]


def test_a_sample_checks_the_whole_list(ledger: Ledger, admin: Acting, made: Made) -> None:
    manifest_of(made).unlink()
    found = verify(ledger, admin, made.backup, 1, seed=3)
    assert (found.checked, found.matched, found.manifest) == (1, 1, "manifest_vanished")


HOSTILE = (
    b"", b"{}", b"[]", b"null", b"\xff", b'{"copies":[]}', b"[" * 100_000,
    b'{"backup":"b","copies":[{"holding":1}],"format":"muniment/backup/v1","origin":"o"}\n',
    b'{"backup":"b","copies":[],"format":"muniment/backup/v2","origin":"o"}\n',
    b'{"backup":"b","copies":[],"format":"muniment/backup/v1","origin":"o"}',
    b'{"backup":"b","copies":[],"extra":1,"format":"muniment/backup/v1","origin":"o"}\n',
)  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE)
def test_what_is_no_list_is_not_read_as_one(data: bytes) -> None:
    with pytest.raises(DataError):
        Manifest.parse(data)


def test_a_list_is_written_in_one_way() -> None:
    copies = tuple(Listed(f"holding-{n}", "holding-x", "0" * 64, n) for n in (2, 1, 3))
    made = Manifest("o", "backup-1", "backup-0", copies)
    assert Manifest.parse(made.format()).copies == tuple(sorted(copies))
    assert made.format() == made._replace(copies=copies[::-1]).format()


# -- copies of copies ---------------------------------------------------------------------------


def test_a_copy_in_a_backup_that_was_moved_is_read_from_where_it_is(
    ledger: Ledger, admin: Acting, made: Made, tmp_path: Path
) -> None:
    (copy, *_) = items(ledger, made.backup)
    vault = tmp_path / "银行保管箱"
    vault.mkdir()
    (Path(made.place) / copy).rename(vault / copy)
    ledger.act(admin, [move(copy, str(vault / copy))])
    assert place_of(ledger, copy).path == str(vault / copy).encode()
    assert plain_of(ledger, copy).decode().endswith("号合同")
    assert verify(ledger, admin, made.backup, decrypt=True).matched == 3


def test_a_lost_original_is_not_copied_and_its_copies_stay(
    ledger: Ledger, admin: Acting, made: Made, copying: Copying
) -> None:
    (copy, *_) = items(ledger, made.backup)
    original = str(acts.holding_state(ledger, copy).made_from)
    ledger.act(admin, [acts.lose_holding(original, now(), None)])
    assert copying().made[0].copies == 2

"""Copies of keys with real files: made, cleared by a destruction, out of its reach, destroyed."""

from __future__ import annotations

import os
import shutil
from base64 import b64decode
from pathlib import Path
from typing import Any

import pyrage
import pytest

from domain.copies import HoldingState
from ledger import custody, stream
from ledger.effects import destroying, keycopies, keycopying
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.effects.expiring import expire
from ledger.effects.keycopying import Made
from ledger.effects.places import place_of
from ledger.errors import KeyAccessError, MunimentError, RefusedError, UsageError
from ledger.facts import LedgerFacts
from ledger.keystore import Keystore
from ledger.slots import Slots
from projections import certificates
from projections.keycopies import KeyCopy
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    ordered_hold,
    results,
    site_fixture,  # noqa: F401
)
from tests.ledger.ledgers import passphrase
from tests.ledger.tampering import check


def fates(site: Site, case: str) -> dict[str, str]:
    said = certificate(site.ledger, case)
    assert said is not None
    known = {copy.copy for copy in copies(site)}
    return {c["copy"]: c["fate"] for c in said["key_copies"] if c["copy"] in known}


def copies(site: Site) -> list[KeyCopy]:
    """The copies that were made, without the keystore's own medium, which the shop has named."""
    return [copy for copy in keycopies.copies(site.ledger) if copy.kind != "live"]


def verdict(site: Site, case: str) -> Any:
    said = certificate(site.ledger, case)
    assert said is not None
    return said["verdict"]


def states(folder: Path, keys: Any) -> set[str]:
    with Slots.at(folder, reading=True) as slots:
        return {slots.state(key) for key in keys}


def destroyed(site: Site, folder: Path) -> tuple[str, destroying.Execution]:
    """A record executed, with whatever copies of keys there are."""
    case = site.approved(copies_of(site.ledger, site.ripe(folder)))
    return case, site.execute(case)


# -- a backup -----------------------------------------------------------------------------------


def test_a_backup_is_a_keystore_of_its_own(site: Site, tmp_path: Path) -> None:
    site.ripe(tmp_path / "合同")
    made = site.keys_backed_up(tmp_path / "盘")
    assert made.path == tmp_path / "盘" / made.copy
    assert sorted(path.name for path in made.path.iterdir()) == ["kek.json", "slots"]
    assert made.path.stat().st_mode & 0o777 == 0o700
    with Keystore.open(made.path, passphrase("ledger")) as copy:
        assert copy.size == made.keys == site.ledger.keystore.size
        for key in copy.present():
            assert copy.key(key) == site.ledger.keystore.key(key)


def test_a_backup_covers_every_key_that_is_in_it(site: Site, tmp_path: Path) -> None:
    """What the event says is what the file holds: not a slot more."""
    made = site.keys_backed_up(tmp_path / "盘")
    (copy,) = copies(site)
    with Slots.at(made.path) as slots:
        assert copy.through == slots.last
    assert (made.path / "slots").stat().st_size == 24 + 80 * made.keys
    assert keycopies.located(site.ledger, made.copy) == made.path


def test_a_destruction_clears_the_backups_that_are_there(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        made = site.keys_backed_up(tmp_path / "盘")
        case = site.approved(copies_of(site.ledger, site.ripe(tmp_path / "合同")))
        later = site.keys_backed_up(tmp_path / "盘")
        done = site.execute(case)
        assert done.key_copies == ((later.copy,), ())
        assert states(made.path, done.keys) == {"unknown"}, "it was made before there were any"
        assert states(later.path, done.keys) == {"erased"}
        assert site.verify(case).results[0].result == "pass"
        site.certify(case)
        assert verdict(site, case) == "destroyed"
        assert fates(site, case) == {later.copy: "cleared"}
    assert check(crew.firm).findings == ()


def test_scenario_19_a_backup_that_is_not_here_makes_it_partial(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        (record,) = site.ripe(tmp_path / "合同")
        made = site.keys_backed_up(tmp_path / "盘")
        case = site.approved(copies_of(site.ledger, [record]))
        made.path.rename(tmp_path / "别处")
        done = site.execute(case)
        assert done.key_copies == ((), (made.copy,))
        site.verify(case)
        assert verdict(site, case) == "partial"
        site.certify(case)
        said = certificate(site.ledger, case)
        assert said is not None
        assert (said["verdict"], said["key_copies_left"]) == ("partial", [made.copy])
        assert fates(site, case) == {made.copy: "left"}
        assert states(tmp_path / "别处", done.keys) == {"present"}, "and it is true"
    assert check(crew.firm).findings == ()


def test_a_disk_that_comes_back_is_cleared_then(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    made = site.keys_backed_up(tmp_path / "盘")
    case = site.approved(copies_of(site.ledger, [record]))
    made.path.rename(tmp_path / "别处")
    done = site.execute(case)
    site.verify(case)
    (found,) = keycopies.checked(site.ledger)
    assert (found.state, found.present) == ("out_of_reach", len(done.keys))
    (tmp_path / "别处").rename(made.path)
    (found,) = keycopies.checked(site.ledger)
    assert (found.state, found.present) == ("holds", len(done.keys))
    again = site.execute(case)
    assert (again.fates, again.key_copies) == ((), ((made.copy,), ()))
    assert states(made.path, done.keys) == {"erased"}
    assert [one.state for one in keycopies.checked(site.ledger)] == ["clear"]
    with pytest.raises(UsageError, match="no copy on the list is left"):
        site.execute(case)
    assert verdict(site, case) == "destroyed"
    site.certify(case)


def test_a_hold_placed_meanwhile_keeps_what_is_in_the_copy(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    made = site.keys_backed_up(tmp_path / "盘")
    case = site.approved(copies_of(site.ledger, [record]))
    made.path.rename(tmp_path / "别处")
    done = site.execute(case)
    (tmp_path / "别处").rename(made.path)
    site.ledger.act(site.wang, ordered_hold(record))
    with pytest.raises(RefusedError, match="I-28"):
        keycopies.clear(site.ledger, site.person("chen"))
    assert states(made.path, done.keys) == {"present"}


def test_a_copy_said_to_be_cleared_that_is_not_fails_the_verification(
    site: Site, tmp_path: Path
) -> None:
    """Somebody puts the old file back after the keys were shredded in it."""
    (record,) = site.ripe(tmp_path / "合同")
    made = site.keys_backed_up(tmp_path / "盘")
    shutil.copytree(made.path, tmp_path / "旧")
    case = site.approved(copies_of(site.ledger, [record]))
    done = site.execute(case)
    shutil.rmtree(made.path)
    (tmp_path / "旧").rename(made.path)
    assert set(results(site.verify(case)).values()) == {("fail", "key_in_a_copy")}
    assert verdict(site, case) == "failed"
    with pytest.raises(RefusedError, match="I-30"):
        site.certify(case)
    (found,) = keycopies.checked(site.ledger)
    assert (found.state, found.present) == ("holds", len(done.keys))


def test_flash_is_overwritten_and_still_counts_as_left(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    stick = site.keys_backed_up(tmp_path / "盘", "usb_flash")
    case = site.approved(copies_of(site.ledger, [record]))
    done = site.execute(case)
    assert done.key_copies == ((stick.copy,), (stick.copy,))
    assert states(stick.path, done.keys) == {"erased"}
    site.verify(case)
    assert fates(site, case) == {stick.copy: "medium_keeps"}
    assert verdict(site, case) == "partial"
    with pytest.raises(RefusedError, match="technique_leaves_the_keys"):
        keycopies.destroy(site.ledger, site.wang, stick.copy, "overwrite")
    sun = site.crew.people["sun"]
    with pytest.raises(UsageError, match="still there"):
        keycopies.destroy(site.ledger, site.wang, stick.copy, "shred_media", witnesses=[sun])
    shutil.rmtree(stick.path)
    keycopies.destroy(site.ledger, site.wang, stick.copy, "shred_media", witnesses=[sun])
    assert fates(site, case) == {stick.copy: "destroyed"}
    site.certify(case)
    assert verdict(site, case) == "destroyed"


def test_a_certificate_stays_what_it_was_when_a_copy_turns_up(site: Site, tmp_path: Path) -> None:
    case, done = destroyed(site, tmp_path / "合同")
    site.verify(case)
    site.certify(case)
    with site.ledger.engine.connect() as connection:
        entry = getattr(certificates.one(connection, case), "certified_entry", None)
    before = certificate(site.ledger, case, entry)
    found = {"kind": "backup", "medium": "usb_flash", "made_at": "2020-01-01T00:00:00.000Z",
             "through": max(done.keys)}  # fmt: skip
    copy, _ = keycopying.register(site.ledger, site.wang, found, {"location": "抽屉"})
    assert certificate(site.ledger, case, entry) == before
    assert fates(site, case) == {copy: "left"}, "and whoever asks now is told"


def test_the_expiry_of_a_backup_clears_the_copies_of_its_keys_too(
    crew: Crew, tmp_path: Path
) -> None:
    with crew.open() as site:
        site.ripe_in_vault(tmp_path / "合同")
        (copied, *_) = site.backed_up(tmp_path / "备份")
        made = site.keys_backed_up(tmp_path / "盘")
        state = site.ledger.state(copied)
        assert isinstance(state, HoldingState)
        assert state.backup
        done = expire(site.ledger, site.wang, state.backup)
        assert done.keys
        assert states(made.path, done.keys) == {"erased"}
        assert [one.state for one in keycopies.checked(site.ledger)] == ["clear"]
    assert check(crew.firm).findings == ()


# -- what goes wrong while one is made ----------------------------------------------------------


def no_copy(site: Site, target: Path) -> None:
    """Nothing is left of it, and the ledger says so."""
    assert list(target.iterdir()) == []
    assert not any(copy.there for copy in copies(site))
    assert keycopies.left_of(site.ledger, list(site.ledger.keystore.present())) == []


@pytest.mark.parametrize("name", ["kek.json", "slots.part"])
def test_a_full_disk_leaves_no_copy(site: Site, tmp_path: Path, name: str) -> None:
    target = tmp_path / "盘"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", full_for(target, name, times=1))
        with pytest.raises(MunimentError, match="cannot be written"):
            site.keys_backed_up(target)
    no_copy(site, target)


def full_for(target: Path, name: str, times: int) -> Any:
    """A disk that has no room, so many times, for a file of this name below `target`."""
    real, left = os.fsync, [times]

    def full(descriptor: int) -> None:
        place = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if str(target) in place and name in place and left[0]:
            left[0] -= 1
            raise OSError(28, "No space left on device")
        real(descriptor)

    return full


def test_what_cannot_be_taken_back_stays_registered(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "盘"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", full_for(target, "slots.part", times=99))
        with pytest.raises(MunimentError, match="cannot be written"):
            site.keys_backed_up(target)
    (copy,) = copies(site)
    assert copy.there, "something of it may be left"
    removed, _ = keycopies.destroy(site.ledger, site.wang, copy.copy, "overwrite")
    assert removed
    no_copy(site, target)


def test_a_disk_that_reads_back_something_else_leaves_no_copy(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slots, "copy_to", lambda *_: (1, "0" * 64))
    with pytest.raises(MunimentError, match="does not read back"):
        site.keys_backed_up(tmp_path / "盘")
    no_copy(site, tmp_path / "盘")


def test_nothing_is_copied_into_the_ledgers_own_folder_or_nowhere(
    site: Site, tmp_path: Path
) -> None:
    seen, present = site.ledger.seen(), list(site.ledger.keystore.present())
    with pytest.raises(UsageError, match="inside the ledger"):
        keycopying.backup(site.ledger, site.wang, site.crew.firm.path, "disk_external")
    with pytest.raises(UsageError, match="not there"):
        keycopying.backup(site.ledger, site.wang, tmp_path / "没有", "disk_external")
    with pytest.raises(RefusedError, match="role_does_not_permit"):
        keycopying.backup(site.ledger, site.person("luo"), tmp_path, "disk_external")
    assert site.ledger.seen() == seen
    assert list(site.ledger.keystore.present()) == present
    assert not any(path.name.startswith("keycopy") for path in tmp_path.iterdir())


# -- escrow -------------------------------------------------------------------------------------


class Notary:
    """Somebody with an age key of their own."""

    def __init__(self) -> None:
        self.identity = pyrage.x25519.Identity.generate()
        self.name = str(self.identity.to_public())

    def keys(self, path: Path) -> dict[str, bytes]:
        """What is in an escrow, read without any code of the ledger's."""
        header, _origin, *lines = (
            pyrage.decrypt(path.read_bytes(), [self.identity]).decode("ascii").splitlines()
        )
        assert header == "muniment-keys/v1"
        return {key: b64decode(value) for key, value in map(str.split, lines)}


def escrowed(site: Site, path: Path, notary: Notary, keys: Any, medium: str = "usb_flash") -> Made:
    return keycopying.escrow(site.ledger, site.wang, path, [notary.name], keys, medium)


def test_a_key_in_escrow_opens_the_object_that_it_is_for(site: Site, tmp_path: Path) -> None:
    """The notary's age key, the file and the object in the vault are enough."""
    (record,) = site.ripe_in_vault(tmp_path / "合同")
    (place,) = (p for i in copies_of(site.ledger, [record])
                if (p := place_of(site.ledger, i)).object)  # fmt: skip
    notary = Notary()
    made = escrowed(site, tmp_path / "托管.age", notary, [place.key])
    (key,) = notary.keys(made.path).values()
    with Path(os.fsdecode(place.path)).open("rb") as file:
        content = b"".join(stream.decrypt(file, key))
    assert "客户王小明" in content.decode("utf-8")
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(made.path.read_bytes(), [Notary().identity])


def test_an_escrow_of_everything_has_every_key(site: Site, tmp_path: Path) -> None:
    site.ripe(tmp_path / "合同", 3)
    present = list(site.ledger.keystore.present())
    notary = Notary()
    made = escrowed(site, tmp_path / "托管.age", notary, None)
    assert notary.keys(made.path) == {key: site.ledger.keystore.key(key) for key in present}
    (copy,) = copies(site)
    assert (copy.through, copy.listed) == (present[-1], 0)


def test_an_escrow_is_out_of_reach_until_it_is_destroyed(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    made = escrowed(site, tmp_path / "托管.age", Notary(), None)
    case = site.approved(copies_of(site.ledger, [record]))
    assert site.execute(case).key_copies == ((), (made.copy,))
    site.verify(case)
    assert verdict(site, case) == "partial"
    assert [one.state for one in keycopies.checked(site.ledger)] == ["out_of_reach"]
    sun = site.crew.people["sun"]
    with pytest.raises(UsageError, match="still there"):
        keycopies.destroy(site.ledger, site.wang, made.copy, "incinerate", witnesses=[sun])
    made.path.unlink()
    with pytest.raises(RefusedError, match="nobody_watched"):
        keycopies.destroy(site.ledger, site.wang, made.copy, "incinerate")
    keycopies.destroy(site.ledger, site.wang, made.copy, "incinerate", witnesses=[sun])
    assert verdict(site, case) == "destroyed"


def test_a_key_of_a_restricted_record_is_not_given_away(site: Site, tmp_path: Path) -> None:
    """Whoever opens the file reads the content, so it is what is no longer permitted."""
    (record,) = site.ripe_in_vault(tmp_path / "合同")
    with site.ledger.engine.connect() as connection:
        used = [LedgerFacts(connection).keys(copy) for copy in copies_of(site.ledger, [record])]
    keys = sorted({key for one in used for key in one.copy | one.records})
    site.ledger.act(site.wang, [custody.restrict(record, "objection", None, None)])
    seen, present = site.ledger.seen(), list(site.ledger.keystore.present())
    for key in keys:
        with pytest.raises(RefusedError, match="record_is_restricted"):
            escrowed(site, tmp_path / "托管.age", Notary(), [key])
    assert site.ledger.seen() == seen
    assert list(site.ledger.keystore.present()) == present, "no key of a file that is not"
    assert not (tmp_path / "托管.age").exists()
    assert escrowed(site, tmp_path / "托管.age", Notary(), None).keys >= len(keys)


def test_many_keys_are_listed_in_one_commit(site: Site, tmp_path: Path) -> None:
    keys = [key for key, _ in site.ledger.keystore.new_keys(450)]
    entries = site.ledger.seen()[0]
    made = escrowed(site, tmp_path / "托管.age", Notary(), keys)
    (copy,) = copies(site)
    assert (made.keys, copy.listed, copy.through) == (450, 450, None)
    assert site.ledger.seen()[0] == entries + 1


def test_nothing_is_written_for_nobody_or_over_something(site: Site, tmp_path: Path) -> None:
    seen, path = site.ledger.seen(), tmp_path / "托管.age"
    with pytest.raises(UsageError, match="recipient"):
        keycopying.escrow(site.ledger, site.wang, path, ["age1nobody"], None, "usb_flash")
    with pytest.raises(KeyAccessError, match="unknown"):
        escrowed(site, path, Notary(), ["key-01890a5d-ac96-774b-bcce-b302099a8057"])
    path.write_text("别人的", encoding="utf-8")
    with pytest.raises(UsageError, match="a file of this name"):
        escrowed(site, path, Notary(), None)
    assert path.read_text(encoding="utf-8") == "别人的"
    assert site.ledger.seen() == seen


def test_a_library_that_is_missing_is_named(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(UsageError, match="pyrage") as refused:
        escrowed(site, tmp_path / "托管.age", Notary(), None)
    assert "muniment[age]" in (refused.value.remedy or "")


# -- their end ----------------------------------------------------------------------------------


def test_a_backup_that_is_here_is_overwritten_before_it_counts_as_gone(
    site: Site, tmp_path: Path
) -> None:
    made = site.keys_backed_up(tmp_path / "盘")
    with (made.path / "slots").open("rb") as file:
        size = len(file.read())
        file.seek(0)
        removed, _ = keycopies.destroy(site.ledger, site.wang, made.copy, "overwrite")
        assert removed
        assert file.read() == bytes(size)
    assert list((tmp_path / "盘").iterdir()) == []
    with pytest.raises(RefusedError, match="key_copy_is_over"):
        keycopies.destroy(site.ledger, site.wang, made.copy, "overwrite")

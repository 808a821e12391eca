"""Copies of keys under attack: places that are none, disks that are away, keystores put back."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from ledger.effects import keycopies, keycopying
from ledger.effects.certifying import projected_verdict
from ledger.effects.destroying import copies_of
from ledger.effects.places import place_of
from ledger.effects.reapplying import reapply
from ledger.errors import MunimentError, RefusedError, UsageError
from ledger.signing import now
from ledger.slots import Slots
from projections import certificates
from tests.ledger.crews import (
    PEOPLE,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    hire,
    site_fixture,  # noqa: F401
)
from tests.ledger.ledgers import buyer
from tests.ledger.test_keycopies import Notary, copies, destroyed, escrowed, fates, states, verdict

# -- attacks on what is not a copy, and on what is not here -------------------------------------


def registered(site: Site, place: str, **fields: Any) -> str:
    said = {"kind": "backup", "medium": "disk_external", **fields}
    copy, _ = keycopying.register(site.ledger, site.wang, said, {"location": place})
    return copy


@pytest.mark.parametrize("kind", ["backup", "escrow", "export"])
def test_the_keystore_itself_is_not_registered_as_a_copy(site: Site, kind: str) -> None:
    """With one command more a single person would be rid of every key, under any hold."""
    keystore = site.ledger.folder.keystore
    seen = site.ledger.seen()
    for place in (keystore, keystore / "slots", keystore / ".." / "keystore"):
        with pytest.raises(UsageError, match="inside the ledger"):
            registered(site, str(place), kind=kind)
    assert site.ledger.seen() == seen


def test_the_keystore_is_not_overwritten_as_a_live_copy(site: Site) -> None:
    keystore = site.ledger.folder.keystore
    live = registered(site, str(keystore), kind="live")
    before = (keystore / "slots").read_bytes()
    with pytest.raises(RefusedError, match="keystore_is_no_copy"):
        keycopies.destroy(site.ledger, site.wang, live, "overwrite")
    assert keycopies.own_files(site.ledger, live) == []
    assert (keystore / "slots").read_bytes() == before


@pytest.mark.parametrize("way", ["symlink", "hard link"])
def test_the_keystore_is_known_by_another_name_too(site: Site, tmp_path: Path, way: str) -> None:
    """The link is made after the place was registered."""
    keystore = site.ledger.folder.keystore
    copy = registered(site, str(tmp_path / "别名"))
    before = (keystore / "slots").read_bytes()
    if way == "symlink":
        (tmp_path / "别名").symlink_to(keystore)
    else:
        (tmp_path / "别名").mkdir()
        (tmp_path / "别名" / "slots").hardlink_to(keystore / "slots")
    with pytest.raises(UsageError, match="surely of this copy"):
        keycopies.destroy(site.ledger, site.wang, copy, "overwrite")
    assert (keystore / "slots").read_bytes() == before


@pytest.mark.parametrize("kind", ["backup", "escrow", "export"])
def test_a_typed_place_overwrites_nobodys_file(site: Site, tmp_path: Path, kind: str) -> None:
    """Neither a file, nor a folder with files of a keystore's names, is a copy by being named."""
    victim, folder = tmp_path / "账册.xlsx", tmp_path / "别家"
    folder.mkdir()
    for path in (victim, folder / "slots", folder / "kek.json"):
        path.write_bytes(b"of somebody else")
    for place in (victim, folder):
        copy = registered(site, str(place), kind=kind)
        with pytest.raises(UsageError, match="surely of this copy"):
            keycopies.destroy(site.ledger, site.wang, copy, "overwrite")
    assert {p.read_bytes() for p in (victim, *folder.iterdir())} == {b"of somebody else"}


def test_an_escrow_whose_file_was_replaced_is_left_alone(site: Site, tmp_path: Path) -> None:
    made = escrowed(site, tmp_path / "托管.age", Notary(), None, medium="disk_external")
    made.path.write_bytes(b"another file of this name")
    with pytest.raises(UsageError, match="surely of this copy"):
        keycopies.destroy(site.ledger, site.wang, made.copy, "overwrite")
    assert made.path.read_bytes() == b"another file of this name"


def test_an_escrow_is_overwritten_where_it_was_written(site: Site, tmp_path: Path) -> None:
    made = escrowed(site, tmp_path / "托管.age", Notary(), None, medium="disk_external")
    removed, _ = keycopies.destroy(site.ledger, site.wang, made.copy, "overwrite")
    assert removed
    assert not made.path.exists()


def test_a_copy_made_by_hand_is_known_by_its_last_key(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.ledger.folder.keystore, tmp_path / "手工")
    copy = registered(site, str(tmp_path / "手工"))
    removed, _ = keycopies.destroy(site.ledger, site.wang, copy, "overwrite")
    assert removed
    assert not (tmp_path / "手工").exists()


def test_a_disk_that_is_not_plugged_in_was_not_overwritten(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    made = site.keys_backed_up(tmp_path / "盘")
    (tmp_path / "盘").rename(tmp_path / "拔掉")
    seen = site.ledger.seen()
    with pytest.raises(UsageError, match="nothing was recorded"):
        keycopies.destroy(site.ledger, site.wang, made.copy, "overwrite")
    assert site.ledger.seen() == seen
    case = site.approved(copies_of(site.ledger, [record]))
    done = site.execute(case)
    assert done.key_copies.left == (made.copy,)


def test_an_overwriting_that_was_broken_off_is_recorded_by_the_next_run(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power fails after the files are gone and before the ledger says so."""
    made = site.keys_backed_up(tmp_path / "盘")
    with monkeypatch.context() as patch:
        patch.setattr(type(site.ledger), "act", stopped)
        with pytest.raises(KeyboardInterrupt):
            keycopies.destroy(site.ledger, site.wang, made.copy, "overwrite")
    assert not made.path.exists()
    (copy,) = copies(site)
    assert copy.there
    removed, _ = keycopies.destroy(site.ledger, site.wang, made.copy, "overwrite")
    assert removed
    assert not (site.ledger.folder.path / "pending" / made.copy).exists()


def stopped(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def test_a_half_overwritten_copy_made_by_hand_is_still_its_own(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its slot file is zeros by then, and proves nothing any more."""
    shutil.copytree(site.ledger.folder.keystore, tmp_path / "手工")
    copy = registered(site, str(tmp_path / "手工"))
    with monkeypatch.context() as patch:
        patch.setattr("ledger.effects.removing.is_zero", lambda *_: False)
        with pytest.raises(MunimentError, match="does not read back"):
            keycopies.destroy(site.ledger, site.wang, copy, "overwrite")
    assert (tmp_path / "手工" / "slots").read_bytes().count(0) > 0
    removed, _ = keycopies.destroy(site.ledger, site.wang, copy, "overwrite")
    assert removed
    assert not (tmp_path / "手工").exists()


def test_a_large_copy_is_overwritten_in_pieces(tmp_path: Path) -> None:
    """A million keys are 80 MB: not held in memory."""
    path = tmp_path / "slots"
    with path.open("wb") as file:
        file.truncate(80_000_000)
        file.write(b"key")
    tracemalloc.start()
    keycopies.overwrite(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not path.exists()
    assert peak < 4_000_000


# -- what came back, and what was made when -----------------------------------------------------


def test_a_stick_from_a_drawer_counts_as_old(site: Site, tmp_path: Path) -> None:
    """Nobody says when it was made: then it has what was shredded before it was registered."""
    case, done = destroyed(site, tmp_path / "合同")
    copy = registered(site, "抽屉", medium="usb_flash")
    site.verify(case)
    assert fates(site, case) == {copy: "left"}, "with a time of now it would be clear"
    assert done.keys


def test_a_folder_contradicts_the_time_at_which_it_was_made(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.ledger.folder.keystore, tmp_path / "更旧")
    (record,) = site.ripe(tmp_path / "合同")
    shutil.copytree(site.ledger.folder.keystore, tmp_path / "旧")
    case = site.approved(copies_of(site.ledger, [record]))
    site.execute(case)
    with pytest.raises(UsageError, match="destroyed before the time"):
        registered(site, str(tmp_path / "旧"), made_at=now())
    older = registered(site, str(tmp_path / "更旧"), made_at=now())
    (row,) = (copy for copy in copies(site) if copy.copy == older)
    with Slots.at(tmp_path / "更旧", reading=True) as slots:
        assert row.through == slots.last
        first = next(slots.present())
    with pytest.raises(UsageError, match="later keys"):
        registered(site, str(tmp_path / "旧"), through=first)
    copy = registered(site, str(tmp_path / "旧"))
    site.verify(case)
    assert fates(site, case)[copy] == "left"


def test_an_old_keystore_put_back_is_not_copied_again(site: Site, tmp_path: Path) -> None:
    slots = site.ledger.folder.keystore / "slots"
    (record,) = site.ripe(tmp_path / "合同")
    case = site.approved(copies_of(site.ledger, [record]))
    old = slots.read_bytes()
    site.execute(case)
    with slots.open("r+b") as file:  # the same file: the open keystore sees it, too
        file.write(old)
    seen = site.ledger.seen()
    with pytest.raises(MunimentError, match="put back") as refused:
        site.keys_backed_up(tmp_path / "盘")
    assert refused.value.remedy == "muniment ledger reapply"
    with pytest.raises(MunimentError, match="put back"):
        escrowed(site, tmp_path / "托管.age", Notary(), None)
    assert site.ledger.seen() == seen
    assert list((tmp_path / "盘").iterdir()) == []
    reapply(site.ledger)
    assert site.keys_backed_up(tmp_path / "盘").keys


# -- copies of somebody else's ------------------------------------------------------------------


def test_a_copy_that_another_party_keeps_is_not_touched(site: Site, tmp_path: Path) -> None:
    """It can be read from here, and it is not ours: the execution stands, and says it is left."""
    said = buyer()
    site.ledger.act(site.wang, [said])
    role = next(iter(PEOPLE.values()))[0]
    other = hire(site.ledger, site.wang, said.stream, role, ["administrator", "custodian"])
    (record,) = site.ripe(tmp_path / "合同")
    (tmp_path / "买方盘").mkdir()
    theirs = keycopying.backup(
        site.ledger, site.ledger.acting(other), tmp_path / "买方盘", "disk_external"
    )
    ours = site.keys_backed_up(tmp_path / "盘")
    done = site.execute(site.approved(copies_of(site.ledger, [record])))
    assert done.key_copies == ((ours.copy,), (theirs.copy,))
    assert states(theirs.path, done.keys) == {"present"}
    assert states(ours.path, done.keys) == {"erased"}
    with pytest.raises(RefusedError, match="not_the_actors_party"):
        keycopies.clear(site.ledger, site.wang, [theirs.copy])
    assert states(theirs.path, done.keys) == {"present"}
    assert keycopies.clear(site.ledger, site.wang) == ({}, [])


def test_what_is_refused_after_the_execution_is_left_and_not_raised(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    one, two = (site.keys_backed_up(tmp_path / "盘") for _ in range(2))
    real = keycopies.shred_in

    def broken(ledger: Any, keys: Any) -> Any:
        if one.copy in keys:
            raise MunimentError("the medium is broken")
        return real(ledger, keys)

    monkeypatch.setattr(keycopies, "shred_in", broken)
    done = site.execute(site.approved(copies_of(site.ledger, [record])))
    assert done.key_copies == ((two.copy,), (one.copy,))


def test_the_verdict_of_a_case_before_its_certificate(site: Site, tmp_path: Path) -> None:
    """未通过核验, 无法核验, 部分销毁, 已销毁: by what reading back gave, worst first."""
    one, two = (site.copy(record) for record in site.ripe(tmp_path / "合同", 2))
    case = site.approved([one, two])
    assert verdict(site, case) is None
    lost = Path(os.fsdecode(place_of(site.ledger, two).path))
    lost.rename(tmp_path / "拿走")
    site.execute(case)
    assert verdict(site, case) is None, "nobody has looked yet"
    site.verify(case)
    assert verdict(site, case) == "unknown"
    (tmp_path / "拿走").rename(lost)
    site.verify(case)
    assert verdict(site, case) == "failed"
    site.execute(case)
    site.verify(case)
    assert verdict(site, case) == "destroyed"
    with site.ledger.engine.connect() as connection:
        found = certificates.one(connection, case)
        tally = certificates.tallies(connection, [case])[case]
    assert found is not None
    assert projected_verdict(site.ledger, found, tally, entry=0) is None

"""Scenario 06: after a destruction an older backup is restored; what was destroyed stays so.

Twice over: the backup of the contents leaves it out, and an old copy of the ledger with an old copy
of the keystore is cleared again of the keys before it counts.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ledger.effects import keycopies
from ledger.effects.backup import create
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.effects.ledgercopy import copy_ledger
from ledger.effects.ledgerrestore import restore_ledger
from ledger.effects.refetching import refetch
from ledger.effects.restoring import restore
from ledger.folder import Folder
from ledger.slots import Slots
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.ledgers import passphrase
from tests.ledger.tampering import check


def test_the_backup_of_the_contents_leaves_out_what_was_destroyed(
    crew: Crew, tmp_path: Path
) -> None:
    """Its own copy in the backup is on the list: an execution reaches it, a restore finds none."""
    target, into = tmp_path / "备份", tmp_path / "恢复"
    target.mkdir()
    into.mkdir()
    with crew.open() as site:
        gone, kept = site.ripe_in_vault(tmp_path / "合同", 2)
        made = create(site.ledger, site.wang, None, target, "full", "disk_external")
        backup = made.made[0].backup
        site.execute(site.approved(copies_of(site.ledger, [gone])))
        done = restore(
            site.ledger, site.wang, backup, None, into, "演练", "disk_internal"
        )  # fmt: skip
        assert len(done.restored) == 1
        texts = [path.read_text("utf-8") for path in into.rglob("holding-*") if path.is_file()]
        assert len(texts) == 1
        assert texts[0].startswith("第1号")
        assert site.ledger.state(kept) is not None
    assert check(crew.firm).findings == ()


def test_an_old_ledger_with_an_old_keystore_does_not_bring_it_back(
    crew: Crew, tmp_path: Path
) -> None:
    early, late, old = tmp_path / "早", tmp_path / "晚", tmp_path / "旧钥匙"
    with crew.open() as site:
        (gone,) = site.ripe_in_vault(tmp_path / "合同")
        copy_ledger(site.ledger, early)
        made = site.keys_backed_up(tmp_path / "盘")
        shutil.copytree(made.path, old)
        shutil.copytree(crew.firm.path / "identity", tmp_path / "身份")
        case = site.approved(copies_of(site.ledger, [gone]))
        keys = site.execute(case).keys
        site.verify(case)
        site.certify(case)
        copy_ledger(site.ledger, late)
    crew.firm.path.rename(tmp_path / "坏盘")
    restore_ledger(early, crew.firm.path, passphrase, keystore=old, identity=tmp_path / "身份")
    again = refetch(Folder(crew.firm.path), passphrase, late)
    assert again.reapplied.shredded == len(keys) > 0
    with Slots.at(crew.firm.path / "keystore") as slots:
        assert {slots.state(key) for key in keys} == {"erased"}
    with crew.open() as site:
        said = certificate(site.ledger, case)
        assert said is not None
        assert (said["verdict"], said["key_copies_left"]) == ("destroyed", [])
        assert [one.state for one in keycopies.checked(site.ledger)] == ["clear"]
    assert check(crew.firm).findings == ()

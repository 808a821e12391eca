"""A year at the shop: a clerk looks up a contract, a disk dies, and what was kept serves again."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from domain.backup import BackupStoredOffsite
from domain.values import later
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects.backup import create
from ledger.effects.cadence import overdue
from ledger.effects.drilling import Terms, drill
from ledger.effects.expiring import expire, verify
from ledger.effects.handing_out import Asked, access
from ledger.effects.restoring import restore
from ledger.errors import RefusedError
from ledger.rebuild import check
from ledger.signing import Proposal, now
from ledger.verification.stored import verify_folder
from tests.ledger.ledgers import add_person, collect_files
from tests.stories.test_scenario_12_identity_number_in_remark import files_with, spellings


def test_a_contract_is_looked_up_backed_up_lost_and_still_there(
    ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path
) -> None:
    (collected,) = collect_files(ledger, admin, tmp_path / "合同")
    axes = {
        "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
        "sensitive_kinds": [], "profile": ledger.policy().classification.profile,
    }  # fmt: skip
    ledger.act(admin, [acts.classify(ledger, collected.record, axes)])
    # The clerk asks and is refused; the refusal stays on record. Then somebody grants it.
    asked, page = Asked("service_delivery", "view", ticket="工单 7"), io.BytesIO()
    with pytest.raises(RefusedError, match="no_grant"):
        access(ledger, second_person, collected.record, asked, page)
    grant = custody.grant_access(
        second_person.actor, records=[collected.record], categories=[], modes=["view"],
        purposes=["service_delivery"], begins=later(now(), days=-1), ends=later(now(), days=30),
    )  # fmt: skip
    ledger.act(admin, [grant])
    access(ledger, second_person, collected.record, asked, page)
    assert page.getvalue().decode() == "第0号保洁合同"
    # Backups go to two disks and are read again.
    made = []
    for name in ("盘一", "盘二"):
        (tmp_path / name).mkdir()
        done = create(ledger, admin, None, tmp_path / name, "full", "disk_external")
        made.append(done.made[0].backup)
    assert all(verify(ledger, admin, backup).matched == 1 for backup in made)
    # The shop's own disk dies. The content comes from a backup, as it was recorded.
    (original,) = acts.record_state(ledger, collected.record).holdings
    (tmp_path / "合同" / "合同0.txt").unlink()
    ledger.act(admin, [acts.lose_holding(original, now(), {"circumstances": "硬盘损坏"})])
    page = io.BytesIO()
    again = access(ledger, second_person, collected.record, asked, page)
    assert (page.getvalue().decode(), again.intact) == ("第0号保洁合同", True)
    # One backup may go, the last copy may not.
    assert len(expire(ledger, admin, made[0]).gone) == 1
    with pytest.raises(RefusedError, match=r"I-26"):
        expire(ledger, admin, made[1])
    assert verify(ledger, admin, made[1]).matched == 1
    # Somebody who looked at nothing goes through the register.
    officer = add_person(ledger, admin, admin.state.party, ("dpo",))
    counts = {"allowed": 2, "denied": 1, "break_glass": 0}
    span = (later(now(), days=-1), now())
    ledger.act(officer, [custody.review_access(ledger.routine(), span, counts, 0, "无异常")])
    assert verify_folder(ledger.folder).verdict == "valid"
    with ledger.engine.connect() as connection:
        assert check(connection) == []
    assert files_with(ledger.folder.path, spellings("第0号保洁合同") | spellings("工单 7")) == []


def test_the_shop_burns_down_and_the_bank_has_the_backup(
    ledger: Ledger, admin: Acting, tmp_path: Path
) -> None:
    old, new = (collect_files(ledger, admin, tmp_path / name)[0] for name in ("合同", "新合同"))
    for name in ("盘一", "盘二", "演练", "新盘"):
        (tmp_path / name).mkdir()
    first, kept = (acts.record_state(ledger, one.record).holdings[0] for one in (old, new))
    (full,) = create(ledger, admin, [first], tmp_path / "盘一", "full", "disk_external").made
    (weekly,) = create(ledger, admin, None, tmp_path / "盘一", "incremental", "disk_external").made
    assert (full.copies, weekly.copies) == (1, 1)
    # They go to the bank, and somebody practises before it has to work.
    stored = {"custodian": admin.state.party, "received_by": admin.actor, "received_at": now()}
    for made in (full, weekly):
        ledger.act(admin, [Proposal(BackupStoredOffsite, made.backup, stored, {"place": "银行"})])
    drilled = drill(ledger, admin, weekly.backup, tmp_path / "演练", Terms(3600, "店里失火"))
    assert (drilled.result, list((tmp_path / "演练").iterdir())) == ("pass", [])
    with ledger.engine.connect() as connection:
        assert overdue(connection, ledger.policy(), now()[:10]) == []
    # It burns. Nothing of the bank's may go now; everything comes back to a new disk.
    for folder, lost in (("合同", first), ("新合同", kept)):
        shutil.rmtree(tmp_path / folder)
        ledger.act(admin, [acts.lose_holding(lost, now(), {"circumstances": "失火"})])
    with pytest.raises(RefusedError, match=r"I-26"):
        expire(ledger, admin, full.backup)
    back = restore(ledger, admin, weekly.backup, None, tmp_path / "新盘", "店里失火", "ssd")
    assert {original for _, original in back.restored} == {first, kept}
    texts = [path.read_text("utf-8") for path in (tmp_path / "新盘").rglob("holding-*")]
    assert texts == ["第0号保洁合同"] * 2
    # What came back is backed up like what was there before, and then the old disks may be cleared.
    (again,) = create(ledger, admin, None, tmp_path / "盘二", "full", "disk_external").made
    assert verify(ledger, admin, again.backup, decrypt=True).matched == 2
    for made in (weekly, full):
        assert len(expire(ledger, admin, made.backup).keys) == 1
    assert list((tmp_path / "盘一").iterdir()) == []
    assert verify_folder(ledger.folder).verdict == "valid"
    with ledger.engine.connect() as connection:
        assert check(connection) == []

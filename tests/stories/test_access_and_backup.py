"""A year at the shop: a clerk looks up a contract, a disk dies, and what was kept serves again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from domain.values import later
from ledger import acts, custody
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects.backup import create
from ledger.effects.expiring import expire, verify
from ledger.effects.handing_out import Asked, access
from ledger.errors import RefusedError
from ledger.rebuild import check
from ledger.signing import now
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

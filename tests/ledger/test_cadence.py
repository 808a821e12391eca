"""What is overdue of backups, by the days of the policy pack: 7, 30, 30 and 180."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.backup import BackupStoredOffsite
from ledger import acts
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.effects.backup import Made, create
from ledger.effects.cadence import Overdue, _Asked, _fresh, overdue
from ledger.effects.drilling import Terms, drill
from ledger.effects.expiring import expire, verify
from ledger.effects.restoring import restore
from ledger.signing import Proposal, now
from projections.backups import Backup
from tests.domain.worlds import policy
from tests.ledger.copying import Copying, copies_in, gather, plain

Late = Callable[[int], list[tuple[str, str]]]


@pytest.fixture
def originals(ledger: Ledger, admin: Acting, sources: Path) -> list[str]:
    return gather(ledger, admin, sources, plain(2))


@pytest.fixture
def late(ledger: Ledger) -> Late:
    """What is overdue so many days from today: code and subject."""

    def ask(days: int) -> list[tuple[str, str]]:
        return [(one.code, one.subject) for one in _asked(ledger, days)]

    return ask


def _today(ledger: Ledger) -> str:
    """The day of what was recorded last, where the firm is."""
    return ledger.policy().calendar.day_of(ledger.log.refresh().accepted)


def _asked(ledger: Ledger, days: int) -> list[Overdue]:
    day = (date.fromisoformat(_today(ledger)) + timedelta(days=days)).isoformat()
    with ledger.engine.connect() as connection:
        return overdue(connection, ledger.policy(), day)


def stored_offsite(ledger: Ledger, admin: Acting, made: Made) -> None:
    fields = {"custodian": admin.state.party, "received_by": admin.actor, "received_at": now()}
    ledger.act(admin, [Proposal(BackupStoredOffsite, made.backup, fields, {"place": "银行"})])


def test_a_content_that_was_never_backed_up_is_late_after_seven_days(
    ledger: Ledger, originals: list[str], late: Late
) -> None:
    assert late(7) == []
    assert late(8) == [("never_backed_up", original) for original in originals]
    one = _asked(ledger, 8)[0]
    due = (date.fromisoformat(_today(ledger)) + timedelta(days=7)).isoformat()
    assert (one.since, one.due) == (_today(ledger), due)
    assert late(31)[2:] == [("no_offsite_copy", original) for original in originals]


@pytest.mark.parametrize(
    ("made", "late_on"),
    [
        ("2026-11-22T15:59:59.000Z", "2026-11-30"),
        ("2026-11-22T16:00:00.000Z", "2026-12-01"),
        ("2026-11-22T23:59:00.000Z", "2026-12-01"),
    ],
)
def test_days_are_those_of_the_packs_calendar(made: str, late_on: str) -> None:
    """Midnight is at 16:00 UTC in China; late is what was not done on its last day either."""
    last = (date.fromisoformat(late_on) - timedelta(days=1)).isoformat()
    asked = [_Asked(policy(), day).late("no_drill", "", made, 7) for day in (last, late_on)]
    since = (date.fromisoformat(last) - timedelta(days=7)).isoformat()
    assert [*map(list, asked)] == [[], [Overdue("no_drill", "", since, last)]]


def test_paper_needs_no_backup_here(ledger: Ledger, admin: Acting, late: Late) -> None:
    from domain.holding import HoldingCreated
    from ledger.signing import new_ids

    fields = {
        "custodian": admin.state.party, "form": "paper", "medium": "paper_copy", "size": 1,
        "items": 1, "encrypted": False,
    }  # fmt: skip
    said = Proposal(HoldingCreated, new_ids("holding")[0], fields, {"location": "三号柜"})
    ledger.act(admin, [said])
    assert late(500) == []


def test_a_backup_is_too_old_unless_it_was_continued_or_read_again(
    ledger: Ledger, admin: Acting, originals: list[str], copying: Copying, late: Late
) -> None:
    (made,) = copying().made
    assert late(7) == []
    assert late(8) == [("backup_too_old", original) for original in originals]
    copies_in(made)[0].unlink()
    verify(ledger, admin, made.backup)
    assert ("verification_failed", made.backup) in late(0)


def test_a_backup_that_is_never_read_again_or_practised_is_late(
    ledger: Ledger, admin: Acting, originals: list[str], copying: Copying, late: Late,
    tmp_path: Path,
) -> None:  # fmt: skip
    (made,) = copying().made
    assert ("not_verified", made.backup) not in late(30)
    assert ("not_verified", made.backup) in late(31)
    assert ("no_drill", made.backup) not in late(180)
    assert ("no_drill", made.backup) in late(181)
    (tmp_path / "a").mkdir()
    copies_in(made)[0].write_bytes(b"rot")
    drill(ledger, admin, made.backup, tmp_path / "a", Terms(60))
    assert late(0) == [("drill_failed", made.backup)]


def test_a_drill_of_the_newest_counts_for_the_chain_and_only_chains_are_drilled(
    ledger: Ledger, admin: Acting, originals: list[str], copying: Copying, late: Late,
    sources: Path, disk: Path, tmp_path: Path,
) -> None:  # fmt: skip
    (base,) = copying().made
    gather(ledger, admin, sources, {b"new": b"new"})
    (head,) = create(ledger, admin, None, disk, "incremental", "disk_external").made
    drills = [one for one in late(181) if one[0] == "no_drill"]
    assert drills == [("no_drill", head.backup)]
    (tmp_path / "a").mkdir()
    drill(ledger, admin, base.backup, tmp_path / "a", Terms(60))
    assert [one for one in late(180) if one[0].endswith("drill")] == []


def test_off_site_counts_by_content(
    ledger: Ledger, admin: Acting, originals: list[str], copying: Copying, late: Late, disk: Path
) -> None:
    made = copying(originals[0]).made[0]
    stored_offsite(ledger, admin, made)
    copying(originals[1])
    offsite = [one for one in late(31) if one[0] == "no_offsite_copy"]
    assert offsite == [("no_offsite_copy", originals[1])]


def test_what_expired_is_a_backup_of_nothing(
    ledger: Ledger, admin: Acting, originals: list[str], copying: Copying, late: Late
) -> None:
    (made,) = copying().made
    expire(ledger, admin, made.backup)
    assert late(8) == [("never_backed_up", original) for original in originals]


def test_a_content_that_was_restored_of_a_lost_original_stays_a_content(
    ledger: Ledger, admin: Acting, originals: list[str], copying: Copying, late: Late,
    tmp_path: Path,
) -> None:  # fmt: skip
    (made,) = copying().made
    lost = originals[0]
    ledger.act(admin, [acts.lose_holding(lost, now(), None)])
    assert ("backup_too_old", lost) not in late(8)
    (tmp_path / "a").mkdir()
    back = restore(ledger, admin, made.backup, [lost], tmp_path / "a", "损坏", "ssd")
    assert ("backup_too_old", back.restored[0][0]) in late(8)


def made_on(name: str, day: str, base: str | None = None, **fields: str) -> Backup:
    """A backup as the register has it."""
    told = {"verified_at": None, "result": None, "offsite_at": None, "drilled_at": None, **fields}
    return Backup(
        backup=name, kind="full", medium="ssd", started_at=day, ended_at=day, base=base, count=1,
        expired=0, created_entry=int(name), verified_entry=None, drill_result=None,
        expired_entry=None, changed_entry=1, **told,
    )  # fmt: skip


def test_what_continues_a_backup_keeps_it_fresh_and_so_does_a_verification_that_passed() -> None:
    first, second = made_on("1", "2026-01-01"), made_on("2", "2026-01-08", "1")
    third, other = made_on("3", "2026-01-15", "2"), made_on("4", "2026-01-20")
    made = {one.backup: one for one in (first, second, third, other)}
    assert _fresh(made) == {
        "1": "2026-01-15", "2": "2026-01-15", "3": "2026-01-15", "4": "2026-01-20",
    }  # fmt: skip
    for result, last in (("pass", "2026-02-01"), ("fail", "2026-01-20")):
        checked = made_on("4", "2026-01-20", verified_at="2026-02-01", result=result)
        assert _fresh({"4": checked}) == {"4": last}

"""Scenario 04: a hold placed between the second approval and the execution stops everything.

Not only the execution: nothing that destroys a part of what is held goes on either, whichever way
it is tried, and nothing at all has changed on any disk.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from domain.copies import HoldingState
from ledger import custody
from ledger.effects import destroying, keycopies
from ledger.effects.anonymising import anonymise
from ledger.effects.destroying import copies_of
from ledger.effects.expiring import expire
from ledger.effects.generalising import Plan
from ledger.errors import RefusedError
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    ordered_hold,
    outcomes,
)
from tests.ledger.tampering import check


def disks(home: Path) -> dict[str, str]:
    """Every file outside the database, by its digest: contents, objects, backups, key copies.

    Of the keystore the file may grow by keys that nothing is under.
    """
    return {
        str(path): sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.startswith(("ledger.db", "pin", "ledger.lock"))
        and "state" not in path.parts and path.parent.name != "keystore"
    }  # fmt: skip


class Approved:
    """Three contracts in vault, folder and backup, approved twice to go; then the court writes."""

    def __init__(self, site: Site, home: Path) -> None:
        self.site = site
        self.records = site.ripe_in_vault(home / "合同", 3)
        (self.backed_up, *_) = site.backed_up(home / "备份")
        site.keys_backed_up(home / "盘")
        self.case = site.approved(copies_of(site.ledger, self.records))
        said = ordered_hold(self.records[1])
        site.ledger.act(site.wang, said)
        self.hold = said[0].stream

    @property
    def backup(self) -> str:
        state = self.site.ledger.state(self.backed_up)
        assert isinstance(state, HoldingState)
        assert state.backup
        return state.backup


def test_nothing_goes_while_the_hold_stands_and_all_of_it_when_it_is_released(
    crew: Crew, tmp_path: Path
) -> None:
    with crew.open() as site:
        approved = Approved(site, tmp_path)
        case, before, seen = approved.case, disks(tmp_path), site.ledger.seen()
        with pytest.raises(RefusedError, match="I-28 hold_blocks_destruction") as refused:
            site.execute(case)
        assert approved.hold in refused.value.message
        assert disks(tmp_path) == before
        assert site.ledger.seen() == seen
        said = custody.release_hold(site.ledger, approved.hold, [], "解封通知")
        site.together(said, "zhao", "approver")
        done = site.execute(case)
        assert set(outcomes(done).values()) == {("destroyed", "removed")}
    assert check(crew.firm).findings == ()


@pytest.mark.parametrize("path", ["expire", "propose", "approve", "anonymise", "shred"])
def test_no_other_way_leads_around_the_hold(crew: Crew, tmp_path: Path, path: str) -> None:
    """Backup expiry, another case, a further approval, anonymisation, the bare keys."""
    with crew.open() as site:
        approved = Approved(site, tmp_path)
        ledger, wang = site.ledger, site.wang
        held = site.copy(approved.records[1])
        keys = sorted(ledger.keystore.present())

        def shred() -> None:  # what a client without scruples sends
            state = site.state(approved.case)
            said = destroying._proposals(
                ledger, state, destroying.Terms(), "2026-01-01T00:00:00.000Z",
                {held: "destroyed"}, keys[:1],
            )  # fmt: skip
            ledger.act(site.person("chen"), said)

        ways = {
            "expire": lambda: expire(ledger, wang, approved.backup),
            "propose": lambda: site.proposed([held], "redundant_copy"),
            "approve": lambda: ledger.act(
                site.person("li"), [custody.approve(ledger, approved.case, None)]
            ),
            "anonymise": lambda: anonymise(ledger, wang, held, Plan(), tmp_path / "匿名.csv"),
            "shred": shred,
        }
        before, seen = disks(tmp_path), ledger.seen()
        with pytest.raises(RefusedError) as refused:
            ways[path]()
        assert "I-28 hold_blocks_destruction" in " ".join(map(str, refused.value.refusals))
        assert disks(tmp_path) == before
        assert ledger.seen() == seen
        assert {ledger.keystore.state(key) for key in keys} == {"present"}


def test_a_hold_placed_after_the_execution_keeps_the_last_key_in_a_drawer(
    crew: Crew, tmp_path: Path
) -> None:
    """The disk with the copy of the keys was away: what it still has is evidence now."""
    with crew.open() as site:
        (record,) = site.ripe_in_vault(tmp_path / "合同")
        made = site.keys_backed_up(tmp_path / "盘")
        case = site.approved(copies_of(site.ledger, [record]))
        made.path.rename(tmp_path / "抽屉")
        site.execute(case)
        (tmp_path / "抽屉").rename(made.path)
        site.ledger.act(site.wang, ordered_hold(record))
        before = disks(tmp_path)
        with pytest.raises(RefusedError, match="I-28"):
            keycopies.clear(site.ledger, site.wang)
        with pytest.raises(RefusedError, match="I-28"):
            site.execute(case)
        assert disks(tmp_path) == before

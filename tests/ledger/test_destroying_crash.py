"""An execution struck down anywhere: run again it ends, and nothing is certified unrecorded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from domain import disposal
from domain.destruction import CaseState, DestructionExecuted, DestructionVerified, Verified
from domain.values import later
from ledger import acts, custody
from ledger.custody import case_state
from ledger.doctor import examine
from ledger.effects import pending
from ledger.effects.certifying import certificate
from ledger.effects.destroying import Terms, copies_of, execute, finish
from ledger.effects.pending import open_journal
from ledger.errors import RefusedError, UsageError, VerificationError
from ledger.folder import Folder
from ledger.signing import Proposal
from ledger.slots import Slots
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    hire,
    ordered_hold,
    outcomes,
    results,
)
from tests.ledger.desk import ROOT
from tests.ledger.replayed import audited, modified_client, not_permitted
from tests.ledger.striking import EXIT, POINTS
from tests.ledger.tampering import check

COUNT = 3
REACHED = [
    ("plan written", 1), ("plan written", 2), ("journal written", 1), ("journal written", 2),
    ("journal written", 3), ("overwriting", 2), ("writing zeros", 2), ("writing zeros", 5),
    ("renaming", 2), ("unlinking", 1), ("unlinking", 3), ("flushing", 3), ("flushing", 5),
    ("flushing", 8), ("shredding", 1), ("looking for texts", 1), ("recording", 1),
    ("deleting texts", 1), ("rereading", 1), ("cleaning up", 1), ("marking recorded", 1),
    ("shredding in copies", 1), ("telling of copies", 2),
]  # fmt: skip


class Struck:
    """A case of three files, each with a backup, approved; its execution is struck down."""

    def __init__(self, crew: Crew, home: Path) -> None:
        self.crew = crew
        self.home = home
        with crew.open() as site:
            self.records = site.ripe(home / "合同", COUNT)
            site.backed_up(home / "备份")
            self.keys = site.keys_backed_up(home / "钥匙盘")
            self.items = copies_of(site.ledger, self.records)
            self.case = site.approved(self.items)

    def strike(self, point: str, number: int) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "tests.ledger.striking", str(self.crew.firm.path),
             self.crew.people["chen"], self.case, point, str(number)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.stderr == ""
        return done.returncode

    def recorded(self) -> bool:
        with self.crew.open() as site:
            return site.state(self.case).begun

    def left(self) -> list[Path]:
        """Whatever lies in the folders of the originals and of the backup, but a list of ids."""
        found = [*(self.home / "合同").rglob("*"), *(self.home / "备份").rglob("*")]
        return [path for path in found if path.is_file() and path.name != "manifest.json"]


@pytest.fixture(scope="session")
def struck_template(tmp_path_factory: pytest.TempPathFactory, crew_template: Crew) -> Struck:
    """Prepared once, and kept beside itself: a case knows its files by their paths."""
    home = tmp_path_factory.mktemp("struck")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "now" / "state"))
        shutil.copytree(crew_template.firm.path, home / "now" / "ledger")
        firm = crew_template.firm._replace(path=home / "now" / "ledger")
        struck = Struck(crew_template._replace(firm=firm), home / "now")
    shutil.copytree(home / "now", home / "kept")
    return struck


@pytest.fixture
def struck(struck_template: Struck, monkeypatch: pytest.MonkeyPatch) -> Struck:
    home = struck_template.home
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    shutil.rmtree(home)
    shutil.copytree(home.with_name("kept"), home)
    return struck_template


@pytest.mark.parametrize(("point", "number"), REACHED)
def test_an_execution_struck_down_is_run_again_and_ends(
    struck: Struck, point: str, number: int
) -> None:
    assert struck.strike(point, number) == EXIT, "the point was reached"
    recorded = struck.recorded()
    with struck.crew.open() as site:
        if not recorded:
            with pytest.raises((RefusedError, UsageError)):
                site.certify(struck.case)
            done = site.execute(struck.case)
            assert set(outcomes(done).values()) == {("destroyed", "removed")}
            assert len(outcomes(done)) == len(struck.items)
            assert len(done.keys) >= COUNT
        else:
            late = site.execute(struck.case)
            assert (late.fates, late.key_copies) == ((), ((struck.keys.copy,), ()))
        with pytest.raises(UsageError, match="no copy on the list is left"):
            site.execute(struck.case)
        assert finish(site.ledger, struck.case) is not None
        state = site.state(struck.case)
        assert set(state.items.values()) == {"destroyed"}
        assert set(results(site.verify(struck.case)).values()) == {("pass", "gone")}
        site.certify(struck.case)
        said = certificate(site.ledger, struck.case)
        assert said is not None
        assert said["verdict"] == "destroyed"
        assert {site.ledger.keystore.state(key) for key in said["keys"]} == {"erased"}
        with Slots.at(struck.keys.path, reading=True) as slots:
            assert {slots.state(key) for key in said["keys"]} == {"erased"}
    assert struck.left() == []
    assert check(struck.crew.firm).findings == ()


def test_every_point_is_reached_at_least_once() -> None:
    assert {point for point, _ in REACHED} == set(POINTS)


def test_after_a_crash_nothing_else_is_said_of_the_case(struck: Struck) -> None:
    assert struck.strike("recording", 1) == EXIT
    with struck.crew.open() as site:
        for _ in range(2):
            with pytest.raises(UsageError, match="broken off"):
                finish(site.ledger, struck.case)
        with pytest.raises(UsageError, match="broken off"):
            site.verify(struck.case)
    assert check(struck.crew.firm).findings == ()


def test_whoever_began_and_was_struck_down_does_not_read_back(struck: Struck) -> None:
    """Chen begins, Wang finishes and is recorded as the operator; Chen stays one."""
    assert struck.strike("unlinking", 3) == EXIT
    with struck.crew.open() as site:
        roles = [(site.crew.firm.founded.actor, "destruction_operator"),
                 (site.crew.people["chen"], "reviewer")]  # fmt: skip
        for actor, role in roles:
            site.ledger.act(site.wang, [acts.grant_role(actor, role)])
        wang = site.ledger.acting(site.crew.firm.founded.actor)
        execute(site.ledger, wang, struck.case, Terms())
        with pytest.raises(RefusedError, match="verifier_is_operator"):
            site.verify(struck.case, by="chen")
        site.verify(struck.case)


def test_the_ledger_says_who_began_so_that_no_other_client_reads_back(
    struck: Struck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chen's own client looks into no journal: the rule refuses it, the replay finds it."""
    assert struck.strike("unlinking", 3) == EXIT
    with struck.crew.open() as site:
        chen = site.crew.people["chen"]
        for actor, role in (
            (site.crew.firm.founded.actor, "destruction_operator"), (chen, "reviewer"),
        ):  # fmt: skip
            site.ledger.act(site.wang, [acts.grant_role(actor, role)])
        wang = site.ledger.acting(site.crew.firm.founded.actor)
        execute(site.ledger, wang, struck.case, Terms())
        state = case_state(site.ledger, CaseState, struck.case)
        results = [Verified(holding=item, result="pass") for item in state.items]
        said = Proposal(DestructionVerified, struck.case, {
            "root": state.root, "method": "visual", "results": results,
        })  # fmt: skip
        with pytest.raises(RefusedError, match="verifier_is_operator"):
            site.ledger.act(site.person("chen"), [said])
        with modified_client(monkeypatch):
            done = site.ledger.act(site.person("chen"), [said])
        heard = not_permitted(audited(site.ledger.folder))
    assert heard == [("I-07", "verifier_is_operator", done.first)]


def test_struck_down_twice(struck: Struck) -> None:
    assert struck.strike("unlinking", 2) == EXIT
    assert struck.strike("overwriting", 1) == EXIT
    assert struck.strike("shredding", 1) == EXIT
    with struck.crew.open() as site:
        assert set(outcomes(site.execute(struck.case)).values()) == {("destroyed", "removed")}
    assert struck.left() == []


def test_what_vanishes_during_the_outage_was_not_destroyed_by_us(struck: Struck) -> None:
    assert struck.strike("unlinking", 1) == EXIT
    gone = [path for path in struck.left() if not path.name.startswith(".muniment-")][-1]
    gone.unlink()
    with struck.crew.open() as site:
        found = sorted(outcomes(site.execute(struck.case)).values())
    assert found.count(("unknown", "vanished")) == 1
    assert found.count(("destroyed", "removed")) == len(struck.items) - 1


def test_a_hold_placed_during_the_outage_stops_it_until_it_is_released(struck: Struck) -> None:
    assert struck.strike("unlinking", 2) == EXIT
    before = {path.name for path in struck.left()}
    with struck.crew.open() as site:
        site.ledger.act(site.wang, ordered_hold(*struck.records[2:]))
        with pytest.raises(RefusedError, match="I-28"):
            site.execute(struck.case)
        with pytest.raises(UsageError, match="broken off"):
            finish(site.ledger, struck.case)
    assert {path.name for path in struck.left()} == before


def started(site: Site, case: str) -> list[str]:
    """When the recorded executions of a case began."""
    events = [event for _, _, event, _ in site.ledger.events_of(case)]
    return [event.started_at for event in events if isinstance(event, DestructionExecuted)]


def begun_at(site: Site, case: str) -> str:
    """When an execution that was broken off began, by its journal."""
    journal = open_journal(site.ledger.folder, site.ledger.keystore, case)
    assert journal is not None
    return journal.started


def test_an_approval_more_during_the_outage_leaves_the_beginning_where_it_was(
    struck: Struck,
) -> None:
    assert struck.strike("unlinking", 2) == EXIT
    with struck.crew.open() as site:
        at = begun_at(site, struck.case)
        party = site.wang.state.party
        third = hire(site.ledger, site.wang, party, "sales", ["approver"])
        approval = custody.approve(site.ledger, struck.case, None)
        site.ledger.act(site.ledger.acting(third), [approval])
        site.execute(struck.case)
        assert started(site, struck.case) == [at]


def test_approvals_that_had_to_be_renewed_restate_the_beginning(
    struck: Struck, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert struck.strike("unlinking", 2) == EXIT
    with struck.crew.open() as site:
        at = begun_at(site, struck.case)

        def until(approved: str, *, days: int) -> str:
            """The term of what was approved before the outage is over."""
            return approved if approved <= at else later(approved, days=days)

        monkeypatch.setattr(disposal, "later", until)
        with pytest.raises(RefusedError, match="approval_expired"):
            site.execute(struck.case)
        for name in ("li", "zhao"):
            approval = custody.approve(site.ledger, struck.case, None)
            site.ledger.act(site.person(name), [approval])
        renewed = max(site.state(struck.case).approvals.values())
        site.execute(struck.case)
        (stated,) = started(site, struck.case)
        assert at < renewed <= stated


def test_doctor_names_a_case_until_its_execution_is_recorded(struck: Struck) -> None:
    folder = Folder(struck.crew.firm.path)

    def said() -> list[tuple[str, str]]:
        return [(c.state, c.remedy) for c in examine(folder) if c.code == "pending"]

    remedy = f"muniment destroy execute {struck.case}"
    assert said() == [("ok", "")]
    for point in ("unlinking", "marking recorded"):
        assert struck.strike(point, 1) == EXIT
        assert said() == [("warning", remedy)]
    with struck.crew.open() as site:
        finish(site.ledger, struck.case)
        assert said() == [("ok", "")]
        site.verify(struck.case)
        site.certify(struck.case)
    assert said() == [("ok", "")]


def test_a_journal_that_is_too_long_is_refused_and_left_as_it_is(
    struck: Struck, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert struck.strike("unlinking", 2) == EXIT
    path = struck.crew.firm.path / "pending" / struck.case
    whole = path.read_bytes()
    before = {path.name for path in struck.left()}
    monkeypatch.setattr(pending, "_MOST_BYTES", len(whole) - 1)
    with struck.crew.open() as site, pytest.raises(VerificationError, match="longer than any"):
        site.execute(struck.case)
    assert path.read_bytes() == whole
    assert {path.name for path in struck.left()} == before


def test_a_case_whose_steps_would_not_fit_is_not_begun(
    struck: Struck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "_MOST_BYTES", 3_000)
    before = {path.name for path in struck.left()}
    with struck.crew.open() as site, pytest.raises(UsageError, match="more copies than a journal"):
        site.execute(struck.case)
    assert {path.name for path in struck.left()} == before
    assert not (struck.crew.firm.path / "pending" / struck.case).exists()

"""An auditor asks of what is gone, not there yet, or still to come: nothing false is answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.values import later
from ledger.audit.questions.reach import Reach, reach
from ledger.effects.destroying import copies_of
from ledger.signing import now
from tests.ledger.auditdesk import AuditDesk, audit_desk
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm
from tests.ledger.test_audit_questions import granting

LONG_AGO, FAR = "2020-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"
BY_POSITION = ("keeps", "keyholder", "keycopy", "may")


def kinds(found: Reach) -> set[str]:
    return {row["kind"] for row in found.rows} & set(BY_POSITION)


# -- what is gone -------------------------------------------------------------------------------


def test_nobody_can_access_what_is_destroyed(crew: Crew, tmp_path: Path) -> None:
    """Copies and keys are gone: grants, keepers and people by position end with the last of them.

    Of the record that was not destroyed, everything goes on.
    """
    with crew.open() as site:
        ledger = site.ledger
        gone, kept = site.ripe(tmp_path / "合同", 2)
        ledger.act(site.wang, [granting(crew.people["luo"], records=[gone, kept], modes=["view"])])
        before = ledger.seen()[0] - 1
        case = site.approved(copies_of(ledger, [gone]))
        site.execute(case)
        over = now()
        with ledger.engine.connect() as connection:
            during = reach(connection, gone, LONG_AGO, FAR)
            after = reach(connection, gone, over, FAR)
            other = reach(connection, kept, over, FAR)
            then = reach(connection, gone, LONG_AGO, FAR, entry=before)
    assert kinds(during) == set(BY_POSITION)
    ends = {row["kind"]: row["until"] for row in during.rows if row["kind"] in BY_POSITION}
    assert all(until is not None and until <= over for until in ends.values()), ends
    assert {row["why"] for row in during.rows if row["kind"] == "may"} == {"nothing_left"}
    assert kinds(after) == set()
    assert kinds(other) == set(BY_POSITION)
    assert any(row["until"] is None for row in then.rows if row["kind"] == "keyholder")


def test_nobody_could_before_there_was_a_record(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        early = now()
        (record,) = site.ripe(tmp_path / "合同", 1)
        with site.ledger.engine.connect() as connection:
            found = reach(connection, record, LONG_AGO, FAR)
            before = reach(connection, record, LONG_AGO, early)
    assert all(row["from"] >= early for row in found.rows if row["kind"] in BY_POSITION)
    assert kinds(before) == set()


# -- what was not there yet, and what is still to come ------------------------------------------


@pytest.fixture
def record(desk: Desk) -> str:
    return desk.collect()


def test_of_what_was_not_there_yet_the_answer_is_empty(desk: Desk, record: str) -> None:
    result = desk.run("audit", "access", record, "--as-of", "position:5")
    assert (result.exit_code, record in result.stdout) == (0, False)
    assert "did not know it yet" in result.stderr
    found = desk.json("audit", "access", record, "--as-of", "position:5")
    assert (found["there"], found["rows"]) == (False, [])
    copy = desk.json("where", record)[0]["holding"]
    assert desk.json("audit", "access", copy, "--as-of", "position:5")["rows"] == []
    assert desk.json("audit", "access", record)["there"] is True


@pytest.mark.parametrize("question", [["access", "RECORD"], ["unused"], ["late"]])
def test_nothing_is_said_of_the_future(desk: Desk, record: str, question: list[str]) -> None:
    asked = ["audit", *(record if part == "RECORD" else part for part in question)]
    for until in ([], ["--until", "2099-01-01T00:00:00Z"]):
        result = desk.run(*asked, "--from", "2098-01-01T00:00:00Z", *until)
        assert result.exit_code == 2
        assert "the span lies in the future" in result.stderr
        assert "not before" not in result.stderr
    cut = desk.run(*asked, "--until", "2099-01-01T00:00:00Z")
    assert cut.exit_code == 0
    assert "answered up to now" in cut.stderr


def test_a_span_that_was_cut_says_so_to_machines(desk: Desk, record: str) -> None:
    found = desk.json("audit", "access", record, "--until", "2099-01-01T00:00:00Z")
    assert later(now(), hours=-1) < found["period_to"] <= now()


def test_a_span_before_the_ledger_says_when_it_begins(desk: Desk, record: str) -> None:
    result = desk.run("audit", "access", record, "--from", "2010-01-01T00:00:00Z",
                      "--until", "2011-01-01T00:00:00Z")  # fmt: skip
    assert result.exit_code == 0
    assert "has entries from" in result.stderr
    assert "has entries from" not in desk.run("audit", "access", record).stderr


# -- how it is said -----------------------------------------------------------------------------


def test_people_read_names_and_no_codes(desk: Desk, record: str) -> None:
    desk.did("access", "grant", "--actor", desk.reviewer, "--record", record, "--mode", "view",
             "--purpose", "service_delivery", "--from", "2020-01-01T00:00:00Z", "--until",
             "2099-01-01T00:00:00Z")  # fmt: skip
    chinese = "".join(
        desk.did("--lang", "zh", "audit", *question)
        for question in (["access", record], ["unused"], ["changes", "position:1", "--objects"])
    )
    for code in ("administrator\n", "administrator ", "custodian ", "collector ", "view "):
        assert f" {code}" not in chinese
    assert "管理员" in chinese


def test_what_came_in_seconds_late_is_told_in_seconds(desk: Desk, record: str) -> None:
    desk.did("review", record, "--at", later(now(), seconds=-90), "--as", desk.reviewer)
    said = desk.did("audit", "late", "--by", "1s")
    assert re.search(r"\b[1-9] min [0-9]", said), "a minute and a half, and what the acts took"
    assert "0 h" not in said


def test_changed_objects_have_the_events_that_say_so(desk: Desk, record: str) -> None:
    found = desk.json("audit", "changes", "position:1", "--objects")
    assert {row["aggregate"] for row in found["changed"]} >= {"record", "role", "key"}
    assert all(row["events"] > 0 < row["first_position"] for row in found["changed"])
    assert "changed" not in desk.json("audit", "changes", "position:1")
    assert record in str(found["changed"])
    last = desk.json("status")["events"]
    assert desk.json("audit", "changes", f"position:{last}", "--objects")["changed"] == []


@pytest.fixture
def audited(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditDesk:
    return audit_desk(firm, tmp_path, monkeypatch)


def test_words_of_other_trades_are_not_borrowed(audited: AuditDesk) -> None:
    """A severity is no storage medium, a basis in law no jurisdiction, an auditor no counsel."""
    audited.collect()
    audited.opened()
    audited.found("--rule", "I-08", severity="medium")
    replayed = audited.run("--lang", "zh", "audit", "replay", "--now", "2031-01-01T00:00:00Z")
    assert "[中]" in replayed.stdout
    shown = audited.did("--lang", "zh", "audit", "show", audited.audit)
    assert "I-08" in shown
    assert "training_gate" not in shown
    listed = audited.did("--lang", "zh", "audit", "list")
    for word in ("介质 ", "[介质]", "法域", "法律意见", "未确认"):
        assert word not in replayed.stdout + shown + listed


def test_a_rule_that_is_none_is_no_matter_of_personal_data(audited: AuditDesk) -> None:
    audited.opened()
    said = audited.error(
        "audit", "finding", audited.audit, "--chapter", "permissions", "--severity", "high",
        "--owner", audited.zhao, "--due", "2030-01-01", "--condition", "x", "--rule", "I-99",
        "--as", audited.feng, code=2,
    )  # fmt: skip
    assert said["message"] == "there is no such rule"


def test_an_empty_file_is_no_damaged_ledger(desk: Desk, tmp_path: Path) -> None:
    empty = tmp_path / "empty.zip"
    empty.touch()
    said = desk.error("audit", "replay", str(empty), code=2)
    assert "the file is empty" in said["message"]

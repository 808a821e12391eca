"""`muniment destroy` and `certificate` at the desk, from the proposal to the printed page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from ledger.cli import muniment
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
)
from tests.ledger.desk import Desk, cheap_keys


class Counter(Desk):
    """A desk at which every one of the crew can stand; two records are ripe."""

    def __init__(self, crew: Crew, home: Path) -> None:
        super().__init__(crew.firm, home)
        self.people = crew.people
        self.files = home / "合同"
        with crew.open() as site:
            self.records = site.ripe(self.files, 2)
            self.copies = [site.copy(record) for record in self.records]

    def proposed(self, *records: str) -> str:
        said = self.json(
            "destroy", "propose", *(records or self.records[:1]), "--ground", "retention_expired",
            "--reason", "期满",
        )  # fmt: skip
        return str(said["case"])

    def approved(self, *records: str) -> str:
        case = self.proposed(*records)
        self.did("destroy", "appraise", case, "--opinion", "可以销毁", "--as", self.people["zhao"])
        for name in ("li", "zhao"):
            self.did("destroy", "approve", case[-12:], "--as", self.people[name])
        return case

    def held(self, record: str) -> None:
        self.did(
            "hold", "place", "--record", record, "--reason", "litigation", "--authority", "法院",
        )  # fmt: skip

    def executed(self, case: str) -> None:
        self.did(
            "destroy", "execute", case, "--yes", "--reason", "批处理", "--tool", "muniment",
            "--witness", self.people["sun"], "--as", self.people["chen"],
        )  # fmt: skip


@pytest.fixture(name="counter")
def counter_fixture(crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    monkeypatch.chdir(tmp_path)
    cheap_keys(monkeypatch)
    return Counter(crew, tmp_path)


def test_from_the_proposal_to_the_certificate(counter: Counter) -> None:
    case = counter.approved()
    assert counter.json("destroy", "list")[0]["state"] == "approved"
    counter.executed(case)
    assert len(list(counter.files.iterdir())) == 1
    read = counter.json("destroy", "verify", case, "--as", counter.people["luo"])
    assert [(item["holding"], item["result"], item["cause"]) for item in read["items"]] == [
        (counter.copies[0], "pass", "gone")
    ]
    counter.did("destroy", "certify", case, "--residual", "无")
    (row,) = counter.json("destroy", "list")
    assert (row["state"], row["verdict"], row["destroyed"]) == ("certified", "destroyed", 1)
    said = counter.json("certificate", case)
    assert said["executed"][0]["witnesses"] == [counter.people["sun"]]
    assert said["keys"]
    page = counter.did("certificate", case)
    for words in ("销毁证明 / Certificate of destruction", "方法执行并核验", "and verified",
                  "  通过 / Pass", counter.copies[0], said["certified"]["event"],
                  "监销 Witness: 某人"):  # fmt: skip
        assert words in page
    assert "绝对" not in page
    assert counter.did("certificate", case, "--lang", "en") == page, "one page, both languages"
    counter.did("verify")
    counter.did("rebuild", "--check")


def test_a_dry_run_of_a_proposal_shows_the_list_and_what_stands_in_the_way(
    counter: Counter,
) -> None:
    arguments = ("destroy", "propose", counter.records[0], "--ground", "retention_expired",
                 "--dry-run")  # fmt: skip
    said = counter.json(*arguments)
    assert (said["items"], said["count"]) == ([counter.copies[0]], 1)
    counter.held(counter.records[0])
    result = counter.run(*arguments)
    assert result.exit_code == 13
    assert counter.copies[0] in result.stdout
    assert "hold_in_force" in result.stderr
    assert counter.json("destroy", "list") == []


def test_a_single_copy_is_proposed_by_name(counter: Counter) -> None:
    case = counter.json(
        "destroy", "propose", "--copy", counter.copies[0], "--ground", "retention_expired"
    )["case"]
    shown = counter.json("destroy", "show", case)
    assert [item["holding"] for item in shown["items"]] == [counter.copies[0]]
    assert counter.error("destroy", "propose", "--ground", "other", code=2)


def type_in(counter: Counter, case: str, text: str) -> int:
    """What comes of typing this when asked."""
    result = CliRunner().invoke(
        muniment, ["destroy", "execute", case, "--as", counter.people["chen"]],
        env=counter.environment, input=text,
    )  # fmt: skip
    assert counter.copies[0] in result.stderr
    return result.exit_code


def test_whoever_executes_types_the_end_of_the_cases_id(counter: Counter) -> None:
    case = counter.approved()
    assert type_in(counter, case, "12345678\n") == 2
    assert type_in(counter, case, "") == 130, "nobody answers"
    assert len(list(counter.files.iterdir())) == 2
    assert type_in(counter, case, f"{case[-8:]}\n") == 0
    assert len(list(counter.files.iterdir())) == 1


def test_a_script_says_why_nobody_is_asked(counter: Counter) -> None:
    case = counter.approved()
    counter.error("destroy", "execute", case, "--yes", "--as", counter.people["chen"], code=2)
    assert len(list(counter.files.iterdir())) == 2


def test_a_dry_run_of_the_execution_touches_nothing(counter: Counter) -> None:
    case = counter.approved()
    said = counter.json("destroy", "execute", case, "--dry-run", "--as", counter.people["chen"])
    assert said["items"] == [{"holding": counter.copies[0], "file": True, "there": True}]
    counter.held(counter.records[0])
    error = counter.error(
        "destroy", "execute", case, "--dry-run", "--as", counter.people["chen"], code=13
    )
    assert error["refusals"][0]["rule"] == "I-28"
    assert len(list(counter.files.iterdir())) == 2


def test_what_is_not_gone_shows_in_the_exit_code_and_is_taken_off(counter: Counter) -> None:
    case = counter.approved(*counter.records)
    (counter.files / "合同1.txt").write_text("改过", encoding="utf-8")
    result = counter.run("destroy", "execute", case, "--yes", "--reason", "批处理", "--as",
                         counter.people["chen"], "--lang", "en")  # fmt: skip
    assert result.exit_code == 4
    assert "is not what was recorded" in result.stdout
    result = counter.run("destroy", "verify", case, "--as", counter.people["luo"])
    assert result.exit_code == 4
    assert counter.run("destroy", "certify", case).exit_code == 13
    assert counter.run("certificate", case).exit_code == 2
    counter.did("destroy", "fail", case, counter.copies[1], "--cause", "内容已变", "--as",
                counter.people["chen"])  # fmt: skip
    counter.did("destroy", "certify", case)
    said = counter.json("certificate", case)
    assert (said["verdict"], said["counts"]["taken_off"]) == ("partial", 1)
    assert "部分销毁" in counter.did("certificate", case)


def test_a_rejected_case_and_its_reason(counter: Counter) -> None:
    case = counter.proposed()
    counter.did("destroy", "reject", case, "--reason", "尚有争议", "--as", counter.people["li"])
    shown = counter.did("destroy", "show", case, "--lang", "zh")
    assert "尚有争议" in shown
    assert counter.json("destroy", "list", "--state", "rejected")[0]["case"] == case
    assert counter.json("destroy", "list", "--state", "approved") == []


def test_paper_is_what_people_say_it_is(crew: Crew, counter: Counter) -> None:
    with crew.open() as site:
        paper = site.printed(counter.records[0])
    case = counter.approved()
    by = ("--as", counter.people["chen"], "--yes", "--reason", "碎纸")
    counter.error("destroy", "execute", case, "--stated", f"{paper}=burnt", *by, code=2)
    counter.did("destroy", "execute", case, "--stated", f"{paper}=destroyed", *by)
    reader = ("--as", counter.people["luo"])
    assert counter.run("destroy", "verify", case, *reader).exit_code == 4
    counter.did("destroy", "verify", case, "--stated", f"{paper[-12:]}=pass", *reader)


def test_cases_are_shown_as_they_stood(counter: Counter) -> None:
    case = counter.approved()
    position = counter.json("status")["events"]
    counter.executed(case)
    (then,) = counter.json("destroy", "list", "--as-of", f"position:{position}")
    (now,) = counter.json("destroy", "list")
    assert (then["state"], now["state"]) == ("approved", "executed")
    shown = counter.json("destroy", "show", case, "--as-of", f"position:{position}")
    assert (shown["executed"], shown["items"][0]["outcome"]) == ([], None)
    assert counter.run("certificate", case, "--as-of", "position:3").exit_code != 0


def found_again(crew: Crew, counter: Counter) -> tuple[str, str]:
    """A case whose paper copy was said to be shredded and was then found: the case, the copy."""
    with crew.open() as site:
        paper = site.printed(counter.records[0])
    case = counter.approved()
    by = ("--as", counter.people["chen"], "--yes", "--reason", "碎纸")
    counter.did("destroy", "execute", case, "--stated", f"{paper}=destroyed", *by)
    read = counter.run("destroy", "verify", case, "--stated", f"{paper}=fail", "--as",
                       counter.people["luo"])  # fmt: skip
    assert read.exit_code == 3
    return case, paper


def test_a_copy_that_was_found_again_is_nowhere_called_destroyed(
    crew: Crew, counter: Counter
) -> None:
    case, paper = found_again(crew, counter)
    for _ in ("found", "taken off", "certified"):
        shown = counter.json("destroy", "show", case)
        outcomes = {item["holding"]: item["outcome"] for item in shown["items"]}
        with crew.open() as site:
            assert outcomes == site.state(case).items
        assert outcomes == {counter.copies[0]: "destroyed", paper: "failed"}
        assert (shown["state"] == "verified", shown["counts"]["destroyed"]) == (
            bool(shown["taken_off"]) and not shown["certified"], 1,
        )  # fmt: skip
        if not shown["taken_off"]:
            counter.did("destroy", "fail", case, paper, "--as", counter.people["chen"])
        elif not shown["certified"]:
            counter.did("destroy", "certify", case)
    said = counter.json("certificate", case)
    assert [i["outcome"] for i in said["items"] if i["holding"] == paper] == ["failed"]
    page = counter.did("certificate", case).splitlines()
    lines = [line for line in page if line.strip().startswith(paper)]
    assert "移出" in lines[0]
    assert "销毁" not in "".join(lines)
    assert "estroyed" not in "".join(lines)


def test_a_case_of_which_nothing_is_left_has_failed(counter: Counter) -> None:
    case = counter.approved()
    (counter.files / "合同0.txt").write_text("改过", encoding="utf-8")
    assert counter.run("destroy", "execute", case, "--yes", "--reason", "批处理", "--as",
                       counter.people["chen"]).exit_code == 4  # fmt: skip
    position = counter.json("status")["events"]
    counter.did("destroy", "fail", case, counter.copies[0], "--as", counter.people["chen"])
    (row,) = counter.json("destroy", "list", "--state", "failed")
    assert (row["case"], row["state"], row["taken_off"]) == (case, "failed", 1)
    assert counter.json("destroy", "list", "--state", "approved") == []
    shown = counter.did("destroy", "show", case, "--lang", "en")
    assert "failed" in shown
    assert "taken off" in shown
    (then,) = counter.json("destroy", "list", "--as-of", f"position:{position}")
    assert (then["state"], then["taken_off"]) == ("executed", 0)


def test_an_opinion_that_it_may_not_go_does_not_make_a_case_appraised(counter: Counter) -> None:
    case = counter.proposed()
    appraise = ("destroy", "appraise", case, "--as", counter.people["zhao"], "--result")
    counter.did(*appraise, "fail")
    assert counter.json("destroy", "list", "--state", "appraised") == []
    shown = counter.json("destroy", "show", case)
    assert (shown["state"], shown["appraisal"]) == ("proposed", "fail")
    assert "不通过" in counter.did("destroy", "show", case, "--lang", "zh")
    counter.did(*appraise, "pass")
    assert counter.json("destroy", "list")[0]["state"] == "appraised"
    counter.did("destroy", "approve", case, "--as", counter.people["li"])
    assert counter.json("destroy", "list")[0]["state"] == "appraised", "one approves, two must"


def test_the_past_of_a_case_knows_its_copies_as_they_were(counter: Counter) -> None:
    case = counter.proposed()
    position = counter.json("status")["events"]
    (before,) = counter.json("destroy", "show", case)["items"]
    counter.did(
        "holding", "move", before["holding"], "--departed", "2026-11-21T09:00:00+08:00",
        "--arrived", "2026-11-21T10:00:00+08:00", "--medium", "disk_external",
    )  # fmt: skip
    (now,) = counter.json("destroy", "show", case)["items"]
    (then,) = counter.json("destroy", "show", case, "--as-of", f"position:{position}")["items"]
    assert (now["medium"], then) == ("disk_external", before)


def test_the_list_of_cases_asks_for_none_of_their_copies(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries of the tables of cases, events and copies: as many for two cases as for one."""
    asked: list[str] = []

    def ask(*told: Any) -> None:
        if any(f"FROM {table}" in told[2] for table in ("cases", "case_items", "holdings")):
            asked.append(told[2])

    cases, queries = [], []
    sa.event.listen(sa.Engine, "before_cursor_execute", ask)
    try:
        for record in counter.records:
            cases.append(counter.proposed(record))
            asked.clear()
            assert [row["case"] for row in counter.json("destroy", "list")] == cases
            queries.append(len(asked))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", ask)
    assert queries[0] == queries[1] > 0
    monkeypatch.setattr("ledger.effects.certifying._AT_ONCE", 1)
    assert [row["case"] for row in counter.json("destroy", "list")] == cases, "in portions"


def test_errors_hold_no_paths(counter: Counter) -> None:
    case = counter.approved()
    (counter.files / "合同0.txt").unlink()
    result = counter.run("destroy", "execute", case, "--yes", "--reason", "批处理", "--as",
                         counter.people["chen"])  # fmt: skip
    assert "合同" not in result.stdout + result.stderr

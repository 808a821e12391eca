"""`muniment destroy` and `certificate` at the desk, from the proposal to the printed page."""

from __future__ import annotations

from pathlib import Path

import pytest
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

    def executed(self, case: str) -> None:
        self.did(
            "destroy", "execute", case, "--yes", "--reason", "批处理", "--tool", "muniment",
            "--witness", self.people["sun"], "--as", self.people["chen"],
        )  # fmt: skip


@pytest.fixture
def counter(crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
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
                  counter.copies[0], said["certified"]["event"], "监销 Witness: 某人"):  # fmt: skip
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
    counter.did("hold", "place", "--record", counter.records[0], "--reason", "litigation")
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
    counter.did("hold", "place", "--record", counter.records[0], "--reason", "litigation")
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


def test_errors_hold_no_paths(counter: Counter) -> None:
    case = counter.approved()
    (counter.files / "合同0.txt").unlink()
    result = counter.run("destroy", "execute", case, "--yes", "--reason", "批处理", "--as",
                         counter.people["chen"])  # fmt: skip
    assert "合同" not in result.stdout + result.stderr

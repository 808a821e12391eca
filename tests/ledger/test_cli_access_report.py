"""`muniment access report` and `review` at the desk: the same bytes, a page, a digest on record."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from tests.ledger.desk import Desk


@pytest.fixture
def looked_up(desk: Desk) -> str:
    """A contract that the reviewer was granted, has seen, and was refused to export."""
    record = desk.collect(text="甲方: 王小明")
    desk.did("classify", record, "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    desk.did("access", "grant", "--actor", desk.reviewer, "--record", record, "--mode", "view",
             "--purpose", "service_delivery", "--from", "2020-01-01T00:00:00Z", "--until",
             "2099-01-01T00:00:00Z")  # fmt: skip
    asked = ("access", "record", record, "--purpose", "service_delivery", "--as", desk.reviewer)
    desk.did(*asked, "--out", "1", "--ticket", "88")
    desk.error(*asked, "--out", "2", "--mode", "export", code=13)
    return record


def fields(desk: Desk, done: Any) -> Any:
    """What the event says that was just recorded."""
    with desk.firm.open(writing=False) as ledger:
        stream, _, version = done["events"][0]["event"].partition("/")
        (found,) = (e for _, _, e, _ in ledger.events_of(stream) if str(e.version) == version)
        return to_builtins(found)


def test_a_review_records_the_digest_of_what_was_read(desk: Desk, looked_up: str) -> None:
    assert looked_up
    desk.did("role", "grant", desk.founder, "dpo")
    done = desk.json("access", "review", "--report", "属实")
    said = fields(desk, done)
    assert said["report"] == done["report"]
    assert (said["allowed"], said["denied"]) == (1, 1)
    before = done["events"][0]["position"] - 1
    period = [said["period_from"], said["period_to"]]
    engagement = done["events"][0]["event"].partition("/")[0]
    printed = desk.did(
        "access", "report", "--engagement", engagement, "--from", period[0], "--until", period[1],
        "--as-of", f"position:{before}", "--json",
    )  # fmt: skip
    assert sha256(printed.strip().encode()).hexdigest() == done["report"]
    assert json.loads(printed)["anomalous"] == said["anomalies"]


def test_the_next_review_begins_where_the_last_one_ended(desk: Desk, looked_up: str) -> None:
    assert looked_up
    desk.did("role", "grant", desk.founder, "dpo")
    first = fields(desk, desk.json("access", "review"))
    again = fields(desk, desk.json("access", "review"))
    assert again["period_from"] == first["period_to"]
    assert (first["allowed"], again["allowed"]) == (1, 0)


def test_the_report_is_a_page_for_people(desk: Desk, looked_up: str) -> None:
    page = desk.did("access", "report")
    for words in ("1 allowed, 1 denied, 0 emergencies", "not covered", "by person", "Sample",
                  "grant_does_not_cover_mode", "This is the first review."):  # fmt: skip
        assert words in page
    assert looked_up in page
    chinese = desk.did("--lang", "zh", "access", "report")
    assert "允许" in chinese
    nothing = desk.did("access", "report", "--from", "2099-01-01T00:00:00Z", "--until",
                       "2099-02-01T00:00:00Z")  # fmt: skip
    assert "no access is recorded" in nothing


def test_the_firms_list_of_people_is_a_file(desk: Desk, looked_up: str) -> None:
    assert looked_up
    Path("people.csv").write_text(f"{desk.founder},管理员\n\n", encoding="utf-8")
    report = desk.json("access", "report", "--staff", "people.csv")
    assert report["findings"][0]["kind"] == "not_on_staff_list"
    assert report["method"]["staff_list"] == 1
    desk.error("access", "report", "--staff", "nowhere.csv", code=2)
    Path("people.csv").write_text("nobody\n", encoding="utf-8")
    desk.error("access", "report", "--staff", "people.csv", code=2)

"""`muniment retention` at the desk: what is due, what contradicts itself, what the pack says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.deals import LONG_AGO, Deal, deal_at
from tests.ledger.ledgers import Firm
from tests.ledger.sales import stopped

FAR = "2099-01-01"


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def ripe(deal: Deal, name: str, day: str = LONG_AGO) -> str:
    """A record that is to be destroyed three years from a day on."""
    record = deal.collect(name, name)
    deal.classify(record)
    deal.did("retention", "assign", record, "--trigger", "contract_ended", "--date", day, "--rule",
             "nda")  # fmt: skip
    return record


def placed(deal: Deal, record: str) -> str:
    return str(deal.json("hold", "place", "--record", record, "--reason", "litigation",
                         "--authority", "律师函")["hold"])  # fmt: skip


def row_of(deal: Deal, record: str, *more: str) -> dict[str, Any]:
    (row,) = [row for row in deal.json("retention", "due", *more) if row["record"] == record]
    return dict(row)


# -- what is due --------------------------------------------------------------------------------


def test_due_lists_what_may_go_and_what_blocks_it(deal: Deal) -> None:
    old, held = ripe(deal, "旧.txt"), ripe(deal, "诉.txt")
    young, looked_at = ripe(deal, "新.txt", "2026-01-31"), deal.ready("鉴定.txt", day=LONG_AGO)
    hold = placed(deal, held)
    deal.did("restriction", "place", old, "--reason", "statutory_retention")
    rows = {row["record"]: row for row in deal.json("retention", "due")}
    assert set(rows) == {old, held, looked_at}
    assert rows[old]["blocked"] == []
    assert (rows[old]["restricted"], rows[old]["copies"]) == (True, 1)
    assert rows[old]["holdings"] == [deal.original(old)]
    assert rows[held]["blocked"][0]["blocking"] == [hold]
    assert rows[held]["next"] == f"muniment hold show {hold}"
    assert (rows[looked_at]["due"], rows[old]["due"]) == ("review", "destroy")
    assert rows[old]["since"] == "2004-02-01", "the day after its minimum"
    for lang in ("zh", "en"):
        assert "I-28 hold_in_force" in deal.did("retention", "due", "--lang", lang)
    blocked = row_of(deal, young, "--until", FAR)["blocked"]
    assert [one["detail"] for one in blocked] == ["minimum_period_runs"]


def test_the_command_that_goes_next_goes(deal: Deal) -> None:
    old = ripe(deal, "旧.txt")
    following = row_of(deal, old)["next"].split()
    assert following[:3] == ["muniment", "destroy", "propose"]
    case = deal.json(*following[1:])["case"]
    again = row_of(deal, old)
    assert [one["blocking"] for one in again["blocked"]] == [[case]], "it is in a case already"


def test_due_says_what_why_says(deal: Deal) -> None:
    """Whatever is in the way: nothing, a hold, a handover, a minimum, a duty, two at once."""
    free, held, given = (ripe(deal, f"{name}.txt") for name in "甲乙丙")
    both, young = ripe(deal, "丁.txt"), ripe(deal, "戊.txt", "2026-01-31")
    placed(deal, held)
    deal.introduce(given)
    deal.frozen(given)
    placed(deal, both)
    deal.frozen(deal.ready("己.txt", day=LONG_AGO))
    books = deal.collect("账.txt")
    deal.did("classify", books, "--category", "accounting", "--category", "contract", "--level",
             "general_3", "--sensitivity", "non_personal")  # fmt: skip
    deal.did("retention", "assign", books, "--trigger", "contract_ended", "--date", LONG_AGO)
    ended = deal.collect("完.txt")
    deal.did("restriction", "end-purpose", ended, "--reason", "service_ended")
    rows = {row["record"]: row for row in deal.json("retention", "due", "--until", FAR)}
    assert set(rows) >= {free, held, given, both, young, books, ended}
    for record, row in rows.items():
        asked = deal.json("why", record, "destroy")
        assert [(b["rule"], b["detail"], b["blocking"]) for b in row["blocked"]] == [
            (b["rule"], b["detail"], b["blocking"]) for b in asked
        ]
    details = {record: {b["detail"] for b in row["blocked"]} for record, row in rows.items()}
    assert details[free] == set()
    assert details[books] == {"period_has_not_begun"}
    assert details[ended] == {"no_period_assigned"}, "nobody has said what it is"


def test_due_names_what_must_be_gone_by_a_day_a_month_or_before_a_day(deal: Deal) -> None:
    file = deal.home / "短信.txt"
    file.write_text("您好", encoding="utf-8")
    deal.did("collect", str(file), "--category", "communication.sms", "--basis",
             "pipl_13_2_contract", "--source", "店主", "--notice", "N-3")  # fmt: skip
    record = deal.json("inventory")[0]["record"]
    deal.did("retention", "assign", record, "--trigger", "created", "--date", "2026-11-01",
             "--rule", "messages")  # fmt: skip
    for early in (["--until", "2027-10-31"], ["--before", "2027-11-01"], ["--month", "2027-10"]):
        assert deal.json("retention", "due", *early) == []
    for late in (["--until", "2027-11-01"], ["--before", "2027-11-02"], ["--month", "2027-11"]):
        row = row_of(deal, record, *late)
        assert (row["max_until"], row["since"], row["due"]) == (
            "2027-11-01", "2027-11-01", "destroy",
        )  # fmt: skip


def test_a_record_in_a_case_is_due_and_blocked_by_the_case(deal: Deal) -> None:
    record = ripe(deal, "旧.txt")
    deal.introduce(record)
    handover = deal.frozen(record)
    assert row_of(deal, record)["blocked"][0]["blocking"] == [handover]


def test_due_is_read_in_portions(deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.cli.due._AT_ONCE", 2)
    records = [ripe(deal, f"{name}.txt") for name in "甲乙丙丁"]
    assert [row["record"] for row in deal.json("retention", "due")] == sorted(records)


def test_the_last_day_of_a_minimum_is_not_over_yet(deal: Deal) -> None:
    record = ripe(deal, "新.txt", "2026-01-31")
    assert deal.json("inventory")[0]["min_until"] == "2029-01-31"
    assert deal.json("retention", "due", "--until", "2029-01-31") == []
    assert row_of(deal, record, "--until", "2029-02-01")["since"] == "2029-02-01"


@pytest.mark.parametrize(
    ("time", "due"),
    [("2029-01-31T15:59:59Z", 0), ("2029-01-31T16:00:00Z", 1), ("2029-01-31T23:59:00Z", 1)],
)
def test_today_is_the_day_where_the_firm_is(
    deal: Deal, monkeypatch: pytest.MonkeyPatch, time: str, due: int
) -> None:
    """The day after the last one of the minimum begins at 16:00 UTC in China."""
    ripe(deal, "新.txt", "2026-01-31")
    stopped(monkeypatch, time)
    assert len(deal.json("retention", "due")) == due


# -- the end of a purpose -----------------------------------------------------------------------


def test_what_nothing_keeps_is_due_the_day_its_purpose_ends(deal: Deal) -> None:
    record = deal.collect("反馈.txt")
    deal.did("classify", record, "--category", "feedback", "--level", "general_2", "--sensitivity",
             "general_pi")  # fmt: skip
    assert deal.json("retention", "due", "--until", FAR) == []
    deal.did("restriction", "end-purpose", record, "--reason", "consent_withdrawn", "--on",
             "2026-11-20", "--remark", "客户来电")  # fmt: skip
    row = row_of(deal, record)
    assert (row["due"], row["since"], row["blocked"]) == ("destroy", "2026-11-20", [])
    assert (row["purpose_ended"], row["restricted"]) == ("2026-11-20", True)
    assert row["next"] == f"muniment destroy propose {record} --ground purpose_achieved"
    assert "目的终止" in deal.did("history", record, "--lang", "zh")
    (kept,) = deal.json("inventory")
    assert (kept["purpose_ended"], kept["restricted"]) == ("2026-11-20", True)


def test_what_a_minimum_keeps_is_restricted_and_due_when_it_is_over(deal: Deal) -> None:
    """Scenario 5: a request to delete meets a period that runs."""
    record = deal.ready(day="2026-01-31")
    deal.did("restriction", "end-purpose", record, "--reason", "service_ended")
    assert deal.json("retention", "due") == []
    (blocked,) = deal.json("why", record, "destroy")
    assert blocked["detail"] == "minimum_period_runs"
    details = [row["detail"] for row in deal.json("why", record, "marketing")]
    assert "record_is_restricted" in details
    assert row_of(deal, record, "--until", "2036-02-01")["since"] == "2036-02-01"


# -- what contradicts itself --------------------------------------------------------------------


def found(deal: Deal, *more: str) -> list[dict[str, Any]]:
    return list(deal.json("retention", "conflicts", *more))


def test_a_duty_with_another_start_shows_until_it_is_assigned(deal: Deal) -> None:
    record = deal.collect()
    deal.did("classify", record, "--category", "contract", "--level", "general_3", "--sensitivity",
             "general_pi", "--business-area", "real_estate")  # fmt: skip
    assign = ["retention", "assign", record, "--date", "2026-01-31", "--trigger"]
    deal.did(*assign, "contract_ended")
    (open_,) = found(deal)
    assert (open_["record"], open_["finding"]) == (record, "duty_not_assigned")
    assert open_["triggers"] == {"brokerage-records": "transaction_completed"}
    assert open_["citations"][0]["evidence"] == "K"
    assert "muniment retention assign" in open_["decide"]
    deal.did(*assign, "transaction_completed")
    assert found(deal) == []


def test_a_minimum_after_a_maximum_names_rules_days_and_law(deal: Deal) -> None:
    record = deal.collect()
    deal.did("classify", record, "--category", "contract", "--category",
             "communication.call_recording", "--level", "general_3", "--sensitivity",
             "general_pi")  # fmt: skip
    assign = ["retention", "assign", record, "--date", "2026-01-31", "--trigger"]
    deal.did(*assign, "contract_ended")
    deal.did(*assign, "created")
    clash, apart = found(deal)
    assert (clash["finding"], apart["finding"]) == ("minimum_after_maximum", "categories_disagree")
    assert clash["rules"] == ["contract-policy", "call-recordings"]
    assert (clash["min_until"], clash["max_until"]) == ("2036-01-31", "2026-07-31")
    assert found(deal, "--finding", "categories_disagree") == [apart]
    assert "call-recordings" in deal.did("retention", "conflicts", "--lang", "zh")
    row = row_of(deal, record)
    assert (row["due"], row["conflict"]) == ("review", True)


def test_rows_that_are_alike_are_one_line(deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.retaining._PORTION", 3)
    lines = "\n".join(f"客户{n},{n}" for n in range(8))
    Path("客户.csv").write_text(f"name,n\n{lines}\n", encoding="utf-8")
    deal.did("collect", "客户.csv", "--rows", "--category", "accounting", "--basis",
             "not_personal", "--source", "店主")  # fmt: skip
    records = sorted(row["record"] for row in deal.json("inventory"))
    assert found(deal) == [], "nobody has looked at it yet"
    deal.did("classify", *records, "--category", "accounting", "--level", "general_2",
             "--sensitivity", "business_secret")  # fmt: skip
    (one,) = found(deal)
    assert (one["record"], one["records"], one["rules"]) == (records[0], 8, ["accounting-books"])
    deal.did("retention", "assign", records[3], "--trigger", "fiscal_year_end", "--date",
             "2025-12-31")  # fmt: skip
    assert [(row["record"], row["records"]) for row in found(deal)] == [(records[0], 7)]


def test_what_is_gone_is_no_conflict(deal: Deal) -> None:
    record = deal.collect()
    deal.did("classify", record, "--category", "accounting", "--level", "general_2",
             "--sensitivity", "non_personal")  # fmt: skip
    assert len(found(deal)) == 1
    deal.jointly("holding", "return", deal.original(record), "--to", deal.buyer, "--engagement",
                 deal.deal, author=deal.founder, others=[(deal.lin, "custodian")])  # fmt: skip
    assert found(deal) == []


# -- the pack -----------------------------------------------------------------------------------


def test_rules_show_their_law_their_mark_and_that_no_counsel_signed(deal: Deal) -> None:
    rows = {row["id"]: row for row in deal.json("retention", "rules")}
    assert len(rows) == 37
    assert {row["signed_off_by_counsel"] for row in rows.values()} == {False}
    assert {row["pack_version"] for row in rows.values()} == {"1.3.0"}
    books = rows["accounting-books"]["citations"]
    assert [(c["statute"], c["article"], c["evidence"]) for c in books] == [
        ("order-79", "annex", "S")
    ]
    for lang, law in (("zh", "会计档案管理办法"), ("en", "Accounting Archives")):
        result = deal.run("retention", "rules", "--lang", lang, COLUMNS="400")
        assert law in result.stdout
        assert "[S]" in result.stdout
        assert "不是法律意见" in result.stderr
        assert "Not legal advice" in result.stderr


def tells(deal: Deal, wrong: Sequence[str], lang: str) -> int:
    result = deal.run(*wrong, "--lang", lang)
    assert "张三" not in result.stderr
    return result.exit_code


@pytest.mark.parametrize(
    "wrong",
    [
        ["retention", "due", "--until", "tomorrow"],
        ["retention", "due", "张三"],
        ["retention", "due", "--month", "2026-13"],
        ["retention", "due", "--month", "0000-01"],
        ["retention", "due", "--month", "2026-01", "--until", "2026-01-31"],
        ["retention", "due", "--before", "2026-02-30"],
        ["retention", "conflicts", "--finding", "nonsense"],
        ["retention", "conflicts", "张三"],
        ["restriction", "end-purpose", "--reason", "service_ended"],
        ["restriction", "end-purpose", "RECORD"],
        ["restriction", "end-purpose", "RECORD", "--reason", "nonsense"],
        ["restriction", "lift", "RECORD", "--basis", "pipl_13_1_consent"],
        ["restriction", "lift", "RECORD", "--purpose", "寄送年历"],
    ],
)
def test_bad_input_is_a_usage_error(deal: Deal, wrong: list[str]) -> None:
    record = deal.collect()
    entries = deal.json("status")["entries"]
    for lang in ("zh", "en"):
        assert tells(deal, [record if part == "RECORD" else part for part in wrong], lang) == 2
    assert deal.json("status")["entries"] == entries

"""`muniment rights` at the desk: received, identified, decided, fulfilled, closed; the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm

ZHANG = "13812345678"


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


@pytest.fixture
def record(deal: Deal) -> str:
    """A contract with Zhang's number in it, looked through."""
    record = deal.collect("合同.txt", f"联系电话 {ZHANG}")
    deal.did("subject", "index", record)
    return record


def slip(deal: Deal, text: str = ZHANG) -> str:
    file = deal.home / "slip"
    file.write_text(text, encoding="utf-8")
    return str(file)


def received(deal: Deal, *more: str, kind: str = "access", person: str = ZHANG) -> dict[str, Any]:
    said: dict[str, Any] = deal.json(
        "rights", "receive", "--type", kind, "--channel", "telephone", "--identifier-file",
        slip(deal, person), "--contact", "回拨即可", *more,
    )  # fmt: skip
    return said


def decided(deal: Deal, kind: str = "access", *decision: str) -> str:
    request = str(received(deal, kind=kind)["rights"])
    deal.did("rights", "identify", request, "--method", "document_seen")
    deal.did("rights", "decide", request, *(decision or ("--decision", "fulfil")))
    return request


def test_a_request_concerns_the_records_in_which_the_person_was_found(
    deal: Deal, record: str
) -> None:
    said = received(deal)
    shown = deal.json("rights", "show", said["rights"])
    assert shown["concerns"] == [record]
    assert (shown["state"], shown["overdue"]) == ("received", False)
    assert shown["due_at"] == said["due_at"]
    assert shown["sealed"][0]["contact"] == "回拨即可"
    assert shown["subject"] == said["subject"]
    (row,) = deal.json("rights", "list", "--subject", said["subject"])
    assert row["rights"] == said["rights"]
    assert deal.json("rights", "list", "--record", record) == [row]


def test_somebody_whom_nobody_knows_gets_a_subject_that_leads_nowhere(
    deal: Deal, record: str
) -> None:
    result = deal.run(
        "rights", "receive", "--type", "know", "--channel", "letter", "--identifier-file",
        slip(deal, "13900000000"), "--lang", "en",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "Nobody was found" in result.stderr
    (row,) = deal.json("rights", "list")
    assert row["records"] == 0
    assert deal.json("rights", "list", "--subject", row["subject"]) == [row]


def test_a_copy_is_handed_over_and_the_request_closed(deal: Deal, record: str) -> None:
    request = decided(deal)
    deal.classify(record)
    deal.did(
        "access", "grant", "--actor", deal.zhou, "--record", record, "--mode", "copy",
        "--purpose", "rights_request", "--from", "2026-01-01T00:00:00Z",
        "--until", "2099-12-31T00:00:00Z",
    )  # fmt: skip
    out = deal.home / "for Zhang.txt"
    event = deal.json("access", "record", record, "--purpose", "rights_request", "--mode", "copy",
                      "--out", str(out), "--as", deal.zhou)["events"][0]["event"]  # fmt: skip
    said = deal.error("rights", "fulfil", request, "--action", event, code=13)
    assert said["refusals"][0]["detail"] == "delivery_not_sealed"
    deal.did("rights", "fulfil", request, "--action", event, "--delivered", str(out))
    shown = deal.json("rights", "show", request)
    assert shown["actions"] == [event]
    assert (shown["state"], shown["late"]) == ("fulfilled", False)
    assert deal.json("rights", "due") == []
    deal.did("rights", "close", request)
    assert deal.json("rights", "list", "--state", "closed")[0]["ending"] == "completed"
    for language, word in (("zh", "已办结"), ("en", "closed")):
        assert word in deal.did("rights", "show", request, "--lang", language)


def test_a_refusal_gives_reasons_and_names_the_rule_by_its_number_or_code(
    deal: Deal, record: str
) -> None:
    request = received(deal, kind="delete")["rights"]
    deal.did("rights", "identify", request, "--method", "known_details")
    said = deal.error("rights", "decide", request, "--decision", "refuse", code=13)
    details = [refusal["detail"] for refusal in said["refusals"]]
    assert details == ["refusal_needs_reasons", "rules_do_not_fit_decision"]
    deal.did("rights", "decide", request, "--decision", "refuse", "--reasons", "保管期限未满",
             "--rule", "I-26")  # fmt: skip
    shown = deal.json("rights", "show", request)
    assert shown["decision"] == "refuse"
    assert shown["sealed"][-1]["reasons"] == "保管期限未满"
    assert shown["answered_at"] is not None
    assert deal.json("rights", "due") == []


def test_what_is_overdue_is_shown_and_the_exit_code_says_so(deal: Deal, record: str) -> None:
    old = received(deal, "--received", "2026-09-01T09:00:00+08:00")
    new = received(deal)
    result = deal.run("rights", "due", "--json")
    assert result.exit_code == 1
    rows = deal.json("rights", "list")
    assert {row["rights"]: row["overdue"] for row in rows} == {
        old["rights"]: True, new["rights"]: False,
    }  # fmt: skip
    assert old["due_at"] == "2026-09-21"
    for language, word in (("zh", "逾期"), ("en", "overdue")):
        assert word in deal.run("rights", "due", "--lang", language).stdout
    deal.did("rights", "close", old["rights"], "--ending", "withdrawn")
    assert deal.json("rights", "show", old["rights"])["late"] is True
    assert [row["rights"] for row in deal.json("rights", "due")] == [new["rights"]]
    assert deal.json("rights", "due", "--until", "2026-01-01") == []


def test_further_records_join_an_open_request(deal: Deal, record: str) -> None:
    request = received(deal)["rights"]
    other = deal.collect("乙.txt", "别的")
    deal.did("rights", "receive", "--request", request, "--record", other)
    assert deal.json("rights", "show", request)["concerns"] == sorted([record, other])


def test_a_request_is_shown_as_it_stood(deal: Deal, record: str) -> None:
    before = deal.json("status")["events"]
    request = received(deal)["rights"]
    then = deal.json("status")["events"]
    deal.did("rights", "close", request, "--ending", "withdrawn")
    assert deal.json("rights", "list", "--as-of", f"position:{before}") == []
    (row,) = deal.json("rights", "list", "--as-of", f"position:{then}")
    assert (row["state"], row["ending"]) == ("received", None)
    assert deal.run("rights", "show", request, "--as-of", f"position:{before}").exit_code == 2


def test_a_subject_found_before_is_named_by_its_id(deal: Deal, record: str) -> None:
    (row,) = deal.json("subject", "find", "--identifier-file", slip(deal))
    said = deal.json("rights", "receive", "--type", "access", "--channel", "online", "--subject",
                     row["subject"][-12:])  # fmt: skip
    assert said["subject"] == row["subject"]
    assert deal.json("rights", "show", said["rights"])["concerns"] == [record]


@pytest.mark.parametrize(
    "wrong",
    [
        ["receive", "--type", "access"],
        ["receive", "--type", "access", "--channel", "telephone"],
        ["receive", "--type", "nonsense", "--channel", "telephone"],
        ["receive", "--type", "access", "--channel", "telephone", "--subject", "ffffffff"],
        ["receive", "--type", "access", "--channel", "telephone", "--record", "ffffffff"],
        ["receive", "--request", "ffffffff", "--record", "RECORD"],
        ["identify", "ffffffff", "--method", "document_seen"],
        ["decide", "ffffffff", "--decision", "fulfil"],
        ["fulfil", "ffffffff"],
        ["fulfil", "ffffffff", "--delivered", "nowhere"],
        ["close", "张三"],
        ["show", "ffffffff"],
    ],
)
def test_wrong_calls_change_nothing_and_repeat_nothing(
    deal: Deal, record: str, wrong: list[str]
) -> None:
    before = deal.json("status")["events"]
    result = deal.run("rights", *[record if part == "RECORD" else part for part in wrong])
    assert result.exit_code == 2
    assert "张三" not in result.stderr
    assert deal.json("status")["events"] == before

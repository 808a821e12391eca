"""The closing report: what a deal was, computed from the ledger and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ledger.sales import Sale, later


def report(sale: Sale) -> dict[str, Any]:
    told: dict[str, Any] = sale.json("engagement", "report", sale.engagement)
    return told


def tracked(sale: Sale, monkeypatch: pytest.MonkeyPatch, *days: int) -> None:
    """The checks that fall due, each made so many days after the handover."""
    for number in days:
        later(monkeypatch, number)
        due = sale.gates()["tracking"]["waiting"][0]["due"]
        sale.did("engagement", "track", sale.engagement, "--due", due, "--topic", "rights",
                 "--findings", "1", "--as", sale.he, "--confirm-clock")  # fmt: skip


def test_a_deal_is_reported_from_opening_to_closing(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    later(monkeypatch, 3)
    handover = sale.frozen(record, more=("--packaged",))
    sale.did("handover", "pack", handover, "--out", str(sale.package), "--as", sale.qian)
    package = ("--package", str(sale.package))
    sale.did("handover", "release", handover, *package, "--as", sale.qian)
    later(monkeypatch, 5)
    sale.did("handover", "receive", handover, *package, "--as", sale.he)
    sale.did("handover", "inspect", handover, *package, "--as", sale.he)
    later(monkeypatch, 10)
    sale.confirm(handover)
    sale.did("handover", "residual", handover, "--basis", "legal_claim", "--retain-until",
             "2029-01-31", "--as", sale.qian)  # fmt: skip
    tracked(sale, monkeypatch, 40, 101, 190)
    later(monkeypatch, 200)
    sale.did("engagement", "close", sale.engagement, "--outcome", "completed", "--confirm-clock")
    told = report(sale)
    assert (told["engagement"], told["path"]) == (sale.engagement, "provision")
    assert (told["outcome"], told["days"]) == ("completed", 200)
    assert [gate["number"] for gate in told["gates"]] == list(range(1, 18))
    days = {gate["code"]: gate["days"] for gate in told["gates"] if gate["state"] == "green"}
    assert (days["list_frozen"], days["received"], days["confirmed"]) == (3, 5, 10)
    assert (days["residual"], days["tracking"]) == (10, 190)
    assert [(one["from"], one["to"], one["days"]) for one in told["durations"]] == [
        ("opened", "list_frozen", 3), ("list_frozen", "released", 0), ("released", "received", 2),
        ("received", "confirmed", 5), ("confirmed", "residual_declared", 0),
        ("residual_declared", "closed", 190),
    ]  # fmt: skip
    (done,) = told["handovers"]
    assert (done["handover"], done["step"]) == (handover, "residual_declared")
    assert (done["items"], done["records"], done["confirmed"], done["days"]) == (1, 1, 1, 7)
    copy = sale.json("where", record)[0]["holding"]
    (kept,) = told["residual"]
    assert (kept["holding"], kept["basis"], kept["there"]) == (copy, "legal_claim", True)
    assert (kept["retain_until"], told["undeclared"]) == ("2029-01-31", [])
    assert [check["late"] for check in told["tracking"]] == [False, True, False]
    assert len(told["documents"]) == 5
    for lang in ("en", "zh"):
        said = sale.did("engagement", "report", sale.engagement, "--lang", lang)
        assert handover in said
        assert copy in said


def test_what_did_not_fit_is_counted_against_what_was_listed(sale: Sale) -> None:
    records = [sale.ready(f"合同{number}.txt") for number in range(3)]
    sale.open()
    sale.papers()
    assert report(sale)["totals"]["rate"] is None
    handover = sale.inspected(*records)
    copy = sale.json("where", records[0])[0]["holding"]
    for kind, *items in (("missing",), ("damaged", copy), ("missing",)):
        sale.did(
            "handover", "discrepancy", "raise", handover, *items, "--kind", kind, "--as", sale.he
        )
    for number, resolution in (("1", "reserved"), ("2", "explained")):
        sale.jointly(
            "handover", "discrepancy", "resolve", handover, number, "--resolution", resolution,
            author=sale.qian, others=((sale.he, "buyer_handler"),),
        )  # fmt: skip
    told = report(sale)
    (done,) = told["handovers"]
    assert (done["discrepancies"], done["open"], done["reserved"]) == (3, 1, 1)
    assert done["kinds"] == {"damaged": 1, "missing": 2}
    assert (done["rate"], done["days"]) == (10_000, None)
    assert told["totals"] == {
        "items": 3, "confirmed": 0, "rejected": 0, "discrepancies": 3, "open": 1, "reserved": 1,
        "rate": 10_000,
    }  # fmt: skip


def test_a_cancelled_handover_is_told_and_not_counted(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    sale.did("handover", "cancel", sale.frozen(record), "--as", sale.qian)
    told = report(sale)
    assert [one["step"] for one in told["handovers"]] == ["cancelled"]
    assert told["totals"]["items"] == 0


def test_what_is_late_is_named_with_its_day(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    sale.handed_over(record, packaged=True)
    assert report(sale)["overdue"] == []
    later(monkeypatch, 100)
    told = report(sale)
    late = {one["detail"]: one for one in told["overdue"]}
    assert set(late) == {"residual_overdue", "tracking_overdue"}
    assert (late["tracking_overdue"]["gate"], late["tracking_overdue"]["count"]) == (16, 2)
    copy = sale.json("where", record)[0]["holding"]
    assert late["residual_overdue"]["ids"] == [copy] == told["undeclared"]
    said = sale.did("engagement", "report", sale.engagement, "--lang", "en")
    assert f"! Checks are overdue. ({late['tracking_overdue']['due']})" in said


def test_a_report_says_over_which_state_it_was_made(sale: Sale) -> None:
    sale.open()
    first = report(sale)
    head = sale.json("status")
    assert first["checkpoint"] == {
        "size": head["entries"], "root": head["root"], "accepted": head["accepted"],
    }  # fmt: skip
    assert report(sale) == first


def test_a_deal_that_failed_is_reported_too(sale: Sale) -> None:
    sale.open("due_diligence")
    sale.keep_secret()
    sale.did("engagement", "close", sale.engagement, "--outcome", "failed")
    told = report(sale)
    assert (told["outcome"], told["path"]) == ("failed", "disclosure")
    red = [gate["code"] for gate in told["gates"] if gate["state"] == "red"]
    assert red == ["closing_report"]


def test_the_routine_engagement_is_not_reported(sale: Sale) -> None:
    with sale.firm.open(writing=False) as ledger:
        routine = ledger.routine()
    assert sale.error("engagement", "report", routine, code=2)

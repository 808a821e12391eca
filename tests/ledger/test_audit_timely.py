"""What was entered late or ahead of its time, and which deadlines were missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.values import later
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.audit.checks import timeliness
from ledger.audit.finding import Finding, Gap
from ledger.audit.scope import Scope
from ledger.signing import now
from tests.ledger import sales
from tests.ledger.audited import Looked, look, replayed
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    site_fixture,  # noqa: F401
)
from tests.ledger.deals import Deal, deal_at
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm, collect_files, small_act
from tests.ledger.sales import Sale


def found(firm: Firm, days: float = 0, **more: Any) -> Looked:
    return look(firm.path, timeliness.check, days, **more)


def ago(days: int) -> str:
    return later(now(), days=-days)


def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder that somebody has changed so that it permits everything."""
    monkeypatch.setattr("ledger.recorder.judge_commit", lambda *_: [])


# -- claims -------------------------------------------------------------------------------------


def test_what_was_entered_at_once_is_not_late(ledger: Ledger, admin: Acting, firm: Firm) -> None:
    ledger.act(admin, [small_act(1)], at=later(now(), hours=-23))
    looked = found(firm)
    assert looked.codes == set()
    assert not looked.those("late_entry")


def test_what_was_entered_late_with_a_reason_is_told_of(
    ledger: Ledger, admin: Acting, firm: Firm
) -> None:
    done = ledger.act(admin, [small_act(1), small_act(2)], at=ago(3), late_reason="paper_first")
    finding = found(firm).one("late_entry")
    assert (finding.severity, finding.detail) == ("note", "paper_first")
    assert finding.evidence == tuple(event.id for event in done.events)
    assert finding.due == later(finding.since, hours=24)
    assert (finding.entry, finding.cause) == (done.entry, "events: 2")


def test_of_what_was_replayed_before_nothing_late_is_told_again(
    ledger: Ledger, admin: Acting, firm: Firm
) -> None:
    done = ledger.act(admin, [small_act(1)], at=ago(3), late_reason="paper_first")
    assert found(firm, since=done.entry).those("late_entry")
    assert not found(firm, since=done.entry + 1).those("late_entry")


def test_a_changed_recorder_let_a_late_act_in_without_a_reason(
    ledger: Ledger, admin: Acting, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded(monkeypatch)
    ledger.act(admin, [small_act(1)], at=ago(3))
    finding = found(firm).one("late_unexplained")
    assert (finding.severity, finding.rule) == ("medium", "I-04")
    said = replayed(firm.path)
    assert said.counts.code["not_permitted"] == 1, "the rule is judged again, too"
    assert {"late_unexplained"} <= set(said.counts.code)


def test_a_changed_recorder_let_an_act_of_tomorrow_in(
    ledger: Ledger, admin: Acting, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded(monkeypatch)
    ledger.act(admin, [small_act(1)], at=later(now(), days=2))
    assert found(firm).one("claimed_in_future").actual < found(firm).one("claimed_in_future").since


def test_an_act_of_this_evening_is_an_act_of_tomorrow_too(
    ledger: Ledger, admin: Acting, firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded(monkeypatch)
    ledger.act(admin, [small_act(1)], at=later(now(), seconds=200))
    assert not found(firm).those("claimed_in_future"), "clocks may differ so much"
    ledger.act(admin, [small_act(2)], at=later(now(), seconds=400))
    assert found(firm).one("claimed_in_future").rule == "I-04"


def test_no_field_before_at_holds_one_of_that_name() -> None:
    """The pass over a million events finds `at` without decoding: it must be the first."""
    from domain import TOPICS
    from ledger.audit.checks.timeliness import _CLAIMED

    assert '"at":"' in _CLAIMED
    for kind in TOPICS.values():
        before = [name for name in kind.__struct_fields__ if name < "at"]
        for name in before:
            assert "Struct" not in str(kind.__annotations__.get(name, "")), (kind, name)
            assert "Item" not in str(kind.__annotations__.get(name, "")), (kind, name)


# -- the ledger's clock -------------------------------------------------------------------------


def test_a_clock_put_forward_beyond_the_limit(ledger: Ledger, admin: Acting, firm: Firm) -> None:
    forward = ledger.policy().limits.clock_forward_days + 2
    ledger.act(admin, [small_act(1)])
    assert not found(firm).those("clock_jumped")
    ledger.clock.confirmed = True
    ledger.clock.now = lambda: later(now(), days=forward)
    ledger.act(admin, [small_act(2)], at=later(now(), days=forward))
    finding = found(firm, forward + 1).one("clock_jumped")
    assert finding.actual > finding.due > finding.since


def test_acts_that_no_time_stamp_covers_are_counted_once(
    ledger: Ledger, admin: Acting, firm: Firm
) -> None:
    done = ledger.act(admin, [small_act(1)])
    finding = found(firm).one("entries_unanchored")
    assert (finding.entry, finding.actual) == (0, str(done.entry + 1))


# -- keys ---------------------------------------------------------------------------------------


def act_key(desk: Desk) -> str:
    keys = desk.json("key", "list", "--actor", desk.reviewer)
    return str(next(key["id"] for key in keys if key["purpose"] == "act"))


def test_acts_signed_between_the_loss_of_a_key_and_its_report(desk: Desk) -> None:
    record = desk.collect()
    desk.did("review", record, "--as", desk.reviewer)
    assert not found(desk.firm).those("compromise_window")
    key = act_key(desk)
    desk.did("key", "compromised", key, "--since", "2026-01-01T00:00:00Z")
    finding = found(desk.firm).one("compromise_window")
    assert (finding.subject, finding.rule) == (desk.reviewer, "I-05")
    assert (finding.due, finding.cause[-3:]) == ("", ": 1"), "nothing was due when it was reported"
    assert finding.actual == replayed(desk.firm.path).as_of.accepted
    told = desk.run("audit", "replay", "--only", "compromise_window", "--lang", "en").stdout
    assert f"reported {finding.actual}" in told
    assert finding.evidence[0].startswith(f"{desk.reviewer}/")


@pytest.mark.slow
def test_what_was_signed_before_the_loss_is_not_in_doubt(desk: Desk) -> None:
    record = desk.collect()
    desk.did("review", record, "--as", desk.reviewer)
    key = act_key(desk)
    desk.did("key", "compromised", key, "--since", now())
    assert not found(desk.firm).those("compromise_window")


# -- deadlines ----------------------------------------------------------------------------------


def test_an_emergency_that_nobody_went_through_in_time(desk: Desk) -> None:
    record = desk.collect()
    desk.did("classify", record, "--category", "contract", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    desk.did("access", "record", record, "--purpose", "break_glass", "--reason", "水管爆裂",
             "--out", "x")  # fmt: skip
    assert found(desk.firm, 0.9).codes == set()
    finding = found(desk.firm, 1.1).one("break_glass_unreviewed")
    assert (finding.subject, finding.evidence[0]) == (desk.founder, record)
    desk.did("role", "grant", desk.reviewer, "dpo")
    desk.did("access", "review", "--from", "2020-01-01T00:00:00Z", "--anomalies", "1", "--report",
             "属实", "--as", desk.reviewer)  # fmt: skip
    assert found(desk.firm, 9).codes == set()


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def test_a_persons_request_that_is_not_answered_by_its_day(deal: Deal) -> None:
    slip = deal.home / "slip"
    slip.write_text("13812345678", encoding="utf-8")
    request = deal.json("rights", "receive", "--type", "access", "--channel", "telephone",
                        "--identifier-file", str(slip), "--contact", "回拨")["rights"]  # fmt: skip
    assert found(deal.firm, 10).codes == set()
    finding = found(deal.firm, 40).one("rights_overdue")
    assert (finding.subject, finding.rule, finding.severity) == (request, "I-38", "high")


@pytest.mark.slow
def test_a_list_that_nobody_inspected_in_the_time_agreed(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = sale.received(record)
    assert found(sale.firm, 14).codes == set()
    finding = found(sale.firm, 16).one("deemed_acceptance_missing")
    assert (finding.subject, finding.rule) == (handover, "I-40")
    sales.later(monkeypatch, 16)
    sale.did("handover", "deem", handover, "--as", sale.qian)
    assert found(sale.firm, 17).codes == set()


def test_a_list_that_went_and_came_on_other_days_than_planned(sale: Sale) -> None:
    """The days of the plan are a promise; who does not keep them says why, or is told of."""
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = str(sale.json(
        "handover", "plan", "--buyer-handler", sale.he, "--first-day", "2020-01-01", "--last-day",
        "2020-01-31", "--engagement", sale.engagement, "--as", sale.qian,
    )["handover"])  # fmt: skip
    sale.did("handover", "freeze", handover, record, "--as", sale.qian)
    sale.did("handover", "release", handover, "--as", sale.qian)
    finding = found(sale.firm).one("handover_off_plan")
    assert (finding.subject, finding.detail) == (handover, "handover.released")
    assert (finding.since, finding.due, finding.severity) == ("2020-01-01", "2020-01-31", "low")
    sale.did("handover", "receive", handover, "--off-plan", "carrier_late", "--as", sale.he)
    assert found(sale.firm).one("handover_off_plan") == finding, "the receipt says why"
    told = {step["type"]: step for step in sale.json("handover", "show", handover)["steps"]}
    days = {step: (told[step]["planned"], told[step]["off_plan"])
            for step in ("handover.released", "handover.received")}  # fmt: skip
    assert days == {
        "handover.released": ("late", None), "handover.received": ("late", "carrier_late"),
    }  # fmt: skip
    shown = sale.run("handover", "show", handover).stdout
    assert "after the days planned; no reason was given" in shown
    assert "after the days planned; On the way" in shown


def test_a_list_that_was_released_before_the_first_day_planned(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = str(sale.json(
        "handover", "plan", "--buyer-handler", sale.he, "--first-day", "2099-01-01", "--last-day",
        "2099-01-31", "--engagement", sale.engagement, "--as", sale.qian,
    )["handover"])  # fmt: skip
    sale.did("handover", "freeze", handover, record, "--as", sale.qian)
    sale.did("handover", "release", handover, "--as", sale.qian)
    assert found(sale.firm).one("handover_off_plan").subject == handover
    assert sale.json("handover", "show", handover)["steps"][-1]["planned"] == "early"


@pytest.mark.slow
def test_a_destruction_that_was_approved_and_forgotten(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    case = site.approved([site.copy(record)])
    firm = site.crew.firm
    assert not found(firm, 29).those("approval_expired")
    finding = found(firm, 31).one("approval_expired")
    assert (finding.subject, finding.rule) == (case, "I-27")
    site.execute(case)
    assert not found(firm, 31).those("approval_expired")


@pytest.mark.slow
def test_collected_in_one_go_is_one_finding(
    ledger: Ledger, admin: Acting, firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded(monkeypatch)
    before = len(found(firm).findings)
    sales.later(monkeypatch, -5)
    ledger.clock.now = lambda: later(now(), days=5)
    collect_files(ledger, admin, tmp_path / "合同", 40)
    looked = found(firm, 5)
    assert len(looked.those("late_unexplained")) <= 2
    assert len(looked.findings) <= before + 2


@pytest.mark.slow
def test_a_request_that_was_answered_late(deal: Deal, monkeypatch: pytest.MonkeyPatch) -> None:
    slip = deal.home / "slip"
    slip.write_text("13812345678", encoding="utf-8")
    request = deal.json("rights", "receive", "--type", "access", "--channel", "telephone",
                        "--identifier-file", str(slip), "--contact", "回拨")["rights"]  # fmt: skip
    sales.later(monkeypatch, 40)
    deal.did("rights", "close", request, "--ending", "withdrawn", "--confirm-clock")
    looked = found(deal.firm, 41)
    assert looked.one("rights_answered_late").subject == request
    assert not looked.those("rights_overdue")


def test_a_pack_that_allows_less_than_a_day(ledger: Ledger, admin: Acting, firm: Firm) -> None:
    ledger.act(admin, [small_act(1)], at=later(now(), seconds=-5400))

    def check(scope: Scope) -> Iterator[Finding | Gap]:
        limits = replace(scope.policy.limits, late_after_hours=1)
        return timeliness.check(scope._replace(policy=replace(scope.policy, limits=limits)))

    assert not found(firm).those("late_unexplained")
    assert len(look(firm.path, check).those("late_unexplained")) == 1

"""What has to be there and is not: each seen in a ledger that lacks it, and not in a good one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from domain.values import later
from ledger.audit.checks import completeness, completeness_deals
from ledger.effects.destroying import copies_of
from ledger.errors import DataError
from ledger.gates import ladder_of
from ledger.signing import now
from tests.ledger.audited import Looked, look, replayed
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    ordered_hold,
    site_fixture,  # noqa: F401
)
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm
from tests.ledger.sales import Sale


def found(firm: Firm, days: float = 0, **more: Any) -> Looked:
    return look(firm.path, completeness.check, days, **more)


# -- records ------------------------------------------------------------------------------------


def classify(desk: Desk, record: str, category: str = "contract") -> None:
    desk.did("classify", record, "--category", category, "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip


def test_a_record_lacks_its_class_then_its_period_then_nothing(desk: Desk) -> None:
    record = desk.collect()
    assert found(desk.firm).one("unclassified").evidence == (record, f"{record}/1")
    classify(desk, record)
    assert found(desk.firm).codes == {"retention_missing"}
    desk.did("retention", "assign", record, "--trigger", "contract_ended", "--date", now()[:10])
    assert found(desk.firm).codes == set()


@pytest.mark.slow
def test_a_table_of_many_rows_is_one_finding(desk: Desk) -> None:
    table = desk.home / "订单.csv"
    table.write_text("no\n" + "".join(f"{n}\n" for n in range(40)), "utf-8")
    desk.did("collect", str(table), "--rows", "--shared-key", "--category", "transaction",
             "--basis", "pipl_13_2_contract", "--source", "店主", "--notice", "N-1")  # fmt: skip
    assert found(desk.firm).one("unclassified").actual == "40"


@pytest.mark.slow
def test_a_record_of_another_kind_is_noted(desk: Desk) -> None:
    record = desk.collect()
    classify(desk, record, "other")
    finding = found(desk.firm).one("category_other")
    assert (finding.severity, finding.evidence) == ("note", (record, f"{record}/1"))


def test_periods_that_contradict_each_other_and_nobody_decided(desk: Desk) -> None:
    record = desk.collect()
    desk.did("classify", record, "--category", "contract", "--category",
             "communication.call_recording", "--level", "general_3", "--sensitivity",
             "general_pi")  # fmt: skip
    assign = ["retention", "assign", record, "--date", "2026-01-31", "--trigger"]
    desk.did(*assign, "contract_ended")
    assert not found(desk.firm).those("retention_conflict")
    desk.did(*assign, "created")
    finding = found(desk.firm).one("retention_conflict")
    assert (finding.rule, finding.evidence[0]) == ("I-12", record)


def test_what_was_collected_without_notice(desk: Desk) -> None:
    file = desk.home / "名单.txt"
    file.write_text("客户", encoding="utf-8")
    desk.did("collect", str(file), "--category", "contract", "--basis", "pipl_13_2_contract",
             "--source", "张三")  # fmt: skip
    assert found(desk.firm).one("notice_missing").rule == "I-10"


def test_what_had_to_be_gone_is_still_here_unless_it_is_held(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    firm = site.crew.firm
    looked = found(firm)
    due = [*looked.those("deletion_overdue"), *looked.those("disposal_due")]
    assert [one.evidence[0] for one in due] == [record]
    site.ledger.act(site.person("zhao"), ordered_hold(record), role="dpo")
    looked = found(firm)
    assert not looked.those("deletion_overdue")
    assert not looked.those("disposal_due")


# -- backups, destruction, keys ------------------------------------------------------------------


def test_what_was_not_backed_up_in_time(desk: Desk) -> None:
    desk.collect()
    assert not found(desk.firm, 6).those("never_backed_up")
    finding = found(desk.firm, 9).one("never_backed_up")
    assert (finding.rule, finding.severity) == ("I-19", "medium")


@pytest.mark.slow
def test_a_destruction_is_read_back_and_certified(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    firm = site.crew.firm
    case = site.approved(copies_of(site.ledger, [record]))
    ends = {"destruction_not_verified", "destruction_not_certified"}
    assert not found(firm).codes & ends
    site.execute(case)
    assert found(firm).one("destruction_not_verified").subject == case
    site.verify(case)
    assert found(firm).codes & ends == {"destruction_not_certified"}
    site.certify(case)
    assert not found(firm).codes & ends


@pytest.mark.slow
def test_a_copy_of_keys_that_still_holds_what_was_shredded(site: Site, tmp_path: Path) -> None:
    (record,) = site.ripe(tmp_path / "合同")
    made = site.keys_backed_up(tmp_path / "钥匙")
    assert not found(site.crew.firm).those("key_copy_not_cleared")
    made.path.rename(tmp_path / "别处")  # out of reach, so that nobody clears it
    site.execute(site.approved(copies_of(site.ledger, [record])))
    finding = found(site.crew.firm).one("key_copy_not_cleared")
    assert (finding.subject, finding.severity) == (made.copy, "high")
    assert all(one.startswith("key-") for one in finding.evidence[:-1])


@pytest.mark.slow
def test_a_keystore_of_which_nobody_says_what_it_lies_on(desk: Desk) -> None:
    assert found(desk.firm).one("keystore_unregistered").severity == "note"
    desk.did("keystore", "register", "--kind", "live", "--medium", "disk_internal", "--place", "店")
    assert not found(desk.firm).those("keystore_unregistered")


@pytest.mark.slow
def test_registers_in_which_nothing_ever_was(desk: Desk) -> None:
    empty = {one.detail for one in found(desk.firm).those("register_empty")}
    assert {"training", "backups", "access_reviews"} <= empty
    desk.did("training", "record", desk.reviewer, "--topic", "security", "--mode", "offline",
             "--on", "2026-01-05", "--score", "90", "--pass-mark", "60",
             "--valid-to", "2099-12-31")  # fmt: skip
    assert {one.detail for one in found(desk.firm).those("register_empty")} == empty - {"training"}


# -- people -------------------------------------------------------------------------------------

USE = ("--mode", "view", "--purpose", "service_delivery")


@pytest.fixture
def granted(desk: Desk) -> str:
    """A grant of a day to the reviewer."""
    record = desk.collect()
    classify(desk, record)
    desk.did("retention", "assign", record, "--trigger", "contract_ended", "--date", now()[:10])
    days = ("--from", later(now(), hours=-1), "--until", later(now(), days=1))
    desk.did("access", "grant", "--actor", desk.reviewer, "--record", record, *days, *USE)
    return str(desk.json("access", "grants")[0]["grant"])


@pytest.mark.slow
def test_a_grant_that_is_over_and_that_nobody_ended(desk: Desk, granted: str) -> None:
    assert not found(desk.firm).those("grant_not_ended")
    finding = found(desk.firm, 2).one("grant_not_ended")
    assert (finding.subject, finding.severity) == (granted, "low")
    desk.did("access", "revoke", granted)
    assert not found(desk.firm, 2).those("grant_not_ended")


def test_a_grant_and_a_key_of_somebody_who_left(desk: Desk, granted: str) -> None:
    assert not found(desk.firm).codes
    for role in ("reviewer", "approver"):
        desk.did("role", "revoke", desk.reviewer, role)
    assert found(desk.firm).one("grant_of_leaver").subject == granted
    assert found(desk.firm).one("key_of_leaver").subject == desk.reviewer
    desk.did("access", "revoke", granted)
    key = found(desk.firm).one("key_of_leaver").detail
    desk.did("key", "revoke", key, "--reason", "role_ended")
    assert not found(desk.firm).codes


@pytest.mark.slow
def test_accesses_that_nobody_reviewed_within_the_interval(desk: Desk, granted: str) -> None:
    assert not found(desk.firm, 89).those("access_review_overdue")
    finding = found(desk.firm, 91).one("access_review_overdue")
    assert finding.rule == "I-16"


def test_somebody_without_training_opened_a_record(desk: Desk, granted: str) -> None:
    desk.did("access", "record", desk.json("inventory")[0]["record"], "--purpose",
             "service_delivery", "--out", "x", "--as", desk.reviewer)  # fmt: skip
    finding = found(desk.firm).one("untrained")
    assert finding.subject == desk.reviewer
    (seen,) = desk.json("access", "log")
    assert finding.position == seen["position"]
    assert [one.partition("/")[0] for one in finding.evidence] == [seen["record"]]
    for topic in ("confidentiality", "security"):
        desk.did("training", "record", desk.reviewer, "--topic", topic, "--mode", "offline",
                 "--on", "2026-01-05", "--score", "90", "--pass-mark", "60",
                 "--valid-to", later(now(), days=30)[:10])  # fmt: skip
    assert not found(desk.firm).those("untrained")
    assert found(desk.firm, 60).one("untrained").rule == "I-08", "it lapses"


# -- deals --------------------------------------------------------------------------------------


def protected(sale: Sale) -> None:
    backup = sale.backed_up()
    sale.did("backup", "verify", backup)
    sale.did("backup", "offsite", backup, "--place", "上海")
    sale.drilled(backup)


@pytest.mark.slow
def test_a_list_that_went_past_every_gate_is_no_finding(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    protected(sale)
    sale.handed_over(record)
    assert not found(sale.firm).those("gate_bypassed")


def test_a_gate_that_was_red_when_a_list_was_released_is_found_for_ever(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.agree()
    sale.keep_secret()
    sale.released(record)
    late = {one.detail: one.rule for one in found(sale.firm).those("gate_bypassed")}
    assert late == {
        "parties: no_authority_letter": "I-09", "parties: not_trained": "I-08",
        "legal_path: no_legal_opinion": "I-14", "backup: never_backed_up": "I-19",
    }  # fmt: skip
    sale.letters()
    sale.trained(sale.qian, sale.he)
    sale.attached("legal_opinion")
    protected(sale)
    again = {one.detail for one in found(sale.firm).those("gate_bypassed")}
    assert again == late.keys(), "what is supplied afterwards was not there then"
    entry = found(sale.firm).those("gate_bypassed")[0].entry
    assert found(sale.firm, since=(entry or 0) + 1).those("gate_bypassed"), "and is told again"


def test_gates_of_a_deal_under_way_are_notes(sale: Sale) -> None:
    sale.open()
    looked = found(sale.firm)
    red = {one.detail for one in looked.those("gate_red")}
    assert {"parties", "evidence_agreement", "nda"} <= red
    assert looked.codes == set()


def test_a_deal_whose_gates_cannot_be_computed_hides_no_other(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event of the first deal is no event any more: the second one is told all the same."""
    sale.open()
    first = sale.engagement
    sale.open()
    second = sale.engagement

    def stumbling(deal: Any, *more: Any) -> Any:
        if deal.id == first:
            raise DataError("an event cannot be decoded")
        return ladder_of(deal, *more)

    monkeypatch.setattr(completeness_deals, "ladder_of", stumbling)
    looked = found(sale.firm)
    finding = looked.one("gate_unknown")
    assert (finding.subject, finding.severity) == (first, "medium")
    assert {one.subject for one in looked.those("gate_red")} == {second}


@pytest.mark.slow
def test_what_follows_a_handover_falls_due(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = sale.handed_over(record, packaged=True)
    follows = {"residual_overdue", "tracking_overdue"}
    assert not found(sale.firm, 28).codes & follows
    looked = found(sale.firm, 32)
    assert looked.codes & follows == follows
    assert looked.one("residual_overdue").rule == "I-24"
    sale.did("handover", "residual", handover, "--basis", "retention_duty", "--retain-until",
             "2099-12-31", "--as", sale.qian)  # fmt: skip
    assert found(sale.firm, 32).codes & follows == {"tracking_overdue"}
    assert not found(sale.firm, 90).those("residual_period_over")
    sale.did("handover", "residual", handover, "--basis", "retention_duty", "--retain-until",
             later(now(), days=60)[:10], "--as", sale.qian)  # fmt: skip
    assert not found(sale.firm, 32).those("residual_period_over")
    finding = found(sale.firm, 90).one("residual_period_over")
    assert (finding.rule, finding.severity) == ("I-24", "high")


@pytest.mark.slow
def test_a_discrepancy_that_nobody_settled(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = sale.inspected(record)
    assert not found(sale.firm).those("discrepancy_open")
    sale.did("handover", "discrepancy", "raise", handover, "--kind", "missing", "--as", sale.he)
    assert found(sale.firm).one("discrepancy_open").evidence[0] == handover


@pytest.mark.slow
def test_a_closed_deal_without_its_report(sale: Sale) -> None:
    sale.open()
    assert not found(sale.firm).those("closing_report_missing")
    sale.did("engagement", "close", sale.engagement, "--outcome", "failed")
    assert found(sale.firm).one("closing_report_missing").subject == sale.engagement


@pytest.mark.slow
def test_time_goes_on_and_the_same_ledger_says_more(desk: Desk) -> None:
    desk.collect()
    at_once, then = found(desk.firm), found(desk.firm, 40)
    assert at_once.codes < then.codes
    said = replayed(desk.firm.path, 40, only=("complete",))
    assert {one.code for one in said.findings if one.severity != "note"} == then.codes


def test_a_part_that_cannot_be_looked_at_is_a_gap_and_hides_no_other(desk: Desk) -> None:
    desk.collect()
    looked = found(desk.firm)
    assert looked.gaps == {}
    with closing(sqlite3.connect(desk.firm.path / "ledger.db")) as connection:
        connection.execute("DROP TABLE key_copies")
        connection.commit()
    damaged = found(desk.firm)
    assert damaged.gaps == {("complete", "not_checked"): 1}
    assert damaged.codes == looked.codes


@pytest.mark.slow
def test_keys_and_copies_on_media_that_nobody_looks_after(site: Site, tmp_path: Path) -> None:
    site.ripe(tmp_path / "合同")
    firm = site.crew.firm
    assert not found(firm).those("medium_unregistered")
    site.backed_up(tmp_path / "备份")
    finding = found(firm).one("medium_unregistered")
    assert (finding.detail, finding.severity) == ("disk_external", "note")
    made = site.keys_backed_up(tmp_path / "盘", expires_on=later(now(), days=5)[:10])
    assert not found(firm, 4).those("key_copy_overdue")
    assert found(firm, 8).one("key_copy_overdue").subject == made.copy


@pytest.mark.slow
def test_a_changed_recorder_let_a_list_of_people_go_whom_nobody_told(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sale.ready(sensitivity="general_pi")
    sale.open("merger")
    sale.papers()
    lacking = {"people_not_cleared", "pipia_missing"}
    assert not found(sale.firm).codes & lacking, "nothing is listed yet"
    monkeypatch.setattr("ledger.recorder.judge_commit", lambda *_: [])
    sale.frozen(record)
    assert found(sale.firm).codes & lacking == lacking
    said = replayed(sale.firm.path, only=("permitted",))
    assert {one.rule for one in said.findings} >= {"I-14"}, "and the rule says it, too"


@pytest.mark.slow
def test_a_changed_recorder_let_a_deal_fail_with_copies_at_the_other_side(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sale.ready()
    sale.open()
    original = sale.json("where", record)[0]["holding"]
    monkeypatch.setattr("ledger.recorder.judge_commit", lambda *_: [])
    sale.did("holding", "add", record, "--form", "electronic_native", "--medium", "usb_flash",
             "--location", "买方办公室", "--size", "9", "--made-from", original, "--engagement",
             sale.engagement, "--as", sale.he)  # fmt: skip
    sale.did("engagement", "close", sale.engagement, "--outcome", "failed")
    finding = found(sale.firm).one("copies_not_returned")
    assert (finding.rule, finding.detail, finding.evidence[0]) == ("I-22", "failed", sale.buyer)

"""The seventeen gates of a deal: each seen red, with what it waits for, and green."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.cli.gates_shown import GATES, WAITING
from ledger.cli.refusals import EXPLANATIONS
from tests.ledger.sales import Sale, later, stopped

# -- 1 to 4: persons and papers ---------------------------------------------------------------


def test_gate_1_waits_for_letters_and_training(sale: Sale) -> None:
    sale.open()
    assert sale.waits("parties") == ["no_authority_letter", "not_trained"]
    letters, training = sale.gates()["parties"]["waiting"]
    assert letters["ids"] == [sale.seller, sale.buyer]
    assert sorted(training["ids"]) == sorted([sale.qian, sale.he])
    sale.trained(sale.qian, sale.he)
    sale.attached("authority_letter", "--party", sale.seller, by=sale.qian)
    (waiting,) = sale.gates()["parties"]["waiting"]
    assert waiting["ids"] == [sale.buyer]
    assert f"--party {sale.buyer}" in waiting["command"]
    sale.attached("authority_letter", "--party", sale.buyer, by=sale.he)
    assert sale.gate("parties") == "green"


def test_gate_1_waits_for_persons_who_can_sign(sale: Sale) -> None:
    sale.open()
    sale.letters()
    sale.trained(sale.qian, sale.he)
    for actor, role, detail in (
        (sale.qian, "seller_handler", "no_handler_of_seller"),
        (sale.he, "buyer_handler", "no_handler_of_buyer"),
        (sale.wu, "supervisor", "no_supervisor_of_seller"),
        (sale.ma, "supervisor", "no_supervisor_of_buyer"),
    ):
        sale.did("role", "revoke", actor, role)
        assert detail in sale.waits("parties")
        sale.did("role", "grant", actor, role)
        assert sale.gate("parties") == "green"


def test_a_training_that_was_failed_or_has_lapsed_does_not_count(sale: Sale) -> None:
    sale.open()
    sale.letters()
    sale.trained(sale.qian, sale.he)
    assert sale.gate("parties") == "green"
    sale.trained(sale.he, score=59)
    assert sale.waits("parties") == ["not_trained"]
    sale.trained(sale.he, valid_to="2026-01-08")
    assert sale.waits("parties") == ["not_trained"]


def test_gate_2_waits_for_the_agreement_and_for_the_present_keys(sale: Sale) -> None:
    sale.open()
    assert sale.waits("evidence_agreement") == ["no_agreement"]
    assert "attach" in sale.gates()["evidence_agreement"]["waiting"][0]["command"]
    document = sale.attached("evidence_agreement")
    assert document in sale.gates()["evidence_agreement"]["waiting"][0]["command"]
    sale.agree((sale.qian, "seller_handler"), (sale.he, "buyer_handler"), (sale.wu, "supervisor"))
    assert sale.waits("evidence_agreement") == ["supervisor_not_agreed"]
    sale.agree()
    assert sale.gate("evidence_agreement") == "green"
    sale.rotate(sale.he)
    assert sale.waits("evidence_agreement") == ["handler_not_agreed"]
    sale.agree()
    assert sale.gate("evidence_agreement") == "green"


def test_gate_3_waits_for_a_confidentiality_agreement_in_force(sale: Sale) -> None:
    sale.ready()
    sale.open()
    assert sale.waits("nda") == ["no_nda_in_force"]
    over = sale.keep_secret(days=("2026-01-01", "2026-01-31"))
    assert sale.waits("nda") == ["no_nda_in_force"]
    assert sale.json("nda", "list", "--engagement", sale.engagement)[0]["document"] == over
    sale.keep_secret("--category", "transaction")
    assert sale.waits("nda") == ["nda_does_not_cover"]
    whole = sale.keep_secret()
    assert sale.gate("nda") == "green"
    sale.did("nda", "terminate", whole, "--on", "2026-01-02", "--engagement", sale.engagement,
             "--as", sale.he)  # fmt: skip
    assert sale.waits("nda") == ["nda_does_not_cover"]


def test_gate_3_asks_for_the_broker_too(sale: Sale) -> None:
    sale.open("asset_or_store_transfer", "--broker", sale.broker)
    sale.keep_secret()
    (waiting,) = sale.gates()["nda"]["waiting"]
    assert waiting["ids"] == [sale.seller, sale.broker]


def test_gate_4_waits_for_counsels_opinion_on_a_provision(sale: Sale) -> None:
    sale.open()
    assert sale.waits("legal_path") == ["no_legal_opinion"]
    sale.attached("legal_opinion")
    assert sale.gate("legal_path") == "green"


def test_gate_4_waits_for_terms_of_processing_where_the_path_asks(sale: Sale) -> None:
    sale.open("entrusted")
    assert sale.waits("legal_path") == ["no_processing_agreement"]
    sale.attached("processing_agreement", "--party", sale.seller, "--party", sale.buyer, by=sale.he)
    assert sale.gate("legal_path") == "green"


# -- 5 to 8: what is to be handed over --------------------------------------------------------


def test_gate_5_waits_until_records_are_ready(sale: Sale) -> None:
    sale.open()
    assert sale.waits("inventory") == ["nothing_to_hand_over"]
    record = sale.collect()
    assert sale.waits("inventory") == ["not_classified", "no_retention", "not_reviewed"]
    for waiting in sale.gates()["inventory"]["waiting"]:
        assert (waiting["ids"], waiting["count"]) == ([record], 1)
        assert record in waiting["command"]
    sale.did("classify", record, "--category", "contract", "--level", "general_3",
             "--sensitivity", "non_personal")  # fmt: skip
    assert sale.waits("inventory") == ["no_retention", "not_reviewed"]
    sale.did("retention", "assign", record, "--trigger", "contract_ended", "--date", "2026-01-31")
    assert sale.waits("inventory") == ["not_reviewed"]
    sale.did("review", record, "--as", sale.reviewer)
    assert sale.gate("inventory") == "green"


def test_gate_5_looks_at_the_list_once_there_is_one(sale: Sale) -> None:
    record = sale.ready()
    sale.collect("别的.txt", "别的")
    sale.open()
    assert sale.waits("inventory") == ["not_classified", "no_retention", "not_reviewed"]
    sale.papers()
    sale.frozen(record)
    assert sale.gate("inventory") == "green"


def test_gate_6_waits_for_an_acceptable_assessment(sale: Sale) -> None:
    sale.open("merger")
    sale.ready()
    assert sale.gate("pipia") == "not_needed"  # nobody's data is in it
    sale.ready("客户.txt", sensitivity="general_pi")
    assert sale.waits("pipia") == ["no_pipia"]
    refused = sale.assess("not_acceptable")
    (waiting,) = sale.gates()["pipia"]["waiting"]
    assert (waiting["detail"], waiting["ids"]) == ("pipia_not_acceptable", [refused])
    sale.assess("acceptable_with_measures")
    assert sale.gate("pipia") == "green"


def test_gate_6_is_not_asked_where_the_path_does_not(sale: Sale) -> None:
    sale.open("equity_transfer")
    sale.ready(sensitivity="general_pi")
    assert sale.gate("pipia") == "not_needed"
    assert sale.gate("notices") == "not_needed"


def test_gate_8_waits_for_backup_offsite_copy_and_drill(sale: Sale) -> None:
    sale.open()
    assert sale.gate("backup") == "not_needed"
    sale.ready()
    assert sale.waits("backup") == ["never_backed_up"]
    backup = sale.backed_up()
    assert sale.waits("backup") == ["no_offsite_copy", "no_drill", "backup_check_overdue"]
    sale.did("backup", "verify", backup)
    sale.did("backup", "offsite", backup, "--place", "上海")
    assert sale.waits("backup") == ["no_drill"]
    sale.drilled(backup)
    assert sale.gate("backup") == "green"
    sale.ready("新.txt")
    assert sale.waits("backup") == ["never_backed_up"]


def test_gate_8_of_what_was_released_looks_at_that_moment(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    sale.handed_over(record, packaged=True)
    assert sale.waits("backup") == ["never_backed_up"]
    backup = sale.backed_up()
    sale.did("backup", "offsite", backup, "--place", "上海")
    sale.drilled(backup)
    assert sale.waits("backup") == ["never_backed_up"]  # a backup made later protected nothing


def test_gate_8_counts_a_table_once_however_many_rows_it_has(sale: Sale) -> None:
    sale.open()
    table = Path("订单.csv")
    table.write_text("no\n" + "".join(f"{number}\n" for number in range(1001)), "utf-8")
    sale.did("collect", str(table), "--rows", "--shared-key", "--category", "transaction",
             "--basis", "pipl_13_2_contract", "--source", "店主", "--notice", "N-1")  # fmt: skip
    (waiting,) = sale.gates()["backup"]["waiting"]
    assert (waiting["detail"], waiting["count"]) == ("never_backed_up", 1)
    counts = {w["detail"]: w["count"] for w in sale.gates()["inventory"]["waiting"]}
    assert counts == {"not_classified": 1001, "no_retention": 1001, "not_reviewed": 1001}


# -- 7: the persons in it ---------------------------------------------------------------------


def told(sale: Sale, subject: str, status: str = "delivered") -> None:
    text, answers = Path("告知书.txt"), Path("送达.csv")
    text.write_text("告知", encoding="utf-8")
    notice = sale.json("notice", "issue", "--channel", "sms", "--text", str(text),
                       "--engagement", sale.engagement)["notice"]  # fmt: skip
    day = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    answers.write_text(f"subject,status,delivered_at\n{subject},{status},{day}\n", "utf-8")
    sale.did("notice", "deliver", notice, "--from", str(answers), "--engagement", sale.engagement)


def declared(sale: Sale, record: str) -> str:
    said = sale.json("subject", "declare", record, "--new", "--engagement", sale.engagement)
    return str(next(e["event"] for e in said["events"]).partition("/")[0])


def test_gate_7_waits_for_notice_and_consent_of_everybody(sale: Sale) -> None:
    sale.open()
    record = sale.ready(sensitivity="general_pi")
    assert sale.waits("notices") == ["subjects_unknown"]
    subject = declared(sale, record)
    assert sorted(sale.waits("notices")) == ["no_consent", "not_notified"]
    told(sale, subject, "bounced")
    assert sorted(sale.waits("notices")) == ["no_consent", "not_notified"]
    told(sale, subject)
    (waiting,) = sale.gates()["notices"]["waiting"]
    assert (waiting["detail"], waiting["ids"], waiting["count"]) == ("no_consent", [record], 1)
    consent = ("--recipient", sale.buyer, "--engagement", sale.engagement, "--channel", "online")
    sale.did("consent", "grant", subject, "--kind", "separate_provision", *consent)
    assert sale.gate("notices") == "green"
    sale.did("consent", "withdraw", subject, *consent)
    assert sale.waits("notices") == ["consent_withdrawn"]


def test_gate_7_of_a_succession_asks_for_notice_alone(sale: Sale) -> None:
    sale.open("merger")
    subject = declared(sale, sale.ready(sensitivity="general_pi"))
    assert sale.waits("notices") == ["not_notified"]
    told(sale, subject)
    assert sale.gate("notices") == "green"


# -- 9 to 14: the handover --------------------------------------------------------------------


def test_gates_9_to_14_go_green_one_after_the_other(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    steps = ("list_frozen", "released", "received", "inspected", "discrepancies", "confirmed")
    for step in steps:
        assert sale.waits(step) == ["no_handover"]
    handover = sale.planned()
    waits = {step: sale.waits(step) for step in steps}
    assert waits == {
        "list_frozen": ["list_not_frozen"], "released": ["not_released"],
        "received": ["not_received"], "inspected": ["not_inspected"],
        "discrepancies": ["not_received"], "confirmed": ["not_confirmed"],
    }  # fmt: skip
    sale.did("handover", "freeze", handover, record, "--as", sale.qian)
    assert (sale.gate("list_frozen"), sale.gate("released")) == ("green", "red")
    sale.did("handover", "release", handover, "--as", sale.qian)
    assert (sale.gate("released"), sale.gate("received")) == ("green", "red")
    sale.did("handover", "receive", handover, "--as", sale.he)
    gates = sale.gates()
    assert (gates["received"]["state"], gates["discrepancies"]["state"]) == ("green", "green")
    (waiting,) = gates["inspected"]["waiting"]
    assert (waiting["detail"], waiting["count"]) == ("not_inspected", 1)
    assert waiting["due"] is not None
    sale.did("handover", "inspect", handover, "--as", sale.he)
    assert (sale.gate("inspected"), sale.gate("confirmed")) == ("green", "red")
    sale.confirm(handover)
    gates = sale.gates()
    for step in steps:
        assert gates[step]["state"] == "green", step
        assert gates[step]["since"] is not None


def test_gate_13_waits_for_open_discrepancies(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = sale.inspected(record)
    assert sale.gate("discrepancies") == "green"
    sale.did("handover", "discrepancy", "raise", handover, "--kind", "missing", "--as", sale.he)
    (waiting,) = sale.gates()["discrepancies"]["waiting"]
    assert (waiting["detail"], waiting["ids"]) == ("discrepancy_open", [handover])
    assert f"resolve {handover} 1" in waiting["command"]
    sale.jointly(
        "handover", "discrepancy", "resolve", handover, "1", "--resolution", "explained",
        author=sale.qian, others=((sale.he, "buyer_handler"),),
    )  # fmt: skip
    assert sale.gate("discrepancies") == "green"


def test_gate_13_waits_for_a_fault_that_nobody_has_raised(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = sale.received(record)
    copy = sale.json("where", record)[0]["holding"]
    sale.did("handover", "inspect", handover, "--reject", copy, "--as", sale.he)
    (waiting,) = sale.gates()["discrepancies"]["waiting"]
    assert (waiting["detail"], waiting["ids"]) == ("fault_not_raised", [copy])


def test_gate_12_says_when_the_time_for_inspection_is_over(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = sale.received(record)
    later(monkeypatch, 16)
    (waiting,) = sale.gates()["inspected"]["waiting"]
    assert waiting["detail"] == "inspection_overdue"
    assert "deem" in waiting["command"]
    sale.did("handover", "deem", handover, "--as", sale.qian)
    assert sale.gate("inspected") == "green"
    assert sale.gate("confirmed") == "red"  # silence accepts, and confirms nothing


# -- 15 to 17: what follows -------------------------------------------------------------------


def test_gate_15_waits_until_what_the_seller_keeps_is_declared(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    assert sale.waits("residual") == ["no_handover"]
    handover = sale.handed_over(record, packaged=True)
    (waiting,) = sale.gates()["residual"]["waiting"]
    copy = sale.json("where", record)[0]["holding"]
    assert (waiting["detail"], waiting["ids"]) == ("residual_not_declared", [copy])
    until = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    later(monkeypatch, 31)
    assert sale.waits("residual") == ["residual_overdue"]
    sale.did("handover", "residual", handover, "--basis", "retention_duty", "--retain-until",
             until, "--as", sale.qian, "--confirm-clock")  # fmt: skip
    assert sale.gate("residual") == "green"
    later(monkeypatch, 400)
    (waiting,) = sale.gates()["residual"]["waiting"]
    assert (waiting["detail"], waiting["due"]) == ("residual_period_over", until)


def test_gate_16_waits_for_each_check_after_the_handover(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    sale.handed_over(record)
    (waiting,) = sale.gates()["tracking"]["waiting"]
    assert (waiting["detail"], waiting["count"]) == ("tracking_to_come", 3)
    for time, detail in (
        ("15:59:59", "tracking_to_come"), ("16:00:00", "tracking_overdue"),
        ("23:59:00", "tracking_overdue"),
    ):  # fmt: skip
        stopped(monkeypatch, f"{waiting['due']}T{time}Z")  # its day ends at midnight in China
        assert sale.waits("tracking") == [detail]
    for days in (31, 91, 181):
        later(monkeypatch, days)
        (waiting,) = sale.gates()["tracking"]["waiting"]
        assert (waiting["detail"], waiting["count"]) == ("tracking_overdue", 1)
        assert f"--due {waiting['due']}" in waiting["command"]
        sale.did("engagement", "track", sale.engagement, "--due", waiting["due"], "--topic",
                 "processing", "--topic", "rights", "--findings", "0", "--as", sale.he,
                 "--confirm-clock")  # fmt: skip
    assert sale.gate("tracking") == "green"


def test_gate_17_waits_for_the_end_and_its_report(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    sale.handed_over(record)
    assert sale.waits("closing_report") == ["not_closed"]
    for days in (30, 90, 180):
        later(monkeypatch, days)
        due = sale.gates()["tracking"]["waiting"][0]["due"]
        sale.did("engagement", "track", sale.engagement, "--due", due, "--topic", "security",
                 "--findings", "0", "--as", sale.he, "--confirm-clock")  # fmt: skip
    sale.did("engagement", "close", sale.engagement, "--outcome", "completed")
    assert sale.waits("closing_report") == ["no_closing_report"]
    sale.did("document", "issue", "closing_report", sale.engagement, "--out", "结项报告.pdf")
    assert sale.gate("closing_report") == "green"


# -- other structures -------------------------------------------------------------------------


def test_a_sale_of_shares_asks_for_new_keys_and_for_no_handover(sale: Sale) -> None:
    sale.open("equity_transfer")
    sale.letters()
    assert sale.waits("parties") == ["credentials_not_reregistered"]
    assert sale.gates()["parties"]["waiting"][0]["ids"] == [sale.founder]
    for code in ("evidence_agreement", "nda", "list_frozen", "confirmed", "residual", "tracking"):
        assert sale.gate(code) == "not_needed", code
    rekey = f"muniment engagement rekey {sale.engagement} --actor {sale.founder}"
    rotate = f"muniment --as {sale.founder} key rotate"
    for purpose, command in (
        ("act", f"{rotate}; {rotate} --purpose seal; {rekey}"),
        ("seal", f"{rotate} --purpose seal; {rekey}"),
    ):
        assert sale.gates()["parties"]["waiting"][0]["command"] == command
        sale.rotate(sale.founder, purpose)
    sale.did("engagement", "rekey", sale.engagement, "--actor", sale.founder)
    assert sale.gate("parties") == "green"
    sale.did("engagement", "close", sale.engagement, "--outcome", "completed")
    assert sale.waits("closing_report") == ["no_closing_report"]


def test_a_deal_that_came_to_nothing_does_not_wait_for_its_steps(sale: Sale) -> None:
    record = sale.ready()
    sale.open()
    sale.papers()
    handover = sale.released(record)
    sale.did("handover", "cancel", handover, "--as", sale.qian)
    assert sale.waits("list_frozen") == ["no_handover"]
    said = sale.error("engagement", "close", sale.engagement, "--outcome", "failed", code=13)
    assert {r["detail"] for r in said["refusals"]} == {"copies_not_disposed"}
    sale.did("engagement", "dispose", sale.engagement, "--party", sale.buyer, "--how",
             "none_kept", "--count", "0", "--as", sale.he)  # fmt: skip
    sale.did("engagement", "close", sale.engagement, "--outcome", "failed")
    gates = sale.gates()
    red = [code for code, gate in gates.items() if gate["state"] == "red"]
    assert red == ["closing_report"]
    assert gates["confirmed"]["state"] == "not_needed"


# -- how it is told ---------------------------------------------------------------------------


def test_the_routine_engagement_has_no_gates(sale: Sale) -> None:
    with sale.firm.open(writing=False) as ledger:
        routine = ledger.routine()
    said = sale.error("engagement", "status", routine, code=2)
    assert "no deal" in said["message"]


def test_the_ladder_is_told_in_both_languages(sale: Sale) -> None:
    sale.ready()
    sale.open()
    for lang in ("en", "zh"):
        said = sale.did("engagement", "status", sale.engagement, "--lang", lang)
        lines = said.splitlines()
        for number in range(1, 18):
            assert any(line.startswith(f"{number:>2} ") for line in lines), number
        assert sum("✗" in line for line in lines) == 14
        assert sum("–" in line for line in lines) == 2
        assert "muniment handover plan" in said


def test_every_gate_and_every_wait_has_words(sale: Sale) -> None:
    sale.open()
    assert list(sale.gates()) == list(GATES)
    for code, gate in sale.gates().items():
        for waiting in gate["waiting"]:
            assert waiting["detail"] in {*WAITING, *EXPLANATIONS}, code
    assert not set(WAITING) & set(EXPLANATIONS)


def test_looking_at_the_ladder_records_nothing_and_needs_no_keys(sale: Sale) -> None:
    sale.ready()
    sale.open()
    before = sale.json("status")["entries"]
    (sale.firm.path / "keystore").rename(sale.home / "elsewhere")
    (sale.firm.path / "identity").rename(sale.home / "nobody")
    assert sale.gate("evidence_agreement") == "red"
    assert sale.json("status")["entries"] == before


def test_entrusted_copies_go_back_before_the_end(sale: Sale) -> None:
    record = sale.ready()
    sale.open("entrusted")
    sale.letters()
    sale.trained(sale.qian, sale.he)
    sale.agree()
    sale.keep_secret()
    sale.attached("processing_agreement", "--party", sale.seller, "--party", sale.buyer, by=sale.he)
    handover = sale.handed_over(record, packaged=True)
    sale.did("handover", "residual", handover, "--basis", "retention_duty", "--retain-until",
             "2099-12-31", "--as", sale.qian)  # fmt: skip
    (waiting,) = sale.gates()["residual"]["waiting"]
    assert (waiting["detail"], waiting["ids"]) == ("copies_not_disposed", [sale.buyer])
    sale.did("engagement", "dispose", sale.engagement, "--party", sale.buyer, "--how",
             "destroyed", "--count", "1", "--certificate", "XH-1", "--as", sale.he)  # fmt: skip
    assert sale.gate("residual") == "green"

"""`muniment anonymise`: a table without anybody in it, beside the one that it was made of."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ledger.application import Ledger
from ledger.audit.outcome import Replayed
from ledger.audit.replay import Asked, replay
from ledger.effects.generalising import Examined
from ledger.signing import now
from tests.ledger.deals import Deal, deal_at
from tests.ledger.ledgers import Firm, add_person

PEOPLE = "姓名,手机,生日,住址,消费,备注\n" + "".join(
    f"张{n:02d},138{n:08d},{1980 + n % 3}-0{n % 9 + 1}-1{n % 9},"
    f"上海市{'浦东新区世纪大道' if n % 2 else '黄浦区人民路'}{n}号,{100 + 7 * n % 90},多\n"
    for n in range(40)
)
PLAN = ("--drop", "姓名", "--drop", "手机", "--generalise", "生日:decade", "--generalise",
        "住址:district", "--generalise", "消费:band:100", "--k", "5")  # fmt: skip


@pytest.fixture
def deal(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deal:
    return deal_at(firm, tmp_path, monkeypatch)


def customers(deal: Deal, *more: str, text: str = PEOPLE, name: str = "客户.csv") -> str:
    """The record of a table of customers, classified; collected as one series, or by rows."""
    (deal.home / name).write_text(text, encoding="utf-8")
    deal.did("collect", str(deal.home / name), "--category", "feedback", "--basis",
             "pipl_13_2_contract", "--source", "店主", "--notice", "N-2", *more)  # fmt: skip
    records = [row["record"] for row in deal.json("inventory")]
    deal.did("classify", *records, "--category", "feedback", "--level", "general_3",
             "--sensitivity", "general_pi")  # fmt: skip
    return str(records[0])


def asked(deal: Deal, target: str, *plan: str, out: str = "匿名.csv") -> list[str]:
    draft = deal.home / "anonymous.commit"
    draft.unlink(missing_ok=True)
    return ["anonymise", target, *(plan or PLAN), "-o", out, "--with",
            f"{deal.reviewer}:approver", "--draft", str(draft)]  # fmt: skip


def approved(deal: Deal) -> None:
    draft = str(deal.home / "anonymous.commit")
    deal.did("sign", draft, "--yes", "--as", deal.reviewer)
    deal.did("submit", draft)


def anonymised(deal: Deal, target: str) -> dict[str, Any]:
    made: dict[str, Any] = deal.json(*asked(deal, target))
    approved(deal)
    return made


def test_the_table_that_comes_out_has_nobody_in_it_and_is_a_record_of_its_own(deal: Deal) -> None:
    record = customers(deal)
    made = deal.json(*asked(deal, record))
    assert (made["rows"], made["kept"], made["suppressed"]) == (40, 40, 0)
    assert made["smallest"] >= 5
    text = (deal.home / "匿名.csv").read_text("utf-8")
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["生日", "住址", "消费", "备注"]
    assert rows[1:] == sorted(rows[1:])
    assert {row[1] for row in rows[1:]} == {"上海市浦东新区", "上海市黄浦区"}
    assert not [n for n in range(40) if f"张{n:02d}" in text or f"138{n:08d}" in text]
    new = {row["record"]: row for row in deal.json("inventory")}[made["record"]]
    assert (new["sensitivity"], new["basis"], new["items"]) == ("anonymized", "not_personal", 40)
    assert new["state"] == "classified"


def test_it_counts_only_when_an_approver_has_signed(deal: Deal) -> None:
    record = customers(deal)
    made = deal.json(*asked(deal, record))
    assert {row["anonymous"] for row in deal.json("inventory")} == {None}
    approved(deal)
    rows = {row["record"]: row for row in deal.json("inventory")}
    assert rows[record]["anonymous"] == made["record"]
    told = deal.json("history", record)[-1]
    assert told["type"] == "record.anonymized"
    assert told["details"]["k"] == 5
    assert told["details"]["techniques"] == ["drop_columns", "generalize", "sort_rows"]
    assert json.loads(told["sealed"]["columns"])["drop"] == ["姓名", "手机"]
    assert json.loads(told["sealed"]["report"])["flaws"] == []
    assert "匿名化" in deal.did("history", record, "--lang", "zh")
    assert deal.did("verify")


def test_alone_nobody_makes_anything_anonymous(deal: Deal) -> None:
    record = customers(deal)
    command = asked(deal, record)
    for wrong in (command[:-2], command[:-4], [*command[:-1], str(deal.home / "客户.csv")]):
        assert deal.run(*wrong).exit_code == 2
    assert not (deal.home / "匿名.csv").exists()


def test_all_rows_of_a_table_are_made_anonymous_by_one_event(deal: Deal) -> None:
    row = customers(deal, "--rows")
    table = deal.original(row)
    before = deal.json("status")["events"]
    made = anonymised(deal, table)
    assert made["rows"] == 40
    assert deal.json("status")["events"] == before + 4
    pending = [r for r in deal.json("inventory") if r["anonymous"] == made["record"]]
    assert len(pending) == 40


def test_the_identified_table_goes_through_a_case_and_then_it_is_anonymised(deal: Deal) -> None:
    """The one guard covers it: a hold placed after the approvals stops the execution."""
    record = customers(deal)
    deal.did("restriction", "end-purpose", record, "--reason", "purpose_achieved")
    early = ["destroy", "propose", record, "--ground", "purpose_achieved", "--method", "anonymize"]
    said = deal.error(*early, code=13)
    assert said["refusals"][0]["detail"] == "copy_is_not_anonymized"
    made = anonymised(deal, record)
    with deal.firm.open() as ledger:
        admin = ledger.acting(deal.founder)
        appraiser = add_person(ledger, admin, deal.seller, ("dpo", "approver")).actor
        operator = add_person(ledger, admin, deal.seller, ("destruction_operator",)).actor
        approver = register(ledger, admin, deal.seller)
    case = deal.json(*early)["case"]
    deal.did("destroy", "appraise", case, "--result", "pass", "--opinion", "可", "--as", appraiser)
    for who in (appraiser, approver):
        deal.did("destroy", "approve", case, "--as", who)
    hold = deal.json("hold", "place", "--record", record, "--reason", "litigation", "--authority",
                     "法院")["hold"]  # fmt: skip
    execute = ["destroy", "execute", case, "--as", operator, "--yes", "--reason", "期满"]
    said = deal.error(*execute, code=13)
    assert said["refusals"][0]["detail"] == "hold_in_force"
    assert (deal.home / "客户.csv").exists()
    deal.jointly("hold", "release", hold, author=deal.founder,
                 others=[(deal.reviewer, "approver")])  # fmt: skip
    rows = {row["record"]: row for row in deal.json("inventory")}
    assert rows[record]["state"] == "classified", "pending: an identified copy is there"
    deal.did(*execute)
    assert not (deal.home / "客户.csv").exists()
    rows = {row["record"]: row for row in deal.json("inventory")}
    assert rows[record]["state"] == "anonymized"
    assert rows[made["record"]]["state"] == "classified"
    assert (deal.home / "匿名.csv").exists()


def register(ledger: Any, admin: Any, party: str) -> str:
    """An approver of another function than everybody else's."""
    from ledger import acts
    from ledger.founding import enrolment
    from ledger.signing import new_ids
    from tests.ledger.ledgers import new_keys

    actor = new_ids("actor")[0]
    keys = new_keys(ledger, actor)
    enrolments = [enrolment(key, ledger.seen()) for key in keys]
    said = acts.register_actor(
        actor, party, enrolments, ["approver"], function="finance", sealed={"name": "财务"}
    )
    ledger.act(admin, said, possession=[keys[0]])
    return actor


# -- what stands in the way ---------------------------------------------------------------------


def test_nothing_on_hold_is_made_anonymous_and_nothing_is_written(deal: Deal) -> None:
    record = customers(deal)
    deal.did("hold", "place", "--record", record, "--reason", "litigation", "--authority", "法院")
    entries = deal.json("status")["entries"]
    said = deal.error(*asked(deal, record), code=13)
    assert said["refusals"][0]["detail"] == "hold_in_force"
    assert not (deal.home / "匿名.csv").exists()
    assert deal.json("status")["entries"] == entries


def test_a_hold_between_the_making_and_the_approval_stops_it(deal: Deal) -> None:
    record = customers(deal)
    deal.did(*asked(deal, record))
    deal.did("hold", "place", "--record", record, "--reason", "litigation", "--authority", "法院")
    draft = str(deal.home / "anonymous.commit")
    deal.did("sign", draft, "--yes", "--as", deal.reviewer)
    said = deal.error("submit", draft, code=13)
    assert said["refusals"][0]["detail"] == "hold_in_force"
    assert {row["anonymous"] for row in deal.json("inventory")} == {None}


def test_what_does_not_pass_its_test_is_neither_written_nor_recorded(deal: Deal) -> None:
    text = PEOPLE.replace(",多\n", ",多 13900001111\n")
    record = customers(deal, text=text)
    entries = deal.json("status")["entries"]
    said = deal.error(*asked(deal, record), code=2)
    assert "identifier_found" in said["message"]
    assert "13900001111" not in json.dumps(said, ensure_ascii=False)
    assert deal.run(*asked(deal, record, "--drop", "手机", "--k", "5")).exit_code == 2
    assert not (deal.home / "匿名.csv").exists()
    assert [p for p in deal.home.iterdir() if p.name.endswith(".part")] == []
    assert deal.json("status")["entries"] == entries


def test_what_is_not_recorded_is_not_left_behind(
    deal: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = customers(deal)

    def fails(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("ledger.application.Ledger.act", fails)
    assert deal.run(*asked(deal, record)).exit_code != 0
    assert not (deal.home / "匿名.csv").exists()


@pytest.mark.parametrize("stands", [True, False])
def test_an_interrupt_leaves_the_file_exactly_where_it_was_recorded(
    deal: Deal, monkeypatch: pytest.MonkeyPatch, stands: bool
) -> None:
    record = customers(deal)
    entries = deal.json("status")["entries"]
    real = Ledger.act

    def interrupted(ledger: Ledger, *given: Any, **options: Any) -> None:
        if stands:
            real(ledger, *given, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr("ledger.application.Ledger.act", interrupted)
    assert deal.run(*asked(deal, record)).exit_code != 0
    assert (deal.home / "匿名.csv").exists() is stands
    assert deal.json("status")["entries"] == entries + stands


def test_nothing_is_written_for_somebody_who_may_not_collect(
    deal: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused before the file is there, not taken away again after it was."""
    record = customers(deal)
    written = []
    monkeypatch.setattr("ledger.effects.anonymising._write", lambda *given: written.append(given))
    with deal.firm.open() as ledger:
        keeper = add_person(ledger, ledger.acting(deal.founder), deal.seller, ("custodian",)).actor
    command = [*asked(deal, record), "--as", keeper]
    assert deal.run(*command).exit_code in (2, 13)
    assert written == []


def test_the_test_that_is_recorded_is_the_one_that_was_made(
    deal: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that tests badly does not get its result past the rules."""
    record = customers(deal)
    lax = Examined((), 40, 1, None)
    monkeypatch.setattr("ledger.effects.anonymising.examine", lambda *_: lax)
    deal.did(*asked(deal, record))
    draft = str(deal.home / "anonymous.commit")
    deal.did("sign", draft, "--yes", "--as", deal.reviewer)
    said = deal.error("submit", draft, code=13)
    assert said["refusals"][0]["detail"] == "groups_too_small"


def test_a_changed_a_missing_or_a_wrong_source_is_named_by_its_cause(deal: Deal) -> None:
    record = customers(deal)
    file = deal.home / "客户.csv"
    file.write_text(PEOPLE + "李四,13800009999,1980-01-01,上海市黄浦区,1,多\n", encoding="utf-8")
    assert "changed_since_recorded" in deal.error(*asked(deal, record), code=1)["message"]
    file.unlink()
    assert "vanished" in deal.error(*asked(deal, record), code=1)["message"]
    letter = deal.collect("信.txt", "这不是表格")
    assert "not_a_table" in deal.error(*asked(deal, letter), code=1)["message"]


def test_a_table_whose_file_is_gone_is_read_from_the_vault(deal: Deal) -> None:
    record = customers(deal, "--vault")
    (deal.home / "客户.csv").unlink()
    assert anonymised(deal, record)["kept"] == 40


def test_a_workbook_is_a_table_and_several_sheets_are_not(deal: Deal) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    for name, sheets in (("一.xlsx", 1), ("二.xlsx", 2)):
        book = openpyxl.Workbook()
        for number in range(sheets):
            sheet = book.active if number == 0 else book.create_sheet()
            for row in csv.reader(PEOPLE.splitlines()):
                sheet.append(row)
        book.save(deal.home / name)
    deal.did("collect", str(deal.home / "一.xlsx"), str(deal.home / "二.xlsx"), "--category",
             "feedback", "--basis", "pipl_13_2_contract", "--source", "店主", "--notice",
             "N")  # fmt: skip
    one, two = (row["record"] for row in deal.json("inventory"))
    codes = sorted([deal.run(*asked(deal, record, out=f"{record}.csv")).exit_code
                    for record in (one, two)])  # fmt: skip
    assert codes == [0, 1]


@pytest.mark.parametrize(
    "plan",
    [
        ("--drop", "姓名"),
        (*PLAN, "--drop", "没有这一列"),
        (*PLAN, "--drop", "消费"),
        (*PLAN, "--generalise", "备注"),
        (*PLAN, "--generalise", "备注:hash"),
        (*PLAN, "--generalise", "备注:band:0"),
        (*PLAN, "--k", "1"),
        (*PLAN, "--k", "100"),
        (*PLAN, "--sensitive", "备注"),
    ],
)
def test_a_plan_that_does_not_do_writes_nothing(deal: Deal, plan: tuple[str, ...]) -> None:
    record = customers(deal)
    for lang in ("zh", "en"):
        result = deal.run(*asked(deal, record, *plan), "--lang", lang)
        assert result.exit_code == 2, (result.stdout, result.stderr)
        assert "没有这一列" not in result.stderr
    assert not (deal.home / "匿名.csv").exists()


def test_the_new_file_takes_nobodys_place_and_lies_outside_the_ledger(deal: Deal) -> None:
    record = customers(deal)
    (deal.home / "有.csv").write_text("在", encoding="utf-8")
    for out in ("有.csv", str(deal.firm.path / "a.csv"), "没有/a.csv", "a.txt"):
        assert deal.run(*asked(deal, record, out=out)).exit_code in (1, 2)
    assert (deal.home / "有.csv").read_text("utf-8") == "在"
    assert len(deal.json("inventory")) == 1


# -- what a modified client calls anonymous -----------------------------------------------------


def replayed(deal: Deal, share: int = 1) -> Replayed:
    """A replay by whoever can open the keystore, with every content read."""
    with deal.firm.open(writing=False) as ledger:
        asked = Asked(now=now(), by_clock=True, share=Fraction(share))
        return replay(ledger.folder, None, asked, ledger=ledger)


def test_what_still_names_somebody_is_found_by_testing_it_again(
    deal: Deal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client tells of a test that was passed; the telephone numbers stand in the table."""
    record = customers(deal)
    with monkeypatch.context() as patch:
        passed = Examined((), 2, 20, 20)
        patch.setattr("ledger.effects.anonymising.examine", lambda *_: passed)
        plan = [part for part in PLAN if part != "手机"]
        plan[2] = "--sensitive"
        made = deal.json(*asked(deal, record, *plan[:3], "手机", *plan[3:]))
        approved(deal)
    assert "138" in (deal.home / "匿名.csv").read_text("utf-8")
    (found,) = [one for one in replayed(deal).findings if one.code == "not_anonymous"]
    assert (found.severity, found.rule, found.subject) == ("critical", "I-10", made["record"])
    assert "identifier_found" in found.actual.split()
    assert not any(one.code == "not_anonymous" for one in replayed(deal, 0).findings), "not read"


def test_what_passes_its_test_again_is_not_accused(deal: Deal) -> None:
    anonymised(deal, customers(deal))
    found = replayed(deal)
    assert not any(one.code == "not_anonymous" for one in found.findings)
    assert not any(gap.code == "not_examined" for gap in found.gaps)
    (deal.home / "匿名.csv").unlink()
    assert [gap.count for gap in replayed(deal).gaps if gap.code == "not_examined"] == [1]

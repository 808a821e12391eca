"""`muniment subject declare` and `notice` at the desk: who stands where, who was told, who not."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ledger.ledgers import Firm
from tests.ledger.telling import LI, WANG, ZHANG, Telling, telling_at, today


@pytest.fixture
def desk(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Telling:
    return telling_at(firm, tmp_path, monkeypatch)


# -- declared -----------------------------------------------------------------------------------


def test_what_the_index_found_is_said_as_events_once(desk: Telling) -> None:
    one, two = desk.contract(ZHANG, LI), desk.contract(ZHANG, name="续约.txt")
    said = desk.json("subject", "declare", "--all")
    assert (said["subjects"], said["found"], said["unread"], said["nobody"]) == (2, 3, 0, 0)
    before = desk.events()
    again = desk.json("subject", "declare", one, two)
    assert (again["subjects"], again["entries"]) == (0, [])
    assert desk.events() == before
    assert desk.recipients() == sorted([desk.person(ZHANG), desk.person(LI)])


def test_what_the_index_cannot_answer_for_is_counted(desk: Telling) -> None:
    desk.contract(ZHANG)
    silent = desk.contract(name="仅姓名.txt")
    unread = desk.collect("未读.txt", f"电话 {WANG}")
    result = desk.run("subject", "declare", "--all", "--json")
    assert result.exit_code == 4
    assert '"unread": 1, "nobody": 1' in result.stdout
    assert "1 record was not looked through" in result.stderr
    assert "in 1 record nobody was found" in result.stderr
    assert desk.run("subject", "declare", silent).exit_code == 4
    assert desk.run("subject", "declare", unread).exit_code == 4


def test_a_corrected_record_is_declared_again_only_after_it_was_looked_through(
    desk: Telling,
) -> None:
    record = desk.contract(ZHANG)
    desk.did("subject", "declare", record)
    file = desk.home / "新合同.txt"
    file.write_text(f"联系电话 {LI}", encoding="utf-8")
    desk.did("correct", record, "--file", str(file), "--reason", "recording_error")
    assert desk.run("subject", "declare", record).exit_code == 4
    assert desk.recipients() == []
    desk.did("subject", "index", record)
    assert desk.json("subject", "declare", record)["subjects"] == 1
    assert desk.recipients() == [desk.person(LI)]


def test_somebody_who_looked_declares_a_person_by_hand(desk: Telling) -> None:
    record = desk.contract(name="扫描件.txt")
    who = desk.json("subject", "declare", record, "--new", "--minor")["subject"]
    other = desk.contract(name="附页.txt")
    assert desk.json("subject", "declare", other, "--subject", who)["subject"] == who
    assert desk.recipients() == [who]
    for wrong in (["--all", "--new"], [record, "--new", "--subject", who], [record, "--minor"], []):
        assert desk.run("subject", "declare", *wrong).exit_code == 2


# -- told ---------------------------------------------------------------------------------------


def test_whoever_was_not_reached_is_still_to_be_told(desk: Telling) -> None:
    desk.contract(ZHANG, LI)
    desk.contract(WANG, name="乙.txt")
    desk.did("subject", "declare", "--all")
    zhang, li, wang = map(desk.person, (ZHANG, LI, WANG))
    assert desk.recipients() == sorted([zhang, li, wang])
    notice = desk.issued()
    rows = [[zhang, "delivered", today()], [li, "bounced", today()]]
    said = desk.delivered(notice, *rows)
    assert (said["people"], said["known"]) == (2, 0)
    assert desk.recipients() == sorted([li, wang])
    shown = desk.json("notice", "show", notice)
    assert (shown["count"], shown["reached"], shown["bounced"]) == (3, 1, 1)
    assert [row["subject"] for row in shown["deliveries"]] == [li]
    assert len(desk.json("notice", "show", notice, "--everybody")["deliveries"]) == 2
    assert desk.recipients("--everybody") == sorted([zhang, li, wang])
    (listed,) = desk.json("notice", "list", "--engagement", desk.engagement)
    assert (listed["notice"], listed["bounced"]) == (notice, 1)
    assert li in desk.did("notice", "show", notice)


def test_a_list_given_again_is_recorded_once(desk: Telling) -> None:
    """It was interrupted: what is recorded is left out, what is new is not."""
    desk.contract(ZHANG, LI)
    desk.did("subject", "declare", "--all")
    zhang, li = map(desk.person, (ZHANG, LI))
    notice = desk.issued()
    bounced, reached = [zhang, "bounced", today()], [li, "delivered", today()]
    desk.delivered(notice, bounced)
    before = desk.events()
    said = desk.delivered(notice, bounced, reached)
    assert (said["people"], said["known"]) == (1, 1)
    assert desk.events() == before + 1
    again = desk.delivered(notice, bounced, reached)
    assert (again["people"], again["known"], again["entries"]) == (0, 2, [])


def test_only_the_day_is_known_on_which_it_was_issued(desk: Telling) -> None:
    desk.contract(ZHANG)
    desk.did("subject", "declare", "--all")
    notice = desk.issued()
    day = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d")
    said = desk.delivered(notice, [desk.person(ZHANG), "delivered", day])
    assert said["people"] == 1
    assert desk.recipients() == []


def test_a_public_announcement_gives_its_reason(desk: Telling) -> None:
    desk.contract(ZHANG)
    desk.did("subject", "declare", "--all")
    zhang, notice = desk.person(ZHANG), desk.issued()
    file = desk.listed("subject,status,delivered_at", [zhang, "public_announcement", today()])
    said = desk.error("notice", "deliver", notice, "--from", file, code=13)
    assert said["refusals"][0]["detail"] == "announcement_needs_reason"
    desk.did("notice", "deliver", notice, "--from", file, "--reason", "号码已停机")
    assert desk.recipients() == []


def test_a_mode_that_asks_for_no_notice_has_no_recipients(desk: Telling) -> None:
    desk.contract(ZHANG)
    desk.did("subject", "declare", "--all")
    desk.open("equity_transfer")
    assert desk.recipients() == []
    text = desk.home / "notice.txt"
    text.write_text("尊敬的客户", encoding="utf-8")
    result = desk.run(
        "notice", "issue", "--channel", "sms", "--text", str(text), "--engagement", desk.engagement
    )
    assert result.exit_code == 2


def test_as_of_then_nobody_was_told(desk: Telling) -> None:
    desk.contract(ZHANG)
    desk.did("subject", "declare", "--all")
    notice = desk.issued()
    before = desk.events()
    desk.delivered(notice, [desk.person(ZHANG), "delivered", today()])
    then = f"position:{before}"
    assert desk.json("notice", "show", notice, "--as-of", then)["reached"] == 0
    assert desk.json("notice", "list", "--as-of", then)[0]["reached"] == 0
    early = desk.run("notice", "show", notice, "--as-of", "position:12")
    assert early.exit_code == 2


# -- lists with a fault -------------------------------------------------------------------------


@pytest.fixture
def told(desk: Telling) -> tuple[Telling, str, str]:
    desk.contract(ZHANG)
    desk.did("subject", "declare", "--all")
    return desk, desk.issued(), desk.person(ZHANG)


SECRET = "13666666666"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("subject,status\n{who},delivered\n", None),
        ("subject,status,delivered_at,name\n{who},delivered,{now},某人\n", None),
        ("subject,status,status,delivered_at\n{who},delivered,delivered,{now}\n", None),
        ("", None),
        ("subject,status,delivered_at\n{who},delivered,{now}\n{secret},bounced,{now}\n", 3),
        ("subject,status,delivered_at\n{who},delivered\n", 2),
        ("subject,status,delivered_at\n{who},,{now}\n", 2),
        ("subject,status,delivered_at\n{who},{secret},{now}\n", 2),
        ("subject,status,delivered_at\n{who},delivered,{secret}\n", 2),
        ("subject,status,delivered_at\n{who},delivered,2026-02-30\n", 2),
        ("subject,status,delivered_at\n{who},delivered,2026-W01-1\n", 2),
        ("subject,status,delivered_at\n{who},delivered," + "9" * 100 + "\n", 2),
        ('subject,status,delivered_at\n"{who}",delivered,{now}\n', 2),
        ("subject,status,delivered_at\n{who},delivered,{now}\n\n", 3),
        ("subject,status,delivered_at\n{who},delivered,{now}\n{who},bounced,{now}\n", 3),
        ("subject,status,delivered_at\n{stranger},delivered,{now}\n", 2),
        ("subject,status,delivered_at,channel\n{who},delivered,{now},pigeon\n", 2),
    ],
)  # fmt: skip
def test_a_list_with_a_fault_is_refused_whole_and_repeats_nothing(
    told: tuple[Telling, str, str], text: str, line: int | None
) -> None:
    desk, notice, who = told
    stranger = "subject-019390a1-7e30-7c3a-8d5e-00000000dada"
    file = desk.home / "list.csv"
    file.write_text(
        text.format(who=who, now=today(), secret=SECRET, stranger=stranger), encoding="utf-8"
    )
    before = desk.events()
    said = desk.error("notice", "deliver", notice, "--from", str(file), code=2)
    assert "nothing was recorded" in said["message"].lower()
    if line is not None:
        assert f"line {line}" in said["message"]
    for value in (SECRET, who, stranger, "某人", "list.csv"):
        assert value not in said["message"]
    assert desk.events() == before


def test_a_list_that_is_not_text_or_too_large_is_refused(told: tuple[Telling, str, str]) -> None:
    desk, notice, who = told
    file = desk.home / "list.csv"
    header = b"subject,status,delivered_at\n"
    file.write_bytes(header + "张三".encode("gbk"))
    assert (
        "line 2" in desk.error("notice", "deliver", notice, "--from", str(file), code=2)["message"]
    )
    file.write_bytes(header + b"x" * (16 << 20))
    assert (
        "16777216"
        in desk.error("notice", "deliver", notice, "--from", str(file), code=2)["message"]
    )
    file.write_bytes(header + f"{who},delivered,{today()}\n".encode() * 200_001)
    assert (
        "200000" in desk.error("notice", "deliver", notice, "--from", str(file), code=2)["message"]
    )
    missing = str(desk.home / "nichts.csv")
    assert desk.run("notice", "deliver", notice, "--from", missing).exit_code == 2


def test_a_nul_byte_is_called_what_it_is(told: tuple[Telling, str, str]) -> None:
    desk, notice, who = told
    file = desk.home / "list.csv"
    file.write_bytes(f'subject,status,delivered_at\n{who},deliv\0ered,{today()}\n"'.encode())
    said = desk.error("notice", "deliver", notice, "--from", str(file), code=2)
    assert said["message"].startswith("line 2 of the list has a NUL byte")


def test_a_pipe_is_not_waited_for(told: tuple[Telling, str, str]) -> None:
    """Nobody writes into it, so whoever opened it to read would wait for ever."""
    desk, notice, _who = told
    pipe = str(desk.home / "pipe")
    os.mkfifo(pipe)
    consent = ["consent", "record", "--recipient", desk.buyer, "--from", pipe]
    issue = ["notice", "issue", "--kind", "art_23", "--channel", "sms", "--engagement",
             desk.engagement, "--text", pipe]  # fmt: skip
    for reads, code in ((["notice", "deliver", notice, "--from", pipe], 2), (consent, 2),
                        (issue, 1)):  # fmt: skip
        said = desk.program(*reads)
        assert said.returncode == code, said.stderr
        assert b"nothing was recorded" in said.stderr
        assert b"regular file" in said.stderr


def test_a_list_is_given_on_standard_input(told: tuple[Telling, str, str]) -> None:
    desk, notice, who = told
    rows = f"subject,status,delivered_at\n{who},delivered,{today()}\n".encode()
    said = desk.program("notice", "deliver", notice, "--from", "-", "--json", input=rows)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["people"] == 1


def test_a_byte_order_mark_and_other_line_ends_are_no_fault(
    told: tuple[Telling, str, str],
) -> None:
    desk, notice, who = told
    file = desk.home / "list.csv"
    text = f"subject,status,delivered_at,channel\r\n{who},delivered,{today()},\r\n"
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert desk.json("notice", "deliver", notice, "--from", str(file))["people"] == 1

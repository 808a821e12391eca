"""`muniment audit replay` at the desk: what is written, where it looks, what its exit code says."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.audit.catalogue.gaps import GAPS, NOT_ASKED, WHY
from ledger.audit.finding import Finding, Gap
from ledger.audit.outcome import (
    Point,
    PolicyUsed,
    Projections,
    Replayed,
    Tool,
    read_replayed,
)
from ledger.cli.audit_told import show
from ledger.cli.language import speaking
from ledger.errors import EncodingError
from ledger.tlog.note import ED25519, VerifierKey
from tests.ledger.auditdesk import DUE, AuditDesk, audit_desk
from tests.ledger.desk import Desk
from tests.ledger.ledgers import Firm
from tests.ledger.replayed import audited

REPLAY = ("audit", "replay")
ONLY = (*REPLAY, "--only", "consistent")


@pytest.fixture
def audit(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditDesk:
    return audit_desk(firm, tmp_path, monkeypatch)


# -- what is written --------------------------------------------------------------------------


def test_findings_and_reports_are_made_of_what_the_command_prints(audit: AuditDesk) -> None:
    """`audit replay --json > f`: the file that a shell makes of it, with the newline at its end."""
    audit.collect()
    audit.opened()
    out = audit.home / "out.json"
    told = audit.run(*REPLAY, "--json", "--out", str(out))
    assert told.stdout_bytes == out.read_bytes()
    assert out.read_bytes().endswith(b"}\n")
    number = audit.json(
        "audit", "finding", audit.audit, "--replay", str(out), "--item", "1", "--owner", audit.zhao,
        "--due", DUE, "--as", audit.feng,
    )["finding"]  # fmt: skip
    assert number == 1
    fresh = audit.home / "replay.json"
    fresh.write_bytes(audit.run(*REPLAY, "--json").stdout_bytes)
    report = ("audit", "report", audit.audit, "--replay", str(fresh), "--opinion", "adverse",
              "--as", audit.feng, "--out")  # fmt: skip
    audit.did(*report, str(audit.home / "report"))
    entries = audit.json("status")["entries"]
    fresh.write_bytes(fresh.read_bytes().removesuffix(b"\n"))
    audit.did(*report, str(audit.home / "again"))
    made = [audit.home / name / "audit-report.json" for name in ("report", "again")]
    assert made[0].read_bytes() == made[1].read_bytes(), "one replay, however it was saved"
    assert audit.json("status")["entries"] == entries, "and one report"
    shown = json.loads(made[0].read_bytes())
    assert shown["replay"]["digest"] == sha256(fresh.read_bytes()).hexdigest()


def test_one_newline_may_end_it_and_no_other_byte(firm: Firm) -> None:
    said = audited(firm.path).json()
    assert read_replayed(said + b"\n") == read_replayed(said)
    for more in (b"\n\n", b"\r\n", b" ", b"\n "):
        with pytest.raises(EncodingError):
            read_replayed(said + more)


def test_its_checkpoint_is_one_of_three_lines(firm: Firm) -> None:
    with firm.open() as ledger:
        text = ledger.sign_checkpoint().split(b"\n\n")[0] + b"\n"
    found = audited(firm.path)
    assert found.checkpoint.encode() == text
    assert found.checkpoint.count("\n") == 3


# -- what was not asked for, and what is lacking ----------------------------------------------


def test_an_ordinary_ledger_whose_files_lie_outside_is_in_order(desk: Desk) -> None:
    desk.collect()
    told = desk.run(*ONLY, "--lang", "en")
    assert told.exit_code == 0, told.output
    assert "Files where they are registered: where these copies lie is sealed" in told.stdout
    assert "contents were not read" in told.stdout


def test_what_should_have_been_readable_and_was_not_ends_with_4(desk: Desk) -> None:
    desk.collect()
    told = desk.run(*ONLY, "--backups", str(desk.home / "nowhere"), "--lang", "en")
    assert told.exit_code == 4, told.output
    assert "Backups: the folder of backups cannot be read" in told.stdout


@pytest.mark.parametrize("code", sorted(GAPS))
def test_every_gap_is_told_in_both_languages_and_counts_if_something_is_lacking(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = saying(gaps=(Gap("files", code, 3),))
    assert whole.exit_code == (0 if code in NOT_ASKED else 4)
    with speaking("en"):
        show(whole)
    assert f"Files where they are registered: {GAPS[code].en} (3)" in capsys.readouterr().out
    with speaking("zh"):
        show(whole)
    assert f"登记所在位置的文件：{GAPS[code].zh}（3）" in capsys.readouterr().out


def saying(**more: Any) -> Replayed:
    """A replay of a ledger of one entry."""
    return Replayed(
        origin="a.example/l", entries=1, events=1, since=0, as_of=Point(0, ""), now="",
        policy=PolicyUsed("", "", ""), tool=Tool("", ""), projections=Projections(None, ""),
        **{"checkpoint": "", "verdict": "valid", "findings": (), "gaps": (), **more},
    )  # fmt: skip


def test_why_events_of_a_bundle_were_not_judged_is_said_in_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gaps = tuple(Gap("permitted", "not_judged", 2, why) for why in WHY)
    with speaking("zh"):
        show(saying(gaps=gaps))
    out = capsys.readouterr().out
    assert all(said.zh in out for said in WHY.values())
    assert not any(code in out for code in WHY)


def test_a_finding_above_a_note_is_graver_than_what_is_lacking() -> None:
    lacking = (Gap("complete", "not_checked"),)
    late = Finding("timely", "late_entry", "note")
    grave = Finding("timely", "late_unexplained", "medium")
    assert saying(gaps=lacking, findings=(late,)).exit_code == 4
    assert saying(gaps=lacking, findings=(grave,)).exit_code == 3
    assert saying(findings=(late,)).exit_code == 0


# -- files and backups ------------------------------------------------------------------------


def test_with_the_ledgers_passphrase_files_are_looked_for_where_they_lie(desk: Desk) -> None:
    desk.collect("合同.txt", "甲方")
    asked = (*ONLY, "--read-data", "--with-keys", "--lang", "en")
    in_order = desk.run(*asked)
    assert in_order.exit_code == 0, in_order.output
    assert "files:" not in in_order.stdout, "they were looked at"
    (desk.home / "合同.txt").write_text("乙方", "utf-8")
    changed = desk.run(*asked)
    assert changed.exit_code == 3
    assert "[high] copy_changed" in changed.stdout
    wrong = desk.home / "wrong"
    wrong.write_bytes(b"battery staple\n")
    refused = desk.run(*asked, MUNIMENT_PASSPHRASE_FILE=str(wrong))
    assert refused.exit_code == 12, refused.output


def test_a_backup_in_a_folder_that_is_named_is_read_without_a_key(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    desk.collect()
    target = tmp_path_factory.mktemp("备份")
    desk.did("backup", "create", str(target), "--medium", "disk_external")
    asked = (*ONLY, "--read-data", "--backups", str(target), "--lang", "en")
    assert desk.run(*asked).exit_code == 0
    (copy,) = [path for path in target.rglob("holding-*") if path.is_file()]
    data = bytearray(copy.read_bytes())
    data[40] ^= 1
    copy.chmod(0o600)
    copy.write_bytes(data)
    changed = desk.run(*asked)
    assert changed.exit_code == 3
    assert copy.name in changed.stdout


# -- several ledgers --------------------------------------------------------------------------


@pytest.mark.parametrize("count", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_several_ledgers_are_told_one_after_the_other(
    desk: Desk, firm: Firm, tmp_path: Path, count: str
) -> None:
    desk.collect()
    other = tmp_path / "other"
    shutil.copytree(firm.path, other)
    empty = tmp_path / "empty"
    empty.mkdir()
    paths = [str(firm.path), str(empty), str(other)]
    out = tmp_path / "all.json"
    told = desk.run(*REPLAY, *paths, "--only", "genuine", "--jobs", count, "--json",
                    "--out", str(out))  # fmt: skip
    assert told.stdout_bytes == out.read_bytes()
    one, error, two = json.loads(told.stdout)
    assert (one["verdict"], two["verdict"]) == ("valid", "valid")
    assert one == two, "copies of one ledger"
    assert (error["message_type"], error["code"]) == ("error", 10)
    assert told.exit_code == 4
    alone = desk.json(*REPLAY, str(other), "--only", "genuine", "--now", two["now"])
    assert alone == two, "in company as alone"
    spoken = desk.run(*REPLAY, *paths, "--only", "genuine", "--lang", "en")
    assert [line for line in spoken.stdout.splitlines() if line.startswith("== ")] == [
        f"== {path}" for path in paths
    ]


def test_of_several_ledgers_the_gravest_is_the_exit_code(
    desk: Desk, firm: Firm, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(firm.path, other)
    with closing(sqlite3.connect(other / "ledger.db")) as database, database:
        database.execute("UPDATE actors SET party = zeroblob(16)")
    key = ("--trust", str(firm.path / "trust" / "ledger.vkey"))
    asked = (*ONLY, "--json", *key)
    assert desk.run(*asked, str(firm.path), str(firm.path)).exit_code == 0
    told = desk.run(*asked, str(firm.path), str(other))
    assert told.exit_code == 3
    assert [one["projections"]["equal"] for one in json.loads(told.stdout)] == [True, False]


def test_each_of_several_ledgers_has_its_own_key(desk: Desk, firm: Firm, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    own = (firm.path / "trust" / "ledger.vkey").read_text()
    foreign = VerifierKey.of("other.example/ledger", ED25519, bytes.fromhex(
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )).format()  # fmt: skip
    keys.write_text(f"{foreign}\n{own}")
    path = str(firm.path)
    assert desk.run(*REPLAY, path, path, "--only", "genuine", "--trust", str(keys)).exit_code == 0
    another = VerifierKey.of("third.example/l", ED25519, bytes.fromhex(
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )).format()  # fmt: skip
    keys.write_text(f"{foreign}\n{another}\n")
    told = desk.run(*REPLAY, path, path, "--only", "genuine", "--trust", str(keys), "--json")
    assert (told.exit_code, [one["code"] for one in json.loads(told.stdout)]) == (4, [2, 2])


def test_what_is_about_one_ledger_is_not_asked_of_several(desk: Desk, firm: Firm) -> None:
    path = str(firm.path)
    for more in (("--keep", path), ("--since", path), ("--backups", path), ("--with-keys",)):
        desk.error(*REPLAY, path, path, *more, code=2)
    desk.error(*REPLAY, path, path, "--only", "nonsense", code=2)
    desk.error(*REPLAY, path, str(desk.home / "nowhere"), code=2)
    desk.error(*REPLAY, path, path, "--jobs", "0", code=2)

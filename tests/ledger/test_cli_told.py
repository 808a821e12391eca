"""What a person is told: by its name, in one language, and as it is."""

from __future__ import annotations

import errno
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.values import timestamp
from ledger.cli.causes import SYSTEM, in_words
from ledger.cli.demo import now
from ledger.cli.labels import KINDS, kind_label
from ledger.cli.language import speaking
from ledger.errors import NoLedgerError
from ledger.folder import Folder
from tests.ledger.ledgers import Firm
from tests.ledger.published import House, house_fixture  # noqa: F401  found by its name
from tests.ledger.telling import Telling, telling_at

CHINESE = re.compile("[\u4e00-\u9fff]")
ENGLISH = re.compile("[a-z]+ [a-z]+ [a-z]+")


@pytest.fixture
def desk(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Telling:
    return telling_at(firm, tmp_path, monkeypatch)


# -- ids ------------------------------------------------------------------------------------------


def test_a_person_without_identifier_is_found_again_by_the_id_that_was_printed(
    desk: Telling,
) -> None:
    """No index knows the person: somebody looked, and said so."""
    record = desk.collect()
    told = desk.json("subject", "declare", record, "--new")
    (event,) = told["events"]
    subject = event["event"].partition("/")[0]
    assert subject.startswith("subject-")
    for given in (subject, subject[-12:]):
        shown = desk.json("show", given)
        assert shown["id"] == subject
        assert [one["type"] for one in shown["events"]] == ["subject.found"]
    assert subject in desk.did("subject", "report", subject, "--json")


def test_an_id_of_another_kind_is_told_as_such(desk: Telling) -> None:
    record = desk.collect()
    for command in (("evidence", "approve"), ("where",)):
        wrong = record if command[0] == "evidence" else desk.founder
        said = desk.error(*command, wrong, code=2)
        assert said["message"].startswith("that is the id of something else"), command
        assert "record" in said["message"]
    unknown = "record-01a202d0-0000-7ecb-8a46-f081351a7fc3"
    assert desk.error("where", unknown, code=2)["message"].startswith("there is no record")


def test_kinds_are_named_in_the_language(desk: Telling) -> None:
    with speaking("zh"):
        assert [kind for kind in KINDS if not CHINESE.search(kind_label(kind))] == []
    with speaking("en"):
        assert kind_label("destruction_case") == "case of destruction"
    unknown = "subject-01a202d0-0000-7ecb-8a46-f081351a7fc3"
    said = desk.run("show", unknown, MUNIMENT_LANG="zh").stderr
    assert "subject" not in said.partition("\n")[0]


# -- what others say ------------------------------------------------------------------------------


def test_what_the_system_says_has_chinese_words() -> None:
    with speaking("zh"):
        for cause in SYSTEM:
            assert CHINESE.search(in_words(cause)), cause
        assert in_words("the public key of a.example/w stands in the policy twice") == (
            "a.example/w 的公钥在策略中出现两次"
        )
        assert in_words("something rare") == "something rare"


def test_what_this_system_says_most_is_known() -> None:
    often = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST,
             errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ELOOP, errno.ENAMETOOLONG,
             errno.EMFILE, errno.ENOTEMPTY, errno.EFBIG, errno.ECONNREFUSED)  # fmt: skip
    assert [os.strerror(number) for number in often if os.strerror(number) not in SYSTEM] == []


def test_no_english_cause_stands_in_a_chinese_message(house: House, tmp_path: Path) -> None:
    """Nor a traceback's words: a wrong file is told as that, with exit code 2."""
    house.set()
    (tmp_path / "bin").write_bytes(b"\xff\x00\n")
    (tmp_path / "note").write_text(house.desk.did("checkpoint"))
    junk, note = str(tmp_path / "bin"), str(tmp_path / "note")
    witness = str(house.auditor.path)
    for call in (
        ("checkpoint", "policy", junk), ("checkpoint", "policy", str(tmp_path)),
        ("checkpoint", "policy", "nothere"), ("checkpoint", "take", junk),
        ("checkpoint", "compare", junk, note), ("checkpoint", "compare", note, junk),
        ("checkpoint", "verify-fork", junk), ("checkpoint", "compare", note, "--trust", junk),
        ("witness", "trust", witness, junk), ("witness", "sign", witness, junk),
        ("witness", "sign", witness, note, "--proof", junk),
        ("checkpoint", "prove", "abc"), ("checkpoint", "publish", "--timeout", "abc"),
        ("timestamp", "request", "--out", "nowhere/x"), ("index", "show", "--index", "nope"),
    ):  # fmt: skip
        result = house.desk.run(*call, MUNIMENT_LANG="zh")
        assert result.exit_code == 2, (call, result.stderr)
        said = result.stderr.splitlines()
        told = next(line for line in said if "错误" in line)
        assert CHINESE.search(told)
        assert not ENGLISH.search(told), told
        assert "range" not in told


# -- as it is -------------------------------------------------------------------------------------


def test_a_list_in_an_event_is_shown_as_a_list(desk: Telling) -> None:
    record = desk.collect()
    subject = desk.json("subject", "declare", record, "--new")["events"][0]["event"]
    shown = desk.did("show", subject)
    assert re.search(rf"records +{record}$", shown, re.MULTILINE)
    assert "b'" not in shown


def test_a_folder_of_a_newer_format_is_named_with_it(firm: Firm) -> None:
    marker = firm.path / "muniment.toml"
    text = re.sub(r'format = "[0-9]+"', 'format = "0042"', marker.read_text("utf-8"))
    marker.write_text(text, "utf-8")
    with pytest.raises(NoLedgerError, match="has format '0042'"):
        Folder(firm.path).settings()


def test_what_the_demo_delivers_is_delivered_after_it_was_issued() -> None:
    for _ in range(20):
        issued = timestamp(datetime.now(UTC))
        assert timestamp(datetime.fromisoformat(now())) >= issued

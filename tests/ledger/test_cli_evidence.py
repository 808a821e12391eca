"""`muniment evidence export` and `verify`, as people give them."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.desk import ROOT, Desk

COURT = ("--purpose", "dispute", "--recipient", "court", "--jurisdiction", "cn",
         "--without-documents")  # fmt: skip
HEAVY = ("sqlalchemy", "eventsourcing", "alembic", "projections", "domain", "rich")


@pytest.fixture
def trust(desk: Desk) -> Path:
    """The ledger's key, as another party keeps it."""
    file = desk.home / "ledger.vkey"
    file.write_bytes((desk.firm.path / "trust" / "ledger.vkey").read_bytes())
    return file


@pytest.fixture
def exported(desk: Desk) -> Path:
    """The evidence of one record."""
    out = desk.home / "evidence.zip"
    desk.did("evidence", "export", *COURT, "--record", desk.collect(), "--out", str(out))
    return out


def elsewhere(desk: Desk, *arguments: str) -> Any:
    """A call by somebody who has neither the ledger nor a passphrase."""
    nothing = {"MUNIMENT_LEDGER": None, "MUNIMENT_PASSPHRASE_FILE": None}
    return desk.run("evidence", "verify", *arguments, **nothing)


# -- export -------------------------------------------------------------------------------------


def test_export_says_what_it_wrote(desk: Desk) -> None:
    record, out = desk.collect(), desk.home / "evidence.zip"
    said = desk.json("evidence", "export", *COURT, "--record", record, "--out", str(out))
    data = out.read_bytes()
    assert (said["bytes"], said["sha256"]) == (len(data), sha256(data).hexdigest())
    assert said["own"] == 2, "collected, and its copy"
    assert said["checkpoint"] == 4
    with zipfile.ZipFile(out) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {said["bundle"]}


def test_export_prints_the_same_for_people(desk: Desk) -> None:
    out = desk.home / "evidence.zip"
    named = desk.collect()[-12:]
    said = desk.did("evidence", "export", *COURT, "--record", named, "--out", str(out))
    assert sha256(out.read_bytes()).hexdigest() in said
    assert "bundle-" in said


def test_export_never_writes_over_a_file(desk: Desk) -> None:
    record, out = desk.collect(), desk.home / "evidence.zip"
    out.write_bytes(b"mine")
    error = desk.error("evidence", "export", *COURT, "--record", record, "--out", str(out), code=2)
    assert "already" in error["message"]
    arguments = ("evidence", "export", *COURT, "--record", record, "--out", str(out))
    desk.error(*arguments, code=2, MUNIMENT_PASSPHRASE_FILE=None)  # nobody was asked for one
    assert out.read_bytes() == b"mine"
    link = desk.home / "link.zip"
    link.symlink_to(desk.home / "nowhere")
    desk.error("evidence", "export", *COURT, "--record", record, "--out", str(link), code=2)
    desk.error("evidence", "export", *COURT, "--record", record, "--out", str(desk.home), code=2)
    assert link.is_symlink()
    assert not (desk.home / "nowhere").exists()


def test_export_into_a_folder_that_is_not_there_is_a_usage_error(desk: Desk) -> None:
    out = desk.home / "no" / "evidence.zip"
    desk.error("evidence", "export", *COURT, "--record", desk.collect(), "--out", str(out), code=2)
    assert not out.parent.exists()


@pytest.mark.parametrize(
    "record", ["ffffffff", "record-019390a1-7e30-7c3a-8d5e-2f1b6a9c0d4e", "张"]
)
def test_export_of_a_record_that_is_not_there_writes_nothing(desk: Desk, record: str) -> None:
    desk.collect()
    before = set(desk.home.iterdir())
    out = desk.home / "evidence.zip"
    desk.error("evidence", "export", *COURT, "--record", record, "--out", str(out), code=2)
    assert set(desk.home.iterdir()) == before


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_full_disk_leaves_no_half_file_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    record = desk.collect()
    desk.did("checkpoint")
    out = desk.home / "out" / "evidence.zip"
    out.parent.mkdir()
    real = getattr(os, call)

    def full(target: Any, *more: Any, **named: Any) -> Any:
        place = str(Path(f"/proc/self/fd/{target}").readlink()) if call == "fsync" else str(target)
        if str(out.parent) in place:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(target, *more, **named)

    monkeypatch.setattr(os, call, full)
    error = desk.error("evidence", "export", *COURT, "--record", record, "--out", str(out), code=1)
    assert "No space left" in error["message"]
    monkeypatch.undo()
    assert list(out.parent.iterdir()) == []


def test_export_without_a_passphrase_is_exit_12_and_writes_nothing(desk: Desk) -> None:
    record, out = desk.collect(), desk.home / "evidence.zip"
    arguments = ("evidence", "export", *COURT, "--record", record, "--out", str(out))
    desk.error(*arguments, code=12, MUNIMENT_PASSPHRASE_FILE=None)
    assert not out.exists()


# -- verify -------------------------------------------------------------------------------------


def test_verify_needs_neither_ledger_nor_passphrase(
    desk: Desk, exported: Path, trust: Path
) -> None:
    result = elsewhere(desk, str(exported), "--trust", str(trust))
    assert result.exit_code == 0, result.output
    assert "holds" in result.stdout


def test_verify_speaks_chinese(desk: Desk, exported: Path, trust: Path) -> None:
    result = elsewhere(desk, str(exported), "--trust", str(trust), "--lang", "zh")
    assert result.exit_code == 0
    assert "成立" in result.stdout
    assert "无法判断" in result.stdout


def test_verify_of_the_unpacked_folder_says_the_same(
    desk: Desk, exported: Path, trust: Path
) -> None:
    with zipfile.ZipFile(exported) as archive:
        archive.extractall(desk.home / "out")
    (folder,) = (desk.home / "out").iterdir()
    of_zip = elsewhere(desk, str(exported), "--trust", str(trust), "--json")
    of_folder = elsewhere(desk, str(folder), "--trust", str(trust), "--json")
    assert of_zip.exit_code == of_folder.exit_code == 0
    assert json.loads(of_zip.stdout) == json.loads(of_folder.stdout)


def test_verify_in_json_answers_claim_by_claim(desk: Desk, exported: Path, trust: Path) -> None:
    report = json.loads(elsewhere(desk, str(exported), "--trust", str(trust), "--json").stdout)
    answers = {claim["claim"]: claim["answer"] for claim in report["claims"]}
    assert report["verdict"] == "valid"
    assert {claim for claim, answer in answers.items() if answer == "holds"} == {
        "package_intact", "checkpoint_trusted", "events_genuine", "streams_unbroken",
    }  # fmt: skip
    assert answers["complete"] == answers["time"] == answers["permitted"] == "undecided"


def test_verify_prints_what_the_bundle_says_it_will(
    desk: Desk, exported: Path, trust: Path
) -> None:
    with zipfile.ZipFile(exported) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("EXPECTED_OUTPUT.txt")]
        expected = archive.read(name).decode("utf-8")
    assert elsewhere(desk, str(exported), "--trust", str(trust)).stdout == expected


def test_a_changed_bundle_is_exit_3_with_a_finding(desk: Desk, exported: Path, trust: Path) -> None:
    with zipfile.ZipFile(exported) as archive:
        archive.extractall(desk.home / "out")
    (folder,) = (desk.home / "out").iterdir()
    file = folder / "data" / "10_账本" / "events.jsonl"
    file.write_bytes(file.read_bytes().replace(b"contract", b"invoice_", 1))
    result = elsewhere(desk, str(folder), "--trust", str(trust), "--json")
    assert result.exit_code == 3
    report = json.loads(result.stdout)
    assert report["verdict"] == "invalid"
    assert "digest_differs" in {finding["code"] for finding in report["findings"]}
    for language, word in (("zh", "不成立"), ("en", "fails")):
        said = elsewhere(desk, str(folder), "--trust", str(trust), "--lang", language)
        assert said.exit_code == 3
        assert word in said.stdout


def test_trust_must_be_given(desk: Desk, exported: Path) -> None:
    assert elsewhere(desk, str(exported)).exit_code == 2


@pytest.mark.parametrize(
    "content", [b"", b"no key\n", "公钥\n".encode(), b"\xff\xfe", b"a" * 100_000, b"a+b+c\n"]
)
def test_a_file_that_holds_no_key_is_a_usage_error(
    desk: Desk, exported: Path, content: bytes
) -> None:
    file = desk.home / "vkey"
    file.write_bytes(content)
    result = elsewhere(desk, str(exported), "--trust", str(file))
    assert result.exit_code == 2
    assert "verifier key" in result.stderr


def test_a_key_file_with_windows_line_ends_is_read(desk: Desk, exported: Path, trust: Path) -> None:
    trust.write_bytes(trust.read_bytes().replace(b"\n", b"\r\n"))
    assert elsewhere(desk, str(exported), "--trust", str(trust)).exit_code == 0


@pytest.mark.parametrize("missing", ["bundle", "trust"])
def test_a_file_that_cannot_be_read_is_a_usage_error(
    desk: Desk, exported: Path, trust: Path, missing: str
) -> None:
    files = {"bundle": str(exported), "trust": str(trust), missing: str(desk.home / "nowhere")}
    result = elsewhere(desk, files["bundle"], "--trust", files["trust"])
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_a_pipe_is_not_waited_for(desk: Desk, exported: Path, trust: Path) -> None:
    pipe = desk.home / "pipe"
    os.mkfifo(pipe)
    assert elsewhere(desk, str(pipe), "--trust", str(trust)).exit_code == 2
    assert elsewhere(desk, str(exported), "--trust", str(pipe)).exit_code == 2
    assert elsewhere(desk, "/dev/zero", "--trust", str(trust)).exit_code == 2


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_exit_3(desk: Desk, trust: Path, content: bytes) -> None:
    file = desk.home / "evidence.zip"
    file.write_bytes(content)
    result = elsewhere(desk, str(file), "--trust", str(trust))
    assert result.exit_code == 3
    assert "Traceback" not in result.output


def test_an_empty_folder_and_a_folder_of_anything_are_exit_3(
    desk: Desk, exported: Path, trust: Path
) -> None:
    (desk.home / "empty").mkdir()
    for folder in (desk.home / "empty", desk.firm.path):
        result = elsewhere(desk, str(folder), "--trust", str(trust))
        assert result.exit_code == 3
        assert "Traceback" not in result.output


def test_a_file_beyond_the_limit_is_refused_unread(desk: Desk, trust: Path) -> None:
    huge = desk.home / "huge.zip"
    with huge.open("wb") as file:
        file.truncate(1 << 40)  # a hole: takes no room
    result = elsewhere(desk, str(huge), "--trust", str(trust))
    assert result.exit_code == 3


def test_a_zip_packed_anew_is_named_and_its_content_verifies_unpacked(
    desk: Desk, exported: Path, trust: Path
) -> None:
    again = desk.home / "again.zip"
    with zipfile.ZipFile(exported) as old, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        old.extractall(desk.home / "out")
    result = elsewhere(desk, str(again), "--trust", str(trust), "--json")
    assert result.exit_code == 3
    codes = [finding["code"] for finding in json.loads(result.stdout)["findings"]]
    assert "zip_not_canonical" in codes
    (folder,) = (desk.home / "out").iterdir()
    assert elsewhere(desk, str(folder), "--trust", str(trust)).exit_code == 0


def test_verify_loads_no_database(desk: Desk, exported: Path, trust: Path) -> None:
    program = (
        "import sys; from ledger.cli import muniment\n"
        "try: muniment(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "evidence", "verify", str(exported), "--trust", str(trust)],
        cwd=desk.home, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.stderr.decode().splitlines()[-1] == "[]"

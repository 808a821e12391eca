"""Every call: which ledger, who, whose passphrase, which language, and how a call ends."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledger.cli import COMMANDS, muniment
from ledger.cli.version import FORMATS
from ledger.keyfile import FORMAT as KEY_FORMAT
from ledger.schema import FORMAT as DATABASE_FORMAT
from ledger.schema import WriterLock
from ledger.slots import VERSION as KEYSTORE_VERSION
from tests.ledger.desk import ROOT, Desk

SLOW_TO_IMPORT = ("sqlalchemy", "eventsourcing", "alembic", "rich", "cryptography", "msgspec")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["completion", "fish"]])
def test_help_version_and_completion_load_nothing_slow(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ledger.cli", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout
    assert [name for name in SLOW_TO_IMPORT if f" {name}\n" in done.stderr] == []


def test_the_version_names_the_formats_that_are_written() -> None:
    assert FORMATS["database"] == DATABASE_FORMAT
    assert FORMATS["key file"] == KEY_FORMAT
    assert FORMATS["keystore"] == str(int.from_bytes(KEYSTORE_VERSION))


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_command_explains_itself_in_both_languages(name: str, language: str) -> None:
    result = CliRunner().invoke(muniment, [name, "--help"], env={"MUNIMENT_LANG": language})
    assert result.exit_code == 0, result.output
    chinese = sum("\u4e00" <= character <= "\u9fff" for character in result.stdout)
    assert (chinese > 20) == (language == "zh"), result.stdout


def test_help_lines_fit_the_screen_when_chinese_characters_count_twice() -> None:
    from ledger.cli.columns import width

    lines = CliRunner().invoke(muniment, ["--lang", "zh", "--help"]).stdout.splitlines()
    assert max(map(width, lines)) <= 80


def test_the_environment_chooses_the_language_before_the_option(desk: Desk) -> None:
    assert "账本名称" in desk.did("status", "--lang", "zh")
    assert "origin" in desk.did("status", "--lang", "zh", MUNIMENT_LANG="en")
    assert "账本名称" in desk.did("status", LC_ALL="zh_CN.UTF-8")


def test_json_is_never_translated(desk: Desk) -> None:
    assert desk.did("status", "--json", "--lang", "zh") == desk.did("status", "--json")
    said = desk.error("show", "record-ffff", code=2, MUNIMENT_LANG="zh")
    assert said["message"].startswith("there is no record")


# -- which ledger -----------------------------------------------------------------------------


def test_the_ledger_and_json_may_stand_before_and_after_the_command(desk: Desk) -> None:
    path = str(desk.firm.path)
    before = desk.did("-L", path, "--json", "key", "list", MUNIMENT_LEDGER=None)
    after = desk.did("key", "list", "-L", path, "--json", MUNIMENT_LEDGER=None)
    assert before == after
    assert json.loads(before)


def test_an_option_names_the_ledger_before_the_environment_and_that_before_the_folder(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.firm.path / "trust")
    assert desk.did("status", MUNIMENT_LEDGER=None)
    assert desk.run("status", MUNIMENT_LEDGER="elsewhere").exit_code == 10
    assert desk.did("status", "-L", str(desk.firm.path), MUNIMENT_LEDGER="elsewhere")


def test_the_users_config_names_a_ledger_last(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    config = desk.home / "muniment" / "config.toml"
    config.parent.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(desk.home))
    config.write_text(f'ledger = "{desk.firm.path}"\n')
    assert desk.did("status", MUNIMENT_LEDGER=None)
    config.write_text("ledger = \n")
    assert desk.error("status", code=2, MUNIMENT_LEDGER=None)["remedy"] == "correct it"


def test_without_a_ledger_the_call_says_how_to_name_one(desk: Desk) -> None:
    result = desk.run("status", MUNIMENT_LEDGER=None, XDG_CONFIG_HOME=str(desk.home))
    assert result.exit_code == 10
    assert "MUNIMENT_LEDGER" in result.stderr
    assert result.stdout == ""


def test_a_ledger_of_a_newer_format_is_refused_clearly(desk: Desk) -> None:
    with sqlite3.connect(desk.firm.path / "ledger.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    said = desk.error("status", code=10)
    assert "'9999'" in said["message"]
    assert said["remedy"] == "install the Muniment version that wrote it"


def test_a_ledger_with_a_missing_file_is_refused_by_its_name(desk: Desk) -> None:
    (desk.firm.path / "trust" / "ledger.vkey").unlink()
    assert desk.error("status", code=10)["message"] == "the ledger lacks trust/ledger.vkey"


def test_a_damaged_database_ends_in_a_message_not_a_traceback(desk: Desk) -> None:
    with (desk.firm.path / "ledger.db").open("r+b") as file:
        file.write(b"\0" * 4096)
    result = desk.run("inventory")
    assert result.exit_code in (3, 10)
    assert "ledger.db" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_second_writer_waits_and_then_leaves_with_11(desk: Desk) -> None:
    lock = WriterLock(desk.firm.path)
    lock.acquire(0)
    try:
        said = desk.error("role", "grant", desk.reviewer, "dpo", "--wait", "0.1", code=11)
    finally:
        lock.release()
    assert "waited 0.1 s" in said["message"]


def test_a_database_locked_by_another_program_is_exit_11(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.cli.ending import understood

    error = understood(sqlite3.OperationalError("database is locked"))
    assert error.exit_code == 11
    assert "full" in understood(sqlite3.OperationalError("database or disk is full")).message


# -- who --------------------------------------------------------------------------------------


def test_an_actor_is_named_by_any_unique_part_of_the_id(desk: Desk) -> None:
    for text in (desk.reviewer, desk.reviewer[-36:], desk.reviewer[-8:], desk.reviewer[-30:-12]):
        assert desk.json("actor", "show", text)["actor"] == desk.reviewer


def test_what_fits_several_ids_or_none_is_a_usage_error(desk: Desk) -> None:
    shared = desk.founder  # down to the digits of the hours in which both were made
    while not desk.reviewer.startswith(shared):
        shared = shared[:-1]
    assert len(shared) >= len("actor-0000")
    assert "several ids" in desk.error("actor", "show", shared, code=2)["message"]
    assert "there is no actor" in desk.error("actor", "show", "ffffffff", code=2)["message"]


@pytest.mark.parametrize(
    "text", ["", "abc", "张三", "actor-", "0" * 33, "zzzzzzzz", "a\nb-cd", "%%%%"]
)
def test_what_is_no_id_is_a_usage_error_that_does_not_repeat_it(desk: Desk, text: str) -> None:
    said = desk.error("actor", "show", text, code=2)
    assert not text or text not in said["message"]


def test_an_unknown_actor_cannot_act(desk: Desk) -> None:
    said = desk.error("role", "grant", desk.reviewer, "dpo", "--as", "ffffffff", code=2)
    assert said["remedy"] == "muniment actor list"


def test_who_acts_is_the_option_before_the_environment_before_the_founder(desk: Desk) -> None:
    record = desk.collect()
    assert desk.run("review", record).exit_code == 13
    assert desk.run("review", record, "--as", desk.founder,
                    MUNIMENT_ACTOR=desk.reviewer).exit_code == 13  # fmt: skip
    assert desk.json("review", record, MUNIMENT_ACTOR=desk.reviewer)["events"]


# -- passphrases ------------------------------------------------------------------------------


def test_a_wrong_passphrase_is_exit_12_and_changes_nothing(desk: Desk) -> None:
    wrong = desk.home / "wrong"
    wrong.write_text("incorrect horse\n")
    before = desk.did("status")
    said = desk.error(
        "role", "grant", desk.reviewer, "dpo", "--passphrase-file", str(wrong), code=12
    )
    assert "passphrase is wrong" in said["message"]
    assert "incorrect" not in json.dumps(said)
    assert desk.did("status") == before


def test_without_a_passphrase_and_without_a_person_it_is_exit_12_with_a_remedy(
    desk: Desk,
) -> None:
    said = desk.error("role", "grant", desk.reviewer, "dpo", code=12, MUNIMENT_PASSPHRASE_FILE=None)
    assert "nobody to ask" in said["message"]
    assert "--passphrase-file" in said["remedy"]


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 1025, b"x" * 100_000])
def test_a_passphrase_file_that_is_empty_or_huge_is_exit_12(desk: Desk, content: bytes) -> None:
    file = desk.home / "odd"
    file.write_bytes(content)
    desk.error("role", "grant", desk.reviewer, "dpo", "--passphrase-file", str(file), code=12)


@pytest.mark.parametrize("name", ["missing", ".", "a\0b"])
def test_a_passphrase_file_that_cannot_be_read_is_named_by_its_option(
    desk: Desk, name: str
) -> None:
    said = desk.error("role", "grant", desk.reviewer, "dpo", "--passphrase-file", name, code=12)
    assert "--passphrase-file" in said["message"]
    assert "missing" not in said["message"]


def test_only_one_newline_is_no_part_of_the_passphrase(desk: Desk) -> None:
    for text, code in (
        (b"correct horse", 0),
        (b"correct horse\r\n", 0),
        (b"correct horse\n\n", 12),
    ):
        desk.passphrase.write_bytes(text)
        result = desk.run("role", "grant", desk.reviewer, "dpo" if code else "security_officer")
        assert result.exit_code in (code, 13), result.stderr


def test_a_command_or_standard_input_gives_the_passphrase(desk: Desk) -> None:
    program = f"{sys.executable} -c \"print('correct horse')\""
    desk.did("role", "grant", desk.reviewer, "dpo", "--passphrase-command", program)
    done = desk.program(
        "role", "grant", desk.reviewer, "counsel", "--passphrase-file", "-", input=b"correct horse"
    )
    assert done.returncode == 0, done.stderr
    said = desk.error(
        "role", "grant", desk.reviewer, "notary", "--passphrase-command", "false", code=12
    )
    assert "--passphrase-command" in said["message"]


def test_a_person_is_asked_without_echo(desk: Desk) -> None:
    environment = {**desk.program_environment}
    del environment["MUNIMENT_PASSPHRASE_FILE"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "ledger.cli", "role", "grant", desk.reviewer, "dpo"],
            environment,
        )
    shown = _read_until(terminal, b"Passphrase: ")
    os.write(terminal, b"correct horse\n")
    shown += _read_until(terminal, b"")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    assert b"horse" not in shown
    assert b"Role granted" in shown


def _read_until(terminal: int, mark: bytes) -> bytes:
    shown, deadline = b"", time.monotonic() + 30
    while not mark or mark not in shown:
        try:
            chunk = os.read(terminal, 1024)
        except OSError:
            break
        shown += chunk
        if not chunk or time.monotonic() > deadline:
            break
    return shown


# -- how a call ends --------------------------------------------------------------------------


def test_a_refusal_says_the_rule_what_it_means_and_what_to_do(desk: Desk) -> None:
    record = desk.collect()
    result = desk.run("review", record, "--in-role", "reviewer")
    assert result.exit_code == 13
    assert "verifier_is_collector" in result.stderr
    assert "does not review it" in result.stderr
    assert "muniment --as OTHER review RECORD" in result.stderr
    assert "nothing was recorded" in result.stderr
    chinese = desk.run("review", record, "--lang", "zh")
    assert "不得审核" in chinese.stderr
    said = desk.error("review", record, code=13)
    assert said["remedy"]
    refusal = next(r for r in said["refusals"] if r["detail"] == "verifier_is_collector")
    assert refusal == {
        "rule": "I-07",
        "code": "separation_of_duties",
        "detail": "verifier_is_collector",
        "blocking": [desk.founder],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["review"],
        ["review", "--nonsense"],
        ["status", "张三", "李四"],
        ["role", "grant", "x", "张三"],
        ["retention", "assign", "ffffffff", "--trigger", "collected", "--date", "2026-02-30"],
        ["holding", "lost", "ffffffff", "--discovered", "张三"],
        ["holding", "lost", "ffffffff", "--discovered", "0001-01-01"],
        ["key"],
    ],
)
def test_a_wrong_call_is_exit_2(desk: Desk, arguments: list[str]) -> None:
    result = desk.run(*arguments)
    assert result.exit_code == 2
    assert "张三" not in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_call_with_json_ends_in_a_json_line(desk: Desk) -> None:
    assert "RECORD" in desk.error("review", code=2)["message"]


def test_a_broken_pipe_is_quiet(desk: Desk) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "ledger.cli", "codes"],
        env=desk.program_environment, stdout=writer, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


def test_an_interrupt_is_exit_130(desk: Desk) -> None:
    lock = WriterLock(desk.firm.path)
    lock.acquire(0)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "ledger.cli", "role", "grant", desk.reviewer, "dpo",
             "--wait", "60"],
            env=desk.program_environment, stderr=subprocess.PIPE,
            preexec_fn=_heeds_ctrl_c,  # noqa: PLW1509  it only asks for a signal's default
        )  # fmt: skip
        _until_it_waits(process.pid, desk.firm.path)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        lock.release()
    assert process.returncode == 130
    assert b"Traceback" not in said


def _heeds_ctrl_c() -> None:
    """In the program: whoever runs these tests in the background may have it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _until_it_waits(process: int, folder: Path) -> None:
    """Until a program has opened the file that a writer locks; it asks for the lock next."""
    lock, deadline = folder / "ledger.lock", time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError):  # a file may be closed meanwhile
            if any(one.samefile(lock) for one in Path(f"/proc/{process}/fd").iterdir()):
                return
        time.sleep(0.05)
    pytest.fail("the program never asked for the lock")


def test_a_full_disk_and_an_unknown_fault_have_messages_of_their_own() -> None:
    from ledger.cli.ending import understood

    assert "disk is full" in understood(OSError(28, "No space left on device", "张三")).message
    denied = understood(PermissionError(13, "Permission denied", "x/ledger.lock"))
    assert "ledger.lock" in denied.message
    try:
        raise KeyError("张三")  # noqa: TRY301  a fault needs a traceback
    except KeyError as error:
        fault = understood(error)
    assert "张三" not in fault.message
    assert "KeyError at test_cli_calls.py" in fault.message


def test_names_that_are_not_text_or_move_the_cursor_are_printed_as_escapes(desk: Desk) -> None:
    record = desk.collect("a\x1b[31m\u202eb.txt")
    shown = desk.did("inventory")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert record in shown


def test_a_copied_ledger_folder_needs_no_home(desk: Desk, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(desk.firm.path, copy)
    assert desk.did("status", "-L", str(copy)) == desk.did("status")


@pytest.mark.parametrize("call", [
    ["verify", "--since", "PIPE"], ["sign", "PIPE", "--yes"], ["submit", "PIPE"],
    ["inventory", "--as-of", "checkpoint:PIPE"],
])  # fmt: skip
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(desk: Desk, call: list[str]) -> None:
    pipe = desk.home / "pipe"
    os.mkfifo(pipe)
    said = desk.error(*(word.replace("PIPE", str(pipe)) for word in call), code=2)
    assert "cannot be read" in said["message"]

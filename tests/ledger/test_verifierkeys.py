"""A verifier key is given in one way everywhere: as text, or as a file that holds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.cli.verifierkeys import cosigner_keys, ledger_key, ledger_keys
from ledger.errors import UsageError
from ledger.offline.pack import pyz
from ledger.tlog.note import COSIGNATURE
from tests.ledger.desk import Desk
from tests.ledger.replicas import made
from tests.ledger.signers import signer
from tests.ledger.witnesses import make_witness

LEDGER = signer("ledger.example/l").verifier
WITNESS = signer("witness.example/w", COSIGNATURE).verifier
AUDITOR = signer("auditor.example/index", COSIGNATURE).verifier

FILES = {
    "plain": b"%s\n",
    "without newline": b"%s",
    "byte order mark": b"\xef\xbb\xbf%s\n",
    "CRLF": b"%s\r\n",
    "both, and remarks": b"\xef\xbb\xbf# whom we know\r\n\r\n  %s\r\n",
}


def written(path: Path, form: bytes, *keys: str) -> str:
    path.write_bytes(form.replace(b"%s", "\r\n".join(keys).encode("ascii")))
    return str(path)


@pytest.mark.parametrize("form", FILES.values(), ids=FILES)
def test_a_key_is_text_or_a_file(form: bytes, tmp_path: Path) -> None:
    file = written(tmp_path / "k", form, LEDGER.format())
    for given in (LEDGER.format(), f" {LEDGER.format()}\n", file):
        assert ledger_key(given, "--trust") == LEDGER
    several = written(tmp_path / "s", form, WITNESS.format(), AUDITOR.format())
    assert cosigner_keys([several], "--cosigner") == [WITNESS, AUDITOR]
    assert cosigner_keys([WITNESS.format()], "--cosigner") == [WITNESS]
    assert ledger_keys([file, LEDGER.format()], "--trust") == [LEDGER]


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"no key\n", b"# nobody\n", b"x" * (2 << 20)]
)
def test_a_file_without_a_key_is_named_by_its_option(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "张三.vkey"
    file.write_bytes(content)
    for ask, option in ((ledger_key, "--trust"), (ledger_key, "VKEY"), (ledger_key, "--key")):
        with pytest.raises(UsageError, match=f"^{option} takes a ledger's verifier key") as told:
            ask(str(file), option)
        assert "张三" not in told.value.message
    with pytest.raises(UsageError, match=r"^--cosigner takes a cosigner's"):
        cosigner_keys([str(file)], "--cosigner")


def test_a_key_of_the_other_kind_and_several_for_one_are_refused(tmp_path: Path) -> None:
    two = written(tmp_path / "two", b"%s", LEDGER.format(), signer("b.example/l").verifier.format())
    for given in (WITNESS.format(), two, LEDGER.format().replace("+", "+0", 1), str(tmp_path)):
        with pytest.raises(UsageError, match="--trust"):
            ledger_key(given, "--trust")
    with pytest.raises(UsageError, match="--cosigner"):
        cosigner_keys([LEDGER.format()], "--cosigner")
    with pytest.raises(UsageError, match="cannot be read"):
        ledger_key(str(tmp_path / "none"), "--trust")


def test_every_command_takes_it_in_every_form(desk: Desk, tmp_path: Path) -> None:
    """The same text and the same file at `--trust`, `VKEY` and `--key`; the same refusal."""
    vkey = desk.firm.founded.vkey
    file = written(tmp_path / "k", FILES["both, and remarks"], vkey)
    copy = made(desk.firm, tmp_path / "copy").folder
    note = tmp_path / "note"
    note.write_text(desk.did("checkpoint"))
    for at, given in enumerate((vkey, file)):
        witness = make_witness(tmp_path / f"w{at}")
        desk.did("witness", "trust", str(witness.path), given)
        desk.did("checkpoint", "compare", str(note), str(note), "--trust", given)
        desk.did("verify", "--trust", given)
        desk.did("ledger", "compare", str(desk.firm.path), str(desk.firm.path), "--key", given)
        desk.did("replica", "take", str(copy), str(tmp_path / f"r{at}"), "--key", given,
                 XDG_STATE_HOME=str(tmp_path / f"s{at}"))  # fmt: skip
    wrong = written(tmp_path / "wrong", b"%s", WITNESS.format())
    said = {
        desk.error(*call, code=2)["message"].partition(" ")[2]
        for call in (
            ("witness", "trust", str(tmp_path / "w0"), wrong),
            ("checkpoint", "compare", str(note), str(note), "--trust", wrong),
            ("checkpoint", "verify-fork", str(note), "--trust", wrong),
            ("verify", "--trust", wrong),
            ("evidence", "verify", str(note), "--trust", wrong),
            ("disclose", "verify", str(note), "--trust", wrong),
            ("row", "verify", str(note), "--trust", wrong),
            ("document", "verify", str(note), "--key", wrong),
            ("replica", "take", str(copy), str(tmp_path / "r"), "--key", wrong),
        )
    }
    assert said == {"takes a ledger's verifier key, or a file that holds it"}


def test_the_program_inside_says_which_file_in_the_readers_language(tmp_path: Path) -> None:
    program = tmp_path / "verify.pyz"
    program.write_bytes(pyz())
    trust = written(tmp_path / "trust", b"\xef\xbb\xbf%s\r\n", LEDGER.format())
    cosigners = written(tmp_path / "cosigners", FILES["both, and remarks"], WITNESS.format())
    empty = written(tmp_path / "empty", b"")
    none = str(tmp_path / "none")

    def said(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), none, *arguments, "--lang", "zh"],
            env={}, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
        return done.stderr.decode("utf-8").removeprefix("verify.pyz: ").strip()

    for option, name in (("--trust", "trust"), ("--cosigner", "cosigners"), ("--tsa-root", "x")):
        for file in (empty, none):
            given = () if option == "--trust" else ("--trust", trust)
            text = said(*given, option, file)
            assert text.startswith(option), name
            assert "文件" in text
            assert text.removeprefix(option).isascii() is False
    assert said("--trust", trust, "--cosigner", cosigners) == "证据包无法读取"

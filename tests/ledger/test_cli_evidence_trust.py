"""`muniment evidence verify` and `verify.pyz`, told whom the reader trusts beside the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ledger.offline.bag import write_zip
from ledger.offline.pack import pyz
from tests.ledger.desk import Desk
from tests.ledger.offline_forger import Shown
from tests.ledger.rogues import Estate
from tests.ledger.signers import signer
from tests.ledger.test_offline_times import AUTHORITY, Stamped, accepted

WITNESS = signer("witness.example/w1", 4)
AUDITOR = signer("auditor.example/index", 4)


class Given(NamedTuple):
    """Files that a reader has: the bundle, the ledger's key, cosigners' keys, a root."""

    home: Path
    bundle: Path
    trust: tuple[str, str]
    more: tuple[str, ...]


@pytest.fixture
def given(estate: Estate, tmp_path: Path) -> Given:
    """A bundle with cosignatures, an index and a time token."""
    rogue = estate.rogue
    start = accepted(rogue)
    rogue.publish_index()
    token = Stamped(rogue, start + timedelta(seconds=2)).anchor(rogue, start + timedelta(seconds=9))
    size = len(rogue.entries)
    shown = Shown(stamped=[token.pair], cosigned={size: (WITNESS, AUDITOR)}, indexed=True)
    bundle = tmp_path / "evidence.zip"
    bundle.write_bytes(write_zip(rogue.bundle(shown), rogue.case.name))
    (tmp_path / "ledger.vkey").write_text(rogue.case.vkey + "\n", encoding="ascii")
    (tmp_path / "verify.pyz").write_bytes(pyz())
    lines = ["# whom we asked", WITNESS.verifier.format(), "", AUDITOR.verifier.format()]
    (tmp_path / "cosigners.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
    (tmp_path / "root.pem").write_bytes(AUTHORITY.root.public_bytes(Encoding.PEM))
    (tmp_path / "root.der").write_bytes(AUTHORITY.root_der)
    more = ("--cosigner", str(tmp_path / "cosigners.txt"), "--tsa-root", str(tmp_path / "root.pem"))
    return Given(tmp_path, bundle, ("--trust", str(tmp_path / "ledger.vkey")), more)


def alone(given: Given, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """By the program inside, with nothing but Python."""
    command = [sys.executable, "-I", "-S", "verify.pyz", str(given.bundle), *arguments]
    return subprocess.run(
        command, cwd=given.home, env={}, capture_output=True, check=False, timeout=60
    )


def claims(report: dict[str, Any]) -> dict[str, str]:
    return {claim["claim"]: claim["answer"] for claim in report["claims"]}


def test_what_holds_depends_on_whom_the_reader_trusts(desk: Desk, given: Given) -> None:
    little = desk.json("evidence", "verify", str(given.bundle), *given.trust)
    much = desk.json("evidence", "verify", str(given.bundle), *given.trust, *given.more)
    for claim in ("witnessed", "time", "complete"):
        assert (claims(little)[claim], claims(much)[claim]) == ("undecided", "holds"), claim
    assert little["cosigners"] == []
    assert much["cosigners"] == ["witness.example/w1", "auditor.example/index"]
    assert "complete_to" not in little
    assert much["complete_to"] == 6
    assert any("not_after" in event for event in much["events"])


def test_the_program_inside_says_the_same(desk: Desk, given: Given) -> None:
    for more in ((), given.more, (*given.more, "--tsa-root", str(given.home / "root.der"))):
        done = alone(given, *given.trust, *more, "--json")
        assert (done.returncode, done.stderr) == (0, b""), more
        arguments = ("evidence", "verify", str(given.bundle), *given.trust, *more)
        assert json.loads(done.stdout) == desk.json(*arguments)
        text = alone(given, *given.trust, *more, "--lang", "zh").stdout.decode("utf-8")
        assert text == desk.did(*arguments, "--lang", "zh")


@pytest.mark.parametrize("option", ["--cosigner", "--tsa-root"])
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"no key\n", b"# nobody\n", b"x" * (2 << 20)]
)
def test_a_file_that_holds_nobody_to_trust_is_a_wrong_call(
    desk: Desk, given: Given, option: str, content: bytes
) -> None:
    file = given.home / "given"
    file.write_bytes(content)
    arguments = (*given.trust, option, str(file))
    error = desk.error("evidence", "verify", str(given.bundle), *arguments, code=2)
    assert option in error["message"]
    assert "given" not in error["message"].replace("given with", "")
    done = alone(given, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


def test_a_cosigner_named_twice_or_by_the_ledgers_key_is_a_wrong_call(
    desk: Desk, given: Given
) -> None:
    twice = (*given.trust, *given.more, *given.more[:2])
    desk.error("evidence", "verify", str(given.bundle), *twice, code=2)
    ledgers = (*given.trust, "--cosigner", given.trust[1])
    desk.error("evidence", "verify", str(given.bundle), *ledgers, code=2)
    missing = (*given.trust, "--cosigner", str(given.home / "none"))
    desk.error("evidence", "verify", str(given.bundle), *missing, code=2)
    assert alone(given, *twice).returncode == alone(given, *missing).returncode == 2

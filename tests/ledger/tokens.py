"""What both verifiers of time tokens say: asked together, and compared."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import ledger.offline
from ledger.offline import der, token, x509
from tests.ledger import tsa

SCRIPTS = Path(ledger.offline.__file__).parent / "browser"
Question = tuple[str, bytes, bytes, Sequence[bytes]]


def node() -> str:
    """The program, or a skip that says what is not tested."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed: the browser's verifier is NOT tested (apt: nodejs)")
    return found


def python_says(question: Question) -> Any:
    ask, data, imprint, roots = question
    try:
        if ask == "roots":
            return [one.hex() for one in x509.parse_roots(data)]
        if ask == "info":
            info = token.read_info(data)
            return {
                "policy": info.policy, "algorithm": info.algorithm, "imprint": info.imprint.hex(),
                "serial": info.serial, "genTime": info.gen_time, "accuracyMs": info.accuracy_ms,
                "nonce": None if info.nonce is None else str(info.nonce),
            }  # fmt: skip
        found = token.verify_token(data, imprint, roots)
    except ValueError as error:
        return {"error": "" if ask == "roots" else str(error)}
    return {
        "genTime": found.gen_time, "accuracyMs": found.accuracy_ms,
        "issuerKnown": found.issuer_known, "serial": found.serial, "policy": found.policy,
        "earliest": token.earliest(found), "latest": token.latest(found),
    }  # fmt: skip


def browser_says(questions: Sequence[Question]) -> list[Any]:
    """The answers of the scripts that go into verify.html, run by node."""
    lines = "".join(
        json.dumps(
            {
                "ask": ask,
                "tsr": data.hex(),
                "imprint": imprint.hex(),
                "roots": [root.hex() for root in roots],
            }
        )
        + "\n"
        for ask, data, imprint, roots in questions
    )  # fmt: skip
    script = str(Path(__file__).parent / "token_twin.js")
    done = subprocess.run(
        [node(), script, str(SCRIPTS)], input=lines, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def agree(questions: Sequence[Question]) -> list[Any]:
    """What Python says, after the browser said the same to every question."""
    ours = [python_says(question) for question in questions]
    theirs = browser_says(questions)
    assert len(ours) == len(theirs)
    for question, one, other in zip(questions, ours, theirs, strict=True):
        assert one == other, (question[0], question[1].hex(), question[2].hex())
    return ours


NOTE = "jiejing.example/ledger\n7\nAAAA\n\n— jiejing.example/ledger AAAA\n".encode()
IMPRINT = tsa.imprint_of(NOTE)
OTHER = tsa.imprint_of(b"another note")


def answer(tsr: bytes, roots: Sequence[tsa.Issued], imprint: bytes = IMPRINT) -> Any:
    """What both verifiers say."""
    return agree([("verify", tsr, imprint, [root.der for root in roots])])[0]


def known(tsr: bytes, roots: Sequence[tsa.Issued]) -> bool:
    """Whether a token that holds is known to be by an authority that is trusted."""
    said = answer(tsr, roots)
    assert "error" not in said, said
    return bool(said["issuerKnown"])


def refused(tsr: bytes, roots: Sequence[tsa.Issued], imprint: bytes = IMPRINT) -> str:
    """The code with which both verifiers refuse."""
    said = answer(tsr, roots, imprint)
    assert "error" in said, said
    return str(said["error"])


def write(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


def openssl_verifies(folder: Path, tsr: bytes, roots: Sequence[tsa.Issued], time: int = 0) -> bool:
    """Whether `openssl ts -verify` accepts, at the token's time."""
    import subprocess

    pem = write(folder, "roots.pem", b"".join(root.pem for root in roots))
    done = subprocess.run(
        [tsa.openssl(), "ts", "-verify", "-data", write(folder, "note", NOTE), "-in",
         write(folder, "one.tsr", tsr), "-CAfile", pem, *(["-attime", str(time)] if time else [])],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def swapped(tsr: bytes, old: bytes, new: bytes) -> bytes:
    """A reply with one value replaced by another, and every length around it put right."""

    def again(one: der.Value) -> bytes:
        if one.raw == old:
            return new
        return tsa.tlv(one.tag, *map(again, one.parts)) if one.parts else one.raw

    return again(der.read(tsr))

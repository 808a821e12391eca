"""Commands as a person at a desk gives them, run in this process; and as programs, where it counts.

Key files made here cost next to nothing: the defaults of their writers are replaced for the test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ledger.cli import muniment
from ledger.founding import found_ledger
from ledger.keyfile import write_key
from tests.ledger.ledgers import CHEAP, Firm

ROOT = Path(__file__).parent.parent.parent


def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `init`, `actor register` and `key rotate` write keys that cost nothing to guess."""
    defaults = found_ledger.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "kdf", CHEAP)
    monkeypatch.setattr(write_key, "__defaults__", (CHEAP,))


class Desk:
    """One ledger and the passphrases of its people, in files."""

    def __init__(self, firm: Firm, home: Path) -> None:
        self.firm = firm
        self.home = home
        self.founder = firm.founded.actor
        self.reviewer = firm.second
        self.passphrase = home / "passphrase"
        self.passphrase.write_bytes(b"correct horse\n")
        self.environment = {
            "MUNIMENT_LEDGER": str(firm.path),
            "MUNIMENT_PASSPHRASE_FILE": str(self.passphrase),
        }

    def run(self, *arguments: str, **environment: str | None) -> Result:
        """One call; `environment` adds to the desk's, None takes away."""
        return CliRunner().invoke(
            muniment, list(arguments), env={**self.environment, **environment}
        )

    def did(self, *arguments: str, **environment: str | None) -> str:
        """What a call that must succeed printed."""
        result = self.run(*arguments, **environment)
        assert result.exit_code == 0, (arguments, result.stdout, result.stderr)
        return result.stdout

    def json(self, *arguments: str, **environment: str | None) -> Any:
        """What a call that must succeed printed as JSON."""
        return json.loads(self.did(*arguments, "--json", **environment))

    def error(self, *arguments: str, code: int, **environment: str | None) -> dict[str, Any]:
        """The last line on standard error of a call with `--json` that must fail with `code`."""
        result = self.run(*arguments, "--json", **environment)
        assert result.exit_code == code, (arguments, result.stdout, result.stderr)
        said: dict[str, Any] = json.loads(result.stderr.splitlines()[-1])
        assert said["message_type"] == "error"
        assert said["code"] == code
        return said

    def collect(self, name: str = "合同.txt", text: str = "甲方") -> str:
        """A record, collected from a file of this name."""
        file = self.home / name
        file.write_text(text, encoding="utf-8")
        self.did(
            "collect", str(file), "--category", "contract", "--basis", "pipl_13_2_contract",
            "--source", "张三", "--notice", "N-1",
        )  # fmt: skip
        return str(self.json("inventory")[-1]["record"])

    def program(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """A call as a program of its own."""
        return subprocess.run(
            [sys.executable, "-m", "ledger.cli", *arguments],
            env=self.program_environment, capture_output=True, check=False, timeout=300, **options,
        )  # fmt: skip

    @property
    def program_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "PYTHONPATH": str(ROOT)}

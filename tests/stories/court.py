"""A court that is shown a file: three verifiers, of which none knows the others, and one answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.offline.bag import Bag, read_zip, write_zip
from ledger.offline.pack import pyz
from ledger.privatekey import PrivateKey
from tests.corpus import Files
from tests.corpus.sealing import changed, sealed
from tests.ledger.desk import Desk
from tests.verifiers.browserscript import NODE, BrowserScript


class Court:
    """Whoever judges, with the ledger's key from elsewhere; and whoever works on the file."""

    def __init__(self, desk: Desk, script: BrowserScript | None) -> None:
        self.desk, self._script = desk, script
        self._program = desk.home / "verify.pyz"
        self._program.write_bytes(pyz())
        self.trust = desk.home / "court.vkey"
        self.trust.write_bytes((desk.firm.path / "trust" / "ledger.vkey").read_bytes())

    @property
    def exporter(self) -> PrivateKey:
        """The founder's key: an exporter who helps with a lie."""
        with self.desk.firm.open() as ledger:
            return ledger.acting(self.desk.founder).key

    def evidence(self, *asked: str, by: str | None = None) -> Bag:
        """The evidence that Muniment exports."""
        out = self.desk.home / "evidence.zip"
        self.desk.did("evidence", "export", *asked, "--without-documents", "--out", str(out),
                      *(("--as", by) if by else ()))  # fmt: skip
        bag = read_zip(out.read_bytes())
        out.unlink()
        return bag

    def repacked(self, bag: Bag, change: Mapping[str, bytes | None]) -> Files:
        """The bundle with files changed, packed and signed for again by its exporter."""
        return sealed(changed(bag.files, change), self.exporter, bag.files)

    def judged(self, bag: Bag, files: Mapping[str, bytes] | None = None) -> dict[str, Any]:
        """What the three say of a bundle; they must say the same."""
        file = self.desk.home / "shown.zip"
        data = write_zip(bag.files if files is None else files, bag.name)
        file.write_bytes(data)
        given = [str(file), "--trust", str(self.trust), "--json"]
        said = self.desk.run("evidence", "verify", *given)
        bare = subprocess.run(
            [sys.executable, "-I", "-S", str(self._program), *given],
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        report: dict[str, Any] = json.loads(bare.stdout)
        assert (said.exit_code, bare.returncode) == (bare.returncode, said.exit_code)
        assert json.loads(said.stdout) == report
        if self._script is not None:
            answer = self._script.verify(data, self.trust.read_text().strip())
            assert answer.json.encode() == bare.stdout
        return report


def answers(report: Mapping[str, Any]) -> dict[str, str]:
    return {one["claim"]: one["answer"] for one in report["claims"]}


def found(report: Mapping[str, Any], code: str) -> list[dict[str, Any]]:
    """The findings of a code."""
    return [one for one in report["findings"] if one["code"] == code]


def codes(report: Mapping[str, Any]) -> Sequence[str]:
    return sorted({str(one["code"]) for one in report["findings"]})


@pytest.fixture(scope="module", name="script")
def script_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserScript | None]:
    """The page's script, where node is there to run it."""
    if NODE is None:
        print("NODE IS MISSING: the verifier for browsers was NOT asked here")
        yield None
        return
    with BrowserScript(tmp_path_factory.mktemp("page")) as script:
        yield script


def lay(folder: Path, files: Mapping[str, bytes]) -> None:
    """Unpack a bundle into a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

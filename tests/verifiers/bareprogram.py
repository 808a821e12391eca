"""`verify.pyz` as its reader runs it: Python alone, without this project and without libraries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ledger.offline.pack import pyz


class Reader(Protocol):
    """What a reader trusts: verifier keys as text, certificates in DER."""

    @property
    def ledger(self) -> str: ...
    @property
    def cosigners(self) -> tuple[str, ...]: ...
    @property
    def roots(self) -> tuple[bytes, ...]: ...


def oldest_python() -> str | None:
    """The oldest Python that the program is for, 3.8, if this machine has one that runs."""
    kept = sorted(Path("~/.pyenv/versions").expanduser().glob("3.8.*/bin/python3.8"))
    for found in (shutil.which("python3.8"), *map(str, kept)):
        if found is None:
            continue
        asked = [found, "-I", "-S", "-c", "import sys; print(sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
        if done.stdout == "(3, 8)\n":
            return found
    return None


class BareProgram:
    """The program, in an existing folder where nothing else is."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self._python = python
        self._path = folder / "verify.pyz"
        self._path.write_bytes(pyz())

    def verify(
        self, bundle: Path, reader: Reader, folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """What it prints of a bundle with `--json`; `folder`: for the reader's keys."""
        command = [self._python, "-I", "-S", str(self._path), str(bundle), "--json"]
        command += options(reader, folder)
        before = sorted(folder.iterdir())
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False,
            timeout=120,
        )  # fmt: skip
        assert sorted(folder.iterdir()) == before, "a verifier writes nothing"
        return done


def options(reader: Reader, folder: Path) -> Iterator[str]:
    """The reader's keys and certificates, as files for the command line."""
    key = folder / "ledger.vkey"
    key.write_text(reader.ledger + "\n")
    yield from ("--trust", str(key))
    for number, text in enumerate(reader.cosigners):
        path = folder / f"cosigner{number}.vkey"
        path.write_text(text + "\n")
        yield from ("--cosigner", str(path))
    for number, root in enumerate(reader.roots):
        path = folder / f"root{number}.crt"
        path.write_bytes(root)
        yield from ("--tsa-root", str(path))

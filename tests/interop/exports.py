"""A bundle with something of everything, for other people's tools to read."""

from __future__ import annotations

from pathlib import Path

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.interop import FOLDER, interop_files
from ledger.told import Told
from tests.ledger.reports import Case, case_of, told_of


class Exports:
    """The case, what it tells, and the files for other tools in a folder."""

    def __init__(self, ledger: Ledger, admin: Acting, approver: Acting, folder: Path) -> None:
        self.case: Case = case_of(ledger, admin, approver, folder)
        self.told: Told = told_of(self.case.bundle)
        self.folder = folder

    def data(self, name: str) -> bytes:
        """A file of the bundle."""
        data: bytes = self.case.bundle.files[f"{FOLDER}/{name}"]
        return data

    def file(self, name: str) -> Path:
        """The same, on disk."""
        path = self.folder / name
        path.write_bytes(self.data(name))
        return path

    def again(self) -> dict[str, bytes]:
        """The files made once more from what the bundle tells."""
        return interop_files(self.told)

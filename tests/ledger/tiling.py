"""A ledger exported as tiles, and what lies in the folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ledger.tileview import Exported, StoredTiles, export
from tests.ledger.ledgers import Firm
from tests.ledger.monitor import Fetch


def checkpointed(firm: Firm) -> bytes:
    with firm.open() as ledger:
        return ledger.sign_checkpoint()


def exported(firm: Firm, folder: Path, note: bytes | None = None) -> Exported:
    """As `tiles export` does it."""
    with firm.open(writing=False) as ledger, ledger.engine.connect() as connection:
        return export(StoredTiles(connection, note or ledger.last_checkpoint() or b""), folder)


def reader(folder: Path) -> Fetch:
    """A monitor reads files as they are."""

    def read(path: str) -> bytes | None:
        place = folder / path
        return place.read_bytes() if place.is_file() else None

    return read


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def shown(tiled_template: Firm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("shown")
    firm = tiled_template._replace(path=home / "ledger")
    shutil.copytree(tiled_template.path, firm.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        checkpointed(firm)
        exported(firm, home / "tiles")
    return home / "tiles"

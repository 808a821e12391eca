"""Fixtures that several modules here ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.copying import copying, disk, sources  # noqa: F401  as below
from tests.ledger.desk import Desk, cheap_keys
from tests.ledger.granting import clerk, handing, record  # noqa: F401  as below
from tests.ledger.ledgers import Firm
from tests.ledger.rogues import estate, estate_template  # noqa: F401  as below
from tests.ledger.sales import sale  # noqa: F401  as below
from tests.ledger.storing import store, store_server_fixture  # noqa: F401  as below
from tests.ledger.tampering import (  # noqa: F401  fixtures are found by their names
    busy,
    busy_template,
    database,
    tiled,
    tiled_template,
)
from tests.ledger.tiling import shown  # noqa: F401  as above


@pytest.fixture
def desk(firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk at a ledger of the test's own, with an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    cheap_keys(monkeypatch)
    return Desk(firm, tmp_path)

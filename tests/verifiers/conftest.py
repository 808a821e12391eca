"""The script of the page, in one process for all tests here, and the bundles it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus.frozen import frozen
from tests.corpus.world import START
from tests.ledger.ledgers import found_firm
from tests.verifiers.browserscript import NODE, BrowserScript
from tests.verifiers.cases import Case, Small, everything, smallest


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserScript]:
    """The script of the page; without node the test is skipped."""
    if NODE is None:
        pytest.skip("NODE IS MISSING: the verifier for browsers was NOT tested here")
    with BrowserScript(tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """Good bundles by name."""
    home = tmp_path_factory.mktemp("cases")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        return everything(found_firm(home / "ledger"), home)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The smallest honest bundle."""
    return new_ledger(tmp_path_factory.mktemp("small"), "a small ledger")


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The same of another ledger, of the same name."""
    return new_ledger(tmp_path_factory.mktemp("foreign"), "another small ledger")


def new_ledger(home: Path, seed: str) -> Small:
    with frozen(seed, START), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        return smallest(home / "ledger")

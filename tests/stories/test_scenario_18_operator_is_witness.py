"""Scenario 18: whoever destroys does not watch the destruction, nor read it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import acts
from ledger.effects.destroying import Terms, copies_of
from ledger.errors import RefusedError
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    site_fixture,  # noqa: F401
)


@pytest.fixture
def case(site: Site, tmp_path: Path) -> str:
    """An approved case; its operator may witness and review, too."""
    chen = site.crew.people["chen"]
    for role in ("destruction_witness", "reviewer"):
        site.ledger.act(site.wang, [acts.grant_role(chen, role)])
    return site.approved(copies_of(site.ledger, site.ripe(tmp_path / "合同")))


def test_the_operator_is_not_the_witness(site: Site, case: str, tmp_path: Path) -> None:
    files, before = sorted((tmp_path / "合同").iterdir()), site.ledger.seen()
    with pytest.raises(RefusedError, match=r"I-07 separation_of_duties .operator_is_witness"):
        site.execute(case, terms=Terms(None, [site.crew.people["chen"]]))
    assert sorted((tmp_path / "合同").iterdir()) == files, "refused before anything was touched"
    assert site.ledger.seen() == before


def test_another_witness_will_do_but_the_operator_does_not_read_back(site: Site, case: str) -> None:
    site.execute(case, terms=Terms(None, [site.crew.people["sun"]]))
    with pytest.raises(RefusedError, match=r"I-07 separation_of_duties .verifier_is_operator"):
        site.verify(case, by="chen")
    assert site.verify(case).results[0].result == "pass"

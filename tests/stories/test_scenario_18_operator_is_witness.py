"""Scenario 18: whoever destroys does not watch the destruction, nor read it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import acts
from ledger.effects import keycopies
from ledger.effects.destroying import Terms, copies_of
from ledger.errors import RefusedError
from tests.ledger.crews import (
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    site_fixture,  # noqa: F401
)


@pytest.fixture(params=["files", "vault"])
def case(site: Site, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An approved case of files, or of what lies in the vault too.

    Its operator may witness and review, too.
    """
    ripe = site.ripe if request.param == "files" else site.ripe_in_vault
    chen = site.crew.people["chen"]
    for role in ("destruction_witness", "reviewer"):
        site.ledger.act(site.wang, [acts.grant_role(chen, role)])
    return site.approved(copies_of(site.ledger, ripe(tmp_path / "合同")))


def test_the_operator_is_not_the_witness(site: Site, case: str, tmp_path: Path) -> None:
    files, before = sorted((tmp_path / "合同").iterdir()), site.ledger.seen()
    with pytest.raises(RefusedError, match=r"I-07 separation_of_duties .operator_is_witness"):
        site.execute(case, terms=Terms(None, [site.crew.people["chen"]]))
    assert sorted((tmp_path / "合同").iterdir()) == files, "refused before anything was touched"
    assert site.ledger.seen() == before


def test_another_witness_will_do_but_the_operator_does_not_read_back(
    site: Site, case: str, tmp_path: Path
) -> None:
    site.keys_backed_up(tmp_path / "盘")
    site.execute(case, terms=Terms(None, [site.crew.people["sun"]]))
    with pytest.raises(RefusedError, match=r"I-07 separation_of_duties .verifier_is_operator"):
        site.verify(case, by="chen")
    assert {one.result for one in site.verify(case).results} == {"pass"}


def test_whoever_destroys_a_copy_of_keys_does_not_watch_it(site: Site, tmp_path: Path) -> None:
    made = site.keys_backed_up(tmp_path / "盘")
    site.ledger.act(site.wang, [acts.grant_role(site.wang.actor, "destruction_witness")])
    with pytest.raises(RefusedError, match=r"I-07 separation_of_duties .operator_is_witness"):
        keycopies.destroy(
            site.ledger, site.wang, made.copy, "overwrite", witnesses=[site.wang.actor]
        )
    assert (made.path / "slots").is_file(), "refused before anything was touched"
    keycopies.destroy(
        site.ledger, site.wang, made.copy, "overwrite", witnesses=[site.crew.people["sun"]]
    )
    assert not made.path.exists()

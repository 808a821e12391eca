"""Scenario 11: a paper original is not destroyed before its digital copy has been reviewed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from domain.record import RecordState
from ledger import acts, custody
from ledger.effects import vaulting
from ledger.effects.destroying import copies_of
from ledger.effects.places import place_fields, place_of
from ledger.errors import RefusedError
from tests.ledger.crews import (
    Crew,
    Site,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    outcomes,
    results,
    site_fixture,  # noqa: F401
)

GROUND = "purpose_achieved"


def scanned(site: Site, folder: Path) -> tuple[str, str]:
    """A contract, its paper, and the scan that was made of it: the record and the paper."""
    (record,) = site.ripe(folder)
    paper = site.paper(record)
    scan(site, record, paper, folder.with_name("扫描一.pdf"))
    return record, paper


def scan(site: Site, record: str, paper: str, file: Path) -> None:
    """A scan of the paper, as a file and as a copy of the record."""
    file.write_bytes(b"%PDF-1.7 " + file.name.encode())
    place = place_fields(os.fsencode(file), hashlib.sha256(file.read_bytes()).hexdigest())
    made = site.further(record, place, made_from=paper)
    said = custody.digitize(record, paper, made, resolution=300, result="pass", sealed=None)
    site.ledger.act(site.wang, [said])


def propose(site: Site, paper: str) -> str:
    said = custody.propose_destruction([paper], GROUND, "destroy", "paper_shred", None)
    site.ledger.act(site.wang, said)
    return said[0].stream


def test_before_the_scan_is_reviewed_the_paper_stays(site: Site, tmp_path: Path) -> None:
    _, paper = scanned(site, tmp_path / "合同")
    before = site.ledger.seen()
    with pytest.raises(RefusedError, match=r"I-36 original_paper_guard .digital_copy_not_reviewed"):
        propose(site, paper)
    assert site.ledger.seen() == before


def test_once_it_is_reviewed_the_paper_may_go_and_the_scan_stays(
    site: Site, tmp_path: Path
) -> None:
    record, paper = scanned(site, tmp_path / "合同")
    site.ledger.act(site.person("luo"), [acts.review(record, ["readability"], "pass")])
    case = propose(site, paper)
    site.ledger.act(site.person("zhao"), [custody.appraise(site.ledger, case, "pass", None)])
    for name in ("li", "zhao"):
        site.ledger.act(site.person(name), [custody.approve(site.ledger, case, None)])
    done = site.execute(case, stated={paper: "destroyed"})
    assert outcomes(done) == {paper: ("destroyed", "stated")}
    assert results(site.verify(case, stated={paper: "pass"})) == {paper: ("pass", "stated")}
    event = site.ledger.events_of(record)[0]
    assert site.ledger.unseal(event[0], event[2]) is not None, "the record lives on in its scan"
    assert (tmp_path / "合同").exists()


def test_a_scan_made_anew_between_approval_and_execution_is_not_reviewed_yet(
    site: Site, tmp_path: Path
) -> None:
    """A new scan replaces the reviewed one after both approvals; the paper stays again."""
    record, paper = scanned(site, tmp_path / "合同")
    site.ledger.act(site.person("luo"), [acts.review(record, ["readability"], "pass")])
    case = propose(site, paper)
    site.ledger.act(site.person("zhao"), [custody.appraise(site.ledger, case, "pass", None)])
    for name in ("li", "zhao"):
        site.ledger.act(site.person(name), [custody.approve(site.ledger, case, None)])
    scan(site, record, paper, tmp_path / "扫描二.pdf")
    with pytest.raises(RefusedError, match="I-36"):
        site.execute(case, stated={paper: "destroyed"})


def test_paper_whose_scan_nobody_recorded_as_one_stays(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        (record,) = site.ripe(tmp_path / "合同")
        paper = site.paper(record)
        site.further(record, {"location": "某处", "content": "0" * 64}, made_from=paper)
        with pytest.raises(RefusedError, match="original_not_digitised"):
            propose(site, paper)


def test_a_scan_in_the_vault_is_a_copy_and_no_review(site: Site, tmp_path: Path) -> None:
    """Put into the vault it is kept better, and nobody has looked at it any more than before."""
    record, paper = scanned(site, tmp_path / "合同")
    state = site.ledger.state(record)
    assert isinstance(state, RecordState)
    made = vaulting.put(site.ledger, site.wang, [state.digitized[paper]])
    assert not made.failed
    with pytest.raises(RefusedError, match="digital_copy_not_reviewed"):
        propose(site, paper)
    site.ledger.act(site.person("luo"), [acts.review(record, ["readability"], "pass")])
    case = propose(site, paper)
    site.ledger.act(site.person("zhao"), [custody.appraise(site.ledger, case, "pass", None)])
    for name in ("li", "zhao"):
        site.ledger.act(site.person(name), [custody.approve(site.ledger, case, None)])
    site.execute(case, stated={paper: "destroyed"})
    places = [place_of(site.ledger, item) for item in copies_of(site.ledger, [record])]
    assert {bool(place.object) for place in places} == {True, False}
    assert {site.ledger.keystore.state(p.key) for p in places if p.object} == {"present"}

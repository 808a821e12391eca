"""Scenario 10: a certificate is refused while one of fifty copies is unknown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger import custody
from ledger.effects.certifying import certificate
from ledger.effects.destroying import copies_of
from ledger.effects.places import place_of
from ledger.errors import RefusedError
from tests.ledger.crews import (
    Crew,
    crew_fixture,  # noqa: F401  fixtures are found by their names
    crew_template_fixture,  # noqa: F401
    outcomes,
    results,
)
from tests.ledger.tampering import check


def test_no_certificate_while_one_of_fifty_copies_is_unknown(crew: Crew, tmp_path: Path) -> None:
    with crew.open() as site:
        records = site.ripe(tmp_path / "合同", 50)
        items = copies_of(site.ledger, records)
        lost = Path(os.fsdecode(site.place(records[17]).path))
        case = site.approved(items)
        lost.rename(tmp_path / "被谁拿走了.txt")
        done = outcomes(site.execute(case))
        assert sorted(set(done.values())) == [("destroyed", "removed"), ("unknown", "vanished")]
        assert done[items[17]] == ("unknown", "vanished")
        read = results(site.verify(case))
        assert [item for item in items if read[item][0] != "pass"] == [items[17]]
        with pytest.raises(RefusedError, match="I-30 no_certificate_without_pass") as refused:
            site.certify(case)
        assert items[17] in refused.value.message
        site.ledger.act(site.person("chen"), custody.take_off(case, [items[17]], "下落不明"))
        site.certify(case)
        said = certificate(site.ledger, case)
        assert said is not None
        assert said["verdict"] == "partial"
        assert said["counts"] == {"listed": 50, "destroyed": 49, "verified": 49, "taken_off": 1}
        kept = site.ledger.events_of(records[17])[0]
        assert site.ledger.unseal(kept[0], kept[2]) is not None, "what may exist stays readable"
    assert check(crew.firm).findings == ()


def test_no_certificate_while_one_of_fifty_objects_is_unknown(crew: Crew, tmp_path: Path) -> None:
    """The same in the vault: one object was swapped for another one, and is left alone."""
    with crew.open() as site:
        records = site.ripe_in_vault(tmp_path / "合同", 25)
        items = copies_of(site.ledger, records)
        assert len(items) == 50
        objects = [i for i in items if place_of(site.ledger, i).object]
        odd = objects[11]
        path = Path(os.fsdecode(place_of(site.ledger, odd).path))
        case = site.approved(items)
        path.write_bytes("不是那一件".encode())
        done = outcomes(site.execute(case))
        assert done[odd] == ("unknown", "changed_since_recorded")
        assert min(set(done.values())) == ("destroyed", "removed")
        read = results(site.verify(case))
        assert [item for item in items if read[item][0] != "pass"] == [odd]
        said = certificate(site.ledger, case)
        assert said is not None
        assert said["verdict"] == "unknown"
        with pytest.raises(RefusedError, match="I-30 no_certificate_without_pass"):
            site.certify(case)
        site.ledger.act(site.person("chen"), custody.take_off(case, [odd], "不知去向"))
        site.certify(case)
        said = certificate(site.ledger, case)
        assert said is not None
        assert (said["verdict"], said["counts"]["taken_off"]) == ("partial", 1)
    report = check(crew.firm)
    assert {finding.code for finding in report.findings} <= {"object_damaged", "object_missing"}

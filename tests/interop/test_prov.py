"""`prov.json`, read back by the `prov` package."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from domain.codes import ENUMERATIONS
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.interop.naming import parties, people
from ledger.interop.prov import prov_document
from tests.interop.exports import Exports


@pytest.fixture
def exports(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> Exports:
    return Exports(ledger, admin, second_person, tmp_path)


def test_the_prov_package_reads_every_record_back(exports: Exports) -> None:
    model = pytest.importorskip("prov.model", reason="NOT CHECKED: prov is not installed")
    document = model.ProvDocument.deserialize(content=exports.data("prov.json"), format="json")
    told = exports.told
    assert len(list(document.get_records(model.ProvActivity))) == len(told.places)
    assert len(list(document.get_records(model.ProvGeneration))) == len(told.places)
    agents = {str(record.identifier) for record in document.get_records(model.ProvAgent)}
    assert agents == {f"l:{one}" for one in (*people(told), *parties(told))}
    versions = {str(record.identifier) for record in document.get_records(model.ProvEntity)}
    assert {f"l:{place.id}" for place in told.places} <= versions
    again = model.ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    assert again == document


def test_people_act_on_behalf_of_their_firms(exports: Exports, admin: Acting) -> None:
    said = json.loads(exports.data("prov.json"))
    delegations = {
        (row["prov:delegate"], row["prov:responsible"]) for row in said["actedOnBehalfOf"].values()
    }
    assert (f"l:{admin.actor}", f"l:{admin.state.party}") in delegations


def test_everybody_who_signed_is_associated_in_a_role(exports: Exports) -> None:
    said = json.loads(exports.data("prov.json"))
    rows = said["wasAssociatedWith"].values()
    signed = sum(bool(s.actor) for place in exports.told.places for s in place.signers)
    assert len(rows) == signed
    roles = {row["prov:role"]["$"].removeprefix("muniment:") for row in rows}
    assert roles <= {*ENUMERATIONS["Role"].codes, "possession"}


def test_a_version_is_derived_from_the_one_before(exports: Exports) -> None:
    said = json.loads(exports.data("prov.json"))
    for row in said["wasDerivedFrom"].values():
        stream, _, number = row["prov:generatedEntity"].rpartition("/")
        assert row["prov:usedEntity"] == f"{stream}/{int(number) - 1}"


def test_an_activity_lasts_from_what_is_claimed_to_what_was_accepted(exports: Exports) -> None:
    activities = json.loads(exports.data("prov.json"))["activity"]
    for place in exports.told.places:
        activity = activities[f"a:{place.id}"]
        assert activity["prov:endTime"] == place.accepted
        if place.event is not None:
            assert activity["muniment:at"] == place.event.at
            assert activity.get("prov:startTime") == place.event.at


def test_a_claim_after_the_acceptance_is_no_activity_that_runs_backwards(exports: Exports) -> None:
    place = exports.told.own[0]
    early = msgspec.structs.replace(place, accepted="2020-01-01T00:00:00.000Z")
    said = prov_document(msgspec.structs.replace(exports.told, places=(early,)))
    activity = said["activity"][f"a:{place.id}"]
    assert activity["prov:endTime"] == "2020-01-01T00:00:00.000Z"
    assert "prov:startTime" not in activity


def test_what_is_withheld_has_a_reason_and_no_time_of_its_own(exports: Exports) -> None:
    said = json.loads(exports.data("prov.json"))
    activity = said["activity"][f"a:{exports.case.withheld}"]
    assert activity["muniment:withheld"] == "trade_secret"
    assert "prov:startTime" not in activity
    assert "muniment:sha256" not in said["entity"][f"l:{exports.case.withheld}"]

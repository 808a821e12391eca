"""`case.jsonld`, judged by CASE's own validator and read back by rdflib."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.acting import Acting
from ledger.application import Ledger
from ledger.interop.naming import SPACE
from tests.interop.exports import Exports
from tests.ledger.reports import HOSTILE

CASE = "https://ontology.caseontology.org/case/investigation/"
ACTION = "https://ontology.unifiedcyberontology.org/uco/action/"
CORE = "https://ontology.unifiedcyberontology.org/uco/core/"
TYPES = "https://ontology.unifiedcyberontology.org/uco/types/"


@pytest.fixture
def exports(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> Exports:
    return Exports(ledger, admin, second_person, tmp_path)


def test_the_validator_of_case_accepts_it(exports: Exports) -> None:
    program = shutil.which("case_validate", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("NOT CHECKED: case_validate (case-utils) is not installed")
    run = subprocess.run(
        [program, exports.file("case.jsonld")], capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "Conforms: True" in run.stdout


def test_the_validator_refuses_it_when_it_is_wrong(exports: Exports) -> None:
    program = shutil.which("case_validate", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("NOT CHECKED: case_validate (case-utils) is not installed")
    wrong = exports.file("case.jsonld")
    text = wrong.read_text(encoding="utf-8").replace("uco-action:performer", "uco-action:performed")
    wrong.write_text(text, encoding="utf-8")
    run = subprocess.run([program, wrong], capture_output=True, check=False, timeout=300)
    assert run.returncode != 0


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph:DeprecationWarning")  # rdflib's own
def test_every_event_is_an_action_and_an_exhibit(exports: Exports) -> None:
    rdflib = pytest.importorskip("rdflib", reason="NOT CHECKED: rdflib is not installed")
    graph = rdflib.Graph()
    graph.parse(data=exports.data("case.jsonld"), format="json-ld")
    told = exports.told
    actions = set(graph.subjects(rdflib.RDF.type, rdflib.URIRef(CASE + "InvestigativeAction")))
    exhibits = set(map(str, graph.objects(None, rdflib.URIRef(CASE + "exhibitNumber"))))
    assert len(actions) == len(told.places)
    assert exhibits == {place.id for place in told.places}
    digests = {
        str(value).lower() for value in graph.objects(None, rdflib.URIRef(TYPES + "hashValue"))
    }
    assert digests == {p.digest for p in told.places if p.digest} | {
        one.sha256 for one in told.attachments
    }  # fmt: skip
    chained = list(graph.subject_objects(rdflib.URIRef(CASE + "wasInformedBy")))
    assert len(chained) == len(told.places) - len({place.stream for place in told.places})
    for later, earlier in chained:
        assert later in actions
        assert earlier in actions


def test_what_is_withheld_is_there_as_withheld(exports: Exports) -> None:
    graph = json.loads(exports.data("case.jsonld"))["@graph"]
    (withheld,) = [node for node in graph if "muniment:withheldReason" in node]
    assert withheld["muniment:withheldReason"] == "trade_secret"
    assert withheld["uco-core:name"] == "withheld"
    assert "uco-action:performer" not in withheld
    assert "uco-action:startTime" not in withheld
    (place,) = [place for place in exports.told.places if place.event is None]
    assert withheld["muniment:leafHash"] == place.leaf


def test_nothing_is_coined_in_other_peoples_namespaces(exports: Exports) -> None:
    said = json.loads(exports.data("case.jsonld"))
    assert said["@context"]["muniment"] == SPACE
    assert SPACE.startswith("urn:muniment:")
    assert said["@context"]["kb"].startswith("urn:muniment:")


def test_the_interval_stands_beside_the_claimed_time(exports: Exports) -> None:
    graph = json.loads(exports.data("case.jsonld"))["@graph"]
    after = {node["muniment:notAfter"]["@value"] for node in graph if "muniment:notAfter" in node}
    assert after == {place.not_after for place in exports.told.places if place.not_after}


def test_people_stand_under_their_ids_unless_opened(exports: Exports) -> None:
    text = exports.data("case.jsonld").decode("ascii")
    assert json.dumps("王管理")[1:-1] in text  # opened
    assert json.dumps("李审核")[1:-1] not in text
    assert json.dumps(HOSTILE)[1:-1] not in text


def test_the_same_bundle_gives_the_same_files(exports: Exports) -> None:
    for path, data in exports.again().items():
        assert exports.case.bundle.files[path] == data, path

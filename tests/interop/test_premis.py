"""`premis.xml`, by the structure of PREMIS 3: no copy of its schema with a licence is at hand."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from domain import TOPICS
from ledger.acting import Acting
from ledger.application import Ledger
from ledger.interop.premis import EVENT_TYPES, NAMESPACE, premis_document
from tests.interop.exports import Exports
from tests.ledger.reports import HOSTILE

P = f"{{{NAMESPACE}}}"
ORDER = {
    "object": ("objectIdentifier", "objectCharacteristics", "linkingEventIdentifier"),
    "event": (
        "eventIdentifier", "eventType", "eventDateTime", "eventDetailInformation",
        "linkingAgentIdentifier", "linkingObjectIdentifier",
    ),
    "agent": ("agentIdentifier", "agentName", "agentType", "agentVersion"),
}  # fmt: skip
"""The members of each element in the order in which PREMIS 3.0 has them."""
REQUIRED = {
    "object": {"objectIdentifier"}, "event": set(ORDER["event"][:3]), "agent": {"agentIdentifier"},
}  # fmt: skip


@pytest.fixture
def exports(ledger: Ledger, admin: Acting, second_person: Acting, tmp_path: Path) -> Exports:
    return Exports(ledger, admin, second_person, tmp_path)


def root_of(exports: Exports) -> ET.Element:
    return ET.fromstring(exports.data("premis.xml"))


def values(root: ET.Element, kind: str) -> list[str | None]:
    path = f"{P}{kind}/{P}{kind}Identifier/{P}{kind}IdentifierValue"
    return [found.text for found in root.findall(path)]


def test_it_has_the_structure_of_premis_3(exports: Exports) -> None:
    root = root_of(exports)
    assert root.tag == f"{P}premis"
    assert root.get("version") == "3.0"
    kinds = [child.tag.removeprefix(P) for child in root]
    assert kinds == sorted(kinds, key=["object", "event", "agent"].index)
    for child in root:
        kind = child.tag.removeprefix(P)
        members = [member.tag.removeprefix(P) for member in child]
        assert members == sorted(members, key=ORDER[kind].index)
        assert REQUIRED[kind] <= set(members)


def test_every_event_is_there_once(exports: Exports) -> None:
    root = root_of(exports)
    assert values(root, "event") == [place.id for place in exports.told.places]
    assert len(set(values(root, "object"))) == len(values(root, "object"))
    files = [e for e in root.findall(f"{P}object") if e.find(f"{P}objectCharacteristics")]
    assert len(files) == len(exports.told.attachments)
    for file, one in zip(files, exports.told.attachments, strict=True):
        digest = file.find(f"{P}objectCharacteristics/{P}fixity/{P}messageDigest")
        assert digest is not None
        assert digest.text == one.sha256


def test_types_are_terms_of_the_vocabulary_or_our_topics(exports: Exports) -> None:
    assert set(EVENT_TYPES) <= set(TOPICS)
    root = root_of(exports)
    types = root.findall(f"{P}event/{P}eventType")
    by_event = dict(zip(values(root, "event"), types, strict=True))
    collected = by_event[f"{exports.case.record}/1"]
    assert (collected.text, collected.get("authority")) == ("ingestion", "eventType")
    withheld = by_event[exports.case.withheld]
    assert (withheld.text, withheld.get("authority")) == ("withheld", "muniment")


def test_what_is_withheld_says_why_and_nothing_else(exports: Exports) -> None:
    root = root_of(exports)
    (event,) = [
        event for event in root.findall(f"{P}event")
        if event.findtext(f"{P}eventIdentifier/{P}eventIdentifierValue") == exports.case.withheld
    ]  # fmt: skip
    detail = event.findtext(f"{P}eventDetailInformation/{P}eventDetail") or ""
    assert "withheld: trade_secret" in detail
    assert "claimed at" not in detail
    assert "sha256" not in detail


def test_a_name_that_no_xml_can_hold_is_written_so_that_it_can(exports: Exports) -> None:
    told = exports.told
    places = [
        msgspec.structs.replace(place, opened={"name": HOSTILE}) if place.opened else place
        for place in told.places
    ]
    data = premis_document(msgspec.structs.replace(told, places=tuple(places)))
    names = [name.text or "" for name in ET.fromstring(data).findall(f"{P}agent/{P}agentName")]
    assert any("<script>" in name and "\\u0007" in name for name in names)


def test_everybody_linked_is_told_of(exports: Exports) -> None:
    root = root_of(exports)
    agents = {*values(root, "agent"), exports.told.origin}
    path = f"{P}event/{P}linkingAgentIdentifier/{P}linkingAgentIdentifierValue"
    linked = {found.text for found in root.findall(path)}
    assert linked <= agents

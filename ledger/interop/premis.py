"""PREMIS 3: objects, events and agents, for archives.

Every stream that an event is about is an intellectual entity, every attachment a file with its
fixity; every event of the bundle is a PREMIS event, dated when it was accepted, with the claimed
time in its detail; people, firms and this program are agents. The type of an event is a term of the
Library of Congress's vocabulary where one fits (`EVENT_TYPES`), else our topic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.etree import ElementTree as ET

from ledger import VERSION
from ledger.interop.naming import SPACE, named_in, opened_names, parties, people
from ledger.told import Place, Told

NAMESPACE: Final = "http://www.loc.gov/premis/v3"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_VOCABULARY: Final = "http://id.loc.gov/vocabulary/preservation/eventType"
_TYPE: Final = "muniment"
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML can hold (XML 1.0, 2.2); they are written as their numbers."""

EVENT_TYPES: Final[Mapping[str, str]] = {
    "record.collected": "ingestion",
    "record.corrected": "metadata modification",
    "record.verified": "quality review",
    "record.classified": "policy assignment",
    "record.reclassified": "policy assignment",
    "record.retention_assigned": "policy assignment",
    "record.archived": "accession",
    "record.digitized": "imaging",
    "record.anonymized": "redaction",
    "record.accessed": "dissemination",
    "holding.created": "registration",
    "holding.moved": "transfer",
    "holding.returned": "transfer",
    "backup.created": "replication",
    "backup.verified": "fixity check",
    "backup.stored_offsite": "transfer",
    "backup.restored": "recovery",
    "backup.restore_drill_performed": "recovery",
    "backup.expired": "deletion",
    "handover.list_frozen": "information package creation",
    "handover.released": "dissemination",
    "handover.received": "ingestion",
    "handover.inspected": "validation",
    "handover.confirmed": "transfer",
    "destruction_case.destruction_executed": "deletion",
    "destruction_case.destruction_verified": "validation",
    "bundle.exported": "dissemination",
}
"""The vocabulary's term for a topic."""


def premis_document(told: Told) -> bytes:
    """The XML, UTF-8."""
    root = ET.Element("premis", {
        "xmlns": NAMESPACE, "xmlns:xsi": _XSI, "version": "3.0",
        "xsi:schemaLocation": f"{NAMESPACE} {NAMESPACE}/premis.xsd",
    })  # fmt: skip
    names = opened_names(told)
    for stream in dict.fromkeys(place.stream for place in told.places):
        _identified(_under(root, "object", {"xsi:type": "intellectualEntity"}), "object", stream)
    _files(root, told)
    for place in told.places:
        _event(root, place)
    for actor in people(told):
        _agent(root, actor, names.get(actor, actor), "person or system")
    for party in parties(told):
        _agent(root, party, names.get(party, party), "organization")
    _agent(root, f"muniment/{VERSION}", "Muniment", "software", VERSION)
    ET.indent(root, " ")
    data: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return data + b"\n"


def _under(parent: ET.Element, name: str, attributes: Mapping[str, str] = {}) -> ET.Element:
    return ET.SubElement(parent, name, dict(attributes))


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    _under(parent, name, attributes).text = _NOT_XML.sub(lambda c: f"\\u{ord(c[0]):04x}", text)


def _identified(parent: ET.Element, what: str, value: str) -> None:
    identifier = _under(parent, f"{what}Identifier")
    _text(identifier, f"{what}IdentifierType", _TYPE)
    _text(identifier, f"{what}IdentifierValue", value)


def _files(root: ET.Element, told: Told) -> None:
    for one in told.attachments:
        file = _under(root, "object", {"xsi:type": "file"})
        _identified(file, "object", one.file)
        about = _under(file, "objectCharacteristics")
        fixity = _under(about, "fixity")
        _text(fixity, "messageDigestAlgorithm", "SHA-256")
        _text(fixity, "messageDigest", one.sha256)
        _text(about, "size", str(one.size))
        designation = _under(_under(about, "format"), "formatDesignation")
        _text(designation, "formatName", one.file.rpartition(".")[2] if one.kind != "sealed" else
              "encrypted")  # fmt: skip
        _linked(file, "Event", one.event)


def _event(root: ET.Element, place: Place) -> None:
    event = _under(root, "event")
    _identified(event, "event", place.id)
    term = EVENT_TYPES.get(place.topic)
    if term is not None:
        _text(event, "eventType", term, authority="eventType", authorityURI=_VOCABULARY)
    else:
        _text(event, "eventType", place.topic or "withheld", authority="muniment",
              authorityURI=SPACE)  # fmt: skip
    _text(event, "eventDateTime", place.accepted)
    detail = _under(event, "eventDetailInformation")
    _text(detail, "eventDetail", _detail(place))
    for signer in place.signers:
        _linked(event, "Agent", signer.actor or signer.name, signer.capacity)
    for stream in (place.stream, *named_in(place)):
        _linked(event, "Object", stream)


def _detail(place: Place) -> str:
    parts = [f"entry {place.entry}", f"index {place.index}", f"leaf {place.leaf}"]
    if place.event is None:
        return "; ".join([*parts, f"withheld: {place.reason}"])
    parts += [f"topic {place.topic}", f"claimed at {place.event.at}", f"sha256 {place.digest}"]
    parts += [f"not before {place.not_before}"] if place.not_before else []
    parts += [f"not after {place.not_after}"] if place.not_after else []
    return "; ".join(parts)


def _linked(parent: ET.Element, what: str, value: str, role: str = "") -> None:
    linking = _under(parent, f"linking{what}Identifier")
    _text(linking, f"linking{what}IdentifierType", _TYPE)
    _text(linking, f"linking{what}IdentifierValue", value)
    if role:
        _text(linking, f"linking{what}Role", role)


def _agent(root: ET.Element, identity: str, name: str, kind: str, version: str = "") -> None:
    agent = _under(root, "agent")
    _identified(agent, "agent", identity)
    _text(agent, "agentName", name)
    _text(agent, "agentType", kind)
    if version:
        _text(agent, "agentVersion", version)

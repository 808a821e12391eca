"""CASE/UCO: the events of a bundle as investigative actions with records of provenance (JSON-LD).

An event is an `InvestigativeAction` (performer: who says so; participants: who else signed;
instrument: this program; object: what it is about; result: its provenance record) and a
`ProvenanceRecord` whose exhibit number is the event's id, whose root exhibit number is the first
event of the same stream, and whose object is the event's bytes with their SHA-256. People are
identities, firms organisations, named by their ids. Attachments are files with their digests. Our
own terms (`muniment:`) say the entry, the leaf hash, the reason why an event is withheld and its
provable interval; nothing of CASE or UCO is coined. `case_validate` accepts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ledger import VERSION
from ledger.interop.naming import SPACE, opened_names, parties, people, uuid_of
from ledger.labels import TOPICS
from ledger.told import Place, Told

Node = dict[str, Any]
_UCO: Final = "https://ontology.unifiedcyberontology.org/uco"
_CONTEXT: Final = {
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    "uco-action": f"{_UCO}/action/",
    "uco-core": f"{_UCO}/core/",
    "uco-identity": f"{_UCO}/identity/",
    "uco-observable": f"{_UCO}/observable/",
    "uco-tool": f"{_UCO}/tool/",
    "uco-types": f"{_UCO}/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "muniment": SPACE,
}


def case_graph(told: Told) -> Node:
    """The graph, to be written as JSON."""
    return {
        "@context": {**_CONTEXT, "kb": f"urn:muniment:{told.origin}:"},
        "@graph": list(_Graph(told).nodes()),
    }


class _Graph:
    """The nodes of one bundle, each told once."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._names = opened_names(told)
        self._tool = self._id("tool", f"muniment/{VERSION}")
        self._last: dict[str, str] = {}
        self._first: dict[str, str] = {}

    def nodes(self) -> Iterator[Node]:
        """Every node, in the order of the bundle."""
        told = self._told
        yield self._investigation()
        yield {
            "@id": self._tool, "@type": "uco-tool:Tool", "uco-core:name": "Muniment",
            "uco-tool:version": VERSION,
        }  # fmt: skip
        for kind, ids in (("Organization", parties(told)), ("Identity", list(people(told)))):
            for identity in ids:
                yield {
                    "@id": self._thing(identity), "@type": f"uco-identity:{kind}",
                    "uco-core:name": self._names.get(identity, identity),
                }  # fmt: skip
        for stream in self._things():
            yield {
                "@id": self._thing(stream),
                "@type": "uco-core:UcoObject",
                "uco-core:name": stream,
            }
        for place in told.places:
            yield from self._event(place)
        yield from self._attachments()

    def _id(self, kind: str, name: str) -> str:
        return f"kb:{kind}-{uuid_of(self._told.origin, f'{kind}:{name}')}"

    def _thing(self, identity: str) -> str:
        """The node of a thing, a person or a firm: CASE knows no UUID of version 7."""
        return self._id(identity.partition("-")[0], identity)

    def _things(self) -> list[str]:
        """The streams that events are about, but people and firms."""
        streams = dict.fromkeys(place.stream for place in self._told.places)
        return [one for one in streams if not one.startswith(("actor-", "party-"))]

    def _investigation(self) -> Node:
        told = self._told
        records = [{"@id": self._id("provenance", place.id)} for place in told.own]
        return {
            "@id": self._id("investigation", told.bundle),
            "@type": "case-investigation:Investigation",
            "uco-core:name": told.bundle,
            "uco-core:description": f"Evidence of custody: {told.kind} {told.object}".rstrip(),
            "case-investigation:investigationForm": "case",
            "case-investigation:investigationStatus": "open",
            **({"uco-core:object": records} if records else {}),
            "muniment:origin": told.origin, "muniment:checkpointSize": told.head.size,
            "muniment:checkpointRoot": told.head.root,
        }  # fmt: skip

    def _event(self, place: Place) -> Iterator[Node]:
        action, record = self._id("action", place.id), self._id("provenance", place.id)
        data = self._id("event", place.id)
        yield {**self._action(place), "@id": action, "uco-action:result": [{"@id": record}]}
        self._first.setdefault(place.stream, place.id)
        yield {
            "@id": record, "@type": "case-investigation:ProvenanceRecord",
            "case-investigation:exhibitNumber": place.id,
            "case-investigation:rootExhibitNumber": self._first[place.stream],
            "uco-core:object": [{"@id": data}, {"@id": self._thing(place.stream)}],
        }  # fmt: skip
        size = None if place.event is None else len(self._told.raw(place.id))
        yield self._data(data, place.id, place.digest, size)
        self._last[place.stream] = action

    def _action(self, place: Place) -> Node:
        """The act; of one that is withheld only that it is there, who signed, and why."""
        others = sorted({s.actor for s in place.signers if s.actor})
        node: Node = {
            "@type": "case-investigation:InvestigativeAction",
            "uco-action:instrument": [{"@id": self._tool}],
            "uco-action:object": [{"@id": self._thing(place.stream)}],
            "muniment:entry": place.entry, "muniment:index": place.index,
            "muniment:accepted": _time(place.accepted), "muniment:leafHash": place.leaf,
        }  # fmt: skip
        if place.event is None:
            node |= {"uco-core:name": "withheld", "muniment:withheldReason": place.reason}
        else:
            label = TOPICS.get(place.topic, (place.topic, place.topic))
            node |= {
                "uco-core:name": place.topic, "uco-core:description": " ".join(label),
                "uco-action:startTime": _time(place.event.at),
                "uco-action:performer": {"@id": self._thing(place.event.by)},
                "muniment:role": place.event.role,
            }  # fmt: skip
            others = [actor for actor in others if actor != place.event.by]
        if others:
            node["uco-action:participant"] = [{"@id": self._thing(actor)} for actor in others]
        if place.stream in self._last:
            node["case-investigation:wasInformedBy"] = [{"@id": self._last[place.stream]}]
        for name, value in (("notBefore", place.not_before), ("notAfter", place.not_after)):
            if value:
                node[f"muniment:{name}"] = _time(value)
        return node

    def _attachments(self) -> Iterator[Node]:
        for one in self._told.attachments:
            node = self._data(self._id("file", one.file), one.file, one.sha256, one.size)
            yield {
                **node, "@type": "uco-observable:File", "muniment:attachedTo": one.event,
                "muniment:attachedAs": one.kind,
                **({"muniment:withheldReason": one.reason} if one.reason else {}),
            }  # fmt: skip

    def _data(self, identity: str, name: str, digest: str, size: int | None) -> Node:
        """Bytes with a digest; of what is withheld without."""
        node: Node = {
            "@id": identity, "@type": "uco-observable:ObservableObject", "uco-core:name": name,
        }  # fmt: skip
        if digest:
            value = {"@type": "xsd:hexBinary", "@value": digest.upper()}
            node["uco-core:hasFacet"] = [{
                "@id": self._id("content", name), "@type": "uco-observable:ContentDataFacet",
                "uco-observable:sizeInBytes": size,
                "uco-observable:hash": [{
                    "@id": self._id("hash", name), "@type": "uco-types:Hash",
                    "uco-types:hashMethod": "SHA256",
                    "uco-types:hashValue": value,
                }],
            }]  # fmt: skip
        return node


def _time(time: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": time}

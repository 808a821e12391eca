"""Documents that the ledger has issued about what a bundle is about: 销毁证明, 移交清单 and others.

They go along as they were issued, byte for byte, if this program makes them again. But a document
between parties bears names, places and titles, and a bundle shows nothing in clear that was not
asked for and approved (I-32): such a document goes along only if the bundle opens everything in it
that comes from a sealed payload, whatever it looks like. Of a handover list that is the seed of its
lines, too: their salts follow from it, and with a salt a title that is withheld can be guessed. The
text of a letter is made of several payloads, and is opened nowhere: a letter stays. A document that
does not go along is named all the same, with its number and digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.handover import HandoverListFrozen
from ledger.documents.sources import AGGREGATES
from ledger.documents.words import TITLES
from ledger.errors import DataError, KeyAccessError, UsageError
from ledger.told import Told
from projections import documents

if TYPE_CHECKING:
    from ledger.application import Ledger

_FROM_EVENTS: Final = frozenset({
    "basis", "checkpoint", "engagement", "format", "issued_at", "issuer", "kind", "ledger",
    "locale", "nonce", "number", "said", "source", "template", "title",
})  # fmt: skip
"""Members of a twin (`ledger.documents.twin`) that hold nothing of anybody's sealed texts.

`title` is the kind's and `basis` the policy's. The nonce is sealed so that names cannot be guessed
from the digest; a document goes along only with its names opened.
"""
_IDS: Final = frozenset({"actor", "keys", "party", "side"})
"""What else in a twin is not sealed: of signers and parties, which they are."""
_OF_A_LINE: Final = frozenset({
    "basis", "business_area", "bytes", "category", "copy", "customer_type", "encrypted",
    "first_year", "form", "holds", "item", "kept_months", "last_year", "leaf", "level",
    "max_until", "medium", "min_until", "need", "original", "quantity", "record", "relationship",
    "restricted", "rules", "sensitive_kinds", "sensitivity", "seq", "unit",
})  # fmt: skip
"""What the events say of an item on a handover list; all else of a line is sealed."""
_OF_THE_LIST: Final = frozenset({"persons", "salt"})
"""What of a line follows from the fields `persons` and `seed` of the list's own events."""


class Issued(NamedTuple):
    """A document of the ledger. `pdf`: SHA-256 of its pages; `data`: empty if it does not go along.

    `why`: why not: `names_not_opened`, or `not_made_again` by this program or without the keystore.
    """

    number: str
    kind: str
    event: str
    pdf: str
    file: str
    data: bytes
    why: str


def issued_documents(ledger: Ledger, told: Told) -> list[Issued]:
    """The documents that stand about the streams in scope, by number."""
    found = []
    with ledger.engine.connect() as connection:
        for stream in told.streams:
            for kind, aggregate in AGGREGATES.items():
                if stream.startswith(f"{aggregate}-"):
                    found += documents.about(connection, kind, stream)
    standing = [row for row in found if row.superseded_entry is None]
    return [_issued(ledger, row, told) for row in sorted(standing, key=lambda row: row.number)]


def _issued(ledger: Ledger, row: documents.Document, about: Told) -> Issued:
    file = f"data/40_报告/{TITLES[row.kind][0]}-{row.number}.pdf"
    told = Issued(row.number, row.kind, f"{row.document}/1", row.pdf, file, b"", "")
    from ledger.documents.container import attached
    from ledger.documents.issuing import reprint

    try:
        data = reprint(ledger, row.number).data
    except (DataError, KeyAccessError, UsageError):
        return told._replace(why="not_made_again")
    twin = json.loads(attached(data)[0])
    if _all_opened(twin, about):
        return told._replace(data=data)
    return told._replace(why="names_not_opened")


def _all_opened(twin: Mapping[str, Any], told: Told) -> bool:
    """Whether a bundle opens everything sealed that stands in a twin, or that it follows from."""
    shown = {text for place in told.places for text in place.opened.values()}
    if not shown.issuperset(_sealed(twin)):
        return False
    return twin["kind"] != "handover_list" or _lines_opened(twin, told)


def _lines_opened(twin: Mapping[str, Any], told: Told) -> bool:
    """Whether a bundle opens what the lines of a list follow from besides their texts."""
    counted = {
        line["item"]: any(line.get("persons", {}).values()) for line in twin["said"]["items"]
    }
    parts = [
        (place.opened, event)
        for place in told.of("handover.list_frozen")
        if place.stream == twin["source"]["stream"]
        and isinstance(event := place.event, HandoverListFrozen)
        and event.list_version == twin["said"]["list_version"]
    ]
    return (
        any("seed" in opened for opened, _ in parts)
        and {item for _, event in parts for item in event.items} >= counted.keys()
        and all(
            "persons" in opened or not any(counted.get(item) for item in event.items)
            for opened, event in parts
        )
    )


def _sealed(twin: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a twin that come from sealed payloads."""
    for name in twin.keys() - _FROM_EVENTS:
        yield from _texts(twin[name])
    if twin["kind"] == "handover_list":
        for line in twin["said"]["items"]:
            for name in line.keys() - _OF_A_LINE - _OF_THE_LIST:
                yield from _texts(line[name])


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401  any JSON value
    if isinstance(value, dict):
        for name in value.keys() - _IDS:
            yield from _texts(value[name])
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    else:
        yield str(value)

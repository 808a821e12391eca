"""A document against the event that it closes with, without opening anything sealed.

Whoever issues a document signs its digest, and nobody but the ledger's keystore can make it again.
So what the event itself says in clear is compared, offline too: roots, counts, times, codes. And
the lines of a handover list must have the root that both sides have signed, so that a list with
another line in it is no list, whoever issued it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from ledger.documents.sources import CLOSES
from ledger.tlog.merkle import Frontier, leaf_hash

if TYPE_CHECKING:
    from domain.values import Event

_SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    "handover_list": ("root", "lines", "count", "list_version"),
    "handover_confirmation": ("root", "lines", "rejected", "reservations", "effective_at"),
    "transfer_notice": ("recipient", "channel", "count"),
    "access_review": ("period_from", "period_to", "allowed", "denied", "break_glass"),
    "closing_report": ("outcome",),
}
"""Members of `said` that the closing event has under the same name."""
_BATCH: Final = 4096


def contradicts(kind: str, said: object, events: Iterable[Event]) -> bool:
    """Whether a document of a kind says something else than its closing event.

    `events`: of the stream that it is about, up to its source; a kind that shares no member with
    its event is not compared.
    """
    if kind not in _SHARED:
        return False
    closing = [event for event in events if isinstance(event, CLOSES[kind][:1])]
    if not isinstance(said, Mapping) or not closing:
        return True
    told = ((said.get(name), getattr(closing[-1], name)) for name in _SHARED[kind])
    if any(here != there for here, there in told if there is not UNSET):
        return True
    return kind == "handover_list" and not lines_agree(said)


def lines_agree(said: Mapping[str, Any]) -> bool:
    """Whether the lines of a document have the root that it names.

    Of a line that is not whole its hash counts: what is shown of it rests on the issuer's word.
    """
    edge = Frontier()
    try:
        leaves = map(_leaf, said["items"])
        while batch := list(islice(leaves, _BATCH)):
            edge.extend(batch)
        numbered = all(item["seq"] == at for at, item in enumerate(said["items"], 1))
    except (TypeError, ValueError, KeyError):
        return False
    return numbered and edge.size == said.get("count") and edge.root().hex() == said.get("lines")


def _leaf(item: Mapping[str, Any]) -> bytes:
    if "leaf" in item:
        return bytes.fromhex(item["leaf"])
    return leaf_hash(msgspec.json.encode(item, order="sorted"))

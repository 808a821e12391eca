"""What a document says: the body of its twin, made of events as of the one that it closes with.

`said` holds ids, codes, counts, digests and times; any other text that somebody typed in stays out
(`_plain`), whoever makes it. The lines of a handover list see to that themselves. What stands
`beside` it are names and texts that a document between parties must bear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from domain.engagement import EngagementState
from domain.handover import HandoverState
from domain.notice import NoticeState
from domain.privacy import looks_personal
from ledger.documents.handing import deal_at, handover_confirmation, handover_list, typed
from ledger.documents.names import opened
from ledger.documents.reporting import access_review, closing_report, transfer_notice
from ledger.documents.sources import Source, state_at
from ledger.documents.templates import Asked, cited, fill
from ledger.errors import VerificationError
from projections import custody, inventory
from projections.view import id_of, key_of

if TYPE_CHECKING:
    from ledger.application import Ledger

_TEXTS: Final = ("claim", "not_claimed")
"""Members of `said` that are texts of the program, not of a person."""
_SEALED: Final = ("scenario",)
"""Members that a person typed in; they stay sealed, even where they look like codes."""
_MADE: Final = re.compile(
    r"[0-9a-f]{64}|(?:[a-z_]+-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:/[0-9]+)?"
)  # digests and ids, nobody's telephone number even where their digits look like one
_CODE: Final = re.compile(r"[A-Za-z0-9_.:/+=-]{1,128}")


def said_of(ledger: Ledger, kind: str, source: Source) -> dict[str, Any]:
    """What the events up to `source` say, as of its entry: the body of the twin."""
    said = _SAYING[kind](ledger, source)
    items = {"items": said.pop("items")} if kind == "handover_list" else {}
    return {**_plain(said), **items}


def _drill(ledger: Ledger, source: Source) -> dict[str, Any]:
    from ledger.effects.drilling import drill_report

    return drill_report(ledger, source.event)


def _certificate(ledger: Ledger, source: Source) -> dict[str, Any]:
    from ledger.effects.certifying import certificate

    said = certificate(ledger, source.stream, source.entry)
    if said is None:
        raise VerificationError("the case is not in its register", "muniment rebuild --check")
    return said


def _destruction_list(ledger: Ledger, source: Source) -> dict[str, Any]:
    said = _certificate(ledger, source)
    listed = [{**_listed(item), **_kept(ledger, item, source.entry)} for item in said["items"]]
    return {**{name: said[name] for name in _OF_A_LIST}, "items": listed}


_SAYING: Final[Mapping[str, Callable[[Ledger, Source], dict[str, Any]]]] = {
    "destruction_list": _destruction_list,
    "destruction_certificate": _certificate,
    "restore_drill_report": _drill,
    "handover_list": handover_list,
    "handover_confirmation": handover_confirmation,
    "transfer_notice": transfer_notice,
    "access_review": access_review,
    "closing_report": closing_report,
}


def beside(ledger: Ledger, kind: str, source: Source) -> dict[str, Any]:
    """What stands beside `said` in a document between parties: sealed names, places and texts.

    `parties`: firms with their sides; `texts`: what people typed about place and way; `letter`: the
    text of a notice, as it is sent. Empty for a document of one's own house.
    """
    if kind == "transfer_notice":
        return _letter(ledger, source)
    if kind == "closing_report":
        deal = deal_at(ledger, source.stream, source.entry)
        title = _title(ledger, deal)
        parties, basis = _parties(ledger, deal), _basis(ledger, deal)
        return {"parties": parties, "engagement_title": title, "basis": basis}
    if kind in ("handover_list", "handover_confirmation"):
        state = state_at(ledger, source.stream, source.version)
        assert isinstance(state, HandoverState)
        deal = deal_at(ledger, state.engagement, source.entry)
        texts = typed(ledger, source)
        title = _title(ledger, deal)
        return {
            "parties": _parties(ledger, deal), "engagement_title": title, "texts": texts or None,
            "basis": _basis(ledger, deal),
        }  # fmt: skip
    return {}


def _title(ledger: Ledger, deal: EngagementState) -> str | None:
    """What a deal is called, unless it is called after somebody."""
    title = opened(ledger, deal.stream).get("title")
    return None if title is None or looks_personal(title) else title


def _letter(ledger: Ledger, source: Source) -> dict[str, Any]:
    state = state_at(ledger, source.stream, source.version)
    assert isinstance(state, NoticeState)
    first = state.first
    asked = Asked(first.kind, first.engagement, first.recipient)
    filled = fill(ledger, asked, source.entry)
    deal = deal_at(ledger, first.engagement, source.entry)
    return {
        "parties": _parties(ledger, deal),
        "letter": [
            {"title": list(section["title"]), "text": [list(row) for row in section["rows"]]}
            for section in filled.sections
        ],
    }  # fmt: skip


def _parties(ledger: Ledger, deal: EngagementState) -> list[dict[str, Any]]:
    found = []
    for side in ("seller", "buyer", "broker"):
        if party := getattr(deal, side):
            known = opened(ledger, party)
            found.append({
                "party": party, "side": side, "name": known.get("name"),
                "identifier": known.get("identifier"),
            })  # fmt: skip
    return found


def _basis(ledger: Ledger, deal: EngagementState) -> list[str]:
    """What the adopted pack cites for the deal's mode."""
    law = ledger.policy().transfer.get(deal.mode)  # type: ignore[call-overload]
    return cited(ledger, law) if law else []


_OF_A_LIST: Final = (
    "case", "ground", "method", "technique", "root", "count", "appraisal", "proposed", "appraised",
    "approved",
)  # fmt: skip


def _listed(item: Mapping[str, Any]) -> dict[str, Any]:
    """What a list says of a copy; what became of it is not the list's."""
    return {name: value for name, value in item.items() if name not in _OUTCOMES}


_OUTCOMES: Final = ("outcome", "verified", "taken_off")


def _kept(ledger: Ledger, item: Mapping[str, Any], entry: int) -> dict[str, Any]:
    """What a list says besides of what is in a copy: category, and until when it is kept.

    Of one record; of several only how many there are.
    """
    with ledger.engine.connect() as connection:
        records = custody.records_of(connection, key_of(item["holding"]))
        if len(records) != 1:
            return {"records": len(records)}
        record = id_of("record", records[0])
        row = inventory.one(connection, record, entry=entry)
    kept = {"category": row.category, "min_until": row.min_until} if row is not None else {}
    return {"record": record, **kept}


def _plain(value: Any, name: str = "") -> Any:  # noqa: ANN401  any JSON value
    """A value without texts that somebody may have typed in, and without what is not there."""
    if name in _TEXTS:
        return value
    if isinstance(value, dict):
        kept = {key: _plain(part, key) for key, part in value.items() if key not in _SEALED}
        return {key: part for key, part in kept.items() if part is not None}
    if isinstance(value, list | tuple):
        return [part for part in map(_plain, value) if part not in (None, {})]
    if isinstance(value, str):
        fits = _CODE.fullmatch(value) and not looks_personal(value)
        return value if fits or _MADE.fullmatch(value) else None
    return value

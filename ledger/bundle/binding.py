"""身份与授权: whose keys signed, how each is bound to a person and a firm, and by which papers.

Made of what the bundle ships: registrations, agreements of the parties on keys, and the papers
attached to those deals. A paper's content is sealed; whoever shows it attaches it to the event here
(`muniment evidence request --attach EVENT=FILE`), and then everybody sees that it is the one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import UNSET

from domain.actor import ActorRegistered
from domain.agreements import EvidenceAgreementSigned, NdaSigned
from domain.attached import DocumentAttached
from ledger.bundle.chain import Section, legend, pair, table, texts, where
from ledger.bundle.eventwords import Words
from ledger.bundle.gathering import PAPERS
from ledger.bundle.page import Page
from ledger.bundle.saying import Names, both
from ledger.bundle.wording import say
from ledger.documents.cells import Cell, Line
from ledger.documents.layout import column
from ledger.told import Place, Told

BINDING: Final = ("身份与授权", "Identity and Authority")


def identity_binding(told: Told) -> Page:
    """身份与授权: the people who signed, their keys, and the papers that bind them."""
    names = Names(told)
    papers = list(_papers(told, names))
    notes = [say("binding.reading"), *([] if papers else [say("binding.none")])]
    sections = [
        texts(("阅读说明", "How to read this"), notes), *_people(told, names), *_shown(papers),
        legend(names),
    ]  # fmt: skip
    return Page(BINDING, sections, flipped=True)


def _people(told: Told, names: Names) -> list[Section]:
    columns = [
        column("人员", "Person"),
        column("单位", "Party"),
        column("身份（角色）", "Roles"),
        column("签名密钥与有效条目", "Keys that sign, entries", "64mm"),
        column("登记与约定", "Registered, agreed"),
    ]
    registered = {p.stream: p for p in told.places if isinstance(p.event, ActorRegistered)}
    rows = [_person(told, row, registered, names) for row in told.people]
    return [table(("人员与密钥", "People and keys"), columns, rows)] if rows else []


def _person(
    told: Told, row: Mapping[str, Any], registered: Mapping[str, Place], names: Names
) -> list[Cell]:
    actor = row["actor"]
    keys = [key for key in told.keys if (key["holder"], key["purpose"]) == (actor, "act")]
    place = registered.get(actor)
    bound: list[Line] = where(place, names) if place is not None else []
    for event in row["agreements"]:
        agreed = told.place(event)
        bound += where(agreed, names) if agreed is not None else []
    return [
        pair(names.of(actor)), pair(names.of(row["party"])),
        [("both", *both("Role", role)) for role in row["roles"]],
        [line for key in keys for line in _key(key)], bound,
    ]  # fmt: skip


def _key(key: Mapping[str, Any]) -> list[Line]:
    until = f" – {key['until']}" if "until" in key else " –"
    return [("mono", f"{key['kind']} {key['id']}"), ("mono", f"{key['since']}{until}")]


def _papers(told: Told, names: Names) -> Iterator[list[Cell]]:
    """Each paper, where it is recorded, by whom it was signed, and whether it goes along."""
    attached = {one.event: one.file for one in told.attachments}
    said = {
        p.event.document: p for p in told.places
        if isinstance(p.event, EvidenceAgreementSigned | NdaSigned)
    }  # fmt: skip
    for place in told.places:
        event = place.event
        if not isinstance(event, DocumentAttached) or event.kind not in PAPERS:
            continue
        dates = [day for day in (event.begins_on, event.ends_on) if day is not UNSET]
        file = attached.get(place.id)
        kept: Words = ("未附，内容密封", "not enclosed; sealed")
        signed = said.get(place.stream)
        yield [
            [("both", *both("DocumentKind", event.kind)), *pair(names.of(place.stream))],
            [line for party in event.parties for line in pair(names.of(party))],
            [("mono", day) for day in dates],
            [("mono", file)] if file else pair(kept),
            where(place, names) + (where(signed, names) if signed is not None else []),
        ]  # fmt: skip


def _shown(papers: list[list[Cell]]) -> list[Section]:
    columns = [
        column("文书", "Paper"),
        column("签署单位", "Signed by"),
        column("起止", "From, to", "30mm"),
        column("是否附在包内", "Enclosed", "40mm"),
        column("出处", "Where"),
    ]
    return [table(("文书", "Papers"), columns, papers)] if papers else []

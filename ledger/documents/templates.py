"""The texts that parties sign on paper: filled from the ledger, Chinese with English under it.

What is made are drafts: they bear no number and prove nothing before they are signed and attached
(`muniment document attach`). Their wording is data: `ledger.documents.wording`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from domain.actor import ActorState
from domain.codes import ENUMERATIONS, label
from domain.engagement import EngagementState
from ledger.documents.cells import Cell, label_of
from ledger.documents.layout import column, table
from ledger.documents.names import called, firm, opened
from ledger.documents.wording import BLANK, paragraphs, text_of
from ledger.documents.words import Words
from ledger.errors import UsageError
from ledger.tree import StoredTree
from projections import inventory, people
from projections.tables import actors
from projections.view import key_of

if TYPE_CHECKING:
    from domain.transfer import Transfer
    from ledger.application import Ledger

KINDS: Final = (
    "evidence_agreement", "nda", "processing_agreement", "authority_letter", "pipia", "art_22",
    "art_23",
)  # fmt: skip
_SIGNING: Final = ("seller_handler", "buyer_handler", "supervisor", "broker", "custodian", "dpo")
_NOT_PERSONAL: Final = (None, "non_personal", "anonymized")
_SIDES: Final[Mapping[str, Words]] = {
    "seller": ("转让方", "Seller"),
    "buyer": ("受让方", "Buyer"),
    "broker": ("居间方", "Broker"),
    "party": ("签署方", "Signing party"),
}


class Asked(NamedTuple):
    """Which text, for which deal; `party`: whom it is about, where that is not the buyer."""

    kind: str
    engagement: str
    party: str | None = None


class Filled(NamedTuple):
    """A text filled in: sections as `ledger.documents.layout` makes them, and who signs.

    `version`: of the text; `size`: ledger entries that it was filled from; `day`: of the last one.
    """

    kind: str
    version: int
    title: Words
    sections: Sequence[Mapping[str, Any]]
    sides: Sequence[tuple[Words, str]]
    engagement: str
    origin: str
    size: int
    at: str

    def plain(self) -> str:
        """As text, for letters and messages; its SHA-256 is what a notice is known by."""
        lines = [*self.title, ""]
        for section in self.sections:
            lines += [" ".join(section["title"]), *map(_line, section["rows"]), ""]
        return "\n".join(lines).rstrip("\n") + "\n"


def _line(row: Sequence[Any]) -> str:
    """A paragraph in both languages, or a row of a table, as text."""
    cells = (part if isinstance(part, str) else _cell(part) for part in row)
    return ("\n" if all(isinstance(part, str) for part in row) else " | ").join(cells)


def _cell(cell: Cell) -> str:
    return " ".join(text for line in cell for text in line[1:] if text)


def fill(ledger: Ledger, asked: Asked, entry: int | None = None) -> Filled:
    """Fill a text from the ledger as it stands, or stood right after `entry`.

    The same ledger gives the same text. Raises `UsageError` for an engagement that is no deal, or a
    party that is not of it.
    """
    text = _text(asked.kind)
    state = ledger.state(asked.engagement)
    if not isinstance(state, EngagementState) or not state.parties:
        raise UsageError("there is no deal of this id", "muniment engagement list")
    if asked.party is not None and asked.party not in state.parties:
        raise UsageError("this party is not of the deal", "muniment engagement show ENGAGEMENT")
    party = asked.party or _about(asked.kind, state)
    with ledger.engine.connect() as connection:
        size = StoredTree(connection).head.entries if entry is None else entry + 1
    deal = _Deal(ledger, state, party, size)
    known = _fillings(deal)
    sections = []
    for clause in text["clause"]:
        rows = paragraphs(clause, known)
        sections.append({"type": "text", "title": tuple(clause["title"]), "rows": rows})
        if name := clause.get("table"):
            sections.append(_TABLES[name](deal))
    signing = [(side, party if side == "party" else getattr(state, side)) for side in text["sides"]]
    return Filled(
        asked.kind, text["version"], tuple(text["title"]),
        [section for section in sections if section["rows"]],
        [(_side(state, side, who), firm(ledger, who)) for side, who in signing if who],
        asked.engagement, ledger.origin, size, deal.at,
    )  # fmt: skip


def draft(ledger: Ledger, asked: Asked) -> bytes:
    """The PDF of a text filled in, to be signed on paper; the same bytes for the same ledger."""
    from ledger.documents.pages import print_text

    filled = fill(ledger, asked)
    digest = sha256(filled.plain().encode("utf-8")).hexdigest()
    return print_text(filled._asdict() | {"digest": digest}, filled.at)


def version_of(kind: str) -> int:
    """The version of a text."""
    return int(_text(kind)["version"])


def _text(kind: str) -> dict[str, Any]:
    if kind not in KINDS:
        raise UsageError("there is no template of this kind", "muniment document template --help")
    return text_of(kind)


def _about(kind: str, state: EngagementState) -> str:
    """Whom a text is about, if nobody says: whoever gets something; whose people are authorised."""
    return state.seller if kind == "authority_letter" else state.buyer


def _side(state: EngagementState, side: str, who: str) -> Words:
    named = ("seller", "buyer", "broker")
    return _SIDES[side if side in named else next(n for n in named if getattr(state, n) == who)]


class _Deal(NamedTuple):
    """A deal and whom a text is about, as the ledger knew them with so many entries."""

    ledger: Ledger
    state: EngagementState
    party: str
    size: int

    @property
    def at(self) -> str:
        """When the last of these entries was accepted."""
        from ledger.facts import LedgerFacts

        with self.ledger.engine.connect() as connection:
            return LedgerFacts(connection).accepted_at(self.size - 1)

    def counts(self) -> list[inventory.Count]:
        """The records by category, sensitivity and state."""
        with self.ledger.engine.connect() as connection:
            return inventory.counts(connection, entry=self.size - 1)


# -- what the ledger knows ----------------------------------------------------------------------


def _fillings(deal: _Deal) -> dict[str, str]:
    ledger, state, party = deal.ledger, deal.state, deal.party
    known = {
        "title": opened(ledger, state.stream).get("title") or BLANK, "engagement": state.stream,
        "origin": ledger.origin, "ledger": ledger.ledger_id,
        "ledger_key": ledger.folder.pinned_key().format(), "size": f"{deal.size:,}",
        "seller": firm(ledger, state.seller), "buyer": firm(ledger, state.buyer),
        "broker": firm(ledger, state.broker) if state.broker else "无 none",
        "party": firm(ledger, party), "recipient": firm(ledger, party),
        "time_source": _choice("AgreedTimeSource"), "extraction": _choice("AgreedExtraction"),
    }  # fmt: skip
    found = {
        count.category for count in deal.counts()
        if count.sensitivity not in _NOT_PERSONAL and count.records
    }  # fmt: skip
    kinds = sorted(found, key=ENUMERATIONS["RecordCategory"].codes.index)
    law = ledger.policy().transfer.get(state.mode)  # type: ignore[call-overload]
    for at, (end, language) in enumerate((("", "zh"), ("_en", "en"))):
        joined = ("、", ", ")[at].join(label("RecordCategory", one, language) for one in kinds)  # type: ignore[arg-type]
        known[f"categories{end}"] = joined or BLANK
        known[f"mode{end}"] = label("TransferMode", state.mode, language)  # type: ignore[arg-type]
        known.update(_law(ledger, law, end, at))
    return known


def _law(ledger: Ledger, law: Transfer | None, end: str, at: int) -> Iterator[tuple[str, str]]:
    """What the pack says of the deal's mode, in one language."""
    if law is None:
        yield from ((f"{name}{end}", BLANK) for name in ("path", "notice", "consent"))
        yield "basis", BLANK
        return
    told = ("不要求", "not asked for") if law.notice == "none" else None
    yield f"path{end}", label("TransferPath", law.path, ("zh", "en")[at])
    yield f"notice{end}", (told or _ARTICLES[law.notice])[at]
    asked = ("要求（或载明豁免依据）", "asked for, or an exemption recorded")
    yield f"consent{end}", (asked if law.consent else ("不要求", "not asked for"))[at]
    yield "basis", "；".join(cited(ledger, law))


def cited(ledger: Ledger, law: Transfer) -> list[str]:
    """The articles that the pack cites for a mode, by statute in the version cited."""
    found: dict[str, list[str]] = {}
    for one in law.basis:
        statute = ledger.policy().statutes[one.statute]
        found.setdefault(f"{statute.zh}（{one.version}）", []).append(one.article)
    return [f"{statute}{'、'.join(articles)}" for statute, articles in found.items()]


_ARTICLES: Final[Mapping[str, Words]] = {
    "art_22": ("第二十二条告知", "article 22"),
    "art_23": ("第二十三条告知", "article 23"),
}


def _choice(enumeration: str) -> str:
    """The codes of an enumeration as boxes to be marked."""
    return "　".join(f"□ {one.zh} {one.en}" for one in ENUMERATIONS[enumeration].values)


def _signers(deal: _Deal) -> dict[str, Any]:
    state = deal.state
    parties = [party for party in (state.seller, state.buyer, state.broker) if party]
    return _people(deal, parties, ("签署人及密钥", "Signers and keys"))


def _persons(deal: _Deal) -> dict[str, Any]:
    return _people(deal, [deal.party], ("受托人", "Persons authorised"))


def _people(deal: _Deal, parties: Sequence[str], title: Words) -> dict[str, Any]:
    """Who may sign for these parties in this deal, in which roles, with which key."""
    columns = [
        column("姓名与职务", "Name, position", "34mm"),
        column("代表", "For", "36mm"),
        column("角色", "Role", "32mm"),
        column("签署密钥", "Signing key"),
    ]
    rows: list[list[Cell]] = []
    for party in parties:
        with deal.ledger.engine.connect() as connection:
            acting = actors.c.party == key_of(party)
            found = [row["actor"] for row in people.listed(connection, actors, acting)]
        rows += [row for actor in found if (row := _signing(deal, actor, party))]
    return {**table(title, columns, rows), "narrow": True}


def _signing(deal: _Deal, actor: str, party: str) -> list[Cell]:
    ledger, known = deal.ledger, deal.ledger.state(actor)
    assert isinstance(known, ActorState)
    key = known.active_key("act")
    roles = [role for role in _SIGNING if known.holds(role, deal.state.stream, deal.at)]
    if key is None or not roles:
        return []
    texts = opened(ledger, actor)
    position = [("zh", texts["position"])] if texts.get("position") else []
    return [
        [("zh", texts.get("name") or BLANK), *position, ("mono", actor)],
        [("zh", called(ledger, party))],
        [line for role in roles for line in label_of("Role", role)],
        [("mono", f"{key.key.id}"), ("mono", key.key.public)],
    ]  # fmt: skip


def _inventory(deal: _Deal) -> dict[str, Any]:
    """What the ledger holds, by category and sensitivity, of records that are still there."""
    sums: dict[tuple[str, str], list[int]] = {}
    for count in deal.counts():
        if count.state not in ("destroyed", "returned"):
            place = sums.setdefault((count.category, count.sensitivity or ""), [0, 0])
            place[0] += count.records
            place[1] += count.items
    columns = [
        column("类别", "Category"),
        column("敏感程度", "Sensitivity", "52mm"),
        column("资料数", "Records", "24mm", right=True),
        column("件数", "Items", "24mm", right=True),
    ]
    order = ENUMERATIONS["RecordCategory"].codes.index
    rows: list[list[Cell]] = [
        [
            label_of("RecordCategory", category),
            label_of("Sensitivity", kind) if kind else [("both", "未分类", "not classified")],
            *([("mono", f"{number:,}")] for number in numbers),
        ]
        for (category, kind), numbers in sorted(
            sums.items(), key=lambda one: (order(one[0][0]), one[0][1])
        )
        if numbers[0]
    ]
    return table(("账本所载资料", "Records in the ledger"), columns, rows)


_TABLES: Final = {"signers": _signers, "persons": _persons, "inventory": _inventory}

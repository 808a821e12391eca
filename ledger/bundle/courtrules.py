"""证据规则对照: what a court asks about electronic data, and what in this very bundle answers it.

After the Supreme People's Court's provisions on evidence in civil procedure (2019 revision): art.
93 (1) to (7), the factors, and art. 94, the routes to a presumption. For each: what the bundle
holds, counted from it, and what it lacks. It is a guide to the material, not a legal opinion.

`证据规则对照.json`: `{"bundle", "rows": [{"rule", "asked", "found": […], "lacks": […]} …]}`, words
as `{"zh", "en"}`; `rule`: `93.1` … `93.7`, `94.1` … `94.5`, `94.last`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from domain.actor import ActorRegistered
from ledger.bundle.chain import pair, table, texts
from ledger.bundle.eventwords import Words
from ledger.bundle.page import Page
from ledger.bundle.wording import say
from ledger.documents.cells import Cell, china
from ledger.documents.layout import column
from ledger.offline.pack import pyz
from ledger.told import LEDGER, Told

TITLE: Final = ("证据规则对照", "What the Rules of Evidence Ask")
_COLUMNS: Final = (
    column("条款", "Rule", "24mm"),
    column("法院审查什么", "What is asked", "38mm"),
    column("本证据包的回答", "What answers it here", "1fr"),
    column("欠缺", "What is missing", "44mm"),
)
_NUMBERS: Final = "一二三四五六七"


class Row(NamedTuple):
    """One thing asked; what answers it, what is missing."""

    rule: str
    found: Sequence[Words]
    lacks: Sequence[Words]

    @property
    def asked(self) -> Words:
        """The factor or the route, in short."""
        return say(f"rules.asked_{self.rule.replace('.', '')}")


class _Figures(NamedTuple):
    """The bundle, and how the ledger has been running (`ledger.bundle.health`)."""

    told: Told
    health: Mapping[str, Any]

    @property
    def cosigned(self) -> list[Words]:
        """Who else signed states of the ledger; nothing if nobody did."""
        names = sorted({line.name for state in self.told.states for line in state.cosigned})
        told = ("、".join(names), ", ".join(names))
        return [say("rules.cosigned", count=len(names), names=told)] if names else []

    def count(self, topic: str) -> int:
        """Events shown with this topic."""
        return len(self.told.of(topic))


def court_rules(told: Told, health: Mapping[str, Any]) -> tuple[Page, dict[str, Any]]:
    """The comparison as a page and as JSON. `health`: as `ledger.bundle.health` gives it."""
    rows = [row(_Figures(told, health)) for row in _ROWS]
    cells = [
        [pair(_cited(row.rule)), pair(row.asked), _listed(row.found), _listed(row.lacks)]
        for row in rows
    ]
    notes = texts(("说明", "Notes"), [say("rules.after"), say("rules.alone")])
    page = Page(TITLE, [notes, table(("对照", "Rule by rule"), _COLUMNS, cells)])
    plain = [
        {
            "rule": row.rule, "asked": _words(row.asked), "found": list(map(_words, row.found)),
            "lacks": list(map(_words, row.lacks)),
        }
        for row in rows
    ]  # fmt: skip
    return page, {"bundle": told.bundle, "rows": plain}


def _cited(rule: str) -> Words:
    """An article and its item, as people cite it.

    >>> _cited("93.4"), _cited("94.last")
    (('第九十三条第（四）项', 'Art. 93 (4)'), ('第九十四条末款', 'Art. 94, last para.'))
    """
    article, _, item = rule.partition(".")
    zh = "第九十三条" if article == "93" else "第九十四条"
    if item == "last":
        return f"{zh}末款", f"Art. {article}, last para."
    return f"{zh}第（{_NUMBERS[int(item) - 1]}）项", f"Art. {article} ({item})"


def _listed(words: Sequence[Words]) -> Cell:
    return [line for one in words for line in pair(one)] or [("both", "无", "none")]


def _words(words: Words) -> dict[str, str]:
    return {"zh": words[0], "en": words[1]}


def _zones(time: str) -> Words:
    return china(time), time


# -- article 93: the factors ----------------------------------------------------------------------


def _environment(at: _Figures) -> Row:
    software = at.health["software"]
    parts = {name: software[name] for name in ("muniment", "python", "sqlite", "system")}
    program = say("rules.program", digest=software["code"][:16])
    return Row("93.1", [say("rules.environment", **parts), program], [say("rules.no_hardware")])


def _running(at: _Figures) -> Row:
    shown, health = at.health["shown"], at.health
    counts = {"late": shown["late"], "back": shown["steps_back"], "lag": shown["lag"]}
    found = [
        say("rules.shown", count=len(at.told.places), **counts),
        say("rules.under_way", count=health["under_way"]),
        *([say("rules.restored")] if health["restored"] else []),
        *([say("rules.continued")] if health["continued"] else []),
    ]
    return Row("93.2", found, [say("rules.no_monitoring")])


def _monitoring(at: _Figures) -> Row:
    kept, digest = at.health["checkpoints"], sha256(pyz()).hexdigest()
    found = [
        say("rules.checkpoints", count=kept["count"], widest=kept["widest"]),
        say("rules.verifier", digest=digest[:16]),
        *at.cosigned,
    ]
    return Row("93.3", found, [] if at.cosigned else [say("rules.no_cosigner")])


def _preserved(at: _Figures) -> Row:
    told, backups = at.told, at.health["backups"]
    proofs = sum(name.startswith(f"{LEDGER}/proofs/") for name in told.files)
    withheld = sum(place.event is None for place in told.places)
    found = [
        say("rules.proofs", count=len(told.places), proofs=proofs),
        say("rules.states", count=len(told.states)),
        say("rules.again"),
    ]
    if backups["count"]:
        verified = _zones(backups["verified"]) if "verified" in backups else ("无", "never")
        found.append(say("rules.backups", count=backups["count"], verified=verified))
    return Row("93.4", found, [say("rules.withheld", count=withheld)] if withheld else [])


def _business(at: _Figures) -> Row:
    ledger, own = at.health["ledger"], at.told.own
    began = datetime.fromisoformat(ledger["began"])
    days = (datetime.fromisoformat(at.told.exported) - began).days
    grown = {name: f"{ledger[name]:,}" for name in ("entries", "events")}
    found = [
        say("rules.began", began=_zones(ledger["began"]), days=max(days, 0)),
        say("rules.grown", **grown),
    ]
    if own:
        first, last = _zones(own[0].accepted), _zones(own[-1].accepted)
        found.append(say("rules.span", first=first, last=last))
    return Row("93.5", found, [say("rules.no_background")])


def _subject(at: _Figures) -> Row:
    people = at.told.people
    registered = (place.event for place in at.told.of("actor.registered"))
    parties = {event.party for event in registered if isinstance(event, ActorRegistered)}
    trained = sum(bool(person["training"]) for person in people)
    agreed = sum(bool(person["agreements"]) for person in people)
    counts = {"people": len(people), "parties": len(parties), "trained": trained}
    found = [say("rules.people", **counts), say("rules.agreed_keys", count=agreed)]
    return Row("93.6", found, [say("rules.no_binding")])


def _other(at: _Figures) -> Row:
    told = at.told
    bounded = sum(bool(place.not_after) for place in told.own)
    compromised = sum(key["condition"] == "compromised" for key in told.keys)
    tokens = [say("rules.tokens", count=len(told.tokens), bounded=bounded)] if told.tokens else []
    found = [*tokens, say("rules.compromised", count=compromised)]
    return Row("93.7", found, [] if told.tokens else [say("rules.no_token")])


# -- article 94: the routes to a presumption ------------------------------------------------------


def _adverse(at: _Figures) -> Row:
    count = at.health["comparisons"]
    found = [say("rules.comparisons", count=count)] if count else []
    return Row("94.1", found, [say("rules.needs_replica")])


def _neutral(at: _Figures) -> Row:
    count = len(at.told.tokens)
    tokens = [say("rules.issued_tokens", count=count)] if count else []
    return Row("94.2", [*at.cosigned, *tokens], [say("rules.neutrality")])


def _normal(at: _Figures) -> Row:
    return Row("94.3", [say("rules.in_use", days=at.health["ledger"]["days"])], [])


def _archived(at: _Figures) -> Row:
    count = at.count("record.archived")
    if not count:
        return Row("94.4", [], [say("rules.not_archived")])
    return Row("94.4", [say("rules.archived", count=count)], [])


def _agreed(at: _Figures) -> Row:
    count = at.count("engagement.evidence_agreement_signed")
    if not count:
        return Row("94.5", [], [say("rules.no_agreement")])
    return Row("94.5", [say("rules.agreements", count=count)], [])


def _notarised(_: _Figures) -> Row:
    return Row("94.last", [], [say("rules.not_notarised")])


_ROWS: Final[tuple[Callable[[_Figures], Row], ...]] = (
    _environment, _running, _monitoring, _preserved, _business, _subject, _other,
    _adverse, _neutral, _normal, _archived, _agreed, _notarised,
)  # fmt: skip

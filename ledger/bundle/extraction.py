"""电子数据提取固定说明: who took the data from where, how, and how it is done again.

`电子数据提取固定说明.json`: `{"bundle", "origin", "rows": [{"code", "name", "said": […]} …]}`,
words as `{"zh", "en"}`. What the program cannot know is said to be unknown and left for the hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from msgspec import UNSET

from domain.bundle import BundleRequested
from ledger.bundle.chain import fields, pair, texts
from ledger.bundle.eventwords import Words
from ledger.bundle.page import Page
from ledger.bundle.saying import Names, both, scope_words
from ledger.bundle.wording import say
from ledger.documents.cells import Line, china
from ledger.offline.bag import manifest
from ledger.told import Place, Told

TITLE: Final = ("电子数据提取固定说明", "Statement of Extraction")
_BOXES: Final = (("提取人", "Taken by"), ("见证人", "Observed by"))
_OPTIONS: Final = {"destruction_case": "destruction"}
"""Kinds whose option has another name (`ledger.cli.evidence_export`)."""
Row = tuple[str, Words, list[Words]]
"""A code, its name, and what is said of it."""


def extraction(told: Told, health: Mapping[str, Any]) -> tuple[Page, dict[str, Any]]:
    """The statement as a page and as JSON. `health`: as `ledger.bundle.health` gives it."""
    names = Names(told)
    rows = [*_who(told, names), *_where(told, health), *_what(told, names), *_state()]
    cells = [(name, [line for words in said for line in _lines(words)]) for _, name, said in rows]
    notes = texts(("说明", "Notes"), [say("extraction.statement")])
    page = Page(TITLE, [notes, fields(("提取经过", "How it was taken"), cells)], _BOXES)
    plain = [
        {"code": code, "name": _words(name), "said": [_words(words) for words in said]}
        for code, name, said in rows
    ]
    return page, {"bundle": told.bundle, "origin": told.origin, "rows": plain}


def _lines(words: Words) -> list[Line]:
    return [("mono", words[0])] if words[0] == words[1] else pair(words)


def _words(words: Words) -> dict[str, str]:
    return {"zh": words[0], "en": words[1]}


def _same(text: str) -> Words:
    return text, text


def _both_zones(time: str) -> Words:
    return f"{china(time)}（UTC+8）", f"{time} (UTC)"


def _who(told: Told, names: Names) -> Iterator[Row]:
    exported = told.place(told.export)
    said, when = [], [say("extraction.when", time=_both_zones(told.exported))]
    if exported is not None and exported.event is not None:
        event = exported.event
        person = say("extraction.person", name=names.of(event.by), role=both("Role", event.role))
        said = [person, _same(event.by)]
        said += [say("extraction.key", key=signer.key_id) for signer in exported.signers]
        when.append(say("extraction.accepted", time=_both_zones(exported.accepted)))
    yield "who", ("提取人", "Who"), said or [say("extraction.unknown")]
    yield "authority", ("权限与批准", "With what authority"), list(_authority(told, names))
    yield "when", ("提取时间", "When"), when


def _authority(told: Told, names: Names) -> Iterator[Words]:
    for place in told.of("bundle.requested"):
        event = place.event
        if isinstance(event, BundleRequested) and place.stream == told.bundle:
            approval = names.of(event.approval) if event.approval else say("extraction.not_needed")
            purpose = both("AccessPurpose", event.purpose or "")
            recipient = both("EvidenceRecipient", event.recipient)
            where = both("Jurisdiction", event.jurisdiction)
            yield say("extraction.requested", who=_signed(place, names))
            yield say("extraction.purpose", purpose=purpose, recipient=recipient)
            yield say("extraction.goes_to", where=where, approval=approval)
    approvals = [place for place in told.of("bundle.approved") if place.stream == told.bundle]
    for place in approvals:
        yield say("extraction.approved", who=_signed(place, names))
    if not approvals:
        yield say("extraction.nobody")


def _signed(place: Place, names: Names) -> Words:
    assert place.event is not None
    time = (china(place.accepted), place.accepted)
    return say("extraction.signed", name=names.of(place.event.by), time=time, event=place.id)


def _where(told: Told, health: Mapping[str, Any]) -> Iterator[Row]:
    ran = health["software"]
    yield "where", ("提取地点", "Where"), [say("extraction.unknown")]
    yield "system", ("被提取系统", "From which system"), [
        say("extraction.ledger", origin=told.origin, ledger=told.ledger),
        _same(f"Muniment {ran['muniment']} · {ran['python']} · SQLite {ran['sqlite']}"),
        _same(f"{ran['system']} · {ran['machine']}"),
        say("extraction.program", digest=ran["code"]),
    ]  # fmt: skip
    yield "network", ("网络状态", "Network"), [say("extraction.network")]
    back = health["shown"]["steps_back"]
    clock = [say("extraction.clock"), say("extraction.steps_back", count=back)]
    yield "clock", ("时钟状态", "Clock"), clock


def _what(told: Told, names: Names) -> Iterator[Row]:
    yield "command", ("执行的操作", "What was run"), [
        say("extraction.export", scope=scope_words(told, names)),
        *_commands(told),
    ]  # fmt: skip
    yield "input", ("提取的对象", "Input"), [
        say("extraction.input", size=told.head.size, root=told.head.root),
        say("extraction.checkpoint", key=told.head.signed_by),
    ]  # fmt: skip
    digest = sha256(manifest(told.files)).hexdigest()
    yield "output", ("提取的结果", "Output"), [
        say("extraction.files", count=len(told.files)),
        say("extraction.digest", digest=digest),
        say("extraction.note"),
    ]  # fmt: skip


def _commands(told: Told) -> Iterator[Words]:
    """The command that recorded the export, as its events have it."""
    exported = told.place(told.export)
    for place in told.of("bundle.requested"):
        event = place.event
        if not isinstance(event, BundleRequested) or place.stream != told.bundle:
            continue
        if exported is None or place.entry != exported.entry:
            yield say("extraction.asked_before")
            yield _same(f"muniment evidence export {told.bundle} --out FILE")
            continue
        asked = {
            **_scope_options(event), "purpose": event.purpose, "recipient": event.recipient,
            "party": event.recipient_party, "jurisdiction": event.jurisdiction,
            "approval": event.approval, "withhold": "…" if event.withheld else "", "out": "FILE",
        }  # fmt: skip
        options = " ".join(f"--{name} {value}" for name, value in asked.items() if value)
        yield say("extraction.at_once")
        yield _same(f"muniment evidence export {options}")


def _scope_options(event: BundleRequested) -> dict[str, str]:
    """The options that name the scope of a request."""
    if event.object is UNSET:
        return {"from": event.begins or "", "until": event.ends or ""}
    return {_OPTIONS.get(event.kind, event.kind): event.object}


def _state() -> Iterator[Row]:
    unknown = say("extraction.unknown")
    yield "observers", ("见证人", "Observers"), [unknown]
    yield "recording", ("录屏及其摘要", "Screen recording"), [unknown]
    original = [say("extraction.read_only"), say("extraction.verified")]
    yield "original", ("原始数据是否完好", "Is the original intact"), original
    again = [say("extraction.again"), say("extraction.later")]
    yield "again", ("如何重复", "How to repeat it"), again

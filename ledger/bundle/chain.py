"""保管链 and 时间线: the events in scope as a chain of custody, and everything shipped by time.

Both say, for each act, what the ledger accepted and when, what the actor claims, who signed as
what, where the event lies, and between which moments it provably happened, by the time-stamps in
the bundle. What is withheld stays in its place, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ledger.bundle.eventwords import Words
from ledger.bundle.page import MANY, Page, loose, plain
from ledger.bundle.saying import (
    Names,
    both,
    details,
    interval,
    opened,
    scope_words,
    title_of,
    who,
)
from ledger.bundle.wording import say
from ledger.documents.cells import Cell, Line, china
from ledger.documents.layout import column
from ledger.told import Cosigned, Place, State, Token, Told

Section = Mapping[str, Any]
CHAIN: Final = ("保管链", "Chain of Custody")
TIMELINE: Final = ("时间线", "Timeline")
_READING: Final = ("阅读说明", "How to read this")
_ONCE: Final = 19
"""So many characters of two times are compared: to the second."""


def custody_chain(told: Told) -> Page:
    """保管链: the events in scope."""
    names = Names(told)
    columns = [
        column("序号", "No.", "10mm", right=True),
        column("时间", "Time", "35mm"),
        column("事项与内容", "What happened", "1fr"),
        column("经办与签名", "Signed by", "32mm"),
        column("出处", "Where", "30mm"),
    ]
    hidden = {event: reason for event, reason, what in told.redactions if what == "fields"}
    rows = [_act(number, place, hidden, names) for number, place in enumerate(told.own, 1)]
    sections = [
        _overview(told, names),
        texts(_READING, [say("chain.reading"), *_bounds(told, rows)]),
        table(("保管链", "The chain"), columns, rows),
        *_withheld(told),
        legend(names),
    ]
    return Page(CHAIN, sections)


def timeline(told: Told) -> Page:
    """时间线: every event shipped, states that others cosigned, and time-stamps."""
    names = Names(told)
    columns = [
        column("受理时间", "Accepted", "32mm"),
        column("事项", "What happened", "1fr"),
        column("关于", "About", "26mm"),
        column("签名人", "Signed by", "30mm"),
        column("可证明", "Provable", "42mm"),
    ]
    rows = [cells for _, _, cells in sorted(_moments(told, names), key=lambda one: one[:2])]
    sections = [
        _overview(told, names),
        texts(_READING, [say("chain.order"), *_bounds(told, rows)]),
        table(("时间线", "The timeline"), columns, rows),
        legend(names),
    ]
    return Page(TIMELINE, sections)


def table(
    title: Words, columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Cell]]
) -> Section:
    """A table; `ledger.bundle.page` decides how a long one is printed."""
    return {"type": "table", "title": title, "columns": columns, "rows": rows, "narrow": True}


def texts(title: Words, rows: Sequence[Words]) -> Section:
    """Paragraphs."""
    return {"type": "text", "title": title, "rows": rows}


def fields(title: Words, rows: Sequence[tuple[Words, Cell]]) -> Section:
    """Names with what stands beside them."""
    return {"type": "fields", "title": title, "rows": rows}


def pair(words: Words) -> list[Line]:
    """Chinese on one line, English on the next."""
    zh, en = (loose(plain(text)) for text in words)
    return [("zh", zh)] if zh == en else [("zh", zh), ("en", en)]


# -- one act --------------------------------------------------------------------------------------


def _act(number: int, place: Place, hidden: Mapping[str, str], names: Names) -> list[Cell]:
    what: list[Line] = [("both", *title_of(place))]
    for words in (details(place, names), opened(place)):
        if words[0]:
            what += pair(words)
    if place.id in hidden:
        zh, en = both("RedactionReason", hidden[place.id])
        what += pair(say("chain.withheld", reason=(zh, en.lower())))
    number_cell: Cell = [("mono", str(number))]
    return [number_cell, when(place), what, _signers(place, names), where(place, names)]


def when(place: Place) -> list[Line]:
    """When an event was accepted, when it is said to have happened, what of that is provable."""
    lines: list[Line] = [("both", "受理", "accepted"), ("mono", china(place.accepted))]
    if place.event is not None and place.event.at[:_ONCE] != place.accepted[:_ONCE]:
        lines += [("both", "自述发生", "claimed"), ("mono", china(place.event.at))]
    if bounds := interval(place):
        lines += [("both", "可证明", "provable"), *pair(bounds)]
    return lines


def _signers(place: Place, names: Names) -> list[Line]:
    return [
        line
        for name, role in who(place, names)
        for line in pair((f"{name[0]}（{role[0]}）", f"{name[1]} ({role[1]})"))
    ]


def where(place: Place, names: Names) -> list[Line]:
    """Where an event stands: its number, the name of its proof, the start of its digest."""
    zh, en = names.of(place.stream)
    version = place.id[len(place.stream) :]
    digest = f"sha256 {place.digest[:12]}" if place.digest else f"leaf {place.leaf[:12]}"
    number = pair((f"{zh}{version}", f"{en}{version}"))
    return [*number, ("mono", f"{place.entry}-{place.index}"), ("mono", digest)]


# -- all of it ------------------------------------------------------------------------------------


def _overview(told: Told, names: Names) -> Section:
    own, head = told.own, told.head
    span = f"{china(own[0].accepted)} – {china(own[-1].accepted)}" if own else "—"
    scope = [*pair(scope_words(told, names)), *([("mono", told.object)] if told.object else [])]
    withheld = sum(place.event is None for place in told.places)
    root: list[Line] = [("both", *say("chain.entries", size=head.size)), ("mono", head.root)]
    rows: list[tuple[Words, Cell]] = [
        (("范围", "Scope"), scope),
        (("账本", "Ledger"), [("mono", told.origin)]),
        (("范围内事件", "Events in scope"), pair(say("chain.in_scope", count=len(own), span=span))),
        (
            ("身份与密钥事件", "Events that prove keys"),
            [("mono", str(len(told.places) - len(own)))],
        ),
        (("未披露的事件", "Events withheld"), [("mono", str(withheld))]),
        (("账本状态", "State of the ledger"), root),
        (("见证方副署", "Cosignatures"), _cosigned(told)),
        (("可信时间戳", "Time-stamps"), [("mono", str(len(told.tokens)))]),
        (("导出时间", "Exported"), [("mono", f"{china(told.exported)} (UTC+8)")]),
    ]
    return fields(("概要", "Overview"), rows)


def _cosigned(told: Told) -> list[Line]:
    found = [(line.name, state.size) for state in told.states for line in state.cosigned]
    if not found:
        return [("both", "无", "none")]
    return [("mono", loose(f"{name} ({size})")) for name, size in found]


def _bounds(told: Told, rows: Sequence[Sequence[Cell]]) -> Iterator[Words]:
    """What to know of times and names, and of a table for which paper has no room."""
    timed = any(place.not_after or place.not_before for place in told.places)
    yield say("chain.timed" if timed else "chain.no_time")
    yield say("chain.short")
    if len(rows) > MANY:
        yield say("chain.many", many=MANY)


def _withheld(told: Told) -> list[Section]:
    """What is withheld and why, counted; nothing if nothing is."""
    counts = Counter((reason, what) for _, reason, what in told.redactions)
    counts.update((one.reason, "files") for one in told.attachments if one.reason)
    columns = [
        column("理由", "Reason"),
        column("整件未披露（事件）", "Whole events", "42mm", right=True),
        column("部分内容未披露（事件）", "Parts of events", "42mm", right=True),
        column("未以原文提供（附件）", "Attachments not in clear", "42mm", right=True),
    ]
    rows: list[list[Cell]] = [
        [
            [("both", *both("RedactionReason", reason))],
            [("mono", str(counts[reason, "event"]))],
            [("mono", str(counts[reason, "fields"]))],
            [("mono", str(counts[reason, "files"]))],
        ]
        for reason in sorted({reason for reason, _ in counts})
    ]
    return [table(("遮盖情况", "What is withheld"), columns, rows)] if rows else []


def legend(names: Names) -> Section:
    """Every short name with its id."""
    columns = [column("简称", "Short name", "62mm"), column("编号", "Id")]
    rows: list[list[Cell]] = [[pair(short), [("mono", identity)]] for short, identity in names]
    return {**table(("编号对照", "Short names and ids"), columns, rows), "narrow": False}


# -- the timeline ---------------------------------------------------------------------------------


def _moments(told: Told, names: Names) -> Iterator[tuple[str, int, list[Cell]]]:
    """What happened when: the moment in UTC to the second, a number that keeps order, the row."""
    for number, place in enumerate(told.places):
        yield place.accepted[:_ONCE], number, _moment(place, names)
    number = len(told.places)
    for token in told.tokens:
        yield token.gen_time[:_ONCE], number, _stamped(token)
        number += 1
    for state in told.states:
        for line in state.cosigned:
            if line.at >= 0:
                at = datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
                yield at, number, _cosignature(at, state, line)
                number += 1


def _moment(place: Place, names: Names) -> list[Cell]:
    when: list[Line] = [("mono", china(place.accepted))]
    if place.event is not None and place.event.at[:_ONCE] != place.accepted[:_ONCE]:
        when += [("both", "自述", "claimed"), ("mono", china(place.event.at))]
    what: list[Line] = [("both", *title_of(place))]
    if not place.own:
        what.append(("both", "身份与密钥", "keys and identity"))
    bounds = interval(place)
    provable: list[Line] = pair(bounds) if bounds else [("zh", "—")]
    return [when, what, pair(names.of(place.stream)), _signers(place, names), provable]


def _stamped(token: Token) -> list[Cell]:
    return [
        [("mono", china(token.gen_time))],
        pair(say("chain.stamped", size=token.size)),
        [("both", "账本状态", "state")],
        [("both", "时间戳机构", "authority"), ("mono", loose(token.policy))],
        [("mono", token.file)],
    ]


def _cosignature(at: str, state: State, line: Cosigned) -> list[Cell]:
    return [
        [("mono", china(at + "Z"))],
        pair(say("chain.cosigned", size=state.size)),
        [("both", "账本状态", "state")],
        [("mono", loose(line.name))],
        [("both", "见证方自述时间", "as the cosigner says")],
    ]

"""访问记录: who saw which record, when, what for and under which grant, and who was refused.

Made of the events in scope: of a person what they did themselves, of everything else all of it.
That nothing was recorded is said as well, with what such a register cannot know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from msgspec import UNSET

from domain.access import AccessDenied, AccessGranted, AccessRevoked, RecordAccessed
from ledger.bundle.chain import Section, fields, legend, pair, table, texts, when, where
from ledger.bundle.eventwords import Words
from ledger.bundle.page import MANY, Page, loose
from ledger.bundle.saying import Names, both, scope_words
from ledger.bundle.wording import say
from ledger.documents.cells import Cell, Line, china
from ledger.documents.layout import column
from ledger.told import Place, Told

ACCESSES: Final = ("访问记录", "Register of Accesses")
_OUTCOMES: Final[dict[str, Words]] = {
    "allowed": ("已允许", "allowed"),
    "break_glass": ("紧急访问", "emergency access"),
    "denied": ("已拒绝", "refused"),
}


def access_register(told: Told) -> Page:
    """访问记录: the accesses in scope, by time and by person, and the grants that are shown."""
    names, found = Names(told), list(_accesses(told))
    notes = [say("access.reading"), say("access.coverage")]
    notes += [say("access.none")] if not found else []
    notes += [say("chain.many", many=MANY)] if len(found) > MANY else []
    sections = [
        _overview(told, names, found),
        texts(("阅读说明", "How to read this"), notes),
        *_register(found, names),
        *_people(found, names),
        *_grants(told, names),
        legend(names),
    ]
    return Page(ACCESSES, sections, flipped=True)


def _accesses(told: Told) -> Iterator[Place]:
    """What in scope was accessed or refused; of a person, by them."""
    for place in told.own:
        if isinstance(place.event, RecordAccessed | AccessDenied) and (
            told.kind != "actor" or place.event.by == told.object
        ):
            yield place


def _outcome(place: Place) -> str:
    return place.event.outcome if isinstance(place.event, RecordAccessed) else "denied"


def _overview(told: Told, names: Names, found: Sequence[Place]) -> Section:
    counts = Counter(map(_outcome, found))
    span = f"{china(found[0].accepted)} – {china(found[-1].accepted)}" if found else "—"
    withheld = sum(place.event is None for place in told.own)
    rows: list[tuple[Words, Cell]] = [
        (("范围", "Scope"), pair(scope_words(told, names))),
        (("记录的访问", "Accesses recorded"), [("mono", str(len(found)))]),
        *((words, [("mono", str(counts[code]))]) for code, words in _OUTCOMES.items()),
        (("首末受理时间", "First and last accepted"), [("mono", span)]),
        (("范围内未披露的事件", "Events in scope that are withheld"), [("mono", str(withheld))]),
    ]
    return fields(("概要", "Overview"), rows)


def _register(found: Iterable[Place], names: Names) -> list[Section]:
    columns = [
        column("序号", "No.", "10mm", right=True),
        column("时间", "Time", "35mm"),
        column("访问人与身份", "Who, as what", "30mm"),
        column("资料与副本", "Record and copy", "1fr"),
        column("方式与目的", "Mode and purpose", "30mm"),
        column("结果与依据", "Outcome, under what", "32mm"),
        column("出处", "Where", "28mm"),
    ]
    rows = [_access(number, place, names) for number, place in enumerate(found, 1)]
    return [table(("访问", "Accesses"), columns, rows)] if rows else []


def _access(number: int, place: Place, names: Names) -> list[Cell]:
    event: Any = place.event
    words = _OUTCOMES[_outcome(place)]
    outcome: list[Line] = [("both", *words)]
    if isinstance(event, AccessDenied):
        outcome.append(("mono", loose(event.rule)))
    elif event.intact is False:
        outcome += pair(("与原登记摘要不符", "not the digest recorded"))
    if event.grant is not UNSET:
        outcome += pair(names.of(event.grant))
    role, purpose = both("Role", event.role), event.purpose or ""
    return [
        [("mono", str(number))], when(place), [*pair(names.of(event.by)), ("both", *role)],
        [*pair(names.of(event.stream)), *pair(names.of(event.holding))],
        [("both", *both("AccessMode", event.mode)), *_purpose(purpose)], outcome,
        where(place, names),
    ]  # fmt: skip


def _purpose(purpose: str) -> list[Line]:
    return [("both", *both("AccessPurpose", purpose))] if purpose else []


def _people(found: Sequence[Place], names: Names) -> list[Section]:
    """How often each person, and for which purposes."""
    columns = [
        column("访问人", "Who"),
        *(column(*words, "24mm", right=True) for words in _OUTCOMES.values()),
        column("目的", "Purposes", "1fr"),
    ]
    rows: list[list[Cell]] = []
    by_person: dict[str, list[Place]] = {}
    for place in found:
        if place.event is not None:
            by_person.setdefault(place.event.by, []).append(place)
    for person, mine in by_person.items():
        counts = Counter(map(_outcome, mine))
        purposes = sorted({place.event.purpose or "" for place in mine if place.event is not None})
        rows.append([
            pair(names.of(person)), *([("mono", str(counts[code]))] for code in _OUTCOMES),
            [line for purpose in purposes for line in _purpose(purpose)],
        ])  # fmt: skip
    return [table(("按访问人汇总", "By person"), columns, rows)] if rows else []


def _grants(told: Told, names: Names) -> list[Section]:
    """The grants whose events are shown, with when they hold and whether they were taken back."""
    columns = [
        column("授权", "Grant"),
        column("授予", "To, by"),
        column("方式", "Modes"),
        column("目的", "Purposes"),
        column("期间", "From, to"),
        column("出处", "Where", "28mm"),
    ]
    revoked = {p.stream: p for p in told.places if isinstance(p.event, AccessRevoked)}
    rows = [
        _grant(place, place.event, revoked.get(place.stream), names)
        for place in told.places
        if isinstance(place.event, AccessGranted)
        and (told.kind != "actor" or place.event.actor == told.object)
    ]
    return [table(("授权", "Grants"), columns, rows)] if rows else []


def _basis(event: AccessGranted) -> list[Line]:
    """On what people of another party may see who stands there."""
    return [] if event.basis is UNSET else [("both", *both("LookBasis", event.basis))]


def _grant(place: Place, event: AccessGranted, ended: Place | None, names: Names) -> list[Cell]:
    span: list[Line] = [("mono", china(event.begins)), ("mono", china(event.ends))]
    if ended is not None:
        span += [("both", "已撤销", "revoked"), ("mono", china(ended.accepted))]
    return [
        pair(names.of(place.stream)), [*pair(names.of(event.actor)), *pair(names.of(event.by))],
        [("both", *both("AccessMode", mode)) for mode in event.modes],
        [line for purpose in event.purposes for line in _purpose(purpose)] + _basis(event), span,
        where(place, names),
    ]  # fmt: skip

"""One event as people are told it: what happened, to what, by whom, in Chinese and in English.

Ids of 40 characters and more cannot be read aloud, so every thing gets a short name for one bundle
(人员1 / person 1) by the order in which it first appears; a table in each report leads from the
short name to the id. Names of people and firms are told only where the bundle opens them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from msgspec import UNSET, Struct, to_builtins

from domain.codes import ENUMERATIONS, label
from domain.values import Event, Key
from ledger.bundle.eventwords import CODES, ENVELOPE, FIELDS, THINGS, Words
from ledger.documents.cells import china
from ledger.labels import FIELDS as SEALED
from ledger.labels import TOPICS
from ledger.told import Place, Told

_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
ID: Final = re.compile(rf"([a-z_]{{3,24}})-{_UUID}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{3})?Z")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_LISTED: Final = 4
"""So many things of a list are named; of longer ones only their number is told."""
_UNTOLD: Final = ("nonce", "canonicalization", "locale", "template_version", "rules")
"""Fields that say nothing to people; the events themselves have them."""


def both(enumeration: str, code: str) -> Words:
    """The label of a code in both languages; the code itself if this program does not know it."""
    if code not in ENUMERATIONS[enumeration].codes:
        return code, code
    return label(enumeration, code, "zh"), label(enumeration, code, "en")


class Names:
    """Short names for the things of one bundle, by the order in which they appear."""

    def __init__(self, told: Told) -> None:
        self._short: dict[str, Words] = {}
        self._counts: dict[str, int] = {}
        self._opened = {
            place.stream: place.opened["name"] for place in told.places if "name" in place.opened
        }
        for stream in (told.object, *told.streams):
            self._take(stream)
        for place in told.places:
            for found in _ids(place):
                self._take(found)

    def _take(self, found: str) -> None:
        prefix = found.partition("-")[0]
        if found and found not in self._short:
            number = self._counts[prefix] = self._counts.get(prefix, 0) + 1
            zh, en = THINGS.get(prefix, (prefix, prefix))
            self._short[found] = (f"{zh}{number}", f"{en} {number}")

    def of(self, identity: str) -> Words:
        """The short name of an id, with the name that the bundle opens; else the id itself."""
        if identity not in self._short:
            return identity, identity
        zh, en = self._short[identity]
        name = self._opened.get(identity)
        return (f"{zh}〔{name}〕", f"{en} [{name}]") if name else (zh, en)

    def __iter__(self) -> Iterator[tuple[Words, str]]:
        """Every short name with its id, kinds together."""
        order = sorted(self._short, key=lambda one: list(self._counts).index(one.partition("-")[0]))
        return ((self.of(identity), identity) for identity in order)


def _ids(place: Place) -> Iterator[str]:
    """The ids that an event names, in the order in which it says them."""
    yield place.stream
    if place.event is not None:
        for name in ("by", "engagement", *_own(type(place.event)), "authority"):
            value = getattr(place.event, name)
            if value is not UNSET:
                yield from _found(to_builtins(value))


def _found(value: Any) -> Iterator[str]:  # noqa: ANN401  any JSON value
    if isinstance(value, str):
        if match := ID.match(value):
            yield match[0]
    elif isinstance(value, list):
        if len(value) <= _LISTED:
            for part in value:
                yield from _found(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _found(part)


# -- one event ------------------------------------------------------------------------------------


def title_of(place: Place) -> Words:
    """What happened; of an event that is withheld, that it is, and why."""
    if place.event is None:
        zh, en = both("RedactionReason", place.reason)
        return f"本事件内容未披露（{zh}）", f"content withheld ({en.lower()})"
    return TOPICS.get(place.topic, (place.topic, place.topic))


def details(place: Place, names: Names) -> Words:
    """What an event says of its own, without ids that its heading names; empty if nothing."""
    if place.event is None:
        return "", ""
    parts = [part for name in _own(type(place.event)) if (part := _part(place.event, name, names))]
    late = [_part(place.event, name, names) for name in ("purpose", "late_reason", "authority")]
    parts += [part for part in late if part]
    return "；".join(zh for zh, _ in parts), "; ".join(en for _, en in parts)


def opened(place: Place) -> Words:
    """The sealed fields that the bundle opens, texts in the first part; empty if none."""
    told = [(SEALED.get(path, (path, path)), text) for path, text in sorted(place.opened.items())]
    zh = "；".join(f"{words[0]}：“{text}”" for words, text in told)
    return zh, "; ".join(words[1] for words, _ in told)


def _own(kind: type[Event]) -> list[str]:
    envelope = Event.__struct_fields__
    return [n for n in kind.__struct_fields__ if n not in envelope and n not in _UNTOLD]


def _part(event: Event, name: str, names: Names) -> Words | None:
    """One field with its name; None if it is absent, an empty list, or a digest."""
    value = getattr(event, name)
    if value is UNSET or value == [] or (isinstance(value, str) and _HEX.fullmatch(value)):
        return None
    key = f"{name}[]" if isinstance(value, list) else name
    zh, en = FIELDS.get(key) or FIELDS.get(name) or ENVELOPE.get(name) or (name, name)
    said = _said(value, enumeration_of(type(event), name), names)
    return f"{zh}：{said[0]}", f"{en}: {said[1]}"


def _said(value: Any, enumeration: str | None, names: Names) -> Words:  # noqa: ANN401  any field
    if isinstance(value, bool):
        return ("是", "yes") if value else ("否", "no")
    if isinstance(value, int):
        return f"{value:,}", f"{value:,}"
    if isinstance(value, Key):
        return f"{value.kind} {value.id}", f"{value.kind} {value.id}"
    if isinstance(value, Struct):
        return "见事件原文", "see the event"
    if isinstance(value, list):
        if len(value) > _LISTED or any(isinstance(part, Struct) for part in value):
            return f"{len(value)} 项", f"{len(value)} items"
        parts = [_said(part, enumeration, names) for part in value]
        return "、".join(zh for zh, _ in parts), ", ".join(en for _, en in parts)
    return _text(value, enumeration, names)


def _text(value: str, enumeration: str | None, names: Names) -> Words:
    if enumeration is not None:
        return both(enumeration, value)
    if value in CODES:
        return CODES[value]
    if match := ID.fullmatch(value.partition("/")[0]):
        version = value[len(match[0]) :]
        zh, en = names.of(match[0])
        return zh + version, en + version
    if _TIME.fullmatch(value):
        return china(value), china(value)
    return value, value


@lru_cache(maxsize=512)
def enumeration_of(kind: type[Event], name: str) -> str | None:
    """The enumeration whose codes a field holds, if it holds codes."""
    for codes in _literals(get_type_hints(kind)[name]):
        for enumeration in ENUMERATIONS.values():
            if set(codes) <= set(enumeration.codes):
                return enumeration.name
    return None


def _literals(hint: Any) -> Iterator[tuple[str, ...]]:  # noqa: ANN401  a type hint
    if get_origin(hint) is Literal:
        if all(isinstance(code, str) for code in get_args(hint)):
            yield get_args(hint)
        return
    for inner in get_args(hint):
        yield from _literals(inner)


def who(place: Place, names: Names) -> list[tuple[Words, Words]]:
    """Everybody who signed, by short name, in which capacity; keys that were only proved left out.

    The ledger itself signs as 账本.
    """
    signed = [s for s in place.signers if s.capacity != "possession"]
    return [
        (names.of(s.actor) if s.actor else ("账本", "the ledger"), both("Role", s.capacity))
        for s in signed
    ]


def interval(place: Place) -> Words | None:
    """The provable interval in words; None if no token in the bundle bounds it."""
    before, after = place.not_before, place.not_after
    if before and after:
        return (f"不早于 {china(before)}，不晚于 {china(after)}",
                f"not before {china(before)}, not after {china(after)}")  # fmt: skip
    if after:
        return f"不晚于 {china(after)}", f"not after {china(after)}"
    if before:
        return f"不早于 {china(before)}", f"not before {china(before)}"
    return None


def scope_words(told: Told, names: Names) -> Words:
    """What the bundle is about, by its short name or its span."""
    if told.kind == "period":
        zh, en = both("BundleScope", told.kind)
        span = f"{china(told.begins)} – {china(told.ends)}"
        return f"{zh} {span}", f"{en} {span}"
    return names.of(told.object)


def counted(rows: Mapping[str, int]) -> Words:
    """Events counted by topic, most frequent first."""
    order = sorted(rows, key=lambda topic: (-rows[topic], topic))
    told = [(TOPICS.get(topic, (topic, topic)), rows[topic]) for topic in order]
    return (
        "、".join(f"{words[0]} {count}" for words, count in told),
        ", ".join(f"{words[1]} {count}" for words, count in told),
    )

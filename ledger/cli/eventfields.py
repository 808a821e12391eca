"""An event's own fields as people read them: before it is signed, and when it is shown.

In English a field has the name, and a code the form, that the event's bytes have; in Chinese both
have their label, the code beside it, because the code is what is signed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ledger.cli.language import _, language
from ledger.cli.output import coded, several


def field_name(name: str, value: Any = None) -> str:  # noqa: ANN401  what events hold
    """The name of a field in the language chosen; a list may have another than a number."""
    from ledger.bundle.eventwords import ENVELOPE, FIELDS

    if language() != "zh":
        return name
    if name == "at":
        return _("happened at")
    names = (f"{name}[]", name) if isinstance(value, list) else (name, f"{name}[]")
    words = FIELDS.get(names[0]) or FIELDS.get(names[1]) or ENVELOPE.get(name)
    return words[0] if words else _(name)


def field_value(topic: str, name: str, value: Any) -> str:  # noqa: ANN401  what events hold
    """A field's value on one line: a code with its label, ids as a list, the rest as JSON."""
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return several(field_value(topic, name, one) for one in value)
    if value == [] and language() == "zh":
        return _("none")
    if not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    enumeration = _enumeration(topic, name)
    if language() != "zh" or enumeration is None:
        return value
    label = coded(enumeration)(value)
    return value if label == value else f"{label}（{value}）"


def _enumeration(topic: str, name: str) -> str | None:
    from domain import TOPICS
    from ledger.bundle.saying import enumeration_of

    if name == "role":
        return "Role"
    kind = TOPICS.get(topic)
    known = kind is not None and name in kind.__struct_fields__
    return enumeration_of(kind, name) if kind is not None and known else None


def own_fields(event: Mapping[str, Any], left_out: frozenset[str]) -> list[tuple[str, str]]:
    """Names and values of an event's fields, but for those left out."""
    topic = str(event["type"])
    return [
        (field_name(name, value), field_value(topic, name, value))
        for name, value in event.items()
        if name not in left_out
    ]

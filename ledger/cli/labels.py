"""What people read instead of the topic of an event and the code of a finding.

The tables are `ledger.labels`.

>>> topic_label("record.collected", "zh"), topic_label("record.collected", "en")
('资料收集', 'Record collected')
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.cli.language import N_, Language, _
from ledger.labels import FIELDS, FINDINGS, PARTS, TOPICS

__all__ = [
    "FIELDS", "FINDINGS", "KINDS", "PARTS", "TOPICS", "field_label", "finding_label", "kind_label",
    "part_label", "topic_label",
]  # fmt: skip

KINDS = {
    "record": N_("record"), "holding": N_("holding"), "actor": N_("actor"), "party": N_("party"),
    "engagement": N_("engagement"), "policy": N_("policy"), "grant": N_("grant"),
    "backup": N_("backup"), "bundle": N_("bundle"), "hold": N_("hold"),
    "handover": N_("handover"), "destruction_case": N_("case of destruction"),
    "rights": N_("request of a person"), "subject": N_("person"), "keycopy": N_("copy of keys"),
    "search": N_("search for people"),
    "notice": N_("notice"), "document": N_("document"), "medium": N_("medium"),
    "ledger": N_("ledger"), "audit": N_("audit"),
}  # fmt: skip
"""What people call what an id names, by its first part."""


def topic_label(topic: str, language: Language) -> str:
    """The name of an event's kind; the topic itself if it has none."""
    return _in(TOPICS, topic, language)


def finding_label(code: str, language: Language) -> str:
    """The name of a finding."""
    return _in(FINDINGS, code, language)


def field_label(path: str, language: Language) -> str:
    """The name of a sealed field."""
    return _in(FIELDS, path, language)


def part_label(part: str, language: Language) -> str:
    """The name of the part of a ledger that a finding of verification is in."""
    return _in(PARTS, part, language)


def kind_label(aggregate: str) -> str:
    """The name of a kind of thing, in the language chosen; the kind itself if it has none."""
    return _(KINDS.get(aggregate, aggregate))


def _in(labels: Mapping[str, tuple[str, str]], code: str, language: Language) -> str:
    chinese, english = labels.get(code, (code, code))
    return chinese if language == "zh" else english

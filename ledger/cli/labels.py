"""What people read instead of the topic of an event and the code of a finding.

The tables are `ledger.labels`.

>>> topic_label("record.collected", "zh"), topic_label("record.collected", "en")
('资料收集', 'Record collected')
"""

from __future__ import annotations

from collections.abc import Mapping

from ledger.cli.language import Language
from ledger.labels import FIELDS, FINDINGS, TOPICS

__all__ = ["FIELDS", "FINDINGS", "TOPICS", "field_label", "finding_label", "topic_label"]


def topic_label(topic: str, language: Language) -> str:
    """The name of an event's kind; the topic itself if it has none."""
    return _in(TOPICS, topic, language)


def finding_label(code: str, language: Language) -> str:
    """The name of a finding."""
    return _in(FINDINGS, code, language)


def field_label(path: str, language: Language) -> str:
    """The name of a sealed field."""
    return _in(FIELDS, path, language)


def _in(labels: Mapping[str, tuple[str, str]], code: str, language: Language) -> str:
    chinese, english = labels.get(code, (code, code))
    return chinese if language == "zh" else english

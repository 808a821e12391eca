"""What every code of a finding means: how grave it is, what stands behind it, what is to be done.

`entry` has, for each code that any chapter gives: chapter, severity, the rule behind it (`I-NN`,
empty where there is none: then `basis` names statutes and articles of the policy packs), a title, a
remedy and what it means for a court, in both languages. A remedy names commands that are there.
Codes are frozen, as those of events are: reports that were signed hold them.

`raised` makes a finding of a code, so that no check says for itself how grave a thing is:

>>> late = raised("late_entry", position=7, entry=2, evidence=("record-…/1",))
>>> late.chapter, late.severity, late.rule
('timely', 'note', 'I-04')
>>> entry("event_changed").title.zh
'已存储的事件被改动'
>>> severity_of_rule("I-28"), severity_of_rule("I-16")
('critical', 'medium')
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ledger.audit.catalogue.found import FOUND
from ledger.audit.catalogue.gaps import GAPS, WHY
from ledger.audit.catalogue.genuine import GENUINE
from ledger.audit.catalogue.text import Both, Entry, Table
from ledger.audit.finding import Finding, Severity
from ledger.offline.findings import CAUSES, weight_of

_OF_RULES: Final[Mapping[Severity, str]] = {
    "critical": "I-01 I-05 I-06 I-28",
    "high": "I-02 I-03 I-07 I-09 I-13 I-14 I-15 I-17 I-20 I-21 I-22 I-23 I-25 I-26 I-27 I-29 I-30 "
    "I-31 I-32 I-33 I-34 I-35 I-36 I-39 I-41",
    "medium": "I-00 I-04 I-08 I-10 I-11 I-12 I-16 I-18 I-19 I-24 I-37 I-38 I-40 I-42",
}
_SEVERITIES: Final[Mapping[str, Severity]] = {
    rule: severity for severity, rules in _OF_RULES.items() for rule in rules.split()
}
_WEIGHTS: Final[Mapping[str, Severity]] = {
    "invalid": "critical", "disputed": "high", "unverifiable": "medium",
}  # fmt: skip
_OF_BUNDLES: Final = Both(
    "ask the exporter for the bundle again, and verify it: muniment evidence verify FILE --trust "
    "VKEY",
    "请导出人重新提供证据包，并核验：muniment evidence verify FILE --trust VKEY",
)


def _all() -> dict[str, Entry]:
    tables: tuple[Table, ...] = (*GENUINE, *FOUND)
    made = {entry.code: entry for table in tables for entry in table.entries()}
    for code, (_, english, chinese) in CAUSES.items():
        if code not in made:
            made[code] = Entry(
                code, "genuine", _WEIGHTS[weight_of(code)], "", Both(english, chinese),
                _OF_BUNDLES, made["event_changed"].means, (("evidence-rules", "93"),),
            )  # fmt: skip
    return made


CODES: Final[Mapping[str, Entry]] = MappingProxyType(_all())
"""Every code that a chapter can give, those of the offline verifier of bundles included."""


def entry(code: str) -> Entry:
    """What a code means. Raises `KeyError` for one that no chapter gives."""
    return CODES[code]


def gap_said(code: str) -> Both:
    """What a gap's code means, or why events of a bundle were not judged (its `subject`).

    Raises `KeyError` for one that no replay gives.
    """
    return GAPS[code] if code in GAPS else WHY[code]


def severity_of_rule(rule: str) -> Severity:
    """How grave it is that a rule did not permit an act which stands in the ledger."""
    return _SEVERITIES[rule]


def raised(code: str, *, rule: str = "", **more: Any) -> Finding:  # noqa: ANN401  of `Finding`
    """A finding of a code, with its chapter and severity; `rule`: instead of the catalogue's."""
    known = CODES[code]
    return Finding(known.chapter, code, known.severity, rule=rule or known.rule, **more)

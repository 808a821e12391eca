"""What a replay finds, and what it has looked at.

A finding belongs to one of five chapters:

    genuine      the bytes are not what was signed (`ledger.verify`)
    permitted    a rule did not permit the act when it was recorded (`domain.commit.judge_commit`)
    complete     something that has to be there is missing: a gate, a review, a backup, a register
    timely       entered late, past a deadline, or accepted at a time that cannot be
    consistent   tables, contents, files or backups are not what the events say

and has one of five severities, the gravest first. A finding of `note` is no fault: something that
a reader should know. What could not be looked at is no finding but a `Gap`: "cannot be known".
Findings hold ids, codes, digests, numbers and times, never content or personal data.

>>> late = Finding("timely", "late_entry", "low", position=7, entry=2, evidence=("record-…/1",))
>>> grave = Finding("genuine", "event_changed", "critical", position=9, entry=3)
>>> [finding.code for finding in ordered([late, grave])]
['event_changed', 'late_entry']
>>> counted([late, grave, late])
{'event_changed': 1, 'late_entry': 2}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

Chapter = Literal["genuine", "permitted", "complete", "timely", "consistent"]
Severity = Literal["critical", "high", "medium", "low", "note"]

CHAPTERS: Final[tuple[Chapter, ...]] = (
    "genuine", "permitted", "complete", "timely", "consistent",
)  # fmt: skip
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "high", "medium", "low", "note")
_NOWHERE: Final = 2**63


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that is not as it should be.

    `code`: stable (`ledger.audit.catalogue` has its title, law and remedy); `position`: of the
    event, or of the first event of the entry, 1-based; `entry`: 0-based; `rule`: `I-NN`, empty
    where no rule of the catalogue stands behind it; `detail`: which part of the rule or of what is
    stored; `subject`: the id of what it is about; `evidence`: ids of events (`<stream>/<version>`)
    and of other things that show it; `since`, `due`: times or days of a deadline; `expected`,
    `actual`: what is compared; `cause`: for an engineer, English.
    """

    chapter: Chapter
    code: str
    severity: Severity
    position: int | None = None
    entry: int | None = None
    rule: str = ""
    detail: str = ""
    subject: str = ""
    evidence: tuple[str, ...] = ()
    since: str = ""
    due: str = ""
    expected: str = ""
    actual: str = ""
    cause: str = ""


class Gap(Struct, frozen=True, omit_defaults=True):
    """Something that could not be looked at, or not with this: `code` is stable, `count` of what.

    `part`: what was left out: a chapter, a kind of stored thing; `subject`: an id where it is one.
    """

    part: str
    code: str
    count: int = 1
    subject: str = ""


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """By severity, then chapter, code, position and subject: the order of every report."""
    return sorted(findings, key=_place)


def _place(finding: Finding) -> tuple[int, int, str, int, str, str]:
    position = _NOWHERE if finding.position is None else finding.position
    return (
        SEVERITIES.index(finding.severity), CHAPTERS.index(finding.chapter), finding.code,
        position, finding.subject, finding.detail,
    )  # fmt: skip


def counted(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each code, by code."""
    return dict(sorted(Counter(finding.code for finding in findings).items()))

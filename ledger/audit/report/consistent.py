"""Whether the numbers of a report agree with each other: a report whose do not was not made here.

This is no proof. Whoever changes one number can change its sum; who has the ledger compares with
that (`muniment audit render -L`). It catches what was changed by hand.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger.accessreview import Report as AccessReview
from ledger.audit.report.data import Compliance


def agrees(said: Compliance | AccessReview) -> bool:
    """Whether counts are the counts of what is listed, and parts sum up to their wholes.

    Raises `LookupError`, `TypeError` or `AttributeError` for rows that no report has.
    """
    return _audit(said) if isinstance(said, Compliance) else _review(said)


def _audit(said: Compliance) -> bool:
    replay, numbers = said.replay, [one.number for one in said.findings]
    chapters: Counter[str] = Counter()
    for chapter in said.chapters:
        chapters.update(chapter.found)
    listed = Counter(one.severity for one in replay.findings)
    return (
        sum(replay.severities.values()) == replay.total >= len(replay.findings)
        and +chapters == +Counter(replay.severities)
        and all(count <= replay.severities.get(name, 0) for name, count in listed.items())
        and numbers == sorted(set(numbers))
        and all(sample.size >= len(sample.drawn) for sample in said.samples)
    )


def _review(said: AccessReview) -> bool:
    recorded = said.allowed + said.denied + said.break_glass
    totals = {"allowed": said.allowed, "denied": said.denied, "break_glass": said.break_glass}
    flags = Counter(flag for row in said.grants for flag in (row["condition"], *row["flags"]))
    flags["all"] = len(said.grants)
    return (
        said.coverage.recorded == recorded
        and said.coverage.none_recorded == (recorded == 0)
        and all(_sums(axis) == +Counter(totals) for axis in said.counts.values())
        and (not recorded or bool(said.counts))
        and sum(row["count"] for row in said.denials) == said.denied
        and len(said.emergencies) == said.break_glass
        and +flags == +Counter(said.grant_counts)
        and said.anomalous <= recorded
        and all(one["count"] >= len(one["rows"]) for one in said.anomalies)
    )


def _sums(axis: dict[str, Any]) -> Counter[str]:
    found: Counter[str] = Counter()
    for outcomes in axis.values():
        found.update(outcomes)
    return +found

"""What asks for a decision after a review of accesses: how grave, what is proposed, by when.

The proposal is one of keep, reduce, revoke and investigate. Whoever reviews decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from domain.policy import Policy
from domain.values import later

Row = dict[str, Any]

_HIGH, _MEDIUM, _LOW = "high", "medium", "low"
_WEIGHT: Final[Mapping[str, tuple[str, str]]] = {
    "leaver": (_HIGH, "revoke"),
    "expired": (_LOW, "revoke"),
    "dormant": (_MEDIUM, "revoke"),
    "excessive": (_LOW, "reduce"),
    "after_handover": (_HIGH, "investigate"),
    "out_of_hours": (_LOW, "investigate"),
    "bulk_export": (_HIGH, "investigate"),
    "restricted": (_MEDIUM, "investigate"),
    "held": (_LOW, "keep"),
    "gone": (_MEDIUM, "investigate"),
    "purpose_mismatch": (_MEDIUM, "investigate"),
    "sensitive_unlinked": (_MEDIUM, "investigate"),
    "changed_content": (_HIGH, "investigate"),
    "break_glass_unreviewed": (_HIGH, "investigate"),
    "untrained": (_MEDIUM, "investigate"),
    "not_on_staff_list": (_HIGH, "revoke"),
}
"""How grave each finding is, and what is proposed: keep, reduce, revoke or investigate."""


def asking(flags: Sequence[str]) -> list[str]:
    """Those flags of a grant that ask for a decision; the others only say how it is."""
    return [flag for flag in flags if flag in _WEIGHT]


class Found(NamedTuple):
    """What a report found: rows of `ledger.accessreview.Report`.

    `anomalies`: of each kind, how many each person has.
    """

    grants: Sequence[Row]
    anomalies: Mapping[str, Mapping[str, int]]
    emergencies: Sequence[Row]
    training: Sequence[Row]


def findings(found: Found, policy: Policy, last: str) -> list[Row]:
    """Numbered, the gravest first; `subject`: a grant or an actor, `owner`: who gave the grant.

    `last`: the end of the span. Grave ones fall due within the hours that the review of an
    emergency has, others by the next review.
    """
    rows = [*_about_grants(found.grants), *_about_accesses(found)]
    order = {_HIGH: 0, _MEDIUM: 1, _LOW: 2}
    rows.sort(key=lambda row: (order[_WEIGHT[row["kind"]][0]], row["kind"], row["subject"]))
    numbered = []
    for number, row in enumerate(rows, 1):
        severity, proposal = _WEIGHT[row["kind"]]
        due = _due(policy, last, severity)
        numbered.append(
            {"number": number, "severity": severity, "proposal": proposal, **row, "due": due}
        )
    return numbered


def _about_grants(grants: Sequence[Row]) -> Iterator[Row]:
    for row in grants:
        for flag in asking(row["flags"]):
            yield _row(flag, row["grant"], 1, row["giver"])


def _about_accesses(found: Found) -> Iterator[Row]:
    """One finding a kind and person: whoever looks into it speaks to that person."""
    for kind, persons in found.anomalies.items():
        for actor, count in persons.items():
            yield _row(kind, actor, count)
    late = Counter(row["actor"] for row in found.emergencies if row["late"])
    for actor, count in late.items():
        yield _row("break_glass_unreviewed", actor, count)
    for row in found.training:
        if row["missing"]:
            yield _row("untrained", row["actor"], len(row["missing"]))


def _row(kind: str, subject: str, count: int, owner: str | None = None) -> Row:
    return {"kind": kind, "subject": subject, "count": count, "owner": owner}


def _due(policy: Policy, last: str, severity: str) -> str:
    if severity == _HIGH:
        due = later(last, hours=policy.deadlines.break_glass_review_hours)
    else:
        due = later(last, days=policy.cadence.access_review_live_days)
    return policy.calendar.day_of(due)

"""What a replay's result cites: the policy pack in force, the law behind its rules, its gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from domain.policy import Policy
from ledger.audit.finding import Finding, Gap
from ledger.audit.outcome import Law, PolicyUsed


def policy_used(policy: Policy | None) -> PolicyUsed:
    """The pack in force; empty where none is known."""
    if policy is None:
        return PolicyUsed("", "", "")
    return PolicyUsed(policy.header.id, policy.header.version, policy.digest)


def law_of(policy: Policy | None, findings: Sequence[Finding]) -> dict[str, tuple[Law, ...]]:
    """What stands behind each rule that a finding names, in the words of the pack."""
    if policy is None:
        return {}
    rules = sorted({finding.rule for finding in findings if finding.rule in policy.rules})
    return {rule: tuple(_cited(policy, rule)) for rule in rules}


def _cited(policy: Policy, rule: str) -> Iterator[Law]:
    for one in policy.rules[rule].basis:
        statute = policy.statutes[one.statute]
        yield Law(one.statute, one.version, one.article, statute.zh, statute.en)


def merged(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Equal ones together, in order."""
    counts: dict[Gap, int] = {}
    for gap in gaps:
        key = structs.replace(gap, count=0)
        counts[key] = counts.get(key, 0) + gap.count
    merged = (structs.replace(gap, count=count) for gap, count in counts.items())
    return tuple(sorted(merged, key=lambda gap: (gap.part, gap.code, gap.subject)))

"""The law behind a rule, as people and machines read it, and whether a lawyer stands behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ledger.cli.call import Call
from ledger.cli.language import language
from ledger.cli.output import note

if TYPE_CHECKING:
    from domain.policy import Policy

Cited = dict[str, str]


def cited(policy: Policy, rules: Iterable[str]) -> list[Cited]:
    """The citations of retention rules of a pack, each once, in the rules' order.

    `statute`, `version` and `article` name what is cited, `evidence` how far it was checked;
    `zh`, `en` are the statute's names.
    """
    found: dict[tuple[str, str, str], Cited] = {}
    for name in rules:
        for citation in policy.retention[name].citations:
            statute = policy.statutes[citation.statute]
            found[citation.statute, citation.version, citation.article] = {
                "statute": citation.statute, "version": citation.version,
                "article": citation.article, "evidence": citation.evidence,
                "zh": statute.zh, "en": statute.en,
            }  # fmt: skip
    return list(found.values())


def shown_citation(citation: Mapping[str, str]) -> str:
    """A citation in the language chosen: name, article, version, and its mark in brackets."""
    name, article = citation[language()], citation["article"]
    return f"{name} {article} ({citation['version']}) [{citation['evidence']}]"


def warn(call: Call, policy: Policy) -> None:
    """Say, in both languages, that no counsel has signed the adopted pack off."""
    header = policy.header
    if not header.signed_off_by_counsel:
        note(call, f"{header.id} {header.version}: {header.label_zh}")
        note(call, f"{header.id} {header.version}: {header.label_en}")

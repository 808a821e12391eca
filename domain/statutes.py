"""Law as data: statutes in one version each, and citations that name the version they mean.

Statutes are amended and renumbered. A citation that names another version than the pack's entry
is a flaw of the pack, so that no citation silently outlives an amendment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,63}\Z")]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
Evidence = Literal["V", "S", "M", "K"]
"""The text cited was read, a secondary source, measured, or unconfirmed knowledge."""
StatuteKind = Literal[
    "law", "regulation", "department_rule", "judicial_interpretation", "standard", "practice"
]


class Citation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article of one version of a statute, and how far its text was checked."""

    statute: Name
    version: Text
    article: Text
    evidence: Evidence


class Statute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A law, rule, standard or practice in one version.

    `version`: date of adoption or edition as printed; `in_force`: first day, if known; `dates`:
    how far these two were checked.
    """

    zh: Text
    en: Text
    kind: StatuteKind
    version: Text
    dates: Evidence
    in_force: date | None = None


def citation_flaws(
    place: str, citations: Sequence[Citation], statutes: Mapping[str, Statute]
) -> Iterator[str]:
    """Citations at `place` of a statute or version that `statutes` does not hold."""
    for citation in citations:
        statute = statutes.get(citation.statute)
        if statute is None:
            yield f"{place} cites {citation.statute}, which is not among the statutes"
        elif statute.version != citation.version:
            yield (
                f"{place} cites {citation.statute} {citation.article} of version "
                f"{citation.version}, but the pack has version {statute.version}"
            )

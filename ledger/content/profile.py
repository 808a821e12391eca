"""From what was found to what is proposed, under a profile that is data (`profiles/*.toml`).

    code = "cn_strict"        of `ClassificationProfile`
    version = "2026-11-22"    of the profile's content
    counsel = false           whether a lawyer has signed it off
    [kinds]                   kind = { sensitivity?, kind?, category? }: what finding it amounts to;
                              `kind` is a `SensitivePiKind`
    [levels]                  sensitivity = `DataLevel` at least

The proposal is the highest of what the kinds found amount to; the categories are those found after
the one that a person gave when the record was collected.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final, get_args

from msgspec import Struct, convert

from domain.codes import DataLevel, RecordCategory, SensitivePiKind, Sensitivity
from ledger.content.counting import Counts
from ledger.errors import UsageError

PROFILES: Final = ("cn_strict", "cn_gbt45574", "gdpr")
_MAX_CATEGORIES: Final = 8
_RANKS: Final[tuple[Sensitivity, ...]] = (
    "non_personal", "general_pi", "private_info", "sensitive_pi", "minor_pi",
)  # fmt: skip


class Meaning(Struct, frozen=True, forbid_unknown_fields=True):
    """What finding a kind amounts to."""

    sensitivity: Sensitivity = "non_personal"
    kind: SensitivePiKind | None = None
    category: RecordCategory | None = None


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """One reading of the standards."""

    code: str
    version: str
    counsel: bool
    kinds: dict[str, Meaning]
    levels: dict[Sensitivity, DataLevel]


class Axes(Struct, frozen=True):
    """The axes proposed, as `domain.record.RecordClassified` has them."""

    categories: tuple[RecordCategory, ...]
    level: DataLevel
    sensitivity: Sensitivity
    sensitive_kinds: tuple[SensitivePiKind, ...]


@lru_cache(maxsize=len(PROFILES))
def profile(code: str) -> Profile:
    """The profile of a code. Raises `UsageError` for one that has no rules of its own."""
    if code not in PROFILES:
        raise UsageError(
            "the profile {code} has no rules to classify by; nothing was read",
            "choose one with --profile: cn_strict, cn_gbt45574 or gdpr", code=code,
        )  # fmt: skip
    file = Path(__file__).parent / "profiles" / f"{code}.toml"
    return convert(tomllib.loads(file.read_text("utf-8")), Profile)


def propose(counts: Counts, under: Profile, category: RecordCategory, *, personal: bool) -> Axes:
    """What a record is, from what was found in it.

    `category`: what it was collected as; `personal`: whether it was collected as personal data,
    which it then stays even where nothing was found: finding nothing proves nothing.
    """
    meanings = [under.kinds[found.kind] for found in counts.found if found.kind in under.kinds]
    sensitivity = _highest([m.sensitivity for m in meanings], "general_pi" if personal else None)
    kinds = {m.kind for m in meanings if m.kind and sensitivity in {"sensitive_pi", "minor_pi"}}
    found = {m.category for m in meanings if m.category}
    first = [category] if category != "other" or not found else []
    rest = [c for c in get_args(RecordCategory) if c in found and c not in first]
    return Axes(
        tuple([*first, *rest][:_MAX_CATEGORIES]),
        under.levels[sensitivity],
        sensitivity,
        tuple(kind for kind in get_args(SensitivePiKind) if kind in kinds),
    )


def _highest(found: Iterable[Sensitivity], least: Sensitivity | None) -> Sensitivity:
    return max([*found, least or "non_personal"], key=_RANKS.index)

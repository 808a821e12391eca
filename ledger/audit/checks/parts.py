"""The parts of a check, one after the other: what one cannot look at does not hide the others.

A replay meets ledgers in which anything may be wrong. What a damaged one makes impossible to ask is
a gap that names the part, never an end of the replay, and never silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import sqlalchemy as sa

from ledger.audit.finding import Finding, Gap
from ledger.audit.scope import Scope
from ledger.errors import MunimentError

_STUMBLES: Final = (
    MunimentError, sa.exc.DBAPIError, LookupError, AttributeError, TypeError, ValueError,
    ArithmeticError, OSError,
)  # fmt: skip

Part = Callable[[Scope], Iterator[Finding | Gap]]


def looked(chapter: str, parts: Mapping[str, Part], scope: Scope) -> Iterator[Finding | Gap]:
    """What the parts find, in their order; a part that cannot be asked to its end is a `Gap`."""
    for name, part in parts.items():
        try:
            yield from part(scope)
        except _STUMBLES:
            yield Gap(chapter, "not_checked", subject=name)

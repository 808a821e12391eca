"""What the ladder says about a gate: its state, since when, and what a red one waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from domain.judging import Refusal

State = Literal["green", "red", "not_needed"]
MOST_NAMED: Final = 8
"""So many ids a red gate names at most; `count` says how many there are."""


class Waiting(Struct, frozen=True):
    """What a red gate waits for.

    `detail`: a stable code, where a rule refuses for the same reason the rule's own; `ids`: what it
    is about, the first few of `count`; `command`: what comes next; `due`: a day, where one is set.
    """

    detail: str
    ids: tuple[str, ...]
    command: str
    count: int
    due: str | None = None


class Gate(Struct, frozen=True, omit_defaults=True):
    """One gate of the seventeen. `since`: when what makes it green was accepted, where known.

    `unchecked`: how many items went through it that nobody could check.
    """

    number: int
    code: str
    state: State
    since: str | None
    waiting: tuple[Waiting, ...]
    unchecked: int = 0


class Found(NamedTuple):
    """What was found out about a gate: nothing to wait for is green."""

    waiting: list[Waiting]
    since: str = ""
    unchecked: int = 0


def waiting(
    detail: str, ids: Iterable[str], command: str, *, count: int | None = None, due: str = ""
) -> Waiting:
    """A `Waiting` that names the first few of `ids`; `count`: how many there are, if more."""
    named = list(ids)
    number = len(named) if count is None else count
    return Waiting(detail, tuple(named[:MOST_NAMED]), command, number, due or None)


def as_waiting(refusals: Iterable[Refusal], command: Callable[[Refusal], str]) -> Iterator[Waiting]:
    """What rules refuse, as what a gate waits for: one for each detail, with all that it names."""
    found: dict[str, list[Refusal]] = {}
    for refusal in refusals:
        found.setdefault(refusal.detail, []).append(refusal)
    for detail, same in found.items():
        ids = dict.fromkeys(blocking for refusal in same for blocking in refusal.blocking)
        yield waiting(detail, ids, command(same[0]))

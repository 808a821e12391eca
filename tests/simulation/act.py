"""What somebody tries, and which rules it breaks; half of it is forbidden on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.simulation.world import World

TRIES = 6


def nothing() -> None:
    """Nothing is made ready."""


@dataclass(frozen=True)
class Act:
    """One act of one person.

    `broken`: the codes of the rules that it breaks, or names of errors that say no; empty: it must
    pass. `ready`: what is laid ready before (files). `single`: one commit, and nothing outside the
    ledger. `again`: what takes it up when it was broken off. `leaves`: events that a refusal leaves
    behind. `may_fail`: errors that say no more than that there is nothing to do.
    """

    name: str
    who: str
    about: str
    broken: frozenset[str]
    do: Callable[[], Any]
    ready: Callable[[], None] = nothing
    single: bool = True
    again: Callable[[], Any] | None = None
    leaves: frozenset[str] = frozenset()
    may_fail: frozenset[str] = frozenset()

    def __str__(self) -> str:
        breaks = " ".join(sorted(self.broken))
        return f"{self.who}: {self.name} {self.about}" + (f" [breaks {breaks}]" if breaks else "")


Family = Callable[[World], Act | None]


def chosen(world: World, family: Family, *, forbidden: bool) -> Act | None:
    """One act of a family, permitted or forbidden as wished where a few tries find one."""
    last = None
    for _ in range(TRIES):
        act = family(world)
        last = act or last
        if act is not None and bool(act.broken) == forbidden:
            return act
    return last


# -- drawing ------------------------------------------------------------------------------------


def draw(world: World) -> Random:
    """What decides this act."""
    return world.chance.draw


def able(world: World, side: str | None = None) -> list[str]:
    """Who has a key to sign with, of one side or of both."""
    return [
        name for name, actor in world.people.items()
        if side in (None, world.side(name)) and world.active(actor)
    ]  # fmt: skip


def somebody(world: World, *fitting: str, side: str | None = None) -> str:
    """One of those whose work it is, or anybody."""
    people = able(world, side)
    usual = [name for name in fitting if name in people]
    if usual and draw(world).random() < 0.8:
        return draw(world).choice(usual)
    return draw(world).choice(people)


def one_of(world: World, things: Sequence[str]) -> str:
    """One thing; mostly one of the newest, so that something comes to an end."""
    if draw(world).random() < 0.7:
        things = things[-12:]
    return draw(world).choice(things)


def a_record(world: World) -> str:
    """Some record, whatever became of it; "" if there is none."""
    records = list(world.book.records)
    return one_of(world, records) if records else ""


def a_copy(world: World) -> str:
    """Some copy, whatever became of it; "" if there is none."""
    copies = list(world.book.copies)
    return one_of(world, copies) if copies else ""

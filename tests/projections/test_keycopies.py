"""The register of copies of keys: as the rules see them, in any batching, at every entry."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec import UNSET

from domain.keycopy import KeyCopyState
from ledger.effects.certifying import _fate
from projections import keycopies
from tests.domain.words import (
    clear_key_copy,
    destroy_key_copy,
    escrow,
    execute,
    expire_backup,
    make_backup,
    propose,
    register_key_copy,
)
from tests.domain.worlds import Said
from tests.projections.histories import START, History, empty_tables, project, rebuilt

ALL = 1000
MEDIA = ("disk_external", "usb_flash")


class KeyWalk:
    """Keys shredded and copied at random; every event about copies is one that rules permit."""

    def __init__(self, seed: int) -> None:
        self.draw, self.history = random.Random(seed), History()
        new = self.history.new
        self.keys = sorted(new("key") for _ in range(40))
        self.cases = [new("destruction_case") for _ in range(3)]
        self.backup = new("backup")
        self.shredded: set[str] = set()
        self.history.begin()
        for case in self.cases:
            self.says(propose(case, [new("holding")]))
        self.says(make_backup(self.backup, [new("holding")]))

    def says(self, said: Said) -> None:
        self.history.add(said.kind, said.stream, **said.fields)

    def register(self) -> Said:
        copy, kind = self.history.new("keycopy"), self.draw.choice(["backup", "escrow", "live"])
        about = {"medium": self.draw.choice(MEDIA), "made_at": self.history.accepted}
        if kind == "escrow" and self.draw.random() < 0.5:
            return escrow(copy, self.history.party, self.draw.sample(self.keys, 3), **about)
        through = UNSET if kind == "live" else self.draw.choice(self.keys)
        said = register_key_copy(copy, self.history.party, "")
        return said.but(kind=kind, through=through, **about)

    def shred(self) -> Said | None:
        fresh = [key for key in self.draw.sample(self.keys, 4) if key not in self.shredded]
        self.shredded.update(fresh)
        if fresh and self.draw.random() < 0.2:
            return expire_backup(self.backup, self.history.new("holding")).but(keys=fresh)
        case = self.draw.choice(self.cases)
        return execute(case, [self.history.new("holding")], [], keys=fresh) if fresh else None

    def end(self) -> Said | None:
        there = [state for state in states(self.history).values() if state.there]
        if not there:
            return None
        state = self.draw.choice(there)
        if self.draw.random() < 0.3:
            return destroy_key_copy(state.stream, technique="shred_media")
        due = [key for key in due_in(self.history, state) if self.draw.random() < 0.7]
        return clear_key_copy(state.stream, *due) if due and state.kind == "backup" else None


def walk(seed: int, acts: int = 60) -> History:
    walking = KeyWalk(seed)
    for _ in range(acts):
        act = walking.draw.choice([
            walking.register, walking.shred, walking.shred, walking.end, walking.end,
        ])  # fmt: skip
        if (said := act()) is not None:
            if walking.draw.random() < 0.7:
                walking.history.begin()
            walking.says(said)
    return walking.history


def states(history: History) -> dict[str, KeyCopyState]:
    return {
        name: state
        for name, state in history.book.states.items()
        if isinstance(state, KeyCopyState)
    }


def due_in(history: History, state: KeyCopyState) -> list[str]:
    """What should be gone from a copy and is not said to be, by the folds."""
    every = {key for _, _, event in history.book.events for key in getattr(event, "keys", ())}
    found = history.book.shredded(frozenset(every))
    return sorted(k for k, s in found.items() if state.covers(k, s.accepted) - (k in state.cleared))


@pytest.mark.parametrize("seed", range(12))
def test_copies_of_keys_are_as_the_rules_see_them(seed: int) -> None:
    history = walk(seed)
    with project(empty_tables(), history.recorded, 7, 1, 11) as connection:
        told = {copy.copy: copy for copy in keycopies.listed(connection, limit=ALL)}
        known = states(history)
        assert told.keys() == known.keys()
        assert set(keycopies.there(connection)) == history.book.key_copies()
        for name, copy in told.items():
            state = known[name]
            assert (copy.kind, copy.medium, copy.through or "") == (
                state.kind, state.medium, state.through,
            )  # fmt: skip
            assert (copy.listed, copy.technique or "") == (len(state.keys), state.destroyed)
            assert (copy.cleared, copy.there) == (len(state.cleared), state.there)
            due, after = [], None
            while page := keycopies.due(connection, name, limit=2, after=after):
                due += page
                after = page[-1]
            assert due == due_in(history, state)
            assert keycopies.all_cleared(connection, name) == sorted(state.cleared)
        keys = frozenset(k for _, _, e in history.book.events for k in getattr(e, "keys", ()))
        found = {k: (s, at) for k, s, at in keycopies.shredded(connection, keys)}
        assert found == {k: (s.stream, s.accepted) for k, s in history.book.shredded(keys).items()}


@pytest.mark.parametrize("seed", range(12))
def test_the_fate_of_a_cases_keys_is_what_the_rules_make_of_it(seed: int) -> None:
    history = walk(seed)
    shredded = history.book.shredded(
        frozenset(k for _, _, e in history.book.events for k in getattr(e, "keys", ()))
    )
    with project(empty_tables(), history.recorded) as connection:
        for case in {said.stream for said in shredded.values()}:
            own = {k: s for k, s in shredded.items() if s.stream == case}
            told = {c.copy: (c, fate) for c, fate in keycopies.covering(connection, case)}
            for name, state in states(history).items():
                covered = [k for k, s in own.items() if state.covers(k, s.accepted)]
                assert (name in told) == bool(covered)
                if not covered:
                    continue
                copy, fate = told[name]
                assert (fate.covered, fate.cleared) == (
                    len(covered), len(state.cleared.intersection(covered)),
                )  # fmt: skip
                left = state.there and not all(map(state.rid_of, covered))
                assert (_fate(copy, fate) in ("left", "medium_keeps")) == left


@pytest.mark.parametrize("seed", range(4))
def test_any_batching_gives_the_same_tables(seed: int) -> None:
    events, draw = walk(seed).recorded, random.Random(seed)
    whole = rebuilt(events)
    for _ in range(4):
        assert rebuilt(events, *(draw.randrange(1, 9) for _ in events)) == whole


@pytest.mark.parametrize("seed", range(6))
def test_as_of_every_entry_the_copies_are_as_they_were(seed: int) -> None:
    events = walk(seed, 40).recorded
    cases = sorted({r.event.stream for r in events if not r.event.stream.startswith("keycopy")})

    def answers(connection: Any, entry: int | None) -> list[Any]:
        return [
            keycopies.listed(connection, limit=ALL, entry=entry),
            [keycopies.covering(connection, case, entry=entry) for case in cases],
        ]

    with project(empty_tables(), events, 5, 3) as whole, empty_tables() as then:
        for entry in range(events[-1].entry + 1):
            project(then, [r for r in events if r.entry == entry])
            assert answers(whole, entry) == answers(then, None)
    assert events[0].accepted == START

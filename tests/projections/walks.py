"""Random acts over records, copies and people, as the rules of the domain permit them.

A walk tries acts; every event is judged by the rules of its class, with everybody's signature under
it, against the plain folds of what was recorded. What they refuse is not recorded: so the views are
shown what a ledger can hold, and nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any, TypeVar

from domain.copies import HoldingState
from domain.judging import Case, Signer, State, Statement, World, rules_for
from domain.record import RecordState
from domain.values import SealedRef, later
from tests.domain.books import Ledger
from tests.domain.worlds import (
    Person,
    Said,
    archive,
    classify,
    collect,
    correct,
    create_holding,
    give_back,
    lose,
    move,
    policy,
    reclassify,
    retain,
    review,
)
from tests.projections.histories import START, History

_S = TypeVar("_S", bound=State)

CATEGORIES = ("transaction.order", "contract", "communication", "basic_info")
TRIGGERS = ("transaction_completed", "contract_ended", "created", "relationship_ended")
DAYS = ("2001-01-31", "2026-01-31")


class Present(World):
    """What was recorded, read where it stands."""

    def preload(self, streams: Iterable[str]) -> None:
        """Everything is there."""

    def state(self, stream: str, kind: type[_S]) -> _S | None:
        assert isinstance(self.source, Ledger)
        state = self.source.states.get(stream)
        return state if isinstance(state, kind) else None


def standing(history: History, *signers: Signer) -> Case:
    """What the rules are shown: a ledger as it stands, and who signs."""
    statement = Statement("0" * 32, history.entry, history.accepted, history.entry, None, signers)
    return Case(Present(history.book), policy(), statement)


class Walker:
    """A history, who takes part in it, and how they try what the rules may permit."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.history = history = History().open()
        self.buyer = history.register_party(history.new("party"))
        self.wang = Person(history.admin, history.party)
        self.li = self._person("finance")
        self.zhao = self._person("legal")
        self.chen = self._person("it")
        self.qian = self._person("sales")
        self.wu = self._person("management")
        self.he = self._person("sales", self.buyer)
        self.ma = self._person("management", self.buyer)
        self.fang = self._person("sales", self.buyer)

    def _person(self, function: str, party: str | None = None) -> Person:
        actor = self.history.register_actor(self.history.new("actor"), function, party)
        return Person(actor, party or self.history.party)

    @property
    def case(self) -> Case:
        """The ledger as it stands, signed by everybody."""
        signers = [
            (self.li, "approver"), (self.zhao, "approver"), (self.wang, "custodian"),
            (self.qian, "seller_handler"), (self.he, "buyer_handler"), (self.wu, "supervisor"),
            (self.ma, "supervisor"),
        ]  # fmt: skip
        everybody = (
            Signer("", who.key.id if who.keys else "", capacity, who.actor)
            for who, capacity in signers
        )
        return standing(self.history, *everybody)

    def case_for(self, _: Said) -> Case:
        """The ledger as it stands, signed by whoever signs such a thing."""
        return self.case

    def tries(self, who: Person, role: str, *said: Said, **envelope: Any) -> bool:
        """Record what somebody says, as far as the rules permit it; whether all of it."""
        for one in said:
            told = {"by": who.actor, "role": role, **one.fields, **envelope}
            event = self.history.event(one.kind, one.stream, **told)
            case = self.case_for(one)
            if any(refusal for judge in rules_for(one.kind) for refusal in judge(case, event)):
                return False
            self.history.record(event)
        return True

    def all(self, kind: type[_S]) -> list[_S]:
        """The states of one kind, in order of their creation."""
        return [state for state in self.history.book.states.values() if isinstance(state, kind)]

    def one(self, kind: type[_S]) -> _S | None:
        """One of them."""
        found = self.all(kind)
        return self.draw.choice(found) if found else None

    def some(self, kind: type[State], most: int) -> list[str]:
        """A few of them, by their streams."""
        found = [state.stream for state in self.all(kind)]
        return self.draw.sample(found, min(most, len(found)))

    def some_copies(self, most: int = 3) -> list[str]:
        """A few of one's own copies that are there."""
        there = [
            copy.stream
            for copy in self.all(HoldingState)
            if copy.there and copy.custodian == self.history.party
        ]
        return self.draw.sample(there, min(len(there), self.draw.randint(1, most)))


class RecordWalk(Walker):
    """What happens to records and copies day by day, and to people and keys."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__(draw)
        self.actors: dict[str, int | None] = {self.history.admin: 3}
        self.held: set[tuple[str, str]] = set()
        self.number = 10
        self.acts = [
            *[self.collect] * 3, self.collect_table, *[self.ready] * 4, self.review, self.classify,
            self.reclassify, self.reclassify, self.retain, self.retain, self.archive,
            self.correct, self.copy, self.move, self.leave, self.person, self.role,
            *[self.keys] * 2, self.void,
        ]  # fmt: skip

    def collect(self) -> None:
        new, chosen = self.history.new, self.draw.choice
        form = chosen(["electronic_native", "paper"])
        copy = new("holding")
        fields = {"category": chosen(CATEGORIES), "notice": chosen([*["given"] * 4, "missing"])}
        own = SealedRef(key=new("key"), root="0" * 64, digest="1" * 64)
        lies = create_holding(copy, self.history.party, form=form, sealed=own)
        size = self.draw.randrange(10**6)
        self.tries(self.wang, "collector", lies,
                   collect(new("record"), copy, form=form, size=size, **fields))  # fmt: skip

    def collect_table(self) -> None:
        copy = self.history.new("holding")
        rows = [
            collect(self.history.new("record"), copy, row=row, method="table_rows",
                    category=self.draw.choice(CATEGORIES[:2]))
            for row in range(1, self.draw.randrange(2, 6))
        ]  # fmt: skip
        self.tries(self.wang, "collector", create_holding(copy, self.history.party), *rows)

    def _record(self) -> RecordState | None:
        return self.one(RecordState)

    def ready(self) -> None:
        """Everything that a record needs before it is given away or destroyed."""
        if record := self._record():
            self.tries(self.li, "reviewer", review(record.stream))
            axes = self._axes(record) | {"level": "general_1"}
            self.tries(self.wang, "archivist", classify(record.stream, **axes))
            triggers = {r.trigger for r in policy().retention_for(record.traits)}
            for trigger in sorted(trigger for trigger in triggers if trigger):
                self.tries(self.wang, "archivist", retain(record, trigger, DAYS[0]))

    def _axes(self, record: RecordState) -> dict[str, Any]:
        chosen = self.draw.choice
        more: dict[str, Any] = chosen([
            {}, {}, {"business_area": "finance"}, {"relationship": "former"},
            {"sensitivity": "sensitive_pi", "sensitive_kinds": ["biometric"]},
        ])  # fmt: skip
        others = [code for code in CATEGORIES if code != record.categories[0]]
        categories = chosen([list(record.categories), [record.categories[0], chosen(others)]])
        return {"categories": categories, "level": chosen(["general_1", "important"]), **more}

    def review(self) -> None:
        if record := self._record():
            result = self.draw.choice(["pass", "fail"])
            self.tries(self.li, "reviewer", review(record.stream, result))

    def classify(self) -> None:
        if record := self._record():
            self.tries(self.wang, "archivist", classify(record.stream, **self._axes(record)))

    def reclassify(self) -> None:
        if record := self._record():
            self.tries(self.wang, "archivist", reclassify(record, **self._axes(record)))

    def retain(self) -> None:
        if record := self._record():
            trigger, day = self.draw.choice(TRIGGERS), self.draw.choice(DAYS)
            self.tries(self.wang, "archivist", retain(record, trigger, day))

    def archive(self) -> None:
        if record := self._record():
            self.tries(self.wang, "archivist", archive(record.stream))

    def correct(self) -> None:
        if record := self._record():
            for copy in self.some_copies()[:1]:
                size = self.draw.randrange(10**6)
                self.tries(self.chen, "collector", correct(record, copy, size=size))

    def copy(self) -> None:
        if record := self._record():
            made = create_holding(self.history.new("holding"), self.history.party,
                                  record=record.stream, made_from=record.holdings[-1])  # fmt: skip
            self.tries(self.wang, "custodian", made)

    def move(self) -> None:
        for copy in self.some_copies():
            fields = self.draw.choice([{}, {"medium": "tape"}, {"custodian": self.buyer}])
            self.tries(self.wang, "custodian", move(copy, **fields))

    def leave(self) -> None:
        for copy in self.some_copies()[:2]:
            how = self.draw.choice([lose(copy), give_back(copy, self.buyer)])
            self.tries(self.wang, "custodian", how)

    def person(self) -> None:
        actor = self.history.register_actor(self.history.new("actor"), "sales")
        self.actors[actor] = None

    def role(self) -> None:
        held = self.draw.choice(sorted(self.actors)), self.draw.choice(["collector", "reviewer"])
        if held in self.held:
            self.held.remove(held)
            self.history.revoke_role(*held)
        else:
            self.held.add(held)
            self.history.grant(*held)

    def keys(self) -> None:
        actor = self.draw.choice(sorted(self.actors))
        old, self.number = self.actors[actor], self.number + 1
        if old is None:
            self.history.enrol(actor, self.number)
            self.actors[actor] = self.number
        elif self.draw.random() < 0.5:
            self.history.rotate(actor, old, self.number)
            self.actors[actor] = self.number
        elif self.draw.random() < 0.5:
            self.history.revoke_key(actor, old)
            self.actors[actor] = None
        else:
            self.history.compromise(actor, old, later(START, seconds=self.draw.randrange(600)))

    def void(self) -> None:
        self.history.void(f"{self.draw.getrandbits(128):032x}")

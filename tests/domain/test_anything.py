"""A modified client sends whatever is well formed: judging answers, and never falls over.

Events of every class are drawn from their own types, about things that are there, things that are
not, and things of other parties, and are signed by everybody that it takes. Some are permitted;
they are recorded, and the next ones meet what they left behind.
"""

from __future__ import annotations

import copy
import random
import re
from functools import cache
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

import pytest
from msgspec import UNSET, Struct, UnsetType

from domain import TOPICS
from domain.answers import Accesses, Contents, Keys
from domain.commit import judge_commit
from domain.copies import HoldingState
from domain.destruction import CaseState, DestructionCertified, DisposalAppraised
from domain.handover import HandoverState
from domain.judging import RULE_CODES, World
from domain.listing import ListState, list_root
from domain.values import Event, Form, Time, later, malformed
from ledger.verification.keyhistory import IDENTITY
from tests.domain.audit_words import open_audit, raise_finding
from tests.domain.books import Ledger
from tests.domain.estates import Estate
from tests.domain.words import FAR, place_hold
from tests.domain.worlds import SALT, SEALED, START, Person, Said, policy

SEEDS = (1, 2, 3, 4)
ENVELOPE = set(Event.__struct_fields__)


class Audited(Estate):
    """With Feng, who audits it from outside, and Tang, who does so from inside."""

    feng: Person
    tang: Person

    @classmethod
    def open(cls, keystore: str | None = "disk_internal", mode: str = "merger") -> Self:
        estate = super().open(keystore, mode)
        firm = estate.another_firm()
        estate.feng = estate.hire("external_auditor", party=firm, function="external")
        estate.tang = estate.hire("internal_auditor", function="legal")
        return estate

    def audited(self) -> None:
        """An audit with a finding that is to be set right."""
        audit = self.new("audit")
        said = open_audit(audit, self.tang, self.party, entry=len(self.book.accepted) - 1)
        self.does(self.tang, "internal_auditor", said)
        self.does(self.tang, "internal_auditor", raise_finding(audit, self.wang))


@cache
def _lived_in() -> Audited:
    """A house in which everything is under way: a handover, a case, a hold, a backup, a scan."""
    estate = Audited.open()
    ripe = [estate.holding_of(estate.ripe()) for _ in range(4)]
    estate.scanned()
    table, _ = estate.table(2)
    estate.copied(ripe[0], table)
    estate.granted(estate.zhou, estate.inside(ripe[0]))
    estate.approved(ripe[1])
    estate.executed(ripe[2])
    estate.released(estate.holding_of(estate.ready()))
    estate.does(estate.zhao, "dpo", place_hold(estate.new("hold"), ripe[3]))
    estate.audited()
    return estate


class Client:
    """Somebody who has read the types of events and nothing else."""

    def __init__(self, estate: Audited, seed: int) -> None:
        self.estate = estate
        self.draw = random.Random(seed)

    def stream(self, prefix: str) -> str:
        """A thing of this kind, mostly one that is there."""
        known = [s for s in self.estate.book.states if s.startswith(f"{prefix}-")]
        if known and self.draw.random() < 0.9:
            return self.draw.choice(known)
        return self.estate.new(prefix)

    def text(self, pattern: str) -> str:
        if prefixes := re.match(r"\(\?:([a-z|]+)\)-", pattern):
            return self.stream(self.draw.choice(prefixes[1].split("|")))
        if pattern.startswith("[a-z_]{3,24}-[0-9a-f]{8}") and pattern.endswith("{12}"):
            return self.draw.choice([*self.estate.book.states, self.estate.new("record")])
        if pattern.startswith("[a-z_]{3,24}-") and pattern.endswith(")?"):
            return f"{self.stream('record')}/{self.draw.randint(1, 4)}"
        if prefix := re.match(r"([a-z_]+)-\[0-9a-f\]\{8\}", pattern):
            return self.stream(prefix[1])
        if pattern.endswith("/[1-9][0-9]{0,15}"):
            return f"{self.stream('record')}/{self.draw.randint(1, 4)}"
        if pattern == "[0-9a-f]{64}":
            cases = (s for s in self.estate.book.states.values() if isinstance(s, ListState))
            return self.draw.choice([*(case.root for case in cases), "0" * 64])
        if pattern == Time.__metadata__[0].pattern:  # type: ignore[attr-defined]
            return self.draw.choice([START, self.estate.now, FAR, later(self.estate.now, days=9)])
        fixed = {
            "-(0[1-9]|1": "2027-01-31", "[A-Za-z0-9_-]{42}": "A" * 43, "[0-9a-f]{32}": "0" * 32,
            "[0-9a-f]{8}": "0" * 8, "[0-9A-Za-z.+-]{0,31}": "1", "[a-z0-9.-]+(/": "a/b",
            "[A-Z]{2}-": "XH-20261121-0001", "a-z0-9_.-]{0,63}": "no_grant",
            "{2,4000}": "AAAA", "[0-2](": "1.2.3", "[AQgw]": SALT,
        }  # fmt: skip
        return next(text for part, text in fixed.items() if part in pattern)

    def value(self, hint: Any) -> Any:
        """A value of a type."""
        notes: tuple[Any, ...] = ()
        if get_origin(hint) is Annotated:
            notes, hint = hint.__metadata__, hint.__origin__
            forms = [note for note in notes if isinstance(note, Form)]
            if forms:
                return self.text(forms[0].pattern)
        if get_origin(hint) is Literal:
            return self.draw.choice(get_args(hint))
        if get_origin(hint) is list:
            least = max((getattr(note, "min_length", 0) or 0 for note in notes), default=0)
            size = self.draw.choice([least, 1, 1, 2, 3])
            return [self.value(get_args(hint)[0]) for _ in range(max(size, least))]
        if UnsetType in get_args(hint):
            (inner,) = (part for part in get_args(hint) if part is not UnsetType)
            return self.value(inner) if self.draw.random() < 0.5 else UNSET
        if isinstance(hint, type) and issubclass(hint, Struct):
            if hint is type(SEALED):
                return SEALED
            known = get_type_hints(hint, include_extras=True)
            return hint(**{n: self.value(known[n]) for n in hint.__struct_fields__})
        return self.draw.choice([True, False]) if hint is bool else self.draw.randint(1, 3)

    def said(self, kind: type[Event]) -> Said:
        hints = get_type_hints(kind, include_extras=True)
        own = [name for name in kind.__struct_fields__ if name not in ENVELOPE]
        fields = {name: self.value(hints[name]) for name in own}
        for name in ("purpose", "sealed"):
            fields[name] = self.value(hints[name])
        if "count" in fields and "items" in fields:  # a list of one part, as anybody can make it
            fields |= {"count": len(fields["items"]), "root": list_root(fields["items"])}
        return Said(kind, self.value(hints["stream"]), fields)

    def signers(self, kind: type[Event]) -> tuple[Person, str, list[tuple[Person, str]]]:
        """Somebody in a role that permits it, and often everybody who might have to sign."""
        estate, roles = self.estate, sorted(kind.ROLES) or ["collector", "custodian"]
        people = {
            "administrator": estate.wang, "collector": estate.zhou, "custodian": estate.wang,
            "archivist": estate.wang, "reviewer": estate.li, "approver": estate.zhao,
            "dpo": estate.zhao, "seller_handler": estate.qian, "buyer_handler": estate.he,
            "supervisor": estate.wu, "destruction_operator": estate.chen,
            "destruction_witness": estate.sun, "security_officer": estate.sun,
            "external_auditor": estate.feng, "internal_auditor": estate.tang,
        }  # fmt: skip
        role = self.draw.choice([r for r in roles if r in people])
        who = estate.lin if role in ("custodian", "archivist") and self.draw.random() < 0.2 else (
            people[role]
        )  # fmt: skip
        everybody = [
            (estate.li, "approver"), (estate.lin, "custodian"), (estate.he, "buyer_handler"),
            (estate.qian, "seller_handler"), (estate.wu, "supervisor"), (estate.ma, "supervisor"),
        ]  # fmt: skip
        if self.draw.random() < 0.6:
            return who, role, []
        return who, role, [(p, r) for p, r in everybody if p.actor != who.actor]


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_well_formed_is_judged(seed: int) -> None:
    print(f"seed {seed}")
    estate = copy.deepcopy(_lived_in())
    client, kinds = Client(estate, seed), [TOPICS[topic] for topic in sorted(TOPICS)]
    permitted = set()
    for turn in range(1200):
        kind = kinds[turn % len(kinds)]
        said = [client.said(kind) for _ in range(client.draw.choice([1, 1, 1, 2]))]
        who, role, beside = client.signers(kind)
        statement, events = estate.statement(who, role, said, beside=beside)
        assert not any(map(malformed, events))
        world = World(estate.book)
        refusals = judge_commit(world, policy(), statement, events)
        assert all(RULE_CODES[refusal.rule] == refusal.code for refusal in refusals)
        if not refusals:
            permitted.add(kind)
            estate.book.record(world, statement, events)
            estate.now = later(estate.now, seconds=60)
    assert len(permitted) > 12, "drawn too wildly to reach anything"
    _nothing_forbidden(estate.book)


class Bare(Ledger):
    """A ledger as verification sees it: who is who, and nothing of what is kept."""

    def __init__(self, whole: Ledger) -> None:
        self.__dict__ = whole.__dict__

    def contents(self, holding: str) -> Contents:
        raise AssertionError(holding)

    def copies_of_contents(self, holding: str) -> frozenset[str]:
        raise AssertionError(holding)

    def keys(self, holding: str) -> Keys:
        raise AssertionError(holding)

    def keys_elsewhere(self, keys: frozenset[str], streams: frozenset[str]) -> frozenset[str]:
        raise AssertionError(keys, streams)

    def restricted_under(self, keys: frozenset[str]) -> frozenset[str]:
        raise AssertionError(keys)

    def accesses(self, engagement: str, first: str, last: str) -> Accesses:
        raise AssertionError(engagement)


def _nothing_forbidden(book: Ledger) -> None:
    """What must hold, however it came about."""
    again = Ledger()
    for statement, events in book.commits:
        world = World(again)
        if {type(event) for event in events} <= IDENTITY:  # what verification judges again
            assert judge_commit(World(Bare(again)), policy(), statement, events) == []
        assert judge_commit(world, policy(), statement, events) == []
        again.record(world, statement, events)
    assert again.states == book.states
    told = [event for _, _, event in book.events]
    for state in book.states.values():
        if isinstance(state, CaseState) and state.begun:
            assert len(set(state.approvals) - {state.proposer}) >= 2
        if isinstance(state, HandoverState):
            whole = set(state.items.values()) == {"confirmed"}
            assert whole == (state.step == "confirmed")
            assert not whole or state.matched
            assert all(isinstance(book.states[item], HoldingState) for item in state.items)
    for event in told:
        if isinstance(event, DisposalAppraised):
            case = book.states[event.stream]
            assert isinstance(case, CaseState)
            assert case.proposer != event.by
        if isinstance(event, DestructionCertified):
            case = book.states[event.stream]
            assert isinstance(case, CaseState)
            assert all(case.verified.get(item) == "pass" for item in case.kept)

"""A ledger in memory, without storage and signatures, told in the trade's words.

`Firm` is the small cleaning firm 洁净保洁 with its ledger: whoever works for it says something,
and `domain.commit.judge_commit` judges it as it would in the recording transaction. What it permits
is folded, what it refuses changes nothing.

>>> firm = Firm.open()
>>> record = firm.collect()
>>> firm.judge(firm.wang, "collector", review(record))
['role_does_not_permit', 'verifier_is_collector']
>>> firm.does(firm.li, "reviewer", review(record))
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple, Self

from msgspec import UNSET

from domain.actor import (
    ActorKeyCompromised,
    ActorKeyEnrolled,
    ActorKeyRevoked,
    ActorKeyRotated,
    ActorRegistered,
    RoleGranted,
    RoleRevoked,
)
from domain.commit import judge_commit
from domain.engagement import EngagementOpened
from domain.holding import HoldingCreated, HoldingLost, HoldingMoved, HoldingReturned
from domain.judging import Refusal, Signer, Statement, World
from domain.ledger import DraftVoided, LedgerInitialized, LedgerKeyRotated, PolicyAdopted
from domain.party import PartyRegistered
from domain.policy import Policy, parse_policy
from domain.record import (
    RecordArchived,
    RecordClassified,
    RecordCollected,
    RecordCorrected,
    RecordReclassified,
    RecordState,
    RecordVerified,
    RetentionAssigned,
)
from domain.retention import Assignment
from domain.values import Event, Key, SealedRef, later
from tests.domain.books import Ledger

ORIGIN = "clean.example/ledger"
START = "2026-11-21T09:00:00.000Z"
SALT = "A" * 22
SEALED = SealedRef(key="key-019390a1-7e30-7c3a-8d5e-0000000000aa", root="0" * 64, digest="1" * 64)
ROW = SealedRef(key="key-019390a1-7e30-7c3a-8d5e-0000000000ab", root="0" * 64)


@cache
def policy() -> Policy:
    """The pack that ships with this version."""
    pack = resources.files("domain") / "policies" / "cn-default-2026.toml"
    return parse_policy(pack.read_bytes())


class Said(NamedTuple):
    """What somebody says: an event without the envelope that every event has."""

    kind: type[Event]
    stream: str
    fields: dict[str, Any]

    def but(self, **fields: Any) -> Said:
        """The same, told differently in some fields."""
        return Said(self.kind, self.stream, {**self.fields, **fields})


class Person:
    """Somebody with an actor id and act keys, the newest of which signs."""

    def __init__(self, actor: str, party: str) -> None:
        self.actor = actor
        self.party = party
        self.keys: list[Key] = []

    @property
    def key(self) -> Key:
        """The key that signs."""
        return self.keys[-1]

    def signing_with(self, key: Key) -> Person:
        """The same person, holding another key in the hand."""
        person = Person(self.actor, self.party)
        person.keys = [key]
        return person


DONE = {"started_at", "ended_at", "released_at", "received_at", "effective_at"}


class Firm:
    """The firm, its ledger and its people: Wang runs it, Li and Zhao review and approve."""

    wang: Person
    li: Person
    zhao: Person

    def __init__(self) -> None:
        self.book = Ledger()
        self.now = START
        self._ids = 0
        self._keys = 0
        self.ledger = self.new("ledger")
        self.party = self.new("party")
        self.routine = self.new("engagement")
        self.wang = Person(self.new("actor"), self.party)
        self.checkpoint_key = self.new_key(ORIGIN, "checkpoint")
        self.seal_key = self.new_key(ORIGIN, "seal")

    @classmethod
    def open(cls) -> Self:
        """The firm with its ledger open and its three people registered."""
        firm = cls()
        firm.does(firm.wang, "administrator", *firm.opening(), possession=[firm.checkpoint_key])
        firm.li = firm.hire("reviewer", "approver", function="finance")
        firm.zhao = firm.hire("reviewer", "approver", "dpo", function="legal")
        return firm

    # -- ids and keys

    def new(self, aggregate: str) -> str:
        """A fresh id of a stream."""
        self._ids += 1
        return f"{aggregate}-019390a1-7e30-7c3a-8d5e-{self._ids:012x}"

    def new_key(self, name: str, purpose: Any = "act", **fields: Any) -> Key:
        """A fresh public key; nothing is signed with it here."""
        self._keys += 1
        kind = "p256" if purpose == "seal" else "ed25519"
        form = {
            "name": name, "id": f"{self._keys:08x}", "kind": kind, "purpose": purpose,
            "public": f"{self._keys:043d}", **fields,
        }  # fmt: skip
        if form["kind"] != "ed25519":
            form.setdefault("proof", "AA")
        return Key(**form)

    def key_for(self, person: Person, purpose: Any = "act", **fields: Any) -> Key:
        """A fresh key under a person's name."""
        return self.new_key(f"{ORIGIN}/a/{person.actor}", purpose, **fields)

    # -- opening

    def opening(self) -> list[Said]:
        """Entry 0: ledger, party, first actor with key and roles, policy, routine engagement."""
        first, header = self.wang, policy().header
        first.keys = first.keys or [self.key_for(first)]
        return [
            Said(LedgerInitialized, self.ledger, {
                "origin": ORIGIN, "owner": self.party, "jurisdiction": "cn", "software": "0.1.0",
                "nonce": "A" * 43, "checkpoint_key": self.checkpoint_key,
                "seal_key": self.seal_key,
            }),
            register_party(self.party),
            register(first),
            enrol(first, first.key),
            *(grant(first, role) for role in ("administrator", "collector", "custodian",
                                              "archivist")),
            Said(PolicyAdopted, self.new("policy"), {
                "pack": header.id, "pack_version": header.version, "digest": policy().digest,
                "effective_from": header.effective_from.isoformat(),
            }),
            Said(EngagementOpened, self.routine, {"kind": "routine"}),
        ]  # fmt: skip

    # -- saying

    def judge(self, who: Person, role: Any, *said: Said, **how: Any) -> list[str]:
        """The details of what refuses it; empty if it is permitted. Nothing is recorded."""
        return [refusal.detail for refusal in self.refusals(who, role, *said, **how)]

    def refusals(self, who: Person, role: Any, *said: Said, **how: Any) -> list[Refusal]:
        """As `judge`, whole."""
        statement, events = self.statement(who, role, said, **how)
        world = World(self.book)
        return judge_commit(world, policy(), statement, events)

    def does(self, who: Person, role: Any, *said: Said, **how: Any) -> None:
        """Record it; it must be permitted."""
        statement, events = self.statement(who, role, said, **how)
        world = World(self.book)
        refusals = judge_commit(world, policy(), statement, events)
        assert refusals == [], [str(refusal) for refusal in refusals]
        self.book.record(world, statement, events)
        self.now = later(self.now, seconds=60)

    def statement(
        self,
        who: Person,
        role: Any,
        said: Sequence[Said],
        *,
        beside: Sequence[tuple[Person, str]] = (),
        possession: Sequence[Key] = (),
        commit: str | None = None,
        seen: int | None = None,
        until: str | None = None,
        capacity: str | None = None,
        **envelope: Any,
    ) -> tuple[Statement, list[Event]]:
        """What is signed by `who` and those `beside`, and the events with their envelopes."""
        entry = len(self.book.accepted)
        joint = bool(beside)
        signers = [
            *(Signer(p.key.name, p.key.id, c, p.actor) for p, c in [(who, capacity or role),
                                                                    *beside]),
            *(Signer(k.name, k.id, "possession", self._holder(k)) for k in possession),
        ]  # fmt: skip
        statement = Statement(
            commit or f"{entry:032x}",
            entry,
            self.now,
            entry if seen is None else seen,
            until or (later(self.now, days=1) if joint else None),
            tuple(sorted(signers, key=lambda signer: (signer.name, signer.key_id))),
        )
        return statement, self._events(who, role, said, envelope)

    def _events(
        self, who: Person, role: Any, said: Sequence[Said], envelope: dict[str, Any]
    ) -> list[Event]:
        versions: dict[str, int] = {}
        events = []
        for one in said:
            state = self.book.states.get(one.stream)
            known = versions.get(one.stream, state.version if state else 0)
            versions[one.stream] = known + 1
            fields = {
                "stream": one.stream, "version": known + 1, "at": self.now, "by": who.actor,
                "role": role, "engagement": self.routine, "salt": SALT, **one.fields, **envelope,
            }  # fmt: skip
            for name in DONE & set(one.kind.__struct_fields__):
                fields.setdefault(name, self.now)  # done just now, if nothing else is said
            events.append(one.kind(**fields))
        return events

    def _holder(self, key: Key) -> str:
        return self.ledger if key.name == ORIGIN else key.name.rpartition("/a/")[2]

    # -- everyday work

    def hire(
        self,
        *roles: Any,
        party: str | None = None,
        by: Person | None = None,
        function: Any = "service",
    ) -> Person:
        """Register somebody with a first key and roles."""
        person = Person(self.new("actor"), party or self.party)
        person.keys.append(self.key_for(person))
        known = register(person, function=function)
        said = [known, enrol(person, person.key), *(grant(person, r) for r in roles)]
        self.does(by or self.wang, "administrator", *said, possession=[person.key])
        return person

    def another_firm(self) -> str:
        """Register a second party: the buyer."""
        party = self.new("party")
        self.does(self.wang, "administrator", register_party(party, party_role="buyer"))
        return party

    def holding(self, by: Person | None = None, **fields: Any) -> str:
        """A copy lies somewhere."""
        by = by or self.wang
        copy_ = self.new("holding")
        self.does(by, "custodian", create_holding(copy_, by.party, **fields))
        return copy_

    def collect(self, by: Person | None = None, **fields: Any) -> str:
        """A file or paper is collected: a copy and the record in it, in one commit."""
        by = by or self.wang
        copy_, record = self.new("holding"), self.new("record")
        lies = create_holding(copy_, by.party, form=fields.get("form", "electronic_native"))
        said = (lies, collect(record, copy_, **fields))
        self.does(by, "collector", *said)
        return record

    def holding_of(self, record: str) -> str:
        """The copy that a record's content was last taken from."""
        return self.record(record).holdings[-1]

    def record(self, record: str) -> RecordState:
        """A record as recorded now."""
        state = self.book.states[record]
        assert isinstance(state, RecordState)
        return state

    def ready(self, day: str = "2026-01-31", **fields: Any) -> str:
        """A record that can go to the archive: reviewed, classified, with a period from a day."""
        record = self.collect(**fields)
        self.does(self.li, "reviewer", review(record))
        self.does(self.wang, "archivist", classify(record))
        self.does(self.wang, "archivist", retain(self.record(record), day=day))
        return record

    def ready_of_nobody(self) -> str:
        """As `ready`; nobody stands in it."""
        record = self.ready()
        said = reclassify(self.record(record), sensitivity="non_personal")
        self.does(self.wang, "archivist", said, beside=[(self.li, "approver")])
        return record


# -- what people say ---------------------------------------------------------------------------


def register_party(party: str, **fields: Any) -> Said:
    form = {"kind": "company", "party_role": "seller", "jurisdiction": "cn", "sealed": SEALED}
    return Said(PartyRegistered, party, {**form, **fields})


def register(person: Person, **fields: Any) -> Said:
    form = {"party": person.party, "function": "service", "sealed": SEALED}
    return Said(ActorRegistered, person.actor, {**form, **fields})


def enrol(person: Person, key: Key, continuity: Any = "first") -> Said:
    return Said(ActorKeyEnrolled, person.actor, {"key": key, "continuity": continuity})


def rotate(person: Person, old: Key, key: Key) -> Said:
    return Said(ActorKeyRotated, person.actor, {"old_key": old.id, "key": key, "reason": "rotated"})


def revoke(person: Person, key: Key) -> Said:
    return Said(ActorKeyRevoked, person.actor, {"key": key.id, "reason": "lost"})


def report(person: Person, key: Key, since: str = START) -> Said:
    return Said(ActorKeyCompromised, person.actor, {"key": key.id, "suspected_since": since})


def grant(person: Person, role: Any, **fields: Any) -> Said:
    return Said(RoleGranted, person.actor, {"granted": role, **fields})


def dismiss(person: Person, role: Any) -> Said:
    return Said(RoleRevoked, person.actor, {"revoked": role, "reason": "role_ended"})


def rotate_ledger_key(firm: Firm, key: Key, old: Key | None = None) -> Said:
    old_key = (old or firm.checkpoint_key).id
    return Said(LedgerKeyRotated, firm.ledger, {"old_key": old_key, "key": key})


def void(draft: str, commit: str) -> Said:
    return Said(DraftVoided, draft, {"commit": commit})


def create_holding(holding: str, custodian: str, **fields: Any) -> Said:
    form = {
        "custodian": custodian, "form": "electronic_native", "medium": "disk_internal",
        "size": 4096, "items": 1, "encrypted": False, "sealed": SEALED,
    }  # fmt: skip
    return Said(HoldingCreated, holding, {**form, **fields})


def move(holding: str, **fields: Any) -> Said:
    return Said(HoldingMoved, holding, {"departed_at": START, "arrived_at": START, **fields})


def give_back(holding: str, party: str) -> Said:
    return Said(HoldingReturned, holding, {"to_party": party})


def lose(holding: str, discovered_at: str = START) -> Said:
    return Said(HoldingLost, holding, {"discovered_at": discovered_at})


def collect(record: str, holding: str, **fields: Any) -> Said:
    form = {
        "holding": holding, "category": "contract", "form": "electronic_native", "size": 4096,
        "items": 1, "basis": "pipl_13_2_contract", "notice": "given", "method": "folder_scan",
        "sealed": SEALED,
    }  # fmt: skip
    return Said(RecordCollected, record, {**form, **fields})


def correct(state: RecordState, holding: str | None = None, **fields: Any) -> Said:
    form = {
        "supersedes": state.content_event, "holding": holding or state.holdings[-1], "size": 5000,
        "items": 1, "reason": "recording_error", "sealed": SEALED,
    }  # fmt: skip
    return Said(RecordCorrected, state.stream, {**form, **fields})


def review(record: str, result: Any = "pass", **fields: Any) -> Said:
    return Said(RecordVerified, record, {"checks": ["accuracy"], "result": result, **fields})


AXES = {
    "categories": ["contract"], "level": "general_3", "sensitivity": "general_pi",
    "profile": "cn_strict",
}  # fmt: skip


def classify(record: str, **fields: Any) -> Said:
    return Said(RecordClassified, record, {**AXES, **fields})


def reclassify(state: RecordState, **fields: Any) -> Said:
    form = {**AXES, "supersedes": state.classification or f"{state.stream}/1"}
    return Said(RecordReclassified, state.stream, {**form, **fields})


def retain(
    state: RecordState, trigger: Any = "contract_ended", day: str = "2026-01-31", **fields: Any
) -> Said:
    """The period that the pack gives from that day on, or what `fields` say instead."""
    rules = [r.id for r in policy().retention_for(state.traits) if r.trigger in (None, trigger)]
    named = fields.get("rules", rules)
    given = policy().retention_until(named, state.categories, trigger, day)
    form: dict[str, Any] = {"rules": named, "trigger": trigger, "trigger_date": day}
    if isinstance(given, Assignment):
        form |= {
            "min_until": given.min_until or UNSET, "max_until": given.max_until or UNSET,
            "permanent": given.permanent, "conflict": given.conflict, "action": given.action,
        }  # fmt: skip
    else:
        form |= {"permanent": False, "conflict": False, "action": "review"}
    return Said(RetentionAssigned, state.stream, {**form, **fields})


def archive(record: str) -> Said:
    return Said(RecordArchived, record, {})

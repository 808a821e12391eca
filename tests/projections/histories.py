"""Small histories for the projections: valid events in order, as a ledger would hold them.

`History` is a ledger without signatures: it numbers events, entries and versions, and its acts are
named as in the field. Beside them it keeps a `tests.domain.books.Ledger`: what plain folds say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from domain.actor import (
    ActorKeyCompromised,
    ActorKeyEnrolled,
    ActorKeyRevoked,
    ActorKeyRotated,
    ActorRegistered,
    RoleGranted,
    RoleRevoked,
)
from domain.engagement import EngagementOpened
from domain.holding import HoldingCreated, HoldingLost, HoldingMoved, HoldingReturned
from domain.ledger import DraftVoided, LedgerInitialized, LedgerKeyRotated, PolicyAdopted
from domain.party import PartyRegistered
from domain.record import (
    RecordArchived,
    RecordClassified,
    RecordCollected,
    RecordCorrected,
    RecordReclassified,
    RecordVerified,
    RetentionAssigned,
)
from domain.values import Event, Key, later
from projections import METADATA
from projections import project as projected
from projections.comparison import digest
from projections.view import Recorded
from tests.domain.books import Ledger, fold
from tests.domain.worlds import DONE, Said

START = "2026-11-21T09:00:00.000Z"
SALT = "AAAAAAAAAAAAAAAAAAAAAA"
ORIGIN = "clean.example/ledger"


def empty_tables() -> sa.Connection:
    """A connection to a database in memory with the empty tables of every projection."""
    connection = sa.create_engine("sqlite://").connect()
    METADATA.create_all(connection)
    return connection


def project(connection: sa.Connection, events: list[Recorded], *sizes: int) -> sa.Connection:
    """Apply `events` in batches of the given sizes, the rest in one."""
    start = 0
    for size in [*sizes, len(events)]:
        if batch := events[start : start + size]:
            projected(connection, batch)
        start += size
    return connection


def rebuilt(events: list[Recorded], *sizes: int) -> dict[str, str]:
    """The digests of tables built from nothing but `events`."""
    with project(empty_tables(), events, *sizes) as connection:
        return digest(connection)


class Steps:
    """Counts how much work SQLite does, in thousands of its own steps."""

    def __init__(self, connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        self._taken = 0
        driver.set_progress_handler(self._step, 1000)

    def _step(self) -> int:
        self._taken += 1
        return 0

    def of(self, ask: Callable[[], object]) -> int:
        before = self._taken
        ask()
        return self._taken - before


class History:
    """A ledger in memory; each act is one entry and returns the id of what it is about."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []
        self.book = Ledger()
        self.entry = -1
        self._versions: Counter[str] = Counter()
        self._ids = 0
        self.party = self.new("party")
        self.admin = self.new("actor")
        self.ledger = self.new("ledger")
        self.routine = self.new("engagement")

    def new(self, aggregate: str) -> str:
        """A fresh id of a stream."""
        self._ids += 1
        number = (0x0193 << 112) | (self._ids * 0x9E3779B97F4A7C15 << 64) % (1 << 112)
        digits = (number & ~(0xF << 76) | 7 << 76) & ~(3 << 62) | 2 << 62 | self._ids
        return f"{aggregate}-{UUID(int=digits % (1 << 128))}"

    @property
    def accepted(self) -> str:
        """The accepted time of the current entry: a minute apart."""
        return later(START, seconds=60 * max(self.entry, 0))

    def begin(self) -> None:
        """The next entry."""
        self.entry += 1

    def add(self, topic: type[Event], stream: str, /, **fields: Any) -> str:
        """One more event of the current entry."""
        self.record(self.event(topic, stream, **fields))
        return stream

    def event(self, topic: type[Event], stream: str, /, **fields: Any) -> Event:
        """What would be the stream's next event; what takes time was done just now."""
        for name in DONE & set(topic.__struct_fields__):
            fields.setdefault(name, self.accepted)
        return topic(
            stream=stream,
            version=self._versions[stream] + 1,
            at=self.accepted,
            by=fields.pop("by", self.admin),
            role=fields.pop("role", "administrator"),
            engagement=fields.pop("engagement", self.routine),
            salt=SALT,
            **fields,
        )

    def says(self, *said: Said) -> None:
        """What somebody says, an entry each, without anybody's judgement."""
        for one in said:
            self.begin()
            self.add(one.kind, one.stream, **one.fields)

    def record(self, event: Event) -> None:
        """Write an event down."""
        self._versions[event.stream] += 1
        position = len(self.recorded) + 1
        self.recorded.append(Recorded(position, self.entry, self.accepted, event))
        fold(self.book.states, event, self.entry, self.accepted)
        self.book.events.append((self.entry, self.accepted, event))

    def key(self, holder: str, number: int, purpose: Any = "act") -> Key:
        """A public key that differs by number; nothing is signed with it."""
        name = ORIGIN if holder == self.ledger else f"{ORIGIN}/a/{holder}"
        kind: Any = "p256" if purpose == "seal" else "ed25519"
        public = f"{number:043d}"
        return Key(name=name, id=f"{number:08x}", kind=kind, purpose=purpose, public=public)

    def open(self) -> History:
        """Entry 0: ledger, party, first actor with key and role, policy, routine engagement."""
        self.begin()
        self.add(
            LedgerInitialized,
            self.ledger,
            origin=ORIGIN,
            owner=self.party,
            jurisdiction="cn",
            software="0.1.0",
            nonce="A" * 43,
            checkpoint_key=self.key(self.ledger, 1, "checkpoint"),
            seal_key=self.key(self.ledger, 2, "seal"),
        )
        self.register_party(self.party)
        self.register_actor(self.admin, "management")
        self.add(ActorKeyEnrolled, self.admin, key=self.key(self.admin, 3), continuity="first")
        self.grant(self.admin, "administrator")
        self.add(
            PolicyAdopted,
            self.new("policy"),
            pack="cn-cleaning",
            pack_version="1",
            digest="ab" * 32,
            effective_from="2026-11-21",
        )
        self.add(EngagementOpened, self.routine, kind="routine")
        return self

    def register_party(self, party: str) -> str:
        return self.add(
            PartyRegistered,
            party,
            kind="company",
            party_role="seller",
            jurisdiction="cn",
        )

    def register_actor(self, actor: str, function: Any, party: str | None = None) -> str:
        return self.add(ActorRegistered, actor, party=party or self.party, function=function)

    def grant(self, actor: str, role: Any, **fields: Any) -> str:
        return self.add(RoleGranted, actor, granted=role, **fields)

    def revoke_role(self, actor: str, role: Any) -> str:
        return self.add(RoleRevoked, actor, revoked=role, reason="left")

    def create_holding(self, holding: str, **fields: Any) -> str:
        return self.add(
            HoldingCreated,
            holding,
            role="collector",
            **{
                "custodian": self.party,
                "form": "electronic_native",
                "medium": "disk_internal",
                "size": 4096,
                "items": 1,
                "encrypted": True,
                **fields,
            },
        )

    def collect_into(self, holding: str, **fields: Any) -> str:
        return self.add(
            RecordCollected,
            self.new("record"),
            role="collector",
            holding=holding,
            **{
                "category": "transaction.order",
                "form": "electronic_native",
                "size": 1000,
                "items": 1,
                "basis": "pipl_13_2_contract",
                "notice": "given",
                "method": "folder_scan",
                **fields,
            },
        )

    def collect(self, **fields: Any) -> tuple[str, str]:
        """A file: a holding and the record in it; returns both ids, record first."""
        self.begin()
        holding = self.create_holding(self.new("holding"))
        return self.collect_into(holding, **fields), holding

    def collect_rows(self, rows: int, **fields: Any) -> tuple[list[str], str]:
        """A table: one holding and a record for each of its rows."""
        self.begin()
        holding = self.create_holding(self.new("holding"), items=rows)
        records = [
            self.collect_into(holding, row=row, size=10, **fields) for row in range(1, rows + 1)
        ]
        return records, holding

    def correct(self, record: str, holding: str, **fields: Any) -> str:
        return self.add(
            RecordCorrected,
            record,
            role="collector",
            supersedes=f"{record}/1",
            holding=holding,
            **{"size": 1100, "items": 2, "reason": "recording_error", **fields},
        )

    def review(self, record: str, result: Any = "pass") -> str:
        return self.add(RecordVerified, record, role="reviewer", checks=["accuracy"], result=result)

    def classify(self, record: str, *, again: bool = False, **fields: Any) -> str:
        more = {"supersedes": f"{record}/2"} if again else {}
        return self.add(
            RecordReclassified if again else RecordClassified,
            record,
            role="archivist",
            **{
                "categories": ["transaction.order", "communication"],
                "level": "general_2",
                "sensitivity": "general_pi",
                "profile": "cn_strict",
                **more,
                **fields,
            },
        )

    def retain(self, record: str, **fields: Any) -> str:
        return self.add(
            RetentionAssigned,
            record,
            role="archivist",
            **{
                "rules": ["acc.vouchers.30y"],
                "trigger": "created",
                "trigger_date": "2026-11-21",
                "min_until": "2056-11-21",
                "permanent": False,
                "conflict": False,
                "action": "destroy",
                **fields,
            },
        )

    def archive(self, record: str) -> str:
        return self.add(RecordArchived, record, role="archivist")

    def move(self, holding: str, **fields: Any) -> str:
        times = {"departed_at": self.accepted, "arrived_at": self.accepted}
        return self.add(HoldingMoved, holding, role="custodian", **times, **fields)

    def give_back(self, holding: str) -> str:
        return self.add(HoldingReturned, holding, role="custodian", to_party=self.party)

    def lose(self, holding: str) -> str:
        return self.add(HoldingLost, holding, role="custodian", discovered_at=self.accepted)

    def enrol(self, actor: str, number: int, purpose: Any = "act") -> str:
        key = self.key(actor, number, purpose)
        return self.add(ActorKeyEnrolled, actor, key=key, continuity="first")

    def rotate(self, holder: str, old: int, new: int) -> str:
        old_key = f"{old:08x}"
        if holder == self.ledger:
            key = self.key(holder, new, "checkpoint")
            return self.add(LedgerKeyRotated, holder, old_key=old_key, key=key)
        key = self.key(holder, new)
        return self.add(ActorKeyRotated, holder, old_key=old_key, key=key, reason="other")

    def revoke_key(self, actor: str, number: int) -> str:
        return self.add(ActorKeyRevoked, actor, key=f"{number:08x}", reason="left")

    def compromise(self, actor: str, number: int, since: str) -> str:
        return self.add(ActorKeyCompromised, actor, key=f"{number:08x}", suspected_since=since)

    def void(self, commit: str) -> str:
        return self.add(DraftVoided, self.new("draft"), commit=commit)

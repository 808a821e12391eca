"""One question about who could reach something: what it is asked of, and how its rows look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from ledger.audit.questions.span import Row, Times
from ledger.evidence import decode_event
from projections.persons import subject_records
from projections.tables import actors, inventory
from projections.view import id_of, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from projections.reviewing import Span


class Asked:
    """A connection, a span, and who is who."""

    def __init__(self, connection: sa.Connection, span: Span) -> None:
        self.connection = connection
        self.span = span
        self.times = Times(connection)
        self._parties: dict[str, str | None] = {}

    def before(self) -> int | None:
        """The position of the last event before the span."""
        if self.span.begin == 0:
            return None
        return self.connection.exec_driver_sql(
            "SELECT first + count - 1 FROM commits WHERE entry = ?", (self.span.begin - 1,)
        ).scalar()

    def owner(self) -> str:
        """The party that keeps the ledger, and with it the keystore: that of who opened it."""
        state = self.connection.exec_driver_sql(
            "SELECT state FROM events WHERE position = 1"
        ).scalar_one()
        return self.party_of(decode_event(bytes(state)).by) or ""

    def began(self, stream: str) -> str | None:
        """When the first event of a stream was accepted; None if there was none yet."""
        entry = self.connection.exec_driver_sql(
            "SELECT entry FROM events WHERE stream = ? AND version = 1", (key_of(stream),)
        ).scalar()
        return None if entry is None or entry > self.span.entry else self.times.at(entry)

    def engagement_of(self, record: str) -> str | None:
        """Under which a record was collected."""
        query = sa.select(inventory.c.engagement).where(inventory.c.record == key_of(record))
        found = self.connection.execute(query).scalar()
        return None if found is None else id_of("engagement", found)

    def subject_of(self, record: str) -> str | None:
        """Whom a record is about, as was found last."""
        s = subject_records.c
        query = sa.select(s.subject).where(s.record == key_of(record))
        query = query.where(s.entry <= self.span.entry).order_by(s.position.desc()).limit(1)
        found = self.connection.execute(query).scalar()
        return None if found is None else id_of("subject", found)

    def party_of(self, actor: str) -> str | None:
        """For whom an actor acts."""
        if actor not in self._parties:
            query = sa.select(actors.c.party).where(actors.c.actor == key_of(actor))
            found = self.connection.execute(query).scalar()
            self._parties[actor] = None if found is None else id_of("party", found)
        return self._parties[actor]

    def row(
        self, kind: str, record: str | None, begins: str, until: str | None, **more: object
    ) -> Row:
        """A row with every column; an actor's party is added."""
        actor = more.get("actor")
        if actor is not None and more.get("party") is None:
            more["party"] = self.party_of(str(actor))
        usual: Row = {
            "actor": None, "party": None, "holding": None, "via": None, "by": None, "modes": [],
            "purposes": [], "why": None, "used": None, "evidence": [],
        }  # fmt: skip
        return {"kind": kind, "record": record, "from": begins, "until": until, **usual, **more}


def joined(when: Sequence[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Spells that touch each other, made one."""
    found: list[tuple[str, str | None]] = []
    for begins, until in sorted(when, key=lambda one: one[0]):
        if found and (found[-1][1] is None or found[-1][1] >= begins):
            first, end = found[-1]
            longer = None if None in (end, until) else max(str(end), str(until))
            found[-1] = first, longer
        else:
            found.append((begins, until))
    return found

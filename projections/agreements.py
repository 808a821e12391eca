"""The registers of what parties sign: documents, agreed keys, NDAs, assessments; and training.

Rows that later events change (a non-disclosure agreement) keep their past; the others are written
once, with the entry that brought them, and stand as of every later one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from msgspec import Struct

from domain.agreements import EvidenceAgreementSigned, NdaSigned, NdaTerminated, PipiaCompleted
from domain.attached import DocumentAttached
from domain.training import TrainingCompleted
from domain.values import Event
from projections.columns import METADATA, flag, key, number, step, text
from projections.deals import adding, of, read
from projections.past import AS_OF, Change, both, past_of, standing
from projections.view import Recorded, id_of, key_of, readable, stored

attached_documents = sa.Table(
    "attached_documents",
    METADATA,
    key("document", "document", primary_key=True),
    key("engagement", "engagement"),
    text("kind"),
    number("size"),
    text("media_type"),
    key("by", "actor"),
    text("begins_on", nullable=True),
    text("ends_on", nullable=True),
    number("attached_position"),
    number("attached_entry"),
)
"""One row a document that was made elsewhere; `size` in bytes."""

sa.Index("attached_to", attached_documents.c.engagement, attached_documents.c.document)

attached_parties = sa.Table(
    "attached_parties",
    METADATA,
    key("document", "document", primary_key=True),
    key("party", "party", primary_key=True),
    sqlite_with_rowid=False,
)
"""Who signed an attached document by hand or seal."""

agreed_keys = sa.Table(
    "agreed_keys",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    key("actor", "actor", primary_key=True),
    text("role", primary_key=True),
    text("key_id", primary_key=True),
    key("document", "document"),
    number("agreed_entry"),
    sqlite_with_rowid=False,
)
"""Whose key signs in which role under a deal, and the first agreement that says so."""

ndas = sa.Table(
    "ndas",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    key("document", "document", primary_key=True),
    key("disclosing_party", "party"),
    key("receiving_party", "party"),
    text("categories"),
    text("begins_on"),
    text("ends_on", nullable=True),
    number("survival_days"),
    number("signed_entry"),
    text("terminated_on", nullable=True),
    step("terminated_entry"),
    number("changed_entry"),
)
"""One row an agreement; `categories`: codes with a space between, empty for all."""

ndas_past = past_of(ndas, "terminated_on", "terminated_entry")

pipias = sa.Table(
    "pipias",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    key("document", "document", primary_key=True),
    text("categories"),
    text("conclusion"),
    text("retain_until"),
    number("completed_position"),
    number("completed_entry"),
    sqlite_with_rowid=False,
)
"""One row an impact assessment; `categories` as of `ndas`."""

trainings = sa.Table(
    "trainings",
    METADATA,
    key("actor", "actor", primary_key=True),
    number("position", primary_key=True),
    text("topic"),
    text("mode"),
    text("on_day"),
    number("score"),
    number("pass_mark"),
    flag("passed"),
    text("valid_to"),
    number("recorded_entry"),
    sqlite_with_rowid=False,
)

_ATTACH, _PARTY, _AGREE = (adding(t) for t in (attached_documents, attached_parties, agreed_keys))
_SIGN = adding(ndas, "terminated_on", "terminated_entry")
_TERMINATE = Change(ndas, "terminated_on", "terminated_entry")
_ASSESS, _TRAIN = adding(pipias), adding(trainings)


def _attached(c: sa.Connection, at: Recorded, event: DocumentAttached) -> None:
    document = key_of(event.stream)
    _ATTACH.run(c, [(
        document, key_of(event.engagement), event.kind, event.size, event.media_type,
        key_of(event.by), stored(event.begins_on), stored(event.ends_on), at.position, at.entry,
    )])  # fmt: skip
    _PARTY.run(c, [(document, key_of(party)) for party in event.parties])


def _agreed(c: sa.Connection, at: Recorded, event: EvidenceAgreementSigned) -> None:
    deal, document = key_of(event.stream), key_of(event.document)
    _AGREE.run(c, [
        (deal, key_of(one.actor), one.role, one.key, document, at.entry) for one in event.signers
    ])  # fmt: skip


def _nda(c: sa.Connection, at: Recorded, event: NdaSigned) -> None:
    _SIGN.run(c, [(
        key_of(event.stream), key_of(event.document), key_of(event.disclosing_party),
        key_of(event.receiving_party), " ".join(event.categories), event.begins_on,
        stored(event.ends_on), event.survival_days, at.entry, at.entry,
    )])  # fmt: skip


def _nda_over(c: sa.Connection, at: Recorded, event: NdaTerminated) -> None:
    these = (key_of(event.stream), key_of(event.document))
    _TERMINATE.run(c, at.entry, [(*these, event.terminated_on, at.entry)])


def _assessed(c: sa.Connection, at: Recorded, event: PipiaCompleted) -> None:
    _ASSESS.run(c, [(
        key_of(event.stream), key_of(event.document), " ".join(event.categories),
        event.conclusion, event.retain_until, at.position, at.entry,
    )])  # fmt: skip


def _trained(c: sa.Connection, at: Recorded, event: TrainingCompleted) -> None:
    _TRAIN.run(c, [(
        key_of(event.stream), at.position, event.topic, event.mode, event.on, event.score,
        event.pass_mark, int(event.passed), event.valid_to, at.entry,
    )])  # fmt: skip


_WRITES: Final[Mapping[type[Event], Callable[[sa.Connection, Recorded, Any], None]]] = {
    DocumentAttached: _attached,
    EvidenceAgreementSigned: _agreed,
    NdaSigned: _nda,
    NdaTerminated: _nda_over,
    PipiaCompleted: _assessed,
    TrainingCompleted: _trained,
}


class Agreements:
    """The view behind `agreement`, `nda`, `pipia`, `training` and attached documents."""

    name: str = "agreements"
    tables: tuple[sa.Table, ...] = (
        attached_documents, attached_parties, agreed_keys, ndas, ndas_past, pipias, trainings,
    )  # fmt: skip
    kinds: frozenset[type[Event]] = frozenset(_WRITES)

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Write what was signed, assessed or examined, in order."""
        for recorded in batch:
            if (write := _WRITES.get(type(recorded.event))) is not None:
                write(connection, recorded, recorded.event)


class Attached(Struct, frozen=True, kw_only=True):
    """A document made elsewhere: under which engagement, by whom, and who signed it."""

    document: str
    engagement: str
    kind: str
    size: int
    media_type: str
    by: str
    begins_on: str | None
    ends_on: str | None
    attached_position: int
    attached_entry: int
    parties: tuple[str, ...] = ()


class Agreed(Struct, frozen=True, kw_only=True):
    """Whose key signs in which role, and the agreement that first says so."""

    engagement: str
    actor: str
    role: str
    key_id: str
    document: str
    agreed_entry: int


class NonDisclosure(Struct, frozen=True, kw_only=True):
    """A non-disclosure agreement. `categories`: empty means all; days are inclusive.

    `terminated_on`: the first day on which nothing more is given under it, None if not terminated.
    """

    engagement: str
    document: str
    disclosing_party: str
    receiving_party: str
    categories: tuple[str, ...]
    begins_on: str
    ends_on: str | None
    survival_days: int
    signed_entry: int
    terminated_on: str | None
    terminated_entry: int | None
    changed_entry: int

    def condition(self, day: str) -> str:
        """`pending`, `in_force`, `surviving` (secrecy only) or `expired` on a day."""
        if day < self.begins_on:
            return "pending"
        if self.terminated_on is not None and self.terminated_on <= day:
            return self._after(self.terminated_on, day)
        if self.ends_on is not None and self.ends_on < day:
            return self._after(self.ends_on, day)
        return "in_force"

    def _after(self, end: str, day: str) -> str:
        days = (date.fromisoformat(day) - date.fromisoformat(end)).days
        return "surviving" if days <= self.survival_days else "expired"


class Assessment(Struct, frozen=True, kw_only=True):
    """An impact assessment of a transfer. `categories`: empty means all."""

    engagement: str
    document: str
    categories: tuple[str, ...]
    conclusion: str
    retain_until: str
    completed_position: int
    completed_entry: int


class Training(Struct, frozen=True, kw_only=True):
    """A training with its examination; `position` of the event that says so."""

    actor: str
    position: int
    topic: str
    mode: str
    on_day: str
    score: int
    pass_mark: int
    passed: bool
    valid_to: str
    recorded_entry: int


def documents_of(
    connection: sa.Connection, engagement: str, *, entry: int | None = None
) -> list[Attached]:
    """The documents attached to an engagement, in order of their id (`entry`: as of it)."""
    query = sa.select(attached_documents).order_by(attached_documents.c.document)
    query = query.where(attached_documents.c.engagement == key_of(engagement))
    return _with_parties(connection, query, entry)


def document(
    connection: sa.Connection, stream: str, *, entry: int | None = None
) -> Attached | None:
    """One attached document, or None if there is none of this id (`entry`: as of it)."""
    query = sa.select(attached_documents).where(attached_documents.c.document == key_of(stream))
    return next(iter(_with_parties(connection, query, entry)), None)


def agreed(connection: sa.Connection, engagement: str, *, entry: int | None = None) -> list[Agreed]:
    """Whose keys may sign in a deal's handovers, by actor (`entry`: as of it)."""
    return of(connection, Agreed, agreed_keys, engagement, entry)


def ndas_of(
    connection: sa.Connection, engagement: str, *, entry: int | None = None
) -> list[NonDisclosure]:
    """The non-disclosure agreements of a deal, by document (`entry`: as of it)."""
    query = _NDAS[entry is not None].where(ndas.c.engagement == key_of(engagement))
    query = query.order_by(*ndas.primary_key)
    return read(connection, NonDisclosure, ndas, query, entry)


def pipias_of(
    connection: sa.Connection, engagement: str, *, entry: int | None = None
) -> list[Assessment]:
    """The impact assessments of a deal in the order in which they were completed."""
    found = of(connection, Assessment, pipias, engagement, entry)
    return sorted(found, key=lambda one: one.completed_position)


def trainings_of(
    connection: sa.Connection, actor: str | None = None, *, entry: int | None = None
) -> list[Training]:
    """The trainings of an actor, or of all, by actor and position (`entry`: as of it)."""
    query = sa.select(trainings).order_by(*trainings.primary_key)
    if actor is not None:
        query = query.where(trainings.c.actor == key_of(actor))
    if entry is not None:
        query = query.where(trainings.c.recorded_entry <= AS_OF)
    return read(connection, Training, trainings, query, entry)


def _with_parties(
    connection: sa.Connection, query: sa.Select[Any], entry: int | None
) -> list[Attached]:
    if entry is not None:
        query = query.where(attached_documents.c.attached_entry <= AS_OF)
    named = query.with_only_columns(attached_documents.c.document).order_by(None).subquery()
    signed: dict[str, list[str]] = {}
    parties = sa.select(attached_parties).join(
        named, named.c.document == attached_parties.c.document
    )
    for which, party in connection.execute(
        parties.order_by(*attached_parties.primary_key), {"as_of": entry}
    ):
        signed.setdefault(id_of("document", which), []).append(id_of("party", party))
    return [
        Attached(**told, parties=tuple(signed.get(told["document"], ())))
        for row in connection.execute(query, {"as_of": entry})
        for told in [readable(attached_documents, row)]
    ]


_NDAS = both(lambda then: standing(ndas, then=then).rows)

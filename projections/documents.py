"""The register of documents: what was issued about what, under which number, and what stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from domain.document import CertificateIssued, CertificateSuperseded
from domain.values import Event
from projections.columns import METADATA, key, number, step, text
from projections.past import Change, both, past_of, standing
from projections.view import Prepared, Recorded, key_of, readable, stored_key

documents = sa.Table(
    "documents",
    METADATA,
    key("document", "document", primary_key=True),
    text("number"),
    text("kind"),
    text("subject"),
    number("version"),
    text("issued_at"),
    number("checkpoint"),
    number("template_version"),
    text("locale"),
    text("twin"),
    text("pdf"),
    key("issuer", "actor"),
    number("issued_entry"),
    key("replaced_by", "document", nullable=True),
    step("superseded_entry"),
    number("changed_entry"),
)
"""One row a document. `subject`: the stream that it is about, up to `version`; `twin`, `pdf`:
SHA-256 in hex; `replaced_by`: NULL while it stands, and if it was withdrawn."""

documents_past = past_of(documents, "replaced_by", "superseded_entry")

sa.Index("document_by_number", documents.c.number, unique=True)
sa.Index("document_by_subject", documents.c.subject, documents.c.kind)

_ISSUE = Prepared(
    ("document", "number", "kind", "subject", "version", "issued_at", "checkpoint",
     "template_version", "locale", "twin", "pdf", "issuer", "issued_entry", "changed_entry"),
    lambda insert: insert(documents).on_conflict_do_nothing(),
)  # fmt: skip
_SUPERSEDE = Change(documents, "superseded_entry", "replaced_by")


class Documents:
    """The view behind `muniment document list`."""

    name: str = "documents"
    tables: tuple[sa.Table, ...] = (documents, documents_past)
    kinds: frozenset[type[Event]] = frozenset({CertificateIssued, CertificateSuperseded})

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Issue and supersede, in order."""
        for _, entry, _, event in batch:
            if isinstance(event, CertificateIssued):
                subject, _, version = event.source.rpartition("/")
                _ISSUE.run(connection, [(
                    key_of(event.stream), event.number, event.kind, subject, int(version),
                    event.issued_at, event.checkpoint, event.template_version, event.locale,
                    event.twin, event.pdf, key_of(event.by), entry, entry,
                )])  # fmt: skip
            elif isinstance(event, CertificateSuperseded):
                new = stored_key(event.replaced_by)
                _SUPERSEDE.run(connection, entry, [(key_of(event.stream), entry, new)])


class Document(Struct, frozen=True, kw_only=True):
    """An issued document, as the table has it."""

    document: str
    number: str
    kind: str
    subject: str
    version: int
    issued_at: str
    checkpoint: int
    template_version: int
    locale: str
    twin: str
    pdf: str
    issuer: str
    issued_entry: int
    replaced_by: str | None
    superseded_entry: int | None
    changed_entry: int

    @property
    def source(self) -> str:
        """The event that it closes with."""
        return f"{self.subject}/{self.version}"


def listed(
    connection: sa.Connection, *, limit: int, after: str | None = None, entry: int | None = None
) -> list[Document]:
    """At most `limit` documents in order of their id, from the one after `after` on.

    `entry`: as of that entry, instead of now.
    """
    query = _DOCUMENTS[entry is not None].order_by(documents.c.document).limit(limit)
    if after is not None:
        query = query.where(documents.c.document > key_of(after))
    return _read(connection, query, entry)


def one(connection: sa.Connection, document: str, *, entry: int | None = None) -> Document | None:
    """One document, or None if it was never issued (`entry`: by that entry)."""
    query = _DOCUMENTS[entry is not None].where(documents.c.document == key_of(document))
    return next(iter(_read(connection, query, entry)), None)


def numbered(connection: sa.Connection, number: str) -> Document | None:
    """The document with a number, or None."""
    return next(
        iter(_read(connection, _DOCUMENTS[False].where(documents.c.number == number), None)), None
    )


def about(connection: sa.Connection, kind: str, subject: str) -> list[Document]:
    """The documents of a kind about a stream, those that stand no more included, by number."""
    query = _DOCUMENTS[False].where(documents.c.subject == subject, documents.c.kind == kind)
    return _read(connection, query.order_by(documents.c.number), None)


def last_of_day(connection: sa.Connection, first: str) -> str | None:
    """The highest number of the kind and day of `first`, a number ending in 0001; None if none."""
    column, day = documents.c.number, first[:-4]
    query = sa.select(sa.func.max(column)).where(column >= day, column < day + "a")
    return connection.execute(query).scalar()


def _read(connection: sa.Connection, query: sa.Select[Any], entry: int | None) -> list[Document]:
    rows = connection.execute(query, {"as_of": entry})
    return [Document(**readable(documents, row)) for row in rows]


_DOCUMENTS = both(lambda then: standing(documents, then=then).rows)

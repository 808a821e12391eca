"""People in a deal: who stands in which record, who was told, who agreed, who is left alone.

Rows are added and never changed, so what was known at an entry is what rows up to it say: the last
word on a delivery counts, the last withdrawal, every suppression. Nothing here says who a subject
is. Whether a record may go, `projections.clearance` answers from these tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from domain.notice import ConsentExempted, NoticeDelivered, NoticeIssued
from domain.record import RecordClassified, RecordReclassified
from domain.subject import ConsentGranted, ConsentWithdrawn, SubjectFound, SubjectSuppressed
from domain.values import Event
from projections.columns import METADATA, flag, key, number, text
from projections.view import Prepared, Recorded, key_of, shared_key, stored

subject_records = sa.Table(
    "subject_records",
    METADATA,
    key("record", "record", primary_key=True),
    key("subject", "subject", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    key("finder", "actor"),
    sqlite_with_rowid=False,
)
"""In which records somebody was found; what was found before a correction no longer counts."""

sa.Index("records_of_subject", subject_records.c.subject, subject_records.c.record)

minors = sa.Table(
    "minors",
    METADATA,
    key("subject", "subject", primary_key=True),
    number("entry"),
    sqlite_with_rowid=False,
)
"""People under 14, since the entry that first said so."""

record_traits = sa.Table(
    "record_traits",
    METADATA,
    key("record", "record", primary_key=True),
    number("position", primary_key=True),
    text("categories"),
    flag("opted_out"),
    sqlite_with_rowid=False,
)
"""Classifications of records with several categories, or of customers who opted out, and what came
after such a one; `categories`: separated by spaces. The last one counts; the others have one."""

notices = sa.Table(
    "notices",
    METADATA,
    key("notice", "notice", primary_key=True),
    text("kind"),
    key("engagement", "engagement"),
    key("recipient", "party"),
    text("channel"),
    number("template_version"),
    number("count"),
    key("issuer", "actor"),
    text("issued_at"),
    number("issued_position"),
    number("issued_entry"),
    sqlite_with_rowid=False,
)
sa.Index("notices_of_deal", notices.c.engagement, notices.c.notice)

deliveries = sa.Table(
    "deliveries",
    METADATA,
    key("subject", "subject", primary_key=True),
    key("notice", "notice", primary_key=True),
    text("channel", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("status"),
    text("delivered_at"),
    sqlite_with_rowid=False,
)
"""What became of a notice, person by person; a later row on the same channel corrects it."""

sa.Index("deliveries_of_notice", deliveries.c.notice, deliveries.c.subject)

consents = sa.Table(
    "consents",
    METADATA,
    key("subject", "subject", primary_key=True),
    key("recipient", "party", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("kind"),
    text("categories"),
    text("channel"),
    text("given_at"),
    text("until", nullable=True),
    sqlite_with_rowid=False,
)
"""`categories`: separated by spaces; empty: all. One counts until its last day, and unless it was
withdrawn at or after the time at which it was given."""

sa.Index("consents_in_order", consents.c.position)
sa.Index("consents_to_recipient", consents.c.recipient, consents.c.position)

withdrawals = sa.Table(
    "withdrawals",
    METADATA,
    key("subject", "subject", primary_key=True),
    key("recipient", "party", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("channel"),
    text("withdrawn_at"),
    sqlite_with_rowid=False,
)

suppressions = sa.Table(
    "suppressions",
    METADATA,
    key("subject", "subject", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("reason"),
    text("since"),
    text("channel"),
    sqlite_with_rowid=False,
)
"""The suppression list for marketing; whoever withdraws a consent is on it."""

exemptions = sa.Table(
    "exemptions",
    METADATA,
    key("engagement", "engagement", primary_key=True),
    number("position", primary_key=True),
    number("entry"),
    text("basis"),
    text("statute"),
    key("opinion", "document"),
    text("categories"),
    key("author", "actor"),
    sqlite_with_rowid=False,
)

_FIND = Prepared(
    ("record", "subject", "position", "entry", "finder"),
    lambda insert: insert(subject_records).on_conflict_do_nothing(),
)
_MINOR = Prepared(("subject", "entry"), lambda insert: insert(minors).on_conflict_do_nothing())


def _adding(table: sa.Table) -> Prepared:
    return Prepared(table.columns.keys(), lambda insert: insert(table).on_conflict_do_nothing())


_TRAIT, _ISSUE, _DELIVER, _CONSENT, _WITHDRAW, _SUPPRESS, _EXEMPT = map(
    _adding,
    (record_traits, notices, deliveries, consents, withdrawals, suppressions, exemptions),
)
_HAS_TRAITS = Prepared(
    ("key",),
    lambda _: sa.select(record_traits.c.position).where(
        record_traits.c.record == sa.bindparam("key")
    ),
)


class Persons:
    """The view behind `muniment notice`, `consent`, and what clears a record for a handover."""

    name: str = "persons"
    tables: tuple[sa.Table, ...] = (
        subject_records, minors, record_traits, notices, deliveries, consents, withdrawals,
        suppressions, exemptions,
    )  # fmt: skip
    kinds: frozenset[type[Event]] = frozenset({
        SubjectFound, ConsentGranted, ConsentWithdrawn, SubjectSuppressed, NoticeIssued,
        NoticeDelivered, ConsentExempted, RecordClassified, RecordReclassified,
    })  # fmt: skip

    def apply(self, connection: sa.Connection, batch: Sequence[Recorded]) -> None:
        """Add what each event says; rows of one table go in together, in order."""
        rows: dict[Prepared, list[tuple[Any, ...]]] = {}
        for recorded in batch:
            event = recorded.event
            if isinstance(event, RecordClassified | RecordReclassified):
                _classified(connection, recorded, event)
            elif type(event) in self.kinds:
                for statement, row in _rows_of(recorded):
                    rows.setdefault(statement, []).append(row)
        for statement, found in rows.items():
            statement.run(connection, found)


def _classified(
    connection: sa.Connection, recorded: Recorded, event: RecordClassified | RecordReclassified
) -> None:
    """Most have one category and have not opted out: `inventory` says all about them."""
    opted_out = event.relationship == "opted_out"
    plain = len(event.categories) == 1 and not opted_out
    if plain and type(event) is RecordClassified:
        return
    record = key_of(event.stream)
    if not plain or _HAS_TRAITS.fetch(connection, (record,)):
        categories = " ".join(sorted(event.categories))
        _TRAIT.run(connection, [(record, recorded.position, categories, int(opted_out))])


def _rows_of(recorded: Recorded) -> Iterable[tuple[Prepared, tuple[Any, ...]]]:
    position, entry, _, event = recorded
    subject = key_of(event.stream)
    if isinstance(event, SubjectFound):
        finder = shared_key(event.by)
        for record in event.records:
            yield _FIND, (key_of(record), subject, position, entry, finder)
        if event.minor:
            yield _MINOR, (subject, entry)
    elif isinstance(event, NoticeDelivered):
        for reached in event.subjects:
            told = (event.channel, position, entry, event.status, event.delivered_at)
            yield _DELIVER, (key_of(reached), subject, *told)
    elif isinstance(event, NoticeIssued):
        yield _ISSUE, (
            subject, event.kind, key_of(event.engagement), key_of(event.recipient), event.channel,
            event.template_version, event.count, key_of(event.by), event.at, position, entry,
        )  # fmt: skip
    elif isinstance(event, ConsentGranted):
        yield _CONSENT, (
            subject, shared_key(event.recipient), position, entry, event.kind,
            " ".join(sorted(event.categories)), event.channel, event.given_at, stored(event.until),
        )  # fmt: skip
    elif isinstance(event, ConsentWithdrawn):
        recipient = shared_key(event.recipient)
        yield _WITHDRAW, (subject, recipient, position, entry, event.channel, event.withdrawn_at)
        since = event.withdrawn_at[:10]
        yield _SUPPRESS, (subject, position, entry, "withdrawn", since, event.channel)
    elif isinstance(event, SubjectSuppressed):
        yield _SUPPRESS, (subject, position, entry, event.reason, event.since, event.channel)
    elif isinstance(event, ConsentExempted):
        yield _EXEMPT, (
            subject, position, entry, event.basis, event.statute, key_of(event.opinion),
            " ".join(sorted(event.categories)), key_of(event.by),
        )  # fmt: skip

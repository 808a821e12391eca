"""Who was given something: by a handover, in a bundle of evidence, as a copy of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from domain.replica import LedgerReplicaCompared
from ledger.audit.questions.asked import Asked
from ledger.audit.questions.span import Row, events_at
from ledger.evidence import decode_event
from projections import bundles, handovers
from projections.handovers import handover_items
from projections.mentions import mentioning
from projections.view import key_of

_AT_ONCE = 500


def handed(
    asked: Asked, record: str | None, items: Sequence[str], cases: Sequence[str]
) -> Iterator[Row]:
    """Who received something by a handover; `items`: the record and its copies, if it is one."""
    for case in cases:
        one = handovers.one(asked.connection, case, entry=asked.span.entry)
        if one is None or one.released_entry is None:
            continue
        if items and not _listed(asked, one, items):
            continue
        begins = asked.times.at(one.released_entry)
        if begins < asked.span.last:
            evidence = events_at(asked.connection, case, one.released_entry)
            if one.received_entry is not None:
                evidence += events_at(asked.connection, case, one.received_entry)
            gave = _as_of(asked, one, one.released_entry)
            took = _as_of(asked, one, one.received_entry or one.released_entry)
            yield asked.row(
                "received", record, begins, None, party=one.to_party, actor=took.buyer_handler,
                via=case, by=gave.seller_handler, why=one.step, evidence=evidence,
            )  # fmt: skip


def _as_of(asked: Asked, one: handovers.Handover, entry: int) -> handovers.Handover:
    """A handover when a step was taken: a handler may have been replaced since."""
    return handovers.one(asked.connection, one.handover, entry=entry) or one


def _listed(asked: Asked, one: handovers.Handover, items: Sequence[str]) -> bool:
    """Whether the list that was released names one of these."""
    i = handover_items.c
    query = sa.select(i.item).where(
        i.handover == key_of(one.handover), i.list_version == one.list_version,
        i.item.in_([key_of(item) for item in items]),
    )  # fmt: skip
    return asked.connection.execute(query.limit(1)).scalar() is not None


def shown(asked: Asked, record: str | None, cases: Sequence[str]) -> Iterator[Row]:
    """Who was given a bundle of evidence that something, or a case about it, is in."""
    wanted = list(cases)
    if record is not None:
        wanted += filter(None, [asked.engagement_of(record), asked.subject_of(record)])
    about = mentioning(asked.connection, wanted, asked.span.entry)
    named = {case for case in (*about, *cases) if case.startswith("bundle-")}
    named.update(_of_periods(asked, record) if record is not None else ())
    for case in sorted(named):
        one = bundles.one(asked.connection, case, entry=asked.span.entry)
        if one is None or one.exported_entry is None:
            continue
        begins = asked.times.at(one.exported_entry)
        if begins < asked.span.last:
            yield asked.row(
                "evidence", record, begins, None, party=one.recipient_party,
                actor=None, via=case, by=one.approver or one.requester, why=one.recipient,
                used=one.opened + one.attached,
                evidence=events_at(asked.connection, case, one.exported_entry),
            )  # fmt: skip


def _of_periods(asked: Asked, record: str) -> Iterator[str]:
    """The bundles over a period in which something was recorded of a record."""
    rows = asked.connection.exec_driver_sql(
        "SELECT entry FROM events WHERE stream = ? AND entry <= ? ORDER BY version",
        (key_of(record), asked.span.entry),
    )
    times = [asked.times.at(entry) for entry in rows.scalars()]
    after = None
    while found := bundles.listed(
        asked.connection, limit=_AT_ONCE, after=after, entry=asked.span.entry
    ):
        for one in found:
            begins, ends = one.begins, one.ends
            if begins and ends and any(begins <= time < ends for time in times):
                yield one.bundle
        after = found[-1].bundle


def replicas(asked: Asked) -> Iterator[Row]:
    """Copies of the whole ledger that somebody had before the span's end, by a comparison."""
    rows = asked.connection.exec_driver_sql(
        "SELECT entry, state FROM events WHERE topic = ? AND stream = "
        "(SELECT stream FROM events WHERE position = 1) AND entry <= ? ORDER BY version",
        ("ledger.replica_compared", asked.span.entry),
    )
    for entry, state in rows:
        event = decode_event(bytes(state))
        begins = asked.times.at(entry)
        if isinstance(event, LedgerReplicaCompared) and begins < asked.span.last:
            yield asked.row(
                "replica", None, begins, None, actor=event.by, via=event.origin,
                why=event.result, evidence=[event.id],
            )  # fmt: skip

"""Who had, or could have had, access to something between two times.

A row says who (`actor` or `party`), from when until when (`until` None: still), by what (`via`),
given by whom (`by`), why (`why`) and which events say so (`evidence`). Kinds, in this order:

    accessed, break_glass, denied    what the register has of the span itself
    may        a grant that covers it; `from` is when its time had begun, it was given and covered
               this, `until` when the first of these ended, or the last copy was gone
    keeps      a party that keeps a copy; `via` is the backup that the copy belongs to, if to one
    keyholder  a person of such a party, or of the ledger's own, whose role keeps copies or keys,
               as long as there is one of them
    keycopy    a copy of the keys of its contents and sealed texts
    received   a party that it was handed over to
    evidence   whoever was given a bundle that it is in
    replica    a copy of the whole ledger that somebody compared

What leaves no event cannot be told; `LIMITS` names it, and goes with every answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from msgspec import Struct

from ledger.audit.questions import givenout, granted, kept
from ledger.audit.questions.asked import Asked
from ledger.audit.questions.span import Row, span_of
from projections import access, handovers
from projections.custody import copies, records_of, streams_of
from projections.persons import subject_records
from projections.view import id_of, key_of

LIMITS: Final = (
    "outside_muniment", "openings_given", "copies_of_the_folder", "paper_by_statement",
    "what_was_copied_on",
)  # fmt: skip
KINDS: Final = (
    "accessed", "break_glass", "denied", "may", "keeps", "keyholder", "keycopy", "received",
    "evidence", "replica",
)  # fmt: skip
_AT_ONCE: Final = 500


class Reach(Struct, frozen=True, kw_only=True):
    """The answer: rows in order of kind, then of time; `entry`: the last one that is known.

    `there`: whether the ledger knew it by then; else there are no rows.
    """

    object: str
    period_from: str
    period_to: str
    entry: int
    there: bool
    rows: list[Row]
    limits: tuple[str, ...] = LIMITS


def reach(
    connection: sa.Connection, about: str, first: str, last: str, *, entry: int | None = None
) -> Reach:
    """Who had or could have had access to a record, copy, deal or person from `first` to `last`.

    `about`: an id of a record, holding, engagement or subject; of a copy, what concerns this copy
    of what lies in it; of a deal, what was accessed, granted, given away or shown under it; of a
    person, the records that are known to be about them.
    """
    asked = Asked(connection, span_of(connection, first, last, entry))
    there = asked.began(about) is not None
    rows = sorted(_about(asked, about), key=_place) if there else []
    known = asked.span.entry
    return Reach(
        object=about, period_from=first, period_to=last, entry=known, there=there, rows=rows
    )


def _place(row: Row) -> tuple[object, ...]:
    return (
        KINDS.index(row["kind"]), row["from"], row["record"] or "", row["via"] or "",
        row["party"] or "", row["actor"] or "", row["holding"] or "", row["until"] or "",
    )  # fmt: skip


def _about(asked: Asked, about: str) -> Iterator[Row]:
    kind = about.partition("-")[0]
    if kind == "engagement":
        yield from _deal(asked, about)
    elif kind == "subject":
        for record in _of_subject(asked, about):
            yield from _record(asked, record, None)
    elif kind == "holding":
        for key in records_of(asked.connection, key_of(about)):
            yield from _record(asked, id_of("record", key), about)
    else:
        yield from _record(asked, about, None)
    yield from givenout.replicas(asked)


def _of_subject(asked: Asked, subject: str) -> list[str]:
    s = subject_records.c
    query = sa.select(s.record).where(s.subject == key_of(subject))
    query = query.where(s.entry <= asked.span.entry).distinct().order_by(s.record)
    return [id_of("record", key) for key in asked.connection.execute(query).scalars()]


def _record(asked: Asked, record: str, only: str | None) -> Iterator[Row]:
    if asked.began(record) is None:
        return
    seen = [row for row in granted.seen(asked, record) if only in (None, row["holding"])]
    yield from seen
    held = [
        copy.holding
        for copy in copies(asked.connection, record, entry=asked.span.entry)
        if only in (None, copy.holding)
    ]
    spells = [one for copy in held for one in kept.kept(asked, copy)]
    yield from granted.grants(asked, record, seen, kept.gone(spells) if held else None)
    yield from (kept.keeps(asked, record, one) for one in spells)
    keys = list(kept.of_keys(asked, record, held))
    yield from keys
    yield from kept.keyholders(asked, record, spells, keys)
    cases = streams_of(asked.connection, record, entry=asked.span.entry)
    passing = [case for case in cases if case.startswith("handover-")]
    yield from givenout.handed(asked, record, [record, *held], passing)
    yield from givenout.shown(asked, record, cases)


def _deal(asked: Asked, engagement: str) -> Iterator[Row]:
    a, within = access.accesses.c, asked.span
    query = (
        sa.select(a.position)
        .where(a.engagement == key_of(engagement), a.accepted >= within.first)
        .where(a.accepted < within.last, a.entry <= within.entry)
        .order_by(a.position)
    )
    for position in asked.connection.execute(query).scalars():
        (one,) = access.listed(asked.connection, limit=1, after=position - 1)
        yield granted.accessed(asked, one)
    for grant in granted.all_grants(asked):
        if grant.engagement == engagement:
            yield from granted.granted(asked, grant, None, [(grant.begins, None)], [])
    yield from kept.scoped(asked, engagement)
    found = handovers.listed(
        asked.connection, limit=_AT_ONCE, engagement=engagement, entry=within.entry
    )
    yield from givenout.handed(asked, None, (), [one.handover for one in found])
    yield from givenout.shown(asked, None, [engagement])

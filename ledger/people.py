"""What is held about a person, who had it, who saw it, who got it: the answer to PIPL 45.

Rows of codes, ids, counts and times, found by index from the records in which a subject was found;
names and titles are sealed, and whoever prints the answer adds them. The answer says what it does
not cover: records that were never looked through, or could not be, may hold the same person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from msgspec import to_builtins

from domain.record import RecordState
from ledger import questions
from ledger.effects.indexing import CONTENT_POSITION
from ledger.effects.vouching import NOT_HERE
from ledger.facts import LedgerFacts
from ledger.schema import SUBJECT_COVERAGE
from ledger.signing import now
from ledger.subjects import INDEXED, Place
from projections import certificates, handovers, holds, inventory, rights
from projections.custody import streams_of
from projections.tables import engagements, holdings
from projections.tables import inventory as records_table
from projections.view import id_of, key_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from ledger.application import Ledger

Row = dict[str, Any]

_AT_ONCE: Final = 500


def report(ledger: Ledger, subjects: Sequence[str], places: Sequence[Place]) -> Row:
    """Everything about the person behind these subjects, found in these places.

    `records`: for each where its copies are, who keeps and kept them, until when and on what basis,
    who may, did and could not access it, handovers, destructions and holds; `requests`: the
    person's own; `coverage`: as of `coverage`.
    """
    by_record: dict[str, set[tuple[int, int]]] = {}
    for place in places:
        by_record.setdefault(place.record, set()).update(place.rows)
    with ledger.engine.connect() as connection:
        facts = LedgerFacts(connection)
        return {
            "made": now(),
            "subjects": list(subjects),
            "records": [
                {**_record(ledger, connection, facts, record), "rows": sorted(rows)}
                for record, rows in sorted(by_record.items())
            ],
            "requests": [
                request_row(facts, one)
                for subject in subjects
                for one in _asked(connection, subject)
            ],
            "coverage": coverage(connection),
        }


def _record(ledger: Ledger, connection: Connection, facts: LedgerFacts, record: str) -> Row:
    shown = inventory.one(connection, record)
    assert shown is not None  # it was indexed, so it was collected
    state = ledger.state(record)
    assert isinstance(state, RecordState)
    copies = questions.where(connection, record)
    seen = questions.who(ledger, record)
    streams = streams_of(connection, record)
    return {
        "record": record, "categories": list(state.categories), "state": shown.state,
        "sensitivity": shown.sensitivity, "basis": shown.basis, "notice": shown.notice,
        "collected_at": _accepted(connection, facts, shown.collected_position),
        "number": shown.row, "restricted": shown.restricted, "min_until": shown.min_until,
        "max_until": shown.max_until, "permanent": shown.permanent, "action": shown.action,
        "periods": [{"trigger": t, **p._asdict()} for t, p in sorted(state.periods.items())],
        "copies": copies,
        "custody": _custody(connection, [copy["holding"] for copy in copies]),
        "may_access": [row for row in seen if row["kind"] == "may"],
        "accesses": [row for row in seen if row["kind"] in ("allowed", "break_glass", "denied")],
        "handovers": list(_handovers(connection, facts, streams)),
        "destructions": list(_destructions(connection, facts, streams)),
        "holds": list(_holds(connection, facts, streams)),
        "requests": [request_row(facts, one) for one in rights.about(connection, record)],
    }  # fmt: skip


def _accepted(connection: Connection, facts: LedgerFacts, position: int) -> str:
    entry = connection.exec_driver_sql(
        "SELECT entry FROM events WHERE position = ?", (position,)
    ).scalar_one()
    return facts.accepted_at(entry)


def _custody(connection: Connection, copies: Sequence[str]) -> list[str]:
    """Every party that keeps or kept one of these copies."""
    keys = [key_of(copy) for copy in copies]
    past: sa.Table = holdings.info["past"]
    found: dict[bytes, None] = {}
    for table in (past, holdings):
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            query = sa.select(table.c.custodian).where(table.c.holding.in_(part)).distinct()
            found.update(dict.fromkeys(connection.execute(query).scalars()))
    return [id_of("party", key) for key in found]


def _of(streams: Sequence[str], aggregate: str) -> Iterator[str]:
    return (stream for stream in streams if stream.startswith(f"{aggregate}-"))


def _handovers(connection: Connection, facts: LedgerFacts, streams: Sequence[str]) -> Iterator[Row]:
    """Who was to get it, and whether they did."""
    for stream in _of(streams, "handover"):
        if (found := handovers.one(connection, stream)) is not None:
            steps = {name: facts.accepted_at(entry) for name, entry in found.steps.items()}
            yield {
                "handover": stream, "mode": found.mode, "from_party": found.from_party,
                "to_party": found.to_party, "state": found.step, "steps": steps,
            }  # fmt: skip


def _destructions(
    connection: Connection, facts: LedgerFacts, streams: Sequence[str]
) -> Iterator[Row]:
    for stream in _of(streams, "destruction_case"):
        if (found := certificates.one(connection, stream)) is not None:
            proposed, certified = found.proposed_entry, found.certified_entry
            yield {
                "case": stream, "ground": found.ground, "verdict": found.verdict,
                "proposed_at": facts.accepted_at(proposed),
                "certified_at": None if certified is None else facts.accepted_at(certified),
            }  # fmt: skip


def _holds(connection: Connection, facts: LedgerFacts, streams: Sequence[str]) -> Iterator[Row]:
    for stream in _of(streams, "hold"):
        if (found := holds.one(connection, stream)) is not None:
            released = found.released_entry
            yield {
                "hold": stream, "reason": found.reason, "active": found.active,
                "placed_at": facts.accepted_at(found.placed_entry),
                "released_at": None if released is None else facts.accepted_at(released),
            }  # fmt: skip


def _asked(connection: Connection, subject: str) -> Iterator[rights.Request]:
    after = None
    while found := rights.listed(connection, subject=subject, limit=_AT_ONCE, after=after):
        yield from found
        after = found[-1].rights


def request_row(facts: LedgerFacts, request: rights.Request) -> Row:
    """A request with its clock: when it was received, is due, and was answered.

    `overdue`: its last day, where the policy's days begin and end, is over and nobody answered;
    `late`: it was answered after that day.
    """
    day_of = facts.policy().calendar.day_of
    answered = request.answered_entry
    answered_at = None if answered is None else facts.accepted_at(answered)
    row: Row = to_builtins(request)
    for name in ("received", "identified", "decided", "fulfilled", "closed", "answered"):
        entry = row.pop(f"{name}_entry")
        if name != "received":
            row[f"{name}_at"] = None if entry is None else facts.accepted_at(entry)
    return {
        **row, "state": request.state,
        "overdue": answered_at is None and day_of(now()) > request.due_at,
        "late": answered_at is not None and day_of(answered_at) > request.due_at,
    }  # fmt: skip


def coverage(connection: Connection) -> Row:
    """How much was looked through of what is here; goes through the whole inventory.

    `records`: of which something is left; `indexed`: in their present content; `stale`: corrected
    since; `never`: not looked through; `failed`: how many could not be, by cause; `engagements`.
    """
    c, seen = records_table.c, SUBJECT_COVERAGE.c
    current = seen.position == CONTENT_POSITION
    query = (
        sa.select(seen.outcome, current, sa.func.count())
        .select_from(records_table.outerjoin(SUBJECT_COVERAGE, seen.record == c.record))
        .where(c.state.not_in(NOT_HERE))
        .group_by(seen.outcome, current)
    )
    told: Row = {"records": 0, "indexed": 0, "stale": 0, "never": 0, "failed": {}}
    for outcome, is_current, count in connection.execute(query):
        told["records"] += count
        if outcome is None:
            told["never"] += count
        elif outcome != INDEXED:
            told["failed"][outcome] = told["failed"].get(outcome, 0) + count
        else:
            told["indexed" if is_current else "stale"] += count
    told["failed"] = dict(sorted(told["failed"].items()))
    number = connection.execute(sa.select(sa.func.count()).select_from(engagements)).scalar_one()
    return {**told, "engagements": number}

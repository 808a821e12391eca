"""What the register of accesses says of something, and who was permitted to access it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from domain.codes import covers
from domain.record import RecordClassified, RecordCollected, RecordReclassified
from ledger.audit.questions.asked import Asked, joined
from ledger.audit.questions.span import Row, events_at, ids_at, overlaps
from ledger.evidence import decode_event
from ledger.questions import with_parents
from projections import access
from projections.view import id_of, key_of

_AT_ONCE: Final = 500


def seen(asked: Asked, record: str) -> Iterator[Row]:
    """The accesses of a record in the span, and the refusals of some."""
    after: int | None = asked.before()
    while found := access.listed(
        asked.connection, record=record, limit=_AT_ONCE, after=after, entry=asked.span.entry
    ):
        for one in found:
            if one.entry >= asked.span.end:
                return
            yield accessed(asked, one)
        after = found[-1].position


def accessed(asked: Asked, one: access.Accessed) -> Row:
    """One access, or a refusal of one, as a row."""
    kind = "accessed" if one.outcome == "allowed" else one.outcome
    return asked.row(
        kind, one.record, one.accepted, one.accepted, actor=one.actor, holding=one.holding,
        via=one.grant, modes=[one.mode], purposes=[one.purpose] if one.purpose else [],
        why=one.rule or one.outcome, evidence=ids_at(asked.connection, [one.position]),
    )  # fmt: skip


def grants(
    asked: Asked, record: str, used: Sequence[Row], gone: str | None = None
) -> Iterator[Row]:
    """The grants that covered a record in any part of the span; `used`: its accesses.

    `gone`: when the last copy of it was gone; None while there is one.
    """
    periods = _categories(asked, record)
    wide = with_parents([code for _, _, codes in periods for code in codes])
    g = access.grant_records.c
    query = sa.select(g.grant).where(g.record == key_of(record))
    named = {id_of("grant", key) for key in asked.connection.execute(query).scalars()}
    for grant in all_grants(asked, record=record, categories=wide):
        when: list[tuple[str, str | None]] = [(grant.begins, None)]
        if grant.grant not in named:
            when = [
                (begins, until)
                for begins, until, codes in periods
                if any(covers(own, code) for own in grant.categories for code in codes)
            ]
        yield from granted(asked, grant, record, when, used, gone)


def all_grants(asked: Asked, **which: object) -> Iterator[access.Grant]:
    """Every grant, or those of `projections.access.granted`, as of the span's entry."""
    after = None
    while found := access.granted(
        asked.connection, limit=_AT_ONCE, after=after, entry=asked.span.entry,
        **which,  # type: ignore[arg-type]
    ):  # fmt: skip
        yield from found
        after = found[-1].grant


def _categories(asked: Asked, record: str) -> list[tuple[str, str | None, Sequence[str]]]:
    """From when until when a record had which categories."""
    rows = asked.connection.exec_driver_sql(
        "SELECT entry, state FROM events WHERE stream = ? AND entry <= ? ORDER BY version",
        (key_of(record), asked.span.entry),
    )
    found: list[tuple[str, Sequence[str]]] = []
    for entry, state in rows:
        event = decode_event(bytes(state))
        if isinstance(event, RecordCollected):
            found.append((asked.times.at(entry), [event.category]))
        elif isinstance(event, RecordClassified | RecordReclassified):
            found.append((asked.times.at(entry), event.categories))
    ends = [*(begins for begins, _ in found[1:]), None]
    return [(begins, end, codes) for (begins, codes), end in zip(found, ends, strict=True)]


def granted(
    asked: Asked,
    grant: access.Grant,
    record: str | None,
    when: Sequence[tuple[str, str | None]],
    used: Sequence[Row],
    gone: str | None = None,
) -> Iterator[Row]:
    """When a grant held for something: `when` it covered it, its own time, and who ended it.

    `gone`: when nothing of it was left any more.
    """
    given = asked.times.at(grant.granted_entry)
    revoked = asked.times.of(grant.revoked_entry)
    for covered, uncovered in joined(when):
        begins = max(grant.begins, given, covered)
        ends = [(grant.ends, "grant_over")]
        ends += [(revoked, "grant_revoked")] if revoked else []
        ends += [(uncovered, "no_longer_covered")] if uncovered else []
        ends += [(gone, "nothing_left")] if gone is not None else []
        until, why = min(ends)
        if begins >= until or not overlaps(asked.span, begins, until):
            continue
        evidence = events_at(asked.connection, grant.grant, grant.granted_entry)
        if grant.revoked_entry is not None:
            evidence += events_at(asked.connection, grant.grant, grant.revoked_entry)
        yield asked.row(
            "may", record, begins, until, actor=grant.actor, via=grant.grant, by=grant.giver,
            modes=list(grant.modes), purposes=list(grant.purposes), why=why,
            used=sum(row["via"] == grant.grant for row in used if row["kind"] == "accessed"),
            evidence=evidence,
        )  # fmt: skip

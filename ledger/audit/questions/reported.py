"""Who acted with a key that was later reported as compromised, and what of it is in dispute.

A key is suspected since a time that its report names. What it signed counts by anchored time, never
by a time that it signed itself (DESIGN 4.6):

    valid      an authority that the reader trusts stamped, before that time, a state of the
               ledger that covers the act
    disputed   every other act up to the report: it may have been somebody else
    report     the act in which the key itself reported its loss, or brought in its successor

Acts after the report were refused; one that stands in the ledger all the same is `refused`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from domain.actor import ActorKeyCompromised
from ledger.audit.questions.signed import signed
from ledger.audit.questions.span import Row, Times
from ledger.evidence import decode_event
from ledger.tree import StoredTree
from projections.tables import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from ledger.timestamps import Times as Anchored

STANDINGS: Final = ("valid", "disputed", "report", "refused")


class Reported(Struct, frozen=True, kw_only=True):
    """A reported key: whose, since when it is suspected, when that was reported, and its acts.

    `counts`: entries by standing; `before`, `after`: how many were accepted before the suspicion,
    and from it on; `acts`: one row an entry, in order.
    """

    key: str
    name: str
    holder: str
    enrolled: str
    suspected_since: str
    reported: str
    event: str
    counts: dict[str, int]
    before: int
    after: int
    acts: list[Row]


def reported_keys(
    connection: sa.Connection, anchored: Anchored, *, entry: int | None = None
) -> list[Reported]:
    """Every key that was reported as compromised, by the entry of its first report.

    `anchored`: the time-stamps, as far as the reader trusts their authorities; without any, every
    act before the report is disputed. Reads the notes from each key's enrolment on.
    """
    last = StoredTree(connection).head.entries - 1 if entry is None else entry
    rows = connection.exec_driver_sql(
        "SELECT position, entry, state FROM events WHERE topic = ? AND entry <= ? "
        "AND stream IN (SELECT actor FROM actors) ORDER BY position",
        ("actor.key_compromised", last),
    )
    found: dict[tuple[str, str], list[tuple[int, ActorKeyCompromised]]] = {}
    for _, at, state in rows.all():
        event = decode_event(bytes(state))
        if isinstance(event, ActorKeyCompromised):
            found.setdefault((event.stream, event.key), []).append((at, event))
    times = Times(connection)
    return [_key(connection, anchored, times, last, reports) for reports in found.values()]


def _key(
    connection: sa.Connection,
    anchored: Anchored,
    times: Times,
    last: int,
    reports: Sequence[tuple[int, ActorKeyCompromised]],
) -> Reported:
    """The earliest suspicion stands, and the first report ended the key."""
    entry, event = reports[0]
    suspected = min(report.suspected_since for _, report in reports)
    query = keys.select().where(keys.c.holder == event.stream, keys.c.id == event.key)
    key = connection.execute(query).one()
    acts: list[Row] = []
    for one in signed(connection, key.since, last, (key.name, key.id)):
        before = anchored.of(one.entry).before
        covered = before is not None and before.last < suspected
        standing = (
            "report" if one.entry == entry else "refused" if one.entry > entry
            else "valid" if covered else "disputed"
        )  # fmt: skip
        acts.append({
            "entry": one.entry, "accepted": times.at(one.entry), "position": one.first,
            "events": one.events, "role": one.capacity, "standing": standing,
            "anchored_before": before.token.gen_time if before is not None else None,
            "since_suspicion": times.at(one.entry) >= suspected,
        })  # fmt: skip
    late = sum(act["since_suspicion"] for act in acts)
    return Reported(
        key=key.id, name=key.name, holder=event.stream, enrolled=times.at(key.since),
        suspected_since=suspected, reported=times.at(entry), event=event.id,
        counts=dict(sorted(Counter(act["standing"] for act in acts).items())),
        before=len(acts) - late, after=late, acts=acts,
    )  # fmt: skip

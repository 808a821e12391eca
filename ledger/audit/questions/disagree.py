"""What two ledgers say differently, each difference with the events that say so on both sides.

Of two copies of one ledger: whether they agree, one is ahead, or they fork, and of a fork which
events each has that the other has not. Of the ledgers of two firms that dealt with each other by
files: what one took over from the other (`ledger.bundle_imported`, and the records that continue
the other's) beside what the other says that it handed over. Codes:

    other_history          entry and events of one copy that the other does not have
    state_unknown          a state was verified that the other ledger never had
    origin                 the import names another origin than the ledger has
    handover_unknown       the handover is not in the other ledger
    not_confirmed          ... or was not confirmed at that state
    package                the package taken in is not the one released
    record_not_handed_over a record continues one that the handover did not pass
    item_rejected          ... or that the parties had rejected
    not_taken_over         a record that passed, and that no record here continues
    taken_over_twice       one record is continued by two
    size, items, form, category   the record is described differently
    taken_over_early       said to have been taken over before it was released
    open_discrepancy       the other ledger has a discrepancy about it that is still open
    records_counted        the import counts other records than continue it
    key_condition          one public key stands differently in the two ledgers
    fork_recorded          one of them recorded that the other's ledger forks
    same_origin            two ledgers that were begun apart give the same origin as theirs

Two ledgers of which neither took anything over from the other, without a key in common and without
a row, are `unrelated`: nothing was compared, and that is no agreement.

Contents and texts are sealed under each ledger's own keys and salts: whether they are equal cannot
be told from events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeVar

import sqlalchemy as sa
from msgspec import Struct

from domain.handover import HandoverConfirmed
from domain.record import RecordCollected
from domain.replica import LedgerBundleImported, LedgerReplicaCompared
from domain.values import Event
from ledger.audit.questions.span import Row, Times, events_at
from ledger.effects.comparing import divergence
from ledger.evidence import decode_event
from ledger.facts import LedgerFacts
from ledger.tree import StoredTree
from projections import arrivals, handovers
from projections.arrivals import handover_outcomes
from projections.tables import keys
from projections.view import id_of, key_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Relation = Literal["agree", "ahead", "behind", "fork", "two_ledgers", "unrelated"]
LIMITS: Final = ("contents_are_sealed", "only_what_was_imported")
_Kind = TypeVar("_Kind", bound=Event)
_MOST: Final = 1_000
_DESCRIBED: Final = ("size", "items", "form", "category")


class Disagreements(Struct, frozen=True, kw_only=True):
    """The answer: which ledgers, as of which states, how they stand to each other, and the rows.

    `relation`: of A to B; `imports`: how often one took over from the other; `keys`: how many
    public keys both know.

    A row: `code`, `about` (an id), `a` and `b` (what each says), `a_events` and `b_events` (the
    ids of the events that say so, empty where the ledger says nothing of it).
    """

    a: Row
    b: Row
    relation: Relation
    imports: int
    keys: int
    rows: list[Row]
    limits: tuple[str, ...] = LIMITS


class _Side(NamedTuple):
    """One ledger: a connection, its id, origin, tree and times; `first`: whether it is A."""

    connection: Connection
    ledger: str
    origin: str
    tree: StoredTree
    times: Times
    first: bool

    @classmethod
    def of(cls, connection: Connection, *, first: bool) -> _Side:
        facts, tree = LedgerFacts(connection), StoredTree(connection)
        return cls(connection, facts.ledger, facts.origin, tree, Times(connection), first)

    @property
    def told(self) -> Row:
        head = self.tree.head
        return {"ledger": self.ledger, "origin": self.origin, "entries": head.entries,
                "events": head.events, "root": head.root.hex()}  # fmt: skip


def disagree(a: Connection, b: Connection) -> Disagreements:
    """Compare two ledgers that were verified before; nothing in either is changed."""
    one, other = _Side.of(a, first=True), _Side.of(b, first=False)
    imports = shared = 0
    if one.ledger == other.ledger:
        relation, rows = _copies(one, other)
    else:
        shared, rows = _keys(one, other)
        rows += [*_origins(one, other), *_forks(one, other)]
        for taker, giver in ((one, other), (other, one)):
            for imported in _said(taker, "ledger.bundle_imported", LedgerBundleImported):
                if imported.source_ledger == giver.ledger:
                    imports += 1
                    rows += _import(taker, giver, imported)
        relation = "two_ledgers" if imports or shared or rows else "unrelated"
    rows.sort(key=lambda row: (row["code"], row["about"], row["a_events"], row["b_events"]))
    return Disagreements(
        a=one.told, b=other.told, relation=relation, imports=imports, keys=shared, rows=rows
    )  # fmt: skip


def _row(
    code: str, about: str, mine: _Side, values: tuple[object, object],
    events: tuple[Iterable[str], Iterable[str]],
) -> Row:  # fmt: skip
    """A row; values and events are given as `mine` and the other's, and put in order of A and B."""
    said, named = (values, events) if mine.first else (values[::-1], events[::-1])
    return {
        "code": code, "about": about, "a": said[0], "b": said[1],
        "a_events": list(named[0]), "b_events": list(named[1]),
    }  # fmt: skip


# -- two copies of one ledger -------------------------------------------------------------------


def _copies(one: _Side, other: _Side) -> tuple[Relation, list[Row]]:
    sizes = one.tree.head.entries, other.tree.head.entries
    at = divergence(one.tree.root_at, other.tree.root_at, min(sizes))
    if at is None:
        return (
            "agree" if sizes[0] == sizes[1] else "ahead" if sizes[0] > sizes[1] else "behind"
        ), []
    rows = []
    for entry in range(at, min(max(sizes), at + _MOST)):
        sides = [_entry(side, entry) for side in (one, other)]
        if sides[0] != sides[1]:
            accepted = [side.times.at(entry) if events else None
                        for side, events in zip((one, other), sides, strict=True)]  # fmt: skip
            rows.append(_row(
                "other_history", f"entry {entry}", one, (accepted[0], accepted[1]),
                (sides[0], sides[1]),
            ))  # fmt: skip
    return "fork", rows


def _entry(side: _Side, entry: int) -> list[str]:
    """The ids of an entry's events."""
    rows = side.connection.exec_driver_sql(
        "SELECT e.state FROM commits c JOIN events e ON e.position "
        "BETWEEN c.first AND c.first + c.count - 1 WHERE c.entry = ? ORDER BY e.position", (entry,)
    )  # fmt: skip
    return [decode_event(bytes(state)).id for state in rows.scalars()]


# -- what one took over from the other ----------------------------------------------------------


def _said(side: _Side, topic: str, kind: type[_Kind]) -> list[_Kind]:
    """What a ledger says in its own stream, in order."""
    rows = side.connection.exec_driver_sql(
        "SELECT state FROM events WHERE stream = ? AND topic = ? ORDER BY version",
        (key_of(side.ledger), topic),
    )
    return [
        event for state in rows.scalars() if isinstance(event := decode_event(bytes(state)), kind)
    ]


def _import(taker: _Side, giver: _Side, imported: LedgerBundleImported) -> Iterator[Row]:
    """One import beside the handover that it names, as the giving ledger stood then and now."""
    own = [imported.id]
    if imported.origin != giver.origin:
        yield _row("origin", imported.handover, taker, (imported.origin, giver.origin), (own, ()))
    if imported.size > giver.tree.head.entries or giver.tree.root_at(
        imported.size
    ) != bytes.fromhex(imported.root):
        known = giver.tree.head.entries
        yield _row("state_unknown", giver.ledger, taker, (imported.size, known), (own, ()))
        return
    then = handovers.one(giver.connection, imported.handover, entry=imported.size - 1)
    if then is None:
        yield _row(
            "handover_unknown", imported.handover, taker, (imported.records, None), (own, ())
        )
        return
    last = events_at(giver.connection, then.handover, max(then.steps.values()))
    if then.confirmed_entry is None or then.cancelled_entry is not None:
        yield _row("not_confirmed", then.handover, taker, ("taken_over", then.step), (own, last))
    package = imported.package or None
    if package != then.package and then.released_entry is not None:
        released = events_at(giver.connection, then.handover, then.released_entry)
        yield _row("package", then.handover, taker, (package, then.package), (own, released))
    yield from _records(taker, giver, imported, then)


def _records(
    taker: _Side, giver: _Side, imported: LedgerBundleImported, then: handovers.Handover
) -> Iterator[Row]:
    passed = _passed(giver, imported)
    disputed = {
        item: f"discrepancy {raised.number}"
        for raised in arrivals.discrepancies(giver.connection, then.handover)
        if raised.resolution is None
        for item in raised.items
    }  # fmt: skip
    continued: dict[str, RecordCollected] = {}
    count = 0
    for event in _continuing(taker, imported):
        count += 1
        theirs = str(event.continues)
        if theirs in continued:
            twice = [continued[theirs].id, event.id]
            yield _row("taken_over_twice", theirs, taker, (2, 1), (twice, ()))
        continued[theirs] = event
        outcome, said = passed.get(theirs, ("", ""))
        if outcome != "confirmed":
            code = "item_rejected" if outcome == "rejected" else "record_not_handed_over"
            yield _row(code, theirs, taker, (event.stream, outcome or None),
                       ([event.id], [said] if said else []))  # fmt: skip
        if theirs in disputed:
            yield _row("open_discrepancy", theirs, taker, ("taken_over", disputed[theirs]),
                       ([event.id], [said] if said else []))  # fmt: skip
        yield from _described(taker, giver, event, then)
    for record, (outcome, said) in passed.items():
        if outcome == "confirmed" and record not in continued:
            yield _row("not_taken_over", record, taker, (None, outcome), ([imported.id], [said]))
    if count != imported.records:
        counted = imported.records, count
        yield _row("records_counted", imported.id, taker, counted, ([imported.id], ()))


def _continuing(taker: _Side, imported: LedgerBundleImported) -> Iterator[RecordCollected]:
    """The records that say they were taken over by an import: they come after it."""
    at = taker.connection.exec_driver_sql(
        "SELECT position FROM events WHERE stream = ? AND version = ?",
        (key_of(imported.stream), imported.version),
    ).scalar_one()
    with taker.connection.exec_driver_sql(
        "SELECT state FROM events WHERE position > ? AND topic = ? AND instr(state, ?) > 0 "
        "ORDER BY position", (at, "record.collected", imported.id.encode("ascii")),
    ) as rows:  # fmt: skip
        for state in rows.scalars():
            event = decode_event(bytes(state))
            if isinstance(event, RecordCollected) and event.imported == imported.id:
                yield event


def _passed(giver: _Side, imported: LedgerBundleImported) -> dict[str, tuple[str, str]]:
    """The records on a handover: what became of each by that state, and the event that says so."""
    o = handover_outcomes.c
    query = (
        sa.select(o.item, o.position, o.outcome)
        .where(o.handover == key_of(imported.handover), o.entry < imported.size)
        .order_by(o.position)
    )
    found: dict[str, tuple[str, str]] = {}
    said: dict[int, Event] = {}
    for item, position, outcome in giver.connection.execute(query).all():
        if position not in said:
            state = giver.connection.exec_driver_sql(
                "SELECT state FROM events WHERE position = ?", (position,)
            ).scalar_one()
            said[position] = decode_event(bytes(state))
        found[id_of("record", item)] = outcome, said[position].id
    listed = {
        record for event in said.values() if isinstance(event, HandoverConfirmed)
        for record in event.names
    }  # fmt: skip
    return {
        record: told for record, told in found.items() if told[0] != "confirmed" or record in listed
    }  # fmt: skip


def _described(
    taker: _Side, giver: _Side, event: RecordCollected, then: handovers.Handover
) -> Iterator[Row]:
    """One record as both describe it: as it was first collected there, and taken over here."""
    state = giver.connection.exec_driver_sql(
        "SELECT state FROM events WHERE stream = ? AND version = 1", (key_of(str(event.continues)),)
    ).scalar()
    theirs = decode_event(bytes(state)) if state is not None else None
    if not isinstance(theirs, RecordCollected) or theirs.stream != event.continues:
        return
    for name in _DESCRIBED:
        mine, other = getattr(event, name), getattr(theirs, name)
        if mine != other:
            yield _row(name, theirs.stream, taker, (mine, other), ([event.id], [theirs.id]))
    if then.released_entry is not None:
        released = giver.times.at(then.released_entry)
        if event.at < released:
            said = events_at(giver.connection, then.handover, then.released_entry)
            yield _row("taken_over_early", theirs.stream, taker, (event.at, released),
                       ([event.id], said))  # fmt: skip


# -- keys and forks -----------------------------------------------------------------------------


def _keys(one: _Side, other: _Side) -> tuple[int, list[Row]]:
    """How many public keys both know; one reported or revoked here may still be trusted there."""
    query = sa.select(keys).order_by(keys.c.public)
    known = {row.public: row for row in other.connection.execute(query)}
    shared, rows = 0, []
    for mine in one.connection.execute(query):
        theirs = known.get(mine.public)
        shared += theirs is not None
        if theirs is not None and theirs.condition != mine.condition:
            said = [
                events_at(
                    side.connection, row.holder, row.since if row.until is None else row.until
                )
                for side, row in ((one, mine), (other, theirs))
            ]
            values = mine.condition, theirs.condition
            rows.append(_row("key_condition", mine.id, one, values, (said[0], said[1])))
    return shared, rows


def _origins(one: _Side, other: _Side) -> Iterator[Row]:
    """An origin is one ledger's: of two that give the same, one is not what it says."""
    if one.origin == other.origin:
        values = one.ledger, other.ledger
        yield _row(
            "same_origin", one.origin, one, values, (_entry(one, 0)[:1], _entry(other, 0)[:1])
        )


def _forks(one: _Side, other: _Side) -> Iterator[Row]:
    """Comparisons in which one of them saw the other's ledger fork."""
    for mine, theirs in ((one, other), (other, one)):
        for event in _said(mine, "ledger.replica_compared", LedgerReplicaCompared):
            if event.result == "fork" and event.origin == theirs.origin:
                at = event.diverged_at if isinstance(event.diverged_at, int) else None
                yield _row("fork_recorded", theirs.ledger, mine, (at, None), ([event.id], ()))

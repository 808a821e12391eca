"""What changed between two states of a ledger, after proof that one grew into the other.

The proof comes first: an RFC 6962 consistency proof between the two roots is made from the stored
tree and verified; of states that are checkpoints the roots are those that were signed. Two states
of a fork have no such proof, and nothing else is said of them.

`changed` gives a row for everything that the events between the two states brought, changed or
ended: `added`, `changed` or `ended`, with its id, the number of events that say so and the first
and last position of them. Of streams those are all events of their own; of roles, keys and packs,
which have no stream, and of what events of other streams ended, the ones that name them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa
from msgspec import Struct

from ledger.audit.questions.span import Row, Times
from ledger.errors import ProofError, UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.tlog.merkle import EMPTY_ROOT, verify_consistency
from ledger.tree import StoredTree
from projections import custody, inventory
from projections.access import grants
from projections.backups import backups
from projections.custody import THERE
from projections.holds import held
from projections.keycopies import key_copies
from projections.tables import holdings, keys, policies, roles
from projections.tables import inventory as records
from projections.view import id_of, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

CHANGES: Final = ("added", "changed", "ended")
_OVER: Final = ("destroyed", "transferred_out", "anonymized")
_GONE: Final = ("destroyed", "returned", "lost")
_PORTION: Final = 2_000


class Changes(Struct, frozen=True, kw_only=True):
    """What lies between two states: `before` and `after` are entries, roots and accepted times.

    `proof`: the hashes of the consistency proof that was verified; `by_type`: events by topic;
    `counts`: by aggregate and change.
    """

    before: Row
    after: Row
    proof: tuple[str, ...]
    entries: int
    events: int
    by_type: dict[str, int]
    counts: dict[str, dict[str, int]]


class _Between(NamedTuple):
    """Entries from `first` to `last`, positions from `begin` to `end`, all included."""

    first: int
    last: int
    begin: int
    end: int


def prefix_proof(
    connection: sa.Connection, old: int, new: int, *, old_root: bytes | None = None,
    new_root: bytes | None = None,
) -> list[bytes]:  # fmt: skip
    """The verified proof that the tree of `old` entries is a prefix of that of `new`.

    `old_root`, `new_root`: as signed; else those of the stored tree. Raises `VerificationError` if
    there is no such proof: the two are states of a fork.
    """
    tree = StoredTree(connection)
    proof = tree.consistency(old, new) if old else []
    try:
        if old:
            older, newer = old_root or tree.root_at(old), new_root or tree.root_at(new)
            verify_consistency(old, new, older, newer, proof)
    except ProofError as error:
        raise VerificationError(
            "the first of these states is not a prefix of the second: the ledger forks between "
            "them",
            "muniment checkpoint compare A B makes the evidence of it",
        ) from error
    return proof


def changes(connection: sa.Connection, old: int, new: int) -> Changes:
    """What changed from the state of `old` entries to that of `new`; both are sizes, 0 is empty.

    Raises `UsageError` if the second is not the later one, `VerificationError` as `prefix_proof`.
    """
    proof = _proved(connection, old, new)
    tree, times = StoredTree(connection), Times(connection)
    between = _between(connection, old, new)
    topics = _topics(connection, between)
    states = [
        {
            "entries": size, "events": end,
            "root": (tree.root_at(size) if size else EMPTY_ROOT).hex(),
            "accepted": times.at(size - 1) if size else None,
        }
        for size, end in ((old, between.begin - 1), (new, between.end))
    ]  # fmt: skip
    return Changes(
        before=states[0], after=states[1], proof=tuple(one.hex() for one in proof),
        entries=new - old, events=between.end - between.begin + 1,
        by_type={one.topic: one.events for one in topics},
        counts=_counts(connection, between, topics),
    )  # fmt: skip


def changed(connection: sa.Connection, old: int, new: int) -> Iterator[Row]:
    """A row for all that was added, changed or ended, by aggregate, change and id, as they come.

    Raises as `changes`.
    """
    _proved(connection, old, new)
    between = _between(connection, old, new)
    streams = _of_streams(connection, between, _topics(connection, between))
    rows = merge(streams, *_of_tables(connection, between), key=_place)
    return (next(same) for _, same in groupby(rows, key=_place))


def _proved(connection: sa.Connection, old: int, new: int) -> list[bytes]:
    if old > new:
        raise UsageError("the second state is earlier than the first", "name the older one first")
    return prefix_proof(connection, old, new)


def _place(row: Row) -> tuple[str, int, str]:
    return row["aggregate"], CHANGES.index(row["change"]), row["id"]


def _between(connection: sa.Connection, old: int, new: int) -> _Between:
    begin, end = (_last_position(connection, size) for size in (old, new))
    return _Between(old, new - 1, begin + 1, end)


def _last_position(connection: sa.Connection, size: int) -> int:
    if size == 0:
        return 0
    found: int = connection.exec_driver_sql(
        "SELECT first + count - 1 FROM commits WHERE entry = ?", (size - 1,)
    ).scalar_one()
    return found


class _Topic(NamedTuple):
    """Events of a topic: whose streams they are, how many, and how many streams they begin.

    `changed`: of how many streams that were there before they are the first event here.
    """

    topic: str
    aggregate: str
    events: int
    added: int
    changed: int


def _topics(connection: sa.Connection, between: _Between) -> list[_Topic]:
    """What was recorded, by topic, counted by the database; a topic is of one aggregate."""
    rows = connection.exec_driver_sql(
        "SELECT topic, MIN(position), COUNT(*), SUM(version = 1), SUM(version > 1 AND ("
        "SELECT before.position FROM events AS before WHERE before.stream = events.stream "
        "AND before.version = events.version - 1) < ?) "
        "FROM events WHERE position BETWEEN ? AND ? GROUP BY topic ORDER BY topic",
        (between.begin, between.begin, between.end),
    )  # fmt: skip
    found = []
    for topic, position, events, added, changed in rows.all():
        state = connection.exec_driver_sql(
            "SELECT state FROM events WHERE position = ?", (position,)
        ).scalar_one()
        aggregate = decode_event(bytes(state)).stream[:-37]
        found.append(_Topic(topic, aggregate, events, added, changed))
    return found


def _counts(
    connection: sa.Connection, between: _Between, topics: Sequence[_Topic]
) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}

    def add(aggregate: str, change: str, many: int) -> None:
        if many:
            counts.setdefault(aggregate, dict.fromkeys(CHANGES, 0))[change] += many

    for one in topics:
        add(one.aggregate, "added", one.added)
        add(one.aggregate, "changed", one.changed)
    for rows in _of_tables(connection, between):
        for _, same in groupby(rows, key=_place):
            row = next(same)
            if row["change"] != "changed" or not _has_events(connection, row["id"], between):
                add(row["aggregate"], row["change"], 1)
    return dict(sorted(counts.items()))


def _has_events(connection: sa.Connection, stream: str, between: _Between) -> bool:
    """Whether a stream has events of its own here: then it is counted by them."""
    found = connection.exec_driver_sql(
        "SELECT 1 FROM events WHERE stream = ? AND +position BETWEEN ? AND ? LIMIT 1",
        (key_of(stream), between.begin, between.end),
    ).scalar()
    return found is not None


def _of_streams(
    connection: sa.Connection, between: _Between, topics: Sequence[_Topic]
) -> Iterator[Row]:
    """Each stream that events were added to, in the order of `_place`, sorted by the database."""
    if not topics:
        return
    aggregates = sorted({one.aggregate for one in topics})
    ranks: list[object] = []
    for one in topics:
        ranks += [one.topic, aggregates.index(one.aggregate)]
    rows = connection.exec_driver_sql(
        f"SELECT stream, CASE topic {'WHEN ? THEN ? ' * len(topics)}END AS rank, "  # noqa: S608
        "MIN(version) > 1 AS late, COUNT(*), MIN(position), MAX(position) FROM events "
        "WHERE position BETWEEN ? AND ? GROUP BY stream ORDER BY rank, late, stream",
        (*ranks, between.begin, between.end), execution_options={"yield_per": _PORTION},
    )  # fmt: skip
    with rows:
        for key, rank, late, count, first, last in rows:
            aggregate = aggregates[rank]
            change = "changed" if late else "added"
            yield _row(aggregate, id_of(aggregate, key), change, (count, first, last))


def _row(aggregate: str, identity: str, change: str, said: tuple[int, int, int]) -> Row:
    return {
        "aggregate": aggregate, "id": identity, "change": change, "events": said[0],
        "first_position": said[1], "last_position": said[2],
    }  # fmt: skip


class _Life(NamedTuple):
    """Rows of a table that begin and end at entries.

    `named`: of a row its id, the stream whose events say so, and what of it they name.
    """

    aggregate: str
    table: sa.Table
    named: Callable[[sa.Row[Any]], tuple[str, str, str]]
    ended: str | None
    added: str | None = None


def _own(aggregate: str, column: str) -> Callable[[sa.Row[Any]], tuple[str, str, str]]:
    def named(row: sa.Row[Any]) -> tuple[str, str, str]:
        identity = id_of(aggregate, getattr(row, column))
        return identity, identity, ""

    return named


def _role(row: sa.Row[Any]) -> tuple[str, str, str]:
    actor = id_of("actor", row.actor)
    return f"{actor} {row.role}", actor, row.role


_LIVES: Final = (
    _Life("grant", grants, _own("grant", "grant"), "revoked_entry"),
    _Life("role", roles, _role, "revoked_entry", "granted_entry"),
    _Life("key", keys, lambda row: (f"{row.holder} {row.id}", row.holder, row.id), "until",
          "since"),
    _Life("hold", held, _own("hold", "hold"), "released_entry"),
    _Life("keycopy", key_copies, _own("keycopy", "copy"), "destroyed_entry"),
    _Life("backup", backups, _own("backup", "backup"), "expired_entry"),
    _Life("policy", policies, lambda row: (f"{row.pack} {row.pack_version}", "", ""), None,
          "position"),
)  # fmt: skip
"""What has a beginning and an end of its own, besides the streams that say so."""


def _of_tables(connection: sa.Connection, between: _Between) -> Iterator[Iterator[Row]]:
    """What tables say besides the streams, each in the order of `_place`."""
    for life in _LIVES:
        for column, change in ((life.added, "added"), (life.ended, "ended")):
            if column is not None:
                found = _lived(connection, between, life, column, change)
                yield iter(sorted(found, key=_place))
    for change in ("changed", "ended"):
        yield _copies(connection, between, change)
    yield _ended_records(connection, between)


def _lived(
    connection: sa.Connection, between: _Between, life: _Life, column: str, change: str
) -> Iterator[Row]:
    low, high = between.first, between.last
    if column == "position":
        low, high = between.begin, between.end
    where = life.table.c[column].between(low, high)
    query = sa.select(life.table).where(where).order_by(*life.table.primary_key)
    for row in connection.execute(query).all():
        identity, stream, name = life.named(row)
        at = getattr(row, column)
        said = (1, at, at) if column == "position" else _said(connection, stream, at, name)
        yield _row(life.aggregate, identity, change, said)


def _said(connection: sa.Connection, stream: str, entry: int, name: str) -> tuple[int, int, int]:
    """How many events of an entry say something of a stream (and name this), first and last.

    Its own; if there are none, those that mention it.
    """
    own = "FROM events WHERE stream = ? AND +entry = ? AND instr(state, ?) > 0"
    theirs = "FROM mentions WHERE object = ? AND entry = ? AND ? IS NOT NULL"
    values = key_of(stream), entry, name.encode("ascii")
    for which in (own, theirs):
        count, first, last = connection.exec_driver_sql(
            f"SELECT COUNT(*), MIN(position), MAX(position) {which}",
            values,
        ).one()
        if count:
            return count, first, last
    return 0, 0, 0


def _touched(
    connection: sa.Connection, table: sa.Table, over: str, ended: Sequence[str], between: _Between
) -> Iterator[bytes]:
    """The keys of rows of which a version of these entries has ended, or had one before it.

    `over`, `ended`: the column and the values by which a row says that it has ended. What only
    came in with these entries, and stands, needs no second look.
    """
    (key,) = table.primary_key
    past: sa.Table = table.info["past"]
    span = between.first, between.last
    earlier = sa.select(past.c[key.name]).where(past.c[key.name] == key).correlate(table).exists()
    queries = [
        sa.select(key).where(
            table.c.changed_entry.between(*span), sa.or_(table.c[over].in_(ended), earlier)
        ),
        sa.select(past.c[key.name]).where(past.c.changed_entry.between(*span)),
    ]
    both = sa.union(*queries).subquery()
    query = sa.select(both.c[key.name]).order_by(both.c[key.name])
    options = {"yield_per": _PORTION}
    with connection.execute(query, execution_options=options) as found:
        yield from found.scalars()


def _copies(connection: sa.Connection, between: _Between, change: str) -> Iterator[Row]:
    """Copies that were there and are gone (`ended`), or came to another keeper (`changed`)."""
    for key in _touched(connection, holdings, "condition", _GONE, between):
        holding = id_of("holding", key)
        now = custody.one(connection, holding, entry=between.last)
        then = custody.one(connection, holding, entry=between.first - 1)
        if now is None:
            continue
        at = now.changed_position
        if now.condition not in THERE and (then is None or then.there):
            found = "ended"
        elif then is not None and then.custodian != now.custodian:
            found = "changed"
        else:
            continue
        if found == change:
            yield _row("holding", holding, change, (1, at, at))


def _ended_records(connection: sa.Connection, between: _Between) -> Iterator[Row]:
    """Records of which nothing is left here any more."""
    for key in _touched(connection, records, "state", _OVER, between):
        record = id_of("record", key)
        now = inventory.one(connection, record, entry=between.last)
        then = inventory.one(connection, record, entry=between.first - 1)
        if now is not None and now.state in _OVER and (then is None or then.state not in _OVER):
            at = now.changed_position
            yield _row("record", record, "ended", (1, at, at))

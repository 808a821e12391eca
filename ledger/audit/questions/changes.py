"""What changed between two states of a ledger, after proof that one grew into the other.

The proof comes first: an RFC 6962 consistency proof between the two roots is made from the stored
tree and verified; of states that are checkpoints the roots are those that were signed. Two states
of a fork have no such proof, and nothing else is said of them.

`changed` has a row for everything that the events between the two states brought, changed or ended:
`added`, `changed` or `ended`, with its id, the number of events in its own stream and the first and
last position of them (0 of what changed by events of other streams alone).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
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
from projections.view import id_of

if TYPE_CHECKING:
    from collections.abc import Callable

CHANGES: Final = ("added", "changed", "ended")
_OVER: Final = ("destroyed", "transferred_out", "anonymized")
_GONE: Final = ("destroyed", "returned", "lost")
_PORTION: Final = 2_000


class Changes(Struct, frozen=True, kw_only=True):
    """What lies between two states: `before` and `after` are entries, roots and accepted times.

    `proof`: the hashes of the consistency proof that was verified; `by_type`: events by topic;
    `counts`: by aggregate and change; `changed`: the rows, by aggregate, change and id.
    """

    before: Row
    after: Row
    proof: tuple[str, ...]
    entries: int
    events: int
    by_type: dict[str, int]
    counts: dict[str, dict[str, int]]
    changed: list[Row]


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
    if old > new:
        raise UsageError("the second state is earlier than the first", "name the older one first")
    proof = prefix_proof(connection, old, new)
    tree, times = StoredTree(connection), Times(connection)
    ends = [_last_position(connection, size) for size in (old, new)]
    between = _Between(old, new - 1, ends[0] + 1, ends[1])
    types, streams = _streams(connection, between)
    rows = [*_of_streams(connection, streams), *_of_tables(connection, between)]
    unique = {(row["aggregate"], row["id"], row["change"]): row for row in reversed(rows)}
    changed = sorted(unique.values(), key=_place)
    counts: dict[str, dict[str, int]] = {}
    for row in changed:
        of = counts.setdefault(row["aggregate"], dict.fromkeys(CHANGES, 0))
        of[row["change"]] += 1
    states = [
        {
            "entries": size, "events": end,
            "root": (tree.root_at(size) if size else EMPTY_ROOT).hex(),
            "accepted": times.at(size - 1) if size else None,
        }
        for size, end in zip((old, new), ends, strict=True)
    ]  # fmt: skip
    return Changes(
        before=states[0], after=states[1], proof=tuple(one.hex() for one in proof),
        entries=new - old, events=ends[1] - ends[0], by_type=dict(sorted(types.items())),
        counts=counts, changed=changed,
    )  # fmt: skip


def _place(row: Row) -> tuple[str, int, str]:
    return row["aggregate"], CHANGES.index(row["change"]), row["id"]


def _last_position(connection: sa.Connection, size: int) -> int:
    if size == 0:
        return 0
    found: int = connection.exec_driver_sql(
        "SELECT first + count - 1 FROM commits WHERE entry = ?", (size - 1,)
    ).scalar_one()
    return found


_Streams = dict[bytes, tuple[str, list[int]]]


def _streams(connection: sa.Connection, between: _Between) -> tuple[Counter[str], _Streams]:
    """Events by topic; by stream: its first topic, lowest version, how many, first and last."""
    types: Counter[str] = Counter()
    streams: _Streams = {}
    with connection.exec_driver_sql(
        "SELECT position, stream, version, topic FROM events WHERE position BETWEEN ? AND ? "
        "ORDER BY position", (between.begin, between.end),
        execution_options={"yield_per": _PORTION},
    ) as rows:  # fmt: skip
        for position, stream, version, topic in rows:
            types[topic] += 1
            found = streams.get(stream)
            if found is None:
                streams[stream] = topic, [version, 1, position, position]
                continue
            found[1][1] += 1
            found[1][3] = position
    return types, streams


def _of_streams(connection: sa.Connection, streams: _Streams) -> Iterator[Row]:
    """Each stream that events were added to; a topic belongs to streams of one aggregate."""
    aggregates: dict[str, str] = {}
    for key, (topic, (version, count, first, last)) in streams.items():
        if topic not in aggregates:
            state = connection.exec_driver_sql(
                "SELECT state FROM events WHERE position = ?", (first,)
            ).scalar_one()
            aggregates[topic] = decode_event(bytes(state)).stream[:-37]
        aggregate = aggregates[topic]
        yield {
            "aggregate": aggregate, "id": id_of(aggregate, key),
            "change": "added" if version == 1 else "changed", "events": count,
            "first_position": first, "last_position": last,
        }  # fmt: skip


class _Life(NamedTuple):
    """Rows of a table that begin and end at entries."""

    aggregate: str
    table: sa.Table
    id_of: Callable[[sa.Row[Any]], str]
    ended: str | None
    added: str | None = None


_LIVES: Final = (
    _Life("grant", grants, lambda row: id_of("grant", row.grant), "revoked_entry"),
    _Life("role", roles, lambda row: f"{id_of('actor', row.actor)} {row.role}",
          "revoked_entry", "granted_entry"),
    _Life("key", keys, lambda row: f"{row.holder} {row.id}", "until", "since"),
    _Life("hold", held, lambda row: id_of("hold", row.hold), "released_entry"),
    _Life("keycopy", key_copies, lambda row: id_of("keycopy", row.copy), "destroyed_entry"),
    _Life("backup", backups, lambda row: id_of("backup", row.backup), "expired_entry"),
    _Life("policy", policies, lambda row: f"{row.pack} {row.pack_version}", None, "position"),
)  # fmt: skip
"""What has a beginning and an end of its own, besides the streams that say so."""


def _of_tables(connection: sa.Connection, between: _Between) -> Iterator[Row]:
    for life in _LIVES:
        for column, change in ((life.added, "added"), (life.ended, "ended")):
            if column is None:
                continue
            low, high = between.first, between.last
            if column == "position":
                low, high = between.begin, between.end
            where = life.table.c[column].between(low, high)
            query = sa.select(life.table).where(where).order_by(*life.table.primary_key)
            for row in connection.execute(query):
                yield _row(life.aggregate, life.id_of(row), change)
    yield from _ended_copies(connection, between)
    yield from _ended_records(connection, between)


def _row(aggregate: str, identity: str, change: str) -> Row:
    return {
        "aggregate": aggregate, "id": identity, "change": change, "events": 0,
        "first_position": 0, "last_position": 0,
    }  # fmt: skip


def _touched(
    connection: sa.Connection, table: sa.Table, over: str, ended: Sequence[str], between: _Between
) -> list[bytes]:
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
    return sorted(connection.execute(sa.union(*queries)).scalars())


def _ended_copies(connection: sa.Connection, between: _Between) -> Iterator[Row]:
    """Copies that were there and are gone, and those that came to another keeper."""
    for key in _touched(connection, holdings, "condition", _GONE, between):
        holding = id_of("holding", key)
        now = custody.one(connection, holding, entry=between.last)
        then = custody.one(connection, holding, entry=between.first - 1)
        if now is None:
            continue
        if now.condition not in THERE and (then is None or then.there):
            yield _row("holding", holding, "ended")
        elif then is not None and then.custodian != now.custodian:
            yield _row("holding", holding, "changed")


def _ended_records(connection: sa.Connection, between: _Between) -> Iterator[Row]:
    """Records of which nothing is left here any more."""
    for key in _touched(connection, records, "state", _OVER, between):
        record = id_of("record", key)
        now = inventory.one(connection, record, entry=between.last)
        then = inventory.one(connection, record, entry=between.first - 1)
        if now is not None and now.state in _OVER and (then is None or then.state not in _OVER):
            yield _row("record", record, "ended")

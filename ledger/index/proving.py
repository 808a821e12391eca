"""The indexes that a ledger has published, and proofs of their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar

from domain.anchor import LedgerIndexPublished
from domain.values import topic_of
from ledger.errors import ProofError, UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.index import kept
from ledger.index.computing import Index
from ledger.index.kept import IndexRow, Kept
from ledger.tlog.merkle import leaf_hash, verify_inclusion

_AT_ONCE: Final = 20_000
_TOPIC: Final = topic_of(LedgerIndexPublished)

Answer = TypeVar("Answer")

Rows = Any
"""A connection of SQLAlchemy's, which this module does without: whoever verifies imports it."""


class Indexed(Protocol):
    """What is asked of a ledger (`ledger.application.Ledger`)."""

    engine: Any
    folder: Any


class Published(NamedTuple):
    """An index as its event says: over the entries below `size`; `entry` is the event's own."""

    event: str
    position: int
    entry: int
    size: int
    root: bytes
    rows: int


def published(connection: Rows) -> list[Published]:
    """Every index that was published, in order. Raises `EncodingError` for a damaged event."""
    found = connection.exec_driver_sql(
        "SELECT position, entry, state FROM events WHERE topic = ? AND stream = "
        "(SELECT stream FROM events WHERE position = 1) ORDER BY version",
        (_TOPIC,),
    ).all()
    events = [(position, entry, decode_event(bytes(state))) for position, entry, state in found]
    return [
        Published(e.id, position, entry, e.size, bytes.fromhex(e.root), e.rows)
        for position, entry, e in events
        if isinstance(e, LedgerIndexPublished)
    ]


def states(connection: Rows, size: int) -> Iterator[bytes]:
    """The bytes of all events in entries below `size`, by position."""
    first = connection.exec_driver_sql(
        "SELECT first FROM commits WHERE entry = ?", (size,)
    ).scalar()
    if first is None:
        first = (connection.exec_driver_sql("SELECT max(position) FROM events").scalar() or 0) + 1
    for start in range(1, first, _AT_ONCE):
        rows = connection.exec_driver_sql(
            "SELECT state FROM events WHERE position >= ? AND position < ? ORDER BY position",
            (start, min(start + _AT_ONCE, first)),
        )
        for (state,) in rows:
            yield bytes(state)


def prove(
    ledger: Indexed, event_id: str, name: str, check: Callable[[int], None] | None = None
) -> list[IndexRow]:
    """Prove every row of one object in a published index; see `Proofs.rows`."""
    with Proofs(ledger, event_id) as proofs:
        return proofs.rows(name, check)


class Proofs:
    """Proofs of rows in one published index, `<object> <stream> <version> <leaf>`.

    They hold against the root in the event. To be used as a context manager. Milliseconds each for
    the newest index where its rows are kept in the folder; else the index is computed again, once.
    Raises `UsageError` if there is no such event, `VerificationError` if the events do not come to
    the root that was published.
    """

    def __init__(self, ledger: Indexed, event_id: str) -> None:
        """`event_id`: of a `ledger.index_published`."""
        self._ledger, self._event = ledger, event_id
        self._open = ExitStack()
        self._rows: Kept | None = None
        self._made = False

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._connection = opening.enter_context(self._ledger.engine.connect())
            indexes = published(self._connection)
            found = next((one for one in indexes if one.event == self._event), None)
            if found is None:
                raise UsageError("there is no index {event}", "muniment index show",
                                 event=self._event)  # fmt: skip
            self._index, self._newest = found, found == indexes[-1]
            self._tail = _tails(self._connection, found.size)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def rows(self, name: str, check: Callable[[int], None] | None = None) -> list[IndexRow]:
        """Prove every row of an object.

        `name`: the object's id. The rows are consecutive: those of the object, with the row before
        and the row after where there are any; an object that nothing names has only these two.
        `check` is told how many rows the object has before they are proved, and may raise.
        """
        return self._asked(lambda rows: self._about(name, rows.prove(name, self._tail, check)))

    def head(self, stream: str) -> IndexRow:
        """Prove the row of a stream that names itself, which every stream in the index has."""
        return self._asked(lambda rows: self._own(stream, rows.prove_own(stream, self._tail)))

    def _asked(self, ask: Callable[[Kept], Answer]) -> Answer:
        if not self._made:
            with suppress(OSError, ValueError, IndexError, ProofError):
                return ask(self._kept())
            self._make()
        assert self._rows is not None  # just made
        try:
            return ask(self._rows)
        except ProofError:
            raise VerificationError(
                "the index {event} is not what the events come to; nothing was proved",
                "muniment verify",
                event=self._event,
            ) from None

    def _kept(self) -> Kept:
        """The rows that the ledger's folder keeps."""
        if self._rows is None:
            place = kept.path_of(self._ledger.folder.path, self._index.size)
            with place.open("rb") as file:
                self._rows = self._open.enter_context(closing(Kept(file)))
        return self._rows

    def _make(self) -> None:
        """Compute the index again, and keep its rows if they are the newest."""
        index, path = self._index, self._ledger.folder.path
        made = self._open.enter_context(Index())
        made.add(states(self._connection, index.size))
        root, file = self._open.enter_context(kept.fresh(made, index.size))
        if root == (index.root, index.rows) and self._newest:
            kept.keep(path, index.size, file)
        self._rows, self._made = self._open.enter_context(closing(Kept(file))), True

    def _about(self, name: str, found: list[IndexRow]) -> list[IndexRow]:
        """The rows from a file of them, each checked against the root that was published."""
        named = [row.text.partition(" ")[0] for row in self._proved(found)]
        edges = (named[0] >= name and found[0].row > 0) or (
            named[-1] <= name and found[-1].row < self._index.rows - 1
        )
        if edges:
            raise ProofError("not all rows of the object")
        return found

    def _own(self, stream: str, found: IndexRow) -> IndexRow:
        if not found.text.startswith(f"{stream} {stream} "):
            raise ProofError("not the row of the stream")
        return self._proved([found])[0]

    def _proved(self, found: list[IndexRow]) -> list[IndexRow]:
        if self._rows is None or self._rows.rows != self._index.rows:
            raise ProofError("an index of another number of rows")
        for row, text, hashes in found:
            leaf = leaf_hash(text.encode())
            verify_inclusion(row, self._index.rows, leaf, hashes, self._index.root)
        return found


def _tails(connection: Rows, size: int) -> Callable[[str], str]:
    """Version and leaf of a stream's last event below `size`."""

    @lru_cache(maxsize=4096)
    def tail(stream: str) -> str:
        key = bytes.fromhex(stream[-36:].replace("-", ""))
        row = connection.exec_driver_sql(
            "SELECT version, state FROM events WHERE stream = ? AND entry < ? "
            "ORDER BY version DESC LIMIT 1",
            (key, size),
        ).first()
        return "" if row is None else f"{row[0]} {leaf_hash(bytes(row[1])).hex()}"

    return tail

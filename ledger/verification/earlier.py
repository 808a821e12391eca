"""What verification from a pinned checkpoint on reads of what lies before: identity, and no more.

Entry 0, and every entry with an event about those who signed or are spoken of, are opened in
full: the entry lies in the pinned tree, its note is signed, its events have the signed root and
were permitted. They are found from `signers`, from what is new, and from what the opened entries
name; by streams, each with versions free of gaps. An entry that nothing leads to stays closed:
whoever hides an event and covers the trace in unsigned rows is found by full verification alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from domain import TOPICS
from domain.values import Event
from ledger.errors import DataError, ProofError
from ledger.evidence import decode_event
from ledger.tlog.commit import MAX_COUNT, Entry
from ledger.tlog.merkle import leaf_hash, verify_inclusion
from ledger.verification.entrycheck import EntryCheck
from ledger.verification.findings import Findings
from ledger.verification.growth import Derived
from ledger.verification.keyhistory import IDENTITY, KeyHistory
from ledger.verification.rows import CommitRow, EventRow, Source

_TOPICS = frozenset(topic.encode() for topic, kind in TOPICS.items() if kind in IDENTITY)


class Earlier:
    """The entries about identity before a pinned checkpoint."""

    def __init__(
        self, source: Source, findings: Findings, keys: KeyHistory, tree: Derived, first: int
    ) -> None:
        """`tree`: the pinned one; `first`: the position at which what is new begins."""
        self._source = source
        self._findings = findings
        self._keys = keys
        self._tree = tree
        self._first = first
        self._queue: list[bytes] = []
        self._seen: set[bytes] = set()
        self._opened: dict[int, CommitRow] = {}

    def replay(self, entries: EntryCheck) -> None:
        """Open what there is to open, and check it in order."""
        self._collect()
        root = self._tree.root()
        for index, row in sorted(self._opened.items()):
            leaf = leaf_hash(row[4])
            try:
                verify_inclusion(index, self._tree.size, leaf, self._tree.inclusion(index), root)
            except ProofError:
                self._findings.add(
                    "entry_changed", "entry", position=row[1], actual=leaf,
                    cause=f"entry {index} is not in the tree of the pinned checkpoint",
                )  # fmt: skip
                self._keys.damaged.add("")
                continue
            entries.begin(row[1])
            entries.check(index, row)

    def _collect(self) -> None:
        self._open(0)
        for holder, _ in self._source.signers():
            self._follow(holder)
        for row in self._source.commits(self._tree.size):
            self._signers(row[4])
        for event_row in self._source.events(self._first):
            if event_row[3] in _TOPICS:
                self._names(event_row[5])
        while self._queue:
            self._stream(self._queue.pop())

    def _follow(self, identity: bytes) -> None:
        if identity not in self._seen:
            self._seen.add(identity)
            self._queue.append(identity)

    def _signers(self, data: bytes) -> None:
        with suppress(DataError):
            for signer in Entry.parse(data).commit.note.signers:
                self._follow_ids([self._keys.holder_of(signer.name)])

    def _names(self, state: bytes) -> Event | None:
        """Follow the streams that an event about identity names."""
        with suppress(DataError):
            event = decode_event(state)
            if type(event) in IDENTITY:
                names = (getattr(event, name, None) for name in ("party", "scope", "owner"))
                self._follow_ids([event.stream, event.by, event.engagement, *names])
                return event
        return None

    def _follow_ids(self, streams: Iterable[object]) -> None:
        for stream in streams:
            if isinstance(stream, str):
                with suppress(ValueError):
                    self._follow(bytes.fromhex(stream[-36:].replace("-", "")))

    def _stream(self, identity: bytes) -> None:
        """Open the entries of a stream's events; streams of records are left alone."""
        for version, row in enumerate(self._source.stream(identity), 1):
            position, _, found, _, entry, state = row
            if self._names(state) is None and version == 1:
                return
            if found != version:
                self._damaged("version_gap", row, "the version before it is not in the stream")
                return
            if position >= self._first:
                return
            if entry is None or not 0 <= entry < self._tree.size:
                self._damaged("column_changed", row, "column entry does not name its entry")
            elif not self._open(entry, position):
                self._damaged("event_unknown", row, "the entry that it names does not cover it")

    def _damaged(self, code: str, row: EventRow, cause: str) -> None:
        self._findings.add(code, "event", position=row[0], actual=leaf_hash(row[5]), cause=cause)

    def _open(self, entry: int, position: int | None = None) -> bool:
        """Note that an entry is to be opened; whether it covers a position."""
        row = self._opened.get(entry)
        if row is None:
            row = next(self._source.commits(entry), None)
            if row is None or row[0] != entry:
                return False
            self._opened[entry] = row
            if entry == 0:
                with suppress(DataError):
                    self._keys.begin(self._ledger(row))
            self._signers(row[4])
            for event_row in self._events(row):
                self._names(event_row[5])
        return position is None or row[1] <= position < row[1] + row[2]

    def _events(self, row: CommitRow) -> Iterator[EventRow]:
        return islice(self._source.events(row[1]), min(max(row[2], 0), MAX_COUNT))

    def _ledger(self, row: CommitRow) -> str:
        return next((decode_event(found[5]).stream for found in self._events(row)), "")

"""A range of entries examined by itself: a pure function of stored rows, wherever it runs.

Most of what verification does to an entry depends on nothing but its own bytes: hashing its events
and their tree, decoding them, comparing columns, opening sealed digests, checking signatures. That
part is `examine`. It only ever says *yes*: an entry of which everything was as it should be is
summed up in a few values (`Passed`), and any other is left out, whatever the reason. What is left
out, what concerns keys and roles, and all that depends on other entries is judged by
`verification.entrycheck`, in order and in one place; so where a range was examined, or whether it
was, changes no finding.

A signature is checked with the key that `Span.keys` gives for its name and id. That is a hint, read
from rows that nobody has verified: the public key used is part of the summary, and a summary counts
only if it is the key that is enrolled at that place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import lru_cache, partial
from hashlib import sha256
from itertools import chain, islice, pairwise, takewhile
from typing import Any, Final, NamedTuple

from domain import TOPICS
from domain.keycopy import SHREDDING
from ledger.errors import DataError, NoteError
from ledger.evidence import decode_event, enrolled_keys, unb64url
from ledger.garbage import few_collections
from ledger.parallel import Executor, Pending, in_order, serial
from ledger.tlog import ed25519
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import leaf_hash, leaf_hashes, tree_root
from ledger.verification.keyhistory import IDENTITY
from ledger.verification.reading import Reader
from ledger.verification.rows import BEGINNING, CommitRow, DamagedError, SealedRow, Source

EVENTS: Final = 16_384
"""A range has about so many events."""

CLOSER: Final = frozenset(
    topic.encode() for topic, kind in TOPICS.items() if kind in IDENTITY or kind in SHREDDING
)
"""Topics of events that later entries are judged by: their entries are never summed up."""

_PART: Final = 128
"""So many events are looked at together: their bytes stay in the processor's cache."""

_Read = tuple[list[bytes], frozenset[tuple[str, str]], tuple[tuple[int, str], ...]]
"""Leaf hashes, authors, and missing payloads as in `Passed`."""

_ENROLLING: Final = frozenset(
    topic.encode() for topic, kind in TOPICS.items() if hasattr(kind, "enrolled_keys")
)

Keys = Mapping[tuple[str, bytes], bytes]
"""Public keys by name and key id."""

Reopen = Callable[[], AbstractContextManager[Source]]
"""Opens the same ledger once more, in any process."""


class Span(NamedTuple):
    """Entries `first` to `end` (excluded) of the ledger `origin`, and keys to try."""

    first: int
    end: int
    origin: str
    keys: Keys


class Signature(NamedTuple):
    """A signature that holds: whose, in which capacity, and the public key it was checked with."""

    name: str
    key_id: bytes
    capacity: str
    public: bytes


class Passed(NamedTuple):
    """An entry whose own bytes and rows are as they should be.

    `first`: the position of its first event, as its row says; `events`: how many it has; `leaf`:
    its hash; `authors`: each author with the role; `missing`: positions of events whose sealed
    payload is not stored, with its data key.
    """

    entry: int
    first: int
    events: int
    accepted: str
    seen_size: int
    seen_root: bytes
    leaf: bytes
    signatures: tuple[Signature, ...]
    authors: frozenset[tuple[str, str]]
    missing: tuple[tuple[int, str], ...]


def examine_reopened(reopen: Reopen, span: Span) -> Sequence[Passed]:
    """`examine` on a ledger opened for this."""
    try:
        with reopen() as source:
            return examine(source, span)
    except DamagedError:
        return ()


def examine(source: Source, span: Span) -> Sequence[Passed]:
    """The entries of a range of which everything is as it should be, in order."""
    passed: list[Passed] = []
    with few_collections(), suppress(DamagedError):
        examining = _Range(source, span)
        for row in source.commits(span.first):
            if row[0] >= span.end:
                break
            one = examining.entry(row)
            if one is not None:
                passed.append(one)
    return passed


class Ranges:
    """A ledger's entries, examined range by range wherever the executor does so."""

    def __init__(
        self,
        source: Source,
        origin: str,
        executor: Executor | None = None,
        reopen: Reopen | None = None,
    ) -> None:
        """`reopen` opens `source` again where the executor works; None: `source` is read here."""
        self._source = source
        self._origin = origin
        self._executor = executor if executor and reopen else serial()
        self._open: Reopen = reopen if executor and reopen else _here(source)

    def version_faults(self, first: int) -> Pending[Sequence[int]]:
        """See `Source`; it takes one statement, and may as well be run elsewhere."""
        return self._executor.submit(_version_faults, self._open, first)

    def entries(self, first: int) -> Iterator[Passed | CommitRow]:
        """Every entry in order: summed up where all is as it should be, else as it is stored.

        `first`: the entry to begin with; 0 brings rows that lie below it, too.
        """
        index = first or BEGINNING
        for end, passed in self._examined(first):
            known = {one.entry: one for one in passed}
            while index < end:
                while index in known:
                    yield known[index]
                    index += 1
                if index < end:
                    for row in self._below(index, end):
                        yield row
                        index = row[0] + 1
                        if index in known:
                            break
                    else:
                        index = end
        yield from self._source.commits(index)

    def _below(self, index: int, end: int) -> Iterator[CommitRow]:
        return takewhile(lambda row: row[0] < end, self._source.commits(index))

    def _examined(self, first: int) -> Iterator[tuple[int, Sequence[Passed]]]:
        """The ranges by their ends."""
        ends: Sequence[int] = ()
        with suppress(DamagedError):  # then everything is looked at by whoever asked
            ends = self._source.ranges(first, EVENTS)
        keys = hinted_keys(self._source) if ends else {}
        spans = [Span(begin, end, self._origin, keys) for begin, end in pairwise([first, *ends])]
        function = partial(examine_reopened, self._open)
        return zip(ends, in_order(self._executor, function, spans), strict=True)


def _here(source: Source) -> Reopen:
    return lambda: nullcontext(source)


def _version_faults(reopen: Reopen, first: int) -> Sequence[int]:
    with reopen() as source:
        return [*source.version_faults(first)]


def hinted_keys(source: Source) -> Keys:
    """The keys that streams of past signers, and the ledger's own, enrol; nothing is verified."""
    found: dict[tuple[str, bytes], bytes] = {}
    with suppress(DamagedError):
        holders = [row[1] for row in islice(source.events(1), 1)]
        holders += [holder for holder, _ in source.signers()]
        for holder in holders:
            for row in source.stream(holder):
                if row[3] in _ENROLLING:
                    with suppress(DataError, ValueError):
                        enrolled = enrolled_keys([decode_event(row[5])])
                        for (name, identity), key in enrolled.items():
                            found[name, bytes.fromhex(identity)] = unb64url(key.public)
    return found


class _Range:
    """One pass over the rows of a range, as far as they follow each other."""

    def __init__(self, source: Source, span: Span) -> None:
        self._source = source
        self._span = span
        self._sealed: Iterator[SealedRow] = iter(())
        self._waiting: SealedRow | None = None
        self._position = 0  # the one that payloads are read from; 0: nowhere
        self._same: dict[object, Any] = {}  # what many entries share is sent over once

    def entry(self, row: CommitRow) -> Passed | None:
        """What one entry comes to if all of it is as it should be."""
        index, first, count, identity, data, stored = row
        try:
            entry = Entry.parse(data)
        except DataError:
            return None
        note = entry.commit.note
        if (
            (note.count, bytes.fromhex(note.commit_id)) != (count, identity)
            or note.origin != self._span.origin
            or first < 1
        ):
            return None
        signatures = self._signatures(entry)
        read = self._read(row) if signatures is not None else None
        if signatures is None or read is None:
            return None
        leaves, authors, missing = read
        if tree_root(leaves) != note.root or stored != (b"".join(leaves) if count > 1 else b""):
            return None
        return Passed(
            index, first, count, entry.accepted, note.seen_size, note.seen_root, leaf_hash(data),
            self._shared(signatures), self._shared(authors), missing,
        )  # fmt: skip

    def _read(self, commit: CommitRow) -> _Read | None:
        """What the events of an entry come to, if they and their rows are as they should be."""
        leaves: list[bytes] = []
        authors: set[tuple[str, str]] = set()
        missing: list[tuple[int, str]] = []
        reader, (first, count) = _reader(), commit[1:3]
        self._payloads(first)
        for rows in self._source.covered(commit, _PART):
            streams, versions, topics, states = zip(*rows, strict=True)
            if set(map(type, chain(states, streams))) != {bytes} or not CLOSER.isdisjoint(topics):
                return None
            events = reader.read_agreeing(states, topics, streams, versions)
            gone = self._missing(first + len(leaves), events) if events is not None else None
            if events is None or gone is None:
                return None
            leaves += leaf_hashes(states)
            authors |= _authors(events)
            missing += gone
        if len(leaves) != count:
            return None
        self._position = first + count
        return leaves, frozenset(authors), tuple(missing)

    def _shared(self, value: Any) -> Any:  # noqa: ANN401  the same value, of any type
        return self._same.setdefault(value, value)

    def _signatures(self, entry: Entry) -> tuple[Signature, ...] | None:
        """The signatures if all of them hold with the keys that are hinted at."""
        note, text = entry.commit.note, entry.commit.note.text()
        found: list[Signature] = []
        for signer, line in zip(note.signers, entry.commit.signatures, strict=True):
            public = self._span.keys.get((signer.name, signer.key_id))
            if public is None:
                return None
            try:
                ed25519.verify(public, line.signature, text)
            except NoteError:
                return None
            found.append(Signature(signer.name, signer.key_id, signer.capacity, public))
        return tuple(found)

    def _payloads(self, first: int) -> None:
        """Read sealed payloads from a position on; unless they are read to their end, anew."""
        if self._position != first:
            self._sealed = self._source.sealed(first)
            self._waiting = next(self._sealed, None)
        self._position = 0

    def _missing(self, first: int, events: Sequence[Any]) -> list[tuple[int, str]] | None:
        """Positions and data keys of payloads that are not there; None if one is another."""
        named = [
            (position, event.sealed)
            for position, event in enumerate(events, first)
            if event.sealed and event.sealed.digest
        ]
        missing: list[tuple[int, str]] = []
        for position, sealed in named:
            row = self._waiting
            if row is None or row[0] > position:
                missing.append((position, sealed.key))
            elif row[0] < position or sha256(row[1]).hexdigest() != sealed.digest:
                return None
            else:
                self._waiting = next(self._sealed, None)
        if self._waiting is not None and self._waiting[0] < first + len(events):
            return None
        return missing


def _authors(events: Sequence[Any]) -> set[tuple[str, str]]:
    """Each author with the role: hardly ever more than one, and comparing is less than hashing."""
    by, role = events[0].by, events[0].role
    others = [(event.by, event.role) for event in events if event.by != by or event.role != role]
    return {(by, role), *others}


@lru_cache(maxsize=1)
def _reader() -> Reader:
    """Making a reader costs what a few commits do: one a process."""
    return Reader(())

"""One entry at a time: its bytes, its note, its signers, its events and their rows.

What is checked is the stored bytes; columns are compared with what the bytes say. Everything that
differs is named with the smallest part that explains it: where a note's signature fails, the note
was changed, and what it says about its events is not held against them; where the events do not
have the signed root, the stored leaf hashes tell which of them was changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

from domain.anchor import LedgerIndexPublished
from domain.keycopy import SHREDDING, shredded_by
from domain.ledger import PolicyAdopted
from domain.values import Event, SealedRef
from ledger.errors import EncodingError
from ledger.evidence import decode_event
from ledger.tlog.commit import POSSESSION, CommitNote
from ledger.tlog.merkle import leaf_hash, tree_root
from ledger.verification.erasure import Erasure
from ledger.verification.findings import Findings, Part
from ledger.verification.growth import split
from ledger.verification.indexes import Said
from ledger.verification.keyhistory import IDENTITY, KeyHistory
from ledger.verification.notecheck import Commit, NoteCheck, majority
from ledger.verification.permission import ON_TIME, Judge, opened_ledger
from ledger.verification.ranges import Passed
from ledger.verification.reading import Reader
from ledger.verification.rows import CommitRow, DamagedError, EventRow, SealedRow, Source

_WATCHED: Final[frozenset[type]] = IDENTITY
"""What later entries are checked with; every class that enrols a key is among them."""
_SHREDDING: Final[frozenset[type]] = frozenset(SHREDDING)
_AUTHOR: Final = attrgetter("by", "role")


class _Rows(NamedTuple):
    """The rows of a commit's events by column; where one is missing, its state is None."""

    streams: Sequence[bytes]
    versions: Sequence[int]
    topics: Sequence[bytes]
    entries: Sequence[int | None]
    states: Sequence[bytes | None]


class Checked(NamedTuple):
    """What is known of an entry after its check.

    `note`: None if it is malformed; `sound`: False if the bytes are certainly not those that were
    recorded; `verified`: all signatures were checked and hold.
    """

    note: CommitNote | None
    sound: bool
    verified: bool


class EntryCheck:
    """Checks entries in order; carries on what later ones depend on."""

    def __init__(
        self,
        findings: Findings,
        keys: KeyHistory,
        origin: str,
        source: Source,
    ) -> None:
        self._findings = findings
        self._keys = keys
        self._notes = NoteCheck(findings, keys, origin)
        self._reader = Reader(_WATCHED | _SHREDDING)
        self._erasure = Erasure()
        self._source = source
        self._event_rows: Iterator[EventRow] = iter(())
        self._sealed_rows: Iterator[SealedRow] = iter(())
        self._sealed_next: SealedRow | None = None
        self._behind = 0  # the position that the rows taken so far reach to
        self._closely = True  # rows that no entry covers can only be met on the way
        self.events = 0
        """How many positions lie behind."""
        self.policies: dict[str, tuple[int, str]] = {}
        """Adopted packs: digest → position and stream of the event."""
        self.indexes: list[Said] = []
        """The indexes that were published."""
        self.signers: dict[str, int] = {}
        """The last entry that each holder signed."""
        self.complete = True
        """Whether every entry so far could be read, so that nobody's last one was missed."""
        self._judge = Judge(keys, source, self.signers)

    def check(self, index: int, row: CommitRow) -> Checked:
        """Check entry `index` with its events."""
        self._follow()
        first = self.events + 1
        entry = self._notes.parse(first, row)
        count = majority(entry, row)
        commit = Commit(index, first, count, row, entry)
        self.events += count
        rows = self._take(first, count)
        leaves = [leaf_hash(state) if state is not None else b"" for state in rows.states]
        trusted = _trusted(commit, leaves)
        events = self._decode(commit, rows, trusted)
        sound = self._notes.check(commit, events)
        kinds = set(map(type, events))
        watched = not _WATCHED.isdisjoint(kinds)
        permitted = self._permitted(commit, events, sound=sound) if watched else None
        self.complete = self.complete and sound
        self._leaves(commit, rows, leaves, trusted, sound=sound)
        self._columns(commit, rows, events, sound=sound)
        self._sealed(commit, events)
        self._behind = self.events
        if sound and not _SHREDDING.isdisjoint(kinds):
            for event in events:
                self._erasure.shredded(shredded_by(event) if event is not None else ())
        if watched and sound:
            self.indexes += [
                Said(position, index, event)
                for position, event in enumerate(events, first)
                if isinstance(event, LedgerIndexPublished)
            ]
        if watched and permitted is not False:
            self._remember(commit, events, sound=sound, permitted=bool(permitted))
        return Checked(commit.note, sound, self._notes.verified)

    def passed(self, one: Passed) -> bool:
        """Take over an entry that was examined elsewhere.

        False, and nothing done, if it does not follow or something is to be said about it: then it
        must be checked here.
        """
        if self._closely or one.first != self.events + 1:
            return False
        actors = {
            (self._keys.holder_of(signature.name), signature.capacity)
            for signature in one.signatures
            if signature.capacity != POSSESSION
        }
        if not one.authors <= actors:
            return False
        for position, _ in one.missing:  # it may have been erased since this reading began
            stored = next(self._source.sealed(position), None)
            if stored is not None and stored[0] == position:
                return False
        if not self._notes.passed(one):
            return False
        self.events += one.events
        for holder, _ in actors:
            self.signers[holder] = one.entry
        for position, key in one.missing:
            self._erasure.missing(position, key)
        return True

    @property
    def accepted(self) -> str:
        """The accepted time of the last entry that could be read."""
        return self._notes.accepted

    def begin(self, first: int) -> None:
        """Go on with the rows from a position on."""
        self._closely = True
        self.events = self._behind = max(first, 1) - 1
        self._take_up(first)

    def _take_up(self, first: int) -> None:
        self._event_rows = self._source.events(first)
        self._sealed_rows = self._source.sealed(first)
        self._sealed_next = next(self._sealed_rows, None)

    def _follow(self) -> None:
        """Leave out the rows of entries that were examined elsewhere."""
        self._closely = False
        if self._behind != self.events:
            self._take_up(self.events + 1)
            self._behind = self.events

    def resume(self, accepted: str) -> None:
        """Leave off after an entry that was verified before, accepted at this time."""
        self._event_rows, self._sealed_rows = iter(()), iter(())
        self._sealed_next = None
        self._notes.accepted = accepted

    def skip(self, index: int, following: CommitRow) -> None:
        """Report that entry `index` is missing; `following` is the next row there is."""
        self._follow()
        self._closely = True
        self._findings.add(
            "entry_missing", "entry", position=self.events + 1, expected=index,
            cause=f"there is no row for entry {index}",
        )  # fmt: skip
        self._keys.damaged.add("")
        self.complete = False
        if following[0] == index + 1 and following[1] > self.events:
            for _ in self._rows_below(following[1]):
                pass
            self.events = self._behind = following[1] - 1
            while self._sealed_next is not None and self._sealed_next[0] <= self.events:
                self._sealed_next = next(self._sealed_rows, None)

    def finish(self) -> None:
        """Report rows that belong to no entry."""
        self._follow()
        for row in self._event_rows:
            self._event_unknown(row)
        while self._sealed_next is not None:
            self._sealed_unknown(self._sealed_next)
            self._sealed_next = next(self._sealed_rows, None)

    def settle(self, first: int) -> None:
        """Report payloads missing, or there, against what events from `first` on say."""
        self._erasure.settle(self._source, first, self._findings)

    # The rows

    def _rows_below(self, position: int) -> Iterator[EventRow]:
        for row in self._event_rows:
            if row[0] >= position:
                self._event_rows = chain([row], self._event_rows)
                return
            yield row

    def _take(self, first: int, count: int) -> _Rows:
        end = first + count
        rows = list(islice(self._event_rows, count))
        if len(rows) == count and rows[0][0] == first and rows[-1][0] == end - 1:
            _, *columns = zip(*rows, strict=True)  # positions ascend: these are dense
            return _typed(_Rows(*cast("Any", columns)))
        self._event_rows = chain(rows, self._event_rows)
        found: dict[int, EventRow] = {}
        for row in self._rows_below(end):
            if row[0] < first:
                self._event_unknown(row)
            else:
                found[row[0]] = row
        nothing = (0, b"", 0, b"", None, None)
        _, *columns = zip(*(found.get(p, nothing) for p in range(first, end)), strict=True)
        return _typed(_Rows(*cast("Any", columns)))

    def _event_unknown(self, row: EventRow) -> None:
        typed = set(map(type, (row[1], row[3], row[5]))) == {bytes}  # else the file is damaged
        self._findings.add(
            "event_unknown", "event", position=row[0],
            stream=_stream_id(row[1], row[3]) if typed else None,
            actual=leaf_hash(row[5]) if typed else None, cause="no entry covers this row",
        )  # fmt: skip

    # The events

    def _decode(
        self, commit: Commit, rows: _Rows, trusted: Sequence[bool] | None
    ) -> Sequence[Event | None]:
        """The events of the rows whose bytes are the signed ones; None for all others."""
        if trusted is None:
            try:
                return self._reader.read(cast("Sequence[bytes]", rows.states), rows.topics)
            except EncodingError:
                trusted = [True] * commit.count
        events: list[Event | None] = []
        for at, state in enumerate(rows.states):
            event = None
            if state is not None and trusted[at]:
                try:
                    event = decode_event(state)
                except EncodingError as error:
                    self._findings.add(
                        "event_malformed", "event", position=commit.first + at,
                        stream=_stream_id(rows.streams[at], rows.topics[at]), actual=error.code,
                        cause=f"signed, but no event: {error.message}",
                    )  # fmt: skip
            if event is None:  # of a row that is missing not even the stream is known
                stream = _stream_id(rows.streams[at], rows.topics[at])[-36:] if state else ""
                self._keys.damaged.add(stream)
            events.append(event)
        return events

    def _leaves(
        self,
        commit: Commit,
        rows: _Rows,
        leaves: Sequence[bytes],
        trusted: Sequence[bool] | None,
        *,
        sound: bool,
    ) -> None:
        """Name the events whose bytes are not those that were signed, or a changed column."""
        stored, first = commit.row[5], commit.first
        if trusted is None:
            expected = b"".join(leaves) if commit.count > 1 else b""
            if stored != expected:
                at = next((at for at, leaf in enumerate(leaves)
                           if stored[32 * at : 32 * at + 32] != leaf), 0)  # fmt: skip
                self._column("leaves", first + at, None, sha256(expected), sha256(stored))
            return
        kept = _kept(commit)
        if kept is None and commit.count > 1:
            self._column("leaves", first, None, 32 * commit.count, len(stored))
        for at, good in enumerate(trusted):
            if not good or rows.states[at] is None:
                missing = rows.states[at] is None
                if commit.count == 1 and not sound and not missing:
                    continue  # the note was changed: its root says nothing about the event
                self._findings.add(
                    "event_missing" if missing else "event_changed", "event", position=first + at,
                    stream=None if missing else _stream_id(rows.streams[at], rows.topics[at]),
                    expected=kept[at] if kept else None, actual=leaves[at] or None,
                    cause="there is no row at this position" if missing
                    else "the bytes are not those that were signed",
                )  # fmt: skip
        note = commit.note
        if note is not None and sound and all(trusted):
            self._findings.add(
                "event_changed", "event", position=first, expected=note.root,
                actual=tree_root(leaves),
                cause="the commit's events do not have the root that was signed",
            )  # fmt: skip

    def _columns(
        self, commit: Commit, rows: _Rows, events: Sequence[Event | None], *, sound: bool
    ) -> None:
        """Every column says what the bytes say."""
        _, first, count, identity, _, _ = commit.row
        note, expected = commit.note, commit.first
        if first != expected:
            self._column("first", expected, None, expected, first)
        if note is not None and sound:
            if count != note.count:
                self._column("count", expected, None, note.count, count)
            if identity != bytes.fromhex(note.commit_id):
                self._column("id", expected, None, note.commit_id, identity)
            self._authors(commit, note, events)
        if type(None) in set(map(type, events)) or not _columns_agree(
            commit.index, rows, cast("Any", events), self._reader.topic_of
        ):
            for at, event in enumerate(events):
                if event is not None:
                    self._row(commit.index, expected + at, event, rows, at)

    def _row(self, index: int, position: int, event: Event, rows: _Rows, at: int) -> None:
        identity = event.stream[-36:].replace("-", "")
        for name, expected, actual in (
            ("stream", identity, rows.streams[at].hex()),
            ("version", event.version, rows.versions[at]),
            ("topic", self._reader.topic_of[type(event)], rows.topics[at]),
            ("entry", index, rows.entries[at]),
        ):
            if expected != actual:
                self._column(name, position, event.stream, expected, actual)

    def _column(
        self, name: str, position: int, stream: str | None, expected: object, actual: object
    ) -> None:
        self._findings.add(
            "column_changed", "column", position=position, stream=stream,
            expected=_digest(expected), actual=_digest(actual),
            cause=f"column {name} does not say what the signed bytes say",
        )  # fmt: skip

    def _authors(self, commit: Commit, note: CommitNote, events: Sequence[Event | None]) -> None:
        actors = {
            (self._keys.holder_of(signer.name), signer.capacity)
            for signer in note.signers
            if signer.capacity != POSSESSION
        }
        for holder, _ in actors:
            self.signers[holder] = commit.index
        with suppress(AttributeError):  # None in the place of a damaged event
            if actors.issuperset(map(_AUTHOR, events)):
                return
        for position, event in enumerate(events, commit.first):
            if event is not None and (event.by, event.role) not in actors:
                self._findings.add(
                    "author_did_not_sign", "event", position=position, stream=event.stream,
                    actual=event.by,
                    cause="the event's author is not among the commit's signers in its role",
                )  # fmt: skip

    # What hangs on the events

    def _sealed(self, commit: Commit, events: Sequence[Event | None]) -> None:
        """Every ciphertext that an event names is the one that it names; missing ones are kept."""
        stored: dict[int, bytes] = {}
        while self._sealed_next is not None and self._sealed_next[0] <= self.events:
            if self._sealed_next[0] < commit.first:
                self._sealed_unknown(self._sealed_next)
            else:
                stored[self._sealed_next[0]] = self._sealed_next[1]
            self._sealed_next = next(self._sealed_rows, None)
        for position in [p for p, event in enumerate(events, commit.first) if event is None]:
            stored.pop(position, None)
        named = [(p, e) for p, e in enumerate(events, commit.first)
                 if e is not None and e.sealed and e.sealed.digest]  # fmt: skip
        for position, event in named:
            sealed = cast("SealedRef", event.sealed)
            data = stored.pop(position, None)
            if data is None:
                self._erasure.missing(position, sealed.key)
            elif (actual := sha256(data).hexdigest()) != sealed.digest:
                self._findings.add(
                    "sealed_changed", "sealed", position=position, stream=event.stream,
                    expected=sealed.digest, actual=actual,
                    cause="not the ciphertext that was signed",
                )  # fmt: skip
        for row in stored.items():
            self._sealed_unknown(row)

    def _sealed_unknown(self, row: SealedRow) -> None:
        self._findings.add(
            "sealed_unknown", "sealed", position=row[0], actual=sha256(row[1]).digest(),
            cause="no event names this ciphertext",
        )  # fmt: skip

    def _permitted(
        self, commit: Commit, events: Sequence[Event | None], *, sound: bool
    ) -> bool | None:
        """Whether a commit's identity events were permitted; None if that cannot be said."""
        if commit.index == 0 and (ledger := opened_ledger(events)):
            self._keys.begin(ledger)
        known = [event for event in events if event is not None and type(event) in _WATCHED]
        if commit.entry is None or not sound or (commit.index == 0 and None in events):
            return None
        refusals = self._judge.judge(commit.index, commit.entry, known)
        for refusal in refusals or ():
            part: Part = "entry" if refusal.detail in ON_TIME else "event"
            self._findings.add(
                "not_permitted", part, position=commit.first, stream=known[0].stream,
                actual=refusal.detail, cause=f"{refusal.rule} {refusal.code} ({refusal.detail})",
            )  # fmt: skip
        if refusals is None or (refusals and {r.detail for r in refusals} <= ON_TIME):
            return None
        return not refusals

    def _remember(
        self, commit: Commit, events: Sequence[Event | None], *, sound: bool, permitted: bool
    ) -> None:
        """Fold what later entries depend on; an unsigned commit says nothing about keys."""
        for position, event in enumerate(events, commit.first):
            if isinstance(event, PolicyAdopted):
                self.policies[event.digest] = (position, event.stream)
            if event is not None and type(event) in IDENTITY:
                if commit.entry is None or not sound:
                    self._keys.damaged.add(event.stream[-36:])
                    continue
                recorded = (position, commit.index, commit.entry.accepted, event)
                self._keys.fold(recorded, permitted=permitted)


def _typed(rows: _Rows) -> _Rows:
    """The rows; `DamagedError` if a column holds another type than its table declares."""
    kinds = set(map(type, chain(rows.streams, rows.topics)))
    if not kinds <= {bytes} or not set(map(type, rows.states)) <= {bytes, type(None)}:
        raise DamagedError("a column of events holds another type than its table declares")
    return rows


def _kept(commit: Commit) -> Sequence[bytes] | None:
    """The leaf hashes that the ledger kept of a commit's events; None if they do not fit."""
    if commit.count == 1:
        return [commit.note.root] if commit.note else None
    return split(commit.row[5]) if len(commit.row[5]) == 32 * commit.count else None


def _trusted(commit: Commit, leaves: Sequence[bytes]) -> Sequence[bool] | None:
    """Which events have the hash that the ledger kept; None if all have the signed root."""
    if b"" not in leaves and commit.note is not None and tree_root(leaves) == commit.note.root:
        return None
    kept = _kept(commit)
    if kept is None:
        return [commit.count > 1 or commit.note is None] * commit.count
    return [ours == theirs for ours, theirs in zip(leaves, kept, strict=True)]


def _columns_agree(
    index: int, rows: _Rows, events: Sequence[Event], topic_of: Mapping[type, bytes]
) -> bool:
    """Whether all columns of all rows say what the events say."""
    identities = "".join([event.stream[-36:] for event in events]).replace("-", "")
    return (
        set(map(len, rows.streams)) == {16}
        and b"".join(rows.streams).hex() == identities
        and list(rows.versions) == [event.version for event in events]
        and list(rows.topics) == [topic_of[type(event)] for event in events]
        and rows.entries.count(index) == len(events)
    )


def _stream_id(identity: bytes, topic: bytes) -> str:
    """A stream's id from its columns: topics begin with the aggregate's name."""
    digits = identity.hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return f"{topic.decode('ascii', 'replace').partition('.')[0]}-{'-'.join(parts)}"


def _digest(value: object) -> object:
    return value.hexdigest() if hasattr(value, "hexdigest") else value

"""Records commits: head checked, commit judged, events inserted and re-read, tree, projections.

`CustodyRecorder` stands on the plain append layer (`ledger.eventlog`) and refuses every insert
that is not a signed commit which the rules permit.
One commit is one transaction and one flush (DESIGN 3, 5):

1. the head read is the head known, else everything cached is dropped;
2. the note is not one that was recorded before (then its old positions are the answer);
3. the commit is genuine (`ledger.evidence`) and `seen` is a state of this tree;
4. the commit is permitted (`domain.commit.judge_commit`);
5. events, commit, sealed payloads, tokens, packs and time-stamps are inserted; the first three
   are re-read;
6. projections are brought up to date;
7. the head advances by compare-and-swap: two writers can never both extend one head;
8. COMMIT. Only then is the act acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from eventsourcing.persistence import (
    StoredEvent,
)

from domain.anchor import LedgerTimestampAnchored
from domain.commit import judge_commit
from domain.judging import Signer, State, Statement, World
from domain.keycopy import shredded_by
from domain.ledger import PolicyAdopted
from domain.values import Event, topic_of
from ledger.errors import ConflictError, MunimentError, RefusedError, VerificationError
from ledger.eventlog import ADD_EVENT, EventRecorder, adding
from ledger.evidence import check_events, check_signers, decode_event
from ledger.facts import LedgerFacts
from ledger.offline import token
from ledger.schema import ANCHORS, COMMITS, PACKS, SEALED, TOKENS, transaction
from ledger.tlog.checkpoint import Checkpoint
from ledger.tlog.commit import CommitNote, Entry, SignedCommit
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.note import Note
from ledger.tree import Head, StoredTree
from projections import project
from projections.view import Prepared, Recorded, execute, fetch, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


_ADD_COMMIT, _ADD_SEALED = adding(COMMITS), adding(SEALED)
_ADD_PACK = adding(PACKS)
_ADD_ANCHOR = Prepared(("size", "note", "reply"), lambda insert: insert(ANCHORS))
_ADD_TOKEN = Prepared(
    ("token", "stream"),
    lambda insert: (added := insert(TOKENS)).on_conflict_do_update(
        index_elements=["token"], set_={"stream": added.excluded.stream}
    ),
)


class Submission(NamedTuple):
    """A signed commit with everything that travels beside its events.

    `states`: the events' bytes; `ciphertexts`: sealed payloads by index of the event; `tokens`:
    (16-byte token, 16-byte stream) pairs for the erasable table; `packs`: the bytes of packs
    that the events adopt; `erased`: positions of events whose sealed payloads go, because these
    events say that their data keys were shredded; `anchors`: stamped checkpoint notes, each with
    the authority's reply, that the events record.
    """

    signed: SignedCommit
    states: Sequence[bytes]
    ciphertexts: Mapping[int, bytes] = {}
    tokens: Sequence[tuple[bytes, bytes]] = ()
    packs: Sequence[bytes] = ()
    erased: Sequence[int] = ()
    anchors: Sequence[tuple[bytes, bytes]] = ()


class Readmission(NamedTuple):
    """An entry that this ledger had and lost, with the bytes it had then.

    `gone`: indexes of events whose sealed payloads were erased since, so that nobody has them.
    `anchors`: those of its time-stamps that whoever had the entry still has.
    """

    entry: bytes
    states: Sequence[bytes]
    ciphertexts: Mapping[int, bytes] = {}
    packs: Sequence[bytes] = ()
    gone: frozenset[int] = frozenset()
    anchors: Sequence[tuple[bytes, bytes]] = ()


class Receipt(NamedTuple):
    """What a recorded commit got: its entry, the first event's position, the accepted time.

    `events` are the decoded events; `repeated`: the same note had been recorded before.
    """

    entry: int
    first: int
    accepted: str
    events: Sequence[Event]
    repeated: bool = False


Clock = Callable[[str], str]
"""`clock(previous accepted time)` → the accepted time of the next entry, never before it.

Raises for a clock that cannot be trusted (see `ledger.application.SystemClock`).
"""


class CustodyRecorder(EventRecorder):
    """Refuses every insert without a signed commit that is genuine and permitted."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        super().__init__(engine)
        self._clock = clock
        self._facts: LedgerFacts | None = None
        self._tree: StoredTree | None = None

    @property
    def tree(self) -> StoredTree:
        """The tree over entries, on the writing connection."""
        if self._tree is None:
            self._tree = StoredTree(self.writer)
        return self._tree

    @property
    def facts(self) -> LedgerFacts:
        """What rules ask for, on the writing connection."""
        if self._facts is None:
            self._facts = LedgerFacts(self.writer)
        return self._facts

    def close(self) -> None:
        """Forget what was cached and give the connection back."""
        self._facts = self._tree = None
        super().close()

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        commit: Submission | None = None,
        receipts: list[Receipt] | None = None,
        **_: Any,  # noqa: ANN401  the library's
    ) -> Sequence[int] | None:
        """Record a commit: the library's way in.

        `receipts` takes the receipt. Raises `RefusedError` without a commit, or when its events
        are not the ones handed over.
        """
        if commit is None or [e.state for e in stored_events] != list(commit.states):
            msg = "only a signed commit of exactly these events can be recorded"
            raise RefusedError(msg)
        receipt = self.record(commit)
        if receipts is not None:
            receipts.append(receipt)
        return list(range(receipt.first, receipt.first + len(stored_events)))

    def record(self, submission: Submission) -> Receipt:
        """Record one commit durably, or change nothing.

        Raises `DataError` if it is not genuine, `RefusedError` if a rule does not permit it,
        `ConflictError` if the head moved or the commit's id is taken by another note,
        `VerificationError` if what was written reads back differently.
        """
        with self._lock:
            try:
                with transaction(self.writer):
                    receipt = self._record(submission)
            except BaseException as error:
                self._forget()
                if isinstance(error, sa.exc.IntegrityError):
                    msg = "an id or version of this commit is taken; nothing was recorded"
                    raise ConflictError(msg, "try again") from error
                if isinstance(error, sa.exc.DBAPIError):
                    raise _unwritable(error) from None
                raise
        self._notify()
        return receipt

    def readmit(self, lost: Sequence[Readmission]) -> None:
        """Record entries again that this ledger had, in one transaction: all of them or none.

        Each is checked and judged as `record` does, at the time at which it was accepted then.
        The caller has proved that the entries belong here, and that what is `gone` was erased.
        Raises as `record`, and `VerificationError` for a time before that of the entry before.
        """
        with self._lock:
            try:
                with transaction(self.writer):
                    for one in lost:
                        self._readmit(one)
            except BaseException as error:
                self._forget()
                if isinstance(error, sa.exc.DBAPIError):
                    raise _unwritable(error) from None
                raise

    def _readmit(self, lost: Readmission) -> None:
        entry = Entry.parse(lost.entry)
        if entry.accepted < self.refresh().accepted:
            msg = "an entry was accepted before the one that precedes it; nothing was recorded"
            raise VerificationError(msg, "muniment verify, where it came from")
        submission = Submission(
            entry.commit, lost.states, lost.ciphertexts, packs=lost.packs, anchors=lost.anchors
        )
        if self._record(submission, entry.accepted, lost.gone).repeated:
            msg = "the ledger has this entry at another place; nothing was recorded"
            raise VerificationError(msg, "compare the two ledgers: one of them is not the original")

    def judge(self, submission: Submission) -> None:
        """Judge a commit as `record` would now, and record nothing.

        For acts whose effects come before their event. Raises as `record` does.
        """
        with self._lock:
            head = self.refresh()
            statement = self._statement(
                submission.signed.note, head, self._clock(head.accepted), submission
            )
            try:
                self._check(submission, statement)
            finally:
                self._forget()

    def add_checkpoint(self, size: int, note: bytes) -> None:
        """Store a signed checkpoint. Raises `MunimentError` when it cannot be written."""
        with self._lock:
            try:
                with transaction(self.writer):
                    execute(
                        self.writer,
                        marked(self.writer, "INSERT INTO checkpoints (size, note) VALUES ({}, {})"),
                        (size, note),
                    )
            except sa.exc.DBAPIError as error:
                raise _unwritable(error) from None

    def refresh(self) -> Head:
        """The head as it stands now; what was cached is dropped if somebody else wrote."""
        with self._lock:
            if self.tree.refresh():
                self._facts = None
            return self.tree.head

    def state(self, stream: str) -> State | None:
        """The fold of one stream as recorded now."""
        with self._lock:
            self.refresh()
            return self.facts.fold([stream]).get(stream)

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        """The last version of each stream as recorded now; 0 for one that does not exist."""
        with self._lock:
            return {stream: self._version(stream) for stream in streams}

    def _version(self, stream: str) -> int:
        try:
            key = key_of(stream)
        except ValueError:  # what is no id names no stream
            return 0
        return self._fetch("SELECT max(version) FROM events WHERE stream = {}", key)[0][0] or 0

    def _forget(self) -> None:
        """Drop what was derived from a state that may not have become durable."""
        self._facts = self._tree = None

    def _record(
        self, submission: Submission, then: str | None = None, gone: frozenset[int] = frozenset()
    ) -> Receipt:
        """Steps 1 to 7; `then`, `gone`: of an entry that is recorded again."""
        note = submission.signed.note
        head = self.refresh()  # step 1
        repeated = self._recorded_before(submission)  # step 2
        if repeated is not None:
            return repeated
        accepted = then or self._clock(head.accepted)
        statement = self._statement(note, head, accepted, submission)
        events, leaves = self._check(submission, statement, gone)  # steps 3 and 4
        self._check_anchors(submission, events, again=then is not None)
        entry = Entry(accepted, submission.signed).format()
        first = head.events + 1
        self._insert_all(submission, (events, leaves), entry, head, statement)  # step 5
        batch = [
            Recorded(position, head.entries, accepted, event)
            for position, event in enumerate(events, first)
        ]
        project(self.writer, batch)  # step 6
        self.tree.advance(leaf_hash(entry), len(events), accepted)  # step 7
        return Receipt(head.entries, first, accepted, events)

    def _recorded_before(self, submission: Submission) -> Receipt | None:
        signed = submission.signed
        rows = self._fetch(
            "SELECT entry, first, data FROM commits WHERE id = {}",
            bytes.fromhex(signed.note.commit_id),
        )
        if not rows:
            return None
        index, first, data = rows[0]
        entry = Entry.parse(data)
        if entry.commit.format() != signed.format():
            msg = "another commit with this id was recorded; nothing was recorded now"
            raise ConflictError(msg, "muniment draft renew")
        events, _ = check_events(signed.note, submission.states)  # no answer for other events
        return Receipt(index, first, entry.accepted, events, repeated=True)

    def entry_of(self, commit: str) -> int | None:
        """The index of the entry that recorded a commit (32 hex digits), if one did."""
        rows = self._fetch("SELECT entry FROM commits WHERE id = {}", bytes.fromhex(commit))
        return int(rows[0][0]) if rows else None

    def _fetch(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return fetch(self.writer, marked(self.writer, sql), values)

    def _statement(
        self, note: CommitNote, head: Head, accepted: str, submission: Submission
    ) -> Statement:
        if head.entries == 0:
            self.facts.begin(note.origin, submission.states)
        signers = tuple(
            Signer(s.name, s.key_id.hex(), s.capacity, self.facts.holder_of(s.name))
            for s in note.signers
        )
        return Statement(
            note.commit_id, head.entries, accepted, note.seen_size, note.until, signers
        )

    def _check(
        self,
        submission: Submission,
        statement: Statement,
        gone: frozenset[int] = frozenset(),
    ) -> tuple[list[Event], list[bytes]]:
        note = submission.signed.note
        if note.origin != self.facts.origin:
            msg = "the commit was signed for another ledger; nothing was recorded"
            raise RefusedError(msg)
        events, leaves = check_events(note, submission.states)
        check_signers(submission.signed, events, self.facts.key)
        if note.seen_size > statement.entry or note.seen_root != self.tree.root_at(note.seen_size):
            msg = "the signers saw a state that this ledger never had; nothing was recorded"
            raise RefusedError(msg, "compare the two ledgers: one of them is not the original")
        _check_sealed(submission, events, gone)
        _check_packs(submission, events)
        world = World(self.facts)
        policy = self.facts.policy(submission.packs)
        refusals = judge_commit(world, policy, statement, events)
        if refusals:
            raise RefusedError(str(refusals[0]), refusals=tuple(refusals))
        self.facts.keep(world)
        return events, leaves

    def _check_anchors(
        self, submission: Submission, events: Iterable[Event], *, again: bool
    ) -> None:
        """The time-stamps that come along are those that the events record, of states of this tree.

        `again`: of an entry that is recorded again, whose time-stamps may be lost.
        """
        stamped = [event for event in events if isinstance(event, LedgerTimestampAnchored)]
        brought = {_stamp(note, reply) for note, reply in submission.anchors}
        named = {_recorded_stamp(event) for event in stamped}
        if brought != named and not (again and brought < named):
            msg = "a time-stamp is missing or is not one that the events record"
            raise RefusedError(msg, "muniment timestamp add")
        if any(self.tree.root_at(event.size).hex() != event.root for event in stamped):
            msg = "the time-stamp is over a state that this ledger never had; nothing was recorded"
            raise RefusedError(msg, "compare the two ledgers: one of them is not the original")

    def _insert_all(
        self,
        submission: Submission,
        checked: tuple[Sequence[Event], Sequence[bytes]],
        entry: bytes,
        head: Head,
        statement: Statement,
    ) -> None:
        first, connection = head.events + 1, self.writer
        events, leaves = checked
        ADD_EVENT.run(
            connection,
            [
                (position, key_of(e.stream), e.version, topic_of(e), head.entries, state)
                for position, (e, state) in enumerate(
                    zip(events, submission.states, strict=True), first
                )
            ],
        )  # fmt: skip
        commit_id = bytes.fromhex(statement.commit)
        hashes = b"".join(leaves) if len(leaves) > 1 else b""
        _ADD_COMMIT.run(connection, [(head.entries, first, len(events), commit_id, entry, hashes)])
        sealed = [(first + index, data) for index, data in submission.ciphertexts.items()]
        _ADD_SEALED.run(connection, sealed)
        _ADD_TOKEN.run(connection, submission.tokens)
        _ADD_PACK.run(connection, [(sha256(data).digest(), data) for data in submission.packs])
        anchors = [(_size_of(note), note, reply) for note, reply in submission.anchors]
        _ADD_ANCHOR.run(connection, anchors)
        self._erase(submission, events)
        self.facts.signed(statement)
        self._reread(first, submission, entry, head.entries)

    def _erase(self, submission: Submission, events: Sequence[Event]) -> None:
        """Delete the sealed payloads that are under keys which these events say were shredded."""
        shredded = {key for event in events for key in shredded_by(event)}
        for position in submission.erased:
            rows = self._fetch("SELECT state FROM events WHERE position = {}", position)
            event = decode_event(rows[0][0]) if rows else None
            if event is None or not event.sealed or event.sealed.key not in shredded:
                msg = "a sealed payload is to go whose key is not shredded; nothing was recorded"
                raise RefusedError(msg)
            execute(
                self.writer,
                marked(self.writer, "DELETE FROM sealed WHERE position = {}"),
                (position,),
            )

    def _reread(self, first: int, submission: Submission, entry: bytes, index: int) -> None:
        """Never acknowledge what was not re-read."""
        last = first + len(submission.states) - 1
        between = "BETWEEN {} AND {} ORDER BY position"
        states = self._fetch(f"SELECT state FROM events WHERE position {between}", first, last)  # noqa: S608
        stored = self._fetch("SELECT data FROM commits WHERE entry = {}", index)
        same = stored == [(entry,)] and [row[0] for row in states] == list(submission.states)
        if same and submission.ciphertexts:
            sealed = self._fetch(
                f"SELECT ciphertext FROM sealed WHERE position {between}",  # noqa: S608
                first,
                last,
            )
            expected = [data for _, data in sorted(submission.ciphertexts.items())]
            same = [row[0] for row in sealed] == expected
        if not same:
            msg = "what was written reads back differently; nothing was recorded"
            raise VerificationError(msg, "check the disk; muniment doctor")


def _unwritable(error: sa.exc.DBAPIError) -> MunimentError:
    """What a full or broken disk is told as: the driver's cause, never the values."""
    msg = "the database cannot be written ({orig}); nothing was recorded"
    return MunimentError(msg, "free some space, or look at the disk", orig=error.orig)


def _size_of(note: bytes) -> int:
    return Checkpoint.parse(Note.parse(note).text).size


def _recorded_stamp(event: LedgerTimestampAnchored) -> tuple[object, ...]:
    return (event.size, event.root, event.imprint, event.token, event.gen_time, event.policy)


def _stamp(note: bytes, reply: bytes) -> tuple[object, ...]:
    """What the event about a time-stamp has to say; whose the token is, is not asked here."""
    try:
        checkpoint = Checkpoint.parse(Note.parse(note).text)
        said = token.read_info(reply)
    except ValueError:
        raise RefusedError("the time-stamp is not as it is written") from None
    imprint = sha256(note).digest()
    if said.imprint != imprint:
        raise RefusedError("the time-stamp is over something else")
    return (
        checkpoint.size, checkpoint.root.hex(), imprint.hex(), sha256(reply).hexdigest(),
        f"{said.gen_time[:-1]}.000Z", said.policy,
    )  # fmt: skip


def _check_packs(submission: Submission, events: Iterable[Event]) -> None:
    """The packs that come along are those that the events adopt: they are kept for ever."""
    adopted = sorted(event.digest for event in events if isinstance(event, PolicyAdopted))
    if adopted != sorted(sha256(data).hexdigest() for data in submission.packs):
        msg = "a policy pack is missing or is not one that the events adopt"
        raise RefusedError(msg)


def _check_sealed(submission: Submission, events: Iterable[Event], gone: frozenset[int]) -> None:
    """Every sealed payload that is not gone is there, and is the one that its event names."""
    expected = {
        index: event.sealed.digest
        for index, event in enumerate(events)
        if event.sealed and isinstance(event.sealed.digest, str) and index not in gone
    }
    found = {index: sha256(data).hexdigest() for index, data in submission.ciphertexts.items()}
    if expected != found:
        msg = "a sealed payload is missing or is not the one that its event names"
        raise RefusedError(msg)

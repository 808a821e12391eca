"""Judges a log entry by entry, as each was judged when it was recorded.

The same functions with the same input: the events' bytes, decoded; the statement that the commit
note makes; `domain.commit` over `ledger.facts`, which sees the tables that `projections` made of
the events before, and the log up to there (`ledger.audit.scratch`). What was not permitted and was
recorded nevertheless happened: the replay goes on from it as the ledger did, so that one forbidden
act hides and invents no other.

Bytes that are not what was signed say nothing. Their commit is not judged and counts as unknown,
and so does every later refusal: what those bytes said may have allowed the act.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from itertools import count, repeat
from typing import Any, Final, cast

import msgspec
import sqlalchemy as sa

from domain import TOPICS
from domain.commit import Judgement, judgements, streams_named
from domain.judging import STUMBLES, Signer, Statement, World
from domain.ledger import PolicyAdopted
from domain.policy import Policy
from domain.values import Event
from ledger.audit.finding import Finding
from ledger.audit.kept import Kept, Standing
from ledger.audit.scratch import Scratch
from ledger.errors import DataError, MunimentError
from ledger.evidence import decode_event, decoder_for
from ledger.facts import LedgerFacts
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import Frontier, leaf_hash, leaf_hashes, tree_root
from ledger.verification.notecheck import majority
from projections import project
from projections.view import Recorded, execute, fetch

BATCH: Final = 20_000
"""About so many events are kept together: what is lost when a replay is killed."""
_ENTRIES_AT_ONCE: Final = 256
_COMMITS: Final = (
    'SELECT entry, first, "count", id, data, leaves FROM log.commits '
    "WHERE entry BETWEEN ? AND ? ORDER BY entry"
)
_EVENTS: Final = (
    "SELECT position, stream, version, entry, state, topic FROM log.events "
    "WHERE position BETWEEN ? AND ? ORDER BY position"
)
_MOST_EVIDENCE: Final = 64
_TOPICS: Final = {kind: topic for topic, kind in TOPICS.items()}
_UNSHOWN: Final = "; uncertain: an event of what it names fits no table"
_recorded: Final = partial(tuple.__new__, Recorded)  # the class itself takes longer than the rest
# What a rule or a fold may stumble over in a state that no permitted history leads to.
_STUMBLES: Final = (MunimentError, *STUMBLES)
_Row = tuple[int, int, int, bytes, bytes, bytes]


class ReplayedFacts(LedgerFacts):
    """`LedgerFacts` as of the entry replayed; the highest stream is remembered, not looked for."""

    def __init__(self, scratch: Scratch, newest: bytes) -> None:
        self.newest = newest
        with suppress(MunimentError):  # else no event of entry 0 opens a ledger
            super().__init__(scratch.connection)

    def highest_stream(self) -> bytes:
        """The highest stream that an event so far is in."""
        return self.newest


class ReadDifferentlyError(Exception):
    """What is read to be judged is not what was read to be verified, and found genuine."""

    def __init__(self, entry: int, position: int) -> None:
        super().__init__(entry, position)
        self.entry, self.position = entry, position


class Commit:
    """One entry as it is stored: its statement and events, None for those that nobody knows."""

    __slots__ = ("entry", "events", "first", "index", "rows", "whole")

    def __init__(
        self, index: int, first: int, entry: Entry, rows: Sequence[Any], events: Sequence[Any]
    ) -> None:
        self.index, self.first, self.entry = index, first, entry
        self.rows, self.events = rows, events
        self.whole = None not in events


class Judging:
    """Replays entries in order into a scratch database."""

    def __init__(
        self,
        scratch: Scratch,
        kept: Kept,
        standing: Standing,
        accused: Iterable[int] = (),
        doubted: Iterable[int] = (),
        *,
        verified_from: int | None = None,
    ) -> None:
        """`accused`: positions of events that are not what was signed (`ledger.verify`).

        `doubted`: first positions of entries whose notes nobody signed as they stand;
        `verified_from`: from this entry on, verification has read every byte and column and found
        all of them to be what was signed; None if it did not.
        """
        self.standing = standing
        self._scratch, self._kept = scratch, kept
        self._connection = scratch.connection
        self._accused, self._doubted = frozenset(accused), frozenset(doubted)
        self._verified_from = verified_from
        self._frontier = standing.frontier
        self._found: list[Finding] = []
        self.accepted = ""
        scratch.reach(standing.entries - 1, standing.events)
        scratch.hide(standing.hidden)
        self.facts = ReplayedFacts(scratch, bytes.fromhex(standing.newest))

    def run(self, end: int) -> Iterator[int]:
        """Replay up to, and without, entry `end`; says after each batch how many events lie behind.

        Raises `sqlalchemy.exc.DBAPIError` where the log cannot be read, `ReadDifferentlyError`
        where it is not what verification has read; what was kept stays.
        """
        standing = self.standing
        with _collecting_later():
            execute(self._connection, "BEGIN")
            begun = standing.events, standing.entries
            while standing.entries < end:
                last = min(standing.entries + _ENTRIES_AT_ONCE, end) - 1
                rows = fetch(self._connection, _COMMITS, (standing.entries, last))
                for row in rows:
                    self._replay(cast("_Row", row))
                    if standing.events - begun[0] + standing.entries - begun[1] >= BATCH:
                        self._keep()
                        gc.collect()
                        execute(self._connection, "BEGIN")
                        begun = standing.events, standing.entries
                        yield standing.events
                if not rows or rows[-1][0] != last:
                    self._missing(last + 1 if rows else self._next(end), standing.events)
            self._keep()
            yield standing.events

    def _next(self, end: int) -> int:
        """The next entry that is there, however far off; `end` if there is none before it."""
        sql = "SELECT min(entry) FROM log.commits WHERE entry >= ?"
        found = fetch(self._connection, sql, (self.standing.entries,))[0][0]
        return min(found, end) if isinstance(found, int) else end

    @property
    def frontier(self) -> Frontier:
        """The right edge of the tree over the entries as they were read here."""
        return Frontier(self._frontier.size, self._frontier.hashes)

    def _keep(self) -> None:
        self.standing.edge = self._frontier.to_bytes().hex()
        self.standing.newest = self.facts.newest.hex()
        self._kept.store(self.standing, self._found)
        self._found.clear()
        execute(self._connection, "COMMIT")

    # One entry

    def _replay(self, row: _Row) -> None:
        index, first, *_, data, _ = row
        if index != self.standing.entries:
            self._missing(index, first - 1)
        raw: object = data
        data = raw if isinstance(raw, bytes) else b""
        self._frontier.append(leaf_hash(data))
        try:
            entry = Entry.parse(data)
        except DataError:
            entry = None
            self._expect(index, first)
        count = majority(entry, row)
        first = self.standing.events + 1
        self.standing.entries, self.standing.events = index + 1, self.standing.events + count
        if entry is None:
            self._unknown(first, count)
            self._hide(range(first, first + count))
            return
        self.accepted = entry.accepted
        commit = self._read(index, first, count, entry)
        if index >= self.standing.judged_from:
            self._judge(commit)
        self._project(commit)

    def _missing(self, index: int, position: int) -> None:
        """Entries up to, and without, `index` are not there, nor anything to judge them by."""
        standing = self.standing
        self._expect(standing.entries, standing.events + 1)
        for _ in range(min(index - standing.entries, 1 << 16)):
            self._frontier.append(bytes(32))
        count = max(position - standing.events, index - standing.entries)
        self._unknown(standing.events + 1, count)
        if position > standing.events:
            hidden = range(standing.events + 1, min(position, standing.events + 10_000) + 1)
            self._hide(hidden)
            standing.events = position
        standing.entries = index
        standing.damaged = True

    def _expect(self, index: int, position: int) -> None:
        """Nothing but what was signed is read from where verification has found just that."""
        if self._verified_from is not None and index >= self._verified_from:
            raise ReadDifferentlyError(index, position)

    def _unknown(self, position: int, count: int) -> None:
        self.standing.unknown += count
        self.standing.unknown_from = self.standing.unknown_from or position

    def _hide(self, positions: Iterable[int]) -> None:
        positions = list(positions)
        self.standing.hidden.update(positions)
        self.standing.damaged = True
        self._scratch.hide(positions)

    def _read(self, index: int, first: int, count: int, entry: Entry) -> Commit:
        """The events of an entry; those that nobody knows are hidden from what comes after."""
        rows = fetch(self._connection, _EVENTS, (first, first + count - 1))
        if len(rows) == count and not (
            self._accused and not self._accused.isdisjoint(range(first, first + count))
        ):
            states = [row[4] for row in rows]
            try:
                events = list(map(decoder_for({row[5] for row in rows}).decode, states))
                if (
                    tree_root(leaf_hashes(states)) == entry.commit.note.root
                    and _columns_agree(index, rows, events)
                ):  # fmt: skip
                    return Commit(index, first, entry, rows, events)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError):
                pass
        self._expect(index, first)
        return self._read_damaged(index, first, count, entry, {row[0]: row for row in rows})

    def _read_damaged(
        self, index: int, first: int, count: int, entry: Entry, rows: Mapping[int, Any]
    ) -> Commit:
        events: list[Event | None] = []
        states = [bytes(row[4]) if isinstance(row[4], bytes) else b"" for row in rows.values()]
        changed = tree_root(leaf_hashes(states)) != entry.commit.note.root
        if changed and self._accused.isdisjoint(range(first, first + count)):
            rows = {}  # nobody knows which of them it is
            self._unknown(first, 0 if index >= self.standing.judged_from else count)
        for position in range(first, first + count):
            row = rows.get(position)
            event = None if position in self._accused else _decoded(row)
            events.append(event)
            if event is None or not _columns_agree(index, [row], [event]):
                self._hide([position])
        return Commit(index, first, entry, [rows.get(first + at) for at in range(count)], events)

    # Judged

    def _judge(self, commit: Commit) -> None:
        standing, events = self.standing, commit.events
        if not commit.whole or standing.no_policy or commit.first in self._doubted:
            self._unknown(commit.first, len(events))
            return
        try:
            policy = self._policy(commit)
        except _STUMBLES:
            standing.no_policy = True
            self._unknown(commit.first, len(events))
            return
        statement = self._statement(commit)
        world = World(self.facts)
        judged: list[Judgement] = []
        try:
            judged.extend(judgements(world, policy, statement, events))
        except _STUMBLES:
            self._unknown(commit.first, len(events))
            judged_all = False
        else:
            judged_all = True
            standing.judged += len(events)
        if judged and standing.damaged:
            self._unknown(commit.first, len(events) if judged_all else 0)
            if len(standing.doubtful) < _MOST_EVIDENCE:
                standing.doubtful.append(commit.first)
        elif judged:
            named = streams_named(statement, events) if standing.unshown else ()
            unshown = not standing.unshown.isdisjoint(stream[-36:] for stream in named)
            self._found += _findings(commit, judged, unshown=unshown)
            standing.refused = True
        if judged or not judged_all:
            self._forget()
        else:
            self.facts.keep(world)

    def _policy(self, commit: Commit) -> Policy:
        if commit.index:
            return self.facts.policy()
        states = [bytes(row[4]) for row in commit.rows]
        try:
            self.facts.begin(commit.entry.commit.note.origin, states)
        except MunimentError:  # judged all the same, and refused
            self.facts.origin = commit.entry.commit.note.origin
        adopted = [event.digest for event in commit.events if isinstance(event, PolicyAdopted)]
        packs = [
            bytes(data)
            for (data,) in fetch(self._connection, "SELECT data FROM log.packs ORDER BY digest")
            if sha256(data).hexdigest() in adopted[:1]
        ]
        return self.facts.policy(packs)

    def _statement(self, commit: Commit) -> Statement:
        note = commit.entry.commit.note
        holder_of = self.facts.holder_of
        signers = tuple(
            Signer(s.name, s.key_id.hex(), s.capacity, holder_of(s.name)) for s in note.signers
        )
        return Statement(
            note.commit_id, commit.index, commit.entry.accepted, note.seen_size, note.until, signers
        )

    def _forget(self) -> None:
        """Drop what was folded: a world that was refused is spent."""
        self.facts = ReplayedFacts(self._scratch, self.facts.newest)

    # Projected

    def _project(self, commit: Commit) -> None:
        accepted, index = commit.entry.accepted, commit.index
        told = zip(count(commit.first), repeat(index), repeat(accepted), commit.events)
        batch = [_recorded(one) for one in told if one[3] is not None]
        execute(self._connection, "SAVEPOINT commit_made")
        try:
            project(self._connection, batch)
        except (sa.exc.DBAPIError, *_STUMBLES) as error:
            if _is_of_the_log(error):
                raise
            execute(self._connection, "ROLLBACK TO commit_made")
            self.standing.unmade += 1
            self._project_each(batch)
        execute(self._connection, "RELEASE commit_made")
        if self.facts.origin:
            self.facts.signed(self._statement(commit))
        if commit.whole and not self.standing.hidden:
            highest = max([row[1] for row in commit.rows])
            self.facts.newest = max(self.facts.newest, highest)
        else:
            self.facts.newest = b"\xff" * 16
        self._scratch.reach(self.standing.entries - 1, self.standing.events)
        if index == 0:
            self._forget()
            self.standing.no_policy |= not self.facts.origin

    def _project_each(self, events: Iterable[Recorded]) -> None:
        """Project what can be of a commit in which something fits no table."""
        for recorded in events:
            execute(self._connection, "SAVEPOINT event_made")
            try:
                project(self._connection, [recorded])
            except (sa.exc.DBAPIError, *_STUMBLES) as error:
                if _is_of_the_log(error):
                    raise
                execute(self._connection, "ROLLBACK TO event_made")
                named = (recorded.event.stream, *recorded.event.mentions)
                self.standing.unshown.update(stream[-36:] for stream in named)
            execute(self._connection, "RELEASE event_made")


@contextmanager
def _collecting_later() -> Iterator[None]:
    """Garbage is looked for after each batch, not while its events are alive."""
    was = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was:
            gc.enable()


def _columns_agree(index: int, rows: Sequence[Any], events: Sequence[Event]) -> bool:
    """Whether the columns that questions are asked by say what the events say."""
    identities = "".join([event.stream[-36:] for event in events]).replace("-", "")
    streams = [row[1] for row in rows]
    return (
        set(map(type, streams)) == {bytes}
        and b"".join(streams).hex() == identities
        and [row[2] for row in rows] == [event.version for event in events]
        and {row[3] for row in rows} == {index}
        and [row[5] for row in rows] == [_TOPICS[type(event)] for event in events]
    )


def _decoded(row: Any) -> Event | None:  # noqa: ANN401  a row as the driver gives it
    if row is None:
        return None
    try:
        return decode_event(bytes(row[4]))
    except (DataError, TypeError):
        return None


def _is_of_the_log(error: Exception) -> bool:
    """Whether a database cannot be read at all, or a statement did not fit its rows."""
    return isinstance(error, sa.exc.DBAPIError) and not isinstance(error, sa.exc.IntegrityError)


def _findings(commit: Commit, judged: Sequence[Judgement], *, unshown: bool) -> Iterator[Finding]:
    """One finding for each part of a rule that a commit breaks, at the first event that does.

    `unshown`: it names something of which the tables do not show every event.
    """
    from ledger.audit.catalogue import severity_of_rule

    broken: dict[tuple[str, str], list[tuple[int | None, tuple[str, ...]]]] = {}
    codes: dict[str, str] = {}
    for at, refusals in judged:
        for refusal in refusals:
            codes[refusal.rule] = refusal.code
            broken.setdefault((refusal.rule, refusal.detail), []).append((at, refusal.blocking))
    for (rule, detail), cases in broken.items():
        first = commit.events[cases[0][0] or 0]
        ids = [commit.events[at or 0].id for at, _ in cases]
        evidence = dict.fromkeys([*ids, *(one for _, blocking in cases for one in blocking)])
        yield Finding(
            "permitted", "not_permitted",
            "high" if detail == "rule_failed" else severity_of_rule(rule),
            position=commit.first + (cases[0][0] or 0), entry=commit.index, rule=rule,
            detail=detail, subject=first.stream, evidence=tuple(evidence)[:_MOST_EVIDENCE],
            since=commit.entry.accepted, actual=str(len(cases)) if len(cases) > 1 else "",
            cause=f"{rule} {codes[rule]} ({detail}){_UNSHOWN if unshown else ''}",
        )  # fmt: skip

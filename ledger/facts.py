"""What the rules ask of a ledger: folds of streams, keys, policies, who signed when.

Fills a `domain.judging.World` from the events and projections of one connection: one query for all
streams that a commit names, never one an event. States that nearly every commit needs (actors,
parties, the routine engagement, the ledger) are kept between commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from domain.actor import ActorState
from domain.answers import (
    Accesses,
    Contents,
    CopiesOut,
    Handed,
    Keys,
    Listed,
    Needs,
    Passed,
    Protection,
    Shredded,
)
from domain.engagement import EngagementState
from domain.judging import STUMBLES, State, Statement, World, affect, evolved
from domain.ledger import LedgerInitialized, LedgerState, PolicyAdopted
from domain.party import PartyState
from domain.policy import Policy, parse_policy
from domain.values import MAX_LISTED, Key
from ledger.errors import RefusedError, VerificationError
from ledger.evidence import data_key, decode_event
from projections import (
    access,
    backups,
    clearance,
    custody,
    deals,
    delivered,
    keycopies,
    outside,
    people,
)
from projections.contents import contents, restricted
from projections.view import execute, fetch, id_of, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_KEPT = (ActorState, PartyState, EngagementState, LedgerState)
_MOST_KEPT = 512
_STREAMS_A_QUERY = 400
_ROWS = 1000
_FEW = 16
_MENTIONED = (
    "SELECT m.object, e.entry, e.state, e.position FROM mentions m "
    "JOIN events e ON e.position = m.position WHERE m.object IN (#)"
)
_SIGNED = (
    "INSERT INTO signers (holder, entry) VALUES ({}, {}) "
    "ON CONFLICT (holder) DO UPDATE SET entry = excluded.entry"
)


class LedgerFacts:
    """The `domain.judging.Source` of a stored ledger."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._routine = ""
        self._states: dict[str, State] = {}
        self._last_entries: dict[str, int | None] = {}
        self._policy: Policy | None = None
        self.origin = ""
        self.ledger = ""
        self._find_ledger()

    def _one(self, sql: str, *values: object) -> Any:  # noqa: ANN401  a value of any column
        """The first column of the first row, or None."""
        rows = fetch(self._connection, marked(self._connection, sql), values)
        return rows[0][0] if rows else None

    def _find_ledger(self) -> None:
        state = self._one("SELECT state FROM events WHERE position = 1")
        if state is not None:
            event = decode_event(state)
            if not isinstance(event, LedgerInitialized):
                msg = "the ledger's first event does not open a ledger"
                raise VerificationError(msg, "muniment verify")
            self.origin, self.ledger = event.origin, event.stream

    def begin(self, origin: str, states: Sequence[bytes]) -> None:
        """Learn origin and stream from the commit that is to become entry 0."""
        event = decode_event(states[0]) if states else None
        if not isinstance(event, LedgerInitialized) or event.origin != origin:
            msg = "a ledger begins with ledger.initialized; nothing was recorded"
            raise RefusedError(msg)
        self.origin, self.ledger = origin, event.stream

    def holder_of(self, name: str) -> str:
        """The stream whose key bears this name: the ledger's, an actor's, or none."""
        if name == self.origin:
            return self.ledger
        prefix = f"{self.origin}/a/"
        return name[len(prefix) :] if name.startswith(prefix) else ""

    def key(self, name: str, key_id: str) -> Key | None:
        """The key enrolled under (name, key id) in recorded events, whatever became of it."""
        holder = self.holder_of(name)
        state = self.load([holder]).get(holder) if holder else None
        if not isinstance(state, ActorState | LedgerState) or key_id not in state.keys:
            return None
        found = state.keys[key_id].key
        return found if found.name == name else None

    def load(self, streams: Iterable[str]) -> dict[str, State]:
        """The folds of those of `streams` that exist; see `domain.judging.Source`."""
        wanted = list(streams)
        found = {s: self._states[s] for s in wanted if s in self._states}
        missing = [s for s in wanted if s not in found]
        for start in range(0, len(missing), _STREAMS_A_QUERY):
            found.update(self.fold(missing[start : start + _STREAMS_A_QUERY]))
        for stream, state in found.items():
            if isinstance(state, _KEPT) and len(self._states) < _MOST_KEPT:
                self._states[stream] = state
        return found

    def fold(self, streams: Sequence[str]) -> dict[str, State]:
        """As `load`, always read anew: states that nobody else holds and goes on to change."""
        if len(streams) > _FEW:  # ids begin with a time: new ones lie beyond the index's end
            highest = id_of("", self.highest_stream())
            streams = [stream for stream in streams if stream[-36:] <= highest[1:]]
        by_key = {}
        for stream in streams:
            with suppress(ValueError):  # what is no id names no stream
                by_key[key_of(stream)] = stream
        if not by_key:
            return {}
        marks = ", ".join(["{}"] * len(by_key))
        query = (
            "SELECT stream, entry, state, position FROM events "  # noqa: S608  marks only
            f"WHERE stream IN ({marks}) ORDER BY stream, version"
        )
        rows = fetch(self._connection, marked(self._connection, query), tuple(by_key))
        mentioned = fetch(
            self._connection,
            marked(self._connection, _MENTIONED.replace("#", marks)),
            tuple(by_key),
        )
        if mentioned:
            rows = sorted([*rows, *mentioned], key=itemgetter(0, 3))
        accepted = self._accepted({row[1] for row in rows})
        states: dict[str, State] = {}
        for key, entry, raw, _ in rows:
            stream, event = by_key[bytes(key)], decode_event(raw)
            if event.stream == stream:
                state = evolved(states.get(stream), event, entry, accepted[entry])
                if state is not None:
                    states[stream] = state
            elif stream in states:
                with suppress(*STUMBLES):  # never permitted: nothing follows from it
                    affect(states[stream], event)
        return {stream: state for stream, state in states.items() if state.stream == stream}

    def highest_stream(self) -> bytes:
        """The highest key of a stream that an event is in; empty if there is none."""
        return bytes(self._one("SELECT max(stream) FROM events") or b"")

    def _accepted(self, entries: set[int]) -> dict[int, str]:
        return {entry: self.accepted_at(entry) for entry in entries}

    def accepted_at(self, entry: int) -> str:
        """The accepted time of an entry; see `domain.judging.Source`."""
        # `accepted <time>`; to parse the whole entry would be a tenth of an act.
        data = self._one("SELECT substr(data, 10, 24) FROM commits WHERE entry = {}", entry)
        if data is None:
            msg = "entry {entry} is missing"
            raise VerificationError(msg, "muniment verify", entry=entry)
        return bytes(data).decode("ascii", "replace")

    def public_key_enrolled(self, public: str) -> bool:
        """Whether a public key was ever enrolled; see `domain.judging.Source`."""
        return people.public_key_enrolled(self._connection, public)

    def commit_voided(self, commit: str, by: str) -> bool:
        """Whether an actor voided a draft; see `domain.judging.Source`."""
        return bool(by) and people.commit_voided(self._connection, commit, by)

    def last_entry_of(self, holder: str) -> int | None:
        """The last entry that a holder signed; see `domain.judging.Source`."""
        if holder not in self._last_entries:
            self._last_entries[holder] = self._one(
                "SELECT entry FROM signers WHERE holder = {}", key_of(holder)
            )
        return self._last_entries[holder]

    def contents(self, holding: str) -> Contents:
        """What lies in a collected copy; see `domain.judging.Source`."""
        return contents(self._connection, holding)

    def copies_of_contents(self, holding: str) -> frozenset[str]:
        """Where the records in a copy lie; see `domain.judging.Source`."""
        return custody.copies_of_contents(self._connection, holding)

    def accesses(self, engagement: str, first: str, last: str) -> Accesses:
        """What the register of accesses says; see `domain.judging.Source`."""
        return access.between(self._connection, engagement, first, last)

    def copies_out(self, engagement: str, party: str, *, unpassed: bool = False) -> CopiesOut:
        """What may lie with a party of a deal; see `domain.judging.Source`."""
        connection = self._connection
        delivered_at = outside.last_delivery(connection, engagement, party)
        going_back = frozenset(
            mode for mode, asked in self.policy().transfer.items() if asked.returns
        )
        came = outside.came_to(connection, engagement, party, going_back)
        named = [record for _, record in came if record is not None]
        its = delivered.passed_to(connection, named, party, going_back)
        return CopiesOut(
            outside.last_access(connection, engagement, party),
            "" if delivered_at is None else self.accepted_at(delivered_at),
            frozenset(holding for holding, record in came if record not in its),
            self._last_unpassed(engagement, party, going_back) if unpassed else "",
        )

    def _last_unpassed(self, engagement: str, party: str, besides: frozenset[str]) -> str:
        """When content was last given to a party of what has not passed to it; empty if never."""
        taken = iter(outside.taken(self._connection, engagement, party))
        while part := list(islice(taken, MAX_LISTED)):
            records = [record for record, _ in part]
            its = delivered.passed_to(self._connection, records, party, besides)
            for record, accepted in part:
                if record not in its:
                    return accepted
        return ""

    def lacking(self, records: Sequence[str], needs: Needs) -> dict[str, frozenset[str]]:
        """Which records may not go, and why; see `domain.judging.Source`."""
        return clearance.lacking(self._connection, records, needs)

    def lacking_in(self, holding: str, needs: Needs) -> dict[str, int]:
        """How many records in a copy may not; see `domain.judging.Source`."""
        return clearance.lacking_in(self._connection, holding, needs)

    def elsewhere(self, records: Sequence[str], party: str) -> frozenset[str]:
        """Which records were not collected in a copy of a party's, as `Source` says."""
        return clearance.elsewhere(self._connection, records, party)

    def undeclared(self, subjects: Sequence[str], party: str) -> frozenset[str]:
        """Whom nobody of a party has found; see `domain.judging.Source`."""
        return clearance.undeclared(self._connection, subjects, party)

    def handovers_of(self, engagement: str) -> tuple[Handed, ...]:
        """What is handed over under a deal; see `domain.judging.Source`."""
        return tuple(
            Handed(handover, "" if confirmed is None else self.accepted_at(confirmed))
            for handover, confirmed in deals.handed(self._connection, engagement)
        )

    def protection(self, party: str) -> Protection:
        """How a party's copies are backed up; see `domain.judging.Source`."""
        made, *others = backups.protected(self._connection, party)
        backup = "" if made is None else self.accepted_at(made)
        return Protection(backup, *(other or "" for other in others))

    def keyholders(self, party: str) -> frozenset[str]:
        """Who keeps keys and copies of a party's; see `domain.judging.Source`."""
        return people.keyholders(self._connection, party)

    def listed(
        self, items: Sequence[str], party: str, since: int, besides: frozenset[str] = frozenset()
    ) -> Listed:
        """What stands about the items of a list; see `domain.judging.Source`."""
        return delivered.listed(self._connection, items, party, since, besides)

    def passed(self, record: str, besides: frozenset[str] = frozenset()) -> Passed | None:
        """Which handover handed a record over; see `domain.judging.Source`."""
        found = delivered.passed(self._connection, record, besides)
        return found and Passed(*found[:4], self.accepted_at(found[4]))

    def lying_in(self, copies: Sequence[str], records: Sequence[str]) -> frozenset[str]:
        """Which records lie in copies; see `domain.judging.Source`."""
        return delivered.lying_in(self._connection, copies, records)

    def residual(self, handover: str, party: str) -> frozenset[str]:
        """What a party still keeps of it; see `domain.judging.Source`."""
        return delivered.residual(self._connection, handover, party)

    def shredded(self, keys: frozenset[str]) -> dict[str, Shredded]:
        """Which keys were shredded, by what; see `domain.judging.Source`."""
        found = keycopies.shredded(self._connection, keys)
        return {key: Shredded(stream, accepted) for key, stream, accepted in found}

    def key_copies(self) -> frozenset[str]:
        """The copies of keys that are there; see `domain.judging.Source`."""
        return frozenset(keycopies.there(self._connection))

    def keys(self, holding: str) -> Keys:
        """The data keys that a copy and what lies in it are sealed under, as `Source` says."""
        copy = key_of(holding)
        records = custody.records_of(self._connection, copy)
        return Keys(
            self._keys_of([copy]),
            self._keys_of(records),
            frozenset([holding, *(id_of("record", record) for record in records)]),
        )

    def keys_elsewhere(self, keys: frozenset[str], streams: frozenset[str]) -> frozenset[str]:
        """Which keys other streams are sealed under; goes through every event, as `Source` says."""
        known = set(map(key_of, streams))
        return frozenset(key for key, stream, _ in self._under(keys) if stream not in known)

    def restricted_under(self, keys: frozenset[str]) -> frozenset[str]:
        """Which restricted records they open; goes through every event, as `Source` says."""
        named = {stream: state for _, stream, state in self._under(keys)}
        kinds: dict[str, list[bytes]] = {"record": [], "holding": []}
        for stream, state in named.items():
            kinds.get(decode_event(state).stream.partition("-")[0], []).append(stream)
        found = restricted(self._connection, kinds["record"], kinds["holding"])
        return frozenset(id_of("record", record) for record in found)

    def _under(self, keys: frozenset[str]) -> Iterator[tuple[str, bytes, bytes]]:
        """Every event that is sealed under one of these keys: key, stream and bytes."""
        if not keys:
            return
        rows = self._connection.exec_driver_sql("SELECT stream, state FROM events")
        for part in rows.partitions(_ROWS):
            for stream, state in part:
                if (key := data_key(bytes(state))) in keys:
                    yield key, bytes(stream), bytes(state)

    def _keys_of(self, streams: Sequence[bytes]) -> frozenset[str]:
        """The data keys of all events of some streams."""
        found = set()
        for start in range(0, len(streams), _STREAMS_A_QUERY):
            part = tuple(streams[start : start + _STREAMS_A_QUERY])
            marks = ", ".join(["{}"] * len(part))
            query = f"SELECT state FROM events WHERE stream IN ({marks})"  # noqa: S608  marks only
            for (raw,) in fetch(self._connection, marked(self._connection, query), part):
                event = decode_event(raw)
                if event.sealed:
                    found.add(event.sealed.key)
        return frozenset(found)

    def signed(self, statement: Statement) -> None:
        """Remember who signed the entry being recorded."""
        for signer in statement.actors:
            self._last_entries[signer.holder] = statement.entry
            execute(
                self._connection,
                marked(self._connection, _SIGNED),
                (key_of(signer.holder), statement.entry),
            )

    def policy(self, brought: Sequence[bytes] = ()) -> Policy:
        """The pack in force: the one that entry 0 adopted, or the one that entry 0 brings.

        Raises `VerificationError` if its bytes are missing or not the ones adopted.
        """
        if self._policy is None:
            adopted = self._one(  # entry 0 alone adopts a pack, and verification covers it
                "SELECT state FROM events WHERE topic = 'policy.adopted' "
                "AND position <= (SELECT count FROM commits WHERE entry = 0)"
            )
            event = decode_event(bytes(adopted)) if adopted is not None else None
            digest = event.digest if isinstance(event, PolicyAdopted) else None
            data = brought[0] if digest is None and brought else self._pack(digest)
            self._policy = parse_policy(data)
        return self._policy

    def _pack(self, digest: str | None) -> bytes:
        data = self._one("SELECT data FROM packs WHERE digest = {}", bytes.fromhex(digest or ""))
        if data is None or sha256(data).hexdigest() != digest:
            msg = "the adopted policy pack is missing or changed"
            raise VerificationError(msg, "restore from backup")
        return bytes(data)

    def routine(self) -> str:
        """The standing routine engagement."""
        if not self._routine:  # one a ledger, opened by entry 0
            key = self._one("SELECT engagement FROM engagements WHERE kind = 'routine'")
            if key is None:
                msg = "the ledger has no routine engagement"
                raise VerificationError(msg, "muniment rebuild")
            self._routine = id_of("engagement", key)
        return self._routine

    def keep(self, world: World) -> None:
        """Keep the folds that a permitted commit has advanced, for the next one."""
        self._states.update(world.states(*_KEPT))

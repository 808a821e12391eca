"""The events and entries that go into a bundle, read by index.

Streams come whole, a period's entries come whole. To the events that a bundle is about (its own)
come those that prove the keys behind them: the ledger's, the policy's, for every actor who signed
an entry shipped their own stream and their party's, and so on until nobody new has signed; and the
deals in which the parties agreed whose keys sign, where a signer is named, with the papers attached
to them by which people act for a party: powers of attorney, the agreement, non-disclosure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from domain.actor import ActorRegistered
from domain.values import Event
from ledger.errors import UsageError, VerificationError
from ledger.evidence import decode_event
from ledger.offline.bag import MAX_FILES
from ledger.tlog.commit import Entry
from projections.view import fetch, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

IDENTITY: Final = ("ledger", "policy", "party", "actor", "bundle")
"""The aggregates that prove keys, roles, the policy and the export."""
PAPERS: Final = ("authority_letter", "evidence_agreement", "nda")
"""The kinds of attached documents that bind a person, by name, to what a key signed."""
_IN_A_QUERY: Final = 400
_FILES_AN_EVENT: Final = 3
_OTHER_FILES: Final = 500
_HASH: Final = 32


class Shipped(Struct, frozen=True):
    """An event with its place: 1-based position, 0-based entry, 0-based index in the commit."""

    position: int
    entry: int
    index: int
    event: Event
    state: bytes


class Commit(NamedTuple):
    """An entry as stored, its first event's position, and the leaf hashes of its events.

    `leaves`: none for a commit of one event.
    """

    entry: Entry
    first: int
    data: bytes
    leaves: tuple[bytes, ...]


class Gathered:
    """What goes into a bundle.

    `own`: the positions of the events that it is about; `events`: these and those that prove the
    keys, by 1-based position; `commits`: by 0-based entry, those of the events, and the neighbours
    of a period.
    """

    def __init__(self, connection: Connection, origin: str) -> None:
        self.connection = connection
        self.events: dict[int, Shipped] = {}
        self.commits: dict[int, Commit] = {}
        self.own: set[int] = set()
        self._prefix = f"{origin}/a/"
        self._streams: set[bytes] = set()

    def take(self, streams: Iterable[str]) -> None:
        """Take these streams, whole, as what the bundle is about.

        Raises `VerificationError` if one of them has no event, `UsageError` beyond what a bundle
        can hold.
        """
        streams = list(streams)
        keys = set(map(key_of, streams))
        self._check_room(keys)
        found = self.read(streams)
        if {key_of(one.event.stream) for one in found} != keys:
            raise not_genuine()
        self.own.update(one.position for one in found)

    def read(self, streams: Iterable[str]) -> list[Shipped]:
        """Read streams, whole; they do not become what the bundle is about."""
        return self._read(set(map(key_of, streams)))

    def take_entries(self, first: int, end: int) -> None:
        """Take every event of the entries `first` to `end` - 1, and the entries around them."""
        around = [n for n in (first - 1, end) if n >= 0]
        check_files(end - first)
        self._read_entries([*around, *range(first, end)])
        taken = [self.commits[entry] for entry in range(first, end)]
        counts = sum(commit.entry.commit.note.count for commit in taken)
        check_files(counts)
        if not taken:
            return
        sql = marked(
            self.connection,
            "SELECT position, entry, state FROM events WHERE position >= {} AND position < {}",
        )
        start = taken[0].first
        found = self._keep(fetch(self.connection, sql, (start, start + counts)))
        self.own.update(one.position for one in found)

    def prove(self, streams: Iterable[str]) -> None:
        """Take these streams, the policy's, and what the keys of all signers follow from.

        Of a period too, in which they begin in the middle: a key's end is nothing without its
        beginning.
        """
        adopted = fetch(self.connection, "SELECT policy FROM policies")
        deals = sorted({self.events[position].event.engagement for position in self.own})
        wanted = {*map(key_of, streams), *(bytes(row[0]) for row in adopted)}
        wanted |= {key_of(one.event.stream) for one in self.in_order() if _is_identity(one.event)}
        wanted |= self._leaned_on(self.in_order(), deals)
        while wanted := wanted - self._streams:
            wanted = self._leaned_on(self._read(wanted), deals)

    def _check_room(self, keys: set[bytes]) -> None:
        sql = "SELECT count(*) FROM events WHERE stream IN ({})"
        check_files(sum(row[0] for row in rows(self.connection, sql, keys)))

    def _read(self, streams: set[bytes]) -> list[Shipped]:
        """Read streams, and the entries of their events."""
        self._streams |= streams
        sql = "SELECT position, entry, state FROM events WHERE stream IN ({})"
        found = list(rows(self.connection, sql, streams))
        self._read_entries(row[1] for row in found)
        return self._keep(found)

    def _keep(self, found: Iterable[tuple[Any, ...]]) -> list[Shipped]:
        kept = [
            Shipped(
                position, entry, position - self.commits[entry].first,
                decode_event(bytes(state)), bytes(state),
            )
            for position, entry, state in sorted(found)
        ]  # fmt: skip
        self.events.update((shipped.position, shipped) for shipped in kept)
        return kept

    def _read_entries(self, entries: Iterable[int]) -> None:
        missing = set(entries) - self.commits.keys()
        sql = "SELECT entry, first, data, leaves FROM commits WHERE entry IN ({})"
        for entry, first, data, raw in rows(self.connection, sql, missing):
            parsed, joined = Entry.parse(bytes(data)), bytes(raw)
            leaves = tuple(joined[at : at + _HASH] for at in range(0, len(joined), _HASH))
            self.commits[entry] = Commit(parsed, first, bytes(data), leaves)

    def _leaned_on(self, shipped: Sequence[Shipped], deals: Sequence[str]) -> set[bytes]:
        """The streams from which the keys behind these events follow: signers, their parties.

        `deals`: under which the bundle's own events stand; those that agree on a signer's key.
        """
        signers = {
            (signer.name.removeprefix(self._prefix), signer.key_id.hex())
            for entry in {one.entry for one in shipped}
            for signer in self.commits[entry].entry.commit.note.signers
            if signer.name.startswith(self._prefix)
        }
        parties = {one.event.party for one in shipped if isinstance(one.event, ActorRegistered)}
        streams = {actor for actor, _ in signers} | parties
        agreed = self._agreed(signers, deals)
        return {key_of(stream) for stream in streams} | agreed | self._papers(agreed)

    def _agreed(self, signers: set[tuple[str, str]], deals: Sequence[str]) -> set[bytes]:
        sql = marked(
            self.connection, "SELECT key_id FROM agreed_keys WHERE engagement = {} AND actor = {}"
        )
        return {
            key_of(deal)
            for deal in deals
            for actor, key_id in signers
            if (key_id,) in fetch(self.connection, sql, (key_of(deal), key_of(actor)))
        }

    def _papers(self, deals: set[bytes]) -> set[bytes]:
        sql = "SELECT document, kind FROM attached_documents WHERE engagement IN ({})"
        return {bytes(row[0]) for row in rows(self.connection, sql, deals) if row[1] in PAPERS}

    def in_order(self) -> list[Shipped]:
        """Every event, by position."""
        return [self.events[position] for position in sorted(self.events)]


def check_files(events: int) -> None:
    """Raise `UsageError` for more events than a bundle has room for."""
    most = (MAX_FILES - _OTHER_FILES) // _FILES_AN_EVENT
    if events > most:
        raise UsageError(
            "this is evidence of {count} events, more than one bundle holds ({most}); nothing was "
            "exported",
            "ask for something smaller, such as shorter periods",
            count=events, most=most,
        )  # fmt: skip


def _is_identity(event: Event) -> bool:
    return event.stream.partition("-")[0] in IDENTITY


def rows(connection: Connection, sql: str, values: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query with `IN ({})`, asked for so many values at a time."""
    wanted = sorted(values)
    for start in range(0, len(wanted), _IN_A_QUERY):
        some = wanted[start : start + _IN_A_QUERY]
        asked = sql.replace("{}", ", ".join(["{}"] * len(some)))
        yield from fetch(connection, marked(connection, asked), some)


class Accepted(Sequence[str]):
    """The accepted times of a ledger's entries, which never go back; read as they are asked for."""

    def __init__(self, connection: Connection, size: int) -> None:
        self._connection, self._size = connection, size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, entry: Any) -> Any:  # noqa: ANN401  as `Sequence` has it
        sql = marked(self._connection, "SELECT data FROM commits WHERE entry = {}")
        return Entry.parse(bytes(fetch(self._connection, sql, (entry,))[0][0])).accepted


def span(connection: Connection, begins: str, ends: str, size: int) -> tuple[int, int]:
    """The first entry accepted at `begins` or later, and the first at `ends` or later.

    0-based; `size` where there is none below it.
    """
    times = Accepted(connection, size)
    return bisect_left(times, begins), bisect_left(times, ends)


def not_genuine() -> VerificationError:
    """The ledger has no evidence to hand out."""
    return VerificationError(
        "the evidence of this ledger does not verify; nothing was exported", "muniment verify"
    )

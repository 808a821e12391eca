"""What is proved of rows that were found: who signed, and which signed state they are part of.

Four degrees, each said of an entry and of the events under the root that its note has:

    checkpoint  in the tree of a state that the ledger's own key signed
    seen        in the tree of a state that the signers of a later entry said that they had seen
    signed      all whom its note names signed it, with keys that could then; no signed state covers
                it, so neither its place nor the time when it was accepted is proved
    readable    nothing of this: the bytes are there, and nobody answers for them

A key is believed if an entry of the first two degrees enrols it, or entry 0, signed by the trusted
key. What one round proves may bring keys and states for another; it is gone round until nothing is
added. Whether acts were permitted is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from domain.ledger import LedgerInitialized
from domain.values import Event, Key
from ledger.errors import DataError, EncodingError, NoteError, ProofError
from ledger.evidence import decode_event, enrolled_keys, key_id_of, unb64url
from ledger.salvage.rows import Rows
from ledger.salvage.tree import State, Tree
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.commit import POSSESSION, Entry, SignerLine
from ledger.tlog.merkle import HASH_SIZE, Frontier, leaf_hash, tree_root
from ledger.tlog.note import VerifierKey, decode_base64
from ledger.verification.findings import Findings
from ledger.verification.keyhistory import IDENTITY, KeyHistory

DEGREES: Final = ("checkpoint", "seen", "signed", "readable")
MOST_ROUNDS: Final = 16
_MOST_TRIED: Final = 8


class Place(NamedTuple):
    """Entry `number`, as far as it could be read.

    `first`: the position of its first event; `states`: its events' bytes, None for each that is
    lost or not what was signed; `leaves`: their hashes under the note's root, where they are known.
    """

    number: int
    data: bytes
    entry: Entry
    first: int
    states: Sequence[bytes | None]
    leaves: Sequence[bytes]


class Proving:
    """Goes over everything that was found, and says what is proved."""

    def __init__(self, rows: Rows, trust: VerifierKey, kept: Sequence[bytes] = ()) -> None:
        """`trust`: the ledger's key as the reader knows it; `kept`: its signed states elsewhere."""
        self._rows, self.trust = rows, trust
        self._notes = list(dict.fromkeys([*kept, *rows.checkpoints]))
        self._datas: dict[int, list[int]] = {}
        leaves: dict[int, list[bytes]] = {}
        edges = list(_edges(rows))
        for index, places in rows.commits.items():
            if index >= 0:
                datas = [self._data(place) for place in places[:_MOST_TRIED]]
                leaves[index] = list(dict.fromkeys(map(leaf_hash, datas)))
                edges += (edge for data in datas for edge in _seen_edge(data))
        self.tree = Tree(leaves, rows.tiles, edges)
        self.states: dict[State, bytes] = {}
        """The checkpoints that the ledger's key signed, each with its note."""
        self.signatures: dict[int, str] = {}
        """Of entries: `verified`, or a key is `unknown` or had `ended`, or one is `false`."""
        self._keys = KeyHistory(trust.name, Findings())
        self._seen: dict[State, None] = {}
        self._moved: dict[bytes, int] = {}

    def run(self) -> None:
        """Prove as much as can be."""
        before = None
        for _ in range(MOST_ROUNDS):
            self._checkpoints()
            self._entries()
            for state in sorted(self._seen, key=lambda one: -one.size):
                self.tree.prove(state)
            verified = sum(said == "verified" for said in self.signatures.values())
            after = (len(self.tree.proved), len(self.states), verified)
            if after == before:
                break
            before = after
        self._find_moved()

    def places(self) -> Iterator[tuple[Place, str, bool]]:
        """Every entry that can be read, in order, and the degree to which it is proved.

        And whether the positions of its events are: all entries before it are proved as well.
        Else they are what the database says.
        """
        first, following, taken = 1, 0, set[str]()
        proved = {place for place in self._rows.commits if self._is_proved(place)}
        for index in proved:
            place = self._place(index, 1)
            taken.update({place.entry.commit.note.commit_id} if place else ())
        for index in sorted(self._rows.commits):
            place = self._place(index, first)
            if place is None:
                continue
            if index in proved:
                placed = index == following
                place = place._replace(first=first) if placed else place
                following = index + 1 if placed else -1
                yield place, self.tree.proved[index][1].kind, placed
            else:
                name = place.entry.commit.note.commit_id
                signed = self.signatures.get(index) == "verified" and name not in taken
                taken.add(name)
                yield place, "signed" if signed else "readable", False
            first = place.first + place.entry.commit.note.count

    def _is_proved(self, index: int) -> bool:
        """Whether one of the rows read for an entry has the hash that a signed state proves."""
        if index not in self.tree.proved or self.signatures.get(index) == "false":
            return False
        value = self.tree.proved[index][0]
        return any(leaf_hash(self._data(place)) == value for place in self._rows.commits[index])

    # -- reading ---------------------------------------------------------------------------------

    def _data(self, place: int) -> bytes:
        row = self._rows.row(place)
        return row[4] if len(row) > 4 and isinstance(row[4], bytes) else b""  # noqa: PLR2004

    def _place(self, index: int, first: int) -> Place | None:
        """Entry `index`; `first`: where its events begin if nothing before it was lost."""
        best = None
        proved = self.tree.proved.get(index, (None,))[0]
        for place in self._rows.commits.get(index, ())[:_MOST_TRIED]:
            row = self._rows.row(place)
            with suppress(DataError, IndexError, TypeError):
                data, leaves = bytes(row[4]), bytes(row[5])  # type: ignore[arg-type]
                entry = Entry.parse(data)
                if entry.commit.note.origin != self.trust.name:
                    continue
                found = self._with_events(index, data, entry, leaves, (first, int(row[1] or 0)))
                if leaf_hash(data) == proved:
                    return found
                best = best or found
        return best

    def _with_events(
        self, index: int, data: bytes, entry: Entry, joined: bytes, firsts: tuple[int, int]
    ) -> Place:
        note = entry.commit.note
        leaves = [note.root] if note.count == 1 else _split(joined)
        known = len(leaves) == note.count and tree_root(leaves) == note.root
        best: list[bytes | None] = [None] * note.count
        start = firsts[0]
        for first in dict.fromkeys(firsts):
            if not known:
                states = [next(self._states(first + at), None) for at in range(note.count)]
                hashes = [leaf_hash(state) if state is not None else b"" for state in states]
                if b"" not in hashes and tree_root(hashes) == note.root:
                    return Place(index, data, entry, first, states, hashes)
                continue
            states = [self._of_hash(first + at, leaf) for at, leaf in enumerate(leaves)]
            if sum(one is not None for one in states) > sum(one is not None for one in best):
                best, start = states, first
        return Place(index, data, entry, start, best, leaves if known else [])

    def _states(self, position: int) -> Iterator[bytes]:
        for place in self._rows.events.get(position, ())[:_MOST_TRIED]:
            row = self._rows.row(place)
            if len(row) > 5 and isinstance(row[5], bytes):  # noqa: PLR2004
                yield row[5]

    def _of_hash(self, position: int, leaf: bytes) -> bytes | None:
        """The event with this hash: at its position, or wherever it was moved to."""
        for state in self._states(position):
            if leaf_hash(state) == leaf:
                return state
        if leaf in self._moved:
            row = self._rows.row(self._moved[leaf])
            return row[5] if isinstance(row[5], bytes) else None
        return None

    def _find_moved(self) -> None:
        """Look everywhere for events whose hash is known and that are not where they belong."""
        wanted = {
            leaf
            for place, _, _ in self.places()
            for leaf, state in zip(place.leaves, place.states, strict=False)
            if state is None
        }
        if not wanted:
            return
        for places in self._rows.events.values():
            for place in places:
                row = self._rows.row(place)
                state = row[5] if len(row) > 5 else None  # noqa: PLR2004
                if isinstance(state, bytes) and (leaf := leaf_hash(state)) in wanted:
                    self._moved[leaf] = place

    # -- proving ---------------------------------------------------------------------------------

    def _checkpoints(self) -> None:
        verifiers = self._keys.reached_from(self.trust)
        for number, note in enumerate(self._notes):
            with suppress(DataError):
                opened = open_checkpoint(note, verifiers, self.trust.name).checkpoint
                state = State(opened.size, opened.root, "checkpoint", number)
                self.states[state] = note
        for state in sorted(self.states, key=lambda one: -one.size):
            self.tree.prove(state)

    def _entries(self) -> None:
        """Go over all entries in order: check who signed, and learn keys."""
        self._keys = KeyHistory(self.trust.name, Findings())
        first = 1
        for index in sorted(self._rows.commits):
            place = self._place(index, first)
            if place is None:
                continue
            first = place.first + place.entry.commit.note.count
            events = [_identity(state) for state in place.states]
            if index == 0 and isinstance(events[0], LedgerInitialized):
                self._keys.begin(events[0].stream)
            self.signatures[index] = self._signed(place, [e for e in events if e is not None])
            if self.signatures[index] != "verified":
                continue
            note = place.entry.commit.note
            if 0 < note.seen_size <= index:
                self._seen[State(note.seen_size, note.seen_root, "seen", index)] = None
            placed = leaf_hash(place.data) == self.tree.proved.get(index, (b"",))[0]
            for position, event in enumerate(events, place.first):
                if event is not None and (placed or index == 0):
                    recorded = (position, index, place.entry.accepted, event)
                    self._keys.fold(recorded, permitted=True)

    def _signed(self, place: Place, events: Sequence[Event]) -> str:
        enrolled = enrolled_keys(events)
        text, publics = place.entry.commit.note.text(), set[bytes]()
        worst = "verified"
        for signer, line in zip(
            place.entry.commit.note.signers, place.entry.commit.signatures, strict=True
        ):
            mine = enrolled.get((signer.name, signer.key_id.hex()))
            public, said = self._public(place.number, signer, mine)
            if public is None:
                worst = said
                continue
            try:
                ed25519.verify(public, line.signature, text)
            except NoteError:
                return "false"
            if public in publics:
                return "false"
            publics.add(public)
            worst = said if said != "verified" else worst
        if place.number == 0 and self.trust.public not in publics:
            return "unknown"
        return worst

    def _public(self, index: int, signer: SignerLine, mine: Key | None) -> tuple[bytes | None, str]:
        """The public key of a signer, and whether it could sign."""
        acting = signer.capacity != POSSESSION
        if mine is not None and (not acting or index == 0):
            with suppress(NoteError):
                public = unb64url(mine.public)
                if key_id_of("ed25519", mine.name, public) == mine.id:
                    return public, "verified"
            return None, "unknown"
        key = self._keys.find(signer.name, signer.key_id)
        if key is None:
            return None, "unknown"
        fit = key.state.active and (not acting or key.state.key.purpose == "act")
        return key.public, "verified" if fit else "ended"


def _identity(state: bytes | None) -> Event | None:
    """The event, if it is one that keys follow from."""
    if state is None or not any(mark in state for mark in _MARKS):
        return None
    with suppress(EncodingError):
        event = decode_event(state)
        return event if type(event) in IDENTITY else None
    return None


_MARKS: Final = tuple(f'"type":"{kind.__struct_config__.tag}"'.encode("ascii") for kind in IDENTITY)


def _edges(rows: Rows) -> Iterator[tuple[int, Sequence[bytes]]]:
    for head in rows.heads:
        with suppress(ProofError):
            yield head.entries, Frontier.from_bytes(head.entries, head.edge).hashes


def _seen_edge(data: bytes) -> Iterator[tuple[int, Sequence[bytes]]]:
    """A root that signers saw over a power of two of entries is a node of every later tree."""
    for size, root in _SEEN.findall(data):
        number = int(size)
        if number and not number & (number - 1):
            with suppress(NoteError):
                yield number, [decode_base64(root.decode("ascii"), "root")]


_SEEN: Final = re.compile(rb"\nseen ([1-9][0-9]{0,15}) ([A-Za-z0-9+/]{43}=)\n")


def _split(joined: bytes) -> list[bytes]:
    return [joined[at : at + HASH_SIZE] for at in range(0, len(joined), HASH_SIZE)]

"""Whose key could sign what when, as the events seen so far say, and what each key signed.

Keys are those before the commit: what an entry enrols may sign from the next one on, and what it
ends may still sign in it. Entry 0 alone leans on itself. A key is found by the name and key id of
a signer line; the name says whose it is: the ledger's origin, or `<origin>/a/<actor>`.

The history is folded by the domain's own evolvers from the events about identity. An event that
was changed is left out, and its stream remembered: what follows from its absence is no finding.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from domain.actor import (
    ActorKeyCompromised,
    ActorKeyEnrolled,
    ActorKeyRevoked,
    ActorKeyRotated,
    ActorRegistered,
    ActorState,
)
from domain.judging import State, evolve
from domain.keys import KeyState
from domain.ledger import LedgerInitialized, LedgerKeyRotated, LedgerState
from domain.values import Event
from ledger.errors import NoteError
from ledger.evidence import unb64url
from ledger.findings import LIMIT, Findings
from ledger.tlog.note import ED25519 as NOTE_ED25519
from ledger.tlog.note import VerifierKey, key_id

IDENTITY: Final = frozenset(
    {
        ActorRegistered, ActorKeyEnrolled, ActorKeyRotated, ActorKeyRevoked, ActorKeyCompromised,
        LedgerInitialized, LedgerKeyRotated,
    }
)  # fmt: skip
"""The event classes that keys follow from."""

Recorded = tuple[int, int, str, Event]
"""An event with its position, its entry and the entry's accepted time."""


class KnownKey(NamedTuple):
    """A key that has been enrolled: who holds it, what it is, its 32 public bytes."""

    holder: str
    state: KeyState
    public: bytes


class _Use:
    """What one key signed: how often, and the positions of the first entries."""

    def __init__(self) -> None:
        self.count = 0
        self.entries = array("q")
        self.positions = array("q")

    def add(self, entry: int, position: int) -> None:
        self.count += 1
        if len(self.entries) < LIMIT:
            self.entries.append(entry)
            self.positions.append(position)


class KeyHistory:
    """Keys and their holders, advanced event by event."""

    def __init__(
        self,
        origin: str,
        findings: Findings,
        load: Callable[[str], Iterable[Recorded]] | None = None,
    ) -> None:
        """`load`: reads the earlier events of a holder, where verification begins later on."""
        self._origin = origin
        self._prefix = f"{origin}/a/"
        self._findings = findings
        self._load = load
        self._states: dict[str, State] = {}
        self._ledger = ""
        self._found: dict[tuple[str, bytes], KnownKey] = {}
        self._uses: dict[tuple[str, str], _Use] = {}
        self._ended: dict[tuple[str, str], int] = {}
        self.damaged: set[str] = set()
        """The last 36 characters of streams of which an event was changed or is missing."""

    def begin(self, ledger: str) -> None:
        """Learn the ledger's own stream."""
        self._ledger = ledger

    def holder_of(self, name: str) -> str:
        """The stream that a key name belongs to; empty if it is nobody's."""
        if name == self._origin:
            return self._ledger
        return name[len(self._prefix) :] if name.startswith(self._prefix) else ""

    def find(self, name: str, identity: bytes) -> KnownKey | None:
        """The Ed25519 key enrolled under this name and key id (4 bytes), whatever became of it."""
        found = self._found.get((name, identity))
        if found is None:
            holder = self.holder_of(name)
            state = self._state(holder)
            key = state.keys.get(identity.hex()) if state else None
            if key is None or key.key.name != name or key.key.kind != "ed25519":
                return None
            public = _public(key)
            if public is None or key_id(name, NOTE_ED25519, public) != identity:
                return None
            found = self._found[name, identity] = KnownKey(holder, key, public)
        return found

    def excused(self, name: str) -> bool:
        """Whether a key of this name may be unknown because an event about it is damaged."""
        return bool(self.damaged) and (
            name == self._origin or name[-36:] in self.damaged or "" in self.damaged
        )

    def used(self, key: KnownKey, entry: int, position: int) -> None:
        """Remember that a key signed an entry, in a capacity that counts."""
        use = self._uses.get((key.holder, key.state.key.id))
        if use is None:
            use = self._uses[key.holder, key.state.key.id] = _Use()
        use.add(entry, position)

    def fold(self, recorded: Recorded) -> None:
        """Advance by one event about identity; others change nothing."""
        position, entry, accepted, event = recorded
        if type(event) not in IDENTITY:
            return
        stream = event.stream
        state = self._states.get(stream) or self._state(stream)
        if isinstance(event, LedgerInitialized | ActorRegistered):
            state = None
        elif state is None:  # its beginning is damaged, which was reported
            state = _stub(event)
        self._states[stream] = evolve(state, event, entry, accepted)
        self._found.clear()
        if isinstance(event, ActorKeyRevoked | ActorKeyCompromised):
            self._ended.setdefault((stream, event.key), position)
        if isinstance(event, ActorKeyCompromised):
            self._dispute(stream, event, entry)

    def ledger_keys(self) -> Iterator[tuple[VerifierKey, KeyState]]:
        """The ledger's own checkpoint keys, in the order in which they were enrolled."""
        state = self._state(self._ledger)
        for key in state.keys.values() if state else ():
            public = _public(key)
            if key.key.purpose == "checkpoint" and key.key.kind == "ed25519" and public:
                with suppress(NoteError):  # a key that no verifier may trust
                    yield VerifierKey.of(key.key.name, NOTE_ED25519, public), key

    def finish(self) -> None:
        """Report the keys that signed and were revoked later: one finding a key."""
        for (holder, identity), use in self._uses.items():
            state = self._state(holder)
            key = state.keys.get(identity) if state else None
            if key is not None and key.condition == "revoked":
                self._findings.add(
                    "key_revoked", "key", position=self._ended.get((holder, identity)),
                    stream=holder, actual=identity,
                    cause=f"revoked by entry {key.until} after it had signed {use.count} entries",
                )  # fmt: skip

    def _state(self, holder: str) -> ActorState | LedgerState | None:
        state = self._states.get(holder)
        if state is None and self._load and holder:
            load, self._load = self._load, None  # folding must not ask again
            try:
                for recorded in load(holder):
                    self.fold(recorded)
            finally:
                self._load = load
            state = self._states.get(holder)
        return state if isinstance(state, ActorState | LedgerState) else None

    def _dispute(self, holder: str, event: ActorKeyCompromised, entry: int) -> None:
        """Nothing anchors the times of a key's earlier acts yet, so all of them are disputed."""
        use = self._uses.get((holder, event.key))
        if use is None:
            return
        for earlier, position in zip(use.entries, use.positions, strict=True):
            if earlier < entry:
                self._findings.add(
                    "key_compromised", "key", position=position, stream=holder, actual=event.key,
                    cause=f"entry {earlier} was signed with a key that entry {entry} reports as "
                    f"compromised since {event.suspected_since}; nothing anchors it before then",
                )  # fmt: skip
        self._findings.omit("key_compromised", use.count - len(use.entries))


def _public(state: KeyState) -> bytes | None:
    try:
        return unb64url(state.key.public)
    except ValueError:
        return None


def _stub(event: Event) -> State:
    if isinstance(event, LedgerKeyRotated):
        return LedgerState(event.stream, 0, "", "", {})
    return ActorState(event.stream, 0, "", "")

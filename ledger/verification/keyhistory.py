"""Whose key could sign what when, as the events seen so far say, and what each key signed.

Keys are those before the commit: what an entry enrols may sign from the next one on, and what it
ends may still sign in it. Entry 0 alone leans on itself. A key is found by the name and key id of
a signer line; the name says whose it is: the ledger's origin, or `<origin>/a/<actor>`.

The history is folded by the domain's own evolvers from the events about identity: those that keys,
roles and what they lean on follow from. Callers fold what was permitted (`permission`). An
event that was changed is left out, and its stream remembered: what follows from its absence is no
finding.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from domain import TOPICS
from domain.actor import (
    ActorKeyCompromised,
    ActorKeyRevoked,
    ActorRegistered,
    ActorState,
)
from domain.engagement import EngagementOpened
from domain.judging import State, evolve
from domain.keys import KeyState
from domain.ledger import (
    DraftVoided,
    LedgerInitialized,
    LedgerKeyRotated,
    LedgerState,
    PolicyAdopted,
)
from domain.party import PartyRegistered
from domain.values import Event
from ledger.errors import NoteError
from ledger.evidence import unb64url
from ledger.tlog.note import ED25519 as NOTE_ED25519
from ledger.tlog.note import VerifierKey, key_id
from ledger.verification.findings import LIMIT, Findings

IDENTITY: Final = frozenset(
    kind
    for topic, kind in TOPICS.items()
    if topic.partition(".")[0] in {"ledger", "policy", "party", "actor", "engagement", "draft"}
    # What is said about an engagement later stands on registers that are not kept here.
    and (kind is EngagementOpened or not topic.startswith("engagement."))
)
"""The event classes that keys, roles and what they lean on follow from."""

_BEGIN: Final = (
    LedgerInitialized, ActorRegistered, PartyRegistered, EngagementOpened, PolicyAdopted,
)  # fmt: skip

Recorded = tuple[int, int, str, Event]
"""An event with its position, its entry and the entry's accepted time."""


class KnownKey(NamedTuple):
    """A key that has been enrolled: who holds it, what it is, its 32 public bytes."""

    holder: str
    state: KeyState
    public: bytes


class _Use:
    """What one key signed: entries and their first positions, in order."""

    def __init__(self) -> None:
        self.entries = array("q")
        self.positions = array("q")

    def add(self, entry: int, position: int) -> None:
        self.entries.append(entry)
        self.positions.append(position)


class KeyHistory:
    """Keys and their holders, advanced event by event."""

    def __init__(self, origin: str, findings: Findings) -> None:
        self._origin = origin
        self._prefix = f"{origin}/a/"
        self._findings = findings
        self.states: dict[str, State] = {}
        """The folds of streams about identity, but for those of voided drafts."""
        self.publics: set[str] = set()
        """Every public key enrolled."""
        self.voided: set[tuple[str, str]] = set()
        """The commit ids of voided drafts, with who voided them."""
        self._successors: list[tuple[str, str]] = []
        self._ledger = ""
        self._found: dict[tuple[str, bytes], KnownKey] = {}
        self._uses: dict[tuple[str, str], _Use] = {}
        self._ended: dict[tuple[str, str], int] = {}
        self.covered_before: Callable[[str], int] = _nothing
        """How many entries trusted time-stamps from before a time cover (DESIGN 4.6)."""
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

    def fold(self, recorded: Recorded, *, permitted: bool) -> None:
        """Advance by one event about identity; others change nothing.

        `permitted`: it was judged; False where that could not be said.
        """
        position, entry, accepted, event = recorded
        if type(event) not in IDENTITY:
            return
        stream = event.stream
        if isinstance(event, DraftVoided):
            self.voided.add((event.commit, event.by))
            return
        self.publics.update(key.public for key in getattr(event, "enrolled_keys", ()))
        state = self.states.get(stream)
        if isinstance(event, _BEGIN):
            state = None
        elif type(state) is not (LedgerState if _of_ledger(event) else ActorState):
            state = _stub(event)  # its beginning is damaged, which was reported
        self.states[stream] = evolve(state, event, entry, accepted)
        self._found.clear()
        if isinstance(event, LedgerKeyRotated) and permitted:
            self._successors.append((event.old_key, event.key.id))
        if isinstance(event, ActorKeyRevoked | ActorKeyCompromised):
            self._ended.setdefault((stream, event.key), position)
        if isinstance(event, ActorKeyCompromised):
            self._dispute(stream, event, entry)

    def reached_from(self, trust: VerifierKey) -> set[VerifierKey]:
        """`trust`, and the checkpoint keys that follow it by permitted rotations, each proved."""
        keys = {key.key_id.hex(): key for key, _ in self.ledger_keys()}
        reached = {trust}
        for old, new in self._successors:
            if keys.get(old) in reached and new in keys:
                reached.add(keys[new])
        return reached

    def ledger_keys(self) -> Iterator[tuple[VerifierKey, KeyState]]:
        """The ledger's own checkpoint keys, in the order in which they were enrolled."""
        state = self._state(self._ledger)
        for key in state.keys.values() if state else ():
            public = _public(key)
            if key.key.purpose == "checkpoint" and key.key.kind == "ed25519" and public:
                with suppress(NoteError):  # a key that no verifier may trust
                    yield VerifierKey.of(key.key.name, NOTE_ED25519, public), key

    def finish(self, begun: int = 0) -> None:
        """Report the keys that signed and were revoked later: one finding a key.

        `begun`: the entries before this one were not all read. A key that could have signed there
        counts as one that did, and one reported as compromised gets a finding for all of them.
        """
        for holder, state in self.states.items():
            for identity, key in state.keys.items() if isinstance(state, ActorState) else ():
                use = self._uses.get((holder, identity))
                earlier = key.key.purpose == "act" and key.since + 1 < begun
                position = self._ended.get((holder, identity))
                if key.condition == "revoked" and (use or earlier):
                    many = f"{len(use.entries) if use else 0} entries" if not begun else "entries"
                    self._findings.add(
                        "key_revoked", "key", position=position, stream=holder, actual=identity,
                        cause=f"revoked by entry {key.until} after it had signed {many}",
                    )  # fmt: skip
                elif key.condition == "compromised" and earlier and self._open(key) < begun:
                    self._findings.add(
                        "key_compromised", "key", position=position, stream=holder,
                        actual=identity,
                        cause=f"reported by entry {key.until} as compromised since "
                        f"{key.suspected_since}: what it signed before entry {begun}, which was "
                        "not read again, is disputed",
                    )  # fmt: skip

    def _state(self, holder: str) -> ActorState | LedgerState | None:
        state = self.states.get(holder)
        return state if isinstance(state, ActorState | LedgerState) else None

    def _open(self, key: KeyState) -> int:
        """The first entry of which nothing proves that it is older than the suspicion."""
        return self.covered_before(key.suspected_since or "")

    def _dispute(self, holder: str, event: ActorKeyCompromised, entry: int) -> None:
        """What a trusted time-stamp from before the suspicion covers stays valid; else disputed."""
        use = self._uses.get((holder, event.key))
        if use is None:
            return
        first = bisect_left(use.entries, self.covered_before(event.suspected_since))
        last = bisect_left(use.entries, entry)
        for index in range(first, min(last, first + LIMIT)):
            self._findings.add(
                "key_compromised", "key", position=use.positions[index], stream=holder,
                actual=event.key,
                cause=f"entry {use.entries[index]} was signed with a key that entry {entry} "
                f"reports as compromised since {event.suspected_since}; no trusted time-stamp "
                "proves it older",
            )  # fmt: skip
        self._findings.omit("key_compromised", max(0, last - first - LIMIT))


def _nothing(_: str) -> int:
    return 0


def _public(state: KeyState) -> bytes | None:
    try:
        return unb64url(state.key.public)
    except ValueError:
        return None


def _of_ledger(event: Event) -> bool:
    """Whether an event is in the ledger's own stream: what it says there is counted, too."""
    return event.stream.startswith("ledger-")


def _stub(event: Event) -> State:
    if _of_ledger(event):
        return LedgerState(event.stream, 0, "", "", {})
    return ActorState(event.stream, 0, "", "")

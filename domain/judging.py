"""Decide, judge, evolve: how a rule says no, and how events become state.

A rule judges a proposed *event*. The same functions run inside the recording transaction, for every
commit however it came, and in verification for what touches keys and roles, so that a modified
client or an old draft gains nothing (DESIGN 3, "Judging"). Rules read events and what follows from
events; never sealed data, a clock or a disk.

An aggregate's file registers its rules with `@rule(EventClass)` and its fold with
`@evolves(EventClass)`. `World` holds the folds that a commit touches: filled before the commit is
judged, advanced event by event while it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from domain.policy import Policy
from domain.values import Event


class Refusal(Struct, frozen=True):
    """Why an act is not permitted.

    `rule`: the invariant's number; `code`: its stable code; `detail`: a stable code that says
    which part of it; `blocking`: ids (never names) of what blocks.
    """

    rule: str
    code: str
    detail: str
    blocking: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`I-07 separation_of_duties (verifier_is_collector): record-…`, as the CLI prints it."""
        tail = f": {', '.join(self.blocking)}" if self.blocking else ""
        return f"{self.rule} {self.code} ({self.detail}){tail}"


RULE_CODES: Mapping[str, str] = {
    "I-00": "unknown_reference",
    "I-01": "signature_required",
    "I-02": "no_plaintext_pii",
    "I-03": "no_access_after_destruction",
    "I-04": "monotonic_versions",
    "I-05": "compromised_key_stops",
    "I-06": "append_only",
    "I-07": "separation_of_duties",
    "I-09": "engagement_scope",
    "I-10": "collect_needs_basis",
    "I-11": "classify_before_use",
    "I-12": "retention_before_archive",
    "I-18": "verify_before_archive",
}


def refuse(rule: str, detail: str, *blocking: str) -> Refusal:
    """A `Refusal` under the rule's stable code."""
    return Refusal(rule, RULE_CODES[rule], detail, blocking)


class Signer(Struct, frozen=True):
    """One `signer` line of a commit note, resolved before the commit is judged.

    `holder`: the stream that holds the key (an actor's or the ledger's), empty if none does.
    """

    name: str
    key_id: str
    capacity: str
    holder: str = ""

    @property
    def possession(self) -> bool:
        """Whether this signature only proves that somebody holds a key being enrolled."""
        return self.capacity == "possession"


class Statement(Struct, frozen=True):
    """What the signers of a commit said about the commit itself (DESIGN 4.2, 4.3).

    `entry`: the index that the commit takes; `accepted`: the ledger's time for it; `seen`: the
    ledger size that the signers had checked; `until`: the end of a joint commit's validity.
    """

    commit: str
    entry: int
    accepted: str
    seen: int
    until: str | None
    signers: tuple[Signer, ...]

    @property
    def actors(self) -> tuple[Signer, ...]:
        """The signers that count: everyone but proofs of possession."""
        return tuple(signer for signer in self.signers if not signer.possession)


class State(Struct):
    """The fold of one stream; every aggregate's state begins with these."""

    stream: str
    version: int


class Source(Protocol):
    """Where a `World` gets what it does not hold yet: a ledger's database, a bundle, a test."""

    def load(self, streams: Iterable[str]) -> dict[str, State]:
        """The folds of those of `streams` that exist."""

    def public_key_enrolled(self, public: str) -> bool:
        """Whether this public key has ever been enrolled in this ledger, for any purpose."""

    def commit_voided(self, commit: str, by: str) -> bool:
        """Whether this actor has voided the draft with this commit id."""

    def last_entry_of(self, holder: str) -> int | None:
        """The index of the last entry that a holder signed in a capacity that counts."""

    def accepted_at(self, entry: int) -> str:
        """The accepted time of an entry."""


_S = TypeVar("_S", bound=State)


class World:
    """The state of every stream that a commit names, advanced event by event.

    Keys and roles are judged as they were before the commit (nobody grants and uses a role in one
    commit): `before` answers for those, `state` for everything else.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._states: dict[str, State | None] = {}
        self._before: dict[str, State | None] = {}
        self._keys: set[str] = set()
        self._voided: set[tuple[str, str]] = set()

    def preload(self, streams: Iterable[str]) -> None:
        """Load the named streams in one go; those that do not exist are remembered as absent."""
        missing = [stream for stream in dict.fromkeys(streams) if stream not in self._states]
        if not missing:
            return
        found = self.source.load(missing)
        for stream in missing:
            self._states[stream] = found.get(stream)

    def state(self, stream: str, kind: type[_S]) -> _S | None:
        """The state of a stream as of the event being judged; None if absent or another kind."""
        if stream not in self._states:
            self.preload([stream])
        state = self._states[stream]
        return state if isinstance(state, kind) else None

    def before(self, stream: str, kind: type[_S]) -> _S | None:
        """The state of a stream as it was before the commit being judged."""
        if stream in self._before:
            state = self._before[stream]
            return state if isinstance(state, kind) else None
        return self.state(stream, kind)

    def public_key_enrolled(self, public: str) -> bool:
        """Whether a public key is enrolled already, earlier in this commit included."""
        return public in self._keys or self.source.public_key_enrolled(public)

    def commit_voided(self, commit: str, by: str) -> bool:
        """Whether an actor has voided a draft already, earlier in this commit included."""
        return (commit, by) in self._voided or self.source.commit_voided(commit, by)

    def states(self) -> Iterator[tuple[str, State]]:
        """Every stream held that exists, with its state now."""
        return ((stream, state) for stream, state in self._states.items() if state is not None)

    def begin_commit(self) -> None:
        """Forget what `before` kept of the previous commit."""
        self._before.clear()

    def adopt_as_before(self, other: World) -> None:
        """Answer `before` with the states of another world (entry 0 is judged against itself)."""
        self._before = dict(other._states)

    def advance(self, event: Event, entry: int, accepted: str) -> None:
        """Fold one event into its stream."""
        stream = event.stream
        old = self._states.get(stream)
        if type(event) in _FREEZE_BEFORE:
            if stream not in self._before:
                self._before[stream] = _copy(old)
            self._keys.update(key.public for key in getattr(event, "enrolled_keys", ()))
            if (commit := getattr(event, "voided_commit", None)) is not None:
                self._voided.add((commit, event.by))
        self._states[stream] = evolve(old, event, entry, accepted)


def _copy(state: State | None) -> State | None:
    import copy

    return copy.deepcopy(state)


class Case(Struct, frozen=True):
    """What a rule may look at besides the event."""

    world: World
    policy: Policy
    statement: Statement


Rule = Callable[[Case, Any], Iterator[Refusal]]
Evolver = Callable[[Any, Any, int, str], State]

_RULES: dict[type[Event], list[Rule]] = {}
_EVOLVERS: dict[type[Event], Evolver] = {}
_FREEZE_BEFORE: set[type[Event]] = set()


def rule(*kinds: type[Event]) -> Callable[[Rule], Rule]:
    """Register a rule for events of these classes."""

    def register(function: Rule) -> Rule:
        for kind in kinds:
            _RULES.setdefault(kind, []).append(function)
        return function

    return register


def evolves(kind: type[Event], *, identity: bool = False) -> Callable[[Evolver], Evolver]:
    """Register the fold of one event class: `(state or None, event, entry, accepted) → state`.

    `identity`: the event changes keys or roles or voids a draft, so the stream's state before the
    commit is kept, and what it enrols and voids.
    """

    def register(function: Evolver) -> Evolver:
        _EVOLVERS[kind] = function
        if identity:
            _FREEZE_BEFORE.add(kind)
        return function

    return register


def evolve(state: State | None, event: Event, entry: int, accepted: str) -> State:
    """The state after one event.

    Total over everything that could be recorded: it never judges.
    """
    new = _EVOLVERS[type(event)](state, event, entry, accepted)
    new.version = event.version
    return new


def rules_for(kind: type[Event]) -> list[Rule]:
    """The rules of one event class, in the order in which they were registered."""
    return _RULES.get(kind, [])

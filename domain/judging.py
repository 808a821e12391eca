"""Decide, judge, evolve: how a rule says no, and how events become state.

A rule judges a proposed *event*. The same functions run inside the recording transaction, for every
commit however it came, and in verification for what touches keys and roles, so that a modified
client or an old draft gains nothing (DESIGN 3, "Judging"). Rules read events and what follows from
events; never sealed data, a clock or a disk.

An aggregate's file registers its rules with `@rule(EventClass)` and its fold with
`@evolves(EventClass)`. An event that names other streams (`Event.mentions`) may change their state
too, by `@affects(EventClass)`: custody passes with one confirmation over many copies. `World`
holds the folds that a commit touches: filled before the commit is judged, advanced event by event
while it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

from msgspec import Struct

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
from domain.policy import Policy
from domain.values import Event

STUMBLES: Final = (LookupError, AttributeError, TypeError, ValueError, ArithmeticError)
"""What a rule or a fold may stumble over in a state that no permitted history leads to."""


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
    "I-08": "training_gate",
    "I-09": "engagement_scope",
    "I-10": "collect_needs_basis",
    "I-11": "classify_before_use",
    "I-12": "retention_before_archive",
    "I-13": "transfer_needs_nda",
    "I-14": "transfer_needs_notice_and_basis",
    "I-15": "access_needs_grant_and_purpose",
    "I-16": "review_cadence",
    "I-17": "pipia_before_risky_processing",
    "I-18": "verify_before_archive",
    "I-19": "backup_cadence",
    "I-20": "restore_replays_destruction",
    "I-21": "list_is_frozen",
    "I-22": "failed_deal_cleanup",
    "I-23": "dual_signature",
    "I-24": "seller_residual_declared",
    "I-25": "cross_border_gate",
    "I-26": "retention_blocks_destruction",
    "I-27": "two_person_approval",
    "I-28": "hold_blocks_destruction",
    "I-29": "crypto_erase_preconditions",
    "I-30": "no_certificate_without_pass",
    "I-31": "auditor_independence",
    "I-32": "export_minimised",
    "I-33": "restricted_means_restricted",
    "I-35": "all_copies",
    "I-36": "original_paper_guard",
    "I-38": "rights_clock",
    "I-39": "consent_scope",
    "I-42": "marketing_suppression",
    "I-40": "deemed_acceptance",
    "I-41": "key_custody_change_on_equity",
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

    def contents(self, holding: str) -> Contents:
        """What was collected in a copy, or lies in it by a correction, before this commit."""

    def copies_of_contents(self, holding: str) -> frozenset[str]:
        """Every copy of any record that lies in a copy, before this commit, gone ones included.

        The copy itself, those in which it was collected, corrected or copied, and whole copies.
        """

    def keys(self, holding: str) -> Keys:
        """The data keys that a copy and what lies in it are sealed under, before this commit."""

    def keys_elsewhere(self, keys: frozenset[str], streams: frozenset[str]) -> frozenset[str]:
        """Those of `keys` that events of other streams than `streams` are sealed under, too."""

    def restricted_under(self, keys: frozenset[str]) -> frozenset[str]:
        """The records with restricted processing whose texts, or copies, are under these keys."""

    def shredded(self, keys: frozenset[str]) -> Mapping[str, Shredded]:
        """Those of `keys` that an event says were shredded, before this commit."""

    def key_copies(self) -> frozenset[str]:
        """The copies of keys that nobody has said are destroyed, before this commit."""

    def accesses(self, engagement: str, first: str, last: str) -> Accesses:
        """Accesses under an engagement accepted from `first` up to, and without, `last`."""

    def listed(
        self, items: Sequence[str], party: str, since: int, besides: frozenset[str] = frozenset()
    ) -> Listed:
        """What stands about what `party` is to hand over; `since`: an entry (`corrected`).

        One question for a whole list, records and copies: no state is loaded for a record.
        `besides`: as for `passed`.
        """

    def passed(self, record: str, besides: frozenset[str] = frozenset()) -> Passed | None:
        """The latest confirmed handover of a record, itself or in a copy that went.

        `besides`: modes of transfer whose handovers do not count, because the giver stays bound.
        """

    def lying_in(self, copies: Sequence[str], records: Sequence[str]) -> frozenset[str]:
        """Those of any number of `records` that lie in one of `copies`, before this commit."""

    def residual(self, handover: str, party: str) -> frozenset[str]:
        """The copies, still there and kept by `party`, of what a handover has handed over."""

    def handovers_of(self, engagement: str) -> tuple[Handed, ...]:
        """The handovers that were planned under a deal, in the order of their ids."""

    def protection(self, party: str) -> Protection:
        """When backups of a party's copies were last made, stored, checked and restored."""

    def keyholders(self, party: str) -> frozenset[str]:
        """The people of a party who are administrators or custodians, whatever the engagement."""

    def copies_out(self, engagement: str, party: str, *, unpassed: bool = False) -> CopiesOut:
        """What may lie with a party under a deal that is not its own, before this commit."""

    def lacking(self, records: Sequence[str], needs: Needs) -> Mapping[str, frozenset[str]]:
        """Those of at most 200 `records` that may not go, and why: reasons of `domain.clearing`."""

    def lacking_in(self, holding: str, needs: Needs) -> Mapping[str, int]:
        """The same of everything that lies in a copy: how many records, by reason."""

    def elsewhere(self, records: Sequence[str], party: str) -> frozenset[str]:
        """Those of `records` that were not collected in a copy which `party` keeps, or never."""

    def undeclared(self, subjects: Sequence[str], party: str) -> frozenset[str]:
        """Those of `subjects` whom nobody of `party` has said to be found in a record."""


_S = TypeVar("_S", bound=State)
_T = TypeVar("_T")


class World:
    """The state of every stream that a commit names, advanced event by event.

    Keys and roles are judged as they were before the commit (nobody grants and uses a role in one
    commit): `before` answers for those, `state` for everything else.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._states: dict[str, State | None] = {}
        self._before: dict[str, State | None] = {}
        self._late: dict[str, tuple[Event, int, str]] = {}  # first events that nobody asked about
        self._keys: set[str] = set()
        self._voided: set[tuple[str, str]] = set()
        self._contents: dict[str, Contents] = {}
        self._found: dict[object, object] = {}

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
        if stream in self._late:
            self._settle(stream)
        elif stream not in self._states:
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

    def contents(self, holding: str) -> Contents:
        """What lies in a collected copy, as it was before the commit being judged."""
        if holding not in self._contents:
            self._contents[holding] = self.source.contents(holding)
        return self._contents[holding]

    def once(self, name: object, find: Callable[[], _T]) -> _T:
        """What `find` gives, looked up once while a commit is judged; `name` says what it is."""
        if name not in self._found:
            self._found[name] = find()
        return cast("_T", self._found[name])

    def states(self, *kinds: type[State]) -> Iterator[tuple[str, State]]:
        """Every stream held that exists, with its state now; `kinds`: those of these classes."""
        wanted = kinds or (State,)
        for stream, (event, *_) in [*self._late.items()]:
            if issubclass(_LATE[type(event)], wanted):
                self._settle(stream)
        return ((stream, held) for stream, held in self._states.items() if isinstance(held, wanted))

    def begin_commit(self) -> None:
        """Forget what `before` kept of the previous commit."""
        self._before.clear()
        self._contents.clear()
        self._found.clear()

    def adopt_as_before(self, other: World) -> None:
        """Answer `before` with the states of another world (entry 0 is judged against itself)."""
        self._before = {**other._states, **dict(other.states())}

    def advance(self, event: Event, entry: int, accepted: str) -> None:
        """Fold one event into its stream, and into those held that it mentions.

        Raises one of `STUMBLES` for what nothing follows from: those streams stay as they were.
        """
        stream = event.stream
        self._settle(stream)
        old = self._states.get(stream)
        if old is None and type(event) in _LATE:
            self._states[stream] = None
            self._late[stream] = event, entry, accepted
            return
        if type(event) in _FREEZE_BEFORE:
            if stream not in self._before:
                self._before[stream] = _copy(old)
            self._keys.update(key.public for key in getattr(event, "enrolled_keys", ()))
            if (commit := getattr(event, "voided_commit", None)) is not None:
                self._voided.add((commit, event.by))
        failed = None
        try:
            self._states[stream] = evolve(old, event, entry, accepted)
        except STUMBLES as error:
            self._states[stream], failed = _passed_over(old, event), error
        if type(event) in _AFFECTORS:
            for other in event.mentions:
                self._settle(other)
                if (state := self._states.get(other)) is not None:
                    try:
                        affect(state, event)
                    except STUMBLES as error:
                        failed = error
        if failed is not None:
            raise failed

    def _settle(self, stream: str) -> None:
        """Fold a first event that has waited until somebody asks about its stream."""
        if (late := self._late.pop(stream, None)) is not None:
            self._states[stream] = evolve(None, *late)


def _copy(state: State | None) -> State | None:
    import copy

    return copy.deepcopy(state)


class Case(Struct, frozen=True):
    """What a rule may look at besides the event."""

    world: World
    policy: Policy
    statement: Statement

    @property
    def day(self) -> str:
        """The day, `YYYY-MM-DD`, of the commit being judged, by the pack's calendar."""
        return self.policy.calendar.day_of(self.statement.accepted)


Rule = Callable[[Case, Any], Iterator[Refusal]]
Evolver = Callable[[Any, Any, int, str], State]
Affector = Callable[[Any, Any], None]

_RULES: dict[type[Event], list[Rule]] = {}
_CLOSING: dict[type[Event], list[Rule]] = {}
_EVOLVERS: dict[type[Event], Evolver] = {}
_AFFECTORS: dict[type[Event], Affector] = {}
_FREEZE_BEFORE: set[type[Event]] = set()
_LATE: dict[type[Event], type[State]] = {}


def rule(*kinds: type[Event]) -> Callable[[Rule], Rule]:
    """Register a rule for events of these classes."""

    def register(function: Rule) -> Rule:
        for kind in kinds:
            _RULES.setdefault(kind, []).append(function)
        return function

    return register


def closes(kind: type[Event]) -> Callable[[Rule], Rule]:
    """Register a rule for the end of a commit in which a stream has events of this class.

    It is asked once a stream, with the last of them, and sees the state after the whole commit:
    what must be whole is whole, whatever came after it.
    """

    def register(function: Rule) -> Rule:
        _CLOSING.setdefault(kind, []).append(function)
        return function

    return register


def evolves(
    kind: type[Event], *, identity: bool = False, late: type[State] | None = None
) -> Callable[[Evolver], Evolver]:
    """Register the fold of one event class: `(state or None, event, entry, accepted) → state`.

    `identity`: the event changes keys or roles or voids a draft, so the stream's state before the
    commit is kept, and what it enrols and voids. `late`: as a stream's first event it becomes a
    state of this class, whatever it says and whatever else there is, and mentions nothing; it is
    folded once somebody asks about the stream, which for most rows of a table nobody does.
    """

    def register(function: Evolver) -> Evolver:
        _EVOLVERS[kind] = function
        if identity:
            _FREEZE_BEFORE.add(kind)
        if late is not None:
            _LATE[kind] = late
        return function

    return register


def affects(kind: type[Event]) -> Callable[[Affector], Affector]:
    """Register what an event does to the streams that it mentions: `(their state, event)`.

    The function is given the state of any mentioned stream, whatever its kind, and changes it.
    """

    def register(function: Affector) -> Affector:
        _AFFECTORS[kind] = function
        return function

    return register


def affect(state: State, event: Event) -> None:
    """Change the state of a stream that an event of another stream mentions."""
    if (affector := _AFFECTORS.get(type(event))) is not None:
        affector(state, event)


def evolve(state: State | None, event: Event, entry: int, accepted: str) -> State:
    """The state after one event.

    Total over everything that could be recorded: it never judges.
    """
    new = _EVOLVERS[type(event)](state, event, entry, accepted)
    new.version = event.version
    return new


def evolved(state: State | None, event: Event, entry: int, accepted: str) -> State | None:
    """As `evolve`; the state as it was, one version on, after an event that nothing follows from.

    Such an event was never permitted, but may have been recorded by whoever has no rules.
    """
    try:
        return evolve(state, event, entry, accepted)
    except STUMBLES:
        return _passed_over(state, event)


def _passed_over(state: State | None, event: Event) -> State | None:
    if state is not None:
        state.version = event.version
    return state


def closing_rules_for(kind: type[Event]) -> list[Rule]:
    """The rules for the end of a commit that has events of this class."""
    return _CLOSING.get(kind, [])


def rules_for(kind: type[Event]) -> list[Rule]:
    """The rules of one event class, in the order in which they were registered."""
    return _RULES.get(kind, [])

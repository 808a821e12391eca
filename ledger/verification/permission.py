"""Whether those who signed events about identity were permitted to: judged as when recorded.

Every key of an entry is believed because earlier entries enrolled it; so who may enrol, end or
replace a key, and who may give the role that permits it, belongs to "is it genuine". The function
is the recorder's own, `domain.commit.judge_commit`. It sees the identity events of a commit, and
answers from what was folded of earlier ones, from entries, and from the policy pack that entry 0
adopted: never from a projection. Whether acts on records were permitted is a question of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from hashlib import sha256
from typing import Final

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
from domain.commit import judge_commit
from domain.judging import Refusal, Signer, State, Statement, World, refuse
from domain.ledger import LedgerInitialized, PolicyAdopted
from domain.opening import opening_flaws
from domain.policy import Policy, PolicyError, parse_policy
from domain.values import Event
from ledger.errors import DataError, ProofError
from ledger.tlog.commit import Entry
from ledger.verification.keyhistory import KeyHistory
from ledger.verification.rows import Source

ON_TIME: Final = frozenset(
    {
        "seen_too_old", "draft_expired", "until_too_far", "claimed_time_in_future",
        "late_without_reason", "suspected_since_in_future",
    }
)  # fmt: skip
"""Refusals that turn on accepted times, which the ledger says and no signer: they tell of a changed
or lying clock, and not of somebody who did what they may not."""


class Judge:
    """Judges the identity events of commits; the `domain.judging.Source` it does so over."""

    def __init__(self, keys: KeyHistory, source: Source, signers: Mapping[str, int]) -> None:
        """`signers`: the last entry before the commit that each holder signed."""
        self._keys = keys
        self._source = source
        self._signers = signers
        self._policy: Policy | None = None
        self._opened = True  # False: entry 0 was refused, so that nothing stands on it
        self._asked: set[str] = set()
        self._written: set[str] = set()

    def judge(self, index: int, entry: Entry, events: Sequence[Event]) -> Sequence[Refusal] | None:
        """The refusals of a commit's identity events, empty if permitted.

        None if that cannot be said: the policy pack, an entry or an event about somebody whom the
        commit names is missing or damaged, which is reported where it is met.
        """
        if index == 0:
            if flaws := opening_flaws(events):
                self._opened = False
                return flaws
            try:
                self._policy = self._adopted(events)
            except PolicyError:
                self._opened = False
                return [refuse("I-00", "unknown_policy_pack")]
        if not self._opened:
            return [refuse("I-00", "unknown_policy_pack")]
        if self._policy is None:
            return None
        self._asked.clear()
        self._written = {event.stream for event in events}
        statement = self._statement(index, entry)
        try:
            refusals = judge_commit(World(self), self._policy, statement, events)
        except ProofError:
            return None
        if index == 0 and {refusal.detail for refusal in refusals} - ON_TIME:
            self._opened = False
        return None if refusals and self._excused() else refusals

    def _excused(self) -> bool:
        damaged = self._keys.damaged
        return "" in damaged or any(stream[-36:] in damaged for stream in self._asked)

    def _adopted(self, events: Sequence[Event]) -> Policy | None:
        digest = next(event.digest for event in events if isinstance(event, PolicyAdopted))
        for _, data in self._source.packs():
            if sha256(data).hexdigest() == digest:
                return parse_policy(data)
        return None

    def _statement(self, index: int, entry: Entry) -> Statement:
        note = entry.commit.note
        signers = tuple(
            Signer(s.name, s.key_id.hex(), s.capacity, self._keys.holder_of(s.name))
            for s in note.signers
        )
        return Statement(note.commit_id, index, entry.accepted, note.seen_size, note.until, signers)

    # What rules ask for

    def load(self, streams: Iterable[str]) -> dict[str, State]:
        """The folds so far; those that the commit goes on to change are copies."""
        found = {}
        for stream in streams:
            self._asked.add(stream)
            state = self._keys.states.get(stream)
            if state is not None:
                found[stream] = deepcopy(state) if stream in self._written else state
        return found

    def public_key_enrolled(self, public: str) -> bool:
        """Whether an event folded so far enrols this public key."""
        return public in self._keys.publics

    def commit_voided(self, commit: str, by: str) -> bool:
        """Whether an event folded so far voids this draft."""
        return (commit, by) in self._keys.voided

    def last_entry_of(self, holder: str) -> int | None:
        """The last entry that a holder signed."""
        return self._signers.get(holder)

    def accepted_at(self, entry: int) -> str:
        """The accepted time of an entry. Raises `ProofError` if it cannot be read."""
        with suppress(DataError):
            for data in self._source.entries(entry, entry + 1):
                return Entry.parse(data).accepted
        msg = "an entry is missing or malformed"
        raise ProofError(msg)

    # What no rule about identity asks for

    def lacking(self, records: Sequence[str], needs: Needs) -> dict[str, frozenset[str]]:
        """People in records are not followed here."""
        raise NotImplementedError(records, needs)

    def lacking_in(self, holding: str, needs: Needs) -> dict[str, int]:
        """Nor those in copies."""
        raise NotImplementedError(holding, needs)

    def elsewhere(self, records: Sequence[str], party: str) -> frozenset[str]:
        """Nor who keeps them."""
        raise NotImplementedError(records, party)

    def undeclared(self, subjects: Sequence[str], party: str) -> frozenset[str]:
        """Nor who found whom."""
        raise NotImplementedError(subjects, party)

    def contents(self, holding: str) -> Contents:
        """Copies are not followed here."""
        raise NotImplementedError(holding)

    def copies_of_contents(self, holding: str) -> frozenset[str]:
        """Nor where else their records lie."""
        raise NotImplementedError(holding)

    def keys(self, holding: str) -> Keys:
        """Nor what is sealed about them."""
        raise NotImplementedError(holding)

    def keys_elsewhere(self, keys: frozenset[str], streams: frozenset[str]) -> frozenset[str]:
        """Nor what else is."""
        raise NotImplementedError(keys, streams)

    def restricted_under(self, keys: frozenset[str]) -> frozenset[str]:
        """Nor whose records they open."""
        raise NotImplementedError(keys)

    def shredded(self, keys: frozenset[str]) -> dict[str, Shredded]:
        """Nor which keys are gone."""
        raise NotImplementedError(keys)

    def key_copies(self) -> frozenset[str]:
        """Nor where they are kept."""
        raise NotImplementedError

    def accesses(self, engagement: str, first: str, last: str) -> Accesses:
        """Nor who looked at what."""
        raise NotImplementedError(engagement, first, last)

    def handovers_of(self, engagement: str) -> tuple[Handed, ...]:
        """Nor what was handed over."""
        raise NotImplementedError(engagement)

    def protection(self, party: str) -> Protection:
        """Nor how it is protected."""
        raise NotImplementedError(party)

    def keyholders(self, party: str) -> frozenset[str]:
        """Nor who holds what."""
        raise NotImplementedError(party)

    def copies_out(self, engagement: str, party: str, *, unpassed: bool = False) -> CopiesOut:
        """Nor what lies elsewhere."""
        raise NotImplementedError(engagement, party, unpassed)

    def listed(
        self, items: Sequence[str], party: str, since: int, besides: frozenset[str] = frozenset()
    ) -> Listed:
        """Nor what goes to others."""
        raise NotImplementedError(items, party, since, besides)

    def passed(self, record: str, besides: frozenset[str] = frozenset()) -> Passed | None:
        """Nor what went."""
        raise NotImplementedError(record, besides)

    def lying_in(self, copies: Sequence[str], records: Sequence[str]) -> frozenset[str]:
        """Nor what lies in what."""
        raise NotImplementedError(copies, records)

    def residual(self, handover: str, party: str) -> frozenset[str]:
        """Nor what was left."""
        raise NotImplementedError(handover, party)


def opened_ledger(events: Sequence[Event | None]) -> str:
    """The stream of the ledger that entry 0 opens; empty if it opens none."""
    first = events[0] if events else None
    return first.stream if isinstance(first, LedgerInitialized) else ""

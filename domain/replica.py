"""Two ledgers: what one of them says about the other.

Two firms that deal with each other by exchanging files keep a ledger each. Whoever takes over what
was delivered says from which ledger, at which of its states and under which handover
(`ledger.bundle_imported`), and each record that continues one of the other ledger names it and that
event, so that its chain of custody can be followed back to the first collection. A comparison of
two replicas is a fact as well (`ledger.replica_compared`): the signer has seen both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from msgspec import UNSET, UnsetType

from domain.actor import AUDITORS, ActorState
from domain.codes import ReplicaComparison
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.ledger import LedgerState
from domain.record import RecordCollected
from domain.values import Count, Digest, Event, HandoverId, LedgerId, Ordinal, Origin


class LedgerBundleImported(Event, frozen=True, kw_only=True, tag="ledger.bundle_imported"):
    """接收外部账本资料: what another ledger handed over is taken into this one.

    `origin`, `source_ledger`: the other ledger; `size`, `root`: its state that was verified with
    the pinned key, at which the handover was confirmed; `package`: SHA-256 of the tag manifest of
    the package, if there was one; `handover`: of the other ledger; `records`: how many records are
    taken over by it.
    """

    ROLES: ClassVar[frozenset[str]] = frozenset({"custodian", "collector", "buyer_handler"})

    stream: LedgerId
    origin: Origin
    source_ledger: LedgerId
    size: Ordinal
    root: Digest
    package: Digest | UnsetType = UNSET
    handover: HandoverId
    records: Count


class LedgerReplicaCompared(Event, frozen=True, kw_only=True, tag="ledger.replica_compared"):
    """账本比对: two copies of one ledger were verified and compared.

    `origin`: whose ledger it is, this one's or another's; `size`, `root`: the state of the first
    copy, `other_size`, `other_root`: of the second; `result`: how the first stands to the second;
    `diverged_at`: of a fork, the index of the first entry that differs.
    """

    ROLES: ClassVar[frozenset[str]] = AUDITORS | {
        "supervisor", "administrator", "custodian", "buyer_handler", "seller_handler",
    }  # fmt: skip

    stream: LedgerId
    origin: Origin
    size: Ordinal
    root: Digest
    other_size: Ordinal
    other_root: Digest
    result: ReplicaComparison
    diverged_at: Count | UnsetType = UNSET


@evolves(LedgerBundleImported)
def _imported(state: LedgerState, event: LedgerBundleImported, _: int, __: str) -> LedgerState:
    state.imports[event.id] = event.by
    return state


@evolves(LedgerReplicaCompared)
def _compared(state: LedgerState, _: LedgerReplicaCompared, __: int, ___: str) -> LedgerState:
    return state


@rule(LedgerBundleImported, LedgerReplicaCompared)
def speaks_of_a_ledger(
    case: Case, event: LedgerBundleImported | LedgerReplicaCompared
) -> Iterator[Refusal]:
    """It is said on this ledger's own stream, about an origin that a ledger can have."""
    if case.world.state(event.stream, LedgerState) is None:
        yield refuse("I-00", "unknown_ledger", event.stream)
    if {"commit", "a"} & set(event.origin.split("/")):
        yield refuse("I-02", "origin_reserved_segment", event.stream)


@rule(LedgerBundleImported)
def imported_from_another(case: Case, event: LedgerBundleImported) -> Iterator[Refusal]:
    """What is imported comes from another ledger: nobody takes over from himself."""
    own = case.world.state(event.stream, LedgerState)
    if event.source_ledger == event.stream or (own is not None and event.origin == own.origin):
        yield refuse("I-06", "ledger_imports_itself", event.source_ledger)


@rule(LedgerReplicaCompared)
def comparison_holds_together(case: Case, event: LedgerReplicaCompared) -> Iterator[Refusal]:
    """The result is the one that sizes and roots give, and only a fork has a place.

    Of this ledger itself nobody has seen more entries than there are, but a fork of it may have
    any number.
    """
    same = (event.size, event.root) == (event.other_size, event.other_root)
    fitting = {
        "agree": same,
        "ahead": event.size > event.other_size,
        "behind": event.size < event.other_size,
        "fork": event.size != event.other_size or event.root != event.other_root,
    }[event.result]
    if not fitting:
        yield refuse("I-06", "comparison_does_not_fit", event.stream)
    if (event.result == "fork") != (event.diverged_at is not UNSET) or (
        event.diverged_at is not UNSET and event.diverged_at >= min(event.size, event.other_size)
    ):
        yield refuse("I-06", "divergence_does_not_fit", event.stream)
    own = case.world.state(event.stream, LedgerState)
    if (
        own is not None
        and own.origin == event.origin
        and event.result != "fork"
        and min(event.size, event.other_size) > case.statement.entry
    ):
        yield refuse("I-06", "compared_beyond_the_ledger", event.stream)


@rule(RecordCollected)
def continues_what_was_imported(case: Case, event: RecordCollected) -> Iterator[Refusal]:
    """A record that continues one of another ledger came by a handover that was imported.

    The import is one of this ledger's, said by somebody of the same party.
    """
    if (event.continues is UNSET) != (event.imported is UNSET):
        yield refuse("I-06", "continues_needs_an_import", event.stream)
    if event.continues is not UNSET and event.method != "handover":
        yield refuse("I-10", "continued_by_a_handover", event.stream)
    if event.continues == event.stream:
        yield refuse("I-06", "record_continues_itself", event.stream)
    if event.imported is UNSET:
        return
    ledger = case.world.state(event.imported.partition("/")[0], LedgerState)
    by = ledger.imports.get(event.imported) if ledger is not None else None
    importer = case.world.before(by, ActorState) if by is not None else None
    actor = case.world.before(event.by, ActorState)
    if importer is None or actor is None or importer.party != actor.party:
        yield refuse("I-00", "unknown_import", event.imported)

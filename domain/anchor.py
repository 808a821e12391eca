"""What the ledger says of itself so that others can check it: an index, a trusted time-stamp.

`ledger.index_published` holds the root of a tree over every object that events name
(`ledger.index`). A rule cannot compute that tree: each full verification does, and the word of a
cosigner who did is what a reader of evidence relies on. `ledger.timestamp_anchored` says that a
time-stamp authority has signed a checkpoint (RFC 3161): whatever was signed by somebody who had
seen this event is younger than the token.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from domain.actor import AUDITORS
from domain.judging import Case, Refusal, evolves, refuse, rule
from domain.ledger import LedgerState
from domain.values import Digest, Event, LedgerId, Oid, Ordinal, Time


class LedgerIndexPublished(Event, frozen=True, kw_only=True, tag="ledger.index_published"):
    """索引发布: the index over the entries below `size` has this root and so many rows."""

    ROLES: ClassVar[frozenset[str]] = AUDITORS | {"administrator", "custodian", "archivist"}

    stream: LedgerId
    size: Ordinal
    root: Digest
    rows: Ordinal


class LedgerTimestampAnchored(Event, frozen=True, kw_only=True, tag="ledger.timestamp_anchored"):
    """可信时间戳: a token over a checkpoint of `size` entries and `root` was verified and kept.

    `imprint`: SHA-256 of the checkpoint note, with the signatures it had; `token`: SHA-256 of the
    complete TimeStampResp; `gen_time`, `policy`: as the authority says in it.
    """

    ROLES: ClassVar[frozenset[str]] = AUDITORS | {
        "administrator", "custodian", "archivist", "security_officer",
    }  # fmt: skip

    stream: LedgerId
    size: Ordinal
    root: Digest
    imprint: Digest
    token: Digest
    gen_time: Time
    policy: Oid


@evolves(LedgerIndexPublished)
def _indexed(state: LedgerState, event: LedgerIndexPublished, _: int, __: str) -> LedgerState:
    state.indexed = event.size
    return state


@evolves(LedgerTimestampAnchored)
def _anchored(state: LedgerState, event: LedgerTimestampAnchored, _: int, __: str) -> LedgerState:
    state.anchored.add(event.token)
    return state


@rule(LedgerIndexPublished)
def indexed_what_there_is(case: Case, event: LedgerIndexPublished) -> Iterator[Refusal]:
    """An index covers entries that there are, and more of them than the one before (I-06)."""
    ledger = case.world.state(event.stream, LedgerState)
    if ledger is None:
        yield refuse("I-00", "unknown_ledger", event.stream)
        return
    if event.size > case.statement.seen:
        yield refuse("I-06", "indexed_beyond_what_was_seen", event.stream)
    if event.size <= ledger.indexed:
        yield refuse("I-06", "already_indexed", event.stream)


@rule(LedgerTimestampAnchored)
def anchored_what_there_is(case: Case, event: LedgerTimestampAnchored) -> Iterator[Refusal]:
    """A token is over a state that the signer has seen, is anchored once (I-06)."""
    ledger = case.world.state(event.stream, LedgerState)
    if ledger is None:
        yield refuse("I-00", "unknown_ledger", event.stream)
        return
    if event.size > case.statement.seen:
        yield refuse("I-06", "anchored_beyond_what_was_seen", event.stream)
    if event.token in ledger.anchored:
        yield refuse("I-06", "already_anchored", event.stream)

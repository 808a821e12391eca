"""From proposed events to a signed commit: ids, envelope, sealing, the note, the signatures.

Everything random is drawn here; everything that is judged is judged where it is recorded.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from domain.values import Event, SealedRef, timestamp
from ledger import VERSION
from ledger.evidence import b64url
from ledger.privatekey import PrivateKey
from ledger.sealing import seal
from ledger.tlog.commit import CommitNote, SignedCommit, SignerLine, sign
from ledger.tlog.encoding import encode
from ledger.tlog.merkle import leaf_hash, tree_root

CLIENT = f"muniment/{VERSION}"
_COUNTER = 1 << 12


def new_ids(aggregate: str, count: int = 1) -> list[str]:
    """At most 4,000 fresh stream ids `<aggregate>-<UUIDv7>`, ascending.

    A counter in the 12 bits after the milliseconds keeps the order in which they are asked for
    (RFC 9562, 6.2, method 1), 62 random bits keep them apart.
    """
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    prefix = f"{aggregate}-{stamp[:8]}-{stamp[8:]}-7"
    first = secrets.randbelow(_COUNTER - count + 1)
    random = os.urandom(8 * count).hex()
    ids = []
    for index in range(count):
        r = random[16 * index : 16 * index + 16]
        ids.append(f"{prefix}{first + index:03x}-{'89ab'[int(r[0], 16) & 3]}{r[1:4]}-{r[4:]}")
    return ids


def now() -> str:
    """The present, as events write it."""
    return timestamp(datetime.now(UTC))


def new_salts(count: int) -> list[str]:
    """16 random bytes each, base64url: otherwise a redacted event could be guessed."""
    random = os.urandom(16 * count)
    return [b64url(random[at : at + 16]) for at in range(0, 16 * count, 16)]


class Proposal(NamedTuple):
    """An event that an act proposes, without the envelope that every event has.

    `stream`: an existing or new stream; `fields`: the event's own; `sealed`: texts to seal, by
    path; `key`: the data key to seal under (the stream's own where None).
    """

    kind: type[Event]
    stream: str
    fields: Mapping[str, Any]
    sealed: Mapping[str, str] | None = None
    key: str | None = None


class Cosigner(NamedTuple):
    """Who else must sign: an actor's key name and id, and in which capacity."""

    name: str
    key_id: bytes
    capacity: str


class Unsigned(NamedTuple):
    """A commit before its signatures: the note, the events' bytes, the sealed payloads."""

    note: CommitNote
    states: Sequence[bytes]
    ciphertexts: Mapping[int, bytes]


def commit_note(
    origin: str,
    states: Sequence[bytes],
    seen: tuple[int, bytes],
    signers: Iterable[Cosigner],
    until: str | None = None,
    commit_id: str | None = None,
) -> CommitNote:
    """The note over the events' bytes; `seen`: ledger size and root that the signers checked.

    `commit_id`: fixed beforehand only where keys must sign their own enrolment.
    """
    lines = sorted(
        (SignerLine(s.name, s.key_id, s.capacity) for s in signers),
        key=lambda line: (line.name, line.key_id),
    )
    return CommitNote(
        origin=origin,
        commit_id=commit_id or os.urandom(16).hex(),
        count=len(states),
        root=tree_root([leaf_hash(state) for state in states]),
        seen_size=seen[0],
        seen_root=seen[1],
        until=until,
        client=CLIENT,
        signers=tuple(lines),
    )


def sign_all(note: CommitNote, keys: Iterable[PrivateKey]) -> SignedCommit:
    """The commit signed by every key named in it.

    Raises `NoteError` if a named key is not among `keys`, or the other way round.
    """
    return SignedCommit.assemble(note, [sign(note, key) for key in keys])


def encode_all(events: Sequence[Event]) -> list[bytes]:
    """The canonical bytes of each event."""
    return [encode(event) for event in events]


def seal_fields(
    origin: str, event_id: str, fields: Mapping[str, str], key_id: str, key: bytes
) -> tuple[SealedRef, bytes]:
    """Seal texts with fresh randomness: the reference for the event, and the ciphertext."""
    random = os.urandom(44)
    sealed = seal(origin, event_id, fields, key_id, key, random[:32], random[32:])
    return sealed.ref, sealed.ciphertext

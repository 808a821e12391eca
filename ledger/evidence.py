"""One commit as evidence: whether these are the bytes that its signers signed.

Used where a commit is recorded and where it is verified, so that both say the same. The steps:

1. every event is canonical and of a known type (`ledger.tlog.encoding`, `domain.TOPICS`);
2. there are as many events as the note says, and their RFC 6962 root is the note's;
3. every signer line names a key that is enrolled, before this commit or (for a proof of
   possession) by an event of it;
4. every named signer signed, each with a public key of its own, and nobody else did;
5. a key that cannot sign notes (P-256, ML-DSA-44) signed the `seen` state in its enrolment.

Whether the signers were *permitted* to say this is judged elsewhere (`domain.commit`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import cache, reduce
from hashlib import sha256
from operator import or_
from typing import Any, Final

import msgspec

from domain import TOPICS
from domain.values import Event, Key
from ledger.errors import EncodingError, MunimentError, NoteError
from ledger.privatekey import check_possession
from ledger.tlog import ed25519, mldsa44
from ledger.tlog.commit import CommitNote, SignedCommit
from ledger.tlog.encoding import MAX_EVENT_BYTES, accept
from ledger.tlog.merkle import leaf_hash, tree_root
from ledger.tlog.note import ED25519, encode_base64

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_TYPE: Final = b'"type":"'
_AT_ONCE: Final = 128

KeyOf = Callable[[str, str], Key | None]
"""The key enrolled under (name, key id in hex) before a commit, or None."""


def decode_event(raw: bytes) -> Event:
    """The event that canonical bytes hold.

    Raises `EncodingError` for bytes outside the profile, of an unknown type, or with fields that
    their type does not have.
    """
    start = raw.rfind(_TYPE) + len(_TYPE)
    topic = raw[start : raw.find(b'"', start)].decode("ascii", "replace")  # a hint
    if topic in TOPICS:
        with suppress(EncodingError):
            return accept(raw, decoder_for({topic}))  # type: ignore[no-any-return]
    return accept(raw, decoder_for(TOPICS.keys()))  # type: ignore[no-any-return]


def decoder_for(topics: AbstractSet[str]) -> msgspec.json.Decoder[Any]:
    """Decodes events known to be of these topics: of a single one without looking for it first.

    A decoder for all topics takes as long to make as a process needs for everything else it does
    with a few events, so none is made before it is needed.
    """
    kind = TOPICS.get(*topics) if len(topics) == 1 else None
    return _decoder(kind)


@cache
def _decoder(kind: type[Event] | None) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind or reduce(or_, TOPICS.values()))


def decode_events(states: Sequence[bytes], topics: Sequence[str]) -> list[Event]:
    """The events that canonical bytes hold: `decode_event` of each, and its errors, but faster.

    `topics`: of each, as their rows say, a hint only. What is looked at together is what `accept`
    looks at one by one: printable ASCII without escapes, a typed decode, and the same bytes when
    encoded again. Few enough at once for the processor's cache.
    """
    events: list[Event] = []
    for start in range(0, len(states), _AT_ONCE):
        end = start + _AT_ONCE
        events += _decode_few(states[start:end], topics[start:end])
    return events


def _decode_few(states: Sequence[bytes], topics: Sequence[str]) -> list[Event]:
    together = b"\n".join(states)
    if (
        together.isascii()
        and b"\x7f" not in together
        and b"\\" not in together
        and max(map(len, states), default=0) <= MAX_EVENT_BYTES
    ):
        with suppress(msgspec.DecodeError, RecursionError):
            decode = {topic: decoder_for({topic}).decode for topic in set(topics)}
            events = [decode[topic](state) for topic, state in zip(topics, states, strict=True)]
            if list(map(_ENCODER.encode, events)) == list(states):
                return events
    return list(map(decode_event, states))


def unb64url(text: str) -> bytes:
    """The bytes of an unpadded base64url string of an event. Raises `NoteError` if it is none."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise NoteError("a key or proof in an event is not base64url") from None


def b64url(data: bytes) -> str:
    """Unpadded base64url, as events write bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def possession_message(key: Key, seen_size: int, seen_root: bytes) -> bytes:
    """What a key that cannot sign notes signs at its enrolment: its own name and `seen`."""
    return (
        f"muniment/possession/v1\n{key.name}\n{key.public}\n"
        f"seen {seen_size} {encode_base64(seen_root)}\n"
    ).encode("ascii")


def enrolled_keys(events: Sequence[Event]) -> dict[tuple[str, str], Key]:
    """The keys that events of one commit enrol, by (name, key id in hex)."""
    return {(key.name, key.id): key for e in events for key in getattr(e, "enrolled_keys", ())}


def check_events(note: CommitNote, states: Sequence[bytes]) -> tuple[list[Event], list[bytes]]:
    """Steps 1 and 2: the events, decoded, and their leaf hashes.

    `states`: the stored bytes of each event, in order. Raises `EncodingError` or `NoteError`.
    """
    if len(states) != note.count:
        msg = f"the note speaks of {note.count} events, there are {len(states)}"
        raise NoteError(msg)
    events = [decode_event(state) for state in states]
    leaves = [leaf_hash(state) for state in states]
    if tree_root(leaves) != note.root:
        msg = "the events do not have the root that was signed"
        raise NoteError(msg)
    return events, leaves


def check_signers(signed: SignedCommit, events: Sequence[Event], key_of: KeyOf) -> None:
    """Steps 3 to 5. Raises `NoteError` naming the key that fails."""
    enrolled = enrolled_keys(events)

    def public(name: str, key_id: bytes) -> bytes:
        # What is recorded comes first: key ids have 32 bits, and a commit could bring a key
        # made to have the id of one that stands.
        key = key_of(name, key_id.hex()) or enrolled.get((name, key_id.hex()))
        if key is None or key.kind != "ed25519":
            raise LookupError(name)
        return unb64url(key.public)

    signed.verify_signatures(public)
    for key in enrolled.values():
        _check_enrolment(key, signed.note)


def _check_enrolment(key: Key, note: CommitNote) -> None:
    """Step 5, and that a key's id is the one its bytes give."""
    public = unb64url(key.public)
    if b64url(public) != key.public or key_id_of(key.kind, key.name, public) != key.id:
        msg = f"the key enrolled as {key.name} does not have the id {key.id}"
        raise NoteError(msg)
    try:
        if key.kind == "ed25519":
            ed25519.check_public_key(public)  # its signature line is its proof
            return
        proof = unb64url(key.proof) if isinstance(key.proof, str) else b""
        message = possession_message(key, note.seen_size, note.seen_root)
        check = mldsa44.verify if key.kind == "mldsa44" else _check_p256
        check(public, proof, message)
    except MunimentError as error:
        msg = f"the key {key.name} {key.id} does not prove that it is held: {error.message}"
        raise NoteError(msg) from error


def _check_p256(public: bytes, proof: bytes, message: bytes) -> None:
    check_possession(public, message, proof)


def key_id_of(kind: str, name: str, public: bytes) -> str:
    """The key id, in hex, of a public key under a name (C2SP signed-note).

    P-256 keys are no note keys; they have the private type 0xff with a long identifier.
    """
    types = {"ed25519": bytes([ED25519]), "mldsa44": b"\x06", "p256": b"\xffmuniment/seal-p256"}
    return sha256(name.encode("utf-8") + b"\n" + types[kind] + public).digest()[:4].hex()


# Canonical bytes escape quotes inside strings, so nothing but the member itself looks like this.
_SEALED: Final = re.compile(rb'"sealed":\{"digest":"[0-9a-f]{64}","key":"([ -~]*?)"')


def data_key(state: bytes) -> str | None:
    """The data key of an event's own sealed payload, from its canonical bytes; None without one.

    >>> data_key(b'{"sealed":{"digest":"%s","key":"key-7","root":"0"},"v":1}' % (b"0" * 64))
    'key-7'
    """
    found = _SEALED.search(state)
    return found[1].decode("ascii") if found else None

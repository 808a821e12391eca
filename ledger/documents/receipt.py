r"""What a stranger needs to check a document without its ledger: events and their proofs.

A receipt is canonical JSON (`ledger.documents.twin`), format `muniment-receipt/1`:

    format      "muniment-receipt/1"
    checkpoint  the signed note of the ledger (C2SP tlog-checkpoint)
    entries     for each {"entry","proof"}: its bytes, its C2SP tlog-proof under the checkpoint
    events      for each {"event","proof"}: its bytes, its tlog-proof in the commit of its entry

Shipped are the events that the document speaks of, the event that issued it, and those that
enrolled the keys of everybody who signed one of them. It proves who said what and that the ledger
accepted it. That a key had not ended by then is the ledger's word, which judged it; an evidence
bundle (`ledger.bundle`) proves that as well, and is therefore ten times as long.

Texts are stored as JSON strings: entries, notes and proofs are UTF-8, events ASCII.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from domain.values import Event, Key
from ledger.documents.twin import MAX_BYTES, canonical_json
from ledger.errors import DataError, MunimentError, VerificationError
from ledger.evidence import decode_event, enrolled_keys, unb64url
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import inclusion_proof, leaf_hash, leaf_reader, verify_inclusion
from ledger.tlog.note import VerifierKey
from ledger.tlog.proof import TlogProof
from ledger.tree import StoredTree
from projections.view import fetch, key_of, marked

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

FORMAT: Final = "muniment-receipt/1"
_ALL: Final = 2**53
_MEMBERS: Final = {"format", "checkpoint", "entries", "events"}


class Proven(NamedTuple):
    """What a receipt proves: events by id, when each was accepted, the size of the ledger then."""

    events: Mapping[str, Event]
    accepted: Mapping[str, str]
    size: int


class _Placed(NamedTuple):
    position: int
    entry: int
    event: Event
    state: bytes


# -- made ---------------------------------------------------------------------------------------


def make_receipt(
    connection: Connection, ledger: tuple[str, str], checkpoint: bytes, upto: Mapping[str, int]
) -> bytes:
    """The receipt of the events of some streams.

    `ledger`: its id and origin; `checkpoint`: a signed note that covers them; `upto`: streams, each
    with the last version that is shipped. The same arguments give the same bytes.
    """
    events: dict[int, _Placed] = {}
    entries: dict[int, tuple[Entry, int, bytes, bytes]] = {}
    wanted, asked = dict(upto), set(upto)
    while wanted:
        fresh = [p for stream, last in wanted.items() for p in _events(connection, stream, last)]
        kept = [p for p in fresh if p.event.stream in upto or hasattr(p.event, "enrolled_keys")]
        events.update((placed.position, placed) for placed in kept)
        _entries(connection, {placed.entry for placed in kept}, entries)
        signers = _signers(entries, *ledger) - asked
        asked |= signers
        wanted = dict.fromkeys(signers, _ALL)
    note = open_note_size(checkpoint)
    return canonical_json({
        "format": FORMAT,
        "checkpoint": checkpoint.decode("utf-8"),
        "entries": _proven_entries(connection, entries, checkpoint, note),
        "events": [_proven_event(events[at], entries) for at in sorted(events)],
    })  # fmt: skip


def open_note_size(checkpoint: bytes) -> int:
    """How many entries a checkpoint covers, as it says."""
    return TlogProof(0, (), checkpoint).head.size


def _events(connection: Connection, stream: str, last: int) -> Iterable[_Placed]:
    sql = "SELECT position, entry, state FROM events WHERE stream = {} ORDER BY version"
    rows = fetch(connection, marked(connection, sql), (key_of(stream),))
    for position, entry, state in rows[:last]:
        event = decode_event(bytes(state))
        if event.stream == stream:
            yield _Placed(position, entry, event, bytes(state))


def _entries(
    connection: Connection, wanted: set[int], found: dict[int, tuple[Entry, int, bytes, bytes]]
) -> None:
    sql = marked(connection, "SELECT data, first, leaves FROM commits WHERE entry = {}")
    for index in sorted(wanted - found.keys()):
        ((data, first, leaves),) = fetch(connection, sql, (index,))
        found[index] = (Entry.parse(bytes(data)), first, bytes(data), bytes(leaves))


def _signers(
    entries: Mapping[int, tuple[Entry, int, bytes, bytes]], ledger: str, origin: str
) -> set[str]:
    """The streams that hold the keys of everybody who signed: actors, and the ledger itself."""
    names = {s.name for entry, *_ in entries.values() for s in entry.commit.note.signers}
    return {ledger if name == origin else name.removeprefix(f"{origin}/a/") for name in names}


def _proven_entries(
    connection: Connection,
    entries: Mapping[int, tuple[Entry, int, bytes, bytes]],
    checkpoint: bytes,
    size: int,
) -> list[dict[str, str]]:
    nodes = StoredTree(connection).nodes()
    return [
        {
            "entry": data.decode("utf-8"),
            "proof": TlogProof(index, tuple(inclusion_proof(index, size, nodes)), checkpoint)
            .format().decode("utf-8"),
        }
        for index, (_, _, data, _) in sorted(entries.items())
    ]  # fmt: skip


def _proven_event(
    placed: _Placed, entries: Mapping[int, tuple[Entry, int, bytes, bytes]]
) -> dict[str, str]:
    entry, first, _, joined = entries[placed.entry]
    index = placed.position - first
    leaves = [joined[at : at + 32] for at in range(0, len(joined), 32)] or [leaf_hash(placed.state)]
    path = inclusion_proof(index, entry.commit.note.count, leaf_reader(leaves))
    proof = TlogProof(index, tuple(path), entry.commit.format())
    return {"event": placed.state.decode("ascii"), "proof": proof.format().decode("utf-8")}


# -- checked ------------------------------------------------------------------------------------


def check_receipt(data: bytes, key: VerifierKey) -> Proven:
    """What a receipt proves to somebody who has the ledger's verifier key.

    1. the receipt is canonical; 2. the checkpoint is signed by `key`; 3. every entry is in the
    ledger; 4. every event is in the commit of an entry; 5. everybody named signed the commit, with
    a key that a proven event enrolled. Raises `VerificationError` at the first that fails.
    """
    try:
        told = _parse(data)  # step 1
        opened = open_checkpoint(told["checkpoint"].encode("utf-8"), [key])  # step 2
        head = opened.checkpoint
        entries: dict[bytes, Entry] = {}
        for row in told["entries"]:
            raw = row["entry"].encode("utf-8")
            proof = TlogProof.parse(row["proof"].encode("utf-8"))
            if proof.checkpoint_note != opened.note.format():
                raise VerificationError("the document's proofs do not hold")
            verify_inclusion(proof.index, head.size, leaf_hash(raw), proof.hashes, head.root)
            entry = Entry.parse(raw)  # step 3
            entries[entry.commit.format()] = entry
        events, accepted = _check_events(told["events"], entries)  # step 4
        _check_signatures(key.name, entries.values(), list(events.values()))  # step 5
    except (MunimentError, UnicodeEncodeError) as error:
        if isinstance(error, VerificationError):
            raise
        raise VerificationError("the document's proofs do not hold") from error
    return Proven(events, accepted, head.size)


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise DataError("the receipt is too large")
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        raise DataError("the receipt is not canonical JSON") from None
    if (
        not isinstance(told, dict)
        or set(told) != _MEMBERS
        or told["format"] != FORMAT
        or not isinstance(told["checkpoint"], str)
        or not _are_rows(told["entries"], {"entry", "proof"})
        or not _are_rows(told["events"], {"event", "proof"})
        or canonical_json(told) != data
    ):
        raise DataError("the receipt is not canonical JSON")
    return told


def _are_rows(value: object, members: set[str]) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, dict)
        and set(row) == members
        and all(isinstance(text, str) for text in row.values())
        for row in value
    )


def _check_events(
    rows: Sequence[Mapping[str, str]], entries: Mapping[bytes, Entry]
) -> tuple[dict[str, Event], dict[str, str]]:
    events: dict[str, Event] = {}
    accepted: dict[str, str] = {}
    for row in rows:
        raw = row["event"].encode("utf-8")
        proof = TlogProof.parse(row["proof"].encode("utf-8"))
        entry = entries.get(proof.checkpoint_note)
        event = decode_event(raw)
        if entry is None or event.id in events:
            raise VerificationError("the document's proofs do not hold")
        note = entry.commit.note
        verify_inclusion(proof.index, note.count, leaf_hash(raw), proof.hashes, note.root)
        _check_author(event, entry)
        events[event.id], accepted[event.id] = event, entry.accepted
    return events, accepted


def _check_author(event: Event, entry: Entry) -> None:
    note = entry.commit.note
    name = f"{note.origin}/a/{event.by}"
    if not any(s.name == name and s.capacity == event.role for s in note.signers):
        raise VerificationError("the document's proofs do not hold")


def _check_signatures(origin: str, entries: Iterable[Entry], events: Sequence[Event]) -> None:
    keys: dict[tuple[str, str], Key] = enrolled_keys(events)

    def public(name: str, key_id: bytes) -> bytes:
        key = keys.get((name, key_id.hex()))
        if key is None or key.kind != "ed25519":
            raise LookupError(name)
        return unb64url(key.public)

    for entry in entries:
        if entry.commit.note.origin != origin:
            raise VerificationError("the document's proofs do not hold")
        entry.commit.verify_signatures(public)

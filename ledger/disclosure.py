r"""Single sealed fields of an event, shown to somebody who has nothing but the ledger's key.

An opening file is one canonical JSON object (keys sorted, no spaces, UTF-8, one newline at the
end), at most 4 MiB:

    muniment     "opening/1"
    accepted     when the ledger accepted the entry: "YYYY-MM-DDTHH:MM:SS.mmmZ"
    event        the event's bytes
    event_proof  C2SP tlog-proof that the event is in its commit: its checkpoint is the signed
                 commit note, byte for byte
    entry_proof  C2SP tlog-proof that the entry is in the ledger, against a checkpoint with the
                 one signature of the ledger's key
    fields       for each field shown, sorted by path:
                 path, value   as they were sealed
                 r             64 hex digits: what blinds its commitment (`ledger.sealing`)
                 way           from the commitment to the root that the event names: "left:" or
                               "right:" and the 64 hex digits of the hash on that side

How many fields there are and which place this one has is not said: the event commits to its root
only, so a number would be a claim that nobody can check. Of the fields not shown the file holds
hashes at most, and of the seed nothing.

What a valid field proves: the ledger with this key accepted, by that time, an event that committed
to exactly this text under this path. Who signed is named as the commit says it; whether their keys
were good is for an evidence bundle to show.

>>> commit = commitment("example.com", "record-…/1", "title", bytes(32), "保洁合同")
>>> root = node_hash(leaf_hash(commit), bytes(32))
>>> field = Shown("title", "00" * 32, "保洁合同", ("right:" + "00" * 32,))
>>> check_field("example.com", "record-…/1", root, field)
>>> check_field("example.com", "record-…/1", root, msgspec.structs.replace(field, value="别的合同"))
Traceback (most recent call last):
ledger.errors.VerificationError: the event committed to another text, or under another path

The steps of `verify_opening`: 1 the file is canonical; 2 the checkpoint is signed by the key
trusted, and by nobody else; 3 the entry is in the ledger's tree; 4 the event is in the commit of
that entry, and the commit is for this ledger; 5 the event is canonical and has sealed fields; 6
each field leads to the root that the event names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from domain.values import Event, malformed, topic_of
from ledger.errors import DataError, EncodingError, VerificationError
from ledger.evidence import decode_event
from ledger.sealing import Opening, commitment
from ledger.tlog.checkpoint import open_checkpoint
from ledger.tlog.commit import CommitNote, Entry, SignedCommit
from ledger.tlog.merkle import leaf_hash, node_hash, verify_inclusion
from ledger.tlog.note import Note, VerifierKey
from ledger.tlog.proof import TlogProof

FORMAT: Final = "opening/1"
MAX_BYTES: Final = 4 << 20
MAX_WAY: Final = 12  # a payload has at most 4,096 fields

_HASH: Final = re.compile("[0-9a-f]{64}")
_encoder: Final = msgspec.json.Encoder(order="sorted")


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field as an opening file has it; see the module."""

    path: str
    r: str
    value: str
    way: tuple[str, ...]

    def __repr__(self) -> str:
        """Without what it shows."""
        return f"<Shown with a way of {len(self.way)}>"


class OpeningFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an opening file holds; reading it proves nothing."""

    accepted: str
    event: str
    event_proof: str
    entry_proof: str
    fields: tuple[Shown, ...]
    muniment: Literal["opening/1"] = FORMAT

    def format(self) -> bytes:
        """The bytes of the file."""
        return _encoder.encode(self) + b"\n"

    def __repr__(self) -> str:
        """Without what it shows."""
        return f"<OpeningFile of {len(self.fields)} fields>"


_decoder: Final = msgspec.json.Decoder(OpeningFile)


class Verdict(NamedTuple):
    """Whether a field is what the event committed to; `cause`: why not, empty if it is."""

    path: str
    value: str
    cause: str

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.cause


class OpeningReport(NamedTuple):
    """What an opening file shows. `signers`: key name, key id and capacity, as the commit says."""

    event: str
    topic: str
    by: str
    entry: int
    accepted: str
    signers: tuple[tuple[str, str, str], ...]
    fields: tuple[Verdict, ...]

    @property
    def valid(self) -> bool:
        """Whether every field is."""
        return all(field.valid for field in self.fields)


def shown(opening: Opening, size: int) -> Shown:
    """A field's opening as the file has it; `size`: how many fields the payload has."""
    way, index, last = [], opening.index, size - 1
    for digest in opening.proof:  # RFC 9162, 2.1.3.2: on which side each hash stands
        if index % 2 or index == last:
            way.append(f"left:{digest.hex()}")
            while index and index % 2 == 0:
                index, last = index >> 1, last >> 1
        else:
            way.append(f"right:{digest.hex()}")
        index, last = index >> 1, last >> 1
    return Shown(opening.path, opening.r.hex(), opening.value, tuple(way))


def parse_opening(data: bytes) -> OpeningFile:
    """Read an opening file; exact inverse of `format`. Raises `VerificationError`."""
    if len(data) > MAX_BYTES:
        raise VerificationError("the opening file is larger than an opening file can be")
    try:
        found = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise VerificationError("this is not an opening file of the form opening/1") from None
    paths = [field.path for field in found.fields]
    if found.format() != data or not paths or paths != sorted(set(paths)):
        raise VerificationError("the opening file is not in its canonical form")
    return found


def verify_opening(data: bytes, trust: VerifierKey) -> OpeningReport:
    """Check an opening file against the ledger's key as the reader knows it.

    A field that the event did not commit to is told of with its cause. Raises `VerificationError`
    if nothing in the file can be relied on: steps 1 to 5 of the module.
    """
    found = parse_opening(data)  # step 1
    try:
        entry, commit = _entry(found, trust)
        event = _event(found, commit)
    except DataError as error:
        raise VerificationError(error.message) from None
    if not event.sealed:  # step 5
        raise VerificationError("the event has no sealed fields")
    root = bytes.fromhex(event.sealed.root)
    verdicts = (Verdict(f.path, f.value, _cause(commit.origin, event.id, root, f))
                for f in found.fields)  # fmt: skip
    signers = tuple((line.name, line.key_id.hex(), line.capacity) for line in commit.signers)
    return OpeningReport(
        event.id, topic_of(event), event.by, entry, found.accepted, signers, tuple(verdicts)
    )


def _entry(found: OpeningFile, trust: VerifierKey) -> tuple[int, CommitNote]:
    """Steps 2 and 3: the index of the entry, and what its commit says."""
    proof = _proof(found.entry_proof)
    opened = open_checkpoint(proof.checkpoint_note, [trust])
    if len(Note.parse(proof.checkpoint_note).signatures) != 1:
        raise VerificationError("the checkpoint has signatures besides the ledger's own")
    head = opened.checkpoint
    note = _proof(found.event_proof).checkpoint_note
    raw = Entry(found.accepted, SignedCommit.parse(note)).format()
    verify_inclusion(proof.index, head.size, leaf_hash(raw), proof.hashes, head.root)
    commit = SignedCommit.parse(note).note
    if commit.origin != head.origin:
        raise VerificationError("the commit is for another ledger")
    return proof.index, commit


def _event(found: OpeningFile, commit: CommitNote) -> Event:
    """Steps 4 and 5: the event, which is in the commit."""
    try:
        raw = found.event.encode("ascii")
    except UnicodeEncodeError:
        raise EncodingError("not_ascii", "the event is not ASCII") from None
    proof = _proof(found.event_proof)
    verify_inclusion(proof.index, commit.count, leaf_hash(raw), proof.hashes, commit.root)
    event = decode_event(raw)
    if malformed(event):
        raise VerificationError("the event has a field that is not of its form")
    return event


def _proof(text: str) -> TlogProof:
    proof = TlogProof.parse(text.encode("utf-8", "surrogatepass"))
    if proof.extra is not None:
        raise VerificationError("a proof has extra data, which nothing authenticates")
    return proof


def _cause(origin: str, event_id: str, root: bytes, field: Shown) -> str:
    try:
        check_field(origin, event_id, root, field)
    except VerificationError as error:
        return error.message
    return ""


def check_field(origin: str, event_id: str, root: bytes, field: Shown) -> None:
    """Step 6: check that an event committed to this field, by the root that it names (32 bytes).

    Raises `VerificationError`.
    """
    if not _HASH.fullmatch(field.r) or len(field.way) > MAX_WAY:
        raise VerificationError("the field's opening is not of the form it has")
    blind = bytes.fromhex(field.r)
    try:
        node = leaf_hash(commitment(origin, event_id, field.path, blind, field.value))
    except EncodingError:
        raise VerificationError("the field's opening is not of the form it has") from None
    for step in field.way:
        side, _, digest = step.partition(":")
        if side not in ("left", "right") or not _HASH.fullmatch(digest):
            raise VerificationError("the field's opening is not of the form it has")
        other = bytes.fromhex(digest)
        node = node_hash(other, node) if side == "left" else node_hash(node, other)
    if node != root:
        raise VerificationError("the event committed to another text, or under another path")


def sole_signature(checkpoint: bytes, trust: VerifierKey) -> bytes:
    """A checkpoint note with the line of one key only: nothing in it that is not checked.

    Raises `NoteError` if that key did not sign it.
    """
    note = open_checkpoint(checkpoint, [trust]).note
    named = (trust.name, trust.key_id)
    lines = [line for line in note.signatures if (line.name, line.key_id) == named]
    return Note(note.text, tuple(lines)).format()


def sorted_fields(openings: Iterable[tuple[Opening, int]]) -> Sequence[Shown]:
    """Openings, each with the number of fields of its payload, as a file lists them."""
    return sorted((shown(opening, size) for opening, size in openings), key=lambda f: f.path)

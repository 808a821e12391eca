"""Commits that wait for other signers: drafts as files.

A `.commit` file is one line of canonical JSON (`ledger.tlog.encoding` without its size limit,
keys sorted, bytes as base64), at most 32 MiB:

    {"ciphertexts":{"0":B64},"events":[TEXT],"keys":{KEY ID:{RECIPIENT:B64}},
     "muniment":"draft/v1","note":TEXT,"signatures":[LINE]}

`note` is the unsigned text of a commit note, `signatures` the note lines given so far. Sealed
payloads travel as ciphertext; each data key is encrypted (HPKE, `ledger.privatekey`) to the
ledger and to every signer that has a key of purpose `seal`, under the info
`muniment/draft/v1 <commit id> <data key id>`, so that it opens no other draft. The command line
builds drafts under data keys of their own (`Ledger.build(fresh_keys=True)`): then whoever is to
sign learns nothing of what else the streams hold sealed.
Recipients are named by the key ids of their seal keys.

On a replica of another's ledger (`ledger.effects.replica`) nothing is recorded and nothing is
sealed: what somebody there says becomes a draft, alone or with others, without sealed parts, which
whoever keeps the ledger submits. A draft of one signer has no `until`: it is accepted for as long
as its signer has signed nothing later.

A signer opens, checks every field against the commitments and the root, and signs a parsed commit
note, never loose text. A draft that the ledger has overtaken is refused by name and can be
renewed: same events, new versions, a new note, no signatures.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from domain.actor import ActorState
from domain.commit import judge_commit
from domain.judging import Signer, Statement, World
from domain.ledger import LedgerState
from domain.values import Event, later
from ledger.acting import Acting, Author
from ledger.application import Ledger
from ledger.errors import (
    ConflictError,
    NoteError,
    RefusedError,
    UsageError,
    VerificationError,
)
from ledger.evidence import check_events, enrolled_keys, key_id_of, unb64url
from ledger.facts import LedgerFacts
from ledger.folder import read_limited, write_atomically
from ledger.privatekey import PrivateKey, encrypt_to
from ledger.recorder import Receipt, Submission
from ledger.sealing import open_sealed
from ledger.signing import (
    Cosigner,
    Proposal,
    commit_note,
    encode_all,
    new_salts,
    now,
    seal_fields,
)
from ledger.tlog import ed25519
from ledger.tlog.commit import CommitNote, SignedCommit, sign
from ledger.tlog.note import SignatureLine
from ledger.tree import StoredTree

MAX_DRAFT_BYTES = 32 * 1024 * 1024
_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")


class Draft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft as its file holds it; nothing in it is verified yet."""

    muniment: Literal["draft/v1"] = "draft/v1"
    note: str
    events: list[str]
    ciphertexts: dict[str, bytes]
    keys: dict[str, dict[str, bytes]]
    signatures: list[str]

    @classmethod
    def parse(cls, raw: bytes) -> Draft:
        """Read a draft file; exact inverse of `format`. Raises `NoteError`."""
        if len(raw) > MAX_DRAFT_BYTES:
            raise NoteError("a draft is longer than 32 MiB")
        try:
            draft = _DECODER.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise NoteError("the file is not a draft of this format") from None
        if draft.format() != raw:
            raise NoteError("the draft is not in canonical form")
        return draft

    def format(self) -> bytes:
        """The bytes of the file."""
        return _ENCODER.encode(self) + b"\n"

    @property
    def commit_note(self) -> CommitNote:
        """The note that is to be signed. Raises `NoteError`."""
        return CommitNote.parse(self.note.encode("utf-8"))

    @property
    def states(self) -> list[bytes]:
        """The bytes of the events."""
        return [event.encode("utf-8") for event in self.events]

    @property
    def payloads(self) -> dict[int, bytes]:
        """The sealed payloads by index of the event. Raises `NoteError`."""
        if not all(map(_NUMBER.fullmatch, self.ciphertexts)):
            raise NoteError("the draft's sealed parts are not numbered")
        return {int(name): data for name, data in self.ciphertexts.items()}

    @property
    def lines(self) -> list[SignatureLine]:
        """The signature lines given so far. Raises `NoteError`."""
        return [SignatureLine.parse(line) for line in self.signatures]

    def missing(self) -> list[tuple[str, str]]:
        """Who has not signed yet: (key name, capacity)."""
        given = {(line.name, line.key_id) for line in self.lines}
        signers = self.commit_note.signers
        return [(s.name, s.capacity) for s in signers if (s.name, s.key_id) not in given]


_DECODER = msgspec.json.Decoder(Draft)
_ENCODER = msgspec.json.Encoder(order="sorted")


def read_draft(path: Path) -> Draft:
    """The draft in a file. Raises `NoteError`, or `UsageError` if it cannot be read."""
    try:
        raw = read_limited(path, MAX_DRAFT_BYTES + 1)
    except OSError as error:
        msg = "the draft cannot be read ({cause})"
        raise UsageError(msg, cause=error.strerror) from None
    return Draft.parse(raw)


def write_draft(path: Path, draft: Draft) -> None:
    """Write a draft whole or not at all, mode 0600."""
    write_atomically(path, draft.format())


def make_draft(
    ledger: Ledger,
    acting: Author,
    events: Sequence[Event],
    ciphertexts: Mapping[int, bytes],
    others: Iterable[tuple[str, str]],
    *,
    possession: Sequence[PrivateKey] = (),
) -> Draft:
    """A draft of a commit, signed by its maker (if the key is there) and by keys it enrols.

    `others`: (actor id, capacity) of each further signer; with any, it is valid until the policy's
    `joint_days` are over. Raises `UsageError` for a signer without an active act key.
    """
    cosigners = [_cosigner(ledger, actor, capacity) for actor, capacity in others]
    until = later(now(), days=ledger.policy().limits.joint_days) if cosigners else None
    unsigned = ledger.note_over(
        acting, events, ciphertexts, possession=possession, cosigners=cosigners, until=until
    )
    own = [acting.key] if isinstance(acting, Acting) else []
    lines = [sign(unsigned.note, key) for key in (*own, *possession)]
    return _assemble(ledger, unsigned.note, unsigned.states, ciphertexts, lines)


def refuse_early(ledger: Ledger, draft: Draft) -> None:
    """Ask the rules of a draft that was just made, as if everybody named in it had signed it now.

    What nobody could submit is not given to others to sign. On a replica it is judged by what the
    replica has. The ledger asks again when the draft is submitted. Raises `RefusedError`.
    """
    note = draft.commit_note
    events, _ = check_events(note, draft.states)
    with ledger.engine.connect() as connection:
        facts, head = LedgerFacts(connection), StoredTree(connection).head
        signers = tuple(
            Signer(s.name, s.key_id.hex(), s.capacity, facts.holder_of(s.name))
            for s in note.signers
        )
        said = Statement(
            note.commit_id, head.entries, max(now(), head.accepted), note.seen_size, note.until,
            signers,
        )  # fmt: skip
        refusals = judge_commit(World(facts), facts.policy(), said, events)
    if refusals:
        raise RefusedError(str(refusals[0]), refusals=tuple(refusals))


def author(ledger: Ledger, actor: str) -> Author:
    """In whose name a draft is made that this actor signs elsewhere.

    Raises `UsageError` for an actor without an active act key.
    """
    state = ledger.state(actor)
    key = state.active_key("act") if isinstance(state, ActorState) else None
    if key is None or not isinstance(state, ActorState):
        msg = "{actor} is no actor with an active key"
        raise UsageError(msg, "muniment actor list", actor=actor)
    return Author(actor, key.key.name, key.key.id, state)


def _cosigner(ledger: Ledger, actor: str, capacity: str) -> Cosigner:
    return author(ledger, actor).cosigner(capacity)


def refuse_texts(proposals: Iterable[Proposal]) -> None:
    """Refuse texts that are to be sealed: a replica has no keystore to seal them under.

    Raises `UsageError` naming them.
    """
    named = sorted({path for proposal in proposals for path in proposal.sealed or ()})
    if named:
        raise UsageError(
            "nothing can be sealed on a replica, it has no keystore: {texts}. Nothing was written",
            "leave these texts out; whoever keeps the ledger can say them there",
            texts=", ".join(named),
        )


def _assemble(
    ledger: Ledger,
    note: CommitNote,
    states: Sequence[bytes],
    ciphertexts: Mapping[int, bytes],
    lines: Iterable[SignatureLine],
) -> Draft:
    events, _ = check_events(note, states)
    used = {e.sealed.key for i, e in enumerate(events) if i in ciphertexts and e.sealed}
    recipients = _recipients(ledger, note)
    keys = {
        key_id: {
            name: encrypt_to(public, ledger.keystore.key(key_id), _info(note, key_id))
            for name, public in recipients.items()
        }
        for key_id in sorted(used)
    }
    return Draft(
        note=note.text().decode("utf-8"),
        events=[state.decode("utf-8") for state in states],
        ciphertexts={str(index): data for index, data in ciphertexts.items()},
        keys=keys,
        signatures=[line.format().removesuffix("\n") for line in lines],
    )


def _info(note: CommitNote, key_id: str) -> bytes:
    return f"muniment/draft/v1 {note.commit_id} {key_id}".encode("ascii")


def _recipients(ledger: Ledger, note: CommitNote) -> dict[str, bytes]:
    """Seal keys of the ledger and of every signer that has one, by key id."""
    holders = [ledger.ledger_id, *(signer.name.rpartition("/a/")[2] for signer in note.signers)]
    found: dict[str, bytes] = {}
    for holder in holders:
        state = ledger.state(holder)
        if isinstance(state, ActorState | LedgerState):
            for key in state.keys.values():
                if key.active and key.key.purpose == "seal":
                    found[key.key.id] = unb64url(key.key.public)
    return found


class Opened(Struct, frozen=True):
    """A draft whose events, root and sealed fields have been checked.

    `texts`: the sealed fields by index of the event, where the reader could open them.
    """

    note: CommitNote
    events: list[Event]
    texts: dict[int, dict[str, str]]


def open_draft(ledger: Ledger, draft: Draft, seal_key: PrivateKey | None) -> Opened:
    """Check a draft against its own root, commitments and signatures, and open its sealed parts.

    The state that its signers are to have seen must be one that this ledger, a continuation of
    every pin, has had. `seal_key`: the reader's; without it sealed parts stay closed. Raises
    `DataError` or `VerificationError` for a draft that is not what its note says.
    """
    note = draft.commit_note
    if note.origin != ledger.origin:
        msg = "the draft is for another ledger"
        raise VerificationError(msg)
    if ledger.folder.replica and note.seen_size > ledger.seen()[0]:
        raise ConflictError(
            "the draft was made when the ledger had {size} entries, and this replica has {here}",
            "muniment replica take COPY DIR, with a newer copy",
            size=note.seen_size,
            here=ledger.seen()[0],
        )
    if not ledger.has_seen(note.seen_size, note.seen_root):
        raise VerificationError("the draft speaks of a state that this ledger never had")
    events, _ = check_events(note, draft.states)
    _check_signatures(ledger, draft, note, events)
    payloads = draft.payloads
    texts: dict[int, dict[str, str]] = {}
    for index, event in enumerate(events):
        has = bool(event.sealed) and isinstance(event.sealed.digest, str)  # type: ignore[union-attr]
        if has != (index in payloads):
            msg = "the sealed part of {event} is missing or not asked for"
            raise VerificationError(msg, event=event.id)
        if has and seal_key is not None:
            texts[index] = _open_part(ledger, draft, event, payloads[index], seal_key)
    if set(payloads) - set(range(len(events))):
        raise VerificationError("the draft has sealed parts without an event")
    return Opened(note, events, texts)


def _check_signatures(
    ledger: Ledger, draft: Draft, note: CommitNote, events: Sequence[Event]
) -> None:
    """Every signature given so far is one over this note, by the key that it names."""
    brought = enrolled_keys(events)
    for line in draft.lines:
        named = (line.name, line.key_id.hex())
        key = ledger.key(*named) or brought.get(named)
        if key is None or named not in {(s.name, s.key_id.hex()) for s in note.signers}:
            raise NoteError("the draft bears a signature by a key that it does not name")
        ed25519.verify(unb64url(key.public), line.signature, note.text())


def _open_part(
    ledger: Ledger, draft: Draft, event: Event, ciphertext: bytes, seal_key: PrivateKey
) -> dict[str, str]:
    ref = event.sealed
    assert ref  # the caller has looked
    mine = key_id_of(seal_key.kind, seal_key.name, seal_key.public)
    wrapped = draft.keys.get(ref.key, {}).get(mine)
    if wrapped is None:
        msg = "the sealed part of {event} is not encrypted to you"
        raise VerificationError(msg, "ask the maker of the draft to renew it", event=event.id)
    key = seal_key.decrypt(wrapped, _info(draft.commit_note, ref.key))
    return open_sealed(ledger.origin, event.id, ref, ciphertext, key)


def check_current(ledger: Ledger, opened: Opened) -> None:
    """Refuse a draft that the ledger has overtaken, by the name of what has moved on.

    Raises `ConflictError`.
    """
    expected: dict[str, int] = {}
    for event in opened.events:
        if event.stream not in expected:
            state = ledger.state(event.stream)
            expected[event.stream] = state.version if state is not None else 0
        expected[event.stream] += 1
        if event.version != expected[event.stream]:
            msg = "the draft is stale: {stream} has moved on to {version}"
            raise ConflictError(
                msg,
                "muniment draft renew FILE",
                stream=event.stream,
                version=expected[event.stream] - 1,
            )
    until = opened.note.until
    if until is not None and now() > until:
        msg = "the draft expired at {until}"
        raise ConflictError(msg, "muniment draft renew FILE", until=until)


def add_signature(draft: Draft, key: PrivateKey) -> Draft:
    """The draft with this key's signature; signing twice changes nothing.

    Raises `NoteError` if the note does not name the key.
    """
    line = sign(draft.commit_note, key)
    text = line.format().removesuffix("\n")
    if text in draft.signatures:
        return draft
    return msgspec.structs.replace(draft, signatures=[*draft.signatures, text])


def submit(ledger: Ledger, draft: Draft) -> Receipt:
    """Record a draft that everybody named has signed.

    Raises `UsageError` naming who has not signed, `ConflictError` for a stale draft, and what
    `Ledger.record` raises.
    """
    missing = draft.missing()
    if missing:
        names = ", ".join(f"{name} ({capacity})" for name, capacity in missing)
        msg = "the draft still lacks the signature of {names}; nothing was recorded"
        raise UsageError(msg, "muniment sign FILE", names=names)
    signed = SignedCommit.assemble(draft.commit_note, draft.lines)
    events, _ = check_events(signed.note, draft.states)
    for event in events:
        if event.sealed and ledger.keystore.state(event.sealed.key) != "present":
            msg = "the data key of {event} is not in this ledger's keystore"
            raise UsageError(msg, "renew the draft where the ledger is", event=event.id)
    return ledger.record(events, Submission(signed, draft.states, draft.payloads))


def renew(ledger: Ledger, acting: Acting, draft: Draft, seal_key: PrivateKey) -> Draft:
    """The same events at their streams' present versions, under a new note; signed by `acting`.

    `acting` must be the author of the events. Raises `UsageError` otherwise.
    """
    opened = open_draft(ledger, draft, seal_key)
    if enrolled_keys(opened.events):
        raise UsageError(
            "a draft that enrols a key cannot be renewed: the new key must sign again",
            "muniment key enrol; muniment draft void FILE",
        )
    if {event.by for event in opened.events} != {acting.actor}:
        raise UsageError("only the author of the events renews a draft", "--as ACTOR")
    versions: dict[str, int] = {}
    events: list[Event] = []
    ciphertexts: dict[int, bytes] = {}
    for index, (event, salt) in enumerate(
        zip(opened.events, new_salts(len(opened.events)), strict=True)
    ):
        if event.stream not in versions:
            state = ledger.state(event.stream)
            versions[event.stream] = state.version if state is not None else 0
        version = versions[event.stream] = versions[event.stream] + 1
        fields: dict[str, Any] = {"version": version, "salt": salt}
        if index in opened.texts and event.sealed:
            key_id = event.sealed.key
            fields["sealed"], ciphertexts[index] = seal_fields(
                ledger.origin, f"{event.stream}/{version}", opened.texts[index], key_id,
                ledger.keystore.key(key_id),
            )  # fmt: skip
        events.append(msgspec.structs.replace(event, **fields))
    states = encode_all(events)
    until = None
    if opened.note.until is not None:
        until = later(now(), days=ledger.policy().limits.joint_days)
    signers = [Cosigner(s.name, s.key_id, s.capacity) for s in opened.note.signers]
    note = commit_note(ledger.origin, states, ledger.seen(), signers, until, os.urandom(16).hex())
    return _assemble(ledger, note, states, ciphertexts, [sign(note, acting.key)])

"""The note of one entry: is it well formed, and did those sign it whom it names, with their keys.

A key may sign if it was enrolled by an earlier entry and had not ended before this one. Proofs of
possession may be made with a key that an event of the same commit enrols, and entry 0 leans on
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, cast

from domain import TOPICS
from domain.ledger import LedgerKeyRotated
from domain.values import Event, Key
from ledger.errors import DataError, NoteError
from ledger.evidence import check_signers, enrolled_keys, unb64url
from ledger.findings import Findings
from ledger.keyhistory import KeyHistory
from ledger.tlog import ed25519
from ledger.tlog.commit import MAX_COUNT, POSSESSION, CommitNote, Entry

CommitRow = tuple[int, int, int, bytes, bytes, bytes]
"""entry, first, count, id (16 bytes), data, leaves: a row of `commits`."""

_ENROLLING: Final = frozenset(kind for kind in TOPICS.values() if hasattr(kind, "enrolled_keys"))

_KEY_CAUSES: Final[Mapping[str, str]] = {
    "key_signs_twice": "the public key of another signer of the same commit",
    "key_unknown": "no event enrols this key; what it signed from here on was not checked",
    "key_not_yet_enrolled": "the key acts in the commit that enrols it",
    "key_not_for_acts": "the key was enrolled for another purpose",
    "key_rotated_before": "the key had been replaced before entry {entry}",
    "key_revoked_before": "the key had been revoked before entry {entry}",
    "key_compromised_before": "the key had been reported as compromised before entry {entry}",
}


class Commit(NamedTuple):
    """An entry being checked: where it stands, what was parsed of it (None: malformed)."""

    index: int
    first: int
    count: int
    row: CommitRow
    entry: Entry | None

    @property
    def note(self) -> CommitNote | None:
        """The parsed note."""
        return self.entry.commit.note if self.entry else None


class NoteCheck:
    """Checks the notes of entries in order."""

    def __init__(self, findings: Findings, keys: KeyHistory, origin: str) -> None:
        self._findings = findings
        self._keys = keys
        self._origin = origin
        self._unknown: set[tuple[str, bytes]] = set()
        self.accepted = ""
        """The accepted time of the last entry that could be read."""

    def parse(self, first: int, row: CommitRow) -> Entry | None:
        """The entry that a row holds; None, and a finding, if it holds none."""
        try:
            return Entry.parse(row[4])
        except DataError as error:
            in_note = row[4].startswith(b"accepted ") and row[4][33:34] == b"\n"
            self._findings.add(
                "note_malformed" if in_note else "entry_malformed",
                "note" if in_note else "entry",
                position=first, actual=sha256(row[4]).digest(), cause=error.message,
            )  # fmt: skip
            return None

    def _time(self, first: int, accepted: str) -> None:
        if accepted < self.accepted:
            self._findings.add(
                "clock_regression", "entry", position=first, expected=self.accepted,
                actual=accepted, cause="accepted before the entry that it follows",
            )  # fmt: skip
        self.accepted = accepted

    def check(self, commit: Commit, events: Sequence[Event | None]) -> bool:
        """Check who signed, and when it was accepted.

        `events`: those whose bytes can be relied on. False if the note is not what was signed.
        """
        entry, first = commit.entry, commit.first
        if entry is None:
            return False
        note = entry.commit.note
        if note.origin != self._origin:
            self._findings.add(
                "origin_foreign", "note", position=first, expected=self._origin,
                actual=note.origin, cause="signed for another ledger",
            )  # fmt: skip
        known = [event for event in events if event is not None and type(event) in _ENROLLING]
        enrolled = enrolled_keys(known)
        data = commit.row[4]
        text = data[data.index(b"\n") + 1 : data.index(b"\n\n") + 1]
        publics = set()
        sound = True
        for signer, line in zip(note.signers, entry.commit.signatures, strict=True):
            mine = enrolled.get((signer.name, signer.key_id.hex()))
            public = self._public(commit, signer.name, signer.key_id, signer.capacity, mine)
            if public is None:
                continue
            try:
                ed25519.verify(public, line.signature, text)
            except NoteError as error:
                sound = False
                self._findings.add(
                    "signature_invalid", "note", position=first,
                    stream=self._keys.holder_of(signer.name) or None, actual=signer.key_id,
                    cause=error.message,
                )  # fmt: skip
            if public in publics:
                self._key_finding("key_signs_twice", commit, signer.name, signer.key_id)
            publics.add(public)
        if sound:
            self._time(first, entry.accepted)
        if sound and enrolled:
            self._enrolment(commit, known)
        return sound

    def verified(self, commit: Commit) -> bool:
        """Whether all signatures of a sound note could be checked."""
        signers = commit.note.signers if commit.note else ()
        return self._unknown.isdisjoint((signer.name, signer.key_id) for signer in signers)

    def _public(
        self, commit: Commit, name: str, identity: bytes, capacity: str, mine: Key | None
    ) -> bytes | None:
        """The public key of a signer; None, and a finding, if it is not known."""
        if mine is not None and (capacity == POSSESSION or commit.index == 0):
            return _raw(mine)
        key = self._keys.find(name, identity)
        if key is None:
            if mine is not None:
                self._key_finding("key_not_yet_enrolled", commit, name, identity)
            elif (name, identity) not in self._unknown:
                self._unknown.add((name, identity))
                if not self._keys.excused(name):
                    self._key_finding("key_unknown", commit, name, identity)
            return None
        if not key.state.active:
            self._key_finding(f"key_{key.state.condition}_before", commit, name, identity)
        if capacity != POSSESSION:
            if key.state.key.purpose != "act":
                self._key_finding("key_not_for_acts", commit, name, identity)
            self._keys.used(key, commit.index, commit.first)
        return key.public

    def _key_finding(self, code: str, commit: Commit, name: str, identity: bytes) -> None:
        self._findings.add(
            code, "key", position=commit.first, stream=self._keys.holder_of(name) or None,
            actual=identity, cause=_KEY_CAUSES[code].format(entry=commit.index),
        )  # fmt: skip

    def _enrolment(self, commit: Commit, events: Sequence[Event]) -> None:
        """Every key being enrolled is proved to be held; a ledger key is followed by the old."""

        def key_of(name: str, identity: str) -> Key | None:
            known = self._keys.find(name, bytes.fromhex(identity))
            return known.state.key if known else None

        signed = cast("Entry", commit.entry).commit
        try:
            check_signers(signed, events, key_of)
        except (DataError, ValueError) as error:
            cause = error.message if isinstance(error, DataError) else "not base64url"
            self._findings.add("enrolment_invalid", "key", position=commit.first, cause=cause)
        named = {(signer.name, signer.key_id.hex()) for signer in signed.note.signers}
        for event in events:
            for key in enrolled_keys([event]).values():
                if key.kind == "ed25519" and (key.name, key.id) not in named:
                    self._findings.add(
                        "enrolment_invalid", "key", position=commit.first, stream=event.stream,
                        actual=key.id, cause="nobody proved to hold the key being enrolled",
                    )  # fmt: skip
            if isinstance(event, LedgerKeyRotated) and (self._origin, event.old_key) not in named:
                self._findings.add(
                    "rotation_not_signed", "key", position=commit.first, stream=event.stream,
                    expected=event.old_key, cause="the old ledger key did not sign",
                )  # fmt: skip


def majority(entry: Entry | None, row: CommitRow) -> int:
    """How many events the commit has; note, column and leaf hashes each have a say."""
    votes = [row[2], len(row[5]) // 32 or 1]
    if entry is not None:
        votes.insert(0, entry.commit.note.count)
    votes = [vote for vote in votes if 0 < vote <= MAX_COUNT] or [1]
    return max(votes, key=votes.count)


def _raw(key: Key) -> bytes:
    try:
        return unb64url(key.public)
    except ValueError:
        return b""

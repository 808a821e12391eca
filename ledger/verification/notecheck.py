"""The note of one entry: is it well formed, and did those sign it whom it names, with their keys.

A key may sign if it was enrolled by an earlier entry and had not ended before this one. Proofs of
possession may be made with a key that an event of the same commit enrols, and entry 0 leans on
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct

from domain import TOPICS
from domain.ledger import LedgerKeyRotated
from domain.values import Event, Key
from ledger.errors import DataError, NoteError
from ledger.evidence import check_signers, enrolled_keys, unb64url
from ledger.tlog import ed25519
from ledger.tlog.commit import MAX_COUNT, POSSESSION, CommitNote, Entry, SignerLine
from ledger.verification.findings import Findings
from ledger.verification.keyhistory import KeyHistory, KnownKey
from ledger.verification.ranges import Passed
from ledger.verification.rows import CommitRow

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


class Commit(Struct, frozen=True):
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


class _Signer(Struct):
    """One signer line: its public key, the enrolled key that acts with it, what is wrong."""

    line: SignerLine
    public: bytes | None
    acting: KnownKey | None
    problems: list[str]


class NoteCheck:
    """Checks the notes of entries in order."""

    def __init__(self, findings: Findings, keys: KeyHistory, origin: str) -> None:
        self._findings = findings
        self._keys = keys
        self._origin = origin
        self._unknown: set[tuple[str, bytes]] = set()
        self.accepted = ""
        """The accepted time of the last entry that could be read."""
        self.verified = False
        """Whether all signatures of the last note were checked and hold."""

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
        self.verified = False
        if entry is None:
            return False
        note = entry.commit.note
        if note.origin != self._origin:
            self._findings.add(
                "origin_foreign", "note", position=first, expected=self._origin,
                actual=note.origin, cause="signed for another ledger",
            )  # fmt: skip
        known: list[Event] = []
        if not _ENROLLING.isdisjoint(map(type, events)):
            known = [e for e in events if e is not None and type(e) in _ENROLLING]
        enrolled = enrolled_keys(known)
        data = commit.row[4]
        text = data[data.index(b"\n") + 1 : data.index(b"\n\n") + 1]
        publics: set[bytes] = set()
        signers: list[_Signer] = []
        sound = True
        for signer, line in zip(note.signers, entry.commit.signatures, strict=True):
            mine = enrolled.get((signer.name, signer.key_id.hex()))
            found = self._signer(commit.index, signer, mine)
            signers.append(found)
            if found.public is None:
                continue
            try:
                ed25519.verify(found.public, line.signature, text)
            except NoteError as error:
                sound = False
                self._findings.add(
                    "signature_invalid", "note", position=first,
                    stream=self._keys.holder_of(signer.name) or None, actual=signer.key_id,
                    cause=error.message,
                )  # fmt: skip
            if found.public in publics:
                found.problems.append("key_signs_twice")
            publics.add(found.public)
        self.verified = sound and all(found.public is not None for found in signers)
        if sound:  # else what the note says about its signers is not what they signed
            self._time(first, entry.accepted)
            for found in signers:
                self._signed(commit.index, first, found)
            if enrolled and len(publics) == len(signers):
                self._enrolment(commit, entry, known)
        return sound

    def _signer(self, index: int, line: SignerLine, mine: Key | None) -> _Signer:
        """Who a signer is; `mine`: the key of that name and id that this commit enrols."""
        acting = line.capacity != POSSESSION
        if mine is not None and (not acting or index == 0):
            return _Signer(line, _raw(mine), None, [])
        key = self._keys.find(line.name, line.key_id)
        if key is None:
            return _Signer(line, None, None, ["key_not_yet_enrolled" if mine else "key_unknown"])
        problems = [] if key.state.active else [f"key_{key.state.condition}_before"]
        if acting and key.state.key.purpose != "act":
            problems.append("key_not_for_acts")
        return _Signer(line, key.public, key if acting else None, problems)

    def passed(self, one: Passed) -> bool:
        """Check of a note what depends on earlier entries.

        False, and nothing done, if other keys are enrolled than its signatures were checked with.
        """
        signers: list[_Signer] = []
        publics: set[bytes] = set()
        for name, identity, capacity, public in one.signatures:
            found = self._signer(one.entry, SignerLine(name, identity, capacity), None)
            if found.public != public:
                return False
            if public in publics:
                found.problems.append("key_signs_twice")
            publics.add(public)
            signers.append(found)
        self.verified = True
        self._time(one.first, one.accepted)
        for found in signers:
            self._signed(one.entry, one.first, found)
        return True

    def _signed(self, index: int, first: int, signer: _Signer) -> None:
        """Report what is wrong about a signer, or remember what the key signed."""
        if signer.acting is not None:
            self._keys.used(signer.acting, index, first)
        name, identity = signer.line.name, signer.line.key_id
        for code in signer.problems:
            if code == "key_unknown":
                if (name, identity) in self._unknown:
                    continue  # reported where it was first met
                self._unknown.add((name, identity))
                if self._keys.excused(name):
                    continue
            self._key_finding(code, index, first, name, identity)

    def _key_finding(self, code: str, index: int, first: int, name: str, identity: bytes) -> None:
        self._findings.add(
            code, "key", position=first, stream=self._keys.holder_of(name) or None,
            actual=identity, cause=_KEY_CAUSES[code].format(entry=index),
        )  # fmt: skip

    def _enrolment(self, commit: Commit, entry: Entry, events: Sequence[Event]) -> None:
        """Every key being enrolled is proved to be held; a ledger key is followed by the old."""

        def key_of(name: str, identity: str) -> Key | None:
            known = self._keys.find(name, bytes.fromhex(identity))
            return known.state.key if known else None

        signed = entry.commit
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

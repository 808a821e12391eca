"""Steps 5 to 8: entry by entry, whether what is shown was signed, by whom, and accepted.

Entries come in order, and the keys that may sign one follow from those before (`history`). An event
that is withheld is proved by its leaf hash alone: that it is in the commit and that everybody named
signed it, but not what it says, nor that it is the one that its place calls it.
"""

from __future__ import annotations

from itertools import groupby
from typing import Dict, List, Set, Tuple

from . import notes
from .contents import Contents, Shipped, entry_file, entry_proof
from .events import Event
from .findings import Findings, Flaw
from .history import History, enrolled_keys
from .lineage import check_in_commit
from .merkle import EMPTY_ROOT, leaf_hash, verify_inclusion
from .report import FAILS, HOLDS, UNDECIDED
from .states import States, Verify, check_signature


class Walk:
    """One walk over the entries of a bundle; `entries`: those that are in the ledger."""

    def __init__(
        self, contents: Contents, findings: Findings, origin: str, head: notes.Head, verify: Verify
    ) -> None:
        self._contents, self._findings, self._verify = contents, findings, verify
        self._origin, self._head = origin, head
        self.states = States(contents, head, findings)
        self.history = History(origin)
        self.entries: Dict[int, notes.Entry] = {}
        self.seen: Dict[int, int] = {}
        """By entry, the size that its signers had seen, if that is proved a prefix."""
        self.read_all = True
        """Whether everything that speaks of states could be read."""
        self._enrolled_anywhere = _enrolments(contents.shipped)
        # Of a period only some streams come whole; keys follow from no others.
        self._whole = {one.stream for one in contents.shipped if one.version == 1}

    def run(self) -> None:
        """Steps 5 to 8."""
        accepted, seen = "", {0: EMPTY_ROOT}
        groups = {
            index: list(group)
            for index, group in groupby(self._contents.shipped, key=lambda one: one.entry)
        }
        for index in sorted(self._contents.entries()):
            group = groups.get(index, [])
            entry = self._entry(index)  # step 5
            if entry is None:
                self.read_all = False
                for one in group:
                    one.answer = FAILS
                continue
            self.entries[index] = entry
            if entry.accepted < accepted:
                self._findings.add("clock_regression", file=entry_file(index), expected=accepted,
                         actual=entry.accepted)  # fmt: skip
            accepted = entry.accepted
            self._seen(index, entry.commit, seen)
            for one in group:
                self._event(one, entry)  # step 6
            if group:
                self._signatures(index, entry, group)  # step 7
                self._fold(index, entry, group)  # step 8
        self._compromised()

    # -- step 5

    def _entry(self, index: int) -> notes.Entry | None:
        """The entry with this index, if it is one of the ledger under the checkpoint."""
        file, proof_file = entry_file(index), entry_proof(index)
        data = self._contents.file(file, "entry_missing")
        proof_data = self._contents.file(proof_file, "entry_missing")
        if data is None or proof_data is None:
            return None
        try:
            entry = notes.parse_entry(data)
        except ValueError:
            self._findings.add("entry_malformed", file=file)
            return None
        try:
            proof = notes.parse_proof(proof_data)
        except ValueError:
            self._findings.add("entry_proof_malformed", file=proof_file)
            return None
        if proof.leaf != index or proof.note != self._contents.checkpoint:
            self._findings.add("entry_proof_differs", file=proof_file)
            return None
        head = self._head
        try:
            verify_inclusion(index, head.size, leaf_hash(data), proof.hashes, head.root)
        except ValueError:
            self._findings.add("entry_not_in_ledger", file=file)
            return None
        if entry.commit.origin != self._origin:
            self._findings.add("entry_foreign", file=file)
            return None
        return entry

    def _seen(self, index: int, commit: notes.Commit, seen: Dict[int, bytes]) -> None:
        size, root, file = commit.seen_size, commit.seen_root, entry_file(index)
        if size > index or (size == 0) != (index == 0):
            self._findings.add("seen_out_of_range", file=file, actual=size)
            return
        if seen.setdefault(size, root) != root:
            self._findings.add("seen_contradicts", file=file, expected=seen[size], actual=root)
        if self.states.cite(size, root, file):
            self.seen[index] = size

    # -- step 6

    def _event(self, one: Shipped, entry: notes.Entry) -> None:
        """Step 6: whether these bytes are an event of the commit, said by one of its signers."""
        if one.flaw:
            self._findings.add(one.flaw, event=one.claimed)
            return
        try:
            if one.read is not None and one.read.id != one.claimed:
                self._findings.add("derived_differs", event=one.claimed)
            check_in_commit(self._contents, one, entry)
            if one.read is not None:
                self._author(one.read, entry.commit)
        except Flaw as flaw:
            self._findings.add(flaw.code, event=one.claimed)
        else:
            one.event = one.read
            one.sound = one.read is None or one.read.id == one.claimed

    def _author(self, event: Event, commit: notes.Commit) -> None:
        name = f"{self._origin}/a/{event.by}"
        if not any(s.name == name and s.capacity == event.role for s in commit.signers):
            raise Flaw("author_did_not_sign")

    # -- step 7

    def _signatures(self, index: int, entry: notes.Entry, group: List[Shipped]) -> None:
        """Step 7: everybody named signed, with a key that could sign this entry."""
        commit = entry.commit
        enrolling: Dict[Tuple[str, str], Dict[str, str]] = {}
        publics: List[bytes] = []
        for one in group:
            if one.event is not None:
                try:
                    keys = enrolled_keys(one.event)
                except Flaw:
                    continue  # told in step 8
                enrolling.update(((key["name"], key["id"]), key) for key in keys)
        answer = HOLDS
        for signer, line in zip(commit.signers, commit.lines):
            try:
                public = self.history.signer(index, signer, enrolling)
                check_signature(self._verify, public, line.signature, commit.text)
                publics.append(public)
            except Flaw as flaw:
                code = flaw.code
                known = (signer.name, signer.key_id.hex()) in self._enrolled_anywhere
                if code == "key_unknown" and known:
                    code = "key_not_yet_enrolled"
                self._findings.add(code, file=entry_file(index), actual=signer.key_id)
                unknown = code == "key_unknown" and answer != FAILS
                answer = UNDECIDED if unknown else FAILS
        if len(set(publics)) < len(publics):
            self._findings.add("key_signs_twice", file=entry_file(index))
            answer = FAILS
        for one in group:
            one.answer = answer if one.sound else FAILS
            one.sound = one.sound and answer == HOLDS
            if one.raw is None and one.answer == HOLDS:
                one.answer = UNDECIDED  # nobody can see what it says

    # -- step 8

    def _fold(self, index: int, entry: notes.Entry, group: List[Shipped]) -> None:
        """Step 8: what is genuine so far advances the key history."""
        taken = [(one, one.event) for one in group if one.sound and one.stream in self._whole]
        sound = [(one, event) for one, event in taken if event is not None]
        events = [event for _, event in sound]
        for at, flaw in self.history.fold(index, entry.accepted, entry.commit, events):
            one, _ = sound[at]
            self._findings.add(flaw.code, event=one.claimed)
            one.answer = FAILS
        self.history.signed(index, entry.commit)

    def _compromised(self) -> None:
        """Step 8: what was signed since a key was suspected, and before that was reported."""
        disputed: Dict[int, str] = {}
        for key in self.history.enrolled():
            for index in key.signed if key.suspected_since else ():
                if self.entries[index].accepted >= key.suspected_since and index != key.until:
                    disputed[index] = key.id
        for one in self._contents.shipped:
            if one.entry in disputed and one.answer == HOLDS:
                one.answer = UNDECIDED
                self._findings.add("key_compromised", event=one.claimed, actual=disputed[one.entry])


def _enrolments(shipped: List[Shipped]) -> Set[Tuple[str, str]]:
    """The keys, by name and id, that any event claims to enrol, wherever it stands."""
    found: Set[Tuple[str, str]] = set()
    for one in shipped:
        try:
            keys = enrolled_keys(one.read) if one.read is not None else []
        except Flaw:
            continue
        found.update((key["name"], key["id"]) for key in keys)
    return found

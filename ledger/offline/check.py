"""Is an evidence bundle genuine: the numbered steps, from a container of bytes to a report.

What must be given is the ledger's public key as the reader knows it; nothing is trusted because it
lies in the bundle. No input leads to an exception: what is wrong becomes a finding.

     1  container: canonical zip or clean folder, within limits (`bag`)
     2  bag: manifests complete in both directions, every digest; the files of the layout
     3  exporter's note: over these manifests, this scope and checkpoint, signed by the key that it
        names, which the key history shows as somebody's act key, not ended
     4  checkpoint: of the trusted key's ledger, signed by the trusted key or by one that follows
        it by rotations shown in the bundle, in force at this size
     5  entries: canonical, for this ledger, under the checkpoint by their proofs; accepted times do
        not go back; `seen` is a size that the ledger had, and has one root
     6  events: canonical, in the commit by their proofs; the author signed, in the role
     7  signatures: everybody named signed, with a key enrolled before (entry 0: in it), not ended,
        for acts; nobody else signed, and no key twice
     8  key history: see `history`; what was signed in the time for which a key was reported as
        compromised, by accepted times, is disputed
     9  streams: each from version 1 without gap or repeat, in the order of entries
    10  scope.json, keys.json, policy packs and software.json say what was derived

The verdict is `valid` if the claims of steps 1 to 10 hold; else `invalid` if anything is not what
was signed, `unverifiable` if something needed is missing, and `disputed` if only compromised keys
stand against it.
"""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any, Callable, Dict, List, Set, Tuple

from . import ed25519, notes
from .bag import (
    EXPORTER_NOTE,
    INFO,
    MANIFEST,
    MAX_ZIP_BYTES,
    TAG_MANIFEST,
    Bag,
    check_bag,
    identifier,
    read_folder,
    read_zip,
)
from .contents import (
    FORMAT,
    POLICY,
    SCOPE,
    Contents,
    Shipped,
    checkpoint_file,
    entry_file,
    entry_proof,
)
from .events import Event, format_file, parse_event, parse_object
from .findings import ENVIRONMENT, IDENTITY, Findings, Flaw
from .history import History, enrolled_keys
from .merkle import EMPTY_ROOT, leaf_hash, verify_inclusion
from .report import CLAIMS, FAILS, HOLDS, UNDECIDED, EventRow, Report, judge

__all__ = ["FORMAT", "Verify", "check_bundle", "verify_path"]

Verify = Callable[[bytes, bytes, bytes], None]
"""Returns if a signature (64 bytes) by a public key (32) covers a message; raises otherwise."""

_KEYS, _SOFTWARE = IDENTITY + "keys.json", ENVIRONMENT + "software.json"
_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_BUNDLE = re.compile("bundle-" + _UUID7)


def verify_path(path: Path, trust: str, verify_signature: Verify = ed25519.verify) -> Report:
    """The report about a bundle at `path`: a zip file or a folder.

    `trust`: the text of the ledger's verifier key. Raises `ValueError` if that is none, `OSError`
    if there is nothing to read at `path`.
    """
    key = notes.parse_vkey(trust.strip())
    try:
        bag = _read(path)
    except Flaw as flaw:
        check = _Check(Bag("", {}), key, verify_signature)
        check.findings.add(flaw.code)  # step 1
        return check.report()
    return check_bundle(bag, trust, verify_signature)


def _read(path: Path) -> Bag:
    if not path.is_dir():
        with path.open("rb") as file:
            return read_zip(file.read(MAX_ZIP_BYTES + 1))
    next(path.iterdir(), None)  # a folder that cannot be opened is the caller's business
    try:
        return read_folder(path)
    except OSError:
        raise Flaw("unreadable") from None


def check_bundle(bag: Bag, trust: str, verify_signature: Verify = ed25519.verify) -> Report:
    """The report about the files of a bundle.

    `trust`: the text of the ledger's verifier key; `verify_signature`: a faster verifier with the
    same answers as the one here. Raises `ValueError` if `trust` is no Ed25519 verifier key.
    """
    check = _Check(bag, notes.parse_vkey(trust.strip()), verify_signature)
    check.run()
    return check.report()


class _Check:
    """One run over one bundle."""

    def __init__(self, bag: Bag, trust: notes.Key, verify_signature: Verify) -> None:
        self._bag, self._trust, self._verify_signature = bag, trust, verify_signature
        self.findings = Findings()
        self._contents = Contents(bag.files, self.findings, UNDECIDED)
        self._entries: Dict[int, notes.Entry] = {}
        self._history = History(trust.name)
        self._reached: Set[str] = set()
        self._enrolled_anywhere: Set[Tuple[str, str]] = set()

    def run(self) -> None:
        """Steps 2 to 10."""
        contents = self._contents
        self.findings.take(check_bag(self._bag))  # step 2
        name = identifier(self._bag)
        if name and not _BUNDLE.fullmatch(name):
            self.findings.add("bag_info_malformed", file=INFO)
        contents.read()
        if contents.head is None:
            return
        if contents.head.origin != self._trust.name:  # the reader has another ledger in mind
            self.findings.add("checkpoint_foreign", file=checkpoint_file(contents.head.size))
            return
        if contents.shipped:
            self._reached.update(CLAIMS)
            self._walk(contents.head)  # steps 5 to 8
            self._compromised()
            self._streams()  # step 9
            self._exported()  # step 3, by keys that step 8 derived
            self._derived()  # step 10
        self._reached.add("checkpoint_trusted")
        self._trusted(contents.head)  # step 4, likewise

    # -- steps 5 to 8: entry by entry

    def _walk(self, head: notes.Head) -> None:
        accepted, seen = "", {0: EMPTY_ROOT}
        self._enrolled_anywhere = _enrolments(self._contents.shipped)
        for index, shipped in groupby(self._contents.shipped, key=lambda one: one.entry):
            group = list(shipped)
            entry = self._entry(index, head)  # step 5
            if entry is None:
                for one in group:
                    one.answer = FAILS
                continue
            if entry.accepted < accepted:
                self.findings.add("clock_regression", file=entry_file(index), expected=accepted,
                         actual=entry.accepted)  # fmt: skip
            accepted = entry.accepted
            self._seen(index, entry.commit, seen)
            for one in group:
                self._event(one, entry)  # step 6
            self._signatures(index, entry, group)  # step 7
            self._fold(index, entry, group)  # step 8

    def _entry(self, index: int, head: notes.Head) -> notes.Entry | None:
        """The entry with this index, if it is one of the ledger under the checkpoint."""
        file, proof_file = entry_file(index), entry_proof(index)
        data = self._contents.file(file, "entry_missing")
        proof_data = self._contents.file(proof_file, "entry_missing")
        if data is None or proof_data is None:
            return None
        try:
            entry = notes.parse_entry(data)
        except ValueError:
            self.findings.add("entry_malformed", file=file)
            return None
        try:
            proof = notes.parse_proof(proof_data)
        except ValueError:
            self.findings.add("entry_proof_malformed", file=proof_file)
            return None
        if proof.leaf != index or proof.note != self._contents.checkpoint:
            self.findings.add("entry_proof_differs", file=proof_file)
            return None
        try:
            verify_inclusion(index, head.size, leaf_hash(data), proof.hashes, head.root)
        except ValueError:
            self.findings.add("entry_not_in_ledger", file=file)
            return None
        if entry.commit.origin != self._trust.name:
            self.findings.add("entry_foreign", file=file)
            return None
        self._entries[index] = entry
        return entry

    def _seen(self, index: int, commit: notes.Commit, seen: Dict[int, bytes]) -> None:
        size = commit.seen_size
        if size > index or (size == 0) != (index == 0):
            self.findings.add("seen_out_of_range", file=entry_file(index), actual=size)
        elif seen.setdefault(size, commit.seen_root) != commit.seen_root:
            self.findings.add("seen_contradicts", file=entry_file(index), expected=seen[size],
                     actual=commit.seen_root)  # fmt: skip

    def _event(self, one: Shipped, entry: notes.Entry) -> None:
        """Step 6: whether these bytes are an event of the commit, said by one of its signers."""
        try:
            event = parse_event(_canonical(one.raw))
            if event.id != one.claimed:
                self.findings.add("derived_differs", event=one.claimed)
            self._in_commit(one, entry)
            self._author(event, entry.commit)
        except Flaw as flaw:
            self.findings.add(flaw.code, event=one.claimed)
        except ValueError:
            self.findings.add("event_malformed", event=one.claimed)
        else:
            one.event = event
            one.sound = event.id == one.claimed

    def _in_commit(self, one: Shipped, entry: notes.Entry) -> None:
        data = self._contents.files.get(one.proof)
        if data is None:
            raise Flaw("event_proof_missing")
        try:
            proof = notes.parse_proof(data)
        except ValueError:
            raise Flaw("event_proof_malformed") from None
        if proof.leaf != one.index or proof.note != entry.note:
            raise Flaw("event_not_in_commit")
        commit = entry.commit
        try:
            leaf = leaf_hash(one.raw)
            verify_inclusion(one.index, commit.events, leaf, proof.hashes, commit.root)
        except ValueError:
            raise Flaw("event_not_in_commit") from None

    def _author(self, event: Event, commit: notes.Commit) -> None:
        name = f"{self._trust.name}/a/{event.by}"
        if not any(s.name == name and s.capacity == event.role for s in commit.signers):
            raise Flaw("author_did_not_sign")

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
                public = self._history.signer(index, signer, enrolling)
                self._check(public, line.signature, commit.text)
                publics.append(public)
            except Flaw as flaw:
                code = flaw.code
                known = (signer.name, signer.key_id.hex()) in self._enrolled_anywhere
                if code == "key_unknown" and known:
                    code = "key_not_yet_enrolled"
                self.findings.add(code, file=entry_file(index), actual=signer.key_id)
                unknown = code == "key_unknown" and answer != FAILS
                answer = UNDECIDED if unknown else FAILS
        if len(set(publics)) < len(publics):
            self.findings.add("key_signs_twice", file=entry_file(index))
            answer = FAILS
        for one in group:
            one.answer = answer if one.sound else FAILS
            one.sound = one.sound and answer == HOLDS

    def _check(self, public: bytes, signature: bytes, message: bytes) -> None:
        try:
            self._verify_signature(public, signature, message)
        except Exception:  # noqa: BLE001  whatever a backend raises, it has not verified
            raise Flaw("signature_fails") from None

    def _fold(self, index: int, entry: notes.Entry, group: List[Shipped]) -> None:
        """Step 8: what is genuine so far advances the key history."""
        sound = [one for one in group if one.sound]
        events = [one.event for one in sound if one.event is not None]
        for at, flaw in self._history.fold(index, entry.accepted, entry.commit, events):
            self.findings.add(flaw.code, event=sound[at].claimed)
            sound[at].answer = FAILS
        self._history.signed(index, entry.commit)

    def _compromised(self) -> None:
        """Step 8: what was signed since a key was suspected, and before that was reported."""
        disputed: Dict[int, str] = {}
        for key in self._history.enrolled():
            for index in key.signed if key.suspected_since else ():
                if self._entries[index].accepted >= key.suspected_since and index != key.until:
                    disputed[index] = key.id
        for one in self._contents.shipped:
            if one.entry in disputed and one.answer == HOLDS:
                one.answer = UNDECIDED
                self.findings.add("key_compromised", event=one.claimed, actual=disputed[one.entry])

    # -- step 9

    def _streams(self) -> None:
        versions: Dict[str, List[int]] = {}
        for one in self._contents.shipped:
            if one.event is not None:
                versions.setdefault(one.event.stream, []).append(one.event.version)
        for stream, found in versions.items():
            for expected, actual in enumerate(found, 1):
                if actual != expected:
                    self.findings.add("version_gap", event=stream, expected=expected, actual=actual)
                    break
        for stream in self._contents.scope.streams if self._contents.scope else ():
            if stream not in versions:
                self.findings.add("version_gap", event=stream, expected=1)

    # -- step 4

    def _trusted(self, head: notes.Head) -> None:
        file = checkpoint_file(head.size)
        ledger = self._history.ledger_keys()
        if ledger and self._trust.public not in {key.public for key in ledger}:
            self.findings.add("trust_not_of_ledger", file=file, expected=self._trust.key_id)
        reached = self._history.reached_from(self._trust)
        note = notes.parse_note(self._contents.checkpoint)
        lines = [line for line in note.lines if (line.name, line.key_id) in reached]
        if not lines:
            self.findings.add("checkpoint_key_unknown", file=file, expected=self._trust.key_id,
                     actual=note.lines[0].key_id)  # fmt: skip
        in_force = False
        for line in lines:
            try:
                self._check(reached[line.name, line.key_id], line.signature, note.text)
            except Flaw:
                self.findings.add("checkpoint_signature", file=file, actual=line.key_id)
            state = self._history.find(line.name, line.key_id)
            in_force |= state is None or (
                state.since < head.size and (state.until is None or head.size <= state.until)
            )
        if lines and not in_force:
            self.findings.add("key_not_in_force", file=file, actual=lines[0].key_id)

    # -- step 3

    def _exported(self) -> None:
        data = self._contents.files.get(EXPORTER_NOTE)
        if data is None:
            return  # told in step 2
        try:
            note = notes.parse_exporter(data)
        except ValueError:
            self.findings.add("note_malformed", file=EXPORTER_NOTE)
            return
        if self._note_differs(note):
            self.findings.add("note_differs", file=EXPORTER_NOTE)
        key = self._history.find(note.name, note.key_id)
        if key is None:
            self.findings.add("exporter_key_unknown", file=EXPORTER_NOTE, actual=note.key_id)
            return
        if key.kind != "ed25519" or key.purpose != "act" or key.until is not None:
            self.findings.add("exporter_key_unfit", file=EXPORTER_NOTE, actual=note.key_id)
            return
        try:
            self._check(key.public, note.line.signature, note.text)
        except Flaw:
            self.findings.add("note_signature", file=EXPORTER_NOTE, actual=note.key_id)

    def _note_differs(self, note: notes.ExporterNote) -> bool:
        scope, head, files = self._contents.scope, self._contents.head, self._contents.files
        digests = [sha256(files.get(n, b"")).hexdigest() for n in (MANIFEST, TAG_MANIFEST)]
        return (
            [note.manifest, note.tag_manifest] != digests
            or note.origin != self._trust.name
            or note.bundle != identifier(self._bag)[-36:].replace("-", "")
            or (scope is not None and note.scope != scope.record)
            or (head is not None and (note.size, note.root) != (head.size, head.root))
        )

    # -- step 10

    def _derived(self) -> None:
        history, scope = self._history, self._contents.scope
        if scope is not None and history.ledger not in ("", scope.ledger):
            self.findings.add("derived_differs", file=SCOPE)
        if scope is not None and scope.record not in scope.streams:
            self.findings.add("derived_differs", file=SCOPE)
        data = self._contents.file(_KEYS)
        if data is not None and data != format_file([key.row() for key in history.enrolled()]):
            self.findings.add("derived_differs", file=_KEYS)
        software = self._contents.json(_SOFTWARE)
        if software is not None and (type(software) is not dict or software.get("format") != 1):
            self.findings.add("file_malformed", file=_SOFTWARE)
        self._packs()

    def _packs(self) -> None:
        files = self._contents.files
        kept = {n: sha256(d).hexdigest() for n, d in files.items() if n.startswith(POLICY)}
        for digest in self._history.policies:
            name = POLICY + digest + ".toml"
            actual = kept.pop(name, None)
            if actual is None:
                self.findings.add("policy_missing", file=name)
            elif actual != digest:
                self.findings.add("policy_differs", file=name, expected=digest, actual=actual)
        for name in kept:
            self.findings.add("policy_differs", file=name)

    # -- the report

    def report(self) -> Report:
        """What was found."""
        scope, head = self._contents.scope, self._contents.head
        verdict, claims = judge(self.findings, self._reached)
        name = identifier(self._bag)
        trusted = claims[1].answer == HOLDS
        return Report(
            name if _BUNDLE.fullmatch(name) else "",
            self._trust.name,
            scope.record if scope else "",
            head.size if head is not None and trusted else -1,
            notes.encode_base64(head.root) if head is not None and trusted else "",
            verdict,
            claims,
            self.findings.sorted(),
            self.findings.omitted,
            [self._row(one, trusted=trusted) for one in self._contents.shipped],
        )

    def _row(self, one: Shipped, *, trusted: bool) -> EventRow:
        event = one.event
        answer = UNDECIDED if one.answer == HOLDS and not trusted else one.answer
        says = None
        if event is not None and answer != FAILS:
            says = {
                "accepted": self._entries[one.entry].accepted, "type": event.type,
                "at": event.at, "by": event.by, "role": event.role,
            }  # fmt: skip
        return EventRow(one.claimed, one.entry, says, answer)


def _enrolments(shipped: List[Shipped]) -> Set[Tuple[str, str]]:
    """The keys, by name and id, that any event claims to enrol, wherever it stands."""
    found: Set[Tuple[str, str]] = set()
    for one in shipped:
        try:
            keys = enrolled_keys(parse_event(parse_object(one.raw)))
        except (ValueError, Flaw):
            continue
        found.update((key["name"], key["id"]) for key in keys)
    return found


def _canonical(raw: bytes) -> Dict[str, Any]:
    try:
        return parse_object(raw)
    except ValueError:
        raise Flaw("event_not_canonical") from None

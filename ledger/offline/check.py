"""Is an evidence bundle genuine: the numbered steps, from a container of bytes to a report.

What is trusted is given by the reader (`trust`); nothing is trusted because it lies in the bundle.
No input leads to an exception: what is wrong becomes a finding.

     1  container: canonical zip or clean folder, within limits (`bag`)
     2  bag: manifests complete in both directions, every digest; the files of the layout
     3  exporter's note: over these manifests, this scope and checkpoint, signed by the key that it
        names, which the key history shows as an act key, not ended, of whoever exported
     4  checkpoints: of the trusted key's ledger, signed by the trusted key or by one that follows
        it by rotations shown in the bundle, in force at this size; trusted cosigners' signatures.
        Nothing after it is looked into if they did not sign the bundle's own state (`lineage`)
     5  entries: canonical, for this ledger, under the checkpoint by their proofs; accepted times do
        not go back; `seen` is a size that the ledger had; every state that was seen, signed or
        stamped is a prefix of the checkpoint's (`states`)
     6  events: canonical, in the commit by their proofs; the author signed, in the role
     7  signatures: everybody named signed, with a key enrolled before (entry 0: in it), not ended,
        for acts; nobody else signed, and no key twice
     8  key history: see `history`; what was signed in the time for which a key was reported as
        compromised, by accepted times, is disputed
     9  streams: each from version 1 without gap or repeat, in the order of entries; the rows of the
        index, the entries of the period (`complete`)
    10  scope.json, keys.json, roles_and_training.json, redactions.json, policy packs and
        software.json say what was derived, and scope and selection are those that were asked for,
        agreed to and recorded as exported; the scope names the streams that the bundle is about
    11  what is shown: opened fields and attachments are what events committed to (`disclosed`)
    12  time: tokens hold, and no accepted time lies outside its provable interval (`times`)

The verdict is `valid` if nothing is wrong; else `invalid` if anything is not what was signed,
`unverifiable` if something needed is missing, and `disputed` if only compromised keys, or accepted
times that tokens rule out, stand against it.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Dict, List, Set

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
from .complete import RECORD, Index, check_index, check_period, check_streams
from .contents import (
    FORMAT,
    KEYS,
    PERIOD,
    POLICY,
    ROLES,
    SCOPE,
    Contents,
    Scope,
    Shipped,
    State,
)
from .disclosed import Disclosed
from .events import format_file
from .findings import ENVIRONMENT, Findings, Flaw
from .genuine import Walk
from .lineage import stands_behind
from .report import CLAIMS, FAILS, HOLDS, UNDECIDED, AttachedRow, EventRow, Report, judge
from .states import Signatures, Verify, check_signature
from .times import Interval, Stamp, check_accepted, interval, read_stamps, recorded_tokens
from .trust import Trust

__all__ = ["FORMAT", "Verify", "check_bundle", "verify_path"]

_SOFTWARE = ENVIRONMENT + "software.json"
_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_BUNDLE = re.compile("bundle-" + _UUID7)


def verify_path(path: Path, trust: Trust, verify_signature: Verify = ed25519.verify) -> Report:
    """The report about a bundle at `path`: a zip file or a folder.

    Raises `OSError` if there is nothing to read at `path`.
    """
    try:
        bag = _read(path)
    except Flaw as flaw:
        check = _Check(Bag("", {}), trust, verify_signature)
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


def check_bundle(bag: Bag, trust: Trust, verify_signature: Verify = ed25519.verify) -> Report:
    """The report about the files of a bundle.

    `verify_signature`: a faster verifier with the same answers as the one here.
    """
    check = _Check(bag, trust, verify_signature)
    check.run()
    return check.report()


class _Check:
    """One run over one bundle."""

    def __init__(self, bag: Bag, trust: Trust, verify_signature: Verify) -> None:
        self._bag, self._trust, self._verify = bag, trust, verify_signature
        self.findings = Findings()
        self._contents = Contents(bag.files, self.findings, UNDECIDED)
        self._walk: Walk | None = None
        self._stamps: List[Stamp] = []
        self._index: Index | None = None
        self._own: List[Shipped] = []
        """The events that the bundle is about."""
        self._intervals: Dict[int, Interval] = {}
        self._reached: Set[str] = set()
        self._open: Dict[str, str] = {"permitted": "not_judged"}
        self._cosigners: List[str] = []
        self._complete_to = -1
        self._keys_to = -1

    def run(self) -> None:
        """Steps 2 to 12."""
        contents = self._contents
        self.findings.take(check_bag(self._bag))  # step 2
        name = identifier(self._bag)
        if name and not _BUNDLE.fullmatch(name):
            self.findings.add("bag_info_malformed", file=INFO)
        contents.read()
        scope, state, trust = contents.scope, contents.state, self._trust.ledger
        if scope is None or state is None:
            return
        if state.head.origin != trust.name:  # the reader has another ledger in mind
            self.findings.add("checkpoint_foreign", file=state.file)
            return
        if not stands_behind(contents, state, trust, self.findings, self._verify):  # step 4
            self._reached.add("checkpoint_trusted")
            return
        walked = Walk(contents, self.findings, trust.name, state.head, self._verify)
        self._walk = walked
        self._own = contents.own()
        if contents.shipped:
            self._reached.update(CLAIMS)
            walked.run()  # steps 5 to 8
        self._reached.add("checkpoint_trusted")
        signatures = self._signed(walked, state)  # step 4, by keys that step 8 derived
        if not contents.shipped:
            return
        self._stamped(walked, state)  # step 12
        if walked.read_all:
            walked.states.check_uncited()
        self._missing(walked, scope)  # step 9
        self._exported(walked, scope, state)  # step 3, by keys that step 8 derived
        self._derived(walked, scope)  # step 10
        self._disclosed(scope)  # steps 10 and 11
        self._decided(walked, scope, signatures)

    # -- step 4

    def _signed(self, walked: Walk, state: State) -> Signatures:
        trust, ledger = self._trust.ledger, walked.history.ledger_keys()
        if ledger and trust.public not in {key.public for key in ledger}:
            self.findings.add("trust_not_of_ledger", file=state.file, expected=trust.key_id)
        signatures = Signatures(self.findings, self._trust, walked.history, self._verify)
        signatures.check(state, prefix=True)
        for other in self._contents.others:
            prefix = walked.states.cite(other.head.size, other.head.root, other.file)
            signatures.check(other, prefix=prefix)
        return signatures

    # -- step 12

    def _stamped(self, walked: Walk, state: State) -> None:
        recorded = recorded_tokens(self._contents.shipped, walked.history.ledger)
        roots = self._trust.tsa_roots
        stamps, well = read_stamps(
            self._contents, self.findings, state.head, walked.states, recorded, roots
        )
        walked.read_all = walked.read_all and well
        self._stamps = [stamp for stamp in stamps if stamp.token.issuer_known]
        for index, entry in walked.entries.items():
            within = interval(index, walked.seen.get(index, 0), self._stamps)
            self._intervals[index] = within
            check_accepted(self.findings, index, entry, within)
        if not roots:
            self._open["time"] = "no_tsa_trusted"
        elif not stamps:
            self._open["time"] = "no_token"
        elif not self._stamps:
            self._open["time"] = "token_issuer_unknown"
        elif not self._own:
            self._open["time"] = "no_events"
        elif not all(
            self._intervals[one.entry].before for one in self._own if one.entry in self._intervals
        ):
            self._open["time"] = "interval_open"

    # -- step 9

    def _missing(self, walked: Walk, scope: Scope) -> None:
        check_streams(self._contents, self.findings)
        self._index = check_index(self._contents, self.findings, scope, walked.history.ledger)
        if scope.kind == PERIOD:
            check_period(self._contents, self.findings, scope, walked.entries)

    # -- step 3

    def _exported(self, walked: Walk, scope: Scope, state: State) -> None:
        data = self._contents.files.get(EXPORTER_NOTE)
        if data is None:
            return  # told in step 2
        try:
            note = notes.parse_exporter(data)
        except ValueError:
            self.findings.add("note_malformed", file=EXPORTER_NOTE)
            return
        recorded = [one.entry for one in self._contents.shipped if one.claimed == scope.export]
        entries = [walked.entries[index] for index in recorded if index in walked.entries]
        early = any(note.exported < entry.accepted for entry in entries)
        if early or self._note_differs(note, scope, state):
            self.findings.add("note_differs", file=EXPORTER_NOTE)
        key = walked.history.find(note.name, note.key_id)
        if key is None:
            self.findings.add("exporter_key_unknown", file=EXPORTER_NOTE, actual=note.key_id)
            return
        another = any(
            one.claimed == scope.export and one.sound and one.event is not None
            and one.event.type == "bundle.exported" and one.event.by != key.holder
            for one in self._contents.shipped
        )  # fmt: skip
        if another or (key.kind, key.purpose, key.until) != ("ed25519", "act", None):
            self.findings.add("exporter_key_unfit", file=EXPORTER_NOTE, actual=note.key_id)
            return
        try:
            check_signature(self._verify, key.public, note.line.signature, note.text)
        except Flaw:
            self.findings.add("note_signature", file=EXPORTER_NOTE, actual=note.key_id)

    def _note_differs(self, note: notes.ExporterNote, scope: Scope, state: State) -> bool:
        files, head = self._contents.files, state.head
        digests = [sha256(files.get(n, b"")).hexdigest() for n in (MANIFEST, TAG_MANIFEST)]
        return (
            [note.manifest, note.tag_manifest] != digests
            or note.origin != self._trust.ledger.name
            or note.bundle != identifier(self._bag)[-36:].replace("-", "")
            or note.scope != f"{scope.kind} {scope.name}"
            or (note.size, note.root) != (head.size, head.root)
        )

    # -- step 10

    def _derived(self, walked: Walk, scope: Scope) -> None:
        history = walked.history
        if history.ledger not in ("", scope.ledger):
            self.findings.add("derived_differs", file=SCOPE)
        if scope.kind != PERIOD and scope.streams[0] != scope.id:
            self.findings.add("derived_differs", file=SCOPE)
        indexed = set() if self._index is None else self._index.streams
        export = scope.export.partition("/")[0]
        if self._contents.unlisted() or not indexed <= {*scope.streams, export}:
            self.findings.add("derived_differs", file=SCOPE)
        genuine = [one.event for one in self._contents.shipped if one.sound and one.event]
        for name, rows in (
            (KEYS, [key.row() for key in history.enrolled()]),
            (ROLES, history.actors(genuine)),
        ):
            data = self._contents.file(name)
            if data is not None and data != format_file(rows):
                self.findings.add("derived_differs", file=name)
        software = self._contents.json(_SOFTWARE)
        made = software.get("format") if type(software) is dict else None
        if software is not None and (type(made) is not int or made != 1):
            self.findings.add("file_malformed", file=_SOFTWARE)
        self._packs(history.policies)

    def _packs(self, policies: List[str]) -> None:
        contents = self._contents
        names = [name for name in contents.names if name.startswith(POLICY)]
        kept = {name: sha256(contents.files[name]).hexdigest() for name in names}
        for digest in policies:
            name = POLICY + digest + ".toml"
            actual = kept.pop(name, None)
            if actual is None:
                self.findings.add("policy_missing", file=name)
            elif actual != digest:
                self.findings.add("policy_differs", file=name, expected=digest, actual=actual)
        for name in kept:
            self.findings.add("policy_differs", file=name)

    # -- steps 10 and 11: what is shown

    def _disclosed(self, scope: Scope) -> None:
        disclosed = Disclosed(self._contents, self.findings, self._trust.ledger.name)
        disclosed.check()
        if any(row["kind"] != "clear" for row in self._contents.attached):
            self._open["disclosed"] = "attachment_unproved"
        elif not disclosed.openings:
            self._open["disclosed"] = "nothing_disclosed"
        if not disclosed.is_as_recorded(scope, identifier(self._bag)):
            self.findings.add("selection_differs", event=scope.export)
        if any(one.raw is None for one in self._contents.shipped):
            self._open["streams_unbroken"] = "redacted"
            if scope.kind == PERIOD:  # and what is withheld may be the end of a key
                self._open["events_genuine"] = "redacted"

    # -- what cannot be decided

    def _decided(self, walked: Walk, scope: Scope, signatures: Signatures) -> None:
        witnesses = signatures.witnesses()
        self._cosigners = list(dict.fromkeys(held.key.name for held in witnesses))
        last = max((one.entry for one in self._own), default=-1)
        if not self._trust.cosigners:
            self._open["witnessed"] = "no_cosigner_trusted"
        elif not self._own:
            self._open["witnessed"] = "no_events"
        elif not any(held.size > last for held in witnesses):
            self._open["witnessed"] = "not_cosigned"
        certified = signatures.certified()
        reason, upto = self._completeness(walked, scope, certified)
        if reason:
            self._open["complete"] = reason
        else:
            self._complete_to = upto
        reason, upto = self._currency(certified)
        if reason:
            self._open["keys_current"] = reason
        else:
            self._keys_to = upto

    def _completeness(self, walked: Walk, scope: Scope, certified: int) -> tuple[str, int]:
        """Why it is open whether everything is here, or up to how many entries it is."""
        if scope.kind == "subject":
            return "search", -1
        if not all(one.sound for one in self._contents.shipped):
            return "not_reached", -1  # what is not proved may stand in the place of another
        if scope.kind == PERIOD:
            boundary = self._contents.boundary()
            if not all(index in walked.entries for index in boundary):
                return "not_reached", -1
            needed = min(scope.end + 1, scope.checkpoint)
            return ("", scope.end) if certified >= needed else ("not_certified", -1)
        index = self._index
        if index is None or index.rows == 0:
            return "no_index", -1
        if index.hidden or (
            scope.kind == RECORD
            and any(one.raw is None and one.stream == scope.id for one in self._contents.shipped)
        ):
            return "redacted", -1  # it may be another, or name a copy
        if not index.whole:
            return "index_partial", -1
        return ("", index.size) if certified > index.entry else ("not_certified", -1)

    def _currency(self, certified: int) -> tuple[str, int]:
        """Why it is open whether a key's end is left out, or up to how many entries none is."""
        index = self._index
        if index is None:
            return "no_index", -1
        if not index.fitting:
            return "index_differs", -1
        if not all(one.sound for one in self._contents.shipped):
            return "not_reached", -1
        if not index.headed:
            return "index_partial", -1
        return ("", index.size) if certified > index.entry else ("not_certified", -1)

    # -- the report

    def report(self) -> Report:
        """What was found."""
        scope, state, name = self._contents.scope, self._contents.state, identifier(self._bag)
        verdict, claims = judge(self.findings, self._reached, self._open)
        answers = {claim.claim: claim.answer for claim in claims}
        trusted = state if answers["checkpoint_trusted"] == HOLDS else None
        return Report(
            name if _BUNDLE.fullmatch(name) else "",
            self._trust.ledger.name,
            scope.kind if scope else "",
            scope.name if scope else "",
            trusted.head.size if trusted else -1,
            notes.encode_base64(trusted.head.root) if trusted else "",
            self._cosigners if trusted else [],
            self._complete_to if answers["complete"] == HOLDS else -1,
            self._keys_to if answers["keys_current"] == HOLDS else -1,
            verdict,
            claims,
            self.findings.sorted(),
            self.findings.omitted,
            [self._row(one, trusted=trusted is not None) for one in self._contents.shipped],
            [
                AttachedRow(row["file"], row["event"], row["kind"], row.get("reason", ""))
                for row in self._contents.attached
            ],
        )

    def _is_period(self) -> bool:
        return self._contents.scope is not None and self._contents.scope.kind == PERIOD

    def _row(self, one: Shipped, *, trusted: bool) -> EventRow:
        answer = UNDECIDED if one.answer == HOLDS and not trusted else one.answer
        says = {"redacted": one.reason} if one.reason else {}
        event, walked = one.event, self._walk
        # That what is withheld stands there is the exporter's word; but a period is whole.
        placed = one.raw is not None or self._is_period()
        if placed and walked is not None and one.entry in walked.entries and answer != FAILS:
            says["accepted"] = walked.entries[one.entry].accepted
            if event is not None:
                says.update(type=event.type, at=event.at, by=event.by, role=event.role)
            if trusted:
                says.update(self._intervals[one.entry].says())
        return EventRow(one.claimed, one.entry, says, answer)

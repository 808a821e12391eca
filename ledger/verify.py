"""Is it genuine: does a ledger hold exactly what was signed, in the order in which it was accepted.

Rows come in as iterators (`Source`), so that a database, a bundle or a segment is judged alike,
and memory stays flat. Whether an act was *permitted* is another question (`domain.commit`), save
for acts about identity: keys and roles decide who said everything else, so commits with events of
`ledger`, `policy`, `party`, `actor`, `engagement` and `draft` are judged as when they were recorded
(`verification.permission`), and what was not permitted enrols and ends nothing. What must be given
is the ledger key that the reader trusts; nothing is trusted on first use.

    1  the head is there
    2  the pinned checkpoint, where verification starts from one: signed by the trusted key or one
       that follows it by proved rotations, and its tree is a prefix of this one; else everything
       is verified, and it counts as a pin; events about identity before it are opened and judged
    3  every entry, in order:
       3a  its bytes are a canonical entry; its note is for this ledger
       3b  its events are there at dense positions, have the signed root, are canonical and typed
       3c  everybody whom the note names signed, with a key that could sign then; nobody else
       3d  the accepted time does not go back
       3e  the columns of its rows say what the bytes say; every author signed, in its role;
           events about identity were permitted
       3f  every sealed payload that its events name is the one they name; it is there, or its key
           is among those that a destruction recorded anywhere says were shredded: then it is gone
           (settled at the end)
       3g  `seen` is a state that this tree had
       3h  its hash is the one that the tiles keep
    4  every checkpoint and pin at the size reached: signed by the ledger's key in force, and of
       this tree; what cosigners signed on it is what known ones signed
    5  no row is left over, no tile is missing or too many
    6  the head says where the last entry left the ledger; no pin lies beyond it
    7  policies are the ones adopted; `signers` names everybody's last entry
    8  versions of every stream are gap-free and in the order of positions
    9  the trusted key is one of the ledger's, each signed for by the one before; keys that were
       revoked since are named
    10 every published index is what the events that it covers come to; computed only where
       everything is verified
    11 every stored time-stamp is one that an event records, over a state that this tree had; with
       the certificates that the reader trusts: each holds, and every entry was accepted within
       the times that they prove
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256

from ledger.errors import DataError, ProofError
from ledger.parallel import Executor
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint
from ledger.tlog.commit import Entry
from ledger.tlog.merkle import leaf_hash
from ledger.tlog.note import Note, VerifierKey
from ledger.tlog.tiles import TILE_HEIGHT
from ledger.verification.anchors import Anchors
from ledger.verification.earlier import Earlier
from ledger.verification.entrycheck import EntryCheck
from ledger.verification.findings import Findings, Report
from ledger.verification.growth import Derived, Growth
from ledger.verification.indexes import recompute
from ledger.verification.keyhistory import KeyHistory
from ledger.verification.ranges import Passed, Ranges, Reopen
from ledger.verification.rows import BEGINNING, CommitRow, DamagedError, HeadRow, Source
from ledger.verification.states import States

MAX_GAP = 4096
"""So many missing entries in a row are named one by one; what lies beyond belongs to no entry."""


def verify(
    source: Source,
    trust: VerifierKey,
    *,
    pins: Iterable[Checkpoint] = (),
    since: bytes | None = None,
    cosigners: Iterable[VerifierKey] = (),
    tsa_roots: Sequence[bytes] = (),
    progress: Callable[[int], None] | None = None,
    executor: Executor | None = None,
    reopen: Reopen | None = None,
) -> Report:
    """Verify everything, or what is new since a pinned checkpoint.

    `trust`: the ledger's key as the reader knows it; `pins`: states known to have been seen;
    `since`: a checkpoint note, the end of what was verified before. What lies before it is trusted
    to be as that verification found it, except for entry 0 and the events about identity that are
    found by the streams of those who signed or are named: these are opened and judged again, rows
    are counted, and streams found have no gaps. Not looked for: changed records, payloads that
    should have gone with a key shredded since, an event about identity that was hidden by
    changing other unsigned rows (columns, `signers`) to match, and an index published since that is
    not what the events come to: those are counted in the report.
    A key that ended and could have signed before is reported as if it had.
    `tsa_roots`: certificates (DER) of time-stamping authorities that the reader trusts.
    `cosigners`: keys of others that may have signed stored checkpoints (a line of somebody else is
    `cosigner_unknown`: nobody can check it here); `progress` is told the
    number of events. `executor`: where ranges of entries are examined (`verification.ranges`), by
    readings of their own that `reopen` opens; without them, here: the findings are the same.
    Raises `NoteError` if `since` is no checkpoint of this ledger signed by `trust` or by a key that
    it leads to, each signed for by the one before; `MunimentError` if a process was killed.
    """
    ranges = Ranges(source, trust.name, executor, reopen)
    return _Verification(source, trust, [*pins], [*cosigners], tsa_roots, progress, ranges).run(
        since
    )


class _Verification:
    def __init__(
        self,
        source: Source,
        trust: VerifierKey,
        pins: list[Checkpoint],
        cosigners: list[VerifierKey],
        tsa_roots: Sequence[bytes],
        progress: Callable[[int], None] | None,
        ranges: Ranges,
    ) -> None:
        self._source = source
        self._trust = trust
        self._tsa_roots = tsa_roots
        self._progress = progress
        self._findings = Findings()
        self._keys = KeyHistory(trust.name, self._findings)
        self._entries = EntryCheck(self._findings, self._keys, trust.name, source)
        self._begun = 0  # entries and events that were verified before
        self._skipped = 0
        self._commits = 0
        self._indexes = 0
        self._read = 0, ""  # the tree, once it was read to its end
        self._ranges = ranges
        self._states = States(source, self._findings, self._keys, trust, pins, cosigners)

    def run(self, since: bytes | None) -> Report:
        events = 0
        try:
            head = self._source.head()  # step 1
            if head is None:
                self._findings.add("head_missing", "head", cause="the head is not one row")
            anchors = Anchors(self._source, self._findings, self._tsa_roots)
            self._keys.covered_before = anchors.bounds.covered_before
            start = self._start(since, head) if since is not None else None  # step 2
            growth = Growth(self._source, self._findings, start)
            entries = self._entries
            entries.begin(self._skipped + 1 if start else BEGINNING)
            faults = self._ranges.version_faults(self._skipped + 1)
            try:
                self._grow(growth, entries, anchors)  # steps 3, 4 and 11
            except DamagedError:
                growth.finish()
                raise
            finally:
                events = entries.events
            entries.finish()  # step 5
            self._tiles(growth.size)
            self._head(growth, entries, head)  # step 6
            self._kept(entries)  # step 7
            self._counted()
            for position in faults.result():  # step 8
                self._findings.add(
                    "version_gap", "event", position=position,
                    cause="the version before it is not in the stream, or comes later",
                )  # fmt: skip
            self._ledger_key()  # step 9
            self._entries.settle(self._skipped + 1)  # step 3f
            anchors.settle(self._skipped + 1)  # step 11
            if not self._begun:  # step 10
                self._indexes = recompute(self._source, entries.indexes, self._findings)
            self._read = growth.size, growth.root().hex()
        except DamagedError as error:
            self._findings.add(
                "database_damaged", "file", position=events + 1 if events else None,
                cause=error.message,
            )  # fmt: skip
            with suppress(DamagedError):
                self._entries.settle(self._skipped + 1)
        self._keys.finish(self._begun)
        return Report(
            self._findings.verdict,
            events - self._skipped,
            self._commits,
            self._states.newest,
            self._findings.sorted(),
            self._indexes,
            sum(said.entry >= self._begun for said in self._entries.indexes) if self._begun else 0,
            *self._read,
        )

    # Step 2: from a pinned checkpoint on

    def _start(self, since: bytes, head: HeadRow | None) -> Derived | None:
        """The tree of the pinned checkpoint if it is a prefix of this one; else None."""
        claimed = Checkpoint.parse(Note.parse(since).text)
        tree = None
        if head is not None and 0 < claimed.size <= head.entries:
            candidate = Derived(self._source, claimed.size)
            with suppress(ProofError):  # a tile is missing: everything is verified
                tree = candidate if candidate.root() == claimed.root else None
        if tree is not None:
            last = self._source.position_of(claimed.size)
            self._begun = claimed.size
            self._skipped = head.events if head and last is None else (last or 1) - 1
            self._earlier(tree)
        pinned = open_checkpoint(
            since, self._keys.reached_from(self._trust), self._trust.name
        ).checkpoint
        self._states.remember(pinned)
        if tree is None:
            self._states.pin(pinned)
        return tree

    def _earlier(self, tree: Derived) -> None:
        first = self._skipped + 1
        Earlier(self._source, self._findings, self._keys, tree, first).replay(self._entries)
        before = self._source.entries(tree.size - 1, tree.size)
        accepted = self._entries.accepted
        with suppress(DataError, IndexError):
            accepted = Entry.parse(before[0]).accepted
        self._entries.resume(accepted)

    def _counted(self) -> None:
        """Before the pinned checkpoint, nothing was taken away."""
        if not self._begun:
            return
        events, entries, lowest = self._source.counted(self._skipped + 1, self._begun)
        if events != self._skipped or lowest < 1:
            self._findings.add(
                "event_missing", "event", expected=self._skipped, actual=events,
                cause="there are not as many events before the pinned checkpoint as there were",
            )  # fmt: skip
        if entries != self._begun:
            self._findings.add(
                "entry_missing", "entry", expected=self._begun, actual=entries,
                cause="there are not as many entries before the pinned checkpoint as there were",
            )  # fmt: skip

    # Steps 3 and 4: entry by entry

    def _grow(self, growth: Growth, entries: EntryCheck, anchors: Anchors) -> None:
        self._states.begin(growth, self._begun or BEGINNING)
        for found in self._ranges.entries(self._begun):
            if isinstance(found, Passed):
                position = entries.events + 1
                if found.entry == growth.size and entries.passed(found):
                    self._seen(growth, found.seen_size, found.seen_root, position)
                    self._stamped(growth, anchors, found.seen_size, position)
                    growth.append(found.leaf)
                    self._told(growth)
                    continue
                row = next(self._source.commits(found.entry))
            else:
                row = found
            if not 0 <= row[0] - growth.size <= MAX_GAP:  # else one number could keep us for ever
                self._findings.add(
                    "entry_unknown", "entry", actual=row[0], cause="no entry has this index"
                )
                continue
            while row[0] > growth.size:
                entries.skip(growth.size, row)
                growth.append(bytes(32), reported=True)
                self._states.at_size(growth)
            self._closely(growth, anchors, row)
            self._told(growth)
        self._states.beyond(growth)

    def _told(self, growth: Growth) -> None:
        """One more entry is in the tree."""
        self._commits += 1
        if self._progress and not self._commits & 0xFF:
            self._progress(self._entries.events)
        self._states.at_size(growth)

    def _closely(self, growth: Growth, anchors: Anchors, row: CommitRow) -> None:
        """Check an entry here and now."""
        entries = self._entries
        position = entries.events + 1
        checked = entries.check(growth.size, row)
        note = checked.note
        if note is not None and checked.verified:
            self._seen(growth, note.seen_size, note.seen_root, position)
        elif note is not None and note.seen_size <= growth.size:
            growth.hint(note.seen_size, note.seen_root)
        self._stamped(growth, anchors, note.seen_size if note else None, position)
        growth.append(leaf_hash(row[4]), reported=not checked.sound)

    def _stamped(self, growth: Growth, anchors: Anchors, seen: int | None, position: int) -> None:
        for one in anchors.recorded_in(growth.size):
            stated = bytes.fromhex(one.event.root)
            accuse = self._accuse("stamped_false", one.position, stated, "an event says that "
                                  "a state was stamped that this ledger never had")  # fmt: skip
            growth.state(one.event.size, stated, accuse)
        if seen is not None and anchors.bounds:
            anchors.check(growth.size, seen, self._entries.accepted, position)

    def _seen(self, growth: Growth, size: int, root: bytes, position: int) -> None:
        if size > growth.size or (size == 0) != (growth.size == 0):
            self._findings.add(
                "seen_out_of_range", "note", position=position, expected=growth.size, actual=size,
                cause="the signers say that they saw a size that the ledger did not have",
            )  # fmt: skip
        elif size:
            growth.state(size, root, self._accuse("seen_false", position, root))

    def _accuse(
        self, code: str, position: int, root: bytes,
        cause: str = "the signers say that they saw a state that this ledger never had",
    ) -> Callable[[bytes], None]:  # fmt: skip
        def accuse(actual: bytes) -> None:
            self._findings.add(
                code, "note", position=position, expected=actual, actual=root,
                cause=cause,
            )  # fmt: skip

        return accuse

    # Steps 5 to 7, 9: what is kept beside the entries

    def _tiles(self, size: int) -> None:
        for level, number in self._source.tiles():
            if level < 0 or number < 0 or (number + 1) << TILE_HEIGHT * (level + 1) > size:
                self._findings.add(
                    "tile_unknown", "tile", actual=f"{level}/{number}",
                    cause="a tree of this size has no such full tile",
                )  # fmt: skip

    def _head(self, growth: Growth, entries: EntryCheck, head: HeadRow | None) -> None:
        self._states.pins_beyond(growth)
        if head is None:
            growth.finish()
            return
        if head.entries != growth.size:
            growth.finish()
            missing = head.entries > growth.size
            self._findings.add(
                "entry_missing" if missing else "head_changed", "entry" if missing else "head",
                position=entries.events + 1 if missing else None,
                expected=head.entries if missing else growth.size,
                actual=growth.size if missing else head.entries,
                cause="entries up to the head are missing" if missing
                else "there are entries beyond the head",
            )  # fmt: skip
            return
        growth.settle(head.root)
        same = growth.root() == head.root
        explained = growth.explained and not same
        growth.finish()
        if explained or (not same and growth.locate(head.root, head.edge)):
            return
        for name, expected, actual in (
            ("entries", growth.size, head.entries),
            ("events", entries.events, head.events),
            ("root", growth.root(), head.root),
            ("edge", growth.edge(), head.edge),
            ("accepted", entries.accepted, head.accepted),
        ):
            if expected != actual:
                self._findings.add(
                    "head_changed", "head", expected=expected, actual=actual,
                    cause=f"column {name} is not what the entries come to",
                )  # fmt: skip

    def _kept(self, entries: EntryCheck) -> None:
        self._policies(entries)
        if not entries.complete:
            return
        last = {bytes.fromhex(h[-36:].replace("-", "")): (h, e)
                for h, e in entries.signers.items() if _has_identity(h)}  # fmt: skip
        for holder, entry in self._source.signers():
            name, expected = last.pop(holder, ("", None))
            if 0 <= entry < self._begun and (expected is None or expected < self._begun):
                continue
            if entry != expected:
                self._signer(name or holder.hex(), expected, entry)
        for name, expected in last.values():
            self._signer(name, expected, None)

    def _signer(self, holder: str, expected: int | None, actual: int | None) -> None:
        position = None if expected is None else self._source.position_of(expected)
        self._findings.add(
            "column_changed", "column", position=position, stream=holder, expected=expected,
            actual=actual, cause="table signers does not name the holder's last entry",
        )  # fmt: skip

    def _policies(self, entries: EntryCheck) -> None:
        adopted = dict(entries.policies)
        for digest, data in self._source.packs():
            actual = sha256(data).hexdigest()
            position, stream = adopted.pop(digest.hex(), (None, None))
            if position is None and actual == digest.hex() and (self._begun or self._keys.damaged):
                continue  # adopted before the pinned checkpoint, or by an event that was changed
            if position is None or actual != digest.hex():
                self._findings.add(
                    "policy_changed" if position else "policy_unknown", "policy",
                    position=position, stream=stream, expected=digest, actual=actual,
                    cause="not the pack that was adopted",
                )  # fmt: skip
        for digest_hex, (position, stream) in adopted.items():
            self._findings.add(
                "policy_missing", "policy", position=position, stream=stream,
                expected=digest_hex, cause="the adopted pack is not kept",
            )  # fmt: skip

    def _ledger_key(self) -> None:
        keys: Sequence[VerifierKey] = [key for key, _ in self._keys.ledger_keys()]
        if self._trust not in keys and not self._keys.excused(self._trust.name):
            self._findings.add(
                "ledger_key_untrusted", "key", position=1 if keys else None,
                expected=self._trust.key_id, actual=keys[0].key_id if keys else None,
                cause="the trusted key never was this ledger's",
            )  # fmt: skip


def _has_identity(holder: str) -> bool:
    try:
        return len(bytes.fromhex(holder[-36:].replace("-", ""))) == 16  # noqa: PLR2004
    except ValueError:
        return False

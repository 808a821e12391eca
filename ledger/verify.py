"""Is it genuine: does a ledger hold exactly what was signed, in the order in which it was accepted.

Rows come in as iterators (`Source`), so that a database, a bundle or a segment is judged alike,
and memory stays flat. Whether an act was *permitted* is another question (`domain.commit`). What
must be given is the ledger key that the reader trusts; nothing is trusted on first use.

    1  the head is there
    2  the pinned checkpoint, where verification starts from one: signed by the trusted key, and
       its tree is a prefix of this one; else everything is verified, and it counts as a pin
    3  every entry, in order:
       3a  its bytes are a canonical entry; its note is for this ledger
       3b  its events are there at dense positions, have the signed root, are canonical and typed
       3c  everybody whom the note names signed, with a key that could sign then; nobody else
       3d  the accepted time does not go back
       3e  the columns of its rows say what the bytes say; every author signed
       3f  every sealed payload that its events name is there and is the one they name
       3g  `seen` is a state that this tree had
       3h  its hash is the one that the tiles keep
    4  every checkpoint and pin at the size reached: signed by the ledger's key in force, and of
       this tree
    5  no row is left over, no tile is missing or too many
    6  the head says where the last entry left the ledger; no pin lies beyond it
    7  policies are the ones adopted; `signers` names everybody's last entry
    8  versions of every stream are gap-free and in the order of positions
    9  the trusted key is one of the ledger's, each signed for by the one before; keys that were
       revoked since are named
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256

from domain.keys import KeyState
from domain.ledger import LedgerInitialized, LedgerKeyRotated
from ledger.entrycheck import EntryCheck
from ledger.errors import DataError, NoteError, ProofError
from ledger.evidence import decode_event
from ledger.findings import Findings, Report
from ledger.growth import Derived, Growth, split
from ledger.keyhistory import KeyHistory, Recorded
from ledger.rows import BEGINNING, CheckpointRow, DamagedError, HeadRow, Source
from ledger.tlog import ed25519
from ledger.tlog.checkpoint import Checkpoint, open_checkpoint, verify_line
from ledger.tlog.commit import CommitNote, Entry
from ledger.tlog.merkle import leaf_hash, tree_root, verify_inclusion
from ledger.tlog.note import Note, VerifierKey
from ledger.tlog.tiles import TILE_HEIGHT


def verify(
    source: Source,
    trust: VerifierKey,
    *,
    pins: Iterable[Checkpoint] = (),
    since: bytes | None = None,
    cosigners: Iterable[VerifierKey] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify everything, or what is new since a pinned checkpoint.

    `trust`: the ledger's key as the reader knows it; `pins`: states known to have been seen;
    `since`: a checkpoint note, trusted as the end of what was verified before (the events before
    it are not read again, but for those about the keys that signed since); `cosigners`: keys of
    others that may have signed stored checkpoints; `progress` is told the number of events.
    Raises `NoteError` if `since` is no checkpoint of this ledger that the trusted key signed.
    """
    return _Verification(source, trust, [*pins], [*cosigners], progress).run(since)


class _Verification:
    def __init__(
        self,
        source: Source,
        trust: VerifierKey,
        pins: list[Checkpoint],
        cosigners: list[VerifierKey],
        progress: Callable[[int], None] | None,
    ) -> None:
        self._source = source
        self._trust = trust
        self._pins = pins
        self._cosigners = cosigners
        self._progress = progress
        self._findings = Findings()
        self._keys = KeyHistory(trust.name, self._findings)
        self._begun = 0  # entries and events that were verified before
        self._skipped = 0
        self._commits = 0
        self._newest: tuple[int, str] | None = None

    def run(self, since: bytes | None) -> Report:
        events = 0
        try:
            head = self._source.head()  # step 1
            if head is None:
                self._findings.add("head_missing", "head", cause="the head is not one row")
            start = self._start(since, head) if since is not None else None  # step 2
            growth = Growth(self._source, self._findings, start)
            entries = self._entries(start)
            try:
                self._grow(growth, entries)  # steps 3 and 4
            except DamagedError:
                growth.finish()
                raise
            finally:
                events = entries.events
            entries.finish()  # step 5
            self._tiles(growth.size)
            self._head(growth, entries, head)  # step 6
            self._kept(entries)  # step 7
            for position in self._source.version_faults(self._skipped + 1):  # step 8
                self._findings.add(
                    "version_gap", "event", position=position,
                    cause="the version before it is not in the stream, or comes later",
                )  # fmt: skip
            self._ledger_key()  # step 9
        except DamagedError as error:
            self._findings.add(
                "database_damaged", "file", position=events + 1 if events else None,
                cause=error.message,
            )  # fmt: skip
        self._keys.finish()
        return Report(
            self._findings.verdict,
            events - self._skipped,
            self._commits,
            self._newest[1] if self._newest else None,
            self._findings.sorted(),
        )

    # Step 2: from a pinned checkpoint on

    def _start(self, since: bytes, head: HeadRow | None) -> Derived | None:
        """The tree of the pinned checkpoint if it is a prefix of this one; else None."""
        claimed = Checkpoint.parse(Note.parse(since).text)
        tree = None
        if head is not None and 0 < claimed.size <= head.entries:
            tree = Derived(self._source, claimed.size)
            with suppress(ProofError):
                tree = tree if tree.root() == claimed.root else None
        if tree is not None:
            last = self._source.position_of(claimed.size)
            self._begun = claimed.size
            self._skipped = head.events if head and last is None else (last or 1) - 1
            self._old = tree
            self._keys = KeyHistory(self._trust.name, self._findings, self._earlier)
            self._find_ledger()
        known = {self._trust, *(key for key, _ in self._keys.ledger_keys())}
        pinned = open_checkpoint(since, known, self._trust.name).checkpoint
        self._remember(pinned)
        if tree is None:
            self._pins.append(pinned)
        return tree

    def _find_ledger(self) -> None:
        with suppress(DataError, StopIteration):
            first = decode_event(next(self._source.events(1))[5])
            if isinstance(first, LedgerInitialized):
                self._keys.begin(first.stream)

    def _earlier(self, holder: str) -> Iterator[Recorded]:
        """The events of a key's holder before the pinned checkpoint, each shown to lie in it."""
        try:
            identity = bytes.fromhex(holder[-36:].replace("-", ""))
        except ValueError:
            return
        for position, _, _, _, entry, state in self._source.stream(identity):
            if entry is None or entry >= self._begun:
                return
            accepted = self._included(entry, position, state)
            if accepted is None:
                self._findings.add(
                    "event_changed", "event", position=position, stream=holder,
                    actual=leaf_hash(state), cause="not in the entry that its row names",
                )  # fmt: skip
                self._keys.damaged.add(holder[-36:])
            else:
                event = decode_event(state)
                if isinstance(event, LedgerKeyRotated) and not self._handed_over(entry, event):
                    return
                yield position, entry, accepted, event

    def _handed_over(self, entry: int, event: LedgerKeyRotated) -> bool:
        """Whether the ledger key before, already known, signed for the one that replaces it."""
        commit = Entry.parse(self._source.entries(entry, entry + 1)[0]).commit
        for line in commit.signatures:
            if (line.name, line.key_id.hex()) == (self._trust.name, event.old_key):
                old = self._keys.find(line.name, line.key_id)
                with suppress(NoteError):
                    ed25519.verify(old.public if old else b"", line.signature, commit.note.text())
                    return True
        self._findings.add(
            "rotation_not_signed", "key", stream=event.stream, expected=event.old_key,
            cause="the old ledger key did not sign",
        )  # fmt: skip
        return False

    def _included(self, entry: int, position: int, state: bytes) -> str | None:
        """The accepted time of the entry if the event lies in it and it in the pinned tree."""
        row = next(self._source.commits(entry), None)
        try:
            if row is None or row[0] != entry:
                return None
            parsed = Entry.parse(row[4])
            leaves = split(row[5]) or [parsed.commit.note.root]
            at = position - row[1]
            proof = self._old.inclusion(entry)
            verify_inclusion(entry, self._old.size, leaf_hash(row[4]), proof, self._old.root())
            decode_event(state)
        except DataError:
            return None
        inside = 0 <= at < len(leaves) and leaves[at] == leaf_hash(state)
        return parsed.accepted if inside and tree_root(leaves) == parsed.commit.note.root else None

    def _entries(self, start: Derived | None) -> EntryCheck:
        first = self._skipped + 1 if start else BEGINNING
        entries = EntryCheck(
            self._findings, self._keys, self._trust.name,
            self._source.events(first), self._source.sealed(first),
        )  # fmt: skip
        if start:
            before = self._source.entries(start.size - 1, start.size)
            with suppress(DataError, IndexError):
                entries.resume(self._skipped, Entry.parse(before[0]).accepted)
        return entries

    # Steps 3 and 4: entry by entry

    def _grow(self, growth: Growth, entries: EntryCheck) -> None:
        checkpoints = self._source.checkpoints(self._begun or BEGINNING)
        waiting = self._at_size(growth, checkpoints, next(checkpoints, None))
        for row in self._source.commits(self._begun or BEGINNING):
            if row[0] < growth.size:
                self._findings.add(
                    "entry_unknown", "entry", actual=row[0], cause="no entry has this index"
                )
                continue
            while row[0] > growth.size:
                entries.skip(growth.size, row)
                growth.append(bytes(32), reported=True)
                waiting = self._at_size(growth, checkpoints, waiting)
            position = entries.events + 1
            checked = entries.check(growth.size, row)
            if checked.note is not None and checked.verified:
                self._seen(growth, checked.note, position)
            elif checked.note is not None and checked.note.seen_size <= growth.size:
                growth.hint(checked.note.seen_size, checked.note.seen_root)
            growth.append(leaf_hash(row[4]), reported=not checked.sound)
            self._commits += 1
            waiting = self._at_size(growth, checkpoints, waiting)
            if self._progress and not self._commits & 0xFF:
                self._progress(entries.events)
        while waiting is not None:
            self._checkpoint_beyond(growth, waiting)
            waiting = next(checkpoints, None)

    def _seen(self, growth: Growth, note: CommitNote, position: int) -> None:
        size = note.seen_size
        if size > growth.size or (size == 0) != (growth.size == 0):
            self._findings.add(
                "seen_out_of_range", "note", position=position, expected=growth.size, actual=size,
                cause="the signers say that they saw a size that the ledger did not have",
            )  # fmt: skip
        elif size:
            growth.state(size, note.seen_root, self._accuse("seen_false", position, note.seen_root))

    def _accuse(self, code: str, position: int, root: bytes) -> Callable[[bytes], None]:
        def accuse(actual: bytes) -> None:
            self._findings.add(
                code, "note", position=position, expected=actual, actual=root,
                cause="the signers say that they saw a state that this ledger never had",
            )  # fmt: skip

        return accuse

    def _at_size(
        self, growth: Growth, rows: Iterator[CheckpointRow], waiting: CheckpointRow | None
    ) -> CheckpointRow | None:
        """What is said of the size reached; returns the next checkpoint, of a larger size."""
        while waiting is not None and waiting[1] <= growth.size:
            self._checkpoint(growth, waiting)
            waiting = next(rows, None)
        for pin in self._pins:
            if pin.size == growth.size:
                growth.state(pin.size, pin.root, self._forked(pin))
        return waiting

    def _forked(self, pin: Checkpoint) -> Callable[[bytes], None]:
        def accuse(actual: bytes) -> None:
            self._findings.add(
                "forked", "head", position=self._first_position(pin.size - 1), expected=pin.root,
                actual=actual, cause=f"the state pinned at {pin.size} entries is not of this tree",
            )  # fmt: skip

        return accuse

    def _checkpoint(self, growth: Growth, row: CheckpointRow) -> None:
        identity, size, data = row
        try:
            checkpoint = self._open(data, growth.size)
        except NoteError as error:
            return self._checkpoint_changed(row, error.message)
        if checkpoint.size != size or size < growth.size:
            return self._checkpoint_changed(row, f"it is of size {checkpoint.size}", size)
        self._remember(checkpoint)

        def accuse(actual: bytes) -> None:
            self._findings.add(
                "checkpoint_forked", "checkpoint", position=self._first_position(size - 1),
                expected=actual, actual=checkpoint.root,
                cause=f"checkpoint {identity} at size {size} is of another tree",
            )  # fmt: skip

        growth.state(size, checkpoint.root, accuse)
        return None

    def _open(self, data: bytes, size: int) -> Checkpoint:
        """The checkpoint if the ledger's key in force signed it, and only known keys did."""
        note = Note.parse(data)
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.origin != self._trust.name:
            raise NoteError("the checkpoint is of another origin")
        ledger: dict[VerifierKey, KeyState | None] = dict(self._keys.ledger_keys())
        ledger = ledger or {self._trust: None}
        signed = False
        known = {(key.name, key.key_id): key for key in [*self._cosigners, *ledger]}
        for line in note.signatures:
            key = known.get((line.name, line.key_id))
            if key is None:
                raise NoteError("it bears a signature by a key that is not known")
            verify_line(checkpoint, key, line)
            state = ledger.get(key)
            in_force = state is None or (
                state.since < size and (state.until is None or size <= state.until)
            )
            signed = signed or (key in ledger and in_force)
        if not signed:
            raise NoteError("the ledger's key in force has not signed it")
        return checkpoint

    def _checkpoint_changed(self, row: CheckpointRow, cause: str, expected: object = None) -> None:
        self._findings.add(
            "checkpoint_changed", "checkpoint", position=self._first_position(row[1] - 1),
            expected=expected, actual=sha256(row[2]).digest(),
            cause=f"checkpoint {row[0]} at size {row[1]}: {cause}",
        )  # fmt: skip

    def _checkpoint_beyond(self, growth: Growth, row: CheckpointRow) -> None:
        with suppress(NoteError):
            checkpoint = self._open(row[2], growth.size)
            if checkpoint.size == row[1] > growth.size:
                return self._rolled_back(growth, checkpoint)
        return self._checkpoint_changed(row, "no such size was reached", growth.size)

    def _remember(self, checkpoint: Checkpoint) -> None:
        if self._newest is None or checkpoint.size >= self._newest[0]:
            self._newest = (checkpoint.size, checkpoint.format().decode())

    def _first_position(self, entry: int) -> int | None:
        return self._source.position_of(entry)

    # Steps 5 to 7, 9: what is kept beside the entries

    def _tiles(self, size: int) -> None:
        for level, number in self._source.tiles():
            if level < 0 or number < 0 or (number + 1) << TILE_HEIGHT * (level + 1) > size:
                self._findings.add(
                    "tile_unknown", "tile", actual=f"{level}/{number}",
                    cause="a tree of this size has no such full tile",
                )  # fmt: skip

    def _rolled_back(self, growth: Growth, seen: Checkpoint) -> None:
        self._findings.add(
            "rolled_back", "head", expected=seen.size, actual=growth.size,
            cause=f"a state of {seen.size} entries was seen before; later entries are missing",
        )  # fmt: skip

    def _head(self, growth: Growth, entries: EntryCheck, head: HeadRow | None) -> None:
        for pin in self._pins:
            if pin.size > growth.size:
                self._rolled_back(growth, pin)
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
            if expected is None and self._begun and 0 <= entry < self._begun:
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

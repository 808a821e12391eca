"""What was said of the tree as a whole: stored checkpoints, what cosigners signed, and pins.

A checkpoint is signed by the ledger's key in force at its size, and only by keys that are known; it
is of the tree as it was at its size. A pin is a state that somebody is known to have seen, signed
or not. Where the tree never gets as far as one of them says, later entries are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256

from domain.keys import KeyState
from ledger.errors import NoteError
from ledger.tlog.checkpoint import Checkpoint, verify_line
from ledger.tlog.note import Note, VerifierKey
from ledger.verification.findings import Findings
from ledger.verification.growth import Growth
from ledger.verification.keyhistory import KeyHistory
from ledger.verification.rows import CheckpointRow, Source


class States:
    """Checkpoints and pins, met in the order of their sizes while the tree grows."""

    def __init__(
        self,
        source: Source,
        findings: Findings,
        keys: KeyHistory,
        trust: VerifierKey,
        pins: Sequence[Checkpoint],
        cosigners: Sequence[VerifierKey],
    ) -> None:
        self._source = source
        self._findings = findings
        self._keys = keys
        self._trust = trust
        self._pins = [*pins]
        self._cosigners = cosigners
        self._newest: tuple[int, str] | None = None
        self._rows: Iterator[CheckpointRow] = iter(())
        self._waiting: CheckpointRow | None = None

    @property
    def newest(self) -> str | None:
        """The text of the newest checkpoint that was given or is stored."""
        return self._newest[1] if self._newest else None

    def pin(self, checkpoint: Checkpoint) -> None:
        """One more state that is known to have been seen."""
        self._pins.append(checkpoint)

    def begin(self, growth: Growth, size: int) -> None:
        """Read the stored checkpoints from a size on."""
        self._rows = self._source.checkpoints(size)
        self._waiting = next(self._rows, None)
        self.at_size(growth)

    def at_size(self, growth: Growth) -> None:
        """Check what is said of the size that the tree has reached."""
        while self._waiting is not None and self._waiting[1] <= growth.size:
            self._checkpoint(growth, self._waiting)
            self._waiting = next(self._rows, None)
        for pin in self._pins:
            if pin.size == growth.size:
                growth.state(pin.size, pin.root, self._forked(pin))

    def beyond(self, growth: Growth) -> None:
        """Check the checkpoints of sizes that the tree does not reach."""
        while self._waiting is not None:
            self._checkpoint_beyond(growth, self._waiting)
            self._waiting = next(self._rows, None)

    def pins_beyond(self, growth: Growth) -> None:
        """Report states that were seen and are not reached."""
        for pin in self._pins:
            if pin.size > growth.size:
                self._rolled_back(growth, pin)

    def remember(self, checkpoint: Checkpoint) -> None:
        """One more checkpoint, of which the newest is to be told."""
        if self._newest is None or checkpoint.size >= self._newest[0]:
            self._newest = (checkpoint.size, checkpoint.format().decode())

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
        self.remember(checkpoint)

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
            if key is None and line.name == self._trust.name:
                raise NoteError("it bears a signature by a key that is not known")
            if key is None:
                self._cosigner_unknown(checkpoint)
                continue
            verify_line(checkpoint, key, line)
            state = ledger.get(key)
            in_force = state is None or (
                state.since < size and (state.until is None or size <= state.until)
            )
            signed = signed or (key in ledger and in_force)
        if not signed:
            raise NoteError("the ledger's key in force has not signed it")
        return checkpoint

    def _cosigner_unknown(self, checkpoint: Checkpoint) -> None:
        self._findings.add(
            "cosigner_unknown", "checkpoint", position=self._first_position(checkpoint.size - 1),
            cause=f"at size {checkpoint.size}: a cosignature by a key that is not known here",
        )  # fmt: skip

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

    def _first_position(self, entry: int) -> int | None:
        return self._source.position_of(entry)

    def _rolled_back(self, growth: Growth, seen: Checkpoint) -> None:
        self._findings.add(
            "rolled_back", "head", expected=seen.size, actual=growth.size,
            cause=f"a state of {seen.size} entries was seen before; later entries are missing",
        )  # fmt: skip

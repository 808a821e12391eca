"""The rows of a ledger as verification takes them, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from ledger.errors import VerificationError
from ledger.verification.growth import TreeSource

_NAMED: Final = 8

EventRow = tuple[int, bytes, int, bytes, int | None, bytes]
"""position, stream (16 bytes), version, topic (ASCII), entry, state: a row of `events`."""

CoveredRow = tuple[bytes, int, bytes, bytes]
"""stream, version, topic, state: what an `EventRow` says beside its position and entry."""

CommitRow = tuple[int, int, int, bytes, bytes, bytes]
"""entry, first, count, id (16 bytes), data, leaves: a row of `commits`."""

SealedRow = tuple[int, bytes]
"""position, ciphertext: a row of `sealed`."""

BEGINNING: Final = -(2**63)
"""Below every position and every entry."""

CheckpointRow = tuple[int, int, bytes]
"""id, size, note: a row of `checkpoints`."""


AnchorRow = tuple[int, int, bytes, bytes]
"""id, size, note, reply: a row of `anchors`."""


class HeadRow(NamedTuple):
    """The row of `head`."""

    entries: int
    events: int
    root: bytes
    edge: bytes
    accepted: str


class DamagedError(VerificationError):
    """A part of what is stored cannot be read; the message holds no content."""

    code = "database_damaged"
    """The finding that it comes to."""


class ReshapedError(DamagedError):
    """Something else stands in the place of tables; nothing is read from it."""

    code = "schema_changed"

    def __init__(self, names: Sequence[str]) -> None:
        shown = [one if one.isidentifier() and one.isascii() else "an object" for one in names]
        super().__init__(f"{', '.join(shown[:_NAMED])} is not as Muniment makes it")


class Source(TreeSource, Protocol):
    """The rows of a ledger, in order. Any of it may raise `DamagedError`."""

    def head(self) -> HeadRow | None:
        """The head, None if there is not exactly one."""

    def events(self, first: int) -> Iterator[EventRow]:
        """The rows of `events` from a position on, by position."""

    def covered(self, commit: CommitRow, many: int) -> Iterator[Sequence[CoveredRow]]:
        """The rows of `events` at a commit's positions that name its entry, `many` at a time.

        By position. As many rows as the commit counts are all of its rows, for a position has
        only one. The types of what they hold are not checked.
        """

    def commits(self, first: int) -> Iterator[CommitRow]:
        """The rows of `commits` from an entry on, by entry."""

    def sealed(self, first: int) -> Iterator[SealedRow]:
        """The rows of `sealed` from a position on, by position."""

    def checkpoints(self, size: int) -> Iterator[CheckpointRow]:
        """The rows of `checkpoints` from a size on, by size and id."""

    def anchors(self) -> Iterator[AnchorRow]:
        """The rows of `anchors`, by size and id; none in a format that had no such table."""

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Level and number of every stored tile."""

    def counted(self, first: int, entry: int) -> tuple[int, int, int]:
        """How many events lie below a position, and entries below one; the lowest position.

        The lowest is 1 where there is no event.
        """

    def packs(self) -> Iterator[tuple[bytes, bytes]]:
        """Digest and bytes of every kept policy pack."""

    def signers(self) -> Iterator[tuple[bytes, int]]:
        """Holder (16 bytes) and last entry."""

    def stream(self, identity: bytes) -> Iterator[EventRow]:
        """The events of a stream (16 bytes), by version."""

    def ranges(self, first: int, events: int) -> Sequence[int]:
        """Entries, ascending, that cut those from `first` on into ranges of about so many events.

        The last one is the end: one more than the last entry that is stored. Empty where there is
        nothing to cut. A hint, which damage may make a bad one.
        """

    def version_faults(self, first: int) -> Iterator[int]:
        """Positions, from `first` on, of events that do not follow the version before.

        An event follows if its version is 1, or if its stream has the version before at a lower
        position. The answer is about the same rows that `events` gives; a stream has no version
        twice.
        """

"""One row of a series, proved and given out: permitted, recorded as an access, then written.

As with a single field (`ledger.effects.disclosing`), to show a row is to give out something of the
record: it needs a grant for the mode `export` and a purpose, a refusal goes into the register, and
what is recorded holds the digest of the very file (I-15). The file is `ledger.rowfile`'s. The rows
are read from a copy of the series that is there and is what was recorded, twice over in flat
memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from domain.access import RecordAccessed
from domain.copies import copies_of_record
from domain.record import RecordState
from ledger.acting import Acting
from ledger.acts import record_state
from ledger.application import Ledger
from ledger.custody import as_judged_now
from ledger.effects.disclosing import MODE, Disclosed, hand_over, opening_of
from ledger.effects.handing_out import Asked, check_out, permit
from ledger.effects.places import Place, place_of, table
from ledger.errors import MunimentError, UsageError, VerificationError
from ledger.rowfile import row_file, verify_row
from ledger.rowtree import ROWS, SEED, prove
from ledger.signing import Proposal
from ledger.sources import SourceFault, row_content

__all__ = ["MODE", "prove_row"]


def prove_row(
    ledger: Ledger,
    acting: Acting,
    record: str,
    number: int,
    asked: Asked,
    out: Path,
    *,
    grant: str | None = None,
) -> Disclosed:
    """Write row `number` (1-based, without the header) of a series to a new file, with its proof.

    `ledger`: open for writing. Raises `DeniedError` when a rule denies it, with the denial
    recorded; `UsageError` for a record without rows or a row that is not there, `MunimentError` if
    no copy of it can be read, with nothing recorded.
    """
    state = record_state(ledger, record)
    check_out(ledger, out)
    fields = permit(ledger, acting, record, asked, grant)
    sealed = _sealed(ledger, state)
    opening = opening_of(ledger, state.content_event, [ROWS])
    if not 1 <= number <= int(sealed[ROWS].partition(" ")[0]):
        raise UsageError("the series has no row of this number; nothing was recorded")
    data = _row_file(ledger, state, number, bytes.fromhex(sealed[SEED]), opening)
    said = Proposal(RecordAccessed, record, fields)
    return hand_over(ledger, acting, said, state.content_event, data, asked, out)


def _sealed(ledger: Ledger, state: RecordState) -> dict[str, str]:
    """The sealed fields that the record's present content came with."""
    for position, _accepted, event, _raw in ledger.events_of(state.stream):
        if event.id == state.content_event:
            sealed = ledger.unseal(position, event) or {}
            if ROWS in sealed and SEED in sealed:
                return dict(sealed)
    raise UsageError(
        "the record is no series whose rows can be proved, or its texts were erased; nothing was "
        "recorded"
    )


def _row_file(
    ledger: Ledger, state: RecordState, number: int, seed: bytes, opening: bytes
) -> bytes:
    """The bytes of the file, from the first copy of which they verify."""
    cause = "no_copy_here"
    for place in _places(ledger, state):
        try:
            row = next(row for at, row in _rows(ledger, place) if at == number)
            proof = prove((row for _, row in _rows(ledger, place)), seed, number)
            data = row_file(opening, row, proof).format()
            verify_row(data, ledger.folder.pinned_key())
        except SourceFault as fault:
            cause = fault.cause
        except (StopIteration, VerificationError):
            cause = "changed_since_recorded"
        else:
            return data
    raise MunimentError(
        "no copy of the series can be read ({cause}); nothing was recorded",
        "muniment where RECORD", cause=cause,
    )  # fmt: skip


def _places(ledger: Ledger, state: RecordState) -> Iterator[Place]:
    """Where copies of the series lie: that of the present content, then the others."""
    present = state.holdings[-1]
    with as_judged_now(ledger) as case:
        there = [copy.stream for copy in copies_of_record(case, state) if copy.there]
    for holding in sorted(there, key=lambda holding: (holding != present, holding)):
        try:
            yield place_of(ledger, holding)
        except SourceFault:
            continue


def _rows(ledger: Ledger, place: Place) -> Iterator[tuple[int, bytes]]:
    return ((number, row_content(cells)) for number, cells in table(ledger, place))

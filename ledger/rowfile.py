"""One row of a series shown to somebody who has nothing but the ledger's key.

A row file is one canonical JSON object (keys sorted, no spaces, UTF-8, one newline at the end), at
most 8 MiB:

    muniment  "row/1"
    opening   an opening file (`ledger.disclosure`), as text, that shows the sealed field `rows` of
              the event that the series' content came with: "<number of rows> <root in hex>"
    row       the row as the JSON array of its cells (`ledger.sources.row_content`), as text
    number    the row's number, from 1, without the header row
    r         64 hex digits: what blinds its leaf (`ledger.rowtree`)
    hashes    64 hex digits each, from the leaf's neighbour up

What a valid file proves: the ledger with this key accepted, by that time, an event that committed
to a series of so many rows, and this was that row of them, in this place, cell by cell. Of the
other rows it holds hashes, which are blinded; of the seed nothing.

The steps of `verify_row`: 1 the file is canonical; 2 its opening is valid under the key trusted,
and shows `rows` and nothing else (`ledger.disclosure`); 3 the row leads to that root.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

import msgspec

from ledger.disclosure import OpeningReport, verify_opening
from ledger.errors import ProofError, VerificationError
from ledger.rowtree import ROWS, RowProof, verify
from ledger.tlog.note import VerifierKey

FORMAT: Final = "row/1"
MAX_BYTES: Final = 8 << 20
_HASH: Final = re.compile("[0-9a-f]{64}")
_ROWS: Final = re.compile("([1-9][0-9]{0,15}) ([0-9a-f]{64})")
_encoder: Final = msgspec.json.Encoder(order="sorted")


class RowFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a row file holds; reading it proves nothing."""

    opening: str
    row: str
    number: int
    r: str
    hashes: tuple[str, ...]
    muniment: Literal["row/1"] = FORMAT

    def format(self) -> bytes:
        """The bytes of the file."""
        return _encoder.encode(self) + b"\n"

    def __repr__(self) -> str:
        """Without what it shows."""
        return f"<RowFile of row {self.number}>"


class RowReport(NamedTuple):
    """What a row file shows: `cells` are row `number` (1-based) of `size`, as `opening` says."""

    opening: OpeningReport
    number: int
    size: int
    cells: tuple[str, ...]


_decoder: Final = msgspec.json.Decoder(RowFile)
_cells: Final = msgspec.json.Decoder(tuple[str, ...])


def row_file(opening: bytes, row: bytes, proof: RowProof) -> RowFile:
    """A row with its proof as a file has it; `opening`: of the event's `rows`."""
    return RowFile(
        opening=opening.decode("utf-8"), row=row.decode("utf-8"), number=proof.number,
        r=proof.r.hex(), hashes=tuple(digest.hex() for digest in proof.hashes),
    )  # fmt: skip


def verify_row(data: bytes, trust: VerifierKey) -> RowReport:
    """Check a row file against the ledger's key as the reader knows it.

    Raises `VerificationError` for anything that is not as the module says.
    """
    found = _parse(data)  # step 1
    opening = verify_opening(found.opening.encode("utf-8"), trust)  # step 2
    if not opening.valid or [field.path for field in opening.fields] != [ROWS]:
        raise VerificationError("the event did not commit to the root that the row leads to")
    said = _ROWS.fullmatch(opening.fields[0].value)
    if said is None:
        raise VerificationError("the event's rows are not of the form they have")
    size, root = int(said[1]), bytes.fromhex(said[2])
    hashes = tuple(bytes.fromhex(digest) for digest in found.hashes)
    proof = RowProof(found.number, bytes.fromhex(found.r), hashes)
    try:
        verify(root, size, found.row.encode("utf-8"), proof)  # step 3
    except ProofError:
        raise VerificationError("the series has another row in this place") from None
    return RowReport(opening, found.number, size, _cells.decode(found.row))


def _parse(data: bytes) -> RowFile:
    if len(data) > MAX_BYTES:
        raise VerificationError("the row file is larger than a row file can be")
    try:
        found = _decoder.decode(data)
        cells = _cells.decode(found.row)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise VerificationError("this is not a row file of the form row/1") from None
    digests = (found.r, *found.hashes)
    if (
        found.format() != data
        or msgspec.json.encode(cells).decode("utf-8") != found.row
        or not all(map(_HASH.fullmatch, digests))
    ):
        raise VerificationError("the row file is not in its canonical form")
    return found

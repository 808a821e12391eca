"""After a restore: what was collected is recognised again, so that nothing is recorded twice.

Tokens live in one place only and are in no copy of the ledger (`ledgercopy`). They follow from the
keystore and the sealed texts: a file's from its path and digest, a row's from its table's path and
its own digest. Rows under one shared key have sealed no digest of their own: they are read again
from their table, if it lies where it lay and is what it was; else they are counted as `unknown`,
and would be recorded once more if that table was collected again. What is destroyed, or has lost
its texts, is not recognised any more, as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

import sqlalchemy as sa

from domain.holding import HoldingCreated
from domain.record import RecordCollected
from ledger import recognition, sources
from ledger.application import Ledger
from ledger.collecting import pepper
from ledger.effects.places import Place, place_of, table, unshown
from ledger.errors import MunimentError
from ledger.evidence import decode_event
from ledger.recognition import RowTokens, file_token
from ledger.schema import TOKENS, transaction
from ledger.sources import SourceFault
from projections.view import key_of

_AT_ONCE: Final = 2_000

_COLLECTED: Final = (
    "SELECT e.position, e.state FROM events e JOIN inventory i ON i.record = e.stream "
    "JOIN holdings h ON h.holding = i.holding WHERE e.topic = 'record.collected' "
    "AND h.condition NOT IN ('lost', 'returned', 'destroyed') AND e.position > ? "
    "ORDER BY e.position LIMIT ?"
)


class Recognised(NamedTuple):
    """How many records will be recognised again (`tokens`), and how many will not (`unknown`)."""

    tokens: int
    unknown: int


def recognise(ledger: Ledger, after: int = 0) -> Recognised:
    """Make the tokens of everything collected after a position; `ledger`: open for writing.

    Needs the keystore: `KeyAccessError`. May be done as often as one likes.
    """
    run = _Run(ledger)
    _ = ledger.keystore.size  # a keystore that cannot be opened is not one that lacks keys
    while rows := _collected(ledger, after):
        found = [pair for position, event in rows for pair in run.tokens(position, event)]
        connection = ledger.log.writer
        with transaction(connection):
            insert = sa.insert(TOKENS).prefix_with("OR REPLACE")
            for token, stream in found:
                connection.execute(insert, {"token": token, "stream": stream})
        run.made += len(found)
        after = rows[-1][0]
    return Recognised(run.made, run.unknown)


def _collected(ledger: Ledger, after: int) -> list[tuple[int, RecordCollected]]:
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(_COLLECTED, (after, _AT_ONCE)).all()
    events = ((position, decode_event(bytes(state))) for position, state in rows)
    return [(at, event) for at, event in events if isinstance(event, RecordCollected)]


class _Run:
    """One walk through what was collected: peppers by engagement, the table last met."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._peppers: dict[str, bytes | None] = {}
        self._holding = ""
        self._path: bytes | None = None
        self._digest = ""
        self._rows: dict[int, bytes] | None = None
        self.made = self.unknown = 0

    def tokens(self, position: int, event: RecordCollected) -> Iterator[tuple[bytes, bytes]]:
        """The token of one record with its stream, if there is one; else it is counted."""
        if event.method not in ("folder_scan", "table_rows"):
            return
        under = self._pepper(event.engagement)
        self._look_at(event.holding)
        token = None
        if under is not None and self._path is not None:
            if event.method == "folder_scan":
                token = file_token(under, self._path, bytes.fromhex(self._digest))
            elif (digest := self._row(position, event)) is not None:
                token = RowTokens(under, self._path).token(int(event.row or 0), digest)
        if token is None:
            self.unknown += 1
        else:
            yield token, key_of(event.stream)

    def _pepper(self, engagement: str) -> bytes | None:
        if engagement not in self._peppers:
            try:
                found = pepper(self._ledger, engagement, recognition.LABEL)
            except MunimentError:
                found = None
            self._peppers[engagement] = found
        return self._peppers[engagement]

    def _look_at(self, holding: str) -> None:
        """Path and digest of the copy in which something was collected."""
        if holding == self._holding:
            return
        self._holding, self._path, self._rows = holding, None, None
        for position, _accepted, event, _raw in self._ledger.events_of(holding):
            if isinstance(event, HoldingCreated):
                sealed = self._unsealed(position, event)
                if "content" in sealed and "location" in sealed:
                    self._path, self._digest = _path_in(sealed), sealed["content"]

    def _unsealed(self, position: int, event: HoldingCreated | RecordCollected) -> dict[str, str]:
        try:
            return dict(self._ledger.unseal(position, event) or {})
        except MunimentError:
            return {}

    def _row(self, position: int, event: RecordCollected) -> bytes | None:
        """The digest of a row's content."""
        if event.sealed and isinstance(event.sealed.digest, str):
            content = self._unsealed(position, event).get("content")
            return bytes.fromhex(content) if content else None
        if self._rows is None:
            self._rows = dict(self._read_table())
        return self._rows.get(int(event.row or 0))

    def _read_table(self) -> Iterator[tuple[int, bytes]]:
        """The digests of the rows of a table that is still what it was."""
        try:
            place = place_of(self._ledger, self._holding)
            if self._is_what_it_was(place):
                for number, cells in table(self._ledger, place):
                    yield number, sha256(sources.row_content(cells)).digest()
        except SourceFault:
            return

    def _is_what_it_was(self, place: Place) -> bool:
        return sources.read(place.path).digest.hex() == self._digest


def _path_in(sealed: Mapping[str, str]) -> bytes:
    """The path at which something was collected."""
    if "location_bytes" in sealed:
        return bytes.fromhex(sealed["location_bytes"])
    return unshown(sealed["location"])

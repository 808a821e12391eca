"""Reading what is sealed, where the ledger's passphrase is there without asking anybody.

Lists show names and titles if they can be opened, and do without if not: a list is no reason to
make somebody type. What is erased stays None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ledger.cli.call import Call
from ledger.cli.ending import said
from ledger.cli.language import _
from ledger.cli.output import note
from ledger.errors import KeyAccessError, MunimentError

if TYPE_CHECKING:
    from domain.values import Event
    from ledger.application import Ledger

_CHUNK = 400


class Placed(NamedTuple):
    """An event as it stands in the ledger; `sealed`: its fields if they could be opened.

    With what a handover list was made (the seed of its salts, counts for its lines) is not among
    them: it is no text, and whoever sees a seed can try out what a line says.
    """

    position: int
    entry: int
    event: Event
    sealed: Mapping[str, str] | None


class Reader:
    """Events with their sealed fields; opens the keystore when first needed, if it can."""

    def __init__(self, call: Call, ledger: Ledger) -> None:
        self._call = call
        self._ledger = ledger
        # A replica has no keystore: there is nothing to open, and nobody need be told.
        self._opens = call.passphrases.unattended and not ledger.folder.replica
        self._names: dict[str, str | None] = {}
        self._warned = False

    @property
    def opens(self) -> bool:
        """Whether sealed fields can be read at all; says why not, once, if a passphrase fails."""
        if self._opens:
            try:
                self._ledger.keystore.size  # noqa: B018  opens it
            except MunimentError as error:
                self._opens = False
                note(self._call, _sealed_because(error))
        return self._opens

    def placed(self, positions: Iterable[int]) -> list[Placed]:
        """The events at these positions, in order."""
        wanted = sorted(set(positions))
        found: list[Placed] = []
        for start in range(0, len(wanted), _CHUNK):
            found += self._chunk(wanted[start : start + _CHUNK])
        return found

    def of_streams(self, streams: Sequence[str]) -> list[Placed]:
        """The events of these streams, by position."""
        keys = [bytes.fromhex(stream[-36:].replace("-", "")) for stream in streams]
        marks = ", ".join("?" * len(keys))
        with self._ledger.engine.connect() as connection:
            rows = connection.exec_driver_sql(
                f"SELECT position FROM events WHERE stream IN ({marks})",  # noqa: S608  marks only
                tuple(keys),
            ).scalars()
            positions = list(rows)
        return [placed for placed in self.placed(positions) if placed.event.stream in streams]

    def _chunk(self, positions: Sequence[int]) -> list[Placed]:
        from ledger.evidence import decode_event

        marks = ", ".join("?" * len(positions))
        with self._ledger.engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT e.position, e.entry, e.state, s.ciphertext FROM events e "  # noqa: S608
                "LEFT JOIN sealed s ON s.position = e.position "
                f"WHERE e.position IN ({marks}) ORDER BY e.position",
                tuple(positions),
            ).all()
        events = [(row[0], row[1], decode_event(bytes(row[2])), row[3]) for row in rows]
        return [Placed(at, entry, e, self._open(e, data)) for at, entry, e, data in events]

    def _open(self, event: Event, ciphertext: bytes | None) -> Mapping[str, str] | None:
        from domain.handover import HandoverListFrozen
        from ledger.sealing import open_sealed

        if not event.sealed or ciphertext is None or isinstance(event, HandoverListFrozen):
            return None
        if not self.opens:
            return None
        keystore = self._ledger.keystore
        if keystore.state(event.sealed.key) != "present":
            return None
        try:
            key = keystore.key(event.sealed.key)
        except KeyAccessError as error:  # one damaged slot does not hide all other titles
            self._warn(error)
            return None
        return open_sealed(self._ledger.origin, event.id, event.sealed, bytes(ciphertext), key)

    def _warn(self, error: MunimentError) -> None:
        if not self._warned:
            self._warned = True
            note(self._call, _("warning: {cause}").format(cause=said(error)))

    def name_of(self, stream: str) -> str | None:
        """The sealed name with which an actor or party was registered."""
        if stream not in self._names:
            first = self.of_streams([stream])[:1]
            sealed = first[0].sealed if first else None
            self._names[stream] = sealed.get("name") if sealed else None
        return self._names[stream]


def _sealed_because(error: MunimentError) -> str:
    return _("names and titles stay sealed: {cause}").format(cause=said(error))

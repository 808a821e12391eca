"""The custody passport: the history of a record in the ledger that it was taken over from.

Each of its events is proved before it is shown (`ledger.effects.following`). Where the replica of
that ledger is not here, or is not the one that was seen, this is said plainly and the history
begins where one's own ledger does: the record itself is no less one's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.cli.call import Call
from ledger.cli.ending import said
from ledger.cli.language import _
from ledger.cli.output import note
from ledger.errors import MunimentError

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.application import Ledger
    from ledger.effects.following import Earlier, Link
    from ledger.folder import Folder

Row = dict[str, Any]


def before(call: Call, ledger: Ledger, record: str, replica: Path | None) -> list[Row]:
    """The events of the ledgers that a record came through before this one, oldest first.

    `replica`: where the replica of the last of them lies, if not where it was remembered.
    """
    return _before(call, ledger, record, ledger.folder, replica)


def _before(
    call: Call, ledger: Ledger, record: str, own: Folder, replica: Path | None
) -> list[Row]:
    from ledger.effects.following import earlier, followed, link_to

    back = earlier(ledger, record)
    if back is None:
        return []
    try:
        link = link_to(replica) if replica else followed(own, back.ledger)
        if link is not None:
            return _read(call, link, back, own)
        cause = _("no replica of it was taken over from here")
    except MunimentError as error:
        cause = said(error)
    text = _("{record} of ledger {origin} came before, and cannot be shown: {cause}. Name its "
             "replica: muniment history {own} --replica DIR")  # fmt: skip
    note(call, text.format(record=back.record, origin=back.state.origin, cause=cause, own=record))
    return []


def _read(call: Call, link: Link, back: Earlier, own: Folder) -> list[Row]:
    """The events of one ledger, proved, after those of the ledgers before it."""
    from ledger.cli.history import told
    from ledger.effects.following import Prover, opened
    from projections.custody import streams_of

    with opened(link, back) as replica:
        with replica.engine.connect() as connection:
            streams = streams_of(connection, back.record)
        prover = Prover(replica, back.state)
        rows = []
        for row in told(call, replica, streams):
            state = prover.prove(row["position"], row["entry"])
            proved = {"entries": state.size, "root": state.root.hex()}
            rows.append({**row, "proved": proved})
        return [*_before(call, replica, back.record, own, None), *rows]

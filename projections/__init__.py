"""What is true now: pure readings of events into tables; disposable, rebuildable.

`project` applies `VIEWS` in order to events, in the transaction that records them; a rebuild
empties the tables of `METADATA` and projects all events again.

>>> [view.name for view in VIEWS][:4]
['handovers', 'arrivals', 'custody', 'anonymity']
>>> {table.name for view in VIEWS for table in view.tables} == set(METADATA.tables)
True
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from domain.values import Event
from projections.access import Access
from projections.agreements import Agreements
from projections.anonymity import Anonymity
from projections.arrivals import Arrivals
from projections.audits import Audits
from projections.backups import Backups
from projections.bundles import Bundles
from projections.certificates import Certificates
from projections.columns import METADATA
from projections.custody import TURNS, Custody
from projections.deals import Deals
from projections.documents import Documents
from projections.handovers import Handovers
from projections.holds import Holds
from projections.inventory import Inventory
from projections.keycopies import KeyCopies
from projections.media import Media
from projections.mentions import Mentions
from projections.outside import Outside
from projections.people import People
from projections.persons import Persons
from projections.rights import Rights
from projections.view import Recorded, View

__all__ = ["METADATA", "VIEWS", "Recorded", "View", "project"]

VIEWS: Final[tuple[View, ...]] = (
    Handovers(), Arrivals(), Custody(), Anonymity(), Inventory(), People(), Mentions(), Access(),
    Holds(),
    Backups(), Certificates(), KeyCopies(), Media(),
    Documents(), Rights(), Persons(),
    Deals(), Agreements(),
    Outside(), Bundles(), Audits(),
)  # fmt: skip


def project(connection: sa.Connection, batch: Sequence[Recorded]) -> None:
    """Bring every projection from before the batch's first event to after its last one.

    The events are those right after the last batch, in order of position; however they are cut
    into batches, the tables end up equal.
    """
    for run, kinds in _runs(batch):
        for view in VIEWS:
            if not view.kinds.isdisjoint(kinds):
                view.apply(connection, run)


def _runs(batch: Sequence[Recorded]) -> Iterator[tuple[Sequence[Recorded], set[type[Event]]]]:
    """The batch, cut after every turn, and which events there are in each part.

    What follows from a turn is read from the tables of the views before: they must be as they were
    right after it.
    """
    kinds = {type(recorded.event) for recorded in batch}
    if TURNS.isdisjoint(kinds):
        yield batch, kinds
        return
    start = 0
    for end, recorded in enumerate(batch, 1):
        if type(recorded.event) in TURNS or end == len(batch):
            run = batch[start:end]
            yield run, {type(part.event) for part in run}
            start = end
